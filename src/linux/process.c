/* The guest's process: creation, the way of a system call, faults, the end.
 *
 * A system call runs between two looks at waiting signals: one that arrived before it is delivered
 * first (the call has not begun), one that arrived during it decides whether an interrupted call
 * is repeated. */
#include "src/linux/process.h"

#include "src/base/bits.h"
#include "src/base/check.h"
#include "src/base/descriptors.h"
#include "src/base/pages.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { SYS_EXIT = 93, SYS_EXIT_GROUP = 94, SYS_RT_SIGRETURN = 139 };

/* li a7, 139; ecall: the exact words by which unwinders know a signal frame. */
static const uint32_t trampoline_code[] = {0x08b00893, 0x00000073};

static enum status map_trampoline(struct linux_process *process, struct error *err)
{
    struct space *space = process->config.space;
    uint64_t addr;
    int64_t result = space_map(space, 0, SPACE_PAGE, SPACE_READ | SPACE_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS, -1, 0, &addr);
    if (!result) {
        memcpy(space_base(space) + addr, trampoline_code, sizeof trampoline_code);
        result = space_protect(space, addr, SPACE_PAGE, SPACE_READ | SPACE_EXEC);
    }
    if (result)
        return error_set(err, STATUS_NO_MEMORY, "the signal trampoline cannot be mapped: %s",
                         strerror((int)-result));
    space_name(space, addr, "[vdso]");
    process->trampoline = addr;
    return STATUS_OK;
}

enum status linux_create(const struct linux_config *config, struct linux_process **ret_process,
                         struct error *err)
{
    struct linux_process *process = pages_alloc(sizeof *process);
    process->config = *config;
    if (!realpath(config->exec_path, process->exec_path))
        strncpy(process->exec_path, config->exec_path, sizeof process->exec_path - 1);
    process->config.exec_path = process->exec_path;
    process->random_state = UINT64_C(0x9e3779b97f4a7c15);
    struct linux_thread *thread = &process->main_thread;
    thread->process = process;
    thread->altstack.flags = SS_DISABLE;
    enum status status = map_trampoline(process, err);
    if (status) {
        pages_free(process, sizeof *process);
        return status;
    }
    if (config->strace && fileno(config->strace) > STDERR_FILENO)
        descriptor_claim(fileno(config->strace));
    host_signal_init(process);
    *ret_process = process;
    return STATUS_OK;
}

void linux_destroy(struct linux_process **process)
{
    if (!*process)
        return;
    host_signal_fini(*process);
    if ((*process)->config.strace)
        descriptor_release(fileno((*process)->config.strace));
    free((*process)->main_thread.queue.entry);
    free((*process)->queue.entry);
    pages_free(*process, sizeof **process);
    *process = NULL;
}

void linux_attach(struct linux_process *process, struct vcpu *vcpu)
{
    process->main_thread.vcpu = vcpu;
}

const struct linux_exit *linux_exit_of(const struct linux_process *process)
{
    return &process->exit;
}

void linux_set_exit(struct linux_process *process, bool is_signal, int status)
{
    process->has_exited = true;
    process->exit.is_signal = is_signal;
    process->exit.status = status;
}

static struct linux_thread *thread_of(struct linux_process *process, const struct vcpu *vcpu)
{
    CHECK(process->main_thread.vcpu == vcpu, "a vcpu that no thread owns");
    return &process->main_thread;
}

/* ---- guest memory ---- */

/* NULL is none: 1, which is not mapped either, stands for 0 (a buffer of no bytes). */
static void *buffer_at(struct linux_thread *thread, uint64_t addr)
{
    return addr < SPACE_SIZE ? space_base(thread->process->config.space) + (addr ? addr : 1) : NULL;
}

const void *guest_buffer_in(struct linux_thread *thread, uint64_t addr)
{
    return buffer_at(thread, addr);
}

void *guest_buffer_out(struct linux_thread *thread, uint64_t addr, uint64_t size_bytes)
{
    struct space *space = thread->process->config.space;
    if (addr < SPACE_SIZE)
        space_changing(space, addr, size_bytes < SPACE_SIZE - addr ? size_bytes : SPACE_SIZE - addr);
    return buffer_at(thread, addr);
}

const char *guest_path(struct linux_thread *thread, uint64_t addr, int64_t *ret_result)
{
    int reason = 0;
    const char *path = space_string(thread->process->config.space, addr, LINUX_PATH_MAX, &reason);
    if (!path)
        *ret_result = -reason;
    return path;
}

/* ---- system calls ---- */

int64_t linux_call_host(struct linux_thread *thread, long number, uint64_t a, uint64_t b,
                        uint64_t c, uint64_t d, uint64_t e, uint64_t f)
{
    int64_t result = linux_host_call(&thread->vcpu->pending, number, a, b, c, d, e, f);
    return result == -EINTR ? -RESTART_SYS : result;
}

static int64_t run_call(struct linux_thread *thread, const struct syscall_row *row,
                        const uint64_t arg[])
{
    if (!row || row->is_missing)
        return -ENOSYS;
    return row->handler ? row->handler(thread, arg) : syscall_through_host(thread, row, arg);
}

static int64_t run_traced_call(struct linux_thread *thread, uint64_t number, const uint64_t arg[])
{
    const struct syscall_row *row = syscall_row(number);
    if (!thread->process->config.strace)
        return run_call(thread, row, arg);
    struct strace_line line;
    strace_enter(thread, &line, number, arg);
    bool is_returning =
        number != SYS_EXIT && number != SYS_EXIT_GROUP && number != SYS_RT_SIGRETURN;
    if (!is_returning)
        strace_no_return(thread, &line);
    int64_t result = run_call(thread, row, arg);
    if (is_returning)
        strace_leave(thread, &line, number, arg, result);
    return result;
}

static bool has_waiting_signals(const struct linux_thread *thread)
{
    return thread->queue.count != 0 || thread->process->queue.count != 0 ||
           atomic_load_explicit(&thread->vcpu->pending, memory_order_acquire) & VCPU_PENDING_SIGNAL;
}

static enum os_action os_syscall(void *os, struct vcpu *vcpu)
{
    struct linux_process *process = os;
    struct linux_thread *thread = thread_of(process, vcpu);
    const struct guest_isa *isa = process->config.isa;
    if (!thread->tid)
        thread->tid = gettid();
    if (has_waiting_signals(thread)) {
        signal_collect(thread);
        if (signal_is_deliverable(thread))
            return signal_deliver(thread, 0); /* the call runs after the handler */
    }
    uint64_t number = vcpu->reg[isa->syscall_number_reg], arg[GUEST_MAX_SYSCALL_ARGS];
    for (unsigned i = 0; i < GUEST_MAX_SYSCALL_ARGS; i++)
        arg[i] = vcpu->reg[isa->syscall_arg_reg[i]];
    int64_t result = run_traced_call(thread, number, arg);
    if (process->has_exited)
        return OS_EXIT;
    int restart = result <= -RESTART_SYS && result >= -RESTART_NOHAND ? (int)-result : 0;
    if (!restart && number != SYS_RT_SIGRETURN) { /* that has set all registers */
        vcpu->reg[isa->syscall_result_reg] = (uint64_t)result;
        vcpu->pc += isa->ecall_size_bytes;
    }
    if (has_waiting_signals(thread) || restart || thread->has_saved_mask)
        return signal_deliver(thread, restart);
    return OS_CONTINUE;
}

/* ---- faults ---- */

static const struct {
    int signal;
    const char *text;
} fault_kinds[] = {
    [GUEST_FAULT_ILLEGAL] = {SIGILL, "illegal instruction"},
    [GUEST_FAULT_BREAKPOINT] = {SIGTRAP, "breakpoint"},
    [GUEST_FAULT_FETCH] = {SIGSEGV, "fetch"},
    [GUEST_FAULT_ACCESS] = {SIGSEGV, "access"},
    [GUEST_FAULT_BUS] = {SIGBUS, "bus error"},
};

static int fault_code(const struct space *space, const struct guest_fault *fault)
{
    switch (fault->kind) {
    case GUEST_FAULT_ILLEGAL:
        return ILL_ILLOPC;
    case GUEST_FAULT_BREAKPOINT:
        return TRAP_BRKPT;
    case GUEST_FAULT_FETCH:
    case GUEST_FAULT_ACCESS:
        return fault->address < SPACE_SIZE && space_prot(space, fault->address) >= 0 ? SEGV_ACCERR
                                                                                     : SEGV_MAPERR;
    case GUEST_FAULT_BUS:
        break;
    }
    struct space_mapping mapping;
    bool is_file = space_next_mapping(space, fault->address, &mapping) &&
                   mapping.start <= fault->address && !mapping.is_anonymous;
    return is_file && fault->address != fault->pc ? BUS_ADRERR : BUS_ADRALN;
}

/* "illegal instruction 0x0000 at pc 0x...": the bytes as the disassembler names them. */
static void instruction_text(const struct linux_process *process, uint64_t pc, char *text,
                             size_t text_size)
{
    size_t available = 0;
    const uint8_t *bytes = space_fetch(process->config.space, pc, &available);
    if (!bytes || !process->config.isa->disassemble(bytes, available, pc, text, text_size))
        snprintf(text, text_size, "?");
}

static void fault_message(const struct linux_process *process, const struct guest_fault *fault,
                          char *text, size_t text_size)
{
    char place[256], instruction[64];
    unsigned long long pc = fault->pc, address = fault->address;
    space_describe(process->config.space, fault->address, place, sizeof place);
    switch (fault->kind) {
    case GUEST_FAULT_ILLEGAL:
    case GUEST_FAULT_BREAKPOINT:
        instruction_text(process, fault->pc, instruction, sizeof instruction);
        snprintf(text, text_size, "%s (%s) at pc %#llx: %s", fault_kinds[fault->kind].text,
                 instruction, pc, place);
        return;
    case GUEST_FAULT_FETCH:
        snprintf(text, text_size, "instruction fetch at pc %#llx: %s", pc, place);
        return;
    case GUEST_FAULT_ACCESS:
        snprintf(text, text_size, "%s %#llx at pc %#llx: %s",
                 fault->is_write ? "store to" : "load from", address, pc, place);
        return;
    case GUEST_FAULT_BUS:
        snprintf(text, text_size, "%s at pc %#llx: %s",
                 address == pc ? "misaligned atomic access" : "bus error", pc, place);
        return;
    }
}

static enum os_action os_fault(void *os, struct vcpu *vcpu, const struct guest_fault *fault)
{
    struct linux_process *process = os;
    struct linux_thread *thread = thread_of(process, vcpu);
    char message[sizeof process->exit.message];
    fault_message(process, fault, message, sizeof message);
    siginfo_t info;
    memset(&info, 0, sizeof info);
    info.si_signo = fault_kinds[fault->kind].signal;
    info.si_code = fault_code(process->config.space, fault);
    info.si_addr = (void *)(uintptr_t)fault->address;
    return signal_force(thread, &info, message);
}

static enum os_action os_signal(void *os, struct vcpu *vcpu)
{
    return signal_deliver(thread_of(os, vcpu), 0);
}

const struct os_ops linux_ops = {.syscall = os_syscall, .fault = os_fault, .signal = os_signal};
