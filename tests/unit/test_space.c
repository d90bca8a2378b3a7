/* The guest address space: mapping, protection, break, mremap, watched pages, access checks. */
#include "src/memory/space.h"

#include <check.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { R = SPACE_READ, RW = SPACE_READ | SPACE_WRITE, RX = SPACE_READ | SPACE_EXEC };
enum { ANON = MAP_PRIVATE | MAP_ANONYMOUS, FIXED = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED };

static struct space *space;

static void setup(void)
{
    struct error err;
    ck_assert_int_eq(space_create(true, &space, &err), STATUS_OK);
}

static void teardown(void)
{
    space_destroy(&space);
}

static uint64_t map(uint64_t addr, uint64_t pages, int prot, int flags)
{
    uint64_t at = 0;
    int64_t result = space_map(space, addr, pages * SPACE_PAGE, prot, flags, -1, 0, &at);
    ck_assert_msg(result == 0, "space_map: %s", strerror((int)-result));
    return at;
}

/* Mappings in the table. */
static unsigned mapping_count(void)
{
    struct space_mapping mapping;
    unsigned count = 0;
    for (uint64_t at = 0; space_next_mapping(space, at, &mapping); at = mapping.end)
        count++;
    return count;
}

/* Has the host been asked for huge pages at a guest address? Read off its own account of it ("hg"). */
static bool is_huge_wanted(uint64_t addr)
{
    FILE *maps = fopen("/proc/self/smaps", "r");
    ck_assert_ptr_nonnull(maps);
    unsigned long wanted = (unsigned long)(uintptr_t)(space_base(space) + addr), start, end;
    bool is_there = false, is_found = false;
    for (char line[512]; fgets(line, sizeof line, maps);) {
        if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
            is_there = start <= wanted && wanted < end;
        is_found |= is_there && !strncmp(line, "VmFlags:", 8) && strstr(line, " hg");
    }
    fclose(maps);
    return is_found;
}

/* ---- can this thread touch a guest address? ---- */

static sigjmp_buf fault_return;
static void on_fault(int signal)
{
    (void)signal;
    siglongjmp(fault_return, 1);
}

static bool can_access(uint64_t addr, bool is_write)
{
    struct sigaction action = {.sa_handler = on_fault}, before;
    sigaction(SIGSEGV, &action, &before);
    volatile bool is_fine = false;
    if (sigsetjmp(fault_return, 1) == 0) {
        volatile uint8_t *byte = space_base(space) + addr;
        uint8_t value = *byte;
        if (is_write)
            *byte = value;
        is_fine = true;
    }
    sigaction(SIGSEGV, &before, NULL);
    return is_fine;
}

START_TEST(addresses_are_deterministic_and_descend)
{
    uint64_t first = map(0, 3, RW, ANON), second = map(0, 2, R, ANON);
    ck_assert_uint_lt(first, SPACE_STACK_TOP - (64 << 20));
    ck_assert_uint_eq(second, first - 2 * SPACE_PAGE);
    struct space *other;
    struct error err;
    uint64_t at;
    ck_assert_int_eq(space_create(true, &other, &err), STATUS_OK);
    ck_assert_int_eq(space_map(other, 0, 3 * SPACE_PAGE, RW, ANON, -1, 0, &at), 0);
    ck_assert_uint_eq(at, first);
    space_destroy(&other);
}
END_TEST

START_TEST(hints_and_fixed)
{
    uint64_t at = 0;
    ck_assert_uint_eq(map(0x400000, 2, RW, ANON), 0x400000);
    ck_assert_uint_ne(map(0x401000, 1, RW, ANON), 0x401000); /* taken */
    ck_assert_int_eq(space_map(space, 0x401000, 4096, RW, FIXED | MAP_FIXED_NOREPLACE, -1, 0, &at),
                     -EEXIST);
    space_base(space)[0x401000] = 1;
    ck_assert_uint_eq(map(0x401000, 1, RW, FIXED), 0x401000);
    ck_assert_uint_eq(space_base(space)[0x401000], 0);
    ck_assert_int_eq(space_map(space, 0x401001, 4096, RW, FIXED, -1, 0, &at), -EINVAL);
    ck_assert_int_eq(space_map(space, 0x1000, 4096, RW, FIXED, -1, 0, &at), -EPERM);
    ck_assert_int_eq(space_map(space, SPACE_SIZE, 4096, RW, FIXED, -1, 0, &at), -ENOMEM);
    ck_assert_int_eq(space_map(space, SPACE_SIZE - 4096, 8192, RW, FIXED, -1, 0, &at), -ENOMEM);
    ck_assert_int_eq(space_map(space, UINT64_MAX & ~UINT64_C(4095), 8192, RW, FIXED, -1, 0, &at),
                     -ENOMEM);
    ck_assert_int_eq(space_map(space, 0, 0, RW, ANON, -1, 0, &at), -EINVAL);
    ck_assert_int_eq(space_map(space, 0, SPACE_SIZE, RW, ANON, -1, 0, &at), -ENOMEM);
    ck_assert_int_eq(space_map(space, 0, UINT64_MAX, RW, ANON, -1, 0, &at), -ENOMEM);
    ck_assert_int_eq(space_map(space, 0, 4096, RW, MAP_PRIVATE, -1, 0, &at), -EBADF);
    ck_assert_uint_eq(at, 0);
}
END_TEST

START_TEST(host_permissions)
{
    static const struct {
        int prot;
        bool is_readable, is_writable;
    } rows[] = {{0, false, false},
                {R, true, false},
                {RW, true, true},
                {SPACE_WRITE, true, true},
                {RX, true, false},
                {SPACE_EXEC, true, false},
                {RX | SPACE_WRITE, true, true}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint64_t at = map(0, 1, rows[i].prot, ANON);
        ck_assert_int_eq(space_prot(space, at), rows[i].prot);
        ck_assert_int_eq(can_access(at, false), rows[i].is_readable);
        ck_assert_int_eq(can_access(at, true), rows[i].is_writable);
        ck_assert_int_eq(space_unmap(space, at, 1), 0);
        ck_assert(!can_access(at, false));
    }
}
END_TEST

START_TEST(split_and_merge)
{
    uint64_t at = map(0x100000, 8, RW, ANON);
    map(0x108000, 8, RW, ANON);
    ck_assert_uint_eq(mapping_count(), 1);
    ck_assert_int_eq(space_protect(space, at + 0x2000, 0x1000, R), 0);
    ck_assert_uint_eq(mapping_count(), 3);
    ck_assert_int_eq(space_prot(space, at + 0x1fff), RW);
    ck_assert_int_eq(space_prot(space, at + 0x2000), R);
    ck_assert_int_eq(space_prot(space, at + 0x3000), RW);
    ck_assert_int_eq(space_protect(space, at + 0x2000, 0x1000, RW), 0);
    ck_assert_uint_eq(mapping_count(), 1);
    ck_assert_int_eq(space_unmap(space, at + 0x4000, 0x2000), 0);
    ck_assert_uint_eq(mapping_count(), 2);
    ck_assert_int_eq(space_prot(space, at + 0x4000), -1);
    ck_assert_int_eq(space_protect(space, at, 0x8000, R), -ENOMEM);
    ck_assert_int_eq(space_prot(space, at), RW);
    ck_assert(space_check(space, at, 0x4000, RW));
    ck_assert(!space_check(space, at, 0x4001, R));
    ck_assert_int_eq(space_unmap(space, at + 1, 4096), -EINVAL);
    ck_assert_int_eq(space_unmap(space, at, 0), -EINVAL);
    ck_assert_int_eq(space_unmap(space, 0x100000, 0x10000), 0);
    ck_assert_uint_eq(mapping_count(), 0);
    ck_assert_int_eq(space_unmap(space, 0x100000, 0x10000), 0); /* nothing there: fine */
}
END_TEST

START_TEST(file_mapping)
{
    char path[] = "/tmp/tiercel-space-XXXXXX";
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    unlink(path);
    ck_assert_int_eq(ftruncate(fd, 3 * 4096), 0);
    ck_assert_int_eq(pwrite(fd, "page two", 8, 4096), 8);
    uint64_t at = 0;
    ck_assert_int_eq(space_map(space, 0, 8192, RW, MAP_SHARED, fd, 4096, &at), 0);
    ck_assert_mem_eq(space_base(space) + at, "page two", 8);
    space_base(space)[at] = 'P';
    char byte;
    ck_assert_int_eq(pread(fd, &byte, 1, 4096), 1);
    ck_assert_int_eq(byte, 'P');
    uint64_t moved = 0;
    ck_assert_int_eq(space_remap(space, at, 4096, 8192, MREMAP_MAYMOVE, 0, &moved), 0);
    ck_assert_uint_ne(moved, at);
    ck_assert_mem_eq(space_base(space) + moved, "Page two", 8);
    ck_assert_int_eq(space_prot(space, at), -1);
    ck_assert_int_eq(space_prot(space, at + 4096), RW);
    ck_assert(!can_access(at, false));
    close(fd);
}
END_TEST

START_TEST(mremap_grows_in_place_moves_and_shrinks)
{
    uint64_t at = map(0x200000, 2, RW, ANON), to = 0;
    memset(space_base(space) + at, 'a', 2 * SPACE_PAGE);
    ck_assert_int_eq(space_remap(space, at, 0x2000, 0x4000, 0, 0, &to), 0);
    ck_assert_uint_eq(to, at);
    ck_assert(can_access(at + 0x3fff, true));
    map(at + 0x4000, 1, R, FIXED);
    ck_assert_int_eq(space_remap(space, at, 0x4000, 0x8000, 0, 0, &to), -ENOMEM);
    ck_assert_int_eq(space_remap(space, at, 0x4000, 0x8000, MREMAP_MAYMOVE, 0, &to), 0);
    ck_assert_uint_ne(to, at);
    ck_assert_uint_eq(space_base(space)[to + 0x1fff], 'a');
    ck_assert_uint_eq(space_base(space)[to + 0x2000], 0);
    ck_assert(can_access(to + 0x7fff, true));
    ck_assert(!can_access(at, false));
    ck_assert_int_eq(space_remap(space, to, 0x8000, 0x1000, 0, 0, &at), 0);
    ck_assert_uint_eq(at, to);
    ck_assert_int_eq(space_prot(space, to + 0x1000), -1);
    ck_assert_int_eq(
        space_remap(space, to, 0x1000, 0x1000, MREMAP_MAYMOVE | MREMAP_FIXED, 0x300000, &at), 0);
    ck_assert_uint_eq(at, 0x300000);
    ck_assert_uint_eq(space_base(space)[at], 'a');
    ck_assert_int_eq(space_remap(space, 0x500000, 0x1000, 0x2000, 0, 0, &at), -EFAULT);
    ck_assert_int_eq(space_remap(space, 0x300001, 0x1000, 0x2000, 0, 0, &at), -EINVAL);
    ck_assert_int_eq(space_remap(space, 0x300000, 0x1000, 0, 0, 0, &at), -EINVAL);
    ck_assert_int_eq(space_remap(space, 0x300000, 0x1000, 0x1000, MREMAP_FIXED, 0x400000, &at),
                     -EINVAL);
}
END_TEST

START_TEST(mremap_of_an_area_the_host_splits)
{
    /* Two host areas, one mapping: the second page has a page of its own before it is joined. */
    uint64_t at = map(0x200000, 1, RW, ANON), to = 0;
    space_base(space)[at] = 'x';
    uint64_t other = map(0x600000, 1, RW, ANON);
    space_base(space)[other] = 'y';
    ck_assert_int_eq(
        space_remap(space, other, 0x1000, 0x1000, MREMAP_MAYMOVE | MREMAP_FIXED, 0x201000, &to), 0);
    ck_assert_uint_eq(mapping_count(), 1);
    map(0x202000, 1, R, FIXED);
    ck_assert_int_eq(space_remap(space, at, 0x2000, 0x10000, MREMAP_MAYMOVE, 0, &to), 0);
    ck_assert_uint_eq(space_base(space)[to], 'x');
    ck_assert_uint_eq(space_base(space)[to + 0x1000], 'y');
    ck_assert_uint_eq(space_base(space)[to + 0x2000], 0);
    ck_assert(!can_access(at, false));
}
END_TEST

START_TEST(program_break)
{
    space_set_brk_start(space, 0x300010);
    ck_assert_uint_eq(space_brk(space, 0), 0x301000);
    ck_assert_uint_eq(space_brk(space, 0x302345), 0x302345);
    ck_assert_int_eq(space_prot(space, 0x302fff), RW);
    ck_assert_int_eq(space_prot(space, 0x303000), -1);
    ck_assert_uint_eq(space_brk(space, 0x300fff), 0x302345);
    map(0x305000, 1, R, FIXED);
    ck_assert_uint_eq(space_brk(space, 0x306000), 0x302345);
    ck_assert_uint_eq(space_brk(space, 0x305000), 0x305000);
    space_base(space)[0x304000] = 7;
    ck_assert_uint_eq(space_brk(space, 0x301000), 0x301000);
    ck_assert_int_eq(space_prot(space, 0x301000), -1);
    ck_assert_uint_eq(space_brk(space, 0x305000), 0x305000);
    ck_assert_uint_eq(space_base(space)[0x304000], 0);
    ck_assert_uint_eq(space_brk(space, SPACE_SIZE), 0x305000);
    ck_assert_uint_eq(space_brk(space, UINT64_MAX), 0x305000);
}
END_TEST

/* ---- watched pages ---- */

static struct {
    unsigned count;
    uint64_t addr, size_bytes;
} heard;

static void listen(void *context, uint64_t addr, uint64_t size_bytes)
{
    ck_assert_ptr_eq(context, &heard);
    heard.count++;
    heard.addr = addr;
    heard.size_bytes = size_bytes;
}

static void on_write_fault(int signal, siginfo_t *info, void *context)
{
    (void)signal;
    (void)context;
    if (!space_write_fault(space, (uint64_t)((uint8_t *)info->si_addr - space_base(space))))
        _exit(3);
}

START_TEST(watched_page_is_released_by_a_store)
{
    heard.count = 0;
    uint64_t at = map(0x100000, 4, RW | SPACE_EXEC, ANON);
    space_set_listener(space, listen, &heard);
    struct sigaction action = {.sa_sigaction = on_write_fault, .sa_flags = SA_SIGINFO};
    sigaction(SIGSEGV, &action, NULL);
    space_watch(space, at + 0x1ff0, 0x20); /* pages 1 and 2 */
    space_base(space)[at] = 1;
    ck_assert_uint_eq(heard.count, 0);
    *(volatile uint8_t *)(space_base(space) + at + 0x2004) = 1;
    ck_assert_uint_eq(heard.count, 1);
    ck_assert_uint_eq(heard.addr, at + 0x2000);
    ck_assert_uint_eq(heard.size_bytes, 0x1000);
    *(volatile uint8_t *)(space_base(space) + at + 0x2008) = 1;
    ck_assert_uint_eq(heard.count, 1);
    *(volatile uint8_t *)(space_base(space) + at + 0x1008) = 1;
    ck_assert_uint_eq(heard.count, 2);
    ck_assert(!space_write_fault(space, at + 0x1008)); /* no longer watched */
}
END_TEST

/* As when another thread translates from the page while the store is being let through. */
static void listen_and_watch(void *context, uint64_t addr, uint64_t size_bytes)
{
    listen(context, addr, size_bytes);
    space_watch(space, addr, size_bytes);
}

START_TEST(page_that_is_watched_again_stays_protected)
{
    heard.count = 0;
    uint64_t at = map(0x100000, 4, RW | SPACE_EXEC, ANON);
    space_set_listener(space, listen_and_watch, &heard);
    space_watch(space, at + 0x1000, 1);
    ck_assert(space_write_fault(space, at + 0x1004));
    ck_assert(!can_access(at + 0x1004, true));
    space_set_listener(space, listen, &heard);
    ck_assert(space_write_fault(space, at + 0x1004));
    ck_assert(can_access(at + 0x1004, true));
    ck_assert_uint_eq(heard.count, 2);
}
END_TEST

START_TEST(watched_pages_are_released_by_calls)
{
    heard.count = 0;
    uint64_t at = map(0x100000, 16, RX | SPACE_WRITE, ANON), to;
    space_set_listener(space, listen, &heard);
    space_watch(space, at, 16 * SPACE_PAGE);
    ck_assert_int_eq(space_prot(space, at), RX | SPACE_WRITE); /* as the guest sees it */
    ck_assert_ptr_nonnull(space_pointer(space, at, 4, SPACE_READ));
    ck_assert_uint_eq(heard.count, 0);
    ck_assert_ptr_nonnull(space_pointer(space, at, 4, SPACE_WRITE));
    ck_assert_uint_eq(heard.count, 1);
    ck_assert(can_access(at, true));
    ck_assert_int_eq(space_protect(space, at + 0x1000, 0x1000, RX), 0);
    ck_assert_uint_eq(heard.count, 2);
    ck_assert_int_eq(space_unmap(space, at + 0x2000, 0x1000), 0);
    ck_assert_uint_eq(heard.count, 3);
    map(at + 0x3000, 1, RX, FIXED);
    ck_assert_uint_eq(heard.count, 4);
    ck_assert_int_eq(space_remap(space, at + 0x4000, 0x1000, 0x2000, MREMAP_MAYMOVE, 0, &to), 0);
    ck_assert_uint_eq(heard.count, 5);
    space_changing(space, at + 0x5000, 1);
    ck_assert_uint_eq(heard.count, 6);
    ck_assert_uint_eq(heard.addr, at + 0x5000);
}
END_TEST

START_TEST(pages_that_are_not_mapped_can_be_watched)
{
    heard.count = 0;
    space_set_listener(space, listen, &heard);
    space_watch(space, 0x100010, 0);
    space_watch(space, SPACE_SIZE, 0);
    space_watch(space, UINT64_MAX, 4);
    map(0x100000, 1, RW, FIXED);
    ck_assert_uint_eq(heard.count, 1);
    space_watch(space, 0x100010, 0);
    ck_assert_int_eq(space_protect(space, 0x100000, 1, RX), 0);
    ck_assert_uint_eq(heard.count, 2);
}
END_TEST

START_TEST(pointers_strings_fetch)
{
    uint64_t at = map(0x100000, 2, RW, ANON);
    map(0x102000, 1, RX, FIXED);
    int reason = 0;
    size_t available = 0;
    ck_assert_ptr_eq(space_pointer(space, at, 0x2000, RW), space_base(space) + at);
    ck_assert_ptr_null(space_pointer(space, at, 0x2001, RW));
    ck_assert_ptr_nonnull(space_pointer(space, at, 0x3000, R));
    ck_assert_ptr_null(space_pointer(space, at, 0x3001, R));
    ck_assert_ptr_null(space_pointer(space, SPACE_SIZE - 1, 2, R));
    ck_assert_ptr_null(space_pointer(space, UINT64_MAX, 2, R));
    ck_assert_ptr_null(space_pointer(space, at, UINT64_MAX, R));
    ck_assert_ptr_nonnull(space_pointer(space, at, 0, R));
    memset(space_base(space) + at, 'a', 0x2000);
    memcpy(space_base(space) + at + 0xffe, "end", 4);
    ck_assert_uint_eq(strlen(space_string(space, at + 0xff0, 4096, &reason)), 17);
    ck_assert_ptr_null(space_string(space, at, 16, &reason));
    ck_assert_int_eq(reason, ENAMETOOLONG);
    ck_assert_ptr_null(space_string(space, 0x200000, 16, &reason));
    ck_assert_int_eq(reason, EFAULT);
    ck_assert_ptr_null(space_string(space, UINT64_MAX - 2, 16, &reason));
    ck_assert_ptr_null(space_fetch(space, at, &available));
    ck_assert_ptr_null(space_fetch(space, UINT64_MAX, &available));
    ck_assert_ptr_eq(space_fetch(space, 0x102ffe, &available), space_base(space) + 0x102ffe);
    ck_assert_uint_eq(available, 2);
    /* what is remembered of the fetch ends with the permission, and with the mapping */
    ck_assert_int_eq(space_protect(space, 0x102000, 0x1000, R), 0);
    ck_assert_ptr_null(space_fetch(space, 0x102ffe, &available));
    ck_assert_int_eq(space_protect(space, 0x102000, 0x1000, R | SPACE_EXEC), 0);
    ck_assert_ptr_nonnull(space_fetch(space, 0x102ffe, &available));
    ck_assert_int_eq(space_unmap(space, 0x102000, 0x1000), 0);
    ck_assert_ptr_null(space_fetch(space, 0x102ffe, &available));
}
END_TEST

static void expect_text(uint64_t addr, const char *expected)
{
    char text[256];
    space_describe(space, addr, text, sizeof text);
    ck_assert_str_eq(text, expected);
}

START_TEST(large_mappings_are_huge)
{
    enum { PAGES = 1024 };
    if (access("/sys/kernel/mm/transparent_hugepage", F_OK) != 0)
        return; /* a host without */
    ck_assert(!is_huge_wanted(map(0, PAGES, RW, ANON)));
    space_use_huge_pages(space);
    ck_assert(is_huge_wanted(map(0, PAGES, RW, ANON)));
    ck_assert(!is_huge_wanted(map(0, 16, RW, ANON)));
    ck_assert(!is_huge_wanted(map(0, PAGES, R, ANON)));
    ck_assert(!is_huge_wanted(map(0, PAGES, RW, ANON | MAP_NORESERVE)));
    uint64_t small = map(0, 16, RW, ANON), grown;
    ck_assert_int_eq(space_remap(space, small, 16 * SPACE_PAGE, PAGES * SPACE_PAGE, MREMAP_MAYMOVE, 0, &grown), 0);
    ck_assert(is_huge_wanted(grown));
    ck_assert(is_huge_wanted(grown + (PAGES - 1) * SPACE_PAGE));
    space_set_brk_start(space, 0x40000000);
    for (uint64_t end = 0x40000000; end <= 0x40000000 + PAGES * SPACE_PAGE; end += 33 * SPACE_PAGE)
        ck_assert_uint_eq(space_brk(space, end), end);
    ck_assert(is_huge_wanted(0x40000000 + PAGES * SPACE_PAGE / 2));
}
END_TEST

START_TEST(descriptions)
{
    expect_text(0, "address 0 is not mapped");
    map(0x100000, 1, RX, FIXED);
    space_name(space, 0x100000, "prog");
    map(0x200000, 2, RW, FIXED);
    space_name(space, 0x200000, "[stack]");
    map(0x202000, 1, RW, FIXED);
    ck_assert_uint_eq(mapping_count(), 3);
    expect_text(0x100010, "address 0x100010 lies in 0x100000-0x101000 r-x prog");
    expect_text(0x1ffff8,
                "address 0x1ffff8 is not mapped (below the stack 0x200000-0x202000 rw- [stack])");
    expect_text(0x202008, "address 0x202008 lies in 0x202000-0x203000 rw- [anonymous]");
    expect_text(0x300000,
                "address 0x300000 is not mapped (nearest below 0x202000-0x203000 rw- [anonymous])");
    expect_text(SPACE_SIZE, "address 0x4000000000 is outside the guest's address space");
}
END_TEST

/* Random operations against a plain array of pages. */
START_TEST(random_operations_match_a_model)
{
    enum { PAGES = 64 };
    int model[PAGES];
    uint64_t base = 0x10000000, seed = 88172645463325252u;
    for (unsigned i = 0; i < PAGES; i++)
        model[i] = -1;
    for (unsigned step = 0; step < 4000; step++) {
        seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
        unsigned first = seed % PAGES, count = 1 + (seed >> 8) % (PAGES - first);
        int prot = (int)(seed >> 16) & 7;
        uint64_t addr = base + first * SPACE_PAGE, size_bytes = count * SPACE_PAGE;
        bool is_covered = true;
        for (unsigned i = first; i < first + count; i++)
            is_covered = is_covered && model[i] >= 0;
        switch ((seed >> 20) % 3) {
        case 0:
            map(addr, count, prot, FIXED);
            for (unsigned i = first; i < first + count; i++)
                model[i] = prot;
            break;
        case 1:
            ck_assert_int_eq(space_unmap(space, addr, size_bytes), 0);
            for (unsigned i = first; i < first + count; i++)
                model[i] = -1;
            break;
        default:
            ck_assert_int_eq(space_protect(space, addr, size_bytes, prot),
                             is_covered ? 0 : -ENOMEM);
            for (unsigned i = first; is_covered && i < first + count; i++)
                model[i] = prot;
        }
        for (unsigned i = 0; i < PAGES; i++)
            ck_assert_int_eq(space_prot(space, base + i * SPACE_PAGE), model[i]);
    }
    struct space_mapping mapping;
    int before_prot = -1;
    uint64_t before_end = 0;
    for (uint64_t at = 0; space_next_mapping(space, at, &mapping); at = mapping.end) {
        ck_assert_msg(mapping.start != before_end || mapping.prot != before_prot, "not merged");
        before_end = mapping.end;
        before_prot = mapping.prot;
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("space");
    TCase *group = tcase_create("space");
    tcase_add_checked_fixture(group, setup, teardown);
    tcase_add_test(group, addresses_are_deterministic_and_descend);
    tcase_add_test(group, hints_and_fixed);
    tcase_add_test(group, host_permissions);
    tcase_add_test(group, split_and_merge);
    tcase_add_test(group, file_mapping);
    tcase_add_test(group, mremap_grows_in_place_moves_and_shrinks);
    tcase_add_test(group, mremap_of_an_area_the_host_splits);
    tcase_add_test(group, program_break);
    tcase_add_test(group, watched_page_is_released_by_a_store);
    tcase_add_test(group, page_that_is_watched_again_stays_protected);
    tcase_add_test(group, watched_pages_are_released_by_calls);
    tcase_add_test(group, pages_that_are_not_mapped_can_be_watched);
    tcase_add_test(group, pointers_strings_fetch);
    tcase_add_test(group, large_mappings_are_huge);
    tcase_add_test(group, descriptions);
    tcase_add_test(group, random_operations_match_a_model);
    suite_add_tcase(suite, group);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
