/* Chunked bump allocator; chunks are kept across arena_reset. */
#include "src/base/arena.h"

#include "src/base/check.h"

#include <stdlib.h>
#include <string.h>

enum { CHUNK_BYTES = 64 * 1024, ALIGNMENT = 16 };

struct arena_chunk {
    struct arena_chunk *next;
    size_t size_bytes;
    _Alignas(ALIGNMENT) unsigned char data[];
};

void arena_init(struct arena *arena)
{
    *arena = (struct arena){0};
}

void arena_fini(struct arena *arena)
{
    for (struct arena_chunk *chunk = arena->first; chunk;) {
        struct arena_chunk *next = chunk->next;
        free(chunk);
        chunk = next;
    }
    *arena = (struct arena){0};
}

void arena_reset(struct arena *arena)
{
    arena->current = arena->first;
    arena->used = 0;
}

static struct arena_chunk *chunk_new(size_t size_bytes)
{
    struct arena_chunk *chunk = malloc(sizeof *chunk + size_bytes);
    CHECK(chunk, "out of memory");
    chunk->next = NULL;
    chunk->size_bytes = size_bytes;
    return chunk;
}

/* Moves on to a chunk with room for size_bytes, reusing the kept ones in order. */
static void advance(struct arena *arena, size_t size_bytes)
{
    struct arena_chunk *current = arena->current;
    struct arena_chunk *next = current ? current->next : arena->first;
    if (!next || next->size_bytes < size_bytes) {
        struct arena_chunk *fresh = chunk_new(size_bytes > CHUNK_BYTES ? size_bytes : CHUNK_BYTES);
        fresh->next = next;
        next = fresh;
        if (current)
            current->next = fresh;
        else
            arena->first = fresh;
    }
    arena->current = next;
    arena->used = 0;
}

void *arena_alloc(struct arena *arena, size_t size_bytes)
{
    size_bytes = (size_bytes + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    if (!arena->current || arena->used + size_bytes > arena->current->size_bytes)
        advance(arena, size_bytes);
    void *result = arena->current->data + arena->used;
    arena->used += size_bytes;
    return result;
}

void *arena_zalloc(struct arena *arena, size_t size_bytes)
{
    return memset(arena_alloc(arena, size_bytes), 0, size_bytes);
}
