/* Zeroed memory straight from the host, in whole pages.
 *
 * Large pieces are aligned and marked for huge pages: most of what touching fresh memory costs is
 * paid per page, and a huge page is one. */
#ifndef TIERCEL_BASE_PAGES_H
#define TIERCEL_BASE_PAGES_H

#include <stddef.h>

#define PAGES_HUGE_BYTES ((size_t)2 << 20)

/* Never NULL (the process ends when the host has no memory). Smaller pieces are present at
 * once: they will be touched all over, and each page would cost a fault, or two when it is read first. */
void *pages_alloc(size_t size_bytes);
/* For what is touched here and there: each page is present when it has been touched. */
void *pages_alloc_sparse(size_t size_bytes);
/* Makes pages present that are about to be touched, to be written or read: a page costs a fault when it
 * is touched first, many times what it costs in passing. Advice: what cannot be done is left to the
 * faults. Whole pages. */
void pages_expect_writes(void *memory, size_t size_bytes);
void pages_expect_reads(void *memory, size_t size_bytes);
/* What either gave for the same size. */
void pages_free(void *memory, size_t size_bytes);

#endif
