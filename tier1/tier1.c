/* Tier 1: x86-64 code for one block in one pass (emit.h tells how).
 *
 * compile() plans the block, emits its nodes at the end of code memory, gives back what was not
 * needed, emits the cold parts among the rare code, and links and publishes the result. The arrays are kept from
 * block to block, so that a compile allocates nothing but what stays with the code. */
#include "tier1/tier1.h"

#include "src/base/check.h"
#include "src/base/host_cpu.h"
#include "src/base/pages.h"
#include "tier1/draft.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* One node's code at most, calls and spills included; a cold part's. */
enum { MAX_NODE_BYTES = 512, MAX_COLD_BYTES = 192 };

struct tier1 {
    struct tier tier;
    struct tier_options options;
    struct t1 state;
};

unsigned t1_host_features(void)
{
    return (HOST_HAS(BMI1) ? T1_BMI1 : 0u) |
           (HOST_HAS(BMI2) ? T1_BMI2 : 0u) |
           (HOST_HAS(LZCNT) ? T1_LZCNT : 0u) |
           (HOST_HAS(POPCNT) ? T1_POPCNT : 0u) |
           (HOST_HAS(AVX) ? T1_AVX : 0u) |
           (HOST_HAS(FMA) ? T1_FMA : 0u);
}

_Static_assert(IR_MAX_INSNS < IR_NONE, "the dummy is a reference too");

/* The arrays of a compile, of which nothing is kept from block to block: elements for each node, and
 * besides. */
#define T1_ARRAYS(ARRAY)                                                                           \
    ARRAY(nodes, 1, 0)                                                                             \
    ARRAY(values, 1, 4) /* a dummy; set by fours */                                                \
    ARRAY(canon, 1, 1)                                                                             \
    ARRAY(offsets, 1, 0)                                                                           \
    ARRAY(exits, 1, 0)                                                                             \
    ARRAY(colds, 3, 1)

static void free_arrays(struct t1 *t)
{
#define FREE_ARRAY(name, each, more)                                                               \
    if (t->name)                                                                                   \
        pages_free(t->name, (t->capacity * (each) + (more)) * sizeof *t->name);
    T1_ARRAYS(FREE_ARRAY)
#undef FREE_ARRAY
}

void t1_need(struct t1 *t, uint32_t length)
{
    if (length <= t->capacity)
        return;
    free_arrays(t);
    uint32_t capacity = length < 256 ? 256 : length * 2;
    t->capacity = capacity < IR_MAX_INSNS ? capacity : IR_MAX_INSNS;
#define ALLOC_ARRAY(name, each, more)                                                              \
    t->name = pages_alloc((t->capacity * (each) + (more)) * sizeof *t->name);
    T1_ARRAYS(ALLOC_ARRAY)
#undef ALLOC_ARRAY
}

/* ---- emission ---- */

bool t1_reserve(struct t1 *t, size_t wanted)
{
    struct code_memory *memory = t->cache->memory;
    unsigned padding = tb_entry_padding(memory->x_base + memory->code_used);
    size_t taken = memory->code_used + memory->stub_used + padding;
    size_t stubs = (size_t)t->exits_planned * CODE_STUB_BYTES;
    if (taken + stubs + MAX_NODE_BYTES > memory->code_limit)
        return false;
    size_t available = memory->code_limit - taken - stubs;
    size_t size_bytes = wanted < available ? wanted : available;
    uint8_t *start = code_alloc(memory, padding + size_bytes, 1);
    if (!start)
        return false;
    t->x.start = code_w(memory, start + padding);
    t->x.out = t->x.start;
    t->x.limit = t->x.start + size_bytes;
    t->x.x_minus_w = -memory->w_minus_x;
    t->x.failed = false;
    return true;
}

/* Notes the next uses of the operands. */
static inline void begin_node(struct t1 *t, const struct t1_node *node)
{
    struct t1_value *values = t->values;
    values[node->operand[0]].next_use = node->next[0];
    values[node->operand[1]].next_use = node->next[1];
    for (unsigned k = 2; __builtin_expect(k < node->count, 0); k++)
        values[node->operand[k]].next_use = node->next[k];
}

/* Releases what has died. */
static inline void end_node(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    if (node->next[0] == IR_NONE)
        t1_release(t, node->operand[0]);
    if (node->next[1] == IR_NONE)
        t1_release(t, node->operand[1]);
    for (unsigned k = 2; __builtin_expect(k < node->count, 0); k++)
        if (node->next[k] == IR_NONE)
            t1_release(t, node->operand[k]);
    t->gpr_locked = 0;
    t->xmm_locked = 0;
    if (node->flags & T1_SETS) {
        t1_set_guest(t, (unsigned)t->insns[ref + 1].imm, ref);
        t->gpr_locked = 0;
        t->xmm_locked = 0;
    }
    if (t->values[ref].next_use == IR_NONE)
        t1_release(t, ref);
    if (!t->options->is_caching_registers)
        t1_spill_for_libcall(t);
}

static void emit_nodes(struct t1 *t)
{
    static t1_emit_fn *const emit[IR_OP_COUNT] = {
#define IR_OP(name, ...) [IR_##name] = t1_emit_##name,
#include "src/ir/ir_ops.def"
#undef IR_OP
    };
    const struct t1_node *node;
    for (ir_ref ref = t->first; ref != IR_NONE; ref = node->follow) {
        node = &t->nodes[ref];
        t->offsets[ref] = x64_offset(&t->x);
        if (!x64_room(&t->x, MAX_NODE_BYTES))
            return;
        begin_node(t, node);
        emit[node->op](t, ref, node);
        end_node(t, ref, node);
    }
}

/* The jumps by which near cold parts are reached. */
static void emit_near_jumps(struct t1 *t)
{
    for (uint32_t i = 0; i < t->cold_count; i++) {
        struct t1_cold *cold = &t->colds[i];
        if (!cold->is_near)
            continue;
        x64_patch_rel8(&t->x, cold->site, x64_offset(&t->x));
        cold->site = x64_jmp(&t->x);
    }
}

/* Each where there is room for it; offsets go on counting from the block's start. */
static void emit_colds(struct t1 *t)
{
    struct code_memory *memory = t->cache->memory;
    for (uint32_t i = 0; i < t->cold_count; i++) {
        struct t1_cold *cold = &t->colds[i];
        uint8_t *place = code_alloc_rare(memory, MAX_COLD_BYTES);
        if (!place) {
            t->is_full = true;
            return;
        }
        t->x.out = code_w(memory, place);
        cold->begin = x64_offset(&t->x);
        x64_patch_rel32(&t->x, cold->site, cold->begin);
        cold->emit(t, cold);
        cold->end = x64_offset(&t->x);
        code_trim_rare(memory, x64_here(&t->x));
    }
}

static bool has_failed(const struct t1 *t)
{
    return t->trouble || t->x.failed || t->is_full;
}

static void emit_block(struct t1 *t)
{
    t->trouble = NULL;
    t->is_full = false;
    t->cold_count = 0;
    t->muted_from = t->muted_until = 0;
    t->piece = 0;
    t->exit_count = 0;
    t->fault_count = 0;
    t->faults = arena_reserve(&t->cache->arena, 2 * t->block->length * sizeof *t->faults);
    if (!x64_room(&t->x, MAX_NODE_BYTES))
        return;
    t1_emit_prologue(t);
    emit_nodes(t);
    if (!has_failed(t))
        emit_near_jumps(t);
}

/* ---- result ---- */

static uint16_t bytes_of_colds(const struct t1 *t)
{
    uint32_t size_bytes = 0;
    for (uint32_t i = 0; i < t->cold_count; i++)
        size_bytes += t->colds[i].end - t->colds[i].begin;
    return size_bytes < UINT16_MAX ? (uint16_t)size_bytes : UINT16_MAX;
}

struct tb_code *t1_new_code(struct t1 *t, const uint8_t *start, uint32_t size_bytes)
{
    struct tb_cache *cache = t->cache;
    arena_alloc(&cache->arena, t->fault_count * sizeof *t->faults); /* where they are */
    struct tb_code *code = tb_code_new(cache, t->tb, TB_TIER_1);
    code->start = start;
    code->size_bytes = size_bytes;
    code->guest_length = t->guest_length;
    code->fault_count = (uint16_t)t->fault_count;
    code->faults = t->faults;
    tb_cover(cache, code, t->guest_pc, t->guest_size_bytes);
    return code;
}

static struct tb_code *install(struct t1 *t, const uint8_t *start, uint32_t size_bytes)
{
    struct tb_code *code = t1_new_code(t, start, size_bytes);
    code->rare_bytes = bytes_of_colds(t);
    if (t->block->piece_count)
        code->last_half_words = (uint8_t)(t->block->pieces[t->block->piece_count - 1].offset_bytes / 2);
    for (uint32_t i = 0; i < t->exit_count; i++)
        tb_link(t->cache, code, t->exits[i].to, (uint8_t *)(uintptr_t)(start + t->exits[i].site),
                TB_LINK_JUMP)->block_offset = (uint16_t)(2 * code->last_half_words);
    return code;
}

/* ---- dump ---- */

static void dump_bytes(FILE *out, const struct t1 *t, uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++)
        fprintf(out, "%s%02x", i == from ? "        " : " ", t->x.start[i]);
    if (from < to)
        fputc('\n', out);
}

/* One line per IR instruction with the bytes that it gave below; the cold parts last. */
static void dump(FILE *out, const struct t1 *t, const uint8_t *start, uint32_t size_bytes)
{
    const struct ir_block *block = t->block;
    fprintf(out, "guest 0x%" PRIx64 ": %" PRIu32 " bytes at %p\n", block->guest_pc, size_bytes,
            (const void *)start);
    ir_ref next = t->first;
    dump_bytes(out, t, 0, next != IR_NONE ? t->offsets[next] : size_bytes);
    for (uint32_t i = 0; i < block->length; i++) {
        bool is_emitted = i == next;
        uint32_t from = next != IR_NONE ? t->offsets[next] : size_bytes;
        if (is_emitted)
            next = t->nodes[next].follow;
        fprintf(out, "%6" PRIx32 "  ", from);
        ir_print_insn(out, block, (ir_ref)i);
        if (is_emitted)
            dump_bytes(out, t, from, next != IR_NONE ? t->offsets[next] : size_bytes);
    }
    for (uint32_t i = 0; i < t->cold_count; i++) {
        fprintf(out, "%6" PRIx32 "  cold\n", t->colds[i].begin);
        dump_bytes(out, t, t->colds[i].begin, t->colds[i].end);
    }
}

/* ---- the tier ---- */

/* Gives the bytes of code that the block may need. */
static size_t begin_block(struct t1 *t, const struct tier_job *job)
{
    const struct ir_block *block = job->block;
    t->cache = job->cache;
    t->tb = job->tb;
    t->last_tb = job->last_tb ? job->last_tb : job->tb;
    t->is_counted = job->is_counted;
    t->outcomes = job->outcomes;
    t->block = block;
    t->insns = block->insns;
    t->guest_pc = block->guest_pc;
    t->guest_size_bytes = block->guest_size_bytes;
    t->guest_length = block->guest_length;
    t->mode = block->mode;
    t1_need(t, block->length);
    t1_plan(t);
    return 1024 + (size_t)block->length * MAX_NODE_BYTES;
}

static enum status compile(struct tier *tier, const struct tier_job *job, struct error *err)
{
    struct t1 *t = &((struct tier1 *)tier)->state;
    if (!t1_reserve(t, begin_block(t, job)))
        return error_set(err, STATUS_CODE_FULL, "code memory is full");
    uint8_t *start = x64_here(&t->x);
    emit_block(t);
    uint32_t size_bytes = x64_offset(&t->x);
    code_trim(t->cache->memory, x64_here(&t->x));
    if (!has_failed(t))
        emit_colds(t);
    if (has_failed(t)) {
        code_trim(t->cache->memory, start);
        if (t->trouble)
            return error_set(err, STATUS_REJECTED, "tier 1 cannot compile the block at 0x%" PRIx64
                             ": %s", t->guest_pc, t->trouble);
        return error_set(err, STATUS_CODE_FULL, "code memory is full");
    }
    struct tb_code *code = install(t, start, size_bytes);
    code->is_draft = job->is_draft;
    if (job->dump.x64)
        dump(job->dump.x64, t, start, size_bytes);
    tb_publish(t->cache, code, start);
    return STATUS_OK;
}

static enum status draft(struct tier *tier, struct tier_draft *job, struct error *err)
{
    return t1_draft(&((struct tier1 *)tier)->state, job, err);
}

static void destroy(struct tier *tier)
{
    struct t1 *t = &((struct tier1 *)tier)->state;
    free_arrays(t);
    draft_map_fini(t);
    free(tier);
}

static void init_pinned(struct t1 *t, const struct tier_options *options)
{
    memset(t->host_of, X64_NO_REG, sizeof t->host_of);
#define NOTE_PINNED(position, guest, host)                                                         \
    t->host_of[guest] = host;                                                                      \
    t->pinned |= options->is_pinning ? UINT64_C(1) << (guest) : 0;
#define NOTE_FLOAT(position, guest, host)                                                          \
    t->host_of[guest] = host;                                                                      \
    t->pinned |= options->is_pinning_float ? UINT64_C(1) << (guest) : 0;
    TB_PINNED(NOTE_PINNED)
    TB_PINNED_FLOAT(NOTE_FLOAT)
    t->hinted = options->is_hinting ? t->pinned : 0;
    draft_regs_init(t);
#undef NOTE_FLOAT
#undef NOTE_PINNED
}

struct tier *tier1_create_with_features(struct tb_cache *cache, const struct tier_options *options,
                                        unsigned features)
{
    struct tier1 *tier1 = calloc(1, sizeof *tier1);
    CHECK(tier1, "out of memory");
    tier1->tier = (struct tier){.name = "tier1", .compile = compile, .destroy = destroy};
    tier1->options = *options;
    tier1->state.cache = cache;
    tier1->state.options = &tier1->options;
    tier1->state.features = features;
    t1_plan_init(&tier1->state);
    init_pinned(&tier1->state, options);
    tier1->tier.draft = t1_can_draft(&tier1->state) ? draft : NULL;
    return &tier1->tier;
}

struct tier *tier1_create(struct tb_cache *cache, const struct tier_options *options)
{
    return tier1_create_with_features(cache, options, t1_host_features());
}
