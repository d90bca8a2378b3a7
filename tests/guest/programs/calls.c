/* Calling conventions: structures by value, many arguments, varargs, function pointers, floats. */
#include <complex.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct small {
    int a;
    float b;
};
struct pair {
    double x, y;
};
struct big {
    long v[5];
    char name[9];
};
struct mixed {
    char c;
    double d;
    short s;
};

static __attribute__((noinline)) struct small swap(struct small s)
{
    return (struct small){(int)s.b, (float)s.a};
}
static __attribute__((noinline)) struct pair turn(struct pair p)
{
    return (struct pair){-p.y, p.x};
}
static __attribute__((noinline)) struct big widen(struct big b, int by)
{
    for (int i = 0; i < 5; i++)
        b.v[i] += by * i;
    strcat(b.name, "!");
    return b;
}
static __attribute__((noinline)) double many(int a, double b, long c, float d, char e,
                                             struct mixed f, short g, double h, int i, int j, int k,
                                             float l, double m, double n, double o, double p,
                                             double q, double r)
{
    return a + b + (double)c + d + e + f.c + f.d + f.s + g + h + i + j + k + l + m + n + o + p + q +
           r;
}
static __attribute__((noinline)) double sum(const char *kinds, ...)
{
    va_list args, copy;
    va_start(args, kinds);
    va_copy(copy, args);
    double total = 0;
    for (const char *k = kinds; *k; k++)
        total += *k == 'i'   ? va_arg(args, int)
                 : *k == 'l' ? (double)va_arg(args, long)
                 : *k == 'd' ? va_arg(args, double)
                             : va_arg(args, struct pair).x;
    if (*kinds == 'i')
        total += va_arg(copy, int) * 100;
    va_end(copy);
    va_end(args);
    return total;
}
static int add(int a, int b)
{
    return a + b;
}
static int sub(int a, int b)
{
    return a - b;
}
static int mul(int a, int b)
{
    return a * b;
}

int main(void)
{
    struct small s = swap((struct small){7, 2.5f});
    struct pair p = turn(turn((struct pair){1, 2}));
    struct big b = widen((struct big){{1, 2, 3, 4, 5}, "name"}, 10);
    printf("%d %g %g %g %ld %ld %s\n", s.a, s.b, p.x, p.y, b.v[0], b.v[4], b.name);
    printf("%g\n", many(1, 2, 3, 4, 5, (struct mixed){6, 7, 8}, 9, 10, 11, 12, 13, 14, 15, 16, 17,
                        18, 19, 20));
    printf("%g %g\n", sum("iildpd", 1, 2, 3L, 4.5, (struct pair){5, 6}, 7.25),
           sum("dddddddddddd", 1., 2., 3., 4., 5., 6., 7., 8., 9., 10., 11., 12.));
    int (*const table[])(int, int) = {add, sub, mul};
    long total = 0;
    for (int i = 0; i < 30000; i++)
        total += table[i % 3](i, i / 2);
    printf("%ld\n", total);
    double complex z = 1 + 2 * I;
    for (int i = 0; i < 10; i++)
        z = z * (0.5 + 0.25 * I) + 1;
    printf("%.12f %.12f\n", creal(z), cimag(z));
    return 0;
}
