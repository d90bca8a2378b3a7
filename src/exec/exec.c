/* Creation and end of the engine and its harts. */
#include "src/exec/internal.h"

#include "src/base/check.h"
#include "src/base/pages.h"


_Static_assert(offsetof(struct exec_thread, vcpu) == 0, "a vcpu is the start of its thread record");

/* The guest is about to change bytes that were translated, on the thread that runs it. */
static void on_code_change(void *context, uint64_t addr, uint64_t size_bytes)
{
    struct exec *exec = context;
    tb_lock(exec->cache);
    bool is_dropped = tb_drop_range(exec->cache, addr, size_bytes);
    if (libcalls_forget(exec, addr, size_bytes) || is_dropped)
        exec_kick_all(exec);
    tb_unlock(exec->cache);
    if (exec->lockstep)
        lockstep_drop_range(exec->lockstep, addr, size_bytes);
}

static struct tier_options tier_options_of(const struct exec *exec)
{
    const struct exec_config *config = &exec->config;
    return (struct tier_options){
        .is_counting_heat = config->mode == EXEC_AUTO || config->mode == EXEC_TIER2 ||
                            config->dump & EXEC_DUMP_REGISTERS,
        .is_counting_stats = config->is_counting,
        .is_flagless = config->is_fp_adaptive,
        .is_polling_chunked = exec_has(exec, FEATURE_chunked_polls),
        .is_narrowing = exec_has(exec, FEATURE_narrowing),
        .is_identity = !space_base(config->space),
        .is_pinning = exec_has(exec, FEATURE_pinning),
        .is_pinning_float = exec_has(exec, FEATURE_float_pinning),
        .is_caching_registers = exec_has(exec, FEATURE_register_caching),
        .is_folding = exec_has(exec, FEATURE_folding),
        .is_hinting = exec_has(exec, FEATURE_destination_hints),
        .has_long_drafts = exec_has(exec, FEATURE_long_drafts),
        .has_function_drafts = exec_has(exec, FEATURE_long_drafts) && exec_has(exec, FEATURE_function_drafts),
        .is_caching_inline = exec_has(exec, FEATURE_inline_cache),
        .is_caching_jumps = exec_has(exec, FEATURE_jump_cache),
        .is_fusing = exec_has(exec, FEATURE_superinstructions),
        .is_threading = exec_has(exec, FEATURE_threading),
#ifndef NDEBUG
        .is_verifying = true,
#endif
    };
}

bool exec_start_thread(struct exec *exec, pthread_t *ret_thread, void *(*run)(void *exec))
{
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    bool is_started = pthread_create(ret_thread, NULL, run, exec) == 0;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return is_started;
}

enum status exec_create(const struct exec_config *config, const struct exec_tiers *tiers,
                        struct exec **ret_exec, struct error *err)
{
    struct exec_config own_config = *config;
    if (config->lockstep.is_on)
        lockstep_configure(&own_config);
    struct tb_cache_config cache_config = {
        .code_limit_bytes = own_config.code_limit_bytes,
        .is_chaining = own_config.features >> FEATURE_chaining & 1,
    };
    struct tb_cache *cache; /* first of all: it provides pages (code_memory.h) */
    enum status status = tb_cache_create(&cache_config, &cache, err);
    if (status != STATUS_OK)
        return status;
    struct exec *exec = pages_alloc(sizeof *exec);
    exec->cache = cache;
    exec->config = own_config;
    exec->is_joining = true;
    config = &exec->config;
    exec->options = tier_options_of(exec);
    exec->has_routines = exec_has(exec, FEATURE_routines) && tb_has_bulk();
    exec->has_libcalls = exec_has(exec, FEATURE_libcalls) && tb_has_bulk();
    exec->tier[0] = tiers->create_tier0(exec->cache, &exec->options);
    exec->tier[1] = tiers->create_tier1(exec->cache, &exec->options);
    exec->start_time_ns = exec_time_ns();
    arena_init(&exec->scratch);
    promote_init(exec);
    sampler_init(exec);
    draft_init(exec);
    status = config->lockstep.is_on ? lockstep_create(exec, tiers, err) : STATUS_OK;
    if (status != STATUS_OK) {
        exec_destroy(&exec);
        return status;
    }
    space_set_listener(config->space, on_code_change, exec);
    fault_install();
    *ret_exec = exec;
    return STATUS_OK;
}

void exec_destroy(struct exec **exec_place)
{
    struct exec *exec = *exec_place;
    if (!exec)
        return;
    sampler_fini(exec);
    promote_stop(exec);
    space_set_listener(exec->config.space, NULL, NULL);
    tb_lock(exec->cache);
    tb_flush(exec->cache);
    tb_unlock(exec->cache);
    promote_fini(exec);
    for (int i = 0; i < 2; i++)
        exec->tier[i]->destroy(exec->tier[i]);
    tb_cache_destroy(&exec->cache);
    arena_fini(&exec->scratch);
    if (exec->lockstep && exec->config.lockstep.is_on)
        lockstep_destroy(&exec->lockstep);
    pages_free(exec, sizeof *exec);
    *exec_place = NULL;
}

void exec_set_os(struct exec *exec, void *os)
{
    exec->config.os = os;
}

void exec_drop_code(struct exec *exec)
{
    tb_flush(exec->cache);
    exec_kick_all(exec);
}

/* Regions made so far are imprecise: everything is flushed (the caller is outside generated code)
 * and compiled again as it gets hot. Precise regions serve an imprecise guest as well. */
void exec_set_precise_faults(struct exec *exec, bool is_precise)
{
    tb_lock(exec->cache);
    bool is_change = is_precise && !exec->options.is_precise;
    if (is_change) {
        exec->options.is_precise = true;
        exec_drop_code(exec);
    }
    tb_unlock(exec->cache);
}

struct vcpu *exec_vcpu_create(struct exec *exec)
{
    struct exec_thread *thread = pages_alloc(sizeof *thread);
    thread->exec = exec;
    thread->stress_state = exec->config.stress.seed;
    vcpu_init(&thread->vcpu, space_base(exec->config.space));
    thread->vcpu.owner = thread;
    arena_init(&thread->arena);
    tb_lock(exec->cache);
    thread->next = exec->threads;
    exec->threads = thread;
    for (struct exec_thread *each = thread; each; each = each->next)
        each->vcpu.is_alone = !thread->next;
    tb_unlock(exec->cache);
    return &thread->vcpu;
}

void exec_vcpu_destroy(struct vcpu **vcpu)
{
    if (!*vcpu)
        return;
    struct exec_thread *thread = (*vcpu)->owner;
    tb_lock(thread->exec->cache);
    for (struct exec_thread **place = &thread->exec->threads; *place; place = &(*place)->next) {
        if (*place == thread) {
            *place = thread->next;
            break;
        }
    }
    tb_unlock(thread->exec->cache);
    arena_fini(&thread->arena);
    pages_free(thread, sizeof *thread);
    *vcpu = NULL;
}
