/* The sampler: which of tier 1's code is hot enough for its executions to be counted.
 *
 * Counts make code a seventh larger, and slower where short blocks do not fit the instruction cache;
 * and most blocks are never promoted. So they are made without. A thread of its own raises
 * vcpu->is_sampled every half millisecond, and every two when the program has run for a while (on one
 * CPU, where each time costs the guest much more than a system call, every four: at the kernel's own
 * tick); tier 1 comes back to the loop at its next backward or indirect jump, which looks at it anyway,
 * and the loop notes where the guest is. A block that is met a few times is made again with counts, and
 * so are all that a region of it might have. From there on it is as without samples: the counts decide
 * what is promoted and what a region is made of. Blocks that have not been promoted after a while are
 * made without counts once more, and then need more samples; but one that has kept its samples
 * meanwhile, each of its executions taking long, is promoted by the counts that there are. One whose
 * region was refused is not looked at until the program has run for twice as long.
 *
 * The thread is started when a program turns out not to be short: when enough code has been
 * translated, or when some block has run often. Until then all blocks are counted. Where equal runs are
 * to be equal (no compile threads) and in tests that force events there is no sampler. */
#include "src/exec/internal.h"

#include "src/base/check.h"

#include <string.h>
#include <sys/prctl.h>
#include <time.h>

enum {
    LEAST_THRESHOLD = 1024, /* below, everything is counted */
    START_INSNS = 8192,     /* translated */
    START_HEAT = 10000,     /* executions of one block */
    PERIOD_NS = 500 * 1000, /* at first, for so many times: */
    FIRST_PERIODS = 500,
    LATER_PERIOD_NS = 2 * 1000 * 1000,
    LONGEST_PERIOD_NS = 4 * 1000 * 1000, /* while nobody looks */
    ONE_CPU_PERIOD_NS = 3 * 1000 * 1000,
    ONE_CPU_SLACK_NS = 4 * 1000 * 1000, /* to the next interrupt that comes anyway */
    STALE_NS = 100 * 1000,  /* a sample is noted so late when the guest was elsewhere */
    HOT_SAMPLES = 4,
    HOT_SHARE = 16,         /* one part in so many of all recent samples */
    RECENT_SAMPLES = 256,   /* after so many what was counted is halved */
    ENOUGH_SAMPLES = 64,    /* of one block, whatever its share */
    MAX_DOUBLINGS = 6,
    MAX_FUNCTION_BYTES = 8192,
    GROUP_NS = 30 * 1000 * 1000, /* for which blocks are counted */
    ASKING_NS = 20 * 1000 * 1000, /* and then until the root has asked for its region */
    LEAST_ASKING = 1000,         /* executions of a root that is to ask before the threshold */
    REFUSED_FOR = 2,             /* times as long as the program had run when its region was refused */
};

void sampler_init(struct exec *exec)
{
    struct sampler *sampler = &exec->sampler;
    const struct exec_config *config = &exec->config;
    pthread_mutex_init(&sampler->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&sampler->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    sampler->is_on = exec_has(exec, FEATURE_sampling) && config->mode == EXEC_AUTO &&
                     config->jit_threads > 0 && config->tier2_module && !config->lockstep.is_on &&
                     !config->stress.kinds &&
                     config->threshold[TB_TIER_2] >= LEAST_THRESHOLD;
}

int32_t sampler_first_heat(const struct exec *exec, int32_t heat)
{
    return exec->sampler.is_on && !exec->options.is_sampling && heat > START_HEAT ? START_HEAT : heat;
}

/* ---- the thread ---- */

/* Raises is_sampled of all harts; false when nobody has looked since the last time. */
static bool raise_all(struct exec *exec)
{
    bool has_been_seen = false;
    tb_lock(exec->cache); /* which may take long */
    atomic_store_explicit(&exec->sampler.raised_ns, exec_time_ns(), memory_order_relaxed);
    for (struct exec_thread *thread = exec->threads; thread; thread = thread->next)
        has_been_seen |= !atomic_exchange_explicit(&thread->vcpu.is_sampled, 1, memory_order_release);
    tb_unlock(exec->cache);
    return has_been_seen;
}

static struct timespec time_after(uint64_t ns)
{
    ns += exec_time_ns();
    return (struct timespec){(time_t)(ns / 1000000000), (long)(ns % 1000000000)};
}

static uint64_t least_period_ns(const struct exec *exec, uint32_t periods_before)
{
    return exec->has_one_cpu                ? ONE_CPU_PERIOD_NS
           : periods_before < FIRST_PERIODS ? PERIOD_NS
                                            : LATER_PERIOD_NS;
}

static void *sampler_thread(void *argument)
{
    struct exec *exec = argument;
    struct sampler *sampler = &exec->sampler;
    uint64_t period_ns = least_period_ns(exec, 0);
    if (exec->has_one_cpu)
        prctl(PR_SET_TIMERSLACK, ONE_CPU_SLACK_NS);
    pthread_mutex_lock(&sampler->lock);
    for (uint32_t periods = 1; !sampler->is_stopping; periods += periods < FIRST_PERIODS) {
        struct timespec end = time_after(period_ns);
        pthread_cond_timedwait(&sampler->wake, &sampler->lock, &end);
        pthread_mutex_unlock(&sampler->lock);
        bool has_been_seen = raise_all(exec);
        period_ns = has_been_seen                      ? least_period_ns(exec, periods)
                    : period_ns * 2 < LONGEST_PERIOD_NS ? period_ns * 2
                                                       : LONGEST_PERIOD_NS;
        pthread_mutex_lock(&sampler->lock);
    }
    pthread_mutex_unlock(&sampler->lock);
    return NULL;
}

/* Lock held. */
static void start(struct exec *exec)
{
    CHECK(exec_start_thread(exec, &exec->sampler.thread, sampler_thread),
          "cannot start the sampling thread");
    exec->options.is_sampling = true;
}

void sampler_translated(struct exec *exec)
{
    if (exec->sampler.is_on && !exec->options.is_sampling &&
        exec->stats[TB_TIER_1].guest_insns >= START_INSNS)
        start(exec);
}

void sampler_fini(struct exec *exec)
{
    struct sampler *sampler = &exec->sampler;
    pthread_mutex_lock(&sampler->lock);
    sampler->is_stopping = true;
    pthread_cond_signal(&sampler->wake);
    pthread_mutex_unlock(&sampler->lock);
    if (exec->options.is_sampling)
        pthread_join(sampler->thread, NULL);
    pthread_mutex_destroy(&sampler->lock);
    pthread_cond_destroy(&sampler->wake);
}

/* ---- blocks that are counted ---- */

/* Makes the block again, with or without counts. Lock held. */
static void set_counted(struct exec_thread *thread, struct tb *tb, bool is_counted)
{
    struct error err;
    tb->is_counted = is_counted;
    thread->exec->sampler.counted += is_counted;
    if (!tb->is_watched)
        translate_to_tier1(thread, tb, &err);
}

static void end_group(struct exec_thread *thread, struct counted_group *group)
{
    bool is_current = group->flushes == thread->exec->cache->stats.flushes;
    for (uint32_t i = 0; is_current && i < group->count; i++) {
        struct tb *tb = group->tbs[i];
        if (tb->tier == TB_TIER_1 && tb->requested_tier == TB_TIER_NONE &&
            tier_counts_heat(&thread->exec->options, tb))
            set_counted(thread, tb, false);
    }
    group->count = 0;
}

/* Has the root stayed hot without getting to the threshold, since each of its executions takes long?
 * Then it asks for its region when it runs next, and the counts are compared with its own. */
static bool asks_now(struct exec_thread *thread, struct counted_group *group)
{
    struct exec *exec = thread->exec;
    struct tb *root = group->root;
    if (group->is_over || group->flushes != exec->cache->stats.flushes || root->tier != TB_TIER_1 ||
        !root->is_counted || root->is_watched || root->requested_tier != TB_TIER_NONE ||
        tb_profile_of(root)->samples < HOT_SAMPLES)
        return false;
    uint32_t executions = region_executions(exec, root);
    if (executions < LEAST_ASKING || executions >= exec->config.threshold[TB_TIER_2])
        return false;
    tb_profile(exec->cache, root)->asking_executions = executions;
    atomic_store_explicit(&root->heat, 0, memory_order_relaxed);
    group->is_over = true;
    group->end_ns += ASKING_NS;
    return true;
}

static void end_old_groups(struct exec_thread *thread, uint64_t now_ns)
{
    struct counted_group *groups = thread->exec->sampler.groups;
    for (uint32_t i = 0; i < COUNTED_GROUPS; i++)
        if (groups[i].count > 0 && groups[i].end_ns <= now_ns && !asks_now(thread, &groups[i]))
            end_group(thread, &groups[i]);
}

/* An empty group: the one that was to end first ends now, unless it has. */
static struct counted_group *new_group(struct exec_thread *thread)
{
    struct counted_group *groups = thread->exec->sampler.groups, *first = groups;
    for (uint32_t i = 1; i < COUNTED_GROUPS; i++)
        if (groups[i].end_ns < first->end_ns)
            first = &groups[i];
    end_group(thread, first);
    return first;
}

bool sampler_is_unknown(const struct exec *exec, const struct tb *tb)
{
    bool may_run = tb->is_inside ? tb->tier <= TB_TIER_1 : tb->tier == TB_TIER_1 && !draft_is(tb);
    return exec->options.is_sampling && may_run && !tb->is_counted && tb->failed_tier > TB_TIER_2 &&
           tb->requested_tier == TB_TIER_NONE && !tb_profile_of(tb)->is_in_region;
}

void sampler_forget_met(struct exec *exec)
{
    exec->sampler.met_count = 0;
    memset(exec->sampler.met_slots, 0, sizeof exec->sampler.met_slots);
}

/* A region looks at a block once for each call of the function that has it. */
void sampler_meet(struct exec *exec, struct tb *tb)
{
    struct sampler *sampler = &exec->sampler;
    uint32_t slot = (uint32_t)((uintptr_t)tb / sizeof *tb % MET_SLOTS);
    while (sampler->met_slots[slot] && sampler->met_slots[slot] != tb)
        slot = (slot + 1) % MET_SLOTS;
    if (sampler->met_slots[slot] || sampler->met_count == COUNTED_GROUP_TBS)
        return;
    sampler->met_slots[slot] = tb;
    sampler->met[sampler->met_count++] = tb;
}

bool sampler_counts_met(struct exec_thread *thread, struct tb *root)
{
    struct sampler *sampler = &thread->exec->sampler;
    if (!sampler->met_count)
        return false;
    struct counted_group *group = new_group(thread);
    group->root = root;
    group->is_over = false;
    group->flushes = thread->exec->cache->stats.flushes;
    group->end_ns = exec_time_ns() + GROUP_NS;
    for (uint32_t i = 0; i < sampler->met_count; i++) {
        set_counted(thread, sampler->met[i], true);
        group->tbs[group->count++] = sampler->met[i];
    }
    return true;
}

static void double_samples(struct tb_profile *profile)
{
    profile->doublings += profile->doublings < MAX_DOUBLINGS;
}

void sampler_refuse(struct exec_thread *thread, const struct tb *root, const struct ir_region *region,
                    bool is_clear)
{
    struct exec *exec = thread->exec;
    struct counted_group *groups = exec->sampler.groups;
    for (uint32_t i = 0; i < COUNTED_GROUPS; i++)
        if (groups[i].count > 0 && groups[i].root == root &&
            groups[i].flushes == exec->cache->stats.flushes)
            end_group(thread, &groups[i]);
    for (uint32_t i = region->is_dispatching; is_clear && i < region->length; i++) {
        struct tb *tb = tb_find(exec->cache, region->nodes[i].block->guest_pc, region->mode);
        if (tb)
            double_samples(tb_profile(exec->cache, tb));
    }
}

/* From now on the executions of the block are counted, and of those that a region of it would have,
 * if that may be compiled soon. Lock held. */
static void count_around(struct exec_thread *thread, struct tb *tb)
{
    struct exec *exec = thread->exec;
    struct tb_profile *profile = tb_profile(exec->cache, tb);
    struct compile_job *job = compile_queue_job_new(&exec->queue); /* for its arena */
    const struct ir_region *region =
        region_form(exec, &job->arena, tb, TB_TIER_2, true, exec->config.max_region_insns);
    bool is_allowed = budget_allows_region(exec, tb, region);
    compile_queue_job_drop(&exec->queue, job);
    if (!is_allowed)
        return;
    sampler_meet(exec, tb);
    sampler_counts_met(thread, tb);
    double_samples(profile);
    profile->samples = profile->recent_samples = 0;
}

bool sampler_takes(struct exec_thread *thread, struct tb *tb)
{
    struct exec *exec = thread->exec;
    if (!exec->sampler.is_on)
        return false;
    tb_lock(exec->cache);
    bool is_taken = !tb->is_counted && tb->tier == TB_TIER_1;
    if (is_taken) {
        if (!exec->options.is_sampling)
            start(exec);
        set_counted(thread, tb, false);
    }
    tb_unlock(exec->cache);
    return is_taken;
}

/* ---- samples ---- */

/* The function that a call right before pc goes to, if it is known; else NULL. */
static struct tb *function_called_before(struct exec_thread *thread, uint64_t pc, uint32_t mode)
{
    struct exec *exec = thread->exec;
    for (uint32_t size = 4; size >= 2 && !(pc & 1); size -= 2) {
        arena_reset(&thread->arena);
        const struct ir_block *block = translate_prefix(exec, &thread->arena, pc - size, mode, 1);
        uint64_t called_pc = block && block->guest_size_bytes == size ? ir_called_pc(block) : 0;
        struct tb *tb = called_pc ? tb_find(exec->cache, called_pc, mode) : NULL;
        if (tb)
            return tb;
    }
    return NULL;
}

/* Programs have phases: when this one has run for twice as long the block may ask again. */
static bool is_refused(const struct exec *exec, const struct tb *tb)
{
    uint64_t refused_ns = tb_profile_of(tb)->refused_ns;
    bool is_over = refused_ns && exec_time_ns() - exec->start_time_ns >= REFUSED_FOR * refused_ns;
    return tb->tier == TB_TIER_1 && tb->failed_tier <= TB_TIER_2 && !is_over;
}

/* The function that the block is part of, by all that is known: what begins next before it and is
 * called; or NULL. */
static struct tb *function_around(struct exec *exec, struct tb *tb)
{
    struct tb_profile *profile = tb_profile(exec->cache, tb);
    for (uint64_t back = 0; !profile->has_looked_for_function && back < MAX_FUNCTION_BYTES; back += 2) {
        struct tb *other = tb_find(exec->cache, tb->pc - back, tb->mode);
        if (other && other->is_callee) {
            profile->function = other;
            break;
        }
    }
    profile->has_looked_for_function = true;
    return profile->function;
}

/* Time that ended with a return was spent in the function, else where the guest is; but when that was
 * no good as a region, it is for the function around it to be one, or for its caller. */
static struct tb *sampled_tb(struct exec_thread *thread, struct tb *tb)
{
    struct exec *exec = thread->exec;
    bool is_indirect = thread->vcpu.exit_reason == VCPU_EXIT_PC;
    struct tb *function = is_indirect ? function_called_before(thread, tb->pc, tb->mode) : NULL;
    if (function && !is_refused(exec, function))
        return function;
    if (!is_refused(exec, tb))
        return tb;
    function = function_around(exec, tb);
    if (function && !is_refused(exec, function))
        return function;
    uint64_t return_pc = thread->vcpu.reg[exec->config.isa->return_reg];
    struct tb *caller = tb_find(exec->cache, return_pc, tb->mode);
    return caller ? caller : tb;
}

/* Counts one recent sample of all, whosever it is. */
static void count_recent(struct sampler *sampler)
{
    if (++sampler->recent < 2 * RECENT_SAMPLES)
        return;
    sampler->recent /= 2;
    sampler->halvings++;
}

/* Counts one of the block. */
static void count_sample(struct exec *exec, struct tb_profile *profile)
{
    uint32_t halvings = exec->sampler.halvings - profile->halvings;
    profile->halvings = exec->sampler.halvings;
    profile->recent_samples = (halvings < 32 ? profile->recent_samples >> halvings : 0) + 1;
    profile->samples++;
}

/* Is the block worth a look, by its share of the recent samples or by having had many in all? */
static bool is_hot(const struct exec *exec, const struct tb_profile *profile)
{
    uint32_t samples = profile->samples >> profile->doublings;
    uint32_t recent = profile->recent_samples >> profile->doublings;
    return samples >= ENOUGH_SAMPLES ||
           (recent >= HOT_SAMPLES && recent * HOT_SHARE >= exec->sampler.recent);
}

void sampler_note(struct exec_thread *thread, struct tb *tb)
{
    struct exec *exec = thread->exec;
    uint64_t now_ns = exec_time_ns();
    atomic_store_explicit(&thread->vcpu.is_sampled, 0, memory_order_relaxed);
    if (now_ns - atomic_load_explicit(&exec->sampler.raised_ns, memory_order_relaxed) > STALE_NS)
        return;
    tb_lock(exec->cache);
    exec->sampler.samples++;
    count_recent(&exec->sampler);
    struct tb *hot = sampled_tb(thread, tb);
    if (hot->tier == TB_TIER_1 && hot->requested_tier != TB_TIER_NONE) {
        compile_queue_reheat(&exec->queue, hot);
    } else if (hot->tier == TB_TIER_1 && !is_refused(exec, hot)) {
        struct tb_profile *profile = tb_profile(exec->cache, hot);
        if (hot->failed_tier <= TB_TIER_2)
            hot->failed_tier = TB_TIER_COUNT; /* it was */
        count_sample(exec, profile);
        if (is_hot(exec, profile) && !hot->is_counted && budget_allows(exec, hot))
            count_around(thread, hot);
    }
    end_old_groups(thread, now_ns);
    tb_unlock(exec->cache);
}
