/* Signal frames of riscv64 Linux (arch/riscv/kernel/signal.c): siginfo and ucontext on the guest's
 * stack, return through the trampoline into rt_sigreturn. */
#include "src/linux/process.h"

#include "src/base/check.h"

#include <string.h>

enum { FIRST_FP = IR_FIRST_FP_REG, REG_RA = 1, REG_A0 = 10, REG_A1 = 11, REG_A2 = 12 };

static uint64_t *stack_pointer(struct linux_thread *thread)
{
    return &thread->vcpu->reg[thread->process->config.isa->stack_reg];
}

bool frame_on_altstack(const struct linux_thread *thread)
{
    uint64_t sp = thread->vcpu->reg[thread->process->config.isa->stack_reg];
    const struct guest_stack *stack = &thread->altstack;
    return !(stack->flags & SS_DISABLE) && sp > stack->sp && sp - stack->sp <= stack->size_bytes;
}

static void save_context(const struct linux_thread *thread, struct guest_sigcontext *context)
{
    const struct vcpu *vcpu = thread->vcpu;
    context->pc = vcpu->pc;
    memcpy(context->reg, &vcpu->reg[1], sizeof context->reg);
    memcpy(context->fp, &vcpu->reg[FIRST_FP], sizeof context->fp);
    context->fcsr = vcpu_fcsr(vcpu);
}

/* sigaltstack's view of the alternate stack at the time of the signal. */
static struct guest_stack altstack_state(const struct linux_thread *thread)
{
    struct guest_stack stack = thread->altstack;
    if (!(stack.flags & SS_DISABLE) && frame_on_altstack(thread))
        stack.flags |= SS_ONSTACK;
    return stack;
}

/* Where the frame goes; 0 when the alternate stack would overflow. */
static uint64_t frame_address(struct linux_thread *thread, const struct guest_sigaction *action)
{
    uint64_t sp = *stack_pointer(thread);
    const struct guest_stack *stack = &thread->altstack;
    bool is_on = frame_on_altstack(thread);
    if (action->flags & SA_ONSTACK && !(stack->flags & SS_DISABLE) && !is_on)
        sp = stack->sp + stack->size_bytes;
    uint64_t frame = (sp - sizeof(struct guest_sigframe)) & ~UINT64_C(15);
    return is_on && frame < stack->sp ? 0 : frame;
}

bool frame_build(struct linux_thread *thread, const struct guest_sigaction *action,
                 const siginfo_t *info)
{
    struct vcpu *vcpu = thread->vcpu;
    uint64_t addr = frame_address(thread, action);
    struct guest_sigframe *frame = addr ? guest_out(thread, addr, sizeof *frame) : NULL;
    if (!frame)
        return false;
    memset(&frame->ucontext, 0, sizeof frame->ucontext);
    frame->info = *info;
    frame->ucontext.stack = altstack_state(thread);
    frame->ucontext.mask = thread->has_saved_mask ? thread->saved_mask : thread->blocked;
    thread->has_saved_mask = false;
    save_context(thread, &frame->ucontext.context);

    vcpu->reg[REG_RA] = thread->process->trampoline;
    vcpu->reg[REG_A0] = (uint64_t)info->si_signo;
    vcpu->reg[REG_A1] = addr + offsetof(struct guest_sigframe, info);
    vcpu->reg[REG_A2] = addr + offsetof(struct guest_sigframe, ucontext);
    *stack_pointer(thread) = addr;
    vcpu->pc = action->handler;
    vcpu->reservation_address = ~UINT64_C(0); /* a trap ends an LR/SC sequence */
    return true;
}

bool frame_restore(struct linux_thread *thread)
{
    struct vcpu *vcpu = thread->vcpu;
    uint64_t addr = *stack_pointer(thread);
    const struct guest_sigframe *frame = addr % 16 ? NULL : guest_in(thread, addr, sizeof *frame);
    if (!frame)
        return false;
    const struct guest_sigcontext *context = &frame->ucontext.context;
    vcpu->pc = context->pc;
    memcpy(&vcpu->reg[1], context->reg, sizeof context->reg);
    memcpy(&vcpu->reg[FIRST_FP], context->fp, sizeof context->fp);
    vcpu_set_fcsr(vcpu, context->fcsr);
    vcpu->reservation_address = ~UINT64_C(0);
    if (!frame_on_altstack(thread)) {
        thread->altstack = frame->ucontext.stack;
        thread->altstack.flags &= ~SS_ONSTACK;
    }
    signal_set_blocked(thread, frame->ucontext.mask);
    return true;
}
