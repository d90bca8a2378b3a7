/* Helper calls, and the FP control and status registers. */
#include "src/base/bits.h"
#include "tier1/emit.h"

#include <string.h>

/* ---- helpers ---- */

static void store_constant(struct t1 *t, struct x64_mem mem, uint64_t value)
{
    if ((int64_t)value == (int32_t)value) {
        x64_store_i(&t->x, mem, 64, (int32_t)value);
        return;
    }
    unsigned temp = t1_temp_gpr(t);
    x64_mov_ri(&t->x, temp, value);
    x64_store(&t->x, mem, temp);
    t1_unlock_gpr(t, temp);
}

/* reg := the low `width` bits of reg or memory, zero-extended. */
static void load_zero_extended(struct t1 *t, unsigned width, unsigned reg,
                               struct x64_operand source)
{
    static const unsigned specs[4] = {0xb6 | X64_0F | X64_BYTE_RM, 0xb7 | X64_0F, 0x8b,
                                      0x8b | X64_W};
    x64_ro(&t->x, specs[__builtin_ctz(width) - 3], reg, source);
}

static void store_integer(struct t1 *t, struct x64_mem mem, ir_ref value, unsigned width)
{
    struct x64_operand source = t1_use(t, value, width, false);
    if (source.kind == X64_REG && width == 64) {
        x64_store(&t->x, mem, source.reg);
        return;
    }
    unsigned temp = t1_temp_gpr(t);
    load_zero_extended(t, width, temp, source);
    x64_store(&t->x, mem, temp);
    t1_unlock_gpr(t, temp);
}

/* helper_arg[k] := the held value of the operand, an f32 zero-extended. */
static void store_argument(struct t1 *t, unsigned k, ir_ref value, unsigned type)
{
    struct x64_mem mem = t1_helper_argument(k);
    unsigned width = ir_type_width[type];
    if (t1_is_const(t, value)) {
        store_constant(t, mem, bits_zero_extend(t1_imm(t, value), width));
    } else if (ir_type_is_float(type)) {
        t1_store_xmm(t, mem, t1_use_xmm(t, value), width == 64);
        mem.disp += 4;
        if (width == 32)
            x64_store_i(&t->x, mem, 32, 0);
    } else {
        store_integer(t, mem, value, width);
    }
}

static void call_thunk(struct t1 *t, enum vcpu_helper_index index)
{
    t1_spill_for_call(t);
    x64_mov_ri(&t->x, X64_RAX, index);
    x64_call_mem(&t->x, index < HELPER_BULK ? T1_VCPU(thunk_helper) : T1_VCPU(thunk_bulk));
}

/* The call's result, in RAX, becomes ref's value. */
static void bind_call_result(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    t->gpr_locked = 1u << X64_RAX;
    t->xmm_locked = 0;
    if (ir_type_is_float(node->type)) {
        t1_move_gpr_to_xmm(t, t1_def_xmm(t, ref, IR_NONE, IR_NONE), X64_RAX, node->type == IR_F64);
        return;
    }
    unsigned home = t1_home_gpr(t, ref);
    if (home == X64_NO_REG) {
        t1_bind_gpr(t, ref, X64_RAX);
        return;
    }
    x64_mov_rr(&t->x, home, X64_RAX);
    t1_bind_gpr(t, ref, home);
}

void t1_call_helper(struct t1 *t, ir_ref ref, const struct t1_node *node,
                    enum vcpu_helper_index index, uint64_t desc)
{
    for (unsigned k = 0; k < node->count; k++) {
        if (!(ir_op_info[node->op].flags & IR_FP_FLAGS)) /* those take all NaNs alike */
            t1_clean(t, node->operand[k]);
        store_argument(t, k, node->operand[k], t1_operand_type(t, ref, k));
    }
    store_constant(t, t1_helper_argument(3), desc);
    call_thunk(t, index);
    bind_call_result(t, ref, node);
}

/* ---- flags: NV DZ OF UF NX in bits 4-0 are MXCSR's IE ZE OE UE PE in bits 0 2 3 4 5 ----
 *
 * A pair of get_fflags and set_fflags around comparisons (ir_flags_restored_by) writes nothing: flt and
 * fle between are quiet, so that only signalling NaNs raise a flag, and after such a one they put MXCSR
 * back as get_fflags has found it. */

enum { LDMXCSR = 2, STMXCSR = 3, MXCSR_FLAGS = 0x3f, GUEST_FLAGS = 0x1f };

static void put_mxcsr(struct t1 *t, unsigned direction)
{
    x64_rm(&t->x, 0xae | X64_0F, direction, T1_VCPU(kept_mxcsr));
}

void t1_put_kept_mxcsr(struct t1 *t)
{
    put_mxcsr(t, LDMXCSR);
}

/* to := byte number `from` of the table at mem. */
static void look_up(struct t1 *t, unsigned to, struct x64_mem mem, unsigned from)
{
    mem.index = (uint8_t)from;
    x64_rm(&t->x, 0xb6 | X64_0F, to, mem);
}

/* The set_fflags that makes the flags what this get_fflags has found, past nothing but flt and fle; or
 * `get` itself. */
static ir_ref restoring(const struct t1 *t, ir_ref get)
{
    for (uint32_t ref = get + 1u; ref < t->block->length; ref++) {
        const struct ir_insn *insn = &t->insns[ref];
        if (insn->op == IR_feq)
            return get;
        if (insn->op == IR_set_fflags)
            return insn->a == get && ir_flags_restored_by(t->block, (ir_ref)ref) == get ? (ir_ref)ref
                                                                                         : get;
    }
    return get;
}

void t1_emit_get_fflags(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    (void)node;
    unsigned reg = t1_def_gpr(t, ref, IR_NONE, IR_NONE);
    put_mxcsr(t, STMXCSR);
    x64_rm(&t->x, 0x8b, reg, T1_VCPU(kept_mxcsr));
    x64_alu_ri(&t->x, X64_AND, 0, reg, MXCSR_FLAGS);
    look_up(t, reg, T1_VCPU(flags_of_mxcsr), reg);
    t->muted_from = ref;
    t->muted_until = restoring(t, ref);
}

void t1_emit_set_fflags(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    if (ref == t->muted_until)
        return;
    struct x64_operand flags = t1_use(t, node->operand[0], 64, true);
    unsigned to = t1_temp_gpr(t), old = t1_temp_gpr(t);
    x64_mov_ro(&t->x, to, flags);
    x64_alu_ri(&t->x, X64_AND, 0, to, GUEST_FLAGS);
    look_up(t, to, T1_VCPU(mxcsr_of_flags), to);
    put_mxcsr(t, STMXCSR);
    x64_rm(&t->x, 0x8b, old, T1_VCPU(kept_mxcsr));
    x64_alu_ri(&t->x, X64_AND, 0, old, ~MXCSR_FLAGS);
    x64_alu(&t->x, X64_OR, 0, to, x64_reg_operand(old));
    x64_rm(&t->x, 0x89, to, T1_VCPU(kept_mxcsr));
    put_mxcsr(t, LDMXCSR);
}

void t1_emit_get_frm(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    (void)node;
    x64_rm(&t->x, 0x8b, t1_def_gpr(t, ref, IR_NONE, IR_NONE), T1_VCPU(frm));
}

void t1_emit_set_frm(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    t1_call_helper(t, ref, node, HELPER_SET_FRM, 0);
}

void t1_emit_bulk(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    for (unsigned k = 0; k < node->count; k++)
        store_argument(t, k, node->operand[k], IR_I64);
    call_thunk(t, HELPER_BULK + (enum vcpu_helper_index)node->imm);
    bind_call_result(t, ref, node);
}

/* ---- libcalls: a b c in RAX RBX RBP ---- */

static const unsigned libcall_gpr[3] = {X64_RAX, X64_RBX, X64_RBP};

/* Where an operand stays while the scratch registers are freed. */
static struct x64_operand keep_argument(struct t1 *t, unsigned k, ir_ref value)
{
    const struct t1_value *v = &t->values[value];
    struct x64_mem mem = t1_memory_of(t, value);
    if (t1_is_const(t, value))
        return (struct x64_operand){X64_IMM, 0, 0};
    if (v->gpr != X64_NO_REG && !t1_is_scratch(v->gpr))
        return x64_reg_operand(v->gpr);
    if (mem.base == X64_NO_REG) {
        store_argument(t, k, value, IR_I64);
        mem = t1_helper_argument(k);
    }
    return (struct x64_operand){X64_MEM, mem.base, mem.disp};
}

void t1_emit_libcall(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    struct x64_operand kept[3];
    for (unsigned k = 0; k < node->count; k++)
        kept[k] = keep_argument(t, k, node->operand[k]);
    t1_spill_for_libcall(t);
    for (unsigned k = 0; k < node->count; k++)
        if (kept[k].kind == X64_IMM)
            x64_mov_ri(&t->x, libcall_gpr[k], t1_imm(t, node->operand[k]));
        else
            x64_mov_ro(&t->x, libcall_gpr[k], kept[k]);
    x64_call_mem(&t->x, T1_VCPU(libcall[node->imm]));
    bind_call_result(t, ref, node);
}

void t1_emit_get_counter(struct t1 *t, ir_ref ref, const struct t1_node *node)
{
    store_constant(t, t1_helper_argument(0), node->imm);
    call_thunk(t, HELPER_GET_COUNTER);
    bind_call_result(t, ref, node);
}
