/* What a sequence starts from and what it leaves: registers and the memory window, as the guest
 * program stores them, and the interesting values they are seeded with. */
#ifndef TIERCEL_TESTS_DIFF_STATE_H
#define TIERCEL_TESTS_DIFF_STATE_H

#include "tests/diff/random.h"

#include <stdio.h>

/* The base register of a sequence points into the window, at this many bytes from its start; the
 * window lies across a page boundary (harness.inc). */
enum { WINDOW_BYTES = 512, WINDOW_BELOW_BASE = 128, WINDOW_ABOVE_BASE = 384 };

/* One record of the guest program's input and output. */
struct guest_state {
    uint64_t x[32]; /* x[0] is not used */
    uint64_t f[32];
    uint64_t fcsr;
    uint64_t window[WINDOW_BYTES / 8];
};
_Static_assert(sizeof(struct guest_state) == 8 * (32 + 32 + 1 + 64), "records have no padding");

/* Doubles lie in f0-f15 and NaN-boxed singles in f16-f31, mostly: an operand of the wrong width is
 * nothing but a NaN. */
enum { FIRST_SINGLE_REGISTER = 16 };

void state_seed(struct guest_state *state, struct random *random);
uint64_t value_integer(struct random *random);

/* "ra" for 1, "ft0" for 0. */
extern const char *const x_register_name[32];
extern const char *const f_register_name[32];

/* Prints every field in which the two states differ, one a line. */
void state_print_difference(FILE *out, const struct guest_state *wanted,
                            const struct guest_state *found);
/* Prints the registers in the two sets and fcsr, and the window. */
void state_print(FILE *out, const struct guest_state *state, uint32_t x_set, uint32_t f_set);

#endif
