/* The state of one tier 1 compile and what its parts offer each other.
 *
 * plan.c makes a list of nodes of the block's operations: it leaves out what is not needed, folds
 * operations into their only user, and notes every value's next use. emit_*.c then emit them, asking
 * alloc.c for registers. A value can be in a host register, in a spill slot, and in guest registers
 * ("homes") at once; guest registers that are pinned are host registers themselves.
 *
 * Invariant: at each node that can leave or fault, every guest register is in its place. */
#ifndef TIERCEL_TIER1_EMIT_H
#define TIERCEL_TIER1_EMIT_H

#include "src/tb/tier.h"
#include "tier1/x64.h"

/* Host instructions beyond the x86-64 baseline that are used when present. */
enum t1_feature {
    T1_BMI1 = 1,
    T1_BMI2 = 2,
    T1_LZCNT = 4,
    T1_POPCNT = 8,
    T1_AVX = 16,
    T1_FMA = 32,
};
unsigned t1_host_features(void);

/* How a node differs from the IR instruction it came from. */
enum t1_node_flags {
    T1_SETS = 1,     /* with the set_reg that follows in the block */
    T1_FUSED = 2,    /* exit_if, exit_trap_if, select: on compare(x, y) by cond and width */
    T1_TEST = 4,     /* with T1_FUSED: x & y against zero */
    T1_LEA = 8,      /* add: operand[1] is shifted left by cond */
    T1_ANDN = 16,    /* and: ~operand[0] & operand[1] */
    T1_BOXED = 32,   /* set_reg: operand[0] is an f32 to be boxed */
    T1_NEG_PRODUCT = 64, /* fmadd: -(a * b) + c */
    T1_NEG_ADDEND = 128, /* fmadd: a * b - c */
};

enum { T1_MAX_OPERANDS = 4 };

/* One IR instruction that gives code. It defines the value of its number in the block. */
struct t1_node {
    uint8_t op, type;
    ir_ref operand[T1_MAX_OPERANDS]; /* canonical values, a dummy for those of the first two that are
                                        none; [2] beyond count: the IR's raw c */
    uint8_t flags; /* enum t1_node_flags */
    uint8_t count; /* operands that are values */
    uint8_t width; /* of a fused compare */
    uint8_t cond;  /* enum x64_cc of a fused compare; the shift of T1_LEA */
    ir_ref follow; /* the node that is emitted after this one, or IR_NONE */
    uint64_t imm;
    ir_ref next[T1_MAX_OPERANDS]; /* each operand's next use after this node, or IR_NONE */
};
_Static_assert(sizeof(struct t1_node) == 32, "a node is half a cache line");
_Static_assert(offsetof(struct t1_node, operand) == offsetof(struct ir_insn, a) &&
                   offsetof(struct t1_node, flags) == 10 && offsetof(struct t1_node, count) == 11 &&
                   offsetof(struct t1_node, follow) == 14,
               "a node is filled by words (plan.c)");

/* Where one value is. */
struct t1_value {
    uint64_t homes;    /* guest registers that hold exactly this value */
    ir_ref next_use;   /* IR_NONE: dead */
    ir_ref hint;       /* the set_reg whose pinned register it should be computed in, or IR_NONE */
    uint8_t gpr;       /* host register, or X64_NO_REG */
    uint8_t xmm;
    uint8_t spill;     /* slot, or T1_NO_SPILL */
    uint8_t unclean : 7;  /* enum t1_unclean; never so in the memory of a guest register */
    uint8_t is_boxed : 1; /* f32 in xmm: the 32 bits above it are ones */
};
_Static_assert(sizeof(struct t1_value) == 16, "a value is stored at once");

/* Whether a float may be a NaN other than the canonical one that RISC-V would have given: it is
 * made canonical only where its bits matter. */
enum t1_unclean { T1_CLEAN, T1_UNCLEAN_F64, T1_UNCLEAN_F32 };
enum { T1_NO_SPILL = 0xff };

/* A captured comparison: can be emitted more than once at one program point. */
struct t1_compare {
    struct x64_operand a, b;
    uint8_t width;
    bool is_test;
    uint8_t cc; /* holds when the condition does */
};

struct t1;
struct t1_cold;
typedef void t1_cold_fn(struct t1 *t, const struct t1_cold *cold);

/* Code out of the hot path, emitted after the block and far from it. It accesses no guest memory,
 * for nobody would find the fault point. Offsets count from the block's start. */
struct t1_cold {
    t1_cold_fn *emit;
    uint32_t site;  /* one past the rel32 that comes here, or rel8: */
    bool is_near;   /* by way of a jump behind the block, so that the way past is short */
    uint32_t back;  /* to return to */
    uint32_t begin, end; /* where it was put */
    uint8_t a, b, c, d; /* registers and small numbers, by emit */
    uint64_t imm;
    const struct tb *to;
    struct t1_compare compare;
};

/* A direct exit, linked when the code is complete. */
struct t1_exit {
    uint32_t site; /* offset of the rel32 */
    struct tb *to; /* a draft's are found later */
};

/* How the code of drafts gets at an integer register of the guest (draft_step.c). */
struct draft_reg {
    uint64_t rm;   /* an instruction with it as r/m, 64 bits wide, but for opcode and reg: */
    uint8_t rm_bytes;
    uint8_t load_bytes;  /* the same where it is in memory; 0: it is pinned, */
    uint8_t store_bytes; /* or need not be stored */
    uint8_t host;  /* where it is pinned, or X64_NO_REG */
    uint8_t a, b;  /* there, or the scratch register it is brought to as an operand */
    uint8_t result; /* there, or the scratch register that it is computed in */
};
_Static_assert(sizeof(struct draft_reg) == 16, "four are a cache line");

/* One compile. Owner: the tier1 that embeds it; reused from block to block. */
struct t1 {
    struct x64 x;
    const struct ir_block *block; /* where no draft is made */
    const struct ir_insn *insns;  /* of the block */
    uint64_t guest_pc;            /* of the block or draft, like the next three */
    uint32_t guest_size_bytes;
    uint32_t guest_length;
    uint32_t mode;
    struct tb_cache *cache;
    struct tb *tb;
    const uint8_t *outcomes; /* tier_job */
    struct tb *last_tb; /* to which an indirect exit belongs */
    uint32_t piece;     /* of the block, that is being emitted */
    bool is_counted; /* see tier_job */
    const struct tier_options *options;
    unsigned features; /* enum t1_feature */
    const char *trouble; /* why the block cannot be compiled at all, or NULL */
    bool is_full;      /* no TB record could be made */

    uint32_t capacity; /* of the arrays below, in nodes */
    struct t1_node *nodes;   /* by number of the instruction; those that give code are filled in */
    ir_ref first;            /* the node that is emitted first, or IR_NONE */
    struct t1_value *values; /* one more than nodes: the dummy */
    ir_ref *canon;           /* canonical value of each, where there are aliases */
    uint32_t *offsets;       /* of each node's code, for dumps */
    struct t1_cold *colds;
    struct t1_exit *exits;
    struct fault_point *faults; /* in the cache's arena, where they stay */
    uint32_t exits_planned, cold_count, exit_count, fault_count;
    struct draft_map *draft_map;      /* draft_map.c; or NULL */
    struct draft_reg draft_reg[IR_FIRST_FP_REG];
    ir_ref muted_from, muted_until;   /* flt and fle between raise no flags (emit_sys.c) */

    /* registers (alloc.c) */
    ir_ref gpr_owner[16], xmm_owner[16]; /* dead or IR_NONE: free */
    uint32_t gpr_free, xmm_free;         /* scratch registers without a live owner */
    uint32_t gpr_locked, xmm_locked;     /* in use by the current node */
    uint32_t spill_free;
    uint32_t unclean_homes;              /* pinned XMM registers whose value is unclean */
    ir_ref arch[IR_GUEST_REGS];          /* value known to be in the guest register, or IR_NONE */
    uint32_t op[IR_OP_COUNT];            /* what planning asks about each operation (plan.c) */
    uint64_t pinned;                     /* guest registers that live in host registers */
    uint64_t hinted;                     /* those of them that results are computed in */
    uint8_t host_of[IR_GUEST_REGS];      /* host register of each (of an f register the XMM), or
                                            X64_NO_REG */
};

typedef void t1_emit_fn(struct t1 *t, ir_ref ref, const struct t1_node *node);
#define IR_OP(name, ...) t1_emit_fn t1_emit_##name;
#include "src/ir/ir_ops.def"
#undef IR_OP

/* The vcpu's field at this offset; a field by name; a guest register's memory. */
static inline struct x64_mem t1_vcpu_at(size_t offset_bytes)
{
    return x64_at(TB_HOST_VCPU, (int32_t)offset_bytes - VCPU_BIAS);
}
#define T1_VCPU(field) t1_vcpu_at(offsetof(struct vcpu, field))
static inline struct x64_mem t1_reg_memory(unsigned guest)
{
    return t1_vcpu_at(offsetof(struct vcpu, reg) + 8 * guest);
}

/* What a helper takes: vcpu->helper_arg[k]. */
static inline struct x64_mem t1_helper_argument(unsigned k)
{
    return t1_vcpu_at(offsetof(struct vcpu, helper_arg) + 8 * k);
}

/* ---- plan.c ---- */
void t1_plan_init(struct t1 *t);
/* Fills nodes and values from t->block; begins the register cache. */
void t1_plan(struct t1 *t);

static inline bool t1_is_const(const struct t1 *t, ir_ref value)
{
    return t->insns[value].op == IR_const;
}
static inline uint64_t t1_imm(const struct t1 *t, ir_ref value)
{
    return t->insns[value].imm;
}
/* A constant that need not be in a register (its register is t1_use_gpr's when folding is off). */
static inline bool t1_is_immediate(const struct t1 *t, ir_ref value)
{
    return t1_is_const(t, value) && t->options->is_folding;
}
static inline bool t1_is_live(const struct t1 *t, ir_ref value)
{
    return value != IR_NONE && t->values[value].next_use != IR_NONE;
}
static inline bool t1_is_float(const struct t1 *t, ir_ref value)
{
    return ir_type_is_float(t->insns[value].type);
}
static inline bool t1_is_float_reg(unsigned guest)
{
    return guest >= IR_FIRST_FP_REG;
}
/* Type of operand a, b or c of the IR instruction, before planning. */
static inline unsigned t1_operand_type(const struct t1 *t, ir_ref ref, unsigned k)
{
    const struct ir_insn *insn = &t->insns[ref];
    return t->insns[k == 0 ? insn->a : k == 1 ? insn->b : insn->c].type;
}
/* Width of operand a. */
static inline unsigned t1_width_a(const struct t1 *t, ir_ref ref)
{
    return ir_type_width[t->insns[t->insns[ref].a].type];
}

/* ---- alloc.c ---- */
void t1_alloc_begin(struct t1 *t);
/* The block cannot be compiled: no further node is emitted. */
static inline void t1_stop(struct t1 *t)
{
    t->x.limit = t->x.start;
}

enum {
    T1_SCRATCH = 1 << X64_RAX | 1 << X64_RBX | 1 << X64_RBP | 1 << X64_R10,
    T1_SCRATCH_XMM = 0xff00,
};
/* X64_NO_REG is none. */
static inline bool t1_is_scratch(unsigned reg)
{
    return T1_SCRATCH >> (reg & 31) & 1;
}
static inline bool t1_is_scratch_xmm(unsigned reg)
{
    return T1_SCRATCH_XMM >> (reg & 31) & 1;
}
/* The guest register becomes the value, which is of the class that set_reg has (no box to be made). */
void t1_set_guest(struct t1 *t, unsigned guest, ir_ref value);
void t1_release_slowly(struct t1 *t, ir_ref value);
/* What died at a node gives up its scratch registers and spill slot. */
static inline void t1_release(struct t1 *t, ir_ref value)
{
    const struct t1_value *v = &t->values[value];
    if (t1_is_scratch(v->gpr) | t1_is_scratch_xmm(v->xmm) | (v->spill != T1_NO_SPILL))
        t1_release_slowly(t, value);
}

/* All of these lock the register until the node's end. */
unsigned t1_load_gpr(struct t1 *t, ir_ref value); /* for t1_use_gpr, when it is in none */
static inline unsigned t1_use_gpr(struct t1 *t, ir_ref value) /* the value in a register */
{
    unsigned reg = t->values[value].gpr;
    if (reg == X64_NO_REG)
        return t1_load_gpr(t, value);
    t->gpr_locked |= 1u << reg;
    return reg;
}
/* A register, an immediate when allowed and it fits `width`, or, for a value that dies here,
 * memory. Only the low `width` bits of memory may be read. */
struct x64_operand t1_use(struct t1 *t, ir_ref value, unsigned width, bool allows_immediate);
unsigned t1_use_xmm(struct t1 *t, ir_ref value);
struct x64_operand t1_use_xmm_operand(struct t1 *t, ir_ref value);
unsigned t1_temp_gpr(struct t1 *t);
unsigned t1_temp_xmm(struct t1 *t);
/* Frees this scratch register of its live value and locks it. */
void t1_take_gpr(struct t1 *t, unsigned reg);
/* A register for the result: the pinned one it will be set to, or that of an operand that dies here
 * (a or b, IR_NONE: neither), or a free one. An integer register may be one that other operands are
 * read from; an XMM register is none that operands are read from but a and b. */
unsigned t1_def_gpr(struct t1 *t, ir_ref ref, ir_ref a, ir_ref b);
unsigned t1_def_xmm(struct t1 *t, ir_ref ref, ir_ref a, ir_ref b);
/* The pinned register the result should be computed in, freed for it, or X64_NO_REG. */
unsigned t1_home_gpr(struct t1 *t, ir_ref ref);
/* The result is in this scratch register (taken before). */
void t1_bind_gpr(struct t1 *t, ir_ref ref, unsigned reg);
void t1_unlock_gpr(struct t1 *t, unsigned reg);
/* Moves live values out of the registers that a C call clobbers. */
void t1_spill_for_call(struct t1 *t);
/* The same out of all scratch registers. */
void t1_spill_for_libcall(struct t1 *t);
/* Makes the value's NaN canonical, where it could be another, and perhaps that of a pinned
 * register; changes the flags. */
void t1_clean(struct t1 *t, ir_ref value);
/* The same for all pinned registers: before whatever leaves. */
void t1_clean_homes_slowly(struct t1 *t);
static inline void t1_clean_homes(struct t1 *t)
{
    if (t->unclean_homes)
        t1_clean_homes_slowly(t);
}
/* Pinned XMM registers that hold an unclean f64; those of an f32 8 bits higher. */
uint16_t t1_find_unclean_homes(const struct t1 *t);
static inline uint16_t t1_unclean_homes(const struct t1 *t)
{
    return t->unclean_homes ? t1_find_unclean_homes(t) : 0;
}
/* Memory that holds the value now, or base X64_NO_REG. */
struct x64_mem t1_memory_of(const struct t1 *t, ir_ref value);

/* ---- emit_*.c ---- */
/* Notes that the jump whose rel32 ends at offset `site` goes to a cold part; the caller fills in
 * what `emit` needs. */
struct t1_cold *t1_cold(struct t1 *t, uint32_t site, t1_cold_fn *emit);
/* The same of a rel8, less than 90 bytes before the block's end. */
struct t1_cold *t1_cold_near(struct t1 *t, uint32_t site, t1_cold_fn *emit);
/* The operation by a helper; the result becomes ref's. */
void t1_call_helper(struct t1 *t, ir_ref ref, const struct t1_node *node,
                    enum vcpu_helper_index index, uint64_t desc);
/* Operands of a compare(x, y), and its emission. */
struct t1_compare t1_compare_operands(struct t1 *t, ir_ref x, ir_ref y, unsigned width,
                                      bool is_test, enum x64_cc cc);
void t1_emit_compare(struct t1 *t, const struct t1_compare *compare);
/* The condition of exit_if, exit_trap_if (operands from 0) or select (from 2). */
struct t1_compare t1_condition(struct t1 *t, const struct t1_node *node, unsigned first);
enum x64_cc t1_cc_of(enum ir_op compare);

/* Entry slot, heat and statistics; everything before the first node. */
void t1_emit_prologue(struct t1 *t);
/* Counts guest instructions that are executed from here on, where that is wanted. */
void t1_count_insns(struct t1 *t, uint32_t insns);
/* The record of pc; where there can be none the block fails, and has its own until then. */
struct tb *t1_successor(struct t1 *t, uint64_t pc);
/* What exits are made of, without polls; guest registers are in their places. To a TB; to it when the flags
 * say so, else on behind; to the pc in RBX, clobbering RAX and R10; a trap. */
void t1_put_jump(struct t1 *t, struct tb *to);
void t1_put_jump_if(struct t1 *t, enum x64_cc cc, struct tb *to);
void t1_put_indirect_by_thunk(struct t1 *t);
void t1_put_trap(struct t1 *t, uint64_t pc, unsigned trap);

/* Notes that the next instruction is a guest access. */
void t1_note_access(struct t1 *t, uint16_t memop);
/* The access itself, between a register and [base of guest memory + base + disp], or with base
 * X64_NO_REG at disp: a load extends to 64 bits. */
unsigned t1_load_spec(uint16_t memop); /* as an enum x64_spec */
unsigned t1_store_spec(uint16_t memop);
void t1_put_load(struct t1 *t, uint16_t memop, unsigned reg, unsigned base, int32_t disp);
/* The order that a fence with these sets asks for. */
void t1_put_fence(struct t1 *t, unsigned sets);
void t1_put_store(struct t1 *t, uint16_t memop, unsigned reg, unsigned base, int32_t disp);
/* The prefix of accesses to guest memory; 0: none. */
static inline uint8_t t1_segment(const struct t1 *t)
{
    return t->options->is_identity ? 0 : X64_GS;
}
/* [base + disp] in guest memory, or [disp] with X64_NO_REG. */
struct x64_mem t1_guest_memory(const struct t1 *t, unsigned base, int32_t disp);
/* The access at [base + disp] in guest memory by an instruction without prefix of its own but REX, which it gets in
 * any case; gives the end. */
static inline uint8_t *t1_put_access(const struct t1 *t, uint8_t *out, unsigned spec, unsigned reg,
                                     unsigned base, int32_t disp)
{
    bool has_none = disp == 0 && (base & 7) != X64_RBP, is_short = disp == (int8_t)disp;
    unsigned has_escape = (spec & X64_0F) != 0;
    unsigned rex = 0x40 | (spec & X64_W) / (X64_W / 8) | reg >> 3 << 2 | base >> 3;
    unsigned opcode = has_escape ? 0x0f | (spec & 0xff) << 8 : spec & 0xff;
    unsigned modrm = (has_none ? 0 : is_short ? 0x40 : 0x80) | (reg & 7) << 3 | (base & 7);
    uint64_t bytes = rex | (uint64_t)(opcode | modrm << (8 + 8 * has_escape)) << 8;
    *out = t1_segment(t);
    out += t1_segment(t) != 0;
    memcpy(out, &bytes, 8);
    out += 3 + has_escape;
    memcpy(out, &disp, 4);
    return out + (has_none ? 0 : is_short ? 1 : 4);
}

/* ---- draft.c ---- */
/* Are the host and the options such that drafts can be made? */
bool t1_can_draft(const struct t1 *t);
/* As the member draft of struct tier. */
enum status t1_draft(struct t1 *t, struct tier_draft *job, struct error *err);

/* ---- tier1.c ---- */
/* Room in the arrays for a block of so many nodes. */
void t1_need(struct t1 *t, uint32_t length);
/* Takes code space: so much, or all there is but for the stubs of exits_planned exits, and begins to emit
 * there. False: nothing left. */
bool t1_reserve(struct t1 *t, size_t size_bytes);
/* The TB's code at this X address, with its faults and the guest's pages, to be linked and published. */
struct tb_code *t1_new_code(struct t1 *t, const uint8_t *start, uint32_t size_bytes);

/* Makes MXCSR what the latest get_fflags has found. Changes no register and no flags. */
void t1_put_kept_mxcsr(struct t1 *t);

/* Compares a and b, of which one may be NaN; that becomes canonical on a cold path. */
void t1_put_clean(struct t1 *t, unsigned a, unsigned b, bool is_double);

/* Moves between memory and XMM, VEX or SSE. */
void t1_load_xmm(struct t1 *t, unsigned reg, struct x64_mem mem, bool is_double);
void t1_store_xmm(struct t1 *t, struct x64_mem mem, unsigned reg, bool is_double);
void t1_move_xmm(struct t1 *t, unsigned reg, unsigned source); /* nothing when equal */
void t1_move_xmm_to_gpr(struct t1 *t, unsigned gpr, unsigned xmm, bool is_double);
void t1_move_gpr_to_xmm(struct t1 *t, unsigned xmm, unsigned gpr, bool is_double);

#endif
