/*
 * What the benchmark kernels share: the size argument, a random generator and the one line
 * of output.
 *
 * A kernel does SIZE equal units of work, each about 2 to 10 ms on a present-day x86-64 at
 * -O2, and prints "NAME checksum=HEX". The checksum depends on all of the work and on
 * nothing else, so it is the same on every machine and under every emulator.
 */
#ifndef TIERCEL_BENCH_GUEST_KERNEL_H
#define TIERCEL_BENCH_GUEST_KERNEL_H

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct kernel_random {
    uint64_t state; /* never 0 */
};

static inline _Noreturn void kernel_usage(const char *name)
{
    fprintf(stderr, "usage: %s [SIZE]  (SIZE: units of work, 1 to 1000000000; default 1)\n", name);
    exit(2);
}

/* A result that is wrong by the kernel's own check, or memory that ran out. */
static inline _Noreturn void kernel_fail(const char *name, const char *what)
{
    fprintf(stderr, "%s: %s\n", name, what);
    exit(1);
}

/* The number of units to do. Exits with 2 on anything but one decimal number. */
static inline uint64_t kernel_size(int argc, char **argv, const char *name)
{
    if (argc < 2)
        return 1;
    const char *text = argv[1];
    if (argc > 2 || text[0] < '0' || text[0] > '9')
        kernel_usage(name);
    char *end = NULL;
    errno = 0;
    unsigned long long size = strtoull(text, &end, 10);
    if (errno != 0 || *end != '\0' || size < 1 || size > 1000000000)
        kernel_usage(name);
    return size;
}

/* Prints the kernel's line; gives the exit status of main. */
static inline int kernel_finish(const char *name, uint64_t checksum)
{
    printf("%s checksum=%016llx\n", name, (unsigned long long)checksum);
    return fflush(stdout) == 0 ? 0 : 1;
}

/* xorshift64* (Vigna 2016, "An experimental exploration of Marsaglia's xorshift generators"). */
static inline uint64_t random_next(struct kernel_random *random)
{
    uint64_t x = random->state;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    random->state = x;
    return x * 0x2545f4914f6cdd1dULL;
}

/* Uniform enough in 0 .. limit-1; limit below 2^32. */
static inline uint32_t random_below(struct kernel_random *random, uint32_t limit)
{
    return (uint32_t)(((random_next(random) >> 32) * limit) >> 32);
}

/* In [-0.5, 0.5), exact in a double. */
static inline double random_centred(struct kernel_random *random)
{
    return (double)(int64_t)(random_next(random) >> 11) * 0x1p-53 - 0.5;
}

static inline uint64_t checksum_add(uint64_t checksum, uint64_t value)
{
    checksum = (checksum ^ value) * 0x9e3779b97f4a7c15ULL;
    return checksum ^ (checksum >> 29);
}

/* All bits of a double: only for results of + - * / alone, which every machine rounds alike. */
static inline uint64_t checksum_add_double(uint64_t checksum, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return checksum_add(checksum, bits);
}

#endif
