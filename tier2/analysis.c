/* Dataflow over the nodes of a region (see analysis.h).
 *
 * Three problems on the same graph: liveness (backward, union), dirtiness (forward, union) and
 * register facts (forward, meet, optimistic). Sets are 64-bit words, a block's transfer function
 * is a walk over its instructions, and each problem iterates until nothing changes.
 *
 * Nothing is known of registers at an entry of the region, and a loop that begins there would know
 * nothing either. So facts that hold around the loop and are useful in it are assumed at the entry,
 * where the lowered code checks them and goes another way when they do not hold. */
#include "tier2/analysis.h"

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

/* Live before the instruction `first` of the node. */
static uint64_t live_before(const struct region_facts *facts, const struct region_node *node,
                            uint32_t first)
{
    uint64_t live = 0;
    for (uint32_t i = node->block->length; i-- > first;) {
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
            uint64_t live = facts->nodes[i].is_foreign ? UINT64_MAX
                                                       : live_before(facts, &region->nodes[i], 0);
            changed |= live != facts->nodes[i].live_in;
            facts->nodes[i].live_in = live;
        }
    }
}

uint64_t region_live_after(const struct region_facts *facts, const struct region_node *node,
                           uint32_t index)
{
    return facts->is_all_live ? UINT64_MAX : live_before(facts, node, index + 1);
}

static void make_all_live(const struct ir_region *region, struct region_facts *facts)
{
    facts->is_all_live = true;
    for (uint32_t i = 0; i < region->length; i++)
        facts->nodes[i].live_in = UINT64_MAX;
}

/* ---- dirtiness and register facts ---- */

struct forward_state {
    const struct ir_region *region;
    struct region_facts *facts;
    struct value_facts *values; /* of the block being walked */
    uint32_t index;             /* of its node */
    uint64_t dirty;
    struct reg_facts regs;
    bool changed;
};

static void flow_to(struct forward_state *state, int32_t node)
{
    struct node_facts *to = &state->facts->nodes[node];
    uint64_t kept = state->dirty & edge_keeps(state->facts, state->index, node);
    uint64_t dirty = to->dirty_in | (kept & to->live_in);
    struct reg_facts regs = to->regs_in;
    reg_facts_meet(&regs, &state->regs);
    state->changed |= dirty != to->dirty_in || !reg_facts_equal(&regs, &to->regs_in);
    to->dirty_in = dirty;
    to->regs_in = regs;
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
    state->index = index;
    state->dirty = state->facts->nodes[index].dirty_in;
    state->regs = state->facts->nodes[index].regs_in;
    for (uint32_t i = 0; i < block->length; i++) {
        const struct ir_insn *insn = &block->insns[i];
        value_facts_find(block, (ir_ref)i, &state->regs, state->values);
        if (insn->op == IR_set_reg) {
            state->dirty |= reg_bit(insn->imm);
            reg_facts_after_set(block, insn, state->values, &state->regs);
        } else if (ir_op_info[insn->op].flags & IR_EXITS) {
            flow_exit(state, node, insn);
        }
    }
}

/* What holds at an entry of what is assumed: facts of registers that nobody reads are no use. */
static struct reg_facts at_entry(const struct reg_facts *assumed, const struct node_facts *node)
{
    return (struct reg_facts){
        .narrow = assumed->narrow & node->live_in,
        .arithmetic_full = assumed->arithmetic_full & node->live_in,
        .arithmetic_narrow = assumed->arithmetic_narrow & node->live_in,
        .is_wide = assumed->is_wide,
    };
}

/* A register that is not arithmetic is clean, whatever came over some edge. */
static void settle_unclean(struct reg_facts *regs)
{
    regs->unclean &= (regs->narrow & regs->arithmetic_narrow) |
                     (~regs->narrow & regs->arithmetic_full);
}

/* The dispatch of a region with several entries is no guest code. */
static bool is_guest_node(const struct ir_region *region, const struct region_facts *facts,
                          uint32_t index)
{
    return facts->nodes[index].is_reachable && !(region->is_dispatching && index == 0);
}

/* Solves both forward problems with `assumed` at the entries. */
static void solve_forward(struct forward_state *state, const struct reg_facts *assumed)
{
    struct node_facts *nodes = state->facts->nodes;
    for (uint32_t i = 0; i < state->region->length; i++)
        nodes[i].regs_in =
            nodes[i].is_entry ? at_entry(assumed, &nodes[i]) : reg_facts_top(assumed->is_wide);
    do {
        state->changed = false;
        for (uint32_t i = 0; i < state->region->length; i++)
            if (is_guest_node(state->region, state->facts, i))
                flow_through(state, i);
    } while (state->changed);
    for (uint32_t i = 0; i < state->region->length; i++)
        settle_unclean(&nodes[i].regs_in);
}

/* ---- what to assume at entries ---- */

static uint64_t bit_if_reg_read(const struct ir_block *block, ir_ref ref)
{
    const struct ir_insn *insn = &block->insns[ref];
    if (insn->op != IR_get_reg || !reg_has_type(insn->imm, insn->type))
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
static uint64_t compared_regs(const struct ir_block *block, const struct value_facts *values)
{
    uint64_t regs = 0;
    for (uint32_t i = 0; i < block->length; i++) {
        const struct ir_insn *insn = &block->insns[i];
        if (!is_comparison(insn->op))
            continue;
        if (values[insn->a].is_narrow && block->insns[insn->a].op != IR_const)
            regs |= bit_if_reg_read(block, insn->b);
        if (values[insn->b].is_narrow && block->insns[insn->b].op != IR_const)
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

/* Facts that stay true around every loop through some entry when they hold there. */
static struct reg_facts stable_facts(struct forward_state *state)
{
    const struct reg_facts everything = {
        .narrow = state->facts->used & regs_narrowable(state->facts->is_wide),
        .arithmetic_full = state->facts->used,
        .arithmetic_narrow = state->facts->used,
        .is_wide = state->facts->is_wide,
    };
    solve_forward(state, &everything);
    struct reg_facts stable = {.is_wide = state->facts->is_wide};
    for (uint32_t i = 0; i < state->region->length; i++) {
        const struct node_facts *node = &state->facts->nodes[i];
        if (!node->is_entry)
            continue;
        stable.narrow |= node->regs_in.narrow;
        stable.arithmetic_full |= node->regs_in.arithmetic_full & ~node->regs_in.narrow;
        stable.arithmetic_narrow |= node->regs_in.arithmetic_narrow;
        stable.unclean |= node->regs_in.unclean;
    }
    return stable;
}

static const uint64_t float_regs = ~((UINT64_C(1) << IR_FIRST_FP_REG) - 1);

/* Narrow registers worth a check: counters and such (written and truncated), what they are compared
 * with, and whatever is unboxed, but for those of the set. Arithmetic ones: those that would have to be
 * made canonical in every iteration. */
static struct reg_facts choose_assumptions(struct forward_state *state, uint64_t unassumed)
{
    const struct ir_region *region = state->region;
    struct region_facts *facts = state->facts;
    struct reg_facts stable = stable_facts(state);
    uint64_t written = 0, truncated = 0, compared = 0;
    for (uint32_t i = 0; i < region->length; i++) {
        if (!is_guest_node(region, facts, i))
            continue;
        written |= facts->nodes[i].written;
        truncated |= truncated_regs(region->nodes[i].block);
    }
    stable.narrow &= ~unassumed;
    struct reg_facts assumed = {.narrow = stable.narrow & truncated & (written | float_regs),
                                .is_wide = stable.is_wide};
    assumed.arithmetic_narrow = stable.arithmetic_narrow & stable.unclean & assumed.narrow;
    assumed.arithmetic_full =
        stable.arithmetic_full & stable.unclean & written & ~assumed.narrow;
    solve_forward(state, &assumed);
    for (uint32_t i = 0; i < region->length; i++) {
        if (!is_guest_node(region, facts, i))
            continue;
        block_find_facts(region->nodes[i].block, &facts->nodes[i].regs_in, state->values);
        compared |= compared_regs(region->nodes[i].block, state->values);
    }
    assumed.narrow |= stable.narrow & compared;
    return assumed;
}

/* ---- entry point ---- */

/* Chunked are the loops of one block that may be vectorised; and what makes that easier. */
static void examine_single_loops(const struct ir_region *region,
                                 const struct analysis_options *options, struct arena *arena,
                                 struct region_facts *facts)
{
    for (uint32_t i = 0; i < region->length; i++) {
        struct node_facts *node = &facts->nodes[i];
        const struct ir_block *block = region->nodes[i].block;
        if (!node->is_single)
            continue;
        bool is_plain = !options->is_flagless &&
                        block_is_plain_float(block, node, options->has_fma, arena);
        block_find_stride(block, node->written, &node->stride);
        node->is_chunked =
            options->is_polling_chunked &&
            (node->stride.is_counted ||
             block_is_vector_like(block, is_plain || options->is_flagless, arena));
        node->is_plain_float = is_plain && node->is_chunked;
        if (!node->is_chunked)
            node->stride = (struct loop_stride){0};
    }
}

static uint64_t regs_read(const struct ir_block *block)
{
    uint64_t regs = 0;
    for (uint32_t i = 0; i < block->length; i++)
        if (block->insns[i].op == IR_get_reg)
            regs |= reg_bit(block->insns[i].imm);
    return regs;
}

/* Guarded registers have facts, and those of plain loops are hidden: both need a copy. */
static uint64_t lazy_regs(const struct ir_region *region, const struct region_facts *facts)
{
    uint64_t lazy = facts->used;
    for (uint32_t i = 0; i < region->length; i++) {
        const struct node_facts *node = &facts->nodes[i];
        lazy &= ~(node->written | guarded_regs(node));
        if (node->is_plain_float)
            lazy &= ~regs_read(region->nodes[i].block);
    }
    return lazy;
}

static void mark_entries(const struct ir_region *region, struct region_facts *facts)
{
    const struct region_node *first = &region->nodes[0];
    facts->nodes[0].is_entry = !region->is_dispatching;
    for (uint32_t i = 0; region->is_dispatching && i < first->edge_count; i++)
        facts->nodes[first->edges[i].node].is_entry = true;
}

static void mark_foreign(const struct ir_region *region, struct region_facts *facts)
{
    for (uint32_t i = 0; i < region->length; i++)
        facts->nodes[i].is_foreign = ir_uses_flags(region->nodes[i].block);
}

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

void region_analyse(const struct ir_region *region, const struct analysis_options *options,
                    struct arena *arena, struct region_facts *ret_facts)
{
    *ret_facts = (struct region_facts){
        .nodes = arena_zalloc(arena, region->length * sizeof(struct node_facts)),
        .is_wide = options->is_wide,
    };
    scan_blocks(region, ret_facts);
    mark_entries(region, ret_facts);
    if (options->is_flagless)
        mark_foreign(region, ret_facts);
    region_find_loops(region, arena, ret_facts->nodes);
    if (options->is_precise)
        make_all_live(region, ret_facts);
    else
        solve_liveness(region, ret_facts);
    examine_single_loops(region, options, arena, ret_facts);
    struct forward_state state = {
        .region = region,
        .facts = ret_facts,
        .values = arena_alloc(arena, ret_facts->longest_block * sizeof(struct value_facts)),
    };
    struct reg_facts assumed = {.is_wide = options->is_wide};
    if (has_loop(region, ret_facts) && options->unassumed != UINT64_MAX)
        assumed = choose_assumptions(&state, options->unassumed);
    solve_forward(&state, &assumed);
    ret_facts->lazy = lazy_regs(region, ret_facts);
}
