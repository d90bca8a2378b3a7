/* The interpreter: a label and a computed goto per handler.
 *
 * The state of the dispatch is the address of the current op; guest state is in the vcpu. All jumps
 * between blocks stay in here as long as the successor has tier-0 code. */
#include "tier0/bodies.h"

/* ---- the way out, and to blocks not met before ---- */

const struct t0_op *t0_leave_to(struct tier0 *tier, struct vcpu *vcpu, struct tb *tb)
{
    vcpu->exit_tb = tb;
    vcpu->exit_reason = VCPU_EXIT_TB;
    return &tier->leave;
}

__attribute__((noinline, cold)) const struct t0_op *
t0_resolve_exit(struct tier0 *tier, struct vcpu *vcpu, const struct t0_op_exit *const_exit)
{
    struct t0_op_exit *exit = (struct t0_op_exit *)(uintptr_t)const_exit;
    struct tb *tb = exit->tb;
    const struct t0_op *next = NULL;
    if (!tier->cache->config.is_chaining)
        return t0_leave_to(tier, vcpu, tb);
    tb_lock(tier->cache);
    const struct tb_code *code = tb_code_of(tb, TB_TIER_0);
    if (code && tb->tier == TB_TIER_0) {
        next = ((const struct t0_code *)code->tier_private)->ops;
        atomic_store_explicit(&exit->next, next, memory_order_relaxed);
        atomic_store_explicit(&exit->code, code, memory_order_release);
    }
    tb_unlock(tier->cache);
    return next ? next : t0_leave_to(tier, vcpu, tb);
}

/* The tier-0 code of (pc, mode) by the hash, else by the TB table; NULL when there is none. */
static const struct t0_code *find_code(struct tier0 *tier, uint64_t pc, uint32_t mode)
{
    _Atomic(const struct t0_code *) *slot = &tier->hash[t0_hash_slot(pc)];
    const struct t0_code *found = atomic_load_explicit(slot, memory_order_acquire);
    if (found && found->pc == pc && found->code->tb->mode == mode &&
        !atomic_load_explicit(&found->code->is_dropped, memory_order_relaxed))
        return found;
    tb_lock(tier->cache);
    const struct tb *tb = tb_find(tier->cache, pc, mode);
    found = tb && tb->tier == TB_TIER_0 ? tb_code_of(tb, TB_TIER_0)->tier_private : NULL;
    if (found)
        atomic_store_explicit(slot, found, memory_order_release);
    tb_unlock(tier->cache);
    return found;
}

__attribute__((noinline)) const struct t0_op *
t0_resolve_indirect(struct tier0 *tier, struct vcpu *vcpu, const struct t0_op_indirect *const_exit,
                    uint64_t pc)
{
    struct t0_op_indirect *exit = (struct t0_op_indirect *)(uintptr_t)const_exit;
    vcpu->pc = pc;
    if (t0_is_pending(vcpu)) {
        vcpu->exit_reason = VCPU_EXIT_PC;
        return &tier->leave;
    }
    const struct t0_code *found =
        tier->options.is_caching_jumps ? find_code(tier, pc, exit->tb->mode) : NULL;
    if (!found) {
        vcpu->exit_tb = exit->tb;
        vcpu->exit_reason = VCPU_EXIT_INDIRECT;
        return &tier->leave;
    }
    if (tier->options.is_caching_inline)
        atomic_store_explicit(&exit->cached, found, memory_order_release);
    return found->ops;
}

/* ---- the interpreter ---- */

#define DISPATCH goto * op->handler

__attribute__((noinline, optimize("no-gcse", "no-crossjumping"))) const void *const *
t0_run(struct tier0 *tier, struct vcpu *vcpu, const struct t0_op *op)
{
    static const void *const labels[T0_HANDLER_COUNT] = {
#define HANDLER(name) &&label_##name,
#include "tier0/handler.h"
#undef HANDLER
    };
    if (!tier)
        return labels;
    uint8_t *memory = vcpu->memory_base;
    DISPATCH;

    /* leave has no do_: it ends the function. */
#define do_leave(leave_op, leave_vcpu, leave_memory, leave_tier)                                   \
    NULL;                                                                                          \
    return NULL
#define HANDLER(name)                                                                              \
    label_##name : op = do_##name(op, vcpu, memory, tier);                                         \
    DISPATCH;
#include "tier0/handler.h"
#undef HANDLER
#undef do_leave
}
