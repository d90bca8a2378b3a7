/* Makes any well-formed block one that can be run (ir_run.h). */
#include "tests/fuzz/ir_run.h"

#include "src/base/bits.h"
#include "src/tb/abi.h"

enum { ADDRESS_MASK = 0xff8, ADDRESS_BASE = 4096, DISPLACEMENT_MASK = 0xfff };

/* A block under construction, and where each instruction of the old one went. */
struct confiner {
    struct ir_builder builder;
    ir_ref moved[IR_MAX_INSNS];
};

static ir_ref masked(struct ir_builder *builder, ir_ref value, uint64_t mask)
{
    return ir_binary(builder, IR_and, IR_I64, value, ir_const(builder, IR_I64, mask));
}

static void confine_access(struct ir_builder *builder, struct ir_insn *insn)
{
    ir_ref low = masked(builder, insn->a, ADDRESS_MASK);
    insn->a = ir_binary(builder, IR_add, IR_I64, low, ir_const(builder, IR_I64, ADDRESS_BASE));
    if (insn->op == IR_load || insn->op == IR_load_f32 || insn->op == IR_store)
        insn->imm = (insn->imm & DISPLACEMENT_MASK) - (DISPLACEMENT_MASK + 1) / 2;
}

static void confine_insn(struct confiner *confiner, const struct ir_block *block, uint32_t index)
{
    struct ir_builder *builder = &confiner->builder;
    struct ir_insn insn = block->insns[index];
    const struct ir_op_info *info = &ir_op_info[insn.op];
    ir_ref *operand[3] = {&insn.a, &insn.b, &insn.c};
    for (unsigned i = 0; i < 3; i++)
        if (info->operand[i] != '_' && info->operand[i] != 'M' && info->operand[i] != 'K')
            *operand[i] = confiner->moved[*operand[i]];
    if (info->operand[2] == 'M')
        confine_access(builder, &insn);
    bool is_bulk = insn.op == IR_bulk || insn.op == IR_libcall;
    if (is_bulk && tb_has_bulk())
        reference_confine(builder, &insn);
    if (insn.op == IR_exit_indirect)
        insn.a = masked(builder, insn.a, ~UINT64_C(1));
    if (insn.op == IR_get_counter || (is_bulk && !tb_has_bulk()))
        confiner->moved[index] = ir_const(builder, IR_I64, insn.imm);
    else
        confiner->moved[index] = ir_emit(builder, insn);
}

struct ir_block *confine_ir(struct arena *arena, const struct ir_block *block)
{
    static struct confiner confiner;
    ir_builder_begin(&confiner.builder, arena, block->guest_pc & ~UINT64_C(1), 0);
    for (uint32_t i = 0; i < block->length; i++)
        confine_insn(&confiner, block, i);
    struct ir_block *confined = confiner.builder.block;
    confined->guest_size_bytes = block->guest_size_bytes;
    confined->guest_length = block->guest_length;
    return confiner.builder.failed ? NULL : confined;
}
