/* Where library calls come in: functions that are called often are looked at (src/opt/libcall.h).
 *
 * What is known of a function is kept by its pc. Its block then stands for the function at every
 * call, in tier 1 and in regions; the function's own code is the translation under pc + 1. All pages
 * that its code and constants lie in are watched: when one changes, function and blocks go. */
#include "src/exec/internal.h"

#include "src/opt/opt.h"

#include <string.h>

enum {
    MAX_BLOCK_INSNS = 64,
    MAX_RETURN_BLOCKS = 8, /* of a caller that are looked at */
};

/* The records that may be of pc: LIBCALL_WAYS from here. */
static struct libcall_record *set_of(struct exec *exec, uint64_t pc)
{
    uint64_t hash = pc >> 1 ^ pc >> 7;
    return &exec->libcalls[LIBCALL_WAYS * (hash % (LIBCALL_RECORDS / LIBCALL_WAYS))];
}

/* The record of pc, or NULL. */
static struct libcall_record *record_of(struct exec *exec, uint64_t pc)
{
    struct libcall_record *set = set_of(exec, pc);
    for (unsigned i = 0; i < LIBCALL_WAYS; i++)
        if (set[i].pc == pc)
            return &set[i];
    return NULL;
}

/* A record for pc, in the place of one that does not serve; NULL: all do. */
static struct libcall_record *new_record(struct exec *exec, uint64_t pc)
{
    struct libcall_record *set = set_of(exec, pc), *found = NULL;
    for (unsigned i = 0; i < LIBCALL_WAYS; i++)
        if (!set[i].pc || (!found && !set[i].is_known))
            found = &set[i];
    return found;
}

bool libcalls_has(struct exec *exec, uint64_t pc)
{
    const struct libcall_record *record = exec->libcall_count ? record_of(exec, pc) : NULL;
    return record && record->is_known;
}

/* ---- the guest's code ---- */

static struct ir_block *block_at(void *context, struct arena *arena, uint64_t pc)
{
    struct exec *exec = context;
    struct guest_limits limits = {.max_guest_insns = MAX_BLOCK_INSNS};
    const struct ir_block *block = exec->config.isa->translate(
        arena, translate_fetch, exec->config.space, pc, 0, &limits);
    return opt_run(arena, block, OPT_SAME_ACCESSES);
}

/* Constants lie where the guest does not write as it goes. Their page is watched before it is read,
 * as those of code are. */
static enum libcall_memory read_memory(void *context, uint64_t addr, unsigned size_bytes,
                                       uint64_t *ret_value)
{
    struct space *space = ((struct exec *)context)->config.space;
    int prot = addr < SPACE_SIZE - 8 ? space_prot(space, addr) : -1;
    if (prot < 0)
        return LIBCALL_NO_MEMORY;
    bool is_constant = !(prot & SPACE_WRITE);
    if (is_constant)
        space_watch(space, addr, size_bytes);
    const void *bytes = space_pointer(space, addr, size_bytes, SPACE_READ);
    *ret_value = 0;
    if (!bytes)
        return LIBCALL_NO_MEMORY;
    memcpy(ret_value, bytes, size_bytes);
    return is_constant ? LIBCALL_CONSTANT : LIBCALL_VARIABLE;
}

static struct libcall_abi abi_of(const struct guest_isa *isa)
{
    return (struct libcall_abi){
        .argument = {isa->syscall_arg_reg[0], isa->syscall_arg_reg[1], isa->syscall_arg_reg[2]},
        .stack = isa->stack_reg,
        .link = isa->return_reg,
        .kept = isa->kept_regs,
    };
}

/* ---- callers ---- */

/* Registers of the set that the block reads before it writes them; *live loses those that it
 * writes. */
static uint64_t reads_of(const struct ir_block *block, uint64_t *live)
{
    uint64_t found = 0;
    for (uint32_t i = 0; i < block->length; i++) {
        const struct ir_insn *insn = &block->insns[i];
        if (insn->op == IR_get_reg)
            found |= *live & UINT64_C(1) << insn->imm;
        else if (insn->op == IR_set_reg)
            *live &= ~(UINT64_C(1) << insn->imm);
    }
    return found;
}

/* Code after a call, and which registers still are as the callee left them. */
struct follow {
    uint64_t pc, live;
};

/* Does the code at pc read a register of the set, undefined after a call by the calling convention,
 * before it is written, as far as a few jumps can be followed? Such a caller knows its callee's
 * code. */
static bool is_relied_on(struct exec *exec, struct arena *arena, uint64_t pc, uint64_t changed)
{
    struct follow queue[MAX_RETURN_BLOCKS] = {{pc, changed}};
    unsigned count = 1;
    for (unsigned i = 0; i < count; i++) {
        const struct ir_block *block = block_at(exec, arena, queue[i].pc);
        uint64_t live = queue[i].live;
        if (reads_of(block, &live))
            return true;
        for (uint32_t k = 0; k < block->length && live; k++) {
            const struct ir_insn *insn = &block->insns[k];
            bool is_jump = (insn->op == IR_exit_if || insn->op == IR_exit_direct) &&
                           insn->c == IR_BRANCH_JUMP;
            if (is_jump && count < MAX_RETURN_BLOCKS)
                queue[count++] = (struct follow){insn->imm, live};
        }
    }
    return false;
}

/* The same for the call of the function at callee_pc that the block ends with, if it does. */
static bool is_relied_on_by(struct exec *exec, struct arena *arena, const struct ir_block *block,
                            uint64_t callee_pc, uint64_t changed)
{
    return ir_called_pc(block) == callee_pc &&
           is_relied_on(exec, arena, block->guest_pc + block->guest_size_bytes, changed);
}

/* Of the basic block of the code that the link ends. */
static uint64_t block_pc(const struct tb_link *link, const struct tb_code *code)
{
    return (code->tb->pc + link->block_offset) & ~UINT64_C(1);
}

/* The same for all direct calls of tb that have been translated: those in code that is linked to
 * it. */
static bool is_relied_on_by_callers(struct exec *exec, struct arena *arena, const struct tb *tb,
                                    uint64_t changed)
{
    for (const struct tb_link *link = tb->incoming; link; link = link->next_incoming) {
        const uint8_t *site = exec->cache->memory->x_base + link->site;
        const struct tb_code *code = link->is_dead ? NULL : tb_code_at(exec->cache, site);
        uint64_t pc = code && code->tier == TB_TIER_1 ? block_pc(link, code) : 0;
        if (pc && is_relied_on_by(exec, arena, block_at(exec, arena, pc), tb->pc, changed))
            return true;
    }
    return false;
}

static void drop_tb(struct exec *exec, struct tb *tb)
{
    tb_note_drop(exec->cache, tb->pc, tb->guest_size_bytes);
    tb_drop(exec->cache, tb);
}

/* Callers in tier 1 are translated again when they run next, with the libcall in them. */
static void drop_callers(struct exec *exec, struct arena *arena, const struct tb *tb)
{
    for (struct tb_link *link = tb->incoming; link; link = link->next_incoming) {
        const uint8_t *site = exec->cache->memory->x_base + link->site;
        const struct tb_code *code = link->is_dead ? NULL : tb_code_at(exec->cache, site);
        if (!code || code->is_dropped || code->tb->tier != TB_TIER_1 || code->tb->pc & 1)
            continue;
        if (ir_called_pc(block_at(exec, arena, block_pc(link, code))) == tb->pc)
            drop_tb(exec, code->tb);
    }
}

void libcalls_check_call(struct exec *exec, struct arena *arena, const struct ir_block *block)
{
    uint64_t callee_pc = ir_called_pc(block);
    if (!libcalls_has(exec, callee_pc))
        return;
    struct libcall_record *record = record_of(exec, callee_pc);
    if (!is_relied_on_by(exec, arena, block, record->pc, record->libcall.changed))
        return;
    record->is_known = false;
    exec->libcall_count--;
    tb_drop_range(exec->cache, record->pc, 1);
}

/* ---- looking ---- */

bool libcalls_look(struct exec *exec, struct arena *arena, uint64_t pc, uint64_t return_pc)
{
    struct libcall_record *record = record_of(exec, pc);
    if (record)
        return record->is_known;
    record = new_record(exec, pc);
    if (!record)
        return false;
    uint64_t start_ns = exec_time_ns();
    struct libcall_code code = {exec, block_at, read_memory};
    struct libcall_abi abi = abi_of(exec->config.isa);
    struct libcall libcall;
    const struct tb *tb = tb_find(exec->cache, pc, 0);
    bool is_known = libcall_recognise(arena, &code, &abi, pc, &libcall) &&
                    !(return_pc && is_relied_on(exec, arena, return_pc, libcall.changed)) &&
                    !(tb && is_relied_on_by_callers(exec, arena, tb, libcall.changed));
    exec->libcall_looks += !record->pc;
    *record = (struct libcall_record){.pc = pc, .is_known = is_known};
    if (is_known)
        record->libcall = libcall;
    else
        record->libcall = (struct libcall){.page_count = 1, .page = {pc >> LIBCALL_PAGE_LOG2}};
    exec->libcall_count += is_known;
    if (is_known && tb && routines_can_watch(exec)) /* else nothing has run yet */
        drop_callers(exec, arena, tb);
    exec->libcall_look_ns += exec_time_ns() - start_ns;
    return is_known;
}

struct ir_block *libcalls_translate(struct exec *exec, struct arena *arena, uint64_t pc,
                                    uint32_t mode)
{
    if (!libcalls_has(exec, pc))
        return NULL;
    const struct libcall *libcall = &record_of(exec, pc)->libcall;
    struct libcall_abi abi = abi_of(exec->config.isa);
    for (unsigned i = 0; i < libcall->page_count; i++) /* unwatched by what did not change it */
        space_watch(exec->config.space, libcall->page[i] << LIBCALL_PAGE_LOG2, 1);
    return libcall_block(arena, libcall, &abi, pc, mode);
}

uint64_t libcalls_inline(struct exec *exec, struct arena *arena, struct ir_block *block)
{
    uint64_t callee_pc = ir_called_pc(block);
    if (!libcalls_has(exec, callee_pc))
        return 0;
    struct libcall_abi abi = abi_of(exec->config.isa);
    const struct libcall *libcall = &record_of(exec, callee_pc)->libcall;
    return libcall_inline(arena, libcall, &abi, callee_pc, block) ? callee_pc : 0;
}

static bool lies_in(const struct libcall *libcall, uint64_t addr, uint64_t size_bytes)
{
    for (unsigned i = 0; i < libcall->page_count; i++) {
        uint64_t start = libcall->page[i] << LIBCALL_PAGE_LOG2;
        if (start < addr + size_bytes && addr < start + (UINT64_C(1) << LIBCALL_PAGE_LOG2))
            return true;
    }
    return false;
}

bool libcalls_forget(struct exec *exec, uint64_t addr, uint64_t size_bytes)
{
    bool is_any = false;
    for (unsigned i = 0; i < LIBCALL_RECORDS && exec->libcall_looks; i++) {
        struct libcall_record *record = &exec->libcalls[i];
        if (!record->pc || !lies_in(&record->libcall, addr, size_bytes))
            continue;
        if (record->is_known) {
            tb_drop_range(exec->cache, record->pc, 1);
            exec->libcall_count--;
            is_any = true;
        }
        *record = (struct libcall_record){0};
        exec->libcall_looks--;
    }
    return is_any;
}
