/* The arithmetic behind the meanings of ir_ops.def, for those who expand that column: the
 * evaluator and tier 0. All take and give held values (zero-extended); width in bits.
 * Division follows RISC-V Unprivileged ISA 20240411 §13.2, classes §20.4.11 (fclass). */
#ifndef TIERCEL_IR_EVAL_H
#define TIERCEL_IR_EVAL_H

#include "src/base/bits.h"

#include <stdint.h>

static inline uint64_t ir_div_s(int64_t a, int64_t b)
{
    if (b == 0)
        return UINT64_MAX;
    return b == -1 ? 0 - (uint64_t)a : (uint64_t)(a / b); /* the host traps on minimum / -1 */
}

static inline uint64_t ir_rem_s(int64_t a, int64_t b)
{
    if (b == 0)
        return (uint64_t)a;
    return b == -1 ? 0 : (uint64_t)(a % b);
}

/* 0 <= count < width. */
static inline uint64_t ir_rotl(uint64_t a, uint64_t count, unsigned width)
{
    return count == 0 ? a : bits_zero_extend(a << count, width) | a >> (width - count);
}

static inline uint64_t ir_clz(uint64_t a, unsigned width)
{
    return a == 0 ? width : (uint64_t)__builtin_clzll(a) - (64 - width);
}

/* Every byte becomes 0xff when any of its bits is set, else 0. */
static inline uint64_t ir_orc_b(uint64_t a)
{
    const uint64_t low_bits = UINT64_C(0x0101010101010101);
    uint64_t any = a | (a >> 4 & low_bits * 0x0f);
    any |= any >> 2 & low_bits * 0x03;
    any |= any >> 1;
    return (any & low_bits) * 0xff;
}

static inline uint64_t ir_copysign(uint64_t a, uint64_t b, unsigned width)
{
    uint64_t sign = UINT64_C(1) << (width - 1);
    return (a & ~sign) | (b & sign);
}

/* One of ten bits: -inf -normal -subnormal -0 +0 +subnormal +normal +inf sNaN qNaN. */
static inline uint64_t ir_fclass(uint64_t a, unsigned width)
{
    unsigned fraction_bits = width == 32 ? 23 : 52;
    uint64_t exponent_max = width == 32 ? 0xff : 0x7ff;
    uint64_t exponent = a >> fraction_bits & exponent_max;
    uint64_t fraction = bits_get(a, 0, fraction_bits);
    unsigned is_negative = a >> (width - 1) & 1;
    if (exponent == exponent_max) {
        if (fraction)
            return fraction >> (fraction_bits - 1) ? 1u << 9 : 1u << 8;
        return is_negative ? 1u << 0 : 1u << 7;
    }
    if (exponent)
        return is_negative ? 1u << 1 : 1u << 6;
    if (fraction)
        return is_negative ? 1u << 2 : 1u << 5;
    return is_negative ? 1u << 3 : 1u << 4;
}

#endif
