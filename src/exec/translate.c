/* The translation driver: from a guest pc to a TB that can run.
 *
 * Blocks go decode -> IR -> optimiser -> tier 0 or tier 1, all on the vcpu's thread under the
 * cache's lock. When code memory is full everything is flushed and the block translated again. */
#include "src/exec/internal.h"

#include "src/base/check.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

static uint64_t read_clock_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

uint64_t exec_time_ns(void)
{
    return read_clock_ns(CLOCK_MONOTONIC);
}

uint64_t exec_cpu_time_ns(void)
{
    return read_clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

/* ---- dumps ---- */

static FILE *dump_wanted(const struct exec *exec, enum exec_dump kind, uint64_t pc,
                         uint32_t size_bytes)
{
    uint64_t filter = exec->config.dump_pc;
    if (!(exec->config.dump & kind) || (filter && filter - pc >= size_bytes))
        return NULL;
    return exec->config.dump_file;
}

struct tier_dump dump_for(const struct exec *exec, uint64_t pc, uint32_t size_bytes)
{
    return (struct tier_dump){
        .x64 = dump_wanted(exec, EXEC_DUMP_X64, pc, size_bytes),
        .llvm = dump_wanted(exec, EXEC_DUMP_LLVM, pc, size_bytes),
        .assembly = dump_wanted(exec, EXEC_DUMP_ASM, pc, size_bytes),
    };
}

static void dump_guest(struct exec *exec, FILE *out, const struct ir_block *block)
{
    fprintf(out, "guest block 0x%" PRIx64 ": %u instructions, %u bytes\n", block->guest_pc,
            block->guest_length, block->guest_size_bytes);
    for (uint32_t offset = 0; offset < block->guest_size_bytes;) {
        uint8_t bytes[8] = {0};
        uint64_t pc = (block->guest_pc & ~UINT64_C(1)) + offset;
        size_t available;
        const uint8_t *code = space_fetch(exec->config.space, pc, &available);
        if (!code)
            return;
        memcpy(bytes, code, available < 4 ? available : 4);
        if (available < 4 && (code = space_fetch(exec->config.space, pc + available, &(size_t){0})))
            memcpy(bytes + available, code, 4 - available);
        char text[96];
        unsigned size = exec->config.isa->disassemble(bytes, 4, pc, text, sizeof text);
        fprintf(out, "  0x%" PRIx64 ":  %s\n", pc, text);
        offset += size ? size : 4;
    }
}

static void dump_ir(struct exec *exec, const struct ir_block *block, enum exec_dump kind,
                    const char *title)
{
    FILE *out = dump_wanted(exec, kind, block->guest_pc, block->guest_size_bytes);
    if (!out)
        return;
    fprintf(out, "%s\n", title);
    ir_print(out, block);
}

/* ---- translation ---- */

#ifndef NDEBUG
static void verify(const struct ir_block *block, const char *after)
{
    struct error err;
    if (ir_verify(block, &err) == STATUS_OK)
        return;
    fprintf(stderr, "IR is malformed after %s: %s\n", after, err.text);
    ir_print(stderr, block);
    CHECK(false, "malformed IR");
}
#else
static void verify(const struct ir_block *block, const char *after)
{
    (void)block, (void)after;
}
#endif

/* A page is watched before it is read: bytes that another thread changes meanwhile are then known
 * to be stale. */
const uint8_t *translate_fetch(void *context, uint64_t pc, size_t *ret_available_bytes)
{
    space_watch(context, pc, 1);
    return space_fetch(context, pc, ret_available_bytes);
}

struct ir_block *translate_prefix(struct exec *exec, struct arena *arena, uint64_t pc,
                                  uint32_t mode, uint32_t max_insns)
{
    struct guest_limits limits = {.max_guest_insns = max_insns};
    return exec->config.isa->translate(arena, translate_fetch, exec->config.space, pc, mode,
                                       &limits);
}

/* The guest's code; at an odd pc that of the function at pc - 1, which stays under that pc. */
static struct ir_block *translate_guest(struct exec *exec, struct arena *arena, uint64_t pc,
                                        uint32_t mode)
{
    uint64_t guest_pc = pc & ~UINT64_C(1);
    struct ir_block *block =
        translate_prefix(exec, arena, guest_pc, mode, exec->config.max_block_insns);
    if (block && pc != guest_pc) {
        routine_redirect(block, guest_pc);
        block->guest_pc++;
        block->guest_size_bytes--; /* it ends where it ended */
    }
    return block;
}

struct ir_block *translate_plain(struct exec *exec, struct arena *arena, uint64_t pc, uint32_t mode)
{
    struct ir_block *block = NULL;
    if (pc & 1 && !libcalls_has(exec, pc - 1))
        block = routines_translate(exec, arena, pc - 1, mode);
    else if (!(pc & 1))
        block = libcalls_translate(exec, arena, pc, mode);
    if (!block)
        block = translate_guest(exec, arena, pc, mode);
    CHECK(block, "a guest instruction does not fit an IR block");
    libcalls_check_call(exec, arena, block);
    verify(block, "translation");
    return block;
}

struct ir_block *translate_ir(struct exec *exec, struct arena *arena, uint64_t pc, uint32_t mode)
{
    struct ir_block *block = translate_plain(exec, arena, pc, mode);
    if (routines_apply(exec, arena, block))
        verify(block, "a routine was found");
    return block;
}

/* ---- superblocks ----
 *
 * Tier 1's code of a block goes on behind branches that are not taken, as long as nobody counts it: counts and
 * regions are of single blocks. What it goes over is marked (tb.is_inside), for it may run without being
 * counted; and code of tier 2 or 3 is not gone past (tb_publish). */

enum { SUPERBLOCK_INSNS = 64 };

static bool may_be_super(struct exec *exec, const struct tb *tb)
{
    bool is_counting = exec->options.is_counting_heat && !exec->options.is_sampling;
    return exec_has(exec, FEATURE_superblocks) && !is_counting && !tb->is_observing && !tb->is_watched &&
           !tier_counts_heat(&exec->options, tb) && !(tb->pc & 1) && !libcalls_has(exec, tb->pc) &&
           !(exec->config.dump & EXEC_DUMP_REGISTERS);
}

struct going_on {
    struct exec *exec;
    uint32_t mode;
};

static bool goes_on_at(void *context, uint64_t next_pc)
{
    const struct going_on *going_on = context;
    struct exec *exec = going_on->exec;
    const struct tb *next = tb_find(exec->cache, next_pc, going_on->mode);
    return !(next && next->tier >= TB_TIER_2) && !libcalls_has(exec, next_pc);
}

/* The block with what follows behind its branches, in place of `block`; it, if nothing does. */
static struct ir_block *translate_super(struct exec *exec, struct arena *arena, struct ir_block *block)
{
    struct going_on going_on = {exec, block->mode};
    uint32_t max_insns = exec->config.max_block_insns;
    struct guest_limits limits = {
        .max_guest_insns = max_insns < SUPERBLOCK_INSNS ? max_insns : SUPERBLOCK_INSNS,
        .goes_on = goes_on_at,
        .context = &going_on,
    };
    if (block->length < 2 || ir_last(block)[-1].op != IR_exit_if || block->guest_pc & 1)
        return block;
    struct ir_block *longer = exec->config.isa->translate(
        arena, translate_fetch, exec->config.space, block->guest_pc, block->mode, &limits);
    bool would_use_flags = longer && exec->options.is_flagless && ir_uses_flags(longer);
    if (!longer || longer->piece_count == 0 || would_use_flags) /* which may never run (notice_flags) */
        return block;
    libcalls_check_call(exec, arena, longer);
    routines_apply_super(exec, arena, longer);
    verify(longer, "translation");
    return longer;
}

/* Marks what the code of the block goes over; gives the TB of its last piece, NULL when it has one piece or
 * there is no place for a record. */
static struct tb *mark_inside(struct exec *exec, const struct ir_block *block)
{
    struct tb *tb = NULL;
    for (uint32_t i = 1; i < block->piece_count; i++) {
        tb = tb_reference(exec->cache, block->guest_pc + block->pieces[i].offset_bytes, block->mode);
        if (!tb)
            return NULL;
        tb->is_inside = true;
    }
    if (tb)
        tb_note_end(tb, block->guest_pc + block->guest_size_bytes);
    return tb;
}

/* ---- optimisation ---- */

static struct ir_block *run_passes(struct exec *exec, struct arena *arena, struct ir_block *block,
                                   uint32_t passes)
{
    if (!exec->is_joining)
        passes &= ~(1u << OPT_join);
    block = opt_run(arena, block, passes);
    exec->has_joined |= block->has_joined;
    return block;
}

struct ir_block *translate_optimise(struct exec *exec, struct arena *arena, struct ir_block *block)
{
    if (!exec->config.opt_passes)
        return block;
    block = run_passes(exec, arena, block, exec->config.opt_passes);
    verify(block, "optimisation");
    return block;
}

/* The same for tier 1, whose walk over the block can leave out what is dead as well: pass `dead` is
 * left to it, unless somebody wants to see the block. A draft is not worth the others. */
static struct ir_block *optimise_for_tier1(struct exec *exec, struct arena *arena,
                                           struct ir_block *block, bool is_draft)
{
    uint32_t passes = exec->config.opt_passes, dead = 1u << OPT_dead;
    if (!(passes & dead) || exec->config.dump)
        return translate_optimise(exec, arena, block);
    if (passes & ~dead && !block->is_improved && !is_draft)
        block = run_passes(exec, arena, block, passes & ~dead);
    block->may_have_dead = true;
    verify(block, "optimisation");
    return block;
}

bool translate_split_loads(struct exec_thread *thread)
{
    struct exec *exec = thread->exec;
    if (thread->has_split)
        return false;
    tb_lock(exec->cache);
    thread->has_split = exec->has_joined;
    if (exec->has_joined && exec->is_joining) {
        exec->is_joining = false;
        exec_drop_code(exec);
    }
    tb_unlock(exec->cache);
    return thread->has_split;
}

/* Nobody asks unless counting, and the clock costs as much as 20 operations. */
uint64_t translate_begin_stage(const struct exec *exec)
{
    return exec->config.is_counting ? exec_ticks() : 0;
}

void translate_end_stage(struct exec *exec, enum exec_stage stage, uint64_t *ticks)
{
    if (!exec->config.is_counting)
        return;
    uint64_t now = exec_ticks();
    exec->stage_ticks[stage] += now - *ticks;
    *ticks = now;
}

/* The record of pc will be looked up soon, and its code be translated perhaps. */
static void expect(const struct exec *exec, uint64_t pc)
{
    tb_expect(exec->cache, pc);
    __builtin_prefetch(space_base(exec->config.space) + pc);
}

/* The block's direct exits will be looked up when it is compiled. */
static void expect_successors(const struct exec *exec, const struct ir_block *block)
{
    const struct ir_insn *last = ir_last(block);
    if (last->op != IR_exit_direct)
        return;
    expect(exec, last->imm);
    if (block->length > 1 && last[-1].op == IR_exit_if)
        expect(exec, last[-1].imm);
}

/* What of the TB's block is not made of steps; what follows is for another draft. */
static struct ir_block *translate_for_draft(struct exec *exec, struct arena *arena, const struct tb *tb)
{
    struct ir_block *block =
        translate_prefix(exec, arena, tb->pc, tb->mode, draft_rest_insns(exec, tb->pc));
    CHECK(block, "a guest instruction does not fit an IR block");
    libcalls_check_call(exec, arena, block);
    verify(block, "translation");
    return block;
}

/* Translates for a TB in tier 0 or 1, with the dumps that were asked for; *ret_inlined_pc is that of
 * the function that is done in the block, or 0. */
static struct ir_block *translate_dumping(struct exec *exec, struct arena *arena, struct tb *tb,
                                          enum tb_tier level, bool is_draft, uint64_t *ret_inlined_pc)
{
    bool is_lasting = level == TB_TIER_1 && !is_draft;
    uint64_t pc = tb->pc;
    uint64_t ticks = translate_begin_stage(exec);
    if (is_lasting)
        routines_meet(exec, arena, tb);
    struct ir_block *block = is_draft ? translate_for_draft(exec, arena, tb)
                                      : translate_plain(exec, arena, pc, tb->mode);
    if ((exec->has_routines || exec->has_libcalls) && is_lasting)
        routines_watch(exec, arena, tb, block);
    else if (!is_draft)
        routines_apply(exec, arena, block);
    if (is_lasting && may_be_super(exec, tb))
        block = translate_super(exec, arena, block);
    expect_successors(exec, block);
    *ret_inlined_pc = level == TB_TIER_1 ? libcalls_inline(exec, arena, block) : 0;
    translate_end_stage(exec, EXEC_STAGE_DECODE, &ticks);
    if (exec->config.dump) {
        FILE *out = dump_wanted(exec, EXEC_DUMP_DECODE, pc, block->guest_size_bytes);
        if (out)
            dump_guest(exec, out, block);
        dump_ir(exec, block, EXEC_DUMP_IR, "ir");
    }
    block = level == TB_TIER_1 ? optimise_for_tier1(exec, arena, block, is_draft)
                               : translate_optimise(exec, arena, block);
    translate_end_stage(exec, EXEC_STAGE_OPT, &ticks);
    if (exec->config.dump)
        dump_ir(exec, block, EXEC_DUMP_OPT, "opt");
    return block;
}

void dump_region(struct exec *exec, const struct ir_region *region)
{
    if (!exec->config.dump)
        return;
    for (uint32_t i = 0; i < region->length; i++) {
        const struct ir_block *block = region->nodes[i].block;
        FILE *out = dump_wanted(exec, EXEC_DUMP_DECODE, block->guest_pc, block->guest_size_bytes);
        if (out) {
            fprintf(out, "region 0x%" PRIx64 " node %u context %u\n", region->guest_pc, i,
                    region->nodes[i].context);
            dump_guest(exec, out, block);
        }
        dump_ir(exec, block, EXEC_DUMP_OPT, "opt");
    }
}

void stats_failure(struct exec *exec, enum tb_tier tier, const char *text)
{
    exec->stats[tier].failed++;
    for (int i = 0; i < EXEC_FAILURE_KINDS; i++) {
        struct failure *failure = &exec->failures[i];
        if (failure->count == 0)
            snprintf(failure->text, sizeof failure->text, "%s", text);
        if (strncmp(failure->text, text, sizeof failure->text - 1) == 0) {
            failure->count++;
            return;
        }
    }
}

/* The tier a block starts in. */
static enum tb_tier first_tier(const struct exec *exec)
{
    switch (exec->config.mode) {
    case EXEC_TIER0:
        return TB_TIER_0;
    case EXEC_TIER1:
        return TB_TIER_1;
    case EXEC_TIER2:
        return TB_TIER_2;
    case EXEC_AUTO:
        break;
    }
    return exec->config.threshold[TB_TIER_1] ? TB_TIER_0 : TB_TIER_1;
}

void translate_mark_callee(struct exec *exec, const struct tb *tb, uint64_t pc, bool is_call)
{
    struct tb *callee = tb_find(exec->cache, pc, tb->mode);
    if (callee)
        tb_note_use(callee, tb->pc, is_call);
}

/* The guest is about to use its floating-point flags for the first time: from now on they are kept,
 * and code that does not keep them must go. Lock held. STATUS_STALE: the caller flushes and tries
 * again. */
static enum status notice_flags(struct exec *exec, const struct ir_block *block, struct error *err)
{
    if (!exec->options.is_flagless || !ir_uses_flags(block))
        return STATUS_OK;
    exec->options.is_flagless = false;
    exec->flags_pc = block->guest_pc;
    exec_kick_all(exec);
    return error_set(err, STATUS_STALE, "the guest uses its floating-point flags");
}

void translate_account(struct exec *exec, const struct tb *tb, enum tb_tier level, uint64_t start_ns)
{
    const struct tb_code *code = tb_code_of(tb, level);
    struct tier_stats *stats = &exec->stats[level];
    stats->compiled++;
    stats->guest_insns += tb->guest_length;
    stats->code_bytes += code->size_bytes + code->rare_bytes;
    if (exec->config.is_counting)
        stats->compile_time_ns += exec_time_ns() - start_ns;
    sampler_translated(exec);
}

/* Executions until the next promotion: those of a draft are over. */
static int32_t heat_left(const struct exec *exec, const struct tb *tb, enum tb_tier level)
{
    int32_t heat = promote_initial_heat(exec, level);
    return heat < INT32_MAX && draft_is(tb) ? heat - (int32_t)draft_executions(tb) : heat;
}

/* Executions of code that is no draft until the loop is to look at its TB. */
static int32_t lasting_heat(struct exec *exec, const struct tb *tb, enum tb_tier level)
{
    if (tb->is_watched)
        return routines_watch_heat(tb);
    int32_t heat = libcalls_has(exec, tb->pc) ? INT32_MAX /* nothing to gain */ : heat_left(exec, tb, level);
    return level == TB_TIER_1 ? sampler_first_heat(exec, heat) : heat;
}

/* Compiles tb's block for tier 0 or 1; is_draft: in tier 1, to run a few times. Lock held. */
static enum status compile_block(struct exec_thread *thread, struct tb *tb, enum tb_tier level,
                                 bool is_draft, struct error *err)
{
    struct exec *exec = thread->exec;
    uint64_t start_ns = exec->config.is_counting ? exec_time_ns() : 0;
    arena_reset(&thread->arena);
    uint64_t inlined_pc;
    struct ir_block *block = translate_dumping(exec, &thread->arena, tb, level, is_draft, &inlined_pc);
    enum status status = notice_flags(exec, block, err);
    if (status != STATUS_OK)
        return status;
    bool counts_heat = tier_counts_heat(&exec->options, tb);
    bool is_noting = counts_heat && !is_draft && level == TB_TIER_1;
    struct tier_job job = {
        .cache = exec->cache,
        .tb = tb,
        .last_tb = mark_inside(exec, block),
        .block = block,
        .level = level,
        .is_draft = is_draft,
        .outcomes = is_noting ? outcomes_to_note(exec, tb, block) : NULL,
        .is_counted = is_draft || counts_heat || tb->is_watched,
        .generation = exec->cache->generation,
    };
    if (exec->config.dump)
        job.dump = dump_for(exec, tb->pc, block->guest_size_bytes);
    tb->guest_size_bytes = (uint16_t)block->guest_size_bytes;
    tb->guest_length = (uint16_t)block->guest_length;
    atomic_store_explicit(&tb->heat, is_draft ? DRAFT_RUNS : lasting_heat(exec, tb, level),
                          memory_order_relaxed);
    uint64_t ticks = translate_begin_stage(exec);
    status = exec->tier[level]->compile(exec->tier[level], &job, err);
    translate_end_stage(exec, EXEC_STAGE_COMPILE, &ticks);
    if (status != STATUS_OK)
        return status;
    const struct ir_insn *last = ir_last(block);
    if (last->op == IR_exit_direct)
        translate_mark_callee(exec, tb, last->imm, last->c == IR_BRANCH_CALL);
    exec->drafts_made += is_draft;
    if (inlined_pc)
        tb_cover(exec->cache, tb_code_of(tb, level), inlined_pc, 1);
    translate_account(exec, tb, level, start_ns);
    return STATUS_OK;
}

enum status translate_to_tier1(struct exec_thread *thread, struct tb *tb, struct error *err)
{
    enum status status = compile_block(thread, tb, TB_TIER_1, false, err);
    if (status != STATUS_OK) /* a draft must come back, since it does not poll */
        atomic_store_explicit(&tb->heat, draft_is(tb) ? DRAFT_RUNS : INT32_MAX, memory_order_relaxed);
    loop_renew_jump_cache(&thread->vcpu, tb);
    return status;
}

/* One attempt at making tb runnable; releases the lock for tier 2. */
static enum status make_runnable(struct exec_thread *thread, struct tb *tb, struct error *err)
{
    struct exec *exec = thread->exec;
    enum tb_tier level = first_tier(exec);
    enum status draft_status;
    bool is_draft = level == TB_TIER_1 && draft_is_wanted(exec, tb);
    if (is_draft && draft_make(thread, tb, &draft_status, err))
        return draft_status;
    if (level != TB_TIER_2)
        return compile_block(thread, tb, level, is_draft, err);
    arena_reset(&thread->arena);
    struct ir_block *block = translate_ir(exec, &thread->arena, tb->pc, tb->mode);
    block = translate_optimise(exec, &thread->arena, block);
    enum status status = notice_flags(exec, block, err);
    if (status != STATUS_OK)
        return status;
    tb_unlock(exec->cache);
    status = promote_now(thread, tb, TB_TIER_2, err);
    tb_lock(exec->cache);
    return status;
}

static struct tb *translate_locked(struct exec_thread *thread, uint64_t pc, struct tb *known,
                                   enum status *ret_status, struct error *err)
{
    struct tb_cache *cache = thread->exec->cache;
    for (int attempt = 0; attempt < 3; attempt++) {
        struct tb *tb = known && attempt == 0
                            ? known
                            : tb_reference(cache, pc, tb_mode_of_frm(thread->vcpu.frm));
        if (tb)
            tb->is_called_otherwise |= thread->is_at_call;
        if (tb && tb->tier != TB_TIER_NONE)
            return tb;
        enum status status = tb ? make_runnable(thread, tb, err) : STATUS_CODE_FULL;
        if (status == STATUS_OK)
            return tb;
        *ret_status = status;
        if (status != STATUS_CODE_FULL && status != STATUS_STALE)
            return NULL;
        tb_flush(cache);
        vcpu_flush_jump_cache(&thread->vcpu);
    }
    error_set(err, STATUS_CODE_FULL,
              "code memory of %zu bytes does not hold one block (at pc 0x%" PRIx64 ")",
              cache->memory->code_limit, pc);
    return NULL;
}

struct tb *translate_at(struct exec_thread *thread, uint64_t pc, struct tb *known,
                        enum status *ret_status, struct error *err)
{
    struct tb_cache *cache = thread->exec->cache;
    tb_lock(cache);
    struct tb *tb = translate_locked(thread, pc, known, ret_status, err);
    if (tb)
        *ret_status = STATUS_OK;
    tb_unlock(cache);
    return tb;
}
