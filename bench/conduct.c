/* From an experiment that is set up to its report: see conduct.h. */
#include "bench/conduct.h"

#include <errno.h>
#include <string.h>

#include "bench/host.h"
#include "bench/measure.h"
#include "bench/report.h"
#include "bench/summary.h"

static bool is_standard_output(const char *file)
{
    return file != NULL && text_equal(file, "-");
}

/* Whether the file can be written is better known before minutes of work than after. Old
 * content stays until there is something new. */
static void check_writable(const char *path)
{
    if (path == NULL || is_standard_output(path))
        return;
    FILE *file = fopen(path, "a");
    if (file == NULL)
        bench_fail("cannot write %s: %s", path, strerror(errno));
    fclose(file);
}

static FILE *open_output(const char *path)
{
    FILE *file = is_standard_output(path) ? stdout : fopen(path, "w");
    if (file == NULL)
        bench_fail("cannot write %s: %s", path, strerror(errno));
    return file;
}

static void close_output(FILE *file, const char *path)
{
    bool is_failed = fflush(file) != 0 || ferror(file) != 0;
    if (file != stdout)
        is_failed |= fclose(file) != 0;
    if (is_failed)
        bench_fail("cannot write %s: %s", is_standard_output(path) ? "the results" : path,
                   strerror(errno));
}

static void write_files(const struct experiment *experiment, const struct host *host)
{
    const struct options *options = experiment->options;
    if (options->json_file != NULL) {
        FILE *file = open_output(options->json_file);
        report_json(file, experiment, host);
        close_output(file, options->json_file);
    }
    if (options->csv_file != NULL) {
        FILE *file = open_output(options->csv_file);
        report_csv(file, experiment);
        close_output(file, options->csv_file);
    }
    if (options->plot_file != NULL)
        report_plot(options->plot_file, experiment);
}

static void make_cells(struct experiment *experiment)
{
    size_t count = experiment->workload_count * experiment->variant_count;
    experiment->cells = text_allocate(count, sizeof *experiment->cells);
    for (size_t i = 0; i < count; i++)
        experiment->cells[i].samples_s = text_allocate(experiment->runs, sizeof(double));
}

enum bench_exit conduct_experiment(struct experiment *experiment)
{
    const struct options *options = experiment->options;
    bool shows_table =
        !is_standard_output(options->json_file) && !is_standard_output(options->csv_file);
    struct host host;
    check_writable(options->json_file);
    check_writable(options->csv_file);
    if (options->plot_file != NULL)
        report_check_plot_name(options->plot_file);
    check_writable(options->plot_file);
    host_init(&host, experiment);
    make_cells(experiment);
    if (shows_table)
        experiment->table->begin(experiment, &host);
    for (size_t i = 0; i < experiment->workload_count; i++) {
        measure_workload(experiment, i);
        if (shows_table)
            experiment->table->workload(experiment, i);
    }
    if (shows_table)
        experiment->table->end(experiment);
    write_files(experiment, &host);
    host_fini(&host);
    return summary_count_troubles(experiment) == 0 ? BENCH_EXIT_OK : BENCH_EXIT_FAILED;
}
