/* Files and directories through system calls: reading, writing, seeking, stat, names, links. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/uio.h>
#include <unistd.h>

/* Pointers that the compiler cannot see are bad. */
static void *volatile low = (void *)8, *volatile high = (void *)-4096;

static void say(const char *what, long result)
{
    printf("%s %ld %s\n", what, result, result < 0 ? strerror(errno) : "");
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static void list(const char *path)
{
    struct dirent **entries;
    int count = scandir(path, &entries, NULL, by_name);
    printf("%s:", path);
    for (int i = 0; i < count; i++) {
        printf(" %s%s", entries[i]->d_name, entries[i]->d_type == DT_DIR ? "/" : "");
        free(entries[i]);
    }
    free(entries);
    puts("");
}

static void show_stat(const char *path)
{
    struct stat info;
    if (lstat(path, &info) < 0) {
        say(path, -1);
        return;
    }
    printf("%s mode %o size %lld links %lu blocks %d\n", path, info.st_mode,
           (long long)info.st_size, (unsigned long)info.st_nlink, info.st_blocks > 0);
    if (S_ISREG(info.st_mode))
        printf("times %lld.%09ld %lld.%09ld\n", (long long)info.st_atime, info.st_atim.tv_nsec,
               (long long)info.st_mtime, info.st_mtim.tv_nsec);
}

static void read_and_write(void)
{
    char buffer[64] = "";
    int fd = open("data", O_RDWR | O_CREAT | O_EXCL, 0640);
    say("open", fd >= 0);
    say("open again", open("data", O_RDWR | O_CREAT | O_EXCL, 0640));
    say("write", write(fd, "hello, file\n", 12));
    say("lseek", lseek(fd, -5, SEEK_CUR));
    say("read", read(fd, buffer, sizeof buffer));
    printf("'%s'", buffer);
    say("pwrite", pwrite(fd, "HELLO", 5, 0));
    say("pread", pread(fd, buffer, 12, 0));
    struct iovec out[3] = {{"ab", 2}, {"", 0}, {"cdef", 4}};
    say("writev", writev(fd, out, 3));
    char first[3] = "", second[10] = "";
    struct iovec in[2] = {{first, 2}, {second, 9}};
    say("preadv", preadv(fd, in, 2, 12));
    printf("%s|%s|%s", first, second, buffer);
    say("ftruncate", ftruncate(fd, 100000));
    say("seek end", lseek(fd, 0, SEEK_END));
    say("seek bad", lseek(fd, -1, SEEK_SET));
    say("bad pointer", read(fd, low, 10));
    say("bad pointer", write(fd, high, 10));
    say("no bytes", read(fd, NULL, 0));
    say("no bytes", write(fd, NULL, 0));
    say("null", write(fd, NULL, 1));
    struct timespec times[2] = {{1000000000, 5}, {1234567890, 987654321}};
    say("futimens", futimens(fd, times));
    say("fchmod", fchmod(fd, 0600));
    say("fsync", fsync(fd));
    say("flock", flock(fd, LOCK_EX | LOCK_NB));
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 10};
    say("setlk", fcntl(fd, F_SETLK, &lock));
    say("flags", fcntl(fd, F_GETFL) & O_ACCMODE);
    say("cloexec", fcntl(fd, F_GETFD));
    say("tty", ioctl(fd, TIOCGWINSZ, buffer));
    say("close", close(fd));
    say("close again", close(fd));
    say("open missing", open("missing", O_RDONLY));
    say("open as directory", open("data", O_RDONLY | O_DIRECTORY));
    say("bad path pointer", open(low, O_RDONLY));
}

static void names(void)
{
    char buffer[256] = "";
    say("mkdir", mkdir("sub", 0755));
    say("mkdir again", mkdir("sub", 0755));
    say("link", link("data", "sub/hard"));
    say("symlink", symlink("../data", "sub/soft"));
    say("readlink", readlink("sub/soft", buffer, sizeof buffer));
    printf("%s\n", buffer);
    say("readlink of a file", readlink("data", buffer, sizeof buffer));
    say("rename", rename("sub/hard", "sub/renamed"));
    show_stat("data");
    show_stat("sub/soft");
    show_stat("nothing");
    list(".");
    list("sub");
    say("access", access("sub/soft", R_OK | W_OK));
    say("access x", faccessat(AT_FDCWD, "missing", X_OK, 0));
    struct statx more;
    say("statx", statx(AT_FDCWD, "data", 0, STATX_SIZE | STATX_MTIME, &more));
    printf("statx size %llu mtime %lld.%09u\n", (unsigned long long)more.stx_size,
           (long long)more.stx_mtime.tv_sec, more.stx_mtime.tv_nsec);
    int directory = open("sub", O_RDONLY | O_DIRECTORY);
    int inside = openat(directory, "soft", O_RDONLY);
    say("openat", inside >= 0);
    say("nofollow", openat(directory, "soft", O_RDONLY | O_NOFOLLOW));
    close(inside);
    say("rmdir full", rmdir("sub"));
    say("unlinkat", unlinkat(directory, "soft", 0));
    say("unlink", unlink("sub/renamed"));
    close(directory);
    say("chdir", chdir("sub"));
    printf("cwd ends in %s\n", strrchr(getcwd(buffer, sizeof buffer), '/'));
    say("getcwd small", getcwd(buffer, 3) ? 0 : -1);
    say("chdir ..", chdir(".."));
    say("rmdir", rmdir("sub"));
    struct statfs fs;
    say("statfs", statfs(".", &fs));
    say("umask", umask(027));
    say("umask", umask(022));
}

static void copies(void)
{
    int from = open("data", O_RDONLY), to = open("copy", O_RDWR | O_CREAT | O_TRUNC, 0644);
    off_t offset = 0;
    say("sendfile", sendfile(to, from, &offset, 18));
    say("offset", offset);
    int pair[2];
    say("pipe", pipe(pair));
    say("pipe write", write(pair[1], "through", 7));
    int bytes = 0;
    ioctl(pair[0], FIONREAD, &bytes);
    say("fionread", bytes);
    int other = dup(pair[0]), third = dup2(pair[1], 200);
    char buffer[16] = "";
    say("dup2", third);
    say("dup read", read(other, buffer, sizeof buffer));
    printf("%s\n", buffer);
    say("dupfd", fcntl(from, F_DUPFD_CLOEXEC, 300));
    close(pair[1]);
    close(200);
    say("end of pipe", read(pair[0], buffer, sizeof buffer));
    say("unlink", unlink("copy"));
    say("unlink", unlink("data"));
    list(".");
}

int main(void)
{
    read_and_write();
    names();
    copies();
    return 0;
}
