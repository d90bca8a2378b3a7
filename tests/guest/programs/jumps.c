/* setjmp and longjmp: values, nesting, callee-saved and floating-point registers. */
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>

static jmp_buf outer, inner;

static __attribute__((noinline)) void leap(int depth, jmp_buf *where, int value)
{
    volatile char room[64];
    room[0] = (char)depth;
    if (depth == 0)
        longjmp(*where, value);
    leap(depth - 1, where, value);
    room[1] = room[0];
}

static __attribute__((noinline)) double work(double a, double b)
{
    double c = a * 1.5, d = b + 2.25, e = a - b;
    long x = (long)a, y = (long)b;
    if (setjmp(inner) == 0)
        leap(50, &inner, 1);
    return c + d * e + (double)(x * y);
}

int main(void)
{
    volatile int count = 0;
    int value = setjmp(outer);
    printf("setjmp gave %d\n", value);
    if (value < 4) {
        count = count + 1;
        leap(value * 10, &outer, value + 1);
    }
    printf("count %d\n", count);
    if (setjmp(outer) == 0)
        longjmp(outer, 0); /* becomes 1 */
    else
        puts("zero became one");
    printf("%.4f %.4f\n", work(3.0, 4.0), work(-7.5, 0.125));
    sigjmp_buf with_mask;
    sigset_t set;
    sigemptyset(&set);
    volatile int rounds = 0;
    if (sigsetjmp(with_mask, 1) < 3) {
        sigset_t now;
        sigprocmask(SIG_SETMASK, NULL, &now);
        printf("blocked %d\n", sigismember(&now, SIGUSR1));
        sigaddset(&set, SIGUSR1);
        sigprocmask(SIG_BLOCK, &set, NULL);
        rounds = rounds + 1;
        siglongjmp(with_mask, rounds);
    }
    long total = 0;
    for (volatile int i = 0; i < 20000; i = i + 1)
        if (setjmp(inner) == 0)
            leap(3, &inner, 1);
        else
            total += i;
    printf("total %ld\n", total);
    return 0;
}
