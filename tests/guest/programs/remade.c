/* riscv64 only: a loop calls what is too large for its first region and fits a later one. The first is entered
 * behind the call, too, the later ones are not; and there what the first assumes of the loop's bound comes to
 * be wrong, again and again. */
#include <stdio.h>

long rounds(long n, long a);
long behind_call(long bound, long a);

__asm__(".text\n"
        ".globl rounds, behind_call\n"
        ".option push\n .option norelax\n"
        "rounds:\n"
        "    addi sp, sp, -32\n"
        "    sd ra, 24(sp)\n"
        "    sd s0, 16(sp)\n"
        "    sd s1, 8(sp)\n"
        "    li s0, 0\n"
        "    mv s1, a0\n"
        "again:\n"
        "    .rept 200\n"
        "    addw a1, a1, s0\n"
        "    xori a1, a1, 0x1a5\n"
        "    .endr\n"
        "    andi t0, s0, 3\n"
        "    bnez t0, behind\n"
        "    call large\n"
        "behind:\n"
        "    addiw s0, s0, 1\n"
        "    blt s0, s1, again\n"
        "    mv a0, a1\n"
        "    ld ra, 24(sp)\n"
        "    ld s0, 16(sp)\n"
        "    ld s1, 8(sp)\n"
        "    addi sp, sp, 32\n"
        "    ret\n"
        "behind_call:\n"
        "    addi sp, sp, -32\n"
        "    sd ra, 24(sp)\n"
        "    sd s0, 16(sp)\n"
        "    sd s1, 8(sp)\n"
        "    li s0, 3\n"
        "    mv s1, a0\n"
        "    lla ra, behind\n"
        "    j large\n"
        "large:\n"
        "    .rept 250\n"
        "    addw a1, a1, s0\n"
        "    xori a1, a1, 9\n"
        "    .endr\n"
        "    ret\n"
        ".option pop\n");

int main(void)
{
    long a = 1;
    for (int i = 0; i < 100; i++)
        a = rounds(300, a);
    printf("%ld\n", a);
    for (int i = 0; i < 300000; i++)
        a = behind_call(-(1L << 40), a);
    printf("%ld\n", a);
}
