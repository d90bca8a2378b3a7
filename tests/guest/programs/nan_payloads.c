/* NaNs with signs and payloads go through every arithmetic operation in loops that get hot, and
 * their bits are looked at in every way there is: integer moves, stores, sign injection, after
 * calls, after the loop, and in a signal handler. RISC-V gives the canonical NaN each time. */
#include <math.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>

enum { ROUNDS = 3000, INPUTS = 12 };

static const uint64_t inputs64[INPUTS] = {
    0x7ff8000000000000, 0xfff8000000000000, 0x7ff8000000000123, 0xfff8000000000456,
    0x7ff0000000000001, 0xfff4000000000001, 0x7ff0000000000000, 0xfff0000000000000,
    0x0000000000000000, 0x8000000000000000, 0x3ff0000000000000, 0xc008000000000000,
};
static const uint32_t inputs32[INPUTS] = {
    0x7fc00000, 0xffc00000, 0x7fc00123, 0xffc00456, 0x7f800001, 0xffa00001,
    0x7f800000, 0xff800000, 0x00000000, 0x80000000, 0x3f800000, 0xc0400000,
};

static uint64_t hash = 1;
static void add(uint64_t bits)
{
    hash = (hash ^ bits) * UINT64_C(0x9e3779b97f4a7c15);
    hash ^= hash >> 29;
}

static void report(const char *name)
{
    printf("%-24s %016lx\n", name, hash);
    hash = 1;
}

/* One function per operation and type: a loop whose value is carried, seen, stored, sign-injected. */
#define OPERATION(name, type, bits_type, fmv, fsgnj, text)                                         \
    __attribute__((noinline)) static type step_##name(type a, type b, type c)                      \
    {                                                                                              \
        type r;                                                                                    \
        __asm__ volatile(text : "=f"(r) : "f"(a), "f"(b), "f"(c));                                 \
        return r;                                                                                  \
    }                                                                                              \
    __attribute__((noinline)) static void run_##name(const bits_type *inputs)                      \
    {                                                                                              \
        type carried = 1, memory[16], loaded[INPUTS];                                              \
        memcpy(loaded, inputs, sizeof loaded);                                                     \
        bits_type bits;                                                                            \
        for (int i = 0; i < ROUNDS; i++) {                                                         \
            type a = loaded[i % INPUTS], b = loaded[(i / 5) % INPUTS], r, s, t;                    \
            type c = loaded[(i / 7) % INPUTS];                                                     \
            __asm__ volatile(text : "=f"(r) : "f"(a), "f"(b), "f"(c));                             \
            __asm__ volatile(fmv " %0, %1" : "=r"(bits) : "f"(r));                                 \
            add(bits);                                                                             \
            __asm__ volatile(text : "=f"(s) : "f"(carried), "f"(r), "f"(a));                       \
            memory[i & 15] = s;                                                                    \
            memcpy(&bits, &memory[i & 15], sizeof bits);                                           \
            add(bits);                                                                             \
            __asm__ volatile(fsgnj " %0, %1, %2" : "=f"(t) : "f"(b), "f"(s));                      \
            __asm__ volatile(fmv " %0, %1" : "=r"(bits) : "f"(t));                                 \
            add(bits);                                                                             \
            __asm__ volatile(fsgnj " %0, %1, %2" : "=f"(t) : "f"(r), "f"(b));                      \
            memcpy(&bits, &t, sizeof bits);                                                        \
            add(bits);                                                                             \
            if (i % 64 == 0)                                                                       \
                s = step_##name(s, a, t);                                                          \
            carried = i % 50 == 0 ? 1 : s;                                                         \
        }                                                                                          \
        memcpy(&bits, &carried, sizeof bits);                                                      \
        add(bits);                                                                                 \
        report(#name);                                                                             \
    }
#define BOTH(name, text64, text32)                                                                 \
    OPERATION(name##_d, double, uint64_t, "fmv.x.d", "fsgnjx.d", text64)                           \
    OPERATION(name##_s, float, uint32_t, "fmv.x.w", "fsgnjn.s", text32)
BOTH(fadd, "fadd.d %0, %1, %2", "fadd.s %0, %1, %2")
BOTH(fsub, "fsub.d %0, %1, %2", "fsub.s %0, %1, %2")
BOTH(fmul, "fmul.d %0, %1, %2", "fmul.s %0, %1, %2")
BOTH(fdiv, "fdiv.d %0, %1, %2", "fdiv.s %0, %1, %2")
BOTH(fsqrt, "fsqrt.d %0, %1", "fsqrt.s %0, %1")
BOTH(fmadd, "fmadd.d %0, %1, %2, %3", "fmadd.s %0, %1, %2, %3")
BOTH(fnmsub, "fnmsub.d %0, %1, %2, %3", "fnmsub.s %0, %1, %2, %3")
BOTH(fmin, "fmin.d %0, %1, %2", "fmin.s %0, %1, %2")
BOTH(fmax, "fmax.d %0, %1, %2", "fmax.s %0, %1, %2")
BOTH(round_trip, "fcvt.s.d %0, %1\n\tfcvt.d.s %0, %0", "fcvt.d.s %0, %1\n\tfcvt.s.d %0, %0")
BOTH(chain, "fadd.d %0, %1, %2\n\tfneg.d %0, %0\n\tfmul.d %0, %0, %3",
     "fadd.s %0, %1, %2\n\tfabs.s %0, %0\n\tfmul.s %0, %0, %3")
BOTH(negated, "fadd.d %0, %1, %2\n\tfneg.d %0, %0", "fadd.s %0, %1, %2\n\tfneg.s %0, %0")

/* Elementwise loops, which may be vectorised: the array keeps what they stored. */
#define ARRAYS(type, bits_type)                                                                    \
    __attribute__((noinline)) static void arrays_##type(const bits_type *inputs)                   \
    {                                                                                              \
        enum { LENGTH = 700 };                                                                     \
        static type a[LENGTH], b[LENGTH];                                                          \
        type factor;                                                                               \
        for (int round = 0; round < 400; round++) {                                                \
            memcpy(&factor, &inputs[round % INPUTS], sizeof factor);                               \
            for (int i = 0; i < LENGTH; i++) {                                                     \
                memcpy(&a[i], &inputs[(i * 7 + round) % INPUTS], sizeof(type));                    \
                memcpy(&b[i], &inputs[(i * 5 + round / 3) % INPUTS], sizeof(type));                \
            }                                                                                      \
            for (int i = 0; i < LENGTH; i++)                                                       \
                b[i] = __builtin_fma(a[i], factor, b[i]);                                          \
            for (int i = 0; i < LENGTH; i++)                                                       \
                a[i] = (a[i] - b[i]) * (type)0.5;                                                  \
            for (int i = 0; i < LENGTH; i++) {                                                     \
                bits_type bits;                                                                    \
                memcpy(&bits, &a[i], sizeof bits);                                                 \
                add(bits);                                                                         \
                memcpy(&bits, &b[i], sizeof bits);                                                 \
                add(bits);                                                                         \
            }                                                                                      \
        }                                                                                          \
        report("arrays of " #type);                                                                \
    }
ARRAYS(double, uint64_t)
ARRAYS(float, uint32_t)

/* A loop that does nothing but make NaNs in fs0; the handler looks at that register. */
static volatile sig_atomic_t ticks, wrong;
static void on_alarm(int number, siginfo_t *info, void *opaque)
{
    (void)number, (void)info;
    ucontext_t *context = opaque;
    uint64_t bits;
    memcpy(&bits, &context->uc_mcontext.__fpregs.__d.__f[8], sizeof bits);
    if (bits != UINT64_C(0x7ff8000000000000))
        wrong++;
    ticks++;
}

static void signals(void)
{
    struct sigaction action = {.sa_sigaction = on_alarm, .sa_flags = SA_SIGINFO};
    struct itimerval timer = {{0, 2000}, {0, 2000}}, off = {{0, 0}, {0, 0}};
    register double nan __asm__("fs0") = -__builtin_nan("0x77");
    __asm__ volatile("fadd.d %0, %0, %0" : "+f"(nan));
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &timer, NULL);
    while (ticks < 30)
        __asm__ volatile("fsub.d %0, %0, %0" : "+f"(nan));
    setitimer(ITIMER_REAL, &off, NULL);
    printf("signals: %d wrong\n", (int)wrong);
}

int main(void)
{
#define RUN(name)                                                                                  \
    run_##name##_d(inputs64);                                                                      \
    run_##name##_s(inputs32);
    RUN(fadd) RUN(fsub) RUN(fmul) RUN(fdiv) RUN(fsqrt) RUN(fmadd) RUN(fnmsub) RUN(fmin) RUN(fmax)
    RUN(chain) RUN(negated)
    run_round_trip_d(inputs64);
    run_round_trip_s(inputs32);
    arrays_double(inputs64);
    arrays_float(inputs32);
    signals();
    return 0;
}
