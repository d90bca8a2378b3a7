/* A JSON writer: see json.h. Follows RFC 8259. */
#include "bench/json.h"

#include <math.h>
#include <string.h>

/* The length of the UTF-8 sequence that text begins with; 0 when it is not one. */
static int utf8_length(const unsigned char *text)
{
    unsigned char first = text[0];
    int length = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (first > 0xf4)
        return 0;
    for (int i = 1; i < length; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    }
    bool is_overlong = (first == 0xe0 && text[1] < 0xa0) || (first == 0xf0 && text[1] < 0x90);
    bool is_surrogate = first == 0xed && text[1] > 0x9f;
    bool is_beyond = first == 0xf4 && text[1] > 0x8f;
    return is_overlong || is_surrogate || is_beyond ? 0 : length;
}

static void write_string(FILE *file, const char *value)
{
    const unsigned char *text = (const unsigned char *)value;
    fputc('"', file);
    while (*text != '\0') {
        int length = utf8_length(text);
        if (length == 0) {
            fputs("\\ufffd", file);
            length = 1;
        } else if (*text == '"' || *text == '\\') {
            fprintf(file, "\\%c", *text);
        } else if (*text < 0x20 || *text == 0x7f) {
            fprintf(file, "\\u%04x", *text);
        } else {
            fwrite(text, 1, (size_t)length, file);
        }
        text += length;
    }
    fputc('"', file);
}

static void new_line(struct json *json)
{
    fprintf(json->file, "\n%*s", 2 * json->depth, "");
}

/* What comes before a value: comma, line and key. */
static void begin_value(struct json *json, const char *key)
{
    if (json->needs_comma)
        fputc(',', json->file);
    if (json->depth > 0 && json->depth <= JSON_WRAPPED_DEPTH)
        new_line(json);
    else if (json->needs_comma)
        fputc(' ', json->file);
    if (key != NULL) {
        write_string(json->file, key);
        fputs(": ", json->file);
    }
    json->needs_comma = true;
}

void json_open(struct json *json, const char *key, char bracket)
{
    begin_value(json, key);
    fputc(bracket, json->file);
    json->depth++;
    json->needs_comma = false;
}

void json_close(struct json *json, char bracket)
{
    json->depth--;
    if (json->needs_comma && json->depth < JSON_WRAPPED_DEPTH)
        new_line(json);
    fputc(bracket, json->file);
    json->needs_comma = true;
    if (json->depth == 0)
        fputc('\n', json->file);
}

void json_text(struct json *json, const char *key, const char *value)
{
    begin_value(json, key);
    if (value != NULL)
        write_string(json->file, value);
    else
        fputs("null", json->file);
}

void json_number(struct json *json, const char *key, double value)
{
    begin_value(json, key);
    if (isfinite(value))
        fprintf(json->file, "%.6g", value);
    else
        fputs("null", json->file);
}

void json_integer(struct json *json, const char *key, long long value)
{
    begin_value(json, key);
    fprintf(json->file, "%lld", value);
}

void json_bool(struct json *json, const char *key, bool value)
{
    begin_value(json, key);
    fputs(value ? "true" : "false", json->file);
}
