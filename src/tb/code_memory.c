/* Code memory: one memfd seen through two views (see code_memory.h).
 *
 * The code part is filled from both ends: translated code grows upwards, the 16-byte stubs of TB
 * records downwards, so that a stub can be made while a block is being emitted. Among the stubs lie
 * chunks of rare code, which are filled upwards. */
#include "src/tb/code_memory.h"

#include "src/base/bits.h"
#include "src/base/check.h"
#include "src/base/descriptors.h"
#include "src/base/pages.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
    HOST_PAGE = 4096,
    PART_MINIMUM = 1024 * 1024,
    RARE_CHUNK_BYTES = 4096,
    RARE_CHUNK_SHARE = 16, /* of the code part, at most */
    PRESENT_LEAST = 32 * 1024,
    PRESENT_MOST = 256 * 1024,
    PRESENT_SHARE = 8, /* of what is present already */
    HUGE_FROM = 512 * 1024, /* so much code is present when huge pages begin to pay; */
    STUBS_HUGE_FROM = 1024 * 1024, /* so much of the other end, which grows a fifth as fast */
    SKIPS_FROM = 16 * PAGES_HUGE_BYTES, /* of the code part, when the rest of one may be left out */
};

static size_t shared_bytes(const struct code_memory *memory)
{
    return memory->code_limit + memory->data_limit;
}
static size_t total_bytes(const struct code_memory *memory)
{
    return shared_bytes(memory) + CODE_POOL_BYTES + memory->record_limit;
}
static uint8_t *pool(const struct code_memory *memory)
{
    return memory->x_base + shared_bytes(memory);
}

/* Maps the X view: code read-execute, data read-write, and the records. */
static uint8_t *map_x_view(const struct code_memory *memory)
{
    uint8_t *base = pages_map_aligned(total_bytes(memory), shared_bytes(memory), MAP_NORESERVE);
    if (!base)
        return NULL;
    int flags = MAP_SHARED | MAP_FIXED;
    uint8_t *data = base + memory->code_limit;
    if (mmap(base, memory->code_limit, PROT_READ | PROT_EXEC, flags, memory->fd, 0) == MAP_FAILED ||
        mmap(data, memory->data_limit, PROT_READ | PROT_WRITE, flags, memory->fd,
             (off_t)memory->code_limit) == MAP_FAILED) {
        munmap(base, total_bytes(memory));
        return NULL;
    }
    madvise(data + memory->data_limit, CODE_POOL_BYTES + memory->record_limit, MADV_HUGEPAGE);
    return base;
}

static uint8_t *map_w_view(const struct code_memory *memory)
{
    uint8_t *base = pages_map_aligned(shared_bytes(memory), 0, MAP_NORESERVE);
    if (!base)
        return NULL;
    if (mmap(base, shared_bytes(memory), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, memory->fd, 0) ==
        MAP_FAILED) {
        munmap(base, shared_bytes(memory));
        return NULL;
    }
    return base;
}

static bool map_views(struct code_memory *memory)
{
    memory->fd = descriptor_move(memfd_create("tiercel-code", MFD_CLOEXEC));
    if (memory->fd < 0 || ftruncate(memory->fd, (off_t)shared_bytes(memory)) != 0)
        return false;
    memory->x_base = map_x_view(memory);
    if (!memory->x_base)
        return false;
    uint8_t *w_base = map_w_view(memory);
    if (!w_base) {
        munmap(memory->x_base, total_bytes(memory));
        return false;
    }
    memory->w_minus_x = w_base - memory->x_base;
    memory->is_pool_donated = pages_donate(pool(memory), CODE_POOL_BYTES);
    return true;
}

/* Data, pool and records are together as large as the code, or less than 4 MiB, so that code of 1 GiB still
 * reaches the last record. */
static size_t part_bytes(size_t share)
{
    return bits_align_up(share < PART_MINIMUM ? PART_MINIMUM : share, HOST_PAGE);
}

enum status code_memory_create(size_t limit_bytes, struct code_memory **ret_memory,
                               struct error *err)
{
    if (limit_bytes < CODE_MEMORY_MINIMUM)
        return error_set(err, STATUS_BAD_OPTION, "code memory of %zu bytes is too small (minimum %d)",
                         limit_bytes, CODE_MEMORY_MINIMUM);
    if (limit_bytes > (size_t)1 << 30)
        return error_set(err, STATUS_BAD_OPTION, "code memory of %zu bytes is too large (maximum 1G)",
                         limit_bytes);
    struct code_memory *memory = calloc(1, sizeof *memory);
    if (!memory)
        return error_set(err, STATUS_NO_MEMORY, "out of memory");
    memory->code_limit = bits_align_up(limit_bytes, HOST_PAGE);
    memory->data_limit = part_bytes(memory->code_limit / 4);
    size_t rest = memory->code_limit - memory->code_limit / 4;
    memory->record_limit = part_bytes(rest - (rest < CODE_POOL_BYTES ? rest : CODE_POOL_BYTES));
    memory->fd = -1;
    if (!map_views(memory)) {
        enum status status = error_set(err, STATUS_NO_MEMORY, "cannot map code memory: %s",
                                       strerror(errno));
        descriptor_close(memory->fd);
        free(memory);
        return status;
    }
    *ret_memory = memory;
    return STATUS_OK;
}

void code_memory_destroy(struct code_memory **memory)
{
    if (!*memory)
        return;
    munmap(code_w(*memory, (*memory)->x_base), shared_bytes(*memory));
    munmap((*memory)->x_base, shared_bytes(*memory));
    if (!(*memory)->is_pool_donated)
        munmap(pool(*memory), CODE_POOL_BYTES);
    munmap(code_records(*memory), (*memory)->record_limit);
    descriptor_close((*memory)->fd);
    free(*memory);
    *memory = NULL;
}

static void note_peak(struct code_memory *memory)
{
    if (memory->code_used + memory->stub_used > memory->code_peak)
        memory->code_peak = memory->code_used + memory->stub_used;
}

/* ---- pages made present ahead ---- */

/* How far beyond `present` pages are made present next, at most to `limit`. */
static size_t present_end(size_t present, size_t limit)
{
    size_t more = present / PRESENT_SHARE;
    more = more < PRESENT_LEAST ? PRESENT_LEAST : more > PRESENT_MOST ? PRESENT_MOST : more;
    size_t end = bits_align_up(present + more, HOST_PAGE);
    return end < limit ? end : limit;
}

/* The file gets its pages by being written to, which costs a fraction of what it costs to give them to
 * a view (docs/performance.md, "Start"). Nothing has touched them. */
static void give_pages(struct code_memory *memory, size_t from, size_t size_bytes)
{
    enum { PIECES = 64 };
    static const uint8_t zeros[HOST_PAGE];
    struct iovec pieces[PIECES];
    for (unsigned i = 0; i < PIECES; i++)
        pieces[i] = (struct iovec){(void *)(uintptr_t)zeros, HOST_PAGE};
    for (size_t done = 0; done < size_bytes;) {
        size_t count = (size_bytes - done) / HOST_PAGE;
        ssize_t written = pwritev(memory->fd, pieces, count < PIECES ? (int)count : PIECES,
                                  (off_t)(from + done));
        if (written <= 0)
            return; /* as said: advice */
        done += (size_t)written & ~(size_t)(HOST_PAGE - 1);
    }
}

/* Makes a piece of the code part present in both views. */
static void make_present(struct code_memory *memory, size_t from, size_t end)
{
    uint8_t *x = memory->x_base + from;
    give_pages(memory, from, end - from);
    pages_expect_writes(code_w(memory, x), end - from);
    pages_expect_reads(x, end - from);
}

/* Makes one huge page of the code part, in which the page at `fresh` was never touched. False: there can be
 * none here. */
static bool make_huge(struct code_memory *memory, size_t start, size_t fresh)
{
    uint8_t *x = memory->x_base + start, *w = code_w(memory, x);
    if (((uintptr_t)x | (uintptr_t)w | start) & (PAGES_HUGE_BYTES - 1))
        return false;
    make_present(memory, fresh, fresh + HOST_PAGE);
    return pages_make_huge(w, PAGES_HUGE_BYTES) && pages_make_huge(x, PAGES_HUGE_BYTES);
}

/* How far either end is in use or present: what lies between was never touched. What is in use may reach
 * beyond what was made present. */
static size_t end_of_code(const struct code_memory *memory)
{
    size_t used = bits_align_up(memory->code_used, HOST_PAGE);
    return used > memory->code_present ? used : memory->code_present;
}
static size_t end_of_stubs(const struct code_memory *memory)
{
    size_t used = bits_align_up(memory->stub_used, HOST_PAGE);
    return used > memory->stub_present ? used : memory->stub_present;
}

/* Bytes to leave out from `position` up to the next huge page, when those begin to pay: what lies before it is
 * never touched then, whereas the pages of one that is partly in use would have to be taken out of both views. */
static size_t bytes_to_huge(const struct code_memory *memory, size_t position)
{
    size_t bytes = -position & (PAGES_HUGE_BYTES - 1);
    bool is_large = memory->code_limit >= SKIPS_FROM;
    bool has_room = end_of_code(memory) + end_of_stubs(memory) + bytes + PAGES_HUGE_BYTES <= memory->code_limit;
    return is_large && has_room ? bytes : 0;
}

static __attribute__((noinline)) void skip_code(struct code_memory *memory)
{
    size_t from = end_of_code(memory), bytes = bytes_to_huge(memory, from);
    if (from >= HUGE_FROM && bytes)
        memory->code_used = memory->code_present = from + bytes;
}

static void skip_stubs(struct code_memory *memory)
{
    size_t from = end_of_stubs(memory), bytes = bytes_to_huge(memory, from - memory->code_limit);
    if (from >= STUBS_HUGE_FROM && bytes)
        memory->stub_used = memory->stub_present = from + bytes;
}

static __attribute__((noinline)) void expect_code(struct code_memory *memory)
{
    size_t from = end_of_code(memory), limit = memory->code_limit - end_of_stubs(memory);
    if (from >= limit)
        return;
    size_t huge = from & ~(PAGES_HUGE_BYTES - 1), huge_end = huge + PAGES_HUGE_BYTES;
    memory->code_present = present_end(from, limit);
    if (from >= HUGE_FROM && huge_end <= limit && make_huge(memory, huge, from))
        memory->code_present = huge_end;
    else
        make_present(memory, from, memory->code_present);
}

static __attribute__((noinline)) void expect_stubs(struct code_memory *memory)
{
    size_t from = end_of_stubs(memory), limit = memory->code_limit - end_of_code(memory);
    if (from >= limit)
        return;
    size_t end = memory->code_limit - from; /* of what is to be present next */
    size_t huge_end = (from & ~(PAGES_HUGE_BYTES - 1)) + PAGES_HUGE_BYTES;
    memory->stub_present = present_end(from, limit);
    if (from >= STUBS_HUGE_FROM && huge_end <= limit &&
        make_huge(memory, memory->code_limit - huge_end, end - HOST_PAGE))
        memory->stub_present = huge_end;
    else
        make_present(memory, memory->code_limit - memory->stub_present, end);
}

/* ---- allocation ---- */

uint8_t *code_alloc(struct code_memory *memory, size_t size_bytes, size_t alignment)
{
    size_t start = bits_align_up(memory->code_used, alignment);
    if (start + size_bytes > memory->code_limit - memory->stub_used)
        return NULL;
    if (start + HOST_PAGE > memory->code_present)
        expect_code(memory);
    memory->code_used = start + size_bytes; /* most of which may be given back */
    return memory->x_base + start;
}

void code_trim(struct code_memory *memory, const uint8_t *end)
{
    size_t used = (size_t)(end - memory->x_base);
    CHECK(used <= memory->code_used, "code_trim beyond the allocation");
    memory->code_used = used;
    note_peak(memory);
    if (used + HOST_PAGE > memory->code_present)
        skip_code(memory);
}

static uint8_t *alloc_from_end(struct code_memory *memory, size_t size_bytes)
{
    if (memory->code_used + memory->stub_used + size_bytes > memory->code_limit)
        return NULL;
    if (memory->stub_used + size_bytes > memory->stub_present) {
        skip_stubs(memory);
        expect_stubs(memory);
    }
    memory->stub_used += size_bytes;
    note_peak(memory);
    return memory->x_base + memory->code_limit - memory->stub_used;
}

uint8_t *code_alloc_stub(struct code_memory *memory)
{
    return alloc_from_end(memory, CODE_STUB_BYTES);
}

static size_t rare_chunk_bytes(const struct code_memory *memory, size_t size_bytes)
{
    size_t share = memory->code_limit / RARE_CHUNK_SHARE;
    size_t chunk = share < RARE_CHUNK_BYTES ? share : RARE_CHUNK_BYTES;
    return bits_align_up(chunk < size_bytes ? size_bytes : chunk, CODE_STUB_BYTES);
}

uint8_t *code_alloc_rare(struct code_memory *memory, size_t size_bytes)
{
    if ((size_t)(memory->rare_end - memory->rare_next) < size_bytes) {
        size_t chunk_bytes = rare_chunk_bytes(memory, size_bytes);
        uint8_t *chunk = alloc_from_end(memory, chunk_bytes);
        if (!chunk)
            return NULL;
        memory->rare_next = chunk;
        memory->rare_end = chunk + chunk_bytes;
    }
    return memory->rare_next;
}

void code_trim_rare(struct code_memory *memory, const uint8_t *end)
{
    CHECK(memory->rare_next <= end && end <= memory->rare_end,
          "code_trim_rare beyond the allocation");
    memory->rare_next += end - memory->rare_next;
}

void *data_alloc(struct code_memory *memory, size_t size_bytes, size_t alignment)
{
    size_t start = bits_align_up(memory->data_used, alignment);
    if (start + size_bytes > memory->data_limit)
        return NULL;
    memory->data_used = start + size_bytes;
    return memory->x_base + memory->code_limit + start;
}

void *record_alloc(struct code_memory *memory, size_t size_bytes)
{
    if (memory->record_used + size_bytes > memory->record_limit)
        return NULL;
    void *record = code_records(memory) + memory->record_used;
    memory->record_used += size_bytes;
    return record;
}

void code_memory_reset(struct code_memory *memory)
{
    int result = fallocate(memory->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
                           (off_t)shared_bytes(memory));
    if (result == 0)
        result = madvise(code_records(memory), memory->record_limit, MADV_DONTNEED);
    CHECK(result == 0, "cannot empty code memory");
    note_peak(memory);
    memory->code_used = 0;
    memory->stub_used = 0;
    memory->rare_next = NULL;
    memory->rare_end = NULL;
    memory->data_used = 0;
    memory->record_used = 0;
    memory->code_present = 0;
    memory->stub_present = 0;
}
