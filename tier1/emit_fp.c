/* Floating point on scalar SSE, in VEX form when the host has AVX.
 *
 * MXCSR is the guest's: it rounds as frm says (IR_RM_HOST) and accrues the flags. x86 gives the
 * first operand's NaN where RISC-V wants the canonical one: a result is unclean until its bits
 * matter (a store, a sign operation, memory of a guest register, an exit; not a fault, which is
 * repaired afterwards), and is then compared with itself and repaired on a cold path. Arithmetic
 * that names another rounding mode goes through HELPER_FP, conversions that do where they are not simple.
 * The bits of an XMM register above a value's width are arbitrary. */
#include "src/base/bits.h"
#include "src/ir/fp.h"
#include "tier1/emit.h"

static bool has_avx(const struct t1 *t)
{
    return t->features & T1_AVX;
}

/* ---- instruction forms, VEX or SSE ---- */

static unsigned scalar(bool is_double)
{
    return X64_0F | (is_double ? X64_F2 : X64_F3);
}

static unsigned packed(bool is_double)
{
    return X64_0F | (is_double ? X64_66 : 0);
}

/* One source and one destination. */
static void put2(struct t1 *t, unsigned spec, unsigned reg, struct x64_operand source)
{
    if (has_avx(t))
        x64_vex_ro(&t->x, spec, reg, 0, source);
    else
        x64_ro(&t->x, spec, reg, source);
}

static void put2_rr(struct t1 *t, unsigned spec, unsigned reg, unsigned source)
{
    put2(t, spec, reg, x64_reg_operand(source));
}

void t1_move_xmm(struct t1 *t, unsigned reg, unsigned source)
{
    if (reg != source)
        put2_rr(t, 0x28 | X64_0F, reg, source);
}

/* reg := a op b. reg may be a or b. */
static void put3(struct t1 *t, unsigned spec, unsigned reg, unsigned a, struct x64_operand b)
{
    if (has_avx(t)) {
        x64_vex_ro(&t->x, spec, reg, a, b);
        return;
    }
    if (reg != a && x64_is_reg(b, reg)) {
        unsigned temp = t1_temp_xmm(t);
        t1_move_xmm(t, temp, reg);
        b = x64_reg_operand(temp);
    }
    t1_move_xmm(t, reg, a);
    x64_ro(&t->x, spec, reg, b);
}

static void put3_rr(struct t1 *t, unsigned spec, unsigned reg, unsigned a, unsigned b)
{
    put3(t, spec, reg, a, x64_reg_operand(b));
}

enum { UCOMIS = 0x2e, COMIS = 0x2f };

/* Quiet (UCOMIS) or signalling (COMIS) compare into ZF, PF, CF. */
static void put_compare(struct t1 *t, unsigned opcode, bool is_double, unsigned a,
                        struct x64_operand b)
{
    put2(t, opcode | packed(is_double), a, b);
}

void t1_load_xmm(struct t1 *t, unsigned reg, struct x64_mem mem, bool is_double)
{
    if (has_avx(t))
        x64_vex_rm(&t->x, 0x10 | scalar(is_double), reg, 0, mem);
    else
        x64_rm(&t->x, 0x10 | scalar(is_double), reg, mem);
}

void t1_store_xmm(struct t1 *t, struct x64_mem mem, unsigned reg, bool is_double)
{
    if (has_avx(t))
        x64_vex_rm(&t->x, 0x11 | scalar(is_double), reg, 0, mem);
    else
        x64_rm(&t->x, 0x11 | scalar(is_double), reg, mem);
}

void t1_move_xmm_to_gpr(struct t1 *t, unsigned gpr, unsigned xmm, bool is_double)
{
    put2_rr(t, 0x7e | X64_0F | X64_66 | (is_double ? X64_W : 0), xmm, gpr);
}

void t1_move_gpr_to_xmm(struct t1 *t, unsigned xmm, unsigned gpr, bool is_double)
{
    put2_rr(t, 0x6e | X64_0F | X64_66 | (is_double ? X64_W : 0), xmm, gpr);
}

/* ---- canonical NaNs ---- */

static struct x64_operand constant(unsigned which)
{
    struct x64_mem mem = T1_VCPU(float_constant);
    return (struct x64_operand){X64_MEM, mem.base, mem.disp + (int32_t)(16 * which)};
}

static void jump_back(struct t1 *t, const struct t1_cold *cold)
{
    x64_patch_rel32(&t->x, x64_jmp(&t->x), cold->back);
}

static void put_canonical_nan(struct t1 *t, unsigned reg, bool is_double)
{
    struct x64_operand nan = constant(is_double ? FLOAT_NAN_F64 : FLOAT_NAN_F32);
    t1_load_xmm(t, reg, x64_at(nan.reg, nan.value), true);
}

static void put_canonical_if_nan(struct t1 *t, unsigned reg, bool is_double)
{
    put_compare(t, UCOMIS, is_double, reg, x64_reg_operand(reg));
    uint32_t is_number = x64_jcc_short(&t->x, X64_NP);
    put_canonical_nan(t, reg, is_double);
    x64_patch_rel8(&t->x, is_number, x64_offset(&t->x));
}

/* One of a and b, or both, is NaN; c: is_double. */
static void cold_clean(struct t1 *t, const struct t1_cold *cold)
{
    if (cold->a != cold->b) {
        put_canonical_if_nan(t, cold->a, cold->c);
        put_canonical_if_nan(t, cold->b, cold->c);
    } else {
        put_canonical_nan(t, cold->a, cold->c);
    }
    jump_back(t, cold);
}

void t1_put_clean(struct t1 *t, unsigned a, unsigned b, bool is_double)
{
    put_compare(t, UCOMIS, is_double, a, x64_reg_operand(b));
    struct t1_cold *cold = t1_cold(t, x64_jcc(&t->x, X64_P), cold_clean);
    cold->a = (uint8_t)a;
    cold->b = (uint8_t)b;
    cold->c = is_double;
    cold->back = x64_offset(&t->x);
}

/* f32: the 32 bits above the value are ones. */
static bool is_boxed(const struct t1 *t, ir_ref value)
{
    return t->insns[value].op == IR_box || t->values[value].is_boxed;
}

/* The result is as the host gave it; an f32's upper neighbour is that of the first source. */
static void note_result(struct t1 *t, ir_ref ref, ir_ref first)
{
    t->values[ref].unclean =
        t->insns[ref].type == IR_F64 ? T1_UNCLEAN_F64 : T1_UNCLEAN_F32;
    t->values[ref].is_boxed = is_boxed(t, first);
}

/* ---- arithmetic ---- */

static void call_fp(struct t1 *t, ir_ref ref, const struct t1_node *node, unsigned rounding)
{
    t1_call_helper(t, ref, node, HELPER_FP,
                   helper_desc(node->op, node->type, t1_operand_type(t, ref, 0), rounding));
}

static void emit_arithmetic(struct t1 *t, ir_ref ref, const struct t1_node *node, unsigned opcode)
{
    if (node->imm != IR_RM_HOST) {
        call_fp(t, ref, node, (unsigned)node->imm);
        return;
    }
    ir_ref first = node->operand[0], second = node->operand[1];
    bool is_commutative = node->op == IR_fadd || node->op == IR_fmul;
    if (is_commutative && is_boxed(t, second)) { /* so the result is boxed, too */
        first = second;
        second = node->operand[0];
    }
    unsigned a = t1_use_xmm(t, first);
    struct x64_operand b = t1_use_xmm_operand(t, second);
    unsigned reg = t1_def_xmm(t, ref, first, second);
    put3(t, opcode | scalar(node->type == IR_F64), reg, a, b);
    note_result(t, ref, first);
}

void t1_emit_fadd(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    emit_arithmetic(t, ref, node, 0x58);
}

void t1_emit_fsub(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    emit_arithmetic(t, ref, node, 0x5c);
}

void t1_emit_fmul(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    emit_arithmetic(t, ref, node, 0x59);
}

void t1_emit_fdiv(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    emit_arithmetic(t, ref, node, 0x5e);
}

void t1_emit_fsqrt(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    if (node->imm != IR_RM_HOST) {
        call_fp(t, ref, node, (unsigned)node->imm);
        return;
    }
    bool is_double = node->type == IR_F64;
    unsigned a = t1_use_xmm(t, node->operand[0]);
    unsigned reg = t1_def_xmm(t, ref, node->operand[0], IR_NONE);
    put3_rr(t, 0x51 | scalar(is_double), reg, a, a);
    note_result(t, ref, node->operand[0]);
}

/* The result is NaN. RISC-V wants the invalid flag for infinity * 0 + quiet NaN too, which a plain
 * multiplication raises; whatever else that one raises is dropped. a result, b c factors,
 * d is_double. */
static void cold_fmadd(struct t1 *t, const struct t1_cold *cold)
{
    struct x64 *x = &t->x;
    struct x64_mem before = T1_VCPU(helper_arg[0]), after = T1_VCPU(helper_arg[1]);
    struct x64_mem saved_rax = T1_VCPU(helper_arg[2]);
    enum { STMXCSR = 3, LDMXCSR = 2, INVALID = 1 };
    x64_rm(x, 0xae | X64_0F, STMXCSR, before);
    put3_rr(t, 0x59 | scalar(cold->d), cold->a, cold->b, cold->c);
    x64_rm(x, 0xae | X64_0F, STMXCSR, after);
    x64_store(x, saved_rax, X64_RAX);
    x64_rm(x, 0x8b, X64_RAX, after);
    x64_alu_ri(x, X64_AND, 0, X64_RAX, INVALID);
    x64_rm(x, 0x09, X64_RAX, before);
    x64_load(x, X64_RAX, saved_rax);
    x64_rm(x, 0xae | X64_0F, LDMXCSR, before);
    put_canonical_nan(t, cold->a, cold->d);
    jump_back(t, cold);
}

void t1_emit_fmadd(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    if (node->imm != IR_RM_HOST || !(t->features & T1_FMA)) {
        call_fp(t, ref, node, (unsigned)node->imm);
        return;
    }
    static const uint8_t opcodes[4] = {0xb9, 0xbd, 0xbb, 0xbf}; /* 231 forms, by negations */
    bool is_double = node->type == IR_F64;
    unsigned opcode = opcodes[(node->flags & T1_NEG_PRODUCT ? 1 : 0) |
                              (node->flags & T1_NEG_ADDEND ? 2 : 0)];
    unsigned a = t1_use_xmm(t, node->operand[0]), b = t1_use_xmm(t, node->operand[1]);
    unsigned c = t1_use_xmm(t, node->operand[2]);
    bool is_square = c == a || c == b; /* the cold path reads a and b */
    unsigned reg = t1_def_xmm(t, ref, is_square ? IR_NONE : node->operand[2], IR_NONE);
    t1_move_xmm(t, reg, c);
    x64_vex_rr(&t->x, opcode | X64_0F38 | X64_66 | (is_double ? X64_W : 0), reg, a, b);
    put_compare(t, UCOMIS, is_double, reg, x64_reg_operand(reg));
    struct t1_cold *cold = t1_cold(t, x64_jcc(&t->x, X64_P), cold_fmadd);
    cold->a = (uint8_t)reg;
    cold->b = (uint8_t)a;
    cold->c = (uint8_t)b;
    cold->d = is_double;
    cold->back = x64_offset(&t->x);
    t->values[ref].is_boxed = is_boxed(t, node->operand[2]);
}

/* One of b and c is NaN: the other is the result, unless both are. a result, d is_double. */
static void cold_extreme(struct t1 *t, const struct t1_cold *cold)
{
    t1_move_xmm(t, cold->a, cold->c);
    put_compare(t, UCOMIS, cold->d, cold->b, x64_reg_operand(cold->b));
    uint32_t first_is_nan = x64_jcc_short(&t->x, X64_P);
    t1_move_xmm(t, cold->a, cold->b);
    x64_patch_rel8(&t->x, first_is_nan, x64_offset(&t->x));
    put_compare(t, UCOMIS, cold->d, cold->a, x64_reg_operand(cold->a));
    x64_patch_rel32(&t->x, x64_jcc(&t->x, X64_NP), cold->back);
    put_canonical_nan(t, cold->a, cold->d);
    jump_back(t, cold);
}

/* minsd gives its second operand when both are equal: doing it both ways and joining the results
 * by or (min) or and (max) orders the zeros. */
static void emit_float_extreme(struct t1 *t, ir_ref ref, const struct t1_node *node, unsigned opcode,
                         unsigned join)
{
    bool is_double = node->type == IR_F64;
    unsigned a = t1_use_xmm(t, node->operand[0]), b = t1_use_xmm(t, node->operand[1]);
    unsigned reg = t1_def_xmm(t, ref, IR_NONE, IR_NONE), other = t1_temp_xmm(t);
    put_compare(t, UCOMIS, is_double, a, x64_reg_operand(b));
    struct t1_cold *cold = t1_cold(t, x64_jcc(&t->x, X64_P), cold_extreme);
    cold->a = (uint8_t)reg;
    cold->b = (uint8_t)a;
    cold->c = (uint8_t)b;
    cold->d = is_double;
    put3_rr(t, opcode | scalar(is_double), reg, a, b);
    put3_rr(t, opcode | scalar(is_double), other, b, a);
    put3_rr(t, join | X64_0F, reg, reg, other);
    cold->back = x64_offset(&t->x);
}

void t1_emit_fmin(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    emit_float_extreme(t, ref, node, 0x5d, 0x56);
}

void t1_emit_fmax(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    emit_float_extreme(t, ref, node, 0x5f, 0x54);
}

/* ---- signs ---- */

enum { ANDPS = 0x54, ORPS = 0x56, XORPS = 0x57 };

/* reg := a op constant, which leaves what lies above an f32 alone. */
static void emit_sign_operation(struct t1 *t, ir_ref ref, const struct t1_node *node,
                                unsigned opcode, unsigned which)
{
    ir_ref operand = node->operand[0];
    t1_clean(t, operand);
    unsigned a = t1_use_xmm(t, operand), reg = t1_def_xmm(t, ref, operand, IR_NONE);
    put3(t, opcode | X64_0F, reg, a, constant(which));
    t->values[ref].is_boxed = is_boxed(t, operand);
}

void t1_emit_fneg(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    emit_sign_operation(t, ref, node, XORPS,
                        node->type == IR_F64 ? FLOAT_SIGN_F64 : FLOAT_SIGN_F32);
}

void t1_emit_fabs(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    emit_sign_operation(t, ref, node, ANDPS, node->type == IR_F64 ? FLOAT_ABS_F64 : FLOAT_ABS_F32);
}

void t1_emit_fcopysign(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    bool is_double = node->type == IR_F64;
    t1_clean(t, node->operand[0]);
    t1_clean(t, node->operand[1]);
    unsigned a = t1_use_xmm(t, node->operand[0]), b = t1_use_xmm(t, node->operand[1]);
    unsigned sign = t1_temp_xmm(t), magnitude = t1_temp_xmm(t);
    put3(t, ANDPS | X64_0F, magnitude, a, constant(is_double ? FLOAT_ABS_F64 : FLOAT_ABS_F32));
    put3(t, ANDPS | X64_0F, sign, b, constant(is_double ? FLOAT_SIGN_F64 : FLOAT_SIGN_F32));
    unsigned reg = t1_def_xmm(t, ref, node->operand[0], node->operand[1]);
    put3_rr(t, ORPS | X64_0F, reg, magnitude, sign);
    t->values[ref].is_boxed = is_boxed(t, node->operand[0]);
}

/* ---- comparison ---- */

void t1_emit_feq(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    enum { CMPS = 0xc2, EQUAL_QUIET = 0 };
    bool is_double = t1_width_a(t, ref) == 64;
    unsigned a = t1_use_xmm(t, node->operand[0]);
    struct x64_operand b = t1_use_xmm_operand(t, node->operand[1]);
    unsigned mask = t1_temp_xmm(t);
    put3(t, CMPS | scalar(is_double), mask, a, b);
    x64_u8(&t->x, EQUAL_QUIET);
    unsigned reg = t1_def_gpr(t, ref, IR_NONE, IR_NONE);
    t1_move_xmm_to_gpr(t, reg, mask, false);
    x64_alu_ri(&t->x, X64_AND, 0, reg, 1);
}

static void cold_muted(struct t1 *t, const struct t1_cold *cold)
{
    t1_put_kept_mxcsr(t);
    jump_back(t, cold);
}

/* a < b as b > a: unordered sets CF, so above and above-or-equal are false for NaNs. */
static void emit_order(struct t1 *t, ir_ref ref, const struct t1_node *node, enum x64_cc cc)
{
    unsigned b = t1_use_xmm(t, node->operand[1]);
    struct x64_operand a = t1_use_xmm_operand(t, node->operand[0]);
    unsigned reg = t1_def_gpr(t, ref, IR_NONE, IR_NONE);
    x64_alu(&t->x, X64_XOR, 0, reg, x64_reg_operand(reg));
    bool is_muted = ref > t->muted_from && ref < t->muted_until;
    put_compare(t, is_muted ? UCOMIS : COMIS, t1_width_a(t, ref) == 64, b, a);
    if (is_muted) {
        struct t1_cold *cold = t1_cold(t, x64_jcc(&t->x, X64_P), cold_muted);
        cold->back = x64_offset(&t->x);
    }
    x64_setcc(&t->x, cc, reg);
}

void t1_emit_flt(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    emit_order(t, ref, node, X64_A);
}

void t1_emit_fle(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    emit_order(t, ref, node, X64_AE);
}

void t1_emit_fclass(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    t1_call_helper(t, ref, node, HELPER_EVAL,
                   helper_desc(node->op, node->type, t1_operand_type(t, ref, 0), 0));
}

/* ---- conversion ---- */

/* x86 gave the "indefinite" integer, the most negative one: right for that very number, else RISC-V
 * saturates, NaN upwards. The invalid flag is set already. a result, b operand, c is 64 bits,
 * d is_double. */
static void cold_saturate(struct t1 *t, const struct t1_cold *cold)
{
    struct x64 *x = &t->x;
    put_compare(t, UCOMIS, cold->d, cold->b, x64_reg_operand(cold->b));
    uint32_t is_nan = x64_jcc_short(x, X64_P);
    put2_rr(t, 0x50 | packed(cold->d), cold->a, cold->b); /* movmsk */
    x64_rr(x, 0xf6 | X64_BYTE_RM, 0, cold->a);
    x64_u8(x, 1);
    x64_mov_ri(x, cold->a, cold->c ? UINT64_C(1) << 63 : UINT64_C(1) << 31);
    x64_patch_rel32(x, x64_jcc(x, X64_NE), cold->back);
    x64_patch_rel8(x, is_nan, x64_offset(x));
    x64_mov_ri(x, cold->a, cold->c ? INT64_MAX : INT32_MAX);
    jump_back(t, cold);
}

/* ---- the helper on the cold path ---- */

/* What is done otherwise where it is usual. a result, b operand, imm: the helper's desc. */
static void cold_fp(struct t1 *t, const struct t1_cold *cold)
{
    struct x64_mem argument = t1_helper_argument(0), upper = argument;
    enum ir_type type = (enum ir_type)(cold->imm >> 8 & 0xff), type_a = (enum ir_type)(cold->imm >> 16 & 0xff);
    upper.disp += 4;
    if (ir_type_is_float(type_a))
        t1_store_xmm(t, argument, cold->b, type_a == IR_F64);
    else
        x64_store(&t->x, argument, cold->b);
    if (ir_type_width[type_a] == 32)
        x64_store_i(&t->x, upper, 32, 0);
    x64_store_i(&t->x, t1_helper_argument(3), 64, (int32_t)cold->imm);
    x64_call_mem(&t->x, T1_VCPU(thunk_fp));
    if (ir_type_is_float(type))
        t1_load_xmm(t, cold->a, argument, true);
    else
        x64_rm(&t->x, 0x8b | x64_w(ir_type_width[type]), cold->a, argument);
    jump_back(t, cold);
}

/* From reg and operand a on, at the jump with this rel32. */
static struct t1_cold *fp_on_cold(struct t1 *t, uint32_t site, ir_ref ref, const struct t1_node *node,
                                  unsigned reg, unsigned a)
{
    struct t1_cold *cold = t1_cold(t, site, cold_fp);
    cold->a = (uint8_t)reg;
    cold->b = (uint8_t)a;
    cold->imm = helper_desc(node->op, node->type, t1_operand_type(t, ref, 0), (unsigned)node->imm);
    return cold;
}

/* ---- to integers ---- */

/* reg := a, made whole by the host's rounding mode `how`; not raising inexact with QUIETLY. */
enum { QUIETLY = 8 };
static void put_round(struct t1 *t, bool is_double, unsigned reg, unsigned a, unsigned how)
{
    x64_vex_rr(&t->x, (is_double ? 0x0b : 0x0a) | X64_0F3A | X64_66, reg, a, a);
    x64_u8(&t->x, how);
}

/* The same to the nearest, and what is half way between two away from zero: a part of at least a half is
 * doubled and cut to 1. All of it but the first step is exact. */
static void put_round_away(struct t1 *t, bool is_double, unsigned reg, unsigned a)
{
    unsigned part = t1_temp_xmm(t), to_zero = fp_rounding_control(IR_RM_RTZ);
    put_round(t, is_double, reg, a, to_zero);
    put3_rr(t, 0x5c | scalar(is_double), part, a, reg);
    put3_rr(t, 0x58 | scalar(is_double), part, part, part);
    put_round(t, is_double, part, part, to_zero | QUIETLY);
    put3_rr(t, 0x58 | scalar(is_double), reg, reg, part);
}

/* Can a be rounded first, and converted then? Not if it could be too large by its part behind the point alone: that
 * is not inexact but invalid. */
static bool can_round_first(const struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    return t->features & T1_AVX && (node->type == IR_I64 || t1_width_a(t, ref) == 32);
}

/* XMM register with the operand, made whole where its rounding mode is not the conversion's own. */
static unsigned rounded(struct t1 *t, const struct t1_node *node, bool is_double, unsigned a)
{
    if (node->imm == IR_RM_HOST || node->imm == IR_RM_RTZ)
        return a;
    unsigned whole = t1_temp_xmm(t);
    if (node->imm == IR_RM_RMM)
        put_round_away(t, is_double, whole, a);
    else
        put_round(t, is_double, whole, a, fp_rounding_control((unsigned)node->imm));
    return whole;
}

void t1_emit_fcvt_to_s(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    bool has_own_mode = node->imm == IR_RM_HOST || node->imm == IR_RM_RTZ;
    if (!has_own_mode && !can_round_first(t, ref, node)) {
        call_fp(t, ref, node, (unsigned)node->imm);
        return;
    }
    bool is_double = t1_width_a(t, ref) == 64;
    unsigned w = x64_w(ir_type_width[node->type]);
    unsigned a = t1_use_xmm(t, node->operand[0]);
    unsigned whole = rounded(t, node, is_double, a);
    unsigned reg = t1_def_gpr(t, ref, IR_NONE, IR_NONE);
    put2_rr(t, (node->imm == IR_RM_HOST ? 0x2d : 0x2c) | scalar(is_double) | w, reg, whole);
    x64_alu_ri(&t->x, X64_CMP, w, reg, 1); /* overflows for the most negative number only */
    struct t1_cold *cold = t1_cold(t, x64_jcc(&t->x, X64_O), cold_saturate);
    cold->a = (uint8_t)reg;
    cold->b = (uint8_t)a;
    cold->c = w != 0;
    cold->d = is_double;
    cold->back = x64_offset(&t->x);
}

/* Positive and within the signed numbers of 64 bits or the result's, as its sign and exponent say, it is converted
 * as a signed number. */
void t1_emit_fcvt_to_u(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    if (node->imm != IR_RM_RTZ) {
        call_fp(t, ref, node, (unsigned)node->imm);
        return;
    }
    enum { BIAS_F64 = 1023, BIAS_F32 = 127, FRACTION_F64 = 52, FRACTION_F32 = 23 };
    bool is_double = t1_width_a(t, ref) == 64;
    unsigned a = t1_use_xmm(t, node->operand[0]);
    unsigned reg = t1_def_gpr(t, ref, IR_NONE, IR_NONE);
    t1_move_xmm_to_gpr(t, reg, a, is_double);
    x64_shift_i(&t->x, X64_SHR, is_double ? X64_W : 0, reg, is_double ? FRACTION_F64 : FRACTION_F32);
    x64_alu_ri(&t->x, X64_CMP, 0, reg,
               (is_double ? BIAS_F64 : BIAS_F32) + (node->type == IR_I64 ? 63 : 32));
    struct t1_cold *cold = fp_on_cold(t, x64_jcc(&t->x, X64_AE), ref, node, reg, a);
    put2_rr(t, 0x2c | scalar(is_double) | X64_W, reg, a);
    cold->back = x64_offset(&t->x);
}

/* ---- from integers ---- */

static void put_from_integer(struct t1 *t, unsigned w, bool is_double, unsigned reg,
                             struct x64_operand source)
{
    unsigned spec = 0x2a | scalar(is_double) | w;
    if (has_avx(t)) {
        x64_vex_rr(&t->x, XORPS | X64_0F, reg, reg, reg);
        x64_vex_ro(&t->x, spec, reg, reg, source);
    } else {
        x64_rr(&t->x, XORPS | X64_0F, reg, reg);
        x64_ro(&t->x, spec, reg, source);
    }
}

/* Every 32-bit integer is an f64: the rounding mode does not matter. */
static bool is_inline_from_integer(const struct t1_node *node, unsigned width)
{
    return node->imm == IR_RM_HOST || (node->type == IR_F64 && width == 32);
}

/* Integers that the float can hold are the same in all rounding modes. */
static void emit_from_small(struct t1 *t, ir_ref ref, const struct t1_node *node, unsigned width, bool is_signed)
{
    enum { DIGITS_F64 = 53, DIGITS_F32 = 24 };
    bool is_double = node->type == IR_F64;
    unsigned a = t1_use_gpr(t, node->operand[0]), temp = t1_temp_gpr(t);
    unsigned reg = t1_def_xmm(t, ref, IR_NONE, IR_NONE), w = x64_w(width);
    x64_rr(&t->x, 0x8b | w, temp, a);
    x64_shift_i(&t->x, is_signed ? X64_SAR : X64_SHR, w, temp, is_double ? DIGITS_F64 : DIGITS_F32);
    if (is_signed)
        x64_alu_ri(&t->x, X64_ADD, w, temp, 1);
    x64_alu_ri(&t->x, X64_CMP, w, temp, is_signed ? 1 : 0);
    struct t1_cold *cold = fp_on_cold(t, x64_jcc(&t->x, X64_A), ref, node, reg, a);
    put_from_integer(t, w, is_double, reg, x64_reg_operand(a));
    cold->back = x64_offset(&t->x);
}

void t1_emit_fcvt_from_s(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    unsigned width = t1_width_a(t, ref);
    if (!is_inline_from_integer(node, width)) {
        emit_from_small(t, ref, node, width, true);
        return;
    }
    struct x64_operand source = t1_use(t, node->operand[0], width, false);
    unsigned reg = t1_def_xmm(t, ref, IR_NONE, IR_NONE);
    put_from_integer(t, x64_w(width), node->type == IR_F64, reg, source);
}

/* From 2^63 on: half of it, with the lost bit kept sticky, and doubled. a result, b operand, c a
 * temporary, d is_double. */
static void cold_from_large(struct t1 *t, const struct t1_cold *cold)
{
    struct x64 *x = &t->x;
    x64_mov_rr(x, cold->c, cold->b);
    x64_shift_i(x, X64_SHR, X64_W, cold->c, 1);
    uint32_t is_even = x64_jcc_short(x, X64_AE);
    x64_alu_ri(x, X64_OR, X64_W, cold->c, 1);
    x64_patch_rel8(x, is_even, x64_offset(x));
    put_from_integer(t, X64_W, cold->d, cold->a, x64_reg_operand(cold->c));
    put3_rr(t, 0x58 | scalar(cold->d), cold->a, cold->a, cold->a);
    jump_back(t, cold);
}

static void emit_from_u64(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    bool is_double = node->type == IR_F64;
    unsigned source = t1_use_gpr(t, node->operand[0]), temp = t1_temp_gpr(t);
    unsigned reg = t1_def_xmm(t, ref, IR_NONE, IR_NONE);
    x64_test_rr(&t->x, X64_W, source, source);
    struct t1_cold *cold = t1_cold(t, x64_jcc(&t->x, X64_S), cold_from_large);
    cold->a = (uint8_t)reg;
    cold->b = (uint8_t)source;
    cold->c = (uint8_t)temp;
    cold->d = is_double;
    put_from_integer(t, X64_W, is_double, reg, x64_reg_operand(source));
    cold->back = x64_offset(&t->x);
}

void t1_emit_fcvt_from_u(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    unsigned width = t1_width_a(t, ref);
    if (!is_inline_from_integer(node, width)) {
        emit_from_small(t, ref, node, width, false);
        return;
    }
    if (width == 64) {
        emit_from_u64(t, ref, node);
        return;
    }
    struct x64_operand source = t1_use(t, node->operand[0], 32, false);
    unsigned temp = t1_temp_gpr(t);
    x64_ro(&t->x, 0x8b, temp, source); /* zero-extends */
    unsigned reg = t1_def_xmm(t, ref, IR_NONE, IR_NONE);
    put_from_integer(t, X64_W, node->type == IR_F64, reg, x64_reg_operand(temp));
}

static void emit_float_to_float(struct t1 *t, ir_ref ref, const struct t1_node *node,
                                bool from_double)
{
    unsigned a = t1_use_xmm(t, node->operand[0]);
    unsigned reg = t1_def_xmm(t, ref, node->operand[0], IR_NONE);
    put3_rr(t, 0x5a | scalar(from_double), reg, a, a);
    note_result(t, ref, node->operand[0]);
    t->values[ref].is_boxed = false; /* above it is the rest of an f64 */
}

void t1_emit_fcvt_f32(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    if (node->imm != IR_RM_HOST)
        call_fp(t, ref, node, (unsigned)node->imm);
    else
        emit_float_to_float(t, ref, node, true);
}

void t1_emit_fcvt_f64(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    emit_float_to_float(t, ref, node, false);
}

/* ---- boxes and bits ---- */

void t1_emit_box(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    ir_ref value = node->operand[0];
    unsigned a = t1_use_xmm(t, value), reg = t1_def_xmm(t, ref, value, IR_NONE);
    if (is_boxed(t, value))
        t1_move_xmm(t, reg, a);
    else
        put3(t, ORPS | X64_0F, reg, a, constant(FLOAT_BOX));
    t->values[ref].unclean = t->values[value].unclean;
}

static void cold_not_boxed(struct t1 *t, const struct t1_cold *cold)
{
    put_canonical_nan(t, cold->a, false);
    jump_back(t, cold);
}

/* Sets the flags by whether the upper half of the low 64 bits is all ones; gives the condition that
 * it is not. */
static enum x64_cc put_box_test(struct t1 *t, unsigned reg)
{
    if (has_avx(t)) {
        x64_vex_ro(&t->x, 0x17 | X64_0F38 | X64_66, reg, 0, constant(FLOAT_BOX)); /* vptest */
        return X64_AE;
    }
    unsigned temp = t1_temp_gpr(t);
    t1_move_xmm_to_gpr(t, temp, reg, true);
    x64_shift_i(&t->x, X64_SAR, X64_W, temp, 32);
    x64_alu_ri(&t->x, X64_CMP, 0, temp, -1);
    return X64_NE;
}

/* A value that is in memory is looked at there. */
void t1_emit_unbox(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    ir_ref value = node->operand[0];
    t1_clean(t, value);
    struct x64_mem mem = t1_memory_of(t, value);
    unsigned reg;
    enum x64_cc is_not_boxed = X64_NE;
    if (t->values[value].xmm == X64_NO_REG && mem.base != X64_NO_REG) {
        reg = t1_def_xmm(t, ref, IR_NONE, IR_NONE);
        t1_load_xmm(t, reg, mem, true);
        mem.disp += 4;
        x64_alu_mi(&t->x, X64_CMP, 0, mem, -1);
    } else {
        unsigned a = t1_use_xmm(t, value);
        reg = t1_def_xmm(t, ref, value, IR_NONE);
        t1_move_xmm(t, reg, a);
        is_not_boxed = put_box_test(t, reg);
    }
    struct t1_cold *cold = t1_cold(t, x64_jcc(&t->x, is_not_boxed), cold_not_boxed);
    cold->a = (uint8_t)reg;
    cold->back = x64_offset(&t->x);
    t->values[ref].is_boxed = true;
}

/* Between the classes; within one it is an alias (plan.c). */
void t1_emit_bitcast(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    ir_ref value = node->operand[0];
    bool is_double = t1_width_a(t, ref) == 64;
    t1_clean(t, value);
    struct x64_mem mem = t1_memory_of(t, value);
    if (ir_type_is_float(node->type)) {
        unsigned gpr = t1_use_gpr(t, value), reg = t1_def_xmm(t, ref, IR_NONE, IR_NONE);
        t1_move_gpr_to_xmm(t, reg, gpr, is_double);
    } else if (t1_is_const(t, value)) {
        x64_mov_ri(&t->x, t1_def_gpr(t, ref, IR_NONE, IR_NONE), t1_imm(t, value));
    } else if (t->values[value].xmm == X64_NO_REG && mem.base != X64_NO_REG) {
        x64_rm(&t->x, 0x8b | (is_double ? X64_W : 0), t1_def_gpr(t, ref, IR_NONE, IR_NONE), mem);
    } else {
        unsigned xmm = t1_use_xmm(t, value), reg = t1_def_gpr(t, ref, IR_NONE, IR_NONE);
        t1_move_xmm_to_gpr(t, reg, xmm, is_double);
    }
}
