/* Property tables of operations and types, expanded from ir_ops.def. */
#include "src/ir/ir.h"

/* The flag letters of ir_ops.def. */
enum { P = IR_PURE, R = IR_READS, E = IR_EFFECT, Q = IR_FP_FLAGS, B = IR_EXITS, Z = IR_ENDS };

/* clang-format off */
/* The kind letters as constants: #kind[0] would not be one. */
enum {
    KIND__ = '_', KIND_A = 'A', KIND_D = 'D', KIND_F = 'F', KIND_I = 'I', KIND_K = 'K',
    KIND_L = 'L', KIND_M = 'M', KIND_N = 'N', KIND_S = 'S', KIND_T = 'T', KIND_V = 'V',
    KIND_W = 'W', KIND_X = 'X', KIND_Z = 'Z',
};
/* clang-format on */
/* Operand kinds that are no values: none, a memop, a branch or trap code. */
#define IS_VALUE(kind) (KIND_##kind != '_' && KIND_##kind != 'M' && KIND_##kind != 'K')

const struct ir_op_info ir_op_info[IR_OP_COUNT] = {
#define IR_OP(op_name, op_result, op_a, op_b, op_c, op_imm, op_flags, meaning)                     \
    [IR_##op_name] = {                                                                             \
        .name = #op_name,                                                                          \
        .result = KIND_##op_result,                                                                \
        .operand = {KIND_##op_a, KIND_##op_b, KIND_##op_c},                                        \
        .imm = #op_imm,                                                                            \
        .flags = (op_flags) | (KIND_##op_c == 'M' ? IR_ACCESSES : 0),                              \
        .operand_count = IS_VALUE(op_a) + IS_VALUE(op_b) + IS_VALUE(op_c),                         \
    },
#include "src/ir/ir_ops.def"
#undef IR_OP
};

const char *const ir_type_name[IR_TYPE_COUNT] = {
    [IR_VOID] = "void", [IR_I8] = "i8",   [IR_I16] = "i16", [IR_I32] = "i32",
    [IR_I64] = "i64",   [IR_F32] = "f32", [IR_F64] = "f64",
};

const uint8_t ir_type_width[IR_TYPE_COUNT] = {
    [IR_VOID] = 0, [IR_I8] = 8,   [IR_I16] = 16, [IR_I32] = 32,
    [IR_I64] = 64, [IR_F32] = 32, [IR_F64] = 64,
};
