/* riscv64 only: code that is entered in the middle, by branches and through pointers, after it has been
 * run from its beginning: what its beginning sets must not be taken for known there. */
#include <stdio.h>

long by_branch(long is_other, long a);
long to_address(long is_other);
long by_loop(long n);
long by_pair(void);
long behind_calls(long n, long (*callee)(long));
long add_one(long a);
long many_calls(long a, long (*callee)(long));
extern const char middle[], second_of_pair[];

__asm__(".text\n"
        ".globl by_branch, to_address, by_loop, middle, by_pair, second_of_pair, behind_calls, add_one, many_calls\n"
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
        "by_pair:\n"
        "    lui a0, 1\n"
        "second_of_pair:\n"
        "    addi a0, a0, 5\n"
        "    slli a0, a0, 1\n"
        "    ret\n"
        "add_one:\n"
        "    addi a0, a0, 1\n"
        "    ret\n"
        "many_calls:\n" /* more code than most instructions have, in each of them */
        "    addi sp, sp, -16\n"
        "    sd ra, 8(sp)\n"
        "    sd s11, 0(sp)\n"
        "    addi s11, a1, -4\n"
        "    .rept 240\n"
        "    jalr ra, 4(s11)\n"
        "    .endr\n"
        "    ld ra, 8(sp)\n"
        "    ld s11, 0(sp)\n"
        "    addi sp, sp, 16\n"
        "    ret\n"
        "behind_calls:\n" /* forward over calls and jumps, a return amid */
        "    addi sp, sp, -16\n"
        "    sd ra, 8(sp)\n"
        "    sd s0, 0(sp)\n"
        "    mv s0, a1\n"
        "    li a5, 9\n"
        "    bltz a0, 5f\n"
        "    beqz a0, 4f\n"
        "    jal add_one\n"
        "    li a5, 2\n"
        "    jalr s0\n"
        "    j 6f\n"
        "4:  jalr s0\n"
        "    ld ra, 8(sp)\n"
        "    ld s0, 0(sp)\n"
        "    addi sp, sp, 16\n"
        "    ret\n"
        "5:  add a0, a0, a5\n"
        "6:  slli a0, a0, 2\n"
        "    ld ra, 8(sp)\n"
        "    ld s0, 0(sp)\n"
        "    addi sp, sp, 16\n"
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
    for (int round = 0; round < 300; round++) {
        register long a0 __asm__("a0") = 20;
        long whole = by_pair(), calls = behind_calls(5, add_one), other = behind_calls(0, add_one),
             low = behind_calls(-4, add_one);
        a0 = 20 + round;
        __asm__ volatile("jalr ra, %1" : "+r"(a0) : "r"(second_of_pair) : "ra", "memory");
        if (round % 100 == 0)
            printf("pair %ld %ld, calls %ld %ld %ld, %ld\n", whole, a0, calls, other, low,
                   many_calls(round, add_one));
    }
    return 0;
}
