/* riscv64 only, without libc: a static position-independent executable (ET_DYN, no interpreter). */
#include <stddef.h>
#include <stdint.h>

static long call(long number, long a, long b, long c)
{
    register long a0 __asm__("a0") = a, a1 __asm__("a1") = b, a2 __asm__("a2") = c;
    register long a7 __asm__("a7") = number;
    __asm__ volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a7) : "memory");
    return a0;
}

static void say(const char *text)
{
    size_t length = 0;
    while (text[length])
        length++;
    call(64, 1, (long)text, (long)length);
}

static char zeroed[10000];
static char initialised[] = "initialised data\n";

__attribute__((used)) static void start(const uint64_t *stack)
{
    extern const char _start[];
    const uint64_t *word = stack + 1 + stack[0] + 1;
    uint64_t entry = 0;
    while (*word++)
        ;
    for (; word[0]; word += 2)
        if (word[0] == 9) /* AT_ENTRY */
            entry = word[1];
    say((uint64_t)_start == entry ? "runs where AT_ENTRY says\n" : "wrong AT_ENTRY\n");
    say(entry > 0x100000 ? "moved\n" : "not moved\n");
    say((uint64_t)stack % 16 == 0 ? "stack aligned\n" : "stack not aligned\n");
    for (size_t i = 0; i < sizeof zeroed; i++)
        if (zeroed[i])
            say("bss is not zero\n");
    zeroed[9999] = 1;
    initialised[0] = 'I';
    say(initialised);
    call(94, 9, 0, 0);
}

__asm__(".globl _start\n_start:\nmv a0, sp\nandi sp, sp, -16\ncall start\n");
