/* String and memory functions of libc at every alignment, against byte loops. */
#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

static uint32_t state = 7;
static unsigned char next(void)
{
    return (unsigned char)((state = state * 69069u + 1) >> 24);
}

static unsigned failures;
static void expect(int condition, const char *what, size_t a, size_t b, size_t n)
{
    if (!condition && failures++ < 10)
        printf("%s fails at %zu %zu length %zu\n", what, a, b, n);
}

int main(void)
{
    static unsigned char from[512], to[512], model[512];
    uint64_t sum = 0;
    for (size_t a = 0; a < 16; a++) {
        for (size_t b = 0; b < 16; b += 3) {
            for (size_t n = 0; n < 200; n = n < 40 ? n + 1 : n + 13) {
                for (size_t i = 0; i < sizeof from; i++) {
                    from[i] = next() | 1;
                    to[i] = model[i] = next();
                }
                memcpy(to + a, from + b, n);
                for (size_t i = 0; i < n; i++)
                    model[a + i] = from[b + i];
                expect(!memcmp(to, model, sizeof to), "memcpy", a, b, n);
                memmove(to + a, to + b, n);
                unsigned char copy[256];
                for (size_t i = 0; i < n; i++)
                    copy[i] = model[b + i];
                for (size_t i = 0; i < n; i++)
                    model[a + i] = copy[i];
                expect(!memcmp(to, model, sizeof to), "memmove", a, b, n);
                memset(to + a, (int)n, n);
                for (size_t i = 0; i < n; i++)
                    model[a + i] = (unsigned char)n;
                expect(!memcmp(to, model, sizeof to), "memset", a, b, n);
                from[b + n] = 0;
                expect(strlen((char *)from + b) == n, "strlen", a, b, n);
                strcpy((char *)to + a, (char *)from + b);
                expect(!strcmp((char *)to + a, (char *)from + b), "strcmp", a, b, n);
                expect(memchr(from + b, 0, n + 1) == from + b + n, "memchr", a, b, n);
                if (n) {
                    to[a + n - 1] ^= 0x40;
                    int order = strcmp((char *)to + a, (char *)from + b);
                    expect((order > 0) == (to[a + n - 1] > from[b + n - 1]), "order", a, b, n);
                }
                sum = sum * 31 + to[a + n / 2];
            }
        }
    }
    printf("failures %u sum %llu\n", failures, (unsigned long long)sum);
    char text[] = "one, two;three  four", *save = NULL;
    for (char *word = strtok_r(text, ",; ", &save); word; word = strtok_r(NULL, ",; ", &save))
        printf("[%s]", word);
    printf("\n%s %s %zu %zu\n", strstr("hello world", "o w"), strrchr("a/b/c", '/'),
           strspn("aabbc", "ab"), strcspn("hello", "lo"));
    char buffer[100];
    int length = snprintf(buffer, 10, "%s-%d-%c-%5.2f", "abcdef", 12345, 'x', 3.14159);
    printf("%d '%s'\n", length, buffer);
    int d = 0;
    unsigned x = 0;
    char w[20] = "";
    float f = 0;
    int items = sscanf("17 0xff word 2.5", "%d %x %19s %f", &d, &x, w, &f);
    printf("%d %d %u %s %g\n", items, d, x, w, f);
    printf("%ld %lu %lld\n", strtol("-123abc", NULL, 10), strtoul("777", NULL, 8),
           strtoll("9223372036854775807", NULL, 10));
    for (const char *c = "aZ5 _\n"; *c; c++)
        printf("%d%d%d%d ", !!isalpha(*c), !!isdigit(*c), !!isspace(*c), !!ispunct(*c));
    printf("%lc %ls %zu\n", L'w', L"wide", wcslen(L"four"));
    return failures != 0;
}
