/* The window between the look at the pending word and the `syscall` instruction (host_call.h). */
#include "src/linux/host_call.h"

#include "src/exec/exec.h"

_Static_assert(VCPU_PENDING_SIGNAL == 1 && RESTART_NOINTR == 513,
               "constants of the assembly below");

/* rdi pending, rsi number, rdx rcx r8 r9 and the stack: a to f. */
__asm__(".text\n"
        ".globl linux_host_call\n"
        ".hidden linux_host_call\n"
        ".type linux_host_call, @function\n"
        "linux_host_call:\n"
        ".cfi_startproc\n"
        "    endbr64\n"
        "    mov %rsi, %rax\n"
        "    mov %rdi, %r11\n"
        "    mov %rdx, %rdi\n"
        "    mov %rcx, %rsi\n"
        "    mov %r8, %rdx\n"
        "    mov %r9, %r10\n"
        "    mov 8(%rsp), %r8\n"
        "    mov 16(%rsp), %r9\n"
        "linux_host_call_start:\n"
        "    testl $1, (%r11)\n"
        "    jne linux_host_call_out\n"
        "    syscall\n"
        "linux_host_call_end:\n"
        "    ret\n"
        "linux_host_call_out:\n"
        "    mov $-513, %rax\n"
        "    ret\n"
        ".cfi_endproc\n"
        ".size linux_host_call, . - linux_host_call\n");

extern const char linux_host_call_start[] __attribute__((visibility("hidden")));
extern const char linux_host_call_end[] __attribute__((visibility("hidden")));
extern const char linux_host_call_out[] __attribute__((visibility("hidden")));

uint64_t linux_host_call_resume(uint64_t rip)
{
    bool is_before = rip >= (uint64_t)(uintptr_t)linux_host_call_start &&
                     rip < (uint64_t)(uintptr_t)linux_host_call_end;
    return is_before ? (uint64_t)(uintptr_t)linux_host_call_out : rip;
}
