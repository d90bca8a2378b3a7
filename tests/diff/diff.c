/* The differential tester: random programs under qemu-riscv64 and under tiercel in several modes.
 *
 * A batch is some hundred sequences in one static program, which runs each several times from
 * different states (promoted code is run too). Batch n of a run is made from seed + n alone, so a
 * difference is replayed by that seed.
 *
 * Exit status: 0 agreement, 1 a difference, 2 a broken setup, 77 the tools are missing. */
#include "tests/diff/shrink.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STATUS_AGREE, STATUS_DIFFERENT, STATUS_BROKEN, STATUS_MISSING = 77 };

struct settings {
    uint64_t seed;
    unsigned count, batch, length, passes, limit_s, shrink_s, differences;
    bool is_kept;
    const char *program; /* to make, and nothing else */
    struct judge judge;
};

/* ---- options ---- */

static const char usage[] =
    "usage: diff [options]\n"
    "  --seed=N         first batch (1)\n"
    "  --count=N        instructions to generate (100000)\n"
    "  --modes=A,B,...  modes of tiercel (tier0,tier1,tier2,auto0,auto1)\n"
    "  --mode=OPTIONS   one more mode: tiercel's options, separated by blanks\n"
    "  --tiercel=PATH   (tiercel)        --qemu=PATH     (qemu-riscv64)\n"
    "  --length=N       instructions in a sequence, about (30)\n"
    "  --passes=N       states each sequence is run from (8)\n"
    "  --batch=N        instructions in a program (20000)\n"
    "  --timeout=N      seconds for one run of a program (120)\n"
    "  --shrink=N       seconds to spend on making a difference small (120)\n"
    "  --differences=N  stop after so many (1)\n"
    "  --keep           leave the programs in the work directory\n"
    "  --program=PATH   only make the first batch's program: PATH, PATH.s, PATH.states\n";

static bool parse_number(const char *text, unsigned *ret_number)
{
    char *end;
    errno = 0;
    unsigned long value = strtoul(text, &end, 0);
    if (*text < '0' || *text > '9' || *end || errno || value == 0 || value > 1u << 30)
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
        {"--count=", &settings->count},
        {"--length=", &settings->length},
        {"--passes=", &settings->passes},
        {"--batch=", &settings->batch},
        {"--timeout=", &settings->limit_s},
        {"--shrink=", &settings->shrink_s},
        {"--differences=", &settings->differences},
    };
    const char *value = strchr(word, '=');
    value = value ? value + 1 : "";
    for (unsigned i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        if (strncmp(word, numbers[i].name, strlen(numbers[i].name)) == 0)
            return parse_number(value, numbers[i].number);
    if (strncmp(word, "--seed=", 7) == 0) {
        char *end;
        settings->seed = strtoull(value, &end, 0);
        return *value && !*end;
    }
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
                   const char *name, uint64_t seed)
{
    struct judge *judge = &settings->judge;
    unsigned length = batch_length(batch);
    unsigned run = shrink_locate(judge, mode, batch, name);
    printf("\nDIFFERENCE in mode %s, run %u of batch %llu\n", mode->name, run,
           (unsigned long long)seed);
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

/* All modes on one batch; adds to *differences. False when the reference fails. */
static bool judge_batch(struct settings *settings, struct batch *batch, const char *name,
                        uint64_t seed, unsigned *differences)
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
    for (unsigned i = 0; i < judge->mode_count && *differences < settings->differences; i++) {
        struct outcome found;
        judge_run_mode(judge, &judge->modes[i], name, false, &found);
        bool is_same = outcomes_agree(&wanted, &found);
        outcome_fini(&found);
        if (is_same)
            continue;
        ++*differences;
        struct batch copy;
        batch_init(&copy, seed, settings->batch, settings->length, settings->passes);
        report(settings, &judge->modes[i], &copy, name, seed);
        batch_fini(&copy);
    }
    outcome_fini(&wanted);
    return true;
}

static int run_batches(struct settings *settings)
{
    unsigned done = 0, differences = 0, sequences = 0;
    uint64_t seed = settings->seed;
    bool is_good = true;
    while (done < settings->count && is_good && differences < settings->differences) {
        struct batch batch;
        char name[32] = "batch";
        if (settings->is_kept)
            snprintf(name, sizeof name, "batch%llu", (unsigned long long)seed);
        batch_init(&batch, seed, settings->batch, settings->length, settings->passes);
        is_good = judge_batch(settings, &batch, name, seed++, &differences);
        done += batch_length(&batch);
        sequences += batch.sequence_count;
        batch_fini(&batch);
        if (is_good && !settings->is_kept)
            remove_program(&settings->judge, name);
    }
    printf("diff: %u instructions in %u sequences, each from %u states; %u difference%s\n", done,
           sequences, settings->passes, differences, differences == 1 ? "" : "s");
    printf("diff: seconds: reference %.1f", settings->judge.reference_time_s);
    for (unsigned i = 0; i < settings->judge.mode_count; i++)
        printf(", %s %.1f", settings->judge.modes[i].name, settings->judge.modes[i].time_s);
    printf("\n");
    if (is_good && !settings->is_kept && !differences)
        rmdir(settings->judge.directory);
    else
        printf("diff: programs left in %s\n", settings->judge.directory);
    return !is_good ? STATUS_BROKEN : differences ? STATUS_DIFFERENT : STATUS_AGREE;
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
        .limit_s = 120,
        .shrink_s = 120,
        .differences = 1,
        .judge = {.tiercel = "tiercel", .qemu = "qemu-riscv64"},
    };
    if (!parse_options(argc, argv, &settings))
        return STATUS_BROKEN;
    settings.judge.limit_s = settings.limit_s;
    if (settings.batch > settings.count)
        settings.batch = settings.count;
    if (!has_tool(ASSEMBLER) || !has_tool(LINKER))
        return STATUS_MISSING;
    if (settings.program)
        return make_program(&settings);
    if (!has_tool(settings.judge.qemu))
        return STATUS_MISSING;
    if (!has_tool(settings.judge.tiercel) || !make_directory(&settings.judge))
        return STATUS_BROKEN;
    int status = run_batches(&settings);
    judge_fini(&settings.judge);
    return status;
}
