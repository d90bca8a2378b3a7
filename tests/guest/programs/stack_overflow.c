/* riscv64 only: recursion without end. */
#include <stdio.h>

static __attribute__((noinline)) long endless(volatile long *depth)
{
    volatile char frame[4000];
    *depth = *depth + 1;
    frame[0] = (char)*depth;
    return endless(depth) + frame[0];
}

int main(void)
{
    puts("descending");
    fflush(stdout);
    volatile long depth = 0;
    return (int)endless(&depth);
}
