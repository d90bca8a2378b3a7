/* The builder: appends instructions to a block and shares its constants.
 *
 * The instruction array grows inside the arena by doubling; what it leaves behind is released with
 * the arena. A full block makes the builder fail for good, so callers check `failed` once. */
#include "src/ir/ir.h"

#include "src/base/bits.h"

#include <string.h>

enum { INITIAL_CAPACITY = 128 };

void ir_builder_begin(struct ir_builder *builder, struct arena *arena, uint64_t guest_pc,
                      uint32_t mode)
{
    struct ir_block *block = arena_alloc(arena, sizeof *block);
    memset(block, 0, offsetof(struct ir_block, pieces));
    block->insns = arena_alloc(arena, INITIAL_CAPACITY * sizeof *block->insns);
    block->capacity = INITIAL_CAPACITY;
    block->guest_pc = guest_pc;
    block->mode = mode;
    ir_builder_resume(builder, arena, block);
}

void ir_builder_resume(struct ir_builder *builder, struct arena *arena, struct ir_block *block)
{
    builder->block = block;
    builder->arena = arena;
    builder->failed = false;
    block->is_improved = block->has_joined = false;
    block->is_unconverted = false;
    builder->is_improvable = false;
    builder->has_unary = false;
    builder->operations = 0;
    builder->known_regs = 0;
    ir_set_none(builder->const_hash, IR_CONST_HASH_SLOTS);
}

struct ir_block *ir_block_copy(const struct ir_block *block, struct arena *arena)
{
    struct ir_block *copy = arena_alloc(arena, sizeof *copy);
    size_t size_bytes = block->length * sizeof *block->insns;
    *copy = *block;
    copy->insns = memcpy(arena_alloc(arena, size_bytes), block->insns, size_bytes);
    copy->capacity = block->length;
    return copy;
}

static bool grow(struct ir_builder *builder)
{
    struct ir_block *block = builder->block;
    if (block->capacity >= IR_MAX_INSNS)
        return false;
    uint32_t capacity = block->capacity * 2 > IR_MAX_INSNS ? IR_MAX_INSNS : block->capacity * 2;
    struct ir_insn *insns = arena_alloc(builder->arena, capacity * sizeof *insns);
    memcpy(insns, block->insns, block->length * sizeof *insns);
    block->insns = insns;
    block->capacity = capacity;
    return true;
}

/* A failed builder answers with reference 0, which is always a valid index. */
ir_ref ir_emit_full(struct ir_builder *builder, struct ir_insn insn)
{
    if (!builder->failed)
        builder->failed = !grow(builder);
    return builder->failed ? 0 : ir_emit(builder, insn);
}

static unsigned const_slot(enum ir_type type, uint64_t value)
{
    uint64_t mixed = (value + type) * UINT64_C(0x9e3779b97f4a7c15);
    return (unsigned)(mixed >> 58) % IR_CONST_HASH_SLOTS;
}

ir_ref ir_const(struct ir_builder *builder, enum ir_type type, uint64_t value)
{
    value = bits_zero_extend(value, ir_type_width[type]);
    ir_ref *slot = &builder->const_hash[const_slot(type, value)];
    if (*slot != IR_NONE && !builder->failed) {
        const struct ir_insn *found = &builder->block->insns[*slot];
        if (found->imm == value && found->type == type)
            return *slot;
    }
    ir_ref ref = ir_emit3(builder, IR_const, type, IR_NONE, IR_NONE, IR_NONE, value);
    if (!builder->failed)
        *slot = ref;
    return ref;
}

/* ---- what may be improved ---- */

enum { ANY_RANGE = IR_SEEN_SMALL | IR_SEEN_RANGE, CONVERSION = ANY_RANGE | IR_SEEN_CONVERSION };

/* clang-format off */
#define SIGHT(op)                                                                                  \
    ((op) == IR_const                                                          ? IR_SEEN_CONST     \
     : (op) == IR_get_reg || (op) == IR_sub || (op) == IR_mul                  ? 0                 \
     : (op) == IR_load                                                         ? IR_SEEN_LOAD      \
     : (op) == IR_add                                                          ? IR_SEEN_ADD       \
     : (op) == IR_and                                                ? IR_SEEN_AND | ANY_RANGE     \
     : (op) == IR_or                                                 ? IR_SEEN_OR | ANY_RANGE      \
     : (op) == IR_xor                                                ? IR_SEEN_XOR | ANY_RANGE     \
     : (op) == IR_shl                                                ? IR_SEEN_SHL | ANY_RANGE     \
     : (op) == IR_trunc || (op) == IR_sext || (op) == IR_zext || (op) == IR_bitcast ||             \
             (op) == IR_box || (op) == IR_unbox || (op) == IR_fneg             ? CONVERSION        \
                                                                               : ANY_RANGE)
/* clang-format on */
const uint16_t ir_sight[IR_OP_COUNT] = {
#define IR_OP(name, ...) [IR_##name] = SIGHT(IR_##name),
#include "src/ir/ir_ops.def"
#undef IR_OP
};

/* A mask of low ones that may leave x as it is. */
static bool may_be_idle_mask(const struct ir_insn *x, unsigned sight, uint64_t mask)
{
    if (mask & (mask + 1))
        return false;
    unsigned loaded_bits = 8 * ir_memop_size_bytes(x->c);
    return sight & IR_SEEN_RANGE || (sight & IR_SEEN_LOAD && !ir_memop_is_signed(x->c) &&
                                     mask >= bits_zero_extend(UINT64_MAX, loaded_bits));
}

/* The same for x op value. */
static bool may_fold_right(enum ir_op op, const struct ir_insn *x, uint64_t value)
{
    unsigned sight = ir_sight[x->op], width = ir_type_width[x->type];
    uint64_t ones = bits_zero_extend(UINT64_MAX, width);
    switch ((unsigned)op) {
    case IR_add:
        return value == 0 || sight & IR_SEEN_ADD;
    case IR_and:
        return value == 0 || value == ones || sight & IR_SEEN_AND ||
               may_be_idle_mask(x, sight, value);
    case IR_or:
    case IR_xor:
        return value <= 1 || value == ones || sight & (op == IR_or ? IR_SEEN_OR : IR_SEEN_XOR);
    case IR_shl:
        return value == 0 || value >= width;
    case IR_shr:
    case IR_sar:
        return value == 0 || value >= width || sight & IR_SEEN_SHL;
    case IR_eq:
    case IR_ne:
        return value == 0 && sight & IR_SEEN_SMALL;
    case IR_lt_u:
    case IR_ge_u:
        return value <= 1;
    case IR_lt_s:
    case IR_ge_s:
        return false;
    }
    return true;
}

/* Without a rule for a constant on the left, and not commutative. */
static bool keeps_left_constant(enum ir_op op)
{
    return op == IR_sub || op == IR_shl || op == IR_shr || op == IR_sar || op == IR_lt_s ||
           op == IR_ge_s;
}

bool ir_may_fold(const struct ir_block *block, enum ir_op op, ir_ref a, ir_ref b)
{
    const struct ir_insn *x = &block->insns[a], *y = &block->insns[b];
    if (y->op == IR_const)
        return x->op == IR_const || may_fold_right(op, x, y->imm);
    return !keeps_left_constant(op);
}

bool ir_is_repeated(const struct ir_block *block, enum ir_op op, enum ir_type type, ir_ref a,
                    ir_ref b)
{
    for (uint32_t i = 0; i < block->length; i++) {
        const struct ir_insn *insn = &block->insns[i];
        if (insn->op == op && insn->type == type && insn->a == a && insn->b == b)
            return true;
    }
    return false;
}
