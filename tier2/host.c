/* The instruction set level of the host. Levels rather than all features: with the full set of an
 * AVX-512 host LLVM runs a pass whose time grows faster than the code. */
#include "tier2/host.h"

static const struct host_features level_v3 = {.cpu = "x86-64-v3", .has_avx = true, .has_fma = true};
static const struct host_features level_v2 = {.cpu = "x86-64-v2"};
static const struct host_features level_v1 = {.cpu = "x86-64"};

const struct host_features *host_features(void)
{
    if (__builtin_cpu_supports("x86-64-v3"))
        return &level_v3;
    if (__builtin_cpu_supports("x86-64-v2"))
        return &level_v2;
    return &level_v1;
}
