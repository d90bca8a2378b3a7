/*
 * Writes JSON: values in order, commas and escapes by itself.
 *
 * A key of NULL stands for an element of an array. Text that is not UTF-8 comes out with
 * U+FFFD for each bad byte, so the result is always valid.
 */
#ifndef TIERCEL_BENCH_JSON_H
#define TIERCEL_BENCH_JSON_H

#include <stdbool.h>
#include <stdio.h>

/* Starts as {.file = file}. Write errors are left to ferror(file). */
struct json {
    FILE *file;
    int depth;
    bool needs_comma;
};

enum { JSON_WRAPPED_DEPTH = 2 }; /* deeper objects and arrays stay on one line */

void json_open(struct json *json, const char *key, char bracket);      /* '{' or '[' */
void json_close(struct json *json, char bracket);                      /* '}' or ']' */
void json_text(struct json *json, const char *key, const char *value); /* NULL: null */
void json_number(struct json *json, const char *key, double value);    /* NaN: null */
void json_integer(struct json *json, const char *key, long long value);
void json_bool(struct json *json, const char *key, bool value);

#endif
