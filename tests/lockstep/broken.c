/* Faults in the optimiser and in tier 1; see broken.h. Linked in place of the functions that the
 * linker's --wrap names. */
#include "src/base/check.h"
#include "src/opt/opt.h"
#include "src/tb/tier.h"
#include "tests/lockstep/broken.h"

struct ir_block *__real_opt_run(struct arena *arena, const struct ir_block *block, uint32_t passes);
struct ir_block *__wrap_opt_run(struct arena *arena, const struct ir_block *block, uint32_t passes);
struct tier *__real_tier1_create(struct tb_cache *cache, const struct tier_options *options);
struct tier *__wrap_tier1_create(struct tb_cache *cache, const struct tier_options *options);

struct ir_block *__wrap_opt_run(struct arena *arena, const struct ir_block *block, uint32_t passes)
{
    struct ir_block *result = __real_opt_run(arena, block, passes);
    if (is_broken("pass") && passes >> OPT_forward & 1)
        break_addition(result, BROKEN_ADD);
    return result;
}

/* Tier 1 behind a compiler that changes what it is given. Owner: the engine. */
struct broken_tier {
    struct tier tier;
    struct tier *real;
};

static enum status compile(struct tier *tier, const struct tier_job *job, struct error *err)
{
    struct tier *real = ((struct broken_tier *)tier)->real;
    struct ir_block block = *job->block;
    size_t size_bytes = block.length * sizeof *block.insns;
    block.insns = malloc(size_bytes);
    CHECK(block.insns, "out of memory");
    memcpy(block.insns, job->block->insns, size_bytes);
    if (is_broken("tier1"))
        break_addition(&block, BROKEN_ADD);
    if (is_broken("tier1-store"))
        break_store(&block, BROKEN_STORE);
    struct tier_job changed = *job;
    changed.block = &block;
    enum status status = real->compile(real, &changed, err);
    free(block.insns);
    return status;
}

static void destroy(struct tier *tier)
{
    struct tier *real = ((struct broken_tier *)tier)->real;
    real->destroy(real);
    free(tier);
}

struct tier *__wrap_tier1_create(struct tb_cache *cache, const struct tier_options *options)
{
    struct broken_tier *broken = malloc(sizeof *broken);
    CHECK(broken, "out of memory");
    broken->tier = (struct tier){.name = "broken tier 1", .compile = compile, .destroy = destroy};
    broken->real = __real_tier1_create(cache, options);
    return &broken->tier;
}
