/* Edges, exits and polls. The contract is in lower.h.
 *
 * An exit whose pc has an edge is a branch inside the function, after registers of which less is
 * known there have been brought into that form. Any other exit stores the dirty registers and jumps
 * through its slot in the near data. A back edge polls on its way. */
#include "tier2/lower.h"

enum {
    POLLED_CHUNK_ITERATIONS = 256,
    POLL_BUDGET = 64, /* a power of two */
};

/* ---- counters that live in the function ---- */

static bool is_counting_heat(const struct lowering *lower)
{
    return lower->options->is_counting_heat && lower->level == TB_TIER_2 && !lower->step_polls;
}

static LLVMValueRef load_local(struct lowering *lower, LLVMValueRef slot)
{
    return LLVMBuildLoad2(lower->builder, lower->type.i64, slot, "");
}

static LLVMValueRef near_field(struct lowering *lower, size_t offset_bytes)
{
    return lower_at(lower, lower->near, offset_bytes);
}

/* Writes the function's own counter back, before every exit. */
static void flush_counters(struct lowering *lower)
{
    if (!lower->options->is_counting_stats)
        return;
    size_t offset = offsetof(struct vcpu, counter) +
                    (COUNTER_INSNS_TIER0 + (size_t)lower->level) * sizeof(uint64_t);
    LLVMValueRef count = lower_load_vcpu(lower, lower->type.i64, offset);
    count = LLVMBuildAdd(lower->builder, count, load_local(lower, lower->insn_count), "");
    lower_store_vcpu(lower, count, offset);
}

/* Before every exit: the registers of the set and the counters go to where others find them. */
static void settle_state(struct lowering *lower, uint64_t regs)
{
    if (lower->is_plain_float)
        lower_flag_invalid(lower);
    lower_store_regs(lower, regs);
    flush_counters(lower);
}

/* ---- leaving to the exec loop ---- */

static void leave_because(struct lowering *lower, uint64_t live, LLVMValueRef pc,
                          LLVMValueRef reason)
{
    settle_state(lower, lower->dirty & live);
    lower_store_vcpu(lower, pc, offsetof(struct vcpu, pc));
    lower_store_vcpu(lower, reason, offsetof(struct vcpu, exit_reason));
    if (lower->step_polls)
        lower_store_vcpu(lower, lower_const64(lower, live), offsetof(struct vcpu, exit_live));
    lower_shared_tail_call(lower, live, offsetof(struct region_near, leave));
}

void lower_leave(struct lowering *lower, uint64_t live, LLVMValueRef pc, enum vcpu_exit reason)
{
    leave_because(lower, live, pc, lower_const32(lower, reason));
}

static void leave_trapping(struct lowering *lower, const struct ir_insn *insn)
{
    lower_store_vcpu(lower, lower_const32(lower, insn->c), offsetof(struct vcpu, exit_trap));
    lower_leave(lower, UINT64_MAX, lower_const64(lower, insn->imm), VCPU_EXIT_TRAP);
}

LLVMBasicBlockRef lower_fault_landing(struct lowering *lower, uint64_t pc)
{
    LLVMBasicBlockRef here = LLVMGetInsertBlock(lower->builder);
    LLVMBasicBlockRef landing = lower_new_block(lower, "fault");
    lower_continue_at(lower, landing);
    lower_leave(lower, UINT64_MAX, lower_const64(lower, pc), VCPU_EXIT_FAULT);
    lower_continue_at(lower, here);
    return landing;
}

/* ---- heat and polls ----
 *
 * Where heat is counted loops count down to their next poll, all of a region in one counter (the
 * budget) that is no memory. Polling is cold code, one per header: it counts the region's heat,
 * which is memory, by the iterations since. Elsewhere a back edge looks at vcpu->pending: that keeps
 * no register busy, and docs/performance.md says what it costs. The time between two polls is
 * bounded by the larger of POLL_BUDGET and POLLED_CHUNK_ITERATIONS iterations of a loop. */

/* Guest pc at which the function has been entered. */
static LLVMValueRef entry_pc(struct lowering *lower)
{
    if (!lower->region->is_dispatching)
        return lower_const64(lower, lower->region->guest_pc);
    return lower_load_vcpu(lower, lower->type.i64, offsetof(struct vcpu, region_entry));
}

/* Takes `count` from a field of the near data, which it returns. Volatile, or it would be kept in a
 * register around loops. */
static LLVMValueRef count_down(struct lowering *lower, size_t offset_bytes, uint64_t count)
{
    LLVMValueRef place = near_field(lower, offset_bytes);
    LLVMValueRef heat = LLVMBuildLoad2(lower->builder, lower->type.i64, place, "");
    LLVMSetVolatile(heat, 1);
    heat = LLVMBuildSub(lower->builder, heat, lower_const64(lower, count), "");
    LLVMSetVolatile(LLVMBuildStore(lower->builder, heat, place), 1);
    return heat;
}

static LLVMValueRef count_heat(struct lowering *lower, uint64_t count)
{
    return count_down(lower, offsetof(struct region_near, heat), count);
}

static LLVMValueRef is_negative(struct lowering *lower, LLVMValueRef number)
{
    return LLVMBuildICmp(lower->builder, LLVMIntSLT, number, lower_const64(lower, 0), "");
}

static LLVMValueRef is_work_pending(struct lowering *lower)
{
    LLVMValueRef pending =
        lower_load_vcpu(lower, lower->type.i32, offsetof(struct vcpu, pending));
    LLVMSetVolatile(pending, 1);
    return LLVMBuildICmp(lower->builder, LLVMIntNE, pending, lower_const32(lower, 0), "");
}

static void begin_poll_tail(struct lowering *lower)
{
    lower->poll_pc = lower_entry_alloca(lower, lower->type.i64);
    lower->poll_tail = lower_new_block(lower, "poll_tail");
}

static void name_own_tb(struct lowering *lower)
{
    LLVMValueRef place = near_field(lower, offsetof(struct region_near, tb));
    lower_store_vcpu(lower, LLVMBuildLoad2(lower->builder, lower->type.ptr, place, ""),
                     offsetof(struct vcpu, exit_tb));
}

/* A promotion is asked for once per next_heat polls, whatever the exec loop does about it. */
void lower_finish_poll_tail(struct lowering *lower)
{
    if (!lower->poll_tail)
        return;
    LLVMBuilderRef builder = lower->builder;
    lower_continue_at(lower, lower->poll_tail);
    LLVMValueRef reason = lower_const32(lower, VCPU_EXIT_PC);
    if (is_counting_heat(lower)) {
        int64_t again = lower->next_heat > 1024 ? lower->next_heat : 1024;
        LLVMValueRef heat = count_heat(lower, 0), is_due = is_negative(lower, heat);
        heat = LLVMBuildSelect(builder, is_due, lower_const64(lower, (uint64_t)again), heat, "");
        LLVMBuildStore(builder, heat, near_field(lower, offsetof(struct region_near, heat)));
        name_own_tb(lower);
        reason = LLVMBuildSelect(builder, is_due, lower_const32(lower, VCPU_EXIT_PROMOTE_PC), reason,
                                 "");
    }
    lower_store_vcpu(lower, load_local(lower, lower->poll_pc), offsetof(struct vcpu, pc));
    lower_store_vcpu(lower, reason, offsetof(struct vcpu, exit_reason));
    lower_go_to_tail(lower, offsetof(struct region_near, leave));
}

/* Leaves because of pending work, or for a promotion. */
static void leave_polled(struct lowering *lower, uint64_t live, LLVMValueRef pc)
{
    settle_state(lower, lower->dirty & live);
    if (lower->step_polls)
        lower_store_vcpu(lower, lower_const64(lower, live), offsetof(struct vcpu, exit_live));
    lower_set_tail_args(lower, live);
    if (!lower->poll_tail)
        begin_poll_tail(lower);
    LLVMBuildStore(lower->builder, pc, lower->poll_pc);
    LLVMBuildBr(lower->builder, lower->poll_tail);
}

/* Leaves for `onwards` or, when there is something to do, the poll's own exit. heat: NULL when it is
 * not counted. */
static void poll(struct lowering *lower, LLVMValueRef heat, uint64_t live, LLVMValueRef pc,
                 LLVMBasicBlockRef onwards)
{
    LLVMValueRef is_leaving = is_work_pending(lower);
    if (heat)
        is_leaving = LLVMBuildOr(lower->builder, is_negative(lower, heat), is_leaving, "");
    LLVMBasicBlockRef leave = lower_new_block(lower, "leave");
    lower_branch_unlikely(lower, is_leaving, leave, onwards);
    lower_continue_at(lower, leave);
    leave_polled(lower, live, pc);
}

/* The heat's low bits make the first budget: loops shorter than it are counted fairly then. */
void lower_entry_poll(struct lowering *lower)
{
    LLVMBasicBlockRef onwards = lower_new_block(lower, "");
    LLVMValueRef heat = is_counting_heat(lower) ? count_heat(lower, 1) : NULL;
    LLVMValueRef budget = lower_const64(lower, POLL_BUDGET - 1);
    if (lower->step_polls)
        budget = lower_const64(lower, lower->step_polls - 1);
    if (heat)
        budget = LLVMBuildAnd(lower->builder, heat, budget, "");
    LLVMBuildStore(lower->builder, budget, lower->budget);
    poll(lower, heat, UINT64_MAX, entry_pc(lower), onwards);
    lower_continue_at(lower, onwards);
}

void lower_count_guard(struct lowering *lower, uint64_t pc)
{
    if (lower->step_polls)
        return;
    LLVMValueRef heat = count_down(lower, offsetof(struct region_near, guard_heat), 1);
    LLVMBasicBlockRef leave = lower_new_block(lower, "unguard");
    LLVMBasicBlockRef onwards = lower_new_block(lower, "");
    lower_branch_unlikely(lower, is_negative(lower, heat), leave, onwards);
    lower_continue_at(lower, leave);
    LLVMBuildStore(lower->builder, lower_const64(lower, REGION_GUARD_HEAT),
                   near_field(lower, offsetof(struct region_near, guard_heat)));
    name_own_tb(lower);
    lower_leave(lower, UINT64_MAX, lower_const64(lower, pc), VCPU_EXIT_UNGUARD);
    lower_continue_at(lower, onwards);
}

/* The cold part of a header's polls. */
static void lower_header_poll(struct lowering *lower, const struct ir_block *block, uint64_t live,
                              LLVMBasicBlockRef onwards)
{
    if (!is_counting_heat(lower)) {
        leave_polled(lower, live, lower_const64(lower, block->guest_pc));
        return;
    }
    LLVMValueRef heat = count_heat(lower, POLL_BUDGET);
    LLVMBuildStore(lower->builder, lower_const64(lower, POLL_BUDGET - 1), lower->budget);
    poll(lower, heat, live, lower_const64(lower, block->guest_pc), onwards);
}

/* One iteration more: goes on at `onwards`, or at `cold` when a poll is due. */
static void count_iteration(struct lowering *lower, LLVMBasicBlockRef cold,
                            LLVMBasicBlockRef onwards)
{
    if (!lower->step_polls && !is_counting_heat(lower)) {
        lower_branch_unlikely(lower, is_work_pending(lower), cold, onwards);
        return;
    }
    LLVMValueRef budget = LLVMBuildSub(lower->builder, load_local(lower, lower->budget),
                                       lower_const64(lower, 1), "");
    LLVMBuildStore(lower->builder, budget, lower->budget);
    lower_branch_unlikely(lower, is_negative(lower, budget), cold, onwards);
}

static LLVMValueRef hidden_const(struct lowering *lower, const struct ir_insn *insn)
{
    LLVMValueRef value =
        lower_from_bits64(lower, lower_const64(lower, insn->imm), insn->type);
    return lower_hidden(lower, value, "=x,0");
}

/* Constants must not be folded with plain floating point (plain.c). */
static void hide_floats(struct lowering *lower, const struct ir_block *block,
                        struct node_blocks *blocks)
{
    uint64_t read = 0;
    blocks->hidden_const =
        arena_zalloc(lower->arena, block->length * sizeof *blocks->hidden_const);
    for (uint32_t i = 0; i < block->length; i++) {
        const struct ir_insn *insn = &block->insns[i];
        if (insn->op == IR_get_reg)
            read |= reg_bit(insn->imm);
        else if (insn->op == IR_const && ir_type_is_float(insn->type))
            blocks->hidden_const[i] = hidden_const(lower, insn);
    }
    lower_hide_floats(lower, read);
}

/* What happens in an iteration of a plain loop is noted from here on. */
static void begin_plain_chunk(struct lowering *lower, const struct ir_block *block,
                              struct node_blocks *blocks)
{
    hide_floats(lower, block, blocks);
    LLVMBuildStore(lower->builder, lower_const32(lower, 0), lower->invalid32);
    LLVMBuildStore(lower->builder, lower_const64(lower, 0), lower->invalid64);
}

/* Goes to the fallback when the register is no multiple of the stride away from the end; else sets
 * it to itself, computed from the end so that LLVM sees the multiple. */
static void lower_stride(struct lowering *lower, const struct node_facts *facts)
{
    LLVMBuilderRef builder = lower->builder;
    const struct loop_stride *stride = &facts->stride;
    LLVMValueRef mask = lower_const64(lower, stride->factor - 1);
    LLVMValueRef now = lower_read_wide(lower, stride->reg);
    LLVMValueRef end = stride->is_end_reg ? lower_read_wide(lower, (unsigned)stride->end)
                                          : lower_const64(lower, stride->end);
    LLVMValueRef distance = LLVMBuildSub(builder, end, now, "");
    LLVMValueRef is_off = LLVMBuildICmp(builder, LLVMIntNE,
                                        LLVMBuildAnd(builder, distance, mask, ""),
                                        lower_const64(lower, 0), "");
    LLVMBasicBlockRef onwards = lower_new_block(lower, "");
    lower_branch_unlikely(lower, is_off, lower->blocks[lower->node_index].fallback, onwards);
    lower_continue_at(lower, onwards);
    /* Hidden, or LLVM would find out that this is the register as it was. */
    LLVMValueRef shift = lower_const64(lower, (uint64_t)__builtin_ctzll(stride->factor));
    LLVMValueRef steps = lower_hidden(lower, LLVMBuildLShr(builder, distance, shift, ""), "=r,0");
    distance = LLVMBuildShl(builder, steps, shift, "");
    lower_set_wide(lower, stride->reg, LLVMBuildSub(builder, end, distance, ""));
}

/* Sets where the chunk ends: at most so many iterations on, by which the register has not come past
 * the guest's end. Goes to the fallback when it will never come to that. */
static void lower_chunk_end(struct lowering *lower, const struct loop_stride *stride)
{
    LLVMBuilderRef builder = lower->builder;
    LLVMTypeRef type = stride->is_word ? lower->type.i32 : lower->type.i64;
    LLVMValueRef end = stride->is_end_reg ? lower_read_wide(lower, (unsigned)stride->end)
                                          : lower_const64(lower, stride->end);
    LLVMValueRef low = LLVMBuildTrunc(builder, end, type, "");
    LLVMValueRef is_far = LLVMBuildICmp(
        builder, LLVMIntNE, end, LLVMBuildSExt(builder, low, lower->type.i64, ""), "");
    LLVMValueRef now = LLVMBuildTrunc(builder, lower_read_wide(lower, stride->reg), type, "");
    LLVMValueRef distance = LLVMBuildSub(builder, low, now, "");
    LLVMValueRef mask = LLVMConstInt(type, stride->factor - 1, 0);
    LLVMValueRef is_off = LLVMBuildICmp(builder, LLVMIntNE,
                                        LLVMBuildAnd(builder, distance, mask, ""),
                                        LLVMConstNull(type), "");
    LLVMBasicBlockRef onwards = lower_new_block(lower, "");
    lower_branch_unlikely(lower, LLVMBuildOr(builder, is_far, is_off, ""),
                          lower->blocks[lower->node_index].fallback, onwards);
    lower_continue_at(lower, onwards);
    /* A distance of 0 is all the way round: its last step is the largest number. */
    LLVMValueRef shift = LLVMConstInt(type, (uint64_t)__builtin_ctzll(stride->factor), 0);
    LLVMValueRef one = LLVMConstInt(type, 1, 0);
    LLVMValueRef last = LLVMBuildSub(builder, LLVMBuildLShr(builder, distance, shift, ""), one, "");
    LLVMValueRef limit = LLVMConstInt(type, POLLED_CHUNK_ITERATIONS - 1, 0);
    LLVMValueRef is_short = LLVMBuildICmp(builder, LLVMIntULT, last, limit, "");
    last = LLVMBuildSelect(builder, is_short, last, limit, "");
    LLVMValueRef steps = LLVMBuildAdd(builder, last, one, "");
    now = LLVMBuildAdd(builder, now, LLVMBuildShl(builder, steps, shift, ""), "");
    LLVMBuildStore(builder, LLVMBuildZExt(builder, now, lower->type.i64, ""), lower->chunk);
}

/* One iteration more of the chunk. */
static void count_chunk(struct lowering *lower, const struct node_blocks *blocks)
{
    LLVMBuilderRef builder = lower->builder;
    LLVMValueRef count = LLVMBuildAdd(builder, load_local(lower, lower->chunk),
                                      lower_const64(lower, 1), "");
    LLVMBuildStore(builder, count, lower->chunk);
    LLVMValueRef is_full = LLVMBuildICmp(builder, LLVMIntEQ, count,
                                         lower_const64(lower, POLLED_CHUNK_ITERATIONS), "");
    LLVMBuildCondBr(builder, is_full, blocks->full, blocks->body);
}

/* After a chunk: maybe the poll, and the next one. */
static void lower_full_chunk(struct lowering *lower, const struct node_facts *facts,
                             struct node_blocks *blocks)
{
    lower_continue_at(lower, blocks->full);
    if (facts->is_plain_float)
        lower_flag_invalid(lower);
    LLVMBuildBr(lower->builder, blocks->outer);
}

/* again: one more iteration; after a chunk of them, or by another back edge, maybe the poll; enter:
 * a chunk begins. */
static void lower_chunked_header(struct lowering *lower, const struct ir_block *block,
                                 const struct node_facts *facts, struct node_blocks *blocks)
{
    LLVMBuilderRef builder = lower->builder;
    lower_continue_at(lower, blocks->enter);
    LLVMBuildStore(builder, lower_const64(lower, 0), lower->chunk);
    if (facts->is_plain_float)
        begin_plain_chunk(lower, block, blocks);
    if (facts->stride.is_counted)
        lower_chunk_end(lower, &facts->stride);
    else if (facts->stride.factor)
        lower_stride(lower, facts);
    LLVMBuildBr(builder, blocks->body);
    blocks->full = lower_new_block(lower, "full");
    lower_continue_at(lower, blocks->again);
    if (facts->stride.is_counted)
        LLVMBuildBr(builder, blocks->body);
    else
        count_chunk(lower, blocks);
    lower_full_chunk(lower, facts, blocks);
}

static void lower_header(struct lowering *lower, uint32_t index)
{
    const struct node_facts *facts = &lower->facts->nodes[index];
    const struct ir_block *block = lower->region->nodes[index].block;
    struct node_blocks *blocks = &lower->blocks[index];
    LLVMBasicBlockRef cold = lower_new_block(lower, "poll");
    lower->regs = facts->regs_in;
    lower->dirty = facts->dirty_in;
    lower->node_index = index;
    if (facts->stride.factor)
        blocks->fallback = lower_new_block(lower, "fallback");
    blocks->again = lower_new_block(lower, "again");
    blocks->outer = lower_new_block(lower, "outer");
    if (facts->is_chunked) {
        blocks->enter = lower_new_block(lower, "chunk");
        lower_chunked_header(lower, block, facts, blocks);
    } else {
        lower_continue_at(lower, blocks->again);
        count_iteration(lower, cold, blocks->body);
    }
    lower_continue_at(lower, blocks->outer);
    count_iteration(lower, cold, blocks->enter);
    lower_continue_at(lower, cold);
    lower_header_poll(lower, block, facts->live_in, blocks->enter);
}

void lower_node_entries(struct lowering *lower)
{
    const struct ir_region *region = lower->region;
    lower->blocks = arena_zalloc(lower->arena, region->length * sizeof *lower->blocks);
    for (uint32_t i = region->is_dispatching; i < region->length; i++) {
        const struct node_facts *facts = &lower->facts->nodes[i];
        if (!facts->is_reachable)
            continue;
        lower->blocks[i].body = lower->blocks[i].enter = lower_new_block(lower, "node");
        if (facts->is_header)
            lower_header(lower, i);
    }
}

/* ---- edges and exits to other code ---- */

static const struct region_edge *edge_to(const struct lowering *lower, uint64_t pc)
{
    return lower->is_leaving ? NULL : region_edge_to(lower->node, pc);
}

static void add_slot(struct lowering *lower, uint64_t pc)
{
    for (uint32_t i = 0; i < lower->slot_count; i++)
        if (lower->slot_pcs[i] == pc)
            return;
    lower->slot_pcs[lower->slot_count++] = pc;
}

static bool is_static_exit(const struct ir_insn *insn)
{
    return insn->op == IR_exit_direct || insn->op == IR_exit_if;
}

void lower_find_slots(struct lowering *lower)
{
    const struct ir_region *region = lower->region;
    size_t exits = region->length;
    for (uint32_t i = 0; i < region->length; i++)
        for (uint32_t j = 0; j < region->nodes[i].block->length; j++)
            exits += is_static_exit(&region->nodes[i].block->insns[j]);
    lower->slot_pcs = arena_alloc(lower->arena, exits * sizeof *lower->slot_pcs);
    for (uint32_t i = 0; i < region->length; i++) {
        const struct region_node *node = &region->nodes[i];
        const struct node_facts *facts = &lower->facts->nodes[i];
        bool is_fallback = has_fallback(facts);
        if (facts->is_foreign)
            add_slot(lower, node->block->guest_pc);
        for (uint32_t j = 0; j < node->block->length; j++) {
            const struct ir_insn *insn = &node->block->insns[j];
            if (is_static_exit(insn) && (is_fallback || !region_edge_to(node, insn->imm)))
                add_slot(lower, insn->imm);
        }
    }
}

/* Where in the near data the entry for pc lies. */
static size_t slot_of(const struct lowering *lower, uint64_t pc)
{
    uint32_t slot = 0;
    while (lower->slot_pcs[slot] != pc)
        slot++;
    return offsetof(struct region_near, slots) + slot * sizeof(void *);
}

void lower_leave_through_slot(struct lowering *lower, uint64_t pc)
{
    settle_state(lower, lower->dirty);
    LLVMValueRef entry =
        LLVMBuildLoad2(lower->builder, lower->type.ptr, near_field(lower, slot_of(lower, pc)), "");
    LLVMSetVolatile(entry, 1);
    lower_tail_call(lower, UINT64_MAX, entry);
}

/* The same where it is rare: all but calls, for the region has what its blocks often go on to. */
static void leave_aside(struct lowering *lower, uint64_t pc)
{
    settle_state(lower, lower->dirty);
    lower_shared_tail_call(lower, UINT64_MAX, slot_of(lower, pc));
}

/* What must be done to registers on the way to a node that reads them and knows less of them. */
struct repairs {
    uint64_t clean, widen;
};

static struct repairs repairs_for(const struct lowering *lower, const struct region_edge *edge)
{
    const struct node_facts *to = &lower->facts->nodes[edge->node];
    const struct reg_facts *regs = &lower->regs;
    uint64_t wanted = to->live_in & lower->facts->used;
    uint64_t stay_arithmetic = (regs->narrow & to->regs_in.narrow & to->regs_in.arithmetic_narrow) |
                               (~regs->narrow & to->regs_in.arithmetic_full);
    return (struct repairs){
        .clean = regs->unclean & ~stay_arithmetic & wanted,
        .widen = regs->narrow & ~to->regs_in.narrow & wanted,
    };
}

static LLVMBasicBlockRef entry_of_edge(const struct lowering *lower, const struct region_edge *edge)
{
    size_t number = (size_t)(edge - lower->node->edges);
    const struct node_facts *from = &lower->facts->nodes[lower->node_index];
    const struct node_blocks *blocks = &lower->blocks[edge->node];
    if (from->inner_edges >> number & 1)
        return blocks->again;
    return from->back_edges >> number & 1 ? blocks->outer : blocks->enter;
}

/* The registers to store on the way. */
static uint64_t stored_on(const struct lowering *lower, const struct region_edge *edge)
{
    return lower->dirty & ~edge_keeps(lower->facts, lower->node_index, edge->node) &
           lower->facts->nodes[edge->node].live_in;
}

static bool leaves_plain_loop(const struct lowering *lower, const struct region_edge *edge)
{
    return lower->is_plain_float && edge->node != (int32_t)lower->node_index;
}

/* Takes the edge, to a block of its node. */
static void follow_to(struct lowering *lower, const struct region_edge *edge,
                      LLVMBasicBlockRef destination)
{
    struct repairs repairs = repairs_for(lower, edge);
    lower_store_regs(lower, stored_on(lower, edge));
    if (leaves_plain_loop(lower, edge))
        lower_flag_invalid(lower);
    lower_clean_regs(lower, repairs.clean);
    lower_widen_regs(lower, repairs.widen);
    LLVMBuildBr(lower->builder, destination);
}

static void follow(struct lowering *lower, const struct region_edge *edge)
{
    follow_to(lower, edge, entry_of_edge(lower, edge));
}

/* A block to branch to that takes the edge: its destination itself where nothing is to be done. */
static LLVMBasicBlockRef block_for_edge(struct lowering *lower, const struct region_edge *edge)
{
    struct repairs repairs = repairs_for(lower, edge);
    if (!repairs.clean && !repairs.widen && !stored_on(lower, edge) &&
        !leaves_plain_loop(lower, edge))
        return entry_of_edge(lower, edge);
    LLVMBasicBlockRef here = LLVMGetInsertBlock(lower->builder);
    LLVMBasicBlockRef side = lower_new_block(lower, "edge");
    lower_continue_at(lower, side);
    follow(lower, edge);
    lower_continue_at(lower, here);
    return side;
}

/* ---- selects in place of branches ----
 *
 * An exit_if that skips the next node (region_node.skipped) is not built. The node is, behind it, and
 * where it ends the registers that it has written are selected: as they were, or as they are. */

static bool is_same_kind(const struct lowering *lower, uint32_t a, const struct region_edge *edge_a,
                         uint32_t b, const struct region_edge *edge_b)
{
    const struct node_facts *from_a = &lower->facts->nodes[a], *from_b = &lower->facts->nodes[b];
    size_t i = (size_t)(edge_a - lower->region->nodes[a].edges);
    size_t j = (size_t)(edge_b - lower->region->nodes[b].edges);
    return edge_a->node == edge_b->node &&
           (from_a->back_edges >> i & 1) == (from_b->back_edges >> j & 1) &&
           (from_a->inner_edges >> i & 1) == (from_b->inner_edges >> j & 1);
}

/* Not so when a way between the three is missing, or polls and the other does not. */
static bool skips_node(const struct lowering *lower, const struct ir_insn *insn)
{
    uint32_t index = lower->node_index, next = lower->node->skipped;
    if (lower->is_leaving || !next || lower_ref(lower, insn) + 2u != lower->block->length)
        return false;
    const struct region_edge *skip = region_edge_to(lower->node, insn->imm);
    const struct region_edge *fall = region_edge_to(lower->node, insn[1].imm);
    const struct region_edge *back = region_edge_to(&lower->region->nodes[next], insn->imm);
    return skip && fall && back && fall->node == (int32_t)next &&
           !(lower->facts->nodes[index].back_edges >> (fall - lower->node->edges) & 1) &&
           is_same_kind(lower, index, skip, next, back);
}

static void lower_skipped(struct lowering *lower)
{
    uint32_t next = lower->node->skipped;
    lower->skip_facts = lower->regs;
    lower_keep_regs(lower, lower->facts->nodes[next].written, lower->skip_reg);
    lower->skip_count = load_local(lower, lower->insn_count);
    lower_block_body(lower, next, lower->regs, lower->dirty);
}

static void end_skipped(struct lowering *lower)
{
    LLVMValueRef count = load_local(lower, lower->insn_count);
    count = LLVMBuildSelect(lower->builder, lower->is_skipped, lower->skip_count, count, "");
    LLVMBuildStore(lower->builder, count, lower->insn_count);
    lower_select_regs(lower, lower->facts->nodes[lower->node_index].written, lower->is_skipped,
                      lower->skip_reg, &lower->skip_facts);
    lower->is_skipped = NULL;
}

/* ---- operations ---- */

void lower_op_exit_direct(struct lowering *lower, const struct ir_insn *insn)
{
    if (lower->is_skipped && lower->node->skipped) {
        lower_skipped(lower);
        return;
    }
    if (lower->is_skipped)
        end_skipped(lower);
    const struct region_edge *edge = edge_to(lower, insn->imm);
    if (edge)
        follow(lower, edge);
    else if (insn->c == IR_BRANCH_CALL && !lower->is_leaving)
        lower_leave_through_slot(lower, insn->imm);
    else
        leave_aside(lower, insn->imm);
}

/* Stores what neither the edge nor the rest of the block may keep: once, before they part. */
static void store_before(struct lowering *lower, const struct region_edge *edge, uint64_t live_after)
{
    if (lower->facts->nodes[lower->node_index].deferring != REGION_NO_NODE)
        return;
    uint64_t kept = edge_keeps(lower->facts, lower->node_index, edge->node);
    uint64_t live = lower->facts->nodes[edge->node].live_in | live_after;
    lower_store_regs(lower, lower->dirty & ~kept & live);
    lower->dirty &= kept;
}

/* Is the edge that of a loop whose chunks end at an end of their own? */
static bool ends_chunk(const struct lowering *lower, const struct region_edge *edge)
{
    const struct node_facts *facts = &lower->facts->nodes[lower->node_index];
    return edge && edge->node == (int32_t)lower->node_index && facts->is_chunked &&
           facts->stride.is_counted;
}

/* Loops until the chunk ends; if the guest's loop does not end there another one follows. */
static void loop_to_chunk_end(struct lowering *lower, const struct ir_insn *insn,
                              const struct region_edge *edge)
{
    LLVMBuilderRef builder = lower->builder;
    const struct loop_stride *stride = &lower->facts->nodes[lower->node_index].stride;
    LLVMTypeRef type = stride->is_word ? lower->type.i32 : lower->type.i64;
    LLVMValueRef now = LLVMBuildTrunc(builder, lower_read_wide(lower, stride->reg), type, "");
    LLVMValueRef end = LLVMBuildTrunc(builder, load_local(lower, lower->chunk), type, "");
    LLVMBasicBlockRef ended = lower_new_block(lower, "ended");
    LLVMBasicBlockRef next = lower_new_block(lower, "next");
    LLVMBasicBlockRef onwards = lower_new_block(lower, "");
    LLVMBuildCondBr(builder, LLVMBuildICmp(builder, LLVMIntNE, now, end, ""),
                    block_for_edge(lower, edge), ended);
    lower_continue_at(lower, ended);
    LLVMBuildCondBr(builder, lower_bit(lower, insn->a), next, onwards);
    lower_continue_at(lower, next);
    follow_to(lower, edge, lower->blocks[lower->node_index].full);
    lower_continue_at(lower, onwards);
}

void lower_op_exit_if(struct lowering *lower, const struct ir_insn *insn)
{
    const struct region_edge *edge = edge_to(lower, insn->imm);
    if (ends_chunk(lower, edge)) {
        loop_to_chunk_end(lower, insn, edge);
        return;
    }
    LLVMValueRef taken = lower_bit(lower, insn->a);
    if (skips_node(lower, insn)) {
        store_before(lower, edge,
                     region_live_after(lower->facts, lower->node, lower_ref(lower, insn)));
        lower->is_skipped = taken;
        return;
    }
    LLVMBasicBlockRef onwards = lower_new_block(lower, "");
    if (edge) {
        store_before(lower, edge,
                     region_live_after(lower->facts, lower->node, lower_ref(lower, insn)));
        LLVMBuildCondBr(lower->builder, taken, block_for_edge(lower, edge), onwards);
    } else {
        LLVMBasicBlockRef leave = lower_new_block(lower, "exit");
        LLVMBuildCondBr(lower->builder, taken, leave, onwards);
        lower_continue_at(lower, leave);
        leave_aside(lower, insn->imm);
    }
    lower_continue_at(lower, onwards);
}

void lower_op_exit_trap(struct lowering *lower, const struct ir_insn *insn)
{
    leave_trapping(lower, insn);
}

void lower_op_exit_trap_if(struct lowering *lower, const struct ir_insn *insn)
{
    LLVMBasicBlockRef trap = lower_new_block(lower, "trap");
    LLVMBasicBlockRef onwards = lower_new_block(lower, "");
    lower_branch_unlikely(lower, lower_bit(lower, insn->a), trap, onwards);
    lower_continue_at(lower, trap);
    leave_trapping(lower, insn);
    lower_continue_at(lower, onwards);
}

/* Compares pc with the destinations that were seen; what matches none goes on here. LLVM makes a search
 * tree of the comparisons, which the host predicts better than a jump through a table. */
static void try_guesses(struct lowering *lower, LLVMValueRef pc)
{
    for (uint32_t i = 0; i < lower->node->edge_count && !lower->is_leaving; i++) {
        const struct region_edge *edge = &lower->node->edges[i];
        if (!edge->is_guess || edge->node == REGION_NO_NODE)
            continue;
        store_before(lower, edge, UINT64_MAX);
        LLVMBasicBlockRef onwards = lower_new_block(lower, "");
        LLVMValueRef is_match = LLVMBuildICmp(lower->builder, LLVMIntEQ, pc,
                                              lower_const64(lower, edge->pc), "");
        LLVMBuildCondBr(lower->builder, is_match, block_for_edge(lower, edge), onwards);
        lower_continue_at(lower, onwards);
    }
}

static void count_jump_cache_hit(struct lowering *lower)
{
    if (!lower->options->is_counting_stats)
        return;
    size_t offset = offsetof(struct vcpu, counter) + COUNTER_JUMP_CACHE_HITS * sizeof(uint64_t);
    LLVMValueRef count = lower_load_vcpu(lower, lower->type.i64, offset);
    lower_store_vcpu(lower, LLVMBuildAdd(lower->builder, count, lower_const64(lower, 1), ""),
                     offset);
}

/* Jumps to the entry that the vcpu's jump cache has for pc; on a miss goes on. */
static void try_jump_cache(struct lowering *lower, LLVMValueRef pc)
{
    LLVMBuilderRef builder = lower->builder;
    /* jump_cache_slot(pc) * 16 */
    _Static_assert(sizeof(struct jump_cache_entry) == 16, "scaled by a shift of 3");
    LLVMValueRef offset = LLVMBuildAnd(builder, pc, lower_const64(lower, (JUMP_CACHE_SIZE - 1) << 1),
                                       "");
    offset = LLVMBuildShl(builder, offset, lower_const64(lower, 3), "");
    LLVMValueRef line = LLVMBuildGEP2(
        builder, lower->type.i8,
        lower_vcpu_at(lower, offsetof(struct vcpu, jump_cache)), &offset, 1, "");
    LLVMValueRef line_pc = LLVMBuildLoad2(builder, lower->type.i64, line, "");
    LLVMBasicBlockRef hit = lower_new_block(lower, "hit");
    LLVMBasicBlockRef miss = lower_new_block(lower, "miss");
    lower_branch_unlikely(lower, LLVMBuildICmp(builder, LLVMIntNE, line_pc, pc, ""), miss, hit);
    lower_continue_at(lower, hit);
    settle_state(lower, lower->dirty);
    count_jump_cache_hit(lower);
    LLVMValueRef entry_place = lower_at(lower, line, offsetof(struct jump_cache_entry, entry));
    LLVMValueRef entry = LLVMBuildLoad2(builder, lower->type.ptr, entry_place, "");
    lower_tail_call(lower, UINT64_MAX, entry);
    lower_continue_at(lower, miss);
}

void lower_op_exit_indirect(struct lowering *lower, const struct ir_insn *insn)
{
    LLVMValueRef pc = lower_value(lower, insn->a);
    try_guesses(lower, pc);
    if (lower->options->is_caching_jumps)
        try_jump_cache(lower, pc);
    lower_store_vcpu(lower, LLVMConstNull(lower->type.ptr), offsetof(struct vcpu, exit_tb));
    lower_leave(lower, UINT64_MAX, pc, VCPU_EXIT_INDIRECT);
}
