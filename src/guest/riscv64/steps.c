/* Guest instructions to steps (src/ir/step.h), by the rows of steps.def. */
#include "src/base/pages.h"
#include "src/guest/riscv64/decode.h"
#include "src/guest/riscv64/encoding.h"
#include "src/guest/riscv64/riscv64.h"

#include <stddef.h>
#include <string.h>

enum operands { NO_STEP, X, I, SHIFT, STORE, LUI, AUIPC, TRAP, JALR, BRANCH, JAL, OPERANDS_COUNT };

struct form {
    uint8_t operands; /* enum operands */
    uint8_t op;       /* enum ir_step_op */
    uint8_t detail;
};

static const struct form forms[RV64_WORD_ROWS + 1] = {
#define STEP(name, operands, op, detail) [RV64_##name] = {operands, STEP_##op, detail},
#include "src/guest/riscv64/steps.def"
#undef STEP
};

/* An immediate of at most two pieces is taken out without a branch that depends on the instruction:
 * (word >> high_shift & high_mask) << high_place, with its sign, and word >> low_shift & low_mask. */
struct immediate {
    uint32_t high_mask, low_mask;
    uint8_t high_shift, high_place, low_shift;
    bool is_relative;
};
static const struct immediate immediates[OPERANDS_COUNT] = {
    [I] = {.high_mask = UINT32_MAX, .high_shift = 20},
    [SHIFT] = {.low_mask = 63, .low_shift = 20},
    [STORE] = {.high_mask = UINT32_MAX, .high_shift = 25, .high_place = 5, .low_mask = 31, .low_shift = 7},
    [LUI] = {.high_mask = UINT32_MAX, .high_shift = 12, .high_place = 12},
    [AUIPC] = {.high_mask = UINT32_MAX, .high_shift = 12, .high_place = 12, .is_relative = true},
    [TRAP] = {.is_relative = true},
    [JALR] = {.high_mask = UINT32_MAX, .high_shift = 20},
    [BRANCH] = {.is_relative = true},
    [JAL] = {.is_relative = true},
};

static inline uint32_t immediate_of(const struct immediate *immediate, uint32_t word)
{
    uint32_t high = (uint32_t)((int32_t)word >> immediate->high_shift) & immediate->high_mask;
    return high << immediate->high_place | (word >> immediate->low_shift & immediate->low_mask);
}

/* A step is put together in registers: bytes that are stored one by one and read as a word stall. */
struct packed {
    uint64_t head; /* all but imm */
    uint32_t imm;
};
enum { AT_OP = 0, AT_RD = 8, AT_RS1 = 16, AT_RS2 = 24, AT_DETAIL = 32, AT_RELATIVE = 40, AT_SIZE = 48 };
_Static_assert(offsetof(struct ir_step, op) == AT_OP / 8 && offsetof(struct ir_step, rd) == AT_RD / 8 &&
                   offsetof(struct ir_step, rs1) == AT_RS1 / 8 &&
                   offsetof(struct ir_step, rs2) == AT_RS2 / 8 &&
                   offsetof(struct ir_step, detail) == AT_DETAIL / 8 &&
                   offsetof(struct ir_step, is_relative) == AT_RELATIVE / 8 &&
                   offsetof(struct ir_step, size_bytes) == AT_SIZE / 8 &&
                   offsetof(struct ir_step, imm) == 8,
               "all but the immediate is one word");

/* Jumps have immediates of more pieces, and say what they are to the program. */
static void finish_jump(struct packed *packed, enum operands operands, uint32_t word)
{
    unsigned detail = 0;
    if (operands == BRANCH) {
        packed->imm = (uint32_t)rv64_imm_b(word);
    } else if (operands == JAL) {
        packed->imm = (uint32_t)rv64_imm_j(word);
        detail = rv64_branch_of_jal(rv64_rd(word));
    } else {
        detail = rv64_branch_of_jalr(rv64_rd(word), rv64_rs1(word));
    }
    packed->head |= (uint64_t)detail << AT_DETAIL;
}

static inline uint64_t head_of(const struct form *form, unsigned size_bytes)
{
    return (uint64_t)form->op << AT_OP | (uint64_t)form->detail << AT_DETAIL |
           (uint64_t)immediates[form->operands].is_relative << AT_RELATIVE | (uint64_t)size_bytes << AT_SIZE;
}

static inline uint64_t registers_of(uint32_t word)
{
    return (uint64_t)rv64_rd(word) << AT_RD | (uint64_t)rv64_rs1(word) << AT_RS1 |
           (uint64_t)rv64_rs2(word) << AT_RS2;
}

static inline struct packed pack(unsigned row, uint32_t word, unsigned size_bytes)
{
    const struct form *form = &forms[row];
    struct packed packed = {
        .head = head_of(form, size_bytes) | registers_of(word),
        .imm = immediate_of(&immediates[form->operands], word),
    };
    if (form->operands >= JALR)
        finish_jump(&packed, (enum operands)form->operands, word);
    return packed;
}

static inline const struct ir_step *unpack(struct packed packed, struct ir_step *ret_step)
{
    memcpy(ret_step, &packed.head, sizeof packed.head);
    ret_step->imm = (int32_t)packed.imm;
    return ret_step;
}

/* ---- 16-bit instructions, remembered ---- */

/* Programs use few of them, each often. What a half-word stands for is kept at a place chosen by the
 * half-word; an empty place stands for half-word 0, which is illegal and no step. Whoever asks for steps
 * holds a lock (guest.h). */
enum { MEMOS_LOG2 = 13 };
struct memo {
    struct ir_step step;
    uint32_t half;
};
static struct memo *memos; /* NULL until the first step is asked for: see begin_memos */

/* What is a move in other words. */
static uint64_t as_move(uint64_t head)
{
    uint64_t rd = head & UINT64_C(0xff) << AT_RD, rs2 = head >> AT_RS2 & 0xff;
    return STEP_move | rd | rs2 << AT_RS1 | head >> AT_SIZE << AT_SIZE;
}

__attribute__((noinline)) static const struct ir_step *step_of_new_half(struct memo *memo, uint32_t half)
{
    struct rv64_insn insn = rv64_decode(half);
    struct packed packed = pack(insn.row, insn.word, 2);
    if (insn.row == RV64_add && rv64_rs1(insn.word) == 0)
        packed.head = as_move(packed.head);
    memo->half = half;
    return unpack(packed, &memo->step);
}

static inline struct memo *memo_of(uint32_t half)
{
    return &memos[half * UINT32_C(0x9e3779b1) >> (32 - MEMOS_LOG2)];
}

static inline const struct ir_step *step_of_half(uint32_t half)
{
    struct memo *memo = memo_of(half);
    return __builtin_expect(memo->half != half, 0) ? step_of_new_half(memo, half) : &memo->step;
}

/* ---- 32-bit instructions ---- */

/* What a word with these bits was the last time: opcode, funct3, and the two bits of funct7 that tell most rows
 * apart. It is only a guess: a word of another row is decoded. */
enum { GUESSES_LOG2 = 10 };
struct guess {
    uint32_t mask, match; /* of the row */
    struct immediate immediate;
    uint8_t operands; /* enum operands */
    uint64_t head;    /* but for the registers; 0: there was none */
};
static struct guess *guesses; /* likewise */
_Static_assert(sizeof(struct guess) == 32, "one line of the cache, or a half");

__attribute__((noinline)) static void guess_again(struct guess *guess, uint32_t word)
{
    unsigned row = rv64_decode(word).row;
    const struct rv64_row_info *info = &rv64_row_info[row];
    const struct form *form = &forms[row];
    *guess = (struct guess){.mask = info->mask,
                            .match = info->match,
                            .immediate = immediates[form->operands],
                            .operands = form->operands,
                            .head = head_of(form, 4)};
}

__attribute__((noinline)) static const struct ir_step *step_of_word(uint32_t word)
{
    static struct ir_step step;
    struct guess *guess = &guesses[(word >> 2 & 31) | (word >> 12 & 7) << 5 | (word >> 30 & 1) << 8 |
                                   (word >> 25 & 1) << 9];
    if (__builtin_expect((word & guess->mask) != guess->match || !guess->head, 0))
        guess_again(guess, word);
    struct packed packed = {.head = guess->head | registers_of(word),
                            .imm = immediate_of(&guess->immediate, word)};
    if (guess->operands >= JALR)
        finish_jump(&packed, (enum operands)guess->operands, word);
    return unpack(packed, &step);
}

__attribute__((noinline)) static void begin_memos(void)
{
    size_t memos_bytes = sizeof *memos << MEMOS_LOG2;
    memos = pages_alloc(memos_bytes + (sizeof *guesses << GUESSES_LOG2)); /* once and for all */
    guesses = (void *)((uint8_t *)memos + memos_bytes);
}

/* The rest is out of line, so that what most instructions take needs no frame. */
const struct ir_step *rv64_step(uint32_t bits)
{
    if (__builtin_expect(!memos, 0))
        begin_memos();
    if (rv64_is_word((uint16_t)bits))
        return step_of_word(bits);
    __builtin_prefetch(memo_of(bits >> 16)); /* the next, perhaps */
    return step_of_half(bits & 0xffff);
}
