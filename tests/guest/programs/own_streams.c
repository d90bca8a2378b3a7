/* What a program does to its signals and descriptors leaves the statistics alone, and the other way
 * round: a profiling timer's handler sees only its own ticks, and the end is printed although standard
 * error and all that was not opened here were closed. Of that nothing is left but a copy of standard error, where
 * there is something to print, and the code memory; neither can be closed. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

/* Descriptors from 1000 on that are open to what the text names, and how many of them can be closed or replaced. */
static void look_for(const char *what, const char *text)
{
    int found = 0, lost = 0;
    for (int fd = 1000; fd < 1100; fd++) {
        char name[64], link[512];
        snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
        ssize_t length = readlink(name, link, sizeof link - 1);
        if (length < 0)
            continue;
        link[length] = 0;
        if (!strstr(link, text))
            continue;
        found++;
        lost += dup2(1, fd) >= 0 || close(fd) == 0;
    }
    printf("%s: %d, lost %d\n", what, found, lost);
}

int main(void)
{
    char error[512] = "";
    if (readlink("/proc/self/fd/2", error, sizeof error - 1) < 0)
        return 1;
    signal(SIGPROF, on_tick);
    spin(0.1);
    printf("without a timer: %d\n", ticks);
    setitimer(ITIMER_PROF, &(struct itimerval){{0, 10000}, {0, 10000}}, NULL);
    spin(0.1);
    setitimer(ITIMER_PROF, &(struct itimerval){0}, NULL);
    printf("with a timer: %s\n", ticks > 0 ? "some" : "none");
    fclose(stderr);
    printf("closed: %ld\n", (long)syscall(SYS_close_range, 2, ~0u, 0));
    look_for("standard error", error);
    look_for("code memory", "memfd:tiercel-code");
    printf("next: %d\n", dup(1));
    return 3;
}
