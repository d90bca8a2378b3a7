/* Deep and wide recursion, mutual recursion, a large stack frame, variable-length arrays. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static int ackermann(int m, int n)
{
    if (m == 0)
        return n + 1;
    return n == 0 ? ackermann(m - 1, 1) : ackermann(m - 1, ackermann(m, n - 1));
}
static __attribute__((noinline)) unsigned fib(unsigned n)
{
    return n < 2 ? n : fib(n - 1) + fib(n - 2);
}
static int is_odd(unsigned n);
static __attribute__((noinline)) int is_even(unsigned n)
{
    return n == 0 ? 1 : is_odd(n - 1);
}
static __attribute__((noinline)) int is_odd(unsigned n)
{
    return n == 0 ? 0 : is_even(n - 1);
}

static __attribute__((noinline)) uint64_t deep(unsigned n)
{
    volatile char frame[1024];
    memset((char *)frame, (int)n, sizeof frame);
    uint64_t below = n == 0 ? 0 : deep(n - 1);
    return below + (unsigned char)frame[n % sizeof frame];
}
static int queens(int n, int row, unsigned columns, unsigned left, unsigned right)
{
    if (row == n)
        return 1;
    int count = 0;
    for (unsigned free = ~(columns | left | right) & ((1u << n) - 1); free; free &= free - 1) {
        unsigned bit = free & -free;
        count += queens(n, row + 1, columns | bit, (left | bit) << 1, (right | bit) >> 1);
    }
    return count;
}
static long hanoi(int n, int from, int to, int via)
{
    return n == 0 ? 0 : hanoi(n - 1, from, via, to) + 1 + hanoi(n - 1, via, to, from);
}
static int vla(int n)
{
    int numbers[n], sum = 0;
    for (int i = 0; i < n; i++)
        numbers[i] = i * n;
    for (int i = 0; i < n; i++)
        sum += numbers[i];
    return n > 1 ? sum + vla(n - 1) : sum;
}

int main(void)
{
    printf("ackermann %d\n", ackermann(2, 300));
    printf("fib %u\n", fib(24));
    printf("even %d odd %d\n", is_even(5001), is_odd(5001));
    printf("deep %llu\n", (unsigned long long)deep(6000));
    printf("queens %d\n", queens(8, 0, 0, 0, 0));
    printf("hanoi %ld\n", hanoi(15, 1, 3, 2));
    printf("vla %d\n", vla(200));
    return 0;
}
