/* Setting an experiment up: which programs, which modes, which kernels. See experiment.h. */
#include "bench/experiment.h"

#include "bench/report.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * label                as in --modes and in reports
 * runner               what runs the program
 * tier                 the option for tiercel, or NULL
 * runs_less_when_slow  see struct variant
 */
struct mode_row {
    const char *label;
    enum runner runner;
    const char *tier;
    bool runs_less_when_slow;
};

/* clang-format off */
static const struct mode_row modes[] = {
    {"native", RUNNER_NATIVE, NULL, false},
    {"qemu", RUNNER_QEMU, NULL, false},
    {"tier0", RUNNER_TIERCEL, "--tier=0", true},
    {"tier1", RUNNER_TIERCEL, "--tier=1", false},
    {"tier2", RUNNER_TIERCEL, "--tier=2", false},
    {"auto", RUNNER_TIERCEL, "--tier=auto", false},
};
/* clang-format on */

struct kernel_row {
    const char *name;
    enum workload_group group;
};

static const struct kernel_row kernels[] = {
#define KERNEL(name, group) {#name, GROUP_##group},
#include "bench/guest/kernels.def"
#undef KERNEL
};

static const char *const group_names[GROUP_COUNT] = {
#define X(name) #name,
    WORKLOAD_GROUPS(X)
#undef X
};

enum {
    MODE_COUNT = sizeof modes / sizeof modes[0],
    KERNEL_COUNT = sizeof kernels / sizeof kernels[0],
};

const char *workload_group_name(enum workload_group group)
{
    return group_names[group];
}

static const struct mode_row *find_mode(const char *label)
{
    for (size_t i = 0; i < MODE_COUNT; i++) {
        if (text_equal(modes[i].label, label))
            return &modes[i];
    }
    return NULL;
}

/* Does the word of --kernels name this kernel, or its group? */
static bool word_names_kernel(const char *word, const struct kernel_row *kernel)
{
    return text_equal(word, kernel->name) || text_equal(word, group_names[kernel->group]);
}

static bool is_kernel_word(const char *word)
{
    for (size_t i = 0; i < KERNEL_COUNT; i++) {
        if (word_names_kernel(word, &kernels[i]))
            return true;
    }
    return false;
}

static bool is_mode_word(const char *word)
{
    return find_mode(word) != NULL;
}

/* Ends with a usage error unless all words of --modes or --kernels are known. */
static void check_words(const struct subcommand *subcommand, const char *option, const char *text,
                        bool (*is_known)(const char *word))
{
    struct string_list words = {0};
    string_list_push_words(&words, text != NULL ? text : "", ",");
    if (text != NULL && words.count == 0)
        options_usage(subcommand, "--%s names nothing", option);
    for (size_t i = 0; i < words.count; i++) {
        if (!is_known(words.items[i]))
            options_usage(subcommand, "--%s: '%s' is unknown", option, words.items[i]);
    }
    string_list_fini(&words);
}

/* The directory of this program, to be freed by the caller. */
static char *own_directory(void)
{
    char path[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    if (length < 0)
        bench_fail("cannot tell where this program lies: %s", strerror(errno));
    path[length] = '\0';
    return text_format("%s", dirname(path));
}

struct experiment *experiment_create(const struct subcommand *subcommand,
                                     const struct options *options, const char *title,
                                     unsigned default_runs)
{
    check_words(subcommand, "modes", options->modes, is_mode_word);
    check_words(subcommand, "kernels", options->kernels, is_kernel_word);
    struct experiment *experiment = text_allocate(1, sizeof *experiment);
    char *directory = own_directory();
    experiment->title = title;
    experiment->table = &report_all_runs;
    experiment->options = options;
    experiment->subcommand = subcommand;
    experiment->runs = options->runs > 0 ? options->runs : default_runs;
    experiment->kernel_dir = options->kernel_dir != NULL ? text_format("%s", options->kernel_dir)
                                                         : text_format("%s/bench", directory);
    free(directory);
    return experiment;
}

static void cell_fini(struct cell *cell)
{
    free(cell->samples_s);
    free(cell->trouble);
    free(cell->trouble_tail);
}

void experiment_destroy(struct experiment **experiment)
{
    struct experiment *old = *experiment;
    for (size_t i = 0; old->cells != NULL && i < old->workload_count * old->variant_count; i++)
        cell_fini(&old->cells[i]);
    for (size_t i = 0; i < old->workload_count; i++) {
        free(old->workloads[i].name);
        free(old->workloads[i].end_note);
        free(old->workloads[i].native_path);
        free(old->workloads[i].riscv64_path);
        string_list_fini(&old->workloads[i].arguments);
    }
    for (size_t i = 0; i < old->variant_count; i++) {
        free(old->variants[i].label);
        string_list_fini(&old->variants[i].options);
    }
    free(old->cells);
    free(old->workloads);
    free(old->variants);
    free(old->tiercel);
    free(old->qemu);
    free(old->kernel_dir);
    free(old);
    *experiment = NULL;
}

/* The first executable of that name in PATH, or NULL; to be freed by the caller. */
static char *search_path(const char *name)
{
    const char *path = getenv("PATH");
    struct string_list directories = {0};
    char *found = NULL;
    string_list_push_words(&directories, path != NULL ? path : "/usr/bin:/bin", ":");
    for (size_t i = 0; i < directories.count && found == NULL; i++) {
        found = text_format("%s/%s", directories.items[i], name);
        if (access(found, X_OK) != 0) {
            free(found);
            found = NULL;
        }
    }
    string_list_fini(&directories);
    return found;
}

/* A path with a slash is taken as it is, a bare name is searched for. */
static char *find_program(const char *name)
{
    if (strchr(name, '/') == NULL)
        return search_path(name);
    return access(name, X_OK) == 0 ? text_format("%s", name) : NULL;
}

static void find_qemu(struct experiment *experiment)
{
    const char *wanted = experiment->options->qemu;
    experiment->qemu = find_program(wanted != NULL ? wanted : "qemu-riscv64");
    if (experiment->qemu == NULL && wanted == NULL)
        experiment->qemu = find_program("qemu-riscv64-static");
    if (experiment->qemu == NULL)
        bench_fail("%s is not there or not executable: install qemu-user, name it with "
                   "--qemu=PATH or leave it out of --modes",
                   wanted != NULL ? wanted : "qemu-riscv64");
}

static void find_tiercel(struct experiment *experiment)
{
    char *directory = own_directory();
    char *wanted = experiment->options->tiercel != NULL
                       ? text_format("%s", experiment->options->tiercel)
                       : text_format("%s/tiercel", directory);
    experiment->tiercel = find_program(wanted);
    if (experiment->tiercel == NULL)
        bench_fail("%s is not there or not executable: build tiercel or name it with "
                   "--tiercel=PATH",
                   wanted);
    free(wanted);
    free(directory);
}

struct variant *experiment_add_variant(struct experiment *experiment, const char *label,
                                       enum runner runner)
{
    size_t count = experiment->variant_count;
    struct variant *variants =
        realloc(experiment->variants, (count + 1) * sizeof *experiment->variants);
    if (variants == NULL)
        bench_fail("out of memory");
    experiment->variants = variants;
    experiment->variant_count = count + 1;
    variants[count] = (struct variant){
        .label = text_format("%s", label), .runner = runner, .base = NO_BASE};
    if (runner == RUNNER_QEMU && experiment->qemu == NULL)
        find_qemu(experiment);
    if (runner == RUNNER_TIERCEL && experiment->tiercel == NULL)
        find_tiercel(experiment);
    return &variants[count];
}

void experiment_add_derived(struct experiment *experiment, const char *label, size_t base,
                            const char *options)
{
    struct variant *variant =
        experiment_add_variant(experiment, label, experiment->variants[base].runner);
    const struct variant *original = &experiment->variants[base];
    variant->runs_less_when_slow = original->runs_less_when_slow;
    variant->base = base;
    string_list_push_all(&variant->options, &original->options);
    string_list_push_words(&variant->options, options, " ");
}

static void add_mode(struct experiment *experiment, const struct mode_row *mode)
{
    struct variant *variant = experiment_add_variant(experiment, mode->label, mode->runner);
    variant->runs_less_when_slow = mode->runs_less_when_slow;
    if (mode->tier != NULL)
        string_list_push(&variant->options, mode->tier);
    if (mode->runner == RUNNER_TIERCEL && experiment->options->tiercel_options != NULL)
        string_list_push_words(&variant->options, experiment->options->tiercel_options, " \t\n");
}

static bool has_label(const struct experiment *experiment, const char *label)
{
    for (size_t i = 0; i < experiment->variant_count; i++) {
        if (text_equal(experiment->variants[i].label, label))
            return true;
    }
    return false;
}

void experiment_add_modes(struct experiment *experiment, const char *default_modes)
{
    const char *wanted = experiment->options->modes;
    struct string_list labels = {0};
    string_list_push_words(&labels, wanted != NULL ? wanted : default_modes, ",");
    for (size_t i = 0; i < labels.count; i++) {
        if (!has_label(experiment, labels.items[i]))
            add_mode(experiment, find_mode(labels.items[i]));
    }
    string_list_fini(&labels);
}

static struct workload *add_workload(struct experiment *experiment, const char *name,
                                     enum workload_group group)
{
    size_t count = experiment->workload_count;
    struct workload *workloads =
        realloc(experiment->workloads, (count + 1) * sizeof *experiment->workloads);
    if (workloads == NULL)
        bench_fail("out of memory");
    experiment->workloads = workloads;
    experiment->workload_count = count + 1;
    workloads[count] = (struct workload){.name = text_format("%s", name), .group = group};
    return &workloads[count];
}

static char *built_path(const struct experiment *experiment, const char *kind, const char *name)
{
    char *path = text_format("%s/%s/%s", experiment->kernel_dir, kind, name);
    if (access(path, X_OK) != 0)
        bench_fail("the benchmark program %s is not built: build with riscv64-linux-gnu-gcc "
                   "installed or name another place with --kernel-dir=DIR",
                   path);
    return path;
}

struct workload *experiment_add_built(struct experiment *experiment, const char *name,
                                      enum workload_group group)
{
    struct workload *workload = add_workload(experiment, name, group);
    workload->native_path = built_path(experiment, "native", name);
    workload->riscv64_path = built_path(experiment, "riscv64", name);
    return workload;
}

void experiment_add_kernels(struct experiment *experiment)
{
    const char *wanted = experiment->options->kernels;
    struct string_list words = {0};
    string_list_push_words(&words, wanted != NULL ? wanted : "", ",");
    for (size_t k = 0; k < KERNEL_COUNT; k++) {
        bool is_wanted = wanted == NULL;
        for (size_t i = 0; i < words.count; i++)
            is_wanted |= word_names_kernel(words.items[i], &kernels[k]);
        if (is_wanted)
            experiment_add_built(experiment, kernels[k].name, kernels[k].group)->is_sized = true;
    }
    string_list_fini(&words);
}

void experiment_add_program(struct experiment *experiment)
{
    const struct options *options = experiment->options;
    const char *path = options->program[0];
    if (access(path, R_OK) != 0)
        bench_fail("cannot read %s: %s", path, strerror(errno));
    if (options->native != NULL && access(options->native, X_OK) != 0)
        bench_fail("cannot run %s: %s", options->native, strerror(errno));
    if (options->stdin_file != NULL && access(options->stdin_file, R_OK) != 0)
        bench_fail("cannot read %s: %s", options->stdin_file, strerror(errno));
    const char *slash = strrchr(path, '/');
    struct workload *workload =
        add_workload(experiment, slash != NULL ? slash + 1 : path, GROUP_other);
    workload->riscv64_path = text_format("%s", path);
    if (options->native != NULL)
        workload->native_path = text_format("%s", options->native);
    workload->stdin_file = options->stdin_file;
    for (char **argument = options->program + 1; *argument != NULL; argument++)
        string_list_push(&workload->arguments, *argument);
}

struct cell *experiment_cell(const struct experiment *experiment, size_t workload, size_t variant)
{
    return &experiment->cells[workload * experiment->variant_count + variant];
}

const struct variant *experiment_find_runner(const struct experiment *experiment,
                                             enum runner runner)
{
    for (size_t i = 0; i < experiment->variant_count; i++) {
        if (experiment->variants[i].runner == runner)
            return &experiment->variants[i];
    }
    return NULL;
}

void experiment_command(const struct experiment *experiment, const struct workload *workload,
                        const struct variant *variant, struct string_list *command)
{
    switch (variant->runner) {
    case RUNNER_NATIVE:
        string_list_push(command, workload->native_path);
        break;
    case RUNNER_QEMU:
        string_list_push(command, experiment->qemu);
        string_list_push(command, workload->riscv64_path);
        break;
    case RUNNER_TIERCEL:
        string_list_push(command, experiment->tiercel);
        string_list_push_all(command, &variant->options);
        string_list_push(command, workload->riscv64_path);
        break;
    }
    string_list_push_all(command, &workload->arguments);
}

int experiment_label_width(const struct experiment *experiment)
{
    size_t width = 8;
    for (size_t i = 0; i < experiment->variant_count; i++) {
        size_t length = strlen(experiment->variants[i].label);
        width = length > width ? length : width;
    }
    return (int)width;
}

char *experiment_runs_text(const struct experiment *experiment, const struct cell *cell)
{
    if (cell->runs_done == experiment->runs)
        return text_format("%u", cell->runs_done);
    return text_format("%u/%u", cell->runs_done, experiment->runs);
}
