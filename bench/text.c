/* Strings, lists of strings and failing, for tiercel-bench: see text.h. */
#include "bench/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void bench_fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fflush(stdout);
    fputs("tiercel-bench: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(BENCH_EXIT_FAILED);
}

void *text_allocate(size_t count, size_t size_bytes)
{
    void *memory = calloc(count > 0 ? count : 1, size_bytes);
    if (memory == NULL)
        bench_fail("out of memory");
    return memory;
}

char *text_format(const char *format, ...)
{
    char *text = NULL;
    va_list arguments;
    va_start(arguments, format);
    if (vasprintf(&text, format, arguments) < 0)
        bench_fail("out of memory");
    va_end(arguments);
    return text;
}

bool text_equal(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

void string_list_push(struct string_list *list, const char *text)
{
    char **items = realloc(list->items, (list->count + 2) * sizeof *items);
    if (items == NULL)
        bench_fail("out of memory");
    list->items = items;
    items[list->count++] = text_format("%s", text);
    items[list->count] = NULL;
}

void string_list_push_words(struct string_list *list, const char *text, const char *separators)
{
    char *copy = text_format("%s", text), *rest = NULL;
    for (char *word = strtok_r(copy, separators, &rest); word != NULL;
         word = strtok_r(NULL, separators, &rest))
        string_list_push(list, word);
    free(copy);
}

void string_list_push_all(struct string_list *list, const struct string_list *other)
{
    for (size_t i = 0; i < other->count; i++)
        string_list_push(list, other->items[i]);
}

void string_list_fini(struct string_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i]);
    free(list->items);
    *list = (struct string_list){0};
}
