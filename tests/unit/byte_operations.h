/* What bulk operations and libcalls (enum ir_bulk, enum ir_libcall) do, byte by byte: the reference for
 * bulk.S, libcall.S and the tiers that call them. */
#ifndef TIERCEL_TESTS_BYTE_OPERATIONS_H
#define TIERCEL_TESTS_BYTE_OPERATIONS_H

#include "src/ir/ir.h"

/* Addresses below `readable` can be read, those below `writable` written as well. */
struct byte_range {
    uint8_t *bytes;
    uint64_t readable, writable;
};

/* Whether operand b is an address. */
bool bulk_has_address_b(enum ir_bulk kind);
bool libcall_has_address_b(enum ir_libcall kind);
/* Do the operation; give its result. A libcall gives IR_NOT_DONE when it looks at bytes that are not
 * there, and has then changed nothing. */
uint64_t bulk_on_bytes(const struct byte_range *memory, enum ir_bulk kind, uint64_t a, uint64_t b,
                       uint64_t c);
uint64_t libcall_on_bytes(const struct byte_range *memory, enum ir_libcall kind, uint64_t a,
                          uint64_t b, uint64_t c);

#endif
