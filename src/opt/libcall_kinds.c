/* The kinds of functions and the trials that tell them (libcall_internal.h).
 *
 * A trial lays out arguments and memory and knows what memory and result are to be afterwards. What
 * may be read is the words that hold bytes the function has to look at; what may be written is what
 * it has to write. Lengths go from none to some that make every unrolled loop turn; longer ones
 * show that the length is not cut short. Places are anywhere in the address space. */
#include "src/opt/libcall_internal.h"

#include "src/base/bits.h"

#include <string.h>

enum {
    STEPS_FREE = 600,      /* IR instructions that a run may take, */
    STEPS_PER_BYTE = 32,   /* and more for each byte */
    STEPS_LONG = 3000,     /* of a run that does not come to its end */
    ADDRESS_BITS = 38,
    COMPARE_AHEAD = 33,    /* bytes from a difference on that may be looked at: libcall.S */
    LONGEST_SCAN = 8400,   /* more than libcall.S looks at at once */
    LONGEST_MOVE_LOG2 = 20, /* as many bytes as libcall.S writes at once */
};

static uint64_t next_random(struct trial *trial)
{
    trial->random = trial->random * UINT64_C(6364136223846793005) + 1442695040888963407;
    return trial->random >> 33 ^ trial->random >> 11;
}

static uint64_t below(struct trial *trial, uint64_t bound)
{
    return next_random(trial) % bound;
}

/* ---- areas ---- */

/* A place with these low three bits, in a page of its own for each area; sometimes near its end. */
static uint64_t choose_place(struct trial *trial, enum sandbox_place place, unsigned low_bits)
{
    uint64_t page = below(trial, (UINT64_C(1) << (ADDRESS_BITS - LIBCALL_PAGE_LOG2 - 4)) - 1) + 1;
    uint64_t offset = below(trial, 2) ? 4096 - 8 * below(trial, 12) : 8 * below(trial, 400);
    return ((page << 4 | place << 2) << LIBCALL_PAGE_LOG2) + offset + low_bits;
}

/* The area with the words of [addr, addr + length), random bytes, none writable. */
static void lay_out(struct trial *trial, enum sandbox_place place, uint64_t addr, uint64_t length)
{
    struct sandbox_area *area = &trial->sandbox->area[place];
    area->start = addr & ~UINT64_C(7);
    area->end = length ? (addr + length + 7) & ~UINT64_C(7) : area->start;
    area->write_start = area->write_end = 0;
    for (uint64_t i = 0; i < area->end - area->start; i += 8) {
        uint64_t bytes = next_random(trial) << 32 ^ next_random(trial);
        memcpy(area->bytes + i, &bytes, 8);
    }
}

static uint8_t *byte_of(const struct trial *trial, enum sandbox_place place, uint64_t addr)
{
    struct sandbox_area *area = &trial->sandbox->area[place];
    return area->bytes + (addr - area->start);
}

static void allow_writes(struct trial *trial, uint64_t addr, uint64_t length)
{
    struct sandbox_area *area = &trial->sandbox->area[AREA_A];
    area->write_start = addr;
    area->write_end = addr + length;
}

static uint64_t area_bytes(const struct trial *trial, enum sandbox_place place)
{
    return trial->sandbox->area[place].end - trial->sandbox->area[place].start;
}

/* Area A is to be as it is now, but for what the trial changes in `want`. */
static uint8_t *wanted(struct trial *trial, uint64_t addr)
{
    memcpy(trial->want, trial->sandbox->area[AREA_A].bytes, area_bytes(trial, AREA_A));
    return trial->want + (addr - trial->sandbox->area[AREA_A].start);
}

/* Bytes of which many are none, all or only the highest bit, or differ by one bit from others. */
static uint8_t odd_byte(struct trial *trial)
{
    static const uint8_t odd[] = {0x80, 0xff, 0x7f, 0x01, 0x81, 0x00, 0xfe, 0x82};
    uint64_t random = next_random(trial);
    return random & 0x100 ? odd[random & 7] : (uint8_t)random;
}

/* The string [addr, addr + length) and its NUL. */
static void lay_out_string(struct trial *trial, enum sandbox_place place, uint64_t addr,
                           uint64_t length)
{
    lay_out(trial, place, addr, length + 1);
    const struct sandbox_area *area = &trial->sandbox->area[place];
    for (uint64_t at = area->start; at < area->end; at++) {
        uint8_t byte = odd_byte(trial);
        bool is_inside = at - addr < length;
        *byte_of(trial, place, at) = at == addr + length ? 0 : is_inside && !byte ? 0x80 : byte;
    }
}

/* An int whose low byte this is. */
static uint64_t int_with_byte(struct trial *trial, uint8_t byte)
{
    uint64_t random = next_random(trial);
    return random & 1 ? byte : (uint64_t)bits_sign_extend(random << 8, 32) | byte;
}

/* What stands where no argument is. */
static uint64_t no_argument(struct trial *trial)
{
    uint64_t random = next_random(trial);
    return random & 1 ? random >> 1 & 15 : random;
}

/* ---- runs ---- */

/* Everything that a caller keeps to itself is random. */
static void set_registers(struct trial *trial)
{
    struct sandbox *sandbox = trial->sandbox;
    const struct libcall_abi *abi = trial->abi;
    for (unsigned i = 1; i < SANDBOX_REGS; i++)
        sandbox->reg[i] = next_random(trial) << 32 ^ next_random(trial);
    for (unsigned i = 0; i < 3; i++)
        sandbox->reg[abi->argument[i]] = trial->argument[i];
    struct sandbox_area *stack = &sandbox->area[AREA_STACK];
    stack->start = choose_place(trial, AREA_STACK, 0) & ~UINT64_C(15);
    stack->end = stack->start + SANDBOX_STACK_BYTES;
    stack->write_start = stack->start;
    stack->write_end = stack->end;
    sandbox->reg[abi->stack] = stack->end;
    sandbox->return_pc = (UINT64_C(1) << ADDRESS_BITS) - 4096 + 2 * below(trial, 2048);
    sandbox->reg[abi->link] = sandbox->return_pc;
    sandbox->reg[0] = 0;
}

static enum sandbox_end run(struct trial *trial, uint32_t steps)
{
    uint64_t before[SANDBOX_REGS];
    set_registers(trial);
    memcpy(before, trial->sandbox->reg, sizeof before);
    enum sandbox_end end = sandbox_run(trial->sandbox, trial->pc, steps);
    if (end != SANDBOX_RETURNED)
        return end;
    for (unsigned i = 0; i < SANDBOX_REGS; i++)
        if (trial->abi->kept >> i & 1 && trial->sandbox->reg[i] != before[i])
            return SANDBOX_BROKEN;
    return end;
}

/* Only the words in [write_start, write_end) can have changed. */
static bool is_as_wanted(const struct trial *trial)
{
    const struct sandbox_area *area = &trial->sandbox->area[AREA_A];
    return memcmp(area->bytes, trial->want, area->end - area->start) == 0;
}

bool trial_run(struct trial *trial, uint32_t length_bytes)
{
    return run(trial, STEPS_FREE + length_bytes * STEPS_PER_BYTE) == SANDBOX_RETURNED &&
           trial->sandbox->reg[trial->abi->argument[0]] == trial->result && is_as_wanted(trial);
}

bool trial_run_long(struct trial *trial)
{
    enum sandbox_end end = run(trial, STEPS_LONG);
    return end == SANDBOX_TIRED || end == SANDBOX_OUTSIDE;
}

/* ---- lengths ---- */

/* All up to 24, then fewer. */
static uint64_t next_length(uint64_t length)
{
    return length < 24 ? length + 1 : length + length / 4;
}
#define FOR_LENGTHS(length, most)                                                                  \
    for (uint64_t length = 0; length <= (most); length = next_length(length))

enum { MOST_BYTES = 330 };

static unsigned low_bits(struct trial *trial)
{
    return (unsigned)below(trial, 8);
}

static void set_arguments(struct trial *trial, uint64_t a, uint64_t b, uint64_t c)
{
    trial->argument[0] = a;
    trial->argument[1] = b;
    trial->argument[2] = c;
}

/* ---- moves ---- */

static void want_end_or_a(struct trial *trial, uint64_t a, uint64_t end)
{
    trial->result = trial->kind->result == RESULT_END ? end : a;
}

static bool moves_apart(struct trial *trial, uint64_t length, unsigned low_a, unsigned low_b)
{
    uint64_t a = choose_place(trial, AREA_A, low_a), b = choose_place(trial, AREA_B, low_b);
    lay_out(trial, AREA_A, a, length);
    lay_out(trial, AREA_B, b, length);
    allow_writes(trial, a, length);
    memcpy(wanted(trial, a), byte_of(trial, AREA_B, b), length);
    set_arguments(trial, a, b, length);
    want_end_or_a(trial, a, a + length);
    return trial_run(trial, (uint32_t)length);
}

/* The destination `distance` bytes behind the source, or before it. */
static bool moves_over(struct trial *trial, uint64_t length, unsigned low, int64_t distance)
{
    uint64_t b = choose_place(trial, AREA_A, low), a = b + (uint64_t)distance;
    uint64_t first = a < b ? a : b, apart = a < b ? b - a : a - b;
    lay_out(trial, AREA_A, first, length + apart);
    lay_out(trial, AREA_B, 0, 0);
    allow_writes(trial, a, length);
    uint8_t *to = wanted(trial, a);
    memmove(to, byte_of(trial, AREA_A, b), length);
    set_arguments(trial, a, b, length);
    want_end_or_a(trial, a, a + length);
    return trial_run(trial, (uint32_t)length);
}

/* No length up to what is done at once is cut short: 2^k + 5 bytes keep it copying, and right. */
static bool moves_on(struct trial *trial, unsigned bits)
{
    enum { PART = 4096 };
    uint64_t a = choose_place(trial, AREA_A, low_bits(trial));
    uint64_t b = choose_place(trial, AREA_B, low_bits(trial));
    lay_out(trial, AREA_A, a, PART);
    lay_out(trial, AREA_B, b, PART);
    allow_writes(trial, a, PART);
    uint8_t *before = wanted(trial, a), *after = byte_of(trial, AREA_A, a);
    set_arguments(trial, a, b, (UINT64_C(1) << bits) + 5);
    if (!trial_run_long(trial))
        return false;
    for (unsigned i = 0; i < PART; i++)
        if (after[i] != before[i] && after[i] != byte_of(trial, AREA_B, b)[i])
            return false;
    return true;
}

static bool is_move_apart(struct trial *trial)
{
    FOR_LENGTHS(length, MOST_BYTES)
        for (unsigned i = 0; i < 3; i++)
            if (!moves_apart(trial, length, low_bits(trial), i ? low_bits(trial) : 0))
                return false;
    for (unsigned low = 0; low < 64; low++) /* all alignments; then equal ones, some unroll */
        if (!moves_apart(trial, 16 + below(trial, 100), low / 8, low % 8) ||
            !moves_apart(trial, 40 + low, low % 8, low % 8))
            return false;
    for (unsigned bits = 9; bits < 12; bits++)
        if (!moves_apart(trial, (UINT64_C(1) << bits) + 5, low_bits(trial), low_bits(trial)))
            return false;
    for (unsigned bits = 12; bits <= LONGEST_MOVE_LOG2; bits++)
        if (!moves_on(trial, bits))
            return false;
    return true;
}

static bool is_move(struct trial *trial)
{
    if (!is_move_apart(trial))
        return false;
    FOR_LENGTHS(length, MOST_BYTES)
        for (unsigned i = 0; i < 6; i++) {
            int64_t distance = (int64_t)(i < 2 ? below(trial, 17) : below(trial, length + 9));
            if (!moves_over(trial, length, low_bits(trial), i & 1 ? distance : -distance))
                return false;
        }
    for (unsigned low = 0; low < 64; low++)
        if (!moves_over(trial, 24 + below(trial, 60), low % 8, (int64_t)(low / 8) + 1) ||
            !moves_over(trial, 24 + below(trial, 60), low % 8, -(int64_t)(low / 8) - 1))
            return false;
    return true;
}

static bool copies_string(struct trial *trial, uint64_t length, unsigned low_a, unsigned low_b)
{
    uint64_t a = choose_place(trial, AREA_A, low_a), b = choose_place(trial, AREA_B, low_b);
    lay_out(trial, AREA_A, a, length + 1);
    lay_out_string(trial, AREA_B, b, length);
    allow_writes(trial, a, length + 1);
    memcpy(wanted(trial, a), byte_of(trial, AREA_B, b), length + 1);
    set_arguments(trial, a, b, no_argument(trial));
    want_end_or_a(trial, a, a + length);
    return trial_run(trial, (uint32_t)length);
}

static bool is_string_copy(struct trial *trial)
{
    FOR_LENGTHS(length, MOST_BYTES)
        for (unsigned i = 0; i < 3; i++)
            if (!copies_string(trial, length, low_bits(trial),
                               i ? low_bits(trial) : 0))
                return false;
    for (unsigned low = 0; low < 64; low++)
        if (!copies_string(trial, 16 + below(trial, 100), low / 8, low % 8) ||
            !copies_string(trial, 40 + low, low % 8, low % 8))
            return false;
    return copies_string(trial, LONGEST_SCAN, 3, 5);
}

/* ---- fills ---- */

static bool fills(struct trial *trial, uint64_t length, unsigned low)
{
    uint64_t a = choose_place(trial, AREA_A, low);
    uint8_t byte = odd_byte(trial);
    lay_out(trial, AREA_A, a, length);
    lay_out(trial, AREA_B, 0, 0);
    allow_writes(trial, a, length);
    memset(wanted(trial, a), byte, length);
    set_arguments(trial, a, int_with_byte(trial, byte), length);
    trial->result = a;
    return trial_run(trial, (uint32_t)length);
}

static bool fills_on(struct trial *trial, unsigned bits)
{
    enum { PART = 4096 };
    uint64_t a = choose_place(trial, AREA_A, low_bits(trial));
    uint8_t byte = odd_byte(trial);
    lay_out(trial, AREA_A, a, PART);
    lay_out(trial, AREA_B, 0, 0);
    allow_writes(trial, a, PART);
    uint8_t *before = wanted(trial, a), *after = byte_of(trial, AREA_A, a);
    set_arguments(trial, a, byte, (UINT64_C(1) << bits) + 5);
    if (!trial_run_long(trial))
        return false;
    for (unsigned i = 0; i < PART; i++)
        if (after[i] != before[i] && after[i] != byte)
            return false;
    return true;
}

static bool is_set(struct trial *trial)
{
    FOR_LENGTHS(length, MOST_BYTES)
        for (unsigned i = 0; i < 4; i++)
            if (!fills(trial, length, i ? low_bits(trial) : 0))
                return false;
    for (unsigned bits = 9; bits < 12; bits++)
        if (!fills(trial, (UINT64_C(1) << bits) + 5, low_bits(trial)))
            return false;
    for (unsigned bits = 12; bits <= LONGEST_MOVE_LOG2; bits++)
        if (!fills_on(trial, bits))
            return false;
    return true;
}

/* ---- lengths of strings ---- */

/* The string is `length` long, no more than `most` of it are to be looked at. */
static bool measures(struct trial *trial, uint64_t length, unsigned low, uint64_t most)
{
    uint64_t a = choose_place(trial, AREA_A, low), least = length < most ? length : most;
    lay_out_string(trial, AREA_A, a, length);
    if (most <= length) {
        struct sandbox_area *area = &trial->sandbox->area[AREA_A];
        area->end = most ? (a + most + 7) & ~UINT64_C(7) : area->start;
    }
    lay_out(trial, AREA_B, 0, 0);
    wanted(trial, a);
    set_arguments(trial, a, trial->kind->is_unbounded ? no_argument(trial) : most,
                  no_argument(trial));
    trial->result = least;
    return trial_run(trial, (uint32_t)least);
}

static bool is_length(struct trial *trial)
{
    FOR_LENGTHS(length, MOST_BYTES)
        for (unsigned low = 0; low < 8; low++)
            if (!measures(trial, length, low, UINT64_MAX))
                return false;
    return measures(trial, LONGEST_SCAN, 5, UINT64_MAX);
}

static bool is_bounded_length(struct trial *trial)
{
    FOR_LENGTHS(length, MOST_BYTES)
        for (unsigned low = 0; low < 8; low++)
            if (!measures(trial, length, low, length) ||
                !measures(trial, length, low, length + 1 + below(trial, 20)) ||
                !measures(trial, length, low, below(trial, length + 1)))
                return false;
    for (unsigned bits = 10; bits < 64; bits++)
        if (!measures(trial, 20 + below(trial, 20), bits % 8,
                      (UINT64_C(1) << bits) + below(trial, 3)))
            return false;
    return measures(trial, LONGEST_SCAN, 5, UINT64_MAX) && measures(trial, 4, 1, UINT64_MAX) &&
           measures(trial, LONGEST_SCAN, 5, LONGEST_SCAN - 10);
}

/* ---- comparisons ---- */

/* Two texts of `length` bytes that are equal up to `same` and differ there; the strings, NUL and
 * all, when same is length. */
struct pair {
    uint64_t length, same, most;
    unsigned low_a, low_b;
    uint8_t byte_a, byte_b; /* at `same`, when that is below length */
};

static void lay_out_pair(struct trial *trial, const struct pair *pair, uint64_t a, uint64_t b)
{
    bool is_string = trial->kind->op == IR_LIBCALL_COMPARE_Z;
    uint64_t visible = pair->length + is_string;
    if (is_string && pair->same < pair->length)
        visible = pair->same + 1;
    if (!is_string && visible > pair->same + COMPARE_AHEAD)
        visible = pair->same + COMPARE_AHEAD;
    if (visible > pair->most)
        visible = pair->most;
    lay_out(trial, AREA_A, a, visible);
    lay_out(trial, AREA_B, b, visible);
    for (uint64_t i = 0; i < visible; i++) {
        uint8_t byte = odd_byte(trial);
        *byte_of(trial, AREA_A, a + i) = *byte_of(trial, AREA_B, b + i) =
            is_string && !byte ? 0x80 : byte;
    }
    if (pair->same < visible) {
        *byte_of(trial, AREA_A, a + pair->same) = pair->same < pair->length ? pair->byte_a : 0;
        *byte_of(trial, AREA_B, b + pair->same) = pair->same < pair->length ? pair->byte_b : 0;
    }
}

static bool compares(struct trial *trial, const struct pair *pair)
{
    uint64_t a = choose_place(trial, AREA_A, pair->low_a);
    uint64_t b = choose_place(trial, AREA_B, pair->low_b);
    lay_out_pair(trial, pair, a, b);
    wanted(trial, a);
    set_arguments(trial, a, b, trial->kind->is_unbounded ? no_argument(trial) : pair->most);
    bool is_different = pair->same < pair->length && pair->same < pair->most;
    int64_t difference = is_different ? (int64_t)pair->byte_a - pair->byte_b : 0;
    trial->result = trial->kind->result == RESULT_SIGN
                        ? (uint64_t)((difference > 0) - (difference < 0))
                        : (uint64_t)difference;
    return trial_run(trial, (uint32_t)(pair->same < pair->length ? pair->same : pair->length));
}

static struct pair make_pair(struct trial *trial, uint64_t same, unsigned low_a, unsigned low_b)
{
    struct pair pair = {.same = same, .low_a = low_a, .low_b = low_b};
    pair.length = same + below(trial, 64);
    pair.most = pair.length;
    pair.byte_a = odd_byte(trial);
    pair.byte_b = odd_byte(trial);
    if (pair.byte_a == pair.byte_b || below(trial, 2))
        pair.byte_b = pair.byte_a ^ (uint8_t)(1u << below(trial, 8));
    if (trial->kind->is_unbounded)
        pair.most = UINT64_MAX;
    return pair;
}

/* Pairs with more, fewer and many more bytes than there are to be compared. */
static bool compares_bounded(struct trial *trial, struct pair pair)
{
    pair.most = below(trial, pair.length + 1);
    if (!compares(trial, &pair))
        return false;
    if (trial->kind->op == IR_LIBCALL_COMPARE_Z) {
        pair.most = pair.length + 1 + below(trial, 20);
        return compares(trial, &pair);
    }
    return true;
}

static bool is_comparison(struct trial *trial)
{
    FOR_LENGTHS(same, MOST_BYTES)
        for (unsigned i = 0; i < 8; i++) {
            unsigned low_a = low_bits(trial);
            unsigned low_b = i & 1 ? low_a : low_bits(trial);
            struct pair pair = make_pair(trial, same, low_a, low_b);
            if (!compares(trial, &pair) ||
                (!trial->kind->is_unbounded && !compares_bounded(trial, pair)))
                return false;
        }
    struct pair pair = make_pair(trial, LONGEST_SCAN, 1, 2);
    if (!compares(trial, &pair))
        return false;
    for (unsigned bits = 10; bits < 64 && !trial->kind->is_unbounded; bits++) {
        pair = make_pair(trial, 8 + below(trial, 20), bits % 8, bits / 8);
        pair.length = pair.same + 100; /* memcmp may look ahead */
        pair.most = (UINT64_C(1) << bits) + below(trial, 3);
        if (!compares(trial, &pair))
            return false;
    }
    return true;
}

/* ---- searches ---- */

/* The byte is at `place`, maybe elsewhere after it; in a string of this length, or in `most`
 * bytes. */
static bool seeks(struct trial *trial, uint64_t place, uint64_t most, unsigned low)
{
    uint64_t a = choose_place(trial, AREA_A, low), end = place < most ? place + 1 : most;
    uint8_t byte = odd_byte(trial), other = byte ^ (uint8_t)(1u << below(trial, 8));
    lay_out(trial, AREA_A, a, end);
    for (uint64_t at = a; at < a + end; at++) {
        uint8_t *here = byte_of(trial, AREA_A, at);
        *here = *here == byte || !below(trial, 4) ? other : *here;
    }
    if (place < most)
        *byte_of(trial, AREA_A, a + place) = byte;
    lay_out(trial, AREA_B, 0, 0);
    wanted(trial, a);
    uint64_t wide = int_with_byte(trial, byte);
    set_arguments(trial, a, wide, trial->kind->is_unbounded ? no_argument(trial) : most);
    trial->result = place < most ? a + place : 0;
    return trial_run(trial, (uint32_t)end);
}

static bool is_seek(struct trial *trial)
{
    bool is_bounded = !trial->kind->is_unbounded;
    FOR_LENGTHS(place, MOST_BYTES)
        for (unsigned low = 0; low < 8; low++)
            if (!seeks(trial, place, is_bounded ? place + 1 + below(trial, 20) : UINT64_MAX, low) ||
                (is_bounded && !seeks(trial, place, place, low)) ||
                (is_bounded && !seeks(trial, place, below(trial, place + 1), low)))
                return false;
    for (unsigned bits = 10; bits < 64 && is_bounded; bits++)
        if (!seeks(trial, 20 + below(trial, 20), (UINT64_C(1) << bits) + below(trial, 3), bits % 8))
            return false;
    return seeks(trial, LONGEST_SCAN, UINT64_MAX, 3) && seeks(trial, 5, UINT64_MAX, 3);
}

/* The byte is at `place` in a string of this length, or not in it. */
static bool seeks_in_string(struct trial *trial, uint64_t length, uint64_t place, unsigned low)
{
    uint64_t a = choose_place(trial, AREA_A, low), end = place < length ? place : length;
    uint8_t byte = odd_byte(trial);
    byte = place == length ? 0 : byte ? byte : 0x80;
    lay_out_string(trial, AREA_A, a, length);
    for (uint64_t at = a; at < a + length; at++) {
        uint8_t *here = byte_of(trial, AREA_A, at);
        uint8_t other = byte ^ (uint8_t)(1u << below(trial, 8));
        if (!other)
            other = byte == 0x55 ? 0xaa : 0x55;
        *here = *here == byte || !below(trial, 4) ? other : *here;
    }
    if (place < length)
        *byte_of(trial, AREA_A, a + place) = byte;
    struct sandbox_area *area = &trial->sandbox->area[AREA_A];
    area->end = (a + end + 8) & ~UINT64_C(7);
    lay_out(trial, AREA_B, 0, 0);
    wanted(trial, a);
    uint64_t wide = int_with_byte(trial, byte);
    set_arguments(trial, a, wide, no_argument(trial));
    trial->result = place <= length || trial->kind->wants_nul ? a + end : 0;
    return trial_run(trial, (uint32_t)end);
}

static bool is_seek_in_string(struct trial *trial)
{
    FOR_LENGTHS(length, MOST_BYTES)
        for (unsigned low = 0; low < 8; low++)
            if (!seeks_in_string(trial, length, UINT64_MAX, low) ||
                !seeks_in_string(trial, length, below(trial, length + 1), low) ||
                !seeks_in_string(trial, length + 9, length, low))
                return false;
    return seeks_in_string(trial, LONGEST_SCAN, UINT64_MAX, 3) &&
           seeks_in_string(trial, LONGEST_SCAN, LONGEST_SCAN - 3, 3);
}

/* ---- numbers ---- */

/* What the kind makes of a. */
static uint64_t number_result(const struct libcall_kind *kind, uint64_t a)
{
    uint64_t result = ir_eval(kind->number_op, IR_I64, 64, a, 0, 0, 0);
    return kind->result == RESULT_HIGH ? (uint64_t)((int64_t)result >> 32) : result;
}

static bool computes(struct trial *trial, uint64_t a)
{
    if (a == 0 && trial->kind->is_nonzero)
        return true;
    set_arguments(trial, a, no_argument(trial), no_argument(trial));
    trial->result = number_result(trial->kind, a);
    return trial_run(trial, sizeof a * 8);
}

/* 0, and every byte in every place, where it decides: below it, above it or on all sides there is anything.
 * Whatever tables there are, each of their entries is met. */
static bool is_number(struct trial *trial)
{
    bool is_clz = trial->kind->number_op == IR_clz, is_ctz = trial->kind->number_op == IR_ctz;
    lay_out(trial, AREA_A, 0, 0);
    lay_out(trial, AREA_B, 0, 0);
    for (unsigned i = 0; i < 8 * 256; i++) {
        unsigned shift = i / 256 * 8;
        uint64_t here = (uint64_t)(i % 256) << shift;
        uint64_t around = (next_random(trial) << 32 ^ next_random(trial)) & ~(UINT64_C(255) << shift);
        uint64_t below_it = around & ((UINT64_C(1) << shift) - 1), above_it = around - below_it;
        bool is_sample = i % 16 == 0;
        if ((is_sample && !computes(trial, here)) ||
            ((is_sample || is_clz) && !computes(trial, here | below_it)) ||
            ((is_sample || is_ctz) && !computes(trial, here | above_it)) ||
            ((is_sample || (!is_clz && !is_ctz)) && !computes(trial, here | around)))
            return false;
    }
    return true;
}

/* ---- the table: of two kinds that a function may be, the one that says more comes first ---- */

const struct libcall_kind libcall_kinds[] = {
    {.name = "memmove", .op = IR_LIBCALL_MOVE, .result = RESULT_A, .is_like = is_move},
    {.name = "memcpy", .op = IR_LIBCALL_MOVE, .result = RESULT_A, .is_apart = true,
     .is_like = is_move_apart},
    {.name = "mempcpy", .op = IR_LIBCALL_MOVE, .result = RESULT_END, .is_apart = true,
     .is_like = is_move_apart},
    {.name = "strcpy", .op = IR_LIBCALL_MOVE, .result = RESULT_A, .is_apart = true,
     .is_string = true, .is_unbounded = true, .is_like = is_string_copy},
    {.name = "stpcpy", .op = IR_LIBCALL_MOVE, .result = RESULT_END, .is_apart = true,
     .is_string = true, .is_unbounded = true, .is_like = is_string_copy},
    {.name = "memset", .op = IR_LIBCALL_SET, .result = RESULT_A, .is_like = is_set},
    {.name = "strnlen", .op = IR_LIBCALL_LENGTH, .is_like = is_bounded_length},
    {.name = "strlen", .op = IR_LIBCALL_LENGTH, .is_unbounded = true, .is_like = is_length},
    {.name = "memcmp", .op = IR_LIBCALL_COMPARE, .is_like = is_comparison},
    {.name = "memcmp (sign)", .op = IR_LIBCALL_COMPARE, .result = RESULT_SIGN,
     .is_like = is_comparison},
    {.name = "strncmp", .op = IR_LIBCALL_COMPARE_Z, .is_like = is_comparison},
    {.name = "strcmp", .op = IR_LIBCALL_COMPARE_Z, .is_unbounded = true, .is_like = is_comparison},
    {.name = "strcmp (sign)", .op = IR_LIBCALL_COMPARE_Z, .result = RESULT_SIGN,
     .is_unbounded = true, .is_like = is_comparison},
    {.name = "memchr", .op = IR_LIBCALL_SEEK, .is_like = is_seek},
    {.name = "rawmemchr", .op = IR_LIBCALL_SEEK, .is_unbounded = true, .is_like = is_seek},
    {.name = "strchr", .op = IR_LIBCALL_SEEK_Z, .is_unbounded = true, .is_like = is_seek_in_string},
    {.name = "strchrnul", .op = IR_LIBCALL_SEEK_Z, .is_unbounded = true, .wants_nul = true,
     .is_like = is_seek_in_string},
    {.name = "ctz", .number_op = IR_ctz, .is_like = is_number},
    {.name = "ctz (not of 0)", .number_op = IR_ctz, .is_nonzero = true, .is_like = is_number},
    {.name = "clz", .number_op = IR_clz, .is_like = is_number},
    {.name = "clz (not of 0)", .number_op = IR_clz, .is_nonzero = true, .is_like = is_number},
    {.name = "popcount", .number_op = IR_popcnt, .is_like = is_number},
    {.name = "bswap64", .number_op = IR_bswap, .is_like = is_number},
    {.name = "bswap32", .number_op = IR_bswap, .result = RESULT_HIGH, .is_like = is_number},
};
const unsigned libcall_kind_count = sizeof libcall_kinds / sizeof libcall_kinds[0];
