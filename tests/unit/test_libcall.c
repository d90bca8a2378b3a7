/* The libcalls against loops over bytes: all small lengths and alignments, overlaps, and operands that
 * end in pages which cannot be read or written. What is not done leaves memory as it was. */
#include "tests/unit/byte_memory.h"
#include "tests/unit/byte_operations.h"

#include <check.h>
#include <string.h>
#include <sys/mman.h>

enum { SCAN_MAX = 8192 };

static uint8_t before[BYTES];
static uint64_t first_unwritable = BYTES;
static unsigned done_count, not_done_count;

static void setup(void)
{
    byte_memory_create(tb_libcall_start, tb_libcall_end, tb_libcall_fault);
}

static void allow_writes_below(uint64_t end)
{
    mprotect(memory, BYTES, PROT_READ | PROT_WRITE);
    if (end < BYTES)
        mprotect(memory + end, BYTES - end, PROT_READ);
    first_unwritable = end;
}

/* Few different bytes, so that runs match for a while. */
static void fill_memory(void)
{
    unsigned rarity = (unsigned)(draw(3) ? 2 + draw(400) : 1);
    for (unsigned i = 0; i < BYTES; i++)
        memory[i] = (uint8_t)(draw(rarity) ? 'x' : draw(256));
}

/* May it be left to the function's own code? */
static bool may_be_left(enum ir_libcall kind, uint64_t a, uint64_t b, uint64_t c)
{
    bool is_long = c > 256, is_overlapping = a - b < c || b - a < c;
    bool has_page_end = c && (a ^ (a + c - 1)) >= PAGE;
    switch (kind) {
    case IR_LIBCALL_MOVE:
        return is_overlapping && (is_long ? !vcpu->is_alone : has_page_end);
    case IR_LIBCALL_SET:
        return false;
    case IR_LIBCALL_LENGTH:
    case IR_LIBCALL_COMPARE:
    case IR_LIBCALL_COMPARE_Z:
    case IR_LIBCALL_SEEK:
    case IR_LIBCALL_SEEK_Z:
        return c > SCAN_MAX || a + SCAN_MAX > BYTES || kind == IR_LIBCALL_SEEK_Z ||
               (kind == IR_LIBCALL_COMPARE && b + c > BYTES);
    case IR_LIBCALL_COUNT:
        break;
    }
    return false;
}

static void check_one(enum ir_libcall kind, uint64_t a, uint64_t b, uint64_t c)
{
    memcpy(before, memory, BYTES);
    memcpy(wanted, memory, BYTES);
    vcpu->is_alone = draw(4) != 0;
    const struct byte_range range = {
        .bytes = wanted, .readable = BYTES, .writable = first_unwritable};
    uint64_t result = libcall_on_bytes(&range, kind, a, b, c);
    bool is_left = result == IR_NOT_DONE || may_be_left(kind, a, b, c);
    uint64_t calls = vcpu->libcall_count[kind].calls;
    uint64_t got = vcpu->helper[HELPER_LIBCALL + kind](vcpu, a, b, c, 0);
    if (got == IR_NOT_DONE) {
        if (result != IR_NOT_DONE)
            memcpy(wanted, before, BYTES);
        not_done_count++;
    } else {
        ck_assert_uint_eq(vcpu->libcall_count[kind].calls, calls + 1);
        done_count++;
    }
    bool is_good = got == result || (got == IR_NOT_DONE && is_left);
    ck_assert_msg(is_good && memcmp(memory, wanted, BYTES) == 0,
                  "kind %d, a %lx, b %lx, c %lu: %lx, not %lx", kind, (unsigned long)a,
                  (unsigned long)b, (unsigned long)c, (unsigned long)got, (unsigned long)result);
}

static uint64_t operand_b(enum ir_libcall kind, uint64_t place)
{
    return libcall_has_address_b(kind) ? place : draw(2) ? 'x' ^ draw(2) : draw(1024);
}

/* A length, or the flag of SEEK_Z. */
static uint64_t operand_c(enum ir_libcall kind, uint64_t length)
{
    bool is_search = !(kind == IR_LIBCALL_MOVE || kind == IR_LIBCALL_SET);
    return kind == IR_LIBCALL_SEEK_Z ? draw(2) : is_search && !draw(4) ? UINT64_MAX : length;
}

/* All short operands are done. */
START_TEST(small_lengths_and_alignments)
{
    enum ir_libcall kind = (enum ir_libcall)_i;
    for (uint64_t length = 0; length <= 300; length++) {
        fill_memory();
        for (uint64_t align = 0; align < 32; align++) {
            uint64_t a = 2 * PAGE + 512 + align, b = 4 * PAGE + 512 + draw(32);
            memcpy(memory + b, memory + a, libcall_has_address_b(kind) ? draw(length + 1) : 0);
            memory[a + length + 1] = memory[b + length + 1] = 0;
            memory[a + length + 2] = (uint8_t)draw(256);
            bool is_ended = kind != IR_LIBCALL_SEEK;
            check_one(kind, a, operand_b(kind, b), is_ended ? operand_c(kind, length) : length);
        }
    }
    ck_assert_uint_eq(not_done_count, 0);
}
END_TEST

/* Overlaps at all small distances, both ways, and page boundaries near both operands. */
START_TEST(overlaps)
{
    enum ir_libcall kind = (enum ir_libcall)_i;
    for (int64_t distance = -300; libcall_has_address_b(kind) && distance <= 300; distance++) {
        fill_memory();
        for (unsigned i = 0; i < 4; i++) {
            uint64_t a = 3 * PAGE - (i & 1 ? draw(400) : 1500) + draw(100);
            check_one(kind, a, a + (uint64_t)distance, draw(i & 2 ? 1000 : 260));
        }
    }
}
END_TEST

START_TEST(random_ranges)
{
    enum ir_libcall kind = (enum ir_libcall)_i;
    for (unsigned i = 0; i < 3000; i++) {
        if (i % 8 == 0)
            fill_memory();
        uint64_t a = PAGE * (2 + draw(4)) + draw(200) - 100;
        uint64_t b = PAGE * (2 + draw(4)) + draw(200) - 100, length = draw(draw(2) ? 2 * PAGE : 200);
        if (libcall_has_address_b(kind) && kind != IR_LIBCALL_MOVE && draw(2))
            memmove(memory + b, memory + a, draw(length + 1));
        check_one(kind, a, operand_b(kind, b), operand_c(kind, length));
    }
    ck_assert_uint_gt(done_count, 1000);
}
END_TEST

/* Up to the last accessible byte and beyond, from each of the two sides; and for writes up to the
 * last writable one: memory is then as it was. */
START_TEST(ends_at_what_cannot_be_accessed)
{
    enum ir_libcall kind = (enum ir_libcall)_i;
    for (unsigned i = 0; i < 3000; i++) {
        allow_writes_below(BYTES);
        if (i % 8 == 0)
            fill_memory();
        uint64_t end = draw(2) ? BYTES : 6 * PAGE, room = draw(draw(2) ? 300 : 6000);
        uint64_t a = end - room, b = PAGE + draw(100), length = room + draw(200);
        if (draw(2))
            memory[end - 1] = 0;
        if (libcall_has_address_b(kind) && draw(2)) {
            uint64_t swap = a;
            a = b;
            b = swap;
        }
        if (libcall_has_address_b(kind) && kind != IR_LIBCALL_MOVE)
            memcpy(memory + b, memory + a, draw(room + 1));
        if (end < BYTES && draw(2))
            allow_writes_below(end);
        check_one(kind, a, operand_b(kind, b), operand_c(kind, draw(2) ? length : room));
    }
    allow_writes_below(BYTES);
    ck_assert_uint_gt(done_count, 300);
    ck_assert_uint_gt(not_done_count, 40);
}
END_TEST

/* Lengths that no memory has: nothing is written, and nothing hangs. */
START_TEST(huge_lengths)
{
    enum ir_libcall kind = (enum ir_libcall)_i;
    fill_memory();
    for (unsigned bits = 17; bits < 64; bits++)
        for (unsigned i = 0; i < 4; i++) {
            uint64_t length = (UINT64_C(1) << bits) - 2 + draw(4), a = 2 * PAGE + draw(PAGE);
            uint64_t b = 5 * PAGE + draw(PAGE);
            bool has_length = kind != IR_LIBCALL_SEEK_Z;
            check_one(kind, a, operand_b(kind, b), has_length ? length : 1);
            check_one(kind, a, operand_b(kind, b), has_length ? ~draw(2 * PAGE) : 0);
        }
}
END_TEST

int main(void)
{
    if (!tb_has_bulk())
        return 77;
    Suite *suite = suite_create("libcall");
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 60);
    tcase_add_checked_fixture(all, setup, NULL);
    tcase_add_loop_test(all, small_lengths_and_alignments, 0, IR_LIBCALL_COUNT);
    tcase_add_loop_test(all, overlaps, 0, IR_LIBCALL_COUNT);
    tcase_add_loop_test(all, random_ranges, 0, IR_LIBCALL_COUNT);
    tcase_add_loop_test(all, ends_at_what_cannot_be_accessed, 0, IR_LIBCALL_COUNT);
    tcase_add_loop_test(all, huge_lengths, 0, IR_LIBCALL_COUNT);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
