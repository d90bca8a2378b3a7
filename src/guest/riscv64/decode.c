/* The decoder: each instruction is looked up in the short list of rows that share its opcode and
 * one further field.
 *
 * The lists are made from the tables once, before main: the bits that tell most rows of an opcode
 * apart (funct3; funct7 for OP-FP; the format for the fused multiply-adds) choose a list, and the
 * first row in it whose match bits agree is the instruction. Every list ends with a row that
 * matches anything and is illegal. After that the lists are constant. */
#include "src/guest/riscv64/decode.h"

#include "src/base/check.h"
#include "src/guest/riscv64/encoding.h"

#include <stdatomic.h>
#include <string.h>

/* ---- the rows ---- */
#define F3(n) ((uint32_t)(n) << 12)
#define F5(n) ((uint32_t)(n) << 27)
#define F6(n) ((uint32_t)(n) << 26)
#define F7(n) ((uint32_t)(n) << 25)
#define F12(n) ((uint32_t)(n) << 20)
#define FMT(n) ((uint32_t)(n) << 25)

const char *const rv64_format_text[RV64_FORMAT_COUNT] = {
#define FORMAT(name, mask, rounding, ends, text) text,
#include "src/guest/riscv64/formats.def"
#undef FORMAT
};

enum format_flags {
#define FORMAT(name, mask, rounding, ends, text)                                                   \
    FLAGS_##name = ((rounding) ? RV64_HAS_ROUNDING : 0) | ((ends) ? RV64_ENDS_BLOCK : 0),
#include "src/guest/riscv64/formats.def"
#undef FORMAT
};

#define FORMAT(name, mask, rounding, ends, text) static const uint32_t mask_##name = (mask);
#include "src/guest/riscv64/formats.def"
#undef FORMAT

#define INSN(name, format, match, ...) static const uint32_t match_##name = (match);
#include "src/guest/riscv64/insns.def"
#undef INSN

enum row_format {
#define INSN(name, format, ...) FORMAT_OF_##name = RV64_FORMAT_##format,
#include "src/guest/riscv64/insns.def"
#undef INSN
};

const struct rv64_row_info rv64_row_info[RV64_ROW_COUNT] = {
#define INSN(name, format, match, ...)                                                             \
    [RV64_##name] = {#name, mask_##format, match, RV64_FORMAT_##format, FLAGS_##format},
#include "src/guest/riscv64/insns.def"
#undef INSN
#define C_INSN(name, mask, match, legal, row, fields)                                              \
    [RV64_##name] = {#name, mask, match, FORMAT_OF_##row, 0},
#include "src/guest/riscv64/compressed.def"
#undef C_INSN
};

void rv64_row_name(unsigned row, char *text)
{
    const char *name = rv64_row_info[row].name;
    unsigned i = 0;
    for (; name[i] != 0 && i + 1 < RV64_NAME_SIZE; i++)
        text[i] = name[i] == '_' ? '.' : name[i];
    text[i] = 0;
}

/* ---- expansion of 16-bit forms ---- */

/* Bits [from, from + count) of the half-word h, placed at bit `to` of the immediate. */
#define PART(from, count, to) ((h >> (from) & ((1u << (count)) - 1)) << (to))
#define SIGN(bit, to) (-(h >> (bit)&1) << (to))

#define C_RD (h >> 7 & 31)
#define C_RS2 (h >> 2 & 31)
#define C_RDP (8 + (h >> 7 & 7))
#define C_RS2P (8 + (h >> 2 & 7))
#define C_SHAMT (PART(2, 5, 0) | PART(12, 1, 5))
#define C_IMM_CI (SIGN(12, 5) | PART(2, 5, 0))
#define C_IMM_CI_SP (SIGN(12, 9) | PART(3, 2, 7) | PART(5, 1, 6) | PART(2, 1, 5) | PART(6, 1, 4))
#define C_IMM_CI_LW (PART(12, 1, 5) | PART(4, 3, 2) | PART(2, 2, 6))
#define C_IMM_CI_LD (PART(12, 1, 5) | PART(5, 2, 3) | PART(2, 3, 6))
#define C_IMM_CSS_W (PART(9, 4, 2) | PART(7, 2, 6))
#define C_IMM_CSS_D (PART(10, 3, 3) | PART(7, 3, 6))
#define C_IMM_CIW (PART(11, 2, 4) | PART(7, 4, 6) | PART(6, 1, 2) | PART(5, 1, 3))
#define C_IMM_CL_W (PART(10, 3, 3) | PART(6, 1, 2) | PART(5, 1, 6))
#define C_IMM_CL_D (PART(10, 3, 3) | PART(5, 2, 6))
#define C_IMM_CB (SIGN(12, 8) | PART(10, 2, 3) | PART(5, 2, 6) | PART(3, 2, 1) | PART(2, 1, 5))
#define C_IMM_CJ                                                                                   \
    (SIGN(12, 11) | PART(11, 1, 4) | PART(9, 2, 8) | PART(8, 1, 10) | PART(7, 1, 6) |              \
     PART(6, 1, 7) | PART(3, 3, 1) | PART(2, 1, 5))

#define RD(n) ((n) << 7)
#define RS1(n) ((n) << 15)
#define RS2(n) ((n) << 20)
#define I_(imm) ((imm) << 20)
#define U_(imm) ((imm) << 12)
#define SH_(count) ((count) << 20)
#define S_(imm) rv64_put_s(imm)
#define B_(imm) rv64_put_b(imm)
#define J_(imm) rv64_put_j(imm)

/* What a reserved half-word stands for: a word that is no instruction, and not 0. */
enum { RESERVED_WORD = 1 };

/* One function per row: the 32-bit word. */
#define C_INSN(name, mask, match, legal, row, fields)                                              \
    static uint32_t expand_##name(uint32_t h)                                                      \
    {                                                                                              \
        (void)h;                                                                                   \
        return (legal) ? match_##row | (fields) : RESERVED_WORD;                                   \
    }
#include "src/guest/riscv64/compressed.def"
#undef C_INSN

struct compressed_form {
    uint32_t (*expand)(uint32_t half);
    uint16_t mask, match;
    uint16_t row;
};

static const struct compressed_form compressed_forms[] = {
#define C_INSN(name, mask, match, legal, row, fields) {expand_##name, mask, match, RV64_##name},
#include "src/guest/riscv64/compressed.def"
#undef C_INSN
};

/* ---- the lists ---- */
struct candidate {
    uint32_t mask, match;
    uint16_t row;
    uint8_t flags; /* enum rv64_flags */
};

/* How the list of an opcode (bits 6-2) is chosen: word >> shift & mask. */
struct list_key {
    uint8_t shift, mask;
    uint16_t base; /* of the opcode's lists in word_list */
};

enum {
    OPCODE_COUNT = 32,
    OPCODE_FMADD = 0x43 >> 2,
    OPCODE_FNMADD = 0x4f >> 2,
    OPCODE_OP_FP = 0x53 >> 2,
    WORD_LIST_LIMIT = 384,
    WORD_CANDIDATE_LIMIT = 1024,
    HALF_LIST_COUNT = 32,
    HALF_CANDIDATE_LIMIT = 96,
};

static struct list_key list_keys[OPCODE_COUNT];
static uint16_t word_list[WORD_LIST_LIMIT]; /* first candidate of the list */
static struct candidate word_candidates[WORD_CANDIDATE_LIMIT];
static uint8_t half_list[HALF_LIST_COUNT];
static struct compressed_form half_candidates[HALF_CANDIDATE_LIMIT];

static struct list_key key_of_opcode(unsigned opcode)
{
    if (opcode == OPCODE_OP_FP)
        return (struct list_key){.shift = 25, .mask = 127};
    if (opcode >= OPCODE_FMADD && opcode <= OPCODE_FNMADD)
        return (struct list_key){.shift = 25, .mask = 3};
    return (struct list_key){.shift = 12, .mask = 7};
}

/* The rows of one opcode, in the table's order. Gives how many. */
static unsigned rows_of_opcode(unsigned opcode, uint16_t *rows)
{
    unsigned count = 0;
    for (unsigned row = 0; row < RV64_WORD_ROWS; row++)
        if ((rv64_row_info[row].match & 0x7f) == (3 | opcode << 2))
            rows[count++] = (uint16_t)row;
    return count;
}

/* Appends those of `rows` that a word with these `known` bits, of value `bits`, may be. */
static unsigned append_word_list(unsigned count, const uint16_t *rows, unsigned row_count,
                                 uint32_t known, uint32_t bits)
{
    for (unsigned i = 0; i < row_count; i++) {
        unsigned row = rows[i];
        const struct rv64_row_info *info = &rv64_row_info[row];
        if (((info->match ^ bits) & info->mask & known) == 0) {
            CHECK(count < WORD_CANDIDATE_LIMIT, "decoder lists overflow");
            word_candidates[count++] =
                (struct candidate){info->mask, info->match, (uint16_t)row, info->flags};
        }
    }
    CHECK(count < WORD_CANDIDATE_LIMIT, "decoder lists overflow");
    word_candidates[count++] = (struct candidate){.row = RV64_ILLEGAL, .flags = RV64_ENDS_BLOCK};
    return count;
}

static void build_word_lists(void)
{
    unsigned lists = 0, candidates = 0;
    uint16_t rows[RV64_WORD_ROWS];
    for (unsigned opcode = 0; opcode < OPCODE_COUNT; opcode++) {
        struct list_key key = key_of_opcode(opcode);
        unsigned row_count = rows_of_opcode(opcode, rows);
        key.base = (uint16_t)lists;
        list_keys[opcode] = key;
        for (uint32_t value = 0; value <= key.mask; value++) {
            CHECK(lists < WORD_LIST_LIMIT, "decoder lists overflow");
            word_list[lists++] = (uint16_t)candidates;
            candidates = append_word_list(candidates, rows, row_count, 0x7f | (uint32_t)key.mask << key.shift,
                                          3 | opcode << 2 | value << key.shift);
        }
    }
}

static uint32_t expand_reserved(uint32_t half)
{
    (void)half;
    return RESERVED_WORD;
}

static unsigned half_list_of(uint32_t half)
{
    return (half >> 11 & 0x1c) | (half & 3);
}

static void build_half_lists(void)
{
    unsigned count = 0;
    for (unsigned list = 0; list < HALF_LIST_COUNT; list++) {
        half_list[list] = (uint8_t)count;
        for (unsigned i = 0; i < ARRAY_LENGTH(compressed_forms); i++)
            if (half_list_of(compressed_forms[i].match) == list)
                half_candidates[count++] = compressed_forms[i];
        CHECK(count < HALF_CANDIDATE_LIMIT, "decoder lists overflow");
        half_candidates[count++] = (struct compressed_form){expand_reserved, 0, 0, RV64_ILLEGAL};
    }
}

__attribute__((constructor)) static void build_lists(void)
{
    build_word_lists();
    build_half_lists();
}

/* ---- look-up ---- */
static const struct compressed_form *find_half(uint32_t half)
{
    const struct compressed_form *form = &half_candidates[half_list[half_list_of(half)]];
    while ((half & form->mask) != form->match)
        form++;
    return form;
}

/* Programs use few of the 16-bit instructions, each often: what they stand for is remembered here,
 * word above half-word, at a place chosen by the half-word. It saves two unpredictable branches.
 * The table is small, so that a short program does not pay for its pages. Entries are shared by all
 * threads; what is not there reads as that of half-word 0, which is illegal like the word 0. */
enum { EXPANSIONS_LOG2 = 11 };
static _Atomic uint64_t expansions[1 << EXPANSIONS_LOG2];

static _Atomic uint64_t *expansion_of(uint32_t half)
{
    return &expansions[half * UINT32_C(0x9e3779b1) >> (32 - EXPANSIONS_LOG2)];
}

__attribute__((noinline)) static uint32_t expand(uint32_t half)
{
    uint32_t word = find_half(half)->expand(half);
    atomic_store_explicit(expansion_of(half), (uint64_t)word << 32 | half, memory_order_relaxed);
    return word;
}

/* Written so that no branch depends on what the instruction is, save rare ones: the next one can
 * then be decoded while this one is. */
static inline struct rv64_insn decode(uint32_t bits)
{
    uint32_t half = bits & 0xffff, is_word = rv64_is_word((uint16_t)bits);
    uint64_t expansion = atomic_load_explicit(expansion_of(half), memory_order_relaxed);
    uint32_t word = (bits & -is_word) | ((uint32_t)(expansion >> 32) & (is_word - 1));
    uint32_t is_other = (uint16_t)(expansion ^ half); /* an empty place stands for half-word 0 */
    if (__builtin_expect((is_other & (is_word - 1)) != 0, 0))
        word = expand(half);
    const struct list_key *key = &list_keys[word >> 2 & 31];
    const struct candidate *row =
        &word_candidates[word_list[key->base + (word >> key->shift & key->mask)]];
    while ((word & row->mask) != row->match)
        row++;
    struct rv64_insn insn = {word, row->row, (uint8_t)rv64_size(bits), row->flags};
    enum { RESERVED_ROUNDINGS = 1 << 5 | 1 << 6 };
    if (__builtin_expect((row->flags & RV64_HAS_ROUNDING) != 0, 0) &&
        (RESERVED_ROUNDINGS >> rv64_rounding(word) & 1) != 0) {
        insn.row = RV64_ILLEGAL;
        insn.flags = RV64_ENDS_BLOCK;
    }
    return insn;
}

struct rv64_insn rv64_decode(uint32_t bits)
{
    return decode(bits);
}

unsigned rv64_decode_run(const uint8_t *bytes, size_t available_bytes, unsigned max_insns,
                         struct rv64_insn *insns, size_t *ret_size_bytes)
{
    unsigned count = 0;
    size_t at = 0;
    while (count < max_insns && available_bytes - at >= 4) {
        uint32_t bits;
        memcpy(&bits, bytes + at, sizeof bits);
        insns[count] = decode(bits);
        at += rv64_size(bits);
        if (insns[count++].flags & RV64_ENDS_BLOCK)
            break;
    }
    *ret_size_bytes = at;
    return count;
}

int rv64_row_of(uint32_t bits)
{
    struct rv64_insn insn = rv64_decode(bits);
    if (insn.row == RV64_ILLEGAL)
        return -1;
    return insn.size == 2 ? find_half(bits & 0xffff)->row : insn.row;
}
