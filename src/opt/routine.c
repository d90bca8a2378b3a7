/* Recognition from end to end, and the jumps that lead to a routine (see routine.h). */
#include "src/opt/routine.h"

#include "src/opt/opt.h"
#include "src/opt/routine_internal.h"

#include <string.h>

/* ---- blocks ---- */

/* What a plain operation has to be besides: of no float type, which leaves out what uses floats
 * too. */
enum plainness {
    PLAIN = 1,
    PLAIN_REGISTER = 2, /* of an integer register */
    PLAIN_EXIT = 4,     /* a jump */
};

/* By the flags of ir_ops.def: P is plain. */
enum { P = PLAIN, R = 0, E = 0, Q = 0, B = 0, Z = 0 };
/* clang-format off */
#define PLAINNESS(op, flags)                                                                       \
    ((op) == IR_get_reg || (op) == IR_set_reg        ? PLAIN | PLAIN_REGISTER                      \
     : (op) == IR_exit_if || (op) == IR_exit_direct  ? PLAIN | PLAIN_EXIT                          \
     : (op) == IR_load || (op) == IR_store           ? PLAIN                                       \
                                                     : (flags)&PLAIN)
/* clang-format on */
static const uint8_t plainness[IR_OP_COUNT] = {
#define IR_OP(name, result, a, b, c, imm, flags, meaning) [IR_##name] = PLAINNESS(IR_##name, flags),
#include "src/ir/ir_ops.def"
#undef IR_OP
};
#undef PLAINNESS

/* Every block that jumps back is looked at: one branch for all there is to ask. */
bool routine_is_plain(const struct ir_block *block)
{
    if (block->length > ROUTINE_MAX_INSNS)
        return false;
    const struct ir_insn *insns = block->insns;
    for (uint32_t i = 0; i < block->length; i++) {
        const struct ir_insn *insn = &insns[i];
        unsigned plain = plainness[insn->op];
        unsigned is_other = (plain == 0) | (insn->type >= IR_F32) |
                            ((plain / PLAIN_REGISTER & 1) & (insn->imm >= ROUTINE_REGS)) |
                            ((plain / PLAIN_EXIT & 1) & (insn->c != IR_BRANCH_JUMP)) |
                            ((insn->op == IR_exit_if) & (i + 2 != block->length));
        if (is_other)
            return false;
    }
    return true;
}

/* The conditional exit before the last one, or NULL. */
static const struct ir_insn *conditional_exit(const struct ir_block *block)
{
    const struct ir_insn *last = &block->insns[block->length - 1];
    return block->length > 1 && last[-1].op == IR_exit_if ? last - 1 : NULL;
}

static bool is_near_before(const struct ir_block *block, uint64_t pc, uint32_t max_bytes)
{
    return pc <= block->guest_pc && block->guest_pc - pc <= max_bytes;
}

bool routine_find_header(const struct ir_block *block, uint32_t max_bytes, uint64_t *ret_pc)
{
    const struct ir_insn *last = &block->insns[block->length - 1];
    const struct ir_insn *conditional = conditional_exit(block);
    if (last->op != IR_exit_direct || block->guest_pc & 1)
        return false;
    if (conditional && is_near_before(block, conditional->imm, max_bytes))
        *ret_pc = conditional->imm;
    else if (is_near_before(block, last->imm, max_bytes))
        *ret_pc = last->imm;
    else
        return false;
    return !(*ret_pc & 1) && routine_is_plain(block);
}

/* ---- one iteration as a block ---- */

static ir_ref emit_opposite(struct ir_builder *builder, ir_ref condition)
{
    static const enum ir_op opposite[] = {
        [IR_eq] = IR_ne,     [IR_ne] = IR_eq,     [IR_lt_s] = IR_ge_s,
        [IR_ge_s] = IR_lt_s, [IR_lt_u] = IR_ge_u, [IR_ge_u] = IR_lt_u,
    };
    struct ir_insn insn = builder->block->insns[condition];
    if (insn.op >= IR_eq && insn.op <= IR_ge_u)
        return ir_binary(builder, opposite[insn.op], IR_I64, insn.a, insn.b);
    return ir_binary(builder, IR_eq, IR_I64, condition, ir_const(builder, IR_I64, 0));
}

/* Appends the block's instructions; its exits become one that leaves unless it goes on at next_pc. */
static bool append_block(struct ir_builder *builder, struct arena *arena,
                         const struct ir_block *block, uint64_t next_pc)
{
    ir_ref *map = arena_alloc(arena, block->length * sizeof *map);
    uint64_t last_pc = block->insns[block->length - 1].imm;
    unsigned pc_offset = (unsigned)(block->guest_pc - builder->block->guest_pc);
    for (uint32_t i = 0; i + 1 < block->length; i++) {
        struct ir_insn insn = block->insns[i];
        uint32_t count = ir_op_info[insn.op].operand_count;
        insn.a = count > 0 ? map[insn.a] : insn.a;
        insn.b = count > 1 ? map[insn.b] : insn.b;
        if (insn.op == IR_load || insn.op == IR_store)
            insn.c = ir_memop(ir_memop_size_log2(insn.c), ir_memop_is_signed(insn.c),
                              pc_offset + ir_memop_pc_offset(insn.c));
        else if (count > 2)
            insn.c = map[insn.c];
        if (insn.op == IR_exit_if) {
            if (insn.imm == last_pc)
                continue;
            if (insn.imm == next_pc) {
                insn.a = emit_opposite(builder, insn.a);
                insn.imm = last_pc;
                last_pc = next_pc;
            }
        }
        map[i] = ir_emit(builder, insn);
    }
    return last_pc == next_pc;
}

struct ir_block *routine_trace(struct arena *arena, const struct ir_block *const *blocks,
                               uint32_t count)
{
    struct ir_builder builder;
    uint64_t header_pc = blocks[0]->guest_pc, end_pc = header_pc;
    ir_builder_begin(&builder, arena, header_pc, blocks[0]->mode);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t next_pc = i + 1 < count ? blocks[i + 1]->guest_pc : header_pc;
        uint64_t block_end = blocks[i]->guest_pc + blocks[i]->guest_size_bytes;
        if (!routine_is_plain(blocks[i]) || !append_block(&builder, arena, blocks[i], next_pc) ||
            builder.block->length > ROUTINE_MAX_INSNS)
            return NULL;
        end_pc = block_end > end_pc ? block_end : end_pc;
    }
    ir_emit3(&builder, IR_exit_direct, IR_VOID, IR_NONE, IR_NONE, IR_BRANCH_JUMP, header_pc);
    builder.block->guest_size_bytes = (uint32_t)(end_pc - header_pc);
    return builder.block;
}

/* ---- recognition ---- */

struct ir_block *routine_make(struct arena *arena, const struct ir_block *iteration)
{
    struct routine_plan plan;
    struct routine_loop *loop = arena_zalloc(arena, sizeof *loop);
    loop->arena = arena;
    loop->iteration = iteration;
    loop->block = opt_run(arena, iteration, OPT_SAME_ACCESSES);
    if (loop->block->length > ROUTINE_MAX_INSNS)
        return NULL;
    loop->shapes = arena_alloc(arena, loop->block->length * sizeof *loop->shapes);
    routine_find_shapes(loop);
    if (!loop->is_unknown)
        routine_find_guards(loop);
    if (loop->is_unknown || !routine_make_plan(loop, &plan))
        return NULL;
    return routine_emit(loop, &plan);
}

/* ---- the way in ---- */

static void emit_exit(struct ir_builder *builder, enum ir_op op, ir_ref condition, uint64_t pc)
{
    ir_emit3(builder, op, IR_VOID, condition, IR_NONE, IR_BRANCH_JUMP, pc);
}

void routine_redirect(struct ir_block *block, uint64_t header_pc)
{
    for (uint32_t i = 0; i < block->length; i++) {
        struct ir_insn *insn = &block->insns[i];
        if ((insn->op == IR_exit_if || insn->op == IR_exit_direct) && insn->imm == header_pc)
            insn->imm++;
    }
}

struct ir_block *routine_none(struct arena *arena, uint64_t header_pc, uint32_t mode)
{
    struct ir_builder builder;
    ir_builder_begin(&builder, arena, header_pc + 1, mode);
    emit_exit(&builder, IR_exit_direct, IR_NONE, header_pc);
    return builder.block;
}
