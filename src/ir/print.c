/* The printer: a block as text, one instruction a line, in the form that parse.c reads back.
 *
 *   block 0x10078, 12 bytes, 3 insns, mode 0
 *     v0 = get_reg.i64 x10
 *     v1 = const.i64 0x8
 *     v2 = load.i64 v0, s32@4, -16
 *     set_reg v2, x11
 *     exit_if v2, jump, 0x10090
 *     exit_direct jump, 0x10084
 *
 * Operands stand in the order of ir_ops.def: values, then memop (sign, width, @ offset of the guest
 * instruction) or branch or trap, then the immediate. */
#include "src/ir/text.h"

#include <inttypes.h>
#include <string.h>

const char *const ir_branch_name[IR_BRANCH_COUNT] = {
    [IR_BRANCH_JUMP] = "jump",
    [IR_BRANCH_CALL] = "call",
    [IR_BRANCH_RETURN] = "return",
};
const char *const ir_trap_name[IR_TRAP_COUNT] = {
    [IR_TRAP_NONE] = "none",       [IR_TRAP_ECALL] = "ecall",           [IR_TRAP_EBREAK] = "ebreak",
    [IR_TRAP_ILLEGAL] = "illegal", [IR_TRAP_MISALIGNED] = "misaligned", [IR_TRAP_FETCH] = "fetch",
    [IR_TRAP_FENCE_I] = "fence_i", [IR_TRAP_REENTER] = "reenter",
};
const char *const ir_amo_name[IR_AMO_COUNT] = {
    [IR_AMO_SWAP] = "swap",   [IR_AMO_ADD] = "add",     [IR_AMO_XOR] = "xor",
    [IR_AMO_AND] = "and",     [IR_AMO_OR] = "or",       [IR_AMO_MIN_S] = "min_s",
    [IR_AMO_MAX_S] = "max_s", [IR_AMO_MIN_U] = "min_u", [IR_AMO_MAX_U] = "max_u",
};
const char *const ir_rounding_name[IR_ROUNDING_NAMES] = {
    [IR_RM_RNE] = "rne", [IR_RM_RTZ] = "rtz", [IR_RM_RDN] = "rdn",
    [IR_RM_RUP] = "rup", [IR_RM_RMM] = "rmm", [IR_RM_HOST] = "host",
};
const char *const ir_counter_name[IR_COUNTER_NAMES] = {
    [IR_COUNTER_CYCLE] = "cycle",
    [IR_COUNTER_TIME] = "time",
    [IR_COUNTER_INSTRET] = "instret",
};
const char *const ir_bulk_name[IR_BULK_COUNT] = {
    [IR_BULK_COPY] = "copy",   [IR_BULK_COPY_BACK] = "copy_back", [IR_BULK_FILL] = "fill",
    [IR_BULK_FIND] = "find",   [IR_BULK_MATCH] = "match",         [IR_BULK_MATCH_Z] = "match_z",
    [IR_BULK_PROBE] = "probe",
};
const char *const ir_libcall_name[IR_LIBCALL_COUNT] = {
    [IR_LIBCALL_MOVE] = "move",           [IR_LIBCALL_SET] = "set",
    [IR_LIBCALL_LENGTH] = "length",       [IR_LIBCALL_COMPARE] = "compare",
    [IR_LIBCALL_COMPARE_Z] = "compare_z", [IR_LIBCALL_SEEK] = "seek",
    [IR_LIBCALL_SEEK_Z] = "seek_z",
};

enum ir_imm_kind ir_imm_kind(enum ir_op op)
{
    static const struct {
        const char *name;
        enum ir_imm_kind kind;
    } kinds[] = {
        {"_", IR_IMM_NONE},    {"VALUE", IR_IMM_VALUE}, {"REG", IR_IMM_REG},
        {"DISP", IR_IMM_DISP}, {"PC", IR_IMM_PC},       {"RM", IR_IMM_RM},
        {"AMO", IR_IMM_AMO},   {"FENCE", IR_IMM_FENCE}, {"COUNTER", IR_IMM_COUNTER},
        {"BULK", IR_IMM_BULK}, {"LIBCALL", IR_IMM_LIBCALL},
    };
    unsigned i = 0;
    while (strcmp(kinds[i].name, ir_op_info[op].imm) != 0)
        i++;
    return kinds[i].kind;
}

/* A name of a table, or the number when it is out of range or has none. */
static void print_name(FILE *out, const char *const *names, unsigned count, uint64_t index)
{
    if (index < count && names[index])
        fputs(names[index], out);
    else
        fprintf(out, "?%" PRIu64, index);
}

static void print_memop(FILE *out, uint16_t memop)
{
    fprintf(out, "%c%u@%u", ir_memop_is_signed(memop) ? 's' : 'u', ir_memop_size_bytes(memop) * 8,
            ir_memop_pc_offset(memop));
}

static void print_imm(FILE *out, enum ir_imm_kind kind, uint64_t imm)
{
    switch (kind) {
    case IR_IMM_NONE:
        break;
    case IR_IMM_REG:
        fprintf(out, "%c%" PRIu64, imm < IR_FIRST_FP_REG ? 'x' : 'f',
                imm < IR_FIRST_FP_REG ? imm : imm - IR_FIRST_FP_REG);
        break;
    case IR_IMM_DISP:
        fprintf(out, "%+" PRId64, (int64_t)imm);
        break;
    case IR_IMM_VALUE:
    case IR_IMM_PC:
    case IR_IMM_FENCE:
        fprintf(out, "0x%" PRIx64, imm);
        break;
    case IR_IMM_RM:
        print_name(out, ir_rounding_name, IR_ROUNDING_NAMES, imm);
        break;
    case IR_IMM_AMO:
        print_name(out, ir_amo_name, IR_AMO_COUNT, imm);
        break;
    case IR_IMM_COUNTER:
        print_name(out, ir_counter_name, IR_COUNTER_NAMES, imm);
        break;
    case IR_IMM_BULK:
        print_name(out, ir_bulk_name, IR_BULK_COUNT, imm);
        break;
    case IR_IMM_LIBCALL:
        print_name(out, ir_libcall_name, IR_LIBCALL_COUNT, imm);
        break;
    }
}

void ir_print_insn(FILE *out, const struct ir_block *block, ir_ref ref)
{
    const struct ir_insn *insn = &block->insns[ref];
    const struct ir_op_info *info = &ir_op_info[insn->op];
    if (info->result != 'V')
        fprintf(out, "v%u = %s.%s", ref, info->name, ir_type_name[insn->type]);
    else
        fputs(info->name, out);

    const ir_ref operand[3] = {insn->a, insn->b, insn->c};
    const char *separator = " ";
    for (unsigned i = 0; i < 3; i++) {
        char kind = info->operand[i];
        if (kind == '_')
            continue;
        fputs(separator, out);
        separator = ", ";
        if (kind == 'M')
            print_memop(out, operand[i]);
        else if (kind == 'K' && ir_op_traps(insn->op))
            print_name(out, ir_trap_name, IR_TRAP_COUNT, operand[i]);
        else if (kind == 'K')
            print_name(out, ir_branch_name, IR_BRANCH_COUNT, operand[i]);
        else
            fprintf(out, "v%u", operand[i]);
    }
    enum ir_imm_kind kind = ir_imm_kind(insn->op);
    if (kind != IR_IMM_NONE)
        fputs(separator, out);
    print_imm(out, kind, insn->imm);
    fputc('\n', out);
}

void ir_print(FILE *out, const struct ir_block *block)
{
    fprintf(out, "block 0x%" PRIx64 ", %u bytes, %u insns, mode %u\n", block->guest_pc,
            block->guest_size_bytes, block->guest_length, block->mode);
    for (uint32_t ref = 0; ref < block->length; ref++) {
        fputs("  ", out);
        ir_print_insn(out, block, (ir_ref)ref);
    }
}
