/* The forward pass: see opt.h for what it does and internal.h for how its parts meet.
 *
 * Invariants: `map` gives for each input value its output value; the output holds at most
 * MAX_GROWTH instructions per input instruction; guest state is written in the input's order. */
#include "src/opt/internal.h"

#include <string.h>

enum { MAX_GROWTH = 4 }; /* the longest that one rule of simplify.c makes of one instruction */

const char *const opt_pass_name[OPT_PASS_COUNT] = {
#define OPT_PASS(name, text) [OPT_##name] = #name,
    OPT_PASSES(OPT_PASS)
#undef OPT_PASS
};

const char *const opt_pass_text[OPT_PASS_COUNT] = {
#define OPT_PASS(name, text) [OPT_##name] = text,
    OPT_PASSES(OPT_PASS)
#undef OPT_PASS
};

/* ---- appending ---- */

/* Instructions are handed on by address: the compiler takes a small structure apart otherwise. */
static inline ir_ref append(struct opt *opt, const struct ir_insn *insn)
{
    ir_ref ref = (ir_ref)opt->length++;
    opt->insns[ref] = *insn;
    opt->home[ref] = OPT_NO_REG;
    return ref;
}

ir_ref opt_const(struct opt *opt, enum ir_type type, uint64_t value)
{
    unsigned width = ir_type_width[type];
    if (width < 64)
        value &= (UINT64_C(1) << width) - 1;
    ir_ref *slot = &opt->constant[((value + type) * UINT64_C(0x9e3779b97f4a7c15)) >> 59];
    if (*slot != IR_NONE && opt->insns[*slot].imm == value && opt->insns[*slot].type == type)
        return *slot;
    struct ir_insn insn = {IR_const, (uint8_t)type, IR_NONE, IR_NONE, IR_NONE, value};
    return *slot = append(opt, &insn);
}

static inline uint64_t head_of(const struct ir_insn *insn)
{
    uint64_t head;
    memcpy(&head, insn, sizeof head);
    return head;
}

/* An earlier operation that gives the same value, else the new one. */
static inline ir_ref share(struct opt *opt, const struct ir_insn *insn, unsigned flags)
{
    uint64_t head = head_of(insn);
    uint64_t hash = (head ^ insn->imm << 17) * UINT64_C(0x9e3779b97f4a7c15);
    ir_ref *slot = &opt->cse[hash >> 58];
    if (*slot != IR_NONE && head_of(&opt->insns[*slot]) == head &&
        opt->insns[*slot].imm == insn->imm && !(flags & IR_FP_FLAGS && *slot < opt->fp_barrier))
        return *slot;
    return *slot = append(opt, insn);
}

static bool fold(struct opt *opt, const struct ir_insn *insn, ir_ref *ret_value)
{
    const ir_ref operand[3] = {insn->a, insn->b, insn->c};
    uint64_t value[3] = {0};
    for (unsigned i = 0; i < ir_op_info[insn->op].operand_count; i++) {
        if (!opt_is_const(opt, operand[i]))
            return false;
        value[i] = opt->insns[operand[i]].imm;
    }
    uint64_t result = ir_eval(insn->op, insn->type, opt_width(opt, insn->a), value[0], value[1],
                              value[2], insn->imm);
    *ret_value = opt_const(opt, insn->type, result);
    return true;
}

/* An operation that may be folded, simplified and shared; *insn is rewritten to its best form. */
static inline ir_ref push(struct opt *opt, struct ir_insn *insn)
{
    ir_ref simpler;
    unsigned flags = ir_op_info[insn->op].flags;
    if (flags & IR_PURE) {
        if (opt_has(opt, OPT_fold) && opt_is_const(opt, insn->a) && fold(opt, insn, &simpler))
            return simpler;
        if (opt_has(opt, OPT_simplify) && (simpler = opt_simplify(opt, insn)) != IR_NONE)
            return simpler;
        flags = ir_op_info[insn->op].flags;
    }
    return opt_has(opt, OPT_cse) ? share(opt, insn, flags) : append(opt, insn);
}

ir_ref opt_push(struct opt *opt, struct ir_insn insn)
{
    return insn.op == IR_const ? opt_const(opt, insn.type, insn.imm) : push(opt, &insn);
}

/* ---- guest registers ---- */

/* The register that the input instruction at hand, a pure one, is computed for. */
static unsigned destination_reg(const struct opt *opt)
{
    const struct ir_insn *insn = opt->input;
    if (!(ir_op_info[insn->op].flags & IR_PURE))
        return OPT_NO_REG;
    /* The builder puts extension or boxing and the write directly behind an operation. */
    while (insn[1].op == IR_sext || insn[1].op == IR_zext || insn[1].op == IR_trunc ||
           insn[1].op == IR_box)
        insn++;
    return insn[1].op == IR_set_reg ? (unsigned)insn[1].imm : OPT_NO_REG;
}

bool opt_is_at_hand(const struct opt *opt, ir_ref ref)
{
    while (opt->insns[ref].op == IR_trunc)
        ref = opt->insns[ref].a;
    uint8_t home = opt->home[ref];
    if (home == OPT_NO_REG || opt->reg[home] == ref)
        return true;
    /* The write that replaced it is dead when the result goes to the same register. */
    return opt->fresh_regs >> home & 1 && destination_reg(opt) == home;
}

static inline ir_ref read_reg(struct opt *opt, const struct ir_insn *insn)
{
    ir_ref *known = &opt->reg[insn->imm];
    if (*known != IR_NONE && opt_has(opt, OPT_forward)) {
        if (opt->insns[*known].type == insn->type)
            return *known;
        return opt_push(opt, (struct ir_insn){IR_bitcast, insn->type, *known, IR_NONE, IR_NONE, 0});
    }
    *known = append(opt, insn);
    opt->home[*known] = (uint8_t)insn->imm;
    return *known;
}

static inline void write_reg(struct opt *opt, const struct ir_insn *insn)
{
    uint64_t reg = insn->imm;
    ir_ref value = insn->a;
    if (opt->reg[reg] == value && opt_has(opt, OPT_forward))
        return;
    append(opt, insn);
    opt->reg[reg] = value;
    opt->fresh_regs |= UINT64_C(1) << reg;
    opt->home[value] = (uint8_t)reg;
}

/* ---- the pass ---- */

/* An exit on a constant condition: never taken, or the end of the block. False when it goes. */
static bool fold_exit(const struct opt *opt, struct ir_insn *insn)
{
    if (!opt_has(opt, OPT_fold) || !opt_is_const(opt, insn->a))
        return true;
    if (opt->insns[insn->a].imm == 0)
        return false;
    insn->op = insn->op == IR_exit_if ? IR_exit_direct : IR_exit_trap;
    insn->a = IR_NONE;
    return true;
}

static inline ir_ref forward_exit(struct opt *opt, const struct ir_insn *input)
{
    struct ir_insn insn = *input;
    opt->fresh_regs = 0;
    if (insn.op == IR_exit_if || insn.op == IR_exit_trap_if) {
        if (opt_has(opt, OPT_simplify))
            opt_simplify_exit(opt, &insn);
        if (!fold_exit(opt, &insn))
            return IR_NONE;
    }
    opt->is_ended = ir_op_info[insn.op].flags & IR_ENDS;
    return append(opt, &insn);
}

/* A memory access: x + constant as an address goes into the displacement. */
static inline ir_ref forward_access(struct opt *opt, const struct ir_insn *insn)
{
    opt->fresh_regs = 0;
    ir_ref ref = append(opt, insn);
    if (opt->insns[insn->a].op == IR_add && opt_has(opt, OPT_simplify))
        opt_simplify_address(opt, &opt->insns[ref]);
    return ref;
}

/* What an operation is to the forward pass. */
enum forward_kind {
    FORWARD_CONST,
    FORWARD_GET,
    FORWARD_SET,
    FORWARD_VALUE,   /* may be folded, simplified, shared */
    FORWARD_ACCESS,  /* plain memory access */
    FORWARD_SEEN,    /* atomics: like those, the guest's registers may be seen */
    FORWARD_EXIT,
    FORWARD_BARRIER, /* FP operations are not shared across it */
    FORWARD_EFFECT,
};

/* By the flags of ir_ops.def, after those that are named: B outweighs P and Q, and those E and R. */
enum { E = 0, R = 0, P = 1, Q = 1, B = 2, Z = 2 };
#define KIND(op, flags)                                                                            \
    ((op) == IR_const                                                     ? FORWARD_CONST          \
     : (op) == IR_get_reg                                                 ? FORWARD_GET            \
     : (op) == IR_set_reg                                                 ? FORWARD_SET            \
     : (op) == IR_load || (op) == IR_load_f32 || (op) == IR_store         ? FORWARD_ACCESS         \
     : (op) == IR_load_reserved || (op) == IR_store_conditional ||                                 \
             (op) == IR_amo                                               ? FORWARD_SEEN           \
     : (op) == IR_get_fflags || (op) == IR_set_fflags || (op) == IR_set_frm ? FORWARD_BARRIER      \
     : (flags)&B                                                          ? FORWARD_EXIT           \
     : (flags)&P                                                          ? FORWARD_VALUE          \
                                                                          : FORWARD_EFFECT)
static const uint8_t kinds[IR_OP_COUNT] = {
#define IR_OP(name, result, a, b, c, imm, flags, meaning) [IR_##name] = KIND(IR_##name, flags),
#include "src/ir/ir_ops.def"
#undef IR_OP
};
#undef KIND

/* Gives the value of the operation in the output; IR_NONE when it is dropped and defines none. */
static inline __attribute__((always_inline)) ir_ref forward(struct opt *opt,
                                                            const struct ir_insn *insn)
{
    switch ((enum forward_kind)kinds[insn->op]) {
    case FORWARD_CONST:
        return opt_const(opt, insn->type, insn->imm);
    case FORWARD_GET:
        return read_reg(opt, insn);
    case FORWARD_SET:
        write_reg(opt, insn);
        return IR_NONE;
    case FORWARD_VALUE: {
        struct ir_insn copy = *insn;
        return push(opt, &copy);
    }
    case FORWARD_ACCESS:
        return forward_access(opt, insn);
    case FORWARD_EXIT:
        return forward_exit(opt, insn);
    case FORWARD_SEEN:
        opt->fresh_regs = 0;
        break;
    case FORWARD_BARRIER:
        opt->fp_barrier = opt->length;
        break;
    case FORWARD_EFFECT:
        break;
    }
    return append(opt, insn);
}

/* While nothing has been added, dropped or replaced every value has its old number. Gives the first
 * instruction where that is no longer so: its value is *ret_value then, and it has been done. */
static uint32_t forward_in_step(struct opt *opt, const struct ir_block *block, ir_ref *ret_value)
{
    const struct ir_insn *inputs = block->insns;
    uint32_t i = 0, length = block->length;
    for (; i < length; i++) {
        opt->input = &inputs[i];
        ir_ref value = forward(opt, opt->input);
        bool is_in_step = opt->length == i + 1 && (value == i || value == IR_NONE);
        if (__builtin_expect(!is_in_step || opt->is_ended, 0)) {
            *ret_value = value;
            break;
        }
    }
    return i;
}

static void forward_all(struct arena *arena, struct opt *opt, const struct ir_block *block)
{
    ir_ref value = IR_NONE;
    uint32_t i = forward_in_step(opt, block, &value), length = block->length;
    if (i == length || opt->is_ended)
        return;
    ir_ref *map = arena_alloc(arena, length * sizeof *map);
    for (uint32_t k = 0; k < i; k++)
        map[k] = (ir_ref)k;
    map[i] = value;
    const struct ir_insn *inputs = block->insns;
    while (++i < length && !opt->is_ended) {
        const struct ir_insn *input = &inputs[i];
        opt->input = input;
        struct ir_insn insn =
            opt_renumbered(map, (ir_ref)i, input, ir_op_info[input->op].operand_count);
        map[i] = forward(opt, &insn);
    }
}

/* What the instructions of the block become. The block has few enough. */
static void run_forward(struct arena *arena, struct ir_block *block, uint32_t passes)
{
    struct opt *opt = arena_alloc(arena, sizeof *opt);
    uint32_t capacity = block->length * MAX_GROWTH;
    opt->passes = passes;
    opt->length = 0;
    opt->insns = arena_alloc(arena, capacity * (sizeof *opt->insns + sizeof *opt->home));
    opt->home = (uint8_t *)(opt->insns + capacity);
    opt->fresh_regs = 0;
    opt->fp_barrier = 0;
    opt->is_ended = false;
    ir_set_none(opt->reg, IR_GUEST_REGS);
    ir_set_none(opt->cse, OPT_CSE_SLOTS);
    ir_set_none(opt->constant, OPT_CONST_SLOTS);
    forward_all(arena, opt, block);
    block->insns = opt->insns;
    block->length = opt->length;
    block->capacity = capacity;
}

struct ir_block *opt_run(struct arena *arena, const struct ir_block *block, uint32_t passes)
{
    struct ir_block *result = arena_alloc(arena, sizeof *result);
    *result = *block;
    result->is_unconverted = false;
    if (block->length * MAX_GROWTH > IR_MAX_INSNS)
        return result;
    run_forward(arena, result, passes);
    if (passes >> OPT_join & 1 && result->length * MAX_GROWTH <= IR_MAX_INSNS &&
        opt_join_loads(arena, result) && result->length * MAX_GROWTH <= IR_MAX_INSNS)
        run_forward(arena, result, passes);
    if (passes >> OPT_dead & 1)
        opt_remove_dead(arena, result);
    return result;
}

/* ---- options ---- */

static bool find_pass(const char *name, size_t length, unsigned *ret_pass)
{
    for (unsigned pass = 0; pass < OPT_PASS_COUNT; pass++) {
        if (strlen(opt_pass_name[pass]) == length &&
            memcmp(opt_pass_name[pass], name, length) == 0) {
            *ret_pass = pass;
            return true;
        }
    }
    return false;
}

static enum status parse_word(const char *word, size_t length, uint32_t *passes, struct error *err)
{
    unsigned pass;
    if (length == 3 && memcmp(word, "all", length) == 0)
        *passes = OPT_ALL;
    else if (length == 4 && memcmp(word, "none", length) == 0)
        *passes = OPT_NONE;
    else if (length > 1 && *word == '+' && find_pass(word + 1, length - 1, &pass))
        *passes |= 1u << pass;
    else if (length > 1 && *word == '-' && find_pass(word + 1, length - 1, &pass))
        *passes &= ~(1u << pass);
    else
        return error_set(err, STATUS_BAD_OPTION,
                         "'%.*s' is no optimiser pass (all, none, +name or -name)", (int)length,
                         word);
    return STATUS_OK;
}

enum status opt_parse(const char *text, uint32_t *passes, struct error *err)
{
    uint32_t result = *passes;
    for (;;) {
        size_t length = strcspn(text, ",");
        enum status status = parse_word(text, length, &result, err);
        if (status)
            return status;
        if (text[length] == '\0')
            break;
        text += length + 1;
    }
    *passes = result;
    return STATUS_OK;
}
