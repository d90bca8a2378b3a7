/* Signals the program sends to itself: handlers, masks, pending, nested, queues, altstack. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t count, last, depth, deepest;

/* Separate from the call: arguments are evaluated in any order. */
static void say(const char *what, long result)
{
    printf("%s %ld %s\n", what, result, result < 0 ? strerror(errno) : "");
}

static void simple(int signal)
{
    count = count + 1;
    last = signal;
}

static void nested(int signal)
{
    depth = depth + 1;
    if (depth > deepest)
        deepest = depth;
    if (depth < 5)
        raise(signal);
    depth = depth - 1;
}

static void with_info(int signal, siginfo_t *info, void *context)
{
    printf("info %d code %s from self %d value %d context %d\n", signal,
           info->si_code == SI_QUEUE   ? "queue"
           : info->si_code == SI_TKILL ? "tkill"
           : info->si_code == SI_USER  ? "user"
                                       : "other",
           info->si_pid == getpid(), info->si_code == SI_QUEUE ? info->si_value.sival_int : 0,
           context != NULL);
}

static void install(int signal, void (*handler)(int), int flags)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
    sigemptyset(&action.sa_mask);
    sigaction(signal, &action, NULL);
}

static void basics(void)
{
    install(SIGUSR1, simple, 0);
    raise(SIGUSR1);
    kill(getpid(), SIGUSR1);
    printf("count %d last %d\n", count, last);
    install(SIGUSR1, simple, SA_RESETHAND);
    raise(SIGUSR1);
    struct sigaction now;
    sigaction(SIGUSR1, NULL, &now);
    printf("count %d reset %d\n", count, now.sa_handler == SIG_DFL);
    install(SIGUSR2, nested, SA_NODEFER);
    raise(SIGUSR2);
    printf("deepest %d\n", deepest);
    signal(SIGTERM, SIG_IGN);
    raise(SIGTERM);
    raise(SIGCHLD);
    raise(SIGWINCH);
    puts("ignored");
    struct sigaction bad = {.sa_handler = simple};
    say("kill handler", sigaction(SIGKILL, &bad, NULL));
    say("signal 0", kill(getpid(), 0));
    say("missing", kill(999999999, 0));
}

static void masks(void)
{
    sigset_t set, old, pending;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGRTMIN);
    struct sigaction action = {.sa_sigaction = with_info, .sa_flags = SA_SIGINFO};
    sigfillset(&action.sa_mask);
    sigaction(SIGUSR1, &action, NULL);
    sigaction(SIGRTMIN, &action, NULL);
    sigprocmask(SIG_BLOCK, &set, &old);
    raise(SIGUSR1);
    kill(getpid(), SIGUSR1);
    for (int i = 1; i <= 3; i++)
        sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = i});
    sigpending(&pending);
    printf("pending %d %d %d\n", sigismember(&pending, SIGUSR1), sigismember(&pending, SIGRTMIN),
           sigismember(&pending, SIGUSR2));
    sigprocmask(SIG_SETMASK, &old, NULL);
    puts("unblocked");
    sigprocmask(SIG_BLOCK, &set, &old);
    raise(SIGUSR1);
    say("suspend", sigsuspend(&old));
    raise(SIGUSR1);
    siginfo_t info;
    say("wait", sigwaitinfo(&set, &info));
    printf("info %d\n", info.si_signo);
    struct timespec brief = {0, 1000000};
    say("timed wait", sigtimedwait(&set, NULL, &brief));
    sigprocmask(SIG_SETMASK, &old, NULL);
}

static char alternate[65536];
static void on_alternate(int signal)
{
    char here;
    stack_t now;
    sigaltstack(NULL, &now);
    printf("signal %d on the alternate stack %d, flags %d\n", signal,
           &here >= alternate && &here < alternate + sizeof alternate, now.ss_flags);
    say("changing it", sigaltstack(&now, NULL));
}

static void stacks(void)
{
    stack_t stack = {.ss_sp = alternate, .ss_size = sizeof alternate}, old;
    printf("sigaltstack %d\n", sigaltstack(&stack, &old));
    printf("was disabled %d\n", old.ss_flags == SS_DISABLE);
    install(SIGUSR2, on_alternate, SA_ONSTACK);
    raise(SIGUSR2);
    stack.ss_size = 100;
    say("too small", sigaltstack(&stack, NULL));
    stack.ss_flags = SS_DISABLE;
    printf("disable %d\n", sigaltstack(&stack, NULL));
    stack = (stack_t){.ss_flags = SS_DISABLE};
}

static void timers(void)
{
    install(SIGALRM, simple, SA_RESTART);
    count = 0;
    struct itimerval interval = {{0, 2000}, {0, 2000}}, rest;
    setitimer(ITIMER_REAL, &interval, NULL);
    unsigned long spins = 0;
    while (count < 5)
        spins++;
    setitimer(ITIMER_REAL, &(struct itimerval){{0, 0}, {0, 0}}, &rest);
    printf("timer %d spun %d interval %ld\n", count >= 5, spins > 0, rest.it_interval.tv_usec);
    install(SIGALRM, simple, 0);
    int pair[2];
    char byte;
    if (pipe(pair))
        return;
    /* Repeated: the first may come before the call when translation is slow. */
    setitimer(ITIMER_REAL, &(struct itimerval){{0, 50000}, {0, 10000}}, NULL);
    say("read", read(pair[0], &byte, 1));
    struct timespec second = {20, 0}, left;
    int result = nanosleep(&second, &left);
    printf("nanosleep %d left %d\n", result, left.tv_nsec > 0);
    say("pause", pause());
    alarm(100);
    printf("alarm %u\n", alarm(0));
}

static double values[4] = {1.5, 2.5, 3.5, 4.5};
static void clobber(int signal)
{
    for (int i = 0; i < 4; i++)
        values[i] = values[i] * (signal + i);
}

/* Registers of the interrupted loop survive handlers that come at any point of it. */
static void registers(void)
{
    install(SIGALRM, clobber, 0);
    struct itimerval interval = {{0, 500}, {0, 500}};
    setitimer(ITIMER_REAL, &interval, NULL);
    unsigned long a = 1, b = 2, c = 3, d = 4;
    double x = 1, y = 2, z = 3;
    for (int i = 0; i < 3000000; i++) {
        a = a * 6364136223846793005u + b;
        b ^= a >> 17;
        c += b * 3;
        d = d << 1 | d >> 63;
        x = x * 0.999 + y * 0.0005;
        y = y * 0.998 + z * 0.001;
        z = z + (double)(i & 7) * 0.25 - x * 0.001;
    }
    setitimer(ITIMER_REAL, &(struct itimerval){{0, 0}, {0, 0}}, NULL);
    printf("%lx %lx %lx %lx %.17g %.17g %.17g\n", a, b, c, d, x, y, z);
}

int main(void)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    basics();
    masks();
    stacks();
    timers();
    registers();
    puts("dying");
    signal(SIGTERM, SIG_DFL);
    raise(SIGTERM);
    puts("not reached");
    return 0;
}
