/*
 * string_sort: merge sort of strings that are moved as bytes, not as pointers.
 *
 * The strings lie one behind the other, each a length byte and its text. A pass merges
 * neighbouring runs from one buffer into the other, so every step compares two texts byte
 * by byte and moves one of them: short memmoves and unpredictable branches.
 */
#include "bench/guest/kernel.h"

#define NAME "string_sort"

enum {
    COUNT = 12000,
    LENGTH_MIN = 4,
    LENGTH_MAX = 80,
    BUFFER_BYTES = COUNT * (LENGTH_MAX + 1),
};

/* A run of sorted strings within a buffer. */
struct run {
    const uint8_t *next;
    size_t left;
};

static uint8_t buffers[2][BUFFER_BYTES];

/* A small alphabet gives long common prefixes now and then. */
static void fill(uint8_t *buffer, struct kernel_random *random)
{
    for (size_t i = 0; i < COUNT; i++) {
        size_t length = LENGTH_MIN + random_below(random, LENGTH_MAX - LENGTH_MIN + 1);
        *buffer++ = (uint8_t)length;
        uint64_t letters = 0;
        for (size_t j = 0; j < length; j++) {
            if (j % 16 == 0)
                letters = random_next(random);
            *buffer++ = (uint8_t)('a' + (letters & 7));
            letters >>= 4;
        }
    }
}

static size_t string_bytes(const uint8_t *string)
{
    return (size_t)string[0] + 1;
}

static int compare(const uint8_t *a, const uint8_t *b)
{
    size_t shorter = a[0] < b[0] ? a[0] : b[0];
    for (size_t i = 1; i <= shorter; i++) {
        if (a[i] != b[i])
            return a[i] < b[i] ? -1 : 1;
    }
    return (a[0] > b[0]) - (a[0] < b[0]);
}

static uint8_t *move_first(uint8_t *out, struct run *run)
{
    size_t bytes = string_bytes(run->next);
    memmove(out, run->next, bytes);
    run->next += bytes;
    run->left--;
    return out + bytes;
}

static uint8_t *merge(uint8_t *out, struct run *low, struct run *high)
{
    while (low->left > 0 && high->left > 0)
        out = move_first(out, compare(low->next, high->next) <= 0 ? low : high);
    while (low->left > 0)
        out = move_first(out, low);
    while (high->left > 0)
        out = move_first(out, high);
    return out;
}

static const uint8_t *skip(const uint8_t *string, size_t count)
{
    while (count-- > 0)
        string += string_bytes(string);
    return string;
}

/* One pass: runs of run_length strings in `in` become runs of twice that in `out`. */
static void merge_pass(uint8_t *out, const uint8_t *in, size_t run_length)
{
    for (size_t done = 0; done < COUNT; done += 2 * run_length) {
        size_t left = COUNT - done;
        struct run low = {in, left < run_length ? left : run_length};
        left -= low.left;
        struct run high = {skip(in, low.left), left < run_length ? left : run_length};
        out = merge(out, &low, &high);
        in = high.next;
    }
}

static uint64_t check(const uint8_t *string, uint64_t checksum)
{
    for (size_t i = 1; i < COUNT; i++) {
        const uint8_t *next = skip(string, 1);
        if (compare(string, next) > 0)
            kernel_fail(NAME, "the strings are not in order");
        if (i % 61 == 0)
            checksum = checksum_add(checksum, (uint64_t)next[0] << 16 | next[1] << 8 | next[4]);
        string = next;
    }
    return checksum;
}

int main(int argc, char **argv)
{
    uint64_t size = kernel_size(argc, argv, NAME);
    struct kernel_random random = {7919};
    uint64_t checksum = 0;
    for (uint64_t unit = 0; unit < size; unit++) {
        int from = 0;
        fill(buffers[from], &random);
        for (size_t run_length = 1; run_length < COUNT; run_length *= 2) {
            merge_pass(buffers[1 - from], buffers[from], run_length);
            from = 1 - from;
        }
        checksum = check(buffers[from], checksum);
    }
    return kernel_finish(NAME, checksum);
}
