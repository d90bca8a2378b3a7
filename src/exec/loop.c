/* The loop: runs a TB, looks at why it came back, and finds the next one.
 *
 * At the top of the loop vcpu->pc is the next guest instruction and all guest state is in the vcpu.
 * Everything that is not an ordinary jump is decided here: traps, faults, pending work. */
#include "src/exec/internal.h"

#include "src/base/check.h"

enum { OBSERVATIONS = 256 }; /* of an indirect exit that is looked at */

static enum os_action report_fault(struct exec_thread *thread, enum guest_fault_kind kind)
{
    struct exec *exec = thread->exec;
    struct guest_fault fault = {
        .kind = kind, .pc = thread->vcpu.pc, .address = thread->vcpu.pc, .is_state_exact = true};
    return exec->config.os_ops->fault(exec->config.os, &thread->vcpu, &fault);
}

/* The guest asked for its instruction fetches to see earlier stores. Watched pages have already
 * dropped what was overwritten; what remains stale are cached entries. */
static enum os_action after_fence_i(struct exec_thread *thread)
{
    vcpu_flush_jump_cache(&thread->vcpu);
    return OS_CONTINUE;
}

/* The block that reports it goes: something may be mapped there the next time. */
static enum os_action report_fetch_fault(struct exec_thread *thread)
{
    struct tb_cache *cache = thread->exec->cache;
    tb_lock(cache);
    struct tb *tb = tb_find(cache, thread->vcpu.pc, tb_mode_of_frm(thread->vcpu.frm));
    if (tb)
        tb_drop(cache, tb);
    tb_unlock(cache);
    return report_fault(thread, GUEST_FAULT_FETCH);
}

static enum os_action handle_trap(struct exec_thread *thread)
{
    struct exec *exec = thread->exec;
    switch ((enum ir_trap)thread->vcpu.exit_trap) {
    case IR_TRAP_ECALL:
        return exec->config.os_ops->syscall(exec->config.os, &thread->vcpu);
    case IR_TRAP_EBREAK:
        return report_fault(thread, GUEST_FAULT_BREAKPOINT);
    case IR_TRAP_ILLEGAL:
        return report_fault(thread, GUEST_FAULT_ILLEGAL);
    case IR_TRAP_MISALIGNED:
        return report_fault(thread, GUEST_FAULT_BUS);
    case IR_TRAP_FETCH:
        return report_fetch_fault(thread);
    case IR_TRAP_FENCE_I:
        return after_fence_i(thread);
    case IR_TRAP_REENTER:
        vcpu_flush_jump_cache(&thread->vcpu);
        return OS_CONTINUE;
    case IR_TRAP_NONE:
    case IR_TRAP_COUNT:
        break;
    }
    CHECK(false, "a trap exit without a trap");
    return OS_EXIT;
}

enum os_action loop_handle_pending(struct exec_thread *thread)
{
    struct exec *exec = thread->exec;
    thread->vcpu.pc &= ~UINT64_C(1); /* before a routine is before its loop */
    uint32_t bits = atomic_exchange_explicit(&thread->vcpu.pending, 0, memory_order_acquire);
    if (bits & VCPU_PENDING_KICK)
        vcpu_flush_jump_cache(&thread->vcpu);
    if (bits & VCPU_PENDING_EXIT)
        return OS_EXIT;
    if (bits & VCPU_PENDING_SIGNAL)
        return exec->config.os_ops->signal(exec->config.os, &thread->vcpu);
    return OS_CONTINUE;
}

/* What was in its place, of another pc, is among the spare ones from here on. */
static void fill_jump_cache(struct vcpu *vcpu, const struct tb *to)
{
    struct jump_cache_entry *place = &vcpu->jump_cache[jump_cache_slot(to->pc)];
    bool is_empty = !place->entry || place->pc & 1;
    if (!is_empty && place->pc != to->pc)
        vcpu->spare_jumps[spare_jump_slot(place->pc)] = *place;
    const void *entry = atomic_load_explicit(&to->entry, memory_order_acquire);
    *place = (struct jump_cache_entry){to->pc, entry};
}

void loop_fill_indirect(struct exec_thread *thread, const struct turn *turn, struct tb *to)
{
    struct vcpu *vcpu = &thread->vcpu;
    struct tb *from = turn->indirect_from;
    if (!turn->is_indirect || turn->generation != thread->exec->cache->generation)
        return;
    fill_jump_cache(vcpu, to);
    thread->indirect_fills++;
    if (!from)
        return;
    atomic_store_explicit(&from->inline_cache, to, memory_order_release);
    tb_lock(thread->exec->cache);
    tb_observe(thread->exec->cache, from, to->pc);
    if (from->is_observing && tb_profile_of(from)->observations >= OBSERVATIONS)
        promote_end_observing(thread, from);
    tb_unlock(thread->exec->cache);
}

void loop_run_tb(struct exec_thread *thread, struct tb *tb)
{
    struct exec *exec = thread->exec;
    if (tb->tier == TB_TIER_0) {
        thread->is_in_tier0 = true;
        exec->tier[0]->run(exec->tier[0], &thread->vcpu, tb);
        thread->is_in_tier0 = false;
    } else {
        tb_run(&thread->vcpu, atomic_load_explicit(&tb->entry, memory_order_acquire));
    }
}

void loop_renew_jump_cache(struct vcpu *vcpu, const struct tb *tb)
{
    struct jump_cache_entry *entry = &vcpu->jump_cache[jump_cache_slot(tb->pc)];
    if (entry->pc != tb->pc)
        entry = &vcpu->spare_jumps[spare_jump_slot(tb->pc)];
    if (entry->pc == tb->pc && tb->mode == tb_mode_of_frm(vcpu->frm))
        entry->entry = atomic_load_explicit(&tb->entry, memory_order_acquire);
}

/* Tier 1 leaves by the stub of its TB when the heat has run out. */
static bool has_run_out(const struct tb *tb)
{
    return atomic_load_explicit(&tb->heat, memory_order_relaxed) < 0 &&
           atomic_load_explicit(&tb->tier, memory_order_relaxed) == TB_TIER_1;
}

enum os_action loop_after_exit(struct exec_thread *thread, struct turn *turn)
{
    struct vcpu *vcpu = &thread->vcpu;
    struct exec *exec = thread->exec;
    *turn = (struct turn){0};
    switch ((enum vcpu_exit)vcpu->exit_reason) {
    case VCPU_EXIT_TB:
        vcpu->pc = vcpu->exit_tb->pc;
        if (has_run_out(vcpu->exit_tb)) {
            promote_tb(thread, vcpu->exit_tb);
            return OS_CONTINUE;
        }
        loop_renew_jump_cache(vcpu, vcpu->exit_tb); /* code that was dropped leads to the stub */
        if (exec_has(exec, FEATURE_next_block_hint))
            *turn = (struct turn){.next_hint = vcpu->exit_tb,
                                  .generation = exec->cache->generation};
        return OS_CONTINUE;
    case VCPU_EXIT_PC:
        return OS_CONTINUE;
    case VCPU_EXIT_INDIRECT:
        *turn = (struct turn){.indirect_from = vcpu->exit_tb,
                              .is_indirect = true,
                              .generation = exec->cache->generation};
        return OS_CONTINUE;
    case VCPU_EXIT_PROMOTE:
        vcpu->pc = vcpu->exit_tb->pc;
        promote_tb(thread, vcpu->exit_tb);
        return OS_CONTINUE;
    case VCPU_EXIT_PROMOTE_PC:
        promote_tb(thread, vcpu->exit_tb);
        return OS_CONTINUE;
    case VCPU_EXIT_UNGUARD:
        promote_unguarded(thread, vcpu->exit_tb);
        return OS_CONTINUE;
    case VCPU_EXIT_TRAP:
        return handle_trap(thread);
    case VCPU_EXIT_FAULT:
        vcpu->pc = thread->fault.pc &= ~UINT64_C(1); /* a routine's are its loop's */
        if (thread->fault.is_state_exact && translate_split_loads(thread))
            return OS_CONTINUE;
        return exec->config.os_ops->fault(exec->config.os, vcpu, &thread->fault);
    }
    CHECK(false, "generated code left without a reason");
    return OS_EXIT;
}

/* A fault in tier 0 comes back here by siglongjmp: registers and pc are exact. */
void loop_leave_tier0(struct exec_thread *thread)
{
    thread->is_in_tier0 = false;
    thread->vcpu.exit_reason = VCPU_EXIT_FAULT;
}

/* Does the indirect jump look like a call: does it return to its own code, or is it far from where it goes (a
 * stub for a function elsewhere)? */
static bool is_call(const struct exec_thread *thread, const struct turn *turn)
{
    enum { FAR_BYTES = 65536 };
    const struct tb *from = turn->indirect_from;
    if (!turn->is_indirect || !from || turn->generation != thread->exec->cache->generation)
        return false;
    uint64_t to_pc = thread->vcpu.pc;
    uint64_t return_pc = thread->vcpu.reg[thread->exec->config.isa->return_reg];
    return to_pc != return_pc && (return_pc - from->pc - 1 < from->guest_size_bytes ||
                                  to_pc - from->pc + FAR_BYTES > 2 * FAR_BYTES);
}

/* The record of the block to run next, by the turn's hint; NULL: the hint does not hold. */
static struct tb *hinted_tb(const struct exec_thread *thread, const struct turn *turn)
{
    const struct vcpu *vcpu = &thread->vcpu;
    struct tb *tb = turn->next_hint;
    bool holds = tb && turn->generation == thread->exec->cache->generation && tb->pc == vcpu->pc &&
                 tb->mode == tb_mode_of_frm(vcpu->frm);
    return holds ? tb : NULL;
}

/* The block to run next: by the hint, without lock and look-up, where that has code. */
static struct tb *next_tb(struct exec_thread *thread, const struct turn *turn,
                          enum status *ret_status, struct error *err)
{
    struct tb *tb = hinted_tb(thread, turn);
    if (!tb || atomic_load_explicit(&tb->tier, memory_order_acquire) == TB_TIER_NONE)
        return translate_at(thread, thread->vcpu.pc, tb, ret_status, err);
    thread->next_block_hits++;
    return tb;
}

enum status exec_run(struct exec *exec, struct vcpu *vcpu, struct error *err)
{
    struct exec_thread *thread = vcpu->owner;
    struct turn turn = {0};
    enum status status = STATUS_OK;
    CHECK(thread->exec == exec, "a vcpu runs in its own engine");
    if (exec->lockstep)
        return lockstep_run(exec, vcpu, err);
    fault_set_thread(thread);
    if (exec->config.is_counting)
        sample_start(thread);
    if (sigsetjmp(thread->tier0_escape, 0) != 0) {
        status = STATUS_OK;
        loop_leave_tier0(thread);
        if (loop_after_exit(thread, &turn) == OS_EXIT)
            goto done;
    }
    for (;;) {
        if (atomic_load_explicit(&vcpu->pending, memory_order_relaxed) &&
            loop_handle_pending(thread) == OS_EXIT)
            break;
        if (exec->config.stress.kinds)
            stress_turn(thread);
        thread->is_at_call = is_call(thread, &turn);
        struct tb *tb = next_tb(thread, &turn, &status, err);
        if (!tb)
            break;
        loop_fill_indirect(thread, &turn, tb);
        if (atomic_load_explicit(&vcpu->is_sampled, memory_order_relaxed) &&
            vcpu->exit_reason <= VCPU_EXIT_PC)
            sampler_note(thread, tb);
        loop_run_tb(thread, tb);
        if (loop_after_exit(thread, &turn) == OS_EXIT)
            break;
    }
done:
    if (exec->config.is_counting)
        sample_stop(thread);
    fault_set_thread(NULL);
    return status;
}
