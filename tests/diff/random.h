/* The random numbers of the differential tester: splitmix64, so that a sequence depends on nothing
 * but its seed. */
#ifndef TIERCEL_TESTS_DIFF_RANDOM_H
#define TIERCEL_TESTS_DIFF_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

struct random {
    uint64_t state;
};

static inline uint64_t random_bits(struct random *random)
{
    uint64_t bits = random->state += UINT64_C(0x9e3779b97f4a7c15);
    bits = (bits ^ bits >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    bits = (bits ^ bits >> 27) * UINT64_C(0x94d049bb133111eb);
    return bits ^ bits >> 31;
}

/* 0 ... limit - 1; limit is not 0. */
static inline unsigned random_below(struct random *random, unsigned limit)
{
    return (unsigned)((random_bits(random) >> 32) * limit >> 32);
}

/* first ... last, both included. */
static inline int random_between(struct random *random, int first, int last)
{
    return first + (int)random_below(random, (unsigned)(last - first + 1));
}

static inline bool random_chance(struct random *random, unsigned percent)
{
    return random_below(random, 100) < percent;
}

#endif
