/* Bisection of a difference that lockstep has found.
 *
 * The failing step is repeated from its own start (registers and pages are kept) with the code
 * compiled anew each time, one thing switched off: an optimiser pass, the rest of LLVM's pipeline
 * from some step on, a block of the region. Only the failing TB is run by the candidate in a trial;
 * what a trial leaves out of it the reference runs alone. So each answer is about that TB. Answers
 * are "agrees", "differs", and "fails" when the changed code cannot be compiled or run. */
#include "src/exec/lockstep.h"

#include <inttypes.h>

enum { MAX_IDLE = 4, MAX_BLOCKS = 64 };

enum answer { AGREES, DIFFERS, FAILED };

static const char *const answer_text[] = {
    [AGREES] = "agrees", [DIFFERS] = "differs", [FAILED] = "fails"};

/* ---- one trial ---- */

/* The TB whose compile gives the failing code: regions with several entries have a root. */
static uint64_t root_of(const struct bisection *bisection)
{
    const struct lockstep *lockstep = bisection->lockstep;
    bool has_root = bisection->level >= TB_TIER_2 && !bisection->is_alone;
    for (uint32_t i = 0; has_root && i < lockstep->root_count; i++)
        if (lockstep->roots[i].entry_pc == bisection->pc)
            return lockstep->roots[i].root_pc;
    return bisection->pc;
}

static uint32_t mode_of(const struct bisection *bisection)
{
    return tb_mode_of_frm(bisection->start.frm);
}

bool bisection_recompile(struct bisection *bisection)
{
    struct lockstep *lockstep = bisection->lockstep;
    struct exec *exec = lockstep->exec;
    struct error err;
    enum status status = STATUS_REJECTED;
    tb_lock(exec->cache);
    struct tb *tb = tb_reference(exec->cache, root_of(bisection), mode_of(bisection));
    if (tb && bisection->level < TB_TIER_2)
        tb_drop(exec->cache, tb);
    tb_unlock(exec->cache);
    if (!tb)
        return false;
    if (bisection->level < TB_TIER_2)
        return translate_at(lockstep->candidate, tb->pc, NULL, &status, &err) != NULL;
    static const struct region_trial unchanged = {0};
    const struct region_trial *trial = exec->region_trial;
    exec->region_trial = trial ? trial : &unchanged;
    status = promote_now(lockstep->candidate, tb, bisection->level, &err);
    exec->region_trial = trial;
    return status == STATUS_OK;
}

/* One step of the trial; FAILED also stands for a step that did nothing. */
static enum answer trial_step(struct bisection *bisection)
{
    struct lockstep *lockstep = bisection->lockstep;
    struct exec_thread *candidate = lockstep->candidate;
    struct error err;
    enum status status;
    if (candidate->vcpu.pc != bisection->pc)
        return lockstep_step_alone(lockstep, &err) == STATUS_OK ? AGREES : FAILED;
    struct tb *tb = translate_at(candidate, bisection->pc, NULL, &status, &err);
    if (!tb || tb->tier != bisection->level)
        return FAILED;
    for (int i = 0; i < MAX_IDLE; i++) {
        bool is_agreed;
        atomic_store_explicit(&candidate->vcpu.pending, 0, memory_order_relaxed);
        if (lockstep_step(lockstep, tb, &is_agreed, &err) != STATUS_OK)
            return FAILED;
        if (!lockstep_is_idle(lockstep))
            return is_agreed ? AGREES : DIFFERS;
    }
    return FAILED;
}

/* The failing instructions once more, from the step's start. */
static enum answer repeat(struct bisection *bisection)
{
    struct lockstep *lockstep = bisection->lockstep;
    lockstep_pages_restore_base(&lockstep->pages);
    lockstep_load_state(&lockstep->candidate->vcpu, &bisection->start);
    lockstep->reference_start = bisection->reference_start;
    lockstep->tainted = bisection->tainted;
    uint64_t done = 0;
    while (done < bisection->insns) {
        enum answer answer = trial_step(bisection);
        if (answer != AGREES)
            return answer;
        if (lockstep->made.end != LOCKSTEP_JUMP)
            break;
        done += lockstep->made.insns;
    }
    return AGREES;
}

static enum answer try(struct bisection *bisection)
{
    return bisection_recompile(bisection) ? repeat(bisection) : FAILED;
}

/* ---- a shorter step ---- */

/* The latest step is the failing one. */
static void take_step(struct bisection *bisection)
{
    struct lockstep *lockstep = bisection->lockstep;
    uint64_t made = lockstep->made.insns, replayed = lockstep->replayed.insns;
    bisection->start = lockstep->start;
    bisection->reference_start = lockstep->reference_start;
    bisection->tainted = lockstep->tainted;
    bisection->insns = made > replayed ? made : replayed;
    lockstep_pages_take_base(&lockstep->pages);
}

bool bisection_shorten(struct bisection *bisection)
{
    struct lockstep *lockstep = bisection->lockstep;
    uint32_t polls = lockstep->polls;
    take_step(bisection);
    if (bisection->level < TB_TIER_2)
        return false;
    for (lockstep->polls = 1; lockstep->polls < polls; lockstep->polls *= 2) {
        if (try(bisection) == DIFFERS) {
            take_step(bisection);
            return true;
        }
    }
    lockstep->polls = polls;
    try(bisection); /* for its trace */
    return false;
}

/* ---- optimiser passes ---- */

static void bisect_passes(struct bisection *bisection)
{
    struct exec_config *config = &bisection->lockstep->exec->config;
    uint32_t passes = config->opt_passes;
    fprintf(bisection->out, "optimiser passes (--opt):\n");
    config->opt_passes = OPT_NONE;
    fprintf(bisection->out, "  all off: %s\n", answer_text[try(bisection)]);
    for (int i = 0; i < OPT_PASS_COUNT; i++) {
        if (!(passes >> i & 1))
            continue;
        config->opt_passes = passes & ~(1u << i);
        enum answer answer = try(bisection);
        fprintf(bisection->out, "  without %s: %s%s\n", opt_pass_name[i], answer_text[answer],
                answer == AGREES ? "  <- makes the difference appear" : "");
    }
    config->opt_passes = passes;
}

/* ---- LLVM's pipeline ---- */

static enum answer try_pipeline(struct bisection *bisection, struct tier_trial *trial)
{
    struct region_trial region_trial = {.pipeline = trial};
    bisection->lockstep->exec->region_trial = &region_trial;
    enum answer answer = try(bisection);
    bisection->lockstep->exec->region_trial = NULL;
    return answer;
}

static void bisect_pipeline(struct bisection *bisection)
{
    struct tier_trial trial = {.pipeline_limit = UINT32_MAX};
    FILE *out = bisection->out;
    enum answer whole = try_pipeline(bisection, &trial);
    fprintf(out, "LLVM pipeline of %" PRIu32 " steps:\n", trial.pipeline_steps);
    if (whole != DIFFERS) {
        fprintf(out, "  step by step: %s\n", answer_text[whole]);
        return;
    }
    uint32_t low = 0, high = trial.pipeline_steps;
    trial.pipeline_limit = 0;
    enum answer none = try_pipeline(bisection, &trial);
    fprintf(out, "  no step: %s\n", answer_text[none]);
    if (none != AGREES) {
        fprintf(out, "  <- the lowering to LLVM, or LLVM's code generator\n");
        return;
    }
    while (high - low > 1) { /* low steps agree, high steps differ */
        trial.pipeline_limit = (low + high) / 2;
        if (try_pipeline(bisection, &trial) == AGREES)
            low = trial.pipeline_limit;
        else
            high = trial.pipeline_limit;
    }
    trial.pipeline_limit = high;
    try_pipeline(bisection, &trial);
    fprintf(out,
            "  the first %" PRIu32 ": agrees; with step %" PRIu32
            ", %s: differs  <- makes the difference appear\n",
            low, high, trial.step);
}

/* ---- blocks of the region ---- */

static enum answer try_region(struct bisection *bisection, struct region_trial region_trial)
{
    bisection->lockstep->exec->region_trial = &region_trial;
    enum answer answer = try(bisection);
    bisection->lockstep->exec->region_trial = NULL;
    return answer;
}

/* The different pcs of the trace but the entry's own. */
static uint32_t blocks_of_trace(const struct bisection *bisection, uint64_t pcs[MAX_BLOCKS])
{
    const struct lockstep *lockstep = bisection->lockstep;
    uint32_t count = 0;
    for (uint32_t i = 0; i < lockstep->trace_count && i < LOCKSTEP_MAX_TRACE; i++) {
        bool is_known = lockstep->trace[i] == bisection->pc;
        for (uint32_t j = 0; j < count; j++)
            is_known |= pcs[j] == lockstep->trace[i];
        if (!is_known && count < MAX_BLOCKS)
            pcs[count++] = lockstep->trace[i];
    }
    return count;
}

/* Only this block in the candidate, as a region of its own. */
static enum answer try_alone(const struct bisection *bisection, uint64_t pc)
{
    struct bisection alone = *bisection;
    alone.pc = pc;
    alone.is_alone = true;
    return try_region(&alone, (struct region_trial){.is_single = true});
}

static void bisect_blocks(struct bisection *bisection)
{
    uint64_t pcs[MAX_BLOCKS];
    uint32_t count = blocks_of_trace(bisection, pcs);
    FILE *out = bisection->out;
    fprintf(out, "blocks of the region that were run:\n  %-14s switched off  compiled alone\n",
            "pc");
    fprintf(out, "  0x%-12" PRIx64 " (entry)       %s\n", bisection->pc,
            answer_text[try_alone(bisection, bisection->pc)]);
    for (uint32_t i = 0; i < count; i++) {
        enum answer off = try_region(bisection, (struct region_trial){.excluded_pc = pcs[i]});
        enum answer alone = try_alone(bisection, pcs[i]);
        fprintf(out, "  0x%-12" PRIx64 " %-13s %s\n", pcs[i], answer_text[off], answer_text[alone]);
    }
}

void bisection_run(struct bisection *bisection)
{
    enum answer again = try(bisection);
    fprintf(bisection->out, "compiled again, from the same state: %s\n", answer_text[again]);
    if (again != DIFFERS) {
        fprintf(bisection->out, "  so there is nothing to bisect\n");
        return;
    }
    if (bisection->level >= TB_TIER_2)
        bisect_blocks(bisection);
    bisect_passes(bisection);
    if (bisection->level >= TB_TIER_2)
        bisect_pipeline(bisection);
}
