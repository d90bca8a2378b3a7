/*
 * cipher: encrypts and decrypts a buffer with a small 64-bit block cipher, chained.
 *
 * Twelve Feistel rounds over two pairs of 16-bit words; the round function mixes
 * multiplication modulo 65537, addition modulo 65536, rotation and exclusive or. It is made
 * for this benchmark and protects nothing.
 */
#include "bench/guest/kernel.h"

#define NAME "cipher"

enum {
    ROUNDS = 12,
    KEYS_PER_ROUND = 3,
    BLOCKS = 20000,
};

struct block {
    uint16_t left[2], right[2];
};

struct key {
    uint16_t word[ROUNDS][KEYS_PER_ROUND];
};

static struct block plain[BLOCKS], secret[BLOCKS], again[BLOCKS];

/* a * b modulo 65537, where 0 stands for 65536. */
static uint16_t multiply_mod(uint16_t a, uint16_t b)
{
    if (a == 0)
        return (uint16_t)(1 - b);
    if (b == 0)
        return (uint16_t)(1 - a);
    uint32_t product = (uint32_t)a * b;
    uint16_t low = (uint16_t)product, high = (uint16_t)(product >> 16);
    return (uint16_t)(low - high + (low < high));
}

static uint16_t rotate_left(uint16_t word, unsigned count)
{
    return (uint16_t)(word << count | word >> (16 - count));
}

/* out ^= f(in, key) */
static void mix(uint16_t *out, const uint16_t *in, const uint16_t *key)
{
    uint16_t a = multiply_mod(in[0], key[0]);
    uint16_t b = (uint16_t)(in[1] + key[1]);
    b = rotate_left((uint16_t)(a ^ b), 5);
    a = (uint16_t)(a + multiply_mod(b, key[2]));
    out[0] ^= a;
    out[1] ^= (uint16_t)(b + rotate_left(a, 3));
}

static struct block encrypt(struct block block, const struct key *key)
{
    for (int round = 0; round < ROUNDS; round += 2) {
        mix(block.left, block.right, key->word[round]);
        mix(block.right, block.left, key->word[round + 1]);
    }
    return block;
}

static struct block decrypt(struct block block, const struct key *key)
{
    for (int round = ROUNDS - 2; round >= 0; round -= 2) {
        mix(block.right, block.left, key->word[round + 1]);
        mix(block.left, block.right, key->word[round]);
    }
    return block;
}

static struct block combine(struct block a, struct block b)
{
    for (int i = 0; i < 2; i++) {
        a.left[i] ^= b.left[i];
        a.right[i] ^= b.right[i];
    }
    return a;
}

static struct block random_block(struct kernel_random *random)
{
    uint64_t bits = random_next(random);
    return (struct block){{(uint16_t)bits, (uint16_t)(bits >> 16)},
                          {(uint16_t)(bits >> 32), (uint16_t)(bits >> 48)}};
}

static void make_key(struct key *key, struct kernel_random *random)
{
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < KEYS_PER_ROUND; i++)
            key->word[round][i] = (uint16_t)(random_next(random) >> 40);
    }
}

/* Cipher block chaining there and back. */
static uint64_t run(struct kernel_random *random, uint64_t checksum)
{
    struct key key;
    make_key(&key, random);
    struct block start = random_block(random), chain = start;
    for (size_t i = 0; i < BLOCKS; i++)
        chain = secret[i] = encrypt(combine(plain[i], chain), &key);
    for (size_t i = 0; i < BLOCKS; i++)
        again[i] = combine(decrypt(secret[i], &key), i > 0 ? secret[i - 1] : start);
    if (memcmp(plain, again, sizeof plain) != 0)
        kernel_fail(NAME, "decryption does not give the text back");
    uint64_t last = (uint64_t)chain.left[0] << 48 | (uint64_t)chain.left[1] << 32 |
                    (uint64_t)chain.right[0] << 16 | chain.right[1];
    return checksum_add(checksum, last);
}

int main(int argc, char **argv)
{
    uint64_t size = kernel_size(argc, argv, NAME);
    struct kernel_random random = {65521};
    uint64_t checksum = 0;
    for (size_t i = 0; i < BLOCKS; i++)
        plain[i] = random_block(&random);
    for (uint64_t unit = 0; unit < size; unit++)
        checksum = run(&random, checksum);
    return kernel_finish(NAME, checksum);
}
