/* malloc, realloc, free, calloc, aligned_alloc in many sizes, with the contents checked. */
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint32_t state = 1;
static uint32_t next(void)
{
    return state = state * 1103515245u + 12345u;
}

struct block {
    unsigned char *data;
    size_t size;
    unsigned char fill;
};

static int check(const struct block *block)
{
    for (size_t i = 0; i<block->size; i += block->size> 4096 ? 511 : 1)
        if (block->data[i] != block->fill)
            return 0;
    return 1;
}

int main(void)
{
    enum { BLOCKS = 500, STEPS = 30000 };
    static struct block blocks[BLOCKS];
    uint64_t total = 0;
    for (int step = 0; step < STEPS; step++) {
        struct block *block = &blocks[(next() >> 8) % BLOCKS];
        if (block->data && !check(block)) {
            printf("block is damaged in step %d\n", step);
            return 1;
        }
        unsigned kind = (next() >> 8) % 4;
        size_t size = (next() >> 8) % ((next() >> 8) % 50 == 0 ? 300000 : 600);
        if (kind == 0 || !block->data) {
            free(block->data);
            block->data = kind % 2 ? calloc(1, size + 1) : malloc(size + 1);
        } else if (kind == 1) {
            free(block->data);
            block->data = NULL;
            size = 0;
        } else {
            block->data = realloc(block->data, size + 1);
        }
        block->size = block->data ? size : 0;
        block->fill = (unsigned char)step;
        if (block->data)
            memset(block->data, block->fill, size);
        total += size;
    }
    printf("total %llu\n", (unsigned long long)total);
    /* Big blocks come from mmap and grow by mremap. */
    size_t size = 1 << 20;
    unsigned char *big = malloc(size);
    memset(big, 0x42, size);
    for (int i = 0; i < 6; i++) {
        big = realloc(big, size * 2);
        memset(big + size, 0x42, size);
        size *= 2;
    }
    size_t good = 0;
    for (size_t i = 0; i < size; i++)
        good += big[i] == 0x42;
    printf("big %d\n", good == size);
    big = realloc(big, 100);
    printf("small again %d\n", big[99] == 0x42);
    free(big);
    void *aligned = aligned_alloc(65536, 65536 * 2);
    printf("aligned %d\n", (uintptr_t)aligned % 65536 == 0);
    free(aligned);
    printf("huge %s\n", malloc((size_t)1 << 50) ? "given" : "refused");
    for (int i = 0; i < BLOCKS; i++)
        free(blocks[i].data);
    malloc_trim(0);
    return 0;
}
