/* tiercel-bench sweep: the kernels, or a program, over values of tiercel's options.
 *
 * --vary names options and their values; every combination becomes a variant of each mode that
 * tiercel runs, beside the mode with its defaults. Nothing is known here of what the options mean: tiercel checks them. */
#include "bench/commands.h"
#include "bench/conduct.h"

#include <stdlib.h>
#include <string.h>

enum { SWEEP_RUNS = 3, SWEEP_MAX_VARIANTS = 1000 };

static void check_word(const struct subcommand *subcommand, const char *word)
{
    const char *equals = strchr(word, '=');
    if (equals == NULL || equals == word || equals[1] == '\0')
        options_usage(subcommand, "--vary: '%s' is not of the form OPTION=VALUE,VALUE...", word);
}

/* Each combination once with each value of the word "option=value,value". */
static void multiply(struct string_list *combinations, const char *word)
{
    struct string_list old = *combinations, values = {0};
    int name_length = (int)strcspn(word, "=");
    string_list_push_words(&values, word + name_length + 1, ",");
    *combinations = (struct string_list){0};
    for (size_t i = 0; i < old.count; i++) {
        for (size_t j = 0; j < values.count; j++) {
            char *text = text_format("%s%s%.*s=%s", old.items[i], *old.items[i] ? " " : "",
                                     name_length, word, values.items[j]);
            string_list_push(combinations, text);
            free(text);
        }
    }
    string_list_fini(&values);
    string_list_fini(&old);
}

/* "t2=1000 t3=0", ...: all combinations of the values of --vary. */
static struct string_list all_combinations(const struct subcommand *subcommand, const char *vary)
{
    struct string_list words = {0}, combinations = {0};
    string_list_push_words(&words, vary, " \t\n");
    string_list_push(&combinations, "");
    for (size_t i = 0; i < words.count; i++) {
        check_word(subcommand, words.items[i]);
        multiply(&combinations, words.items[i]);
        if (combinations.count > SWEEP_MAX_VARIANTS)
            options_usage(subcommand, "--vary: more than %d combinations", SWEEP_MAX_VARIANTS);
    }
    string_list_fini(&words);
    return combinations;
}

/* "t2=1000 t3=0" as "--t2=1000 --t3=0"; to be freed by the caller. */
static char *as_options(const char *combination)
{
    struct string_list words = {0};
    string_list_push_words(&words, combination, " ");
    char *text = text_format("%s", "");
    for (size_t i = 0; i < words.count; i++) {
        char *longer = text_format("%s --%s", text, words.items[i]);
        free(text);
        text = longer;
    }
    string_list_fini(&words);
    return text;
}

static void add_combinations(struct experiment *experiment, size_t mode,
                             const struct string_list *combinations)
{
    for (size_t i = 0; i < combinations->count; i++) {
        const char *combination = combinations->items[i];
        char *label = text_format("%s %s", experiment->variants[mode].label, combination);
        char *options = as_options(combination);
        experiment_add_derived(experiment, label, mode, options);
        free(options);
        free(label);
    }
}

enum bench_exit sweep_run(const struct subcommand *self, const struct options *options)
{
    if (options->vary == NULL)
        options_usage(self, "--vary is missing: which options, and which values?");
    struct string_list combinations = all_combinations(self, options->vary);
    struct experiment *experiment =
        experiment_create(self, options, "tiercel-bench sweep", SWEEP_RUNS);
    if (options->program != NULL) {
        experiment_add_modes(experiment, options->native != NULL ? "native,auto" : "auto");
        experiment_add_program(experiment);
    } else {
        experiment_add_modes(experiment, "native,auto");
        experiment_add_kernels(experiment);
    }
    size_t mode_count = experiment->variant_count;
    for (size_t mode = 0; mode < mode_count; mode++)
        if (experiment->variants[mode].runner == RUNNER_TIERCEL)
            add_combinations(experiment, mode, &combinations);
    if (experiment->variant_count == mode_count)
        options_usage(self, "nothing to vary: no mode that tiercel runs, or no values");
    enum bench_exit result = conduct_experiment(experiment);
    experiment_destroy(&experiment);
    string_list_fini(&combinations);
    return result;
}
