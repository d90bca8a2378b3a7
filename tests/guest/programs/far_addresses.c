/* riscv64 only: accesses to addresses outside the host's canonical range are SIGSEGV like all others,
 * whichever register holds the address and whether or not there is a displacement. */
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>

static sigjmp_buf retry;
static unsigned segvs, others;

static void count(int signal)
{
    if (signal == SIGSEGV)
        segvs++;
    else
        others++;
    siglongjmp(retry, 1);
}

#define TRY(instruction, reg)                                                                      \
    if (!sigsetjmp(retry, 1))                                                                      \
        __asm__ volatile("mv " reg ", %0\n " instruction "(" reg ")" ::"r"(far) : reg, "memory");
#define TRY_ALL(reg)                                                                               \
    TRY("ld zero, 0", reg) TRY("sb zero, 0", reg) TRY("ld zero, 8", reg) TRY("sd ra, 2000", reg)   \
    TRY("lr.d t0, ", reg) TRY("amoadd.w zero, ra, ", reg) TRY("sd t3, 0", reg) TRY("amomax.d t4, t3, ", reg)

int main(void)
{
    volatile uint64_t far = UINT64_C(0xf123456789abc000);
    signal(SIGSEGV, count);
    signal(SIGBUS, count);
    TRY_ALL("t1") TRY_ALL("t2") TRY_ALL("a0") TRY_ALL("a1") TRY_ALL("a2") TRY_ALL("a3")
    TRY_ALL("a4") TRY_ALL("a5") TRY_ALL("a6") TRY_ALL("s5") TRY_ALL("s11") TRY_ALL("t6")
    printf("%u of %u\n", segvs, segvs + others);
    return 0;
}
