/* Shared by the files of the optimiser.
 *
 * The forward pass copies the input block, instruction by instruction, into `out`. Every new
 * instruction goes through opt_push, which first asks opt_simplify for something simpler; so
 * rules build on each other without a second look at anything. */
#ifndef TIERCEL_OPT_INTERNAL_H
#define TIERCEL_OPT_INTERNAL_H

#include "src/opt/opt.h"

enum { OPT_CSE_SLOTS = 256, OPT_CONST_SLOTS = 64, OPT_NO_REG = 0xff };

/* What is known about a value: its held bits are below 2^unsigned_bits, and as a signed number of
 * its type it fits signed_bits. */
struct opt_range {
    uint8_t unsigned_bits, signed_bits;
    uint8_t home; /* the guest register it was latest read from or written to, or OPT_NO_REG */
};

struct opt {
    uint32_t passes;
    const struct ir_insn *pure_at; /* input instruction at hand when it is pure, else NULL */
    uint64_t fresh_regs;     /* registers written since the latest operation that can leave */
    struct ir_insn *insns;   /* the output */
    uint32_t length;
    struct opt_range *range; /* of each output value */
    uint32_t fp_barrier;     /* FP operations before this output index are not shared */
    ir_ref reg[IR_GUEST_REGS];      /* value a guest register holds, or IR_NONE */
    ir_ref cse[OPT_CSE_SLOTS];      /* latest shareable operation of each hash, or IR_NONE */
    ir_ref constant[OPT_CONST_SLOTS];
};

static inline bool opt_has(const struct opt *opt, enum opt_pass pass)
{
    return opt->passes >> pass & 1;
}
static inline const struct ir_insn *opt_insn(const struct opt *opt, ir_ref ref)
{
    return &opt->insns[ref];
}
static inline bool opt_is_const(const struct opt *opt, ir_ref ref)
{
    return opt->insns[ref].op == IR_const;
}
/* Whether the guest's registers can be looked at by this operation: an exit, or a memory access,
 * which may fault. */
static inline bool opt_can_leave(unsigned op)
{
    return ir_op_info[op].flags & IR_EXITS || ir_op_info[op].operand[2] == 'M';
}
static inline unsigned opt_width(const struct opt *opt, ir_ref ref)
{
    return ir_type_width[opt->insns[ref].type];
}

/* Whether using `ref` again here costs nothing: it still is in a guest register, or never was in
 * one. A value whose register was overwritten would have to be kept beside it. */
bool opt_is_at_hand(const struct opt *opt, ir_ref ref);

/* Appends an operation, or gives an equal or simpler value. */
ir_ref opt_push(struct opt *opt, struct ir_insn insn);
ir_ref opt_const(struct opt *opt, enum ir_type type, uint64_t value);

/* A value equal to the pure operation, IR_NONE when there is nothing simpler; *insn may have been
 * rewritten to a better form (simplify.c). */
ir_ref opt_simplify(struct opt *opt, struct ir_insn *insn);
/* Better forms of memory accesses and exits; they keep their effect. */
void opt_simplify_effect(struct opt *opt, struct ir_insn *insn);
/* What is known about the result (range.c). */
struct opt_range opt_range_of(const struct opt *opt, const struct ir_insn *insn);

/* The backward scan: a block without what nobody needs (dead.c). In place. */
void opt_remove_dead(struct arena *arena, struct ir_block *block);

#endif
