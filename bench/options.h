/*
 * The command line of tiercel-bench: subcommands, their options, help.
 *
 * One table in options.c lists all options; a subcommand names the groups it accepts.
 */
#ifndef TIERCEL_BENCH_OPTIONS_H
#define TIERCEL_BENCH_OPTIONS_H

#include "bench/text.h"

enum option_group {
    OPTIONS_COMMON = 1 << 0,  /* programs, runs, limits, output */
    OPTIONS_KERNELS = 1 << 1, /* which kernels, and how long each runs */
    OPTIONS_PROGRAM = 1 << 2, /* a program of the user's after -- */
    OPTIONS_ABLATE = 1 << 3,  /* which techniques */
    OPTIONS_SWEEP = 1 << 4,   /* which options of tiercel, and their values */
};

/* Texts point into argv. A NULL text or a 0 count means: not given. */
struct options {
    const char *modes;
    const char *kernels;
    const char *native;
    const char *stdin_file;
    const char *tiercel;
    const char *qemu;
    const char *kernel_dir;
    const char *tiercel_options;
    const char *json_file; /* "-": standard output */
    const char *csv_file;  /* "-": standard output */
    const char *plot_file;
    const char *techniques;
    const char *vary;
    double seconds;
    double time_limit_s; /* 0: none */
    unsigned runs;
    bool shows_memory;
    bool lists_techniques;
    char **program; /* what follows --, NULL-terminated, or NULL */
};

/* One row of the subcommand table in main.c. */
struct subcommand {
    const char *name;
    const char *synopsis;    /* what follows the name in the usage line */
    const char *summary;     /* one line */
    const char *description; /* paragraphs for --help */
    unsigned option_groups;  /* enum option_group, ored */
    enum bench_exit (*run)(const struct subcommand *self, const struct options *options);
};

/* Reads argv behind the subcommand's name. Prints help and exits with 0 at --help; exits
 * with BENCH_EXIT_USAGE on anything it does not know. */
void options_parse(struct options *ret_options, const struct subcommand *subcommand, char **argv);

/* Prints the sentence and the usage line; exits with BENCH_EXIT_USAGE. */
_Noreturn void options_usage(const struct subcommand *subcommand, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
