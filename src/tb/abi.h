/* The generated-code ABI: what code of tier 1 and tier 2 agrees on with its surroundings.
 * docs/tb-abi.md explains it; every offset that generated code knows is asserted below.
 *
 * Every TB entry, of any tier, is a preserve_none function (LLVM calling convention 21) with
 * eleven integer arguments: vcpu + VCPU_BIAS bytes (R12), then the ten pinned guest registers in the
 * order of TB_PINNED; and eight f64 arguments, the pinned f registers in the order of TB_PINNED_FLOAT
 * (XMM0-7, low halves; the high ones are arbitrary). GS is the guest's memory: its base is the host address of
 * guest address 0. Calls between TBs are tail jumps. At every entry RSP is 8 modulo 16, MXCSR holds the guest's
 * flags and rounding mode, the direction flag is clear. Guest registers that are not pinned live in vcpu->reg.
 * At an exit every guest register is in its place. */
#ifndef TIERCEL_TB_ABI_H
#define TIERCEL_TB_ABI_H

#include "src/ir/ir.h"
#include "src/tb/abi_offsets.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct tb;

enum {
    TB_PINNED_COUNT = 10,
    TB_PINNED_FLOAT_COUNT = 8,
    TB_PRESERVE_NONE_CC = 21,
    TB_HOST_VCPU = 12
};

/* Why generated code (or tier 0) came back to the exec loop. */
enum vcpu_exit {
    VCPU_EXIT_TB,       /* continue at exit_tb->pc; its heat may have run out (tier 1) */
    VCPU_EXIT_PC,       /* continue at vcpu->pc */
    VCPU_EXIT_INDIRECT, /* the same, after a miss of the inline cache of exit_tb (may be NULL) and
                           of the jump cache */
    VCPU_EXIT_PROMOTE,  /* the same, and it has (tier 0) */
    VCPU_EXIT_TRAP,     /* vcpu->exit_trap at vcpu->pc */
    VCPU_EXIT_FAULT,    /* a load or store at vcpu->pc faulted; details in the exec's record */
    VCPU_EXIT_PROMOTE_PC, /* the heat of exit_tb has run out; continue at vcpu->pc */
    VCPU_EXIT_UNGUARD,    /* what the region of exit_tb assumes of registers has often not held where it
                             is entered, nor does it now; continue at vcpu->pc */
};
_Static_assert(VCPU_EXIT_TB == VCPU_EXIT_TB_VALUE &&
                   VCPU_EXIT_INDIRECT == VCPU_EXIT_INDIRECT_VALUE,
               "exit reasons of enter.S");

/* Bits of vcpu->pending. */
enum {
    VCPU_PENDING_SIGNAL = 1, /* a guest signal may be deliverable */
    VCPU_PENDING_KICK = 2,   /* look entries up again (a tier was swapped, code was dropped) */
    VCPU_PENDING_EXIT = 4,   /* the machine is ending */
};

/* Services that generated code calls, through vcpu->helper[]. All have the one signature. */
struct vcpu;
typedef uint64_t vcpu_helper(struct vcpu *vcpu, uint64_t a, uint64_t b, uint64_t c, uint64_t desc);
enum vcpu_helper_index {
    HELPER_FP,          /* fp_eval; desc packs op, type, type of a, rounding: helper_desc() */
    HELPER_EVAL,        /* ir_eval; desc packs op, type, type of a */
    HELPER_SET_FRM,     /* frm := a, MXCSR follows; returns 1 when the FP mode changed */
    HELPER_GET_COUNTER, /* a is an enum ir_counter */
    HELPER_BULK,        /* and following, one for each enum ir_bulk: bulk.S */
    HELPER_LIBCALL = HELPER_BULK + IR_BULK_COUNT, /* the same for enum ir_libcall: libcall.S */
    HELPER_COUNT = HELPER_LIBCALL + IR_LIBCALL_COUNT
};
static inline uint64_t helper_desc(unsigned op, unsigned type, unsigned type_a, unsigned rm)
{
    return op | type << 8 | type_a << 16 | rm << 24;
}

/* Counters that generated code increments, only when the machine was created with statistics. */
enum vcpu_counter {
    COUNTER_INSNS_TIER0, /* guest instructions executed in each tier */
    COUNTER_INSNS_TIER1,
    COUNTER_INSNS_TIER2,
    COUNTER_INSNS_TIER3,
    COUNTER_BLOCKS_TIER0, /* block executions; in tier 2 and 3 region entries */
    COUNTER_BLOCKS_TIER1,
    COUNTER_BLOCKS_TIER2,
    COUNTER_BLOCKS_TIER3,
    COUNTER_INLINE_CACHE_HITS,
    COUNTER_JUMP_CACHE_HITS,
    COUNTER_COUNT
};

/* How often a bulk operation or a libcall served, and how many bytes it did. */
struct bulk_count {
    uint64_t calls, bytes;
};

struct jump_cache_entry {
    uint64_t pc; /* odd: empty */
    const void *entry;
};
static inline unsigned jump_cache_slot(uint64_t pc)
{
    return (unsigned)(pc >> 1) & (JUMP_CACHE_SIZE - 1);
}
static inline unsigned spare_jump_slot(uint64_t pc)
{
    return (unsigned)((pc ^ pc >> JUMP_CACHE_LOG2) >> 1) & (SPARE_JUMPS_SIZE - 1);
}

/* 16-byte operands for generated code, in vcpu->float_constant. */
enum vcpu_float_constant {
    FLOAT_NAN_F64,  /* canonical NaN */
    FLOAT_NAN_F32,  /* boxed */
    FLOAT_SIGN_F64, /* the sign bit */
    FLOAT_SIGN_F32,
    FLOAT_ABS_F64, /* all but the sign bit */
    FLOAT_ABS_F32,
    FLOAT_BOX, /* the upper half of the low 64 bits */
    FLOAT_CONSTANT_COUNT
};

enum { VCPU_SPILL_SLOTS = 32, VCPU_TEMP_SLOTS = 1024 };

/* One guest hart. Owner: its thread; every field is written by that thread only (generated code
 * included), save where the line says otherwise. */
struct vcpu {
    _Atomic uint32_t pending;    /* bits set by any thread, cleared by the owner */
    _Atomic uint32_t is_sampled; /* set by the sampler, cleared by the owner: where is the guest? Tier 1
                                    looks at it and pending together */
    uint64_t reg[IR_GUEST_REGS]; /* 0-31 integer, 32-63 float; pinned ones are stale inside code;
                                    [0] stays 0, and code reads it */
    uint64_t pc;
    uint32_t exit_reason;        /* enum vcpu_exit */
    uint32_t exit_trap;          /* enum ir_trap */
    struct tb *exit_tb;
    uint32_t mxcsr;              /* the guest's MXCSR while outside generated code */
    uint32_t host_mxcsr;         /* the host's while inside */
    uint32_t frm;
    uint8_t *memory_base;        /* host address of guest address 0 */
    uint64_t reservation_address; /* of LR; odd (all ones) when there is none */
    uint64_t reservation_value;
    uint64_t helper_arg[4];      /* a b c desc, for thunk_helper */
    void *host_rsp;              /* stack pointer of tb_enter while inside */
    const void *thunk_leave;     /* jump here: store pinned registers, return from tb_enter */
    const void *thunk_leave_tb;  /* RAX = tb: the same with exit_tb and VCPU_EXIT_TB */
    const void *thunk_indirect;  /* RAX = tb, vcpu->pc set: the same with VCPU_EXIT_INDIRECT */
    const void *thunk_spare;     /* RAX = tb, RBX = pc: to the code that spare_jumps has for pc; else vcpu->pc is
                                    set and all is the same. Clobbers R10 */
    const void *thunk_jump;      /* the same, but it looks into the jump cache first */
    const void *thunk_helper;    /* call here: EAX = index; args in helper_arg, result in RAX;
                                    keeps pinned registers, clobbers RAX, R10 and XMM8-15 */
    const void *thunk_fp;        /* call here: HELPER_FP with helper_arg, the result in helper_arg[0]; keeps all
                                    registers */
    const void *thunk_bulk;      /* the same as thunk_helper for helpers from HELPER_BULK on: keeps XMM0-7 too */
    vcpu_helper *helper[HELPER_COUNT];
    struct bulk_count bulk[IR_BULK_COUNT]; /* kept whether or not there are statistics */
    struct bulk_count libcall_count[IR_LIBCALL_COUNT]; /* likewise, of those that were done */
    const void *libcall[IR_LIBCALL_COUNT]; /* call here: a b c in RAX RBX RBP, result in RAX; clobbers
                                              RBX, RBP, R10 and XMM8-15, keeps all else */
    const void *region_libcall[IR_LIBCALL_COUNT]; /* the same with c in R11, keeping RBP for R11 */
    uint64_t spill[VCPU_SPILL_SLOTS]; /* tier 1's spilled values, dead across TBs */
    uint64_t temp[VCPU_TEMP_SLOTS];   /* tier 0's values without a register, dead across TBs */
    _Alignas(16) uint64_t float_constant[FLOAT_CONSTANT_COUNT][2]; /* set by vcpu_init */
    uint64_t exit_live;          /* registers that are exact at this exit, stored by regions with
                                    tier_job.step_polls: those that are dead at a poll need not be */
    uint64_t region_entry;       /* guest pc at which a region with several entries is entered */
    uint64_t counter[COUNTER_COUNT];
    struct jump_cache_entry jump_cache[JUMP_CACHE_SIZE];
    struct jump_cache_entry spare_jumps[SPARE_JUMPS_SIZE]; /* driven out of it by others of their slots */
    uint32_t kept_mxcsr;         /* tier 1: as it was before comparisons that raise no flags */
    uint8_t flags_of_mxcsr[64];  /* the guest's flags by MXCSR's, set by vcpu_init */
    uint8_t mxcsr_of_flags[32];  /* the other way round */
    void *owner;                 /* the exec record of this vcpu */
    uint32_t is_alone;           /* there is no other vcpu, that could change mappings while generated code
                                    runs (libcall.S); written by exec_vcpu_create: there is none in it then */
};

/* The guest's fcsr (frm in bits 7-5, flags below) while outside generated code. Setting it may
 * change the FP mode. */
uint32_t vcpu_fcsr(const struct vcpu *vcpu);
void vcpu_set_fcsr(struct vcpu *vcpu, uint32_t fcsr);

/* Of a zeroed record: fills thunks, helpers, empties the jump cache; MXCSR and frm as at program
 * start. */
void vcpu_init(struct vcpu *vcpu, uint8_t *memory_base);
void vcpu_flush_jump_cache(struct vcpu *vcpu);

/* The code of the bulk operations: an access in [tb_bulk_start, tb_bulk_end) that faults goes on at
 * tb_bulk_fault, with all registers as they are, and the operation ends before it (bulk.S). */
extern const char tb_bulk_start[], tb_bulk_end[], tb_bulk_fault[];
/* The same of libcalls (libcall.S): an access that faults goes on at tb_libcall_fault. */
extern const char tb_libcall_start[], tb_libcall_end[], tb_libcall_fault[];
/* Whether the host has what bulk.S and libcall.S need (AVX2, BMI2). */
bool tb_has_bulk(void);

/* enter.S: what thunk_leave of every vcpu is; not to be called from C. */
extern const char tb_thunk_leave[];

/* Runs generated code at `entry` until it leaves. */
void tb_run(struct vcpu *vcpu, const void *entry);
/* Makes GS of the calling thread the vcpu's memory; tb_run does so. It stays until another's is made it. */
void vcpu_use_memory(const struct vcpu *vcpu);

/* FP mode of blocks: 0 while frm is one of 0-3 (MXCSR then rounds as frm says), else frm itself. */
static inline uint32_t tb_mode_of_frm(uint32_t frm)
{
    return frm <= IR_RM_RUP ? 0 : frm;
}

#endif
