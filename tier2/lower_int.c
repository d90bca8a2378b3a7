/* Integer operations. Where the analysis says that an i64 result is narrow it is computed on 32
 * bits from the low halves of the operands. */
#include "tier2/lower.h"

#include "src/base/bits.h"

/* Whether to compute this operation on i32 although its type is i64. */
static bool is_on_32(const struct lowering *lower, const struct ir_insn *insn)
{
    return insn->type == IR_I64 && lower_is_narrow(lower, lower_ref(lower, insn));
}

static LLVMValueRef operand(struct lowering *lower, const struct ir_insn *insn, ir_ref ref)
{
    return is_on_32(lower, insn) ? lower_low32(lower, ref) : lower_value(lower, ref);
}

static void define(struct lowering *lower, const struct ir_insn *insn, LLVMValueRef value)
{
    if (is_on_32(lower, insn))
        lower_define_narrow(lower, insn, value);
    else
        lower_define(lower, insn, value);
}

static LLVMValueRef constant_like(LLVMValueRef value, int64_t constant)
{
    return LLVMConstInt(LLVMTypeOf(value), (uint64_t)constant, 1);
}

void lower_op_const(struct lowering *lower, const struct ir_insn *insn)
{
    if (ir_type_is_float(insn->type) && lower->is_plain_float) {
        ir_ref ref = lower_ref(lower, insn);
        lower_define(lower, insn, lower->blocks[lower->node_index].hidden_const[ref]);
        return;
    }
    if (ir_type_is_float(insn->type))
        lower_define(lower, insn,
                     lower_from_bits64(lower, lower_const64(lower, insn->imm), insn->type));
    else
        lower_define(lower, insn, LLVMConstInt(lower_type_of(lower, insn->type), insn->imm, 0));
}

/* ---- arithmetic ---- */

static void binary(struct lowering *lower, const struct ir_insn *insn, LLVMOpcode opcode)
{
    LLVMValueRef a = operand(lower, insn, insn->a), b = operand(lower, insn, insn->b);
    define(lower, insn, LLVMBuildBinOp(lower->builder, opcode, a, b, ""));
}

#define BINARY(name, opcode)                                                                       \
    void lower_op_##name(struct lowering *lower, const struct ir_insn *insn)                       \
    {                                                                                              \
        binary(lower, insn, opcode);                                                               \
    }
BINARY(add, LLVMAdd)
BINARY(sub, LLVMSub)
BINARY(mul, LLVMMul)
BINARY(and, LLVMAnd)
BINARY(or, LLVMOr)
BINARY(xor, LLVMXor)
#undef BINARY

static LLVMValueRef extend_128(struct lowering *lower, ir_ref ref, bool is_signed)
{
    LLVMValueRef value = lower_value(lower, ref);
    return is_signed ? LLVMBuildSExt(lower->builder, value, lower->type.i128, "")
                     : LLVMBuildZExt(lower->builder, value, lower->type.i128, "");
}

static void multiply_high(struct lowering *lower, const struct ir_insn *insn, bool is_a_signed,
                          bool is_b_signed)
{
    LLVMBuilderRef builder = lower->builder;
    LLVMValueRef product = LLVMBuildMul(builder, extend_128(lower, insn->a, is_a_signed),
                                        extend_128(lower, insn->b, is_b_signed), "");
    LLVMValueRef high = LLVMBuildLShr(builder, product, LLVMConstInt(lower->type.i128, 64, 0), "");
    lower_define(lower, insn, LLVMBuildTrunc(builder, high, lower->type.i64, ""));
}

void lower_op_mulh_ss(struct lowering *lower, const struct ir_insn *insn)
{
    multiply_high(lower, insn, true, true);
}

void lower_op_mulh_su(struct lowering *lower, const struct ir_insn *insn)
{
    multiply_high(lower, insn, true, false);
}

void lower_op_mulh_uu(struct lowering *lower, const struct ir_insn *insn)
{
    multiply_high(lower, insn, false, false);
}

/* The divisor, or 1 where the division would trap on the host: by zero, or the most negative
 * number by -1 (whose quotient is the dividend, whose remainder 0, as with 1). */
static LLVMValueRef safe_divisor(struct lowering *lower, LLVMValueRef a, LLVMValueRef b,
                                 LLVMValueRef is_zero, bool is_signed)
{
    LLVMBuilderRef builder = lower->builder;
    LLVMValueRef is_unsafe = is_zero;
    if (is_signed) {
        unsigned width = LLVMGetIntTypeWidth(LLVMTypeOf(a));
        LLVMValueRef lowest = LLVMConstInt(LLVMTypeOf(a), UINT64_C(1) << (width - 1), 0);
        LLVMValueRef overflows =
            LLVMBuildAnd(builder, LLVMBuildICmp(builder, LLVMIntEQ, a, lowest, ""),
                         LLVMBuildICmp(builder, LLVMIntEQ, b, constant_like(b, -1), ""), "");
        is_unsafe = LLVMBuildOr(builder, is_zero, overflows, "");
    }
    return LLVMBuildSelect(builder, is_unsafe, constant_like(b, 1), b, "");
}

static void divide(struct lowering *lower, const struct ir_insn *insn, LLVMOpcode opcode,
                   bool is_signed, bool is_remainder)
{
    LLVMBuilderRef builder = lower->builder;
    LLVMValueRef a = operand(lower, insn, insn->a), b = operand(lower, insn, insn->b);
    LLVMValueRef is_zero = LLVMBuildICmp(builder, LLVMIntEQ, b, constant_like(b, 0), "");
    LLVMValueRef divisor = safe_divisor(lower, a, b, is_zero, is_signed);
    LLVMValueRef result = LLVMBuildBinOp(builder, opcode, a, divisor, "");
    LLVMValueRef by_zero = is_remainder ? a : constant_like(a, -1);
    define(lower, insn, LLVMBuildSelect(builder, is_zero, by_zero, result, ""));
}

void lower_op_div_s(struct lowering *lower, const struct ir_insn *insn)
{
    divide(lower, insn, LLVMSDiv, true, false);
}

void lower_op_div_u(struct lowering *lower, const struct ir_insn *insn)
{
    divide(lower, insn, LLVMUDiv, false, false);
}

void lower_op_rem_s(struct lowering *lower, const struct ir_insn *insn)
{
    divide(lower, insn, LLVMSRem, true, true);
}

void lower_op_rem_u(struct lowering *lower, const struct ir_insn *insn)
{
    divide(lower, insn, LLVMURem, false, true);
}

/* ---- shifts ---- */

static LLVMValueRef shift_count(struct lowering *lower, const struct ir_insn *insn)
{
    LLVMValueRef count = lower_value(lower, insn->b);
    return LLVMBuildAnd(lower->builder, count, constant_like(count, ir_type_width[insn->type] - 1),
                        "");
}

static void shift(struct lowering *lower, const struct ir_insn *insn, LLVMOpcode opcode)
{
    LLVMValueRef result = LLVMBuildBinOp(lower->builder, opcode, lower_value(lower, insn->a),
                                         shift_count(lower, insn), "");
    if (is_on_32(lower, insn))
        lower_define_narrow(lower, insn,
                            LLVMBuildTrunc(lower->builder, result, lower->type.i32, ""));
    else
        lower_define(lower, insn, result);
}

void lower_op_shl(struct lowering *lower, const struct ir_insn *insn)
{
    shift(lower, insn, LLVMShl);
}

void lower_op_shr(struct lowering *lower, const struct ir_insn *insn)
{
    shift(lower, insn, LLVMLShr);
}

/* Of a narrow value by a constant: on 32 bits, where a count above 31 means 31. */
void lower_op_sar(struct lowering *lower, const struct ir_insn *insn)
{
    if (!is_on_32(lower, insn) || !lower_is_narrow(lower, insn->a)) {
        shift(lower, insn, LLVMAShr);
        return;
    }
    uint64_t count = lower->block->insns[insn->b].imm & 63;
    LLVMValueRef low = lower_low32(lower, insn->a);
    LLVMValueRef by = lower_const32(lower, count > 31 ? 31 : (uint32_t)count);
    lower_define_narrow(lower, insn, LLVMBuildAShr(lower->builder, low, by, ""));
}

static void rotate(struct lowering *lower, const struct ir_insn *insn, const char *intrinsic)
{
    LLVMValueRef a = lower_value(lower, insn->a);
    LLVMValueRef args[] = {a, a, lower_value(lower, insn->b)};
    lower_define(lower, insn, lower_intrinsic(lower, intrinsic, LLVMTypeOf(a), args, 3));
}

void lower_op_rotl(struct lowering *lower, const struct ir_insn *insn)
{
    rotate(lower, insn, "llvm.fshl");
}

void lower_op_rotr(struct lowering *lower, const struct ir_insn *insn)
{
    rotate(lower, insn, "llvm.fshr");
}

/* ---- minimum, maximum, bit counts ---- */

static void binary_intrinsic(struct lowering *lower, const struct ir_insn *insn, const char *name)
{
    LLVMValueRef args[] = {operand(lower, insn, insn->a), operand(lower, insn, insn->b)};
    define(lower, insn, lower_intrinsic(lower, name, LLVMTypeOf(args[0]), args, 2));
}

#define BINARY_INTRINSIC(name, intrinsic)                                                          \
    void lower_op_##name(struct lowering *lower, const struct ir_insn *insn)                       \
    {                                                                                              \
        binary_intrinsic(lower, insn, intrinsic);                                                  \
    }
BINARY_INTRINSIC(min_s, "llvm.smin")
BINARY_INTRINSIC(min_u, "llvm.umin")
BINARY_INTRINSIC(max_s, "llvm.smax")
BINARY_INTRINSIC(max_u, "llvm.umax")
#undef BINARY_INTRINSIC

/* The intrinsic of one value; a narrow i64 result is a small number. */
static void count_bits(struct lowering *lower, const struct ir_insn *insn, const char *name,
                       bool has_zero_flag)
{
    LLVMValueRef a = lower_value(lower, insn->a);
    LLVMValueRef args[] = {a, LLVMConstNull(lower->type.i1)};
    LLVMValueRef count = lower_intrinsic(lower, name, LLVMTypeOf(a), args, has_zero_flag ? 2 : 1);
    if (is_on_32(lower, insn))
        count = LLVMBuildTrunc(lower->builder, count, lower->type.i32, "");
    define(lower, insn, count);
}

void lower_op_clz(struct lowering *lower, const struct ir_insn *insn)
{
    count_bits(lower, insn, "llvm.ctlz", true);
}

void lower_op_ctz(struct lowering *lower, const struct ir_insn *insn)
{
    count_bits(lower, insn, "llvm.cttz", true);
}

void lower_op_popcnt(struct lowering *lower, const struct ir_insn *insn)
{
    count_bits(lower, insn, "llvm.ctpop", false);
}

void lower_op_bswap(struct lowering *lower, const struct ir_insn *insn)
{
    LLVMValueRef a = lower_value(lower, insn->a);
    lower_define(lower, insn, lower_intrinsic(lower, "llvm.bswap", LLVMTypeOf(a), &a, 1));
}

/* Bit 7 of each byte becomes "the byte is not zero", then fills the byte. */
void lower_op_orc_b(struct lowering *lower, const struct ir_insn *insn)
{
    LLVMBuilderRef builder = lower->builder;
    LLVMValueRef a = lower_value(lower, insn->a);
    LLVMValueRef low_bits = lower_const64(lower, UINT64_C(0x7f7f7f7f7f7f7f7f));
    LLVMValueRef sum = LLVMBuildAdd(builder, LLVMBuildAnd(builder, a, low_bits, ""), low_bits, "");
    LLVMValueRef high = LLVMBuildAnd(builder, LLVMBuildOr(builder, sum, a, ""),
                                     lower_const64(lower, UINT64_C(0x8080808080808080)), "");
    LLVMValueRef ones = LLVMBuildLShr(builder, high, lower_const64(lower, 7), "");
    lower_define(lower, insn, LLVMBuildMul(builder, ones, lower_const64(lower, 255), ""));
}

/* ---- comparison and choice ---- */

static void compare(struct lowering *lower, const struct ir_insn *insn, LLVMIntPredicate predicate)
{
    bool on_32 = lower_is_narrow(lower, insn->a) && lower_is_narrow(lower, insn->b);
    LLVMValueRef a = on_32 ? lower_low32(lower, insn->a) : lower_value(lower, insn->a);
    LLVMValueRef b = on_32 ? lower_low32(lower, insn->b) : lower_value(lower, insn->b);
    lower_define_bit(lower, insn, LLVMBuildICmp(lower->builder, predicate, a, b, ""));
}

#define COMPARE(name, predicate)                                                                   \
    void lower_op_##name(struct lowering *lower, const struct ir_insn *insn)                       \
    {                                                                                              \
        compare(lower, insn, predicate);                                                           \
    }
COMPARE(eq, LLVMIntEQ)
COMPARE(ne, LLVMIntNE)
COMPARE(lt_s, LLVMIntSLT)
COMPARE(ge_s, LLVMIntSGE)
COMPARE(lt_u, LLVMIntULT)
COMPARE(ge_u, LLVMIntUGE)
#undef COMPARE

void lower_op_select(struct lowering *lower, const struct ir_insn *insn)
{
    LLVMValueRef condition = lower_bit(lower, insn->a);
    LLVMValueRef b = operand(lower, insn, insn->b), c = operand(lower, insn, insn->c);
    define(lower, insn, LLVMBuildSelect(lower->builder, condition, b, c, ""));
}

/* ---- width changes ---- */

/* Extends to the type, or to 32 bits when the result is narrow. */
static void extend(struct lowering *lower, const struct ir_insn *insn, LLVMOpcode opcode)
{
    LLVMTypeRef type = is_on_32(lower, insn) ? lower->type.i32 : lower_type_of(lower, insn->type);
    LLVMValueRef value = lower_value(lower, insn->a);
    if (LLVMTypeOf(value) != type)
        value = LLVMBuildCast(lower->builder, opcode, value, type, "");
    define(lower, insn, value);
}

void lower_op_sext(struct lowering *lower, const struct ir_insn *insn)
{
    extend(lower, insn, LLVMSExt);
}

void lower_op_zext(struct lowering *lower, const struct ir_insn *insn)
{
    extend(lower, insn, LLVMZExt);
}

void lower_op_trunc(struct lowering *lower, const struct ir_insn *insn)
{
    LLVMTypeRef type = lower_type_of(lower, insn->type);
    bool from_64 = lower->block->insns[insn->a].type == IR_I64 && type != lower->type.i64;
    LLVMValueRef value = from_64 ? lower_low32(lower, insn->a) : lower_value(lower, insn->a);
    if (LLVMTypeOf(value) != type)
        value = LLVMBuildTrunc(lower->builder, value, type, "");
    lower_define(lower, insn, value);
}

void lower_op_bitcast(struct lowering *lower, const struct ir_insn *insn)
{
    lower_clean(lower, insn->a);
    lower_define(lower, insn,
                 lower_bitcast(lower, lower_value(lower, insn->a),
                               lower_type_of(lower, insn->type)));
}
