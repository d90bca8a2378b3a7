/* The riscv64 decoder and disassembler: the instruction table against itself, every half-word, and
 * pairs of 16-bit and 32-bit encodings as GNU as writes them. */
#include "src/base/bits.h"
#include "src/guest/guest.h"
#include "src/guest/riscv64/decode.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

enum { PC = 0x10000, ROUNDING_FIELD = 7 << 12, DYNAMIC = 7 << 12 };

static unsigned disassemble(uint32_t bits, char *text, size_t text_size)
{
    uint8_t bytes[4];
    memcpy(bytes, &bits, sizeof bytes);
    return guest_riscv64.disassemble(bytes, sizeof bytes, PC, text, text_size);
}

START_TEST(match_lies_in_mask)
{
    for (unsigned row = 0; row < RV64_ROW_COUNT; row++) {
        const struct rv64_row_info *info = &rv64_row_info[row];
        ck_assert_msg((info->match & ~info->mask) == 0, "%s", info->name);
    }
}
END_TEST

/* Two rows may both match a word only when one is a special case of the other and comes first. */
static void check_pair(unsigned first, unsigned second)
{
    const struct rv64_row_info *a = &rv64_row_info[first], *b = &rv64_row_info[second];
    if (((a->match ^ b->match) & a->mask & b->mask) != 0)
        return;
    ck_assert_msg((a->mask & b->mask) == b->mask && a->mask != b->mask, "%s and %s overlap",
                  a->name, b->name);
}

START_TEST(rows_do_not_overlap)
{
    for (unsigned first = 0; first < RV64_WORD_ROWS; first++)
        for (unsigned second = first + 1; second < RV64_WORD_ROWS; second++)
            check_pair(first, second);
    for (unsigned first = RV64_WORD_ROWS; first < RV64_ROW_COUNT; first++)
        for (unsigned second = first + 1; second < RV64_ROW_COUNT; second++)
            check_pair(first, second);
}
END_TEST

/* All operand fields zero, and all ones, but for the rounding mode. */
START_TEST(words_decode_to_their_row)
{
    for (unsigned row = 0; row < RV64_WORD_ROWS; row++) {
        const struct rv64_row_info *info = &rv64_row_info[row];
        uint32_t ones = info->match | ~info->mask;
        ck_assert_int_eq(rv64_row_of(info->match), (int)row);
        ck_assert_int_eq(rv64_row_of(ones), (int)row);
        for (uint32_t mode = 0; mode < 8; mode++) {
            uint32_t word = (ones & ~(uint32_t)ROUNDING_FIELD) | mode << 12;
            bool is_reserved = mode == 5 || mode == 6;
            if (info->flags & RV64_HAS_ROUNDING)
                ck_assert_int_eq(rv64_row_of(word), is_reserved ? -1 : (int)row);
        }
    }
}
END_TEST

START_TEST(every_row_disassembles)
{
    for (unsigned row = 0; row < RV64_WORD_ROWS; row++) {
        char text[64], name[RV64_NAME_SIZE];
        uint32_t word = rv64_row_info[row].match;
        rv64_row_name(row, name);
        ck_assert_uint_eq(disassemble(word, text, sizeof text), 4);
        ck_assert_msg(strncmp(text, name, strlen(name)) == 0, "%s: %s", name, text);
    }
}
END_TEST

/* Each half-word is one legal 16-bit instruction, an illegal one, or the beginning of a word, and
 * all views of the decoder agree on which. */
START_TEST(half_words)
{
    unsigned legal = 0;
    for (uint32_t half = 0; half < 0x10000; half++) {
        struct rv64_insn insn = rv64_decode(half | 0xdead0000);
        if (rv64_is_word((uint16_t)half)) {
            ck_assert_uint_eq(insn.size, 4);
            continue;
        }
        int row = rv64_row_of(half);
        ck_assert_uint_eq(insn.size, 2);
        ck_assert_int_eq(row < 0, insn.row == RV64_ILLEGAL);
        if (row < 0) {
            ck_assert(insn.flags & RV64_ENDS_BLOCK);
            continue;
        }
        const struct rv64_row_info *info = &rv64_row_info[row];
        ck_assert_int_ge(row, RV64_WORD_ROWS);
        ck_assert_uint_eq(half & info->mask, info->match);
        ck_assert_int_eq(rv64_row_of(insn.word), insn.row);
        ck_assert_uint_eq(rv64_row_info[insn.row].format, info->format);
        legal++;
    }
    /* Counted with GNU objdump 2.40, less c.addi16sp with immediate 0. */
    ck_assert_uint_eq(legal, 46743);
}
END_TEST

static const struct {
    uint32_t bits, word;
} expansions[] = {
    {0x0808, 0x01010513}, /* c.addi4spn a0,sp,16 */
    {0x1fe0, 0x3fc10413}, /* c.addi4spn s0,sp,1020 */
    {0x145c, 0x22410793}, /* c.addi4spn a5,sp,548 */
    {0x2780, 0x0087b407}, /* c.fld fs0,8(a5) */
    {0x3c7c, 0x0f843787}, /* c.fld fa5,248(s0) */
    {0x41c8, 0x0045a503}, /* c.lw a0,4(a1) */
    {0x5cfc, 0x07c4a783}, /* c.lw a5,124(s1) */
    {0x40bc, 0x0404a783}, /* c.lw a5,64(s1) */
    {0x6588, 0x0085b503}, /* c.ld a0,8(a1) */
    {0x6364, 0x0c073483}, /* c.ld s1,192(a4) */
    {0xa988, 0x00a5b827}, /* c.fsd fa0,16(a1) */
    {0xbf64, 0x0e973c27}, /* c.fsd fs1,248(a4) */
    {0xc1c8, 0x00a5a223}, /* c.sw a0,4(a1) */
    {0xdcbc, 0x06f4ac23}, /* c.sw a5,120(s1) */
    {0xe588, 0x00a5b423}, /* c.sd a0,8(a1) */
    {0xfb64, 0x0e973823}, /* c.sd s1,240(a4) */
    {0x0001, 0x00000013}, /* c.nop */
    {0x0085, 0x00108093}, /* c.addi ra,1 */
    {0x1f81, 0xfe0f8f93}, /* c.addi t6,-32 */
    {0x2501, 0x0005051b}, /* c.addiw a0,0 */
    {0x357d, 0xfff5051b}, /* c.addiw a0,-1 */
    {0x48fd, 0x01f00893}, /* c.li a7,31 */
    {0x5881, 0xfe000893}, /* c.li a7,-32 */
    {0x7101, 0xe0010113}, /* c.addi16sp sp,-512 */
    {0x617d, 0x1f010113}, /* c.addi16sp sp,496 */
    {0x715d, 0xfb010113}, /* c.addi16sp sp,-80 */
    {0x6505, 0x00001537}, /* c.lui a0,1 */
    {0x7501, 0xfffe0537}, /* c.lui a0,0xfffe0 */
    {0x6ffd, 0x0001ffb7}, /* c.lui t6,31 */
    {0x8005, 0x00145413}, /* c.srli s0,1 */
    {0x93fd, 0x03f7d793}, /* c.srli a5,63 */
    {0x9401, 0x42045413}, /* c.srai s0,32 */
    {0x87fd, 0x41f7d793}, /* c.srai a5,31 */
    {0x997d, 0xfff57513}, /* c.andi a0,-1 */
    {0x8b7d, 0x01f77713}, /* c.andi a4,31 */
    {0x8d0d, 0x40b50533}, /* c.sub a0,a1 */
    {0x8c3d, 0x00f44433}, /* c.xor s0,a5 */
    {0x8cc1, 0x0084e4b3}, /* c.or s1,s0 */
    {0x8e75, 0x00d67633}, /* c.and a2,a3 */
    {0x9f1d, 0x40f7073b}, /* c.subw a4,a5 */
    {0x9f3d, 0x00f7073b}, /* c.addw a4,a5 */
    {0xaffd, 0x7fe0006f}, /* c.j .+2046 */
    {0xb001, 0x801ff06f}, /* c.j .-2048 */
    {0xaa91, 0x1540006f}, /* c.j .+340 */
    {0xa46d, 0x2aa0006f}, /* c.j .+682 */
    {0xcd7d, 0x0e050f63}, /* c.beqz a0,.+254 */
    {0xd001, 0xf00400e3}, /* c.beqz s0,.-256 */
    {0xcbb9, 0x04078b63}, /* c.beqz a5,.+86 */
    {0xe54d, 0x0a051563}, /* c.bnez a0,.+170 */
    {0x0086, 0x00109093}, /* c.slli ra,1 */
    {0x1ffe, 0x03ff9f93}, /* c.slli t6,63 */
    {0x2502, 0x00013507}, /* c.fldsp fa0,0(sp) */
    {0x3ffe, 0x1f813f87}, /* c.fldsp ft11,504(sp) */
    {0x4512, 0x00412503}, /* c.lwsp a0,4(sp) */
    {0x5ffe, 0x0fc12f83}, /* c.lwsp t6,252(sp) */
    {0x60a2, 0x00813083}, /* c.ldsp ra,8(sp) */
    {0x7ffe, 0x1f813f83}, /* c.ldsp t6,504(sp) */
    {0x8082, 0x00008067}, /* c.jr ra */
    {0x852e, 0x00b00533}, /* c.mv a0,a1 */
    {0x9002, 0x00100073}, /* c.ebreak */
    {0x9782, 0x000780e7}, /* c.jalr a5 */
    {0x952e, 0x00b50533}, /* c.add a0,a1 */
    {0xa422, 0x00813427}, /* c.fsdsp fs0,8(sp) */
    {0xbffe, 0x1ff13c27}, /* c.fsdsp ft11,504(sp) */
    {0xc22a, 0x00a12223}, /* c.swsp a0,4(sp) */
    {0xdf82, 0x0e012e23}, /* c.swsp zero,252(sp) */
    {0xe406, 0x00113423}, /* c.sdsp ra,8(sp) */
    {0xfffe, 0x1ff13c23}, /* c.sdsp t6,504(sp) */
};

START_TEST(expansions_are_as_assembled)
{
    for (size_t i = 0; i < ARRAY_LENGTH(expansions); i++)
        ck_assert_msg(rv64_decode(expansions[i].bits).word == expansions[i].word,
                      "0x%04x expands to 0x%08x", expansions[i].bits,
                      rv64_decode(expansions[i].bits).word);
}
END_TEST

static const struct {
    uint32_t bits;
    const char *text;
} texts[] = {
    {0x12345537, "lui a0,0x12345"},
    {0xfffff517, "auipc a0,0xfffff"},
    {0xfff58513, "addi a0,a1,-1"},
    {0x03f59513, "slli a0,a1,0x3f"},
    {0x41f5d51b, "sraiw a0,a1,0x1f"},
    {0x80014503, "lbu a0,-2048(sp)"},
    {0x00113423, "sd ra,8(sp)"},
    {0x0310000f, "fence rw,w"},
    {0x0000100f, "fence.i"},
    {0x00000073, "ecall"},
    {0x00351073, "csrrw zero,fcsr,a0"},
    {0x0022e573, "csrrsi a0,frm,5"},
    {0xc0102573, "csrrs a0,time,zero"},
    {0x06b6252f, "amoadd.w.aqrl a0,a1,(a2)"},
    {0x1405b52f, "lr.d.aq a0,(a1)"},
    {0x1ab6252f, "sc.w.rl a0,a1,(a2)"},
    {0x00c5f553, "fadd.s fa0,fa1,fa2"},
    {0x02c59553, "fadd.d fa0,fa1,fa2,rtz"},
    {0x18208043, "fmadd.s ft0,ft1,ft2,ft3,rne"},
    {0x5a0df453, "fsqrt.d fs0,fs11"},
    {0xc0051553, "fcvt.w.s a0,fa0,rtz"},
    {0xd2050553, "fcvt.d.w fa0,a0"},
    {0xd0354553, "fcvt.s.lu fa0,a0,rmm"},
    {0xe2050553, "fmv.x.d a0,fa0"},
    {0xf0050553, "fmv.w.x fa0,a0"},
    {0x22c5a553, "fsgnjx.d fa0,fa1,fa2"},
    {0xa0b51553, "flt.s a0,fa0,fa1"},
    {0xe2051553, "fclass.d a0,fa0"},
    {0x00452507, "flw fa0,4(a0)"},
    {0xfe943c27, "fsd fs1,-8(s0)"},
    {0x08c5853b, "add.uw a0,a1,a2"},
    {0x20c5e53b, "sh3add.uw a0,a1,a2"},
    {0x0a05951b, "slli.uw a0,a1,0x20"},
    {0x40c5f533, "andn a0,a1,a2"},
    {0x60159513, "ctz a0,a1"},
    {0x60559513, "sext.h a0,a1"},
    {0x0805c53b, "zext.h a0,a1"},
    {0x6b85d513, "rev8 a0,a1"},
    {0x2875d513, "orc.b a0,a1"},
    {0x61f5d51b, "roriw a0,a1,0x1f"},
    {0x4bf5d513, "bexti a0,a1,0x3f"},
    {0x00b50463, "beq a0,a1,0x10008"},
    {0xfe000ee3, "beq zero,zero,0xfffc"},
    {0xffdff0ef, "jal ra,0xfffc"},
    {0x00008067, "jalr zero,0(ra)"},
    {0x00000505, "addi a0,a0,1"},
    {0x00000000, ".half 0x0000"},
    {0xffffffff, ".word 0xffffffff"},
    {0x0100000f, "fence w,unknown"},
};

START_TEST(disassembly)
{
    for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
        char text[64];
        disassemble(texts[i].bits, text, sizeof text);
        ck_assert_str_eq(text, texts[i].text);
    }
}
END_TEST

START_TEST(disassembly_needs_whole_instructions)
{
    uint8_t bytes[4] = {0x13, 0x05, 0x15, 0x00};
    char text[64], little[5];
    ck_assert_uint_eq(guest_riscv64.disassemble(bytes, 0, PC, text, sizeof text), 0);
    ck_assert_uint_eq(guest_riscv64.disassemble(bytes, 1, PC, text, sizeof text), 0);
    ck_assert_uint_eq(guest_riscv64.disassemble(bytes, 2, PC, text, sizeof text), 0);
    ck_assert_uint_eq(guest_riscv64.disassemble(bytes, 4, PC, text, sizeof text), 4);
    ck_assert_str_eq(text, "addi a0,a0,1");
    ck_assert_uint_eq(guest_riscv64.disassemble(bytes, 4, PC, little, sizeof little), 4);
    ck_assert_str_eq(little, "addi");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("decode");
    TCase *tests = tcase_create("decode");
    suite_add_tcase(suite, tests);
    tcase_add_test(tests, match_lies_in_mask);
    tcase_add_test(tests, rows_do_not_overlap);
    tcase_add_test(tests, words_decode_to_their_row);
    tcase_add_test(tests, every_row_disassembles);
    tcase_add_test(tests, half_words);
    tcase_add_test(tests, expansions_are_as_assembled);
    tcase_add_test(tests, disassembly);
    tcase_add_test(tests, disassembly_needs_whole_instructions);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
