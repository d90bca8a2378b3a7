/* Drafts: the first code of a block in tier 1.
 *
 * Most blocks of a program run a few times, and are not worth the IR, passes and plan that their code is
 * otherwise made by. So a block of instructions that all are steps (src/ir/step.h) becomes a draft when
 * it is first met: several times as fast to make, hardly slower to run. It counts its executions, and
 * leaves after DRAFT_RUNS of them to be made as tier 1 makes code otherwise; from there on everything
 * is as without drafts, save that the first executions have been counted. */
#include "src/exec/internal.h"

void draft_init(struct exec *exec)
{
    const struct exec_config *config = &exec->config;
    uint32_t shown = EXEC_DUMP_DECODE | EXEC_DUMP_IR | EXEC_DUMP_OPT | EXEC_DUMP_X64 |
                     EXEC_DUMP_REGISTERS;
    bool is_promoted_late = promote_initial_heat(exec, TB_TIER_1) > 4 * DRAFT_RUNS;
    exec->has_drafts = exec_has(exec, FEATURE_drafts) && exec->tier[1]->draft &&
                       config->isa->steps && is_promoted_late && !(config->dump & shown);
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
static bool is_wanted(struct exec *exec, const struct tb *tb)
{
    return exec->has_drafts && tb->tier == TB_TIER_NONE && !(tb->pc & 1) &&
           !libcalls_has(exec, tb->pc);
}

static bool read_steps(struct exec *exec, const struct tb *tb, struct ir_steps *ret_steps)
{
    size_t available;
    const uint8_t *bytes = translate_fetch(exec->config.space, tb->pc, &available);
    ret_steps->mode = tb->mode;
    return bytes && exec->config.isa->steps(bytes, available, tb->pc, exec->config.max_block_insns,
                                            ret_steps);
}

/* Does the block call a function at its end that is done at once? Then it is to be checked
 * (libcalls_check_call), and made with it. */
static bool calls_libcall(struct exec *exec, const struct ir_steps *steps)
{
    const struct ir_step *last = &steps->step[steps->count - 1];
    return last->op == STEP_jump && last->detail == IR_BRANCH_CALL &&
           libcalls_has(exec, (uint64_t)last->imm);
}

/* Its direct exits will be looked up when the draft is made, and their code be translated perhaps. */
static void expect_exits(struct exec *exec, const struct ir_steps *steps)
{
    const struct ir_step *last = &steps->step[steps->count - 1];
    translate_expect(exec, steps->guest_pc + steps->guest_size_bytes);
    if (last->op != STEP_jump_reg)
        translate_expect(exec, (uint64_t)last->imm);
}

bool draft_make(struct exec_thread *thread, struct tb *tb, enum status *ret_status,
                struct error *err)
{
    struct exec *exec = thread->exec;
    struct ir_steps steps;
    uint64_t start_ns = exec->config.is_counting ? exec_time_ns() : 0;
    uint64_t ticks = translate_begin_stage(exec);
    if (!is_wanted(exec, tb) || !read_steps(exec, tb, &steps) || calls_libcall(exec, &steps))
        return false;
    translate_end_stage(exec, EXEC_STAGE_DECODE, &ticks);
    expect_exits(exec, &steps);
    tb->guest_size_bytes = (uint16_t)steps.guest_size_bytes;
    tb->guest_length = (uint16_t)steps.guest_length;
    atomic_store_explicit(&tb->heat, DRAFT_RUNS, memory_order_relaxed);
    *ret_status = exec->tier[1]->draft(exec->tier[1], tb, &steps, err);
    translate_end_stage(exec, EXEC_STAGE_COMPILE, &ticks);
    if (*ret_status != STATUS_OK)
        return true;
    const struct ir_step *last = &steps.step[steps.count - 1];
    if (last->op == STEP_jump)
        translate_mark_callee(exec, tb, (uint64_t)last->imm, last->detail == IR_BRANCH_CALL);
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
