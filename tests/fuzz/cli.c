/* Fuzzes the command line, and the statistics of machines that it describes.
 *
 * Input: words separated by newlines. What is accepted must keep the numbers' limits; for a sample
 * a machine is created with these options (it does not run), and its statistics as JSON must be
 * JSON. What --help and mistakes print goes to the standard streams: run.sh closes them. */
#include "src/base/bits.h"
#include "src/cli/options.h"
#include "tests/fuzz/fuzz.h"
#include "tests/guest/bad_elf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MAX_WORDS = 24, MAX_INPUT_BYTES = 512, MACHINE_EVERY = 64 };

/* ---- whether a text is JSON (RFC 8259) ---- */
struct json_reader {
    const char *at;
    unsigned depth;
    bool failed;
};

static void read_json_value(struct json_reader *reader);

static char next(struct json_reader *reader)
{
    reader->at += strspn(reader->at, " \t\r\n");
    return *reader->at;
}

static void expect(struct json_reader *reader, char wanted)
{
    if (next(reader) == wanted)
        reader->at++;
    else
        reader->failed = true;
}

static void read_json_string(struct json_reader *reader)
{
    expect(reader, '"');
    while (!reader->failed && *reader->at != '"') {
        if ((unsigned char)*reader->at < 0x20)
            reader->failed = true;
        else
            reader->at += *reader->at == '\\' && reader->at[1] ? 2 : 1;
    }
    expect(reader, '"');
}

static void read_json_members(struct json_reader *reader, char close)
{
    reader->at++;
    if (++reader->depth > 16)
        reader->failed = true;
    for (bool is_first = true; !reader->failed && next(reader) != close; is_first = false) {
        if (!is_first)
            expect(reader, ',');
        if (close == '}') {
            next(reader);
            read_json_string(reader);
            expect(reader, ':');
        }
        read_json_value(reader);
    }
    expect(reader, close);
    reader->depth--;
}

static void read_json_value(struct json_reader *reader)
{
    char first = next(reader);
    if (first == '{' || first == '[') {
        read_json_members(reader, first == '{' ? '}' : ']');
    } else if (first == '"') {
        read_json_string(reader);
    } else {
        size_t length = strspn(reader->at, "-+.0123456789eE");
        static const char *const words[] = {"true", "false", "null"};
        for (unsigned i = 0; i < ARRAY_LENGTH(words); i++)
            if (strncmp(reader->at, words[i], strlen(words[i])) == 0)
                length = strlen(words[i]);
        reader->failed |= length == 0;
        reader->at += length;
    }
}

static bool is_json(const char *text)
{
    struct json_reader reader = {.at = text};
    read_json_value(&reader);
    return !reader.failed && next(&reader) == '\0';
}

/* ---- a machine with the options ---- */

/* A file that holds the good image of bad_elf.c. */
static const char *program_path(void)
{
    static char path[64];
    struct elf_image image;
    if (*path)
        return path;
    int fd = memfd_create("program", MFD_CLOEXEC);
    elf_image_good(&image);
    if (fd < 0 || write(fd, image.bytes, image.size_bytes) != (ssize_t)image.size_bytes)
        abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return path;
}

static void check_stats(tiercel_machine *machine)
{
    char *text = NULL;
    size_t size_bytes;
    FILE *out = open_memstream(&text, &size_bytes);
    if (!out)
        abort();
    tiercel_write_stats(machine, out, true);
    fclose(out);
    if (!is_json(text))
        fuzz_found("no JSON: %s", text);
    free(text);
}

static void check_machine(struct cli_options *options)
{
    tiercel_machine *machine;
    char message[512] = "";
    enum { LARGEST_CODE_MEMORY = 1 << 28 }; /* larger ones only take long */
    if (options->config.code_memory_bytes > LARGEST_CODE_MEMORY)
        options->config.code_memory_bytes = LARGEST_CODE_MEMORY;
    tiercel_status status = tiercel_create(&options->config, program_path(), options->argc,
                                           options->argv, &machine, message, sizeof message);
    if (status == TIERCEL_OK) {
        check_stats(machine);
        tiercel_destroy(&machine);
    } else if (!*message || !memchr(message, 0, sizeof message)) {
        fuzz_found("status %d without a sentence", status);
    }
}

static void check_options(const struct cli_options *options, int argc)
{
    const tiercel_config *config = &options->config;
    if (config->mode > TIERCEL_MODE_TIER2 || options->argc < 1 || options->argc >= argc ||
        options->argv[0] != options->program || !config->environment)
        fuzz_found("options make no sense");
    for (unsigned tier = 1; tier < ARRAY_LENGTH(config->threshold); tier++)
        if (config->threshold[tier] > INT32_MAX)
            fuzz_found("a threshold is %u", config->threshold[tier]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    char text[MAX_INPUT_BYTES + 1], *argv[MAX_WORDS + 2] = {"tiercel"}, *save;
    int argc = 1;
    if (size_bytes > MAX_INPUT_BYTES)
        return 0;
    memcpy(text, data, size_bytes);
    text[size_bytes] = '\0';
    for (char *word = strtok_r(text, "\n", &save); word && argc <= MAX_WORDS;
         word = strtok_r(NULL, "\n", &save))
        argv[argc++] = word;
    struct cli_options options;
    if (cli_parse(argc, argv, &options) == CLI_RUN) {
        check_options(&options, argc);
        if (fuzz_is_sampled(fuzz_hash(data, size_bytes), MACHINE_EVERY))
            check_machine(&options);
    }
    cli_options_fini(&options);
    return 0;
}
