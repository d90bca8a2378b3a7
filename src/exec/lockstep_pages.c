/* Lockstep's view of guest memory: which pages a step writes, and their contents before it.
 *
 * At a boundary every page that the guest may write is write protected on the host, but for the
 * open ones: pages written lately, whose contents are kept here and compared after each run. The
 * fault handler opens a page at its first write. So a step costs two comparisons per open page, a
 * fault per page that it is the first to write, and generated code is the same as without lockstep.
 * Invariant: a page that is not open has not been written since the boundary. */
#include "src/exec/lockstep.h"

#include "src/base/bits.h"
#include "src/base/check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
    COOL_PERIOD = 32, /* steps between looks for pages that are no longer written */
    MAX_OPEN = 2048,  /* kept open at a boundary */
};

/* ---- records ---- */

static struct lockstep_page **bucket_of(struct lockstep_pages *pages, uint64_t addr)
{
    return &pages->buckets[addr / SPACE_PAGE % ARRAY_LENGTH(pages->buckets)];
}

static struct lockstep_page *find_open(struct lockstep_pages *pages, uint64_t addr)
{
    struct lockstep_page *page = *bucket_of(pages, addr);
    while (page && page->addr != addr)
        page = page->next_in_bucket;
    return page;
}

static struct lockstep_page *record_new(struct lockstep_pages *pages, uint64_t addr)
{
    struct lockstep_page *page = pages->free;
    if (page) {
        pages->free = page->next_in_bucket;
    } else {
        page = malloc(sizeof *page);
        uint8_t *contents = malloc(2 * SPACE_PAGE);
        CHECK(page && contents, "out of memory");
        page->before = contents;
        page->candidate = contents + SPACE_PAGE;
    }
    page->addr = addr;
    page->is_changed = false;
    page->last_change = pages->step;
    return page;
}

static void record_free(struct lockstep_pages *pages, struct lockstep_page *page)
{
    page->next_in_bucket = pages->free;
    pages->free = page;
}

static void append(struct lockstep_page ***array, uint32_t *count, uint32_t *capacity,
                   struct lockstep_page *page)
{
    if (*count == *capacity) {
        *capacity = *capacity ? *capacity * 2 : 64;
        *array = realloc(*array, *capacity * sizeof **array);
        CHECK(*array, "out of memory");
    }
    (*array)[(*count)++] = page;
}

static void forget_open(struct lockstep_pages *pages)
{
    memset(pages->buckets, 0, sizeof pages->buckets);
    for (uint32_t i = 0; i < pages->open_count; i++)
        record_free(pages, pages->open[i]);
    pages->open_count = 0;
}

void lockstep_pages_init(struct lockstep_pages *pages, struct space *space)
{
    *pages = (struct lockstep_pages){.space = space};
}

static void forget_base(struct lockstep_pages *pages)
{
    for (uint32_t i = 0; i < pages->base_count; i++)
        record_free(pages, pages->base[i]);
    pages->base_count = 0;
}

void lockstep_pages_fini(struct lockstep_pages *pages)
{
    forget_open(pages);
    forget_base(pages);
    for (struct lockstep_page *page = pages->free, *next; page; page = next) {
        next = page->next_in_bucket;
        free(page->before < page->candidate ? page->before : page->candidate);
        free(page);
    }
    free(pages->open);
    free(pages->base);
}

/* ---- protection ---- */

static uint8_t *host_of(const struct lockstep_pages *pages, uint64_t addr)
{
    return space_base(pages->space) + addr;
}

/* A page that the guest may write it may also read. */
static void set_writable(const struct lockstep_pages *pages, uint64_t addr, uint64_t size_bytes,
                         bool is_writable)
{
    int failure = mprotect(host_of(pages, addr), size_bytes,
                           is_writable ? PROT_READ | PROT_WRITE : PROT_READ);
    CHECK(failure == 0, "the protection of a guest page cannot be changed");
}

static void set_all_writable(const struct lockstep_pages *pages, bool is_writable)
{
    struct space_mapping mapping;
    for (uint64_t at = 0; space_next_mapping(pages->space, at, &mapping); at = mapping.end)
        if (mapping.prot & SPACE_WRITE)
            set_writable(pages, mapping.start, mapping.end - mapping.start, is_writable);
}

/* Watched pages become writable as well: the operating system asks the space for each range that it
 * writes, which ends the watch. */
void lockstep_pages_release(struct lockstep_pages *pages)
{
    set_all_writable(pages, true);
}

void lockstep_pages_protect(struct lockstep_pages *pages)
{
    forget_open(pages);
    set_all_writable(pages, false);
}

/* False when the page is mapped but there is nothing behind it (the end of a file). */
static bool copy_page(const struct lockstep_pages *pages, uint64_t addr, uint8_t *contents)
{
    struct iovec local = {contents, SPACE_PAGE}, remote = {host_of(pages, addr), SPACE_PAGE};
    ssize_t copied = process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
    CHECK(copied >= 0 || errno == EFAULT, "guest memory cannot be read");
    return copied == (ssize_t)SPACE_PAGE;
}

static struct lockstep_page *find_base(const struct lockstep_pages *pages, uint64_t addr)
{
    for (uint32_t i = 0; i < pages->base_count; i++)
        if (pages->base[i]->addr == addr)
            return pages->base[i];
    return NULL;
}

static void add_base(struct lockstep_pages *pages, const struct lockstep_page *page)
{
    struct lockstep_page *copy = record_new(pages, page->addr);
    memcpy(copy->before, page->before, SPACE_PAGE);
    append(&pages->base, &pages->base_count, &pages->base_capacity, copy);
}

bool lockstep_pages_fault(struct lockstep_pages *pages, uint64_t addr)
{
    if (addr >= SPACE_SIZE)
        return false;
    uint64_t start = addr & ~(SPACE_PAGE - 1);
    int prot = space_prot(pages->space, start);
    if (prot < 0 || !(prot & SPACE_WRITE) || find_open(pages, start))
        return false;
    struct lockstep_page *page = record_new(pages, start);
    if (!copy_page(pages, start, page->before)) {
        record_free(pages, page); /* writing there is the guest's bus error */
    } else {
        append(&pages->open, &pages->open_count, &pages->open_capacity, page);
        struct lockstep_page **bucket = bucket_of(pages, start);
        page->next_in_bucket = *bucket;
        *bucket = page;
        if (pages->has_base && !find_base(pages, start))
            add_base(pages, page);
    }
    if (!space_write_fault(pages->space, start))
        set_writable(pages, start, SPACE_PAGE, true);
    return true;
}

/* ---- a step ---- */

void lockstep_pages_rewind(struct lockstep_pages *pages)
{
    for (uint32_t i = 0; i < pages->open_count; i++) {
        struct lockstep_page *page = pages->open[i];
        uint8_t *memory = host_of(pages, page->addr);
        page->is_changed = memcmp(memory, page->before, SPACE_PAGE) != 0;
        if (!page->is_changed)
            continue;
        memcpy(page->candidate, memory, SPACE_PAGE);
        memcpy(memory, page->before, SPACE_PAGE);
    }
}

bool lockstep_pages_agree(const struct lockstep_pages *pages)
{
    for (uint32_t i = 0; i < pages->open_count; i++) {
        const struct lockstep_page *page = pages->open[i];
        const uint8_t *wanted = page->is_changed ? page->candidate : page->before;
        if (memcmp(host_of(pages, page->addr), wanted, SPACE_PAGE) != 0)
            return false;
    }
    return true;
}

/* Protects the pages again that have not changed for a while. */
static void cool(struct lockstep_pages *pages)
{
    uint32_t kept = 0;
    memset(pages->buckets, 0, sizeof pages->buckets);
    for (uint32_t i = 0; i < pages->open_count; i++) {
        struct lockstep_page *page = pages->open[i];
        bool is_cool = pages->step - page->last_change >= COOL_PERIOD || kept == MAX_OPEN;
        if (is_cool) {
            set_writable(pages, page->addr, SPACE_PAGE, false);
            record_free(pages, page);
            continue;
        }
        pages->open[kept++] = page;
        struct lockstep_page **bucket = bucket_of(pages, page->addr);
        page->next_in_bucket = *bucket;
        *bucket = page;
    }
    pages->open_count = kept;
}

static void commit_page(struct lockstep_pages *pages, struct lockstep_page *page, bool is_agreed)
{
    const uint8_t *memory = host_of(pages, page->addr);
    if (is_agreed ? !page->is_changed : memcmp(memory, page->before, SPACE_PAGE) == 0)
        return;
    page->last_change = pages->step;
    if (is_agreed) {
        uint8_t *contents = page->before;
        page->before = page->candidate;
        page->candidate = contents;
    } else {
        memcpy(page->before, memory, SPACE_PAGE);
    }
}

void lockstep_pages_commit(struct lockstep_pages *pages, bool is_agreed)
{
    pages->step++;
    for (uint32_t i = 0; i < pages->open_count; i++)
        commit_page(pages, pages->open[i], is_agreed);
    if (pages->step % COOL_PERIOD == 0 || pages->open_count > MAX_OPEN)
        cool(pages);
}

/* ---- going back ---- */

void lockstep_pages_take_base(struct lockstep_pages *pages)
{
    forget_base(pages);
    pages->has_base = true;
    for (uint32_t i = 0; i < pages->open_count; i++)
        add_base(pages, pages->open[i]);
}

void lockstep_pages_restore_base(struct lockstep_pages *pages)
{
    for (uint32_t i = 0; i < pages->base_count; i++) {
        const struct lockstep_page *page = pages->base[i];
        space_changing(pages->space, page->addr, SPACE_PAGE);
        set_writable(pages, page->addr, SPACE_PAGE, true);
        memcpy(host_of(pages, page->addr), page->before, SPACE_PAGE);
    }
    lockstep_pages_protect(pages);
}
