/* The forms in which results come out: a table for people, JSON and CSV for programs. */
#ifndef TIERCEL_BENCH_REPORT_H
#define TIERCEL_BENCH_REPORT_H

#include <stdio.h>

#include "bench/experiment.h"
#include "bench/host.h"

/* The table goes to standard output piece by piece, as workloads finish. */
void report_table_begin(const struct experiment *experiment, const struct host *host);
void report_table_workload(const struct experiment *experiment, size_t workload);
void report_table_end(const struct experiment *experiment);

/* Columns as in the JSON rows. Write errors are left to ferror(file). */
void report_json(FILE *file, const struct experiment *experiment, const struct host *host);
void report_csv(FILE *file, const struct experiment *experiment);

#endif
