/* Fuzzes IR: the input is the text of a block.
 *
 * A text that parses and verifies must print and parse to the same (checked for one input in sixteen:
 * text takes most of the time). The block, confined to a little memory, must end alike in the
 * reference interpreter, optimised or not, in tiers 0 and 1, and, for one input in 1024, in tiers 2
 * and 3. $TIERCEL_FUZZ_EVERY stands for both numbers. Mutation works on blocks as well as on text. */
#include "tests/fuzz/check_text.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/ir_run.h"
#include "tests/ir/ir_text.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_TEXT_BYTES = 4096, TEXT_EVERY = 16, SLOW_EVERY = 1024 };

/* The block that the text stands for, or NULL. */
static struct ir_block *read_block(struct arena *arena, const uint8_t *data, size_t size_bytes)
{
    char text[MAX_TEXT_BYTES + 1];
    struct ir_block *block;
    struct error err;
    if (size_bytes > MAX_TEXT_BYTES)
        return NULL;
    memcpy(text, data, size_bytes);
    text[size_bytes] = '\0';
    return ir_parse(text, arena, &block, &err) || ir_verify(block, &err) ? NULL : block;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    static struct arena arena;
    static struct reference start;
    uint64_t hash = fuzz_hash(data, size_bytes), state = hash;
    arena_reset(&arena);
    struct ir_block *block = read_block(&arena, data, size_bytes);
    if (!block)
        return 0;
    if (fuzz_is_sampled(hash >> 7, TEXT_EVERY))
        check_ir_text(&arena, block);
    block = confine_ir(&arena, block);
    if (!block)
        return 0;
    reference_fill(&start, &state);
    check_ir_run(&arena, block, &start, (uint32_t)(hash >> 40), fuzz_is_sampled(hash, SLOW_EVERY));
    return 0;
}

/* ---- mutation ---- */
struct mutator {
    struct ir_block *block;
    uint64_t state;
};

static uint64_t draw(struct mutator *mutator, uint64_t count)
{
    return (reference_random(&mutator->state) >> 16) % count;
}

static uint64_t draw_number(struct mutator *mutator, uint64_t old)
{
    switch (draw(mutator, 4)) {
    case 0:
        return draw(mutator, 64);
    case 1:
        return old + draw(mutator, 9) - 4;
    case 2:
        return ~UINT64_C(0) << draw(mutator, 64);
    }
    return reference_random(&mutator->state) >> draw(mutator, 64);
}

/* Changes one thing about one instruction; the result need not be well-formed. */
static void change(struct mutator *mutator)
{
    struct ir_block *block = mutator->block;
    uint32_t index = (uint32_t)draw(mutator, block->length);
    struct ir_insn *insn = &block->insns[index];
    ir_ref *operand[3] = {&insn->a, &insn->b, &insn->c};
    unsigned which = (unsigned)draw(mutator, 3);
    switch (draw(mutator, 5)) {
    case 0:
        insn->op = (uint8_t)draw(mutator, IR_OP_COUNT);
        break;
    case 1:
        insn->type = (uint8_t)draw(mutator, IR_TYPE_COUNT);
        break;
    case 2:
        insn->imm = draw_number(mutator, insn->imm);
        break;
    case 3:
        *operand[which] = (ir_ref)draw(mutator, index + 1);
        break;
    default:
        *insn = block->insns[draw(mutator, index + 1)];
    }
}

/* Changes the block, one to four times, so that it stays well-formed. */
static void mutate_block(struct mutator *mutator)
{
    uint64_t changes = 1 + draw(mutator, 4);
    for (unsigned tries = 0; tries < 64 && changes > 0; tries++) {
        struct ir_insn *insns = mutator->block->insns;
        static struct ir_insn saved[IR_MAX_INSNS];
        struct error err;
        memcpy(saved, insns, mutator->block->length * sizeof *insns);
        change(mutator);
        if (ir_verify(mutator->block, &err))
            memcpy(insns, saved, mutator->block->length * sizeof *insns);
        else
            changes--;
    }
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size_bytes, size_t max_bytes, unsigned seed)
{
    static struct arena arena;
    struct mutator mutator = {.state = seed * UINT64_C(0x9e3779b97f4a7c15) | 1};
    if (draw(&mutator, 8) == 0)
        return LLVMFuzzerMutate(data, size_bytes, max_bytes);
    arena_reset(&arena);
    mutator.block = read_block(&arena, data, size_bytes);
    if (!mutator.block || draw(&mutator, 8) == 0)
        mutator.block = reference_random_block(
            &arena, &mutator.state, 4 + (unsigned)draw(&mutator, 40), draw(&mutator, 2) == 0);
    mutate_block(&mutator);
    char *text = print_ir(mutator.block);
    size_t length = strlen(text);
    if (length <= max_bytes)
        memcpy(data, text, length);
    free(text);
    return length <= max_bytes ? length : size_bytes;
}
