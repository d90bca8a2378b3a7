/*
 * Runs one program to its end and says how long it took, what it used and what it wrote.
 */
#ifndef TIERCEL_BENCH_PROCESS_H
#define TIERCEL_BENCH_PROCESS_H

#include <stddef.h>

enum process_end {
    PROCESS_EXITED,      /* code: exit status */
    PROCESS_SIGNALLED,   /* code: signal number */
    PROCESS_TIMED_OUT,   /* ended by us, with all it started */
    PROCESS_NOT_STARTED, /* code: errno */
};

struct process_request {
    char *const *argv;      /* argv[0] is a path */
    const char *stdin_file; /* NULL: nothing to read */
    double time_limit_s;    /* 0: none */
};

/* Owned by the caller; process_result_fini frees the texts. */
struct process_result {
    enum process_end end;
    int code;
    double wall_s;
    double cpu_s; /* user and system, with the children it waited for */
    long peak_kib;
    char *output; /* standard output; a 0 byte follows */
    size_t output_bytes;
    char *errors; /* standard error, the first 64 KiB; a 0 byte follows */
};

/* The program runs in a process group of its own, which dies with us on SIGINT, SIGTERM and
 * SIGHUP. One run at a time. */
void process_run(struct process_result *ret_result, const struct process_request *request);

void process_result_fini(struct process_result *result);

/* "exit status 3", "signal 11 (Segmentation fault)", ...; to be freed by the caller. */
char *process_describe_end(const struct process_result *result,
                           const struct process_request *request);

#endif
