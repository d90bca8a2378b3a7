/* What is known of the values and registers of one block (facts.c).
 *
 * A value or register is *narrow* when an i64 holds a sign-extended 32-bit number, or an f64 a
 * boxed f32. Lowering then keeps its 32-bit form alone, so that LLVM sees 32-bit arithmetic. With
 * the 32-bit dataflow switched off (is_wide) no i64 is narrow.
 * It is *arithmetic* when it is the result of a floating-point operation (of its narrow form when
 * it is narrow): a NaN in it stands for the canonical NaN, and it may be *unclean*, which means
 * that it is not yet made canonical. Operations do not care; stores, exits and the like do. */
#ifndef TIERCEL_TIER2_FACTS_H
#define TIERCEL_TIER2_FACTS_H

#include "src/ir/ir.h"

struct value_facts {
    bool is_narrow;
    bool is_arithmetic;
    bool is_unclean;
    bool is_muted; /* a comparison that is to raise no flags; a set_fflags that changes nothing then */
    bool is_seen; /* its bits matter to a user, even when it is a NaN */
};

/* Sets of guest registers: bit r is register r. arithmetic_narrow is about registers that are
 * narrow, arithmetic_full about the others. */
struct reg_facts {
    uint64_t narrow;
    uint64_t arithmetic_full, arithmetic_narrow;
    uint64_t unclean;
    bool is_wide; /* the same throughout a region */
};

static inline uint64_t reg_bit(uint64_t reg)
{
    return UINT64_C(1) << reg;
}

/* Whether a value of this type in this register can be narrow or arithmetic at all. */
static inline bool reg_has_type(uint64_t reg, unsigned type)
{
    return reg < IR_FIRST_FP_REG ? type == IR_I64 : type == IR_F64;
}

/* Registers that may be narrow at all. */
static inline uint64_t regs_narrowable(bool is_wide)
{
    return is_wide ? UINT64_MAX << IR_FIRST_FP_REG : UINT64_MAX;
}

/* Nothing is known to be false yet: what a meet starts from. */
struct reg_facts reg_facts_top(bool is_wide);
void reg_facts_meet(struct reg_facts *facts, const struct reg_facts *other);
static inline bool reg_facts_equal(const struct reg_facts *a, const struct reg_facts *b)
{
    return a->narrow == b->narrow && a->arithmetic_full == b->arithmetic_full &&
           a->arithmetic_narrow == b->arithmetic_narrow && a->unclean == b->unclean;
}

/* Facts of one instruction's value from those of the ones before; is_seen and is_muted stay. */
void value_facts_find(const struct ir_block *block, ir_ref ref, const struct reg_facts *regs,
                      struct value_facts *values);
/* The registers after the set_reg `insn`. */
void reg_facts_after_set(const struct ir_block *block, const struct ir_insn *insn,
                         const struct value_facts *values, struct reg_facts *regs);
/* Facts of all values, is_seen and is_muted too; the array has one entry per instruction. */
void block_find_facts(const struct ir_block *block, const struct reg_facts *regs_in,
                      struct value_facts *values);

#endif
