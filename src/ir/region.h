/* A region: the IR blocks that tier 2 compiles together as one function.
 *
 * Nodes are blocks in a calling context: a function followed from two call sites appears twice, so
 * that each of its returns has one expected successor. Owner: the arena of the compile job. */
#ifndef TIERCEL_IR_REGION_H
#define TIERCEL_IR_REGION_H

#include "src/ir/ir.h"

enum { REGION_NO_NODE = -1, REGION_MAX_EDGES = 52 };

/* The node that takes over when an exit of this node continues at pc. For exit_direct and exit_if
 * pc is the exit's own; for exit_indirect it is a guess that is to be compared with the value. */
struct region_edge {
    uint64_t pc;
    int32_t node;
    bool is_guess; /* belongs to the exit_indirect that ends the block */
};

struct region_node {
    const struct ir_block *block;
    struct region_edge edges[REGION_MAX_EDGES];
    uint32_t edge_count;
    uint32_t skipped;        /* node of the fall-through, when that is a short piece of arithmetic which
                                the exit_if before skips: both go on at the same node; else 0 */
    bool is_piece;           /* such a piece: a copy for the node before it alone */
    uint32_t context;        /* 0 in the entry's own function, else one number per followed call */
    uint64_t live_out_regs;  /* reserved for liveness: all ones when unknown */
};

struct ir_region {
    struct region_node *nodes; /* nodes[0] is the entry */
    /* There are several ways in: nodes[0] is no guest code but goes, by its guess edges, to the node
     * whose pc is in vcpu->region_entry; its block is one constant and an exit_indirect of it. */
    bool is_dispatching;
    bool is_looping; /* some node goes back to the entry */
    uint32_t length;
    uint32_t guest_length; /* guest instructions in all nodes */
    uint64_t guest_pc;     /* of the entry */
    uint32_t mode;         /* FP mode of all blocks */
};

#endif
