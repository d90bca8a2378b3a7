/* poll, ppoll, select, pselect, eventfd, epoll, timerfd on pipes. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <unistd.h>

static volatile int signals;
static struct pollfd *volatile low = (struct pollfd *)8;

/* Separate from the call: arguments are evaluated in any order. */
static void say(const char *what, long result)
{
    printf("%s %ld %s\n", what, result, result < 0 ? strerror(errno) : "");
}
static void count(int signal)
{
    (void)signal;
    signals = signals + 1;
}

int main(void)
{
    int pair[2];
    if (pipe2(pair, O_NONBLOCK))
        return 1;
    char byte = 'x';
    say("empty read", read(pair[0], &byte, 1));
    struct pollfd fds[2] = {{pair[0], POLLIN, 0}, {pair[1], POLLOUT, 0}};
    printf("poll %d", poll(fds, 2, 0));
    printf(" %x %x\n", (unsigned)fds[0].revents, (unsigned)fds[1].revents);
    if (write(pair[1], &byte, 1) != 1)
        return 1;
    printf("poll %d", poll(fds, 2, 100));
    printf(" %x %x\n", (unsigned)fds[0].revents, (unsigned)fds[1].revents);
    fd_set readable, writable;
    FD_ZERO(&readable);
    FD_ZERO(&writable);
    FD_SET(pair[0], &readable);
    FD_SET(pair[1], &writable);
    struct timeval wait = {1, 0};
    printf("select %d", select(pair[1] + 1, &readable, &writable, NULL, &wait));
    printf(" %d %d\n", FD_ISSET(pair[0], &readable) != 0, FD_ISSET(pair[1], &writable) != 0);
    int epoll = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = 0x1122334455667788}, events[4];
    printf("epoll_ctl %d\n", epoll_ctl(epoll, EPOLL_CTL_ADD, pair[0], &event));
    printf("epoll_wait %d", epoll_wait(epoll, events, 4, 100));
    printf(" %x %llx\n", events[0].events, (unsigned long long)events[0].data.u64);
    printf("epoll del %d\n", epoll_ctl(epoll, EPOLL_CTL_DEL, pair[0], NULL));
    int counter = eventfd(3, 0);
    uint64_t value = 4;
    say("eventfd write", write(counter, &value, 8));
    say("eventfd read", read(counter, &value, 8));
    printf("eventfd %llu\n", (unsigned long long)value);
    int timer = timerfd_create(CLOCK_MONOTONIC, 0);
    struct itimerspec soon = {.it_value = {0, 1000000}};
    timerfd_settime(timer, 0, &soon, NULL);
    printf("timerfd %zd", read(timer, &value, 8));
    printf(" %llu\n", (unsigned long long)value);
    /* A signal that is blocked except inside the call. */
    sigset_t blocked, open;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR1);
    sigprocmask(SIG_BLOCK, &blocked, &open);
    struct sigaction action = {.sa_handler = count, .sa_flags = SA_RESTART};
    sigaction(SIGUSR1, &action, NULL);
    sigaction(SIGALRM, &action, NULL);
    raise(SIGUSR1);
    struct pollfd never = {pair[0], POLLPRI, 0};
    struct timespec second = {5, 0};
    printf("before %d\n", signals);
    say("ppoll", ppoll(&never, 1, &second, &open));
    printf("signals %d\n", signals);
    raise(SIGUSR1);
    say("pselect", pselect(0, NULL, NULL, NULL, &second, &open));
    printf("signals %d\n", signals);
    /* Repeated: the first may come before the call when translation is slow. */
    setitimer(ITIMER_REAL, &(struct itimerval){{0, 50000}, {0, 5000}}, NULL);
    say("poll", poll(&never, 1, 20000));
    setitimer(ITIMER_REAL, &(struct itimerval){{0, 0}, {0, 0}}, NULL);
    printf("more signals %d\n", signals > 2);
    say("bad pointer", poll(low, 1, 0));
    return 0;
}
