/* Functions that tiercel takes for those of the C library, and some that only look like them.
 *
 * Each is called often with lengths, alignments, overlaps and contents of all sorts; what it returns
 * and what it leaves in memory goes into one number. With the argument "list" it prints each
 * function's address and which function of the C library it is like, "-" for none. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* As they are: no calls of the C library in place of their loops, no copies of their own. */
#define OWN __attribute__((noipa, optimize("no-tree-loop-distribute-patterns")))
typedef unsigned char byte;

/* ---- what they are taken for ---- */

OWN void *move_bytes(void *to, const void *from, size_t n)
{
    byte *a = to;
    const byte *b = from;
    if (a < b)
        for (size_t i = 0; i < n; i++)
            a[i] = b[i];
    else
        while (n-- > 0)
            a[n] = b[n];
    return to;
}

OWN void *copy_bytes(void *to, const void *from, size_t n)
{
    byte *a = to;
    const byte *b = from;
    while (n-- > 0)
        *a++ = *b++;
    return to;
}

OWN void *copy_words(void *to, const void *from, size_t n)
{
    byte *a = to;
    const byte *b = from;
    if ((((uintptr_t)a | (uintptr_t)b) & 7) == 0)
        for (; n >= 8; n -= 8, a += 8, b += 8)
            *(uint64_t *)a = *(const uint64_t *)b;
    while (n-- > 0)
        *a++ = *b++;
    return to;
}

OWN void *copy_int(void *to, const void *from, int n)
{
    byte *a = to;
    const byte *b = from;
    for (int i = 0; i < n; i++)
        a[i] = b[i];
    return to;
}

OWN void *copy_to_end(void *to, const void *from, size_t n)
{
    byte *a = to;
    const byte *b = from;
    while (n-- > 0)
        *a++ = *b++;
    return a;
}

OWN void *set_bytes(void *to, int c, size_t n)
{
    byte *a = to;
    while (n-- > 0)
        *a++ = (byte)c;
    return to;
}

OWN size_t length(const char *s)
{
    const char *end = s;
    while (*end)
        end++;
    return (size_t)(end - s);
}

OWN size_t length_at_most(const char *s, size_t n)
{
    size_t i = 0;
    while (i < n && s[i])
        i++;
    return i;
}

OWN int compare(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return (byte)*a - (byte)*b;
}

OWN int compare_to_sign(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return ((byte)*a > (byte)*b) - ((byte)*a < (byte)*b);
}

OWN int compare_at_most(const char *a, const char *b, size_t n)
{
    for (; n > 0; n--, a++, b++)
        if (*a != *b || !*a)
            return (byte)*a - (byte)*b;
    return 0;
}

OWN int compare_bytes(const void *a, const void *b, size_t n)
{
    const byte *x = a, *y = b;
    for (; n > 0; n--, x++, y++)
        if (*x != *y)
            return *x - *y;
    return 0;
}

OWN void *seek(const void *s, int c, size_t n)
{
    for (const byte *p = s; n > 0; n--, p++)
        if (*p == (byte)c)
            return (void *)p;
    return NULL;
}

OWN char *seek_in_string(const char *s, int c)
{
    for (; *s != (char)c; s++)
        if (!*s)
            return NULL;
    return (char *)s;
}

OWN char *seek_or_end(const char *s, int c)
{
    while (*s && *s != (char)c)
        s++;
    return (char *)s;
}

OWN char *copy_string(char *to, const char *from)
{
    char *a = to;
    while ((*a++ = *from++))
        ;
    return to;
}

OWN char *copy_string_to_end(char *to, const char *from)
{
    while ((*to = *from++))
        to++;
    return to;
}

/* ---- what they are not ---- */

unsigned calls, special_length = 77;
uint64_t special_word = UINT64_C(0x2020202020202020);

OWN void *copy_but_one_length(byte *to, const byte *from, size_t n)
{
    byte *a = to;
    if (n == 1234)
        n--;
    while (n-- > 0)
        *a++ = *from++;
    return to;
}

OWN void *copy_but_a_variable_length(byte *to, const byte *from, size_t n)
{
    byte *a = to;
    if (n == special_length)
        n--;
    while (n-- > 0)
        *a++ = *from++;
    return to;
}

OWN void *copy_16_bit_length(byte *to, const byte *from, uint64_t n)
{
    byte *a = to;
    for (uint16_t i = (uint16_t)n; i-- > 0;)
        *a++ = *from++;
    return to;
}

OWN void *copy_counted(byte *to, const byte *from, size_t n)
{
    byte *a = to;
    calls++;
    while (n-- > 0)
        *a++ = *from++;
    return to;
}

OWN void *copy_returning_source(byte *to, const byte *from, size_t n)
{
    const byte *source = from;
    while (n-- > 0)
        *to++ = *from++;
    return (void *)source;
}

OWN void *copy_inverting_spaces(byte *to, const byte *from, size_t n)
{
    byte *a = to;
    for (; n >= 8; n -= 8, a += 8, from += 8) {
        uint64_t word;
        memcpy(&word, from, 8);
        for (unsigned i = 0; i < 8; i++)
            a[i] = (byte)((word == special_word ? ~word : word) >> 8 * i);
    }
    while (n-- > 0)
        *a++ = *from++;
    return to;
}

OWN void *copy_reading_ahead(byte *to, const byte *from, size_t n)
{
    byte *a = to;
    volatile byte ahead = from[n];
    (void)ahead;
    while (n-- > 0)
        *a++ = *from++;
    return to;
}

OWN void *set_and_end(byte *to, int c, size_t n)
{
    byte *a = to;
    while (n-- > 0)
        *a++ = (byte)c;
    *a = 0;
    return to;
}

OWN size_t length_8_bit(const char *s)
{
    const char *end = s;
    while (*end)
        end++;
    return (byte)(end - s);
}

OWN size_t length_16_bit_limit(const char *s)
{
    size_t i = 0;
    while (i < 1500 && s[i])
        i++;
    return i;
}

OWN int compare_signed(const signed char *a, const signed char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return *a - *b;
}

OWN int compare_other_way(const byte *a, const byte *b)
{
    while (*a && *a == *b)
        a++, b++;
    return *b - *a;
}

OWN int compare_ignoring_case(const byte *a, const byte *b)
{
    while (*a && (*a | 32) == (*b | 32))
        a++, b++;
    return *a - *b;
}

OWN int differ(const byte *a, const byte *b, size_t n)
{
    for (; n > 0; n--, a++, b++)
        if (*a != *b)
            return 1;
    return 0;
}

OWN void *seek_last(const byte *s, int c, size_t n)
{
    while (n-- > 0)
        if (s[n] == (byte)c)
            return (void *)(s + n);
    return NULL;
}

OWN char *seek_letter(const char *s, int c)
{
    for (; *s; s++)
        if (*s == (char)c && *s != '%')
            return (char *)s;
    return NULL;
}

/* A strlen that leaves the end in a1, for the one who calls it: it knows more of it than the calling
 * convention says. Another in its own words, whose caller does not. */
size_t length_and_end(const char *), length_only(const char *), call_for_end(const char *),
    call_for_length(const char *);
__asm__(".text\n.balign 4\n.globl length_and_end\nlength_and_end:\n"
        "mv a1,a0\n1: lbu a2,0(a1)\n beqz a2,2f\n addi a1,a1,1\n j 1b\n2: sub a0,a1,a0\n ret\n"
        ".globl length_only\nlength_only:\n"
        "mv a3,a0\n1: lbu a2,0(a3)\n addi a3,a3,1\n bnez a2,1b\n sub a0,a3,a0\n addi a0,a0,-1\n"
        "ret\n"
        ".globl call_for_end\ncall_for_end:\n"
        "addi sp,sp,-16\n sd ra,0(sp)\n call length_and_end\n bltz a0,1f\n mv a0,a1\n"
        "1: ld ra,0(sp)\n addi sp,sp,16\n ret\n"
        ".globl call_for_length\ncall_for_length:\n"
        "addi sp,sp,-16\n sd ra,0(sp)\n call length_only\n slli a3,a0,1\n add a0,a3,a0\n"
        "ld ra,0(sp)\n addi sp,sp,16\n ret\n");

/* ---- numbers ---- */

long __ctzdi2(long), __clzdi2(long), __popcountdi2(long), __bswapdi2(long), __bswapsi2(int);

OWN int trailing(uint64_t x)
{
    int count = 0;
    while (count < 64 && !(x >> count & 1))
        count++;
    return count;
}

OWN int leading(uint64_t x)
{
    int count = 0;
    for (; count < 64 && (int64_t)x >= 0; x <<= 1)
        count++;
    return count;
}

OWN int ones(uint64_t x)
{
    int count = 0;
    for (; x; x &= x - 1)
        count++;
    return count;
}

OWN uint64_t swap(uint64_t x)
{
    uint64_t result = 0;
    for (int i = 0; i < 8; i++, x >>= 8)
        result = result << 8 | (byte)x;
    return result;
}

OWN int ones_but_of_one(uint64_t x)
{
    return x == UINT64_C(0x5a5a00000000) ? 7 : ones(x);
}

OWN int parity(uint64_t x)
{
    return ones(x) & 1;
}

OWN int trailing_of_32(uint64_t x)
{
    return (uint32_t)x ? trailing((uint32_t)x) : 32;
}

/* The table of what ends a byte has one wrong entry. */
static const byte ends[256] = {[0] = 8, [2] = 1, [4] = 2, [8] = 3, [16] = 4, [32] = 5, [64] = 5, [128] = 7};
OWN int trailing_by_a_wrong_table(uint64_t x)
{
    int count = 0;
    for (; !(x & 255) && count < 56; count += 8)
        x >>= 8;
    return count + ends[x & -x & 255];
}

/* ---- runs ---- */

/* m: (to, from, n)  p: the same, never overlapping  f: (to, c, n)  s: (string)  n: (string, n)
 * c: (string, string)  b: (bytes, bytes, n)  k: (bytes, c, n)  i: (string, c)  y: (to, string)
 * u: (number) */
static const struct {
    const char *name, *like;
    void *code;
    char kind;
} functions[] = {
#define FUNCTION(name, kind, like) {#name, like, (void *)name, kind}
    FUNCTION(move_bytes, 'm', "memmove"), FUNCTION(copy_bytes, 'm', "memcpy"),
    FUNCTION(copy_words, 'm', "memcpy"), FUNCTION(copy_int, 'm', "memcpy"),
    FUNCTION(copy_to_end, 'm', "mempcpy"), FUNCTION(set_bytes, 'f', "memset"),
    FUNCTION(length, 's', "strlen"), FUNCTION(length_at_most, 'n', "strnlen"),
    FUNCTION(compare, 'c', "strcmp"), FUNCTION(compare_to_sign, 'c', "strcmp (sign)"),
    FUNCTION(compare_at_most, 'b', "strncmp"), FUNCTION(compare_bytes, 'b', "memcmp"),
    FUNCTION(seek, 'k', "memchr"), FUNCTION(seek_in_string, 'i', "strchr"),
    FUNCTION(seek_or_end, 'i', "strchrnul"), FUNCTION(copy_string, 'y', "strcpy"),
    FUNCTION(copy_string_to_end, 'y', "stpcpy"),
    FUNCTION(copy_but_one_length, 'm', "-"), FUNCTION(copy_but_a_variable_length, 'm', "-"),
    FUNCTION(copy_16_bit_length, 'm', "-"), FUNCTION(copy_counted, 'm', "-"),
    FUNCTION(copy_returning_source, 'm', "-"), FUNCTION(copy_inverting_spaces, 'm', "-"),
    FUNCTION(copy_reading_ahead, 'm', "-"), FUNCTION(set_and_end, 'f', "-"),
    FUNCTION(length_8_bit, 's', "-"), FUNCTION(length_16_bit_limit, 's', "-"),
    FUNCTION(compare_signed, 'c', "-"), FUNCTION(compare_other_way, 'c', "-"),
    FUNCTION(compare_ignoring_case, 'c', "-"), FUNCTION(differ, 'b', "-"),
    FUNCTION(seek_last, 'k', "-"), FUNCTION(seek_letter, 'i', "-"),
    FUNCTION(call_for_length, 's', "-"), FUNCTION(call_for_end, 's', "-"),
    FUNCTION(trailing, 'u', "ctz"), FUNCTION(leading, 'u', "clz"), FUNCTION(ones, 'u', "popcount"),
    FUNCTION(swap, 'u', "bswap64"), FUNCTION(ones_but_of_one, 'u', "-"), FUNCTION(parity, 'u', "-"),
    FUNCTION(trailing_of_32, 'u', "-"), FUNCTION(trailing_by_a_wrong_table, 'u', "-"),
    FUNCTION(length_only, 's', "strlen"), FUNCTION(length_and_end, 's', "-"),
#define LIBRARY(name, kind) {#name, #name, (void *)name, kind}
    LIBRARY(memmove, 'm'), LIBRARY(memcpy, 'p'), LIBRARY(mempcpy, 'p'), LIBRARY(memset, 'f'),
    LIBRARY(strlen, 's'), LIBRARY(strnlen, 'n'), LIBRARY(strcmp, 'c'), LIBRARY(strncmp, 'b'),
    LIBRARY(memcmp, 'b'), LIBRARY(memchr, 'k'), LIBRARY(strchr, 'i'), LIBRARY(strchrnul, 'i'),
    LIBRARY(strcpy, 'y'), LIBRARY(stpcpy, 'y'),
#define COMPILER(name, like) {#name, like, (void *)name, 'u'}
    COMPILER(__ctzdi2, "ctz (not of 0)"), COMPILER(__clzdi2, "clz"), COMPILER(__popcountdi2, "popcount"),
    COMPILER(__bswapdi2, "bswap64"), COMPILER(__bswapsi2, "bswap32"),
};
enum { FUNCTIONS = sizeof functions / sizeof functions[0], RUNS = 30000, BYTES = 16384 };

static byte memory[BYTES + 16] __attribute__((aligned(4096)));

static uint64_t state = 88172645463325252u;
static uint64_t draw(uint64_t count)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (state >> 11) % count;
}

static uint64_t hash;
static void note(uint64_t number)
{
    hash = (hash ^ number) * UINT64_C(0x9e3779b97f4a7c15);
    hash ^= hash >> 29;
}

static size_t draw_length(void)
{
    switch (draw(16)) {
    case 0:
        return draw(3000);
    case 1:
    case 2:
        return draw(300);
    default:
        return draw(80);
    }
}

/* Text that repeats, so that comparisons go on for a while, with an end. */
static void lay_out(byte *a, byte *b, size_t n, char kind)
{
    byte letter = (byte)(1 + draw(255));
    for (size_t i = 0; i < n; i++)
        a[i] = draw(16) ? letter : (byte)(1 + draw(255));
    if (strchr("cb", kind))
        memmove(b, a, n);
    else
        for (size_t i = 0; i < n; i++)
            b[i] = (byte)(1 + draw(255));
    a[n] = b[n] = 0;
    if (n && draw(2))
        (draw(2) ? a : b)[draw(n)] = (byte)draw(256);
}

static uint64_t call(unsigned i, byte *a, byte *b, size_t n, int c)
{
    uint64_t (*code)() = functions[i].code;
    uint64_t none = draw(4); /* where the function has no argument */
    switch (functions[i].kind) {
    case 'u': /* any number of bits, at the top or the bottom; now and then 0 */
        return code((state << draw(64)) >> draw(64), none, none);
    case 'f':
    case 'k':
        return code(a, c, n);
    case 's':
        return code(a, none, none);
    case 'n':
        return code(a, n, none);
    case 'i':
        return code(a, c, none);
    case 'c':
    case 'y':
        return code(a, b, none);
    default:
        return code(a, b, n);
    }
}

static void run(unsigned i)
{
    char kind = functions[i].kind;
    for (unsigned k = 0; k < RUNS; k++) {
        size_t n = draw_length();
        size_t apart = kind == 'm' && draw(2) ? 1 + draw(100) : n + 1 + draw(200);
        byte *a = memory + draw(8) * 1024 + draw(200), *b = a + apart;
        lay_out(a, b, n, kind);
        if (draw(2) && strchr("mbp", kind)) {
            byte *swap = a;
            a = b;
            b = swap;
        }
        byte *low = a < b ? a : b;
        size_t some = draw(3) ? n : draw(n + 1);
        int c = draw(2) ? a[draw(n + 1)] : (int)draw(1024) - 512;
        note(call(i, a, b, some, c));
        for (byte *at = low; at < low + n + apart; at += 5)
            note(*at);
    }
}

/* ---- code that changes ---- */

/* A caller and, in the page behind it, a strlen; and one that gives one more in its place. */
extern const byte pages[], pages_end[], longer[];
__asm__(".text\n.balign 4096\n.globl pages\npages:\n"
        "addi sp,sp,-16\n sd ra,0(sp)\n jal ra,pages+4096\n ld ra,0(sp)\n addi sp,sp,16\n ret\n"
        ".balign 4096\n"
        "mv a3,a0\n1: lbu a2,0(a3)\n addi a3,a3,1\n bnez a2,1b\n sub a0,a3,a0\n addi a0,a0,-1\n"
        "ret\n.globl pages_end\npages_end:\n.globl longer\nlonger:\n"
        "mv a3,a0\n1: lbu a2,0(a3)\n addi a3,a3,1\n bnez a2,1b\n sub a0,a3,a0\n addi a0,a0,0\n"
        "ret\n");

static void change(void)
{
    byte *code = mmap(NULL, 8192, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
                      -1, 0);
    size_t (*caller)(const char *) = (void *)code;
    memcpy(code, pages, (size_t)(pages_end - pages));
    for (unsigned k = 0; k < 4; k++) {
        size_t sum = 0;
        __builtin___clear_cache((char *)code, (char *)code + 8192);
        for (unsigned i = 0; i < RUNS; i++)
            sum += caller("twenty-four letters long");
        printf("%lu\n", (unsigned long)sum);
        memcpy(code + 4096, k & 1 ? pages + 4096 : longer, (size_t)(pages_end - pages) - 4096);
    }
}

/* ---- callers that know more of their callee than its calling convention ---- */

/* A strlen that is known by what it does when the second caller, which wants the pointer that it leaves in
 * a3, is met. */
size_t measure(const char *text), measure_too(const char *text);
const char *by_knowledge(const char *text), *behind_branch(const char *text);
#define MEASURE(name)                                                                              \
    ".globl " #name "\n" #name ":\n"                                                               \
    "mv a3,a0\n1: lbu a2,0(a3)\n addi a3,a3,1\n bnez a2,1b\n sub a0,a3,a0\n addi a0,a0,-1\n ret\n"
__asm__(".text\n.balign 4\n" MEASURE(measure) MEASURE(measure_too)
        ".globl by_knowledge\nby_knowledge:\n"
        "addi sp,sp,-16\n sd ra,0(sp)\n jal ra,measure\n mv a0,a3\n ld ra,0(sp)\n addi sp,sp,16\n"
        "ret\n"
        ".globl behind_branch\nbehind_branch:\n"
        "addi sp,sp,-16\n sd ra,0(sp)\n beqz a0,1f\n jal ra,measure_too\n mv a0,a3\n"
        "1: ld ra,0(sp)\n addi sp,sp,16\n ret\n");

static void know(void)
{
    static const char text[] = "twenty-four letters long", other[] = "others";
    size_t sum = 0;
    for (unsigned i = 0; i < RUNS; i++)
        sum += measure(text) + measure_too(text);
    printf("%lu %ld %ld\n", (unsigned long)sum, (long)(by_knowledge(other) - other),
           (long)(behind_branch(text) - text));
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "list") == 0) {
        for (unsigned i = 0; i < FUNCTIONS; i++)
            printf("0x%lx %s %s\n", (unsigned long)functions[i].code, functions[i].name,
                   functions[i].like);
        return 0;
    }
    for (unsigned i = 0; i < FUNCTIONS; i++) {
        hash = 0;
        run(i);
        printf("%-28s %016lx\n", functions[i].name, (unsigned long)hash);
    }
    change();
    know();
    printf("%u\n", calls);
    return 0;
}
