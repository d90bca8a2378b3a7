/* Loops of one block that end by "bne" when a register reaches another: steps of 1, 2 and 8, of
 * double words and of words that wrap, counts around multiples of 256 (tier 3 makes chunks of them).
 * Each notes how often it went round and what its registers are then. */
#include <stdint.h>
#include <stdio.h>

#define LOOP(name, step)                                                                           \
    static uint64_t name(uint64_t at, uint64_t end)                                                \
    {                                                                                              \
        uint64_t rounds = 0, old = 0;                                                              \
        __asm__ volatile("1: mv %1, %2\n addi %0, %0, 1\n" step "\n bne %2, %3, 1b"                \
                         : "+&r"(rounds), "+&r"(old), "+&r"(at)                                    \
                         : "r"(end));                                                              \
        return rounds * 0x9e3779b97f4a7c15 ^ old * 31 ^ at;                                        \
    }
LOOP(by_1, "addi %2, %2, 1")
LOOP(by_2, "addi %2, %2, 2")
LOOP(by_8, "addi %2, %2, 8")
LOOP(by_minus_4, "addi %2, %2, -4")
LOOP(by_word, "addiw %2, %2, 1")
LOOP(by_word_4, "addiw %2, %2, 4")

static const struct {
    const char *name;
    uint64_t (*loop)(uint64_t at, uint64_t end);
    int64_t step;
    int is_word;
} loops[] = {
    {"by_1", by_1, 1, 0},          {"by_2", by_2, 2, 0},       {"by_8", by_8, 8, 0},
    {"by_minus_4", by_minus_4, -4, 0}, {"by_word", by_word, 1, 1}, {"by_word_4", by_word_4, 4, 1},
};

static const uint64_t starts[] = {0, 5, 0x7ffffff0, 0xfffffffffffffff8, 0x7fffffffffffff00,
                                  0xffffffff80000000, 0x123456789ab};
static const unsigned counts[] = {1, 2, 3, 255, 256, 257, 511, 512, 513, 1000};

static uint64_t end_of(unsigned loop, uint64_t at, unsigned count)
{
    uint64_t end = at + (uint64_t)loops[loop].step * count;
    return loops[loop].is_word ? (uint64_t)(int64_t)(int32_t)end : end;
}

int main(void)
{
    for (unsigned loop = 0; loop < sizeof loops / sizeof *loops; loop++) {
        uint64_t sum = 0;
        for (unsigned pass = 0; pass < 20; pass++)
            for (unsigned i = 0; i < sizeof starts / sizeof *starts; i++)
                for (unsigned j = 0; j < sizeof counts / sizeof *counts; j++)
                    sum = sum * 31 + loops[loop].loop(starts[i], end_of(loop, starts[i], counts[j]));
        printf("%s %016llx\n", loops[loop].name, (unsigned long long)sum);
    }
    return 0;
}
