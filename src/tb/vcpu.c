/* The vcpu record: initial state, its thunks and helpers, and the offsets that generated code
 * relies on. */
#include "src/tb/tb.h"

#include "src/base/check.h"
#include "src/base/host_cpu.h"
#include "src/ir/fp.h"

#include <asm/prctl.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

_Static_assert(offsetof(struct vcpu, reg) == VCPU_OFFSET_REG, "vcpu offset");
_Static_assert(offsetof(struct vcpu, pc) == VCPU_OFFSET_PC, "vcpu offset");
_Static_assert(offsetof(struct vcpu, pending) == VCPU_OFFSET_PENDING, "vcpu offset");
_Static_assert((int)offsetof(struct vcpu, pending) - VCPU_BIAS == INT8_MIN, "reach of 8 bits");
_Static_assert(offsetof(struct vcpu, exit_reason) == VCPU_OFFSET_EXIT_REASON, "vcpu offset");
_Static_assert(offsetof(struct vcpu, exit_tb) == VCPU_OFFSET_EXIT_TB, "vcpu offset");
_Static_assert(offsetof(struct vcpu, mxcsr) == VCPU_OFFSET_MXCSR, "vcpu offset");
_Static_assert(offsetof(struct vcpu, host_mxcsr) == VCPU_OFFSET_HOST_MXCSR, "vcpu offset");
_Static_assert(offsetof(struct vcpu, memory_base) == VCPU_OFFSET_MEMORY_BASE, "vcpu offset");
_Static_assert(offsetof(struct vcpu, helper_arg) == VCPU_OFFSET_HELPER_ARG, "vcpu offset");
_Static_assert(offsetof(struct vcpu, host_rsp) == VCPU_OFFSET_HOST_RSP, "vcpu offset");
_Static_assert(offsetof(struct vcpu, helper) == VCPU_OFFSET_HELPER, "vcpu offset");
_Static_assert(offsetof(struct vcpu, bulk) == VCPU_OFFSET_BULK, "vcpu offset");
_Static_assert(offsetof(struct vcpu, libcall_count) == VCPU_OFFSET_LIBCALL_COUNT, "vcpu offset");
_Static_assert(sizeof(struct bulk_count) == 16, "bulk.S");
_Static_assert((int)HELPER_FP == HELPER_FP_VALUE, "enter.S");
_Static_assert(offsetof(struct vcpu, jump_cache) == VCPU_OFFSET_JUMP_CACHE, "vcpu offset");
_Static_assert(offsetof(struct vcpu, spare_jumps) == VCPU_OFFSET_SPARE_JUMPS, "vcpu offset");
_Static_assert(offsetof(struct vcpu, counter) + 8 * COUNTER_JUMP_CACHE_HITS == VCPU_OFFSET_JUMP_CACHE_HITS,
               "vcpu offset");
_Static_assert(offsetof(struct vcpu, is_alone) == VCPU_OFFSET_IS_ALONE, "vcpu offset");
_Static_assert(sizeof(struct jump_cache_entry) == 16 && offsetof(struct jump_cache_entry, pc) == 0 &&
                   offsetof(struct jump_cache_entry, entry) == 8, "enter.S");

static const uint64_t float_constant[FLOAT_CONSTANT_COUNT][2] = {
    [FLOAT_NAN_F64] = {UINT64_C(0x7ff8) << 48, 0},
    [FLOAT_NAN_F32] = {UINT64_C(0xffffffff7fc00000), 0},
    [FLOAT_SIGN_F64] = {UINT64_C(1) << 63, 0},
    [FLOAT_SIGN_F32] = {UINT64_C(1) << 31, 0},
    [FLOAT_ABS_F64] = {~(UINT64_C(1) << 63), UINT64_MAX},
    [FLOAT_ABS_F32] = {~(UINT64_C(1) << 31), UINT64_MAX},
    [FLOAT_BOX] = {UINT64_C(0xffffffff) << 32, 0},
};

/* enter.S; but for the first no functions to be called from C. */
void tb_enter(struct vcpu *vcpu, const void *entry);
extern const char tb_thunk_leave_tb[], tb_thunk_indirect[], tb_thunk_spare[], tb_thunk_jump[], tb_thunk_helper[],
    tb_thunk_fp[], tb_thunk_bulk[];
vcpu_helper tb_bulk_copy, tb_bulk_copy_back, tb_bulk_fill, tb_bulk_find, tb_bulk_match,
    tb_bulk_match_z, tb_bulk_probe; /* bulk.S */
/* libcall.S; only the first of each three is a function to be called from C. */
#define LIBCALLS(X)                                                                                \
    X(MOVE, move) X(SET, set) X(LENGTH, length) X(COMPARE, compare) X(COMPARE_Z, compare_z)        \
    X(SEEK, seek) X(SEEK_Z, seek_z)
#define DECLARE(kind, name)                                                                        \
    vcpu_helper tb_libcall_##name;                                                                 \
    extern const char tb_quick_##name[], tb_region_##name[];
LIBCALLS(DECLARE)
#undef DECLARE

static uint64_t helper_fp(struct vcpu *vcpu, uint64_t a, uint64_t b, uint64_t c, uint64_t desc)
{
    (void)vcpu;
    return fp_eval((enum ir_op)(desc & 0xff), (enum ir_type)(desc >> 8 & 0xff),
                   (enum ir_type)(desc >> 16 & 0xff), (enum ir_rounding)(desc >> 24 & 0xff), a, b, c);
}

static uint64_t helper_eval(struct vcpu *vcpu, uint64_t a, uint64_t b, uint64_t c, uint64_t desc)
{
    (void)vcpu;
    return ir_eval((enum ir_op)(desc & 0xff), (enum ir_type)(desc >> 8 & 0xff),
                   ir_type_width[desc >> 16 & 0xff], a, b, c, 0);
}

/* MXCSR rounds as frm says in mode 0; in the other modes it is set to nearest and every operation
 * names its rounding. */
static uint32_t mxcsr_for_frm(uint32_t mxcsr, uint32_t frm)
{
    return fp_mxcsr_with_rounding(mxcsr, tb_mode_of_frm(frm) == 0 ? frm : IR_RM_RNE);
}

static uint64_t helper_set_frm(struct vcpu *vcpu, uint64_t a, uint64_t b, uint64_t c, uint64_t desc)
{
    (void)b, (void)c, (void)desc;
    uint32_t old_mode = tb_mode_of_frm(vcpu->frm);
    vcpu->frm = a & 7;
    fp_write_mxcsr(mxcsr_for_frm(fp_read_mxcsr(), vcpu->frm));
    return tb_mode_of_frm(vcpu->frm) != old_mode;
}

/* time counts 100 ns steps; cycle and instret count the host's time stamp. */
static uint64_t helper_get_counter(struct vcpu *vcpu, uint64_t a, uint64_t b, uint64_t c,
                                   uint64_t desc)
{
    (void)vcpu, (void)b, (void)c, (void)desc;
    if (a != IR_COUNTER_TIME)
        return __rdtsc();
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 10000000 + (uint64_t)now.tv_nsec / 100;
}

bool tb_has_bulk(void)
{
    return HOST_HAS(AVX2) && HOST_HAS(BMI2);
}

uint32_t vcpu_fcsr(const struct vcpu *vcpu)
{
    return vcpu->frm << 5 | fp_flags_of_mxcsr(vcpu->mxcsr);
}

void vcpu_set_fcsr(struct vcpu *vcpu, uint32_t fcsr)
{
    vcpu->frm = fcsr >> 5 & 7;
    vcpu->mxcsr = mxcsr_for_frm(fp_mxcsr_with_flags(vcpu->mxcsr, fcsr & 31), vcpu->frm);
    vcpu_flush_jump_cache(vcpu);
}

/* Any NaN becomes the canonical one. */
static void clean(uint64_t *reg, bool is_double)
{
    uint64_t infinity = is_double ? UINT64_C(0x7ff) << 52 : UINT64_C(0xff) << 23;
    uint64_t magnitude = is_double ? *reg & (UINT64_MAX >> 1) : *reg & (UINT32_MAX >> 1);
    if (magnitude > infinity)
        *reg = float_constant[is_double ? FLOAT_NAN_F64 : FLOAT_NAN_F32][0];
}

void fault_point_clean(const struct fault_point *point, uint64_t *reg)
{
#define CLEAN(position, guest, host)                                                               \
    if ((point->unclean_f64 | point->unclean_f32) >> host & 1)                                     \
        clean(&reg[guest], point->unclean_f64 >> host & 1);
    TB_PINNED_FLOAT(CLEAN)
#undef CLEAN
}

void vcpu_flush_jump_cache(struct vcpu *vcpu)
{
    for (unsigned i = 0; i < JUMP_CACHE_SIZE; i++)
        vcpu->jump_cache[i].pc = 1;
    for (unsigned i = 0; i < SPARE_JUMPS_SIZE; i++)
        vcpu->spare_jumps[i].pc = 1;
}

void vcpu_use_memory(const struct vcpu *vcpu)
{
    static __thread const uint8_t *base_of_gs;
    if (base_of_gs == vcpu->memory_base)
        return;
    CHECK(syscall(SYS_arch_prctl, ARCH_SET_GS, vcpu->memory_base) == 0, "GS can have any base");
    base_of_gs = vcpu->memory_base;
}

void tb_run(struct vcpu *vcpu, const void *entry)
{
    vcpu_use_memory(vcpu);
    tb_enter(vcpu, entry);
}

/* All zero, an entry of the jump cache or among the spare ones can only be taken for one of pc 0, whose slot is 0;
 * so the others need not be touched. */
void vcpu_init(struct vcpu *vcpu, uint8_t *memory_base)
{
    vcpu->memory_base = memory_base;
    memcpy(vcpu->float_constant, float_constant, sizeof float_constant);
    vcpu->mxcsr = FP_MXCSR_DEFAULT;
    vcpu->reservation_address = UINT64_MAX;
    vcpu->thunk_leave = tb_thunk_leave;
    vcpu->thunk_leave_tb = tb_thunk_leave_tb;
    vcpu->thunk_indirect = tb_thunk_indirect;
    vcpu->thunk_spare = tb_thunk_spare;
    vcpu->thunk_jump = tb_thunk_jump;
    vcpu->thunk_helper = tb_thunk_helper;
    vcpu->thunk_fp = tb_thunk_fp;
    vcpu->thunk_bulk = tb_thunk_bulk;
    vcpu->helper[HELPER_FP] = helper_fp;
    vcpu->helper[HELPER_EVAL] = helper_eval;
    vcpu->helper[HELPER_SET_FRM] = helper_set_frm;
    vcpu->helper[HELPER_GET_COUNTER] = helper_get_counter;
    vcpu->helper[HELPER_BULK + IR_BULK_COPY] = tb_bulk_copy;
    vcpu->helper[HELPER_BULK + IR_BULK_COPY_BACK] = tb_bulk_copy_back;
    vcpu->helper[HELPER_BULK + IR_BULK_FILL] = tb_bulk_fill;
    vcpu->helper[HELPER_BULK + IR_BULK_FIND] = tb_bulk_find;
    vcpu->helper[HELPER_BULK + IR_BULK_MATCH] = tb_bulk_match;
    vcpu->helper[HELPER_BULK + IR_BULK_MATCH_Z] = tb_bulk_match_z;
    vcpu->helper[HELPER_BULK + IR_BULK_PROBE] = tb_bulk_probe;
#define INSTALL(kind, name)                                                                        \
    vcpu->helper[HELPER_LIBCALL + IR_LIBCALL_##kind] = tb_libcall_##name;                          \
    vcpu->region_libcall[IR_LIBCALL_##kind] = tb_region_##name;                                    \
    vcpu->libcall[IR_LIBCALL_##kind] = tb_quick_##name;
    LIBCALLS(INSTALL)
#undef INSTALL
    vcpu->jump_cache[0].pc = vcpu->spare_jumps[0].pc = 1;
    for (unsigned flags = 0; flags < 32; flags++)
        vcpu->mxcsr_of_flags[flags] = (uint8_t)fp_mxcsr_with_flags(0, flags);
    for (unsigned mxcsr = 0; mxcsr < 64; mxcsr++)
        vcpu->flags_of_mxcsr[mxcsr] = (uint8_t)fp_flags_of_mxcsr(mxcsr);
}
