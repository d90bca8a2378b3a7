/*
 * Results as JSON, schema 1:
 *
 *   {"schema": 1, "command": "compare", "host": {...}, "settings": {...},
 *    "rows": [{"kernel", "group", "mode", "median_s", "runs", "vs_native", "vs_qemu",
 *              "checksum_ok", "peak_kib", "min_s", "max_s", "cpu_s", "size", "trouble"}...],
 *    "geomean": {MODE: {"all|integer|memory|fp": {"vs_native", "vs_qemu", ...}}}}
 *
 * vs_native is time over native time (less is better), vs_qemu qemu's time over this time
 * (more is better), null when not available. Further fields may be added.
 */
#include "bench/report.h"

#include "bench/json.h"
#include "bench/summary.h"

static void write_host(struct json *json, const struct host *host)
{
    json_open(json, "host", '{');
    json_text(json, "cpu", host->cpu);
    json_integer(json, "cores", host->cores);
    json_text(json, "kernel", host->kernel);
    json_number(json, "load", host->load);
    json_text(json, "tiercel", host->tiercel_version);
    json_text(json, "qemu", host->qemu_version);
    json_text(json, "date", host->date);
    json_close(json, '}');
}

static void write_settings(struct json *json, const struct experiment *experiment)
{
    const struct options *options = experiment->options;
    json_open(json, "settings", '{');
    json_integer(json, "runs", experiment->runs);
    json_number(json, "seconds", options->seconds);
    json_number(json, "time_limit_s", options->time_limit_s);
    json_text(json, "opts", options->tiercel_options);
    json_close(json, '}');
}

static void write_row(struct json *json, const struct experiment *experiment, size_t workload,
                      size_t variant)
{
    const struct cell *cell = experiment_cell(experiment, workload, variant);
    struct ratios ratios = summary_ratios(experiment, workload, variant);
    json_open(json, NULL, '{');
    json_text(json, "kernel", experiment->workloads[workload].name);
    json_text(json, "group", workload_group_name(experiment->workloads[workload].group));
    json_text(json, "mode", experiment->variants[variant].label);
    json_number(json, "median_s", summary_median_s(cell));
    json_integer(json, "runs", cell->runs_done);
    json_number(json, "vs_native", ratios.vs_native);
    json_number(json, "vs_qemu", ratios.vs_qemu);
    json_bool(json, "checksum_ok", cell->trouble == NULL);
    json_integer(json, "peak_kib", cell->peak_kib);
    json_number(json, "min_s", summary_min_s(cell));
    json_number(json, "max_s", summary_max_s(cell));
    json_number(json, "cpu_s", cell->cpu_s);
    json_integer(json, "size", (long long)experiment->workloads[workload].size);
    json_text(json, "trouble", cell->trouble);
    json_close(json, '}');
}

static void write_mean(struct json *json, const struct experiment *experiment, size_t variant,
                       int group)
{
    struct ratios mean = summary_geomean(experiment, variant, group);
    json_open(json, summary_group_name(group), '{');
    json_number(json, "vs_native", mean.vs_native);
    json_number(json, "vs_qemu", mean.vs_qemu);
    json_integer(json, "vs_native_kernels", mean.native_count);
    json_integer(json, "vs_qemu_kernels", mean.qemu_count);
    json_close(json, '}');
}

static void write_means(struct json *json, const struct experiment *experiment)
{
    json_open(json, "geomean", '{');
    for (size_t variant = 0; variant < experiment->variant_count; variant++) {
        json_open(json, experiment->variants[variant].label, '{');
        write_mean(json, experiment, variant, SUMMARY_ALL);
        for (int group = 0; group < GROUP_other; group++)
            write_mean(json, experiment, variant, group);
        json_close(json, '}');
    }
    json_close(json, '}');
}

void report_json(FILE *file, const struct experiment *experiment, const struct host *host)
{
    struct json json = {.file = file};
    json_open(&json, NULL, '{');
    json_integer(&json, "schema", 1);
    json_text(&json, "command", experiment->subcommand->name);
    write_host(&json, host);
    write_settings(&json, experiment);
    json_open(&json, "rows", '[');
    for (size_t workload = 0; workload < experiment->workload_count; workload++) {
        for (size_t variant = 0; variant < experiment->variant_count; variant++)
            write_row(&json, experiment, workload, variant);
    }
    json_close(&json, ']');
    write_means(&json, experiment);
    json_close(&json, '}');
}
