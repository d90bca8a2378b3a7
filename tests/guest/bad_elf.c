/* The table of bad ELF files (bad_elf.h). */
#include "tests/guest/bad_elf.h"

#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

enum { CODE = 0, DATA = 1, SPARE = 2 };

void elf_image_good(struct elf_image *image)
{
    static const uint32_t code[] = {0x02a00513, 0x05e00893, 0x00000073}; /* exit_group(42) */
    memset(image, 0, sizeof *image);
    image->size_bytes = BAD_ELF_BYTES;
    memcpy(image->header.e_ident, ELFMAG, SELFMAG);
    image->header.e_ident[EI_CLASS] = ELFCLASS64;
    image->header.e_ident[EI_DATA] = ELFDATA2LSB;
    image->header.e_ident[EI_VERSION] = EV_CURRENT;
    image->header.e_type = ET_EXEC;
    image->header.e_machine = EM_RISCV;
    image->header.e_version = EV_CURRENT;
    image->header.e_entry = 0x10000 + BAD_ELF_CODE;
    image->header.e_phoff = sizeof(Elf64_Ehdr);
    image->header.e_ehsize = sizeof(Elf64_Ehdr);
    image->header.e_phentsize = sizeof(Elf64_Phdr);
    image->header.e_phnum = 4;
    image->segment[CODE] = (Elf64_Phdr){.p_type = PT_LOAD,
                                        .p_flags = PF_R | PF_X,
                                        .p_offset = 0,
                                        .p_vaddr = 0x10000,
                                        .p_filesz = BAD_ELF_CODE + 64,
                                        .p_memsz = BAD_ELF_CODE + 64,
                                        .p_align = 4096};
    image->segment[DATA] = (Elf64_Phdr){.p_type = PT_LOAD,
                                        .p_flags = PF_R | PF_W,
                                        .p_offset = BAD_ELF_DATA,
                                        .p_vaddr = 0x20000,
                                        .p_filesz = 64,
                                        .p_memsz = 0x3000,
                                        .p_align = 4096};
    memset(image->bytes + BAD_ELF_DATA, 0xdd, BAD_ELF_BYTES - BAD_ELF_DATA);
    memcpy(image->bytes + BAD_ELF_CODE, code, sizeof code);
}

int elf_image_write(const struct elf_image *image, const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
    if (fd < 0)
        return -1;
    ssize_t written = write(fd, image->bytes, image->size_bytes);
    return close(fd) == 0 && written == (ssize_t)image->size_bytes ? 0 : -1;
}

static void spoil_empty(struct elf_image *image)
{
    image->size_bytes = 0;
}
static void spoil_text(struct elf_image *image)
{
    memcpy(image->bytes, "#!/bin/sh\n", 10);
}
static void spoil_magic_only(struct elf_image *image)
{
    image->size_bytes = 5;
}
static void spoil_half_header(struct elf_image *image)
{
    image->size_bytes = 60;
}
static void spoil_class(struct elf_image *image)
{
    image->header.e_ident[EI_CLASS] = ELFCLASS32;
}
static void spoil_endian(struct elf_image *image)
{
    image->header.e_ident[EI_DATA] = ELFDATA2MSB;
}
static void spoil_machine(struct elf_image *image)
{
    image->header.e_machine = EM_X86_64;
}
static void spoil_type(struct elf_image *image)
{
    image->header.e_type = ET_REL;
}
static void spoil_no_headers(struct elf_image *image)
{
    image->header.e_phnum = 0;
}
static void spoil_many_headers(struct elf_image *image)
{
    image->header.e_phnum = 5000;
}
static void spoil_header_size(struct elf_image *image)
{
    image->header.e_phentsize = 32;
}
static void spoil_headers_outside(struct elf_image *image)
{
    image->header.e_phoff = 1 << 30;
}
static void spoil_header_overflow(struct elf_image *image)
{
    image->header.e_phoff = UINT64_MAX;
}
static void spoil_truncated(struct elf_image *image)
{
    image->size_bytes = BAD_ELF_DATA + 10;
}
static void spoil_file_size(struct elf_image *image)
{
    image->segment[DATA].p_filesz = 0x4000;
}
static void spoil_offset_overflow(struct elf_image *image)
{
    image->segment[DATA].p_offset = UINT64_MAX & ~UINT64_C(4095);
}
static void spoil_memory_overflow(struct elf_image *image)
{
    image->segment[DATA].p_memsz = UINT64_MAX - 0x1000;
}
static void spoil_outside(struct elf_image *image)
{
    image->segment[DATA].p_vaddr = UINT64_C(1) << 45;
}
static void spoil_low(struct elf_image *image)
{
    image->segment[CODE].p_vaddr = 0;
    image->header.e_entry = BAD_ELF_CODE;
}
static void spoil_alignment(struct elf_image *image)
{
    image->segment[DATA].p_vaddr += 0x10;
}
static void spoil_overlap(struct elf_image *image)
{
    image->segment[DATA].p_vaddr = 0x11000;
}
static void spoil_order(struct elf_image *image)
{
    Elf64_Phdr code = image->segment[CODE];
    image->segment[CODE] = image->segment[DATA];
    image->segment[DATA] = code;
}
static void spoil_no_load(struct elf_image *image)
{
    image->segment[CODE].p_type = image->segment[DATA].p_type = PT_NULL;
}
static void spoil_no_code(struct elf_image *image)
{
    image->segment[CODE].p_flags = PF_R;
}
static void spoil_entry(struct elf_image *image)
{
    image->header.e_entry = 0x20000;
}
static void spoil_entry_page(struct elf_image *image)
{
    image->segment[DATA].p_offset = BAD_ELF_CODE + 64;
    image->segment[DATA].p_vaddr = 0x10000 + BAD_ELF_CODE + 64;
    image->segment[DATA].p_filesz = 0;
}
static void spoil_interpreter(struct elf_image *image)
{
    image->segment[SPARE] = (Elf64_Phdr){.p_type = PT_INTERP, .p_offset = 64, .p_filesz = 8};
}

const struct bad_elf bad_elfs[] = {
    {"empty", "is not an ELF file", spoil_empty},
    {"text", "is not an ELF file", spoil_text},
    {"magic-only", "is truncated", spoil_magic_only},
    {"half-header", "is truncated", spoil_half_header},
    {"class", "32-bit", spoil_class},
    {"endian", "big-endian", spoil_endian},
    {"machine", "is a program for x86-64, not for riscv64", spoil_machine},
    {"type", "not an executable", spoil_type},
    {"no-headers", "no program headers", spoil_no_headers},
    {"many-headers", "invalid program header table", spoil_many_headers},
    {"header-size", "invalid program header table", spoil_header_size},
    {"headers-outside", "is truncated", spoil_headers_outside},
    {"header-overflow", "is truncated", spoil_header_overflow},
    {"truncated", "is truncated", spoil_truncated},
    {"file-size", "larger in the file than in memory", spoil_file_size},
    {"offset-overflow", "is truncated", spoil_offset_overflow},
    {"memory-overflow", "outside the guest's address space", spoil_memory_overflow},
    {"outside", "outside the guest's address space", spoil_outside},
    {"low", "outside the guest's address space", spoil_low},
    {"alignment", "misaligned segment", spoil_alignment},
    {"overlap", "overlapping segments", spoil_overlap},
    {"order", "not in ascending order", spoil_order},
    {"no-load", "no segment to load", spoil_no_load},
    {"no-code", "no executable segment", spoil_no_code},
    {"entry", "entry point 0x20000 outside every executable segment", spoil_entry},
    {"entry-page", "in a page that another segment makes data", spoil_entry_page},
    {"interpreter", "dynamic linking is not supported yet", spoil_interpreter},
};
const size_t bad_elf_count = sizeof bad_elfs / sizeof *bad_elfs;
