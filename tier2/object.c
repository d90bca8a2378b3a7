/* Section headers and relocations of a relocatable ELF64 object. The code is linked at its address
 * in the writable view and runs in the executable one, so only PC-relative references between
 * sections of the object are allowed. */
#include "tier2/object.h"

#include "src/base/bits.h"

#include <elf.h>
#include <stdbool.h>
#include <string.h>

/* What the linker may add to a section (stubs, padding). */
enum { SECTION_SLACK_BYTES = 64 };

struct reader {
    const uint8_t *bytes;
    size_t size_bytes;
    const Elf64_Ehdr *header;
    const Elf64_Shdr *sections;
};

static bool is_inside(const struct reader *reader, uint64_t offset, uint64_t size_bytes)
{
    return offset <= reader->size_bytes && size_bytes <= reader->size_bytes - offset;
}

static bool open_reader(struct reader *reader)
{
    reader->header = (const Elf64_Ehdr *)(const void *)reader->bytes;
    if (reader->size_bytes < sizeof(Elf64_Ehdr) ||
        memcmp(reader->header->e_ident, ELFMAG, SELFMAG) != 0 ||
        reader->header->e_ident[EI_CLASS] != ELFCLASS64)
        return false;
    reader->sections =
        (const Elf64_Shdr *)(const void *)(reader->bytes + reader->header->e_shoff);
    return is_inside(reader, reader->header->e_shoff,
                     (uint64_t)reader->header->e_shnum * sizeof(Elf64_Shdr));
}

static const char *section_name(const struct reader *reader, const Elf64_Shdr *section)
{
    const Elf64_Shdr *names = &reader->sections[reader->header->e_shstrndx];
    return (const char *)reader->bytes + names->sh_offset + section->sh_name;
}

static void add_section(const struct reader *reader, const Elf64_Shdr *section,
                        struct object *object)
{
    const char *name = section_name(reader, section);
    if (section->sh_flags & SHF_ALLOC) {
        size_t room = section->sh_size + section->sh_addralign + SECTION_SLACK_BYTES;
        if (section->sh_flags & SHF_EXECINSTR)
            object->code_bytes += room;
        else
            object->data_bytes += room;
    }
    if (strcmp(name, ".text") == 0)
        object->function_bytes = section->sh_size;
    if (strcmp(name, ".debug_line") == 0)
        object->line_table =
            (struct object_section){reader->bytes + section->sh_offset, section->sh_size};
}

static bool is_allowed_relocation(const struct reader *reader, const Elf64_Shdr *symbols,
                                  const Elf64_Rela *relocation)
{
    const Elf64_Sym *symbol = (const Elf64_Sym *)(const void *)(reader->bytes + symbols->sh_offset) +
                              ELF64_R_SYM(relocation->r_info);
    return ELF64_R_TYPE(relocation->r_info) == R_X86_64_PC32 && symbol->st_shndx != SHN_UNDEF;
}

static bool are_relocations_allowed(const struct reader *reader, const Elf64_Shdr *section)
{
    if (section->sh_type != SHT_RELA ||
        !(reader->sections[section->sh_info].sh_flags & SHF_ALLOC))
        return true;
    const Elf64_Shdr *symbols = &reader->sections[section->sh_link];
    const Elf64_Rela *relocations =
        (const Elf64_Rela *)(const void *)(reader->bytes + section->sh_offset);
    for (size_t i = 0; i < section->sh_size / sizeof *relocations; i++)
        if (!is_allowed_relocation(reader, symbols, &relocations[i]))
            return false;
    return true;
}

enum status object_read(const void *bytes, size_t size_bytes, struct object *ret_object,
                        struct error *err)
{
    struct reader reader = {.bytes = bytes, .size_bytes = size_bytes};
    if (!open_reader(&reader))
        return error_set(err, STATUS_REJECTED, "LLVM made no ELF64 object");
    struct object object = {0};
    for (unsigned i = 0; i < reader.header->e_shnum; i++) {
        const Elf64_Shdr *section = &reader.sections[i];
        if (section->sh_type != SHT_NOBITS &&
            !is_inside(&reader, section->sh_offset, section->sh_size))
            return error_set(err, STATUS_REJECTED, "LLVM made a truncated object");
        if (!are_relocations_allowed(&reader, section))
            return error_set(err, STATUS_REJECTED,
                             "LLVM's object has an absolute or external reference in %s",
                             section_name(&reader, section));
        add_section(&reader, section, &object);
    }
    *ret_object = object;
    return STATUS_OK;
}
