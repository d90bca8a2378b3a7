/* Clocks, sleeping, calendars. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/times.h>
#include <time.h>
#include <unistd.h>

/* Separate from the call: arguments are evaluated in any order. */
static void say(const char *what, long result)
{
    printf("%s %ld %s\n", what, result, result < 0 ? strerror(errno) : "");
}

static double seconds(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int main(void)
{
    double start = seconds(CLOCK_MONOTONIC);
    struct timespec nap = {0, 20000000};
    printf("nanosleep %d\n", nanosleep(&nap, NULL));
    double slept = seconds(CLOCK_MONOTONIC) - start;
    printf("slept %d\n", slept >= 0.02 && slept < 5);
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += 5000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    printf("absolute %d\n", clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &until, NULL));
    struct timespec bad = {0, -1};
    say("bad", nanosleep(&bad, NULL));
    say("bad clock", clock_gettime(77, &bad));
    struct timeval now;
    gettimeofday(&now, NULL);
    time_t plain = time(NULL);
    printf("same time %d\n", plain - now.tv_sec <= 1);
    struct timespec resolution;
    clock_getres(CLOCK_MONOTONIC, &resolution);
    printf("resolution %d\n", resolution.tv_sec == 0 && resolution.tv_nsec >= 1);
    double cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
    volatile unsigned long spin = 0;
    for (int i = 0; i < 3000000; i++)
        spin = spin + (unsigned long)i;
    printf("cpu time grows %d\n", seconds(CLOCK_PROCESS_CPUTIME_ID) > cpu);
    struct tms ticks;
    struct rusage usage;
    printf("times %d rusage %d\n", times(&ticks) != (clock_t)-1, getrusage(RUSAGE_SELF, &usage));
    printf("clock %d\n", clock() > 0);
    time_t moment = 1234567890;
    struct tm parts;
    char text[100];
    gmtime_r(&moment, &parts);
    strftime(text, sizeof text, "%A %d %B %Y %H:%M:%S day %j week %U", &parts);
    printf("%s\n%s", text, asctime(&parts));
    parts = (struct tm){.tm_year = 100, .tm_mon = 1, .tm_mday = 30};
    printf("mktime %lld\n", (long long)mktime(&parts));
    strptime("2024-02-29 12:34:56", "%Y-%m-%d %H:%M:%S", &parts);
    printf("leap %lld weekday %d\n", (long long)timegm(&parts), parts.tm_wday);
    return 0;
}
