/* Host faults that belong to the guest: SIGSEGV and SIGBUS raised by generated code or tier 0.
 *
 * A write to a watched page (translated code came from it) is let through and repeated. Any other
 * fault in generated code is turned into an exit of kind VCPU_EXIT_FAULT: tier 1 state is exact (a
 * register write takes effect in order), tier 2 gives the pc, and exact state in precise mode. The
 * handler runs on the faulting thread, which holds no lock while in guest code. */
#include "src/exec/internal.h"

#include "src/base/bits.h"
#include "src/ir/fp.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <ucontext.h>

extern const char tb_fault_landing[]; /* src/tb/enter.S */

static __thread struct exec_thread *current_thread;

void fault_set_thread(struct exec_thread *thread)
{
    current_thread = thread;
}

/* Host register numbers as in an instruction's encoding to places in the context. */
static const int context_register[16] = {
    REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
    REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15,
};

static void store_pinned(struct vcpu *vcpu, const ucontext_t *context)
{
    const greg_t *registers = context->uc_mcontext.gregs;
    const struct _libc_fpstate *floats = context->uc_mcontext.fpregs;
#define STORE(position, guest, host)                                                               \
    vcpu->reg[guest] = (uint64_t)registers[context_register[host]];
#define STORE_FLOAT(position, guest, host)                                                         \
    memcpy(&vcpu->reg[guest], floats->_xmm[host].element, sizeof vcpu->reg[guest]);
    TB_PINNED(STORE)
    TB_PINNED_FLOAT(STORE_FLOAT)
#undef STORE_FLOAT
#undef STORE
}

/* Of an access in tier 1 code. */
static struct fault_point tier1_fault_point(const struct tb_code *code, const uint8_t *host_pc)
{
    uint32_t offset = (uint32_t)(host_pc - code->start);
    for (uint32_t i = 0; i < code->fault_count; i++)
        if (code->faults[i].code_offset == offset)
            return code->faults[i];
    return (struct fault_point){0};
}

/* Makes the interrupted generated code leave to the loop with everything in the vcpu. */
static void leave_generated(struct vcpu *vcpu, ucontext_t *context)
{
    greg_t *registers = context->uc_mcontext.gregs;
    vcpu->mxcsr = context->uc_mcontext.fpregs->mxcsr;
    vcpu->exit_reason = VCPU_EXIT_FAULT;
    registers[REG_R12] = (greg_t)((uintptr_t)vcpu + VCPU_BIAS);
    registers[REG_RIP] = (greg_t)(uintptr_t)tb_fault_landing;
}

static void fault_in_tier1(struct exec_thread *thread, const struct tb_code *code,
                           ucontext_t *context)
{
    struct vcpu *vcpu = &thread->vcpu;
    greg_t *registers = context->uc_mcontext.gregs;
    store_pinned(vcpu, context);
    struct fault_point point =
        tier1_fault_point(code, (const uint8_t *)(uintptr_t)registers[REG_RIP]);
    fault_point_clean(&point, vcpu->reg);
    vcpu->pc = code->tb->pc + point.guest_offset;
    thread->fault.pc = vcpu->pc;
    thread->fault.is_state_exact = true;
    leave_generated(vcpu, context);
}

/* Precise code has a landing that stores the state itself; otherwise only the pc is known. */
static void fault_in_region(struct exec_thread *thread, const struct tb_code *code,
                            ucontext_t *context)
{
    struct vcpu *vcpu = &thread->vcpu;
    greg_t *registers = context->uc_mcontext.gregs;
    const void *host_pc = (const void *)(uintptr_t)registers[REG_RIP];
    uint64_t pc = code->tb->pc;
    if (code->fault_pc)
        code->fault_pc(code, host_pc, &pc);
    thread->fault.pc = pc;
    const void *landing = code->fault_landing ? code->fault_landing(code, host_pc) : NULL;
    thread->fault.is_state_exact = landing != NULL;
    vcpu->pc = pc;
    if (landing)
        registers[REG_RIP] = (greg_t)(uintptr_t)landing;
    else
        leave_generated(vcpu, context);
}

/* An access of a bulk operation ends it there; a libcall is not done then. False: it is neither. */
static bool end_operation(greg_t *registers, const char *host_pc)
{
    static const struct {
        const char *start, *end, *fault;
    } operations[] = {
        {tb_bulk_start, tb_bulk_end, tb_bulk_fault},
        {tb_libcall_start, tb_libcall_end, tb_libcall_fault},
    };
    for (unsigned i = 0; i < ARRAY_LENGTH(operations); i++) {
        if (host_pc < operations[i].start || host_pc >= operations[i].end)
            continue;
        registers[REG_RIP] = (greg_t)(uintptr_t)operations[i].fault;
        return true;
    }
    return false;
}

/* Outside the canonical range an access with RBP as its base is a fault of the stack segment, which the host's
 * kernel makes a SIGBUS. */
static bool is_bus_error(int signal, const greg_t *registers)
{
    enum { TRAP_STACK_SEGMENT = 12 };
    return signal == SIGBUS && registers[REG_TRAPNO] != TRAP_STACK_SEGMENT;
}

/* True when the fault was the guest's and the context has been set to go on. */
static bool handle_guest_fault(struct exec_thread *thread, int signal, const siginfo_t *info,
                               ucontext_t *context)
{
    greg_t *registers = context->uc_mcontext.gregs;
    struct space *space = thread->exec->config.space;
    uint64_t address = (uint64_t)((uint8_t *)info->si_addr - space_base(space));
    bool is_write = registers[REG_ERR] & 2;
    struct lockstep *lockstep = thread->exec->lockstep;
    if (lockstep && signal == SIGSEGV && is_write && lockstep_write_fault(lockstep, address))
        return true;
    if (signal == SIGSEGV && is_write && address < SPACE_SIZE && space_write_fault(space, address))
        return true;
    const char *host_pc = (const char *)(uintptr_t)registers[REG_RIP];
    if (end_operation(registers, host_pc))
        return true;
    thread->fault = (struct guest_fault){
        .kind = is_bus_error(signal, registers) ? GUEST_FAULT_BUS : GUEST_FAULT_ACCESS,
        .address = address,
        .is_write = is_write,
        .is_state_exact = true,
    };
    if (thread->is_in_tier0) {
        thread->fault.pc = thread->vcpu.pc;
        thread->vcpu.mxcsr = context->uc_mcontext.fpregs->mxcsr;
        fp_write_mxcsr(thread->vcpu.host_mxcsr);
        pthread_sigmask(SIG_SETMASK, &context->uc_sigmask, NULL);
        siglongjmp(thread->tier0_escape, 1);
    }
    if (!code_contains(thread->exec->cache->memory, host_pc))
        return false;
    const struct tb_code *code = tb_code_at(thread->exec->cache, host_pc);
    if (!code)
        return false;
    if (code->tier == TB_TIER_1)
        fault_in_tier1(thread, code, context);
    else
        fault_in_region(thread, code, context);
    return true;
}

/* Not the guest's: the next occurrence ends the process as if there were no handler. */
static void give_up(int signal)
{
    struct sigaction action = {.sa_handler = SIG_DFL};
    sigaction(signal, &action, NULL);
}

static void on_fault(int signal, siginfo_t *info, void *context)
{
    int saved_errno = errno;
    struct exec_thread *thread = current_thread;
    if (!thread || !handle_guest_fault(thread, signal, info, context))
        give_up(signal);
    errno = saved_errno;
}

void fault_install(void)
{
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER};
    sigfillset(&action.sa_mask);
    sigdelset(&action.sa_mask, SIGSEGV);
    sigdelset(&action.sa_mask, SIGBUS);
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
}
