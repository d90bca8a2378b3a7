/* The round trip of IR through text, for the fuzzers. */
#ifndef TIERCEL_TESTS_FUZZ_CHECK_TEXT_H
#define TIERCEL_TESTS_FUZZ_CHECK_TEXT_H

#include "src/ir/ir.h"

/* Prints the block, parses that and prints it again: the block read back must be well-formed and
 * give the same text. Stops with fuzz_found otherwise. */
void check_ir_text(struct arena *arena, const struct ir_block *block);

#endif
