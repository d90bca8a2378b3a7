/* Drafts by the guest bytes they go over.
 *
 * A branch often goes to an instruction that a draft has got already, for drafts go on behind branches that
 * are not taken. As an instruction's code stands for itself it can be entered there, and need not be
 * made again. What is remembered of a draft lives in the cache's arena, until the next flush. */
#include "tier1/draft.h"

#include "src/base/pages.h"

enum { MAP_LOG2 = 11, CHUNK_BYTES = 64 };

struct draft_extent {
    const struct tb_code *code;
    uint64_t pc;
    const struct draft_mark *marks; /* of its basic blocks; behind the last one more */
    uint16_t size_bytes;
    uint16_t entries; /* instructions that may be entered */
    uint8_t mode;
    uint8_t way[]; /* of each instruction */
};

/* The latest that goes over each 64 bytes, at a place chosen by these. */
struct draft_map {
    uint64_t flushes; /* of the cache, when this was filled */
    const struct draft_extent *extents[1 << MAP_LOG2];
};

static const struct draft_extent **place_of(struct draft_map *map, uint64_t chunk)
{
    return &map->extents[(uint32_t)chunk * UINT32_C(0x9e3779b1) >> (32 - MAP_LOG2)];
}

static struct draft_map *map_of(struct t1 *t)
{
    if (!t->draft_map)
        t->draft_map = pages_alloc(sizeof *t->draft_map);
    if (t->draft_map->flushes != t->cache->stats.flushes) {
        memset(t->draft_map, 0, sizeof *t->draft_map);
        t->draft_map->flushes = t->cache->stats.flushes;
    }
    return t->draft_map;
}

void draft_map_fini(struct t1 *t)
{
    if (t->draft_map)
        pages_free(t->draft_map, sizeof *t->draft_map);
}

static const struct draft_mark *keep_marks(struct draft *d)
{
    d->mark[d->mark_count++] = (struct draft_mark){.at = UINT16_MAX};
    size_t size_bytes = d->mark_count * sizeof *d->mark;
    return memcpy(arena_alloc(&d->t->cache->arena, size_bytes), d->mark, size_bytes);
}

void draft_map_add(struct draft *d, struct tb_code *code)
{
    struct t1 *t = d->t;
    struct draft_map *map = map_of(t);
    struct draft_extent *extent = arena_alloc(&t->cache->arena, sizeof *extent + d->entries);
    *extent = (struct draft_extent){
        .code = code,
        .pc = t->guest_pc,
        .marks = keep_marks(d),
        .size_bytes = (uint16_t)t->guest_size_bytes,
        .entries = (uint16_t)d->entries,
        .mode = t->tb->mode,
    };
    memcpy(extent->way, d->way, d->entries);
    uint64_t last = (extent->pc + extent->size_bytes - 1) / CHUNK_BYTES;
    for (uint64_t chunk = extent->pc / CHUNK_BYTES; chunk <= last; chunk++)
        *place_of(map, chunk) = extent;
}

/* The instruction at pc of the extent, which has that byte. */
static bool find(const struct draft_extent *extent, uint64_t pc, struct draft_entry *ret_entry)
{
    uint32_t wanted = (uint32_t)(pc - extent->pc);
    const struct draft_mark *mark = extent->marks;
    while (mark[1].at <= wanted)
        mark++;
    uint32_t at = mark->at, i = mark->length;
    const uint8_t *place = extent->code->start + mark->code_offset;
    for (; at < wanted; i++) {
        at += 2 + (extent->way[i] >> 5 & 2);
        place += extent->way[i] & 63;
    }
    *ret_entry = (struct draft_entry){extent->code->tb, place, extent->size_bytes - wanted};
    return at == wanted && i < extent->entries && extent->way[i] >> 7;
}

bool draft_map_find(struct t1 *t, uint64_t pc, unsigned mode, struct draft_entry *ret_entry)
{
    const struct draft_extent *extent = *place_of(map_of(t), pc / CHUNK_BYTES);
    bool is_over = extent && pc - extent->pc < extent->size_bytes && extent->mode == mode &&
                   !extent->code->is_dropped;
    return is_over && find(extent, pc, ret_entry);
}
