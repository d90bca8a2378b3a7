/* Lockstep: two tiers run the same guest code, one after the other from the same state, and must
 * leave the same behind.
 *
 * The candidate (the higher tier) is the ordinary engine with its chaining and caches off, so that
 * it comes back after every block or region. The reference is a second engine of a lower tier on
 * the same guest memory, with the optimiser off. One step, from one boundary to the next: the
 * candidate runs; memory goes back to the boundary; the reference runs block by block for as many
 * guest instructions; registers, fcsr, the end and all written pages must agree.
 *
 * Instructions are counted by the generated code itself, block by block, so the boundaries match
 * exactly: where the candidate's code ends amid a block (drafts) the reference runs a part of it.
 * Regions leave after a number of polls, so steps stay short. System calls, faults and signals happen
 * between steps, once. What the guest reads from counters is recorded and replayed.
 * A region that leaves at a poll may leave anything in registers that are dead there. Each side
 * keeps its own value then, and the difference is borne until one of them writes the register: if
 * the candidate reads it after all, what it computes from it differs.
 * Two kinds of steps only the reference makes (they count as unchecked): one in which a region
 * overwrote translated code, since it may go on with what it was made from; and the block of a
 * fault in a region that keeps no exact state there, whose pc and address are compared all the
 * same. */
#include "src/exec/lockstep.h"

#include "src/base/check.h"
#include "src/ir/fp.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_INSNS_TO_FAULT = 1 << 24, MAX_IDLE_STEPS = 16 };

/* ---- set-up ---- */

/* One tier's name; NULL when it is none. */
static const char *parse_tier(const char *text, enum tb_tier *ret_tier)
{
    text += *text == 'T';
    if (*text < '0' || *text > '3')
        return NULL;
    *ret_tier = (enum tb_tier)(*text - '0');
    return text + 1;
}

enum status lockstep_parse(const char *text, struct lockstep_pair *ret_pair, struct error *err)
{
    enum tb_tier reference = TB_TIER_0, candidate = TB_TIER_0;
    const char *rest = parse_tier(text, &reference);
    if (rest && *rest == ',')
        rest = parse_tier(rest + 1, &candidate);
    else
        rest = NULL;
    if (!rest || *rest || reference > TB_TIER_1 || candidate <= reference)
        return error_set(err, STATUS_BAD_OPTION,
                         "lockstep takes T0,T1, T0,T2, T1,T2, T0,T3 or T1,T3, not '%s'", text);
    *ret_pair = (struct lockstep_pair){true, reference, candidate};
    return STATUS_OK;
}

/* Without routines: they do as many iterations as the host's pages allow, which differs between the
 * two runs of a step, and count no instructions. */
void lockstep_configure(struct exec_config *config)
{
    bool is_region = config->lockstep.candidate >= TB_TIER_2;
    config->features &= ~(1u << FEATURE_chaining | 1u << FEATURE_inline_cache |
                          1u << FEATURE_jump_cache | 1u << FEATURE_routines |
                          1u << FEATURE_libcalls);
    config->opt_passes &= ~(1u << OPT_join); /* it faults early */
    config->jit_threads = 0;
    config->is_counting = true;
    config->threshold[TB_TIER_1] = 0;
    if (!is_region)
        config->mode = EXEC_TIER1;
    else
        config->mode = config->threshold[TB_TIER_2] ? EXEC_AUTO : EXEC_TIER2;
}

static uint64_t get_counter(struct vcpu *vcpu, uint64_t a, uint64_t b, uint64_t c, uint64_t desc)
{
    struct lockstep *lockstep = ((struct exec_thread *)vcpu->owner)->exec->lockstep;
    struct lockstep_counters *counters = &lockstep->counters;
    if (lockstep->is_replaying && counters->replayed < counters->count)
        return counters->values[counters->replayed++];
    uint64_t value = lockstep->get_counter(vcpu, a, b, c, desc);
    if (lockstep->is_replaying)
        return value;
    if (counters->count == counters->capacity) {
        counters->capacity = counters->capacity ? counters->capacity * 2 : 64;
        counters->values = realloc(counters->values, counters->capacity * sizeof(uint64_t));
        CHECK(counters->values, "out of memory");
    }
    return counters->values[counters->count++] = value;
}

enum status lockstep_create(struct exec *exec, const struct exec_tiers *tiers, struct error *err)
{
    struct exec_config config = exec->config;
    if (config.lockstep.candidate >= TB_TIER_2 && !config.tier2_module)
        return error_set(err, STATUS_BAD_OPTION, "lockstep with tier 2: built without LLVM");
    config.mode = config.lockstep.reference == TB_TIER_0 ? EXEC_TIER0 : EXEC_TIER1;
    config.opt_passes = OPT_NONE;
    config.features &= ~(1u << FEATURE_drafts | 1u << FEATURE_superblocks); /* it runs the IR of a block */
    config.dump = 0;
    config.lockstep.is_on = false;
    struct exec *replayer;
    enum status status = exec_create(&config, tiers, &replayer, err);
    if (status != STATUS_OK)
        return status;
    struct lockstep *lockstep = calloc(1, sizeof *lockstep);
    CHECK(lockstep, "out of memory");
    lockstep->pair = exec->config.lockstep;
    lockstep->exec = exec;
    lockstep->replayer = replayer;
    lockstep->polls = LOCKSTEP_DEFAULT_POLLS;
    lockstep_pages_init(&lockstep->pages, config.space);
    struct vcpu *vcpu = exec_vcpu_create(replayer);
    lockstep->reference = vcpu->owner;
    lockstep->get_counter = vcpu->helper[HELPER_GET_COUNTER];
    vcpu->helper[HELPER_GET_COUNTER] = get_counter;
    replayer->lockstep = exec->lockstep = lockstep;
    return STATUS_OK;
}

void lockstep_destroy(struct lockstep **lockstep_place)
{
    struct lockstep *lockstep = *lockstep_place;
    struct vcpu *vcpu = &lockstep->reference->vcpu;
    exec_vcpu_destroy(&vcpu);
    exec_destroy(&lockstep->replayer);
    lockstep_pages_fini(&lockstep->pages);
    free(lockstep->counters.values);
    free(lockstep->roots);
    free(lockstep);
    *lockstep_place = NULL;
}

/* ---- what the engine tells ---- */

bool lockstep_write_fault(struct lockstep *lockstep, uint64_t addr)
{
    return lockstep_pages_fault(&lockstep->pages, addr);
}

void lockstep_drop_range(struct lockstep *lockstep, uint64_t addr, uint64_t size_bytes)
{
    struct tb_cache *cache = lockstep->replayer->cache;
    tb_lock(cache);
    tb_drop_range(cache, addr, size_bytes);
    tb_unlock(cache);
}

uint32_t lockstep_polls(const struct lockstep *lockstep)
{
    return lockstep->polls;
}

static void note_root(struct lockstep *lockstep, uint64_t entry_pc, uint64_t root_pc)
{
    for (uint32_t i = 0; i < lockstep->root_count; i++) {
        if (lockstep->roots[i].entry_pc == entry_pc) {
            lockstep->roots[i].root_pc = root_pc;
            return;
        }
    }
    if (lockstep->root_count == lockstep->root_capacity) {
        lockstep->root_capacity = lockstep->root_capacity ? lockstep->root_capacity * 2 : 64;
        lockstep->roots =
            realloc(lockstep->roots, lockstep->root_capacity * sizeof *lockstep->roots);
        CHECK(lockstep->roots, "out of memory");
    }
    lockstep->roots[lockstep->root_count++] = (struct lockstep_root){entry_pc, root_pc};
}

void lockstep_note_region(struct lockstep *lockstep, const struct ir_region *region)
{
    if (!region->is_dispatching) {
        note_root(lockstep, region->guest_pc, region->guest_pc);
        return;
    }
    for (uint32_t i = 0; i < region->nodes[0].edge_count; i++)
        note_root(lockstep, region->nodes[0].edges[i].pc, region->guest_pc);
}

/* ---- states ---- */

static void save_state(const struct vcpu *vcpu, struct lockstep_state *ret_state)
{
    memcpy(ret_state->compared.reg, vcpu->reg, sizeof vcpu->reg);
    ret_state->compared.pc = vcpu->pc;
    ret_state->compared.fcsr = vcpu_fcsr(vcpu);
    ret_state->compared.reservation_address = vcpu->reservation_address;
    ret_state->compared.reservation_value = vcpu->reservation_value;
    ret_state->mxcsr = vcpu->mxcsr;
    ret_state->frm = vcpu->frm;
}

void lockstep_load_state(struct vcpu *vcpu, const struct lockstep_state *state)
{
    memcpy(vcpu->reg, state->compared.reg, sizeof vcpu->reg);
    vcpu->pc = state->compared.pc;
    vcpu->reservation_address = state->compared.reservation_address;
    vcpu->reservation_value = state->compared.reservation_value;
    vcpu->mxcsr = state->mxcsr;
    vcpu->frm = state->frm;
}

static uint64_t insns_of(const struct vcpu *vcpu)
{
    uint64_t insns = 0;
    for (int tier = COUNTER_INSNS_TIER0; tier <= COUNTER_INSNS_TIER3; tier++)
        insns += vcpu->counter[tier];
    return insns;
}

static enum lockstep_end end_of(const struct vcpu *vcpu)
{
    switch ((enum vcpu_exit)vcpu->exit_reason) {
    case VCPU_EXIT_TRAP:
        return LOCKSTEP_TRAP;
    case VCPU_EXIT_FAULT:
        return LOCKSTEP_FAULT;
    case VCPU_EXIT_TB:
    case VCPU_EXIT_PC:
    case VCPU_EXIT_INDIRECT:
    case VCPU_EXIT_PROMOTE:
    case VCPU_EXIT_PROMOTE_PC:
    case VCPU_EXIT_UNGUARD:
        break;
    }
    return LOCKSTEP_JUMP;
}

static void read_outcome(struct exec_thread *thread, uint64_t insns_before,
                         struct lockstep_outcome *ret_outcome)
{
    struct vcpu *vcpu = &thread->vcpu;
    if (vcpu->exit_reason == VCPU_EXIT_TB || vcpu->exit_reason == VCPU_EXIT_PROMOTE)
        vcpu->pc = vcpu->exit_tb->pc;
    save_state(vcpu, &ret_outcome->state);
    ret_outcome->end = end_of(vcpu);
    ret_outcome->trap = ret_outcome->end == LOCKSTEP_TRAP ? vcpu->exit_trap : IR_TRAP_NONE;
    ret_outcome->fault = (struct guest_fault){0};
    if (ret_outcome->end == LOCKSTEP_FAULT)
        ret_outcome->fault = thread->fault;
    ret_outcome->insns = insns_of(vcpu) - insns_before;
}

/* The candidate goes on from what the reference has done. */
static void adopt_replay(struct lockstep *lockstep)
{
    struct exec_thread *thread = lockstep->candidate;
    const struct lockstep_outcome *replayed = &lockstep->replayed;
    lockstep->tainted = 0;
    lockstep_load_state(&thread->vcpu, &replayed->state);
    switch (replayed->end) {
    case LOCKSTEP_JUMP:
        thread->vcpu.exit_reason = VCPU_EXIT_PC;
        break;
    case LOCKSTEP_TRAP:
        thread->vcpu.exit_reason = VCPU_EXIT_TRAP;
        thread->vcpu.exit_trap = replayed->trap;
        break;
    case LOCKSTEP_FAULT:
        thread->vcpu.exit_reason = VCPU_EXIT_FAULT;
        thread->fault = replayed->fault;
        break;
    }
}

/* ---- one step ---- */

static void run_side(struct exec_thread *thread, struct tb *tb)
{
    fault_set_thread(thread);
    if (sigsetjmp(thread->tier0_escape, 0) == 0)
        loop_run_tb(thread, tb);
    else
        loop_leave_tier0(thread);
}

/* How far the reference goes. */
enum replay {
    REPLAY_EXACTLY,  /* as many instructions as the candidate */
    REPLAY_TO_FAULT, /* to the fault that the candidate met at a place unknown */
    REPLAY_ONE_BLOCK,
};

static bool is_replayed(const struct lockstep *lockstep, enum replay replay)
{
    const struct lockstep_outcome *made = &lockstep->made, *replayed = &lockstep->replayed;
    if (replayed->end != LOCKSTEP_JUMP)
        return true;
    switch (replay) {
    case REPLAY_EXACTLY:
        /* A block that only traps counts no instruction. */
        return made->end == LOCKSTEP_JUMP ? replayed->insns >= made->insns
                                          : replayed->insns > made->insns;
    case REPLAY_TO_FAULT:
        return replayed->insns > MAX_INSNS_TO_FAULT;
    case REPLAY_ONE_BLOCK:
        return true;
    }
    return true;
}

static void drop_in_reference(struct exec_thread *reference, struct tb *tb)
{
    tb_lock(reference->exec->cache);
    tb_drop(reference->exec->cache, tb);
    tb_unlock(reference->exec->cache);
}

/* The reference's next block; *ret_is_part: made for this once, since the candidate left amid it. NULL: see
 * *ret_status. */
static struct tb *next_in_reference(struct lockstep *lockstep, uint64_t insns_done, bool *ret_is_part,
                                    enum status *ret_status, struct error *err)
{
    struct exec_thread *reference = lockstep->reference;
    struct tb *tb = translate_at(reference, reference->vcpu.pc, NULL, ret_status, err);
    uint64_t left = lockstep->made.insns - insns_done;
    *ret_is_part = tb && 0 < left && left < tb->guest_length;
    if (!*ret_is_part)
        return tb;
    uint32_t *limit = &reference->exec->config.max_block_insns, most = *limit;
    drop_in_reference(reference, tb);
    *limit = (uint32_t)left;
    tb = translate_at(reference, reference->vcpu.pc, NULL, ret_status, err);
    *limit = most;
    return tb;
}

static enum status run_reference(struct lockstep *lockstep, enum replay replay, struct error *err)
{
    struct exec_thread *reference = lockstep->reference;
    struct vcpu *vcpu = &reference->vcpu;
    uint64_t before = insns_of(vcpu);
    lockstep_load_state(vcpu, &lockstep->reference_start);
    lockstep->is_replaying = true;
    lockstep->counters.replayed = 0;
    lockstep->trace_count = 0;
    enum status status;
    do {
        bool is_part = false;
        struct tb *tb =
            replay == REPLAY_EXACTLY
                ? next_in_reference(lockstep, insns_of(vcpu) - before, &is_part, &status, err)
                : translate_at(reference, vcpu->pc, NULL, &status, err);
        if (!tb)
            break;
        if (lockstep->trace_count < LOCKSTEP_MAX_TRACE)
            lockstep->trace[lockstep->trace_count] = vcpu->pc;
        lockstep->trace_count++;
        atomic_store_explicit(&vcpu->pending, 0, memory_order_relaxed);
        run_side(reference, tb);
        read_outcome(reference, before, &lockstep->replayed);
        if (is_part)
            drop_in_reference(reference, tb);
    } while (!is_replayed(lockstep, replay));
    lockstep->is_replaying = false;
    /* Something may be mapped there the next time. */
    if (status == STATUS_OK && lockstep->replayed.trap == IR_TRAP_FETCH)
        lockstep_drop_range(lockstep, vcpu->pc, 1);
    return status;
}

/* In a region without exact state at faults only the fault itself is compared. */
static bool is_fault_inexact(const struct lockstep *lockstep)
{
    return lockstep->made.end == LOCKSTEP_FAULT && !lockstep->made.fault.is_state_exact;
}

static bool is_same_fault(const struct guest_fault *a, const struct guest_fault *b)
{
    return a->kind == b->kind && a->pc == b->pc && a->address == b->address &&
           a->is_write == b->is_write;
}

/* The registers that differ and may not: not those that are dead at a region's poll, nor those that
 * were and have not been written since. */
static uint64_t differing_regs(struct lockstep *lockstep)
{
    const uint64_t *made = lockstep->made.state.compared.reg;
    const uint64_t *replayed = lockstep->replayed.state.compared.reg;
    uint64_t differing = 0, unwritten = 0;
    for (unsigned i = 0; i < IR_GUEST_REGS; i++) {
        differing |= (uint64_t)(made[i] != replayed[i]) << i;
        unwritten |= (uint64_t)(made[i] == lockstep->start.compared.reg[i] &&
                                replayed[i] == lockstep->reference_start.compared.reg[i])
                     << i;
    }
    lockstep->tolerated =
        differing & (~lockstep->candidate->vcpu.exit_live | (lockstep->tainted & unwritten));
    return differing & ~lockstep->tolerated;
}

static bool is_same_state(struct lockstep *lockstep)
{
    const struct lockstep_compared *made = &lockstep->made.state.compared;
    const struct lockstep_compared *replayed = &lockstep->replayed.state.compared;
    lockstep->tolerated = 0;
    if (memcmp(made, replayed, sizeof *made) == 0)
        return true;
    return made->pc == replayed->pc && made->fcsr == replayed->fcsr &&
           made->reservation_address == replayed->reservation_address &&
           made->reservation_value == replayed->reservation_value && differing_regs(lockstep) == 0;
}

static bool agrees(struct lockstep *lockstep)
{
    const struct lockstep_outcome *made = &lockstep->made, *replayed = &lockstep->replayed;
    if (made->end != replayed->end || made->trap != replayed->trap ||
        !is_same_fault(&made->fault, &replayed->fault))
        return false;
    if (is_fault_inexact(lockstep))
        return true;
    return made->insns == replayed->insns && is_same_state(lockstep) &&
           lockstep_pages_agree(&lockstep->pages);
}

bool lockstep_is_idle(const struct lockstep *lockstep)
{
    return lockstep->made.end == LOCKSTEP_JUMP && lockstep->made.insns == 0;
}

static void begin_step(struct lockstep *lockstep)
{
    struct vcpu *vcpu = &lockstep->candidate->vcpu;
    save_state(vcpu, &lockstep->start);
    if (!lockstep->tainted)
        lockstep->reference_start = lockstep->start;
    vcpu->exit_live = UINT64_MAX;
    lockstep->tolerated = 0;
    lockstep->start_insns = insns_of(vcpu);
    lockstep->counters.count = 0;
}

/* The step that has begun, by the reference alone, for one block. */
static enum status go_alone(struct lockstep *lockstep, struct error *err)
{
    lockstep->unchecked++;
    enum status status = run_reference(lockstep, REPLAY_ONE_BLOCK, err);
    if (status != STATUS_OK)
        return status;
    lockstep->insns += lockstep->replayed.insns;
    lockstep->made = lockstep->replayed;
    lockstep_pages_commit(&lockstep->pages, false);
    adopt_replay(lockstep);
    return STATUS_OK;
}

enum status lockstep_step_alone(struct lockstep *lockstep, struct error *err)
{
    begin_step(lockstep);
    return go_alone(lockstep, err);
}

enum status lockstep_step(struct lockstep *lockstep, struct tb *tb, bool *ret_agrees,
                          struct error *err)
{
    struct exec_thread *candidate = lockstep->candidate;
    bool is_region = tb->tier >= TB_TIER_2;
    uint64_t generation = lockstep->exec->cache->generation;
    *ret_agrees = true;
    begin_step(lockstep);
    run_side(candidate, tb);
    read_outcome(candidate, lockstep->start_insns, &lockstep->made);
    if (lockstep_is_idle(lockstep))
        return STATUS_OK;
    lockstep_pages_rewind(&lockstep->pages);
    if (is_region && generation != lockstep->exec->cache->generation)
        return go_alone(lockstep, err);
    bool is_inexact = is_fault_inexact(lockstep);
    enum status status =
        run_reference(lockstep, is_inexact ? REPLAY_TO_FAULT : REPLAY_EXACTLY, err);
    if (status != STATUS_OK)
        return status;
    *ret_agrees = agrees(lockstep);
    if (!*ret_agrees)
        return STATUS_OK;
    lockstep->steps++;
    lockstep->insns += lockstep->replayed.insns;
    lockstep->unchecked += is_inexact;
    lockstep_pages_commit(&lockstep->pages, !is_inexact);
    lockstep->reference_start = lockstep->replayed.state;
    lockstep->tainted = lockstep->tolerated;
    if (is_inexact)
        adopt_replay(lockstep);
    return STATUS_OK;
}

/* ---- the loop ---- */

/* Regions of tier 3 are made at once from what is hot enough for tier 2. */
static void raise_tier(struct lockstep *lockstep, struct tb *tb)
{
    struct error err;
    if (lockstep->pair.candidate == TB_TIER_3 && tb->tier == TB_TIER_2 &&
        tb->failed_tier > TB_TIER_3)
        promote_now(lockstep->candidate, tb, TB_TIER_3, &err);
}

/* The operating system may look at all memory and change it. */
static enum os_action let_system_act(struct lockstep *lockstep, struct turn *turn)
{
    lockstep->tainted = 0;
    lockstep_pages_release(&lockstep->pages);
    enum os_action action = loop_after_exit(lockstep->candidate, turn);
    lockstep_pages_protect(&lockstep->pages);
    return action;
}

static enum os_action finish_step(struct lockstep *lockstep, struct turn *turn)
{
    struct vcpu *vcpu = &lockstep->candidate->vcpu;
    if (end_of(vcpu) != LOCKSTEP_JUMP)
        return let_system_act(lockstep, turn);
    return loop_after_exit(lockstep->candidate, turn);
}

static enum os_action handle_pending(struct lockstep *lockstep)
{
    struct vcpu *vcpu = &lockstep->candidate->vcpu;
    if (!atomic_load_explicit(&vcpu->pending, memory_order_relaxed))
        return OS_CONTINUE;
    lockstep->tainted = 0;
    lockstep_pages_release(&lockstep->pages);
    enum os_action action = loop_handle_pending(lockstep->candidate);
    lockstep_pages_protect(&lockstep->pages);
    return action;
}

static enum status report_difference(struct lockstep *lockstep, uint64_t pc, struct error *err)
{
    uint64_t steps = lockstep->steps + 1, insns = lockstep->insns;
    lockstep_report(lockstep, pc);
    return error_set(err, STATUS_DIFFERENT,
                     "lockstep: tier %d disagrees with tier %d at boundary %" PRIu64
                     ", after %" PRIu64 " guest instructions, in the code at pc 0x%" PRIx64,
                     lockstep->pair.candidate, lockstep->pair.reference, steps, insns, pc);
}

static enum status run_loop(struct lockstep *lockstep, struct error *err)
{
    struct vcpu *vcpu = &lockstep->candidate->vcpu;
    struct turn turn = {0};
    unsigned idle = 0;
    for (;;) {
        enum status status;
        bool is_agreed;
        if (handle_pending(lockstep) == OS_EXIT)
            return STATUS_OK;
        uint64_t pc = vcpu->pc;
        struct tb *tb = translate_at(lockstep->candidate, pc, NULL, &status, err);
        if (!tb)
            return status;
        loop_fill_indirect(lockstep->candidate, &turn, tb);
        raise_tier(lockstep, tb);
        status = lockstep_step(lockstep, tb, &is_agreed, err);
        if (status != STATUS_OK)
            return status;
        if (!is_agreed)
            return report_difference(lockstep, pc, err);
        idle = lockstep_is_idle(lockstep) ? idle + 1 : 0;
        CHECK(idle < MAX_IDLE_STEPS, "lockstep makes no progress");
        if (finish_step(lockstep, &turn) == OS_EXIT)
            return STATUS_OK;
    }
}

enum status lockstep_run(struct exec *exec, struct vcpu *vcpu, struct error *err)
{
    struct lockstep *lockstep = exec->lockstep;
    lockstep->candidate = vcpu->owner;
    vcpu->helper[HELPER_GET_COUNTER] = get_counter;
    lockstep_pages_protect(&lockstep->pages);
    enum status status = run_loop(lockstep, err);
    lockstep_pages_release(&lockstep->pages);
    fault_set_thread(NULL);
    return status;
}

void exec_lockstep_summary(const struct exec *exec, char *text, size_t text_size)
{
    const struct lockstep *lockstep = exec->lockstep;
    snprintf(text, text_size,
             "lockstep T%d,T%d: no difference at %" PRIu64 " boundaries, %" PRIu64
             " guest instructions, %" PRIu64 " steps unchecked",
             lockstep->pair.reference, lockstep->pair.candidate, lockstep->steps, lockstep->insns,
             lockstep->unchecked);
}
