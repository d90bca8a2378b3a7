/* One-line instruction cases: the text format and its parser.
 *
 *   INSTRUCTIONS : INPUTS => RESULTS          # starts a comment
 *   div x3,x1,x2 : x1=5 x2=0 => x3=-1
 *
 * INSTRUCTIONS is assembly, several separated by ";". INPUTS and RESULTS are NAME=VALUE:
 *   x1, f1      registers; a value is a number, decimal or 0x..., or s:F d:F, a NaN-boxed single or
 *               a double, F being a C number, inf, nan, snan or 0xBITS; or a place plus a number:
 *               mem (64 bytes of memory, first all zero), at (the first instruction), next (what
 *               follows the last one), taken and back (what branches to "1f" and "0b" reach)
 *   fflags      NX UF OF DZ NV joined by "+", or 0           frm   0 to 7
 *   mem, mem+N  bytes as hexadecimal digits, lowest address first
 *   trap        results only: why execution stopped: breakpoint (when not said, at the ebreak
 *               behind the instructions), illegal, fetch, access, misaligned or ecall
 *   pc          results only: where it stopped; when not said "next" for a breakpoint, else "at"
 * What RESULTS do not name must not change. Registers that INPUTS do not name hold the number that
 * case_default_reg gives. */
#ifndef TIERCEL_TESTS_INSN_CASE_H
#define TIERCEL_TESTS_INSN_CASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CASE_REGS = 64, CASE_MEM_BYTES = 64 };

enum case_trap {
    CASE_BREAKPOINT,
    CASE_ILLEGAL,
    CASE_FETCH,
    CASE_ACCESS,
    CASE_MISALIGNED,
    CASE_ECALL,
    CASE_TRAP_COUNT
};
extern const char *const case_trap_name[CASE_TRAP_COUNT];

/* A value that may be relative to a place, which is known when the case has been assembled. */
enum case_place {
    PLACE_NONE,
    PLACE_MEM,
    PLACE_AT,
    PLACE_NEXT,
    PLACE_TAKEN,
    PLACE_BACK,
    PLACE_COUNT
};
struct case_value {
    enum case_place place;
    uint64_t number;
};

/* What one side of "=>" says; registers 32-63 are the f registers. */
struct case_state {
    struct case_value reg[CASE_REGS];
    uint8_t mem[CASE_MEM_BYTES];
    unsigned fflags, frm;
    enum case_trap trap;
    struct case_value pc;
};

struct insn_case {
    const char *file;
    unsigned line;
    char *assembly;
    bool is_compressed; /* an instruction begins with "c." */
    struct case_state before, after;
};

struct case_list {
    struct insn_case *cases;
    size_t length, capacity;
};

uint64_t case_default_reg(unsigned reg);

/* Appends the cases of a file; false when it cannot be read or a line is malformed, which is said
 * on stderr. */
bool case_read_file(struct case_list *list, const char *path);
void case_list_fini(struct case_list *list);

#endif
