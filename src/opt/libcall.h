/* Library calls: functions that do what memmove, memset, strlen, strcmp and their like do, or count or
 * swap the bits or bytes of a number, as the compiler's library does where the guest has no
 * instruction for it.
 *
 * A function is known by what it does. Its code is run in a sandbox of synthetic memory, over
 * lengths, alignments, overlaps and contents that take every branch of it both ways; it must give
 * the very result, write what is to be written and nothing else, read nothing it need not, and keep
 * what the calling convention says. Then a libcall (enum ir_libcall) stands for the whole function; what it
 * does not do at once is left to the function's own code, which is the translation under the
 * entry's pc + 1. docs/routines.md tells the rest. */
#ifndef TIERCEL_OPT_LIBCALL_H
#define TIERCEL_OPT_LIBCALL_H

#include "src/ir/ir.h"

/* The guest's calling convention. */
struct libcall_abi {
    uint8_t argument[3]; /* integer registers; the first is the result's too */
    uint8_t stack, link;
    uint64_t kept; /* registers that functions keep, as a set */
};

/* Where the guest's code comes from. */
struct libcall_code {
    void *context;
    /* The block at pc, as translated; NULL: there is none. */
    struct ir_block *(*block_at)(void *context, struct arena *arena, uint64_t pc);
    /* `size_bytes` (1 to 8) of memory at addr that is no argument of the function. */
    enum libcall_memory {
        LIBCALL_NO_MEMORY,
        LIBCALL_CONSTANT, /* it will be told when it changes */
        LIBCALL_VARIABLE, /* is looked at before each call */
    } (*read)(void *context, uint64_t addr, unsigned size_bytes, uint64_t *ret_value);
};

enum { LIBCALL_MAX_PAGES = 8, LIBCALL_PAGE_LOG2 = 12, LIBCALL_MAX_VARIABLES = 4 };

/* Memory that the function reads, as it was. */
struct libcall_variable {
    uint64_t addr, value;
    unsigned size_bytes;
};

/* A function that has been recognised. */
struct libcall {
    uint8_t kind;             /* row of the table of libcall_kinds.c */
    uint8_t page_count;
    uint32_t size_bytes;      /* of the code that follows its entry without a gap */
    uint64_t changed;         /* registers that its own code may leave changed and the libcall does
                                 not, as a set */
    uint64_t page[LIBCALL_MAX_PAGES]; /* numbers of the pages that its code and constants lie in */
    unsigned variable_count;
    struct libcall_variable variable[LIBCALL_MAX_VARIABLES];
};

/* Whether the function at pc is known. It takes up to some milliseconds. */
bool libcall_recognise(struct arena *arena, const struct libcall_code *code,
                       const struct libcall_abi *abi, uint64_t pc, struct libcall *ret_libcall);

/* The block that stands for the function at pc, not yet optimised. */
struct ir_block *libcall_block(struct arena *arena, const struct libcall *libcall,
                               const struct libcall_abi *abi, uint64_t pc, uint32_t mode);

/* Puts the libcall in place of the call of the function at callee_pc that the block ends with;
 * false, and nothing, when it cannot be there. What is not done is still called, at callee_pc + 1. */
bool libcall_inline(struct arena *arena, const struct libcall *libcall,
                    const struct libcall_abi *abi, uint64_t callee_pc, struct ir_block *block);

/* Name of the C library's function like it. */
const char *libcall_name(const struct libcall *libcall);

#endif
