/* riscv64 only: what a program can learn about the machine it runs on. */
#include <elf.h>
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

struct probe {
    int64_t key;
    uint64_t value;
};

static void files_of_proc(const char *program)
{
    char path[4096] = "", magic[5] = "";
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    const char *base = strrchr(program, '/');
    printf("exe %d\n", length > 0 && path[0] == '/' && strstr(path, base ? base : program) != NULL);
    int fd = open("/proc/self/exe", O_RDONLY);
    Elf64_Ehdr header = {0};
    if (read(fd, &header, sizeof header) == sizeof header)
        memcpy(magic, header.e_ident, 4);
    printf("magic %s machine %d\n", magic + 1, header.e_machine);
    close(fd);
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[4200];
    int stack = 0, heap = 0, self = 0;
    while (maps && fgets(line, sizeof line, maps)) {
        unsigned long start, end;
        sscanf(line, "%lx-%lx", &start, &end);
        stack += strstr(line, "[stack]") && start <= (uintptr_t)line && (uintptr_t)line < end;
        heap += strstr(line, "[heap]") != NULL;
        self += strstr(line, path) && strstr(line, "r-xp") && start <= (uintptr_t)files_of_proc &&
                (uintptr_t)files_of_proc < end;
    }
    printf("maps: stack %d heap %d text %d\n", stack, heap, self);
}

int main(int argc, char **argv)
{
    (void)argc;
    struct utsname name;
    uname(&name);
    printf("%s %s\n", name.sysname, name.machine);
    printf("hwcap %lx\n", getauxval(AT_HWCAP) & 0x112d);
    printf("phdr %lu %d entry %d\n", getauxval(AT_PHENT), getauxval(AT_PHNUM) > 0,
           getauxval(AT_ENTRY) != 0);
    struct probe probes[] = {{3, 0}, {4, 0}, {12345, 7}};
    long result = syscall(258, probes, 3L, 0L, NULL, 0L);
    printf("hwprobe %ld base %llu extensions %llx unknown %lld\n", result,
           (unsigned long long)probes[0].value, (unsigned long long)probes[1].value & 0x3b,
           (long long)probes[2].key);
    printf("hwprobe bad flags %ld\n", syscall(258, probes, 3L, 0L, NULL, 8L));
    files_of_proc(argv[0]);
    struct rlimit limit = {1 << 20, 1 << 20}, back;
    printf("limit %d", setrlimit(RLIMIT_AS, &limit));
    getrlimit(RLIMIT_AS, &back);
    printf(" %lu\n", (unsigned long)back.rlim_cur);
    struct sysinfo info;
    printf("sysinfo %d ram %d\n", sysinfo(&info), info.totalram > 0);
    cpu_set_t set;
    printf("affinity %d cpus %d cpu %d\n", sched_getaffinity(0, sizeof set, &set),
           CPU_COUNT(&set) > 0, sched_getcpu() >= 0);
    char thread_name[16] = "";
    prctl(PR_SET_NAME, "renamed");
    prctl(PR_GET_NAME, thread_name);
    printf("name %s\n", thread_name);
    printf("ids %d\n", getpid() == (int)syscall(SYS_gettid));
    printf("no such call %ld\n", syscall(1023));
    uint8_t random[8] = {0};
    printf("random %ld\n", syscall(SYS_getrandom, random, sizeof random, 0L));
    uint64_t before, after, instret;
    __asm__ volatile("rdcycle %0" : "=r"(before));
    __asm__ volatile("rdinstret %0" : "=r"(instret));
    __asm__ volatile("rdcycle %0" : "=r"(after));
    printf("cycles %d\n", after >= before);
    uint64_t time;
    __asm__ volatile("rdtime %0" : "=r"(time));
    printf("time %d\n", time > 0);
    return 0;
}
