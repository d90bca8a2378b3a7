/* The part of the generated-code ABI that enter.S needs too: macros only, so that the assembler
 * can include it. Everything here is asserted against abi.h's structures in abi.h and vcpu.c. */
#ifndef TIERCEL_TB_ABI_OFFSETS_H
#define TIERCEL_TB_ABI_OFFSETS_H

/* X(position, guest register, host register number): the pinned guest registers, in the order of
 * preserve_none's arguments after R12 (R13 R14 R15 RDI RSI RDX RCX R8 R9 R11). Chosen by
 * dynamic frequency, see docs/performance.md; R13 as a base always has a displacement, so it is for one
 * that seldom is. */
#define TB_PINNED(X)                                                                               \
    X(0, 16 /* a6 */, 13)                                                                          \
    X(1, 15 /* a5 */, 14)                                                                          \
    X(2, 14 /* a4 */, 15)                                                                          \
    X(3, 10 /* a0 */, 7)                                                                           \
    X(4, 13 /* a3 */, 6)                                                                           \
    X(5, 12 /* a2 */, 2)                                                                           \
    X(6, 11 /* a1 */, 1)                                                                           \
    X(7, 2 /* sp */, 8)                                                                            \
    X(8, 8 /* s0 */, 9)                                                                            \
    X(9, 9 /* s1 */, 11)

/* X(position, guest register, host XMM register number): the pinned f registers, in the order of
 * preserve_none's f64 arguments. Chosen likewise. */
#define TB_PINNED_FLOAT(X)                                                                         \
    X(0, 47 /* fa5 */, 0)                                                                          \
    X(1, 45 /* fa3 */, 1)                                                                          \
    X(2, 46 /* fa4 */, 2)                                                                          \
    X(3, 42 /* fa0 */, 3)                                                                          \
    X(4, 44 /* fa2 */, 4)                                                                          \
    X(5, 43 /* fa1 */, 5)                                                                          \
    X(6, 32 /* ft0 */, 6)                                                                          \
    X(7, 40 /* fs0 */, 7)

/* Inside generated code R12 points so many bytes into struct vcpu: what code uses most, pending and
 * the integer registers but x31, is reached with displacements of 8 bits. */
#define VCPU_BIAS 128
#define IN_VCPU(offset) -VCPU_BIAS + offset(%r12)
#define IN_VCPU_INDEXED(offset, index, scale) -VCPU_BIAS + offset(%r12, index, scale)

/* Offsets in struct vcpu; guest register n lies at VCPU_OFFSET_REG + 8 * n. */
#define VCPU_OFFSET_PENDING 0
#define VCPU_OFFSET_REG 8
#define VCPU_OFFSET_PC 520
#define VCPU_OFFSET_EXIT_REASON 528
#define VCPU_OFFSET_EXIT_TB 536
#define VCPU_OFFSET_MXCSR 544
#define VCPU_OFFSET_HOST_MXCSR 548
#define VCPU_OFFSET_MEMORY_BASE 560
#define VCPU_OFFSET_HELPER_ARG 584
#define VCPU_OFFSET_HOST_RSP 616
#define VCPU_OFFSET_HELPER 688
#define VCPU_OFFSET_BULK 832
#define VCPU_OFFSET_LIBCALL_COUNT 944
#define VCPU_OFFSET_JUMP_CACHE_HITS 9816
#define VCPU_OFFSET_JUMP_CACHE 9824
#define VCPU_OFFSET_SPARE_JUMPS 75360
#define VCPU_OFFSET_IS_ALONE 91856

/* The jump cache has so many entries of 16 bytes, by bits of the pc above the lowest; what has been driven out
 * of it has so many, by more of them. */
#define JUMP_CACHE_LOG2 12
#define JUMP_CACHE_SIZE (1 << JUMP_CACHE_LOG2)
#define SPARE_JUMPS_SIZE 1024

/* The value of enum vcpu_helper_index for tb_thunk_fp. */
#define HELPER_FP_VALUE 0

/* The values of enum vcpu_exit that the thunks store. */
#define VCPU_EXIT_TB_VALUE 0
#define VCPU_EXIT_INDIRECT_VALUE 2

#endif
