/* Drafts: code for a block whose instructions are steps, made in one walk and without IR.
 *
 * The walk goes on into the blocks that follow (draft_walk.c), and a step's code stands for itself
 * (draft_step.c). So an instruction in the middle of a draft can be entered: a block that begins there leads
 * into the code of the draft (draft_map.c). */
#include "tier1/draft.h"

#include "src/base/check.h"

enum { MAX_BEGIN_BYTES = 256 }; /* prologue with statistics, and the entry slot's padding */

bool t1_can_draft(const struct t1 *t)
{
    const struct tier_options *options = t->options;
    return t->features & T1_BMI2 && options->is_pinning && options->is_pinning_float &&
           options->is_caching_registers && options->is_folding && options->is_hinting;
}

/* ---- the draft ---- */

static bool begin(struct t1 *t, const struct tier_draft *job, size_t most_bytes)
{
    t1_need(t, DRAFT_MAX_EXITS);
    t->tb = t->last_tb = job->tb;
    t->block = NULL;
    t->is_counted = true;
    t->guest_pc = job->tb->pc;
    t->exits_planned = draft_limit(t, job) + 1;
    t->exit_count = 0;
    t->fault_count = 0;
    __builtin_prefetch(job->bytes + 64);
    t->faults = arena_reserve(&t->cache->arena, DRAFT_MAX_INSNS * sizeof *t->faults);
    return t1_reserve(t, most_bytes) && x64_room(&t->x, (ptrdiff_t)most_bytes);
}

/* What has been emitted as the TB's code. */
static struct tb_code *take_code(struct t1 *t)
{
    uint32_t size_bytes = x64_offset(&t->x);
    code_trim(t->cache->memory, x64_here(&t->x));
    struct tb_code *code = t1_new_code(t, x64_here(&t->x) - size_bytes, size_bytes);
    code->is_draft = true;
    return code;
}

/* False: there is no place for a record of a successor. */
static bool link_exits(struct draft *d, struct tb_code *code)
{
    struct t1 *t = d->t;
    for (uint32_t i = 0; i < t->exit_count; i++) {
        const struct draft_exit *exit = &d->exit[i];
        struct tb *to = tb_reference(t->cache, exit->pc, t->tb->mode);
        if (!to)
            return false;
        if (exit->kind != DRAFT_BRANCH)
            tb_note_use(to, t->guest_pc + exit->block_at, exit->kind == DRAFT_CALL);
        tb_link(t->cache, code, to, (uint8_t *)(uintptr_t)(code->start + t->exits[i].site),
                TB_LINK_JUMP)->block_offset = exit->block_at;
    }
    return true;
}

static void draft_init(struct draft *d, struct t1 *t, const struct tier_draft *job)
{
    d->t = t;
    d->job = job;
    d->offset = d->length = 0;
    d->known = 1;
    d->value[0] = 0;
    d->set_by[0] = 0;
    d->halt = (struct draft_halt){0};
    d->join_count = 0;
    d->mark_count = 0;
    d->next_join = UINT32_MAX;
    d->is_going_on = true;
}

static enum status make(struct t1 *t, struct tier_draft *job, struct error *err)
{
    struct draft d; /* numbers are set when they are known */
    draft_init(&d, t, job);
    if (!begin(t, job, MAX_BEGIN_BYTES + 2 * DRAFT_MAX_END_BYTES + draft_limit(t, job) * DRAFT_MAX_STEP_BYTES))
        return error_set(err, STATUS_CODE_FULL, "code memory is full");
    if (t->options->is_counting_stats)
        t->guest_length = draft_first_insns(job);
    t1_emit_prologue(t);
    if (!draft_walk(&d) || t->x.failed) {
        code_trim(t->cache->memory, x64_here(&t->x) - x64_offset(&t->x));
        return t->x.failed ? error_set(err, STATUS_CODE_FULL, "code memory is full") : STATUS_REJECTED;
    }
    CHECK(t->x.out <= t->x.limit, "a draft has more code than there is room for");
    struct tb_code *code = take_code(t);
    if (!link_exits(&d, code))
        return error_set(err, STATUS_CODE_FULL, "code memory is full");
    if (d.entries > 0)
        draft_map_add(&d, code);
    tb_publish(t->cache, code, code->start);
    job->guest_size_bytes = t->guest_size_bytes;
    job->guest_length = t->guest_length;
    return STATUS_OK;
}

/* The TB's code leads into that of another draft, which has its instructions already. */
static enum status enter(struct t1 *t, struct tier_draft *job, const struct draft_entry *entry,
                         struct error *err)
{
    if (!begin(t, job, 2 * MAX_BEGIN_BYTES))
        return error_set(err, STATUS_CODE_FULL, "code memory is full");
    t->guest_length = t->options->is_counting_stats ? draft_first_insns(job) : 0;
    t->guest_size_bytes = entry->size_bytes;
    t1_emit_prologue(t);
    x64_jmp_to(&t->x, entry->place);
    uint8_t *site = x64_here(&t->x) - 4;
    job->guest_size_bytes = entry->size_bytes;
    job->guest_length = 0;
    struct tb_code *code = take_code(t);
    tb_link(t->cache, code, entry->tb, site, TB_LINK_INSIDE);
    tb_publish(t->cache, code, code->start);
    return STATUS_OK;
}

enum status t1_draft(struct t1 *t, struct tier_draft *job, struct error *err)
{
    struct draft_entry entry;
    bool is_inside =
        t->options->has_long_drafts && draft_map_find(t, job->tb->pc, job->tb->mode, &entry);
    return is_inside ? enter(t, job, &entry, err) : make(t, job, err);
}
