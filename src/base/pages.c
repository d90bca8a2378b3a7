/* Whole pages (see pages.h). */
#include "src/base/pages.h"

#include "src/base/check.h"

#include <stdint.h>
#include <sys/mman.h>

static void *map(size_t size_bytes, int flags)
{
    void *memory = mmap(NULL, size_bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
    CHECK(memory != MAP_FAILED, "out of memory");
    return memory;
}

/* Maps too much and cuts off what lies outside the aligned part. */
static void *map_huge(size_t size_bytes)
{
    uint8_t *memory = map(size_bytes + PAGES_HUGE_BYTES, 0);
    size_t before = -(uintptr_t)memory & (PAGES_HUGE_BYTES - 1);
    if (before)
        munmap(memory, before);
    munmap(memory + before + size_bytes, PAGES_HUGE_BYTES - before);
    madvise(memory + before, size_bytes, MADV_HUGEPAGE); /* where the host has none: small ones */
    return memory + before;
}

void pages_expect_writes(void *memory, size_t size_bytes)
{
    madvise(memory, size_bytes, MADV_POPULATE_WRITE);
}

void pages_expect_reads(void *memory, size_t size_bytes)
{
    madvise(memory, size_bytes, MADV_POPULATE_READ);
}

static size_t rounded(size_t size_bytes)
{
    return (size_bytes + 4095) & ~(size_t)4095;
}

void *pages_alloc(size_t size_bytes)
{
    if (size_bytes >= PAGES_HUGE_BYTES)
        return map_huge(rounded(size_bytes));
    return map(size_bytes, MAP_POPULATE);
}

void *pages_alloc_sparse(size_t size_bytes)
{
    return map(size_bytes, 0);
}

void pages_free(void *memory, size_t size_bytes)
{
    munmap(memory, rounded(size_bytes));
}
