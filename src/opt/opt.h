/* The optimiser over one block: one forward pass and one backward scan.
 *
 * Forward, each instruction once: constants are folded, copies propagated, algebra simplified,
 * set_reg forwarded to get_reg, common subexpressions shared. Backward: register writes that are
 * overwritten before anything can observe them (an exit or a memory access that may fault) and
 * unused pure values are removed. Between the two, loads of bytes that make one number are joined,
 * and what was made of them goes forward once more. The result is a new dense block in the same arena. */
#ifndef TIERCEL_OPT_OPT_H
#define TIERCEL_OPT_OPT_H

#include "src/ir/ir.h"

/* OPT_PASS(name, text for --help). Each can be switched off by name (--opt=-fold,...). */
#define OPT_PASSES(OPT_PASS)                                                                       \
    OPT_PASS(fold, "constant folding")                                                             \
    OPT_PASS(simplify, "algebraic simplification")                                                 \
    OPT_PASS(ranges, "32-bit dataflow: extensions and masks that change nothing (for simplify)")   \
    OPT_PASS(forward, "register write to read forwarding, shared register reads")                  \
    OPT_PASS(cse, "common subexpressions")                                                         \
    OPT_PASS(join, "byte loads that are put together are one load")                                \
    OPT_PASS(dead, "dead register writes and unused values")

enum opt_pass {
#define OPT_PASS(name, text) OPT_##name,
    OPT_PASSES(OPT_PASS)
#undef OPT_PASS
    OPT_PASS_COUNT
};
extern const char *const opt_pass_name[OPT_PASS_COUNT];
extern const char *const opt_pass_text[OPT_PASS_COUNT];
enum {
    OPT_ALL = (1 << OPT_PASS_COUNT) - 1,
    OPT_NONE = 0,
    OPT_SAME_ACCESSES = OPT_ALL & ~(1 << OPT_join), /* memory is accessed as before */
};

/* "all", "none", or a list of +name and -name relative to *passes. Errors name the word. */
enum status opt_parse(const char *text, uint32_t *passes, struct error *err);

/* The optimised block, in `arena`; `passes` is a set of 1 << enum opt_pass. Same guest extent. Where
 * loads were joined (has_joined) a fault may come too early: see ir.h. A block of more than a quarter of IR_MAX_INSNS instructions comes back as it is. */
struct ir_block *opt_run(struct arena *arena, const struct ir_block *block, uint32_t passes);

#endif
