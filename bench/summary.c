/* Medians, ratios and geometric means: see summary.h. */
#include "bench/summary.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *summary_group_name(int group)
{
    return group == SUMMARY_ALL ? "all" : workload_group_name((enum workload_group)group);
}

static int compare_doubles(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

/* The value a share of the way through the sorted samples: 0 least, 1 greatest. */
static double quantile(const struct cell *cell, double share)
{
    if (cell->runs_done == 0 || cell->trouble != NULL)
        return NAN;
    size_t count = cell->runs_done;
    double *sorted = text_allocate(count, sizeof *sorted);
    memcpy(sorted, cell->samples_s, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, compare_doubles);
    double position = share * (double)(count - 1);
    size_t below = (size_t)position, above = below + 1 < count ? below + 1 : below;
    double part = position - (double)below;
    double value = sorted[below] * (1 - part) + sorted[above] * part;
    free(sorted);
    return value;
}

double summary_median_s(const struct cell *cell)
{
    return quantile(cell, 0.5);
}

double summary_min_s(const struct cell *cell)
{
    return quantile(cell, 0);
}

double summary_max_s(const struct cell *cell)
{
    return quantile(cell, 1);
}

/* The median of the variant with that runner, unless it is missing or in trouble. */
static double baseline_s(const struct experiment *experiment, size_t workload, enum runner runner)
{
    const struct variant *variant = experiment_find_runner(experiment, runner);
    if (variant == NULL)
        return NAN;
    const struct cell *cell =
        experiment_cell(experiment, workload, (size_t)(variant - experiment->variants));
    return summary_median_s(cell);
}

struct ratios summary_ratios(const struct experiment *experiment, size_t workload, size_t variant)
{
    const struct cell *cell = experiment_cell(experiment, workload, variant);
    double median_s = summary_median_s(cell);
    struct ratios ratios = {
        .vs_native = median_s / baseline_s(experiment, workload, RUNNER_NATIVE),
        .vs_qemu = baseline_s(experiment, workload, RUNNER_QEMU) / median_s,
    };
    ratios.native_count = !isnan(ratios.vs_native);
    ratios.qemu_count = !isnan(ratios.vs_qemu);
    return ratios;
}

static bool is_in_group(const struct experiment *experiment, size_t workload, int group)
{
    return group == SUMMARY_ALL || (int)experiment->workloads[workload].group == group;
}

struct ratios summary_geomean(const struct experiment *experiment, size_t variant, int group)
{
    struct ratios mean = {0};
    for (size_t i = 0; i < experiment->workload_count; i++) {
        if (!is_in_group(experiment, i, group))
            continue;
        struct ratios one = summary_ratios(experiment, i, variant);
        if (one.native_count > 0)
            mean.vs_native += log(one.vs_native);
        if (one.qemu_count > 0)
            mean.vs_qemu += log(one.vs_qemu);
        mean.native_count += one.native_count;
        mean.qemu_count += one.qemu_count;
    }
    mean.vs_native = mean.native_count > 0 ? exp(mean.vs_native / mean.native_count) : NAN;
    mean.vs_qemu = mean.qemu_count > 0 ? exp(mean.vs_qemu / mean.qemu_count) : NAN;
    return mean;
}

double summary_workload_worth(const struct experiment *experiment, size_t workload, size_t variant)
{
    size_t base = experiment->variants[variant].base;
    if (base == NO_BASE)
        return NAN;
    return summary_min_s(experiment_cell(experiment, workload, variant)) /
           summary_min_s(experiment_cell(experiment, workload, base));
}

double summary_worth(const struct experiment *experiment, size_t variant, int group)
{
    double sum = 0;
    unsigned count = 0;
    for (size_t i = 0; i < experiment->workload_count; i++) {
        double worth = summary_workload_worth(experiment, i, variant);
        if (!is_in_group(experiment, i, group) || isnan(worth))
            continue;
        sum += log(worth);
        count++;
    }
    return count > 0 ? exp(sum / count) : NAN;
}

size_t summary_count_troubles(const struct experiment *experiment)
{
    size_t count = 0;
    for (size_t i = 0; i < experiment->workload_count * experiment->variant_count; i++)
        count += experiment->cells[i].trouble != NULL;
    return count;
}
