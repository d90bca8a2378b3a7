/* Memory of a few pages for the operations of bulk.S and libcall.S, behind which nothing can be
 * accessed, and a vcpu that works on it. */
#ifndef TIERCEL_TESTS_BYTE_MEMORY_H
#define TIERCEL_TESTS_BYTE_MEMORY_H

#include "src/tb/abi.h"

enum { PAGE = 4096, PAGES = 12, LAST_PAGE = 8, BYTES = LAST_PAGE * PAGE };

extern struct vcpu *vcpu;
extern uint8_t *memory, wanted[BYTES]; /* wanted: what memory is to be, for the test to fill */
extern uint64_t random_state;

/* A random number below count. */
uint64_t draw(uint64_t count);
/* Makes both, and lets an access in [start, end) that faults go on at `landing`, as
 * src/exec/fault.c does; pages below LAST_PAGE can be accessed, those from there on cannot. */
void byte_memory_create(const char *start, const char *end, const char *landing);

#endif
