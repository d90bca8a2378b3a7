/* riscv64 only: illegal instructions and breakpoints, with a handler that steps over, then fatal.
 */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <ucontext.h>

static volatile int signals, last_code;
static volatile uintptr_t last_address, last_pc;

static void step_over(int signal, siginfo_t *info, void *context)
{
    ucontext_t *state = context;
    signals = signals + 1;
    last_code = info->si_code;
    last_address = (uintptr_t)info->si_addr;
    last_pc = state->uc_mcontext.__gregs[REG_PC];
    state->uc_mcontext.__gregs[REG_PC] += *(uint16_t *)last_pc % 4 == 3 ? 4 : 2;
    state->uc_mcontext.__gregs[REG_A0] += (uintptr_t)signal; /* a0 of the interrupted code */
}

static long provoke(long value, int kind)
{
    register long a0 __asm__("a0") = value;
    if (kind == 0)
        __asm__ volatile(".half 0" : "+r"(a0)::"memory");
    else if (kind == 1)
        __asm__ volatile(".word 0xffffffff" : "+r"(a0)::"memory");
    else if (kind == 2)
        __asm__ volatile(".option push\n.option norvc\nebreak\n.option pop" : "+r"(a0)::"memory");
    else
        __asm__ volatile("csrr t0, sstatus" : "+r"(a0)::"memory", "t0"); /* privileged */
    return a0;
}

int main(void)
{
    struct sigaction action = {.sa_sigaction = step_over, .sa_flags = SA_SIGINFO};
    sigaction(SIGILL, &action, NULL);
    sigaction(SIGTRAP, &action, NULL);
    for (int kind = 0; kind < 4; kind++) {
        long result = provoke(100, kind);
        printf("kind %d: a0 %ld code %d address is pc %d\n", kind, result, last_code,
               last_address == last_pc);
    }
    printf("signals %d\n", signals);
    /* Registers are restored from the frame, floating-point ones included. */
    double x = 1.25, y = -3.5;
    for (int i = 0; i < 500; i++) {
        x = x * 1.0001 + (double)provoke(i, i % 2);
        y -= x / 3;
    }
    printf("%a %a\n", x, y);
    signal(SIGILL, SIG_DFL);
    fflush(stdout);
    provoke(0, 1);
    return 0;
}
