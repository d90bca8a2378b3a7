/* Time shares: where the guest's thread is each time a profiling timer ticks.
 *
 * Only used when statistics are on. The signal handler touches nothing but the counters of the
 * thread it interrupts. */
#include "src/exec/internal.h"

#include <signal.h>
#include <sys/time.h>
#include <ucontext.h>

enum { SAMPLE_PERIOD_US = 1000 };

static __thread struct exec_thread *sampled_thread;

static enum sample_place place_of(struct exec_thread *thread, const void *host_pc)
{
    if (thread->is_in_tier0)
        return SAMPLE_TIER0;
    const struct tb_cache *cache = thread->exec->cache;
    if (!code_contains(cache->memory, host_pc))
        return SAMPLE_OTHER;
    /* No lock: the thread is in generated code, and code is recorded before it can be entered; a
     * compile thread may be inserting, so the answer can be of the neighbour once in a while. */
    const struct tb_code *code = tb_code_at(thread->exec->cache, host_pc);
    if (!code)
        return SAMPLE_OTHER;
    return code->tier == TB_TIER_1   ? SAMPLE_TIER1
           : code->tier == TB_TIER_2 ? SAMPLE_TIER2
                                     : SAMPLE_TIER3;
}

static void on_tick(int signal, siginfo_t *info, void *context)
{
    (void)signal, (void)info;
    struct exec_thread *thread = sampled_thread;
    if (!thread)
        return;
    const greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
    enum sample_place place = place_of(thread, (const void *)(uintptr_t)registers[REG_RIP]);
    atomic_fetch_add_explicit(&thread->samples[place], 1, memory_order_relaxed);
}

void sample_start(struct exec_thread *thread)
{
    sampled_thread = thread;
    struct sigaction action = {.sa_sigaction = on_tick, .sa_flags = SA_SIGINFO | SA_RESTART};
    sigaction(SIGPROF, &action, NULL);
    struct itimerval timer = {{0, SAMPLE_PERIOD_US}, {0, SAMPLE_PERIOD_US}};
    setitimer(ITIMER_PROF, &timer, NULL);
}

void sample_stop(void)
{
    setitimer(ITIMER_PROF, &(struct itimerval){0}, NULL);
    sampled_thread = NULL;
}
