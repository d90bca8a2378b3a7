/* The reference is qemu-riscv64. Where version 7.2 deviates from the RISC-V Unprivileged ISA
 * (20240411), templates.def does not generate the case:
 *
 * instruction  paragraph                what the manual says, and what qemu does
 * ctzw         28.4, "ctzw", Operation  32 when the low word is 0; qemu counts on into the high
 *                                       word (repaired in 8.0, "Fix ctzw behavior")
 */
#include "tests/diff/judge.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct {
    const char *name;
    const char *options;
} known_modes[] = {
    {"tier0", "--tier=0"},
    {"tier1", "--tier=1"},
    {"full1", "--tier=1 --features=-drafts"},
    {"tier2", "--tier=2"},
    {"auto", "--tier=auto"},
    {"auto0", "--tier=auto --t1=0 --t2=0 --t3=0 --jit-threads=0"},
    {"auto1", "--tier=auto --t1=1 --t2=1 --t3=1 --jit-threads=0"},
    {"auto2", "--tier=auto --t1=0 --t2=2 --t3=8"},
    {"plain0", "--tier=0 --opt=none"},
    {"plain1", "--tier=1 --opt=none --features=none"},
    {"plain2", "--tier=2 --opt=none --features=none"},
};
enum { KNOWN_MODE_COUNT = sizeof known_modes / sizeof known_modes[0] };

void judge_print_modes(FILE *out)
{
    for (unsigned i = 0; i < KNOWN_MODE_COUNT; i++)
        fprintf(out, "  %-8s %s\n", known_modes[i].name, known_modes[i].options);
}

static const char *options_of(const char *name)
{
    for (unsigned i = 0; i < KNOWN_MODE_COUNT; i++)
        if (strcmp(known_modes[i].name, name) == 0)
            return known_modes[i].options;
    return name[0] == '-' ? name : NULL;
}

bool judge_add_mode(struct judge *judge, const char *name)
{
    const char *options = options_of(name);
    if (!options)
        return false;
    judge->modes = realloc(judge->modes, (judge->mode_count + 1) * sizeof *judge->modes);
    if (!judge->modes)
        abort();
    struct mode *mode = &judge->modes[judge->mode_count++];
    *mode = (struct mode){.name = strdup(name), .words = strdup(options)};
    if (!mode->name || !mode->words)
        abort();
    unsigned count = 0;
    for (char *word = strtok(mode->words, " "); word && count < MAX_MODE_WORDS;
         word = strtok(NULL, " "))
        mode->option[count++] = word;
    return true;
}

void judge_fini(struct judge *judge)
{
    for (unsigned i = 0; i < judge->mode_count; i++) {
        free(judge->modes[i].name);
        free(judge->modes[i].words);
    }
    free(judge->modes);
}

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

void judge_run_reference(struct judge *judge, const char *name, bool is_full,
                         struct outcome *ret_outcome)
{
    char path[PATH_MAX], error_path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", judge->directory, name);
    snprintf(error_path, sizeof error_path, "%s/%s.qemu.err", judge->directory, name);
    const char *const argv[] = {
        judge->qemu, "-cpu", "rv64,zba=true,zbb=true,zbs=true", path, is_full ? "full" : NULL,
        NULL};
    double start_s = now_s();
    run_program(argv, error_path, judge->limit_s, ret_outcome);
    judge->reference_time_s += now_s() - start_s;
}

void judge_run_mode(struct judge *judge, struct mode *mode, const char *name, bool is_full,
                    struct outcome *ret_outcome)
{
    char path[PATH_MAX], error_path[PATH_MAX];
    const char *argv[MAX_MODE_WORDS + 4];
    unsigned count = 0;
    snprintf(path, sizeof path, "%s/%s", judge->directory, name);
    snprintf(error_path, sizeof error_path, "%s/%s.tiercel.err", judge->directory, name);
    argv[count++] = judge->tiercel;
    for (unsigned i = 0; mode->option[i]; i++)
        argv[count++] = mode->option[i];
    argv[count++] = path;
    if (is_full)
        argv[count++] = "full";
    argv[count] = NULL;
    double start_s = now_s();
    run_program(argv, error_path, judge->limit_s, ret_outcome);
    mode->time_s += now_s() - start_s;
}

bool judge_differs(struct judge *judge, struct mode *mode, const struct batch *batch,
                   const char *name)
{
    char path[PATH_MAX];
    struct outcome wanted, found = {0};
    snprintf(path, sizeof path, "%s/%s", judge->directory, name);
    if (!program_build(batch, path))
        return false;
    judge_run_reference(judge, name, false, &wanted);
    bool is_different = false;
    if (wanted.end == RAN_TO_END && wanted.status == 0) {
        judge_run_mode(judge, mode, name, false, &found);
        is_different = !outcomes_agree(&wanted, &found);
    }
    outcome_fini(&wanted);
    outcome_fini(&found);
    return is_different;
}
