/*
 * Strings and lists of strings for tiercel-bench, and its way to fail.
 *
 * The program is short-lived: running out of memory ends it with one sentence.
 */
#ifndef TIERCEL_BENCH_TEXT_H
#define TIERCEL_BENCH_TEXT_H

#include <stdbool.h>
#include <stddef.h>

enum bench_exit {
    BENCH_EXIT_OK = 0,
    BENCH_EXIT_FAILED = 1, /* something is missing, a run failed or outputs differ */
    BENCH_EXIT_USAGE = 2,
};

/* Owned by whoever declares it. items is always a NULL-terminated vector once not empty. */
struct string_list {
    char **items;
    size_t count;
};

/* Prints "tiercel-bench: SENTENCE" and exits with BENCH_EXIT_FAILED. */
_Noreturn void bench_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Zeroed memory for `count` things of `size_bytes`; never NULL. */
void *text_allocate(size_t count, size_t size_bytes);

/* A new string, to be freed by the caller. */
char *text_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

bool text_equal(const char *a, const char *b);

/* Appends copies: one string, or each word of `text` between any of the `separators`. */
void string_list_push(struct string_list *list, const char *text);
void string_list_push_words(struct string_list *list, const char *text, const char *separators);
void string_list_push_all(struct string_list *list, const struct string_list *other);
void string_list_fini(struct string_list *list);

#endif
