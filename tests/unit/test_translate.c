/* The riscv64 translator at the edges of blocks: limits, pages, instructions that cannot be fetched
 * or are illegal, that any bytes give a block that verifies, and that the optimiser would change
 * nothing where a block says so. What instructions mean is tested in tests/insn. */
#include "src/guest/guest.h"
#include "src/opt/opt.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

enum { BASE = 0x10000, PAGE = 4096, CODE_BYTES = 4 * PAGE, RANDOM_ROUNDS = 20 };

/* Guest code on pages that lie apart on the host, some of them not executable. */
static uint8_t pages[CODE_BYTES / PAGE][PAGE];
static bool is_missing[CODE_BYTES / PAGE];
static struct arena arena;

static const uint8_t *fetch(void *context, uint64_t pc, size_t *ret_available_bytes)
{
    uint64_t offset = pc - BASE;
    (void)context;
    if (offset >= CODE_BYTES || is_missing[offset / PAGE])
        return NULL;
    *ret_available_bytes = PAGE - offset % PAGE;
    return &pages[offset / PAGE][offset % PAGE];
}

static void setup(void)
{
    memset(pages, 0, sizeof pages);
    memset(is_missing, 0, sizeof is_missing);
    arena_init(&arena);
}

static void teardown(void)
{
    arena_fini(&arena);
}

static void put(uint64_t pc, uint64_t code, unsigned size_bytes)
{
    for (unsigned i = 0; i < size_bytes; i++, pc++)
        pages[(pc - BASE) / PAGE][(pc - BASE) % PAGE] = (uint8_t)(code >> 8 * i);
}

/* Blocks that the optimiser need not see, and the others that it would leave as they are. */
static unsigned improved_count, missed_count;

static void check_improved(const struct ir_block *block)
{
    const struct ir_block *opt = opt_run(&arena, block, OPT_ALL & ~(1u << OPT_dead));
    bool is_same = opt->length == block->length &&
                   memcmp(opt->insns, block->insns, block->length * sizeof *block->insns) == 0;
    if (block->is_improved && !is_same) {
        ir_print(stderr, block);
        ir_print(stderr, opt);
        ck_abort_msg("a block that is said to be improved is not");
    }
    improved_count += block->is_improved;
    missed_count += is_same && !block->is_improved;
}

static const struct ir_block *translate_within(uint64_t pc, uint32_t mode,
                                               const struct guest_limits *limits)
{
    struct error err = {0};
    arena_reset(&arena);
    struct ir_block *block = guest_riscv64.translate(&arena, fetch, NULL, pc, mode, limits);
    ck_assert_ptr_nonnull(block);
    ck_assert_msg(ir_verify(block, &err) == STATUS_OK, "%s", err.text);
    ck_assert_uint_eq(block->guest_pc, pc);
    ck_assert_uint_eq(block->mode, mode);
    ck_assert_uint_le(block->guest_size_bytes, IR_MAX_BLOCK_BYTES);
    check_improved(block);
    return block;
}

static const struct ir_block *translate(uint64_t pc, uint32_t mode, uint32_t max_insns)
{
    struct guest_limits limits = {.max_guest_insns = max_insns};
    return translate_within(pc, mode, &limits);
}

/* Behind all branches but the one before *context. */
static bool goes_on(void *context, uint64_t next_pc)
{
    return next_pc != *(const uint64_t *)context;
}

static const struct ir_block *translate_long(uint64_t pc, uint32_t max_insns, uint64_t end)
{
    struct guest_limits limits = {
        .max_guest_insns = max_insns, .goes_on = goes_on, .context = &end};
    return translate_within(pc, 0, &limits);
}

static void check_end(const struct ir_block *block, enum ir_op op, unsigned kind, uint64_t pc,
                      uint32_t insns, uint32_t size_bytes)
{
    const struct ir_insn *last = &block->insns[block->length - 1];
    ck_assert_str_eq(ir_op_info[last->op].name, ir_op_info[op].name);
    ck_assert_uint_eq(last->c, kind);
    ck_assert_uint_eq(last->imm, pc);
    ck_assert_uint_eq(block->guest_length, insns);
    ck_assert_uint_eq(block->guest_size_bytes, size_bytes);
}

enum { ADDI = 0x00150513, C_NOP = 0x0001, JALR_RA = 0x000080e7, FADD_D = 0x0220f1d3 };

START_TEST(limits)
{
    for (unsigned i = 0; i < CODE_BYTES; i += 2)
        put(BASE + i, C_NOP, 2);
    check_end(translate(BASE, 0, 1), IR_exit_direct, IR_BRANCH_JUMP, BASE + 2, 1, 2);
    check_end(translate(BASE, 0, 64), IR_exit_direct, IR_BRANCH_JUMP, BASE + 128, 64, 128);
    const struct ir_block *block = translate(BASE, 0, UINT32_MAX);
    ck_assert_uint_gt(block->guest_length, 2000);
}
END_TEST

enum { BEQZ_A0 = 0x10050063, BNEZ_A1 = 0x10059063, BNEZ_A1_BACK = 0xfe059ee3 };

START_TEST(a_block_goes_on_behind_branches)
{
    const uint32_t code[] = {ADDI, BEQZ_A0, ADDI, BNEZ_A1, ADDI, BNEZ_A1_BACK, ADDI};
    for (unsigned i = 0; i < sizeof code / sizeof *code; i++)
        put(BASE + 4 * i, code[i], 4);
    const struct ir_block *block = translate_long(BASE, 64, 0);
    check_end(block, IR_exit_direct, IR_BRANCH_JUMP, BASE + 24, 6, 24);
    ck_assert_uint_eq(block->piece_count, 3);
    for (unsigned i = 0; i < 3; i++) {
        ck_assert_uint_eq(block->pieces[i].offset_bytes, 8 * i);
        ck_assert_uint_eq(block->pieces[i].first, 2 * i);
        ck_assert_uint_eq(block->pieces[i].exit_offset, i ? 0x100 + 8 * i - 4 : 0);
    }
    block = translate_long(BASE, 64, BASE + 16);
    check_end(block, IR_exit_direct, IR_BRANCH_JUMP, BASE + 16, 4, 16);
    ck_assert_uint_eq(block->piece_count, 2);
    ck_assert_uint_eq(translate(BASE, 0, 64)->piece_count, 0);
}
END_TEST

/* What would be cut short is left to another block. */
START_TEST(a_block_goes_on_by_whole_pieces)
{
    const uint32_t code[] = {ADDI, BEQZ_A0, ADDI, BNEZ_A1, ADDI, JALR_RA};
    for (unsigned i = 0; i < sizeof code / sizeof *code; i++)
        put(BASE + 4 * i, code[i], 4);
    const uint32_t pieces[] = {0, 0, 0, 0, 2, 2, 3};
    for (unsigned insns = 2; insns <= 6; insns++) {
        const struct ir_block *block = translate_long(BASE, insns, 0);
        uint32_t whole = insns == 6 ? 6 : insns & ~1u;
        ck_assert_uint_eq(block->guest_length, whole);
        ck_assert_uint_eq(block->guest_size_bytes, 4 * whole);
        ck_assert_uint_eq(block->piece_count, pieces[insns]);
    }
}
END_TEST

START_TEST(long_blocks_hold_the_costliest_instructions)
{
    for (unsigned i = 0; i < CODE_BYTES; i += 4)
        put(BASE + i, 0x00353573, 4); /* csrrc a0,fcsr,a0: csrrc with most IR */
    ck_assert_uint_gt(translate(BASE, 0, UINT32_MAX)->guest_length, 2000);
}
END_TEST

START_TEST(an_instruction_on_two_pages)
{
    put(BASE + PAGE - 2, ADDI, 4);
    put(BASE + PAGE + 2, ADDI, 4);
    put(BASE + PAGE + 6, 0x00000073, 4); /* ecall */
    check_end(translate(BASE + PAGE - 2, 0, 64), IR_exit_trap, IR_TRAP_ECALL, BASE + PAGE + 6, 3,
              12);
}
END_TEST

START_TEST(what_cannot_be_fetched)
{
    is_missing[1] = true;
    put(BASE + PAGE - 6, ADDI, 4);
    put(BASE + PAGE - 2, ADDI, 2);
    check_end(translate(BASE + PAGE, 0, 64), IR_exit_trap, IR_TRAP_FETCH, BASE + PAGE, 0, 0);
    check_end(translate(BASE + PAGE - 2, 0, 64), IR_exit_trap, IR_TRAP_FETCH, BASE + PAGE - 2, 0,
              0);
    check_end(translate(BASE + PAGE - 6, 0, 64), IR_exit_direct, IR_BRANCH_JUMP, BASE + PAGE - 2, 1,
              4);
    put(BASE + PAGE - 2, C_NOP, 2);
    check_end(translate(BASE + PAGE - 6, 0, 64), IR_exit_direct, IR_BRANCH_JUMP, BASE + PAGE, 2, 6);
}
END_TEST

START_TEST(illegal_instructions)
{
    put(BASE, ADDI, 4);
    check_end(translate(BASE + 4, 0, 64), IR_exit_trap, IR_TRAP_ILLEGAL, BASE + 4, 1, 2);
    check_end(translate(BASE, 0, 64), IR_exit_trap, IR_TRAP_ILLEGAL, BASE + 4, 2, 6);
}
END_TEST

START_TEST(known_jumps_are_direct)
{
    put(BASE, 0x00001097, 4);     /* auipc ra,1 */
    put(BASE + 4, 0x010080e7, 4); /* jalr ra,16(ra) */
    check_end(translate(BASE, 0, 64), IR_exit_direct, IR_BRANCH_CALL, BASE + 0x1010, 2, 8);
    check_end(translate(BASE + 4, 0, 64), IR_exit_indirect, IR_BRANCH_CALL, 0, 1, 4);
    put(BASE + 8, 0x8082, 2); /* ret */
    check_end(translate(BASE + 8, 0, 64), IR_exit_indirect, IR_BRANCH_RETURN, 0, 1, 2);
    put(BASE + 8, 0x8782, 2); /* jr a5 */
    check_end(translate(BASE + 8, 0, 64), IR_exit_indirect, IR_BRANCH_JUMP, 0, 1, 2);
}
END_TEST

START_TEST(dynamic_rounding_follows_the_mode)
{
    put(BASE, FADD_D, 4);
    for (uint32_t mode = 0; mode < 8; mode++) {
        const struct ir_block *block = translate(BASE, mode, 1);
        bool is_legal = mode <= IR_RM_RMM;
        unsigned rounding = IR_RM_HOST + 1;
        for (uint32_t i = 0; i < block->length; i++)
            if (block->insns[i].op == IR_fadd)
                rounding = (unsigned)block->insns[i].imm;
        ck_assert_uint_eq(block->insns[block->length - 1].op,
                          is_legal ? IR_exit_direct : IR_exit_trap);
        if (is_legal)
            ck_assert_uint_eq(rounding, mode == IR_RM_RMM ? IR_RM_RMM : IR_RM_HOST);
    }
}
END_TEST

START_TEST(any_bytes_give_a_block)
{
    uint32_t seed = 1;
    for (int round = 0; round < RANDOM_ROUNDS; round++) {
        for (unsigned i = 0; i < CODE_BYTES; i++) {
            seed = seed * 1664525 + 1013904223;
            put(BASE + i, i % 4 == 0 && seed >> 31 ? seed >> 24 | 3 : seed >> 24, 1);
        }
        for (uint64_t pc = BASE; pc < BASE + CODE_BYTES; pc += 2)
            translate(pc, pc >> 1 & 7, 16);
    }
}
END_TEST

/* Instructions that the optimiser has rules for, on few registers and telling constants. */
static uint32_t random_insn(uint32_t *seed)
{
    static const uint32_t with_registers[] = {
        0x33,       0x40000033, 0x1033,     0x2033,     0x3033,     0x4033,     0x5033,
        0x40005033, 0x6033,     0x7033,     0x3b,       0x4000003b, 0x103b,     0x2000033,
        0x2005033,  0x2007033,  0x40007033, 0xf2000053, 0xe2000053, 0x22000053, 0x20000053,
        0x2000053,  0xd2200053, 0xa0005033, 0x60001033};
    static const uint32_t with_immediate[] = {
        0x13,   0x13,   0x13,   0x1b,   0x2013, 0x3013, 0x4013, 0x6013, 0x7013, 0x1013,
        0x5013, 0x101b, 0x3003, 0x2003, 0x4003, 0x1003, 0x5003, 0x6003, 0x3007};
    static const uint32_t immediates[] = {0, 1, 2, 4, 32, 48, 0xff, 0xfff, 0x7ff, 0x800};
    *seed = *seed * 1664525 + 1013904223;
    uint32_t bits = *seed >> 8;
    uint32_t insn = (bits & 3) << 7 | (bits >> 2 & 3) << 15;
    unsigned choice = bits >> 4 & 63;
    if (choice < 25)
        return insn | (bits >> 10 & 3) << 20 | with_registers[choice];
    if (choice < 58) {
        uint32_t form = with_immediate[(choice - 25) % 19],
                 immediate = immediates[(bits >> 12) % 10];
        return insn | form | ((form & 0x307f) == 0x1013 ? immediate & 31 : immediate) << 20;
    }
    return choice < 61 ? 0x3023 | insn | (bits >> 10 & 3) << 20 /* sd */
                       : 0x63 | (bits >> 12 & 7) << 12 | insn | (bits >> 10 & 3) << 20;
}

START_TEST(improved_blocks_are)
{
    uint32_t seed = 1;
    improved_count = missed_count = 0;
    for (int round = 0; round < RANDOM_ROUNDS; round++) {
        for (unsigned i = 0; i < CODE_BYTES; i += 4)
            put(BASE + i, random_insn(&seed), 4);
        for (uint64_t pc = BASE; pc < BASE + CODE_BYTES; pc += 4)
            translate(pc, 0, 1 + (unsigned)(pc >> 2) % 8);
    }
    ck_assert_uint_gt(improved_count, 1000);
    ck_assert_uint_lt(missed_count, improved_count / 2);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("translate");
    TCase *tests = tcase_create("translate");
    suite_add_tcase(suite, tests);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, limits);
    tcase_add_test(tests, a_block_goes_on_behind_branches);
    tcase_add_test(tests, a_block_goes_on_by_whole_pieces);
    tcase_add_test(tests, long_blocks_hold_the_costliest_instructions);
    tcase_add_test(tests, an_instruction_on_two_pages);
    tcase_add_test(tests, what_cannot_be_fetched);
    tcase_add_test(tests, illegal_instructions);
    tcase_add_test(tests, known_jumps_are_direct);
    tcase_add_test(tests, dynamic_rounding_follows_the_mode);
    tcase_add_test(tests, any_bytes_give_a_block);
    tcase_add_test(tests, improved_blocks_are);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
