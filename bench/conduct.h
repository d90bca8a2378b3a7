/* Carrying an experiment out: measure all workloads and report in the forms asked for. */
#ifndef TIERCEL_BENCH_CONDUCT_H
#define TIERCEL_BENCH_CONDUCT_H

#include "bench/experiment.h"

/* BENCH_EXIT_OK if every run ended as it should and all outputs agree. */
enum bench_exit conduct_experiment(struct experiment *experiment);

#endif
