/* riscv64 only: code that is entered in the middle, by branches and through pointers, after it has been
 * run from its beginning: what its beginning sets must not be taken for known there. */
#include <stdio.h>

long by_branch(long is_other, long a);
long to_address(long is_other);
long by_loop(long n);
extern const char middle[];

__asm__(".text\n"
        ".globl by_branch, to_address, by_loop, middle\n"
        ".option push\n .option norelax\n"
        "by_branch:\n"
        "    li a5, 7\n"
        "    bnez a0, 1f\n"
        "    li a5, 5\n"
        "    li a4, 100\n"
        "    mv a1, a4\n"
        "1:  addi a2, a5, 1\n"
        "    add a0, a2, a1\n"
        "    ret\n"
        "to_address:\n"
        "    lla t1, numbers + 8\n"
        "    bnez a0, 2f\n"
        "    lla t1, numbers\n"
        "2:  ld a0, 0(t1)\n"
        "    addiw a1, t1, 0\n"
        "    ret\n"
        "by_loop:\n"
        "    li a5, 0\n"
        "    li a4, 3\n"
        "middle:\n"
        "    add a5, a5, a4\n"
        "    addi a0, a0, -1\n"
        "    beqz a0, 3f\n"
        "    li a4, 4\n"
        "    j middle\n"
        "3:  mv a0, a5\n"
        "    ret\n"
        ".option pop\n"
        ".section .rodata\n .balign 8\n"
        "numbers: .dword 1234, 5678\n"
        ".text\n");

int main(void)
{
    for (int round = 0; round < 300; round++) {
        long sum = by_branch(0, 1000) + by_branch(1, 1000) + to_address(0) + to_address(1) + by_loop(5);
        if (round % 100 == 0)
            printf("%d: %ld %ld %ld %ld %ld, %ld\n", round, by_branch(0, 1000), by_branch(1, 1000),
                   to_address(0), to_address(1), by_loop(5), sum);
    }
    for (int round = 0; round < 300; round++) {
        register long n __asm__("a0") = 2;
        register long a4 __asm__("a4") = round, a5 __asm__("a5") = 10000;
        __asm__ volatile("jalr ra, %3" : "+r"(n), "+r"(a4), "+r"(a5) : "r"(middle) : "ra", "memory");
        if (round % 100 == 0)
            printf("middle %ld\n", n);
    }
    return 0;
}
