/* The longer ops of the interpreter: atomics, and operations that go through the evaluators. */
#include "src/base/check.h"
#include "tier0/bodies.h"

static uint8_t *host_address(struct vcpu *vcpu, const struct t0_op *op)
{
    AT_PC(WORD);
    return vcpu->memory_base + SLOT(op->a);
}

/* c of an atomic op: the operation and its width. */
static bool is_64(const struct t0_op *op)
{
    return op->c & T0_ATOMIC_64;
}

/* ---- atomics ---- */

/* Read-modify-write without an instruction of the host's: minimum and maximum. */
#define AMO_BY_EXCHANGE(type, address, operand, is_kept)                                           \
    do {                                                                                           \
        type old = __atomic_load_n(address, __ATOMIC_RELAXED), wanted;                             \
        do                                                                                         \
            wanted = (is_kept) ? old : (operand);                                                  \
        while (!__atomic_compare_exchange_n(address, &old, wanted, false, __ATOMIC_SEQ_CST,        \
                                            __ATOMIC_SEQ_CST));                                    \
        return (uint64_t)(int64_t)old;                                                             \
    } while (0)

#define DEFINE_AMO(name, type, unsigned_type)                                                      \
    static uint64_t name(type *address, type operand, enum ir_amo amo)                             \
    {                                                                                              \
        switch (amo) {                                                                             \
        case IR_AMO_SWAP:                                                                          \
            return (uint64_t)(int64_t)__atomic_exchange_n(address, operand, __ATOMIC_SEQ_CST);     \
        case IR_AMO_ADD:                                                                           \
            return (uint64_t)(int64_t)__atomic_fetch_add(address, operand, __ATOMIC_SEQ_CST);      \
        case IR_AMO_XOR:                                                                           \
            return (uint64_t)(int64_t)__atomic_fetch_xor(address, operand, __ATOMIC_SEQ_CST);      \
        case IR_AMO_AND:                                                                           \
            return (uint64_t)(int64_t)__atomic_fetch_and(address, operand, __ATOMIC_SEQ_CST);      \
        case IR_AMO_OR:                                                                            \
            return (uint64_t)(int64_t)__atomic_fetch_or(address, operand, __ATOMIC_SEQ_CST);       \
        case IR_AMO_MIN_S:                                                                         \
            AMO_BY_EXCHANGE(type, address, operand, old < operand);                                \
        case IR_AMO_MAX_S:                                                                         \
            AMO_BY_EXCHANGE(type, address, operand, old > operand);                                \
        case IR_AMO_MIN_U:                                                                         \
            AMO_BY_EXCHANGE(type, address, operand, (unsigned_type)old < (unsigned_type)operand);  \
        case IR_AMO_MAX_U:                                                                         \
            AMO_BY_EXCHANGE(type, address, operand, (unsigned_type)old > (unsigned_type)operand);  \
        case IR_AMO_COUNT:                                                                         \
            break;                                                                                 \
        }                                                                                          \
        CHECK(false, "no such atomic operation");                                                  \
        return 0;                                                                                  \
    }
DEFINE_AMO(amo_32, int32_t, uint32_t)
DEFINE_AMO(amo_64, int64_t, uint64_t)

uint64_t t0_amo(struct vcpu *vcpu, const struct t0_op *op)
{
    void *address = host_address(vcpu, op);
    enum ir_amo amo = op->c & ~T0_ATOMIC_64;
    uint64_t operand = SLOT(op->b);
    return is_64(op) ? amo_64(address, (int64_t)operand, amo)
                     : amo_32(address, (int32_t)operand, amo);
}

uint64_t t0_load_reserved(struct vcpu *vcpu, const struct t0_op *op)
{
    void *address = host_address(vcpu, op);
    uint64_t value = is_64(op) ? __atomic_load_n((uint64_t *)address, __ATOMIC_SEQ_CST)
                               : FROM_I32(__atomic_load_n((uint32_t *)address, __ATOMIC_SEQ_CST));
    vcpu->reservation_address = SLOT(op->a);
    vcpu->reservation_value = value;
    return value;
}

/* The reservation holds while memory has the value that was read. */
uint64_t t0_store_conditional(struct vcpu *vcpu, const struct t0_op *op)
{
    bool is_reserved = vcpu->reservation_address == SLOT(op->a);
    uint64_t expected = vcpu->reservation_value, wanted = SLOT(op->b);
    uint32_t expected_32 = (uint32_t)expected;
    void *address = host_address(vcpu, op);
    vcpu->reservation_address = UINT64_MAX;
    if (!is_reserved)
        return 1;
    bool is_stored =
        is_64(op) ? __atomic_compare_exchange_n((uint64_t *)address, &expected, wanted, false,
                                                __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)
                  : __atomic_compare_exchange_n((uint32_t *)address, &expected_32, (uint32_t)wanted,
                                                false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    return !is_stored;
}

/* ---- evaluators ---- */

/* The held value (zero-extended) of what a slot holds as this type. */
static uint64_t held(enum ir_type type, uint64_t slot)
{
    return type == IR_F32 ? t0_unbox(slot) : bits_zero_extend(slot, ir_type_width[type]);
}

static uint64_t slot_of_held(enum ir_type type, uint64_t value)
{
    if (type == IR_F32)
        return BOXED(value);
    return type == IR_I32 ? FROM_I32(value) : value;
}

uint64_t t0_fp(struct vcpu *vcpu, const struct t0_op *op)
{
    struct t0_description description = t0_description_of(WORD);
    enum ir_type type = description.type, type_a = description.type_a;
    uint64_t value =
        fp_eval(description.op, type, type_a, description.rm, held(type_a, SLOT(op->a)),
                held(type_a, SLOT(op->b)), held(type_a, SLOT(op->c)));
    return slot_of_held(type, value);
}

uint64_t t0_eval(struct vcpu *vcpu, const struct t0_op *op)
{
    struct t0_description description = t0_description_of(WORD);
    enum ir_type type = description.type, type_a = description.type_a;
    uint64_t value =
        ir_eval(description.op, type, ir_type_width[type_a], held(type_a, SLOT(op->a)),
                held(description.type_b, SLOT(op->b)), held(description.type_b, SLOT(op->c)), 0);
    return slot_of_held(type, value);
}
