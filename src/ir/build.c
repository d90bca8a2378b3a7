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
    *block = (struct ir_block){
        .insns = arena_alloc(arena, INITIAL_CAPACITY * sizeof *block->insns),
        .capacity = INITIAL_CAPACITY,
        .guest_pc = guest_pc,
        .mode = mode,
    };
    ir_builder_resume(builder, arena, block);
}

void ir_builder_resume(struct ir_builder *builder, struct arena *arena, struct ir_block *block)
{
    builder->block = block;
    builder->arena = arena;
    builder->failed = false;
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
