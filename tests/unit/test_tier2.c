/* Unit tests of tier 2: random blocks and regions against the reference interpreter, and the ways
 * into and out of a region: entry slot, exit slots, polls, promotion, jump cache, faults. */
#include "src/base/bits.h"
#include "src/ir/fp.h"
#include "src/tb/tier.h"
#include "tests/unit/ir_reference.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

tiercel_tier2_create_fn tiercel_tier2_create; /* the sources of tier 2 are linked in */

enum { CODE_BYTES = 8 << 20, FUEL_REG = 31, FUEL_TRAP_PC = 0x77770 };

static struct tb_cache *cache;
static struct tier *tier;
static struct vcpu *vcpu;
static struct arena arena;
static struct tier_options options;
static struct tier_dump dump;
static _Alignas(64) uint8_t guest_memory[REFERENCE_MEMORY_BYTES];

/* TIER2_DUMP: a set of i (IR), l (LLVM IR), a (assembly), written to stderr. */
static bool is_dumping(char what)
{
    const char *wanted = getenv("TIER2_DUMP");
    return wanted && strchr(wanted, what);
}

static void start(size_t code_bytes)
{
    struct tb_cache_config cache_config = {.code_limit_bytes = code_bytes, .is_chaining = true};
    ck_assert_int_eq(tb_cache_create(&cache_config, &cache, NULL), STATUS_OK);
    struct tier2_config config = {.cache = cache, .options = options};
    struct error err;
    tier = tiercel_tier2_create(&config, &err);
    ck_assert_msg(tier != NULL, "%s", err.text);
    vcpu = aligned_alloc(64, bits_align_up(sizeof *vcpu, 64));
    vcpu_init(vcpu, guest_memory);
    arena_init(&arena);
}

static void setup(void)
{
    options = (struct tier_options){
        .is_polling_chunked = true,
        .is_caching_jumps = true,
        .is_verifying = true,
    };
    dump = (struct tier_dump){
        .llvm = is_dumping('l') ? stderr : NULL,
        .assembly = is_dumping('a') ? stderr : NULL,
    };
    start(CODE_BYTES);
}

static void teardown(void)
{
    tb_cache_destroy(&cache);
    tier->destroy(tier);
    free(vcpu);
    arena_fini(&arena);
}

/* ---- regions ---- */

static struct ir_region *region_new(uint32_t length)
{
    struct ir_region *region = arena_zalloc(&arena, sizeof *region);
    region->nodes = arena_zalloc(&arena, length * sizeof *region->nodes);
    region->length = length;
    return region;
}

static void set_block(struct ir_region *region, uint32_t index, struct ir_block *block)
{
    struct error err = {0};
    ck_assert_msg(ir_verify(block, &err) == STATUS_OK, "%s", err.text);
    region->nodes[index].block = block;
    region->guest_length += block->guest_length;
    if (index == 0)
        region->guest_pc = block->guest_pc;
}

static struct ir_block *parse(const char *text)
{
    struct ir_block *block;
    struct error err = {0};
    ck_assert_msg(ir_parse(text, &arena, &block, &err) == STATUS_OK, "%s", err.text);
    return block;
}

static void add_edge(struct ir_region *region, uint32_t from, uint32_t to, bool is_guess)
{
    struct region_node *node = &region->nodes[from];
    node->edges[node->edge_count++] = (struct region_edge){
        .pc = region->nodes[to].block->guest_pc,
        .node = (int32_t)to,
        .is_guess = is_guess,
    };
}

static enum status compile(const struct ir_region *region, enum tb_tier level, struct error *err)
{
    for (uint32_t i = 0; i < region->length && is_dumping('i'); i++)
        ir_print(stderr, region->nodes[i].block);
    struct tb *tb = tb_reference(cache, region->guest_pc, region->mode);
    struct tier_job job = {
        .cache = cache,
        .tb = tb,
        .region = region,
        .level = level,
        .next_heat = 100,
        .generation = cache->generation,
        .dump = dump,
    };
    return tier->compile(tier, &job, err);
}

static struct tb *must_compile(const struct ir_region *region, enum tb_tier level)
{
    struct error err = {0};
    enum status status = compile(region, level, &err);
    ck_assert_msg(status == STATUS_OK, "%s", err.text);
    struct tb *tb = tb_find(cache, region->guest_pc, region->mode);
    ck_assert_int_eq(tb->tier, level);
    return tb;
}

static void enter(const struct tb *tb)
{
    vcpu->exit_reason = 99;
    tb_enter(vcpu, tb->entry);
}

/* The guest pc at which the vcpu goes on. */
static uint64_t exit_pc(void)
{
    bool at_tb = vcpu->exit_reason == VCPU_EXIT_TB || vcpu->exit_reason == VCPU_EXIT_PROMOTE;
    return at_tb ? vcpu->exit_tb->pc : vcpu->pc;
}

/* ---- random code against the reference ---- */

static void load_guest(const struct reference *guest)
{
    memcpy(vcpu->reg, guest->reg, sizeof vcpu->reg);
    memcpy(guest_memory, guest->memory, sizeof guest_memory);
    vcpu->mxcsr = guest->mxcsr;
    vcpu->frm = guest->frm;
    vcpu->reservation_address = guest->reservation_address;
    vcpu->reservation_value = guest->reservation_value;
}

/* What generated code left behind. */
static void store_guest(struct reference *guest)
{
    memcpy(guest->reg, vcpu->reg, sizeof vcpu->reg);
    memcpy(guest->memory, guest_memory, sizeof guest_memory);
    guest->mxcsr = vcpu->mxcsr & ~2u; /* the denormal flag is no flag of the guest's */
    guest->frm = vcpu->frm;
    guest->reservation_address = vcpu->reservation_address;
    guest->reservation_value = vcpu->reservation_value;
    guest->pc = exit_pc();
    guest->trap = vcpu->exit_reason == VCPU_EXIT_TRAP ? (uint16_t)vcpu->exit_trap : IR_TRAP_NONE;
}

/* libcheck logs every assertion that holds, so the frequent ones are plain comparisons. */
static void check_guest(const struct reference *got, const struct reference *wanted,
                        const char *what, uint64_t seed)
{
    for (unsigned i = 0; i < IR_GUEST_REGS; i++)
        if (got->reg[i] != wanted->reg[i])
            ck_abort_msg("%s %lu: register %u is %#lx, not %#lx", what, seed, i, got->reg[i],
                         wanted->reg[i]);
    for (unsigned i = 0; i < REFERENCE_MEMORY_BYTES; i++)
        if (got->memory[i] != wanted->memory[i])
            ck_abort_msg("%s %lu: memory differs at %#x", what, seed, i);
    if (got->mxcsr != wanted->mxcsr)
        ck_abort_msg("%s %lu: mxcsr %#x, not %#x", what, seed, got->mxcsr, wanted->mxcsr);
    if (got->pc != wanted->pc || got->trap != wanted->trap)
        ck_abort_msg("%s %lu: left to %#lx trap %u, not %#lx trap %u", what, seed, got->pc,
                     got->trap, wanted->pc, wanted->trap);
    if (got->frm != wanted->frm || got->reservation_address != wanted->reservation_address)
        ck_abort_msg("%s %lu: frm or reservation", what, seed);
}

enum { RANDOM_BLOCKS = 120, RANDOM_REGIONS = 60, RUNS = 24 };
static bool seen[IR_OP_COUNT];

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : otherwise;
}

/* TIER2_SEEDS=N: that many times as many random programs, from TIER2_FIRST_SEED on. */
static uint64_t first_seed(void)
{
    return from_environment("TIER2_FIRST_SEED", 0);
}
static uint64_t end_seed(uint64_t count)
{
    return first_seed() + count * from_environment("TIER2_SEEDS", 1);
}

static void note_ops(const struct ir_block *block)
{
    for (uint32_t i = 0; i < block->length; i++)
        seen[block->insns[i].op] = true;
}

static void check_random_block(uint64_t seed, enum tb_tier level)
{
    uint64_t state = seed * 77 + 1;
    struct ir_region *region = region_new(1);
    set_block(region, 0, reference_random_block(&arena, &state, 20 + seed % 60, seed % 2));
    note_ops(region->nodes[0].block);
    struct tb *tb = must_compile(region, level);
    static struct reference wanted, got;
    for (unsigned run = 0; run < RUNS; run++) {
        reference_fill(&wanted, &state);
        load_guest(&wanted);
        reference_run(&wanted, region->nodes[0].block);
        enter(tb);
        store_guest(&got);
        check_guest(&got, &wanted, "block", seed);
    }
}

START_TEST(random_blocks_do_as_the_reference)
{
    for (uint64_t seed = first_seed(); seed < end_seed(RANDOM_BLOCKS); seed++) {
        check_random_block(seed, seed % 8 == 0 ? TB_TIER_3 : TB_TIER_2);
        tb_flush(cache);
        arena_reset(&arena);
    }
    for (unsigned op = 0; op < IR_OP_COUNT; op++)
        ck_assert_msg(seen[op] || op == IR_get_counter, "no random block has %s",
                      ir_op_info[op].name);
}
END_TEST

static uint64_t node_pc(uint64_t node)
{
    return 0x10000 + node * 0x1000;
}

/* The random block as a node that counts FUEL_REG down and traps at 0, with exits to nodes. */
static struct ir_block *fuelled(const struct ir_block *random, uint64_t node, uint32_t nodes,
                                uint64_t *state)
{
    struct ir_builder builder;
    ir_builder_begin(&builder, &arena, node_pc(node), 0);
    ir_ref left = ir_binary(&builder, IR_sub, IR_I64, ir_get_reg(&builder, IR_I64, FUEL_REG),
                            ir_const(&builder, IR_I64, 1));
    ir_set_reg(&builder, FUEL_REG, left);
    ir_ref is_out = ir_binary(&builder, IR_eq, IR_I64, left, ir_const(&builder, IR_I64, 0));
    ir_emit3(&builder, IR_exit_trap_if, IR_VOID, is_out, IR_NONE, IR_TRAP_ECALL, FUEL_TRAP_PC);
    ir_ref shift = (ir_ref)builder.block->length;
    for (uint32_t i = 0; i < random->length; i++) {
        struct ir_insn insn = random->insns[i];
        unsigned operands = ir_op_info[insn.op].operand_count;
        insn.a = operands > 0 ? (ir_ref)(insn.a + shift) : insn.a;
        insn.b = operands > 1 ? (ir_ref)(insn.b + shift) : insn.b;
        insn.c = operands > 2 ? (ir_ref)(insn.c + shift) : insn.c;
        if ((insn.op == IR_exit_if || insn.op == IR_exit_direct) && reference_random(state) % 8)
            insn.imm = node_pc(reference_random(state) % nodes);
        ir_emit(&builder, insn);
    }
    builder.block->guest_size_bytes = 128;
    builder.block->guest_length = 64;
    return builder.block;
}

/* Some exits become edges, some stay exits to slots. */
static void add_random_edges(struct ir_region *region, uint64_t *state)
{
    for (uint32_t i = 0; i < region->length; i++) {
        struct region_node *node = &region->nodes[i];
        for (uint32_t j = 0; j < node->block->length; j++) {
            const struct ir_insn *insn = &node->block->insns[j];
            bool is_static = insn->op == IR_exit_if || insn->op == IR_exit_direct;
            uint64_t to = (insn->imm - node_pc(0)) / 0x1000;
            if (is_static && to < region->length && node->edge_count < REGION_MAX_EDGES &&
                reference_random(state) % 8)
                add_edge(region, i, (uint32_t)to, false);
        }
    }
}

static const struct ir_block *block_at(const struct ir_region *region, uint64_t pc)
{
    for (uint32_t i = 0; i < region->length; i++)
        if (region->nodes[i].block->guest_pc == pc)
            return region->nodes[i].block;
    return NULL;
}

/* Goes on with the reference interpreter while it is at the pc of a node. */
static void run_reference(struct reference *guest, const struct ir_region *region)
{
    const struct ir_block *block;
    while (guest->trap == IR_TRAP_NONE && (block = block_at(region, guest->pc)))
        reference_run(guest, block);
}

static void check_random_region(uint64_t seed, enum tb_tier level)
{
    uint64_t state = seed * 1234567 + 99;
    uint32_t length = 2 + seed % 7;
    struct ir_region *region = region_new(length);
    for (uint32_t i = 0; i < length; i++) {
        const struct ir_block *random =
            reference_random_block(&arena, &state, 5 + reference_random(&state) % 20, seed % 2);
        set_block(region, i, fuelled(random, i, length, &state));
    }
    add_random_edges(region, &state);
    struct tb *tb = must_compile(region, level);
    static struct reference wanted, got;
    for (unsigned run = 0; run < RUNS; run++) {
        reference_fill(&wanted, &state);
        wanted.reg[FUEL_REG] = 1 + reference_random(&state) % 600;
        wanted.pc = region->guest_pc;
        load_guest(&wanted);
        run_reference(&wanted, region);
        enter(tb);
        store_guest(&got);
        run_reference(&got, region); /* an exit may have gone to a node that is no TB */
        check_guest(&got, &wanted, "region", seed);
    }
}

START_TEST(random_regions_do_as_the_reference)
{
    for (uint64_t seed = first_seed(); seed < end_seed(RANDOM_REGIONS); seed++) {
        check_random_region(seed, seed % 4 == 0 ? TB_TIER_3 : TB_TIER_2);
        tb_flush(cache);
        arena_reset(&arena);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tier2");
    TCase *tests = tcase_create("tier2");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, random_blocks_do_as_the_reference);
    tcase_add_test(tests, random_regions_do_as_the_reference);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
