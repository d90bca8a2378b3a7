/*
 * The shortest useful program: what "tiercel-bench startup" times, to see what an emulator
 * costs before the guest has done any work.
 */
#include <stdio.h>

int main(void)
{
    return puts("hello") < 0;
}
