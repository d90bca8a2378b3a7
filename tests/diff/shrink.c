/* Delta debugging: flags mean "left out". Chunks of flags are set, half of them first and single
 * ones last, and stay set where the difference is still there. Sequences come first, then passes,
 * then the groups of lines within the sequences that are left. */
#include "tests/diff/shrink.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct shrinker {
    struct judge *judge;
    struct mode *mode;
    struct batch *batch;
    time_t deadline;
};

static bool still_differs(struct shrinker *shrinker)
{
    return judge_differs(shrinker->judge, shrinker->mode, shrinker->batch, "minimal");
}

/* Sets the flags [first, first + count) that are not set; all of them again unset when the
 * difference is gone. True when they stay set. */
static bool try_chunk(struct shrinker *shrinker, bool **flags, unsigned first, unsigned count)
{
    bool *changed = calloc(count, sizeof *changed);
    bool is_any = false;
    if (!changed)
        abort();
    for (unsigned i = 0; i < count; i++) {
        changed[i] = !*flags[first + i];
        *flags[first + i] = true;
        is_any |= changed[i];
    }
    bool stays = is_any && still_differs(shrinker);
    for (unsigned i = 0; i < count && !stays; i++)
        if (changed[i])
            *flags[first + i] = false;
    free(changed);
    return stays;
}

static void shrink_flags(struct shrinker *shrinker, bool **flags, unsigned count)
{
    for (unsigned size = (count + 1) / 2; size > 0;) {
        bool has_progress = false;
        for (unsigned first = 0; first < count; first += size) {
            if (time(NULL) > shrinker->deadline)
                return;
            unsigned rest = count - first;
            has_progress |= try_chunk(shrinker, flags, first, rest < size ? rest : size);
        }
        if (size > 1)
            size = (size + 1) / 2;
        else if (!has_progress)
            size = 0;
    }
}

static bool **flag_array(unsigned count)
{
    bool **flags = calloc(count ? count : 1, sizeof *flags);
    if (!flags)
        abort();
    return flags;
}

static void shrink_sequences(struct shrinker *shrinker, unsigned suspect)
{
    struct batch *batch = shrinker->batch;
    for (unsigned i = 0; i < batch->sequence_count; i++)
        batch->sequences[i].is_absent = i != suspect;
    if (still_differs(shrinker))
        return;
    bool **flags = flag_array(batch->sequence_count);
    for (unsigned i = 0; i < batch->sequence_count; i++) {
        batch->sequences[i].is_absent = false;
        flags[i] = &batch->sequences[i].is_absent;
    }
    shrink_flags(shrinker, flags, batch->sequence_count);
    free(flags);
}

static void shrink_passes(struct shrinker *shrinker)
{
    bool **flags = flag_array(shrinker->batch->pass_count);
    for (unsigned i = 0; i < shrinker->batch->pass_count; i++)
        flags[i] = &shrinker->batch->is_pass_absent[i];
    shrink_flags(shrinker, flags, shrinker->batch->pass_count);
    free(flags);
}

static void shrink_groups(struct shrinker *shrinker)
{
    struct batch *batch = shrinker->batch;
    unsigned count = 0, next = 0;
    for (unsigned i = 0; i < batch->sequence_count; i++)
        count += batch->sequences[i].is_absent ? 0 : batch->sequences[i].group_count;
    bool **flags = flag_array(count);
    for (unsigned i = 0; i < batch->sequence_count; i++)
        for (unsigned g = 0; g < batch->sequences[i].group_count; g++)
            if (!batch->sequences[i].is_absent)
                flags[next++] = &batch->sequences[i].is_dropped[g];
    shrink_flags(shrinker, flags, count);
    free(flags);
}

bool shrink_batch(struct judge *judge, struct mode *mode, struct batch *batch, unsigned run,
                  unsigned limit_s)
{
    struct shrinker shrinker = {judge, mode, batch, time(NULL) + (time_t)limit_s};
    unsigned sequence, pass;
    if (!still_differs(&shrinker))
        return false;
    batch_locate(batch, run, &sequence, &pass);
    shrink_sequences(&shrinker, sequence);
    shrink_passes(&shrinker);
    shrink_groups(&shrinker);
    return still_differs(&shrinker);
}

/* ---- where and how they differ ---- */

static unsigned first_difference(const struct outcome *wanted, const struct outcome *found,
                                 size_t record_bytes)
{
    size_t at = 0;
    while (at + record_bytes <= wanted->size_bytes && at + record_bytes <= found->size_bytes &&
           memcmp(wanted->bytes + at, found->bytes + at, record_bytes) == 0)
        at += record_bytes;
    return (unsigned)(at / record_bytes);
}

/* Both outcomes of one run of the program. */
static unsigned run_both(struct judge *judge, struct mode *mode, const char *name, bool is_full,
                         struct outcome *ret_wanted, struct outcome *ret_found)
{
    judge_run_reference(judge, name, is_full, ret_wanted);
    judge_run_mode(judge, mode, name, is_full, ret_found);
    return first_difference(ret_wanted, ret_found, is_full ? sizeof(struct guest_state) : 8);
}

unsigned shrink_locate(struct judge *judge, struct mode *mode, const struct batch *batch,
                       const char *name)
{
    struct outcome wanted, found;
    unsigned run = run_both(judge, mode, name, false, &wanted, &found);
    bool is_cut_short = found.size_bytes < wanted.size_bytes;
    outcome_fini(&wanted);
    outcome_fini(&found);
    if (is_cut_short) { /* digests come at the end, states as they are reached */
        run = run_both(judge, mode, name, true, &wanted, &found);
        outcome_fini(&wanted);
        outcome_fini(&found);
    }
    unsigned count = batch_run_count(batch);
    return run < count ? run : count - 1;
}

/* The registers that the lines mention. */
static uint32_t mentioned(const struct sequence *sequence, const char *const *names)
{
    static const char separators[] = " ,()";
    uint32_t set = 0;
    for (size_t i = 0; i < sequence->line_count; i++) {
        char text[sizeof sequence->lines->text];
        if (sequence->is_dropped[sequence->lines[i].group])
            continue;
        memcpy(text, sequence->lines[i].text, sizeof text);
        for (char *word = strtok(text, separators); word; word = strtok(NULL, separators))
            for (unsigned n = 0; n < 32; n++)
                if (strcmp(word, names[n]) == 0)
                    set |= UINT32_C(1) << n;
    }
    return set;
}

static void print_error_file(const struct judge *judge, FILE *out)
{
    char path[PATH_MAX], line[512];
    snprintf(path, sizeof path, "%s/minimal.tiercel.err", judge->directory);
    FILE *in = fopen(path, "r");
    for (unsigned i = 0; in && i < 20 && fgets(line, sizeof line, in); i++)
        fprintf(out, "    %s", line);
    if (in)
        fclose(in);
}

static void print_ends(const struct batch *batch, unsigned run, const struct outcome *wanted,
                       const struct outcome *found, FILE *out)
{
    struct guest_state states[2];
    size_t at = run * sizeof states[0];
    unsigned sequence, pass;
    if (run >= batch_run_count(batch)) {
        fprintf(out, "  every run agrees when states are written: only digests differ\n");
        return;
    }
    batch_locate(batch, run, &sequence, &pass);
    const struct sequence *suspect = &batch->sequences[sequence];
    fprintf(out, "  sequence %u in pass %u starts from:\n", sequence, pass);
    state_print(out, batch_state(batch, sequence, pass),
                mentioned(suspect, x_register_name) & ~(UINT32_C(1) << suspect->base),
                mentioned(suspect, f_register_name));
    if (at + sizeof states[0] > found->size_bytes || at + sizeof states[0] > wanted->size_bytes) {
        fprintf(out, "  and does not reach its end\n");
        return;
    }
    memcpy(&states[0], wanted->bytes + at, sizeof states[0]);
    memcpy(&states[1], found->bytes + at, sizeof states[1]);
    fprintf(out, "  and ends with (reference, tiercel):\n");
    state_print_difference(out, &states[0], &states[1]);
}

void shrink_report(struct judge *judge, struct mode *mode, const struct batch *batch, FILE *out)
{
    struct outcome wanted, found;
    char text[2][64];
    unsigned run = run_both(judge, mode, "minimal", true, &wanted, &found);
    for (unsigned i = 0; i < batch->sequence_count; i++) {
        const struct sequence *sequence = &batch->sequences[i];
        if (sequence->is_absent)
            continue;
        fprintf(out, "  sequence %u (base register %s, %s 16-bit forms):\n", i,
                x_register_name[sequence->base], sequence->has_compressed ? "with" : "without");
        program_print_sequence(out, sequence);
    }
    print_ends(batch, run, &wanted, &found, out);
    fprintf(out, "  reference: %s, tiercel: %s\n", outcome_text(&wanted, text[0]),
            outcome_text(&found, text[1]));
    print_error_file(judge, out);
    outcome_fini(&wanted);
    outcome_fini(&found);
}
