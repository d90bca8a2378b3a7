/* The libcalls (enum ir_libcall): short calls of the C library's string functions, all at once.
 *
 * tb_quick_NAME is called by tier 1, with a, b, c in RAX, RBX, RBP; it may change those, R10 and
 * XMM8-15 only, and finds the vcpu in R12 and the guest's memory in GS. tb_region_NAME is the same for
 * tier 2, with c in R11, which changes in place of RBP; tb_libcall_NAME as a vcpu_helper. A fault
 * anywhere in here goes on at tb_libcall_fault, which returns IR_NOT_DONE; so quick functions use no
 * stack, and nothing is written before it is certain that all can be written: a destination within
 * one page faults at the first store or not at all, others are probed. A long move to where
 * it overlaps with its source could not be begun anew, should another thread take the destination away
 * half way; so there must be no other. They need AVX2 and BMI2. */
#include "src/tb/abi_offsets.h"
#include "src/tb/match_bytes.h"

#define PAGE 4096
#define NOT_DONE $-0x80000000
#define MOVE_MAX (1 << 20) /* bytes written at once */
#define SCAN_MAX 8192      /* bytes looked at at once, about */
#define COMPARE_AHEAD 33   /* bytes from a difference on that a memcmp may look at */

/* The numbers of enum ir_libcall. */
#define MOVE 0
#define SET 1
#define LENGTH 2
#define COMPARE 3
#define COMPARE_Z 4
#define SEEK 5
#define SEEK_Z 6

    .macro begin name, number
    .globl tb_libcall_\name
    .hidden tb_libcall_\name
    .type tb_libcall_\name, @function
    .balign 16
tb_libcall_\name:
    .cfi_startproc
    pushq %rbx
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %rbx, 0
    pushq %rbp
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %rbp, 0
    pushq %r12
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %r12, 0
    leaq VCPU_BIAS(%rdi), %r12
    movq %rsi, %rax
    movq %rdx, %rbx
    movq %rcx, %rbp
    callq tb_quick_\name
    popq %r12
    .cfi_adjust_cfa_offset -8
    .cfi_restore %r12
    popq %rbp
    .cfi_adjust_cfa_offset -8
    .cfi_restore %rbp
    popq %rbx
    .cfi_adjust_cfa_offset -8
    .cfi_restore %rbx
    retq
    .cfi_endproc
    .size tb_libcall_\name, . - tb_libcall_\name

    .globl tb_region_\name
    .hidden tb_region_\name
    .type tb_region_\name, @function
    .balign 16
tb_region_\name:
    .cfi_startproc
    xchgq %rbp, %r11
    callq tb_quick_\name
    movq %r11, %rbp
    retq
    .cfi_endproc
    .size tb_region_\name, . - tb_region_\name

    .globl tb_quick_\name
    .hidden tb_quick_\name
    .type tb_quick_\name, @function
    .balign 32
tb_quick_\name:
    .cfi_startproc
    .endm

    .macro end name
    .cfi_endproc
    .size tb_quick_\name, . - tb_quick_\name
    .endm

/* Counts a call that has been done, and its bytes. */
    .macro count number, bytes
    incq IN_VCPU(VCPU_OFFSET_LIBCALL_COUNT + 16 * \number)
    addq \bytes, IN_VCPU(VCPU_OFFSET_LIBCALL_COUNT + 16 * \number + 8)
    .endm

    .text
    .globl tb_libcall_start
    .hidden tb_libcall_start
    .balign 16
tb_libcall_start:
    .globl tb_libcall_fault
    .hidden tb_libcall_fault
tb_libcall_fault:
    movq NOT_DONE, %rax
    vzeroupper
    retq

/* ---- what is written: [RAX, RAX + RBP) ---- */

/* To \elsewhere unless all of it lies in one page (as when it is empty). */
    .macro within_page elsewhere
    leaq -1(%rax,%rbp), %r10
    xorq %rax, %r10
    testq $-PAGE, %r10
    jnz \elsewhere
    .endm

/* Touches each page of [\from, \from + RBP), RBP not 0, by \touch... 0, gs:(R10). */
    .macro touch_pages from, touch:vararg
    movq \from, %r10
    addq \from, %rbp
.Ltouch\@:
    \touch $0, %gs:(%r10)
    orq $PAGE - 1, %r10
    incq %r10
    cmpq %rbp, %r10
    jb .Ltouch\@
    subq \from, %rbp
    .endm

/* Both ends of something between \bytes and twice as long: all loads come before all stores. */
    .macro move_ends bytes, move, low, high
    \move %gs:(%rbx), \low
    addq %rbp, %rbx
    \move %gs:-\bytes(%rbx), \high
    \move \low, %gs:(%rax)
    leaq (%rax,%rbp), %r10
    \move \high, %gs:-\bytes(%r10)
    .endm

/* \reg... := bytes at RBX + \offset; and the other way, at R10 + \offset: 32 for each register. */
    .macro load offset, reg, more:vararg
    vmovdqu %gs:\offset(%rbx), \reg
    .ifnb \more
    load "\offset + 32", \more
    .endif
    .endm
    .macro store offset, reg, more:vararg
    vmovdqu \reg, %gs:\offset(%r10)
    .ifnb \more
    store "\offset + 32", \more
    .endif
    .endm
    .macro move_on bytes
    addq $\bytes, %rbx
    addq $\bytes, %r10
    .endm

/* To \elsewhere when the two overlap. */
    .macro apart elsewhere
    movq %rax, %r10
    subq %rbx, %r10
    cmpq %rbp, %r10
    jb \elsewhere
    negq %r10
    cmpq %rbp, %r10
    jb \elsewhere
    .endm

    begin move, MOVE
    within_page .Lmove_pages
.Lmove_any:
    cmpq $16, %rbp
    jb .Lmove_15
    cmpq $32, %rbp
    ja .Lmove_33
    move_ends 16, vmovdqu, %xmm8, %xmm9
    count MOVE, %rbp
    retq
.Lmove_15:
    cmpl $8, %ebp
    jb .Lmove_7
    move_ends 8, vmovq, %xmm8, %xmm9
    count MOVE, %rbp
    retq
.Lmove_7:
    cmpl $4, %ebp
    jb .Lmove_3
    move_ends 4, vmovd, %xmm8, %xmm9
    count MOVE, %rbp
    retq
.Lmove_3:
    cmpl $1, %ebp
    jbe .Lmove_1
    movzwl %gs:(%rbx), %r10d
    addq %rbp, %rbx
    movzbl %gs:-1(%rbx), %ebx
    movw %r10w, %gs:(%rax)
    leaq (%rax,%rbp), %r10
    movb %bl, %gs:-1(%r10)
    count MOVE, %rbp
    retq
.Lmove_1:
    jb .Lmove_done
    movzbl %gs:(%rbx), %r10d
    movb %r10b, %gs:(%rax)
.Lmove_done:
    count MOVE, %rbp
    retq
.Lmove_33:
    cmpq $64, %rbp
    ja .Lmove_65
    move_ends 32, vmovdqu, %ymm8, %ymm9
    vzeroupper
    count MOVE, %rbp
    retq
.Lmove_65:
    cmpq $128, %rbp
    ja .Lmove_129
    vmovdqu %gs:(%rbx), %ymm8
    vmovdqu %gs:32(%rbx), %ymm9
    addq %rbp, %rbx
    vmovdqu %gs:-64(%rbx), %ymm10
    vmovdqu %gs:-32(%rbx), %ymm11
    vmovdqu %ymm8, %gs:(%rax)
    vmovdqu %ymm9, %gs:32(%rax)
    leaq (%rax,%rbp), %r10
    vmovdqu %ymm10, %gs:-64(%r10)
    vmovdqu %ymm11, %gs:-32(%r10)
    vzeroupper
    count MOVE, %rbp
    retq
.Lmove_129:
    cmpq $256, %rbp
    ja .Lmove_257
    vmovdqu %gs:(%rbx), %ymm8
    vmovdqu %gs:32(%rbx), %ymm9
    vmovdqu %gs:64(%rbx), %ymm10
    vmovdqu %gs:96(%rbx), %ymm11
    addq %rbp, %rbx
    vmovdqu %gs:-128(%rbx), %ymm12
    vmovdqu %gs:-96(%rbx), %ymm13
    vmovdqu %gs:-64(%rbx), %ymm14
    vmovdqu %gs:-32(%rbx), %ymm15
    vmovdqu %ymm8, %gs:(%rax)
    vmovdqu %ymm9, %gs:32(%rax)
    vmovdqu %ymm10, %gs:64(%rax)
    vmovdqu %ymm11, %gs:96(%rax)
    leaq (%rax,%rbp), %r10
    vmovdqu %ymm12, %gs:-128(%r10)
    vmovdqu %ymm13, %gs:-96(%r10)
    vmovdqu %ymm14, %gs:-64(%r10)
    vmovdqu %ymm15, %gs:-32(%r10)
    vzeroupper
    count MOVE, %rbp
    retq
/* Not within one page, or empty. */
.Lmove_pages:
    testq %rbp, %rbp
    jz .Lmove_done
    cmpq $MOVE_MAX, %rbp
    ja tb_libcall_fault
    apart .Lmove_overlapping
    touch_pages %rbx, cmpb
    touch_pages %rax, orb
    cmpq $256, %rbp
    jbe .Lmove_any
    count MOVE, %rbp
    jmp .Lmove_up
.Lmove_257:
    apart .Lmove_overlapping
    touch_pages %rbx, cmpb
    count MOVE, %rbp
/* More than 256 bytes upwards, apart or to below. The first 32 and the last 64 are loaded before and
 * stored at the end, what is between by aligned stores. */
.Lmove_up:
    movq %rax, %r10
    load 0, %ymm12
    addq %rbp, %rbx
    load -64, %ymm13, %ymm14
    subq %rbp, %rbx
    orq $31, %r10
    subq %rax, %r10
    incq %r10
    addq %r10, %rbx
    subq %r10, %rbp
    addq %rax, %r10
    subq $128, %rbp
.Lmove_up_128:
    load 0, %ymm8, %ymm9, %ymm10, %ymm11
    store 0, %ymm8, %ymm9, %ymm10, %ymm11
    move_on 128
    subq $128, %rbp
    jae .Lmove_up_128
    addq $128, %rbp
    cmpq $64, %rbp
    jb .Lmove_up_end
    load 0, %ymm8, %ymm9
    store 0, %ymm8, %ymm9
    addq $64, %r10
    subq $64, %rbp
.Lmove_up_end:
    addq %rbp, %r10
    store -64, %ymm13, %ymm14
    vmovdqu %ymm12, %gs:(%rax)
    vzeroupper
    retq
/* More than 256 bytes that overlap. */
.Lmove_overlapping:
    cmpl $0, IN_VCPU(VCPU_OFFSET_IS_ALONE)
    je tb_libcall_fault
    cmpq $256, %rbp
    jbe tb_libcall_fault
    cmpq $MOVE_MAX, %rbp
    ja tb_libcall_fault
    touch_pages %rbx, cmpb
    touch_pages %rax, orb
    count MOVE, %rbp
    cmpq %rbx, %rax
    jbe .Lmove_up
/* Downwards likewise, with the last 32 and the first 64. */
    load 0, %ymm13, %ymm14
    addq %rbp, %rbx
    leaq (%rax,%rbp), %r10
    load -32, %ymm12
    vmovq %r10, %xmm15
    decq %r10
    andl $31, %r10d
    incq %r10
    subq %r10, %rbx
    subq %r10, %rbp
    leaq (%rax,%rbp), %r10
    subq $128, %rbp
.Lmove_down_128:
    load -128, %ymm8, %ymm9, %ymm10, %ymm11
    store -128, %ymm8, %ymm9, %ymm10, %ymm11
    move_on -128
    subq $128, %rbp
    jae .Lmove_down_128
    cmpq $-64, %rbp
    jl .Lmove_down_end
    load -64, %ymm8, %ymm9
    store -64, %ymm8, %ymm9
.Lmove_down_end:
    movq %rax, %r10
    store 0, %ymm13, %ymm14
    vmovq %xmm15, %r10
    store -32, %ymm12
    vzeroupper
    retq
    end move

    begin set, SET
    within_page .Lset_pages
.Lset_any:
    cmpq $16, %rbp
    jb .Lset_15
    vmovd %ebx, %xmm8
    vpbroadcastb %xmm8, %ymm8
    leaq (%rax,%rbp), %r10
    cmpq $32, %rbp
    ja .Lset_33
    vmovdqu %xmm8, %gs:(%rax)
    vmovdqu %xmm8, %gs:-16(%r10)
    vzeroupper
    count SET, %rbp
    retq
.Lset_33:
    cmpq $64, %rbp
    ja .Lset_65
    vmovdqu %ymm8, %gs:(%rax)
    vmovdqu %ymm8, %gs:-32(%r10)
    vzeroupper
    count SET, %rbp
    retq
.Lset_65:
    cmpq $128, %rbp
    ja .Lset_129
    vmovdqu %ymm8, %gs:(%rax)
    vmovdqu %ymm8, %gs:32(%rax)
    vmovdqu %ymm8, %gs:-64(%r10)
    vmovdqu %ymm8, %gs:-32(%r10)
    vzeroupper
    count SET, %rbp
    retq
.Lset_129:
    cmpq $MOVE_MAX, %rbp
    ja tb_libcall_fault
    count SET, %rbp
    vmovdqu %ymm8, %gs:(%rax)
    movq %rax, %rbx
    orq $31, %rbx
    incq %rbx
    leaq -128(%r10), %rbp
    cmpq %rbp, %rbx
    ja .Lset_end
.Lset_128:
    .irp offset, 0, 32, 64, 96
    vmovdqu %ymm8, %gs:\offset(%rbx)
    .endr
    subq $-128, %rbx
    cmpq %rbp, %rbx
    jbe .Lset_128
.Lset_end:
    .irp offset, -128, -96, -64, -32
    vmovdqu %ymm8, %gs:\offset(%r10)
    .endr
    vzeroupper
    retq
.Lset_15:
    movzbl %bl, %r10d
    movabsq $0x0101010101010101, %rbx
    imulq %r10, %rbx
    leaq (%rax,%rbp), %r10
    cmpl $8, %ebp
    jb .Lset_7
    movq %rbx, %gs:(%rax)
    movq %rbx, %gs:-8(%r10)
    count SET, %rbp
    retq
.Lset_7:
    cmpl $4, %ebp
    jb .Lset_3
    movl %ebx, %gs:(%rax)
    movl %ebx, %gs:-4(%r10)
    count SET, %rbp
    retq
.Lset_3:
    testl %ebp, %ebp
    jz .Lset_done
    movb %bl, %gs:(%rax)
    movb %bl, %gs:-1(%r10)
    cmpl $3, %ebp
    jb .Lset_done
    movb %bl, %gs:1(%rax)
.Lset_done:
    count SET, %rbp
    retq
.Lset_pages:
    testq %rbp, %rbp
    jz .Lset_done
    cmpq $MOVE_MAX, %rbp
    ja tb_libcall_fault
    touch_pages %rax, orb
    jmp .Lset_any
    end set

/* ---- what is looked at: aligned blocks of 32 bytes, which no page's end divides ---- */

/* EBX := the bytes of the block at R10 that are the one in YMM8, as bits; with `any` in place of
 * `mask` the zero flag := none of 128 bytes is. */
    .macro equal_to_one what
    vpcmpeqb %gs:(%r10), %ymm8, %ymm9
    .ifc \what, mask
    vpmovmskb %ymm9, %ebx
    .else
    .irp offset, 32, 64, 96
    vpcmpeqb %gs:\offset(%r10), %ymm8, %ymm10
    vpor %ymm9, %ymm10, %ymm9
    .endr
    vptest %ymm9, %ymm9
    .endif
    .endm

/* The same for the ones in YMM8 and YMM11. */
    .macro add_equal_to_two offset
    vmovdqa %gs:\offset(%r10), %ymm10
    vpcmpeqb %ymm10, %ymm8, %ymm13
    vpcmpeqb %ymm10, %ymm11, %ymm10
    vpor %ymm13, %ymm10, %ymm10
    vpor %ymm9, %ymm10, %ymm9
    .endm
    .macro equal_to_two what
    vpxor %xmm9, %xmm9, %xmm9
    add_equal_to_two 0
    .ifc \what, mask
    vpmovmskb %ymm9, %ebx
    .else
    .irp offset, 32, 64, 96
    add_equal_to_two \offset
    .endr
    vptest %ymm9, %ymm9
    .endif
    .endm

/* From RAX on for RBP bytes: at the end R10 is the place and RBX the number of the first byte that
 * \block tells, or of one behind the end; at \none there is none. */
    .macro scan block, none
    movq %rax, %r10
    andq $-32, %r10
    \block mask
    shrxl %eax, %ebx, %ebx
    shlxl %eax, %ebx, %ebx
    testl %ebx, %ebx
    jnz .Lfound\@
.Lscan\@:
    addq $32, %r10
    movq %r10, %rbx
    subq %rax, %rbx
    cmpq %rbp, %rbx
    jae \none
    cmpq $SCAN_MAX, %rbx
    jae tb_libcall_fault
    testb $96, %r10b
    jnz .Lone\@
.Lmany\@:
    subq $-128, %rbx
    cmpq %rbp, %rbx
    ja .Lone\@
    cmpq $SCAN_MAX, %rbx
    ja .Lone\@
    \block any
    jnz .Lone\@
    subq $-128, %r10
    jmp .Lmany\@
.Lone\@:
    \block mask
    testl %ebx, %ebx
    jz .Lscan\@
.Lfound\@:
    tzcntl %ebx, %ebx
    addq %rbx, %r10
    movq %r10, %rbx
    subq %rax, %rbx
    .endm

    begin length, LENGTH
    vpxor %xmm8, %xmm8, %xmm8
    scan equal_to_one, .Llength_all
    cmpq %rbp, %rbx
    cmovbq %rbx, %rbp
.Llength_all:
    movq %rbp, %rax
    vzeroupper
    count LENGTH, %rbp
    retq
    end length

    begin seek, SEEK
    testq %rbp, %rbp
    jz .Lseek_none
    vmovd %ebx, %xmm8
    vpbroadcastb %xmm8, %ymm8
    scan equal_to_one, .Lseek_none
    cmpq %rbp, %rbx
    jae .Lseek_none
    movq %r10, %rax
    vzeroupper
    count SEEK, %rbx
    retq
.Lseek_none:
    count SEEK, %rbp
    xorl %eax, %eax
    vzeroupper
    retq
    end seek

    begin seek_z, SEEK_Z
    vpxor %xmm8, %xmm8, %xmm8
    vmovd %ebx, %xmm11
    vpbroadcastb %xmm11, %ymm11
    vmovq %rbp, %xmm12
    movq $-1, %rbp
    scan equal_to_two, tb_libcall_fault
    count SEEK_Z, %rbx
    vmovd %xmm11, %ebx
    cmpb %bl, %gs:(%r10)
    vmovq %xmm12, %rbp
    sete %bl
    movzbl %bl, %ebx
    orq %rbp, %rbx
    movl $0, %eax
    cmovnzq %r10, %rax
    vzeroupper
    retq
    end seek_z

/* ---- comparisons ---- */

/* \result := 0 where the 32 bytes at \offset from RAX and RBX differ or (\is_z) are 0. */
    .macro compare_block offset, result, is_z
    match_bytes "%gs:\offset(%rax)", "%gs:\offset(%rbx)", \result, \is_z
    .endm

/* To \elsewhere when a page ends within \bytes from \place. */
    .macro within_rest place, bytes, elsewhere
    movl \place, %r10d
    andl $PAGE - 1, %r10d
    cmpl $PAGE - \bytes, %r10d
    ja \elsewhere
    .endm

/* The next 32 bytes: to \byte near the end of a page, to \found with R10D the bytes at which they
 * differ, to \all when these were the last. */
    .macro compare_step is_z, byte, found, all
    within_rest %eax, 32, \byte
    within_rest %ebx, 32, \byte
    compare_block 0, %ymm9, \is_z
    vpcmpeqb %ymm15, %ymm9, %ymm9
    vpmovmskb %ymm9, %r10d
    testl %r10d, %r10d
    jnz \found
    addq $32, %rax
    addq $32, %rbx
    subq $32, %rbp
    jbe \all
    .endm

/* memcmp may look at all bytes, and some look ahead: what lies up to COMPARE_AHEAD bytes behind the
 * difference, RBP bytes from the start, of the length in XMM13, must be readable. */
    .macro touch_ahead
    vmovq %xmm13, %r10
    subq %rbp, %r10
    cmpq $COMPARE_AHEAD, %r10
    jbe .Lshort\@
    movl $COMPARE_AHEAD, %r10d
.Lshort\@:
    addq %rax, %r10
    cmpb $0, %gs:-1(%r10)
    subq %rax, %r10
    addq %rbx, %r10
    cmpb $0, %gs:-1(%r10)
    .endm

    .macro compare name, number, is_z
    begin \name, \number
    vmovq %rax, %xmm14
    vmovq %rbp, %xmm13
    movl $SCAN_MAX, %r10d
    cmpq %r10, %rbp
    cmovaq %r10, %rbp
    vpxor %xmm15, %xmm15, %xmm15
    testq %rbp, %rbp
    jz .Lequal\@
    compare_step \is_z, .Lbyte\@, .Lfound\@, .Lall\@
    compare_step \is_z, .Lbyte\@, .Lfound\@, .Lall\@
.Lblock\@:
    cmpq $128, %rbp
    jb .Lone\@
    within_rest %eax, 128, .Lone\@
    within_rest %ebx, 128, .Lone\@
    compare_block 0, %ymm9, \is_z
    compare_block 32, %ymm10, \is_z
    compare_block 64, %ymm11, \is_z
    compare_block 96, %ymm12, \is_z
    match_four .Lone\@
    subq $-128, %rax
    subq $-128, %rbx
    addq $-128, %rbp
    jnz .Lblock\@
    jmp .Lall\@
.Lone\@:
    compare_step \is_z, .Lbyte\@, .Lfound\@, .Lall\@
    jmp .Lblock\@
.Lall\@:
    vmovq %xmm13, %r10
    cmpq $SCAN_MAX, %r10
    ja tb_libcall_fault
    movq %r10, %rbp
.Lequal\@:
    count \number, %rbp
    xorl %eax, %eax
    vzeroupper
    retq
.Lfound\@:
    tzcntl %r10d, %r10d
    cmpq %rbp, %r10
    jae .Lall\@
    addq %r10, %rax
    addq %r10, %rbx
.Ldifference\@:
    vmovq %xmm14, %rbp
    subq %rax, %rbp
    negq %rbp
    .if !\is_z
    touch_ahead
    .endif
    count \number, %rbp
    movzbl %gs:(%rax), %eax
    movzbl %gs:(%rbx), %ebx
    subq %rbx, %rax
    vzeroupper
    retq
/* Near the end of a page. */
.Lbyte\@:
    movzbl %gs:(%rax), %r10d
    cmpb %r10b, %gs:(%rbx)
    jne .Ldifference\@
    .if \is_z
    testl %r10d, %r10d
    jz .Ldifference\@
    .endif
    incq %rax
    incq %rbx
    decq %rbp
    jnz .Lblock\@
    jmp .Lall\@
    end \name
    .endm

    compare compare, COMPARE, 0
    compare compare_z, COMPARE_Z, 1

    .globl tb_libcall_end
    .hidden tb_libcall_end
tb_libcall_end:

    .section .note.GNU-stack, "", @progbits
