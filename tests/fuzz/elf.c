/* Fuzzes the loader: the input is the ELF file.
 *
 * A refused file must leave nothing mapped. An accepted one must have its entry in executable
 * memory, its segments' bytes where the headers say, zeroes behind them, and room for the initial
 * stack. */
#include "src/base/bits.h"
#include "src/loader/loader.h"
#include "tests/fuzz/fuzz.h"

#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MAX_FILE_BYTES = 1 << 16, STACK_BYTES = 1 << 16 };

/* The file under test, always the same descriptor. */
static struct {
    int fd;
    char path[64];
    struct space *space;
} bench;

static void open_bench(void)
{
    struct error err;
    if (bench.space)
        return;
    bench.fd = memfd_create("elf", MFD_CLOEXEC);
    if (bench.fd < 0 || space_create(true, &bench.space, &err) != STATUS_OK)
        abort();
    snprintf(bench.path, sizeof bench.path, "/proc/self/fd/%d", bench.fd);
}

static void write_file(const uint8_t *data, size_t size_bytes)
{
    if (ftruncate(bench.fd, 0) || pwrite(bench.fd, data, size_bytes, 0) != (ssize_t)size_bytes)
        abort();
}

/* Unmaps everything; true when there was something. */
static bool clear_space(void)
{
    struct space_mapping mapping;
    bool was_mapped = false;
    while (space_next_mapping(bench.space, 0, &mapping)) {
        space_unmap(bench.space, mapping.start, mapping.end - mapping.start);
        was_mapped = true;
    }
    return was_mapped;
}

/* The byte of guest memory, or -1 when it cannot be read. */
static int guest_byte(uint64_t addr)
{
    const uint8_t *byte = space_pointer(bench.space, addr, 1, SPACE_READ);
    return byte ? *byte : -1;
}

static void check_byte(uint64_t addr, uint8_t expected)
{
    int is = guest_byte(addr);
    if (is >= 0 && is != expected)
        fuzz_found("the byte at 0x%lx is 0x%x, not 0x%x", (unsigned long)addr, (unsigned)is,
                   expected);
}

static Elf64_Phdr segment_of(const Elf64_Ehdr *header, unsigned index, const uint8_t *data)
{
    Elf64_Phdr segment;
    memcpy(&segment, data + header->e_phoff + index * sizeof segment, sizeof segment);
    return segment;
}

/* Whether a later segment is mapped over the page of this address, as Linux does it. */
static bool is_covered(const Elf64_Ehdr *header, unsigned index, const uint8_t *data, uint64_t at)
{
    while (++index < header->e_phnum) {
        Elf64_Phdr later = segment_of(header, index, data);
        if (later.p_type == PT_LOAD && later.p_memsz &&
            later.p_vaddr / SPACE_PAGE <= at / SPACE_PAGE)
            return true;
    }
    return false;
}

/* The ends of a segment: of what comes from the file and of the zeroes behind it. */
static void check_segment(const Elf64_Ehdr *header, unsigned index, uint64_t bias,
                          const uint8_t *data)
{
    Elf64_Phdr segment = segment_of(header, index, data);
    uint64_t file_end = segment.p_vaddr + segment.p_filesz;
    uint64_t end = segment.p_vaddr + segment.p_memsz;
    if (segment.p_type != PT_LOAD || segment.p_memsz == 0)
        return;
    if (space_prot(bench.space, bias + segment.p_vaddr) < 0 ||
        space_prot(bench.space, bias + end - 1) < 0)
        fuzz_found("a segment at 0x%lx is not mapped", (unsigned long)segment.p_vaddr);
    if (segment.p_filesz && !is_covered(header, index, data, segment.p_vaddr))
        check_byte(bias + segment.p_vaddr, data[segment.p_offset]);
    if (segment.p_filesz && !is_covered(header, index, data, file_end - 1))
        check_byte(bias + file_end - 1, data[segment.p_offset + segment.p_filesz - 1]);
    if (file_end < end && !is_covered(header, index, data, file_end))
        check_byte(bias + file_end, 0);
    if (file_end < end && !is_covered(header, index, data, end - 1))
        check_byte(bias + end - 1, 0);
}

static void check_image(const struct loader_image *image, const uint8_t *data)
{
    Elf64_Ehdr header;
    memcpy(&header, data, sizeof header);
    int prot = space_prot(bench.space, image->entry);
    if (prot < 0 || !(prot & SPACE_EXEC))
        fuzz_found("the entry 0x%lx is not executable", (unsigned long)image->entry);
    for (unsigned i = 0; i < header.e_phnum; i++)
        check_segment(&header, i, image->load_bias, data);
}

static void check_stack(const struct loader_image *image)
{
    static const char *const argv[] = {"program", "", NULL};
    static const char *const envp[] = {"NAME=VALUE", NULL};
    static const uint8_t random[16];
    const struct loader_stack_request request = {
        .exec_path = "/program",
        .argc = 2,
        .argv = argv,
        .envp = envp,
        .size_bytes = STACK_BYTES,
        .random = random,
    };
    uint64_t sp;
    struct error err;
    if (loader_build_stack(bench.space, &guest_riscv64, image, &request, &sp, &err))
        fuzz_found("no stack: %s", err.text);
    if (sp % 16 || !space_check(bench.space, sp, 8, SPACE_READ | SPACE_WRITE))
        fuzz_found("the stack pointer is 0x%lx", (unsigned long)sp);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    struct loader_image image;
    struct error err;
    int error_number;
    if (size_bytes > MAX_FILE_BYTES)
        return 0;
    open_bench();
    write_file(data, size_bytes);
    if (loader_load(bench.space, &guest_riscv64, bench.path, &image, &error_number, &err)) {
        if (clear_space() && err.status != STATUS_NO_MEMORY)
            fuzz_found("a refused file is mapped: %s", err.text);
        if (!*err.text || memchr(err.text, 0, sizeof err.text) == NULL)
            fuzz_found("no sentence");
        return 0;
    }
    check_image(&image, data);
    check_stack(&image);
    clear_space();
    return 0;
}

/* ---- mutation: numbers of the headers ---- */

/* Where a number of 2, 4 or 8 bytes of the headers lies. */
static size_t pick_field(uint64_t random, unsigned *ret_size)
{
    static const uint8_t header_fields[][2] = {{16, 2}, {18, 2}, {24, 8}, {32, 8},
                                               {48, 4}, {54, 2}, {56, 2}, {58, 2}};
    static const uint8_t segment_fields[][2] = {{0, 4},  {4, 4},  {8, 8}, {16, 8},
                                                {32, 8}, {40, 8}, {48, 8}};
    unsigned segment = (unsigned)(random >> 8) % 6;
    const uint8_t *field = segment == 0
                               ? header_fields[(random >> 16) % ARRAY_LENGTH(header_fields)]
                               : segment_fields[(random >> 16) % ARRAY_LENGTH(segment_fields)];
    *ret_size = field[1];
    return field[0] + (segment == 0 ? 0 : sizeof(Elf64_Ehdr) + (segment - 1) * sizeof(Elf64_Phdr));
}

static uint64_t pick_number(uint64_t random, uint64_t old)
{
    static const uint64_t numbers[] = {
        0,
        1,
        2,
        3,
        6,
        7,
        0x38,
        0x40,
        0xf3,
        0x1000,
        0xfff,
        0x10000,
        0x11000,
        UINT32_MAX,
        UINT64_MAX,
        SPACE_SIZE,
        SPACE_SIZE - 0x1000,
        INT64_MAX,
        SPACE_SIZE - (UINT64_C(1) << 30),
        PT_GNU_STACK,
        PT_PHDR,
        UINT64_C(1) << 63,
    };
    switch (random >> 8 & 3) {
    case 0:
        return numbers[(random >> 16) % ARRAY_LENGTH(numbers)];
    case 1:
        return old + (random >> 16) % 33 - 16;
    case 2:
        return old ^ UINT64_C(1) << (random >> 16 & 63);
    }
    return old + ((random >> 16) % 17 - 8) * 0x1000;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size_bytes, size_t max_bytes, unsigned seed)
{
    uint64_t random = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    unsigned width;
    size_t at = pick_field(random, &width);
    if (random >> 60 < 4 || at + width > size_bytes)
        return LLVMFuzzerMutate(data, size_bytes, max_bytes);
    uint64_t number = 0;
    memcpy(&number, data + at, width);
    number = pick_number(random >> 24, number);
    memcpy(data + at, &number, width);
    return size_bytes;
}
