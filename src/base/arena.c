/* Chunked bump allocator; chunks are kept across arena_reset. An arena that has grown large goes on in
 * huge pages of its own. */
#include "src/base/arena.h"

#include "src/base/pages.h"

#include <stdbool.h>

enum { SMALL_CHUNK_BYTES = 64 * 1024, LARGE_ARENA_BYTES = 512 * 1024 };

struct arena_chunk {
    struct arena_chunk *next;
    size_t size_bytes; /* with this head */
    _Alignas(ARENA_ALIGNMENT) unsigned char data[];
};

void arena_init(struct arena *arena)
{
    *arena = (struct arena){0};
}

void arena_fini(struct arena *arena)
{
    for (struct arena_chunk *chunk = arena->first; chunk;) {
        struct arena_chunk *next = chunk->next;
        pages_free(chunk, chunk->size_bytes);
        chunk = next;
    }
    *arena = (struct arena){0};
}

static void enter(struct arena *arena, struct arena_chunk *chunk)
{
    arena->current = chunk;
    arena->next = chunk ? chunk->data : NULL;
    arena->limit = chunk ? (unsigned char *)chunk + chunk->size_bytes : NULL;
}

void arena_reset(struct arena *arena)
{
    enter(arena, arena->first);
}

static struct arena_chunk *chunk_new(struct arena *arena, size_t size_bytes)
{
    bool is_large = arena->total_bytes >= LARGE_ARENA_BYTES;
    size_t least = is_large ? PAGES_HUGE_BYTES : SMALL_CHUNK_BYTES;
    size_bytes += sizeof(struct arena_chunk);
    if (size_bytes < least)
        size_bytes = least;
    struct arena_chunk *chunk = pages_alloc(size_bytes);
    chunk->next = NULL;
    chunk->size_bytes = size_bytes;
    arena->total_bytes += size_bytes;
    return chunk;
}

/* Moves on to a chunk with room for size_bytes, reusing the kept ones in order. */
void *arena_alloc_slowly(struct arena *arena, size_t size_bytes)
{
    struct arena_chunk *current = arena->current;
    struct arena_chunk *next = current ? current->next : arena->first;
    if (!next || next->size_bytes - sizeof *next < size_bytes) {
        struct arena_chunk *fresh = chunk_new(arena, size_bytes);
        fresh->next = next;
        next = fresh;
        if (current)
            current->next = fresh;
        else
            arena->first = fresh;
    }
    enter(arena, next);
    arena->next += size_bytes;
    return next->data;
}
