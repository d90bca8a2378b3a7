/* long double, which is 128 bits in software on riscv64 (expected: the same program there). */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
    printf("%d bits, epsilon %La, maximum %Lg\n", LDBL_MANT_DIG, LDBL_EPSILON, LDBL_MAX);
    long double sum = 0, factorial = 1;
    for (int i = 1; i <= 200; i++) {
        factorial *= i;
        sum += 1.0L / i;
    }
    printf("%.34Lg %.34Lg\n", sum, factorial);
    printf("%.34Lg %.34Lg %.34Lg\n", sqrtl(2), expl(1), sinl(1));
    printf("%La %La\n", powl(3, 0.5L), logl(10));
    printf("%.20Lf %Le %d %ld\n", strtold("0.1", NULL), 1e4000L, (int)-2.75L, lroundl(2.5L));
    printf("%d %d %a\n", 0.1L == 0.1, 0.5L == 0.5, (double)(1.0L / 3));
    return 0;
}
