/* RISC-V floating point on the host, for every tier (RISC-V Unprivileged ISA 20240411, chapters
 * 20 "F" and 21 "D").
 *
 * All functions run with the guest's MXCSR loaded (exceptions masked, its flags accruing) and
 * leave it loaded, with flags added. Values are bit patterns: f32 in the low 32 bits, zero above.
 * Results are canonical NaN where RISC-V says so. `rm` is an enum ir_rounding; IR_RM_HOST rounds
 * as MXCSR says, IR_RM_RMM goes through the software implementation. */
#ifndef TIERCEL_IR_FP_H
#define TIERCEL_IR_FP_H

#include "src/ir/ir.h"

enum { FP_FLAG_NX = 1, FP_FLAG_UF = 2, FP_FLAG_OF = 4, FP_FLAG_DZ = 8, FP_FLAG_NV = 16 };

#define FP_CANONICAL_F32 UINT64_C(0x7fc00000)
#define FP_CANONICAL_F64 UINT64_C(0x7ff8000000000000)

/* The value of one floating-point operation of ir_ops.def (flag Q): fadd ... fcvt_f64. type is the
 * result's type, type_a operand a's; c is used by fmadd only. */
uint64_t fp_eval(enum ir_op op, enum ir_type type, enum ir_type type_a, enum ir_rounding rm,
                 uint64_t a, uint64_t b, uint64_t c);

/* RISC-V flags in a MXCSR image and back; MXCSR image for a rounding mode 0-3 and flags. All
 * exceptions masked, no flush-to-zero, no denormals-are-zero. */
unsigned fp_flags_of_mxcsr(uint32_t mxcsr);
uint32_t fp_mxcsr_with_flags(uint32_t mxcsr, unsigned flags);
uint32_t fp_mxcsr_with_rounding(uint32_t mxcsr, unsigned frm);
/* MXCSR's rounding control, and roundsd's, for frm 0-3 (nearest, zero, down, up). */
static inline unsigned fp_rounding_control(unsigned frm)
{
    static const uint8_t rc_of_frm[4] = {0, 3, 1, 2};
    return rc_of_frm[frm & 3];
}
#define FP_MXCSR_DEFAULT UINT32_C(0x1f80)

static inline uint32_t fp_read_mxcsr(void)
{
    uint32_t value;
    __asm__ volatile("stmxcsr %0" : "=m"(value));
    return value;
}
static inline void fp_write_mxcsr(uint32_t value)
{
    __asm__ volatile("ldmxcsr %0" : : "m"(value) : "memory");
}

/* The software implementation behind RMM (src/ir/softfp.c): any rounding mode 0-4, flags are
 * returned in *flags (ORed in), the host's floating-point unit is not used. */
uint64_t softfp_eval(enum ir_op op, enum ir_type type, enum ir_type type_a, enum ir_rounding rm,
                     uint64_t a, uint64_t b, uint64_t c, unsigned *flags);

#endif
