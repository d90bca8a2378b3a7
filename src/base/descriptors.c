/* See descriptors.h. There are few: the code memory's, the one for messages, a trace's. */
#include "src/base/descriptors.h"

#include "src/base/check.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <unistd.h>

enum { FIRST_OWN = 1000, MOST_OWN = 1024 }; /* two for each machine whose window the host has room for */

/* One more than the descriptor; 0: free. Written by whoever claims or releases. */
static _Atomic int owned[MOST_OWN];
static _Atomic unsigned owned_end; /* behind the last that was ever claimed; by whoever claims */

/* The place whose content was `before`; MOST_OWN: there is none. */
static unsigned replace_owned(int before, int after)
{
    unsigned i = 0;
    for (int expected = before; i < MOST_OWN; i++, expected = before)
        if (atomic_compare_exchange_strong(&owned[i], &expected, after))
            break;
    return i;
}

void descriptor_claim(int fd)
{
    unsigned place = replace_owned(0, fd + 1), end = atomic_load(&owned_end);
    CHECK(place < MOST_OWN, "tiercel has few descriptors");
    while (end <= place && !atomic_compare_exchange_weak(&owned_end, &end, place + 1))
        ;
}

void descriptor_release(int fd)
{
    replace_owned(fd + 1, 0);
}

int descriptor_first_own(unsigned first, unsigned last)
{
    int lowest = -1;
    unsigned end = atomic_load_explicit(&owned_end, memory_order_relaxed);
    for (unsigned i = 0; i < end; i++) {
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
