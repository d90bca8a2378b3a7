/* The walk over the guest's code that makes a draft's.
 *
 * The walk goes on behind branches and calls, as far as there is no code for what follows: most of what they
 * skip or come back to runs soon. (What lies behind other jumps often never does.) A branch that goes forward to
 * what the draft comes to have is a jump inside it, a join; those that go backward lead to the TB that begins
 * there, so every cycle is counted somewhere. */
#include "tier1/draft.h"

#include <stddef.h>

enum { CACHE_LINE_BYTES = 64 };

static bool is_branch(const struct ir_step *step)
{
    return step->op >= STEP_eq && step->op <= STEP_ge_u;
}

/* Is there no code for what follows? */
static bool is_new(const struct draft *d, uint64_t pc)
{
    const struct tb *next = tb_find(d->t->cache, pc, d->t->tb->mode);
    return !next || next->tier == TB_TIER_NONE;
}

static const struct ir_step *step_at(const struct tier_draft *job, uint32_t at)
{
    uint32_t bits;
    memcpy(&bits, job->bytes + at, sizeof bits);
    return job->step(bits);
}

static bool has_step(const struct tier_draft *job, uint32_t at)
{
    return job->available_bytes - at >= 4;
}

/* ---- pieces ---- */

/* Up to the next that ends a piece, or to where another begins. */
static uint32_t count_insns(const struct tier_draft *job, uint32_t at, uint32_t next_join)
{
    uint32_t length = 0;
    while (length < DRAFT_MAX_INSNS && at < next_join && has_step(job, at)) {
        const struct ir_step *step = step_at(job, at);
        at += step->size_bytes;
        length += step->op != STEP_none;
        if (step->op == STEP_none || step->op >= STEP_FIRST_END)
            break;
    }
    return length;
}

uint32_t draft_first_insns(const struct tier_draft *job)
{
    return count_insns(job, 0, UINT32_MAX);
}

static void mark_piece(struct draft *d, const uint8_t *out)
{
    d->mark[d->mark_count++] = (struct draft_mark){(uint16_t)d->offset, (uint16_t)d->length,
                                                   (uint16_t)(out - d->t->x.start)};
}

/* Leads the joins that wait for the instruction at hand to `out`. */
static void lead_joins(struct draft *d, uint8_t *out)
{
    uint32_t kept = 0, next = UINT32_MAX;
    for (uint32_t i = 0; i < d->join_count; i++) {
        struct draft_join waiting = d->join[i];
        if (waiting.at == d->offset) {
            x64_patch_rel32(&d->t->x, waiting.site + 4, (uint32_t)(out - d->t->x.start));
            continue;
        }
        d->join[kept++] = waiting;
        next = waiting.at < next ? waiting.at : next;
    }
    d->join_count = kept;
    d->next_join = next;
}

/* A basic block begins with the instruction at hand, of which nothing is known before; is_reached: by the code
 * before it. Whoever enters it does so behind what counts it. */
static uint8_t *begin_piece(struct draft *d, uint8_t *out, bool is_reached)
{
    struct t1 *t = d->t;
    d->known = 1;
    __builtin_prefetch(d->job->bytes + d->offset + 2 * CACHE_LINE_BYTES);
    if (d->offset == d->next_join) {
        lead_joins(d, out);
        is_reached = true;
    }
    d->halt = (struct draft_halt){.at = d->offset,
                                  .length = d->length,
                                  .faults = t->fault_count,
                                  .exits = t->exit_count,
                                  .joins = d->join_count,
                                  .is_reached = is_reached,
                                  .out = out};
    if (t->options->is_counting_stats) {
        t->x.out = out;
        t1_count_insns(t, count_insns(d->job, d->offset, d->next_join));
        out = t->x.out;
    }
    mark_piece(d, out);
    return out;
}

/* ---- joins ---- */

/* Its record will be looked up soon, and its code be translated perhaps. */
static void expect(const struct draft *d, uint64_t pc)
{
    tb_expect(d->t->cache, pc);
    __builtin_prefetch(d->job->bytes + (pc - d->t->guest_pc));
}

/* The latest exit goes forward: to code of this draft, should it come so far. */
static void make_join(struct draft *d)
{
    struct t1 *t = d->t;
    uint64_t at = d->exit[t->exit_count - 1].pc - t->guest_pc;
    if (!t->options->has_function_drafts || at <= d->offset || at >= d->job->available_bytes) {
        expect(d, d->exit[t->exit_count - 1].pc);
        return;
    }
    d->join[d->join_count++] = (struct draft_join){(uint32_t)at, t->exits[--t->exit_count].site};
    d->next_join = at < d->next_join ? (uint32_t)at : d->next_join;
}

/* A basic block begins with the instruction at hand, in the middle of what looked like one. */
static uint8_t *join(struct draft *d, uint8_t *out)
{
    if (d->t->options->is_counting_stats) /* the rest of the piece is counted here */
        draft_close_way(d, d->halt.length, d->length);
    return begin_piece(d, out, true);
}

/* What waits for instructions that the draft has not got leaves it. */
static void leave_joins(struct draft *d)
{
    struct t1 *t = d->t;
    for (uint32_t i = 0; i < d->join_count; i++) {
        d->exit[t->exit_count] = (struct draft_exit){t->guest_pc + d->join[i].at, DRAFT_BRANCH, 0};
        expect(d, d->exit[t->exit_count].pc);
        t->exits[t->exit_count++] = (struct t1_exit){d->join[i].site, NULL};
    }
}

/* ---- ends of pieces ---- */

/* The indirect exit at hand belongs to the TB of the latest block: so nobody enters that on its way. */
static void leave_from_halt(struct draft *d)
{
    struct t1 *t = d->t;
    struct tb *tb = d->halt.length
                        ? tb_reference(t->cache, t->guest_pc + d->halt.at, t->tb->mode)
                        : t->tb;
    if (!tb)
        return;
    t->last_tb = tb;
    tb_note_end(tb, d->next_pc);
    draft_close_way(d, d->halt.length + 1, d->length);
}

static __attribute__((noinline)) bool is_refused(const struct draft *d, const struct ir_step *step)
{
    const struct tier_draft *job = d->job;
    bool is_known = step->op == STEP_jump || (step->op == STEP_jump_reg && draft_knows(d, step->rs1));
    return is_known && step->detail == IR_BRANCH_CALL &&
           job->refuses(job->context, draft_destination(d, step));
}

static uint8_t *put_branch(struct draft *d, uint8_t *out, const struct ir_step *step)
{
    struct t1 *t = d->t;
    d->is_going_on = t->options->has_long_drafts && is_new(d, d->next_pc);
    out = draft_put_side_exit(d, out, step);
    make_join(d);
    if (!d->is_going_on)
        out = draft_put_jump(d, out, d->next_pc, DRAFT_JUMP);
    return out;
}

/* A jump, call, return or trap. */
static uint8_t *put_leap(struct draft *d, uint8_t *out, const struct ir_step *step)
{
    struct t1 *t = d->t;
    uint32_t exits = t->exit_count;
    bool is_call = step->op != STEP_trap && step->rd;
    if (step->op == STEP_jump_reg && !draft_knows(d, step->rs1))
        leave_from_halt(d);
    out = draft_put[step->op](d, out, step);
    if (t->exit_count > exits && is_call)
        expect(d, d->exit[exits].pc);
    else if (t->exit_count > exits)
        make_join(d);
    d->is_going_on = is_call && t->options->has_function_drafts && is_new(d, d->next_pc);
    return out;
}

/* Before the latest block, since that makes no part of the draft. */
static uint8_t *end_at_halt(struct draft *d)
{
    struct t1 *t = d->t;
    t->fault_count = d->halt.faults;
    t->exit_count = d->halt.exits;
    d->join_count = d->halt.joins;
    d->offset = d->halt.at;
    d->length = d->halt.length;
    if (!d->halt.is_reached)
        return d->halt.out;
    return draft_put_jump(d, d->halt.out, t->guest_pc + d->offset, DRAFT_JUMP);
}

/* ---- all ---- */

uint32_t draft_limit(const struct t1 *t, const struct tier_draft *job)
{
    bool is_roomy = t->cache->memory->code_limit >= 16 * DRAFT_MAX_INSNS * DRAFT_MAX_STEP_BYTES;
    if (job->max_insns < DRAFT_BLOCK_INSNS)
        return job->max_insns;
    return t->options->has_function_drafts && is_roomy ? DRAFT_MAX_INSNS : DRAFT_BLOCK_INSNS;
}

/* Steps as far as they only go to the next. Gives the first that does not, of which nothing is done yet;
 * NULL where the draft can have no more. */
static const struct ir_step *put_run(struct draft *d, uint8_t **place, uint32_t limit)
{
    const struct tier_draft *job = d->job;
    uint32_t at = d->offset, length = d->length;
    uint8_t *out = *place;
    while (length < limit && has_step(job, at)) {
        d->offset = at;
        d->length = length;
        if (at == d->next_join)
            out = join(d, out);
        const struct ir_step *step = step_at(job, at);
        unsigned op = step->op, size_bytes = step->size_bytes;
        if (op == STEP_none || op >= STEP_FIRST_END) {
            *place = out;
            return op == STEP_none ? NULL : step;
        }
        uint8_t *begin = out;
        d->is_bound = false;
        bool is_idle = step->rd == 0 && op < STEP_FIRST_ACCESS; /* loads may fault */
        if (!is_idle)
            out = draft_put[op](d, out, step);
        d->way[length++] = draft_way((uint32_t)(out - begin), size_bytes == 4, !d->is_bound);
        at += size_bytes;
    }
    d->offset = at;
    d->length = length;
    *place = out;
    return NULL;
}

/* The instruction at hand, which ends a piece, and what counts the next. */
static __attribute__((noinline)) uint8_t *put_end(struct draft *d, uint8_t *out, const struct ir_step *step)
{
    const uint8_t *begin = out;
    bool is_first = d->length == d->halt.length; /* of its piece */
    d->is_bound = step->op == STEP_jump_reg && !is_first;
    d->next_pc = draft_pc(d) + step->size_bytes;
    out = is_branch(step) ? put_branch(d, out, step) : put_leap(d, out, step);
    d->way[d->length++] =
        draft_way((uint32_t)(out - begin) % DRAFT_WAY_BYTES, step->size_bytes == 4, !d->is_bound);
    d->offset += step->size_bytes;
    return d->is_going_on ? begin_piece(d, out, is_branch(step)) : out;
}

/* Exits may have more bytes than there is room for on the average. */
static bool has_room(const struct draft *d, const uint8_t *out, uint32_t limit)
{
    size_t steps_bytes = (limit - d->length) * (size_t)DRAFT_MAX_STEP_BYTES;
    return (size_t)(d->t->x.limit - out) >= DRAFT_MAX_END_BYTES + steps_bytes;
}

bool draft_walk(struct draft *d)
{
    struct t1 *t = d->t;
    uint8_t *out = t->x.out;
    uint32_t limit = draft_limit(t, d->job);
    mark_piece(d, out);
    while (d->is_going_on) {
        const struct ir_step *step = put_run(d, &out, limit);
        if (!step || !has_room(d, out, limit) ||
            (d->job->refuses && is_refused(d, step)))
            break;
        out = put_end(d, out, step);
    }
    bool is_first = d->halt.length == 0;
    bool is_cut = d->is_going_on && is_first && d->length == limit;
    if (d->is_going_on && is_first && !is_cut)
        return false;
    if (is_cut)
        out = begin_piece(d, out, true);
    if (d->is_going_on)
        out = end_at_halt(d);
    leave_joins(d);
    t->guest_length = d->length;
    t->guest_size_bytes = d->offset;
    t->x.out = out;
    d->entries = is_cut ? 0 : d->length;
    return true;
}
