/* Code that is written while it is hot: each time after fence.i (or riscv_flush_icache) the new
 * instructions must run, in whatever tier the old ones had reached. */
#include "guest.h"

static uint32_t *page;

/* A function that is a constant, rewritten before each call. */
static void rewrite_function(void)
{
    function *code = (function *)page;
    for (int i = 0; i < 80; i++) {
        page[0] = insn_addi(X_A0, 0, i);
        page[1] = INSN_RET;
        fence_i();
        expect("rewritten function", (unsigned long)i, (unsigned long)code(0, 0));
    }
}

/* A loop that is hot before its body is changed; rounds of different length meet every tier. */
static void rewrite_loop(void)
{
    function *code = (function *)page;
    page[0] = insn_addi(X_A1, X_A0, 0);
    page[1] = insn_addi(X_A0, 0, 0);
    page[3] = insn_addi(X_A1, X_A1, -1);
    page[4] = 0xfe059ce3; /* bnez a1, page + 2 */
    page[5] = INSN_RET;
    for (int step = 1; step < 25; step++) {
        long turns = step % 5 == 0 ? 5000 : 1 + step % 7;
        page[2] = insn_addi(X_A0, X_A0, step);
        fence_i();
        expect("rewritten loop", (unsigned long)(turns * step), (unsigned long)code(turns, 0));
    }
}

/* Code that stores to its own next instruction, inside the block that runs. */
static void rewrite_itself(void)
{
    function *code = (function *)page;
    page[0] = 0x00000297; /* auipc t0, 0 */
    page[1] = 0x00b2a823; /* sw a1, 16(t0) */
    page[2] = 0x0000100f; /* fence.i */
    page[3] = insn_addi(X_A0, 0, 7);
    page[4] = insn_addi(X_A0, X_A0, 1); /* overwritten */
    page[5] = INSN_RET;
    fence_i();
    for (int i = 0; i < 50; i++)
        expect("code that rewrites itself", 7 + (unsigned long)i,
               (unsigned long)code(0, (long)insn_addi(X_A0, X_A0, i)));
}

/* A counter in the page of the code that counts: nothing of the code changes. */
static void write_beside(void)
{
    function *code = (function *)page;
    page[0] = 0x00000297; /* auipc t0, 0 */
    page[1] = 0x4002a303; /* lw t1, 1024(t0) */
    page[2] = 0x00130313; /* addi t1, t1, 1 */
    page[3] = 0x4062a023; /* sw t1, 1024(t0) */
    page[4] = 0xfff50513; /* addi a0, a0, -1 */
    page[5] = 0xfe0518e3; /* bnez a0, page + 1 */
    page[6] = 0x00030513; /* mv a0, t1 */
    page[7] = INSN_RET;
    page[256] = 0; /* the counter */
    fence_i();
    for (long i = 1; i <= 20; i++)
        expect("counter beside its code", (unsigned long)(i * 25), (unsigned long)code(25, 0));
}

/* The system call in place of the instruction. */
static void flush_by_call(void)
{
    function *code = (function *)page;
    for (int i = 0; i < 30; i++) {
        page[0] = insn_addi(X_A0, X_A0, i);
        page[1] = INSN_RET;
        call_system(SYS_FLUSH_ICACHE, (long)page, (long)(page + 2), 0, 0);
        expect("flushed by call", 1000 + (unsigned long)i, (unsigned long)code(1000, 0));
    }
}

/* A function across two pages of which only the second is written. */
static void rewrite_second_page(void)
{
    uint32_t *first = page + PAGE / 4 - 2;
    function *code = (function *)first;
    first[0] = INSN_NOP;
    first[1] = insn_addi(X_A0, X_A0, 1);
    first[3] = INSN_RET;
    for (int i = 0; i < 50; i++) {
        first[2] = insn_addi(X_A0, X_A0, i);
        fence_i();
        expect("second page", 1 + (unsigned long)i, (unsigned long)code(0, 0));
    }
}

int run(void)
{
    page = map_pages(NULL, 2, READ | WRITE | EXECUTE);
    rewrite_function();
    rewrite_loop();
    rewrite_itself();
    write_beside();
    flush_by_call();
    rewrite_second_page();
    print("self_modify ok\n");
    return 0;
}
