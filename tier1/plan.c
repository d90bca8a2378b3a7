/* Planning: what the emission pass must know ahead of time.
 *
 * Forward, each instruction becomes a node whose operands are canonical values: a repeated get_reg,
 * a trunc, a zext of a value that is already zero-extended and an integer bitcast are only names
 * for their operand; a boxed f32 stands for the f32 itself. So the bits of a register above a
 * value's width are arbitrary, save that a canonical i32 is always zero-extended. Backward, unused
 * nodes are dropped, single-use operations are folded into their user, and next uses and
 * destination hints are noted. */
#include "tier1/emit.h"

#include <string.h>

/* What the two scans ask about each operation, in one byte so that most need one test. */
enum plan_trait {
    ALIASES = 1,    /* may be another name for its operand, or changes what registers are known */
    REMOVABLE = 2,  /* nothing to do when nobody uses the result */
    FOLDS = 4,
    PASSES_HINT = 8,
    COMMUTES = 16,
    OBSERVES = 32,  /* may fault or leave: guest registers must be in their places */
    SETS = 64,
    GETS = 128,
};

/* Traits that follow from the flags of ir_ops.def. */
#define P REMOVABLE
#define R REMOVABLE
#define E 0
#define Q 0
#define B OBSERVES
#define Z 0
static const uint8_t flag_traits[IR_OP_COUNT] = {
#define IR_OP(name, result, a, b, c, imm, flags, meaning) [IR_##name] = (flags),
#include "src/ir/ir_ops.def"
#undef IR_OP
};
#undef P
#undef R
#undef E
#undef Q
#undef B
#undef Z

static const uint8_t own_traits[IR_OP_COUNT] = {
    [IR_get_reg] = ALIASES | GETS,
    [IR_set_reg] = ALIASES | SETS | FOLDS,
    [IR_trunc] = ALIASES,
    [IR_sext] = ALIASES | PASSES_HINT,
    [IR_zext] = ALIASES | PASSES_HINT,
    [IR_bitcast] = ALIASES,
    [IR_unbox] = ALIASES,
    [IR_box] = PASSES_HINT,
    [IR_add] = FOLDS | PASSES_HINT | COMMUTES,
    [IR_sub] = PASSES_HINT,
    [IR_mul] = PASSES_HINT | COMMUTES,
    [IR_and] = FOLDS | PASSES_HINT | COMMUTES,
    [IR_or] = PASSES_HINT | COMMUTES,
    [IR_xor] = PASSES_HINT | COMMUTES,
    [IR_shl] = PASSES_HINT,
    [IR_shr] = PASSES_HINT,
    [IR_sar] = PASSES_HINT,
    [IR_rotl] = PASSES_HINT,
    [IR_rotr] = PASSES_HINT,
    [IR_select] = FOLDS,
    [IR_fmadd] = FOLDS,
    [IR_exit_if] = FOLDS,
    [IR_exit_trap_if] = FOLDS,
    [IR_load] = OBSERVES,
    [IR_load_f32] = OBSERVES,
    [IR_store] = OBSERVES,
    [IR_load_reserved] = OBSERVES,
    [IR_store_conditional] = OBSERVES,
    [IR_amo] = OBSERVES,
};

void t1_plan_init(struct t1 *t)
{
    for (unsigned op = 0; op < IR_OP_COUNT; op++)
        t->op[op] = (struct t1_op){
            .traits = flag_traits[op] | own_traits[op],
            .operand_count = ir_op_info[op].operand_count,
            .can_leave = (flag_traits[op] & OBSERVES) != 0,
        };
}

/* ---- forward ---- */

static bool is_same_class(const struct t1 *t, ir_ref a, ir_ref b)
{
    return t1_is_float(t, a) == t1_is_float(t, b);
}

/* True when the register of canonical value v, read at 64 bits, is its low `width` bits. */
static bool is_zero_extended(const struct t1 *t, ir_ref v, unsigned width)
{
    const struct t1_node *node = &t->nodes[v];
    if (node->op == IR_const)
        return width >= 64 || node->imm >> width == 0;
    return width == 32 && node->type == IR_I32;
}

/* The canonical value that this instruction is another name for, or itself; for a set_reg that
 * changes nothing its operand. known: value of each guest register so far. */
static ir_ref alias_of(struct t1 *t, ir_ref ref, const struct t1_node *node, ir_ref *known)
{
    ir_ref operand = node->operand[0];
    switch (node->op) {
    case IR_get_reg: {
        ir_ref value = known[node->imm];
        if (value != IR_NONE && is_same_class(t, value, ref))
            return value;
        known[node->imm] = ref;
        return ref;
    }
    case IR_set_reg:
        if (known[node->imm] == operand)
            return operand;
        known[node->imm] = operand;
        return ref;
    case IR_trunc:
        return operand;
    case IR_sext:
        return node->width == ir_type_width[node->type] ? operand : ref;
    case IR_zext:
        if (node->width == ir_type_width[node->type] || is_zero_extended(t, operand, node->width))
            return operand;
        return ref;
    case IR_bitcast:
        return is_same_class(t, operand, ref) ? operand : ref;
    case IR_unbox:
        return t->nodes[operand].op == IR_box ? operand : ref;
    default: /* an opcode as stored, not the enum: all others stand for themselves */
        return ref;
    }
}

/* Operands that are no values become a dummy value, so that both scans can treat the first two
 * alike without asking; there are several dummies, or each node would wait for the one before.
 * c keeps its raw content. The arrays come as arguments, because the compiler must take every store
 * into them for one that may change *t. */
static inline void copy_insn(const struct ir_insn *insns, ir_ref ref, unsigned count, ir_ref dummy,
                             ir_ref *canon, struct t1_node *node)
{
    const struct ir_insn *insn = &insns[ref];
    ir_ref a = count > 0 ? insn->a : ref, b = count > 1 ? insn->b : ref, c = insn->c;
    canon[ref] = dummy;
    if (__builtin_expect(count > 2, 0))
        c = canon[c];
    *node = (struct t1_node){
        .op = insn->op,
        .type = insn->type,
        .count = (uint8_t)count,
        .width = ir_type_width[insns[a].type],
        .operand = {canon[a], canon[b], c},
        .hint = IR_NONE,
        .imm = insn->imm,
    };
    canon[ref] = ref;
}

static inline void count_uses(struct t1_value *values, const struct t1_node *node)
{
    values[node->operand[0]].uses++;
    values[node->operand[1]].uses++;
    if (__builtin_expect(node->count > 2, 0))
        values[node->operand[2]].uses++;
}

static void plan_forward(struct t1 *t)
{
    const struct ir_insn *insns = t->block->insns;
    struct t1_node *nodes = t->nodes;
    struct t1_value *values = t->values;
    ir_ref *canon = t->canon;
    uint32_t length = t->block->length, dummies = t->capacity, exits = 0;
    ir_ref known[IR_GUEST_REGS];
    memset(known, 0xff, sizeof known);
    for (uint32_t i = 0; i < length; i++) {
        ir_ref ref = (ir_ref)i;
        struct t1_node *node = &nodes[i];
        struct t1_op op = t->op[insns[i].op];
        copy_insn(insns, ref, op.operand_count, (ir_ref)(dummies + i % T1_DUMMIES), canon, node);
        values[i] = (struct t1_value){
            .next_use = IR_NONE, .gpr = X64_NO_REG, .xmm = X64_NO_REG, .spill = T1_NO_SPILL};
        if (op.traits & ALIASES) {
            ir_ref canonical = alias_of(t, ref, node, known);
            if (canonical != ref) {
                canon[ref] = canonical;
                node->flags = T1_SKIP;
                continue;
            }
        }
        if (node->op == IR_box) /* its low half: from here on the two need one register */
            canon[insns[i].a] = ref;
        exits += op.can_leave;
        count_uses(values, node);
    }
    t->exits_planned = exits;
}

/* ---- backward ---- */

/* What the scan knows about the instructions after the current one. */
struct scan {
    uint32_t next_observation;          /* the nearest that can leave or fault */
    ir_ref next_set[IR_GUEST_REGS];     /* the nearest set_reg, IR_NONE: none */
    ir_ref next_get[IR_GUEST_REGS];
};

static bool is_single_use(const struct t1 *t, ir_ref value, enum ir_op op)
{
    return t->nodes[value].op == op && t->values[value].uses == 1;
}

static bool is_compare(unsigned op)
{
    return op >= IR_eq && op <= IR_ge_u;
}

enum x64_cc t1_cc_of(enum ir_op compare)
{
    static const uint8_t cc[] = {
        [IR_eq - IR_eq] = X64_E,   [IR_ne - IR_eq] = X64_NE,   [IR_lt_s - IR_eq] = X64_L,
        [IR_ge_s - IR_eq] = X64_GE, [IR_lt_u - IR_eq] = X64_B, [IR_ge_u - IR_eq] = X64_AE,
    };
    return (enum x64_cc)cc[compare - IR_eq];
}

/* x & y against zero by eq, ne, lt_s, ge_s needs no compare of its own. */
static void fold_test(struct t1 *t, struct t1_node *node, unsigned first)
{
    ir_ref x = node->operand[first], y = node->operand[first + 1];
    bool is_sign_or_zero = node->cond == X64_E || node->cond == X64_NE || node->cond == X64_L ||
                           node->cond == X64_GE;
    if (!is_sign_or_zero || node->width < 32 || !t1_is_const(t, y) || t->nodes[y].imm != 0 ||
        !is_single_use(t, x, IR_and) || ir_type_width[t->nodes[x].type] != node->width)
        return;
    struct t1_node *and = &t->nodes[x];
    and->flags |= T1_SKIP;
    node->flags |= T1_TEST;
    node->operand[first] = and->operand[0];
    node->operand[first + 1] = and->operand[1];
}

/* Makes the compare that only this node uses part of it; its operands become first, first + 1. */
static void fold_compare(struct t1 *t, struct t1_node *node, ir_ref condition, unsigned first)
{
    struct t1_node *compare = &t->nodes[condition];
    if (!is_compare(compare->op) || t->values[condition].uses != 1)
        return;
    compare->flags |= T1_SKIP;
    node->flags |= T1_FUSED;
    node->cond = (uint8_t)t1_cc_of((enum ir_op)compare->op);
    node->width = compare->width;
    node->operand[first] = compare->operand[0];
    node->operand[first + 1] = compare->operand[1];
    node->count = (uint8_t)(first + 2);
    fold_test(t, node, first);
}

/* add x, shl(y, 1..3) is one lea. */
static void fold_lea(struct t1 *t, struct t1_node *node)
{
    if (node->type != IR_I64 && node->type != IR_I32)
        return;
    for (unsigned k = 0; k < 2; k++) {
        ir_ref shifted = node->operand[k], other = node->operand[1 - k];
        struct t1_node *shl = &t->nodes[shifted];
        if (!is_single_use(t, shifted, IR_shl) || shl->type != node->type ||
            !t1_is_const(t, shl->operand[1]) || t1_is_const(t, shl->operand[0]) ||
            t1_is_const(t, other))
            continue;
        uint64_t count = t->nodes[shl->operand[1]].imm & (ir_type_width[node->type] - 1u);
        if (count < 1 || count > 3)
            continue;
        shl->flags |= T1_SKIP;
        node->flags |= T1_LEA;
        node->cond = (uint8_t)count;
        node->operand[0] = other;
        node->operand[1] = shl->operand[0];
        return;
    }
}

/* and x, xor(y, -1) is one andn. */
static void fold_andn(struct t1 *t, struct t1_node *node)
{
    if (!(t->features & T1_BMI1) || (node->type != IR_I64 && node->type != IR_I32))
        return;
    uint64_t ones = node->type == IR_I64 ? UINT64_MAX : UINT32_MAX;
    for (unsigned k = 0; k < 2; k++) {
        ir_ref inverted = node->operand[k], other = node->operand[1 - k];
        struct t1_node *xor = &t->nodes[inverted];
        if (!is_single_use(t, inverted, IR_xor) || xor->type != node->type ||
            !t1_is_const(t, xor->operand[1]) ||
            (t->nodes[xor->operand[1]].imm & ones) != ones || t1_is_const(t, other))
            continue;
        xor->flags |= T1_SKIP;
        node->flags |= T1_ANDN;
        node->operand[0] = xor->operand[0];
        node->operand[1] = other;
        return;
    }
}

static void fold_negation(struct t1 *t, struct t1_node *node, unsigned k, unsigned flag)
{
    ir_ref operand = node->operand[k];
    if (!is_single_use(t, operand, IR_fneg))
        return;
    t->nodes[operand].flags |= T1_SKIP;
    node->operand[k] = t->nodes[operand].operand[0];
    node->flags ^= flag;
}

static void fold(struct t1 *t, struct t1_node *node)
{
    switch (node->op) {
    case IR_exit_if:
    case IR_exit_trap_if:
        fold_compare(t, node, node->operand[0], 0);
        break;
    case IR_select: {
        ir_ref condition = node->operand[0];
        node->operand[0] = node->operand[1];
        node->operand[1] = node->operand[2];
        node->operand[2] = condition;
        fold_compare(t, node, condition, 2);
        break;
    }
    case IR_add:
        fold_lea(t, node);
        break;
    case IR_and:
        fold_andn(t, node);
        break;
    case IR_fmadd:
        if (t->features & T1_FMA && node->imm == IR_RM_HOST) {
            fold_negation(t, node, 0, T1_NEG_PRODUCT);
            fold_negation(t, node, 1, T1_NEG_PRODUCT);
            fold_negation(t, node, 2, T1_NEG_ADDEND);
        }
        break;
    case IR_set_reg:
        if (is_single_use(t, node->operand[0], IR_box) && !(t->pinned >> node->imm & 1) &&
            t->host_of[node->imm] == X64_NO_REG) {
            t->nodes[node->operand[0]].flags |= T1_SKIP;
            node->flags |= T1_BOXED;
            node->operand[0] = t->nodes[node->operand[0]].operand[0];
        }
        break;
    default: /* an opcode as stored: the others fold nothing */
        break;
    }
}

/* A hint holds when the register's old value cannot be asked for, by name or by an observer,
 * between the value's definition and the set_reg. */
static void check_hint(const struct t1 *t, struct t1_node *node, const struct scan *scan)
{
    uint64_t reg = t->nodes[node->hint].imm;
    if (scan->next_set[reg] != node->hint || scan->next_get[reg] < node->hint ||
        scan->next_observation < node->hint)
        node->hint = IR_NONE;
}

/* Passes the node's hint on to the operand that two-address code will want in the same place. */
static void pass_hint_on(struct t1 *t, const struct t1_node *node, bool is_commutative)
{
    for (unsigned k = 0; k < (is_commutative ? 2u : 1u); k++) {
        struct t1_node *operand = &t->nodes[node->operand[k]];
        if (operand->op == IR_get_reg || operand->op == IR_const ||
            t->values[node->operand[k]].next_use != IR_NONE)
            continue;
        operand->hint = node->hint;
        return;
    }
}

static void note_effects(const struct t1 *t, ir_ref ref, const struct t1_node *node,
                         unsigned traits, struct scan *scan)
{
    if (traits & OBSERVES)
        scan->next_observation = ref;
    if (traits & GETS)
        scan->next_get[node->imm] = ref;
    if (traits & SETS) {
        scan->next_set[node->imm] = ref;
        if (t->pinned >> node->imm & 1 &&
            t1_is_float(t, node->operand[0]) == t1_is_float_reg((unsigned)node->imm))
            t->nodes[node->operand[0]].hint = ref;
    }
}

static inline void note_uses(struct t1_value *values, ir_ref ref, struct t1_node *node)
{
    ir_ref next_a = values[node->operand[0]].next_use, next_b = values[node->operand[1]].next_use;
    node->next[0] = next_a;
    node->next[1] = next_b;
    for (unsigned k = 2; k < node->count; k++)
        node->next[k] = values[node->operand[k]].next_use;
    values[node->operand[0]].next_use = ref;
    values[node->operand[1]].next_use = ref;
    for (unsigned k = 2; k < node->count; k++)
        values[node->operand[k]].next_use = ref;
}

static void plan_backward(struct t1 *t)
{
    struct scan scan;
    struct t1_node *nodes = t->nodes;
    struct t1_value *values = t->values;
    memset(&scan, 0xff, sizeof scan);
    for (uint32_t i = t->block->length; i-- > 0;) {
        ir_ref ref = (ir_ref)i;
        struct t1_node *node = &nodes[i];
        unsigned traits = t->op[node->op].traits;
        bool is_unused = traits & REMOVABLE && values[i].next_use == IR_NONE;
        if (is_unused || node->flags & T1_SKIP) {
            node->flags |= T1_SKIP;
            continue;
        }
        if (traits & FOLDS)
            fold(t, node);
        if (node->hint != IR_NONE) {
            check_hint(t, node, &scan);
            if (node->hint != IR_NONE && traits & PASSES_HINT)
                pass_hint_on(t, node, traits & COMMUTES);
        }
        note_uses(values, ref, node);
        if (traits & (OBSERVES | GETS | SETS))
            note_effects(t, ref, node, traits, &scan);
    }
}

void t1_plan(struct t1 *t)
{
    plan_forward(t);
    plan_backward(t);
}
