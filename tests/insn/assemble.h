/* From instruction cases to guest code, by way of the assembler and libelf. */
#ifndef TIERCEL_TESTS_INSN_ASSEMBLE_H
#define TIERCEL_TESTS_INSN_ASSEMBLE_H

#include "tests/insn/case.h"

/* Where the instructions of a case lie in the code. In front of them stands an ebreak ("back"),
 * behind them two ("next" and "taken"). */
struct case_extent {
    size_t at, next; /* byte offsets */
};

/* Owner: the caller; assembled_fini. */
struct assembled {
    uint8_t *code;
    uint64_t address; /* it was linked for; branches are relative, so it runs anywhere */
    size_t size_bytes;
    struct case_extent *extents; /* one for each case */
};

/* GNU as and ld for riscv64: paths, or names to be found in PATH. */
struct assembler {
    const char *as, *ld;
};

/* Assembles all cases; false, with a message on stderr, on failure. */
bool assemble_cases(const struct case_list *list, const struct assembler *tools,
                    struct assembled *ret_assembled);
void assembled_fini(struct assembled *assembled);

#endif
