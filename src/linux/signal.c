/* Guest signals: the queues of thread and process, and delivery.
 *
 * Signals that the guest sends to itself go straight into a queue, those from outside come through
 * the host's handler and the ring (host_signal.c). Delivery happens at a system call, at a poll and
 * at a fault, in Linux's order (signal_take); one frame on top of the other while there are any. */
#include "src/linux/process.h"

#include "src/base/bits.h"
#include "src/base/check.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum default_action { DEFAULT_END, DEFAULT_IGNORE, DEFAULT_STOP, DEFAULT_CONTINUE };

/* man 7 signal, "Standard signals". */
static enum default_action default_action_of(int signal)
{
    switch (signal) {
    case SIGCHLD:
    case SIGURG:
    case SIGWINCH:
        return DEFAULT_IGNORE;
    case SIGCONT:
        return DEFAULT_CONTINUE;
    case SIGSTOP:
    case SIGTSTP:
    case SIGTTIN:
    case SIGTTOU:
        return DEFAULT_STOP;
    }
    return DEFAULT_END;
}

static bool is_ignored(const struct linux_process *process, int signal)
{
    uint64_t handler = process->action[signal].handler;
    if (handler == GUEST_SIG_IGN)
        return true;
    return handler == GUEST_SIG_DFL && (default_action_of(signal) == DEFAULT_IGNORE ||
                                        default_action_of(signal) == DEFAULT_CONTINUE);
}

/* ---- the queue ---- */

static bool queue_has(const struct signal_queue *queue, int signal)
{
    for (uint32_t i = 0; i < queue->count; i++)
        if (queue->entry[i].si_signo == signal)
            return true;
    return false;
}

/* Standard signals wait once, real-time signals as often as they were sent. */
static int64_t queue_push(struct signal_queue *queue, const siginfo_t *info)
{
    if (info->si_signo < 32 && queue_has(queue, info->si_signo))
        return 0;
    if (queue->count == SIGNAL_QUEUE_MAX)
        return -EAGAIN;
    if (queue->count == queue->capacity) {
        uint32_t capacity = queue->capacity ? 2 * queue->capacity : 8;
        siginfo_t *entry = realloc(queue->entry, capacity * sizeof *entry);
        if (!entry)
            return -EAGAIN;
        queue->entry = entry;
        queue->capacity = capacity;
    }
    queue->entry[queue->count++] = *info;
    return 0;
}

static bool queue_take(struct signal_queue *queue, uint64_t set, siginfo_t *ret_info)
{
    uint32_t best = queue->count;
    for (uint32_t i = 0; i < queue->count; i++)
        if (set & signal_bit(queue->entry[i].si_signo) &&
            (best == queue->count || queue->entry[i].si_signo < queue->entry[best].si_signo))
            best = i;
    if (best == queue->count)
        return false;
    *ret_info = queue->entry[best];
    memmove(&queue->entry[best], &queue->entry[best + 1],
            (queue->count - best - 1) * sizeof *queue->entry);
    queue->count--;
    return true;
}

static uint64_t queue_set(const struct signal_queue *queue)
{
    uint64_t set = 0;
    for (uint32_t i = 0; i < queue->count; i++)
        set |= signal_bit(queue->entry[i].si_signo);
    return set;
}

bool signal_take(struct linux_thread *thread, uint64_t set, siginfo_t *ret_info)
{
    return queue_take(&thread->queue, set, ret_info) ||
           queue_take(&thread->process->queue, set, ret_info);
}

uint64_t signal_pending_set(const struct linux_thread *thread)
{
    return queue_set(&thread->queue) | queue_set(&thread->process->queue);
}

int64_t signal_send(struct linux_thread *thread, bool is_for_process, const siginfo_t *info)
{
    bool is_blocked = thread->blocked & signal_bit(info->si_signo);
    if (is_ignored(thread->process, info->si_signo) && !is_blocked)
        return 0;
    return queue_push(is_for_process ? &thread->process->queue : &thread->queue, info);
}

void signal_collect(struct linux_thread *thread)
{
    atomic_fetch_and_explicit(&thread->vcpu->pending, ~(uint32_t)VCPU_PENDING_SIGNAL,
                              memory_order_acquire);
    uint32_t tail = atomic_load_explicit(&thread->ring_tail, memory_order_relaxed);
    while (tail != atomic_load_explicit(&thread->ring_head, memory_order_acquire)) {
        const siginfo_t *info = &thread->ring[tail % SIGNAL_RING];
        queue_push(info->si_code == SI_TKILL ? &thread->queue : &thread->process->queue, info);
        atomic_store_explicit(&thread->ring_tail, ++tail, memory_order_release);
    }
}

bool signal_is_deliverable(struct linux_thread *thread)
{
    uint64_t set = signal_pending_set(thread) & ~thread->blocked;
    for (; set; set &= set - 1)
        if (!is_ignored(thread->process, __builtin_ctzll(set) + 1))
            return true;
    return false;
}

void signal_set_blocked(struct linux_thread *thread, uint64_t mask)
{
    mask &= ~SIGNALS_UNBLOCKABLE;
    if (mask == thread->blocked)
        return;
    thread->blocked = mask;
    host_signal_mask(thread);
}

/* ---- delivery ---- */

static enum os_action die(struct linux_thread *thread, int signal, const char *message)
{
    struct linux_process *process = thread->process;
    linux_set_exit(process, true, signal);
    snprintf(process->exit.message, sizeof process->exit.message, "%s", message);
    return OS_EXIT;
}

/* The interrupted call is repeated, or ends with EINTR; before a handler's frame is built. */
static void settle_restart(struct linux_thread *thread, int restart, bool is_restarting)
{
    const struct guest_isa *isa = thread->process->config.isa;
    if (restart == 0 || restart == RESTART_NOINTR || (restart == RESTART_SYS && is_restarting))
        return;
    thread->vcpu->reg[isa->syscall_result_reg] = (uint64_t)-EINTR;
    thread->vcpu->pc += isa->ecall_size_bytes;
}

/* Sends the vcpu into the handler of the action. */
static enum os_action enter_handler(struct linux_thread *thread, const siginfo_t *info)
{
    struct linux_process *process = thread->process;
    int signal = info->si_signo;
    struct guest_sigaction action = process->action[signal];
    if (!frame_build(thread, &action, info)) {
        /* Linux forces SIGSEGV, whose handler would have no stack either. */
        char text[160];
        snprintf(text, sizeof text, "no stack for the handler of signal %d at pc %#llx", signal,
                 (unsigned long long)thread->vcpu->pc);
        return die(thread, SIGSEGV, text);
    }
    if (action.flags & SA_RESETHAND) {
        process->action[signal].handler = GUEST_SIG_DFL;
        host_signal_follow(process, signal);
    }
    uint64_t mask = thread->blocked | action.mask;
    if (!(action.flags & SA_NODEFER))
        mask |= signal_bit(signal);
    signal_set_blocked(thread, mask);
    return OS_CONTINUE;
}

/* SIGSTOP and the like: the host stops this process and goes on here when it is continued. */
static void stop_self(int signal)
{
    struct sigaction stopping = {.sa_handler = SIG_DFL}, before;
    sigset_t set, mask;
    sigemptyset(&set);
    sigaddset(&set, signal);
    if (signal != SIGSTOP)
        sigaction(signal, &stopping, &before);
    pthread_sigmask(SIG_UNBLOCK, &set, &mask);
    raise(signal);
    pthread_sigmask(SIG_SETMASK, &mask, NULL);
    if (signal != SIGSTOP)
        sigaction(signal, &before, NULL);
}

enum os_action signal_deliver(struct linux_thread *thread, int restart)
{
    struct linux_process *process = thread->process;
    signal_collect(thread);
    siginfo_t info;
    while (signal_take(thread, ~thread->blocked, &info)) {
        int signal = info.si_signo;
        if (is_ignored(process, signal))
            continue;
        strace_signal(thread, &info);
        const struct guest_sigaction *action = &process->action[signal];
        if (action->handler != GUEST_SIG_DFL) {
            settle_restart(thread, restart, action->flags & SA_RESTART);
            restart = 0;
            if (enter_handler(thread, &info) == OS_EXIT)
                return OS_EXIT;
        } else if (default_action_of(signal) == DEFAULT_STOP) {
            stop_self(signal);
        } else {
            return die(thread, signal, "");
        }
    }
    if (thread->has_saved_mask) { /* a mask of its own, and no handler ran */
        thread->has_saved_mask = false;
        signal_set_blocked(thread, thread->saved_mask);
    }
    return OS_CONTINUE;
}

enum os_action signal_force(struct linux_thread *thread, const siginfo_t *info, const char *message)
{
    int signal = info->si_signo;
    uint64_t handler = thread->process->action[signal].handler;
    strace_signal(thread, info);
    if (handler == GUEST_SIG_DFL || handler == GUEST_SIG_IGN ||
        thread->blocked & signal_bit(signal))
        return die(thread, signal, message);
    return enter_handler(thread, info);
}
