/* Loads a static ELF executable into guest memory.
 *
 * libelf reads and byte-swaps the headers; everything it hands over is checked before the first
 * page is mapped, so a bad file never leaves half an image: class, machine and type, then the
 * segments (inside the file, inside the window, ascending without overlap), then the entry. The
 * order of steps and the placing of segments follow Linux's fs/binfmt_elf.c. */
#include "src/loader/loader.h"

#include "src/base/bits.h"

#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIE_BASE (SPACE_SIZE / 3 * 2 & ~(SPACE_PAGE - 1))  /* Linux: ELF_ET_DYN_BASE */
#define LOWEST_SEGMENT UINT64_C(0x10000)                   /* vm.mmap_min_addr */
#define HIGHEST_SEGMENT (SPACE_SIZE - (UINT64_C(1) << 30)) /* above: stack and mmap area */
enum { MAX_HEADERS = 65536 / sizeof(Elf64_Phdr) };         /* as Linux */

/* One load under way. */
struct load {
    struct space *space;
    const struct guest_isa *isa;
    const char *path;
    struct error *err;
    int fd;
    Elf *elf;
    uint64_t file_bytes;
    GElf_Ehdr header;
    GElf_Phdr segment[MAX_HEADERS]; /* the PT_LOAD ones of non-zero size, ascending */
    size_t segment_count;
    uint64_t bias;
    bool has_phdr;
    uint64_t phdr_vaddr;
    bool is_stack_executable;
};

#define BAD(load, format, ...)                                                                     \
    error_set((load)->err, STATUS_BAD_FILE, "%s " format, (load)->path __VA_OPT__(, ) __VA_ARGS__)

static enum status open_file(struct load *load, int *ret_errno)
{
    struct stat info;
    load->fd = open(load->path, O_RDONLY | O_CLOEXEC);
    if (load->fd < 0 || fstat(load->fd, &info)) {
        *ret_errno = errno;
        return error_set(load->err, STATUS_NO_FILE, "%s: %s", load->path, strerror(errno));
    }
    if (S_ISDIR(info.st_mode)) {
        *ret_errno = EISDIR;
        return BAD(load, "is a directory");
    }
    if (!S_ISREG(info.st_mode))
        return BAD(load, "is not a regular file");
    load->file_bytes = (uint64_t)info.st_size;
    return STATUS_OK;
}

static const char *machine_name(unsigned machine)
{
    static const struct {
        unsigned machine;
        const char *name;
    } known[] = {{EM_386, "x86"},         {EM_X86_64, "x86-64"},    {EM_ARM, "Arm"},
                 {EM_AARCH64, "AArch64"}, {EM_PPC64, "PowerPC 64"}, {EM_S390, "S/390"},
                 {EM_MIPS, "MIPS"},       {EM_RISCV, "RISC-V"}};
    for (size_t i = 0; i < ARRAY_LENGTH(known); i++)
        if (known[i].machine == machine)
            return known[i].name;
    return "an unknown machine";
}

/* Class, byte order, machine, type. */
static enum status check_header(struct load *load)
{
    unsigned char ident[EI_NIDENT] = {0};
    ssize_t size = pread(load->fd, ident, sizeof ident, 0);
    if (size < SELFMAG || memcmp(ident, ELFMAG, SELFMAG))
        return BAD(load, "is not an ELF file");
    if (load->file_bytes < sizeof(Elf32_Ehdr))
        return BAD(load, "is truncated: its ELF header is incomplete");
    if (ident[EI_CLASS] != ELFCLASS64)
        return BAD(load, "is a 32-bit ELF file, and only 64-bit ones can be run");
    if (load->file_bytes < sizeof(Elf64_Ehdr))
        return BAD(load, "is truncated: its ELF header is incomplete");
    if (ident[EI_DATA] != ELFDATA2LSB)
        return BAD(load, "is a big-endian ELF file, and only little-endian ones can be run");
    load->elf = elf_begin(load->fd, ELF_C_READ, NULL);
    if (!load->elf || elf_kind(load->elf) != ELF_K_ELF || !gelf_getehdr(load->elf, &load->header))
        return BAD(load, "is not a valid ELF file (%s)", elf_errmsg(-1));
    if (load->header.e_machine != load->isa->elf_machine)
        return BAD(load, "is a program for %s, not for %s", machine_name(load->header.e_machine),
                   load->isa->name);
    if (load->header.e_type != ET_EXEC && load->header.e_type != ET_DYN)
        return BAD(load, "is an ELF file but not an executable (type %u)", load->header.e_type);
    return STATUS_OK;
}

static enum status check_segment(struct load *load, const GElf_Phdr *segment)
{
    unsigned long long at = segment->p_vaddr;
    if (segment->p_filesz > segment->p_memsz)
        return BAD(load, "has a segment at %#llx that is larger in the file than in memory", at);
    if (segment->p_offset > load->file_bytes ||
        segment->p_filesz > load->file_bytes - segment->p_offset)
        return BAD(load, "is truncated: its segment at %#llx lies beyond the end of the file", at);
    if ((segment->p_vaddr - segment->p_offset) % SPACE_PAGE)
        return BAD(load, "has a misaligned segment at %#llx", at);
    if (segment->p_memsz > HIGHEST_SEGMENT || segment->p_vaddr > HIGHEST_SEGMENT - segment->p_memsz)
        return BAD(load, "has a segment at %#llx that lies outside the guest's address space", at);
    if (load->segment_count) {
        const GElf_Phdr *below = &load->segment[load->segment_count - 1];
        if (segment->p_vaddr < below->p_vaddr)
            return BAD(load, "has segments that are not in ascending order (at %#llx)", at);
        if (segment->p_vaddr < below->p_vaddr + below->p_memsz)
            return BAD(load, "has overlapping segments at %#llx", at);
    }
    return STATUS_OK;
}

static enum status read_program_header(struct load *load, const GElf_Phdr *header)
{
    switch (header->p_type) {
    case PT_LOAD: {
        if (header->p_memsz == 0 && header->p_filesz == 0)
            return STATUS_OK;
        enum status status = check_segment(load, header);
        if (!status)
            load->segment[load->segment_count++] = *header;
        return status;
    }
    case PT_INTERP:
        return error_set(load->err, STATUS_UNSUPPORTED,
                         "%s is dynamically linked, and dynamic linking is not supported yet",
                         load->path);
    case PT_GNU_STACK:
        load->is_stack_executable = header->p_flags & PF_X;
        return STATUS_OK;
    case PT_PHDR:
        load->has_phdr = true;
        load->phdr_vaddr = header->p_vaddr;
        return STATUS_OK;
    }
    return STATUS_OK;
}

static enum status read_segments(struct load *load)
{
    const GElf_Ehdr *header = &load->header;
    size_t count = 0;
    uint64_t table_bytes = (uint64_t)header->e_phnum * sizeof(Elf64_Phdr);
    if (header->e_phnum == 0)
        return BAD(load, "has no program headers");
    if (header->e_phentsize != sizeof(Elf64_Phdr) || header->e_phnum > MAX_HEADERS)
        return BAD(load, "has an invalid program header table");
    if (header->e_phoff > load->file_bytes || table_bytes > load->file_bytes - header->e_phoff)
        return BAD(load, "is truncated: its program headers lie beyond the end of the file");
    if (elf_getphdrnum(load->elf, &count) || count != header->e_phnum)
        return BAD(load, "has an invalid program header table (%s)", elf_errmsg(-1));
    for (size_t i = 0; i < count; i++) {
        GElf_Phdr program_header;
        if (!gelf_getphdr(load->elf, (int)i, &program_header))
            return BAD(load, "has an invalid program header (%s)", elf_errmsg(-1));
        enum status status = read_program_header(load, &program_header);
        if (status)
            return status;
    }
    if (load->segment_count == 0)
        return BAD(load, "has no segment to load");
    return STATUS_OK;
}

/* A page that two segments share has the permissions of the later one. */
static bool is_page_executable(const struct load *load, uint64_t addr)
{
    bool is_executable = false;
    for (size_t i = 0; i < load->segment_count; i++) {
        const GElf_Phdr *segment = &load->segment[i];
        uint64_t first = segment->p_vaddr & ~(uint64_t)(SPACE_PAGE - 1);
        if (addr >= first && addr < bits_align_up(segment->p_vaddr + segment->p_memsz, SPACE_PAGE))
            is_executable = segment->p_flags & PF_X;
    }
    return is_executable;
}

static enum status check_entry(struct load *load)
{
    bool has_code = false;
    for (size_t i = 0; i < load->segment_count; i++) {
        const GElf_Phdr *segment = &load->segment[i];
        if (!(segment->p_flags & PF_X))
            continue;
        has_code = true;
        if (load->header.e_entry - segment->p_vaddr >= segment->p_memsz)
            continue;
        if (is_page_executable(load, load->header.e_entry))
            return STATUS_OK;
        return BAD(load, "has its entry point %#llx in a page that another segment makes data",
                   (unsigned long long)load->header.e_entry);
    }
    if (!has_code)
        return BAD(load, "has no executable segment");
    return BAD(load, "has its entry point %#llx outside every executable segment",
               (unsigned long long)load->header.e_entry);
}

/* Where the image goes: as linked, or at PIE_BASE with the largest alignment a segment asks for. */
static enum status choose_bias(struct load *load)
{
    const GElf_Phdr *first = &load->segment[0], *last = &load->segment[load->segment_count - 1];
    load->bias = 0;
    if (load->header.e_type == ET_DYN) {
        uint64_t alignment = SPACE_PAGE;
        for (size_t i = 0; i < load->segment_count; i++) {
            uint64_t wanted = load->segment[i].p_align;
            if (wanted > alignment && (wanted & (wanted - 1)) == 0 && wanted <= (1u << 30))
                alignment = wanted;
        }
        load->bias = (PIE_BASE & ~(alignment - 1)) - (first->p_vaddr & ~(alignment - 1));
    }
    uint64_t start = load->bias + first->p_vaddr, end = load->bias + last->p_vaddr + last->p_memsz;
    if (start < LOWEST_SEGMENT || end > HIGHEST_SEGMENT || end < start)
        return BAD(load, "has a segment at %#llx that lies outside the guest's address space",
                   (unsigned long long)first->p_vaddr);
    return STATUS_OK;
}

static int segment_prot(const GElf_Phdr *segment)
{
    return (segment->p_flags & PF_R ? SPACE_READ : 0) |
           (segment->p_flags & PF_W ? SPACE_WRITE : 0) | (segment->p_flags & PF_X ? SPACE_EXEC : 0);
}

/* Zeroes from the end of the file's part to the end of its page. */
static int64_t zero_tail(struct load *load, uint64_t addr, int prot)
{
    uint64_t page = addr & ~(SPACE_PAGE - 1), size_bytes = SPACE_PAGE - addr % SPACE_PAGE;
    int64_t result = 0;
    if (!(prot & SPACE_WRITE))
        result = space_protect(load->space, page, SPACE_PAGE, prot | SPACE_WRITE);
    if (!result)
        memset(space_base(load->space) + addr, 0, size_bytes);
    if (!result && !(prot & SPACE_WRITE))
        result = space_protect(load->space, page, SPACE_PAGE, prot);
    return result;
}

static enum status map_segment(struct load *load, const GElf_Phdr *segment)
{
    int prot = segment_prot(segment), flags = MAP_PRIVATE | MAP_FIXED;
    uint64_t start = load->bias + segment->p_vaddr, page = start & ~(SPACE_PAGE - 1);
    uint64_t file_end = start + segment->p_filesz, end = start + segment->p_memsz;
    uint64_t mapped_end = page, mapped;
    int64_t result = 0;
    if (segment->p_filesz) {
        mapped_end = bits_align_up(file_end, SPACE_PAGE);
        result = space_map(load->space, page, mapped_end - page, prot, flags, load->fd,
                           (off_t)(segment->p_offset - start % SPACE_PAGE), &mapped);
        if (!result && end > file_end && file_end % SPACE_PAGE)
            result = zero_tail(load, file_end, prot);
    }
    uint64_t memory_end = bits_align_up(end, SPACE_PAGE);
    if (!result && memory_end > mapped_end) {
        result = space_map(load->space, mapped_end, memory_end - mapped_end, prot,
                           flags | MAP_ANONYMOUS, -1, 0, &mapped);
        if (!result)
            space_name(load->space, mapped_end, load->path);
    }
    if (result)
        return error_set(load->err, STATUS_NO_MEMORY,
                         "%s: its segment at %#llx cannot be mapped: %s", load->path,
                         (unsigned long long)start, strerror((int)-result));
    space_name(load->space, page, load->path);
    return STATUS_OK;
}

/* AT_PHDR: PT_PHDR's word, else the segment that holds the table; 0 when it is not in memory. */
static uint64_t phdr_address(const struct load *load)
{
    if (load->has_phdr)
        return load->bias + load->phdr_vaddr;
    for (size_t i = 0; i < load->segment_count; i++) {
        const GElf_Phdr *segment = &load->segment[i];
        if (load->header.e_phoff - segment->p_offset < segment->p_filesz)
            return load->bias + segment->p_vaddr + load->header.e_phoff - segment->p_offset;
    }
    return 0;
}

static enum status load_image(struct load *load, struct loader_image *ret_image, int *ret_errno)
{
    enum status status = open_file(load, ret_errno);
    if (!status)
        status = check_header(load);
    if (!status)
        status = read_segments(load);
    if (!status)
        status = check_entry(load);
    if (!status)
        status = choose_bias(load);
    for (size_t i = 0; !status && i < load->segment_count; i++)
        status = map_segment(load, &load->segment[i]);
    if (status)
        return status;
    const GElf_Phdr *last = &load->segment[load->segment_count - 1];
    *ret_image = (struct loader_image){
        .entry = load->bias + load->header.e_entry,
        .load_bias = load->bias,
        .phdr_addr = phdr_address(load),
        .phdr_size = load->header.e_phentsize,
        .phdr_count = load->header.e_phnum,
        .brk_start = bits_align_up(load->bias + last->p_vaddr + last->p_memsz, SPACE_PAGE),
        .is_stack_executable = load->is_stack_executable,
    };
    return STATUS_OK;
}

enum status loader_load(struct space *space, const struct guest_isa *isa, const char *path,
                        struct loader_image *ret_image, int *ret_errno, struct error *err)
{
    *ret_errno = 0;
    if (elf_version(EV_CURRENT) == EV_NONE)
        return error_set(err, STATUS_UNSUPPORTED, "libelf is too old");
    struct load *load = malloc(sizeof *load); /* its segment table is large */
    if (!load)
        return error_set(err, STATUS_NO_MEMORY, "out of memory");
    load->space = space;
    load->isa = isa;
    load->path = path;
    load->err = err;
    load->fd = -1;
    load->elf = NULL;
    load->segment_count = 0;
    load->has_phdr = load->is_stack_executable = false;
    enum status status = load_image(load, ret_image, ret_errno);
    if (load->elf)
        elf_end(load->elf);
    if (load->fd >= 0)
        close(load->fd);
    free(load);
    return status;
}
