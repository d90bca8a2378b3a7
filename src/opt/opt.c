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

static ir_ref append(struct opt *opt, const struct ir_insn *insn)
{
    ir_ref ref = (ir_ref)opt->length++;
    opt->insns[ref] = *insn;
    opt->range[ref] = opt_range_of(opt, insn);
    return ref;
}

ir_ref opt_const(struct opt *opt, enum ir_type type, uint64_t value)
{
    unsigned width = ir_type_width[type];
    if (width < 64)
        value &= (UINT64_C(1) << width) - 1;
    ir_ref *slot = &opt->constant[((value + type) * UINT64_C(0x9e3779b97f4a7c15)) >> 58];
    if (*slot != IR_NONE && opt->insns[*slot].imm == value && opt->insns[*slot].type == type)
        return *slot;
    return *slot = append(opt, &(struct ir_insn){IR_const, (uint8_t)type, IR_NONE, IR_NONE, IR_NONE, value});
}

static unsigned cse_slot(const struct ir_insn *insn)
{
    uint64_t words[2];
    memcpy(words, insn, sizeof words);
    return (unsigned)(((words[0] ^ words[1] << 17) * UINT64_C(0x9e3779b97f4a7c15)) >> 56);
}

/* An earlier operation that gives the same value, else the new one. */
static ir_ref share(struct opt *opt, const struct ir_insn *insn)
{
    ir_ref *slot = &opt->cse[cse_slot(insn)];
    bool sets_flags = ir_op_info[insn->op].flags & IR_FP_FLAGS;
    if (*slot != IR_NONE && memcmp(&opt->insns[*slot], insn, sizeof *insn) == 0 &&
        !(sets_flags && *slot < opt->fp_barrier))
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
    return opt_has(opt, OPT_cse) ? share(opt, &insn) : append(opt, &insn);
}

/* ---- guest registers ---- */

/* The register that the input instruction at hand, a pure one, is computed for. */
static unsigned destination_reg(const struct opt *opt)
{
    const struct ir_insn *insn = opt->pure_at;
    if (!insn)
        return OPT_NO_REG;
    /* The builder puts extension or boxing and the write directly behind an operation. */
    while (insn[1].op == IR_sext || insn[1].op == IR_zext || insn[1].op == IR_trunc || insn[1].op == IR_box)
        insn++;
    return insn[1].op == IR_set_reg ? (unsigned)insn[1].imm : OPT_NO_REG;
}

bool opt_is_at_hand(const struct opt *opt, ir_ref ref)
{
    while (opt->insns[ref].op == IR_trunc)
        ref = opt->insns[ref].a;
    uint8_t home = opt->range[ref].home;
    if (home == OPT_NO_REG || opt->reg[home] == ref)
        return true;
    /* The write that replaced it is dead when the result goes to the same register. */
    return opt->fresh_regs >> home & 1 && destination_reg(opt) == home;
}

static ir_ref read_reg(struct opt *opt, const struct ir_insn *insn)
{
    ir_ref *known = &opt->reg[insn->imm];
    if (!opt_has(opt, OPT_forward)) {
        *known = append(opt, insn);
        return *known;
    }
    if (*known == IR_NONE)
        return *known = append(opt, insn);
    if (opt->insns[*known].type == insn->type)
        return *known;
    return opt_push(opt, (struct ir_insn){IR_bitcast, insn->type, *known, IR_NONE, IR_NONE, 0});
}

static void write_reg(struct opt *opt, const struct ir_insn *insn)
{
    ir_ref *known = &opt->reg[insn->imm];
    if (opt_has(opt, OPT_forward) && *known == insn->a)
        return;
    append(opt, insn);
    *known = insn->a;
    opt->fresh_regs |= UINT64_C(1) << insn->imm;
    opt->range[insn->a].home = (uint8_t)insn->imm;
}

/* ---- the pass ---- */

/* Gives the value of the operation in the output; IR_NONE when it defines none. */
static ir_ref forward(struct opt *opt, struct ir_insn *insn)
{
    unsigned flags = ir_op_info[insn->op].flags;
    if (flags & (IR_PURE | IR_FP_FLAGS))
        return opt_push(opt, *insn);
    if (insn->op == IR_get_reg)
        return read_reg(opt, insn);
    if (insn->op == IR_set_reg) {
        write_reg(opt, insn);
        return IR_NONE;
    }
    if (insn->op == IR_get_fflags || insn->op == IR_set_fflags || insn->op == IR_set_frm)
        opt->fp_barrier = opt->length;
    if (opt_has(opt, OPT_simplify))
        opt_simplify_effect(opt, insn);
    if (opt_can_leave(insn->op))
        opt->fresh_regs = 0;
    if (opt_has(opt, OPT_fold) && insn->op == IR_exit_if && opt_is_const(opt, insn->a)) {
        if (opt->insns[insn->a].imm == 0)
            return IR_NONE;
        *insn = (struct ir_insn){IR_exit_direct, IR_VOID, IR_NONE, IR_NONE, insn->c, insn->imm};
    }
    if (opt_has(opt, OPT_fold) && insn->op == IR_exit_trap_if && opt_is_const(opt, insn->a)) {
        if (opt->insns[insn->a].imm == 0)
            return IR_NONE;
        *insn = (struct ir_insn){IR_exit_trap, IR_VOID, IR_NONE, IR_NONE, insn->c, insn->imm};
    }
    return append(opt, insn);
}

static struct ir_insn with_mapped_operands(const struct ir_insn *insn, const ir_ref *map)
{
    const struct ir_op_info *info = &ir_op_info[insn->op];
    struct ir_insn copy = *insn;
    if (info->operand_count > 0)
        copy.a = map[insn->a];
    if (info->operand_count > 1)
        copy.b = map[insn->b];
    if (info->operand_count > 2)
        copy.c = map[insn->c];
    return copy;
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
    opt->insns = arena_alloc(arena, capacity * sizeof *opt->insns);
    opt->length = 0;
    opt->fresh_regs = 0;
    opt->range = arena_alloc(arena, capacity * sizeof *opt->range);
    opt->fp_barrier = 0;
    memset(opt->reg, 0xff, sizeof opt->reg + sizeof opt->cse + sizeof opt->constant);

    ir_ref *map = arena_alloc(arena, block->length * sizeof *map);
    for (uint32_t i = 0; i < block->length; i++) {
        opt->pure_at = ir_op_info[block->insns[i].op].flags & IR_PURE ? &block->insns[i] : NULL;
        struct ir_insn insn = with_mapped_operands(&block->insns[i], map);
        map[i] = forward(opt, &insn);
        if (ir_op_info[insn.op].flags & IR_ENDS)
            break;
    }

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
        if (strlen(opt_pass_name[pass]) == length && memcmp(opt_pass_name[pass], name, length) == 0) {
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
        return error_set(err, STATUS_BAD_OPTION, "'%.*s' is no optimiser pass (all, none, +name or -name)",
                         (int)length, word);
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
