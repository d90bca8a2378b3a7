/* The reference interpreter of IR: one switch, no cleverness. */
#include "tests/unit/ir_reference.h"

#include "src/base/bits.h"
#include "src/base/check.h"
#include "src/ir/fp.h"
#include "src/tb/abi.h"
#include "tests/unit/byte_operations.h"

#include <stdio.h>
#include <string.h>

uint64_t reference_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state * UINT64_C(0x2545f4914f6cdd1d);
}

static uint64_t corner_number(uint64_t *state)
{
    static const uint64_t corners[] = {
        0,
        1,
        2,
        31,
        32,
        63,
        64,
        0x7f,
        0x80,
        0xff,
        0x7fff,
        0x8000,
        0xffff,
        INT32_MAX,
        UINT64_C(0x80000000),
        UINT32_MAX,
        UINT64_C(0x100000000),
        INT64_MAX,
        UINT64_C(1) << 63,
        UINT64_MAX,
        UINT64_MAX - 1,
        UINT64_C(0xffffffff80000000),
        UINT64_C(0x3ff0000000000000),
        UINT64_C(0xbff8000000000000),
        UINT64_C(0x7ff0000000000000),
        UINT64_C(0x7ff8000000000000),
        UINT64_C(0xffffffff3f800000),
        UINT64_C(0xffffffff7fc00000),
        UINT64_C(0xffffffffc0490fdb),
    };
    uint64_t pick = reference_random(state);
    if (pick & 1)
        return corners[(pick >> 8) % ARRAY_LENGTH(corners)];
    return reference_random(state) >> (pick >> 1 & 63);
}

void reference_fill(struct reference *guest, uint64_t *state)
{
    memset(guest, 0, sizeof *guest);
    for (unsigned i = 1; i < IR_GUEST_REGS; i++)
        guest->reg[i] = corner_number(state);
    for (unsigned i = 0; i < REFERENCE_MEMORY_BYTES; i += 8) {
        uint64_t value = corner_number(state);
        memcpy(guest->memory + i, &value, sizeof value);
    }
    guest->frm = (uint32_t)(reference_random(state) >> 20 & 3);
    guest->mxcsr = fp_mxcsr_with_rounding(FP_MXCSR_DEFAULT, guest->frm);
    guest->reservation_address = UINT64_MAX;
}

/* One run: the values computed so far. */
struct run {
    struct reference *guest;
    const struct ir_block *block;
    const struct ir_insn *insn;
    uint64_t value[IR_MAX_INSNS];
};

static void note(struct reference *guest, uint64_t number)
{
    guest->trace = (guest->trace ^ number) * UINT64_C(0x9e3779b97f4a7c15);
    guest->trace ^= guest->trace >> 29;
}

static void note_regs(struct reference *guest)
{
    for (unsigned i = 0; i < IR_GUEST_REGS; i++)
        note(guest, guest->reg[i]);
}

static uint8_t *access_at(struct run *run, uint64_t address)
{
    unsigned size = ir_memop_size_bytes(run->insn->c);
    CHECK(address <= REFERENCE_MEMORY_BYTES - size, "a test accesses outside of its memory");
    note_regs(run->guest);
    note(run->guest, address);
    return run->guest->memory + address;
}

static uint64_t read_memory(struct run *run, uint64_t address)
{
    uint64_t value = 0;
    memcpy(&value, access_at(run, address), ir_memop_size_bytes(run->insn->c));
    if (ir_memop_is_signed(run->insn->c))
        value = (uint64_t)bits_sign_extend(value, ir_memop_size_bytes(run->insn->c) * 8);
    return value;
}

static void write_memory(struct run *run, uint64_t address, uint64_t value)
{
    unsigned size = ir_memop_size_bytes(run->insn->c);
    memcpy(access_at(run, address), &value, size);
    note(run->guest, bits_zero_extend(value, size * 8));
}

static uint64_t amo_result(enum ir_amo amo, unsigned width, uint64_t old, uint64_t operand)
{
    int64_t old_signed = bits_sign_extend(old, width),
            signed_operand = bits_sign_extend(operand, width);
    old = bits_zero_extend(old, width);
    operand = bits_zero_extend(operand, width);
    /* clang-format off */
    switch (amo) {
    case IR_AMO_SWAP: return operand;
    case IR_AMO_ADD: return old + operand;
    case IR_AMO_XOR: return old ^ operand;
    case IR_AMO_AND: return old & operand;
    case IR_AMO_OR: return old | operand;
    case IR_AMO_MIN_S: return old_signed < signed_operand ? old : operand;
    case IR_AMO_MAX_S: return old_signed > signed_operand ? old : operand;
    case IR_AMO_MIN_U: return old < operand ? old : operand;
    case IR_AMO_MAX_U: return old > operand ? old : operand;
    case IR_AMO_COUNT: break;
    }
    /* clang-format on */
    CHECK(false, "no such atomic operation");
    return 0;
}

static uint64_t run_fp(const struct ir_insn *insn, enum ir_type type_a, uint64_t a, uint64_t b,
                       uint64_t c)
{
    return fp_eval(insn->op, insn->type, type_a, (enum ir_rounding)insn->imm, a, b, c);
}

static uint64_t atomic(struct run *run, uint64_t a, uint64_t b)
{
    struct reference *guest = run->guest;
    unsigned width = ir_memop_size_bytes(run->insn->c) * 8;
    uint64_t old = (uint64_t)bits_sign_extend(read_memory(run, a), width);
    if (run->insn->op == IR_amo) {
        write_memory(run, a, amo_result((enum ir_amo)run->insn->imm, width, old, b));
        return old;
    }
    if (run->insn->op == IR_load_reserved) {
        guest->reservation_address = a;
        guest->reservation_value = old;
        return old;
    }
    bool succeeds =
        guest->reservation_address == a &&
        bits_zero_extend(guest->reservation_value, width) == bits_zero_extend(old, width);
    guest->reservation_address = UINT64_MAX;
    if (succeeds)
        write_memory(run, a, b);
    return !succeeds;
}

static void leave(struct run *run, uint64_t pc, uint16_t trap)
{
    run->guest->pc = pc;
    run->guest->trap = trap;
    note_regs(run->guest);
}

/* What is no pure operation; true when the block is left. */
static bool run_effect(struct run *run, ir_ref ref, uint64_t a, uint64_t b, uint64_t c)
{
    struct reference *guest = run->guest;
    const struct ir_insn *insn = run->insn;
    const struct byte_range memory = {
        .bytes = guest->memory, .readable = sizeof guest->memory, .writable = sizeof guest->memory};
    uint64_t *value = &run->value[ref];
    switch ((unsigned)insn->op) {
    case IR_get_reg:
        *value = guest->reg[insn->imm];
        return false;
    case IR_set_reg:
        guest->reg[insn->imm] = a;
        return false;
    case IR_load:
    case IR_load_f32:
        *value = read_memory(run, a + insn->imm);
        return false;
    case IR_store:
        write_memory(run, a + insn->imm, b);
        return false;
    case IR_load_reserved:
    case IR_store_conditional:
    case IR_amo:
        *value = atomic(run, a, b);
        return false;
    case IR_bulk:
        *value = bulk_on_bytes(&memory, (enum ir_bulk)insn->imm, a, b, c);
        return false;
    case IR_libcall:
        *value = libcall_on_bytes(&memory, (enum ir_libcall)insn->imm, a, b, c);
        return false;
    case IR_fence:
        return false;
    case IR_get_fflags:
        *value = fp_flags_of_mxcsr(fp_read_mxcsr());
        return false;
    case IR_set_fflags:
        fp_write_mxcsr(fp_mxcsr_with_flags(fp_read_mxcsr(), a & 31));
        return false;
    case IR_get_frm:
        *value = guest->frm;
        return false;
    case IR_set_frm: {
        uint32_t old_mode = tb_mode_of_frm(guest->frm);
        guest->frm = a & 7;
        *value = tb_mode_of_frm(guest->frm) != old_mode;
        uint32_t rounding = tb_mode_of_frm(guest->frm) == 0 ? guest->frm : IR_RM_RNE;
        fp_write_mxcsr(fp_mxcsr_with_rounding(fp_read_mxcsr(), rounding));
        return false;
    }
    case IR_exit_direct:
        leave(run, insn->imm, IR_TRAP_NONE);
        return true;
    case IR_exit_indirect:
        leave(run, a, IR_TRAP_NONE);
        return true;
    case IR_exit_if:
        if (a)
            leave(run, insn->imm, IR_TRAP_NONE);
        return a != 0;
    case IR_exit_trap:
        leave(run, insn->imm, insn->c);
        return true;
    case IR_exit_trap_if:
        if (a)
            leave(run, insn->imm, insn->c);
        return a != 0;
    }
    CHECK(false, "the reference interpreter lacks an operation");
    return true;
}

static bool step(struct run *run, ir_ref ref)
{
    const struct ir_insn *insn = &run->block->insns[ref];
    const struct ir_op_info *info = &ir_op_info[insn->op];
    uint64_t a = info->operand_count > 0 ? run->value[insn->a] : 0;
    uint64_t b = info->operand_count > 1 ? run->value[insn->b] : 0;
    uint64_t c = info->operand_count > 2 ? run->value[insn->c] : 0;
    enum ir_type type_a = info->operand_count > 0 ? run->block->insns[insn->a].type : IR_VOID;
    run->insn = insn;
    if (info->flags & IR_PURE) {
        run->value[ref] = ir_eval(insn->op, insn->type, ir_type_width[type_a], a, b, c, insn->imm);
        return false;
    }
    if (info->flags & IR_FP_FLAGS) {
        run->value[ref] = run_fp(insn, type_a, a, b, c);
        return false;
    }
    return run_effect(run, ref, a, b, c);
}

void reference_run(struct reference *guest, const struct ir_block *block)
{
    static struct run run;
    run.guest = guest;
    run.block = block;
    uint32_t host_mxcsr = fp_read_mxcsr();
    fp_write_mxcsr(guest->mxcsr);
    for (uint32_t i = 0; !step(&run, (ir_ref)i); i++)
        CHECK(i + 1 < block->length, "a block has no end");
    guest->mxcsr = fp_read_mxcsr() & ~2u; /* without the denormal flag, which no one reads */
    fp_write_mxcsr(host_mxcsr);
}

/* ---- operands ---- */

/* value modulo a power of two, plus base */
static ir_ref operand_in(struct ir_builder *builder, ir_ref value, uint64_t count, uint64_t base)
{
    ir_ref low = ir_binary(builder, IR_and, IR_I64, value, ir_const(builder, IR_I64, count - 1));
    return ir_binary(builder, IR_add, IR_I64, low, ir_const(builder, IR_I64, base));
}

/* In different pages, so that nothing overlaps or crosses a page, which libcalls may leave undone. */
void reference_confine(struct ir_builder *builder, struct ir_insn *insn)
{
    enum { BASE_A = 4096, BASE_B = 8192, STARTS = 2048, MAX_BYTES = 64 };
    bool has_address_b = insn->op == IR_bulk ? bulk_has_address_b((enum ir_bulk)insn->imm)
                                             : libcall_has_address_b((enum ir_libcall)insn->imm);
    insn->a = operand_in(builder, insn->a, STARTS, BASE_A + MAX_BYTES);
    if (has_address_b)
        insn->b = operand_in(builder, insn->b, STARTS, BASE_B + MAX_BYTES);
    insn->c = operand_in(builder, insn->c, MAX_BYTES, 0);
}

/* ---- random blocks ---- */

struct generator {
    struct ir_builder builder;
    uint64_t *state;
    bool like_guest;
};

static uint64_t draw(struct generator *generator, uint64_t count)
{
    return (reference_random(generator->state) >> 16) % count;
}

static ir_ref pick(struct generator *generator, enum ir_type type);

static ir_ref fresh_value(struct generator *generator, enum ir_type type)
{
    struct ir_builder *builder = &generator->builder;
    switch (type) {
    case IR_I64:
        if (draw(generator, 3) == 0)
            return ir_const(builder, IR_I64, corner_number(generator->state));
        if (draw(generator, 12) == 0)
            return ir_get_reg(builder, IR_I64, (unsigned)draw(generator, IR_GUEST_REGS));
        return ir_get_reg(builder, IR_I64, (unsigned)draw(generator, 8));
    case IR_F64:
        return ir_get_reg(builder, IR_F64, IR_FIRST_FP_REG + (unsigned)draw(generator, 8));
    case IR_F32:
        return ir_unary(builder, IR_unbox, IR_F32, pick(generator, IR_F64));
    case IR_I8:
    case IR_I16:
    case IR_I32:
        if (draw(generator, 3) == 0)
            return ir_const(builder, type, corner_number(generator->state));
        return ir_unary(builder, IR_trunc, type, pick(generator, IR_I64));
    case IR_VOID:
    case IR_TYPE_COUNT:
        break;
    }
    CHECK(false, "no value of this type");
    return 0;
}

/* A value of the type, an earlier one when there is one nearby. */
static ir_ref pick(struct generator *generator, enum ir_type type)
{
    struct ir_block *block = generator->builder.block;
    for (unsigned tries = 0; tries < 4 && !generator->like_guest && block->length; tries++) {
        ir_ref ref = (ir_ref)draw(generator, block->length);
        if (block->insns[ref].type == type)
            return ref;
    }
    return fresh_value(generator, type);
}

static enum ir_type type_of_kind(struct generator *generator, char kind, enum ir_type result,
                                 enum ir_type type_a)
{
    static const enum ir_type integers[] = {IR_I64, IR_I64, IR_I32, IR_I32, IR_I16, IR_I8};
    static const enum ir_type any[] = {IR_I64, IR_I32, IR_I16, IR_I8, IR_F32, IR_F64};
    /* clang-format off */
    switch (kind) {
    case 'I': return integers[draw(generator, ARRAY_LENGTH(integers))];
    case 'W':
    case 'L': return IR_I64;
    case 'F': return draw(generator, 2) ? IR_F64 : IR_F32;
    case 'S': return IR_F32;
    case 'D': return IR_F64;
    case 'X': return draw(generator, 4) ? IR_I64 : IR_F64;
    case 'N':
    case 'Z': return any[draw(generator, ARRAY_LENGTH(any))];
    case 'T': return result;
    case 'A': return type_a;
    }
    /* clang-format on */
    return IR_VOID;
}

/* Writes a value to a register, widened to 64 bits. */
static void put(struct generator *generator, ir_ref value)
{
    struct ir_builder *builder = &generator->builder;
    enum ir_type type = builder->block->insns[value].type;
    if (type == IR_F32)
        value = ir_unary(builder, IR_box, IR_F64, value);
    else if (type != IR_I64 && type != IR_F64)
        value = ir_unary(builder, draw(generator, 4) ? IR_sext : IR_zext, IR_I64, value);
    bool is_float = type >= IR_F32;
    ir_set_reg(builder, (is_float ? IR_FIRST_FP_REG : 1) + (unsigned)draw(generator, 7), value);
}

/* An address inside the memory with room for any displacement drawn here. */
static ir_ref address(struct generator *generator, uint64_t mask)
{
    struct ir_builder *builder = &generator->builder;
    ir_ref low = ir_binary(builder, IR_and, IR_I64, pick(generator, IR_I64),
                           ir_const(builder, IR_I64, mask));
    ir_ref at = ir_binary(builder, IR_add, IR_I64, low,
                          ir_const(builder, IR_I64, 4096 + draw(generator, 512) * 8));
    if (draw(generator, 2))
        ir_set_reg(builder, 1 + (unsigned)draw(generator, 7), at);
    return at;
}

static void emit_access(struct generator *generator, enum ir_op op)
{
    struct ir_builder *builder = &generator->builder;
    struct ir_insn insn = {.op = (uint8_t)op, .a = IR_NONE, .b = IR_NONE};
    bool is_atomic = op == IR_amo || op == IR_load_reserved || op == IR_store_conditional;
    unsigned size_log2 =
        is_atomic ? 2 + (unsigned)draw(generator, 2) : (unsigned)draw(generator, 4);
    bool is_signed = draw(generator, 2);
    insn.a = address(generator, is_atomic ? 0xff8 : 0xfff);
    if (op != IR_store)
        insn.type = op == IR_load_f32 ? IR_F32 : IR_I64;
    if (op == IR_load && size_log2 == 3 && draw(generator, 2))
        insn.type = IR_F64;
    if (op == IR_load_f32)
        size_log2 = 2;
    if (op == IR_store) {
        enum ir_type type = type_of_kind(generator, 'Z', 0, 0);
        insn.b = pick(generator, type);
        unsigned most = ir_type_width[type] == 64   ? 3
                        : ir_type_width[type] == 32 ? 2
                                                    : ir_type_width[type] == 16;
        size_log2 = ir_type_is_float(type) || size_log2 > most ? most : size_log2;
        is_signed = false;
    } else if (op == IR_amo || op == IR_store_conditional) {
        insn.b = pick(generator, IR_I64);
    }
    if (op == IR_load || op == IR_store || op == IR_load_f32)
        insn.imm = draw(generator, 4096) - 2048;
    if (op == IR_amo)
        insn.imm = draw(generator, IR_AMO_COUNT);
    insn.c = ir_memop(size_log2, is_signed, 2 * (unsigned)draw(generator, 64));
    ir_ref ref = ir_emit(builder, insn);
    if (op != IR_store && draw(generator, 4))
        put(generator, ref);
}

static void emit_plain(struct generator *generator, enum ir_op op)
{
    const struct ir_op_info *info = &ir_op_info[op];
    struct ir_insn insn = {(uint8_t)op, IR_VOID, IR_NONE, IR_NONE, IR_NONE, 0};
    insn.type = (uint8_t)type_of_kind(generator, info->result, 0, 0);
    bool to_integer = op == IR_fcvt_to_s || op == IR_fcvt_to_u;
    if (to_integer && insn.type != IR_I64)
        insn.type = IR_I32;
    enum ir_type type_a = type_of_kind(generator, info->operand[0], insn.type, 0);
    if ((op == IR_fcvt_from_s || op == IR_fcvt_from_u) && type_a != IR_I64)
        type_a = IR_I32;
    unsigned to = ir_type_width[insn.type], from = ir_type_width[type_a];
    if ((op == IR_sext || op == IR_zext) && from > to)
        type_a = insn.type;
    if (op == IR_trunc && from < to)
        type_a = IR_I64;
    if (op == IR_bitcast)
        type_a = to == 64   ? (draw(generator, 2) ? IR_I64 : IR_F64)
                 : to == 32 ? (draw(generator, 2) ? IR_I32 : IR_F32)
                            : (enum ir_type)insn.type;
    if (info->operand_count > 0)
        insn.a = pick(generator, type_a);
    if (info->operand_count > 1)
        insn.b = pick(generator, type_of_kind(generator, info->operand[1], insn.type, type_a));
    if (info->operand_count > 2)
        insn.c = pick(generator, type_of_kind(generator, info->operand[2], insn.type, type_a));
    if (*info->imm == 'R' && info->imm[1] == 'M')
        insn.imm = draw(generator, 3) ? IR_RM_HOST : draw(generator, 5);
    ir_ref ref = ir_emit(&generator->builder, insn);
    if (insn.type != IR_VOID && (generator->like_guest || draw(generator, 3)))
        put(generator, ref);
}

static void emit_operation(struct generator *generator, enum ir_op op)
{
    unsigned kinds = op == IR_bulk ? IR_BULK_COUNT : IR_LIBCALL_COUNT;
    struct ir_insn insn = {.op = (uint8_t)op, .type = IR_I64, .imm = draw(generator, kinds)};
    insn.a = pick(generator, IR_I64);
    insn.b = pick(generator, IR_I64);
    insn.c = pick(generator, IR_I64);
    reference_confine(&generator->builder, &insn);
    put(generator, ir_emit(&generator->builder, insn));
}

static void emit_exit_if(struct generator *generator, enum ir_op op)
{
    static const enum ir_op comparisons[] = {IR_eq, IR_ne, IR_lt_s, IR_ge_s, IR_lt_u, IR_ge_u};
    struct ir_builder *builder = &generator->builder;
    enum ir_type type = draw(generator, 5) ? IR_I64 : type_of_kind(generator, 'I', 0, 0);
    ir_ref condition = draw(generator, 4)
                           ? ir_binary(builder, comparisons[draw(generator, 6)], IR_I64,
                                       pick(generator, type), pick(generator, type))
                           : pick(generator, IR_I64);
    uint64_t pc = 0x800 + 2 * draw(generator, 4096);
    unsigned c = op == IR_exit_if ? (unsigned)draw(generator, IR_BRANCH_COUNT)
                                  : 1 + (unsigned)draw(generator, IR_TRAP_COUNT - 1);
    ir_emit3(builder, op, IR_VOID, condition, IR_NONE, (ir_ref)c, pc);
}

static void emit_random(struct generator *generator)
{
    struct ir_builder *builder = &generator->builder;
    enum ir_op op = (enum ir_op)draw(generator, IR_OP_COUNT);
    if (draw(generator, 4) == 0) {
        static const enum ir_op common[] = {IR_add, IR_sub, IR_shl,  IR_shr,
                                            IR_and, IR_xor, IR_load, IR_store};
        op = common[draw(generator, ARRAY_LENGTH(common))];
    }
    const struct ir_op_info *info = &ir_op_info[op];
    if (info->operand[2] == 'M') {
        emit_access(generator, op);
    } else if (op == IR_bulk || op == IR_libcall) {
        if (tb_has_bulk())
            emit_operation(generator, op);
    } else if (op == IR_exit_if || op == IR_exit_trap_if) {
        if (draw(generator, 3) == 0)
            emit_exit_if(generator, op);
    } else if (info->flags & (IR_PURE | IR_FP_FLAGS) && op != IR_const) {
        emit_plain(generator, op);
    } else if (op == IR_set_reg) {
        put(generator, pick(generator, draw(generator, 3) ? IR_I64 : IR_F64));
    } else if (op == IR_get_fflags) {
        put(generator, ir_emit3(builder, op, IR_I64, IR_NONE, IR_NONE, IR_NONE, 0));
    } else if (op == IR_get_frm) {
        put(generator, ir_emit3(builder, op, IR_I64, IR_NONE, IR_NONE, IR_NONE, 0));
    } else if (op == IR_set_fflags) {
        ir_emit3(builder, op, IR_VOID, pick(generator, IR_I64), IR_NONE, IR_NONE, 0);
    } else if (op == IR_set_frm) {
        ir_ref mode = ir_const(builder, IR_I64, draw(generator, 4));
        put(generator, ir_unary(builder, op, IR_I64, mode));
    } else if (op == IR_fence) {
        ir_emit3(builder, op, IR_VOID, IR_NONE, IR_NONE, IR_NONE, 0xff);
    }
}

static void emit_end(struct generator *generator)
{
    struct ir_builder *builder = &generator->builder;
    uint64_t pc = 0x800 + 2 * draw(generator, 4096);
    ir_ref branch = (ir_ref)draw(generator, IR_BRANCH_COUNT);
    switch (draw(generator, 3)) {
    case 0:
        ir_emit3(builder, IR_exit_direct, IR_VOID, IR_NONE, IR_NONE, branch, pc);
        break;
    case 1:
        ir_emit3(builder, IR_exit_trap, IR_VOID, IR_NONE, IR_NONE, IR_TRAP_ECALL, pc);
        break;
    default: {
        ir_ref even = ir_binary(builder, IR_and, IR_I64, pick(generator, IR_I64),
                                ir_const(builder, IR_I64, ~UINT64_C(1)));
        ir_emit3(builder, IR_exit_indirect, IR_VOID, even, IR_NONE, branch, 0);
    }
    }
}

struct ir_block *reference_random_block(struct arena *arena, uint64_t *random_state,
                                        unsigned length, bool like_guest)
{
    struct generator generator = {.state = random_state, .like_guest = like_guest};
    ir_builder_begin(&generator.builder, arena, 0x1000, 0);
    while (generator.builder.block->length < length)
        emit_random(&generator);
    emit_end(&generator);
    struct ir_block *block = generator.builder.block;
    CHECK(!generator.builder.failed, "a random block is too long");
    block->guest_size_bytes = 128;
    block->guest_length = 64;
    return block;
}

void reference_note_ops(bool *seen, const struct ir_block *block)
{
    for (uint32_t i = 0; i < block->length; i++)
        seen[block->insns[i].op] = true;
}

const char *reference_report_ops(const bool *seen, const char *tier)
{
    const char *missing = NULL;
    unsigned count = 0;
    for (unsigned op = 0; op < IR_OP_COUNT; op++) {
        count += seen[op];
        bool is_bulk = op == IR_bulk || op == IR_libcall;
        if (!seen[op] && op != IR_get_counter && (!is_bulk || tb_has_bulk()))
            missing = ir_op_info[op].name;
    }
    printf("%s: %u of %u IR operations in random blocks\n", tier, count, (unsigned)IR_OP_COUNT);
    fflush(stdout);
    return missing;
}
