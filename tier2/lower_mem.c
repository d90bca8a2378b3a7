/* Guest memory: loads, stores, atomics, fences.
 *
 * A guest address is an i8 index from the opaque base pointer, never an integer turned into a
 * pointer, so that LLVM can tell guest memory from the vcpu. Plain accesses have alignment 1;
 * those that the IR calls aligned were checked before.
 *
 * In a precise region every access is one instruction of inline assembly in a callbr, whose second
 * destination stores the guest's state and leaves. A table of (instruction, destination, guest pc)
 * lets the fault handler go there. */
#include "tier2/lower.h"

#include <inttypes.h>
#include <string.h>

void lower_set_location(struct lowering *lower, const struct ir_insn *insn)
{
    if (lower->is_precise)
        return; /* the access table has the pc */
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

/* ---- precise accesses ---- */

static uint64_t access_pc(const struct lowering *lower, const struct ir_insn *insn)
{
    return lower->block->guest_pc + ir_memop_pc_offset(insn->c);
}

/* Which operand of the assembly the address is: 1 for a load, whose result is 0, else 0. */
struct precise_asm {
    const char *text;        /* the instruction */
    const char *constraints; /* of its operands; the landing's follows */
    unsigned operand_count;  /* result included: the number of the landing */
    LLVMTypeRef result;      /* none without a result */
};

/* Builds the callbr and goes on behind it. value: a second argument, or NULL. */
static LLVMValueRef precise_access(struct lowering *lower, const struct ir_insn *insn,
                                   const struct precise_asm *access, LLVMTypeRef accessed,
                                   LLVMValueRef address, LLVMValueRef value)
{
    char text[256], constraints[128];
    snprintf(text, sizeof text,
             "1: %s\n.pushsection " REGION_ACCESS_SECTION ",\"a\"\n.long 1b-., ${%u:l}-.\n"
             ".quad 0x%" PRIx64 "\n.popsection",
             access->text, access->operand_count, access_pc(lower, insn));
    snprintf(constraints, sizeof constraints, "%s,!i,~{dirflag},~{fpsr},~{flags}",
             access->constraints);
    LLVMValueRef args[] = {address, value};
    LLVMTypeRef arg_types[] = {lower->type.ptr, value ? LLVMTypeOf(value) : NULL};
    unsigned count = value ? 2 : 1;
    LLVMTypeRef type = LLVMFunctionType(access->result, arg_types, count, 0);
    LLVMValueRef code = LLVMGetInlineAsm(type, text, strlen(text), constraints,
                                         strlen(constraints), 1, 0, LLVMInlineAsmDialectATT, 0);
    LLVMBasicBlockRef landing = lower_fault_landing(lower, access_pc(lower, insn));
    LLVMBasicBlockRef onwards = lower_new_block(lower, "");
    LLVMValueRef call = LLVMBuildCallBr(lower->builder, type, code, onwards, &landing, 1, args,
                                        count, NULL, 0, "");
    unsigned kind = LLVMGetEnumAttributeKindForName("elementtype", strlen("elementtype"));
    LLVMAddCallSiteAttribute(call, 1, LLVMCreateTypeAttribute(lower->context, kind, accessed));
    lower_continue_at(lower, onwards);
    return call;
}

static const char *float_move(const struct lowering *lower, bool is_f64)
{
    if (lower->host->has_avx)
        return is_f64 ? "vmovsd" : "vmovss";
    return is_f64 ? "movsd" : "movss";
}

/* Integers of less than 32 bits arrive extended to 32. */
static LLVMValueRef precise_load(struct lowering *lower, const struct ir_insn *insn,
                                 LLVMTypeRef type, LLVMValueRef address)
{
    static const char *const moves[2][4] = {
        {"movzbl $1, ${0:k}", "movzwl $1, ${0:k}", "movl $1, ${0:k}", "movq $1, $0"},
        {"movsbl $1, ${0:k}", "movswl $1, ${0:k}", "movl $1, ${0:k}", "movq $1, $0"},
    };
    char text[32];
    bool is_float = type == lower->type.f32 || type == lower->type.f64;
    unsigned size_log2 = ir_memop_size_log2(insn->c);
    if (is_float)
        snprintf(text, sizeof text, "%s $1, $0", float_move(lower, type == lower->type.f64));
    else
        snprintf(text, sizeof text, "%s", moves[ir_memop_is_signed(insn->c)][size_log2]);
    struct precise_asm access = {
        .text = text,
        .constraints = is_float ? "=x,*m" : "=r,*m",
        .operand_count = 2,
        .result = is_float || size_log2 == 3 ? type : lower->type.i32,
    };
    return precise_access(lower, insn, &access, type, address, NULL);
}

static void precise_store(struct lowering *lower, const struct ir_insn *insn, LLVMValueRef value,
                          LLVMValueRef address)
{
    static const char *const moves[] = {"movb ${1:b}, $0", "movw ${1:w}, $0", "movl ${1:k}, $0",
                                        "movq $1, $0"};
    char text[32];
    LLVMTypeRef type = LLVMTypeOf(value);
    bool is_float = type == lower->type.f32 || type == lower->type.f64;
    if (is_float)
        snprintf(text, sizeof text, "%s $1, $0", float_move(lower, type == lower->type.f64));
    else
        snprintf(text, sizeof text, "%s", moves[ir_memop_size_log2(insn->c)]);
    if (!is_float && ir_memop_size_log2(insn->c) < 2)
        value = LLVMBuildZExt(lower->builder, value, lower->type.i32, "");
    struct precise_asm access = {
        .text = text,
        .constraints = is_float ? "=*m,x" : "=*m,r",
        .operand_count = 2,
        .result = lower->type.none,
    };
    precise_access(lower, insn, &access, type, address, value);
}

/* Faults where an atomic access that writes would, and changes nothing: the access that follows
 * can be LLVM's own. */
static void probe_if_precise(struct lowering *lower, const struct ir_insn *insn,
                             LLVMValueRef address)
{
    if (!lower->is_precise)
        return;
    struct precise_asm access = {
        .text = "lock orb $$0, $0",
        .constraints = "*m",
        .operand_count = 1,
        .result = lower->type.none,
    };
    precise_access(lower, insn, &access, lower->type.i8, address, NULL);
}

/* ---- loads and stores ---- */

/* In a precise region an integer of less than 32 bits comes as i32, extended as the memop says. */
static LLVMValueRef load_as(struct lowering *lower, const struct ir_insn *insn, LLVMTypeRef type)
{
    lower_set_location(lower, insn);
    LLVMValueRef address = host_address(lower, insn->a, insn->imm);
    if (lower->is_precise)
        return precise_load(lower, insn, type, address);
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
    lower_clean(lower, insn->b);
    lower_set_location(lower, insn);
    LLVMValueRef value = stored_value(lower, insn->b, ir_memop_size_log2(insn->c));
    LLVMValueRef address = host_address(lower, insn->a, insn->imm);
    if (lower->is_precise)
        precise_store(lower, insn, value, address);
    else
        LLVMSetAlignment(LLVMBuildStore(lower->builder, value, address), 1);
}

/* ---- atomics ---- */

/* RISC-V orders more than most uses need; sequential consistency costs nothing on loads and
 * locked operations here. */
static const LLVMAtomicOrdering ordering = LLVMAtomicOrderingSequentiallyConsistent;

static LLVMValueRef reserving_load(struct lowering *lower, const struct ir_insn *insn,
                                   LLVMTypeRef type)
{
    if (lower->is_precise)
        return load_as(lower, insn, type); /* one instruction, and assembly stays in order */
    lower_set_location(lower, insn);
    LLVMValueRef value =
        LLVMBuildLoad2(lower->builder, type, host_address(lower, insn->a, 0), "");
    LLVMSetOrdering(value, ordering);
    LLVMSetAlignment(value, ir_memop_size_bytes(insn->c));
    return value;
}

void lower_op_load_reserved(struct lowering *lower, const struct ir_insn *insn)
{
    LLVMTypeRef type = memory_int(lower, ir_memop_size_log2(insn->c));
    define_extended(lower, insn, reserving_load(lower, insn, type), true);
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
    probe_if_precise(lower, insn, address);
    LLVMValueRef expected =
        lower_load_vcpu(lower, lower->type.i64, offsetof(struct vcpu, reservation_value));
    if (type != lower->type.i64)
        expected = LLVMBuildTrunc(builder, expected, type, "");
    LLVMValueRef pair =
        LLVMBuildAtomicCmpXchg(builder, address, expected, desired, ordering, ordering, 0);
    LLVMValueRef has_failed =
        LLVMBuildNot(builder, LLVMBuildExtractValue(builder, pair, 1, ""), "");
    exchange = LLVMGetInsertBlock(builder);
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
    probe_if_precise(lower, insn, address);
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
