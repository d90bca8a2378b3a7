/* The region former: which blocks tier 2 compiles together.
 *
 * From the entry block successors are followed breadth first, calls passed over, while the budget of
 * guest instructions lasts; a basic block of the guest that is longer than ours may be counts little
 * against it. What is left of it goes to the calls that were met: a callee that is
 * small as a whole and fits becomes nodes of a context of its own, whose returns are expected at the
 * call's return address; its calls queue up behind the others. Then come callees that are larger. A
 * call through a pointer that went to few functions is one call for each of them.
 * A branch that skips a short piece of arithmetic, and is hard to predict (outcomes.c), becomes no branch: the
 * piece is a node of its own, one for each such branch, that ends where the branch goes, and tier 2
 * selects between both.
 * A call that is not followed leaves the region; where it returns to is one more entry of the
 * region, so that a loop with such a call is one region and not one for each call. When code keeps
 * coming back to some block of a region by another way (a call that was followed and left it), the
 * root remembers that block, and the region is made again with more entries.
 * With a profile (the heat that tier 1 counted) blocks that ran rarely are left out: the exits to
 * them leave the region. Invariant: nodes[0] is the entry, or the dispatch to the
 * entries; every (pc, context) appears once, but for pieces. */
#include "src/exec/internal.h"

#include "src/base/bits.h"
#include "src/base/check.h"

#include <string.h>

enum {
    MAX_NODES = 400,
    MAX_CONTEXTS = 64,
    MAX_ENTRIES = 14,
    MAX_CALL_SITES = 128,
    MAX_CALL_DEPTH = 4,
    SMALL_CALLEE_INSNS = 150,
    MAX_CALLEE_INSNS = 600, /* with a profile, after the small ones */
    MAX_CALLEE_BLOCKS = 80,
    MAX_GUESSED_CALLEES = 3, /* of one call through a pointer */
    COLD_FRACTION = 32,      /* blocks that ran less than the threshold / 32 stay out */
    COLD_FRACTION_TIER3 = 2, /* the same of tier 3, whose blocks had longer to run */
    TIER3_GROWTH = 2,        /* times as many instructions in its regions */
    LONG_BLOCK_GROWTH = 8,   /* the same of regions in which a basic block of the guest goes on */
    MAX_PIECE_INSNS = 3,     /* of code that a branch skips, to be selected instead */
    LOPSIDED = 32,           /* times as often one way as the other: the branch is left to the host */
    LEAST_OBSERVATIONS = 64, /* of an exit, for what was not seen to be left out */
    MISSED_FRACTION = 8,     /* blocks that ran more than the threshold / 8 outside their region */
};

/* A followed call: where it returns to, and from which context it was made. */
struct context {
    uint64_t return_pc; /* 0 for the entry's own function */
    uint64_t callee_pc;
    uint32_t parent;
    uint32_t depth;
};

/* A call that was met. */
struct call_site {
    uint32_t node;
    bool is_guess; /* through a pointer that went to callee_pc */
    bool is_tried; /* the callee was no small one */
    bool is_decided;
    uint32_t unfit_insns; /* the callee did not fit in so many; 0: that was no question */
    uint64_t callee_pc, return_pc;
};

struct former {
    struct exec *exec;
    struct arena *arena; /* of the region */
    struct ir_region *region;
    struct context contexts[MAX_CONTEXTS];
    uint32_t context_count;
    bool is_profiled;
    uint32_t min_executions; /* of blocks that are followed, with a profile */
    bool is_following_unknown; /* blocks that nobody counts are followed as well */
    uint32_t max_insns;
    struct call_site calls[MAX_CALL_SITES];
    uint32_t call_count;
    uint32_t first;                     /* 1 when nodes[0] is kept for the dispatch */
    int32_t entries[MAX_ENTRIES];       /* nodes; the first is the region's own */
    uint32_t entry_count;
};

static uint32_t executions_in_tier1(const struct exec *exec, const struct tb *tb)
{
    if (draft_is(tb))
        return draft_executions(tb);
    if (exec->options.is_sampling && !tb->is_counted && tb->failed_tier > TB_TIER_2)
        return 0;
    int32_t heat = atomic_load_explicit(&tb->heat, memory_order_relaxed);
    int32_t initial = promote_initial_heat(exec, TB_TIER_1);
    if (tb->is_watched && heat <= routines_watch_heat(tb))
        initial = routines_watch_heat(tb);
    return heat >= 0 && heat < initial ? (uint32_t)(initial - heat) : UINT32_MAX;
}

/* Executions that tier 1 has counted for the TB; those of higher tiers, of blocks that some region
 * has, where they are not counted, and of those that have asked for one, whose counts began again
 * then, were hot before. */
uint32_t region_executions(const struct exec *exec, const struct tb *tb)
{
    const struct tb_profile *profile = tb_profile_of(tb);
    bool was_hot =
        profile->is_in_region || tb->requested_tier != TB_TIER_NONE || profile->deferrals > 0;
    if (tb->tier == TB_TIER_NONE)
        return tb->is_inside && was_hot ? UINT32_MAX : 0;
    return tb->tier != TB_TIER_1 || was_hot ? UINT32_MAX : executions_in_tier1(exec, tb);
}

uint32_t region_basis(const struct exec *exec, const struct tb *root)
{
    uint32_t asking = tb_profile_of(root)->asking_executions;
    return asking ? asking : exec->config.threshold[TB_TIER_2];
}

/* Would code at pc run often enough, measured by the entry's own count, to pay for its compile? */
static bool is_worth_following(const struct former *former, uint64_t pc)
{
    if (!former->is_profiled)
        return true;
    struct tb *tb = tb_find(former->exec->cache, pc, former->region->mode);
    bool is_unknown = tb && former->is_following_unknown && sampler_is_unknown(former->exec, tb);
    if (is_unknown)
        sampler_meet(former->exec, tb);
    return is_unknown || (tb && region_executions(former->exec, tb) >= former->min_executions);
}

static bool has_room_for(const struct former *former, uint64_t max_insns)
{
    return former->region->length < MAX_NODES && former->region->guest_length < max_insns;
}

static bool has_room(const struct former *former)
{
    return has_room_for(former, former->max_insns);
}

static int32_t find_node(const struct former *former, uint64_t pc, uint32_t context)
{
    for (uint32_t i = 0; i < former->region->length; i++) {
        const struct region_node *node = &former->region->nodes[i];
        if (i >= former->first && !node->is_piece && node->block->guest_pc == pc &&
            node->context == context)
            return (int32_t)i;
    }
    return REGION_NO_NODE;
}

/* The block at pc, until the next is asked for. */
static struct ir_block *block_at(struct former *former, uint64_t pc)
{
    struct arena *scratch = &former->exec->scratch;
    arena_reset(scratch);
    struct ir_block *block = translate_ir(former->exec, scratch, pc, former->region->mode);
    return translate_optimise(former->exec, scratch, block);
}

/* A block that only traps is no use inside a region (but for the entry itself). */
static bool is_trap_only(const struct ir_block *block)
{
    const struct ir_insn *first = &block->insns[0];
    return first->op == IR_exit_trap;
}

static int32_t append(struct former *former, const struct ir_block *block, uint32_t context)
{
    struct ir_region *region = former->region;
    region->nodes[region->length] =
        (struct region_node){.block = ir_block_copy(block, former->arena), .context = context};
    region->guest_length += block->guest_length;
    return (int32_t)region->length++;
}

/* The node of (pc, context), appended when new and there is room. */
static int32_t reach_within(struct former *former, uint64_t pc, uint32_t context,
                            uint64_t max_insns)
{
    int32_t known = find_node(former, pc, context);
    if (known != REGION_NO_NODE)
        return known;
    if (!has_room_for(former, max_insns) || !is_worth_following(former, pc))
        return REGION_NO_NODE;
    struct ir_block *block = block_at(former, pc);
    return is_trap_only(block) ? REGION_NO_NODE : append(former, block, context);
}

static int32_t reach(struct former *former, uint64_t pc, uint32_t context)
{
    return reach_within(former, pc, context, former->max_insns);
}

static void add_edge(struct region_node *node, uint64_t pc, int32_t to, bool is_guess)
{
    if (to == REGION_NO_NODE || node->edge_count == REGION_MAX_EDGES)
        return;
    node->edges[node->edge_count++] = (struct region_edge){pc, to, is_guess};
}

/* ---- calls ---- */

/* Blocks of one function, to measure it before it is followed. */
struct measure {
    uint64_t pcs[MAX_CALLEE_BLOCKS];
    uint32_t count;
    uint32_t insns;
    bool is_small;
    bool has_return;
};

static void measure_add(const struct former *former, struct measure *measure, uint64_t pc)
{
    for (uint32_t i = 0; i < measure->count; i++)
        if (measure->pcs[i] == pc)
            return;
    if (!is_worth_following(former, pc))
        return;
    if (measure->count == MAX_CALLEE_BLOCKS)
        measure->is_small = false;
    else
        measure->pcs[measure->count++] = pc;
}

static void measure_block(struct former *former, struct measure *measure, uint64_t pc)
{
    const struct ir_block *block = block_at(former, pc);
    measure->insns += block->guest_length;
    for (uint32_t i = 0; i < block->length; i++) {
        const struct ir_insn *insn = &block->insns[i];
        if (insn->op == IR_exit_if)
            measure_add(former, measure, insn->imm);
        if (insn->op == IR_exit_direct)
            measure_add(former, measure,
                        insn->c == IR_BRANCH_CALL ? block->guest_pc + block->guest_size_bytes
                                                  : insn->imm);
        if (insn->op == IR_exit_indirect && insn->c == IR_BRANCH_RETURN)
            measure->has_return = true;
    }
}

/* Has the function at pc, its calls not counted, at most so many instructions, and is there room
 * for all of it? */
static bool is_fitting_callee(struct former *former, uint64_t pc, uint32_t max_insns)
{
    struct measure measure = {.is_small = true};
    measure_add(former, &measure, pc);
    for (uint32_t i = 0; i < measure.count && measure.is_small; i++) {
        measure_block(former, &measure, measure.pcs[i]);
        if (measure.insns > max_insns ||
            former->region->guest_length + measure.insns > former->max_insns)
            measure.is_small = false;
    }
    return measure.is_small && measure.has_return;
}

/* The same for a call; a callee that did not fit once is not measured again. */
static bool is_fitting_call(struct former *former, struct call_site *call, uint32_t max_insns)
{
    for (uint32_t i = 0; i < former->call_count; i++) {
        const struct call_site *other = &former->calls[i];
        if (other->callee_pc == call->callee_pc && other->unfit_insns >= max_insns)
            return false;
    }
    bool is_fitting = is_fitting_callee(former, call->callee_pc, max_insns);
    if (!is_fitting)
        call->unfit_insns = max_insns;
    return is_fitting;
}

static bool is_recursive(const struct former *former, uint32_t context, uint64_t callee_pc)
{
    if (callee_pc == former->region->guest_pc)
        return true;
    for (; context; context = former->contexts[context].parent)
        if (former->contexts[context].callee_pc == callee_pc)
            return true;
    return false;
}

/* The entry node of the callee in a new context; NO_NODE when the call is better left to leave the
 * region. */
static int32_t reach_call(struct former *former, struct call_site *call)
{
    uint32_t context = former->region->nodes[call->node].context;
    uint64_t callee_pc = call->callee_pc;
    uint32_t max_insns = call->is_tried ? MAX_CALLEE_INSNS : SMALL_CALLEE_INSNS;
    uint32_t depth = former->contexts[context].depth + 1;
    if (former->exec->has_libcalls && !routines_can_watch(former->exec))
        libcalls_look(former->exec, &former->exec->scratch, callee_pc, call->return_pc);
    if (former->context_count == MAX_CONTEXTS || depth > MAX_CALL_DEPTH ||
        is_recursive(former, context, callee_pc) || !has_room(former) ||
        !is_worth_following(former, callee_pc) || !is_fitting_call(former, call, max_insns))
        return REGION_NO_NODE;
    uint32_t fresh = former->context_count++;
    former->contexts[fresh] = (struct context){call->return_pc, callee_pc, context, depth};
    return reach(former, callee_pc, fresh);
}

/* ---- successors ---- */

/* The profile of the block if there is one and it is to be used, or NULL. */
static const struct tb_profile *used_profile(const struct former *former,
                                             const struct ir_block *block)
{
    const struct tb *tb = tb_find(former->exec->cache, block->guest_pc, block->mode);
    return former->is_profiled && tb ? tb_profile_of(tb) : NULL;
}

_Static_assert(TB_MAX_OBSERVED <= 64, "a set of them is one word");

/* The destination that was seen most often but for those of the set, which it joins, or -1. Those
 * that were not seen when the exit was last looked at are left out. */
static int32_t next_observed(const struct tb_profile *profile, bool is_looked_at, uint64_t *set)
{
    int32_t most = -1;
    for (uint32_t i = 0; i < profile->observed_count; i++) {
        uint32_t times = profile->observed_times[i];
        if (*set >> i & 1 || (is_looked_at && times == 0))
            continue;
        if (most < 0 || times > profile->observed_times[most])
            most = (int32_t)i;
    }
    if (most >= 0)
        *set |= UINT64_C(1) << most;
    return most;
}

/* A jump through a table: the destinations that were seen. */
static void follow_jump(struct former *former, struct region_node *node)
{
    const struct tb_profile *profile = used_profile(former, node->block);
    if (!profile)
        return;
    const struct tb *tb = tb_find(former->exec->cache, node->block->guest_pc, node->block->mode);
    bool is_looked_at = tb->has_been_observed && profile->observations >= LEAST_OBSERVATIONS;
    uint64_t set = 0;
    for (int32_t i; (i = next_observed(profile, is_looked_at, &set)) >= 0;)
        add_edge(node, profile->observed[i], reach(former, profile->observed[i], node->context),
                 true);
}

static bool is_entry(const struct former *former, int32_t node)
{
    for (uint32_t i = 0; i < former->entry_count; i++)
        if (former->entries[i] == node)
            return true;
    return false;
}

static void add_entry(struct former *former, int32_t node)
{
    if (node != REGION_NO_NODE && former->entry_count < MAX_ENTRIES &&
        !is_entry(former, node))
        former->entries[former->entry_count++] = node;
}

/* Where a call that leaves the region comes back. Calls of calls come back to their caller, which
 * is not in the region in that context. */
static void add_return_entry(struct former *former, uint32_t context, uint64_t return_pc)
{
    if (context == 0)
        add_entry(former, reach(former, return_pc, context));
}

/* Queues a call; what follows it in its own function is reached at once. */
static void meet_call(struct former *former, uint32_t index, uint64_t callee_pc, bool is_guess)
{
    const struct region_node *node = &former->region->nodes[index];
    uint64_t return_pc = node->block->guest_pc + node->block->guest_size_bytes;
    reach(former, return_pc, node->context);
    if (former->call_count < MAX_CALL_SITES)
        former->calls[former->call_count++] =
            (struct call_site){.node = index,
                               .is_guess = is_guess,
                               .callee_pc = callee_pc,
                               .return_pc = return_pc};
}

/* Follows the call when the callee is small; a larger one is left for when nothing else is. */
static void decide_call(struct former *former, struct call_site *call)
{
    struct region_node *node = &former->region->nodes[call->node];
    int32_t callee = REGION_NO_NODE;
    if (call->callee_pc)
        callee = reach_call(former, call);
    call->is_decided = !call->callee_pc || call->is_tried || !former->is_profiled ||
                       callee != REGION_NO_NODE;
    call->is_tried = true;
    if (!call->is_decided)
        return;
    if (callee == REGION_NO_NODE || call->is_guess)
        add_return_entry(former, node->context, call->return_pc);
    add_edge(node, call->callee_pc, callee, call->is_guess);
}

/* A call through a pointer is followed when it went to few functions. */
static void meet_indirect_call(struct former *former, uint32_t index)
{
    const struct region_node *node = &former->region->nodes[index];
    const struct tb_profile *profile = used_profile(former, node->block);
    uint32_t count = profile ? profile->observed_count : 0;
    if (count == 0 || count > MAX_GUESSED_CALLEES)
        meet_call(former, index, 0, true);
    else
        for (uint32_t i = 0; i < count; i++)
            meet_call(former, index, profile->observed[i], true);
}

static void follow_indirect(struct former *former, uint32_t index, const struct ir_insn *exit)
{
    struct region_node *node = &former->region->nodes[index];
    const struct context *context = &former->contexts[node->context];
    switch ((enum ir_branch)exit->c) {
    case IR_BRANCH_RETURN:
        if (context->return_pc)
            add_edge(node, context->return_pc, reach(former, context->return_pc, context->parent),
                     true);
        break;
    case IR_BRANCH_JUMP:
        follow_jump(former, node);
        break;
    case IR_BRANCH_CALL:
        meet_indirect_call(former, index);
        break;
    case IR_BRANCH_COUNT:
        CHECK(false, "an exit without a kind");
    }
}

/* Does the guest's basic block go on behind the block, which is as long as it may be, or behind a call
 * that is done in it? */
static bool is_cut_short(const struct ir_block *block)
{
    const struct ir_insn *last = ir_last(block);
    return last->op == IR_exit_direct && last->c == IR_BRANCH_JUMP &&
           last->imm == block->guest_pc + block->guest_size_bytes &&
           (block->length < 2 || last[-1].op != IR_exit_if);
}

/* An unrolled loop is often one block of some thousand instructions: it is a loop only as a whole. */
static void follow_direct(struct former *former, struct region_node *node, uint64_t pc)
{
    uint64_t max_insns = former->max_insns;
    if (node->skipped && former->region->nodes[node->skipped].block->guest_pc == pc)
        return; /* the edge is there */
    if (is_cut_short(node->block))
        max_insns *= LONG_BLOCK_GROWTH;
    add_edge(node, pc, reach_within(former, pc, node->context, max_insns), false);
}

static void follow_exit(struct former *former, uint32_t index, const struct ir_insn *exit)
{
    struct region_node *node = &former->region->nodes[index];
    if (exit->op == IR_exit_indirect)
        follow_indirect(former, index, exit);
    else if (exit->op == IR_exit_direct && exit->c == IR_BRANCH_CALL)
        meet_call(former, index, exit->imm, false);
    else if (exit->op == IR_exit_direct || exit->op == IR_exit_if)
        follow_direct(former, node, exit->imm);
}

/* nodes[0] of a region with several entries. */
static void make_dispatch(struct former *former)
{
    struct ir_region *region = former->region;
    struct ir_builder builder;
    ir_builder_begin(&builder, former->arena, region->guest_pc, region->mode);
    ir_ref pc = ir_const(&builder, IR_I64, 0);
    ir_emit3(&builder, IR_exit_indirect, IR_VOID, pc, IR_NONE, IR_BRANCH_JUMP, 0);
    region->nodes[0] = (struct region_node){.block = builder.block};
    for (uint32_t i = 0; i < former->entry_count; i++) {
        int32_t node = former->entries[i];
        add_edge(&region->nodes[0], region->nodes[node].block->guest_pc, node, true);
    }
    region->is_dispatching = true;
}

/* Moves all nodes down by one: there is one entry only. */
static void drop_dispatch(struct ir_region *region)
{
    region->length--;
    memmove(region->nodes, region->nodes + 1, region->length * sizeof *region->nodes);
    for (uint32_t i = 0; i < region->length; i++) {
        struct region_node *node = &region->nodes[i];
        node->skipped -= node->skipped > 0;
        for (uint32_t j = 0; j < node->edge_count; j++)
            node->edges[j].node--;
    }
}

/* ---- pieces that a branch skips ---- */

static const bool is_slow[IR_OP_COUNT] = {
    [IR_mulh_ss] = true, [IR_mulh_su] = true, [IR_mulh_uu] = true, [IR_div_s] = true,
    [IR_div_u] = true,   [IR_rem_s] = true,   [IR_rem_u] = true,   [IR_fclass] = true,
};

static bool is_cheap(const struct ir_insn *insn)
{
    if (insn->op == IR_set_reg)
        return insn->imm < IR_FIRST_FP_REG;
    bool is_pure = insn->op == IR_get_reg || ir_op_info[insn->op].flags & IR_PURE;
    return is_pure && !ir_type_is_float(insn->type) && !is_slow[insn->op];
}

/* The code of [pc, end), when it is short and nothing but integer arithmetic; else NULL. It lasts as
 * block_at's. */
static const struct ir_block *piece_at(struct former *former, uint64_t pc, uint64_t end)
{
    struct arena *scratch = &former->exec->scratch;
    for (uint32_t insns = 1; insns <= MAX_PIECE_INSNS; insns++) {
        arena_reset(scratch);
        struct ir_block *block =
            translate_prefix(former->exec, scratch, pc, former->region->mode, insns);
        if (!block || ir_last(block)->op != IR_exit_direct)
            return NULL;
        if (ir_last(block)->imm != end || block->guest_pc + block->guest_size_bytes != end)
            continue;
        block = translate_optimise(former->exec, scratch, block);
        for (uint32_t i = 0; i + 1 < block->length; i++)
            if (!is_cheap(&block->insns[i]))
                return NULL;
        return block;
    }
    return NULL;
}

/* Was the code at pc run about as often as skipped by the branch that ends the block at from_pc, and in no order that
 * the host foresees, when that is known? What is found out once holds for good, for blocks of regions are not
 * counted. */
static bool is_unpredictable(const struct former *former, uint64_t from_pc, uint64_t pc, uint64_t end)
{
    if (!former->is_profiled)
        return true;
    struct tb_cache *cache = former->exec->cache;
    struct tb *from = tb_find(cache, from_pc, former->region->mode);
    struct tb *piece = tb_find(cache, pc, former->region->mode);
    const struct tb *rest = tb_find(cache, end, former->region->mode);
    if (tb_profile_of(piece)->is_predictable || (from && outcomes_are_foreseen(from)))
        return false;
    uint64_t run = region_executions(former->exec, piece);
    uint64_t skipped = region_executions(former->exec, rest);
    bool is_known = run != UINT32_MAX && skipped != UINT32_MAX;
    if (is_known && (run > LOPSIDED * skipped || skipped > LOPSIDED * run))
        tb_profile(cache, piece)->is_predictable = true;
    return !tb_profile_of(piece)->is_predictable;
}

static uint64_t regs_written(const struct ir_block *block)
{
    uint64_t regs = 0;
    for (uint32_t i = 0; i < block->length; i++)
        if (block->insns[i].op == IR_set_reg)
            regs |= UINT64_C(1) << block->insns[i].imm;
    return regs;
}

/* Does the value come from memory, at an address that comes from one of the registers? Where this decides about
 * writing that register, a select would make it wait for the load each time around, and a branch that is foreseen
 * does not. */
static bool is_loaded_through(const struct former *former, const struct ir_block *block, ir_ref value, uint64_t regs)
{
    enum { NOT_USED, USED, USED_IN_ADDRESS };
    uint8_t *use = arena_zalloc(former->arena, block->length * sizeof *use);
    use[value] = USED;
    for (uint32_t i = value + 1u; i-- > 0;) {
        const struct ir_insn *insn = &block->insns[i];
        if (use[i] == USED_IN_ADDRESS && insn->op == IR_get_reg && regs >> insn->imm & 1)
            return true;
        const ir_ref operands[] = {insn->a, insn->b, insn->c};
        for (unsigned k = 0; use[i] != NOT_USED && k < ir_op_info[insn->op].operand_count; k++) {
            uint8_t *used = &use[operands[k]];
            *used = use[i] > *used ? use[i] : *used;
            if (insn->op == IR_load)
                *used = USED_IN_ADDRESS;
        }
    }
    return false;
}

/* The exit_if of a block that goes on behind it, but further on when that is taken; or NULL. */
static const struct ir_insn *skipping_exit(const struct ir_block *block)
{
    const struct ir_insn *last = ir_last(block);
    if (block->length < 2 || last->op != IR_exit_direct || last->c != IR_BRANCH_JUMP ||
        last[-1].op != IR_exit_if || last->imm != block->guest_pc + block->guest_size_bytes ||
        last[-1].imm <= last->imm)
        return NULL;
    return &last[-1];
}

/* Pieces end where other tiers' blocks do not, so a region could leave where lockstep's reference
 * cannot stop. */
static bool may_select(const struct exec *exec)
{
    return exec_has(exec, FEATURE_selects) && !exec->lockstep;
}

bool region_may_skip(const struct exec *exec, const struct ir_block *block)
{
    enum { INSN_BYTES = 4 };
    const struct ir_insn *skip = may_select(exec) ? skipping_exit(block) : NULL;
    return skip && skip->imm - skip[1].imm <= MAX_PIECE_INSNS * INSN_BYTES;
}

/* Makes what the node's last branch skips a node, when it is such a piece. */
static void reach_piece(struct former *former, struct region_node *node)
{
    const struct ir_insn *skip = skipping_exit(node->block);
    if (!skip || !may_select(former->exec) || !has_room(former))
        return;
    uint64_t pc = skip[1].imm;
    if (!is_worth_following(former, pc) || !is_worth_following(former, skip->imm))
        return;
    const struct ir_block *block = piece_at(former, pc, skip->imm);
    if (!block || !is_unpredictable(former, node->block->guest_pc, pc, skip->imm) ||
        is_loaded_through(former, node->block, skip->a, regs_written(block)))
        return;
    node->skipped = (uint32_t)append(former, block, node->context);
    former->region->nodes[node->skipped].is_piece = true;
    add_edge(node, pc, (int32_t)node->skipped, false);
}

static void follow_node(struct former *former, uint32_t index)
{
    reach_piece(former, &former->region->nodes[index]);
    const struct ir_block *block = former->region->nodes[index].block;
    for (uint32_t i = 0; i < block->length; i++)
        if (ir_op_info[block->insns[i].op].flags & IR_EXITS)
            follow_exit(former, index, &block->insns[i]);
}

/* The oldest call that has not been looked at, or else that has not been decided; or NULL. */
static struct call_site *next_call(struct former *former)
{
    struct call_site *open = NULL;
    for (uint32_t i = 0; i < former->call_count; i++) {
        struct call_site *call = &former->calls[i];
        if (!call->is_tried)
            return call;
        if (!call->is_decided && !open)
            open = call;
    }
    return open;
}

/* Follows nodes until none is left, then decides a call, and so on. */
static void follow_all(struct former *former)
{
    uint32_t node = former->first;
    for (;;) {
        while (node < former->region->length)
            follow_node(former, node++);
        struct call_site *call = next_call(former);
        if (!call)
            return;
        decide_call(former, call);
    }
}

/* Blocks behind calls that ran in tier 1 although a region with this root has them: more entries. */
static void add_missed_entries(struct former *former, const struct tb *root)
{
    uint32_t often = former->exec->config.threshold[TB_TIER_2] / MISSED_FRACTION;
    for (uint32_t i = 0; i < former->call_count; i++) {
        const struct call_site *call = &former->calls[i];
        const struct tb *tb = tb_find(former->exec->cache, call->return_pc, former->region->mode);
        if (tb && tb_profile_of(tb)->region_root == root && tb->tier == TB_TIER_1 &&
            executions_in_tier1(former->exec, tb) > often)
            add_return_entry(former, former->region->nodes[call->node].context, call->return_pc);
    }
}

static bool is_looping(const struct ir_region *region)
{
    for (uint32_t i = 1; i < region->length; i++)
        for (uint32_t j = 0; j < region->nodes[i].edge_count; j++)
            if (region->nodes[i].edges[j].node == 1)
                return true;
    return false;
}

struct ir_region *region_form(struct exec *exec, struct arena *arena, struct tb *tb,
                              enum tb_tier level, bool is_profiled, uint32_t max_insns)
{
    uint32_t fraction = level == TB_TIER_3 ? COLD_FRACTION_TIER3 : COLD_FRACTION;
    if (level == TB_TIER_3 && max_insns <= UINT32_MAX / TIER3_GROWTH)
        max_insns *= TIER3_GROWTH;
    struct former *former = arena_zalloc(arena, sizeof *former);
    struct ir_region *region = arena_zalloc(arena, sizeof *region);
    *region = (struct ir_region){
        .nodes = arena_alloc(arena, (MAX_NODES + 1) * sizeof *region->nodes),
        .guest_pc = tb->pc,
        .mode = tb->mode,
    };
    former->exec = exec;
    former->arena = arena;
    former->region = region;
    former->is_profiled = is_profiled;
    former->min_executions = region_basis(exec, tb) / fraction;
    former->is_following_unknown = level == TB_TIER_2;
    sampler_forget_met(exec);
    former->max_insns = max_insns;
    former->context_count = 1;
    former->first = 1;
    region->length = former->first;
    former->entries[former->entry_count++] = append(former, block_at(former, tb->pc), 0);
    if (exec_has(exec, FEATURE_regions)) {
        const struct tb_profile *profile = tb_profile_of(tb);
        for (uint32_t i = 0; i < profile->entry_count; i++)
            add_entry(former, reach(former, profile->entry[i], 0));
        follow_all(former);
        if (profile->extensions > 0)
            add_missed_entries(former, tb);
    }
    region->is_looping = is_looping(region);
    if (former->entry_count > 1)
        make_dispatch(former);
    else
        drop_dispatch(region);
    return region;
}
