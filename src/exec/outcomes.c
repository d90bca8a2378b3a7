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
    ROW = 80,   /* of those that are judged, of which */
    MISSES = 2, /* so many may be guessed wrong. Somewhere the notes begin; what comes up to a stretch after that
                   may be guessed by what came before it, and there are such rows without */
    UNKNOWN = 0xff,
};

uint8_t *outcomes_to_note(struct exec *exec, struct tb *tb, const struct ir_block *block)
{
    if (!exec_has(exec, FEATURE_outcomes) || exec->config.mode != EXEC_AUTO || !region_may_skip(exec, block))
        return NULL;
    struct tb_profile *profile = tb_profile(exec->cache, tb);
    profile->is_judged = false;
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

static void judge(struct tb_profile *profile, const uint8_t *outcomes)
{
    bool is_missed[TB_OUTCOMES] = {false};
    unsigned in_row = 0; /* of the latest */
    profile->is_judged = true;
    profile->is_foreseen = false;
    profile->missed = 0;
    for (unsigned i = OUTCOMES_LEARNED_FROM; i < TB_OUTCOMES; i++) {
        is_missed[i] = guess(outcomes, i) != outcomes[i];
        profile->missed += is_missed[i];
        in_row += is_missed[i] - (i >= ROW && is_missed[i - ROW]);
        if (i + 1 >= OUTCOMES_LEARNED_FROM + ROW)
            profile->is_foreseen |= in_row <= MISSES;
    }
}

/* The outcomes in the order of time, for heat falls; false: not all are known. */
static bool read_outcomes(const uint8_t *noted, uint8_t *ret_outcomes)
{
    for (unsigned i = 0; i < TB_OUTCOMES; i++) {
        ret_outcomes[i] = __atomic_load_n(&noted[TB_OUTCOMES - 1 - i], __ATOMIC_RELAXED);
        if (ret_outcomes[i] == UNKNOWN)
            return false;
    }
    return true;
}

/* The profile with what was found, once that is known; else NULL. */
static const struct tb_profile *judged(struct tb *tb)
{
    struct tb_profile *profile = tb->profile;
    uint8_t outcomes[TB_OUTCOMES];
    if (!profile || !profile->outcomes)
        return NULL;
    if (!profile->is_judged && read_outcomes(profile->outcomes, outcomes))
        judge(profile, outcomes);
    return profile->is_judged ? profile : NULL;
}

bool outcomes_are_foreseen(struct tb *tb)
{
    const struct tb_profile *profile = judged(tb);
    return profile && profile->is_foreseen;
}

uint32_t outcomes_missed(struct tb *tb)
{
    const struct tb_profile *profile = judged(tb);
    return profile && !profile->is_foreseen ? profile->missed : 0;
}
