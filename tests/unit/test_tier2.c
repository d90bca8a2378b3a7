/* Unit tests of tier 2: random blocks and regions against the reference interpreter, and the ways
 * into and out of a region: entry slot, exit slots, polls, promotion, jump cache, faults. */
#include "src/base/bits.h"
#include "src/ir/fp.h"
#include "src/tb/tier.h"
#include "tests/unit/ir_reference.h"
#include "tier2/codegen.h"

#include <check.h>
#include <llvm-c/Core.h>
#include <signal.h>
#include <stdlib.h>
#include <math.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

tiercel_tier2_create_fn tiercel_tier2_create; /* the sources of tier 2 are linked in */

enum { CODE_BYTES = 8 << 20, FUEL_REG = 31, FUEL_TRAP_PC = 0x77770 };

static struct tb_cache *cache;
static struct tier *tier;
static struct vcpu *vcpu;
static struct arena arena;
static struct tier_options options;
static struct tier_dump dump;
static bool is_precise, is_flagless; /* of the regions compiled from now on */
static _Alignas(REFERENCE_PAGE_BYTES) uint8_t guest_memory[REFERENCE_MEMORY_BYTES];

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
    memset(vcpu, 0, sizeof *vcpu);
    vcpu_init(vcpu, guest_memory);
    arena_init(&arena);
}

static void setup(void)
{
    options = (struct tier_options){
        .is_polling_chunked = true,
        .is_narrowing = true,
        .is_caching_jumps = true,
        .is_verifying = true,
    };
    dump = (struct tier_dump){
        .llvm = is_dumping('l') ? stderr : NULL,
        .assembly = is_dumping('a') ? stderr : NULL,
    };
    is_precise = is_flagless = false;
    start(CODE_BYTES);
}

static void teardown(void)
{
    tb_cache_destroy(&cache);
    tier->destroy(tier);
    free(vcpu);
    arena_fini(&arena);
}

/* The tier as the options want it that have been changed. */
static void restart_tier(void)
{
    tier->destroy(tier);
    struct tier2_config config = {.cache = cache, .options = options};
    tier = tiercel_tier2_create(&config, NULL);
    ck_assert(tier != NULL);
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
        .is_precise = is_precise,
        .is_flagless = is_flagless,
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

/* What LLVM's passes make of it, to be freed. */
static char *must_compile_to_text(const struct ir_region *region, enum tb_tier level, const struct tb **ret_tb)
{
    FILE *shown = dump.llvm;
    char *text;
    size_t size;
    dump.llvm = open_memstream(&text, &size);
    *ret_tb = must_compile(region, level);
    fclose(dump.llvm);
    dump.llvm = shown;
    return text;
}

static void enter(const struct tb *tb)
{
    vcpu->exit_reason = 99;
    tb_run(vcpu, tb->entry);
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
    uint32_t unkept = is_flagless ? 0x3f : 0;
    if ((got->mxcsr | unkept) != (wanted->mxcsr | unkept))
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

static void check_random_block(uint64_t seed, enum tb_tier level)
{
    uint64_t state = seed * 77 + 1;
    struct ir_region *region = region_new(1);
    set_block(region, 0, reference_random_block(&arena, &state, 20 + seed % 60, seed % 2));
    reference_note_ops(seen, region->nodes[0].block);
    struct tb *tb = must_compile(region, level);
    static struct reference wanted, got;
    for (unsigned run = 0; run < RUNS; run++) {
        reference_fill(&wanted, &state);
        load_guest(&wanted);
        reference_run(&wanted, region->nodes[0].block);
        if (wanted.pc == tb->pc)
            continue; /* it would go round for ever */
        enter(tb);
        store_guest(&got);
        check_guest(&got, &wanted, "block", seed);
    }
}

START_TEST(random_blocks_do_as_the_reference)
{
    for (uint64_t seed = first_seed(); seed < end_seed(RANDOM_BLOCKS); seed++) {
        is_precise = seed % 5 == 2;
        check_random_block(seed, seed % 8 == 0 ? TB_TIER_3 : TB_TIER_2);
        tb_flush(cache);
        arena_reset(&arena);
    }
    const char *missing = reference_report_ops(seen, "tier 2");
    ck_assert_msg(!missing, "no random block has %s", missing);
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
static void add_random_edges(struct ir_region *region, uint32_t first, uint64_t *state)
{
    for (uint32_t i = first; i < region->length; i++) {
        struct region_node *node = &region->nodes[i];
        for (uint32_t j = 0; j < node->block->length; j++) {
            const struct ir_insn *insn = &node->block->insns[j];
            bool is_static = insn->op == IR_exit_if || insn->op == IR_exit_direct;
            uint64_t to = first + (insn->imm - node_pc(0)) / 0x1000;
            if (is_static && to < region->length && node->edge_count < REGION_MAX_EDGES &&
                reference_random(state) % 8)
                add_edge(region, i, (uint32_t)to, false);
        }
    }
}

static const struct ir_block *block_at(const struct ir_region *region, uint64_t pc)
{
    for (uint32_t i = region->is_dispatching; i < region->length; i++)
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

/* nodes[0] as the dispatch to some of the other nodes; the first of those is the region's pc. */
static void make_dispatch(struct ir_region *region, uint64_t *state)
{
    struct ir_builder builder;
    ir_builder_begin(&builder, &arena, region->nodes[1].block->guest_pc, 0);
    ir_emit3(&builder, IR_exit_indirect, IR_VOID, ir_const(&builder, IR_I64, 0), IR_NONE,
             IR_BRANCH_JUMP, 0);
    region->guest_pc = builder.block->guest_pc;
    region->is_dispatching = true;
    region->nodes[0].block = builder.block;
    for (uint32_t i = 1; i < region->length; i++)
        if (i == 1 || (reference_random(state) % 2 &&
                       region->nodes[0].edge_count < REGION_MAX_EDGES))
            add_edge(region, 0, i, true);
}

/* A few operations on integer registers, some of 32 bits; then on to the node `to`. */
static struct ir_block *random_piece(uint64_t node, uint64_t to, uint64_t *state)
{
    struct ir_builder builder;
    ir_builder_begin(&builder, &arena, node_pc(node), 0);
    for (uint64_t i = 1 + reference_random(state) % 3; i > 0; i--) {
        ir_ref a = ir_get_reg(&builder, IR_I64, 1 + reference_random(state) % (FUEL_REG - 1));
        ir_ref b = ir_const(&builder, IR_I64, reference_random(state) % 5);
        ir_ref sum = ir_binary(&builder, IR_add, IR_I64, a, b);
        if (reference_random(state) % 2)
            sum = ir_unary(&builder, IR_sext, IR_I64,
                           ir_unary(&builder, IR_trunc, IR_I32, sum));
        ir_set_reg(&builder, 1 + reference_random(state) % (FUEL_REG - 1), sum);
    }
    ir_emit3(&builder, IR_exit_direct, IR_VOID, IR_NONE, IR_NONE, IR_BRANCH_JUMP, node_pc(to));
    builder.block->guest_size_bytes = 8;
    builder.block->guest_length = 2;
    return builder.block;
}

/* Makes the block end with a branch to the node `to` that skips the node `piece`. */
static void end_with_branch(struct ir_block *block, uint64_t piece, uint64_t to, uint64_t *state)
{
    struct ir_builder builder;
    ir_builder_resume(&builder, &arena, block);
    block->length--;
    ir_ref number = ir_get_reg(&builder, IR_I64, 1 + reference_random(state) % (FUEL_REG - 1));
    ir_ref bit = ir_binary(&builder, IR_and, IR_I64, number, ir_const(&builder, IR_I64, 1));
    ir_emit3(&builder, IR_exit_if, IR_VOID, bit, IR_NONE, IR_BRANCH_JUMP, node_pc(to));
    ir_emit3(&builder, IR_exit_direct, IR_VOID, IR_NONE, IR_NONE, IR_BRANCH_JUMP, node_pc(piece));
}

/* A region of random blocks, some with a piece of code that they skip; with several entries when
 * is_dispatching. */
static struct ir_region *random_region(uint64_t seed, uint64_t *state, bool is_dispatching)
{
    uint32_t first = is_dispatching, length = 2 + seed % 7, pieces = seed % 5 ? length : 0;
    struct ir_region *region = region_new(first + length + pieces);
    for (uint32_t i = 0; i < length; i++) {
        const struct ir_block *random =
            reference_random_block(&arena, state, 5 + reference_random(state) % 20, seed % 2);
        struct ir_block *block = fuelled(random, i, length, state);
        set_block(region, first + i, block);
        if (pieces == 0)
            continue;
        uint64_t to = reference_random(state) % length;
        set_block(region, first + length + i, random_piece(length + i, to, state));
        if (reference_random(state) % 2) {
            end_with_branch(block, length + i, to, state);
            region->nodes[first + i].skipped = first + length + i;
        }
    }
    add_random_edges(region, first, state);
    if (is_dispatching)
        make_dispatch(region, state);
    return region;
}

/* One of the entries. */
static const struct tb *random_entry(const struct ir_region *region, uint64_t *state)
{
    const struct region_node *dispatch = &region->nodes[0];
    uint64_t pc = region->guest_pc;
    if (region->is_dispatching)
        pc = dispatch->edges[reference_random(state) % dispatch->edge_count].pc;
    return tb_find(cache, pc, region->mode);
}

static void check_random_region(uint64_t seed, enum tb_tier level)
{
    uint64_t state = seed * 1234567 + 99;
    const struct ir_region *region = random_region(seed, &state, seed % 3 == 1);
    must_compile(region, level);
    static struct reference wanted, got;
    for (unsigned run = 0; run < RUNS; run++) {
        const struct tb *tb = random_entry(region, &state);
        reference_fill(&wanted, &state);
        wanted.reg[FUEL_REG] = 1 + reference_random(&state) % 600;
        wanted.pc = tb->pc;
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
        is_precise = seed % 5 == 2;
        check_random_region(seed, seed % 4 == 0 ? TB_TIER_3 : TB_TIER_2);
        tb_flush(cache);
        arena_reset(&arena);
    }
}
END_TEST

/* Everything on 64 bits. */
START_TEST(random_regions_do_as_the_reference_without_narrowing)
{
    teardown();
    options.is_narrowing = false;
    start(CODE_BYTES);
    for (uint64_t seed = 1000000; seed < 1000000 + RANDOM_REGIONS / 2; seed++) {
        is_precise = seed % 5 == 2;
        check_random_block(seed, TB_TIER_2);
        check_random_region(seed, seed % 4 == 0 ? TB_TIER_3 : TB_TIER_2);
        tb_flush(cache);
        arena_reset(&arena);
    }
}
END_TEST

/* A counter that is written by addiw and compared with a loaded word: the entry must check that x10 is
 * narrow, which is a comparison with 2^32. */
static bool is_counter_guarded(void)
{
    struct ir_region *region = region_new(1);
    set_block(region, 0, parse("block 0x7000, 16 bytes, 4 insns, mode 0\n"
                               "  v0 = get_reg.i64 x10\n"
                               "  v1 = trunc.i32 v0\n"
                               "  v2 = const.i32 0x1\n"
                               "  v3 = add.i32 v1, v2\n"
                               "  v4 = sext.i64 v3\n"
                               "  set_reg v4, x10\n"
                               "  v6 = get_reg.i64 x11\n"
                               "  v7 = load.i64 v6, s32@4, 0\n"
                               "  v8 = ne.i64 v4, v7\n"
                               "  exit_if v8, jump, 0x7000\n"
                               "  exit_trap ebreak, 0x7010\n"));
    add_edge(region, 0, 0, false);
    const struct tb *tb;
    char *text = must_compile_to_text(region, TB_TIER_2, &tb);
    bool is_guarded = strstr(text, ", 4294967296") != NULL;
    free(text);
    return is_guarded;
}

START_TEST(narrowing_keeps_a_counter_narrow)
{
    ck_assert(is_counter_guarded());
    teardown();
    options.is_narrowing = false;
    start(CODE_BYTES);
    ck_assert(!is_counter_guarded());
}
END_TEST

/* ---- loops over arrays of doubles ---- */

enum { ARRAY_A = 0x400, ARRAY_B = 0x1800, ELEMENTS_MAX = 320 };

/* How b[i] - (something of a[i]) is computed; the constant is in v4 or in f0. */
static const struct array_loop {
    const char *v4;  /* %s: the constant */
    const char *v5;  /* of v1 = a[i], v3 = b[i], v4 */
    const char *set; /* a register that has its value still in the next iteration */
} array_loops[] = {
    {"get_reg.f64 f0", "fadd.f64 v4, v1, host", "set_reg v5, f1"},
    {"get_reg.f64 f0", "fsub.f64 v4, v1, host", "set_reg v5, f1"},
    {"get_reg.f64 f0", "fmul.f64 v1, v4, host", "set_reg v5, f1"},
    {"get_reg.f64 f0", "fdiv.f64 v4, v1, host", "set_reg v5, f1"},
    {"get_reg.f64 f0", "fmadd.f64 v4, v1, v3, host", "set_reg v5, f1"},
    {"get_reg.f64 f0", "fmadd.f64 v1, v4, v3, host", "set_reg v5, f1"},
    {"get_reg.f64 f0", "fmadd.f64 v1, v3, v4, host", "set_reg v5, f1"},
    {"const.f64 0x%lx", "fmul.f64 v4, v1, host", "set_reg v5, f1"},
    {"const.f64 0x%lx", "fsub.f64 v1, v4, host", "set_reg v5, f1"},
    {"const.f64 0x%lx", "fmadd.f64 v1, v4, v1, host", "set_reg v5, f1"},
    {"get_reg.f64 f3", "fadd.f64 v1, v4, host", "set_reg v1, f3"},
};

/* Node 0 sets f0; node 1: the loop, until x12 reaches x13 or x14 counts down to 0. */
static struct ir_region *array_region(const struct array_loop *loop, uint64_t constant)
{
    char text[1200], v4[64];
    struct ir_region *region = region_new(2);
    snprintf(text, sizeof text,
             "block 0x6000, 4 bytes, 1 insns, mode 0\n"
             "  v0 = const.f64 0x%lx\n"
             "  set_reg v0, f0\n"
             "  exit_direct jump, 0x6004\n", constant);
    set_block(region, 0, parse(text));
    if (strncmp(loop->v4, "const", 5) == 0)
        snprintf(v4, sizeof v4, "const.f64 0x%lx", constant);
    else
        snprintf(v4, sizeof v4, "%s", loop->v4);
    snprintf(text, sizeof text,
             "block 0x6004, 32 bytes, 8 insns, mode 0\n"
             "  v0 = get_reg.i64 x11\n"
             "  v1 = load.f64 v0, u64@0, 0\n"
             "  v2 = get_reg.i64 x12\n"
             "  v3 = load.f64 v2, u64@4, 0\n"
             "  v4 = %s\n"
             "  v5 = %s\n"
             "  %s\n"
             "  v7 = fsub.f64 v3, v5, host\n"
             "  set_reg v7, f2\n"
             "  store v2, v7, u64@8, 0\n"
             "  v10 = const.i64 0x8\n"
             "  v11 = add.i64 v0, v10\n"
             "  set_reg v11, x11\n"
             "  v13 = add.i64 v2, v10\n"
             "  set_reg v13, x12\n"
             "  v15 = get_reg.i64 x14\n"
             "  v16 = const.i64 0xffffffffffffffff\n"
             "  v17 = add.i64 v15, v16\n"
             "  set_reg v17, x14\n"
             "  v19 = const.i64 0x0\n"
             "  v20 = eq.i64 v17, v19\n"
             "  exit_trap_if v20, ecall, 0x6010\n"
             "  v22 = get_reg.i64 x13\n"
             "  v23 = ne.i64 v13, v22\n"
             "  exit_if v23, jump, 0x6004\n"
             "  exit_trap ebreak, 0x6020\n", v4, loop->v5, loop->set);
    set_block(region, 1, parse(text));
    add_edge(region, 0, 1, false);
    add_edge(region, 1, 1, false);
    return region;
}

/* Elements that raise no flag, and up to two that may. */
static void fill_tame(struct reference *guest, uint64_t *state)
{
    static const double corners[] = {0.0, -0.0, HUGE_VAL, -HUGE_VAL, NAN, -NAN, 5e-324, 1e308};
    for (unsigned i = 0; i < 2 * ELEMENTS_MAX; i++) {
        double value = (double)(1 + reference_random(state) % 8);
        unsigned place = i < ELEMENTS_MAX ? ARRAY_A + 8 * i : ARRAY_B + 8 * (i - ELEMENTS_MAX);
        memcpy(guest->memory + place, &value, sizeof value);
    }
    for (unsigned i = 0; i < reference_random(state) % 3; i++) {
        uint64_t element = reference_random(state) >> 20;
        for (unsigned array = 0; array < 2; array++) {
            double value = corners[element >> (8 + 4 * array) & 7];
            unsigned place = (array ? ARRAY_B : ARRAY_A) + 8 * (element & 0xff);
            memcpy(guest->memory + place, &value, sizeof value);
        }
    }
}

static void start_arrays(struct reference *guest, uint64_t *state)
{
    uint64_t count = 1 + reference_random(state) % (ELEMENTS_MAX - 1);
    bool is_missed = reference_random(state) % 8 == 0; /* x12 goes past x13 */
    reference_fill(guest, state);
    if (reference_random(state) % 4 != 0)
        fill_tame(guest, state);
    guest->pc = 0x6000;
    guest->reg[11] = ARRAY_A;
    guest->reg[12] = ARRAY_B;
    guest->reg[13] = ARRAY_B + 8 * count + (is_missed ? 4 : 0);
    guest->reg[14] = is_missed ? count : ELEMENTS_MAX;
}

static void check_array_loop(const struct array_loop *loop, uint64_t constant, uint64_t *state)
{
    static struct reference wanted, got;
    const struct ir_region *region = array_region(loop, constant);
    const struct tb *tb;
    char *text = must_compile_to_text(region, TB_TIER_3, &tb);
    ck_assert_msg(strstr(text, "x double>") != NULL, "no vectors with %s", loop->v5);
    free(text);
    for (unsigned run = 0; run < RUNS; run++) {
        start_arrays(&wanted, state);
        load_guest(&wanted);
        run_reference(&wanted, region);
        enter(tb);
        store_guest(&got);
        run_reference(&got, region);
        check_guest(&got, &wanted, loop->v5, constant);
    }
    tb_flush(cache);
}

START_TEST(array_loops_are_exact_and_vectorised)
{
    static const uint64_t constants[] = {
        0, UINT64_C(1) << 63, UINT64_C(0x3ff0000000000000), UINT64_C(0xbff0000000000000),
        UINT64_C(0x4000000000000000), UINT64_C(0x7ff0000000000000), UINT64_C(0x7ff0000000000001),
    };
    uint64_t state = 4711;
    for (unsigned i = 0; i < ARRAY_LENGTH(array_loops) * ARRAY_LENGTH(constants); i++) {
        is_flagless = i % 5 == 4;
        check_array_loop(&array_loops[i % ARRAY_LENGTH(array_loops)],
                         constants[i / ARRAY_LENGTH(array_loops)], &state);
    }
}
END_TEST

/* The loop would like f1 to be no NaN; to find that out it must not touch a signalling one. */
START_TEST(an_entry_guard_raises_no_flags)
{
    struct ir_region *region = region_new(1);
    set_block(region, 0, parse("block 0x6000, 8 bytes, 2 insns, mode 0\n"
                               "  v0 = get_reg.i64 x10\n"
                               "  exit_if v0, jump, 0x7000\n"
                               "  v2 = get_reg.f64 f1\n"
                               "  v3 = get_reg.f64 f2\n"
                               "  v4 = fadd.f64 v2, v3, host\n"
                               "  set_reg v4, f1\n"
                               "  exit_direct jump, 0x6000\n"));
    add_edge(region, 0, 0, false);
    const struct tb *tb = must_compile(region, TB_TIER_2);
    vcpu->reg[10] = 1;
    vcpu->reg[IR_FIRST_FP_REG + 1] = UINT64_C(0x7ff0000000000001);
    vcpu->mxcsr = FP_MXCSR_DEFAULT;
    enter(tb);
    ck_assert_uint_eq(exit_pc(), 0x7000);
    ck_assert_uint_eq(vcpu->mxcsr & 0x3f, 0);
    ck_assert_uint_eq(vcpu->reg[IR_FIRST_FP_REG + 1], UINT64_C(0x7ff0000000000001));
}
END_TEST

/* A region that keeps no flags does not run a block that uses them: it leaves for it. */
START_TEST(flagless_regions_leave_flag_users_alone)
{
    struct ir_region *region = region_new(2);
    set_block(region, 0, parse("block 0x6000, 4 bytes, 1 insns, mode 0\n"
                               "  v0 = get_reg.f64 f1\n"
                               "  v1 = fmul.f64 v0, v0, host\n"
                               "  set_reg v1, f2\n"
                               "  exit_direct jump, 0x6004\n"));
    set_block(region, 1, parse("block 0x6004, 4 bytes, 1 insns, mode 0\n"
                               "  v0 = get_fflags.i64\n"
                               "  set_reg v0, x10\n"
                               "  exit_direct jump, 0x6000\n"));
    add_edge(region, 0, 1, false);
    add_edge(region, 1, 0, false);
    is_flagless = true;
    const struct tb *tb = must_compile(region, TB_TIER_2);
    double three = 3;
    memcpy(&vcpu->reg[IR_FIRST_FP_REG + 1], &three, sizeof three);
    vcpu->reg[10] = 77;
    enter(tb);
    double nine;
    memcpy(&nine, &vcpu->reg[IR_FIRST_FP_REG + 2], sizeof nine);
    ck_assert(nine == 9);
    ck_assert_uint_eq(vcpu->reg[10], 77);
    ck_assert_uint_eq(exit_pc(), 0x6004);
}
END_TEST

static void fill_doublewords(void)
{
    for (uint64_t i = 0; i < REFERENCE_MEMORY_BYTES / 8; i++) {
        uint64_t value = i * i;
        memcpy(guest_memory + 8 * i, &value, sizeof value);
    }
}

/* x20 is written twice, with a load between, and nothing leaves between: it is stored once, as x21 is, and
 * the pc where the entry polls. */
START_TEST(registers_stay_dirty_along_straight_code)
{
    struct ir_region *region = region_new(2);
    set_block(region, 0, parse("block 0x6000, 4 bytes, 1 insns, mode 0\n"
                               "  v0 = get_reg.i64 x20\n"
                               "  v1 = mul.i64 v0, v0\n"
                               "  set_reg v1, x20\n"
                               "  exit_direct jump, 0x6004\n"));
    set_block(region, 1, parse("block 0x6004, 8 bytes, 2 insns, mode 0\n"
                               "  v0 = get_reg.i64 x12\n"
                               "  v1 = load.i64 v0, u64@0, 0\n"
                               "  set_reg v1, x21\n"
                               "  v3 = get_reg.i64 x20\n"
                               "  v4 = mul.i64 v3, v3\n"
                               "  set_reg v4, x20\n"
                               "  exit_direct jump, 0x600c\n"));
    add_edge(region, 0, 1, false);
    const struct tb *tb;
    char *text = must_compile_to_text(region, TB_TIER_2, &tb);
    size_t stores = 0;
    for (const char *at = text; (at = strstr(at, "store i64")); at++)
        stores++;
    ck_assert_msg(stores == 3, "%zu stores in\n%s", stores, text);
    free(text);
    fill_doublewords();
    vcpu->reg[20] = 3;
    vcpu->reg[12] = 8 * 5;
    enter(tb);
    ck_assert_uint_eq(vcpu->reg[20], 81);
    ck_assert_uint_eq(vcpu->reg[21], 25);
    ck_assert_uint_eq(exit_pc(), 0x600c);
}
END_TEST

/* ---- ways in and out ---- */

/* x10 = sum of the x12 doublewords at x11; the loop is the region's entry. */
static const char sum_loop[] =
    "block 0x2000, 16 bytes, 4 insns, mode 0\n"
    "  v0 = get_reg.i64 x11\n"
    "  v1 = load.i64 v0, u64@0, 0\n"
    "  v2 = get_reg.i64 x10\n"
    "  v3 = add.i64 v2, v1\n"
    "  set_reg v3, x10\n"
    "  v5 = const.i64 0x8\n"
    "  v6 = add.i64 v0, v5\n"
    "  set_reg v6, x11\n"
    "  v8 = get_reg.i64 x12\n"
    "  v9 = const.i64 0xffffffffffffffff\n"
    "  v10 = add.i64 v8, v9\n"
    "  set_reg v10, x12\n"
    "  v12 = const.i64 0x0\n"
    "  v13 = ne.i64 v10, v12\n"
    "  exit_if v13, jump, 0x2000\n"
    "  exit_direct jump, 0x2010\n";

static struct ir_region *sum_region(void)
{
    struct ir_region *region = region_new(1);
    set_block(region, 0, parse(sum_loop));
    add_edge(region, 0, 0, false);
    return region;
}

static uint64_t sum_of_squares(uint64_t count)
{
    uint64_t sum = 0;
    for (uint64_t i = 0; i < count; i++)
        sum += i * i;
    return sum;
}

static void start_sum(uint64_t count)
{
    fill_doublewords();
    vcpu->reg[10] = 0;
    vcpu->reg[11] = 0;
    vcpu->reg[12] = count;
}

START_TEST(a_loop_runs_to_its_exit_slot)
{
    enum tb_tier levels[] = {TB_TIER_2, TB_TIER_3};
    for (unsigned i = 0; i < ARRAY_LENGTH(levels); i++) {
        const struct tb *tb = must_compile(sum_region(), levels[i]);
        for (uint64_t count = 1; count < 2000; count = count * 3 + 1) {
            start_sum(count);
            enter(tb);
            ck_assert_uint_eq(vcpu->exit_reason, VCPU_EXIT_TB);
            ck_assert_uint_eq(vcpu->exit_tb->pc, 0x2010);
            ck_assert_uint_eq(vcpu->reg[10], sum_of_squares(count));
            ck_assert_uint_eq(vcpu->reg[11], 8 * count);
            ck_assert_uint_eq(vcpu->reg[12], 0);
        }
    }
}
END_TEST

START_TEST(a_full_loop_is_vectorised)
{
    const struct tb *tb;
    char *text = must_compile_to_text(sum_region(), TB_TIER_3, &tb);
    ck_assert(strstr(text, "x i64>") != NULL);
    free(text);
}
END_TEST

/* Then the base is no operand any more, nor does LLVM need to be told of it to have vectors. */
START_TEST(memory_at_its_own_addresses_has_no_base)
{
    options.is_identity = true;
    restart_tier();
    vcpu_init(vcpu, NULL);
    const struct tb *tb;
    char *text = must_compile_to_text(sum_region(), TB_TIER_3, &tb);
    ck_assert(strstr(text, "x i64>") != NULL);
    ck_assert(strstr(text, "getelementptr i8, ptr null, i64 %") != NULL);
    ck_assert_msg(strstr(text, " asm \"\"") == NULL, "%s", text);
    free(text);
    for (uint64_t count = 1; count < 2000; count = count * 3 + 1) {
        start_sum(count);
        vcpu->reg[11] = (uintptr_t)guest_memory;
        enter(tb);
        ck_assert_uint_eq(vcpu->reg[10], sum_of_squares(count));
        ck_assert_uint_eq(vcpu->reg[11], (uintptr_t)guest_memory + 8 * count);
    }
}
END_TEST

START_TEST(code_begins_with_an_entry_slot)
{
    static const uint8_t slot[] = {0x0f, 0x1f, 0x44, 0x00, 0x00};
    const struct tb *tb = must_compile(sum_region(), TB_TIER_2);
    const uint8_t *code = tb->entry;
    ck_assert_uint_eq((uintptr_t)code & 7, 0);
    ck_assert_mem_eq(code, slot, sizeof slot);
    ck_assert_ptr_eq(tb_code_at(cache, code + 8), tb_code_of(tb, TB_TIER_2));
}
END_TEST

START_TEST(exit_slots_follow_their_tb)
{
    const struct tb *loop = must_compile(sum_region(), TB_TIER_2);
    struct ir_region *next = region_new(1);
    set_block(next, 0, parse("block 0x2010, 4 bytes, 1 insns, mode 0\n"
                             "  v0 = const.i64 0x2a\n"
                             "  set_reg v0, x20\n"
                             "  exit_trap ebreak, 0x2010\n"));
    must_compile(next, TB_TIER_2);
    start_sum(3);
    enter(loop);
    ck_assert_uint_eq(vcpu->exit_reason, VCPU_EXIT_TRAP);
    ck_assert_uint_eq(vcpu->exit_trap, IR_TRAP_EBREAK);
    ck_assert_uint_eq(vcpu->pc, 0x2010);
    ck_assert_uint_eq(vcpu->reg[20], 0x2a);
    ck_assert_uint_eq(vcpu->reg[10], 5);
    tb_drop_range(cache, 0x2010, 4);
}
END_TEST

static void *set_pending_later(void *unused)
{
    (void)unused;
    usleep(20000);
    vcpu->pending = VCPU_PENDING_KICK;
    return NULL;
}

START_TEST(a_loop_polls)
{
    static const char endless[] = "block 0x2000, 4 bytes, 1 insns, mode 0\n"
                                  "  v0 = get_reg.i64 x12\n"
                                  "  v1 = const.i64 0x1\n"
                                  "  v2 = add.i64 v0, v1\n"
                                  "  set_reg v2, x12\n"
                                  "  exit_direct jump, 0x2000\n";
    enum tb_tier levels[] = {TB_TIER_2, TB_TIER_3};
    for (unsigned i = 0; i < ARRAY_LENGTH(levels); i++) {
        struct ir_region *region = region_new(1);
        set_block(region, 0, parse(endless));
        add_edge(region, 0, 0, false);
        const struct tb *tb = must_compile(region, levels[i]);
        pthread_t thread;
        pthread_create(&thread, NULL, set_pending_later, NULL);
        vcpu->reg[12] = 0;
        enter(tb);
        pthread_join(thread, NULL);
        ck_assert_uint_eq(vcpu->exit_reason, VCPU_EXIT_PC);
        ck_assert_uint_eq(vcpu->pc, 0x2000);
        ck_assert_uint_gt(vcpu->reg[12], 256);
        vcpu->pending = 0;
    }
}
END_TEST

START_TEST(an_entry_polls)
{
    const struct tb *tb = must_compile(sum_region(), TB_TIER_3);
    start_sum(5);
    vcpu->pending = VCPU_PENDING_SIGNAL;
    enter(tb);
    ck_assert_uint_eq(vcpu->exit_reason, VCPU_EXIT_PC);
    ck_assert_uint_eq(vcpu->pc, 0x2000);
    ck_assert_uint_eq(vcpu->reg[12], 5);
}
END_TEST

START_TEST(heat_runs_out_at_entries_and_polls)
{
    options.is_counting_heat = true;
    restart_tier();
    struct tb *tb = must_compile(sum_region(), TB_TIER_2); /* heat 100 */
    start_sum(2000);
    enter(tb);
    ck_assert_uint_eq(vcpu->exit_reason, VCPU_EXIT_PROMOTE_PC);
    ck_assert_ptr_eq(vcpu->exit_tb, tb);
    ck_assert_uint_eq(vcpu->pc, 0x2000);
    uint64_t done = 2000 - vcpu->reg[12];
    ck_assert_uint_ge(done, 90);
    ck_assert_uint_le(done, 110);
    ck_assert_uint_eq(vcpu->reg[10], sum_of_squares(done));
    must_compile(sum_region(), TB_TIER_3);
    enter(tb);
    ck_assert_uint_eq(vcpu->exit_reason, VCPU_EXIT_TB);
    ck_assert_uint_eq(vcpu->reg[10], sum_of_squares(2000));
}
END_TEST

/* x10 = pc to go to. */
static const char jump_block[] = "block 0x3000, 4 bytes, 1 insns, mode 0\n"
                                 "  v0 = get_reg.i64 x10\n"
                                 "  v1 = const.i64 0x7\n"
                                 "  set_reg v1, x21\n"
                                 "  exit_indirect v0, return\n";

START_TEST(indirect_exits_use_the_jump_cache)
{
    struct ir_region *region = region_new(1);
    set_block(region, 0, parse(jump_block));
    const struct tb *tb = must_compile(region, TB_TIER_2);
    const struct tb *loop = must_compile(sum_region(), TB_TIER_2);
    vcpu->reg[10] = 0x2000;
    enter(tb);
    ck_assert_uint_eq(vcpu->exit_reason, VCPU_EXIT_INDIRECT);
    ck_assert_ptr_null(vcpu->exit_tb);
    ck_assert_uint_eq(vcpu->pc, 0x2000);
    ck_assert_uint_eq(vcpu->reg[21], 7);
    vcpu->jump_cache[jump_cache_slot(0x2000)] =
        (struct jump_cache_entry){.pc = 0x2000, .entry = loop->entry};
    vcpu->reg[11] = 0;
    vcpu->reg[12] = 1;
    enter(tb);
    ck_assert_uint_eq(vcpu->exit_reason, VCPU_EXIT_TB);
    ck_assert_uint_eq(vcpu->exit_tb->pc, 0x2010);
}
END_TEST

START_TEST(guesses_stay_inside)
{
    struct ir_region *region = region_new(2);
    set_block(region, 0, parse(jump_block));
    set_block(region, 1, parse("block 0x3100, 4 bytes, 1 insns, mode 0\n"
                               "  exit_trap ecall, 0x3100\n"));
    add_edge(region, 0, 1, true);
    const struct tb *tb = must_compile(region, TB_TIER_2);
    vcpu->reg[10] = 0x3100;
    enter(tb);
    ck_assert_uint_eq(vcpu->exit_reason, VCPU_EXIT_TRAP);
    ck_assert_uint_eq(vcpu->exit_trap, IR_TRAP_ECALL);
    vcpu->reg[10] = 0x3200;
    enter(tb);
    ck_assert_uint_eq(vcpu->exit_reason, VCPU_EXIT_INDIRECT);
    ck_assert_uint_eq(vcpu->pc, 0x3200);
}
END_TEST

START_TEST(counters_count)
{
    options.is_counting_stats = true;
    restart_tier();
    const struct tb *tb = must_compile(sum_region(), TB_TIER_3);
    start_sum(1000);
    enter(tb);
    ck_assert_uint_eq(vcpu->counter[COUNTER_INSNS_TIER3], 4000);
    ck_assert_uint_eq(vcpu->counter[COUNTER_BLOCKS_TIER3], 1);
}
END_TEST

/* ---- failures ---- */

START_TEST(an_overtaken_compile_is_stale)
{
    struct ir_region *region = sum_region();
    struct tb *tb = tb_reference(cache, region->guest_pc, 0);
    struct tier_job job = {
        .cache = cache,
        .tb = tb,
        .region = region,
        .level = TB_TIER_2,
        .generation = cache->generation,
    };
    struct error err;
    const struct ir_block *last = region->nodes[region->length - 1].block;
    tb_note_drop(cache, last->guest_pc, 1);
    ck_assert_int_eq(tier->compile(tier, &job, &err), STATUS_STALE);
    ck_assert_int_eq(tb->tier, TB_TIER_NONE);
    job.generation = cache->generation;
    tb_note_drop(cache, last->guest_pc + 0x10000, 4096);
    ck_assert_int_eq(tier->compile(tier, &job, &err), STATUS_OK);
    ck_assert_int_eq(tb->tier, TB_TIER_2);
}
END_TEST

START_TEST(full_code_memory_is_reported)
{
    teardown();
    start(CODE_MEMORY_MINIMUM);
    struct error err;
    enum status status = STATUS_OK;
    unsigned compiled = 0;
    while (status == STATUS_OK && compiled < 1000) {
        status = compile(sum_region(), TB_TIER_2, &err);
        compiled++;
    }
    ck_assert_int_eq(status, STATUS_CODE_FULL);
    tb_flush(cache);
    const struct tb *tb = must_compile(sum_region(), TB_TIER_2);
    start_sum(3);
    enter(tb);
    ck_assert_uint_eq(vcpu->reg[10], sum_of_squares(3));
}
END_TEST

/* The address of the first instruction whose guest pc is wanted; NULL when there is none. */
static const uint8_t *find_fault_pc(const struct tb_code *code, uint64_t wanted)
{
    for (uint32_t i = 0; i < code->size_bytes; i++) {
        uint64_t pc;
        if (code->fault_pc(code, code->start + i, &pc) && pc == wanted)
            return code->start + i;
    }
    return NULL;
}

START_TEST(fault_addresses_have_guest_pcs)
{
    struct ir_region *region = region_new(1);
    set_block(region, 0, parse("block 0x4000, 12 bytes, 3 insns, mode 0\n"
                               "  v0 = get_reg.i64 x10\n"
                               "  v1 = load.i64 v0, u64@0, 0\n"
                               "  set_reg v1, x11\n"
                               "  v3 = get_reg.i64 x12\n"
                               "  v4 = load.i64 v3, s32@4, 0\n"
                               "  set_reg v4, x13\n"
                               "  v6 = get_reg.i64 x14\n"
                               "  store v6, v4, u8@8, 5\n"
                               "  exit_trap ecall, 0x400c\n"));
    const struct tb *tb = must_compile(region, TB_TIER_2);
    const struct tb_code *code = tb_code_of(tb, TB_TIER_2);
    const uint8_t *first = find_fault_pc(code, 0x4000);
    const uint8_t *second = find_fault_pc(code, 0x4004);
    const uint8_t *third = find_fault_pc(code, 0x4008);
    ck_assert(first && second && third);
    ck_assert(first < second && second < third);
}
END_TEST

/* What the engine's handler does for a precise region. */
static void go_to_landing(int signal, siginfo_t *info, void *context_pointer)
{
    (void)signal, (void)info;
    greg_t *registers = ((ucontext_t *)context_pointer)->uc_mcontext.gregs;
    const void *host_pc = (const void *)(uintptr_t)registers[REG_RIP];
    const struct tb_code *code = tb_code_at(cache, host_pc);
    const void *landing = code ? code->fault_landing(code, host_pc) : NULL;
    if (!landing)
        _exit(77);
    registers[REG_RIP] = (greg_t)(uintptr_t)landing;
}

/* Accesses memory at x10, x11, x12, x13 (an atomic one) with register writes between. */
static const char faulting_block[] =
    "block 0x5000, 32 bytes, 8 insns, mode 0\n"
    "  v0 = get_reg.i64 x10\n"
    "  v1 = load.i64 v0, u32@0, 8\n"
    "  set_reg v1, x20\n"
    "  v3 = get_reg.i64 x11\n"
    "  v4 = load.f64 v3, u64@4, 0\n"
    "  set_reg v4, f1\n"
    "  v6 = get_reg.f64 f2\n"
    "  v7 = fadd.f64 v6, v6, host\n"
    "  set_reg v7, f3\n"
    "  v9 = get_reg.i64 x12\n"
    "  store v9, v1, u16@8, -4\n"
    "  v11 = const.i64 0x5\n"
    "  set_reg v11, x15\n"
    "  v13 = get_reg.i64 x13\n"
    "  v14 = amo.i64 v13, v11, s64@12, add\n"
    "  set_reg v14, x21\n"
    "  exit_trap ecall, 0x5010\n";

/* Sets all registers so that the access number `bad` (0-3) faults; 4: none. */
static void start_faulting(const uint8_t *nowhere, unsigned bad)
{
    uint64_t outside = (uint64_t)(nowhere - guest_memory);
    for (unsigned i = 0; i < IR_GUEST_REGS; i++)
        vcpu->reg[i] = i * 1000;
    for (unsigned i = 0; i < 4; i++)
        vcpu->reg[10 + i] = i == bad ? outside : 64;
    uint64_t nan = UINT64_C(0xfff0000000000001);
    vcpu->reg[IR_FIRST_FP_REG + 2] = nan;
}

START_TEST(faults_in_precise_regions_have_exact_state)
{
    struct sigaction action = {.sa_sigaction = go_to_landing, .sa_flags = SA_SIGINFO}, old;
    sigaction(SIGSEGV, &action, &old);
    uint8_t *nowhere = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    is_precise = true;
    struct ir_region *region = region_new(1);
    set_block(region, 0, parse(faulting_block));
    const struct tb *tb = must_compile(region, TB_TIER_3);
    for (unsigned bad = 0; bad <= 4; bad++) {
        fill_doublewords();
        start_faulting(nowhere + 16, bad);
        enter(tb);
        ck_assert_uint_eq(vcpu->exit_reason, bad < 4 ? VCPU_EXIT_FAULT : VCPU_EXIT_TRAP);
        ck_assert_uint_eq(vcpu->pc, 0x5000 + 4 * bad);
        ck_assert_uint_eq(vcpu->reg[20], bad > 0 ? 81 : 20000);
        ck_assert_uint_eq(vcpu->reg[33], bad > 1 ? 64 : 33000);
        ck_assert_uint_eq(vcpu->reg[35], bad > 1 ? FP_CANONICAL_F64 : 35000);
        ck_assert_uint_eq(vcpu->reg[15], bad > 2 ? 5 : 15000);
        ck_assert_uint_eq(vcpu->reg[21], bad > 3 ? 64 : 21000);
    }
    munmap(nowhere, 4096);
    sigaction(SIGSEGV, &old, NULL);
}
END_TEST

/* ---- LLVM's verifier, which debug builds run on each module ---- */

START_TEST(a_malformed_module_is_rejected)
{
    struct codegen codegen;
    struct error err = {0};
    ck_assert_int_eq(codegen_init(&codegen, &err), STATUS_OK);
    LLVMContextRef context = codegen_new_context(&err);
    LLVMModuleRef module = codegen_new_module(&codegen, context);
    LLVMTypeRef type = LLVMFunctionType(LLVMVoidTypeInContext(context), NULL, 0, 0);
    LLVMValueRef function = LLVMAddFunction(module, "no_end", type);
    LLVMAppendBasicBlockInContext(context, function, ""); /* without a terminator */
    const struct codegen_request request = {
        .function = function, .level = TB_TIER_2, .is_verifying = true, .dump = &dump};
    LLVMMemoryBufferRef object;
    bool is_lost = false;
    ck_assert_int_eq(codegen_compile(&codegen, module, &request, &err, &object, &is_lost),
                     STATUS_REJECTED);
    ck_assert_msg(strstr(err.text, "LLVM verifier") != NULL, "%s", err.text);
    ck_assert(!is_lost);
    LLVMDisposeModule(module);
    LLVMContextDispose(context);
    codegen_fini(&codegen);
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
    tcase_add_test(tests, random_regions_do_as_the_reference_without_narrowing);
    tcase_add_test(tests, narrowing_keeps_a_counter_narrow);
    tcase_add_test(tests, array_loops_are_exact_and_vectorised);
    tcase_add_test(tests, an_entry_guard_raises_no_flags);
    tcase_add_test(tests, flagless_regions_leave_flag_users_alone);
    tcase_add_test(tests, registers_stay_dirty_along_straight_code);
    tcase_add_test(tests, a_loop_runs_to_its_exit_slot);
    tcase_add_test(tests, a_full_loop_is_vectorised);
    tcase_add_test(tests, memory_at_its_own_addresses_has_no_base);
    tcase_add_test(tests, code_begins_with_an_entry_slot);
    tcase_add_test(tests, exit_slots_follow_their_tb);
    tcase_add_test(tests, a_loop_polls);
    tcase_add_test(tests, an_entry_polls);
    tcase_add_test(tests, heat_runs_out_at_entries_and_polls);
    tcase_add_test(tests, indirect_exits_use_the_jump_cache);
    tcase_add_test(tests, guesses_stay_inside);
    tcase_add_test(tests, counters_count);
    tcase_add_test(tests, an_overtaken_compile_is_stale);
    tcase_add_test(tests, full_code_memory_is_reported);
    tcase_add_test(tests, fault_addresses_have_guest_pcs);
    tcase_add_test(tests, faults_in_precise_regions_have_exact_state);
    tcase_add_test(tests, a_malformed_module_is_rejected);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
