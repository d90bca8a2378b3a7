/* Names that the printer writes, the parser reads and the verifier puts into its sentences. */
#ifndef TIERCEL_IR_TEXT_H
#define TIERCEL_IR_TEXT_H

#include "src/ir/ir.h"

enum { IR_ROUNDING_NAMES = IR_RM_HOST + 1, IR_COUNTER_NAMES = IR_COUNTER_INSTRET + 1 };

/* Values without a name have NULL. */
extern const char *const ir_branch_name[IR_BRANCH_COUNT];
extern const char *const ir_trap_name[IR_TRAP_COUNT];
extern const char *const ir_amo_name[IR_AMO_COUNT];
extern const char *const ir_rounding_name[IR_ROUNDING_NAMES];
extern const char *const ir_counter_name[IR_COUNTER_NAMES];
extern const char *const ir_bulk_name[IR_BULK_COUNT];
extern const char *const ir_libcall_name[IR_LIBCALL_COUNT];

/* The imm column of ir_ops.def. */
enum ir_imm_kind {
    IR_IMM_NONE,
    IR_IMM_VALUE,
    IR_IMM_REG,
    IR_IMM_DISP,
    IR_IMM_PC,
    IR_IMM_RM,
    IR_IMM_AMO,
    IR_IMM_FENCE,
    IR_IMM_COUNTER,
    IR_IMM_BULK,
    IR_IMM_LIBCALL,
};
enum ir_imm_kind ir_imm_kind(enum ir_op op);

/* Whether column K of an exit is an enum ir_trap rather than an enum ir_branch. */
static inline bool ir_op_traps(enum ir_op op)
{
    return op == IR_exit_trap || op == IR_exit_trap_if;
}

#endif
