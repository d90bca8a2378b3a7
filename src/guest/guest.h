/* What a guest instruction set provides to the rest of tiercel. */
#ifndef TIERCEL_GUEST_GUEST_H
#define TIERCEL_GUEST_GUEST_H

#include "src/ir/step.h"

/* Where translation reads guest code: returns a host pointer to the executable byte at pc and how
 * many bytes from there may be read (at least 1, at most to the end of the guest page), or NULL
 * when pc cannot be executed. */
typedef const uint8_t *guest_fetch(void *context, uint64_t pc, size_t *ret_available_bytes);

struct guest_limits {
    uint32_t max_guest_insns; /* per block, at least 1 */
    /* Is the block to go on at next_pc, behind a branch that goes forward and is not taken? NULL: never. */
    bool (*goes_on)(void *context, uint64_t next_pc);
    void *context; /* for it */
};

enum { GUEST_MAX_SYSCALL_ARGS = 6 };

struct guest_isa {
    const char *name;         /* "riscv64" */
    uint16_t elf_machine;     /* EM_RISCV */
    const char *platform;     /* AT_PLATFORM, or NULL */
    uint64_t hwcap;           /* AT_HWCAP */
    const char *reg_name[IR_GUEST_REGS];
    /* Linux calling convention of system calls. */
    uint8_t syscall_number_reg, syscall_result_reg, syscall_arg_reg[GUEST_MAX_SYSCALL_ARGS];
    uint8_t stack_reg, thread_reg, return_reg;
    uint64_t kept_regs; /* integer registers that a called function keeps, as a set; its arguments
                           come as those of system calls do, its result in the first */
    uint8_t ecall_size_bytes;

    /* Translates the block at pc under FP mode `mode` (tb_mode_of_frm) into arena. Always gives a
     * block: an instruction that cannot be fetched or is illegal becomes a trap exit. NULL only
     * when even one instruction does not fit an IR block (a bug). */
    struct ir_block *(*translate)(struct arena *arena, guest_fetch *fetch, void *fetch_context,
                                  uint64_t pc, uint32_t mode, const struct guest_limits *limits);

    /* What translate makes of the instruction in the low bits, as a step; of op STEP_none when it is none.
     * Valid until the next call. One thread at a time. */
    const struct ir_step *(*step)(uint32_t bits);

    /* Disassembles the instruction in bytes[0..available) at pc as text ("addi a0,a0,1"); an
     * illegal one as ".word 0x..." / ".half 0x...". Returns its size in bytes, 0 when more bytes
     * are needed. */
    unsigned (*disassemble)(const uint8_t *bytes, size_t available_bytes, uint64_t pc, char *text,
                            size_t text_size);
};

extern const struct guest_isa guest_riscv64;

#endif
