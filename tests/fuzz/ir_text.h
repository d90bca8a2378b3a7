/* IR as text, for the fuzzers and the round-trip tests. */
#ifndef TIERCEL_TESTS_FUZZ_IR_TEXT_H
#define TIERCEL_TESTS_FUZZ_IR_TEXT_H

#include "src/ir/ir.h"

/* The block as ir_print writes it; to be freed. */
char *print_ir(const struct ir_block *block);
/* Prints the block, parses that and prints it again: the block read back must be well-formed and
 * give the same text. Stops with fuzz_found otherwise. */
void check_ir_text(struct arena *arena, const struct ir_block *block);

#endif
