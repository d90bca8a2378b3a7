/* Loops that tiercel takes for routines, with all registers and all memory looked at afterwards.
 *
 * Each loop (some written here, some the C library's) runs on a stack of its own with chosen
 * registers, on pages between others that cannot be accessed. What it leaves behind, or what a
 * SIGSEGV handler finds when it faults, goes into one number per loop: the same in every tier, with
 * and without routines. */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

/* reg[0] is the pc, reg[1..31] x1..x31. */
struct state {
    uint64_t reg[32];
};
uint64_t routines_saved[16];
struct state *routines_state;
void run(struct state *state, uint64_t pc);
extern const char run_end[];

/* Saves what the caller needs, loads all registers, jumps; run_end is where the code returns to. */
__asm__(".text\n.balign 4\n.globl run\nrun:\n"
        "la t0, routines_saved\n sd ra,0(t0)\n sd sp,8(t0)\n sd s0,16(t0)\n sd s1,24(t0)\n"
        "sd s2,32(t0)\n sd s3,40(t0)\n sd s4,48(t0)\n sd s5,56(t0)\n sd s6,64(t0)\n sd s7,72(t0)\n"
        "sd s8,80(t0)\n sd s9,88(t0)\n sd s10,96(t0)\n sd s11,104(t0)\n"
        "la t0, routines_state\n sd a0,0(t0)\n mv t0, a1\n mv t1, a0\n la ra, run_end\n"
        "ld sp,16(t1)\n ld s0,64(t1)\n ld s1,72(t1)\n ld a1,88(t1)\n ld a2,96(t1)\n"
        "ld a3,104(t1)\n ld a4,112(t1)\n ld a5,120(t1)\n ld a6,128(t1)\n ld a7,136(t1)\n"
        "ld s2,144(t1)\n ld s3,152(t1)\n ld s4,160(t1)\n ld s5,168(t1)\n ld s6,176(t1)\n"
        "ld s7,184(t1)\n ld s8,192(t1)\n ld s9,200(t1)\n ld s10,208(t1)\n ld s11,216(t1)\n"
        "ld t3,224(t1)\n ld t4,232(t1)\n ld t5,240(t1)\n ld t6,248(t1)\n ld t2,56(t1)\n"
        "ld a0,80(t1)\n li t1,0\n jr t0\n"
        ".globl run_end\nrun_end:\n"
        "sd t0,-8(sp)\n la t0, routines_state\n ld t0,0(t0)\n"
        "sd sp,16(t0)\n sd t1,48(t0)\n sd t2,56(t0)\n sd s0,64(t0)\n sd s1,72(t0)\n sd a0,80(t0)\n"
        "sd a1,88(t0)\n sd a2,96(t0)\n sd a3,104(t0)\n sd a4,112(t0)\n sd a5,120(t0)\n"
        "sd a6,128(t0)\n sd a7,136(t0)\n sd s2,144(t0)\n sd s3,152(t0)\n sd s4,160(t0)\n"
        "sd s5,168(t0)\n sd s6,176(t0)\n sd s7,184(t0)\n sd s8,192(t0)\n sd s9,200(t0)\n"
        "sd s10,208(t0)\n sd s11,216(t0)\n sd t3,224(t0)\n sd t4,232(t0)\n sd t5,240(t0)\n"
        "sd t6,248(t0)\n ld t1,-8(sp)\n sd t1,40(t0)\n sd zero,0(t0)\n sd zero,8(t0)\n"
        ".globl run_back\nrun_back:\n"
        "la t0, routines_saved\n ld ra,0(t0)\n ld sp,8(t0)\n ld s0,16(t0)\n ld s1,24(t0)\n"
        "ld s2,32(t0)\n ld s3,40(t0)\n ld s4,48(t0)\n ld s5,56(t0)\n ld s6,64(t0)\n ld s7,72(t0)\n"
        "ld s8,80(t0)\n ld s9,88(t0)\n ld s10,96(t0)\n ld s11,104(t0)\n ret\n");
extern const char run_back[];

/* ---- loops: a0, a1 pointers, a2 length or end, a3 byte or word ---- */

#define LOOP(name, text)                                                                           \
    extern const char loop_##name[];                                                               \
    __asm__(".text\n.balign 4\n.globl loop_" #name "\nloop_" #name ":\n" text "\nret\n");

LOOP(copy_bytes, "beqz a2, 2f\n add a2,a2,a1\n"
                 "1: lbu a5,0(a1)\n addi a1,a1,1\n addi a0,a0,1\n sb a5,-1(a0)\n bne a1,a2,1b\n2:")
LOOP(copy_counted, "beqz a2, 2f\n"
                   "1: lb a5,0(a1)\n addi a2,a2,-1\n sb a5,0(a0)\n addi a1,a1,1\n addi a0,a0,1\n"
                   "bnez a2,1b\n2:")
LOOP(copy_indexed, "li a5,0\n beqz a2, 2f\n"
                   "1: add a4,a1,a5\n lbu a4,0(a4)\n add a6,a0,a5\n addi a5,a5,1\n sb a4,0(a6)\n"
                   "bltu a5,a2,1b\n2:")
LOOP(copy_bytes_down, "beqz a2, 2f\n add a4,a1,a2\n add a0,a0,a2\n"
                      "1: lbu a5,-1(a4)\n addi a4,a4,-1\n addi a0,a0,-1\n sb a5,0(a0)\n"
                      "bne a4,a1,1b\n2:")
LOOP(copy_four_bytes, "andi a2,a2,-4\n beqz a2, 2f\n add a2,a2,a1\n"
                      "1: lbu a4,0(a1)\n lbu a5,1(a1)\n sb a4,0(a0)\n sb a5,1(a0)\n lbu a4,2(a1)\n"
                      "lbu a5,3(a1)\n sb a4,2(a0)\n sb a5,3(a0)\n addi a1,a1,4\n addi a0,a0,4\n"
                      "bne a1,a2,1b\n2:")
LOOP(copy_words, "srli a2,a2,3\n beqz a2, 2f\n"
                 "1: ld a5,0(a1)\n addi a1,a1,8\n addi a2,a2,-1\n sd a5,0(a0)\n addi a0,a0,8\n"
                 "bnez a2,1b\n2:")
LOOP(copy_words_down, "srli a2,a2,3\n beqz a2, 2f\n slli a5,a2,3\n add a0,a0,a5\n add a5,a5,a1\n"
                      "1: ld a4,-8(a5)\n addi a5,a5,-8\n sd a4,-8(a0)\n addi a0,a0,-8\n"
                      "bne a5,a1,1b\n2:")
LOOP(copy_halves, "srli a2,a2,1\n beqz a2, 2f\n slli a2,a2,1\n add a2,a2,a1\n"
                  "1: lhu a5,0(a1)\n sh a5,0(a0)\n addi a1,a1,2\n addi a0,a0,2\n bltu a1,a2,1b\n2:")
LOOP(copy_loads_first, "srli a2,a2,5\n beqz a2, 2f\n"
                       "1: ld a4,0(a1)\n ld a5,8(a1)\n ld a6,16(a1)\n ld a7,24(a1)\n"
                       "sd a4,0(a0)\n sd a5,8(a0)\n sd a6,16(a0)\n sd a7,24(a0)\n"
                       "addi a1,a1,32\n addi a0,a0,32\n addi a2,a2,-1\n bnez a2,1b\n2:")
LOOP(copy_ahead, "srli a2,a2,3\n beqz a2, 2f\n ld a4,0(a1)\n"
                 "1: ld a5,8(a1)\n addi a1,a1,8\n sd a4,0(a0)\n addi a0,a0,8\n mv a4,a5\n"
                 "addi a2,a2,-1\n bnez a2,1b\n2:")
LOOP(copy_string, "1: lbu a5,0(a1)\n addi a1,a1,1\n sb a5,0(a0)\n addi a0,a0,1\n bnez a5,1b")
LOOP(fill_bytes, "beqz a2, 2f\n add a2,a2,a0\n1: sb a3,0(a0)\n addi a0,a0,1\n bne a0,a2,1b\n2:")
LOOP(fill_halves, "srli a2,a2,1\n beqz a2, 2f\n slli a2,a2,1\n add a2,a2,a0\n"
                  "1: sh a3,0(a0)\n addi a0,a0,2\n bne a0,a2,1b\n2:")
LOOP(fill_words, "srli a2,a2,3\n beqz a2, 2f\n1: sd a3,0(a0)\n addi a2,a2,-1\n addi a0,a0,8\n"
                 "bnez a2,1b\n2:")
LOOP(fill_many, "srli a2,a2,5\n beqz a2, 2f\n slli a2,a2,5\n add a2,a2,a0\n"
                "1: sd zero,0(a0)\n sd zero,8(a0)\n sd zero,16(a0)\n sd zero,24(a0)\n"
                "addi a0,a0,32\n bgtu a2,a0,1b\n2:")
LOOP(find_end, "1: lbu a5,0(a0)\n addi a0,a0,1\n bnez a5,1b")
LOOP(find_either, "andi a3,a3,0xff\n1: lbu a5,0(a0)\n beqz a5,2f\n beq a5,a3,2f\n addi a0,a0,1\n"
                  "j 1b\n2:")
LOOP(find_counted, "andi a3,a3,0xff\n add a2,a2,a0\n"
                   "1: beq a0,a2,2f\n lbu a5,0(a0)\n addi a0,a0,1\n bne a5,a3,1b\n2:")
LOOP(find_signed, "andi a3,a3,0xff\n slli a3,a3,56\n srai a3,a3,56\n"
                  "1: lb a5,0(a0)\n addi a0,a0,1\n bne a5,a3,1b")
LOOP(match_bytes, "beqz a2, 2f\n add a2,a2,a0\n"
                  "1: lbu a4,0(a0)\n lbu a5,0(a1)\n bne a4,a5,2f\n addi a0,a0,1\n addi a1,a1,1\n"
                  "bne a0,a2,1b\n2:")
LOOP(match_strings, "1: lbu a4,0(a0)\n lbu a5,0(a1)\n addi a0,a0,1\n addi a1,a1,1\n"
                    "bne a4,a5,2f\n bnez a4,1b\n2:")
LOOP(match_words, "srli a2,a2,3\n beqz a2, 2f\n"
                  "1: ld a4,0(a0)\n ld a5,0(a1)\n addi a2,a2,-1\n bne a4,a5,2f\n addi a0,a0,8\n"
                  "addi a1,a1,8\n bnez a2,1b\n2:")
/* Near misses: not what the recogniser is for, and what it must leave alone. */
LOOP(sum, "li a5,0\n beqz a2, 2f\n add a2,a2,a0\n1: lbu a4,0(a0)\n addi a0,a0,1\n add a5,a5,a4\n"
          "bne a0,a2,1b\n2:")
LOOP(copy_changed, "beqz a2, 2f\n add a2,a2,a1\n1: lbu a5,0(a1)\n addi a1,a1,1\n xori a5,a5,1\n"
                   "sb a5,0(a0)\n addi a0,a0,1\n bne a1,a2,1b\n2:")
LOOP(copy_gaps, "beqz a2, 2f\n add a2,a2,a1\n1: lbu a5,0(a1)\n addi a1,a1,1\n sb a5,0(a0)\n"
                "addi a0,a0,2\n bne a1,a2,1b\n2:")
LOOP(copy_crossed, "andi a2,a2,-2\n beqz a2, 2f\n add a2,a2,a1\n"
                   "1: lbu a4,0(a1)\n lbu a5,1(a1)\n sb a4,1(a0)\n sb a5,0(a0)\n addi a1,a1,2\n"
                   "addi a0,a0,2\n bne a1,a2,1b\n2:")
LOOP(fill_stepped, "beqz a2, 2f\n add a2,a2,a0\n1: sb a0,0(a0)\n addi a0,a0,1\n bne a0,a2,1b\n2:")
LOOP(match_shifted, "beqz a2, 2f\n add a2,a2,a0\n1: lbu a4,0(a0)\n lb a5,0(a1)\n bne a4,a5,2f\n"
                    "addi a0,a0,1\n addi a1,a1,1\n bne a0,a2,1b\n2:")

static const struct {
    const char *name;
    const void *code;
    char kind; /* c: copies  f: fills  s: searches  m: compares */
    char is_library; /* 2: calls others */
} loops[] = {
#define OWN(name, kind) {#name, loop_##name, kind}
    OWN(copy_bytes, 'c'), OWN(copy_counted, 'c'), OWN(copy_indexed, 'c'), OWN(copy_bytes_down, 'c'),
    OWN(copy_four_bytes, 'c'), OWN(copy_words, 'c'), OWN(copy_words_down, 'c'),
    OWN(copy_halves, 'c'), OWN(copy_loads_first, 'c'), OWN(copy_ahead, 'c'), OWN(copy_string, 'c'),
    OWN(fill_bytes, 'f'), OWN(fill_halves, 'f'), OWN(fill_words, 'f'), OWN(fill_many, 'f'),
    OWN(find_end, 's'), OWN(find_either, 's'), OWN(find_counted, 's'), OWN(find_signed, 's'),
    OWN(match_bytes, 'm'), OWN(match_strings, 'm'), OWN(match_words, 'm'),
    OWN(sum, 's'), OWN(copy_changed, 'c'), OWN(copy_gaps, 'c'), OWN(copy_crossed, 'c'),
    OWN(fill_stepped, 'f'), OWN(match_shifted, 'm'),
#define LIBRARY(name, kind) {#name, name, kind, 1}
#define BUILT(name, kind) {#name, name, kind, 2}
    LIBRARY(memcpy, 'c'), LIBRARY(memmove, 'c'), BUILT(strcpy, 'c'), BUILT(stpcpy, 'c'),
    BUILT(strncpy, 'c'), LIBRARY(memset, 'f'), LIBRARY(memchr, 's'), LIBRARY(strlen, 's'),
    LIBRARY(strnlen, 's'), LIBRARY(strchr, 's'), LIBRARY(strchrnul, 's'), LIBRARY(rawmemchr, 's'),
    LIBRARY(memcmp, 'm'), LIBRARY(strcmp, 'm'), LIBRARY(strncmp, 'm'),
};
enum { LOOPS = sizeof loops / sizeof loops[0] };

/* ---- memory ---- */

enum { PAGE = 4096, FIRST = 4, COUNT = 6, BYTES = COUNT * PAGE };
static uint8_t *const base = (uint8_t *)0x40000000; /* FIRST pages, a hole, COUNT - FIRST pages */
static uint8_t *const stack = (uint8_t *)0x50000000;

static uint64_t seed = 1;
static uint64_t draw(uint64_t count)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (seed >> 11) % count;
}

static uint64_t hash;
static void note(uint64_t number)
{
    hash = (hash ^ number) * UINT64_C(0x9e3779b97f4a7c15);
    hash ^= hash >> 29;
}

/* Runs of one byte, words of two kinds of bytes, now and then a zero. */
static void fill(uint8_t *at, unsigned bytes)
{
    unsigned style = (unsigned)draw(4);
    for (unsigned i = 0; i < bytes; i++)
        at[i] = style == 0 ? (uint8_t)draw(256) : style == 1 && draw(40) == 0 ? 0 : 'x';
    if (style == 2)
        at[draw(bytes)] = (uint8_t)draw(3);
}

static void note_memory(void)
{
    const uint64_t *words = (const uint64_t *)base;
    for (unsigned i = 0; i < FIRST * PAGE / 8; i++)
        note(words[i]);
}

/* ---- runs ---- */

/* Of a function that returned, or that had called another before it faulted, only what callers may look
 * at is noted: a0, sp, s0 to s11. */
static int has_only_kept;
static int is_kept(unsigned reg)
{
    return reg == 10 || reg == 2 || reg == 8 || reg == 9 || (reg >= 18 && reg <= 27);
}

static void on_fault(int signal, siginfo_t *info, void *context)
{
    (void)signal;
    unsigned long *regs = ((ucontext_t *)context)->uc_mcontext.__gregs;
    for (unsigned i = 0; i < 32; i++)
        routines_state->reg[i] = regs[i];
    note((uint64_t)info->si_addr);
    regs[0] = (unsigned long)run_back;
}

static void try(unsigned loop, uint8_t *a, uint8_t *b, uint64_t length, uint64_t byte)
{
    struct state state;
    for (unsigned i = 0; i < 32; i++)
        state.reg[i] = 0x1111111111111111u * (i % 16);
    state.reg[2] = (uint64_t)stack + 4 * PAGE;
    state.reg[10] = (uint64_t)a;
    char kind = loops[loop].kind;
    const char *name = loops[loop].name;
    state.reg[11] = kind == 'c' || kind == 'm' ? (uint64_t)b : loops[loop].is_library ? byte : 0;
    if (strcmp(name, "strnlen") == 0)
        state.reg[11] = length;
    state.reg[12] = length;
    state.reg[13] = byte;
    run(&state, (uint64_t)loops[loop].code);
    for (unsigned i = 0; i < 32; i++)
        if (i != 3 && i != 4 &&
            (!has_only_kept || (state.reg[0] && loops[loop].is_library == 1) || is_kept(i)))
            note(state.reg[i]);
}

static int limit_of(unsigned loop)
{
    return strcmp(loops[loop].name, "sum") == 0;
}

/* All lengths, and alignments by turns. */
static void lengths(unsigned loop)
{
    for (uint64_t length = 0; length <= 300; length++)
        for (unsigned i = 0; i < 3; i++) {
            uint8_t *a = base + PAGE + 16 * draw(3) + draw(16), *b = base + 2 * PAGE + draw(32);
            fill(b, 400);
            if (loops[loop].kind == 'm')
                memcpy(a, b, 400);
            else if (loops[loop].kind == 's')
                fill(a, 400);
            a[length] = b[length] = (uint8_t)draw(2);
            a[1500] = b[1500] = 0;
            try(loop, a, b, length, draw(2) ? 'x' : draw(256));
            for (unsigned j = 0; j < 512; j += 8)
                note(*(uint64_t *)(base + PAGE + j));
        }
    note_memory();
}

/* Larger ones, overlapping both ways for the copies. */
static void overlaps(unsigned loop)
{
    for (unsigned i = 0; i < 150; i++) {
        uint64_t length = draw(4) ? draw(600) : draw(3000);
        uint8_t *a = base + 5000 + draw(64);
        int64_t distance = draw(3) ? (int64_t)draw(160) - 80 : (int64_t)draw(3000) - 1500;
        if (draw(2))
            distance &= ~7ll;
        fill(base + 3000, 8000);
        uint8_t *b = a + distance;
        if (loops[loop].kind == 'm' && distance > 0)
            memcpy(b, a, length);
        b[length] = a[length] = base[16000] = 0;
        try(loop, a, b, length, draw(2) ? 'x' : draw(256));
        if (i % 8 == 0)
            note_memory();
    }
    note_memory();
}

/* Into the hole behind the pages, from either side, and over an unwritable page. */
static void faults(unsigned loop)
{
    uint8_t *end = base + FIRST * PAGE;
    for (unsigned i = 0; i < 200; i++) {
        uint64_t room = draw(3) ? draw(300) : draw(5000);
        if (draw(2))
            room &= ~7ull;
        uint8_t *near = end - room, *far = base + PAGE - draw(40);
        if (draw(2))
            far = base + PAGE - (draw(40) & ~7ull);
        memset(base, 'x', FIRST * PAGE);
        if (draw(4) == 0)
            fill(base + PAGE, 400);
        uint64_t length = room + draw(40);
        if (draw(3) == 0)
            end[-1] = 0; /* the last byte of the page */
        uint8_t *a = draw(2) ? near : far, *b = a == near ? far : near;
        int is_upper = draw(4) == 0; /* downwards over the hole */
        if (is_upper)
            a = base + (FIRST + 1) * PAGE + draw(PAGE) - length;
        uint8_t *guard = base + 2 * PAGE;
        int is_guarded = draw(3) == 0;
        if (is_guarded)
            mprotect(guard, PAGE, draw(2) ? PROT_READ : PROT_NONE);
        try(loop, a, b, length, draw(2) ? 'q' : draw(256));
        if (is_guarded)
            mprotect(guard, PAGE, PROT_READ | PROT_WRITE);
        if (i % 4 == 0 && limit_of(loop) == 0)
            note_memory();
    }
}

/* With two arguments only every so many-th loop, from a certain one on; with three the library's
 * functions only, and less of their registers. */
int main(int argc, char **argv)
{
    unsigned stride = argc > 2 ? (unsigned)atoi(argv[1]) : 1;
    unsigned first = argc > 2 ? (unsigned)atoi(argv[2]) : 0;
    int anywhere = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
    mmap(base, (COUNT + 1) * PAGE, PROT_READ | PROT_WRITE, anywhere, -1, 0);
    mprotect(base + FIRST * PAGE, PAGE, PROT_NONE);
    mmap(base + (COUNT + 1) * PAGE, PAGE, PROT_NONE, anywhere, -1, 0);
    mmap(stack, 4 * PAGE + 64, PROT_READ | PROT_WRITE, anywhere, -1, 0);
    stack_t alternative = {.ss_sp = malloc(65536), .ss_size = 65536};
    sigaltstack(&alternative, NULL);
    has_only_kept = argc > 3;
    for (unsigned loop = first; loop < LOOPS; loop += stride) {
        if (has_only_kept && !loops[loop].is_library)
            continue;
        struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};
        hash = 0;
        seed = loop + 1;
        lengths(loop);
        overlaps(loop);
        uint64_t without = hash;
        sigaction(SIGSEGV, &action, NULL);
        faults(loop);
        printf("%-16s %016lx %016lx\n", loops[loop].name, (unsigned long)without,
               (unsigned long)hash);
    }
    return 0;
}
