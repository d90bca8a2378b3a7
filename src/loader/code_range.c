/* Where an executable keeps its code, for translating all of it (see loader.h). The file was loaded
 * before: what loader_load has checked is not checked again. */
#include "src/loader/loader.h"

#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <string.h>
#include <unistd.h>

struct code_range {
    uint64_t start, end; /* empty: start above end */
};

static void include(struct code_range *range, uint64_t start, uint64_t size_bytes)
{
    if (start < range->start)
        range->start = start;
    if (start + size_bytes > range->end)
        range->end = start + size_bytes;
}

static void include_sections(Elf *elf, struct code_range *range)
{
    for (Elf_Scn *section = NULL; (section = elf_nextscn(elf, section));) {
        GElf_Shdr header;
        if (gelf_getshdr(section, &header) && header.sh_flags & SHF_EXECINSTR)
            include(range, header.sh_addr, header.sh_size);
    }
}

static void include_segments(Elf *elf, struct code_range *range)
{
    size_t count = 0;
    if (elf_getphdrnum(elf, &count))
        return;
    for (size_t i = 0; i < count; i++) {
        GElf_Phdr header;
        if (gelf_getphdr(elf, (int)i, &header) && header.p_type == PT_LOAD && header.p_flags & PF_X)
            include(range, header.p_vaddr, header.p_filesz);
    }
}

enum status loader_code_range(const char *path, uint64_t load_bias, uint64_t *ret_start,
                              uint64_t *ret_end, struct error *err)
{
    struct code_range range = {.start = UINT64_MAX};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_set(err, STATUS_NO_FILE, "%s: %s", path, strerror(errno));
    Elf *elf = elf_begin(fd, ELF_C_READ, NULL);
    if (elf) {
        include_sections(elf, &range);
        if (range.end == 0)
            include_segments(elf, &range);
        elf_end(elf);
    }
    close(fd);
    if (range.end <= range.start)
        return error_set(err, STATUS_BAD_FILE, "%s has no code", path);
    *ret_start = load_bias + range.start;
    *ret_end = load_bias + range.end;
    return STATUS_OK;
}
