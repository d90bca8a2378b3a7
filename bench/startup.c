/* tiercel-bench startup: what it costs to start the smallest program. */
#include "bench/commands.h"
#include "bench/conduct.h"

enum { STARTUP_RUNS = 30 };

enum bench_exit startup_run(const struct subcommand *self, const struct options *options)
{
    struct options with_memory = *options;
    with_memory.shows_memory = true;
    struct experiment *experiment =
        experiment_create(self, &with_memory, "tiercel-bench startup", STARTUP_RUNS);
    experiment_add_modes(experiment, "native,qemu,auto");
    experiment_add_built(experiment, "hello", GROUP_other);
    enum bench_exit result = conduct_experiment(experiment);
    experiment_destroy(&experiment);
    return result;
}
