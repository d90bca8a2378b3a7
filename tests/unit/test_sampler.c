/* What a region that is being formed would like to be counted (src/exec/sampler.c). */
#include "src/exec/internal.h"

#include <check.h>
#include <stdlib.h>

enum { TBS = 2 * COUNTED_GROUP_TBS };
static struct exec exec;
static struct tb tbs[TBS];

START_TEST(each_block_is_met_once)
{
    sampler_forget_met(&exec);
    for (unsigned times = 0; times < 200; times++) /* as a callee's are, that is called from many places */
        for (unsigned i = 0; i < 40; i++)
            sampler_meet(&exec, &tbs[(i * 7) % 40]);
    ck_assert_uint_eq(exec.sampler.met_count, 40);
    bool is_there[40] = {false};
    for (unsigned i = 0; i < 40; i++)
        is_there[exec.sampler.met[i] - tbs] = true;
    for (unsigned i = 0; i < 40; i++)
        ck_assert(is_there[i]);
}
END_TEST

START_TEST(as_many_as_there_is_room_for)
{
    sampler_forget_met(&exec);
    for (unsigned times = 0; times < 2; times++)
        for (unsigned i = 0; i < TBS; i++)
            sampler_meet(&exec, &tbs[i]);
    ck_assert_uint_eq(exec.sampler.met_count, COUNTED_GROUP_TBS);
    for (unsigned i = 0; i < COUNTED_GROUP_TBS; i++)
        ck_assert_ptr_eq(exec.sampler.met[i], &tbs[i]);
    sampler_forget_met(&exec);
    sampler_meet(&exec, &tbs[TBS - 1]);
    ck_assert_uint_eq(exec.sampler.met_count, 1);
    ck_assert_ptr_eq(exec.sampler.met[0], &tbs[TBS - 1]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sampler");
    TCase *tcase = tcase_create("sampler");
    tcase_add_test(tcase, each_block_is_met_once);
    tcase_add_test(tcase, as_many_as_there_is_room_for);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
