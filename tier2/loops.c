/* Loops of a region.
 *
 * A depth-first search from the entry finds the edges that go to a node on the search path: every
 * cycle contains such a back edge, so polling on them bounds the time between polls even in
 * irreducible graphs. Guest blocks overlap, and regions are entered in the middle of loops, so
 * irreducible graphs and loops that share a header are common. For each header the innermost
 * natural loops are kept apart: their own back edges (inner) must not mix with others that come from
 * outside, or LLVM would see no loop. A small one defers register writes to its exits. */
#include "tier2/analysis.h"

#include <string.h>

enum { SINGLE_LOOP_MAX_INSNS = 400, DEFERRING_LOOP_MAX_INSNS = 400 };

enum visit { UNSEEN, ON_PATH, DONE };

struct search {
    const struct ir_region *region;
    struct node_facts *nodes;
    uint32_t length;     /* of the region */
    uint8_t *visit;      /* enum visit per node */
    uint32_t *next_edge; /* per node on the path */
    int32_t *path;
    int32_t *order;      /* reachable nodes in postorder */
    uint32_t order_length;
    uint32_t *number;    /* of each node in that order */
    int32_t *dominator;  /* immediate, per node; the entry is its own */
    bool *is_member;     /* of the loop at hand */
    bool *is_latch;      /* of the header at hand */
};

/* ---- depth-first search ---- */

/* One step from the last node of the path; returns the new length of the path. */
static uint32_t search_step(struct search *search, uint32_t length)
{
    int32_t index = search->path[length - 1];
    const struct region_node *node = &search->region->nodes[index];
    uint32_t edge = search->next_edge[index]++;
    if (edge == node->edge_count) {
        search->visit[index] = DONE;
        search->number[index] = search->order_length;
        search->order[search->order_length++] = index;
        return length - 1;
    }
    int32_t to = node->edges[edge].node;
    if (to == REGION_NO_NODE)
        return length;
    if (search->visit[to] == ON_PATH) {
        search->nodes[index].back_edges |= UINT64_C(1) << edge;
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

static void find_back_edges(struct search *search)
{
    search->path[0] = 0;
    search->visit[0] = ON_PATH;
    search->nodes[0].is_reachable = true;
    for (uint32_t length = 1; length > 0;)
        length = search_step(search, length);
}

/* ---- dominators (Cooper, Harvey and Kennedy: by intersection along the postorder) ---- */

static int32_t common_dominator(const struct search *search, int32_t a, int32_t b)
{
    while (a != b) {
        while (search->number[a] < search->number[b])
            a = search->dominator[a];
        while (search->number[b] < search->number[a])
            b = search->dominator[b];
    }
    return a;
}

/* Narrows the dominators of the node's successors; true when one changed. */
static bool push_dominator(struct search *search, int32_t index)
{
    const struct region_node *node = &search->region->nodes[index];
    bool changed = false;
    for (uint32_t i = 0; i < node->edge_count; i++) {
        int32_t to = node->edges[i].node;
        if (to <= 0) /* none, or the entry */
            continue;
        int32_t old = search->dominator[to];
        int32_t now = old == REGION_NO_NODE ? index : common_dominator(search, old, index);
        changed |= now != old;
        search->dominator[to] = now;
    }
    return changed;
}

static void find_dominators(struct search *search)
{
    for (uint32_t i = 0; i < search->length; i++)
        search->dominator[i] = REGION_NO_NODE;
    search->dominator[0] = 0;
    for (bool changed = true; changed;) {
        changed = false;
        for (uint32_t i = search->order_length; i-- > 0;)
            changed |= push_dominator(search, search->order[i]);
    }
}

static bool dominates(const struct search *search, int32_t a, int32_t b)
{
    while (b != a && b != 0)
        b = search->dominator[b];
    return b == a;
}

/* ---- natural loops ---- */

/* Adds to is_member, which has the header and latches, what lies between; the loop's length. */
static uint32_t close_loop(struct search *search, int32_t header)
{
    for (bool changed = true; changed;) {
        changed = false;
        for (uint32_t i = 0; i < search->length; i++) {
            const struct region_node *node = &search->region->nodes[i];
            if (search->is_member[i] || !search->nodes[i].is_reachable)
                continue;
            for (uint32_t j = 0; j < node->edge_count; j++) {
                int32_t to = node->edges[j].node;
                if (to != REGION_NO_NODE && to != header && search->is_member[to])
                    search->is_member[i] = changed = true;
            }
        }
    }
    uint32_t length = 0;
    for (uint32_t i = 0; i < search->length; i++)
        length += search->is_member[i];
    return length;
}

/* Fills is_member with the natural loop of the back edge from latch to header; its length. */
static uint32_t gather_loop(struct search *search, int32_t header, int32_t latch)
{
    memset(search->is_member, 0, search->length);
    search->is_member[header] = search->is_member[latch] = true;
    return close_loop(search, header);
}

static bool is_back_edge_to(const struct search *search, uint32_t from, uint32_t edge,
                            int32_t header)
{
    return (search->nodes[from].back_edges >> edge & 1) &&
           search->region->nodes[from].edges[edge].node == header;
}

/* The latch whose natural loop with this header is smallest, or NO_NODE. */
static int32_t innermost_latch(struct search *search, int32_t header)
{
    int32_t best = REGION_NO_NODE;
    uint32_t best_length = UINT32_MAX;
    for (uint32_t i = 0; i < search->length; i++)
        for (uint32_t j = 0; j < search->region->nodes[i].edge_count; j++) {
            if (!is_back_edge_to(search, i, j, header) ||
                !dominates(search, header, (int32_t)i))
                continue;
            uint32_t length = gather_loop(search, header, (int32_t)i);
            if (length < best_length) {
                best = (int32_t)i;
                best_length = length;
            }
        }
    return best;
}

/* Operations that call out or order memory: no loop with them gets faster by fewer polls. */
static const bool is_slow[IR_OP_COUNT] = {
    [IR_load_reserved] = true, [IR_store_conditional] = true, [IR_amo] = true,
    [IR_fence] = true,         [IR_get_fflags] = true,        [IR_set_fflags] = true,
    [IR_get_frm] = true,       [IR_set_frm] = true,           [IR_get_counter] = true,
    [IR_fclass] = true,        [IR_bulk] = true,
    [IR_libcall] = true,
};

static bool is_quick_block(const struct ir_block *block)
{
    for (uint32_t i = 0; i < block->length; i++)
        if (is_slow[block->insns[i].op])
            return false;
    return true;
}

/* IR instructions of the loop at hand; UINT32_MAX when it is not an innermost one. */
static uint32_t innermost_length(const struct search *search, int32_t header)
{
    uint32_t length = 0;
    for (uint32_t i = 0; i < search->length; i++) {
        if (!search->is_member[i])
            continue;
        if ((int32_t)i != header && search->nodes[i].is_header)
            return UINT32_MAX;
        length += search->region->nodes[i].block->length;
    }
    return length;
}

static bool is_latch(const struct search *search, uint32_t node, int32_t header)
{
    for (uint32_t j = 0; j < search->region->nodes[node].edge_count; j++)
        if (is_back_edge_to(search, node, j, header))
            return dominates(search, header, (int32_t)node);
    return false;
}

static bool has_table_jump(const struct search *search)
{
    for (uint32_t i = 0; i < search->length; i++)
        if (search->is_member[i] && ir_is_table_jump(search->region->nodes[i].block))
            return true;
    return false;
}

/* A loop whose body has several ends, as a block that is skipped makes, is one loop: fills is_member
 * with all loops of the header that have no other in them. Not so where the ends are the cases of a
 * table jump: it is better predicted when there are several of it. */
static void gather_branching_loop(struct search *search, int32_t header)
{
    memset(search->is_latch, 0, search->length);
    search->is_latch[header] = true;
    for (uint32_t i = 0; i < search->length; i++) {
        if (!is_latch(search, i, header))
            continue;
        gather_loop(search, header, (int32_t)i);
        search->is_latch[i] = innermost_length(search, header) != UINT32_MAX;
    }
    memcpy(search->is_member, search->is_latch, search->length);
    close_loop(search, header);
}

static void examine_header(struct search *search, int32_t header)
{
    int32_t latch = innermost_latch(search, header);
    if (latch == REGION_NO_NODE)
        return;
    bool is_single = gather_loop(search, header, latch) == 1;
    if (!is_single && innermost_length(search, header) != UINT32_MAX &&
        !has_table_jump(search))
        gather_branching_loop(search, header);
    for (uint32_t i = 0; i < search->length; i++)
        for (uint32_t j = 0; j < search->region->nodes[i].edge_count; j++)
            if (search->is_member[i] && is_back_edge_to(search, i, j, header))
                search->nodes[i].inner_edges |= UINT64_C(1) << j;
    uint32_t length_insns = innermost_length(search, header);
    search->nodes[header].is_single = is_single && length_insns <= SINGLE_LOOP_MAX_INSNS &&
                                      is_quick_block(search->region->nodes[header].block);
    for (uint32_t i = 0; i < search->length; i++)
        if (search->is_member[i] && length_insns <= DEFERRING_LOOP_MAX_INSNS)
            search->nodes[i].deferring = header;
}

/* Without a way out, nor one around. */
static bool is_straight(const struct region_node *node, const struct node_facts *facts)
{
    uint32_t exits = 0;
    for (uint32_t i = 0; i < node->block->length; i++)
        exits += (ir_op_info[node->block->insns[i].op].flags & IR_EXITS) != 0;
    return exits == 1 && ir_last(node->block)->op == IR_exit_direct && node->edge_count == 1 &&
           node->edges[0].node != REGION_NO_NODE && !facts->back_edges;
}

void region_find_loops(const struct ir_region *region, struct arena *arena,
                       struct node_facts *nodes)
{
    uint32_t length = region->length;
    struct search search = {
        .region = region,
        .nodes = nodes,
        .length = length,
        .visit = arena_zalloc(arena, length),
        .next_edge = arena_zalloc(arena, length * sizeof(uint32_t)),
        .path = arena_alloc(arena, length * sizeof(int32_t)),
        .order = arena_alloc(arena, length * sizeof(int32_t)),
        .number = arena_zalloc(arena, length * sizeof(uint32_t)),
        .dominator = arena_alloc(arena, length * sizeof(int32_t)),
        .is_member = arena_alloc(arena, length * sizeof(bool)),
        .is_latch = arena_alloc(arena, length * sizeof(bool)),
    };
    for (uint32_t i = 0; i < length; i++)
        nodes[i].deferring = REGION_NO_NODE;
    find_back_edges(&search);
    find_dominators(&search);
    for (uint32_t i = 0; i < length; i++)
        if (nodes[i].is_header)
            examine_header(&search, (int32_t)i);
    for (uint32_t i = 0; i < length; i++)
        nodes[i].is_straight = is_straight(&region->nodes[i], &nodes[i]);
}
