/*
 * bitfield: sets, clears and complements runs of bits in a bitmap, then walks it.
 *
 * Long runs go a word at a time with masks at both ends, complements go bit by bit, as
 * allocation maps and bitmaps of graphics do: shifts, masks and read-modify-write.
 */
#include "bench/guest/kernel.h"

#define NAME "bitfield"

enum {
    WORDS = 4096,
    BITS = WORDS * 64,
    RUNS = 56000,
    RUN_MAX = 400,
};

static uint64_t map[WORDS];

/* Bits first .. first+count-1 of a word; count 1 to 64. */
static uint64_t word_mask(unsigned first, unsigned count)
{
    return (~0ULL >> (64 - count)) << first;
}

static void assign_word(uint64_t *word, uint64_t mask, int is_set)
{
    *word = is_set ? *word | mask : *word & ~mask;
}

static void assign_run(unsigned first, unsigned count, int is_set)
{
    while (count > 0) {
        unsigned offset = first % 64;
        unsigned here = 64 - offset < count ? 64 - offset : count;
        assign_word(&map[first / 64], word_mask(offset, here), is_set);
        first += here;
        count -= here;
    }
}

static void complement_run(unsigned first, unsigned count)
{
    for (unsigned bit = first; bit < first + count; bit++)
        map[bit / 64] ^= 1ULL << (bit % 64);
}

static unsigned count_bits(uint64_t word)
{
    word -= (word >> 1) & 0x5555555555555555ULL;
    word = (word & 0x3333333333333333ULL) + ((word >> 2) & 0x3333333333333333ULL);
    word = (word + (word >> 4)) & 0x0f0f0f0f0f0f0f0fULL;
    return (unsigned)((word * 0x0101010101010101ULL) >> 56);
}

/* The first bit at or after `bit` whose value is is_set; BITS when there is none. */
static unsigned find_bit(unsigned bit, unsigned is_set)
{
    while (bit < BITS && ((map[bit / 64] >> (bit % 64)) & 1) != is_set)
        bit++;
    return bit;
}

/* Longest run of set bits and number of runs, folded into the checksum. */
static uint64_t measure(uint64_t checksum)
{
    unsigned longest = 0, runs = 0, population = 0;
    for (unsigned bit = find_bit(0, 1); bit < BITS;) {
        unsigned end = find_bit(bit, 0);
        longest = end - bit > longest ? end - bit : longest;
        runs++;
        bit = find_bit(end, 1);
    }
    for (size_t i = 0; i < WORDS; i++)
        population += count_bits(map[i]);
    checksum = checksum_add(checksum, (uint64_t)longest << 32 | runs);
    return checksum_add(checksum, population);
}

static void apply_runs(struct kernel_random *random)
{
    for (int i = 0; i < RUNS; i++) {
        unsigned first = random_below(random, BITS - RUN_MAX);
        unsigned count = 1 + random_below(random, RUN_MAX);
        switch (random_below(random, 3)) {
        case 0:
            assign_run(first, count, 1);
            break;
        case 1:
            assign_run(first, count, 0);
            break;
        default:
            complement_run(first, count);
            break;
        }
    }
}

int main(int argc, char **argv)
{
    uint64_t size = kernel_size(argc, argv, NAME);
    struct kernel_random random = {65537};
    uint64_t checksum = 0;
    for (uint64_t unit = 0; unit < size; unit++) {
        apply_runs(&random);
        checksum = measure(checksum);
    }
    return kernel_finish(NAME, checksum);
}
