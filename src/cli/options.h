/* The options of the command line. */
#ifndef TIERCEL_CLI_OPTIONS_H
#define TIERCEL_CLI_OPTIONS_H

#include "include/tiercel/tiercel.h"

/* Owner: the caller; cli_options_fini. Texts point into argv and the environment. */
struct cli_options {
    tiercel_config config;
    const char **environment; /* of the guest, NULL terminated */
    size_t environment_count;
    char **command; /* the whole command line, NULL terminated */
    const char *program;
    int argc;
    const char *const *argv;
    bool has_t2; /* the threshold was given */
    bool is_stats, is_stats_json;
    bool is_translating; /* translate everything, run nothing */
    const char *stats_file; /* NULL: stderr */
};

enum cli_result { CLI_RUN, CLI_DONE, CLI_USAGE_ERROR };

/* Parses argv. --help and --version are answered on stdout (CLI_DONE); a mistake is told with a
 * usage line on stderr. The environment of the guest is tiercel's own with -E and -U applied. */
enum cli_result cli_parse(int argc, char **argv, struct cli_options *ret_options);
/* To be called whatever cli_parse gave. */
void cli_options_fini(struct cli_options *options);

#endif
