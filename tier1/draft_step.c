/* The code of one step of a draft.
 *
 * It stands for itself: pinned guest registers are where they always are, the others in memory before and
 * behind it, so that a step's code is the same wherever it stands and can be kept as a template
 * (draft.c). RBX and RBP hold what is between. Registers that were set to a number are known, which
 * makes addresses and more numbers of them; they hold it all the same. */
#include "tier1/draft.h"

static bool is_in_host(const struct draft *d, unsigned guest)
{
    return d->t->pinned >> guest & 1;
}

/* ---- registers ---- */

/* reg := the guest register. */
static void bring(struct draft *d, unsigned reg, unsigned guest)
{
    if (is_in_host(d, guest))
        x64_mov_rr(&d->t->x, reg, d->t->host_of[guest]);
    else if (draft_knows(d, guest))
        x64_mov_ri(&d->t->x, reg, d->value[guest]);
    else
        x64_r12(&d->t->x, 0x8b | X64_W, reg, t1_reg_memory(guest).disp);
}

/* The guest register in a host register, which is its own or scratch. */
static unsigned use(struct draft *d, unsigned guest, unsigned scratch)
{
    if (is_in_host(d, guest))
        return d->t->host_of[guest];
    bring(d, scratch, guest);
    return scratch;
}

/* The same, or its memory where it is in none. */
static struct x64_operand use_operand(struct draft *d, unsigned guest, unsigned scratch)
{
    if (!is_in_host(d, guest) && !draft_knows(d, guest))
        return (struct x64_operand){X64_MEM, TB_HOST_VCPU, t1_reg_memory(guest).disp};
    return x64_reg_operand(use(d, guest, scratch));
}

/* Where the result for guest register rd goes, which may be a register that is read. The caller writes
 * it, then calls end_result. */
static unsigned begin_result(const struct draft *d, unsigned rd)
{
    return is_in_host(d, rd) ? d->t->host_of[rd] : X64_RBX;
}

static void end_result(struct draft *d, unsigned rd, unsigned reg)
{
    d->known &= ~(UINT64_C(1) << rd);
    if (!is_in_host(d, rd))
        x64_r12(&d->t->x, 0x89 | X64_W, reg, t1_reg_memory(rd).disp);
}

/* An instruction with a register or the memory of a guest register. */
static void put(struct draft *d, unsigned spec, unsigned reg, struct x64_operand operand)
{
    if (operand.kind == X64_REG)
        x64_rr(&d->t->x, spec, reg, operand.reg);
    else
        x64_ro(&d->t->x, spec, reg, operand);
}

/* ---- moves and numbers ---- */

/* A number that does not fit memory goes there by way of scratch. */
static void set_by(struct draft *d, unsigned rd, uint64_t value, unsigned scratch)
{
    struct x64 *x = &d->t->x;
    if (!is_in_host(d, rd) && (int64_t)value == (int32_t)value) {
        x64_store_i(x, t1_reg_memory(rd), 64, (int32_t)value);
    } else {
        unsigned reg = is_in_host(d, rd) ? d->t->host_of[rd] : scratch;
        if (value == 0)
            x64_rr(x, 0x33, reg, reg);
        else
            x64_mov_ri(x, reg, value);
        end_result(d, rd, reg);
    }
    d->known |= UINT64_C(1) << rd;
    d->value[rd] = value;
}

static void set(struct draft *d, unsigned rd, uint64_t value)
{
    set_by(d, rd, value, X64_RBX);
}

static void move(struct draft *d, unsigned rd, unsigned rs)
{
    if (rd == rs)
        return;
    if (draft_knows(d, rs)) {
        set(d, rd, d->value[rs]);
        return;
    }
    if (is_in_host(d, rd))
        bring(d, d->t->host_of[rd], rs);
    end_result(d, rd, is_in_host(d, rd) ? X64_NO_REG : use(d, rs, X64_RBX));
}

/* ---- operations ---- */

/* reg := the low 32 bits of it, sign-extended, in a 32-bit operation. */
static void extend(struct draft *d, unsigned w, unsigned reg)
{
    if (w == 0)
        x64_rr(&d->t->x, 0x63 | X64_W, reg, reg);
}

enum { ADD = 0x03, SUB = 0x2b }; /* as bytes of an instruction reg := reg op r/m */

/* spec: of reg := reg op r/m */
static void put_binary(struct draft *d, const struct ir_step *step, unsigned spec, unsigned w)
{
    struct x64 *x = &d->t->x;
    unsigned reg = begin_result(d, step->rd);
    struct x64_operand b = use_operand(d, step->rs2, X64_RBP);
    bool is_sub = spec == SUB, is_same = step->rs1 == step->rs2;
    if (x64_is_reg(b, reg) && !is_same && is_sub) {
        x64_f7(x, X64_NEG, w, reg);
        put(d, ADD | w, reg, use_operand(d, step->rs1, X64_RBX));
    } else if (x64_is_reg(b, reg) && !is_same) {
        put(d, spec | w, reg, use_operand(d, step->rs1, X64_RBX));
    } else if (spec == ADD && b.kind == X64_REG && is_in_host(d, step->rs1) && step->rd != step->rs1) {
        x64_lea(x, w, reg, (struct x64_mem){d->t->host_of[step->rs1], b.reg, 0, 0});
    } else {
        bring(d, reg, step->rs1);
        put(d, spec | w, reg, b);
    }
    extend(d, w, reg);
    end_result(d, step->rd, reg);
}

/* shlx, shrx, sarx */
static void put_shift(struct draft *d, const struct ir_step *step, unsigned prefix, unsigned w)
{
    unsigned count = use(d, step->rs2, X64_RBP), reg = begin_result(d, step->rd);
    unsigned a = use(d, step->rs1, X64_RBX);
    x64_vex_rr(&d->t->x, 0xf7 | X64_0F38 | prefix | w, reg, count, a);
    extend(d, w, reg);
    end_result(d, step->rd, reg);
}

/* rd := whether the flags say so */
static void put_truth(struct draft *d, unsigned rd, enum x64_cc cc)
{
    unsigned reg = begin_result(d, rd);
    x64_setcc(&d->t->x, cc, reg);
    x64_rr(&d->t->x, 0xb6 | X64_0F | X64_BYTE_RM, reg, reg);
    end_result(d, rd, reg);
}

static void put_comparison(struct draft *d, const struct ir_step *step, enum x64_cc cc)
{
    unsigned a = use(d, step->rs1, X64_RBX);
    put(d, 0x3b | X64_W, a, use_operand(d, step->rs2, X64_RBP));
    put_truth(d, step->rd, cc);
}

static void put_add(struct draft *d, const struct ir_step *step)
{
    if (step->rs1 == 0 || step->rs2 == 0)
        move(d, step->rd, step->rs1 | step->rs2);
    else
        put_binary(d, step, ADD, X64_W);
}

/* ---- operations with a number ---- */

static void put_immediate(struct draft *d, const struct ir_step *step, enum x64_alu op, unsigned w)
{
    unsigned reg = begin_result(d, step->rd);
    if (op == X64_ADD && is_in_host(d, step->rs1) && step->rd != step->rs1) {
        x64_lea(&d->t->x, w, reg, x64_at(d->t->host_of[step->rs1], step->imm));
    } else {
        bring(d, reg, step->rs1);
        x64_alu_ri(&d->t->x, op, w, reg, step->imm);
    }
    extend(d, w, reg);
    end_result(d, step->rd, reg);
}

static void put_shift_immediate(struct draft *d, const struct ir_step *step, enum x64_shift op,
                                unsigned w)
{
    unsigned reg = begin_result(d, step->rd);
    bring(d, reg, step->rs1);
    x64_shift_i(&d->t->x, op, w, reg, (unsigned)step->imm);
    extend(d, w, reg);
    end_result(d, step->rd, reg);
}

static void put_compare_immediate(struct draft *d, const struct ir_step *step, enum x64_cc cc)
{
    x64_alu_ri(&d->t->x, X64_CMP, X64_W, use(d, step->rs1, X64_RBX), step->imm);
    put_truth(d, step->rd, cc);
}

static void put_add_imm(struct draft *d, const struct ir_step *step)
{
    if (draft_knows(d, step->rs1))
        set(d, step->rd, d->value[step->rs1] + (uint64_t)(int64_t)step->imm);
    else if (step->imm == 0)
        move(d, step->rd, step->rs1);
    else
        put_immediate(d, step, X64_ADD, X64_W);
}

static void put_add_imm_32(struct draft *d, const struct ir_step *step)
{
    if (draft_knows(d, step->rs1)) {
        set(d, step->rd, (uint64_t)(int32_t)(d->value[step->rs1] + (uint64_t)(int64_t)step->imm));
    } else if (step->imm == 0) {
        unsigned reg = begin_result(d, step->rd);
        put(d, 0x63 | X64_W, reg, use_operand(d, step->rs1, X64_RBX));
        end_result(d, step->rd, reg);
    } else {
        put_immediate(d, step, X64_ADD, 0);
    }
}

static void put_and_imm(struct draft *d, const struct ir_step *step)
{
    if (step->imm == 0xff) {
        unsigned reg = begin_result(d, step->rd);
        x64_rr(&d->t->x, 0xb6 | X64_0F | X64_BYTE_RM, reg, use(d, step->rs1, X64_RBX));
        end_result(d, step->rd, reg);
    } else {
        put_immediate(d, step, X64_AND, X64_W);
    }
}

/* ---- memory ---- */

static uint16_t memop_of(const struct draft *d, const struct ir_step *step)
{
    return (uint16_t)(step->detail | d->offset / 2 << 4);
}

/* Base register and displacement of an access: X64_NO_REG where the address is known and near 0. */
static unsigned address(struct draft *d, const struct ir_step *step, int32_t *ret_disp)
{
    *ret_disp = step->imm;
    if (draft_knows(d, step->rs1)) {
        uint64_t address = d->value[step->rs1] + (uint64_t)(int64_t)step->imm;
        if ((int64_t)address == (int32_t)address) {
            *ret_disp = (int32_t)address;
            return X64_NO_REG;
        }
    }
    return use(d, step->rs1, X64_RBX);
}

static void put_load(struct draft *d, const struct ir_step *step)
{
    int32_t disp;
    unsigned base = address(d, step, &disp);
    unsigned reg = step->rd ? begin_result(d, step->rd) : X64_RAX;
    uint16_t memop = memop_of(d, step);
    t1_note_access(d->t, memop);
    t1_put_load(d->t, memop, reg, base, disp);
    if (step->rd)
        end_result(d, step->rd, reg);
}

static void put_store(struct draft *d, const struct ir_step *step)
{
    int32_t disp;
    unsigned base = address(d, step, &disp), reg = use(d, step->rs2, X64_RBP);
    uint16_t memop = memop_of(d, step);
    t1_note_access(d->t, memop);
    t1_put_store(d->t, memop, reg, base, disp);
}

static void put_load_f64(struct draft *d, const struct ir_step *step)
{
    int32_t disp;
    unsigned guest = IR_FIRST_FP_REG + step->rd, base = address(d, step, &disp);
    uint16_t memop = memop_of(d, step);
    t1_note_access(d->t, memop);
    if (is_in_host(d, guest)) {
        t1_load_xmm(d->t, d->t->host_of[guest], t1_guest_memory(base, disp), true);
        return;
    }
    t1_put_load(d->t, memop, X64_RAX, base, disp);
    x64_store(&d->t->x, t1_reg_memory(guest), X64_RAX);
}

static void put_store_f64(struct draft *d, const struct ir_step *step)
{
    int32_t disp;
    unsigned guest = IR_FIRST_FP_REG + step->rs2, base = address(d, step, &disp);
    uint16_t memop = memop_of(d, step);
    if (is_in_host(d, guest)) {
        t1_note_access(d->t, memop);
        t1_store_xmm(d->t, t1_guest_memory(base, disp), d->t->host_of[guest], true);
        return;
    }
    x64_load(&d->t->x, X64_RAX, t1_reg_memory(guest));
    t1_note_access(d->t, memop);
    t1_put_store(d->t, memop, X64_RAX, base, disp);
}

/* ---- the end ---- */

void draft_put_jump(struct draft *d, uint64_t pc)
{
    d->exit_pc[d->t->exit_count] = pc;
    t1_put_jump(d->t, NULL);
}

void draft_put_side_exit(struct draft *d, const struct ir_step *step)
{
    static const uint8_t ccs[STEP_OP_COUNT] = {
        [STEP_eq] = X64_E,   [STEP_ne] = X64_NE,         [STEP_branch_lt_s] = X64_L,
        [STEP_ge_s] = X64_GE, [STEP_branch_lt_u] = X64_B, [STEP_ge_u] = X64_AE,
    };
    enum x64_cc cc = (enum x64_cc)ccs[step->op];
    unsigned a = use(d, step->rs1, X64_RBX);
    if (step->rs2 == 0 && cc != X64_B && cc != X64_AE)
        x64_test_rr(&d->t->x, X64_W, a, a);
    else
        put(d, 0x3b | X64_W, a, use_operand(d, step->rs2, X64_RBP));
    d->exit_pc[d->t->exit_count] = draft_immediate(d, step);
    t1_put_jump_if(d->t, cc, NULL);
}

/* Nothing that a jump to a known place does depends on the link. */
static void put_jump(struct draft *d, unsigned rd, uint64_t pc)
{
    if (rd)
        set(d, rd, d->next_pc);
    draft_put_jump(d, pc);
    d->is_jump = true;
}

static void put_jump_reg(struct draft *d, const struct ir_step *step)
{
    if (draft_knows(d, step->rs1)) {
        put_jump(d, step->rd, (d->value[step->rs1] + draft_immediate(d, step)) & ~UINT64_C(1));
        return;
    }
    if (step->imm && is_in_host(d, step->rs1)) {
        x64_lea(&d->t->x, X64_W, X64_RBX, x64_at(d->t->host_of[step->rs1], step->imm));
    } else {
        bring(d, X64_RBX, step->rs1);
        if (step->imm)
            x64_alu_ri(&d->t->x, X64_ADD, X64_W, X64_RBX, step->imm);
    }
    x64_alu_ri(&d->t->x, X64_AND, X64_W, X64_RBX, -2);
    if (step->rd)
        set_by(d, step->rd, d->next_pc, X64_RBP);
    t1_put_indirect_by_thunk(d->t);
}

/* ---- all ---- */

void draft_put_step(struct draft *d, const struct ir_step *step)
{
    switch ((enum ir_step_op)step->op) {
    case STEP_set:
        set(d, step->rd, draft_immediate(d, step));
        break;
    case STEP_add:
        put_add(d, step);
        break;
    case STEP_sub:
        put_binary(d, step, SUB, X64_W);
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
        put_binary(d, step, ADD, 0);
        break;
    case STEP_sub_32:
        put_binary(d, step, SUB, 0);
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
        put_add_imm(d, step);
        break;
    case STEP_and_imm:
        put_and_imm(d, step);
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
        put_add_imm_32(d, step);
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
        put_load(d, step);
        break;
    case STEP_store:
        put_store(d, step);
        break;
    case STEP_load_f64:
        put_load_f64(d, step);
        break;
    case STEP_store_f64:
        put_store_f64(d, step);
        break;
    case STEP_eq:
    case STEP_ne:
    case STEP_branch_lt_s:
    case STEP_ge_s:
    case STEP_branch_lt_u:
    case STEP_ge_u:
        draft_put_side_exit(d, step);
        draft_put_jump(d, d->next_pc);
        break;
    case STEP_jump:
        put_jump(d, step->rd, draft_immediate(d, step));
        break;
    case STEP_jump_reg:
        put_jump_reg(d, step);
        break;
    case STEP_trap:
        t1_put_trap(d->t, draft_immediate(d, step), step->detail);
        break;
    case STEP_none:
    case STEP_OP_COUNT:
        break;
    }
}
