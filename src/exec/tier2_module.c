/* Opens the LLVM tier's shared object when it is first needed: linking libLLVM at start would cost
 * every run more than a short program takes. */
#include "src/exec/internal.h"

#include "src/base/bits.h"
#include "src/base/pages.h"

#include <dlfcn.h>
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

enum {
    PAGE_BYTES = 4096,
    HEAP_BYTES = 8 << 20,
    MOST_MAPPED_BYTES = 32 << 20, /* the most that malloc takes for M_MMAP_THRESHOLD */
    MOST_FREE_BYTES = 1 << 30,
};

/* A compile takes megabytes from malloc and frees them all: they are not to go back to the kernel,
 * which would have to clear them again, page by page, for the next one. What the calling thread needs
 * first is made present at once. */
static void prepare_heap(void)
{
    mallopt(M_MMAP_THRESHOLD, MOST_MAPPED_BYTES);
    mallopt(M_TRIM_THRESHOLD, MOST_FREE_BYTES);
    void *heap = malloc(HEAP_BYTES);
    if (!heap)
        return;
    uintptr_t start = bits_align_up((uintptr_t)heap, PAGE_BYTES), end = (uintptr_t)heap + HEAP_BYTES;
    uintptr_t huge = bits_align_up(start, PAGES_HUGE_BYTES);
    madvise((void *)huge, end - huge, MADV_HUGEPAGE); /* where the host has none: small ones */
    pages_expect_writes((void *)start, end - start);
    free(heap);
}

/* module_lock held. */
static enum status open_module(struct exec *exec, struct error *err)
{
    if (exec->create_tier2)
        return STATUS_OK;
    if (!exec->config.tier2_module)
        return error_set(err, STATUS_UNSUPPORTED, "tier 2 is not available: built without LLVM");
    exec->tier2_handle = dlopen(exec->config.tier2_module, RTLD_NOW | RTLD_LOCAL);
    if (!exec->tier2_handle)
        return error_set(err, STATUS_UNSUPPORTED, "tier 2 is not available: %s", dlerror());
    void *symbol = dlsym(exec->tier2_handle, TIER2_CREATE_SYMBOL);
    if (!symbol)
        return error_set(err, STATUS_UNSUPPORTED, "tier 2 is not available: %s", dlerror());
    exec->create_tier2 = (tiercel_tier2_create_fn *)symbol;
    return STATUS_OK;
}

struct tier *tier2_open(struct exec *exec, struct error *err)
{
    prepare_heap();
    pthread_mutex_lock(&exec->module_lock);
    enum status status = open_module(exec, err);
    pthread_mutex_unlock(&exec->module_lock);
    struct tier *tier = NULL;
    if (status == STATUS_OK) {
        struct tier2_config config = {.cache = exec->cache, .options = exec->options};
        tier = exec->create_tier2(&config, err);
    }
    if (!tier) {
        tb_lock(exec->cache);
        exec->is_tier2_broken = true;
        tb_unlock(exec->cache);
    }
    return tier;
}
