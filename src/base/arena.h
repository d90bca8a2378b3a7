/* Arena: allocation that is released as a whole.
 *
 * One arena serves one translation; arena_reset keeps the chunks for the next one, so a warmed-up
 * arena never calls malloc. Not thread safe: an arena belongs to one thread at a time. */
#ifndef TIERCEL_BASE_ARENA_H
#define TIERCEL_BASE_ARENA_H

#include <stddef.h>

struct arena_chunk;

struct arena {
    unsigned char *next;  /* free from here ... */
    unsigned char *limit; /* ... to here, in `current` */
    struct arena_chunk *first;
    struct arena_chunk *current;
    size_t total_bytes; /* of all chunks */
};

enum { ARENA_ALIGNMENT = 16 };

void arena_init(struct arena *arena);
void arena_fini(struct arena *arena);
void arena_reset(struct arena *arena);

/* For arena_alloc, when the current chunk is full. */
void *arena_alloc_slowly(struct arena *arena, size_t size_bytes);

/* 16-byte aligned, uninitialised; never NULL (the process ends when the host has no memory). */
static inline void *arena_alloc(struct arena *arena, size_t size_bytes)
{
    size_bytes = (size_bytes + ARENA_ALIGNMENT - 1) & ~(size_t)(ARENA_ALIGNMENT - 1);
    unsigned char *result = arena->next;
    if (__builtin_expect(size_bytes > (size_t)(arena->limit - result), 0))
        return arena_alloc_slowly(arena, size_bytes);
    arena->next = result + size_bytes;
    return result;
}

/* Where the next arena_alloc of at most size_bytes will be: to be filled before it is known how much is
 * needed. */
static inline void *arena_reserve(struct arena *arena, size_t size_bytes)
{
    void *result = arena_alloc(arena, size_bytes);
    arena->next = (unsigned char *)result;
    return result;
}

/* arena_alloc, zeroed. */
static inline void *arena_zalloc(struct arena *arena, size_t size_bytes)
{
    return __builtin_memset(arena_alloc(arena, size_bytes), 0, size_bytes);
}

#endif
