/* CHECK: an internal invariant. A failure is a bug of tiercel, never a guest event. */
#ifndef TIERCEL_BASE_CHECK_H
#define TIERCEL_BASE_CHECK_H

_Noreturn void check_failed(const char *file, int line, const char *condition, const char *message);

#define CHECK(condition, message)                                                                  \
    do {                                                                                           \
        if (__builtin_expect(!(condition), 0))                                                     \
            check_failed(__FILE__, __LINE__, #condition, message);                                 \
    } while (0)

#endif
