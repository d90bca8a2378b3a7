/* The parser: reads one block in the form that print.c writes.
 *
 * Values may bear any names v0 to v65519, each defined once before it is used; what is printed back
 * counts them by position. `#` begins a comment. Only form is checked here, meaning is the
 * verifier's. */
#include "src/ir/text.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_WORD = 32 };

struct parser {
    const char *at;
    unsigned line;
    bool failed;
    struct error *err;
    struct ir_builder builder;
    ir_ref *value; /* reference of each value name, IR_NONE: not defined */
};

__attribute__((format(printf, 2, 3))) static void fail(struct parser *parser, const char *format,
                                                       ...)
{
    if (parser->failed)
        return;
    char text[160];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    error_set(parser->err, STATUS_BAD_FILE, "line %u: %s", parser->line, text);
    parser->failed = true;
}

/* ---- words and numbers ---- */
static void skip_blanks(struct parser *parser)
{
    while (*parser->at == ' ' || *parser->at == '\t')
        parser->at++;
    if (*parser->at == '#')
        parser->at += strcspn(parser->at, "\n");
}

/* Skips blank lines. */
static void skip_lines(struct parser *parser)
{
    skip_blanks(parser);
    while (*parser->at == '\n') {
        parser->at++;
        parser->line++;
        skip_blanks(parser);
    }
}

/* Skips the rest of this line, which must be blank, and blank lines after it. */
static void end_line(struct parser *parser)
{
    skip_blanks(parser);
    if (*parser->at && *parser->at != '\n')
        fail(parser, "'%.12s' is too much", parser->at);
    skip_lines(parser);
}

static bool accept(struct parser *parser, char c)
{
    skip_blanks(parser);
    if (*parser->at != c)
        return false;
    parser->at++;
    return true;
}

static void expect(struct parser *parser, char c)
{
    if (!accept(parser, c))
        fail(parser, "'%c' expected", c);
}

/* A word of letters, digits and underscores; empty when there is none. */
static void read_word(struct parser *parser, char word[MAX_WORD])
{
    skip_blanks(parser);
    unsigned length = 0;
    while (isalnum((unsigned char)*parser->at) || *parser->at == '_') {
        if (length == MAX_WORD - 1)
            fail(parser, "a word is too long");
        else
            word[length++] = *parser->at;
        parser->at++;
    }
    word[length] = '\0';
}

static void expect_word(struct parser *parser, const char *expected)
{
    char word[MAX_WORD];
    read_word(parser, word);
    if (strcmp(word, expected) != 0)
        fail(parser, "'%s' expected", expected);
}

/* Decimal or 0x, with a sign. */
static uint64_t read_number(struct parser *parser)
{
    skip_blanks(parser);
    char *end;
    errno = 0;
    bool is_negative = *parser->at == '-';
    const char *digits = parser->at + (is_negative || *parser->at == '+');
    if (!isdigit((unsigned char)*digits)) {
        fail(parser, "a number is expected");
        return 0;
    }
    uint64_t value = strtoull(digits, &end, 0);
    if (errno)
        fail(parser, "a number is too large");
    parser->at = end;
    return is_negative ? 0 - value : value;
}

static uint64_t read_name(struct parser *parser, const char *const *names, unsigned count,
                          const char *what)
{
    char word[MAX_WORD];
    read_word(parser, word);
    for (unsigned i = 0; i < count; i++)
        if (names[i] && strcmp(names[i], word) == 0)
            return i;
    fail(parser, "'%s' is no %s", word, what);
    return 0;
}

/* ---- operands ---- */

/* The number in a value's name. */
static unsigned read_value_name(struct parser *parser)
{
    expect(parser, 'v');
    if (!isdigit((unsigned char)*parser->at))
        fail(parser, "a value is expected");
    uint64_t number = parser->failed ? 0 : read_number(parser);
    if (number >= IR_MAX_INSNS)
        fail(parser, "v%lu is too large a name", (unsigned long)number);
    return parser->failed ? 0 : (unsigned)number;
}

static ir_ref read_value(struct parser *parser)
{
    unsigned number = read_value_name(parser);
    ir_ref ref = parser->value[number];
    if (ref == IR_NONE)
        fail(parser, "v%u is not defined before", number);
    return ref;
}

static uint16_t read_memop(struct parser *parser)
{
    char word[MAX_WORD];
    read_word(parser, word);
    static const char *const sizes[4] = {"8", "16", "32", "64"};
    unsigned size_log2 = 0;
    while (size_log2 < 4 && strcmp(sizes[size_log2], word + (*word != '\0')) != 0)
        size_log2++;
    if ((*word != 's' && *word != 'u') || size_log2 == 4) {
        fail(parser, "'%s' is no access (s or u, then 8, 16, 32 or 64)", word);
        return 0;
    }
    expect(parser, '@');
    uint64_t pc_offset = read_number(parser);
    if (pc_offset % 2 || pc_offset > IR_MAX_BLOCK_BYTES)
        fail(parser, "the offset of an instruction is even and at most %d", IR_MAX_BLOCK_BYTES);
    return parser->failed ? 0 : ir_memop(size_log2, *word == 's', (unsigned)pc_offset);
}

static uint64_t read_reg(struct parser *parser)
{
    bool is_float = accept(parser, 'f');
    if (!is_float)
        expect(parser, 'x');
    uint64_t number = read_number(parser);
    if (number >= 32)
        fail(parser, "a register number is below 32");
    return is_float ? IR_FIRST_FP_REG + number : number;
}

static uint64_t read_imm(struct parser *parser, enum ir_imm_kind kind)
{
    switch (kind) {
    case IR_IMM_NONE:
        return 0;
    case IR_IMM_REG:
        return read_reg(parser);
    case IR_IMM_VALUE:
    case IR_IMM_DISP:
    case IR_IMM_PC:
    case IR_IMM_FENCE:
        return read_number(parser);
    case IR_IMM_RM:
        return read_name(parser, ir_rounding_name, IR_ROUNDING_NAMES, "rounding mode");
    case IR_IMM_AMO:
        return read_name(parser, ir_amo_name, IR_AMO_COUNT, "atomic operation");
    case IR_IMM_COUNTER:
        return read_name(parser, ir_counter_name, IR_COUNTER_NAMES, "counter");
    case IR_IMM_BULK:
        return read_name(parser, ir_bulk_name, IR_BULK_COUNT, "bulk operation");
    case IR_IMM_LIBCALL:
        return read_name(parser, ir_libcall_name, IR_LIBCALL_COUNT, "library call");
    }
    return 0;
}

static ir_ref read_operand(struct parser *parser, enum ir_op op, char kind)
{
    if (kind == 'M')
        return read_memop(parser);
    if (kind == 'K' && ir_op_traps(op))
        return (ir_ref)read_name(parser, ir_trap_name, IR_TRAP_COUNT, "trap");
    if (kind == 'K')
        return (ir_ref)read_name(parser, ir_branch_name, IR_BRANCH_COUNT, "kind of branch");
    return read_value(parser);
}

/* ---- lines ---- */
static enum ir_op read_op(struct parser *parser)
{
    char word[MAX_WORD];
    read_word(parser, word);
    for (unsigned op = 0; op < IR_OP_COUNT; op++)
        if (strcmp(ir_op_info[op].name, word) == 0)
            return op;
    fail(parser, "'%s' is no operation", word);
    return 0;
}

static enum ir_type read_type(struct parser *parser)
{
    expect(parser, '.');
    return (enum ir_type)read_name(parser, ir_type_name, IR_TYPE_COUNT, "type");
}

static void read_operands(struct parser *parser, struct ir_insn *insn)
{
    const struct ir_op_info *info = &ir_op_info[insn->op];
    ir_ref *operand[3] = {&insn->a, &insn->b, &insn->c};
    bool is_first = true;
    for (unsigned i = 0; i < 3 && !parser->failed; i++) {
        if (info->operand[i] == '_')
            continue;
        if (!is_first)
            expect(parser, ',');
        is_first = false;
        *operand[i] = read_operand(parser, insn->op, info->operand[i]);
    }
    enum ir_imm_kind kind = ir_imm_kind(insn->op);
    if (kind != IR_IMM_NONE && !is_first)
        expect(parser, ',');
    insn->imm = read_imm(parser, kind);
}

static void read_insn(struct parser *parser)
{
    /* Every line that begins with v and a digit defines a value. */
    bool defines = *parser->at == 'v' && isdigit((unsigned char)parser->at[1]);
    unsigned name = 0;
    if (defines) {
        name = read_value_name(parser);
        if (parser->value[name] != IR_NONE)
            fail(parser, "v%u is defined twice", name);
        expect(parser, '=');
    }
    struct ir_insn insn = {.a = IR_NONE, .b = IR_NONE, .c = IR_NONE};
    insn.op = (uint8_t)read_op(parser);
    if (!parser->failed && defines != (ir_op_info[insn.op].result != 'V'))
        fail(parser, "%s %s", ir_op_info[insn.op].name,
             defines ? "gives no value" : "gives a value");
    if (defines)
        insn.type = (uint8_t)read_type(parser);
    read_operands(parser, &insn);
    if (parser->failed)
        return;
    ir_ref ref = ir_emit(&parser->builder, insn);
    if (defines)
        parser->value[name] = ref;
}

static void read_header(struct parser *parser, struct arena *arena)
{
    expect_word(parser, "block");
    uint64_t pc = read_number(parser);
    ir_builder_begin(&parser->builder, arena, pc, 0);
    struct ir_block *block = parser->builder.block;
    expect(parser, ',');
    block->guest_size_bytes = (uint32_t)read_number(parser);
    expect_word(parser, "bytes");
    expect(parser, ',');
    block->guest_length = (uint32_t)read_number(parser);
    expect_word(parser, "insns");
    expect(parser, ',');
    expect_word(parser, "mode");
    block->mode = (uint32_t)read_number(parser);
}

enum status ir_parse(const char *text, struct arena *arena, struct ir_block **ret_block,
                     struct error *err)
{
    struct parser parser = {.at = text, .line = 1, .err = err};
    parser.value = arena_alloc(arena, IR_MAX_INSNS * sizeof *parser.value);
    memset(parser.value, 0xff, IR_MAX_INSNS * sizeof *parser.value);
    skip_lines(&parser);
    read_header(&parser, arena);
    end_line(&parser);
    while (!parser.failed && *parser.at) {
        read_insn(&parser);
        end_line(&parser);
        if (parser.builder.failed)
            fail(&parser, "the block is too long");
    }
    if (parser.failed)
        return STATUS_BAD_FILE;
    *ret_block = parser.builder.block;
    return STATUS_OK;
}
