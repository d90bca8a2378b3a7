/* Unit tests of tier 1: random blocks against the reference interpreter (with and without each host
 * feature, pinning, the optimiser), exact registers at every memory access, and chaining, polls,
 * heat, caches and traps in code that runs from block to block. */
#include "src/opt/opt.h"
#include "src/base/bits.h"
#include "src/ir/fp.h"
#include "tests/unit/ir_reference.h"
#include "tier1/emit.h"
#include "tier1/tier1.h"

#include <check.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

enum { CODE_BYTES = 1 << 20, MXCSR_READ = 0xffff & ~2 };

static struct tb_cache *cache;
static struct vcpu *vcpu;
static struct arena arena;
static struct tier *tier;
static struct tier_options options;

static void make_cache(bool is_chaining)
{
    struct tb_cache_config config = {.code_limit_bytes = CODE_BYTES, .is_chaining = is_chaining};
    ck_assert_int_eq(tb_cache_create(&config, &cache, NULL), STATUS_OK);
}

static void setup(void)
{
    make_cache(true);
    vcpu = aligned_alloc(64, (sizeof *vcpu + 63) & ~(size_t)63);
    memset(vcpu, 0, sizeof *vcpu);
    vcpu_init(vcpu, NULL);
    arena_init(&arena);
    options = (struct tier_options){.is_pinning = true,
                                    .is_pinning_float = true,
                                    .is_caching_registers = true,
                                    .is_folding = true,
                                    .is_hinting = true,
                                    .is_caching_inline = true,
                                    .is_caching_jumps = true};
    tier = tier1_create(cache, &options);
}

static void teardown(void)
{
    tier->destroy(tier);
    tb_cache_destroy(&cache);
    arena_fini(&arena);
    free(vcpu);
}

static void use_tier(unsigned features)
{
    tier->destroy(tier);
    tier = tier1_create_with_features(cache, &options, features);
}

static uint8_t *outcomes; /* where blocks note what their last branch does; or NULL */

static enum status compile(const struct ir_block *block, FILE *dump)
{
    struct error err;
    struct tier_job job = {.cache = cache,
                           .tb = tb_reference(cache, block->guest_pc, block->mode),
                           .block = block,
                           .level = TB_TIER_1,
                           .is_counted = options.is_counting_heat,
                           .outcomes = outcomes,
                           .dump.x64 = dump};
    enum status status = tier->compile(tier, &job, &err);
    if (status != STATUS_OK && status != STATUS_CODE_FULL)
        ck_abort_msg("%s", err.text);
    return status;
}

static struct tb *compiled(const struct ir_block *block)
{
    if (compile(block, NULL) == STATUS_CODE_FULL) {
        tb_flush(cache);
        ck_assert_int_eq(compile(block, NULL), STATUS_OK);
    }
    return tb_find(cache, block->guest_pc, block->mode);
}

/* ---- one block against the reference ---- */

static void load_vcpu(const struct reference *guest, uint8_t *memory)
{
    memcpy(vcpu->reg, guest->reg, sizeof vcpu->reg);
    vcpu->mxcsr = guest->mxcsr;
    vcpu->frm = guest->frm;
    vcpu->reservation_address = guest->reservation_address;
    vcpu->reservation_value = guest->reservation_value;
    vcpu->memory_base = memory;
    vcpu->pc = 0;
    vcpu->exit_tb = NULL;
}

static uint64_t pc_after_exit(void)
{
    switch ((enum vcpu_exit)vcpu->exit_reason) {
    case VCPU_EXIT_TB:
    case VCPU_EXIT_PROMOTE:
        return vcpu->exit_tb->pc;
    case VCPU_EXIT_PC:
    case VCPU_EXIT_INDIRECT:
    case VCPU_EXIT_TRAP:
    case VCPU_EXIT_FAULT:
    case VCPU_EXIT_PROMOTE_PC:
    case VCPU_EXIT_UNGUARD:
        return vcpu->pc;
    }
    return 0;
}

/* The first difference as a sentence, or NULL. */
static const char *difference(const struct reference *expected, const uint8_t *memory)
{
    static char text[200];
    for (unsigned i = 0; i < IR_GUEST_REGS; i++) {
        if (vcpu->reg[i] != expected->reg[i]) {
            snprintf(text, sizeof text, "register %u is 0x%" PRIx64 ", expected 0x%" PRIx64, i,
                     vcpu->reg[i], expected->reg[i]);
            return text;
        }
    }
    for (unsigned i = 0; i < REFERENCE_MEMORY_BYTES; i++) {
        if (memory[i] != expected->memory[i]) {
            snprintf(text, sizeof text, "memory at 0x%x is 0x%x, expected 0x%x", i, memory[i],
                     expected->memory[i]);
            return text;
        }
    }
    if ((vcpu->mxcsr & MXCSR_READ) != (expected->mxcsr & MXCSR_READ)) {
        snprintf(text, sizeof text, "MXCSR is 0x%x, expected 0x%x", vcpu->mxcsr, expected->mxcsr);
        return text;
    }
    uint16_t trap = vcpu->exit_reason == VCPU_EXIT_TRAP ? (uint16_t)vcpu->exit_trap : IR_TRAP_NONE;
    if (pc_after_exit() != expected->pc || trap != expected->trap) {
        snprintf(text, sizeof text, "left to 0x%" PRIx64 " trap %u, expected 0x%" PRIx64 " trap %u",
                 pc_after_exit(), trap, expected->pc, expected->trap);
        return text;
    }
    if (vcpu->frm != expected->frm || vcpu->reservation_address != expected->reservation_address)
        return "frm or reservation";
    return NULL;
}

static void report(const struct ir_block *block, const char *what, uint64_t seed)
{
    fprintf(stderr, "seed %" PRIu64 ": %s\n", seed, what);
    ir_print(stderr, block);
    compile(block, stderr);
    ck_abort_msg("tier 1 and the reference differ");
}

static void check_block(const struct ir_block *block, const struct reference *start, uint64_t seed)
{
    static struct reference expected;
    static _Alignas(REFERENCE_PAGE_BYTES) uint8_t memory[REFERENCE_MEMORY_BYTES];
    expected = *start;
    reference_run(&expected, block);
    memcpy(memory, start->memory, sizeof memory);
    load_vcpu(start, memory);
    uint32_t mxcsr = fp_read_mxcsr();
    tb_run(vcpu, compiled(block)->entry);
    ck_assert_uint_eq(fp_read_mxcsr() & ~0x3fu, mxcsr & ~0x3fu);
    const char *what = difference(&expected, memory);
    if (what)
        report(block, what, seed);
}

/* The generator favours few registers: deals them out anew, so that pinned ones come up as well as
 * others, and gives every access a guest pc of its own. */
static void shuffle_registers(struct ir_block *block, uint64_t *random_state)
{
    uint8_t map[IR_GUEST_REGS];
    for (unsigned i = 0; i < IR_GUEST_REGS; i++)
        map[i] = (uint8_t)i;
    for (unsigned i = 1; i < IR_GUEST_REGS; i++) {
        unsigned first = i < IR_FIRST_FP_REG ? 1 : IR_FIRST_FP_REG;
        unsigned count = i < IR_FIRST_FP_REG ? IR_FIRST_FP_REG - 1 : IR_FIRST_FP_REG;
        unsigned j = first + (unsigned)(reference_random(random_state) >> 20) % count;
        uint8_t other = map[i];
        map[i] = map[j];
        map[j] = other;
    }
    if (reference_random(random_state) >> 20 & 1) { /* all on pinned ones */
#define TAKE_PINNED(position, guest, host) map[1 + position] = guest;
#define TAKE_FLOAT(position, guest, host) map[IR_FIRST_FP_REG + position] = guest;
        TB_PINNED(TAKE_PINNED)
        TB_PINNED_FLOAT(TAKE_FLOAT)
#undef TAKE_FLOAT
#undef TAKE_PINNED
    }
    for (uint32_t i = 0; i < block->length; i++) {
        struct ir_insn *insn = &block->insns[i];
        if (insn->op == IR_get_reg || insn->op == IR_set_reg)
            insn->imm = map[insn->imm];
        if (ir_op_info[insn->op].operand[2] == 'M')
            insn->c = ir_memop(ir_memop_size_log2(insn->c), ir_memop_is_signed(insn->c), 2 * i);
    }
}

static struct ir_block *random_block(uint64_t seed, struct reference *start)
{
    uint64_t state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    arena_reset(&arena);
    unsigned length = 4 + (unsigned)(reference_random(&state) >> 30) % 120;
    bool like_guest = reference_random(&state) >> 30 & 1;
    struct ir_block *block = reference_random_block(&arena, &state, length, like_guest);
    shuffle_registers(block, &state);
    reference_fill(start, &state);
    start->reg[0] = 0;
    return block;
}

/* Optimised, but with what is dead still in it. */
static struct ir_block *left_to_tier1(const struct ir_block *block)
{
    struct ir_block *result = opt_run(&arena, block, OPT_ALL & ~(1u << OPT_dead));
    result->may_have_dead = true;
    return result;
}

static unsigned rounds = 4000;

static void check_random_blocks(unsigned first_seed)
{
    static struct reference start;
    static bool seen[IR_OP_COUNT];
    tb_cache_destroy(&cache);
    make_cache(false);
    for (unsigned i = 0; i < rounds; i++) {
        uint64_t seed = first_seed + i;
        struct ir_block *block = random_block(seed, &start);
        reference_note_ops(seen, block);
        check_block(block, &start, seed);
        check_block(opt_run(&arena, block, OPT_ALL), &start, seed);
        check_block(left_to_tier1(block), &start, seed);
    }
    const char *missing = reference_report_ops(seen, "tier 1");
    ck_assert_msg(!missing, "no random block has %s", missing);
}

START_TEST(random_blocks_match)
{
    use_tier(t1_host_features());
    check_random_blocks(1);
}
END_TEST

START_TEST(random_blocks_match_on_a_plain_host)
{
    use_tier(0);
    check_random_blocks(1000000);
}
END_TEST

START_TEST(random_blocks_match_with_some_features)
{
    use_tier(t1_host_features() & (T1_AVX | T1_BMI2));
    check_random_blocks(2000000);
}
END_TEST

START_TEST(random_blocks_match_without_pinning)
{
    options.is_pinning = options.is_pinning_float = false;
    use_tier(t1_host_features());
    check_random_blocks(3000000);
}
END_TEST

/* Register caching, folding and hints off: each alone, then all. */
static const struct switched_off {
    bool is_caching_registers, is_folding, is_hinting;
} switched_off[] = {{false, true, true}, {true, false, true}, {true, true, false}, {false}};
enum { SWITCHED_OFF_COUNT = sizeof switched_off / sizeof *switched_off };

static void switch_off(const struct switched_off *row)
{
    options.is_caching_registers = row->is_caching_registers;
    options.is_folding = row->is_folding;
    options.is_hinting = row->is_hinting;
    use_tier(t1_host_features());
}

START_TEST(random_blocks_match_with_techniques_off)
{
    switch_off(&switched_off[_i]);
    check_random_blocks(7000000 + 100000 * (unsigned)_i);
}
END_TEST

START_TEST(random_blocks_match_with_counters)
{
    options.is_counting_stats = true;
    use_tier(t1_host_features());
    check_random_blocks(4000000);
    ck_assert_uint_ge(vcpu->counter[COUNTER_BLOCKS_TIER1], 1000);
}
END_TEST

START_TEST(random_blocks_match_with_outcomes_noted)
{
    static _Alignas(TB_OUTCOMES) uint8_t noted[TB_OUTCOMES];
    outcomes = noted;
    check_random_blocks(8000000);
    outcomes = NULL;
}
END_TEST

/* ---- idioms that the planner folds, and what the generator hardly draws */

static struct ir_builder builder;

static void begin_block(uint64_t pc)
{
    ir_builder_begin(&builder, &arena, pc, 0);
    builder.block->guest_size_bytes = 16;
    builder.block->guest_length = 4;
}

static ir_ref number(uint64_t value)
{
    return ir_const(&builder, IR_I64, value);
}

static void exit_to(enum ir_op op, ir_ref condition, uint64_t pc)
{
    ir_emit3(&builder, op, IR_VOID, condition, IR_NONE, IR_BRANCH_JUMP, pc);
}

static uint64_t idiom_state;

static unsigned draw(unsigned count)
{
    return (unsigned)(reference_random(&idiom_state) >> 20) % count;
}

/* Four pinned f registers and four others. */
static unsigned some_float_reg(void)
{
    static const uint8_t regs[] = {47, 45, 42, 32, 33, 34, 50, 63};
    return regs[draw(sizeof regs)];
}

/* Six pinned registers and six others. */
static unsigned some_reg(void)
{
    static const uint8_t regs[] = {10, 11, 12, 14, 15, 2, 5, 6, 18, 20, 28, 31};
    return regs[draw(sizeof regs)];
}

static ir_ref integer(enum ir_type type)
{
    ir_ref value = ir_get_reg(&builder, IR_I64, some_reg());
    return type == IR_I64 ? value : ir_unary(&builder, IR_trunc, type, value);
}

static void set_integer(ir_ref value)
{
    if (builder.block->insns[value].type != IR_I64)
        value = ir_unary(&builder, IR_sext, IR_I64, value);
    ir_set_reg(&builder, some_reg(), value);
}

static ir_ref real(enum ir_type type)
{
    ir_ref value = ir_get_reg(&builder, IR_F64, some_float_reg());
    return type == IR_F64 ? value : ir_unary(&builder, IR_unbox, IR_F32, value);
}

static void set_real(ir_ref value)
{
    if (builder.block->insns[value].type == IR_F32)
        value = ir_unary(&builder, IR_box, IR_F64, value);
    ir_set_reg(&builder, some_float_reg(), value);
}

static ir_ref maybe_negated(ir_ref value, enum ir_type type)
{
    return draw(2) ? ir_unary(&builder, IR_fneg, type, value) : value;
}

static ir_ref some_condition(void)
{
    static const enum ir_op compares[] = {IR_eq, IR_ne, IR_lt_s, IR_ge_s, IR_lt_u, IR_ge_u};
    enum ir_type type = draw(2) ? IR_I64 : IR_I32;
    ir_ref x = integer(type), y = ir_const(&builder, type, 0);
    if (draw(2))
        x = ir_binary(&builder, IR_and, type, x,
                      draw(2) ? integer(type) : ir_const(&builder, type, 1u << draw(12)));
    if (draw(3) == 0)
        y = integer(type);
    if (draw(4) == 0) {
        ir_ref other = x;
        x = y;
        y = other;
    }
    return ir_binary(&builder, compares[draw(6)], IR_I64, x, y);
}

/* More values at once than there are registers. */
static void put_pressure(bool is_float)
{
    ir_ref value[22];
    for (unsigned i = 0; i < 22; i++)
        value[i] = is_float
                       ? maybe_negated(real(IR_F64), IR_F64)
                       : ir_binary(&builder, IR_xor, IR_I64, integer(IR_I64), number(draw(99)));
    ir_ref sum = value[0];
    for (unsigned i = 1; i < 22; i++)
        sum = is_float ? ir_emit3(&builder, IR_fadd, IR_F64, sum, value[i], IR_NONE, IR_RM_HOST)
                       : ir_binary(&builder, IR_sub, IR_I64, sum, value[i]);
    if (is_float)
        set_real(sum);
    else
        set_integer(sum);
}

static void put_idiom(void)
{
    enum ir_type type = draw(2) ? IR_I64 : IR_I32, real_type = draw(2) ? IR_F64 : IR_F32;
    ir_ref a, b;
    switch (draw(9)) {
    case 0:
        a = ir_binary(&builder, IR_shl, type, integer(type), ir_const(&builder, type, draw(5)));
        b = integer(type);
        set_integer(draw(2) ? ir_binary(&builder, IR_add, type, a, b)
                            : ir_binary(&builder, IR_add, type, b, a));
        break;
    case 1:
        a = ir_binary(&builder, IR_xor, type, integer(type), ir_const(&builder, type, UINT64_MAX));
        set_integer(ir_binary(&builder, IR_and, type, integer(type), a));
        break;
    case 2:
        exit_to(IR_exit_if, some_condition(), 0x800 + draw(0x1000) * 2);
        break;
    case 3:
        a = some_condition();
        b = integer(type);
        set_integer(ir_emit3(&builder, IR_select, type, a, b, draw(4) ? integer(type) : b, 0));
        break;
    case 4:
        a = maybe_negated(real(real_type), real_type);
        b = maybe_negated(real(real_type), real_type);
        set_real(ir_emit3(&builder, IR_fmadd, real_type, a, b,
                          maybe_negated(real(real_type), real_type), IR_RM_HOST));
        break;
    case 5:
        ir_set_reg(&builder, some_reg(), real(IR_F64));
        set_real(ir_get_reg(&builder, IR_F64, some_reg()));
        break;
    case 6:
        set_integer(ir_get_reg(&builder, IR_I64, some_float_reg()));
        ir_set_reg(&builder, some_float_reg(), integer(IR_I64));
        break;
    case 7:
        a = ir_const(&builder, IR_F64, UINT64_C(0x4045000000000000) * draw(2));
        set_integer(ir_unary(&builder, IR_bitcast, IR_I64, a));
        set_real(ir_emit3(&builder, IR_fmul, IR_F64, real(IR_F64), a, IR_NONE, IR_RM_HOST));
        break;
    default:
        put_pressure(draw(2));
    }
}

static void check_idioms(unsigned first_seed)
{
    static struct reference start;
    tb_cache_destroy(&cache);
    make_cache(false);
    for (unsigned seed = first_seed; seed < first_seed + rounds / 2; seed++) {
        idiom_state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
        arena_reset(&arena);
        begin_block(0x1000);
        for (unsigned left = 1 + draw(12); left > 0; left--)
            put_idiom();
        exit_to(IR_exit_direct, IR_NONE, 0x4000);
        reference_fill(&start, &idiom_state);
        struct ir_block *block = builder.block;
        check_block(block, &start, seed);
        check_block(opt_run(&arena, block, OPT_ALL), &start, seed);
        check_block(left_to_tier1(block), &start, seed);
    }
}

START_TEST(idioms_match)
{
    use_tier(t1_host_features());
    check_idioms(1);
    use_tier(0);
    check_idioms(1000000);
    options.is_pinning = options.is_pinning_float = false;
    use_tier(t1_host_features());
    check_idioms(2000000);
}
END_TEST

START_TEST(idioms_match_with_techniques_off)
{
    switch_off(&switched_off[_i]);
    check_idioms(3000000 + 100000 * (unsigned)_i);
}
END_TEST

/* What one block takes: a sum of x5 (in memory) and x10 (pinned), of which some bits go to pinned
 * registers, and a branch. */
static uint32_t code_bytes_of_sum(void)
{
    arena_reset(&arena);
    begin_block(0x1000);
    ir_ref sum = ir_binary(&builder, IR_add, IR_I64, ir_get_reg(&builder, IR_I64, 5),
                           ir_binary(&builder, IR_shl, IR_I64, ir_get_reg(&builder, IR_I64, 10),
                                     number(2)));
    sum = ir_binary(&builder, IR_xor, IR_I64, sum, ir_get_reg(&builder, IR_I64, 5));
    for (unsigned reg = 11; reg < 16; reg++)
        ir_set_reg(&builder, reg, ir_binary(&builder, IR_and, IR_I64, sum, number(reg)));
    exit_to(IR_exit_if, ir_binary(&builder, IR_lt_u, IR_I64, sum, number(77)), 0x2000);
    exit_to(IR_exit_direct, IR_NONE, 0x4000);
    return tb_code_of(compiled(builder.block), TB_TIER_1)->size_bytes;
}

START_TEST(each_technique_saves_code)
{
    uint32_t all = code_bytes_of_sum();
    for (unsigned i = 0; i < SWITCHED_OFF_COUNT; i++) {
        switch_off(&switched_off[i]);
        uint32_t size_bytes = code_bytes_of_sum();
        ck_assert_msg(size_bytes > all, "%u: %u bytes, with all techniques %u", i, size_bytes, all);
    }
}
END_TEST

/* ---- precise faults: each access faults once, its registers are noted, and is then let through */

struct snapshot {
    uint16_t ir_index;
    uint64_t reg[IR_GUEST_REGS];
};
enum { MAX_SNAPSHOTS = 1024, TRAP_FLAG = 0x100 };
static struct snapshot snapshots[MAX_SNAPSHOTS];
static unsigned snapshot_count;
static uint8_t *guarded;

static void note_snapshot(const greg_t *host, const struct _libc_fpstate *floats,
                          const struct fault_point *point)
{
    static const int context_index[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
                                          REG_RSI, REG_RDI, REG_R8, REG_R9, REG_R10, REG_R11,
                                          REG_R12, REG_R13, REG_R14, REG_R15};
    if (snapshot_count == MAX_SNAPSHOTS)
        return;
    struct snapshot *snapshot = &snapshots[snapshot_count++];
    snapshot->ir_index = point->guest_offset / 2;
    memcpy(snapshot->reg, vcpu->reg, sizeof vcpu->reg);
#define COPY_PINNED(position, guest, number)                                                       \
    snapshot->reg[guest] = (uint64_t)host[context_index[number]];
#define COPY_FLOAT(position, guest, number)                                                        \
    memcpy(&snapshot->reg[guest], floats->_xmm[number].element, sizeof snapshot->reg[guest]);
    TB_PINNED(COPY_PINNED)
    TB_PINNED_FLOAT(COPY_FLOAT)
#undef COPY_FLOAT
#undef COPY_PINNED
    fault_point_clean(point, snapshot->reg);
}

static void step_over_access(greg_t *host)
{
    mprotect(guarded, REFERENCE_MEMORY_BYTES, PROT_READ | PROT_WRITE);
    host[REG_EFL] |= TRAP_FLAG;
}

static bool is_in_operation(const char *pc)
{
    return (pc >= tb_bulk_start && pc < tb_bulk_end) ||
           (pc >= tb_libcall_start && pc < tb_libcall_end);
}

static void on_segv(int number, siginfo_t *info, void *context)
{
    (void)number, (void)info;
    greg_t *host = ((ucontext_t *)context)->uc_mcontext.gregs;
    if (is_in_operation((const char *)host[REG_RIP])) {
        step_over_access(host);
        return;
    }
    const struct tb_code *code = tb_code_at(cache, (const void *)host[REG_RIP]);
    if (!code)
        abort();
    uint32_t offset = (uint32_t)((const uint8_t *)host[REG_RIP] - code->start);
    for (uint32_t i = 0; i < code->fault_count; i++)
        if (code->faults[i].code_offset == offset) {
            note_snapshot(host, ((ucontext_t *)context)->uc_mcontext.fpregs, &code->faults[i]);
            step_over_access(host);
            return;
        }
    abort();
}

static void on_step(int number, siginfo_t *info, void *context)
{
    (void)number, (void)info;
    ((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] &= ~TRAP_FLAG;
    mprotect(guarded, REFERENCE_MEMORY_BYTES, PROT_NONE);
}

/* The registers when the access at ir_index is about to happen, by running what is before it. */
static void check_snapshot(const struct ir_block *block, const struct reference *start,
                           const struct snapshot *snapshot, uint64_t seed)
{
    static struct ir_insn insns[IR_MAX_INSNS];
    static struct reference expected;
    struct ir_block prefix = *block;
    memcpy(insns, block->insns, snapshot->ir_index * sizeof *insns);
    insns[snapshot->ir_index] = (struct ir_insn){
        .op = IR_exit_trap, .a = IR_NONE, .b = IR_NONE, .c = IR_TRAP_EBREAK};
    prefix.insns = insns;
    prefix.length = snapshot->ir_index + 1u;
    expected = *start;
    reference_run(&expected, &prefix);
    for (unsigned i = 0; i < IR_GUEST_REGS; i++)
        if (snapshot->reg[i] != expected.reg[i]) {
            fprintf(stderr, "access v%u: register %u is 0x%" PRIx64 ", expected 0x%" PRIx64 "\n",
                    snapshot->ir_index, i, snapshot->reg[i], expected.reg[i]);
            report(block, "registers at an access", seed);
        }
}

static void check_precise(unsigned first_seed, unsigned count)
{
    static struct reference start;
    struct sigaction segv = {.sa_sigaction = on_segv, .sa_flags = SA_SIGINFO};
    struct sigaction step = {.sa_sigaction = on_step, .sa_flags = SA_SIGINFO};
    sigaction(SIGSEGV, &segv, NULL);
    sigaction(SIGTRAP, &step, NULL);
    tb_cache_destroy(&cache);
    make_cache(false);
    guarded = mmap(NULL, REFERENCE_MEMORY_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (unsigned i = 0; i < count; i++) {
        struct ir_block *block = random_block(first_seed + i, &start);
        struct tb *tb = compiled(block);
        mprotect(guarded, REFERENCE_MEMORY_BYTES, PROT_READ | PROT_WRITE);
        memcpy(guarded, start.memory, REFERENCE_MEMORY_BYTES);
        mprotect(guarded, REFERENCE_MEMORY_BYTES, PROT_NONE);
        load_vcpu(&start, guarded);
        snapshot_count = 0;
        tb_run(vcpu, tb->entry);
        for (unsigned k = 0; k < snapshot_count; k++)
            check_snapshot(block, &start, &snapshots[k], first_seed + i);
    }
    munmap(guarded, REFERENCE_MEMORY_BYTES);
}

START_TEST(registers_are_exact_at_each_access)
{
    use_tier(t1_host_features());
    check_precise(5000000, 1000);
}
END_TEST

START_TEST(registers_are_exact_with_techniques_off)
{
    switch_off(&switched_off[_i]);
    check_precise(6500000 + 1000 * (unsigned)_i, 300);
}
END_TEST

START_TEST(registers_are_exact_without_pinning)
{
    options.is_pinning = options.is_pinning_float = false;
    use_tier(0);
    check_precise(6000000, 500);
}
END_TEST

/* ---- from block to block ---- */

/* reg -= 1; while reg is not zero go to `again`, then on to `after`. */
static struct tb *count_down(uint64_t pc, unsigned reg, uint64_t again, uint64_t after)
{
    begin_block(pc);
    ir_ref value = ir_get_reg(&builder, IR_I64, reg);
    value = ir_binary(&builder, IR_sub, IR_I64, value, number(1));
    ir_set_reg(&builder, reg, value);
    exit_to(IR_exit_if, ir_binary(&builder, IR_ne, IR_I64, value, number(0)), again);
    exit_to(IR_exit_direct, IR_NONE, after);
    return compiled(builder.block);
}

static struct tb *trap_block(uint64_t pc)
{
    begin_block(pc);
    ir_emit3(&builder, IR_exit_trap, IR_VOID, IR_NONE, IR_NONE, IR_TRAP_ECALL, pc);
    return compiled(builder.block);
}

static void expect_trap_at(uint64_t pc)
{
    ck_assert_int_eq(vcpu->exit_reason, VCPU_EXIT_TRAP);
    ck_assert_int_eq(vcpu->exit_trap, IR_TRAP_ECALL);
    ck_assert_uint_eq(vcpu->pc, pc);
}

START_TEST(direct_exits_chain)
{
    struct tb *loop = count_down(0x2000, 10, 0x2000, 0x3000);
    vcpu->reg[10] = 1000000;
    tb_run(vcpu, loop->entry); /* 0x3000 is not there yet */
    ck_assert_int_eq(vcpu->exit_reason, VCPU_EXIT_TB);
    ck_assert_uint_eq(vcpu->exit_tb->pc, 0x3000);
    ck_assert_uint_eq(vcpu->reg[10], 0);
    trap_block(0x3000);
    vcpu->reg[10] = 5;
    tb_run(vcpu, loop->entry);
    expect_trap_at(0x3000);
}
END_TEST

START_TEST(backward_exits_poll)
{
    struct tb *loop = count_down(0x2000, 10, 0x2000, 0x3000);
    struct tb *outer = count_down(0x4000, 20, 0x2000, 0x2000); /* both exits go back */
    trap_block(0x3000);
    atomic_store(&vcpu->pending, VCPU_PENDING_KICK);
    vcpu->reg[10] = 100;
    tb_run(vcpu, loop->entry);
    ck_assert_int_eq(vcpu->exit_reason, VCPU_EXIT_TB);
    ck_assert_uint_eq(vcpu->exit_tb->pc, 0x2000);
    ck_assert_uint_eq(vcpu->reg[10], 99);
    for (unsigned i = 1; i <= 2; i++) {
        vcpu->reg[20] = i;
        tb_run(vcpu, outer->entry);
        ck_assert_int_eq(vcpu->exit_reason, VCPU_EXIT_TB);
        ck_assert_uint_eq(vcpu->exit_tb->pc, 0x2000);
    }
    vcpu->reg[10] = 1; /* not taken: on without a poll */
    tb_run(vcpu, loop->entry);
    expect_trap_at(0x3000);
    atomic_store(&vcpu->pending, 0);
}
END_TEST

START_TEST(heat_runs_out)
{
    options.is_counting_heat = true;
    use_tier(t1_host_features());
    struct tb *loop = count_down(0x2000, 10, 0x2000, 0x3000);
    atomic_store(&loop->heat, 10);
    vcpu->reg[10] = 100;
    tb_run(vcpu, loop->entry);
    ck_assert_int_eq(vcpu->exit_reason, VCPU_EXIT_TB);
    ck_assert_ptr_eq(vcpu->exit_tb, loop);
    ck_assert_int_eq(loop->heat, -1);
    ck_assert_uint_eq(vcpu->reg[10], 90);
}
END_TEST

START_TEST(outcomes_are_noted)
{
    static _Alignas(TB_OUTCOMES) uint8_t noted[TB_OUTCOMES];
    memset(noted, 2, sizeof noted);
    options.is_counting_heat = true;
    use_tier(t1_host_features());
    outcomes = noted;
    struct tb *loop = count_down(0x2000, 10, 0x2000, 0x3000);
    outcomes = NULL;
    atomic_store(&trap_block(0x3000)->heat, 1);
    atomic_store(&loop->heat, 600);
    vcpu->reg[10] = 90;
    tb_run(vcpu, loop->entry); /* heat is 599 the first time, and 510 the last, which goes on to the trap */
    expect_trap_at(0x3000);
    for (unsigned i = 0; i < TB_OUTCOMES; i++)
        ck_assert_uint_eq(noted[i], i == (510 & 255) ? 0 : i <= (599 & 255) || i > (510 & 255) ? 1 : 2);
}
END_TEST

static struct tb *indirect_block(uint64_t pc, unsigned reg, enum ir_branch branch)
{
    begin_block(pc);
    ir_emit3(&builder, IR_exit_indirect, IR_VOID, ir_get_reg(&builder, IR_I64, reg), IR_NONE,
             branch, 0);
    return compiled(builder.block);
}

static void enter_indirect(struct tb *tb, unsigned reg, uint64_t pc)
{
    vcpu->reg[reg] = pc;
    tb_run(vcpu, tb->entry);
}

static void check_indirect(unsigned reg)
{
    struct tb *jump = indirect_block(0x5000 + reg * 16, reg, IR_BRANCH_RETURN);
    struct tb *first = trap_block(0x6000), *second = trap_block(0x7002);
    enter_indirect(jump, reg, 0x6000);
    ck_assert_int_eq(vcpu->exit_reason, VCPU_EXIT_INDIRECT);
    ck_assert_ptr_eq(vcpu->exit_tb, jump);
    ck_assert_uint_eq(vcpu->pc, 0x6000);
    atomic_store(&jump->inline_cache, first);
    enter_indirect(jump, reg, 0x6000);
    expect_trap_at(0x6000);
    enter_indirect(jump, reg, 0x7002);
    ck_assert_int_eq(vcpu->exit_reason, VCPU_EXIT_INDIRECT);
    vcpu->jump_cache[jump_cache_slot(0x7002)] = (struct jump_cache_entry){0x7002, second->entry};
    enter_indirect(jump, reg, 0x7002);
    expect_trap_at(0x7002);
    atomic_store(&vcpu->pending, VCPU_PENDING_SIGNAL);
    enter_indirect(jump, reg, 0x6000);
    ck_assert_int_eq(vcpu->exit_reason, VCPU_EXIT_PC);
    ck_assert_uint_eq(vcpu->pc, 0x6000);
    atomic_store(&vcpu->pending, 0);
    vcpu_flush_jump_cache(vcpu);
}

START_TEST(indirect_exits_use_their_caches)
{
    options.is_counting_stats = true;
    use_tier(t1_host_features());
    check_indirect(1);
    check_indirect(15);
    ck_assert_uint_eq(vcpu->counter[COUNTER_INLINE_CACHE_HITS], 2);
    ck_assert_uint_eq(vcpu->counter[COUNTER_JUMP_CACHE_HITS], 2);
}
END_TEST

/* Neither calls nor returns: they go to many places. */
START_TEST(jumps_do_without_inline_cache)
{
    use_tier(t1_host_features());
    struct tb *jump = indirect_block(0x5000, 1, IR_BRANCH_JUMP), *to = trap_block(0x6000);
    atomic_store(&jump->inline_cache, to);
    enter_indirect(jump, 1, 0x6000);
    ck_assert_int_eq(vcpu->exit_reason, VCPU_EXIT_INDIRECT);
    vcpu->jump_cache[jump_cache_slot(0x6000)] = (struct jump_cache_entry){0x6000, to->entry};
    enter_indirect(jump, 1, 0x6000);
    expect_trap_at(0x6000);
    vcpu_flush_jump_cache(vcpu);
}
END_TEST

/* What has been driven out of the jump cache. */
START_TEST(jumps_find_spare_entries)
{
    use_tier(t1_host_features());
    struct tb *jump = indirect_block(0x5000, 1, IR_BRANCH_JUMP), *to = trap_block(0x26000);
    vcpu->jump_cache[jump_cache_slot(0x26000)] = (struct jump_cache_entry){0x6000, NULL};
    vcpu->spare_jumps[spare_jump_slot(0x26000)] = (struct jump_cache_entry){0x26000, to->entry};
    enter_indirect(jump, 1, 0x26000);
    expect_trap_at(0x26000);
    vcpu_flush_jump_cache(vcpu);
    enter_indirect(jump, 1, 0x26000);
    ck_assert_int_eq(vcpu->exit_reason, VCPU_EXIT_INDIRECT);
    ck_assert_uint_eq(vcpu->pc, 0x26000);
}
END_TEST

START_TEST(indirect_exits_work_without_caches)
{
    options.is_caching_inline = options.is_caching_jumps = false;
    use_tier(t1_host_features());
    struct tb *jump = indirect_block(0x5000, 1, IR_BRANCH_RETURN);
    atomic_store(&jump->inline_cache, trap_block(0x6000));
    enter_indirect(jump, 1, 0x6000);
    ck_assert_int_eq(vcpu->exit_reason, VCPU_EXIT_INDIRECT);
}
END_TEST

START_TEST(traps_carry_any_pc)
{
    begin_block(0x1000);
    ir_emit3(&builder, IR_exit_trap_if, IR_VOID, ir_get_reg(&builder, IR_I64, 10), IR_NONE,
             IR_TRAP_MISALIGNED, UINT64_C(0x123456789abcdef0));
    ir_emit3(&builder, IR_exit_trap, IR_VOID, IR_NONE, IR_NONE, IR_TRAP_EBREAK, UINT64_MAX - 1);
    struct tb *tb = compiled(builder.block);
    vcpu->reg[10] = 7;
    tb_run(vcpu, tb->entry);
    ck_assert_int_eq(vcpu->exit_trap, IR_TRAP_MISALIGNED);
    ck_assert_uint_eq(vcpu->pc, UINT64_C(0x123456789abcdef0));
    vcpu->reg[10] = 0;
    tb_run(vcpu, tb->entry);
    ck_assert_int_eq(vcpu->exit_trap, IR_TRAP_EBREAK);
    ck_assert_uint_eq(vcpu->pc, UINT64_MAX - 1);
}
END_TEST

START_TEST(counters_are_read)
{
    begin_block(0x1000);
    for (unsigned i = 0; i < 3; i++) {
        static const unsigned regs[3] = {10, 20, 5};
        ir_set_reg(&builder, regs[i],
                   ir_emit3(&builder, IR_get_counter, IR_I64, IR_NONE, IR_NONE, IR_NONE, i));
    }
    exit_to(IR_exit_direct, IR_NONE, 0x2000);
    vcpu->reg[10] = vcpu->reg[20] = vcpu->reg[5] = 0;
    tb_run(vcpu, compiled(builder.block)->entry);
    ck_assert_uint_ne(vcpu->reg[10], 0);
    ck_assert_uint_ne(vcpu->reg[20], 0);
    ck_assert_uint_ge(vcpu->reg[5], vcpu->reg[10]);
}
END_TEST

/* Addresses and displacements beyond 32 bits: `memory` is guest address 0x300000000. */
START_TEST(far_addresses_are_reached)
{
    static uint64_t memory[4] = {11, 22, 33, 44};
    const uint64_t at = UINT64_C(0x300000000);
    uint16_t memop = ir_memop(3, false, 0);
    begin_block(0x1000);
    ir_ref base = ir_get_reg(&builder, IR_I64, 20);
    ir_set_reg(&builder, 10, ir_emit3(&builder, IR_load, IR_I64, base, IR_NONE, memop, at));
    ir_set_reg(&builder, 11, ir_emit3(&builder, IR_load, IR_I64, number(at), IR_NONE, memop, 16));
    ir_emit3(&builder, IR_store, IR_VOID, number(8), number(UINT64_C(0x123456789a)), memop, at);
    ir_emit3(&builder, IR_store, IR_VOID, base, base, memop, at + 16);
    exit_to(IR_exit_direct, IR_NONE, 0x2000);
    vcpu->memory_base = (uint8_t *)((uintptr_t)memory - at);
    vcpu->reg[20] = 8;
    tb_run(vcpu, compiled(builder.block)->entry);
    ck_assert_uint_eq(vcpu->reg[10], 22);
    ck_assert_uint_eq(vcpu->reg[11], 33);
    ck_assert_uint_eq(memory[1], UINT64_C(0x123456789a));
    ck_assert_uint_eq(memory[3], 8);
}
END_TEST

/* A compile that finds no room says so, leaves nothing behind, and works after a flush. */
START_TEST(full_code_memory_is_reported)
{
    uint64_t pc = 0x10000;
    begin_block(pc);
    exit_to(IR_exit_direct, IR_NONE, 0x2000);
    while (compile(builder.block, NULL) == STATUS_OK) {
        begin_block(pc += 16);
        exit_to(IR_exit_direct, IR_NONE, pc + 8);
    }
    ck_assert_uint_ge(pc, 0x10000 + 16 * 1000);
    ck_assert_int_eq(compile(builder.block, NULL), STATUS_CODE_FULL);
    tb_flush(cache);
    ck_assert_int_eq(compile(builder.block, NULL), STATUS_OK);
}
END_TEST

START_TEST(dump_names_each_instruction)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    begin_block(0x1000);
    ir_set_reg(&builder, 10, number(42));
    exit_to(IR_exit_direct, IR_NONE, 0x2000);
    compile(builder.block, out);
    fclose(out);
    ck_assert_ptr_nonnull(strstr(text, "guest 0x1000: "));
    ck_assert_ptr_nonnull(strstr(text, "set_reg"));
    ck_assert_ptr_nonnull(strstr(text, "bf 2a 00 00 00")); /* mov edi, 42 */
    free(text);
}
END_TEST

int main(int argc, char **argv)
{
    if (argc > 1)
        rounds = (unsigned)strtoul(argv[1], NULL, 10);
    Suite *suite = suite_create("tier1");
    TCase *tcase = tcase_create("tier1");
    tcase_set_timeout(tcase, 100);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, random_blocks_match);
    tcase_add_test(tcase, random_blocks_match_on_a_plain_host);
    tcase_add_test(tcase, random_blocks_match_with_some_features);
    tcase_add_test(tcase, random_blocks_match_without_pinning);
    tcase_add_loop_test(tcase, random_blocks_match_with_techniques_off, 0, SWITCHED_OFF_COUNT);
    tcase_add_test(tcase, random_blocks_match_with_counters);
    tcase_add_test(tcase, random_blocks_match_with_outcomes_noted);
    tcase_add_test(tcase, idioms_match);
    tcase_add_loop_test(tcase, idioms_match_with_techniques_off, 0, SWITCHED_OFF_COUNT);
    tcase_add_test(tcase, each_technique_saves_code);
    tcase_add_test(tcase, registers_are_exact_at_each_access);
    tcase_add_test(tcase, registers_are_exact_without_pinning);
    tcase_add_loop_test(tcase, registers_are_exact_with_techniques_off, 0, SWITCHED_OFF_COUNT);
    tcase_add_test(tcase, direct_exits_chain);
    tcase_add_test(tcase, backward_exits_poll);
    tcase_add_test(tcase, heat_runs_out);
    tcase_add_test(tcase, outcomes_are_noted);
    tcase_add_test(tcase, indirect_exits_use_their_caches);
    tcase_add_test(tcase, jumps_do_without_inline_cache);
    tcase_add_test(tcase, jumps_find_spare_entries);
    tcase_add_test(tcase, indirect_exits_work_without_caches);
    tcase_add_test(tcase, traps_carry_any_pc);
    tcase_add_test(tcase, counters_are_read);
    tcase_add_test(tcase, far_addresses_are_reached);
    tcase_add_test(tcase, full_code_memory_is_reported);
    tcase_add_test(tcase, dump_names_each_instruction);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
