/* The register cache: where each value is, and who gets a register when none is free.
 *
 * Four integer registers and XMM8-15 are scratch. A pinned register belongs to its guest register
 * and holds values of that one's class only, integers or floats; a value that is about to be set
 * there may occupy it a little earlier (plan.c's hints).
 * When scratch runs out the value whose next use is furthest leaves its register: it is dropped
 * when a guest register's memory, a spill slot or a constant can bring it back, else spilled.
 * Invariants: homes of v contains g exactly when arch[g] is v; gpr_owner[r] is live only while the
 * value really is in r. */
#include "tier1/emit.h"

#include "src/base/check.h"

#include <string.h>

enum {
    CALL_CLOBBERED = 1 << X64_RAX | 1 << X64_R10,
};

void t1_alloc_begin(struct t1 *t)
{
    ir_set_none(t->gpr_owner, 16);
    ir_set_none(t->xmm_owner, 16);
    ir_set_none(t->arch, IR_GUEST_REGS);
    t->gpr_free = T1_SCRATCH;
    t->xmm_free = T1_SCRATCH_XMM;
    t->gpr_locked = 0;
    t->xmm_locked = 0;
    t->spill_free = UINT32_MAX;
    t->unclean_homes = 0;
}
_Static_assert(VCPU_SPILL_SLOTS == 32, "spill_free has a bit for each slot");

static bool is_pinned(const struct t1 *t, unsigned guest)
{
    return t->pinned >> guest & 1;
}

/* ---- places of values ---- */

struct x64_mem t1_memory_of(const struct t1 *t, ir_ref value)
{
    const struct t1_value *v = &t->values[value];
    if (v->spill != T1_NO_SPILL)
        return t1_vcpu_at(offsetof(struct vcpu, spill) + 8 * v->spill);
    uint64_t in_memory = v->homes & ~t->pinned;
    if (in_memory)
        return t1_reg_memory((unsigned)__builtin_ctzll(in_memory));
    return x64_at(X64_NO_REG, 0);
}

static bool has_memory(const struct t1 *t, ir_ref value)
{
    const struct t1_value *v = &t->values[value];
    return v->spill != T1_NO_SPILL || v->homes & ~t->pinned;
}

/* True when the value can be had again without its register. */
static bool is_recoverable(const struct t1 *t, ir_ref value)
{
    return has_memory(t, value) || t1_is_const(t, value);
}

static bool take_spill_slot(struct t1 *t, ir_ref value)
{
    if (t->spill_free == 0) {
        t->trouble = "more values are live at once than there are spill slots";
        t1_stop(t);
        return false;
    }
    unsigned slot = (unsigned)__builtin_ctz(t->spill_free);
    t->spill_free &= t->spill_free - 1;
    t->values[value].spill = (uint8_t)slot;
    return true;
}

static void set_gpr(struct t1 *t, ir_ref value, unsigned reg)
{
    t->gpr_owner[reg] = value;
    t->values[value].gpr = (uint8_t)reg;
    t->gpr_free &= ~(1u << reg);
}

static void set_xmm(struct t1 *t, ir_ref value, unsigned reg)
{
    t->xmm_owner[reg] = value;
    t->values[value].xmm = (uint8_t)reg;
    t->xmm_free &= ~(1u << reg);
}

static void free_scratch(struct t1 *t, unsigned reg)
{
    t->gpr_owner[reg] = IR_NONE;
    t->gpr_free |= 1u << reg;
}

static void free_scratch_xmm(struct t1 *t, unsigned reg)
{
    t->xmm_owner[reg] = IR_NONE;
    t->xmm_free |= 1u << reg;
}

/* Takes a live value out of scratch register reg into memory. */
static void evict_gpr(struct t1 *t, unsigned reg)
{
    ir_ref value = t->gpr_owner[reg];
    if (!is_recoverable(t, value) && take_spill_slot(t, value))
        x64_store(&t->x, t1_memory_of(t, value), reg);
    t->values[value].gpr = X64_NO_REG;
    free_scratch(t, reg);
}

static bool is_double(const struct t1 *t, ir_ref value)
{
    return t->insns[value].type == IR_F64;
}

static void evict_xmm(struct t1 *t, unsigned reg)
{
    ir_ref value = t->xmm_owner[reg];
    if (!is_recoverable(t, value) && take_spill_slot(t, value))
        t1_store_xmm(t, t1_memory_of(t, value), reg, is_double(t, value));
    t->values[value].xmm = X64_NO_REG;
    t->values[value].is_boxed = false;
    free_scratch_xmm(t, reg);
}

/* The register among `candidates` (all owned by live values) whose value is used last. */
static unsigned furthest(const struct t1 *t, const ir_ref *owner, uint32_t candidates)
{
    CHECK(candidates, "tier 1 ran out of registers within one operation");
    unsigned best = (unsigned)__builtin_ctz(candidates);
    for (uint32_t rest = candidates & (candidates - 1); rest; rest &= rest - 1) {
        unsigned reg = (unsigned)__builtin_ctz(rest);
        if (t->values[owner[reg]].next_use > t->values[owner[best]].next_use)
            best = reg;
    }
    return best;
}

static unsigned alloc_gpr(struct t1 *t)
{
    uint32_t candidates = t->gpr_free & ~t->gpr_locked;
    unsigned reg;
    if (candidates) {
        reg = 31 - (unsigned)__builtin_clz(candidates); /* RAX, which others need, last */
    } else {
        reg = furthest(t, t->gpr_owner, T1_SCRATCH & ~t->gpr_locked);
        evict_gpr(t, reg);
    }
    t->gpr_locked |= 1u << reg;
    return reg;
}

static unsigned alloc_xmm(struct t1 *t)
{
    uint32_t candidates = t->xmm_free & ~t->xmm_locked;
    unsigned reg;
    if (candidates) {
        reg = (unsigned)__builtin_ctz(candidates);
    } else {
        reg = furthest(t, t->xmm_owner, T1_SCRATCH_XMM & ~t->xmm_locked);
        evict_xmm(t, reg);
    }
    t->xmm_locked |= 1u << reg;
    return reg;
}

unsigned t1_temp_gpr(struct t1 *t)
{
    return alloc_gpr(t);
}

unsigned t1_temp_xmm(struct t1 *t)
{
    return alloc_xmm(t);
}

void t1_unlock_gpr(struct t1 *t, unsigned reg)
{
    t->gpr_locked &= ~(1u << reg);
}

void t1_release_slowly(struct t1 *t, ir_ref value)
{
    struct t1_value *v = &t->values[value];
    if (t1_is_scratch(v->gpr) && t->gpr_owner[v->gpr] == value)
        free_scratch(t, v->gpr);
    if (t1_is_scratch_xmm(v->xmm) && t->xmm_owner[v->xmm] == value)
        free_scratch_xmm(t, v->xmm);
    if (v->spill != T1_NO_SPILL) {
        t->spill_free |= 1u << v->spill;
        v->spill = T1_NO_SPILL;
    }
}

/* ---- operands ---- */

static void load_gpr(struct t1 *t, ir_ref value, unsigned reg)
{
    if (t1_is_const(t, value))
        x64_mov_ri(&t->x, reg, t1_imm(t, value));
    else
        x64_r12(&t->x, 0x8b | X64_W, reg, t1_memory_of(t, value).disp);
}

unsigned t1_load_gpr(struct t1 *t, ir_ref value)
{
    CHECK(is_recoverable(t, value), "a value is nowhere");
    unsigned reg = alloc_gpr(t);
    load_gpr(t, value, reg);
    set_gpr(t, value, reg);
    return reg;
}

/* True when the constant can be an immediate of an operation of this width. */
static bool fits_immediate(uint64_t value, unsigned width)
{
    return width < 64 || (int64_t)value == (int32_t)value;
}

/* A value in memory that nobody needs after this is used from there. */
static bool is_last_from_memory(const struct t1 *t, ir_ref value)
{
    return t->values[value].next_use == IR_NONE && has_memory(t, value) && t->options->is_folding;
}

struct x64_operand t1_use(struct t1 *t, ir_ref value, unsigned width, bool allows_immediate)
{
    const struct t1_value *v = &t->values[value];
    uint64_t imm = t1_imm(t, value);
    if (allows_immediate && t1_is_immediate(t, value) && fits_immediate(imm, width))
        return (struct x64_operand){X64_IMM, 0, (int32_t)imm};
    if (v->gpr == X64_NO_REG && is_last_from_memory(t, value)) {
        struct x64_mem mem = t1_memory_of(t, value);
        return (struct x64_operand){X64_MEM, mem.base, mem.disp};
    }
    return x64_reg_operand(t1_use_gpr(t, value));
}

static void load_float_const(struct t1 *t, ir_ref value, unsigned reg)
{
    unsigned temp = alloc_gpr(t);
    x64_mov_ri(&t->x, temp, t1_imm(t, value));
    t1_move_gpr_to_xmm(t, reg, temp, is_double(t, value));
    t1_unlock_gpr(t, temp);
}

static void load_xmm(struct t1 *t, ir_ref value, unsigned reg)
{
    if (t1_is_const(t, value))
        load_float_const(t, value, reg);
    else
        t1_load_xmm(t, reg, t1_memory_of(t, value), is_double(t, value));
}

unsigned t1_use_xmm(struct t1 *t, ir_ref value)
{
    unsigned reg = t->values[value].xmm;
    if (reg == X64_NO_REG) {
        CHECK(is_recoverable(t, value), "a float value is nowhere");
        reg = alloc_xmm(t);
        load_xmm(t, value, reg);
        set_xmm(t, value, reg);
    }
    t->xmm_locked |= 1u << reg;
    return reg;
}

struct x64_operand t1_use_xmm_operand(struct t1 *t, ir_ref value)
{
    const struct t1_value *v = &t->values[value];
    if (v->xmm == X64_NO_REG && is_last_from_memory(t, value)) {
        struct x64_mem mem = t1_memory_of(t, value);
        return (struct x64_operand){X64_MEM, mem.base, mem.disp};
    }
    return x64_reg_operand(t1_use_xmm(t, value));
}

/* ---- pinned registers ---- */

static inline void drop_arch(struct t1 *t, unsigned guest)
{
    ir_ref value = t->arch[guest];
    if (value == IR_NONE)
        return;
    t->values[value].homes &= ~(UINT64_C(1) << guest);
    t->arch[guest] = IR_NONE;
}

static __attribute__((noinline)) void keep_elsewhere(struct t1 *t, ir_ref value, unsigned host)
{
    uint64_t pinned_homes = t->values[value].homes & t->pinned;
    t->values[value].gpr = X64_NO_REG;
    if (pinned_homes) {
        t->values[value].gpr = t->host_of[__builtin_ctzll(pinned_homes)];
    } else if (!is_recoverable(t, value)) {
        unsigned reg = alloc_gpr(t);
        x64_mov_rr(&t->x, reg, host);
        set_gpr(t, value, reg);
        t1_unlock_gpr(t, reg);
    }
}

/* Before pinned register `host` of guest register `guest` gets another value: keeps what is live in
 * it, and forgets the guest register's value. */
static inline void vacate_home(struct t1 *t, unsigned host, unsigned guest)
{
    ir_ref value = t->gpr_owner[host];
    drop_arch(t, guest);
    t->gpr_owner[host] = IR_NONE;
    if (t1_is_live(t, value) && t->values[value].gpr == host)
        keep_elsewhere(t, value, host);
}

static inline unsigned home_gpr(struct t1 *t, ir_ref ref)
{
    ir_ref setter = t->values[ref].hint;
    if (setter == IR_NONE)
        return X64_NO_REG;
    unsigned guest = (unsigned)t1_imm(t, setter), host = t->host_of[guest];
    ir_ref owner = t->gpr_owner[host];
    if (t1_is_live(t, owner) && t->values[owner].next_use <= setter)
        return X64_NO_REG; /* the old value will be dead in time: a move then is as good */
    vacate_home(t, host, guest);
    return host;
}

unsigned t1_home_gpr(struct t1 *t, ir_ref ref)
{
    return home_gpr(t, ref);
}

static void vacate_home_xmm(struct t1 *t, unsigned host, unsigned guest)
{
    ir_ref value = t->xmm_owner[host];
    drop_arch(t, guest);
    t->unclean_homes &= ~(1u << host);
    t->xmm_owner[host] = IR_NONE;
    if (!t1_is_live(t, value) || t->values[value].xmm != host)
        return;
    uint64_t pinned_homes = t->values[value].homes & t->pinned;
    t->values[value].xmm = X64_NO_REG;
    t->values[value].is_boxed &= !is_recoverable(t, value);
    if (pinned_homes) {
        t->values[value].xmm = t->host_of[__builtin_ctzll(pinned_homes)];
    } else if (!is_recoverable(t, value)) {
        unsigned reg = alloc_xmm(t);
        t1_move_xmm(t, reg, host);
        set_xmm(t, value, reg);
        t->xmm_locked &= ~(1u << reg);
    }
}

/* As t1_home_gpr, but never one of the registers in `taken`. */
static unsigned home_xmm(struct t1 *t, ir_ref ref, uint32_t taken)
{
    ir_ref setter = t->values[ref].hint;
    if (setter == IR_NONE)
        return X64_NO_REG;
    unsigned guest = (unsigned)t1_imm(t, setter), host = t->host_of[guest];
    ir_ref owner = t->xmm_owner[host];
    if (taken >> host & 1 || (t1_is_live(t, owner) && t->values[owner].next_use <= setter))
        return X64_NO_REG;
    vacate_home_xmm(t, host, guest);
    return host;
}

/* ---- results ---- */

void t1_bind_gpr(struct t1 *t, ir_ref ref, unsigned reg)
{
    set_gpr(t, ref, reg);
    t->gpr_locked |= 1u << reg;
}

static bool dies_in_scratch(const struct t1 *t, ir_ref value)
{
    const struct t1_value *v = &t->values[value];
    return v->next_use == IR_NONE && t1_is_scratch(v->gpr) && t->gpr_owner[v->gpr] == value;
}

unsigned t1_def_gpr(struct t1 *t, ir_ref ref, ir_ref a, ir_ref b)
{
    unsigned reg = home_gpr(t, ref);
    if (reg == X64_NO_REG) {
        if (a != IR_NONE && dies_in_scratch(t, a))
            reg = t->values[a].gpr;
        else if (b != IR_NONE && dies_in_scratch(t, b))
            reg = t->values[b].gpr;
        else
            reg = alloc_gpr(t);
    }
    t1_bind_gpr(t, ref, reg);
    return reg;
}

static bool dies_in_xmm(const struct t1 *t, ir_ref value)
{
    const struct t1_value *v = &t->values[value];
    return v->next_use == IR_NONE && t1_is_scratch_xmm(v->xmm) && t->xmm_owner[v->xmm] == value;
}

unsigned t1_def_xmm(struct t1 *t, ir_ref ref, ir_ref a, ir_ref b)
{
    uint32_t shared = (a != IR_NONE ? 1u << (t->values[a].xmm & 31) : 0) |
                      (b != IR_NONE ? 1u << (t->values[b].xmm & 31) : 0);
    unsigned reg = home_xmm(t, ref, t->xmm_locked & ~shared);
    if (reg == X64_NO_REG) {
        if (a != IR_NONE && dies_in_xmm(t, a))
            reg = t->values[a].xmm;
        else if (b != IR_NONE && dies_in_xmm(t, b))
            reg = t->values[b].xmm;
        else
            reg = alloc_xmm(t);
    }
    set_xmm(t, ref, reg);
    t->xmm_locked |= 1u << reg;
    return reg;
}

void t1_take_gpr(struct t1 *t, unsigned reg)
{
    CHECK(!(t->gpr_locked >> reg & 1), "a fixed register is already in use");
    t->gpr_locked |= 1u << reg;
    if (t->gpr_free >> reg & 1)
        return;
    ir_ref value = t->gpr_owner[reg];
    if (t1_is_live(t, value) && !(t->gpr_free & ~t->gpr_locked)) {
        evict_gpr(t, reg);
        return;
    }
    unsigned other = alloc_gpr(t); /* also for an operand that dies here: it is still to be read */
    t1_unlock_gpr(t, other);
    x64_mov_rr(&t->x, other, reg);
    free_scratch(t, reg);
    set_gpr(t, value, other);
}

/* ---- get_reg and set_reg ---- */

/* The guest register's memory or pinned register holds a live value of the other class, or this is
 * a float in an integer register: the result gets a register of its own. */
static void read_private(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    unsigned guest = (unsigned)node->imm, host = t->host_of[guest];
    struct x64_mem mem = t1_reg_memory(guest);
    if (t->arch[guest] != IR_NONE)
        t1_clean(t, t->arch[guest]);
    if (t1_is_float(t, ref)) {
        unsigned reg = t1_def_xmm(t, ref, IR_NONE, IR_NONE);
        if (!is_pinned(t, guest))
            t1_load_xmm(t, reg, mem, true);
        else if (t1_is_float_reg(guest))
            t1_move_xmm(t, reg, host);
        else
            t1_move_gpr_to_xmm(t, reg, host, true);
    } else {
        unsigned reg = t1_def_gpr(t, ref, IR_NONE, IR_NONE);
        if (!is_pinned(t, guest))
            x64_load(&t->x, reg, mem);
        else if (t1_is_float_reg(guest))
            t1_move_xmm_to_gpr(t, reg, host, true);
        else
            x64_mov_rr(&t->x, reg, host);
    }
}

/* A pinned register is its own value; the others are loaded when first used. Most blocks read their
 * registers without this (plan.c). */
void t1_emit_get_reg(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    unsigned guest = (unsigned)node->imm;
    bool is_own = is_pinned(t, guest);
    if (t1_is_live(t, t->arch[guest]) ||
        (is_own && t1_is_float(t, ref) != t1_is_float_reg(guest))) {
        read_private(t, ref, node);
        return;
    }
    if (t->arch[guest] != IR_NONE)
        t1_clean(t, t->arch[guest]);
    drop_arch(t, guest);
    t->arch[guest] = ref;
    t->values[ref].homes = UINT64_C(1) << guest;
    if (!is_own)
        return;
    unsigned host = t->host_of[guest];
    if (t1_is_float_reg(guest)) {
        t->values[ref].xmm = (uint8_t)host;
        t->xmm_owner[host] = ref;
    } else {
        t->values[ref].gpr = (uint8_t)host;
        t->gpr_owner[host] = ref;
    }
}

static void note_arch(struct t1 *t, unsigned guest, ir_ref value)
{
    t->arch[guest] = value;
    t->values[value].homes |= UINT64_C(1) << guest;
}

/* The value is in the pinned integer register already. */
static bool is_computed_in_place(const struct t1 *t, unsigned guest, ir_ref value)
{
    unsigned host = t->host_of[guest];
    return is_pinned(t, guest) && !t1_is_float_reg(guest) && t->values[value].gpr == host &&
           t->gpr_owner[host] == value;
}

static void set_pinned(struct t1 *t, unsigned guest, ir_ref value)
{
    unsigned host = t->host_of[guest];
    struct t1_value *v = &t->values[value];
    if (t1_is_float(t, value)) {
        t1_clean(t, value);
        unsigned xmm = t1_use_xmm(t, value);
        vacate_home(t, host, guest);
        t1_move_xmm_to_gpr(t, host, xmm, true);
        return;
    }
    if (v->gpr != X64_NO_REG)
        t->gpr_locked |= 1u << v->gpr;
    vacate_home(t, host, guest);
    if (v->gpr != X64_NO_REG)
        x64_mov_rr(&t->x, host, v->gpr);
    else if (t1_is_const(t, value) && t1_imm(t, value) == 0)
        x64_alu(&t->x, X64_XOR, 0, host, x64_reg_operand(host)); /* nobody needs the flags here */
    else
        load_gpr(t, value, host);
    if (t1_is_scratch(v->gpr))
        free_scratch(t, v->gpr);
    v->gpr = (uint8_t)host;
    t->gpr_owner[host] = value;
    note_arch(t, guest, value);
}

static void set_pinned_float(struct t1 *t, unsigned guest, ir_ref value)
{
    unsigned host = t->host_of[guest];
    struct t1_value *v = &t->values[value];
    if (v->homes & t->pinned) /* one home at most may be unclean */
        t1_clean(t, value);
    if (v->xmm == host && t->xmm_owner[host] == value) { /* computed in place */
        drop_arch(t, guest);
        note_arch(t, guest, value);
        t->unclean_homes |= (v->unclean != T1_CLEAN) << host;
        return;
    }
    if (!t1_is_float(t, value)) {
        unsigned gpr = t1_use_gpr(t, value);
        vacate_home_xmm(t, host, guest);
        t1_move_gpr_to_xmm(t, host, gpr, true);
        return;
    }
    if (v->xmm != X64_NO_REG)
        t->xmm_locked |= 1u << v->xmm;
    vacate_home_xmm(t, host, guest);
    if (v->xmm == X64_NO_REG)
        load_xmm(t, value, host);
    else
        t1_move_xmm(t, host, v->xmm);
    if (t1_is_scratch_xmm(v->xmm))
        free_scratch_xmm(t, v->xmm);
    v->xmm = (uint8_t)host;
    t->xmm_owner[host] = value;
    note_arch(t, guest, value);
    t->unclean_homes |= (v->unclean != T1_CLEAN) << host;
}

/* When pinning is off the host register is written as well as memory: it is what leaves at an
 * exit. source: the value in a register of the class. */
static void copy_to_host(struct t1 *t, unsigned guest, unsigned source, bool is_float)
{
    unsigned host = t->host_of[guest];
    if (host == X64_NO_REG)
        return;
    if (t1_is_float_reg(guest) && is_float)
        t1_move_xmm(t, host, source);
    else if (t1_is_float_reg(guest))
        t1_move_gpr_to_xmm(t, host, source, true);
    else if (is_float)
        t1_move_xmm_to_gpr(t, host, source, true);
    else
        x64_mov_rr(&t->x, host, source);
}

/* Before the memory of `guest` is overwritten: keeps a live value that is nowhere else. */
static void vacate_memory(struct t1 *t, unsigned guest)
{
    ir_ref old = t->arch[guest];
    if (t1_is_live(t, old)) {
        const struct t1_value *v = &t->values[old];
        bool is_elsewhere = v->gpr != X64_NO_REG || v->xmm != X64_NO_REG ||
                            v->spill != T1_NO_SPILL || v->homes & (v->homes - 1) ||
                            t1_is_const(t, old);
        if (!is_elsewhere && t1_is_float(t, old))
            t1_use_xmm(t, old);
        else if (!is_elsewhere)
            t1_use_gpr(t, old);
    }
    drop_arch(t, guest);
}

static void set_memory_float(struct t1 *t, unsigned guest, ir_ref value)
{
    t1_clean(t, value);
    unsigned xmm = t1_use_xmm(t, value);
    vacate_memory(t, guest);
    t1_store_xmm(t, t1_reg_memory(guest), xmm, true);
    copy_to_host(t, guest, xmm, true);
}

static void set_memory(struct t1 *t, unsigned guest, ir_ref value)
{
    struct x64_mem mem = t1_reg_memory(guest);
    if (t->host_of[guest] == X64_NO_REG && t1_is_immediate(t, value) &&
        fits_immediate(t1_imm(t, value), 64)) {
        vacate_memory(t, guest);
        x64_store_i(&t->x, mem, 64, (int32_t)t1_imm(t, value));
        return;
    }
    unsigned reg = t1_use_gpr(t, value);
    vacate_memory(t, guest);
    x64_r12(&t->x, 0x89 | X64_W, reg, mem.disp);
    copy_to_host(t, guest, reg, false);
}

static void set_boxed(struct t1 *t, unsigned guest, ir_ref value)
{
    t1_clean(t, value);
    unsigned xmm = t1_use_xmm(t, value);
    vacate_memory(t, guest);
    struct x64_mem mem = t1_reg_memory(guest);
    t1_store_xmm(t, mem, xmm, false);
    mem.disp += 4;
    x64_store_i(&t->x, mem, 32, -1);
}

static __attribute__((noinline)) void set_slowly(struct t1 *t, unsigned guest, ir_ref value)
{
    if (is_pinned(t, guest)) {
        if (t1_is_float_reg(guest))
            set_pinned_float(t, guest, value);
        else
            set_pinned(t, guest, value);
        return;
    }
    if (t1_is_float(t, value))
        set_memory_float(t, guest, value);
    else
        set_memory(t, guest, value);
    note_arch(t, guest, value);
}

/* The guest register is memory only, what was in it is not needed, and the value is in an integer
 * register: so it is nearly always when it was not computed in place. */
static inline bool is_plain_store(const struct t1 *t, unsigned guest, ir_ref value)
{
    return t->host_of[guest] == X64_NO_REG && t->values[value].gpr != X64_NO_REG &&
           !t1_is_live(t, t->arch[guest]);
}

void t1_set_guest(struct t1 *t, unsigned guest, ir_ref value)
{
    if (is_computed_in_place(t, guest, value)) {
        drop_arch(t, guest);
        note_arch(t, guest, value);
    } else if (t->arch[guest] != value) {
        if (!is_plain_store(t, guest, value)) {
            set_slowly(t, guest, value);
            return;
        }
        drop_arch(t, guest);
        x64_r12(&t->x, 0x89 | X64_W, t->values[value].gpr, t1_reg_memory(guest).disp);
        note_arch(t, guest, value);
    }
}

void t1_emit_set_reg(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    (void)ref;
    if (node->flags & T1_BOXED)
        set_boxed(t, (unsigned)node->imm, node->operand[0]);
    else
        t1_set_guest(t, (unsigned)node->imm, node->operand[0]);
}

/* ---- NaNs ---- */

static void note_clean(struct t1 *t, ir_ref value)
{
    struct t1_value *v = &t->values[value];
    v->unclean = T1_CLEAN;
    t->unclean_homes &= ~(1u << v->xmm);
    if (v->spill != T1_NO_SPILL) { /* the copy there is not clean */
        t->spill_free |= 1u << v->spill;
        v->spill = T1_NO_SPILL;
    }
}

uint16_t t1_find_unclean_homes(const struct t1 *t)
{
    unsigned homes[3] = {0};
    for (uint32_t rest = t->unclean_homes; rest; rest &= rest - 1) {
        unsigned reg = (unsigned)__builtin_ctz(rest);
        homes[t->values[t->xmm_owner[reg]].unclean] |= 1u << reg;
    }
    return (uint16_t)(homes[T1_UNCLEAN_F64] | homes[T1_UNCLEAN_F32] << 8);
}

/* Cleans the value in register a and, as one comparison tells of two registers, a home as well. */
static void clean_with_home(struct t1 *t, unsigned a, enum t1_unclean kind)
{
    unsigned homes = t1_unclean_homes(t);
    homes = (kind == T1_UNCLEAN_F64 ? homes & 0xff : homes >> 8) & ~(1u << a);
    unsigned b = homes ? (unsigned)__builtin_ctz(homes) : a;
    t1_put_clean(t, a, b, kind == T1_UNCLEAN_F64);
    note_clean(t, t->xmm_owner[a]);
    if (b != a)
        note_clean(t, t->xmm_owner[b]);
}

void t1_clean(struct t1 *t, ir_ref value)
{
    enum t1_unclean kind = (enum t1_unclean)t->values[value].unclean;
    if (kind != T1_CLEAN)
        clean_with_home(t, t1_use_xmm(t, value), kind);
}

void t1_clean_homes_slowly(struct t1 *t)
{
    while (t->unclean_homes) {
        unsigned reg = (unsigned)__builtin_ctz(t->unclean_homes);
        clean_with_home(t, reg, (enum t1_unclean)t->values[t->xmm_owner[reg]].unclean);
    }
}

/* ---- calls ---- */

static void spill_for_call(struct t1 *t, uint32_t clobbered)
{
    for (uint32_t rest = clobbered & ~t->gpr_free; rest; rest &= rest - 1) {
        unsigned reg = (unsigned)__builtin_ctz(rest);
        if (t1_is_live(t, t->gpr_owner[reg]))
            evict_gpr(t, reg);
    }
    for (uint32_t rest = T1_SCRATCH_XMM & ~t->xmm_free; rest; rest &= rest - 1) {
        unsigned reg = (unsigned)__builtin_ctz(rest);
        if (t1_is_live(t, t->xmm_owner[reg]))
            evict_xmm(t, reg);
    }
}

void t1_spill_for_call(struct t1 *t)
{
    spill_for_call(t, CALL_CLOBBERED);
}

void t1_spill_for_libcall(struct t1 *t)
{
    spill_for_call(t, T1_SCRATCH);
}
