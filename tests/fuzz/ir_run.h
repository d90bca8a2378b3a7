/* Runs IR blocks in every tier and in the reference interpreter (tests/unit/ir_reference.h). */
#ifndef TIERCEL_TESTS_FUZZ_IR_RUN_H
#define TIERCEL_TESTS_FUZZ_IR_RUN_H

#include "tests/unit/ir_reference.h"

#include <stdbool.h>

/* A copy of a well-formed block that can be run anywhere: accesses lie in the reference's memory
 * and atomic ones are aligned, indirect exits go to even addresses, counters are constant, and the
 * block is one of FP mode 0. NULL when that does not fit a block. */
struct ir_block *confine_ir(struct arena *arena, const struct ir_block *block);

/* Runs a confined block from the state in the interpreter, unoptimised and optimised by `passes`;
 * in tiers 0 and 1; and, when is_slow, in tier 2. Stops with fuzz_found when two ends differ. */
void check_ir_run(struct arena *arena, const struct ir_block *block, const struct reference *start,
                  uint32_t passes, bool is_slow);

#endif
