/*
 * fp_emulation: floating point written in integers.
 *
 * A number is sign, exponent and a 64-bit significand that is rounded to nearest even. The
 * work is shifts, carries, multiplication from 32-bit halves and a bit-by-bit division.
 */
#include "bench/guest/kernel.h"

#define NAME "fp_emulation"

enum { COUNT = 128, ROUNDS = 60 };

/* (-1)^is_negative * significand * 2^exponent; bit 63 of a significand other than 0 is set. */
struct soft {
    uint64_t significand;
    int32_t exponent;
    uint32_t is_negative;
};

/* A 128-bit significand before rounding. */
struct wide {
    uint64_t high, low;
};

static unsigned leading_zeros(uint64_t word)
{
    unsigned count = 0;
    for (unsigned step = 32; step > 0; step /= 2) {
        if (word >> (64 - step) == 0) {
            word <<= step;
            count += step;
        }
    }
    return count;
}

/* Normalises and rounds `value` * 2^(exponent - 64), where value.high has weight 2^64. */
static struct soft round_wide(uint32_t is_negative, int32_t exponent, struct wide value)
{
    if (value.high == 0) {
        if (value.low == 0)
            return (struct soft){0, 0, 0};
        value.high = value.low;
        value.low = 0;
        exponent -= 64;
    }
    unsigned shift = leading_zeros(value.high);
    if (shift > 0) {
        value.high = value.high << shift | value.low >> (64 - shift);
        value.low <<= shift;
        exponent -= (int32_t)shift;
    }
    const uint64_t half = 1ULL << 63;
    if (value.low > half || (value.low == half && (value.high & 1))) {
        value.high++;
        if (value.high == 0) {
            value.high = half;
            exponent++;
        }
    }
    return (struct soft){value.high, exponent, is_negative};
}

static struct soft soft_from_int(int64_t number)
{
    uint32_t is_negative = number < 0;
    uint64_t magnitude = is_negative ? 0 - (uint64_t)number : (uint64_t)number;
    return round_wide(is_negative, 0, (struct wide){magnitude, 0});
}

/* Shifts right by `count`; what falls out stays visible in the lowest bit. */
static struct wide shift_right_sticky(uint64_t high, unsigned count)
{
    if (count == 0)
        return (struct wide){high, 0};
    if (count < 64)
        return (struct wide){high >> count, high << (64 - count)};
    if (count == 64)
        return (struct wide){0, high};
    if (count < 128)
        return (struct wide){0, high >> (count - 64) | ((high << (128 - count)) != 0)};
    return (struct wide){0, high != 0};
}

static struct soft add_magnitudes(struct soft large, struct wide small)
{
    struct wide sum = {large.significand + small.high, small.low};
    int32_t exponent = large.exponent;
    if (sum.high < large.significand) {
        sum.low = sum.high << 63 | sum.low >> 1 | (sum.low & 1);
        sum.high = sum.high >> 1 | 1ULL << 63;
        exponent++;
    }
    return round_wide(large.is_negative, exponent, sum);
}

static struct soft subtract_magnitudes(struct soft large, struct wide small)
{
    struct wide difference = {large.significand - small.high - (small.low != 0), 0 - small.low};
    return round_wide(large.is_negative, large.exponent, difference);
}

static int is_magnitude_below(struct soft a, struct soft b)
{
    if (a.significand == 0 || b.significand == 0)
        return a.significand < b.significand;
    if (a.exponent != b.exponent)
        return a.exponent < b.exponent;
    return a.significand < b.significand;
}

static struct soft soft_add(struct soft a, struct soft b)
{
    if (is_magnitude_below(a, b)) {
        struct soft swap = a;
        a = b;
        b = swap;
    }
    if (b.significand == 0)
        return a;
    struct wide small = shift_right_sticky(b.significand, (unsigned)(a.exponent - b.exponent));
    return a.is_negative == b.is_negative ? add_magnitudes(a, small)
                                          : subtract_magnitudes(a, small);
}

static struct soft soft_subtract(struct soft a, struct soft b)
{
    b.is_negative ^= 1;
    return soft_add(a, b);
}

static struct wide multiply_64(uint64_t a, uint64_t b)
{
    uint64_t a_low = (uint32_t)a, a_high = a >> 32;
    uint64_t b_low = (uint32_t)b, b_high = b >> 32;
    uint64_t low = a_low * b_low;
    uint64_t cross = a_high * b_low + (low >> 32);
    uint64_t other = a_low * b_high + (uint32_t)cross;
    return (struct wide){a_high * b_high + (cross >> 32) + (other >> 32),
                         other << 32 | (uint32_t)low};
}

static struct soft soft_multiply(struct soft a, struct soft b)
{
    return round_wide(a.is_negative ^ b.is_negative, a.exponent + b.exponent + 64,
                      multiply_64(a.significand, b.significand));
}

/* remainder / divisor as the bits below a quotient: exact in its order relative to one half. */
static uint64_t remainder_bits(uint64_t remainder, uint64_t divisor)
{
    uint64_t rest = divisor - remainder;
    if (remainder == rest)
        return 1ULL << 63;
    if (remainder > rest)
        return 3ULL << 62;
    return remainder != 0 ? 1ULL << 62 : 0;
}

/* b is not 0. Restoring division, one quotient bit at a time. */
static struct soft soft_divide(struct soft a, struct soft b)
{
    if (a.significand == 0)
        return a;
    uint64_t remainder = a.significand, quotient = 0;
    uint64_t integer_part = remainder >= b.significand;
    if (integer_part)
        remainder -= b.significand;
    for (int bit = 0; bit < 64; bit++) {
        uint64_t carry = remainder >> 63;
        remainder <<= 1;
        quotient <<= 1;
        if (carry || remainder >= b.significand) {
            remainder -= b.significand;
            quotient |= 1;
        }
    }
    struct wide value = {quotient, remainder_bits(remainder, b.significand)};
    int32_t exponent = a.exponent - b.exponent - 64;
    if (integer_part) {
        value.low = quotient << 63 | value.low >> 1;
        value.high = 1ULL << 63 | quotient >> 1;
        exponent++;
    }
    return round_wide(a.is_negative ^ b.is_negative, exponent, value);
}

static int soft_equal(struct soft a, struct soft b)
{
    return a.significand == b.significand && a.exponent == b.exponent &&
           a.is_negative == b.is_negative;
}

static uint64_t checksum_add_soft(uint64_t checksum, struct soft value)
{
    checksum = checksum_add(checksum, value.significand);
    return checksum_add(checksum, (uint64_t)(uint32_t)value.exponent << 1 | value.is_negative);
}

static struct soft random_soft(struct kernel_random *random)
{
    int64_t number = (int64_t)(random_next(random) >> 33) - (1LL << 30);
    return soft_from_int(number != 0 ? number : 1);
}

/* sum of (a*b - c) / d over random quadruples; products of integers must divide back. */
static uint64_t evaluate(struct kernel_random *random, uint64_t checksum)
{
    struct soft operands[COUNT];
    for (size_t i = 0; i < COUNT; i++)
        operands[i] = random_soft(random);
    struct soft sum = soft_from_int(0);
    for (size_t i = 0; i < COUNT; i++) {
        struct soft a = operands[i], b = operands[(i + 1) % COUNT];
        struct soft c = operands[(i * 7 + 3) % COUNT], d = operands[(i * 5 + 2) % COUNT];
        struct soft product = soft_multiply(a, b);
        if (!soft_equal(soft_divide(product, b), a))
            kernel_fail(NAME, "a product does not divide back");
        sum = soft_add(sum, soft_divide(soft_subtract(product, c), d));
    }
    return checksum_add_soft(checksum, sum);
}

int main(int argc, char **argv)
{
    uint64_t size = kernel_size(argc, argv, NAME);
    struct kernel_random random = {271828};
    uint64_t checksum = 0;
    for (uint64_t unit = 0; unit < size; unit++) {
        for (int round = 0; round < ROUNDS; round++)
            checksum = evaluate(&random, checksum);
    }
    return kernel_finish(NAME, checksum);
}
