/*
 * numeric_sort: heapsort of 64-bit signed numbers.
 *
 * Data-dependent branches and strided loads in an array that fits the second-level cache.
 */
#include "bench/guest/kernel.h"

#define NAME "numeric_sort"

enum { COUNT = 40000 };

static int64_t numbers[COUNT];

static void fill(struct kernel_random *random)
{
    for (size_t i = 0; i < COUNT; i++)
        numbers[i] = (int64_t)random_next(random);
}

/* Lets numbers[root] sink until both children within [0, count) are not above it. */
static void sift_down(int64_t *heap, size_t root, size_t count)
{
    int64_t moving = heap[root];
    for (;;) {
        size_t child = 2 * root + 1;
        if (child >= count)
            break;
        if (child + 1 < count && heap[child] < heap[child + 1])
            child++;
        if (heap[child] <= moving)
            break;
        heap[root] = heap[child];
        root = child;
    }
    heap[root] = moving;
}

static void heap_sort(int64_t *heap, size_t count)
{
    for (size_t root = count / 2; root-- > 0;)
        sift_down(heap, root, count);
    for (size_t last = count - 1; last > 0; last--) {
        int64_t largest = heap[0];
        heap[0] = heap[last];
        heap[last] = largest;
        sift_down(heap, 0, last);
    }
}

static uint64_t check(uint64_t checksum)
{
    for (size_t i = 1; i < COUNT; i++) {
        if (numbers[i - 1] > numbers[i])
            kernel_fail(NAME, "the numbers are not in order");
    }
    for (size_t i = 0; i < COUNT; i += 101)
        checksum = checksum_add(checksum, (uint64_t)numbers[i]);
    return checksum;
}

int main(int argc, char **argv)
{
    uint64_t size = kernel_size(argc, argv, NAME);
    struct kernel_random random = {20240411};
    uint64_t checksum = 0;
    for (uint64_t unit = 0; unit < size; unit++) {
        fill(&random);
        heap_sort(numbers, COUNT);
        checksum = check(checksum);
    }
    return kernel_finish(NAME, checksum);
}
