/* The x86-64 encoder of tier 1: one function per shape of instruction.
 *
 * Bytes go to the writable view; whatever depends on the place of the code is computed with the
 * executable address (x64_here). Emission is sticky: x64_room sets `failed` when space runs out and
 * is asked once per IR instruction, so that the encoders themselves do not check.
 * Source: Intel SDM volume 2, chapters 2 (formats, VEX) and 3-5 (opcodes). */
#ifndef TIERCEL_TIER1_X64_H
#define TIERCEL_TIER1_X64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum x64_reg {
    X64_RAX, X64_RCX, X64_RDX, X64_RBX, X64_RSP, X64_RBP, X64_RSI, X64_RDI,
    X64_R8, X64_R9, X64_R10, X64_R11, X64_R12, X64_R13, X64_R14, X64_R15,
    X64_NO_REG = 0xff
};

/* Condition codes as in the low four bits of jcc, setcc and cmovcc; bit 0 inverts. */
enum x64_cc {
    X64_O, X64_NO, X64_B, X64_AE, X64_E, X64_NE, X64_BE, X64_A,
    X64_S, X64_NS, X64_P, X64_NP, X64_L, X64_GE, X64_LE, X64_G
};

/* The operations of the 80/81/83 group, by their number. */
enum x64_alu { X64_ADD, X64_OR, X64_ADC, X64_SBB, X64_AND, X64_SUB, X64_XOR, X64_CMP };

/* The operations of the C1/D3 group, by their number. */
enum x64_shift { X64_ROL, X64_ROR, X64_RCL, X64_RCR, X64_SHL, X64_SHR, X64_SAR = 7 };

/* An instruction's opcode byte with what surrounds it. */
enum x64_spec {
    X64_0F = 1 << 8,   /* opcode maps */
    X64_0F38 = 2 << 8,
    X64_0F3A = 3 << 8,
    X64_66 = 1 << 10,  /* mandatory or size prefix */
    X64_F3 = 2 << 10,
    X64_F2 = 3 << 10,
    X64_W = 1 << 12,   /* 64-bit operands */
    X64_BYTE_RM = 1 << 13,  /* the r/m register is a byte register */
    X64_BYTE_REG = 1 << 14, /* the reg register is one */
    X64_LOCK = 1 << 15,
};

struct x64 {
    uint8_t *out;         /* W view: where the next byte goes */
    uint8_t *start;       /* W view: of the code being emitted */
    uint8_t *limit;       /* W view: one past the space */
    ptrdiff_t x_minus_w;
    bool failed;
};

enum { X64_NO_INDEX = X64_RSP, X64_GS = 0x65 };

/* [base + index << scale + disp], or [disp] without base; in GS behind its prefix, else 0. */
struct x64_mem {
    uint8_t base, index, scale, prefix;
    int32_t disp;
};

/* A source operand: a register, a sign-extended immediate, or [reg + value]. */
enum x64_operand_kind { X64_REG, X64_IMM, X64_MEM };
struct x64_operand {
    uint8_t kind; /* enum x64_operand_kind */
    uint8_t reg;
    int32_t value;
};

static inline struct x64_mem x64_at(unsigned base, int32_t disp)
{
    return (struct x64_mem){.base = (uint8_t)base, .index = X64_NO_INDEX, .disp = disp};
}
static inline struct x64_operand x64_reg_operand(unsigned reg)
{
    return (struct x64_operand){X64_REG, (uint8_t)reg, 0};
}
static inline bool x64_is_reg(struct x64_operand operand, unsigned reg)
{
    return operand.kind == X64_REG && operand.reg == reg;
}
static inline unsigned x64_w(unsigned width)
{
    return width == 64 ? X64_W : 0;
}

/* ---- space and places ---- */
static inline bool x64_room(struct x64 *x, ptrdiff_t size_bytes)
{
    if (x->limit - x->out < size_bytes)
        x->failed = true;
    return !x->failed;
}
static inline uint32_t x64_offset(const struct x64 *x)
{
    return (uint32_t)(x->out - x->start);
}
static inline uint8_t *x64_here(const struct x64 *x)
{
    return x->out + x->x_minus_w;
}
/* Points the rel32 that ends at offset `after_rel32` to offset `destination`; the same for a rel8. */
void x64_patch_rel32(struct x64 *x, uint32_t after_rel32, uint32_t destination);
void x64_patch_rel8(struct x64 *x, uint32_t after_rel8, uint32_t destination);
void x64_nop(struct x64 *x, unsigned size_bytes);

/* Up to eight bytes, the first lowest; the space beyond is ours in any case. */
static inline void x64_put(struct x64 *x, uint64_t bytes, unsigned size_bytes)
{
    memcpy(x->out, &bytes, 8);
    x->out += size_bytes;
}

/* ---- generic forms ---- */
void x64_rr(struct x64 *x, unsigned spec, unsigned reg, unsigned rm);
void x64_rm(struct x64 *x, unsigned spec, unsigned reg, struct x64_mem mem);
/* The same for [r12 + disp], without prefix and escape: what blocks do most. */
static inline void x64_r12(struct x64 *x, unsigned spec, unsigned reg, int32_t disp)
{
    unsigned is_short = disp == (int8_t)disp;
    unsigned rex = 0x41 | (spec & X64_W) / (X64_W / 8) | reg >> 3 << 2;
    unsigned modrm_sib = 0x2444 + (is_short ? 0 : 0x40) + (reg & 7) * 8;
    x64_put(x, rex | (spec & 0xff) << 8 | modrm_sib << 16 | (uint64_t)(uint32_t)disp << 32,
            is_short ? 5 : 8);
}
/* rm: register or memory operand; not an immediate. */
void x64_ro(struct x64 *x, unsigned spec, unsigned reg, struct x64_operand rm);
void x64_vex_rr(struct x64 *x, unsigned spec, unsigned reg, unsigned vvvv, unsigned rm);
void x64_vex_rm(struct x64 *x, unsigned spec, unsigned reg, unsigned vvvv, struct x64_mem mem);
void x64_vex_ro(struct x64 *x, unsigned spec, unsigned reg, unsigned vvvv, struct x64_operand rm);
void x64_u8(struct x64 *x, unsigned byte);
void x64_u32(struct x64 *x, uint32_t value);
/* reg := [address]-style access to an X address within 2 GiB; immediate_bytes follow. */
void x64_rip(struct x64 *x, unsigned spec, unsigned reg, const void *x_address,
             unsigned immediate_bytes);

/* ---- moves ---- */
void x64_mov_rr(struct x64 *x, unsigned reg, unsigned source);  /* 64 bits; nothing when equal */
void x64_mov_ri(struct x64 *x, unsigned reg, uint64_t value);   /* leaves the flags alone */
void x64_mov_ro(struct x64 *x, unsigned reg, struct x64_operand source); /* 64 bits */
void x64_load(struct x64 *x, unsigned reg, struct x64_mem mem);  /* 64 bits */
void x64_store(struct x64 *x, struct x64_mem mem, unsigned reg); /* 64 bits */
/* [mem] := value, width 8 to 64 (then value is sign-extended from 32 bits). */
void x64_store_i(struct x64 *x, struct x64_mem mem, unsigned width, int32_t value);
void x64_lea(struct x64 *x, unsigned w, unsigned reg, struct x64_mem mem);

/* ---- integer; w is X64_W or 0 ---- */
void x64_alu_ri(struct x64 *x, enum x64_alu op, unsigned w, unsigned reg, int32_t value);
void x64_alu_mi(struct x64 *x, enum x64_alu op, unsigned w, struct x64_mem mem, int32_t value);
void x64_alu(struct x64 *x, enum x64_alu op, unsigned w, unsigned reg, struct x64_operand operand);
void x64_test_rr(struct x64 *x, unsigned w, unsigned a, unsigned b);
void x64_shift_i(struct x64 *x, enum x64_shift op, unsigned w, unsigned reg, unsigned count);
void x64_shift_cl(struct x64 *x, enum x64_shift op, unsigned w, unsigned reg);
/* The F7 group: 2 not, 3 neg, 4 mul, 5 imul, 6 div, 7 idiv. */
enum x64_f7 { X64_NOT = 2, X64_NEG, X64_MUL, X64_IMUL, X64_DIV, X64_IDIV };
void x64_f7(struct x64 *x, enum x64_f7 op, unsigned w, unsigned reg);
void x64_setcc(struct x64 *x, enum x64_cc cc, unsigned reg);
void x64_cmov(struct x64 *x, enum x64_cc cc, unsigned w, unsigned reg, struct x64_operand source);

/* ---- jumps ---- */
/* Each gives the offset one past its rel32, for x64_patch_rel32. */
uint32_t x64_jcc(struct x64 *x, enum x64_cc cc);
uint32_t x64_jmp(struct x64 *x);
/* To a place less than 128 bytes away: gives the offset one past its rel8, for x64_patch_rel8. */
uint32_t x64_jcc_short(struct x64 *x, enum x64_cc cc);
void x64_jmp_to(struct x64 *x, const void *x_address);
void x64_jcc_to(struct x64 *x, enum x64_cc cc, const void *x_address);
void x64_jmp_mem(struct x64 *x, struct x64_mem mem);
void x64_call_mem(struct x64 *x, struct x64_mem mem);

#endif
