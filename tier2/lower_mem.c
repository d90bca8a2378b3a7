/* Guest memory: loads, stores, atomics, fences.
 *
 * A guest address is an i8 index from the opaque base pointer, never an integer turned into a
 * pointer, so that LLVM can tell guest memory from the vcpu. Plain accesses have alignment 1;
 * those that the IR calls aligned were checked before. */
#include "tier2/lower.h"

void lower_set_location(struct lowering *lower, const struct ir_insn *insn)
{
    uint64_t pc = lower->block->guest_pc + ir_memop_pc_offset(insn->c);
    uint64_t line = (pc - lower->line_base_pc) / 2 + 1;
    if (line > INT32_MAX)
        line = 0; /* the pc of a fault there is not known */
    LLVMMetadataRef location = LLVMDIBuilderCreateDebugLocation(lower->context, (unsigned)line, 0,
                                                                lower->subprogram, NULL);
    LLVMSetCurrentDebugLocation2(lower->builder, location);
}

static LLVMValueRef host_address(struct lowering *lower, ir_ref guest, uint64_t displacement)
{
    LLVMValueRef index = lower_value(lower, guest);
    LLVMValueRef address =
        LLVMBuildGEP2(lower->builder, lower->type.i8, lower->memory, &index, 1, "");
    return displacement ? lower_at(lower, address, displacement) : address;
}

static LLVMTypeRef memory_int(const struct lowering *lower, unsigned size_log2)
{
    const LLVMTypeRef types[] = {lower->type.i8, lower->type.i16, lower->type.i32, lower->type.i64};
    return types[size_log2];
}

static LLVMValueRef load_as(struct lowering *lower, const struct ir_insn *insn, LLVMTypeRef type)
{
    lower_set_location(lower, insn);
    LLVMValueRef address = host_address(lower, insn->a, insn->imm);
    LLVMValueRef value = LLVMBuildLoad2(lower->builder, type, address, "");
    LLVMSetAlignment(value, 1);
    return value;
}

/* Defines an i64 that came from memory as an integer of the memop's size. */
static void define_extended(struct lowering *lower, const struct ir_insn *insn, LLVMValueRef value,
                            bool is_signed)
{
    bool is_narrow = lower_is_narrow(lower, lower_ref(lower, insn));
    LLVMTypeRef type = is_narrow ? lower->type.i32 : lower->type.i64;
    if (LLVMTypeOf(value) != type)
        value = LLVMBuildCast(lower->builder, is_signed ? LLVMSExt : LLVMZExt, value, type, "");
    if (is_narrow)
        lower_define_narrow(lower, insn, value);
    else
        lower_define(lower, insn, value);
}

void lower_op_load(struct lowering *lower, const struct ir_insn *insn)
{
    if (insn->type == IR_F64) {
        lower_define(lower, insn, load_as(lower, insn, lower->type.f64));
        return;
    }
    LLVMTypeRef type = memory_int(lower, ir_memop_size_log2(insn->c));
    define_extended(lower, insn, load_as(lower, insn, type), ir_memop_is_signed(insn->c));
}

void lower_op_load_f32(struct lowering *lower, const struct ir_insn *insn)
{
    lower_define(lower, insn, load_as(lower, insn, lower->type.f32));
}

/* The value as it goes to memory: its low bytes, without a detour when the type fits. */
static LLVMValueRef stored_value(struct lowering *lower, ir_ref ref, unsigned size_log2)
{
    unsigned width = 8u << size_log2;
    unsigned type = lower->block->insns[ref].type;
    if (ir_type_width[type] == width)
        return lower_value(lower, ref);
    if (ir_type_width[type] == 64) {
        LLVMValueRef low = lower_low32(lower, ref);
        if (width == 32)
            return low;
        low = lower_bitcast(lower, low, lower->type.i32);
        return LLVMBuildTrunc(lower->builder, low, memory_int(lower, size_log2), "");
    }
    return LLVMBuildTrunc(lower->builder, lower_value(lower, ref), memory_int(lower, size_log2),
                          "");
}

void lower_op_store(struct lowering *lower, const struct ir_insn *insn)
{
    lower_set_location(lower, insn);
    LLVMValueRef value = stored_value(lower, insn->b, ir_memop_size_log2(insn->c));
    LLVMValueRef address = host_address(lower, insn->a, insn->imm);
    LLVMSetAlignment(LLVMBuildStore(lower->builder, value, address), 1);
}

/* ---- atomics ---- */

/* RISC-V orders more than most uses need; sequential consistency costs nothing on loads and
 * locked operations here. */
static const LLVMAtomicOrdering ordering = LLVMAtomicOrderingSequentiallyConsistent;

void lower_op_load_reserved(struct lowering *lower, const struct ir_insn *insn)
{
    unsigned size_log2 = ir_memop_size_log2(insn->c);
    lower_set_location(lower, insn);
    LLVMValueRef address = host_address(lower, insn->a, 0);
    LLVMValueRef value =
        LLVMBuildLoad2(lower->builder, memory_int(lower, size_log2), address, "");
    LLVMSetOrdering(value, ordering);
    LLVMSetAlignment(value, 1u << size_log2);
    define_extended(lower, insn, value, true);
    lower_store_vcpu(lower, lower_value(lower, insn->a),
                     offsetof(struct vcpu, reservation_address));
    lower_store_vcpu(lower, lower_value(lower, lower_ref(lower, insn)),
                     offsetof(struct vcpu, reservation_value));
}

/* Succeeds when the reservation is of this address and memory still holds what LR saw there. */
void lower_op_store_conditional(struct lowering *lower, const struct ir_insn *insn)
{
    LLVMBuilderRef builder = lower->builder;
    LLVMTypeRef type = memory_int(lower, ir_memop_size_log2(insn->c));
    lower_set_location(lower, insn);
    LLVMValueRef address = host_address(lower, insn->a, 0);
    LLVMValueRef desired = stored_value(lower, insn->b, ir_memop_size_log2(insn->c));
    LLVMValueRef reserved =
        lower_load_vcpu(lower, lower->type.i64, offsetof(struct vcpu, reservation_address));
    LLVMValueRef is_other =
        LLVMBuildICmp(builder, LLVMIntNE, reserved, lower_value(lower, insn->a), "");
    LLVMBasicBlockRef before = LLVMGetInsertBlock(builder);
    LLVMBasicBlockRef exchange = lower_new_block(lower, "exchange");
    LLVMBasicBlockRef done = lower_new_block(lower, "");
    lower_branch_unlikely(lower, is_other, done, exchange);
    lower_continue_at(lower, exchange);
    LLVMValueRef expected =
        lower_load_vcpu(lower, lower->type.i64, offsetof(struct vcpu, reservation_value));
    if (type != lower->type.i64)
        expected = LLVMBuildTrunc(builder, expected, type, "");
    LLVMValueRef pair =
        LLVMBuildAtomicCmpXchg(builder, address, expected, desired, ordering, ordering, 0);
    LLVMValueRef has_failed =
        LLVMBuildNot(builder, LLVMBuildExtractValue(builder, pair, 1, ""), "");
    LLVMBuildBr(builder, done);
    lower_continue_at(lower, done);
    LLVMValueRef result = lower_phi(lower, LLVMConstInt(lower->type.i1, 1, 0), before, has_failed,
                                    exchange);
    lower_store_vcpu(lower, lower_const64(lower, UINT64_MAX),
                     offsetof(struct vcpu, reservation_address));
    lower_define_bit(lower, insn, result);
}

static LLVMAtomicRMWBinOp amo_operation(enum ir_amo amo)
{
    static const LLVMAtomicRMWBinOp operation[IR_AMO_COUNT] = {
        [IR_AMO_SWAP] = LLVMAtomicRMWBinOpXchg, [IR_AMO_ADD] = LLVMAtomicRMWBinOpAdd,
        [IR_AMO_XOR] = LLVMAtomicRMWBinOpXor,   [IR_AMO_AND] = LLVMAtomicRMWBinOpAnd,
        [IR_AMO_OR] = LLVMAtomicRMWBinOpOr,     [IR_AMO_MIN_S] = LLVMAtomicRMWBinOpMin,
        [IR_AMO_MAX_S] = LLVMAtomicRMWBinOpMax, [IR_AMO_MIN_U] = LLVMAtomicRMWBinOpUMin,
        [IR_AMO_MAX_U] = LLVMAtomicRMWBinOpUMax,
    };
    return operation[amo];
}

void lower_op_amo(struct lowering *lower, const struct ir_insn *insn)
{
    lower_set_location(lower, insn);
    LLVMValueRef address = host_address(lower, insn->a, 0);
    LLVMValueRef value = stored_value(lower, insn->b, ir_memop_size_log2(insn->c));
    LLVMValueRef old = LLVMBuildAtomicRMW(lower->builder, amo_operation((enum ir_amo)insn->imm),
                                          address, value, ordering, 0);
    define_extended(lower, insn, old, true);
}

/* Only a store before a load can be reordered by the host; any other fence binds LLVM alone. The
 * sets are those of the instruction: I O R W in bits 3-0, predecessors above successors. */
void lower_op_fence(struct lowering *lower, const struct ir_insn *insn)
{
    enum { STORES = 0x5, LOADS = 0xa };
    bool is_store_load = (insn->imm >> 4 & STORES) && (insn->imm & LOADS);
    LLVMBuildFence(lower->builder,
                   is_store_load ? LLVMAtomicOrderingSequentiallyConsistent
                                 : LLVMAtomicOrderingAcquireRelease,
                   0, "");
}
