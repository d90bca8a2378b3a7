/* Tier 0's threaded code.
 *
 * A block becomes a row of ops of 16, 24 or 40 bytes, each beginning with the address of its
 * handler inside the interpreter. Operands are slots: byte offsets from the vcpu to 64-bit words,
 * either a guest register (vcpu->reg) or a temporary (vcpu->temp). Most guest instructions become
 * one op that works from guest registers to a guest register.
 *
 * What a slot holds: i64 and f64 all 64 bits; i32 its low half, and sign-extended when the compiler
 * says so; i8 and i16 the low bits, the rest is undefined; f32 NaN-boxed, or, when the compiler
 * says so, any 64 bits of which the reader takes the unboxed value.
 *
 * Code belongs to the tier's pool and lives until the cache is flushed. The `handler` words and
 * operands are constant once published; the successors cached in exits are atomics. */
#ifndef TIERCEL_TIER0_CODE_H
#define TIERCEL_TIER0_CODE_H

#include "src/tb/tier.h"

#include <stdatomic.h>

struct t0_op {
    const void *handler;
    uint16_t d, a; /* slots: destination, first operand */
    union {
        struct {
            uint16_t b, c;
        };
        int32_t imm;
    };
};
_Static_assert(sizeof(struct t0_op) == 16, "an op is 16 bytes");

/* With a word: a constant, the pc of an access, a description for a generic handler. */
struct t0_op_word {
    struct t0_op op;
    uint64_t word;
};

/* Field c of the atomics: enum ir_amo and this. */
enum { T0_ATOMIC_64 = 0x100 };

/* The word of the generic handlers: which operation, on which types. Operands b and c share one. */
struct t0_description {
    uint8_t op, type, type_a, type_b, rm;
};
static inline uint64_t t0_describe(struct t0_description description)
{
    return description.op | (uint64_t)description.type << 8 | (uint64_t)description.type_a << 16 |
           (uint64_t)description.type_b << 24 | (uint64_t)description.rm << 32;
}
static inline struct t0_description t0_description_of(uint64_t word)
{
    return (struct t0_description){(uint8_t)word, (uint8_t)(word >> 8), (uint8_t)(word >> 16),
                                   (uint8_t)(word >> 24), (uint8_t)(word >> 32)};
}

/* A jump to another TB. next is valid while code is not dropped. */
struct t0_op_exit {
    struct t0_op op;
    _Atomic(const struct tb_code *) code; /* of the successor, or a code that is always dropped */
    _Atomic(const struct t0_op *) next;   /* its first op; stored before code */
    struct tb *tb;                        /* the successor */
};

struct t0_code {
    const struct tb_code *code;
    uint64_t pc;
    const struct t0_op *ops;
};

/* A jump to an address in a slot. */
struct t0_op_indirect {
    struct t0_op op;
    _Atomic(const struct t0_code *) cached; /* latest successor; one that no pc equals when empty */
    struct tb *tb;                          /* of this block */
    uint64_t reserved;
};
_Static_assert(sizeof(struct t0_op_exit) == sizeof(struct t0_op_indirect), "exits have one size");

/* Handlers, in the order of handler.h. */
enum t0_handler {
#define HANDLER(name, ...) T0_##name,
#include "tier0/handler.h"
#undef HANDLER
    T0_HANDLER_COUNT
};

enum { T0_HASH_SIZE = 4096 };

struct t0_chunk;
struct tier0;

/* The interpreter: runs from op on until an op leaves. Called with tier NULL it runs nothing and
 * gives the handler addresses. MXCSR is the guest's. */
typedef const void *const *t0_run_function(struct tier0 *tier, struct vcpu *vcpu,
                                           const struct t0_op *op);
t0_run_function t0_run;       /* threaded dispatch (run.c) */
t0_run_function t0_run_calls; /* a call per op (run_calls.c) */

struct tier0 {
    struct tier tier; /* first */
    struct tb_cache *cache;
    struct tier_options options;
    bool has_fma;
    t0_run_function *run;
    const void *const *label;    /* handler addresses */
    struct t0_op leave;          /* returns from run */
    struct tb_code dropped_code; /* stands in exits that have no successor yet */
    struct t0_code empty_code;   /* stands in indirect exits; no pc equals its odd one */
    /* Indirect successors by pc; filled under the cache's lock, read by all. */
    _Atomic(const struct t0_code *) hash[T0_HASH_SIZE];
    /* The pool and the compiler's scratch, under the cache's lock. */
    struct t0_chunk *chunks;
    size_t chunk_used_bytes;
    size_t pool_used_bytes; /* given out since the last flush; what is dropped counts */
    uint64_t flushes; /* of the cache when the pool was last emptied */
    struct t0_compiler *compiler;
};

static inline unsigned t0_hash_slot(uint64_t pc)
{
    return (unsigned)(pc >> 1) & (T0_HASH_SIZE - 1);
}

/* Room in the pool for code that lives until the next flush (tier0.c). */
void *t0_pool_alloc(struct tier0 *tier, size_t size_bytes);
/* As much was given out as code memory is large: time for a flush. */
bool t0_pool_is_full(const struct tier0 *tier);

/* The compiler (compile.c). */
struct t0_compiler *t0_compiler_create(void);
void t0_compiler_destroy(struct t0_compiler *compiler);
/* As tier.h's compile. Needs the cache's lock. */
enum status t0_compile(struct tier0 *tier, const struct tier_job *job, struct error *err);

#endif
