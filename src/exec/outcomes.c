/* Which way a branch went: what tells whether the host will foresee it.
 *
 * Where tier 1 counts a block that ends with a branch over a short piece of code, it notes what the branch did
 * the latest 256 times. How often either happened does not tell what region.c has to know: a branch that follows
 * the same bits time and again is foreseen by the host, one that goes by the order of random numbers is not. So
 * each outcome is guessed here as a host would guess it: by what came after the longest stretch of earlier
 * outcomes that is equal to the latest ones. */
#include "src/exec/internal.h"

#include <stdint.h>
#include <string.h>

enum {
    LONGEST_STRETCH = 24,
    LEARNED_FROM = 64, /* outcomes before any is judged */
    JUDGED = 80,       /* in a row, of which */
    MISSES = 2,        /* so many may be guessed wrong. Somewhere the notes begin; what comes up to a stretch after
                          that may be guessed by what came before it, and there are such rows without */
    UNKNOWN = 0xff,
};

uint8_t *outcomes_to_note(struct exec *exec, struct tb *tb, const struct ir_block *block)
{
    if (!exec_has(exec, FEATURE_outcomes) || !exec_has(exec, FEATURE_selects) || exec->config.mode != EXEC_AUTO ||
        !region_may_skip(block))
        return NULL;
    struct tb_profile *profile = tb_profile(exec->cache, tb);
    if (!profile->outcomes) {
        uintptr_t room = (uintptr_t)arena_alloc(&exec->cache->arena, 2 * TB_OUTCOMES);
        profile->outcomes = (uint8_t *)((room + TB_OUTCOMES - 1) & ~(uintptr_t)(TB_OUTCOMES - 1));
        memset(profile->outcomes, UNKNOWN, TB_OUTCOMES);
    }
    return profile->outcomes;
}

/* The outcome at `now`, by those before it. */
static uint8_t guess(const uint8_t *outcomes, unsigned now)
{
    unsigned longest = 0;
    uint8_t guessed = outcomes[now - 1];
    for (unsigned then = now - 1; then > LONGEST_STRETCH; then--) {
        unsigned length = 0;
        while (length < LONGEST_STRETCH && outcomes[then - 1 - length] == outcomes[now - 1 - length])
            length++;
        if (length > longest) {
            longest = length;
            guessed = outcomes[then];
        }
    }
    return guessed;
}

/* Are there so many in a row that are guessed? */
static bool are_foreseen(const uint8_t *outcomes)
{
    bool is_missed[TB_OUTCOMES];
    unsigned misses = 0; /* of the latest JUDGED */
    for (unsigned i = LEARNED_FROM; i < TB_OUTCOMES; i++) {
        is_missed[i] = guess(outcomes, i) != outcomes[i];
        misses += is_missed[i];
        if (i < LEARNED_FROM + JUDGED)
            continue;
        misses -= is_missed[i - JUDGED];
        if (misses <= MISSES)
            return true;
    }
    return false;
}

bool outcomes_are_foreseen(const struct tb *tb)
{
    const uint8_t *noted = tb_profile_of(tb)->outcomes;
    uint8_t outcomes[TB_OUTCOMES]; /* in the order of time: heat falls */
    for (unsigned i = 0; noted && i < TB_OUTCOMES; i++) {
        outcomes[i] = __atomic_load_n(&noted[TB_OUTCOMES - 1 - i], __ATOMIC_RELAXED);
        if (outcomes[i] == UNKNOWN)
            return false;
    }
    return noted && are_foreseen(outcomes);
}
