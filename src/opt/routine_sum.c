/* Arithmetic on sums of registers. */
#include "src/opt/routine_internal.h"

struct routine_sum routine_sum_of_reg(unsigned reg)
{
    return (struct routine_sum){.term_count = 1, .terms = {{(uint8_t)reg, 1}}};
}

struct routine_sum routine_sum_const(uint64_t value)
{
    return (struct routine_sum){.offset = value};
}

static bool add_term(struct routine_sum *sum, struct routine_term term, int factor)
{
    uint32_t at = 0;
    while (at < sum->term_count && sum->terms[at].reg < term.reg)
        at++;
    bool is_there = at < sum->term_count && sum->terms[at].reg == term.reg;
    int total = term.factor * factor + (is_there ? sum->terms[at].factor : 0);
    if (total < INT8_MIN || total > INT8_MAX)
        return false;
    if (is_there && total == 0) {
        for (sum->term_count--; at < sum->term_count; at++)
            sum->terms[at] = sum->terms[at + 1];
        return true;
    }
    if (!is_there) {
        if (sum->term_count == ROUTINE_MAX_TERMS)
            return false;
        for (uint32_t i = sum->term_count++; i > at; i--)
            sum->terms[i] = sum->terms[i - 1];
    }
    sum->terms[at] = (struct routine_term){term.reg, (int8_t)total};
    return true;
}

bool routine_sum_add(struct routine_sum *a, const struct routine_sum *b, int factor)
{
    a->offset += b->offset * (uint64_t)(int64_t)factor;
    for (uint32_t i = 0; i < b->term_count; i++)
        if (!add_term(a, b->terms[i], factor))
            return false;
    return true;
}

bool routine_sum_same_terms(const struct routine_sum *a, const struct routine_sum *b)
{
    if (a->term_count != b->term_count)
        return false;
    for (uint32_t i = 0; i < a->term_count; i++)
        if (a->terms[i].reg != b->terms[i].reg || a->terms[i].factor != b->terms[i].factor)
            return false;
    return true;
}

uint64_t routine_sum_step(const struct routine_loop *loop, const struct routine_sum *sum)
{
    uint64_t step = 0;
    for (uint32_t i = 0; i < sum->term_count; i++) {
        struct routine_term term = sum->terms[i];
        if (!(term.reg & ROUTINE_BYTES_OF))
            step += loop->reg[term.reg].step * (uint64_t)(int64_t)term.factor;
    }
    return step;
}
