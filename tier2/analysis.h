/* What is known of a region before it is lowered: which guest registers may be dirty, which are
 * live, which hold a narrow value, where its loops are and which entry guards pay.
 *
 * A register is *narrow* when an integer one holds a sign-extended 32-bit number, or a float one a
 * boxed f32. Lowering then keeps its 32-bit form alone, so that LLVM sees 32-bit arithmetic; the
 * invariant is that in a node a narrow register's wide form is stale and vice versa. */
#ifndef TIERCEL_TIER2_ANALYSIS_H
#define TIERCEL_TIER2_ANALYSIS_H

#include "src/base/arena.h"
#include "src/ir/region.h"

/* Sets of guest registers: bit r is register r. */
struct node_facts {
    uint64_t written;    /* by any instruction of the block */
    uint64_t live_in;    /* may be read before it is written; everything is live at a region exit */
    uint64_t dirty_in;   /* may differ from vcpu->reg at the node's start */
    uint64_t narrow_in;  /* is narrow at the node's start */
    uint32_t back_edges; /* bit i: edges[i] closes a cycle */
    bool is_reachable;
    bool is_header;      /* some back edge comes here: a poll is due on it */
    bool is_chunked;     /* header of an innermost loop whose poll is due every 256 iterations */
};

struct region_facts {
    struct node_facts *nodes;
    uint64_t used;    /* registers that occur */
    uint64_t guarded; /* registers to be narrow at nodes[0]: checked when the region is entered */
    uint32_t longest_block;
};

/* Fills *ret_facts; everything lies in the arena. */
void region_analyse(const struct ir_region *region, bool is_polling_chunked, struct arena *arena,
                    struct region_facts *ret_facts);

/* Which values of the block are narrow when `narrow_in` are at its start; is_narrow has one entry
 * per instruction. */
void block_find_narrow(const struct ir_block *block, uint64_t narrow_in, bool *is_narrow);

static inline uint64_t reg_bit(uint64_t reg)
{
    return UINT64_C(1) << reg;
}
/* Whether a value of this type in this register can be narrow at all. */
static inline bool reg_type_can_be_narrow(uint64_t reg, unsigned type)
{
    return reg < IR_FIRST_FP_REG ? type == IR_I64 : type == IR_F64;
}

/* The edge taken by an exit_direct or exit_if to pc, or NULL. */
const struct region_edge *region_edge_to(const struct region_node *node, uint64_t pc);

/* loops.c: marks reachable nodes, back edges, headers and chunked loops. */
void region_find_loops(const struct ir_region *region, bool is_polling_chunked,
                       struct arena *arena, struct node_facts *nodes);

#endif
