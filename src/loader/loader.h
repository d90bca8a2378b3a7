/* From an ELF file to a guest memory image and an initial stack. */
#ifndef TIERCEL_LOADER_LOADER_H
#define TIERCEL_LOADER_LOADER_H

#include "src/base/status.h"
#include "src/guest/guest.h"
#include "src/memory/space.h"

struct loader_image {
    uint64_t entry;
    uint64_t load_bias; /* 0 for ET_EXEC */
    uint64_t phdr_addr; /* guest address of the program headers */
    uint16_t phdr_size, phdr_count;
    uint64_t brk_start; /* page after the last segment */
    bool is_stack_executable;
};

/* Maps the executable at `path` (libelf). STATUS_NO_FILE: cannot be opened or read (shell status
 * 127 when missing, 126 otherwise: errno is kept in err->text and *ret_errno). STATUS_BAD_FILE,
 * STATUS_UNSUPPORTED: one sentence. */
enum status loader_load(struct space *space, const struct guest_isa *isa, const char *path,
                        struct loader_image *ret_image, int *ret_errno, struct error *err);

/* Guest addresses of the executable at `path` from the first to the last of its sections that hold
 * code; of its executable segments when it has no section headers. */
enum status loader_code_range(const char *path, uint64_t load_bias, uint64_t *ret_start,
                              uint64_t *ret_end, struct error *err);

struct loader_stack_request {
    const char *exec_path; /* AT_EXECFN */
    int argc;
    const char *const *argv;
    const char *const *envp; /* NULL terminated */
    uint64_t size_bytes;     /* of the stack mapping */
    const uint8_t *random;   /* 16 bytes for AT_RANDOM */
    uint32_t uid, euid, gid, egid;
    bool is_secure;
};

/* Builds the initial stack (Linux: argc, argv, envp, auxv) below SPACE_STACK_TOP; the stack pointer
 * is 16-byte aligned. */
enum status loader_build_stack(struct space *space, const struct guest_isa *isa,
                               const struct loader_image *image,
                               const struct loader_stack_request *request, uint64_t *ret_sp,
                               struct error *err);

#endif
