/* Which edge values the cases of each table row have: zero and the other ends of a number's range,
 * counts at the width, classes of floating-point numbers, rounding modes, flags, x0 and so on.
 *
 * Only cases of a single instruction count. A 16-bit row has no edges of its own: the suite
 * `decode` proves which 32-bit word it stands for. */
#ifndef TIERCEL_TESTS_INSN_EDGES_H
#define TIERCEL_TESTS_INSN_EDGES_H

#include "src/guest/riscv64/decode.h"
#include "tests/insn/case.h"

/* EDGE(name, text for the report) */
#define EDGES(EDGE)                                                                                \
    EDGE(X1_ZERO, "rs1 0") EDGE(X1_ONE, "rs1 1") EDGE(X1_MINUS_ONE, "rs1 -1")                      \
    EDGE(X1_MIN, "rs1 minimum") EDGE(X1_MAX, "rs1 maximum")                                        \
    EDGE(X2_ZERO, "rs2 0") EDGE(X2_ONE, "rs2 1") EDGE(X2_MINUS_ONE, "rs2 -1")                      \
    EDGE(X2_MIN, "rs2 minimum") EDGE(X2_MAX, "rs2 maximum")                                        \
    EDGE(RD_X0, "rd x0") EDGE(RS1_X0, "rs1 x0") EDGE(RS2_X0, "rs2 x0")                             \
    EDGE(RD_RS1, "rd = rs1") EDGE(RD_RS2, "rd = rs2")                                              \
    EDGE(IMM_ZERO, "imm 0") EDGE(IMM_ONE, "imm 1") EDGE(IMM_MINUS_ONE, "imm -1")                   \
    EDGE(IMM_MIN, "imm minimum") EDGE(IMM_MAX, "imm maximum")                                      \
    EDGE(COUNT_ZERO, "count 0") EDGE(COUNT_ONE, "count 1") EDGE(COUNT_LAST, "count width-1")       \
    EDGE(COUNT_WIDTH, "count width") EDGE(COUNT_BEYOND, "count > width")                           \
    EDGE(DIVISOR_ZERO, "divisor 0") EDGE(DIVISION_OVERFLOW, "overflow")                            \
    EDGE(TAKEN, "taken") EDGE(NOT_TAKEN, "not taken") EDGE(BACKWARD, "backward")                   \
    EDGE(MISALIGNED, "misaligned") EDGE(FAULT, "fault")                                            \
    EDGE(NEGATIVE, "negative") EDGE(POSITIVE, "positive")                                          \
    EDGE(RELAXED, "no order") EDGE(RL, ".rl") EDGE(AQ, ".aq") EDGE(AQRL, ".aqrl")                  \
    EDGE(F1_CLASSES, "rs1 of every class") EDGE(F2_CLASSES, "rs2 of every class")                  \
    EDGE(F3_CLASSES, "rs3 of every class")                                                         \
    EDGE(F1_UNBOXED, "rs1 not boxed") EDGE(F2_UNBOXED, "rs2 not boxed")                            \
    EDGE(F3_UNBOXED, "rs3 not boxed") EDGE(PAYLOAD, "NaN with payload")                            \
    EDGE(RNE, "rne") EDGE(RTZ, "rtz") EDGE(RDN, "rdn") EDGE(RUP, "rup") EDGE(RMM, "rmm")           \
    EDGE(DYN_RNE, "dyn rne") EDGE(DYN_RTZ, "dyn rtz") EDGE(DYN_RDN, "dyn rdn")                     \
    EDGE(DYN_RUP, "dyn rup") EDGE(DYN_RMM, "dyn rmm") EDGE(DYN_RESERVED, "dyn reserved")           \
    EDGE(NX, "NX") EDGE(UF, "UF") EDGE(OF, "OF") EDGE(DZ, "DZ") EDGE(NV, "NV")                     \
    EDGE(NO_FLAG, "no flag") EDGE(KEPT_FLAGS, "earlier flags")                                     \
    EDGE(CSR_FFLAGS, "fflags") EDGE(CSR_FRM, "frm") EDGE(CSR_FCSR, "fcsr")                         \
    EDGE(CSR_CYCLE, "cycle") EDGE(CSR_TIME, "time") EDGE(CSR_INSTRET, "instret")                   \
    EDGE(CSR_OTHER, "other CSR")

enum edge {
#define EDGE(name, text) EDGE_##name,
    EDGES(EDGE)
#undef EDGE
    EDGE_COUNT
};

/* Owner: the caller; all zero at first. */
struct edges {
    bool is_seen[RV64_WORD_ROWS][EDGE_COUNT];
    uint16_t classes[RV64_WORD_ROWS][3]; /* of rs1, rs2, rs3: bits as fclass gives them */
};

/* Notes the edges of a case whose only instruction has these bits. */
void edges_note(struct edges *edges, const struct insn_case *test, uint32_t bits);
/* Says on stderr what is missing; with is_complete, on stdout what every row has. False when
 * something is missing. */
bool edges_report(struct edges *edges, bool is_complete);

#endif
