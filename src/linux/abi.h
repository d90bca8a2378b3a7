/* The data layouts of Linux on riscv64 that differ from the host's, or that tiercel fills itself.
 *
 * Sources: include/uapi/asm-generic/{stat,fcntl,signal}.h, arch/riscv/include/uapi/asm/
 * {ucontext,sigcontext,ptrace,hwprobe}.h. Structures that are equal on both sides (statx, statfs,
 * timespec, rlimit, rusage, sysinfo, termios, siginfo, stack_t, flock, iovec, pollfd) are used as
 * the host has them; the assertions below say so. */
#ifndef TIERCEL_LINUX_ABI_H
#define TIERCEL_LINUX_ABI_H

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/statfs.h>
#include <sys/sysinfo.h>
#include <sys/times.h>
#include <sys/uio.h>

struct guest_stat {
    uint64_t dev, ino;
    uint32_t mode, nlink, uid, gid;
    uint64_t rdev, pad1;
    int64_t size_bytes;
    int32_t blksize, pad2;
    int64_t blocks;
    int64_t atime;
    uint64_t atime_ns;
    int64_t mtime;
    uint64_t mtime_ns;
    int64_t ctime;
    uint64_t ctime_ns;
    uint32_t unused[2];
};
_Static_assert(sizeof(struct guest_stat) == 128 && offsetof(struct guest_stat, size_bytes) == 48,
               "struct stat of asm-generic");

/* struct epoll_event is packed on x86_64 only. */
struct guest_epoll_event {
    uint32_t events, pad;
    uint64_t data;
};
_Static_assert(sizeof(struct guest_epoll_event) == 16, "struct epoll_event of riscv64");

/* RISC-V has no sa_restorer: the kernel's own trampoline is used. */
struct guest_sigaction {
    uint64_t handler; /* or GUEST_SIG_DFL, GUEST_SIG_IGN */
    uint64_t flags;
    uint64_t mask;
};
enum { GUEST_SIG_DFL = 0, GUEST_SIG_IGN = 1 };
enum { GUEST_SIGNALS = 64, GUEST_SIGSET_BYTES = 8 };
_Static_assert(sizeof(struct guest_sigaction) == 24, "struct sigaction of riscv64");

struct guest_stack {
    uint64_t sp;
    int32_t flags;
    uint32_t pad;
    uint64_t size_bytes;
};
_Static_assert(sizeof(struct guest_stack) == sizeof(stack_t), "stack_t");

struct guest_sigcontext {
    uint64_t pc, reg[31]; /* x1 to x31 */
    uint64_t fp[32];      /* __riscv_d_ext_state */
    uint32_t fcsr;
    uint32_t pad[65]; /* to the size of __riscv_q_ext_state, then no extension records */
    uint32_t end_magic, end_size;
};
struct guest_ucontext {
    uint64_t flags, link;
    struct guest_stack stack;
    uint64_t mask;
    uint8_t unused[1024 / 8 - sizeof(uint64_t)];
    uint64_t align; /* the context is 16-byte aligned */
    struct guest_sigcontext context;
};
struct guest_sigframe {
    siginfo_t info;
    struct guest_ucontext ucontext;
};
_Static_assert(offsetof(struct guest_ucontext, context) == 176, "uc_mcontext");
_Static_assert(sizeof(struct guest_sigcontext) == 784, "struct sigcontext");
_Static_assert(offsetof(struct guest_sigcontext, fcsr) == 512, "fcsr");
_Static_assert(sizeof(siginfo_t) == 128 && sizeof(struct guest_sigframe) == 1088, "rt_sigframe");

struct guest_hwprobe {
    int64_t key;
    uint64_t value;
};

/* open(2) flags and fcntl numbers are asm-generic's on x86_64 too. */
_Static_assert(O_DIRECTORY == 0200000 && O_NOFOLLOW == 0400000 && O_DIRECT == 040000 &&
                   O_CLOEXEC == 02000000 && O_NONBLOCK == 04000 && O_APPEND == 02000 &&
                   F_SETLKW == 7 && F_GETOWN == 9,
               "asm-generic fcntl.h");
_Static_assert(sizeof(struct flock) == 32 && sizeof(struct rusage) == 144 &&
                   sizeof(struct statfs) == 120 && sizeof(struct sysinfo) == 112 &&
                   sizeof(struct tms) == 32 && sizeof(struct iovec) == 16 &&
                   sizeof(struct pollfd) == 8,
               "structures that are the same on both sides");

#endif
