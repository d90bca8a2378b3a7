/* Whole pages (see pages.h).
 *
 * Requests of less than a huge page are cut from huge pages, one after the other. What is given back is
 * kept for the next request of its size: there are few sizes. */
#include "src/base/pages.h"

#include "src/base/check.h"

#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

enum { PAGE = 4096 };

/* Since Linux 6.1; headers may be older. */
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

/* A piece that was given back. */
struct spare {
    struct spare *next;
    size_t size_bytes;
};

/* Where small requests come from; under lock. */
static struct pool {
    pthread_mutex_t lock;
    uint8_t *next;
    size_t left_bytes;
    struct spare *spares;
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER};

static uint8_t *map(size_t size_bytes, int flags)
{
    void *memory = mmap(NULL, size_bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

static size_t distance_to_huge(const uint8_t *memory)
{
    return -(uintptr_t)memory & (PAGES_HUGE_BYTES - 1);
}

/* Recent kernels align large mappings; elsewhere too much is mapped and what lies outside is cut off. */
void *pages_map_aligned(size_t size_bytes, size_t huge_at, int flags)
{
    uint8_t *memory = map(size_bytes, flags);
    if (!memory || distance_to_huge(memory + huge_at) == 0)
        return memory;
    munmap(memory, size_bytes);
    memory = map(size_bytes + PAGES_HUGE_BYTES, flags);
    if (!memory)
        return NULL;
    size_t before = distance_to_huge(memory + huge_at);
    if (before)
        munmap(memory, before);
    memory += before;
    munmap(memory + size_bytes, PAGES_HUGE_BYTES - before);
    return memory;
}

static void *map_huge(size_t size_bytes)
{
    void *memory = pages_map_aligned(size_bytes, 0, 0);
    CHECK(memory, "out of memory");
    madvise(memory, size_bytes, MADV_HUGEPAGE); /* where the host has none: small ones */
    return memory;
}

static size_t rounded(size_t size_bytes)
{
    return (size_bytes + PAGE - 1) & ~(size_t)(PAGE - 1);
}

/* A spare piece of just this size, or NULL. */
static void *take_spare(size_t size_bytes)
{
    for (struct spare **place = &pool.spares; *place; place = &(*place)->next) {
        struct spare *spare = *place;
        if (spare->size_bytes != size_bytes)
            continue;
        *place = spare->next;
        return memset(spare, 0, size_bytes);
    }
    return NULL;
}

static void *cut(size_t size_bytes)
{
    if (size_bytes > pool.left_bytes) {
        pool.next = map_huge(PAGES_HUGE_BYTES);
        pool.left_bytes = PAGES_HUGE_BYTES;
    }
    void *piece = pool.next;
    pool.next += size_bytes;
    pool.left_bytes -= size_bytes;
    return piece;
}

void *pages_alloc(size_t size_bytes)
{
    size_bytes = rounded(size_bytes);
    if (size_bytes >= PAGES_HUGE_BYTES)
        return map_huge(size_bytes);
    pthread_mutex_lock(&pool.lock);
    void *piece = take_spare(size_bytes);
    if (!piece)
        piece = cut(size_bytes);
    pthread_mutex_unlock(&pool.lock);
    return piece;
}

void pages_free(void *memory, size_t size_bytes)
{
    size_bytes = rounded(size_bytes);
    if (size_bytes >= PAGES_HUGE_BYTES) {
        munmap(memory, size_bytes);
        return;
    }
    struct spare *spare = memory;
    pthread_mutex_lock(&pool.lock);
    *spare = (struct spare){pool.spares, size_bytes};
    pool.spares = spare;
    pthread_mutex_unlock(&pool.lock);
}

bool pages_donate(void *memory, size_t size_bytes)
{
    pthread_mutex_lock(&pool.lock);
    bool is_first = !pool.next;
    if (is_first) {
        pool.next = memory;
        pool.left_bytes = size_bytes;
    }
    pthread_mutex_unlock(&pool.lock);
    return is_first;
}

void pages_expect_writes(void *memory, size_t size_bytes)
{
    madvise(memory, size_bytes, MADV_POPULATE_WRITE);
}

void pages_expect_reads(void *memory, size_t size_bytes)
{
    madvise(memory, size_bytes, MADV_POPULATE_READ);
}

bool pages_make_huge(void *memory, size_t size_bytes)
{
    return madvise(memory, size_bytes, MADV_COLLAPSE) == 0;
}
