/*
 * Measuring one workload. See measure.h.
 *
 * Variants take turns, and each round begins with another one, so that a drift of the
 * machine's speed spreads over all. Output and exit status of every run are compared with
 * the reference: a native run, or where there is none the first run that came to its end.
 */
#include "bench/measure.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/calibrate.h"

struct reference {
    const char *label; /* of the variant it came from; NULL: none yet */
    struct process_result result;
};

struct measurement {
    struct experiment *experiment;
    struct workload *workload;
    size_t workload_index;
    struct reference reference;
};

/* On a terminal one line says what is running. */
static void show_progress(const struct measurement *self, const char *what, unsigned round)
{
    if (!isatty(STDERR_FILENO))
        return;
    fprintf(stderr, "\r\033[K[%zu/%zu] %s: %s", self->workload_index + 1,
            self->experiment->workload_count, self->workload->name, what);
    if (round > 0)
        fprintf(stderr, ", run %u of %u", round, self->experiment->runs);
    fflush(stderr);
}

static void clear_progress(void)
{
    if (isatty(STDERR_FILENO))
        fputs("\r\033[K", stderr);
}

static bool is_finished(const struct process_result *result)
{
    return result->end == PROCESS_EXITED || result->end == PROCESS_SIGNALLED;
}

static bool is_same_end(const struct process_result *a, const struct process_result *b)
{
    return a->end == b->end && a->code == b->code;
}

static bool is_same_output(const struct process_result *a, const struct process_result *b)
{
    return a->output_bytes == b->output_bytes && memcmp(a->output, b->output, a->output_bytes) == 0;
}

/* The last line of a text that is not empty, to be freed by the caller; or NULL. */
static char *last_line(const char *text)
{
    size_t end = strlen(text);
    while (end > 0 && (text[end - 1] == '\n' || text[end - 1] == '\r'))
        end--;
    size_t start = end;
    while (start > 0 && text[start - 1] != '\n')
        start--;
    return end > start ? text_format("%.*s", (int)(end - start), text + start) : NULL;
}

/* What is wrong with a run, compared with the reference; NULL: nothing. */
static char *find_trouble(const struct reference *reference, const struct process_result *result,
                          const struct process_request *request)
{
    if (!is_finished(result))
        return process_describe_end(result, request);
    if (reference->label == NULL)
        return NULL;
    if (!is_same_end(result, &reference->result)) {
        char *own = process_describe_end(result, request);
        char *wanted = process_describe_end(&reference->result, request);
        char *trouble = text_format("%s, but %s: %s", own, reference->label, wanted);
        free(own);
        free(wanted);
        return trouble;
    }
    if (!is_same_output(result, &reference->result))
        return text_format("output differs from that of %s", reference->label);
    return NULL;
}

static void run_command(const struct measurement *self, const struct variant *variant,
                        struct process_result *ret_result, struct process_request *ret_request,
                        struct string_list *command)
{
    experiment_command(self->experiment, self->workload, variant, command);
    *ret_request = (struct process_request){command->items, self->workload->stdin_file,
                                            self->experiment->options->time_limit_s};
    process_run(ret_result, ret_request);
}

/* An untimed native run, which also warms the caches; kernels must end with status 0. */
static void take_native_reference(struct measurement *self)
{
    static const struct variant native = {.runner = RUNNER_NATIVE};
    struct process_result *result = &self->reference.result;
    struct process_request request;
    struct string_list command = {0};
    show_progress(self, "native reference", 0);
    run_command(self, &native, result, &request, &command);
    if (!is_finished(result) || (self->workload->is_sized && result->code != 0))
        bench_fail("%s does not run natively: %s", self->workload->name,
                   process_describe_end(result, &request));
    self->reference.label = "native";
    string_list_fini(&command);
}

static void add_sample(const struct experiment *experiment, const struct variant *variant,
                       struct cell *cell, const struct process_result *result)
{
    cell->samples_s[cell->runs_done++] = result->wall_s;
    cell->cpu_s = result->cpu_s;
    cell->peak_kib = result->peak_kib > cell->peak_kib ? result->peak_kib : cell->peak_kib;
    if (variant->runs_less_when_slow && result->wall_s > slow_run_s &&
        cell->runs_done < experiment->runs)
        cell->is_cut_short = true;
}

/* One run of one variant. The first finished run becomes the reference if there is none. */
static void measure_once(struct measurement *self, size_t variant_index)
{
    const struct variant *variant = &self->experiment->variants[variant_index];
    struct cell *cell = experiment_cell(self->experiment, self->workload_index, variant_index);
    struct process_result result;
    struct process_request request;
    struct string_list command = {0};
    show_progress(self, variant->label, cell->runs_done + 1);
    run_command(self, variant, &result, &request, &command);
    cell->trouble = find_trouble(&self->reference, &result, &request);
    if (is_finished(&result))
        add_sample(self->experiment, variant, cell, &result);
    if (cell->trouble != NULL)
        cell->trouble_tail = last_line(result.errors);
    if (self->reference.label == NULL && is_finished(&result)) {
        self->reference = (struct reference){variant->label, result};
    } else {
        process_result_fini(&result);
    }
    string_list_fini(&command);
}

/* All modes may agree on a failure of the program itself: then say so. */
static void note_end(struct measurement *self)
{
    const struct process_result *result = &self->reference.result;
    if (self->reference.label != NULL && (result->end != PROCESS_EXITED || result->code != 0))
        self->workload->end_note =
            process_describe_end(result, &(struct process_request){.argv = NULL});
}

void measure_workload(struct experiment *experiment, size_t workload_index)
{
    struct measurement self = {.experiment = experiment,
                               .workload = &experiment->workloads[workload_index],
                               .workload_index = workload_index};
    size_t count = experiment->variant_count;
    if (self.workload->is_sized) {
        show_progress(&self, "choosing the size", 0);
        calibrate_workload(experiment, self.workload);
    }
    if (self.workload->native_path != NULL)
        take_native_reference(&self);
    for (unsigned round = 0; round < experiment->runs; round++) {
        for (size_t i = 0; i < count; i++) {
            size_t variant = (i + round) % count;
            const struct cell *cell = experiment_cell(experiment, workload_index, variant);
            if (cell->trouble == NULL && !cell->is_cut_short)
                measure_once(&self, variant);
        }
    }
    clear_progress();
    note_end(&self);
    process_result_fini(&self.reference.result);
}
