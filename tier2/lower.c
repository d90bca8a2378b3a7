/* Lowering: the frame of the function, the order of nodes, the forms of values, the table of
 * operations. See lower.h. */
#include "tier2/lower.h"

#include "src/base/bits.h"
#include "tier2/codegen.h"

#include <inttypes.h>
#include <string.h>

/* The entry slot: one 5-byte NOP in the first aligned word, patched to a jump (see tb_publish). */
enum { ENTRY_SLOT_BYTES = 5, FUNCTION_ALIGNMENT = 16 };
static const uint8_t entry_slot_nop[ENTRY_SLOT_BYTES] = {0x0f, 0x1f, 0x44, 0x00, 0x00};

typedef void lower_op(struct lowering *lower, const struct ir_insn *insn);
static lower_op *const lower_table[IR_OP_COUNT] = {
#define IR_OP(name, ...) [IR_##name] = lower_op_##name,
#include "src/ir/ir_ops.def"
#undef IR_OP
};

/* ---- blocks and constants ---- */

LLVMBasicBlockRef lower_new_block(struct lowering *lower, const char *name)
{
    return LLVMAppendBasicBlockInContext(lower->context, lower->function, name);
}

void lower_continue_at(struct lowering *lower, LLVMBasicBlockRef block)
{
    LLVMPositionBuilderAtEnd(lower->builder, block);
}

LLVMValueRef lower_const64(const struct lowering *lower, uint64_t value)
{
    return LLVMConstInt(lower->type.i64, value, 0);
}

LLVMValueRef lower_const32(const struct lowering *lower, uint32_t value)
{
    return LLVMConstInt(lower->type.i32, value, 0);
}

LLVMTypeRef lower_type_of(const struct lowering *lower, unsigned ir_type)
{
    switch ((enum ir_type)ir_type) {
    case IR_I8:
        return lower->type.i8;
    case IR_I16:
        return lower->type.i16;
    case IR_I32:
        return lower->type.i32;
    case IR_I64:
        return lower->type.i64;
    case IR_F32:
        return lower->type.f32;
    case IR_F64:
        return lower->type.f64;
    case IR_VOID:
    case IR_TYPE_COUNT:
        break;
    }
    return lower->type.none;
}

void lower_branch_unlikely(struct lowering *lower, LLVMValueRef bit, LLVMBasicBlockRef cold,
                           LLVMBasicBlockRef hot)
{
    LLVMValueRef branch = LLVMBuildCondBr(lower->builder, bit, cold, hot);
    LLVMSetMetadata(branch, lower->prof_kind, LLVMMetadataAsValue(lower->context, lower->unlikely));
}

LLVMValueRef lower_bitcast(struct lowering *lower, LLVMValueRef value, LLVMTypeRef type)
{
    return LLVMTypeOf(value) == type ? value : LLVMBuildBitCast(lower->builder, value, type, "");
}

LLVMValueRef lower_phi(struct lowering *lower, LLVMValueRef first, LLVMBasicBlockRef first_from,
                       LLVMValueRef second, LLVMBasicBlockRef second_from)
{
    LLVMValueRef phi = LLVMBuildPhi(lower->builder, LLVMTypeOf(first), "");
    LLVMAddIncoming(phi, (LLVMValueRef[]){first, second},
                    (LLVMBasicBlockRef[]){first_from, second_from}, 2);
    return phi;
}

LLVMValueRef lower_intrinsic(struct lowering *lower, const char *name, LLVMTypeRef overload,
                             LLVMValueRef *args, unsigned count)
{
    unsigned id = LLVMLookupIntrinsicID(name, strlen(name));
    size_t overloads = overload ? 1 : 0;
    LLVMValueRef function = LLVMGetIntrinsicDeclaration(lower->module, id, &overload, overloads);
    LLVMTypeRef type = LLVMIntrinsicGetType(lower->context, id, &overload, overloads);
    return LLVMBuildCall2(lower->builder, type, function, args, count, "");
}

static void add_call_attribute(struct lowering *lower, LLVMValueRef call, LLVMAttributeIndex index,
                               const char *name, uint64_t value)
{
    unsigned kind = LLVMGetEnumAttributeKindForName(name, strlen(name));
    LLVMAddCallSiteAttribute(call, index, LLVMCreateEnumAttribute(lower->context, kind, value));
}

/* memory: what is read and written, two bits each from the lowest on: arguments, what LLVM cannot
 * see, all else. */
static void set_call_effects(struct lowering *lower, LLVMValueRef call, uint64_t memory)
{
    add_call_attribute(lower, call, LLVMAttributeFunctionIndex, "nounwind", 0);
    add_call_attribute(lower, call, LLVMAttributeFunctionIndex, "willreturn", 0);
    add_call_attribute(lower, call, LLVMAttributeFunctionIndex, "memory", memory);
}

LLVMValueRef lower_hidden(struct lowering *lower, LLVMValueRef value, const char *constraint)
{
    LLVMTypeRef value_type = LLVMTypeOf(value);
    LLVMTypeRef type = LLVMFunctionType(value_type, &value_type, 1, 0);
    LLVMValueRef nothing = LLVMGetInlineAsm(type, "", 0, constraint, strlen(constraint), 0, 0,
                                            LLVMInlineAsmDialectATT, 0);
    LLVMValueRef call = LLVMBuildCall2(lower->builder, type, nothing, &value, 1, "");
    set_call_effects(lower, call, 0);
    return call;
}

static void add_element_type(struct lowering *lower, LLVMValueRef call)
{
    unsigned kind = LLVMGetEnumAttributeKindForName("elementtype", strlen("elementtype"));
    LLVMAddCallSiteAttribute(call, 1,
                             LLVMCreateTypeAttribute(lower->context, kind, lower->type.i32));
}

LLVMValueRef lower_asm_float(struct lowering *lower, const char *text, const char *constraint,
                             LLVMValueRef value)
{
    enum { UNSEEN = 0xc };
    LLVMTypeRef float_type = LLVMTypeOf(value), type = LLVMFunctionType(float_type, &float_type, 1, 0);
    LLVMValueRef code = LLVMGetInlineAsm(type, text, strlen(text), constraint, strlen(constraint),
                                         1, 0, LLVMInlineAsmDialectATT, 0);
    LLVMValueRef call = LLVMBuildCall2(lower->builder, type, code, &value, 1, "");
    set_call_effects(lower, call, UNSEEN);
    return call;
}

void lower_asm_aside(struct lowering *lower, const char *text, const char *constraint,
                     LLVMTypeRef type, LLVMValueRef *args, unsigned count)
{
    enum { ARGUMENTS_AND_UNSEEN = 0xf };
    LLVMValueRef code = LLVMGetInlineAsm(type, text, strlen(text), constraint, strlen(constraint),
                                         1, 0, LLVMInlineAsmDialectATT, 0);
    LLVMValueRef call = LLVMBuildCall2(lower->builder, type, code, args, count, "");
    set_call_effects(lower, call, ARGUMENTS_AND_UNSEEN);
    if (count > 0)
        add_element_type(lower, call);
}

void lower_asm_on(struct lowering *lower, const char *text, const char *constraint,
                  LLVMValueRef slot)
{
    LLVMTypeRef type = LLVMFunctionType(lower->type.none, &lower->type.ptr, 1, 0);
    LLVMValueRef code = LLVMGetInlineAsm(type, text, strlen(text), constraint, strlen(constraint),
                                         1, 0, LLVMInlineAsmDialectATT, 0);
    LLVMValueRef call = LLVMBuildCall2(lower->builder, type, code, &slot, 1, "");
    add_element_type(lower, call);
}

/* ---- the vcpu and its services ---- */

LLVMValueRef lower_at(struct lowering *lower, LLVMValueRef base, uint64_t offset_bytes)
{
    LLVMValueRef index = lower_const64(lower, offset_bytes);
    return LLVMBuildGEP2(lower->builder, lower->type.i8, base, &index, 1, "");
}

LLVMValueRef lower_vcpu_at(struct lowering *lower, uint64_t offset_bytes)
{
    return lower_at(lower, lower->vcpu, offset_bytes - VCPU_BIAS);
}

LLVMValueRef lower_load_vcpu(struct lowering *lower, LLVMTypeRef type, size_t offset_bytes)
{
    return LLVMBuildLoad2(lower->builder, type, lower_vcpu_at(lower, offset_bytes), "");
}

void lower_store_vcpu(struct lowering *lower, LLVMValueRef value, size_t offset_bytes)
{
    LLVMBuildStore(lower->builder, value, lower_vcpu_at(lower, offset_bytes));
}

LLVMValueRef lower_helper(struct lowering *lower, enum vcpu_helper_index index, LLVMValueRef a,
                          LLVMValueRef b, LLVMValueRef c, uint64_t desc)
{
    size_t offset = offsetof(struct vcpu, helper) + index * sizeof(vcpu_helper *);
    LLVMValueRef helper = lower_load_vcpu(lower, lower->type.ptr, offset);
    LLVMValueRef args[] = {lower_vcpu_at(lower, 0), a, b, c, lower_const64(lower, desc)};
    return LLVMBuildCall2(lower->builder, lower->type.helper, helper, args, ARRAY_LENGTH(args), "");
}

LLVMValueRef lower_entry_alloca(struct lowering *lower, LLVMTypeRef type)
{
    LLVMBasicBlockRef here = LLVMGetInsertBlock(lower->builder);
    LLVMBasicBlockRef entry = LLVMGetEntryBasicBlock(lower->function);
    LLVMPositionBuilderBefore(lower->builder, LLVMGetFirstInstruction(entry));
    LLVMValueRef place = LLVMBuildAlloca(lower->builder, type, "");
    lower_continue_at(lower, here);
    return place;
}

/* As tier 1 calls them, but for c; so other values stay in their registers. The upper halves of
 * vector registers are lost. */
LLVMValueRef lower_libcall(struct lowering *lower, enum ir_libcall libcall, LLVMValueRef a,
                           LLVMValueRef b, LLVMValueRef c)
{
    static const char constraints[] =
        "={rax},={rbx},={r11},0,1,2,{r12},~{r10},~{xmm0},~{xmm1},~{xmm2},~{xmm3},~{xmm4},"
        "~{xmm5},~{xmm6},~{xmm7},~{xmm8},~{xmm9},~{xmm10},~{xmm11},~{xmm12},~{xmm13},~{xmm14},"
        "~{xmm15},~{memory},~{dirflag},~{fpsr},~{flags}";
    char text[48];
    LLVMTypeRef i64 = lower->type.i64, ptr = lower->type.ptr;
    LLVMTypeRef results[] = {i64, i64, i64}, operands[] = {i64, i64, i64, ptr};
    LLVMTypeRef result = LLVMStructTypeInContext(lower->context, results, ARRAY_LENGTH(results), 0);
    LLVMTypeRef type = LLVMFunctionType(result, operands, ARRAY_LENGTH(operands), 0);
    snprintf(text, sizeof text, "call *%zu($6)",
             offsetof(struct vcpu, region_libcall) + libcall * sizeof(void *) - VCPU_BIAS);
    LLVMValueRef code = LLVMGetInlineAsm(type, text, strlen(text), constraints, strlen(constraints),
                                         1, 0, LLVMInlineAsmDialectATT, 0);
    LLVMValueRef args[] = {a, b, c, lower->vcpu};
    LLVMValueRef call = LLVMBuildCall2(lower->builder, type, code, args, ARRAY_LENGTH(args), "");
    return LLVMBuildExtractValue(lower->builder, call, 0, "");
}

/* ---- values ---- */

static LLVMValueRef widen(struct lowering *lower, const struct value *value)
{
    if (value->bit)
        return LLVMBuildZExt(lower->builder, value->bit, lower->type.i64, "");
    if (LLVMTypeOf(value->narrow) == lower->type.i32)
        return LLVMBuildSExt(lower->builder, value->narrow, lower->type.i64, "");
    LLVMValueRef low = lower_bitcast(lower, value->narrow, lower->type.i32);
    LLVMValueRef bits = LLVMBuildZExt(lower->builder, low, lower->type.i64, "");
    bits = LLVMBuildOr(lower->builder, bits, lower_const64(lower, UINT64_C(0xffffffff) << 32), "");
    return lower_bitcast(lower, bits, lower->type.f64);
}

LLVMValueRef lower_value(struct lowering *lower, ir_ref ref)
{
    struct value *value = &lower->values[ref];
    if (!value->full)
        value->full = widen(lower, value);
    return value->full;
}

LLVMValueRef lower_low32(struct lowering *lower, ir_ref ref)
{
    struct value *value = &lower->values[ref];
    if (value->narrow)
        return value->narrow;
    if (value->bit) {
        value->narrow = LLVMBuildZExt(lower->builder, value->bit, lower->type.i32, "");
    } else {
        LLVMValueRef bits = lower_bitcast(lower, value->full, lower->type.i64);
        value->narrow = LLVMBuildTrunc(lower->builder, bits, lower->type.i32, "");
        if (lower->block->insns[ref].type == IR_F64)
            value->narrow = lower_bitcast(lower, value->narrow, lower->type.f32);
    }
    return value->narrow;
}

LLVMValueRef lower_bit(struct lowering *lower, ir_ref ref)
{
    struct value *value = &lower->values[ref];
    if (!value->bit) {
        LLVMValueRef number = lower_is_narrow(lower, ref) ? lower_low32(lower, ref)
                                                          : lower_value(lower, ref);
        return LLVMBuildICmp(lower->builder, LLVMIntNE, number, LLVMConstNull(LLVMTypeOf(number)),
                             "");
    }
    return value->bit;
}

void lower_clean(struct lowering *lower, ir_ref ref)
{
    struct value *value = &lower->values[ref];
    if (!lower->value_facts[ref].is_unclean)
        return;
    lower->value_facts[ref].is_unclean = false;
    LLVMValueRef raw = value->narrow ? value->narrow : value->full;
    bool may_be_vector = lower_is_plain(lower) && lower->facts->nodes[lower->node_index].is_chunked;
    LLVMValueRef clean = may_be_vector ? lower_canonical_select(lower, raw)
                                       : lower_canonical(lower, raw);
    *value = value->narrow ? (struct value){.narrow = clean} : (struct value){.full = clean};
}

LLVMValueRef lower_bits64(struct lowering *lower, ir_ref ref)
{
    LLVMValueRef full = lower_value(lower, ref);
    unsigned width = ir_width_of(lower->block, ref);
    LLVMValueRef bits = lower_bitcast(lower, full, LLVMIntTypeInContext(lower->context, width));
    return width == 64 ? bits : LLVMBuildZExt(lower->builder, bits, lower->type.i64, "");
}

LLVMValueRef lower_from_bits64(struct lowering *lower, LLVMValueRef bits, unsigned ir_type)
{
    LLVMTypeRef integer = LLVMIntTypeInContext(lower->context, ir_type_width[ir_type]);
    if (integer != lower->type.i64)
        bits = LLVMBuildTrunc(lower->builder, bits, integer, "");
    return lower_bitcast(lower, bits, lower_type_of(lower, ir_type));
}

void lower_define(struct lowering *lower, const struct ir_insn *insn, LLVMValueRef full)
{
    lower->values[lower_ref(lower, insn)] = (struct value){.full = full};
}

void lower_define_narrow(struct lowering *lower, const struct ir_insn *insn, LLVMValueRef narrow)
{
    lower->values[lower_ref(lower, insn)] = (struct value){.narrow = narrow};
}

void lower_define_bit(struct lowering *lower, const struct ir_insn *insn, LLVMValueRef bit)
{
    lower->values[lower_ref(lower, insn)] = (struct value){.bit = bit};
}

/* ---- the module ---- */

static void init_types(struct lowering *lower)
{
    LLVMContextRef context = lower->context;
    struct lower_types *type = &lower->type;
    *type = (struct lower_types){
        .none = LLVMVoidTypeInContext(context),
        .i1 = LLVMInt1TypeInContext(context),
        .i8 = LLVMInt8TypeInContext(context),
        .i16 = LLVMInt16TypeInContext(context),
        .i32 = LLVMInt32TypeInContext(context),
        .i64 = LLVMInt64TypeInContext(context),
        .i128 = LLVMInt128TypeInContext(context),
        .f32 = LLVMFloatTypeInContext(context),
        .f64 = LLVMDoubleTypeInContext(context),
        .ptr = LLVMPointerTypeInContext(context, 0),
    };
    LLVMTypeRef params[1 + TB_PINNED_COUNT + TB_PINNED_FLOAT_COUNT] = {type->ptr};
    for (unsigned i = 1; i < ARRAY_LENGTH(params); i++)
        params[i] = i < 1 + TB_PINNED_COUNT ? type->i64 : type->f64;
    type->entry = LLVMFunctionType(type->none, params, ARRAY_LENGTH(params), 0);
    LLVMTypeRef helper_params[] = {type->ptr, type->i64, type->i64, type->i64, type->i64};
    type->helper = LLVMFunctionType(type->i64, helper_params, ARRAY_LENGTH(helper_params), 0);
}

static LLVMValueRef metadata_string(struct lowering *lower, const char *text)
{
    return LLVMMetadataAsValue(lower->context,
                               LLVMMDStringInContext2(lower->context, text, strlen(text)));
}

static void init_metadata(struct lowering *lower)
{
    lower->rounding = metadata_string(lower, "round.dynamic");
    lower->exceptions = metadata_string(lower, "fpexcept.strict");
    unsigned strictfp = LLVMGetEnumAttributeKindForName("strictfp", strlen("strictfp"));
    lower->strictfp = LLVMCreateEnumAttribute(lower->context, strictfp, 0);
    lower->prof_kind = LLVMGetMDKindIDInContext(lower->context, "prof", 4);
    LLVMMetadataRef weights[] = {
        LLVMMDStringInContext2(lower->context, "branch_weights", strlen("branch_weights")),
        LLVMValueAsMetadata(lower_const32(lower, 1)),
        LLVMValueAsMetadata(lower_const32(lower, 1 << 20)),
    };
    lower->unlikely = LLVMMDNodeInContext2(lower->context, weights, ARRAY_LENGTH(weights));
}

static void add_attribute(struct lowering *lower, LLVMAttributeIndex index, const char *name,
                          uint64_t value)
{
    unsigned kind = LLVMGetEnumAttributeKindForName(name, strlen(name));
    LLVMAddAttributeAtIndex(lower->function, index,
                            LLVMCreateEnumAttribute(lower->context, kind, value));
}

static void add_function(struct lowering *lower)
{
    snprintf(lower->symbol, sizeof lower->symbol, "region_%" PRIx64 "_%u", lower->region->guest_pc,
             lower->serial);
    lower->function = LLVMAddFunction(lower->module, lower->symbol, lower->type.entry);
    LLVMSetFunctionCallConv(lower->function, TB_PRESERVE_NONE_CC);
    LLVMSetAlignment(lower->function, FUNCTION_ALIGNMENT);
    LLVMSetPrologueData(lower->function,
                        LLVMConstStringInContext(lower->context, (const char *)entry_slot_nop,
                                                 ENTRY_SLOT_BYTES, 1));
    add_attribute(lower, LLVMAttributeFunctionIndex, "nounwind", 0);
    add_attribute(lower, LLVMAttributeFunctionIndex, "null_pointer_is_valid", 0);
    add_attribute(lower, LLVMAttributeFunctionIndex, "noredzone", 0); /* lower_libcall pushes */
    add_attribute(lower, 1, "noalias", 0);
    add_attribute(lower, 1, "dereferenceable", sizeof(struct vcpu) - VCPU_BIAS);
    /* No calls of memcpy and its kind: an object must not refer to anything outside. */
    LLVMAddAttributeAtIndex(lower->function, LLVMAttributeFunctionIndex,
                            LLVMCreateStringAttribute(lower->context, "no-builtins",
                                                      strlen("no-builtins"), "", 0));
    lower->vcpu = LLVMGetParam(lower->function, 0);
    for (unsigned i = 0; i < ARRAY_LENGTH(lower->pinned); i++)
        lower->pinned[i] = LLVMGetParam(lower->function, 1 + i);
}

/* The near data: zeroed, filled when the object has been linked. It is not constant and not local
 * to the module, so LLVM loads from it. */
static void add_near(struct lowering *lower)
{
    char name[64];
    snprintf(name, sizeof name, "near_%u", lower->serial);
    size_t size = sizeof(struct region_near) + lower->slot_count * sizeof(void *);
    LLVMTypeRef type = LLVMArrayType2(lower->type.i64, size / sizeof(uint64_t));
    lower->near = LLVMAddGlobal(lower->module, type, name);
    LLVMSetInitializer(lower->near, LLVMConstNull(type));
    LLVMSetVisibility(lower->near, LLVMHiddenVisibility);
    LLVMSetSection(lower->near, REGION_NEAR_SECTION);
    LLVMSetAlignment(lower->near, 8);
}

static void add_module_flag(struct lowering *lower, const char *name, uint32_t value)
{
    LLVMAddModuleFlag(lower->module, LLVMModuleFlagBehaviorWarning, name, strlen(name),
                      LLVMValueAsMetadata(lower_const32(lower, value)));
}

/* Line tables are how a fault finds its guest pc (faults.c). */
static void begin_debug(struct lowering *lower)
{
    lower->line_base_pc = UINT64_MAX;
    for (uint32_t i = 0; i < lower->region->length; i++)
        if (lower->region->nodes[i].block->guest_pc < lower->line_base_pc)
            lower->line_base_pc = lower->region->nodes[i].block->guest_pc;
    lower->debug = LLVMCreateDIBuilder(lower->module);
    LLVMMetadataRef file = LLVMDIBuilderCreateFile(lower->debug, "guest", 5, "", 0);
    LLVMDIBuilderCreateCompileUnit(lower->debug, LLVMDWARFSourceLanguageC, file, "tiercel", 7, 1,
                                   "", 0, 0, "", 0, LLVMDWARFEmissionLineTablesOnly, 0, 0, 0, "", 0,
                                   "", 0);
    LLVMMetadataRef type =
        LLVMDIBuilderCreateSubroutineType(lower->debug, file, NULL, 0, LLVMDIFlagZero);
    lower->subprogram = LLVMDIBuilderCreateFunction(lower->debug, file, "region", 6, "region", 6,
                                                    file, 1, type, 0, 1, 1, LLVMDIFlagZero, 1);
    LLVMSetSubprogram(lower->function, lower->subprogram);
    add_module_flag(lower, "Debug Info Version", LLVMDebugMetadataVersion());
    add_module_flag(lower, "Dwarf Version", 5);
}

static void end_debug(struct lowering *lower)
{
    LLVMDIBuilderFinalize(lower->debug);
    LLVMDisposeDIBuilder(lower->debug);
}

/* ---- nodes ---- */

static void count_insns(struct lowering *lower)
{
    if (!lower->options->is_counting_stats)
        return;
    LLVMValueRef count = LLVMBuildLoad2(lower->builder, lower->type.i64, lower->insn_count, "");
    count = LLVMBuildAdd(lower->builder, count, lower_const64(lower, lower->block->guest_length),
                         "");
    LLVMBuildStore(lower->builder, count, lower->insn_count);
}

void lower_block_body(struct lowering *lower, uint32_t index, struct reg_facts regs, uint64_t dirty)
{
    const struct ir_block *block = lower->region->nodes[index].block;
    lower->node_index = index;
    lower->node = &lower->region->nodes[index];
    lower->block = block;
    lower->regs = regs;
    lower->dirty = dirty;
    lower->is_plain_float = lower->facts->nodes[index].is_plain_float && !lower->is_leaving &&
                            !lower->is_precise;
    block_find_facts(block, &regs, lower->value_facts);
    LLVMSetCurrentDebugLocation2(lower->builder, NULL);
    if (lower->facts->nodes[index].is_foreign) {
        lower_leave_through_slot(lower, block->guest_pc);
        return;
    }
    count_insns(lower);
    lower->pending = (struct pending_products){0};
    for (uint32_t i = 0; i < block->length; i++) {
        const struct ir_insn *insn = &block->insns[i];
        lower_settle_products(lower, insn);
        lower_table[insn->op](lower, insn);
    }
}

static void count_region_entry(struct lowering *lower)
{
    size_t offset = offsetof(struct vcpu, counter) +
                    (COUNTER_BLOCKS_TIER0 + (size_t)lower->level) * sizeof(uint64_t);
    LLVMValueRef count = lower_load_vcpu(lower, lower->type.i64, offset);
    count = LLVMBuildAdd(lower->builder, count, lower_const64(lower, 1), "");
    lower_store_vcpu(lower, count, offset);
}

/* ---- entries ---- */

/* Enters the node, past the guard when it has one. The guard's fallback runs the node's block
 * alone, with nothing known of registers, and leaves to other code, which may come back. */
static void lower_guarded_entry(struct lowering *lower, uint32_t index)
{
    const struct node_facts *facts = &lower->facts->nodes[index];
    lower_load_regs(lower, facts->live_in);
    if (!guarded_regs(facts)) {
        LLVMBuildBr(lower->builder, lower->blocks[index].enter);
        return;
    }
    LLVMBasicBlockRef fallback = lower_new_block(lower, "fallback");
    LLVMBasicBlockRef holds = lower_new_block(lower, "guarded");
    lower_branch_unlikely(lower, lower_guard_fails(lower, &facts->regs_in), fallback, holds);
    lower_continue_at(lower, holds);
    lower_narrow_regs(lower, facts->regs_in.narrow);
    LLVMBuildBr(lower->builder, lower->blocks[index].enter);
    lower_continue_at(lower, fallback);
    lower->regs = (struct reg_facts){.is_wide = lower->facts->is_wide};
    lower->dirty = 0;
    lower_count_guard(lower, lower->region->nodes[index].block->guest_pc);
    lower->is_leaving = true;
    lower_block_body(lower, index, lower->regs, lower->dirty);
    lower->is_leaving = false;
}

/* To the entry that vcpu->region_entry names; the last needs no comparison. */
static void lower_dispatch(struct lowering *lower)
{
    const struct region_node *dispatch = &lower->region->nodes[0];
    LLVMValueRef pc =
        lower_load_vcpu(lower, lower->type.i64, offsetof(struct vcpu, region_entry));
    for (uint32_t i = 0; i + 1 < dispatch->edge_count; i++) {
        LLVMBasicBlockRef here = lower_new_block(lower, "entry");
        LLVMBasicBlockRef onwards = lower_new_block(lower, "");
        LLVMValueRef is_match = LLVMBuildICmp(lower->builder, LLVMIntEQ, pc,
                                              lower_const64(lower, dispatch->edges[i].pc), "");
        LLVMBuildCondBr(lower->builder, is_match, here, onwards);
        lower_continue_at(lower, here);
        lower_guarded_entry(lower, (uint32_t)dispatch->edges[i].node);
        lower_continue_at(lower, onwards);
    }
    lower_guarded_entry(lower, (uint32_t)dispatch->edges[dispatch->edge_count - 1].node);
}

/* The node with what is known there, but leaving by all its exits. */
static void lower_fallback(struct lowering *lower, uint32_t index, LLVMBasicBlockRef block)
{
    const struct node_facts *facts = &lower->facts->nodes[index];
    lower_continue_at(lower, block);
    lower->is_leaving = true;
    lower_block_body(lower, index, facts->regs_in, facts->dirty_in);
    lower->is_leaving = false;
}

static void lower_nodes(struct lowering *lower)
{
    for (uint32_t i = lower->region->is_dispatching; i < lower->region->length; i++) {
        const struct node_facts *facts = &lower->facts->nodes[i];
        if (!facts->is_reachable)
            continue;
        lower_continue_at(lower, lower->blocks[i].body);
        lower_block_body(lower, i, facts->regs_in, facts->dirty_in);
        if (lower->blocks[i].fallback)
            lower_fallback(lower, i, lower->blocks[i].fallback);
    }
}

static void mark_memory_base(struct lowering *lower, LLVMValueRef call)
{
    unsigned length = (unsigned)strlen(CODEGEN_MEMORY_BASE);
    LLVMAddCallSiteAttribute(call, LLVMAttributeFunctionIndex,
                             LLVMCreateStringAttribute(lower->context, CODEGEN_MEMORY_BASE, length, "", 0));
}

/* Guest memory is an object of its own for LLVM, apart from the vcpu, and one that others have too. Where it lies at
 * its own addresses the base goes when that has served (codegen.c). */
static void load_memory_base(struct lowering *lower)
{
    LLVMValueRef base = lower_load_vcpu(lower, lower->type.ptr, offsetof(struct vcpu, memory_base));
    lower->memory = lower_hidden(lower, base, "=r,0");
    add_call_attribute(lower, lower->memory, LLVMAttributeReturnIndex, "noalias", 0);
    mark_memory_base(lower, lower->memory);
    LLVMTypeRef type = LLVMFunctionType(lower->type.none, &lower->type.ptr, 1, 0);
    LLVMValueRef escape = LLVMGetInlineAsm(type, "", 0, "r", 1, 1, 0, LLVMInlineAsmDialectATT, 0);
    mark_memory_base(lower, LLVMBuildCall2(lower->builder, type, escape, &lower->memory, 1, ""));
}

static LLVMValueRef counter_alloca(struct lowering *lower, LLVMTypeRef type)
{
    LLVMValueRef slot = LLVMBuildAlloca(lower->builder, type, "");
    LLVMBuildStore(lower->builder, LLVMConstNull(type), slot);
    return slot;
}

void lower_region(struct lowering *lower)
{
    lower->builder = LLVMCreateBuilderInContext(lower->context);
    init_types(lower);
    init_metadata(lower);
    lower_find_slots(lower);
    add_function(lower);
    add_near(lower);
    if (!lower->is_precise)
        begin_debug(lower);
    size_t longest = lower->facts->longest_block;
    lower->values = arena_alloc(lower->arena, longest * sizeof *lower->values);
    lower->value_facts = arena_alloc(lower->arena, longest * sizeof *lower->value_facts);

    lower_continue_at(lower, lower_new_block(lower, "entry"));
    lower->insn_count = counter_alloca(lower, lower->type.i64);
    lower->budget = counter_alloca(lower, lower->type.i64);
    lower->chunk = counter_alloca(lower, lower->type.i64);
    lower->invalid32 = counter_alloca(lower, lower->type.i32);
    lower->invalid64 = counter_alloca(lower, lower->type.i64);
    load_memory_base(lower);
    lower_init_regs(lower);
    lower_entry_poll(lower);
    if (lower->options->is_counting_stats)
        count_region_entry(lower);
    LLVMBasicBlockRef start = LLVMGetInsertBlock(lower->builder);
    lower_node_entries(lower);
    lower_continue_at(lower, start);
    if (lower->region->is_dispatching)
        lower_dispatch(lower);
    else
        lower_guarded_entry(lower, 0);
    lower_nodes(lower);
    lower_finish_poll_tail(lower);
    lower_finish_tail(lower);
    if (!lower->is_precise)
        end_debug(lower);
    LLVMDisposeBuilder(lower->builder);
}
