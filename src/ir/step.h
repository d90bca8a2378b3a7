/* Steps: what most guest instructions are, without values: register := register op register, or a
 * load, a store, a branch. A block that consists of steps can be made into code in one pass, as a draft
 * (tier1/draft.c), which is all that most blocks of a program are worth: they run a few times.
 *
 * A step stands for the same as the IR of its instruction: the cases of tests/insn run as both.
 * Register 0 reads as 0; writing it does nothing. */
#ifndef TIERCEL_IR_STEP_H
#define TIERCEL_IR_STEP_H

#include "src/ir/ir.h"

/* name_imm: the immediate is the second operand; name_32: on the low 32 bits, the result sign-extended. */
enum ir_step_op {
    STEP_none, /* the instruction is no step */
    STEP_set,  /* rd := imm */
    STEP_move, /* rd := rs1 */
    STEP_add, STEP_sub, STEP_and, STEP_or, STEP_xor, STEP_mul, /* rd := rs1 op rs2, as in ir_ops.def */
    STEP_shl, STEP_shr, STEP_sar, STEP_lt_s, STEP_lt_u,
    STEP_add_32, STEP_sub_32, STEP_mul_32, STEP_shl_32, STEP_shr_32, STEP_sar_32,
    STEP_add_imm, STEP_and_imm, STEP_or_imm, STEP_xor_imm, STEP_shl_imm, STEP_shr_imm, STEP_sar_imm,
    STEP_lt_s_imm, STEP_lt_u_imm,
    STEP_add_imm_32, STEP_shl_imm_32, STEP_shr_imm_32, STEP_sar_imm_32,
    STEP_load,      /* rd := memory at rs1 + imm, detail: the low bits of a memop; may fault with rd 0 too */
    STEP_store,     /* memory at rs1 + imm := rs2 */
    STEP_load_f64,  /* the same with f registers */
    STEP_store_f64,
    STEP_fence,     /* imm, low 8 bits: as in ir_ops.def */
    /* what ends a block: */
    STEP_eq, STEP_ne, STEP_branch_lt_s, STEP_ge_s, STEP_branch_lt_u, STEP_ge_u, /* to imm if rs1 op rs2,
                       else to the next instruction */
    STEP_jump,      /* to imm; rd := the next instruction's pc; detail: enum ir_branch */
    STEP_jump_reg,  /* to (rs1 + imm) & ~1, likewise */
    STEP_trap,      /* detail: enum ir_trap, at the instruction */
    STEP_OP_COUNT,
    STEP_FIRST_ACCESS = STEP_load,
    STEP_FIRST_END = STEP_eq,
};

/* The same wherever the instruction is. */
struct ir_step {
    uint8_t op; /* enum ir_step_op */
    uint8_t rd, rs1, rs2;
    uint8_t detail;
    uint8_t is_relative; /* the immediate counts from the instruction's address */
    uint8_t size_bytes;  /* of the instruction */
    int32_t imm;
};
_Static_assert(sizeof(struct ir_step) == 12, "steps are remembered by the thousand");

#endif
