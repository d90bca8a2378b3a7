/* What the guest is told about the system, its identity and its limits. */
#include "src/linux/sys.h"

#include "src/base/bits.h"

#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

int64_t sys_uname(struct linux_thread *thread, const uint64_t arg[])
{
    struct utsname *name = guest_out(thread, arg[0], sizeof *name);
    if (!name)
        return -EFAULT;
    if (uname(name))
        return -errno;
    memset(name->machine, 0, sizeof name->machine);
    strcpy(name->machine, thread->process->config.isa->name);
    return 0;
}

/* ---- riscv_hwprobe (Documentation/riscv/hwprobe.rst) ---- */

enum {
    HWPROBE_BASE_IMA = 1,
    HWPROBE_EXT_FD = 1,
    HWPROBE_EXT_C = 2,
    HWPROBE_EXT_ZBA = 8,
    HWPROBE_EXT_ZBB = 16,
    HWPROBE_EXT_ZBS = 32,
    HWPROBE_MISALIGNED_FAST = 3,
};
static const struct guest_hwprobe hwprobe_values[] = {
    {0, 0}, /* mvendorid */
    {1, 0}, /* marchid */
    {2, 0}, /* mimpid */
    {3, HWPROBE_BASE_IMA},
    {4, HWPROBE_EXT_FD | HWPROBE_EXT_C | HWPROBE_EXT_ZBA | HWPROBE_EXT_ZBB | HWPROBE_EXT_ZBS},
    {5, HWPROBE_MISALIGNED_FAST}, /* CPUPERF_0 */
    {6, 0},                       /* Zicboz block size: no Zicboz */
    {7, SPACE_SIZE - 1},          /* highest virtual address */
    {9, HWPROBE_MISALIGNED_FAST}, /* misaligned scalar performance */
};

static void hwprobe_fill(struct guest_hwprobe *pair)
{
    for (size_t i = 0; i < ARRAY_LENGTH(hwprobe_values); i++) {
        if (hwprobe_values[i].key == pair->key) {
            pair->value = hwprobe_values[i].value;
            return;
        }
    }
    pair->key = -1;
    pair->value = 0;
}

int64_t sys_riscv_hwprobe(struct linux_thread *thread, const uint64_t arg[])
{
    uint64_t count = arg[1], cpu_bytes = arg[2], cpus = arg[3];
    if (arg[4] || count > 4096 || (cpu_bytes == 0) != (cpus == 0))
        return -EINVAL;
    if (cpus) {
        const uint8_t *set = guest_in(thread, cpus, cpu_bytes);
        bool is_empty = true;
        if (!set)
            return -EFAULT;
        for (uint64_t i = 0; i < cpu_bytes; i++)
            is_empty = is_empty && !set[i];
        if (is_empty)
            return -EINVAL;
    }
    struct guest_hwprobe *pair = guest_out(thread, arg[0], count * sizeof *pair);
    if (!pair)
        return -EFAULT;
    for (uint64_t i = 0; i < count; i++)
        hwprobe_fill(&pair[i]);
    return 0;
}

/* ---- identity ---- */

static int64_t give_three(struct linux_thread *thread, const uint64_t arg[],
                          const uint32_t value[3])
{
    for (unsigned i = 0; i < 3; i++) {
        uint32_t *guest = guest_out(thread, arg[i], sizeof *guest);
        if (!guest)
            return -EFAULT;
        *guest = value[i];
    }
    return 0;
}

int64_t sys_getresuid(struct linux_thread *thread, const uint64_t arg[])
{
    uint32_t id[3];
    return getresuid(&id[0], &id[1], &id[2]) ? -errno : give_three(thread, arg, id);
}

int64_t sys_getresgid(struct linux_thread *thread, const uint64_t arg[])
{
    uint32_t id[3];
    return getresgid(&id[0], &id[1], &id[2]) ? -errno : give_three(thread, arg, id);
}

int64_t sys_getgroups(struct linux_thread *thread, const uint64_t arg[])
{
    int32_t count = (int32_t)arg[0];
    if (count < 0 || count > 65536)
        return -EINVAL;
    gid_t *groups = count ? guest_out(thread, arg[1], (uint64_t)count * sizeof *groups) : NULL;
    if (count && !groups)
        return -EFAULT;
    return HOST_CALL(thread, SYS_getgroups, count, (uintptr_t)groups);
}

/* ---- limits ---- */

/* Limits on memory would hit the emulator rather than the guest: the guest sees what it sets. */
static bool is_own_limit(unsigned resource)
{
    return resource == RLIMIT_AS || resource == RLIMIT_DATA || resource == RLIMIT_STACK;
}

static int64_t limit_call(struct linux_thread *thread, uint64_t pid, unsigned resource,
                          uint64_t new_addr, uint64_t old_addr)
{
    struct linux_process *process = thread->process;
    const struct rlimit *new_limit = NULL;
    struct rlimit wanted, before;
    if (resource >= RLIM_NLIMITS)
        return -EINVAL;
    if (new_addr) {
        if (!(new_limit = guest_in(thread, new_addr, sizeof *new_limit)))
            return -EFAULT;
        wanted = *new_limit;
        if (wanted.rlim_cur > wanted.rlim_max)
            return -EINVAL;
    }
    bool is_own = is_own_limit(resource) && (pid == 0 || pid == (uint64_t)getpid());
    int64_t result =
        HOST_CALL(thread, SYS_prlimit64, pid, resource,
                  (uintptr_t)(new_limit && !is_own ? &wanted : NULL), (uintptr_t)&before);
    if (result < 0)
        return result;
    if (is_own && process->own_limit_set >> resource & 1)
        before = process->own_limit[resource];
    if (is_own && new_limit) {
        process->own_limit[resource] = wanted;
        process->own_limit_set |= UINT32_C(1) << resource;
    }
    if (old_addr) {
        struct rlimit *old_limit = guest_out(thread, old_addr, sizeof *old_limit);
        if (!old_limit)
            return -EFAULT;
        *old_limit = before;
    }
    return 0;
}

int64_t sys_prlimit64(struct linux_thread *thread, const uint64_t arg[])
{
    return limit_call(thread, arg[0], (unsigned)arg[1], arg[2], arg[3]);
}

int64_t sys_getrlimit(struct linux_thread *thread, const uint64_t arg[])
{
    return arg[1] ? limit_call(thread, 0, (unsigned)arg[0], 0, arg[1]) : -EFAULT;
}

int64_t sys_setrlimit(struct linux_thread *thread, const uint64_t arg[])
{
    return arg[1] ? limit_call(thread, 0, (unsigned)arg[0], arg[1], 0) : -EFAULT;
}

/* ---- the rest ---- */

/* splitmix64: the same bytes in every deterministic run. */
static uint64_t next_random(struct linux_process *process)
{
    uint64_t word = process->random_state += UINT64_C(0x9e3779b97f4a7c15);
    word = (word ^ word >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    word = (word ^ word >> 27) * UINT64_C(0x94d049bb133111eb);
    return word ^ word >> 31;
}

int64_t sys_getrandom(struct linux_thread *thread, const uint64_t arg[])
{
    if (!thread->process->config.is_deterministic) {
        void *buffer = guest_buffer_out(thread, arg[0], arg[1]);
        return buffer ? HOST_CALL(thread, SYS_getrandom, (uintptr_t)buffer, arg[1], arg[2])
                      : -EFAULT;
    }
    if (arg[2] & ~(uint64_t)(GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE))
        return -EINVAL;
    uint8_t *bytes = guest_out(thread, arg[0], arg[1]);
    if (!bytes)
        return -EFAULT;
    for (uint64_t i = 0; i < arg[1]; i++)
        bytes[i] = (uint8_t)next_random(thread->process);
    return (int64_t)arg[1];
}

int64_t sys_getcpu(struct linux_thread *thread, const uint64_t arg[])
{
    unsigned value[2];
    if (getcpu(&value[0], &value[1]))
        return -errno;
    for (unsigned i = 0; i < 2; i++) {
        unsigned *guest = arg[i] ? guest_out(thread, arg[i], sizeof *guest) : &value[i];
        if (!guest)
            return -EFAULT;
        *guest = value[i];
    }
    return 0;
}

enum { THREAD_NAME_BYTES = 16 };

int64_t sys_prctl(struct linux_thread *thread, const uint64_t arg[])
{
    uint64_t value = arg[1];
    switch ((int)arg[0]) {
    case PR_SET_NAME: {
        int64_t result = 0;
        const char *name = guest_path(thread, arg[1], &result);
        if (!name)
            return result;
        value = (uintptr_t)name;
        break;
    }
    case PR_GET_NAME:
        value = (uintptr_t)guest_out(thread, arg[1], THREAD_NAME_BYTES);
        break;
    case PR_GET_PDEATHSIG:
        value = (uintptr_t)guest_out(thread, arg[1], sizeof(int));
        break;
    case PR_SET_PDEATHSIG:
    case PR_SET_DUMPABLE:
    case PR_GET_DUMPABLE:
    case PR_SET_KEEPCAPS:
    case PR_GET_KEEPCAPS:
    case PR_SET_TIMERSLACK:
    case PR_GET_TIMERSLACK:
    case PR_CAPBSET_READ:
    case PR_SET_NO_NEW_PRIVS:
    case PR_GET_NO_NEW_PRIVS:
        break;
    default: /* not an enum of ours */
        return -EINVAL;
    }
    if (!value && ((int)arg[0] == PR_GET_NAME || (int)arg[0] == PR_GET_PDEATHSIG))
        return -EFAULT;
    return HOST_CALL(thread, SYS_prctl, arg[0], value, arg[2], arg[3], arg[4]);
}

int64_t sys_personality(struct linux_thread *thread, const uint64_t arg[])
{
    uint64_t before = thread->process->personality;
    if ((uint32_t)arg[0] != UINT32_MAX)
        thread->process->personality = (uint32_t)arg[0];
    return (int64_t)before;
}
