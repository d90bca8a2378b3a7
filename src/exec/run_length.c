/* How long a region would run: from being entered to being left, by the counts of tier 1.
 *
 * Going in and out costs loads and stores of most guest registers and an indirect jump. A region that
 * is soon left (it calls what was not followed, or jumps to where nobody knows) is no faster than its
 * blocks in tier 1, and its compile is lost. A branch that the host mispredicts, and that tier 2 does without,
 * counts for as many instructions as it takes the time of. docs/performance.md has the figures. */
#include "src/exec/internal.h"

/* Guest instructions. Precise regions keep all registers as they are at every access: a plain one pays
 * only as a loop that runs on. One that is not plain (budget.c) has what tier 1 is slowest at. */
enum { LEAST_RUN = 200, LEAST_RICH_RUN = 40, LEAST_PRECISE_RUN = 1000 };
enum { MISS_INSNS = 40 }; /* as long as a mispredicted branch takes */

static uint64_t executions_at(const struct exec *exec, const struct ir_region *region, uint64_t pc)
{
    const struct tb *tb = tb_find(exec->cache, pc, region->mode);
    uint32_t most = region_basis(exec, tb_find(exec->cache, region->guest_pc, region->mode));
    uint32_t count = !tb                           ? 0
                     : sampler_is_unknown(exec, tb) ? most
                                                    : region_executions(exec, tb);
    return count < most ? count : most;
}

/* Executions of the node: those of its block are divided among the nodes that have it. */
static uint64_t node_executions(const struct exec *exec, const struct ir_region *region,
                                uint32_t index)
{
    uint64_t pc = region->nodes[index].block->guest_pc;
    uint32_t copies = 0;
    for (uint32_t i = 0; i < region->length; i++)
        copies += region->nodes[i].block->guest_pc == pc;
    return executions_at(exec, region, pc) / copies;
}

static bool has_edge(const struct region_node *node, const struct ir_insn *exit)
{
    bool is_indirect = exit->op == IR_exit_indirect;
    for (uint32_t i = 0; i < node->edge_count; i++)
        if (node->edges[i].is_guess == is_indirect && (is_indirect || node->edges[i].pc == exit->imm))
            return true;
    return false;
}

static bool has_guess(const struct region_node *node, uint64_t pc)
{
    for (uint32_t i = 0; i < node->edge_count; i++)
        if (node->edges[i].is_guess && node->edges[i].pc == pc)
            return true;
    return false;
}

/* How often the exit through a register, reached so many times, leads out of the region: the share of its
 * observations in which it went where the region has no edge to. */
static uint64_t indirect_leaves(const struct exec *exec, const struct ir_region *region,
                                const struct region_node *node, const struct ir_insn *exit,
                                uint64_t reached)
{
    const struct tb *tb = tb_find(exec->cache, node->block->guest_pc, region->mode);
    const struct tb_profile *profile = tb ? tb_profile_of(tb) : NULL;
    if (!has_edge(node, exit))
        return reached;
    if (exit->c == IR_BRANCH_RETURN || !profile || !tb->has_been_observed || !profile->observations)
        return 0;
    uint64_t followed = 0;
    for (uint32_t i = 0; i < profile->observed_count; i++)
        if (has_guess(node, profile->observed[i]))
            followed += profile->observed_times[i];
    return followed < profile->observations
               ? reached * (profile->observations - followed) / profile->observations
               : 0;
}

/* How often the exit, reached so many times, leads out of the region. */
static uint64_t exit_leaves(const struct exec *exec, const struct ir_region *region,
                            const struct region_node *node, const struct ir_insn *exit,
                            uint64_t reached)
{
    if (exit->op == IR_exit_indirect)
        return indirect_leaves(exec, region, node, exit, reached);
    if (exit->op == IR_exit_trap_if || has_edge(node, exit))
        return 0;
    if (exit->op == IR_exit_trap)
        return reached;
    uint64_t there = executions_at(exec, region, exit->imm);
    return reached < there ? reached : there;
}

static uint64_t node_leaves(const struct exec *exec, const struct ir_region *region,
                            const struct region_node *node, uint64_t executions)
{
    uint64_t leaves = 0, reached = executions;
    for (uint32_t i = 0; i < node->block->length; i++) {
        const struct ir_insn *exit = &node->block->insns[i];
        if (!(ir_op_info[exit->op].flags & IR_EXITS))
            continue;
        leaves += exit_leaves(exec, region, node, exit, reached);
        if (exit->op == IR_exit_if) {
            uint64_t there = executions_at(exec, region, exit->imm);
            reached -= there < reached ? there : reached;
        }
    }
    return leaves;
}

/* What selecting instead of branching saves each time the node runs, in guest instructions. */
static uint32_t saved_by_select(const struct exec *exec, const struct ir_region *region,
                                const struct region_node *node)
{
    struct tb *tb = node->skipped ? tb_find(exec->cache, node->block->guest_pc, region->mode) : NULL;
    return tb ? MISS_INSNS * outcomes_missed(tb) / OUTCOMES_JUDGED : 0;
}

uint64_t run_length_of(const struct exec *exec, const struct ir_region *region)
{
    uint64_t insns = 0, leaves = 0;
    for (uint32_t i = region->is_dispatching; i < region->length; i++) {
        const struct region_node *node = &region->nodes[i];
        uint64_t executions = node_executions(exec, region, i);
        insns += executions * (node->block->guest_length + saved_by_select(exec, region, node));
        leaves += node_leaves(exec, region, node, executions);
    }
    return leaves ? insns / leaves : UINT64_MAX;
}

bool run_length_is_enough(const struct exec *exec, const struct ir_region *region, uint64_t insns)
{
    if (!budget_is_plain(region))
        return insns >= LEAST_RICH_RUN;
    return insns >= (exec->options.is_precise ? LEAST_PRECISE_RUN : LEAST_RUN);
}
