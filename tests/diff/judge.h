/* Runs a batch's program under the reference and under tiercel in one mode, and says whether they
 * agree. */
#ifndef TIERCEL_TESTS_DIFF_JUDGE_H
#define TIERCEL_TESTS_DIFF_JUDGE_H

#include "tests/diff/program.h"
#include "tests/diff/runner.h"

enum { MAX_MODE_WORDS = 16 };

/* One way of running tiercel: a name and its options. Owner: judge_add_mode. */
struct mode {
    char *name;
    char *words;                            /* storage of the options */
    const char *option[MAX_MODE_WORDS + 1]; /* ends with NULL */
    double time_s;
};

struct judge {
    const char *tiercel, *qemu;
    char directory[4096 - 256]; /* the programs and what they wrote on stderr */
    unsigned limit_s;
    struct mode *modes;
    unsigned mode_count;
    double reference_time_s;
};

/* Adds a mode by its name in the table of judge.c, or, when `name` begins with -, with those
 * options. False when there is no such mode. */
bool judge_add_mode(struct judge *judge, const char *name);
void judge_fini(struct judge *judge);
void judge_print_modes(FILE *out);

/* Runs the program judge->directory/name; `is_full` makes it write states instead of digests. */
void judge_run_reference(struct judge *judge, const char *name, bool is_full,
                         struct outcome *ret_outcome);
void judge_run_mode(struct judge *judge, struct mode *mode, const char *name, bool is_full,
                    struct outcome *ret_outcome);
/* Builds the batch as judge->directory/name and compares; a program that cannot be built, or does
 * not end well in the reference, shows no difference. */
bool judge_differs(struct judge *judge, struct mode *mode, const struct batch *batch,
                   const char *name);

#endif
