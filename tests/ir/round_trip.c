/* Every block that a program translates to, unoptimised and optimised, as text: printed, parsed,
 * verified and printed again, it must be the same; and the optimiser must make of the block that
 * was read what it made of the original.
 *
 *   round_trip TIERCEL PROGRAM [ARGUMENT...]
 *
 * runs TIERCEL --tier=1 --dump=ir,opt and reads its dump, pairs of "ir" and "opt" with a block
 * each. */
#include "src/opt/opt.h"
#include "tests/ir/ir_text.h"

#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { MAX_ARGUMENTS = 16 };

/* The dump under inspection. */
struct trip {
    struct arena arena;
    char *block_text; /* what stands after the latest heading, and its length */
    size_t length, capacity;
    bool is_optimised;       /* that heading was "opt" */
    struct ir_block *latest; /* the latest unoptimised block */
    unsigned blocks, failures;
};

static void fail(struct trip *trip, const char *what, const char *text, const char *other)
{
    if (trip->failures++ < 10)
        fprintf(stderr, "%s\n%s%s\n", what, text, other);
}

/* The optimiser's result for the block that was read, against the text of the original's. */
static void check_optimiser(struct trip *trip)
{
    char *again = print_ir(opt_run(&trip->arena, trip->latest, OPT_ALL));
    if (strcmp(again, trip->block_text) != 0)
        fail(trip, "optimised differently once read back:", trip->block_text, again);
    free(again);
}

static void check_block(struct trip *trip)
{
    struct ir_block *block;
    struct error err;
    if (trip->length == 0)
        return;
    trip->blocks++;
    if (!trip->is_optimised)
        arena_reset(&trip->arena);
    if (ir_parse(trip->block_text, &trip->arena, &block, &err) || ir_verify(block, &err)) {
        fail(trip, err.text, trip->block_text, "");
        return;
    }
    char *again = print_ir(block);
    if (strcmp(again, trip->block_text) != 0)
        fail(trip, "printed and read as:", trip->block_text, again);
    free(again);
    if (trip->is_optimised && trip->latest)
        check_optimiser(trip);
    trip->latest = trip->is_optimised ? NULL : block;
}

static void append(struct trip *trip, const char *line)
{
    size_t length = strlen(line);
    if (trip->length + length + 1 > trip->capacity) {
        trip->capacity = 2 * (trip->length + length + 1);
        trip->block_text = realloc(trip->block_text, trip->capacity);
        if (!trip->block_text)
            abort();
    }
    memcpy(trip->block_text + trip->length, line, length + 1);
    trip->length += length;
}

static void read_dump(struct trip *trip, FILE *in)
{
    char *line = NULL;
    size_t size = 0;
    while (getline(&line, &size, in) > 0) {
        bool is_heading = strcmp(line, "ir\n") == 0 || strcmp(line, "opt\n") == 0;
        if (is_heading) {
            check_block(trip);
            trip->length = 0;
            trip->is_optimised = *line == 'o';
        } else {
            append(trip, line);
        }
    }
    check_block(trip);
    free(line);
}

/* Starts the program with its standard error, which is the dump, in a pipe. */
static FILE *start(char **arguments, pid_t *ret_pid)
{
    int ends[2];
    posix_spawn_file_actions_t actions;
    if (pipe(ends) || posix_spawn_file_actions_init(&actions) ||
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", 1, 0) ||
        posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO) ||
        posix_spawn_file_actions_addclose(&actions, ends[0]) ||
        posix_spawn(ret_pid, arguments[0], &actions, NULL, arguments, environ)) {
        perror(arguments[0]);
        exit(EXIT_FAILURE);
    }
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    return fdopen(ends[0], "r");
}

int main(int argc, char **argv)
{
    static char tier[] = "--tier=1", dump[] = "--dump=ir,opt";
    char *arguments[MAX_ARGUMENTS + 4] = {argc > 1 ? argv[1] : NULL, tier, dump};
    if (argc < 3 || argc > MAX_ARGUMENTS) {
        fprintf(stderr, "usage: round_trip TIERCEL PROGRAM [ARGUMENT...]\n");
        return EXIT_FAILURE;
    }
    memcpy(arguments + 3, argv + 2, (size_t)(argc - 2) * sizeof *argv);
    struct trip trip = {0};
    pid_t pid;
    int status;
    arena_init(&trip.arena);
    FILE *in = start(arguments, &pid);
    read_dump(&trip, in);
    fclose(in);
    bool has_ended =
        waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    if (!has_ended)
        fprintf(stderr, "%s failed\n", argv[2]);
    printf("%u blocks, %u failures\n", trip.blocks, trip.failures);
    arena_fini(&trip.arena);
    free(trip.block_text);
    return has_ended && trip.blocks > 100 && trip.failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
