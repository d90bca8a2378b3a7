/* What each handler does: do_NAME executes the op and gives the next one. Included by run.c,
 * where everything is inlined between a label and a computed goto, and by run_calls.c.
 *
 * Guest faults: an access may end in a SIGSEGV whose handler jumps out of the interpreter. Before
 * each access the guest pc is stored and everything earlier is in memory (barrier). */
#ifndef TIERCEL_TIER0_BODIES_H
#define TIERCEL_TIER0_BODIES_H

#include "src/ir/eval.h"
#include "src/ir/fp_host.h"
#include "tier0/code.h"

#define BODY(name)                                                                                 \
    static inline __attribute__((always_inline)) const struct t0_op *do_##name(                    \
        const struct t0_op *op, struct vcpu *vcpu, uint8_t *memory, struct tier0 *tier)
#define UNUSED_HERE (void)vcpu, (void)memory, (void)tier
#define NEXT (op + 1)
#define NEXT_WORD ((const struct t0_op *)((const struct t0_op_word *)op + 1))
#define NEXT_EXIT ((const struct t0_op *)((const struct t0_op_exit *)op + 1))
#define IMM_64 ((uint64_t)(int64_t)op->imm)
#define WORD (((const struct t0_op_word *)op)->word)

/* Slots are read in several widths. */
typedef uint64_t __attribute__((may_alias)) t0_slot64;
typedef uint32_t __attribute__((may_alias)) t0_slot32;
#define SLOT(offset) (*(t0_slot64 *)((char *)vcpu + (offset)))
#define SLOT32(offset) (*(t0_slot32 *)((char *)vcpu + (offset)))
#define FROM_I32(value) ((uint64_t)(int64_t)(int32_t)(value))
#define BOXED(value) ((value) | UINT64_C(0xffffffff00000000))

static inline uint64_t t0_unbox(uint64_t bits)
{
    return bits >> 32 == 0xffffffff ? (uint32_t)bits : FP_CANONICAL_F32;
}

/* ---- pure operations: the meaning column of ir_ops.def ---- */

#define A a
#define B b
#define C c
#define SA bits_sign_extend(a, width)
#define SB bits_sign_extend(b, width)
#define WIDTH width
#define IMM UINT64_C(0)
#define MEANING(meaning) _Generic((meaning), char * : UINT64_C(0), default : (meaning))
#define IR_OP(name, ir_result, ir_a, ir_b, ir_c, ir_imm, ir_flags, meaning)                        \
    static inline __attribute__((always_inline, unused))                                           \
    uint64_t t0_mean_##name(uint64_t a, uint64_t b, uint64_t c, unsigned width)                    \
    {                                                                                              \
        (void)a, (void)b, (void)c, (void)width;                                                    \
        return (uint64_t)MEANING(meaning);                                                         \
    }
#include "src/ir/ir_ops.def"
#undef IR_OP
#undef MEANING
#undef A
#undef B
#undef C
#undef SA
#undef SB
#undef WIDTH
#undef IMM

/* ---- jumps ---- */

const struct t0_op *t0_leave_to(struct tier0 *tier, struct vcpu *vcpu, struct tb *tb);
const struct t0_op *t0_resolve_exit(struct tier0 *tier, struct vcpu *vcpu,
                                    const struct t0_op_exit *exit);
const struct t0_op *t0_resolve_indirect(struct tier0 *tier, struct vcpu *vcpu,
                                        const struct t0_op_indirect *exit, uint64_t pc);

static inline __attribute__((always_inline)) bool t0_is_pending(struct vcpu *vcpu)
{
    return __builtin_expect(atomic_load_explicit(&vcpu->pending, memory_order_relaxed), 0);
}

static inline __attribute__((always_inline)) const struct t0_op *
t0_take_exit(const struct t0_op *op, struct vcpu *vcpu, struct tier0 *tier, bool is_polling)
{
    const struct t0_op_exit *exit = (const struct t0_op_exit *)op;
    if (is_polling && t0_is_pending(vcpu))
        return t0_leave_to(tier, vcpu, exit->tb);
    const struct tb_code *code = atomic_load_explicit(&exit->code, memory_order_acquire);
    if (__builtin_expect(atomic_load_explicit(&code->is_dropped, memory_order_relaxed), 0))
        return t0_resolve_exit(tier, vcpu, exit);
    return atomic_load_explicit(&exit->next, memory_order_relaxed);
}

#define JUMP(name, condition, is_polling)                                                          \
    BODY(name)                                                                                     \
    {                                                                                              \
        UNUSED_HERE;                                                                               \
        return (condition) ? t0_take_exit(op, vcpu, tier, is_polling) : NEXT_EXIT;                 \
    }

/* The same with a plain jump behind it, which is taken when the condition does not hold. */
#define JUMP_ELSE(name, condition, is_polling)                                                     \
    JUMP(name, condition, is_polling)                                                              \
    BODY(name##_else)                                                                              \
    {                                                                                              \
        UNUSED_HERE;                                                                               \
        return (condition) ? t0_take_exit(op, vcpu, tier, is_polling)                              \
                           : t0_take_exit(NEXT_EXIT, vcpu, tier, false);                           \
    }

BODY(jump)
{
    UNUSED_HERE;
    return t0_take_exit(op, vcpu, tier, false);
}
BODY(jump_back)
{
    UNUSED_HERE;
    return t0_take_exit(op, vcpu, tier, true);
}
JUMP_ELSE(jump_true, SLOT(op->a) != 0, false)
JUMP_ELSE(jump_true_back, SLOT(op->a) != 0, true)

BODY(jump_indirect)
{
    UNUSED_HERE;
    const struct t0_op_indirect *exit = (const struct t0_op_indirect *)op;
    uint64_t pc = SLOT(op->a);
    const struct t0_code *code = atomic_load_explicit(&exit->cached, memory_order_acquire);
    if (__builtin_expect(code->pc == pc, 1) &&
        !atomic_load_explicit(&code->code->is_dropped, memory_order_relaxed) && !t0_is_pending(vcpu))
        return code->ops;
    return t0_resolve_indirect(tier, vcpu, exit, pc);
}

/* ---- the rows of ops.def ---- */

#define BINARY(name)                                                                               \
    BODY(name##_64)                                                                                \
    {                                                                                              \
        UNUSED_HERE;                                                                               \
        SLOT(op->d) = t0_mean_##name(SLOT(op->a), SLOT(op->b), 0, 64);                             \
        return NEXT;                                                                               \
    }                                                                                              \
    BODY(name##_64i)                                                                               \
    {                                                                                              \
        UNUSED_HERE;                                                                               \
        SLOT(op->d) = t0_mean_##name(SLOT(op->a), IMM_64, 0, 64);                                  \
        return NEXT;                                                                               \
    }                                                                                              \
    BODY(name##_32)                                                                                \
    {                                                                                              \
        UNUSED_HERE;                                                                               \
        SLOT(op->d) = FROM_I32(t0_mean_##name(SLOT32(op->a), SLOT32(op->b), 0, 32));               \
        return NEXT;                                                                               \
    }                                                                                              \
    BODY(name##_32i)                                                                               \
    {                                                                                              \
        UNUSED_HERE;                                                                               \
        SLOT(op->d) = FROM_I32(t0_mean_##name(SLOT32(op->a), (uint32_t)op->imm, 0, 32));           \
        return NEXT;                                                                               \
    }
#define BINARY64(name)                                                                             \
    BODY(name##_64)                                                                                \
    {                                                                                              \
        UNUSED_HERE;                                                                               \
        SLOT(op->d) = t0_mean_##name(SLOT(op->a), SLOT(op->b), 0, 64);                             \
        return NEXT;                                                                               \
    }
#define UNARY64(name)                                                                              \
    BODY(name##_64)                                                                                \
    {                                                                                              \
        UNUSED_HERE;                                                                               \
        SLOT(op->d) = t0_mean_##name(SLOT(op->a), 0, 0, 64);                                       \
        return NEXT;                                                                               \
    }
#define UNARY(name)                                                                                \
    UNARY64(name)                                                                                  \
    BODY(name##_32)                                                                                \
    {                                                                                              \
        UNUSED_HERE;                                                                               \
        SLOT(op->d) = FROM_I32(t0_mean_##name(SLOT32(op->a), 0, 0, 32));                           \
        return NEXT;                                                                               \
    }
#define COMPARE(name)                                                                              \
    BODY(name##_64)                                                                                \
    {                                                                                              \
        UNUSED_HERE;                                                                               \
        SLOT(op->d) = t0_mean_##name(SLOT(op->a), SLOT(op->b), 0, 64);                             \
        return NEXT;                                                                               \
    }                                                                                              \
    BODY(name##_64i)                                                                               \
    {                                                                                              \
        UNUSED_HERE;                                                                               \
        SLOT(op->d) = t0_mean_##name(SLOT(op->a), IMM_64, 0, 64);                                  \
        return NEXT;                                                                               \
    }                                                                                              \
    JUMP_ELSE(jump_##name, t0_mean_##name(SLOT(op->a), SLOT(op->b), 0, 64), false)                 \
    JUMP_ELSE(jump_##name##i, t0_mean_##name(SLOT(op->a), IMM_64, 0, 64), false)                   \
    JUMP_ELSE(jump_##name##_back, t0_mean_##name(SLOT(op->a), SLOT(op->b), 0, 64), true)           \
    JUMP_ELSE(jump_##name##i_back, t0_mean_##name(SLOT(op->a), IMM_64, 0, 64), true)
#define FP_BINARY(name)                                                                            \
    BODY(name##_f64)                                                                               \
    {                                                                                              \
        UNUSED_HERE;                                                                               \
        SLOT(op->d) = fp_host_##name##_f64(SLOT(op->a), SLOT(op->b));                              \
        return NEXT;                                                                               \
    }                                                                                              \
    BODY(name##_f32)                                                                               \
    {                                                                                              \
        UNUSED_HERE;                                                                               \
        SLOT(op->d) = BOXED(fp_host_##name##_f32(t0_unbox(SLOT(op->a)), t0_unbox(SLOT(op->b))));   \
        return NEXT;                                                                               \
    }
#define FP_COMPARE(name)                                                                           \
    BODY(name##_f64)                                                                               \
    {                                                                                              \
        UNUSED_HERE;                                                                               \
        SLOT(op->d) = fp_host_##name##_f64(SLOT(op->a), SLOT(op->b));                              \
        return NEXT;                                                                               \
    }                                                                                              \
    BODY(name##_f32)                                                                               \
    {                                                                                              \
        UNUSED_HERE;                                                                               \
        SLOT(op->d) = fp_host_##name##_f32(t0_unbox(SLOT(op->a)), t0_unbox(SLOT(op->b)));          \
        return NEXT;                                                                               \
    }
#define FP_SIGN(name)                                                                              \
    BODY(name##_f64)                                                                               \
    {                                                                                              \
        UNUSED_HERE;                                                                               \
        SLOT(op->d) = t0_mean_##name(SLOT(op->a), SLOT(op->b), 0, 64);                             \
        return NEXT;                                                                               \
    }                                                                                              \
    BODY(name##_f32)                                                                               \
    {                                                                                              \
        UNUSED_HERE;                                                                               \
        SLOT(op->d) = BOXED(t0_mean_##name(t0_unbox(SLOT(op->a)), t0_unbox(SLOT(op->b)), 0, 32));  \
        return NEXT;                                                                               \
    }
#define FP_CALL(name)
#define EVAL(name)
#define OWN(name)
#include "tier0/ops.def"
#undef BINARY
#undef BINARY64
#undef UNARY
#undef UNARY64
#undef COMPARE
#undef FP_BINARY
#undef FP_COMPARE
#undef FP_SIGN
#undef FP_CALL
#undef EVAL
#undef OWN

/* ---- moves and extensions ---- */

#define MOVE(name, value)                                                                          \
    BODY(name)                                                                                     \
    {                                                                                              \
        UNUSED_HERE;                                                                               \
        uint64_t a = SLOT(op->a);                                                                  \
        SLOT(op->d) = (value);                                                                     \
        return NEXT;                                                                               \
    }
MOVE(move, a)
MOVE(sext8, (uint64_t)(int64_t)(int8_t)a)
MOVE(sext16, (uint64_t)(int64_t)(int16_t)a)
MOVE(sext32, FROM_I32(a))
MOVE(zext8, (uint8_t)a)
MOVE(zext16, (uint16_t)a)
MOVE(zext32, (uint32_t)a)
MOVE(box_bits, BOXED(a))
MOVE(box_value, BOXED(t0_unbox(a)))
MOVE(unbox_bits, FROM_I32(t0_unbox(a)))
#undef MOVE

BODY(move_const)
{
    UNUSED_HERE;
    SLOT(op->d) = WORD;
    return NEXT_WORD;
}

BODY(select)
{
    UNUSED_HERE;
    uint64_t if_true = SLOT(op->b), if_false = SLOT(op->c);
    SLOT(op->d) = SLOT(op->a) ? if_true : if_false;
    return NEXT;
}

/* d := (a << c) + b; c is the count itself. */
BODY(shl_add)
{
    UNUSED_HERE;
    SLOT(op->d) = (SLOT(op->a) << op->c) + SLOT(op->b);
    return NEXT;
}

/* ---- memory ---- */

typedef uint8_t __attribute__((may_alias)) t0_u8;
typedef uint16_t __attribute__((may_alias, aligned(1))) t0_u16;
typedef uint32_t __attribute__((may_alias, aligned(1))) t0_u32;
typedef uint64_t __attribute__((may_alias, aligned(1))) t0_u64;

/* Everything before is in memory, the pc of the access included. */
#define AT_PC(pc_of_access) (vcpu->pc = (pc_of_access), __atomic_signal_fence(__ATOMIC_SEQ_CST))
#define HOST_ADDRESS (memory + (SLOT(op->a) + IMM_64))

#define LOAD(name, type, conversion)                                                               \
    BODY(name)                                                                                     \
    {                                                                                              \
        UNUSED_HERE;                                                                               \
        const volatile type *address = (const volatile type *)(uintptr_t)HOST_ADDRESS;             \
        AT_PC(WORD);                                                                               \
        uint64_t value = *address;                                                                 \
        SLOT(op->d) = conversion(value);                                                           \
        return NEXT_WORD;                                                                          \
    }
#define AS_IT_IS(value) (value)
#define FROM_I8(value) ((uint64_t)(int64_t)(int8_t)(value))
#define FROM_I16(value) ((uint64_t)(int64_t)(int16_t)(value))
LOAD(load_u8, t0_u8, AS_IT_IS)
LOAD(load_s8, t0_u8, FROM_I8)
LOAD(load_u16, t0_u16, AS_IT_IS)
LOAD(load_s16, t0_u16, FROM_I16)
LOAD(load_u32, t0_u32, AS_IT_IS)
LOAD(load_s32, t0_u32, FROM_I32)
LOAD(load_64, t0_u64, AS_IT_IS)
LOAD(load_boxed, t0_u32, BOXED)
#undef LOAD

/* memory := d */
#define STORE(name, type)                                                                          \
    BODY(name)                                                                                     \
    {                                                                                              \
        UNUSED_HERE;                                                                               \
        volatile type *address = (volatile type *)(uintptr_t)HOST_ADDRESS;                         \
        uint64_t value = SLOT(op->d);                                                              \
        AT_PC(WORD);                                                                               \
        *address = (type)value;                                                                    \
        return NEXT_WORD;                                                                          \
    }
STORE(store_8, t0_u8)
STORE(store_16, t0_u16)
STORE(store_32, t0_u32)
STORE(store_64, t0_u64)
#undef STORE

/* Atomics and the rest are calls: ops whose work is longer than a dispatch (slow.c). */
uint64_t t0_amo(struct vcpu *vcpu, const struct t0_op *op);
uint64_t t0_load_reserved(struct vcpu *vcpu, const struct t0_op *op);
uint64_t t0_store_conditional(struct vcpu *vcpu, const struct t0_op *op);
uint64_t t0_fp(struct vcpu *vcpu, const struct t0_op *op);
uint64_t t0_eval(struct vcpu *vcpu, const struct t0_op *op);

#define CALL(name)                                                                                 \
    BODY(name)                                                                                     \
    {                                                                                              \
        UNUSED_HERE;                                                                               \
        SLOT(op->d) = t0_##name(vcpu, op);                                                         \
        return NEXT_WORD;                                                                          \
    }
CALL(amo)
CALL(load_reserved)
CALL(store_conditional)
CALL(fp)
CALL(eval)
#undef CALL

BODY(fence)
{
    UNUSED_HERE;
    atomic_thread_fence(memory_order_seq_cst);
    return NEXT;
}

/* ---- floating point, control and status ---- */

BODY(fsqrt_f64)
{
    UNUSED_HERE;
    SLOT(op->d) = fp_host_fsqrt_f64(SLOT(op->a));
    return NEXT;
}
BODY(fsqrt_f32)
{
    UNUSED_HERE;
    SLOT(op->d) = BOXED(fp_host_fsqrt_f32(t0_unbox(SLOT(op->a))));
    return NEXT;
}

/* A NaN as addend goes the long way: the host does not flag infinity * 0 then. */
BODY(fmadd_f64)
{
    UNUSED_HERE;
    uint64_t a = SLOT(op->a), b = SLOT(op->b), c = SLOT(op->c);
    SLOT(op->d) = __builtin_expect(fp_is_nan_f64(c), 0)
                      ? fp_eval(IR_fmadd, IR_F64, IR_F64, IR_RM_HOST, a, b, c)
                      : fp_host_fma_f64(a, b, c);
    return NEXT;
}
BODY(fmadd_f32)
{
    UNUSED_HERE;
    uint64_t a = t0_unbox(SLOT(op->a)), b = t0_unbox(SLOT(op->b)), c = t0_unbox(SLOT(op->c));
    SLOT(op->d) = BOXED(__builtin_expect(fp_is_nan_f32(c), 0)
                            ? fp_eval(IR_fmadd, IR_F32, IR_F32, IR_RM_HOST, a, b, c)
                            : fp_host_fma_f32(a, b, c));
    return NEXT;
}

BODY(get_fflags)
{
    UNUSED_HERE;
    SLOT(op->d) = fp_flags_of_mxcsr(fp_read_mxcsr());
    return NEXT;
}
BODY(set_fflags)
{
    UNUSED_HERE;
    fp_write_mxcsr(fp_mxcsr_with_flags(fp_read_mxcsr(), SLOT(op->a) & 31));
    return NEXT;
}
BODY(get_frm)
{
    UNUSED_HERE;
    SLOT(op->d) = vcpu->frm;
    return NEXT;
}
BODY(set_frm)
{
    UNUSED_HERE;
    SLOT(op->d) = vcpu->helper[HELPER_SET_FRM](vcpu, SLOT(op->a), 0, 0, 0);
    return NEXT;
}
BODY(get_counter)
{
    UNUSED_HERE;
    SLOT(op->d) = vcpu->helper[HELPER_GET_COUNTER](vcpu, (uint64_t)op->imm, 0, 0, 0);
    return NEXT;
}
/* word: which helper. */
BODY(helper)
{
    UNUSED_HERE;
    SLOT(op->d) = vcpu->helper[WORD](vcpu, SLOT(op->a), SLOT(op->b), SLOT(op->c), 0);
    return NEXT_WORD;
}

/* ---- entries and exits ---- */

/* word: the TB. Another tier has taken over, or the heat runs out here. */
BODY(enter_heat)
{
    UNUSED_HERE;
    struct tb *tb = (struct tb *)(uintptr_t)WORD;
    if (__builtin_expect(atomic_load_explicit(&tb->tier, memory_order_relaxed) != TB_TIER_0, 0))
        return t0_leave_to(tier, vcpu, tb);
    int32_t heat = atomic_load_explicit(&tb->heat, memory_order_relaxed) - 1;
    atomic_store_explicit(&tb->heat, heat, memory_order_relaxed);
    if (__builtin_expect(heat < 0, 0)) {
        t0_leave_to(tier, vcpu, tb);
        vcpu->exit_reason = VCPU_EXIT_PROMOTE;
        return &tier->leave;
    }
    return NEXT_WORD;
}
BODY(enter_stats)
{
    UNUSED_HERE;
    vcpu->counter[COUNTER_INSNS_TIER0] += (uint32_t)op->imm;
    vcpu->counter[COUNTER_BLOCKS_TIER0]++;
    return NEXT;
}

static inline const struct t0_op *t0_take_trap(const struct t0_op *op, struct vcpu *vcpu,
                                               struct tier0 *tier)
{
    vcpu->pc = WORD;
    vcpu->exit_trap = (uint32_t)op->imm;
    vcpu->exit_reason = VCPU_EXIT_TRAP;
    return &tier->leave;
}
BODY(trap)
{
    UNUSED_HERE;
    return t0_take_trap(op, vcpu, tier);
}
BODY(trap_if)
{
    UNUSED_HERE;
    return SLOT(op->a) ? t0_take_trap(op, vcpu, tier) : NEXT_WORD;
}
#undef JUMP
#undef JUMP_ELSE

/* ---- pairs ---- */

#define PAIR(first, second)                                                                        \
    BODY(pair_##first##__##second)                                                                 \
    {                                                                                              \
        op = do_##first(op, vcpu, memory, tier);                                                   \
        return do_##second(op, vcpu, memory, tier);                                                \
    }
#include "tier0/pairs.def"
#undef PAIR

#endif
