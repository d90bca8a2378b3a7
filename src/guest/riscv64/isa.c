/* guest_riscv64: RV64IMAFDC with Zicsr, Zifencei, Zicntr, Zba, Zbb and Zbs, and the Linux calling
 * convention (RISC-V ELF psABI; man 2 syscall). */
#include "src/guest/riscv64/riscv64.h"

#include <elf.h>

#define HWCAP(letter) (UINT64_C(1) << ((letter) - 'A'))

const struct guest_isa guest_riscv64 = {
    .name = "riscv64",
    .elf_machine = EM_RISCV,
    .platform = NULL,
    .hwcap = HWCAP('I') | HWCAP('M') | HWCAP('A') | HWCAP('F') | HWCAP('D') | HWCAP('C'),
    .reg_name =
        {
            "zero", "ra",  "sp",   "gp",   "tp",  "t0",  "t1",   "t2",   /* x0-7 */
            "s0",   "s1",  "a0",   "a1",   "a2",  "a3",  "a4",   "a5",   /* x8-15 */
            "a6",   "a7",  "s2",   "s3",   "s4",  "s5",  "s6",   "s7",   /* x16-23 */
            "s8",   "s9",  "s10",  "s11",  "t3",  "t4",  "t5",   "t6",   /* x24-31 */
            "ft0",  "ft1", "ft2",  "ft3",  "ft4", "ft5", "ft6",  "ft7",  /* f0-7 */
            "fs0",  "fs1", "fa0",  "fa1",  "fa2", "fa3", "fa4",  "fa5",  /* f8-15 */
            "fa6",  "fa7", "fs2",  "fs3",  "fs4", "fs5", "fs6",  "fs7",  /* f16-23 */
            "fs8",  "fs9", "fs10", "fs11", "ft8", "ft9", "ft10", "ft11", /* f24-31 */
        },
    .syscall_number_reg = 17,
    .syscall_result_reg = 10,
    .syscall_arg_reg = {10, 11, 12, 13, 14, 15},
    .stack_reg = 2,
    .thread_reg = 4,
    .return_reg = 1,
    .kept_regs = UINT64_C(0x0ffc031c), /* sp gp tp s0-s11 */
    .ecall_size_bytes = 4,
    .translate = rv64_translate,
    .step = rv64_step,
    .disassemble = rv64_disassemble,
};
