/* Numbers that are read byte by byte, in either order: what they are, and where it faults when some of
 * their bytes are not there; with the registers as they were then. */
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#define OWN __attribute__((noipa))
typedef unsigned char byte;

enum { PAGE = 4096, RUNS = 3000 };

OWN uint64_t rising_64(const byte *p)
{
    return (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 24 |
           (uint64_t)p[4] << 32 | (uint64_t)p[5] << 40 | (uint64_t)p[6] << 48 | (uint64_t)p[7] << 56;
}

OWN uint64_t falling_64(const byte *p)
{
    return (uint64_t)p[7] | (uint64_t)p[6] << 8 | (uint64_t)p[5] << 16 | (uint64_t)p[4] << 24 |
           (uint64_t)p[3] << 32 | (uint64_t)p[2] << 40 | (uint64_t)p[1] << 48 | (uint64_t)p[0] << 56;
}

OWN uint64_t rising_32(const byte *p)
{
    return p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24;
}

OWN uint64_t falling_32(const byte *p)
{
    return (uint64_t)(p[3] | p[2] << 8 | p[1] << 16 | p[0] << 24);
}

OWN uint64_t rising_16(const byte *p)
{
    return p[0] | p[1] << 8;
}

OWN uint64_t falling_16(const byte *p)
{
    return p[1] | p[0] << 8;
}

OWN uint64_t rising_24(const byte *p)
{
    return p[0] | p[1] << 8 | p[2] << 16;
}

OWN uint64_t copied(const byte *p)
{
    uint64_t number;
    int32_t half;
    memcpy(&number, p, 8);
    memcpy(&half, p + 3, 4);
    return number + (uint64_t)half;
}

/* Parts of it, single bytes, and other orders besides. */
OWN uint64_t mixed(const byte *p)
{
    uint32_t low = p[0] | p[1] << 8, high = p[2] | p[3] << 8, crossed = p[1] | p[2] << 8 | p[0] << 16;
    return (low | high << 16) * UINT64_C(3) + p[1] * 5 + high * 7 + crossed * UINT64_C(11) + p[7];
}

/* A byte is written between the reads of two others. */
OWN uint64_t written_between(byte *p)
{
    uint64_t low = p[0] | p[1] << 8;
    p[2] ^= p[0] + 1;
    return low | p[2] << 16 | (uint64_t)p[3] << 24;
}

/* All registers that it uses are set before, and the handler looks at them. */
OWN uint64_t by_registers(const byte *p)
{
    register uint64_t result __asm__("a0") = (uint64_t)p;
    __asm__ volatile("li t0,11\n li t1,12\n li t2,13\n li t3,14\n"
                     "lbu t0,1(a0)\n lbu t1,0(a0)\n slli t0,t0,8\n lbu t2,2(a0)\n or t0,t0,t1\n"
                     "lbu t3,3(a0)\n slli t2,t2,16\n slli t3,t3,24\n or t2,t2,t0\n or t0,t2,t3\n"
                     "mv a0,t0"
                     : "+r"(result)
                     :
                     : "t0", "t1", "t2", "t3", "memory");
    return result;
}

static uint64_t (*const functions[])(byte *) = {
    (void *)rising_64,  (void *)falling_64, (void *)rising_32, (void *)falling_32,
    (void *)rising_16,  (void *)falling_16, (void *)rising_24, (void *)copied,
    (void *)mixed,      written_between,    (void *)by_registers,
};
enum { FUNCTIONS = sizeof functions / sizeof functions[0] };

static sigjmp_buf escape;
static byte *volatile fault_address;
static uint64_t seen[4];

static void on_fault(int signal, siginfo_t *info, void *context)
{
    static const int numbers[4] = {5, 6, 7, 28}; /* t0 to t3 */
    (void)signal;
    fault_address = info->si_addr;
    for (int i = 0; i < 4; i++)
        seen[i] = ((ucontext_t *)context)->uc_mcontext.__gregs[numbers[i]];
    siglongjmp(escape, 1);
}

static void show_sums(void)
{
    byte bytes[64];
    for (int f = 0; f < FUNCTIONS; f++) {
        uint64_t sum = 0;
        for (int i = 0; i < 64; i++)
            bytes[i] = (byte)(i * 37 + 129);
        for (int run = 0; run < RUNS; run++)
            for (int i = 0; i < 40; i++)
                sum = sum * 31 + functions[f](bytes + i);
        printf("%d: %lx\n", f, (unsigned long)sum);
    }
}

/* The page ends behind so many bytes. */
static void show_faults(byte *page, int count)
{
    for (int f = 0; f < FUNCTIONS; f++) {
        if (sigsetjmp(escape, 1) == 0) {
            printf("%d, %d bytes: %lx\n", f, count, (unsigned long)functions[f](page + PAGE - count));
            continue;
        }
        printf("%d, %d bytes: fault at %+ld", f, count, (long)(fault_address - page - PAGE));
        if (functions[f] == (void *)by_registers)
            printf(" %lu %lu %lu %lu", (unsigned long)seen[0], (unsigned long)seen[1],
                   (unsigned long)seen[2], (unsigned long)seen[3]);
        printf("\n");
    }
}

int main(void)
{
    show_sums();
    byte *page = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(page + PAGE, PAGE);
    memset(page, 0xa5, PAGE);
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
    sigaction(SIGSEGV, &action, NULL);
    for (int run = 0; run < 2; run++) {
        for (int count = 0; count < 9; count++)
            show_faults(page, count);
        show_sums();
    }
    return 0;
}
