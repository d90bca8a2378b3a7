/* Byte loads that are put together become one load.
 *
 * Compilers for RISC-V read a number that may be unaligned byte by byte, with shifts and ors: eight
 * loads and fourteen operations for 64 bits. A value of which all bytes are known to be bytes of
 * memory at one base, in rising or falling order, is a part. A part of 2, 4 or 8 bytes that begins at
 * bit 0 is a window: one load in the place of the first of its byte loads, from which the bytes and
 * the smaller parts are extracted where they are needed still.
 *
 * Nothing that could change memory or leave the block lies between the loads of a window (they have
 * one epoch). The window's load may fault where the first byte would not, with the pc and the guest's
 * state of the first: who runs the block has to run it once more without this pass then
 * (ir_block.has_joined). */
#include "src/opt/internal.h"

#include "src/base/bits.h"

enum order { ORDER_ANY, ORDER_RISING, ORDER_FALLING };

enum { MAX_WINDOWS = 32, MIN_LOADS = 2, MAX_BYTES = 8, MAX_GROWTH = 8 /* by what stands for one instruction, on average */ };

/* What a value is made of: `count` bytes of memory from base + disp on, the first of them (the last,
 * when falling) at bit `shift`, and zeros; or above the 32nd bit copies of it. */
struct part {
    ir_ref base;
    uint8_t count; /* 0: the value is no part */
    uint8_t shift;
    uint8_t order; /* enum order */
    bool is_signed;
    uint32_t epoch;
    uint64_t disp;
};

struct window {
    struct part part;
    ir_ref first; /* load */
    ir_ref loaded; /* in the output: the bytes, the first or the last lowest */
};

struct joiner {
    const struct ir_block *block;
    struct part *part;      /* of each value */
    uint8_t *window_of;     /* of each load that goes: its window + 1; else 0 */
    struct window window[MAX_WINDOWS];
    unsigned window_count;
    struct ir_insn *out;
    uint32_t length;        /* of out */
    ir_ref *map;            /* value in the output of each value of the input */
};

static const struct part no_part = {0};

/* ---- parts ---- */

static unsigned end_bit(const struct part *part)
{
    return part->shift + 8u * part->count;
}

static bool is_byte_load(const struct ir_insn *insn)
{
    return insn->op == IR_load && insn->type == IR_I64 && ir_memop_size_log2(insn->c) == 0 &&
           !ir_memop_is_signed(insn->c);
}

static struct part shifted(const struct joiner *joiner, const struct ir_insn *insn)
{
    struct part part = joiner->part[insn->a];
    const struct ir_insn *count = &joiner->block->insns[insn->b];
    unsigned width = ir_type_width[insn->type];
    if (count->op != IR_const || part.is_signed)
        return no_part;
    uint64_t bits = count->imm & (width - 1);
    if (bits % 8 != 0 || end_bit(&part) + bits > width)
        return no_part;
    part.shift = (uint8_t)(part.shift + bits);
    return part;
}

static struct part converted(const struct joiner *joiner, const struct ir_insn *insn)
{
    struct part part = joiner->part[insn->a];
    unsigned from = ir_width_of(joiner->block, insn->a), to = ir_type_width[insn->type];
    if (insn->op == IR_sext && end_bit(&part) == from) {
        part.is_signed = true;
        return from == 32 && to == 64 ? part : no_part;
    }
    if (part.is_signed && insn->op == IR_trunc && to == 32)
        part.is_signed = false;
    return part.is_signed || end_bit(&part) > to ? no_part : part;
}

static bool may_be(const struct part *part, enum order order)
{
    return part->order == ORDER_ANY || part->order == order;
}

/* Both put together, when they lie side by side in memory and in the value alike. */
static struct part merged(const struct part *a, const struct part *b)
{
    const struct part *low = a->shift < b->shift ? a : b, *high = low == a ? b : a;
    if (a->base != b->base || a->epoch != b->epoch || end_bit(low) != high->shift || low->is_signed)
        return no_part;
    struct part part = *low;
    part.count = (uint8_t)(low->count + high->count);
    part.is_signed = high->is_signed;
    if (low->disp + low->count == high->disp && may_be(low, ORDER_RISING) &&
        may_be(high, ORDER_RISING)) {
        part.order = ORDER_RISING;
        return part;
    }
    part.disp = high->disp;
    part.order = ORDER_FALLING;
    bool is_falling = high->disp + high->count == low->disp && may_be(low, ORDER_FALLING) &&
                      may_be(high, ORDER_FALLING);
    return is_falling ? part : no_part;
}

static struct part part_of(const struct joiner *joiner, ir_ref ref, uint32_t epoch)
{
    const struct ir_insn *insn = &joiner->block->insns[ref];
    if (is_byte_load(insn))
        return (struct part){.base = insn->a, .count = 1, .epoch = epoch, .disp = insn->imm};
    bool is_conversion = insn->op == IR_sext || insn->op == IR_zext || insn->op == IR_trunc;
    if (insn->op != IR_or && insn->op != IR_shl && !is_conversion)
        return no_part;
    if (joiner->part[insn->a].count == 0)
        return no_part;
    if (insn->op == IR_shl)
        return shifted(joiner, insn);
    if (is_conversion)
        return converted(joiner, insn);
    return joiner->part[insn->b].count ? merged(&joiner->part[insn->a], &joiner->part[insn->b])
                                       : no_part;
}

/* After it memory may be another, or the guest elsewhere. */
static bool ends_epoch(const struct ir_insn *insn)
{
    return ir_op_info[insn->op].flags & IR_EFFECT && insn->op != IR_load &&
           insn->op != IR_load_f32 && insn->op != IR_set_reg;
}

static void find_parts(struct joiner *joiner)
{
    uint32_t epoch = 0;
    for (uint32_t i = 0; i < joiner->block->length; i++) {
        joiner->part[i] = part_of(joiner, (ir_ref)i, epoch);
        epoch += ends_epoch(&joiner->block->insns[i]);
    }
}

/* ---- windows ---- */

/* Is the part, or the byte loaded, one of those? */
static bool lies_in(const struct part *part, const struct part *window)
{
    return part->count && part->base == window->base && part->epoch == window->epoch &&
           part->disp - window->disp < window->count &&
           part->disp - window->disp + part->count <= window->count;
}

/* Gives the loads of the window to it; false when another has one of them, or there are few. */
static bool claim(struct joiner *joiner, struct window *window)
{
    uint32_t loads = 0;
    for (uint32_t i = joiner->block->length; i-- > 0;) {
        if (!is_byte_load(&joiner->block->insns[i]) || !lies_in(&joiner->part[i], &window->part))
            continue;
        if (joiner->window_of[i])
            return false;
        loads++;
        window->first = (ir_ref)i;
    }
    if (loads < MIN_LOADS)
        return false;
    for (uint32_t i = 0; i < joiner->block->length; i++)
        if (is_byte_load(&joiner->block->insns[i]) && lies_in(&joiner->part[i], &window->part))
            joiner->window_of[i] = (uint8_t)(joiner->window_count + 1);
    return true;
}

static bool is_window(const struct ir_insn *insn, const struct part *part)
{
    return insn->op == IR_or && part->shift == 0 &&
           (part->count == 2 || part->count == 4 || part->count == MAX_BYTES);
}

/* From the end: what is put together last is the largest. */
static void find_windows(struct joiner *joiner)
{
    for (uint32_t i = joiner->block->length; i-- > 0;) {
        if (joiner->window_count == MAX_WINDOWS ||
            !is_window(&joiner->block->insns[i], &joiner->part[i]))
            continue;
        struct window *window = &joiner->window[joiner->window_count];
        *window = (struct window){.part = joiner->part[i]};
        window->part.is_signed = false;
        joiner->window_count += claim(joiner, window);
    }
}

/* ---- the new block ---- */

static ir_ref put(struct joiner *joiner, enum ir_op op, enum ir_type type, ir_ref a, ir_ref b,
                  ir_ref c, uint64_t imm)
{
    joiner->out[joiner->length] = (struct ir_insn){(uint8_t)op, (uint8_t)type, a, b, c, imm};
    return (ir_ref)joiner->length++;
}

static ir_ref put_const(struct joiner *joiner, uint64_t value)
{
    return put(joiner, IR_const, IR_I64, IR_NONE, IR_NONE, IR_NONE, value);
}

static ir_ref put_binary(struct joiner *joiner, enum ir_op op, ir_ref a, uint64_t b)
{
    ir_ref constant = put_const(joiner, b);
    return put(joiner, op, IR_I64, a, constant, IR_NONE, 0);
}

static void put_window(struct joiner *joiner, struct window *window, const struct ir_insn *first)
{
    unsigned size_log2 = (unsigned)__builtin_ctz(window->part.count);
    window->loaded = put(joiner, IR_load, IR_I64, joiner->map[first->a], IR_NONE,
                         ir_memop(size_log2, false, ir_memop_pc_offset(first->c)),
                         window->part.disp);
    if (window->part.order != ORDER_FALLING)
        return;
    window->loaded = put(joiner, IR_bswap, IR_I64, window->loaded, IR_NONE, IR_NONE, 0);
    if (window->part.count < MAX_BYTES)
        window->loaded =
            put_binary(joiner, IR_shr, window->loaded, 64 - 8u * window->part.count);
}

/* The part of the window, as a value of the type. */
static ir_ref put_part(struct joiner *joiner, const struct window *window, const struct part *part,
                       enum ir_type type)
{
    uint64_t skipped = part->disp - window->part.disp;
    if (window->part.order == ORDER_FALLING)
        skipped = window->part.count - part->count - skipped;
    ir_ref value = window->loaded;
    if (skipped)
        value = put_binary(joiner, IR_shr, value, 8 * skipped);
    if (part->count + skipped < window->part.count)
        value = put_binary(joiner, IR_and, value, bits_zero_extend(UINT64_MAX, 8u * part->count));
    if (part->shift)
        value = put_binary(joiner, IR_shl, value, part->shift);
    if (type != IR_I64 || part->is_signed)
        value = put(joiner, IR_trunc, part->is_signed ? IR_I32 : type, value, IR_NONE, IR_NONE, 0);
    if (part->is_signed)
        value = put(joiner, IR_sext, IR_I64, value, IR_NONE, IR_NONE, 0);
    return value;
}

/* The window that has the value, which is one of its loads or put together from them; or NULL. */
static struct window *window_with(struct joiner *joiner, ir_ref ref)
{
    const struct part *part = &joiner->part[ref];
    if (joiner->window_of[ref])
        return &joiner->window[joiner->window_of[ref] - 1];
    if (joiner->block->insns[ref].op != IR_or || part->count == 0)
        return NULL;
    for (unsigned i = 0; i < joiner->window_count; i++)
        if (lies_in(part, &joiner->window[i].part) &&
            may_be(part, (enum order)joiner->window[i].part.order))
            return &joiner->window[i];
    return NULL;
}

static void rewrite(struct joiner *joiner)
{
    for (uint32_t i = 0; i < joiner->block->length; i++) {
        const struct ir_insn *insn = &joiner->block->insns[i];
        struct window *window = window_with(joiner, (ir_ref)i);
        if (window && window->first == i)
            put_window(joiner, window, insn);
        if (window) {
            joiner->map[i] =
                put_part(joiner, window, &joiner->part[i], (enum ir_type)insn->type);
            continue;
        }
        struct ir_insn copy =
            opt_renumbered(joiner->map, (ir_ref)i, insn, ir_op_info[insn->op].operand_count);
        joiner->map[i] = (ir_ref)joiner->length;
        joiner->out[joiner->length++] = copy;
    }
}

static bool has_candidates(const struct ir_block *block)
{
    unsigned loads = 0, ors = 0;
    for (uint32_t i = 0; i < block->length; i++) {
        loads += is_byte_load(&block->insns[i]);
        ors += block->insns[i].op == IR_or && loads >= MIN_LOADS;
    }
    return ors > 0;
}

bool opt_join_loads(struct arena *arena, struct ir_block *block)
{
    uint32_t length = block->length, capacity = (length + 1) * MAX_GROWTH;
    if (!has_candidates(block) || capacity > IR_MAX_INSNS)
        return false;
    struct joiner joiner = {
        .block = block,
        .part = arena_alloc(arena, length * sizeof(struct part)),
        .window_of = arena_zalloc(arena, length),
    };
    find_parts(&joiner);
    find_windows(&joiner);
    if (joiner.window_count == 0)
        return false;
    joiner.out = arena_alloc(arena, capacity * sizeof *joiner.out);
    joiner.map = arena_alloc(arena, length * sizeof *joiner.map);
    rewrite(&joiner);
    block->insns = joiner.out;
    block->length = joiner.length;
    block->capacity = capacity;
    block->has_joined = true;
    return true;
}
