/* Linking by ORC into our code memory (jit.c).
 *
 * All functions but create and destroy are called with the cache's lock held, which also orders
 * the threads that release code against the compile thread that owns the jit. */
#ifndef TIERCEL_TIER2_JIT_H
#define TIERCEL_TIER2_JIT_H

#include "src/tb/tier.h"
#include "tier2/object.h"

#include <llvm-c/LLJIT.h>

/* Where the sections of the object being linked go: X addresses. */
struct link_room {
    uint8_t *code, *code_end;
    uint8_t *data, *data_end;
    uint8_t *near;    /* of the region's near data, once it has been allocated */
    uint8_t *accesses; /* of the access table of a precise region */
    size_t access_bytes;
    bool is_overrun;  /* a section did not fit and lies in throw-away memory */
    void *throw_away;
};

struct region_code;

struct jit {
    LLVMOrcLLJITRef lljit;
    struct code_memory *memory;
    struct link_room room;
    struct region_code *first; /* code that it linked and that has not been released */
};

/* What tier 2 keeps for a tb_code (its tier_private). Owner: the tb_code, until it is released. */
struct region_code {
    struct region_code *next, *previous;
    struct jit *jit; /* NULL when the jit was destroyed first */
    LLVMOrcResourceTrackerRef tracker;
    uint8_t *start;  /* X addresses */
    uint8_t *near;
    const struct region_access *accesses; /* NULL when the region is not precise */
    size_t access_count;
    uint64_t line_base_pc;
    struct object_section line_table; /* lies behind the record */
};

enum status jit_create(struct code_memory *memory, struct jit **ret_jit, struct error *err);
/* No code of it may be linked or released at the same time. */
void jit_destroy(struct jit **jit);

/* Links the object, which it takes over, and finds `symbol` in it. STATUS_CODE_FULL when code
 * memory has no room. */
enum status jit_link(struct jit *jit, LLVMMemoryBufferRef object_file, const struct object *object,
                     const char *symbol, struct region_code **ret_code, struct error *err);
/* Unlinks and frees. */
void jit_release(struct region_code **code);

#endif
