/* --strace: one readable line for each system call, `openat(AT_FDCWD, "/etc/passwd", O_RDONLY) =
 * 3`.
 *
 * How an argument looks is its kind's `show` (kinds.def), flags come from names.def. Arguments are
 * formatted before the call, since it may change what they point to, results and filled buffers
 * after; the line is printed as a whole, so that it never mixes with what the guest prints. */
#include "src/linux/process.h"

#include "src/base/bits.h"

#include <errno.h>
#include <linux/futex.h>
#include <linux/mman.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/time.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

struct constant_name {
    const char *name;
    uint64_t value;
};

#define TABLE_BEGIN(table) static const struct constant_name names_##table[] = {
#define NAME(constant) {#constant, (uint64_t)(constant)},
#define TABLE_END                                                                                  \
    {                                                                                              \
        NULL, 0                                                                                    \
    }                                                                                              \
    }                                                                                              \
    ;
#include "src/linux/names.def"
#undef TABLE_BEGIN
#undef NAME
#undef TABLE_END
static const struct constant_name names_none[] = {{NULL, 0}};

enum show {
    SHOW_INT,
    SHOW_UINT,
    SHOW_HEX,
    SHOW_OCTAL,
    SHOW_DIRFD,
    SHOW_STRING,
    SHOW_DATA,
    SHOW_RESULT_DATA,
    SHOW_SIGNAL,
    SHOW_SIGSET,
    SHOW_TIMESPEC,
    SHOW_ITIMER,
    SHOW_FD_PAIR,
    SHOW_FLAGS,
    SHOW_OPEN_FLAGS,
    SHOW_MAP_FLAGS,
    SHOW_ENUM,
    SHOW_FUTEX,
    SHOW_IOCTL,
};

static const struct {
    uint8_t show;
    const struct constant_name *names;
} kinds[A_COUNT] = {
    [A_NONE] = {SHOW_HEX, names_none},
#define KIND(name, how, bytes, show_, table_) [A_##name] = {SHOW_##show_, names_##table_},
#include "src/linux/kinds.def"
#undef KIND
};

enum { SHOWN_BYTES = 32 };

__attribute__((format(printf, 2, 3))) static void put(struct strace_line *line, const char *format,
                                                      ...)
{
    size_t room = sizeof line->text - line->length;
    va_list args;
    va_start(args, format);
    int length = vsnprintf(line->text + line->length, room, format, args);
    va_end(args);
    if (length > 0)
        line->length += (size_t)length < room ? (size_t)length : room - 1;
}

/* A quoted prefix of bytes, with "..." when there are more. */
static void put_bytes(struct strace_line *line, const uint8_t *bytes, size_t length)
{
    size_t shown = length < SHOWN_BYTES ? length : SHOWN_BYTES;
    put(line, "\"");
    for (size_t i = 0; i < shown; i++) {
        uint8_t byte = bytes[i];
        if (byte == '\n')
            put(line, "\\n");
        else if (byte == '\t')
            put(line, "\\t");
        else if (byte == '"' || byte == '\\')
            put(line, "\\%c", byte);
        else if (byte >= 32 && byte < 127)
            put(line, "%c", byte);
        else
            put(line, "\\x%02x", byte);
    }
    put(line, shown < length ? "\"..." : "\"");
}

static void put_guest_bytes(struct linux_thread *thread, struct strace_line *line, uint64_t addr,
                            uint64_t length)
{
    const uint8_t *bytes = guest_in(thread, addr, length < SHOWN_BYTES ? length : SHOWN_BYTES);
    if (bytes)
        put_bytes(line, bytes, length);
    else
        put(line, "%#llx", (unsigned long long)addr);
}

static void put_string(struct linux_thread *thread, struct strace_line *line, uint64_t addr)
{
    int reason;
    const char *text =
        addr ? space_string(thread->process->config.space, addr, LINUX_PATH_MAX, &reason) : NULL;
    if (text)
        put(line, "\"%.*s\"", 256, text);
    else if (addr)
        put(line, "%#llx", (unsigned long long)addr);
    else
        put(line, "NULL");
}

/* The names of set bits; what has no name as a number; 0 for none. */
static void put_flags(struct strace_line *line, const struct constant_name *names, uint64_t value)
{
    bool is_first = true;
    for (; names->name; names++) {
        if (names->value == 0 || (value & names->value) != names->value)
            continue;
        put(line, "%s%s", is_first ? "" : "|", names->name);
        value &= ~names->value;
        is_first = false;
    }
    if (value || is_first)
        put(line, value > 9 ? "%s%#llx" : "%s%llu", is_first ? "" : "|", (unsigned long long)value);
}

static bool put_constant(struct strace_line *line, const struct constant_name *names,
                         uint64_t value)
{
    for (; names->name; names++) {
        if (names->value == value) {
            put(line, "%s", names->name);
            return true;
        }
    }
    put(line, "%lld", (long long)(int32_t)value);
    return false;
}

static void put_open_flags(struct strace_line *line, const struct constant_name *names,
                           uint64_t value)
{
    static const char *const access_modes[] = {"O_RDONLY", "O_WRONLY", "O_RDWR", "O_ACCMODE"};
    uint64_t rest = value & ~(uint64_t)O_ACCMODE & ~UINT64_C(0100000); /* O_LARGEFILE */
    put(line, "%s", access_modes[value & O_ACCMODE]);
    if (rest) {
        put(line, "|");
        put_flags(line, names, rest);
    }
}

static void put_map_flags(struct strace_line *line, const struct constant_name *names,
                          uint64_t value)
{
    static const char *const types[] = {"MAP_FILE", "MAP_SHARED", "MAP_PRIVATE",
                                        "MAP_SHARED_VALIDATE"};
    uint64_t type = value & MAP_TYPE;
    if (type < ARRAY_LENGTH(types))
        put(line, "%s", types[type]);
    else
        put(line, "%#llx", (unsigned long long)type);
    if (value & ~(uint64_t)MAP_TYPE) {
        put(line, "|");
        put_flags(line, names, value & ~(uint64_t)MAP_TYPE);
    }
}

static void put_futex(struct strace_line *line, const struct constant_name *names, uint64_t value)
{
    put_constant(line, names, value & FUTEX_CMD_MASK);
    if (value & FUTEX_PRIVATE_FLAG)
        put(line, "|FUTEX_PRIVATE_FLAG");
    if (value & FUTEX_CLOCK_REALTIME)
        put(line, "|FUTEX_CLOCK_REALTIME");
}

static void put_ioctl(struct strace_line *line, uint64_t request)
{
    static const struct constant_name names[] = {{"TCGETS", TCGETS},
                                                 {"TCSETS", TCSETS},
                                                 {"TCSETSW", TCSETSW},
                                                 {"TCSETSF", TCSETSF},
                                                 {"TIOCGWINSZ", TIOCGWINSZ},
                                                 {"TIOCSWINSZ", TIOCSWINSZ},
                                                 {"TIOCGPGRP", TIOCGPGRP},
                                                 {"TIOCSPGRP", TIOCSPGRP},
                                                 {"FIONREAD", FIONREAD},
                                                 {"FIONBIO", FIONBIO},
                                                 {"TIOCGSID", TIOCGSID},
                                                 {"FIOCLEX", FIOCLEX},
                                                 {NULL, 0}};
    for (const struct constant_name *name = names; name->name; name++) {
        if (name->value == (uint32_t)request) {
            put(line, "%s", name->name);
            return;
        }
    }
    put(line, "%#llx", (unsigned long long)(uint32_t)request);
}

static void put_signal(struct strace_line *line, uint64_t number)
{
    const char *name = sigabbrev_np((int)number);
    if (name)
        put(line, "SIG%s", name);
    else if (number >= 32 && number <= GUEST_SIGNALS)
        put(line, "SIGRT_%llu", (unsigned long long)(number - 32));
    else
        put(line, "%lld", (long long)(int32_t)number);
}

static void put_sigset(struct linux_thread *thread, struct strace_line *line, uint64_t addr)
{
    const uint64_t *set = addr ? guest_in(thread, addr, sizeof *set) : NULL;
    if (!set) {
        put(line, addr ? "%#llx" : "NULL", (unsigned long long)addr);
        return;
    }
    bool is_inverted = __builtin_popcountll(*set) > 32;
    put(line, is_inverted ? "~[" : "[");
    const char *gap = "";
    for (uint64_t rest = is_inverted ? ~*set : *set; rest; rest &= rest - 1) {
        const char *name = sigabbrev_np(__builtin_ctzll(rest) + 1);
        if (name)
            put(line, "%s%s", gap, name);
        else
            put(line, "%s%d", gap, __builtin_ctzll(rest) + 1);
        gap = " ";
    }
    put(line, "]");
}

/* `count` pairs of 64-bit numbers: seconds and a fraction. */
static void put_times(struct linux_thread *thread, struct strace_line *line, uint64_t addr,
                      unsigned count, const char *fraction)
{
    const int64_t *pair = addr ? guest_in(thread, addr, count * 16) : NULL;
    if (!pair) {
        put(line, addr ? "%#llx" : "NULL", (unsigned long long)addr);
        return;
    }
    for (unsigned i = 0; i < count; i++)
        put(line, "%s{tv_sec=%lld, %s=%lld}", i ? ", " : "", (long long)pair[2 * i], fraction,
            (long long)pair[2 * i + 1]);
}

static void put_fd_pair(struct linux_thread *thread, struct strace_line *line, uint64_t addr,
                        int64_t result)
{
    const int32_t *pair = result < 0 ? NULL : guest_in(thread, addr, 2 * sizeof *pair);
    if (pair)
        put(line, "[%d, %d]", pair[0], pair[1]);
    else
        put(line, "%#llx", (unsigned long long)addr);
}

/* Known only when the call has come back? */
static bool is_shown_after(enum arg_kind kind)
{
    return kinds[kind].show == SHOW_RESULT_DATA || kinds[kind].show == SHOW_FD_PAIR;
}

static void show_argument(struct linux_thread *thread, struct strace_line *line, enum arg_kind kind,
                          const uint64_t arg[], unsigned i, int64_t result)
{
    uint64_t value = arg[i];
    const struct constant_name *names = kinds[kind].names;
    unsigned long long shown = value;
    switch ((enum show)kinds[kind].show) {
    case SHOW_INT:
        put(line, "%lld", (long long)(kind == A_OFFSET ? (int64_t)value : (int32_t)value));
        return;
    case SHOW_UINT:
        put(line, "%llu", shown);
        return;
    case SHOW_HEX:
        put(line, value || kind == A_HEX ? "%#llx" : "NULL", shown);
        return;
    case SHOW_OCTAL:
        put(line, "%#llo", shown);
        return;
    case SHOW_DIRFD:
        if ((int32_t)value == AT_FDCWD)
            put(line, "AT_FDCWD");
        else
            put(line, "%d", (int32_t)value);
        return;
    case SHOW_STRING:
        put_string(thread, line, value);
        return;
    case SHOW_DATA:
        put_guest_bytes(thread, line, value, arg[i + 1]);
        return;
    case SHOW_RESULT_DATA:
        if (result >= 0)
            put_guest_bytes(thread, line, value, (uint64_t)result);
        else
            put(line, "%#llx", shown);
        return;
    case SHOW_SIGNAL:
        put_signal(line, value);
        return;
    case SHOW_SIGSET:
        put_sigset(thread, line, value);
        return;
    case SHOW_TIMESPEC:
        put_times(thread, line, value, 1, "tv_nsec");
        return;
    case SHOW_ITIMER:
        put_times(thread, line, value, 2, "tv_usec");
        return;
    case SHOW_FD_PAIR:
        put_fd_pair(thread, line, value, result);
        return;
    case SHOW_FLAGS:
        put_flags(line, names, (uint32_t)value);
        return;
    case SHOW_OPEN_FLAGS:
        put_open_flags(line, names, (uint32_t)value);
        return;
    case SHOW_MAP_FLAGS:
        put_map_flags(line, names, (uint32_t)value);
        return;
    case SHOW_ENUM:
        put_constant(line, names, (uint32_t)value);
        return;
    case SHOW_FUTEX:
        put_futex(line, names, (uint32_t)value);
        return;
    case SHOW_IOCTL:
        put_ioctl(line, value);
        return;
    }
}

/* The arguments not shown yet: before the call as far as they are known, after it all. */
static void show_arguments(struct linux_thread *thread, struct strace_line *line,
                           const struct syscall_row *row, const uint64_t arg[], bool is_after,
                           int64_t result)
{
    for (unsigned i = line->shown; row->kind[i] != A_NONE; i++) {
        enum arg_kind kind = (enum arg_kind)row->kind[i];
        if (!is_after && is_shown_after(kind))
            return;
        put(line, i ? ", " : "");
        show_argument(thread, line, kind, arg, i, result);
        line->shown = i + 1;
    }
}

void strace_enter(struct linux_thread *thread, struct strace_line *line, uint64_t number,
                  const uint64_t arg[])
{
    const struct syscall_row *row = syscall_row(number);
    line->length = 0;
    line->shown = 0;
    line->text[0] = 0;
    if (row) {
        put(line, "%s(", row->name);
        show_arguments(thread, line, row, arg, false, 0);
    } else {
        put(line, "syscall %llu (not known)(", (unsigned long long)number);
        for (unsigned i = 0; i < GUEST_MAX_SYSCALL_ARGS; i++)
            put(line, "%s%#llx", i ? ", " : "", (unsigned long long)arg[i]);
    }
}

static void show_result(struct strace_line *line, const struct syscall_row *row, int64_t result)
{
    static const char *const restarts[] = {"ERESTARTSYS", "ERESTARTNOINTR", "ERESTARTNOHAND"};
    if (result <= -RESTART_SYS && result >= -RESTART_NOHAND)
        put(line, ") = ? %s", restarts[-result - RESTART_SYS]);
    else if (result < 0 && result >= -4095)
        put(line, ") = -1 %s (%s)", strerrorname_np((int)-result), strerror((int)-result));
    else if (row && row->is_result_hex)
        put(line, ") = %#llx", (unsigned long long)result);
    else
        put(line, ") = %lld", (long long)result);
}

static void print_line(const struct linux_thread *thread, const struct strace_line *line)
{
    FILE *out = thread->process->config.strace;
    fprintf(out, "%s\n", line->text);
    fflush(out);
}

void strace_leave(struct linux_thread *thread, struct strace_line *line, uint64_t number,
                  const uint64_t arg[], int64_t result)
{
    const struct syscall_row *row = syscall_row(number);
    if (row)
        show_arguments(thread, line, row, arg, true, result);
    show_result(line, row, result);
    print_line(thread, line);
}

void strace_no_return(struct linux_thread *thread, struct strace_line *line)
{
    put(line, ") = ?");
    print_line(thread, line);
}

void strace_signal(struct linux_thread *thread, const siginfo_t *info)
{
    struct strace_line line = {.length = 0};
    if (!thread->process->config.strace)
        return;
    put(&line, "--- ");
    put_signal(&line, (uint64_t)info->si_signo);
    put(&line, " {si_code=%d", info->si_code);
    if (info->si_code > 0 && SIGNALS_OF_ENGINE & signal_bit(info->si_signo))
        put(&line, ", si_addr=%p", info->si_addr);
    else if (info->si_code <= 0)
        put(&line, ", si_pid=%d", info->si_pid);
    put(&line, "} ---");
    print_line(thread, &line);
}
