/* The x86-64 encoder (see x64.h). */
#include "tier1/x64.h"

#include "src/base/check.h"

#include <string.h>

enum { REX = 0x40, REX_W = 8, REX_R = 4, REX_X = 2, REX_B = 1 };

void x64_u8(struct x64 *x, unsigned byte)
{
    *x->out++ = (uint8_t)byte;
}

void x64_u32(struct x64 *x, uint32_t value)
{
    memcpy(x->out, &value, 4);
    x->out += 4;
}

/* Prefixes, REX and opcode; high bits of the registers are in rex. */
static inline void put_opcode(struct x64 *x, unsigned spec, unsigned rex)
{
    static const uint8_t prefix[4] = {0, 0x66, 0xf3, 0xf2};
    uint8_t *out = x->out;
    enum { RARE = X64_LOCK | X64_F2 | X64_0F3A };
    if (__builtin_expect(!(spec & RARE), 1)) { /* no prefix, first opcode map */
        rex |= spec & X64_W ? REX_W : 0;
        out[0] = (uint8_t)(REX | rex);
        out += rex != 0;
        *out = (uint8_t)spec;
        x->out = out + 1;
        return;
    }
    if (spec & X64_LOCK)
        *out++ = 0xf0;
    unsigned mandatory = spec >> 10 & 3;
    if (mandatory)
        *out++ = prefix[mandatory];
    if (spec & X64_W)
        rex |= REX_W;
    if (rex)
        *out++ = (uint8_t)(REX | rex);
    unsigned map = spec >> 8 & 3;
    if (map) {
        *out++ = 0x0f;
        if (map > 1)
            *out++ = map == 2 ? 0x38 : 0x3a;
    }
    *out++ = (uint8_t)spec;
    x->out = out;
}

/* ModRM, SIB and displacement of a memory operand. */
static inline void put_mem(struct x64 *x, unsigned reg, struct x64_mem mem)
{
    uint8_t *out = x->out;
    unsigned base = mem.base & 7, field = (reg & 7) << 3;
    if (mem.base == X64_NO_REG) {
        *out++ = (uint8_t)(field | 4);
        *out++ = X64_NO_INDEX << 3 | X64_RBP;
        memcpy(out, &mem.disp, 4);
        x->out = out + 4;
        return;
    }
    bool has_sib = mem.index != X64_NO_INDEX || base == X64_RSP;
    unsigned mod = mem.disp == 0 && base != X64_RBP ? 0 : mem.disp == (int8_t)mem.disp ? 1 : 2;
    *out++ = (uint8_t)(mod << 6 | field | (has_sib ? 4 : base));
    if (has_sib)
        *out++ = (uint8_t)(mem.scale << 6 | (mem.index & 7) << 3 | base);
    memcpy(out, &mem.disp, 4); /* the space beyond is ours in any case */
    x->out = out + (mod == 0 ? 0 : mod == 1 ? 1 : 4);
}

static inline void put_segment(struct x64 *x, struct x64_mem mem)
{
    *x->out = mem.prefix;
    x->out += mem.prefix != 0;
}

static inline unsigned rex_of_mem(unsigned reg, struct x64_mem mem)
{
    unsigned base = mem.base == X64_NO_REG ? 0 : mem.base >> 3;
    return (reg >> 3) * REX_R | (mem.index >> 3) * REX_X | base * REX_B;
}

void x64_rr(struct x64 *x, unsigned spec, unsigned reg, unsigned rm)
{
    unsigned rex = (reg >> 3) * REX_R | (rm >> 3) * REX_B;
    if ((spec & X64_BYTE_RM && rm >= X64_RSP) || (spec & X64_BYTE_REG && reg >= X64_RSP))
        rex |= REX;
    put_opcode(x, spec, rex);
    x64_u8(x, 0xc0 | (reg & 7) << 3 | (rm & 7));
}

/* The form that most accesses have: [r12 + disp], with REX and SIB and without prefix; its first seven
 * bytes are put together in a register. */
static inline void put_common_rm(struct x64 *x, unsigned spec, unsigned reg, struct x64_mem mem)
{
    unsigned rex = REX | REX_B | (reg >> 3) * REX_R | (mem.index >> 3) * REX_X |
                   (spec & X64_W ? REX_W : 0);
    unsigned has_escape = spec >> 8 & 1;
    uint64_t opcode = has_escape ? 0x0f | (spec & 0xff) << 8 : spec & 0xff;
    unsigned is_short = mem.disp == (int8_t)mem.disp;
    unsigned modrm = (is_short ? 0x44 : 0x84) | (reg & 7) << 3;
    unsigned sib = (unsigned)mem.scale << 6 | (mem.index & 7) << 3 | (mem.base & 7);
    uint64_t bytes = rex | opcode << 8 | (uint64_t)(modrm | sib << 8) << (16 + 8 * has_escape);
    uint8_t *out = x->out;
    memcpy(out, &bytes, 8);
    out += 4 + has_escape;
    memcpy(out, &mem.disp, 4);
    x->out = out + (is_short ? 1 : 4);
}

void x64_rm(struct x64 *x, unsigned spec, unsigned reg, struct x64_mem mem)
{
    enum { RARE = X64_LOCK | X64_F2 | X64_0F38 };
    if (__builtin_expect(!(spec & RARE) && mem.base == X64_R12 && mem.disp != 0, 1)) {
        put_common_rm(x, spec, reg, mem);
        return;
    }
    put_segment(x, mem);
    unsigned rex = rex_of_mem(reg, mem);
    if (spec & X64_BYTE_REG && reg >= X64_RSP)
        rex |= REX;
    put_opcode(x, spec, rex);
    put_mem(x, reg, mem);
}

void x64_ro(struct x64 *x, unsigned spec, unsigned reg, struct x64_operand rm)
{
    if (rm.kind == X64_REG)
        x64_rr(x, spec, reg, rm.reg);
    else if (rm.reg == X64_R12 && !(spec & ~(X64_W | 0xffu)) && rm.value != 0)
        x64_r12(x, spec, reg, rm.value);
    else
        x64_rm(x, spec, reg, x64_at(rm.reg, rm.value));
}

/* The two- or three-byte VEX prefix and the opcode. rex: R, X, B as in REX. */
static inline void put_vex(struct x64 *x, unsigned spec, unsigned rex, unsigned vvvv)
{
    unsigned tail = (~vvvv & 15) << 3 | (spec >> 10 & 3);
    unsigned map = spec >> 8 & 3;
    if (map == 1 && !(spec & X64_W) && !(rex & (REX_X | REX_B))) {
        x64_u8(x, 0xc5);
        x64_u8(x, (rex & REX_R ? 0 : 0x80) | tail);
    } else {
        x64_u8(x, 0xc4);
        x64_u8(x, (~rex & 7) << 5 | map);
        x64_u8(x, (spec & X64_W ? 0x80 : 0) | tail);
    }
    x64_u8(x, spec & 0xff);
}

void x64_vex_rr(struct x64 *x, unsigned spec, unsigned reg, unsigned vvvv, unsigned rm)
{
    put_vex(x, spec, (reg >> 3) * REX_R | (rm >> 3) * REX_B, vvvv);
    x64_u8(x, 0xc0 | (reg & 7) << 3 | (rm & 7));
}

void x64_vex_rm(struct x64 *x, unsigned spec, unsigned reg, unsigned vvvv, struct x64_mem mem)
{
    put_segment(x, mem);
    put_vex(x, spec, rex_of_mem(reg, mem), vvvv);
    put_mem(x, reg, mem);
}

void x64_vex_ro(struct x64 *x, unsigned spec, unsigned reg, unsigned vvvv, struct x64_operand rm)
{
    if (rm.kind == X64_REG)
        x64_vex_rr(x, spec, reg, vvvv, rm.reg);
    else
        x64_vex_rm(x, spec, reg, vvvv, x64_at(rm.reg, rm.value));
}

void x64_rip(struct x64 *x, unsigned spec, unsigned reg, const void *x_address,
             unsigned immediate_bytes)
{
    put_opcode(x, spec, (reg >> 3) * REX_R);
    x64_u8(x, (reg & 7) << 3 | 5);
    const uint8_t *next = x64_here(x) + 4 + immediate_bytes;
    x64_u32(x, (uint32_t)((const uint8_t *)x_address - next));
}

/* ---- places ---- */

void x64_patch_rel32(struct x64 *x, uint32_t after_rel32, uint32_t destination)
{
    uint32_t distance = destination - after_rel32;
    memcpy(x->start + after_rel32 - 4, &distance, 4);
}

void x64_patch_rel8(struct x64 *x, uint32_t after_rel8, uint32_t destination)
{
    int32_t distance = (int32_t)(destination - after_rel8);
    CHECK(distance == (int8_t)distance, "a short jump goes too far");
    x->start[after_rel8 - 1] = (uint8_t)distance;
}

void x64_nop(struct x64 *x, unsigned size_bytes)
{
    static const uint8_t nops[9][8] = {
        {0},
        {0x90},
        {0x66, 0x90},
        {0x0f, 0x1f, 0x00},
        {0x0f, 0x1f, 0x40, 0x00},
        {0x0f, 0x1f, 0x44, 0x00, 0x00},
        {0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00},
        {0x0f, 0x1f, 0x80, 0x00, 0x00, 0x00, 0x00},
        {0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00},
    };
    CHECK(size_bytes <= 8, "a NOP of more than 8 bytes");
    memcpy(x->out, nops[size_bytes], 8);
    x->out += size_bytes;
}

/* ---- moves ---- */

void x64_mov_rr(struct x64 *x, unsigned reg, unsigned source)
{
    if (reg != source)
        x64_rr(x, 0x8b | X64_W, reg, source);
}

void x64_mov_ri(struct x64 *x, unsigned reg, uint64_t value)
{
    unsigned b = (reg >> 3) * REX_B;
    if (value == (uint32_t)value) {
        if (b)
            x64_u8(x, REX | b);
        x64_u8(x, 0xb8 | (reg & 7));
        x64_u32(x, (uint32_t)value);
    } else if ((int64_t)value == (int32_t)value) {
        x64_rr(x, 0xc7 | X64_W, 0, reg);
        x64_u32(x, (uint32_t)value);
    } else {
        x64_u8(x, REX | REX_W | b);
        x64_u8(x, 0xb8 | (reg & 7));
        memcpy(x->out, &value, 8);
        x->out += 8;
    }
}

void x64_load(struct x64 *x, unsigned reg, struct x64_mem mem)
{
    if (mem.base == X64_R12 && mem.index == X64_NO_INDEX)
        x64_r12(x, 0x8b | X64_W, reg, mem.disp);
    else
        x64_rm(x, 0x8b | X64_W, reg, mem);
}

void x64_store(struct x64 *x, struct x64_mem mem, unsigned reg)
{
    if (mem.base == X64_R12 && mem.index == X64_NO_INDEX)
        x64_r12(x, 0x89 | X64_W, reg, mem.disp);
    else
        x64_rm(x, 0x89 | X64_W, reg, mem);
}

void x64_mov_ro(struct x64 *x, unsigned reg, struct x64_operand source)
{
    switch ((enum x64_operand_kind)source.kind) {
    case X64_REG:
        x64_mov_rr(x, reg, source.reg);
        break;
    case X64_IMM:
        x64_mov_ri(x, reg, (uint64_t)(int64_t)source.value);
        break;
    case X64_MEM:
        x64_load(x, reg, x64_at(source.reg, source.value));
        break;
    }
}

void x64_store_i(struct x64 *x, struct x64_mem mem, unsigned width, int32_t value)
{
    x64_rm(x, width == 8 ? 0xc6 : width == 16 ? 0xc7 | X64_66 : 0xc7 | x64_w(width), 0, mem);
    memcpy(x->out, &value, 4);
    x->out += width == 8 ? 1 : width == 16 ? 2 : 4;
}

void x64_lea(struct x64 *x, unsigned w, unsigned reg, struct x64_mem mem)
{
    x64_rm(x, 0x8d | w, reg, mem);
}

/* ---- integer ---- */

static void put_alu_immediate(struct x64 *x, int32_t value)
{
    memcpy(x->out, &value, 4);
    x->out += value == (int8_t)value ? 1 : 4;
}

void x64_alu_ri(struct x64 *x, enum x64_alu op, unsigned w, unsigned reg, int32_t value)
{
    x64_rr(x, (value == (int8_t)value ? 0x83 : 0x81) | w, op, reg);
    put_alu_immediate(x, value);
}

void x64_alu_mi(struct x64 *x, enum x64_alu op, unsigned w, struct x64_mem mem, int32_t value)
{
    x64_rm(x, (value == (int8_t)value ? 0x83 : 0x81) | w, op, mem);
    put_alu_immediate(x, value);
}

void x64_alu(struct x64 *x, enum x64_alu op, unsigned w, unsigned reg, struct x64_operand operand)
{
    if (operand.kind == X64_IMM)
        x64_alu_ri(x, op, w, reg, operand.value);
    else
        x64_ro(x, (unsigned)op << 3 | 3 | w, reg, operand);
}

void x64_test_rr(struct x64 *x, unsigned w, unsigned a, unsigned b)
{
    x64_rr(x, 0x85 | w, b, a);
}

void x64_shift_i(struct x64 *x, enum x64_shift op, unsigned w, unsigned reg, unsigned count)
{
    x64_rr(x, 0xc1 | w, op, reg);
    x64_u8(x, count);
}

void x64_shift_cl(struct x64 *x, enum x64_shift op, unsigned w, unsigned reg)
{
    x64_rr(x, 0xd3 | w, op, reg);
}

void x64_f7(struct x64 *x, enum x64_f7 op, unsigned w, unsigned reg)
{
    x64_rr(x, 0xf7 | w, op, reg);
}

void x64_setcc(struct x64 *x, enum x64_cc cc, unsigned reg)
{
    x64_rr(x, 0x90 | (unsigned)cc | X64_0F | X64_BYTE_RM, 0, reg);
}

void x64_cmov(struct x64 *x, enum x64_cc cc, unsigned w, unsigned reg, struct x64_operand source)
{
    x64_ro(x, 0x40 | (unsigned)cc | X64_0F | w, reg, source);
}

/* ---- jumps ---- */

uint32_t x64_jcc(struct x64 *x, enum x64_cc cc)
{
    x64_u8(x, 0x0f);
    x64_u8(x, 0x80 | (unsigned)cc);
    x64_u32(x, 0);
    return x64_offset(x);
}

uint32_t x64_jcc_short(struct x64 *x, enum x64_cc cc)
{
    x64_u8(x, 0x70 | (unsigned)cc);
    x64_u8(x, 0);
    return x64_offset(x);
}

uint32_t x64_jmp(struct x64 *x)
{
    x64_u8(x, 0xe9);
    x64_u32(x, 0);
    return x64_offset(x);
}

void x64_jmp_to(struct x64 *x, const void *x_address)
{
    x64_u8(x, 0xe9);
    x64_u32(x, (uint32_t)((const uint8_t *)x_address - (x64_here(x) + 4)));
}

void x64_jcc_to(struct x64 *x, enum x64_cc cc, const void *x_address)
{
    x64_u8(x, 0x0f);
    x64_u8(x, 0x80 | (unsigned)cc);
    x64_u32(x, (uint32_t)((const uint8_t *)x_address - (x64_here(x) + 4)));
}

void x64_jmp_mem(struct x64 *x, struct x64_mem mem)
{
    x64_rm(x, 0xff, 4, mem);
}

void x64_call_mem(struct x64 *x, struct x64_mem mem)
{
    x64_rm(x, 0xff, 2, mem);
}
