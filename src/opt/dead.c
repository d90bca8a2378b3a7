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
static uint32_t mark(const struct ir_block *block, uint8_t *is_needed)
{
    uint64_t overwritten = 0; /* registers that are written before they can be seen */
    uint32_t dead_count = 0;
    for (uint32_t i = block->length; i-- > 0;) {
        const struct ir_insn *insn = &block->insns[i];
        const struct ir_op_info *info = &ir_op_info[insn->op];
        if (insn->op == IR_set_reg) {
            is_needed[i] = !(overwritten >> insn->imm & 1);
            overwritten |= UINT64_C(1) << insn->imm;
        } else if (info->flags & (IR_EFFECT | IR_FP_FLAGS)) {
            is_needed[i] = 1;
            if (opt_can_leave(insn->op))
                overwritten = 0;
        } else if (insn->op == IR_get_reg && is_needed[i]) {
            overwritten &= ~(UINT64_C(1) << insn->imm);
        }
        if (is_needed[i])
            mark_operands(insn, info->operand_count, is_needed);
        else
            dead_count++;
    }
    return dead_count;
}

/* Closes the gaps. */
static void compact(struct arena *arena, struct ir_block *block, const uint8_t *is_needed)
{
    ir_ref *map = arena_alloc(arena, block->length * sizeof *map);
    map[0] = 0;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < block->length; i++) {
        if (!is_needed[i])
            continue;
        const struct ir_insn *insn = &block->insns[i];
        uint32_t count = ir_op_info[insn->op].operand_count;
        struct ir_insn moved = opt_with_operands(insn, opt_mapped(map, insn->a, count, 0),
                                                 opt_mapped(map, insn->b, count, 1),
                                                 opt_mapped(map, insn->c, count, 2));
        map[i] = (ir_ref)kept;
        block->insns[kept++] = moved;
    }
    block->length = kept;
}

void opt_remove_dead(struct arena *arena, struct ir_block *block)
{
    uint8_t *is_needed = arena_zalloc(arena, block->length);
    if (mark(block, is_needed) > 0)
        compact(arena, block, is_needed);
}
