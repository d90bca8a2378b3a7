/* What is known about the size of a value: enough to drop extensions and masks that change nothing,
 * which is most of what the W instructions of RV64 leave behind. */
#include "src/opt/internal.h"

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
    return (struct opt_range){(uint8_t)unsigned_bits, (uint8_t)signed_bits, OPT_NO_REG};
}

/* A signed number of `bits` in a type of `width`. */
static struct opt_range within(unsigned bits, unsigned width)
{
    return (struct opt_range){(uint8_t)width, (uint8_t)(bits < width ? bits : width), OPT_NO_REG};
}

static struct opt_range range_of_const(uint64_t value, unsigned width)
{
    unsigned unsigned_bits = value ? 64 - (unsigned)__builtin_clzll(value) : 0;
    int64_t extended = (int64_t)(value << (64 - width)) >> (64 - width);
    uint64_t magnitude = (uint64_t)(extended < 0 ? ~extended : extended);
    unsigned signed_bits = magnitude ? 65 - (unsigned)__builtin_clzll(magnitude) : 1;
    return (struct opt_range){(uint8_t)unsigned_bits, (uint8_t)signed_bits, OPT_NO_REG};
}

static struct opt_range range_of_loaded(uint16_t memop, unsigned width)
{
    unsigned bits = ir_memop_size_bytes(memop) * 8;
    return ir_memop_is_signed(memop) ? within(bits, width) : below(bits < width ? bits : width, width);
}

static struct opt_range range_of_shift(const struct opt *opt, const struct ir_insn *insn,
                                       unsigned width)
{
    struct opt_range a = opt->range[insn->a];
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

struct opt_range opt_range_of(const struct opt *opt, const struct ir_insn *insn)
{
    unsigned width = ir_type_width[insn->type];
    const struct opt_range *range = opt->range;
    struct opt_range result;
    switch ((unsigned)insn->op) {
    case IR_const:
        return range_of_const(insn->imm, width);
    case IR_get_reg:
        result = within(width, width);
        result.home = (uint8_t)insn->imm;
        return result;
    case IR_load:
        return range_of_loaded(insn->c, width);
    case IR_load_reserved:
    case IR_amo:
        return within(ir_memop_size_bytes(insn->c) * 8, width);
    case IR_zext:
        return below(range[insn->a].unsigned_bits, width);
    case IR_sext:
        if (range[insn->a].unsigned_bits < opt_width(opt, insn->a))
            return below(range[insn->a].unsigned_bits, width);
        return within(range[insn->a].signed_bits, width);
    case IR_trunc:
        if (range[insn->a].unsigned_bits <= width)
            return below(range[insn->a].unsigned_bits, width);
        return within(range[insn->a].signed_bits, width);
    case IR_and:
        result = below(smaller(range[insn->a].unsigned_bits, range[insn->b].unsigned_bits), width);
        result.signed_bits = smaller(result.signed_bits,
                                     larger(range[insn->a].signed_bits, range[insn->b].signed_bits));
        return result;
    case IR_or:
    case IR_xor:
        result = below(larger(range[insn->a].unsigned_bits, range[insn->b].unsigned_bits), width);
        result.signed_bits = smaller(result.signed_bits,
                                     larger(range[insn->a].signed_bits, range[insn->b].signed_bits));
        return result;
    case IR_shl:
    case IR_shr:
    case IR_sar:
        return range_of_shift(opt, insn, width);
    case IR_clz:
    case IR_ctz:
    case IR_popcnt:
        return below(7, width);
    case IR_fclass:
        return below(10, width);
    }
    if (ir_op_info[insn->op].result == 'W')
        return below(1, width);
    return within(width, width);
}
