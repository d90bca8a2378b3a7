/*
 * An experiment: workloads (rows of work) times variants (ways to run it), and the results.
 *
 * A subcommand fills in the workloads and variants; conduct.h runs and reports them. A mode
 * such as tier1 is one variant; other subcommands may add variants that differ by options.
 */
#ifndef TIERCEL_BENCH_EXPERIMENT_H
#define TIERCEL_BENCH_EXPERIMENT_H

#include <stdint.h>

#include "bench/options.h"
#include "bench/process.h"

/* GROUP_OTHER is what no geometric mean per group counts: programs of the user's, hello. */
#define WORKLOAD_GROUPS(X) X(integer) X(memory) X(fp) X(other)

/* clang-format off */
enum workload_group {
#define X(name) GROUP_##name,
    WORKLOAD_GROUPS(X)
#undef X
    GROUP_COUNT
};
/* clang-format on */

enum runner { RUNNER_NATIVE, RUNNER_QEMU, RUNNER_TIERCEL };

/* Owned by its experiment. */
struct workload {
    char *name;
    enum workload_group group;
    char *native_path; /* NULL: only emulators run it */
    char *riscv64_path;
    const char *stdin_file;       /* NULL: nothing to read */
    struct string_list arguments; /* kernels: the size, once it is chosen */
    bool is_sized;                /* takes a size that is to be chosen */
    uint64_t size;                /* 0 unless is_sized */
    char *end_note;               /* how it ends, if not with exit status 0; set by measuring */
};

/* Owned by its experiment. */
struct variant {
    char *label; /* the mode's name in reports */
    enum runner runner;
    struct string_list options; /* of tiercel */
    bool runs_less_when_slow;   /* one run is enough if it takes longer than slow_run_s */
    size_t base;                /* index of the variant it is compared with, or NO_BASE */
};

#define NO_BASE ((size_t)-1)

/* The results of one variant on one workload. Owned by its experiment. */
struct cell {
    double *samples_s; /* runs_done of them */
    unsigned runs_done;
    bool is_cut_short;  /* fewer runs than asked for, because it is slow */
    char *trouble;      /* what went wrong, one line; NULL: all outputs agreed */
    char *trouble_tail; /* last line of its standard error, or NULL */
    double cpu_s;       /* of the last run */
    long peak_kib;      /* the most of all runs */
};

struct table_report;

/* Owned by the subcommand. */
struct experiment {
    const char *title;
    const struct table_report *table; /* how the results are shown (report.h) */
    const struct options *options;
    const struct subcommand *subcommand; /* for usage lines */
    unsigned runs;
    char *tiercel, *qemu; /* paths; NULL when no variant needs them */
    char *kernel_dir;
    struct workload *workloads;
    size_t workload_count;
    struct variant *variants;
    size_t variant_count;
    struct cell *cells; /* [workload * variant_count + variant]; made by conduct */
};

static const double slow_run_s = 5.0;

/* Checks the names in --modes and --kernels first: an unknown one is a usage error. */
struct experiment *experiment_create(const struct subcommand *subcommand,
                                     const struct options *options, const char *title,
                                     unsigned default_runs);
void experiment_destroy(struct experiment **experiment);

/* Adds the modes named by --modes, or else by `default_modes` (both comma-separated), and
 * finds the programs they need. */
void experiment_add_modes(struct experiment *experiment, const char *default_modes);

/* Adds one variant and returns it (until the next is added); the label is copied. */
struct variant *experiment_add_variant(struct experiment *experiment, const char *label,
                                       enum runner runner);

/* Adds a variant that is the variant `base` with more options of tiercel (blank-separated), and is
 * compared with it. */
void experiment_add_derived(struct experiment *experiment, const char *label, size_t base,
                            const char *options);

/* Adds the program NAME of the kernel directory; fails with a sentence if it is not built. */
struct workload *experiment_add_built(struct experiment *experiment, const char *name,
                                      enum workload_group group);

/* Adds the kernels named by --kernels (kernels or groups), or all. */
void experiment_add_kernels(struct experiment *experiment);

/* Adds the program after -- with its arguments. */
void experiment_add_program(struct experiment *experiment);

struct cell *experiment_cell(const struct experiment *experiment, size_t workload, size_t variant);

/* The first variant with that runner, or NULL. */
const struct variant *experiment_find_runner(const struct experiment *experiment,
                                             enum runner runner);

/* The command line of a variant on a workload, appended to an empty list. */
void experiment_command(const struct experiment *experiment, const struct workload *workload,
                        const struct variant *variant, struct string_list *command);

/* The length of the longest label of a variant, at least 8. */
int experiment_label_width(const struct experiment *experiment);

/* "1/3" when cut short, else "3"; to be freed by the caller. */
char *experiment_runs_text(const struct experiment *experiment, const struct cell *cell);

const char *workload_group_name(enum workload_group group);

#endif
