/* Signals of the host: what arrives at this process is the guest's.
 *
 * The host's disposition follows the guest's: default and ignore are the host's own, a guest
 * handler becomes `take_signal`, which puts the siginfo into the ring of the thread it interrupted
 * and sets VCPU_PENDING_SIGNAL. The host's mask follows the guest's, so a blocked signal waits in
 * the kernel. Signals of the engine (SIGSEGV, SIGBUS, ...) are left alone. One machine at a time
 * owns the host's signals: the first whose guest installs a handler. */
#include "src/linux/process.h"

#include "src/base/check.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

/* Owner of the host's signals; read by the handler. */
static struct linux_process *_Atomic signal_owner;

uint64_t host_signal_allowed(uint64_t mask)
{
    return mask & ~(SIGNALS_OF_ENGINE | SIGNALS_UNBLOCKABLE);
}

/* The dispositions of signals that the host may decide; 32 and 33 belong to the host's libc. */
static bool is_followed(int signal)
{
    return signal != 32 && signal != 33 && host_signal_allowed(signal_bit(signal));
}

static void push_to_ring(struct linux_thread *thread, const siginfo_t *info)
{
    uint32_t head = atomic_load_explicit(&thread->ring_head, memory_order_relaxed);
    if (head - atomic_load_explicit(&thread->ring_tail, memory_order_acquire) == SIGNAL_RING)
        return; /* as a full queue: the signal is lost */
    thread->ring[head % SIGNAL_RING] = *info;
    atomic_store_explicit(&thread->ring_head, head + 1, memory_order_release);
    vcpu_set_pending(thread->vcpu, VCPU_PENDING_SIGNAL);
}

/* The host's handler; all signals are blocked while it runs. */
static void take_signal(int signal, siginfo_t *info, void *context)
{
    int saved_errno = errno;
    struct linux_process *process = atomic_load(&signal_owner);
    if (process) {
        struct linux_thread *thread = &process->main_thread;
        pid_t tid = gettid();
        if (tid == thread->tid) {
            greg_t *rip = &((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
            push_to_ring(thread, info);
            *rip = (greg_t)linux_host_call_resume((uint64_t)*rip);
        } else { /* a thread of the emulator: hand it to the guest's */
            syscall(SYS_rt_tgsigqueueinfo, getpid(), thread->tid, signal, info);
        }
    }
    errno = saved_errno;
}

void host_signal_init(struct linux_process *process)
{
    for (int signal = 1; signal <= GUEST_SIGNALS; signal++) {
        struct sigaction action;
        if (is_followed(signal) && sigaction(signal, NULL, &action) == 0 &&
            action.sa_handler == SIG_IGN)
            process->action[signal].handler = GUEST_SIG_IGN;
    }
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    for (int signal = 1; signal <= GUEST_SIGNALS; signal++)
        if (sigismember(&mask, signal) == 1)
            process->main_thread.blocked |= signal_bit(signal);
    process->original_mask = mask;
}

void host_signal_fini(struct linux_process *process)
{
    for (int signal = 1; signal <= GUEST_SIGNALS; signal++)
        if (process->changed_signals & signal_bit(signal))
            sigaction(signal, &process->original_action[signal], NULL);
    if (process->is_mask_changed)
        pthread_sigmask(SIG_SETMASK, &process->original_mask, NULL);
    struct linux_process *owner = process;
    atomic_compare_exchange_strong(&signal_owner, &owner, NULL);
}

void host_signal_follow(struct linux_process *process, int signal)
{
    struct linux_process *owner = NULL;
    uint64_t handler = process->action[signal].handler;
    if ((signal == SIGSEGV || signal == SIGBUS) && process->config.exec) {
        bool has_handler = process->action[SIGSEGV].handler > GUEST_SIG_IGN ||
                           process->action[SIGBUS].handler > GUEST_SIG_IGN;
        exec_set_precise_faults(process->config.exec, has_handler);
    }
    if (!is_followed(signal) ||
        (!atomic_compare_exchange_strong(&signal_owner, &owner, process) && owner != process))
        return;
    struct sigaction action = {.sa_flags = SA_RESTART}, before;
    if (handler == GUEST_SIG_DFL) {
        action.sa_handler = SIG_DFL;
    } else if (handler == GUEST_SIG_IGN) {
        action.sa_handler = SIG_IGN;
    } else {
        action.sa_sigaction = take_signal;
        action.sa_flags = SA_SIGINFO | SA_ONSTACK;
        if (signal == SIGCHLD)
            action.sa_flags |= (int)(process->action[signal].flags & (SA_NOCLDSTOP | SA_NOCLDWAIT));
        sigfillset(&action.sa_mask);
    }
    if (sigaction(signal, &action, &before))
        return;
    if (!(process->changed_signals & signal_bit(signal)))
        process->original_action[signal] = before;
    process->changed_signals |= signal_bit(signal);
}

void host_signal_mask(struct linux_thread *thread)
{
    uint64_t mask = host_signal_allowed(thread->blocked);
    sigset_t set;
    sigemptyset(&set);
    for (uint64_t rest = mask; rest; rest &= rest - 1)
        sigaddset(&set, __builtin_ctzll(rest) + 1);
    pthread_sigmask(SIG_SETMASK, &set, NULL);
    thread->process->is_mask_changed = true;
}
