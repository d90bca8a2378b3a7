/* Tier 0 as the engine sees it: a compiler to threaded code and an interpreter for it.
 *
 * It is the oracle for the other tiers and starts without any warm-up. This file holds the tier's
 * life, its pool of code and the entry to the interpreter. */
#include "src/base/check.h"
#include "src/base/host_cpu.h"
#include "src/base/pages.h"
#include "src/ir/fp.h"
#include "tier0/code.h"

#include <stdlib.h>
#include <string.h>

enum { POOL_CHUNK_BYTES = 64 * 1024 };

/* ---- the pool ---- */

struct t0_chunk {
    struct t0_chunk *next;
    size_t size_bytes;
    _Alignas(16) unsigned char data[];
};

static void pool_release(struct tier0 *tier)
{
    while (tier->chunks) {
        struct t0_chunk *next = tier->chunks->next;
        free(tier->chunks);
        tier->chunks = next;
    }
    tier->chunk_used_bytes = tier->pool_used_bytes = 0;
}

bool t0_pool_is_full(const struct tier0 *tier)
{
    return tier->pool_used_bytes >= tier->cache->memory->code_limit;
}

void *t0_pool_alloc(struct tier0 *tier, size_t size_bytes)
{
    size_bytes = (size_bytes + 15) & ~(size_t)15;
    if (!tier->chunks || tier->chunk_used_bytes + size_bytes > tier->chunks->size_bytes) {
        size_t chunk_bytes = size_bytes > POOL_CHUNK_BYTES ? size_bytes : POOL_CHUNK_BYTES;
        struct t0_chunk *chunk = malloc(sizeof *chunk + chunk_bytes);
        CHECK(chunk, "out of memory");
        chunk->next = tier->chunks;
        chunk->size_bytes = chunk_bytes;
        tier->chunks = chunk;
        tier->chunk_used_bytes = 0;
    }
    void *result = tier->chunks->data + tier->chunk_used_bytes;
    tier->chunk_used_bytes += size_bytes;
    tier->pool_used_bytes += size_bytes;
    return result;
}

/* A flush took away all TB records and with them everything that our code refers to. No thread is
 * in the interpreter during a flush, and each block is compiled again before it runs again. */
static void notice_flush(struct tier0 *tier)
{
    if (tier->flushes == tier->cache->stats.flushes)
        return;
    tier->flushes = tier->cache->stats.flushes;
    for (unsigned i = 0; i < T0_HASH_SIZE; i++)
        atomic_store_explicit(&tier->hash[i], NULL, memory_order_relaxed);
    pool_release(tier);
}

/* ---- struct tier ---- */

static enum status compile(struct tier *base, const struct tier_job *job, struct error *err)
{
    struct tier0 *tier = (struct tier0 *)base;
    notice_flush(tier);
    return t0_compile(tier, job, err);
}

static void run(struct tier *base, struct vcpu *vcpu, struct tb *tb)
{
    struct tier0 *tier = (struct tier0 *)base;
    const struct tb_code *code = tb_code_of(tb, TB_TIER_0);
    if (!code) { /* dropped by another thread since the loop looked */
        vcpu->exit_tb = tb;
        vcpu->exit_reason = VCPU_EXIT_TB;
        return;
    }
    vcpu->host_mxcsr = fp_read_mxcsr();
    fp_write_mxcsr(vcpu->mxcsr);
    vcpu_use_memory(vcpu); /* libcalls find it there */
    tier->run(tier, vcpu, ((const struct t0_code *)code->tier_private)->ops);
    vcpu->mxcsr = fp_read_mxcsr();
    fp_write_mxcsr(vcpu->host_mxcsr);
}

static void destroy(struct tier *base)
{
    struct tier0 *tier = (struct tier0 *)base;
    pool_release(tier);
    t0_compiler_destroy(tier->compiler);
    pages_free(tier, sizeof *tier);
}

struct tier *tier0_create(struct tb_cache *cache, const struct tier_options *options)
{
    struct tier0 *tier = pages_alloc(sizeof *tier);
    tier->tier =
        (struct tier){.name = "tier 0", .compile = compile, .run = run, .destroy = destroy};
    tier->cache = cache;
    tier->options = *options;
    tier->has_fma = HOST_HAS(FMA);
    tier->run = options->is_threading ? t0_run : t0_run_calls;
    tier->label = tier->run(NULL, NULL, NULL);
    tier->leave.handler = tier->label[T0_leave];
    tier->dropped_code.is_dropped = true;
    tier->empty_code = (struct t0_code){.code = &tier->dropped_code, .pc = 1};
    tier->flushes = cache->stats.flushes;
    tier->compiler = t0_compiler_create();
    return &tier->tier;
}
