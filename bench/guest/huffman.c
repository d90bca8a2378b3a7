/*
 * huffman: counts bytes, builds a Huffman tree, packs a text and unpacks it again.
 *
 * Byte histograms, a priority search, bit-wise output and a walk through a tree with one
 * unpredictable branch per bit.
 */
#include "bench/guest/kernel.h"

#define NAME "huffman"

enum {
    TEXT_BYTES = 160000,
    SYMBOLS = 256,
    NODES = 2 * SYMBOLS,
    NONE = -1,
    CODE_BITS_MAX = 64,
};

/* Leaves are nodes 0 .. SYMBOLS-1. */
struct node {
    uint32_t weight; /* 0: unused, or already has a parent */
    int child[2];
};

struct tree {
    struct node nodes[NODES];
    int root;
};

struct code {
    uint64_t bits; /* first bit lowest */
    unsigned length;
};

static uint8_t text[TEXT_BYTES], unpacked[TEXT_BYTES];
static uint8_t packed[TEXT_BYTES * 2];

/* Words of letters, common ones far more often: the product of two draws leans to 0. */
static void make_text(struct kernel_random *random)
{
    size_t length = 0;
    while (length < TEXT_BYTES) {
        unsigned word_length = 1 + random_below(random, 9);
        for (unsigned i = 0; i < word_length && length < TEXT_BYTES; i++) {
            uint32_t lean = random_below(random, 8) * random_below(random, 8);
            text[length++] = (uint8_t)('a' + lean);
        }
        if (length < TEXT_BYTES)
            text[length++] = random_below(random, 12) ? ' ' : '\n';
    }
}

static void count_bytes(struct tree *tree)
{
    memset(tree, 0, sizeof *tree);
    for (size_t i = 0; i < TEXT_BYTES; i++)
        tree->nodes[text[i]].weight++;
}

static int lightest(const struct tree *tree, int count)
{
    int least = NONE;
    for (int i = 0; i < count; i++) {
        uint32_t weight = tree->nodes[i].weight;
        if (weight > 0 && (least == NONE || weight < tree->nodes[least].weight))
            least = i;
    }
    return least;
}

static void build_tree(struct tree *tree)
{
    for (int count = SYMBOLS;; count++) {
        int first = lightest(tree, count);
        uint32_t weight = tree->nodes[first].weight;
        tree->nodes[first].weight = 0;
        int second = lightest(tree, count);
        if (second == NONE) {
            tree->root = first;
            return;
        }
        weight += tree->nodes[second].weight;
        tree->nodes[second].weight = 0;
        tree->nodes[count] = (struct node){weight, {first, second}};
    }
}

static void assign_codes(const struct tree *tree, int node, struct code code, struct code *codes)
{
    if (node < SYMBOLS) {
        codes[node] = code;
        return;
    }
    if (code.length == CODE_BITS_MAX)
        kernel_fail(NAME, "a code is too long");
    for (unsigned side = 0; side < 2; side++) {
        struct code longer = {code.bits | (uint64_t)side << code.length, code.length + 1};
        assign_codes(tree, tree->nodes[node].child[side], longer, codes);
    }
}

/* Gives the number of bits written. */
static size_t pack(const struct code *codes)
{
    size_t position = 0;
    memset(packed, 0, sizeof packed);
    for (size_t i = 0; i < TEXT_BYTES; i++) {
        struct code code = codes[text[i]];
        for (; code.length > 0; code.length--, code.bits >>= 1, position++)
            packed[position / 8] |= (uint8_t)((code.bits & 1) << (position % 8));
    }
    return position;
}

static size_t unpack(const struct tree *tree, size_t bits)
{
    size_t length = 0;
    int node = tree->root;
    for (size_t position = 0; position < bits; position++) {
        node = tree->nodes[node].child[(packed[position / 8] >> (position % 8)) & 1];
        if (node < SYMBOLS) {
            unpacked[length++] = (uint8_t)node;
            node = tree->root;
        }
    }
    return length;
}

static uint64_t run(struct kernel_random *random, uint64_t checksum)
{
    static struct tree tree;
    struct code codes[SYMBOLS] = {{0, 0}};
    make_text(random);
    count_bytes(&tree);
    build_tree(&tree);
    assign_codes(&tree, tree.root, (struct code){0, 0}, codes);
    size_t bits = pack(codes);
    if (unpack(&tree, bits) != TEXT_BYTES || memcmp(text, unpacked, TEXT_BYTES) != 0)
        kernel_fail(NAME, "unpacking does not give the text back");
    checksum = checksum_add(checksum, bits);
    for (size_t i = 0; i < bits / 8; i += 211)
        checksum = checksum_add(checksum, packed[i]);
    return checksum;
}

int main(int argc, char **argv)
{
    uint64_t size = kernel_size(argc, argv, NAME);
    struct kernel_random random = {1952};
    uint64_t checksum = 0;
    for (uint64_t unit = 0; unit < size; unit++)
        checksum = run(&random, checksum);
    return kernel_finish(NAME, checksum);
}
