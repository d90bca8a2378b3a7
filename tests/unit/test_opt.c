/* The optimiser: random blocks behave the same before and after, with all passes and with each set
 * of them; what is seen at every access and exit included. Options are read as documented. */
#include "src/opt/opt.h"

#include "src/base/bits.h"
#include "tests/unit/ir_reference.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static void check_equal(const struct ir_block *before, const struct ir_block *after,
                        uint64_t *random_state, const char *what)
{
    static struct reference guest, expected, actual;
    reference_fill(&guest, random_state);
    expected = actual = guest;
    reference_run(&expected, before);
    reference_run(&actual, after);
    if (memcmp(&expected, &actual, sizeof actual) == 0)
        return;
    ir_print(stderr, before);
    ir_print(stderr, after);
    for (unsigned i = 0; i < IR_GUEST_REGS; i++)
        if (expected.reg[i] != actual.reg[i])
            fprintf(stderr, "reg %u: %#lx, should be %#lx\n", i, actual.reg[i], expected.reg[i]);
    ck_abort_msg("%s: the optimised block behaves differently: pc %#lx, should be %#lx; mxcsr %#x, "
                 "should be %#x",
                 what, actual.pc, expected.pc, actual.mxcsr, expected.mxcsr);
}

static void check_block(struct arena *arena, uint64_t *random_state, uint32_t passes,
                        bool like_guest)
{
    struct error err;
    unsigned length = 8 + (unsigned)(reference_random(random_state) >> 40) % 120;
    struct ir_block *before = reference_random_block(arena, random_state, length, like_guest);
    if (ir_verify(before, &err))
        ck_abort_msg("a random block is malformed: %s", err.text);
    struct ir_block *after = opt_run(arena, before, passes);
    if (ir_verify(after, &err)) {
        ir_print(stderr, before);
        ir_print(stderr, after);
        ck_abort_msg("passes %#x: %s", passes, err.text);
    }
    for (unsigned i = 0; i < 4; i++)
        check_equal(before, after, random_state, like_guest ? "like guest" : "any order");
}

START_TEST(random_blocks_keep_their_meaning)
{
    const char *rounds_text = getenv("TEST_OPT_ROUNDS");
    unsigned rounds = rounds_text ? (unsigned)atoi(rounds_text) : 4000;
    struct arena arena;
    arena_init(&arena);
    uint64_t state = UINT64_C(0x9e3779b97f4a7c15) + (uint64_t)_i;
    for (unsigned round = 0; round < rounds; round++) {
        arena_reset(&arena);
        check_block(&arena, &state, round % 4 ? OPT_ALL : round / 4 % (OPT_ALL + 1), _i);
    }
    arena_fini(&arena);
}
END_TEST

START_TEST(options_are_read)
{
    struct error err;
    uint32_t passes = OPT_ALL;
    ck_assert_int_eq(opt_parse("-fold,-cse", &passes, &err), STATUS_OK);
    ck_assert_uint_eq(passes, OPT_ALL & ~(1u << OPT_fold | 1u << OPT_cse));
    ck_assert_int_eq(opt_parse("none,+dead", &passes, &err), STATUS_OK);
    ck_assert_uint_eq(passes, 1u << OPT_dead);
    ck_assert_int_eq(opt_parse("all", &passes, &err), STATUS_OK);
    ck_assert_uint_eq(passes, OPT_ALL);
    static const char *const wrong[] = {"", "fold", "-", "-fo", "+folds", "all,", ",all", "all,x"};
    for (unsigned i = 0; i < ARRAY_LENGTH(wrong); i++) {
        passes = 5;
        ck_assert_msg(opt_parse(wrong[i], &passes, &err) == STATUS_BAD_OPTION, "'%s'", wrong[i]);
        ck_assert_uint_eq(passes, 5);
    }
    opt_parse("+dead,-wings", &passes, &err);
    ck_assert_ptr_nonnull(strstr(err.text, "-wings"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("opt");
    TCase *tcase = tcase_create("opt");
    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, random_blocks_keep_their_meaning, 0, 2);
    tcase_add_test(tcase, options_are_read);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
