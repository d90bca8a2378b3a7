/* A signal reaches loops of every shape within 10 ms.
 *
 * Each shape first runs for a while, so that higher tiers take it over; then it runs without an end
 * and a timer's handler jumps out of it. The best of some tries counts, since the machine may be
 * busy; a loop that does not look for signals never ends. */
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

enum { WARM_MS = 60, DELAY_MS = 2, LIMIT_MS = 10, TRIES = 40 };

static unsigned char bytes[256], copy[4096];
static int words[4096];
static double numbers[512];
static volatile unsigned long sink;
static sigjmp_buf out;

static double now_ms(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1e3 + time.tv_nsec / 1e6;
}

static void leave(int signal)
{
    (void)signal;
    siglongjmp(out, 1);
}

static unsigned long counting(unsigned long rounds)
{
    unsigned long sum = 0;
    for (unsigned long i = 0; i < rounds; i++) {
        sum += i ^ (sum >> 3);
        __asm__ volatile("");
    }
    return sum;
}

static unsigned long sums(unsigned long rounds)
{
    unsigned long sum = 0;
    for (unsigned long i = 0; i < rounds; i++)
        for (int j = 0; j < 4096; j++)
            sum += (unsigned)words[j];
    return sum;
}

static unsigned long byte_scan(unsigned long rounds)
{
    unsigned long found = 0;
    for (unsigned long i = 0; i < rounds; i++) {
        const unsigned char *at = bytes + (i & 7);
        while (*at != 0 && *at != 9)
            at++;
        found += (unsigned long)(at - bytes);
    }
    return found;
}

static unsigned long two_latches(unsigned long rounds)
{
    unsigned long i = 0, odd = 0;
    while (i < rounds) {
        i++;
        if ((i * 7 + odd) & 4)
            continue;
        odd += i & 3;
    }
    return odd;
}

static unsigned long three_deep(unsigned long rounds)
{
    unsigned long sum = 0;
    for (unsigned long i = 0; i < rounds; i++)
        for (unsigned j = 0; j < 3; j++)
            for (unsigned k = 0; k <= j; k++) {
                sum += words[(i + k) & 4095] * j;
                copy[sum & 4095] = (unsigned char)k;
            }
    return sum;
}

static unsigned long two_entries(unsigned long rounds)
{
    unsigned long i = 0, sum = 0;
    if (words[1])
        goto middle;
top:
    sum += i * 3;
    __asm__ volatile("");
middle:
    sum ^= i;
    __asm__ volatile("");
    if (++i < rounds)
        goto top;
    return sum;
}

static unsigned long cases(unsigned long rounds)
{
    unsigned long a = 1, b = 2;
    for (unsigned long i = 0; i < rounds; i++) {
        switch ((i ^ a) & 7) {
        case 0: a += b; break;
        case 1: b ^= a; break;
        case 2: a = b * 3; break;
        case 3: b -= a; break;
        case 4: a >>= 1; break;
        case 5: b = a + 11; break;
        case 6: a ^= 0x55; break;
        default: b++; break;
        }
    }
    return a + b;
}

static __attribute__((noinline)) unsigned long step(unsigned long value)
{
    __asm__ volatile("");
    return value * 5 + 1;
}

static unsigned long calls(unsigned long rounds)
{
    unsigned long value = 3;
    for (unsigned long i = 0; i < rounds; i++)
        value = step(value ^ i);
    return value;
}

static unsigned long (*volatile pointer)(unsigned long) = step;
static unsigned long pointers(unsigned long rounds)
{
    unsigned long value = 3;
    for (unsigned long i = 0; i < rounds; i++)
        value = pointer(value);
    return value;
}

static __attribute__((noinline)) unsigned long tree(unsigned depth)
{
    __asm__ volatile("");
    return depth ? tree(depth - 1) + tree(depth - 1) : 1;
}

static unsigned long recursion(unsigned long rounds)
{
    unsigned long sum = 0;
    for (unsigned long i = 0; i < rounds; i++)
        sum += tree(10);
    return sum;
}

static unsigned long dot(unsigned long rounds)
{
    double sum = 0;
    for (unsigned long i = 0; i < rounds; i++)
        for (int j = 0; j < 512; j++)
            sum += numbers[j] * numbers[511 - j];
    return (unsigned long)sum;
}

static unsigned long moves(unsigned long rounds)
{
    for (unsigned long i = 0; i < rounds; i++)
        memmove(copy + (i & 63), copy + 128, 2048 + (i & 1023));
    return copy[5];
}

static const struct shape {
    const char *name;
    unsigned long (*run)(unsigned long rounds);
    unsigned long rounds; /* some milliseconds at most */
} shapes[] = {
    {"counting", counting, 20000}, {"sums", sums, 10},           {"byte scan", byte_scan, 200},
    {"latches", two_latches, 20000}, {"three deep", three_deep, 2000}, {"entries", two_entries, 20000},
    {"cases", cases, 20000},       {"calls", calls, 10000},      {"pointers", pointers, 10000},
    {"recursion", recursion, 10},  {"dot", dot, 100},            {"moves", moves, 100},
};

static double try_once(const struct shape *shape)
{
    double start = now_ms();
    struct itimerval delay = {.it_value = {0, DELAY_MS * 1000}};
    if (sigsetjmp(out, 1) == 0) {
        setitimer(ITIMER_REAL, &delay, NULL);
        for (;;)
            sink += shape->run(ULONG_MAX);
    }
    return now_ms() - start - DELAY_MS;
}

int main(void)
{
    memset(bytes, 1, sizeof bytes - 1);
    for (int i = 0; i < 512; i++)
        numbers[i] = i & 7;
    struct sigaction action = {.sa_handler = leave};
    sigaction(SIGALRM, &action, NULL);
    for (unsigned i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        const struct shape *shape = &shapes[i];
        for (double start = now_ms(); now_ms() < start + WARM_MS;)
            sink += shape->run(shape->rounds);
        double best = 1e9;
        for (int tries = 0; tries < TRIES && best > LIMIT_MS; tries++) {
            double latency_ms = try_once(shape);
            if (latency_ms < best)
                best = latency_ms;
        }
        printf("%s %s\n", shape->name, best <= LIMIT_MS ? "in time" : "late");
    }
    return 0;
}
