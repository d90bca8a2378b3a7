/* Running the variants of one workload, interleaved, and comparing what they print. */
#ifndef TIERCEL_BENCH_MEASURE_H
#define TIERCEL_BENCH_MEASURE_H

#include "bench/experiment.h"

/* Fills the cells of one workload: rounds over all variants, `experiment->runs` times. */
void measure_workload(struct experiment *experiment, size_t workload_index);

#endif
