/* Lowering of one region to one LLVM function (lower.c, lower_regs.c, lower_exits.c, lower_int.c,
 * lower_mem.c, lower_fp.c).
 *
 * Each node becomes a chain of LLVM blocks in the order of its instructions, so whatever was built
 * in the chain dominates what follows. Exits and cold paths are side blocks: they use the register
 * allocas and values made before. Guest registers are allocas that SROA turns into SSA values. */
#ifndef TIERCEL_TIER2_LOWER_H
#define TIERCEL_TIER2_LOWER_H

#include "src/tb/tier.h"
#include "tier2/analysis.h"
#include "tier2/host.h"

#include <llvm-c/Core.h>
#include <llvm-c/DebugInfo.h>

/* The near data of a region, as generated code sees it; in a section of its own. */
struct region_near {
    struct tb *tb;       /* the region's record, for a promotion */
    int64_t heat;        /* polls left until promotion */
    int64_t guard_heat;  /* failures of guards left until the region is given up */
    const void *leave;   /* thunk_leave */
    const void *slots[]; /* entries of the TBs that exits go to */
};
enum { REGION_GUARD_HEAT = 20000 }; /* a few milliseconds of failures, as long as a compile takes */
#define REGION_NEAR_SECTION ".bss.near"

/* Precise regions: one row per memory access, in a section of its own that the assembler aligns to
 * 4 bytes. Offsets are from the field itself. */
struct __attribute__((packed, aligned(4))) region_access {
    int32_t site;    /* the instruction that may fault */
    int32_t landing; /* where to go on then */
    uint64_t pc;     /* of the guest's access */
};
#define REGION_ACCESS_SECTION ".access"

/* An IR value in the forms that were asked for so far; all but one may be NULL. */
struct value {
    LLVMValueRef full;   /* of the value's own type */
    LLVMValueRef narrow; /* its low 32 bits: i32 of an i64, float of a boxed f64 */
    LLVMValueRef bit;    /* i1 of an i64 that is 0 or 1 */
};

/* Fused multiply-adds of the block whose sums have not been looked at for a NaN (lower_fp.c). */
enum { MAX_PENDING_PRODUCTS = 8 };
struct pending_products {
    LLVMValueRef a[MAX_PENDING_PRODUCTS], b[MAX_PENDING_PRODUCTS]; /* factors */
    uint32_t count;
    ir_ref watched[MAX_PENDING_PRODUCTS]; /* one is a NaN when a sum is */
    uint32_t watched_count;
};

struct lower_types {
    LLVMTypeRef none, i1, i8, i16, i32, i64, i128, f32, f64, ptr;
    LLVMTypeRef entry;  /* function type of a TB entry */
    LLVMTypeRef helper; /* function type of a vcpu_helper */
};

/* The LLVM blocks at which a node is entered. */
struct node_blocks {
    LLVMBasicBlockRef enter; /* from outside its loop */
    LLVMBasicBlockRef again; /* by a back edge of its innermost loop: polls, maybe not each time */
    LLVMBasicBlockRef outer; /* by any other back edge: polls, then enters */
    LLVMBasicBlockRef full;  /* after a chunk of iterations: the way to outer; or NULL */
    LLVMBasicBlockRef body;
    LLVMValueRef *hidden_const; /* plain.c: by number of the instruction, or NULL */
    LLVMBasicBlockRef fallback; /* the body with exits in place of edges (stride.c), or NULL */
};

struct lowering {
    /* the job */
    const struct ir_region *region;
    const struct region_facts *facts;
    const struct tier_options *options;
    const struct host_features *host;
    enum tb_tier level;
    int32_t next_heat;
    uint32_t step_polls;
    bool is_precise;
    bool is_flagless; /* tier_job */
    struct arena *arena;
    uint32_t serial; /* makes symbol names unique */

    /* the module */
    LLVMContextRef context;
    LLVMModuleRef module;
    LLVMBuilderRef builder;
    char symbol[64]; /* of the function */
    LLVMValueRef function, near;
    LLVMDIBuilderRef debug;
    LLVMMetadataRef subprogram;
    uint64_t line_base_pc; /* line of a guest pc: (pc - line_base_pc) / 2 + 1 */
    struct lower_types type;
    LLVMValueRef rounding, exceptions; /* operands of constrained intrinsics */
    LLVMAttributeRef strictfp;         /* for their call sites */
    LLVMMetadataRef unlikely;          /* branch weights: the first destination is cold */
    unsigned prof_kind;

    /* the function */
    LLVMValueRef vcpu, memory, pinned[TB_PINNED_COUNT + TB_PINNED_FLOAT_COUNT];
    LLVMValueRef full_reg[IR_GUEST_REGS], narrow_reg[IR_GUEST_REGS]; /* allocas */
    LLVMValueRef insn_count, budget, chunk, scratch;                 /* allocas */
    LLVMValueRef invalid32, invalid64; /* allocas: not 0 when an operation of the plain loop that
                                          is being left was invalid and the host did not say so */
    struct node_blocks *blocks;
    uint64_t *slot_pcs;
    uint32_t slot_count;
    LLVMBasicBlockRef tail; /* shared end of cold exits, or NULL when there is none so far */
    LLVMBasicBlockRef poll_tail; /* the same for polls that leave */
    LLVMValueRef tail_offset, tail_args[TB_PINNED_COUNT + TB_PINNED_FLOAT_COUNT]; /* allocas for it */
    LLVMValueRef poll_pc;        /* alloca */

    /* the node being lowered */
    uint32_t node_index;
    const struct region_node *node;
    const struct ir_block *block;
    bool is_leaving; /* edges are not followed: the fallback of the entry guard */
    bool is_plain_float; /* plain.c */
    struct value *values;
    struct value_facts *value_facts;
    struct reg_facts regs; /* at this point */
    uint64_t dirty;        /* registers that may differ from vcpu->reg */
    struct pending_products pending;

    /* while a node is lowered that is selected against skipping it (lower_exits.c) */
    LLVMValueRef is_skipped;      /* i1, or NULL */
    struct reg_facts skip_facts;  /* of the registers that are kept when it is */
    LLVMValueRef skip_reg[IR_FIRST_FP_REG], skip_count;
};

/* Builds lower->function in lower->module from the job and the context, which the caller has set;
 * the rest is zero. */
void lower_region(struct lowering *lower);

/* ---- blocks and constants (lower.c) ---- */
LLVMBasicBlockRef lower_new_block(struct lowering *lower, const char *name);
void lower_continue_at(struct lowering *lower, LLVMBasicBlockRef block);
LLVMValueRef lower_const64(const struct lowering *lower, uint64_t value);
LLVMValueRef lower_const32(const struct lowering *lower, uint32_t value);
LLVMTypeRef lower_type_of(const struct lowering *lower, unsigned ir_type);
/* Branches to `cold` when the bit is set, which is rare, else to `hot`. */
void lower_branch_unlikely(struct lowering *lower, LLVMValueRef bit, LLVMBasicBlockRef cold,
                           LLVMBasicBlockRef hot);
LLVMValueRef lower_bitcast(struct lowering *lower, LLVMValueRef value, LLVMTypeRef type);
LLVMValueRef lower_phi(struct lowering *lower, LLVMValueRef first, LLVMBasicBlockRef first_from,
                       LLVMValueRef second, LLVMBasicBlockRef second_from);
/* Calls the intrinsic `name` of one overloaded type (NULL: none). */
LLVMValueRef lower_intrinsic(struct lowering *lower, const char *name, LLVMTypeRef overload,
                             LLVMValueRef *args, unsigned count);
/* The same value, of which LLVM knows nothing. constraint: "=r,0" for integers, "=x,0" for floats. */
LLVMValueRef lower_hidden(struct lowering *lower, LLVMValueRef value, const char *constraint);
/* Inline assembly with side effects, of the function type given, that LLVM may take to touch
 * nothing but its first argument, which is a pointer to an i32, and what LLVM cannot see. */
void lower_asm_aside(struct lowering *lower, const char *text, const char *constraint,
                     LLVMTypeRef type, LLVMValueRef *args, unsigned count);
/* Inline assembly of one float, with side effects that LLVM cannot see; the result has its type. */
LLVMValueRef lower_asm_float(struct lowering *lower, const char *text, const char *constraint,
                             LLVMValueRef value);
/* Inline assembly with side effects that touches memory, on the i32 at `slot`. */
void lower_asm_on(struct lowering *lower, const char *text, const char *constraint,
                  LLVMValueRef slot);

/* ---- the vcpu and its services ---- */
LLVMValueRef lower_at(struct lowering *lower, LLVMValueRef base, uint64_t offset_bytes);
/* The place of a vcpu field; its value; its new value. */
LLVMValueRef lower_vcpu_at(struct lowering *lower, uint64_t offset_bytes);
LLVMValueRef lower_load_vcpu(struct lowering *lower, LLVMTypeRef type, size_t offset_bytes);
void lower_store_vcpu(struct lowering *lower, LLVMValueRef value, size_t offset_bytes);
/* Calls vcpu->helper[index]; the arguments are i64. */
LLVMValueRef lower_helper(struct lowering *lower, enum vcpu_helper_index index, LLVMValueRef a,
                          LLVMValueRef b, LLVMValueRef c, uint64_t desc);
LLVMValueRef lower_libcall(struct lowering *lower, enum ir_libcall libcall, LLVMValueRef a,
                           LLVMValueRef b, LLVMValueRef c);

/* Memory of the function, made at its entry. */
LLVMValueRef lower_entry_alloca(struct lowering *lower, LLVMTypeRef type);
/* Are LLVM's own floating-point operations exact enough here? */
static inline bool lower_is_plain(const struct lowering *lower)
{
    return lower->is_plain_float || lower->is_flagless;
}

/* ---- values of the current block ---- */
LLVMValueRef lower_value(struct lowering *lower, ir_ref ref);  /* of its own type */
/* The value with a NaN made canonical where that has not been done; kept for later uses. */
void lower_clean(struct lowering *lower, ir_ref ref);
LLVMValueRef lower_low32(struct lowering *lower, ir_ref ref);  /* i32 of an i64, f32 of an f64 */
LLVMValueRef lower_bit(struct lowering *lower, ir_ref ref);    /* i64 not zero, as i1 */
LLVMValueRef lower_bits64(struct lowering *lower, ir_ref ref); /* held value as i64 */
void lower_define(struct lowering *lower, const struct ir_insn *insn, LLVMValueRef full);
void lower_define_narrow(struct lowering *lower, const struct ir_insn *insn, LLVMValueRef narrow);
void lower_define_bit(struct lowering *lower, const struct ir_insn *insn, LLVMValueRef bit);
/* The held value `bits` (i64) as a value of the type. */
LLVMValueRef lower_from_bits64(struct lowering *lower, LLVMValueRef bits, unsigned ir_type);
static inline ir_ref lower_ref(const struct lowering *lower, const struct ir_insn *insn)
{
    return (ir_ref)(insn - lower->block->insns);
}
static inline bool lower_is_narrow(const struct lowering *lower, ir_ref ref)
{
    return lower->value_facts[ref].is_narrow;
}
/* The canonical NaN in place of any NaN: by a cold branch, which costs the hot path least, or by a
 * select, where code is cold. */
LLVMValueRef lower_canonical(struct lowering *lower, LLVMValueRef value);
/* To be called before each instruction: looks at the pending products where their flag may be seen. */
void lower_settle_products(struct lowering *lower, const struct ir_insn *insn);
/* i1: a NaN, found without touching a signalling one. */
LLVMValueRef lower_is_nan_by_bits(struct lowering *lower, LLVMValueRef value);
LLVMValueRef lower_canonical_select(struct lowering *lower, LLVMValueRef value);

/* ---- guest registers (lower_regs.c) ---- */
/* Creates the allocas at the function's entry; the pinned registers have their values then. */
void lower_init_regs(struct lowering *lower);
/* Fills the others where a node is entered that may read `regs`. */
void lower_load_regs(struct lowering *lower, uint64_t regs);
/* i1: the facts do not hold of the registers, of which nothing is known. */
LLVMValueRef lower_guard_fails(struct lowering *lower, const struct reg_facts *facts);
/* Makes `regs`, which are wide, narrow. */
void lower_narrow_regs(struct lowering *lower, uint64_t regs);
/* Makes unclean registers canonical, then narrow ones wide. */
void lower_clean_regs(struct lowering *lower, uint64_t regs);
void lower_widen_regs(struct lowering *lower, uint64_t regs);
/* A register as i64; it becomes (or stays) the same number in that form. */
LLVMValueRef lower_read_wide(struct lowering *lower, unsigned reg);
void lower_set_wide(struct lowering *lower, unsigned reg, LLVMValueRef value);
/* The integer registers of the set as they are. */
void lower_keep_regs(struct lowering *lower, uint64_t regs, LLVMValueRef *ret_values);
/* Makes them what they were kept as, under these facts, when the bit is set; what is known then is
 * what is known of both. */
void lower_select_regs(struct lowering *lower, uint64_t regs, LLVMValueRef bit,
                       LLVMValueRef *values, const struct reg_facts *facts);
/* Sets the invalid flag if a plain loop has noted that (lower_fp.c). */
void lower_flag_invalid(struct lowering *lower);
/* Makes LLVM forget what it may know of the values of these float registers. */
void lower_hide_floats(struct lowering *lower, uint64_t regs);
/* Stores the registers of the set that do not travel as arguments to the vcpu. */
void lower_store_regs(struct lowering *lower, uint64_t regs);
/* Tail call of `entry` (a TB entry or a thunk) with the pinned registers, of which those outside
 * `live` may get any value; ends the LLVM block. */
void lower_tail_call(struct lowering *lower, uint64_t live, LLVMValueRef entry);
/* The same for cold code: all such exits jump to one call of the function. A tail call with its
 * nineteen arguments is much work for LLVM. The entry is at near_offset in the near data: a small
 * number, for an address would be held in a register from before the nearest loop. */
void lower_shared_tail_call(struct lowering *lower, uint64_t live, size_t near_offset);
/* Its parts: sets the arguments, and goes there. */
void lower_set_tail_args(struct lowering *lower, uint64_t live);
void lower_go_to_tail(struct lowering *lower, size_t near_offset);
/* Builds the shared call, when all exits have been. */
void lower_finish_tail(struct lowering *lower);

/* Builds a node's instructions here, with these facts and dirty registers. */
void lower_block_body(struct lowering *lower, uint32_t index, struct reg_facts regs, uint64_t dirty);

/* ---- exits, edges, polls (lower_exits.c) ---- */
/* Ends the current LLVM block by leaving for other code at pc, which has a slot. */
void lower_leave_through_slot(struct lowering *lower, uint64_t pc);
/* Collects slot_pcs. */
void lower_find_slots(struct lowering *lower);
/* Builds enter, again, outer and body of every reachable node; bodies are left empty. */
void lower_node_entries(struct lowering *lower);
/* The promotion counter and the poll at the region's entry: loops may go through exits. */
void lower_entry_poll(struct lowering *lower);
/* Where a guard has failed, before the fallback of the entry at pc: counts it, and leaves for a
 * region that assumes less when that has happened often. */
void lower_count_guard(struct lowering *lower, uint64_t pc);
/* Builds what the polls that leave share, when all have been built. */
void lower_finish_poll_tail(struct lowering *lower);
/* A block that leaves with VCPU_EXIT_FAULT at pc and the state as it is here. */
LLVMBasicBlockRef lower_fault_landing(struct lowering *lower, uint64_t pc);
/* Leaves to the exec loop at pc with the registers of `live`; ends the LLVM block. */
void lower_leave(struct lowering *lower, uint64_t live, LLVMValueRef pc, enum vcpu_exit reason);

/* ---- guest memory (lower_mem.c) ---- */
/* Attaches the guest pc of a memory access to what is built from here on. */
void lower_set_location(struct lowering *lower, const struct ir_insn *insn);

/* ---- operations: one function each, found through the table in lower.c ---- */
#define IR_OP(name, ...) void lower_op_##name(struct lowering *lower, const struct ir_insn *insn);
#include "src/ir/ir_ops.def"
#undef IR_OP

#endif
