/* The IR of a routine.
 *
 *   leave to the header unless what was taken for granted holds
 *   count := whole iterations that the counters allow, at most ROUTINE_MAX_BYTES worth
 *   search, probe, copy, fill: each may lessen the count; leave when nothing is left
 *   compute all registers as the last of these iterations leaves them, then write them
 *   go on at the header
 *
 * Registers are written after everything that can fault, and only whole iterations are counted, so
 * the guest is at the header in all that anybody can see. What a bulk operation has stored when
 * iterations are not counted is stored again, the same, by the loop's own code. */
#include "src/opt/routine_internal.h"

#include <string.h>

enum {
    ROUTINE_MAX_BYTES = 65536, /* a signal waits for so much at most */
    PAGE_BYTES = 4096,
};

struct emitter {
    const struct routine_loop *loop;
    const struct routine_plan *plan;
    struct ir_builder builder;
    ir_ref refusal;                /* not 0: the routine is not for this case; IR_NONE: for all */
    ir_ref count;                  /* of iterations */
    ir_ref last_reg[ROUTINE_REGS]; /* registers at the header of the last iteration, or IR_NONE */
    ir_ref final[ROUTINE_REGS];    /* what the last iteration leaves in registers it writes */
    ir_ref last[ROUTINE_MAX_INSNS]; /* values of the iteration in the last one, or IR_NONE */
};

/* ---- shorthand ---- */

static ir_ref number(struct emitter *e, uint64_t value)
{
    return ir_const(&e->builder, IR_I64, value);
}
static ir_ref binary(struct emitter *e, enum ir_op op, ir_ref a, ir_ref b)
{
    return ir_binary(&e->builder, op, IR_I64, a, b);
}
static ir_ref with_number(struct emitter *e, enum ir_op op, ir_ref a, uint64_t b)
{
    return binary(e, op, a, number(e, b));
}
static ir_ref bulk(struct emitter *e, enum ir_bulk kind, ir_ref a, ir_ref b, ir_ref length)
{
    return ir_emit3(&e->builder, IR_bulk, IR_I64, a, b, length, kind);
}

static ir_ref reg_now(struct ir_builder *builder, unsigned reg)
{
    return ir_get_reg(builder, IR_I64, reg);
}

/* regs: the registers' values, or NULL for those of now. */
static ir_ref sum_value(struct ir_builder *builder, const struct routine_sum *sum,
                        const ir_ref *regs)
{
    ir_ref value = ir_const(builder, IR_I64, sum->offset);
    for (uint32_t i = 0; i < sum->term_count; i++) {
        unsigned reg = sum->terms[i].reg & (ROUTINE_REGS - 1);
        int factor = sum->terms[i].factor;
        ir_ref term = regs ? regs[reg] : reg_now(builder, reg);
        if (sum->terms[i].reg & ROUTINE_BYTES_OF)
            term = ir_binary(builder, IR_shr, IR_I64, term, ir_const(builder, IR_I64, 3));
        if (factor != 1 && factor != -1)
            term = ir_binary(builder, IR_mul, IR_I64, term,
                             ir_const(builder, IR_I64, (uint64_t)(int64_t)factor));
        value = ir_binary(builder, factor == -1 ? IR_sub : IR_add, IR_I64, value, term);
    }
    return value;
}

static ir_ref sum_now(struct emitter *e, const struct routine_sum *sum)
{
    return sum_value(&e->builder, sum, NULL);
}

static void leave_if(struct emitter *e, ir_ref condition)
{
    ir_emit3(&e->builder, IR_exit_if, IR_VOID, condition, IR_NONE, IR_BRANCH_JUMP,
             e->loop->block->guest_pc);
}

/* Not 0: refused. */
static void refuse_if(struct emitter *e, ir_ref value)
{
    e->refusal = e->refusal == IR_NONE ? value : binary(e, IR_or, e->refusal, value);
}

static void leave_if_refused(struct emitter *e)
{
    if (e->refusal != IR_NONE)
        leave_if(e, e->refusal);
    e->refusal = IR_NONE;
}

static ir_ref load_place(struct emitter *e, const struct routine_place *place, ir_ref address)
{
    return ir_emit3(&e->builder, IR_load, IR_I64, address, IR_NONE,
                    ir_memop(place->size_log2, place->is_signed, 0), 0);
}

/* ---- conditions ---- */

static void emit_check(struct emitter *e, const struct routine_check *check)
{
    ir_ref a = sum_now(e, &check->a);
    switch (check->kind) {
    case CHECK_EQUAL:
        refuse_if(e, binary(e, IR_xor, a, sum_now(e, &check->b)));
        break;
    case CHECK_ALIGNED:
        refuse_if(e, with_number(e, IR_and, a, check->b.offset));
        break;
    case CHECK_REPEATED: {
        ir_ref byte = with_number(e, IR_and, a, 0xff);
        ir_ref repeated = with_number(e, IR_mul, byte, UINT64_C(0x0101010101010101));
        refuse_if(e, binary(e, IR_xor, a, repeated));
        break;
    }
    case CHECK_SHIFTS: {
        ir_ref both = binary(e, IR_add, a, sum_now(e, &check->b));
        refuse_if(e, with_number(e, IR_and, both, 63));
        refuse_if(e, with_number(e, IR_and, a, 7));
        refuse_if(e, with_number(e, IR_ge_u, with_number(e, IR_sub, a, 8), 56));
        break;
    }
    case CHECK_LOADED:
        refuse_if(e, binary(e, IR_xor, a, load_place(e, &check->place,
                                                     sum_now(e, &check->place.at))));
        break;
    }
}

/* Sets the count, and refuses when the first iteration's counters leave. */
static void emit_counts(struct emitter *e)
{
    e->count = number(e, ROUTINE_MAX_BYTES / e->plan->stride);
    for (uint32_t i = 0; i < e->loop->count_count; i++) {
        const struct routine_count *count = &e->loop->counts[i];
        if (count->op != IR_eq || count->step == 0)
            refuse_if(e, binary(e, count->op, sum_now(e, &count->a), sum_now(e, &count->b)));
        if (count->step == 0)
            continue;
        ir_ref iterations =
            with_number(e, IR_div_u, sum_now(e, &count->distance), count->step);
        e->count = binary(e, IR_min_u, e->count, iterations);
    }
    refuse_if(e, with_number(e, IR_lt_u, e->count, e->plan->least_iterations));
}

static ir_ref counted_bytes(struct emitter *e)
{
    return with_number(e, IR_mul, e->count, e->plan->stride);
}

/* Of the bytes that were done, `ahead` are only looked at by the last iteration. */
static void count_from_bytes(struct emitter *e, ir_ref bytes, uint64_t ahead)
{
    leave_if(e, with_number(e, IR_lt_u, bytes, ahead + e->plan->stride));
    e->count = with_number(e, IR_div_u, with_number(e, IR_sub, bytes, ahead), e->plan->stride);
}

/* ---- searches ---- */

/* The bytes to look for, one beside the other. */
static ir_ref emit_stops(struct emitter *e)
{
    ir_ref stops = IR_NONE;
    for (unsigned i = 0; i < ROUTINE_MAX_STOPS; i++) {
        const struct routine_stop *stop =
            &e->loop->stops[i < e->loop->stop_count ? i : e->loop->stop_count - 1];
        ir_ref byte = with_number(e, IR_xor, sum_now(e, &stop->byte), stop->flipped);
        byte = with_number(e, IR_and, byte, 0xff);
        byte = with_number(e, IR_shl, byte, 8 * i);
        stops = stops == IR_NONE ? byte : binary(e, IR_or, stops, byte);
    }
    return stops;
}

static void emit_search(struct emitter *e)
{
    const struct routine_plan *plan = e->plan;
    ir_ref length = with_number(e, IR_add, counted_bytes(e), plan->ahead);
    ir_ref start = sum_now(e, &plan->start), bytes;
    if (plan->has_match)
        bytes = bulk(e, plan->has_find ? IR_BULK_MATCH_Z : IR_BULK_MATCH, start,
                     sum_now(e, &plan->other_start), length);
    else
        bytes = bulk(e, IR_BULK_FIND, start, emit_stops(e), length);
    count_from_bytes(e, bytes, plan->ahead);
}

/* ---- registers afterwards ---- */

static ir_ref stepped(struct emitter *e, unsigned reg, ir_ref iterations)
{
    int64_t step = (int64_t)e->loop->reg[reg].step;
    ir_ref distance = with_number(e, IR_mul, iterations, (uint64_t)(step < 0 ? -step : step));
    return binary(e, step < 0 ? IR_sub : IR_add, reg_now(&e->builder, reg), distance);
}

/* The register at the header of the last iteration. */
static ir_ref last_reg(struct emitter *e, unsigned reg)
{
    const struct routine_reg *known = &e->loop->reg[reg];
    if (e->last_reg[reg] != IR_NONE)
        return e->last_reg[reg];
    switch (known->role) {
    case ROLE_UNKNOWN: /* not read */
    case ROLE_FIXED:
        return e->last_reg[reg] = reg_now(&e->builder, reg);
    case ROLE_STEPPING:
        return e->last_reg[reg] = stepped(e, reg, with_number(e, IR_sub, e->count, 1));
    case ROLE_FOLLOWING:
    case ROLE_LOADED:
        break;
    }
    const struct routine_sum *sum = &known->place.at;
    for (uint32_t i = 0; i < sum->term_count; i++)
        last_reg(e, sum->terms[i].reg);
    ir_ref value = sum_value(&e->builder, sum, e->last_reg);
    if (known->role == ROLE_LOADED)
        value = load_place(e, &known->place, value);
    return e->last_reg[reg] = value;
}

/* The value of the iteration in the last one. */
static ir_ref last_value(struct emitter *e, ir_ref ref)
{
    if (e->last[ref] != IR_NONE)
        return e->last[ref];
    struct ir_insn insn = *routine_insn(e->loop, ref);
    const struct ir_op_info *info = &ir_op_info[insn.op];
    if (insn.op == IR_get_reg)
        return e->last[ref] = last_reg(e, (unsigned)insn.imm);
    if (insn.op == IR_const)
        return e->last[ref] = ir_const(&e->builder, (enum ir_type)insn.type, insn.imm);
    if (insn.op == IR_load)
        insn.c = ir_memop(ir_memop_size_log2(insn.c), ir_memop_is_signed(insn.c), 0);
    if (info->operand_count > 0)
        insn.a = last_value(e, insn.a);
    if (info->operand_count > 1)
        insn.b = last_value(e, insn.b);
    if (info->operand_count > 2)
        insn.c = last_value(e, insn.c);
    return e->last[ref] = ir_emit(&e->builder, insn);
}

/* The registers that the last iteration leaves, to be written when all is done. */
static void find_last_values(struct emitter *e)
{
    for (unsigned i = 0; i < ROUTINE_REGS; i++) {
        const struct routine_reg *reg = &e->loop->reg[i];
        if (reg->final == IR_NONE)
            continue;
        e->final[i] = reg->role == ROLE_STEPPING ? stepped(e, i, e->count)
                                                 : last_value(e, reg->final);
    }
}

static void set_registers(struct emitter *e)
{
    for (unsigned i = 0; i < ROUTINE_REGS; i++)
        if (e->loop->reg[i].final != IR_NONE)
            ir_set_reg(&e->builder, i, e->final[i]);
}

/* ---- copies and fills ---- */

/* A store that begins in one page and ends in the next would fault as a whole. */
static void refuse_unaligned(struct emitter *e)
{
    if (e->plan->width_log2)
        refuse_if(e, with_number(e, IR_and, sum_now(e, &e->plan->to),
                                 (UINT64_C(1) << e->plan->width_log2) - 1));
}

/* Nothing that is read in these iterations may have been written by them: the destination lies
 * behind the source, or wholly beyond what is copied. When it is so near behind that reading once
 * more would be wrong, the count is lessened to iterations whose stores lie in one page, so that
 * they fault all or none. */
static void keep_apart(struct emitter *e)
{
    const struct routine_plan *plan = e->plan;
    uint64_t margin = plan->probe_span + plan->stride + 8;
    bool is_upwards = plan->kind == PLAN_COPY;
    ir_ref to = sum_now(e, &plan->to), from = sum_now(e, &plan->from);
    ir_ref behind = binary(e, IR_sub, is_upwards ? from : to, is_upwards ? to : from);
    ir_ref beyond = binary(e, IR_sub, number(e, 0), behind);
    if (plan->least_apart)
        refuse_if(e, with_number(e, IR_lt_u, behind, plan->least_apart));
    refuse_if(e, binary(e, IR_lt_u, beyond, with_number(e, IR_add, counted_bytes(e), margin)));
    leave_if_refused(e);
    ir_ref room = is_upwards ? binary(e, IR_sub, number(e, 0), to)
                             : with_number(e, IR_add, to, plan->stride);
    room = with_number(e, IR_and, with_number(e, IR_sub, room, 1), PAGE_BYTES - 1);
    room = with_number(e, IR_div_u, with_number(e, IR_add, room, 1), plan->stride);
    e->count = ir_emit3(&e->builder, IR_select, IR_I64, with_number(e, IR_lt_u, behind, margin),
                        binary(e, IR_min_u, e->count, room), e->count, 0);
}

/* All that the iterations read must be readable before anything is written. */
static void emit_probe(struct emitter *e)
{
    const struct routine_plan *plan = e->plan;
    uint64_t ahead = plan->probe_span - plan->stride;
    ir_ref length = with_number(e, IR_add, counted_bytes(e), ahead);
    ir_ref start = sum_now(e, &plan->probe_start);
    if (plan->kind == PLAN_COPY) {
        count_from_bytes(e, bulk(e, IR_BULK_PROBE, start, number(e, 0), length), ahead);
        return;
    }
    /* Downwards: all of it or nothing. */
    start = binary(e, IR_sub, with_number(e, IR_add, start, plan->stride), counted_bytes(e));
    leave_if(e, binary(e, IR_ne, bulk(e, IR_BULK_PROBE, start, number(e, 0), length), length));
}

static ir_ref copied_bytes(struct emitter *e)
{
    const struct routine_plan *plan = e->plan;
    ir_ref to = sum_now(e, &plan->to), from = sum_now(e, &plan->from);
    if (plan->kind == PLAN_COPY)
        return bulk(e, IR_BULK_COPY, to, from, counted_bytes(e));
    to = with_number(e, IR_add, to, plan->stride);
    from = with_number(e, IR_add, from, plan->stride);
    return bulk(e, IR_BULK_COPY_BACK, to, from, counted_bytes(e));
}

/* A loop over bytes may read what it has written; as many iterations are done as can be. */
static void emit_bytewise_copy(struct emitter *e)
{
    count_from_bytes(e, copied_bytes(e), 0);
    find_last_values(e);
}

/* Otherwise what the last iteration reads is taken before anything is written. When a store faults
 * the loop does these iterations again: they read the same. */
static void emit_copy(struct emitter *e)
{
    const struct routine_plan *plan = e->plan;
    if (plan->has_find)
        emit_search(e);
    else
        emit_probe(e);
    keep_apart(e);
    leave_if(e, with_number(e, IR_eq, e->count, 0));
    find_last_values(e);
    leave_if(e, binary(e, IR_ne, copied_bytes(e), counted_bytes(e)));
}

static void emit_fill(struct emitter *e)
{
    static const uint64_t repeat[4] = {UINT64_C(0x0101010101010101), UINT64_C(0x0001000100010001),
                                       UINT64_C(0x0000000100000001), 1};
    const struct routine_plan *plan = e->plan;
    ir_ref value = sum_now(e, &e->loop->fill);
    if (plan->width_log2 < 3)
        value = with_number(e, IR_and, value, (UINT64_C(1) << (8 << plan->width_log2)) - 1);
    value = with_number(e, IR_mul, value, repeat[plan->width_log2]);
    ir_ref bytes = bulk(e, IR_BULK_FILL, sum_now(e, &plan->to), value, counted_bytes(e));
    count_from_bytes(e, bytes, 0);
}

/* Loops mostly end soon: a few iterations as they are, one behind the other. */
static void emit_first_iterations(struct emitter *e)
{
    const struct ir_block *iteration = e->loop->iteration;
    for (uint32_t i = 0; i < e->plan->first_iterations; i++) {
        ir_ref base = (ir_ref)e->builder.block->length;
        for (uint32_t j = 0; j + 1 < iteration->length; j++) {
            struct ir_insn insn = iteration->insns[j];
            uint32_t count = ir_op_info[insn.op].operand_count;
            insn.a = count > 0 ? (ir_ref)(insn.a + base) : insn.a;
            insn.b = count > 1 ? (ir_ref)(insn.b + base) : insn.b;
            insn.c = count > 2 ? (ir_ref)(insn.c + base) : insn.c;
            ir_emit(&e->builder, insn);
        }
    }
    memset(e->builder.const_hash, 0xff, sizeof e->builder.const_hash);
}

static void emit_work(struct emitter *e)
{
    switch (e->plan->kind) {
    case PLAN_COPY:
    case PLAN_COPY_BACK:
        if (e->plan->is_bytewise)
            emit_bytewise_copy(e);
        else
            emit_copy(e);
        return;
    case PLAN_FILL:
        emit_fill(e);
        find_last_values(e);
        return;
    case PLAN_SEARCH:
        emit_search(e);
        find_last_values(e);
        return;
    }
}

struct ir_block *routine_emit(const struct routine_loop *loop, const struct routine_plan *plan)
{
    struct emitter *e = arena_zalloc(loop->arena, sizeof *e);
    const struct ir_block *block = loop->block;
    *e = (struct emitter){.loop = loop, .plan = plan, .refusal = IR_NONE};
    memset(e->last, 0xff, sizeof e->last);
    memset(e->last_reg, 0xff, sizeof e->last_reg);
    ir_builder_begin(&e->builder, loop->arena, block->guest_pc + 1, block->mode);
    e->builder.block->guest_size_bytes = block->guest_size_bytes;
    emit_first_iterations(e);
    for (uint32_t i = 0; i < loop->check_count; i++)
        emit_check(e, &loop->checks[i]);
    emit_counts(e);
    if (plan->kind != PLAN_SEARCH)
        refuse_unaligned(e);
    leave_if_refused(e);
    emit_work(e);
    set_registers(e);
    ir_emit3(&e->builder, IR_exit_direct, IR_VOID, IR_NONE, IR_NONE, IR_BRANCH_JUMP,
             block->guest_pc);
    return e->builder.failed ? NULL : e->builder.block;
}
