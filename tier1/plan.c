/* Planning: what each node is to do and when each value is needed next.
 *
 * One backward walk over the IR decides which operations are emitted (those that are needed), links
 * them into a list, notes next uses, passes hints on which pinned register a result should be
 * computed in, and folds an operation into its only user: by the time the walk reaches an operation
 * all of its uses are known. Reads of guest registers become values that are there from the start
 * (plan_backward with EARLY_GETS); a block that reads a register after a write is walked again with
 * its reads in order. A block with operations that may be other names of their operands is walked
 * forward first, for the canonical name of each value. */
#include "tier1/emit.h"

#include <string.h>

/* What an operation is to the walk. */
enum plan_kind {
    KIND_CONST,    /* made where it is used */
    KIND_GET,      /* get_reg */
    KIND_SET,      /* set_reg */
    KIND_PURE,     /* nothing to do when nobody uses the result */
    KIND_FOLDED,   /* the same; may become part of its only user */
    KIND_OBSERVES, /* may fault or leave: guest registers must be in their places */
    KIND_EFFECT,
};

enum plan_trait {
    ALIASES = 1, /* may be another name for its operand, or the better one (box) */
    PASSES_HINT = 2,
    COMMUTES = 4,
    EXITS = 8,
    SELECTS = 16, /* the condition, operand a, goes last */
    FUSES = 32,   /* an exit that may become one with the compare before it */
};

/* Together, so that it is one load: kind, traits, how many operands are values. */
enum { TRAITS_SHIFT = 8, COUNT_SHIFT = 24 };
static inline unsigned kind_in(uint32_t op)
{
    return op & 0xff;
}
static inline unsigned traits_in(uint32_t op)
{
    return op >> TRAITS_SHIFT & 0xff;
}
static inline unsigned count_in(uint32_t op)
{
    return op >> COUNT_SHIFT;
}

/* The others follow from the flags of ir_ops.def. */
static const uint8_t own_kinds[IR_OP_COUNT] = {
    [IR_get_reg] = KIND_GET,
    [IR_set_reg] = KIND_SET,
    [IR_box] = KIND_FOLDED,
    [IR_and] = KIND_FOLDED,
    [IR_xor] = KIND_FOLDED,
    [IR_shl] = KIND_FOLDED,
    [IR_eq] = KIND_FOLDED,
    [IR_ne] = KIND_FOLDED,
    [IR_lt_s] = KIND_FOLDED,
    [IR_ge_s] = KIND_FOLDED,
    [IR_lt_u] = KIND_FOLDED,
    [IR_ge_u] = KIND_FOLDED,
    [IR_fneg] = KIND_FOLDED,
};

static const uint8_t own_traits[IR_OP_COUNT] = {
    [IR_trunc] = ALIASES,
    [IR_sext] = ALIASES | PASSES_HINT,
    [IR_zext] = ALIASES | PASSES_HINT,
    [IR_bitcast] = ALIASES,
    [IR_unbox] = ALIASES,
    [IR_box] = ALIASES | PASSES_HINT,
    [IR_add] = PASSES_HINT | COMMUTES,
    [IR_sub] = PASSES_HINT,
    [IR_mul] = PASSES_HINT | COMMUTES,
    [IR_and] = PASSES_HINT | COMMUTES,
    [IR_or] = PASSES_HINT | COMMUTES,
    [IR_xor] = PASSES_HINT | COMMUTES,
    [IR_shl] = PASSES_HINT,
    [IR_shr] = PASSES_HINT,
    [IR_sar] = PASSES_HINT,
    [IR_rotl] = PASSES_HINT,
    [IR_rotr] = PASSES_HINT,
    [IR_select] = SELECTS,
};

static enum plan_kind kind_of(unsigned op, bool is_folding)
{
    if (op == IR_const)
        return KIND_CONST;
    if (own_kinds[op] && (own_kinds[op] != KIND_FOLDED || is_folding))
        return (enum plan_kind)own_kinds[op];
    unsigned flags = ir_op_info[op].flags;
    return flags & (IR_EXITS | IR_ACCESSES) ? KIND_OBSERVES
           : flags & (IR_PURE | IR_READS)   ? KIND_PURE
                                            : KIND_EFFECT;
}

void t1_plan_init(struct t1 *t)
{
    bool is_folding = t->options->is_folding;
    for (unsigned op = 0; op < IR_OP_COUNT; op++) {
        bool exits = ir_op_info[op].flags & IR_EXITS;
        unsigned traits =
            own_traits[op] | (exits ? EXITS : 0u) | (exits && is_folding ? FUSES : 0u);
        t->op[op] = (uint32_t)kind_of(op, is_folding) | traits << TRAITS_SHIFT |
                    (uint32_t)ir_op_info[op].operand_count << COUNT_SHIFT;
    }
}

/* ---- values and their names ---- */

/* Every value is nowhere and unused. Operands that are no values stand for a dummy value behind the
 * last, which never dies. */
static void init_values(struct t1 *t)
{
    static const struct t1_value nowhere = {.next_use = IR_NONE,
                                            .hint = IR_NONE,
                                            .gpr = X64_NO_REG,
                                            .xmm = X64_NO_REG,
                                            .spill = T1_NO_SPILL};
    struct t1_value *dummy = &t->values[t->block->length];
    for (struct t1_value *value = t->values; value <= dummy; value += 4) {
#pragma GCC unroll 4
        for (unsigned k = 0; k < 4; k++)
            memcpy(&value[k], &nowhere, sizeof nowhere);
    }
    dummy->next_use = 0;
}

/* Whether an operation may be another name for its operand. */
static bool may_have_aliases(const struct t1 *t)
{
    const struct ir_insn *insns = t->insns;
    const uint32_t *ops = t->op;
    if (t->block->is_unconverted)
        return false;
    uint32_t length = t->block->length, together = 0;
    for (uint32_t i = 0; i < length; i++)
        together |= ops[insns[i].op];
    return traits_in(together) & ALIASES;
}

/* True when the register of canonical value v, read at 64 bits, is its low `width` bits. */
static bool is_zero_extended(const struct t1 *t, ir_ref v, unsigned width)
{
    const struct ir_insn *insn = &t->insns[v];
    if (insn->op == IR_const)
        return width >= 64 || insn->imm >> width == 0;
    return width == 32 && insn->type == IR_I32;
}

/* The canonical value that this instruction is another name for, or itself. */
static ir_ref alias_of(const struct t1 *t, ir_ref ref)
{
    const struct ir_insn *insn = &t->insns[ref];
    ir_ref operand = t->canon[insn->a];
    switch (insn->op) {
    case IR_trunc:
        return operand;
    case IR_sext:
        return t1_width_a(t, ref) == ir_type_width[insn->type] ? operand : ref;
    case IR_zext:
        if (t1_width_a(t, ref) == ir_type_width[insn->type] ||
            is_zero_extended(t, operand, t1_width_a(t, ref)))
            return operand;
        return ref;
    case IR_bitcast:
        return t1_is_float(t, operand) == t1_is_float(t, ref) ? operand : ref;
    case IR_unbox:
        return t->insns[operand].op == IR_box ? operand : ref;
    default: /* an opcode as stored, not the enum: all others stand for themselves */
        return ref;
    }
}

/* A box is the better name of the value in it, from there on: the two need one register. */
static void name_values(struct t1 *t)
{
    const struct ir_insn *insns = t->insns;
    ir_ref *canon = t->canon;
    uint32_t length = t->block->length;
    for (uint32_t i = 0; i < length; i++) {
        ir_ref ref = (ir_ref)i;
        canon[i] = traits_in(t->op[insns[i].op]) & ALIASES ? alias_of(t, ref) : ref;
        if (insns[i].op == IR_box && canon[insns[i].a] == insns[i].a)
            canon[insns[i].a] = ref;
    }
    canon[length] = (ir_ref)length;
}

/* What operand `name` of the instruction at `ref` stands for. */
static inline ir_ref resolve(const struct t1 *t, ir_ref name, ir_ref ref, bool has_aliases)
{
    ir_ref dummy = (ir_ref)t->block->length, value = name < dummy ? name : dummy;
    if (!has_aliases)
        return value;
    ir_ref canonical = t->canon[value];
    return canonical < ref ? canonical : value; /* a box that is still to come is no name */
}

/* ---- folding ---- */

/* What the walk knows about the instructions after the current one. */
struct scan {
    ir_ref next_set[IR_GUEST_REGS]; /* the nearest set_reg, IR_NONE: none */
    ir_ref next_get[IR_GUEST_REGS];
    uint32_t next_observation;      /* the nearest that can leave or fault */
    bool has_aliases;
};

/* The slot of the node's only operand `value`, when that is the value's only use; else none. */
enum { NO_SLOT = T1_MAX_OPERANDS };
static unsigned only_slot(const struct t1_node *user, ir_ref value)
{
    unsigned slot = NO_SLOT;
    for (unsigned k = 0; k < user->count; k++) {
        if (user->operand[k] != value)
            continue;
        if (slot != NO_SLOT || user->next[k] != IR_NONE)
            return NO_SLOT;
        slot = k;
    }
    return slot;
}

/* `value` becomes operand k of the node at `ref`, between whatever uses of it were noted already. */
static void insert_use(struct t1 *t, ir_ref value, ir_ref ref, unsigned k)
{
    struct t1_node *user = &t->nodes[ref];
    ir_ref *place = &t->values[value].next_use, next = *place;
    while (next < ref) {
        struct t1_node *node = &t->nodes[next];
        ir_ref after = IR_NONE;
        for (unsigned i = 0; i < node->count; i++)
            if (node->operand[i] == value)
                after = node->next[i];
        if (after >= ref) /* the node is the last one before ref: its slots lead to ref */
            for (unsigned i = 0; i < node->count; i++)
                if (node->operand[i] == value)
                    node->next[i] = ref;
        place = NULL;
        next = after;
    }
    if (place)
        *place = ref;
    if (next == ref) { /* another operand of the node */
        for (unsigned i = 0; i < user->count; i++)
            if (i != k && user->operand[i] == value)
                next = user->next[i];
    }
    user->operand[k] = value;
    user->next[k] = next;
}

/* The node no longer has operand k. False when that is not the value's nearest use. */
static bool remove_use(struct t1 *t, ir_ref ref, unsigned k)
{
    const struct t1_node *user = &t->nodes[ref];
    ir_ref value = user->operand[k];
    if (t->values[value].next_use != ref)
        return false;
    for (unsigned i = 0; i < user->count; i++)
        if (i != k && user->operand[i] == value)
            return true;
    t->values[value].next_use = user->next[k];
    return true;
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

/* The operands of a folded compare: of exits the first two, of select the last two. */
static unsigned first_compared(const struct t1_node *user)
{
    return user->op == IR_select ? 2 : 0;
}

/* Replaces the node's operands first and first + 1 by those of the binary operation at `ref`. */
static void take_operands(struct t1 *t, const struct scan *scan, ir_ref user_ref, unsigned first,
                          ir_ref ref)
{
    const struct ir_insn *insn = &t->insns[ref];
    struct t1_node *user = &t->nodes[user_ref];
    user->operand[first] = user->operand[first + 1] = (ir_ref)t->block->length;
    user->count = (uint8_t)(first + 2);
    insert_use(t, resolve(t, insn->a, ref, scan->has_aliases), user_ref, first);
    insert_use(t, resolve(t, insn->b, ref, scan->has_aliases), user_ref, first + 1);
}

/* exit_if, exit_trap_if and select on a compare. */
static bool fold_compare(struct t1 *t, const struct scan *scan, ir_ref ref, ir_ref user_ref,
                         unsigned slot)
{
    struct t1_node *user = &t->nodes[user_ref];
    bool is_condition = user->op == IR_select ? slot == 2
                                              : user->op == IR_exit_if || user->op == IR_exit_trap_if;
    if (!is_condition || user->flags & T1_FUSED)
        return false;
    user->flags |= T1_FUSED;
    user->cond = (uint8_t)t1_cc_of((enum ir_op)t->insns[ref].op);
    user->width = (uint8_t)t1_width_a(t, ref);
    take_operands(t, scan, user_ref, slot, ref);
    return true;
}

/* x & y against zero by eq, ne, lt_s, ge_s needs no compare of its own. */
static bool fold_test(struct t1 *t, const struct scan *scan, ir_ref ref, ir_ref user_ref,
                      unsigned slot)
{
    struct t1_node *user = &t->nodes[user_ref];
    bool is_sign_or_zero = user->cond == X64_E || user->cond == X64_NE || user->cond == X64_L ||
                           user->cond == X64_GE;
    if (!(user->flags & T1_FUSED) || user->flags & T1_TEST || slot != first_compared(user))
        return false;
    ir_ref zero = user->operand[slot + 1];
    if (!is_sign_or_zero || user->width < 32 || !t1_is_const(t, zero) || t1_imm(t, zero) != 0 ||
        ir_type_width[t->insns[ref].type] != user->width || !remove_use(t, user_ref, slot + 1))
        return false;
    user->flags |= T1_TEST;
    take_operands(t, scan, user_ref, slot, ref);
    return true;
}

static bool has_native_width(const struct t1_node *node)
{
    return node->type == IR_I64 || node->type == IR_I32;
}

/* add x, shl(y, 1..3) is one lea. */
static bool fold_lea(struct t1 *t, const struct scan *scan, ir_ref ref, ir_ref user_ref,
                     unsigned slot)
{
    const struct ir_insn *shl = &t->insns[ref];
    struct t1_node *user = &t->nodes[user_ref];
    if (user->op != IR_add || user->flags & T1_LEA || !has_native_width(user) ||
        shl->type != user->type)
        return false;
    ir_ref other = user->operand[1 - slot];
    ir_ref amount = resolve(t, shl->b, ref, scan->has_aliases);
    ir_ref shifted = resolve(t, shl->a, ref, scan->has_aliases);
    if (t1_is_const(t, other) || !t1_is_const(t, amount) || t1_is_const(t, shifted))
        return false;
    uint64_t count = t1_imm(t, amount) & (ir_type_width[user->type] - 1u);
    if (count < 1 || count > 3)
        return false;
    user->flags |= T1_LEA;
    user->cond = (uint8_t)count;
    user->operand[0] = other;
    user->next[0] = user->next[1 - slot];
    user->operand[1] = (ir_ref)t->block->length;
    insert_use(t, shifted, user_ref, 1);
    return true;
}

/* and x, xor(y, -1) is one andn. */
static bool fold_andn(struct t1 *t, const struct scan *scan, ir_ref ref, ir_ref user_ref,
                      unsigned slot)
{
    const struct ir_insn *xor = &t->insns[ref];
    struct t1_node *user = &t->nodes[user_ref];
    if (user->op != IR_and || user->flags & T1_ANDN || !(t->features & T1_BMI1) ||
        !has_native_width(user) || xor->type != user->type)
        return false;
    ir_ref other = user->operand[1 - slot];
    uint64_t ones = user->type == IR_I64 ? UINT64_MAX : UINT32_MAX;
    ir_ref mask = resolve(t, xor->b, ref, scan->has_aliases);
    if (t1_is_const(t, other) || !t1_is_const(t, mask) || (t1_imm(t, mask) & ones) != ones)
        return false;
    user->flags |= T1_ANDN;
    user->operand[1] = other;
    user->next[1] = user->next[1 - slot];
    user->operand[0] = (ir_ref)t->block->length;
    insert_use(t, resolve(t, xor->a, ref, scan->has_aliases), user_ref, 0);
    return true;
}

static bool fold_negation(struct t1 *t, const struct scan *scan, ir_ref ref, ir_ref user_ref,
                          unsigned slot)
{
    struct t1_node *user = &t->nodes[user_ref];
    if (user->op != IR_fmadd || !(t->features & T1_FMA) || user->imm != IR_RM_HOST)
        return false;
    user->flags ^= slot == 2 ? T1_NEG_ADDEND : T1_NEG_PRODUCT;
    insert_use(t, resolve(t, t->insns[ref].a, ref, scan->has_aliases), user_ref, slot);
    return true;
}

/* An f32 that goes to memory in its box. */
static bool fold_box(struct t1 *t, const struct scan *scan, ir_ref ref, ir_ref user_ref)
{
    struct t1_node *user = &t->nodes[user_ref];
    if (user->op != IR_set_reg || t->pinned >> user->imm & 1 || t->host_of[user->imm] != X64_NO_REG)
        return false;
    user->flags |= T1_BOXED;
    insert_use(t, resolve(t, t->insns[ref].a, ref, scan->has_aliases), user_ref, 0);
    return true;
}

/* Makes the operation at `ref` part of its only user; false when it must be done by itself. */
static bool fold(struct t1 *t, const struct scan *scan, ir_ref ref)
{
    ir_ref user_ref = t->values[ref].next_use;
    unsigned op = t->insns[ref].op, slot = only_slot(&t->nodes[user_ref], ref);
    if (slot == NO_SLOT)
        return false;
    if (is_compare(op))
        return fold_compare(t, scan, ref, user_ref, slot);
    switch (op) {
    case IR_and:
        return fold_test(t, scan, ref, user_ref, slot);
    case IR_shl:
        return fold_lea(t, scan, ref, user_ref, slot);
    case IR_xor:
        return fold_andn(t, scan, ref, user_ref, slot);
    case IR_fneg:
        return fold_negation(t, scan, ref, user_ref, slot);
    case IR_box:
        return fold_box(t, scan, ref, user_ref);
    default: /* an opcode as stored: the others are not FOLDED */
        return false;
    }
}

/* ---- hints ---- */

/* A hint holds when the register's old value cannot be asked for, by name or by an observer,
 * between the value's definition and the set_reg. */
static bool is_hint_good(const struct t1 *t, ir_ref hint, const struct scan *scan)
{
    uint64_t reg = t->insns[hint].imm;
    return scan->next_set[reg] == hint && scan->next_get[reg] >= hint &&
           scan->next_observation >= hint;
}

/* Passes the node's hint on to the operand that two-address code will want in the same place. */
static void pass_hint_on(struct t1 *t, const struct t1_node *node, ir_ref hint, bool is_commutative)
{
    for (unsigned k = 0; k < (is_commutative ? 2u : 1u); k++) {
        ir_ref operand = node->operand[k];
        unsigned op = t->insns[operand].op;
        if (op == IR_get_reg || op == IR_const || t->values[operand].next_use != IR_NONE)
            continue;
        t->values[operand].hint = hint;
        return;
    }
}

static void note_hint(struct t1 *t, ir_ref ref, const struct t1_node *node, unsigned traits,
                      const struct scan *scan)
{
    ir_ref hint = t->values[ref].hint;
    if (!is_hint_good(t, hint, scan))
        t->values[ref].hint = IR_NONE;
    else if (traits & PASSES_HINT)
        pass_hint_on(t, node, hint, traits & COMMUTES);
}

/* ---- the walk ---- */

/* A guest register's value from the start of the block. False when it must be read in its turn: in
 * another class than the register's, or when a later read is there already. */
static inline bool get_early(struct t1 *t, struct t1_value *value, ir_ref ref,
                             const struct ir_insn *insn)
{
    unsigned guest = (unsigned)insn->imm;
    bool is_float = ir_type_is_float(insn->type);
    if (t->arch[guest] != IR_NONE)
        return false;
    t->arch[guest] = ref;
    value->homes = UINT64_C(1) << guest;
    if (!(t->pinned >> guest & 1))
        return true;
    unsigned host = t->host_of[guest];
    if (is_float) {
        value->xmm = (uint8_t)host;
        t->xmm_owner[host] = ref;
    } else {
        value->gpr = (uint8_t)host;
        t->gpr_owner[host] = ref;
    }
    return is_float == t1_is_float_reg(guest);
}

static inline void note_uses(struct t1_value *values, ir_ref ref, struct t1_node *node,
                             bool has_third)
{
    ir_ref a = node->operand[0], b = node->operand[1];
    ir_ref next_a = values[a].next_use, next_b = values[b].next_use;
    node->next[0] = next_a;
    node->next[1] = next_b;
    values[a].next_use = ref;
    values[b].next_use = ref;
    if (__builtin_expect(has_third, 0)) {
        ir_ref c = node->operand[2];
        node->next[2] = c == a ? next_a : c == b ? next_b : values[c].next_use;
        values[c].next_use = ref;
    }
}

/* Fills the node from its instruction; c keeps its raw content where it is no value. By words, as
 * the compiler would store each field. */
static inline void fill_node(const struct t1 *t, struct t1_node *node, ir_ref ref,
                             const struct ir_insn *insn, uint32_t op, unsigned flags, ir_ref follow,
                             ir_ref dummy, bool has_aliases)
{
    ir_ref a = insn->a < dummy ? insn->a : dummy, b = insn->b < dummy ? insn->b : dummy;
    ir_ref c = insn->c;
    if (has_aliases) {
        a = resolve(t, a, ref, true);
        b = resolve(t, b, ref, true);
        c = count_in(op) > 2 ? resolve(t, c, ref, true) : c;
    }
    uint64_t rest = flags << 16 | (op & UINT32_C(0xff) << COUNT_SHIFT) | (uint64_t)follow << 48;
    memcpy(node, insn, 8);
    memcpy(&node->operand[3], &rest, 8);
    node->imm = insn->imm;
    node->operand[0] = a;
    node->operand[1] = b;
    if (has_aliases)
        node->operand[2] = c;
    if (__builtin_expect(traits_in(op) & SELECTS, 0)) {
        node->operand[0] = b;
        node->operand[1] = c;
        node->operand[2] = a;
    }
}

/* A set_reg that stands right behind the operation that computes the value becomes part of it
 * (T1_SETS); but a box may become part of the set_reg. */
static inline bool is_behind_value(const struct t1 *t, const struct ir_insn *insn, ir_ref ref,
                                   bool has_aliases)
{
    return insn->a == ref - 1 && kind_in(t->op[insn[-1].op]) >= KIND_PURE &&
           !(has_aliases && (t->canon[ref - 1] != ref - 1 || insn[-1].op == IR_box));
}

/* A result for a pinned register of its class should be computed there. */
static inline bool is_for_pinned(const struct t1 *t, unsigned guest, ir_ref value)
{
    return t->hinted >> guest & 1 && t1_is_float(t, value) == t1_is_float_reg(guest);
}

/* Nearly every conditional exit stands right behind its compare, which nobody else uses: the two are
 * one node from the start, and the compare is skipped. */
static inline bool is_behind_compare(const struct ir_insn *insn, const struct t1_value *value,
                                     ir_ref ref)
{
    return ref > 0 && insn->a == ref - 1 && is_compare(insn[-1].op) &&
           value[-1].next_use == IR_NONE;
}

static inline void fuse_compare(const struct t1 *t, struct t1_node *node, ir_ref ref,
                                const struct ir_insn *compare, bool has_aliases)
{
    node->flags |= T1_FUSED;
    node->count = 2;
    node->width = (uint8_t)t1_width_a(t, ref - 1);
    node->cond = (uint8_t)t1_cc_of((enum ir_op)compare->op);
    node->operand[0] = resolve(t, compare->a, ref - 1, has_aliases);
    node->operand[1] = resolve(t, compare->b, ref - 1, has_aliases);
}

/* False when registers cannot be read early. The arrays are in variables of their own, because the
 * compiler must take every store into them for one that may change *t. */
static inline __attribute__((always_inline)) bool plan_backward(struct t1 *t, bool has_aliases,
                                                                bool has_early_gets)
{
    const struct ir_insn *insns = t->insns;
    const uint32_t *ops = t->op;
    struct t1_value *values = t->values;
    struct t1_node *nodes = t->nodes;
    struct scan scan;
    ir_set_none(scan.next_set, IR_GUEST_REGS);
    ir_set_none(scan.next_get, IR_GUEST_REGS);
    scan.next_observation = UINT32_MAX;
    scan.has_aliases = has_aliases;
    uint64_t overwritten = 0; /* registers that are written before anybody can see them */
    uint64_t may_be_dead = t->block->may_have_dead ? UINT64_MAX : 0;
    uint32_t exits = 0, length = t->block->length;
    ir_ref follow = IR_NONE; /* the node to be emitted next */
    unsigned next_flags = 0; /* of the node for the instruction before the one at hand */
    const struct ir_insn *insn = insns + length - 1;
    struct t1_value *value = values + length - 1;
    for (uint32_t i = length; i-- > 0; insn--, value--) {
        ir_ref ref = (ir_ref)i;
        uint32_t op = ops[insn->op];
        unsigned flags = next_flags;
        next_flags = 0;
        switch ((enum plan_kind)kind_in(op)) {
        case KIND_CONST:
            continue;
        case KIND_GET:
            if (value->next_use == IR_NONE)
                continue;
            overwritten &= ~(UINT64_C(1) << insn->imm);
            scan.next_get[insn->imm] = ref;
            if (has_early_gets) {
                if (!get_early(t, value, ref, insn))
                    return false;
                continue;
            }
            break;
        case KIND_SET:
            if (overwritten & may_be_dead & UINT64_C(1) << insn->imm)
                continue;
            if (has_early_gets && t->arch[insn->imm] != IR_NONE)
                return false;
            overwritten |= UINT64_C(1) << insn->imm;
            scan.next_set[insn->imm] = ref;
            if (!is_behind_value(t, insn, ref, has_aliases))
                break;
            next_flags = T1_SETS;
            if (is_for_pinned(t, (unsigned)insn->imm, ref - 1))
                value[-1].hint = ref;
            continue;
        case KIND_FOLDED:
            if (!flags && (value->next_use == IR_NONE || fold(t, &scan, ref)))
                continue;
            break;
        case KIND_PURE:
            if (!flags && (value->next_use == IR_NONE || (has_aliases && t->canon[i] < i)))
                continue;
            break;
        case KIND_OBSERVES:
            overwritten = 0;
            exits += traits_in(op) / EXITS & 1;
            break;
        case KIND_EFFECT:
            break;
        }
        struct t1_node *node = &nodes[i];
        fill_node(t, node, ref, insn, op, flags, follow, (ir_ref)length, has_aliases);
        follow = ref;
        if (value->hint != IR_NONE)
            note_hint(t, ref, node, traits_in(op), &scan);
        if (traits_in(op) & FUSES && is_behind_compare(insn, value, ref)) {
            i--;
            insn--;
            value--;
            fuse_compare(t, node, ref, insn, has_aliases);
        }
        note_uses(values, ref, node, count_in(op) > 2);
        if (kind_in(op) == KIND_OBSERVES)
            scan.next_observation = ref;
        else if (kind_in(op) == KIND_SET &&
                 is_for_pinned(t, (unsigned)node->imm, node->operand[0]))
            values[node->operand[0]].hint = ref;
    }
    t->first = follow;
    t->exits_planned = exits;
    return true;
}

static bool plan(struct t1 *t, bool has_early_gets)
{
    t1_alloc_begin(t);
    init_values(t);
    if (!may_have_aliases(t))
        return has_early_gets ? plan_backward(t, false, true) : plan_backward(t, false, false);
    name_values(t);
    return has_early_gets ? plan_backward(t, true, true) : plan_backward(t, true, false);
}

void t1_plan(struct t1 *t)
{
    if (!plan(t, true))
        plan(t, false);
}
