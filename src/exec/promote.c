/* Promotion: from a TB whose heat has run out to tier 2 or 3 code.
 *
 * The region is formed on the vcpu's thread under the cache's lock (it reads guest memory and the
 * profile); the compile runs on a compile thread, or at once when there is none. A job marks the
 * TBs it covers, so that the blocks of a loop do not each ask for the same loop. The result is
 * published by the tier under the lock; a job overtaken by a flush or drop is discarded there. */
#include "src/exec/internal.h"

#include "src/base/check.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_DEFERRALS = 4,
    MAX_EXTENSIONS = 3, /* of one region by further entries */
    MAX_WAITS = 4,          /* of a block for observations */
    MAX_ROUNDS = 8,         /* of observations of one exit: programs have phases */
    OBSERVING_PART = 8,     /* of the threshold: executions before the region is formed once more */
    RICH_GROWTH = 2,        /* times as many instructions in regions that are not plain (budget.c) */
    COLD_REGION_INSNS = 64, /* of a region compiled before its code has ever run */
};

int32_t promote_initial_heat(const struct exec *exec, enum tb_tier tier)
{
    bool is_promoting = exec->config.mode == EXEC_AUTO ||
                        (exec->config.mode == EXEC_TIER2 && tier == TB_TIER_2);
    if (!is_promoting || tier == TB_TIER_3)
        return INT32_MAX;
    uint32_t next = exec->config.threshold[tier + 1];
    if (tier >= TB_TIER_1 && !exec->config.tier2_module)
        return INT32_MAX;
    return next < INT32_MAX ? (int32_t)next : INT32_MAX;
}

void exec_kick_all(struct exec *exec)
{
    for (struct exec_thread *thread = exec->threads; thread; thread = thread->next)
        vcpu_set_pending(&thread->vcpu, VCPU_PENDING_KICK);
}

/* ---- jobs ---- */

/* Marks the TBs in the region that still run in a lower tier. Lock held. */
static void cover(struct exec *exec, struct compile_job *job)
{
    const struct ir_region *region = job->tier_job.region;
    job->covered = arena_alloc(&job->arena, region->length * sizeof(struct tb *));
    for (uint32_t i = 0; i < region->length; i++) {
        struct tb *tb = tb_find(exec->cache, region->nodes[i].block->guest_pc, region->mode);
        if (!tb || tb->requested_tier != TB_TIER_NONE)
            continue;
        tb->requested_tier = (int8_t)job->tier_job.level;
        job->covered[job->covered_count++] = tb;
    }
}

/* Lock held. The records are gone when the generation has changed by a flush; a drop has reset
 * them. */
static void uncover(struct exec *exec, struct compile_job *job)
{
    if (exec->cache->stats.flushes != job->flushes)
        return;
    for (uint32_t i = 0; i < job->covered_count; i++)
        job->covered[i]->requested_tier = TB_TIER_NONE;
}

/* Does tier 1 count long enough to tell hot blocks from cold ones? */
static bool has_profile(const struct exec *exec)
{
    return exec->config.mode == EXEC_AUTO && exec->config.threshold[TB_TIER_2] >= 16;
}

/* A block that is neither a loop's header nor a function's start will be part of the region of one:
 * its own, or its becoming a further entry of one, is put off a few times. Lock held. */
static bool is_deferred(struct exec *exec, const struct compile_job *job)
{
    struct tb *tb = job->asker;
    bool is_extension = tb != job->tier_job.tb;
    if (tb_profile_of(tb)->extensions > 0 || !has_profile(exec) || tb->is_callee ||
        job->tier_job.level > TB_TIER_2 || (!is_extension && job->tier_job.region->is_looping) ||
        tb_profile_of(tb)->deferrals == MAX_DEFERRALS)
        return false;
    tb_profile(exec->cache, tb)->deferrals++;
    return true;
}

/* The root to whose region the block is to be added as another entry, or NULL. A region that jumps
 * through tables is left alone: an interpreter's handlers, each with a dispatch of its own, are
 * better predicted than one dispatch for all. Lock held. */
static struct tb *region_to_extend(struct exec *exec, struct tb *tb)
{
    struct tb *root = tb_profile_of(tb)->region_root;
    if (!root || root == tb || tb_profile_of(root)->is_switching || root->tier < TB_TIER_2 ||
        root->requested_tier != TB_TIER_NONE ||
        !exec_has(exec, FEATURE_extension))
        return NULL;
    struct tb_profile *profile = tb_profile(exec->cache, root);
    if (profile->extensions == MAX_EXTENSIONS || profile->entry_count == TB_MAX_ENTRIES)
        return NULL;
    profile->extensions++;
    profile->entry[profile->entry_count++] = tb->pc;
    return root;
}

/* Counts in tier 1 start again, so that blocks are found that run there all the same. Lock held. */
static void settle_region(struct exec *exec, const struct compile_job *job)
{
    const struct ir_region *region = job->tier_job.region;
    for (uint32_t i = region->is_dispatching; i < region->length; i++) {
        const struct region_node *node = &region->nodes[i];
        struct tb *tb = tb_find(exec->cache, node->block->guest_pc, region->mode);
        if (ir_is_table_jump(node->block))
            tb_profile(exec->cache, job->tier_job.tb)->is_switching = true;
        if (tb)
            tb_profile(exec->cache, tb)->is_in_region = true;
        if (!tb || node->context != 0)
            continue;
        tb_profile(exec->cache, tb)->region_root = job->tier_job.tb;
        if (tb->tier == TB_TIER_1 && !libcalls_has(exec, tb->pc))
            atomic_store_explicit(&tb->heat, promote_initial_heat(exec, TB_TIER_1),
                                  memory_order_relaxed);
    }
}

/* Is this edge cut by the trial? The entries stay, at least one. */
static bool is_cut(const struct region_trial *trial, const struct ir_region *region, uint32_t from,
                   const struct region_edge *edge)
{
    bool is_entry = region->is_dispatching && from == 0;
    return is_entry ? edge->pc == trial->excluded_pc && region->nodes[0].edge_count > 1
                    : trial->is_single || edge->pc == trial->excluded_pc;
}

static void cut_edges(const struct region_trial *trial, struct ir_region *region)
{
    for (uint32_t i = 0; i < region->length; i++) {
        struct region_node *node = &region->nodes[i];
        for (uint32_t j = 0; j < node->edge_count;) {
            if (is_cut(trial, region, i, &node->edges[j]))
                node->edges[j] = node->edges[--node->edge_count];
            else
                j++;
        }
    }
}

/* Lock held. */
static struct compile_job *job_new(struct exec *exec, struct tb *asker, enum tb_tier level,
                                   bool is_profiled)
{
    struct tb *tb = asker;
    bool may_extend = is_profiled && level == TB_TIER_2 && !exec->region_trial;
    struct tb *root = may_extend ? region_to_extend(exec, asker) : NULL;
    if (root) {
        tb = root;
        level = (enum tb_tier)root->tier;
    }
    struct compile_job *job = compile_queue_job_new(&exec->queue);
    bool is_cold = exec->config.mode == EXEC_TIER2 && level == TB_TIER_2;
    uint32_t max_insns = exec->config.max_region_insns;
    if (is_cold && max_insns > COLD_REGION_INSNS)
        max_insns = COLD_REGION_INSNS;
    struct ir_region *region = region_form(exec, &job->arena, tb, level, is_profiled, max_insns);
    bool is_rich = level == TB_TIER_2 && is_profiled && !budget_is_plain(region);
    if (is_rich && max_insns <= UINT32_MAX / RICH_GROWTH)
        region = region_form(exec, &job->arena, tb, level, true, max_insns * RICH_GROWTH);
    if (exec->region_trial)
        cut_edges(exec->region_trial, region);
    job->asker = asker;
    job->asked_time_ns = exec_time_ns();
    job->flushes = exec->cache->stats.flushes;
    job->tier_job = (struct tier_job){
        .cache = exec->cache,
        .tb = tb,
        .region = region,
        .level = level,
        .next_heat = promote_initial_heat(exec, level),
        .step_polls = exec->lockstep ? lockstep_polls(exec->lockstep) : 0,
        .is_precise = exec->options.is_precise,
        .is_flagless = exec->options.is_flagless,
        .unassumed = tb_profile_of(tb)->unassumed,
        .generation = exec->cache->generation,
        .trial = exec->region_trial ? exec->region_trial->pipeline : NULL,
        .dump = dump_for(exec, tb->pc, tb->guest_size_bytes ? tb->guest_size_bytes : 1),
        .ret_result = &job->result,
    };
    dump_region(exec, region);
    if (level == TB_TIER_2 && is_profiled)
        job->run_length = run_length_of(exec, region); /* what is covered is not counted any more */
    cover(exec, job);
    return job;
}

static double ms_since_start(const struct exec *exec, uint64_t time_ns)
{
    return (double)(time_ns - exec->start_time_ns) / 1e6;
}

/* EXEC_DUMP_PROMOTIONS (docs/stats.md). Lock held. */
static void dump_promotion(const struct exec *exec, const struct compile_job *job,
                           const char *result, uint64_t time_ns)
{
    const struct tier_job *tier_job = &job->tier_job;
    const struct ir_region *region = tier_job->region;
    if (!(exec->config.dump & EXEC_DUMP_PROMOTIONS))
        return;
    fprintf(exec->config.dump_file,
            "promotion tier=%d root=0x%" PRIx64 " asker=0x%" PRIx64 " asked_ms=%.2f ready_ms=%.2f "
            "compile_ms=%.2f blocks=%u insns=%u entries=%u run=%" PRIu64 " "
            "code=0x%" PRIxPTR " code_bytes=%u "
            "result=%s\n",
            tier_job->level, tier_job->tb->pc, job->asker->pc,
            ms_since_start(exec, job->asked_time_ns), ms_since_start(exec, exec_time_ns()),
            (double)time_ns / 1e6, region->length - region->is_dispatching, region->guest_length,
            region->is_dispatching ? region->nodes[0].edge_count : 1, job->run_length,
            (uintptr_t)job->result.start, job->result.size_bytes,
            result);
}

/* The TB is kept from this tier and those above: for good, or when its region was refused at refused_ns until it may
 * ask again (sampler.c). Lock held. */
static void keep_from(struct exec *exec, struct tb *tb, enum tb_tier level, uint64_t refused_ns)
{
    tb->failed_tier = (int8_t)level;
    tb_profile(exec->cache, tb)->refused_ns = refused_ns;
}

/* Counts a finished compile. Lock held. */
static void account(struct exec *exec, const struct compile_job *job, enum status status,
                    uint64_t time_ns, const struct error *err)
{
    enum tb_tier level = job->tier_job.level;
    struct tier_stats *stats = &exec->stats[level];
    bool is_flushed = exec->cache->stats.flushes != job->flushes; /* the TB records are gone */
    stats->compile_time_ns += time_ns;
    if (status == STATUS_OK) {
        stats->compiled++;
        stats->guest_insns += job->tier_job.region->guest_length;
        stats->code_bytes += job->result.size_bytes;
        if (!is_flushed)
            settle_region(exec, job);
        if (exec->lockstep)
            lockstep_note_region(exec->lockstep, job->tier_job.region);
    } else if (status != STATUS_STALE) {
        stats_failure(exec, level, err->text);
        if (!is_flushed)
            keep_from(exec, job->asker, level, 0);
    }
    if (!is_flushed)
        dump_promotion(exec, job,
                       status == STATUS_OK      ? "ok"
                       : status == STATUS_STALE ? "stale"
                                                : "failed",
                       time_ns);
}

/* Compiles the job with `tier` and settles its accounts; the job is the caller's to destroy. */
static enum status job_run(struct exec *exec, struct tier *tier, struct compile_job *job,
                           struct error *err)
{
    uint64_t start_ns = exec_cpu_time_ns();
    enum status status = tier->compile(tier, &job->tier_job, err);
    uint64_t time_ns = exec_cpu_time_ns() - start_ns;
    tb_lock(exec->cache);
    account(exec, job, status, time_ns, err);
    uncover(exec, job);
    if (status == STATUS_OK && job->tier_job.level == TB_TIER_3)
        exec_kick_all(exec); /* loops in tier 2 leave at their next poll and find tier 3 */
    tb_unlock(exec->cache);
    return status;
}

/* The tier could not be made: settles the job as failed. */
static void job_fail(struct exec *exec, struct compile_job *job, const struct error *err)
{
    tb_lock(exec->cache);
    account(exec, job, STATUS_REJECTED, 0, err);
    uncover(exec, job);
    tb_unlock(exec->cache);
}

enum status promote_compile(struct exec *exec, struct tier **tier, struct compile_job *job,
                            struct error *err)
{
    enum status status = STATUS_UNSUPPORTED;
    if (!*tier)
        *tier = tier2_open(exec, err);
    if (*tier)
        status = job_run(exec, *tier, job, err);
    else
        job_fail(exec, job, err);
    compile_queue_job_drop(&exec->queue, job);
    return status;
}

/* ---- promotion ---- */

void promote_init(struct exec *exec)
{
    budget_init(exec);
    pthread_mutex_init(&exec->module_lock, NULL);
    compile_queue_init(&exec->queue);
}

void promote_stop(struct exec *exec)
{
    compile_queue_stop(&exec->queue);
}

void promote_fini(struct exec *exec)
{
    compile_queue_fini(&exec->queue);
    if (exec->tier2)
        exec->tier2->destroy(exec->tier2);
    pthread_mutex_destroy(&exec->module_lock);
}

enum status promote_now(struct exec_thread *thread, struct tb *tb, enum tb_tier level,
                        struct error *err)
{
    struct exec *exec = thread->exec;
    tb_lock(exec->cache);
    struct compile_job *job = job_new(exec, tb, level, has_profile(exec));
    tb_unlock(exec->cache);
    return promote_compile(exec, &exec->tier2, job, err);
}

/* Tier 0 to tier 1: the block is compiled again by translate_at. */
static void promote_to_tier1(struct exec_thread *thread, struct tb *tb)
{
    struct error err;
    tb_lock(thread->exec->cache);
    thread->exec->stats[TB_TIER_1].promotions++;
    translate_to_tier1(thread, tb, &err);
    tb_unlock(thread->exec->cache);
}

/* Lock held. True when a compile for `level` should be asked for now; else the heat is set for
 * another round. */
static bool wants_compile(struct exec *exec, struct tb *tb, enum tb_tier level)
{
    bool is_there = (enum tb_tier)tb->tier >= level; /* published while the asker waited for the lock */
    bool is_pointless = is_there || level >= tb->failed_tier || exec->is_tier2_broken ||
                        level > TB_TIER_3;
    bool is_requested = tb->requested_tier != TB_TIER_NONE;
    int32_t again = promote_initial_heat(exec, (enum tb_tier)(level - 1));
    atomic_store_explicit(&tb->heat, is_pointless ? INT32_MAX : again > 64 ? again : 64,
                          memory_order_relaxed);
    if (!is_pointless && is_requested)
        compile_queue_reheat(&exec->queue, tb);
    return !is_pointless && !is_requested;
}

/* From now on the TB is not counted any more. Lock held. */
static void stay_in_tier1(struct exec_thread *thread, struct tb *tb)
{
    struct exec *exec = thread->exec;
    struct error err;
    keep_from(exec, tb, TB_TIER_2, exec_time_ns() - exec->start_time_ns);
    translate_to_tier1(thread, tb, &err);
}

/* What was observed earlier counts half as much as what comes. */
static void forget_half(struct tb_profile *profile)
{
    profile->observations = 0;
    for (uint32_t i = 0; i < profile->observed_count; i++)
        profile->observations += profile->observed_times[i] /= 2;
}

/* Blocks of the region that end with a jump or a call through a register, and of which it was seen at
 * most by chance where they go: a jump cache that others have filled hides it. They are made again
 * without for a while. True if there are any, or some that are being observed. Lock held. */
static bool begin_observing(struct exec_thread *thread, const struct ir_region *region)
{
    struct exec *exec = thread->exec;
    struct error err;
    bool are_any = false;
    for (uint32_t i = region->is_dispatching; i < region->length; i++) {
        const struct ir_block *block = region->nodes[i].block;
        const struct ir_insn *last = ir_last(block);
        if (last->op != IR_exit_indirect || last->c == IR_BRANCH_RETURN)
            continue;
        struct tb *tb = tb_find(exec->cache, block->guest_pc, region->mode);
        if (!tb || tb->tier != TB_TIER_1)
            continue;
        are_any |= tb->is_observing;
        struct tb_profile *profile = tb_profile(exec->cache, tb);
        uint64_t promotions = exec->stats[TB_TIER_2].promotions;
        bool is_known = tb->has_been_observed && (profile->observed_rounds == MAX_ROUNDS ||
                                                  profile->observed_promotions == promotions);
        if (is_known || tb->is_observing)
            continue;
        tb->has_been_observed = tb->is_observing = true;
        profile->observed_rounds++;
        profile->observed_promotions = promotions;
        forget_half(profile);
        are_any |= translate_to_tier1(thread, tb, &err) == STATUS_OK;
    }
    return are_any;
}

/* Should the asker wait for observations? Not for ever: some exits are never seen again. Lock held. */
static bool is_to_wait(struct exec_thread *thread, const struct compile_job *job)
{
    struct exec *exec = thread->exec;
    if (job->tier_job.level != TB_TIER_2 || !has_profile(exec) ||
        tb_profile_of(job->asker)->waits == MAX_WAITS)
        return false;
    bool is_waiting = sampler_counts_met(thread, job->asker);
    if (exec_has(exec, FEATURE_observation))
        is_waiting |= begin_observing(thread, job->tier_job.region);
    if (!is_waiting)
        return false;
    tb_profile(exec->cache, job->asker)->waits++;
    atomic_store_explicit(&job->asker->heat,
                          promote_initial_heat(exec, TB_TIER_1) / OBSERVING_PART,
                          memory_order_relaxed);
    return true;
}

void promote_end_observing(struct exec_thread *thread, struct tb *tb)
{
    struct error err;
    tb->is_observing = false;
    if (tb->tier == TB_TIER_1)
        translate_to_tier1(thread, tb, &err);
}

/* Lock held. */
static void forget_job(struct exec *exec, struct compile_job *job)
{
    uncover(exec, job);
    compile_queue_job_drop(&exec->queue, job);
}

/* Lock held. */
static bool is_soon_left(struct exec *exec, struct compile_job *job)
{
    if (job->tier_job.level != TB_TIER_2 || !has_profile(exec))
        return false;
    return exec_has(exec, FEATURE_run_length) &&
           !run_length_is_enough(exec, job->tier_job.region, job->run_length);
}

/* The asker stays in tier 1; and so does, it seems, what else is in the region when that is left far too soon,
 * as an interpreter's parts are. Lock held. */
static void refuse(struct exec_thread *thread, struct compile_job *job)
{
    struct exec *exec = thread->exec;
    const struct ir_region *region = job->tier_job.region;
    struct tb *tb = job->asker;
    dump_promotion(exec, job, "refused", 0);
    uncover(exec, job); /* or what is in the region counts as asked for */
    stay_in_tier1(thread, tb);
    sampler_refuse(thread, tb, region, !run_length_is_enough(exec, region, 2 * job->run_length));
    compile_queue_job_drop(&exec->queue, job);
}

/* On one CPU jobs are not to wait: the budget is for what is hot by then. */
static bool may_put(struct exec *exec)
{
    return exec->has_one_cpu ? compile_queue_is_empty(&exec->queue)
                             : !compile_queue_is_full(&exec->queue);
}

/* The job for the TB's next tier when it is to be had now and worth its compile, else NULL: it is put
 * off, or refused. Lock held. */
static struct compile_job *job_wanted(struct exec_thread *thread, struct tb *tb, enum tb_tier level)
{
    struct exec *exec = thread->exec;
    bool is_synchronous = exec->config.jit_threads == 0;
    if (!wants_compile(exec, tb, level) || (!is_synchronous && !may_put(exec)) ||
        !budget_allows(exec, tb))
        return NULL;
    struct compile_job *job = job_new(exec, tb, level, has_profile(exec));
    if (!budget_allows_region(exec, tb, job->tier_job.region) || is_deferred(exec, job) ||
        is_to_wait(thread, job)) {
        forget_job(exec, job);
        return NULL;
    }
    if (is_soon_left(exec, job)) {
        refuse(thread, job);
        return NULL;
    }
    return job;
}

/* Compiles the job, if there is one, now or in its turn. */
static void job_put(struct exec *exec, struct compile_job *job)
{
    struct error err;
    if (job && exec->config.jit_threads == 0)
        promote_compile(exec, &exec->tier2, job, &err);
    else if (job)
        compile_queue_put(exec, job);
}

static void promote_to_region(struct exec_thread *thread, struct tb *tb, enum tb_tier level)
{
    struct exec *exec = thread->exec;
    tb_lock(exec->cache);
    struct compile_job *job = job_wanted(thread, tb, level);
    if (job)
        exec->stats[level].promotions++;
    tb_unlock(exec->cache);
    job_put(exec, job);
}

/* ---- regions that assume what does not hold ---- */

/* Registers that hold neither a sign-extended word nor a boxed single now. */
static uint64_t wide_regs(const struct vcpu *vcpu)
{
    uint64_t wide = 0;
    for (unsigned reg = 0; reg < IR_GUEST_REGS; reg++) {
        uint64_t value = vcpu->reg[reg];
        bool is_narrow = reg < IR_FIRST_FP_REG ? (uint64_t)(int64_t)(int32_t)value == value
                                               : value >> 32 == UINT32_MAX;
        wide |= (uint64_t)!is_narrow << reg;
    }
    return wide;
}

/* Where the region of the root is entered at the pc, back to tier 1; NULL when it is not. Lock held. */
static struct tb *drop_entry(struct exec *exec, const struct tb *root, uint64_t pc)
{
    struct tb *tb = tb_find(exec->cache, pc, root->mode);
    bool is_own = tb && (tb == root || tb_profile_of(tb)->region_root == root);
    if (!is_own || tb->tier < TB_TIER_2)
        return NULL;
    tb_drop(exec->cache, tb);
    return tb;
}

/* Of the registers that are wide now nothing is assumed any more; the second time, or where none is (the guard
 * was of something else), nothing of any. What leaves even then is an earlier region of the root, at an entry that
 * the later ones lack: that is dropped. Lock held. */
static struct compile_job *job_unguarded(struct exec_thread *thread, struct tb *root)
{
    struct exec *exec = thread->exec;
    enum tb_tier level = (enum tb_tier)root->tier;
    if (level < TB_TIER_2 || root->requested_tier != TB_TIER_NONE || level >= root->failed_tier ||
        exec->is_tier2_broken || (exec->config.jit_threads > 0 && !may_put(exec)))
        return NULL;
    struct tb_profile *profile = tb_profile(exec->cache, root);
    if (profile->unassumed == UINT64_MAX) {
        drop_entry(exec, root, thread->vcpu.pc);
        return NULL;
    }
    uint64_t wide = wide_regs(&thread->vcpu);
    profile->unassumed = !profile->unassumed && wide ? wide : UINT64_MAX;
    return job_new(exec, root, level, has_profile(exec));
}

static void demote_entry(struct exec *exec, const struct tb *root, uint64_t pc)
{
    struct tb *tb = drop_entry(exec, root, pc);
    if (tb)
        keep_from(exec, tb, TB_TIER_2, 0);
}

/* Wherever the region is entered, back to tier 1, for good. Lock held. */
static void demote(struct exec *exec, const struct compile_job *job)
{
    const struct tb *root = job->tier_job.tb;
    const struct ir_region *region = job->tier_job.region;
    for (uint32_t i = 0; region->is_dispatching && i < region->nodes[0].edge_count; i++)
        demote_entry(exec, root, region->nodes[0].edges[i].pc);
    demote_entry(exec, root, root->pc);
}

/* By now the counts may tell that the region is soon left. */
void promote_unguarded(struct exec_thread *thread, struct tb *root)
{
    struct exec *exec = thread->exec;
    tb_lock(exec->cache);
    struct compile_job *job = job_unguarded(thread, root);
    if (job && is_soon_left(exec, job)) {
        dump_promotion(exec, job, "refused", 0);
        demote(exec, job);
        forget_job(exec, job);
        job = NULL;
    }
    if (job)
        exec->stats[job->tier_job.level].promotions++;
    tb_unlock(exec->cache);
    job_put(exec, job);
}

/* The bit shares its word with others that compile threads write. */
static bool is_watched(struct exec_thread *thread, const struct tb *tb)
{
    tb_lock(thread->exec->cache);
    bool answer = tb->is_watched;
    tb_unlock(thread->exec->cache);
    return answer;
}

void promote_tb(struct exec_thread *thread, struct tb *tb)
{
    switch ((enum tb_tier)tb->tier) {
    case TB_TIER_0:
        promote_to_tier1(thread, tb);
        break;
    case TB_TIER_1:
        if (draft_takes(thread, tb))
            break;
        if (is_watched(thread, tb))
            routines_settle(thread, tb);
        else if (!sampler_takes(thread, tb))
            promote_to_region(thread, tb, TB_TIER_2);
        break;
    case TB_TIER_2:
        promote_to_region(thread, tb, TB_TIER_3);
        break;
    case TB_TIER_3:
    case TB_TIER_NONE: /* dropped meanwhile */
    case TB_TIER_COUNT:
        break;
    }
}
