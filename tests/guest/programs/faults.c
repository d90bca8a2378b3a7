/* SIGSEGV and SIGBUS handlers: addresses, codes, siglongjmp out, repairing and repeating. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

static sigjmp_buf back;
static volatile int signals, code;
static void *volatile address;

static void leap(int signal, siginfo_t *info, void *context)
{
    (void)context;
    signals = signals + 1;
    address = info->si_addr;
    code = info->si_code;
    siglongjmp(back, signal);
}

static volatile char *page;
static void repair(int signal, siginfo_t *info, void *context)
{
    (void)signal;
    (void)context;
    signals = signals + 1;
    uintptr_t at = (uintptr_t)info->si_addr & ~(uintptr_t)4095;
    mprotect((void *)at, 4096, PROT_READ | PROT_WRITE);
}

static void install(int signal, void (*handler)(int, siginfo_t *, void *))
{
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
    sigaction(signal, &action, NULL);
}

static void try(const char *what, volatile char *at, int is_write)
{
    int signal = sigsetjmp(back, 1);
    if (signal == 0) {
        if (is_write)
            *at = 1;
        else
            (void)*at;
        printf("%s: no fault\n", what);
        return;
    }
    printf("%s: signal %d, address right %d, code %d\n", what, signal, address == (void *)at, code);
}

/* State is exact at the fault: the sum so far is what was stored before. */
static volatile uint64_t progress;
static void walk(void)
{
    uint64_t sum = 0;
    for (volatile char *at = page;; at++) {
        sum += (unsigned char)*at + 1;
        progress = sum;
    }
}

/* f registers at a fault right behind the arithmetic: fa5 f64, fa4 f32, fs1 f64, all NaN; fcsr. */
static volatile uint64_t float_state[4];
#ifdef __riscv
static void note_floats(int signal, siginfo_t *info, void *context)
{
    (void)signal, (void)info;
    const ucontext_t *user = context;
    float_state[0] = user->uc_mcontext.__fpregs.__d.__f[15];
    float_state[1] = user->uc_mcontext.__fpregs.__d.__f[14];
    float_state[2] = user->uc_mcontext.__fpregs.__d.__f[9];
    float_state[3] = user->uc_mcontext.__fpregs.__d.__fcsr;
    siglongjmp(back, 1);
}

static void fault_after_nans(void)
{
    install(SIGSEGV, note_floats);
    if (sigsetjmp(back, 1) == 0)
        __asm__ volatile("fsflags zero\n\tfmv.d.x ft0, zero\n\tfmv.w.x ft1, zero\n\t"
                         "fdiv.d fa5, ft0, ft0\n\tfdiv.s fa4, ft1, ft1\n\t"
                         "fadd.d fs1, fa5, ft0\n\tfld fa5, 0(zero)\n\t"
                         "fmv.d fa4, fa5\n\tfmv.d fs1, fa5"
                         :
                         :
                         : "ft0", "ft1", "fa4", "fa5", "fs1", "memory");
    install(SIGSEGV, leap);
}
#else
static void fault_after_nans(void)
{
    float_state[0] = float_state[2] = UINT64_C(0x7ff8000000000000);
    float_state[1] = UINT64_C(0xffffffff7fc00000);
    float_state[3] = 0x10; /* invalid */
}
#endif

int main(void)
{
    page = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect((char *)page + 4096, 4096, PROT_READ);
    munmap((char *)page + 8192, 4096);
    install(SIGSEGV, leap);
    install(SIGBUS, leap);
    try("null", NULL, 0);
    try("null page write", (char *)100, 1);
    try("read only", page + 4100, 1);
    try("read only read", page + 4100, 0);
    try("unmapped", page + 8192, 0);
    try("far away", (char *)0x3000000000, 1);
    int fd = open("short", O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (ftruncate(fd, 100))
        return 1;
    char *file = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    try("in the file", file + 50, 1);
    try("beyond the file", file + 4096, 0);
    if (sigsetjmp(back, 1) == 0)
        walk();
    printf("walked %llu, address right %d\n", (unsigned long long)progress, address == page + 8192);
    for (volatile int i = 0; i < 300; i = i + 1)
        fault_after_nans();
    printf("NaNs %llx %llx %llx, fcsr %llx\n", (unsigned long long)float_state[0],
           (unsigned long long)float_state[1], (unsigned long long)float_state[2],
           (unsigned long long)float_state[3]);
    for (volatile int i = 0; i < 2000; i = i + 1)
        if (sigsetjmp(back, 1) == 0)
            *(volatile char *)(uintptr_t)(i % 7) = 1;
    printf("signals %d\n", signals);
    install(SIGSEGV, repair);
    signals = 0;
    mprotect((char *)page, 8192, PROT_NONE);
    page[10] = 5;
    page[4097] = page[10] + 1;
    printf("repaired %d %d, signals %d\n", page[10], page[4097], signals);
    signal(SIGSEGV, SIG_DFL);
    fflush(stdout);
    *(volatile int *)(page + 8192) = 1;
    puts("not reached");
    return 0;
}
