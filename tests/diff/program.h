/* A batch of sequences with the states they start from, and the static guest program made of it
 * with the GNU assembler and linker. */
#ifndef TIERCEL_TESTS_DIFF_PROGRAM_H
#define TIERCEL_TESTS_DIFF_PROGRAM_H

#include "tests/diff/sequence.h"
#include "tests/diff/state.h"

/* Owner: whoever called batch_init. */
struct batch {
    struct sequence *sequences;
    unsigned sequence_count;
    struct guest_state *states; /* used in turn, again and again: batch_state */
    unsigned state_count;
    unsigned pass_count;        /* how often the program runs every sequence */
    bool *is_pass_absent;       /* set by the shrinker */
};

/* The batch that `seed` stands for: sequences of about `mean_length` instructions until there
 * are `instruction_count`. */
void batch_init(struct batch *batch, uint64_t seed, unsigned instruction_count,
                unsigned mean_length, unsigned pass_count);
void batch_fini(struct batch *batch);
unsigned batch_length(const struct batch *batch);
unsigned batch_run_count(const struct batch *batch);
/* The sequence and pass of the program's run number `run`. */
void batch_locate(const struct batch *batch, unsigned run, unsigned *ret_sequence,
                  unsigned *ret_pass);

/* What a sequence starts from in a pass. */
const struct guest_state *batch_state(const struct batch *batch, unsigned sequence, unsigned pass);

/* Writes base.s and base.states, and assembles and links the program `base`. False, with a
 * sentence on stderr, when that fails. */
bool program_build(const struct batch *batch, const char *base);
/* Prints the lines that are not dropped. */
void program_print_sequence(FILE *out, const struct sequence *sequence);

#endif
