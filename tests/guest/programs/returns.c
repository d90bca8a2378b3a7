/* A block that a function returns to, by turns with another, and that calls a function which turns
 * out to be memcpy. */
#include <stdio.h>

#define OWN __attribute__((noipa, optimize("no-tree-loop-distribute-patterns")))

OWN void *copy(void *to, const void *from, size_t n)
{
    char *a = to;
    const char *b = from;
    while (n-- > 0)
        *a++ = *b++;
    return to;
}

static char places[4][16];

OWN char *place(int i)
{
    return places[i & 3];
}

int main(void)
{
    unsigned sum = 0;
    for (int i = 0; i < 200000; i++) {
        char text[16] = "a short string";
        text[i & 7] = (char)i;
        copy(place(i), text, sizeof text);
        sum = sum * 31 + (unsigned char)place(i + 1)[i & 7];
    }
    printf("%u\n", sum);
}
