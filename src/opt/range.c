/* What is known about the size of a value: enough to drop extensions and masks that change nothing,
 * which is most of what the W instructions of RV64 leave behind. Asked for rarely, so it is worked
 * out anew each time, through at most MAX_DEPTH operands. Without pass `ranges` nothing is known. */
#include "src/opt/internal.h"

enum { MAX_DEPTH = 4 };

static uint8_t larger(uint8_t a, uint8_t b)
{
    return a > b ? a : b;
}
static uint8_t smaller(uint8_t a, uint8_t b)
{
    return a < b ? a : b;
}

static struct opt_range below(unsigned unsigned_bits, unsigned width)
{
    unsigned signed_bits = unsigned_bits < width ? unsigned_bits + 1 : width;
    return (struct opt_range){(uint8_t)unsigned_bits, (uint8_t)signed_bits};
}

/* A signed number of `bits` in a type of `width`. */
static struct opt_range within(unsigned bits, unsigned width)
{
    return (struct opt_range){(uint8_t)width, (uint8_t)(bits < width ? bits : width)};
}

static struct opt_range range_of_const(uint64_t value, unsigned width)
{
    unsigned unsigned_bits = value ? 64 - (unsigned)__builtin_clzll(value) : 0;
    int64_t extended = (int64_t)(value << (64 - width)) >> (64 - width);
    uint64_t magnitude = (uint64_t)(extended < 0 ? ~extended : extended);
    unsigned signed_bits = magnitude ? 65 - (unsigned)__builtin_clzll(magnitude) : 1;
    return (struct opt_range){(uint8_t)unsigned_bits, (uint8_t)signed_bits};
}

static struct opt_range range_of_loaded(uint16_t memop, unsigned width)
{
    unsigned bits = ir_memop_size_bytes(memop) * 8;
    return ir_memop_is_signed(memop) ? within(bits, width)
                                     : below(bits < width ? bits : width, width);
}

static struct opt_range range_of(const struct opt *opt, ir_ref ref, unsigned depth);

static struct opt_range range_of_shift(const struct opt *opt, const struct ir_insn *insn,
                                       unsigned width, unsigned depth)
{
    struct opt_range a = range_of(opt, insn->a, depth);
    if (!opt_is_const(opt, insn->b))
        return insn->op == IR_sar ? within(a.signed_bits, width) : within(width, width);
    unsigned count = (unsigned)opt->insns[insn->b].imm & (width - 1);
    if (insn->op == IR_shr)
        return below(a.unsigned_bits > count ? a.unsigned_bits - count : 0, width);
    if (insn->op == IR_sar)
        return within(a.signed_bits > count ? a.signed_bits - count : 1, width);
    return a.unsigned_bits + count < width ? below(a.unsigned_bits + count, width)
                                           : within(width, width);
}

static struct opt_range range_of_bitwise(const struct opt *opt, const struct ir_insn *insn,
                                         unsigned width, unsigned depth)
{
    struct opt_range a = range_of(opt, insn->a, depth), b = range_of(opt, insn->b, depth);
    struct opt_range result = below(insn->op == IR_and ? smaller(a.unsigned_bits, b.unsigned_bits)
                                                       : larger(a.unsigned_bits, b.unsigned_bits),
                                    width);
    result.signed_bits = smaller(result.signed_bits, larger(a.signed_bits, b.signed_bits));
    return result;
}

static struct opt_range range_of_conversion(const struct opt *opt, const struct ir_insn *insn,
                                            unsigned width, unsigned depth)
{
    struct opt_range a = range_of(opt, insn->a, depth);
    if (insn->op == IR_zext)
        return below(a.unsigned_bits, width);
    if (insn->op == IR_sext && a.unsigned_bits < opt_width(opt, insn->a))
        return below(a.unsigned_bits, width);
    if (insn->op == IR_trunc && a.unsigned_bits <= width)
        return below(a.unsigned_bits, width);
    return within(a.signed_bits, width);
}

static struct opt_range range_of(const struct opt *opt, ir_ref ref, unsigned depth)
{
    const struct ir_insn *insn = opt_insn(opt, ref);
    unsigned width = ir_type_width[insn->type];
    if (depth == 0)
        return within(width, width);
    switch ((unsigned)insn->op) {
    case IR_const:
        return range_of_const(insn->imm, width);
    case IR_load:
        return range_of_loaded(insn->c, width);
    case IR_load_reserved:
    case IR_amo:
        return within(ir_memop_size_bytes(insn->c) * 8, width);
    case IR_zext:
    case IR_sext:
    case IR_trunc:
        return range_of_conversion(opt, insn, width, depth - 1);
    case IR_and:
    case IR_or:
    case IR_xor:
        return range_of_bitwise(opt, insn, width, depth - 1);
    case IR_shl:
    case IR_shr:
    case IR_sar:
        return range_of_shift(opt, insn, width, depth - 1);
    case IR_clz:
    case IR_ctz:
    case IR_popcnt:
        return below(7, width);
    case IR_fclass:
        return below(10, width);
    }
    return ir_op_info[insn->op].result == 'W' ? below(1, width) : within(width, width);
}

struct opt_range opt_range_of(const struct opt *opt, ir_ref ref)
{
    return range_of(opt, ref, opt_has(opt, OPT_ranges) ? MAX_DEPTH : 0);
}
