/* Random sequences. A sequence is a list of units: instructions from templates.def, and control
 * structures (branches, loops, calls, indirect jumps) around shorter lists. The lines of one unit
 * form one group.
 *
 * Invariants: the base register and the counters of open loops are never written; branches go
 * forward, except at the end of a counted loop; addresses are formed inside one group from the
 * base register. So every sequence ends, whatever its data and whatever groups are dropped. */
#include "tests/diff/sequence.h"
#include "tests/diff/state.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KINDS(KIND)                                                                                \
    KIND(INTEGER)                                                                                  \
    KIND(MULTIPLY)                                                                                 \
    KIND(BIT)                                                                                      \
    KIND(MEMORY)                                                                                   \
    KIND(ATOMIC)                                                                                   \
    KIND(SINGLE)                                                                                   \
    KIND(DOUBLE)                                                                                   \
    KIND(CSR)                                                                                      \
    KIND(COMPRESSED)                                                                               \
    KIND(COMPRESSED_BASE)                                                                          \
    KIND(COMPRESSED_SP)                                                                            \
    KIND(COMPRESSED_FREE_SP)                                                                       \
    KIND(LEAVE)

enum kind {
#define KIND(name) KIND_##name,
    KINDS(KIND)
#undef KIND
    KIND_COUNT,
};

static const struct unit {
    enum kind kind;
    unsigned weight;
    const char *text;
} units[] = {
#define TEMPLATE(kind, weight, text) {KIND_##kind, weight, text},
#include "tests/diff/templates.def"
#undef TEMPLATE
};
enum { UNIT_COUNT = sizeof units / sizeof units[0] };

/* What sequences are made of: how often in a hundred a unit is a control structure, and weights of
 * the kinds of the others. */
static const struct profile {
    unsigned control_percent;
    unsigned weight[KIND_COUNT];
} profiles[] = {
    /* clang-format off */
    /*    INT MUL BIT MEM ATO SNG DBL CSR  C  CB CSP FSP LEAVE */
    {12, { 10,  3,  5,  6,  1,  4,  4,  1, 5,  2,  2,  1,  0}}, /* of everything */
    { 0, { 10,  3,  5,  6,  1,  4,  4,  1, 5,  2,  2,  1,  0}}, /* the same in one block */
    {20, { 16,  3,  4,  4,  0,  0,  0,  0, 6,  1,  1,  1,  0}}, /* branches */
    { 0, { 12,  6, 12,  2,  0,  0,  0,  0, 6,  0,  0,  1,  0}}, /* integer arithmetic */
    { 6, {  4,  0,  1, 20,  4,  2,  2,  0, 4,  4,  4,  1,  0}}, /* memory */
    { 6, {  2,  0,  0,  1,  0, 24,  2,  2, 0,  1,  1,  0,  0}}, /* single */
    { 6, {  2,  0,  0,  1,  0,  2, 24,  2, 0,  1,  1,  0,  0}}, /* double */
    { 3, {  1,  0,  0,  1,  0, 12, 12,  4, 0,  0,  0,  0,  0}}, /* both, and fcsr */
    {14, {  8,  2,  2,  6,  2,  3,  3,  2, 4,  1,  1,  1,  2}}, /* with exits to the emulator */
    /* clang-format on */
};
enum { PROFILE_COUNT = sizeof profiles / sizeof profiles[0] };

enum { FOCUS_COUNT = 6, FOCUS_PERCENT = 70, REGISTER_SP = 2, REGISTER_A0 = 10, REGISTER_A7 = 17 };
enum { REGISTER_RA = 1, MAX_DEPTH = 3, NO_REGISTER = 32 };

struct generator {
    struct random random;
    struct sequence *sequence;
    const struct profile *profile;
    unsigned number; /* of the sequence, for its labels */
    unsigned label_count;
    uint32_t reserved;          /* integer registers that must not be written */
    uint8_t focus[FOCUS_COUNT]; /* registers used more often, so that values meet */
    bool has_long_loop;
};

/* ---- lines ---- */

static unsigned new_group(struct generator *gen)
{
    return gen->sequence->group_count++;
}

static void add_line(struct generator *gen, unsigned group, const char *text)
{
    struct sequence *sequence = gen->sequence;
    if (sequence->line_count == sequence->line_capacity) {
        sequence->line_capacity = sequence->line_capacity ? 2 * sequence->line_capacity : 64;
        sequence->lines =
            realloc(sequence->lines, sequence->line_capacity * sizeof *sequence->lines);
        if (!sequence->lines)
            abort();
    }
    struct sequence_line *line = &sequence->lines[sequence->line_count++];
    size_t length = strlen(text);
    if (length >= sizeof line->text)
        abort();
    memcpy(line->text, text, length + 1);
    line->group = group;
    line->is_instruction = text[0] != '.';
}

__attribute__((format(printf, 3, 4))) static void add_format(struct generator *gen, unsigned group,
                                                             const char *format, ...)
{
    char text[128];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    add_line(gen, group, text);
}

struct label {
    char name[24];
};

static struct label new_label(struct generator *gen)
{
    struct label label;
    snprintf(label.name, sizeof label.name, ".L%u_%u", gen->number, gen->label_count++);
    return label;
}

static void place_label(struct generator *gen, unsigned group, const struct label *label)
{
    add_format(gen, group, "%s:", label->name);
}

/* ---- operands ---- */

static unsigned source_x(struct generator *gen)
{
    if (random_chance(&gen->random, FOCUS_PERCENT))
        return gen->focus[random_below(&gen->random, FOCUS_COUNT)];
    return random_below(&gen->random, 32);
}

static unsigned destination_x(struct generator *gen, unsigned except)
{
    if (random_chance(&gen->random, 5))
        return 0;
    for (;;) {
        unsigned x = source_x(gen);
        if (x && x != except && !(gen->reserved >> x & 1))
            return x;
    }
}

static unsigned destination_not_zero(struct generator *gen, unsigned except)
{
    unsigned x;
    do
        x = destination_x(gen, except);
    while (x == 0);
    return x;
}

/* Of x8-x15; there is always one that is not reserved. */
static unsigned destination_compressed(struct generator *gen)
{
    unsigned x;
    do
        x = 8 + random_below(&gen->random, 8);
    while (gen->reserved >> x & 1);
    return x;
}

static unsigned float_register(struct generator *gen, bool is_single)
{
    unsigned limit = random_chance(&gen->random, 60) ? 5 : FIRST_SINGLE_REGISTER;
    if (random_chance(&gen->random, 5))
        is_single = !is_single;
    return random_below(&gen->random, limit) + (is_single ? FIRST_SINGLE_REGISTER : 0);
}

/* An offset from the base register for an access of `size` bytes. */
static int window_offset(struct generator *gen, int size, bool is_aligned)
{
    int offset = random_between(&gen->random, -WINDOW_BELOW_BASE, WINDOW_ABOVE_BASE - size);
    /* the page boundary lies PAGE_FROM_BASE above the base */
    if (random_chance(&gen->random, 5))
        offset = 64 - random_between(&gen->random, 0, size);
    return is_aligned || random_chance(&gen->random, 75) ? offset & -size : offset;
}

static int nonzero_between(struct generator *gen, int first, int last)
{
    int number;
    do
        number = random_between(&gen->random, first, last);
    while (number == 0);
    return number;
}

static const char *rounding_mode(struct generator *gen)
{
    static const char *const modes[] = {"rne", "rtz", "rdn", "rup", "rmm"};
    return random_chance(&gen->random, 50) ? "dyn" : modes[random_below(&gen->random, 5)];
}

static const char *atomic_order(struct generator *gen, char letter)
{
    static const char *const orders[] = {"", ".aq", ".rl", ".aqrl"};
    unsigned order = random_below(&gen->random, 4);
    if ((letter == 'L' && order == 2) || (letter == 'X' && order == 1))
        order = 3; /* the manual wants no .rl alone on lr, and no .aq alone on sc */
    return orders[order];
}

/* A value for fcsr: valid rounding mode, any flags, rubbish where the register has no bits. */
static uint64_t fcsr_value(struct generator *gen)
{
    uint64_t rubbish = random_chance(&gen->random, 30) ? random_bits(&gen->random) << 8 : 0;
    return rubbish | random_below(&gen->random, 5) << 5 | random_below(&gen->random, 32);
}

/* The registers that %t and %j stand for in one text, NO_REGISTER before their first use. */
struct temporaries {
    unsigned t, j;
};

static unsigned temporary_x(struct generator *gen, unsigned *temporary, unsigned except)
{
    if (*temporary == NO_REGISTER)
        *temporary = destination_not_zero(gen, except);
    return *temporary;
}

/* Writes the operand that `letter` (and for offsets the digit after it) stands for. */
static int format_operand(struct generator *gen, char *out, size_t size, const char *letter,
                          struct temporaries *temporaries)
{
    struct random *random = &gen->random;
    int digit = letter[1] >= '1' && letter[1] <= '8' ? letter[1] - '0' : 1;
    switch (*letter) {
    case 'd':
    case 'e':
        return snprintf(out, size, "%s", x_register_name[destination_x(gen, temporaries->t)]);
    case 'x':
        return snprintf(out, size, "%s",
                        x_register_name[destination_not_zero(gen, temporaries->t)]);
    case 's':
        return snprintf(out, size, "%s", x_register_name[source_x(gen)]);
    case 'y': {
        unsigned x = source_x(gen);
        return snprintf(out, size, "%s", x_register_name[x ? x : REGISTER_A0]);
    }
    case 'b':
        return snprintf(out, size, "%s", x_register_name[gen->sequence->base]);
    case 't':
        return snprintf(out, size, "%s",
                        x_register_name[temporary_x(gen, &temporaries->t, NO_REGISTER)]);
    case 'j':
        return snprintf(out, size, "%s",
                        x_register_name[temporary_x(gen, &temporaries->j, temporaries->t)]);
    case 'c':
        return snprintf(out, size, "%s", x_register_name[destination_compressed(gen)]);
    case 'C':
        return snprintf(out, size, "%s", x_register_name[8 + random_below(random, 8)]);
    case 'D':
    case 'S':
        return snprintf(out, size, "%s", f_register_name[float_register(gen, false)]);
    case 'G':
    case 'F':
        return snprintf(out, size, "%s", f_register_name[float_register(gen, true)]);
    case 'E':
    case 'T':
        return snprintf(out, size, "%s", f_register_name[8 + random_below(random, 8)]);
    case 'm':
        return snprintf(out, size, "%d", window_offset(gen, digit, false));
    case 'a':
        return snprintf(out, size, "%d", window_offset(gen, digit, true));
    case 'n':
        return snprintf(out, size, "%d", random_between(random, -WINDOW_BELOW_BASE, 120));
    case 'p':
        return snprintf(out, size, "%d", random_between(random, 0, 31) * digit);
    case 'q':
        return snprintf(out, size, "%d",
                        random_between(random, 0, (digit == 4 ? 252 : 376) / digit) * digit);
    case 'i':
        return snprintf(out, size, "%d", random_between(random, -2048, 2047));
    case 'u':
        return snprintf(out, size, "%u",
                        random_chance(random, 30) ? 0x80000u : random_below(random, 1u << 20));
    case 'v':
        return snprintf(out, size, "0x%" PRIx64, value_integer(random));
    case 'w':
        return snprintf(out, size, "%u", random_below(random, 32));
    case '5':
        return snprintf(out, size, "%u", random_below(random, 32));
    case '6':
        return snprintf(out, size, "%u", random_below(random, 64));
    case '7':
        return snprintf(out, size, "%d", random_between(random, 1, 63));
    case 'z':
        return snprintf(out, size, "%d", nonzero_between(gen, -32, 31));
    case 'Z':
        return snprintf(out, size, "%d", random_between(random, -32, 31));
    case 'h':
        return snprintf(out, size, "%d", nonzero_between(gen, -32, 31) & 0xfffff);
    case 'k':
        return snprintf(out, size, "%d", nonzero_between(gen, -32, 31) * 16);
    case 'o':
        return snprintf(out, size, "%d", random_between(random, 1, 255) * 4);
    case 'g':
        return snprintf(out, size, "%u", random_below(random, 5));
    case 'f':
        return snprintf(out, size, "0x%" PRIx64, fcsr_value(gen));
    case 'r':
        return snprintf(out, size, "%s", rounding_mode(gen));
    case 'A':
    case 'L':
    case 'X':
        return snprintf(out, size, "%s", atomic_order(gen, *letter));
    }
    fprintf(stderr, "diff: templates.def: unknown operand %%%c\n", *letter);
    abort();
}

/* Expands one template into a group of its own. */
static void expand(struct generator *gen, const char *text)
{
    unsigned group = new_group(gen);
    struct temporaries temporaries = {NO_REGISTER, NO_REGISTER};
    char line[128];
    size_t length = 0;
    for (;; text++) {
        if (*text == '%') {
            text++;
            length += (size_t)format_operand(gen, line + length, sizeof line - length, text,
                                             &temporaries);
            if (strchr("mapq", *text))
                text++; /* the size */
        } else if (*text && *text != '\n') {
            line[length++] = *text;
        } else {
            line[length] = '\0';
            add_line(gen, group, line);
            length = 0;
            if (!*text)
                return;
        }
    }
}

/* ---- plain units ---- */

static bool is_possible(const struct generator *gen, enum kind kind)
{
    const struct sequence *sequence = gen->sequence;
    bool is_sp_reserved = gen->reserved >> REGISTER_SP & 1;
    switch (kind) {
    case KIND_INTEGER:
    case KIND_MULTIPLY:
    case KIND_BIT:
    case KIND_MEMORY:
    case KIND_ATOMIC:
    case KIND_SINGLE:
    case KIND_DOUBLE:
    case KIND_CSR:
        return true;
    case KIND_COMPRESSED:
        return sequence->has_compressed;
    case KIND_COMPRESSED_BASE:
        return sequence->has_compressed && sequence->base >= 8 && sequence->base < 16;
    case KIND_COMPRESSED_SP:
        return sequence->has_compressed && sequence->base == REGISTER_SP;
    case KIND_COMPRESSED_FREE_SP:
        return sequence->has_compressed && !is_sp_reserved;
    case KIND_LEAVE:
        return !(gen->reserved & (1u << REGISTER_A0 | 1u << REGISTER_A7));
    case KIND_COUNT:
        break;
    }
    return false;
}

static enum kind choose_kind(struct generator *gen)
{
    unsigned total = 0;
    for (unsigned i = 0; i < KIND_COUNT; i++)
        if (is_possible(gen, (enum kind)i))
            total += gen->profile->weight[i];
    unsigned choice = random_below(&gen->random, total);
    for (unsigned i = 0;; i++) {
        if (!is_possible(gen, (enum kind)i))
            continue;
        if (choice < gen->profile->weight[i])
            return (enum kind)i;
        choice -= gen->profile->weight[i];
    }
}

static void generate_plain(struct generator *gen)
{
    enum kind kind = choose_kind(gen);
    unsigned total = 0;
    for (unsigned i = 0; i < UNIT_COUNT; i++)
        total += units[i].kind == kind ? units[i].weight : 0;
    unsigned choice = random_below(&gen->random, total);
    for (unsigned i = 0;; i++) {
        if (units[i].kind != kind)
            continue;
        if (choice < units[i].weight) {
            expand(gen, units[i].text);
            return;
        }
        choice -= units[i].weight;
    }
}

/* ---- control structures ---- */

static void generate_units(struct generator *gen, unsigned count, unsigned depth);

static unsigned body_length(struct generator *gen)
{
    return 1 + random_below(&gen->random, 6);
}

/* A register that stays untouched while it is reserved; NO_REGISTER when they run short. */
static unsigned reserve(struct generator *gen, unsigned wanted)
{
    if (__builtin_popcount(gen->reserved) > 6)
        return NO_REGISTER;
    /* x8-x15 are left to the compressed forms */
    while (wanted == 0 || (wanted >= 8 && wanted < 16) || gen->reserved >> wanted & 1)
        wanted = 1 + random_below(&gen->random, 31);
    gen->reserved |= 1u << wanted;
    return wanted;
}

static void release(struct generator *gen, unsigned x)
{
    gen->reserved &= ~(1u << x);
}

static const char *const branches[] = {"beq", "bne", "blt", "bge", "bltu", "bgeu"};

/* A comparison into a register and a branch on that. */
static void add_compared_branch(struct generator *gen, unsigned group, const struct label *label)
{
    static const struct {
        const char *mnemonic;
        bool is_float, is_single;
    } comparisons[] = {{"slt", false, false},  {"sltu", false, false}, {"bext", false, false},
                       {"and", false, false},  {"subw", false, false}, {"feq.d", true, false},
                       {"flt.d", true, false}, {"fle.d", true, false}, {"flt.s", true, true}};
    unsigned choice = random_below(&gen->random, sizeof comparisons / sizeof comparisons[0]);
    bool is_single = comparisons[choice].is_single;
    const char *result = x_register_name[destination_not_zero(gen, NO_REGISTER)];
    const char *a, *b;
    if (comparisons[choice].is_float) {
        a = f_register_name[float_register(gen, is_single)];
        b = f_register_name[float_register(gen, is_single)];
    } else {
        a = x_register_name[source_x(gen)];
        b = x_register_name[source_x(gen)];
    }
    add_format(gen, group, "%s %s, %s, %s", comparisons[choice].mnemonic, result, a, b);
    add_format(gen, group, "%s %s, %s", random_chance(&gen->random, 50) ? "beqz" : "bnez", result,
               label->name);
}

static void add_branch(struct generator *gen, unsigned group, const struct label *label)
{
    if (random_chance(&gen->random, 30)) {
        add_compared_branch(gen, group, label);
        return;
    }
    add_format(gen, group, "%s %s, %s, %s", branches[random_below(&gen->random, 6)],
               x_register_name[source_x(gen)], x_register_name[source_x(gen)], label->name);
}

static void generate_if(struct generator *gen, unsigned depth)
{
    unsigned group = new_group(gen);
    struct label over = new_label(gen);
    if (gen->sequence->has_compressed && random_chance(&gen->random, 30))
        add_format(gen, group, "%s %s, %s", random_chance(&gen->random, 50) ? "beqz" : "bnez",
                   x_register_name[8 + random_below(&gen->random, 8)], over.name);
    else
        add_branch(gen, group, &over);
    generate_units(gen, body_length(gen), depth + 1);
    place_label(gen, group, &over);
}

static void generate_if_else(struct generator *gen, unsigned depth)
{
    unsigned group = new_group(gen);
    struct label other = new_label(gen), over = new_label(gen);
    add_branch(gen, group, &other);
    generate_units(gen, body_length(gen), depth + 1);
    add_format(gen, group, "j %s", over.name);
    place_label(gen, group, &other);
    generate_units(gen, body_length(gen), depth + 1);
    place_label(gen, group, &over);
}

/* A counted loop; now and then one that runs longer than tier 2's polls are apart. */
static void generate_loop(struct generator *gen, unsigned depth)
{
    unsigned counter = reserve(gen, 0);
    if (counter == NO_REGISTER)
        return;
    unsigned group = new_group(gen);
    struct label head = new_label(gen);
    bool is_long = depth == 0 && !gen->has_long_loop && random_chance(&gen->random, 15);
    unsigned turns =
        is_long ? 250 + random_below(&gen->random, 300) : 1 + random_below(&gen->random, 8);
    const char *name = x_register_name[counter];
    bool is_up = random_chance(&gen->random, 30);
    gen->has_long_loop |= is_long;
    add_format(gen, group, "li %s, %d", name, is_up ? -(int)turns : (int)turns);
    place_label(gen, group, &head);
    generate_units(gen, body_length(gen), is_long ? MAX_DEPTH : depth + 1);
    add_format(gen, group, "addi %s, %s, %d", name, name, is_up ? 1 : -1);
    const char *branch = random_chance(&gen->random, 60) ? "bnez" : is_up ? "bltz" : "bgtz";
    add_format(gen, group, "%s %s, %s", branch, name, head.name);
    release(gen, counter);
}

/* A jump over instructions that are never executed, one of them illegal. */
static void generate_jump(struct generator *gen)
{
    unsigned group = new_group(gen);
    struct label over = new_label(gen);
    bool is_indirect = random_chance(&gen->random, 40);
    const char *link = x_register_name[destination_x(gen, NO_REGISTER)];
    if (is_indirect) {
        const char *pointer = x_register_name[destination_not_zero(gen, NO_REGISTER)];
        add_format(gen, group, "lla %s, %s", pointer, over.name);
        /* bit 0 of the sum is cleared */
        add_format(gen, group, "jalr %s, %u(%s)", link, random_below(&gen->random, 2), pointer);
    } else {
        add_format(gen, group, "jal %s, %s", link, over.name);
    }
    if (random_chance(&gen->random, 40))
        add_line(gen, group, "unimp");
    generate_plain(gen);
    place_label(gen, group, &over);
}

/* A function that is called once or twice, or from a loop around it, and returns. */
static void generate_call(struct generator *gen, unsigned depth)
{
    static const unsigned links[] = {REGISTER_RA, REGISTER_RA, REGISTER_RA, 5, 7, 28};
    unsigned wanted = links[random_below(&gen->random, 6)];
    if (gen->reserved >> wanted & 1)
        return;
    unsigned link = reserve(gen, wanted);
    if (link == NO_REGISTER)
        return;
    unsigned group = new_group(gen);
    struct label function = new_label(gen), over = new_label(gen);
    bool is_twice = random_chance(&gen->random, 50);
    add_format(gen, group, "jal %s, %s", x_register_name[link], function.name);
    generate_units(gen, 1 + random_below(&gen->random, 2), MAX_DEPTH);
    if (is_twice) {
        unsigned pointer = link;
        if (random_chance(&gen->random, 50))
            pointer = destination_not_zero(gen, NO_REGISTER);
        add_format(gen, group, "lla %s, %s", x_register_name[pointer], function.name);
        if (link == REGISTER_RA) /* the only link of the 16-bit form */
            add_format(gen, group, "jalr %s", x_register_name[pointer]);
        else
            add_format(gen, group, "jalr %s, 0(%s)", x_register_name[link],
                       x_register_name[pointer]);
    }
    add_format(gen, group, "j %s", over.name);
    place_label(gen, group, &function);
    generate_units(gen, body_length(gen), depth + 1);
    add_format(gen, group, "jr %s", x_register_name[link]);
    place_label(gen, group, &over);
    release(gen, link);
}

/* A jump through a computed address into a table of four jumps. */
static void generate_switch(struct generator *gen, unsigned depth)
{
    unsigned group = new_group(gen);
    struct label table = new_label(gen), over = new_label(gen);
    struct label cases[4];
    const char *index = x_register_name[destination_not_zero(gen, NO_REGISTER)];
    const char *pointer;
    do
        pointer = x_register_name[destination_not_zero(gen, NO_REGISTER)];
    while (pointer == index);
    add_format(gen, group, "andi %s, %s, 3", index, x_register_name[source_x(gen)]);
    add_format(gen, group, "lla %s, %s", pointer, table.name);
    add_format(gen, group, "sh2add %s, %s, %s", pointer, index, pointer);
    add_format(gen, group, "jr %s", pointer);
    add_line(gen, group, ".option push");
    add_line(gen, group, ".option norvc");
    place_label(gen, group, &table);
    for (unsigned i = 0; i < 4; i++) {
        cases[i] = new_label(gen);
        add_format(gen, group, "j %s", cases[i].name);
    }
    add_line(gen, group, ".option pop");
    for (unsigned i = 0; i < 4; i++) {
        place_label(gen, group, &cases[i]);
        generate_units(gen, 1 + random_below(&gen->random, 2), depth + 1);
        if (random_chance(&gen->random, 80))
            add_format(gen, group, "j %s", over.name);
    }
    place_label(gen, group, &over);
}

static void generate_control(struct generator *gen, unsigned depth)
{
    switch (random_below(&gen->random, 9)) {
    case 0:
    case 1:
        generate_if(gen, depth);
        return;
    case 2:
        generate_if_else(gen, depth);
        return;
    case 3:
    case 4:
    case 5:
        generate_loop(gen, depth);
        return;
    case 6:
        generate_jump(gen);
        return;
    case 7:
        generate_call(gen, depth);
        return;
    case 8:
        generate_switch(gen, depth);
        return;
    }
}

static void generate_units(struct generator *gen, unsigned count, unsigned depth)
{
    for (unsigned i = 0; i < count; i++) {
        if (depth < MAX_DEPTH && random_chance(&gen->random, gen->profile->control_percent))
            generate_control(gen, depth);
        else
            generate_plain(gen);
    }
}

/* ---- sequences ---- */

static unsigned choose_base(struct random *random)
{
    unsigned choice = random_below(random, 100);
    return choice < 25   ? REGISTER_SP
           : choice < 75 ? 8 + random_below(random, 8)
                         : 1 + random_below(random, 31);
}

void sequence_generate(struct sequence *sequence, uint64_t seed, unsigned number, unsigned length)
{
    struct generator gen = {.random = {seed}, .sequence = sequence, .number = number};
    *sequence = (struct sequence){0};
    gen.profile = &profiles[random_below(&gen.random, PROFILE_COUNT)];
    sequence->base = choose_base(&gen.random);
    sequence->has_compressed = random_chance(&gen.random, 70);
    gen.reserved = 1u << sequence->base;
    for (unsigned i = 0; i < FOCUS_COUNT; i++)
        gen.focus[i] = (uint8_t)(random_chance(&gen.random, 50) ? 8 + random_below(&gen.random, 8)
                                                                : random_below(&gen.random, 32));
    while (sequence_length(sequence) < length)
        generate_units(&gen, 1, 0);
    sequence->is_dropped = calloc(sequence->group_count, sizeof *sequence->is_dropped);
    if (!sequence->is_dropped)
        abort();
}

void sequence_fini(struct sequence *sequence)
{
    free(sequence->lines);
    free(sequence->is_dropped);
    *sequence = (struct sequence){0};
}

unsigned sequence_length(const struct sequence *sequence)
{
    unsigned length = 0;
    for (size_t i = 0; i < sequence->line_count; i++) {
        const struct sequence_line *line = &sequence->lines[i];
        if (line->is_instruction && !(sequence->is_dropped && sequence->is_dropped[line->group]))
            length++;
    }
    return length;
}
