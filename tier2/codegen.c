/* Pipelines and machine code. See codegen.h.
 *
 * The quick pipeline has what hot code needs most (values in registers, loads hoisted out of
 * loops, redundancy removed) at about 60% of the time of O2; docs/performance.md has the figures.
 * LLVM reports what it cannot do in two ways: diagnostics, which the context's handler collects,
 * and fatal errors, which would end the process: a handler jumps back out of the compile, and what
 * LLVM had allocated for it is abandoned. */
#include "tier2/codegen.h"

#include "src/base/bits.h"
#include "tier2/host.h"
#include "tier2/pipeline.h"

#include <llvm-c/Analysis.h>
#include <llvm-c/Core.h>
#include <llvm-c/ErrorHandling.h>
#include <llvm-c/Support.h>
#include <llvm-c/Target.h>
#include <llvm-c/Transforms/PassBuilder.h>
#include <pthread.h>
#include <setjmp.h>
#include <string.h>

static const char target_triple[] = "x86_64-pc-linux-gnu";

static const char quick_pipeline[] =
    "function(sroa,early-cse<memssa>,instcombine<no-verify-fixpoint>,simplifycfg,"
    "loop-mssa(loop-rotate<header-duplication>,licm),gvn,simplifycfg,instcombine<no-verify-fixpoint>)";
static const char full_pipeline[] = "default<O2>";

/* ---- process-wide set-up ---- */

/* Where a fatal error of this thread's compile goes; NULL outside compiles. */
static _Thread_local jmp_buf *fatal_escape;
static _Thread_local struct error *fatal_error;

static void on_fatal_error(const char *reason)
{
    if (!fatal_escape)
        return;
    error_set(fatal_error, STATUS_REJECTED, "LLVM: %s", reason);
    longjmp(*fatal_escape, 1);
}

static void init_process(void)
{
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
    LLVMInitializeX86AsmParser();
    LLVMInstallFatalErrorHandler(on_fatal_error);
    /* What takes much of code generation and gains nothing here: loop strength reduction a fifth,
     * scheduling for a host that reorders by itself a tenth, the tracking of variables' locations,
     * of which there are none, a twelfth. */
    const char *const options[] = {"tiercel", "-vectorize-slp=0", "-disable-lsr", "-enable-misched=0",
                                   "-experimental-debug-variable-locations=0"};
    LLVMParseCommandLineOptions(ARRAY_LENGTH(options), options, "");
}

static pthread_once_t process_once = PTHREAD_ONCE_INIT;

/* ---- the target machine ---- */

LLVMTargetMachineRef codegen_new_machine(void)
{
    LLVMTargetRef target;
    char *message;
    if (LLVMGetTargetFromTriple(target_triple, &target, &message) != 0) {
        LLVMDisposeMessage(message);
        return NULL;
    }
    return LLVMCreateTargetMachine(target, target_triple, host_features()->cpu, "",
                                   LLVMCodeGenLevelDefault, LLVMRelocPIC, LLVMCodeModelSmall);
}

enum status codegen_init(struct codegen *codegen, struct error *err)
{
    pthread_once(&process_once, init_process);
    codegen->machine = codegen_new_machine();
    if (!codegen->machine)
        return error_set(err, STATUS_UNSUPPORTED, "LLVM has no target %s", target_triple);
    codegen->layout = LLVMCreateTargetDataLayout(codegen->machine);
    return STATUS_OK;
}

void codegen_fini(struct codegen *codegen)
{
    LLVMDisposeTargetData(codegen->layout);
    LLVMDisposeTargetMachine(codegen->machine);
}

/* ---- contexts and modules ---- */

static void on_diagnostic(LLVMDiagnosticInfoRef info, void *context)
{
    struct error *diagnostics = context;
    if (LLVMGetDiagInfoSeverity(info) != LLVMDSError || diagnostics->status != STATUS_OK)
        return;
    char *text = LLVMGetDiagInfoDescription(info);
    error_set(diagnostics, STATUS_REJECTED, "LLVM: %s", text);
    LLVMDisposeMessage(text);
}

LLVMContextRef codegen_new_context(struct error *diagnostics)
{
    diagnostics->status = STATUS_OK;
    LLVMContextRef context = LLVMContextCreate();
    LLVMContextSetDiagnosticHandler(context, on_diagnostic, diagnostics);
    LLVMContextSetDiscardValueNames(context, 1);
    return context;
}

LLVMModuleRef codegen_new_module(const struct codegen *codegen, LLVMContextRef context)
{
    LLVMModuleRef module = LLVMModuleCreateWithNameInContext("region", context);
    LLVMSetTarget(module, target_triple);
    LLVMSetModuleDataLayout(module, codegen->layout);
    return module;
}

/* ---- one compile ---- */

static enum status verify(LLVMModuleRef module, struct error *err)
{
    char *message = NULL;
    enum status status = STATUS_OK;
    if (LLVMVerifyModule(module, LLVMReturnStatusAction, &message) != 0)
        status = error_set(err, STATUS_REJECTED, "LLVM verifier: %s", message);
    LLVMDisposeMessage(message);
    return status;
}

/* Text of the pipeline that the request wants; `cut` holds it when it is shortened. */
static const char *pipeline_text(const struct codegen_request *request, char cut[PIPELINE_MAX_BYTES])
{
    bool is_full = request->level == TB_TIER_3;
    if (!request->trial)
        return is_full ? full_pipeline : quick_pipeline;
    pipeline_cut(is_full ? pipeline_o2_steps : quick_pipeline, request->trial, cut);
    return cut;
}

static enum status optimise(struct codegen *codegen, LLVMModuleRef module,
                            const struct codegen_request *request, struct error *err)
{
    char cut[PIPELINE_MAX_BYTES];
    const char *pipeline = pipeline_text(request, cut);
    if (!*pipeline)
        return STATUS_OK;
    LLVMPassBuilderOptionsRef options = LLVMCreatePassBuilderOptions();
    LLVMErrorRef failure = LLVMRunPasses(module, pipeline, codegen->machine, options);
    LLVMDisposePassBuilderOptions(options);
    if (!failure)
        return STATUS_OK;
    char *message = LLVMGetErrorMessage(failure);
    error_set(err, STATUS_REJECTED, "LLVM passes: %s", message);
    LLVMDisposeErrorMessage(message);
    return STATUS_REJECTED;
}

static enum status emit(struct codegen *codegen, LLVMModuleRef module, LLVMCodeGenFileType type,
                        LLVMMemoryBufferRef *ret_buffer, struct error *err)
{
    char *message = NULL;
    if (LLVMTargetMachineEmitToMemoryBuffer(codegen->machine, module, type, &message,
                                            ret_buffer) == 0)
        return STATUS_OK;
    error_set(err, STATUS_REJECTED, "LLVM code generation: %s", message);
    LLVMDisposeMessage(message);
    return STATUS_REJECTED;
}

static void dump_llvm(FILE *out, LLVMModuleRef module)
{
    char *text = LLVMPrintModuleToString(module);
    fputs(text, out);
    LLVMDisposeMessage(text);
}

/* Emission changes the module, so the text is made from a copy. */
static void dump_assembly(struct codegen *codegen, FILE *out, LLVMModuleRef module)
{
    LLVMModuleRef copy = LLVMCloneModule(module);
    LLVMMemoryBufferRef text;
    struct error err;
    if (emit(codegen, copy, LLVMAssemblyFile, &text, &err) == STATUS_OK) {
        fwrite(LLVMGetBufferStart(text), 1, LLVMGetBufferSize(text), out);
        LLVMDisposeMemoryBuffer(text);
    }
    LLVMDisposeModule(copy);
}

/* ---- the base of guest memory ---- */

static bool is_of_memory_base(LLVMValueRef insn)
{
    unsigned length = (unsigned)strlen(CODEGEN_MEMORY_BASE);
    return LLVMIsACallInst(insn) &&
           LLVMGetCallSiteStringAttribute(insn, LLVMAttributeFunctionIndex, CODEGEN_MEMORY_BASE, length);
}

/* And what its operand was loaded for. */
static void erase_call(LLVMValueRef call)
{
    LLVMTypeRef type = LLVMTypeOf(call);
    LLVMValueRef operand = LLVMGetOperand(call, 0);
    if (LLVMGetTypeKind(type) == LLVMPointerTypeKind)
        LLVMReplaceAllUsesWith(call, LLVMConstPointerNull(type));
    LLVMInstructionEraseFromParent(call);
    if (LLVMIsALoadInst(operand) && !LLVMGetFirstUse(operand))
        LLVMInstructionEraseFromParent(operand);
}

/* Guest addresses are the host's from here on, and the base takes no register. Before, it was an object, which is
 * how LLVM tells guest memory from all else: it would not vectorise what has none. */
static void ground_memory(LLVMValueRef function)
{
    for (LLVMBasicBlockRef block = LLVMGetFirstBasicBlock(function); block; block = LLVMGetNextBasicBlock(block))
        for (LLVMValueRef insn = LLVMGetFirstInstruction(block), next; insn; insn = next) {
            next = LLVMGetNextInstruction(insn);
            if (is_of_memory_base(insn))
                erase_call(insn);
        }
}

static enum status run(struct codegen *codegen, LLVMModuleRef module,
                       const struct codegen_request *request, struct error *err,
                       LLVMMemoryBufferRef *ret_object)
{
    enum status status = request->is_verifying ? verify(module, err) : STATUS_OK;
    if (status == STATUS_OK)
        status = optimise(codegen, module, request, err);
    if (status == STATUS_OK && request->is_identity)
        ground_memory(request->function);
    if (status == STATUS_OK && request->dump->llvm)
        dump_llvm(request->dump->llvm, module);
    if (status == STATUS_OK && request->dump->assembly)
        dump_assembly(codegen, request->dump->assembly, module);
    LLVMMemoryBufferRef object;
    if (status == STATUS_OK)
        status = emit(codegen, module, LLVMObjectFile, &object, err);
    if (status != STATUS_OK)
        return status;
    if (err->status != STATUS_OK) { /* a diagnostic: the object is not to be trusted */
        LLVMDisposeMemoryBuffer(object);
        return err->status;
    }
    *ret_object = object;
    return STATUS_OK;
}

/* The machine may be in the middle of anything: leave it and make another. */
static void replace_machine(struct codegen *codegen)
{
    codegen->machine = codegen_new_machine();
    codegen->layout = LLVMCreateTargetDataLayout(codegen->machine);
}

enum status codegen_compile(struct codegen *codegen, LLVMModuleRef module,
                            const struct codegen_request *request, struct error *diagnostics,
                            LLVMMemoryBufferRef *ret_object, bool *ret_is_lost)
{
    jmp_buf escape;
    *ret_is_lost = false;
    fatal_error = diagnostics;
    if (setjmp(escape) == 0) {
        fatal_escape = &escape;
        enum status status = run(codegen, module, request, diagnostics, ret_object);
        fatal_escape = NULL;
        return status;
    }
    fatal_escape = NULL;
    replace_machine(codegen);
    *ret_is_lost = true;
    return STATUS_REJECTED;
}
