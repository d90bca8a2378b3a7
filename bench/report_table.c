/* Results as a table for people: see report.h. */
#include "bench/report.h"

#include <math.h>
#include <stdlib.h>

#include "bench/summary.h"

enum { NAME_WIDTH = 14, RATIO_WIDTH = 9, GROUP_WIDTH = 8 };

/* About four digits, in milliseconds. */
static void print_time(double seconds)
{
    double ms = seconds * 1e3;
    int digits = ms < 10 ? 3 : ms < 100 ? 2 : ms < 1000 ? 1 : 0;
    if (isnan(ms))
        printf(" %10s", "-");
    else
        printf(" %10.*f", digits, ms);
}

void report_ratio(double ratio, int width)
{
    if (isnan(ratio))
        printf(" %*s", width, "-");
    else
        printf(" %*.2f", width, ratio);
}

void report_head(const struct experiment *experiment, const struct host *host)
{
    printf("%s: runs of each: %u, interleaved; time limit %g s\n", experiment->title,
           experiment->runs, experiment->options->time_limit_s);
    printf("%s, %ld cores, %s\n", host->cpu != NULL ? host->cpu : "unknown CPU", host->cores,
           host->kernel != NULL ? host->kernel : "unknown kernel");
    if (host->tiercel_version != NULL)
        printf("%s\n", host->tiercel_version);
    if (host->qemu_version != NULL)
        printf("%s\n", host->qemu_version);
}

static void print_columns(const struct experiment *experiment, const struct host *host)
{
    report_head(experiment, host);
    printf("vs native: time over native time, less is better; "
           "vs qemu: qemu's time over this, more is better\n\n");
    printf("%-*s %-*s %10s %*s %*s %6s%s  check\n", NAME_WIDTH, "program",
           experiment_label_width(experiment), "mode", "median ms", RATIO_WIDTH, "vs native",
           RATIO_WIDTH, "vs qemu", "runs", experiment->options->shows_memory ? "   peak KiB" : "");
    fflush(stdout);
}

static void print_workload(const struct experiment *experiment, size_t workload)
{
    for (size_t variant = 0; variant < experiment->variant_count; variant++) {
        const struct cell *cell = experiment_cell(experiment, workload, variant);
        struct ratios ratios = summary_ratios(experiment, workload, variant);
        char *runs = experiment_runs_text(experiment, cell);
        printf("%-*s %-*s", NAME_WIDTH, variant == 0 ? experiment->workloads[workload].name : "",
               experiment_label_width(experiment), experiment->variants[variant].label);
        print_time(summary_median_s(cell));
        report_ratio(ratios.vs_native, RATIO_WIDTH);
        report_ratio(ratios.vs_qemu, RATIO_WIDTH);
        printf(" %6s", runs);
        if (experiment->options->shows_memory)
            printf(" %10ld", cell->peak_kib);
        printf("  %s\n", cell->trouble == NULL ? "ok" : cell->trouble);
        free(runs);
    }
    fflush(stdout);
}

static void print_means_header(const struct experiment *experiment)
{
    int width = experiment_label_width(experiment);
    printf("\n%-*s%-*s  %s\n", width, "geometric means", 4 * (GROUP_WIDTH + 1) + 1,
           "   vs native (less is better)", "vs qemu (more is better)");
    printf("%-*s", width, "mode");
    for (int side = 0; side < 2; side++) {
        printf(" %*s", GROUP_WIDTH, "all");
        for (int group = 0; group < GROUP_other; group++)
            printf(" %*s", GROUP_WIDTH, workload_group_name((enum workload_group)group));
    }
    printf("\n");
}

static void print_means_row(const struct experiment *experiment, size_t variant)
{
    struct ratios all = summary_geomean(experiment, variant, SUMMARY_ALL);
    printf("%-*s", experiment_label_width(experiment), experiment->variants[variant].label);
    report_ratio(all.vs_native, GROUP_WIDTH);
    for (int group = 0; group < GROUP_other; group++)
        report_ratio(summary_geomean(experiment, variant, group).vs_native, GROUP_WIDTH);
    report_ratio(all.vs_qemu, GROUP_WIDTH);
    for (int group = 0; group < GROUP_other; group++)
        report_ratio(summary_geomean(experiment, variant, group).vs_qemu, GROUP_WIDTH);
    unsigned count = all.native_count > all.qemu_count ? all.native_count : all.qemu_count;
    if (count < experiment->workload_count && count > 0)
        printf("  (%u of %zu programs)", count, experiment->workload_count);
    printf("\n");
}

static void print_cut_note(const struct experiment *experiment)
{
    for (size_t i = 0; i < experiment->workload_count * experiment->variant_count; i++) {
        if (experiment->cells[i].is_cut_short) {
            printf("\nruns 1/%u: one run took more than %g s, so it was not repeated\n",
                   experiment->runs, slow_run_s);
            return;
        }
    }
}

static void print_end_notes(const struct experiment *experiment)
{
    for (size_t i = 0; i < experiment->workload_count; i++) {
        if (experiment->workloads[i].end_note != NULL)
            printf("\nnote: %s ends with %s\n", experiment->workloads[i].name,
                   experiment->workloads[i].end_note);
    }
}

static void print_troubles(const struct experiment *experiment)
{
    size_t troubles = summary_count_troubles(experiment);
    if (troubles == 0)
        return;
    printf("\n%zu of %zu rows in trouble:\n", troubles,
           experiment->workload_count * experiment->variant_count);
    for (size_t workload = 0; workload < experiment->workload_count; workload++) {
        for (size_t variant = 0; variant < experiment->variant_count; variant++) {
            const struct cell *cell = experiment_cell(experiment, workload, variant);
            if (cell->trouble != NULL)
                printf("  %s, %s: %s%s%s\n", experiment->workloads[workload].name,
                       experiment->variants[variant].label, cell->trouble,
                       cell->trouble_tail != NULL ? "\n    " : "",
                       cell->trouble_tail != NULL ? cell->trouble_tail : "");
        }
    }
}

void report_foot(const struct experiment *experiment)
{
    print_cut_note(experiment);
    print_end_notes(experiment);
    print_troubles(experiment);
    fflush(stdout);
}

static void print_means(const struct experiment *experiment)
{
    if (experiment->workload_count > 1) {
        print_means_header(experiment);
        for (size_t variant = 0; variant < experiment->variant_count; variant++)
            print_means_row(experiment, variant);
    }
    report_foot(experiment);
}

const struct table_report report_all_runs = {print_columns, print_workload, print_means};
