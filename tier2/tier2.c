/* Tier 2: regions to machine code through LLVM. The only exported symbol of the module is here.
 *
 * One compile: analyse, lower, optimise and emit without the cache's lock; then, holding it, link,
 * fill the exit slots and publish, unless the guest code has changed meanwhile. */
#include "src/tb/tier.h"

#include "src/base/check.h"
#include "tier2/analysis.h"
#include "tier2/codegen.h"
#include "tier2/faults.h"
#include "tier2/host.h"
#include "tier2/jit.h"
#include "tier2/lower.h"

#include <stdlib.h>
#include <string.h>

enum { SCALAR_PATIENCE = 10 }; /* times as many polls before tier 3 without a loop of one block */

/* Owner: the compile thread. */
struct tier2 {
    struct tier tier;
    struct tb_cache *cache;
    struct tier_options options;
    struct codegen codegen;
    struct jit *jit;
    struct arena arena; /* of the compile at hand */
    uint32_t serial;    /* of the next region */
};

/* ---- what stays with the code ---- */

static void release_code(void *context, struct tb_code *code)
{
    (void)context;
    struct region_code *region_code = code->tier_private;
    jit_release(&region_code);
    code->tier_private = NULL;
}

/* Imprecise regions: from the line table. */
static bool fault_pc(const struct tb_code *code, const void *x_address, uint64_t *ret_pc)
{
    const struct region_code *region_code = code->tier_private;
    uint32_t line = line_at(&region_code->line_table,
                            (uint64_t)((const uint8_t *)x_address - code->start));
    if (line == 0)
        return false;
    *ret_pc = region_code->line_base_pc + (uint64_t)(line - 1) * 2;
    return true;
}

/* Precise regions: the row of the access. */
static const struct region_access *access_at(const struct tb_code *code, const void *x_address)
{
    const struct region_code *region_code = code->tier_private;
    for (size_t i = 0; i < region_code->access_count; i++) {
        const struct region_access *access = &region_code->accesses[i];
        if ((const uint8_t *)&access->site + access->site == x_address)
            return access;
    }
    return NULL;
}

static bool precise_fault_pc(const struct tb_code *code, const void *x_address, uint64_t *ret_pc)
{
    const struct region_access *access = access_at(code, x_address);
    if (access)
        *ret_pc = access->pc;
    return access != NULL;
}

static const void *fault_landing(const struct tb_code *code, const void *x_address)
{
    const struct region_access *access = access_at(code, x_address);
    return access ? (const uint8_t *)&access->landing + access->landing : NULL;
}

/* ---- publishing ---- */

struct publication {
    const struct tier_job *job;
    const struct lowering *lower;
    const struct object *object;
    struct region_code *region_code;
};

/* The records that exits go to; false when code memory is full. */
static bool reference_exits(const struct publication *publication, struct tb **ret_tbs)
{
    const struct lowering *lower = publication->lower;
    for (uint32_t i = 0; i < lower->slot_count; i++) {
        ret_tbs[i] = tb_reference(publication->job->cache, lower->slot_pcs[i],
                                  publication->job->region->mode);
        if (!ret_tbs[i])
            return false;
    }
    return true;
}

/* The near data lies at its X address, which is writable too. */
static void fill_near(const struct publication *publication, struct tb_code *code, struct tb **tbs)
{
    const struct tier_job *job = publication->job;
    struct region_near *near = (struct region_near *)(void *)publication->region_code->near;
    near->tb = job->tb;
    near->heat = publication->lower->next_heat;
    near->guard_heat = REGION_GUARD_HEAT;
    near->leave = tb_thunk_leave;
    for (uint32_t i = 0; i < publication->lower->slot_count; i++)
        tb_link(job->cache, code, tbs[i], (uint8_t *)&near->slots[i], TB_LINK_POINTER);
}

static void cover_region(const struct tier_job *job, struct tb_code *code)
{
    for (uint32_t i = 0; i < job->region->length; i++) {
        const struct ir_block *block = job->region->nodes[i].block;
        tb_cover(job->cache, code, block->guest_pc, block->guest_size_bytes);
    }
}

/* ---- regions with several entries ----
 *
 * Each entry is a piece of code of its own, with an entry slot, that says which entry it is and
 * jumps to the function. The function itself is nobody's entry. */

enum { ENTRY_CODE_BYTES = 32 };

/* Entry slot; mov qword [r12+region_entry], pc; jmp function. */
static void emit_entry(const struct tier_job *job, uint8_t *x, uint64_t pc, const uint8_t *function)
{
    uint8_t *out = code_w(job->cache->memory, x);
    uint32_t field = offsetof(struct vcpu, region_entry) - VCPU_BIAS;
    size_t length = 8;
    memcpy(out, "\x0f\x1f\x44\x00\x00\x0f\x1f\x00", 8);
    if (pc <= INT32_MAX) {
        uint32_t pc32 = (uint32_t)pc;
        memcpy(out + 8, "\x49\xc7\x84\x24", 4);
        memcpy(out + 12, &field, 4);
        memcpy(out + 16, &pc32, 4);
        length = 20;
    } else {
        memcpy(out + 8, "\x48\xb8", 2);
        memcpy(out + 10, &pc, 8);
        memcpy(out + 18, "\x49\x89\x84\x24", 4);
        memcpy(out + 22, &field, 4);
        length = 26;
    }
    int32_t distance = (int32_t)(function - (x + length + 5));
    out[length] = 0xe9;
    memcpy(out + length + 1, &distance, 4);
}

struct entries {
    struct tb *tb[REGION_MAX_EDGES];
    uint8_t *code[REGION_MAX_EDGES]; /* X addresses */
};

/* Everything an entry needs that can run out; false when code memory is full. */
static bool reserve_entries(const struct tier_job *job, struct entries *entries)
{
    const struct region_node *dispatch = &job->region->nodes[0];
    for (uint32_t i = 0; job->region->is_dispatching && i < dispatch->edge_count; i++) {
        entries->tb[i] = tb_reference(job->cache, dispatch->edges[i].pc, job->region->mode);
        entries->code[i] = code_alloc(job->cache->memory, ENTRY_CODE_BYTES, 16);
        if (!entries->tb[i] || !entries->code[i])
            return false;
    }
    return true;
}

/* A block that the region does not run itself must not be entered through it. */
static bool is_served(const struct tier_job *job, const struct region_edge *entry)
{
    return !job->is_flagless || !ir_uses_flags(job->region->nodes[entry->node].block);
}

static void publish_entries(const struct tier_job *job, const struct entries *entries,
                            const struct tb_code *function)
{
    const struct region_node *dispatch = &job->region->nodes[0];
    for (uint32_t i = 0; i < dispatch->edge_count; i++) {
        if (entries->tb[i]->tier > (int)job->level)
            continue; /* another region serves it better */
        if (!is_served(job, &dispatch->edges[i]))
            continue;
        struct tb_code *code = tb_code_new(job->cache, entries->tb[i], job->level);
        code->start = entries->code[i];
        code->size_bytes = ENTRY_CODE_BYTES;
        code->guest_length = function->guest_length;
        emit_entry(job, entries->code[i], dispatch->edges[i].pc, function->start);
        cover_region(job, code);
        tb_publish(job->cache, code, code->start);
    }
}

/* Lock held; everything that can fail has been done. */
static void publish(const struct publication *publication, struct tb **tbs,
                    const struct entries *entries)
{
    const struct tier_job *job = publication->job;
    struct tb_code *code = tb_code_new(job->cache, job->tb, job->level);
    code->start = publication->region_code->start;
    code->size_bytes = (uint32_t)publication->object->function_bytes;
    code->guest_length = job->region->guest_length;
    code->tier_private = publication->region_code;
    code->fault_pc = job->is_precise ? precise_fault_pc : fault_pc;
    code->fault_landing = job->is_precise ? fault_landing : NULL;
    if (job->ret_result)
        *job->ret_result = (struct tier_result){.start = code->start,
                                                .size_bytes = code->size_bytes};
    fill_near(publication, code, tbs);
    if (job->region->is_dispatching) {
        tb_record(job->cache, code);
        publish_entries(job, entries, code);
    } else {
        cover_region(job, code);
        tb_publish(job->cache, code, code->start);
    }
}

/* Has guest code of the region been dropped since it was formed? Lock held. */
static bool is_overtaken(const struct tier_job *job)
{
    for (uint32_t i = 0; i < job->region->length; i++) {
        const struct ir_block *block = job->region->nodes[i].block;
        if (tb_is_dropped_since(job->cache, job->generation, block->guest_pc,
                                block->guest_size_bytes))
            return true;
    }
    return false;
}

/* Lock held. Takes the object file over. */
static enum status link_and_publish(struct tier2 *tier2, struct publication *publication,
                                    LLVMMemoryBufferRef object_file, struct error *err)
{
    const struct tier_job *job = publication->job;
    const struct lowering *lower = publication->lower;
    if (is_overtaken(job)) {
        LLVMDisposeMemoryBuffer(object_file);
        return error_set(err, STATUS_STALE, "the guest code changed during the compile");
    }
    enum status status = jit_link(tier2->jit, object_file, publication->object, lower->symbol,
                                  &publication->region_code, err);
    if (status != STATUS_OK)
        return status;
    publication->region_code->line_base_pc = lower->line_base_pc;
    struct tb **tbs = arena_alloc(&tier2->arena, lower->slot_count * sizeof *tbs);
    struct entries entries;
    if (!reference_exits(publication, tbs) || !reserve_entries(job, &entries)) {
        jit_release(&publication->region_code);
        return error_set(err, STATUS_CODE_FULL, "code memory is full");
    }
    tb_cache_on_release(job->cache, job->level, release_code, NULL);
    publish(publication, tbs, &entries);
    return STATUS_OK;
}

static enum status install(struct tier2 *tier2, const struct tier_job *job,
                           const struct lowering *lower, LLVMMemoryBufferRef object_file,
                           struct error *err)
{
    struct object object;
    enum status status = object_read(LLVMGetBufferStart(object_file),
                                     LLVMGetBufferSize(object_file), &object, err);
    if (status != STATUS_OK) {
        LLVMDisposeMemoryBuffer(object_file);
        return status;
    }
    struct publication publication = {.job = job, .lower = lower, .object = &object};
    tb_lock(job->cache);
    status = link_and_publish(tier2, &publication, object_file, err);
    tb_unlock(job->cache);
    return status;
}

/* ---- compiling ---- */

/* Lowers and emits. The context is gone afterwards. */
static enum status generate(struct tier2 *tier2, const struct tier_job *job,
                            struct lowering *lower, LLVMMemoryBufferRef *ret_object,
                            struct error *err)
{
    struct error diagnostics;
    lower->context = codegen_new_context(&diagnostics);
    lower->module = codegen_new_module(&tier2->codegen, lower->context);
    lower_region(lower);
    struct codegen_request request = {
        .function = lower->function,
        .level = job->level,
        .is_identity = tier2->options.is_identity,
        .is_verifying = tier2->options.is_verifying,
        .dump = &job->dump,
        .trial = job->trial,
    };
    bool is_lost;
    enum status status = codegen_compile(&tier2->codegen, lower->module, &request, &diagnostics,
                                         ret_object, &is_lost);
    if (!is_lost) {
        LLVMDisposeModule(lower->module);
        LLVMContextDispose(lower->context);
    }
    if (status != STATUS_OK && err)
        *err = diagnostics;
    return status;
}

/* Tier 3 pays early in loops of one block; elsewhere its gain is small and its compile as long. */
static int32_t heat_until_tier3(const struct tier_job *job, const struct region_facts *facts)
{
    for (uint32_t i = 0; i < job->region->length; i++)
        if (facts->nodes[i].is_single)
            return job->next_heat;
    return job->next_heat > INT32_MAX / SCALAR_PATIENCE ? INT32_MAX
                                                        : job->next_heat * SCALAR_PATIENCE;
}

static enum status compile(struct tier *tier, const struct tier_job *job, struct error *err)
{
    struct tier2 *tier2 = (struct tier2 *)tier;
    CHECK(job->level == TB_TIER_2 || job->level == TB_TIER_3, "not a level of this tier");
    arena_reset(&tier2->arena);
    struct region_facts facts;
    struct analysis_options analysis = {
        .is_polling_chunked = tier2->options.is_polling_chunked && job->level == TB_TIER_3,
        .is_precise = job->is_precise,
        .has_fma = host_features()->has_fma,
        .is_flagless = job->is_flagless,
        .is_wide = !tier2->options.is_narrowing,
        .unassumed = job->unassumed,
    };
    region_analyse(job->region, &analysis, &tier2->arena, &facts);
    struct lowering lower = {
        .region = job->region,
        .facts = &facts,
        .options = &tier2->options,
        .host = host_features(),
        .level = job->level,
        .next_heat = heat_until_tier3(job, &facts),
        .step_polls = job->step_polls,
        .is_precise = job->is_precise,
        .is_flagless = job->is_flagless,
        .arena = &tier2->arena,
        .serial = tier2->serial++,
    };
    LLVMMemoryBufferRef object_file;
    enum status status = generate(tier2, job, &lower, &object_file, err);
    return status == STATUS_OK ? install(tier2, job, &lower, object_file, err) : status;
}

static void destroy(struct tier *tier)
{
    struct tier2 *tier2 = (struct tier2 *)tier;
    jit_destroy(&tier2->jit);
    codegen_fini(&tier2->codegen);
    arena_fini(&tier2->arena);
    free(tier2);
}

__attribute__((visibility("default"))) tiercel_tier2_create_fn tiercel_tier2_create;

struct tier *tiercel_tier2_create(const struct tier2_config *config, struct error *err)
{
    struct tier2 *tier2 = calloc(1, sizeof *tier2);
    CHECK(tier2, "out of memory");
    tier2->tier = (struct tier){.name = "llvm", .compile = compile, .destroy = destroy};
    tier2->cache = config->cache;
    tier2->options = config->options;
    if (codegen_init(&tier2->codegen, err) != STATUS_OK) {
        free(tier2);
        return NULL;
    }
    if (jit_create(config->cache->memory, &tier2->jit, err) != STATUS_OK) {
        codegen_fini(&tier2->codegen);
        free(tier2);
        return NULL;
    }
    arena_init(&tier2->arena);
    return &tier2->tier;
}
