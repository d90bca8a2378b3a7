/* Choosing a kernel's size so that it runs natively for about a given time. */
#ifndef TIERCEL_BENCH_CALIBRATE_H
#define TIERCEL_BENCH_CALIBRATE_H

#include "bench/experiment.h"

/* Sets size and arguments of a workload that is_sized, by running it natively. */
void calibrate_workload(struct experiment *experiment, struct workload *workload);

#endif
