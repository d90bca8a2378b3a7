/* ELF files that must be refused, and the good one they are made from.
 *
 * Used by the unit test of the loader and by the test of the command line. */
#ifndef TIERCEL_TESTS_GUEST_BAD_ELF_H
#define TIERCEL_TESTS_GUEST_BAD_ELF_H

#include <elf.h>
#include <stddef.h>

enum { BAD_ELF_BYTES = 3 * 4096, BAD_ELF_CODE = 4096, BAD_ELF_DATA = 2 * 4096 };

/* An image in memory: header, program headers, a page of code that exits with 42, a page of data.
 */
struct elf_image {
    union {
        struct {
            Elf64_Ehdr header;
            Elf64_Phdr segment[4]; /* code, data, two spare (PT_NULL) */
        };
        unsigned char bytes[BAD_ELF_BYTES];
    };
    size_t size_bytes; /* of the file */
};

struct bad_elf {
    const char *name;
    const char *message; /* part of the sentence */
    void (*spoil)(struct elf_image *image);
};
extern const struct bad_elf bad_elfs[];
extern const size_t bad_elf_count;

void elf_image_good(struct elf_image *image);
/* 0 or -1 with errno. */
int elf_image_write(const struct elf_image *image, const char *path);

#endif
