/* tiercel-bench compare: the kernels, or a program of the user's, in all modes. */
#include "bench/commands.h"
#include "bench/conduct.h"

enum { COMPARE_RUNS = 3 };

static void set_up_kernels(struct experiment *experiment)
{
    experiment_add_modes(experiment, "native,qemu,tier0,tier1,tier2,auto");
    experiment_add_kernels(experiment);
}

static void set_up_program(struct experiment *experiment)
{
    bool has_native = experiment->options->native != NULL;
    experiment_add_modes(experiment, has_native ? "native,qemu,tier0,tier1,tier2,auto"
                                                : "qemu,tier0,tier1,tier2,auto");
    if (!has_native && experiment_find_runner(experiment, RUNNER_NATIVE) != NULL)
        options_usage(experiment->subcommand, "mode native needs --native=PATH with a program");
    experiment_add_program(experiment);
}

enum bench_exit compare_run(const struct subcommand *self, const struct options *options)
{
    struct experiment *experiment =
        experiment_create(self, options, "tiercel-bench compare", COMPARE_RUNS);
    if (options->program != NULL)
        set_up_program(experiment);
    else
        set_up_kernels(experiment);
    enum bench_exit result = conduct_experiment(experiment);
    experiment_destroy(&experiment);
    return result;
}
