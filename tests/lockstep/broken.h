/* Faults that the tests put into tiercel on purpose, to see that lockstep finds them and that its
 * bisection names the part they were put into. Chosen by LOCKSTEP_FAULT in the environment of the
 * broken build (tests/lockstep/meson.build), which is never installed:
 *   tier1, tier1-store   tier 1 compiles the marked addition, store, as another (broken.c)
 *   pass                 the optimiser does, when its pass "forward" is on (broken.c)
 *   block                tier 2 does, in the block of the third marked instruction (broken_tier2.c)
 *   step                 LLVM's pipeline does, when "gvn" is among its steps (broken_tier2.c) */
#ifndef TIERCEL_TESTS_LOCKSTEP_BROKEN_H
#define TIERCEL_TESTS_LOCKSTEP_BROKEN_H

#include "src/ir/ir.h"

#include <stdlib.h>
#include <string.h>

/* Immediates of the marked instructions in guest.S. */
enum { BROKEN_ADD = 0x123, BROKEN_STORE = 0x128, BROKEN_BLOCK = 0x135 };

static inline bool is_broken(const char *fault)
{
    const char *chosen = getenv("LOCKSTEP_FAULT");
    return chosen && strcmp(chosen, fault) == 0;
}

/* Makes a subtraction of the addition of this constant. */
static inline void break_addition(struct ir_block *block, uint64_t constant)
{
    for (uint32_t i = 0; i < block->length; i++) {
        struct ir_insn *insn = &block->insns[i];
        if (insn->op == IR_add && block->insns[insn->b].op == IR_const &&
            block->insns[insn->b].imm == constant)
            insn->op = IR_sub;
    }
}

/* Moves the store at this offset by a double word. */
static inline void break_store(struct ir_block *block, uint64_t offset)
{
    for (uint32_t i = 0; i < block->length; i++)
        if (block->insns[i].op == IR_store && block->insns[i].imm == offset)
            block->insns[i].imm += 8;
}

#endif
