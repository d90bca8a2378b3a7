/* mmap, mprotect, mremap, madvise, brk, file mappings. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PAGE = 4096 };

static void say(const char *what, long result)
{
    printf("%s %ld %s\n", what, result, result < 0 ? strerror(errno) : "");
}

int main(void)
{
    char *area = mmap(NULL, 64 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(area, 1, 64 * PAGE);
    say("munmap middle", munmap(area + 8 * PAGE, 8 * PAGE));
    say("fixed", mmap(area + 8 * PAGE, PAGE, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == area + 8 * PAGE);
    say("zeroed", area[8 * PAGE]);
    say("noreplace", mmap(area, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
                          -1, 0) == MAP_FAILED
                         ? -1
                         : 0);
    say("mprotect hole", mprotect(area + 8 * PAGE, 2 * PAGE, PROT_READ));
    say("mprotect", mprotect(area + 20 * PAGE, PAGE, PROT_READ));
    say("mprotect unaligned", mprotect(area + 1, PAGE, PROT_READ));
    say("madvise", madvise(area + 32 * PAGE, 4 * PAGE, MADV_DONTNEED));
    say("after dontneed", area[32 * PAGE] + area[31 * PAGE]);
    char *small = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    strcpy(small, "moving");
    strcpy(small + 2 * PAGE - 8, "end");
    char *grown = mremap(small, 2 * PAGE, 500 * PAGE, MREMAP_MAYMOVE);
    printf("mremap %s %s %d\n", grown, grown + 2 * PAGE - 8, grown[499 * PAGE]);
    char *shrunk = mremap(grown, 500 * PAGE, PAGE, 0);
    say("shrunk in place", shrunk == grown);
    char *place = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *fixed = mremap(shrunk, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, place);
    say("mremap fixed", fixed == place && !strcmp(fixed, "moving"));
    int fd = open("file", O_RDWR | O_CREAT | O_TRUNC, 0600);
    say("ftruncate", ftruncate(fd, 3 * PAGE));
    char *shared = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, PAGE);
    char *private = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, PAGE);
    strcpy(shared, "through the file");
    char buffer[32];
    say("pread", pread(fd, buffer, 17, PAGE));
    printf("%s|%s\n", buffer, private);
    strcpy(private, "only mine");
    say("msync", msync(shared, PAGE, MS_SYNC));
    say("pread", pread(fd, buffer, 17, PAGE));
    printf("%s|%s\n", buffer, private);
    say("bad offset", mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 100) == MAP_FAILED ? -1 : 0);
    say("bad descriptor", mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, 99, 0) == MAP_FAILED ? -1 : 0);
    say("no length", mmap(NULL, 0, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED ? -1 : 0);
    say("no type", mmap(NULL, PAGE, PROT_READ, MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0);
    size_t big = (size_t)1 << 32;
    char *sparse =
        mmap(NULL, big, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    say("4 GiB", sparse != MAP_FAILED);
    for (size_t at = 0; at < big; at += big / 16)
        sparse[at] = (char)(at >> 28);
    int sum = 0;
    for (size_t at = 0; at < big; at += big / 32)
        sum += sparse[at];
    say("sparse sum", sum);
    say("munmap", munmap(sparse, big));
    say("munmap unaligned", munmap(area + 1, PAGE));
    char *before = sbrk(0);
    say("sbrk", sbrk(100000) == before);
    memset(before, 7, 100000);
    say("sbrk back", brk(before));
    say("break", (char *)sbrk(0) - before);
    unsigned char resident[4];
    say("mincore", mincore(area, 4 * PAGE, resident));
    printf("resident %d\n", resident[0] & 1);
    return 0;
}
