/* Edge values of instruction cases: edges.h. What concerns a row follows from its operand format,
 * and for flags from its name. */
#include "tests/insn/edges.h"

#include "src/base/bits.h"
#include "src/guest/riscv64/encoding.h"
#include "src/guest/riscv64/riscv64.h"
#include "src/ir/eval.h"

#include <stdio.h>
#include <string.h>

enum { ALL_CLASSES = 0x3ff, OPCODE_IMM_W = 0x1b, OPCODE_W = 0x3b };

static const char *const edge_text[EDGE_COUNT] = {
#define EDGE(name, text) text,
    EDGES(EDGE)
#undef EDGE
};

/* ---- what a row is ---- */

/* Flags that operations can raise, by the beginning of their names; the first that fits counts.
 * Sums never underflow: a tiny one is exact. */
static const struct {
    const char *name;
    const char *flags; /* X NX, U UF, O OF, Z DZ, V NV */
} flags_of[] = {
    {"fadd", "XOV"},      {"fsub", "XOV"},   {"fmul", "XUOV"},  {"fdiv", "XUOZV"},
    {"fsqrt", "XV"},      {"fmadd", "XUOV"}, {"fmsub", "XUOV"}, {"fnmadd", "XUOV"},
    {"fnmsub", "XUOV"},   {"fmin", "V"},     {"fmax", "V"},     {"feq", "V"},
    {"flt", "V"},         {"fle", "V"},      {"fcvt_w", "XV"},  {"fcvt_l", "XV"},
    {"fcvt_s_d", "XUOV"}, {"fcvt_d_s", "V"}, {"fcvt_s", "X"},   {"fcvt_d_l", "X"},
};

static const char *format_of(unsigned row)
{
    return rv64_format_text[rv64_row_info[row].format];
}

static bool has_operand(unsigned row, char letter)
{
    return strchr(format_of(row), letter) != NULL;
}

static bool begins(unsigned row, const char *name)
{
    return strncmp(rv64_row_info[row].name, name, strlen(name)) == 0;
}

/* rs1 is an address. */
static bool is_access(unsigned row)
{
    return strstr(format_of(row), "(s)") != NULL && !begins(row, "jalr");
}

static bool is_atomic(unsigned row)
{
    return format_of(row)[0] == '&';
}

static unsigned width_of(unsigned row)
{
    unsigned opcode = rv64_row_info[row].match & 0x7f;
    return opcode == OPCODE_IMM_W || opcode == OPCODE_W ? 32 : 64;
}

static bool is_register_shift(unsigned row)
{
    static const char *const names[] = {"sll",  "srl",  "sra",  "rol", "ror",
                                        "bclr", "bext", "binv", "bset"};
    for (unsigned i = 0; i < ARRAY_LENGTH(names); i++)
        if (begins(row, names[i]))
            return has_operand(row, 't');
    return false;
}

static bool is_division(unsigned row)
{
    return begins(row, "div") || begins(row, "rem");
}

static bool is_signed_division(unsigned row)
{
    return is_division(row) && !strchr(rv64_row_info[row].name, 'u');
}

/* The type of the floating-point sources: the name's last letter. Moves have none, they take bits.
 */
static char source_type(unsigned row)
{
    const char *name = rv64_row_info[row].name;
    bool is_arithmetic = has_operand(row, 'S') && !begins(row, "fmv");
    return is_arithmetic ? name[strlen(name) - 1] : '\0';
}

static bool is_load(unsigned row)
{
    return is_access(row) && !is_atomic(row) && (has_operand(row, 'd') || has_operand(row, 'D'));
}

static const char *flags_of_row(unsigned row)
{
    for (unsigned i = 0; i < ARRAY_LENGTH(flags_of); i++)
        if (begins(row, flags_of[i].name))
            return flags_of[i].flags;
    return "";
}

/* ---- which edges concern a row ---- */
static void want(bool *wanted, enum edge first, enum edge last)
{
    for (unsigned edge = first; edge <= last; edge++)
        wanted[edge] = true;
}

static void want_integers(unsigned row, bool *wanted)
{
    bool has_rs1 = has_operand(row, 's'), has_rs2 = has_operand(row, 't');
    bool is_csr = has_operand(row, 'c');
    if (has_rs1 && !is_access(row) && !is_csr && !begins(row, "jalr"))
        want(wanted, EDGE_X1_ZERO, EDGE_X1_MAX);
    if (has_rs2 && !is_register_shift(row) && !begins(row, "sc"))
        want(wanted, EDGE_X2_ZERO, EDGE_X2_MAX);
    wanted[EDGE_RD_X0] = has_operand(row, 'd');
    wanted[EDGE_RS1_X0] = has_rs1 && !is_access(row) && !begins(row, "jalr");
    wanted[EDGE_RS2_X0] = has_rs2;
    wanted[EDGE_RD_RS1] =
        (has_operand(row, 'd') && has_rs1) || (has_operand(row, 'D') && has_operand(row, 'S'));
    wanted[EDGE_RD_RS2] =
        (has_operand(row, 'd') && has_rs2) || (has_operand(row, 'D') && has_operand(row, 'T'));
    if (is_register_shift(row)) {
        want(wanted, EDGE_COUNT_ZERO, EDGE_COUNT_BEYOND);
    } else if (has_operand(row, '>') || has_operand(row, '<')) {
        want(wanted, EDGE_COUNT_ZERO, EDGE_COUNT_LAST);
    }
    wanted[EDGE_DIVISOR_ZERO] = is_division(row);
    wanted[EDGE_DIVISION_OVERFLOW] = is_signed_division(row);
}

static void want_immediates(unsigned row, bool *wanted)
{
    bool is_arithmetic = has_operand(row, 'u') || (has_operand(row, 'i') && !is_access(row));
    if (is_arithmetic && !begins(row, "jalr"))
        want(wanted, EDGE_IMM_ZERO, EDGE_IMM_MAX);
    if (has_operand(row, 'z'))
        wanted[EDGE_IMM_ZERO] = wanted[EDGE_IMM_ONE] = wanted[EDGE_IMM_MAX] = true;
    if (has_operand(row, 'i') || has_operand(row, 'o'))
        wanted[EDGE_IMM_ZERO] = wanted[EDGE_IMM_MIN] = wanted[EDGE_IMM_MAX] = true;
    wanted[EDGE_TAKEN] = has_operand(row, 'b') || has_operand(row, 'j');
    wanted[EDGE_BACKWARD] = wanted[EDGE_TAKEN];
    wanted[EDGE_NOT_TAKEN] = has_operand(row, 'b');
    if (has_operand(row, 'c'))
        want(wanted, EDGE_CSR_FFLAGS, EDGE_CSR_OTHER);
}

static void want_accesses(unsigned row, bool *wanted)
{
    if (!is_access(row))
        return;
    wanted[EDGE_FAULT] = !begins(row, "sc"); /* which fails without a reservation */
    wanted[EDGE_MISALIGNED] = (rv64_row_info[row].match >> 12 & 3) != 0; /* more than a byte */
    wanted[EDGE_NEGATIVE] = wanted[EDGE_POSITIVE] = is_load(row) && has_operand(row, 'd');
    if (is_atomic(row))
        want(wanted, EDGE_RELAXED, EDGE_AQRL);
}

static void want_floats(unsigned row, bool *wanted)
{
    static const char flag_letters[] = "XUOZV";
    const char *flags = flags_of_row(row);
    char type = source_type(row);
    for (unsigned operand = 0; operand < 3 && type; operand++) {
        bool has_it = has_operand(row, "STR"[operand]);
        wanted[EDGE_F1_CLASSES + operand] = has_it;
        wanted[EDGE_F1_UNBOXED + operand] = has_it && type == 's';
    }
    wanted[EDGE_PAYLOAD] = type != '\0';
    if (has_operand(row, 'm'))
        want(wanted, EDGE_RNE, EDGE_DYN_RESERVED);
    wanted[EDGE_DYN_RESERVED] |= has_operand(row, 'M');
    for (unsigned i = 0; flag_letters[i]; i++)
        wanted[EDGE_NX + i] = strchr(flags, flag_letters[i]) != NULL;
    wanted[EDGE_NO_FLAG] = wanted[EDGE_KEPT_FLAGS] = *flags != '\0';
}

static void edges_wanted(unsigned row, bool wanted[EDGE_COUNT])
{
    memset(wanted, 0, EDGE_COUNT * sizeof *wanted);
    want_integers(row, wanted);
    want_immediates(row, wanted);
    want_accesses(row, wanted);
    want_floats(row, wanted);
}

/* ---- what a case has ---- */

/* A case under inspection. */
struct sight {
    const struct insn_case *test;
    uint32_t word;
    unsigned row;
    bool *seen;
};

static uint64_t before(const struct sight *sight, unsigned reg)
{
    return reg == 0 ? 0 : sight->test->before.reg[reg].number;
}

static void note_number(const struct sight *sight, enum edge zero, uint64_t value)
{
    unsigned width = width_of(sight->row);
    uint64_t min = UINT64_C(1) << (width - 1);
    value = bits_zero_extend(value, width);
    const uint64_t edges[] = {0, 1, bits_zero_extend(UINT64_MAX, width), min, min - 1};
    for (unsigned i = 0; i < ARRAY_LENGTH(edges); i++)
        sight->seen[zero + i] |= value == edges[i];
}

static void note_count(const struct sight *sight, uint64_t count)
{
    unsigned width = width_of(sight->row);
    sight->seen[EDGE_COUNT_ZERO] |= count == 0;
    sight->seen[EDGE_COUNT_ONE] |= count == 1;
    sight->seen[EDGE_COUNT_LAST] |= count == width - 1;
    sight->seen[EDGE_COUNT_WIDTH] |= count == width;
    sight->seen[EDGE_COUNT_BEYOND] |= count > width;
}

static void note_immediate(const struct sight *sight, int64_t value, int64_t min, int64_t max)
{
    sight->seen[EDGE_IMM_ZERO] |= value == 0;
    sight->seen[EDGE_IMM_ONE] |= value == 1;
    sight->seen[EDGE_IMM_MINUS_ONE] |= value == -1;
    sight->seen[EDGE_IMM_MIN] |= value == min;
    sight->seen[EDGE_IMM_MAX] |= value == max;
}

static void note_registers(const struct sight *sight)
{
    unsigned rd = rv64_rd(sight->word), rs1 = rv64_rs1(sight->word), rs2 = rv64_rs2(sight->word);
    bool *seen = sight->seen;
    seen[EDGE_RD_X0] |= rd == 0;
    seen[EDGE_RS1_X0] |= rs1 == 0;
    seen[EDGE_RS2_X0] |= rs2 == 0;
    seen[EDGE_RD_RS1] |= rd == rs1;
    seen[EDGE_RD_RS2] |= rd == rs2;
    note_number(sight, EDGE_X1_ZERO, before(sight, rs1));
    note_number(sight, EDGE_X2_ZERO, before(sight, rs2));
    note_count(sight, is_register_shift(sight->row)  ? before(sight, rs2)
                      : has_operand(sight->row, '<') ? rv64_shamt(sight->word) & 31
                                                     : rv64_shamt(sight->word));
    unsigned width = width_of(sight->row);
    uint64_t divisor = bits_zero_extend(before(sight, rs2), width);
    seen[EDGE_DIVISOR_ZERO] |= divisor == 0;
    seen[EDGE_DIVISION_OVERFLOW] |=
        divisor == bits_zero_extend(UINT64_MAX, width) &&
        bits_zero_extend(before(sight, rs1), width) == UINT64_C(1) << (width - 1);
}

static void note_immediates(const struct sight *sight)
{
    uint32_t word = sight->word;
    if (has_operand(sight->row, 'u'))
        note_immediate(sight, rv64_imm_u(word) >> 12, -(1 << 19), (1 << 19) - 1);
    else if (has_operand(sight->row, 'z'))
        note_immediate(sight, rv64_rs1(word), -1, 31);
    else if (has_operand(sight->row, 'o'))
        note_immediate(sight, rv64_imm_s(word), -2048, 2047);
    else if (has_operand(sight->row, 'i'))
        note_immediate(sight, rv64_imm_i(word), -2048, 2047);
}

static void note_end(const struct sight *sight)
{
    const struct case_state *after = &sight->test->after;
    uint64_t address = sight->test->before.reg[rv64_rs1(sight->word)].number;
    int64_t displacement = has_operand(sight->row, 'o')   ? rv64_imm_s(sight->word)
                           : has_operand(sight->row, 'i') ? rv64_imm_i(sight->word)
                                                          : 0;
    unsigned size_bytes = 1u << (sight->word >> 12 & 3);
    bool *seen = sight->seen;
    seen[EDGE_TAKEN] |= after->pc.place == PLACE_TAKEN;
    seen[EDGE_BACKWARD] |= after->pc.place == PLACE_BACK;
    seen[EDGE_NOT_TAKEN] |= after->pc.place == PLACE_NEXT;
    seen[EDGE_FAULT] |= after->trap == CASE_ACCESS;
    seen[EDGE_MISALIGNED] |=
        after->trap == CASE_MISALIGNED ||
        (after->trap == CASE_BREAKPOINT && (address + (uint64_t)displacement) % size_bytes != 0);
    seen[EDGE_NEGATIVE] |= (int64_t)after->reg[rv64_rd(sight->word)].number < 0;
    seen[EDGE_POSITIVE] |= (int64_t)after->reg[rv64_rd(sight->word)].number > 0;
    seen[EDGE_RELAXED + (sight->word >> 25 & 3)] = true;
}

static void note_float(const struct sight *sight, uint16_t *classes, unsigned operand)
{
    unsigned reg = operand == 0   ? rv64_rs1(sight->word)
                   : operand == 1 ? rv64_rs2(sight->word)
                                  : rv64_rs3(sight->word);
    uint64_t bits = before(sight, 32 + reg);
    bool is_single = source_type(sight->row) == 's';
    unsigned width = is_single ? 32 : 64;
    if (is_single && bits >> 32 != UINT32_MAX) {
        sight->seen[EDGE_F1_UNBOXED + operand] = true;
        return;
    }
    uint64_t class = ir_fclass(bits_zero_extend(bits, width), width);
    uint64_t canonical = is_single ? UINT64_C(0xffffffff7fc00000) : UINT64_C(0x7ff8000000000000);
    *classes |= (uint16_t) class;
    sight->seen[EDGE_F1_CLASSES + operand] = *classes == ALL_CLASSES;
    sight->seen[EDGE_PAYLOAD] |= class == 1u << 9 && bits != canonical;
}

static void note_floats(const struct sight *sight, uint16_t classes[3])
{
    const struct case_state *start = &sight->test->before, *end = &sight->test->after;
    unsigned rounding = rv64_rounding(sight->word), raised = end->fflags & ~start->fflags;
    bool *seen = sight->seen;
    for (unsigned operand = 0; operand < 3; operand++)
        if (has_operand(sight->row, "STR"[operand]))
            note_float(sight, &classes[operand], operand);
    if (rounding <= IR_RM_RMM)
        seen[EDGE_RNE + rounding] = true;
    else if (rounding == IR_RM_HOST && start->frm <= IR_RM_RMM)
        seen[EDGE_DYN_RNE + start->frm] = true;
    seen[EDGE_DYN_RESERVED] |=
        rounding == IR_RM_HOST && start->frm > IR_RM_RMM && end->trap == CASE_ILLEGAL;
    for (unsigned flag = 0; flag < 5; flag++)
        seen[EDGE_NX + flag] |= raised >> flag & 1;
    seen[EDGE_NO_FLAG] |= raised == 0;
    seen[EDGE_KEPT_FLAGS] |= start->fflags != 0;
}

static void note_csr(const struct sight *sight)
{
    unsigned edge = EDGE_CSR_OTHER;
    switch (rv64_csr(sight->word)) {
    case RV64_CSR_fflags:
        edge = EDGE_CSR_FFLAGS;
        break;
    case RV64_CSR_frm:
        edge = EDGE_CSR_FRM;
        break;
    case RV64_CSR_fcsr:
        edge = EDGE_CSR_FCSR;
        break;
    case RV64_CSR_cycle:
        edge = EDGE_CSR_CYCLE;
        break;
    case RV64_CSR_time:
        edge = EDGE_CSR_TIME;
        break;
    case RV64_CSR_instret:
        edge = EDGE_CSR_INSTRET;
        break;
    }
    sight->seen[edge] = true;
}

void edges_note(struct edges *edges, const struct insn_case *test, uint32_t bits)
{
    struct rv64_insn insn = rv64_decode(bits);
    if (insn.row == RV64_ILLEGAL || insn.size != 4)
        return;
    struct sight sight = {test, insn.word, insn.row, edges->is_seen[insn.row]};
    note_registers(&sight);
    note_immediates(&sight);
    note_end(&sight);
    note_floats(&sight, edges->classes[insn.row]);
    if (has_operand(insn.row, 'c'))
        note_csr(&sight);
}

bool edges_report(struct edges *edges, bool is_complete)
{
    unsigned wanted_count = 0, missing = 0;
    for (unsigned row = 0; row < RV64_WORD_ROWS; row++) {
        bool wanted[EDGE_COUNT];
        char name[RV64_NAME_SIZE];
        rv64_row_name(row, name);
        edges_wanted(row, wanted);
        if (is_complete)
            printf("%s:", name);
        for (unsigned edge = 0; edge < EDGE_COUNT; edge++) {
            wanted_count += wanted[edge];
            if (wanted[edge] && !edges->is_seen[row][edge]) {
                fprintf(stderr, "no case of %s has: %s\n", name, edge_text[edge]);
                missing++;
            } else if (wanted[edge] && is_complete) {
                printf(" [%s]", edge_text[edge]);
            }
        }
        if (is_complete)
            printf("\n");
    }
    printf("edges: %u of %u covered\n", wanted_count - missing, wanted_count);
    return missing == 0;
}
