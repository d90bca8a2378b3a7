/* Runs instruction cases (case.h) on every tier and reports rows of the instruction table that no
 * case executes, and edge values that no case of a row has (edges.h).
 *
 *   run_cases [--edges] AS LD TIER2_MODULE FILE...      TIER2_MODULE "-": built without LLVM
 *   --edges: list the edge values that the cases of each row have
 *
 * Each case is a block of its own that ends in an ebreak. Every failure is one line on stderr that
 * begins with the case's file and line. Exit status 0 when nothing failed and nothing is missing.
 */
#include "src/base/bits.h"
#include "src/base/features.h"
#include "src/exec/exec.h"
#include "src/guest/riscv64/decode.h"
#include "tests/insn/assemble.h"
#include "tests/insn/case.h"
#include "tests/insn/edges.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { CODE_BASE = 0x10000000, MEM_BASE = 0x20000000, MEM_ADDRESS = MEM_BASE + 1024 };
enum {
    MAX_REPORTS = 40,
    CODE_LIMIT_BYTES = 64 << 20,
    MAX_BLOCK_INSNS = 64,
    MAX_REGION_INSNS = 800
};

/* Tiers 0 and 1 also run the IR as it was translated, and tier 1 without its techniques; drafts are what
 * tier 1 has where it can, so it runs without them as well. Tier 2
 * comes in two kinds: only when the guest handles faults does it keep every faulting access and the
 * registers at it. */
enum { FEATURES_ALL = (1 << FEATURE_COUNT) - 1 };
static const struct tier_kind {
    enum exec_mode mode;
    uint32_t opt_passes, features;
    bool is_precise;
    const char *name;
} tier_kinds[] = {
    {EXEC_TIER0, OPT_NONE, FEATURES_ALL, true, "tier 0 unoptimised"},
    {EXEC_TIER0, OPT_ALL, FEATURES_ALL, true, "tier 0"},
    {EXEC_TIER1, OPT_NONE, 0, true, "tier 1 unoptimised"},
    {EXEC_TIER1, OPT_ALL, FEATURES_ALL, true, "tier 1"},
    {EXEC_TIER1, OPT_ALL, FEATURES_ALL & ~(1 << FEATURE_drafts), true, "tier 1 without drafts"},
    {EXEC_TIER2, OPT_ALL, FEATURES_ALL, false, "tier 2"},
    {EXEC_TIER2, OPT_ALL, FEATURES_ALL, true, "tier 2 precise"},
};

/* One run of all cases on one tier. */
struct run {
    const struct case_list *list;
    const struct assembled *assembled;
    const struct tier_kind *kind;
    struct exec *exec;
    struct vcpu *vcpu;
    struct space *space;
    enum case_trap trap; /* why the latest case stopped */
    unsigned run_cases, failed, unreported;
    unsigned executed[RV64_ROW_COUNT]; /* cases that executed each row */
};

/* ---- the operating system of a case: everything ends it ---- */
static enum os_action on_syscall(void *os, struct vcpu *vcpu)
{
    (void)vcpu;
    ((struct run *)os)->trap = CASE_ECALL;
    return OS_EXIT;
}

static enum os_action on_fault(void *os, struct vcpu *vcpu, const struct guest_fault *fault)
{
    static const enum case_trap trap[] = {
        [GUEST_FAULT_ILLEGAL] = CASE_ILLEGAL, [GUEST_FAULT_BREAKPOINT] = CASE_BREAKPOINT,
        [GUEST_FAULT_FETCH] = CASE_FETCH,     [GUEST_FAULT_ACCESS] = CASE_ACCESS,
        [GUEST_FAULT_BUS] = CASE_MISALIGNED,
    };
    (void)vcpu;
    ((struct run *)os)->trap = trap[fault->kind];
    return OS_EXIT;
}

static enum os_action on_signal(void *os, struct vcpu *vcpu)
{
    (void)os, (void)vcpu;
    return OS_CONTINUE;
}

static const struct os_ops case_ops = {on_syscall, on_fault, on_signal};

/* ---- one case ---- */
static uint64_t value_of(const struct run *run, size_t index, struct case_value value)
{
    const struct case_extent *extent = &run->assembled->extents[index];
    uint64_t base = 0;
    switch (value.place) {
    case PLACE_NONE:
        break;
    case PLACE_MEM:
        base = MEM_ADDRESS;
        break;
    case PLACE_AT:
        base = CODE_BASE + extent->at;
        break;
    case PLACE_NEXT:
        base = CODE_BASE + extent->next;
        break;
    case PLACE_TAKEN:
        base = CODE_BASE + extent->next + 4;
        break;
    case PLACE_BACK:
        base = CODE_BASE + extent->at - 4;
        break;
    case PLACE_COUNT:
        break;
    }
    return base + value.number;
}

static void report(struct run *run, size_t index, const char *what, uint64_t is, uint64_t expected)
{
    const struct insn_case *test = &run->list->cases[index];
    if (run->failed < MAX_REPORTS)
        fprintf(stderr, "%s:%u: %s on %s: %s is 0x%" PRIx64 ", expected 0x%" PRIx64 "\n",
                test->file, test->line, test->assembly, run->kind->name, what, is, expected);
    else
        run->unreported++;
}

static bool check(struct run *run, size_t index, const char *what, uint64_t is, uint64_t expected)
{
    if (is != expected)
        report(run, index, what, is, expected);
    return is == expected;
}

static uint8_t *mem_of(const struct run *run)
{
    return space_base(run->space) + MEM_ADDRESS;
}

static void set_state(struct run *run, size_t index)
{
    const struct case_state *before = &run->list->cases[index].before;
    for (unsigned reg = 1; reg < CASE_REGS; reg++)
        run->vcpu->reg[reg] = value_of(run, index, before->reg[reg]);
    vcpu_set_fcsr(run->vcpu, before->frm << 5 | before->fflags);
    memcpy(mem_of(run), before->mem, CASE_MEM_BYTES);
    run->vcpu->pc = value_of(run, index, (struct case_value){PLACE_AT, 0});
}

/* Everything that the case names or must have left alone. */
static bool check_state(struct run *run, size_t index)
{
    const struct case_state *after = &run->list->cases[index].after;
    const struct vcpu *vcpu = run->vcpu;
    bool is_good = true;
    if (run->trap != after->trap) {
        fprintf(stderr, "%s:%u: %s on %s: stopped by %s, expected %s\n",
                run->list->cases[index].file, run->list->cases[index].line,
                run->list->cases[index].assembly, run->kind->name, case_trap_name[run->trap],
                case_trap_name[after->trap]);
        is_good = false;
    }
    is_good &= check(run, index, "pc", vcpu->pc, value_of(run, index, after->pc));
    for (unsigned reg = 1; reg < CASE_REGS; reg++) {
        char name[8];
        snprintf(name, sizeof name, "%c%u", reg < 32 ? 'x' : 'f', reg % 32);
        is_good &= check(run, index, name, vcpu->reg[reg], value_of(run, index, after->reg[reg]));
    }
    is_good &= check(run, index, "x0", vcpu->reg[0], 0);
    is_good &= check(run, index, "fflags", vcpu_fcsr(vcpu) & 31, after->fflags);
    is_good &= check(run, index, "frm", vcpu_fcsr(vcpu) >> 5, after->frm);
    for (unsigned i = 0; i < CASE_MEM_BYTES; i++) {
        char name[16];
        snprintf(name, sizeof name, "mem+%u", i);
        is_good &= check(run, index, name, mem_of(run)[i], after->mem[i]);
    }
    return is_good;
}

/* Notes the rows of the case's instructions. */
static void count_rows(struct run *run, size_t index)
{
    const struct case_extent *extent = &run->assembled->extents[index];
    for (size_t at = extent->at; at < extent->next;) {
        uint32_t bits;
        memcpy(&bits, run->assembled->code + at, sizeof bits); /* an ebreak follows */
        int row = rv64_row_of(bits);
        if (row >= 0)
            run->executed[row]++;
        at += rv64_size(bits);
    }
}

static bool run_case(struct run *run, size_t index)
{
    struct error err;
    set_state(run, index);
    if (exec_run(run->exec, run->vcpu, &err) != STATUS_OK) {
        const struct insn_case *test = &run->list->cases[index];
        fprintf(stderr, "%s:%u: %s on %s: %s\n", test->file, test->line, test->assembly,
                run->kind->name, err.text);
        return false;
    }
    count_rows(run, index);
    return check_state(run, index);
}

/* ---- a tier ---- */
static bool start_tier(struct run *run, const char *module)
{
    struct exec_config config = {
        .mode = run->kind->mode,
        .threshold = {0, 0, 1, 0},
        .code_limit_bytes = CODE_LIMIT_BYTES,
        .max_block_insns = MAX_BLOCK_INSNS,
        .max_region_insns = MAX_REGION_INSNS,
        .opt_passes = run->kind->opt_passes,
        .features = run->kind->features,
        .dump_file = stderr,
        .tier2_module = module,
        .isa = &guest_riscv64,
        .space = run->space,
        .os_ops = &case_ops,
        .os = run,
    };
    const struct exec_tiers makers = {.create_tier0 = tier0_create, .create_tier1 = tier1_create};
    struct error err;
    if (exec_create(&config, &makers, &run->exec, &err) != STATUS_OK) {
        fprintf(stderr, "%s: %s\n", run->kind->name, err.text);
        return false;
    }
    exec_set_precise_faults(run->exec, run->kind->is_precise);
    run->vcpu = exec_vcpu_create(run->exec);
    return true;
}

static bool uses_memory(const struct insn_case *test)
{
    for (unsigned reg = 0; reg < CASE_REGS; reg++)
        if (test->before.reg[reg].place == PLACE_MEM)
            return true;
    return test->after.trap == CASE_ACCESS;
}

static bool is_for_tier(const struct insn_case *test, const struct tier_kind *kind)
{
    if (kind->mode != EXEC_TIER2)
        return true;
    return kind->is_precise ? uses_memory(test) : test->after.trap != CASE_ACCESS;
}

static bool run_tier(struct run *run, const char *module)
{
    if (!start_tier(run, module))
        return false;
    for (size_t i = 0; i < run->list->length; i++) {
        if (!is_for_tier(&run->list->cases[i], run->kind))
            continue;
        run->run_cases++;
        run->failed += !run_case(run, i);
    }
    exec_vcpu_destroy(&run->vcpu);
    exec_destroy(&run->exec);
    return run->failed == 0;
}

static unsigned rows_executed(const struct run *run)
{
    unsigned count = 0;
    for (unsigned row = 0; row < RV64_ROW_COUNT; row++)
        count += run->executed[row] != 0;
    return count;
}

static void report_missing_rows(const struct run *run)
{
    for (unsigned row = 0; row < RV64_ROW_COUNT; row++) {
        char name[RV64_NAME_SIZE];
        rv64_row_name(row, name);
        if (run->executed[row] == 0)
            fprintf(stderr, "%s: no case executes %s\n", run->kind->name, name);
    }
}

/* The summary of a tier; false when a case failed or a row has none. The precise kind of tier 2
 * runs the cases with memory accesses only. */
static bool report_tier(const struct run *run)
{
    bool is_partial = run->kind->mode == EXEC_TIER2 && run->kind->is_precise;
    unsigned executed = rows_executed(run);
    printf("%s: %u cases, %u failed; %u of %u rows executed\n", run->kind->name, run->run_cases,
           run->failed, executed, (unsigned)RV64_ROW_COUNT);
    if (run->unreported > 0)
        fprintf(stderr, "%s: %u more differences\n", run->kind->name, run->unreported);
    if (!is_partial)
        report_missing_rows(run);
    return run->failed == 0 && (is_partial || executed == RV64_ROW_COUNT);
}

static struct space *make_space(const struct assembled *assembled)
{
    struct space *space;
    struct error err;
    uint64_t address;
    uint64_t code_bytes = (assembled->size_bytes + SPACE_PAGE) & ~(SPACE_PAGE - 1);
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
    if (space_create(true, &space, &err) != STATUS_OK) {
        fprintf(stderr, "%s\n", err.text);
        return NULL;
    }
    if (space_map(space, CODE_BASE, code_bytes, SPACE_READ | SPACE_WRITE | SPACE_EXEC, flags, -1, 0,
                  &address) != 0 ||
        space_map(space, MEM_BASE, SPACE_PAGE, SPACE_READ | SPACE_WRITE, flags, -1, 0, &address) !=
            0) {
        fprintf(stderr, "guest memory cannot be mapped\n");
        return NULL;
    }
    memcpy(space_base(space) + CODE_BASE, assembled->code, assembled->size_bytes);
    return space;
}

static bool run_all(const struct case_list *list, const struct assembled *assembled,
                    const char *module)
{
    bool is_good = true;
    struct space *space = make_space(assembled);
    if (!space)
        return false;
    for (unsigned i = 0; i < ARRAY_LENGTH(tier_kinds); i++) {
        struct run run = {
            .list = list, .assembled = assembled, .kind = &tier_kinds[i], .space = space};
        if (tier_kinds[i].mode == EXEC_TIER2 && !module)
            continue;
        is_good &= run_tier(&run, module);
        is_good &= report_tier(&run);
    }
    space_destroy(&space);
    return is_good;
}

static bool check_edges(const struct case_list *list, const struct assembled *assembled,
                        bool is_complete)
{
    static struct edges edges;
    for (size_t i = 0; i < list->length; i++) {
        const struct case_extent *extent = &assembled->extents[i];
        uint32_t bits;
        memcpy(&bits, assembled->code + extent->at, sizeof bits);
        if (extent->next - extent->at == rv64_size(bits))
            edges_note(&edges, &list->cases[i], bits);
    }
    return edges_report(&edges, is_complete);
}

int main(int argc, char **argv)
{
    struct case_list list = {0};
    struct assembled assembled = {0};
    bool lists_edges = argc > 1 && strcmp(argv[1], "--edges") == 0;
    argc -= lists_edges;
    argv += lists_edges;
    bool is_good = argc > 4;
    if (!is_good)
        fprintf(stderr, "usage: run_cases [--edges] AS LD TIER2_MODULE|- FILE...\n");
    for (int i = 4; i < argc; i++)
        is_good &= case_read_file(&list, argv[i]);
    if (is_good)
        is_good = assemble_cases(&list, &(struct assembler){argv[1], argv[2]}, &assembled);
    if (is_good) {
        is_good = run_all(&list, &assembled, strcmp(argv[3], "-") != 0 ? argv[3] : NULL);
        is_good &= check_edges(&list, &assembled, lists_edges);
    }
    assembled_fini(&assembled);
    case_list_fini(&list);
    return is_good ? EXIT_SUCCESS : EXIT_FAILURE;
}
