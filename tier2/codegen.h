/* From an LLVM module to an object file in memory: optimisation pipelines and machine code
 * (codegen.c). One instance serves one compile thread. */
#ifndef TIERCEL_TIER2_CODEGEN_H
#define TIERCEL_TIER2_CODEGEN_H

#include "src/tb/tier.h"

#include <llvm-c/TargetMachine.h>

struct codegen {
    LLVMTargetMachineRef machine;
    LLVMTargetDataRef layout;
};

/* The attribute of calls that are there for the base of guest memory alone: they give it, of a pointer that was
 * loaded, or nothing. */
#define CODEGEN_MEMORY_BASE "tiercel-memory-base"

/* What one compile wants. */
struct codegen_request {
    LLVMValueRef function; /* the one that the module defines */
    enum tb_tier level;
    bool is_identity;      /* the base of guest memory is 0 */
    bool is_verifying;
    const struct tier_dump *dump;
    struct tier_trial *trial; /* NULL: the whole pipeline */
};

enum status codegen_init(struct codegen *codegen, struct error *err);
void codegen_fini(struct codegen *codegen);

/* A target machine like those of all instances, for ORC; the caller owns it. */
LLVMTargetMachineRef codegen_new_machine(void);

/* A context whose diagnostics end up in *err of the compile, and a module in it. */
LLVMContextRef codegen_new_context(struct error *diagnostics);
LLVMModuleRef codegen_new_module(const struct codegen *codegen, LLVMContextRef context);

/* Optimises the module and emits its object. STATUS_REJECTED with LLVM's reason when it cannot:
 * diagnostics is the error that the context was created with. When LLVM gave up with a fatal error
 * *ret_is_lost is set: module and context must be left alone, the codegen is new inside. */
enum status codegen_compile(struct codegen *codegen, LLVMModuleRef module,
                            const struct codegen_request *request, struct error *diagnostics,
                            LLVMMemoryBufferRef *ret_object, bool *ret_is_lost);

#endif
