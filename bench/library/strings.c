/* The C library's memory and string functions: nanoseconds of processor time per call, for several
 * sizes. Not one of the kernels; docs/routines.md says how to build and read it.
 *
 * usage: strings [BYTES]   (to go through in each place of the table; default 30 million) */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_BYTES = 1 << 17, SIZES = 7 };
static char a[MAX_BYTES], b[MAX_BYTES];
static const size_t sizes[SIZES] = {4, 16, 64, 256, 1024, 4096, 65536};

static double now_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

/* The functions are called through pointers that the compiler cannot see through. */
static void *(*volatile copy)(void *, const void *, size_t) = memcpy;
static void *(*volatile move)(void *, const void *, size_t) = memmove;
static void *(*volatile set)(void *, int, size_t) = memset;
static size_t (*volatile length)(const char *) = strlen;
static int (*volatile compare_strings)(const char *, const char *) = strcmp;
static int (*volatile compare)(const void *, const void *, size_t) = memcmp;
static void *(*volatile find)(const void *, int, size_t) = memchr;
static char *(*volatile find_in_string)(const char *, int) = strchr;

static void call_memcpy(size_t size) { copy(a, b, size); }
static void call_memcpy_shifted(size_t size) { copy(a + 3, b + 1, size); }
static void call_memmove_up(size_t size) { move(a + 8, a, size); }
static void call_memset(size_t size) { set(a, 'x', size); }
static void call_strlen(size_t size) { (void)size, length(a); }
static void call_strcmp(size_t size) { (void)size, compare_strings(a, b); }
static void call_memcmp(size_t size) { compare(a, b, size); }
static void call_memchr(size_t size) { find(a, 'y', size); }
static void call_strchr(size_t size) { (void)size, find_in_string(a, 'y'); }

static const struct {
    const char *name;
    void (*call)(size_t size);
} rows[] = {
    {"memcpy", call_memcpy}, {"memcpy, shifted", call_memcpy_shifted},
    {"memmove up by 8", call_memmove_up}, {"memset", call_memset}, {"strlen", call_strlen},
    {"strcmp", call_strcmp}, {"memcmp", call_memcmp}, {"memchr", call_memchr},
    {"strchr", call_strchr},
};

int main(int argc, char **argv)
{
    size_t bytes = argc > 1 ? strtoul(argv[1], NULL, 10) : 30000000;
    printf("%-16s", "bytes");
    for (unsigned i = 0; i < SIZES; i++)
        printf(" %8zu", sizes[i]);
    putchar('\n');
    for (unsigned row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        printf("%-16s", rows[row].name);
        for (unsigned i = 0; i < SIZES; i++) {
            size_t calls = bytes / (sizes[i] + 16);
            memset(a, 'x', sizeof a);
            memset(b, 'x', sizeof b);
            a[sizes[i]] = b[sizes[i]] = 0;
            double start_ns = now_ns();
            for (size_t j = 0; j < calls; j++)
                rows[row].call(sizes[i]);
            printf(" %8.1f", (now_ns() - start_ns) / (double)calls);
        }
        putchar('\n');
    }
    return 0;
}
