/* The parser of instruction cases (case.h). */
#include "tests/insn/case.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const case_trap_name[CASE_TRAP_COUNT] = {
    "breakpoint", "illegal", "fetch", "access", "misaligned", "ecall",
};

static const char *const place_name[PLACE_COUNT] = {"", "mem", "at", "next", "taken", "back"};

uint64_t case_default_reg(unsigned reg)
{
    return reg == 0 ? 0 : UINT64_C(0xa5a50000c3c30000) + reg * UINT64_C(0x0000010100000101);
}

static bool parse_number(const char *text, uint64_t *ret_number)
{
    char *end;
    errno = 0;
    *ret_number = *text == '-' ? (uint64_t)strtoll(text, &end, 0) : strtoull(text, &end, 0);
    return errno == 0 && end != text && *end == 0;
}

static bool parse_single(const char *text, uint64_t *ret_bits)
{
    bool is_negative = *text == '-';
    const char *magnitude = text + is_negative;
    uint64_t bits;
    if (strcmp(magnitude, "nan") == 0) {
        bits = 0x7fc00000;
    } else if (strcmp(magnitude, "snan") == 0) {
        bits = 0x7f800001;
    } else if (strncmp(text, "0x", 2) == 0 && !strchr(text, 'p')) {
        if (!parse_number(text, &bits) || bits >> 32 != 0)
            return false;
    } else {
        char *end;
        float value = strtof(magnitude, &end);
        uint32_t word;
        memcpy(&word, &value, sizeof word);
        bits = word;
        if (end == magnitude || *end != 0)
            return false;
    }
    *ret_bits = UINT64_C(0xffffffff00000000) | bits | (uint64_t)is_negative << 31;
    return true;
}

static bool parse_double(const char *text, uint64_t *ret_bits)
{
    bool is_negative = *text == '-';
    const char *magnitude = text + is_negative;
    if (strcmp(magnitude, "nan") == 0) {
        *ret_bits = UINT64_C(0x7ff8000000000000);
    } else if (strcmp(magnitude, "snan") == 0) {
        *ret_bits = UINT64_C(0x7ff0000000000001);
    } else if (strncmp(text, "0x", 2) == 0 && !strchr(text, 'p')) {
        if (!parse_number(text, ret_bits))
            return false;
    } else {
        char *end;
        double value = strtod(magnitude, &end);
        memcpy(ret_bits, &value, sizeof value);
        if (end == magnitude || *end != 0)
            return false;
    }
    *ret_bits |= (uint64_t)is_negative << 63;
    return true;
}

static bool parse_value(const char *text, struct case_value *ret_value)
{
    ret_value->place = PLACE_NONE;
    if (strncmp(text, "s:", 2) == 0)
        return parse_single(text + 2, &ret_value->number);
    if (strncmp(text, "d:", 2) == 0)
        return parse_double(text + 2, &ret_value->number);
    for (unsigned place = PLACE_MEM; place < PLACE_COUNT; place++) {
        size_t length = strlen(place_name[place]);
        if (strncmp(text, place_name[place], length) != 0)
            continue;
        ret_value->place = (enum case_place)place;
        ret_value->number = 0;
        const char *rest = text + length;
        return *rest == 0 || ((*rest == '+' || *rest == '-') &&
                              parse_number(rest + (*rest == '+'), &ret_value->number));
    }
    return parse_number(text, &ret_value->number);
}

static bool parse_fflags(char *text, unsigned *ret_flags)
{
    static const char *const name[] = {"NX", "UF", "OF", "DZ", "NV"};
    *ret_flags = 0;
    if (strcmp(text, "0") == 0)
        return true;
    char *save;
    for (char *word = strtok_r(text, "+", &save); word; word = strtok_r(NULL, "+", &save)) {
        unsigned bit = 0;
        while (bit < 5 && strcmp(word, name[bit]) != 0)
            bit++;
        if (bit == 5)
            return false;
        *ret_flags |= 1u << bit;
    }
    return true;
}

static bool parse_mem(const char *name, const char *value, uint8_t mem[CASE_MEM_BYTES])
{
    uint64_t offset = 0;
    if (name[3] != 0 && (name[3] != '+' || !parse_number(name + 4, &offset)))
        return false;
    for (; *value != 0; value += 2, offset++) {
        unsigned byte;
        if (offset >= CASE_MEM_BYTES || !isxdigit((unsigned char)value[0]) ||
            !isxdigit((unsigned char)value[1]) || sscanf(value, "%2x", &byte) != 1)
            return false;
        mem[offset] = (uint8_t)byte;
    }
    return true;
}

static bool parse_trap(const char *text, struct case_state *state)
{
    for (unsigned trap = 0; trap < CASE_TRAP_COUNT; trap++) {
        if (strcmp(text, case_trap_name[trap]) != 0)
            continue;
        state->trap = (enum case_trap)trap;
        if (trap != CASE_BREAKPOINT && state->pc.place == PLACE_NEXT)
            state->pc.place = PLACE_AT;
        return true;
    }
    return false;
}

/* "x5" and "f5" as a register number, or -1. */
static int parse_reg(const char *name)
{
    uint64_t number;
    if ((*name != 'x' && *name != 'f') || !isdigit((unsigned char)name[1]) ||
        !parse_number(name + 1, &number) || number > 31)
        return -1;
    return (int)number + (*name == 'f' ? 32 : 0);
}

static bool parse_assignment(char *word, struct case_state *state)
{
    char *value = strchr(word, '=');
    if (!value)
        return false;
    *value++ = 0;
    int reg = parse_reg(word);
    if (reg >= 0)
        return parse_value(value, &state->reg[reg]);
    if (strcmp(word, "fflags") == 0)
        return parse_fflags(value, &state->fflags);
    if (strncmp(word, "mem", 3) == 0)
        return parse_mem(word, value, state->mem);
    if (strcmp(word, "trap") == 0)
        return parse_trap(value, state);
    if (strcmp(word, "pc") == 0)
        return parse_value(value, &state->pc);
    uint64_t frm;
    if (strcmp(word, "frm") != 0 || !parse_number(value, &frm) || frm > 7)
        return false;
    state->frm = (unsigned)frm;
    return true;
}

/* True, or false with the word that cannot be understood in *ret_word. */
static bool parse_side(char *text, struct case_state *state, const char **ret_word)
{
    char *save;
    for (char *word = strtok_r(text, " \t\n", &save); word; word = strtok_r(NULL, " \t\n", &save)) {
        *ret_word = word;
        if (!parse_assignment(word, state))
            return false;
    }
    return true;
}

static bool parse_line(char *line, struct insn_case *test, const char **ret_word)
{
    char *colon = strstr(line, " :"), *arrow = strstr(line, "=>");
    *ret_word = "the line has no \" :\" or no \"=>\"";
    if (!colon || !arrow || arrow < colon)
        return false;
    *colon = *arrow = 0;
    test->assembly = strdup(line);
    test->is_compressed = strncmp(line, "c.", 2) == 0;
    for (unsigned reg = 0; reg < CASE_REGS; reg++)
        test->before.reg[reg] = (struct case_value){PLACE_NONE, case_default_reg(reg)};
    test->before.trap = CASE_BREAKPOINT;
    test->before.pc = (struct case_value){PLACE_NEXT, 0};
    if (!parse_side(colon + 2, &test->before, ret_word))
        return false;
    test->after = test->before;
    return parse_side(arrow + 2, &test->after, ret_word);
}

static struct insn_case *append(struct case_list *list)
{
    if (list->length == list->capacity) {
        list->capacity = list->capacity ? 2 * list->capacity : 256;
        list->cases = realloc(list->cases, list->capacity * sizeof *list->cases);
        if (!list->cases)
            abort();
    }
    struct insn_case *test = &list->cases[list->length++];
    *test = (struct insn_case){0};
    return test;
}

bool case_read_file(struct case_list *list, const char *path)
{
    FILE *file = fopen(path, "r");
    char line[1024];
    bool is_good = true;
    if (!file) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return false;
    }
    for (unsigned number = 1; fgets(line, sizeof line, file); number++) {
        const char *word;
        line[strcspn(line, "#\n")] = 0;
        if (line[strspn(line, " \t")] == 0)
            continue;
        struct insn_case *test = append(list);
        test->file = path;
        test->line = number;
        if (!parse_line(line, test, &word)) {
            fprintf(stderr, "%s:%u: cannot understand: %s\n", path, number, word);
            is_good = false;
        }
    }
    fclose(file);
    return is_good;
}

void case_list_fini(struct case_list *list)
{
    for (size_t i = 0; i < list->length; i++)
        free(list->cases[i].assembly);
    free(list->cases);
    *list = (struct case_list){0};
}
