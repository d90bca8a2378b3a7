/* System calls through linux_ops with a vcpu of the test's own: results, bad pointers, signals,
 * frames, traces. The guest's memory is two pages of data and what the calls map. */
#include "src/linux/abi.h"
#include "src/linux/linux.h"

#include <check.h>
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>

enum { A0 = 10, A7 = 17, SP = 2, RA = 1 };
enum { DATA = 0x100000, DATA_BYTES = 0x4000, CODE_PC = 0x5000 };

static unsigned disassemble(const uint8_t *bytes, size_t available_bytes, uint64_t pc, char *text,
                            size_t text_size)
{
    (void)available_bytes;
    (void)pc;
    snprintf(text, text_size, ".half 0x%02x%02x", bytes[1], bytes[0]);
    return 2;
}

static const struct guest_isa isa = {
    .name = "riscv64",
    .syscall_number_reg = A7,
    .syscall_result_reg = A0,
    .syscall_arg_reg = {10, 11, 12, 13, 14, 15},
    .stack_reg = SP,
    .thread_reg = 4,
    .return_reg = RA,
    .ecall_size_bytes = 4,
    .disassemble = disassemble,
};

static struct space *space;
static struct linux_process *process;
static struct vcpu *vcpu;
static FILE *trace;
static char *trace_text;
static size_t trace_bytes;

static void begin(bool is_deterministic)
{
    struct error err;
    uint64_t at;
    ck_assert_int_eq(space_create(true, &space, &err), STATUS_OK);
    ck_assert_int_eq(space_map(space, DATA, DATA_BYTES, SPACE_READ | SPACE_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0, &at),
                     0);
    trace = open_memstream(&trace_text, &trace_bytes);
    struct linux_config config = {.space = space,
                                  .isa = &isa,
                                  .exec_path = "/bin/true",
                                  .strace = trace,
                                  .is_deterministic = is_deterministic};
    ck_assert_int_eq(linux_create(&config, &process, &err), STATUS_OK);
    vcpu = aligned_alloc(64, (sizeof *vcpu + 63) / 64 * 64);
    memset(vcpu, 0, sizeof *vcpu);
    vcpu_init(vcpu, space_base(space));
    vcpu->pc = CODE_PC;
    vcpu->reg[SP] = DATA + DATA_BYTES;
    linux_attach(process, vcpu);
}

static void setup(void)
{
    begin(false);
}

static void teardown(void)
{
    linux_destroy(&process);
    ck_assert_ptr_null(process);
    space_destroy(&space);
    fclose(trace);
    free(trace_text);
    free(vcpu);
}

static void *guest(uint64_t addr)
{
    return space_base(space) + addr;
}

static enum os_action call_action(uint64_t number, const uint64_t *arg)
{
    vcpu->reg[A7] = number;
    memcpy(&vcpu->reg[A0], arg, 6 * sizeof *arg);
    return linux_ops.syscall(process, vcpu);
}

#define CALL(number, ...) call(number, (uint64_t[7]){__VA_ARGS__})
static int64_t call(uint64_t number, const uint64_t *arg)
{
    uint64_t pc = vcpu->pc;
    ck_assert_int_eq(call_action(number, arg), OS_CONTINUE);
    ck_assert_uint_eq(vcpu->pc, pc + 4);
    return (int64_t)vcpu->reg[A0];
}

static void expect_trace(const char *text)
{
    fflush(trace);
    ck_assert_msg(strstr(trace_text, text), "no \"%s\" in:\n%s", text, trace_text);
}

START_TEST(files_and_partial_results)
{
    char path[] = "/tmp/tiercel-linux-XXXXXX";
    close(mkstemp(path));
    strcpy(guest(DATA), path);
    int64_t fd = CALL(56, (uint64_t)AT_FDCWD, DATA, O_RDWR | O_CLOEXEC, 0);
    ck_assert_int_ge(fd, 3);
    memset(guest(DATA + 0x3000), 'z', 0x1000);
    /* Only a page of the buffer is mapped: Linux writes what it can. */
    ck_assert_int_eq(CALL(64, (uint64_t)fd, DATA + 0x3000, 0x2000), 0x1000);
    ck_assert_int_eq(CALL(64, (uint64_t)fd, DATA + DATA_BYTES, 10), -EFAULT);
    ck_assert_int_eq(CALL(64, (uint64_t)fd, UINT64_MAX - 100, 10), -EFAULT);
    ck_assert_int_eq(CALL(62, (uint64_t)fd, 0, SEEK_SET), 0);
    ck_assert_int_eq(CALL(63, (uint64_t)fd, DATA + 0x3ff0, 100), 16);
    ck_assert_int_eq(CALL(63, (uint64_t)fd, DATA + DATA_BYTES, 100), -EFAULT);
    ck_assert_int_eq(CALL(67, (uint64_t)fd, DATA, 4, 4094), 2);
    /* Vectors. */
    uint64_t *vector = guest(DATA + 0x100);
    memcpy(vector, (uint64_t[]){DATA, 4, 0, 0, DATA + 8, 4}, 48);
    ck_assert_int_eq(CALL(69, (uint64_t)fd, DATA + 0x100, 3, 0), 8);
    ck_assert_int_eq(CALL(65, (uint64_t)fd, DATA + DATA_BYTES - 8, 1), -EFAULT);
    ck_assert_int_eq(CALL(65, (uint64_t)fd, DATA, 1u << 20), -EINVAL);
    vector[0] = UINT64_MAX - 3;
    ck_assert_int_eq(CALL(66, (uint64_t)fd, DATA + 0x100, 3), -EFAULT);
    /* stat in the layout of asm-generic. */
    ck_assert_int_eq(CALL(80, (uint64_t)fd, DATA + 0x200), 0);
    const struct guest_stat *stat = guest(DATA + 0x200);
    ck_assert_int_eq(stat->size_bytes, 4096);
    ck_assert_uint_eq(stat->mode, 0100600);
    ck_assert_uint_eq(stat->nlink, 1);
    ck_assert_int_eq(CALL(80, (uint64_t)fd, 8), -EFAULT);
    ck_assert_int_eq(CALL(57, (uint64_t)fd), 0);
    ck_assert_int_eq(CALL(57, (uint64_t)fd), -EBADF);
    unlink(path);
    expect_trace("openat(AT_FDCWD, \"/tmp/tiercel-linux-");
    expect_trace("O_RDWR|O_CLOEXEC, 0) = ");
    expect_trace("\"zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz\"..., 8192) = 4096\n");
    expect_trace(") = -1 EFAULT (Bad address)\n");
    expect_trace(") = -1 EBADF (Bad file descriptor)\n");
}
END_TEST

START_TEST(paths)
{
    memset(guest(DATA), 'x', DATA_BYTES);
    ck_assert_int_eq(CALL(56, (uint64_t)AT_FDCWD, DATA + DATA_BYTES - 8, 0), -EFAULT);
    ck_assert_int_eq(CALL(56, (uint64_t)AT_FDCWD, DATA, 0), -ENAMETOOLONG);
    ck_assert_int_eq(CALL(49, 8), -EFAULT);
    strcpy(guest(DATA), "/proc/self/exe");
    int64_t length = CALL(78, (uint64_t)AT_FDCWD, DATA, DATA + 0x100, 256);
    char real[4096];
    ck_assert_ptr_nonnull(realpath("/bin/true", real));
    ck_assert_int_eq(length, (int64_t)strlen(real));
    ck_assert_mem_eq(guest(DATA + 0x100), real, strlen(real));
    ck_assert_int_eq(CALL(78, (uint64_t)AT_FDCWD, DATA, DATA + 0x100, 3), 3);
    ck_assert_int_eq(CALL(78, (uint64_t)AT_FDCWD, DATA, DATA + 0x100, 0), -EINVAL);
    ck_assert_int_eq(CALL(17, DATA, 1), -ERANGE);
    ck_assert_int_eq(CALL(17, 8, 4096), -EFAULT);
    ck_assert_int_gt(CALL(17, DATA, 4096), 1);
    ck_assert_int_eq(CALL(35, (uint64_t)AT_FDCWD, 0, 0), -EFAULT);
}
END_TEST

START_TEST(unknown_and_missing_calls)
{
    ck_assert_int_eq(CALL(1000), -ENOSYS);
    ck_assert_int_eq(CALL(UINT64_MAX), -ENOSYS);
    ck_assert_int_eq(CALL(220, 17), -ENOSYS);
    ck_assert_int_eq(CALL(293), -ENOSYS);
    expect_trace("syscall 1000 (not known)");
    expect_trace("clone() = -1 ENOSYS (Function not implemented)");
}
END_TEST

START_TEST(memory_calls)
{
    uint64_t brk = (uint64_t)CALL(214, 0);
    ck_assert_uint_eq((uint64_t)CALL(214, brk), brk);
    int64_t at =
        CALL(222, 0, 0x3000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, UINT64_MAX, 0);
    ck_assert_int_gt(at, 0);
    expect_trace("mmap(NULL, 12288, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x");
    memset(guest((uint64_t)at), 7, 0x3000);
    ck_assert_int_eq(CALL(233, (uint64_t)at, 0x1000, MADV_DONTNEED), 0);
    ck_assert_int_eq(*(uint8_t *)guest((uint64_t)at), 0);
    ck_assert_int_eq(CALL(233, (uint64_t)at, 0x1000, 9999), -EINVAL);
    ck_assert_int_eq(CALL(233, (uint64_t)at + 1, 0x1000, MADV_DONTNEED), -EINVAL);
    ck_assert_int_eq(CALL(226, (uint64_t)at, 0x1000, PROT_READ), 0);
    ck_assert_int_eq(CALL(226, (uint64_t)at, 0x100000, PROT_READ), -ENOMEM);
    int64_t moved = CALL(216, (uint64_t)at + 0x1000, 0x2000, 0x9000, MREMAP_MAYMOVE);
    ck_assert_int_eq(*(uint8_t *)guest((uint64_t)moved), 7);
    ck_assert_int_eq(CALL(215, (uint64_t)moved, 0x9000), 0);
    ck_assert_int_eq(CALL(215, 1, 0x1000), -EINVAL);
    ck_assert_int_eq(CALL(222, 0, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS), -EINVAL);
    ck_assert_int_eq(CALL(222, 0, 4096, PROT_READ, MAP_ANONYMOUS), -EINVAL);
    ck_assert_int_eq(CALL(228, (uint64_t)moved, 0x1000), -ENOMEM);
}
END_TEST

START_TEST(information)
{
    ck_assert_int_eq(CALL(160, DATA), 0);
    ck_assert_str_eq((char *)guest(DATA) + 4 * 65, "riscv64");
    ck_assert_int_eq(CALL(160, DATA + DATA_BYTES - 65), -EFAULT);
    struct guest_hwprobe *pair = guest(DATA);
    memcpy(pair, (struct guest_hwprobe[]){{4, 9}, {-1, 9}, {100, 9}}, 48);
    ck_assert_int_eq(CALL(258, DATA, 3, 0, 0, 0), 0);
    ck_assert_uint_eq(pair[0].value, 0x3b);
    ck_assert_int_eq(pair[1].key, -1);
    ck_assert_uint_eq(pair[1].value, 0);
    ck_assert_int_eq(pair[2].key, -1);
    ck_assert_int_eq(CALL(258, DATA, 3, 0, 0, 5), -EINVAL);
    ck_assert_int_eq(CALL(258, DATA, UINT64_MAX, 0, 0, 0), -EINVAL);
    memset(guest(DATA), 0, 8);
    ck_assert_int_eq(CALL(258, DATA + 8, 1, 8, DATA, 0), -EINVAL); /* an empty set of cpus */
    ck_assert_int_eq(CALL(261, 0, RLIMIT_NOFILE, 0, DATA), 0);
    ck_assert_int_eq(CALL(261, 0, 999, 0, DATA), -EINVAL);
    ck_assert_int_eq(CALL(261, 0, RLIMIT_NOFILE, 8, 0), -EFAULT);
    ck_assert_int_eq(CALL(172), getpid());
    ck_assert_int_eq(CALL(96, DATA), gettid());
    ck_assert_int_eq(CALL(113, CLOCK_MONOTONIC, DATA), 0);
    ck_assert_int_eq(CALL(113, CLOCK_MONOTONIC, 8), -EFAULT);
    ck_assert_int_eq(CALL(113, 99, DATA), -EINVAL);
    ck_assert_int_gt(CALL(123, 0, 128, DATA), 0);
}
END_TEST

START_TEST(futexes)
{
    uint32_t *word = guest(DATA);
    *word = 5;
    ck_assert_int_eq(CALL(98, DATA, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 4, 0), -EAGAIN);
    *(struct timespec *)guest(DATA + 16) = (struct timespec){0, 1000000};
    ck_assert_int_eq(CALL(98, DATA, FUTEX_WAIT, 5, DATA + 16), -ETIMEDOUT);
    ck_assert_int_eq(CALL(98, DATA, FUTEX_WAKE, 1), 0);
    ck_assert_int_eq(CALL(98, DATA + 1, FUTEX_WAKE, 1), -EINVAL);
    ck_assert_int_eq(CALL(98, 0x8, FUTEX_WAIT, 5), -EFAULT);
    ck_assert_int_eq(CALL(98, DATA, FUTEX_LOCK_PI, 0), -ENOSYS);
    expect_trace("FUTEX_WAIT|FUTEX_PRIVATE_FLAG, 4, NULL");
}
END_TEST

START_TEST(deterministic_random)
{
    uint8_t first[16];
    teardown();
    begin(true);
    ck_assert_int_eq(CALL(278, DATA, 16, 0), 16);
    memcpy(first, guest(DATA), 16);
    ck_assert_int_eq(CALL(278, DATA + 16, 16, 0), 16);
    ck_assert_mem_ne(guest(DATA + 16), first, 16);
    ck_assert_int_eq(CALL(278, 8, 16, 0), -EFAULT);
    teardown();
    begin(true);
    ck_assert_int_eq(CALL(278, DATA, 16, 0), 16);
    ck_assert_mem_eq(guest(DATA), first, 16);
}
END_TEST

START_TEST(exit_status)
{
    ck_assert_int_eq(call_action(94, (uint64_t[6]){0x1234}), OS_EXIT);
    ck_assert(!linux_exit_of(process)->is_signal);
    ck_assert_int_eq(linux_exit_of(process)->status, 0x34);
    expect_trace("exit_group(4660) = ?\n");
}
END_TEST

/* ---- signals ---- */

enum { HANDLER = 0x7000, HANDLER_2 = 0x7100 };

static void install(int signal, uint64_t handler, uint64_t flags, uint64_t mask)
{
    *(struct guest_sigaction *)guest(DATA + 0x800) =
        (struct guest_sigaction){.handler = handler, .flags = flags, .mask = mask};
    ck_assert_int_eq(CALL(134, (uint64_t)signal, DATA + 0x800, 0, 8), 0);
}

static void mask(int how, uint64_t set)
{
    *(uint64_t *)guest(DATA + 0x840) = set;
    ck_assert_int_eq(CALL(135, (uint64_t)how, DATA + 0x840, 0, 8), 0);
}

/* Sends the process a signal; the vcpu must be in the handler afterwards. */
static void send_and_enter(int signal, uint64_t handler)
{
    ck_assert_int_eq(call_action(129, (uint64_t[6]){(uint64_t)getpid(), (uint64_t)signal}),
                     OS_CONTINUE);
    ck_assert_uint_eq(vcpu->pc, handler);
}

static void return_from_handler(void)
{
    vcpu->reg[A7] = 139;
    ck_assert_int_eq(linux_ops.syscall(process, vcpu), OS_CONTINUE);
}

START_TEST(handler_frame_and_return)
{
    install(SIGUSR1, HANDLER, SA_SIGINFO, 1u << (SIGUSR2 - 1));
    for (unsigned i = 5; i < 10; i++)
        vcpu->reg[i] = 0x1000 + i;
    for (unsigned i = 32; i < 64; i++)
        vcpu->reg[i] = 0x5000 + i;
    vcpu_set_fcsr(vcpu, 0x65);
    uint64_t pc = vcpu->pc, sp = vcpu->reg[SP];
    send_and_enter(SIGUSR1, HANDLER);
    const struct guest_sigframe *frame = guest(vcpu->reg[SP]);
    ck_assert_uint_eq(vcpu->reg[SP] % 16, 0);
    ck_assert_uint_eq(vcpu->reg[A0], SIGUSR1);
    ck_assert_uint_eq(vcpu->reg[11], vcpu->reg[SP]);
    ck_assert_uint_eq(vcpu->reg[12], vcpu->reg[SP] + 128);
    const uint32_t *trampoline = guest(vcpu->reg[RA]);
    ck_assert_uint_eq(trampoline[0], 0x08b00893);
    ck_assert_uint_eq(trampoline[1], 0x00000073);
    ck_assert_int_eq(frame->info.si_signo, SIGUSR1);
    ck_assert_int_eq(frame->info.si_code, SI_USER);
    ck_assert_int_eq(frame->info.si_pid, getpid());
    ck_assert_uint_eq(frame->ucontext.context.pc, pc + 4);
    ck_assert_uint_eq(frame->ucontext.context.reg[SP - 1], sp);
    ck_assert_uint_eq(frame->ucontext.context.reg[A0 - 1], 0); /* kill's result */
    ck_assert_uint_eq(frame->ucontext.context.fp[31], 0x5000 + 63);
    ck_assert_uint_eq(frame->ucontext.context.fcsr, 0x65);
    for (unsigned i = 0; i < 64; i++)
        if (i != SP)
            vcpu->reg[i] = 0xdead;
    vcpu_set_fcsr(vcpu, 0);
    return_from_handler();
    ck_assert_uint_eq(vcpu->pc, pc + 4);
    ck_assert_uint_eq(vcpu->reg[SP], sp);
    ck_assert_uint_eq(vcpu->reg[7], 0x1007);
    ck_assert_uint_eq(vcpu->reg[40], 0x5028);
    ck_assert_uint_eq(vcpu_fcsr(vcpu), 0x65);
}
END_TEST

START_TEST(masks_queue_and_nesting)
{
    install(SIGUSR1, HANDLER, 0, 0);
    install(SIGUSR2, HANDLER_2, 0, 0);
    uint64_t both = 1u << (SIGUSR1 - 1) | 1u << (SIGUSR2 - 1);
    mask(SIG_BLOCK, both);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(CALL(129, (uint64_t)getpid(), SIGUSR2), 0);
        ck_assert_int_eq(CALL(131, (uint64_t)getpid(), (uint64_t)gettid(), SIGUSR1), 0);
    }
    ck_assert_int_eq(CALL(136, DATA, 8), 0);
    ck_assert_uint_eq(*(uint64_t *)guest(DATA), both);
    /* Both become deliverable: two frames, the higher number's handler on top. */
    *(uint64_t *)guest(DATA) = both;
    uint64_t pc = vcpu->pc;
    ck_assert_int_eq(call_action(135, (uint64_t[6]){SIG_UNBLOCK, DATA, 0, 8}), OS_CONTINUE);
    ck_assert_uint_eq(vcpu->pc, HANDLER_2);
    ck_assert_uint_eq(vcpu->reg[A0], SIGUSR2);
    return_from_handler();
    ck_assert_uint_eq(vcpu->pc, HANDLER);
    ck_assert_uint_eq(vcpu->reg[A0], SIGUSR1);
    return_from_handler();
    ck_assert_uint_eq(vcpu->pc, pc + 4);
    ck_assert_int_eq(CALL(136, DATA, 8), 0);
    ck_assert_uint_eq(*(uint64_t *)guest(DATA), 0);
}
END_TEST

START_TEST(default_and_ignored)
{
    ck_assert_int_eq(CALL(129, (uint64_t)getpid(), SIGCHLD), 0);
    install(SIGTERM, GUEST_SIG_IGN, 0, 0);
    ck_assert_int_eq(CALL(129, (uint64_t)getpid(), SIGTERM), 0);
    install(SIGTERM, GUEST_SIG_DFL, 0, 0);
    ck_assert_int_eq(CALL(129, (uint64_t)getpid(), 0), 0);
    ck_assert_int_eq(CALL(129, (uint64_t)getpid(), 65), -EINVAL);
    ck_assert_int_eq(CALL(131, (uint64_t)getpid(), 1, SIGTERM), -ESRCH);
    ck_assert_int_eq(call_action(129, (uint64_t[6]){(uint64_t)getpid(), SIGTERM}), OS_EXIT);
    ck_assert(linux_exit_of(process)->is_signal);
    ck_assert_int_eq(linux_exit_of(process)->status, SIGTERM);
    ck_assert_str_eq(linux_exit_of(process)->message, "");
}
END_TEST

START_TEST(fault_goes_to_the_handler)
{
    install(SIGSEGV, HANDLER, SA_SIGINFO, 0);
    struct guest_fault fault = {.kind = GUEST_FAULT_ACCESS,
                                .pc = vcpu->pc,
                                .address = 0x123,
                                .is_write = true,
                                .is_state_exact = true};
    uint64_t pc = vcpu->pc;
    ck_assert_int_eq(linux_ops.fault(process, vcpu, &fault), OS_CONTINUE);
    const struct guest_sigframe *frame = guest(vcpu->reg[SP]);
    ck_assert_uint_eq(vcpu->pc, HANDLER);
    ck_assert_int_eq(frame->info.si_code, SEGV_MAPERR);
    ck_assert_ptr_eq(frame->info.si_addr, (void *)0x123);
    ck_assert_uint_eq(frame->ucontext.context.pc, pc);
    /* Again inside the handler, where it is blocked: the end. */
    ck_assert_int_eq(linux_ops.fault(process, vcpu, &fault), OS_EXIT);
    ck_assert_int_eq(linux_exit_of(process)->status, SIGSEGV);
    ck_assert_str_eq(linux_exit_of(process)->message,
                     "store to 0x123 at pc 0x5004: address 0x123 is not mapped");
}
END_TEST

START_TEST(fault_messages)
{
    static const struct {
        enum guest_fault_kind kind;
        int signal;
        uint64_t address;
        const char *message;
    } rows[] = {
        {GUEST_FAULT_ILLEGAL, SIGILL, 0x100000,
         "illegal instruction (?) at pc 0x100000: address 0x100000 lies in 0x100000-0x104000 rw- "
         "[anonymous]"},
        {GUEST_FAULT_BREAKPOINT, SIGTRAP, 0x50, "breakpoint (?) at pc 0x50: address 0x50 is not"},
        {GUEST_FAULT_FETCH, SIGSEGV, 0x4000000000,
         "instruction fetch at pc 0x4000000000: address 0x4000000000 is outside the guest's"},
        {GUEST_FAULT_ACCESS, SIGSEGV, 0x105000,
         "load from 0x105000 at pc 0x105000: address 0x105000 is not mapped (nearest below "},
        {GUEST_FAULT_BUS, SIGBUS, 0x100001, "misaligned atomic access at pc 0x100001"},
    };
    struct guest_fault fault = {
        .kind = rows[_i].kind, .pc = rows[_i].address, .address = rows[_i].address};
    vcpu->pc = fault.pc;
    ck_assert_int_eq(linux_ops.fault(process, vcpu, &fault), OS_EXIT);
    const struct linux_exit *end = linux_exit_of(process);
    ck_assert(end->is_signal);
    ck_assert_int_eq(end->status, rows[_i].signal);
    ck_assert_msg(!strncmp(end->message, rows[_i].message, strlen(rows[_i].message)), "%s",
                  end->message);
}
END_TEST

START_TEST(no_stack_for_a_handler)
{
    install(SIGUSR1, HANDLER, 0, 0);
    vcpu->reg[SP] = 0x40;
    ck_assert_int_eq(call_action(129, (uint64_t[6]){(uint64_t)getpid(), SIGUSR1}), OS_EXIT);
    ck_assert_int_eq(linux_exit_of(process)->status, SIGSEGV);
    ck_assert_ptr_nonnull(strstr(linux_exit_of(process)->message, "no stack for the handler"));
}
END_TEST

START_TEST(return_without_a_frame)
{
    vcpu->reg[SP] = 0x40;
    vcpu->reg[A7] = 139;
    ck_assert_int_eq(linux_ops.syscall(process, vcpu), OS_EXIT);
    ck_assert_int_eq(linux_exit_of(process)->status, SIGSEGV);
}
END_TEST

START_TEST(alternate_stack)
{
    *(struct guest_stack *)guest(DATA) =
        (struct guest_stack){.sp = DATA + 0x1000, .size_bytes = 0x1000};
    ck_assert_int_eq(CALL(132, DATA, 0), 0);
    install(SIGUSR1, HANDLER, SA_ONSTACK | SA_NODEFER, 0);
    uint64_t sp = vcpu->reg[SP];
    send_and_enter(SIGUSR1, HANDLER);
    ck_assert_uint_eq(vcpu->reg[SP], (DATA + 0x2000 - sizeof(struct guest_sigframe)) & ~15u);
    ck_assert_int_eq(CALL(132, DATA, 0), -EPERM);
    send_and_enter(SIGUSR1, HANDLER); /* nested: below the first, on the same stack */
    ck_assert_uint_gt(vcpu->reg[SP], DATA + 0x1000);
    return_from_handler();
    return_from_handler();
    ck_assert_uint_eq(vcpu->reg[SP], sp);
    ck_assert_int_eq(CALL(132, 0, DATA), 0);
    ck_assert_int_eq(((struct guest_stack *)guest(DATA))->flags, 0);
}
END_TEST

/* A timer of the host: sets the pending bit, and is delivered at the next poll. */
START_TEST(host_signal_is_delivered)
{
    install(SIGALRM, HANDLER, SA_RESTART, 0);
    struct itimerval soon = {.it_value = {0, 1000}};
    memcpy(guest(DATA), &soon, sizeof soon);
    ck_assert_int_eq(CALL(103, ITIMER_REAL, DATA, 0), 0);
    for (int i = 0; i < 2000 && !(atomic_load(&vcpu->pending) & VCPU_PENDING_SIGNAL); i++)
        usleep(1000);
    ck_assert_uint_eq(atomic_load(&vcpu->pending), VCPU_PENDING_SIGNAL);
    ck_assert_int_eq(linux_ops.signal(process, vcpu), OS_CONTINUE);
    ck_assert_uint_eq(vcpu->pc, HANDLER);
    ck_assert_uint_eq(atomic_load(&vcpu->pending), 0);
}
END_TEST

/* A read that a signal interrupts: repeated with SA_RESTART, EINTR without. */
static void interrupt_read(uint64_t flags, uint64_t *ret_frame_pc, uint64_t *ret_frame_a0)
{
    int pair[2];
    ck_assert_int_eq(pipe(pair), 0);
    install(SIGALRM, HANDLER, flags, 0);
    struct itimerval soon = {.it_value = {0, 20000}};
    setitimer(ITIMER_REAL, &soon, NULL);
    ck_assert_int_eq(call_action(63, (uint64_t[6]){(uint64_t)pair[0], DATA, 10}), OS_CONTINUE);
    ck_assert_uint_eq(vcpu->pc, HANDLER);
    const struct guest_sigframe *frame = guest(vcpu->reg[SP]);
    *ret_frame_pc = frame->ucontext.context.pc;
    *ret_frame_a0 = frame->ucontext.context.reg[A0 - 1];
    close(pair[1]);
    if (*ret_frame_a0 == (uint64_t)pair[0]) {
        return_from_handler(); /* the read happens now, and finds the end of the pipe */
        ck_assert_int_eq(linux_ops.syscall(process, vcpu), OS_CONTINUE);
        ck_assert_uint_eq(vcpu->reg[A0], 0);
        *ret_frame_a0 = 0;
    }
    close(pair[0]);
}

START_TEST(restart_semantics)
{
    uint64_t frame_pc, frame_a0, pc;
    pc = vcpu->pc + 4; /* after rt_sigaction */
    interrupt_read(SA_RESTART, &frame_pc, &frame_a0);
    ck_assert_uint_eq(frame_pc, pc);
    ck_assert_uint_eq(frame_a0, 0);
    pc = vcpu->pc + 4;
    interrupt_read(0, &frame_pc, &frame_a0);
    ck_assert_uint_eq(frame_pc, pc + 4);
    ck_assert_int_eq((int64_t)frame_a0, -EINTR);
}
END_TEST

/* Signals that arrive at any instruction around a blocking call never leave it asleep. */
static void *pester(void *context)
{
    pthread_t *guest_thread = context;
    for (int i = 0; i < 3000; i++) {
        pthread_kill(*guest_thread, SIGUSR1);
        for (volatile int spin = 0; spin < i % 700; spin = spin + 1)
            ;
    }
    return NULL;
}

START_TEST(no_signal_is_missed)
{
    install(SIGUSR1, HANDLER, SA_RESTART, 0);
    pthread_t self = pthread_self(), other;
    ck_assert_int_eq(pthread_create(&other, NULL, pester, &self), 0);
    *(struct timespec *)guest(DATA) = (struct timespec){0, 20000};
    unsigned handled = 0;
    bool is_over = false;
    uint64_t home = vcpu->pc;
    while (!is_over) {
        is_over = pthread_tryjoin_np(other, NULL) == 0;
        vcpu->pc = home;
        ck_assert_int_eq(call_action(101, (uint64_t[6]){DATA, 0}), OS_CONTINUE);
        while (vcpu->pc == HANDLER) {
            handled++;
            return_from_handler();
        }
    }
    ck_assert_uint_gt(handled, 0);
    ck_assert_uint_eq(atomic_load(&vcpu->pending), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("linux");
    TCase *group = tcase_create("linux");
    tcase_set_timeout(group, 30);
    tcase_add_checked_fixture(group, setup, teardown);
    tcase_add_test(group, files_and_partial_results);
    tcase_add_test(group, paths);
    tcase_add_test(group, unknown_and_missing_calls);
    tcase_add_test(group, memory_calls);
    tcase_add_test(group, information);
    tcase_add_test(group, futexes);
    tcase_add_test(group, deterministic_random);
    tcase_add_test(group, exit_status);
    tcase_add_test(group, handler_frame_and_return);
    tcase_add_test(group, masks_queue_and_nesting);
    tcase_add_test(group, default_and_ignored);
    tcase_add_test(group, fault_goes_to_the_handler);
    tcase_add_loop_test(group, fault_messages, 0, 5);
    tcase_add_test(group, no_stack_for_a_handler);
    tcase_add_test(group, return_without_a_frame);
    tcase_add_test(group, alternate_stack);
    tcase_add_test(group, host_signal_is_delivered);
    tcase_add_test(group, restart_semantics);
    tcase_add_test(group, no_signal_is_missed);
    suite_add_tcase(suite, group);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
