/* Translation of a whole program without running it: what --translate-only and its benchmark do.
 *
 * Blocks are made by the same path as when the guest runs (translate_at), in the order in which a
 * walk along direct exits meets them, so that look-ups, links and guest pages are touched about as
 * in a run. What the walk does not reach is started from the ends of blocks, in ascending order. */
#include "src/exec/internal.h"

#include "src/base/check.h"

#include <stdlib.h>
#include <time.h>

/* A block still to be translated, as an exit names it. */
struct place {
    uint64_t pc;
    struct tb *tb; /* its record, unless there was a flush; NULL: not known */
};

struct walk {
    uint64_t start, size_bytes; /* of the range */
    uint64_t *met;              /* a bit for each two bytes of it: a block that begins there was met before */
    struct place *places;
    size_t count, capacity;
};

enum { PC_UNIT = 2, WORD_BITS = 64 };

static void grow(struct walk *walk)
{
    walk->capacity = walk->capacity ? walk->capacity * 2 : 1024;
    walk->places = realloc(walk->places, walk->capacity * sizeof *walk->places);
    CHECK(walk->places, "out of memory");
}

/* Once: where code memory is small, what was translated before may be gone again. */
static void push(struct walk *walk, uint64_t pc, struct tb *tb)
{
    if (walk->count == walk->capacity)
        grow(walk);
    uint64_t number = (pc - walk->start) / PC_UNIT;
    if (pc - walk->start >= walk->size_bytes)
        return;
    uint64_t *word = &walk->met[number / WORD_BITS], bit = UINT64_C(1) << number % WORD_BITS;
    walk->places[walk->count] = (struct place){pc, tb};
    walk->count += !(*word & bit);
    *word |= bit;
}

/* Tier 0 has no links; it takes the ascending order. */
static void push_successors(struct walk *walk, const struct tb *tb)
{
    const struct tb_code *code = tb_code_of(tb, tb->tier);
    for (const struct tb_link *link = code->outgoing; link; link = link->next_outgoing)
        push(walk, link->to->pc, link->to);
}

static enum status walk_from(struct exec_thread *thread, struct walk *walk, uint64_t pc,
                             uint64_t *ret_end, struct error *err)
{
    enum status status = STATUS_OK;
    const struct tb_cache *cache = thread->exec->cache;
    uint64_t flushes = cache->stats.flushes;
    struct tb *first = translate_at(thread, pc, NULL, &status, err);
    if (!first)
        return status;
    *ret_end = pc + (first->guest_size_bytes ? first->guest_size_bytes : 2);
    push_successors(walk, first);
    while (walk->count > 0) {
        struct place next = walk->places[--walk->count];
        struct tb *known = cache->stats.flushes == flushes ? next.tb : NULL;
        if (known && known->tier != TB_TIER_NONE)
            continue; /* a walk began there */
        struct tb *tb = translate_at(thread, next.pc, known, &status, err);
        if (!tb)
            return status;
        push_successors(walk, tb);
    }
    return STATUS_OK;
}

/* Of the calling thread, in user and system mode: unlike wall time it does not count what others do
 * on the same processors. */
static uint64_t cpu_time_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void summarise(const struct exec *exec, struct exec_translation *ret_translation)
{
    for (int tier = 0; tier < TB_TIER_COUNT; tier++) {
        ret_translation->blocks += exec->stats[tier].compiled;
        ret_translation->guest_insns += exec->stats[tier].guest_insns;
        ret_translation->code_bytes += exec->stats[tier].code_bytes;
    }
}

enum status exec_translate_range(struct exec *exec, struct vcpu *vcpu, uint64_t start, uint64_t end,
                                 struct exec_translation *ret_translation, struct error *err)
{
    struct walk walk = {.start = start, .size_bytes = end - start};
    walk.met = calloc(walk.size_bytes / (PC_UNIT * WORD_BITS) + 1, sizeof *walk.met);
    CHECK(walk.met, "out of memory");
    uint64_t start_ticks = exec_ticks(), start_ns = cpu_time_ns();
    enum status status = STATUS_OK;
    for (uint64_t pc = start; pc < end && status == STATUS_OK;)
        status = walk_from(vcpu->owner, &walk, pc, &pc, err);
    free(walk.places);
    free(walk.met);
    if (status != STATUS_OK)
        return status;
    struct exec_translation translation = {.time_ns = cpu_time_ns() - start_ns};
    double ns_per_tick =
        (double)translation.time_ns / (double)(exec_ticks() - start_ticks);
    for (int stage = 0; stage < EXEC_STAGE_COUNT; stage++)
        translation.stage_ns[stage] = (uint64_t)((double)exec->stage_ticks[stage] * ns_per_tick);
    summarise(exec, &translation);
    *ret_translation = translation;
    return STATUS_OK;
}
