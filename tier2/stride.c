/* Loops that end when a pointer reaches another: "bne pointer, end" after a step of 2^k bytes.
 *
 * LLVM can count the iterations of such a loop, and so vectorise it, only when it knows that the
 * distance is a multiple of the step; otherwise the loop would miss the end. The code before the
 * loop checks that (lower_exits.c) and tells LLVM in a form that it understands. Where the step is
 * 2^k itself chunks of such a loop need no counter: each ends at an end of its own, which the loop
 * compares with instead, and what the guest compares with is looked at there. */
#include "tier2/analysis.h"

/* The register r when the value is "r + constant", perhaps of words, and becomes r in this block;
 * else -1. */
static int stepped_reg(const struct ir_block *block, ir_ref value, uint64_t *ret_step,
                       bool *ret_is_word)
{
    const struct ir_insn *sum = &block->insns[value];
    *ret_is_word = sum->op == IR_sext && block->insns[sum->a].type == IR_I32;
    if (*ret_is_word)
        sum = &block->insns[sum->a];
    if (sum->op != IR_add || (sum->type != IR_I64 && !*ret_is_word) ||
        block->insns[sum->b].op != IR_const)
        return -1;
    const struct ir_insn *from = &block->insns[sum->a];
    if (*ret_is_word && from->op == IR_trunc)
        from = &block->insns[from->a];
    if (from->op != IR_get_reg)
        return -1;
    uint64_t reg = from->imm;
    for (uint32_t i = 0; i < block->length; i++) {
        const struct ir_insn *insn = &block->insns[i];
        if (insn->op == IR_set_reg && insn->imm == reg && insn->a != value)
            return -1;
    }
    *ret_step = block->insns[sum->b].imm;
    return (int)reg;
}

/* Whether the value is the same in every iteration: a constant or a register not written. */
static bool is_invariant(const struct ir_block *block, ir_ref value, uint64_t written)
{
    const struct ir_insn *insn = &block->insns[value];
    return insn->op == IR_const || (insn->op == IR_get_reg && !(written & reg_bit(insn->imm)));
}

/* exit: the exit_if at hand. */
static bool match(const struct ir_block *block, uint32_t exit, ir_ref stepped, ir_ref end,
                  uint64_t written, struct loop_stride *ret_stride)
{
    uint64_t step;
    bool is_word;
    int reg = stepped_reg(block, stepped, &step, &is_word);
    if (reg < 0 || !(written & reg_bit((uint64_t)reg)) || !is_invariant(block, end, written))
        return false;
    uint64_t factor = step & (0 - step); /* the power of two in it */
    bool is_looping = block->insns[block->insns[exit].a].op == IR_ne &&
                      block->insns[exit].imm == block->guest_pc && exit + 2 == block->length;
    bool is_counted = is_looping && factor == step && factor > 0 && factor <= INT32_MAX;
    if (!is_counted && (factor <= 1 || is_word))
        return false;
    const struct ir_insn *insn = &block->insns[end];
    *ret_stride = (struct loop_stride){
        .reg = (unsigned)reg,
        .factor = factor,
        .is_end_reg = insn->op == IR_get_reg,
        .end = insn->imm,
        .is_word = is_word,
        .is_counted = is_counted,
    };
    return true;
}

bool block_find_stride(const struct ir_block *block, uint64_t written,
                       struct loop_stride *ret_stride)
{
    for (uint32_t i = 0; i < block->length; i++) {
        const struct ir_insn *insn = &block->insns[i];
        if (insn->op != IR_exit_if)
            continue;
        const struct ir_insn *test = &block->insns[insn->a];
        if (test->op != IR_ne && test->op != IR_eq)
            continue;
        if (match(block, i, test->a, test->b, written, ret_stride) ||
            match(block, i, test->b, test->a, written, ret_stride))
            return true;
    }
    return false;
}
