/* Guest registers during lowering: allocas, their wide and narrow forms, and how they leave the
 * function. The contract is in lower.h.
 *
 * Invariant: a register in lower->regs.narrow has its value in narrow_reg, any other in full_reg. */
#include "tier2/lower.h"

#include "src/base/bits.h"

enum { PINNED_COUNT = TB_PINNED_COUNT + TB_PINNED_FLOAT_COUNT };

static const uint8_t pinned_reg[PINNED_COUNT] = {
#define PINNED(position, guest, host) [position] = guest,
#define PINNED_FLOAT(position, guest, host) [TB_PINNED_COUNT + position] = guest,
    TB_PINNED(PINNED)
    TB_PINNED_FLOAT(PINNED_FLOAT)
#undef PINNED_FLOAT
#undef PINNED
};

static const uint64_t pinned_set = 0
#define PINNED(position, guest, host) | UINT64_C(1) << (guest)
    TB_PINNED(PINNED)
    TB_PINNED_FLOAT(PINNED)
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

/* The value that a register has when the function is entered. */
static LLVMValueRef initial_value(struct lowering *lower, unsigned reg)
{
    for (unsigned i = 0; i < PINNED_COUNT; i++)
        if (pinned_reg[i] == reg)
            return lower->pinned[i];
    return lower_load_vcpu(lower, full_type(lower, reg), reg_offset(reg));
}

/* Every alloca gets a value: what depends on an undefined one would be dropped. */
void lower_init_regs(struct lowering *lower)
{
    for (unsigned reg = 0; reg < IR_GUEST_REGS; reg++) {
        if (!(lower->facts->used & ~lower->facts->lazy & reg_bit(reg)))
            continue;
        LLVMTypeRef full = full_type(lower, reg), narrow = narrow_type(lower, reg);
        lower->full_reg[reg] = LLVMBuildAlloca(lower->builder, full, "");
        lower->narrow_reg[reg] = LLVMBuildAlloca(lower->builder, narrow, "");
        bool is_pinned = pinned_set & reg_bit(reg);
        LLVMBuildStore(lower->builder,
                       is_pinned ? initial_value(lower, reg) : LLVMConstNull(full),
                       lower->full_reg[reg]);
        LLVMBuildStore(lower->builder, LLVMConstNull(narrow), lower->narrow_reg[reg]);
    }
}

void lower_load_regs(struct lowering *lower, uint64_t regs)
{
    for (unsigned reg = 0; reg < IR_GUEST_REGS; reg++)
        if (lower->full_reg[reg] && (regs & ~pinned_set & reg_bit(reg)))
            LLVMBuildStore(lower->builder, initial_value(lower, reg), lower->full_reg[reg]);
}

static LLVMValueRef load_full(struct lowering *lower, unsigned reg)
{
    if (lower->facts->lazy & reg_bit(reg))
        return initial_value(lower, reg);
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

static LLVMValueRef read_full(struct lowering *lower, unsigned reg)
{
    if (!(lower->regs.narrow & reg_bit(reg)))
        return load_full(lower, reg);
    LLVMValueRef narrow = load_narrow(lower, reg);
    if (is_float_reg(reg))
        return box(lower, narrow);
    return LLVMBuildSExt(lower->builder, narrow, lower->type.i64, "");
}

/* The same as the guest must find it; for code that is cold. */
static LLVMValueRef read_exact(struct lowering *lower, unsigned reg)
{
    if (!(lower->regs.unclean & reg_bit(reg)))
        return read_full(lower, reg);
    if (lower->regs.narrow & reg_bit(reg))
        return box(lower, lower_canonical_select(lower, load_narrow(lower, reg)));
    return lower_canonical_select(lower, load_full(lower, reg));
}

/* ---- facts: checked, established, given up ---- */

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

/* The low half of a wide register as its narrow form. */
static LLVMValueRef low_half(struct lowering *lower, unsigned reg)
{
    LLVMValueRef bits = lower_bitcast(lower, load_full(lower, reg), lower->type.i64);
    LLVMValueRef low = LLVMBuildTrunc(lower->builder, bits, lower->type.i32, "");
    return lower_bitcast(lower, low, narrow_type(lower, reg));
}

LLVMValueRef lower_guard_fails(struct lowering *lower, const struct reg_facts *facts)
{
    LLVMValueRef fails = LLVMConstNull(lower->type.i1);
    for (unsigned reg = 0; reg < IR_GUEST_REGS; reg++) {
        uint64_t bit = reg_bit(reg);
        if (facts->narrow & bit)
            fails = LLVMBuildOr(lower->builder, fails, is_not_narrow(lower, reg), "");
        if (facts->narrow & facts->arithmetic_narrow & bit)
            fails = LLVMBuildOr(lower->builder, fails,
                                lower_is_nan_by_bits(lower, low_half(lower, reg)), "");
        if (~facts->narrow & facts->arithmetic_full & bit)
            fails = LLVMBuildOr(lower->builder, fails,
                                lower_is_nan_by_bits(lower, load_full(lower, reg)), "");
    }
    return fails;
}

void lower_narrow_regs(struct lowering *lower, uint64_t regs)
{
    for (unsigned reg = 0; reg < IR_GUEST_REGS; reg++)
        if (regs & reg_bit(reg))
            LLVMBuildStore(lower->builder, low_half(lower, reg), lower->narrow_reg[reg]);
}

void lower_clean_regs(struct lowering *lower, uint64_t regs)
{
    for (unsigned reg = IR_FIRST_FP_REG; reg < IR_GUEST_REGS; reg++) {
        if (!(regs & reg_bit(reg)))
            continue;
        bool narrow = lower->regs.narrow & reg_bit(reg);
        LLVMValueRef value = narrow ? load_narrow(lower, reg) : load_full(lower, reg);
        LLVMBuildStore(lower->builder, lower_canonical(lower, value),
                       narrow ? lower->narrow_reg[reg] : lower->full_reg[reg]);
    }
}

void lower_widen_regs(struct lowering *lower, uint64_t regs)
{
    for (unsigned reg = 0; reg < IR_GUEST_REGS; reg++)
        if (regs & reg_bit(reg))
            LLVMBuildStore(lower->builder, read_full(lower, reg), lower->full_reg[reg]);
}

LLVMValueRef lower_read_wide(struct lowering *lower, unsigned reg)
{
    return lower_bitcast(lower, read_full(lower, reg), lower->type.i64);
}

void lower_set_wide(struct lowering *lower, unsigned reg, LLVMValueRef value)
{
    bool narrow = lower->regs.narrow & reg_bit(reg);
    if (narrow)
        value = LLVMBuildTrunc(lower->builder, value, lower->type.i32, "");
    LLVMBuildStore(lower->builder, value, narrow ? lower->narrow_reg[reg] : lower->full_reg[reg]);
}

void lower_keep_regs(struct lowering *lower, uint64_t regs, LLVMValueRef *ret_values)
{
    for (unsigned reg = 0; reg < IR_FIRST_FP_REG; reg++)
        if (regs & reg_bit(reg))
            ret_values[reg] = lower->regs.narrow & reg_bit(reg) ? load_narrow(lower, reg)
                                                                : load_full(lower, reg);
}

void lower_select_regs(struct lowering *lower, uint64_t regs, LLVMValueRef bit,
                       LLVMValueRef *values, const struct reg_facts *facts)
{
    LLVMBuilderRef builder = lower->builder;
    uint64_t narrow = lower->regs.narrow & facts->narrow;
    for (unsigned reg = 0; reg < IR_FIRST_FP_REG; reg++) {
        if (!(regs & reg_bit(reg)))
            continue;
        bool is_narrow = narrow & reg_bit(reg);
        LLVMValueRef kept = values[reg];
        LLVMValueRef now = is_narrow ? load_narrow(lower, reg) : read_full(lower, reg);
        if (!is_narrow && (facts->narrow & reg_bit(reg)))
            kept = LLVMBuildSExt(builder, kept, lower->type.i64, "");
        LLVMBuildStore(builder, LLVMBuildSelect(builder, bit, kept, now, ""),
                       is_narrow ? lower->narrow_reg[reg] : lower->full_reg[reg]);
    }
    reg_facts_meet(&lower->regs, facts);
}

void lower_hide_floats(struct lowering *lower, uint64_t regs)
{
    for (unsigned reg = IR_FIRST_FP_REG; reg < IR_GUEST_REGS; reg++) {
        if (!(regs & reg_bit(reg)))
            continue;
        bool narrow = lower->regs.narrow & reg_bit(reg);
        LLVMValueRef slot = narrow ? lower->narrow_reg[reg] : lower->full_reg[reg];
        LLVMValueRef value = narrow ? load_narrow(lower, reg) : load_full(lower, reg);
        LLVMBuildStore(lower->builder, lower_hidden(lower, value, "=x,0"), slot);
    }
}

/* ---- leaving ---- */

void lower_store_regs(struct lowering *lower, uint64_t regs)
{
    for (unsigned reg = 0; reg < IR_GUEST_REGS; reg++)
        if (regs & ~pinned_set & reg_bit(reg))
            lower_store_vcpu(lower, read_exact(lower, reg), reg_offset(reg));
}

static bool is_pinned_used(const struct lowering *lower, unsigned position)
{
    return lower->facts->used & reg_bit(pinned_reg[position]);
}

/* What the pinned register at the position passes on. */
static LLVMValueRef tail_argument(struct lowering *lower, uint64_t live, unsigned position)
{
    unsigned reg = pinned_reg[position];
    if (!is_pinned_used(lower, position))
        return lower->pinned[position];
    if (live & reg_bit(reg))
        return read_exact(lower, reg);
    return LLVMGetUndef(full_type(lower, reg));
}

static void build_tail_call(struct lowering *lower, LLVMValueRef entry, LLVMValueRef *args)
{
    LLVMValueRef call = LLVMBuildCall2(lower->builder, lower->type.entry, entry, args,
                                       1 + PINNED_COUNT, "");
    LLVMSetInstructionCallConv(call, TB_PRESERVE_NONE_CC);
    LLVMSetTailCallKind(call, LLVMTailCallKindMustTail);
    LLVMBuildRetVoid(lower->builder);
}

void lower_tail_call(struct lowering *lower, uint64_t live, LLVMValueRef entry)
{
    LLVMValueRef args[1 + PINNED_COUNT] = {lower->vcpu};
    for (unsigned i = 0; i < PINNED_COUNT; i++)
        args[1 + i] = tail_argument(lower, live, i);
    build_tail_call(lower, entry, args);
}

static void begin_tail(struct lowering *lower)
{
    lower->tail_offset = lower_entry_alloca(lower, lower->type.i32);
    for (unsigned i = 0; i < PINNED_COUNT; i++)
        if (is_pinned_used(lower, i))
            lower->tail_args[i] = lower_entry_alloca(lower, full_type(lower, pinned_reg[i]));
    lower->tail = lower_new_block(lower, "tail");
}

void lower_set_tail_args(struct lowering *lower, uint64_t live)
{
    if (!lower->tail)
        begin_tail(lower);
    for (unsigned i = 0; i < PINNED_COUNT; i++)
        if (is_pinned_used(lower, i))
            LLVMBuildStore(lower->builder, tail_argument(lower, live, i), lower->tail_args[i]);
}

void lower_go_to_tail(struct lowering *lower, size_t near_offset)
{
    LLVMBuildStore(lower->builder, lower_const32(lower, (uint32_t)near_offset), lower->tail_offset);
    LLVMBuildBr(lower->builder, lower->tail);
}

void lower_shared_tail_call(struct lowering *lower, uint64_t live, size_t near_offset)
{
    lower_set_tail_args(lower, live);
    lower_go_to_tail(lower, near_offset);
}

void lower_finish_tail(struct lowering *lower)
{
    if (!lower->tail)
        return;
    LLVMBuilderRef builder = lower->builder;
    lower_continue_at(lower, lower->tail);
    LLVMValueRef args[1 + PINNED_COUNT] = {lower->vcpu};
    for (unsigned i = 0; i < PINNED_COUNT; i++)
        args[1 + i] = !is_pinned_used(lower, i)
                          ? lower->pinned[i]
                          : LLVMBuildLoad2(builder, full_type(lower, pinned_reg[i]),
                                           lower->tail_args[i], "");
    LLVMValueRef offset = LLVMBuildLoad2(builder, lower->type.i32, lower->tail_offset, "");
    offset = LLVMBuildZExt(builder, offset, lower->type.i64, "");
    LLVMValueRef place = LLVMBuildGEP2(builder, lower->type.i8, lower->near, &offset, 1, "");
    LLVMValueRef entry = LLVMBuildLoad2(builder, lower->type.ptr, place, "");
    LLVMSetVolatile(entry, 1);
    build_tail_call(lower, entry, args);
}

/* ---- operations ---- */

void lower_op_get_reg(struct lowering *lower, const struct ir_insn *insn)
{
    unsigned reg = (unsigned)insn->imm;
    if (lower_is_narrow(lower, lower_ref(lower, insn))) {
        lower_define_narrow(lower, insn, load_narrow(lower, reg));
        return;
    }
    bool has_type = reg_has_type(reg, insn->type);
    LLVMValueRef full = has_type ? read_full(lower, reg) : read_exact(lower, reg);
    lower_define(lower, insn, lower_bitcast(lower, full, lower_type_of(lower, insn->type)));
}

void lower_op_set_reg(struct lowering *lower, const struct ir_insn *insn)
{
    unsigned reg = (unsigned)insn->imm;
    if (!reg_has_type(reg, lower->block->insns[insn->a].type))
        lower_clean(lower, insn->a);
    lower->dirty |= reg_bit(reg);
    reg_facts_after_set(lower->block, insn, lower->value_facts, &lower->regs);
    if (lower->regs.narrow & reg_bit(reg)) {
        LLVMBuildStore(lower->builder, lower_low32(lower, insn->a), lower->narrow_reg[reg]);
    } else {
        LLVMValueRef full = lower_value(lower, insn->a);
        LLVMBuildStore(lower->builder, lower_bitcast(lower, full, full_type(lower, reg)),
                       lower->full_reg[reg]);
    }
}
