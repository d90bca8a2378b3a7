/* Forced events (--stress): what is rare in a run and hard on the engine happens at every turn of
 * the loop with a fixed chance, from a seed, so that a failure comes back.
 *
 * All of it happens on the vcpu's thread at the top of the loop, where all guest state is in the
 * vcpu and every event would be legal anyway: no event may change what the guest does. Tests alone
 * use this; without the option the loop pays one test of a constant. */
#include "src/exec/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    unsigned one_in; /* turns of the loop, on average */
    const char *text;
} kinds[] = {
#define STRESS_ROW(name, one_in, text) {#name, one_in, text},
    STRESSES(STRESS_ROW)
#undef STRESS_ROW
};

void stress_list(FILE *out)
{
    for (unsigned i = 0; i < STRESS_COUNT; i++)
        fprintf(out, "  %-18s one turn of the loop in %u: %s\n", kinds[i].name, kinds[i].one_in,
                kinds[i].text);
}

static uint32_t kinds_of(const char *word, size_t length)
{
    if (length == 3 && memcmp(word, "all", 3) == 0)
        return (1u << STRESS_COUNT) - 1;
    for (unsigned i = 0; i < STRESS_COUNT; i++)
        if (strlen(kinds[i].name) == length && memcmp(kinds[i].name, word, length) == 0)
            return 1u << i;
    return 0;
}

enum status stress_parse(const char *text, struct stress *ret_stress, struct error *err)
{
    struct stress stress = {.seed = 1};
    const char *end = text + strcspn(text, ":");
    for (const char *word = text; word < end;) {
        size_t length = strcspn(word, ",:");
        uint32_t set = kinds_of(word, length);
        if (!set)
            return error_set(err, STATUS_BAD_OPTION, "unknown stress '%.*s'", (int)length, word);
        stress.kinds |= set;
        word += length + (word[length] == ',');
    }
    if (!stress.kinds)
        return error_set(err, STATUS_BAD_OPTION, "no kind of stress in '%s'", text);
    if (*end) {
        char *rest;
        errno = 0;
        stress.seed = strtoull(end + 1, &rest, 0);
        if (end[1] < '0' || end[1] > '9' || *rest || errno)
            return error_set(err, STATUS_BAD_OPTION, "'%s' is not a seed", end + 1);
    }
    *ret_stress = stress;
    return STATUS_OK;
}

/* splitmix64 */
static uint64_t next_random(uint64_t *state)
{
    uint64_t bits = *state += UINT64_C(0x9e3779b97f4a7c15);
    bits = (bits ^ bits >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    bits = (bits ^ bits >> 27) * UINT64_C(0x94d049bb133111eb);
    return bits ^ bits >> 31;
}

static void evict(struct exec_thread *thread)
{
    struct tb_cache *cache = thread->exec->cache;
    tb_lock(cache);
    tb_flush(cache);
    tb_unlock(cache);
    vcpu_flush_jump_cache(&thread->vcpu);
}

/* As when the guest writes to the page it is about to run. */
static void drop(struct exec_thread *thread)
{
    struct exec *exec = thread->exec;
    tb_lock(exec->cache);
    if (tb_drop_range(exec->cache, thread->vcpu.pc, 1))
        exec_kick_all(exec);
    tb_unlock(exec->cache);
}

/* As when the heat of the block at hand had run out just now. */
static void swap(struct exec_thread *thread)
{
    struct exec *exec = thread->exec;
    tb_lock(exec->cache);
    struct tb *tb = tb_find(exec->cache, thread->vcpu.pc, tb_mode_of_frm(thread->vcpu.frm));
    bool is_possible = tb && tb->tier != TB_TIER_NONE &&
                       promote_initial_heat(exec, (enum tb_tier)tb->tier) != INT32_MAX;
    tb_unlock(exec->cache);
    if (is_possible)
        promote_tb(thread, tb);
}

void stress_turn(struct exec_thread *thread)
{
    const struct stress *stress = &thread->exec->config.stress;
    for (unsigned i = 0; i < STRESS_COUNT; i++) {
        if (!(stress->kinds >> i & 1) || next_random(&thread->stress_state) % kinds[i].one_in != 0)
            continue;
        switch ((enum stress_kind)i) {
        case STRESS_evict:
            evict(thread);
            break;
        case STRESS_drop:
            drop(thread);
            break;
        case STRESS_swap:
            swap(thread);
            break;
        case STRESS_leave:
            vcpu_set_pending(&thread->vcpu, VCPU_PENDING_KICK);
            break;
        case STRESS_COUNT:
            break;
        }
    }
}
