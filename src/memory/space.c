/* The guest address space: mapping table, break, watched pages.
 *
 * The table is an array sorted by address; neighbours with equal properties are merged, so a
 * program has a few dozen entries and look-up is a binary search. Every host call that changes the
 * window replaces pages by MAP_FIXED, never leaves a hole: memory of the emulator itself can
 * therefore never come to lie inside. Watched pages are one bit each in a lazily touched bitmap,
 * which a fault handler can read and write without allocating.
 *
 * Locking: `lock` protects the table, the names and the break. The listener is called without it
 * (it takes the translation cache's lock, whose holders call space_fetch). */
#include "src/memory/space.h"

#include "src/base/bits.h"
#include "src/base/check.h"
#include "src/base/pages.h"
#include "src/memory/mapping.h"

#include <errno.h>
#include <linux/mman.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define GUARD_BYTES (UINT64_C(4) << 30)
#define WATCH_WORDS (SPACE_SIZE / SPACE_PAGE / 64)
#define LOWEST_ADDRESS UINT64_C(0x10000)              /* vm.mmap_min_addr */
#define MMAP_TOP (SPACE_SIZE - (UINT64_C(128) << 20)) /* room for the stack, as Linux leaves */

enum { FETCHED_PAGES = 64 };

struct space {
    bool has_huge_pages;       /* constant once the guest runs */
    uint8_t *base, *window;    /* constant */
    size_t window_bytes;       /* constant */
    _Atomic uint64_t *watched; /* constant pointer; bit per page, atomic */
    pthread_mutex_t lock;
    struct mapping_table table;  /* lock */
    /* Pages that code was fetched from, each in its place, with table.changes then. */
    _Atomic uint64_t fetched[FETCHED_PAGES];
    uint64_t brk_start, brk_end; /* lock */
    space_listener *listener;    /* set before the guest runs */
    void *listener_context;
};

static void lock_space(const struct space *space)
{
    pthread_mutex_lock((pthread_mutex_t *)&space->lock);
}

static void unlock_space(const struct space *space)
{
    pthread_mutex_unlock((pthread_mutex_t *)&space->lock);
}

/* ---- creation ---- */

static void *reserve(uint64_t size_bytes, int prot)
{
    return mmap(NULL, size_bytes, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
}

/* What lies below LOWEST_ADDRESS is not there for the host either, nor is anything below 0. */
static bool reserve_identity(struct space *space)
{
    space->window_bytes = SPACE_SIZE + GUARD_BYTES - LOWEST_ADDRESS;
    space->window = mmap((void *)(uintptr_t)LOWEST_ADDRESS, space->window_bytes, PROT_NONE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
    if ((uintptr_t)space->window == LOWEST_ADDRESS)
        return true;
    if (space->window != MAP_FAILED) /* a kernel that does not know the flag */
        munmap(space->window, space->window_bytes);
    return false;
}

static bool reserve_window(struct space *space)
{
    space->window_bytes = SPACE_SIZE + 2 * GUARD_BYTES;
    space->window = reserve(space->window_bytes, PROT_NONE);
    space->base = space->window + GUARD_BYTES;
    return space->window != MAP_FAILED;
}

enum status space_create(bool is_identity, struct space **ret_space, struct error *err)
{
    struct space *space = calloc(1, sizeof *space);
    if (!space)
        return error_set(err, STATUS_NO_MEMORY, "out of memory");
    bool has_window = (is_identity && reserve_identity(space)) || reserve_window(space);
    void *watched = reserve(WATCH_WORDS * sizeof(uint64_t), PROT_READ | PROT_WRITE);
    if (!has_window || watched == MAP_FAILED) {
        int reason = errno;
        if (has_window)
            munmap(space->window, space->window_bytes);
        free(space);
        return error_set(
            err, STATUS_NO_MEMORY, "cannot reserve %llu GiB of address space for the guest: %s",
            (unsigned long long)((SPACE_SIZE + 2 * GUARD_BYTES) >> 30), strerror(reason));
    }
    space->watched = watched;
    pthread_mutex_init(&space->lock, NULL);
    *ret_space = space;
    return STATUS_OK;
}

void space_destroy(struct space **space_pointer_)
{
    struct space *space = *space_pointer_;
    if (!space)
        return;
    munmap(space->window, space->window_bytes);
    munmap(space->watched, WATCH_WORDS * sizeof(uint64_t));
    mapping_table_fini(&space->table);
    pthread_mutex_destroy(&space->lock);
    free(space);
    *space_pointer_ = NULL;
}

void space_use_huge_pages(struct space *space)
{
    space->has_huge_pages = true;
}

uint8_t *space_base(const struct space *space)
{
    return space->base;
}

/* ---- permissions of the host ---- */

/* The host never executes guest pages, only reads them; a RISC-V page that is writable is readable
 * (Privileged ISA: W without R is reserved). */
static int host_prot(int prot)
{
    return (prot ? PROT_READ : PROT_NONE) | (prot & SPACE_WRITE ? PROT_WRITE : 0);
}

/* Page range of [addr, addr + size), or false when it leaves the window or is not aligned. */
static bool page_range(uint64_t addr, uint64_t size_bytes, uint64_t *ret_end)
{
    if (addr % SPACE_PAGE || size_bytes > SPACE_SIZE)
        return false;
    uint64_t end = addr + bits_align_up(size_bytes, SPACE_PAGE);
    if (end > SPACE_SIZE || end < addr)
        return false;
    *ret_end = end;
    return true;
}

/* ---- watched pages ---- */

static bool is_watched(const struct space *space, uint64_t page)
{
    return space->watched[page / 64] >> (page % 64) & 1;
}

/* Takes the bits of pages [first, last) away; true when there was any. */
static bool unwatch_pages(struct space *space, uint64_t first, uint64_t last)
{
    uint64_t found = 0;
    for (uint64_t page = first; page < last;) {
        uint64_t in_word = 64 - page % 64 < last - page ? 64 - page % 64 : last - page;
        uint64_t mask = (in_word == 64 ? ~UINT64_C(0) : (UINT64_C(1) << in_word) - 1)
                        << (page % 64);
        if (space->watched[page / 64] & mask)
            found |= atomic_fetch_and(&space->watched[page / 64], ~mask) & mask;
        page += in_word;
    }
    return found != 0;
}

/* Gives the host the guest's permissions on the pages of [from, to), save those that are watched
 * again by now: another thread has translated from them meanwhile. Lock held. */
static void restore_unwatched(struct space *space, uint64_t from, uint64_t to, int prot)
{
    while (from < to) {
        uint64_t end = from;
        while (end < to && !is_watched(space, end / SPACE_PAGE))
            end += SPACE_PAGE;
        if (end > from)
            mprotect(space->base + from, end - from, host_prot(prot));
        from = end + SPACE_PAGE;
    }
}

/* The same on every mapped page of [start, end). */
static void restore_host_prot(struct space *space, uint64_t start, uint64_t end)
{
    for (size_t i = mapping_first_after(&space->table, start);
         i < space->table.count && space->table.entry[i].start < end; i++) {
        const struct mapping *mapping = &space->table.entry[i];
        uint64_t from = mapping->start > start ? mapping->start : start;
        uint64_t to = mapping->end < end ? mapping->end : end;
        if (mapping->prot & SPACE_WRITE)
            restore_unwatched(space, from, to, mapping->prot);
    }
}

/* Ends the watch over the pages of the range and tells the listener when there was one. The bits
 * are searched word by word: an unmap of a gigabyte looks at 4096 words, which stay untouched
 * zero pages of the host. */
static void release_range(struct space *space, uint64_t start, uint64_t end)
{
    if (!unwatch_pages(space, start / SPACE_PAGE, end / SPACE_PAGE))
        return;
    if (space->listener)
        space->listener(space->listener_context, start, end - start);
    lock_space(space);
    restore_host_prot(space, start, end);
    unlock_space(space);
}

void space_changing(struct space *space, uint64_t addr, uint64_t size_bytes)
{
    if (size_bytes == 0 || addr >= SPACE_SIZE || size_bytes > SPACE_SIZE - addr)
        return;
    release_range(space, addr & ~(SPACE_PAGE - 1), bits_align_up(addr + size_bytes, SPACE_PAGE));
}

void space_set_listener(struct space *space, space_listener *listener, void *context)
{
    space->listener = listener;
    space->listener_context = context;
}

void space_watch(struct space *space, uint64_t addr, uint64_t size_bytes)
{
    if (addr >= SPACE_SIZE || (size_bytes == 1 && is_watched(space, addr / SPACE_PAGE)))
        return;
    uint64_t start = addr & ~(SPACE_PAGE - 1);
    uint64_t end = bits_align_up(addr + (size_bytes ? size_bytes : 1), SPACE_PAGE);
    CHECK(end <= SPACE_SIZE, "watched range outside the window");
    if (end - start == SPACE_PAGE && is_watched(space, start / SPACE_PAGE))
        return;
    lock_space(space);
    for (uint64_t at = start; at < end; at += SPACE_PAGE) {
        uint64_t page = at / SPACE_PAGE;
        const struct mapping *mapping = mapping_find(&space->table, at);
        if (is_watched(space, page))
            continue;
        if (mapping && mapping->prot & SPACE_WRITE)
            mprotect(space->base + at, SPACE_PAGE, PROT_READ);
        atomic_fetch_or(&space->watched[page / 64], UINT64_C(1) << (page % 64));
    }
    unlock_space(space);
}

bool space_write_fault(struct space *space, uint64_t addr)
{
    if (addr >= SPACE_SIZE)
        return false;
    uint64_t start = addr & ~(SPACE_PAGE - 1);
    if (!is_watched(space, start / SPACE_PAGE))
        return false;
    int prot = space_prot(space, start);
    if (prot < 0 || !(prot & SPACE_WRITE))
        return false;
    release_range(space, start, start + SPACE_PAGE);
    return true;
}

/* ---- mapping ---- */

/* The highest free range of this size below the mmap base; 0 when there is none. */
static uint64_t find_free(const struct space *space, uint64_t size_bytes)
{
    uint64_t top = MMAP_TOP;
    for (size_t i = space->table.count; i-- > 0;) {
        const struct mapping *mapping = &space->table.entry[i];
        if (mapping->start >= top)
            continue;
        if (mapping->end < top && top - mapping->end >= size_bytes)
            return top - size_bytes;
        if (mapping->start < LOWEST_ADDRESS + size_bytes)
            return 0;
        top = mapping->start;
    }
    return top >= LOWEST_ADDRESS + size_bytes ? top - size_bytes : 0;
}

/* Chooses the address of a new mapping: 0 or a negative errno. */
static int64_t choose_address(const struct space *space, uint64_t hint, uint64_t size_bytes,
                              int flags, uint64_t *ret_addr)
{
    uint64_t end;
    bool is_free = page_range(hint, size_bytes, &end) && hint >= LOWEST_ADDRESS &&
                   mapping_is_free(&space->table, hint, end);
    if (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) {
        if (hint % SPACE_PAGE)
            return -EINVAL;
        if (!page_range(hint, size_bytes, &end))
            return -ENOMEM;
        if (hint < LOWEST_ADDRESS)
            return -EPERM;
        if (flags & MAP_FIXED_NOREPLACE && !is_free)
            return -EEXIST;
        *ret_addr = hint;
        return 0;
    }
    uint64_t found = is_free ? hint : find_free(space, size_bytes);
    if (!found)
        return -ENOMEM;
    *ret_addr = found;
    return 0;
}

/* Flags that are meaningful on the host too; the window's pages are always placed by MAP_FIXED. */
static int host_flags(int flags)
{
    int kept = MAP_TYPE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_POPULATE | MAP_LOCKED | MAP_NONBLOCK |
               MAP_SYNC;
    return (flags & kept) | MAP_FIXED;
}

/* Asks for huge pages where whole ones fit; where the host has none, or gives them to everybody, nothing
 * changes. */
static void expect_huge(const struct space *space, uint64_t start, uint64_t end)
{
    if (space->has_huge_pages && end - start >= PAGES_HUGE_BYTES)
        madvise(space->base + start, end - start, MADV_HUGEPAGE);
}

/* Stacks and what the guest reserves without need are touched here and there: one page at a time is enough. */
static bool may_be_huge(int prot, int flags)
{
    int sparse = MAP_STACK | MAP_GROWSDOWN | MAP_NORESERVE;
    return flags & MAP_ANONYMOUS && (flags & MAP_TYPE) == MAP_PRIVATE && !(flags & sparse) &&
           prot & SPACE_WRITE;
}

int64_t space_map(struct space *space, uint64_t addr, uint64_t size_bytes, int prot, int flags,
                  int fd, off_t offset, uint64_t *ret_addr)
{
    if (size_bytes == 0 || offset % (off_t)SPACE_PAGE)
        return -EINVAL;
    if (size_bytes > SPACE_SIZE || flags & MAP_HUGETLB)
        return -ENOMEM;
    size_bytes = bits_align_up(size_bytes, SPACE_PAGE);
    if (!(flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)))
        addr &= ~(SPACE_PAGE - 1);
    uint64_t chosen = 0;
    lock_space(space);
    int64_t result = choose_address(space, addr, size_bytes, flags, &chosen);
    unlock_space(space);
    if (result)
        return result;
    release_range(space, chosen, chosen + size_bytes);
    lock_space(space);
    void *mapped =
        mmap(space->base + chosen, size_bytes, host_prot(prot), host_flags(flags), fd, offset);
    result = mapped == MAP_FAILED ? -errno : 0;
    if (!result) {
        bool is_anonymous = flags & MAP_ANONYMOUS;
        if (may_be_huge(prot, flags))
            expect_huge(space, chosen, chosen + size_bytes);
        mapping_insert(&space->table,
                       &(struct mapping){.start = chosen,
                                         .end = chosen + size_bytes,
                                         .prot = (uint8_t)prot,
                                         .is_shared = (flags & MAP_TYPE) != MAP_PRIVATE,
                                         .is_anonymous = is_anonymous,
                                         .file_offset = is_anonymous ? 0 : (uint64_t)offset});
        *ret_addr = chosen;
    }
    unlock_space(space);
    return result;
}

/* Puts the reservation back over host pages. */
static int64_t reserve_again(struct space *space, uint64_t start, uint64_t end)
{
    void *mapped = mmap(space->base + start, end - start, PROT_NONE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
    return mapped == MAP_FAILED ? -errno : 0;
}

int64_t space_unmap(struct space *space, uint64_t addr, uint64_t size_bytes)
{
    uint64_t end;
    if (size_bytes == 0 || !page_range(addr, size_bytes, &end))
        return -EINVAL;
    release_range(space, addr, end);
    lock_space(space);
    int64_t result = 0;
    if (!mapping_is_free(&space->table, addr, end))
        result = reserve_again(space, addr, end);
    if (!result)
        mapping_remove(&space->table, addr, end);
    unlock_space(space);
    return result;
}

int64_t space_protect(struct space *space, uint64_t addr, uint64_t size_bytes, int prot)
{
    uint64_t end;
    if (addr % SPACE_PAGE)
        return -EINVAL;
    if (!page_range(addr, size_bytes, &end))
        return -ENOMEM;
    if (addr == end)
        return 0;
    release_range(space, addr, end);
    lock_space(space);
    int64_t result = 0;
    if (!mapping_covers(&space->table, addr, end, 0))
        result = -ENOMEM;
    else if (mprotect(space->base + addr, end - addr, host_prot(prot)))
        result = -errno;
    else
        mapping_set_prot(&space->table, addr, end, (uint8_t)prot);
    unlock_space(space);
    return result;
}

/* ---- mremap ---- */

/* A mremap under way; lock held, arguments checked, sizes in whole pages. */
struct remap {
    struct space *space;
    uint64_t addr, old_bytes, new_bytes, new_addr;
    struct mapping mapping; /* that holds the old range */
};

/* Maps anonymous pages after an existing piece, with its properties. */
static int64_t extend_anonymous(struct remap *remap, uint64_t addr, uint64_t size_bytes)
{
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
    void *mapped =
        mmap(remap->space->base + addr, size_bytes, host_prot(remap->mapping.prot), flags, -1, 0);
    return mapped == MAP_FAILED ? -errno : 0;
}

/* Moves the host's pages. Private anonymous memory moves without ever leaving a hole; others need
 * the host to grow the mapping while it moves, and the reservation is put back behind it. */
static int64_t move_host_pages(struct remap *remap)
{
    uint8_t *base = remap->space->base;
    bool is_private = remap->mapping.is_anonymous && !remap->mapping.is_shared;
    uint64_t moved = remap->old_bytes < remap->new_bytes ? remap->old_bytes : remap->new_bytes;
    if (is_private) {
        void *to = mremap(base + remap->addr, moved, moved,
                          MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, base + remap->new_addr);
        if (to != MAP_FAILED) {
            int64_t result =
                remap->new_bytes > moved
                    ? extend_anonymous(remap, remap->new_addr + moved, remap->new_bytes - moved)
                    : 0;
            return result
                       ? result
                       : reserve_again(remap->space, remap->addr, remap->addr + remap->old_bytes);
        }
        /* The host keeps two areas where the table has one: copy. */
        int64_t result = extend_anonymous(remap, remap->new_addr, remap->new_bytes);
        if (result)
            return result;
        bool is_writable = remap->mapping.prot & SPACE_WRITE;
        if (!is_writable)
            mprotect(base + remap->new_addr, remap->new_bytes, PROT_READ | PROT_WRITE);
        if (!remap->mapping.prot)
            mprotect(base + remap->addr, moved, PROT_READ);
        memcpy(base + remap->new_addr, base + remap->addr, moved);
        if (!is_writable)
            mprotect(base + remap->new_addr, remap->new_bytes, host_prot(remap->mapping.prot));
        return reserve_again(remap->space, remap->addr, remap->addr + remap->old_bytes);
    }
    void *to = mremap(base + remap->addr, remap->old_bytes, remap->new_bytes,
                      MREMAP_MAYMOVE | MREMAP_FIXED, base + remap->new_addr);
    if (to == MAP_FAILED)
        return -errno;
    void *hole = mmap(base + remap->addr, remap->old_bytes, PROT_NONE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
    CHECK(hole == base + remap->addr, "a hole in the guest's window was taken");
    return 0;
}

static void record_move(struct remap *remap)
{
    struct mapping moved = remap->mapping;
    if (!moved.is_anonymous)
        moved.file_offset += remap->addr - moved.start;
    moved.start = remap->new_addr;
    moved.end = remap->new_addr + remap->new_bytes;
    mapping_remove(&remap->space->table, remap->addr, remap->addr + remap->old_bytes);
    mapping_insert(&remap->space->table, &moved);
}

/* All of it alike: of two kinds the host would make two areas, which it does not move as one. */
static void expect_huge_remap(const struct remap *remap, uint64_t addr)
{
    const struct mapping *mapping = &remap->mapping;
    if (mapping->is_anonymous && !mapping->is_shared && mapping->prot & SPACE_WRITE)
        expect_huge(remap->space, addr, addr + remap->new_bytes);
}

/* Grows where it stands when the room behind is free; false when it must move. */
static bool grow_in_place(struct remap *remap)
{
    uint64_t old_end = remap->addr + remap->old_bytes, new_end = remap->addr + remap->new_bytes;
    if (!remap->mapping.is_anonymous || remap->mapping.is_shared || new_end > SPACE_SIZE ||
        !mapping_is_free(&remap->space->table, old_end, new_end))
        return false;
    if (extend_anonymous(remap, old_end, new_end - old_end))
        return false;
    struct mapping added = remap->mapping;
    added.start = old_end;
    added.end = new_end;
    mapping_insert(&remap->space->table, &added);
    return true;
}

static int64_t remap_locked(struct remap *remap, int flags, uint64_t *ret_addr)
{
    struct space *space = remap->space;
    if (!(flags & MREMAP_FIXED)) {
        if (remap->new_bytes == remap->old_bytes || grow_in_place(remap)) {
            expect_huge_remap(remap, remap->addr);
            *ret_addr = remap->addr;
            return 0;
        }
        if (!(flags & MREMAP_MAYMOVE))
            return -ENOMEM;
        remap->new_addr = find_free(space, remap->new_bytes);
        if (!remap->new_addr)
            return -ENOMEM;
    }
    int64_t result = move_host_pages(remap);
    if (result)
        return result;
    record_move(remap);
    expect_huge_remap(remap, remap->new_addr);
    *ret_addr = remap->new_addr;
    return 0;
}

int64_t space_remap(struct space *space, uint64_t addr, uint64_t old_bytes, uint64_t new_bytes,
                    int flags, uint64_t new_addr, uint64_t *ret_addr)
{
    uint64_t old_end, new_end;
    if (flags & ~(MREMAP_MAYMOVE | MREMAP_FIXED) ||
        (flags & MREMAP_FIXED && !(flags & MREMAP_MAYMOVE)))
        return -EINVAL;
    if (old_bytes == 0 || new_bytes == 0 || !page_range(addr, old_bytes, &old_end))
        return -EINVAL;
    if (new_bytes > SPACE_SIZE)
        return -ENOMEM;
    new_bytes = bits_align_up(new_bytes, SPACE_PAGE);
    old_bytes = old_end - addr;
    if (flags & MREMAP_FIXED &&
        (!page_range(new_addr, new_bytes, &new_end) || new_addr < LOWEST_ADDRESS ||
         (new_addr < old_end && addr < new_end)))
        return -EINVAL;
    struct remap remap = {space, addr, old_bytes, new_bytes, new_addr, {0}};
    lock_space(space);
    const struct mapping *mapping = mapping_find(&space->table, addr);
    bool is_whole = mapping && mapping->end >= old_end;
    if (is_whole)
        remap.mapping = *mapping;
    unlock_space(space);
    if (!is_whole)
        return -EFAULT;
    if (!(flags & MREMAP_FIXED) && new_bytes < old_bytes) {
        *ret_addr = addr;
        return space_unmap(space, addr + new_bytes, old_bytes - new_bytes);
    }
    release_range(space, addr, old_end);
    if (flags & MREMAP_FIXED) {
        int64_t result = space_unmap(space, new_addr, new_bytes);
        if (result)
            return result;
    }
    lock_space(space);
    int64_t result = remap_locked(&remap, flags, ret_addr);
    unlock_space(space);
    return result;
}

/* ---- break ---- */

void space_set_brk_start(struct space *space, uint64_t addr)
{
    space->brk_start = space->brk_end = bits_align_up(addr, SPACE_PAGE);
}

uint64_t space_brk(struct space *space, uint64_t addr)
{
    uint64_t old_top = bits_align_up(space->brk_end, SPACE_PAGE);
    if (addr < space->brk_start || addr >= SPACE_SIZE)
        return space->brk_end;
    uint64_t new_top = bits_align_up(addr, SPACE_PAGE);
    if (new_top < old_top && space_unmap(space, new_top, old_top - new_top))
        return space->brk_end;
    if (new_top > old_top) {
        uint64_t mapped;
        if (space_map(space, old_top, new_top - old_top, SPACE_READ | SPACE_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0, &mapped))
            return space->brk_end;
        space_name(space, old_top, "[heap]");
        expect_huge(space, space->brk_start, new_top); /* it grows by little */
    }
    space->brk_end = addr;
    return addr;
}

/* ---- questions ---- */

int space_prot(const struct space *space, uint64_t addr)
{
    lock_space(space);
    const struct mapping *mapping = mapping_find(&space->table, addr);
    int prot = mapping ? mapping->prot : -1;
    unlock_space(space);
    return prot;
}

bool space_check(const struct space *space, uint64_t addr, uint64_t size_bytes, int prot)
{
    if (addr >= SPACE_SIZE || size_bytes > SPACE_SIZE - addr)
        return false;
    if (size_bytes == 0)
        return true;
    lock_space(space);
    bool is_covered = mapping_covers(&space->table, addr, addr + size_bytes, (uint8_t)prot);
    unlock_space(space);
    return is_covered;
}

bool space_next_mapping(const struct space *space, uint64_t addr, struct space_mapping *ret_mapping)
{
    lock_space(space);
    size_t i = mapping_first_after(&space->table, addr);
    bool is_found = i < space->table.count;
    if (is_found) {
        const struct mapping *mapping = &space->table.entry[i];
        *ret_mapping = (struct space_mapping){.start = mapping->start,
                                              .end = mapping->end,
                                              .prot = mapping->prot,
                                              .is_shared = mapping->is_shared,
                                              .is_anonymous = mapping->is_anonymous,
                                              .file_offset = mapping->file_offset,
                                              .name = mapping->name ? mapping->name : ""};
    }
    unlock_space(space);
    return is_found;
}

static void mapping_text(const struct mapping *mapping, char *text, size_t text_size)
{
    snprintf(text, text_size, "%#llx-%#llx %c%c%c %s", (unsigned long long)mapping->start,
             (unsigned long long)mapping->end, mapping->prot & SPACE_READ ? 'r' : '-',
             mapping->prot & SPACE_WRITE ? 'w' : '-', mapping->prot & SPACE_EXEC ? 'x' : '-',
             mapping->name ? mapping->name : "[anonymous]");
}

void space_describe(const struct space *space, uint64_t addr, char *text, size_t text_size)
{
    char near_text[160];
    unsigned long long shown = addr;
    if (addr >= SPACE_SIZE) {
        snprintf(text, text_size, "address %#llx is outside the guest's address space", shown);
        return;
    }
    lock_space(space);
    size_t after = mapping_first_after(&space->table, addr);
    const struct mapping *entry = space->table.entry;
    if (after < space->table.count && entry[after].start <= addr) {
        mapping_text(&entry[after], near_text, sizeof near_text);
        snprintf(text, text_size, "address %#llx lies in %s", shown, near_text);
    } else if (after < space->table.count && entry[after].name &&
               !strcmp(entry[after].name, "[stack]")) {
        mapping_text(&entry[after], near_text, sizeof near_text);
        snprintf(text, text_size, "address %#llx is not mapped (below the stack %s)", shown,
                 near_text);
    } else if (after > 0) {
        mapping_text(&entry[after - 1], near_text, sizeof near_text);
        snprintf(text, text_size, "address %#llx is not mapped (nearest below %s)", shown,
                 near_text);
    } else {
        snprintf(text, text_size, "address %#llx is not mapped", shown);
    }
    unlock_space(space);
}

void space_name(struct space *space, uint64_t addr, const char *name)
{
    lock_space(space);
    mapping_set_name(&space->table, addr, name);
    unlock_space(space);
}

/* ---- access for system calls and translation ---- */

void *space_pointer(struct space *space, uint64_t addr, uint64_t size_bytes, int prot)
{
    if (!space_check(space, addr, size_bytes, prot))
        return NULL;
    if (prot & SPACE_WRITE)
        space_changing(space, addr, size_bytes);
    return space->base + addr;
}

const char *space_string(struct space *space, uint64_t addr, size_t max_bytes, int *ret_errno)
{
    size_t checked = 0;
    while (checked < max_bytes) {
        uint64_t at = addr + checked;
        size_t step = SPACE_PAGE - at % SPACE_PAGE;
        if (step > max_bytes - checked)
            step = max_bytes - checked;
        if (!space_check(space, at, step, SPACE_READ)) {
            *ret_errno = EFAULT;
            return NULL;
        }
        if (memchr(space->base + at, 0, step))
            return (const char *)(space->base + addr);
        checked += step;
    }
    *ret_errno = ENAMETOOLONG;
    return NULL;
}

/* Most fetches are from a page like others before, of a table that has not changed. The changes are
 * read before the table: what is remembered is never newer than it says. */
static bool is_executable(struct space *space, uint64_t pc)
{
    uint64_t page = pc / SPACE_PAGE + 1, changes = space->table.changes;
    _Atomic uint64_t *fetched = &space->fetched[page % FETCHED_PAGES];
    if (pc < SPACE_SIZE &&
        atomic_load_explicit(fetched, memory_order_relaxed) == (page | changes << 32))
        return true;
    int prot = pc < SPACE_SIZE ? space_prot(space, pc) : -1;
    if (prot < 0 || !(prot & SPACE_EXEC))
        return false;
    atomic_store_explicit(fetched, page | changes << 32, memory_order_relaxed);
    return true;
}

const uint8_t *space_fetch(void *context, uint64_t pc, size_t *ret_available_bytes)
{
    struct space *space = context;
    if (!is_executable(space, pc))
        return NULL;
    *ret_available_bytes = SPACE_PAGE - pc % SPACE_PAGE;
    return space->base + pc;
}
