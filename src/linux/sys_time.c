/* Clocks and sleeping. */
#include "src/linux/sys.h"

#include <errno.h>
#include <sys/syscall.h>
#include <time.h>

/* Through libc, which needs no kernel for the common clocks. */
int64_t sys_clock_gettime(struct linux_thread *thread, const uint64_t arg[])
{
    struct timespec now, *guest = guest_out(thread, arg[1], sizeof *guest);
    if (clock_gettime((clockid_t)arg[0], &now))
        return -errno;
    if (!guest)
        return -EFAULT;
    *guest = now;
    return 0;
}

static int64_t sleep_call(struct linux_thread *thread, clockid_t clock, int flags,
                          uint64_t request_addr, uint64_t remain_addr)
{
    struct timespec remain = {0};
    const struct timespec *request = guest_in(thread, request_addr, sizeof *request);
    if (!request)
        return -EFAULT;
    int64_t result = HOST_CALL(thread, SYS_clock_nanosleep, clock, flags, (uintptr_t)request,
                               (uintptr_t)&remain);
    if (result != -RESTART_SYS)
        return result;
    if (flags & TIMER_ABSTIME)
        return -RESTART_NOHAND;
    if (remain_addr) {
        struct timespec *guest = guest_out(thread, remain_addr, sizeof *guest);
        if (!guest)
            return -EFAULT;
        *guest = remain;
    }
    return -EINTR;
}

int64_t sys_nanosleep(struct linux_thread *thread, const uint64_t arg[])
{
    return sleep_call(thread, CLOCK_MONOTONIC, 0, arg[0], arg[1]);
}

int64_t sys_clock_nanosleep(struct linux_thread *thread, const uint64_t arg[])
{
    return sleep_call(thread, (clockid_t)arg[0], (int)arg[1], arg[2], arg[3]);
}
