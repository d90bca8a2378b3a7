/* The bulk operations (enum ir_bulk) by the host's wide loads and stores.
 *
 * Functions of type vcpu_helper, called by generated code of every tier. Each works from page to
 * page: within the pages at hand no access can fault but the first, so that when one faults
 * everything before it is done and nothing after it. RAX counts the bytes that are done; the
 * SIGSEGV handler lets a faulting operation go on at tb_bulk_fault, which returns them. For that
 * they are leaf functions that use no stack. The low halves of XMM0 to XMM7 are kept, for
 * tb_thunk_bulk. They need AVX2 and BMI2. */
#include "src/tb/abi_offsets.h"
#include "src/tb/match_bytes.h"

#define PAGE 4096
#define ALIGNED_FROM 256 /* bytes from which on stores of 32 are aligned */

/* RDI vcpu, RSI a, RDX b, RCX c; from then on RSI is a as a host address, R9 the operation's
 * counters, RAX 0, RDI free. */
    .macro begin name, kind
    .globl tb_bulk_\name
    .hidden tb_bulk_\name
    .type tb_bulk_\name, @function
    .balign 16
tb_bulk_\name:
    .cfi_startproc
    movq VCPU_OFFSET_MEMORY_BASE(%rdi), %r8
    leaq VCPU_OFFSET_BULK + 16 * \kind(%rdi), %r9
    xorl %eax, %eax
    addq %r8, %rsi
    incq (%r9)
    .endm

    .macro end name
    .cfi_endproc
    .size tb_bulk_\name, . - tb_bulk_\name
    .endm

/* R8 := bytes left; done when there are none. */
    .macro left
    movq %rcx, %r8
    subq %rax, %r8
    jbe bulk_done
    .endm

/* RDI := bytes to the end of the page of RSI + RAX or of RDX + RAX, whichever comes first. */
    .macro room_of_both
    leal (%rsi,%rax), %r10d
    leal (%rdx,%rax), %r11d
    andl $PAGE - 1, %r10d
    andl $PAGE - 1, %r11d
    cmpl %r11d, %r10d
    cmovbl %r11d, %r10d
    movl $PAGE, %edi
    subl %r10d, %edi
    .endm

/* RDI := the lesser of RDI and R8. */
    .macro not_beyond_left
    cmpq %r8, %rdi
    cmovaq %r8, %rdi
    .endm

    .macro advance bytes
    addq $\bytes, %rax
    subq $\bytes, %rdi
    .endm

    .text
    .globl tb_bulk_start
    .hidden tb_bulk_start
    .balign 16
tb_bulk_start:

bulk_done:
    movq %rcx, %rax
    .globl tb_bulk_fault
    .hidden tb_bulk_fault
tb_bulk_fault:
    addq %rax, 8(%r9)
    vzeroupper
    ret

/* The first bit set in R11D is the place of the byte that ends it. */
bulk_found:
    tzcntl %r11d, %r11d
    addq %r11, %rax
    cmpq %rcx, %rax
    ja bulk_done
    jmp tb_bulk_fault

/* The bytes up to where stores of 32 are aligned, whose number has the low bits of R11D; those of RDI, fewer
 * than 32. \copy_if is copy_up_if or copy_down_if. */
    .macro copy_to_boundary copy_if
    \copy_if 1, movb, %r10b, %r11d
    \copy_if 2, movw, %r10w, %r11d
    \copy_if 4, movl, %r10d, %r11d
    \copy_if 8, movq, %r10, %r11d
    \copy_if 16, vmovdqu, %xmm8, %r11d
    .endm
    .macro copy_rest copy_if
    \copy_if 16, vmovdqu, %xmm8
    \copy_if 8, movq, %r10
    \copy_if 4, movl, %r10d
    \copy_if 2, movw, %r10w
    \copy_if 1, movb, %r10b
    .endm

/* ---- copy: a is the destination ---- */

    .macro copy_up bytes, move, register
    \move (%rdx,%rax), \register
    \move \register, (%rsi,%rax)
    advance \bytes
    .endm
    .macro copy_up_if bytes, move, register, of=%edi
    testl $\bytes, \of
    jz .Lsmaller\@
    copy_up \bytes, \move, \register
.Lsmaller\@:
    .endm

    begin copy, 0
    addq %r8, %rdx
    movq %rsi, %r8
    subq %rdx, %r8
    leaq -1(%r8), %r10
    cmpq $31, %r10
    jb .Lcopy_near
.Lcopy_page:
    left
    room_of_both
    not_beyond_left
    cmpq $ALIGNED_FROM, %rdi
    jb .Lcopy_128
    leal (%rsi,%rax), %r11d
    negl %r11d
    copy_to_boundary copy_up_if
.Lcopy_128:
    cmpq $128, %rdi
    jb .Lcopy_32
    .irp offset, 0, 32, 64, 96
    vmovdqu \offset(%rdx,%rax), %ymm8
    vmovdqu %ymm8, \offset(%rsi,%rax)
    .endr
    advance 128
    jmp .Lcopy_128
.Lcopy_32:
    cmpq $32, %rdi
    jb .Lcopy_rest
    copy_up 32, vmovdqu, %ymm8
    jmp .Lcopy_32
.Lcopy_rest:
    copy_rest copy_up_if
    jmp .Lcopy_page
/* The destination lies d = R8 < 32 bytes above the source: what is copied repeats every d bytes,
 * and so every D = d * 2^n bytes, once D - d bytes are there. */
.Lcopy_near:
    movq %r8, %r10
.Lcopy_double:
    addq %r10, %r10
    cmpq $32, %r10
    jb .Lcopy_double
    movq %r10, %r11
    subq %r8, %r11
    cmpq %rcx, %r11
    cmovaq %rcx, %r11
.Lcopy_byte:
    cmpq %r11, %rax
    jae .Lcopy_apart
    movzbl (%rdx,%rax), %edi
    movb %dil, (%rsi,%rax)
    incq %rax
    jmp .Lcopy_byte
.Lcopy_apart:
    movq %rsi, %rdx
    subq %r10, %rdx
    jmp .Lcopy_page
    end copy

/* ---- copy_back: RSI and RDX go down as RAX goes up ---- */

    .macro copy_down bytes, move, register
    \move -\bytes(%rdx), \register
    \move \register, -\bytes(%rsi)
    subq $\bytes, %rdx
    subq $\bytes, %rsi
    advance \bytes
    .endm
    .macro copy_down_if bytes, move, register, of=%edi
    testl $\bytes, \of
    jz .Lsmaller\@
    copy_down \bytes, \move, \register
.Lsmaller\@:
    .endm

    begin copy_back, 1
    addq %r8, %rdx
    movq %rdx, %r10
    subq %rsi, %r10
    decq %r10
    cmpq $31, %r10
    jb .Lback_near
.Lback_page:
    left
    leal -1(%rsi), %edi
    leal -1(%rdx), %r11d
    andl $PAGE - 1, %edi
    andl $PAGE - 1, %r11d
    cmpl %r11d, %edi
    cmoval %r11d, %edi
    incl %edi
    not_beyond_left
    cmpq $ALIGNED_FROM, %rdi
    jb .Lback_128
    movl %esi, %r11d
    copy_to_boundary copy_down_if
.Lback_128:
    cmpq $128, %rdi
    jb .Lback_32
    .irp offset, -32, -64, -96, -128
    vmovdqu \offset(%rdx), %ymm8
    vmovdqu %ymm8, \offset(%rsi)
    .endr
    addq $-128, %rdx
    addq $-128, %rsi
    advance 128
    jmp .Lback_128
.Lback_32:
    cmpq $32, %rdi
    jb .Lback_rest
    copy_down 32, vmovdqu, %ymm8
    jmp .Lback_32
.Lback_rest:
    copy_rest copy_down_if
    jmp .Lback_page
/* The destination lies less than 32 bytes below the source: each byte may be read again. */
.Lback_near:
    left
    copy_down 1, movb, %r10b
    jmp .Lback_near
    end copy_back

/* ---- fill: RDX is what the next eight bytes are ---- */

    begin fill, 2
.Lfill_page:
    left
    vmovq %rdx, %xmm8
    vpbroadcastq %xmm8, %ymm8
    leal (%rsi,%rax), %r10d
    andl $PAGE - 1, %r10d
    movl $PAGE, %edi
    subl %r10d, %edi
    not_beyond_left
    cmpq $ALIGNED_FROM, %rdi
    jb .Lfill_128
    testl $7, %r10d
    jnz .Lfill_128
.Lfill_align:
    leal (%rsi,%rax), %r10d
    testl $31, %r10d
    jz .Lfill_128
    movq %rdx, (%rsi,%rax)
    advance 8
    jmp .Lfill_align
.Lfill_128:
    cmpq $128, %rdi
    jb .Lfill_32
    .irp offset, 0, 32, 64, 96
    vmovdqu %ymm8, \offset(%rsi,%rax)
    .endr
    advance 128
    jmp .Lfill_128
.Lfill_32:
    cmpq $32, %rdi
    jb .Lfill_8
    vmovdqu %ymm8, (%rsi,%rax)
    advance 32
    jmp .Lfill_32
.Lfill_8:
    cmpq $8, %rdi
    jb .Lfill_byte
    movq %rdx, (%rsi,%rax)
    advance 8
    jmp .Lfill_8
.Lfill_byte:
    testq %rdi, %rdi
    jz .Lfill_page
    movb %dl, (%rsi,%rax)
    rorq $8, %rdx
    advance 1
    jmp .Lfill_byte
    end fill

/* ---- find: YMM12 to YMM15 hold the four bytes ---- */

/* \result := 0xff where memory at offset(R10) is one of the four. */
    .macro find_in offset, result
    vmovdqu \offset(%r10), %ymm8
    vpcmpeqb %ymm12, %ymm8, \result
    vpcmpeqb %ymm13, %ymm8, %ymm9
    vpor %ymm9, \result, \result
    vpcmpeqb %ymm14, %ymm8, %ymm9
    vpcmpeqb %ymm15, %ymm8, %ymm8
    vpor %ymm9, %ymm8, %ymm8
    vpor %ymm8, \result, \result
    .endm

    begin find, 3
    vmovd %edx, %xmm8
    vpbroadcastb %xmm8, %ymm12
    vpsrld $8, %xmm8, %xmm9
    vpbroadcastb %xmm9, %ymm13
    vpsrld $16, %xmm8, %xmm10
    vpbroadcastb %xmm10, %ymm14
    vpsrld $24, %xmm8, %xmm11
    vpbroadcastb %xmm11, %ymm15
.Lfind_page:
    left
    leaq (%rsi,%rax), %r10
    movl %r10d, %r11d
    andl $PAGE - 1, %r11d
    movl $PAGE, %edi
    subl %r11d, %edi
    cmpl $32, %edi
    jb .Lfind_edge
    not_beyond_left
    cmpq $128, %rdi
    jb .Lfind_32
.Lfind_128:
    find_in 0, %ymm10
    find_in 32, %ymm11
    vpor %ymm10, %ymm11, %ymm11
    find_in 64, %ymm10
    vpor %ymm10, %ymm11, %ymm11
    find_in 96, %ymm10
    vpor %ymm10, %ymm11, %ymm11
    vptest %ymm11, %ymm11
    jnz .Lfind_32
    addq $128, %r10
    advance 128
    cmpq $128, %rdi
    jae .Lfind_128
    jmp .Lfind_page
.Lfind_32:
    find_in 0, %ymm10
    vpmovmskb %ymm10, %r11d
    testl %r11d, %r11d
    jnz bulk_found
    addq $32, %rax
    jmp .Lfind_page
/* The last 32 bytes of the page, of which the first have been looked at or lie before a. */
.Lfind_edge:
    movl $32, %r8d
    subl %edi, %r8d
    subq %r8, %r10
    find_in 0, %ymm10
    vpmovmskb %ymm10, %r11d
    shrxl %r8d, %r11d, %r11d
    testl %r11d, %r11d
    jnz bulk_found
    addq %rdi, %rax
    jmp .Lfind_page
    end find

/* ---- match, match_z ---- */

/* \result := 0 where memory at the two places differs or (match_z) is 0, else any other number. */
    .macro match_in offset, index, result, is_z
    match_bytes "\offset(%rsi,\index)", "\offset(%rdx,\index)", \result, \is_z
    .endm
/* R11D := the bytes at which the match ends; YMM15 is 0. */
    .macro match_mask index, is_z
    match_in 0, \index, %ymm9, \is_z
    vpcmpeqb %ymm15, %ymm9, %ymm9
    vpmovmskb %ymm9, %r11d
    .endm

    .macro match name, kind, is_z
    begin \name, \kind
    addq %r8, %rdx
    vpxor %xmm15, %xmm15, %xmm15
.Lpage\@:
    left
    room_of_both
    cmpl $32, %edi
    jb .Ledge\@
    not_beyond_left
    cmpq $128, %rdi
    jb .Lone\@
.Lmany\@:
    match_in 0, %rax, %ymm9, \is_z
    match_in 32, %rax, %ymm10, \is_z
    match_in 64, %rax, %ymm11, \is_z
    match_in 96, %rax, %ymm12, \is_z
    match_four .Lone\@
    advance 128
    cmpq $128, %rdi
    jae .Lmany\@
    jmp .Lpage\@
.Lone\@:
    match_mask %rax, \is_z
    testl %r11d, %r11d
    jnz bulk_found
    addq $32, %rax
    jmp .Lpage\@
/* Fewer than 32 bytes to the end of a page: the last 32 up to there, when those before are known to
 * match. */
.Ledge\@:
    leaq -32(%rax,%rdi), %r8
    cmpq %rax, %r8
    ja .Lbyte\@
    match_mask %r8, \is_z
    testl %r11d, %r11d
    jz .Lnext\@
    movq %r8, %rax
    jmp bulk_found
.Lnext\@:
    addq %rdi, %rax
    jmp .Lpage\@
.Lbyte\@:
    movzbl (%rsi,%rax), %r10d
    cmpb %r10b, (%rdx,%rax)
    jne tb_bulk_fault
    .if \is_z
    testl %r10d, %r10d
    jz tb_bulk_fault
    .endif
    incq %rax
    cmpq %rcx, %rax
    jae bulk_done
    decl %edi
    jnz .Lbyte\@
    jmp .Lpage\@
    end \name
    .endm

    match match, 4, 0
    match match_z, 5, 1

/* ---- probe ---- */

    begin probe, 6
.Lprobe_page:
    left
    leaq (%rsi,%rax), %r10
    movb (%r10), %r11b
    orq $PAGE - 1, %r10
    incq %r10
    subq %rsi, %r10
    movq %r10, %rax
    jmp .Lprobe_page
    end probe

    .globl tb_bulk_end
    .hidden tb_bulk_end
tb_bulk_end:

    .section .note.GNU-stack, "", @progbits
