/* What tier 2 reads of an object file before ORC links it: how much room it needs, that it can run
 * from the other view of code memory, and the tables for faults. */
#ifndef TIERCEL_TIER2_OBJECT_H
#define TIERCEL_TIER2_OBJECT_H

#include "src/base/status.h"

#include <stddef.h>
#include <stdint.h>

struct object_section {
    const uint8_t *bytes;
    size_t size_bytes;
};

struct object {
    size_t code_bytes;     /* room for the sections with code, alignment included */
    size_t data_bytes;     /* the same for the other sections that are loaded */
    size_t function_bytes; /* of .text */
    struct object_section line_table; /* .debug_line; points into the object */
};

/* STATUS_REJECTED when the object is not what LLVM makes of a region: not ELF64, or with absolute
 * or external references. */
enum status object_read(const void *bytes, size_t size_bytes, struct object *ret_object,
                        struct error *err);

#endif
