/* Runs one guest program and compares it with what it should do.
 *
 *   run_guest [-l LAUNCHER] [-m MODE[,OPTION...]]... [-x STATUS|sSIGNAL] [-e STDERR-PART]
 *             (-n NATIVE | -f EXPECTED) PROGRAM
 *
 * NATIVE is the same program built for the host, EXPECTED a file with the standard output. The
 * program runs once for each -m (`LAUNCHER OPTION... PROGRAM ARGUMENTS`), every time in a new empty
 * directory, with the same fixed arguments and environment. Standard output must be the same byte
 * for byte, and so must the end be: exit status, or the signal it died of. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_MODES = 8, MAX_OPTIONS = 8, OUTPUT_LIMIT = 1 << 22, TIME_LIMIT_S = 300 };

struct output {
    char *text;
    size_t length;
};

struct run {
    int status; /* of waitpid */
    struct output out, err;
};

struct test {
    const char *launcher, *program, *native, *expected_file, *error_part;
    char *mode[MAX_MODES];
    unsigned mode_count;
    int expected_status; /* of waitpid; -1: as the native program's, or 0 */
};

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "run_guest: %s: %s\n", what, strerror(errno));
    exit(99);
}

/* The programs run in other directories. */
static const char *absolute(const char *path)
{
    char *full = realpath(path, NULL);
    if (!full)
        die(path);
    return full;
}

static struct output read_whole(int fd)
{
    struct output output = {.text = malloc(OUTPUT_LIMIT + 1)};
    ssize_t size;
    lseek(fd, 0, SEEK_SET);
    while (output.length < OUTPUT_LIMIT &&
           (size = read(fd, output.text + output.length, OUTPUT_LIMIT - output.length)) > 0)
        output.length += (size_t)size;
    output.text[output.length] = 0;
    return output;
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *walk)
{
    (void)info;
    (void)type;
    (void)walk;
    return remove(path);
}

static int capture_file(void)
{
    char path[] = "/tmp/tiercel-guest-out-XXXXXX";
    int fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0)
        die(path);
    unlink(path);
    return fd;
}

static void become(char **command, const char *directory, int out, int err)
{
    static char *const environment[] = {"PATH=/usr/bin:/bin", "TIERCEL_TEST=guest", "LC_ALL=C",
                                        "TZ=UTC0", NULL};
    int null = open("/dev/null", O_RDONLY);
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    if (chdir(directory) || dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0)
        die(directory);
    close(null);
    execve(command[0], command, environment);
    die(command[0]);
}

/* The time limit: guests use alarms of their own, so it is kept from outside. */
static volatile pid_t running;
static void kill_running(int signal)
{
    (void)signal;
    kill(running, SIGKILL);
}

static struct run run_command(char **command)
{
    char directory[] = "/tmp/tiercel-guest-XXXXXX";
    if (!mkdtemp(directory))
        die(directory);
    int out = capture_file(), err = capture_file();
    pid_t child = fork();
    if (child == 0)
        become(command, directory, out, err);
    struct run run = {0};
    running = child;
    signal(SIGALRM, kill_running);
    alarm(TIME_LIMIT_S);
    while (waitpid(child, &run.status, 0) < 0 && errno == EINTR)
        ;
    alarm(0);
    run.out = read_whole(out);
    run.err = read_whole(err);
    close(out);
    close(err);
    nftw(directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    return run;
}

static void describe_end(int status, char *text, size_t text_size)
{
    if (WIFSIGNALED(status))
        snprintf(text, text_size, "signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
    else
        snprintf(text, text_size, "status %d", WEXITSTATUS(status));
}

/* Prints where two outputs part. */
static void show_difference(const struct output *expected, const struct output *found)
{
    size_t at = 0, line = 1, start = 0;
    while (at < expected->length && at < found->length && expected->text[at] == found->text[at]) {
        if (expected->text[at++] == '\n') {
            line++;
            start = at;
        }
    }
    printf("  output differs in line %zu\n    expected: %.*s\n    found:    %.*s\n", line,
           (int)strcspn(expected->text + start, "\n"), expected->text + start,
           (int)strcspn(found->text + start, "\n"), found->text + start);
}

static bool is_same_end(int expected, int found)
{
    if (WIFSIGNALED(expected) || WIFSIGNALED(found))
        return WIFSIGNALED(expected) && WIFSIGNALED(found) && WTERMSIG(expected) == WTERMSIG(found);
    return WEXITSTATUS(expected) == WEXITSTATUS(found);
}

static bool compare(const struct test *test, const char *mode, const struct run *expected,
                    const struct run *found)
{
    char expected_end[64], found_end[64];
    bool is_same = true;
    describe_end(expected->status, expected_end, sizeof expected_end);
    describe_end(found->status, found_end, sizeof found_end);
    printf("%s\n", mode);
    if (!is_same_end(expected->status, found->status)) {
        printf("  ended with %s, expected %s\n", found_end, expected_end);
        is_same = false;
    }
    if (expected->out.length != found->out.length ||
        memcmp(expected->out.text, found->out.text, found->out.length)) {
        show_difference(&expected->out, &found->out);
        is_same = false;
    }
    if (test->error_part && !strstr(found->err.text, test->error_part)) {
        printf("  standard error lacks \"%s\"\n", test->error_part);
        is_same = false;
    }
    if (!is_same)
        printf("  standard error: %s\n", found->err.text);
    return is_same;
}

/* The program's command line: fixed arguments, one of them empty. */
static void add_program(char **command, unsigned count, const char *program)
{
    command[count++] = (char *)(size_t)program;
    command[count++] = (char *)(size_t) "first";
    command[count++] = (char *)(size_t) "";
    command[count++] = (char *)(size_t) "third argument";
    command[count] = NULL;
}

static struct run expected_run(const struct test *test)
{
    struct run run = {0};
    if (test->native) {
        char *command[8];
        add_program(command, 0, test->native);
        run = run_command(command);
    } else {
        int fd = open(test->expected_file, O_RDONLY);
        if (fd < 0)
            die(test->expected_file);
        run.out = read_whole(fd);
        close(fd);
    }
    if (test->expected_status >= 0)
        run.status = test->expected_status;
    return run;
}

static struct run run_mode(const struct test *test, char *mode)
{
    char *command[MAX_OPTIONS + 8];
    unsigned count = 0;
    if (test->launcher)
        command[count++] = (char *)(size_t)test->launcher;
    for (char *option = strtok(mode, ","); option && count < MAX_OPTIONS;
         option = strtok(NULL, ","))
        command[count++] = option;
    add_program(command, count, test->program);
    return run_command(command);
}

static int parse_status(const char *text)
{
    return *text == 's' ? atoi(text + 1) : atoi(text) << 8;
}

int main(int argc, char **argv)
{
    struct test test = {.expected_status = -1};
    int option;
    while ((option = getopt(argc, argv, "l:m:x:e:n:f:")) >= 0) {
        switch (option) {
        case 'l':
            test.launcher = absolute(optarg);
            break;
        case 'm':
            if (test.mode_count < MAX_MODES)
                test.mode[test.mode_count++] = optarg;
            break;
        case 'x':
            test.expected_status = parse_status(optarg);
            break;
        case 'e':
            test.error_part = optarg;
            break;
        case 'n':
            test.native = absolute(optarg);
            break;
        case 'f':
            test.expected_file = optarg;
            break;
        default:
            return 99;
        }
    }
    if (optind + 1 != argc || !test.native == !test.expected_file) {
        fprintf(stderr, "run_guest: wrong arguments\n");
        return 99;
    }
    test.program = absolute(argv[optind]);
    struct run expected = expected_run(&test);
    bool is_passed = true;
    for (unsigned i = 0; i < test.mode_count; i++) {
        char *mode = strdup(test.mode[i]);
        struct run found = run_mode(&test, mode);
        is_passed = compare(&test, test.mode[i], &expected, &found) && is_passed;
        free(mode);
        free(found.out.text);
        free(found.err.text);
    }
    return is_passed ? 0 : 1;
}
