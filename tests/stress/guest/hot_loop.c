/* One loop that never leaves its function and changes its path while it runs: it has to be swapped
 * in the middle, and the compiled path soon fails. Recursion keeps many returns open. */
#include "guest.h"

static uint8_t bytes[4096];

static unsigned long mix(unsigned long value)
{
    value ^= value >> 29;
    value *= 0x9e3779b97f4a7c15UL;
    return value ^ value >> 32;
}

/* Three phases take different branches; the result counts each of them. */
static void change_path(void)
{
    unsigned long taken[3] = {0};
    for (long i = 0; i < 30000; i++) {
        long phase = i / 10000;
        if (phase == 0)
            taken[0] += 1;
        else if (phase == 1)
            taken[1] += (unsigned long)bytes[i & 4095] + 2;
        else
            taken[2] += i & 3;
    }
    expect("first phase", 10000, taken[0]);
    expect("second phase", 20000, taken[1]);
    expect("third phase", 15000, taken[2]);
}

__attribute__((noinline)) static long depth(long n)
{
    return n == 0 ? 0 : 1 + depth(n - 1);
}

__attribute__((noinline)) static long fibonacci(long n)
{
    return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}

/* Floating point with every rounding mode: 1/3 down and up differ in the last bit. */
static void round_all_ways(void)
{
    static const unsigned long wanted[] = {0x3fd5555555555555, 0x3fd5555555555555,
                                           0x3fd5555555555555, 0x3fd5555555555556,
                                           0x3fd5555555555555};
    for (unsigned i = 0; i < 2000; i++) {
        union {
            double number;
            unsigned long bits;
        } third;
        volatile double one = 1, three = 3;
        __asm__ volatile("fsrm %0" ::"r"((unsigned long)(i % 5)));
        third.number = one / three;
        __asm__ volatile("fsrmi 0");
        expect("a third", wanted[i % 5], third.bits);
    }
}

int run(void)
{
    change_path();
    for (long i = 0; i < 20; i++)
        expect("depth", 500, (unsigned long)depth(500));
    expect("fibonacci", 1597, (unsigned long)fibonacci(17));
    round_all_ways();
    unsigned long value = 1;
    for (long i = 0; i < 50000; i++)
        value = mix(value + (unsigned long)i);
    expect("mix", 0xdc0bc766772aa17e, value);
    print("hot_loop ok\n");
    return 0;
}
