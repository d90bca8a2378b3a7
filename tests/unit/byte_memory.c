/* See byte_memory.h. */
#include "tests/unit/byte_memory.h"

#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

struct vcpu *vcpu;
uint8_t *memory, wanted[BYTES];
uint64_t random_state = 88172645463325252u;

static const char *code_start, *code_end, *code_landing;

uint64_t draw(uint64_t count)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (random_state >> 11) % count;
}

static void on_fault(int signal, siginfo_t *info, void *context)
{
    (void)signal, (void)info;
    greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
    const char *pc = (const char *)(uintptr_t)registers[REG_RIP];
    if (pc < code_start || pc >= code_end)
        abort();
    registers[REG_RIP] = (greg_t)(uintptr_t)code_landing;
}

void byte_memory_create(const char *start, const char *end, const char *landing)
{
    memory = mmap(NULL, PAGES * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(memory, MAP_FAILED);
    ck_assert_int_eq(mprotect(memory, BYTES, PROT_READ | PROT_WRITE), 0);
    vcpu = aligned_alloc(64, (sizeof *vcpu + 63) / 64 * 64);
    vcpu_init(vcpu, memory);
    vcpu_use_memory(vcpu);
    code_start = start;
    code_end = end;
    code_landing = landing;
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
    sigaction(SIGSEGV, &action, NULL);
}
