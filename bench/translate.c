/* tiercel-bench translate: what translation costs, over all code of a program.
 *
 * tiercel --translate-only measures; here it is run several times, and once more with --stats
 * for the stages. Every run is a fresh process, so that first touches of memory are in it. */
#include "bench/commands.h"
#include "bench/experiment.h"
#include "bench/process.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TRANSLATE_RUNS = 9 };

/* The number behind `label` in what tiercel printed. */
static double figure(const char *output, const char *label)
{
    const char *found = strstr(output, label);
    if (found == NULL)
        bench_fail("tiercel --translate-only did not print '%s'", label);
    return strtod(found + strlen(label), NULL);
}

/* Standard output of one run, to be freed by the caller. */
static char *run_once(const struct experiment *experiment, const struct workload *workload,
                      const struct variant *variant, bool has_stages)
{
    struct string_list command = {0};
    string_list_push(&command, experiment->tiercel);
    string_list_push(&command, "--translate-only");
    if (has_stages)
        string_list_push(&command, "--stats");
    string_list_push_all(&command, &variant->options);
    string_list_push(&command, workload->riscv64_path);
    struct process_request request = {
        .argv = command.items,
        .time_limit_s = experiment->options->time_limit_s,
    };
    struct process_result result;
    process_run(&result, &request);
    if (result.end != PROCESS_EXITED || result.code != 0) {
        char *end = process_describe_end(&result, &request);
        bench_fail("tiercel --translate-only %s: %s\n%s", workload->riscv64_path, end,
                   result.errors);
    }
    char *output = text_format("%s", result.output);
    process_result_fini(&result);
    string_list_fini(&command);
    return output;
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void measure(const struct experiment *experiment, const struct workload *workload,
                    const struct variant *variant)
{
    double *samples = text_allocate(experiment->runs, sizeof *samples);
    double insns = 0, blocks = 0, code_bytes = 0;
    for (unsigned run = 0; run < experiment->runs; run++) {
        char *output = run_once(experiment, workload, variant, false);
        samples[run] = figure(output, "ns per insn");
        insns = figure(output, "guest insns");
        blocks = figure(output, "blocks");
        code_bytes = figure(output, "code bytes");
        free(output);
    }
    qsort(samples, experiment->runs, sizeof *samples, compare_doubles);
    char *stages = run_once(experiment, workload, variant, true);
    printf("%-14s %-6s %11.0f %11.2f %10.2f %8.1f %8.1f %8.1f %8.1f %8.1f\n", workload->name,
           variant->label, insns, insns / blocks, code_bytes / insns,
           samples[experiment->runs / 2], samples[0], figure(stages, "decode ns"),
           figure(stages, "optimise ns"), figure(stages, "compile ns"));
    fflush(stdout);
    free(stages);
    free(samples);
}

static void check_options(const struct subcommand *self, const struct experiment *experiment)
{
    if (experiment->options->json_file != NULL || experiment->options->csv_file != NULL)
        options_usage(self, "the results of translate come as a table only");
    for (size_t i = 0; i < experiment->variant_count; i++)
        if (experiment->variants[i].runner != RUNNER_TIERCEL)
            options_usage(self, "mode %s does not translate by tiercel",
                          experiment->variants[i].label);
}

enum bench_exit translate_run(const struct subcommand *self, const struct options *options)
{
    struct experiment *experiment =
        experiment_create(self, options, "tiercel-bench translate", TRANSLATE_RUNS);
    experiment_add_modes(experiment, "tier1");
    if (options->program != NULL)
        experiment_add_program(experiment);
    else
        experiment_add_built(experiment, "hello", GROUP_other);
    check_options(self, experiment);
    printf("%u runs; processor time in ns a guest instruction, the stages from a run with --stats\n\n",
           experiment->runs);
    printf("%-14s %-6s %11s %11s %10s %8s %8s %8s %8s %8s\n", "program", "mode", "guest insns",
           "insns/block", "bytes/insn", "median", "least", "decode", "optimise", "compile");
    for (size_t i = 0; i < experiment->workload_count; i++)
        for (size_t j = 0; j < experiment->variant_count; j++)
            measure(experiment, &experiment->workloads[i], &experiment->variants[j]);
    experiment_destroy(&experiment);
    return BENCH_EXIT_OK;
}
