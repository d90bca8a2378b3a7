/* The command line: options to a tiercel_config, the guest's end to an exit status.
 *
 * Exit status: the guest's; when the guest dies of a signal tiercel dies of it too (a shell shows
 * 128 + signal). 2: wrong usage; 125: tiercel itself cannot go on; 126: the program cannot be run;
 * 127: it cannot be found. With --lockstep 1: a difference; 2: all other trouble of tiercel's own. */
#include "include/tiercel/tiercel.h"
#include "src/cli/options.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
    STATUS_DIFFERENCE = 1,
    STATUS_USAGE = 2,
    STATUS_INTERNAL = 125,
    STATUS_NOT_RUNNABLE = 126,
    STATUS_NOT_FOUND = 127,
};

static int status_of(tiercel_status status)
{
    switch (status) {
    case TIERCEL_OK:
        return 0;
    case TIERCEL_ERROR_NO_FILE:
        return STATUS_NOT_FOUND;
    case TIERCEL_ERROR_NOT_RUNNABLE:
        return STATUS_NOT_RUNNABLE;
    case TIERCEL_ERROR_OPTION:
        return STATUS_USAGE;
    case TIERCEL_ERROR_DIFFERENCE:
        return STATUS_DIFFERENCE;
    case TIERCEL_ERROR_RESOURCE:
        return STATUS_INTERNAL;
    }
    return STATUS_INTERNAL;
}

/* Where a build counts its lines (tests/coverage.sh) the counts are written by this. */
extern void __gcov_dump(void) __attribute__((weak));

static void flush_all(void)
{
    fflush(NULL);
    if (__gcov_dump)
        __gcov_dump();
}

/* Compile threads may be at work: end without waiting for them. */
static _Noreturn void leave(int status)
{
    flush_all();
    _exit(status);
}

/* Dies as the guest did, so that whoever waits for tiercel sees it. No core: it would be ours. */
static _Noreturn void die_of(int signal_number)
{
    flush_all();
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    signal(signal_number, SIG_DFL);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, signal_number);
    raise(signal_number);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    _exit(128 + signal_number);
}

/* A word as a shell reads it. */
static void print_quoted(const char *word)
{
    fputc(' ', stderr);
    if (*word && !word[strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                    "0123456789-_=,./:+@%")]) {
        fputs(word, stderr);
        return;
    }
    fputc('\'', stderr);
    for (; *word; word++)
        fputs(*word == '\'' ? "'\\''" : (char[]){*word, '\0'}, stderr);
    fputc('\'', stderr);
}

/* Ends after a failure of tiercel's own. In lockstep every broken setup is 2, as with the other
 * tools that compare, and a difference comes with the command that shows it again. */
static _Noreturn void give_up(const struct cli_options *options, tiercel_status status,
                              const char *message)
{
    fprintf(stderr, "tiercel: %s\n", message);
    if (!options->config.lockstep)
        leave(status_of(status));
    if (status != TIERCEL_ERROR_DIFFERENCE)
        leave(STATUS_USAGE);
    fputs("replay:", stderr);
    for (char **word = options->command; *word; word++)
        print_quoted(*word);
    fputc('\n', stderr);
    leave(STATUS_DIFFERENCE);
}

static bool write_stats(tiercel_machine *machine, const struct cli_options *options)
{
    if (!options->is_stats)
        return true;
    FILE *out = stderr;
    if (options->stats_file && !(out = fopen(options->stats_file, "w"))) {
        fprintf(stderr, "tiercel: cannot write statistics to %s\n", options->stats_file);
        return false;
    }
    tiercel_write_stats(machine, out, options->is_stats_json);
    if (out != stderr)
        fclose(out);
    return true;
}

static void print_stage(const char *name, uint64_t time_ns, const tiercel_translation *translation)
{
    printf("%-17s %12.1f\n", name, (double)time_ns / (double)translation->guest_insns);
}

/* --translate-only: one figure a line. The stages are known, and cost time, with --stats. */
static tiercel_status translate(tiercel_machine *machine, bool has_stages, char *message,
                                size_t message_size)
{
    tiercel_translation translation;
    tiercel_status status = tiercel_translate(machine, &translation, message, message_size);
    if (status != TIERCEL_OK)
        return status;
    printf("blocks            %12" PRIu64 "\n", translation.blocks);
    printf("guest insns       %12" PRIu64 "\n", translation.guest_insns);
    printf("code bytes        %12" PRIu64 "\n", translation.code_bytes);
    print_stage("ns per insn", translation.time_ns, &translation);
    if (has_stages) {
        print_stage("decode ns", translation.decode_ns, &translation);
        print_stage("optimise ns", translation.opt_ns, &translation);
        print_stage("compile ns", translation.compile_ns, &translation);
    }
    return TIERCEL_OK;
}

/* What is printed besides messages does not end where the guest closes or redirects its stderr. Only
 * then: whoever waits for a pipe's end is not to wait for a daemon that closed it. */
static void keep_stderr(struct cli_options *options)
{
    tiercel_config *config = &options->config;
    bool has_stats = options->is_stats && !options->stats_file;
    if (!has_stats && !config->strace_file && !config->dump && !config->lockstep)
        return;
    stderr = tiercel_keep_stream(stderr);
    if (config->strace_file)
        config->strace_file = stderr;
}

static _Noreturn void run(struct cli_options *options)
{
    char message[512];
    keep_stderr(options);
    tiercel_machine *machine;
    tiercel_status status = tiercel_create(&options->config, options->program, options->argc,
                                           options->argv, &machine, message, sizeof message);
    if (status != TIERCEL_OK)
        give_up(options, status, message);
    tiercel_exit end = {0};
    status = options->is_translating
                 ? translate(machine, options->is_stats, message, sizeof message)
                 : tiercel_run(machine, &end, message, sizeof message);
    bool is_written = write_stats(machine, options);
    if (status != TIERCEL_OK)
        give_up(options, status, message);
    if (end.message[0])
        fprintf(stderr, "tiercel: %s\n", end.message);
    tiercel_lockstep_summary(machine, message, sizeof message);
    if (message[0])
        fprintf(stderr, "tiercel: %s\n", message);
    if (end.is_signal)
        die_of(end.status);
    leave(is_written ? end.status : STATUS_INTERNAL);
}

int main(int argc, char **argv)
{
    struct cli_options options;
    int status = STATUS_USAGE;
    switch (cli_parse(argc, argv, &options)) {
    case CLI_RUN:
        run(&options);
    case CLI_DONE:
        status = 0;
        break;
    case CLI_USAGE_ERROR:
        break;
    }
    cli_options_fini(&options);
    return status;
}
