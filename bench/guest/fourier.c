/*
 * fourier: Fourier coefficients of f(x) = (x + 1)^p on [0, 2] by the trapezoidal rule.
 *
 * Time goes to pow, sin and cos of the C library. Their last bits may differ between
 * libraries, so the checksum takes the coefficients rounded to 1e-6.
 */
#include <math.h>

#include "bench/guest/kernel.h"

#define NAME "fourier"

enum {
    HARMONICS = 32,
    INTERVALS = 2000,
    EXPONENTS = 16,
};

static const double pi = 3.14159265358979323846;
static const double period = 2.0;

/* Weight 1/2 at both ends, 1 between. */
static double trapezoid_weight(int i)
{
    return i == 0 || i == INTERVALS ? 0.5 : 1.0;
}

static double function(double x, double exponent)
{
    return pow(x + 1.0, exponent);
}

/* 2/period times the integral of f(x) * wave(2 pi harmonic x / period). */
static double coefficient(int harmonic, double exponent, double (*wave)(double))
{
    double step = period / INTERVALS, sum = 0;
    double frequency = 2.0 * pi * harmonic / period;
    for (int i = 0; i <= INTERVALS; i++) {
        double x = i * step;
        sum += trapezoid_weight(i) * function(x, exponent) * wave(frequency * x);
    }
    return 2.0 / period * step * sum;
}

static uint64_t checksum_add_rounded(uint64_t checksum, double value)
{
    return checksum_add(checksum, (uint64_t)llround(value * 1e6));
}

/* The exponents repeat, so that long runs round no values that short ones do not. */
static uint64_t transform(uint64_t unit, uint64_t checksum)
{
    double exponent = 1.1 + 0.13 * (double)(unit % EXPONENTS);
    for (int harmonic = 1; harmonic <= HARMONICS; harmonic++) {
        double a = coefficient(harmonic, exponent, cos);
        double b = coefficient(harmonic, exponent, sin);
        checksum = checksum_add_rounded(checksum, a);
        checksum = checksum_add_rounded(checksum, b);
    }
    return checksum;
}

int main(int argc, char **argv)
{
    uint64_t size = kernel_size(argc, argv, NAME);
    uint64_t checksum = 0;
    for (uint64_t unit = 0; unit < size; unit++)
        checksum = transform(unit, checksum);
    return kernel_finish(NAME, checksum);
}
