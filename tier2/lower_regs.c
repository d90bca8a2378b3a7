/* Guest registers during lowering: allocas, their wide and narrow forms, and how they leave the
 * function. The contract is in lower.h.
 *
 * Invariant: a register in lower->narrow has its value in narrow_reg, any other in full_reg. */
#include "tier2/lower.h"

#include "src/base/bits.h"

static const uint8_t pinned_reg[TB_PINNED_COUNT] = {
#define PINNED(position, guest, host) [position] = guest,
    TB_PINNED(PINNED)
#undef PINNED
};

static const uint64_t pinned_set = 0
#define PINNED(position, guest, host) | UINT64_C(1) << (guest)
    TB_PINNED(PINNED)
#undef PINNED
    ;

static bool is_float_reg(unsigned reg)
{
    return reg >= IR_FIRST_FP_REG;
}

static size_t reg_offset(unsigned reg)
{
    return offsetof(struct vcpu, reg) + reg * sizeof(uint64_t);
}

static LLVMTypeRef full_type(const struct lowering *lower, unsigned reg)
{
    return is_float_reg(reg) ? lower->type.f64 : lower->type.i64;
}

static LLVMTypeRef narrow_type(const struct lowering *lower, unsigned reg)
{
    return is_float_reg(reg) ? lower->type.f32 : lower->type.i32;
}

void lower_init_regs(struct lowering *lower)
{
    LLVMValueRef initial[IR_GUEST_REGS] = {NULL};
    for (unsigned i = 0; i < TB_PINNED_COUNT; i++)
        initial[pinned_reg[i]] = lower->pinned[i];
    for (unsigned reg = 0; reg < IR_GUEST_REGS; reg++) {
        if (!(lower->facts->used & reg_bit(reg)))
            continue;
        lower->full_reg[reg] = LLVMBuildAlloca(lower->builder, full_type(lower, reg), "");
        lower->narrow_reg[reg] = LLVMBuildAlloca(lower->builder, narrow_type(lower, reg), "");
        if (!initial[reg])
            initial[reg] = lower_load_vcpu(lower, full_type(lower, reg), reg_offset(reg));
        LLVMBuildStore(lower->builder, initial[reg], lower->full_reg[reg]);
        LLVMBuildStore(lower->builder, LLVMConstNull(narrow_type(lower, reg)),
                       lower->narrow_reg[reg]);
    }
}

static LLVMValueRef load_full(struct lowering *lower, unsigned reg)
{
    return LLVMBuildLoad2(lower->builder, full_type(lower, reg), lower->full_reg[reg], "");
}

static LLVMValueRef load_narrow(struct lowering *lower, unsigned reg)
{
    return LLVMBuildLoad2(lower->builder, narrow_type(lower, reg), lower->narrow_reg[reg], "");
}

static LLVMValueRef box(struct lowering *lower, LLVMValueRef value)
{
    LLVMValueRef low = lower_bitcast(lower, value, lower->type.i32);
    LLVMValueRef bits = LLVMBuildZExt(lower->builder, low, lower->type.i64, "");
    bits = LLVMBuildOr(lower->builder, bits, lower_const64(lower, UINT64_C(0xffffffff) << 32), "");
    return lower_bitcast(lower, bits, lower->type.f64);
}

LLVMValueRef lower_read_full(struct lowering *lower, unsigned reg)
{
    if (!(lower->narrow & reg_bit(reg)))
        return load_full(lower, reg);
    LLVMValueRef narrow = load_narrow(lower, reg);
    if (is_float_reg(reg))
        return box(lower, narrow);
    return LLVMBuildSExt(lower->builder, narrow, lower->type.i64, "");
}

/* i1: the register, which is wide, holds no narrow value. */
static LLVMValueRef is_not_narrow(struct lowering *lower, unsigned reg)
{
    LLVMBuilderRef builder = lower->builder;
    LLVMValueRef full = lower_bitcast(lower, load_full(lower, reg), lower->type.i64);
    LLVMValueRef wanted;
    if (is_float_reg(reg)) {
        wanted = lower_const64(lower, UINT32_MAX);
        full = LLVMBuildLShr(builder, full, lower_const64(lower, 32), "");
    } else {
        LLVMValueRef low = LLVMBuildTrunc(builder, full, lower->type.i32, "");
        wanted = LLVMBuildSExt(builder, low, lower->type.i64, "");
    }
    return LLVMBuildICmp(builder, LLVMIntNE, full, wanted, "");
}

LLVMValueRef lower_guard_fails(struct lowering *lower)
{
    LLVMValueRef fails = LLVMConstNull(lower->type.i1);
    for (unsigned reg = 0; reg < IR_GUEST_REGS; reg++)
        if (lower->facts->guarded & reg_bit(reg))
            fails = LLVMBuildOr(lower->builder, fails, is_not_narrow(lower, reg), "");
    return fails;
}

void lower_narrow_regs(struct lowering *lower, uint64_t regs)
{
    for (unsigned reg = 0; reg < IR_GUEST_REGS; reg++) {
        if (!(regs & reg_bit(reg)))
            continue;
        LLVMValueRef bits = lower_bitcast(lower, load_full(lower, reg), lower->type.i64);
        LLVMValueRef low = LLVMBuildTrunc(lower->builder, bits, lower->type.i32, "");
        LLVMBuildStore(lower->builder, lower_bitcast(lower, low, narrow_type(lower, reg)),
                       lower->narrow_reg[reg]);
    }
}

void lower_widen_regs(struct lowering *lower, uint64_t regs)
{
    for (unsigned reg = 0; reg < IR_GUEST_REGS; reg++)
        if (regs & reg_bit(reg))
            LLVMBuildStore(lower->builder, lower_read_full(lower, reg), lower->full_reg[reg]);
}

void lower_store_regs(struct lowering *lower, uint64_t regs)
{
    for (unsigned reg = 0; reg < IR_GUEST_REGS; reg++)
        if (regs & ~pinned_set & reg_bit(reg))
            lower_store_vcpu(lower, lower_read_full(lower, reg), reg_offset(reg));
}

void lower_tail_call(struct lowering *lower, uint64_t live, LLVMValueRef entry)
{
    LLVMValueRef args[2 + TB_PINNED_COUNT] = {lower->vcpu, lower->memory};
    for (unsigned i = 0; i < TB_PINNED_COUNT; i++) {
        unsigned reg = pinned_reg[i];
        if (!(lower->facts->used & reg_bit(reg)))
            args[2 + i] = lower->pinned[i];
        else if (live & reg_bit(reg))
            args[2 + i] = lower_read_full(lower, reg);
        else
            args[2 + i] = LLVMGetUndef(lower->type.i64);
    }
    LLVMValueRef call =
        LLVMBuildCall2(lower->builder, lower->type.entry, entry, args, ARRAY_LENGTH(args), "");
    LLVMSetInstructionCallConv(call, TB_PRESERVE_NONE_CC);
    LLVMSetTailCallKind(call, LLVMTailCallKindMustTail);
    LLVMBuildRetVoid(lower->builder);
}

/* ---- operations ---- */

void lower_op_get_reg(struct lowering *lower, const struct ir_insn *insn)
{
    unsigned reg = (unsigned)insn->imm;
    if (lower_is_narrow(lower, lower_ref(lower, insn))) {
        lower_define_narrow(lower, insn, load_narrow(lower, reg));
        return;
    }
    LLVMValueRef full = lower_read_full(lower, reg);
    lower_define(lower, insn, lower_bitcast(lower, full, lower_type_of(lower, insn->type)));
}

void lower_op_set_reg(struct lowering *lower, const struct ir_insn *insn)
{
    unsigned reg = (unsigned)insn->imm;
    lower->dirty |= reg_bit(reg);
    bool is_narrow = lower_is_narrow(lower, insn->a) &&
                     reg_type_can_be_narrow(reg, lower->block->insns[insn->a].type);
    if (is_narrow) {
        lower->narrow |= reg_bit(reg);
        LLVMBuildStore(lower->builder, lower_low32(lower, insn->a), lower->narrow_reg[reg]);
    } else {
        lower->narrow &= ~reg_bit(reg);
        LLVMValueRef full = lower_value(lower, insn->a);
        LLVMBuildStore(lower->builder, lower_bitcast(lower, full, full_type(lower, reg)),
                       lower->full_reg[reg]);
    }
}
