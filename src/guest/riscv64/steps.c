/* Guest instructions to steps (src/ir/step.h), by the rows of steps.def. */
#include "src/guest/riscv64/decode.h"
#include "src/guest/riscv64/encoding.h"
#include "src/guest/riscv64/riscv64.h"

#include <string.h>

enum operands { NO_STEP, X, I, SHIFT, STORE, BRANCH, LUI, AUIPC, JAL, JALR, TRAP };

struct form {
    uint8_t operands; /* enum operands */
    uint8_t kind, op, detail;
};

static const struct form forms[RV64_WORD_ROWS + 1] = {
#define STEP(name, operands, kind, op, detail)                                                     \
    [RV64_##name] = {operands, STEP_##kind, IR_##op, detail},
#include "src/guest/riscv64/steps.def"
#undef STEP
};

/* ---- one instruction ---- */

/* Link registers by the manual's return-address hints (section 2.5.1, table 3). */
static bool is_link(unsigned reg)
{
    return reg == 1 || reg == 5;
}

static enum ir_branch branch_of_jalr(uint32_t word)
{
    return is_link(rv64_rd(word))    ? IR_BRANCH_CALL
           : is_link(rv64_rs1(word)) ? IR_BRANCH_RETURN
                                     : IR_BRANCH_JUMP;
}

/* What does nothing but write register 0. Loads may fault; jumps go on without it. */
static bool is_idle(const struct ir_step *step)
{
    return step->rd == 0 && step->kind <= STEP_IMMEDIATE_32;
}

/* The step of an instruction that lies offset bytes behind the start of its block. */
static inline struct ir_step step_of(struct rv64_insn insn, uint64_t pc, uint32_t offset)
{
    const struct form *form = &forms[insn.row];
    uint32_t word = insn.word;
    struct ir_step step = {.kind = form->kind,
                           .op = form->op,
                           .rd = (uint8_t)rv64_rd(word),
                           .rs1 = (uint8_t)rv64_rs1(word),
                           .rs2 = (uint8_t)rv64_rs2(word),
                           .detail = form->detail,
                           .memop = (uint16_t)(form->detail | offset / 2 << 4)};
    switch ((enum operands)form->operands) {
    case X:
        break;
    case I:
        step.imm = rv64_imm_i(word);
        break;
    case SHIFT:
        step.imm = rv64_shamt(word);
        break;
    case STORE:
        step.imm = rv64_imm_s(word);
        break;
    case BRANCH:
        step.imm = (int64_t)pc + rv64_imm_b(word);
        break;
    case LUI:
        step.imm = rv64_imm_u(word);
        break;
    case AUIPC:
        step.imm = (int64_t)pc + rv64_imm_u(word);
        break;
    case JAL:
        step.imm = (int64_t)pc + rv64_imm_j(word);
        step.detail = is_link(step.rd) ? IR_BRANCH_CALL : IR_BRANCH_JUMP;
        break;
    case JALR:
        step.imm = rv64_imm_i(word);
        step.detail = (uint8_t)branch_of_jalr(word);
        break;
    case TRAP:
        step.imm = (int64_t)pc;
        break;
    case NO_STEP:
        break;
    }
    return step;
}

/* ---- the block ---- */

static void append(struct ir_steps *steps, struct ir_step step)
{
    steps->step[steps->count++] = step;
}

static void append_set(struct ir_steps *steps, unsigned rd, uint64_t value)
{
    append(steps, (struct ir_step){
                      .kind = STEP_SET, .op = IR_const, .rd = (uint8_t)rd, .imm = (int64_t)value});
}

/* The link first: nothing else that the jump does depends on the register. */
static void append_jump(struct ir_steps *steps, struct ir_step step, uint64_t next_pc)
{
    if (step.rd != 0)
        append_set(steps, step.rd, next_pc);
    append(steps, step);
}

/* Through a register that has just been set, it goes to a known place. */
static void append_jump_reg(struct ir_steps *steps, struct ir_step step, uint64_t next_pc)
{
    const struct ir_step *last = &steps->step[steps->count - 1];
    if (steps->count == 0 || last->kind != STEP_SET || last->rd != step.rs1) {
        append(steps, step);
        return;
    }
    step.kind = STEP_JUMP;
    step.imm = (last->imm + step.imm) & ~INT64_C(1);
    if (step.detail == IR_BRANCH_RETURN)
        step.detail = IR_BRANCH_JUMP;
    append_jump(steps, step, next_pc);
}

/* False: the instruction is no step. */
static bool append_insn(struct ir_steps *steps, struct rv64_insn insn, uint64_t pc)
{
    struct ir_step step = step_of(insn, pc, (uint32_t)(pc - steps->guest_pc));
    if (step.kind == STEP_NONE)
        return false;
    if (step.kind == STEP_JUMP)
        append_jump(steps, step, pc + insn.size);
    else if (step.kind == STEP_JUMP_REG)
        append_jump_reg(steps, step, pc + insn.size);
    else if (!is_idle(&step))
        append(steps, step);
    return true;
}

static bool ends_block(const struct ir_steps *steps)
{
    return steps->count > 0 && steps->step[steps->count - 1].kind >= STEP_BRANCH;
}

bool rv64_steps(const uint8_t *bytes, size_t available_bytes, uint64_t pc, uint32_t max_insns,
                struct ir_steps *steps)
{
    struct rv64_insn run[IR_MAX_STEPS];
    size_t size_bytes;
    unsigned length = rv64_decode_run(
        bytes, available_bytes, max_insns < IR_MAX_STEPS ? max_insns : IR_MAX_STEPS, run, &size_bytes);
    steps->guest_pc = pc;
    steps->count = 0;
    steps->guest_length = length;
    steps->guest_size_bytes = (uint32_t)size_bytes;
    for (unsigned i = 0; i < length; i++) {
        if (!append_insn(steps, run[i], pc))
            return false;
        pc += run[i].size;
    }
    if (length == 0)
        return false;
    if (!ends_block(steps))
        append(steps, (struct ir_step){
                          .kind = STEP_JUMP, .detail = IR_BRANCH_JUMP, .imm = (int64_t)pc});
    return true;
}
