/* Which branches look foreseen, by what they did (src/exec/outcomes.c). */
#include "src/exec/internal.h"
#include "tests/unit/ir_reference.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static _Alignas(TB_OUTCOMES) uint8_t noted[TB_OUTCOMES];
static struct tb_profile profile = {.outcomes = noted};
static struct tb tb = {.profile = &profile};

static uint64_t random_state = 1;

/* Notes what the branch does the n-th time, as code does whose heat falls from `heat`. */
static void note(int32_t *heat, bool is_taken)
{
    noted[--*heat & (TB_OUTCOMES - 1)] = is_taken;
}

static bool is_foreseen(int32_t heat, unsigned runs, bool (*outcome)(unsigned n))
{
    memset(noted, 0xff, sizeof noted);
    profile.is_judged = false;
    for (unsigned n = 0; n < runs; n++)
        note(&heat, outcome(n));
    return outcomes_are_foreseen(&tb);
}

static bool always(unsigned n)
{
    (void)n;
    return true;
}

static bool each_third(unsigned n)
{
    return n % 3 == 0;
}

static uint64_t bits;
static bool by_the_same_bits(unsigned n)
{
    return bits >> n % 64 & 1;
}

static bool at_random(unsigned n)
{
    (void)n;
    return reference_random(&random_state) >> 40 & 1;
}

static bool seldom_at_random(unsigned n)
{
    (void)n;
    return (reference_random(&random_state) >> 40) % 6 == 0;
}

START_TEST(what_repeats_is_foreseen)
{
    for (int32_t heat = 1000; heat < 1300; heat++) { /* wherever the notes begin */
        bits = reference_random(&random_state);
        ck_assert(is_foreseen(heat, 700, always));
        ck_assert(is_foreseen(heat, 700, each_third));
        ck_assert(is_foreseen(heat, 700, by_the_same_bits));
    }
}
END_TEST

START_TEST(what_is_random_is_not)
{
    unsigned foreseen = 0;
    for (int32_t heat = 1000; heat < 1300; heat++) {
        ck_assert(!is_foreseen(heat, 700, at_random));
        foreseen += is_foreseen(heat, 700, seldom_at_random);
    }
    ck_assert_uint_lt(foreseen, 10);
}
END_TEST

START_TEST(what_is_not_known_is_not)
{
    ck_assert(!is_foreseen(1000, TB_OUTCOMES - 1, always));
    profile.outcomes = NULL;
    ck_assert(!outcomes_are_foreseen(&tb));
    profile.outcomes = noted;
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("outcomes");
    TCase *tcase = tcase_create("outcomes");
    tcase_add_test(tcase, what_repeats_is_foreseen);
    tcase_add_test(tcase, what_is_random_is_not);
    tcase_add_test(tcase, what_is_not_known_is_not);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
