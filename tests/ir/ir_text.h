/* IR as text, for tests. */
#ifndef TIERCEL_TESTS_IR_TEXT_H
#define TIERCEL_TESTS_IR_TEXT_H

#include "src/ir/ir.h"

/* The block as ir_print writes it; to be freed. */
char *print_ir(const struct ir_block *block);

#endif
