/* The end of the process, thread bookkeeping, futex, affinity. */
#include "src/linux/sys.h"

#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int64_t sys_exit(struct linux_thread *thread, const uint64_t arg[])
{
    linux_set_exit(thread->process, false, (int)(arg[0] & 0xff));
    return 0;
}

int64_t sys_exit_group(struct linux_thread *thread, const uint64_t arg[])
{
    linux_set_exit(thread->process, false, (int)(arg[0] & 0xff));
    return 0;
}

int64_t sys_set_tid_address(struct linux_thread *thread, const uint64_t arg[])
{
    thread->clear_child_tid = arg[0];
    return thread->tid;
}

enum { ROBUST_LIST_HEAD_BYTES = 24 };

int64_t sys_set_robust_list(struct linux_thread *thread, const uint64_t arg[])
{
    if (arg[1] != ROBUST_LIST_HEAD_BYTES)
        return -EINVAL;
    thread->robust_list = arg[0];
    return 0;
}

int64_t sys_get_robust_list(struct linux_thread *thread, const uint64_t arg[])
{
    if (arg[0] != 0 && (int32_t)arg[0] != thread->tid)
        return -EPERM;
    uint64_t *head = guest_out(thread, arg[1], sizeof *head);
    uint64_t *size_bytes = guest_out(thread, arg[2], sizeof *size_bytes);
    if (!head || !size_bytes)
        return -EFAULT;
    *head = thread->robust_list;
    *size_bytes = ROBUST_LIST_HEAD_BYTES;
    return 0;
}

/* The host's futex on the same memory; its word lies in the guest's window. */
int64_t sys_futex(struct linux_thread *thread, const uint64_t arg[])
{
    int operation = (int)arg[1] & FUTEX_CMD_MASK;
    bool is_waiting = operation == FUTEX_WAIT || operation == FUTEX_WAIT_BITSET;
    bool has_second =
        operation == FUTEX_REQUEUE || operation == FUTEX_CMP_REQUEUE || operation == FUTEX_WAKE_OP;
    bool is_plain = operation == FUTEX_WAKE || operation == FUTEX_WAKE_BITSET;
    if (!is_waiting && !has_second && !is_plain)
        return -ENOSYS;
    if (arg[0] % sizeof(uint32_t))
        return -EINVAL;
    const void *word = guest_in(thread, arg[0], sizeof(uint32_t));
    if (!word)
        return -EFAULT;
    uint64_t fourth = arg[3], fifth = 0;
    if (is_waiting && arg[3]) {
        fourth = (uintptr_t)guest_in(thread, arg[3], sizeof(struct timespec));
        if (!fourth)
            return -EFAULT;
    }
    if (has_second) {
        fifth = (uintptr_t)guest_out(thread, arg[4], sizeof(uint32_t));
        if (!fifth)
            return -EFAULT;
    }
    int64_t result =
        HOST_CALL(thread, SYS_futex, (uintptr_t)word, arg[1], arg[2], fourth, fifth, arg[5]);
    bool is_relative = operation == FUTEX_WAIT && arg[3];
    return result == -RESTART_SYS && is_relative ? -RESTART_NOHAND : result;
}

int64_t sys_sched_getaffinity(struct linux_thread *thread, const uint64_t arg[])
{
    void *set = guest_out(thread, arg[2], arg[1] < sizeof(cpu_set_t) ? arg[1] : sizeof(cpu_set_t));
    if (!set)
        return -EFAULT;
    return HOST_CALL(thread, SYS_sched_getaffinity, arg[0],
                     arg[1] < sizeof(cpu_set_t) ? arg[1] : sizeof(cpu_set_t), (uintptr_t)set);
}

int64_t sys_sched_setaffinity(struct linux_thread *thread, const uint64_t arg[])
{
    const void *set = guest_in(thread, arg[2], arg[1]);
    if (!set)
        return -EFAULT;
    return HOST_CALL(thread, SYS_sched_setaffinity, arg[0], arg[1], (uintptr_t)set);
}
