/* Accrued floating-point flags after loops that get hot, some of which may be vectorised, and around
 * comparisons that are written as quiet ones. A first part runs without touching the flags. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { LENGTH = 600 };
static double a[LENGTH], b[LENGTH], c[LENGTH];
static float f[LENGTH], g[LENGTH];

static double from_bits(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static unsigned take_flags(void)
{
    unsigned long flags;
    __asm__ volatile("fsflags %0, zero" : "=r"(flags));
    return (unsigned)flags;
}

static void reset(void)
{
    for (int i = 0; i < LENGTH; i++) {
        a[i] = i % 8 + 1;
        b[i] = i % 4;
        c[i] = 0;
        f[i] = (float)(i % 8 + 1);
        g[i] = (float)(i % 4);
    }
}

__attribute__((noinline)) static void axpy(double factor)
{
    for (int i = 0; i < LENGTH; i++)
        b[i] = __builtin_fma(a[i], factor, b[i]);
}
__attribute__((noinline)) static void products(void)
{
    for (int i = 0; i < LENGTH; i++)
        c[i] = __builtin_fma(a[i], b[i], c[i]);
}
__attribute__((noinline)) static void scale(double factor)
{
    for (int i = 0; i < LENGTH; i++)
        c[i] = a[i] * factor;
}
__attribute__((noinline)) static void divide(void)
{
    for (int i = 0; i < LENGTH; i++)
        c[i] = 1.0 / a[i];
}
__attribute__((noinline)) static void add_floats(float factor)
{
    for (int i = 0; i < LENGTH; i++)
        g[i] = __builtin_fmaf(f[i], factor, g[i]);
}
__attribute__((noinline)) static double sum(void)
{
    double total = 0;
    for (int i = 0; i < LENGTH; i++)
        total = __builtin_fma(a[i], b[i], total);
    return total;
}
/* Quiet: read the flags, compare, write them back. */
__attribute__((noinline)) static int count_less(double limit)
{
    int count = 0;
    for (int i = 0; i < LENGTH; i++)
        count += __builtin_isless(a[i], limit);
    return count;
}
__attribute__((noinline)) static double roots(void)
{
    double total = 0;
    for (int i = 0; i < LENGTH; i++)
        total += sqrt(a[i]);
    return total;
}
/* Signalling. */
__attribute__((noinline)) static int count_below(double limit)
{
    int count = 0;
    for (int i = 0; i < LENGTH; i++)
        count += a[i] < limit;
    return count;
}

static const struct {
    const char *name;
    uint64_t a, b, c;
} specials[] = {
    {"tame", 0x3ff0000000000000, 0x4000000000000000, 0},
    {"infinity * 0 + NaN", 0x7ff0000000000000, 0, 0x7ff8000000000000},
    {"0 * -infinity + NaN", 0, 0xfff0000000000000, 0xfff8000000000001},
    {"NaN", 0x7ff8000000000000, 0x4000000000000000, 0},
    {"signalling NaN", 0x7ff0000000000001, 0x4000000000000000, 0},
    {"zero", 0, 0x4000000000000000, 0},
    {"tiny", 1, 0x3fe0000000000000, 0},
    {"huge", 0x7fefffffffffffff, 0x7fefffffffffffff, 0},
    {"inexact", 0x4008000000000000, 0x3fb999999999999a, 0},
};

static void run_all(int place, unsigned special)
{
    unsigned flags[10];
    double factor = from_bits(specials[special].b);
    reset();
    a[place] = from_bits(specials[special].a);
    b[place] = from_bits(specials[special].c);
    take_flags();
    axpy(factor);
    flags[0] = take_flags();
    scale(factor);
    flags[1] = take_flags();
    divide();
    flags[2] = take_flags();
    int less = count_less(3);
    flags[3] = take_flags();
    int below = count_below(3);
    flags[4] = take_flags();
    double root = roots();
    flags[5] = take_flags();
    reset();
    a[place] = from_bits(specials[special].a);
    b[place] = factor;
    c[place] = from_bits(specials[special].c);
    take_flags();
    products();
    flags[6] = take_flags();
    double total = sum();
    flags[7] = take_flags();
    f[place] = (float)from_bits(specials[special].a);
    g[place] = (float)from_bits(specials[special].c);
    float narrow = (float)factor;
    take_flags();
    add_floats(narrow);
    flags[8] = take_flags();
    printf("%-20s %3d:", specials[special].name, place);
    for (int i = 0; i < 9; i++)
        printf(" %02x", flags[i]);
    printf("  %d %d %.6g %.6g\n", less, below, root, total);
}

int main(void)
{
    double total = 0;
    reset();
    for (int i = 0; i < 200; i++) {
        axpy(0.1);
        scale(1.0 / 3);
        divide();
        add_floats(0.3f);
        total += sum() + c[7] + roots() + count_less(4);
    }
    printf("before any use of flags: %.15g\n", total);
    take_flags();
    for (int round = 0; round < 3; round++)
        for (unsigned i = 0; i < sizeof specials / sizeof specials[0]; i++)
            run_all((int)(i * 67 + (unsigned)round * 31) % LENGTH, i);
    return 0;
}
