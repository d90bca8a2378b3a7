/* ORC with the RTDyld layer. See jit.h.
 *
 * RTDyld writes sections where the callbacks say and takes that for where they run. The callbacks
 * hand out addresses of the writable view; distances are the same in the executable one. Room for
 * the whole object is reserved before, because a callback cannot fail: one that finds no room all
 * the same gives throw-away memory and the link is undone. */
#include "tier2/jit.h"

#include "src/base/bits.h"
#include "src/base/check.h"
#include "tier2/codegen.h"
#include "tier2/lower.h"

#include <llvm-c/OrcEE.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM_ALIGNMENT = 64 };

static enum status jit_error(LLVMErrorRef failure, struct error *err)
{
    char *message = LLVMGetErrorMessage(failure);
    error_set(err, STATUS_REJECTED, "LLVM ORC: %s", message);
    LLVMDisposeErrorMessage(message);
    return STATUS_REJECTED;
}

/* ---- memory callbacks ---- */

static void *throw_away(struct jit *jit, size_t size_bytes, size_t alignment)
{
    jit->room.is_overrun = true;
    free(jit->room.throw_away); /* nothing is kept in it */
    size_t room = bits_align_up(size_bytes + 1, alignment);
    jit->room.throw_away = aligned_alloc(alignment < sizeof(void *) ? sizeof(void *) : alignment,
                                         bits_align_up(room, sizeof(void *)));
    CHECK(jit->room.throw_away, "out of memory");
    return jit->room.throw_away;
}

static uint8_t *place(struct jit *jit, uint8_t **next, const uint8_t *end, size_t size_bytes,
                      size_t alignment)
{
    uint8_t *start = (uint8_t *)bits_align_up((uintptr_t)*next, alignment ? alignment : 1);
    if (start > end || size_bytes > (size_t)(end - start))
        return NULL;
    *next = start + size_bytes;
    return code_w(jit->memory, start);
}

static uint8_t *place_code(void *context, uintptr_t size_bytes, unsigned alignment, unsigned id,
                           const char *name)
{
    (void)id, (void)name;
    struct jit *jit = context;
    uint8_t *start = place(jit, &jit->room.code, jit->room.code_end, size_bytes, alignment);
    return start ? start : throw_away(jit, size_bytes, alignment);
}

static uint8_t *place_data(void *context, uintptr_t size_bytes, unsigned alignment, unsigned id,
                           const char *name, LLVMBool is_read_only)
{
    (void)id, (void)is_read_only;
    struct jit *jit = context;
    uint8_t *start = place(jit, &jit->room.data, jit->room.data_end, size_bytes, alignment);
    if (!start)
        return throw_away(jit, size_bytes, alignment);
    uint8_t *x_start = start - jit->memory->w_minus_x;
    if (strcmp(name, REGION_NEAR_SECTION) == 0)
        jit->room.near = x_start;
    if (strcmp(name, REGION_ACCESS_SECTION) == 0) {
        jit->room.accesses = x_start;
        jit->room.access_bytes = size_bytes;
    }
    return start;
}

static void *new_context(void *jit)
{
    return jit;
}

static void ignore(void *context)
{
    (void)context;
}

static LLVMBool finalize(void *context, char **message)
{
    (void)context, (void)message;
    return 0;
}

static LLVMOrcObjectLayerRef new_layer(void *jit, LLVMOrcExecutionSessionRef session,
                                       const char *triple)
{
    (void)triple;
    return LLVMOrcCreateRTDyldObjectLinkingLayerWithMCJITMemoryManagerLikeCallbacks(
        session, jit, new_context, ignore, place_code, place_data, finalize, ignore);
}

/* ---- life ---- */

/* Errors come back from the calls that meet them; ORC's own report would go to stderr. */
static void ignore_error(void *context, LLVMErrorRef failure)
{
    (void)context;
    LLVMConsumeError(failure);
}

enum status jit_create(struct code_memory *memory, struct jit **ret_jit, struct error *err)
{
    struct jit *jit = calloc(1, sizeof *jit);
    CHECK(jit, "out of memory");
    jit->memory = memory;
    LLVMOrcLLJITBuilderRef builder = LLVMOrcCreateLLJITBuilder();
    LLVMOrcLLJITBuilderSetJITTargetMachineBuilder(
        builder, LLVMOrcJITTargetMachineBuilderCreateFromTargetMachine(codegen_new_machine()));
    LLVMOrcLLJITBuilderSetObjectLinkingLayerCreator(builder, new_layer, jit);
    LLVMErrorRef failure = LLVMOrcCreateLLJIT(&jit->lljit, builder);
    if (failure) {
        free(jit);
        return jit_error(failure, err);
    }
    LLVMOrcExecutionSessionSetErrorReporter(LLVMOrcLLJITGetExecutionSession(jit->lljit),
                                            ignore_error, NULL);
    *ret_jit = jit;
    return STATUS_OK;
}

void jit_destroy(struct jit **jit_place)
{
    struct jit *jit = *jit_place;
    for (struct region_code *code = jit->first; code; code = code->next) {
        LLVMOrcReleaseResourceTracker(code->tracker);
        code->jit = NULL;
    }
    LLVMErrorRef failure = LLVMOrcDisposeLLJIT(jit->lljit);
    if (failure)
        LLVMConsumeError(failure);
    free(jit);
    *jit_place = NULL;
}

/* ---- linking ---- */

static bool reserve_room(struct jit *jit, const struct object *object)
{
    size_t code_bytes = bits_align_up(object->code_bytes, ROOM_ALIGNMENT);
    size_t data_bytes = bits_align_up(object->data_bytes, ROOM_ALIGNMENT);
    uint8_t *code = code_alloc(jit->memory, code_bytes, ROOM_ALIGNMENT);
    if (!code)
        return false;
    uint8_t *data = data_alloc(jit->memory, data_bytes, ROOM_ALIGNMENT);
    if (!data) {
        code_trim(jit->memory, code);
        return false;
    }
    jit->room = (struct link_room){
        .code = code,
        .code_end = code + code_bytes,
        .data = data,
        .data_end = data + data_bytes,
    };
    return true;
}

static void remove_tracker(LLVMOrcResourceTrackerRef tracker)
{
    LLVMErrorRef failure = LLVMOrcResourceTrackerRemove(tracker);
    if (failure)
        LLVMConsumeError(failure);
    LLVMOrcReleaseResourceTracker(tracker);
}

/* Adds the object and looks the symbol up, which links it: a W address. */
static enum status add_object(struct jit *jit, LLVMMemoryBufferRef object_file, const char *symbol,
                              LLVMOrcResourceTrackerRef tracker, uint64_t *ret_address,
                              struct error *err)
{
    LLVMErrorRef failure = LLVMOrcLLJITAddObjectFileWithRT(jit->lljit, tracker, object_file);
    if (failure)
        return jit_error(failure, err);
    failure = LLVMOrcLLJITLookup(jit->lljit, ret_address, symbol);
    return failure ? jit_error(failure, err) : STATUS_OK;
}

static struct region_code *record_new(struct jit *jit, const struct object_section *line_table)
{
    struct region_code *code = calloc(1, sizeof *code + line_table->size_bytes);
    CHECK(code, "out of memory");
    code->jit = jit;
    code->line_table = *line_table;
    if (line_table->size_bytes) {
        code->line_table.bytes = (const uint8_t *)(code + 1);
        memcpy(code + 1, line_table->bytes, line_table->size_bytes);
    }
    code->next = jit->first;
    if (jit->first)
        jit->first->previous = code;
    jit->first = code;
    return code;
}

enum status jit_link(struct jit *jit, LLVMMemoryBufferRef object_file, const struct object *object,
                     const char *symbol, struct region_code **ret_code, struct error *err)
{
    if (!reserve_room(jit, object)) {
        LLVMDisposeMemoryBuffer(object_file);
        return error_set(err, STATUS_CODE_FULL, "code memory is full");
    }
    struct region_code *code = record_new(jit, &object->line_table);
    code->tracker = LLVMOrcJITDylibCreateResourceTracker(LLVMOrcLLJITGetMainJITDylib(jit->lljit));
    uint64_t address = 0;
    enum status status = add_object(jit, object_file, symbol, code->tracker, &address, err);
    if (status == STATUS_OK && jit->room.is_overrun)
        status = error_set(err, STATUS_CODE_FULL, "an object needs more room than its sections");
    if (status == STATUS_OK && !jit->room.near)
        status = error_set(err, STATUS_REJECTED, "LLVM's object has no near data");
    free(jit->room.throw_away);
    code_trim(jit->memory, jit->room.code);
    if (status != STATUS_OK) {
        jit_release(&code);
        return status;
    }
    code->start = (uint8_t *)(uintptr_t)address - jit->memory->w_minus_x;
    code->near = jit->room.near;
    code->accesses = (const struct region_access *)(const void *)jit->room.accesses;
    code->access_count = jit->room.access_bytes / sizeof *code->accesses;
    *ret_code = code;
    return STATUS_OK;
}

void jit_release(struct region_code **code_place)
{
    struct region_code *code = *code_place;
    if (code->jit) {
        remove_tracker(code->tracker);
        if (code->previous)
            code->previous->next = code->next;
        else
            code->jit->first = code->next;
        if (code->next)
            code->next->previous = code->previous;
    }
    free(code);
    *code_place = NULL;
}
