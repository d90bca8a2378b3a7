/* Faults in tier 2's lowering and in LLVM's pipeline; see broken.h. */
#include "tests/lockstep/broken.h"
#include "tier2/lower.h"

#include <llvm-c/Transforms/PassBuilder.h>

void __real_lower_region(struct lowering *lower);
void __wrap_lower_region(struct lowering *lower);
LLVMErrorRef __real_LLVMRunPasses(LLVMModuleRef module, const char *passes,
                                  LLVMTargetMachineRef machine, LLVMPassBuilderOptionsRef options);
LLVMErrorRef __wrap_LLVMRunPasses(LLVMModuleRef module, const char *passes,
                                  LLVMTargetMachineRef machine, LLVMPassBuilderOptionsRef options);

/* The blocks belong to the job's arena, and nobody else looks at them any more. */
void __wrap_lower_region(struct lowering *lower)
{
    for (uint32_t i = 0; is_broken("block") && i < lower->region->length; i++)
        break_addition((struct ir_block *)(uintptr_t)lower->region->nodes[i].block, BROKEN_BLOCK);
    __real_lower_region(lower);
}

static void break_instruction(LLVMValueRef instruction)
{
    for (int i = 0; i < LLVMGetNumOperands(instruction); i++) {
        LLVMValueRef operand = LLVMGetOperand(instruction, (unsigned)i);
        if (LLVMIsAConstantInt(operand) && LLVMConstIntGetZExtValue(operand) == BROKEN_ADD)
            LLVMSetOperand(instruction, (unsigned)i,
                           LLVMConstInt(LLVMTypeOf(operand), BROKEN_ADD + 1, 0));
    }
}

static void break_module(LLVMModuleRef module)
{
    for (LLVMValueRef function = LLVMGetFirstFunction(module); function;
         function = LLVMGetNextFunction(function))
        for (LLVMBasicBlockRef block = LLVMGetFirstBasicBlock(function); block;
             block = LLVMGetNextBasicBlock(block))
            for (LLVMValueRef insn = LLVMGetFirstInstruction(block); insn;
                 insn = LLVMGetNextInstruction(insn))
                break_instruction(insn);
}

LLVMErrorRef __wrap_LLVMRunPasses(LLVMModuleRef module, const char *passes,
                                  LLVMTargetMachineRef machine, LLVMPassBuilderOptionsRef options)
{
    LLVMErrorRef failure = __real_LLVMRunPasses(module, passes, machine, options);
    if (!failure && is_broken("step") && (strstr(passes, "gvn") || strstr(passes, "default<O2>")))
        break_module(module);
    return failure;
}
