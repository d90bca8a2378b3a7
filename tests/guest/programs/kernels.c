/* Hot loops of several shapes, long enough to move through the tiers while they run. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static uint32_t crc_table[256];

static uint32_t crc(const uint8_t *bytes, size_t count)
{
    uint32_t value = ~0u;
    for (size_t i = 0; i < count; i++)
        value = value >> 8 ^ crc_table[(value ^ bytes[i]) & 255];
    return ~value;
}

static unsigned sieve(unsigned limit)
{
    static uint8_t composite[200001];
    unsigned count = 0;
    memset(composite, 0, sizeof composite);
    for (unsigned i = 2; i <= limit; i++) {
        if (composite[i])
            continue;
        count++;
        for (unsigned j = 2 * i; j <= limit; j += i)
            composite[j] = 1;
    }
    return count;
}

static double matrix(unsigned n)
{
    static double a[64][64], b[64][64], c[64][64];
    for (unsigned i = 0; i < n; i++)
        for (unsigned j = 0; j < n; j++) {
            a[i][j] = 1.0 / (i + j + 1);
            b[i][j] = (i + 1.0) * (j % 3);
        }
    for (unsigned i = 0; i < n; i++)
        for (unsigned j = 0; j < n; j++) {
            double sum = 0;
            for (unsigned k = 0; k < n; k++)
                sum += a[i][k] * b[k][j];
            c[i][j] = sum;
        }
    double trace = 0;
    for (unsigned i = 0; i < n; i++)
        trace += c[i][i];
    return trace;
}

static unsigned collatz(unsigned limit)
{
    unsigned best = 0, best_start = 0;
    for (unsigned start = 1; start < limit; start++) {
        unsigned steps = 0;
        for (uint64_t n = start; n != 1; steps++)
            n = n & 1 ? 3 * n + 1 : n / 2;
        if (steps > best) {
            best = steps;
            best_start = start;
        }
    }
    return best_start;
}

/* A small interpreter: indirect jumps from one place. */
static long machine(int rounds)
{
    static const uint8_t program[] = {0, 1, 2, 0, 3, 1, 1, 2, 4, 0, 2, 5};
    long x = 1, y = 2;
    for (int r = 0; r < rounds; r++) {
        for (size_t pc = 0; pc < sizeof program; pc++) {
            switch (program[pc]) {
            case 0:
                x += y;
                break;
            case 1:
                y ^= x;
                break;
            case 2:
                x = x * 3 & 0xffffff;
                break;
            case 3:
                y += r;
                break;
            case 4:
                x -= y & 255;
                break;
            default:
                y &= 0xfffff;
            }
        }
    }
    return x * 31 + y;
}

int main(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t value = i;
        for (int bit = 0; bit < 8; bit++)
            value = value >> 1 ^ (value & 1 ? 0xedb88320u : 0);
        crc_table[i] = value;
    }
    static uint8_t bytes[100000];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 7 + (i >> 8));
    for (int i = 0; i < 5; i++)
        printf("crc %08x\n", crc(bytes, sizeof bytes - (size_t)i));
    printf("primes %u\n", sieve(200000));
    printf("matrix %.12f\n", matrix(64));
    printf("collatz %u\n", collatz(20000));
    printf("machine %ld\n", machine(50000));
    uint64_t state = 1;
    for (long i = 0; i < 3000000; i++) /* one hot loop in main */
        state = state * 6364136223846793005u + 1442695040888963407u;
    printf("loop %016llx\n", (unsigned long long)state);
    return 0;
}
