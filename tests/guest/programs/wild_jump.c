/* riscv64 only: jumps to where nothing is mapped. */
#include <stdio.h>

int main(void)
{
    puts("before the jump");
    fflush(stdout);
    ((void (*)(void))0x77777000)();
    puts("not reached");
    return 0;
}
