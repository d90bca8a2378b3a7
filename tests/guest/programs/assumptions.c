/* What regions assume and what they are made of, and programs that behave otherwise later on: registers
 * that hold words where a loop is entered, and then no longer; carries that nobody can predict, in loops
 * whose first round is a piece of its own; an interpreter of many operations that has phases. */
#include <stdint.h>
#include <stdio.h>

static uint64_t random_state = 1;

static uint32_t next_random(void)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(random_state >> 33);
}

/* ---- words in 64-bit registers ---- */

/* The loop truncates `word` and compares `end`: it is entered with words at first, then with more. */
__attribute__((noinline)) static uint64_t mix(uint64_t word, uint64_t end, const uint32_t *data)
{
    uint64_t sum = 0;
    for (uint64_t i = end - 4; i < end; i++) {
        uint32_t low = (uint32_t)word + data[i & 15];
        sum += (low << 7 | low >> 25) ^ (uint64_t)(int32_t)low;
        word = word << 3 ^ (uint32_t)sum;
    }
    return sum ^ word;
}

static void mix_words(void)
{
    uint32_t data[16];
    uint64_t sum = 0;
    for (int i = 0; i < 16; i++)
        data[i] = next_random();
    for (uint64_t i = 0; i < 120000; i++) {
        uint64_t wide = i < 40000 ? 0 : sum << 20;
        uint64_t end = i < 80000 ? 20 : (i << 33) + 100;
        sum += mix((uint64_t)(int32_t)i + wide, end, data);
    }
    printf("words %016llx\n", (unsigned long long)sum);
}

/* ---- carries ---- */

enum { LIMBS = 4 };

__attribute__((noinline)) static void shift_left(uint16_t *carry, uint16_t *limbs)
{
    for (int i = LIMBS - 1; i >= 0; i--) {
        uint16_t limb = limbs[i];
        int next = limb & 0x8000;
        limb = (uint16_t)(limb << 1);
        if (*carry)
            limb |= 1;
        *carry = (uint16_t)next;
        limbs[i] = limb;
    }
}

__attribute__((noinline)) static void shift_right(uint16_t *carry, uint16_t *limbs)
{
    for (int i = 0; i < LIMBS; i++) {
        uint16_t limb = limbs[i];
        int next = limb & 1;
        limb = limb >> 1;
        if (*carry)
            limb |= 0x8000;
        *carry = (uint16_t)next;
        limbs[i] = limb;
    }
}

static void shift_limbs(void)
{
    uint16_t limbs[LIMBS], sum = 0;
    for (int i = 0; i < LIMBS; i++)
        limbs[i] = (uint16_t)next_random();
    for (int i = 0; i < 60000; i++) {
        uint16_t carry = (uint16_t)(next_random() & 1);
        (i & 4 ? shift_left : shift_right)(&carry, limbs);
        limbs[i % LIMBS] ^= (uint16_t)i;
        sum = (uint16_t)(sum * 3 + carry + limbs[0]);
    }
    printf("limbs %04x %04x\n", sum, limbs[3]);
}

/* ---- an interpreter ---- */

#define OPERATIONS(X)                                                                              \
    X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15) X(16)    \
    X(17) X(18) X(19) X(20) X(21) X(22) X(23) X(24) X(25) X(26) X(27) X(28) X(29) X(30) X(31)      \
    X(32) X(33) X(34) X(35) X(36) X(37) X(38) X(39)
#define CASE(n)                                                                                    \
    case n:                                                                                        \
        a = (a ^ (b >> (n + 1))) + n * 77u;                                                        \
        if (n % 3 == 0)                                                                            \
            b += a << (n % 7);                                                                     \
        break;

__attribute__((noinline)) static uint64_t interpret(const uint8_t *code, unsigned length)
{
    uint64_t a = 1, b = 2;
    for (unsigned i = 0; i < length; i++) {
        switch (code[i]) {
            OPERATIONS(CASE)
        default:
            return a;
        }
    }
    return a + b;
}

static void run_phases(void)
{
    static uint8_t code[4096];
    uint64_t sum = 0;
    for (int phase = 0; phase < 4; phase++) {
        for (unsigned i = 0; i < sizeof code; i++)
            code[i] = (uint8_t)((next_random() % 30 + (unsigned)phase * 10) % 40);
        for (int i = 0; i < 40; i++)
            sum = sum * 31 + interpret(code, sizeof code - (unsigned)i);
    }
    code[100] = 200;
    sum += interpret(code, sizeof code);
    printf("phases %016llx\n", (unsigned long long)sum);
}

int main(void)
{
    mix_words();
    shift_limbs();
    run_phases();
    return 0;
}
