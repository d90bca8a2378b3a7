/* Algebraic simplification, one operation at a time.
 *
 * A rule either names an equal value that exists or can be pushed, or rewrites the operation in
 * place to a better one. Constants have been moved to operand b before the rules look. Rules that
 * reach through an operand to its own operands ask opt_is_at_hand, so that they never keep a dead
 * guest register alive. */
#include "src/opt/internal.h"

#include "src/base/bits.h"

static ir_ref push2(struct opt *opt, enum ir_op op, enum ir_type type, ir_ref a, ir_ref b)
{
    return opt_push(opt, (struct ir_insn){(uint8_t)op, (uint8_t)type, a, b, IR_NONE, 0});
}
static ir_ref push1(struct opt *opt, enum ir_op op, enum ir_type type, ir_ref a)
{
    return push2(opt, op, type, a, IR_NONE);
}
/* The same with a constant of the result's type as operand b. */
static ir_ref push_const(struct opt *opt, enum ir_op op, enum ir_type type, ir_ref a, uint64_t b)
{
    return push2(opt, op, type, a, opt_const(opt, type, b));
}

/* clang-format off */
static bool is_commutative(enum ir_op op)
{
    switch ((unsigned)op) {
    case IR_add: case IR_mul: case IR_mulh_ss: case IR_mulh_uu: case IR_and: case IR_or:
    case IR_xor: case IR_min_s: case IR_min_u: case IR_max_s: case IR_max_u: case IR_eq: case IR_ne:
        return true;
    }
    return false;
}
/* clang-format on */

/* x op constant, where the constant is b and `value` its held value. */
struct operands {
    unsigned width;
    uint64_t value;
    uint64_t all_ones;
};

/* ---- extensions ---- */

/* sext and zext: of an extension of the same kind, of a truncation that lost nothing. */
static ir_ref simplify_extension(struct opt *opt, struct ir_insn *insn)
{
    const struct ir_insn *a = opt_insn(opt, insn->a);
    unsigned width = ir_type_width[insn->type], from = ir_type_width[a->type];
    if (width == from)
        return insn->a;
    if (a->op == insn->op && opt_is_at_hand(opt, a->a))
        insn->a = a->a;
    else if (insn->op == IR_sext && a->op == IR_zext &&
             ir_type_width[opt_insn(opt, a->a)->type] < from)
        return push1(opt, IR_zext, insn->type, a->a);
    a = opt_insn(opt, insn->a);
    if (a->op != IR_trunc || opt_insn(opt, a->a)->type != insn->type || !opt_is_at_hand(opt, a->a))
        return IR_NONE;
    struct opt_range range = opt_range_of(opt, a->a);
    from = ir_type_width[a->type];
    bool is_lossless =
        insn->op == IR_sext ? range.signed_bits <= from : range.unsigned_bits <= from;
    return is_lossless ? a->a : IR_NONE;
}

static ir_ref simplify_trunc(struct opt *opt, struct ir_insn *insn)
{
    const struct ir_insn *a = opt_insn(opt, insn->a);
    unsigned width = ir_type_width[insn->type];
    if (a->type == insn->type)
        return insn->a;
    if (a->op == IR_trunc)
        return push1(opt, IR_trunc, insn->type, a->a);
    if (a->op != IR_sext && a->op != IR_zext)
        return IR_NONE;
    unsigned inner = opt_width(opt, a->a);
    if (inner == width)
        return a->a;
    return push1(opt, inner > width ? IR_trunc : (enum ir_op)a->op, insn->type, a->a);
}

static ir_ref simplify_bitcast(struct opt *opt, struct ir_insn *insn)
{
    const struct ir_insn *a = opt_insn(opt, insn->a);
    if (a->type == insn->type)
        return insn->a;
    return a->op == IR_bitcast ? push1(opt, IR_bitcast, insn->type, a->a) : IR_NONE;
}

/* ---- opposite comparisons ---- */

/* clang-format off */
static enum ir_op inverse_comparison(enum ir_op op)
{
    switch ((unsigned)op) {
    case IR_eq: return IR_ne;
    case IR_ne: return IR_eq;
    case IR_lt_s: return IR_ge_s;
    case IR_ge_s: return IR_lt_s;
    case IR_lt_u: return IR_ge_u;
    case IR_ge_u: return IR_lt_u;
    }
    return IR_const; /* no integer comparison */
}
/* clang-format on */

/* The opposite of a comparison that is at hand, or IR_NONE. */
static ir_ref inverted(struct opt *opt, ir_ref ref)
{
    const struct ir_insn *comparison = opt_insn(opt, ref);
    enum ir_op inverse = inverse_comparison(comparison->op);
    if (inverse == IR_const || !opt_is_at_hand(opt, comparison->a) ||
        !opt_is_at_hand(opt, comparison->b))
        return IR_NONE;
    return push2(opt, inverse, IR_I64, comparison->a, comparison->b);
}

/* ---- arithmetic with a constant ---- */

/* (x + c1) + c2 as x + (c1 + c2). */
static ir_ref simplify_add(struct opt *opt, struct ir_insn *insn, const struct operands *o)
{
    const struct ir_insn *a = opt_insn(opt, insn->a);
    if (o->value == 0)
        return insn->a;
    if (a->op == IR_add && opt_is_const(opt, a->b) && opt_is_at_hand(opt, a->a))
        return push_const(opt, IR_add, insn->type, a->a, opt_insn(opt, a->b)->imm + o->value);
    return IR_NONE;
}

static ir_ref simplify_mul(struct opt *opt, struct ir_insn *insn, const struct operands *o)
{
    if (o->value == 0)
        return insn->b;
    if (o->value == 1)
        return insn->a;
    if (o->value & (o->value - 1))
        return IR_NONE;
    return push_const(opt, IR_shl, insn->type, insn->a, (uint64_t)__builtin_ctzll(o->value));
}

static ir_ref simplify_unsigned_division(struct opt *opt, struct ir_insn *insn,
                                         const struct operands *o)
{
    if (o->value == 0 || o->value & (o->value - 1))
        return IR_NONE;
    if (insn->op == IR_rem_u)
        return push_const(opt, IR_and, insn->type, insn->a, o->value - 1);
    return push_const(opt, IR_shr, insn->type, insn->a, (uint64_t)__builtin_ctzll(o->value));
}

static ir_ref simplify_and(struct opt *opt, struct ir_insn *insn, const struct operands *o)
{
    if (o->value == 0)
        return insn->b;
    /* A mask of low ones that the value fits already. */
    bool is_low_mask = (o->value & (o->value + 1)) == 0;
    if (is_low_mask && opt_range_of(opt, insn->a).unsigned_bits <= 64 - __builtin_clzll(o->value))
        return insn->a;
    const struct ir_insn *a = opt_insn(opt, insn->a);
    if (a->op == IR_and && opt_is_const(opt, a->b) && opt_is_at_hand(opt, a->a))
        return push_const(opt, IR_and, insn->type, a->a, opt_insn(opt, a->b)->imm & o->value);
    return IR_NONE;
}

static ir_ref simplify_or_xor(struct opt *opt, struct ir_insn *insn, const struct operands *o)
{
    if (o->value == 0)
        return insn->a;
    if (insn->op == IR_or && o->value == o->all_ones)
        return insn->b;
    if (insn->op == IR_xor && o->value == 1)
        return inverted(opt, insn->a);
    const struct ir_insn *a = opt_insn(opt, insn->a);
    if (a->op != insn->op || !opt_is_const(opt, a->b) || !opt_is_at_hand(opt, a->a))
        return IR_NONE;
    uint64_t inner = opt_insn(opt, a->b)->imm;
    return push_const(opt, insn->op, insn->type, a->a,
                      insn->op == IR_or ? inner | o->value : inner ^ o->value);
}

static enum ir_type integer_type(unsigned width)
{
    return width == 8 ? IR_I8 : width == 16 ? IR_I16 : width == 32 ? IR_I32 : IR_VOID;
}

/* Right shift after a left shift: how RV64 without Zbb extends. */
static ir_ref simplify_shift_pair(struct opt *opt, struct ir_insn *insn, const struct ir_insn *left,
                                  unsigned right_count, unsigned width)
{
    unsigned left_count = (unsigned)opt_insn(opt, left->b)->imm & (width - 1);
    enum ir_type narrow = integer_type(width - left_count);
    ir_ref x = left->a;
    if (insn->type != IR_I64 || right_count > left_count || narrow == IR_VOID)
        return IR_NONE;
    ir_ref low = push1(opt, IR_trunc, narrow, x);
    ir_ref extended = push1(opt, insn->op == IR_shr ? IR_zext : IR_sext, IR_I64, low);
    return push_const(opt, IR_shl, IR_I64, extended, left_count - right_count);
}

static ir_ref simplify_shift(struct opt *opt, struct ir_insn *insn, const struct operands *o)
{
    unsigned count = (unsigned)o->value & (o->width - 1);
    if (count == 0)
        return insn->a;
    if (count != o->value)
        return push_const(opt, insn->op, insn->type, insn->a, count);
    const struct ir_insn *a = opt_insn(opt, insn->a);
    if (a->op == IR_shl && insn->op != IR_shl && opt_is_const(opt, a->b) &&
        opt_is_at_hand(opt, a->a))
        return simplify_shift_pair(opt, insn, a, count, o->width);
    return IR_NONE;
}

/* The same value shifted left and right by counts that are together its width, put together: how rotations are
 * written where there is no instruction for them. `right` may be the left shift. */
static ir_ref rotation_of(struct opt *opt, const struct ir_insn *left, const struct ir_insn *right)
{
    if (left->op == IR_shr) {
        const struct ir_insn *other = left;
        left = right;
        right = other;
    }
    bool is_pair = left->op == IR_shl && right->op == IR_shr && left->a == right->a &&
                   left->type == right->type && opt_is_const(opt, left->b) &&
                   opt_is_const(opt, right->b) && opt_is_at_hand(opt, left->a);
    if (!is_pair)
        return IR_NONE;
    uint64_t left_count = opt_insn(opt, left->b)->imm, right_count = opt_insn(opt, right->b)->imm;
    unsigned width = ir_type_width[left->type];
    if (left_count >= width || right_count >= width || left_count + right_count != width)
        return IR_NONE;
    return push_const(opt, IR_rotl, left->type, left->a, left_count);
}

/* or, xor, add of the two. Extended they are a rotation if nothing is carried. */
static ir_ref simplify_rotation(struct opt *opt, const struct ir_insn *insn)
{
    const struct ir_insn *a = opt_insn(opt, insn->a), *b = opt_insn(opt, insn->b);
    enum ir_op extension = (enum ir_op)a->op;
    if ((extension != IR_sext && extension != IR_zext) || extension != (enum ir_op)b->op)
        return rotation_of(opt, a, b);
    if (insn->op == IR_add)
        return IR_NONE;
    ir_ref narrow = rotation_of(opt, opt_insn(opt, a->a), opt_insn(opt, b->a));
    return narrow == IR_NONE ? IR_NONE : push1(opt, extension, insn->type, narrow);
}

/* ---- comparison ---- */

/* A comparison of a truth value with zero: the value itself or the opposite comparison. */
static ir_ref simplify_truth(struct opt *opt, struct ir_insn *insn)
{
    if (insn->op == IR_ne && opt_range_of(opt, insn->a).unsigned_bits <= 1 &&
        opt_insn(opt, insn->a)->type == IR_I64)
        return insn->a;
    return insn->op == IR_eq ? inverted(opt, insn->a) : IR_NONE;
}

static ir_ref simplify_compare(struct opt *opt, struct ir_insn *insn, const struct operands *o)
{
    switch ((unsigned)insn->op) {
    case IR_eq:
    case IR_ne:
        return o->value == 0 ? simplify_truth(opt, insn) : IR_NONE;
    case IR_lt_u:
        if (o->value == 1)
            return push2(opt, IR_eq, IR_I64, insn->a,
                         opt_const(opt, opt_insn(opt, insn->a)->type, 0));
        return o->value == 0 ? opt_const(opt, IR_I64, 0) : IR_NONE;
    case IR_ge_u:
        if (o->value == 1)
            return push2(opt, IR_ne, IR_I64, insn->a,
                         opt_const(opt, opt_insn(opt, insn->a)->type, 0));
        return o->value == 0 ? opt_const(opt, IR_I64, 1) : IR_NONE;
    }
    return IR_NONE;
}

/* ---- dispatch ---- */

static ir_ref simplify_with_const(struct opt *opt, struct ir_insn *insn)
{
    unsigned width = opt_width(opt, insn->a);
    struct operands o = {width, opt_insn(opt, insn->b)->imm, bits_zero_extend(UINT64_MAX, width)};
    switch ((unsigned)insn->op) {
    case IR_add:
        return simplify_add(opt, insn, &o);
    case IR_sub:
        return push_const(opt, IR_add, insn->type, insn->a, 0 - o.value);
    case IR_mul:
        return simplify_mul(opt, insn, &o);
    case IR_div_u:
    case IR_rem_u:
        return simplify_unsigned_division(opt, insn, &o);
    case IR_div_s:
        return o.value == 1 ? insn->a : IR_NONE;
    case IR_and:
        return simplify_and(opt, insn, &o);
    case IR_or:
    case IR_xor:
        return simplify_or_xor(opt, insn, &o);
    case IR_shl:
    case IR_shr:
    case IR_sar:
        return simplify_shift(opt, insn, &o);
    case IR_rotl:
    case IR_rotr:
        return (o.value & (width - 1)) == 0 ? insn->a : IR_NONE;
    }
    return simplify_compare(opt, insn, &o);
}

/* Both operands are the same value. */
/* clang-format off */
static ir_ref simplify_same(struct opt *opt, struct ir_insn *insn)
{
    switch ((unsigned)insn->op) {
    case IR_sub: case IR_xor:
        return opt_const(opt, insn->type, 0);
    case IR_and: case IR_or: case IR_min_s: case IR_min_u: case IR_max_s: case IR_max_u:
    case IR_fcopysign:
        return insn->a;
    case IR_eq: case IR_ge_s: case IR_ge_u:
        return opt_const(opt, IR_I64, 1);
    case IR_ne: case IR_lt_s: case IR_lt_u:
        return opt_const(opt, IR_I64, 0);
    }
    return IR_NONE;
}
/* clang-format on */

static ir_ref simplify_binary(struct opt *opt, struct ir_insn *insn)
{
    if (opt_is_const(opt, insn->a) && is_commutative(insn->op)) {
        ir_ref constant = insn->a;
        insn->a = insn->b;
        insn->b = constant;
    }
    if (opt_is_const(opt, insn->b))
        return simplify_with_const(opt, insn);
    if (insn->op == IR_lt_u && opt_is_const(opt, insn->a) && opt_insn(opt, insn->a)->imm == 0)
        return push2(opt, IR_ne, IR_I64, insn->b, insn->a);
    if (insn->a == insn->b)
        return simplify_same(opt, insn);
    if (insn->op == IR_or || insn->op == IR_xor || insn->op == IR_add)
        return simplify_rotation(opt, insn);
    return IR_NONE;
}

ir_ref opt_simplify(struct opt *opt, struct ir_insn *insn)
{
    const struct ir_insn *a = opt_insn(opt, insn->a);
    switch ((unsigned)insn->op) {
    case IR_sext:
    case IR_zext:
        return simplify_extension(opt, insn);
    case IR_trunc:
        return simplify_trunc(opt, insn);
    case IR_bitcast:
        return simplify_bitcast(opt, insn);
    case IR_select:
        if (opt_is_const(opt, insn->a))
            return a->imm ? insn->b : insn->c;
        return insn->b == insn->c ? insn->b : IR_NONE;
    case IR_unbox:
        return a->op == IR_box ? a->a : IR_NONE;
    case IR_fneg:
        return a->op == IR_fneg ? a->a : IR_NONE;
    }
    return ir_op_info[insn->op].operand_count == 2 ? simplify_binary(opt, insn) : IR_NONE;
}

void opt_simplify_address(struct opt *opt, struct ir_insn *insn)
{
    const struct ir_insn *address = opt_insn(opt, insn->a);
    if (address->op != IR_add || !opt_is_const(opt, address->b) || !opt_is_at_hand(opt, address->a))
        return;
    uint64_t displacement = opt_insn(opt, address->b)->imm + insn->imm;
    if ((int64_t)displacement != (int32_t)displacement)
        return;
    insn->a = address->a;
    insn->imm = displacement;
}

void opt_simplify_exit(struct opt *opt, struct ir_insn *insn)
{
    const struct ir_insn *condition = opt_insn(opt, insn->a);
    if (condition->op == IR_ne && opt_is_const(opt, condition->b) &&
        opt_insn(opt, condition->b)->imm == 0 && opt_insn(opt, condition->a)->type == IR_I64 &&
        opt_is_at_hand(opt, condition->a))
        insn->a = condition->a;
}
