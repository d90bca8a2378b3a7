/*
 * Choosing a kernel's size: grow it until a native run is long enough to extrapolate from.
 * See calibrate.h.
 */
#include "bench/calibrate.h"

#include <stdlib.h>

enum { GROWTH_MAX = 16 };

static const uint64_t size_limit = 1000000000; /* the kernels' own */

static void set_size(struct workload *workload, uint64_t size)
{
    char *text = text_format("%llu", (unsigned long long)size);
    string_list_fini(&workload->arguments);
    string_list_push(&workload->arguments, text);
    workload->size = size;
    free(text);
}

/* The wall time of one native run; a failure ends everything, for nothing can be compared. */
static double time_native(const struct experiment *experiment, const struct workload *workload)
{
    static const struct variant native = {.runner = RUNNER_NATIVE};
    struct string_list command = {0};
    struct process_result result;
    experiment_command(experiment, workload, &native, &command);
    struct process_request request = {command.items, NULL, experiment->options->time_limit_s};
    process_run(&result, &request);
    if (result.end != PROCESS_EXITED || result.code != 0)
        bench_fail("%s does not run natively: %s", workload->name,
                   process_describe_end(&result, &request));
    double wall_s = result.wall_s;
    process_result_fini(&result);
    string_list_fini(&command);
    return wall_s;
}

static uint64_t scale(uint64_t size, double factor)
{
    double scaled = (double)size * factor + 0.5;
    if (scaled < 1)
        return 1;
    return scaled < (double)size_limit ? (uint64_t)scaled : size_limit;
}

void calibrate_workload(struct experiment *experiment, struct workload *workload)
{
    double wanted_s = experiment->options->seconds;
    uint64_t size = 1;
    for (;;) {
        set_size(workload, size);
        double factor = wanted_s / time_native(experiment, workload);
        if (factor <= 3 || size == size_limit) {
            set_size(workload, scale(size, factor));
            return;
        }
        size = scale(size, factor < GROWTH_MAX ? factor * 0.8 : GROWTH_MAX);
    }
}
