/* What is known of a region before it is lowered: which guest registers may be dirty, which are
 * live, which facts hold for them at each node, and where the loops are (analysis.c, loops.c). */
#ifndef TIERCEL_TIER2_ANALYSIS_H
#define TIERCEL_TIER2_ANALYSIS_H

#include "src/base/arena.h"
#include "src/ir/region.h"
#include "tier2/facts.h"

/* How a loop of one block ends: register reg, which advances by a multiple of factor (a power of
 * two), reaches a register that does not change, or a constant. */
struct loop_stride {
    unsigned reg;
    uint64_t factor; /* 0: the loop does not end like that */
    bool is_end_reg;
    uint64_t end;    /* register number or constant */
    bool is_word;    /* the register advances as a sign-extended word */
    bool is_counted; /* by factor itself, and the exit before the last is the "bne" that loops */
};

/* Sets of guest registers: bit r is register r. */
struct node_facts {
    uint64_t written;      /* by any instruction of the block */
    uint64_t live_in;      /* may be read before it is written; everything is live at a region exit */
    uint64_t dirty_in;     /* may differ from vcpu->reg at the node's start */
    int32_t deferring;     /* header of the small innermost loop that keeps register writes to itself
                              until it is left, or REGION_NO_NODE: see edge_keeps */
    struct reg_facts regs_in; /* at the node's start; at an entry of the region it is checked that
                                 these hold (the guard) */
    uint64_t back_edges;   /* bit i: edges[i] closes a cycle */
    uint64_t inner_edges;  /* those of back_edges that close the innermost loop of their header */
    bool is_reachable;
    bool is_entry;         /* the region is entered here */
    bool is_header;        /* some back edge comes here: a poll is due on it */
    bool is_single;        /* the header's innermost loop is the node itself, short and quick */
    bool is_chunked;       /* and it may be vectorised: it polls every 256 iterations */
    struct loop_stride stride; /* of a chunked single loop */
    bool is_straight;      /* it always goes on to one and the same node, forward */
    bool is_foreign;       /* not lowered: it uses flags in a flagless region */
    bool is_plain_float;   /* plain floating point is exact in it, and may be vectorised */
};
_Static_assert(REGION_MAX_EDGES <= 64, "back_edges has a bit for each");

struct region_facts {
    struct node_facts *nodes;
    uint64_t used; /* registers that occur */
    uint64_t lazy; /* those that need no copy in the function: only read, and nothing known */
    uint32_t longest_block;
    bool is_all_live; /* everything is live everywhere */
    bool is_wide;     /* of all reg_facts */
};

struct analysis_options {
    bool is_polling_chunked;
    bool is_precise; /* everything is live everywhere */
    bool has_fma;    /* of the host */
    bool is_flagless; /* tier_job */
    bool is_wide;     /* reg_facts */
    uint64_t unassumed; /* tier_job */
};

/* Fills *ret_facts; everything lies in the arena. */
void region_analyse(const struct ir_region *region, const struct analysis_options *options,
                    struct arena *arena, struct region_facts *ret_facts);

/* The edge taken by an exit_direct or exit_if to pc, or NULL. */
const struct region_edge *region_edge_to(const struct region_node *node, uint64_t pc);

/* The live registers behind the instruction `index` of the node, when it does not leave. */
uint64_t region_live_after(const struct region_facts *facts, const struct region_node *node,
                           uint32_t index);

/* The registers that may stay dirty from one node to the next; any other that is live there is
 * stored on the way. Integer registers are, so that few exits have much to store; but not where a node
 * has no other way, nor within a small loop, whose exits store them. Float registers may be unclean,
 * which makes storing dear. */
static inline uint64_t edge_keeps(const struct region_facts *facts, uint32_t from, int32_t to)
{
    int32_t loop = facts->nodes[from].deferring;
    bool is_inside = loop != REGION_NO_NODE && loop == facts->nodes[to].deferring;
    return is_inside || facts->nodes[from].is_straight ? UINT64_MAX : UINT64_MAX << IR_FIRST_FP_REG;
}

/* The registers that an entry's guard must check: what is known of them is more than nothing. */
static inline uint64_t guarded_regs(const struct node_facts *node)
{
    return node->is_entry ? node->regs_in.narrow | node->regs_in.arithmetic_full : 0;
}
/* Whether the node is also lowered as a fallback, with exits in place of edges. */
static inline bool has_fallback(const struct node_facts *node)
{
    return guarded_regs(node) || node->stride.factor;
}

/* plain.c: whether a block that is an innermost loop on its own may use plain floating point. */
bool block_is_plain_float(const struct ir_block *block, const struct node_facts *facts,
                          bool has_fma, struct arena *arena);

/* vector.c: whether LLVM might vectorise a block that is an innermost loop on its own, when its
 * floating point is plain or is not. */
bool block_is_vector_like(const struct ir_block *block, bool is_plain_float, struct arena *arena);

/* stride.c: how the block, a loop on its own that writes these registers, ends. */
bool block_find_stride(const struct ir_block *block, uint64_t written,
                       struct loop_stride *ret_stride);

/* loops.c: marks reachable nodes, back edges, headers, and loops of one node that are short and have
 * nothing slow. */
void region_find_loops(const struct ir_region *region, struct arena *arena,
                       struct node_facts *nodes);

#endif
