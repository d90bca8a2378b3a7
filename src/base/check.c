/* Reports a broken invariant and aborts. */
#include "src/base/check.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void check_failed(const char *file, int line, const char *condition, const char *message)
{
    fprintf(stderr, "tiercel: internal error at %s:%d: %s (%s)\n", file, line, message, condition);
    abort();
}
