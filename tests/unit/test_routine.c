/* The recogniser of routines: which loops it knows, by the bulk operations it uses for them, and
 * which near misses it leaves alone. What routines do is checked by tests/guest/routines.sh. */
#include "src/ir/text.h"
#include "src/opt/opt.h"
#include "src/opt/routine.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK "block 0x1000, 64 bytes, 16 insns, mode 0\n"
#define BACK "exit_direct jump, 0x1000\n"
#define GET(value, reg) #value " = get_reg.i64 " #reg "\n"
#define CONST(value, number) #value " = const.i64 " #number "\n"
/* reg := the register's value `from` + the constant `by` */
#define STEP(value, from, by, reg) #value " = add.i64 " #from ", " #by "\nset_reg " #value ", " #reg "\n"
#define EXIT_WHEN(value, op, a, b)                                                                 \
    #value " = " #op ".i64 " #a ", " #b "\nexit_if " #value ", jump, 0x1100\n"

/* x10 destination, x11 source, x12 end or count; v0 to v2 */
#define POINTERS GET(v0, x10) GET(v1, x11) GET(v2, x12) CONST(v3, 0x1) CONST(v4, 0x8)
#define LOAD_BYTE(value, at, reg) #value " = load.i64 " #at ", u8@0, +0\nset_reg " #value ", " #reg "\n"
#define LOAD_WORD(value, at, offset, reg)                                                          \
    #value " = load.i64 " #at ", u64@0, +" #offset "\nset_reg " #value ", " #reg "\n"
#define STORE(kind, at, offset, value) "store " #at ", " #value ", " #kind "@0, +" #offset "\n"

/* clang-format off */
static const struct {
    const char *name, *text;
    const char *bulks; /* in order, or NULL: not known */
} loops[] = {
    {"copy bytes",
     BLOCK POINTERS LOAD_BYTE(v5, v1, x15) STORE(u8, v0, 0, v5) STEP(v6, v0, v3, x10)
     STEP(v7, v1, v3, x11) EXIT_WHEN(v8, eq, v7, v2) BACK, "copy "},
    {"copy words, counted",
     BLOCK POINTERS CONST(v9, 0xffffffffffffffff) LOAD_WORD(v5, v1, 0, x15) STORE(u64, v0, 0, v5)
     STEP(v6, v0, v4, x10) STEP(v7, v1, v4, x11) STEP(v8, v2, v9, x12) CONST(v10, 0x0)
     EXIT_WHEN(v11, eq, v8, v10) BACK, "probe copy "},
    {"copy bytes downwards",
     BLOCK POINTERS CONST(v9, 0xffffffffffffffff) LOAD_BYTE(v5, v1, x15) STORE(u8, v0, 0, v5)
     STEP(v6, v0, v9, x10) STEP(v7, v1, v9, x11) EXIT_WHEN(v8, eq, v7, v2) BACK, "copy_back "},
    {"copy a string",
     BLOCK POINTERS CONST(v9, 0x0) LOAD_BYTE(v5, v1, x15) STORE(u8, v0, 0, v5)
     STEP(v6, v0, v3, x10) STEP(v7, v1, v3, x11) EXIT_WHEN(v8, eq, v5, v9) BACK, "find copy "},
    {"copy without an end",
     BLOCK POINTERS LOAD_BYTE(v5, v1, x15) STORE(u8, v0, 0, v5) STEP(v6, v0, v3, x10)
     STEP(v7, v1, v3, x11) BACK, NULL},
    {"copy at two speeds",
     BLOCK POINTERS LOAD_BYTE(v5, v1, x15) STORE(u8, v0, 0, v5) STEP(v6, v0, v4, x10)
     STEP(v7, v1, v3, x11) EXIT_WHEN(v8, eq, v7, v2) BACK, NULL},
    {"copy with a gap",
     BLOCK POINTERS LOAD_BYTE(v5, v1, x15) STORE(u8, v0, 0, v5) STEP(v6, v0, v4, x10)
     STEP(v7, v1, v4, x11) EXIT_WHEN(v8, eq, v7, v2) BACK, NULL},
    {"copy a changed byte",
     BLOCK POINTERS LOAD_BYTE(v5, v1, x15) "v9 = xor.i64 v5, v3\n" STORE(u8, v0, 0, v9)
     STEP(v6, v0, v3, x10) STEP(v7, v1, v3, x11) EXIT_WHEN(v8, eq, v7, v2) BACK, NULL},
    {"copy bytes the wrong way round",
     BLOCK POINTERS CONST(v9, 0x2) LOAD_BYTE(v5, v1, x15) "v10 = load.i64 v1, u8@0, +1\n"
     STORE(u8, v0, 1, v5) STORE(u8, v0, 0, v10) STEP(v6, v0, v9, x10) STEP(v7, v1, v9, x11)
     EXIT_WHEN(v8, eq, v7, v2) BACK, NULL},
    {"load through what was loaded",
     BLOCK POINTERS LOAD_WORD(v5, v1, 0, x11) STORE(u64, v0, 0, v5) STEP(v6, v0, v4, x10)
     EXIT_WHEN(v8, eq, v6, v2) BACK, NULL},
    {"fill bytes",
     BLOCK POINTERS STORE(u8, v0, 0, v1) STEP(v6, v0, v3, x10) EXIT_WHEN(v8, ge_u, v6, v2) BACK,
     "fill "},
    {"fill with what changes",
     BLOCK POINTERS STORE(u8, v0, 0, v0) STEP(v6, v0, v3, x10) EXIT_WHEN(v8, ge_u, v6, v2) BACK,
     NULL},
    {"fill away from the end",
     BLOCK POINTERS STORE(u8, v0, 0, v1) STEP(v6, v0, v3, x10) EXIT_WHEN(v8, lt_u, v6, v2) BACK,
     NULL},
    {"find a byte",
     BLOCK POINTERS LOAD_BYTE(v5, v0, x15) STEP(v6, v0, v3, x10) EXIT_WHEN(v8, eq, v5, v2) BACK,
     "find "},
    {"find a halfword",
     BLOCK POINTERS CONST(v9, 0x2) "v5 = load.i64 v0, u16@0, +0\n" STEP(v6, v0, v9, x10)
     EXIT_WHEN(v8, eq, v5, v2) BACK, NULL},
    {"go on over equal bytes",
     BLOCK POINTERS LOAD_BYTE(v5, v0, x15) STEP(v6, v0, v3, x10) EXIT_WHEN(v8, ne, v5, v2) BACK,
     NULL},
    {"find in place",
     BLOCK POINTERS LOAD_BYTE(v5, v0, x15) EXIT_WHEN(v8, eq, v5, v2) BACK, NULL},
    {"find a zero byte in words",
     BLOCK GET(v0, x10) CONST(v1, 0xfefefefefefefeff) CONST(v2, 0x8080808080808080)
     CONST(v3, 0xffffffffffffffff) CONST(v4, 0x8) LOAD_WORD(v5, v0, 0, x15) STEP(v6, v0, v4, x10)
     "v7 = add.i64 v5, v1\nv8 = xor.i64 v5, v3\nv9 = and.i64 v7, v8\nv10 = and.i64 v9, v2\n"
     "exit_if v10, jump, 0x1100\n" BACK, "find "},
    {"look for another bit in words",
     BLOCK GET(v0, x10) CONST(v1, 0xfefefefefefefeff) CONST(v2, 0x8080808080808000)
     CONST(v3, 0xffffffffffffffff) CONST(v4, 0x8) LOAD_WORD(v5, v0, 0, x15) STEP(v6, v0, v4, x10)
     "v7 = add.i64 v5, v1\nv8 = xor.i64 v5, v3\nv9 = and.i64 v7, v8\nv10 = and.i64 v9, v2\n"
     "exit_if v10, jump, 0x1100\n" BACK, NULL},
    {"find a zero byte in words by orc.b",
     BLOCK GET(v0, x10) CONST(v3, 0xffffffffffffffff) CONST(v4, 0x8) LOAD_WORD(v5, v0, 0, x15)
     STEP(v6, v0, v4, x10) "v7 = orc_b.i64 v5\n" EXIT_WHEN(v8, ne, v7, v3) BACK, "find "},
    {"compare bytes",
     BLOCK POINTERS LOAD_BYTE(v5, v0, x15) LOAD_BYTE(v6, v1, x14) STEP(v7, v0, v3, x10)
     STEP(v8, v1, v3, x11) EXIT_WHEN(v9, ne, v5, v6) EXIT_WHEN(v10, eq, v7, v2) BACK, "match "},
    {"compare strings",
     BLOCK POINTERS CONST(v11, 0x0) LOAD_BYTE(v5, v0, x15) LOAD_BYTE(v6, v1, x14)
     STEP(v7, v0, v3, x10) STEP(v8, v1, v3, x11) EXIT_WHEN(v9, eq, v5, v11)
     EXIT_WHEN(v10, ne, v5, v6) BACK, "match_z "},
    {"compare up to another byte",
     BLOCK POINTERS LOAD_BYTE(v5, v0, x15) LOAD_BYTE(v6, v1, x14)
     STEP(v7, v0, v3, x10) STEP(v8, v1, v3, x11) EXIT_WHEN(v9, eq, v5, v2)
     EXIT_WHEN(v10, ne, v5, v6) BACK, NULL},
    {"compare signed with unsigned",
     BLOCK POINTERS LOAD_BYTE(v5, v0, x15) "v6 = load.i64 v1, s8@0, +0\n" STEP(v7, v0, v3, x10)
     STEP(v8, v1, v3, x11) EXIT_WHEN(v9, ne, v5, v6) EXIT_WHEN(v10, eq, v7, v2) BACK, NULL},
    {"add up",
     BLOCK POINTERS LOAD_BYTE(v5, v0, x15) GET(v6, x14) "v7 = add.i64 v6, v5\nset_reg v7, x14\n"
     STEP(v8, v0, v3, x10) EXIT_WHEN(v9, eq, v8, v2) BACK, NULL},
    {"count only",
     BLOCK POINTERS STEP(v8, v0, v3, x10) EXIT_WHEN(v9, eq, v8, v2) BACK, NULL},
};
/* clang-format on */
enum { LOOP_COUNT = sizeof loops / sizeof loops[0] };

static struct arena arena;

static struct ir_block *parse(const char *text)
{
    struct ir_block *block;
    struct error err;
    if (ir_parse(text, &arena, &block, &err) || ir_verify(block, &err))
        ck_abort_msg("%s", err.text);
    return block;
}

static void check_well_formed(const struct ir_block *block)
{
    struct error err;
    ck_assert_msg(ir_verify(block, &err) == STATUS_OK, "%s", err.text);
}

START_TEST(loops_are_known_by_what_they_do)
{
    arena_init(&arena);
    struct ir_block *routine = routine_make(&arena, parse(loops[_i].text));
    ck_assert_msg((routine != NULL) == (loops[_i].bulks != NULL), "%s: %s", loops[_i].name,
                  routine ? "known" : "not known");
    if (routine) {
        char bulks[64] = "";
        check_well_formed(routine);
        check_well_formed(opt_run(&arena, routine, OPT_ALL));
        ck_assert_uint_eq(routine->guest_pc, 0x1001);
        for (uint32_t i = 0; i < routine->length; i++)
            if (routine->insns[i].op == IR_bulk)
                strcat(strcat(bulks, ir_bulk_name[routine->insns[i].imm]), " ");
        ck_assert_msg(strcmp(bulks, loops[_i].bulks) == 0, "%s: %s", loops[_i].name, bulks);
    }
    arena_fini(&arena);
}
END_TEST

/* A loop of two blocks, the first of which leaves by going on. */
START_TEST(blocks_become_one_iteration)
{
    arena_init(&arena);
    const struct ir_block *const blocks[] = {
        parse("block 0x1000, 8 bytes, 2 insns, mode 0\n" GET(v0, x10) CONST(v1, 0x0)
              LOAD_BYTE(v2, v0, x15) "v3 = ne.i64 v2, v1\nexit_if v3, jump, 0x1020\n"
              "exit_direct jump, 0x1008\n"),
        parse("block 0x1020, 8 bytes, 2 insns, mode 0\n" GET(v0, x10) CONST(v1, 0x1)
              STEP(v2, v0, v1, x10) BACK),
    };
    struct ir_block *iteration = routine_trace(&arena, blocks, 2);
    ck_assert_ptr_nonnull(iteration);
    check_well_formed(iteration);
    ck_assert_uint_eq(iteration->guest_pc, 0x1000);
    ck_assert_uint_eq(iteration->guest_size_bytes, 0x28);
    ck_assert_ptr_nonnull(routine_make(&arena, iteration));

    uint64_t header_pc;
    ck_assert(routine_find_header(blocks[1], 64, &header_pc));
    ck_assert_uint_eq(header_pc, 0x1000);
    ck_assert(!routine_find_header(blocks[1], 16, &header_pc));
    ck_assert(!routine_find_header(blocks[0], 64, &header_pc));
    struct ir_block *last = parse("block 0x1020, 8 bytes, 2 insns, mode 0\n" BACK);
    routine_redirect(last, 0x1000);
    ck_assert_uint_eq(last->insns[0].imm, 0x1001);
    check_well_formed(last);

    const struct ir_block *const apart[] = {blocks[0], blocks[0]};
    ck_assert_ptr_null(routine_trace(&arena, apart, 2));
    arena_fini(&arena);
}
END_TEST

START_TEST(blocks_of_other_kinds_are_left_alone)
{
    static const char *const texts[] = {
        BLOCK "v0 = get_reg.f64 f1\nset_reg v0, f2\n" BACK,
        BLOCK GET(v0, x10) "v1 = amo.i64 v0, v0, s64@0, add\n" BACK,
        BLOCK "fence 0xff\n" BACK,
        BLOCK "exit_trap ecall, 0x1000\n",
        BLOCK GET(v0, x10) "exit_indirect v0, return\n",
        BLOCK GET(v0, x10) "exit_if v0, jump, 0x1100\nexit_if v0, jump, 0x1200\n" BACK,
    };
    arena_init(&arena);
    for (unsigned i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        const struct ir_block *block = parse(texts[i]);
        ck_assert_msg(!routine_is_plain(block), "text %u", i);
        ck_assert_ptr_null(routine_trace(&arena, &block, 1));
    }
    arena_fini(&arena);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("routine");
    TCase *all = tcase_create("all");
    tcase_add_loop_test(all, loops_are_known_by_what_they_do, 0, LOOP_COUNT);
    tcase_add_test(all, blocks_become_one_iteration);
    tcase_add_test(all, blocks_of_other_kinds_are_left_alone);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
