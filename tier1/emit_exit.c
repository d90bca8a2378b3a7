/* The way in and the ways out of a block.
 *
 * A direct exit is one jmp or jcc whose rel32 lies inside an aligned 8-byte word, so that it can be
 * linked and relinked while the guest runs. Every cycle of blocks goes backwards somewhere, and
 * each backward or indirect exit polls vcpu->pending first. */
#include "tier1/emit.h"

#include <string.h>

struct t1_cold *t1_cold(struct t1 *t, uint32_t site, t1_cold_fn *emit)
{
    struct t1_cold *cold = &t->colds[t->cold_count++];
    cold->site = site;
    cold->is_near = false;
    cold->emit = emit;
    return cold;
}

struct t1_cold *t1_cold_near(struct t1 *t, uint32_t site, t1_cold_fn *emit)
{
    struct t1_cold *cold = t1_cold(t, site, emit);
    cold->is_near = true;
    return cold;
}

static void leave(struct t1 *t, struct x64_mem thunk)
{
    x64_r12(&t->x, 0xff, 4, thunk.disp);
}

static void leave_with_tb(struct t1 *t, const struct tb *tb, struct x64_mem thunk)
{
    x64_rip(&t->x, 0x8d | X64_W, X64_RAX, tb, 0);
    leave(t, thunk);
}

static void count(struct t1 *t, enum vcpu_counter counter, uint32_t amount)
{
    if (!t->options->is_counting_stats)
        return;
    size_t offset = offsetof(struct vcpu, counter) + 8 * counter;
    x64_alu_mi(&t->x, X64_ADD, X64_W, t1_vcpu_at(offset), (int32_t)amount);
}

/* ---- entry ---- */

/* Without pinning the memory of the pinned registers is made current here and kept so. */
static void store_pinned(struct t1 *t)
{
#define STORE_PINNED(position, guest, host)                                                        \
    if (!t->options->is_pinning)                                                                   \
        x64_store(&t->x, t1_reg_memory(guest), host);
#define STORE_FLOAT(position, guest, host)                                                         \
    if (!t->options->is_pinning_float)                                                             \
        t1_store_xmm(t, t1_reg_memory(guest), host, true);
    TB_PINNED(STORE_PINNED)
    TB_PINNED_FLOAT(STORE_FLOAT)
#undef STORE_FLOAT
#undef STORE_PINNED
}

void t1_count_insns(struct t1 *t, uint32_t insns)
{
    count(t, COUNTER_INSNS_TIER1, insns);
}

/* ---- statistics of blocks of several pieces ---- */

static uint32_t piece_insns(const struct ir_block *block, uint32_t piece)
{
    bool is_last = piece + 1 == block->piece_count;
    uint32_t end = is_last ? block->guest_length : block->pieces[piece + 1].first;
    return end - block->pieces[piece].first;
}

/* The piece behind an exit to pc; piece_count: there is none. Exits that are never taken have been left
 * out. */
static uint32_t piece_behind(const struct t1 *t, uint64_t pc)
{
    uint32_t piece = t->piece + 1;
    while (piece < t->block->piece_count &&
           t->block->pieces[piece].exit_offset != (uint32_t)(pc - t->guest_pc))
        piece++;
    return piece;
}

/* Counts the pieces up to the one given, without it. */
static void count_pieces(struct t1 *t, uint32_t piece)
{
    while (++t->piece < piece)
        t1_count_insns(t, piece_insns(t->block, t->piece));
}

static void begin_counted_exit(struct t1 *t, uint64_t pc)
{
    if (t->options->is_counting_stats && t->block->piece_count)
        count_pieces(t, piece_behind(t, pc));
}

/* Behind an exit that was not taken. */
static void end_counted_exit(struct t1 *t)
{
    if (t->options->is_counting_stats && t->piece < t->block->piece_count)
        t1_count_insns(t, piece_insns(t->block, t->piece));
}

static uint32_t first_insns(const struct t1 *t)
{
    bool is_draft = !t->block;
    return is_draft || !t->block->piece_count ? t->guest_length : piece_insns(t->block, 0);
}

void t1_emit_prologue(struct t1 *t)
{
    x64_nop(&t->x, TB_ENTRY_SLOT_BYTES); /* the entry slot: tb_publish turns it into a jump */
    if (t->is_counted) {
        x64_rip(&t->x, 0xff, 1, &t->tb->heat, 0); /* dec */
        x64_jcc_to(&t->x, X64_S, tb_stub(t->tb));
    }
    t1_count_insns(t, first_insns(t));
    count(t, COUNTER_BLOCKS_TIER1, 1);
    store_pinned(t);
}

/* ---- direct exits ---- */

/* Bytes needed so that a rel32 that is to follow after `distance` bytes stays in one word. */
static unsigned padding_for_rel32(const struct t1 *t, unsigned distance)
{
    unsigned place = (unsigned)((uintptr_t)x64_here(&t->x) + distance) & 7;
    return (8 - place) * (place > 4);
}

struct tb *t1_successor(struct t1 *t, uint64_t pc)
{
    struct tb *to = tb_reference(t->cache, pc, t->mode);
    if (to)
        return to;
    t->is_full = true;
    t1_stop(t);
    return t->tb;
}

static void note_exit(struct t1 *t, uint32_t after_rel32, struct tb *to)
{
    t->exits[t->exit_count++] = (struct t1_exit){after_rel32 - 4, to};
}

static bool is_backward(const struct t1 *t, uint64_t pc)
{
    return pc <= t->guest_pc;
}

/* Goes to the cold part when work is pending or a sample is wanted; is_near: the block's end is. */
static struct t1_cold *put_poll(struct t1 *t, bool is_near, t1_cold_fn *emit)
{
    _Static_assert(offsetof(struct vcpu, is_sampled) == offsetof(struct vcpu, pending) + 4, "a word");
    x64_r12(&t->x, 0x83 | X64_W, X64_CMP, T1_VCPU(pending).disp);
    x64_u8(&t->x, 0);
    return is_near ? t1_cold_near(t, x64_jcc_short(&t->x, X64_NE), emit)
                   : t1_cold(t, x64_jcc(&t->x, X64_NE), emit);
}

static void cold_poll_direct(struct t1 *t, const struct t1_cold *cold)
{
    x64_jmp_to(&t->x, tb_stub(cold->to));
}

/* Before a link's rel32 that begins after `opcode_bytes`: prefixes without effect that move it into
 * one word. They are cheaper than a NOP, which is an instruction of its own. */
static void put_link_padding(struct t1 *t, unsigned opcode_bytes)
{
    const uint64_t cs_prefixes = 0x2e2e2e2e;
    x64_put(&t->x, cs_prefixes, padding_for_rel32(t, opcode_bytes));
}

void t1_put_jump(struct t1 *t, struct tb *to)
{
    put_link_padding(t, 1);
    note_exit(t, x64_jmp(&t->x), to);
}

void t1_put_jump_if(struct t1 *t, enum x64_cc cc, struct tb *to)
{
    put_link_padding(t, 2);
    note_exit(t, x64_jcc(&t->x, cc), to);
}

void t1_emit_exit_direct(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    (void)ref;
    t1_clean_homes(t);
    begin_counted_exit(t, node->imm);
    struct tb *to = t1_successor(t, node->imm);
    if (is_backward(t, node->imm))
        put_poll(t, true, cold_poll_direct)->to = to;
    t1_put_jump(t, to);
}

/* Work is pending before a conditional backward exit: decides the exit once more, by way of the
 * stub that leaves to the loop. */
static void cold_poll_if(struct t1 *t, const struct t1_cold *cold)
{
    t1_emit_compare(t, &cold->compare);
    x64_jcc_to(&t->x, (enum x64_cc)cold->compare.cc, tb_stub(cold->to));
    x64_patch_rel32(&t->x, x64_jmp(&t->x), cold->back);
}

/* Nothing but an exit_direct follows: exits of one branch, the end of most blocks. */
static bool is_before_last(const struct t1 *t, const struct t1_node *node)
{
    const struct t1_node *next = &t->nodes[node->follow];
    return node->follow != IR_NONE && next->op == IR_exit_direct && next->follow == IR_NONE;
}

/* [outcomes + low byte of heat] := does the condition hold?; RAX is free. Leaves the flags alone. */
static void put_outcome(struct t1 *t, enum x64_cc cc)
{
    x64_mov_ri(&t->x, X64_RAX, (uintptr_t)t->outcomes);
    x64_rip(&t->x, 0x8a, X64_RAX, &t->tb->heat, 0);
    x64_rm(&t->x, 0x90 | X64_0F | (unsigned)cc, 0, x64_at(X64_RAX, 0)); /* setcc */
}

void t1_emit_exit_if(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    (void)ref;
    bool is_noted = t->outcomes && is_before_last(t, node);
    t1_clean_homes(t);
    if (is_noted)
        t1_take_gpr(t, X64_RAX);
    begin_counted_exit(t, node->imm);
    struct t1_compare compare = t1_condition(t, node, 0);
    struct tb *to = t1_successor(t, node->imm);
    if (is_backward(t, node->imm)) {
        struct t1_cold *cold = put_poll(t, is_before_last(t, node), cold_poll_if);
        cold->back = x64_offset(&t->x);
        cold->compare = compare;
        cold->to = to;
    }
    t1_emit_compare(t, &compare);
    if (is_noted)
        put_outcome(t, (enum x64_cc)compare.cc);
    t1_put_jump_if(t, (enum x64_cc)compare.cc, to);
    end_counted_exit(t);
}

/* ---- indirect exits ---- */

/* a: the register with the pc. */
static void cold_poll_indirect(struct t1 *t, const struct t1_cold *cold)
{
    x64_store(&t->x, T1_VCPU(pc), cold->a);
    x64_store_i(&t->x, T1_VCPU(exit_reason), 32, VCPU_EXIT_PC);
    leave(t, T1_VCPU(thunk_leave));
}

/* The latest successor of this block, by its record. Gives the jump of a miss. */
static uint32_t put_inline_cache(struct t1 *t, unsigned pc)
{
    x64_rip(&t->x, 0x8b | X64_W, X64_RAX, &t->last_tb->inline_cache, 0);
    x64_rm(&t->x, 0x3b | X64_W, pc, x64_at(X64_RAX, TB_OFFSET_PC));
    uint32_t miss = x64_jcc(&t->x, X64_NE);
    count(t, COUNTER_INLINE_CACHE_HITS, 1);
    x64_jmp_mem(&t->x, x64_at(X64_RAX, TB_OFFSET_ENTRY));
    return miss;
}

/* vcpu->jump_cache[jump_cache_slot(pc)]; a miss goes on behind. */
static void put_jump_cache(struct t1 *t, unsigned pc)
{
    _Static_assert(sizeof(struct jump_cache_entry) == 16, "an entry is (pc & mask) * 8 bytes away");
    int32_t base = T1_VCPU(jump_cache).disp;
    x64_rr(&t->x, 0x8b, X64_RAX, pc);
    x64_alu_ri(&t->x, X64_AND, 0, X64_RAX, (JUMP_CACHE_SIZE - 1) << 1);
    x64_lea(&t->x, X64_W, X64_RAX, (struct x64_mem){TB_HOST_VCPU, X64_RAX, 3, 0, base});
    x64_rm(&t->x, 0x3b | X64_W, pc, x64_at(X64_RAX, offsetof(struct jump_cache_entry, pc)));
    uint32_t miss = x64_jcc_short(&t->x, X64_NE);
    count(t, COUNTER_JUMP_CACHE_HITS, 1);
    x64_jmp_mem(&t->x, x64_at(X64_RAX, offsetof(struct jump_cache_entry, entry)));
    x64_patch_rel8(&t->x, miss, x64_offset(&t->x));
}

/* Where no inline cache knows the pc. */
static void put_slower_exit(struct t1 *t, unsigned pc)
{
    if (t->options->is_caching_jumps && !t->last_tb->is_observing) {
        put_jump_cache(t, pc);
        x64_mov_rr(&t->x, X64_RBX, pc);
        leave_with_tb(t, t->last_tb, T1_VCPU(thunk_spare));
    } else {
        x64_store(&t->x, T1_VCPU(pc), pc);
        leave_with_tb(t, t->last_tb, T1_VCPU(thunk_indirect));
    }
}

static void cold_miss(struct t1 *t, const struct t1_cold *cold)
{
    put_slower_exit(t, cold->a);
}

/* So many that one entry would hardly ever do: where a switch or an interpreter goes, by what it is; and as
 * was seen while there was a draft, where a function goes that is called from everywhere. Then the look at one
 * place is left out: it is seldom right, and that it is right is seldom foreseen. */
static bool has_many_destinations(const struct t1 *t, ir_ref ref)
{
    enum { MANY = 3 };
    bool is_jump = t->block->insns[ref].c == IR_BRANCH_JUMP;
    return t->options->is_caching_jumps &&
           (is_jump || tb_profile_of(t->last_tb)->observed_count >= MANY);
}

void t1_emit_exit_indirect(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    t1_clean_homes(t);
    begin_counted_exit(t, 0);
    t1_take_gpr(t, X64_RAX);
    unsigned pc = t1_use_gpr(t, node->operand[0]);
    put_poll(t, true, cold_poll_indirect)->a = (uint8_t)pc;
    if (t->options->is_caching_inline && !has_many_destinations(t, ref))
        t1_cold(t, put_inline_cache(t, pc), cold_miss)->a = (uint8_t)pc;
    else
        put_slower_exit(t, pc);
}

/* Nothing but what is small: the common thunk looks into the jump cache. */
void t1_put_indirect_by_thunk(struct t1 *t)
{
    if (t->options->is_caching_jumps && !t->options->is_counting_stats)
        leave_with_tb(t, t->last_tb, T1_VCPU(thunk_jump));
    else
        put_slower_exit(t, X64_RBX);
}

/* ---- traps ---- */

void t1_put_trap(struct t1 *t, uint64_t pc, unsigned trap)
{
    x64_mov_ri(&t->x, X64_RAX, pc);
    x64_store(&t->x, T1_VCPU(pc), X64_RAX);
    x64_store_i(&t->x, T1_VCPU(exit_reason), 32, VCPU_EXIT_TRAP);
    x64_store_i(&t->x, T1_VCPU(exit_trap), 32, (int32_t)trap);
    leave(t, T1_VCPU(thunk_leave));
}

static void cold_trap(struct t1 *t, const struct t1_cold *cold)
{
    t1_put_trap(t, cold->imm, cold->a);
}

void t1_emit_exit_trap(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    (void)ref;
    t1_clean_homes(t);
    begin_counted_exit(t, 0);
    t1_put_trap(t, node->imm, node->operand[2]);
}

void t1_emit_exit_trap_if(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    (void)ref;
    t1_clean_homes(t);
    struct t1_compare compare = t1_condition(t, node, 0);
    t1_emit_compare(t, &compare);
    struct t1_cold *cold = t1_cold(t, x64_jcc(&t->x, (enum x64_cc)compare.cc), cold_trap);
    cold->imm = node->imm;
    cold->a = (uint8_t)node->operand[2];
}
