/* riscv64 only: code that comes to exist in the fault handler of its own first call, and pages that
 * gain and lose the right to be executed. */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

enum { PAGE = 4096 };
typedef long function(long);
static volatile int signals, last_code;

static void put_adder(uint32_t *code, int value)
{
    code[0] = (uint32_t)value << 20 | 0x00050513; /* addi a0, a0, value */
    code[1] = 0x00008067;                         /* ret */
}

static void provide(int signal, siginfo_t *info, void *context)
{
    (void)signal;
    (void)context;
    uintptr_t page = (uintptr_t)info->si_addr & ~(uintptr_t)(PAGE - 1);
    signals = signals + 1;
    last_code = info->si_code;
    if (info->si_code == SEGV_ACCERR) {
        mprotect((void *)page, PAGE, PROT_READ | PROT_EXEC);
        return;
    }
    uint32_t *code = mmap((void *)page, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    put_adder(code, 10 * signals);
}

int main(void)
{
    struct sigaction action = {.sa_sigaction = provide, .sa_flags = SA_SIGINFO};
    sigaction(SIGSEGV, &action, NULL);
    function *f = (function *)0x50000000;
    printf("%ld", f(1));
    printf(" signals %d code %d\n", signals, last_code);
    for (int round = 0; round < 3; round++) {
        munmap((void *)0x50000000, PAGE);
        long x = 0;
        for (int i = 0; i < 100; i++)
            x = f(x);
        printf("%ld signals %d code %d\n", x, signals, last_code);
    }
    mprotect((void *)0x50000000, PAGE, PROT_READ | PROT_WRITE);
    put_adder((uint32_t *)0x50000000, 7);
    printf("%ld", f(0));
    printf(" signals %d code %d\n", signals, last_code);
    return 0;
}
