/* Memory calls: from Linux's arguments to src/memory. */
#include "src/linux/sys.h"

#include "src/base/bits.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static int prot_of(uint64_t prot)
{
    return (prot & PROT_READ ? SPACE_READ : 0) | (prot & PROT_WRITE ? SPACE_WRITE : 0) |
           (prot & PROT_EXEC ? SPACE_EXEC : 0);
}

int64_t sys_brk(struct linux_thread *thread, const uint64_t arg[])
{
    return (int64_t)space_brk(thread->process->config.space, arg[0]);
}

/* Names a file mapping for fault messages and /proc/self/maps. */
static void name_mapping(struct space *space, uint64_t addr, int fd)
{
    char link[64], path[LINUX_PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length > 0) {
        path[length] = 0;
        space_name(space, addr, path);
    }
}

int64_t sys_mmap(struct linux_thread *thread, const uint64_t arg[])
{
    struct space *space = thread->process->config.space;
    int flags = (int)arg[3], type = flags & MAP_TYPE;
    if (type != MAP_PRIVATE && type != MAP_SHARED && type != MAP_SHARED_VALIDATE)
        return -EINVAL;
    uint64_t addr;
    int64_t result =
        space_map(space, arg[0], arg[1], prot_of(arg[2]), flags, (int)arg[4], (off_t)arg[5], &addr);
    if (result)
        return result;
    if (!(flags & MAP_ANONYMOUS))
        name_mapping(space, addr, (int)arg[4]);
    return (int64_t)addr;
}

int64_t sys_munmap(struct linux_thread *thread, const uint64_t arg[])
{
    return space_unmap(thread->process->config.space, arg[0], arg[1]);
}

int64_t sys_mprotect(struct linux_thread *thread, const uint64_t arg[])
{
    if (arg[2] & ~(uint64_t)(PROT_READ | PROT_WRITE | PROT_EXEC))
        return -EINVAL; /* PROT_GROWSDOWN: the stack is mapped as a whole */
    return space_protect(thread->process->config.space, arg[0], arg[1], prot_of(arg[2]));
}

int64_t sys_mremap(struct linux_thread *thread, const uint64_t arg[])
{
    uint64_t addr;
    int64_t result = space_remap(thread->process->config.space, arg[0], arg[1], arg[2], (int)arg[3],
                                 arg[4], &addr);
    return result ? result : (int64_t)addr;
}

/* A call on a page range: 0 with the host address in *ret_host, or -errno. */
static int64_t page_range(struct linux_thread *thread, uint64_t addr, uint64_t size_bytes,
                          uint64_t *ret_host)
{
    if (addr % SPACE_PAGE)
        return -EINVAL;
    if (addr > SPACE_SIZE || size_bytes > SPACE_SIZE - addr)
        return -ENOMEM;
    *ret_host = (uintptr_t)space_base(thread->process->config.space) + addr;
    return 0;
}

/* The advice that the host may be given about guest pages. */
static bool is_known_advice(int advice)
{
    switch (advice) {
    case MADV_NORMAL:
    case MADV_RANDOM:
    case MADV_SEQUENTIAL:
    case MADV_WILLNEED:
    case MADV_DONTNEED:
    case MADV_FREE:
    case MADV_REMOVE:
    case MADV_DONTFORK:
    case MADV_DOFORK:
    case MADV_HUGEPAGE:
    case MADV_NOHUGEPAGE:
    case MADV_DONTDUMP:
    case MADV_DODUMP:
    case MADV_COLD:
    case MADV_PAGEOUT:
        return true;
    }
    return false;
}

int64_t sys_madvise(struct linux_thread *thread, const uint64_t arg[])
{
    struct space *space = thread->process->config.space;
    uint64_t host, size_bytes = bits_align_up(arg[1], SPACE_PAGE);
    int advice = (int)arg[2];
    if (!is_known_advice(advice))
        return -EINVAL;
    int64_t result = page_range(thread, arg[0], size_bytes, &host);
    if (result || size_bytes == 0)
        return result;
    if (advice == MADV_DONTNEED || advice == MADV_FREE || advice == MADV_REMOVE)
        space_changing(space, arg[0], size_bytes);
    result = HOST_CALL(thread, SYS_madvise, host, size_bytes, advice);
    return result == 0 && !space_check(space, arg[0], size_bytes, 0) ? -ENOMEM : result;
}

/* Calls on mapped ranges that the host does as they are. */
static int64_t range_call(struct linux_thread *thread, long number, const uint64_t arg[])
{
    uint64_t host, start = arg[0] & ~(SPACE_PAGE - 1);
    uint64_t size_bytes = bits_align_up(arg[1] + (arg[0] - start), SPACE_PAGE);
    int64_t result = page_range(thread, start, size_bytes, &host);
    if (result)
        return result;
    if (!space_check(thread->process->config.space, start, size_bytes, 0))
        return -ENOMEM;
    return HOST_CALL(thread, number, host, size_bytes, arg[2]);
}

int64_t sys_msync(struct linux_thread *thread, const uint64_t arg[])
{
    return arg[0] % SPACE_PAGE ? -EINVAL : range_call(thread, SYS_msync, arg);
}

int64_t sys_mlock(struct linux_thread *thread, const uint64_t arg[])
{
    return range_call(thread, SYS_mlock, arg);
}

int64_t sys_mlock2(struct linux_thread *thread, const uint64_t arg[])
{
    return range_call(thread, SYS_mlock2, arg);
}

int64_t sys_munlock(struct linux_thread *thread, const uint64_t arg[])
{
    return range_call(thread, SYS_munlock, arg);
}

int64_t sys_mincore(struct linux_thread *thread, const uint64_t arg[])
{
    uint64_t pages = bits_align_up(arg[1], SPACE_PAGE) / SPACE_PAGE;
    if (arg[0] % SPACE_PAGE)
        return -EINVAL;
    if (!space_check(thread->process->config.space, arg[0], pages * SPACE_PAGE, 0))
        return -ENOMEM;
    void *vector = guest_out(thread, arg[2], pages);
    if (!vector)
        return -EFAULT;
    const uint64_t converted[] = {arg[0], arg[1], (uintptr_t)vector};
    return range_call(thread, SYS_mincore, converted);
}

/* Stores to code are noticed page by page, so translated code is never stale. */
int64_t sys_riscv_flush_icache(struct linux_thread *thread, const uint64_t arg[])
{
    (void)thread;
    return arg[2] & ~UINT64_C(1) ? -EINVAL : 0;
}
