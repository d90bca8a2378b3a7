/* From instruction bytes to a row of the instruction table.
 *
 * A row is a 32-bit form (insns.def) or a 16-bit form (compressed.def); the latter come behind the
 * former in one numbering. A decoded 16-bit instruction carries the 32-bit word it stands for, so
 * nothing behind the decoder deals with half-words. */
#ifndef TIERCEL_GUEST_RISCV64_DECODE_H
#define TIERCEL_GUEST_RISCV64_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum rv64_row {
#define INSN(name, ...) RV64_##name,
#include "src/guest/riscv64/insns.def"
#undef INSN
    RV64_WORD_ROWS,
    RV64_ILLEGAL = RV64_WORD_ROWS
};

/* Numbers of the 16-bit rows. */
enum rv64_compressed_row {
    RV64_LAST_WORD_ROW = RV64_WORD_ROWS - 1,
#define C_INSN(name, ...) RV64_##name,
#include "src/guest/riscv64/compressed.def"
#undef C_INSN
    RV64_ROW_COUNT
};

enum rv64_format {
#define FORMAT(name, ...) RV64_FORMAT_##name,
#include "src/guest/riscv64/formats.def"
#undef FORMAT
    RV64_FORMAT_COUNT
};

enum rv64_flags {
    RV64_HAS_ROUNDING = 1, /* bits 14-12 are a rounding mode (not 5 or 6, which are reserved) */
    RV64_ENDS_BLOCK = 2,   /* nothing behind the instruction belongs to its block */
};

struct rv64_row_info {
    const char *name; /* as in the table, with _ for . */
    uint32_t mask, match;
    uint8_t format; /* enum rv64_format; of the expansion for 16-bit rows */
    uint8_t flags;  /* enum rv64_flags */
};
extern const struct rv64_row_info rv64_row_info[RV64_ROW_COUNT];
extern const char *const rv64_format_text[RV64_FORMAT_COUNT];

struct rv64_insn {
    uint32_t word; /* the instruction as a 32-bit word; undefined when illegal */
    uint16_t row;  /* enum rv64_row; RV64_ILLEGAL */
    uint8_t size;  /* bytes: 2 or 4 */
    uint8_t flags; /* enum rv64_flags */
};

/* True when the instruction that begins with this half-word has 32 bits. Longer ones are reserved:
 * they are taken as illegal 32-bit ones. */
static inline bool rv64_is_word(uint16_t half)
{
    return (half & 3) == 3;
}

static inline unsigned rv64_size(uint32_t bits)
{
    return 2u + 2u * rv64_is_word((uint16_t)bits);
}

/* bits: the instruction, upper half ignored when it is a 16-bit one. */
struct rv64_insn rv64_decode(uint32_t bits);

/* Decodes instructions that lie one behind the other, up to and with the first that ends a block,
 * but no more than max_insns, and none that may reach beyond the available bytes. Gives how many, and
 * their bytes in *ret_size_bytes. */
unsigned rv64_decode_run(const uint8_t *bytes, size_t available_bytes, unsigned max_insns,
                         struct rv64_insn *insns, size_t *ret_size_bytes);

/* The mnemonic of a row as the manual writes it ("fadd.s") into text, at least RV64_NAME_SIZE. */
enum { RV64_NAME_SIZE = 16 };
void rv64_row_name(unsigned row, char *text);

/* The coverage hook: rows are numbered [0, RV64_ROW_COUNT). Row of an instruction (of the 16-bit
 * form where it is one), or -1 when it is illegal. */
int rv64_row_of(uint32_t bits);

#endif
