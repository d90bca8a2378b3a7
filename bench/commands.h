/* The subcommands of tiercel-bench, one row each in main.c and one file each. */
#ifndef TIERCEL_BENCH_COMMANDS_H
#define TIERCEL_BENCH_COMMANDS_H

#include "bench/options.h"

enum bench_exit compare_run(const struct subcommand *self, const struct options *options);
enum bench_exit ablate_run(const struct subcommand *self, const struct options *options);
enum bench_exit sweep_run(const struct subcommand *self, const struct options *options);
enum bench_exit startup_run(const struct subcommand *self, const struct options *options);
enum bench_exit translate_run(const struct subcommand *self, const struct options *options);

#endif
