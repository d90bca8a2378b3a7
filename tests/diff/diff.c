/* The differential tester: random programs under qemu-riscv64 and under tiercel in several modes.
 *
 * A batch is some hundred sequences in one static program, which runs each several times from
 * different states (promoted code is run too). Batch n of a run is made from seed + n alone, so a
 * difference is replayed by that seed. Jobs are child processes that take every so-manieth batch
 * and share nothing but their totals.
 *
 * Exit status: 0 agreement, 1 a difference, 2 a broken setup, 77 the tools are missing. */
#include "tests/diff/shrink.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STATUS_AGREE, STATUS_DIFFERENT, STATUS_BROKEN, STATUS_MISSING = 77 };
enum { MAX_MODES = 16, MAX_JOBS = 64 };

/* Of all jobs; shared memory, written by any of them. */
struct totals {
    _Atomic uint64_t batches_taken, instructions, sequences, differences;
    _Atomic uint64_t reference_time_ms, mode_time_ms[MAX_MODES];
    atomic_bool is_broken;
};

struct settings {
    uint64_t seed;
    uint64_t count;
    unsigned batch, length, passes, jobs, limit_s, shrink_s, differences;
    bool is_kept;
    const char *program; /* to make, and nothing else */
    struct judge judge;
    struct totals *totals;
};

/* ---- options ---- */

static const char usage[] =
    "usage: diff [options]\n"
    "  --seed=N         first batch (1)\n"
    "  --count=N        instructions to generate (100000); each is run from --passes states\n"
    "  --modes=A,B,...  modes of tiercel (tier0,tier1,tier2,auto0,auto1)\n"
    "  --mode=OPTIONS   one more mode: tiercel's options, separated by blanks\n"
    "  --tiercel=PATH   (tiercel)        --qemu=PATH     (qemu-riscv64)\n"
    "  --length=N       instructions in a sequence, about (30)\n"
    "  --passes=N       states each sequence is run from (8)\n"
    "  --batch=N        instructions in a program (20000)\n"
    "  --jobs=N         batches to judge at a time (1)\n"
    "  --timeout=N      seconds for one run of a program (120)\n"
    "  --shrink=N       seconds to spend on making a difference small (120)\n"
    "  --differences=N  stop after so many (1)\n"
    "  --keep           leave the programs in the work directory\n"
    "  --program=PATH   only make the first batch's program: PATH, PATH.s, PATH.states\n";

static bool parse_count(const char *text, uint64_t limit, uint64_t *ret_number)
{
    char *end;
    errno = 0;
    uint64_t value = strtoull(text, &end, 0);
    if (*text < '0' || *text > '9' || *end || errno || value == 0 || value > limit)
        return false;
    *ret_number = value;
    return true;
}

static bool parse_number(const char *text, unsigned *ret_number)
{
    uint64_t value;
    if (!parse_count(text, 1 << 30, &value))
        return false;
    *ret_number = (unsigned)value;
    return true;
}

static bool add_modes(struct judge *judge, const char *list)
{
    char *names = strdup(list);
    bool is_good = names != NULL;
    for (char *save, *name = strtok_r(names, ",", &save); name && is_good;
         name = strtok_r(NULL, ",", &save))
        is_good = judge_add_mode(judge, name);
    free(names);
    return is_good;
}

static bool parse_option(struct settings *settings, const char *word)
{
    const struct {
        const char *name;
        unsigned *number;
    } numbers[] = {
        {"--length=", &settings->length},
        {"--passes=", &settings->passes},
        {"--batch=", &settings->batch},
        {"--jobs=", &settings->jobs},
        {"--timeout=", &settings->limit_s},
        {"--shrink=", &settings->shrink_s},
        {"--differences=", &settings->differences},
    };
    const char *value = strchr(word, '=');
    value = value ? value + 1 : "";
    for (unsigned i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        if (strncmp(word, numbers[i].name, strlen(numbers[i].name)) == 0)
            return parse_number(value, numbers[i].number);
    if (strncmp(word, "--seed=", 7) == 0)
        return parse_count(value, UINT64_MAX / 2, &settings->seed);
    if (strncmp(word, "--count=", 8) == 0)
        return parse_count(value, UINT64_MAX / 2, &settings->count);
    if (strncmp(word, "--modes=", 8) == 0)
        return add_modes(&settings->judge, value);
    if (strncmp(word, "--mode=", 7) == 0)
        return judge_add_mode(&settings->judge, value);
    if (strncmp(word, "--tiercel=", 10) == 0)
        settings->judge.tiercel = value;
    else if (strncmp(word, "--qemu=", 7) == 0)
        settings->judge.qemu = value;
    else if (strncmp(word, "--program=", 10) == 0)
        settings->program = value;
    else if (strcmp(word, "--keep") == 0)
        settings->is_kept = true;
    else
        return false;
    return true;
}

static bool parse_options(int argc, char **argv, struct settings *settings)
{
    for (int i = 1; i < argc; i++) {
        if (!parse_option(settings, argv[i])) {
            fprintf(stderr, "diff: bad option '%s'\n%smodes:\n", argv[i], usage);
            judge_print_modes(stderr);
            return false;
        }
    }
    return settings->judge.mode_count > 0 ||
           add_modes(&settings->judge, "tier0,tier1,tier2,auto0,auto1");
}

/* ---- the setup ---- */

static bool has_tool(const char *tool)
{
    const char *const argv[] = {tool, "--version", NULL};
    struct outcome outcome;
    run_program(argv, "/dev/null", 20, &outcome);
    bool is_there = outcome.end == RAN_TO_END && outcome.status == 0;
    outcome_fini(&outcome);
    if (!is_there)
        fprintf(stderr, "diff: %s cannot be run\n", tool);
    return is_there;
}

static bool make_directory(struct judge *judge)
{
    const char *parent = getenv("TMPDIR");
    snprintf(judge->directory, sizeof judge->directory, "%s/tiercel-diff-XXXXXX",
             parent && *parent ? parent : "/tmp");
    if (mkdtemp(judge->directory))
        return true;
    fprintf(stderr, "diff: cannot make %s\n", judge->directory);
    return false;
}

static void remove_program(const struct judge *judge, const char *name)
{
    static const char *const suffixes[] = {"",     ".s",        ".o",          ".states",
                                           ".err", ".qemu.err", ".tiercel.err"};
    char path[PATH_MAX];
    for (unsigned i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        snprintf(path, sizeof path, "%s/%s%s", judge->directory, name, suffixes[i]);
        unlink(path);
    }
}

/* ---- batches ---- */

static void report(struct settings *settings, struct mode *mode, struct batch *batch,
                   const char *name, uint64_t seed, const struct outcome *found)
{
    struct judge *judge = &settings->judge;
    unsigned length = batch_length(batch);
    char text[64];
    printf("\nDIFFERENCE in mode %s of batch %llu: tiercel ends with %s after %zu of %u runs\n",
           mode->name, (unsigned long long)seed, outcome_text(found, text), found->size_bytes / 8,
           batch_run_count(batch));
    fflush(stdout);
    unsigned run = shrink_locate(judge, mode, batch, name);
    printf("  it is seen in run %u\n", run);
    fflush(stdout);
    if (shrink_batch(judge, mode, batch, run, settings->shrink_s)) {
        printf("  shrunk from %u to %u instructions\n", length, batch_length(batch));
        shrink_report(judge, mode, batch, stdout);
        printf("  program: %s/minimal (and .s); run it with an argument for whole states\n",
               judge->directory);
    } else {
        printf("  the difference comes and goes: not shrunk\n");
    }
    printf("  replay: diff --seed=%llu --count=%u --batch=%u --length=%u --passes=%u",
           (unsigned long long)seed, settings->batch, settings->batch, settings->length,
           settings->passes);
    printf(" --mode='");
    for (unsigned i = 0; mode->option[i]; i++)
        printf("%s%s", i ? " " : "", mode->option[i]);
    printf("'\n");
    fflush(stdout);
}

static bool is_enough(const struct settings *settings)
{
    return settings->totals->differences >= settings->differences;
}

/* All modes on one batch. False when the reference fails. */
static bool judge_batch(struct settings *settings, struct batch *batch, const char *name,
                        uint64_t seed)
{
    struct judge *judge = &settings->judge;
    char path[PATH_MAX], text[64];
    struct outcome wanted;
    snprintf(path, sizeof path, "%s/%s", judge->directory, name);
    if (!program_build(batch, path))
        return false;
    judge_run_reference(judge, name, false, &wanted);
    if (wanted.end != RAN_TO_END || wanted.status != 0 ||
        wanted.size_bytes != 8 * batch_run_count(batch)) {
        fprintf(stderr, "diff: the reference fails on %s: %s\n", path, outcome_text(&wanted, text));
        outcome_fini(&wanted);
        return false;
    }
    for (unsigned i = 0; i < judge->mode_count && !is_enough(settings); i++) {
        struct outcome found;
        judge_run_mode(judge, &judge->modes[i], name, false, &found);
        if (outcomes_agree(&wanted, &found)) {
            outcome_fini(&found);
            continue;
        }
        settings->totals->differences++;
        struct batch copy;
        batch_init(&copy, seed, settings->batch, settings->length, settings->passes);
        report(settings, &judge->modes[i], &copy, name, seed, &found);
        batch_fini(&copy);
        outcome_fini(&found);
    }
    outcome_fini(&wanted);
    return true;
}

/* Judges batches until all have been taken by some job. False when something is broken. */
static bool run_batches(struct settings *settings)
{
    struct totals *totals = settings->totals;
    uint64_t batch_count = (settings->count + settings->batch - 1) / settings->batch, number;
    bool is_good = make_directory(&settings->judge);
    while (is_good && !totals->is_broken && !is_enough(settings) &&
           (number = totals->batches_taken++) < batch_count) {
        struct batch batch;
        char name[32] = "batch";
        if (settings->is_kept)
            snprintf(name, sizeof name, "batch%llu", (unsigned long long)(settings->seed + number));
        batch_init(&batch, settings->seed + number, settings->batch, settings->length,
                   settings->passes);
        is_good = judge_batch(settings, &batch, name, settings->seed + number);
        totals->instructions += batch_length(&batch);
        totals->sequences += batch.sequence_count;
        batch_fini(&batch);
        if (is_good && !settings->is_kept)
            remove_program(&settings->judge, name);
    }
    if (rmdir(settings->judge.directory))
        printf("diff: programs left in %s\n", settings->judge.directory);
    totals->reference_time_ms += (uint64_t)(settings->judge.reference_time_s * 1e3);
    for (unsigned i = 0; i < settings->judge.mode_count; i++)
        totals->mode_time_ms[i] += (uint64_t)(settings->judge.modes[i].time_s * 1e3);
    if (!is_good)
        totals->is_broken = true;
    return is_good;
}

/* The jobs as child processes; they die with this one. */
static void run_jobs(struct settings *settings)
{
    pid_t parent = getpid();
    fflush(NULL);
    for (unsigned i = 0; i < settings->jobs; i++) {
        pid_t pid = fork();
        if (pid > 0)
            continue;
        if (pid < 0) {
            settings->totals->is_broken = true;
            break;
        }
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        bool is_good = getppid() == parent && run_batches(settings);
        fflush(NULL);
        _exit(is_good ? STATUS_AGREE : STATUS_BROKEN);
    }
    int status;
    while (wait(&status) > 0)
        if (!WIFEXITED(status) || WEXITSTATUS(status) != STATUS_AGREE)
            settings->totals->is_broken = true;
}

static int run(struct settings *settings)
{
    struct totals *totals = mmap(NULL, sizeof *totals, PROT_READ | PROT_WRITE,
                                 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (totals == MAP_FAILED)
        return STATUS_BROKEN;
    settings->totals = totals;
    if (settings->jobs > 1)
        run_jobs(settings);
    else
        run_batches(settings);
    uint64_t differences = totals->differences;
    printf("diff: %llu instructions in %llu sequences, each from %u states: %llu executed; "
           "%llu difference%s\n",
           (unsigned long long)totals->instructions, (unsigned long long)totals->sequences,
           settings->passes, (unsigned long long)totals->instructions * settings->passes,
           (unsigned long long)differences, differences == 1 ? "" : "s");
    printf("diff: seconds: reference %.1f", (double)totals->reference_time_ms / 1e3);
    for (unsigned i = 0; i < settings->judge.mode_count; i++)
        printf(", %s %.1f", settings->judge.modes[i].name, (double)totals->mode_time_ms[i] / 1e3);
    printf("\n");
    return totals->is_broken ? STATUS_BROKEN : differences ? STATUS_DIFFERENT : STATUS_AGREE;
}

static int make_program(const struct settings *settings)
{
    struct batch batch;
    batch_init(&batch, settings->seed, settings->batch, settings->length, settings->passes);
    bool is_made = program_build(&batch, settings->program);
    batch_fini(&batch);
    return is_made ? STATUS_AGREE : STATUS_BROKEN;
}

int main(int argc, char **argv)
{
    struct settings settings = {
        .seed = 1,
        .count = 100000,
        .batch = 20000,
        .length = 30,
        .passes = 8,
        .jobs = 1,
        .limit_s = 120,
        .shrink_s = 120,
        .differences = 1,
        .judge = {.tiercel = "tiercel", .qemu = "qemu-riscv64"},
    };
    if (!parse_options(argc, argv, &settings))
        return STATUS_BROKEN;
    settings.judge.limit_s = settings.limit_s;
    if (settings.jobs > MAX_JOBS || settings.judge.mode_count > MAX_MODES) {
        fprintf(stderr, "diff: at most %d jobs and %d modes\n", MAX_JOBS, MAX_MODES);
        return STATUS_BROKEN;
    }
    if (settings.batch > settings.count)
        settings.batch = (unsigned)settings.count;
    if (!has_tool(ASSEMBLER) || !has_tool(LINKER))
        return STATUS_MISSING;
    if (settings.program)
        return make_program(&settings);
    if (!has_tool(settings.judge.qemu))
        return STATUS_MISSING;
    if (!has_tool(settings.judge.tiercel))
        return STATUS_BROKEN;
    int status = run(&settings);
    judge_fini(&settings.judge);
    return status;
}
