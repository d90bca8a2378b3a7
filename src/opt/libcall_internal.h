/* Shared by the files of the recogniser of functions: the sandbox and the table of kinds.
 *
 * Owner of everything: the arena of the translation. */
#ifndef TIERCEL_OPT_LIBCALL_INTERNAL_H
#define TIERCEL_OPT_LIBCALL_INTERNAL_H

#include "src/opt/libcall.h"

/* ---- the sandbox (libcall_run.c) ---- */

enum {
    SANDBOX_REGS = 32,
    SANDBOX_MAX_BLOCKS = 128,
    SANDBOX_MAX_BRANCHES = 96,
    SANDBOX_MAX_INSNS = 512, /* of a block */
    SANDBOX_AREA_BYTES = 8704,
    SANDBOX_STACK_BYTES = 1024,
    SANDBOX_MAX_CONSTANTS = 300, /* places of the guest's memory that are read */
};

/* Memory that exists for the run: [start, end); only [write_start, write_end) may be written. */
struct sandbox_area {
    uint64_t start, end, write_start, write_end;
    uint8_t *bytes; /* SANDBOX_AREA_BYTES, the first is that at start */
};
enum sandbox_place { AREA_A, AREA_B, AREA_STACK, AREA_COUNT };

/* A conditional branch and the ways it has gone. */
struct sandbox_branch {
    uint64_t end_pc; /* of the instruction */
    bool was_taken, was_passed;
    bool is_simple;     /* asks whether something is zero, or on the stack as it was */
    bool has_sides;     /* asks whether two values are the same: */
    bool has_varied[2]; /* have they been different at different times? */
    uint64_t first[2];  /* what they were first */
};

struct sandbox_block {
    uint64_t pc;
    const struct ir_block *ir;
    struct sandbox_branch *branch; /* NULL: unconditional */
    bool is_simple, has_sides;     /* of the branch, as this block has it */
    ir_ref side[2];
    /* Where it went on, each once it was found. */
    struct {
        uint64_t pc;
        struct sandbox_block *block; /* NULL: not known */
    } next[2];
};

enum sandbox_end {
    SANDBOX_RETURNED,
    SANDBOX_TIRED,   /* it made all its steps */
    SANDBOX_OUTSIDE, /* accessed what is not there */
    SANDBOX_BROKEN,  /* did what no such function does */
};

struct sandbox {
    struct arena *arena;
    const struct libcall_code *code;
    unsigned stack_reg;
    uint64_t return_pc;
    uint64_t reg[SANDBOX_REGS];
    struct sandbox_area area[AREA_COUNT];
    struct sandbox_block blocks[SANDBOX_MAX_BLOCKS];
    uint32_t block_count;
    struct sandbox_branch branches[SANDBOX_MAX_BRANCHES];
    uint32_t branch_count;
    uint64_t constants[SANDBOX_MAX_CONSTANTS];
    uint32_t constant_count;
    struct libcall_variable variable[LIBCALL_MAX_VARIABLES];
    uint32_t variable_count;
    uint64_t changed; /* registers that were written, as a set */
    uint64_t page[LIBCALL_MAX_PAGES];
    uint32_t page_count;
    uint64_t values[SANDBOX_MAX_INSNS];
};

/* Runs the code at pc until it goes to return_pc, for at most `steps` IR instructions. */
enum sandbox_end sandbox_run(struct sandbox *sandbox, uint64_t pc, uint32_t steps);

/* Have all branches that were met gone both ways since they were forgotten? A few need not have,
 * that ask a question which compilers leave although it has one answer only: is this byte zero where
 * one must be, are these two different that were found to be, is there anything to do, is the stack
 * as it was. Never one that asks for a certain value: such a question has an answer that was not
 * tried. */
bool sandbox_is_covered(const struct sandbox *sandbox);
void sandbox_forget_branches(struct sandbox *sandbox);

/* ---- kinds (libcall_kinds.c) ---- */

/* What the function's result is. */
enum libcall_result {
    RESULT_OWN,  /* that of the libcall */
    RESULT_SIGN, /* -1, 0 or 1, as that is */
    RESULT_A,    /* the first argument */
    RESULT_END,  /* one past what was written; of strings the NUL */
    RESULT_HIGH, /* of a number: the high half, sign-extended */
};

struct trial;
struct libcall_kind {
    const char *name;
    enum ir_libcall op;
    enum ir_op number_op; /* of the first argument, in the place of op; IR_const: none */
    enum libcall_result result;
    bool is_unbounded; /* has no length: c is all ones */
    bool is_apart;     /* what is read and written must not overlap */
    bool is_string;    /* MOVE: the length is that of the string at b, with its NUL */
    bool wants_nul;    /* SEEK_Z: gives the NUL when there is no such byte */
    bool is_nonzero;   /* number_op: 0 is left to the function */
    bool (*is_like)(struct trial *trial); /* does the function at hand do this in all trials? */
};
extern const struct libcall_kind libcall_kinds[];
extern const unsigned libcall_kind_count;

/* One function against one kind. */
struct trial {
    struct sandbox *sandbox;
    const struct libcall_abi *abi;
    const struct libcall_kind *kind;
    uint64_t pc;
    uint64_t random;
    uint64_t argument[3];
    uint64_t result;                  /* as it is to be */
    uint8_t *want;                    /* the bytes of area A as they are to be; all others stay */
};

/* Sets registers and runs the function on argument[] and the areas. True when it returned as it
 * should, with the result and memory as they should be. */
bool trial_run(struct trial *trial, uint32_t length_bytes);
/* The same for a length that it cannot come to the end of: it must be at work without any fault. */
bool trial_run_long(struct trial *trial);

#endif
