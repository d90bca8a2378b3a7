/* Floating point, exact: results, NaNs and flags are RISC-V's.
 *
 * Operations that round as MXCSR does are constrained intrinsics (one host instruction, never
 * folded, moved over MXCSR accesses or dropped). Their NaNs stay as the host made them until
 * somebody looks at the bits (facts.h, unclean). Other rounding modes and rare cases call the helper.
 * The call sites are strictfp and the function is not: as a function attribute it makes the
 * backend wait for the x87 unit after inline assembly. */
#include "tier2/lower.h"

#include "src/base/bits.h"
#include "src/ir/fp.h"

#include <math.h>
#include <string.h>

/* A constrained intrinsic from operands to `result`. The metadata operands follow. */
static LLVMValueRef constrained(struct lowering *lower, const char *name, LLVMTypeRef *overloads,
                                unsigned overload_count, LLVMValueRef *args, unsigned count)
{
    unsigned id = LLVMLookupIntrinsicID(name, strlen(name));
    LLVMValueRef function =
        LLVMGetIntrinsicDeclaration(lower->module, id, overloads, overload_count);
    LLVMTypeRef type = LLVMIntrinsicGetType(lower->context, id, overloads, overload_count);
    LLVMValueRef call = LLVMBuildCall2(lower->builder, type, function, args, count, "");
    LLVMAddCallSiteAttribute(call, LLVMAttributeFunctionIndex, lower->strictfp);
    return call;
}

/* A stack word for MXCSR, made once per function. */
static LLVMValueRef scratch_word(struct lowering *lower)
{
    if (!lower->scratch)
        lower->scratch = lower_entry_alloca(lower, lower->type.i32);
    return lower->scratch;
}

/* ---- the helper ---- */

static LLVMValueRef operand_bits(struct lowering *lower, ir_ref ref)
{
    return ref == IR_NONE ? lower_const64(lower, 0) : lower_bits64(lower, ref);
}

static uint64_t helper_desc_of(const struct lowering *lower, const struct ir_insn *insn)
{
    return helper_desc(insn->op, insn->type, lower->block->insns[insn->a].type,
                       (unsigned)insn->imm & 7);
}

static LLVMValueRef call_helper(struct lowering *lower, enum vcpu_helper_index helper,
                                const struct ir_insn *insn)
{
    LLVMValueRef a = operand_bits(lower, insn->a), b = operand_bits(lower, insn->b);
    LLVMValueRef c = operand_bits(lower, insn->c);
    LLVMValueRef result = lower_helper(lower, helper, a, b, c, helper_desc_of(lower, insn));
    return lower_from_bits64(lower, result, insn->type);
}

/* fp_eval of the operation. */
static LLVMValueRef evaluate(struct lowering *lower, const struct ir_insn *insn)
{
    return call_helper(lower, HELPER_FP, insn);
}

/* `usual`, or when the bit is set, which is rare, what the helper says. */
static LLVMValueRef usual_or_helper(struct lowering *lower, const struct ir_insn *insn,
                                    LLVMValueRef is_rare, LLVMValueRef usual)
{
    LLVMBasicBlockRef here = LLVMGetInsertBlock(lower->builder);
    LLVMBasicBlockRef rare = lower_new_block(lower, "rare");
    LLVMBasicBlockRef onwards = lower_new_block(lower, "");
    lower_branch_unlikely(lower, is_rare, rare, onwards);
    lower_continue_at(lower, rare);
    LLVMValueRef exact = evaluate(lower, insn);
    LLVMBuildBr(lower->builder, onwards);
    lower_continue_at(lower, onwards);
    return lower_phi(lower, usual, here, exact, rare);
}

/* Adds the invalid flag when a * b is infinity * 0, and no other flag. */
static void flag_invalid_product(struct lowering *lower, LLVMValueRef a, LLVMValueRef b)
{
    static const char constraints[] = "=*m,=&x,=&r,=&r,x,x,~{dirflag},~{fpsr},~{flags}";
    char text[160];
    LLVMTypeRef type = LLVMTypeOf(a);
    snprintf(text, sizeof text,
             "stmxcsr $0\nmovl $0, $2\nvmuls%c $4, $5, $1\nstmxcsr $0\nmovl $0, $3\n"
             "andl $$1, $3\norl $3, $2\nmovl $2, $0\nldmxcsr $0",
             type == lower->type.f64 ? 'd' : 's');
    LLVMTypeRef results[] = {type, lower->type.i32, lower->type.i32};
    LLVMTypeRef operands[] = {lower->type.ptr, type, type};
    LLVMValueRef args[] = {scratch_word(lower), a, b};
    lower_asm_aside(lower, text, constraints,
                    LLVMFunctionType(LLVMStructTypeInContext(lower->context, results, 3, 0),
                                     operands, 3, 0),
                    args, 3);
}

/* ---- infinity * 0 + NaN ----
 *
 * It is invalid in RISC-V, not on the host, and the sum is a NaN then. Nobody sees the flag before
 * the block ends, so sums are not looked at one by one: products collect until some number are
 * pending, and a sum that goes into further arithmetic is watched through the result of that, which
 * is a NaN too. When a watched value is one, cold code goes through the products. */

/* The value that decides whether this one is a NaN. */
static ir_ref nan_source(const struct lowering *lower, ir_ref ref)
{
    for (;;) {
        const struct ir_insn *insn = &lower->block->insns[ref];
        bool is_same = insn->op == IR_fneg || insn->op == IR_fabs || insn->op == IR_box ||
                       (insn->op == IR_unbox && lower_is_narrow(lower, insn->a));
        if (!is_same)
            return ref;
        ref = insn->a;
    }
}

static bool unwatch(struct lowering *lower, ir_ref ref)
{
    struct pending_products *pending = &lower->pending;
    ref = nan_source(lower, ref);
    for (uint32_t i = 0; i < pending->watched_count; i++) {
        if (pending->watched[i] == ref) {
            pending->watched[i] = pending->watched[--pending->watched_count];
            return true;
        }
    }
    return false;
}

/* The result of arithmetic stands for those of its operands that are watched. */
static void watch_result(struct lowering *lower, const struct ir_insn *insn, bool is_product)
{
    struct pending_products *pending = &lower->pending;
    const ir_ref refs[] = {insn->a, insn->b, insn->c};
    bool is_watched = is_product;
    for (unsigned i = 0; i < ir_op_info[insn->op].operand_count; i++)
        is_watched |= unwatch(lower, refs[i]);
    if (is_watched)
        pending->watched[pending->watched_count++] = lower_ref(lower, insn);
}

/* i1: some watched value is a NaN. One comparison does for two. */
static LLVMValueRef has_watched_nan(struct lowering *lower)
{
    const struct pending_products *pending = &lower->pending;
    LLVMValueRef last[2] = {NULL, NULL}; /* f32 and f64 without a partner so far */
    LLVMValueRef is_nan = LLVMConstNull(lower->type.i1);
    for (uint32_t i = 0; i < pending->watched_count; i++) {
        LLVMValueRef value = lower_value(lower, pending->watched[i]);
        LLVMValueRef *partner = &last[LLVMTypeOf(value) == lower->type.f64];
        if (*partner) {
            LLVMValueRef either =
                LLVMBuildFCmp(lower->builder, LLVMRealUNO, value, *partner, "");
            is_nan = LLVMBuildOr(lower->builder, is_nan, either, "");
        }
        *partner = *partner ? NULL : value;
    }
    for (unsigned i = 0; i < ARRAY_LENGTH(last); i++) {
        if (!last[i])
            continue;
        LLVMValueRef it = LLVMBuildFCmp(lower->builder, LLVMRealUNO, last[i], last[i], "");
        is_nan = LLVMBuildOr(lower->builder, is_nan, it, "");
    }
    return is_nan;
}

static void flag_pending_products(struct lowering *lower)
{
    struct pending_products *pending = &lower->pending;
    for (uint32_t i = 0; i < pending->count; i++)
        flag_invalid_product(lower, pending->a[i], pending->b[i]);
    *pending = (struct pending_products){0};
}

static void look_at_products(struct lowering *lower)
{
    if (!lower->pending.count)
        return;
    LLVMBasicBlockRef nan = lower_new_block(lower, "product");
    LLVMBasicBlockRef onwards = lower_new_block(lower, "");
    lower_branch_unlikely(lower, has_watched_nan(lower), nan, onwards);
    lower_continue_at(lower, nan);
    flag_pending_products(lower);
    LLVMBuildBr(lower->builder, onwards);
    lower_continue_at(lower, onwards);
}

/* Where others may see the flags: on the way out, when they are accessed, and in precise regions at
 * what may fault. */
static bool shows_flags(const struct lowering *lower, const struct ir_insn *insn)
{
    unsigned op = insn->op, shown_by = IR_EXITS | (lower->is_precise ? IR_ACCESSES : 0u);
    return ir_op_info[op].flags & shown_by || op == IR_get_fflags || op == IR_set_fflags ||
           op == IR_set_frm;
}

void lower_settle_products(struct lowering *lower, const struct ir_insn *insn)
{
    if (shows_flags(lower, insn))
        look_at_products(lower);
}

static void add_product(struct lowering *lower, const struct ir_insn *insn)
{
    struct pending_products *pending = &lower->pending;
    if (pending->count == MAX_PENDING_PRODUCTS)
        look_at_products(lower);
    pending->a[pending->count] = lower_value(lower, insn->a);
    pending->b[pending->count++] = lower_value(lower, insn->b);
    watch_result(lower, insn, true);
}

/* ---- arithmetic ---- */

static LLVMValueRef canonical_nan(const struct lowering *lower, LLVMTypeRef type)
{
    bool is_f64 = type == lower->type.f64;
    LLVMValueRef bits = is_f64 ? lower_const64(lower, FP_CANONICAL_F64)
                               : lower_const32(lower, (uint32_t)FP_CANONICAL_F32);
    return LLVMConstBitCast(bits, type);
}

/* The empty assembly keeps the branch from becoming a select. */
LLVMValueRef lower_canonical(struct lowering *lower, LLVMValueRef value)
{
    LLVMBuilderRef builder = lower->builder;
    LLVMBasicBlockRef here = LLVMGetInsertBlock(builder);
    LLVMBasicBlockRef nan = lower_new_block(lower, "nan");
    LLVMBasicBlockRef onwards = lower_new_block(lower, "");
    lower_branch_unlikely(lower, LLVMBuildFCmp(builder, LLVMRealUNO, value, value, ""), nan,
                          onwards);
    lower_continue_at(lower, nan);
    lower_asm_aside(lower, "", "", LLVMFunctionType(lower->type.none, NULL, 0, 0), NULL, 0);
    LLVMBuildBr(builder, onwards);
    lower_continue_at(lower, onwards);
    return lower_phi(lower, value, here, canonical_nan(lower, LLVMTypeOf(value)), nan);
}

LLVMValueRef lower_canonical_select(struct lowering *lower, LLVMValueRef value)
{
    LLVMValueRef is_nan = LLVMBuildFCmp(lower->builder, LLVMRealUNO, value, value, "");
    return LLVMBuildSelect(lower->builder, is_nan, canonical_nan(lower, LLVMTypeOf(value)), value,
                           "");
}

LLVMValueRef lower_is_nan_by_bits(struct lowering *lower, LLVMValueRef value)
{
    LLVMBuilderRef builder = lower->builder;
    bool is_f64 = LLVMTypeOf(value) == lower->type.f64;
    LLVMTypeRef integer = is_f64 ? lower->type.i64 : lower->type.i32;
    LLVMValueRef bits = lower_bitcast(lower, value, integer);
    bits = LLVMBuildShl(builder, bits, LLVMConstInt(integer, 1, 0), "");
    uint64_t infinity = is_f64 ? UINT64_C(0xffe0000000000000) : UINT64_C(0xff000000);
    return LLVMBuildICmp(builder, LLVMIntUGT, bits, LLVMConstInt(integer, infinity, 0), "");
}

static bool rounds_as_host(const struct ir_insn *insn)
{
    return insn->imm == IR_RM_HOST;
}

/* An operation whose operands and result have one type. */
static LLVMValueRef arithmetic(struct lowering *lower, const struct ir_insn *insn,
                               const char *intrinsic, unsigned operand_count)
{
    const ir_ref refs[] = {insn->a, insn->b, insn->c};
    LLVMTypeRef type = lower_type_of(lower, insn->type);
    LLVMValueRef args[5];
    for (unsigned i = 0; i < operand_count; i++)
        args[i] = lower_value(lower, refs[i]);
    args[operand_count] = lower->rounding;
    args[operand_count + 1] = lower->exceptions;
    return constrained(lower, intrinsic, &type, 1, args, operand_count + 2);
}

static void lower_binary(struct lowering *lower, const struct ir_insn *insn, const char *intrinsic,
                         LLVMOpcode plain)
{
    if (!rounds_as_host(insn))
        lower_define(lower, insn, evaluate(lower, insn));
    else if (lower_is_plain(lower))
        lower_define(lower, insn,
                     LLVMBuildBinOp(lower->builder, plain, lower_value(lower, insn->a),
                                    lower_value(lower, insn->b), ""));
    else {
        lower_define(lower, insn, arithmetic(lower, insn, intrinsic, 2));
        watch_result(lower, insn, false);
    }
}

#define BINARY(name, plain)                                                                        \
    void lower_op_##name(struct lowering *lower, const struct ir_insn *insn)                       \
    {                                                                                              \
        lower_binary(lower, insn, "llvm.experimental.constrained." #name, plain);                  \
    }
BINARY(fadd, LLVMFAdd)
BINARY(fsub, LLVMFSub)
BINARY(fmul, LLVMFMul)
BINARY(fdiv, LLVMFDiv)
#undef BINARY

void lower_op_fsqrt(struct lowering *lower, const struct ir_insn *insn)
{
    if (!rounds_as_host(insn)) {
        lower_define(lower, insn, evaluate(lower, insn));
    } else if (lower_is_plain(lower)) {
        LLVMValueRef a = lower_value(lower, insn->a);
        lower_define(lower, insn, lower_intrinsic(lower, "llvm.sqrt", LLVMTypeOf(a), &a, 1));
    } else {
        lower_define(lower, insn,
                     arithmetic(lower, insn, "llvm.experimental.constrained.sqrt", 1));
        watch_result(lower, insn, false);
    }
}

/* The one value of x for which x * factor is invalid, or a NaN. */
static LLVMValueRef invalid_partner(struct lowering *lower, LLVMValueRef factor)
{
    LLVMBuilderRef builder = lower->builder;
    LLVMTypeRef type = LLVMTypeOf(factor);
    LLVMValueRef zero = LLVMConstNull(type), infinity = LLVMConstReal(type, HUGE_VAL);
    LLVMValueRef is_zero = LLVMBuildFCmp(builder, LLVMRealOEQ, factor, zero, "");
    LLVMValueRef size = lower_intrinsic(lower, "llvm.fabs", type, &factor, 1);
    LLVMValueRef is_infinite = LLVMBuildFCmp(builder, LLVMRealOEQ, size, infinity, "");
    LLVMValueRef partner = LLVMBuildSelect(builder, is_infinite, zero,
                                           canonical_nan(lower, type), "");
    return LLVMBuildSelect(builder, is_zero, infinity, partner, "");
}

/* Is the value the same in all iterations of the plain loop? Then so is what LLVM makes of it. */
static bool is_loop_constant(const struct lowering *lower, ir_ref ref)
{
    const struct ir_insn *insn = &lower->block->insns[ref];
    if (insn->op == IR_box || insn->op == IR_unbox || insn->op == IR_fneg || insn->op == IR_fabs)
        return is_loop_constant(lower, insn->a);
    uint64_t written = lower->facts->nodes[lower->node_index].written;
    return insn->op == IR_const ||
           (insn->op == IR_get_reg && !(written & reg_bit(insn->imm)));
}

/* Notes it when a * b is infinity * 0. */
static void note_invalid_product(struct lowering *lower, const struct ir_insn *insn)
{
    LLVMBuilderRef builder = lower->builder;
    bool is_b_constant = is_loop_constant(lower, insn->b);
    LLVMValueRef factor = lower_value(lower, is_b_constant ? insn->b : insn->a);
    LLVMValueRef other = lower_value(lower, is_b_constant ? insn->a : insn->b);
    LLVMTypeRef type = LLVMTypeOf(factor);
    LLVMValueRef size = lower_intrinsic(lower, "llvm.fabs", type, &other, 1);
    LLVMValueRef is_invalid =
        LLVMBuildFCmp(builder, LLVMRealOEQ, size, invalid_partner(lower, factor), "");
    bool is_f64 = type == lower->type.f64;
    LLVMTypeRef integer = is_f64 ? lower->type.i64 : lower->type.i32;
    LLVMValueRef slot = is_f64 ? lower->invalid64 : lower->invalid32;
    LLVMValueRef noted = LLVMBuildLoad2(builder, integer, slot, "");
    LLVMValueRef mask = LLVMBuildSExt(builder, is_invalid, integer, "");
    LLVMBuildStore(builder, LLVMBuildOr(builder, noted, mask, ""), slot);
}

void lower_flag_invalid(struct lowering *lower)
{
    LLVMBuilderRef builder = lower->builder;
    if (!lower->host->has_fma)
        return; /* there is no such operation in a plain loop then */
    LLVMValueRef noted32 = LLVMBuildLoad2(builder, lower->type.i32, lower->invalid32, "");
    LLVMValueRef noted64 = LLVMBuildLoad2(builder, lower->type.i64, lower->invalid64, "");
    LLVMValueRef noted = LLVMBuildOr(
        builder, LLVMBuildZExt(builder, noted32, lower->type.i64, ""), noted64, "");
    LLVMValueRef is_noted =
        LLVMBuildICmp(builder, LLVMIntNE, noted, lower_const64(lower, 0), "");
    LLVMBasicBlockRef rare = lower_new_block(lower, "invalid");
    LLVMBasicBlockRef onwards = lower_new_block(lower, "");
    lower_branch_unlikely(lower, is_noted, rare, onwards);
    lower_continue_at(lower, rare);
    flag_invalid_product(lower, LLVMConstReal(lower->type.f64, HUGE_VAL),
                         LLVMConstNull(lower->type.f64));
    LLVMBuildBr(builder, onwards);
    lower_continue_at(lower, onwards);
}

/* As a part of a plain loop, or where there are no flags. */
static LLVMValueRef plain_fmadd(struct lowering *lower, const struct ir_insn *insn)
{
    if (!lower->is_flagless)
        note_invalid_product(lower, insn);
    LLVMValueRef args[] = {lower_value(lower, insn->a), lower_value(lower, insn->b),
                           lower_value(lower, insn->c)};
    return lower_intrinsic(lower, "llvm.fma", LLVMTypeOf(args[0]), args, 3);
}

void lower_op_fmadd(struct lowering *lower, const struct ir_insn *insn)
{
    if (!rounds_as_host(insn) || !lower->host->has_fma) {
        lower_define(lower, insn, evaluate(lower, insn));
        return;
    }
    if (lower_is_plain(lower)) {
        lower_define(lower, insn, plain_fmadd(lower, insn));
        return;
    }
    LLVMValueRef sum = arithmetic(lower, insn, "llvm.experimental.constrained.fma", 3);
    lower_define(lower, insn, sum);
    add_product(lower, insn);
}

/* ---- sign operations: bits only, no flags ---- */

static void clean_if_seen(struct lowering *lower, const struct ir_insn *insn)
{
    if (lower->value_facts[lower_ref(lower, insn)].is_seen)
        lower_clean(lower, insn->a);
}

void lower_op_fneg(struct lowering *lower, const struct ir_insn *insn)
{
    clean_if_seen(lower, insn);
    lower_define(lower, insn, LLVMBuildFNeg(lower->builder, lower_value(lower, insn->a), ""));
}

void lower_op_fabs(struct lowering *lower, const struct ir_insn *insn)
{
    clean_if_seen(lower, insn);
    LLVMValueRef a = lower_value(lower, insn->a);
    lower_define(lower, insn, lower_intrinsic(lower, "llvm.fabs", LLVMTypeOf(a), &a, 1));
}

void lower_op_fcopysign(struct lowering *lower, const struct ir_insn *insn)
{
    clean_if_seen(lower, insn);
    lower_clean(lower, insn->b);
    LLVMValueRef args[] = {lower_value(lower, insn->a), lower_value(lower, insn->b)};
    lower_define(lower, insn,
                 lower_intrinsic(lower, "llvm.copysign", LLVMTypeOf(args[0]), args, 2));
}

/* ---- comparison ---- */

/* The predicates used here, as LLVM's plain comparison has them. */
static LLVMRealPredicate plain_predicate(const char *name)
{
    static const struct {
        const char *name;
        LLVMRealPredicate predicate;
    } predicates[] = {{"oeq", LLVMRealOEQ}, {"olt", LLVMRealOLT}, {"ole", LLVMRealOLE},
                      {"oge", LLVMRealOGE}, {"ogt", LLVMRealOGT}, {"uno", LLVMRealUNO}};
    unsigned i = 0;
    while (strcmp(predicates[i].name, name) != 0)
        i++;
    return predicates[i].predicate;
}

static LLVMValueRef compare(struct lowering *lower, LLVMValueRef a, LLVMValueRef b,
                            const char *predicate, bool is_signalling)
{
    LLVMTypeRef type = LLVMTypeOf(a);
    if (lower->is_flagless)
        return LLVMBuildFCmp(lower->builder, plain_predicate(predicate), a, b, "");
    LLVMMetadataRef name = LLVMMDStringInContext2(lower->context, predicate, strlen(predicate));
    LLVMValueRef args[] = {a, b, LLVMMetadataAsValue(lower->context, name), lower->exceptions};
    return constrained(lower,
                       is_signalling ? "llvm.experimental.constrained.fcmps"
                                     : "llvm.experimental.constrained.fcmp",
                       &type, 1, args, ARRAY_LENGTH(args));
}

/* A comparison that raises no flags at all: quiet ones do not, but for signalling NaNs, which no
 * operation returns. Those may come from memory. */
static LLVMValueRef compare_muted(struct lowering *lower, const struct ir_insn *insn,
                                  const char *predicate)
{
    LLVMBuilderRef builder = lower->builder;
    LLVMValueRef a = lower_value(lower, insn->a), b = lower_value(lower, insn->b);
    LLVMValueRef is_nan = LLVMConstNull(lower->type.i1);
    if (!lower->value_facts[insn->a].is_arithmetic)
        is_nan = LLVMBuildOr(builder, is_nan, lower_is_nan_by_bits(lower, a), "");
    if (!lower->value_facts[insn->b].is_arithmetic)
        is_nan = LLVMBuildOr(builder, is_nan, lower_is_nan_by_bits(lower, b), "");
    if (LLVMIsConstant(is_nan))
        return compare(lower, a, b, predicate, false);
    LLVMBasicBlockRef here = LLVMGetInsertBlock(builder);
    LLVMBasicBlockRef usual = lower_new_block(lower, "usual");
    LLVMBasicBlockRef onwards = lower_new_block(lower, "");
    lower_branch_unlikely(lower, is_nan, onwards, usual);
    lower_continue_at(lower, usual);
    LLVMValueRef result = compare(lower, a, b, predicate, false);
    LLVMBuildBr(builder, onwards);
    lower_continue_at(lower, onwards);
    return lower_phi(lower, LLVMConstNull(lower->type.i1), here, result, usual);
}

static void define_comparison(struct lowering *lower, const struct ir_insn *insn,
                              const char *predicate, bool is_signalling)
{
    if (lower->value_facts[lower_ref(lower, insn)].is_muted && !lower->is_flagless) {
        lower_define_bit(lower, insn, compare_muted(lower, insn, predicate));
        return;
    }
    lower_define_bit(lower, insn,
                     compare(lower, lower_value(lower, insn->a), lower_value(lower, insn->b),
                             predicate, is_signalling));
}

void lower_op_feq(struct lowering *lower, const struct ir_insn *insn)
{
    define_comparison(lower, insn, "oeq", false);
}

void lower_op_flt(struct lowering *lower, const struct ir_insn *insn)
{
    define_comparison(lower, insn, "olt", true);
}

void lower_op_fle(struct lowering *lower, const struct ir_insn *insn)
{
    define_comparison(lower, insn, "ole", true);
}

/* The bits of a float as an integer whose signed order is that of the floats, -0 below +0. */
static LLVMValueRef ordered_bits(struct lowering *lower, LLVMValueRef value)
{
    LLVMBuilderRef builder = lower->builder;
    bool is_f64 = LLVMTypeOf(value) == lower->type.f64;
    LLVMTypeRef integer = is_f64 ? lower->type.i64 : lower->type.i32;
    LLVMValueRef bits = lower_bitcast(lower, value, integer);
    LLVMValueRef sign = LLVMBuildAShr(builder, bits, LLVMConstInt(integer, is_f64 ? 63 : 31, 0), "");
    LLVMValueRef flip = LLVMBuildLShr(builder, sign, LLVMConstInt(integer, 1, 0), "");
    return LLVMBuildXor(builder, bits, flip, "");
}

/* Unordered operands go to the helper. The others are compared as integers: a plain floating
 * comparison may become one that sets flags for quiet NaNs, and may move over the branch. */
static void lower_min_max(struct lowering *lower, const struct ir_insn *insn, bool is_max)
{
    LLVMValueRef a = lower_value(lower, insn->a), b = lower_value(lower, insn->b);
    LLVMValueRef is_unordered = compare(lower, a, b, "uno", false);
    LLVMValueRef is_first =
        LLVMBuildICmp(lower->builder, is_max ? LLVMIntSGT : LLVMIntSLT, ordered_bits(lower, a),
                      ordered_bits(lower, b), "");
    LLVMValueRef usual = LLVMBuildSelect(lower->builder, is_first, a, b, "");
    lower_define(lower, insn, usual_or_helper(lower, insn, is_unordered, usual));
}

void lower_op_fmin(struct lowering *lower, const struct ir_insn *insn)
{
    lower_min_max(lower, insn, false);
}

void lower_op_fmax(struct lowering *lower, const struct ir_insn *insn)
{
    lower_min_max(lower, insn, true);
}

void lower_op_fclass(struct lowering *lower, const struct ir_insn *insn)
{
    lower_define(lower, insn, call_helper(lower, HELPER_EVAL, insn));
}

/* ---- conversions ---- */

/* By the constrained intrinsic, or the plain instruction where there are no flags. */
static LLVMValueRef convert(struct lowering *lower, const char *intrinsic, LLVMOpcode plain,
                            LLVMValueRef value, LLVMTypeRef to, bool has_rounding)
{
    if (lower->is_flagless)
        return LLVMBuildCast(lower->builder, plain, value, to, "");
    LLVMTypeRef overloads[] = {to, LLVMTypeOf(value)};
    LLVMValueRef args[] = {value, has_rounding ? lower->rounding : lower->exceptions,
                           lower->exceptions};
    return constrained(lower, intrinsic, overloads, 2, args, has_rounding ? 3 : 2);
}

/* The range in which a truncating conversion needs no care: from low (exclusive or inclusive) to
 * below high; and the signed integer type it is done in. */
struct safe_range {
    double low, high;
    bool is_low_included;
    bool is_on_64;
};

static struct safe_range safe_range(bool is_signed, unsigned to, unsigned from)
{
    const double two_to_31 = 0x1p31, two_to_63 = 0x1p63;
    if (!is_signed)
        return (struct safe_range){-1.0, to == IR_I32 ? 0x1p32 : two_to_63, false, true};
    if (to == IR_I64)
        return (struct safe_range){-two_to_63, two_to_63, true, true};
    if (from == IR_F64)
        return (struct safe_range){-two_to_31 - 1.0, two_to_31, false, false};
    return (struct safe_range){-two_to_31, two_to_31, true, false};
}

/* Converts `a` inside the safe range and asks the helper outside. */
static void truncate_to_integer(struct lowering *lower, const struct ir_insn *insn, bool is_signed,
                                LLVMValueRef a)
{
    LLVMBuilderRef builder = lower->builder;
    LLVMTypeRef type = LLVMTypeOf(a), result_type = lower_type_of(lower, insn->type);
    struct safe_range range = safe_range(is_signed, insn->type, lower->block->insns[insn->a].type);
    LLVMValueRef above = compare(lower, a, LLVMConstReal(type, range.low),
                                 range.is_low_included ? "oge" : "ogt", false);
    LLVMValueRef below = compare(lower, a, LLVMConstReal(type, range.high), "olt", false);
    LLVMBasicBlockRef safe = lower_new_block(lower, "safe");
    LLVMBasicBlockRef rare = lower_new_block(lower, "rare");
    LLVMBasicBlockRef onwards = lower_new_block(lower, "");
    lower_branch_unlikely(lower, LLVMBuildNot(builder, LLVMBuildAnd(builder, above, below, ""), ""),
                          rare, safe);
    lower_continue_at(lower, safe);
    LLVMValueRef usual = convert(lower, "llvm.experimental.constrained.fptosi", LLVMFPToSI, a,
                                 range.is_on_64 ? lower->type.i64 : lower->type.i32, false);
    if (LLVMTypeOf(usual) != result_type)
        usual = LLVMBuildTrunc(builder, usual, result_type, "");
    LLVMBuildBr(builder, onwards);
    lower_continue_at(lower, rare);
    LLVMValueRef exact = evaluate(lower, insn);
    LLVMBuildBr(builder, onwards);
    lower_continue_at(lower, onwards);
    lower_define(lower, insn, lower_phi(lower, usual, safe, exact, rare));
}

/* `value` made whole, by a rounding mode that is not MXCSR's; inexact is raised. */
static LLVMValueRef make_whole(struct lowering *lower, LLVMValueRef value, unsigned mode)
{
    static const char *const intrinsics[] = {[IR_RM_RNE] = "llvm.roundeven", [IR_RM_RDN] = "llvm.floor",
                                             [IR_RM_RUP] = "llvm.ceil", [IR_RM_RMM] = "llvm.round"};
    if (lower->is_flagless)
        return lower_intrinsic(lower, intrinsics[mode], LLVMTypeOf(value), &value, 1);
    char text[192], kind = LLVMTypeOf(value) == lower->type.f64 ? 'd' : 's';
    if (mode != IR_RM_RMM) {
        snprintf(text, sizeof text, "vrounds%c $$%u, $1, $1, $0", kind, fp_rounding_control(mode));
        return lower_asm_float(lower, text, "=x,x,~{dirflag},~{fpsr},~{flags}", value);
    }
    /* What is cut off, doubled, and cut to 0 or 1; all but the first step is exact. */
    snprintf(text, sizeof text,
             "vrounds%c $$3, $1, $1, $0\nvsubs%c $0, $1, %%xmm15\nvadds%c %%xmm15, %%xmm15, %%xmm15\n"
             "vrounds%c $$11, %%xmm15, %%xmm15, %%xmm15\nvadds%c %%xmm15, $0, $0",
             kind, kind, kind, kind, kind);
    return lower_asm_float(lower, text, "=&x,x,~{xmm15},~{dirflag},~{fpsr},~{flags}", value);
}

/* A signed number can be made whole first, unless it can be too large by its part behind the point alone: that is
 * not inexact but invalid. */
static void to_integer(struct lowering *lower, const struct ir_insn *insn, bool is_signed)
{
    bool is_f32 = lower->block->insns[insn->a].type == IR_F32;
    bool can_round_first = lower->host->has_avx && is_signed && (insn->type == IR_I64 || is_f32);
    LLVMValueRef a = lower_value(lower, insn->a);
    if (insn->imm == IR_RM_RTZ)
        truncate_to_integer(lower, insn, is_signed, a);
    else if (insn->imm != IR_RM_HOST && can_round_first)
        truncate_to_integer(lower, insn, true, make_whole(lower, a, (unsigned)insn->imm));
    else
        lower_define(lower, insn, evaluate(lower, insn));
}

void lower_op_fcvt_to_s(struct lowering *lower, const struct ir_insn *insn)
{
    to_integer(lower, insn, true);
}

void lower_op_fcvt_to_u(struct lowering *lower, const struct ir_insn *insn)
{
    to_integer(lower, insn, false);
}

/* Every 32-bit integer is exact in f64, whatever the rounding mode. */
static bool is_conversion_inline(const struct lowering *lower, const struct ir_insn *insn)
{
    bool is_exact = insn->type == IR_F64 && lower->block->insns[insn->a].type == IR_I32;
    return is_exact || rounds_as_host(insn);
}

static LLVMValueRef from_signed(struct lowering *lower, const struct ir_insn *insn,
                                LLVMValueRef value)
{
    return convert(lower, "llvm.experimental.constrained.sitofp", LLVMSIToFP, value,
                   lower_type_of(lower, insn->type), true);
}

/* Integers that the float can hold are the same in all rounding modes. */
static LLVMValueRef from_small(struct lowering *lower, const struct ir_insn *insn, bool is_signed)
{
    LLVMBuilderRef builder = lower->builder;
    LLVMValueRef value = lower_value(lower, insn->a);
    uint64_t limit = insn->type == IR_F64 ? UINT64_C(1) << 53 : UINT64_C(1) << 24;
    LLVMValueRef wide = is_signed ? LLVMBuildSExt(builder, value, lower->type.i64, "")
                                  : LLVMBuildZExt(builder, value, lower->type.i64, "");
    LLVMValueRef from = is_signed ? LLVMBuildAdd(builder, wide, lower_const64(lower, limit), "") : wide;
    LLVMValueRef is_large =
        LLVMBuildICmp(builder, LLVMIntUGT, from, lower_const64(lower, is_signed ? 2 * limit : limit), "");
    return usual_or_helper(lower, insn, is_large, from_signed(lower, insn, wide));
}

void lower_op_fcvt_from_s(struct lowering *lower, const struct ir_insn *insn)
{
    if (is_conversion_inline(lower, insn))
        lower_define(lower, insn, from_signed(lower, insn, lower_value(lower, insn->a)));
    else
        lower_define(lower, insn, from_small(lower, insn, true));
}

/* From 2^63 on: of half the number, with what was shifted out kept for the rounding; the doubling
 * is exact. */
static LLVMValueRef from_large_unsigned(struct lowering *lower, const struct ir_insn *insn,
                                        LLVMValueRef value)
{
    LLVMBuilderRef builder = lower->builder;
    LLVMValueRef one = lower_const64(lower, 1);
    LLVMValueRef half = LLVMBuildOr(builder, LLVMBuildLShr(builder, value, one, ""),
                                    LLVMBuildAnd(builder, value, one, ""), "");
    LLVMValueRef converted = from_signed(lower, insn, half);
    LLVMTypeRef type = LLVMTypeOf(converted);
    if (lower->is_flagless)
        return LLVMBuildFAdd(builder, converted, converted, "");
    LLVMValueRef args[] = {converted, converted, lower->rounding, lower->exceptions};
    return constrained(lower, "llvm.experimental.constrained.fadd", &type, 1, args, 4);
}

static LLVMValueRef from_unsigned_64(struct lowering *lower, const struct ir_insn *insn)
{
    LLVMBuilderRef builder = lower->builder;
    LLVMValueRef value = lower_value(lower, insn->a);
    LLVMBasicBlockRef large = lower_new_block(lower, "large");
    LLVMBasicBlockRef small = lower_new_block(lower, "small");
    LLVMBasicBlockRef onwards = lower_new_block(lower, "");
    lower_branch_unlikely(
        lower, LLVMBuildICmp(builder, LLVMIntSLT, value, lower_const64(lower, 0), ""), large,
        small);
    lower_continue_at(lower, large);
    LLVMValueRef from_large = from_large_unsigned(lower, insn, value);
    LLVMBuildBr(builder, onwards);
    lower_continue_at(lower, small);
    LLVMValueRef from_small = from_signed(lower, insn, value);
    LLVMBuildBr(builder, onwards);
    lower_continue_at(lower, onwards);
    return lower_phi(lower, from_large, large, from_small, small);
}

void lower_op_fcvt_from_u(struct lowering *lower, const struct ir_insn *insn)
{
    if (!is_conversion_inline(lower, insn)) {
        lower_define(lower, insn, from_small(lower, insn, false));
    } else if (lower->block->insns[insn->a].type == IR_I32) {
        LLVMValueRef wide = LLVMBuildZExt(lower->builder, lower_value(lower, insn->a),
                                          lower->type.i64, "");
        lower_define(lower, insn, from_signed(lower, insn, wide));
    } else {
        lower_define(lower, insn, from_unsigned_64(lower, insn));
    }
}

void lower_op_fcvt_f32(struct lowering *lower, const struct ir_insn *insn)
{
    if (!rounds_as_host(insn)) {
        lower_define(lower, insn, evaluate(lower, insn));
        return;
    }
    LLVMValueRef value = convert(lower, "llvm.experimental.constrained.fptrunc", LLVMFPTrunc,
                                 lower_value(lower, insn->a), lower->type.f32, true);
    lower_define(lower, insn, value);
}

void lower_op_fcvt_f64(struct lowering *lower, const struct ir_insn *insn)
{
    LLVMValueRef value = convert(lower, "llvm.experimental.constrained.fpext", LLVMFPExt,
                                 lower_value(lower, insn->a), lower->type.f64, false);
    lower_define(lower, insn, value);
}

/* ---- NaN boxing ---- */

void lower_op_box(struct lowering *lower, const struct ir_insn *insn)
{
    lower_define_narrow(lower, insn, lower_value(lower, insn->a));
}

void lower_op_unbox(struct lowering *lower, const struct ir_insn *insn)
{
    LLVMBuilderRef builder = lower->builder;
    if (lower_is_narrow(lower, insn->a)) {
        lower_define(lower, insn, lower_low32(lower, insn->a));
        return;
    }
    lower_clean(lower, insn->a);
    LLVMValueRef bits = lower_bits64(lower, insn->a);
    LLVMValueRef high = LLVMBuildLShr(builder, bits, lower_const64(lower, 32), "");
    LLVMValueRef is_boxed =
        LLVMBuildICmp(builder, LLVMIntEQ, high, lower_const64(lower, UINT32_MAX), "");
    LLVMValueRef low = LLVMBuildTrunc(builder, bits, lower->type.i32, "");
    low = LLVMBuildSelect(builder, is_boxed, low,
                          lower_const32(lower, (uint32_t)FP_CANONICAL_F32), "");
    lower_define(lower, insn, lower_bitcast(lower, low, lower->type.f32));
}

/* ---- control and status ---- */

static LLVMValueRef read_mxcsr(struct lowering *lower)
{
    LLVMValueRef slot = scratch_word(lower);
    lower_asm_on(lower, "stmxcsr $0", "=*m,~{memory},~{dirflag},~{fpsr},~{flags}", slot);
    return LLVMBuildLoad2(lower->builder, lower->type.i32, slot, "");
}

static void write_mxcsr(struct lowering *lower, LLVMValueRef value)
{
    LLVMValueRef slot = scratch_word(lower);
    LLVMBuildStore(lower->builder, value, slot);
    lower_asm_on(lower, "ldmxcsr $0", "*m,~{memory},~{dirflag},~{fpsr},~{flags}", slot);
}

/* Where each of RISC-V's flags lies in MXCSR: bit numbers. */
static const struct flag_bits {
    uint8_t guest, mxcsr;
} flag_bits[] = {{0 /* NX */, 5}, {1 /* UF */, 4}, {2 /* OF */, 3}, {3 /* DZ */, 2}, {4 /* NV */, 0}};
enum { MXCSR_FLAGS = 0x3f };

/* The bit `from` of value, moved to bit `to`. */
static LLVMValueRef move_bit(struct lowering *lower, LLVMValueRef value, unsigned from, unsigned to)
{
    LLVMBuilderRef builder = lower->builder;
    LLVMValueRef bit = LLVMBuildAnd(builder, value, lower_const32(lower, 1u << from), "");
    if (from < to)
        return LLVMBuildShl(builder, bit, lower_const32(lower, to - from), "");
    return LLVMBuildLShr(builder, bit, lower_const32(lower, from - to), "");
}

void lower_op_get_fflags(struct lowering *lower, const struct ir_insn *insn)
{
    if (lower->is_flagless) { /* only to be put back, so that any value will do */
        lower_define(lower, insn, lower_const64(lower, 0));
        return;
    }
    LLVMValueRef mxcsr = read_mxcsr(lower), flags = lower_const32(lower, 0);
    for (unsigned i = 0; i < ARRAY_LENGTH(flag_bits); i++)
        flags = LLVMBuildOr(lower->builder, flags,
                            move_bit(lower, mxcsr, flag_bits[i].mxcsr, flag_bits[i].guest), "");
    lower_define(lower, insn, LLVMBuildZExt(lower->builder, flags, lower->type.i64, ""));
}

void lower_op_set_fflags(struct lowering *lower, const struct ir_insn *insn)
{
    if (lower->value_facts[lower_ref(lower, insn)].is_muted)
        return;
    LLVMValueRef flags = lower_low32(lower, insn->a);
    LLVMValueRef mxcsr = LLVMBuildAnd(lower->builder, read_mxcsr(lower),
                                      lower_const32(lower, ~(uint32_t)MXCSR_FLAGS), "");
    for (unsigned i = 0; i < ARRAY_LENGTH(flag_bits); i++)
        mxcsr = LLVMBuildOr(lower->builder, mxcsr,
                            move_bit(lower, flags, flag_bits[i].guest, flag_bits[i].mxcsr), "");
    write_mxcsr(lower, mxcsr);
}

void lower_op_get_frm(struct lowering *lower, const struct ir_insn *insn)
{
    LLVMValueRef frm = lower_load_vcpu(lower, lower->type.i32, offsetof(struct vcpu, frm));
    lower_define(lower, insn, LLVMBuildZExt(lower->builder, frm, lower->type.i64, ""));
}

void lower_op_set_frm(struct lowering *lower, const struct ir_insn *insn)
{
    LLVMValueRef none = lower_const64(lower, 0);
    lower_define(lower, insn,
                 lower_helper(lower, HELPER_SET_FRM, lower_value(lower, insn->a), none, none, 0));
}

void lower_op_bulk(struct lowering *lower, const struct ir_insn *insn)
{
    lower_define(lower, insn,
                 lower_helper(lower, HELPER_BULK + (enum vcpu_helper_index)insn->imm,
                              lower_value(lower, insn->a), lower_value(lower, insn->b),
                              lower_value(lower, insn->c), 0));
}

void lower_op_libcall(struct lowering *lower, const struct ir_insn *insn)
{
    lower_define(lower, insn,
                 lower_libcall(lower, (enum ir_libcall)insn->imm, lower_value(lower, insn->a),
                               lower_value(lower, insn->b), lower_value(lower, insn->c)));
}

void lower_op_get_counter(struct lowering *lower, const struct ir_insn *insn)
{
    LLVMValueRef none = lower_const64(lower, 0);
    lower_define(lower, insn,
                 lower_helper(lower, HELPER_GET_COUNTER, lower_const64(lower, insn->imm), none,
                              none, 0));
}
