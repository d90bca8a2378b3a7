/* Zeroed memory straight from the host, in whole pages.
 *
 * Most of what fresh memory costs is paid per page, when it is touched first: microseconds in a virtual
 * machine, and more than that again where page tables are shadowed (docs/performance.md, "Start"). A huge
 * page costs as much as ten to twenty small ones and is as large as 512. So what is used throughout
 * comes from huge pages, small pieces together from one. All functions may be called by any thread. */
#ifndef TIERCEL_BASE_PAGES_H
#define TIERCEL_BASE_PAGES_H

#include <stdbool.h>
#include <stddef.h>

#define PAGES_HUGE_BYTES ((size_t)2 << 20)

/* Never NULL (the process ends when the host has no memory). */
void *pages_alloc(size_t size_bytes);
/* What pages_alloc gave for the same size. */
void pages_free(void *memory, size_t size_bytes);
/* Gives fresh whole pages to those who come later, if nobody has come so far; false: they stay the caller's. */
bool pages_donate(void *memory, size_t size_bytes);
/* Fresh private memory, to be unmapped by the caller, in which a huge page can begin huge_at bytes from
 * the start; flags: of mmap, besides. NULL when there is none. */
void *pages_map_aligned(size_t size_bytes, size_t huge_at, int flags);
/* Makes pages present that are about to be touched, to be written or read: that is cheaper than a fault
 * for each. Advice: what cannot be done is left to the faults. Whole pages. */
void pages_expect_writes(void *memory, size_t size_bytes);
void pages_expect_reads(void *memory, size_t size_bytes);
/* Makes huge pages of what lies here, which begins and ends as such do, in a mapping that is shared; some of
 * it is present. False: the host does not. */
bool pages_make_huge(void *memory, size_t size_bytes);

#endif
