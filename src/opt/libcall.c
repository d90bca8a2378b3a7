/* Recognition of a function, and the block that stands for it (libcall.h). */
#include "src/opt/libcall_internal.h"

#include "src/opt/opt.h"

#include <string.h>

/* ---- recognition ---- */

static bool is_kind(const struct libcall_abi *abi, uint64_t pc, struct sandbox *sandbox,
                    const struct libcall_kind *kind, uint8_t *want)
{
    /* Coverage and what is read are of this kind's trials; blocks stay. */
    sandbox_forget_branches(sandbox);
    sandbox->constant_count = sandbox->variable_count = 0;
    struct trial trial = {
        .sandbox = sandbox,
        .abi = abi,
        .kind = kind,
        .pc = pc,
        .random = 1,
        .want = want,
    };
    return kind->is_like(&trial) && sandbox_is_covered(sandbox);
}

/* Bytes from pc on that blocks cover without a gap. */
static uint32_t extent(const struct sandbox *sandbox, uint64_t pc)
{
    uint64_t end = pc;
    for (bool is_longer = true; is_longer;) {
        is_longer = false;
        for (uint32_t i = 0; i < sandbox->block_count; i++) {
            const struct ir_block *ir = sandbox->blocks[i].ir;
            uint64_t block_end = ir->guest_pc + ir->guest_size_bytes;
            if (ir->guest_pc >= pc && ir->guest_pc <= end && block_end > end &&
                block_end - pc < IR_MAX_BLOCK_BYTES) {
                end = block_end;
                is_longer = true;
            }
        }
    }
    return (uint32_t)(end - pc);
}

bool libcall_recognise(struct arena *arena, const struct libcall_code *code,
                       const struct libcall_abi *abi, uint64_t pc, struct libcall *ret_libcall)
{
    struct sandbox *sandbox = arena_zalloc(arena, sizeof *sandbox);
    sandbox->arena = arena;
    sandbox->code = code;
    sandbox->stack_reg = abi->stack;
    for (unsigned i = 0; i < AREA_COUNT; i++)
        sandbox->area[i].bytes = arena_zalloc(arena, SANDBOX_AREA_BYTES);
    uint8_t *want = arena_alloc(arena, SANDBOX_AREA_BYTES);
    for (unsigned i = 0; i < libcall_kind_count; i++) {
        if (!is_kind(abi, pc, sandbox, &libcall_kinds[i], want))
            continue;
        *ret_libcall = (struct libcall){
            .kind = (uint8_t)i,
            .page_count = (uint8_t)sandbox->page_count,
            .size_bytes = extent(sandbox, pc),
            .changed = sandbox->changed & ~abi->kept & ~(UINT64_C(1) << abi->argument[0]) &
                       ~(UINT64_C(1) << abi->link),
        };
        memcpy(ret_libcall->page, sandbox->page, sizeof ret_libcall->page);
        ret_libcall->variable_count = sandbox->variable_count;
        memcpy(ret_libcall->variable, sandbox->variable, sizeof ret_libcall->variable);
        return true;
    }
    return false;
}

const char *libcall_name(const struct libcall *libcall)
{
    return libcall_kinds[libcall->kind].name;
}

/* ---- the block ---- */

struct emitter {
    struct ir_builder builder;
    const struct libcall_kind *kind;
    uint64_t own_pc; /* the function's own code */
    ir_ref a, b, c;
};

static ir_ref constant(struct emitter *e, uint64_t value)
{
    return ir_const(&e->builder, IR_I64, value);
}

static ir_ref binary(struct emitter *e, enum ir_op op, ir_ref a, ir_ref b)
{
    return ir_binary(&e->builder, op, IR_I64, a, b);
}

static void leave_if(struct emitter *e, ir_ref condition)
{
    ir_emit3(&e->builder, IR_exit_if, IR_VOID, condition, IR_NONE, IR_BRANCH_JUMP, e->own_pc);
}

static ir_ref call(struct emitter *e, enum ir_libcall op, ir_ref a, ir_ref b, ir_ref c)
{
    ir_ref result = ir_emit3(&e->builder, IR_libcall, IR_I64, a, b, c, op);
    leave_if(e, binary(e, IR_eq, result, constant(e, IR_NOT_DONE)));
    return result;
}

static void leave_if_overlapping(struct emitter *e, ir_ref length)
{
    ir_ref up = binary(e, IR_lt_u, binary(e, IR_sub, e->a, e->b), length);
    ir_ref down = binary(e, IR_lt_u, binary(e, IR_sub, e->b, e->a), length);
    leave_if(e, binary(e, IR_or, up, down));
}

static void leave_if_changed(struct emitter *e, const struct libcall_variable *variable)
{
    unsigned size_log2 = (unsigned)__builtin_ctz(variable->size_bytes);
    ir_ref value = ir_emit3(&e->builder, IR_load, IR_I64, constant(e, variable->addr), IR_NONE,
                            ir_memop(size_log2, false, 0), 0);
    leave_if(e, binary(e, IR_ne, value, constant(e, variable->value)));
}

/* 1, 0 or -1. */
static ir_ref sign_of(struct emitter *e, ir_ref value)
{
    ir_ref zero = constant(e, 0);
    return binary(e, IR_sub, binary(e, IR_lt_s, zero, value), binary(e, IR_lt_s, value, zero));
}

static ir_ref emit_number(struct emitter *e)
{
    if (e->kind->is_nonzero)
        leave_if(e, binary(e, IR_eq, e->a, constant(e, 0)));
    ir_ref result = ir_unary(&e->builder, e->kind->number_op, IR_I64, e->a);
    return e->kind->result == RESULT_HIGH ? binary(e, IR_sar, result, constant(e, 32)) : result;
}

/* What the function returns. */
static ir_ref emit_function(struct emitter *e)
{
    if (e->kind->number_op != IR_const)
        return emit_number(e);
    const struct libcall_kind *kind = e->kind;
    ir_ref limit = kind->op == IR_LIBCALL_LENGTH ? e->b : e->c; /* strnlen has two arguments */
    ir_ref c = kind->is_unbounded ? constant(e, UINT64_MAX) : limit, length = c;
    if (kind->is_string) {
        length = call(e, IR_LIBCALL_LENGTH, e->b, e->b, c);
        c = binary(e, IR_add, length, constant(e, 1));
    }
    if (kind->op == IR_LIBCALL_SEEK_Z)
        c = constant(e, kind->wants_nul);
    if (kind->is_apart)
        leave_if_overlapping(e, c);
    ir_ref result = call(e, kind->op, e->a, e->b, c);
    switch (kind->result) {
    case RESULT_OWN:
    case RESULT_A:
    case RESULT_HIGH:
        return result;
    case RESULT_SIGN:
        return sign_of(e, result);
    case RESULT_END:
        return binary(e, IR_add, e->a, length);
    }
    return result;
}

/* Arguments from registers, the libcall, the result to its register. */
static void emit_call(struct emitter *e, const struct libcall *libcall,
                      const struct libcall_abi *abi)
{
    e->a = ir_get_reg(&e->builder, IR_I64, abi->argument[0]);
    e->b = ir_get_reg(&e->builder, IR_I64, abi->argument[1]);
    e->c = ir_get_reg(&e->builder, IR_I64, abi->argument[2]);
    for (unsigned i = 0; i < libcall->variable_count; i++)
        leave_if_changed(e, &libcall->variable[i]);
    ir_set_reg(&e->builder, abi->argument[0], emit_function(e));
}

struct ir_block *libcall_block(struct arena *arena, const struct libcall *libcall,
                               const struct libcall_abi *abi, uint64_t pc, uint32_t mode)
{
    struct emitter e = {.kind = &libcall_kinds[libcall->kind], .own_pc = pc + 1};
    ir_builder_begin(&e.builder, arena, pc, mode);
    emit_call(&e, libcall, abi);
    ir_ref link = ir_get_reg(&e.builder, IR_I64, abi->link);
    ir_ref to = binary(&e, IR_and, link, constant(&e, ~UINT64_C(1)));
    ir_emit3(&e.builder, IR_exit_indirect, IR_VOID, to, IR_NONE, IR_BRANCH_RETURN, 0);
    e.builder.block->guest_size_bytes = libcall->size_bytes;
    return e.builder.block;
}

/* Variables are left to the function's own block: a fault there would have the wrong pc here. */
bool libcall_inline(struct arena *arena, const struct libcall *libcall,
                    const struct libcall_abi *abi, uint64_t callee_pc, struct ir_block *block)
{
    uint64_t return_pc = block->guest_pc + block->guest_size_bytes;
    struct emitter e = {.kind = &libcall_kinds[libcall->kind], .own_pc = callee_pc + 1};
    if (libcall->variable_count || return_pc & 1)
        return false;
    ir_builder_resume(&e.builder, arena, block);
    block->length--; /* the call */
    emit_call(&e, libcall, abi);
    ir_emit3(&e.builder, IR_exit_direct, IR_VOID, IR_NONE, IR_NONE, IR_BRANCH_JUMP, return_pc);
    return true;
}
