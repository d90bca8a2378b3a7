/* Where routines come in: between the guest's translator and the optimiser.
 *
 * Whenever a block is translated that may end a loop, the loop is looked for in the guest's code
 * and given to the recogniser; when it knows the loop, the block jumps back to the routine at the
 * header's pc + 1 instead. Translating that pc looks at the code afresh: it is the routine alone
 * that must agree with the code, and it is dropped with it. The jump is only a way to get there, and
 * what is remembered of a header only says whether to make one. */
#include "src/exec/internal.h"

enum {
    MAX_LOOP_BYTES = 768,  /* from the header to the end of the last block */
    MAX_LOOP_BLOCKS = 16,  /* looked at in search of a way back */
    MAX_BLOCK_INSNS = 64,
};

/* The blocks that are reached from a header, each with the one before it on the way. */
struct search {
    const struct ir_block *blocks[MAX_LOOP_BLOCKS];
    uint32_t before[MAX_LOOP_BLOCKS];
    uint32_t count;
};

static bool is_known(const struct search *search, uint64_t pc)
{
    for (uint32_t i = 0; i < search->count; i++)
        if (search->blocks[i]->guest_pc == pc)
            return true;
    return false;
}

/* Adds the block at pc, reached from `before`. Blocks that no routine can have end the way. */
static void reach(struct exec *exec, struct arena *arena, struct search *search, uint64_t pc,
                  uint32_t before)
{
    uint64_t header_pc = search->count ? search->blocks[0]->guest_pc : pc;
    uint32_t mode = search->count ? search->blocks[0]->mode : before;
    if (pc - header_pc >= MAX_LOOP_BYTES || search->count == MAX_LOOP_BLOCKS ||
        is_known(search, pc))
        return;
    struct guest_limits limits = {.max_guest_insns = MAX_BLOCK_INSNS};
    const struct ir_block *block =
        exec->config.isa->translate(arena, space_fetch, exec->config.space, pc, mode, &limits);
    if (!block || !routine_is_plain(block))
        return;
    search->blocks[search->count] = block;
    search->before[search->count++] = before;
}

static struct ir_block *trace_to(struct arena *arena, const struct search *search, uint32_t last)
{
    const struct ir_block *path[MAX_LOOP_BLOCKS];
    uint32_t place = MAX_LOOP_BLOCKS;
    for (uint32_t i = last; i != 0; i = search->before[i])
        path[--place] = search->blocks[i];
    path[--place] = search->blocks[0];
    return routine_trace(arena, path + place, MAX_LOOP_BLOCKS - place);
}

/* The shortest way from the header back to it, as one iteration; NULL when there is none. */
static struct ir_block *find_iteration(struct exec *exec, struct arena *arena, uint64_t header_pc,
                                       uint32_t mode)
{
    struct search search = {.count = 0};
    reach(exec, arena, &search, header_pc, mode);
    for (uint32_t i = 0; i < search.count; i++) {
        const struct ir_block *block = search.blocks[i];
        const struct ir_insn *last = &block->insns[block->length - 1];
        const struct ir_insn *conditional =
            block->length > 1 && last[-1].op == IR_exit_if ? last - 1 : last;
        if (last->imm == header_pc || conditional->imm == header_pc)
            return trace_to(arena, &search, i);
        reach(exec, arena, &search, conditional->imm, i);
        reach(exec, arena, &search, last->imm, i);
    }
    return NULL;
}

struct ir_block *routines_translate(struct exec *exec, struct arena *arena, uint64_t header_pc,
                                    uint32_t mode)
{
    struct ir_block *iteration = find_iteration(exec, arena, header_pc, mode);
    struct ir_block *routine = iteration ? routine_make(arena, iteration) : NULL;
    return routine ? routine : routine_none(arena, header_pc, mode);
}

/* Whether the recogniser knows the loop at the header. Lock held. */
static bool has_routine(struct exec *exec, struct arena *arena, uint64_t header_pc, uint32_t mode)
{
    struct routine_memo *memo = &exec->routine_memos[header_pc >> 1 & (ROUTINE_MEMOS - 1)];
    if (memo->header_pc == header_pc && memo->mode == mode &&
        memo->generation == exec->cache->generation)
        return memo->is_known;
    struct ir_block *iteration = find_iteration(exec, arena, header_pc, mode);
    *memo = (struct routine_memo){
        .header_pc = header_pc,
        .generation = exec->cache->generation,
        .mode = mode,
        .is_known = iteration && routine_make(arena, iteration),
    };
    return memo->is_known;
}

bool routines_apply(struct exec *exec, struct arena *arena, struct ir_block *block)
{
    uint64_t header_pc;
    if (!exec->has_routines || !routine_find_header(block, MAX_LOOP_BYTES, &header_pc) ||
        (!libcalls_has(exec, header_pc) && !has_routine(exec, arena, header_pc, block->mode)))
        return false;
    routine_redirect(block, header_pc);
    return true;
}

/* The last of several pieces may close a loop that begins further up. */
void routines_apply_super(struct exec *exec, struct arena *arena, struct ir_block *block)
{
    const struct ir_insn *last = ir_last(block);
    const struct ir_insn *exit = last[-1].op == IR_exit_if ? last - 1 : last;
    uint64_t latch_pc = block->guest_pc + block->pieces[block->piece_count - 1].offset_bytes;
    bool is_near = exit->imm <= latch_pc && latch_pc - exit->imm <= MAX_LOOP_BYTES;
    if (exec->has_routines && last->op == IR_exit_direct && is_near && !(exit->imm & 1) &&
        (libcalls_has(exec, exit->imm) || has_routine(exec, arena, exit->imm, block->mode)))
        routine_redirect(block, exit->imm);
}

/* ---- in tier 1, loops that run often ---- */

/* Is the heat that tier 1 counts down ours to use, and would we see much of it? */
bool routines_can_watch(const struct exec *exec)
{
    bool is_counting = exec->options.is_counting_heat;
    return exec->config.mode == EXEC_TIER1
               ? !is_counting
               : is_counting && promote_initial_heat(exec, TB_TIER_1) > 4 * LIBCALL_WATCH;
}

int32_t routines_watch_heat(const struct tb *tb)
{
    return tb->is_function_watched ? LIBCALL_WATCH : ROUTINE_WATCH;
}

static bool is_function(struct exec *exec, const struct tb *tb)
{
    return exec->has_libcalls && (tb->is_callee || tb->is_called_otherwise) && !(tb->pc & 1) &&
           !libcalls_has(exec, tb->pc);
}

void routines_meet(struct exec *exec, struct arena *arena, const struct tb *tb)
{
    if (!routines_can_watch(exec) && is_function(exec, tb))
        libcalls_look(exec, arena, tb->pc, 0);
}

void routines_watch(struct exec *exec, struct arena *arena, struct tb *tb, struct ir_block *block)
{
    uint64_t header_pc;
    if (tb->has_been_watched || !routines_can_watch(exec)) {
        routines_apply(exec, arena, block);
        return;
    }
    bool has_run = draft_is(tb); /* about as often as a loop is watched */
    tb->is_function_watched = is_function(exec, tb);
    tb->is_watched = tb->is_function_watched ||
                     (!has_run && exec->has_routines &&
                      routine_find_header(block, MAX_LOOP_BYTES, &header_pc));
    if (has_run && !tb->is_watched)
        routines_apply(exec, arena, block);
}

void routines_settle(struct exec_thread *thread, struct tb *tb)
{
    struct exec *exec = thread->exec;
    struct error err;
    tb_lock(exec->cache);
    int32_t watched = routines_watch_heat(tb);
    arena_reset(&thread->arena);
    bool is_changed = tb->is_function_watched &&
                      libcalls_look(exec, &thread->arena, tb->pc,
                                    thread->vcpu.reg[exec->config.isa->return_reg]);
    tb->is_watched = tb->is_function_watched = false;
    tb->has_been_watched = true;
    is_changed |= routines_apply(exec, &thread->arena,
                                 translate_plain(exec, &thread->arena, tb->pc, tb->mode));
    bool is_counted = tier_counts_heat(&exec->options, tb); /* else the code must cease to count */
    if ((!is_changed && is_counted) || translate_to_tier1(thread, tb, &err) != STATUS_OK)
        atomic_store_explicit(
            &tb->heat, sampler_first_heat(exec, promote_initial_heat(exec, TB_TIER_1) - watched),
            memory_order_relaxed);
    tb_unlock(exec->cache);
}
