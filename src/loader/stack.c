/* The initial stack of a Linux program: strings at the top, below them auxv, envp, argv and argc
 * (System V ABI, RISC-V ELF psABI; fs/binfmt_elf.c create_elf_tables). */
#include "src/loader/loader.h"

#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

enum {
    CLOCK_TICKS_PER_SECOND = 100, /* what Linux tells every program */
    MAX_STRING_BYTES = 131072,    /* MAX_ARG_STRLEN */
    RANDOM_BYTES = 16,
    AUXV_ENTRIES = 18,
};

/* A stack under construction; addresses are the guest's and grow downwards. */
struct stack {
    struct space *space;
    uint64_t top, bottom;
};

static uint64_t push_bytes(struct stack *stack, const void *bytes, size_t size_bytes)
{
    stack->top -= size_bytes;
    memcpy(space_base(stack->space) + stack->top, bytes, size_bytes);
    return stack->top;
}

static uint64_t push_string(struct stack *stack, const char *text)
{
    return push_bytes(stack, text, strlen(text) + 1);
}

/* Bytes that strings and pointers take; SIZE_MAX when one string is too long. */
static size_t measure(const char *const *list, size_t count)
{
    size_t total = 0;
    for (size_t i = 0; i < count; i++) {
        size_t size_bytes = strlen(list[i]) + 1;
        if (size_bytes > MAX_STRING_BYTES)
            return SIZE_MAX;
        total += size_bytes + sizeof(uint64_t);
    }
    return total;
}

static enum status check_size(const struct loader_stack_request *request, size_t env_count,
                              struct error *err)
{
    size_t arguments = measure(request->argv, (size_t)request->argc);
    size_t environment = measure(request->envp, env_count);
    uint64_t limit = request->size_bytes / 4; /* as Linux */
    if (arguments == SIZE_MAX || environment == SIZE_MAX)
        return error_set(err, STATUS_BAD_FILE,
                         "%s: an argument or environment string is longer than %d bytes",
                         request->exec_path, MAX_STRING_BYTES);
    if (arguments + environment + 4096 > limit)
        return error_set(
            err, STATUS_BAD_FILE,
            "%s: arguments and environment take %zu bytes, more than the %llu that fit",
            request->exec_path, arguments + environment, (unsigned long long)limit);
    return STATUS_OK;
}

static enum status map_stack(struct stack *stack, const struct loader_image *image,
                             uint64_t size_bytes, struct error *err)
{
    int prot = SPACE_READ | SPACE_WRITE | (image->is_stack_executable ? SPACE_EXEC : 0);
    size_bytes = (size_bytes + SPACE_PAGE - 1) & ~(SPACE_PAGE - 1);
    uint64_t mapped;
    int64_t result =
        size_bytes >= SPACE_SIZE / 2
            ? -ENOMEM
            : space_map(stack->space, SPACE_STACK_TOP - size_bytes, size_bytes, prot,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0,
                        &mapped);
    if (result)
        return error_set(err, STATUS_NO_MEMORY, "a stack of %llu bytes cannot be mapped: %s",
                         (unsigned long long)size_bytes, strerror((int)-result));
    space_name(stack->space, mapped, "[stack]");
    stack->bottom = mapped;
    stack->top = SPACE_STACK_TOP;
    return STATUS_OK;
}

/* Guest addresses of what the auxiliary vector points to. */
struct strings {
    uint64_t exec_path, platform, random;
};

static void fill_auxv(uint64_t (*auxv)[2], const struct guest_isa *isa,
                      const struct loader_image *image, const struct loader_stack_request *request,
                      const struct strings *strings)
{
    const uint64_t entries[AUXV_ENTRIES][2] = {
        {AT_HWCAP, isa->hwcap},
        {AT_PAGESZ, SPACE_PAGE},
        {AT_CLKTCK, CLOCK_TICKS_PER_SECOND},
        {AT_PHDR, image->phdr_addr},
        {AT_PHENT, image->phdr_size},
        {AT_PHNUM, image->phdr_count},
        {AT_BASE, 0}, /* no program interpreter */
        {AT_FLAGS, 0},
        {AT_ENTRY, image->entry},
        {AT_UID, request->uid},
        {AT_EUID, request->euid},
        {AT_GID, request->gid},
        {AT_EGID, request->egid},
        {AT_SECURE, request->is_secure},
        {AT_RANDOM, strings->random},
        {AT_EXECFN, strings->exec_path},
        {strings->platform ? AT_PLATFORM : AT_IGNORE, strings->platform},
        {AT_NULL, 0},
    };
    memcpy(auxv, entries, sizeof entries);
}

/* Pushes the strings of a list and leaves their guest addresses, NULL terminated, in words. */
static void push_strings(struct stack *stack, const char *const *list, size_t count,
                         uint64_t *words)
{
    for (size_t i = count; i-- > 0;)
        words[i] = push_string(stack, list[i]);
    words[count] = 0;
}

enum status loader_build_stack(struct space *space, const struct guest_isa *isa,
                               const struct loader_image *image,
                               const struct loader_stack_request *request, uint64_t *ret_sp,
                               struct error *err)
{
    size_t env_count = 0, arg_count = (size_t)request->argc;
    while (request->envp[env_count])
        env_count++;
    enum status status = check_size(request, env_count, err);
    if (status)
        return status;
    struct stack stack = {.space = space};
    status = map_stack(&stack, image, request->size_bytes, err);
    if (status)
        return status;

    /* The pointer block is filled in place; its size is known, its place only after the strings,
     * so the addresses wait at the far end of the mapping. */
    uint64_t *words = (uint64_t *)(void *)(space_base(space) + stack.bottom);
    stack.top -= sizeof(uint64_t); /* Linux ends the stack with a null word */
    struct strings strings = {0};
    strings.exec_path = push_string(&stack, request->exec_path);
    push_strings(&stack, request->envp, env_count, words + 1 + arg_count + 1);
    push_strings(&stack, request->argv, arg_count, words + 1);
    words[0] = arg_count;
    if (isa->platform)
        strings.platform = push_string(&stack, isa->platform);
    stack.top &= ~UINT64_C(15);
    strings.random = push_bytes(&stack, request->random, RANDOM_BYTES);

    size_t pointer_words = 1 + arg_count + 1 + env_count + 1;
    uint64_t auxv[AUXV_ENTRIES][2];
    fill_auxv(auxv, isa, image, request, &strings);
    size_t size_bytes = pointer_words * sizeof(uint64_t) + sizeof auxv;
    stack.top = (stack.top - size_bytes) & ~UINT64_C(15);
    uint64_t *block = (uint64_t *)(void *)(space_base(space) + stack.top);
    memcpy(block, words, pointer_words * sizeof(uint64_t));
    memcpy(block + pointer_words, auxv, sizeof auxv);
    memset(words, 0, pointer_words * sizeof(uint64_t));
    *ret_sp = stack.top;
    return STATUS_OK;
}
