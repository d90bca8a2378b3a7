/* A random sequence: lines of assembly in groups that stand or fall together, and the shape the
 * guest program needs to run it. */
#ifndef TIERCEL_TESTS_DIFF_SEQUENCE_H
#define TIERCEL_TESTS_DIFF_SEQUENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One line. A label or directive is not counted as an instruction. */
struct sequence_line {
    unsigned group;
    bool is_instruction;
    char text[59];
};

/* Owner: whoever called sequence_generate. Dropping any set of groups leaves a sequence that still
 * ends, accesses nothing but the window and keeps the base register. */
struct sequence {
    struct sequence_line *lines;
    size_t line_count, line_capacity;
    unsigned group_count;
    bool *is_dropped;    /* one for each group; set by the shrinker */
    unsigned base;       /* the integer register that points into the window throughout */
    bool has_compressed; /* the assembler may use 16-bit forms */
    bool is_absent;      /* set by the shrinker: not part of the program */
};

/* About `length` instructions, decided by the seed alone. `number` makes labels unique. */
void sequence_generate(struct sequence *sequence, uint64_t seed, unsigned number, unsigned length);
void sequence_fini(struct sequence *sequence);
/* Instructions in groups that are not dropped. */
unsigned sequence_length(const struct sequence *sequence);

#endif
