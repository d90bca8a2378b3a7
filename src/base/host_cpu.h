/* Which instructions the host has, from what the C library found out when the process began.
 *
 * The compiler's own __builtin_cpu_supports asks CPUID some twenty times more before main, and under
 * a hypervisor each of them costs microseconds. */
#ifndef TIERCEL_BASE_HOST_CPU_H
#define TIERCEL_BASE_HOST_CPU_H

#include <sys/platform/x86.h>

/* feature: as in <sys/platform/x86.h>, such as AVX or BMI2. */
#define HOST_HAS(feature) (CPU_FEATURE_ACTIVE(feature) != 0)

#endif
