/* The floating-point environment: rounding modes and exception flags as the hardware sees them. */
#include <fenv.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static uint64_t bits(double value)
{
    uint64_t word;
    memcpy(&word, &value, sizeof word);
    return word;
}
static uint32_t bits32(float value)
{
    uint32_t word;
    memcpy(&word, &value, sizeof word);
    return word;
}

static const struct {
    int mode;
    const char *name;
} modes[] = {
    {FE_TONEAREST, "nearest"}, {FE_TOWARDZERO, "zero"}, {FE_DOWNWARD, "down"}, {FE_UPWARD, "up"}};

/* The flags since the last call; to be taken before anything is printed. */
static const char *flags(void)
{
    static char text[6];
    int set = fetestexcept(FE_ALL_EXCEPT);
    snprintf(text, sizeof text, "%c%c%c%c%c", set & FE_INVALID ? 'v' : '-',
             set & FE_DIVBYZERO ? 'z' : '-', set & FE_OVERFLOW ? 'o' : '-',
             set & FE_UNDERFLOW ? 'u' : '-', set & FE_INEXACT ? 'x' : '-');
    feclearexcept(FE_ALL_EXCEPT);
    return text;
}

int main(void)
{
    volatile double one = 1, three = 3, ten = 10, huge = 1.7e308, tiny = 3e-308, zero = 0;
    volatile double half = 2.5, negative = -2.5;
    volatile float fone = 1, fthree = 3;
    for (unsigned i = 0; i < 4; i++) {
        printf("%s %d\n", modes[i].name, fesetround(modes[i].mode));
        printf(" get %d\n", fegetround() == modes[i].mode);
        feclearexcept(FE_ALL_EXCEPT);
        volatile double quotient = one / three, product = ten * 0.1, sum = one + 1e-20;
        const char *raised = flags();
        printf(" %016llx %016llx %016llx %s\n", (unsigned long long)bits(quotient),
               (unsigned long long)bits(product), (unsigned long long)bits(sum), raised);
        volatile double over = huge * ten;
        raised = flags();
        printf(" %016llx %s\n", (unsigned long long)bits(over), raised);
        volatile double under = tiny / 1e10;
        raised = flags();
        printf(" %016llx %s\n", (unsigned long long)bits(under), raised);
        volatile float single = fone / fthree, narrowed = (float)quotient;
        raised = flags();
        printf(" %08x %08x %s\n", bits32(single), bits32(narrowed), raised);
        volatile double up = rint(half), down = rint(negative);
        volatile long lup = lrint(half), ldown = lrint(negative);
        raised = flags();
        printf(" rint %g %g lrint %ld %ld %s\n", up, down, lup, ldown, raised);
        volatile double near = nearbyint(negative), root3 = sqrt(three);
        raised = flags();
        printf(" nearbyint %g sqrt %016llx %s\n", near, (unsigned long long)bits(root3), raised);
        volatile int64_t whole = 0x7fffffffffffff01;
        volatile double converted = (double)whole;
        raised = flags();
        printf(" from long %016llx %s\n", (unsigned long long)bits(converted), raised);
    }
    fesetround(FE_TONEAREST);
    feclearexcept(FE_ALL_EXCEPT);
    volatile double division = one / zero;
    printf("1/0 %g %s\n", division, flags());
    volatile double invalid = zero / zero;
    printf("0/0 nan %d %s\n", isnan(invalid) != 0, flags());
    volatile double root = sqrt(negative);
    printf("sqrt(-) nan %d %s\n", isnan(root) != 0, flags());
    volatile int compared = invalid < one;
    printf("nan < 1 %d %s\n", compared, flags());
    compared = invalid == one;
    printf("nan == 1 %d %s\n", compared, flags());
    volatile double exact = one + three;
    printf("exact %g %s\n", exact, flags());
    feraiseexcept(FE_INVALID | FE_OVERFLOW);
    printf("raised %s\n", flags());
    fenv_t environment;
    feraiseexcept(FE_INEXACT);
    feholdexcept(&environment);
    printf("held %s\n", flags());
    feraiseexcept(FE_DIVBYZERO);
    feupdateenv(&environment);
    printf("updated %s\n", flags());
    fesetround(FE_UPWARD);
    fesetenv(FE_DFL_ENV);
    printf("default %d\n", fegetround() == FE_TONEAREST);
    return 0;
}
