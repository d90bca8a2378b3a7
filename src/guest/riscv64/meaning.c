/* What each guest instruction means: the functions that the rows of insns.def become, and the
 * vocabulary that the rows are written in.
 *
 * While a block is translated the current value of every register is remembered, so a register is
 * read once and a value written is used directly; an address that is computed from constants (auipc
 * and the like) is thereby known, and a jump to it is direct. Every write is emitted at once: after
 * each instruction the register state in the IR is exact. */
#include "src/guest/riscv64/encoding.h"
#include "src/guest/riscv64/riscv64.h"
#include "src/guest/riscv64/translation.h"

/* ---- registers ---- */
static ir_ref number(struct translation *t, uint64_t value)
{
    return ir_const(&t->builder, IR_I64, value);
}

static ir_ref read_x(struct translation *t, unsigned reg)
{
    ir_ref value = t->x[reg];
    if (value == IR_NONE) {
        value = reg == 0 ? number(t, 0) : ir_get_reg(&t->builder, IR_I64, reg);
        t->x[reg] = value;
    }
    return value;
}

static void write_x(struct translation *t, ir_ref value)
{
    unsigned reg = rv64_rd(t->word);
    if (reg == 0 || t->x[reg] == value)
        return;
    ir_set_reg(&t->builder, reg, value);
    t->x[reg] = value;
}

static ir_ref bitcast(struct translation *t, enum ir_type type, ir_ref value)
{
    return ir_unary(&t->builder, IR_bitcast, type, value);
}

static ir_ref read_f64(struct translation *t, unsigned reg)
{
    struct f_value *f = &t->f[reg];
    if (f->f64 == IR_NONE)
        f->f64 = f->bits != IR_NONE ? bitcast(t, IR_F64, f->bits)
                                    : ir_get_reg(&t->builder, IR_F64, IR_FIRST_FP_REG + reg);
    return f->f64;
}

static ir_ref read_f_bits(struct translation *t, unsigned reg)
{
    struct f_value *f = &t->f[reg];
    if (f->bits == IR_NONE)
        f->bits = f->f64 != IR_NONE ? bitcast(t, IR_I64, f->f64)
                                    : ir_get_reg(&t->builder, IR_I64, IR_FIRST_FP_REG + reg);
    return f->bits;
}

static ir_ref read_single(struct translation *t, unsigned reg)
{
    struct f_value *f = &t->f[reg];
    if (f->single == IR_NONE)
        f->single = ir_unary(&t->builder, IR_unbox, IR_F32, read_f64(t, reg));
    return f->single;
}

static ir_ref trunc_to(struct translation *t, enum ir_type type, ir_ref value)
{
    return ir_unary(&t->builder, IR_trunc, type, value);
}

/* The f32 in f register `reg` when what it holds was made as a single in this block (here or in
 * another register, from which a move of 64 bits brought it), else IR_NONE. */
static ir_ref boxed_single(const struct translation *t, unsigned reg)
{
    ir_ref f64 = t->f[reg].f64;
    const struct ir_insn *insns = t->builder.block->insns;
    return f64 != IR_NONE && insns[f64].op == IR_box ? insns[f64].a : IR_NONE;
}

/* The low half of an f register as it is, boxed or not: as something to store 32 bits of. */
static ir_ref read_raw_single(struct translation *t, unsigned reg)
{
    ir_ref single = boxed_single(t, reg);
    return single != IR_NONE ? single : read_f_bits(t, reg);
}

static ir_ref read_single_bits(struct translation *t, unsigned reg)
{
    ir_ref single = boxed_single(t, reg);
    return single != IR_NONE ? bitcast(t, IR_I32, single) : trunc_to(t, IR_I32, read_f_bits(t, reg));
}

static void write_f(struct translation *t, ir_ref value)
{
    unsigned reg = rv64_rd(t->word);
    bool is_f64 = t->builder.block->insns[value].type == IR_F64;
    if (value == (is_f64 ? t->f[reg].f64 : t->f[reg].bits))
        return;
    t->builder.is_improvable = true; /* the value may be at hand here, see is_term_at_hand */
    ir_set_reg(&t->builder, IR_FIRST_FP_REG + reg, value);
    t->f[reg] = (struct f_value){is_f64 ? value : IR_NONE, is_f64 ? IR_NONE : value, IR_NONE};
}

static void write_single(struct translation *t, ir_ref value)
{
    unsigned reg = rv64_rd(t->word);
    ir_ref boxed = ir_unary(&t->builder, IR_box, IR_F64, value);
    ir_set_reg(&t->builder, IR_FIRST_FP_REG + reg, boxed);
    t->f[reg] = (struct f_value){boxed, IR_NONE, value};
}

/* ---- values ---- */
static bool is_number(const struct translation *t, ir_ref value, uint64_t *ret_number)
{
    const struct ir_insn *insn = &t->builder.block->insns[value];
    if (insn->op != IR_const)
        return false;
    *ret_number = insn->imm;
    return true;
}

static ir_ref op1(struct translation *t, enum ir_op op, enum ir_type type, ir_ref a)
{
    return ir_unary(&t->builder, op, type, a);
}

/* Additions of constants are done here, so that addresses made by auipc and lui are known and that
 * "mv" and "li" cost nothing. */
static ir_ref add(struct translation *t, ir_ref a, ir_ref b)
{
    uint64_t first, second;
    if (is_number(t, b, &second)) {
        if (second == 0)
            return a;
        if (is_number(t, a, &first))
            return number(t, first + second);
    } else if (is_number(t, a, &first) && first == 0) {
        return b;
    }
    return ir_binary(&t->builder, IR_add, IR_I64, a, b);
}

static inline ir_ref op2(struct translation *t, enum ir_op op, enum ir_type type, ir_ref a, ir_ref b)
{
    return op == IR_add && type == IR_I64 ? add(t, a, b) : ir_binary(&t->builder, op, type, a, b);
}

/* x + immediate; "mv" and "li" need no constant of their own. */
static ir_ref add_immediate(struct translation *t)
{
    unsigned reg = rv64_rs1(t->word);
    uint64_t immediate = (uint64_t)rv64_imm_i(t->word), known;
    if (reg == 0)
        return number(t, immediate);
    ir_ref a = read_x(t, reg);
    if (immediate == 0)
        return a;
    if (is_number(t, a, &known))
        return number(t, known + immediate);
    return ir_binary(&t->builder, IR_add, IR_I64, a, number(t, immediate));
}

static ir_ref fp3(struct translation *t, enum ir_op op, enum ir_type type, ir_ref a, ir_ref b,
                  ir_ref c)
{
    t->builder.is_improvable = true;
    return ir_emit3(&t->builder, op, type, a, b, c, t->rounding);
}

static ir_ref fp2(struct translation *t, enum ir_op op, enum ir_type type, ir_ref a, ir_ref b)
{
    return fp3(t, op, type, a, b, IR_NONE);
}

static ir_ref fp1(struct translation *t, enum ir_op op, enum ir_type type, ir_ref a)
{
    return fp3(t, op, type, a, IR_NONE, IR_NONE);
}

static ir_ref complement(struct translation *t, ir_ref value)
{
    return ir_binary(&t->builder, IR_xor, IR_I64, value, number(t, UINT64_MAX));
}

/* The sign injections (section 20.5). With equal operands they are move, negate and absolute. */
static bool has_equal_operands(const struct translation *t)
{
    return rv64_rs1(t->word) == rv64_rs2(t->word);
}

static ir_ref sign_from(struct translation *t, enum ir_type type, ir_ref a, ir_ref b)
{
    return has_equal_operands(t) ? a : ir_binary(&t->builder, IR_fcopysign, type, a, b);
}

static ir_ref sign_not_from(struct translation *t, enum ir_type type, ir_ref a, ir_ref b)
{
    ir_ref negative = op1(t, IR_fneg, type, b);
    return has_equal_operands(t) ? negative
                                 : ir_binary(&t->builder, IR_fcopysign, type, a, negative);
}

static ir_ref sign_xor(struct translation *t, enum ir_type type, ir_ref a, ir_ref b)
{
    if (has_equal_operands(t))
        return op1(t, IR_fabs, type, a);
    enum ir_type int_type = type == IR_F32 ? IR_I32 : IR_I64;
    uint64_t sign_bit = type == IR_F32 ? UINT64_C(1) << 31 : UINT64_C(1) << 63;
    ir_ref sign = ir_binary(&t->builder, IR_and, int_type, bitcast(t, int_type, b),
                            ir_const(&t->builder, int_type, sign_bit));
    ir_ref bits = ir_binary(&t->builder, IR_xor, int_type, bitcast(t, int_type, a), sign);
    return bitcast(t, type, bits);
}

/* ---- memory ---- */
static uint16_t memop(const struct translation *t, unsigned size_log2, bool is_signed)
{
    return ir_memop(size_log2, is_signed, (unsigned)(t->pc - t->block_pc));
}

/* Whether the first term of a sum is still in a register: the optimiser then makes the sum part of
 * the address. */
static bool is_term_at_hand(const struct translation *t, const struct ir_insn *sum)
{
    const struct ir_insn *insns = t->builder.block->insns;
    if (insns[sum->b].op != IR_const)
        return false;
    if (insns[sum->a].op != IR_get_reg)
        return true;
    for (unsigned reg = 0; reg < 32; reg++)
        if (t->x[reg] == sum->a)
            return true;
    return false;
}

/* The value is used as an address. A term that is in no register does not come back into one. */
static ir_ref address(struct translation *t, unsigned reg)
{
    ir_ref value = read_x(t, reg);
    const struct ir_insn *insn = &t->builder.block->insns[value];
    if (insn->op == IR_add && value != t->plain_address) {
        t->plain_address = value;
        t->builder.is_improvable |= is_term_at_hand(t, insn);
    }
    return value;
}

static ir_ref load(struct translation *t, enum ir_op op, enum ir_type type, unsigned size_log2,
                   bool is_signed)
{
    ir_ref base = address(t, rv64_rs1(t->word));
    return ir_emit3(&t->builder, op, type, base, IR_NONE, memop(t, size_log2, is_signed),
                    (uint64_t)rv64_imm_i(t->word));
}

static void store(struct translation *t, unsigned size_log2, ir_ref value)
{
    ir_ref base = address(t, rv64_rs1(t->word));
    ir_emit3(&t->builder, IR_store, IR_VOID, base, value, memop(t, size_log2, false),
             (uint64_t)rv64_imm_s(t->word));
}

/* ---- leaving the block ---- */
void rv64_end_block(struct translation *t, enum ir_op op, ir_ref value, unsigned kind, uint64_t pc)
{
    ir_emit3(&t->builder, op, IR_VOID, value, IR_NONE, (ir_ref)kind, pc);
    t->is_ended = true;
}

static void end_at(struct translation *t, enum ir_branch kind, uint64_t pc)
{
    rv64_end_block(t, IR_exit_direct, IR_NONE, kind, pc);
}

static void trap(struct translation *t, enum ir_trap kind, uint64_t pc)
{
    rv64_end_block(t, IR_exit_trap, IR_NONE, kind, pc);
}

static void trap_if(struct translation *t, ir_ref condition, enum ir_trap kind, uint64_t pc)
{
    ir_exit_if(&t->builder, IR_exit_trap_if, condition, kind, pc);
}

static uint64_t next_pc(const struct translation *t)
{
    return t->pc + t->size;
}

/* Behind a loop's end the guest comes once for many times round. */
static bool goes_on(const struct translation *t)
{
    return t->limits->goes_on && rv64_imm_b(t->word) > 0 &&
           t->builder.block->piece_count < IR_MAX_PIECES &&
           t->limits->goes_on(t->limits->context, next_pc(t));
}

static void begin_piece(struct translation *t)
{
    struct ir_block *block = t->builder.block;
    t->halt = block->length;
    if (block->piece_count == 0)
        block->pieces[block->piece_count++] = (struct ir_piece){0};
    block->pieces[block->piece_count++] = (struct ir_piece){
        .offset_bytes = (uint16_t)(next_pc(t) - t->block_pc),
        .first = (uint16_t)(t->length + 1),
        .exit_offset = (uint32_t)(t->pc + (uint64_t)rv64_imm_b(t->word) - t->block_pc),
    };
}

static void branch_if(struct translation *t, ir_ref condition)
{
    ir_exit_if(&t->builder, IR_exit_if, condition, IR_BRANCH_JUMP,
               t->pc + (uint64_t)rv64_imm_b(t->word));
    if (goes_on(t))
        begin_piece(t);
    else
        end_at(t, IR_BRANCH_JUMP, next_pc(t));
}

/* Differing from zero is no comparison. */
static void branch_if_different(struct translation *t)
{
    ir_ref a = read_x(t, rv64_rs1(t->word));
    if (rv64_rs2(t->word) == 0)
        branch_if(t, a);
    else
        branch_if(t, ir_binary(&t->builder, IR_ne, IR_I64, a, read_x(t, rv64_rs2(t->word))));
}

static void jump_and_link(struct translation *t)
{
    write_x(t, number(t, next_pc(t)));
    end_at(t, rv64_branch_of_jal(rv64_rd(t->word)),
           t->pc + (uint64_t)rv64_imm_j(t->word));
}

/* rd may be rs1: the destination is computed before the link is written. */
static void jump_and_link_reg(struct translation *t)
{
    unsigned rd = rv64_rd(t->word), rs1 = rv64_rs1(t->word);
    enum ir_branch kind = rv64_branch_of_jalr(rd, rs1);
    ir_ref sum = op2(t, IR_add, IR_I64, read_x(t, rs1), number(t, (uint64_t)rv64_imm_i(t->word)));
    uint64_t known;
    if (is_number(t, sum, &known)) {
        write_x(t, number(t, next_pc(t)));
        end_at(t, kind == IR_BRANCH_RETURN ? IR_BRANCH_JUMP : kind, known & ~UINT64_C(1));
        return;
    }
    ir_ref pc = ir_binary(&t->builder, IR_and, IR_I64, sum, number(t, ~UINT64_C(1)));
    write_x(t, number(t, next_pc(t)));
    rv64_end_block(t, IR_exit_indirect, pc, kind, 0);
}

/* Fences with an empty set are HINTs (section 2.9; PAUSE is one of them). Reserved modes are plain
 * fences, as the manual asks. */
static void fence(struct translation *t)
{
    uint32_t sets = t->word >> 20 & 0xff;
    if ((sets & 0xf) != 0 && sets >> 4 != 0)
        ir_emit3(&t->builder, IR_fence, IR_VOID, IR_NONE, IR_NONE, IR_NONE, sets);
}

/* ---- atomics (chapter 14): the address must be aligned ---- */
static ir_ref aligned_address(struct translation *t, unsigned size_log2)
{
    ir_ref address = read_x(t, rv64_rs1(t->word));
    ir_ref low =
        ir_binary(&t->builder, IR_and, IR_I64, address, number(t, (UINT64_C(1) << size_log2) - 1));
    trap_if(t, low, IR_TRAP_MISALIGNED, t->pc);
    return address;
}

static void load_reserved(struct translation *t, unsigned size_log2)
{
    ir_ref address = aligned_address(t, size_log2);
    write_x(t, ir_emit3(&t->builder, IR_load_reserved, IR_I64, address, IR_NONE,
                        memop(t, size_log2, true), 0));
}

static void store_conditional(struct translation *t, unsigned size_log2)
{
    ir_ref address = aligned_address(t, size_log2);
    ir_ref value = read_x(t, rv64_rs2(t->word));
    write_x(t, ir_emit3(&t->builder, IR_store_conditional, IR_I64, address, value,
                        memop(t, size_log2, true), 0));
}

static void atomic(struct translation *t, unsigned size_log2, enum ir_amo kind)
{
    ir_ref address = aligned_address(t, size_log2);
    ir_ref value = read_x(t, rv64_rs2(t->word));
    write_x(t,
            ir_emit3(&t->builder, IR_amo, IR_I64, address, value, memop(t, size_log2, true), kind));
}

/* ---- CSRs (chapters 7, 8 and 20) ---- */
enum csr_action { CSR_WRITE, CSR_SET, CSR_CLEAR };

static ir_ref read_state(struct translation *t, enum ir_op op, uint64_t imm)
{
    return ir_emit3(&t->builder, op, IR_I64, IR_NONE, IR_NONE, IR_NONE, imm);
}

static ir_ref read_csr(struct translation *t, enum rv64_csr csr)
{
    switch (csr) {
    case RV64_CSR_fflags:
        return read_state(t, IR_get_fflags, 0);
    case RV64_CSR_frm:
        return read_state(t, IR_get_frm, 0);
    case RV64_CSR_fcsr: {
        ir_ref frm = read_state(t, IR_get_frm, 0);
        ir_ref high = ir_binary(&t->builder, IR_shl, IR_I64, frm, number(t, 5));
        ir_ref low = read_state(t, IR_get_fflags, 0);
        return ir_binary(&t->builder, IR_or, IR_I64, high, low);
    }
    case RV64_CSR_cycle:
        return read_state(t, IR_get_counter, IR_COUNTER_CYCLE);
    case RV64_CSR_time:
        return read_state(t, IR_get_counter, IR_COUNTER_TIME);
    case RV64_CSR_instret:
        return read_state(t, IR_get_counter, IR_COUNTER_INSTRET);
    }
    return IR_NONE;
}

/* Writes one of the three FP CSRs. Gives the condition under which the block cannot be continued,
 * or IR_NONE when it always can. */
static ir_ref write_csr(struct translation *t, enum rv64_csr csr, ir_ref value)
{
    struct ir_builder *builder = &t->builder;
    ir_ref frm = value;
    if (csr != RV64_CSR_frm)
        ir_emit3(builder, IR_set_fflags, IR_VOID, value, IR_NONE, IR_NONE, 0);
    if (csr == RV64_CSR_fflags)
        return IR_NONE;
    if (csr == RV64_CSR_fcsr)
        frm = ir_binary(builder, IR_shr, IR_I64, value, number(t, 5));
    return ir_emit3(builder, IR_set_frm, IR_I64, frm, IR_NONE, IR_NONE, 0);
}

static bool is_known_csr(unsigned csr)
{
#define RV64_CSR(name, number) csr == (number) ||
    return RV64_CSRS(RV64_CSR) false;
#undef RV64_CSR
}

/* Bits 11 and 10 of the number say that a CSR is read-only. */
static bool is_read_only_csr(unsigned csr)
{
    return csr >> 10 == 3;
}

/* The rs1 field tells whether a set or clear writes at all, for the immediate forms too. */
static void csr_access(struct translation *t, enum csr_action action, ir_ref operand)
{
    unsigned number_of_csr = rv64_csr(t->word);
    bool writes = action == CSR_WRITE || rv64_rs1(t->word) != 0;
    bool reads = action != CSR_WRITE || rv64_rd(t->word) != 0;
    if (!is_known_csr(number_of_csr) || (writes && is_read_only_csr(number_of_csr))) {
        trap(t, IR_TRAP_ILLEGAL, t->pc);
        return;
    }
    enum rv64_csr csr = (enum rv64_csr)number_of_csr;
    ir_ref old = reads ? read_csr(t, csr) : IR_NONE, mode_changed = IR_NONE;
    if (writes && action == CSR_SET)
        operand = ir_binary(&t->builder, IR_or, IR_I64, old, operand);
    if (writes && action == CSR_CLEAR)
        operand = ir_binary(&t->builder, IR_and, IR_I64, old, complement(t, operand));
    if (writes)
        mode_changed = write_csr(t, csr, operand);
    if (reads)
        write_x(t, old);
    if (mode_changed != IR_NONE)
        trap_if(t, mode_changed, IR_TRAP_REENTER, next_pc(t));
}

/* ---- the meanings: the vocabulary of insns.def ---- */
#define PC (t->pc)
#define RS1 rv64_rs1(t->word)
#define X1 read_x(t, rv64_rs1(t->word))
#define X2 read_x(t, rv64_rs2(t->word))
#define W1 trunc_to(t, IR_I32, X1)
#define W2 trunc_to(t, IR_I32, X2)
#define D1 read_f64(t, rv64_rs1(t->word))
#define D2 read_f64(t, rv64_rs2(t->word))
#define D3 read_f64(t, rv64_rs3(t->word))
#define S1 read_single(t, rv64_rs1(t->word))
#define S2 read_single(t, rv64_rs2(t->word))
#define S3 read_single(t, rv64_rs3(t->word))
#define D1_BITS read_f_bits(t, rv64_rs1(t->word))
#define S1_BITS read_single_bits(t, rv64_rs1(t->word))
#define S2_RAW read_raw_single(t, rv64_rs2(t->word))
#define N64(n) number(t, n)
#define IMM number(t, (uint64_t)rv64_imm_i(t->word))
#define IMM_W ir_const(&t->builder, IR_I32, (uint64_t)rv64_imm_i(t->word))
#define X1_PLUS_IMM add_immediate(t)
#define UPPER_IMM ((uint64_t)rv64_imm_u(t->word))
#define SHAMT number(t, rv64_shamt(t->word))
#define SHAMT_W ir_const(&t->builder, IR_I32, rv64_shamt(t->word))

#define SET_X(value) write_x(t, value)
#define SET_W(value) write_x(t, op1(t, IR_sext, IR_I64, value))
#define SET_D(value) write_f(t, value)
#define SET_S(value) write_single(t, value)

/* Picks the function for the number of operands. */
#define BY_COUNT(a, b, c, function, ...) function
#define OP(op, type, ...) BY_COUNT(__VA_ARGS__, no3, op2, op1, )(t, IR_##op, type, __VA_ARGS__)
#define FP(op, type, ...) BY_COUNT(__VA_ARGS__, fp3, fp2, fp1, )(t, IR_##op, type, __VA_ARGS__)
#define OP64(op, ...) OP(op, IR_I64, __VA_ARGS__)
#define OP32(op, ...) OP(op, IR_I32, __VA_ARGS__)
#define TEST(op, a, b) ir_binary(&t->builder, IR_##op, IR_I64, a, b)
#define FP64(op, ...) FP(op, IR_F64, __VA_ARGS__)
#define FP32(op, ...) FP(op, IR_F32, __VA_ARGS__)
#define TO_I32(op, a) fp1(t, IR_##op, IR_I32, a)
#define TO_I64(op, a) fp1(t, IR_##op, IR_I64, a)
#define NEG32(a) op1(t, IR_fneg, IR_F32, a)
#define NEG64(a) op1(t, IR_fneg, IR_F64, a)
#define NOT(a) complement(t, a)
#define BIT(n) op2(t, IR_shl, IR_I64, number(t, 1), n)
#define SEXT(a) op1(t, IR_sext, IR_I64, a)
#define ZEXT(a) op1(t, IR_zext, IR_I64, a)
#define LOW8(a) trunc_to(t, IR_I8, a)
#define LOW16(a) trunc_to(t, IR_I16, a)
#define BITCAST(type, a) bitcast(t, type, a)

/* fcvt_f64 has no rounding operand; the integer conversions ignore theirs. */
#define EXACT64(op, a) exact64(t, IR_##op, a)
static ir_ref exact64(struct translation *t, enum ir_op op, ir_ref a)
{
    t->builder.is_improvable = true;
    return ir_emit3(&t->builder, op, IR_F64, a, IR_NONE, IR_NONE,
                    op == IR_fcvt_f64 ? 0 : IR_RM_HOST);
}

#define SIGNED true
#define UNSIGNED false
#define LOAD(size_log2, is_signed) load(t, IR_load, IR_I64, size_log2, is_signed)
#define LOAD_F64 load(t, IR_load, IR_F64, 3, false)
#define LOAD_F32 load(t, IR_load_f32, IR_F32, 2, false)
#define STORE(size_log2, value) store(t, size_log2, value)
#define LOAD_RESERVED(size_log2) load_reserved(t, size_log2)
#define STORE_CONDITIONAL(size_log2) store_conditional(t, size_log2)
#define ATOMIC(size_log2, kind) atomic(t, size_log2, IR_AMO_##kind)

#define SIGN_FROM(type, a, b) sign_from(t, type, a, b)
#define SIGN_NOT_FROM(type, a, b) sign_not_from(t, type, a, b)
#define SIGN_XOR(type, a, b) sign_xor(t, type, a, b)

#define BRANCH_IF(condition) branch_if(t, condition)
#define BRANCH_IF_DIFFERENT branch_if_different(t)
#define JUMP_AND_LINK jump_and_link(t)
#define JUMP_AND_LINK_REG jump_and_link_reg(t)
#define FENCE fence(t)
#define FENCE_I trap(t, IR_TRAP_FENCE_I, next_pc(t))
#define TRAP(kind) trap(t, IR_TRAP_##kind, t->pc)
#define CSR_ACCESS(action, operand) csr_access(t, action, operand)

#define INSN(name, format, match, ...)                                                             \
    static void mean_##name(struct translation *t)                                                 \
    {                                                                                              \
        __VA_ARGS__;                                                                               \
    }
#include "src/guest/riscv64/insns.def"
#undef INSN

static void mean_illegal(struct translation *t)
{
    trap(t, IR_TRAP_ILLEGAL, t->pc);
}

rv64_meaning_function *const rv64_meaning[RV64_WORD_ROWS + 1] = {
#define INSN(name, ...) mean_##name,
#include "src/guest/riscv64/insns.def"
#undef INSN
    [RV64_ILLEGAL] = mean_illegal,
};
