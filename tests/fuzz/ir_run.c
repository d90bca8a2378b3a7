/* The tiers side by side, each on a code cache of its own: ir_run.h.
 *
 * A run ends where its block does: links stay on stubs, and the interpreter is kicked. */
#include "tests/fuzz/ir_run.h"

#include "src/base/bits.h"
#include "src/ir/fp.h"
#include "src/opt/opt.h"
#include "src/tb/tier.h"
#include "tests/fuzz/fuzz.h"
#include "tests/ir/ir_text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { CODE_BYTES = 4 << 20, MXCSR_READ = 0xffff & ~2 };

#if TIERCEL_FUZZ_TIER2
tiercel_tier2_create_fn tiercel_tier2_create; /* the sources of tier 2 are linked in */

static struct tier *create_tier2(struct tb_cache *cache, const struct tier_options *options)
{
    const struct tier2_config config = {.cache = cache, .options = *options};
    struct error err;
    return tiercel_tier2_create(&config, &err);
}
#endif

static struct engine {
    const char *name;
    enum tb_tier level;
    bool is_optimised, is_slow, is_precise;
    struct tier *(*create)(struct tb_cache *cache, const struct tier_options *options);
    struct tier_options options;
    struct tb_cache *cache; /* NULL until first used */
    struct tier *tier;
} engines[] = {
    {.name = "tier 0 unoptimised", .level = TB_TIER_0, .create = tier0_create},
    {.name = "tier 0", .level = TB_TIER_0, .is_optimised = true, .create = tier0_create},
    {.name = "tier 1 unoptimised", .level = TB_TIER_1, .create = tier1_create},
    {.name = "tier 1",
     .level = TB_TIER_1,
     .is_optimised = true,
     .create = tier1_create,
     .options = {.is_pinning = true,
                 .is_pinning_float = true,
                 .is_caching_registers = true,
                 .is_folding = true,
                 .is_hinting = true,
                 .is_caching_inline = true,
                 .is_caching_jumps = true}},
#if TIERCEL_FUZZ_TIER2
    {.name = "tier 2",
     .level = TB_TIER_2,
     .is_optimised = true,
     .is_slow = true,
     .create = create_tier2,
     .options = {.is_polling_chunked = true,
                 .is_narrowing = true,
                 .is_caching_jumps = true,
                 .is_verifying = true}},
    {.name = "tier 2 precise",
     .level = TB_TIER_2,
     .is_optimised = true,
     .is_slow = true,
     .is_precise = true,
     .create = create_tier2,
     .options = {.is_polling_chunked = true, .is_caching_jumps = true, .is_verifying = true}},
    {.name = "tier 3",
     .level = TB_TIER_3,
     .is_slow = true,
     .create = create_tier2,
     .options = {.is_polling_chunked = true,
                 .is_narrowing = true,
                 .is_caching_jumps = true,
                 .is_verifying = true}},
#endif
};

static void open_engine(struct engine *engine)
{
    const struct tb_cache_config config = {.code_limit_bytes = CODE_BYTES};
    struct error err;
    if (engine->cache)
        return;
    if (tb_cache_create(&config, &engine->cache, &err) != STATUS_OK)
        abort();
    engine->tier = engine->create(engine->cache, &engine->options);
    if (!engine->tier)
        abort();
}

/* ---- compiling ---- */
static enum status compile_once(const struct engine *engine, const struct ir_block *block,
                                struct tb **ret_tb, struct error *err)
{
    struct region_node node = {.block = block};
    const struct ir_region region = {.nodes = &node,
                                     .length = 1,
                                     .guest_length = block->guest_length,
                                     .guest_pc = block->guest_pc,
                                     .mode = block->mode};
    bool is_locked = !engine->is_slow;
    if (is_locked)
        tb_lock(engine->cache);
    *ret_tb = tb_reference(engine->cache, block->guest_pc, block->mode);
    const struct tier_job job = {
        .cache = engine->cache,
        .tb = *ret_tb,
        .block = block,
        .region = &region,
        .level = engine->level,
        .next_heat = INT32_MAX,
        .is_precise = engine->is_precise,
        .generation = engine->cache->generation,
    };
    enum status status = STATUS_CODE_FULL;
    if (*ret_tb) {
        (*ret_tb)->heat = INT32_MAX;
        status = engine->tier->compile(engine->tier, &job, err);
    }
    if (is_locked)
        tb_unlock(engine->cache);
    return status;
}

static struct tb *compile(const struct engine *engine, const struct ir_block *block)
{
    struct error err = {.text = "code memory is full"};
    struct tb *tb;
    enum status status = compile_once(engine, block, &tb, &err);
    if (status == STATUS_CODE_FULL) {
        tb_flush(engine->cache);
        status = compile_once(engine, block, &tb, &err);
    }
    if (status != STATUS_OK)
        fuzz_found("%s: %s\n%s", engine->name, err.text, print_ir(block));
    return tb;
}

/* ---- running ---- */
static struct vcpu *vcpu;
static _Alignas(REFERENCE_PAGE_BYTES) uint8_t memory[REFERENCE_MEMORY_BYTES];

static void load_vcpu(const struct reference *start, bool is_kicked)
{
    if (!vcpu) {
        vcpu = aligned_alloc(64, bits_align_up(sizeof *vcpu, 64));
        if (!vcpu)
            abort();
        vcpu_init(vcpu, memory);
    }
    memcpy(memory, start->memory, sizeof memory);
    memcpy(vcpu->reg, start->reg, sizeof vcpu->reg);
    vcpu->mxcsr = start->mxcsr;
    vcpu->frm = start->frm;
    vcpu->reservation_address = start->reservation_address;
    vcpu->reservation_value = start->reservation_value;
    vcpu->pc = 0;
    vcpu->exit_tb = NULL;
    vcpu->pending = is_kicked ? VCPU_PENDING_KICK : 0;
}

static uint64_t exit_pc(void)
{
    return vcpu->exit_reason == VCPU_EXIT_TB || vcpu->exit_reason == VCPU_EXIT_PROMOTE
               ? vcpu->exit_tb->pc
               : vcpu->pc;
}

/* The first difference as a sentence; false when there is none. */
static bool differs(const struct reference *expected, char text[200])
{
    uint16_t trap = vcpu->exit_reason == VCPU_EXIT_TRAP ? (uint16_t)vcpu->exit_trap : IR_TRAP_NONE;
    for (unsigned i = 0; i < IR_GUEST_REGS; i++)
        if (vcpu->reg[i] != expected->reg[i]) {
            snprintf(text, 200, "register %u is 0x%" PRIx64 ", expected 0x%" PRIx64, i,
                     vcpu->reg[i], expected->reg[i]);
            return true;
        }
    if (memcmp(memory, expected->memory, sizeof memory) != 0)
        snprintf(text, 200, "memory");
    else if ((vcpu->mxcsr & MXCSR_READ) != (expected->mxcsr & MXCSR_READ))
        snprintf(text, 200, "MXCSR is 0x%x, expected 0x%x", vcpu->mxcsr, expected->mxcsr);
    else if (exit_pc() != expected->pc || trap != expected->trap)
        snprintf(text, 200, "left to 0x%" PRIx64 " trap %u, expected 0x%" PRIx64 " trap %u",
                 exit_pc(), trap, expected->pc, expected->trap);
    else if (vcpu->frm != expected->frm ||
             vcpu->reservation_address != expected->reservation_address)
        snprintf(text, 200, "frm or reservation");
    else
        return false;
    return true;
}

static void run_engine(struct engine *engine, const struct ir_block *block,
                       const struct reference *start, const struct reference *expected)
{
    char text[200];
    open_engine(engine);
    struct tb *tb = compile(engine, block);
    load_vcpu(start, engine->level == TB_TIER_0);
    if (engine->level == TB_TIER_0)
        engine->tier->run(engine->tier, vcpu, tb);
    else
        tb_run(vcpu, tb->entry);
    if (differs(expected, text))
        fuzz_found("%s: %s\n%s", engine->name, text, print_ir(block));
    if (engine->is_slow)
        tb_flush(engine->cache);
    else
        tb_drop(engine->cache, tb); /* so that the next block of this pc replaces nothing */
}

/* The block as the passes leave it, which must end as the unoptimised one did, with the same
 * registers at each access. */
static struct ir_block *optimised(struct arena *arena, const struct ir_block *block,
                                  uint32_t passes, const struct reference *start,
                                  const struct reference *expected)
{
    static struct reference actual;
    struct error err;
    struct ir_block *better = opt_run(arena, block, passes);
    if (ir_verify(better, &err))
        fuzz_found("passes 0x%x: %s\n%s", passes, err.text, print_ir(block));
    actual = *start;
    reference_run(&actual, better);
    if (memcmp(&actual, expected, sizeof actual) != 0)
        fuzz_found("passes 0x%x change\n%sinto\n%s", passes, print_ir(block), print_ir(better));
    return better;
}

void check_ir_run(struct arena *arena, const struct ir_block *block, const struct reference *start,
                  uint32_t passes, bool is_slow)
{
    static struct reference expected;
    expected = *start;
    reference_run(&expected, block);
    optimised(arena, block, passes & OPT_ALL, start, &expected);
    const struct ir_block *best = optimised(arena, block, OPT_ALL, start, &expected);
    for (unsigned i = 0; i < ARRAY_LENGTH(engines); i++)
        if (is_slow || !engines[i].is_slow)
            run_engine(&engines[i], engines[i].is_optimised ? best : block, start, &expected);
}
