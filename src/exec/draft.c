/* Drafts: the first code of a block in tier 1.
 *
 * Most blocks of a program run a few times, and are not worth the IR, passes and plan that their code is
 * otherwise made by. So a block of instructions that all are steps (src/ir/step.h) becomes a draft when
 * it is first met: several times as fast to make, hardly slower to run. It counts its executions, and
 * leaves after DRAFT_RUNS of them to be made as tier 1 makes code otherwise; from there on everything
 * is as without drafts, save that the first executions have been counted. A block with other instructions
 * is a draft made from IR, without passes, up to the last of them. */
#include "src/exec/internal.h"

#include <string.h>

void draft_init(struct exec *exec)
{
    const struct exec_config *config = &exec->config;
    uint32_t shown = EXEC_DUMP_DECODE | EXEC_DUMP_IR | EXEC_DUMP_OPT | EXEC_DUMP_X64 |
                     EXEC_DUMP_REGISTERS;
    bool is_promoted_late = promote_initial_heat(exec, TB_TIER_1) > 4 * DRAFT_RUNS;
    exec->has_drafts = exec_has(exec, FEATURE_drafts) && exec->tier[1]->draft &&
                       config->isa->step && is_promoted_late && !(config->dump & shown);
}

bool draft_is(const struct tb *tb)
{
    const struct tb_code *code = tb->tier == TB_TIER_1 ? tb_code_of(tb, TB_TIER_1) : NULL;
    return code && code->is_draft;
}

uint32_t draft_executions(const struct tb *tb)
{
    int32_t heat = atomic_load_explicit(&tb->heat, memory_order_relaxed);
    return heat < 0 ? DRAFT_RUNS : (uint32_t)(DRAFT_RUNS - heat);
}

/* Has the TB no code yet, and is its block what the guest's code says? Then a draft will do. */
bool draft_is_wanted(struct exec *exec, const struct tb *tb)
{
    return exec->has_drafts && tb->tier == TB_TIER_NONE && !(tb->pc & 1) &&
           !libcalls_has(exec, tb->pc);
}

/* A function that is done at once: whoever calls it is to be checked (libcalls_check_call), and made with
 * it. */
static bool is_done_at_once(void *exec, uint64_t pc)
{
    return libcalls_has(exec, pc);
}

uint32_t draft_rest_insns(struct exec *exec, uint64_t pc)
{
    size_t available_bytes;
    const uint8_t *code = translate_fetch(exec->config.space, pc, &available_bytes);
    uint32_t rest = 0, most = exec->config.max_block_insns;
    size_t at = 0;
    for (uint32_t i = 1; code && i <= most && available_bytes - at >= 4; i++) {
        uint32_t bits;
        memcpy(&bits, code + at, sizeof bits);
        const struct ir_step *step = exec->config.isa->step(bits);
        if (step->op >= STEP_FIRST_END)
            break;
        if (step->op == STEP_none)
            rest = i;
        at += step->size_bytes;
    }
    return rest ? rest : most;
}

bool draft_make(struct exec_thread *thread, struct tb *tb, enum status *ret_status,
                struct error *err)
{
    struct exec *exec = thread->exec;
    uint64_t start_ns = exec->config.is_counting ? exec_time_ns() : 0;
    uint64_t ticks = translate_begin_stage(exec);
    struct tier_draft job = {
        .tb = tb,
        .max_insns = exec->config.max_block_insns,
        .step = exec->config.isa->step,
        .refuses = exec->libcall_count ? is_done_at_once : NULL,
        .context = exec,
    };
    job.bytes = translate_fetch(exec->config.space, tb->pc, &job.available_bytes);
    if (!job.bytes)
        return false;
    atomic_store_explicit(&tb->heat, DRAFT_RUNS, memory_order_relaxed);
    enum status status = exec->tier[1]->draft(exec->tier[1], &job, err);
    translate_end_stage(exec, EXEC_STAGE_COMPILE, &ticks);
    if (status == STATUS_REJECTED)
        return false;
    *ret_status = status;
    if (status != STATUS_OK)
        return true;
    tb->guest_size_bytes = (uint16_t)job.guest_size_bytes;
    tb->guest_length = (uint16_t)job.guest_length;
    translate_account(exec, tb, TB_TIER_1, start_ns);
    exec->drafts_made++;
    return true;
}

bool draft_takes(struct exec_thread *thread, struct tb *tb)
{
    struct exec *exec = thread->exec;
    struct error err;
    tb_lock(exec->cache);
    bool is_taken = draft_is(tb);
    if (is_taken && translate_to_tier1(thread, tb, &err) == STATUS_OK)
        exec->drafts_replaced++;
    tb_unlock(exec->cache);
    return is_taken;
}
