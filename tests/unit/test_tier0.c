/* Tier 0: random blocks, optimised and not, end with the same registers, memory, flags and exit as
 * in the reference interpreter; and what happens between blocks: chaining, dropping, polling, heat.
 */
#include "src/opt/opt.h"
#include "src/tb/tier.h"

#include "src/base/bits.h"
#include "src/base/check.h"
#include "src/ir/fp.h"
#include "tests/unit/ir_reference.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* A cache, the tier and one vcpu whose guest memory is the reference's. */
struct fixture {
    struct tb_cache *cache;
    struct tier *tier;
    struct vcpu *vcpu;
    struct arena arena;
};

static const struct tier_options default_options = {.is_fusing = true, .is_threading = true};

static void fixture_init(struct fixture *f, struct tier_options options)
{
    struct error err;
    struct tb_cache_config config = {.code_limit_bytes = 1 << 20, .is_chaining = true};
    if (tb_cache_create(&config, &f->cache, &err))
        ck_abort_msg("%s", err.text);
    options.is_caching_inline = options.is_caching_jumps = true;
    f->tier = tier0_create(f->cache, &options);
    f->vcpu = aligned_alloc(64, (sizeof *f->vcpu + 63) & ~(size_t)63);
    arena_init(&f->arena);
}

static void fixture_fini(struct fixture *f)
{
    f->tier->destroy(f->tier);
    tb_cache_destroy(&f->cache);
    free(f->vcpu);
    arena_fini(&f->arena);
}

static struct tb *compile(struct fixture *f, const struct ir_block *block)
{
    struct error err;
    tb_lock(f->cache);
    struct tb *tb = tb_reference(f->cache, block->guest_pc, block->mode);
    ck_assert_ptr_nonnull(tb);
    tb->heat = INT32_MAX;
    struct tier_job job = {.cache = f->cache, .tb = tb, .block = block, .level = TB_TIER_0};
    enum status status = f->tier->compile(f->tier, &job, &err);
    tb_unlock(f->cache);
    if (status) {
        ir_print(stderr, block);
        ck_abort_msg("%s", err.text);
    }
    return tb;
}

static struct tb *compile_text(struct fixture *f, const char *text)
{
    struct ir_block *block;
    struct error err;
    if (ir_parse(text, &f->arena, &block, &err) || ir_verify(block, &err))
        ck_abort_msg("%s", err.text);
    return compile(f, block);
}

/* ---- single blocks against the reference ---- */

static void load_vcpu(struct vcpu *vcpu, struct reference *guest)
{
    memset(vcpu, 0, sizeof *vcpu);
    vcpu_init(vcpu, guest->memory);
    memcpy(vcpu->reg, guest->reg, sizeof vcpu->reg);
    vcpu->mxcsr = guest->mxcsr;
    vcpu->frm = guest->frm;
    vcpu->pending = VCPU_PENDING_KICK; /* backward and indirect exits leave */
}

/* Where the exit says that the guest goes on. */
static uint64_t exit_pc(const struct vcpu *vcpu)
{
    return vcpu->exit_reason == VCPU_EXIT_TB ? vcpu->exit_tb->pc : vcpu->pc;
}

static void store_vcpu(const struct vcpu *vcpu, struct reference *guest)
{
    memcpy(guest->reg, vcpu->reg, sizeof guest->reg);
    guest->mxcsr = vcpu->mxcsr & ~2u;
    guest->frm = vcpu->frm;
    guest->reservation_address = vcpu->reservation_address;
    guest->reservation_value = vcpu->reservation_value;
    guest->pc = exit_pc(vcpu);
    guest->trap = vcpu->exit_reason == VCPU_EXIT_TRAP ? (uint16_t)vcpu->exit_trap : IR_TRAP_NONE;
}

static void check_once(struct fixture *f, const struct ir_block *block, struct tb *tb,
                       uint64_t *state)
{
    static struct reference expected, actual;
    reference_fill(&expected, state);
    actual = expected;
    reference_run(&expected, block);
    load_vcpu(f->vcpu, &actual);
    uint32_t mxcsr = fp_read_mxcsr();
    f->tier->run(f->tier, f->vcpu, tb);
    ck_assert_uint_eq(fp_read_mxcsr(), mxcsr);
    store_vcpu(f->vcpu, &actual);
    actual.trace = expected.trace;
    if (memcmp(&actual, &expected, sizeof actual) == 0)
        return;
    ir_print(stderr, block);
    for (unsigned i = 0; i < IR_GUEST_REGS; i++)
        if (expected.reg[i] != actual.reg[i])
            fprintf(stderr, "reg %u: %#lx, should be %#lx\n", i, actual.reg[i], expected.reg[i]);
    ck_abort_msg(
        "pc %#lx, should be %#lx; trap %u, should be %u; mxcsr %#x, should be %#x; memory %s",
        actual.pc, expected.pc, actual.trap, expected.trap, actual.mxcsr, expected.mxcsr,
        memcmp(actual.memory, expected.memory, sizeof actual.memory) ? "differs" : "equal");
}

START_TEST(random_blocks_as_in_the_reference)
{
    const char *rounds_text = getenv("TEST_TIER0_ROUNDS");
    unsigned rounds = rounds_text ? (unsigned)atoi(rounds_text) : 1000;
    static bool seen[IR_OP_COUNT];
    struct fixture f;
    fixture_init(&f, (struct tier_options){.is_fusing = !(_i & 4), .is_threading = !(_i & 8)});
    uint64_t state = UINT64_C(0x123456789) + (uint64_t)(_i & 3);
    for (unsigned round = 0; round < rounds; round++) {
        arena_reset(&f.arena);
        tb_lock(f.cache);
        tb_flush(f.cache);
        tb_unlock(f.cache);
        unsigned length = 8 + (unsigned)(reference_random(&state) >> 40) % 120;
        struct ir_block *block = reference_random_block(&f.arena, &state, length, _i & 1);
        reference_note_ops(seen, block);
        if (_i & 2)
            block = opt_run(&f.arena, block, OPT_ALL);
        struct tb *tb = compile(&f, block);
        for (unsigned i = 0; i < 4; i++)
            check_once(&f, block, tb, &state);
    }
    const char *missing = reference_report_ops(seen, "tier 0");
    ck_assert_msg(!missing, "no random block has %s", missing);
    fixture_fini(&f);
}
END_TEST

/* ---- between blocks ---- */

/* x10 counts down from its value; x11 sums. */
static const char loop_text[] = "block 0x1000, 12 bytes, 3 insns, mode 0\n"
                                "v0 = get_reg.i64 x11\n"
                                "v1 = get_reg.i64 x10\n"
                                "v2 = add.i64 v0, v1\n"
                                "set_reg v2, x11\n"
                                "v3 = const.i64 0xffffffffffffffff\n"
                                "v4 = add.i64 v1, v3\n"
                                "set_reg v4, x10\n"
                                "v5 = const.i64 0x0\n"
                                "v6 = ne.i64 v4, v5\n"
                                "exit_if v6, jump, 0x1000\n"
                                "exit_direct jump, 0x2000\n";
static const char end_text[] = "block 0x2000, 4 bytes, 1 insns, mode 0\n"
                               "exit_trap ecall, 0x2000\n";

START_TEST(loops_stay_inside)
{
    static struct reference guest;
    struct fixture f;
    fixture_init(&f, (struct tier_options){.is_fusing = true,
                                             .is_threading = true,
                                             .is_counting_stats = true});
    struct tb *tb = compile_text(&f, loop_text);
    load_vcpu(f.vcpu, &guest);
    f.vcpu->pending = 0;
    f.vcpu->reg[10] = 1000;
    f.tier->run(f.tier, f.vcpu, tb);
    ck_assert_uint_eq(f.vcpu->exit_reason, VCPU_EXIT_TB); /* 0x2000 has no code */
    ck_assert_uint_eq(f.vcpu->exit_tb->pc, 0x2000);
    ck_assert_uint_eq(f.vcpu->reg[11], 500500);
    ck_assert_uint_eq(f.vcpu->counter[COUNTER_INSNS_TIER0], 3000);
    ck_assert_uint_eq(f.vcpu->counter[COUNTER_BLOCKS_TIER0], 1000);
    compile_text(&f, end_text);
    f.vcpu->reg[10] = 1;
    f.tier->run(f.tier, f.vcpu, tb);
    ck_assert_uint_eq(f.vcpu->exit_reason, VCPU_EXIT_TRAP);
    ck_assert_uint_eq(f.vcpu->exit_trap, IR_TRAP_ECALL);
    ck_assert_uint_eq(f.vcpu->pc, 0x2000);
    fixture_fini(&f);
}
END_TEST

START_TEST(dropped_code_is_not_entered)
{
    static struct reference guest;
    struct fixture f;
    fixture_init(&f, default_options);
    struct tb *tb = compile_text(&f, loop_text);
    compile_text(&f, end_text);
    for (unsigned round = 0; round < 3; round++) {
        load_vcpu(f.vcpu, &guest);
        f.vcpu->pending = 0;
        f.vcpu->reg[10] = 5;
        f.tier->run(f.tier, f.vcpu, tb);
        if (round == 1) {
            ck_assert_uint_eq(f.vcpu->exit_reason, VCPU_EXIT_TB);
            ck_assert_uint_eq(f.vcpu->exit_tb->pc, 0x2000);
            compile_text(&f, end_text);
        } else {
            ck_assert_uint_eq(f.vcpu->exit_reason, VCPU_EXIT_TRAP);
            tb_lock(f.cache);
            tb_drop_range(f.cache, 0x2000, 1);
            tb_unlock(f.cache);
        }
    }
    fixture_fini(&f);
}
END_TEST

/* A guest that writes its code again and again does not use up memory: what is dropped counts as
 * code memory until a flush. */
START_TEST(dropped_code_fills_code_memory)
{
    struct fixture f;
    fixture_init(&f, default_options);
    struct ir_block *block;
    struct error err;
    if (ir_parse(loop_text, &f.arena, &block, &err))
        ck_abort_msg("%s", err.text);
    enum { COMPILES_PER_MIB = 1 << 14 }; /* a block is more than 64 bytes */
    uint64_t flushes = 0;
    for (int i = 0; i < 3 * COMPILES_PER_MIB; i++) {
        tb_lock(f.cache);
        struct tb *tb = tb_reference(f.cache, block->guest_pc, block->mode);
        struct tier_job job = {.cache = f.cache, .tb = tb, .block = block, .level = TB_TIER_0};
        if (f.tier->compile(f.tier, &job, &err) == STATUS_CODE_FULL) {
            tb_flush(f.cache);
            flushes++;
        } else {
            tb_drop(f.cache, tb);
        }
        tb_unlock(f.cache);
    }
    ck_assert_uint_ge(flushes, 2);
    fixture_fini(&f);
}
END_TEST

START_TEST(pending_work_ends_a_loop)
{
    static struct reference guest;
    struct fixture f;
    fixture_init(&f, default_options);
    struct tb *tb = compile_text(&f, loop_text);
    load_vcpu(f.vcpu, &guest);
    f.vcpu->reg[10] = 10;
    f.tier->run(f.tier, f.vcpu, tb);
    ck_assert_uint_eq(f.vcpu->exit_reason, VCPU_EXIT_TB);
    ck_assert_uint_eq(f.vcpu->exit_tb->pc, 0x1000);
    ck_assert_uint_eq(f.vcpu->reg[10], 9);
    fixture_fini(&f);
}
END_TEST

START_TEST(heat_runs_out_at_the_exact_count)
{
    static struct reference guest;
    struct fixture f;
    fixture_init(&f, (struct tier_options){.is_fusing = true,
                                             .is_threading = true,
                                             .is_counting_heat = true});
    struct tb *tb = compile_text(&f, loop_text);
    tb->heat = 7;
    load_vcpu(f.vcpu, &guest);
    f.vcpu->pending = 0;
    f.vcpu->reg[10] = 100;
    f.tier->run(f.tier, f.vcpu, tb);
    ck_assert_uint_eq(f.vcpu->exit_reason, VCPU_EXIT_PROMOTE);
    ck_assert_ptr_eq(f.vcpu->exit_tb, tb);
    ck_assert_uint_eq(f.vcpu->reg[10], 93);
    fixture_fini(&f);
}
END_TEST

/* 0x1000 jumps to the address in x5, and 0x2000 and 0x3000 return there by 0x1000's x6. */
START_TEST(indirect_jumps_find_their_way)
{
    static struct reference guest;
    struct fixture f;
    fixture_init(&f, default_options);
    struct tb *tb = compile_text(&f, "block 0x1000, 4 bytes, 1 insns, mode 0\n"
                                     "v0 = get_reg.i64 x5\n"
                                     "v1 = const.i64 0x1000\n"
                                     "v2 = xor.i64 v0, v1\n"
                                     "set_reg v2, x5\n"
                                     "exit_indirect v0, jump\n");
    load_vcpu(f.vcpu, &guest);
    f.vcpu->pending = 0;
    f.vcpu->reg[5] = 0x2000;
    f.tier->run(f.tier, f.vcpu, tb);
    ck_assert_uint_eq(f.vcpu->exit_reason, VCPU_EXIT_INDIRECT);
    ck_assert_ptr_eq(f.vcpu->exit_tb, tb);
    ck_assert_uint_eq(f.vcpu->pc, 0x2000);
    for (unsigned i = 2; i <= 3; i++) {
        char text[300];
        snprintf(text, sizeof text,
                 "block 0x%u000, 4 bytes, 1 insns, mode 0\n"
                 "v0 = get_reg.i64 x7\nv1 = const.i64 0x1\nv2 = add.i64 v0, v1\nset_reg v2, x7\n"
                 "v3 = const.i64 0x64\nv4 = eq.i64 v2, v3\nexit_trap_if v4, ebreak, 0x%u000\n"
                 "exit_direct jump, 0x1000\n",
                 i, i);
        compile_text(&f, text);
    }
    f.vcpu->reg[5] = 0x2000;
    f.tier->run(f.tier, f.vcpu, tb);
    ck_assert_uint_eq(f.vcpu->exit_reason, VCPU_EXIT_TRAP);
    ck_assert_uint_eq(f.vcpu->exit_trap, IR_TRAP_EBREAK);
    ck_assert_uint_eq(f.vcpu->pc, 0x3000);
    fixture_fini(&f);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tier0");
    TCase *tcase = tcase_create("tier0");
    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, random_blocks_as_in_the_reference, 0, 16);
    tcase_add_test(tcase, loops_stay_inside);
    tcase_add_test(tcase, dropped_code_is_not_entered);
    tcase_add_test(tcase, dropped_code_fills_code_memory);
    tcase_add_test(tcase, pending_work_ends_a_loop);
    tcase_add_test(tcase, heat_runs_out_at_the_exact_count);
    tcase_add_test(tcase, indirect_jumps_find_their_way);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
