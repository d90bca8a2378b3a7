/* What the stress programs need of a system, without a C library: a small program keeps every
 * combination of options quick. Each checks its own results and prints one line. */
#ifndef TIERCEL_TESTS_STRESS_GUEST_H
#define TIERCEL_TESTS_STRESS_GUEST_H

#include <stddef.h>
#include <stdint.h>

enum {
    SYS_WRITE = 64,
    SYS_EXIT_GROUP = 94,
    SYS_MUNMAP = 215,
    SYS_MREMAP = 216,
    SYS_MMAP = 222,
    SYS_MPROTECT = 226,
    SYS_FLUSH_ICACHE = 259
};
enum { READ = 1, WRITE = 2, EXECUTE = 4, MAP_PRIVATE_ANONYMOUS = 0x22, MAP_AT = 0x32 };
enum { PAGE = 4096 };

static inline long call_system(long number, long a, long b, long c, long d)
{
    register long a0 __asm__("a0") = a;
    register long a1 __asm__("a1") = b;
    register long a2 __asm__("a2") = c;
    register long a3 __asm__("a3") = d;
    register long a4 __asm__("a4") = -1;
    register long a5 __asm__("a5") = 0;
    register long a7 __asm__("a7") = number;
    __asm__ volatile("ecall"
                     : "+r"(a0)
                     : "r"(a1), "r"(a2), "r"(a3), "r"(a4), "r"(a5), "r"(a7)
                     : "memory");
    return a0;
}

static inline void print(const char *text)
{
    size_t length = 0;
    while (text[length])
        length++;
    call_system(SYS_WRITE, 1, (long)text, (long)length, 0);
}

static inline _Noreturn void leave(int status)
{
    for (;;)
        call_system(SYS_EXIT_GROUP, status, 0, 0, 0);
}

static inline void print_number(unsigned long number)
{
    char text[24], *first = text + sizeof text - 1;
    *first = '\0';
    do
        *--first = (char)('0' + number % 10);
    while (number /= 10);
    print(first);
}

/* Ends the program when a result is not the expected one. */
static inline void expect(const char *what, unsigned long wanted, unsigned long found)
{
    if (wanted == found)
        return;
    print(what);
    print(": ");
    print_number(found);
    print(" instead of ");
    print_number(wanted);
    print("\n");
    leave(1);
}

/* After the instructions at an address were written. */
static inline void fence_i(void)
{
    __asm__ volatile("fence.i" ::: "memory");
}

static inline uint32_t *map_pages(uint32_t *at, size_t count, int protection)
{
    return (uint32_t *)call_system(SYS_MMAP, (long)at, (long)(count * PAGE), protection,
                                   at ? MAP_AT : MAP_PRIVATE_ANONYMOUS);
}

static inline void protect_pages(uint32_t *at, size_t count, int protection)
{
    expect("mprotect", 0,
           (unsigned long)call_system(SYS_MPROTECT, (long)at, (long)(count * PAGE), protection, 0));
}

typedef long function(long a, long b);

/* Instructions, as numbers. */
static inline uint32_t insn_addi(unsigned rd, unsigned rs, int immediate)
{
    return (uint32_t)immediate << 20 | rs << 15 | rd << 7 | 0x13;
}
enum { X_A0 = 10, X_A1 = 11, INSN_RET = 0x00008067, INSN_NOP = 0x00000013 };

int run(void);

__attribute__((naked, used, section(".text.start"))) void _start(void)
{
    __asm__(".option push\n"
            ".option norelax\n"
            "la gp, __global_pointer$\n"
            ".option pop\n"
            "call enter");
}

__attribute__((used)) static _Noreturn void enter(void)
{
    leave(run());
}

#endif
