/* Writes all cases as one assembly source, assembles and links it, and takes .text and the labels
 * out of the result. (The assembler leaves even local branches to the linker.) */
#include "tests/insn/assemble.h"

#include <gelf.h>
#include <libelf.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static void write_source(FILE *out, const struct case_list *list)
{
    fprintf(out, ".option norelax\n.option norvc\n");
    for (size_t i = 0; i < list->length; i++) {
        const struct insn_case *test = &list->cases[i];
        fprintf(out, ".balign 4\n0: ebreak\nat_%zu:\n", i);
        if (test->is_compressed)
            fprintf(out, ".option rvc\n");
        fprintf(out, "%s\n", test->assembly);
        fprintf(out, ".option norvc\nnext_%zu: ebreak\n1: ebreak\n", i);
    }
}

static bool run_tool(const char *const *argv)
{
    pid_t pid;
    int status = 0;
    int error = posix_spawnp(&pid, argv[0], NULL, NULL, (char *const *)argv, environ);
    if (error != 0) {
        fprintf(stderr, "%s: %s\n", argv[0], strerror(error));
        return false;
    }
    return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool assemble_and_link(const struct assembler *tools, const char *source, const char *object,
                              const char *program)
{
    const char *const as[] = {tools->as, "-march=rv64gc_zba_zbb_zbs", source, "-o", object, NULL};
    const char *const ld[] = {tools->ld, "--no-relax", "--entry=0", "-Ttext=0x100000",
                              object,    "-o",         program,     NULL};
    return run_tool(as) && run_tool(ld);
}

static void read_text(Elf_Scn *section, struct assembled *assembled)
{
    GElf_Shdr header;
    const Elf_Data *data = elf_getdata(section, NULL);
    gelf_getshdr(section, &header);
    assembled->address = header.sh_addr;
    assembled->size_bytes = data->d_size;
    assembled->code = malloc(data->d_size);
    memcpy(assembled->code, data->d_buf, data->d_size);
}

static void read_labels(Elf *elf, Elf_Scn *section, const GElf_Shdr *header,
                        struct assembled *assembled)
{
    Elf_Data *data = elf_getdata(section, NULL);
    for (size_t i = 0; i < header->sh_size / header->sh_entsize; i++) {
        GElf_Sym symbol;
        size_t number;
        gelf_getsym(data, (int)i, &symbol);
        const char *name = elf_strptr(elf, header->sh_link, symbol.st_name);
        if (sscanf(name, "at_%zu", &number) == 1)
            assembled->extents[number].at = symbol.st_value - assembled->address;
        else if (sscanf(name, "next_%zu", &number) == 1)
            assembled->extents[number].next = symbol.st_value - assembled->address;
    }
}

static bool read_sections(Elf *elf, struct assembled *assembled)
{
    size_t names;
    if (elf_getshdrstrndx(elf, &names) != 0)
        return false;
    for (Elf_Scn *section = NULL; (section = elf_nextscn(elf, section)) != NULL;) {
        GElf_Shdr header;
        gelf_getshdr(section, &header);
        const char *name = elf_strptr(elf, names, header.sh_name);
        if (strcmp(name, ".text") == 0)
            read_text(section, assembled);
        else if (header.sh_type == SHT_SYMTAB)
            read_labels(elf, section, &header, assembled);
    }
    return assembled->code != NULL;
}

static bool read_program(const char *path, struct assembled *assembled)
{
    FILE *file = fopen(path, "r");
    if (!file) {
        perror(path);
        return false;
    }
    elf_version(EV_CURRENT);
    Elf *elf = elf_begin(fileno(file), ELF_C_READ, NULL);
    bool is_good = elf && read_sections(elf, assembled);
    if (!is_good)
        fprintf(stderr, "the assembled cases have no .text\n");
    elf_end(elf);
    fclose(file);
    return is_good;
}

bool assemble_cases(const struct case_list *list, const struct assembler *tools,
                    struct assembled *ret_assembled)
{
    char folder[] = "/tmp/tiercel-insn-XXXXXX", source[64], object[64], program[64];
    if (!mkdtemp(folder)) {
        perror(folder);
        return false;
    }
    snprintf(source, sizeof source, "%s/cases.s", folder);
    snprintf(object, sizeof object, "%s/cases.o", folder);
    snprintf(program, sizeof program, "%s/cases", folder);
    *ret_assembled =
        (struct assembled){.extents = calloc(list->length, sizeof(struct case_extent))};
    FILE *file = fopen(source, "w");
    if (file) {
        write_source(file, list);
        fclose(file);
    }
    bool is_good = file && assemble_and_link(tools, source, object, program) &&
                   read_program(program, ret_assembled);
    unlink(source);
    unlink(object);
    unlink(program);
    rmdir(folder);
    return is_good;
}

void assembled_fini(struct assembled *assembled)
{
    free(assembled->code);
    free(assembled->extents);
    *assembled = (struct assembled){0};
}
