/* From a batch to a guest program. What is absent or dropped is left out, so that the shrinker
 * builds smaller programs from the same batch. */
#include "tests/diff/program.h"
#include "tests/diff/runner.h"

#include <limits.h>
#include <stdlib.h>

static const char harness[] =
#include "tests/diff/harness.inc"
    ;

/* ---- batches ---- */

/* States of a batch: so many that a sequence meets them all before it meets one again (the number
 * is prime to that of the sequences), so few that the program stays small. */
enum { MAX_STATES = 1021, OTHER_MAX_STATES = 1019 };

static unsigned choose_state_count(const struct batch *batch)
{
    unsigned most = batch->sequence_count % MAX_STATES ? MAX_STATES : OTHER_MAX_STATES;
    uint64_t runs = (uint64_t)batch->sequence_count * batch->pass_count;
    return runs < most ? (unsigned)runs : most;
}

const struct guest_state *batch_state(const struct batch *batch, unsigned sequence, unsigned pass)
{
    uint64_t run = (uint64_t)pass * batch->sequence_count + sequence;
    return &batch->states[run % batch->state_count];
}

void batch_init(struct batch *batch, uint64_t seed, unsigned instruction_count,
                unsigned mean_length, unsigned pass_count)
{
    struct random random = {seed};
    unsigned capacity = 0, length = 0;
    *batch = (struct batch){.pass_count = pass_count};
    while (length < instruction_count) {
        if (batch->sequence_count == capacity) {
            capacity = capacity ? 2 * capacity : 64;
            batch->sequences = realloc(batch->sequences, capacity * sizeof *batch->sequences);
            if (!batch->sequences)
                abort();
        }
        struct sequence *sequence = &batch->sequences[batch->sequence_count];
        /* lengths from a third to about twice the wanted one */
        unsigned wanted = mean_length / 3 + random_below(&random, mean_length * 4 / 3 + 1);
        sequence_generate(sequence, random_bits(&random), batch->sequence_count++, wanted + 1);
        length += sequence_length(sequence);
    }
    batch->state_count = choose_state_count(batch);
    batch->states = calloc(batch->state_count, sizeof *batch->states);
    batch->is_pass_absent = calloc(pass_count, sizeof *batch->is_pass_absent);
    if (!batch->states || !batch->is_pass_absent)
        abort();
    for (unsigned i = 0; i < batch->state_count; i++)
        state_seed(&batch->states[i], &random);
}

void batch_fini(struct batch *batch)
{
    for (unsigned i = 0; i < batch->sequence_count; i++)
        sequence_fini(&batch->sequences[i]);
    free(batch->sequences);
    free(batch->states);
    free(batch->is_pass_absent);
    *batch = (struct batch){0};
}

unsigned batch_length(const struct batch *batch)
{
    unsigned length = 0;
    for (unsigned i = 0; i < batch->sequence_count; i++)
        if (!batch->sequences[i].is_absent)
            length += sequence_length(&batch->sequences[i]);
    return length;
}

static unsigned count_passes(const struct batch *batch)
{
    unsigned count = 0;
    for (unsigned pass = 0; pass < batch->pass_count; pass++)
        count += !batch->is_pass_absent[pass];
    return count;
}

unsigned batch_run_count(const struct batch *batch)
{
    unsigned count = 0;
    for (unsigned i = 0; i < batch->sequence_count; i++)
        count += !batch->sequences[i].is_absent;
    return count * count_passes(batch);
}

void batch_locate(const struct batch *batch, unsigned run, unsigned *ret_sequence,
                  unsigned *ret_pass)
{
    for (unsigned pass = 0; pass < batch->pass_count; pass++) {
        for (unsigned i = 0; i < batch->sequence_count && !batch->is_pass_absent[pass]; i++) {
            if (batch->sequences[i].is_absent || run-- != 0)
                continue;
            *ret_sequence = i;
            *ret_pass = pass;
            return;
        }
    }
    abort();
}

/* ---- the program ---- */

static void write_constants(FILE *out, const struct batch *batch)
{
    enum { SAVED = WINDOW_ABOVE_BASE + 128, VARIABLES = 1600 };
    _Static_assert(SAVED + offsetof(struct guest_state, window) <= VARIABLES, "no overlap");
    static const char *const variables[] = {"IS_FULL",     "PASSES_LEFT",   "NEXT_STATE",
                                            "NEXT_DIGEST", "NEXT_SEQUENCE", "SEEDED_SP",
                                            "SEEDED_X31",  "SAVERS"};
    fprintf(out, ".equ WINDOW_AT, %d\n.equ WINDOW_BYTES, %d\n.equ SAVED, %d\n", -WINDOW_BELOW_BASE,
            WINDOW_BYTES, SAVED);
    fprintf(out, ".equ STATE_F, %zu\n.equ STATE_FCSR, %zu\n", offsetof(struct guest_state, f),
            offsetof(struct guest_state, fcsr));
    fprintf(out, ".equ STATE_WINDOW, %zu\n.equ STATE_BYTES, %zu\n",
            offsetof(struct guest_state, window), sizeof(struct guest_state));
    fprintf(out, ".equ PASSES, %u\n.equ RUNS, %u\n", count_passes(batch), batch_run_count(batch));
    for (unsigned i = 0; i < sizeof variables / sizeof variables[0]; i++)
        fprintf(out, ".equ %s, %u\n", variables[i], VARIABLES + 8 * i);
}

void program_print_sequence(FILE *out, const struct sequence *sequence)
{
    for (size_t i = 0; i < sequence->line_count; i++) {
        const struct sequence_line *line = &sequence->lines[i];
        if (!sequence->is_dropped[line->group])
            fprintf(out, "%s%s\n", line->text[0] == '.' ? "" : "    ", line->text);
    }
}

static void write_sequence(FILE *out, const struct sequence *sequence, unsigned number)
{
    const char *base = x_register_name[sequence->base];
    fprintf(out, ".option %s\nsequence_%u:\n", sequence->has_compressed ? "rvc" : "norvc", number);
    if (sequence->base != 2)
        fprintf(out, "    mv %s, sp\n    ld sp, SEEDED_SP(%s)\n", base, base);
    if (sequence->base != 31)
        fprintf(out, "    ld x31, SEEDED_X31(%s)\n", base);
    program_print_sequence(out, sequence);
    const char *exit = x_register_name[sequence->base == 31 ? 30 : 31];
    fprintf(out, "    sd %s, SAVED + 8 * %d(%s)\n", exit, sequence->base == 31 ? 30 : 31, base);
    fprintf(out, "    ld %s, SAVERS + 8 * %u(%s)\n    jr %s\n", exit, sequence->base, base, exit);
}

static bool write_assembly(const struct batch *batch, const char *base)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s.s", base);
    FILE *out = fopen(path, "w");
    if (!out)
        return false;
    write_constants(out, batch);
    fputs(harness, out);
    for (unsigned i = 0; i < batch->sequence_count; i++)
        if (!batch->sequences[i].is_absent)
            write_sequence(out, &batch->sequences[i], i);
    fputs(".section .rodata\n.balign 8\nsequences:\n", out);
    for (unsigned i = 0; i < batch->sequence_count; i++)
        if (!batch->sequences[i].is_absent)
            fprintf(out, ".dword sequence_%u\n", i);
    fprintf(out, "sequences_end:\nstates: .incbin \"%s.states\"\nstates_end:\n", base);
    return fclose(out) == 0;
}

/* Is every run of the batch in the program? */
static bool is_whole(const struct batch *batch)
{
    return batch_run_count(batch) == batch->sequence_count * batch->pass_count;
}

/* The states in turn; for a part of the batch, one for each of its runs. */
static bool write_states(const struct batch *batch, const char *base)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s.states", base);
    FILE *out = fopen(path, "w");
    if (!out)
        return false;
    if (is_whole(batch)) {
        fwrite(batch->states, sizeof *batch->states, batch->state_count, out);
        return fclose(out) == 0;
    }
    for (unsigned pass = 0; pass < batch->pass_count; pass++)
        for (unsigned i = 0; i < batch->sequence_count; i++)
            if (!batch->is_pass_absent[pass] && !batch->sequences[i].is_absent)
                fwrite(batch_state(batch, i, pass), sizeof *batch->states, 1, out);
    return fclose(out) == 0;
}

static bool run_tool(const char *const *argv, const char *base)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s.err", base);
    struct outcome outcome;
    run_program(argv, path, 120, &outcome);
    bool is_good = outcome.end == RAN_TO_END && outcome.status == 0;
    if (!is_good)
        fprintf(stderr, "diff: %s failed, see %s\n", argv[0], path);
    outcome_fini(&outcome);
    return is_good;
}

bool program_build(const struct batch *batch, const char *base)
{
    char source[PATH_MAX], object[PATH_MAX];
    snprintf(source, sizeof source, "%s.s", base);
    snprintf(object, sizeof object, "%s.o", base);
    if (!write_assembly(batch, base) || !write_states(batch, base)) {
        fprintf(stderr, "diff: cannot write %s\n", source);
        return false;
    }
    const char *const assemble[] = {ASSEMBLER, "-march=rv64gc_zba_zbb_zbs", source, "-o", object,
                                    NULL};
    const char *const link[] = {LINKER, "-static", "-o", base, object, NULL};
    return run_tool(assemble, base) && run_tool(link, base);
}
