/* Transfer functions over one block. See facts.h. */
#include "tier2/facts.h"

#include "src/ir/fp.h"

/* How an operation's i64 or f64 result gets narrow. */
enum narrow_rule {
    NARROW_NEVER,
    NARROW_ALWAYS,      /* the result is a small number, or boxed */
    NARROW_CONST,       /* the immediate is */
    NARROW_REG,         /* the register is narrow */
    NARROW_SIGNED,      /* sign extension from at most 32 bits */
    NARROW_UNSIGNED,    /* zero extension from less than 32 bits */
    NARROW_BOTH,        /* both operands are narrow */
    NARROW_AND,         /* both are, or one is a constant of at most 31 bits */
    NARROW_SELECT,      /* operands b and c are narrow */
    NARROW_SHIFT_RIGHT, /* by a constant above 32 */
    NARROW_SHIFT_ARITH, /* by a constant from 32, or of a narrow value by a constant */
    NARROW_MEMORY,      /* a memory access of less than 32 bits, or signed 32 bits */
    NARROW_ATOMIC,      /* a memory access of 32 bits */
};

static const uint8_t narrow_rule[IR_OP_COUNT] = {
    [IR_const] = NARROW_CONST,
    [IR_get_reg] = NARROW_REG,
    [IR_sext] = NARROW_SIGNED,
    [IR_zext] = NARROW_UNSIGNED,
    [IR_and] = NARROW_AND,
    [IR_or] = NARROW_BOTH,
    [IR_xor] = NARROW_BOTH,
    [IR_min_s] = NARROW_BOTH,
    [IR_min_u] = NARROW_BOTH,
    [IR_max_s] = NARROW_BOTH,
    [IR_max_u] = NARROW_BOTH,
    [IR_rem_s] = NARROW_BOTH,
    [IR_select] = NARROW_SELECT,
    [IR_shr] = NARROW_SHIFT_RIGHT,
    [IR_sar] = NARROW_SHIFT_ARITH,
    [IR_clz] = NARROW_ALWAYS,
    [IR_ctz] = NARROW_ALWAYS,
    [IR_popcnt] = NARROW_ALWAYS,
    [IR_eq] = NARROW_ALWAYS,
    [IR_ne] = NARROW_ALWAYS,
    [IR_lt_s] = NARROW_ALWAYS,
    [IR_ge_s] = NARROW_ALWAYS,
    [IR_lt_u] = NARROW_ALWAYS,
    [IR_ge_u] = NARROW_ALWAYS,
    [IR_feq] = NARROW_ALWAYS,
    [IR_flt] = NARROW_ALWAYS,
    [IR_fle] = NARROW_ALWAYS,
    [IR_store_conditional] = NARROW_ALWAYS,
    [IR_load] = NARROW_MEMORY,
    [IR_load_reserved] = NARROW_ATOMIC,
    [IR_amo] = NARROW_ATOMIC,
    [IR_box] = NARROW_ALWAYS,
};

/* Operations whose result the host gives without making a NaN canonical, when they round as the
 * host does. */
static const bool leaves_unclean[IR_OP_COUNT] = {
    [IR_fadd] = true, [IR_fsub] = true,  [IR_fmul] = true,     [IR_fdiv] = true,
    [IR_fsqrt] = true, [IR_fmadd] = true, [IR_fcvt_f32] = true, [IR_fcvt_f64] = true,
};

/* ---- narrow ---- */

static bool constant_of(const struct ir_block *block, ir_ref ref, uint64_t *ret_value)
{
    if (block->insns[ref].op != IR_const)
        return false;
    *ret_value = block->insns[ref].imm;
    return true;
}

static bool fits_signed_32(uint64_t value)
{
    return (uint64_t)(int64_t)(int32_t)value == value;
}

static bool is_narrow_const(const struct ir_insn *insn)
{
    return insn->type == IR_I64 ? fits_signed_32(insn->imm) : insn->imm >> 32 == UINT32_MAX;
}

static bool is_narrow_and(const struct ir_block *block, const struct ir_insn *insn,
                          const struct value_facts *values)
{
    uint64_t value;
    if (values[insn->a].is_narrow && values[insn->b].is_narrow)
        return true;
    if (constant_of(block, insn->a, &value) && value <= INT32_MAX)
        return true;
    return constant_of(block, insn->b, &value) && value <= INT32_MAX;
}

static bool is_narrow_memory(const struct ir_insn *insn)
{
    unsigned size_log2 = ir_memop_size_log2(insn->c);
    return size_log2 < 2 || (size_log2 == 2 && ir_memop_is_signed(insn->c));
}

static bool is_narrow(const struct ir_block *block, const struct ir_insn *insn,
                      const struct reg_facts *regs, const struct value_facts *values)
{
    uint64_t value;
    if (insn->type != IR_F64 && (insn->type != IR_I64 || regs->is_wide))
        return false;
    switch ((enum narrow_rule)narrow_rule[insn->op]) {
    case NARROW_NEVER:
        return false;
    case NARROW_ALWAYS:
        return true;
    case NARROW_CONST:
        return is_narrow_const(insn);
    case NARROW_REG:
        return reg_has_type(insn->imm, insn->type) && (regs->narrow & reg_bit(insn->imm));
    case NARROW_SIGNED:
        return ir_width_of(block, insn->a) <= 32;
    case NARROW_UNSIGNED:
        return ir_width_of(block, insn->a) < 32;
    case NARROW_BOTH:
        return values[insn->a].is_narrow && values[insn->b].is_narrow;
    case NARROW_AND:
        return is_narrow_and(block, insn, values);
    case NARROW_SELECT:
        return values[insn->b].is_narrow && values[insn->c].is_narrow;
    case NARROW_SHIFT_RIGHT:
        return constant_of(block, insn->b, &value) && (value & 63) > 32;
    case NARROW_SHIFT_ARITH:
        return constant_of(block, insn->b, &value) &&
               ((value & 63) >= 32 || values[insn->a].is_narrow);
    case NARROW_MEMORY:
        return insn->type == IR_I64 && is_narrow_memory(insn);
    case NARROW_ATOMIC:
        return ir_memop_size_log2(insn->c) == 2;
    }
    return false;
}

/* ---- arithmetic and unclean ---- */

/* bits: of a float of the type, or of a boxed f32. */
static bool is_nan_of(unsigned type, uint64_t bits)
{
    if (type == IR_F32 || bits >> 32 == UINT32_MAX)
        return (bits & 0x7fffffff) > 0x7f800000;
    return (bits & (UINT64_MAX >> 1)) > UINT64_C(0x7ff0000000000000);
}

static void find_arithmetic_reg(const struct ir_insn *insn, const struct reg_facts *regs,
                                struct value_facts *facts)
{
    if (!reg_has_type(insn->imm, insn->type))
        return;
    uint64_t arithmetic = facts->is_narrow ? regs->arithmetic_narrow : regs->arithmetic_full;
    facts->is_arithmetic = arithmetic & reg_bit(insn->imm);
    facts->is_unclean = facts->is_arithmetic && (regs->unclean & reg_bit(insn->imm));
}

static void find_arithmetic(const struct ir_insn *insn, const struct reg_facts *regs,
                            const struct value_facts *values, struct value_facts *facts)
{
    facts->is_arithmetic = facts->is_unclean = false;
    if (!ir_type_is_float(insn->type))
        return;
    if (insn->op == IR_get_reg) {
        find_arithmetic_reg(insn, regs, facts);
    } else if (insn->op == IR_const) {
        facts->is_arithmetic = !is_nan_of(insn->type, insn->imm);
    } else if (insn->op == IR_box || (insn->op == IR_unbox && values[insn->a].is_narrow)) {
        facts->is_arithmetic = values[insn->a].is_arithmetic;
        facts->is_unclean = values[insn->a].is_unclean;
    } else if (ir_op_info[insn->op].flags & IR_FP_FLAGS) {
        facts->is_arithmetic = true;
        facts->is_unclean = leaves_unclean[insn->op] &&
                            (insn->imm == IR_RM_HOST || insn->op == IR_fcvt_f64);
    }
}

/* ---- interface ---- */

struct reg_facts reg_facts_top(bool is_wide)
{
    return (struct reg_facts){
        .narrow = regs_narrowable(is_wide),
        .arithmetic_full = UINT64_MAX,
        .arithmetic_narrow = UINT64_MAX,
        .is_wide = is_wide,
    };
}

void reg_facts_meet(struct reg_facts *facts, const struct reg_facts *other)
{
    facts->narrow &= other->narrow;
    facts->arithmetic_full &= other->arithmetic_full;
    facts->arithmetic_narrow &= other->arithmetic_narrow;
    facts->unclean |= other->unclean;
}

void value_facts_find(const struct ir_block *block, ir_ref ref, const struct reg_facts *regs,
                      struct value_facts *values)
{
    const struct ir_insn *insn = &block->insns[ref];
    values[ref].is_narrow = is_narrow(block, insn, regs, values);
    find_arithmetic(insn, regs, values, &values[ref]);
}

static void set_bit(uint64_t *set, uint64_t bit, bool is_on)
{
    *set = is_on ? *set | bit : *set & ~bit;
}

void reg_facts_after_set(const struct ir_block *block, const struct ir_insn *insn,
                         const struct value_facts *values, struct reg_facts *regs)
{
    uint64_t bit = reg_bit(insn->imm);
    const struct value_facts *value = &values[insn->a];
    bool has_type = reg_has_type(insn->imm, block->insns[insn->a].type);
    bool narrow = has_type && value->is_narrow, arithmetic = has_type && value->is_arithmetic;
    set_bit(&regs->narrow, bit, narrow);
    set_bit(&regs->arithmetic_narrow, bit, arithmetic && narrow);
    set_bit(&regs->arithmetic_full, bit, arithmetic && !narrow);
    set_bit(&regs->unclean, bit, arithmetic && value->is_unclean);
}

/* Operations that treat all quiet NaNs alike. */
static bool is_blind_to_nans(unsigned op)
{
    return ir_op_info[op].flags & IR_FP_FLAGS;
}

/* Marks the operands whose bits matter to the instruction. A sign operation passes the question
 * on for its first operand. */
static void mark_seen(const struct ir_insn *insn, const struct value_facts *self,
                      struct value_facts *values)
{
    unsigned operands = ir_op_info[insn->op].operand_count;
    if (is_blind_to_nans(insn->op))
        return;
    bool is_sign = insn->op == IR_fneg || insn->op == IR_fabs || insn->op == IR_fcopysign;
    if (operands > 0 && (!is_sign || self->is_seen))
        values[insn->a].is_seen = true;
    if (operands > 1)
        values[insn->b].is_seen = true;
    if (operands > 2)
        values[insn->c].is_seen = true;
}

static void mark_muted(const struct ir_block *block, struct value_facts *values)
{
    for (uint32_t i = 0; i < block->length; i++) {
        if (block->insns[i].op != IR_set_fflags)
            continue;
        ir_ref get = ir_flags_restored_by(block, (ir_ref)i);
        for (uint32_t j = get; get != IR_NONE && j <= i; j++)
            values[j].is_muted = true;
    }
}

void block_find_facts(const struct ir_block *block, const struct reg_facts *regs_in,
                      struct value_facts *values)
{
    struct reg_facts regs = *regs_in;
    for (uint32_t i = 0; i < block->length; i++) {
        values[i].is_seen = values[i].is_muted = false;
        value_facts_find(block, (ir_ref)i, &regs, values);
        if (block->insns[i].op == IR_set_reg)
            reg_facts_after_set(block, &block->insns[i], values, &regs);
    }
    mark_muted(block, values);
    for (uint32_t i = block->length; i-- > 0;)
        mark_seen(&block->insns[i], &values[i], values);
}
