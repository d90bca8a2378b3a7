/*
 * state_machine: scans program text twice, by nested switches and by a table.
 *
 * The switch form lives from branches and jump tables, the table form from dependent loads.
 * Both must see the same tokens.
 */
#include "bench/guest/kernel.h"

#define NAME "state_machine"

enum state {
    START,
    WORD,
    INTEGER,
    POINT,
    FRACTION,
    EXPONENT,
    EXPONENT_SIGN,
    EXPONENT_DIGITS,
    STRING,
    ESCAPE,
    SLASH,
    COMMENT,
    SIGN,
    INVALID,
    STATE_COUNT
};

enum { TEXT_BYTES = 40000, PASSES = 12, DAMAGE = 400 };

struct tally {
    uint32_t visits[STATE_COUNT];
    uint32_t tokens[STATE_COUNT]; /* by the state a token ended in */
};

static uint8_t text[TEXT_BYTES];
static uint8_t table[STATE_COUNT][256];

static int is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static int is_letter(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static enum state begin_token(uint8_t c)
{
    if (is_letter(c))
        return WORD;
    if (is_digit(c))
        return INTEGER;
    switch (c) {
    case ' ':
    case '\n':
    case ';':
    case ',':
        return START;
    case '.':
        return POINT;
    case '"':
        return STRING;
    case '/':
        return SLASH;
    case '+':
    case '-':
    case '*':
    case '=':
    case '<':
        return SIGN;
    default:
        return INVALID;
    }
}

static int is_separator(uint8_t c)
{
    return c == ' ' || c == '\n' || c == ';' || c == ',';
}

/* Stays, ends at a separator, or is damaged text. */
static enum state stay_or_end(int stays, enum state state, uint8_t c)
{
    if (stays)
        return state;
    return is_separator(c) ? START : INVALID;
}

static enum state step(enum state state, uint8_t c)
{
    switch (state) {
    case START:
        return begin_token(c);
    case WORD:
        return stay_or_end(is_letter(c) || is_digit(c), WORD, c);
    case INTEGER:
        if (c == '.')
            return FRACTION;
        return c == 'e' ? EXPONENT : stay_or_end(is_digit(c), INTEGER, c);
    case POINT:
        return is_digit(c) ? FRACTION : INVALID;
    case FRACTION:
        return c == 'e' ? EXPONENT : stay_or_end(is_digit(c), FRACTION, c);
    case EXPONENT:
        if (c == '+' || c == '-')
            return EXPONENT_SIGN;
        return is_digit(c) ? EXPONENT_DIGITS : INVALID;
    case EXPONENT_SIGN:
        return is_digit(c) ? EXPONENT_DIGITS : INVALID;
    case EXPONENT_DIGITS:
        return stay_or_end(is_digit(c), EXPONENT_DIGITS, c);
    case STRING:
        if (c == '\\')
            return ESCAPE;
        return c == '"' ? START : STRING;
    case ESCAPE:
        return STRING;
    case SLASH:
        return c == '/' ? COMMENT : stay_or_end(0, SLASH, c);
    case COMMENT:
        return c == '\n' ? START : COMMENT;
    case SIGN:
        return stay_or_end(c == '=', SIGN, c);
    case INVALID:
        return is_separator(c) ? START : INVALID;
    case STATE_COUNT:
        break;
    }
    return INVALID;
}

static void build_table(void)
{
    for (int state = 0; state < STATE_COUNT; state++) {
        for (int c = 0; c < 256; c++)
            table[state][c] = (uint8_t)step((enum state)state, (uint8_t)c);
    }
}

static void count_step(struct tally *tally, enum state before, enum state after)
{
    tally->visits[after]++;
    if (after == START)
        tally->tokens[before]++;
}

static void scan_by_switch(struct tally *tally)
{
    enum state state = START;
    for (size_t i = 0; i < TEXT_BYTES; i++) {
        enum state next = step(state, text[i]);
        count_step(tally, state, next);
        state = next;
    }
}

static void scan_by_table(struct tally *tally)
{
    enum state state = START;
    for (size_t i = 0; i < TEXT_BYTES; i++) {
        enum state next = (enum state)table[state][text[i]];
        count_step(tally, state, next);
        state = next;
    }
}

static void make_text(struct kernel_random *random)
{
    static const char *const pieces[] = {
        "while ",
        "count = ",
        "x1 ",
        "total += ",
        "3.14159;",
        "6.02e+23, ",
        "\"a\\\"b\"",
        "42 ",
        "/ 2;\n",
        "index ",
        "// to the end\n",
        "<= ",
        ".5e-3 ",
        "- ",
        "0;\n",
        "value_7, ",
        "\"longer string\"; ",
        "1e9\n",
    };
    const uint32_t piece_count = sizeof pieces / sizeof pieces[0];
    for (size_t length = 0; length < TEXT_BYTES;) {
        const char *piece = pieces[random_below(random, piece_count)];
        while (*piece != '\0' && length < TEXT_BYTES)
            text[length++] = (uint8_t)*piece++;
    }
}

static void damage_text(struct kernel_random *random)
{
    static const char letters[] = "e.+\"\n ;/0a#";
    for (int i = 0; i < DAMAGE; i++) {
        uint8_t letter = (uint8_t)letters[random_below(random, sizeof letters - 1)];
        text[random_below(random, TEXT_BYTES)] = letter;
    }
}

static uint64_t run(struct kernel_random *random, uint64_t checksum)
{
    make_text(random);
    for (int pass = 0; pass < PASSES; pass++) {
        struct tally by_switch = {{0}, {0}}, by_table = {{0}, {0}};
        scan_by_switch(&by_switch);
        scan_by_table(&by_table);
        if (memcmp(&by_switch, &by_table, sizeof by_switch) != 0)
            kernel_fail(NAME, "the two scanners disagree");
        for (int state = 0; state < STATE_COUNT; state++)
            checksum = checksum_add(checksum, (uint64_t)by_table.visits[state] << 32 |
                                                  by_table.tokens[state]);
        damage_text(random);
    }
    return checksum;
}

int main(int argc, char **argv)
{
    uint64_t size = kernel_size(argc, argv, NAME);
    struct kernel_random random = {1956};
    uint64_t checksum = 0;
    build_table();
    for (uint64_t unit = 0; unit < size; unit++)
        checksum = run(&random, checksum);
    return kernel_finish(NAME, checksum);
}
