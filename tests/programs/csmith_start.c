/* What a csmith program needs of a C library on riscv64, and no more: glibc's start and printf are
 * thousands of instructions, which the modes that compile everything at once would spend their time
 * on. Linked with -nostdlib; the native build of the same program uses the real library.
 *
 * printf knows what csmith's runtime prints: %s, %d, %X and %lX. */
#include <stdarg.h>
#include <stddef.h>

__asm__(".globl _start\n"
        "_start:\n"
        "    .option push\n"
        "    .option norelax\n"
        "    la gp, __global_pointer$\n"
        "    .option pop\n"
        "    ld a0, 0(sp)\n"
        "    addi a1, sp, 8\n"
        "    andi sp, sp, -16\n"
        "    call main\n"
        "    call finish\n");

static long system_call(long number, long a, long b, long c)
{
    register long a0 __asm__("a0") = a;
    register long a1 __asm__("a1") = b;
    register long a2 __asm__("a2") = c;
    register long a7 __asm__("a7") = number;
    __asm__ volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a7) : "memory");
    return a0;
}

static char buffer[4096];
static size_t used;

static void flush(void)
{
    for (size_t written = 0; written < used;) {
        long result = system_call(64, 1, (long)(buffer + written), (long)(used - written));
        if (result <= 0)
            system_call(94, 99, 0, 0);
        written += (size_t)result;
    }
    used = 0;
}

void finish(int status)
{
    flush();
    for (;;)
        system_call(94, status, 0, 0);
}

static void put(char byte)
{
    if (used == sizeof buffer)
        flush();
    buffer[used++] = byte;
}

static void put_number(unsigned long value, unsigned base)
{
    char digits[24];
    unsigned count = 0;
    do
        digits[count++] = "0123456789ABCDEF"[value % base];
    while (value /= base);
    while (count > 0)
        put(digits[--count]);
}

static void put_signed(long value)
{
    if (value < 0)
        put('-');
    put_number(value < 0 ? 0 - (unsigned long)value : (unsigned long)value, 10);
}

int printf(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    for (; *format; format++) {
        if (*format != '%') {
            put(*format);
            continue;
        }
        int is_long = *++format == 'l';
        format += is_long;
        switch (*format) {
        case 's':
            for (const char *text = va_arg(arguments, const char *); *text; text++)
                put(*text);
            break;
        case 'd':
            put_signed(is_long ? va_arg(arguments, long) : va_arg(arguments, int));
            break;
        case 'X':
            put_number(is_long ? va_arg(arguments, unsigned long)
                               : va_arg(arguments, unsigned),
                       16);
            break;
        default:
            finish(98);
        }
    }
    va_end(arguments);
    return 0;
}

/* What the compiler makes of printf of a fixed text. */
int puts(const char *text)
{
    return printf("%s\n", text);
}

int putchar(int byte)
{
    put((char)byte);
    return byte;
}

int strcmp(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return (unsigned char)*a - (unsigned char)*b;
}

void *memcpy(void *to, const void *from, size_t count)
{
    for (size_t i = 0; i < count; i++)
        ((char *)to)[i] = ((const char *)from)[i];
    return to;
}

void *memmove(void *to, const void *from, size_t count)
{
    if ((char *)to < (const char *)from)
        return memcpy(to, from, count);
    while (count-- > 0)
        ((char *)to)[count] = ((const char *)from)[count];
    return to;
}

void *memset(void *to, int byte, size_t count)
{
    for (size_t i = 0; i < count; i++)
        ((char *)to)[i] = (char)byte;
    return to;
}

int memcmp(const void *a, const void *b, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (((const unsigned char *)a)[i] != ((const unsigned char *)b)[i])
            return ((const unsigned char *)a)[i] - ((const unsigned char *)b)[i];
    return 0;
}
