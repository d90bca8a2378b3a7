/* Which blocks may use plain floating point, so that their loop can be vectorised.
 *
 * Constrained operations, which keep flags exact, are never vectorised. LLVM takes plain ones for
 * free of side effects: it may fold, drop, share or move them. In a loop that is one block none of
 * this changes results or flags when every operation
 * - is executed in every iteration: all exits come after it;
 * - is needed in every iteration: it flows into a store whose address changes with the iteration;
 * - rounds as the host does and is one whose folding needs constants: lowering hides them
 *   (lower_exits.c, hide_floats);
 * - is not part of a recurrence, where a vector would not help anyway.
 * What the host would not flag in a fused multiply-add is collected and flagged after the loop. */
#include "tier2/analysis.h"

#include <string.h>

static const bool is_plain_op[IR_OP_COUNT] = {
    [IR_fadd] = true, [IR_fsub] = true, [IR_fmul] = true, [IR_fdiv] = true, [IR_fsqrt] = true,
    [IR_fmadd] = true,
};

/* What passes a float on. */
static const bool is_transparent[IR_OP_COUNT] = {
    [IR_fneg] = true, [IR_fabs] = true, [IR_fcopysign] = true, [IR_box] = true, [IR_unbox] = true,
};

struct plain_check {
    const struct ir_block *block;
    bool has_fma;
    uint64_t written;  /* registers */
    bool *is_varying;  /* the value changes with the iteration */
    bool *is_stored;   /* the value flows into such a store */
    uint32_t op_count;
};

static void find_varying(struct plain_check *check)
{
    for (uint32_t i = 0; i < check->block->length; i++) {
        const struct ir_insn *insn = &check->block->insns[i];
        unsigned operands = ir_op_info[insn->op].operand_count;
        bool varies = insn->op == IR_get_reg && (check->written & reg_bit(insn->imm));
        varies |= operands > 0 && check->is_varying[insn->a];
        varies |= operands > 1 && check->is_varying[insn->b];
        varies |= operands > 2 && check->is_varying[insn->c];
        check->is_varying[i] = varies;
    }
}

/* Two stores to one place: the first might be dropped. */
static bool is_overwritten(const struct ir_block *block, uint32_t store)
{
    const struct ir_insn *first = &block->insns[store];
    for (uint32_t i = store + 1; i < block->length; i++) {
        const struct ir_insn *insn = &block->insns[i];
        if (insn->op == IR_store && insn->a == first->a && insn->imm == first->imm)
            return true;
    }
    return false;
}

static void find_stored(struct plain_check *check)
{
    const struct ir_block *block = check->block;
    memset(check->is_stored, 0, block->length);
    for (uint32_t i = block->length; i-- > 0;) {
        const struct ir_insn *insn = &block->insns[i];
        unsigned operands = ir_op_info[insn->op].operand_count;
        if (insn->op == IR_store && check->is_varying[insn->a] && !is_overwritten(block, i))
            check->is_stored[insn->b] = true;
        if (!check->is_stored[i] || !(is_plain_op[insn->op] || is_transparent[insn->op]))
            continue;
        check->is_stored[insn->a] = true;
        if (operands > 1)
            check->is_stored[insn->b] = true;
        if (operands > 2)
            check->is_stored[insn->c] = true;
    }
}

/* One instruction; has_exit: an exit has come before it. */
static bool is_allowed(struct plain_check *check, uint32_t index, bool has_exit)
{
    const struct ir_insn *insn = &check->block->insns[index];
    if (insn->op == IR_fmadd && !check->has_fma)
        return false;
    if (!(ir_op_info[insn->op].flags & IR_FP_FLAGS))
        return true;
    check->op_count++;
    return is_plain_op[insn->op] && insn->imm == IR_RM_HOST && check->is_stored[index] && !has_exit;
}

/* Whether a float that an operation has made goes round to the next iteration. What was loaded may:
 * LLVM splices vectors then. */
static bool has_recurrence(const struct ir_block *block, const struct node_facts *facts)
{
    for (uint32_t i = 0; i < block->length; i++) {
        const struct ir_insn *insn = &block->insns[i];
        if (insn->op != IR_set_reg || insn->imm < IR_FIRST_FP_REG ||
            !(facts->live_in & reg_bit(insn->imm)))
            continue;
        const struct ir_insn *value = &block->insns[insn->a];
        while (is_transparent[value->op])
            value = &block->insns[value->a];
        if (value->op != IR_load && value->op != IR_load_f32 && value->op != IR_get_reg)
            return true;
    }
    return false;
}

/* By how many bytes the value grows with every iteration; false when that is not known. */
static bool find_step(const struct plain_check *check, ir_ref ref, uint64_t *ret_step)
{
    const struct ir_block *block = check->block;
    const struct ir_insn *insn = &block->insns[ref];
    uint64_t a = 0, b = 0;
    *ret_step = 0;
    if (!check->is_varying[ref])
        return true;
    if (insn->op == IR_add && find_step(check, insn->a, &a) && find_step(check, insn->b, &b)) {
        *ret_step = a + b;
        return true;
    }
    if (insn->op != IR_get_reg)
        return false;
    for (uint32_t i = block->length; i-- > 0;) {
        const struct ir_insn *set = &block->insns[i];
        if (set->op != IR_set_reg || set->imm != insn->imm)
            continue;
        const struct ir_insn *sum = &block->insns[set->a];
        if (sum->op != IR_add || block->insns[sum->a].op != IR_get_reg ||
            block->insns[sum->a].imm != insn->imm || block->insns[sum->b].op != IR_const)
            return false;
        *ret_step = block->insns[sum->b].imm;
        return true;
    }
    return false;
}

/* Whether all accesses go to neighbours, one after the other: no others are worth a vector, and
 * without vectors plain operations are no gain. */
static bool has_neighbours(const struct plain_check *check)
{
    for (uint32_t i = 0; i < check->block->length; i++) {
        const struct ir_insn *insn = &check->block->insns[i];
        uint64_t step;
        if (!(ir_op_info[insn->op].flags & IR_ACCESSES))
            continue;
        uint64_t size = ir_memop_size_bytes(insn->c);
        if (!find_step(check, insn->a, &step) ||
            (step != 0 && step != size && step != 0 - size))
            return false;
    }
    return true;
}

bool block_is_plain_float(const struct ir_block *block, const struct node_facts *facts,
                          bool has_fma, struct arena *arena)
{
    struct plain_check check = {
        .block = block,
        .has_fma = has_fma,
        .written = facts->written,
        .is_varying = arena_alloc(arena, block->length),
        .is_stored = arena_alloc(arena, block->length),
    };
    if (has_recurrence(block, facts))
        return false;
    find_varying(&check);
    find_stored(&check);
    if (!has_neighbours(&check))
        return false;
    bool has_exit = false;
    for (uint32_t i = 0; i < block->length; i++) {
        if (!is_allowed(&check, i, has_exit))
            return false;
        has_exit |= ir_op_info[block->insns[i].op].flags & IR_EXITS;
    }
    return check.op_count > 0;
}
