/* The sandbox: the guest's code interpreted on synthetic memory (libcall_internal.h).
 *
 * Memory is three areas, and what the code may rely on of the guest's own: its instructions and
 * constants, whose pages are noted. Anything but integer work ends the run. */
#include "src/opt/libcall_internal.h"

#include "src/base/bits.h"

#include <string.h>

enum { MAX_EXCUSED = 8 };

/* ---- what the code relies on ---- */

static bool note_page(struct sandbox *sandbox, uint64_t addr)
{
    uint64_t page = addr >> LIBCALL_PAGE_LOG2;
    for (uint32_t i = 0; i < sandbox->page_count; i++)
        if (sandbox->page[i] == page)
            return true;
    if (sandbox->page_count == LIBCALL_MAX_PAGES)
        return false;
    sandbox->page[sandbox->page_count++] = page;
    return true;
}

static bool note_constant(struct sandbox *sandbox, uint64_t addr)
{
    for (uint32_t i = 0; i < sandbox->constant_count; i++)
        if (sandbox->constants[i] == addr)
            return true;
    if (sandbox->constant_count == SANDBOX_MAX_CONSTANTS)
        return false;
    sandbox->constants[sandbox->constant_count++] = addr;
    return note_page(sandbox, addr) && note_page(sandbox, addr + 7);
}

static bool note_variable(struct sandbox *sandbox, const struct libcall_variable *variable)
{
    for (uint32_t i = 0; i < sandbox->variable_count; i++)
        if (sandbox->variable[i].addr == variable->addr &&
            sandbox->variable[i].size_bytes == variable->size_bytes)
            return sandbox->variable[i].value == variable->value;
    if (sandbox->variable_count == LIBCALL_MAX_VARIABLES)
        return false;
    sandbox->variable[sandbox->variable_count++] = *variable;
    return true;
}

/* Memory of the guest itself. False: there is none, or too much of it is read. */
static bool read_guest(struct sandbox *sandbox, uint64_t addr, unsigned size_bytes,
                       uint64_t *ret_value)
{
    struct libcall_variable variable = {.addr = addr, .size_bytes = size_bytes};
    switch (sandbox->code->read(sandbox->code->context, addr, size_bytes, ret_value)) {
    case LIBCALL_NO_MEMORY:
        return false;
    case LIBCALL_CONSTANT:
        return note_constant(sandbox, addr);
    case LIBCALL_VARIABLE:
        variable.value = *ret_value;
        return note_variable(sandbox, &variable);
    }
    return false;
}

/* ---- blocks ---- */

/* A register or what memory holds. */
static bool is_plain_value(const struct ir_insn *insn)
{
    return insn->op == IR_get_reg || insn->op == IR_load;
}

static bool is_stack_load(const struct sandbox *sandbox, const struct ir_block *ir, ir_ref ref)
{
    const struct ir_insn *insn = &ir->insns[ref], *base = &ir->insns[insn->a];
    return insn->op == IR_load && base->op == IR_get_reg && base->imm == sandbox->stack_reg;
}

/* The value of which the condition asks whether it is zero. */
static const struct ir_insn *value_asked(const struct ir_block *ir, ir_ref condition)
{
    const struct ir_insn *insn = &ir->insns[condition];
    if (insn->op == IR_eq || insn->op == IR_ne) {
        const struct ir_insn *b = &ir->insns[insn->b];
        insn = b->op == IR_const && b->imm == 0 ? &ir->insns[insn->a] : insn;
    }
    while (insn->op == IR_sext || insn->op == IR_zext)
        insn = &ir->insns[insn->a];
    return insn;
}

/* What the block's condition asks: is something zero, is something on the stack as it was, or are
 * two values the same (sides). */
static void classify(const struct sandbox *sandbox, struct sandbox_block *block, ir_ref condition)
{
    const struct ir_block *ir = block->ir;
    const struct ir_insn *insn = value_asked(ir, condition);
    block->is_simple = is_plain_value(insn);
    if (insn->op != IR_eq && insn->op != IR_ne && insn->op != IR_xor && insn->op != IR_sub)
        return;
    block->has_sides = true;
    block->side[0] = insn->a;
    block->side[1] = insn->b;
    block->is_simple =
        is_stack_load(sandbox, ir, insn->a) || is_stack_load(sandbox, ir, insn->b);
}

static struct sandbox_branch *branch_at(struct sandbox *sandbox, uint64_t end_pc)
{
    for (uint32_t i = 0; i < sandbox->branch_count; i++)
        if (sandbox->branches[i].end_pc == end_pc)
            return &sandbox->branches[i];
    if (sandbox->branch_count == SANDBOX_MAX_BRANCHES)
        return NULL;
    struct sandbox_branch *branch = &sandbox->branches[sandbox->branch_count++];
    *branch = (struct sandbox_branch){.end_pc = end_pc, .is_simple = true, .has_sides = true};
    return branch;
}

/* False: there are too many. */
static bool add_branch(struct sandbox *sandbox, struct sandbox_block *block)
{
    const struct ir_block *ir = block->ir;
    if (ir->length < 2 || ir->insns[ir->length - 2].op != IR_exit_if)
        return true;
    block->branch = branch_at(sandbox, ir->guest_pc + ir->guest_size_bytes);
    if (!block->branch)
        return false;
    classify(sandbox, block, ir->insns[ir->length - 2].a);
    block->branch->is_simple &= block->is_simple;
    block->branch->has_sides &= block->has_sides;
    return true;
}

static bool is_harmless(const struct ir_block *ir, const struct ir_insn *insn, uint32_t place)
{
    switch ((unsigned)insn->op) {
    case IR_get_reg:
    case IR_set_reg:
        return insn->imm < SANDBOX_REGS;
    case IR_load:
        return insn->type == IR_I64;
    case IR_store:
        return !ir_type_is_float(ir->insns[insn->b].type);
    case IR_exit_if: /* one, at the end */
        return place + 2 == ir->length;
    case IR_exit_direct:
    case IR_exit_indirect:
        return true;
    }
    return (ir_op_info[insn->op].flags & IR_PURE) && !ir_type_is_float(insn->type);
}

static bool is_plain(const struct ir_block *ir)
{
    if (ir->length > SANDBOX_MAX_INSNS)
        return false;
    for (uint32_t i = 0; i < ir->length; i++)
        if (!is_harmless(ir, &ir->insns[i], i))
            return false;
    return true;
}

static struct sandbox_block *block_at(struct sandbox *sandbox, uint64_t pc)
{
    for (uint32_t i = 0; i < sandbox->block_count; i++)
        if (sandbox->blocks[i].pc == pc)
            return &sandbox->blocks[i];
    if (sandbox->block_count == SANDBOX_MAX_BLOCKS)
        return NULL;
    const struct ir_block *ir = sandbox->code->block_at(sandbox->code->context, sandbox->arena, pc);
    if (!ir || !is_plain(ir) || !note_page(sandbox, pc) ||
        !note_page(sandbox, pc + ir->guest_size_bytes - 1))
        return NULL;
    struct sandbox_block *block = &sandbox->blocks[sandbox->block_count++];
    *block = (struct sandbox_block){.pc = pc, .ir = ir};
    if (add_branch(sandbox, block))
        return block;
    sandbox->block_count--; /* or the next trial would find it, without its branch */
    return NULL;
}

/* The block at pc, to which `from` leads; NULL: nothing does. */
static struct sandbox_block *block_behind(struct sandbox *sandbox, struct sandbox_block *from, uint64_t pc)
{
    if (!from)
        return block_at(sandbox, pc);
    for (unsigned i = 0; i < 2; i++) {
        if (from->next[i].block && from->next[i].pc == pc)
            return from->next[i].block;
        if (from->next[i].block)
            continue;
        from->next[i].pc = pc;
        return from->next[i].block = block_at(sandbox, pc);
    }
    return block_at(sandbox, pc); /* by a jump through a register */
}

/* ---- memory ---- */

/* The bytes of [addr, addr + size) if they lie in an area, and may be written if they are to be. */
static uint8_t *bytes_at(struct sandbox *sandbox, uint64_t addr, unsigned size_bytes, bool is_write)
{
    for (unsigned i = 0; i < AREA_COUNT; i++) {
        struct sandbox_area *area = &sandbox->area[i];
        uint64_t start = is_write ? area->write_start : area->start;
        uint64_t end = is_write ? area->write_end : area->end;
        if (addr >= start && addr < end && size_bytes <= end - addr)
            return area->bytes + (addr - area->start);
    }
    return NULL;
}

static bool load(struct sandbox *sandbox, const struct ir_insn *insn, uint64_t *ret_value)
{
    uint64_t addr = sandbox->values[insn->a] + insn->imm, value = 0;
    unsigned size_bytes = ir_memop_size_bytes(insn->c);
    const uint8_t *bytes = bytes_at(sandbox, addr, size_bytes, false);
    if (bytes)
        memcpy(&value, bytes, size_bytes);
    else if (!read_guest(sandbox, addr, size_bytes, &value))
        return false;
    if (ir_memop_is_signed(insn->c))
        value = (uint64_t)bits_sign_extend(value, 8 * size_bytes);
    *ret_value = value;
    return true;
}

static bool store(struct sandbox *sandbox, const struct ir_insn *insn)
{
    uint64_t addr = sandbox->values[insn->a] + insn->imm;
    unsigned size_bytes = ir_memop_size_bytes(insn->c);
    uint8_t *bytes = bytes_at(sandbox, addr, size_bytes, true);
    if (bytes)
        memcpy(bytes, &sandbox->values[insn->b], size_bytes);
    return bytes;
}

/* ---- running ---- */

/* Notes where the branch goes, and whether the sides of its question are always the same. */
static void note_branch(const struct sandbox *sandbox, const struct sandbox_block *block,
                        ir_ref condition)
{
    struct sandbox_branch *branch = block->branch;
    bool is_first = !branch->was_taken && !branch->was_passed;
    if (sandbox->values[condition])
        branch->was_taken = true;
    else
        branch->was_passed = true;
    for (unsigned i = 0; block->has_sides && i < 2; i++) {
        uint64_t value = sandbox->values[block->side[i]];
        if (is_first)
            branch->first[i] = value;
        branch->has_varied[i] |= branch->first[i] != value;
    }
}

/* What an operation is to run_block; any other is pure, says is_plain. */
enum action {
    DO_EVALUATE, DO_CONST, DO_GET, DO_SET, DO_ADD, DO_LOAD, DO_STORE, DO_IF, DO_JUMP, DO_RETURN,
};
static const uint8_t action_of[IR_OP_COUNT] = {
    [IR_const] = DO_CONST, [IR_get_reg] = DO_GET, [IR_set_reg] = DO_SET,
    [IR_add] = DO_ADD, [IR_load] = DO_LOAD, [IR_store] = DO_STORE,
    [IR_exit_if] = DO_IF, [IR_exit_direct] = DO_JUMP, [IR_exit_indirect] = DO_RETURN,
};

static uint64_t evaluate(const struct sandbox *sandbox, const struct ir_block *ir, const struct ir_insn *insn)
{
    const uint64_t *values = sandbox->values;
    unsigned count = ir_op_info[insn->op].operand_count;
    return ir_eval((enum ir_op)insn->op, (enum ir_type)insn->type,
                   count ? ir_width_of(ir, insn->a) : 64, count > 0 ? values[insn->a] : 0,
                   count > 1 ? values[insn->b] : 0, count > 2 ? values[insn->c] : 0, insn->imm);
}

/* Runs the block; *ret_pc is where it goes on. */
static enum sandbox_end run_block(struct sandbox *sandbox, const struct sandbox_block *block,
                                  uint64_t *ret_pc)
{
    uint64_t *values = sandbox->values, *value = values;
    for (const struct ir_insn *insn = block->ir->insns;; insn++, value++) {
        switch ((enum action)action_of[insn->op]) {
        case DO_CONST:
            *value = insn->imm;
            break;
        case DO_GET:
            *value = sandbox->reg[insn->imm];
            break;
        case DO_SET:
            sandbox->reg[insn->imm] = values[insn->a];
            sandbox->changed |= UINT64_C(1) << insn->imm;
            break;
        case DO_ADD:
            *value = bits_zero_extend(values[insn->a] + values[insn->b], ir_type_width[insn->type]);
            break;
        case DO_LOAD:
            if (!load(sandbox, insn, value))
                return SANDBOX_OUTSIDE;
            break;
        case DO_STORE:
            if (!store(sandbox, insn))
                return SANDBOX_OUTSIDE;
            break;
        case DO_IF:
            note_branch(sandbox, block, insn->a);
            if (!values[insn->a])
                break;
            *ret_pc = insn->imm;
            return SANDBOX_RETURNED;
        case DO_JUMP:
            *ret_pc = insn->imm;
            return SANDBOX_RETURNED;
        case DO_RETURN:
            *ret_pc = values[insn->a];
            return SANDBOX_RETURNED;
        case DO_EVALUATE:
            *value = evaluate(sandbox, block->ir, insn);
            break;
        }
    }
}

enum sandbox_end sandbox_run(struct sandbox *sandbox, uint64_t pc, uint32_t steps)
{
    struct sandbox_block *block = NULL;
    while (pc != sandbox->return_pc) {
        block = block_behind(sandbox, block, pc);
        if (!block)
            return SANDBOX_BROKEN;
        if (block->ir->length > steps)
            return SANDBOX_TIRED;
        steps -= block->ir->length;
        enum sandbox_end end = run_block(sandbox, block, &pc);
        if (end != SANDBOX_RETURNED)
            return end;
    }
    return SANDBOX_RETURNED;
}

/* May the way that this branch has never gone be left out? */
static bool is_excused(const struct sandbox_branch *branch)
{
    bool has_varied = branch->has_sides && branch->has_varied[0] && branch->has_varied[1];
    return (branch->is_simple || has_varied) && (branch->was_taken || branch->was_passed);
}

bool sandbox_is_covered(const struct sandbox *sandbox)
{
    unsigned excused = 0;
    for (uint32_t i = 0; i < sandbox->branch_count; i++) {
        const struct sandbox_branch *branch = &sandbox->branches[i];
        if (branch->was_taken != branch->was_passed && !is_excused(branch))
            return false;
        excused += branch->was_taken != branch->was_passed;
    }
    return excused <= MAX_EXCUSED;
}

void sandbox_forget_branches(struct sandbox *sandbox)
{
    for (uint32_t i = 0; i < sandbox->branch_count; i++) {
        struct sandbox_branch *branch = &sandbox->branches[i];
        branch->was_taken = branch->was_passed = false;
        branch->has_varied[0] = branch->has_varied[1] = false;
    }
}
