/* riscv64 only: code that is written, run, changed and run again, with fence.i and without moving.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { PAGE = 4096 };
typedef long function(long);

/* addi a0, a0, value; ret */
static void write_adder(uint32_t *code, int value)
{
    code[0] = (uint32_t)value << 20 | 0x00050513;
    code[1] = 0x00008067;
    __asm__ volatile("fence.i" ::: "memory");
}

static long run_often(function *f, long x, int times)
{
    for (int i = 0; i < times; i++)
        x = f(x);
    return x;
}

int main(void)
{
    uint32_t *code = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC,
                          MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    function *f = (function *)(void *)code;
    for (int value = 1; value <= 20; value++) {
        write_adder(code, value);
        printf("%ld ", run_often(f, 0, value % 5 == 0 ? 3000 : 10));
    }
    puts("");
    /* The same page holds data that changes while the code runs. */
    volatile uint32_t *counter = code + 100;
    write_adder(code, 3);
    long x = 0;
    for (int i = 0; i < 2000; i++) {
        x = f(x);
        *counter = *counter + 1;
    }
    printf("%ld %u\n", x, *counter);
    /* A function across a page border, changed in its second half. */
    uint32_t *border = code + PAGE / 4 - 1;
    function *g = (function *)(void *)border;
    write_adder(border, 7);
    printf("%ld ", g(0));
    border[1] = 0x00150513; /* addi a0, a0, 1 */
    border[2] = 0x00008067;
    __asm__ volatile("fence.i" ::: "memory");
    printf("%ld\n", g(0));
    /* Written through the kernel: read() into code. */
    int pair[2];
    uint32_t fresh[2] = {0x06450513, 0x00008067}; /* addi a0, a0, 100 */
    if (pipe(pair) || write(pair[1], fresh, sizeof fresh) != sizeof fresh ||
        read(pair[0], code, sizeof fresh) != sizeof fresh)
        return 1;
    printf("flush %ld\n", syscall(259, code, code + 2, 0L));
    printf("%ld\n", f(1));
    /* Unmapped and mapped again with other code at the same address. */
    write_adder(code, 11);
    printf("%ld ", run_often(f, 0, 100));
    munmap(code, PAGE);
    mmap(code, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
         -1, 0);
    write_adder(code, 12);
    printf("%ld\n", run_often(f, 0, 100));
    /* Code that changes itself: replaces the instruction after the fence. */
    static const uint32_t self[] = {
        0x00000617, /* auipc a2, 0       */
        0x01462683, /* lw   a3, 20(a2)   : the new instruction */
        0x00d62823, /* sw   a3, 16(a2)   : over the addi below */
        0x0000100f, /* fence.i           */
        0x00150513, /* addi a0, a0, 1    */
        0x00250513, /* addi a0, a0, 2    */
        0x00008067, /* ret               */
    };
    for (int i = 0; i < 50; i++) {
        memcpy(code, self, sizeof self);
        __asm__ volatile("fence.i" ::: "memory");
        x = f(10);
        if (x != 14)
            printf("self-changed code gave %ld\n", x);
    }
    printf("%ld\n", x);
    /* No longer executable. */
    mprotect(code, PAGE, PROT_READ);
    fflush(stdout);
    printf("%ld\n", f(0));
    return 0;
}
