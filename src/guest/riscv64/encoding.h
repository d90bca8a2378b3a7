/* Fields of 32-bit RISC-V instruction words: taking them out and putting them in.
 *
 * RISC-V Unprivileged ISA 20240411, sections 2.2 and 2.3. */
#ifndef TIERCEL_GUEST_RISCV64_ENCODING_H
#define TIERCEL_GUEST_RISCV64_ENCODING_H

#include "src/base/bits.h"

static inline unsigned rv64_rd(uint32_t word)
{
    return word >> 7 & 31;
}
static inline unsigned rv64_rs1(uint32_t word)
{
    return word >> 15 & 31;
}
static inline unsigned rv64_rs2(uint32_t word)
{
    return word >> 20 & 31;
}
static inline unsigned rv64_rs3(uint32_t word)
{
    return word >> 27;
}
static inline unsigned rv64_rounding(uint32_t word)
{
    return word >> 12 & 7;
}
static inline unsigned rv64_shamt(uint32_t word)
{
    return word >> 20 & 63;
}
static inline unsigned rv64_csr(uint32_t word)
{
    return word >> 20;
}
static inline int64_t rv64_imm_i(uint32_t word)
{
    return (int32_t)word >> 20;
}
static inline int64_t rv64_imm_u(uint32_t word)
{
    return (int32_t)(word & 0xfffff000);
}
static inline int64_t rv64_imm_s(uint32_t word)
{
    return ((int32_t)word >> 25) * 32 | (int32_t)(word >> 7 & 31);
}
static inline int64_t rv64_imm_b(uint32_t word)
{
    uint32_t low = (word >> 8 & 15) << 1 | (word >> 25 & 63) << 5 | (word >> 7 & 1) << 11;
    return ((int32_t)word >> 31) * 4096 | (int32_t)low;
}
static inline int64_t rv64_imm_j(uint32_t word)
{
    uint32_t low = (word >> 21 & 1023) << 1 | (word >> 20 & 1) << 11 | (word & 0xff000);
    return ((int32_t)word >> 31) * (1 << 20) | (int32_t)low;
}

static inline uint32_t rv64_put_s(uint32_t imm)
{
    return (imm & 31) << 7 | (imm >> 5 & 127) << 25;
}
static inline uint32_t rv64_put_b(uint32_t imm)
{
    return (imm >> 1 & 15) << 8 | (imm >> 5 & 63) << 25 | (imm >> 11 & 1) << 7 |
           (imm >> 12 & 1) << 31;
}
static inline uint32_t rv64_put_j(uint32_t imm)
{
    return (imm >> 1 & 1023) << 21 | (imm >> 11 & 1) << 20 | (imm & 0xff000) |
           (imm >> 20 & 1) << 31;
}

#endif
