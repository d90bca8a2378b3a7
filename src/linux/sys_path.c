/* Calls on paths and what they say about files. The names of the running program in /proc lead to
 * the guest's program rather than to the emulator. */
#include "src/linux/sys.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* "/proc/self/NAME" or the same with this process's number. */
static bool is_own_proc_file(const char *path, const char *name)
{
    char by_number[64];
    snprintf(by_number, sizeof by_number, "/proc/%d/%s", getpid(), name);
    if (!strcmp(path, by_number))
        return true;
    snprintf(by_number, sizeof by_number, "/proc/self/%s", name);
    if (!strcmp(path, by_number))
        return true;
    snprintf(by_number, sizeof by_number, "/proc/thread-self/%s", name);
    return !strcmp(path, by_number);
}

static bool is_in_proc(const char *path)
{
    return !strncmp(path, "/proc/", 6);
}

const char *guest_path_redirected(struct linux_thread *thread, uint64_t addr, int64_t *ret_result)
{
    const char *path = guest_path(thread, addr, ret_result);
    return path && is_in_proc(path) && is_own_proc_file(path, "exe") ? thread->process->exec_path
                                                                     : path;
}

/* ---- /proc/self/maps ---- */

static int64_t open_maps(struct linux_thread *thread, uint64_t flags)
{
    int fd = memfd_create("maps", flags & O_CLOEXEC ? MFD_CLOEXEC : 0);
    if (fd < 0)
        return -errno;
    struct space_mapping mapping;
    for (uint64_t at = 0; space_next_mapping(thread->process->config.space, at, &mapping);
         at = mapping.end)
        dprintf(fd, "%08llx-%08llx %c%c%c%c %08llx 00:00 0 %s%s\n",
                (unsigned long long)mapping.start, (unsigned long long)mapping.end,
                mapping.prot & SPACE_READ ? 'r' : '-', mapping.prot & SPACE_WRITE ? 'w' : '-',
                mapping.prot & SPACE_EXEC ? 'x' : '-', mapping.is_shared ? 's' : 'p',
                (unsigned long long)mapping.file_offset,
                mapping.name[0] ? "                  " : "", mapping.name);
    lseek(fd, 0, SEEK_SET);
    return fd;
}

int64_t sys_openat(struct linux_thread *thread, const uint64_t arg[])
{
    int64_t result = 0;
    const char *path = guest_path_redirected(thread, arg[1], &result);
    if (!path)
        return result;
    if (is_in_proc(path) && is_own_proc_file(path, "maps") && (arg[2] & O_ACCMODE) == O_RDONLY)
        return open_maps(thread, arg[2]);
    return HOST_CALL(thread, SYS_openat, arg[0], (uintptr_t)path, arg[2], arg[3]);
}

int64_t sys_readlinkat(struct linux_thread *thread, const uint64_t arg[])
{
    int64_t result = 0;
    const char *path = guest_path(thread, arg[1], &result);
    if (!path)
        return result;
    if ((int32_t)arg[3] <= 0)
        return -EINVAL;
    char *buffer = guest_buffer_out(thread, arg[2], arg[3]);
    if (!buffer)
        return -EFAULT;
    if (!is_in_proc(path) || !is_own_proc_file(path, "exe"))
        return HOST_CALL(thread, SYS_readlinkat, arg[0], (uintptr_t)path, (uintptr_t)buffer,
                         (int32_t)arg[3]);
    size_t length = strlen(thread->process->exec_path);
    if (length > (uint32_t)arg[3])
        length = (uint32_t)arg[3];
    if (!guest_out(thread, arg[2], length))
        return -EFAULT;
    memcpy(buffer, thread->process->exec_path, length);
    return (int64_t)length;
}

int64_t sys_getcwd(struct linux_thread *thread, const uint64_t arg[])
{
    char path[LINUX_PATH_MAX];
    int64_t result = HOST_CALL(thread, SYS_getcwd, (uintptr_t)path, sizeof path);
    if (result < 0)
        return result;
    if ((uint64_t)result > arg[1])
        return -ERANGE;
    char *buffer = guest_out(thread, arg[0], (uint64_t)result);
    if (!buffer)
        return -EFAULT;
    memcpy(buffer, path, (size_t)result);
    return result;
}

/* ---- stat ---- */

static int64_t give_stat(struct linux_thread *thread, uint64_t addr, const struct stat *host)
{
    struct guest_stat *guest = guest_out(thread, addr, sizeof *guest);
    if (!guest)
        return -EFAULT;
    *guest = (struct guest_stat){
        .dev = host->st_dev,
        .ino = host->st_ino,
        .mode = host->st_mode,
        .nlink = (uint32_t)host->st_nlink,
        .uid = host->st_uid,
        .gid = host->st_gid,
        .rdev = host->st_rdev,
        .size_bytes = host->st_size,
        .blksize = (int32_t)host->st_blksize,
        .blocks = host->st_blocks,
        .atime = host->st_atim.tv_sec,
        .atime_ns = (uint64_t)host->st_atim.tv_nsec,
        .mtime = host->st_mtim.tv_sec,
        .mtime_ns = (uint64_t)host->st_mtim.tv_nsec,
        .ctime = host->st_ctim.tv_sec,
        .ctime_ns = (uint64_t)host->st_ctim.tv_nsec,
    };
    return 0;
}

int64_t sys_fstat(struct linux_thread *thread, const uint64_t arg[])
{
    struct stat host;
    int64_t result = HOST_CALL(thread, SYS_fstat, arg[0], (uintptr_t)&host);
    return result < 0 ? result : give_stat(thread, arg[1], &host);
}

int64_t sys_newfstatat(struct linux_thread *thread, const uint64_t arg[])
{
    struct stat host;
    int64_t result = 0;
    const char *path = arg[3] & AT_SYMLINK_NOFOLLOW
                           ? guest_path(thread, arg[1], &result)
                           : guest_path_redirected(thread, arg[1], &result);
    if (!path)
        return result;
    result = HOST_CALL(thread, SYS_newfstatat, arg[0], (uintptr_t)path, (uintptr_t)&host, arg[3]);
    return result < 0 ? result : give_stat(thread, arg[2], &host);
}

int64_t sys_statx(struct linux_thread *thread, const uint64_t arg[])
{
    int64_t result = 0;
    const char *path = arg[2] & AT_SYMLINK_NOFOLLOW
                           ? guest_path(thread, arg[1], &result)
                           : guest_path_redirected(thread, arg[1], &result);
    if (!path)
        return result;
    void *buffer = guest_out(thread, arg[4], sizeof(struct statx));
    if (!buffer)
        return -EFAULT;
    return HOST_CALL(thread, SYS_statx, arg[0], (uintptr_t)path, arg[2], arg[3], (uintptr_t)buffer);
}

int64_t sys_faccessat(struct linux_thread *thread, const uint64_t arg[])
{
    int64_t result = 0;
    const char *path = guest_path_redirected(thread, arg[1], &result);
    return path ? HOST_CALL(thread, SYS_faccessat, arg[0], (uintptr_t)path, arg[2]) : result;
}

int64_t sys_faccessat2(struct linux_thread *thread, const uint64_t arg[])
{
    int64_t result = 0;
    const char *path = guest_path_redirected(thread, arg[1], &result);
    return path ? HOST_CALL(thread, SYS_faccessat2, arg[0], (uintptr_t)path, arg[2], arg[3])
                : result;
}

/* The path may be NULL: then the descriptor's file is meant. */
int64_t sys_utimensat(struct linux_thread *thread, const uint64_t arg[])
{
    int64_t result = 0;
    const char *path = NULL;
    if (arg[1] && !(path = guest_path(thread, arg[1], &result)))
        return result;
    const void *times = NULL;
    if (arg[2] && !(times = guest_in(thread, arg[2], 2 * sizeof(struct timespec))))
        return -EFAULT;
    return HOST_CALL(thread, SYS_utimensat, arg[0], (uintptr_t)path, (uintptr_t)times, arg[3]);
}
