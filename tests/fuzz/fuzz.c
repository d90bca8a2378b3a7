/* What the fuzzers share: fuzz.h. */
#include "tests/fuzz/fuzz.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

_Noreturn void fuzz_found(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("found: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    abort();
}

uint64_t fuzz_hash(const uint8_t *data, size_t size_bytes)
{
    uint64_t hash = size_bytes + 1;
    for (size_t i = 0; i < size_bytes; i++) {
        hash = (hash ^ data[i]) * UINT64_C(0x9e3779b97f4a7c15);
        hash ^= hash >> 29;
    }
    return hash | 1;
}

bool fuzz_is_sampled(uint64_t hash, unsigned every)
{
    const char *text = getenv("TIERCEL_FUZZ_EVERY");
    unsigned wanted = text ? (unsigned)strtoul(text, NULL, 10) : every;
    return wanted > 0 && (hash >> 20) % wanted == 0;
}
