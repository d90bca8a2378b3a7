/* The loader: a good image and stack, static-PIE, and every bad file of tests/guest/bad_elf.c. */
#include "src/loader/loader.h"
#include "tests/guest/bad_elf.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct guest_isa isa = {
    .name = "riscv64", .elf_machine = EM_RISCV, .hwcap = 0x112d, .platform = NULL};

static struct space *space;
static char path[64];

static void setup(void)
{
    struct error err;
    ck_assert_int_eq(space_create(true, &space, &err), STATUS_OK);
    strcpy(path, "/tmp/tiercel-loader-XXXXXX");
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    close(fd);
}

static void teardown(void)
{
    unlink(path);
    space_destroy(&space);
    ck_assert_ptr_null(space);
}

static enum status load(const struct elf_image *image, struct loader_image *loaded,
                        struct error *err)
{
    int error_number = 0;
    ck_assert_int_eq(elf_image_write(image, path), 0);
    return loader_load(space, &isa, path, loaded, &error_number, err);
}

START_TEST(good_image)
{
    struct elf_image image;
    struct loader_image loaded;
    struct error err = {0};
    elf_image_good(&image);
    ck_assert_msg(load(&image, &loaded, &err) == STATUS_OK, "%s", err.text);
    ck_assert_uint_eq(loaded.entry, 0x11000);
    ck_assert_uint_eq(loaded.load_bias, 0);
    ck_assert_uint_eq(loaded.phdr_addr, 0x10040);
    ck_assert_uint_eq(loaded.phdr_count, 4);
    ck_assert_uint_eq(loaded.brk_start, 0x23000);
    ck_assert(!loaded.is_stack_executable);
    ck_assert_int_eq(space_prot(space, 0x11000), SPACE_READ | SPACE_EXEC);
    ck_assert_int_eq(space_prot(space, 0x22fff), SPACE_READ | SPACE_WRITE);
    ck_assert_int_eq(space_prot(space, 0x23000), -1);
    const uint8_t *data = space_base(space) + 0x20000;
    ck_assert_uint_eq(data[63], 0xdd);
    for (unsigned i = 64; i < 0x3000; i++)
        ck_assert_msg(data[i] == 0, "bss byte %u is not zero", i);
}
END_TEST

START_TEST(read_only_bss_is_zeroed)
{
    struct elf_image image;
    struct loader_image loaded;
    struct error err = {0};
    elf_image_good(&image);
    image.segment[1].p_flags = PF_R;
    ck_assert_int_eq(load(&image, &loaded, &err), STATUS_OK);
    ck_assert_int_eq(space_prot(space, 0x20000), SPACE_READ);
    ck_assert_uint_eq(space_base(space)[0x20000 + 64], 0);
    ck_assert_uint_eq(space_base(space)[0x20000 + 63], 0xdd);
}
END_TEST

START_TEST(static_pie)
{
    struct elf_image image;
    struct loader_image loaded;
    struct error err = {0};
    elf_image_good(&image);
    image.header.e_type = ET_DYN;
    image.segment[0].p_align = 0x10000;
    image.segment[2] = (Elf64_Phdr){.p_type = PT_GNU_STACK, .p_flags = PF_R | PF_W | PF_X};
    ck_assert_int_eq(load(&image, &loaded, &err), STATUS_OK);
    ck_assert_uint_ne(loaded.load_bias, 0);
    ck_assert_uint_eq(loaded.load_bias % 0x10000, 0);
    ck_assert_uint_eq(loaded.entry, loaded.load_bias + 0x11000);
    ck_assert_int_eq(space_prot(space, loaded.entry), SPACE_READ | SPACE_EXEC);
    ck_assert(loaded.is_stack_executable);
}
END_TEST

START_TEST(bad_image)
{
    const struct bad_elf *bad = &bad_elfs[_i];
    struct elf_image image;
    struct loader_image loaded = {.entry = 1234};
    struct error err = {0};
    struct space_mapping mapping;
    elf_image_good(&image);
    bad->spoil(&image);
    ck_assert_msg(load(&image, &loaded, &err) != STATUS_OK, "%s is accepted", bad->name);
    ck_assert_msg(strstr(err.text, bad->message), "%s: %s", bad->name, err.text);
    ck_assert_msg(strstr(err.text, path), "%s does not name the file: %s", bad->name, err.text);
    ck_assert_uint_eq(loaded.entry, 1234);
    ck_assert_msg(!space_next_mapping(space, 0, &mapping), "%s leaves a mapping", bad->name);
}
END_TEST

START_TEST(missing_file)
{
    struct loader_image loaded;
    struct error err = {0};
    int error_number = 0;
    ck_assert_int_eq(loader_load(space, &isa, "/no/such/file", &loaded, &error_number, &err),
                     STATUS_NO_FILE);
    ck_assert_int_eq(error_number, ENOENT);
    ck_assert_int_eq(loader_load(space, &isa, "/tmp", &loaded, &error_number, &err),
                     STATUS_BAD_FILE);
    ck_assert_int_eq(error_number, EISDIR);
    ck_assert_ptr_nonnull(strstr(err.text, "is a directory"));
}
END_TEST

static const struct loader_image stack_image = {
    .entry = 0x11000, .phdr_addr = 0x10040, .phdr_size = 56, .phdr_count = 4};

static const uint64_t *words_at(uint64_t addr)
{
    return (const uint64_t *)(const void *)(space_base(space) + addr);
}

static const char *string_at(uint64_t addr)
{
    int reason;
    return space_string(space, addr, 4096, &reason);
}

static uint64_t auxv_value(const uint64_t *auxv, uint64_t type)
{
    for (; auxv[0] != AT_NULL; auxv += 2)
        if (auxv[0] == type)
            return auxv[1];
    ck_abort_msg("auxv entry %llu is missing", (unsigned long long)type);
    return 0;
}

START_TEST(stack_layout)
{
    const char *argv[] = {"prog", "one", ""}, *envp[] = {"A=1", "B=two", NULL};
    uint8_t random[16] = "0123456789abcde";
    struct loader_stack_request request = {.exec_path = "/bin/prog",
                                           .argc = 3,
                                           .argv = argv,
                                           .envp = envp,
                                           .size_bytes = 1 << 20,
                                           .random = random,
                                           .uid = 7,
                                           .euid = 8,
                                           .gid = 9,
                                           .egid = 10};
    uint64_t sp = 0;
    struct error err = {0};
    ck_assert_int_eq(loader_build_stack(space, &isa, &stack_image, &request, &sp, &err), STATUS_OK);
    ck_assert_uint_eq(sp % 16, 0);
    const uint64_t *words = words_at(sp);
    ck_assert_uint_eq(words[0], 3);
    ck_assert_str_eq(string_at(words[1]), "prog");
    ck_assert_str_eq(string_at(words[2]), "one");
    ck_assert_str_eq(string_at(words[3]), "");
    ck_assert_uint_eq(words[4], 0);
    ck_assert_str_eq(string_at(words[5]), "A=1");
    ck_assert_str_eq(string_at(words[6]), "B=two");
    ck_assert_uint_eq(words[7], 0);
    const uint64_t *auxv = words + 8;
    ck_assert_uint_eq(auxv_value(auxv, AT_PHDR), 0x10040);
    ck_assert_uint_eq(auxv_value(auxv, AT_PHENT), 56);
    ck_assert_uint_eq(auxv_value(auxv, AT_PHNUM), 4);
    ck_assert_uint_eq(auxv_value(auxv, AT_ENTRY), 0x11000);
    ck_assert_uint_eq(auxv_value(auxv, AT_BASE), 0);
    ck_assert_uint_eq(auxv_value(auxv, AT_FLAGS), 0);
    ck_assert_uint_eq(auxv_value(auxv, AT_PAGESZ), 4096);
    ck_assert_uint_eq(auxv_value(auxv, AT_CLKTCK), 100);
    ck_assert_uint_eq(auxv_value(auxv, AT_HWCAP), 0x112d);
    ck_assert_uint_eq(auxv_value(auxv, AT_UID), 7);
    ck_assert_uint_eq(auxv_value(auxv, AT_EUID), 8);
    ck_assert_uint_eq(auxv_value(auxv, AT_GID), 9);
    ck_assert_uint_eq(auxv_value(auxv, AT_EGID), 10);
    ck_assert_uint_eq(auxv_value(auxv, AT_SECURE), 0);
    ck_assert_str_eq(string_at(auxv_value(auxv, AT_EXECFN)), "/bin/prog");
    ck_assert_mem_eq(space_base(space) + auxv_value(auxv, AT_RANDOM), random, 16);
    ck_assert_uint_eq(words_at(SPACE_STACK_TOP - 8)[0], 0);
    ck_assert_int_eq(space_prot(space, sp), SPACE_READ | SPACE_WRITE);
    for (uint64_t at = SPACE_STACK_TOP - (1 << 20); at < sp; at += 8)
        ck_assert_msg(*words_at(at) == 0, "the stack below sp is not zero");
}
END_TEST

START_TEST(stack_too_small)
{
    static char long_string[200000];
    memset(long_string, 'x', sizeof long_string - 1);
    const char *argv[] = {"prog", long_string}, *envp[] = {NULL};
    uint8_t random[16] = {0};
    struct loader_stack_request request = {.exec_path = "prog",
                                           .argc = 2,
                                           .argv = argv,
                                           .envp = envp,
                                           .size_bytes = 8 << 20,
                                           .random = random};
    uint64_t sp = 0;
    struct error err = {0};
    ck_assert_int_eq(loader_build_stack(space, &isa, &stack_image, &request, &sp, &err),
                     STATUS_BAD_FILE);
    ck_assert_ptr_nonnull(strstr(err.text, "longer than"));
    long_string[100000] = 0;
    request.size_bytes = 128 << 10;
    ck_assert_int_eq(loader_build_stack(space, &isa, &stack_image, &request, &sp, &err),
                     STATUS_BAD_FILE);
    ck_assert_ptr_nonnull(strstr(err.text, "that fit"));
    ck_assert_uint_eq(sp, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("loader");
    TCase *group = tcase_create("loader");
    tcase_add_checked_fixture(group, setup, teardown);
    tcase_add_test(group, good_image);
    tcase_add_test(group, read_only_bss_is_zeroed);
    tcase_add_test(group, static_pie);
    tcase_add_loop_test(group, bad_image, 0, (int)bad_elf_count);
    tcase_add_test(group, missing_file);
    tcase_add_test(group, stack_layout);
    tcase_add_test(group, stack_too_small);
    suite_add_tcase(suite, group);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
