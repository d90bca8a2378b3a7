/* Loops of a region.
 *
 * A depth-first search from the entry marks the edges that go to a node on the search path: every
 * cycle contains such a back edge, so polling on them bounds the time between polls even in
 * irreducible graphs. A header is chunked when its natural loop is entered at the header only, has
 * no other header inside and does nothing slow or ordered. */
#include "tier2/analysis.h"

#include <string.h>

enum { CHUNKED_LOOP_MAX_INSNS = 400 };

enum visit { UNSEEN, ON_PATH, DONE };

struct search {
    const struct ir_region *region;
    struct node_facts *nodes;
    uint8_t *visit;      /* enum visit per node */
    uint32_t *next_edge; /* per node on the path */
    int32_t *path;
};

/* One step from the last node of the path; returns the new length of the path. */
static uint32_t search_step(struct search *search, uint32_t length)
{
    int32_t index = search->path[length - 1];
    const struct region_node *node = &search->region->nodes[index];
    uint32_t edge = search->next_edge[index]++;
    if (edge == node->edge_count) {
        search->visit[index] = DONE;
        return length - 1;
    }
    int32_t to = node->edges[edge].node;
    if (to == REGION_NO_NODE)
        return length;
    if (search->visit[to] == ON_PATH) {
        search->nodes[index].back_edges |= 1u << edge;
        search->nodes[to].is_header = true;
        return length;
    }
    if (search->visit[to] == DONE)
        return length;
    search->visit[to] = ON_PATH;
    search->nodes[to].is_reachable = true;
    search->path[length] = to;
    return length + 1;
}

static void find_back_edges(const struct ir_region *region, struct arena *arena,
                            struct node_facts *nodes)
{
    struct search search = {
        .region = region,
        .nodes = nodes,
        .visit = arena_zalloc(arena, region->length),
        .next_edge = arena_zalloc(arena, region->length * sizeof(uint32_t)),
        .path = arena_alloc(arena, region->length * sizeof(int32_t)),
    };
    search.path[0] = 0;
    search.visit[0] = ON_PATH;
    nodes[0].is_reachable = true;
    for (uint32_t length = 1; length > 0;)
        length = search_step(&search, length);
}

/* Operations that call out or order memory: no loop with them gets faster by fewer polls. */
static const bool is_slow[IR_OP_COUNT] = {
    [IR_load_reserved] = true, [IR_store_conditional] = true, [IR_amo] = true,
    [IR_fence] = true,         [IR_get_fflags] = true,        [IR_set_fflags] = true,
    [IR_get_frm] = true,       [IR_set_frm] = true,           [IR_get_counter] = true,
    [IR_fclass] = true,        [IR_exit_indirect] = true,     [IR_exit_trap] = true,
};

static bool is_quick_block(const struct ir_block *block)
{
    for (uint32_t i = 0; i < block->length; i++)
        if (is_slow[block->insns[i].op])
            return false;
    return true;
}

/* Adds to the loop every predecessor of its members up to the header; false when the loop is not
 * one to chunk. members[0] is the header. */
static bool gather_loop(const struct ir_region *region, const struct node_facts *nodes,
                        int32_t header, bool *is_member)
{
    for (bool changed = true; changed;) {
        changed = false;
        for (uint32_t i = 0; i < region->length; i++) {
            if (is_member[i] || !nodes[i].is_reachable)
                continue;
            for (uint32_t j = 0; j < region->nodes[i].edge_count; j++) {
                int32_t to = region->nodes[i].edges[j].node;
                if (to == REGION_NO_NODE || to == header || !is_member[to])
                    continue;
                if (i == 0 || nodes[i].is_header)
                    return false; /* an inner loop, or a second way in */
                is_member[i] = changed = true;
            }
        }
    }
    return true;
}

static bool is_loop_chunked(const struct ir_region *region, const struct node_facts *nodes,
                            int32_t header, bool *is_member)
{
    memset(is_member, 0, region->length);
    is_member[header] = true;
    for (uint32_t i = 0; i < region->length; i++)
        for (uint32_t j = 0; j < region->nodes[i].edge_count; j++)
            if ((nodes[i].back_edges >> j & 1) && region->nodes[i].edges[j].node == header) {
                if ((int32_t)i != header && nodes[i].is_header)
                    return false;
                is_member[i] = true;
            }
    if (!gather_loop(region, nodes, header, is_member))
        return false;
    uint32_t length = 0;
    for (uint32_t i = 0; i < region->length; i++) {
        if (!is_member[i])
            continue;
        length += region->nodes[i].block->length;
        if (!is_quick_block(region->nodes[i].block))
            return false;
    }
    return length <= CHUNKED_LOOP_MAX_INSNS;
}

void region_find_loops(const struct ir_region *region, bool is_polling_chunked,
                       struct arena *arena, struct node_facts *nodes)
{
    find_back_edges(region, arena, nodes);
    if (!is_polling_chunked)
        return;
    bool *is_member = arena_alloc(arena, region->length * sizeof(bool));
    for (uint32_t i = 0; i < region->length; i++)
        if (nodes[i].is_header)
            nodes[i].is_chunked = is_loop_chunked(region, nodes, (int32_t)i, is_member);
}
