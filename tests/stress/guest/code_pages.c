/* Code pages that come and go: protected, unmapped, mapped again with other code at the same
 * address, moved. What ran from a page before must not run after. */
#include "guest.h"

static void write_function(uint32_t *page, int number)
{
    page[0] = insn_addi(X_A0, X_A0, number);
    page[1] = INSN_RET;
}

static unsigned long call_page(uint32_t *page, long argument)
{
    return (unsigned long)((function *)page)(argument, 0);
}

/* W xor X, as a JIT compiler does it. */
static void alternate_protection(void)
{
    uint32_t *page = map_pages(NULL, 1, READ | WRITE);
    for (int i = 0; i < 30; i++) {
        write_function(page, i);
        protect_pages(page, 1, READ | EXECUTE);
        fence_i();
        for (long turn = 0; turn < 5; turn++)
            expect("protected", (unsigned long)(turn + i), call_page(page, turn));
        protect_pages(page, 1, READ | WRITE);
    }
}

/* The same address, other code, with no fence.i: a new mapping is new code. */
static void map_again(void)
{
    uint32_t *page = map_pages(NULL, 1, READ | WRITE | EXECUTE);
    for (int i = 0; i < 30; i++) {
        write_function(page, i);
        fence_i();
        for (long turn = 0; turn < 5; turn++)
            expect("mapped again", (unsigned long)(turn + i), call_page(page, turn));
        if (i % 2)
            expect("munmap", 0, (unsigned long)call_system(SYS_MUNMAP, (long)page, PAGE, 0, 0));
        expect("mmap", (unsigned long)page,
               (unsigned long)map_pages(page, 1, READ | WRITE | EXECUTE));
    }
}

/* The code moves to another address; other code takes its place. */
static void move_code(void)
{
    enum { MAY_MOVE = 1 };
    uint32_t *page = map_pages(NULL, 1, READ | WRITE | EXECUTE);
    for (int i = 0; i < 15; i++) {
        write_function(page, i);
        fence_i();
        expect("before the move", (unsigned long)i + 3, call_page(page, 3));
        uint32_t *moved = (uint32_t *)call_system(SYS_MREMAP, (long)page, PAGE, 4 * PAGE, MAY_MOVE);
        fence_i();
        expect("after the move", (unsigned long)i + 4, call_page(moved, 4));
        expect("munmap", 0, (unsigned long)call_system(SYS_MUNMAP, (long)moved, 4 * PAGE, 0, 0));
        page = map_pages(NULL, 1, READ | WRITE | EXECUTE);
    }
}

/* Many pages with code, called in turns; one of them is written each round. */
static void many_pages(void)
{
    enum { COUNT = 32 };
    uint32_t *pages = map_pages(NULL, COUNT, READ | WRITE | EXECUTE);
    for (int i = 0; i < COUNT; i++)
        write_function(pages + i * PAGE / 4, i);
    fence_i();
    for (int round = 0; round < 8; round++) {
        unsigned long sum = 0;
        for (int i = 0; i < COUNT; i++)
            sum += call_page(pages + i * PAGE / 4, round);
        expect("many pages", (unsigned long)(COUNT * (COUNT - 1) / 2 + COUNT * round + round), sum);
        write_function(pages + round * PAGE / 4, round + 1);
        fence_i();
    }
}

int run(void)
{
    alternate_protection();
    map_again();
    move_code();
    many_pages();
    print("code_pages ok\n");
    return 0;
}
