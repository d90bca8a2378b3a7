/* What lockstep prints at a difference: where, what differs, the code on both sides, and what the
 * bisection finds. */
#include "src/exec/lockstep.h"

#include "src/base/bits.h"

#include <inttypes.h>
#include <string.h>

enum { MAX_TRACE_SHOWN = 48, MAX_BLOCKS_SHOWN = 24, MAX_WORDS_SHOWN = 16 };

static const char *const end_text[] = {
    [LOCKSTEP_JUMP] = "goes on", [LOCKSTEP_TRAP] = "trap", [LOCKSTEP_FAULT] = "fault"};

static const char *const trap_text[IR_TRAP_COUNT] = {
    [IR_TRAP_NONE] = "none",
    [IR_TRAP_ECALL] = "ecall",
    [IR_TRAP_EBREAK] = "ebreak",
    [IR_TRAP_ILLEGAL] = "illegal instruction",
    [IR_TRAP_MISALIGNED] = "misaligned",
    [IR_TRAP_FETCH] = "fetch",
    [IR_TRAP_FENCE_I] = "fence.i",
    [IR_TRAP_REENTER] = "reenter",
};

/* ---- differing fields ---- */

struct difference {
    FILE *out;
    const struct lockstep_outcome *reference, *candidate;
};

static void put_number(const struct difference *difference, const char *name, uint64_t reference,
                       uint64_t candidate)
{
    if (reference != candidate)
        fprintf(difference->out, "  %-20s 0x%016" PRIx64 "  0x%016" PRIx64 "\n", name, reference,
                candidate);
}

static void put_text(const struct difference *difference, const char *name, const char *reference,
                     const char *candidate)
{
    if (strcmp(reference, candidate) != 0)
        fprintf(difference->out, "  %-20s %-18s  %s\n", name, reference, candidate);
}

static void put_ends(const struct difference *difference)
{
    const struct lockstep_outcome *reference = difference->reference;
    const struct lockstep_outcome *candidate = difference->candidate;
    put_text(difference, "end", end_text[reference->end], end_text[candidate->end]);
    put_text(difference, "trap", trap_text[reference->trap], trap_text[candidate->trap]);
    put_number(difference, "fault kind", reference->fault.kind, candidate->fault.kind);
    put_number(difference, "fault pc", reference->fault.pc, candidate->fault.pc);
    put_number(difference, "fault address", reference->fault.address, candidate->fault.address);
    put_number(difference, "fault is write", reference->fault.is_write, candidate->fault.is_write);
    put_number(difference, "instructions", reference->insns, candidate->insns);
}

static void put_state(const struct difference *difference, const struct guest_isa *isa,
                      uint64_t tolerated)
{
    const struct lockstep_compared *reference = &difference->reference->state.compared;
    const struct lockstep_compared *candidate = &difference->candidate->state.compared;
    put_number(difference, "pc", reference->pc, candidate->pc);
    for (unsigned i = 0; i < IR_GUEST_REGS; i++)
        if (!(tolerated >> i & 1))
            put_number(difference, isa->reg_name[i], reference->reg[i], candidate->reg[i]);
    put_number(difference, "fcsr", reference->fcsr, candidate->fcsr);
    put_number(difference, "reservation address", reference->reservation_address,
               candidate->reservation_address);
    put_number(difference, "reservation value", reference->reservation_value,
               candidate->reservation_value);
}

/* The words of one page that differ; memory holds what the reference left. */
static void put_page(const struct difference *difference, const struct lockstep_page *page,
                     const uint8_t *memory, unsigned *shown)
{
    const uint8_t *left = page->is_changed ? page->candidate : page->before;
    for (unsigned at = 0; at < SPACE_PAGE; at += 8) {
        uint64_t reference, candidate, before;
        memcpy(&reference, memory + at, 8);
        memcpy(&candidate, left + at, 8);
        memcpy(&before, page->before + at, 8);
        if (reference == candidate || (*shown)++ >= MAX_WORDS_SHOWN)
            continue;
        fprintf(difference->out,
                "  memory 0x%010" PRIx64 "  0x%016" PRIx64 "  0x%016" PRIx64 "  (was 0x%" PRIx64
                ")\n",
                page->addr + at, reference, candidate, before);
    }
}

static void put_difference(const struct bisection *bisection)
{
    const struct lockstep *lockstep = bisection->lockstep;
    FILE *out = bisection->out;
    struct difference difference = {out, &lockstep->replayed, &lockstep->made};
    const struct lockstep_pages *pages = &lockstep->pages;
    fprintf(out, "  %-20s tier %-13d  tier %d\n", "differing", lockstep->pair.reference,
            bisection->level);
    put_ends(&difference);
    put_state(&difference, lockstep->exec->config.isa, lockstep->tolerated);
    unsigned words = 0;
    for (uint32_t i = 0; i < pages->open_count; i++)
        put_page(&difference, pages->open[i], space_base(pages->space) + pages->open[i]->addr,
                 &words);
    if (words > MAX_WORDS_SHOWN)
        fprintf(out, "  ... and %u more words of memory\n", words - MAX_WORDS_SHOWN);
}

/* ---- code ---- */

static void put_trace(FILE *out, const struct lockstep *lockstep)
{
    fprintf(out, "blocks run by tier %d: %" PRIu32 "\n", lockstep->pair.reference,
            lockstep->trace_count);
    for (uint32_t i = 0; i < lockstep->trace_count && i < MAX_TRACE_SHOWN; i++)
        fprintf(out, "%s0x%" PRIx64 "%s", i % 8 ? " " : "  ", lockstep->trace[i],
                i % 8 == 7 || i + 1 == lockstep->trace_count ? "\n" : "");
    if (lockstep->trace_count > MAX_TRACE_SHOWN)
        fprintf(out, "  ...\n");
}

/* Guest code, IR and machine code of the reference's blocks, each once. */
static void put_reference_code(FILE *out, struct lockstep *lockstep)
{
    struct exec *exec = lockstep->replayer;
    uint32_t shown = 0;
    fprintf(out, "---- tier %d%s ----\n", lockstep->pair.reference,
            lockstep->pair.reference == TB_TIER_0 ? ", which interprets the IR" : "");
    exec->config.dump = EXEC_DUMP_DECODE | EXEC_DUMP_IR | EXEC_DUMP_X64;
    exec->config.dump_file = out;
    exec->config.dump_pc = 0;
    for (uint32_t i = 0; i < lockstep->trace_count && i < LOCKSTEP_MAX_TRACE; i++) {
        bool is_shown = shown == MAX_BLOCKS_SHOWN;
        for (uint32_t j = 0; j < i; j++)
            is_shown |= lockstep->trace[j] == lockstep->trace[i];
        if (is_shown)
            continue;
        shown++;
        struct error err;
        enum status status;
        tb_lock(exec->cache);
        struct tb *tb =
            tb_find(exec->cache, lockstep->trace[i], tb_mode_of_frm(lockstep->reference->vcpu.frm));
        if (tb)
            tb_drop(exec->cache, tb);
        tb_unlock(exec->cache);
        translate_at(lockstep->reference, lockstep->trace[i], NULL, &status, &err);
    }
    exec->config.dump = 0;
}

static void put_candidate_code(struct bisection *bisection)
{
    struct exec_config *config = &bisection->lockstep->exec->config;
    struct exec_config kept = *config;
    fprintf(bisection->out, "---- tier %d ----\n", bisection->level);
    config->dump =
        EXEC_DUMP_DECODE | EXEC_DUMP_OPT | EXEC_DUMP_X64 | EXEC_DUMP_LLVM | EXEC_DUMP_ASM;
    config->dump_file = bisection->out;
    config->dump_pc = 0;
    bisection_recompile(bisection);
    *config = kept;
}

/* What served the pc in the latest step: tier 1 before the block was hot. */
static enum tb_tier level_of(const struct lockstep *lockstep, uint64_t pc)
{
    struct tb_cache *cache = lockstep->exec->cache;
    tb_lock(cache);
    const struct tb *tb = tb_find(cache, pc, tb_mode_of_frm(lockstep->start.frm));
    enum tb_tier level = tb ? (enum tb_tier)tb->tier : TB_TIER_NONE;
    tb_unlock(cache);
    return level == TB_TIER_NONE ? lockstep->pair.candidate : level;
}

void lockstep_report(struct lockstep *lockstep, uint64_t pc)
{
    FILE *out = lockstep->exec->config.lockstep_file;
    struct bisection bisection = {
        .lockstep = lockstep,
        .out = out,
        .pc = pc,
        .level = level_of(lockstep, pc),
    };
    fprintf(out,
            "lockstep: tier %d and tier %d disagree at boundary %" PRIu64 ", after %" PRIu64
            " guest instructions, in the code at pc 0x%" PRIx64 "\n",
            lockstep->pair.reference, bisection.level, lockstep->steps + 1, lockstep->insns, pc);
    put_difference(&bisection);
    put_trace(out, lockstep);
    if (bisection_shorten(&bisection)) {
        fprintf(out, "the same in a shorter step, from pc 0x%" PRIx64 ":\n", pc);
        put_difference(&bisection);
        put_trace(out, lockstep);
    }
    put_reference_code(out, lockstep);
    put_candidate_code(&bisection);
    fprintf(out, "---- bisection ----\n");
    bisection_run(&bisection);
}
