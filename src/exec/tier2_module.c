/* Opens the LLVM tier's shared object when it is first needed: linking libLLVM at start would cost
 * every run more than a short program takes. */
#include "src/exec/internal.h"

#include <dlfcn.h>

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
