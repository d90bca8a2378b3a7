/* RISC-V floating point on the host's SSE unit.
 *
 * The guest's rounding mode and flags live in MXCSR, so most operations are one host instruction
 * and a repair of NaN results. What differs between the two architectures is done here: minimum and
 * maximum, saturating conversions, the invalid flag of infinity * 0 + NaN, static rounding modes,
 * and round-to-nearest-ties-away, which goes through softfp.c. */
#include "src/ir/fp_host.h"

#include "src/base/bits.h"
#include "src/base/check.h"
#include "src/base/host_cpu.h"

enum {
    MXCSR_IE = 1,
    MXCSR_ZE = 4,
    MXCSR_OE = 8,
    MXCSR_UE = 16,
    MXCSR_PE = 32,
    MXCSR_FLAGS = 63, /* with DE, the denormal flag that RISC-V does not have */
    MXCSR_RC_SHIFT = 13,
};

/* frm for MXCSR's rounding control: fp_rounding_control the other way round. */
static const uint8_t frm_of_rc[4] = {IR_RM_RNE, IR_RM_RDN, IR_RM_RUP, IR_RM_RTZ};

unsigned fp_flags_of_mxcsr(uint32_t mxcsr)
{
    return (mxcsr & MXCSR_IE ? FP_FLAG_NV : 0) | (mxcsr & MXCSR_ZE ? FP_FLAG_DZ : 0) |
           (mxcsr & MXCSR_OE ? FP_FLAG_OF : 0) | (mxcsr & MXCSR_UE ? FP_FLAG_UF : 0) |
           (mxcsr & MXCSR_PE ? FP_FLAG_NX : 0);
}

static uint32_t mxcsr_flags_of(unsigned flags)
{
    return (flags & FP_FLAG_NV ? MXCSR_IE : 0) | (flags & FP_FLAG_DZ ? MXCSR_ZE : 0) |
           (flags & FP_FLAG_OF ? MXCSR_OE : 0) | (flags & FP_FLAG_UF ? MXCSR_UE : 0) |
           (flags & FP_FLAG_NX ? MXCSR_PE : 0);
}

uint32_t fp_mxcsr_with_flags(uint32_t mxcsr, unsigned flags)
{
    return (mxcsr & ~(uint32_t)MXCSR_FLAGS) | mxcsr_flags_of(flags);
}

uint32_t fp_mxcsr_with_rounding(uint32_t mxcsr, unsigned frm)
{
    return (mxcsr & ~(3u << MXCSR_RC_SHIFT)) | (uint32_t)fp_rounding_control(frm) << MXCSR_RC_SHIFT;
}

static void raise_flags(unsigned flags)
{
    fp_write_mxcsr(fp_read_mxcsr() | mxcsr_flags_of(flags));
}

static bool is_nan(uint64_t bits, bool is_f64)
{
    return is_f64 ? fp_is_nan_f64(bits) : fp_is_nan_f32(bits);
}

static bool is_signalling(uint64_t bits, bool is_f64)
{
    return is_nan(bits, is_f64) && !(bits >> (is_f64 ? 51 : 22) & 1);
}

/* ---- minimum and maximum ---- */
static uint64_t min_max(bool is_max, bool is_f64, uint64_t a, uint64_t b)
{
    if (is_signalling(a, is_f64) || is_signalling(b, is_f64))
        raise_flags(FP_FLAG_NV);
    if (is_nan(a, is_f64))
        return is_nan(b, is_f64) ? (is_f64 ? FP_CANONICAL_F64 : FP_CANONICAL_F32) : b;
    if (is_nan(b, is_f64))
        return a;
    /* Sign and magnitude as ordered integers: -0 is below +0. */
    unsigned width = is_f64 ? 64 : 32;
    int64_t order_a = bits_sign_extend(a, width), order_b = bits_sign_extend(b, width);
    order_a ^= (int64_t)((uint64_t)(order_a >> 63) >> 1);
    order_b ^= (int64_t)((uint64_t)(order_b >> 63) >> 1);
    return (order_a < order_b) == is_max ? b : a;
}

/* ---- fused multiply-add ---- */
static bool is_infinity_times_zero(uint64_t a, uint64_t b, bool is_f64)
{
    uint64_t magnitude = is_f64 ? UINT64_MAX >> 1 : 0x7fffffff;
    uint64_t infinity = is_f64 ? UINT64_C(0x7ff0000000000000) : 0x7f800000;
    a &= magnitude;
    b &= magnitude;
    return (a == infinity && b == 0) || (a == 0 && b == infinity);
}

static uint64_t fused_multiply_add(bool is_f64, uint64_t a, uint64_t b, uint64_t c)
{
    if (!HOST_HAS(FMA)) {
        unsigned flags = 0;
        enum ir_type type = is_f64 ? IR_F64 : IR_F32;
        enum ir_rounding rm = frm_of_rc[fp_read_mxcsr() >> MXCSR_RC_SHIFT & 3];
        uint64_t result = softfp_eval(IR_fmadd, type, type, rm, a, b, c, &flags);
        raise_flags(flags);
        return result;
    }
    if (is_nan(c, is_f64) && is_infinity_times_zero(a, b, is_f64))
        raise_flags(FP_FLAG_NV);
    return is_f64 ? fp_host_fma_f64(a, b, c) : fp_host_fma_f32(a, b, c);
}

/* ---- conversions to integers ---- */

/* An out-of-range conversion is invalid and nothing else: MXCSR as it was, plus the flag. */
static uint64_t out_of_range(uint32_t mxcsr_before, uint64_t result)
{
    fp_write_mxcsr(mxcsr_before | MXCSR_IE);
    return result;
}

static int64_t to_i64(uint64_t a, bool is_f64, bool is_truncating)
{
    return is_truncating ? fp_host_truncate_i64(a, is_f64) : fp_host_round_i64(a, is_f64);
}

static uint64_t to_signed(enum ir_type type, uint64_t a, bool is_f64, bool is_truncating)
{
    bool goes_up = is_nan(a, is_f64) || !(a >> (is_f64 ? 63 : 31)); /* when it saturates */
    if (type == IR_I64) {
        int64_t result = to_i64(a, is_f64, is_truncating);
        return result == INT64_MIN && goes_up ? INT64_MAX : (uint64_t)result;
    }
    int32_t result = is_truncating ? fp_host_truncate_i32(a, is_f64) : fp_host_round_i32(a, is_f64);
    return result == INT32_MIN && goes_up ? INT32_MAX : (uint32_t)result;
}

static uint64_t to_unsigned(enum ir_type type, uint64_t a, bool is_f64, bool is_truncating)
{
    uint32_t mxcsr = fp_read_mxcsr();
    uint64_t maximum = type == IR_I64 ? UINT64_MAX : UINT32_MAX;
    bool is_negative = a >> (is_f64 ? 63 : 31);
    if (is_nan(a, is_f64))
        return out_of_range(mxcsr, maximum);
    /* From 2^63 on every value is an integer, so the part above converts without rounding. */
    uint64_t two_to_63 = is_f64 ? UINT64_C(0x43e0000000000000) : 0x5f000000;
    if (!is_negative && a >= two_to_63) {
        uint64_t one_binade = UINT64_C(1) << (is_f64 ? 52 : 23);
        if (type != IR_I64 || a >= two_to_63 + one_binade)
            return out_of_range(mxcsr, maximum);
        return (uint64_t)fp_host_truncate_i64(a - one_binade, is_f64) * 2;
    }
    int64_t result = to_i64(a, is_f64, is_truncating);
    if (result < 0)
        return out_of_range(mxcsr, 0);
    if ((uint64_t)result > maximum)
        return out_of_range(mxcsr, maximum);
    return (uint64_t)result;
}

/* ---- conversions from integers ---- */
static uint64_t from_unsigned(uint64_t a, bool to_f64)
{
    if (!(a >> 63))
        return fp_host_from_i64((int64_t)a, to_f64);
    /* Halve, keeping what was shifted out for rounding; doubling the result is exact. */
    uint64_t half = fp_host_from_i64((int64_t)(a >> 1 | (a & 1)), to_f64);
    return half + (UINT64_C(1) << (to_f64 ? 52 : 23));
}

/* ---- dispatch ---- */
#define BY_WIDTH(name, ...)                                                                        \
    (is_f64 ? fp_host_##name##_f64(__VA_ARGS__) : fp_host_##name##_f32(__VA_ARGS__))

/* Rounds as MXCSR says; is_truncating says that this is known to be towards zero. */
static uint64_t eval_host(enum ir_op op, enum ir_type type, enum ir_type type_a, bool is_truncating,
                          uint64_t a, uint64_t b, uint64_t c)
{
    bool is_f64 = type_a == IR_F64;
    switch ((unsigned)op) {
    case IR_fadd:
        return BY_WIDTH(fadd, a, b);
    case IR_fsub:
        return BY_WIDTH(fsub, a, b);
    case IR_fmul:
        return BY_WIDTH(fmul, a, b);
    case IR_fdiv:
        return BY_WIDTH(fdiv, a, b);
    case IR_fsqrt:
        return BY_WIDTH(fsqrt, a);
    case IR_fmadd:
        return fused_multiply_add(is_f64, a, b, c);
    case IR_fmin:
    case IR_fmax:
        return min_max(op == IR_fmax, is_f64, a, b);
    case IR_feq:
        return BY_WIDTH(feq, a, b);
    case IR_flt:
        return BY_WIDTH(flt, a, b);
    case IR_fle:
        return BY_WIDTH(fle, a, b);
    case IR_fcvt_to_s:
        return to_signed(type, a, is_f64, is_truncating);
    case IR_fcvt_to_u:
        return to_unsigned(type, a, is_f64, is_truncating);
    case IR_fcvt_from_s:
        return fp_host_from_i64(bits_sign_extend(a, ir_type_width[type_a]), type == IR_F64);
    case IR_fcvt_from_u:
        return from_unsigned(a, type == IR_F64);
    case IR_fcvt_f32:
        return fp_host_narrow(a);
    case IR_fcvt_f64:
        return fp_host_widen(a);
    }
    CHECK(false, "fp_eval of an operation without floating-point flags");
    return 0;
}

/* Operations whose immediate is no rounding mode. */
static bool is_rounding(enum ir_op op)
{
    return op != IR_fmin && op != IR_fmax && op != IR_feq && op != IR_flt && op != IR_fle &&
           op != IR_fcvt_f64;
}

uint64_t fp_eval(enum ir_op op, enum ir_type type, enum ir_type type_a, enum ir_rounding rm,
                 uint64_t a, uint64_t b, uint64_t c)
{
    bool converts_to_integer = op == IR_fcvt_to_s || op == IR_fcvt_to_u;
    if (rm == IR_RM_HOST || !is_rounding(op) || (rm == IR_RM_RTZ && converts_to_integer))
        return eval_host(op, type, type_a, rm == IR_RM_RTZ, a, b, c);
    if (rm == IR_RM_RMM) {
        unsigned flags = 0;
        uint64_t result = softfp_eval(op, type, type_a, rm, a, b, c, &flags);
        raise_flags(flags);
        return result;
    }
    uint32_t before = fp_read_mxcsr();
    uint32_t wanted = fp_mxcsr_with_rounding(before, rm);
    if (wanted == before)
        return eval_host(op, type, type_a, false, a, b, c);
    fp_write_mxcsr(wanted);
    uint64_t result = eval_host(op, type, type_a, false, a, b, c);
    fp_write_mxcsr(before | (fp_read_mxcsr() & MXCSR_FLAGS));
    return result;
}
