/* The bulk operations against loops over bytes: all small lengths and alignments, overlaps, and
 * ranges that end in a page which cannot be accessed. */
#include "tests/unit/byte_memory.h"
#include "tests/unit/byte_operations.h"

#include <check.h>
#include <string.h>

static void setup(void)
{
    byte_memory_create(tb_bulk_start, tb_bulk_end, tb_bulk_fault);
}

/* Few different bytes, so that runs match for a while. */
static void fill_memory(void)
{
    unsigned kinds = draw(3) == 0 ? 256 : 2;
    for (unsigned i = 0; i < BYTES; i++)
        memory[i] = (uint8_t)(draw(kinds == 2 ? 50 : 1) ? 1 : draw(kinds));
}

static void check_one(enum ir_bulk kind, uint64_t a, uint64_t b, uint64_t length)
{
    memcpy(wanted, memory, BYTES);
    const struct byte_range range = {.bytes = wanted, .readable = BYTES, .writable = BYTES};
    uint64_t count = bulk_on_bytes(&range, kind, a, b, length);
    struct bulk_count counted = vcpu->bulk[kind];
    uint64_t got = vcpu->helper[HELPER_BULK + kind](vcpu, a, b, length, 0);
    bool is_equal = got == count && memcmp(memory, wanted, BYTES) == 0;
    ck_assert_msg(is_equal, "kind %d, a %lx, b %lx, length %lu: %lu done, not %lu", kind,
                  (unsigned long)a, (unsigned long)b, (unsigned long)length, (unsigned long)got,
                  (unsigned long)count);
    ck_assert_uint_eq(vcpu->bulk[kind].calls, counted.calls + 1);
    ck_assert_uint_eq(vcpu->bulk[kind].bytes, counted.bytes + count);
}

static uint64_t operand_b(enum ir_bulk kind)
{
    if (kind == IR_BULK_FILL)
        return random_state;
    return draw(2) ? 0 : draw(256) | draw(256) << 8 | draw(2) << 16 | UINT64_C(0xaa) << 24;
}

START_TEST(small_lengths_and_alignments)
{
    enum ir_bulk kind = (enum ir_bulk)_i;
    for (uint64_t length = 0; length <= 300; length++) {
        fill_memory();
        for (uint64_t align = 0; align < 16; align++) {
            uint64_t a = 2 * PAGE + 512 + align;
            uint64_t b = bulk_has_address_b(kind) ? 4 * PAGE + 512 + draw(16) : operand_b(kind);
            check_one(kind, a, b, length);
        }
    }
}
END_TEST

/* Overlaps at all small distances, both ways, and page boundaries near both operands. */
START_TEST(overlaps)
{
    enum ir_bulk kind = (enum ir_bulk)_i;
    for (int64_t distance = -140; bulk_has_address_b(kind) && distance <= 140; distance++) {
        fill_memory();
        uint64_t a = 3 * PAGE - draw(400) + draw(100);
        check_one(kind, a, a + (uint64_t)distance, draw(1000));
    }
}
END_TEST

START_TEST(random_ranges)
{
    enum ir_bulk kind = (enum ir_bulk)_i;
    for (unsigned i = 0; i < 1000; i++) {
        if (i % 8 == 0)
            fill_memory();
        uint64_t a = PAGE * (2 + draw(4)) + draw(200) - 100;
        uint64_t b = bulk_has_address_b(kind) ? PAGE * (2 + draw(4)) + draw(200) - 100
                                              : operand_b(kind);
        check_one(kind, a, b, draw(draw(2) ? 2 * PAGE : 200));
    }
}
END_TEST

/* Up to the last accessible byte and beyond, from each of the two sides. */
START_TEST(ends_at_what_cannot_be_accessed)
{
    enum ir_bulk kind = (enum ir_bulk)_i;
    for (unsigned i = 0; i < 1500; i++) {
        if (i % 8 == 0) {
            fill_memory();
            memset(memory + BYTES - 2 * PAGE, 1, draw(2) * 2 * PAGE);
        }
        uint64_t room = draw(draw(2) ? 300 : 6000);
        uint64_t a = BYTES - room;
        uint64_t b = bulk_has_address_b(kind) ? PAGE + draw(100) : operand_b(kind);
        if (kind == IR_BULK_COPY_BACK) {
            a = draw(2) ? BYTES + draw(3 * PAGE) : BYTES - draw(100);
            b = 5 * PAGE + draw(PAGE);
        }
        if (bulk_has_address_b(kind) && draw(2)) {
            uint64_t swap = a;
            a = b;
            b = swap;
        }
        check_one(kind, a, b, kind == IR_BULK_COPY_BACK ? draw(3 * PAGE) : room + draw(200));
    }
}
END_TEST

int main(void)
{
    if (!tb_has_bulk())
        return 77;
    Suite *suite = suite_create("bulk");
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 60);
    tcase_add_checked_fixture(all, setup, NULL);
    tcase_add_loop_test(all, small_lengths_and_alignments, 0, IR_BULK_COUNT);
    tcase_add_loop_test(all, overlaps, 0, IR_BULK_COUNT);
    tcase_add_loop_test(all, random_ranges, 0, IR_BULK_COUNT);
    tcase_add_loop_test(all, ends_at_what_cannot_be_accessed, 0, IR_BULK_COUNT);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
