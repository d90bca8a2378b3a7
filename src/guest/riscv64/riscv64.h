/* The parts of the riscv64 guest that guest_riscv64 is made of (isa.c). */
#ifndef TIERCEL_GUEST_RISCV64_RISCV64_H
#define TIERCEL_GUEST_RISCV64_RISCV64_H

#include "src/guest/guest.h"

/* The members translate, step and disassemble of struct guest_isa. */
struct ir_block *rv64_translate(struct arena *arena, guest_fetch *fetch, void *fetch_context,
                                uint64_t pc, uint32_t mode, const struct guest_limits *limits);
const struct ir_step *rv64_step(uint32_t bits);
unsigned rv64_disassemble(const uint8_t *bytes, size_t available_bytes, uint64_t pc, char *text,
                          size_t text_size);

/* What jal and jalr are to the guest's program, by the link registers in their fields: the manual's
 * return-address hints (section 2.5.1, table 3). */
static inline bool rv64_is_link(unsigned reg)
{
    return reg == 1 || reg == 5;
}
static inline enum ir_branch rv64_branch_of_jal(unsigned rd)
{
    return rv64_is_link(rd) ? IR_BRANCH_CALL : IR_BRANCH_JUMP;
}
static inline enum ir_branch rv64_branch_of_jalr(unsigned rd, unsigned rs1)
{
    return rv64_is_link(rd)    ? IR_BRANCH_CALL
           : rv64_is_link(rs1) ? IR_BRANCH_RETURN
                               : IR_BRANCH_JUMP;
}

/* CSRs that user programs may use (chapters 7, 8 and 20). */
#define RV64_CSRS(CSR)                                                                             \
    CSR(fflags, 0x001)                                                                             \
    CSR(frm, 0x002)                                                                                \
    CSR(fcsr, 0x003)                                                                               \
    CSR(cycle, 0xc00)                                                                              \
    CSR(time, 0xc01)                                                                               \
    CSR(instret, 0xc02)
enum rv64_csr {
#define RV64_CSR(name, number) RV64_CSR_##name = (number),
    RV64_CSRS(RV64_CSR)
#undef RV64_CSR
};

#endif
