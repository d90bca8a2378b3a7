/* One translation in progress, shared by the block loop (translate.c) and the meanings of the
 * instructions (meaning.c). */
#ifndef TIERCEL_GUEST_RISCV64_TRANSLATION_H
#define TIERCEL_GUEST_RISCV64_TRANSLATION_H

#include "src/guest/guest.h"
#include "src/guest/riscv64/decode.h"
#include "src/ir/ir.h"

/* What is known of an f register in the block: its 64 bits as f64 and as i64, and the f32 in it
 * when it is a NaN-boxed single (as unbox gives it). IR_NONE: not known. */
struct f_value {
    ir_ref f64, bits, single;
};

/* Owner: rv64_translate's frame. */
struct translation {
    struct ir_builder builder;
    uint32_t word; /* the current instruction as a 32-bit word */
    uint32_t size; /* its bytes in memory */
    uint64_t pc;   /* its address */
    uint64_t block_pc;
    uint32_t mode;
    uint32_t length; /* instructions of the block before the current one */
    const struct guest_limits *limits;
    uint32_t halt; /* IR instructions before the latest piece */
    enum ir_rounding rounding; /* of the current instruction; 0 when it has none */
    bool is_ended;
    ir_ref plain_address; /* a sum that has been found to be in the optimiser's best form, or IR_NONE */
    ir_ref x[32]; /* current value of each integer register, or IR_NONE */
    struct f_value f[32];
};

/* Emits what the current instruction means; one function for each row of insns.def, and one for
 * illegal instructions. */
typedef void rv64_meaning_function(struct translation *t);
extern rv64_meaning_function *const rv64_meaning[RV64_WORD_ROWS + 1];

/* Ends the block with an exit; `kind` is an enum ir_branch or ir_trap. */
void rv64_end_block(struct translation *t, enum ir_op op, ir_ref value, unsigned kind, uint64_t pc);

#endif
