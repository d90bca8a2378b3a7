/* For tests: a plain interpreter of IR, against which the optimiser and the tiers are checked, and
 * a generator of random well-formed blocks. */
#ifndef TIERCEL_TESTS_IR_REFERENCE_H
#define TIERCEL_TESTS_IR_REFERENCE_H

#include "src/ir/ir.h"

/* The memory of a tier that is compared begins on a page, as bulk operations expect it. */
enum { REFERENCE_MEMORY_BYTES = 16384, REFERENCE_PAGE_BYTES = 4096 };

/* A guest: registers, a little memory at guest address 0, FP state, and how the block was left. */
struct reference {
    uint64_t reg[IR_GUEST_REGS];
    _Alignas(REFERENCE_PAGE_BYTES) uint8_t memory[REFERENCE_MEMORY_BYTES];
    uint32_t mxcsr, frm;
    uint64_t reservation_address, reservation_value; /* address all ones: none */
    uint64_t pc;        /* where the guest continues, or of the trap */
    uint16_t trap;      /* enum ir_trap, or IR_TRAP_NONE */
    uint64_t trace;     /* hash over all registers at each access and exit, and over each access */
};

/* Fills registers and memory with numbers that like to meet corner cases. */
void reference_fill(struct reference *guest, uint64_t *random_state);
/* Runs the block to its exit. Accesses must lie in the memory. */
void reference_run(struct reference *guest, const struct ir_block *block);

/* Changes operands of a bulk operation or libcall so that it stays in the memory and is always done. */
void reference_confine(struct ir_builder *builder, struct ir_insn *insn);

uint64_t reference_random(uint64_t *state);
/* A random block of about `length` IR operations at guest pc 0x1000, in the style of a translator
 * when like_guest, else with operations and values in any order. */
struct ir_block *reference_random_block(struct arena *arena, uint64_t *random_state,
                                        unsigned length, bool like_guest);

/* Adds the block's operations to `seen`, IR_OP_COUNT flags. */
void reference_note_ops(bool *seen, const struct ir_block *block);
/* Prints how many rows of the operation table that is on the tier; the name of one that is missing,
 * or NULL. The random blocks have all but get_counter, whose value nothing can foretell, and bulk
 * operations and libcalls where the host cannot do them. */
const char *reference_report_ops(const bool *seen, const char *tier);

#endif
