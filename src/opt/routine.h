/* Routines: loops that copy, fill, search or compare memory, done by bulk operations.
 *
 * The routine of the loop at pc H is one more translation of the code at H, under the pc H + 1: an
 * IR block that does as many whole iterations as it can prove to be harmless with the operations
 * of enum ir_bulk, leaves every register as those iterations would, and goes on at H. What is
 * awkward (the last iterations, faults, ends of strings) is left to the loop's own code, so the
 * routine may be entered, and may give up, at any time. A loop is recognised by what its IR does,
 * never by its name or place. docs/routines.md tells the rest. */
#ifndef TIERCEL_OPT_ROUTINE_H
#define TIERCEL_OPT_ROUTINE_H

#include "src/ir/ir.h"

/* The blocks of one iteration in order; each goes on at the next one's pc, the last at the first's.
 * Gives them as one block, not optimised, whose exits leave the loop, save the last, which goes back
 * to the header; NULL when they do what no routine does (calls, floating point, several exits). */
struct ir_block *routine_trace(struct arena *arena, const struct ir_block *const *blocks,
                               uint32_t count);

/* The routine of the loop with this iteration (of routine_trace), not yet optimised; NULL when it is
 * not recognised. Its guest extent is the iteration's. */
struct ir_block *routine_make(struct arena *arena, const struct ir_block *iteration);

/* The header of the loop that the block, no routine itself, may be the end of, by its own exits: the pc it can go back
 * to, at most max_bytes away. False when there is none or the block does what no routine does. */
bool routine_find_header(const struct ir_block *block, uint32_t max_bytes, uint64_t *ret_pc);
/* Whether a block may be part of a recognised loop. */
bool routine_is_plain(const struct ir_block *block);

/* Makes the block's exits to the header lead to the routine. */
void routine_redirect(struct ir_block *block, uint64_t header_pc);

/* What stands in for a routine whose loop is gone: a block that goes on at the header. */
struct ir_block *routine_none(struct arena *arena, uint64_t header_pc, uint32_t mode);

#endif
