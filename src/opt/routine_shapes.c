/* What the values of an iteration are, and what becomes of registers from one iteration to the next.
 *
 * Values are sums of registers, the contents of memory at such a sum, or something else. First
 * registers that are kept or step by a constant are found. Then, in rounds, those that follow them
 * (a second pointer at a constant distance, a word loaded ahead): at the header such a register is
 * what the iteration before has left there, which is told as a sum or place of now. */
#include "src/opt/routine_internal.h"

static struct routine_shape shape_sum(struct routine_sum sum)
{
    return (struct routine_shape){SHAPE_SUM, {.at = sum}};
}

static const struct routine_shape other_shape = {.kind = SHAPE_OTHER};

/* ---- values ---- */

/* is_first: nothing is known of registers yet, each stands for itself. */
static struct routine_shape shape_of_reg(const struct routine_loop *loop, uint64_t reg,
                                         bool is_first)
{
    if (reg >= ROUTINE_REGS)
        return other_shape;
    const struct routine_reg *known = &loop->reg[reg];
    if (is_first)
        return shape_sum(routine_sum_of_reg((unsigned)reg));
    switch (known->role) {
    case ROLE_FIXED:
    case ROLE_STEPPING:
        return shape_sum(routine_sum_of_reg((unsigned)reg));
    case ROLE_FOLLOWING:
        return shape_sum(known->place.at);
    case ROLE_LOADED:
        return (struct routine_shape){SHAPE_MEMORY, known->place};
    case ROLE_UNKNOWN:
        break;
    }
    return other_shape;
}

static struct routine_shape shape_of_sum(const struct routine_loop *loop,
                                         const struct ir_insn *insn)
{
    const struct routine_shape *a = &loop->shapes[insn->a], *b = &loop->shapes[insn->b];
    if (a->kind != SHAPE_SUM || b->kind != SHAPE_SUM)
        return other_shape;
    struct routine_sum sum = a->place.at;
    return routine_sum_add(&sum, &b->place.at, insn->op == IR_sub ? -1 : 1) ? shape_sum(sum)
                                                                            : other_shape;
}

/* A sum times a power of two. */
static struct routine_shape shape_of_scaled(const struct routine_loop *loop,
                                            const struct ir_insn *insn)
{
    const struct routine_shape *a = &loop->shapes[insn->a];
    const struct ir_insn *count = routine_insn(loop, insn->b);
    struct routine_sum sum = routine_sum_const(0);
    if (a->kind != SHAPE_SUM || count->op != IR_const || count->imm > 5 ||
        !routine_sum_add(&sum, &a->place.at, 1 << count->imm))
        return other_shape;
    return shape_sum(sum);
}

/* The register that the value is, while it stays as it is, or false. */
static bool is_fixed_reg(const struct routine_loop *loop, ir_ref ref, uint8_t *ret_reg)
{
    const struct routine_shape *shape = &loop->shapes[ref];
    const struct routine_sum *sum = &shape->place.at;
    if (shape->kind != SHAPE_SUM || sum->term_count != 1 || sum->offset != 0 ||
        sum->terms[0].factor != 1 || loop->reg[sum->terms[0].reg].role != ROLE_FIXED)
        return false;
    *ret_reg = sum->terms[0].reg;
    return true;
}

static bool is_word(const struct routine_shape *shape)
{
    return shape->kind == SHAPE_MEMORY && shape->place.size_log2 == 3 && !shape->place.is_funnel;
}

/* (word at p >> s) | (word at p + 8 << 64 - s), which is the word at p + s / 8. */
static struct routine_shape shape_of_funnel(const struct routine_loop *loop,
                                            const struct ir_insn *insn)
{
    const struct ir_insn *low = routine_insn(loop, insn->a), *high = routine_insn(loop, insn->b);
    uint8_t low_reg, high_reg;
    if (low->op == IR_shl) {
        const struct ir_insn *swapped = low;
        low = high;
        high = swapped;
    }
    if (low->op != IR_shr || high->op != IR_shl || low->type != IR_I64 || high->type != IR_I64 ||
        !is_word(&loop->shapes[low->a]) || !is_word(&loop->shapes[high->a]) ||
        !is_fixed_reg(loop, low->b, &low_reg) || !is_fixed_reg(loop, high->b, &high_reg))
        return other_shape;
    struct routine_shape shape = loop->shapes[low->a];
    const struct routine_sum *above = &loop->shapes[high->a].place.at;
    struct routine_sum bytes = {.term_count = 1,
                                .terms = {{(uint8_t)(low_reg | ROUTINE_BYTES_OF), 1}}};
    if (!routine_sum_same_terms(&shape.place.at, above) ||
        above->offset - shape.place.at.offset != 8 ||
        !routine_sum_add(&shape.place.at, &bytes, 1))
        return other_shape;
    shape.place.is_funnel = true;
    return shape;
}

static struct routine_shape shape_of_load(const struct routine_loop *loop,
                                          const struct ir_insn *insn)
{
    struct routine_shape shape = loop->shapes[insn->a];
    if (shape.kind != SHAPE_SUM || insn->type != IR_I64)
        return other_shape;
    shape.kind = SHAPE_MEMORY;
    shape.place.at.offset += insn->imm;
    shape.place.size_log2 = (uint8_t)ir_memop_size_log2(insn->c);
    shape.place.is_signed = ir_memop_is_signed(insn->c) && shape.place.size_log2 < 3;
    return shape;
}

static struct routine_shape shape_of(const struct routine_loop *loop, const struct ir_insn *insn,
                                     bool is_first)
{
    switch ((unsigned)insn->op) {
    case IR_const:
        return insn->type == IR_I64 ? shape_sum(routine_sum_const(insn->imm)) : other_shape;
    case IR_get_reg:
        return shape_of_reg(loop, insn->imm, is_first);
    case IR_add:
    case IR_sub:
        return insn->type == IR_I64 ? shape_of_sum(loop, insn) : other_shape;
    case IR_shl:
        return insn->type == IR_I64 ? shape_of_scaled(loop, insn) : other_shape;
    case IR_or:
        return insn->type == IR_I64 ? shape_of_funnel(loop, insn) : other_shape;
    case IR_load:
        return shape_of_load(loop, insn);
    }
    return other_shape;
}

static void find_values(struct routine_loop *loop, bool is_first)
{
    for (uint32_t i = 0; i < loop->block->length; i++)
        loop->shapes[i] = shape_of(loop, &loop->block->insns[i], is_first);
}

/* ---- registers ---- */

static void find_reads_and_writes(struct routine_loop *loop)
{
    for (uint32_t i = 0; i < loop->block->length; i++) {
        const struct ir_insn *insn = &loop->block->insns[i];
        if (insn->op != IR_get_reg && insn->op != IR_set_reg)
            continue;
        if (insn->imm >= ROUTINE_REGS) {
            loop->is_unknown = true;
            return;
        }
        struct routine_reg *reg = &loop->reg[insn->imm];
        if (insn->op == IR_set_reg)
            reg->final = insn->a;
        else if (reg->final == IR_NONE)
            reg->is_read = true;
        else
            loop->is_unknown = true; /* the optimiser has not forwarded the write */
    }
}

static void find_steps(struct routine_loop *loop)
{
    for (unsigned i = 0; i < ROUTINE_REGS; i++) {
        struct routine_reg *reg = &loop->reg[i];
        if (reg->final == IR_NONE) {
            reg->role = ROLE_FIXED;
            continue;
        }
        const struct routine_shape *shape = &loop->shapes[reg->final];
        struct routine_sum itself = routine_sum_of_reg(i);
        if (shape->kind == SHAPE_SUM && routine_sum_same_terms(&shape->place.at, &itself)) {
            reg->step = shape->place.at.offset;
            reg->role = reg->step ? ROLE_STEPPING : ROLE_FIXED;
        }
    }
}

/* Registers that are read and whose role is not known yet. True when one was found. */
static bool find_followers(struct routine_loop *loop)
{
    bool is_found = false;
    for (unsigned i = 0; i < ROUTINE_REGS; i++) {
        struct routine_reg *reg = &loop->reg[i];
        if (reg->role != ROLE_UNKNOWN || !reg->is_read)
            continue;
        const struct routine_shape *shape = &loop->shapes[reg->final];
        if (shape->kind == SHAPE_OTHER || shape->place.is_funnel)
            continue;
        reg->role = shape->kind == SHAPE_SUM ? ROLE_FOLLOWING : ROLE_LOADED;
        reg->place = shape->place;
        reg->place.at.offset -= routine_sum_step(loop, &shape->place.at);
        is_found = true;
    }
    return is_found;
}

/* What is taken for granted of a register is checked when the routine is entered. */
static void check_followers(struct routine_loop *loop)
{
    for (unsigned i = 0; i < ROUTINE_REGS; i++) {
        const struct routine_reg *reg = &loop->reg[i];
        if (!reg->is_read || reg->role == ROLE_FIXED || reg->role == ROLE_STEPPING)
            continue;
        if (reg->role == ROLE_UNKNOWN) {
            loop->is_unknown = true;
            return;
        }
        struct routine_check *check = routine_new_check(loop);
        check->kind = reg->role == ROLE_FOLLOWING ? CHECK_EQUAL : CHECK_LOADED;
        check->a = routine_sum_of_reg(i);
        check->b = reg->place.at;
        check->place = reg->place;
        check->reg = (uint8_t)i;
    }
}

void routine_find_shapes(struct routine_loop *loop)
{
    for (unsigned i = 0; i < ROUTINE_REGS; i++)
        loop->reg[i] = (struct routine_reg){.final = IR_NONE};
    find_reads_and_writes(loop);
    if (loop->is_unknown)
        return;
    find_values(loop, true);
    find_steps(loop);
    do
        find_values(loop, false);
    while (find_followers(loop));
    check_followers(loop);
}
