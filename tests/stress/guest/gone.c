/* Calls code that was hot and is unmapped: the line must be out, and the program dies of SIGSEGV.
 */
#include "guest.h"

int run(void)
{
    uint32_t *page = map_pages(NULL, 1, READ | WRITE | EXECUTE);
    function *code = (function *)page;
    page[0] = insn_addi(X_A0, X_A0, 1);
    page[1] = INSN_RET;
    fence_i();
    long sum = 0;
    for (int i = 0; i < 1000; i++)
        sum = code(sum, 0);
    expect("hot function", 1000, (unsigned long)sum);
    print("gone ok\n");
    call_system(SYS_MUNMAP, (long)page, PAGE, 0, 0);
    code(0, 0);
    print("unmapped code was executed\n");
    return 1;
}
