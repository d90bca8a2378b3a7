/* Memory for generated code and the data that must lie near it (TB records, counters, exit slots).
 *
 * One memfd, two views of the same layout [ code | data ]:
 *   X view: code read-execute, data read-write   (generated code runs and addresses data here)
 *   W view: all read-write                       (emission and linking write here)
 * Both views have equal distances, so PC-relative references computed in either hold in both.
 * TB records lie behind the data in the X view only, a megabyte further on. They are private memory,
 * whose pages are much cheaper to touch than those of a memfd and can be huge ones.
 * Nothing is ever writable and executable through one mapping. All functions need the tb_cache
 * lock; reading the constant fields does not. */
#ifndef TIERCEL_TB_CODE_MEMORY_H
#define TIERCEL_TB_CODE_MEMORY_H

#include "src/base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct code_memory {
    uint8_t *x_base;      /* constant after creation */
    ptrdiff_t w_minus_x;  /* constant: W address = X address + w_minus_x */
    size_t code_limit;    /* constant, bytes */
    size_t data_limit;    /* constant, bytes */
    size_t record_limit;  /* constant, bytes */
    size_t code_used;     /* bytes */
    size_t stub_used;     /* bytes of stubs and rare code, from the end of the code part */
    uint8_t *rare_next;   /* X addresses in the latest chunk of rare code */
    uint8_t *rare_end;
    size_t data_used;     /* bytes */
    size_t record_used;   /* bytes */
    size_t code_present;  /* bytes from the start of the code part whose pages are present, */
    size_t stub_present;  /* and from its end */
    bool is_pool_donated; /* constant: what lies before the records is no longer ours */
    size_t code_peak;     /* most bytes ever in use, kept across flushes */
    int fd;
};

/* limit_bytes: code bytes allowed; at least CODE_MEMORY_MINIMUM, rounded up to pages. */
enum { CODE_MEMORY_MINIMUM = 16 * 1024 };
enum status code_memory_create(size_t limit_bytes, struct code_memory **ret_memory,
                               struct error *err);
void code_memory_destroy(struct code_memory **memory);

static inline uint8_t *code_w(const struct code_memory *memory, const void *x_address)
{
    return (uint8_t *)(uintptr_t)x_address + memory->w_minus_x;
}
static inline bool code_contains(const struct code_memory *memory, const void *x_address)
{
    return (uintptr_t)x_address - (uintptr_t)memory->x_base < memory->code_limit;
}

/* X address of `size_bytes` of code space aligned to a power of two, or NULL when full. For
 * emission of unknown length: reserve the most it can be, emit, then code_trim to what it was. */
uint8_t *code_alloc(struct code_memory *memory, size_t size_bytes, size_t alignment);
/* Gives back the tail of the latest code_alloc. end: X address one past what is used. */
void code_trim(struct code_memory *memory, const uint8_t *end);
/* X address of CODE_STUB_BYTES for a TB's stub, or NULL when full; independent of an open
 * code_alloc. */
enum { CODE_STUB_BYTES = 16 };
uint8_t *code_alloc_stub(struct code_memory *memory);
/* X address of at most size_bytes for code that runs rarely, away from that of code_alloc, so that
 * code that runs often is dense; always above it. NULL when full. What is used of it must be told to
 * code_trim_rare before the next is taken. */
uint8_t *code_alloc_rare(struct code_memory *memory, size_t size_bytes);
/* end: X address one past what is used. */
void code_trim_rare(struct code_memory *memory, const uint8_t *end);
/* X address of zeroed near data, readable and writable, or NULL when full. */
void *data_alloc(struct code_memory *memory, size_t size_bytes, size_t alignment);
/* The records share their first huge page with what others of the engine need (pages_donate), so that a
 * short program touches one only. */
enum { CODE_POOL_BYTES = 1024 * 1024 };
/* Where records begin; record_alloc gives them from there on without gaps, zeroed; NULL when full. */
static inline uint8_t *code_records(const struct code_memory *memory)
{
    return memory->x_base + memory->code_limit + memory->data_limit + CODE_POOL_BYTES;
}
void *record_alloc(struct code_memory *memory, size_t size_bytes);
/* Forgets everything allocated and gives its pages back to the host; all reads as zero. */
void code_memory_reset(struct code_memory *memory);

#endif
