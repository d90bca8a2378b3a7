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

static inline ir_ref append(struct opt *opt, struct ir_insn insn)
{
    ir_ref ref = (ir_ref)opt->length++;
    opt->insns[ref] = insn;
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
    return *slot = append(
               opt, (struct ir_insn){IR_const, (uint8_t)type, IR_NONE, IR_NONE, IR_NONE, value});
}

static inline uint64_t head_of(const struct ir_insn *insn)
{
    uint64_t head;
    memcpy(&head, insn, sizeof head);
    return head;
}

/* An earlier operation that gives the same value, else the new one. */
static ir_ref share(struct opt *opt, struct ir_insn insn)
{
    uint64_t head = head_of(&insn);
    uint64_t hash = (head ^ insn.imm << 17) * UINT64_C(0x9e3779b97f4a7c15);
    ir_ref *slot = &opt->cse[hash >> 58];
    bool sets_flags = ir_op_info[insn.op].flags & IR_FP_FLAGS;
    if (*slot != IR_NONE && head_of(&opt->insns[*slot]) == head &&
        opt->insns[*slot].imm == insn.imm && !(sets_flags && *slot < opt->fp_barrier))
        return *slot;
    return *slot = append(opt, insn);
}

static bool fold(struct opt *opt, const struct ir_insn *insn, ir_ref *ret_value)
{
    const struct ir_op_info *info = &ir_op_info[insn->op];
    const ir_ref operand[3] = {insn->a, insn->b, insn->c};
    uint64_t value[3] = {0};
    for (unsigned i = 0; i < info->operand_count; i++) {
        if (!opt_is_const(opt, operand[i]))
            return false;
        value[i] = opt->insns[operand[i]].imm;
    }
    uint64_t result = ir_eval(insn->op, insn->type, opt_width(opt, insn->a), value[0], value[1],
                              value[2], insn->imm);
    *ret_value = opt_const(opt, insn->type, result);
    return true;
}

ir_ref opt_push(struct opt *opt, struct ir_insn insn)
{
    ir_ref simpler;
    if (insn.op == IR_const)
        return opt_const(opt, insn.type, insn.imm);
    if (ir_op_info[insn.op].flags & IR_PURE) {
        if (opt_has(opt, OPT_fold) && fold(opt, &insn, &simpler))
            return simpler;
        if (opt_has(opt, OPT_simplify) && (simpler = opt_simplify(opt, &insn)) != IR_NONE)
            return simpler;
    }
    return opt_has(opt, OPT_cse) ? share(opt, insn) : append(opt, insn);
}

/* ---- guest registers ---- */

/* The register that the input instruction at hand, a pure one, is computed for. */
static unsigned destination_reg(const struct opt *opt)
{
    const struct ir_insn *insn = opt->pure_at;
    if (!insn)
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

static ir_ref read_reg(struct opt *opt, struct ir_insn insn)
{
    ir_ref *known = &opt->reg[insn.imm];
    if (*known != IR_NONE && opt_has(opt, OPT_forward)) {
        if (opt->insns[*known].type == insn.type)
            return *known;
        return opt_push(opt, (struct ir_insn){IR_bitcast, insn.type, *known, IR_NONE, IR_NONE, 0});
    }
    *known = append(opt, insn);
    opt->home[*known] = (uint8_t)insn.imm;
    return *known;
}

static void write_reg(struct opt *opt, struct ir_insn insn)
{
    ir_ref *known = &opt->reg[insn.imm];
    if (opt_has(opt, OPT_forward) && *known == insn.a)
        return;
    append(opt, insn);
    *known = insn.a;
    opt->fresh_regs |= UINT64_C(1) << insn.imm;
    opt->home[insn.a] = (uint8_t)insn.imm;
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

static ir_ref forward_effect(struct opt *opt, struct ir_insn insn)
{
    if (opt_has(opt, OPT_simplify))
        opt_simplify_effect(opt, &insn);
    if (opt_can_leave(insn.op))
        opt->fresh_regs = 0;
    if ((insn.op == IR_exit_if || insn.op == IR_exit_trap_if) && !fold_exit(opt, &insn))
        return IR_NONE;
    opt->is_ended = ir_op_info[insn.op].flags & IR_ENDS;
    return append(opt, insn);
}

/* Gives the value of the operation in the output; IR_NONE when it defines none. */
static inline ir_ref forward(struct opt *opt, struct ir_insn insn)
{
    switch ((unsigned)insn.op) {
    case IR_const:
        return opt_const(opt, insn.type, insn.imm);
    case IR_get_reg:
        return read_reg(opt, insn);
    case IR_set_reg:
        write_reg(opt, insn);
        return IR_NONE;
    case IR_get_fflags:
    case IR_set_fflags:
    case IR_set_frm:
        opt->fp_barrier = opt->length;
        return append(opt, insn);
    }
    if (ir_op_info[insn.op].flags & (IR_PURE | IR_FP_FLAGS))
        return opt_push(opt, insn);
    return forward_effect(opt, insn);
}

static void forward_all(struct arena *arena, struct opt *opt, const struct ir_block *block)
{
    ir_ref *map = arena_alloc(arena, block->length * sizeof *map);
    const struct ir_insn *inputs = block->insns;
    for (uint32_t i = 0, length = block->length; i < length; i++) {
        const struct ir_insn *input = &inputs[i];
        const struct ir_op_info *info = &ir_op_info[input->op];
        struct ir_insn insn = opt_renumbered(map, (ir_ref)i, input, info->operand_count);
        opt->pure_at = info->flags & IR_PURE ? input : NULL;
        map[i] = forward(opt, insn);
        if (opt->is_ended)
            return;
    }
}

struct ir_block *opt_run(struct arena *arena, const struct ir_block *block, uint32_t passes)
{
    struct ir_block *result = arena_alloc(arena, sizeof *result);
    *result = *block;
    uint32_t capacity = block->length * MAX_GROWTH;
    if (capacity > IR_MAX_INSNS)
        return result;
    struct opt *opt = arena_alloc(arena, sizeof *opt);
    opt->passes = passes;
    opt->length = 0;
    opt->insns = arena_alloc(arena, capacity * (sizeof *opt->insns + sizeof *opt->home));
    opt->home = (uint8_t *)(opt->insns + capacity);
    opt->fresh_regs = 0;
    opt->fp_barrier = 0;
    opt->is_ended = false;
    memset(opt->reg, 0xff, sizeof opt->reg + sizeof opt->cse + sizeof opt->constant);
    forward_all(arena, opt, block);

    result->insns = opt->insns;
    result->length = opt->length;
    result->capacity = capacity;
    if (opt_has(opt, OPT_dead))
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
