/* Integer operations.
 *
 * Registers hold arbitrary bits above a value's width, except that an i32 result is zero-extended,
 * as every 32-bit instruction leaves it. i8 and i16 arithmetic is done in 32 bits where the low
 * bits do not depend on the high ones, else by the evaluator: RISC-V code hardly has any. The
 * result's register (t1_def_gpr) may be one that operands are read from; each emitter says how it
 * copes. */
#include "src/base/bits.h"
#include "tier1/emit.h"

static bool is_native_width(unsigned type)
{
    return type == IR_I32 || type == IR_I64;
}

static unsigned w_of(const struct t1_node *node)
{
    return x64_w(ir_type_width[node->type]);
}

/* Width of the instruction that computes the node: 32 or 64. */
static unsigned op_width(const struct t1_node *node)
{
    return node->type == IR_I64 ? 64 : 32;
}

static void unlock_operand(struct t1 *t, struct x64_operand operand)
{
    if (operand.kind == X64_REG)
        t1_unlock_gpr(t, operand.reg);
}

static void evaluate(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    t1_call_helper(t, ref, node, HELPER_EVAL,
                   helper_desc(node->op, node->type, t1_operand_type(t, ref, 0), 0));
}

void t1_emit_const(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    (void)t, (void)ref, (void)node; /* made where it is used */
}

/* ---- addition and logic ---- */

static void swap_operands(struct x64_operand *a, struct x64_operand *b)
{
    struct x64_operand other = *a;
    *a = *b;
    *b = other;
}

/* reg := a op b, where op is commutative or sub. */
static void put_two_operand(struct t1 *t, enum x64_alu op, unsigned w, unsigned reg,
                            struct x64_operand a, struct x64_operand b)
{
    if (x64_is_reg(b, reg) && !x64_is_reg(a, reg)) {
        if (op == X64_SUB) {
            x64_f7(&t->x, X64_NEG, w, reg);
            x64_alu(&t->x, X64_ADD, w, reg, a);
            return;
        }
        swap_operands(&a, &b);
    }
    x64_mov_ro(&t->x, reg, a);
    x64_alu(&t->x, op, w, reg, b);
}

static void emit_alu(struct t1 *t, ir_ref ref, const struct t1_node *node, enum x64_alu op)
{
    ir_ref a = node->operand[0], b = node->operand[1];
    bool is_commutative = op != X64_SUB;
    if (is_commutative && t1_is_const(t, a)) {
        a = node->operand[1];
        b = node->operand[0];
    }
    struct x64_operand source_a = t1_use(t, a, op_width(node), true);
    struct x64_operand source_b = t1_use(t, b, op_width(node), true);
    unsigned reg = t1_def_gpr(t, ref, a, is_commutative ? b : IR_NONE);
    put_two_operand(t, op, w_of(node), reg, source_a, source_b);
}

/* x + (y << n) */
static void emit_scaled_add(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    unsigned x = t1_use_gpr(t, node->operand[0]), y = t1_use_gpr(t, node->operand[1]);
    unsigned reg = t1_def_gpr(t, ref, node->operand[0], node->operand[1]);
    x64_lea(&t->x, w_of(node), reg, (struct x64_mem){(uint8_t)x, (uint8_t)y, node->cond, 0, 0});
}

/* a + constant or a + b into a third register: lea. False when another form is as good. */
static bool put_lea_add(struct t1 *t, unsigned w, unsigned reg, struct x64_operand a,
                        struct x64_operand b)
{
    if (a.kind != X64_REG || a.reg == reg || x64_is_reg(b, reg) || b.kind == X64_MEM)
        return false;
    struct x64_mem sum = x64_at(a.reg, b.value);
    if (b.kind == X64_REG)
        sum = (struct x64_mem){a.reg, b.reg, 0, 0, 0};
    x64_lea(&t->x, w, reg, sum);
    return true;
}

void t1_emit_add(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    if (node->flags & T1_LEA) {
        emit_scaled_add(t, ref, node);
        return;
    }
    bool is_swapped = t1_is_const(t, node->operand[0]);
    ir_ref a = node->operand[is_swapped], b = node->operand[!is_swapped];
    struct x64_operand source_a = t1_use(t, a, op_width(node), true);
    struct x64_operand source_b = t1_use(t, b, op_width(node), true);
    unsigned reg = t1_def_gpr(t, ref, a, b);
    if (!t->options->is_folding || !put_lea_add(t, w_of(node), reg, source_a, source_b))
        put_two_operand(t, X64_ADD, w_of(node), reg, source_a, source_b);
}

void t1_emit_sub(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    emit_alu(t, ref, node, X64_SUB);
}

void t1_emit_or(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    emit_alu(t, ref, node, X64_OR);
}

void t1_emit_xor(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    ir_ref a = node->operand[0], b = node->operand[1];
    uint64_t ones = bits_zero_extend(UINT64_MAX, op_width(node));
    if (!t1_is_immediate(t, b) || (t1_imm(t, b) & ones) != ones) {
        emit_alu(t, ref, node, X64_XOR);
        return;
    }
    struct x64_operand source = t1_use(t, a, op_width(node), true);
    unsigned reg = t1_def_gpr(t, ref, a, IR_NONE);
    x64_mov_ro(&t->x, reg, source);
    x64_f7(&t->x, X64_NOT, w_of(node), reg);
}

/* reg := the low `width` bits of source, zero-extended (8, 16, 32). */
static void put_zero_extend(struct t1 *t, unsigned width, unsigned reg, struct x64_operand source)
{
    if (width == 32)
        x64_ro(&t->x, 0x8b, reg, source);
    else
        x64_ro(&t->x, (width == 8 ? 0xb6 | X64_BYTE_RM : 0xb7) | X64_0F, reg, source);
}

static void put_sign_extend(struct t1 *t, unsigned w, unsigned width, unsigned reg,
                            struct x64_operand source)
{
    if (width == 32)
        x64_ro(&t->x, 0x63 | w, reg, source);
    else
        x64_ro(&t->x, (width == 8 ? 0xbe | X64_BYTE_RM : 0xbf) | X64_0F | w, reg, source);
}

static void emit_extension(struct t1 *t, ir_ref ref, const struct t1_node *node, unsigned width,
                           ir_ref value, bool is_signed)
{
    struct x64_operand source = t1_use(t, value, width, false);
    unsigned reg = t1_def_gpr(t, ref, value, IR_NONE);
    if (is_signed)
        put_sign_extend(t, w_of(node), width, reg, source);
    else
        put_zero_extend(t, width, reg, source);
}

/* Width of the zero extension that `and` with this mask is, or 0. */
static unsigned width_of_mask(uint64_t mask)
{
    return mask == 0xff ? 8 : mask == 0xffff ? 16 : mask == UINT32_MAX ? 32 : 0;
}

static void emit_andn(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    unsigned inverted = t1_use_gpr(t, node->operand[0]);
    struct x64_operand other = t1_use(t, node->operand[1], op_width(node), false);
    unsigned reg = t1_def_gpr(t, ref, node->operand[0], node->operand[1]);
    x64_vex_ro(&t->x, 0xf2 | X64_0F38 | w_of(node), reg, inverted, other);
}

void t1_emit_and(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    ir_ref b = node->operand[1];
    unsigned width = t1_is_immediate(t, b) ? width_of_mask(t1_imm(t, b)) : 0;
    if (node->flags & T1_ANDN)
        emit_andn(t, ref, node);
    else if (width && width < ir_type_width[node->type])
        emit_extension(t, ref, node, width, node->operand[0], false);
    else
        emit_alu(t, ref, node, X64_AND);
}

void t1_emit_sext(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    emit_extension(t, ref, node, t1_width_a(t, ref), node->operand[0], true);
}

void t1_emit_zext(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    emit_extension(t, ref, node, t1_width_a(t, ref), node->operand[0], false);
}

void t1_emit_trunc(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    (void)t, (void)ref, (void)node; /* always an alias (plan.c) */
}

/* ---- multiplication ---- */

void t1_emit_mul(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    bool is_swapped = t1_is_const(t, node->operand[0]);
    ir_ref a = node->operand[is_swapped], b = node->operand[!is_swapped];
    struct x64_operand source_b = t1_use(t, b, op_width(node), true);
    struct x64_operand source_a = t1_use(t, a, op_width(node), false);
    unsigned reg = t1_def_gpr(t, ref, a, b);
    if (source_b.kind == X64_IMM) {
        x64_ro(&t->x, 0x69 | w_of(node), reg, source_a);
        x64_u32(&t->x, (uint32_t)source_b.value);
        return;
    }
    if (x64_is_reg(source_b, reg))
        swap_operands(&source_a, &source_b);
    x64_mov_ro(&t->x, reg, source_a);
    x64_ro(&t->x, 0xaf | X64_0F | w_of(node), reg, source_b);
}

/* RDX is a pinned register: it is kept in a temporary around mul, imul, div and idiv. Gives the
 * temporary, or RDX itself when the result goes there. */
static unsigned save_rdx(struct t1 *t, unsigned result)
{
    if (result == X64_RDX)
        return X64_RDX;
    unsigned temp = t1_temp_gpr(t);
    x64_mov_rr(&t->x, temp, X64_RDX);
    return temp;
}

static void restore_rdx(struct t1 *t, unsigned saved)
{
    if (saved != X64_RDX)
        x64_mov_rr(&t->x, X64_RDX, saved);
}

/* The result of mul or div, now in `from`, goes to its pinned register or to RAX. */
static void bind_result(struct t1 *t, ir_ref ref, unsigned home, unsigned from)
{
    unsigned reg = home == X64_NO_REG ? X64_RAX : home;
    t1_bind_gpr(t, ref, reg);
    x64_mov_rr(&t->x, reg, from);
}

static void emit_mulh(struct t1 *t, ir_ref ref, const struct t1_node *node, enum x64_f7 op)
{
    t1_take_gpr(t, X64_RAX);
    struct x64_operand a = t1_use(t, node->operand[0], 64, true);
    unsigned b = t1_use_gpr(t, node->operand[1]);
    unsigned reg = t1_home_gpr(t, ref);
    unsigned saved = save_rdx(t, reg);
    x64_mov_ro(&t->x, X64_RAX, a);
    x64_f7(&t->x, op, X64_W, b);
    bind_result(t, ref, reg, X64_RDX);
    restore_rdx(t, saved);
}

void t1_emit_mulh_ss(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    emit_mulh(t, ref, node, X64_IMUL);
}

void t1_emit_mulh_uu(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    emit_mulh(t, ref, node, X64_MUL);
}

void t1_emit_mulh_su(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    evaluate(t, ref, node);
}

/* ---- division ---- */

/* x86 traps where RISC-V defines a result: RDX:RAX is made as if the division had given it. */
static void cold_divide_by_zero(struct t1 *t, const struct t1_cold *cold)
{
    x64_rr(&t->x, 0x8b | (cold->a ? X64_W : 0), X64_RDX, X64_RAX); /* remainder: the dividend */
    x64_mov_ri(&t->x, X64_RAX, cold->a ? UINT64_MAX : UINT32_MAX);
    x64_patch_rel32(&t->x, x64_jmp(&t->x), cold->back);
}

static void cold_divide_by_minus_one(struct t1 *t, const struct t1_cold *cold)
{
    x64_f7(&t->x, X64_NEG, cold->a ? X64_W : 0, X64_RAX);
    x64_mov_ri(&t->x, X64_RDX, 0);
    x64_patch_rel32(&t->x, x64_jmp(&t->x), cold->back);
}

/* The divisor in a register other than RAX and RDX; saved: where RDX was put. */
static unsigned settle_divisor(struct t1 *t, unsigned divisor, unsigned saved)
{
    if (divisor != X64_RDX)
        return divisor;
    if (saved != X64_RDX)
        return saved;
    unsigned temp = t1_temp_gpr(t);
    x64_mov_rr(&t->x, temp, X64_RDX);
    return temp;
}

static void emit_division(struct t1 *t, ir_ref ref, const struct t1_node *node, bool is_signed,
                          enum x64_reg result)
{
    if (!is_native_width(node->type)) {
        evaluate(t, ref, node);
        return;
    }
    unsigned w = w_of(node);
    t1_take_gpr(t, X64_RAX);
    struct x64_operand dividend = t1_use(t, node->operand[0], op_width(node), true);
    unsigned divisor = t1_use_gpr(t, node->operand[1]);
    unsigned reg = t1_home_gpr(t, ref);
    unsigned saved = save_rdx(t, reg);
    divisor = settle_divisor(t, divisor, saved);
    x64_mov_ro(&t->x, X64_RAX, dividend);
    x64_test_rr(&t->x, w, divisor, divisor);
    struct t1_cold *by_zero = t1_cold(t, x64_jcc(&t->x, X64_E), cold_divide_by_zero);
    struct t1_cold *by_minus_one = NULL;
    if (is_signed) {
        x64_alu_ri(&t->x, X64_CMP, w, divisor, -1);
        by_minus_one = t1_cold(t, x64_jcc(&t->x, X64_E), cold_divide_by_minus_one);
        by_minus_one->a = w != 0;
        x64_u8(&t->x, w ? 0x48 : 0x99); /* cqo, cdq */
        if (w)
            x64_u8(&t->x, 0x99);
    } else {
        x64_alu(&t->x, X64_XOR, 0, X64_RDX, x64_reg_operand(X64_RDX));
    }
    x64_f7(&t->x, is_signed ? X64_IDIV : X64_DIV, w, divisor);
    by_zero->a = w != 0;
    by_zero->back = x64_offset(&t->x);
    if (by_minus_one)
        by_minus_one->back = x64_offset(&t->x);
    bind_result(t, ref, reg, result);
    restore_rdx(t, saved);
}

void t1_emit_div_s(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    emit_division(t, ref, node, true, X64_RAX);
}

void t1_emit_div_u(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    emit_division(t, ref, node, false, X64_RAX);
}

void t1_emit_rem_s(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    emit_division(t, ref, node, true, X64_RDX);
}

void t1_emit_rem_u(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    emit_division(t, ref, node, false, X64_RDX);
}

/* ---- shifts and rotations ---- */

static void emit_shift_by_constant(struct t1 *t, ir_ref ref, const struct t1_node *node,
                                   enum x64_shift op)
{
    unsigned width = ir_type_width[node->type];
    unsigned count = (unsigned)t1_imm(t, node->operand[1]) & (width - 1);
    struct x64_operand source = t1_use(t, node->operand[0], op_width(node), true);
    unsigned reg = t1_def_gpr(t, ref, node->operand[0], IR_NONE);
    x64_mov_ro(&t->x, reg, source);
    x64_shift_i(&t->x, op, w_of(node), reg, count);
}

/* The count goes through CL, that is RCX, a pinned register. */
static void emit_shift_by_cl(struct t1 *t, ir_ref ref, const struct t1_node *node,
                             enum x64_shift op)
{
    unsigned work = t1_temp_gpr(t);
    struct x64_operand source = t1_use(t, node->operand[0], op_width(node), true);
    x64_mov_ro(&t->x, work, source);
    unlock_operand(t, source);
    struct x64_operand count = t1_use(t, node->operand[1], 32, true);
    unsigned saved = t1_temp_gpr(t), reg = t1_home_gpr(t, ref);
    x64_mov_rr(&t->x, saved, X64_RCX);
    x64_mov_ro(&t->x, X64_RCX, count);
    x64_shift_cl(&t->x, op, w_of(node), work);
    x64_mov_rr(&t->x, X64_RCX, saved);
    if (reg == X64_NO_REG)
        reg = work;
    t1_bind_gpr(t, ref, reg);
    x64_mov_rr(&t->x, reg, work);
}

/* shlx, shrx, sarx: by the mandatory prefix. */
static void emit_bmi2_shift(struct t1 *t, ir_ref ref, const struct t1_node *node, unsigned prefix)
{
    struct x64_operand source = t1_use(t, node->operand[0], op_width(node), false);
    unsigned count = t1_use_gpr(t, node->operand[1]);
    unsigned reg = t1_def_gpr(t, ref, node->operand[0], node->operand[1]);
    x64_vex_ro(&t->x, 0xf7 | X64_0F38 | prefix | w_of(node), reg, count, source);
}

static void emit_shift(struct t1 *t, ir_ref ref, const struct t1_node *node, enum x64_shift op,
                       unsigned bmi2_prefix)
{
    if (t1_is_immediate(t, node->operand[1]))
        emit_shift_by_constant(t, ref, node, op);
    else if (bmi2_prefix && t->features & T1_BMI2)
        emit_bmi2_shift(t, ref, node, bmi2_prefix);
    else
        emit_shift_by_cl(t, ref, node, op);
}

void t1_emit_shl(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    if (is_native_width(node->type))
        emit_shift(t, ref, node, X64_SHL, X64_66);
    else
        evaluate(t, ref, node);
}

void t1_emit_shr(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    if (is_native_width(node->type))
        emit_shift(t, ref, node, X64_SHR, X64_F2);
    else
        evaluate(t, ref, node);
}

void t1_emit_sar(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    if (is_native_width(node->type))
        emit_shift(t, ref, node, X64_SAR, X64_F3);
    else
        evaluate(t, ref, node);
}

static void emit_rotation(struct t1 *t, ir_ref ref, const struct t1_node *node, enum x64_shift op)
{
    if (is_native_width(node->type))
        emit_shift(t, ref, node, op, 0);
    else
        evaluate(t, ref, node);
}

void t1_emit_rotl(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    emit_rotation(t, ref, node, X64_ROL);
}

void t1_emit_rotr(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    emit_rotation(t, ref, node, X64_ROR);
}

/* ---- bits ---- */

static void emit_count(struct t1 *t, ir_ref ref, const struct t1_node *node,
                       enum t1_feature feature, unsigned opcode)
{
    if (!is_native_width(node->type) || !(t->features & feature)) {
        evaluate(t, ref, node);
        return;
    }
    struct x64_operand source = t1_use(t, node->operand[0], op_width(node), false);
    unsigned reg = t1_def_gpr(t, ref, node->operand[0], IR_NONE);
    x64_ro(&t->x, opcode | X64_0F | X64_F3 | w_of(node), reg, source);
}

void t1_emit_clz(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    emit_count(t, ref, node, T1_LZCNT, 0xbd);
}

void t1_emit_ctz(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    emit_count(t, ref, node, T1_BMI1, 0xbc);
}

void t1_emit_popcnt(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    emit_count(t, ref, node, T1_POPCNT, 0xb8);
}

void t1_emit_bswap(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    struct x64_operand source = t1_use(t, node->operand[0], 64, true);
    unsigned reg = t1_def_gpr(t, ref, node->operand[0], IR_NONE);
    x64_mov_ro(&t->x, reg, source);
    x64_u8(&t->x, 0x48 | reg >> 3);
    x64_u8(&t->x, 0x0f);
    x64_u8(&t->x, 0xc8 | (reg & 7));
}

void t1_emit_orc_b(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    evaluate(t, ref, node);
}

/* ---- comparison and choice ---- */

static enum x64_cc swap_cc(enum x64_cc cc)
{
    static const uint8_t swapped[16] = {
        [X64_E] = X64_E, [X64_NE] = X64_NE, [X64_B] = X64_A,  [X64_AE] = X64_BE, [X64_A] = X64_B,
        [X64_BE] = X64_AE, [X64_L] = X64_G, [X64_GE] = X64_LE, [X64_G] = X64_L, [X64_LE] = X64_GE,
    };
    return (enum x64_cc)swapped[cc];
}

struct t1_compare t1_compare_operands(struct t1 *t, ir_ref x, ir_ref y, unsigned width,
                                      bool is_test, enum x64_cc cc)
{
    if (t1_is_const(t, x) && !t1_is_const(t, y)) {
        ir_ref other = x;
        x = y;
        y = other;
        cc = is_test ? cc : swap_cc(cc);
    }
    struct t1_compare compare = {.width = (uint8_t)width, .is_test = is_test, .cc = (uint8_t)cc};
    if (width < 32) {
        compare.a = x64_reg_operand(t1_use_gpr(t, x));
        compare.b = x64_reg_operand(t1_use_gpr(t, y));
        return compare;
    }
    compare.b = t1_use(t, y, width, true);
    if (compare.b.kind == X64_MEM)
        compare.a = x64_reg_operand(t1_use_gpr(t, x));
    else
        compare.a = t1_use(t, x, width, false);
    if (compare.b.kind == X64_IMM && compare.b.value == 0 && !is_test &&
        compare.a.kind == X64_REG) {
        compare.b = compare.a;
        compare.is_test = true;
    }
    return compare;
}

/* Only the flags change. */
void t1_emit_compare(struct t1 *t, const struct t1_compare *compare)
{
    struct x64 *x = &t->x;
    unsigned w = x64_w(compare->width);
    struct x64_operand a = compare->a, b = compare->b;
    if (compare->width < 32) {
        unsigned spec = compare->width == 8 ? 0x3a | X64_BYTE_RM | X64_BYTE_REG : 0x3b | X64_66;
        x64_rr(x, spec, a.reg, b.reg);
        return;
    }
    if (compare->is_test && b.kind == X64_IMM) {
        x64_ro(x, 0xf7 | w, 0, a);
        x64_u32(x, (uint32_t)b.value);
    } else if (compare->is_test) {
        struct x64_operand reg = a.kind == X64_REG ? a : b, other = a.kind == X64_REG ? b : a;
        x64_ro(x, 0x85 | w, reg.reg, other);
    } else if (a.kind == X64_REG) {
        x64_alu(x, X64_CMP, w, a.reg, b);
    } else if (b.kind == X64_IMM) {
        x64_alu_mi(x, X64_CMP, w, x64_at(a.reg, a.value), b.value);
    } else {
        x64_rm(x, 0x39 | w, b.reg, x64_at(a.reg, a.value));
    }
}

static bool is_read_by(const struct t1_compare *compare, unsigned reg)
{
    return x64_is_reg(compare->a, reg) || x64_is_reg(compare->b, reg);
}

static void emit_comparison(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    struct t1_compare compare =
        t1_compare_operands(t, node->operand[0], node->operand[1], t1_width_a(t, ref), false,
                            t1_cc_of((enum ir_op)node->op));
    unsigned reg = t1_def_gpr(t, ref, node->operand[0], node->operand[1]);
    bool is_cleared = !is_read_by(&compare, reg);
    if (is_cleared)
        x64_alu(&t->x, X64_XOR, 0, reg, x64_reg_operand(reg));
    t1_emit_compare(t, &compare);
    x64_setcc(&t->x, (enum x64_cc)compare.cc, reg);
    if (!is_cleared)
        put_zero_extend(t, 8, reg, x64_reg_operand(reg));
}

void t1_emit_eq(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    emit_comparison(t, ref, node);
}

void t1_emit_ne(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    emit_comparison(t, ref, node);
}

void t1_emit_lt_s(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    emit_comparison(t, ref, node);
}

void t1_emit_ge_s(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    emit_comparison(t, ref, node);
}

void t1_emit_lt_u(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    emit_comparison(t, ref, node);
}

void t1_emit_ge_u(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    emit_comparison(t, ref, node);
}

struct t1_compare t1_condition(struct t1 *t, const struct t1_node *node, unsigned first)
{
    if (node->flags & T1_FUSED)
        return t1_compare_operands(t, node->operand[first], node->operand[first + 1], node->width,
                                   node->flags & T1_TEST, (enum x64_cc)node->cond);
    struct x64_operand value = x64_reg_operand(t1_use_gpr(t, node->operand[first]));
    return (struct t1_compare){.a = value, .b = value, .width = 64, .is_test = true, .cc = X64_NE};
}

/* Only moves may stand between the compare and the cmov. The compare's registers are given up
 * first, so that four scratch registers are enough. */
void t1_emit_select(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    struct t1_compare compare = t1_condition(t, node, 2);
    t1_emit_compare(t, &compare);
    unlock_operand(t, compare.a);
    unlock_operand(t, compare.b);
    unsigned w = w_of(node);
    struct x64_operand if_true = t1_use(t, node->operand[0], op_width(node), false);
    struct x64_operand if_false = t1_use(t, node->operand[1], op_width(node), true);
    unsigned reg = t1_def_gpr(t, ref, node->operand[0], node->operand[1]);
    enum x64_cc cc = (enum x64_cc)compare.cc;
    if (x64_is_reg(if_true, reg)) {
        if (if_false.kind == X64_IMM)
            if_false = x64_reg_operand(t1_use_gpr(t, node->operand[1]));
        x64_cmov(&t->x, cc ^ 1, w, reg, if_false);
    } else {
        x64_mov_ro(&t->x, reg, if_false);
        x64_cmov(&t->x, cc, w, reg, if_true);
    }
}

/* min and max: the compare and the choice of the same two. */
static void emit_extreme(struct t1 *t, ir_ref ref, const struct t1_node *node, enum x64_cc a_wins)
{
    if (!is_native_width(node->type)) {
        evaluate(t, ref, node);
        return;
    }
    unsigned a = t1_use_gpr(t, node->operand[0]), b = t1_use_gpr(t, node->operand[1]);
    unsigned reg = t1_def_gpr(t, ref, node->operand[0], node->operand[1]);
    unsigned w = w_of(node);
    if (reg == b) { /* symmetric but for equal operands, which are the same anyway */
        b = a;
        a = reg;
    }
    x64_alu(&t->x, X64_CMP, w, a, x64_reg_operand(b));
    x64_mov_rr(&t->x, reg, a);
    x64_cmov(&t->x, a_wins ^ 1, w, reg, x64_reg_operand(b));
}

void t1_emit_min_s(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    emit_extreme(t, ref, node, X64_L);
}

void t1_emit_min_u(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    emit_extreme(t, ref, node, X64_B);
}

void t1_emit_max_s(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    emit_extreme(t, ref, node, X64_G);
}

void t1_emit_max_u(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    emit_extreme(t, ref, node, X64_A);
}
