/* Fuzzes the way from guest bytes to IR: decoder, disassembler, translator, IR text, optimiser.
 *
 * Input: FP mode, block limit, place of a page boundary, then guest code. Whatever the bytes are,
 * the IR must be well-formed before and after the optimiser and be the same when printed and
 * parsed (checked for one input in eight: text takes most of the time), and the views of the decoder
 * must agree. $TIERCEL_FUZZ_EVERY stands for that number. */
#include "src/base/bits.h"
#include "src/guest/guest.h"
#include "src/guest/riscv64/decode.h"
#include "src/opt/opt.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/check_text.h"

#include <string.h>

enum { HEADER_BYTES = 3, MAX_CODE_BYTES = 192, TEXT_EVERY = 8 };
static const uint64_t code_pc = 0x10000;

/* Guest code on two pages, the second of which begins at `boundary`. */
struct code {
    const uint8_t *bytes;
    size_t size_bytes, boundary;
};

static const uint8_t *fetch(void *context, uint64_t pc, size_t *ret_available_bytes)
{
    const struct code *code = context;
    size_t at = pc - code_pc;
    if (at >= code->size_bytes)
        return NULL;
    size_t end = at < code->boundary ? code->boundary : code->size_bytes;
    *ret_available_bytes = end - at;
    return code->bytes + at;
}

/* A text that is cut short is the beginning of the whole one. */
static void check_cut_text(const uint8_t *bytes, size_t available_bytes, const char *text)
{
    char little[6];
    guest_riscv64.disassemble(bytes, available_bytes, code_pc, little, sizeof little);
    if (strncmp(text, little, sizeof little - 1) != 0)
        fuzz_found("%s is cut to %s", text, little);
}

/* Gives the instruction's size. */
static unsigned check_insn(const uint8_t *bytes, size_t available_bytes)
{
    uint32_t bits = 0;
    char text[64];
    memcpy(&bits, bytes, available_bytes < 4 ? available_bytes : 4);
    unsigned size = guest_riscv64.disassemble(bytes, available_bytes, code_pc, text, sizeof text);
    if (available_bytes < rv64_size(bits)) {
        if (size != 0)
            fuzz_found("0x%x: disassembled beyond the end", bits);
        return rv64_size(bits);
    }
    struct rv64_insn insn = rv64_decode(bits);
    if (size != insn.size || size != rv64_size(bits))
        fuzz_found("0x%x: sizes %u and %u", bits, size, insn.size);
    if ((insn.row == RV64_ILLEGAL) != (rv64_row_of(bits) < 0) ||
        (insn.row == RV64_ILLEGAL) != (text[0] == '.'))
        fuzz_found("0x%x: legal or not: %s", bits, text);
    if (bits % 8 == 3)
        check_cut_text(bytes, available_bytes, text);
    return size;
}

/* A run is what one instruction after the other gives. */
static void check_run(const uint8_t *bytes, size_t size_bytes)
{
    struct rv64_insn run[MAX_CODE_BYTES / 2];
    size_t run_bytes, at = 0;
    unsigned length = rv64_decode_run(bytes, size_bytes, ARRAY_LENGTH(run), run, &run_bytes);
    for (unsigned i = 0; i < length; i++) {
        uint32_t bits;
        memcpy(&bits, bytes + at, sizeof bits);
        struct rv64_insn insn = rv64_decode(bits);
        if (insn.row != run[i].row || insn.size != run[i].size || insn.flags != run[i].flags)
            fuzz_found("0x%x: decoded differently in a run", bits);
        at += insn.size;
    }
    if (at != run_bytes || at > size_bytes)
        fuzz_found("a run goes beyond the end");
}

static void check_translation(struct arena *arena, struct code *code, uint32_t mode,
                              uint32_t max_insns, bool has_text)
{
    const struct guest_limits limits = {.max_guest_insns = max_insns};
    struct error err;
    struct ir_block *block = guest_riscv64.translate(arena, fetch, code, code_pc, mode, &limits);
    if (!block)
        fuzz_found("no block");
    if (block->guest_length > max_insns || block->guest_size_bytes > code->size_bytes)
        fuzz_found("%u instructions, %u bytes", block->guest_length, block->guest_size_bytes);
    if (ir_verify(block, &err))
        fuzz_found("%s", err.text);
    if (has_text)
        check_ir_text(arena, block);
    block = opt_run(arena, block, OPT_ALL);
    if (ir_verify(block, &err))
        fuzz_found("after the optimiser: %s", err.text);
    if (has_text)
        check_ir_text(arena, block);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    static const uint32_t modes[] = {0, IR_RM_RMM, 5, 6, 7};
    static struct arena arena;
    if (size_bytes < HEADER_BYTES || size_bytes > HEADER_BYTES + MAX_CODE_BYTES)
        return 0;
    struct code code = {.bytes = data + HEADER_BYTES, .size_bytes = size_bytes - HEADER_BYTES};
    code.boundary = code.size_bytes ? data[2] * 2u % code.size_bytes : 0;
    for (size_t at = 0; at < code.size_bytes;)
        at += check_insn(code.bytes + at, code.size_bytes - at);
    check_run(code.bytes, code.size_bytes);
    arena_reset(&arena);
    check_translation(&arena, &code, modes[data[0] % ARRAY_LENGTH(modes)], 1u + data[1],
                      fuzz_is_sampled(fuzz_hash(data, size_bytes), TEXT_EVERY));
    return 0;
}
