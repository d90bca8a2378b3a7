/* Runs the optimiser on written blocks and compares its output with the written one.
 *
 * A file holds cases: a line "case NAME", a line "passes LIST" as for --opt from none, the input
 * block, a line "gives", the output block. `#` begins a comment. */
#include "src/opt/opt.h"
#include "tests/ir/ir_text.h"

#include <stdlib.h>
#include <string.h>

struct runner {
    const char *file;
    unsigned cases, failures;
    struct arena arena;
};

static char *read_all(const char *path)
{
    FILE *in = fopen(path, "r");
    if (!in) {
        perror(path);
        exit(EXIT_FAILURE);
    }
    size_t size = 0, capacity = 1 << 20;
    char *text = malloc(capacity);
    size = fread(text, 1, capacity - 1, in);
    fclose(in);
    text[size] = '\0';
    return text;
}

/* Cuts the text before the next line that begins with `word`; gives what follows that line's word,
 * or NULL. */
static char *cut_at(char *text, const char *word)
{
    size_t length = strlen(word);
    for (char *line = text; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
        if (strncmp(line, word, length) == 0 && (line[length] == ' ' || line[length] == '\n')) {
            *line = '\0';
            return line + length;
        }
    }
    return NULL;
}

/* The first line without leading blanks; *rest is what follows it. */
static char *take_line(char *text, char **rest)
{
    text += strspn(text, " ");
    char *end = strchr(text, '\n');
    *rest = end ? end + 1 : text + strlen(text);
    if (end)
        *end = '\0';
    return text;
}

static struct ir_block *parse(struct runner *runner, const char *name, const char *text)
{
    struct ir_block *block;
    struct error err;
    if (ir_parse(text, &runner->arena, &block, &err) || ir_verify(block, &err)) {
        fprintf(stderr, "%s: %s: %s\n%s", runner->file, name, err.text, text);
        exit(EXIT_FAILURE);
    }
    return block;
}

static void run_case(struct runner *runner, char *text)
{
    char *rest, *name = take_line(text, &rest);
    char *passes_at = cut_at(rest, "passes"), *input;
    char *passes_text = passes_at ? take_line(passes_at, &input) : NULL;
    char *expected = passes_at ? cut_at(input, "gives") : NULL;
    struct error err;
    uint32_t passes = OPT_NONE;
    if (!expected || opt_parse(passes_text, &passes, &err)) {
        fprintf(stderr, "%s: %s: passes and gives are expected\n", runner->file, name);
        exit(EXIT_FAILURE);
    }
    arena_reset(&runner->arena);
    struct ir_block *block = opt_run(&runner->arena, parse(runner, name, input), passes);
    char *actual = print_ir(block);
    if (ir_verify(block, &err)) {
        fprintf(stderr, "%s: %s: the output is malformed: %s\n%s", runner->file, name, err.text,
                actual);
        runner->failures++;
    } else {
        char *wanted = print_ir(parse(runner, name, expected));
        if (strcmp(actual, wanted) != 0) {
            fprintf(stderr, "%s: %s gives\n%sand not\n%s", runner->file, name, actual, wanted);
            runner->failures++;
        }
        free(wanted);
    }
    free(actual);
    runner->cases++;
}

int main(int argc, char **argv)
{
    struct runner runner = {0};
    arena_init(&runner.arena);
    for (int i = 1; i < argc; i++) {
        runner.file = argv[i];
        char *text = read_all(argv[i]), *at = cut_at(text, "case");
        while (at) {
            char *next = cut_at(at, "case");
            run_case(&runner, at);
            at = next;
        }
        free(text);
    }
    arena_fini(&runner.arena);
    printf("%u cases, %u failures\n", runner.cases, runner.failures);
    return runner.failures || runner.cases == 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
