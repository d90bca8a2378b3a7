/* Uses of the accrued floating-point flags. RISC-V has no quiet "less than": compilers read the
 * flags, compare, and write them back. Such a pair is recognised here, so that it costs no access to
 * the host's flags, and is not taken for an interest of the guest in them. */
#include "src/ir/ir.h"

static bool is_comparison(unsigned op)
{
    return op == IR_feq || op == IR_flt || op == IR_fle;
}

/* Neither touches the flags nor lets anybody see them. */
static bool is_calm(const struct ir_insn *insn)
{
    if (insn->op == IR_set_reg || insn->op == IR_get_reg || is_comparison(insn->op))
        return true;
    return ir_op_info[insn->op].flags == IR_PURE;
}

ir_ref ir_flags_restored_by(const struct ir_block *block, ir_ref set)
{
    ir_ref get = block->insns[set].a;
    if (block->insns[get].op != IR_get_fflags)
        return IR_NONE;
    for (ir_ref ref = (ir_ref)(get + 1); ref < set; ref++)
        if (!is_calm(&block->insns[ref]))
            return IR_NONE;
    return get;
}

bool ir_uses_flags(const struct ir_block *block)
{
    ir_ref pending = IR_NONE; /* a get_fflags that has not been put back yet */
    for (uint32_t i = 0; i < block->length; i++) {
        unsigned op = block->insns[i].op;
        if (op == IR_set_frm)
            return true;
        if (op == IR_get_fflags) {
            if (pending != IR_NONE)
                return true;
            pending = (ir_ref)i;
        } else if (op == IR_set_fflags) {
            if (ir_flags_restored_by(block, (ir_ref)i) == IR_NONE)
                return true;
            pending = IR_NONE;
        }
    }
    return pending != IR_NONE;
}
