/* Makes a batch that shows a difference as small as it can be, and explains the difference. */
#ifndef TIERCEL_TESTS_DIFF_SHRINK_H
#define TIERCEL_TESTS_DIFF_SHRINK_H

#include "tests/diff/judge.h"

/* The first run in which the two disagree, judge->directory/name being the batch's program. */
unsigned shrink_locate(struct judge *judge, struct mode *mode, const struct batch *batch,
                       const char *name);
/* Marks sequences, passes and groups absent or dropped as long as `mode` still differs, beginning
 * with all but the sequence of `run`. False when the difference comes and goes, and the batch is
 * left whole. The smallest program is left as judge->directory/minimal. */
bool shrink_batch(struct judge *judge, struct mode *mode, struct batch *batch, unsigned run,
                  unsigned limit_s);
/* Prints the sequences that are left, what they start from, and both ends. */
void shrink_report(struct judge *judge, struct mode *mode, const struct batch *batch, FILE *out);

#endif
