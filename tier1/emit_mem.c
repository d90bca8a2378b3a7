/* Loads, stores, atomics.
 *
 * The host address is the guest address + displacement, in GS, which is the guest's memory, unless that lies
 * at its own addresses. Each instruction that may fault is noted with the guest pc it stands for, and no guest
 * register changes before it. */
#include "tier1/emit.h"

static void stop_too_long(struct t1 *t)
{
    t->trouble = "a block gives more than 64 KiB of code";
    t1_stop(t);
}

static void note_unclean_fault(struct t1 *t, uint16_t memop, uint16_t unclean)
{
    uint32_t offset = x64_offset(&t->x);
    if (offset > UINT16_MAX)
        stop_too_long(t);
    t->faults[t->fault_count++] = (struct fault_point){
        .code_offset = (uint16_t)offset,
        .guest_offset = (uint16_t)ir_memop_pc_offset(memop),
        .unclean_f64 = (uint8_t)unclean,
        .unclean_f32 = (uint8_t)(unclean >> 8),
    };
}

static void note_fault(struct t1 *t, uint16_t memop)
{
    note_unclean_fault(t, memop, t1_unclean_homes(t));
}

void t1_note_access(struct t1 *t, uint16_t memop)
{
    note_unclean_fault(t, memop, 0);
}

struct x64_mem t1_guest_memory(const struct t1 *t, unsigned base, int32_t disp)
{
    return (struct x64_mem){(uint8_t)base, X64_NO_INDEX, 0, t1_segment(t), disp};
}

/* The operand for guest address value + disp. */
static struct x64_mem guest_address(struct t1 *t, ir_ref value, uint64_t disp)
{
    if (t1_is_immediate(t, value)) {
        uint64_t address = t1_imm(t, value) + disp;
        if ((int64_t)address == (int32_t)address)
            return t1_guest_memory(t, X64_NO_REG, (int32_t)address);
        unsigned temp = t1_temp_gpr(t);
        x64_mov_ri(&t->x, temp, address);
        return t1_guest_memory(t, temp, 0);
    }
    unsigned reg = t1_use_gpr(t, value);
    if (disp == 0 || ((int64_t)disp == (int32_t)disp && t->options->is_folding))
        return t1_guest_memory(t, reg, (int32_t)disp);
    unsigned temp = t1_temp_gpr(t);
    x64_mov_ri(&t->x, temp, disp);
    x64_alu(&t->x, X64_ADD, X64_W, temp, x64_reg_operand(reg));
    return t1_guest_memory(t, temp, 0);
}

/* The access at guest_address: nearly always [base + disp] without other prefix, whose bytes are put
 * together in a register. */
static void put_access(struct t1 *t, unsigned spec, unsigned reg, struct x64_mem mem)
{
    if (__builtin_expect(spec & (X64_66 | X64_BYTE_REG) || mem.base == X64_NO_REG, 0))
        x64_rm(&t->x, spec, reg, mem);
    else
        t->x.out = t1_put_access(t, t->x.out, spec, reg, mem.base, mem.disp);
}

/* ---- plain ---- */

/* mov, movzx, movsx or movsxd to 64 bits, by size and sign. */
unsigned t1_load_spec(uint16_t memop)
{
    static const uint16_t zero[4] = {0xb6 | X64_0F, 0xb7 | X64_0F, 0x8b, 0x8b | X64_W};
    static const uint16_t sign[4] = {0xbe | X64_0F | X64_W, 0xbf | X64_0F | X64_W, 0x63 | X64_W,
                                     0x8b | X64_W};
    return (ir_memop_is_signed(memop) ? sign : zero)[ir_memop_size_log2(memop)];
}

unsigned t1_store_spec(uint16_t memop)
{
    static const uint16_t specs[4] = {0x88 | X64_BYTE_REG, 0x89 | X64_66, 0x89, 0x89 | X64_W};
    return specs[ir_memop_size_log2(memop)];
}

void t1_put_load(struct t1 *t, uint16_t memop, unsigned reg, unsigned base, int32_t disp)
{
    put_access(t, t1_load_spec(memop), reg, t1_guest_memory(t, base, disp));
}

void t1_put_store(struct t1 *t, uint16_t memop, unsigned reg, unsigned base, int32_t disp)
{
    put_access(t, t1_store_spec(memop), reg, t1_guest_memory(t, base, disp));
}

static void emit_float_load(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    struct x64_mem mem = guest_address(t, node->operand[0], node->imm);
    uint16_t unclean = t1_unclean_homes(t); /* the result's register keeps its value in a fault */
    unsigned reg = t1_def_xmm(t, ref, IR_NONE, IR_NONE);
    note_unclean_fault(t, node->operand[2], unclean);
    t1_load_xmm(t, reg, mem, node->type == IR_F64);
}

void t1_emit_load(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    if (node->type == IR_F64) {
        emit_float_load(t, ref, node);
        return;
    }
    struct x64_mem mem = guest_address(t, node->operand[0], node->imm);
    unsigned reg = t1_def_gpr(t, ref, node->operand[0], IR_NONE);
    note_fault(t, node->operand[2]);
    put_access(t, t1_load_spec(node->operand[2]), reg, mem);
}

void t1_emit_load_f32(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    emit_float_load(t, ref, node);
}

void t1_emit_store(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    (void)ref;
    ir_ref value = node->operand[1];
    uint16_t memop = node->operand[2];
    unsigned width = 8 * ir_memop_size_bytes(memop);
    if (t1_is_float(t, value)) {
        t1_clean(t, value);
        unsigned xmm = t1_use_xmm(t, value);
        struct x64_mem mem = guest_address(t, node->operand[0], node->imm);
        note_fault(t, memop);
        t1_store_xmm(t, mem, xmm, width == 64);
        return;
    }
    struct x64_mem mem = guest_address(t, node->operand[0], node->imm);
    uint64_t imm = t1_imm(t, value);
    if (t1_is_immediate(t, value) && (width < 64 || (int64_t)imm == (int32_t)imm)) {
        note_fault(t, memop);
        x64_store_i(&t->x, mem, width, (int32_t)imm);
        return;
    }
    unsigned reg = t1_use_gpr(t, value);
    note_fault(t, memop);
    put_access(t, t1_store_spec(memop), reg, mem);
}

/* ---- LR and SC ---- */

/* The result, sign-extended, from `from` into its pinned register, or else into `from` itself. */
static void bind_sign_extended(struct t1 *t, ir_ref ref, uint16_t memop, unsigned home,
                               unsigned from)
{
    unsigned reg = home == X64_NO_REG ? from : home;
    t1_bind_gpr(t, ref, reg);
    if (ir_memop_size_log2(memop) == 2)
        x64_rr(&t->x, 0x63 | X64_W, reg, from);
    else
        x64_mov_rr(&t->x, reg, from);
}

void t1_emit_load_reserved(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    uint16_t memop = node->operand[2];
    unsigned address = t1_use_gpr(t, node->operand[0]);
    unsigned work = t1_temp_gpr(t), home = t1_home_gpr(t, ref);
    note_fault(t, memop);
    x64_rm(&t->x, t1_load_spec((uint16_t)(memop | IR_MEMOP_SIGNED)), work, t1_guest_memory(t, address, 0));
    x64_store(&t->x, T1_VCPU(reservation_address), address);
    x64_store(&t->x, T1_VCPU(reservation_value), work);
    unsigned reg = home == X64_NO_REG ? work : home;
    t1_bind_gpr(t, ref, reg);
    x64_mov_rr(&t->x, reg, work);
}

/* The store happens when memory still holds what LR read. Only moves stand between the compare and
 * the jump; both ways reach setne with ZF telling success. */
void t1_emit_store_conditional(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    uint16_t memop = node->operand[2];
    unsigned w = x64_w(8 * ir_memop_size_bytes(memop));
    t1_take_gpr(t, X64_RAX);
    unsigned home = t1_home_gpr(t, ref);
    unsigned address = t1_use_gpr(t, node->operand[0]);
    unsigned value = t1_use_gpr(t, node->operand[1]);
    x64_load(&t->x, X64_RAX, T1_VCPU(reservation_value));
    x64_rm(&t->x, 0x3b | X64_W, address, T1_VCPU(reservation_address));
    x64_store_i(&t->x, T1_VCPU(reservation_address), 64, -1);
    uint32_t failed = x64_jcc_short(&t->x, X64_NE);
    note_fault(t, memop);
    x64_rm(&t->x, 0xb1 | X64_0F | X64_LOCK | w, value, t1_guest_memory(t, address, 0));
    x64_patch_rel8(&t->x, failed, x64_offset(&t->x));
    unsigned reg = home == X64_NO_REG ? X64_RAX : home;
    t1_bind_gpr(t, ref, reg);
    x64_setcc(&t->x, X64_NE, reg);
    x64_rr(&t->x, 0xb6 | X64_0F | X64_BYTE_RM, reg, reg);
}

/* ---- AMOs ---- */

/* The group number of the plain operation, or -1. */
static int alu_of_amo(enum ir_amo amo)
{
    static const int8_t alu[IR_AMO_COUNT] = {
        [IR_AMO_SWAP] = -1,         [IR_AMO_ADD] = X64_ADD, [IR_AMO_XOR] = X64_XOR,
        [IR_AMO_AND] = X64_AND,     [IR_AMO_OR] = X64_OR,   [IR_AMO_MIN_S] = -1,
        [IR_AMO_MAX_S] = -1,        [IR_AMO_MIN_U] = -1,    [IR_AMO_MAX_U] = -1,
    };
    return alu[amo];
}

/* lock op [a], b: nobody wants the old value. */
static void emit_amo_without_result(struct t1 *t, const struct t1_node *node, enum x64_alu op)
{
    uint16_t memop = node->operand[2];
    unsigned w = x64_w(8 * ir_memop_size_bytes(memop));
    struct x64_mem mem = guest_address(t, node->operand[0], 0);
    unsigned value = t1_use_gpr(t, node->operand[1]);
    note_fault(t, memop);
    x64_rm(&t->x, (unsigned)op << 3 | 1 | X64_LOCK | w, value, mem);
}

/* xchg or lock xadd through a temporary: the result's register must not change before a fault. */
static void emit_amo_exchange(struct t1 *t, ir_ref ref, const struct t1_node *node, unsigned spec)
{
    uint16_t memop = node->operand[2];
    unsigned w = x64_w(8 * ir_memop_size_bytes(memop));
    unsigned home = t1_home_gpr(t, ref);
    struct x64_mem mem = guest_address(t, node->operand[0], 0);
    struct x64_operand value = t1_use(t, node->operand[1], 64, true);
    unsigned work = t1_temp_gpr(t);
    x64_mov_ro(&t->x, work, value);
    note_fault(t, memop);
    x64_rm(&t->x, spec | w, work, mem);
    bind_sign_extended(t, ref, memop, home, work);
}

/* work := the better of RAX and value. */
static void put_extreme(struct t1 *t, enum ir_amo amo, unsigned w, unsigned work, unsigned value)
{
    enum x64_cc keeps_old = amo == IR_AMO_MIN_S   ? X64_L
                            : amo == IR_AMO_MAX_S ? X64_G
                            : amo == IR_AMO_MIN_U ? X64_B
                                                  : X64_A;
    x64_mov_rr(&t->x, work, value);
    x64_alu(&t->x, X64_CMP, w, X64_RAX, x64_reg_operand(value));
    x64_cmov(&t->x, keeps_old, w, work, x64_reg_operand(X64_RAX));
}

/* rax := [a]; repeat work := rax op b until lock cmpxchg [a], work */
static void emit_amo_loop(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    uint16_t memop = node->operand[2];
    unsigned w = x64_w(8 * ir_memop_size_bytes(memop));
    int op = alu_of_amo((enum ir_amo)node->imm);
    t1_take_gpr(t, X64_RAX);
    unsigned home = t1_home_gpr(t, ref);
    struct x64_mem mem = guest_address(t, node->operand[0], 0);
    unsigned value = t1_use_gpr(t, node->operand[1]);
    unsigned work = t1_temp_gpr(t);
    note_fault(t, memop);
    x64_rm(&t->x, 0x8b | w, X64_RAX, mem);
    uint32_t again = x64_offset(&t->x);
    if (op < 0) {
        put_extreme(t, (enum ir_amo)node->imm, w, work, value);
    } else {
        x64_mov_rr(&t->x, work, X64_RAX);
        x64_alu(&t->x, (enum x64_alu)op, w, work, x64_reg_operand(value));
    }
    note_fault(t, memop);
    x64_rm(&t->x, 0xb1 | X64_0F | X64_LOCK | w, work, mem);
    x64_patch_rel8(&t->x, x64_jcc_short(&t->x, X64_NE), again);
    bind_sign_extended(t, ref, memop, home, X64_RAX);
}

void t1_emit_amo(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    enum ir_amo amo = (enum ir_amo)node->imm;
    bool is_wanted = t->values[ref].next_use != IR_NONE || node->flags & T1_SETS;
    if (!is_wanted && alu_of_amo(amo) >= 0)
        emit_amo_without_result(t, node, (enum x64_alu)alu_of_amo(amo));
    else if (amo == IR_AMO_SWAP)
        emit_amo_exchange(t, ref, node, 0x87);
    else if (amo == IR_AMO_ADD)
        emit_amo_exchange(t, ref, node, 0xc1 | X64_0F | X64_LOCK);
    else
        emit_amo_loop(t, ref, node);
}

/* x86 keeps all orders but earlier writes before later reads; a locked operation does. The sets are
 * as in the instruction: predecessors in bits 7-4, successors in 3-0, input output read write. */
void t1_put_fence(struct t1 *t, unsigned sets)
{
    enum { INPUT = 8, OUTPUT = 4, READ = 2, WRITE = 1 };
    unsigned before = sets >> 4, after = sets;
    if (before & (OUTPUT | WRITE) && after & (INPUT | READ)) {
        x64_rm(&t->x, 0x83 | X64_LOCK, X64_OR, x64_at(X64_RSP, 0));
        x64_u8(&t->x, 0);
    }
}

void t1_emit_fence(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    (void)ref;
    t1_put_fence(t, (unsigned)node->imm);
}
