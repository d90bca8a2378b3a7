/* Which loops of one block LLVM might vectorise: they alone are worth a counter of their own for
 * chunks of iterations.
 *
 * A value is linear when it is made of constants and registers by additions and the like; a register
 * is when every value it gets is. Memory has to be accessed at linear addresses, and the exits to
 * compare linear values, or the iterations cannot be counted. Constrained floating point is never
 * vectorised. */
#include "tier2/analysis.h"

struct linear_search {
    const struct ir_block *block;
    uint64_t other_regs; /* registers that get a value that is not linear */
    bool *is_linear;     /* per instruction */
};

/* Linear when all operands are. */
static const bool is_linear_op[IR_OP_COUNT] = {
    [IR_add] = true, [IR_sub] = true, [IR_sext] = true, [IR_zext] = true, [IR_trunc] = true,
};

static bool is_linear(const struct linear_search *search, const struct ir_insn *insn)
{
    const bool *known = search->is_linear;
    if (insn->op == IR_const)
        return true;
    if (insn->op == IR_get_reg)
        return !(search->other_regs & reg_bit(insn->imm));
    if (insn->op == IR_shl)
        return known[insn->a] && search->block->insns[insn->b].op == IR_const;
    bool is_unary = ir_op_info[insn->op].operand_count == 1;
    return is_linear_op[insn->op] && known[insn->a] && (is_unary || known[insn->b]);
}

/* Starts with all registers linear and goes on until no more of them turns out not to be. */
static void find_linear(struct linear_search *search)
{
    uint64_t known;
    do {
        known = search->other_regs;
        for (uint32_t i = 0; i < search->block->length; i++) {
            const struct ir_insn *insn = &search->block->insns[i];
            search->is_linear[i] = is_linear(search, insn);
            if (insn->op == IR_set_reg && !search->is_linear[insn->a])
                search->other_regs |= reg_bit(insn->imm);
        }
    } while (search->other_regs != known);
}

static bool is_counted_exit(const struct linear_search *search, const struct ir_insn *exit)
{
    const struct ir_insn *test = &search->block->insns[exit->a];
    return test->op >= IR_eq && test->op <= IR_ge_u && search->is_linear[test->a] &&
           search->is_linear[test->b];
}

bool block_is_vector_like(const struct ir_block *block, bool is_plain_float, struct arena *arena)
{
    struct linear_search search = {
        .block = block,
        .is_linear = arena_alloc(arena, block->length * sizeof(bool)),
    };
    uint32_t accesses = 0;
    find_linear(&search);
    for (uint32_t i = 0; i < block->length; i++) {
        const struct ir_insn *insn = &block->insns[i];
        unsigned flags = ir_op_info[insn->op].flags;
        if ((flags & IR_FP_FLAGS) && !is_plain_float)
            return false;
        if ((flags & IR_ACCESSES) && !search.is_linear[insn->a])
            return false;
        if (insn->op == IR_exit_if && !is_counted_exit(&search, insn))
            return false;
        accesses += (flags & IR_ACCESSES) != 0;
    }
    return accesses > 0;
}
