/* The evaluator: the value of a pure operation on constants, for folding, for the tests of the
 * tiers and for operations a tier leaves to HELPER_EVAL. It is the meaning column of ir_ops.def. */
#include "src/ir/eval.h"

#include "src/base/check.h"
#include "src/ir/ir.h"

static uint64_t not_pure(void)
{
    CHECK(false, "ir_eval of an operation that is not pure");
    return 0;
}

/* The meaning of a pure operation is an expression, that of the others a sentence. */
#define VALUE_OF(meaning) _Generic((meaning), char * : not_pure(), default : (meaning))

#define A a
#define B b
#define C c
#define SA bits_sign_extend(a, width_a)
#define SB bits_sign_extend(b, width_a)
#define WIDTH width_a
#define IMM imm

uint64_t ir_eval(enum ir_op op, enum ir_type result, unsigned width_a, uint64_t a, uint64_t b,
                 uint64_t c, uint64_t imm)
{
    uint64_t value = 0;
    switch (op) {
#define IR_OP(name, ir_result, ir_a, ir_b, ir_c, ir_imm, ir_flags, meaning)                        \
    case IR_##name:                                                                                \
        value = (uint64_t)VALUE_OF(meaning);                                                       \
        break;
#include "src/ir/ir_ops.def"
#undef IR_OP
    case IR_OP_COUNT:
        not_pure();
    }
    return bits_zero_extend(value, ir_type_width[result]);
}
