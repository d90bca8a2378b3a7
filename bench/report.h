/* The forms in which results come out: a table for people, JSON and CSV for programs. */
#ifndef TIERCEL_BENCH_REPORT_H
#define TIERCEL_BENCH_REPORT_H

#include <stdio.h>

#include "bench/experiment.h"
#include "bench/host.h"

/* A table goes to standard output piece by piece, as workloads finish. */
struct table_report {
    void (*begin)(const struct experiment *experiment, const struct host *host);
    void (*workload)(const struct experiment *experiment, size_t workload);
    void (*end)(const struct experiment *experiment);
};
extern const struct table_report report_all_runs; /* a line for each program in each mode */
extern const struct table_report report_worth;    /* a line for each technique switched off */

/* What was measured on what; the head of every table. */
void report_head(const struct experiment *experiment, const struct host *host);
/* What did not go as it should, programs that ended oddly, runs left out; the foot. */
void report_foot(const struct experiment *experiment);
/* A number in a column, "-" when it is not available. */
void report_ratio(double ratio, int width);

/* Draws geometric means by mode and group with gnuplot: the worth of techniques for variants that
 * have a base, else time over native time. The name's ending tells the format. Fails with a
 * sentence when gnuplot is not there. */
void report_plot(const char *path, const struct experiment *experiment);
/* Whether gnuplot is there. */
bool report_can_plot(void);
/* Fails with a sentence unless the ending is one that report_plot knows. */
void report_check_plot_name(const char *path);

/* Columns as in the JSON rows. Write errors are left to ferror(file). */
void report_json(FILE *file, const struct experiment *experiment, const struct host *host);
void report_csv(FILE *file, const struct experiment *experiment);

#endif
