/* Drafts: code for a block whose instructions are steps, made in one walk and without IR.
 *
 * The walk goes on behind branches that are not taken, as far as there is no code for what follows, and a
 * step's code stands for itself. So an instruction in the middle of a draft can be entered: a block that
 * begins there leads into the code of the draft (draft_map.c). */
#include "tier1/draft.h"

enum {
    MAX_BEGIN_BYTES = 256, /* prologue with statistics, and the entry slot's padding */
    MAX_END_BYTES = 192,
};

bool t1_can_draft(const struct t1 *t)
{
    const struct tier_options *options = t->options;
    return t->features & T1_BMI2 && options->is_pinning && options->is_pinning_float &&
           options->is_caching_registers && options->is_folding && options->is_hinting;
}

/* ---- the walk ---- */

static bool is_branch(const struct ir_step *step)
{
    return step->op >= STEP_eq && step->op <= STEP_ge_u;
}

/* A draft goes on behind a branch, unless there is code for what follows. */
static bool goes_on(const struct draft *d, uint64_t next_pc)
{
    if (!d->t->options->has_long_drafts)
        return false;
    const struct tb *next = tb_find(d->t->cache, next_pc, d->t->tb->mode);
    return !next || next->tier == TB_TIER_NONE;
}

/* Guest instructions of the draft up to the next that ends a block, for the count of those that were
 * executed. */
static uint32_t count_insns(const struct tier_draft *job, uint32_t at)
{
    uint32_t length = 0;
    while (length < job->max_insns && job->available_bytes - at >= 4) {
        uint32_t bits;
        memcpy(&bits, job->bytes + at, sizeof bits);
        struct ir_step step = job->step(bits);
        at += step.size_bytes;
        length += step.op != STEP_none;
        if (step.op == STEP_none || step.op >= STEP_FIRST_END)
            break;
    }
    return length;
}

/* Does the step nothing but write register 0? Loads may fault; jumps go on without it. */
static bool is_idle(const struct ir_step *step)
{
    return step->rd == 0 && step->op < STEP_FIRST_ACCESS;
}

/* Where a block began on the way. */
struct halt {
    uint32_t at, length; /* guest bytes and instructions before it */
    uint32_t faults, exits;
    uint8_t *out;
};

static struct halt halt_here(const struct t1 *t, uint8_t *out, uint32_t at, uint32_t length)
{
    return (struct halt){at, length, t->fault_count, t->exit_count, out};
}

/* Behind a branch that the draft goes on behind. */
static uint8_t *go_on(struct draft *d, const struct tier_draft *job, uint8_t *out, uint32_t at)
{
    struct t1 *t = d->t;
    d->known = 1;
    if (!t->options->is_counting_stats)
        return out;
    t->x.out = out;
    t1_count_insns(t, count_insns(job, at));
    return t->x.out;
}

/* The draft ends where the latest block began, since that makes no part of it. */
static uint8_t *end_at(struct draft *d, const struct halt *halt)
{
    struct t1 *t = d->t;
    t->fault_count = halt->faults;
    t->exit_count = halt->exits;
    t->guest_length = halt->length;
    t->guest_size_bytes = halt->at;
    d->last = (struct ir_step){.op = STEP_jump, .detail = IR_BRANCH_JUMP};
    d->is_jump = true;
    return draft_put_jump(d, halt->out, t->guest_pc + halt->at);
}

/* The indirect exit at hand, which ends at end_pc, belongs to the TB of the latest block. */
static void leave_from(struct draft *d, const struct halt *halt, uint64_t end_pc)
{
    struct t1 *t = d->t;
    struct tb *tb =
        halt->length ? tb_reference(t->cache, t->guest_pc + halt->at, t->tb->mode) : NULL;
    if (!tb)
        return;
    t->last_tb = tb;
    tb_note_end(tb, end_pc);
}

/* Emits the instructions up to where the draft ends. False: they make none. There is room for as many as a
 * draft may have. */
static bool walk(struct draft *d, const struct tier_draft *job)
{
    struct t1 *t = d->t;
    uint8_t *out = t->x.out;
    const uint8_t *bytes = job->bytes;
    uint32_t at = 0, length = 0;
    uint32_t limit = job->max_insns < DRAFT_MAX_INSNS ? job->max_insns : DRAFT_MAX_INSNS;
    struct halt halt = {0};
    d->begin = x64_offset(&t->x);
    d->last.op = STEP_none;
    d->is_jump = false;
    while (length < limit && job->available_bytes - at >= 4) {
        uint32_t bits;
        memcpy(&bits, bytes + at, sizeof bits);
        struct ir_step step = job->step(bits);
        bool is_entry = d->known == 1; /* or what follows may be made of numbers set before */
        uint8_t *begin = out;
        d->offset = at;
        d->pc = t->guest_pc + at;
        if (step.op == STEP_none)
            break;
        at += step.size_bytes;
        if (step.op >= STEP_FIRST_END) {
            d->next_pc = t->guest_pc + at;
            if (is_branch(&step) && goes_on(d, d->next_pc)) {
                out = draft_put_side_exit(d, out, step);
                halt = halt_here(t, out, at, length + 1);
                out = go_on(d, job, out, at);
            } else {
                if (step.op == STEP_jump_reg)
                    leave_from(d, &halt, d->next_pc);
                out = draft_put_step(d, out, step);
                d->last = step;
            }
        } else if (!is_idle(&step)) {
            out = draft_put_step(d, out, step);
        }
        d->way[length++] = draft_way((uint32_t)(out - begin), step.size_bytes == 4, is_entry);
        if (d->last.op != STEP_none)
            break;
    }
    bool is_cut = d->last.op == STEP_none && halt.length == 0 && length == job->max_insns;
    if (is_cut)
        halt = halt_here(t, out, at, length);
    t->guest_length = length;
    t->guest_size_bytes = at;
    if (d->last.op == STEP_none && halt.length > 0)
        out = end_at(d, &halt);
    t->x.out = out;
    d->last_at = halt.at;
    bool is_indirect = d->last.op == STEP_jump_reg && !d->is_jump;
    d->entries = is_cut ? 0 : is_indirect ? halt.length : t->guest_length;
    return d->last.op != STEP_none;
}

/* ---- the draft ---- */

static bool begin(struct t1 *t, const struct tier_draft *job, size_t most_bytes)
{
    t1_need(t, DRAFT_MAX_EXITS);
    t->tb = t->last_tb = job->tb;
    t->block = NULL;
    t->is_counted = true;
    t->guest_pc = job->tb->pc;
    t->exits_planned = DRAFT_MAX_EXITS;
    t->exit_count = 0;
    t->fault_count = 0;
    t->faults = arena_reserve(&t->cache->arena, DRAFT_MAX_INSNS * sizeof *t->faults);
    return t1_reserve(t, most_bytes) && x64_room(&t->x, (ptrdiff_t)most_bytes);
}

/* They will be looked up soon, and their code be translated perhaps. */
static void expect_exits(const struct draft *d, const struct tier_draft *job)
{
    for (uint32_t i = 0; i < d->t->exit_count; i++) {
        tb_expect(d->t->cache, d->exit_pc[i]);
        __builtin_prefetch(job->bytes + (d->exit_pc[i] - job->tb->pc));
    }
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
        struct tb *to = tb_reference(t->cache, d->exit_pc[i], t->tb->mode);
        if (!to)
            return false;
        tb_link(t->cache, code, to, (uint8_t *)(uintptr_t)(code->start + t->exits[i].site),
                TB_LINK_JUMP);
    }
    return true;
}

/* Fills in what the job tells of the draft. False: there is to be none. */
static bool is_accepted(const struct draft *d, struct tier_draft *job)
{
    job->guest_size_bytes = d->t->guest_size_bytes;
    job->guest_length = d->t->guest_length;
    job->is_jump = d->is_jump;
    job->jump_pc = d->is_jump ? d->exit_pc[d->t->exit_count - 1] : 0;
    job->is_call = d->is_jump && d->last.detail == IR_BRANCH_CALL;
    return !(job->is_call && job->refuses && job->refuses(job->context, job->jump_pc));
}

static enum status make(struct t1 *t, struct tier_draft *job, struct error *err)
{
    struct draft d; /* numbers are set when they are known */
    d.t = t;
    d.known = 1;
    d.value[0] = 0;
    if (!begin(t, job, MAX_BEGIN_BYTES + MAX_END_BYTES + DRAFT_MAX_INSNS * DRAFT_MAX_STEP_BYTES))
        return error_set(err, STATUS_CODE_FULL, "code memory is full");
    if (t->options->is_counting_stats)
        t->guest_length = count_insns(job, 0);
    t1_emit_prologue(t);
    bool is_draft = walk(&d, job) && is_accepted(&d, job);
    if (!is_draft || t->x.failed) {
        code_trim(t->cache->memory, x64_here(&t->x) - x64_offset(&t->x));
        return t->x.failed ? error_set(err, STATUS_CODE_FULL, "code memory is full") : STATUS_REJECTED;
    }
    expect_exits(&d, job);
    struct tb_code *code = take_code(t);
    code->last_half_words = (uint8_t)(d.last_at / 2);
    if (!link_exits(&d, code))
        return error_set(err, STATUS_CODE_FULL, "code memory is full");
    if (d.entries > 0)
        draft_map_add(&d, code);
    tb_publish(t->cache, code, code->start);
    return STATUS_OK;
}

/* The TB's code leads into that of another draft, which has its instructions already. */
static enum status enter(struct t1 *t, struct tier_draft *job, const struct draft_entry *entry,
                         struct error *err)
{
    if (!begin(t, job, 2 * MAX_BEGIN_BYTES))
        return error_set(err, STATUS_CODE_FULL, "code memory is full");
    t->guest_length = t->options->is_counting_stats ? count_insns(job, 0) : 0;
    t->guest_size_bytes = entry->size_bytes;
    t1_emit_prologue(t);
    x64_jmp_to(&t->x, entry->place);
    uint8_t *site = x64_here(&t->x) - 4;
    job->guest_size_bytes = entry->size_bytes;
    job->guest_length = 0;
    job->is_jump = false;
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
