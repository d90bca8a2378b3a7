/* Drafts: code for a block of steps, made in one walk forward and without IR.
 *
 * Each step becomes its few instructions at once. Pinned guest registers are where they always are.
 * Each of the others that is read or written stays in a scratch register as well until that is needed
 * for another; writes go to memory at once, so that a scratch register is only ever given up, and all
 * guest registers are in their places at each access and exit. RAX holds nothing from step to step.
 * Registers that were set to a number are known, which makes addresses and more numbers of them. */
#include "tier1/emit.h"

enum { RING = 3, NOBODY = 32, MAX_STEP_BYTES = 48, MAX_ENDING_BYTES = 192 };
static const uint8_t ring[RING] = {X64_RBX, X64_RBP, X64_R10};

struct draft {
    struct t1 *t;
    struct x64 *x;
    const struct ir_steps *steps;
    unsigned next;         /* in the ring: to be given up next */
    uint32_t locked;       /* host registers that the step at hand reads */
    uint32_t known;        /* guest registers whose value is a known number: */
    uint64_t value[32];
    uint8_t place[32 + 1]; /* host register that holds each guest register, or X64_NO_REG; and NOBODY's */
    uint8_t holds[16];     /* guest register in each scratch register, or NOBODY */
};

bool t1_can_draft(const struct t1 *t)
{
    const struct tier_options *options = t->options;
    return t->features & T1_BMI2 && options->is_pinning && options->is_pinning_float &&
           options->is_caching_registers && options->is_folding && options->is_hinting;
}

size_t t1_draft_bytes(const struct ir_steps *steps)
{
    return MAX_ENDING_BYTES + steps->count * MAX_STEP_BYTES;
}

/* ---- registers ---- */

static bool is_in_host(const struct draft *d, unsigned guest)
{
    return d->t->pinned >> guest & 1;
}

static bool is_known(const struct draft *d, unsigned guest)
{
    return d->known >> guest & 1;
}

/* A scratch register that the step does not read; what was in it is in memory too. */
static unsigned take(struct draft *d)
{
    unsigned reg;
    do {
        reg = ring[d->next];
        d->next = d->next == RING - 1 ? 0 : d->next + 1;
    } while (d->locked >> reg & 1);
    d->place[d->holds[reg]] = X64_NO_REG;
    d->holds[reg] = NOBODY;
    return reg;
}

static void hold(struct draft *d, unsigned reg, unsigned guest)
{
    d->place[guest] = (uint8_t)reg;
    d->holds[reg] = (uint8_t)guest;
}

static __attribute__((noinline)) unsigned load(struct draft *d, unsigned guest)
{
    unsigned reg = take(d);
    if (is_known(d, guest))
        x64_mov_ri(d->x, reg, d->value[guest]);
    else
        x64_r12(d->x, 0x8b | X64_W, reg, t1_reg_memory(guest).disp);
    hold(d, reg, guest);
    return reg;
}

/* The guest register in a host register, which stays as it is until the step writes its result. */
static inline unsigned use(struct draft *d, unsigned guest)
{
    unsigned reg = d->place[guest];
    if (reg == X64_NO_REG)
        reg = load(d, guest);
    d->locked |= 1u << reg;
    return reg;
}

/* The same, or its memory where it is in none. */
static inline struct x64_operand use_operand(struct draft *d, unsigned guest)
{
    if (d->place[guest] == X64_NO_REG && !is_known(d, guest))
        return (struct x64_operand){X64_MEM, TB_HOST_VCPU, t1_reg_memory(guest).disp};
    return x64_reg_operand(use(d, guest));
}

/* Where the result for guest register rd goes, perhaps a register that is read. The caller writes it,
 * then calls end_result. */
static inline unsigned begin_result(struct draft *d, unsigned rd)
{
    unsigned reg = d->place[rd];
    return reg != X64_NO_REG ? reg : take(d);
}

static inline void end_result(struct draft *d, unsigned rd, unsigned reg)
{
    d->known &= ~(1u << rd);
    if (is_in_host(d, rd))
        return;
    x64_r12(d->x, 0x89 | X64_W, reg, t1_reg_memory(rd).disp);
    hold(d, reg, rd);
}

/* An instruction with a register or the memory of a guest register. */
static inline void put(struct draft *d, unsigned spec, unsigned reg, struct x64_operand operand)
{
    if (operand.kind == X64_REG)
        x64_rr(d->x, spec, reg, operand.reg);
    else if (spec & X64_0F)
        x64_ro(d->x, spec, reg, operand);
    else
        x64_r12(d->x, spec, reg, operand.value);
}

/* rd gets another value, which no scratch register holds. */
static void forget(struct draft *d, unsigned rd)
{
    unsigned reg = d->place[rd];
    if (is_in_host(d, rd) || reg == X64_NO_REG)
        return;
    d->place[rd] = X64_NO_REG;
    d->holds[reg] = NOBODY;
}

/* ---- moves and numbers ---- */

static void set(struct draft *d, unsigned rd, uint64_t value)
{
    if (is_in_host(d, rd)) {
        if (value == 0)
            x64_rr(d->x, 0x33, d->place[rd], d->place[rd]);
        else
            x64_mov_ri(d->x, d->place[rd], value);
    } else if ((int64_t)value == (int32_t)value) {
        forget(d, rd);
        x64_store_i(d->x, t1_reg_memory(rd), 64, (int32_t)value);
    } else {
        unsigned reg = begin_result(d, rd);
        x64_mov_ri(d->x, reg, value);
        end_result(d, rd, reg);
    }
    d->known |= 1u << rd;
    d->value[rd] = value;
}

static void move(struct draft *d, unsigned rd, unsigned rs)
{
    if (rd == rs)
        return;
    if (is_known(d, rs)) {
        set(d, rd, d->value[rs]);
        return;
    }
    if (is_in_host(d, rd)) {
        put(d, 0x8b | X64_W, d->place[rd], use_operand(d, rs));
    } else {
        unsigned reg = use(d, rs);
        forget(d, rd);
        x64_r12(d->x, 0x89 | X64_W, reg, t1_reg_memory(rd).disp);
    }
    d->known &= ~(1u << rd);
}

/* ---- operations ---- */

/* reg := the low 32 bits of it, sign-extended, in a 32-bit operation. */
static void extend(struct draft *d, unsigned w, unsigned reg)
{
    if (w == 0)
        x64_rr(d->x, 0x63 | X64_W, reg, reg);
}

/* add, sub, and, or, xor, mul; spec: of reg := reg op r/m. */
static inline void put_binary(struct draft *d, const struct ir_step *step, unsigned spec, unsigned w)
{
    bool is_sub = (spec & 0xff) == 0x2b;
    unsigned a = use(d, step->rs1);
    struct x64_operand b = use_operand(d, step->rs2);
    unsigned reg = begin_result(d, step->rd);
    if (reg == a) {
        put(d, spec | w, reg, b);
    } else if (x64_is_reg(b, reg) && is_sub) {
        x64_f7(d->x, X64_NEG, w, reg);
        x64_rr(d->x, 0x03 | w, reg, a);
    } else if (x64_is_reg(b, reg)) {
        x64_rr(d->x, spec | w, reg, a);
    } else if ((spec & 0xff) == 0x03 && b.kind == X64_REG) {
        x64_lea(d->x, w, reg, (struct x64_mem){(uint8_t)a, b.reg, 0, 0});
    } else {
        x64_mov_rr(d->x, reg, a);
        put(d, spec | w, reg, b);
    }
    extend(d, w, reg);
    end_result(d, step->rd, reg);
}

/* shlx, shrx, sarx */
static inline void put_shift(struct draft *d, const struct ir_step *step, unsigned prefix, unsigned w)
{
    unsigned a = use(d, step->rs1), count = use(d, step->rs2);
    unsigned reg = begin_result(d, step->rd);
    x64_vex_rr(d->x, 0xf7 | X64_0F38 | prefix | w, reg, count, a);
    extend(d, w, reg);
    end_result(d, step->rd, reg);
}

/* rd := whether the flags say so; only moves may stand between the compare and this. */
static void put_truth(struct draft *d, unsigned rd, enum x64_cc cc)
{
    unsigned reg = begin_result(d, rd);
    x64_setcc(d->x, cc, reg);
    x64_rr(d->x, 0xb6 | X64_0F | X64_BYTE_RM, reg, reg);
    end_result(d, rd, reg);
}

static void put_comparison(struct draft *d, const struct ir_step *step, enum x64_cc cc)
{
    unsigned a = use(d, step->rs1);
    struct x64_operand b = use_operand(d, step->rs2);
    put(d, 0x3b | X64_W, a, b);
    put_truth(d, step->rd, cc);
}

static void emit_add(struct draft *d, const struct ir_step *step)
{
    if (step->rs1 == 0 || step->rs2 == 0)
        move(d, step->rd, step->rs1 | step->rs2);
    else
        put_binary(d, step, 0x03, X64_W);
}

/* ---- operations with a number ---- */

static inline void put_immediate(struct draft *d, const struct ir_step *step, enum x64_alu op, unsigned w)
{
    unsigned a = use(d, step->rs1), reg = begin_result(d, step->rd);
    if (op == X64_ADD && reg != a) {
        x64_lea(d->x, w, reg, x64_at(a, (int32_t)step->imm));
    } else {
        x64_mov_rr(d->x, reg, a);
        x64_alu_ri(d->x, op, w, reg, (int32_t)step->imm);
    }
    extend(d, w, reg);
    end_result(d, step->rd, reg);
}

static inline void put_shift_immediate(struct draft *d, const struct ir_step *step,
                                       enum x64_shift op, unsigned w)
{
    unsigned a = use(d, step->rs1), reg = begin_result(d, step->rd);
    x64_mov_rr(d->x, reg, a);
    x64_shift_i(d->x, op, w, reg, (unsigned)step->imm);
    extend(d, w, reg);
    end_result(d, step->rd, reg);
}

static void put_compare_immediate(struct draft *d, const struct ir_step *step, enum x64_cc cc)
{
    x64_alu_ri(d->x, X64_CMP, X64_W, use(d, step->rs1), (int32_t)step->imm);
    put_truth(d, step->rd, cc);
}

static void emit_add_imm(struct draft *d, const struct ir_step *step)
{
    if (is_known(d, step->rs1))
        set(d, step->rd, d->value[step->rs1] + (uint64_t)step->imm);
    else if (step->imm == 0)
        move(d, step->rd, step->rs1);
    else
        put_immediate(d, step, X64_ADD, X64_W);
}

static void emit_add_imm_32(struct draft *d, const struct ir_step *step)
{
    if (is_known(d, step->rs1)) {
        set(d, step->rd, (uint64_t)(int32_t)(d->value[step->rs1] + (uint64_t)step->imm));
    } else if (step->imm == 0) {
        struct x64_operand a = use_operand(d, step->rs1);
        unsigned reg = begin_result(d, step->rd);
        put(d, 0x63 | X64_W, reg, a);
        end_result(d, step->rd, reg);
    } else {
        put_immediate(d, step, X64_ADD, 0);
    }
}

static void emit_and_imm(struct draft *d, const struct ir_step *step)
{
    if (step->imm == 0xff) {
        unsigned a = use(d, step->rs1), reg = begin_result(d, step->rd);
        x64_rr(d->x, 0xb6 | X64_0F | X64_BYTE_RM, reg, a);
        end_result(d, step->rd, reg);
    } else {
        put_immediate(d, step, X64_AND, X64_W);
    }
}

/* ---- memory ---- */

/* Base register and displacement of an access: X64_NO_REG where the address is known and near 0. */
static inline unsigned address(struct draft *d, const struct ir_step *step, int32_t *ret_disp)
{
    *ret_disp = (int32_t)step->imm;
    if (is_known(d, step->rs1)) {
        uint64_t address = d->value[step->rs1] + (uint64_t)step->imm;
        if ((int64_t)address == (int32_t)address) {
            *ret_disp = (int32_t)address;
            return X64_NO_REG;
        }
    }
    return use(d, step->rs1);
}

static void emit_load(struct draft *d, const struct ir_step *step)
{
    int32_t disp;
    unsigned base = address(d, step, &disp);
    unsigned reg = step->rd ? begin_result(d, step->rd) : X64_RAX;
    t1_note_access(d->t, step->memop);
    t1_put_load(d->t, step->memop, reg, base, disp);
    if (step->rd)
        end_result(d, step->rd, reg);
}

static void emit_store(struct draft *d, const struct ir_step *step)
{
    int32_t disp;
    unsigned base = address(d, step, &disp);
    unsigned width = 8 * ir_memop_size_bytes(step->memop);
    uint64_t value = d->value[step->rs2];
    if (is_known(d, step->rs2) && (width < 64 || (int64_t)value == (int32_t)value)) {
        t1_note_access(d->t, step->memop);
        x64_store_i(d->x, t1_guest_memory(base, disp), width, (int32_t)value);
        return;
    }
    unsigned reg = use(d, step->rs2);
    t1_note_access(d->t, step->memop);
    t1_put_store(d->t, step->memop, reg, base, disp);
}

static void emit_load_f64(struct draft *d, const struct ir_step *step)
{
    int32_t disp;
    unsigned guest = IR_FIRST_FP_REG + step->rd, base = address(d, step, &disp);
    if (is_in_host(d, guest)) {
        t1_note_access(d->t, step->memop);
        t1_load_xmm(d->t, d->t->host_of[guest], t1_guest_memory(base, disp), true);
        return;
    }
    t1_note_access(d->t, step->memop);
    t1_put_load(d->t, step->memop, X64_RAX, base, disp);
    x64_store(d->x, t1_reg_memory(guest), X64_RAX);
}

static void emit_store_f64(struct draft *d, const struct ir_step *step)
{
    int32_t disp;
    unsigned guest = IR_FIRST_FP_REG + step->rs2, base = address(d, step, &disp);
    if (is_in_host(d, guest)) {
        t1_note_access(d->t, step->memop);
        t1_store_xmm(d->t, t1_guest_memory(base, disp), d->t->host_of[guest], true);
        return;
    }
    x64_load(d->x, X64_RAX, t1_reg_memory(guest));
    t1_note_access(d->t, step->memop);
    t1_put_store(d->t, step->memop, X64_RAX, base, disp);
}

/* ---- the end ---- */

static uint64_t end_pc(const struct draft *d)
{
    return d->steps->guest_pc + d->steps->guest_size_bytes;
}

static void emit_branch(struct draft *d, const struct ir_step *step, enum x64_cc cc)
{
    unsigned a = use(d, step->rs1);
    if (step->rs2 == 0 && cc != X64_B && cc != X64_AE) {
        x64_test_rr(d->x, X64_W, a, a);
    } else {
        struct x64_operand b = use_operand(d, step->rs2);
        put(d, 0x3b | X64_W, a, b);
    }
    t1_put_jump_if(d->t, cc, t1_successor(d->t, (uint64_t)step->imm));
    t1_put_jump(d->t, t1_successor(d->t, end_pc(d)));
}

/* The pc goes into RBX, whatever that held. */
static void emit_jump_reg(struct draft *d, const struct ir_step *step)
{
    unsigned a = use(d, step->rs1);
    if (step->imm)
        x64_lea(d->x, X64_W, X64_RBX, x64_at(a, (int32_t)step->imm));
    else
        x64_mov_rr(d->x, X64_RBX, a);
    x64_alu_ri(d->x, X64_AND, X64_W, X64_RBX, -2);
    d->place[d->holds[X64_RBX]] = X64_NO_REG;
    d->holds[X64_RBX] = NOBODY;
    d->locked = 1u << X64_RBX;
    if (step->rd)
        set(d, step->rd, end_pc(d));
    t1_put_indirect_by_thunk(d->t);
}

/* One switch, so that one jump of ours depends on what the instruction is. */
static inline void emit_step(struct draft *d, const struct ir_step *step)
{
    switch ((enum ir_step_op)step->op) {
    case STEP_set:
        set(d, step->rd, (uint64_t)step->imm);
        break;
    case STEP_add:
        emit_add(d, step);
        break;
    case STEP_sub:
        put_binary(d, step, 0x2b, X64_W);
        break;
    case STEP_and:
        put_binary(d, step, 0x23, X64_W);
        break;
    case STEP_or:
        put_binary(d, step, 0x0b, X64_W);
        break;
    case STEP_xor:
        put_binary(d, step, 0x33, X64_W);
        break;
    case STEP_mul:
        put_binary(d, step, 0xaf | X64_0F, X64_W);
        break;
    case STEP_shl:
        put_shift(d, step, X64_66, X64_W);
        break;
    case STEP_shr:
        put_shift(d, step, X64_F2, X64_W);
        break;
    case STEP_sar:
        put_shift(d, step, X64_F3, X64_W);
        break;
    case STEP_lt_s:
        put_comparison(d, step, X64_L);
        break;
    case STEP_lt_u:
        put_comparison(d, step, X64_B);
        break;
    case STEP_add_32:
        put_binary(d, step, 0x03, 0);
        break;
    case STEP_sub_32:
        put_binary(d, step, 0x2b, 0);
        break;
    case STEP_mul_32:
        put_binary(d, step, 0xaf | X64_0F, 0);
        break;
    case STEP_shl_32:
        put_shift(d, step, X64_66, 0);
        break;
    case STEP_shr_32:
        put_shift(d, step, X64_F2, 0);
        break;
    case STEP_sar_32:
        put_shift(d, step, X64_F3, 0);
        break;
    case STEP_add_imm:
        emit_add_imm(d, step);
        break;
    case STEP_and_imm:
        emit_and_imm(d, step);
        break;
    case STEP_or_imm:
        put_immediate(d, step, X64_OR, X64_W);
        break;
    case STEP_xor_imm:
        put_immediate(d, step, X64_XOR, X64_W);
        break;
    case STEP_shl_imm:
        put_shift_immediate(d, step, X64_SHL, X64_W);
        break;
    case STEP_shr_imm:
        put_shift_immediate(d, step, X64_SHR, X64_W);
        break;
    case STEP_sar_imm:
        put_shift_immediate(d, step, X64_SAR, X64_W);
        break;
    case STEP_lt_s_imm:
        put_compare_immediate(d, step, X64_L);
        break;
    case STEP_lt_u_imm:
        put_compare_immediate(d, step, X64_B);
        break;
    case STEP_add_imm_32:
        emit_add_imm_32(d, step);
        break;
    case STEP_shl_imm_32:
        put_shift_immediate(d, step, X64_SHL, 0);
        break;
    case STEP_shr_imm_32:
        put_shift_immediate(d, step, X64_SHR, 0);
        break;
    case STEP_sar_imm_32:
        put_shift_immediate(d, step, X64_SAR, 0);
        break;
    case STEP_load:
        emit_load(d, step);
        break;
    case STEP_store:
        emit_store(d, step);
        break;
    case STEP_load_f64:
        emit_load_f64(d, step);
        break;
    case STEP_store_f64:
        emit_store_f64(d, step);
        break;
    case STEP_eq:
        emit_branch(d, step, X64_E);
        break;
    case STEP_ne:
        emit_branch(d, step, X64_NE);
        break;
    case STEP_branch_lt_s:
        emit_branch(d, step, X64_L);
        break;
    case STEP_ge_s:
        emit_branch(d, step, X64_GE);
        break;
    case STEP_branch_lt_u:
        emit_branch(d, step, X64_B);
        break;
    case STEP_ge_u:
        emit_branch(d, step, X64_AE);
        break;
    case STEP_jump:
        t1_put_jump(d->t, t1_successor(d->t, (uint64_t)step->imm));
        break;
    case STEP_jump_reg:
        emit_jump_reg(d, step);
        break;
    case STEP_trap:
        t1_put_trap(d->t, (uint64_t)step->imm, step->detail);
        break;
    case STEP_none:
    case STEP_OP_COUNT:
        break;
    }
}

void t1_emit_draft(struct t1 *t, const struct ir_steps *steps)
{
    struct draft d; /* values are set when they are known */
    d.t = t;
    d.x = &t->x;
    d.steps = steps;
    d.next = 0;
    d.known = 1;
    d.value[0] = 0;
    memcpy(d.place, t->host_of, 32);
    memset(d.holds, NOBODY, sizeof d.holds);
    for (uint32_t i = 0; i < steps->count; i++) {
        if (!x64_room(&t->x, MAX_STEP_BYTES + MAX_ENDING_BYTES))
            return;
        d.locked = 0;
        emit_step(&d, &steps->step[i]);
    }
}
