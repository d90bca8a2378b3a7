/* riscv64 only: the signal frame as Linux lays it out, read and changed by a handler. */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

static volatile int checks;
static uintptr_t stack_pointer, return_address;

static void inspect(int signal, siginfo_t *info, void *context)
{
    ucontext_t *state = context;
    uintptr_t sp, ra = (uintptr_t)__builtin_return_address(0);
    __asm__ volatile("mv %0, sp" : "=r"(sp));
    const uint32_t *code = (const uint32_t *)ra;
    printf("signal %d trampoline %08x %08x\n", signal, code[0], code[1]);
    printf("context follows info: %ld, aligned %d\n", (long)((char *)context - (char *)info),
           (uintptr_t)info % 16 == 0);
    printf("registers at %ld, below the old stack %d\n",
           (long)((char *)&state->uc_mcontext - (char *)context),
           (uintptr_t)info < stack_pointer && sp < stack_pointer);
    printf("s2 %lx s3 %lx\n", state->uc_mcontext.__gregs[18], state->uc_mcontext.__gregs[19]);
    printf("fs2 %llx\n", (unsigned long long)state->uc_mcontext.__fpregs.__d.__f[18]);
    printf("mask %d\n", sigismember(&state->uc_sigmask, SIGUSR2));
    printf("fcsr %x\n", state->uc_mcontext.__fpregs.__d.__fcsr);
    state->uc_mcontext.__gregs[18] = 0x1234;
    state->uc_mcontext.__fpregs.__d.__f[18] = 0x4008000000000000; /* 3.0 */
    state->uc_mcontext.__fpregs.__d.__fcsr = 0x45;                /* down, overflow, inexact */
    sigaddset(&state->uc_sigmask, SIGUSR2);
    return_address = ra;
    checks = checks + 1;
    /* The handler's own floating-point work must not reach the program. */
    volatile double a = 1, b = 0, c = a / b;
    (void)c;
}

int main(void)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    struct sigaction action = {.sa_sigaction = inspect, .sa_flags = SA_SIGINFO};
    sigaction(SIGUSR1, &action, NULL);
    long s2, s3, result;
    double fs2;
    unsigned long fcsr;
    register long a0 __asm__("a0") = getpid();
    register long a1 __asm__("a1") = SIGUSR1;
    register long a7 __asm__("a7") = 129; /* kill */
    __asm__ volatile("mv %0, sp" : "=r"(stack_pointer));
    __asm__ volatile("li s2, 0xabc\nli s3, 0xdef\nli t0, 0x21\nfscsr t0\n"
                     "li t0, 0x4000\nslli t0, t0, 48\nfmv.d.x fs2, t0\n"
                     "ecall\n"
                     "mv %0, s2\nmv %1, s3\nfmv.d %2, fs2\nfrcsr %3\nfscsr zero\n"
                     : "=r"(s2), "=r"(s3), "=f"(fs2), "=r"(fcsr), "+r"(a0)
                     : "r"(a1), "r"(a7)
                     : "s2", "s3", "fs2", "t0", "memory");
    result = a0;
    printf("result %ld s2 %lx s3 %lx fs2 %g fcsr %lx\n", result, s2, s3, fs2, fcsr);
    sigset_t now;
    sigprocmask(SIG_SETMASK, NULL, &now);
    printf("mask after %d, checks %d\n", sigismember(&now, SIGUSR2), checks);
    return 0;
}
