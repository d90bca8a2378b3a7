/* riscv64 only: dies of SIGSEGV; what it wrote before is there, the message names the place. */
#include <stdio.h>
#include <unistd.h>

int main(void)
{
    puts("buffered by the program, flushed");
    fflush(stdout);
    if (write(1, "written directly\n", 17) != 17)
        return 1;
    *(volatile int *)0x123450 = 1;
    puts("not reached");
    return 0;
}
