/* The options of all subcommands, from one table: see options.h. */
#include "bench/options.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum option_kind {
    KIND_FLAG,    /* --name            bool */
    KIND_TEXT,    /* --name=TEXT       const char * */
    KIND_FILE,    /* --name[=FILE]     const char *, "-" without FILE */
    KIND_SECONDS, /* --name=S          double, 0 or more */
    KIND_COUNT,   /* --name=N          unsigned, 1 to 10000 */
};

/*
 * name      without the dashes
 * argument  how the help writes the value
 * kind      how the value is read, and the type of the field
 * group     the subcommands that accept it
 * offset    of the field in struct options
 * help      one line
 */
struct option_row {
    const char *name;
    const char *argument;
    enum option_kind kind;
    enum option_group group;
    size_t offset;
    const char *help;
};

#define FIELD(name) offsetof(struct options, name)

static const struct option_row rows[] = {
    {"modes", "=A,B", KIND_TEXT, OPTIONS_COMMON, FIELD(modes),
     "what to compare: native qemu tier0 tier1 tier2 auto"},
    {"runs", "=N", KIND_COUNT, OPTIONS_COMMON, FIELD(runs), "runs of each, the median counts"},
    {"time-limit", "=S", KIND_SECONDS, OPTIONS_COMMON, FIELD(time_limit_s),
     "end a run after S seconds and report it (120; 0: never)"},
    {"memory", "", KIND_FLAG, OPTIONS_COMMON, FIELD(shows_memory), "a column of peak memory"},
    {"json", "[=FILE]", KIND_FILE, OPTIONS_COMMON, FIELD(json_file),
     "results as JSON, instead of the table or to FILE"},
    {"csv", "[=FILE]", KIND_FILE, OPTIONS_COMMON, FIELD(csv_file),
     "results as CSV, instead of the table or to FILE"},
    {"plot", "=FILE", KIND_TEXT, OPTIONS_COMMON, FIELD(plot_file),
     "geometric means as a picture: .svg .png .pdf, or .txt (needs gnuplot)"},
    {"opts", "=WORDS", KIND_TEXT, OPTIONS_COMMON, FIELD(tiercel_options),
     "further options for tiercel, in every mode that runs it"},
    {"tiercel", "=PATH", KIND_TEXT, OPTIONS_COMMON, FIELD(tiercel),
     "the emulator (the one beside tiercel-bench)"},
    {"qemu", "=PATH", KIND_TEXT, OPTIONS_COMMON, FIELD(qemu), "qemu-user (qemu-riscv64 in PATH)"},
    {"kernel-dir", "=DIR", KIND_TEXT, OPTIONS_COMMON, FIELD(kernel_dir),
     "holds native/ and riscv64/ (bench/ beside tiercel-bench)"},
    {"kernels", "=A,B", KIND_TEXT, OPTIONS_KERNELS, FIELD(kernels),
     "kernels or groups: integer memory fp (all)"},
    {"seconds", "=S", KIND_SECONDS, OPTIONS_KERNELS, FIELD(seconds),
     "native time that each kernel's size is chosen for (0.5)"},
    {"techniques", "=A,B", KIND_TEXT, OPTIONS_ABLATE, FIELD(techniques),
     "what to switch off, each alone (all that --list says)"},
    {"list", "", KIND_FLAG, OPTIONS_ABLATE, FIELD(lists_techniques),
     "say what can be switched off, where it matters, and how"},
    {"vary", "=WORDS", KIND_TEXT, OPTIONS_SWEEP, FIELD(vary),
     "options of tiercel with values: 't2=1000,100000 t3=0,1000000'"},
    {"native", "=PATH", KIND_TEXT, OPTIONS_PROGRAM, FIELD(native),
     "the same program built for this machine, as mode native"},
    {"stdin", "=FILE", KIND_TEXT, OPTIONS_PROGRAM, FIELD(stdin_file),
     "standard input of every run (nothing)"},
};

static const size_t row_count = sizeof rows / sizeof rows[0];

void options_usage(const struct subcommand *subcommand, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("tiercel-bench: ", stderr);
    vfprintf(stderr, format, arguments);
    fprintf(stderr, "\nusage: tiercel-bench %s %s\n", subcommand->name, subcommand->synopsis);
    va_end(arguments);
    exit(BENCH_EXIT_USAGE);
}

static void print_help(const struct subcommand *subcommand)
{
    printf("usage: tiercel-bench %s %s\n\n%s\n\noptions:\n", subcommand->name, subcommand->synopsis,
           subcommand->description);
    for (size_t i = 0; i < row_count; i++) {
        if (rows[i].group & subcommand->option_groups)
            printf("  --%s%-*s %s\n", rows[i].name, (int)(18 - strlen(rows[i].name)),
                   rows[i].argument, rows[i].help);
    }
    printf("  --%-18s %s\n", "help", "this text");
}

/* The row whose name is the text up to '=' or the end, if the subcommand accepts it. */
static const struct option_row *find_row(const struct subcommand *subcommand, const char *text)
{
    size_t length = strcspn(text, "=");
    for (size_t i = 0; i < row_count; i++) {
        if ((rows[i].group & subcommand->option_groups) && strlen(rows[i].name) == length &&
            strncmp(rows[i].name, text, length) == 0)
            return &rows[i];
    }
    return NULL;
}

/* False unless the text is one decimal number, 0 or more, and nothing else. */
static bool read_number(const char *text, double *ret_number)
{
    if (strspn(text, "0123456789.") != strlen(text) || strpbrk(text, "0123456789") == NULL)
        return false;
    char *end = NULL;
    double number = strtod(text, &end);
    if (*end != '\0' || !isfinite(number))
        return false;
    *ret_number = number;
    return true;
}

static void read_seconds(const struct subcommand *subcommand, const struct option_row *row,
                         const char *value, double *ret_seconds)
{
    if (!read_number(value, ret_seconds) || *ret_seconds > 86400)
        options_usage(subcommand, "--%s: '%s' is not a number of seconds from 0 to 86400",
                      row->name, value);
}

static void read_count(const struct subcommand *subcommand, const struct option_row *row,
                       const char *value, unsigned *ret_count)
{
    double number = 0;
    if (strchr(value, '.') != NULL || !read_number(value, &number) || number < 1 || number > 10000)
        options_usage(subcommand, "--%s: '%s' is not a number from 1 to 10000", row->name, value);
    *ret_count = (unsigned)number;
}

/* value: what follows '=', or NULL. */
static void store(struct options *options, const struct subcommand *subcommand,
                  const struct option_row *row, const char *value)
{
    void *field = (char *)options + row->offset;
    if (row->kind == KIND_FLAG && value != NULL)
        options_usage(subcommand, "--%s takes no value", row->name);
    if (row->kind != KIND_FLAG && row->kind != KIND_FILE && value == NULL)
        options_usage(subcommand, "--%s needs a value: --%s%s", row->name, row->name,
                      row->argument);
    if (value != NULL && *value == '\0' && row->offset != FIELD(tiercel_options))
        options_usage(subcommand, "--%s: the value is empty", row->name);
    switch (row->kind) {
    case KIND_FLAG:
        *(bool *)field = true;
        break;
    case KIND_TEXT:
        *(const char **)field = value;
        break;
    case KIND_FILE:
        *(const char **)field = value != NULL ? value : "-";
        break;
    case KIND_SECONDS:
        read_seconds(subcommand, row, value, field);
        break;
    case KIND_COUNT:
        read_count(subcommand, row, value, field);
        break;
    }
}

static void take_program(struct options *options, const struct subcommand *subcommand,
                         char **program)
{
    if (!(subcommand->option_groups & OPTIONS_PROGRAM))
        options_usage(subcommand, "a program after -- is not taken here");
    if (*program == NULL)
        options_usage(subcommand, "-- must be followed by a program");
    options->program = program;
}

static void check(const struct options *options, const struct subcommand *subcommand)
{
    if (options->json_file != NULL && options->csv_file != NULL &&
        text_equal(options->json_file, "-") && text_equal(options->csv_file, "-"))
        options_usage(subcommand, "--json and --csv cannot both go to standard output");
    if (options->program == NULL && (options->native != NULL || options->stdin_file != NULL))
        options_usage(subcommand, "--native and --stdin go with a program after --");
    if (options->program != NULL && options->kernels != NULL)
        options_usage(subcommand, "--kernels does not go with a program after --");
    if (options->seconds <= 0)
        options_usage(subcommand, "--seconds must be above 0");
}

void options_parse(struct options *ret_options, const struct subcommand *subcommand, char **argv)
{
    *ret_options = (struct options){.seconds = 0.5, .time_limit_s = 120};
    for (; *argv != NULL; argv++) {
        const char *text = *argv;
        if (text_equal(text, "--")) {
            take_program(ret_options, subcommand, argv + 1);
            break;
        }
        if (text_equal(text, "--help") || text_equal(text, "-h")) {
            print_help(subcommand);
            exit(BENCH_EXIT_OK);
        }
        if (text[0] != '-')
            options_usage(subcommand, "unexpected word '%s'", text);
        const struct option_row *row =
            strncmp(text, "--", 2) == 0 ? find_row(subcommand, text + 2) : NULL;
        if (row == NULL)
            options_usage(subcommand, "unknown option '%s'", text);
        const char *equals = strchr(text, '=');
        store(ret_options, subcommand, row, equals != NULL ? equals + 1 : NULL);
    }
    check(ret_options, subcommand);
}
