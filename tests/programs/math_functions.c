/* The mathematical library, double and single, in every rounding mode: one line for each function
 * and mode with a digest of its results and of the exceptions it raised, over values at which
 * implementations differ and over random ones.
 *
 * Without the argument "all": the functions whose results and exceptions IEEE 754 and C fix, so that
 * any two machines print the same; a NaN counts as a NaN whatever its bits. With it: all functions,
 * and NaNs bit for bit, for comparison with another emulator on the same binary. */
#include <fenv.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VALUE_COUNT = 96, PAIR_STEP = 7 };

static bool is_raw; /* NaNs by their bits */
static double doubles[VALUE_COUNT];
static float singles[VALUE_COUNT];
static uint64_t digest;

static const int rounding_modes[] = {FE_TONEAREST, FE_TOWARDZERO, FE_DOWNWARD, FE_UPWARD};
static const char *const rounding_names[] = {"nearest", "zero", "down", "up"};

static uint64_t next_random(void)
{
    static uint64_t state = 12345;
    uint64_t bits = state += UINT64_C(0x9e3779b97f4a7c15);
    bits = (bits ^ bits >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    bits = (bits ^ bits >> 27) * UINT64_C(0x94d049bb133111eb);
    return bits ^ bits >> 31;
}

static void fill_values(void)
{
    static const double edges[] = {0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, 2.5, -2.5, 3.0, 0.1, -0.3,
                                   1e-300, 1e300, -1e300, 4503599627370495.5, 4503599627370497.0,
                                   9007199254740993.0, 0.49999999999999994, 8388607.5, 16777217.0,
                                   2147483647.0, -2147483648.5, 3.14159265358979, 1e22, 709.0, -745.0,
                                   INFINITY, -INFINITY, NAN, 0x1p-1022, 0x1p-1074, 0x1.8p-1073,
                                   0x1.fffffffffffffp1023, 0x1p-126, 0x1p-149, 0x1.fffffep127};
    unsigned count = sizeof edges / sizeof edges[0];
    for (unsigned i = 0; i < VALUE_COUNT; i++) {
        uint64_t bits = next_random();
        int exponent = (int)(next_random() % (i % 3 ? 16 : 200)) - (i % 3 ? 8 : 100);
        double random = ldexp((double)(bits >> 11) * 0x1p-53 + 0.5, exponent);
        doubles[i] = i < count ? edges[i] : bits & 1 ? random : -random;
        singles[i] = (float)doubles[i];
    }
}

static void add(uint64_t bits)
{
    digest = (digest ^ bits) * UINT64_C(0x9e3779b97f4a7c15);
    digest ^= digest >> 32;
}

static void add_double(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    add(!is_raw && value != value ? UINT64_C(0x7ff8) << 48 : bits);
}

static void add_single(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    add(!is_raw && value != value ? 0x7fc00000 : bits);
}

static void add_flags(void)
{
    add((fetestexcept(FE_INEXACT) != 0) | (fetestexcept(FE_UNDERFLOW) != 0) << 1 |
        (fetestexcept(FE_OVERFLOW) != 0) << 2 | (fetestexcept(FE_DIVBYZERO) != 0) << 3 |
        (fetestexcept(FE_INVALID) != 0) << 4);
    feclearexcept(FE_ALL_EXCEPT);
}

/* ---- one loop for each kind of function ---- */

typedef void body(void);

static void in_all_modes(const char *name, body *run)
{
    for (unsigned i = 0; i < 4; i++) {
        digest = 0;
        fesetround(rounding_modes[i]);
        feclearexcept(FE_ALL_EXCEPT);
        run();
        fesetround(FE_TONEAREST);
        printf("%-14s %-8s %016llx\n", name, rounding_names[i], (unsigned long long)digest);
    }
}

#define OVER_VALUES(statement)                                                                     \
    for (unsigned i = 0; i < VALUE_COUNT; i++) {                                                   \
        double x = doubles[i];                                                                     \
        float xf = singles[i];                                                                     \
        (void)x, (void)xf;                                                                         \
        statement;                                                                                 \
    }
#define OVER_PAIRS(statement)                                                                      \
    for (unsigned j = 0; j < VALUE_COUNT; j += PAIR_STEP) {                                        \
        double y = doubles[j];                                                                     \
        float yf = singles[j];                                                                     \
        (void)y, (void)yf;                                                                         \
        OVER_VALUES(statement)                                                                     \
    }

#define UNARY(name)                                                                                \
    static void run_##name(void)                                                                   \
    {                                                                                              \
        OVER_VALUES(add_double(name(x)); add_flags(); add_single(name##f(xf)); add_flags())        \
    }
#define BINARY(name)                                                                               \
    static void run_##name(void)                                                                   \
    {                                                                                              \
        OVER_PAIRS(add_double(name(x, y)); add_flags(); add_single(name##f(xf, yf)); add_flags())  \
    }
/* to integers; beyond their range the result is not fixed */
#define TO_INTEGER(name)                                                                           \
    static void run_##name(void)                                                                   \
    {                                                                                              \
        OVER_VALUES(if (fabs(x) < 9e18) {                                                          \
            add((uint64_t)name(x));                                                                \
            add_flags();                                                                           \
            add((uint64_t)name##f(xf));                                                            \
            add_flags();                                                                           \
        })                                                                                         \
    }

#define EXACT_UNARY(F) F(sqrt) F(floor) F(ceil) F(trunc) F(round) F(rint) F(nearbyint) F(fabs)
#define EXACT_BINARY(F) F(fmod) F(remainder) F(fdim) F(copysign) F(nextafter)
#define EXACT_TO_INTEGER(F) F(lrint) F(llrint)
#define OTHER_UNARY(F)                                                                             \
    F(sin) F(cos) F(tan) F(asin) F(acos) F(atan) F(sinh) F(cosh) F(tanh) F(asinh) F(acosh)         \
    F(atanh) F(exp) F(exp2) F(expm1) F(log) F(log2) F(log10) F(log1p) F(cbrt) F(erf) F(erfc)       \
    F(tgamma) F(lgamma)
#define OTHER_TO_INTEGER(F) F(lround) F(llround) /* may be inexact or not */
#define OTHER_BINARY(F) F(pow) F(atan2) F(hypot) F(fmin) F(fmax)

EXACT_UNARY(UNARY)
EXACT_BINARY(BINARY)
EXACT_TO_INTEGER(TO_INTEGER)
OTHER_UNARY(UNARY)
OTHER_BINARY(BINARY)
OTHER_TO_INTEGER(TO_INTEGER)

/* The results of lround without its flags. */
static void run_lround_result(void)
{
    OVER_VALUES(if (fabs(x) < 9e18) {
        add((uint64_t)lround(x));
        add((uint64_t)llroundf(xf));
        feclearexcept(FE_ALL_EXCEPT);
    })
}

static void run_arithmetic(void)
{
    OVER_PAIRS(add_double(x + y); add_flags(); add_double(x - y); add_flags(); add_double(x * y);
               add_flags(); add_double(x / y); add_flags(); add_single(xf + yf); add_flags();
               add_single(xf * yf); add_flags(); add_single(xf / yf); add_flags())
}

static void run_fma(void)
{
    OVER_PAIRS(double z = doubles[(i * 5 + j) % VALUE_COUNT]; add_double(fma(x, y, z)); add_flags();
               float zf = singles[(i * 5 + j) % VALUE_COUNT]; add_single(fmaf(xf, yf, zf));
               add_flags())
}

static void run_conversions(void)
{
    OVER_VALUES(add_single((float)x); add_flags(); add_double((double)xf); add_flags();
                if (fabs(x) < 2e9) {
                    add((uint64_t)(int32_t)x);
                    add((uint64_t)(int64_t)xf);
                    add_flags();
                };
                uint64_t bits = next_random(); add_double((double)bits); add_double((double)(int64_t)bits);
                add_single((float)bits); add_single((float)(int32_t)bits); add_flags())
}

static void run_scaling(void)
{
    static const int powers[] = {0, 1, -1, 10, -60, 1000, -1070, -1074, -1080, 2000, 5000, -5000};
    OVER_VALUES(int exponent = 0; double whole = 0; add_double(frexp(x, &exponent));
                if (isfinite(x)) add((uint64_t)exponent); add_double(modf(x, &whole)); add_double(whole);
                add_flags(); add_double(logb(x)); add_flags();
                for (unsigned j = 0; j < sizeof powers / sizeof powers[0]; j++) {
                    add_double(ldexp(x, powers[j]));
                    add_flags();
                    add_single(scalbnf(xf, powers[j]));
                    add_flags();
                })
}

static void run_comparisons(void)
{
    OVER_PAIRS(add((uint64_t)(x < y) | (uint64_t)(x <= y) << 1 | (uint64_t)(x == y) << 2); add_flags();
               add((uint64_t)isless(x, y) | (uint64_t)isgreaterequal(xf, yf) << 1); add_flags())
}

static void run_text(void)
{
    static const char *const formats[] = {"%.17g", "%a", "%.3f", "%.0e", "%.15g"};
    OVER_VALUES(for (unsigned j = 0; j < 5; j++) {
        char text[400];
        if (x != x)
            continue;
        snprintf(text, sizeof text, formats[j], x);
        for (const char *byte = text; *byte; byte++)
            add((unsigned char)*byte);
        add_double(strtod(text, NULL));
        add_single(strtof(text, NULL));
    })
}

int main(int argc, char **argv)
{
    bool is_all = argc > 1 && strcmp(argv[1], "all") == 0;
    is_raw = is_all;
    fill_values();
#define RUN(name) in_all_modes(#name, run_##name);
    EXACT_UNARY(RUN)
    EXACT_BINARY(RUN)
    EXACT_TO_INTEGER(RUN)
    RUN(lround_result)
    RUN(arithmetic)
    RUN(fma)
    RUN(conversions)
    RUN(scaling)
    RUN(comparisons)
    RUN(text)
    if (!is_all)
        return 0;
    OTHER_UNARY(RUN)
    OTHER_BINARY(RUN)
    OTHER_TO_INTEGER(RUN)
    return 0;
}
