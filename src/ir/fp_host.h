/* Single floating-point instructions of the host, for fp.c and tier 0.
 *
 * Each is a volatile asm: the compiler keeps it, and in order with the reads and writes of MXCSR,
 * which are volatile asm too. Values are bit patterns as in fp.h. */
#ifndef TIERCEL_IR_FP_HOST_H
#define TIERCEL_IR_FP_HOST_H

#include "src/ir/fp.h"

#include <string.h>

static inline double fp_double(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}
static inline float fp_float(uint64_t bits)
{
    uint32_t low = (uint32_t)bits;
    float value;
    memcpy(&value, &low, sizeof value);
    return value;
}
static inline uint64_t fp_bits_of_double(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}
static inline uint64_t fp_bits_of_float(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline bool fp_is_nan_f64(uint64_t bits)
{
    return bits << 1 > UINT64_C(0xffe0000000000000);
}
static inline bool fp_is_nan_f32(uint64_t bits)
{
    return (uint32_t)(bits << 1) > 0xff000000u;
}
static inline uint64_t fp_canonical_f64(uint64_t bits)
{
    return __builtin_expect(fp_is_nan_f64(bits), 0) ? FP_CANONICAL_F64 : bits;
}
static inline uint64_t fp_canonical_f32(uint64_t bits)
{
    return __builtin_expect(fp_is_nan_f32(bits), 0) ? FP_CANONICAL_F32 : bits;
}

/* name(a, b): the host instruction of both widths on bit patterns; NaN results canonical. */
#define FP_HOST_BINARY(name, instruction)                                                          \
    static inline uint64_t fp_host_##name##_f64(uint64_t a, uint64_t b)                            \
    {                                                                                              \
        double x = fp_double(a);                                                                   \
        __asm__ volatile(instruction "sd %1, %0" : "+x"(x) : "x"(fp_double(b)));                   \
        return fp_canonical_f64(fp_bits_of_double(x));                                             \
    }                                                                                              \
    static inline uint64_t fp_host_##name##_f32(uint64_t a, uint64_t b)                            \
    {                                                                                              \
        float x = fp_float(a);                                                                     \
        __asm__ volatile(instruction "ss %1, %0" : "+x"(x) : "x"(fp_float(b)));                    \
        return fp_canonical_f32(fp_bits_of_float(x));                                              \
    }
FP_HOST_BINARY(fadd, "add")
FP_HOST_BINARY(fsub, "sub")
FP_HOST_BINARY(fmul, "mul")
FP_HOST_BINARY(fdiv, "div")
#undef FP_HOST_BINARY

/* name(a, b): 1 or 0 by the compare predicate of both widths. */
#define FP_HOST_COMPARE(name, predicate)                                                           \
    static inline uint64_t fp_host_##name##_f64(uint64_t a, uint64_t b)                            \
    {                                                                                              \
        double x = fp_double(a);                                                                   \
        __asm__ volatile("cmpsd $" predicate ", %1, %0" : "+x"(x) : "x"(fp_double(b)));            \
        return fp_bits_of_double(x) & 1;                                                           \
    }                                                                                              \
    static inline uint64_t fp_host_##name##_f32(uint64_t a, uint64_t b)                            \
    {                                                                                              \
        float x = fp_float(a);                                                                     \
        __asm__ volatile("cmpss $" predicate ", %1, %0" : "+x"(x) : "x"(fp_float(b)));             \
        return fp_bits_of_float(x) & 1;                                                            \
    }
FP_HOST_COMPARE(feq, "0") /* quiet */
FP_HOST_COMPARE(flt, "1") /* signalling */
FP_HOST_COMPARE(fle, "2") /* signalling */
#undef FP_HOST_COMPARE

static inline uint64_t fp_host_fsqrt_f64(uint64_t a)
{
    double x;
    __asm__ volatile("sqrtsd %1, %0" : "=x"(x) : "x"(fp_double(a)));
    return fp_canonical_f64(fp_bits_of_double(x));
}
static inline uint64_t fp_host_fsqrt_f32(uint64_t a)
{
    float x;
    __asm__ volatile("sqrtss %1, %0" : "=x"(x) : "x"(fp_float(a)));
    return fp_canonical_f32(fp_bits_of_float(x));
}

/* a * b + c; the CPU has FMA. NaN results canonical; infinity * 0 + quiet NaN raises nothing. */
static inline uint64_t fp_host_fma_f64(uint64_t a, uint64_t b, uint64_t c)
{
    double x = fp_double(c);
    __asm__ volatile("vfmadd231sd %2, %1, %0" : "+x"(x) : "x"(fp_double(a)), "x"(fp_double(b)));
    return fp_canonical_f64(fp_bits_of_double(x));
}
static inline uint64_t fp_host_fma_f32(uint64_t a, uint64_t b, uint64_t c)
{
    float x = fp_float(c);
    __asm__ volatile("vfmadd231ss %2, %1, %0" : "+x"(x) : "x"(fp_float(a)), "x"(fp_float(b)));
    return fp_canonical_f32(fp_bits_of_float(x));
}

static inline uint64_t fp_host_narrow(uint64_t a)
{
    float x;
    __asm__ volatile("cvtsd2ss %1, %0" : "=x"(x) : "x"(fp_double(a)));
    return fp_canonical_f32(fp_bits_of_float(x));
}
static inline uint64_t fp_host_widen(uint64_t a)
{
    double x;
    __asm__ volatile("cvtss2sd %1, %0" : "=x"(x) : "x"(fp_float(a)));
    return fp_canonical_f64(fp_bits_of_double(x));
}

/* To a signed 64- or 32-bit integer as MXCSR rounds, or truncating; the host's minimum when out of
 * range, with the invalid flag only. */
#define FP_HOST_TO_INTEGER(name, instruction)                                                      \
    static inline int64_t fp_host_##name##_i64(uint64_t a, bool is_f64)                            \
    {                                                                                              \
        int64_t result;                                                                            \
        if (is_f64)                                                                                \
            __asm__ volatile(instruction "sd2si %1, %0" : "=r"(result) : "x"(fp_double(a)));       \
        else                                                                                       \
            __asm__ volatile(instruction "ss2si %1, %0" : "=r"(result) : "x"(fp_float(a)));        \
        return result;                                                                             \
    }                                                                                              \
    static inline int32_t fp_host_##name##_i32(uint64_t a, bool is_f64)                            \
    {                                                                                              \
        int32_t result;                                                                            \
        if (is_f64)                                                                                \
            __asm__ volatile(instruction "sd2si %1, %0" : "=r"(result) : "x"(fp_double(a)));       \
        else                                                                                       \
            __asm__ volatile(instruction "ss2si %1, %0" : "=r"(result) : "x"(fp_float(a)));        \
        return result;                                                                             \
    }
FP_HOST_TO_INTEGER(round, "cvt")
FP_HOST_TO_INTEGER(truncate, "cvtt")
#undef FP_HOST_TO_INTEGER

/* From a signed 64-bit integer, as MXCSR rounds. */
static inline uint64_t fp_host_from_i64(int64_t value, bool to_f64)
{
    if (to_f64) {
        double x = 0;
        __asm__ volatile("cvtsi2sdq %1, %0" : "+x"(x) : "r"(value));
        return fp_bits_of_double(x);
    }
    float x = 0;
    __asm__ volatile("cvtsi2ssq %1, %0" : "+x"(x) : "r"(value));
    return fp_bits_of_float(x);
}

#endif
