/* The translator: guest instructions to one IR block.
 *
 * Instructions are decoded in runs ahead of translation; what each means is emitted by meaning.c.
 * A block ends behind an instruction that leaves it, at the limit of its length, and in front of an
 * instruction that cannot be fetched. */
#include "src/guest/riscv64/encoding.h"
#include "src/guest/riscv64/riscv64.h"
#include "src/guest/riscv64/translation.h"

#include <string.h>

/* ---- reading guest code ---- */

/* Where guest code is read: at a host pointer that is valid for available_bytes. */
struct source {
    guest_fetch *fetch;
    void *context;
    const uint8_t *bytes;
    size_t available_bytes;
};

/* Makes sure that there is at least a half-word to read; false when pc cannot be executed. */
static bool fill(struct source *source, uint64_t pc)
{
    if (source->available_bytes < 2)
        source->bytes = source->fetch(source->context, pc, &source->available_bytes);
    return source->bytes != NULL && source->available_bytes >= 2;
}

static uint16_t read_half(struct source *source)
{
    uint16_t half;
    memcpy(&half, source->bytes, sizeof half);
    source->bytes += 2;
    source->available_bytes -= 2;
    return half;
}

/* The one instruction at pc, which may lie on two pages; false when it cannot be fetched. */
static bool read_insn(struct source *source, uint64_t pc, struct rv64_insn *ret_insn)
{
    if (!fill(source, pc))
        return false;
    uint32_t bits = read_half(source);
    if (rv64_is_word((uint16_t)bits)) {
        if (!fill(source, pc + 2))
            return false;
        bits |= (uint32_t)read_half(source) << 16;
    }
    *ret_insn = rv64_decode(bits);
    return true;
}

enum { RUN_LENGTH = 32 };

/* Decodes the next instructions, at most max_insns; 0 when the one at pc cannot be fetched. */
static unsigned read_run(struct source *source, uint64_t pc, unsigned max_insns,
                         struct rv64_insn *run)
{
    if (max_insns > RUN_LENGTH)
        max_insns = RUN_LENGTH;
    if (max_insns == 0 || !fill(source, pc))
        return 0;
    size_t size_bytes;
    unsigned count =
        rv64_decode_run(source->bytes, source->available_bytes, max_insns, run, &size_bytes);
    source->bytes += size_bytes;
    source->available_bytes -= size_bytes;
    return count > 0 ? count : read_insn(source, pc, &run[0]);
}

/* ---- the block ---- */

/* The rounding mode of the current instruction under the block's FP mode; false when reserved. */
static bool resolve_rounding(struct translation *t)
{
    unsigned field = rv64_rounding(t->word);
    if (field != IR_RM_HOST) {
        t->rounding = (enum ir_rounding)field; /* the decoder refuses 5 and 6 */
        return true;
    }
    t->rounding = t->mode == IR_RM_RMM ? IR_RM_RMM : IR_RM_HOST;
    return t->mode <= IR_RM_RMM;
}

static void translate_insn(struct translation *t, struct rv64_insn insn)
{
    unsigned row = insn.row;
    t->word = insn.word;
    t->size = insn.size;
    t->rounding = IR_RM_RNE;
    if ((insn.flags & RV64_HAS_ROUNDING) && !resolve_rounding(t))
        row = RV64_ILLEGAL;
    rv64_meaning[row](t);
    t->pc += t->size;
}

/* A piece that is cut short is left out: whoever gets to it gets to a block that begins there. */
static void end_before_piece(struct translation *t)
{
    struct ir_block *block = t->builder.block;
    const struct ir_piece *piece = &block->pieces[--block->piece_count];
    block->length = t->halt;
    t->pc = t->block_pc + piece->offset_bytes;
    t->length = piece->first;
    if (block->piece_count == 1)
        block->piece_count = 0;
}

/* Translates at most max_insns instructions. */
static void translate_block(struct translation *t, struct source *source, uint32_t max_insns)
{
    struct rv64_insn run[RUN_LENGTH];
    while (!t->is_ended) {
        unsigned length = read_run(source, t->pc, max_insns - t->length, run);
        for (unsigned i = 0; i < length && !t->is_ended; i++, t->length++)
            translate_insn(t, run[i]);
        if (length == 0 && t->length == 0)
            rv64_end_block(t, IR_exit_trap, IR_NONE, IR_TRAP_FETCH, t->pc);
        else if (length == 0) {
            if (t->builder.block->piece_count)
                end_before_piece(t);
            rv64_end_block(t, IR_exit_direct, IR_NONE, IR_BRANCH_JUMP, t->pc);
        }
    }
}

struct ir_block *rv64_translate(struct arena *arena, guest_fetch *fetch, void *fetch_context,
                                uint64_t pc, uint32_t mode, const struct guest_limits *limits)
{
    enum { MAX_INSNS = IR_MAX_BLOCK_BYTES / 4 };
    uint32_t max_insns = limits->max_guest_insns < MAX_INSNS ? limits->max_guest_insns : MAX_INSNS;
    struct source source = {.fetch = fetch, .context = fetch_context};
    struct translation t;
    ir_builder_begin(&t.builder, arena, pc, mode);
    t.pc = t.block_pc = pc;
    t.mode = mode;
    t.is_ended = false;
    t.plain_address = IR_NONE;
    ir_set_none(t.x, 32);
    ir_set_none(&t.f[0].f64, 3 * 32);
    t.length = 0;
    t.limits = limits;
    translate_block(&t, &source, max_insns);
    if (t.builder.failed)
        return NULL;
    struct ir_block *block = t.builder.block;
    block->is_improved = !t.builder.is_improvable;
    block->is_unconverted = !t.builder.has_unary;
    block->guest_length = t.length;
    block->guest_size_bytes = (uint32_t)(t.pc - pc);
    return block;
}
