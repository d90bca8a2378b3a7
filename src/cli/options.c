/* Parsing of the command line: one table row per option. */
#include "src/cli/options.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

extern char **environ;

enum argument { ARGUMENT_NONE, ARGUMENT_NEEDED, ARGUMENT_OPTIONAL };

struct option_row {
    const char *name;
    enum argument argument;
    bool (*apply)(struct cli_options *options, const char *value);
    const char *value_name;
    const char *text;
};

/* One sentence on stderr; false, for callers that pass it on. */
__attribute__((format(printf, 1, 2))) static bool complain(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("tiercel: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    return false;
}

/* A decimal or 0x number up to `limit`, with an optional K, M or G. */
static bool parse_number(const char *text, uint64_t limit, uint64_t *ret_value)
{
    char *end;
    errno = 0;
    if (*text < '0' || *text > '9')
        return complain("'%s' is not a number", text);
    uint64_t value = strtoull(text, &end, 0);
    unsigned shift = *end == 'K' ? 10 : *end == 'M' ? 20 : *end == 'G' ? 30 : 0;
    if (shift)
        end++;
    if (*end || errno)
        return complain("'%s' is not a number", text);
    if (value > limit >> shift)
        return complain("'%s' is too large", text);
    *ret_value = value << shift;
    return true;
}

static bool parse_u32(const char *text, uint32_t *ret_value)
{
    uint64_t value;
    if (!parse_number(text, INT32_MAX, &value))
        return false;
    *ret_value = (uint32_t)value;
    return true;
}

static bool apply_tier(struct cli_options *options, const char *value)
{
    static const char *const names[] = {"auto", "0", "1", "2"};
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(value, names[i]) == 0) {
            options->config.mode = (tiercel_mode)i;
            return true;
        }
    }
    return complain("--tier takes auto, 0, 1 or 2, not '%s'", value);
}

static bool apply_lockstep(struct cli_options *options, const char *value)
{
    options->config.lockstep = value;
    return true;
}

static bool apply_fp(struct cli_options *options, const char *value)
{
    bool is_adaptive = strcmp(value, "adaptive") == 0;
    if (!is_adaptive && strcmp(value, "exact") != 0)
        return complain("--fp takes exact or adaptive, not '%s'", value);
    options->config.fp = is_adaptive ? TIERCEL_FP_ADAPTIVE : TIERCEL_FP_EXACT;
    return true;
}

static bool apply_t1(struct cli_options *options, const char *value)
{
    return parse_u32(value, &options->config.threshold[1]);
}
static bool apply_t2(struct cli_options *options, const char *value)
{
    options->has_t2 = true;
    return parse_u32(value, &options->config.threshold[2]);
}
static bool apply_t3(struct cli_options *options, const char *value)
{
    return parse_u32(value, &options->config.threshold[3]);
}
static bool apply_jit_threads(struct cli_options *options, const char *value)
{
    return parse_u32(value, &options->config.jit_threads);
}
static bool apply_deterministic(struct cli_options *options, const char *value)
{
    (void)value;
    options->config.is_deterministic = true;
    return true;
}

static bool apply_stats(struct cli_options *options, const char *value)
{
    options->is_stats = options->config.is_counting = true;
    if (!value)
        return true;
    if (strncmp(value, "json", 4) != 0 || (value[4] && value[4] != ':') || strcmp(value, "json:") == 0)
        return complain("--stats takes json or json:FILE, not '%s'", value);
    options->is_stats_json = true;
    options->stats_file = value[4] ? value + 5 : NULL;
    return true;
}

static bool apply_dump(struct cli_options *options, const char *value)
{
    static const struct {
        const char *name;
        uint32_t bit;
    } kinds[] = {{"decode", TIERCEL_DUMP_DECODE}, {"ir", TIERCEL_DUMP_IR},
                 {"opt", TIERCEL_DUMP_OPT},       {"x64", TIERCEL_DUMP_X64},
                 {"llvm", TIERCEL_DUMP_LLVM},     {"asm", TIERCEL_DUMP_ASM},
                 {"registers", TIERCEL_DUMP_REGISTERS},
                 {"promotions", TIERCEL_DUMP_PROMOTIONS}};
    while (*value) {
        size_t length = strcspn(value, ",");
        uint32_t bit = 0;
        for (unsigned i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
            if (strlen(kinds[i].name) == length && !memcmp(kinds[i].name, value, length))
                bit = kinds[i].bit;
        if (!bit)
            return complain("--dump takes decode, ir, opt, x64, llvm, asm, registers, promotions, "
                            "not '%s'", value);
        options->config.dump |= bit;
        value += length + (value[length] == ',');
    }
    return true;
}

static bool apply_dump_filter(struct cli_options *options, const char *value)
{
    return parse_number(value, UINT64_MAX, &options->config.dump_pc);
}
static bool apply_translate_only(struct cli_options *options, const char *value)
{
    (void)value;
    options->is_translating = true;
    return true;
}
static bool apply_strace(struct cli_options *options, const char *value)
{
    (void)value;
    options->config.strace_file = stderr;
    return true;
}
static bool apply_opt(struct cli_options *options, const char *value)
{
    options->config.opt = value;
    return true;
}
static bool apply_features(struct cli_options *options, const char *value)
{
    options->config.features = value;
    return true;
}
static bool apply_stress(struct cli_options *options, const char *value)
{
    options->config.stress = value;
    return true;
}
static bool apply_no_routines(struct cli_options *options, const char *value)
{
    (void)value;
    options->config.is_without_routines = true;
    return true;
}
static bool apply_code_memory(struct cli_options *options, const char *value)
{
    uint64_t bytes;
    if (!parse_number(value, UINT64_C(1) << 40, &bytes))
        return false;
    options->config.code_memory_bytes = bytes;
    return true;
}
static bool apply_block_insns(struct cli_options *options, const char *value)
{
    return parse_u32(value, &options->config.max_block_insns);
}
static bool apply_region_insns(struct cli_options *options, const char *value)
{
    return parse_u32(value, &options->config.max_region_insns);
}

/* ---- the guest's environment ---- */

static void copy_environment(struct cli_options *options)
{
    while (environ[options->environment_count])
        options->environment_count++;
    size_t size_bytes = (options->environment_count + 1) * sizeof *options->environment;
    options->environment = malloc(size_bytes);
    if (!options->environment)
        abort();
    memcpy(options->environment, environ, size_bytes);
}

static void unset_variable(struct cli_options *options, const char *name, size_t length)
{
    const char **variables = options->environment;
    size_t kept = 0;
    for (size_t i = 0; i < options->environment_count; i++)
        if (strncmp(variables[i], name, length) != 0 || variables[i][length] != '=')
            variables[kept++] = variables[i];
    options->environment_count = kept;
    variables[kept] = NULL;
}

static bool apply_set_variable(struct cli_options *options, const char *value)
{
    const char *equals = strchr(value, '=');
    if (!equals || equals == value)
        return complain("-E takes NAME=VALUE, not '%s'", value);
    unset_variable(options, value, (size_t)(equals - value));
    options->environment = realloc(options->environment, (options->environment_count + 2) *
                                                             sizeof *options->environment);
    if (!options->environment)
        abort();
    options->environment[options->environment_count++] = value;
    options->environment[options->environment_count] = NULL;
    return true;
}

static bool apply_unset_variable(struct cli_options *options, const char *value)
{
    if (!*value || strchr(value, '='))
        return complain("-U takes a NAME, not '%s'", value);
    unset_variable(options, value, strlen(value));
    return true;
}

/* ---- the table ---- */

static const struct option_row rows[] = {
    {"--tier", ARGUMENT_NEEDED, apply_tier, "auto|0|1|2", "promote by heat, or one tier alone"},
    {"--t1", ARGUMENT_NEEDED, apply_t1, "N", "executions in tier 0 before tier 1 (0: at once)"},
    {"--t2", ARGUMENT_NEEDED, apply_t2, "N", "executions in tier 1 before tier 2"},
    {"--t3", ARGUMENT_NEEDED, apply_t3, "N", "polls in tier 2 before tier 3 (10N without vector loops)"},
    {"--fp", ARGUMENT_NEEDED, apply_fp, "exact|adaptive",
     "adaptive: no FP flags until the guest uses them"},
    {"--jit-threads", ARGUMENT_NEEDED, apply_jit_threads, "N",
     "compile threads; 0 compiles on the guest's thread"},
    {"--deterministic", ARGUMENT_NONE, apply_deterministic, NULL,
     "equal runs give equal statistics: compile at the exact count"},
    {"--lockstep", ARGUMENT_NEEDED, apply_lockstep, "T0,T1|T0,T2|T1,T2",
     "run all code in both tiers and compare (docs/testing.md)"},
    {"--stats", ARGUMENT_OPTIONAL, apply_stats, "json[:FILE]", "statistics at the end, on stderr"},
    {"--translate-only", ARGUMENT_NONE, apply_translate_only, NULL,
     "translate all code of the program, run nothing, print the cost"},
    {"--dump", ARGUMENT_NEEDED, apply_dump, "KIND,...",
     "print decode, ir, opt, x64, llvm, asm, registers, promotions"},
    {"--dump-filter", ARGUMENT_NEEDED, apply_dump_filter, "PC", "only blocks that contain this pc"},
    {"--strace", ARGUMENT_NONE, apply_strace, NULL, "print system calls on stderr"},
    {"--opt", ARGUMENT_NEEDED, apply_opt, "LIST", "optimiser passes: -NAME,+NAME, all, none"},
    {"--features", ARGUMENT_NEEDED, apply_features, "LIST", "techniques: -NAME,+NAME, all, none"},
    {"--stress", ARGUMENT_NEEDED, apply_stress, "LIST[:SEED]", "events to force, for tests"},
    {"--no-routines", ARGUMENT_NONE, apply_no_routines, NULL,
     "memory and string loops and functions run as they are (--features=-routines,-libcalls)"},
    {"--code-memory", ARGUMENT_NEEDED, apply_code_memory, "BYTES",
     "limit for generated code (K, M, G); when full, everything is evicted"},
    {"--block-insns", ARGUMENT_NEEDED, apply_block_insns, "N", "guest instructions per block"},
    {"--region-insns", ARGUMENT_NEEDED, apply_region_insns, "N", "guest instructions per region"},
    {"-E", ARGUMENT_NEEDED, apply_set_variable, "NAME=VALUE", "set a variable for the guest"},
    {"-U", ARGUMENT_NEEDED, apply_unset_variable, "NAME", "unset a variable for the guest"},
};
enum { ROW_COUNT = sizeof rows / sizeof rows[0] };

static const char usage[] = "usage: tiercel [options] program [args]   (tiercel --help lists them)\n";

static void print_help(void)
{
    printf("usage: tiercel [options] program [args]\n"
           "Runs a 64-bit RISC-V Linux program.\n\n");
    for (int i = 0; i < ROW_COUNT; i++) {
        const struct option_row *row = &rows[i];
        char left[64];
        const char *value = row->value_name ? row->value_name : "";
        const char *separator = row->argument == ARGUMENT_NONE ? "" : row->name[1] == '-' ? "=" : " ";
        snprintf(left, sizeof left, row->argument == ARGUMENT_OPTIONAL ? "%s[%s%s]" : "%s%s%s",
                 row->name, separator, value);
        printf("  %-28s %s\n", left, row->text);
    }
    printf("  %-28s %s\n  %-28s %s\n\n", "--version", "print the version", "--help",
           "print this text");
    tiercel_list_passes(stdout);
    printf("\nExit status: the guest's; 128+N when it died of signal N; 2 wrong usage;\n"
           "125 tiercel cannot go on; 126 the program cannot be run; 127 it is not there.\n"
           "With --lockstep: the guest's when the tiers agree; 1 at a difference; 2 instead of 125\n"
           "to 127. The last line on stderr says which.\n");
}

/* The row for argv[*index]; *ret_value its value, from the same or the next word. */
static const struct option_row *match(int argc, char **argv, int *index, const char **ret_value)
{
    const char *word = argv[*index];
    size_t name_length = word[1] == '-' ? strcspn(word, "=") : 2;
    for (int i = 0; i < ROW_COUNT; i++) {
        const struct option_row *row = &rows[i];
        if (strlen(row->name) != name_length || memcmp(row->name, word, name_length) != 0)
            continue;
        const char *rest = word + name_length;
        *ret_value = *rest == '=' ? rest + 1 : *rest ? rest : NULL;
        if (!*ret_value && row->argument == ARGUMENT_NEEDED) {
            if (*index + 1 >= argc) {
                complain("%s needs a value", row->name);
                return NULL;
            }
            *ret_value = argv[++*index];
        }
        if (*ret_value && row->argument == ARGUMENT_NONE) {
            complain("%s takes no value", row->name);
            return NULL;
        }
        return row;
    }
    complain("unknown option '%s'", word);
    return NULL;
}

enum cli_result cli_parse(int argc, char **argv, struct cli_options *options)
{
    *options = (struct cli_options){.command = argv};
    tiercel_config_init(&options->config);
    copy_environment(options);
    int index = 1;
    for (; index < argc && argv[index][0] == '-' && argv[index][1]; index++) {
        if (strcmp(argv[index], "--") == 0) {
            index++;
            break;
        }
        if (strcmp(argv[index], "--help") == 0 || strcmp(argv[index], "-h") == 0) {
            print_help();
            return CLI_DONE;
        }
        if (strcmp(argv[index], "--version") == 0) {
            printf("%s\n", tiercel_version());
            return CLI_DONE;
        }
        const char *value = NULL;
        const struct option_row *row = match(argc, argv, &index, &value);
        if (!row || !row->apply(options, value)) {
            fputs(usage, stderr);
            return CLI_USAGE_ERROR;
        }
    }
    if (index >= argc) {
        complain("no program given");
        fputs(usage, stderr);
        return CLI_USAGE_ERROR;
    }
    options->program = argv[index];
    options->argc = argc - index;
    options->argv = (const char *const *)(argv + index);
    options->config.environment = options->environment;
    if (options->config.lockstep && !options->has_t2)
        options->config.threshold[2] = 0; /* regions at once */
    return CLI_RUN;
}

void cli_options_fini(struct cli_options *options)
{
    free(options->environment);
    *options = (struct cli_options){0};
}
