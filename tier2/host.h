/* What tier 2 needs to know of the host CPU (host.c). */
#ifndef TIERCEL_TIER2_HOST_H
#define TIERCEL_TIER2_HOST_H

#include <stdbool.h>

struct host_features {
    const char *cpu; /* LLVM's name of the level generated code is made for */
    bool has_avx;
    bool has_fma;
};

/* Constant for the process. */
const struct host_features *host_features(void);

#endif
