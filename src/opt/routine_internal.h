/* Shared by the files of the recogniser: what is known of a loop.
 *
 * Everything is told in terms of the registers at the loop's header at the beginning of an
 * iteration. Owner: the arena of the translation. */
#ifndef TIERCEL_OPT_ROUTINE_INTERNAL_H
#define TIERCEL_OPT_ROUTINE_INTERNAL_H

#include "src/opt/routine.h"

enum {
    ROUTINE_REGS = 32,
    ROUTINE_MAX_INSNS = 256, /* of an iteration */
    ROUTINE_MAX_PARTS = 16,  /* accesses of a kind, guards of a kind, checks */
    ROUTINE_MAX_STOPS = 4,
};

/* offset + the sum of factor * register, modulo 2^64. */
enum { ROUTINE_MAX_TERMS = 4 };
struct routine_sum {
    uint64_t offset;
    uint32_t term_count;
    struct routine_term {
        uint8_t reg; /* an integer register; with ROUTINE_BYTES_OF it is shifted right by 3 */
        int8_t factor;
    } terms[ROUTINE_MAX_TERMS]; /* by reg, upwards */
};
enum { ROUTINE_BYTES_OF = 64 };

/* What an integer register is to the loop. */
enum routine_role {
    ROLE_UNKNOWN,   /* computed anew in each iteration */
    ROLE_FIXED,     /* never changed */
    ROLE_STEPPING,  /* reg + step after each iteration */
    ROLE_FOLLOWING, /* always `sum` at the header, after the first iteration */
    ROLE_LOADED,    /* always what memory at `sum` holds, after the first iteration */
};

/* Memory at a sum. is_funnel: it is put together from two aligned words around it. */
struct routine_place {
    struct routine_sum at;
    uint8_t size_log2;
    bool is_signed, is_funnel;
};

/* What is known of a value. */
struct routine_shape {
    enum { SHAPE_OTHER, SHAPE_SUM, SHAPE_MEMORY } kind;
    struct routine_place place; /* SHAPE_SUM: place.at */
};

struct routine_reg {
    enum routine_role role;
    bool is_read;    /* before it is written, in the iteration */
    ir_ref final;    /* value at the iteration's end, IR_NONE: not written */
    uint64_t step;
    struct routine_place place; /* FOLLOWING: place.at */
};

/* The loop goes on as long as `distance`, which gets less by `step` each time, has not come to 0;
 * and its first iteration must not meet `op`(a, b), the condition that leaves. */
struct routine_count {
    struct routine_sum distance;
    uint64_t step; /* 0: the condition stays what it is at first */
    enum ir_op op;
    struct routine_sum a, b;
};

/* A condition that must hold for the routine to be entered. */
struct routine_check {
    enum {
        CHECK_EQUAL,    /* a = b */
        CHECK_ALIGNED,  /* a and b.offset have no common bit */
        CHECK_REPEATED, /* a is eight times its low byte */
        CHECK_SHIFTS,   /* a is 8, 16, ... or 56, and a + b is 64 modulo 64 */
        CHECK_LOADED,   /* register reg is what memory at `place` holds */
    } kind;
    struct routine_sum a, b;
    struct routine_place place;
    uint8_t reg;
};

/* An access, or two places that are compared. */
struct routine_part {
    struct routine_place place, other;
    ir_ref insn;
};

struct routine_parts {
    uint32_t count;
    struct routine_part part[ROUTINE_MAX_PARTS];
};

/* Bytes that end the loop. */
struct routine_stop {
    struct routine_sum byte;
    uint8_t flipped; /* exclusive or */
};

struct routine_loop {
    struct arena *arena;
    const struct ir_block *iteration; /* as translated */
    const struct ir_block *block;     /* the same optimised: what is analysed */
    struct routine_shape *shapes; /* of its values */
    struct routine_reg reg[ROUTINE_REGS];
    struct routine_parts loads, stores; /* stores: place is written with memory at other or `fill` */
    struct routine_parts finds, matches;
    bool is_fill;
    struct routine_sum fill;
    struct routine_stop stops[ROUTINE_MAX_STOPS];
    uint32_t stop_count;
    struct routine_count counts[ROUTINE_MAX_PARTS];
    uint32_t count_count;
    struct routine_check checks[ROUTINE_MAX_PARTS];
    uint32_t check_count;
    bool is_unknown; /* something in it is no part of a routine */
};

/* ---- sums (routine_sum.c) ---- */
struct routine_sum routine_sum_of_reg(unsigned reg);
struct routine_sum routine_sum_const(uint64_t value);
/* a + factor * b; false when it has too many terms. */
bool routine_sum_add(struct routine_sum *a, const struct routine_sum *b, int factor);
/* Whether the registers are the same; then they differ by their offsets alone. */
bool routine_sum_same_terms(const struct routine_sum *a, const struct routine_sum *b);
static inline bool routine_sum_is_const(const struct routine_sum *sum)
{
    return sum->term_count == 0;
}
/* How much the sum grows in an iteration. All its registers step or are fixed. */
uint64_t routine_sum_step(const struct routine_loop *loop, const struct routine_sum *sum);

/* ---- analysis (routine_shapes.c: values and registers; routine_guards.c: exits) ---- */
/* Fills shapes and reg. */
void routine_find_shapes(struct routine_loop *loop);
void routine_find_guards(struct routine_loop *loop);
struct routine_check *routine_new_check(struct routine_loop *loop);

static inline const struct ir_insn *routine_insn(const struct routine_loop *loop, ir_ref ref)
{
    return &loop->block->insns[ref];
}

/* ---- what the loop does as a whole (routine_plan.c) ---- */

/* One iteration covers `stride` bytes from `start` on; bytes from start to start + stride + ahead
 * are looked at. */
struct routine_plan {
    enum { PLAN_COPY, PLAN_COPY_BACK, PLAN_FILL, PLAN_SEARCH } kind;
    uint64_t stride;
    uint64_t ahead;
    bool has_find, has_match;
    uint32_t first_iterations; /* done as they are before anything else */
    uint32_t least_iterations; /* for which bulk operations are worth their start, by the counters */
    struct routine_sum start, other_start; /* of the search; where has_match the other place too */
    struct routine_sum to, from;           /* lowest byte of the first iteration's copy or fill */
    unsigned width_log2;                   /* of a store */
    struct routine_sum probe_start;        /* lowest byte that an iteration reads */
    uint64_t probe_span;                   /* from there to the highest */
    uint64_t least_apart;                  /* what is read has not been written before when the
                                              destination is so far behind the source */
    bool is_bytewise;                      /* one load and one store of a byte, nothing else */
};
bool routine_make_plan(const struct routine_loop *loop, struct routine_plan *ret_plan);

/* ---- its IR (routine_emit.c) ---- */
struct ir_block *routine_emit(const struct routine_loop *loop, const struct routine_plan *plan);

#endif
