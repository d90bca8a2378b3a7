/* The table of system calls, and the calls that go to the host as they are.
 *
 * Rows come from syscalls.def, what their arguments are from kinds.def. */
#include "src/linux/process.h"
#include "src/linux/sys.h"

#include <errno.h>
#include <sys/syscall.h>

enum { SYSCALL_LIMIT = 440 };

#define SYSCALL(number_, name_, ...)                                                               \
    [number_] = {.name = #name_, .handler = sys_##name_, .kind = {__VA_ARGS__}},
#define SYSCALL_HEX(number_, name_, ...)                                                           \
    [number_] = {                                                                                  \
        .name = #name_, .handler = sys_##name_, .kind = {__VA_ARGS__}, .is_result_hex = true},
#define HOST(number_, name_, ...)                                                                  \
    [number_] = {.name = #name_, .host_number = SYS_##name_, .kind = {__VA_ARGS__}},
#define MISSING(number_, name_) [number_] = {.name = #name_, .is_missing = true},
static const struct syscall_row rows[SYSCALL_LIMIT] = {
#include "src/linux/syscalls.def"
};

static const struct {
    uint8_t how;
    uint16_t size_bytes;
} kinds[A_COUNT] = {
    [A_NONE] = {ARG_VALUE, 0},
#define KIND(name, how, bytes, show, names) [A_##name] = {ARG_##how, bytes},
#include "src/linux/kinds.def"
#undef KIND
};

const struct syscall_row *syscall_row(uint64_t number)
{
    return number < SYSCALL_LIMIT && rows[number].name ? &rows[number] : NULL;
}

/* What the host gets for argument i: 0, or -EFAULT and the like. */
static int64_t convert(struct linux_thread *thread, enum arg_kind kind, const uint64_t arg[],
                       unsigned i, uint64_t *ret_value)
{
    struct space *space = thread->process->config.space;
    uint64_t size_bytes = kinds[kind].size_bytes;
    int64_t result = 0;
    const void *pointer = NULL;
    switch ((enum arg_how)kinds[kind].how) {
    case ARG_VALUE:
        *ret_value = arg[i];
        return 0;
    case ARG_STRING:
        pointer = guest_path(thread, arg[i], &result);
        break;
    case ARG_IN:
    case ARG_OUT:
        if (arg[i] == 0) {
            *ret_value = 0;
            return 0;
        }
        pointer = space_pointer(space, arg[i], size_bytes,
                                kinds[kind].how == ARG_IN ? SPACE_READ : SPACE_WRITE);
        break;
    case ARG_BUFFER_IN:
        pointer = guest_buffer_in(thread, arg[i]);
        break;
    case ARG_BUFFER_OUT:
        pointer = guest_buffer_out(thread, arg[i], arg[i + 1]);
        break;
    }
    if (!pointer)
        return result ? result : -EFAULT;
    *ret_value = (uint64_t)(uintptr_t)pointer;
    return 0;
}

int64_t syscall_through_host(struct linux_thread *thread, const struct syscall_row *row,
                             const uint64_t arg[])
{
    uint64_t value[GUEST_MAX_SYSCALL_ARGS] = {0};
    for (unsigned i = 0; row->kind[i] != A_NONE; i++) {
        int64_t result = convert(thread, (enum arg_kind)row->kind[i], arg, i, &value[i]);
        if (result)
            return result;
    }
    return linux_call_host(thread, row->host_number, value[0], value[1], value[2], value[3],
                           value[4], value[5]);
}
