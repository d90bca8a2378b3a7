/* Unit tests of src/tb: code memory, records and stubs, links, publication, drops and flushes, with
 * hand-made machine code that counts its executions. */
#include "src/tb/tb.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct tb_cache *cache;
static struct vcpu *vcpu;

static void setup(void)
{
    struct tb_cache_config config = {.code_limit_bytes = 64 * 1024, .is_chaining = true};
    ck_assert_int_eq(tb_cache_create(&config, &cache, NULL), STATUS_OK);
    vcpu = aligned_alloc(64, (sizeof *vcpu + 63) & ~(size_t)63);
    memset(vcpu, 0, sizeof *vcpu);
    vcpu_init(vcpu, NULL);
}

static void teardown(void)
{
    tb_cache_destroy(&cache);
    free(vcpu);
}

/* Code for tb: entry slot, inc vcpu->counter[counter], jmp to the TB at next_pc. */
static struct tb_code *make_code(struct tb *tb, enum tb_tier tier, unsigned counter, uint64_t next_pc)
{
    static const uint8_t slot[8] = {0x0f, 0x1f, 0x44, 0, 0, 0x0f, 0x1f, 0};
    uint8_t *x = code_alloc(cache->memory, 32, 16);
    uint8_t *w = code_w(cache->memory, x);
    uint32_t place = (uint32_t)offsetof(struct vcpu, counter) + 8 * counter - VCPU_BIAS;
    memcpy(w, slot, 8);
    memcpy(w + 8, "\x49\xff\x84\x24", 4);
    memcpy(w + 12, &place, 4);
    w[16] = 0xe9;
    struct tb_code *code = tb_code_new(cache, tb, tier);
    code->start = x;
    code->size_bytes = 32;
    tb_link(cache, code, tb_reference(cache, next_pc, 0), x + 17, TB_LINK_JUMP);
    tb_cover(cache, code, tb->pc, 4);
    return code;
}

static struct tb *publish(uint64_t pc, enum tb_tier tier, unsigned counter, uint64_t next_pc)
{
    struct tb *tb = tb_reference(cache, pc, 0);
    struct tb_code *code = make_code(tb, tier, counter, next_pc);
    tb_publish(cache, code, code->start);
    return tb;
}

static void run(struct tb *tb)
{
    memset(vcpu->counter, 0, sizeof vcpu->counter);
    tb_run(vcpu, tb->entry);
}

START_TEST(no_mapping_is_writable_and_executable)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[512];
    ck_assert_ptr_nonnull(maps);
    while (fgets(line, sizeof line, maps))
        ck_assert_msg(!strstr(line, "rwx"), "%s", line);
    fclose(maps);
}
END_TEST

START_TEST(code_memory_is_bounded)
{
    struct code_memory *memory;
    ck_assert_int_eq(code_memory_create(100, &memory, NULL), STATUS_BAD_OPTION);
    ck_assert_int_eq(code_memory_create(CODE_MEMORY_MINIMUM, &memory, NULL), STATUS_OK);
    ck_assert_ptr_nonnull(code_alloc(memory, CODE_MEMORY_MINIMUM - 16, 16));
    ck_assert_ptr_null(code_alloc(memory, 32, 16));
    ck_assert_ptr_nonnull(code_alloc_stub(memory));
    ck_assert_ptr_null(code_alloc_stub(memory));
    code_memory_reset(memory);
    ck_assert_ptr_nonnull(code_alloc(memory, 32, 16));
    code_memory_destroy(&memory);
}
END_TEST

/* Pages are made present by being written to, or as huge ones: only such as nothing is in yet. */
static void fill_and_look(size_t limit_bytes)
{
    enum { PIECES = 16384, MOST = 40000, MOST_RARE = 20000 };
    static struct piece {
        uint8_t *start;
        size_t size_bytes;
    } pieces[PIECES];
    struct code_memory *memory;
    unsigned count = 0, seed = 1;
    ck_assert_int_eq(code_memory_create(limit_bytes, &memory, NULL), STATUS_OK);
    for (bool is_full = false; !is_full && count + 9 < PIECES;) {
        seed = seed * 1103515245 + 12345;
        size_t reserved = 1 + (seed >> 8) % MOST, kept = reserved / (1 + (seed >> 4) % 8);
        size_t rare_bytes = 1 + (seed >> 9) % MOST_RARE;
        unsigned first = count;
        uint8_t *piece = code_alloc(memory, reserved, 1), *stub = piece, *rare = NULL;
        for (unsigned i = 0; i < 1 + (seed >> 3) % 7 && stub; i++)
            if ((stub = code_alloc_stub(memory)))
                pieces[count++] = (struct piece){stub, CODE_STUB_BYTES};
        if (stub && (rare = code_alloc_rare(memory, rare_bytes))) {
            pieces[count++] = (struct piece){rare, rare_bytes};
            code_trim_rare(memory, rare + rare_bytes);
        }
        is_full = !rare;
        if (piece) {
            pieces[count++] = (struct piece){piece, kept};
            code_trim(memory, piece + kept);
        }
        for (unsigned i = first; i < count; i++)
            memset(code_w(memory, pieces[i].start), 0xa5, pieces[i].size_bytes);
    }
    ck_assert_uint_gt(count, 20);
    size_t emptied = 0;
    for (unsigned i = 0; i < count; i++)
        for (size_t j = 0; j < pieces[i].size_bytes; j++)
            emptied += pieces[i].start[j] != 0xa5;
    ck_assert_uint_eq(emptied, 0);
    code_memory_destroy(&memory);
}

/* From 32 MiB on what is left of a huge page may be skipped, at both ends: not where they meet. */
START_TEST(the_two_ends_never_overlap)
{
    enum { PIECE = 60000, RARE = 3000 };
    for (unsigned more_rare = 0; more_rare < 12; more_rare++) {
        struct code_memory *memory;
        ck_assert_int_eq(code_memory_create(64 << 20, &memory, NULL), STATUS_OK);
        for (unsigned round = 0;; round++) {
            uint8_t *piece = code_alloc(memory, PIECE, 1), *rare = NULL;
            if (piece)
                code_trim(memory, piece + PIECE);
            for (unsigned i = 0; i < 1 + more_rare; i++)
                if ((rare = code_alloc_rare(memory, RARE)))
                    code_trim_rare(memory, rare + RARE);
            ck_assert_uint_le(memory->code_used + memory->stub_used, memory->code_limit);
            if (!piece && !rare)
                break;
        }
        code_memory_destroy(&memory);
    }
}
END_TEST

START_TEST(nothing_in_use_is_emptied)
{
    fill_and_look(1 << 20);
    fill_and_look(16 << 20);
}
END_TEST

START_TEST(rare_code_lies_above_the_rest)
{
    struct code_memory *memory;
    ck_assert_int_eq(code_memory_create(CODE_MEMORY_MINIMUM, &memory, NULL), STATUS_OK);
    for (unsigned round = 0; round < 2; round++) {
        uint8_t *rare = code_alloc_rare(memory, 100);
        code_trim_rare(memory, rare + 60);
        uint8_t *code = code_alloc(memory, CODE_MEMORY_MINIMUM / 2, 16);
        ck_assert(code < rare);
        ck_assert_ptr_eq(code_alloc_rare(memory, 100), rare + 60);
        uint8_t *stub = code_alloc_stub(memory);
        ck_assert(stub < rare);
        unsigned pieces = 0;
        for (uint8_t *next; (next = code_alloc_rare(memory, 100)); pieces++) {
            ck_assert(next >= code + CODE_MEMORY_MINIMUM / 2);
            ck_assert(next + 100 <= stub || next > rare);
            code_trim_rare(memory, next + 100);
        }
        ck_assert_uint_ge(pieces, (CODE_MEMORY_MINIMUM / 2 - 1024) / 128);
        code_memory_reset(memory);
    }
    code_memory_destroy(&memory);
}
END_TEST

START_TEST(an_entry_slot_is_rewritten_alone)
{
    for (unsigned place = 0; place < 4; place++) {
        struct tb *tb = tb_reference(cache, 0x1000 + 4 * place, 0);
        uint8_t *x = code_alloc(cache->memory, 16, 8), *w = code_w(cache->memory, x);
        memset(w, 0xcc, 16);
        struct tb_code *code = tb_code_new(cache, tb, TB_TIER_1);
        code->start = x + place;
        code->size_bytes = 8;
        ck_assert_uint_eq(tb_entry_padding(code->start), 0);
        tb_publish(cache, code, code->start);
        tb_drop(cache, tb);
        int32_t distance;
        memcpy(&distance, w + place + 1, 4);
        ck_assert_uint_eq(w[place], 0xe9);
        ck_assert_ptr_eq(x + place + 5 + distance, tb_stub(tb));
        for (unsigned i = 0; i < 16; i++)
            ck_assert(i - place < 5 || w[i] == 0xcc);
        ck_assert_uint_eq(tb_entry_padding(x + 4 + place), 4 - place);
    }
}
END_TEST

START_TEST(stub_leaves_to_the_loop)
{
    struct tb *tb = tb_reference(cache, 0x1000, 0);
    ck_assert_ptr_eq(tb, tb_reference(cache, 0x1000, 0));
    ck_assert_ptr_ne(tb, tb_reference(cache, 0x1000, 4));
    for (unsigned i = 1; i < 32; i++)
        vcpu->reg[i] = UINT64_C(0x1111111111111111) * (i % 15 + 1);
    run(tb);
    ck_assert_int_eq(vcpu->exit_reason, VCPU_EXIT_TB);
    ck_assert_ptr_eq(vcpu->exit_tb, tb);
    for (unsigned i = 1; i < 32; i++)
        ck_assert_uint_eq(vcpu->reg[i], UINT64_C(0x1111111111111111) * (i % 15 + 1));
}
END_TEST

/* Displacements of 32 bits lead from the first byte of code to the last record. */
START_TEST(the_largest_code_memory_reaches_its_records)
{
    struct code_memory *memory;
    ck_assert_int_eq(code_memory_create((size_t)1 << 30, &memory, NULL), STATUS_OK);
    ck_assert_int_le(code_records(memory) + memory->record_limit - memory->x_base, (int64_t)1 << 31);
    code_memory_destroy(&memory);
}
END_TEST

START_TEST(code_goes_with_what_it_jumps_into)
{
    struct tb *a = publish(0x1000, TB_TIER_1, 0, 0x2000), *b = tb_reference(cache, 0x3000, 0);
    struct tb_code *code = make_code(b, TB_TIER_1, 1, 0x4000);
    uint8_t *site = (uint8_t *)(uintptr_t)code->start + 24;
    memset(code_w(cache->memory, site), 0x11, 4);
    tb_link(cache, code, a, site, TB_LINK_INSIDE);
    tb_publish(cache, code, code->start);
    publish(0x1000, TB_TIER_2, 2, 0x2000);
    ck_assert_int_eq(b->tier, TB_TIER_1);
    for (unsigned i = 0; i < 4; i++)
        ck_assert_uint_eq(site[i], 0x11);
    tb_drop(cache, a);
    ck_assert_int_eq(a->tier, TB_TIER_NONE);
    ck_assert_int_eq(b->tier, TB_TIER_NONE);
    ck_assert(code->is_dropped);
    publish(0x3000, TB_TIER_1, 1, 0x4000);
    publish(0x1000, TB_TIER_1, 0, 0x2000);
    tb_drop(cache, a); /* of which nothing knows any more */
    ck_assert_int_eq(b->tier, TB_TIER_1);
}
END_TEST

/* Code of tier 1 whose last basic block begins so many bytes behind the TB's pc. */
static struct tb *publish_long(uint64_t pc, unsigned last_offset)
{
    struct tb *tb = tb_reference(cache, pc, 0);
    struct tb_code *code = make_code(tb, TB_TIER_1, 0, 0x2000);
    code->last_half_words = (uint8_t)(last_offset / 2);
    tb_publish(cache, code, code->start);
    return tb;
}

START_TEST(higher_tiers_are_not_gone_past)
{
    struct tb *past = publish_long(0x1000, 0x20), *to = publish_long(0x1004, 0xc);
    struct tb *before = publish_long(0x1008, 4), *behind = publish_long(0x1012, 0x20);
    struct tb *inside = tb_reference(cache, 0x1010, 0);
    past->failed_tier = TB_TIER_2;
    publish(0x1010, TB_TIER_1, 1, 0x2000);
    inside->is_inside = true;
    publish(0x1010, TB_TIER_1, 1, 0x2000);
    ck_assert_int_eq(past->tier, TB_TIER_1);
    publish(0x1010, TB_TIER_2, 1, 0x2000);
    ck_assert_int_eq(past->tier, TB_TIER_NONE);
    ck_assert_int_eq(past->failed_tier, TB_TIER_2);
    ck_assert_int_eq(to->tier, TB_TIER_NONE);
    ck_assert_int_eq(before->tier, TB_TIER_1);
    ck_assert_int_eq(behind->tier, TB_TIER_1);
    ck_assert_int_eq(inside->tier, TB_TIER_2);
}
END_TEST

START_TEST(links_follow_publication)
{
    struct tb *a = publish(0x1000, TB_TIER_1, 0, 0x2000);
    run(a);
    ck_assert_uint_eq(vcpu->exit_tb->pc, 0x2000);
    struct tb *b = publish(0x2000, TB_TIER_1, 1, 0x3000);
    run(a);
    ck_assert_uint_eq(vcpu->counter[0], 1);
    ck_assert_uint_eq(vcpu->counter[1], 1);
    ck_assert_uint_eq(vcpu->exit_tb->pc, 0x3000);
    const void *tier1_entry = b->entry;
    publish(0x2000, TB_TIER_2, 2, 0x4000);
    run(a);
    ck_assert_uint_eq(vcpu->counter[1], 0);
    ck_assert_uint_eq(vcpu->counter[2], 1);
    ck_assert_uint_eq(vcpu->exit_tb->pc, 0x4000);
    memset(vcpu->counter, 0, sizeof vcpu->counter);
    tb_run(vcpu, tier1_entry); /* whoever still holds the old entry */
    ck_assert_uint_eq(vcpu->counter[2], 1);
    ck_assert_uint_eq(cache->stats.swaps, 1);
}
END_TEST

START_TEST(drops_are_remembered)
{
    uint64_t generation = cache->generation;
    ck_assert(!tb_is_dropped_since(cache, generation, 0x1000, 0x100));
    tb_note_drop(cache, 0x1010, 2);
    ck_assert(tb_is_dropped_since(cache, generation, 0x1000, 0x11));
    ck_assert(!tb_is_dropped_since(cache, generation, 0x1000, 0x10));
    ck_assert(tb_is_dropped_since(cache, generation, 0x1011, 0));
    ck_assert(!tb_is_dropped_since(cache, generation, 0x1012, 0x10));
    ck_assert(!tb_is_dropped_since(cache, generation + 1, 0x1000, 0x100));
    tb_drop_range(cache, 0x5ff0, 0x20); /* whole pages, also where there is no code */
    ck_assert(tb_is_dropped_since(cache, generation + 1, 0x6fff, 1));
    for (unsigned i = 0; i < TB_DROPS_REMEMBERED - 2; i++)
        tb_note_drop(cache, 0x9000, 1);
    ck_assert(!tb_is_dropped_since(cache, generation, 0x2000, 1));
    tb_note_drop(cache, 0x9000, 1);
    ck_assert(tb_is_dropped_since(cache, generation, 0x2000, 1));
    tb_flush(cache);
    ck_assert(tb_is_dropped_since(cache, cache->generation - 1, 0x2000, 1));
}
END_TEST

START_TEST(dropped_code_leads_to_the_stub)
{
    struct tb *a = publish(0x1000, TB_TIER_1, 0, 0x2000);
    struct tb *b = publish(0x2000, TB_TIER_1, 1, 0x3000);
    const void *old_entry = b->entry;
    uint64_t generation = cache->generation;
    ck_assert(!tb_drop_range(cache, 0x5000, 4096));
    ck_assert(tb_drop_range(cache, 0x2000, 4096));
    ck_assert_uint_ne(cache->generation, generation);
    run(a);
    ck_assert_uint_eq(vcpu->counter[1], 0);
    ck_assert_ptr_eq(vcpu->exit_tb, b);
    tb_run(vcpu, old_entry);
    ck_assert_ptr_eq(vcpu->exit_tb, b);
    ck_assert_int_eq(b->tier, TB_TIER_NONE);
    publish(0x2000, TB_TIER_1, 2, 0x3000);
    run(a);
    ck_assert_uint_eq(vcpu->counter[2], 1);
}
END_TEST

START_TEST(code_is_found_by_address)
{
    struct tb *a = publish(0x1000, TB_TIER_1, 0, 0x2000);
    struct tb *b = publish(0x2000, TB_TIER_1, 1, 0x3000);
    const uint8_t *start = b->entry;
    ck_assert_ptr_eq(tb_code_at(cache, start + 31), tb_code_of(b, TB_TIER_1));
    ck_assert_ptr_eq(tb_code_at(cache, start - 1), tb_code_of(a, TB_TIER_1));
    ck_assert_ptr_null(tb_code_at(cache, start + 32));
    ck_assert_ptr_null(tb_code_at(cache, tb_stub(a)));
}
END_TEST

static unsigned released;
static void count_release(void *context, struct tb_code *code)
{
    ck_assert_ptr_eq(context, &released);
    ck_assert_ptr_nonnull(code->tier_private);
    released++;
}

START_TEST(flush_empties_everything)
{
    tb_cache_on_release(cache, TB_TIER_2, count_release, &released);
    for (unsigned round = 0; round < 3; round++) {
        struct tb *tb = publish(0x1000, TB_TIER_2, 0, 0x1000 + round);
        tb_code_of(tb, TB_TIER_2)->tier_private = tb;
        size_t used = cache->memory->code_used;
        tb_flush(cache);
        ck_assert_uint_eq(released, round + 1);
        ck_assert_uint_lt(cache->memory->code_used, used);
        ck_assert_ptr_null(tb_find(cache, 0x1000, 0));
    }
    ck_assert_uint_eq(cache->stats.flushes, 3);
}
END_TEST

START_TEST(many_records_are_found_again)
{
    unsigned made = 0;
    while (tb_reference(cache, 0x1000 + 2 * made, 0))
        made++;
    ck_assert_uint_gt(made, 3000); /* 16 bytes of 64 KiB each */
    for (unsigned i = 0; i < made; i++)
        ck_assert_uint_eq(tb_find(cache, 0x1000 + 2 * i, 0)->pc, 0x1000 + 2 * i);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tb");
    TCase *tcase = tcase_create("tb");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, no_mapping_is_writable_and_executable);
    tcase_add_test(tcase, code_memory_is_bounded);
    tcase_add_test(tcase, the_two_ends_never_overlap);
    tcase_add_test(tcase, nothing_in_use_is_emptied);
    tcase_add_test(tcase, an_entry_slot_is_rewritten_alone);
    tcase_add_test(tcase, rare_code_lies_above_the_rest);
    tcase_add_test(tcase, stub_leaves_to_the_loop);
    tcase_add_test(tcase, the_largest_code_memory_reaches_its_records);
    tcase_add_test(tcase, code_goes_with_what_it_jumps_into);
    tcase_add_test(tcase, higher_tiers_are_not_gone_past);
    tcase_add_test(tcase, links_follow_publication);
    tcase_add_test(tcase, drops_are_remembered);
    tcase_add_test(tcase, dropped_code_leads_to_the_stub);
    tcase_add_test(tcase, code_is_found_by_address);
    tcase_add_test(tcase, flush_empties_everything);
    tcase_add_test(tcase, many_records_are_found_again);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
