/* Shared by the files of the optimiser.
 *
 * The forward pass copies the input block, instruction by instruction, into `out`. Every new
 * instruction goes through opt_push, which first asks opt_simplify for something simpler; so
 * rules build on each other without a second look at anything. */
#ifndef TIERCEL_OPT_INTERNAL_H
#define TIERCEL_OPT_INTERNAL_H

#include "src/opt/opt.h"

#include <string.h>

enum { OPT_CSE_SLOTS = 64, OPT_CONST_SLOTS = 32, OPT_NO_REG = 0xff };

/* What is known about a value: its held bits are below 2^unsigned_bits, and as a signed number of
 * its type it fits signed_bits. */
struct opt_range {
    uint8_t unsigned_bits, signed_bits;
};

struct opt {
    uint32_t passes;
    bool is_ended;         /* the output has its last instruction */
    uint32_t length;       /* of the output */
    struct ir_insn *insns; /* the output */
    uint8_t *home;         /* register each output value was latest read from or written to, or
                              OPT_NO_REG */
    const struct ir_insn *input;   /* input instruction at hand */
    uint64_t fresh_regs;           /* registers written since the latest operation that can leave */
    uint32_t fp_barrier;           /* FP operations before this output index are not shared */
    ir_ref reg[IR_GUEST_REGS];     /* value a guest register holds, or IR_NONE */
    ir_ref cse[OPT_CSE_SLOTS];     /* latest shareable operation of each hash, or IR_NONE */
    ir_ref constant[OPT_CONST_SLOTS];
};

/* The same operation with other operands. Put together in a register: fields stored one by one and
 * read back at once would stall the host. */
static inline struct ir_insn opt_with_operands(const struct ir_insn *insn, ir_ref a, ir_ref b,
                                               ir_ref c)
{
    struct ir_insn result;
    uint64_t head = insn->op | (uint64_t)insn->type << 8 | (uint64_t)a << 16 | (uint64_t)b << 32 |
                    (uint64_t)c << 48;
    memcpy(&result, &head, sizeof head);
    result.imm = insn->imm;
    return result;
}
/* Instruction number `ref` of a block with its operands renumbered. `map` holds the new numbers of
 * the instructions before it; map[ref] is overwritten: it answers for operands that are no values
 * (IR_NONE), without a branch on what is none. */
static inline struct ir_insn opt_renumbered(ir_ref *map, ir_ref ref, const struct ir_insn *insn,
                                            unsigned operand_count)
{
    ir_ref a = insn->a < ref ? insn->a : ref, b = insn->b < ref ? insn->b : ref, c = insn->c;
    map[ref] = IR_NONE;
    if (__builtin_expect(operand_count > 2, 0))
        c = map[c];
    return opt_with_operands(insn, map[a], map[b], c);
}

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
    return ir_op_info[op].flags & (IR_EXITS | IR_ACCESSES);
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
/* x + constant as the address of a load or store: the constant goes into the displacement. */
void opt_simplify_address(struct opt *opt, struct ir_insn *insn);
/* A conditional exit on x differing from 0 is one on x. */
void opt_simplify_exit(struct opt *opt, struct ir_insn *insn);
/* What is known about a value (range.c). */
struct opt_range opt_range_of(const struct opt *opt, ir_ref ref);

/* Joins byte loads (join.c). In place; true when there were any. */
bool opt_join_loads(struct arena *arena, struct ir_block *block);
/* The backward scan: a block without what nobody needs (dead.c). In place. */
void opt_remove_dead(struct arena *arena, struct ir_block *block);

#endif
