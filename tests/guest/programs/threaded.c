/* A threaded interpreter: each operation ends with a jump of its own through the table, so that each
 * jump has its own few destinations. */
#include <stdio.h>

enum operation { ADD, SHIFT, MIX, SKIP, SUBTRACT, LOOP, END };

static unsigned long run(const unsigned char *program, unsigned long count)
{
    static const void *const handlers[] = {&&add, &&shift, &&mix, &&skip, &&subtract, &&loop, &&end};
    const unsigned char *pc = program;
    unsigned long a = 1, b = 2;
#define NEXT goto *handlers[*pc++]
    NEXT;
add:
    a += b;
    NEXT;
shift:
    b = b << 3 ^ a >> 7;
    NEXT;
mix:
    a ^= b * 0x9e3779b97f4a7c15;
    NEXT;
skip:
    if (a & 1)
        pc++;
    NEXT;
subtract:
    b -= a;
    NEXT;
loop:
    if (--count)
        pc = program;
    NEXT;
end:
    return a ^ b;
}

int main(void)
{
    static const unsigned char program[] = {ADD, SHIFT, SKIP, MIX,      ADD,  SUBTRACT, SKIP,
                                            MIX, SHIFT, SUBTRACT, SKIP, ADD, LOOP,     END};
    printf("%lx\n", run(program, 200000));
    return 0;
}
