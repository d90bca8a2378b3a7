/* Guest instructions to steps (src/ir/step.h), by the rows of steps.def. */
#include "src/guest/riscv64/decode.h"
#include "src/guest/riscv64/encoding.h"
#include "src/guest/riscv64/riscv64.h"

#include <stdatomic.h>
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

/* The step of an instruction wherever it is: an immediate that counts from the instruction's address
 * still does (is_relative). */
static inline struct ir_step form_step(unsigned row, uint32_t word)
{
    const struct form *form = &forms[row];
    struct ir_step step = {.kind = form->kind,
                           .op = form->op,
                           .rd = (uint8_t)rv64_rd(word),
                           .rs1 = (uint8_t)rv64_rs1(word),
                           .rs2 = (uint8_t)rv64_rs2(word),
                           .detail = form->detail,
                           .memop = form->detail};
    switch ((enum operands)form->operands) {
    case X:
    case TRAP:
    case NO_STEP:
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
        step.imm = rv64_imm_b(word);
        break;
    case LUI:
    case AUIPC:
        step.imm = rv64_imm_u(word);
        break;
    case JAL:
        step.imm = rv64_imm_j(word);
        step.detail = is_link(step.rd) ? IR_BRANCH_CALL : IR_BRANCH_JUMP;
        break;
    case JALR:
        step.imm = rv64_imm_i(word);
        step.detail = (uint8_t)branch_of_jalr(word);
        break;
    }
    return step;
}

static bool is_relative(unsigned row)
{
    uint8_t operands = forms[row].operands;
    return operands == BRANCH || operands == AUIPC || operands == JAL || operands == TRAP;
}

/* ---- 16-bit instructions, remembered ---- */

/* Programs use few of them, each often. What a half-word stands for is kept in one word, at a place
 * chosen by the half-word. Entries are shared by all threads; an empty one stands for half-word 0, which
 * is illegal and no step. */
enum { MEMOS_LOG2 = 11 };
static _Atomic uint64_t memos[1 << MEMOS_LOG2];

/* From the lowest bit: half-word 16, kind 4, op 7, rd 5, rs1 5, rs2 5, detail 3, relative 1, immediate 18
 * (signed). */
enum { AT_KIND = 16, AT_OP = 20, AT_RD = 27, AT_RS1 = 32, AT_RS2 = 37, AT_DETAIL = 42, AT_RELATIVE = 45,
       AT_IMM = 46 };
_Static_assert(STEP_KIND_COUNT <= 16 && IR_OP_COUNT <= 128 && IR_BRANCH_COUNT <= 8 && IR_TRAP_COUNT <= 8,
               "a step of a 16-bit instruction fits one word");

static _Atomic uint64_t *memo_of(uint32_t half)
{
    return &memos[half * UINT32_C(0x9e3779b1) >> (32 - MEMOS_LOG2)];
}

__attribute__((noinline)) static uint64_t remember(uint32_t half)
{
    struct rv64_insn insn = rv64_decode(half);
    struct ir_step step = form_step(insn.row, insn.word);
    uint64_t memo = half | (uint64_t)step.kind << AT_KIND | (uint64_t)step.op << AT_OP |
                    (uint64_t)step.rd << AT_RD | (uint64_t)step.rs1 << AT_RS1 |
                    (uint64_t)step.rs2 << AT_RS2 | (uint64_t)step.detail << AT_DETAIL |
                    (uint64_t)is_relative(insn.row) << AT_RELATIVE | (uint64_t)step.imm << AT_IMM;
    atomic_store_explicit(memo_of(half), memo, memory_order_relaxed);
    return memo;
}

/* offset: of the instruction, in its block. */
static inline struct ir_step half_step(uint32_t half, uint64_t pc, uint32_t offset)
{
    uint64_t memo = atomic_load_explicit(memo_of(half), memory_order_relaxed);
    if (__builtin_expect((uint16_t)memo != half, 0))
        memo = remember(half);
    uint8_t detail = memo >> AT_DETAIL & 7;
    return (struct ir_step){.kind = memo >> AT_KIND & 15,
                            .op = memo >> AT_OP & 127,
                            .rd = memo >> AT_RD & 31,
                            .rs1 = memo >> AT_RS1 & 31,
                            .rs2 = memo >> AT_RS2 & 31,
                            .detail = detail,
                            .memop = (uint16_t)(detail | offset / 2 << 4),
                            .imm = ((int64_t)memo >> AT_IMM) +
                                   (int64_t)(pc & -(memo >> AT_RELATIVE & 1))};
}

/* ---- 32-bit instructions ---- */

/* The row that a word with these bits had the last time: opcode, funct3, and the two bits of funct7 that
 * tell most rows apart. It is only a guess. */
enum { GUESSES_LOG2 = 10 };
static _Atomic uint8_t guesses[1 << GUESSES_LOG2];
_Static_assert(RV64_ILLEGAL <= UINT8_MAX, "a row fits a byte");

static inline unsigned row_of(uint32_t word)
{
    _Atomic uint8_t *guess = &guesses[(word >> 2 & 31) | (word >> 12 & 7) << 5 | (word >> 30 & 1) << 8 |
                                      (word >> 25 & 1) << 9];
    unsigned row = atomic_load_explicit(guess, memory_order_relaxed);
    const struct rv64_row_info *info = &rv64_row_info[row];
    if (__builtin_expect((word & info->mask) != info->match, 0)) {
        row = rv64_decode(word).row;
        atomic_store_explicit(guess, (uint8_t)row, memory_order_relaxed);
    }
    return row;
}

static inline struct ir_step word_step(uint32_t word, uint64_t pc, uint32_t offset)
{
    unsigned row = row_of(word);
    struct ir_step step = form_step(row, word);
    step.memop = (uint16_t)(step.memop | offset / 2 << 4);
    step.imm += (int64_t)(pc & -(uint64_t)is_relative(row));
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

/* The step of an instruction of so many bytes at pc. False: it is none. */
static inline bool append_step(struct ir_steps *steps, struct ir_step step, uint64_t next_pc)
{
    if (__builtin_expect(step.kind == STEP_NONE, 0))
        return false;
    if (step.kind == STEP_JUMP)
        append_jump(steps, step, next_pc);
    else if (step.kind == STEP_JUMP_REG)
        append_jump_reg(steps, step, next_pc);
    else if (!is_idle(&step))
        append(steps, step);
    return true;
}

/* The next instruction; gives its size, 0 when it is no step. */
static inline unsigned append_insn(struct ir_steps *steps, uint32_t bits, uint64_t pc)
{
    uint32_t offset = (uint32_t)(pc - steps->guest_pc);
    unsigned size = rv64_size(bits);
    struct ir_step step =
        size == 4 ? word_step(bits, pc, offset) : half_step(bits & 0xffff, pc, offset);
    return append_step(steps, step, pc + size) ? size : 0;
}

static bool ends_block(const struct ir_steps *steps)
{
    return steps->count > 0 && steps->step[steps->count - 1].kind >= STEP_BRANCH;
}

bool rv64_steps(const uint8_t *bytes, size_t available_bytes, uint64_t pc, uint32_t max_insns,
                struct ir_steps *steps)
{
    uint32_t at = 0, length = 0;
    if (max_insns > IR_MAX_STEPS)
        max_insns = IR_MAX_STEPS;
    steps->guest_pc = pc;
    steps->count = 0;
    while (length < max_insns && available_bytes - at >= 4 && !ends_block(steps)) {
        uint32_t bits;
        memcpy(&bits, bytes + at, sizeof bits);
        unsigned size = append_insn(steps, bits, pc + at);
        if (size == 0)
            return false;
        at += size;
        length++;
    }
    steps->guest_length = length;
    steps->guest_size_bytes = at;
    if (length > 0 && !ends_block(steps))
        append(steps, (struct ir_step){
                          .kind = STEP_JUMP, .detail = IR_BRANCH_JUMP, .imm = (int64_t)(pc + at)});
    return length > 0;
}
