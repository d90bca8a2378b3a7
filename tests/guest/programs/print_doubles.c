/* printf and strtod of doubles: rounding, exponents, hexadecimal, infinities, denormals. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
    static const double values[] = {0.0,
                                    -0.0,
                                    1.0,
                                    -1.5,
                                    0.1,
                                    1.0 / 3,
                                    2.0 / 3,
                                    1e-5,
                                    123456.789,
                                    1e15,
                                    1e16,
                                    1e17,
                                    1e100,
                                    1e-100,
                                    DBL_MAX,
                                    DBL_MIN,
                                    5e-324,
                                    9007199254740993.0,
                                    0.5,
                                    1.5,
                                    2.5,
                                    3.5,
                                    1e22,
                                    1e23,
                                    3.14159265358979323846,
                                    INFINITY,
                                    -INFINITY};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        printf("%g %f %e %.17g %a %.0f %10.3f|%-12.4e|%+g\n", values[i], values[i], values[i],
               values[i], values[i], values[i], values[i], values[i], values[i]);
    static const char *const texts[] = {
        "0",
        "1e308",
        "1e309",
        "-1e-400",
        "0x1.8p3",
        "inf",
        "1.5e",
        "2.2250738585072011e-308",
        "  42abc",
        "179769313486231580793728971405301e276",
        "0.1000000000000000055511151231257827021181583404541015625"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char *end;
        double value = strtod(texts[i], &end);
        printf("%s -> %.17g rest '%s'\n", texts[i], value, end);
    }
    float f = 0.1f;
    printf("%.9g %a %.9g\n", f, f, f * 3);
    for (int i = -5; i < 5; i++)
        printf("%.3f %d %ld\n", i + 0.5, (int)(i * 1.75), lround(i + 0.5));
    double sum = 0;
    for (int i = 1; i <= 100000; i++)
        sum += 1.0 / i;
    printf("harmonic %.17g\n", sum);
    return 0;
}
