/* The disassembler: a row's mnemonic and the operands that its format's text names.
 *
 * 16-bit instructions are shown as the 32-bit ones they stand for; no pseudo-instructions. */
#include "src/guest/riscv64/decode.h"
#include "src/guest/riscv64/encoding.h"
#include "src/guest/riscv64/riscv64.h"

#include <inttypes.h>
#include <stdarg.h>

/* Text being written; what does not fit is left out. */
struct text {
    char *at;
    size_t left;
};

__attribute__((format(printf, 2, 3))) static void put(struct text *text, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int length = vsnprintf(text->at, text->left, format, args);
    va_end(args);
    size_t used = (size_t)length < text->left ? (size_t)length : text->left - (text->left > 0);
    text->at += used;
    text->left -= used;
}

static const char *x_name(unsigned reg)
{
    return guest_riscv64.reg_name[reg];
}

static const char *f_name(unsigned reg)
{
    return guest_riscv64.reg_name[IR_FIRST_FP_REG + reg];
}

static void put_csr(struct text *text, unsigned csr)
{
    switch (csr) {
#define RV64_CSR(name, number)                                                                     \
    case number:                                                                                   \
        put(text, #name);                                                                          \
        return;
        RV64_CSRS(RV64_CSR)
#undef RV64_CSR
    }
    put(text, "0x%x", csr);
}

/* A set of a fence: device input, device output, memory reads, memory writes. */
static void put_fence_set(struct text *text, unsigned set)
{
    static const char letter[] = "iorw";
    if (set == 0)
        put(text, "unknown");
    for (unsigned i = 0; i < 4; i++)
        if (set & 8 >> i)
            put(text, "%c", letter[i]);
}

static void put_rounding(struct text *text, unsigned rounding, unsigned implied)
{
    static const char *const name[8] = {"rne", "rtz", "rdn", "rup", "rmm", "5", "6", "dyn"};
    if (rounding != implied)
        put(text, ",%s", name[rounding]);
}

static void put_order(struct text *text, uint32_t word)
{
    static const char *const suffix[4] = {"", ".rl", ".aq", ".aqrl"};
    put(text, "%s", suffix[word >> 25 & 3]);
}

/* One letter of a format's text (formats.def). */
static void put_field(struct text *text, char letter, uint32_t word, uint64_t pc)
{
    switch (letter) {
    /* clang-format off */
    case 'd': put(text, "%s", x_name(rv64_rd(word))); break;
    case 's': put(text, "%s", x_name(rv64_rs1(word))); break;
    case 't': put(text, "%s", x_name(rv64_rs2(word))); break;
    case 'D': put(text, "%s", f_name(rv64_rd(word))); break;
    case 'S': put(text, "%s", f_name(rv64_rs1(word))); break;
    case 'T': put(text, "%s", f_name(rv64_rs2(word))); break;
    case 'R': put(text, "%s", f_name(rv64_rs3(word))); break;
    case 'i': put(text, "%" PRId64, rv64_imm_i(word)); break;
    case 'o': put(text, "%" PRId64, rv64_imm_s(word)); break;
    case 'u': put(text, "0x%x", word >> 12); break;
    case 'b': put(text, "0x%" PRIx64, pc + (uint64_t)rv64_imm_b(word)); break;
    case 'j': put(text, "0x%" PRIx64, pc + (uint64_t)rv64_imm_j(word)); break;
    case '>': put(text, "0x%x", rv64_shamt(word)); break;
    case '<': put(text, "0x%x", rv64_shamt(word) & 31); break;
    case 'c': put_csr(text, rv64_csr(word)); break;
    case 'z': put(text, "%u", rv64_rs1(word)); break;
    case 'P': put_fence_set(text, word >> 24 & 15); break;
    case 'Q': put_fence_set(text, word >> 20 & 15); break;
    case 'm': put_rounding(text, rv64_rounding(word), IR_RM_HOST); break;
    case 'M': put_rounding(text, rv64_rounding(word), IR_RM_RNE); break;
    default: put(text, "%c", letter); break;
        /* clang-format on */
    }
}

static void put_insn(struct text *text, unsigned row, uint32_t word, uint64_t pc)
{
    char name[RV64_NAME_SIZE];
    rv64_row_name(row, name);
    put(text, "%s", name);
    const char *operand = rv64_format_text[rv64_row_info[row].format];
    if (*operand == '&') {
        put_order(text, word);
        operand++;
    }
    if (*operand != 0)
        put(text, " ");
    for (; *operand != 0; operand++)
        put_field(text, *operand, word, pc);
}

unsigned rv64_disassemble(const uint8_t *bytes, size_t available_bytes, uint64_t pc, char *text,
                          size_t text_size)
{
    struct text out = {text, text_size};
    if (available_bytes < 2)
        return 0;
    uint32_t bits = (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8;
    if (rv64_is_word((uint16_t)bits)) {
        if (available_bytes < 4)
            return 0;
        bits |= (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
    }
    struct rv64_insn insn = rv64_decode(bits);
    if (insn.row != RV64_ILLEGAL)
        put_insn(&out, insn.row, insn.word, pc);
    else
        put(&out, insn.size == 2 ? ".half 0x%04x" : ".word 0x%08x", bits);
    return insn.size;
}
