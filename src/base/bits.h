/* Bit-field helpers shared by decode, IR evaluation and emission. */
#ifndef TIERCEL_BASE_BITS_H
#define TIERCEL_BASE_BITS_H

#include <stddef.h>
#include <stdint.h>

#define ARRAY_LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* Bits [low, low + count) of word, count < 64. */
static inline uint64_t bits_get(uint64_t word, unsigned low, unsigned count)
{
    return (word >> low) & ((UINT64_C(1) << count) - 1);
}

/* The low `width` (1..64) bits of value as a signed number. */
static inline int64_t bits_sign_extend(uint64_t value, unsigned width)
{
    unsigned shift = 64 - width;
    return (int64_t)(value << shift) >> shift;
}

/* The low `width` (1..64) bits of value. */
static inline uint64_t bits_zero_extend(uint64_t value, unsigned width)
{
    return width >= 64 ? value : value & ((UINT64_C(1) << width) - 1);
}

static inline uint64_t bits_align_up(uint64_t value, uint64_t alignment)
{
    return (value + alignment - 1) & ~(alignment - 1);
}

#endif
