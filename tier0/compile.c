/* From an IR block to threaded code, in one pass.
 *
 * Every value gets a slot, or none while it needs none: a constant, or an operation that its only
 * user does itself (`deferred`: the comparison of an exit_if, the shift of an addition). A value
 * that goes to a guest register is computed straight into it, and a value read from a guest
 * register is used there. So before a register is written, values that live in it and are still
 * needed move to a temporary (evict). uses[] counts what is still to come; it is counted down as
 * ops are emitted, which keeps the operands of deferred operations alive.
 *
 * Invariant: at every op that can leave or fault, all set_regs before it have been done and none
 * after it. */
#include "src/base/bits.h"
#include "src/base/check.h"
#include "src/ir/fp.h"
#include "tier0/code.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { NO_SLOT = 0xffff, NO_REG = 0xff, NO_HANDLER = 0xffff, SCRATCH_TEMP = 0 };
/* What is known of a value. */
enum {
    IS_SIGN_EXTENDED = 1, /* i32: its slot holds it extended to 64 bits */
    IS_UNBOXED = 2,       /* f32: its slot holds any 64 bits of which it is the unboxed value */
    IS_DEFERRED = 4,      /* not computed yet; its user does it */
};

struct t0_compiler {
    struct tier0 *tier;
    const struct tier_job *job;
    const struct ir_block *block;
    uint8_t *out; /* the code so far */
    size_t out_bytes, out_capacity;
    unsigned last_handler; /* of the latest op, NO_HANDLER when it can start no pair */
    size_t last_at;
    enum status status;
    uint16_t first_in_reg[IR_GUEST_REGS];  /* values that live in a register, a list */
    uint16_t temp_refs[VCPU_TEMP_SLOTS];   /* values that live in a temporary */
    uint16_t freed_temps[VCPU_TEMP_SLOTS]; /* to be free from the next IR instruction on */
    unsigned freed_count;
    uint64_t free_temps[VCPU_TEMP_SLOTS / 64];
    /* by value */
    uint16_t uses[IR_MAX_INSNS];
    uint16_t user[IR_MAX_INSNS]; /* the latest one */
    uint16_t slot[IR_MAX_INSNS];
    uint16_t next_in_reg[IR_MAX_INSNS];
    uint8_t known[IR_MAX_INSNS];
};

struct t0_compiler *t0_compiler_create(void)
{
    struct t0_compiler *compiler = calloc(1, sizeof *compiler);
    CHECK(compiler, "out of memory");
    return compiler;
}

void t0_compiler_destroy(struct t0_compiler *compiler)
{
    free(compiler->out);
    free(compiler);
}

/* ---- slots ---- */

static uint16_t slot_of_reg(unsigned reg)
{
    return (uint16_t)(offsetof(struct vcpu, reg) + reg * 8);
}
static uint16_t slot_of_temp(unsigned temp)
{
    return (uint16_t)(offsetof(struct vcpu, temp) + temp * 8);
}
static bool is_temp(uint16_t slot)
{
    return slot >= slot_of_temp(0);
}
static unsigned temp_of(uint16_t slot)
{
    return (unsigned)(slot - slot_of_temp(0)) / 8;
}
_Static_assert(offsetof(struct vcpu, temp) + VCPU_TEMP_SLOTS * 8 < NO_SLOT, "slots fit 16 bits");
_Static_assert(offsetof(struct vcpu, reg) < offsetof(struct vcpu, temp), "temporaries lie behind");

static void fail(struct t0_compiler *c, enum status status)
{
    if (c->status == STATUS_OK)
        c->status = status;
}

static uint16_t alloc_temp(struct t0_compiler *c)
{
    for (unsigned i = 0; i < VCPU_TEMP_SLOTS / 64; i++) {
        if (c->free_temps[i]) {
            unsigned bit = (unsigned)__builtin_ctzll(c->free_temps[i]);
            c->free_temps[i] &= c->free_temps[i] - 1;
            c->temp_refs[i * 64 + bit] = 0;
            return slot_of_temp(i * 64 + bit);
        }
    }
    fail(c, STATUS_REJECTED);
    return slot_of_temp(SCRATCH_TEMP);
}

static void drop_temp_ref(struct t0_compiler *c, uint16_t slot)
{
    unsigned temp = temp_of(slot);
    if (temp != SCRATCH_TEMP && --c->temp_refs[temp] == 0)
        c->freed_temps[c->freed_count++] = (uint16_t)temp;
}

/* Temporaries freed by one instruction's operands can be taken by the next one: until then moves
 * may still be put before the op that reads them. */
static void reclaim_temps(struct t0_compiler *c)
{
    while (c->freed_count > 0) {
        unsigned temp = c->freed_temps[--c->freed_count];
        c->free_temps[temp / 64] |= UINT64_C(1) << temp % 64;
    }
}

/* The value lives in this slot from here on. */
static void place(struct t0_compiler *c, ir_ref ref, uint16_t slot)
{
    c->slot[ref] = slot;
    if (is_temp(slot)) {
        c->temp_refs[temp_of(slot)]++;
        if (c->uses[ref] == 0)
            drop_temp_ref(c, slot);
        return;
    }
    unsigned reg = (unsigned)(slot - slot_of_reg(0)) / 8;
    c->next_in_reg[ref] = c->first_in_reg[reg];
    c->first_in_reg[reg] = ref;
}

/* ---- emission ---- */

static void *emit_bytes(struct t0_compiler *c, size_t size_bytes)
{
    if (c->out_bytes + size_bytes > c->out_capacity) {
        c->out_capacity = c->out_capacity ? c->out_capacity * 2 : 16384;
        c->out = realloc(c->out, c->out_capacity);
        CHECK(c->out, "out of memory");
    }
    void *at = c->out + c->out_bytes;
    c->out_bytes += size_bytes;
    return at;
}

enum { BASE_HANDLER_COUNT = T0_leave + 1 };
/* clang-format off */
static const uint16_t pair_of[BASE_HANDLER_COUNT][BASE_HANDLER_COUNT] = {
#define JUMP_ELSE(name) [T0_##name][T0_jump] = T0_##name##_else,
#define COMPARE(op)                                                                                \
    JUMP_ELSE(jump_##op) JUMP_ELSE(jump_##op##i)                                                   \
    JUMP_ELSE(jump_##op##_back) JUMP_ELSE(jump_##op##i_back)
    COMPARE(eq) COMPARE(ne) COMPARE(lt_s) COMPARE(ge_s) COMPARE(lt_u) COMPARE(ge_u)
    JUMP_ELSE(jump_true) JUMP_ELSE(jump_true_back)
#undef COMPARE
#undef JUMP_ELSE
#define PAIR(first, second) [T0_##first][T0_##second] = T0_pair_##first##__##second,
#include "tier0/pairs.def"
#undef PAIR
};
/* clang-format on */

static void note_handler(struct t0_compiler *c, enum t0_handler handler, size_t at)
{
    if (!c->tier->options.is_fusing)
        return;
    if (c->last_handler != NO_HANDLER && pair_of[c->last_handler][handler]) {
        struct t0_op *first = (struct t0_op *)(void *)(c->out + c->last_at);
        first->handler = c->tier->label[pair_of[c->last_handler][handler]];
        c->last_handler = NO_HANDLER;
        return;
    }
    c->last_handler = handler;
    c->last_at = at;
}

static struct t0_op *emit_sized(struct t0_compiler *c, enum t0_handler handler, uint16_t d,
                                uint16_t a, size_t size_bytes)
{
    size_t at = c->out_bytes;
    struct t0_op *op = emit_bytes(c, size_bytes);
    *op = (struct t0_op){.handler = c->tier->label[handler], .d = d, .a = a};
    note_handler(c, handler, at);
    return op;
}

static void emit3(struct t0_compiler *c, enum t0_handler handler, uint16_t d, uint16_t a,
                  uint16_t b, uint16_t third)
{
    struct t0_op *op = emit_sized(c, handler, d, a, sizeof *op);
    op->b = b;
    op->c = third;
}

static void emit_imm(struct t0_compiler *c, enum t0_handler handler, uint16_t d, uint16_t a,
                     int32_t imm)
{
    emit_sized(c, handler, d, a, sizeof(struct t0_op))->imm = imm;
}

static struct t0_op *emit_word(struct t0_compiler *c, enum t0_handler handler, uint16_t d,
                               uint16_t a, uint64_t word)
{
    struct t0_op_word *op = (struct t0_op_word *)emit_sized(c, handler, d, a, sizeof *op);
    op->word = word;
    return &op->op;
}

/* ---- values ---- */

static const struct ir_insn *insn_of(const struct t0_compiler *c, ir_ref ref)
{
    return &c->block->insns[ref];
}
static bool is_const(const struct t0_compiler *c, ir_ref ref)
{
    return insn_of(c, ref)->op == IR_const;
}

/* A constant as its slot holds it. */
static uint64_t const_slot_value(const struct ir_insn *insn)
{
    if (insn->type == IR_F32)
        return insn->imm | UINT64_C(0xffffffff00000000);
    return insn->type == IR_I32 ? (uint64_t)(int32_t)insn->imm : insn->imm;
}

/* One use less is to come. */
static void drop_use(struct t0_compiler *c, ir_ref ref)
{
    uint16_t slot = c->slot[ref];
    if (--c->uses[ref] == 0 && slot != NO_SLOT && is_temp(slot))
        drop_temp_ref(c, slot);
}

/* Whether a value is a constant that fits an op's immediate; a use of it is then consumed. */
static bool use_imm(struct t0_compiler *c, ir_ref ref, int32_t *ret_imm)
{
    uint64_t value = const_slot_value(insn_of(c, ref));
    if (!is_const(c, ref) || (int64_t)value != (int32_t)value)
        return false;
    drop_use(c, ref);
    *ret_imm = (int32_t)value;
    return true;
}

static void emit_deferred(struct t0_compiler *c, ir_ref ref);

/* Makes sure that the value has a slot. */
static void materialise(struct t0_compiler *c, ir_ref ref)
{
    if (c->known[ref] & IS_DEFERRED)
        emit_deferred(c, ref);
    if (c->slot[ref] != NO_SLOT)
        return;
    CHECK(is_const(c, ref), "a value is used before it is computed");
    uint64_t value = const_slot_value(insn_of(c, ref));
    uint16_t slot = alloc_temp(c);
    emit_word(c, T0_move_const, slot, 0, value);
    place(c, ref, slot);
}

/* The slot to read a value from; one use of it is consumed. */
static uint16_t use(struct t0_compiler *c, ir_ref ref)
{
    materialise(c, ref);
    drop_use(c, ref);
    return c->slot[ref];
}

/* Moves what still is needed of a register's old values out of it. */
static void evict(struct t0_compiler *c, unsigned reg)
{
    uint16_t slot = NO_SLOT;
    for (ir_ref ref = c->first_in_reg[reg]; ref != IR_NONE;) {
        ir_ref next = c->next_in_reg[ref];
        if (c->uses[ref] > 0) {
            if (slot == NO_SLOT) {
                slot = alloc_temp(c);
                emit3(c, T0_move, slot, slot_of_reg(reg), 0, 0);
            }
            place(c, ref, slot);
        }
        ref = next;
    }
    c->first_in_reg[reg] = IR_NONE;
}

/* The register that the value goes to at once: with nothing in between but constants, other
 * register reads and conversions that leave its slot as it is. */
static unsigned register_of_result(const struct t0_compiler *c, ir_ref ref)
{
    uint64_t regs_read = 0;
    ir_ref current = ref;
    for (const struct ir_insn *insn = insn_of(c, ref) + 1;; insn++) {
        ir_ref at = (ir_ref)(insn - c->block->insns);
        unsigned from = c->block->insns[current].type;
        if (insn->op == IR_const)
            continue;
        if (insn->op == IR_get_reg)
            regs_read |= UINT64_C(1) << insn->imm;
        else if (insn->op == IR_set_reg && insn->a == current)
            return regs_read >> insn->imm & 1 ? NO_REG : (unsigned)insn->imm;
        else if (insn->op == IR_sext && insn->a == current && from == IR_I32 && current == ref)
            current = at;
        else if (insn->op == IR_box && insn->a == current && current == ref)
            current = at;
        else if (insn->op == IR_bitcast && insn->a == current && ir_type_width[from] == 64)
            current = at;
        else
            return NO_REG;
    }
}

/* Where to compute a value; its operands have been consumed. */
static uint16_t destination(struct t0_compiler *c, ir_ref ref)
{
    uint16_t slot;
    unsigned reg = register_of_result(c, ref);
    if (reg != NO_REG) {
        evict(c, reg);
        slot = slot_of_reg(reg);
    } else {
        slot = c->uses[ref] ? alloc_temp(c) : slot_of_temp(SCRATCH_TEMP);
    }
    place(c, ref, slot);
    if (insn_of(c, ref)->type == IR_I32)
        c->known[ref] |= IS_SIGN_EXTENDED;
    return slot;
}

/* The value is held by the slot of another one. */
static void alias(struct t0_compiler *c, ir_ref ref, ir_ref source)
{
    materialise(c, source);
    place(c, ref, c->slot[source]);
    use(c, source);
}

static bool is_sign_extended(const struct t0_compiler *c, ir_ref ref)
{
    return is_const(c, ref) || c->known[ref] & IS_SIGN_EXTENDED;
}

/* ---- operations by ir_eval and fp_eval ---- */

static void lower_generic(struct t0_compiler *c, ir_ref ref, enum t0_handler handler)
{
    const struct ir_insn *insn = insn_of(c, ref);
    unsigned count = ir_op_info[insn->op].operand_count;
    struct t0_description description = {
        .op = insn->op,
        .type = insn->type,
        .type_a = insn_of(c, insn->a)->type,
        .rm = (uint8_t)insn->imm,
    };
    description.type_b = count > 1 ? insn_of(c, insn->b)->type : description.type_a;
    uint16_t a = use(c, insn->a);
    uint16_t b = count > 1 ? use(c, insn->b) : a;
    uint16_t third = count > 2 ? use(c, insn->c) : a;
    uint16_t d = destination(c, ref);
    struct t0_op *op = emit_word(c, handler, d, a, t0_describe(description));
    op->b = b;
    op->c = third;
}

/* ---- lowering by the rows of ops.def ---- */

/* base: the first of the row's handlers, which follow in the order _64, _64i, _32, _32i. */
static void lower_binary(struct t0_compiler *c, ir_ref ref, enum t0_handler base)
{
    const struct ir_insn *insn = insn_of(c, ref);
    if (insn->type != IR_I64 && insn->type != IR_I32) {
        lower_generic(c, ref, T0_eval);
        return;
    }
    enum t0_handler handler = base + (insn->type == IR_I32 ? 2 : 0);
    uint16_t a = use(c, insn->a);
    int32_t imm;
    if (use_imm(c, insn->b, &imm)) {
        emit_imm(c, handler + 1, destination(c, ref), a, imm);
        return;
    }
    uint16_t b = use(c, insn->b);
    emit3(c, handler, destination(c, ref), a, b, 0);
}

static void lower_binary64(struct t0_compiler *c, ir_ref ref, enum t0_handler handler)
{
    const struct ir_insn *insn = insn_of(c, ref);
    uint16_t a = use(c, insn->a), b = use(c, insn->b);
    emit3(c, handler, destination(c, ref), a, b, 0);
}

static void lower_unary(struct t0_compiler *c, ir_ref ref, enum t0_handler base)
{
    const struct ir_insn *insn = insn_of(c, ref);
    if (insn->type != IR_I64 && insn->type != IR_I32) {
        lower_generic(c, ref, T0_eval);
        return;
    }
    uint16_t a = use(c, insn->a);
    emit3(c, base + (insn->type == IR_I32), destination(c, ref), a, 0, 0);
}

static void lower_unary64(struct t0_compiler *c, ir_ref ref, enum t0_handler handler)
{
    uint16_t a = use(c, insn_of(c, ref)->a);
    emit3(c, handler, destination(c, ref), a, 0, 0);
}

/* Comparisons of i32 values hold for their sign-extended forms too. */
static bool compares_whole_slots(const struct t0_compiler *c, const struct ir_insn *insn)
{
    unsigned type = insn_of(c, insn->a)->type;
    return type == IR_I64 ||
           (type == IR_I32 && is_sign_extended(c, insn->a) && is_sign_extended(c, insn->b));
}

/* The first handler of each comparison: _64, _64i, and the jumps in the order of handler.h. */
static const uint16_t compare_handlers[IR_OP_COUNT] = {
    [IR_eq] = T0_eq_64,     [IR_ne] = T0_ne_64,     [IR_lt_s] = T0_lt_s_64,
    [IR_ge_s] = T0_ge_s_64, [IR_lt_u] = T0_lt_u_64, [IR_ge_u] = T0_ge_u_64,
};
_Static_assert(T0_jump_eq == T0_eq_64 + 2 && T0_jump_eq_back == T0_eq_64 + 4, "order of handlers");

static void emit_compare(struct t0_compiler *c, ir_ref ref, enum t0_handler base)
{
    const struct ir_insn *insn = insn_of(c, ref);
    uint16_t a = use(c, insn->a);
    int32_t imm;
    if (use_imm(c, insn->b, &imm)) {
        emit_imm(c, base + 1, destination(c, ref), a, imm);
        return;
    }
    uint16_t b = use(c, insn->b);
    emit3(c, base, destination(c, ref), a, b, 0);
}

static void lower_compare(struct t0_compiler *c, ir_ref ref, enum t0_handler base)
{
    if (!compares_whole_slots(c, insn_of(c, ref)))
        lower_generic(c, ref, T0_eval);
    else if (c->uses[ref] == 1 && insn_of(c, c->user[ref])->op == IR_exit_if)
        c->known[ref] |= IS_DEFERRED;
    else
        emit_compare(c, ref, base);
}

/* base: _f64, _f32. */
static void lower_fp_binary(struct t0_compiler *c, ir_ref ref, enum t0_handler base)
{
    const struct ir_insn *insn = insn_of(c, ref);
    if (insn->imm != IR_RM_HOST) {
        lower_generic(c, ref, T0_fp);
        return;
    }
    uint16_t a = use(c, insn->a), b = use(c, insn->b);
    emit3(c, base + (insn->type == IR_F32), destination(c, ref), a, b, 0);
}

static void lower_fp_compare(struct t0_compiler *c, ir_ref ref, enum t0_handler base)
{
    const struct ir_insn *insn = insn_of(c, ref);
    bool is_f32 = insn_of(c, insn->a)->type == IR_F32;
    uint16_t a = use(c, insn->a), b = use(c, insn->b);
    emit3(c, base + is_f32, destination(c, ref), a, b, 0);
}

static void lower_fp_sign(struct t0_compiler *c, ir_ref ref, enum t0_handler base)
{
    const struct ir_insn *insn = insn_of(c, ref);
    uint16_t a = use(c, insn->a), b = insn->b == IR_NONE ? a : use(c, insn->b);
    emit3(c, base + (insn->type == IR_F32), destination(c, ref), a, b, 0);
}

/* clang-format off */
#define LOWER(op) static void lower_##op(struct t0_compiler *c, ir_ref ref)
#define BINARY(op) LOWER(op) { lower_binary(c, ref, T0_##op##_64); }
#define BINARY64(op) LOWER(op) { lower_binary64(c, ref, T0_##op##_64); }
#define UNARY(op) LOWER(op) { lower_unary(c, ref, T0_##op##_64); }
#define UNARY64(op) LOWER(op) { lower_unary64(c, ref, T0_##op##_64); }
#define COMPARE(op) LOWER(op) { lower_compare(c, ref, T0_##op##_64); }
#define FP_BINARY(op) LOWER(op) { lower_fp_binary(c, ref, T0_##op##_f64); }
#define FP_COMPARE(op) LOWER(op) { lower_fp_compare(c, ref, T0_##op##_f64); }
#define FP_SIGN(op) LOWER(op) { lower_fp_sign(c, ref, T0_##op##_f64); }
#define FP_CALL(op) LOWER(op) { lower_generic(c, ref, T0_fp); }
#define EVAL(op) LOWER(op) { lower_generic(c, ref, T0_eval); }
#define OWN(op) LOWER(op);
#include "tier0/ops.def"
#undef BINARY
#undef BINARY64
#undef UNARY
#undef UNARY64
#undef COMPARE
#undef FP_BINARY
#undef FP_COMPARE
#undef FP_SIGN
#undef FP_CALL
#undef EVAL
#undef OWN
/* clang-format on */

/* ---- constants, registers, conversions ---- */

LOWER(const)
{
    (void)c, (void)ref; /* its users do it */
}

LOWER(get_reg)
{
    place(c, ref, slot_of_reg((unsigned)insn_of(c, ref)->imm));
}

LOWER(set_reg)
{
    const struct ir_insn *insn = insn_of(c, ref);
    unsigned reg = (unsigned)insn->imm;
    uint16_t d = slot_of_reg(reg);
    if (is_const(c, insn->a) && c->slot[insn->a] == NO_SLOT) {
        c->uses[insn->a]--;
        evict(c, reg);
        emit_word(c, T0_move_const, d, 0, const_slot_value(insn_of(c, insn->a)));
        return;
    }
    uint16_t from = use(c, insn->a);
    if (from == d)
        return;
    evict(c, reg);
    emit3(c, T0_move, d, from, 0, 0);
    /* What is still needed of it is read from the register; the temporary can go. */
    if (is_temp(from) && c->uses[insn->a] > 0) {
        drop_temp_ref(c, from);
        place(c, insn->a, d);
    }
}

/* d := handler(a) */
static void emit_move(struct t0_compiler *c, ir_ref ref, enum t0_handler handler)
{
    uint16_t a = use(c, insn_of(c, ref)->a);
    emit3(c, handler, destination(c, ref), a, 0, 0);
}

LOWER(sext)
{
    ir_ref a = insn_of(c, ref)->a;
    switch (insn_of(c, a)->type) {
    case IR_I8:
        emit_move(c, ref, T0_sext8);
        return;
    case IR_I16:
        emit_move(c, ref, T0_sext16);
        return;
    case IR_I32:
        if (is_sign_extended(c, a) || insn_of(c, ref)->type == IR_I32) {
            c->known[ref] |= c->known[a] & IS_SIGN_EXTENDED;
            alias(c, ref, a);
        } else {
            emit_move(c, ref, T0_sext32);
        }
        return;
    }
    alias(c, ref, a);
}

LOWER(zext)
{
    ir_ref a = insn_of(c, ref)->a;
    unsigned type = insn_of(c, ref)->type, from = insn_of(c, a)->type;
    if (type == from) {
        c->known[ref] |= c->known[a] & IS_SIGN_EXTENDED;
        alias(c, ref, a);
        return;
    }
    emit_move(c, ref, from == IR_I8 ? T0_zext8 : from == IR_I16 ? T0_zext16 : T0_zext32);
}

LOWER(trunc)
{
    ir_ref a = insn_of(c, ref)->a;
    if (insn_of(c, a)->type == insn_of(c, ref)->type)
        c->known[ref] |= c->known[a] & IS_SIGN_EXTENDED;
    alias(c, ref, a);
}

LOWER(bitcast)
{
    ir_ref a = insn_of(c, ref)->a;
    unsigned type = insn_of(c, ref)->type, from = insn_of(c, a)->type;
    if (type == IR_F32 && from != IR_F32) {
        emit_move(c, ref, T0_box_bits);
    } else if (from == IR_F32 && type != IR_F32 && c->known[a] & IS_UNBOXED) {
        emit_move(c, ref, T0_unbox_bits);
    } else {
        if (type == from)
            c->known[ref] |= c->known[a] & (IS_SIGN_EXTENDED | IS_UNBOXED);
        alias(c, ref, a);
    }
}

LOWER(box)
{
    ir_ref a = insn_of(c, ref)->a;
    if (c->known[a] & IS_UNBOXED)
        emit_move(c, ref, T0_box_value);
    else
        alias(c, ref, a);
}

LOWER(unbox)
{
    c->known[ref] |= IS_UNBOXED;
    alias(c, ref, insn_of(c, ref)->a);
}

LOWER(select)
{
    const struct ir_insn *insn = insn_of(c, ref);
    /* An i32 result is promised to be sign-extended. */
    if (insn->type == IR_I32 && !(is_sign_extended(c, insn->b) && is_sign_extended(c, insn->c))) {
        lower_generic(c, ref, T0_eval);
        return;
    }
    uint16_t a = use(c, insn->a), if_true = use(c, insn->b), if_false = use(c, insn->c);
    emit3(c, T0_select, destination(c, ref), a, if_true, if_false);
}

/* ---- additions that do a shift on the way ---- */

/* A shift by a constant whose only user is an addition of i64 values. */
static bool can_defer_shift(const struct t0_compiler *c, ir_ref ref)
{
    const struct ir_insn *insn = insn_of(c, ref), *user = insn_of(c, c->user[ref]);
    return insn->type == IR_I64 && c->uses[ref] == 1 && is_const(c, insn->b) &&
           user->op == IR_add && user->a != user->b &&
           !is_const(c, user->a == ref ? user->b : user->a);
}

static void emit_shl_add(struct t0_compiler *c, ir_ref ref, ir_ref shift, ir_ref addend)
{
    const struct ir_insn *insn = insn_of(c, shift);
    c->known[shift] &= (uint8_t)~IS_DEFERRED;
    drop_use(c, shift);
    uint16_t a = use(c, insn->a);
    drop_use(c, insn->b); /* the count is no slot */
    uint16_t b = use(c, addend);
    emit3(c, T0_shl_add, destination(c, ref), a, b, insn_of(c, insn->b)->imm & 63);
}

/* What a deferred operation is when its user cannot do it. */
static void emit_deferred(struct t0_compiler *c, ir_ref ref)
{
    enum ir_op op = insn_of(c, ref)->op;
    c->known[ref] &= (uint8_t)~IS_DEFERRED;
    if (op == IR_shl)
        lower_binary(c, ref, T0_shl_64);
    else
        emit_compare(c, ref, compare_handlers[op]);
}

/* ---- memory ---- */

static uint64_t pc_of_access(const struct t0_compiler *c, const struct ir_insn *insn)
{
    return c->block->guest_pc + ir_memop_pc_offset(insn->c);
}

LOWER(load)
{
    static const uint16_t handlers[2][4] = {{T0_load_u8, T0_load_u16, T0_load_u32, T0_load_64},
                                            {T0_load_s8, T0_load_s16, T0_load_s32, T0_load_64}};
    const struct ir_insn *insn = insn_of(c, ref);
    enum t0_handler handler = handlers[ir_memop_is_signed(insn->c)][ir_memop_size_log2(insn->c)];
    uint16_t a = use(c, insn->a), d = destination(c, ref);
    emit_word(c, handler, d, a, pc_of_access(c, insn))->imm = (int32_t)insn->imm;
}

LOWER(load_f32)
{
    const struct ir_insn *insn = insn_of(c, ref);
    uint16_t a = use(c, insn->a), d = destination(c, ref);
    emit_word(c, T0_load_boxed, d, a, pc_of_access(c, insn))->imm = (int32_t)insn->imm;
}

LOWER(store)
{
    static const uint16_t handlers[4] = {T0_store_8, T0_store_16, T0_store_32, T0_store_64};
    const struct ir_insn *insn = insn_of(c, ref);
    bool is_unboxed = c->known[insn->b] & IS_UNBOXED;
    uint16_t a = use(c, insn->a), value = use(c, insn->b);
    if (is_unboxed) {
        emit3(c, T0_unbox_bits, slot_of_temp(SCRATCH_TEMP), value, 0, 0);
        value = slot_of_temp(SCRATCH_TEMP);
    }
    emit_word(c, handlers[ir_memop_size_log2(insn->c)], value, a, pc_of_access(c, insn))->imm =
        (int32_t)insn->imm;
}

static void lower_atomic(struct t0_compiler *c, ir_ref ref, enum t0_handler handler)
{
    const struct ir_insn *insn = insn_of(c, ref);
    uint16_t a = use(c, insn->a), b = insn->b == IR_NONE ? a : use(c, insn->b);
    uint16_t d = destination(c, ref);
    struct t0_op *op = emit_word(c, handler, d, a, pc_of_access(c, insn));
    op->b = b;
    op->c = (uint16_t)(insn->imm | (ir_memop_size_log2(insn->c) == 3 ? T0_ATOMIC_64 : 0));
}

LOWER(load_reserved)
{
    lower_atomic(c, ref, T0_load_reserved);
}
LOWER(store_conditional)
{
    lower_atomic(c, ref, T0_store_conditional);
}
LOWER(amo)
{
    lower_atomic(c, ref, T0_amo);
}

LOWER(fence)
{
    (void)ref;
    emit3(c, T0_fence, 0, 0, 0, 0);
}

/* ---- floating point, control and status ---- */

LOWER(fsqrt)
{
    const struct ir_insn *insn = insn_of(c, ref);
    if (insn->imm == IR_RM_HOST)
        emit_move(c, ref, insn->type == IR_F32 ? T0_fsqrt_f32 : T0_fsqrt_f64);
    else
        lower_generic(c, ref, T0_fp);
}

LOWER(fmadd)
{
    const struct ir_insn *insn = insn_of(c, ref);
    if (insn->imm != IR_RM_HOST || !c->tier->has_fma) {
        lower_generic(c, ref, T0_fp);
        return;
    }
    uint16_t a = use(c, insn->a), b = use(c, insn->b), third = use(c, insn->c);
    enum t0_handler handler = insn->type == IR_F32 ? T0_fmadd_f32 : T0_fmadd_f64;
    emit3(c, handler, destination(c, ref), a, b, third);
}

LOWER(get_fflags)
{
    emit3(c, T0_get_fflags, destination(c, ref), 0, 0, 0);
}
LOWER(set_fflags)
{
    emit3(c, T0_set_fflags, 0, use(c, insn_of(c, ref)->a), 0, 0);
}
LOWER(get_frm)
{
    emit3(c, T0_get_frm, destination(c, ref), 0, 0, 0);
}
LOWER(set_frm)
{
    emit_move(c, ref, T0_set_frm);
}
LOWER(get_counter)
{
    emit_imm(c, T0_get_counter, destination(c, ref), 0, (int32_t)insn_of(c, ref)->imm);
}
static void emit_helper(struct t0_compiler *c, ir_ref ref, enum vcpu_helper_index first)
{
    const struct ir_insn *insn = insn_of(c, ref);
    uint16_t a = use(c, insn->a), b = use(c, insn->b), length = use(c, insn->c);
    struct t0_op *op = emit_word(c, T0_helper, destination(c, ref), a, first + insn->imm);
    op->b = b;
    op->c = length;
}
LOWER(bulk)
{
    emit_helper(c, ref, HELPER_BULK);
}
LOWER(libcall)
{
    emit_helper(c, ref, HELPER_LIBCALL);
}

/* ---- exits ---- */

static struct t0_op *emit_exit(struct t0_compiler *c, enum t0_handler handler, uint16_t a,
                               uint64_t pc)
{
    struct tier0 *tier = c->tier;
    struct tb *tb = tb_reference(tier->cache, pc, c->block->mode);
    if (!tb)
        fail(c, STATUS_CODE_FULL);
    struct t0_op_exit *exit = (struct t0_op_exit *)emit_sized(c, handler, 0, a, sizeof *exit);
    atomic_init(&exit->code, &tier->dropped_code);
    atomic_init(&exit->next, NULL);
    exit->tb = tb;
    return &exit->op;
}

static bool is_backward(const struct t0_compiler *c, const struct ir_insn *insn)
{
    return insn->imm <= c->block->guest_pc;
}

LOWER(exit_direct)
{
    const struct ir_insn *insn = insn_of(c, ref);
    emit_exit(c, is_backward(c, insn) ? T0_jump_back : T0_jump, 0, insn->imm);
}

LOWER(exit_indirect)
{
    uint16_t a = use(c, insn_of(c, ref)->a);
    struct t0_op_indirect *exit =
        (struct t0_op_indirect *)emit_sized(c, T0_jump_indirect, 0, a, sizeof *exit);
    atomic_init(&exit->cached, &c->tier->empty_code);
    exit->tb = c->job->tb;
}

LOWER(exit_if)
{
    const struct ir_insn *insn = insn_of(c, ref), *condition = insn_of(c, insn->a);
    bool is_polling = is_backward(c, insn);
    if (!(c->known[insn->a] & IS_DEFERRED)) {
        emit_exit(c, is_polling ? T0_jump_true_back : T0_jump_true, use(c, insn->a), insn->imm);
        return;
    }
    c->known[insn->a] &= (uint8_t)~IS_DEFERRED;
    c->uses[insn->a]--;
    enum t0_handler handler = compare_handlers[condition->op] + (is_polling ? 4 : 2);
    uint16_t a = use(c, condition->a);
    int32_t imm;
    if (use_imm(c, condition->b, &imm)) {
        emit_exit(c, handler + 1, a, insn->imm)->imm = imm;
    } else {
        uint16_t b = use(c, condition->b);
        emit_exit(c, handler, a, insn->imm)->b = b;
    }
}

LOWER(exit_trap)
{
    const struct ir_insn *insn = insn_of(c, ref);
    emit_word(c, T0_trap, 0, 0, insn->imm)->imm = insn->c;
}

LOWER(exit_trap_if)
{
    const struct ir_insn *insn = insn_of(c, ref);
    emit_word(c, T0_trap_if, 0, use(c, insn->a), insn->imm)->imm = insn->c;
}

/* ---- the pass ---- */

typedef void lower_function(struct t0_compiler *c, ir_ref ref);
static lower_function *const lower[IR_OP_COUNT] = {
#define IR_OP(name, ...) [IR_##name] = lower_##name,
#include "src/ir/ir_ops.def"
#undef IR_OP
};

static void count_use(struct t0_compiler *c, ir_ref value, uint32_t user)
{
    c->uses[value]++;
    c->user[value] = (uint16_t)user;
}

static void count_uses(struct t0_compiler *c)
{
    const struct ir_block *block = c->block;
    for (uint32_t i = 0; i < block->length; i++) {
        const struct ir_insn *insn = &block->insns[i];
        unsigned count = ir_op_info[insn->op].operand_count;
        c->uses[i] = 0;
        if (count > 0)
            count_use(c, insn->a, i);
        if (count > 1)
            count_use(c, insn->b, i);
        if (count > 2)
            count_use(c, insn->c, i);
    }
}

static void begin(struct t0_compiler *c, struct tier0 *tier, const struct tier_job *job)
{
    c->tier = tier;
    c->job = job;
    c->block = job->block;
    c->out_bytes = 0;
    c->last_handler = NO_HANDLER;
    c->status = STATUS_OK;
    c->freed_count = 0;
    memset(c->first_in_reg, 0xff, sizeof c->first_in_reg);
    memset(c->free_temps, 0xff, sizeof c->free_temps);
    c->free_temps[0] &= ~(UINT64_C(1) << SCRATCH_TEMP);
    memset(c->slot, 0xff, job->block->length * sizeof *c->slot);
    memset(c->known, 0, job->block->length);
    count_uses(c);
}

static void emit_entry(struct t0_compiler *c)
{
    if (c->tier->options.is_counting_heat)
        emit_word(c, T0_enter_heat, 0, 0, (uint64_t)(uintptr_t)c->job->tb);
    if (c->tier->options.is_counting_stats)
        emit_imm(c, T0_enter_stats, 0, 0, (int32_t)c->block->guest_length);
}

static void lower_insn(struct t0_compiler *c, ir_ref ref)
{
    const struct ir_insn *insn = insn_of(c, ref);
    bool is_unused = c->uses[ref] == 0 && ir_op_info[insn->op].flags & (IR_PURE | IR_READS);
    if (is_unused) {
        /* Its operands are not used by it either. */
        unsigned count = ir_op_info[insn->op].operand_count;
        const ir_ref operand[3] = {insn->a, insn->b, insn->c};
        for (unsigned i = 0; i < count; i++)
            drop_use(c, operand[i]);
        return;
    }
    if (insn->op == IR_shl && can_defer_shift(c, ref)) {
        c->known[ref] |= IS_DEFERRED;
        return;
    }
    if (insn->op == IR_add && c->known[insn->a] & IS_DEFERRED)
        emit_shl_add(c, ref, insn->a, insn->b);
    else if (insn->op == IR_add && c->known[insn->b] & IS_DEFERRED)
        emit_shl_add(c, ref, insn->b, insn->a);
    else
        lower[insn->op](c, ref);
}

static void publish(struct t0_compiler *c)
{
    struct tier0 *tier = c->tier;
    struct tb *tb = c->job->tb;
    struct t0_code *private = t0_pool_alloc(tier, sizeof *private + 8 + c->out_bytes);
    struct t0_op *ops = (struct t0_op *)(((uintptr_t)(private + 1) + 15) & ~(uintptr_t)15);
    memcpy(ops, c->out, c->out_bytes);
    struct tb_code *code = tb_code_new(tier->cache, tb, TB_TIER_0);
    *private = (struct t0_code){.code = code, .pc = c->block->guest_pc, .ops = ops};
    code->tier_private = private;
    code->guest_length = c->block->guest_length;
    code->size_bytes = (uint32_t)c->out_bytes;
    tb_cover(tier->cache, code, c->block->guest_pc, c->block->guest_size_bytes);
    tb_publish(tier->cache, code, tb_stub(tb));
}

enum status t0_compile(struct tier0 *tier, const struct tier_job *job, struct error *err)
{
    struct t0_compiler *c = tier->compiler;
    begin(c, tier, job);
    emit_entry(c);
    for (uint32_t i = 0; i < job->block->length; i++) {
        lower_insn(c, (ir_ref)i);
        reclaim_temps(c);
    }
    if (c->status == STATUS_CODE_FULL || t0_pool_is_full(tier))
        return error_set(err, STATUS_CODE_FULL, "code memory is full");
    if (c->status != STATUS_OK)
        return error_set(err, c->status, "block 0x%" PRIx64 " needs more than %d temporaries",
                         job->block->guest_pc, VCPU_TEMP_SLOTS - 1);
    publish(c);
    return STATUS_OK;
}
