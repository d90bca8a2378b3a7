/* More code than a small code memory holds: 128 functions, each with a loop and a branch of its
 * own, called through a table in a scattered order, so that translations are evicted and made
 * again all the time. The results follow from a formula. */
#include "guest.h"

/* The sum over i < n of i * K + (i odd ? K : 0); no sum exceeds the limit that is given. */
#define FUNCTION(k)                                                                                \
    __attribute__((noinline)) static long function_##k(long n, long limit)                         \
    {                                                                                              \
        long sum = 0;                                                                              \
        volatile double half = 0;                                                                  \
        for (long i = 0; i < n; i++) {                                                             \
            sum += i * (0x##k);                                                                    \
            if (i & 1)                                                                             \
                sum += 0x##k;                                                                      \
            if (sum > limit)                                                                       \
                half += 0.5;                                                                       \
        }                                                                                          \
        return sum + (long)half;                                                                   \
    }
#define NAME(k) function_##k,
/* clang-format off */
#define SIXTEEN(M, h)                                                                              \
    M(h##0) M(h##1) M(h##2) M(h##3) M(h##4) M(h##5) M(h##6) M(h##7)                                \
    M(h##8) M(h##9) M(h##a) M(h##b) M(h##c) M(h##d) M(h##e) M(h##f)
#define ALL(M)                                                                                     \
    SIXTEEN(M, 0) SIXTEEN(M, 1) SIXTEEN(M, 2) SIXTEEN(M, 3)                                        \
    SIXTEEN(M, 4) SIXTEEN(M, 5) SIXTEEN(M, 6) SIXTEEN(M, 7)
/* clang-format on */

ALL(FUNCTION)
static function *const functions[] = {ALL(NAME)};

int run(void)
{
    unsigned state = 1;
    for (int i = 0; i < 600; i++) {
        state = state * 1664525 + 1013904223;
        unsigned k = state >> 25;
        long n = state >> 8 & 15;
        unsigned long wanted = k * (unsigned long)(n * (n - 1) / 2 + n / 2);
        expect("function", wanted, (unsigned long)functions[k](n, 1 << 30));
    }
    print("many_functions ok\n");
    return 0;
}
