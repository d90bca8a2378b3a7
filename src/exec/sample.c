/* Time shares: where the guest's thread is each time a timer of its processor time ticks.
 *
 * Only used when statistics are on. The signal handler touches nothing but the counters of the
 * thread it interrupts. The signal is none that a guest could handle, block or send.
 * Where the host has no timer left all shares are 0. */
#include "src/exec/internal.h"

#include "src/base/check.h"

#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

enum {
    SAMPLE_PERIOD_NS = 1000 * 1000,
    SAMPLE_SIGNAL = 32, /* the C library's, to cancel threads with: no guest has it on the host */
};

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

/* As the kernel has it: the C library refuses to set this signal's. */
struct kernel_action {
    void (*handler)(int, siginfo_t *, void *);
    unsigned long flags;
    void (*restorer)(void);
    uint64_t mask;
};

/* The way back is that of a handler the C library has set. */
static void install_handler(void)
{
    enum { FLAG_RESTORER = 0x04000000 };
    struct kernel_action action = {0};
    syscall(SYS_rt_sigaction, SIGSEGV, NULL, &action, sizeof action.mask);
    CHECK(action.flags & FLAG_RESTORER, "faults have a handler before samples have");
    action.handler = on_tick;
    action.flags = FLAG_RESTORER | SA_SIGINFO | SA_RESTART;
    action.mask = ~UINT64_C(0);
    syscall(SYS_rt_sigaction, SAMPLE_SIGNAL, &action, NULL, sizeof action.mask);
}

void sample_start(struct exec_thread *thread)
{
    sampled_thread = thread;
    install_handler();
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SAMPLE_SIGNAL};
    event._sigev_un._tid = gettid();
    if (timer_create(CLOCK_THREAD_CPUTIME_ID, &event, &thread->sample_timer))
        return;
    thread->has_sample_timer = true;
    struct timespec period = {0, SAMPLE_PERIOD_NS};
    timer_settime(thread->sample_timer, 0, &(struct itimerspec){period, period}, NULL);
}

void sample_stop(struct exec_thread *thread)
{
    if (thread->has_sample_timer)
        timer_delete(thread->sample_timer);
    thread->has_sample_timer = false;
    sampled_thread = NULL;
}
