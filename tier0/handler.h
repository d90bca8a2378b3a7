/* The list of the interpreter's handlers, for whoever defines HANDLER(name): those that the rows of
 * ops.def stand for, the others by name, and the fused pairs. No include guard: it is expanded for
 * the enum, the label table and the labels. */
#define BINARY(op) HANDLER(op##_64) HANDLER(op##_64i) HANDLER(op##_32) HANDLER(op##_32i)
#define BINARY64(op) HANDLER(op##_64)
#define UNARY(op) HANDLER(op##_64) HANDLER(op##_32)
#define UNARY64(op) HANDLER(op##_64)
#define COMPARE(op)                                                                                \
    HANDLER(op##_64) HANDLER(op##_64i)                                                             \
    HANDLER(jump_##op) HANDLER(jump_##op##i) HANDLER(jump_##op##_back) HANDLER(jump_##op##i_back)  \
    HANDLER(jump_##op##_else) HANDLER(jump_##op##i_else) HANDLER(jump_##op##_back_else)            \
    HANDLER(jump_##op##i_back_else)
#define FP_BINARY(op) HANDLER(op##_f64) HANDLER(op##_f32)
#define FP_COMPARE(op) HANDLER(op##_f64) HANDLER(op##_f32)
#define FP_SIGN(op) HANDLER(op##_f64) HANDLER(op##_f32)
#define FP_CALL(op)
#define EVAL(op)
#define OWN(op)
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

/* moves and extensions */
HANDLER(move) HANDLER(move_const)
HANDLER(sext8) HANDLER(sext16) HANDLER(sext32) HANDLER(zext8) HANDLER(zext16) HANDLER(zext32)
HANDLER(box_bits) HANDLER(box_value) HANDLER(unbox_bits)
HANDLER(select) HANDLER(shl_add)
/* memory */
HANDLER(load_u8) HANDLER(load_s8) HANDLER(load_u16) HANDLER(load_s16) HANDLER(load_u32)
HANDLER(load_s32) HANDLER(load_64) HANDLER(load_boxed)
HANDLER(store_8) HANDLER(store_16) HANDLER(store_32) HANDLER(store_64)
HANDLER(load_reserved) HANDLER(store_conditional) HANDLER(amo) HANDLER(fence)
/* floating point, control and status, and what has no handler of its own */
HANDLER(fsqrt_f64) HANDLER(fsqrt_f32) HANDLER(fmadd_f64) HANDLER(fmadd_f32)
HANDLER(fp) HANDLER(eval)
HANDLER(get_fflags) HANDLER(set_fflags) HANDLER(get_frm) HANDLER(set_frm) HANDLER(get_counter)
HANDLER(helper)
/* entries and exits */
HANDLER(enter_heat) HANDLER(enter_stats)
HANDLER(jump) HANDLER(jump_back) HANDLER(jump_true) HANDLER(jump_true_back)
HANDLER(jump_true_else) HANDLER(jump_true_back_else)
HANDLER(jump_indirect) HANDLER(trap) HANDLER(trap_if) HANDLER(leave)

#define PAIR(first, second) HANDLER(pair_##first##__##second)
#include "tier0/pairs.def"
#undef PAIR
