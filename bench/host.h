/* What the figures were measured on and with. */
#ifndef TIERCEL_BENCH_HOST_H
#define TIERCEL_BENCH_HOST_H

#include "bench/experiment.h"

/* Owned by whoever declares it. Texts are NULL when unknown or not part of the experiment. */
struct host {
    char *cpu;
    long cores;
    char *kernel;
    char *tiercel_version;
    char *qemu_version;
    char *date;  /* UTC, ISO 8601 */
    double load; /* 1-minute load average at the start; NaN when unknown */
};

void host_init(struct host *host, const struct experiment *experiment);
void host_fini(struct host *host);

#endif
