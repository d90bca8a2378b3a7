/* See descriptors.h. There are few: the code memory's, the one for messages, a trace's. */
#include "src/base/descriptors.h"

#include "src/base/bits.h"
#include "src/base/check.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <unistd.h>

enum { FIRST_OWN = 1000, MOST_OWN = 64 };

/* One more than the descriptor; 0: free. Written by whoever claims or releases. */
static _Atomic int owned[MOST_OWN];

static bool replace_owned(int before, int after)
{
    for (unsigned i = 0; i < ARRAY_LENGTH(owned); i++) {
        int expected = before;
        if (atomic_compare_exchange_strong(&owned[i], &expected, after))
            return true;
    }
    return false;
}

void descriptor_claim(int fd)
{
    CHECK(replace_owned(0, fd + 1), "tiercel has few descriptors");
}

void descriptor_release(int fd)
{
    replace_owned(fd + 1, 0);
}

int descriptor_first_own(unsigned first, unsigned last)
{
    int lowest = -1;
    for (unsigned i = 0; i < ARRAY_LENGTH(owned); i++) {
        int fd = atomic_load_explicit(&owned[i], memory_order_relaxed) - 1;
        if (fd >= 0 && (unsigned)fd >= first && (unsigned)fd <= last && (lowest < 0 || fd < lowest))
            lowest = fd;
    }
    return lowest;
}

bool descriptor_is_own(int fd)
{
    return fd >= 0 && descriptor_first_own((unsigned)fd, (unsigned)fd) == fd;
}

int descriptor_move(int fd)
{
    if (fd < 0)
        return fd;
    int high = fcntl(fd, F_DUPFD_CLOEXEC, FIRST_OWN);
    if (high >= 0)
        close(fd);
    else
        high = fd;
    descriptor_claim(high);
    return high;
}

void descriptor_close(int fd)
{
    if (fd < 0)
        return;
    descriptor_release(fd);
    close(fd);
}

FILE *descriptor_copy_stream(FILE *stream)
{
    int fd = fcntl(fileno(stream), F_DUPFD_CLOEXEC, FIRST_OWN);
    FILE *copy = fd < 0 ? NULL : fdopen(fd, "w");
    if (!copy) {
        if (fd >= 0)
            close(fd);
        return stream;
    }
    setvbuf(copy, NULL, _IOLBF, BUFSIZ);
    descriptor_claim(fd);
    return copy;
}
