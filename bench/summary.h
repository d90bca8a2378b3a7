/* Figures from an experiment's samples. A figure that is not available is NaN. */
#ifndef TIERCEL_BENCH_SUMMARY_H
#define TIERCEL_BENCH_SUMMARY_H

#include "bench/experiment.h"

/* vs_native: time over native time, less is better.
 * vs_qemu:   qemu's time over this time, more is better. */
struct ratios {
    double vs_native, vs_qemu;
    unsigned native_count, qemu_count; /* workloads behind each mean */
};

/* Which workloads a mean takes: GROUP_COUNT stands for all. */
enum { SUMMARY_ALL = GROUP_COUNT };

/* "all" or the group's name. */
const char *summary_group_name(int group);

/* NaN for a cell in trouble: its time is not that of the same work. */
double summary_median_s(const struct cell *cell);
double summary_min_s(const struct cell *cell);
double summary_max_s(const struct cell *cell);

/* Of one cell. */
struct ratios summary_ratios(const struct experiment *experiment, size_t workload, size_t variant);

/* Geometric means of a variant's ratios over a group, where available. */
struct ratios summary_geomean(const struct experiment *experiment, size_t variant, int group);

/* Geometric mean over a group of the variant's least time over that of its base: one base stands
 * under many variants, so that its noise would be in all of them. NaN: not available. */
double summary_worth(const struct experiment *experiment, size_t variant, int group);
/* The same of one workload. */
double summary_workload_worth(const struct experiment *experiment, size_t workload, size_t variant);

/* Number of cells in trouble. */
size_t summary_count_troubles(const struct experiment *experiment);

#endif
