/* tiercel-bench ablate: what each technique is worth.
 *
 * For each mode, one variant more for each technique that matters there, with that technique
 * switched off. The techniques are the rows of the tables that tiercel itself is built from, and
 * some that are several of those together or another option. */
#include "bench/commands.h"
#include "bench/conduct.h"
#include "bench/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/features.h"
#include "src/opt/opt.h"

enum { ABLATE_RUNS = 3 };

static const char default_plot[] = "ablate.svg";

/*
 * name        of the technique, as in --techniques
 * off_option  what switches it off
 * modes       where it can matter, blank-separated
 * text        what it is, one line
 */
struct technique_row {
    const char *name;
    const char *off_option;
    const char *modes;
    const char *text;
};

static const struct technique_row techniques[] = {
#define FEATURE(name, modes, text) {#name, "--features=-" #name, modes, text},
    FEATURES(FEATURE)
#undef FEATURE
#define OPT_PASS(name, text) {#name, "--opt=-" #name, "tier0 tier1 auto", text},
    OPT_PASSES(OPT_PASS)
#undef OPT_PASS
    {"all_passes", "--opt=none", "tier0 tier1 auto", "the optimiser"},
    {"links", "--features=-chaining,-next_block_hint", "tier0 tier1 auto",
     "chaining and next_block_hint: every direct exit is looked up"},
    {"allocation", "--features=-register_caching,-folding,-destination_hints", "tier1 auto",
     "tier 1 beside fixed pieces of code, one after the other (copy and patch)"},
    {"dataflow_32", "--features=-narrowing --opt=-ranges", "auto", "narrowing and ranges"},
    {"exact_fp", "--fp=adaptive", "auto",
     "floating-point flags kept before the guest asks for them; below 1 is their cost"},
};

static const size_t technique_count = sizeof techniques / sizeof techniques[0];

static void list_techniques(void)
{
    for (size_t i = 0; i < technique_count; i++) {
        const struct technique_row *row = &techniques[i];
        printf("%-18s %-16s %s\n%18s %16s (off: %s)\n", row->name, row->modes, row->text, "", "",
               row->off_option);
    }
}

/* Is the word one of the words of the text? */
static bool has_word(const char *text, const char *word, const char *separators)
{
    struct string_list words = {0};
    bool found = false;
    string_list_push_words(&words, text, separators);
    for (size_t i = 0; i < words.count; i++)
        found |= text_equal(words.items[i], word);
    string_list_fini(&words);
    return found;
}

static void check_techniques(const struct subcommand *subcommand, const char *wanted)
{
    struct string_list words = {0};
    string_list_push_words(&words, wanted, ",");
    for (size_t i = 0; i < words.count; i++) {
        bool is_known = false;
        for (size_t j = 0; j < technique_count; j++)
            is_known |= text_equal(techniques[j].name, words.items[i]);
        if (!is_known)
            options_usage(subcommand, "--techniques: '%s' is unknown", words.items[i]);
    }
    string_list_fini(&words);
}

/* The mode once more without each technique that is wanted and matters there. */
static void add_ablations(struct experiment *experiment, size_t mode)
{
    const char *wanted = experiment->options->techniques;
    for (size_t i = 0; i < technique_count; i++) {
        const struct technique_row *row = &techniques[i];
        if (!has_word(row->modes, experiment->variants[mode].label, " ") ||
            (wanted != NULL && !has_word(wanted, row->name, ",")))
            continue;
        char *label = text_format("%s -%s", experiment->variants[mode].label, row->name);
        experiment_add_derived(experiment, label, mode, row->off_option);
        free(label);
    }
}

static enum bench_exit conduct(const struct subcommand *self, const struct options *options)
{
    struct experiment *experiment =
        experiment_create(self, options, "tiercel-bench ablate", ABLATE_RUNS);
    experiment->table = &report_worth;
    experiment_add_modes(experiment, "tier0,tier1,auto");
    if (options->program != NULL)
        experiment_add_program(experiment);
    else
        experiment_add_kernels(experiment);
    size_t mode_count = experiment->variant_count;
    for (size_t mode = 0; mode < mode_count; mode++)
        if (experiment->variants[mode].runner == RUNNER_TIERCEL)
            add_ablations(experiment, mode);
    if (experiment->variant_count == mode_count)
        options_usage(self, "no technique to switch off in these modes");
    enum bench_exit result = conduct_experiment(experiment);
    experiment_destroy(&experiment);
    return result;
}

enum bench_exit ablate_run(const struct subcommand *self, const struct options *options)
{
    if (options->lists_techniques) {
        list_techniques();
        return BENCH_EXIT_OK;
    }
    if (options->techniques != NULL)
        check_techniques(self, options->techniques);
    struct options own = *options;
    if (own.plot_file == NULL && report_can_plot())
        own.plot_file = default_plot;
    return conduct(self, &own);
}
