/* State of the guest's process and its threads; internal to src/linux.
 *
 * What belongs to the process (signal actions, exit, limits) and what belongs to a thread (blocked
 * signals, alternate stack, pending queue) is apart, as in Linux. The guest has one thread so far:
 * fields of linux_process are used on its thread only, unless they say otherwise. */
#ifndef TIERCEL_LINUX_PROCESS_H
#define TIERCEL_LINUX_PROCESS_H

#include "src/linux/abi.h"
#include "src/linux/host_call.h"
#include "src/linux/linux.h"

enum { SIGNAL_RING = 256, SIGNAL_QUEUE_MAX = 1024, LINUX_PATH_MAX = 4096 };

/* Signals waiting for delivery, oldest first. Owner: its thread or, for those sent to the process
 * as a whole, the process. */
struct signal_queue {
    siginfo_t *entry;
    uint32_t count, capacity;
};

/* Guest thread. Owner: its process. */
struct linux_thread {
    struct linux_process *process;
    struct vcpu *vcpu;
    int32_t tid;         /* the host thread's; 0 before its first system call */
    uint64_t blocked;    /* bit signal - 1 */
    uint64_t saved_mask; /* to restore after a call with a mask of its own */
    bool has_saved_mask;
    struct guest_stack altstack;
    struct signal_queue queue; /* of signals sent to this thread */
    uint64_t clear_child_tid;  /* set_tid_address */
    uint64_t robust_list;
    /* From the host's signal handler (producer) to this thread (consumer). */
    siginfo_t ring[SIGNAL_RING];
    _Atomic uint32_t ring_head; /* written by the handler */
    _Atomic uint32_t ring_tail; /* written by the thread */
};

/* Owner: whoever called linux_create. */
struct linux_process {
    struct linux_config config;     /* constant */
    char exec_path[LINUX_PATH_MAX]; /* absolute, constant */
    uint64_t trampoline;            /* guest address of the rt_sigreturn code, constant */
    struct linux_thread main_thread;
    struct signal_queue queue; /* of signals sent to the process */
    struct guest_sigaction action[GUEST_SIGNALS + 1];
    uint64_t hooked_signals; /* those with tiercel's handler on the host */
    struct sigaction original_action[GUEST_SIGNALS + 1]; /* the host's, of signals changed */
    uint64_t changed_signals;
    sigset_t original_mask;
    bool is_mask_changed;
    struct rlimit own_limit[RLIM_NLIMITS]; /* limits that are the guest's alone */
    uint32_t own_limit_set;                /* bit per resource */
    uint64_t personality;
    uint64_t random_state; /* of getrandom when deterministic */
    bool has_exited;
    struct linux_exit exit;
};

/* A system call's code: the result or -errno or -RESTART_*. */
typedef int64_t linux_syscall(struct linux_thread *thread, const uint64_t arg[]);

/* Host system call through the window that cannot miss a signal; EINTR becomes -RESTART_SYS. */
#define HOST_CALL(thread, number, ...) HOST_CALL_6(thread, number, __VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)
#define HOST_CALL_6(thread, number, a, b, c, d, e, f, ...)                                         \
    linux_call_host(thread, number, (uint64_t)(a), (uint64_t)(b), (uint64_t)(c), (uint64_t)(d),    \
                    (uint64_t)(e), (uint64_t)(f))
int64_t linux_call_host(struct linux_thread *thread, long number, uint64_t a, uint64_t b,
                        uint64_t c, uint64_t d, uint64_t e, uint64_t f);

/* Host pointers to guest memory: NULL unless the whole range may be read or written. */
static inline const void *guest_in(struct linux_thread *thread, uint64_t addr, uint64_t size_bytes)
{
    return space_pointer(thread->process->config.space, addr, size_bytes, SPACE_READ);
}
static inline void *guest_out(struct linux_thread *thread, uint64_t addr, uint64_t size_bytes)
{
    return space_pointer(thread->process->config.space, addr, size_bytes, SPACE_WRITE);
}

/* Host pointer to a buffer that the host's kernel will fill or read. Only its start must lie in the
 * window: what is not mapped behind it the host finds itself, with the partial result that Linux
 * gives (the window's guard is longer than any transfer). NULL: EFAULT. */
void *guest_buffer_out(struct linux_thread *thread, uint64_t addr, uint64_t size_bytes);
const void *guest_buffer_in(struct linux_thread *thread, uint64_t addr);

/* A path argument; NULL with -errno in *ret_result when it cannot be read. */
const char *guest_path(struct linux_thread *thread, uint64_t addr, int64_t *ret_result);
/* The same; the names of the program itself in /proc lead to the guest's program. */
const char *guest_path_redirected(struct linux_thread *thread, uint64_t addr, int64_t *ret_result);

void linux_set_exit(struct linux_process *process, bool is_signal, int status);

/* ---- signals (signal.c, frame.c, host_signal.c) ---- */

static inline uint64_t signal_bit(int signal)
{
    return UINT64_C(1) << (signal - 1);
}
/* SIGKILL and SIGSTOP. */
#define SIGNALS_UNBLOCKABLE (signal_bit(SIGKILL) | signal_bit(SIGSTOP))
/* Those whose host handlers belong to the engine; from other processes they are not taken. */
#define SIGNALS_OF_ENGINE                                                                          \
    (signal_bit(SIGSEGV) | signal_bit(SIGBUS) | signal_bit(SIGILL) | signal_bit(SIGFPE) |          \
     signal_bit(SIGTRAP))

/* Queues a signal that the guest sent to itself, to the thread or to its process: 0 or -EAGAIN.
 * Ignored ones vanish. */
int64_t signal_send(struct linux_thread *thread, bool is_for_process, const siginfo_t *info);
/* Moves what the host's handler left into the queues. */
void signal_collect(struct linux_thread *thread);
/* True when an unblocked signal waits that is not ignored. */
bool signal_is_deliverable(struct linux_thread *thread);
/* Delivers what is deliverable. restart: 0, or the RESTART_* with which the call at vcpu->pc ended
 * (its registers untouched). */
enum os_action signal_deliver(struct linux_thread *thread, int restart);
/* A fault: the handler's frame, or the end of the process with this message. */
enum os_action signal_force(struct linux_thread *thread, const siginfo_t *info,
                            const char *message);
void signal_set_blocked(struct linux_thread *thread, uint64_t mask);
/* Takes a waiting signal of a set: the thread's own before the process's, the lowest number first,
 * the oldest of equal ones. */
bool signal_take(struct linux_thread *thread, uint64_t set, siginfo_t *ret_info);
uint64_t signal_pending_set(const struct linux_thread *thread);

/* Builds the frame of a handler and sends the vcpu there; false when the stack is not writable. */
bool frame_build(struct linux_thread *thread, const struct guest_sigaction *action,
                 const siginfo_t *info);
/* rt_sigreturn: false when the frame cannot be read. */
bool frame_restore(struct linux_thread *thread);
/* Is the guest running on its alternate stack? */
bool frame_on_altstack(const struct linux_thread *thread);

/* Reads the dispositions that the process inherited. */
void host_signal_init(struct linux_process *process);
void host_signal_fini(struct linux_process *process);
/* Makes the host's disposition follow the guest's. */
void host_signal_follow(struct linux_process *process, int signal);
/* Makes the host's mask of this thread follow the guest's. */
void host_signal_mask(struct linux_thread *thread);
/* The guest's mask as the host may have it. */
uint64_t host_signal_allowed(uint64_t mask);

/* ---- table and trace (table.c, strace.c) ---- */

enum arg_how { ARG_VALUE, ARG_STRING, ARG_IN, ARG_OUT, ARG_BUFFER_IN, ARG_BUFFER_OUT };
enum arg_kind {
    A_NONE,
#define KIND(name, how, bytes, show, names) A_##name,
#include "src/linux/kinds.def"
#undef KIND
    A_COUNT
};
struct syscall_row {
    const char *name;
    linux_syscall *handler; /* NULL: through the host, by the kinds */
    long host_number;       /* of such a call */
    uint8_t kind[7];        /* of the arguments, ended by A_NONE */
    bool is_result_hex;
    bool is_missing; /* known, not provided: ENOSYS */
};
/* NULL when Linux has no such call. */
const struct syscall_row *syscall_row(uint64_t number);
/* Runs a call whose row has no handler. */
int64_t syscall_through_host(struct linux_thread *thread, const struct syscall_row *row,
                             const uint64_t arg[]);

/* The line of a call in two halves: the arguments before it runs (strings may be gone afterwards),
 * the rest after. */
enum { STRACE_LINE_BYTES = 1024 };
struct strace_line {
    char text[STRACE_LINE_BYTES];
    size_t length;
    unsigned shown; /* arguments so far */
};
void strace_enter(struct linux_thread *thread, struct strace_line *line, uint64_t number,
                  const uint64_t arg[]);
void strace_leave(struct linux_thread *thread, struct strace_line *line, uint64_t number,
                  const uint64_t arg[], int64_t result);
/* For calls that do not come back: prints the line with "?" as the result. */
void strace_no_return(struct linux_thread *thread, struct strace_line *line);
void strace_signal(struct linux_thread *thread, const siginfo_t *info);

#endif
