/* The verifier: whether a block keeps the rules of ir_ops.def and ir.h. Runs after translation and
 * after the optimiser in debug builds, and in the tests; every other part relies on what it checks.
 */
#include "src/ir/text.h"

#include "src/base/bits.h"

#include <inttypes.h>

struct verifier {
    const struct ir_block *block;
    ir_ref ref;
    const struct ir_insn *insn;
    struct error *err;
};

#define REJECT(verifier, format, ...)                                                              \
    error_set((verifier)->err, STATUS_REJECTED, "IR block 0x%" PRIx64 ", v%u (%s): " format,       \
              (verifier)->block->guest_pc, (verifier)->ref,                                        \
              (verifier)->insn->op < IR_OP_COUNT ? ir_op_info[(verifier)->insn->op].name : "?",    \
              __VA_ARGS__)

static bool is_integer(unsigned type)
{
    return type >= IR_I8 && type <= IR_I64;
}

/* Whether a value of `type` can stand where the table says `kind`. */
/* clang-format off */
static bool type_fits(char kind, unsigned type, unsigned result_type, unsigned type_a)
{
    switch (kind) {
    case 'V': return type == IR_VOID;
    case 'I': return is_integer(type);
    case 'W':
    case 'L': return type == IR_I64;
    case 'F': return type == IR_F32 || type == IR_F64;
    case 'S': return type == IR_F32;
    case 'D': return type == IR_F64;
    case 'X': return type == IR_I64 || type == IR_F64;
    case 'N':
    case 'Z': return type != IR_VOID;
    case 'T': return type == result_type;
    case 'A': return type == type_a;
    }
    return false;
}
/* clang-format on */

static enum status check_operand(const struct verifier *verifier, unsigned index, ir_ref operand,
                                 unsigned type_a)
{
    const struct ir_insn *insn = verifier->insn;
    char kind = ir_op_info[insn->op].operand[index];
    const char name = "abc"[index];
    if (kind == 'M')
        return STATUS_OK;
    if (kind == 'K') {
        bool traps = ir_op_traps(insn->op);
        if (traps ? operand == IR_TRAP_NONE || operand >= IR_TRAP_COUNT
                  : operand >= IR_BRANCH_COUNT)
            return REJECT(verifier, "%u is no kind of %s", operand, traps ? "trap" : "branch");
        return STATUS_OK;
    }
    if (kind == '_')
        return operand == IR_NONE ? STATUS_OK : REJECT(verifier, "operand %c is not IR_NONE", name);
    if (operand >= verifier->ref)
        return REJECT(verifier, "operand %c is v%u, which is not defined before", name, operand);
    unsigned type = verifier->block->insns[operand].type;
    if (!type_fits(kind, type, insn->type, type_a))
        return REJECT(verifier, "operand %c has type %s", name, ir_type_name[type]);
    return STATUS_OK;
}

static enum status check_imm(const struct verifier *verifier)
{
    const struct ir_insn *insn = verifier->insn;
    uint64_t imm = insn->imm;
    bool is_good = true;
    switch (ir_imm_kind(insn->op)) {
    case IR_IMM_NONE:
        is_good = imm == 0;
        break;
    case IR_IMM_VALUE:
        is_good = imm == bits_zero_extend(imm, ir_type_width[insn->type]);
        break;
    case IR_IMM_REG:
        is_good = imm < IR_GUEST_REGS;
        break;
    case IR_IMM_DISP:
        is_good = (int64_t)imm == (int32_t)imm;
        break;
    case IR_IMM_PC: /* odd: the routine of the loop at pc - 1 */
        is_good = imm % 2 == 0 || !ir_op_traps(insn->op);
        break;
    case IR_IMM_FENCE:
        is_good = imm < 256;
        break;
    case IR_IMM_RM:
        is_good = imm <= IR_RM_RMM || imm == IR_RM_HOST;
        break;
    case IR_IMM_AMO:
        is_good = imm < IR_AMO_COUNT;
        break;
    case IR_IMM_COUNTER:
        is_good = imm < IR_COUNTER_NAMES;
        break;
    case IR_IMM_BULK:
        is_good = imm < IR_BULK_COUNT;
        break;
    case IR_IMM_LIBCALL:
        is_good = imm < IR_LIBCALL_COUNT;
        break;
    }
    return is_good ? STATUS_OK : REJECT(verifier, "immediate 0x%" PRIx64 " is out of range", imm);
}

/* Widths that kinds alone do not tell. */
static enum status check_widths(const struct verifier *verifier)
{
    const struct ir_insn *insn = verifier->insn;
    unsigned to = ir_type_width[insn->type];
    unsigned from = ir_op_info[insn->op].operand_count ? ir_width_of(verifier->block, insn->a) : 0;
    bool is_good = true;
    switch ((unsigned)insn->op) {
    case IR_sext:
    case IR_zext:
        is_good = from <= to;
        break;
    case IR_trunc:
        is_good = from >= to;
        break;
    case IR_bitcast:
        is_good = from == to;
        break;
    case IR_fcvt_to_s:
    case IR_fcvt_to_u:
        is_good = to >= 32;
        break;
    case IR_fcvt_from_s:
    case IR_fcvt_from_u:
        is_good = from >= 32;
        break;
    }
    return is_good ? STATUS_OK : REJECT(verifier, "width %u to %u", from, to);
}

static enum status check_memop(const struct verifier *verifier)
{
    const struct ir_insn *insn = verifier->insn;
    if (ir_op_info[insn->op].operand[2] != 'M')
        return STATUS_OK;
    if (insn->c & 8)
        return REJECT(verifier, "memop 0x%x has an unknown bit", insn->c);
    if (ir_memop_pc_offset(insn->c) >= verifier->block->guest_size_bytes)
        return REJECT(verifier, "memop lies at %u, outside of the guest code",
                      ir_memop_pc_offset(insn->c));
    unsigned width = ir_memop_size_bytes(insn->c) * 8;
    bool is_good = true;
    switch ((unsigned)insn->op) {
    case IR_load:
        is_good = insn->type != IR_F64 || width == 64;
        break;
    case IR_load_f32:
        is_good = width == 32;
        break;
    case IR_store: {
        unsigned type = verifier->block->insns[insn->b].type;
        is_good =
            ir_type_is_float(type) ? width == ir_type_width[type] : width <= ir_type_width[type];
        break;
    }
    case IR_load_reserved:
    case IR_store_conditional:
    case IR_amo:
        is_good = width >= 32;
        break;
    }
    return is_good ? STATUS_OK : REJECT(verifier, "an access of %u bits", width);
}

static enum status check_insn(const struct verifier *verifier)
{
    const struct ir_insn *insn = verifier->insn;
    if (insn->op >= IR_OP_COUNT)
        return REJECT(verifier, "operation %u does not exist", insn->op);
    const struct ir_op_info *info = &ir_op_info[insn->op];
    if (insn->type >= IR_TYPE_COUNT || !type_fits(info->result, insn->type, insn->type, insn->type))
        return REJECT(verifier, "the result has type %u", insn->type);
    bool is_last = verifier->ref + 1u == verifier->block->length;
    if (is_last != !!(info->flags & IR_ENDS))
        return REJECT(verifier, "%s",
                      is_last ? "the last one does not end the block"
                              : "ends the block and is not the last");
    const ir_ref operand[3] = {insn->a, insn->b, insn->c};
    unsigned type_a = insn->a < verifier->ref ? verifier->block->insns[insn->a].type : IR_VOID;
    for (unsigned i = 0; i < 3; i++) {
        enum status status = check_operand(verifier, i, operand[i], type_a);
        if (status)
            return status;
    }
    enum status status = check_imm(verifier);
    if (!status)
        status = check_widths(verifier);
    return status ? status : check_memop(verifier);
}

enum status ir_verify(const struct ir_block *block, struct error *err)
{
    if (block->length == 0 || block->length > IR_MAX_INSNS)
        return error_set(err, STATUS_REJECTED, "IR block 0x%" PRIx64 " has %u instructions",
                         block->guest_pc, block->length);
    if (block->guest_size_bytes > IR_MAX_BLOCK_BYTES)
        return error_set(err, STATUS_REJECTED, "IR block 0x%" PRIx64 " covers %u guest bytes",
                         block->guest_pc, block->guest_size_bytes);
    for (uint32_t i = 0; i < block->length; i++) {
        struct verifier verifier = {block, (ir_ref)i, &block->insns[i], err};
        enum status status = check_insn(&verifier);
        if (status)
            return status;
    }
    return STATUS_OK;
}
