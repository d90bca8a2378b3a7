/* What each technique is worth, as a table for people: see report.h.
 *
 * A line for each variant that has a base: its time over the base's time, as geometric means and
 * for the workload where it matters most. */
#include "bench/report.h"

#include <math.h>

#include "bench/summary.h"

enum { FIGURE_WIDTH = 8 };

static void print_head(const struct experiment *experiment, const struct host *host)
{
    report_head(experiment, host);
    printf("%zu variants of %zu programs, %u runs each\n", experiment->variant_count,
           experiment->workload_count, experiment->runs);
    printf("worth: least time without the technique over least time with it; above 1 it pays\n\n"
           "measuring:");
    fflush(stdout);
}

static void print_done(const struct experiment *experiment, size_t workload)
{
    printf(" %s", experiment->workloads[workload].name);
    fflush(stdout);
}

/* The workload whose worth is farthest from 1, or workload_count when none is available. */
static size_t find_most_affected(const struct experiment *experiment, size_t variant)
{
    size_t most = experiment->workload_count;
    double most_distance = -1;
    for (size_t i = 0; i < experiment->workload_count; i++) {
        double distance = fabs(log(summary_workload_worth(experiment, i, variant)));
        if (distance > most_distance) {
            most_distance = distance;
            most = i;
        }
    }
    return most;
}

static void print_line(const struct experiment *experiment, size_t variant)
{
    printf("%-*s", experiment_label_width(experiment), experiment->variants[variant].label);
    report_ratio(summary_worth(experiment, variant, SUMMARY_ALL), FIGURE_WIDTH);
    for (int group = 0; group < GROUP_other; group++)
        report_ratio(summary_worth(experiment, variant, group), FIGURE_WIDTH);
    size_t most = find_most_affected(experiment, variant);
    if (most < experiment->workload_count) {
        report_ratio(summary_workload_worth(experiment, most, variant), FIGURE_WIDTH);
        printf(" %s", experiment->workloads[most].name);
    }
    printf("\n");
}

static void print_lines(const struct experiment *experiment)
{
    printf("\n\n%-*s %*s", experiment_label_width(experiment), "without", FIGURE_WIDTH, "all");
    for (int group = 0; group < GROUP_other; group++)
        printf(" %*s", FIGURE_WIDTH, workload_group_name((enum workload_group)group));
    printf(" %*s\n", FIGURE_WIDTH, "most");
    for (size_t variant = 0; variant < experiment->variant_count; variant++)
        if (experiment->variants[variant].base != NO_BASE)
            print_line(experiment, variant);
    report_foot(experiment);
    if (experiment->options->plot_file != NULL)
        printf("picture: %s\n", experiment->options->plot_file);
}

const struct table_report report_worth = {print_head, print_done, print_lines};
