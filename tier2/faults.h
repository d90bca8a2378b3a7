/* From a host address in a region to the guest instruction it belongs to (faults.c). */
#ifndef TIERCEL_TIER2_FAULTS_H
#define TIERCEL_TIER2_FAULTS_H

#include "tier2/object.h"

#include <stdbool.h>

/* The line of the instruction at `offset` from the function's start according to a DWARF 4 or 5
 * line table, 0 when unknown. Async-signal-safe. */
uint32_t line_at(const struct object_section *line_table, uint64_t offset);

#endif
