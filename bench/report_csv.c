/* Results as CSV (RFC 4180, with plain line ends): one row per kernel and mode. */
#include "bench/report.h"

#include <math.h>

#include "bench/summary.h"

static void write_text(FILE *file, const char *text)
{
    fputc('"', file);
    for (; *text != '\0'; text++) {
        if (*text == '"')
            fputc('"', file);
        fputc(*text, file);
    }
    fputc('"', file);
}

/* A comma and the number; nothing behind the comma when it is not available. */
static void write_number(FILE *file, double value)
{
    fputc(',', file);
    if (isfinite(value))
        fprintf(file, "%.6g", value);
}

static void write_row(FILE *file, const struct experiment *experiment, size_t workload,
                      size_t variant)
{
    const struct cell *cell = experiment_cell(experiment, workload, variant);
    struct ratios ratios = summary_ratios(experiment, workload, variant);
    write_text(file, experiment->workloads[workload].name);
    fprintf(file, ",%s,", workload_group_name(experiment->workloads[workload].group));
    write_text(file, experiment->variants[variant].label);
    write_number(file, summary_median_s(cell));
    fprintf(file, ",%u", cell->runs_done);
    write_number(file, ratios.vs_native);
    write_number(file, ratios.vs_qemu);
    fprintf(file, ",%s,%ld", cell->trouble == NULL ? "true" : "false", cell->peak_kib);
    write_number(file, summary_min_s(cell));
    write_number(file, summary_max_s(cell));
    write_number(file, cell->cpu_s);
    fprintf(file, ",%llu,", (unsigned long long)experiment->workloads[workload].size);
    write_text(file, cell->trouble != NULL ? cell->trouble : "");
    fputc('\n', file);
}

void report_csv(FILE *file, const struct experiment *experiment)
{
    fputs("kernel,group,mode,median_s,runs,vs_native,vs_qemu,checksum_ok,peak_kib,min_s,max_s,"
          "cpu_s,size,trouble\n",
          file);
    for (size_t workload = 0; workload < experiment->workload_count; workload++) {
        for (size_t variant = 0; variant < experiment->variant_count; variant++)
            write_row(file, experiment, workload, variant);
    }
}
