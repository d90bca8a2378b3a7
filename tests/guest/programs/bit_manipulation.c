/* riscv64 with Zba, Zbb and Zbs: bit operations the compiler turns into those instructions. */
#include <stdint.h>
#include <stdio.h>

static uint64_t state = 42;
static uint64_t next(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}
static uint64_t hash;
#define MIX(value) (hash = (hash ^ (uint64_t)(value)) * 0x100000001b3u)

int main(void)
{
    static uint64_t table[256];
    static uint32_t narrow[256];
    for (int i = 0; i < 256; i++) {
        table[i] = next();
        narrow[i] = (uint32_t)next();
    }
    for (int i = 0; i < 100000; i++) {
        uint64_t a = next(), b = next();
        unsigned s = (unsigned)b & 63, index = (unsigned)a;
        MIX(table[a & 255] + narrow[b & 255]);                           /* sh3add, sh2add */
        MIX(*(uint64_t *)((char *)table + (uint64_t)(index % 250) * 8)); /* sh3add.uw */
        MIX((a << 1) + b);
        MIX((a << 2) + b);
        MIX((a << 3) + b);
        MIX((uint64_t)(uint32_t)a + b);  /* add.uw */
        MIX((uint64_t)(uint32_t)a << 5); /* slli.uw */
        MIX(__builtin_popcountll(a) + __builtin_popcount((uint32_t)b));
        MIX(a ? __builtin_clzll(a) + __builtin_ctzll(a) : 64);
        MIX((uint32_t)a ? __builtin_clz((uint32_t)a) + __builtin_ctz((uint32_t)a) : 32);
        MIX(__builtin_bswap64(a));
        MIX(a << s | a >> (-s & 63));
        MIX(a >> s | a << (-s & 63));
        MIX((uint32_t)a >> (s & 31) | (uint32_t)a << (-s & 31));
        MIX(a & ~b);
        MIX(a | ~b);
        MIX(~(a ^ b));
        MIX((int64_t)a < (int64_t)b ? a : b);
        MIX((int64_t)a > (int64_t)b ? a : b);
        MIX(a < b ? a : b);
        MIX(a > b ? a : b);
        MIX((int8_t)a);
        MIX((int16_t)a);
        MIX((uint16_t)a);
        MIX(a | 1ull << s);
        MIX(a & ~(1ull << s));
        MIX(a ^ 1ull << s);
        MIX(a >> s & 1);
        MIX(a | 1ull << 40);
        MIX(a >> 17 & 1);
    }
    printf("%016llx\n", (unsigned long long)hash);
    return 0;
}
