/* Code whose page loses its permission, or goes, while it runs: the system call that does it stands
 * in that page. The next fetch must fault, whatever tier the code had reached; the handler puts the
 * page back (with other code after the call, where it was unmapped) and the program goes on. A loop
 * that stores into pages which become read-only under it must fault at the very store. */
#include "guest.h"

enum { SYS_SIGACTION = 134, SYS_SIGRETURN = 139, SIGSEGV_NUMBER = 11, WITH_SIGINFO = 4 };
enum { ROUNDS = 40, CALL_AT = 3, AFTER_CALL = 4 };
enum { INSN_ECALL = 0x00000073 };

/* As the kernel takes it on riscv64. */
struct action {
    void (*handler)(int, void *, void *);
    unsigned long flags;
    unsigned long mask;
};
struct info {
    int number, error, code, padding;
    unsigned long address;
};

static uint32_t *page;
static volatile unsigned long faults;
static volatile unsigned long wanted_address;
static volatile int added; /* what the code after the call adds, when the page has to be made anew */
static volatile int is_gone;

/* Adds before the call, and after it: a0 + a1 is what the function returns, with a0 = 0 of the
 * system call. */
static void write_code(int number, int after)
{
    page[0] = insn_addi(17, 0, number); /* a7 */
    page[1] = INSN_NOP;
    page[2] = INSN_NOP;
    page[CALL_AT] = INSN_ECALL;
    page[AFTER_CALL] = insn_addi(X_A0, X_A0, after);
    page[AFTER_CALL + 1] = INSN_RET;
    fence_i();
}

static void on_fault(int number, void *info, void *context)
{
    (void)context;
    const struct info *about = info;
    expect("signal", SIGSEGV_NUMBER, (unsigned long)number);
    expect("address of the fault", wanted_address, about->address);
    faults++;
    if (is_gone) {
        expect("mmap", (unsigned long)page,
               (unsigned long)map_pages(page, 1, READ | WRITE | EXECUTE));
        write_code(SYS_MUNMAP, added);
        return;
    }
    protect_pages((uint32_t *)(about->address & ~(unsigned long)(PAGE - 1)), 1,
                  READ | WRITE | EXECUTE);
}

static void catch_faults(void)
{
    struct action action = {on_fault, WITH_SIGINFO, 0};
    expect("sigaction", 0,
           (unsigned long)call_system(SYS_SIGACTION, SIGSEGV_NUMBER, (long)&action, 0, 8));
}

/* The code takes the right to execute from itself. */
static void protect_itself(void)
{
    typedef long protect(long, long, long);
    is_gone = 0;
    wanted_address = (unsigned long)(page + AFTER_CALL);
    for (int i = 0; i < ROUNDS; i++) {
        write_code(SYS_MPROTECT, i);
        faults = 0;
        long result = ((protect *)page)((long)page, PAGE, READ | WRITE | EXECUTE);
        expect("still executable", (unsigned long)i, (unsigned long)result);
        expect("no fault", 0, faults);
        result = ((protect *)page)((long)page, PAGE, i % 2 ? READ : 0);
        expect("after the fault", (unsigned long)i, (unsigned long)result);
        expect("faults", 1, faults);
    }
}

/* The code unmaps itself; other code stands there when it goes on. */
static void unmap_itself(void)
{
    typedef long unmap(long, long);
    is_gone = 1;
    wanted_address = (unsigned long)(page + AFTER_CALL);
    write_code(SYS_MUNMAP, 0);
    for (int i = 1; i < ROUNDS; i++) {
        faults = 0;
        added = i;
        long result = ((unmap *)page)((long)page, PAGE);
        expect("after the unmapping", (unsigned long)i, (unsigned long)result);
        expect("faults", 1, faults);
    }
}

/* A hot loop that stores through pages; now and then one of them is read-only. */
static void protect_data(void)
{
    enum { COUNT = 8, TURNS = 400 };
    uint32_t *data = map_pages(NULL, COUNT, READ | WRITE);
    is_gone = 0;
    unsigned long caught = 0;
    for (int i = 0; i < TURNS; i++) {
        volatile uint32_t *word = data + i % COUNT * (PAGE / 4) + i;
        if (i % 16 == 5) {
            protect_pages(data + i % COUNT * (PAGE / 4), 1, READ);
            wanted_address = (unsigned long)word;
            faults = 0;
            *word = (uint32_t)i + 1;
            caught += faults;
        } else {
            *word = (uint32_t)i + 1;
        }
        expect("stored word", (unsigned long)i + 1, *word);
    }
    expect("faults at stores", TURNS / 16, caught);
}

int run(void)
{
    page = map_pages(NULL, 1, READ | WRITE | EXECUTE);
    catch_faults();
    protect_itself();
    unmap_itself();
    protect_data();
    print("under_execution ok\n");
    return 0;
}
