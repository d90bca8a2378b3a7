/* The interpreter without threaded dispatch, as a measure of what that is worth: a loop that calls
 * a function per op. Handlers and code are those of run.c. */
#include "tier0/bodies.h"

typedef const struct t0_op *t0_handler_function(const struct t0_op *op, struct vcpu *vcpu,
                                                uint8_t *memory, struct tier0 *tier);

/* leave has no do_: it ends the loop. */
static inline const struct t0_op *do_leave(const struct t0_op *op, struct vcpu *vcpu,
                                           uint8_t *memory, struct tier0 *tier)
{
    (void)op, UNUSED_HERE;
    return NULL;
}

#define HANDLER(name)                                                                              \
    static const struct t0_op *call_##name(const struct t0_op *op, struct vcpu *vcpu,              \
                                           uint8_t *memory, struct tier0 *tier)                    \
    {                                                                                              \
        return do_##name(op, vcpu, memory, tier);                                                  \
    }
#include "tier0/handler.h"
#undef HANDLER

const void *const *t0_run_calls(struct tier0 *tier, struct vcpu *vcpu, const struct t0_op *op)
{
    static const void *const functions[T0_HANDLER_COUNT] = {
#define HANDLER(name) (const void *)call_##name,
#include "tier0/handler.h"
#undef HANDLER
    };
    if (!tier)
        return functions;
    uint8_t *memory = vcpu->memory_base;
    while (op)
        op = ((t0_handler_function *)op->handler)(op, vcpu, memory, tier);
    return NULL;
}
