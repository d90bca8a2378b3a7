/* Floating point: the software implementation against the host's, results and flags, on structured
 * and random operands in four rounding modes; and rules of RISC-V by hand-written vectors. */
#include "src/ir/fp.h"

#include "src/base/bits.h"

#include <check.h>
#include <stdlib.h>

static uint64_t random_state = UINT64_C(0x123456789abcdef1);

static uint64_t random_bits(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state * UINT64_C(0x2545f4914f6cdd1d);
}

/* clang-format off */
/* A float built from corner pieces: exponents near the ends and the middle, fractions with long
 * runs of equal bits. */
static uint64_t random_float(bool is_f64)
{
    unsigned fraction_bits = is_f64 ? 52 : 23, exponent_bits = is_f64 ? 11 : 8;
    uint64_t max = (UINT64_C(1) << exponent_bits) - 1, bias = max / 2;
    uint64_t pick = random_bits(), exponent, fraction;
    switch (pick & 7) {
    case 0: exponent = 0; break;
    case 1: exponent = max; break;
    case 2: exponent = max - 1 - (pick >> 8 & 3); break;
    case 3: exponent = 1 + (pick >> 8 & 3); break;
    case 4: exponent = bias + (pick >> 8 & 127) - 60; break;
    case 5: exponent = bias + (pick >> 8 & 7) - 3; break;
    case 6: exponent = bias / 2 + (pick >> 8 & 63); break;
    default: exponent = pick >> 8 & max; break;
    }
    switch (pick >> 32 & 7) {
    case 0: fraction = 0; break;
    case 1: fraction = UINT64_MAX; break;
    case 2: fraction = UINT64_C(1) << (pick >> 40 & 63); break;
    case 3: fraction = UINT64_MAX << (pick >> 40 & 63); break;
    case 4: fraction = (UINT64_C(1) << (pick >> 40 & 63)) - 1; break;
    case 5: fraction = random_bits() << (pick >> 40 & 63); break;
    default: fraction = random_bits(); break;
    }
    uint64_t sign = pick >> 63;
    return sign << (fraction_bits + exponent_bits) | (exponent & max) << fraction_bits |
           bits_get(fraction, 0, fraction_bits);
}

static uint64_t random_integer(unsigned width)
{
    uint64_t pick = random_bits(), value = random_bits();
    switch (pick & 3) {
    case 0: value = UINT64_C(1) << (pick >> 8 & 63); break;
    case 1: value = UINT64_MAX << (pick >> 8 & 63); break;
    case 2: value >>= pick >> 8 & 63; break;
    default: break;
    }
    return bits_zero_extend(value + (pick >> 16 & 3) - 1, width);
}

static uint64_t random_operand(enum ir_type type)
{
    return ir_type_is_float(type) ? random_float(type == IR_F64)
                                  : random_integer(ir_type_width[type]);
}

static const struct fp_case {
    enum ir_op op;
    enum ir_type type, type_a;
} cases[] = {
    {IR_fadd, IR_F32, IR_F32},        {IR_fadd, IR_F64, IR_F64},
    {IR_fsub, IR_F32, IR_F32},        {IR_fsub, IR_F64, IR_F64},
    {IR_fmul, IR_F32, IR_F32},        {IR_fmul, IR_F64, IR_F64},
    {IR_fdiv, IR_F32, IR_F32},        {IR_fdiv, IR_F64, IR_F64},
    {IR_fsqrt, IR_F32, IR_F32},       {IR_fsqrt, IR_F64, IR_F64},
    {IR_fmadd, IR_F32, IR_F32},       {IR_fmadd, IR_F64, IR_F64},
    {IR_fmin, IR_F32, IR_F32},        {IR_fmin, IR_F64, IR_F64},
    {IR_fmax, IR_F32, IR_F32},        {IR_fmax, IR_F64, IR_F64},
    {IR_feq, IR_I64, IR_F32},         {IR_feq, IR_I64, IR_F64},
    {IR_flt, IR_I64, IR_F32},         {IR_flt, IR_I64, IR_F64},
    {IR_fle, IR_I64, IR_F32},         {IR_fle, IR_I64, IR_F64},
    {IR_fcvt_to_s, IR_I32, IR_F32},   {IR_fcvt_to_s, IR_I32, IR_F64},
    {IR_fcvt_to_s, IR_I64, IR_F32},   {IR_fcvt_to_s, IR_I64, IR_F64},
    {IR_fcvt_to_u, IR_I32, IR_F32},   {IR_fcvt_to_u, IR_I32, IR_F64},
    {IR_fcvt_to_u, IR_I64, IR_F32},   {IR_fcvt_to_u, IR_I64, IR_F64},
    {IR_fcvt_from_s, IR_F32, IR_I32}, {IR_fcvt_from_s, IR_F32, IR_I64},
    {IR_fcvt_from_s, IR_F64, IR_I32}, {IR_fcvt_from_s, IR_F64, IR_I64},
    {IR_fcvt_from_u, IR_F32, IR_I32}, {IR_fcvt_from_u, IR_F32, IR_I64},
    {IR_fcvt_from_u, IR_F64, IR_I32}, {IR_fcvt_from_u, IR_F64, IR_I64},
    {IR_fcvt_f32, IR_F32, IR_F64},    {IR_fcvt_f64, IR_F64, IR_F32},
};
/* clang-format on */

/* fp_eval under a MXCSR that rounds by frm; flags as RISC-V's. */
static uint64_t on_host(const struct fp_case *fp_case, unsigned frm, enum ir_rounding rm,
                        const uint64_t operand[3], unsigned *ret_flags)
{
    uint32_t saved = fp_read_mxcsr(), guest = fp_mxcsr_with_rounding(FP_MXCSR_DEFAULT, frm);
    fp_write_mxcsr(guest);
    uint64_t result = fp_eval(fp_case->op, fp_case->type, fp_case->type_a, rm, operand[0],
                              operand[1], operand[2]);
    uint32_t after = fp_read_mxcsr();
    fp_write_mxcsr(saved);
    if (fp_mxcsr_with_flags(after, 0) != guest)
        ck_abort_msg("%s left MXCSR %#x", ir_op_info[fp_case->op].name, after);
    *ret_flags = fp_flags_of_mxcsr(after);
    return result;
}

static void compare_once(const struct fp_case *fp_case, const uint64_t operand[3], unsigned frm)
{
    unsigned soft_flags = 0, host_flags, static_flags;
    uint64_t soft = softfp_eval(fp_case->op, fp_case->type, fp_case->type_a, frm, operand[0],
                                operand[1], operand[2], &soft_flags);
    uint64_t host = on_host(fp_case, frm, IR_RM_HOST, operand, &host_flags);
    uint64_t by_static = on_host(fp_case, frm == 3 ? 0 : frm + 1, frm, operand, &static_flags);
    if (soft != host || soft_flags != host_flags || by_static != host || static_flags != host_flags)
        ck_abort_msg("%s.%s of %s rm %u (%#lx, %#lx, %#lx): soft %#lx flags %#x, host %#lx %#x, "
                     "static %#lx %#x",
                     ir_op_info[fp_case->op].name, ir_type_name[fp_case->type],
                     ir_type_name[fp_case->type_a], frm, operand[0], operand[1], operand[2], soft,
                     soft_flags, host, host_flags, by_static, static_flags);
}

START_TEST(software_equals_host)
{
    const char *rounds_text = getenv("TEST_FP_ROUNDS");
    unsigned rounds = rounds_text ? (unsigned)atoi(rounds_text) : 40000;
    const struct fp_case *fp_case = &cases[_i];
    for (unsigned round = 0; round < rounds; round++) {
        uint64_t operand[3];
        for (unsigned i = 0; i < 3; i++)
            operand[i] = random_operand(fp_case->type_a);
        /* Near cancellation: the third operand close to the product or to the first. */
        if (round % 4 == 0)
            operand[1] = operand[0] ^ (random_bits() & 3) ^
                         (random_bits() & 1) << (ir_type_width[fp_case->type_a] - 1);
        for (unsigned frm = 0; frm < 4; frm++)
            compare_once(fp_case, operand, frm);
    }
}
END_TEST

/* c = -(a * b) rounded, so that the fused result is the rounding error. */
START_TEST(fused_cancellation)
{
    const struct fp_case *fp_case = &cases[_i ? 11 : 10];
    ck_assert_int_eq(fp_case->op, IR_fmadd);
    for (unsigned round = 0; round < 40000; round++) {
        unsigned flags = 0;
        uint64_t operand[3] = {random_float(_i), random_float(_i), 0};
        operand[2] = softfp_eval(IR_fmul, fp_case->type, fp_case->type, IR_RM_RNE, operand[0],
                                 operand[1], 0, &flags);
        operand[2] ^= UINT64_C(1) << (ir_type_width[fp_case->type] - 1);
        operand[2] ^= random_bits() & 1;
        for (unsigned frm = 0; frm < 4; frm++)
            compare_once(fp_case, operand, frm);
    }
}
END_TEST

/* An operand written as a number or as its bits. */
union operand {
    double d;
    uint64_t u;
};
#define D(value)                                                                                   \
    {                                                                                              \
        .d = (value)                                                                               \
    }
#define U(value)                                                                                   \
    {                                                                                              \
        .u = (value)                                                                               \
    }
#define QUIET FP_CANONICAL_F64
#define SIGNALLING UINT64_C(0x7ff0000000000001)
#define POSITIVE_INFINITY UINT64_C(0x7ff0000000000000)
#define MINUS (UINT64_C(1) << 63)

/* clang-format off */
static const struct vector {
    enum ir_op op;
    enum ir_type type, type_a;
    enum ir_rounding rm;
    union operand a, b, c, result;
    unsigned flags;
} vectors[] = {
    {IR_fadd, IR_F64, IR_F64, IR_RM_RMM, D(1.0), D(0x1p-53), U(0), D(1.0 + 0x1p-52), FP_FLAG_NX},
    {IR_fadd, IR_F64, IR_F64, IR_RM_RMM, D(-1.0), D(-0x1p-53), U(0), D(-1.0 - 0x1p-52), FP_FLAG_NX},
    {IR_fadd, IR_F64, IR_F64, IR_RM_RNE, D(1.0), D(0x1p-53), U(0), D(1.0), FP_FLAG_NX},
    {IR_fadd, IR_F64, IR_F64, IR_RM_RMM, D(1.0), D(0x1.fp-54), U(0), D(1.0), FP_FLAG_NX},
    {IR_fmul, IR_F64, IR_F64, IR_RM_RMM, D(0x1.fffffffffffffp1023), D(2.0), U(0),
     U(POSITIVE_INFINITY),
     FP_FLAG_OF | FP_FLAG_NX},
    {IR_fmul, IR_F64, IR_F64, IR_RM_RMM, D(0x1p-1074), D(0.5), U(0), D(0x1p-1074),
     FP_FLAG_UF | FP_FLAG_NX},
    {IR_fcvt_to_s, IR_I32, IR_F64, IR_RM_RMM, D(2.5), U(0), U(0), U(3), FP_FLAG_NX},
    {IR_fcvt_to_s, IR_I32, IR_F64, IR_RM_RMM, D(-2.5), U(0), U(0), U(0xfffffffd), FP_FLAG_NX},
    {IR_fcvt_to_s, IR_I32, IR_F64, IR_RM_RNE, D(2.5), U(0), U(0), U(2), FP_FLAG_NX},
    {IR_fcvt_to_s, IR_I64, IR_F64, IR_RM_RTZ, U(QUIET), U(0), U(0), U(INT64_MAX), FP_FLAG_NV},
    {IR_fcvt_to_s, IR_I32, IR_F64, IR_RM_RTZ, U(POSITIVE_INFINITY | MINUS), U(0), U(0),
     U(0x80000000),
     FP_FLAG_NV},
    {IR_fcvt_to_u, IR_I32, IR_F64, IR_RM_RTZ, D(-1.0), U(0), U(0), U(0), FP_FLAG_NV},
    {IR_fcvt_to_u, IR_I32, IR_F64, IR_RM_RTZ, D(-0.9), U(0), U(0), U(0), FP_FLAG_NX},
    {IR_fcvt_to_u, IR_I32, IR_F64, IR_RM_RTZ, D(-1.5), U(0), U(0), U(0), FP_FLAG_NV},
    {IR_fcvt_to_u, IR_I32, IR_F64, IR_RM_RTZ, U(QUIET | MINUS), U(0), U(0), U(UINT32_MAX),
     FP_FLAG_NV},
    {IR_fcvt_to_u, IR_I64, IR_F64, IR_RM_RTZ, D(0x1p64), U(0), U(0), U(UINT64_MAX), FP_FLAG_NV},
    {IR_fcvt_to_u, IR_I64, IR_F64, IR_RM_RTZ, D(0x1.8p63), U(0), U(0), U(UINT64_C(0xc) << 60), 0},
    {IR_fcvt_from_u, IR_F64, IR_I64, IR_RM_RNE, U(UINT64_MAX), U(0), U(0), D(0x1p64), FP_FLAG_NX},
    {IR_fcvt_from_s, IR_F64, IR_I32, IR_RM_RNE, U(0xffffffff), U(0), U(0), D(-1.0), 0},
    {IR_fmadd, IR_F64, IR_F64, IR_RM_RNE, U(POSITIVE_INFINITY), D(0.0), U(QUIET), U(QUIET),
     FP_FLAG_NV},
    {IR_fmadd, IR_F64, IR_F64, IR_RM_RNE, D(0.0), U(POSITIVE_INFINITY | MINUS), U(QUIET | MINUS),
     U(QUIET),
     FP_FLAG_NV},
    {IR_fmadd, IR_F64, IR_F64, IR_RM_RNE, D(1.0), D(1.0), U(QUIET | MINUS | 5), U(QUIET), 0},
    {IR_fmin, IR_F64, IR_F64, IR_RM_RNE, U(MINUS), U(0), U(0), U(MINUS), 0},
    {IR_fmin, IR_F64, IR_F64, IR_RM_RNE, U(0), U(MINUS), U(0), U(MINUS), 0},
    {IR_fmax, IR_F64, IR_F64, IR_RM_RNE, U(MINUS), U(0), U(0), U(0), 0},
    {IR_fmin, IR_F64, IR_F64, IR_RM_RNE, U(SIGNALLING), D(1.0), U(0), D(1.0), FP_FLAG_NV},
    {IR_fmax, IR_F64, IR_F64, IR_RM_RNE, U(QUIET | 5), D(1.0), U(0), D(1.0), 0},
    {IR_fmax, IR_F64, IR_F64, IR_RM_RNE, U(QUIET | 5), U(QUIET | 6), U(0), U(QUIET), 0},
    {IR_feq, IR_I64, IR_F64, IR_RM_RNE, U(QUIET), D(1.0), U(0), U(0), 0},
    {IR_feq, IR_I64, IR_F64, IR_RM_RNE, U(SIGNALLING), D(1.0), U(0), U(0), FP_FLAG_NV},
    {IR_feq, IR_I64, IR_F64, IR_RM_RNE, U(MINUS), U(0), U(0), U(1), 0},
    {IR_flt, IR_I64, IR_F64, IR_RM_RNE, U(QUIET), D(1.0), U(0), U(0), FP_FLAG_NV},
    {IR_fle, IR_I64, IR_F64, IR_RM_RNE, D(1.0), D(1.0), U(0), U(1), 0},
    {IR_fdiv, IR_F64, IR_F64, IR_RM_RNE, D(-1.0), D(0.0), U(0), U(POSITIVE_INFINITY | MINUS),
     FP_FLAG_DZ},
    {IR_fsqrt, IR_F64, IR_F64, IR_RM_RNE, D(-1.0), U(0), U(0), U(QUIET), FP_FLAG_NV},
    {IR_fsqrt, IR_F64, IR_F64, IR_RM_RNE, U(MINUS), U(0), U(0), U(MINUS), 0},
    {IR_fcvt_f64, IR_F64, IR_F32, IR_RM_RNE, U(0x7f800001), U(0), U(0), U(QUIET), FP_FLAG_NV},
    {IR_fcvt_f32, IR_F32, IR_F64, IR_RM_RMM, D(1.0 + 0x1p-24), U(0), U(0), U(0x3f800001),
     FP_FLAG_NX},
    /* Rounds to the least normal number; tiny when that is so with a bounded exponent only. */
    {IR_fmul, IR_F64, IR_F64, IR_RM_RNE, D(0x1.fffffffffffffp-1), D(0x1p-1022), U(0), D(0x1p-1022),
     FP_FLAG_UF | FP_FLAG_NX},
    {IR_fmadd, IR_F64, IR_F64, IR_RM_RNE, D(-0x1p-1000), D(0x1p-77), D(0x1p-1022), D(0x1p-1022),
     FP_FLAG_NX},
};

/* clang-format on */

START_TEST(rules_of_riscv)
{
    const struct vector *v = &vectors[_i];
    struct fp_case fp_case = {v->op, v->type, v->type_a};
    unsigned soft_flags = 0, host_flags;
    uint64_t soft =
        softfp_eval(v->op, v->type, v->type_a, v->rm, v->a.u, v->b.u, v->c.u, &soft_flags);
    uint64_t host =
        on_host(&fp_case, IR_RM_RDN, v->rm, (uint64_t[]){v->a.u, v->b.u, v->c.u}, &host_flags);
    ck_assert_msg(soft == v->result.u && soft_flags == v->flags, "vector %d: soft %#lx flags %#x",
                  _i, soft, soft_flags);
    ck_assert_msg(host == v->result.u && host_flags == v->flags, "vector %d: host %#lx flags %#x",
                  _i, host, host_flags);
}
END_TEST

START_TEST(flags_pass_through_mxcsr)
{
    for (unsigned flags = 0; flags < 32; flags++)
        for (unsigned frm = 0; frm < 4; frm++) {
            uint32_t mxcsr =
                fp_mxcsr_with_rounding(fp_mxcsr_with_flags(FP_MXCSR_DEFAULT, flags), frm);
            ck_assert_uint_eq(fp_flags_of_mxcsr(mxcsr), flags);
            ck_assert_uint_eq(fp_mxcsr_with_rounding(fp_mxcsr_with_flags(mxcsr, 0), 0),
                              FP_MXCSR_DEFAULT);
        }
}
END_TEST

/* Flags that were there stay, in every way through fp_eval. */
START_TEST(flags_accrue)
{
    static const enum ir_rounding modes[] = {IR_RM_HOST, IR_RM_RUP, IR_RM_RMM};
    uint32_t saved = fp_read_mxcsr();
    for (unsigned i = 0; i < 3; i++) {
        fp_write_mxcsr(fp_mxcsr_with_flags(FP_MXCSR_DEFAULT, FP_FLAG_DZ));
        fp_eval(IR_fadd, IR_F64, IR_F64, modes[i], UINT64_C(0x3ff0000000000000),
                UINT64_C(0x3c30000000000000), 0);
        fp_eval(IR_fcvt_to_u, IR_I32, IR_F64, modes[i], UINT64_C(0xc01e000000000000), 0, 0);
        uint32_t after = fp_read_mxcsr();
        fp_write_mxcsr(saved);
        ck_assert_uint_eq(fp_flags_of_mxcsr(after), FP_FLAG_DZ | FP_FLAG_NX | FP_FLAG_NV);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fp");
    TCase *tcase = tcase_create("fp");
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, software_equals_host, 0, ARRAY_LENGTH(cases));
    tcase_add_loop_test(tcase, fused_cancellation, 0, 2);
    tcase_add_loop_test(tcase, rules_of_riscv, 0, ARRAY_LENGTH(vectors));
    tcase_add_test(tcase, flags_pass_through_mxcsr);
    tcase_add_test(tcase, flags_accrue);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
