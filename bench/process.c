/*
 * Running a program: fork, exec, a timer, wait4. See process.h.
 *
 * Output goes to memory files, not pipes: the program never waits for us, and a child it
 * leaves behind cannot keep us waiting. We fork rather than spawn, because Linux counts the
 * memory of the address space that exec replaces towards ru_maxrss, and a forked copy of
 * this small program is smaller than the program itself.
 */
#include "bench/process.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench/text.h"

enum { ERRORS_MAX_BYTES = 64 * 1024 };

/* What a run holds open; -1 where there is none. */
struct channels {
    int input, output, errors;
    int exec_status[2]; /* carries errno if exec fails; closed by exec otherwise */
};

static volatile sig_atomic_t running_child; /* pid, 0 when none; read by signal handlers */
static volatile sig_atomic_t is_time_over;

static void kill_child_group(void)
{
    if (running_child > 0)
        kill(-(pid_t)running_child, SIGKILL);
}

static void on_alarm(int signal_number)
{
    (void)signal_number;
    is_time_over = 1;
    kill_child_group();
}

static void on_end(int signal_number)
{
    kill_child_group();
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

static void install_handlers(void)
{
    static const int ends[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action = {.sa_handler = on_alarm};
    sigemptyset(&action.sa_mask);
    sigaction(SIGALRM, &action, NULL);
    action.sa_handler = on_end;
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        struct sigaction old;
        sigaction(ends[i], NULL, &old);
        if (old.sa_handler != SIG_IGN)
            sigaction(ends[i], &action, NULL);
    }
}

static void arm_timer(double seconds)
{
    double whole = floor(seconds);
    struct itimerval timer = {
        .it_value = {.tv_sec = (time_t)whole, .tv_usec = (suseconds_t)((seconds - whole) * 1e6)}};
    is_time_over = 0;
    setitimer(ITIMER_REAL, &timer, NULL);
}

static void stop_timer(void)
{
    setitimer(ITIMER_REAL, &(struct itimerval){.it_value = {0}}, NULL);
}

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static double seconds_of(struct timeval value)
{
    return (double)value.tv_sec + (double)value.tv_usec * 1e-6;
}

static void open_channels(struct channels *channels, const struct process_request *request)
{
    const char *input = request->stdin_file != NULL ? request->stdin_file : "/dev/null";
    channels->input = open(input, O_RDONLY | O_CLOEXEC);
    if (channels->input < 0)
        bench_fail("cannot read %s: %s", input, strerror(errno));
    channels->output = memfd_create("stdout", MFD_CLOEXEC);
    channels->errors = memfd_create("stderr", MFD_CLOEXEC);
    if (channels->output < 0 || channels->errors < 0 || pipe2(channels->exec_status, O_CLOEXEC))
        bench_fail("cannot hold a program's output: %s", strerror(errno));
}

static void close_channels(struct channels *channels)
{
    close(channels->input);
    close(channels->output);
    close(channels->errors);
    close(channels->exec_status[0]);
}

static _Noreturn void become_program(const struct channels *channels,
                                     const struct process_request *request)
{
    setpgid(0, 0);
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    signal(SIGHUP, SIG_DFL);
    dup2(channels->input, STDIN_FILENO);
    dup2(channels->output, STDOUT_FILENO);
    dup2(channels->errors, STDERR_FILENO);
    execv(request->argv[0], request->argv);
    int error = errno;
    if (write(channels->exec_status[1], &error, sizeof error) < 0)
        _exit(126);
    _exit(127);
}

/* The first max_bytes of what was written, with a 0 byte behind. */
static char *read_back(int file, size_t max_bytes, size_t *ret_bytes)
{
    struct stat status;
    size_t bytes = 0, wanted = fstat(file, &status) == 0 ? (size_t)status.st_size : 0;
    wanted = wanted < max_bytes ? wanted : max_bytes;
    char *text = text_allocate(wanted + 1, 1);
    while (bytes < wanted) {
        ssize_t got = pread(file, text + bytes, wanted - bytes, (off_t)bytes);
        if (got <= 0)
            break;
        bytes += (size_t)got;
    }
    *ret_bytes = bytes;
    return text;
}

/* Waits without reaping, so that the pid stays ours while the timer may still kill it. */
static void wait_for_end(pid_t child)
{
    siginfo_t info;
    while (waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT) != 0 && errno == EINTR)
        continue;
}

static void collect(struct process_result *result, pid_t child)
{
    int status = 0;
    struct rusage usage = {0};
    while (wait4(child, &status, 0, &usage) < 0 && errno == EINTR)
        continue;
    result->cpu_s = seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
    result->peak_kib = usage.ru_maxrss;
    if (WIFSIGNALED(status)) {
        result->end = is_time_over ? PROCESS_TIMED_OUT : PROCESS_SIGNALLED;
        result->code = WTERMSIG(status);
    } else {
        result->end = PROCESS_EXITED;
        result->code = WEXITSTATUS(status);
    }
}

static void note_failed_exec(struct process_result *result, const struct channels *channels)
{
    int error = 0;
    if (read(channels->exec_status[0], &error, sizeof error) == (ssize_t)sizeof error) {
        result->end = PROCESS_NOT_STARTED;
        result->code = error;
    }
}

void process_run(struct process_result *ret_result, const struct process_request *request)
{
    struct process_result result = {0};
    struct channels channels;
    open_channels(&channels, request);
    install_handlers();
    double start_s = now_s();
    pid_t child = fork();
    if (child < 0)
        bench_fail("cannot start a process: %s", strerror(errno));
    if (child == 0)
        become_program(&channels, request);
    setpgid(child, child);
    running_child = child;
    arm_timer(request->time_limit_s);
    wait_for_end(child);
    result.wall_s = now_s() - start_s;
    stop_timer();
    running_child = 0;
    collect(&result, child);
    close(channels.exec_status[1]);
    note_failed_exec(&result, &channels);
    size_t error_bytes;
    result.output = read_back(channels.output, SIZE_MAX - 1, &result.output_bytes);
    result.errors = read_back(channels.errors, ERRORS_MAX_BYTES, &error_bytes);
    close_channels(&channels);
    *ret_result = result;
}

void process_result_fini(struct process_result *result)
{
    free(result->output);
    free(result->errors);
    *result = (struct process_result){0};
}

char *process_describe_end(const struct process_result *result,
                           const struct process_request *request)
{
    switch (result->end) {
    case PROCESS_EXITED:
        return text_format("exit status %d", result->code);
    case PROCESS_SIGNALLED:
        return text_format("signal %d (%s)", result->code, strsignal(result->code));
    case PROCESS_TIMED_OUT:
        return text_format("not done within the time limit of %g s", request->time_limit_s);
    case PROCESS_NOT_STARTED:
        return text_format("%s: %s", request->argv[0], strerror(result->code));
    }
    return NULL;
}
