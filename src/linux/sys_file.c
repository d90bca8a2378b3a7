/* Reading, writing, descriptors, fcntl, ioctl. Guest descriptors are the host's. */
#include "src/linux/sys.h"

#include "src/base/bits.h"
#include "src/base/descriptors.h"

#include <errno.h>
#include <limits.h>
#include <linux/fs.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

int64_t sys_read(struct linux_thread *thread, const uint64_t arg[])
{
    void *buffer = guest_buffer_out(thread, arg[1], arg[2]);
    if (!buffer)
        return -EFAULT;
    return HOST_CALL(thread, SYS_read, arg[0], (uintptr_t)buffer, arg[2]);
}

int64_t sys_write(struct linux_thread *thread, const uint64_t arg[])
{
    const void *buffer = guest_buffer_in(thread, arg[1]);
    if (!buffer)
        return -EFAULT;
    return HOST_CALL(thread, SYS_write, arg[0], (uintptr_t)buffer, arg[2]);
}

int64_t sys_pread64(struct linux_thread *thread, const uint64_t arg[])
{
    void *buffer = guest_buffer_out(thread, arg[1], arg[2]);
    if (!buffer)
        return -EFAULT;
    return HOST_CALL(thread, SYS_pread64, arg[0], (uintptr_t)buffer, arg[2], arg[3]);
}

int64_t sys_pwrite64(struct linux_thread *thread, const uint64_t arg[])
{
    const void *buffer = guest_buffer_in(thread, arg[1]);
    if (!buffer)
        return -EFAULT;
    return HOST_CALL(thread, SYS_pwrite64, arg[0], (uintptr_t)buffer, arg[2], arg[3]);
}

/* ---- vectors ---- */

/* Turns the guest's vector into one of host pointers: 0 or -errno. */
static int64_t convert_vector(struct linux_thread *thread, uint64_t addr, uint64_t count,
                              bool is_write, struct iovec *vector)
{
    if (count > IOV_MAX)
        return -EINVAL;
    const struct iovec *guest = guest_in(thread, addr, count * sizeof *guest);
    if (!guest)
        return -EFAULT;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t base = (uintptr_t)guest[i].iov_base;
        size_t size_bytes = guest[i].iov_len;
        const void *pointer =
            is_write ? guest_buffer_out(thread, base, size_bytes) : guest_buffer_in(thread, base);
        if (!pointer && size_bytes)
            return -EFAULT;
        vector[i] = (struct iovec){(void *)(uintptr_t)pointer, size_bytes};
    }
    return 0;
}

static int64_t vector_call(struct linux_thread *thread, long number, const uint64_t arg[],
                           bool is_write, uint64_t offset)
{
    struct iovec vector[IOV_MAX];
    uint64_t count = (uint32_t)arg[2];
    int64_t result = convert_vector(thread, arg[1], count, is_write, vector);
    if (result)
        return result;
    return HOST_CALL(thread, number, arg[0], (uintptr_t)vector, count, offset, 0);
}

int64_t sys_readv(struct linux_thread *thread, const uint64_t arg[])
{
    return vector_call(thread, SYS_readv, arg, true, 0);
}

int64_t sys_writev(struct linux_thread *thread, const uint64_t arg[])
{
    return vector_call(thread, SYS_writev, arg, false, 0);
}

int64_t sys_preadv(struct linux_thread *thread, const uint64_t arg[])
{
    return vector_call(thread, SYS_preadv, arg, true, arg[3]);
}

int64_t sys_pwritev(struct linux_thread *thread, const uint64_t arg[])
{
    return vector_call(thread, SYS_pwritev, arg, false, arg[3]);
}

/* ---- descriptors ---- */

int64_t sys_close(struct linux_thread *thread, const uint64_t arg[])
{
    if (descriptor_is_own((int)arg[0]))
        return -EBADF;
    return HOST_CALL(thread, SYS_close, arg[0]);
}

int64_t sys_dup3(struct linux_thread *thread, const uint64_t arg[])
{
    if (descriptor_is_own((int)arg[1]))
        return -EBADF;
    return HOST_CALL(thread, SYS_dup3, arg[0], arg[1], arg[2]);
}

/* In pieces around tiercel's own. */
int64_t sys_close_range(struct linux_thread *thread, const uint64_t arg[])
{
    unsigned first = (unsigned)arg[0], last = (unsigned)arg[1];
    int own;
    while ((own = descriptor_first_own(first, last)) >= 0) {
        int64_t result = 0;
        if ((unsigned)own > first)
            result = HOST_CALL(thread, SYS_close_range, first, own - 1, arg[2]);
        if (result || (unsigned)own == last)
            return result;
        first = (unsigned)own + 1;
    }
    return HOST_CALL(thread, SYS_close_range, first, last, arg[2]);
}

/* Commands whose argument points to something, and its size; the others take a number. */
static const struct {
    int command;
    uint16_t size_bytes;
    bool is_out;
} fcntl_pointers[] = {
    {F_GETLK, sizeof(struct flock), true},          {F_SETLK, sizeof(struct flock), false},
    {F_SETLKW, sizeof(struct flock), false},        {F_OFD_GETLK, sizeof(struct flock), true},
    {F_OFD_SETLK, sizeof(struct flock), false},     {F_OFD_SETLKW, sizeof(struct flock), false},
    {F_GETOWN_EX, sizeof(struct f_owner_ex), true}, {F_SETOWN_EX, sizeof(struct f_owner_ex), false},
};

int64_t sys_fcntl(struct linux_thread *thread, const uint64_t arg[])
{
    uint64_t value = arg[2];
    for (size_t i = 0; i < ARRAY_LENGTH(fcntl_pointers); i++) {
        if (fcntl_pointers[i].command != (int)arg[1])
            continue;
        size_t size_bytes = fcntl_pointers[i].size_bytes;
        const void *pointer = fcntl_pointers[i].is_out ? guest_out(thread, arg[2], size_bytes)
                                                       : guest_in(thread, arg[2], size_bytes);
        if (!pointer)
            return -EFAULT;
        value = (uintptr_t)pointer;
    }
    return HOST_CALL(thread, SYS_fcntl, arg[0], arg[1], value);
}

/* The requests that are passed on; numbers and structures are asm-generic's on both sides. */
enum ioctl_how { IOCTL_VALUE, IOCTL_IN, IOCTL_OUT };
enum { KERNEL_TERMIOS_BYTES = 36 };
static const struct {
    uint32_t request;
    uint8_t how;
    uint8_t size_bytes;
} ioctls[] = {
    {TCGETS, IOCTL_OUT, KERNEL_TERMIOS_BYTES},
    {TCSETS, IOCTL_IN, KERNEL_TERMIOS_BYTES},
    {TCSETSW, IOCTL_IN, KERNEL_TERMIOS_BYTES},
    {TCSETSF, IOCTL_IN, KERNEL_TERMIOS_BYTES},
    {TCSBRK, IOCTL_VALUE, 0},
    {TCXONC, IOCTL_VALUE, 0},
    {TCFLSH, IOCTL_VALUE, 0},
    {TIOCEXCL, IOCTL_VALUE, 0},
    {TIOCNXCL, IOCTL_VALUE, 0},
    {TIOCSCTTY, IOCTL_VALUE, 0},
    {TIOCNOTTY, IOCTL_VALUE, 0},
    {TIOCGPGRP, IOCTL_OUT, sizeof(int)},
    {TIOCSPGRP, IOCTL_IN, sizeof(int)},
    {TIOCGSID, IOCTL_OUT, sizeof(int)},
    {TIOCOUTQ, IOCTL_OUT, sizeof(int)},
    {TIOCGWINSZ, IOCTL_OUT, sizeof(struct winsize)},
    {TIOCSWINSZ, IOCTL_IN, sizeof(struct winsize)},
    {TIOCGPTN, IOCTL_OUT, sizeof(int)},
    {TIOCSPTLCK, IOCTL_IN, sizeof(int)},
    {FIONREAD, IOCTL_OUT, sizeof(int)},
    {FIONBIO, IOCTL_IN, sizeof(int)},
    {FIOASYNC, IOCTL_IN, sizeof(int)},
    {FIOCLEX, IOCTL_VALUE, 0},
    {FIONCLEX, IOCTL_VALUE, 0},
    {FICLONE, IOCTL_VALUE, 0},
    {BLKGETSIZE64, IOCTL_OUT, sizeof(uint64_t)},
    {BLKSSZGET, IOCTL_OUT, sizeof(int)},
    {FS_IOC_GETFLAGS, IOCTL_OUT, sizeof(uint64_t)},
};

int64_t sys_ioctl(struct linux_thread *thread, const uint64_t arg[])
{
    for (size_t i = 0; i < ARRAY_LENGTH(ioctls); i++) {
        if (ioctls[i].request != (uint32_t)arg[1])
            continue;
        uint64_t value = arg[2];
        if (ioctls[i].how != IOCTL_VALUE) {
            const void *pointer = ioctls[i].how == IOCTL_OUT
                                      ? guest_out(thread, arg[2], ioctls[i].size_bytes)
                                      : guest_in(thread, arg[2], ioctls[i].size_bytes);
            if (!pointer)
                return -EFAULT;
            value = (uintptr_t)pointer;
        }
        return HOST_CALL(thread, SYS_ioctl, arg[0], arg[1], value);
    }
    int64_t result = HOST_CALL(thread, SYS_fcntl, arg[0], F_GETFD);
    return result < 0 ? result : -ENOTTY; /* no such request for this descriptor */
}
