/* --dump=registers: how often each guest register is read and written while the guest runs.
 *
 * Tier 1's heat counters tell at the end how often each block ran, whatever its exits; a block's
 * reads and writes are those left in its optimised IR, for these are what a register's place costs.
 * Blocks dropped on the way are not counted. This is how the pinned registers are chosen. */
#include "src/exec/internal.h"

#include <inttypes.h>

struct register_use {
    uint64_t insns, reads[IR_GUEST_REGS], writes[IR_GUEST_REGS];
};

static void add_block(const struct ir_block *block, uint64_t runs, struct register_use *use)
{
    use->insns += runs * block->guest_length;
    for (uint32_t i = 0; i < block->length; i++) {
        const struct ir_insn *insn = &block->insns[i];
        if (insn->op == IR_get_reg)
            use->reads[insn->imm] += runs;
        else if (insn->op == IR_set_reg)
            use->writes[insn->imm] += runs;
    }
}

static void add_tb(struct exec *exec, struct arena *arena, struct tb *tb, struct register_use *use)
{
    int32_t left = atomic_load_explicit(&tb->heat, memory_order_relaxed);
    if (tb->tier != TB_TIER_1 || left == INT32_MAX)
        return;
    arena_reset(arena);
    struct ir_block *block = translate_ir(exec, arena, tb->pc, tb->mode);
    add_block(translate_optimise(exec, arena, block), (uint64_t)(INT32_MAX - (int64_t)left), use);
}

void exec_dump_registers(struct exec *exec)
{
    if (!(exec->config.dump & EXEC_DUMP_REGISTERS))
        return;
    struct register_use use = {0};
    struct arena arena;
    arena_init(&arena);
    tb_lock(exec->cache);
    uint32_t cursor = 0;
    for (struct tb *tb; (tb = tb_next(exec->cache, &cursor));)
        add_tb(exec, &arena, tb, &use);
    tb_unlock(exec->cache);
    arena_fini(&arena);
    FILE *out = exec->config.dump_file;
    fprintf(out, "registers: %" PRIu64 " guest instructions\n", use.insns);
    for (unsigned reg = 0; reg < IR_GUEST_REGS; reg++)
        if (use.reads[reg] || use.writes[reg])
            fprintf(out, "register %u: %" PRIu64 " reads, %" PRIu64 " writes\n", reg,
                    use.reads[reg], use.writes[reg]);
}
