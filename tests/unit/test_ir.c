/* The IR itself: tables, builder, printer and parser, verifier, evaluator, and that docs/ir.md
 * names every operation. */
#include "src/base/bits.h"
#include "src/ir/ir.h"
#include "tests/unit/ir_reference.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static char *print(const struct ir_block *block)
{
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    ir_print(out, block);
    fclose(out);
    return text;
}

START_TEST(table_is_consistent)
{
    for (unsigned op = 0; op < IR_OP_COUNT; op++) {
        const struct ir_op_info *info = &ir_op_info[op];
        unsigned values = 0;
        for (unsigned i = 0; i < 3; i++)
            values += strchr("_MK", info->operand[i]) == NULL;
        ck_assert_msg(values == info->operand_count, "%s", info->name);
        /* Values come first, so that the count says which operands are values. */
        for (unsigned i = 0; i < values; i++)
            ck_assert_msg(strchr("_MK", info->operand[i]) == NULL, "%s", info->name);
        unsigned kind = info->flags & (IR_PURE | IR_READS | IR_EFFECT | IR_FP_FLAGS);
        ck_assert_msg(kind && (kind & (kind - 1)) == 0, "%s has one kind", info->name);
        ck_assert(!(info->flags & IR_ENDS) || info->flags & IR_EXITS);
        ck_assert(!(info->flags & IR_ACCESSES) == (info->operand[2] != 'M'));
        ck_assert((info->result == 'V') <= !!(info->flags & IR_EFFECT));
    }
}
END_TEST

/* ---- builder ---- */

START_TEST(constants_are_shared)
{
    struct arena arena;
    struct ir_builder builder;
    arena_init(&arena);
    ir_builder_begin(&builder, &arena, 0x1000, 0);
    ir_ref one = ir_const(&builder, IR_I64, 1);
    ck_assert_uint_eq(ir_const(&builder, IR_I64, 1), one);
    ck_assert_uint_ne(ir_const(&builder, IR_I32, 1), one);
    ir_ref byte = ir_const(&builder, IR_I8, UINT64_MAX);
    ck_assert_uint_eq(builder.block->insns[byte].imm, 0xff);
    ck_assert_uint_eq(ir_const(&builder, IR_I8, 0xff), byte);
    ck_assert_uint_eq(builder.block->length, 3);
    arena_fini(&arena);
}
END_TEST

START_TEST(a_block_grows_until_it_is_full)
{
    struct arena arena;
    struct ir_builder builder;
    arena_init(&arena);
    ir_builder_begin(&builder, &arena, 0x1000, 3);
    for (unsigned i = 0; i < IR_MAX_INSNS; i++)
        ck_assert_uint_eq(ir_get_reg(&builder, IR_I64, i % 64), i);
    ck_assert(!builder.failed);
    for (unsigned i = 0; i < IR_MAX_INSNS; i++)
        ck_assert_uint_eq(builder.block->insns[i].imm, i % 64);
    ck_assert_uint_eq(ir_get_reg(&builder, IR_I64, 1), 0);
    ck_assert(builder.failed);
    ck_assert_uint_eq(ir_const(&builder, IR_I64, 77), 0);
    ck_assert_uint_eq(builder.block->length, IR_MAX_INSNS);
    arena_fini(&arena);
}
END_TEST

/* ---- text ---- */

START_TEST(random_blocks_print_and_read_back)
{
    struct arena arena;
    arena_init(&arena);
    uint64_t state = 42;
    for (unsigned round = 0; round < 500; round++) {
        arena_reset(&arena);
        struct ir_block *block = reference_random_block(&arena, &state, 100, round & 1), *again;
        char *text = print(block);
        struct error err;
        if (ir_parse(text, &arena, &again, &err))
            ck_abort_msg("%s\n%s", err.text, text);
        ck_assert_uint_eq(again->length, block->length);
        ck_assert(memcmp(again->insns, block->insns, block->length * sizeof *block->insns) == 0);
        ck_assert_uint_eq(again->guest_pc, block->guest_pc);
        ck_assert_uint_eq(again->guest_size_bytes, block->guest_size_bytes);
        ck_assert_uint_eq(again->guest_length, block->guest_length);
        ck_assert_uint_eq(again->mode, block->mode);
        free(text);
    }
    arena_fini(&arena);
}
END_TEST

#define HEADER "block 0x1000, 8 bytes, 2 insns, mode 0\n"
#define END "exit_direct jump, 0x1008\n"

/* clang-format off */
static const struct {
    const char *text, *reason;
} unreadable[] = {
    {"", "line 1: 'block' expected"},
    {"block 0x1000\n", "line 1: ',' expected"},
    {HEADER "v0 = frob.i64 v1\n", "line 2: 'frob' is no operation"},
    {HEADER "v0 = add.i63 v1, v1\n", "line 2: 'i63' is no type"},
    {HEADER "\n# comment\nv0 = add.i64 v1, v1\n", "line 4: v1 is not defined before"},
    {HEADER "v0 = const.i64 0x1\nv0 = const.i64 0x2\n", "line 3: v0 is defined twice"},
    {HEADER "v0 = const.i64\n", "line 2: a number is expected"},
    {HEADER "v0 = const.i64 0x10000000000000000\n", "line 2: a number is too large"},
    {HEADER "v0 = get_reg.i64 x32\n", "line 2: a register number is below 32"},
    {HEADER "v0 = get_reg.i64 y1\n", "line 2: 'x' expected"},
    {HEADER "v0 = get_reg.i64 x1\nset_reg v0\n", "line 3: ',' expected"},
    {HEADER "v0 = get_reg.i64 x1\nv1 = set_reg.i64 v0, x1\n", "line 3: set_reg gives no value"},
    {HEADER "get_reg x1\n", "line 2: get_reg gives a value"},
    {HEADER "v0 = get_reg.i64 x1 x2\n", "line 2: 'x2"},
    {HEADER "v0 = get_reg.i64 x1\nv1 = load.i64 v0, q32@0, +0\n", "line 3: 'q32' is no access"},
    {HEADER "v0 = get_reg.i64 x1\nv1 = load.i64 v0, u32@3, +0\n", "line 3: the offset of an"},
    {HEADER "exit_trap sneeze, 0x1000\n", "line 2: 'sneeze' is no trap"},
    {HEADER "exit_direct stroll, 0x1000\n", "line 2: 'stroll' is no kind of branch"},
    {HEADER "v99999 = const.i64 0x1\n", "line 2: v99999 is too large a name"},
};
/* clang-format on */

START_TEST(the_parser_names_line_and_reason)
{
    struct arena arena;
    arena_init(&arena);
    struct ir_block *block = NULL;
    struct error err;
    ck_assert_int_eq(ir_parse(unreadable[_i].text, &arena, &block, &err), STATUS_BAD_FILE);
    ck_assert_ptr_null(block);
    ck_assert_msg(strncmp(err.text, unreadable[_i].reason, strlen(unreadable[_i].reason)) == 0,
                  "%s", err.text);
    arena_fini(&arena);
}
END_TEST

/* clang-format off */
static const struct {
    const char *text, *reason;
} malformed[] = {
    {HEADER, "has 0 instructions"},
    {HEADER "v0 = const.i64 0x1\n", "the last one does not end the block"},
    {HEADER END END, "ends the block and is not the last"},
    {HEADER "v0 = const.i8 0x100\n" END, "immediate 0x100 is out of range"},
    {HEADER "v0 = const.i64 0x1\nv1 = const.i32 0x1\nv2 = add.i64 v0, v1\n" END,
     "operand b has type i32"},
    {HEADER "v0 = const.i64 0x1\nv1 = add.f64 v0, v0\n" END, "the result has type"},
    {HEADER "v0 = const.i64 0x1\nv1 = fadd.f64 v0, v0, host\n" END, "operand a has type i64"},
    {HEADER "v0 = const.i32 0x1\nset_reg v0, x1\n" END, "operand a has type i32"},
    {HEADER "v0 = const.i64 0x1\nv1 = sext.i32 v0\n" END, "width 64 to 32"},
    {HEADER "v0 = const.i32 0x1\nv1 = trunc.i64 v0\n" END, "width 32 to 64"},
    {HEADER "v0 = const.i32 0x1\nv1 = bitcast.f64 v0\n" END, "width 32 to 64"},
    {HEADER "v0 = get_reg.f64 f1\nv1 = fcvt_to_s.i16 v0, rtz\n" END, "width 64 to 16"},
    {HEADER "v0 = const.i64 0x1\nv1 = eq.i32 v0, v0\n" END, "the result has type"},
    {HEADER "v0 = const.i64 0x1\nv1 = load.f64 v0, u32@0, +0\n" END, "an access of 32 bits"},
    {HEADER "v0 = const.i64 0x1\nv1 = load.i64 v0, u32@8, +0\n" END, "memop lies at 8"},
    {HEADER "v0 = const.i64 0x1\nv1 = load.i64 v0, u32@0, +2147483648\n" END,
     "immediate 0x80000000"},
    {HEADER "v0 = const.i64 0x1\nv1 = const.i16 0x1\nstore v0, v1, u32@0, +0\n" END,
     "an access of 32"},
    {HEADER "v0 = const.i64 0x1\nv1 = amo.i64 v0, v0, u16@0, add\n" END, "an access of 16 bits"},
    {HEADER "exit_trap ecall, 0x1001\n", "immediate 0x1001 is out of range"},
    {HEADER "exit_trap none, 0x1000\n", "0 is no kind of trap"},
};
/* clang-format on */

START_TEST(the_verifier_finds_what_is_wrong)
{
    struct arena arena;
    arena_init(&arena);
    struct ir_block *block;
    struct error err;
    if (ir_parse(malformed[_i].text, &arena, &block, &err))
        ck_abort_msg("%s", err.text);
    ck_assert_int_eq(ir_verify(block, &err), STATUS_REJECTED);
    ck_assert_msg(strstr(err.text, malformed[_i].reason) != NULL, "%s", err.text);
    arena_fini(&arena);
}
END_TEST

/* Broken blocks that cannot be written as text. */
START_TEST(the_verifier_checks_references)
{
    struct arena arena;
    arena_init(&arena);
    struct ir_block *block;
    struct error err;
    static const char text[] =
        HEADER "v0 = const.i64 0x1\nv1 = add.i64 v0, v0\nset_reg v1, x1\n" END;
    ck_assert_int_eq(ir_parse(text, &arena, &block, &err), STATUS_OK);
    ck_assert_int_eq(ir_verify(block, &err), STATUS_OK);
    struct ir_insn good = block->insns[1];
    block->insns[1].b = 1;
    ck_assert_int_eq(ir_verify(block, &err), STATUS_REJECTED);
    block->insns[1] = good;
    block->insns[1].c = 0;
    ck_assert_int_eq(ir_verify(block, &err), STATUS_REJECTED);
    block->insns[1] = good;
    block->insns[1].op = IR_OP_COUNT;
    ck_assert_int_eq(ir_verify(block, &err), STATUS_REJECTED);
    block->insns[1] = good;
    block->insns[2].imm = 64;
    ck_assert_int_eq(ir_verify(block, &err), STATUS_REJECTED);
    block->insns[2].imm = 1;
    block->guest_size_bytes = IR_MAX_BLOCK_BYTES + 2;
    ck_assert_int_eq(ir_verify(block, &err), STATUS_REJECTED);
    arena_fini(&arena);
}
END_TEST

/* ---- evaluator ---- */

#define TOP (UINT64_C(1) << 63)
#define ONES UINT64_MAX

/* clang-format off */
static const struct {
    enum ir_op op;
    enum ir_type type;
    unsigned width;
    uint64_t a, b, c, result;
} values[] = {
    {IR_add, IR_I8, 8, 0xff, 2, 0, 1},
    {IR_sub, IR_I32, 32, 0, 1, 0, 0xffffffff},
    {IR_mul, IR_I16, 16, 0xffff, 0xffff, 0, 1},
    {IR_mulh_ss, IR_I64, 64, TOP, TOP, 0, TOP >> 1},
    {IR_mulh_su, IR_I64, 64, ONES, ONES, 0, ONES},
    {IR_mulh_uu, IR_I64, 64, ONES, ONES, 0, ONES - 1},
    {IR_div_s, IR_I64, 64, TOP, ONES, 0, TOP},
    {IR_div_s, IR_I32, 32, 0x80000000, 0xffffffff, 0, 0x80000000},
    {IR_div_s, IR_I64, 64, 7, 0, 0, ONES},
    {IR_div_s, IR_I64, 64, 0 - UINT64_C(7), 2, 0, 0 - UINT64_C(3)},
    {IR_div_u, IR_I32, 32, 5, 0, 0, 0xffffffff},
    {IR_rem_s, IR_I64, 64, TOP, ONES, 0, 0},
    {IR_rem_s, IR_I64, 64, 0 - UINT64_C(7), 2, 0, ONES},
    {IR_rem_s, IR_I32, 32, 0xfffffff9, 0, 0, 0xfffffff9},
    {IR_rem_u, IR_I64, 64, 7, 0, 0, 7},
    {IR_shl, IR_I32, 32, 1, 33, 0, 2},
    {IR_shr, IR_I32, 32, 0x80000000, 31, 0, 1},
    {IR_sar, IR_I32, 32, 0x80000000, 31, 0, 0xffffffff},
    {IR_sar, IR_I8, 8, 0x80, 1, 0, 0xc0},
    {IR_rotl, IR_I32, 32, 0x80000001, 1, 0, 3},
    {IR_rotl, IR_I64, 64, 5, 64, 0, 5},
    {IR_rotr, IR_I32, 32, 1, 1, 0, 0x80000000},
    {IR_rotr, IR_I8, 8, 0x81, 4, 0, 0x18},
    {IR_min_s, IR_I32, 32, 0xffffffff, 1, 0, 0xffffffff},
    {IR_min_u, IR_I32, 32, 0xffffffff, 1, 0, 1},
    {IR_max_s, IR_I64, 64, TOP, 1, 0, 1},
    {IR_max_u, IR_I64, 64, TOP, 1, 0, TOP},
    {IR_clz, IR_I32, 32, 0, 0, 0, 32},
    {IR_clz, IR_I32, 32, 1, 0, 0, 31},
    {IR_clz, IR_I64, 64, TOP, 0, 0, 0},
    {IR_ctz, IR_I64, 64, 0, 0, 0, 64},
    {IR_ctz, IR_I32, 32, 0, 0, 0, 32},
    {IR_ctz, IR_I64, 64, 8, 0, 0, 3},
    {IR_popcnt, IR_I64, 64, ONES, 0, 0, 64},
    {IR_bswap, IR_I64, 64, UINT64_C(0x0102030405060708), 0, 0, UINT64_C(0x0807060504030201)},
    {IR_orc_b, IR_I64, 64, UINT64_C(0x0100800040002001), 0, 0, UINT64_C(0xff00ff00ff00ffff)},
    {IR_lt_s, IR_I64, 32, 0x80000000, 0, 0, 1},
    {IR_lt_u, IR_I64, 32, 0x80000000, 0, 0, 0},
    {IR_ge_s, IR_I64, 8, 0x80, 0x7f, 0, 0},
    {IR_select, IR_I32, 64, 0, 1, 2, 2},
    {IR_select, IR_I32, 64, TOP, 1, 2, 1},
    {IR_sext, IR_I64, 32, 0x80000000, 0, 0, UINT64_C(0xffffffff80000000)},
    {IR_sext, IR_I32, 8, 0x80, 0, 0, 0xffffff80},
    {IR_zext, IR_I64, 16, 0x8000, 0, 0, 0x8000},
    {IR_trunc, IR_I8, 64, 0x1ff, 0, 0, 0xff},
    {IR_fneg, IR_F32, 32, 0x7fc00000, 0, 0, 0xffc00000},
    {IR_fabs, IR_F64, 64, TOP | 1, 0, 0, 1},
    {IR_fcopysign, IR_F64, 64, 1, TOP, 0, TOP | 1},
    {IR_fclass, IR_I64, 32, 0xff800000, 0, 0, 1 << 0},
    {IR_fclass, IR_I64, 32, 0xbf800000, 0, 0, 1 << 1},
    {IR_fclass, IR_I64, 32, 0x80000001, 0, 0, 1 << 2},
    {IR_fclass, IR_I64, 32, 0x80000000, 0, 0, 1 << 3},
    {IR_fclass, IR_I64, 64, 0, 0, 0, 1 << 4},
    {IR_fclass, IR_I64, 64, 1, 0, 0, 1 << 5},
    {IR_fclass, IR_I64, 64, UINT64_C(0x3ff0000000000000), 0, 0, 1 << 6},
    {IR_fclass, IR_I64, 64, UINT64_C(0x7ff0000000000000), 0, 0, 1 << 7},
    {IR_fclass, IR_I64, 64, UINT64_C(0x7ff0000000000001), 0, 0, 1 << 8},
    {IR_fclass, IR_I64, 64, UINT64_C(0xfff8000000000000), 0, 0, 1 << 9},
    {IR_box, IR_F64, 32, 0x3f800000, 0, 0, UINT64_C(0xffffffff3f800000)},
    {IR_unbox, IR_F32, 64, UINT64_C(0xffffffff3f800000), 0, 0, 0x3f800000},
    {IR_unbox, IR_F32, 64, UINT64_C(0xfffffffe3f800000), 0, 0, 0x7fc00000},
};
/* clang-format on */

START_TEST(operations_have_their_values)
{
    uint64_t result = ir_eval(values[_i].op, values[_i].type, values[_i].width, values[_i].a,
                              values[_i].b, values[_i].c, 0);
    ck_assert_msg(result == values[_i].result, "%s gives %#lx, should be %#lx",
                  ir_op_info[values[_i].op].name, result, values[_i].result);
}
END_TEST

/* ---- documentation ---- */

START_TEST(the_documentation_names_every_operation)
{
    const char *path = getenv("TIERCEL_IR_DOC");
    FILE *in = path ? fopen(path, "r") : NULL;
    ck_assert_msg(in != NULL, "TIERCEL_IR_DOC names docs/ir.md");
    static char text[1 << 16];
    text[fread(text, 1, sizeof text - 1, in)] = '\0';
    fclose(in);
    for (unsigned op = 0; op < IR_OP_COUNT; op++) {
        char row[40];
        snprintf(row, sizeof row, "\n| `%s` |", ir_op_info[op].name);
        ck_assert_msg(strstr(text, row) != NULL, "%s has no row", ir_op_info[op].name);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ir");
    TCase *tcase = tcase_create("ir");
    tcase_add_test(tcase, table_is_consistent);
    tcase_add_test(tcase, constants_are_shared);
    tcase_add_test(tcase, a_block_grows_until_it_is_full);
    tcase_add_test(tcase, random_blocks_print_and_read_back);
    tcase_add_loop_test(tcase, the_parser_names_line_and_reason, 0, ARRAY_LENGTH(unreadable));
    tcase_add_loop_test(tcase, the_verifier_finds_what_is_wrong, 0, ARRAY_LENGTH(malformed));
    tcase_add_test(tcase, the_verifier_checks_references);
    tcase_add_loop_test(tcase, operations_have_their_values, 0, ARRAY_LENGTH(values));
    tcase_add_test(tcase, the_documentation_names_every_operation);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
