/* The accesses and exits of an iteration: what it reads, writes, counts and looks for.
 *
 * Each exit is taken when its condition holds, so that the loop goes on while the opposite does.
 * Known are comparisons of sums (counters, pointers that meet), of a byte with a fixed one, of two
 * places in memory, and the usual ways of asking whether a word has a zero byte. */
#include "src/opt/routine_internal.h"

#define ONES UINT64_C(0x0101010101010101)
#define HIGHS UINT64_C(0x8080808080808080)

struct routine_check *routine_new_check(struct routine_loop *loop)
{
    static const struct routine_check nothing;
    if (loop->check_count == ROUTINE_MAX_PARTS) {
        loop->is_unknown = true;
        return &loop->checks[0];
    }
    loop->checks[loop->check_count] = nothing;
    return &loop->checks[loop->check_count++];
}

/* The sum, which must not change from iteration to iteration, is the number. */
static void check_equal(struct routine_loop *loop, const struct routine_sum *a, uint64_t value)
{
    if (routine_sum_is_const(a) || routine_sum_step(loop, a) != 0) {
        if (a->offset != value || !routine_sum_is_const(a))
            loop->is_unknown = true;
        return;
    }
    struct routine_check *check = routine_new_check(loop);
    check->kind = CHECK_EQUAL;
    check->a = *a;
    check->b = routine_sum_const(value);
}

static void add_part(struct routine_loop *loop, struct routine_parts *parts, ir_ref insn,
                     const struct routine_place *place, const struct routine_place *other)
{
    if (parts->count == ROUTINE_MAX_PARTS) {
        loop->is_unknown = true;
        return;
    }
    parts->part[parts->count++] = (struct routine_part){*place, *other, insn};
}

/* ---- funnels ---- */

/* The shifts of a place that is put together are what they are taken for. */
static void check_shifts(struct routine_loop *loop, const struct ir_insn *merge)
{
    const struct ir_insn *low = routine_insn(loop, merge->a), *high = routine_insn(loop, merge->b);
    if (low->op == IR_shl) {
        const struct ir_insn *swapped = low;
        low = high;
        high = swapped;
    }
    const struct routine_sum *down = &loop->shapes[low->b].place.at;
    const struct routine_sum *up = &loop->shapes[high->b].place.at;
    for (uint32_t i = 0; i < loop->check_count; i++)
        if (loop->checks[i].kind == CHECK_SHIFTS &&
            routine_sum_same_terms(&loop->checks[i].a, down) &&
            routine_sum_same_terms(&loop->checks[i].b, up))
            return;
    struct routine_check *check = routine_new_check(loop);
    check->kind = CHECK_SHIFTS;
    check->a = *down;
    check->b = *up;
    /* The words must lie in pages of what is taken from them. */
    check = routine_new_check(loop);
    check->kind = CHECK_ALIGNED;
    check->a = loop->shapes[low->a].place.at;
    check->b = routine_sum_const(7);
}

/* ---- exits ---- */

static bool is_stepping(const struct routine_loop *loop, const struct routine_sum *sum)
{
    return routine_sum_step(loop, sum) != 0;
}

/* Sums are compared: the exit is taken when op(a, b). */
static void add_count(struct routine_loop *loop, enum ir_op op, const struct routine_sum *a,
                      const struct routine_sum *b)
{
    struct routine_count count = {.op = op, .a = *a, .b = *b};
    bool is_less = op == IR_lt_u || op == IR_lt_s; /* goes on while a >= b */
    count.distance = is_less || op == IR_eq ? *a : *b;
    bool fits = routine_sum_add(&count.distance, is_less || op == IR_eq ? b : a, -1);
    uint64_t step = 0 - routine_sum_step(loop, &count.distance);
    if (op == IR_eq && (int64_t)step < 0) {
        count.distance = *b;
        fits &= routine_sum_add(&count.distance, a, -1);
        step = 0 - step;
    }
    bool is_ending = step == 0 || ((int64_t)step > 0 && op != IR_ne);
    if (!fits || !is_ending || loop->count_count == ROUTINE_MAX_PARTS) {
        loop->is_unknown = true;
        return;
    }
    count.step = step;
    loop->counts[loop->count_count++] = count;
}

static void add_stop(struct routine_loop *loop, const struct routine_sum *byte, uint8_t flipped)
{
    if (is_stepping(loop, byte)) {
        loop->is_unknown = true;
        return;
    }
    for (uint32_t i = 0; i < loop->stop_count; i++)
        if (loop->stops[i].flipped == flipped && loop->stops[i].byte.offset == byte->offset &&
            routine_sum_same_terms(&loop->stops[i].byte, byte))
            return;
    if (loop->stop_count == ROUTINE_MAX_STOPS)
        loop->is_unknown = true;
    else
        loop->stops[loop->stop_count++] = (struct routine_stop){*byte, flipped};
}

/* The exit is taken when a = b. */
static void exit_when_equal(struct routine_loop *loop, ir_ref a, ir_ref b)
{
    const struct routine_shape *x = &loop->shapes[a], *y = &loop->shapes[b];
    if (x->kind == SHAPE_SUM && y->kind == SHAPE_MEMORY) {
        const struct routine_shape *swapped = x;
        x = y;
        y = swapped;
    }
    if (x->kind == SHAPE_MEMORY && x->place.size_log2 == 0 && y->kind == SHAPE_SUM) {
        add_part(loop, &loop->finds, a, &x->place, &x->place);
        add_stop(loop, &y->place.at, 0);
    } else {
        loop->is_unknown = true;
    }
}

/* ---- zero bytes in words ---- */

/* The operands of nested operations of one kind. */
struct leaves {
    ir_ref ref[4];
    uint32_t count;
};

static void find_leaves(const struct routine_loop *loop, ir_ref ref, enum ir_op op,
                        struct leaves *leaves)
{
    const struct ir_insn *insn = routine_insn(loop, ref);
    if (insn->op == op && insn->type == IR_I64 && leaves->count < 4) {
        find_leaves(loop, insn->a, op, leaves);
        find_leaves(loop, insn->b, op, leaves);
    } else if (leaves->count < 4) {
        leaves->ref[leaves->count++] = ref;
    }
}

/* A word of memory, or one with every byte exclusive-ored with the same fixed byte. */
static bool is_searched_word(const struct routine_loop *loop, ir_ref ref,
                             struct routine_place *ret_place, struct routine_sum *ret_byte)
{
    const struct routine_shape *shape = &loop->shapes[ref];
    *ret_byte = routine_sum_const(0);
    if (shape->kind == SHAPE_MEMORY) {
        *ret_place = shape->place;
        return shape->place.size_log2 == 3;
    }
    const struct ir_insn *insn = routine_insn(loop, ref);
    if (insn->op != IR_xor || insn->type != IR_I64)
        return false;
    const struct routine_shape *a = &loop->shapes[insn->a], *b = &loop->shapes[insn->b];
    if (a->kind == SHAPE_SUM) {
        const struct routine_shape *swapped = a;
        a = b;
        b = swapped;
    }
    if (a->kind != SHAPE_MEMORY || a->place.size_log2 != 3 || b->kind != SHAPE_SUM)
        return false;
    *ret_place = a->place;
    *ret_byte = b->place.at;
    return true;
}

/* The byte that each byte of the sum is must not occur. */
static void add_repeated_stop(struct routine_loop *loop, const struct routine_sum *byte,
                              uint8_t flipped)
{
    add_stop(loop, byte, flipped);
    if (routine_sum_is_const(byte)) {
        loop->is_unknown |= byte->offset != (byte->offset & 0xff) * ONES;
        return;
    }
    for (uint32_t i = 0; i < loop->check_count; i++)
        if (loop->checks[i].kind == CHECK_REPEATED &&
            routine_sum_same_terms(&loop->checks[i].a, byte))
            return;
    struct routine_check *check = routine_new_check(loop);
    check->kind = CHECK_REPEATED;
    check->a = *byte;
}

/* The operand of x ^ ~0, or IR_NONE. */
static ir_ref inverted(const struct routine_loop *loop, ir_ref ref)
{
    const struct ir_insn *insn = routine_insn(loop, ref);
    if (insn->op != IR_xor || insn->type != IR_I64)
        return IR_NONE;
    const struct ir_insn *b = routine_insn(loop, insn->b);
    return b->op == IR_const && b->imm == UINT64_MAX ? insn->a : IR_NONE;
}

/* word + fixed value: the other operand, and which value must be fixed. */
static ir_ref addend(const struct routine_loop *loop, ir_ref ref, ir_ref word)
{
    const struct ir_insn *insn = routine_insn(loop, ref);
    if (insn->op != IR_add || insn->type != IR_I64)
        return IR_NONE;
    ir_ref other = insn->a == word ? insn->b : insn->b == word ? insn->a : IR_NONE;
    return other != IR_NONE && loop->shapes[other].kind == SHAPE_SUM &&
                   !is_stepping(loop, &loop->shapes[other].place.at)
               ? other
               : IR_NONE;
}

/* (w - 0x01..01) & ~w & 0x80..80, which is 0 when no byte of w is. */
static bool is_zero_byte_mask(struct routine_loop *loop, ir_ref ref)
{
    struct leaves leaves = {.count = 0};
    find_leaves(loop, ref, IR_and, &leaves);
    if (leaves.count != 3)
        return false;
    for (uint32_t i = 0; i < 3; i++) {
        ir_ref word = inverted(loop, leaves.ref[i]);
        if (word == IR_NONE)
            continue;
        ir_ref first = leaves.ref[(i + 1) % 3], second = leaves.ref[(i + 2) % 3];
        ir_ref minus_ones = addend(loop, first, word);
        ir_ref highs = second;
        if (minus_ones == IR_NONE) {
            minus_ones = addend(loop, second, word);
            highs = first;
        }
        struct routine_place place;
        struct routine_sum byte;
        if (minus_ones == IR_NONE || loop->shapes[highs].kind != SHAPE_SUM ||
            is_stepping(loop, &loop->shapes[highs].place.at) ||
            !is_searched_word(loop, word, &place, &byte))
            continue;
        check_equal(loop, &loop->shapes[minus_ones].place.at, 0 - ONES);
        check_equal(loop, &loop->shapes[highs].place.at, HIGHS);
        add_part(loop, &loop->finds, ref, &place, &place);
        add_repeated_stop(loop, &byte, 0);
        return true;
    }
    return false;
}

/* (w + m) ^ w: gives w and the value that must be m. */
static bool is_carry_mask(const struct routine_loop *loop, ir_ref ref, ir_ref *ret_word,
                          ir_ref *ret_magic)
{
    const struct ir_insn *insn = routine_insn(loop, ref);
    if (insn->op != IR_xor || insn->type != IR_I64)
        return false;
    *ret_word = insn->b;
    *ret_magic = addend(loop, insn->a, insn->b);
    if (*ret_magic == IR_NONE) {
        *ret_word = insn->a;
        *ret_magic = addend(loop, insn->b, insn->a);
    }
    return *ret_magic != IR_NONE;
}

/* (((w + m) ^ w) & ...) | m is all ones, with m = 0x7efefefefefefeff: each byte of each w but the
 * highest carries into the next one, so none of them is zero; the highest carries into bit 63,
 * so it is neither 0 nor 0x80. */
static bool is_carry_test(struct routine_loop *loop, ir_ref ref)
{
    const struct ir_insn *insn = routine_insn(loop, ref);
    if (insn->op != IR_or || insn->type != IR_I64)
        return false;
    ir_ref masks = insn->a, magic = insn->b;
    if (loop->shapes[masks].kind == SHAPE_SUM) {
        masks = insn->b;
        magic = insn->a;
    }
    struct leaves leaves = {.count = 0};
    find_leaves(loop, masks, IR_and, &leaves);
    if (leaves.count > 2 || loop->shapes[magic].kind != SHAPE_SUM)
        return false;
    for (uint32_t i = 0; i < leaves.count; i++) {
        ir_ref word, added;
        struct routine_place place;
        struct routine_sum byte;
        if (!is_carry_mask(loop, leaves.ref[i], &word, &added) ||
            !is_searched_word(loop, word, &place, &byte))
            return false;
        check_equal(loop, &loop->shapes[added].place.at, UINT64_C(0x7efefefefefefeff));
        add_part(loop, &loop->finds, ref, &place, &place);
        add_repeated_stop(loop, &byte, 0);
        add_repeated_stop(loop, &byte, 0x80);
    }
    check_equal(loop, &loop->shapes[magic].place.at, UINT64_C(0x7efefefefefefeff));
    return true;
}

/* orc.b(w) is all ones. */
static bool is_orc_test(struct routine_loop *loop, ir_ref ref)
{
    const struct ir_insn *insn = routine_insn(loop, ref);
    struct routine_place place;
    struct routine_sum byte;
    if (insn->op != IR_orc_b || !is_searched_word(loop, insn->a, &place, &byte))
        return false;
    add_part(loop, &loop->finds, ref, &place, &place);
    add_repeated_stop(loop, &byte, 0);
    return true;
}

/* ---- exits by what is compared ---- */

/* The exit is taken when the value differs from the number. */
static bool is_word_test(struct routine_loop *loop, ir_ref ref, const struct routine_sum *number)
{
    if (routine_sum_is_const(number) && number->offset == 0)
        return is_zero_byte_mask(loop, ref);
    if (is_stepping(loop, number) || !(is_carry_test(loop, ref) || is_orc_test(loop, ref)))
        return false;
    check_equal(loop, number, UINT64_MAX);
    return true;
}

static void exit_when_different(struct routine_loop *loop, ir_ref a, ir_ref b)
{
    const struct routine_shape *x = &loop->shapes[a], *y = &loop->shapes[b];
    if (x->kind == SHAPE_MEMORY && y->kind == SHAPE_MEMORY &&
        x->place.size_log2 == y->place.size_log2 && x->place.is_signed == y->place.is_signed)
        add_part(loop, &loop->matches, a, &x->place, &y->place);
    else if (x->kind == SHAPE_OTHER && y->kind == SHAPE_SUM)
        loop->is_unknown |= !is_word_test(loop, a, &y->place.at);
    else if (x->kind == SHAPE_SUM && y->kind == SHAPE_OTHER)
        loop->is_unknown |= !is_word_test(loop, b, &x->place.at);
    else
        loop->is_unknown = true;
}

static void add_exit(struct routine_loop *loop, const struct ir_insn *exit)
{
    const struct ir_insn *condition = routine_insn(loop, exit->a);
    const struct routine_sum zero = routine_sum_const(0);
    enum ir_op op = (enum ir_op)condition->op;
    bool is_comparison = op >= IR_eq && op <= IR_ge_u;
    if (!is_comparison) { /* taken when the value is not 0 */
        if (loop->shapes[exit->a].kind == SHAPE_SUM)
            add_count(loop, IR_ne, &loop->shapes[exit->a].place.at, &zero);
        else
            loop->is_unknown |= !is_word_test(loop, exit->a, &zero);
        return;
    }
    const struct routine_shape *a = &loop->shapes[condition->a], *b = &loop->shapes[condition->b];
    if (a->kind == SHAPE_SUM && b->kind == SHAPE_SUM)
        add_count(loop, op, &a->place.at, &b->place.at);
    else if (op == IR_eq)
        exit_when_equal(loop, condition->a, condition->b);
    else if (op == IR_ne)
        exit_when_different(loop, condition->a, condition->b);
    else
        loop->is_unknown = true;
}

/* ---- accesses ---- */

static void add_load(struct routine_loop *loop, ir_ref ref)
{
    const struct routine_shape *shape = &loop->shapes[ref];
    if (shape->kind == SHAPE_MEMORY)
        add_part(loop, &loop->loads, ref, &shape->place, &shape->place);
    else
        loop->is_unknown = true;
}

static void add_store(struct routine_loop *loop, ir_ref ref)
{
    const struct ir_insn *insn = routine_insn(loop, ref);
    const struct routine_shape *address = &loop->shapes[insn->a], *value = &loop->shapes[insn->b];
    if (address->kind != SHAPE_SUM || value->kind == SHAPE_OTHER) {
        loop->is_unknown = true;
        return;
    }
    struct routine_place place = {.at = address->place.at,
                                  .size_log2 = (uint8_t)ir_memop_size_log2(insn->c)};
    place.at.offset += insn->imm;
    bool is_fill = value->kind == SHAPE_SUM;
    if (loop->stores.count && is_fill != loop->is_fill)
        loop->is_unknown = true;
    if (is_fill && loop->stores.count &&
        (!routine_sum_same_terms(&loop->fill, &value->place.at) ||
         loop->fill.offset != value->place.at.offset))
        loop->is_unknown = true;
    if (is_fill && is_stepping(loop, &value->place.at))
        loop->is_unknown = true;
    loop->is_fill = is_fill;
    loop->fill = value->place.at;
    add_part(loop, &loop->stores, ref, &place, &value->place);
}

void routine_find_guards(struct routine_loop *loop)
{
    for (uint32_t i = 0; i < loop->block->length && !loop->is_unknown; i++) {
        const struct ir_insn *insn = &loop->block->insns[i];
        if (insn->op == IR_load)
            add_load(loop, (ir_ref)i);
        else if (insn->op == IR_store)
            add_store(loop, (ir_ref)i);
        else if (insn->op == IR_exit_if)
            add_exit(loop, insn);
        else if (insn->op == IR_or && loop->shapes[i].kind == SHAPE_MEMORY)
            check_shifts(loop, insn);
    }
}
