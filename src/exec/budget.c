/* What compiles may cost where the guest and the compile threads share one CPU.
 *
 * There each compile takes the guest's time, and before the first one LLVM has to be opened. So
 * compiles get a share of the run time (processor time), and what is not compiled now asks again when it
 * has stayed hot.
 * LLVM's code is much quicker than tier 1's where there is floating point or a loop of one block;
 * elsewhere, in plain regions, it often is no quicker. These wait until the run has been long: their
 * share grows with the run time, for a program that has run long will probably run on.
 * docs/performance.md has the figures. Where there are more CPUs, and where equal runs must be equal
 * (no compile threads), nothing waits. */
#include "src/exec/internal.h"

#include <sched.h>
#include <time.h>

enum {
    SHARE = 8,              /* one part in so many of the run time */
    FREE_MS = 20,           /* and this */
    PLAIN_SHARE_AT_1S = 64, /* the same of plain regions when a second has passed; half as many at 2 s */
    OPENING_MS = 30,        /* of LLVM, its first compile included: counts for plain regions */
    FLOAT_SHARE = 8,        /* one instruction in so many: a region with floating point */
    ACCESS_SHARE = 8,       /* the same: a loop that goes through memory */
};

static bool host_has_one_cpu(void)
{
    cpu_set_t cpus;
    return sched_getaffinity(0, sizeof cpus, &cpus) == 0 && CPU_COUNT(&cpus) == 1;
}

void budget_init(struct exec *exec)
{
    exec->has_one_cpu = exec_has(exec, FEATURE_budget) && host_has_one_cpu();
}

static bool is_float(const struct ir_insn *insn)
{
    return ir_type_is_float(insn->type) && insn->op != IR_get_reg && insn->op != IR_set_reg;
}

static uint32_t float_operations(const struct ir_region *region)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < region->length; i++)
        for (uint32_t j = 0; j < region->nodes[i].block->length; j++)
            count += is_float(&region->nodes[i].block->insns[j]);
    return count;
}

static uint32_t accesses(const struct ir_block *block)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < block->length; i++)
        count += (ir_op_info[block->insns[i].op].flags & IR_ACCESSES) != 0;
    return count;
}

/* Is the entry, from which the region was found to be hot, a loop of one block that goes through
 * memory, and not one that mostly computes? */
static bool is_short_loop(const struct ir_region *region)
{
    int32_t entry = region->is_dispatching ? 1 : 0;
    const struct region_node *node = &region->nodes[entry];
    bool is_loop = false;
    for (uint32_t i = 0; i < node->edge_count; i++)
        is_loop |= node->edges[i].node == entry;
    return is_loop && accesses(node->block) * ACCESS_SHARE >= node->block->guest_length;
}

bool budget_is_plain(const struct ir_region *region)
{
    return !is_short_loop(region) && float_operations(region) * FLOAT_SHARE < region->guest_length;
}

static bool has_limits(const struct exec *exec)
{
    return exec->has_one_cpu && exec->config.jit_threads > 0;
}

/* Of all threads: what other processes take on a busy machine does not count. */
static uint64_t run_time_ms(void)
{
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

bool budget_allows(const struct exec *exec, const struct tb *tb)
{
    if (!has_limits(exec))
        return true;
    uint64_t spent_ms = (exec->stats[TB_TIER_2].compile_time_ns +
                         exec->stats[TB_TIER_3].compile_time_ns) / 1000000;
    uint64_t run_ms = run_time_ms();
    uint64_t most_ms = FREE_MS + run_ms / SHARE;
    uint64_t most_plain_ms = run_ms * run_ms / (PLAIN_SHARE_AT_1S * 1000);
    if (tb_profile_of(tb)->is_plain && spent_ms + OPENING_MS > most_plain_ms)
        return false;
    return spent_ms <= most_ms;
}

bool budget_allows_region(struct exec *exec, struct tb *tb, const struct ir_region *region)
{
    if (!has_limits(exec) || !exec->sampler.is_on)
        return true;
    tb_profile(exec->cache, tb)->is_plain = budget_is_plain(region);
    return budget_allows(exec, tb);
}
