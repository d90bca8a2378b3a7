/* qsort and bsearch through function pointers, on several types. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t state = 88172645463325252u;
static uint64_t next(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static int by_int(const void *a, const void *b)
{
    int x = *(const int *)a, y = *(const int *)b;
    return (x > y) - (x < y);
}
static int by_double(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}
static int by_string(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

struct record {
    char name[12];
    short rank;
    int64_t key;
};
static int by_record(const void *a, const void *b)
{
    const struct record *x = a, *y = b;
    if (x->rank != y->rank)
        return x->rank - y->rank;
    return (x->key > y->key) - (x->key < y->key);
}

int main(void)
{
    enum { COUNT = 20000 };
    static int ints[COUNT];
    static double doubles[COUNT];
    static struct record records[COUNT];
    static char *strings[COUNT / 10];
    for (int i = 0; i < COUNT; i++) {
        ints[i] = (int)next();
        doubles[i] = (double)(int64_t)next() / 1e9;
        records[i].rank = (short)(next() % 50);
        records[i].key = (int64_t)next();
        snprintf(records[i].name, sizeof records[i].name, "n%d", i);
    }
    for (int i = 0; i < COUNT / 10; i++) {
        strings[i] = malloc(12);
        for (int j = 0; j < 11; j++)
            strings[i][j] = (char)('a' + next() % 26);
        strings[i][11] = 0;
    }
    qsort(ints, COUNT, sizeof *ints, by_int);
    qsort(doubles, COUNT, sizeof *doubles, by_double);
    qsort(records, COUNT, sizeof *records, by_record);
    qsort(strings, COUNT / 10, sizeof *strings, by_string);
    for (int i = 1; i < COUNT; i++)
        if (ints[i - 1] > ints[i] || doubles[i - 1] > doubles[i])
            return 1;
    printf("%d %d %d\n", ints[0], ints[COUNT / 2], ints[COUNT - 1]);
    printf("%.6f %.6f\n", doubles[0], doubles[COUNT - 1]);
    printf("%s %d %lld\n", records[777].name, records[777].rank, (long long)records[777].key);
    printf("%s %s\n", strings[0], strings[COUNT / 10 - 1]);
    int found = 0;
    for (int i = 0; i < COUNT; i += 7)
        found += bsearch(&ints[i], ints, COUNT, sizeof *ints, by_int) != NULL;
    printf("found %d\n", found);
    return 0;
}
