/* See byte_operations.h. */
#include "tests/unit/byte_operations.h"

#include <string.h>

bool bulk_has_address_b(enum ir_bulk kind)
{
    return kind == IR_BULK_COPY || kind == IR_BULK_COPY_BACK || kind == IR_BULK_MATCH ||
           kind == IR_BULK_MATCH_Z;
}

bool libcall_has_address_b(enum ir_libcall kind)
{
    return kind == IR_LIBCALL_MOVE || kind == IR_LIBCALL_COMPARE || kind == IR_LIBCALL_COMPARE_Z;
}

static bool is_one_of(uint8_t byte, uint64_t four)
{
    for (unsigned i = 0; i < 4; i++)
        if (byte == (uint8_t)(four >> 8 * i))
            return true;
    return false;
}

/* Does byte i; false when the operation ends before it. */
static bool step(const struct byte_range *memory, enum ir_bulk kind, uint64_t a, uint64_t b,
                 uint64_t i)
{
    uint8_t *bytes = memory->bytes;
    uint64_t to = kind == IR_BULK_COPY_BACK ? a - 1 - i : a + i;
    uint64_t from = kind == IR_BULK_COPY_BACK ? b - 1 - i : b + i;
    bool is_write = kind == IR_BULK_COPY || kind == IR_BULK_COPY_BACK || kind == IR_BULK_FILL;
    if (to >= (is_write ? memory->writable : memory->readable) ||
        (bulk_has_address_b(kind) && from >= memory->readable))
        return false;
    switch (kind) {
    case IR_BULK_COPY:
    case IR_BULK_COPY_BACK:
        bytes[to] = bytes[from];
        return true;
    case IR_BULK_FILL:
        bytes[to] = (uint8_t)(b >> 8 * (i % 8));
        return true;
    case IR_BULK_FIND:
        return !is_one_of(bytes[to], b);
    case IR_BULK_MATCH:
        return bytes[to] == bytes[from];
    case IR_BULK_MATCH_Z:
        return bytes[to] == bytes[from] && bytes[to];
    case IR_BULK_PROBE:
        return true;
    case IR_BULK_COUNT:
        break;
    }
    return false;
}

uint64_t bulk_on_bytes(const struct byte_range *memory, enum ir_bulk kind, uint64_t a, uint64_t b,
                       uint64_t c)
{
    uint64_t count = 0;
    while (count < c && step(memory, kind, a, b, count))
        count++;
    return count;
}

/* memcmp, or strncmp when a zero ends it. */
static uint64_t compare(const struct byte_range *memory, uint64_t a, uint64_t b, uint64_t c,
                        bool has_end)
{
    const uint8_t *bytes = memory->bytes;
    for (uint64_t i = 0; i < c; i++) {
        if (a + i >= memory->readable || b + i >= memory->readable)
            return IR_NOT_DONE;
        if (bytes[a + i] != bytes[b + i])
            return (uint64_t)((int64_t)bytes[a + i] - bytes[b + i]);
        if (has_end && !bytes[a + i])
            break;
    }
    return 0;
}

/* The first of at most c bytes at a that is `byte`, or zero when that ends it; c when there is none. */
static uint64_t seek(const struct byte_range *memory, uint64_t a, uint8_t byte, uint64_t c,
                     bool has_end)
{
    for (uint64_t i = 0; i < c; i++) {
        if (a + i >= memory->readable)
            return IR_NOT_DONE;
        if (memory->bytes[a + i] == byte || (has_end && !memory->bytes[a + i]))
            return i;
    }
    return c;
}

static bool can_write(const struct byte_range *memory, uint64_t a, uint64_t c)
{
    return !c || (c <= memory->writable && a + c <= memory->writable);
}

uint64_t libcall_on_bytes(const struct byte_range *memory, enum ir_libcall kind, uint64_t a,
                          uint64_t b, uint64_t c)
{
    uint8_t *bytes = memory->bytes;
    uint64_t place;
    switch (kind) {
    case IR_LIBCALL_MOVE:
        if (!can_write(memory, a, c) || (c && b + c > memory->readable))
            return IR_NOT_DONE;
        memmove(bytes + a, bytes + b, c);
        return a;
    case IR_LIBCALL_SET:
        if (!can_write(memory, a, c))
            return IR_NOT_DONE;
        memset(bytes + a, (uint8_t)b, c);
        return a;
    case IR_LIBCALL_LENGTH:
        return seek(memory, a, 0, c, true);
    case IR_LIBCALL_COMPARE:
    case IR_LIBCALL_COMPARE_Z:
        return compare(memory, a, b, c, kind == IR_LIBCALL_COMPARE_Z);
    case IR_LIBCALL_SEEK:
        place = seek(memory, a, (uint8_t)b, c, false);
        return place == IR_NOT_DONE ? IR_NOT_DONE : place == c ? 0 : a + place;
    case IR_LIBCALL_SEEK_Z:
        place = seek(memory, a, (uint8_t)b, UINT64_MAX, true);
        if (place == IR_NOT_DONE)
            return IR_NOT_DONE;
        return bytes[a + place] == (uint8_t)b || c ? a + place : 0;
    case IR_LIBCALL_COUNT:
        break;
    }
    return IR_NOT_DONE;
}
