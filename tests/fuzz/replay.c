/* Runs a fuzzer over files: the corpus as an ordinary test, or one finding.
 *
 *   replay_NAME FILE|FOLDER...
 *
 * Every check is made on every input. Exit status 0 when nothing was found, 2 when there was
 * nothing to run; a finding aborts, and the last line printed names its file. */
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { EXIT_BROKEN = 2, MAX_INPUT_BYTES = 1 << 20 };

static unsigned inputs;

/* Custom mutators are linked in, and never called here. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size_bytes, size_t max_bytes)
{
    (void)data, (void)size_bytes, (void)max_bytes;
    abort();
}

static void run_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    uint8_t *data = malloc(MAX_INPUT_BYTES);
    if (!file || !data) {
        perror(path);
        exit(EXIT_BROKEN);
    }
    size_t size_bytes = fread(data, 1, MAX_INPUT_BYTES, file);
    fclose(file);
    uint8_t *exact = malloc(size_bytes ? size_bytes : 1); /* so that sanitizers see its end */
    if (!exact)
        abort();
    memcpy(exact, data, size_bytes);
    free(data);
    printf("%s\n", path);
    fflush(stdout);
    LLVMFuzzerTestOneInput(exact, size_bytes);
    free(exact);
    inputs++;
}

static void run_folder(const char *path, DIR *folder)
{
    for (const struct dirent *entry; (entry = readdir(folder));) {
        char name[PATH_MAX];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        run_file(name);
    }
    closedir(folder);
}

int main(int argc, char **argv)
{
    setenv("TIERCEL_FUZZ_EVERY", "1", 0);
    for (int i = 1; i < argc; i++) {
        DIR *folder = opendir(argv[i]);
        if (folder)
            run_folder(argv[i], folder);
        else
            run_file(argv[i]);
    }
    printf("%u inputs\n", inputs);
    return inputs ? EXIT_SUCCESS : EXIT_BROKEN;
}
