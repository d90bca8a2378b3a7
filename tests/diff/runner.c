/* Runs a program with a time limit; the output is read through a pipe as it comes. */
#include "tests/diff/runner.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The program dies with the tester, should that be killed. */
static pid_t start(const char *const *argv, const char *error_path, int output)
{
    pid_t tester = getpid();
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    int input = open("/dev/null", O_RDONLY);
    int error = open(error_path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (input >= 0 && error >= 0 && getppid() == tester && dup2(input, 0) == 0 &&
        dup2(output, 1) == 1 && dup2(error, 2) == 2)
        execvp(argv[0], (char *const *)(uintptr_t)argv);
    _exit(127);
}

/* Reads to the end of the pipe; false when the time is over first. */
static bool read_all(int input, int64_t deadline_ms, struct outcome *outcome)
{
    size_t capacity = 0;
    for (;;) {
        int64_t left_ms = deadline_ms - now_ms();
        struct pollfd ready = {.fd = input, .events = POLLIN};
        if (left_ms <= 0 || poll(&ready, 1, (int)left_ms) == 0)
            return false;
        if (capacity - outcome->size_bytes < 65536) {
            capacity = 2 * capacity + 65536;
            outcome->bytes = realloc(outcome->bytes, capacity);
            if (!outcome->bytes)
                abort();
        }
        ssize_t count =
            read(input, outcome->bytes + outcome->size_bytes, capacity - outcome->size_bytes);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return true;
        outcome->size_bytes += (size_t)count;
    }
}

/* Its output is closed: it is about to end, or hangs. */
static bool wait_until(pid_t pid, int64_t deadline_ms, int *ret_status)
{
    while (waitpid(pid, ret_status, WNOHANG) == 0) {
        if (now_ms() >= deadline_ms)
            return false;
        nanosleep(&(struct timespec){.tv_nsec = 500000}, NULL);
    }
    return true;
}

void run_program(const char *const *argv, const char *error_path, unsigned limit_s,
                 struct outcome *ret_outcome)
{
    *ret_outcome = (struct outcome){.end = NOT_STARTED};
    int ends[2];
    if (pipe2(ends, O_CLOEXEC))
        return;
    pid_t pid = start(argv, error_path, ends[1]);
    close(ends[1]);
    if (pid > 0) {
        int64_t deadline_ms = now_ms() + (int64_t)limit_s * 1000;
        bool is_in_time = read_all(ends[0], deadline_ms, ret_outcome);
        int status;
        is_in_time = is_in_time && wait_until(pid, deadline_ms, &status);
        if (!is_in_time) {
            kill(pid, SIGKILL);
            while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
                ;
        }
        ret_outcome->end = !is_in_time         ? RAN_OUT_OF_TIME
                           : WIFEXITED(status) ? RAN_TO_END
                                               : DIED_OF_SIGNAL;
        ret_outcome->status = WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status);
        if (ret_outcome->end == RAN_TO_END && ret_outcome->status == 127 &&
            ret_outcome->size_bytes == 0)
            ret_outcome->end = NOT_STARTED;
    }
    close(ends[0]);
}

void outcome_fini(struct outcome *outcome)
{
    free(outcome->bytes);
    *outcome = (struct outcome){0};
}

bool outcomes_agree(const struct outcome *a, const struct outcome *b)
{
    return a->end == b->end && a->status == b->status && a->size_bytes == b->size_bytes &&
           (a->size_bytes == 0 || memcmp(a->bytes, b->bytes, a->size_bytes) == 0);
}

const char *outcome_text(const struct outcome *outcome, char *buffer)
{
    switch (outcome->end) {
    case RAN_TO_END:
        snprintf(buffer, 64, "exit status %d", outcome->status);
        break;
    case DIED_OF_SIGNAL:
        snprintf(buffer, 64, "death by signal %d", outcome->status);
        break;
    case RAN_OUT_OF_TIME:
        snprintf(buffer, 64, "no end in time");
        break;
    case NOT_STARTED:
        snprintf(buffer, 64, "cannot be started");
        break;
    }
    return buffer;
}
