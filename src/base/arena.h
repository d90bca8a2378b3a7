/* Arena: allocation that is released as a whole.
 *
 * One arena serves one translation; arena_reset keeps the chunks for the next one, so a warmed-up
 * arena never calls malloc. Not thread safe: an arena belongs to one thread at a time. */
#ifndef TIERCEL_BASE_ARENA_H
#define TIERCEL_BASE_ARENA_H

#include <stddef.h>

struct arena_chunk;

struct arena {
    struct arena_chunk *first;
    struct arena_chunk *current;
    size_t used; /* bytes used in current */
};

void arena_init(struct arena *arena);
void arena_fini(struct arena *arena);
void arena_reset(struct arena *arena);

/* 16-byte aligned, uninitialised; never NULL (the process ends when the host has no memory). */
void *arena_alloc(struct arena *arena, size_t size_bytes);
/* The same, zeroed. */
void *arena_zalloc(struct arena *arena, size_t size_bytes);

#endif
