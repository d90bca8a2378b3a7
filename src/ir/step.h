/* Steps: what most guest instructions are, without values: register := register op register, or a
 * load, a store, a branch. A block that consists of steps can be made into code in one pass, as a draft
 * (tier1/draft.c), which is all that most blocks of a program are worth: they run a few times.
 *
 * A step stands for the same as the IR of its instruction: the cases of tests/insn run as both.
 * Register 0 reads as 0; no step writes it but a load whose value is not wanted. */
#ifndef TIERCEL_IR_STEP_H
#define TIERCEL_IR_STEP_H

#include "src/ir/ir.h"

enum ir_step_kind {
    STEP_NONE,      /* the instruction is no step */
    STEP_SET,       /* rd := imm */
    STEP_BINARY,    /* rd := rs1 op rs2 */
    STEP_IMMEDIATE, /* rd := rs1 op imm */
    STEP_BINARY_32, /* the same with the low 32 bits, the result sign-extended */
    STEP_IMMEDIATE_32,
    STEP_LOAD,      /* rd := memory at rs1 + imm, by memop; rd may be 0 */
    STEP_STORE,     /* memory at rs1 + imm := rs2 */
    STEP_LOAD_F64,  /* f register rd */
    STEP_STORE_F64, /* f register rs2 */
    /* what ends a block: */
    STEP_BRANCH,    /* to imm if rs1 op rs2, else to the next instruction */
    STEP_JUMP,      /* to imm, detail: enum ir_branch */
    STEP_JUMP_REG,  /* to (rs1 + imm) & ~1, detail: enum ir_branch; rd := the next instruction's pc, unless
                       rd is 0 */
    STEP_TRAP,      /* detail: enum ir_trap, at the instruction */
    STEP_KIND_COUNT
};

struct ir_step {
    uint8_t kind;    /* enum ir_step_kind */
    uint8_t op;      /* enum ir_op */
    uint8_t rd, rs1, rs2;
    uint8_t detail;
    uint16_t memop;  /* as in ir.h, with the instruction's place */
    int64_t imm;
};
_Static_assert(sizeof(struct ir_step) == 16, "a step is 16 bytes");

enum { IR_MAX_STEPS = 32 };

/* A block of steps; only the last leaves it. */
struct ir_steps {
    uint64_t guest_pc;
    uint32_t mode;
    uint32_t guest_size_bytes;
    uint32_t guest_length; /* guest instructions, of which some may have given no step */
    uint32_t count;
    struct ir_step step[IR_MAX_STEPS + 1];
};

#endif
