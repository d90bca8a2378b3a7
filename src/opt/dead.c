/* The backward scan: marks what is needed, then closes the gaps.
 *
 * A register write is dead when the register is written again before anybody can look: before a
 * read of it, before an exit and before a memory access, which may fault and must find the
 * registers exact. A pure or state-reading operation is dead when no needed one uses its value;
 * operations that set FP flags stay. */
#include "src/opt/internal.h"

static inline void mark_operands(const struct ir_insn *insn, unsigned count, uint8_t *is_needed)
{
    if (count > 0)
        is_needed[insn->a] = 1;
    if (count > 1)
        is_needed[insn->b] = 1;
    if (count > 2)
        is_needed[insn->c] = 1;
}

/* Gives how many instructions are not needed. */
static uint32_t mark(const struct ir_insn *insns, uint32_t length, uint8_t *is_needed)
{
    uint64_t overwritten = 0; /* registers that are written before they can be seen */
    uint32_t dead_count = 0;
    for (uint32_t i = length; i-- > 0;) {
        const struct ir_insn *insn = &insns[i];
        const struct ir_op_info *info = &ir_op_info[insn->op];
        bool is_wanted = is_needed[i];
        if (insn->op == IR_set_reg) {
            is_wanted = !(overwritten >> insn->imm & 1);
            overwritten |= UINT64_C(1) << insn->imm;
        } else if (info->flags & (IR_EFFECT | IR_FP_FLAGS)) {
            is_wanted = true;
            if (opt_can_leave(insn->op))
                overwritten = 0;
        } else if (insn->op == IR_get_reg && is_wanted) {
            overwritten &= ~(UINT64_C(1) << insn->imm);
        }
        is_needed[i] = is_wanted;
        if (is_wanted)
            mark_operands(insn, info->operand_count, is_needed);
        else
            dead_count++;
    }
    return dead_count;
}

/* Closes the gaps. Nothing moves before the first of them. */
static uint32_t compact(struct ir_insn *insns, uint32_t length, const uint8_t *is_needed,
                        ir_ref *map)
{
    uint32_t kept = 0;
    for (; is_needed[kept]; kept++)
        map[kept] = (ir_ref)kept;
    for (uint32_t i = kept; i < length; i++) {
        if (!is_needed[i])
            continue;
        const struct ir_insn *insn = &insns[i];
        struct ir_insn moved =
            opt_renumbered(map, (ir_ref)i, insn, ir_op_info[insn->op].operand_count);
        map[i] = (ir_ref)kept;
        insns[kept++] = moved;
    }
    return kept;
}

void opt_remove_dead(struct arena *arena, struct ir_block *block)
{
    uint32_t length = block->length;
    uint8_t *is_needed = arena_zalloc(arena, length);
    if (mark(block->insns, length, is_needed) > 0)
        block->length =
            compact(block->insns, length, is_needed, arena_alloc(arena, length * sizeof(ir_ref)));
}
