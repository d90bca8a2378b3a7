/* Integer arithmetic of all widths: multiplication, division, shifts, carries, 128 bits. */
#include <stdint.h>
#include <stdio.h>

static uint64_t state = 0x123456789abcdef;
static uint64_t next(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

int main(void)
{
    uint64_t hash = 0;
#define MIX(value) (hash = (hash ^ (uint64_t)(value)) * 0x100000001b3u)
    for (int i = 0; i < 200000; i++) {
        uint64_t a = next(), b = next();
        if (i % 5 == 0)
            a >>= a & 63;
        if (i % 7 == 0)
            b = -(b >> (b & 63));
        unsigned s = (unsigned)(b & 63);
        MIX(a + b);
        MIX(a - b);
        MIX(a * b);
        MIX((unsigned __int128)a * b >> 64);
        MIX((uint64_t)((__int128)(int64_t)a * (int64_t)b >> 64));
        MIX(a << s);
        MIX(a >> s);
        MIX((int64_t)a >> s);
        MIX((uint32_t)a + (uint32_t)b);
        MIX((int32_t)((uint32_t)a * (uint32_t)b));
        MIX((int64_t)((int32_t)a >> (s & 31)));
        MIX((uint32_t)a >> (s & 31));
        MIX((uint32_t)a << (s & 31));
        MIX((int8_t)a);
        MIX((uint8_t)a);
        MIX((int16_t)a);
        MIX((uint16_t)a);
        if (b != 0) {
            MIX(a / b);
            MIX(a % b);
        }
        if ((int64_t)b != 0 && !((int64_t)a == INT64_MIN && (int64_t)b == -1)) {
            MIX((int64_t)a / (int64_t)b);
            MIX((int64_t)a % (int64_t)b);
        }
        if ((uint32_t)b != 0) {
            MIX((uint32_t)a / (uint32_t)b);
            MIX((uint32_t)a % (uint32_t)b);
        }
        if ((int32_t)b != 0 && !((int32_t)a == INT32_MIN && (int32_t)b == -1)) {
            MIX((int32_t)a / (int32_t)b);
            MIX((int32_t)a % (int32_t)b);
        }
        MIX(a < b);
        MIX((int64_t)a < (int64_t)b);
        MIX(__builtin_popcountll(a));
        MIX(__builtin_clzll(a | 1));
        MIX(__builtin_ctzll(a | 1ull << 63));
        MIX(__builtin_bswap64(a));
        MIX(__builtin_bswap32((uint32_t)a));
        MIX(a << s | a >> (-s & 63));
        MIX((uint32_t)a << (s & 31) | (uint32_t)a >> (-s & 31));
        MIX(a & ~b);
        MIX(a ^ ~b);
        MIX((int64_t)a < (int64_t)b ? a : b);
        MIX(a > b ? a : b);
        unsigned __int128 wide = ((unsigned __int128)a << 64 | b) / (b | 1);
        MIX(wide);
        MIX(wide >> 64);
        if (i % 40000 == 0)
            printf("%d %016llx\n", i, (unsigned long long)hash);
    }
    printf("%016llx\n", (unsigned long long)hash);
    return (int)(hash & 0x3f);
}
