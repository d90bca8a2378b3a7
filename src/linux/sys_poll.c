/* ppoll, pselect6 and epoll: waiting with a signal mask of their own.
 *
 * The mask holds for the host's call too, so nothing is missed between. When the call is
 * interrupted it stays in force until delivery, which restores the old one. */
#include "src/linux/sys.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/syscall.h>

/* The mask of one call. */
struct own_mask {
    bool is_set;
    uint64_t old, host; /* the guest's before; what the host's call gets */
};

/* 0, -errno, or -RESTART_NOHAND when a waiting signal is deliverable under the mask. */
static int64_t own_mask_begin(struct linux_thread *thread, uint64_t addr, uint64_t size_bytes,
                              struct own_mask *mask)
{
    mask->is_set = addr != 0;
    if (!mask->is_set)
        return 0;
    if (size_bytes != GUEST_SIGSET_BYTES)
        return -EINVAL;
    const uint64_t *guest = guest_in(thread, addr, sizeof *guest);
    if (!guest)
        return -EFAULT;
    mask->old = thread->blocked;
    mask->host = host_signal_allowed(*guest);
    thread->blocked = *guest & ~SIGNALS_UNBLOCKABLE;
    if (!signal_is_deliverable(thread))
        return 0;
    thread->blocked = mask->old;
    thread->saved_mask = mask->old;
    thread->has_saved_mask = true;
    signal_set_blocked(thread, *guest);
    return -RESTART_NOHAND;
}

static int64_t own_mask_end(struct linux_thread *thread, const struct own_mask *mask,
                            int64_t result)
{
    if (result == -RESTART_SYS)
        result = -RESTART_NOHAND;
    if (!mask->is_set)
        return result;
    uint64_t temporary = thread->blocked;
    thread->blocked = mask->old;
    if (result == -RESTART_NOHAND) {
        thread->saved_mask = mask->old;
        thread->has_saved_mask = true;
        signal_set_blocked(thread, temporary);
    }
    return result;
}

int64_t sys_ppoll(struct linux_thread *thread, const uint64_t arg[])
{
    struct own_mask mask;
    struct timespec *timeout = NULL;
    uint64_t count = (uint32_t)arg[1];
    struct pollfd *fds = guest_out(thread, arg[0], count * sizeof *fds);
    if (!fds && count)
        return -EFAULT;
    if (arg[2] && !(timeout = guest_out(thread, arg[2], sizeof *timeout)))
        return -EFAULT;
    int64_t result = own_mask_begin(thread, arg[3], arg[4], &mask);
    if (result)
        return result;
    result = HOST_CALL(thread, SYS_ppoll, (uintptr_t)fds, count, (uintptr_t)timeout,
                       (uintptr_t)(mask.is_set ? &mask.host : NULL), GUEST_SIGSET_BYTES);
    return own_mask_end(thread, &mask, result);
}

/* One of pselect6's sets: 0 or -EFAULT. */
static int64_t set_pointer(struct linux_thread *thread, uint64_t addr, int64_t count,
                           void **ret_pointer)
{
    size_t size_bytes = (size_t)(count + 63) / 64 * sizeof(uint64_t);
    *ret_pointer = addr ? guest_out(thread, addr, size_bytes) : NULL;
    return addr && !*ret_pointer ? -EFAULT : 0;
}

int64_t sys_pselect6(struct linux_thread *thread, const uint64_t arg[])
{
    struct own_mask mask;
    struct timespec *timeout = NULL;
    void *set[3];
    uint64_t mask_addr = 0, mask_bytes = 0;
    int64_t count = (int32_t)arg[0], result = 0;
    if (count < 0)
        return -EINVAL;
    for (unsigned i = 0; i < 3 && !result; i++)
        result = set_pointer(thread, arg[1 + i], count, &set[i]);
    if (result)
        return result;
    if (arg[4] && !(timeout = guest_out(thread, arg[4], sizeof *timeout)))
        return -EFAULT;
    if (arg[5]) {
        const uint64_t *pair = guest_in(thread, arg[5], 2 * sizeof *pair);
        if (!pair)
            return -EFAULT;
        mask_addr = pair[0];
        mask_bytes = pair[1];
    }
    result = own_mask_begin(thread, mask_addr, mask_bytes, &mask);
    if (result)
        return result;
    uint64_t host_pair[2] = {(uintptr_t)&mask.host, GUEST_SIGSET_BYTES};
    result = HOST_CALL(thread, SYS_pselect6, count, (uintptr_t)set[0], (uintptr_t)set[1],
                       (uintptr_t)set[2], (uintptr_t)timeout,
                       (uintptr_t)(mask.is_set ? host_pair : NULL));
    return own_mask_end(thread, &mask, result);
}

/* ---- epoll ---- */

enum { EPOLL_EVENTS_MAX = 1024 };

int64_t sys_epoll_ctl(struct linux_thread *thread, const uint64_t arg[])
{
    struct epoll_event event = {0};
    if (arg[1] != EPOLL_CTL_DEL) {
        const struct guest_epoll_event *guest = guest_in(thread, arg[3], sizeof *guest);
        if (!guest)
            return -EFAULT;
        event.events = guest->events;
        event.data.u64 = guest->data;
    }
    return HOST_CALL(thread, SYS_epoll_ctl, arg[0], arg[1], arg[2], (uintptr_t)&event);
}

int64_t sys_epoll_pwait(struct linux_thread *thread, const uint64_t arg[])
{
    struct epoll_event events[EPOLL_EVENTS_MAX];
    struct own_mask mask;
    int64_t count = (int32_t)arg[2];
    if (count <= 0)
        return -EINVAL;
    if (count > EPOLL_EVENTS_MAX)
        count = EPOLL_EVENTS_MAX;
    struct guest_epoll_event *guest = guest_out(thread, arg[1], (uint64_t)count * sizeof *guest);
    if (!guest)
        return -EFAULT;
    int64_t result = own_mask_begin(thread, arg[4], arg[5], &mask);
    if (result)
        return result;
    result = HOST_CALL(thread, SYS_epoll_pwait, arg[0], (uintptr_t)events, count, arg[3],
                       (uintptr_t)(mask.is_set ? &mask.host : NULL), GUEST_SIGSET_BYTES);
    for (int64_t i = 0; i < result; i++)
        guest[i] =
            (struct guest_epoll_event){.events = events[i].events, .data = events[i].data.u64};
    return own_mask_end(thread, &mask, result);
}
