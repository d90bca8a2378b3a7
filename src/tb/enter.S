/* The gate into generated code and the thunks through which it leaves (src/tb/abi.h).
 *
 * Inside generated code R12 is the vcpu + VCPU_BIAS, GS the guest's memory (tb_run), ten host registers
 * and XMM0-7 hold guest registers, MXCSR is the guest's, and RSP is what tb_enter had after saving:
 * 8 modulo 16. Thunks are reached by jumps (the helper thunk by a call) through pointers in the
 * vcpu. */
#include "src/tb/abi_offsets.h"

/* Host registers by number; the ones a C function may clobber once more by number. */
#define HOST_1 %rcx
#define HOST_2 %rdx
#define HOST_6 %rsi
#define HOST_7 %rdi
#define HOST_8 %r8
#define HOST_9 %r9
#define HOST_11 %r11
#define HOST_13 %r13
#define HOST_14 %r14
#define HOST_15 %r15

#define REG(guest) IN_VCPU(VCPU_OFFSET_REG + 8 * guest)

#define STORE_PINNED(position, guest, host) movq HOST_##host, REG(guest);
#define LOAD_PINNED(position, guest, host) movq REG(guest), HOST_##host;

#define STORE_FLOAT(position, guest, host) movsd %xmm##host, REG(guest);
#define LOAD_FLOAT(position, guest, host) movsd REG(guest), %xmm##host;

/* Around a C call R13, R14 and R15 survive by themselves. */
#define STORE_1(guest) movq %rcx, REG(guest);
#define STORE_2(guest) movq %rdx, REG(guest);
#define STORE_6(guest) movq %rsi, REG(guest);
#define STORE_7(guest) movq %rdi, REG(guest);
#define STORE_8(guest) movq %r8, REG(guest);
#define STORE_9(guest) movq %r9, REG(guest);
#define STORE_11(guest) movq %r11, REG(guest);
#define STORE_13(guest)
#define STORE_14(guest)
#define STORE_15(guest)
#define LOAD_1(guest) movq REG(guest), %rcx;
#define LOAD_2(guest) movq REG(guest), %rdx;
#define LOAD_6(guest) movq REG(guest), %rsi;
#define LOAD_7(guest) movq REG(guest), %rdi;
#define LOAD_8(guest) movq REG(guest), %r8;
#define LOAD_9(guest) movq REG(guest), %r9;
#define LOAD_11(guest) movq REG(guest), %r11;
#define LOAD_13(guest)
#define LOAD_14(guest)
#define LOAD_15(guest)
#define STORE_CLOBBERED(position, guest, host) STORE_##host(guest)
#define LOAD_CLOBBERED(position, guest, host) LOAD_##host(guest)

    .text

/* void tb_enter(struct vcpu *vcpu, const void *entry) */
    .globl tb_enter
    .hidden tb_enter
    .type tb_enter, @function
    .balign 16
tb_enter:
    .cfi_startproc
    pushq %rbp
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %rbp, 0
    pushq %rbx
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %rbx, 0
    pushq %r12
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %r12, 0
    pushq %r13
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %r13, 0
    pushq %r14
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %r14, 0
    pushq %r15
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %r15, 0
    leaq VCPU_BIAS(%rdi), %r12
    movq %rsi, %rax
    movq %rsp, IN_VCPU(VCPU_OFFSET_HOST_RSP)
    stmxcsr IN_VCPU(VCPU_OFFSET_HOST_MXCSR)
    ldmxcsr IN_VCPU(VCPU_OFFSET_MXCSR)
    TB_PINNED(LOAD_PINNED)
    TB_PINNED_FLOAT(LOAD_FLOAT)
    jmpq *%rax

/* The thunks below run on tb_enter's frame and return from it. */
    .globl tb_thunk_leave_tb
    .hidden tb_thunk_leave_tb
    .balign 16
tb_thunk_leave_tb:
    movq %rax, IN_VCPU(VCPU_OFFSET_EXIT_TB)
    movl $VCPU_EXIT_TB_VALUE, IN_VCPU(VCPU_OFFSET_EXIT_REASON)
    jmp tb_thunk_leave

    .globl tb_thunk_jump
    .hidden tb_thunk_jump
    .balign 16
tb_thunk_jump:
    movl %ebx, %r10d
    andl $(JUMP_CACHE_SIZE - 1) << 1, %r10d
    leaq IN_VCPU_INDEXED(VCPU_OFFSET_JUMP_CACHE, %r10, 8), %r10
    cmpq (%r10), %rbx
    jne tb_thunk_spare
    jmpq *8(%r10)

    .globl tb_thunk_spare
    .hidden tb_thunk_spare
    .balign 16
tb_thunk_spare:
    movl %ebx, %r10d
    shrl $JUMP_CACHE_LOG2, %r10d
    xorl %ebx, %r10d
    andl $(SPARE_JUMPS_SIZE - 1) << 1, %r10d
    leaq IN_VCPU_INDEXED(VCPU_OFFSET_SPARE_JUMPS, %r10, 8), %r10
    cmpq (%r10), %rbx
    jne 1f
    incq IN_VCPU(VCPU_OFFSET_JUMP_CACHE_HITS)
    jmpq *8(%r10)
1:  movq %rbx, IN_VCPU(VCPU_OFFSET_PC)
    /* fall through */

    .globl tb_thunk_indirect
    .hidden tb_thunk_indirect
    .balign 16
tb_thunk_indirect:
    movq %rax, IN_VCPU(VCPU_OFFSET_EXIT_TB)
    movl $VCPU_EXIT_INDIRECT_VALUE, IN_VCPU(VCPU_OFFSET_EXIT_REASON)
    /* fall through */

    .globl tb_thunk_leave
    .hidden tb_thunk_leave
tb_thunk_leave:
    TB_PINNED(STORE_PINNED)
    TB_PINNED_FLOAT(STORE_FLOAT)
    stmxcsr IN_VCPU(VCPU_OFFSET_MXCSR)
    /* fall through */

/* The SIGSEGV handler resumes here after storing the guest's registers and MXCSR. */
    .globl tb_fault_landing
    .hidden tb_fault_landing
tb_fault_landing:
    ldmxcsr IN_VCPU(VCPU_OFFSET_HOST_MXCSR)
    movq IN_VCPU(VCPU_OFFSET_HOST_RSP), %rsp
    popq %r15
    .cfi_adjust_cfa_offset -8
    .cfi_restore %r15
    popq %r14
    .cfi_adjust_cfa_offset -8
    .cfi_restore %r14
    popq %r13
    .cfi_adjust_cfa_offset -8
    .cfi_restore %r13
    popq %r12
    .cfi_adjust_cfa_offset -8
    .cfi_restore %r12
    popq %rbx
    .cfi_adjust_cfa_offset -8
    .cfi_restore %rbx
    popq %rbp
    .cfi_adjust_cfa_offset -8
    .cfi_restore %rbp
    retq
    .cfi_endproc
    .size tb_enter, . - tb_enter

/* A thunk for helpers. EAX: enum vcpu_helper_index, arguments in vcpu->helper_arg; the result in RAX.
 * Called with RSP 8 modulo 16, so it is aligned at the call below. */
    .macro helper_thunk name, has_floats
    .globl \name
    .hidden \name
    .type \name, @function
    .balign 16
\name:
    .cfi_startproc
    TB_PINNED(STORE_CLOBBERED)
    .if \has_floats
    TB_PINNED_FLOAT(STORE_FLOAT)
    .endif
    movl %eax, %eax
    leaq -VCPU_BIAS(%r12), %rdi
    movq IN_VCPU(VCPU_OFFSET_HELPER_ARG), %rsi
    movq IN_VCPU(VCPU_OFFSET_HELPER_ARG + 8), %rdx
    movq IN_VCPU(VCPU_OFFSET_HELPER_ARG + 16), %rcx
    movq IN_VCPU(VCPU_OFFSET_HELPER_ARG + 24), %r8
    callq *-VCPU_BIAS + VCPU_OFFSET_HELPER(%r12, %rax, 8)
    TB_PINNED(LOAD_CLOBBERED)
    .if \has_floats
    TB_PINNED_FLOAT(LOAD_FLOAT)
    .endif
    retq
    .cfi_endproc
    .size \name, . - \name
    .endm

    helper_thunk tb_thunk_helper, 1
    helper_thunk tb_thunk_bulk, 0 /* the bulk operations leave XMM0-7 alone */

/* HELPER_FP in the middle of other code, which finds all registers as they were; the result goes to helper_arg[0]. */
    .globl tb_thunk_fp
    .hidden tb_thunk_fp
    .type tb_thunk_fp, @function
    .balign 16
tb_thunk_fp:
    .cfi_startproc
    pushq %rax
    .cfi_adjust_cfa_offset 8
    pushq %r10
    .cfi_adjust_cfa_offset 8
    subq $136, %rsp
    .cfi_adjust_cfa_offset 136
    .irp n, 8, 9, 10, 11, 12, 13, 14, 15
    movups %xmm\n, 16 * (\n - 8)(%rsp)
    .endr
    movl $HELPER_FP_VALUE, %eax
    callq tb_thunk_helper
    movq %rax, IN_VCPU(VCPU_OFFSET_HELPER_ARG)
    .irp n, 8, 9, 10, 11, 12, 13, 14, 15
    movups 16 * (\n - 8)(%rsp), %xmm\n
    .endr
    addq $136, %rsp
    .cfi_adjust_cfa_offset -136
    popq %r10
    .cfi_adjust_cfa_offset -8
    popq %rax
    .cfi_adjust_cfa_offset -8
    retq
    .cfi_endproc
    .size tb_thunk_fp, . - tb_thunk_fp

    .section .note.GNU-stack, "", @progbits
