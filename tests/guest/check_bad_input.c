/* What the command line does with files and options that it must refuse.
 *
 *   check_bad_input TIERCEL
 *
 * One sentence on standard error that begins with "tiercel: ", nothing on standard output, and the
 * status a shell would give: 126 for what is there and cannot be run, 127 for what is missing, 2
 * for a wrong command line. */
#include "tests/guest/bad_elf.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { OUTPUT_BYTES = 4096 };

static const char *tiercel;
static unsigned failures;

/* Runs tiercel with these arguments; its exit status, or 1000 + signal. */
static int run(char *const *arguments, char *text, bool *ret_has_output)
{
    int error_pipe[2], output_pipe[2], status;
    if (pipe(error_pipe) || pipe(output_pipe))
        exit(99);
    pid_t child = fork();
    if (child == 0) {
        dup2(output_pipe[1], 1);
        dup2(error_pipe[1], 2);
        close(error_pipe[0]);
        close(output_pipe[0]);
        alarm(20);
        execv(tiercel, arguments);
        _exit(99);
    }
    close(error_pipe[1]);
    close(output_pipe[1]);
    size_t length = 0;
    ssize_t size;
    while ((size = read(error_pipe[0], text + length, OUTPUT_BYTES - 1 - length)) > 0)
        length += (size_t)size;
    text[length] = 0;
    char byte;
    *ret_has_output = read(output_pipe[0], &byte, 1) > 0;
    close(error_pipe[0]);
    close(output_pipe[0]);
    waitpid(child, &status, 0);
    return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

static void expect(const char *name, const char *const *options, int expected_status,
                   const char *message, bool is_one_line)
{
    char text[OUTPUT_BYTES];
    char *arguments[8] = {(char *)(size_t)tiercel};
    for (unsigned i = 0; options[i]; i++)
        arguments[i + 1] = (char *)(size_t)options[i];
    bool has_output;
    int status = run(arguments, text, &has_output);
    const char *end = strchr(text, '\n');
    bool is_sentence = !strncmp(text, "tiercel: ", 9) && end && (!is_one_line || !end[1]);
    bool is_good = status == expected_status && strstr(text, message) && is_sentence && !has_output;
    printf("%s %s\n", is_good ? "ok  " : "FAIL", name);
    if (!is_good)
        printf("     status %d (expected %d), expected \"%s\", standard error: %s\n", status,
               expected_status, message, text);
    failures += !is_good;
}

static void expect_file(const char *name, const char *path, int status, const char *message)
{
    const char *const options[] = {path, NULL};
    expect(name, options, status, message, true);
}

static void check_files(const char *directory)
{
    char path[128], target[256];
    struct elf_image image;
    for (size_t i = 0; i < bad_elf_count; i++) {
        snprintf(path, sizeof path, "%s/%s", directory, bad_elfs[i].name);
        elf_image_good(&image);
        bad_elfs[i].spoil(&image);
        if (elf_image_write(&image, path))
            exit(99);
        expect_file(bad_elfs[i].name, path, 126, bad_elfs[i].message);
        unlink(path);
    }
    expect_file("directory", directory, 126, "is a directory");
    snprintf(path, sizeof path, "%s/missing", directory);
    expect_file("missing", path, 127, "No such file or directory");
    snprintf(target, sizeof target, "%s/missing/deeper", directory);
    expect_file("missing folder", target, 127, "No such file or directory");
    snprintf(path, sizeof path, "%s/unreadable", directory);
    elf_image_good(&image);
    elf_image_write(&image, path);
    snprintf(target, sizeof target, "%s/unreadable/below", directory);
    expect_file("below a file", target, 127, "Not a directory");
    if (geteuid() != 0) {
        chmod(path, 0);
        expect_file("unreadable", path, 126, "Permission denied");
    }
    unlink(path);
}

static void check_good(const char *directory)
{
    char path[128], text[OUTPUT_BYTES];
    struct elf_image image;
    bool has_output;
    snprintf(path, sizeof path, "%s/good", directory);
    elf_image_good(&image);
    elf_image_write(&image, path);
    char *arguments[] = {(char *)(size_t)tiercel, path, NULL};
    int status = run(arguments, text, &has_output);
    printf("%s good file\n", status == 42 ? "ok  " : "FAIL");
    if (status != 42)
        printf("     status %d: %s\n", status, text);
    failures += status != 42;
    unlink(path);
}

static void check_options(void)
{
    static const char *const rows[][3] = {
        {"--no-such-option", "x"}, {"--tier=7", "x"},    {"--t1=many", "x"}, {"--t2=-1", "x"},
        {"--jit-threads=", "x"},   {"--dump=what", "x"}, {"-E", "novalue"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        expect(rows[i][0], rows[i], 2, "", false);
    static const char *const nothing[] = {NULL};
    expect("no program", nothing, 2, "", false);
}

int main(int argc, char **argv)
{
    char directory[] = "/tmp/tiercel-bad-XXXXXX";
    if (argc != 2 || !mkdtemp(directory))
        return 99;
    tiercel = argv[1];
    check_good(directory);
    check_files(directory);
    check_options();
    rmdir(directory);
    return failures ? 1 : 0;
}
