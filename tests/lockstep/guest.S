# The program of the injected faults (faults.sh): a loop of four blocks whose marked instructions
# broken.h looks for. Its exit status is 7.
    .globl _start
_start:
    la s1, buffer
    li s0, 400
    li a0, 0
    li a2, 0
loop:
    addi a0, a0, 0x123      # BROKEN_ADD
    sd a0, 0x128(s1)        # BROKEN_STORE
    andi t0, s0, 1
    beqz t0, next
    .globl odd
odd:
    addi a2, a2, 0x135      # BROKEN_BLOCK
    fcvt.d.l fa0, a2
    fadd.d fa1, fa1, fa0
next:
    addi s0, s0, -1
    bnez s0, loop
    li a0, 7
    li a7, 93
    ecall

    .bss
    .balign 4096
buffer:
    .space 4096
