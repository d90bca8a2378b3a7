/* Signal calls. What the guest sends to itself stays inside; the rest goes to the host. */
#include "src/linux/sys.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { MIN_ALTSTACK_BYTES = 2048 };

static bool is_signal(uint64_t number)
{
    return (int32_t)number >= 1 && (int32_t)number <= GUEST_SIGNALS;
}

int64_t sys_rt_sigaction(struct linux_thread *thread, const uint64_t arg[])
{
    struct linux_process *process = thread->process;
    int signal = (int32_t)arg[0];
    if (!is_signal(arg[0]) || arg[3] != GUEST_SIGSET_BYTES ||
        (arg[1] && (signal == SIGKILL || signal == SIGSTOP)))
        return -EINVAL;
    struct guest_sigaction before = process->action[signal], *old = NULL;
    const struct guest_sigaction *new_action = NULL;
    if (arg[1] && !(new_action = guest_in(thread, arg[1], sizeof *new_action)))
        return -EFAULT;
    struct guest_sigaction wanted = new_action ? *new_action : before;
    if (arg[2] && !(old = guest_out(thread, arg[2], sizeof *old)))
        return -EFAULT;
    if (new_action) {
        wanted.mask &= ~SIGNALS_UNBLOCKABLE;
        process->action[signal] = wanted;
        host_signal_follow(process, signal);
    }
    if (old)
        *old = before;
    return 0;
}

int64_t sys_rt_sigprocmask(struct linux_thread *thread, const uint64_t arg[])
{
    uint64_t before = thread->blocked, mask = before;
    if (arg[3] != GUEST_SIGSET_BYTES)
        return -EINVAL;
    if (arg[1]) {
        const uint64_t *set = guest_in(thread, arg[1], sizeof *set);
        if (!set)
            return -EFAULT;
        switch ((int)arg[0]) {
        case SIG_BLOCK:
            mask |= *set;
            break;
        case SIG_UNBLOCK:
            mask &= ~*set;
            break;
        case SIG_SETMASK:
            mask = *set;
            break;
        default: /* not an enum of ours */
            return -EINVAL;
        }
        signal_set_blocked(thread, mask);
    }
    if (arg[2]) {
        uint64_t *old = guest_out(thread, arg[2], sizeof *old);
        if (!old)
            return -EFAULT;
        *old = before;
    }
    return 0;
}

/* The host's pending signals: those the guest blocks wait in the kernel. */
static uint64_t host_pending(void)
{
    uint64_t set = 0;
    syscall(SYS_rt_sigpending, &set, GUEST_SIGSET_BYTES);
    return set;
}

int64_t sys_rt_sigpending(struct linux_thread *thread, const uint64_t arg[])
{
    if (arg[1] > GUEST_SIGSET_BYTES)
        return -EINVAL;
    signal_collect(thread);
    uint64_t set = (signal_pending_set(thread) | host_pending()) & thread->blocked;
    void *guest = guest_out(thread, arg[0], arg[1]);
    if (!guest)
        return -EFAULT;
    memcpy(guest, &set, arg[1]);
    return 0;
}

int64_t sys_rt_sigsuspend(struct linux_thread *thread, const uint64_t arg[])
{
    if (arg[1] != GUEST_SIGSET_BYTES)
        return -EINVAL;
    const uint64_t *guest = guest_in(thread, arg[0], sizeof *guest);
    if (!guest)
        return -EFAULT;
    uint64_t before = thread->blocked, wanted = *guest & ~SIGNALS_UNBLOCKABLE;
    uint64_t host = host_signal_allowed(wanted);
    int64_t result = -RESTART_NOHAND;
    thread->blocked = wanted;
    if (!signal_is_deliverable(thread))
        result = HOST_CALL(thread, SYS_rt_sigsuspend, (uintptr_t)&host, GUEST_SIGSET_BYTES);
    thread->blocked = before;
    if (result == -RESTART_NOINTR)
        return result;
    thread->saved_mask = before;
    thread->has_saved_mask = true;
    signal_set_blocked(thread, wanted);
    return -RESTART_NOHAND;
}

static int64_t give_siginfo(struct linux_thread *thread, uint64_t addr, const siginfo_t *info)
{
    if (addr) {
        siginfo_t *guest = guest_out(thread, addr, sizeof *guest);
        if (!guest)
            return -EFAULT;
        *guest = *info;
    }
    return info->si_signo;
}

int64_t sys_rt_sigtimedwait(struct linux_thread *thread, const uint64_t arg[])
{
    siginfo_t info;
    if (arg[3] != GUEST_SIGSET_BYTES)
        return -EINVAL;
    const uint64_t *set = guest_in(thread, arg[0], sizeof *set);
    const struct timespec *timeout = arg[2] ? guest_in(thread, arg[2], sizeof *timeout) : NULL;
    if (!set || (arg[2] && !timeout))
        return -EFAULT;
    uint64_t wanted = *set & ~SIGNALS_UNBLOCKABLE;
    signal_collect(thread);
    if (signal_take(thread, wanted, &info))
        return give_siginfo(thread, arg[1], &info);
    int64_t result = HOST_CALL(thread, SYS_rt_sigtimedwait, (uintptr_t)&wanted, (uintptr_t)&info,
                               (uintptr_t)timeout, GUEST_SIGSET_BYTES);
    if (result == -RESTART_SYS)
        return -EINTR;
    return result < 0 ? result : give_siginfo(thread, arg[1], &info);
}

int64_t sys_sigaltstack(struct linux_thread *thread, const uint64_t arg[])
{
    bool is_on = frame_on_altstack(thread);
    struct guest_stack before = thread->altstack;
    if (is_on)
        before.flags |= SS_ONSTACK;
    if (arg[0]) {
        const struct guest_stack *wanted = guest_in(thread, arg[0], sizeof *wanted);
        if (!wanted)
            return -EFAULT;
        if (is_on)
            return -EPERM;
        if (wanted->flags & ~(SS_DISABLE | SS_ONSTACK))
            return -EINVAL;
        if (!(wanted->flags & SS_DISABLE) && wanted->size_bytes < MIN_ALTSTACK_BYTES)
            return -ENOMEM;
        thread->altstack = *wanted;
        thread->altstack.flags &= SS_DISABLE;
        if (thread->altstack.flags & SS_DISABLE)
            thread->altstack.sp = thread->altstack.size_bytes = 0;
    }
    if (arg[1]) {
        struct guest_stack *old = guest_out(thread, arg[1], sizeof *old);
        if (!old)
            return -EFAULT;
        *old = before;
    }
    return 0;
}

/* ---- sending ---- */

/* code: SI_USER to the process, SI_TKILL to the thread. */
static int64_t send_to_self(struct linux_thread *thread, int signal, int code)
{
    siginfo_t info;
    if (signal == 0)
        return 0;
    memset(&info, 0, sizeof info);
    info.si_signo = signal;
    info.si_code = code;
    info.si_pid = getpid();
    info.si_uid = getuid();
    return signal_send(thread, code == SI_USER, &info);
}

static bool is_sendable(uint64_t number)
{
    return (int32_t)number == 0 || is_signal(number);
}

int64_t sys_kill(struct linux_thread *thread, const uint64_t arg[])
{
    if (!is_sendable(arg[1]))
        return -EINVAL;
    if ((int32_t)arg[0] == getpid())
        return send_to_self(thread, (int32_t)arg[1], SI_USER);
    return HOST_CALL(thread, SYS_kill, arg[0], arg[1]);
}

int64_t sys_tkill(struct linux_thread *thread, const uint64_t arg[])
{
    if (!is_sendable(arg[1]) || (int32_t)arg[0] <= 0)
        return -EINVAL;
    if ((int32_t)arg[0] == thread->tid)
        return send_to_self(thread, (int32_t)arg[1], SI_TKILL);
    return HOST_CALL(thread, SYS_tkill, arg[0], arg[1]);
}

int64_t sys_tgkill(struct linux_thread *thread, const uint64_t arg[])
{
    if (!is_sendable(arg[2]) || (int32_t)arg[0] <= 0 || (int32_t)arg[1] <= 0)
        return -EINVAL;
    if ((int32_t)arg[0] != getpid())
        return HOST_CALL(thread, SYS_tgkill, arg[0], arg[1], arg[2]);
    if ((int32_t)arg[1] != thread->tid)
        return -ESRCH; /* the emulator's own threads are not the guest's */
    return send_to_self(thread, (int32_t)arg[2], SI_TKILL);
}

static int64_t queue_to_self(struct linux_thread *thread, bool is_for_process, uint64_t signal,
                             uint64_t info_addr)
{
    const siginfo_t *guest = guest_in(thread, info_addr, sizeof *guest);
    if (!guest)
        return -EFAULT;
    if ((int32_t)signal == 0)
        return 0;
    siginfo_t info = *guest;
    info.si_signo = (int32_t)signal;
    return signal_send(thread, is_for_process, &info);
}

int64_t sys_rt_sigqueueinfo(struct linux_thread *thread, const uint64_t arg[])
{
    if (!is_sendable(arg[1]))
        return -EINVAL;
    if ((int32_t)arg[0] == getpid())
        return queue_to_self(thread, true, arg[1], arg[2]);
    const void *info = guest_in(thread, arg[2], sizeof(siginfo_t));
    return info ? HOST_CALL(thread, SYS_rt_sigqueueinfo, arg[0], arg[1], (uintptr_t)info) : -EFAULT;
}

int64_t sys_rt_tgsigqueueinfo(struct linux_thread *thread, const uint64_t arg[])
{
    if (!is_sendable(arg[2]))
        return -EINVAL;
    if ((int32_t)arg[0] == getpid())
        return (int32_t)arg[1] == thread->tid ? queue_to_self(thread, false, arg[2], arg[3])
                                              : -ESRCH;
    const void *info = guest_in(thread, arg[3], sizeof(siginfo_t));
    return info ? HOST_CALL(thread, SYS_rt_tgsigqueueinfo, arg[0], arg[1], arg[2], (uintptr_t)info)
                : -EFAULT;
}

/* The result is in the frame; a frame that cannot be read ends the process. */
int64_t sys_rt_sigreturn(struct linux_thread *thread, const uint64_t arg[])
{
    (void)arg;
    if (frame_restore(thread))
        return 0;
    linux_set_exit(thread->process, true, SIGSEGV);
    snprintf(thread->process->exit.message, sizeof thread->process->exit.message,
             "rt_sigreturn at pc %#llx: there is no signal frame on the stack",
             (unsigned long long)thread->vcpu->pc);
    return -EFAULT;
}
