/*
 * tiercel-bench: measures the emulator against native code and qemu-user.
 *
 * This file holds the table of subcommands. A subcommand sets an experiment up
 * (experiment.h); conduct.h measures and reports it.
 */
#include <stdio.h>

#include "bench/commands.h"

static const struct subcommand subcommands[] = {
    {
        .name = "compare",
        .synopsis = "[options] [-- PROGRAM [ARGUMENT]...]",
        .summary = "time the benchmark kernels, or a program, in all modes",
        .description =
            "Runs each benchmark kernel natively, under qemu-user and under tiercel with each\n"
            "tier alone and with tiering (auto), one after the other in turns, checks that all\n"
            "print the same, and reports medians, slowdown against native, speed against qemu\n"
            "and geometric means. Each kernel's size is chosen so that it runs natively for\n"
            "about --seconds.\n\n"
            "With -- PROGRAM, runs that riscv64 program instead. Mode native then needs\n"
            "--native.\n\n"
            "tier0 is not repeated when one run takes more than 5 s; the runs column says so.\n"
            "The exit status is 1 when a run failed or outputs differ.",
        .option_groups = OPTIONS_COMMON | OPTIONS_KERNELS | OPTIONS_PROGRAM,
        .run = compare_run,
    },
    {
        .name = "ablate",
        .synopsis = "[options]",
        .summary = "what each technique is worth: the kernels with one switched off at a time",
        .description =
            "Runs the kernels in each of --modes (native qemu tier0 tier1 auto), and again with\n"
            "each technique and optimiser pass that matters there switched off alone. The worth\n"
            "of a technique is the least time without it over that with it: 1.30 means that\n"
            "programs take 1.3 times as long without. Differences below the noise of the\n"
            "machine (run it twice) say nothing. Everything, as it is by default, takes more than\n"
            "an hour: --seconds=0.1 takes about a quarter of it, and leaves auto little time.\n\n"
            "The picture goes to ablate.svg unless --plot names another file, if there is gnuplot.",
        .option_groups = OPTIONS_COMMON | OPTIONS_KERNELS | OPTIONS_PROGRAM | OPTIONS_ABLATE,
        .run = ablate_run,
    },
    {
        .name = "sweep",
        .synopsis = "--vary='OPTION=VALUE,VALUE... ...' [options] [-- PROGRAM [ARGUMENT]...]",
        .summary = "time the kernels, or a program, over values of options of tiercel",
        .description =
            "Runs the kernels natively and in mode auto with every combination of the values\n"
            "named by --vary, in turns, for example\n\n"
            "    tiercel-bench sweep --vary='t2=1000,10000,100000 jit-threads=0,1' --csv\n\n"
            "A mode named by --modes is varied if tiercel runs it. Rows, CSV and JSON name each\n"
            "combination as a mode.",
        .option_groups = OPTIONS_COMMON | OPTIONS_KERNELS | OPTIONS_PROGRAM | OPTIONS_SWEEP,
        .run = sweep_run,
    },
    {
        .name = "startup",
        .synopsis = "[options]",
        .summary = "time the start of the smallest program, and its memory",
        .description =
            "Runs a program that prints one word, natively, under qemu-user and under tiercel,\n"
            "in turns (30 runs of each unless --runs says otherwise), and reports medians and\n"
            "peak memory.",
        .option_groups = OPTIONS_COMMON,
        .run = startup_run,
    },
    {
        .name = "translate",
        .synopsis = "[options] [-- PROGRAM]",
        .summary = "time the translation of all code of a program",
        .description =
            "Translates all code of a program (hello, with its C library) without running it, in\n"
            "tier 1 unless --modes says otherwise, in a fresh process each time, and reports\n"
            "processor time a guest instruction, page faults included: median and least of all\n"
            "runs (9 unless --runs says otherwise), and the stages.",
        .option_groups = OPTIONS_COMMON | OPTIONS_PROGRAM,
        .run = translate_run,
    },
};

static const size_t subcommand_count = sizeof subcommands / sizeof subcommands[0];

static const char usage_line[] = "usage: tiercel-bench SUBCOMMAND [options]\n";

static void print_help(void)
{
    printf("%s\nMeasures tiercel against native code and qemu-user.\n\nsubcommands:\n", usage_line);
    for (size_t i = 0; i < subcommand_count; i++)
        printf("  %-10s %s\n", subcommands[i].name, subcommands[i].summary);
    printf("\ntiercel-bench SUBCOMMAND --help lists the options.\n");
}

static const struct subcommand *find_subcommand(const char *name)
{
    for (size_t i = 0; i < subcommand_count; i++) {
        if (text_equal(subcommands[i].name, name))
            return &subcommands[i];
    }
    return NULL;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "tiercel-bench: no subcommand given\n%s", usage_line);
        return BENCH_EXIT_USAGE;
    }
    if (text_equal(argv[1], "--help") || text_equal(argv[1], "-h")) {
        print_help();
        return BENCH_EXIT_OK;
    }
    const struct subcommand *subcommand = find_subcommand(argv[1]);
    if (subcommand == NULL) {
        fprintf(stderr, "tiercel-bench: unknown subcommand '%s'\n%s", argv[1], usage_line);
        return BENCH_EXIT_USAGE;
    }
    struct options options;
    options_parse(&options, subcommand, argv + 2);
    return (int)subcommand->run(subcommand, &options);
}
