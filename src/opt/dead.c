/* The backward scan: marks what is needed, then closes the gaps.
 *
 * A register write is dead when the register is written again before anybody can look: before a
 * read of it, before an exit and before a memory access, which may fault and must find the
 * registers exact. A pure or state-reading operation is dead when no needed one uses its value;
 * operations that set FP flags stay. */
#include "src/opt/internal.h"

#include <string.h>

static void mark_operands(const struct ir_insn *insn, uint8_t *is_needed)
{
    unsigned count = ir_op_info[insn->op].operand_count;
    if (count > 0)
        is_needed[insn->a] = 1;
    if (count > 1)
        is_needed[insn->b] = 1;
    if (count > 2)
        is_needed[insn->c] = 1;
}

static void mark(const struct ir_block *block, uint8_t *is_needed)
{
    uint64_t overwritten = 0; /* registers that are written before they can be seen */
    for (uint32_t i = block->length; i-- > 0;) {
        const struct ir_insn *insn = &block->insns[i];
        const struct ir_op_info *info = &ir_op_info[insn->op];
        uint64_t reg = insn->op == IR_set_reg || insn->op == IR_get_reg ? UINT64_C(1) << insn->imm : 0;
        if (insn->op == IR_set_reg) {
            is_needed[i] = !(overwritten & reg);
            overwritten |= reg;
        } else if (info->flags & (IR_EFFECT | IR_FP_FLAGS)) {
            is_needed[i] = 1;
        }
        if (!is_needed[i])
            continue;
        if (insn->op == IR_get_reg)
            overwritten &= ~reg;
        if (opt_can_leave(insn->op))
            overwritten = 0;
        mark_operands(insn, is_needed);
    }
}

void opt_remove_dead(struct arena *arena, struct ir_block *block)
{
    uint8_t *is_needed = arena_zalloc(arena, block->length);
    mark(block, is_needed);
    ir_ref *map = arena_alloc(arena, block->length * sizeof *map);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < block->length; i++) {
        if (!is_needed[i])
            continue;
        struct ir_insn insn = block->insns[i];
        unsigned count = ir_op_info[insn.op].operand_count;
        if (count > 0)
            insn.a = map[insn.a];
        if (count > 1)
            insn.b = map[insn.b];
        if (count > 2)
            insn.c = map[insn.c];
        map[i] = (ir_ref)kept;
        block->insns[kept++] = insn;
    }
    block->length = kept;
}
