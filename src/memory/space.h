/* The guest address space: one reserved window of the host's.
 *
 * Guest address A lies at host address base + A, 0 <= A < SPACE_SIZE; everything is PROT_NONE until
 * mapped, with a guard of at least 4 GiB before and after the window. Base 0 makes for the shortest code, and
 * the host's addresses up to 256 GiB are free as a rule, where programs and libraries are loaded at random;
 * below 0 nothing is ever mapped. A table of mappings (sorted, merged where equal) holds the permissions the
 * guest asked for; the host's differ only on watched pages (they hold translated code and are write
 * protected). The guest's page size is 4096. Mapping functions return 0 or a negative errno as Linux would. */
#ifndef TIERCEL_MEMORY_SPACE_H
#define TIERCEL_MEMORY_SPACE_H

#include "src/base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define SPACE_SIZE (UINT64_C(1) << 38) /* Sv39 user half */
#define SPACE_PAGE UINT64_C(4096)
#define SPACE_STACK_TOP (SPACE_SIZE - SPACE_PAGE)

enum { SPACE_READ = 1, SPACE_WRITE = 2, SPACE_EXEC = 4 };

struct space;

/* is_identity: with base 0, when its addresses are free. */
enum status space_create(bool is_identity, struct space **ret_space, struct error *err);
void space_destroy(struct space **space);
/* From now on large private mappings and the heap are to lie in the host's huge pages, which take
 * fewer page faults. Before the guest runs. */
void space_use_huge_pages(struct space *space);
uint8_t *space_base(const struct space *space);

/* mmap: prot is SPACE_*, flags are the host's MAP_* (private, shared, fixed, fixed_noreplace,
 * anonymous, noreserve); without MAP_FIXED addr is a hint and free room is searched downwards from
 * the mmap base. On success the guest address is stored. Overlapped mappings are replaced. */
int64_t space_map(struct space *space, uint64_t addr, uint64_t size_bytes, int prot, int flags,
                  int fd, off_t offset, uint64_t *ret_addr);
int64_t space_unmap(struct space *space, uint64_t addr, uint64_t size_bytes);
int64_t space_protect(struct space *space, uint64_t addr, uint64_t size_bytes, int prot);
int64_t space_remap(struct space *space, uint64_t addr, uint64_t old_bytes, uint64_t new_bytes,
                    int flags, uint64_t new_addr, uint64_t *ret_addr);

/* Program break, as brk(2): returns the break after the request (unchanged when refused). */
void space_set_brk_start(struct space *space, uint64_t addr);
uint64_t space_brk(struct space *space, uint64_t addr);

/* Permissions at addr (SPACE_*), or -1 when nothing is mapped there. */
int space_prot(const struct space *space, uint64_t addr);
/* True when every byte of the range is mapped with at least these permissions. */
bool space_check(const struct space *space, uint64_t addr, uint64_t size_bytes, int prot);
/* For fault messages: "address 0x... is not mapped (nearest below 0x..-0x.. r-x NAME)" and the
 * like. */
void space_describe(const struct space *space, uint64_t addr, char *text, size_t text_size);
/* One mapping, for /proc/self/maps and messages. The name lives as long as the space. */
struct space_mapping {
    uint64_t start, end;
    int prot; /* SPACE_* */
    bool is_shared, is_anonymous;
    uint64_t file_offset; /* of start */
    const char *name;     /* never NULL */
};
/* The mapping that contains addr or the first one above; false when there is none. */
bool space_next_mapping(const struct space *space, uint64_t addr,
                        struct space_mapping *ret_mapping);
/* Names the mapping that starts at addr, for space_describe ("[heap]", a file's name). */
void space_name(struct space *space, uint64_t addr, const char *name);

/* Host pointer to a guest range for a system call, or NULL (EFAULT) unless the whole range has the
 * permissions. With SPACE_WRITE watched pages in the range are released first (listener called). */
void *space_pointer(struct space *space, uint64_t addr, uint64_t size_bytes, int prot);
/* A NUL-terminated guest string, at most max_bytes long with the NUL; NULL when it is not readable,
 * errno-style reason in *ret_errno (EFAULT or ENAMETOOLONG). */
const char *space_string(struct space *space, uint64_t addr, size_t max_bytes, int *ret_errno);

/* Fetch for translation (guest_fetch with the space as context). */
const uint8_t *space_fetch(void *space, uint64_t pc, size_t *ret_available_bytes);

/* Watched pages: write protected on the host because translated code came from them. The listener
 * is told a range (page aligned) before its contents can change: at the first write (write fault
 * or space_pointer), and at unmap, remap, protect and map over it. The pages are then unwatched. */
typedef void space_listener(void *context, uint64_t addr, uint64_t size_bytes);
void space_set_listener(struct space *space, space_listener *listener, void *context);
/* Watches the pages of the range, the page of addr when it is empty. Pages that are not mapped or
 * not executable can be watched too (what was translated is the fault of running there): mapping
 * or protecting them tells the listener. Nothing happens outside the window. */
void space_watch(struct space *space, uint64_t addr, uint64_t size_bytes);
/* The contents of the range are about to change by other means than a guest store (madvise). */
void space_changing(struct space *space, uint64_t addr, uint64_t size_bytes);
/* A host write to this guest address faulted. True when the page was watched and guest-writable: it
 * is released, the access can be repeated. Safe in a SIGSEGV handler of a thread that was running
 * guest code. */
bool space_write_fault(struct space *space, uint64_t addr);

#endif
