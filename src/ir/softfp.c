/* Floating point in integers: the five RISC-V rounding modes with exact flags (IEEE 754-2019,
 * tininess detected after rounding).
 *
 * An operand is unpacked into class, sign, exponent and a 64-bit significand whose top bit is set:
 * value = significand / 2^63 * 2^exponent. Operations compute at least 64 bits with everything
 * below "jammed" into the lowest bit (it is set when any lost bit was), and round_pack rounds once.
 * Two guard bits and a jammed one suffice for one correct rounding; we have at least eleven. */
#include "src/ir/fp.h"

#include "src/base/bits.h"
#include "src/base/check.h"

typedef unsigned __int128 u128;

struct format {
    int fraction_bits, exponent_bits;
    uint64_t canonical_nan;
};
static const struct format format_f32 = {23, 8, FP_CANONICAL_F32};
static const struct format format_f64 = {52, 11, FP_CANONICAL_F64};

enum class { CLASS_ZERO, CLASS_FINITE, CLASS_INFINITY, CLASS_QUIET_NAN, CLASS_SIGNALLING_NAN };

struct number {
    enum class class;
    bool is_negative;
    int exponent;
    uint64_t significand; /* bit 63 set when finite */
};

/* Rounding of one operation and the flags it raises. */
struct context {
    const struct format *format;
    enum ir_rounding rm;
    unsigned flags;
};

static const struct format *format_of(enum ir_type type)
{
    return type == IR_F64 ? &format_f64 : &format_f32;
}

static int bias_of(const struct format *format)
{
    return (1 << (format->exponent_bits - 1)) - 1;
}

static uint64_t sign_of(const struct format *format, bool is_negative)
{
    return (uint64_t)is_negative << (format->fraction_bits + format->exponent_bits);
}

static uint64_t infinity_of(const struct format *format, bool is_negative)
{
    uint64_t exponent = bits_zero_extend(UINT64_MAX, (unsigned)format->exponent_bits);
    return sign_of(format, is_negative) | exponent << format->fraction_bits;
}

static struct number unpack(const struct format *format, uint64_t bits)
{
    unsigned fraction_bits = (unsigned)format->fraction_bits;
    uint64_t fraction = bits_get(bits, 0, fraction_bits);
    int exponent = (int)bits_get(bits, fraction_bits, (unsigned)format->exponent_bits);
    struct number x = {.is_negative = bits >> (format->fraction_bits + format->exponent_bits) & 1};
    if (exponent == (1 << format->exponent_bits) - 1) {
        if (fraction == 0)
            x.class = CLASS_INFINITY;
        else
            x.class = fraction >> (fraction_bits - 1) ? CLASS_QUIET_NAN : CLASS_SIGNALLING_NAN;
    } else if (exponent == 0) {
        if (fraction == 0)
            return x; /* CLASS_ZERO */
        int shift = __builtin_clzll(fraction);
        x.class = CLASS_FINITE;
        x.significand = fraction << shift;
        x.exponent = 1 - bias_of(format) + (63 - format->fraction_bits) - shift;
    } else {
        x.class = CLASS_FINITE;
        x.significand = (fraction | UINT64_C(1) << fraction_bits) << (63 - fraction_bits);
        x.exponent = exponent - bias_of(format);
    }
    return x;
}

static bool is_nan(const struct number *x)
{
    return x->class >= CLASS_QUIET_NAN;
}

/* The canonical NaN, invalid when an operand signals. */
static uint64_t nan_result(struct context *context, const struct number *a, const struct number *b)
{
    if (a->class == CLASS_SIGNALLING_NAN || b->class == CLASS_SIGNALLING_NAN)
        context->flags |= FP_FLAG_NV;
    return context->format->canonical_nan;
}

static uint64_t invalid(struct context *context)
{
    context->flags |= FP_FLAG_NV;
    return context->format->canonical_nan;
}

/* ---- rounding ---- */

/* Whether the magnitude is rounded up when `rest` of `one` is to be dropped. */
static bool rounds_up(enum ir_rounding rm, bool is_negative, bool is_odd, uint64_t rest,
                      uint64_t half)
{
    switch (rm) {
    case IR_RM_RNE:
        return rest > half || (rest == half && is_odd);
    case IR_RM_RTZ:
        return false;
    case IR_RM_RDN:
        return is_negative && rest;
    case IR_RM_RUP:
        return !is_negative && rest;
    case IR_RM_RMM:
        return rest >= half;
    case IR_RM_HOST:
        break;
    }
    CHECK(false, "softfp needs an explicit rounding mode");
    return false;
}

/* Shifts right; any bit lost sets bit 0. */
static uint64_t shift_jam(uint64_t value, int count)
{
    if (count >= 64)
        return value != 0;
    return count == 0 ? value : value >> count | (value << (64 - count) != 0);
}
static u128 shift_jam128(u128 value, int count)
{
    if (count >= 128)
        return value != 0;
    return count == 0 ? value : value >> count | (value << (128 - count) != 0);
}

/* Drops the low bits of the significand; the result may be one bit longer. */
static uint64_t round_off(const struct context *context, bool is_negative, uint64_t significand,
                          int dropped_bits, bool *ret_is_inexact)
{
    uint64_t kept = significand >> dropped_bits;
    uint64_t rest = bits_get(significand, 0, (unsigned)dropped_bits);
    *ret_is_inexact = rest != 0;
    return kept +
           rounds_up(context->rm, is_negative, kept & 1, rest, UINT64_C(1) << (dropped_bits - 1));
}

static uint64_t overflow(struct context *context, bool is_negative)
{
    context->flags |= FP_FLAG_OF | FP_FLAG_NX;
    uint64_t infinity = infinity_of(context->format, is_negative);
    bool to_infinity =
        context->rm == IR_RM_RNE || context->rm == IR_RM_RMM ||
        (context->rm == IR_RM_RDN ? is_negative : context->rm == IR_RM_RUP && !is_negative);
    return to_infinity ? infinity : infinity - 1;
}

/* The float nearest to significand / 2^63 * 2^exponent (bit 63 set, bit 0 jammed). */
static uint64_t round_pack(struct context *context, bool is_negative, int exponent,
                           uint64_t significand)
{
    const struct format *format = context->format;
    int minimum = 1 - bias_of(format), dropped_bits = 63 - format->fraction_bits;
    bool is_inexact, is_tiny = false;
    if (exponent < minimum) {
        uint64_t unbounded =
            round_off(context, is_negative, significand, dropped_bits, &is_inexact);
        is_tiny = exponent < minimum - 1 || !(unbounded >> (format->fraction_bits + 1));
        significand = shift_jam(significand, minimum - exponent);
        exponent = minimum;
    }
    uint64_t kept = round_off(context, is_negative, significand, dropped_bits, &is_inexact);
    /* The hidden bit, or a carry out of the fraction, counts the exponent field up. */
    uint64_t exponent_field = (uint64_t)(exponent - minimum);
    uint64_t packed = (exponent_field << format->fraction_bits) + kept;
    if (packed >= infinity_of(format, false))
        return overflow(context, is_negative);
    if (is_inexact)
        context->flags |= FP_FLAG_NX | (is_tiny ? FP_FLAG_UF : 0);
    return packed | sign_of(format, is_negative);
}

/* The same from 128 bits, value = significand / 2^126 * 2^exponent, not zero. */
static uint64_t round_pack128(struct context *context, bool is_negative, int exponent,
                              u128 significand)
{
    uint64_t high = (uint64_t)(significand >> 64);
    int zeros = high ? __builtin_clzll(high) : 64 + __builtin_clzll((uint64_t)significand);
    u128 normal = significand << zeros;
    uint64_t jammed = (uint64_t)(normal >> 64) | ((uint64_t)normal != 0);
    return round_pack(context, is_negative, exponent + 1 - zeros, jammed);
}

/* ---- arithmetic ---- */

/* Sum of two finite or zero terms with significands / 2^126; a zero term has significand 0. */
static uint64_t sum128(struct context *context, bool a_negative, int a_exponent, u128 a,
                       bool b_negative, int b_exponent, u128 b)
{
    if (a == 0 || b == 0) {
        if (a == 0 && b == 0)
            return sign_of(context->format,
                           a_negative == b_negative ? a_negative : context->rm == IR_RM_RDN);
        return a ? round_pack128(context, a_negative, a_exponent, a)
                 : round_pack128(context, b_negative, b_exponent, b);
    }
    int exponent = a_exponent > b_exponent ? a_exponent : b_exponent;
    a = shift_jam128(a, exponent - a_exponent);
    b = shift_jam128(b, exponent - b_exponent);
    if (a_negative == b_negative)
        return round_pack128(context, a_negative, exponent, a + b);
    if (a == b)
        return sign_of(context->format, context->rm == IR_RM_RDN);
    return a > b ? round_pack128(context, a_negative, exponent, a - b)
                 : round_pack128(context, b_negative, exponent, b - a);
}

static uint64_t add(struct context *context, struct number a, struct number b)
{
    if (is_nan(&a) || is_nan(&b))
        return nan_result(context, &a, &b);
    if (a.class == CLASS_INFINITY && b.class == CLASS_INFINITY && a.is_negative != b.is_negative)
        return invalid(context);
    if (a.class == CLASS_INFINITY || b.class == CLASS_INFINITY)
        return infinity_of(context->format,
                           a.class == CLASS_INFINITY ? a.is_negative : b.is_negative);
    return sum128(context, a.is_negative, a.exponent, (u128)a.significand << 63, b.is_negative,
                  b.exponent, (u128)b.significand << 63);
}

/* a * b + c; a plain product when c is NULL. */
static uint64_t multiply_add(struct context *context, struct number a, struct number b,
                             const struct number *c)
{
    bool is_negative = a.is_negative != b.is_negative;
    bool is_invalid = (a.class == CLASS_INFINITY && b.class == CLASS_ZERO) ||
                      (a.class == CLASS_ZERO && b.class == CLASS_INFINITY);
    if (c && c->class == CLASS_SIGNALLING_NAN)
        is_invalid = true;
    if (is_nan(&a) || is_nan(&b))
        nan_result(context, &a, &b); /* for its flag */
    if (is_invalid)
        return invalid(context);
    if (is_nan(&a) || is_nan(&b) || (c && is_nan(c)))
        return context->format->canonical_nan;
    if (a.class == CLASS_INFINITY || b.class == CLASS_INFINITY) {
        if (c && c->class == CLASS_INFINITY && c->is_negative != is_negative)
            return invalid(context);
        return infinity_of(context->format, is_negative);
    }
    if (c && c->class == CLASS_INFINITY)
        return infinity_of(context->format, c->is_negative);
    u128 product = (u128)a.significand * b.significand; /* < 2^128, low bits zero; 0 for a zero */
    int exponent = a.exponent + b.exponent;
    if (!c)
        return product ? round_pack128(context, is_negative, exponent, product)
                       : sign_of(context->format, is_negative);
    /* One bit of room for the sum; the product's low bits are zero. */
    return sum128(context, is_negative, exponent + 1, product >> 1, c->is_negative, c->exponent + 1,
                  (u128)c->significand << 62);
}

static uint64_t divide(struct context *context, struct number a, struct number b)
{
    bool is_negative = a.is_negative != b.is_negative;
    if (is_nan(&a) || is_nan(&b))
        return nan_result(context, &a, &b);
    if (a.class == b.class && a.class != CLASS_FINITE)
        return invalid(context); /* 0 / 0, infinity / infinity */
    if (a.class == CLASS_INFINITY)
        return infinity_of(context->format, is_negative);
    if (a.class == CLASS_ZERO || b.class == CLASS_INFINITY)
        return sign_of(context->format, is_negative);
    if (b.class == CLASS_ZERO) {
        context->flags |= FP_FLAG_DZ;
        return infinity_of(context->format, is_negative);
    }
    bool is_below_one = a.significand < b.significand;
    u128 dividend = (u128)a.significand << (is_below_one ? 64 : 63);
    uint64_t quotient = (uint64_t)(dividend / b.significand);
    bool is_inexact = dividend % b.significand != 0;
    return round_pack(context, is_negative, a.exponent - b.exponent - is_below_one,
                      quotient | is_inexact);
}

static uint64_t square_root(struct context *context, struct number a)
{
    if (is_nan(&a))
        return nan_result(context, &a, &a);
    if (a.class == CLASS_ZERO)
        return sign_of(context->format, a.is_negative);
    if (a.is_negative)
        return invalid(context);
    if (a.class == CLASS_INFINITY)
        return infinity_of(context->format, false);
    u128 radicand = (u128)a.significand << (a.exponent & 1 ? 64 : 63);
    uint64_t root = 0;
    for (uint64_t bit = UINT64_C(1) << 63; bit; bit >>= 1)
        if ((u128)(root | bit) * (root | bit) <= radicand)
            root |= bit;
    bool is_inexact = (u128)root * root != radicand;
    return round_pack(context, false, a.exponent >> 1, root | is_inexact);
}

/* ---- comparison, minimum, maximum ---- */

/* Sign and magnitude as ordered integers; -0 is below +0. */
static int64_t order_of(const struct format *format, uint64_t bits)
{
    int64_t value =
        bits_sign_extend(bits, (unsigned)(1 + format->fraction_bits + format->exponent_bits));
    return value < 0 ? value ^ INT64_MAX : value;
}

static uint64_t compare(struct context *context, enum ir_op op, uint64_t a_bits, uint64_t b_bits)
{
    struct number a = unpack(context->format, a_bits), b = unpack(context->format, b_bits);
    if (is_nan(&a) || is_nan(&b)) {
        if (op != IR_feq || a.class == CLASS_SIGNALLING_NAN || b.class == CLASS_SIGNALLING_NAN)
            context->flags |= FP_FLAG_NV;
        return 0;
    }
    if (a.class == CLASS_ZERO && b.class == CLASS_ZERO)
        return op != IR_flt;
    int64_t order_a = order_of(context->format, a_bits),
            order_b = order_of(context->format, b_bits);
    if (op == IR_feq)
        return order_a == order_b;
    return op == IR_flt ? order_a < order_b : order_a <= order_b;
}

static uint64_t min_max(struct context *context, bool is_max, uint64_t a_bits, uint64_t b_bits)
{
    struct number a = unpack(context->format, a_bits), b = unpack(context->format, b_bits);
    if (is_nan(&a) || is_nan(&b)) {
        uint64_t nan = nan_result(context, &a, &b);
        if (is_nan(&a))
            return is_nan(&b) ? nan : b_bits;
        return a_bits;
    }
    bool is_below = order_of(context->format, a_bits) < order_of(context->format, b_bits);
    return is_below == is_max ? b_bits : a_bits;
}

/* ---- conversions ---- */
static uint64_t to_integer(struct context *context, enum ir_type type, bool is_signed,
                           struct number a)
{
    unsigned width = ir_type_width[type];
    uint64_t maximum = bits_zero_extend(UINT64_MAX, is_signed ? width - 1 : width);
    uint64_t minimum = is_signed ? UINT64_C(1) << (width - 1) : 0; /* as a magnitude */
    if (a.class == CLASS_ZERO)
        return 0;
    bool is_negative = a.is_negative && !is_nan(&a);
    uint64_t limit = is_negative ? minimum : maximum;
    if (a.class == CLASS_FINITE && a.exponent < 64) {
        u128 fixed = shift_jam128((u128)a.significand << 64, 63 - a.exponent);
        uint64_t rest = (uint64_t)fixed;
        u128 magnitude = fixed >> 64;
        magnitude += rounds_up(context->rm, is_negative, magnitude & 1, rest, UINT64_C(1) << 63);
        if (magnitude <= limit) {
            context->flags |= rest ? FP_FLAG_NX : 0;
            return bits_zero_extend(is_negative ? 0 - (uint64_t)magnitude : (uint64_t)magnitude,
                                    width);
        }
    }
    context->flags |= FP_FLAG_NV;
    return is_negative ? minimum : maximum;
}

static uint64_t from_integer(struct context *context, bool is_negative, uint64_t magnitude)
{
    if (magnitude == 0)
        return 0;
    int zeros = __builtin_clzll(magnitude);
    return round_pack(context, is_negative, 63 - zeros, magnitude << zeros);
}

static uint64_t from_float(struct context *context, struct number a)
{
    if (is_nan(&a))
        return nan_result(context, &a, &a);
    if (a.class == CLASS_INFINITY)
        return infinity_of(context->format, a.is_negative);
    if (a.class == CLASS_ZERO)
        return sign_of(context->format, a.is_negative);
    return round_pack(context, a.is_negative, a.exponent, a.significand);
}

/* ---- dispatch ---- */
static uint64_t eval(struct context *context, enum ir_op op, enum ir_type type, enum ir_type type_a,
                     uint64_t a_bits, uint64_t b_bits, uint64_t c_bits)
{
    const struct format *source = format_of(type_a);
    struct number a = unpack(source, a_bits), b = unpack(source, b_bits);
    struct number c = unpack(source, c_bits);
    int64_t integer = bits_sign_extend(a_bits, ir_type_width[type_a]);
    switch ((unsigned)op) {
    case IR_fadd:
        return add(context, a, b);
    case IR_fsub:
        b.is_negative = !b.is_negative;
        return add(context, a, b);
    case IR_fmul:
        return multiply_add(context, a, b, NULL);
    case IR_fdiv:
        return divide(context, a, b);
    case IR_fsqrt:
        return square_root(context, a);
    case IR_fmadd:
        return multiply_add(context, a, b, &c);
    case IR_fmin:
    case IR_fmax:
        return min_max(context, op == IR_fmax, a_bits, b_bits);
    case IR_feq:
    case IR_flt:
    case IR_fle:
        context->format = source;
        return compare(context, op, a_bits, b_bits);
    case IR_fcvt_to_s:
    case IR_fcvt_to_u:
        return to_integer(context, type, op == IR_fcvt_to_s, a);
    case IR_fcvt_from_s:
        return from_integer(context, integer < 0,
                            integer < 0 ? 0 - (uint64_t)integer : (uint64_t)integer);
    case IR_fcvt_from_u:
        return from_integer(context, false, a_bits);
    case IR_fcvt_f32:
    case IR_fcvt_f64:
        return from_float(context, a);
    }
    CHECK(false, "softfp_eval of an operation without floating-point flags");
    return 0;
}

uint64_t softfp_eval(enum ir_op op, enum ir_type type, enum ir_type type_a, enum ir_rounding rm,
                     uint64_t a, uint64_t b, uint64_t c, unsigned *flags)
{
    struct context context = {.format = format_of(type), .rm = rm};
    uint64_t result = eval(&context, op, type, type_a, a, b, c);
    *flags |= context.flags;
    return result;
}
