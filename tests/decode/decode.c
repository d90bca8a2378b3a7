/* The decoder and disassembler judged by LLVM's for RISC-V.
 *
 *   decode words [--seed=N] [--count=N]   32-bit words: all combinations of opcode, funct3, funct7
 *                                         and rs2, each table row with its operand bits at edge
 *                                         values and with each bit changed, and count random ones
 *   decode words --all                    all 2^30 of them, which takes some minutes
 *   decode names                          every half-word: which 16-bit instruction it is
 *   decode expansions                     every half-word: the word it stands for
 *
 * Both must know the same instructions, under the same name, with the same operands. Where they may
 * differ stands in `deviations`, with the paragraph of the manual; each of these must be met, or it
 * is out of date. Exit status: 0 agreement, 1 differences, 2 no LLVM disassembler. */
#include "src/base/bits.h"
#include "src/guest/guest.h"
#include "src/guest/riscv64/decode.h"
#include "src/guest/riscv64/encoding.h"

#include <llvm-c/Disassembler.h>
#include <llvm-c/Support.h>
#include <llvm-c/Target.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_SIZE = 160, MAX_TOKENS = 8, MAX_REPORTS = 40, EXIT_BROKEN = 2 };

static const char triple[] = "riscv64-unknown-linux-gnu";
static const char extensions[] = "+m,+a,+f,+d,+c,+zicsr,+zifencei,+zicntr,+zba,+zbb,+zbs";

/* ---- what may differ ---- */
enum subject { WORDS, NAMES, EXPANSIONS };

enum view {
    WE_REJECT, /* LLVM knows it, we do not */
    WE_ACCEPT, /* we know it, LLVM does not */
    WE_RENAME, /* both know it, the texts differ */
};

/* Encodings with these bits may be viewed so. "I" is the RISC-V Unprivileged ISA 20240411, "II" the
 * Privileged Architecture of the same date. */
static struct deviation {
    enum subject subject;
    uint32_t mask, match;
    enum view view;
    const char *llvm; /* beginning of LLVM's text; NULL: it has none */
    const char *paragraph;
    uint64_t seen;
} deviations[] = {
    {WORDS, 0x707f, 0x000f, WE_ACCEPT, NULL, "I 2.7: reserved fm, rd, rs1 are ignored", 0},
    {WORDS, 0x707f, 0x100f, WE_ACCEPT, NULL, "I 6: imm, rs1 and rd are ignored", 0},
    {WORDS, 0xfff0707f, 0x8330000f, WE_RENAME, "fence.tso", "I 2.7: it may be fence rw,rw", 0},
    {WORDS, 0xffffffff, 0xc0001073, WE_RENAME, "unimp", "I 7: it writes the read-only cycle", 0},
    {WORDS, 0xffffffff, 0x10200073, WE_REJECT, "sret", "II 3.3: not in user mode", 0},
    {WORDS, 0xffffffff, 0x30200073, WE_REJECT, "mret", "II 3.3: not in user mode", 0},
    {WORDS, 0xffffffff, 0x10500073, WE_REJECT, "wfi", "II 3.3: not in user mode", 0},
    {WORDS, 0xfe007fff, 0x12000073, WE_REJECT, "sfence.vma", "II 10.2: not in user mode", 0},
    {WORDS, 0xffffffff, 0x7b200073, WE_REJECT, "dret", "not in user mode (debug specification)", 0},

    {NAMES, 0xffff, 0x0000, WE_REJECT, "c.unimp", "I 26.5: defined as illegal", 0},
    {NAMES, 0xf07f, 0x6001, WE_REJECT, "c.lui", "I 26.5: immediate 0 is reserved", 0},
    {NAMES, 0xef83, 0x0001, WE_RENAME, "c.nop", "I 26.5: it is c.addi with rd=x0", 0},
    {NAMES, 0xf07f, 0x0002, WE_RENAME, "c.slli64", "I 26.5: count 0 is a HINT on RV64", 0},
    {NAMES, 0xfc7f, 0x8001, WE_RENAME, "c.srli64", "I 26.5: count 0 is a HINT on RV64", 0},
    {NAMES, 0xfc7f, 0x8401, WE_RENAME, "c.srai64", "I 26.5: count 0 is a HINT on RV64", 0},

    {EXPANSIONS, 0xffff, 0x0000, WE_REJECT, "unimp", "I 26.5: defined as illegal", 0},
    {EXPANSIONS, 0xf07f, 0x6001, WE_REJECT, "lui", "I 26.5: immediate 0 is reserved", 0},
    {EXPANSIONS, 0xf07f, 0x6001, WE_REJECT, "c.lui", "I 26.5: immediate 0 is reserved", 0},
    {EXPANSIONS, 0xf003, 0x8002, WE_RENAME, "mv", "I 26.5: it is an add, not an addi as mv", 0},
    {EXPANSIONS, 0xef83, 0x0001, WE_RENAME, "c.nop", "I 26.7: HINT", 0},
    {EXPANSIONS, 0xf07f, 0x0001, WE_RENAME, "c.addi", "I 26.7: HINT", 0},
    {EXPANSIONS, 0xef83, 0x4001, WE_RENAME, "c.li", "I 26.7: HINT", 0},
    {EXPANSIONS, 0xef83, 0x6001, WE_RENAME, "c.lui", "I 26.7: HINT", 0},
    {EXPANSIONS, 0xef83, 0x0002, WE_RENAME, "c.slli", "I 26.7: HINT", 0},
    {EXPANSIONS, 0xf07f, 0x0002, WE_RENAME, "c.slli64", "I 26.7: HINT", 0},
    {EXPANSIONS, 0xfc7f, 0x8001, WE_RENAME, "c.srli64", "I 26.7: HINT", 0},
    {EXPANSIONS, 0xfc7f, 0x8401, WE_RENAME, "c.srai64", "I 26.7: HINT", 0},
    {EXPANSIONS, 0xff83, 0x8002, WE_RENAME, "c.mv", "I 26.7: HINT", 0},
    {EXPANSIONS, 0xff83, 0x9002, WE_RENAME, "c.add", "I 26.7: HINT", 0},
};

static bool may_deviate(enum subject subject, uint32_t bits, enum view view, const char *llvm)
{
    for (unsigned i = 0; i < ARRAY_LENGTH(deviations); i++) {
        struct deviation *known = &deviations[i];
        const char *begin = known->llvm ? known->llvm : "";
        if (known->subject == subject && known->view == view &&
            (bits & known->mask) == known->match && strncmp(llvm, begin, strlen(begin)) == 0) {
            known->seen++;
            return true;
        }
    }
    return false;
}

/* False, with a sentence for each, when a deviation of the subject was not met. */
static bool are_deviations_met(enum subject subject)
{
    bool are_met = true;
    for (unsigned i = 0; i < ARRAY_LENGTH(deviations); i++) {
        const struct deviation *known = &deviations[i];
        if (known->subject != subject)
            continue;
        printf("%10" PRIu64 " x %-10s %s\n", known->seen, known->llvm ? known->llvm : "illegal",
               known->paragraph);
        are_met &= known->seen > 0;
    }
    if (!are_met)
        fprintf(stderr, "a deviation was not met: it is out of date\n");
    return are_met;
}

/* ---- one run ---- */
struct judge {
    enum subject subject;
    LLVMDisasmContextRef llvm;
    uint64_t judged, known, differences;
    uint64_t random; /* state of xorshift64* */
};

static bool open_llvm(struct judge *judge, bool has_aliases)
{
    static const char *const options[] = {"decode", "-riscv-no-aliases"};
    if (!has_aliases)
        LLVMParseCommandLineOptions(2, options, NULL);
    LLVMInitializeRISCVTargetInfo();
    LLVMInitializeRISCVTargetMC();
    LLVMInitializeRISCVDisassembler();
    judge->llvm = LLVMCreateDisasmCPUFeatures(triple, "", extensions, NULL, 0, NULL, NULL);
    if (!judge->llvm)
        fprintf(stderr, "LLVM has no disassembler for %s\n", triple);
    return judge->llvm != NULL;
}

/* LLVM's text, or "" when it knows no such instruction of this size. Branches are shown relative
 * to the instruction. */
static void ask_llvm(struct judge *judge, uint32_t bits, unsigned size, char text[TEXT_SIZE])
{
    uint8_t bytes[4];
    memcpy(bytes, &bits, sizeof bytes);
    if (LLVMDisasmInstruction(judge->llvm, bytes, size, 0, text, TEXT_SIZE) != size)
        text[0] = '\0';
    size_t blanks = strspn(text, "\t");
    memmove(text, text + blanks, strlen(text + blanks) + 1);
}

/* Ours, in the same way. */
static void ask_us(uint32_t bits, char text[TEXT_SIZE])
{
    uint8_t bytes[4];
    memcpy(bytes, &bits, sizeof bytes);
    guest_riscv64.disassemble(bytes, sizeof bytes, 0, text, TEXT_SIZE);
    if (text[0] == '.')
        text[0] = '\0';
}

/* Counts an encoding for which the two gave these texts ("": illegal), and reports a difference
 * that is not allowed. */
static void compare(struct judge *judge, uint32_t bits, const char *llvm, const char *ours,
                    bool is_same)
{
    judge->judged++;
    judge->known += *llvm || *ours;
    enum view view = !*ours ? WE_REJECT : !*llvm ? WE_ACCEPT : WE_RENAME;
    if (is_same || may_deviate(judge->subject, bits, view, llvm))
        return;
    if (judge->differences++ < MAX_REPORTS)
        fprintf(stderr, "0x%0*" PRIx32 ": LLVM: %s, here: %s\n",
                rv64_is_word((uint16_t)bits) ? 8 : 4, bits, *llvm ? llvm : "illegal",
                *ours ? ours : "illegal");
}

/* ---- texts as words and numbers ---- */
struct tokens {
    char *token[MAX_TOKENS];
    unsigned length;
};

static void split(char *text, struct tokens *tokens)
{
    char *save;
    tokens->length = 0;
    for (char *word = strtok_r(text, " \t,()", &save); word && tokens->length < MAX_TOKENS;
         word = strtok_r(NULL, " \t,()", &save))
        tokens->token[tokens->length++] = word;
}

static bool is_number(const char *text, uint64_t *ret_number)
{
    char *end;
    *ret_number = *text == '-' ? (uint64_t)strtoll(text, &end, 0) : strtoull(text, &end, 0);
    return end != text && *end == '\0';
}

/* LLVM names CSRs that we leave as numbers; a fence of the empty set is "0" there. */
static bool is_same_token(uint32_t bits, const char *llvm, const char *ours)
{
    uint64_t number, our_number;
    bool we_number = is_number(ours, &our_number);
    if (strcmp(llvm, ours) == 0)
        return true;
    if (is_number(llvm, &number))
        return we_number ? number == our_number : number == 0 && strcmp(ours, "unknown") == 0;
    bool is_csr_access = (bits & 0x7f) == 0x73 && (bits >> 12 & 3) != 0;
    return is_csr_access && we_number && our_number == bits >> 20;
}

static bool is_same_text(uint32_t bits, const char *llvm, const char *ours)
{
    char llvm_copy[TEXT_SIZE], our_copy[TEXT_SIZE];
    struct tokens a, b;
    strcpy(llvm_copy, llvm);
    strcpy(our_copy, ours);
    split(llvm_copy, &a);
    split(our_copy, &b);
    if (a.length == b.length + 1 && strcmp(a.token[a.length - 1], "dyn") == 0)
        a.length--; /* we leave it out */
    bool is_same = a.length == b.length;
    for (unsigned i = 0; i < a.length && is_same; i++)
        is_same = is_same_token(bits, a.token[i], b.token[i]);
    return is_same;
}

/* ---- words ---- */
static void judge_word(struct judge *judge, uint32_t word)
{
    char llvm[TEXT_SIZE], ours[TEXT_SIZE];
    word |= 3;
    ask_llvm(judge, word, 4, llvm);
    ask_us(word, ours);
    compare(judge, word, llvm, ours, is_same_text(word, llvm, ours));
}

static uint32_t draw(struct judge *judge)
{
    judge->random ^= judge->random << 13;
    judge->random ^= judge->random >> 7;
    judge->random ^= judge->random << 17;
    return (uint32_t)(judge->random * UINT64_C(0x2545f4914f6cdd1d) >> 32);
}

/* Opcode, funct3, funct7 and rs2 in all combinations, with rd and rs1 zero, all ones and random. */
static void judge_combinations(struct judge *judge)
{
    enum { RD = 31 << 7, RS1 = 31 << 15 };
    for (uint32_t high = 0; high < 1 << 12; high++)
        for (uint32_t low = 0; low < 1 << 8; low++) {
            uint32_t word = high << 20 | (low & 7) << 12 | low >> 3 << 2;
            judge_word(judge, word);
            judge_word(judge, word | RD | RS1);
            judge_word(judge, word | (draw(judge) & (RD | RS1)));
        }
}

/* Bits that the row leaves to operands: none, all, random, and each alone set or clear; and each of
 * these with any one bit of the word changed. */
static void judge_row(struct judge *judge, unsigned row)
{
    const struct rv64_row_info *info = &rv64_row_info[row];
    for (unsigned filling = 0; filling < 3 + 2 * 32 + 64; filling++) {
        uint32_t fields = filling < 1    ? 0
                          : filling < 2  ? UINT32_MAX
                          : filling < 34 ? UINT32_C(1) << (filling - 2)
                          : filling < 66 ? ~(UINT32_C(1) << (filling - 34))
                                         : draw(judge);
        uint32_t word = info->match | (fields & ~info->mask);
        judge_word(judge, word);
        for (unsigned bit = 2; bit < 32; bit++)
            judge_word(judge, word ^ UINT32_C(1) << bit);
    }
}

static void judge_words(struct judge *judge, uint64_t count)
{
    judge_combinations(judge);
    for (unsigned row = 0; row < RV64_WORD_ROWS; row++)
        judge_row(judge, row);
    for (uint64_t i = 0; i < count; i++)
        judge_word(judge, draw(judge));
}

static void judge_all_words(struct judge *judge)
{
    for (uint32_t i = 0; i < UINT32_C(1) << 30; i++)
        judge_word(judge, i << 2);
}

/* ---- half-words ---- */

/* Without aliases LLVM's text begins with the name of the 16-bit instruction. */
static void judge_name(struct judge *judge, uint32_t half)
{
    char llvm[TEXT_SIZE], ours[RV64_NAME_SIZE] = "";
    int row = rv64_row_of(half);
    if (row >= 0)
        rv64_row_name((unsigned)row, ours);
    ask_llvm(judge, half, 2, llvm);
    llvm[strcspn(llvm, " \t")] = '\0';
    compare(judge, half, llvm, ours, strcmp(llvm, ours) == 0);
}

/* Whether a word that a HINT stands for changes nothing: it writes x0, adds 0 or shifts by 0. */
static bool is_without_effect(uint32_t word)
{
    const uint32_t imm_but_sra = 0xbff00000;
    unsigned funct3 = word >> 12 & 7;
    bool adds_or_shifts = (word & 0x7f) == 0x13 && (funct3 == 0 || funct3 == 1 || funct3 == 5);
    return rv64_rd(word) == 0 ||
           (adds_or_shifts && (word & imm_but_sra) == 0 && rv64_rd(word) == rv64_rs1(word));
}

/* With aliases LLVM writes a 16-bit instruction as the 32-bit one it stands for: exactly as it
 * writes the word that we take it for. */
static void judge_expansion(struct judge *judge, uint32_t half)
{
    char llvm[TEXT_SIZE], ours[TEXT_SIZE] = "";
    struct rv64_insn insn = rv64_decode(half);
    ask_llvm(judge, half, 2, llvm);
    if (insn.row != RV64_ILLEGAL)
        ask_llvm(judge, insn.word, 4, ours);
    compare(judge, half, llvm, ours, strcmp(llvm, ours) == 0);
    if (strncmp(llvm, "c.", 2) == 0 && *ours && !is_without_effect(insn.word))
        compare(judge, half, llvm, ours, false);
}

static void judge_halves(struct judge *judge, void (*judge_half)(struct judge *, uint32_t))
{
    for (uint32_t half = 0; half < 1 << 16; half++)
        if (!rv64_is_word((uint16_t)half))
            judge_half(judge, half);
}

/* ---- the command ---- */
static bool read_option(const char *text, const char *name, uint64_t *ret_number)
{
    size_t length = strlen(name);
    return strncmp(text, name, length) == 0 && is_number(text + length, ret_number);
}

static bool read_subject(const char *text, enum subject *ret_subject)
{
    static const char *const name[] = {"words", "names", "expansions"};
    for (unsigned i = 0; i < ARRAY_LENGTH(name); i++)
        if (strcmp(text, name[i]) == 0) {
            *ret_subject = (enum subject)i;
            return true;
        }
    return false;
}

static void judge_subject(struct judge *judge, uint64_t count, bool is_exhaustive)
{
    switch (judge->subject) {
    case WORDS:
        if (is_exhaustive)
            judge_all_words(judge);
        else
            judge_words(judge, count);
        break;
    case NAMES:
        judge_halves(judge, judge_name);
        break;
    case EXPANSIONS:
        judge_halves(judge, judge_expansion);
        break;
    }
}

int main(int argc, char **argv)
{
    struct judge judge = {0};
    uint64_t seed = 1, count = 1000000;
    bool is_exhaustive = false, is_good = argc > 1 && read_subject(argv[1], &judge.subject);
    for (int i = 2; i < argc && is_good; i++) {
        if (strcmp(argv[i], "--all") == 0)
            is_exhaustive = true;
        else
            is_good =
                read_option(argv[i], "--seed=", &seed) || read_option(argv[i], "--count=", &count);
    }
    if (!is_good) {
        fprintf(stderr, "usage: decode words|names|expansions [--seed=N] [--count=N] [--all]\n");
        return EXIT_BROKEN;
    }
    judge.random = seed * UINT64_C(0x9e3779b97f4a7c15) | 1;
    if (!open_llvm(&judge, judge.subject == EXPANSIONS))
        return EXIT_BROKEN;
    judge_subject(&judge, count, is_exhaustive);
    LLVMDisasmDispose(judge.llvm);
    bool are_met = are_deviations_met(judge.subject);
    printf("%" PRIu64 " encodings, %" PRIu64 " known to either, %" PRIu64 " differences\n",
           judge.judged, judge.known, judge.differences);
    return judge.differences == 0 && are_met ? EXIT_SUCCESS : EXIT_FAILURE;
}
