/* What a program does to its signals and descriptors leaves the statistics alone, and the other way
 * round: a profiling timer's handler sees only its own ticks, and the end is printed although standard
 * error and all that was not opened here were closed. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t ticks;

static void on_tick(int signal)
{
    ticks++;
    (void)signal;
}

static void spin(double seconds)
{
    clock_t end = clock() + (clock_t)(seconds * CLOCKS_PER_SEC);
    volatile unsigned sum = 0;
    while (clock() < end)
        for (unsigned i = 0; i < 100000; i++)
            sum += i;
}

int main(void)
{
    signal(SIGPROF, on_tick);
    spin(0.1);
    printf("without a timer: %d\n", ticks);
    setitimer(ITIMER_PROF, &(struct itimerval){{0, 10000}, {0, 10000}}, NULL);
    spin(0.1);
    setitimer(ITIMER_PROF, &(struct itimerval){0}, NULL);
    printf("with a timer: %s\n", ticks > 0 ? "some" : "none");
    fclose(stderr);
    printf("closed: %ld\n", (long)syscall(SYS_close_range, 2, ~0u, 0));
    printf("next: %d\n", dup(1));
    return 3;
}
