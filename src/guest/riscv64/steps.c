/* Guest instructions to steps (src/ir/step.h), by the rows of steps.def. */
#include "src/base/pages.h"
#include "src/guest/riscv64/decode.h"
#include "src/guest/riscv64/encoding.h"
#include "src/guest/riscv64/riscv64.h"

#include <stddef.h>
#include <string.h>

enum operands { NO_STEP, X, TRAP, I, JALR, SHIFT, STORE, BRANCH, LUI, AUIPC, JAL };

struct form {
    uint8_t operands; /* enum operands */
    uint8_t op;       /* enum ir_step_op */
    uint8_t detail;
    uint8_t is_relative; /* the immediate counts from the instruction's address */
};

#define IS_RELATIVE(operands)                                                                      \
    ((operands) == BRANCH || (operands) == AUIPC || (operands) == JAL || (operands) == TRAP)
static const struct form forms[RV64_WORD_ROWS + 1] = {
#define STEP(name, operands, op, detail)                                                           \
    [RV64_##name] = {operands, STEP_##op, detail, IS_RELATIVE(operands)},
#include "src/guest/riscv64/steps.def"
#undef STEP
};

/* ---- one instruction ---- */

/* The branch that a jump is, else what the form says. */
static inline uint8_t detail_of(const struct form *form, uint32_t word)
{
    if (form->operands == JAL)
        return (uint8_t)rv64_branch_of_jal(rv64_rd(word));
    return form->operands == JALR
               ? (uint8_t)rv64_branch_of_jalr(rv64_rd(word), rv64_rs1(word))
               : form->detail;
}

/* All kinds of immediates are taken out, and one is chosen: no branch depends on the instruction. */
static inline int64_t immediate_of(const struct form *form, uint32_t word)
{
    int32_t upper = (int32_t)rv64_imm_u(word), i = (int32_t)rv64_imm_i(word);
    int32_t immediates[] = {
        [NO_STEP] = 0,
        [X] = 0,
        [TRAP] = 0,
        [I] = i,
        [JALR] = i,
        [SHIFT] = (int32_t)rv64_shamt(word),
        [STORE] = (int32_t)rv64_imm_s(word),
        [BRANCH] = (int32_t)rv64_imm_b(word),
        [LUI] = upper,
        [AUIPC] = upper,
        [JAL] = (int32_t)rv64_imm_j(word),
    };
    return immediates[form->operands];
}

/* An instruction's step wherever it is: `head` is that of struct ir_step as one word, with the place left
 * out and is_relative in its last byte, which is unused. */
struct shape {
    uint64_t head;
    int32_t imm;
};
enum { AT_OP = 0, AT_RD = 8, AT_RS1 = 16, AT_RS2 = 24, AT_MEMOP = 32, AT_DETAIL = 48, AT_RELATIVE = 56 };
_Static_assert(offsetof(struct ir_step, op) == AT_OP / 8 && offsetof(struct ir_step, rd) == AT_RD / 8 &&
                   offsetof(struct ir_step, rs1) == AT_RS1 / 8 &&
                   offsetof(struct ir_step, rs2) == AT_RS2 / 8 &&
                   offsetof(struct ir_step, memop) == AT_MEMOP / 8 &&
                   offsetof(struct ir_step, detail) == AT_DETAIL / 8 &&
                   offsetof(struct ir_step, imm) == 8,
               "the head of a step is one word");

static inline struct shape shape_of(unsigned row, uint32_t word)
{
    const struct form *form = &forms[row];
    uint64_t head = (uint64_t)form->op << AT_OP | (uint64_t)rv64_rd(word) << AT_RD |
                    (uint64_t)rv64_rs1(word) << AT_RS1 | (uint64_t)rv64_rs2(word) << AT_RS2 |
                    (uint64_t)form->detail << AT_MEMOP |
                    (uint64_t)detail_of(form, word) << AT_DETAIL |
                    (uint64_t)form->is_relative << AT_RELATIVE;
    return (struct shape){head, immediate_of(form, word)};
}

/* The step of the instruction at pc, offset bytes behind the start of its block. */
static inline void put_step(struct ir_step *step, struct shape shape, uint64_t pc, uint32_t offset)
{
    uint64_t head = shape.head + ((uint64_t)(offset / 2) << (AT_MEMOP + 4));
    memcpy(step, &head, sizeof head);
    step->imm = shape.imm + (int64_t)(pc & -(shape.head >> AT_RELATIVE));
}

/* ---- 16-bit instructions, remembered ---- */

/* Programs use few of them, each often. What a half-word stands for is kept at a place chosen by the
 * half-word; an empty place stands for half-word 0, which is illegal and no step. Whoever asks for steps
 * holds a lock (guest.h). */
enum { MEMOS_LOG2 = 12 };
struct memo {
    uint64_t head;
    int32_t imm;
    uint32_t half;
};
static struct memo *memos; /* from pages_alloc, once and for all: NULL until the first block */

__attribute__((noinline)) static void remember(struct memo *memo, uint32_t half)
{
    struct rv64_insn insn = rv64_decode(half);
    struct shape shape = shape_of(insn.row, insn.word);
    *memo = (struct memo){shape.head, shape.imm, half};
}

static inline struct shape shape_of_half(uint32_t half)
{
    struct memo *memo = &memos[half * UINT32_C(0x9e3779b1) >> (32 - MEMOS_LOG2)];
    if (__builtin_expect(memo->half != half, 0))
        remember(memo, half);
    return (struct shape){memo->head, memo->imm};
}

/* ---- 32-bit instructions ---- */

/* The row that a word with these bits had the last time: opcode, funct3, and the two bits of funct7 that
 * tell most rows apart. It is only a guess. */
enum { GUESSES_LOG2 = 10 };
static uint8_t guesses[1 << GUESSES_LOG2];
_Static_assert(RV64_ILLEGAL <= UINT8_MAX, "a row fits a byte");

static inline unsigned row_of(uint32_t word)
{
    uint8_t *guess = &guesses[(word >> 2 & 31) | (word >> 12 & 7) << 5 | (word >> 30 & 1) << 8 |
                              (word >> 25 & 1) << 9];
    unsigned row = *guess;
    const struct rv64_row_info *info = &rv64_row_info[row];
    if (__builtin_expect((word & info->mask) != info->match, 0)) {
        row = rv64_decode(word).row;
        *guess = (uint8_t)row;
    }
    return row;
}

/* ---- the block ---- */

static void append_set(struct ir_steps *steps, unsigned rd, uint64_t value)
{
    steps->step[steps->count++] =
        (struct ir_step){.op = STEP_set, .rd = (uint8_t)rd, .imm = (int64_t)value};
}

/* A jump to a known place is made without the link, which goes first: nothing that the jump does
 * depends on the register. */
static void end_with_jump(struct ir_steps *steps, struct ir_step step, uint64_t next_pc)
{
    if (step.rd != 0)
        append_set(steps, step.rd, next_pc);
    steps->step[steps->count++] = step;
}

/* Through a register that has just been set, a jump goes to a known place. */
static void end_with_jump_reg(struct ir_steps *steps, struct ir_step step, uint64_t next_pc)
{
    const struct ir_step *last = steps->count > 0 ? &steps->step[steps->count - 1] : NULL;
    if (!last || last->op != STEP_set || last->rd != step.rs1) {
        steps->step[steps->count++] = step;
        return;
    }
    step.op = STEP_jump;
    step.imm = (last->imm + step.imm) & ~INT64_C(1);
    if (step.detail == IR_BRANCH_RETURN)
        step.detail = IR_BRANCH_JUMP;
    end_with_jump(steps, step, next_pc);
}

/* The last instruction of the block; false: it is no step. */
static bool end_with(struct ir_steps *steps, struct ir_step step, uint64_t next_pc)
{
    if (step.op == STEP_none)
        return false;
    if (step.op == STEP_jump)
        end_with_jump(steps, step, next_pc);
    else if (step.op == STEP_jump_reg)
        end_with_jump_reg(steps, step, next_pc);
    else
        steps->step[steps->count++] = step;
    return true;
}

/* Does nothing but write register 0. Loads may fault; jumps go on without it. */
static inline bool is_idle(const struct ir_step *step)
{
    return step->rd == 0 && step->op < STEP_FIRST_WITHOUT_RESULT;
}

bool rv64_steps(const uint8_t *bytes, size_t available_bytes, uint64_t pc, uint32_t max_insns,
                struct ir_steps *steps)
{
    uint32_t at = 0, length = 0;
    bool is_ended = false, is_known = true;
    uint32_t limit = max_insns < IR_MAX_STEPS ? max_insns : IR_MAX_STEPS;
    if (!memos)
        memos = pages_alloc(sizeof *memos << MEMOS_LOG2);
    steps->guest_pc = pc;
    steps->count = 0;
    while (length < limit && available_bytes - at >= 4 && !is_ended) {
        uint32_t bits;
        memcpy(&bits, bytes + at, sizeof bits);
        struct ir_step *step = &steps->step[steps->count];
        put_step(step,
                 rv64_is_word((uint16_t)bits) ? shape_of(row_of(bits), bits)
                                              : shape_of_half(bits & 0xffff),
                 pc + at, at);
        at += rv64_size(bits);
        length++;
        is_ended = step->op - 1u >= STEP_FIRST_END - 1u; /* STEP_none too */
        steps->count += !is_ended & !is_idle(step);
        if (is_ended)
            is_known = end_with(steps, *step, pc + at);
    }
    steps->guest_length = length;
    steps->guest_size_bytes = at;
    if (!is_ended)
        steps->step[steps->count++] = (struct ir_step){
            .op = STEP_jump, .detail = IR_BRANCH_JUMP, .imm = (int64_t)(pc + at)};
    return is_known && (is_ended || length == max_insns);
}
