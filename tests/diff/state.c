/* Seeding and printing of guest states. The values are those on which implementations disagree:
 * the ends of each integer range, every class of floating-point number, and numbers that lie on
 * or next to a rounding or conversion boundary. */
#include "tests/diff/state.h"

#include <inttypes.h>
#include <stddef.h>

const char *const x_register_name[32] = {"zero", "ra", "sp",  "gp",  "tp", "t0", "t1", "t2",
                                         "s0",   "s1", "a0",  "a1",  "a2", "a3", "a4", "a5",
                                         "a6",   "a7", "s2",  "s3",  "s4", "s5", "s6", "s7",
                                         "s8",   "s9", "s10", "s11", "t3", "t4", "t5", "t6"};
const char *const f_register_name[32] = {
    "ft0", "ft1", "ft2", "ft3", "ft4",  "ft5",  "ft6", "ft7", "fs0",  "fs1", "fa0",
    "fa1", "fa2", "fa3", "fa4", "fa5",  "fa6",  "fa7", "fs2", "fs3",  "fs4", "fs5",
    "fs6", "fs7", "fs8", "fs9", "fs10", "fs11", "ft8", "ft9", "ft10", "ft11"};

#define DOUBLE_FRACTION ((UINT64_C(1) << 52) - 1)
#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

static const uint64_t integers[] = {
    0,
    1,
    2,
    UINT64_MAX,
    UINT64_MAX - 1,
    INT64_MAX,
    UINT64_C(0x8000000000000000),
    UINT64_C(0x8000000000000001),
    INT32_MAX,
    UINT64_C(0x80000000),
    UINT64_C(0xffffffff80000000),
    UINT64_C(0xffffffff7fffffff),
    UINT32_MAX,
    UINT64_C(0x100000000),
    UINT64_C(0x5555555555555555),
    UINT64_C(0xaaaaaaaaaaaaaaaa),
    0x7fff,
    0x8000,
    0x7f,
    0x80,
    31,
    32,
    63,
    64,
};

static const uint64_t doubles[] = {
    UINT64_C(0x0000000000000000),                               /* 0 */
    UINT64_C(0x8000000000000000), UINT64_C(0x3ff0000000000000), /* 1 */
    UINT64_C(0xbff0000000000000), UINT64_C(0x3ff0000000000001), /* the next after 1 */
    UINT64_C(0x3fe0000000000000),                               /* 0.5: a tie for conversions */
    UINT64_C(0xbfe0000000000000), UINT64_C(0x3fdfffffffffffff), /* just below 0.5 */
    UINT64_C(0x3ff8000000000000),                               /* 1.5 */
    UINT64_C(0xc004000000000000),                               /* -2.5 */
    UINT64_C(0x0010000000000000),                               /* smallest normal */
    UINT64_C(0x000fffffffffffff),                               /* largest denormal */
    UINT64_C(0x8000000000000001),                               /* smallest denormal */
    UINT64_C(0x0000000000000001), UINT64_C(0x0000000000000003),
    UINT64_C(0x7fefffffffffffff),                               /* largest */
    UINT64_C(0xffefffffffffffff), UINT64_C(0x7ff0000000000000), /* infinity */
    UINT64_C(0xfff0000000000000), UINT64_C(0x7ff8000000000000), /* canonical NaN */
    UINT64_C(0xfff8000000000000), UINT64_C(0x7ff8000000001234), /* quiet with a payload */
    UINT64_C(0x7ff0000000000001),                               /* signalling */
    UINT64_C(0xfff4000000000000), UINT64_C(0x41dfffffffc00000), /* 2^31 - 1 */
    UINT64_C(0x41dfffffffe00000),                               /* 2^31 - 0.5 */
    UINT64_C(0x41e0000000000000),                               /* 2^31 */
    UINT64_C(0xc1e0000000000000), UINT64_C(0xc1e0000000100000), /* -2^31 - 0.5 */
    UINT64_C(0x41effffffff00000),                               /* 2^32 - 0.5 */
    UINT64_C(0x43dfffffffffffff),                               /* just below 2^63 */
    UINT64_C(0x43e0000000000000),                               /* 2^63 */
    UINT64_C(0xc3e0000000000000), UINT64_C(0x43efffffffffffff), /* just below 2^64 */
    UINT64_C(0x43f0000000000000),                               /* 2^64 */
    UINT64_C(0x4330000000000001),                               /* 2^52 + 1 */
    UINT64_C(0x4320000000000001),                               /* 2^51 + 0.5 */
    UINT64_C(0x47efffffe0000000),                               /* the largest single */
    UINT64_C(0x47effffff0000000),                               /* halfway from it to the next */
    UINT64_C(0x47efffffefffffff),                               /* just below that */
    UINT64_C(0x3810000000000000),                               /* the smallest normal single */
    UINT64_C(0x380fffffffffffff),                               /* just below it: rounds up to it */
    UINT64_C(0x380fffffe0000000), /* halfway between it and the largest denormal one */
    UINT64_C(0x36a0000000000000), /* the smallest denormal single */
    UINT64_C(0x3690000000000000), /* half of it */
    UINT64_C(0x3690000000000001), UINT64_C(0x3ff0000010000000), /* halfway between two singles */
    UINT64_C(0x3ff0000030000000),
};

static const uint32_t singles[] = {
    0x00000000, 0x80000000, 0x3f800000, 0xbf800000, 0x3f800001, 0x3f000000, 0xbf000000, 0x3effffff,
    0x3fc00000, 0xc0200000, 0x00800000, 0x007fffff, 0x80000001, 0x00000001, 0x00000003, 0x7f7fffff,
    0xff7fffff, 0x7f800000, 0xff800000, 0x7fc00000, 0xffc00000, 0x7fc01234, 0x7f800001, 0xffa00000,
    0x4effffff, 0x4f000000, 0xcf000000, 0xcf000001, 0x4f7fffff, 0x4f800000, 0x5effffff, 0x5f000000,
    0xdf000000, 0x5f7fffff, 0x5f800000, 0x4b000001, 0x4a800001,
};

uint64_t value_integer(struct random *random)
{
    uint64_t bits = random_bits(random);
    switch (random_below(random, 6)) {
    case 0:
    case 1:
        return integers[random_below(random, COUNT_OF(integers))];
    case 2:
        return (uint64_t)(int64_t)random_between(random, -40, 40);
    case 3:
        return (UINT64_C(1) << (bits & 63)) - (bits >> 6 & 1);
    case 4:
        return (uint64_t)(int64_t)(int32_t)bits;
    }
    return bits;
}

static uint64_t value_double(struct random *random)
{
    uint64_t bits = random_bits(random);
    uint64_t sign = bits & UINT64_C(1) << 63;
    switch (random_below(random, 8)) {
    case 0:
    case 1:
    case 2:
        return doubles[random_below(random, COUNT_OF(doubles))];
    case 3: /* near 1, with every bit set at random: inexact results */
        return sign | (bits & DOUBLE_FRACTION) | (uint64_t)random_between(random, 1020, 1027) << 52;
    case 4: /* near 1, with few bits set: exact results and ties */
        return sign | (bits & UINT64_C(0xf) << 48) |
               (uint64_t)random_between(random, 1015, 1030) << 52;
    case 5: /* an exponent at one of the ends */
        return sign | (bits & DOUBLE_FRACTION) |
               (uint64_t)(random_chance(random, 50) ? random_between(random, 0, 60)
                                                    : random_between(random, 1990, 2047))
                   << 52;
    case 6: /* in the range of singles, with a single's exponent at an end */
        return sign | (bits & DOUBLE_FRACTION) |
               (uint64_t)(random_chance(random, 50) ? random_between(random, 870, 900)
                                                    : random_between(random, 1148, 1152))
                   << 52;
    }
    return bits;
}

static uint32_t value_single(struct random *random)
{
    uint32_t bits = (uint32_t)random_bits(random);
    uint32_t sign = bits & UINT32_C(1) << 31;
    switch (random_below(random, 7)) {
    case 0:
    case 1:
    case 2:
        return singles[random_below(random, COUNT_OF(singles))];
    case 3:
        return sign | (bits & 0x7fffff) | (uint32_t)random_between(random, 124, 131) << 23;
    case 4:
        return sign | (bits & UINT32_C(7) << 20) | (uint32_t)random_between(random, 120, 134) << 23;
    case 5:
        return sign | (bits & 0x7fffff) |
               (uint32_t)(random_chance(random, 50) ? random_between(random, 0, 30)
                                                    : random_between(random, 230, 255))
                   << 23;
    }
    return bits;
}

static uint64_t value_boxed_single(struct random *random)
{
    return value_single(random) | UINT64_C(0xffffffff00000000);
}

static uint64_t value_register_f(struct random *random, bool is_single)
{
    if (random_chance(random, 10))
        is_single = !is_single;
    return is_single ? value_boxed_single(random) : value_double(random);
}

static uint64_t value_window(struct random *random, unsigned word)
{
    switch (word % 4) {
    case 0:
        return value_integer(random);
    case 1:
        return value_single(random) | (uint64_t)value_single(random) << 32;
    }
    return value_double(random);
}

void state_seed(struct guest_state *state, struct random *random)
{
    for (unsigned i = 0; i < 32; i++) {
        state->x[i] = i ? value_integer(random) : 0;
        state->f[i] = value_register_f(random, i >= FIRST_SINGLE_REGISTER);
    }
    unsigned flags = random_chance(random, 50) ? 0 : random_below(random, 32);
    state->fcsr = random_below(random, 5) << 5 | flags;
    for (unsigned i = 0; i < COUNT_OF(state->window); i++)
        state->window[i] = value_window(random, i);
}

static void print_line(FILE *out, const char *name, uint64_t wanted, uint64_t found)
{
    fprintf(out, "    %-8s %016" PRIx64 "  %016" PRIx64 "\n", name, wanted, found);
}

void state_print_difference(FILE *out, const struct guest_state *wanted,
                            const struct guest_state *found)
{
    for (unsigned i = 1; i < 32; i++)
        if (wanted->x[i] != found->x[i])
            print_line(out, x_register_name[i], wanted->x[i], found->x[i]);
    for (unsigned i = 0; i < 32; i++)
        if (wanted->f[i] != found->f[i])
            print_line(out, f_register_name[i], wanted->f[i], found->f[i]);
    if (wanted->fcsr != found->fcsr)
        print_line(out, "fcsr", wanted->fcsr, found->fcsr);
    for (unsigned i = 0; i < COUNT_OF(wanted->window); i++) {
        char name[16];
        if (wanted->window[i] == found->window[i])
            continue;
        snprintf(name, sizeof name, "%d(base)", (int)i * 8 - WINDOW_BELOW_BASE);
        print_line(out, name, wanted->window[i], found->window[i]);
    }
}

void state_print(FILE *out, const struct guest_state *state, uint32_t x_set, uint32_t f_set)
{
    for (unsigned i = 1; i < 32; i++)
        if (x_set >> i & 1)
            fprintf(out, "    %-8s %016" PRIx64 "\n", x_register_name[i], state->x[i]);
    for (unsigned i = 0; i < 32; i++)
        if (f_set >> i & 1)
            fprintf(out, "    %-8s %016" PRIx64 "\n", f_register_name[i], state->f[i]);
    fprintf(out, "    %-8s %016" PRIx64 "\n", "fcsr", state->fcsr);
}
