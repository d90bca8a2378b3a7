/* Dataflow over the nodes of a region (see analysis.h).
 *
 * Three problems on the same graph: liveness (backward, union), dirtiness (forward, union) and
 * narrowness (forward, intersection, optimistic). Sets are 64-bit words, a block's transfer
 * function is a walk over its instructions, and each problem iterates until nothing changes. The
 * narrow sets of loops that begin at the region's entry would be empty, because nothing is known
 * of registers at an entry: for registers that stay narrow around the loop and are used as 32-bit
 * numbers, the entry checks that they are (struct region_facts, guarded). */
#include "tier2/analysis.h"

#include "src/base/check.h"

#include <string.h>

/* How an operation's i64 or f64 result gets narrow. */
enum narrow_rule {
    NARROW_NEVER,
    NARROW_ALWAYS,      /* the result is a small number */
    NARROW_CONST,       /* the immediate fits */
    NARROW_REG,         /* the register is narrow */
    NARROW_SIGNED,      /* sign extension from at most 32 bits */
    NARROW_UNSIGNED,    /* zero extension from less than 32 bits */
    NARROW_BOTH,        /* both operands are narrow */
    NARROW_AND,         /* both are, or one is a constant of at most 31 bits */
    NARROW_SELECT,      /* operands b and c are narrow */
    NARROW_SHIFT_RIGHT, /* by a constant above 32 */
    NARROW_SHIFT_ARITH, /* by a constant from 32, or of a narrow value by a constant */
    NARROW_MEMORY,      /* a memory access of less than 32 bits, or signed 32 bits */
    NARROW_ATOMIC,      /* a memory access of 32 bits */
};

static const uint8_t narrow_rule[IR_OP_COUNT] = {
    [IR_const] = NARROW_CONST,
    [IR_get_reg] = NARROW_REG,
    [IR_sext] = NARROW_SIGNED,
    [IR_zext] = NARROW_UNSIGNED,
    [IR_and] = NARROW_AND,
    [IR_or] = NARROW_BOTH,
    [IR_xor] = NARROW_BOTH,
    [IR_min_s] = NARROW_BOTH,
    [IR_min_u] = NARROW_BOTH,
    [IR_max_s] = NARROW_BOTH,
    [IR_max_u] = NARROW_BOTH,
    [IR_rem_s] = NARROW_BOTH,
    [IR_select] = NARROW_SELECT,
    [IR_shr] = NARROW_SHIFT_RIGHT,
    [IR_sar] = NARROW_SHIFT_ARITH,
    [IR_clz] = NARROW_ALWAYS,
    [IR_ctz] = NARROW_ALWAYS,
    [IR_popcnt] = NARROW_ALWAYS,
    [IR_eq] = NARROW_ALWAYS,
    [IR_ne] = NARROW_ALWAYS,
    [IR_lt_s] = NARROW_ALWAYS,
    [IR_ge_s] = NARROW_ALWAYS,
    [IR_lt_u] = NARROW_ALWAYS,
    [IR_ge_u] = NARROW_ALWAYS,
    [IR_feq] = NARROW_ALWAYS,
    [IR_flt] = NARROW_ALWAYS,
    [IR_fle] = NARROW_ALWAYS,
    [IR_store_conditional] = NARROW_ALWAYS,
    [IR_load] = NARROW_MEMORY,
    [IR_load_reserved] = NARROW_ATOMIC,
    [IR_amo] = NARROW_ATOMIC,
    [IR_box] = NARROW_ALWAYS,
};

static bool constant_of(const struct ir_block *block, ir_ref ref, uint64_t *ret_value)
{
    if (block->insns[ref].op != IR_const)
        return false;
    *ret_value = block->insns[ref].imm;
    return true;
}

static bool fits_signed_32(uint64_t value)
{
    return (uint64_t)(int64_t)(int32_t)value == value;
}

static bool is_narrow_and(const struct ir_block *block, const struct ir_insn *insn,
                          const bool *is_narrow)
{
    uint64_t value;
    if (is_narrow[insn->a] && is_narrow[insn->b])
        return true;
    if (constant_of(block, insn->a, &value) && value <= INT32_MAX)
        return true;
    return constant_of(block, insn->b, &value) && value <= INT32_MAX;
}

static bool is_narrow_memory(const struct ir_insn *insn)
{
    unsigned size_log2 = ir_memop_size_log2(insn->c);
    return size_log2 < 2 || (size_log2 == 2 && ir_memop_is_signed(insn->c));
}

static bool is_narrow_insn(const struct ir_block *block, const struct ir_insn *insn,
                           uint64_t narrow_regs, const bool *is_narrow)
{
    uint64_t value;
    if (insn->type != IR_I64 && insn->type != IR_F64)
        return false;
    switch ((enum narrow_rule)narrow_rule[insn->op]) {
    case NARROW_NEVER:
        return false;
    case NARROW_ALWAYS:
        return true;
    case NARROW_CONST:
        return insn->type == IR_I64 && fits_signed_32(insn->imm);
    case NARROW_REG:
        return reg_type_can_be_narrow(insn->imm, insn->type) && (narrow_regs & reg_bit(insn->imm));
    case NARROW_SIGNED:
        return ir_width_of(block, insn->a) <= 32;
    case NARROW_UNSIGNED:
        return ir_width_of(block, insn->a) < 32;
    case NARROW_BOTH:
        return is_narrow[insn->a] && is_narrow[insn->b];
    case NARROW_AND:
        return is_narrow_and(block, insn, is_narrow);
    case NARROW_SELECT:
        return is_narrow[insn->b] && is_narrow[insn->c];
    case NARROW_SHIFT_RIGHT:
        return constant_of(block, insn->b, &value) && (value & 63) > 32;
    case NARROW_SHIFT_ARITH:
        return constant_of(block, insn->b, &value) && ((value & 63) >= 32 || is_narrow[insn->a]);
    case NARROW_MEMORY:
        return insn->type == IR_I64 && is_narrow_memory(insn);
    case NARROW_ATOMIC:
        return ir_memop_size_log2(insn->c) == 2;
    }
    return false;
}

/* Updates the set of narrow registers by a set_reg. */
static uint64_t narrow_after_set(const struct ir_block *block, const struct ir_insn *insn,
                                 uint64_t narrow_regs, const bool *is_narrow)
{
    bool now = is_narrow[insn->a] &&
               reg_type_can_be_narrow(insn->imm, block->insns[insn->a].type);
    return now ? narrow_regs | reg_bit(insn->imm) : narrow_regs & ~reg_bit(insn->imm);
}

void block_find_narrow(const struct ir_block *block, uint64_t narrow_in, bool *is_narrow)
{
    uint64_t narrow_regs = narrow_in;
    for (uint32_t i = 0; i < block->length; i++) {
        const struct ir_insn *insn = &block->insns[i];
        is_narrow[i] = is_narrow_insn(block, insn, narrow_regs, is_narrow);
        if (insn->op == IR_set_reg)
            narrow_regs = narrow_after_set(block, insn, narrow_regs, is_narrow);
    }
}

const struct region_edge *region_edge_to(const struct region_node *node, uint64_t pc)
{
    for (uint32_t i = 0; i < node->edge_count; i++)
        if (!node->edges[i].is_guess && node->edges[i].pc == pc &&
            node->edges[i].node != REGION_NO_NODE)
            return &node->edges[i];
    return NULL;
}

/* ---- liveness ---- */

/* Live at an exit instruction that is taken. */
static uint64_t live_at_exit(const struct region_facts *facts, const struct region_node *node,
                             const struct ir_insn *insn)
{
    if (insn->op != IR_exit_direct && insn->op != IR_exit_if)
        return UINT64_MAX;
    const struct region_edge *edge = region_edge_to(node, insn->imm);
    return edge ? facts->nodes[edge->node].live_in : UINT64_MAX;
}

static uint64_t live_in_of(const struct region_facts *facts, const struct region_node *node)
{
    uint64_t live = 0;
    for (uint32_t i = node->block->length; i-- > 0;) {
        const struct ir_insn *insn = &node->block->insns[i];
        if (ir_op_info[insn->op].flags & IR_EXITS)
            live |= live_at_exit(facts, node, insn);
        else if (insn->op == IR_set_reg)
            live &= ~reg_bit(insn->imm);
        else if (insn->op == IR_get_reg)
            live |= reg_bit(insn->imm);
    }
    return live;
}

static void solve_liveness(const struct ir_region *region, struct region_facts *facts)
{
    for (bool changed = true; changed;) {
        changed = false;
        for (uint32_t i = region->length; i-- > 0;) {
            uint64_t live = live_in_of(facts, &region->nodes[i]);
            changed |= live != facts->nodes[i].live_in;
            facts->nodes[i].live_in = live;
        }
    }
}

/* ---- dirtiness and narrowness ---- */

struct forward_state {
    const struct ir_region *region;
    struct region_facts *facts;
    bool *is_narrow; /* of the block being walked */
    uint64_t dirty, narrow;
    bool changed;
};

static void flow_to(struct forward_state *state, int32_t node)
{
    struct node_facts *to = &state->facts->nodes[node];
    uint64_t dirty = to->dirty_in | state->dirty, narrow = to->narrow_in & state->narrow;
    state->changed |= dirty != to->dirty_in || narrow != to->narrow_in;
    to->dirty_in = dirty;
    to->narrow_in = narrow;
}

static void flow_exit(struct forward_state *state, const struct region_node *node,
                      const struct ir_insn *insn)
{
    if (insn->op == IR_exit_indirect) {
        for (uint32_t i = 0; i < node->edge_count; i++)
            if (node->edges[i].is_guess && node->edges[i].node != REGION_NO_NODE)
                flow_to(state, node->edges[i].node);
    } else if (insn->op == IR_exit_direct || insn->op == IR_exit_if) {
        const struct region_edge *edge = region_edge_to(node, insn->imm);
        if (edge)
            flow_to(state, edge->node);
    }
}

static void flow_through(struct forward_state *state, uint32_t index)
{
    const struct region_node *node = &state->region->nodes[index];
    const struct ir_block *block = node->block;
    state->dirty = state->facts->nodes[index].dirty_in;
    state->narrow = state->facts->nodes[index].narrow_in;
    for (uint32_t i = 0; i < block->length; i++) {
        const struct ir_insn *insn = &block->insns[i];
        state->is_narrow[i] = is_narrow_insn(block, insn, state->narrow, state->is_narrow);
        if (insn->op == IR_set_reg) {
            state->dirty |= reg_bit(insn->imm);
            state->narrow = narrow_after_set(block, insn, state->narrow, state->is_narrow);
        } else if (ir_op_info[insn->op].flags & IR_EXITS) {
            flow_exit(state, node, insn);
        }
    }
}

/* Solves both forward problems with `narrow_entry` narrow at the region's entry. */
static void solve_forward(struct forward_state *state, uint64_t narrow_entry)
{
    struct node_facts *nodes = state->facts->nodes;
    for (uint32_t i = 0; i < state->region->length; i++)
        nodes[i].narrow_in = UINT64_MAX;
    nodes[0].narrow_in = narrow_entry;
    do {
        state->changed = false;
        for (uint32_t i = 0; i < state->region->length; i++)
            if (nodes[i].is_reachable)
                flow_through(state, i);
    } while (state->changed);
}

/* ---- entry guards ---- */

static uint64_t bit_if_reg_read(const struct ir_block *block, ir_ref ref)
{
    const struct ir_insn *insn = &block->insns[ref];
    if (insn->op != IR_get_reg || !reg_type_can_be_narrow(insn->imm, insn->type))
        return 0;
    return reg_bit(insn->imm);
}

/* Registers whose low half alone is used somewhere: a sign of 32-bit data. */
static uint64_t truncated_regs(const struct ir_block *block)
{
    uint64_t regs = 0;
    for (uint32_t i = 0; i < block->length; i++) {
        const struct ir_insn *insn = &block->insns[i];
        if ((insn->op == IR_trunc && insn->type == IR_I32) || insn->op == IR_unbox)
            regs |= bit_if_reg_read(block, insn->a);
    }
    return regs;
}

static bool is_comparison(unsigned op)
{
    return op >= IR_eq && op <= IR_ge_u;
}
_Static_assert(IR_ge_u == IR_eq + 5, "the comparisons lie together");

/* Registers that are compared with a number known to be narrow, constants apart. */
static uint64_t compared_regs(const struct ir_block *block, const bool *is_narrow)
{
    uint64_t regs = 0;
    for (uint32_t i = 0; i < block->length; i++) {
        const struct ir_insn *insn = &block->insns[i];
        if (!is_comparison(insn->op))
            continue;
        if (is_narrow[insn->a] && block->insns[insn->a].op != IR_const)
            regs |= bit_if_reg_read(block, insn->b);
        if (is_narrow[insn->b] && block->insns[insn->b].op != IR_const)
            regs |= bit_if_reg_read(block, insn->a);
    }
    return regs;
}

static bool has_loop(const struct ir_region *region, const struct region_facts *facts)
{
    for (uint32_t i = 0; i < region->length; i++)
        if (facts->nodes[i].is_header)
            return true;
    return false;
}

/* Registers worth a check at the entry: they stay narrow around every loop through the entry, and
 * are counters or such (written and truncated), or are compared with one. */
static uint64_t choose_guards(struct forward_state *state)
{
    const struct ir_region *region = state->region;
    struct region_facts *facts = state->facts;
    solve_forward(state, facts->used);
    uint64_t stable = facts->nodes[0].narrow_in & facts->used;
    uint64_t written = 0, truncated = 0, compared = 0;
    for (uint32_t i = 0; i < region->length; i++) {
        if (!facts->nodes[i].is_reachable)
            continue;
        written |= facts->nodes[i].written;
        truncated |= truncated_regs(region->nodes[i].block);
    }
    uint64_t guards = stable & written & truncated;
    solve_forward(state, guards);
    for (uint32_t i = 0; i < region->length; i++) {
        if (!facts->nodes[i].is_reachable)
            continue;
        block_find_narrow(region->nodes[i].block, facts->nodes[i].narrow_in, state->is_narrow);
        compared |= compared_regs(region->nodes[i].block, state->is_narrow);
    }
    return guards | (stable & compared);
}

/* ---- entry point ---- */

static void scan_blocks(const struct ir_region *region, struct region_facts *facts)
{
    for (uint32_t i = 0; i < region->length; i++) {
        const struct ir_block *block = region->nodes[i].block;
        if (block->length > facts->longest_block)
            facts->longest_block = block->length;
        for (uint32_t j = 0; j < block->length; j++) {
            const struct ir_insn *insn = &block->insns[j];
            if (insn->op != IR_get_reg && insn->op != IR_set_reg)
                continue;
            facts->used |= reg_bit(insn->imm);
            if (insn->op == IR_set_reg)
                facts->nodes[i].written |= reg_bit(insn->imm);
        }
    }
}

void region_analyse(const struct ir_region *region, bool is_polling_chunked, struct arena *arena,
                    struct region_facts *ret_facts)
{
    *ret_facts = (struct region_facts){
        .nodes = arena_zalloc(arena, region->length * sizeof(struct node_facts)),
    };
    scan_blocks(region, ret_facts);
    region_find_loops(region, is_polling_chunked, arena, ret_facts->nodes);
    solve_liveness(region, ret_facts);
    struct forward_state state = {
        .region = region,
        .facts = ret_facts,
        .is_narrow = arena_alloc(arena, ret_facts->longest_block * sizeof(bool)),
    };
    if (!region->is_dispatching && has_loop(region, ret_facts))
        ret_facts->guarded = choose_guards(&state);
    solve_forward(&state, ret_facts->guarded);
    ret_facts->guarded &= ret_facts->nodes[0].narrow_in;
}
