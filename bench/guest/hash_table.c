/*
 * hash_table: inserts, look-ups and removals in an open-addressing table of 8 MiB.
 *
 * Linear probing with removal by shifting back. The table is larger than a second-level
 * cache, so each operation begins with a miss. It is filled to its steady state first.
 */
#include "bench/guest/kernel.h"

#define NAME "hash_table"

enum {
    SLOTS = 1 << 19,
    KEYS = 400000,
    OPERATIONS = 150000,
};

struct slot {
    uint64_t key; /* 0: free */
    uint64_t value;
};

static struct slot *slots;
static uint64_t used;

/* Spreads key numbers over 64 bits; never 0 for numbers 1 and up. */
static uint64_t key_of(uint32_t number)
{
    uint64_t key = number * 0x9e3779b97f4a7c15ULL;
    return key ^ (key >> 32);
}

static size_t home_of(uint64_t key)
{
    return (size_t)((key * 0xff51afd7ed558ccdULL) >> (64 - 19));
}

static size_t next_of(size_t index)
{
    return (index + 1) & (SLOTS - 1);
}

/* The slot that holds the key, or the free one where it belongs. */
static size_t find(uint64_t key)
{
    size_t index = home_of(key);
    while (slots[index].key != 0 && slots[index].key != key)
        index = next_of(index);
    return index;
}

static void insert(uint64_t key, uint64_t value)
{
    size_t index = find(key);
    used += slots[index].key == 0;
    slots[index] = (struct slot){key, value};
}

static uint64_t look_up(uint64_t key)
{
    return slots[find(key)].value;
}

static void remove_key(uint64_t key)
{
    size_t hole = find(key);
    if (slots[hole].key == 0)
        return;
    for (size_t index = next_of(hole); slots[index].key != 0; index = next_of(index)) {
        size_t from_home = (index - home_of(slots[index].key)) & (SLOTS - 1);
        size_t from_hole = (index - hole) & (SLOTS - 1);
        if (from_home >= from_hole) {
            slots[hole] = slots[index];
            hole = index;
        }
    }
    slots[hole] = (struct slot){0, 0};
    used--;
}

static uint64_t random_key(struct kernel_random *random)
{
    return key_of(1 + random_below(random, KEYS));
}

/* Two look-ups and two inserts for each removal: two thirds of the keys are present. */
static uint64_t operate(struct kernel_random *random, uint64_t checksum)
{
    uint64_t found = 0;
    for (uint64_t i = 0; i < OPERATIONS; i++) {
        uint64_t key = random_key(random);
        switch (random_below(random, 5)) {
        case 0:
        case 1:
            found += look_up(key);
            break;
        case 2:
        case 3:
            insert(key, i);
            break;
        default:
            remove_key(key);
            break;
        }
    }
    checksum = checksum_add(checksum, found);
    return checksum_add(checksum, used);
}

int main(int argc, char **argv)
{
    uint64_t size = kernel_size(argc, argv, NAME);
    struct kernel_random random = {8191};
    slots = calloc(SLOTS, sizeof *slots);
    if (slots == NULL)
        kernel_fail(NAME, "out of memory");
    for (uint32_t number = 1; number <= KEYS; number++) {
        if (number % 3 != 0)
            insert(key_of(number), number);
    }
    uint64_t checksum = 0;
    for (uint64_t unit = 0; unit < size; unit++)
        checksum = operate(&random, checksum);
    free(slots);
    return kernel_finish(NAME, checksum);
}
