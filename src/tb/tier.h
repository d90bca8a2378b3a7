/* What a tier is to the rest: a compiler from IR to something that serves a TB. */
#ifndef TIERCEL_TB_TIER_H
#define TIERCEL_TB_TIER_H

#include "src/ir/region.h"
#include "src/ir/step.h"
#include "src/tb/tb.h"

struct tier_options {
    bool is_counting_heat; /* tier 0: decrement tb->heat at entry and leave when it becomes negative;
                              tier 1: the same where the job says so; tier 2: with the region's own
                              counter */
    bool is_sampling;      /* the engine's: from now on tier 1 counts only TBs that are is_counted */
    bool is_counting_stats; /* maintain vcpu->counter[] */
    bool is_polling_chunked; /* tier 3: call-free loops of one block poll every 256 iterations */
    bool is_narrowing;      /* tier 2: keep what is known to be of 32 bits as such */
    bool is_identity;       /* guest memory lies at its own addresses */
    bool is_pinning;        /* tier 1: keep pinned registers in host registers between operations */
    bool is_pinning_float;  /* tier 1: the same for f registers */
    bool is_caching_registers; /* tier 1: values stay in scratch registers between operations */
    bool is_folding;        /* tier 1: operations and constants become operands of their user */
    bool is_hinting;        /* tier 1: results are computed in the pinned register they go to */
    bool has_long_drafts;   /* tier 1: drafts go on behind branches that are not taken */
    bool has_function_drafts; /* tier 1: and behind calls, and have forward branches inside */
    bool is_caching_inline; /* inline caches at indirect exits */
    bool is_caching_jumps;  /* jump cache in generated code */
    bool is_fusing;         /* tier 0: one handler for common pairs of operations */
    bool is_threading;      /* tier 0: each operation jumps to the next one's handler */
    bool is_flagless;       /* the engine's: regions keep no flags, so far (tier_job) */
    bool is_precise;        /* the engine's: regions are to be precise from now on (tier_job) */
    bool is_verifying;      /* tier 2: run LLVM's verifier on each module */
};

/* Tier 1: a TB that no higher tier will have is not counted. */
static inline bool tier_counts_heat(const struct tier_options *options, const struct tb *tb)
{
    return options->is_counting_heat && tb->failed_tier > TB_TIER_2 &&
           (!options->is_sampling || tb->is_counted);
}

/* Text dumps of one compile; NULL members are not wanted. */
struct tier_dump {
    FILE *x64;  /* tier 1: bytes and addresses of the emitted code */
    FILE *llvm; /* tier 2: LLVM IR after optimisation */
    FILE *assembly; /* tier 2: host assembly */
};

/* A compile that looks for the step of LLVM's pipeline that is at fault (lockstep). */
struct tier_trial {
    uint32_t pipeline_limit; /* steps that may run */
    uint32_t pipeline_steps; /* filled in: steps there are */
    char step[48];           /* filled in: the last that ran; empty: none */
};

struct tier_result {
    const uint8_t *start; /* of the code, without what leads into it */
    uint32_t size_bytes;
};

struct tier_job {
    struct tb_cache *cache;
    struct tb *tb;
    struct tb *last_tb;             /* tier 1: that of the block's last piece, to which an indirect exit
                                       belongs; NULL: there is one piece */
    const struct ir_block *block;   /* tiers 0 and 1 */
    const struct ir_region *region; /* tiers 2 and 3 */
    enum tb_tier level;
    bool is_draft;                  /* tier 1: the code is to be replaced when it has run a few times */
    bool is_counted;                /* tier 1: decrement tb->heat at entry, and leave by the TB's stub
                                       when it becomes negative */
    uint8_t *outcomes;              /* tier 1: where each outcome of the last branch is noted (tb_profile); NULL:
                                       nowhere */
    int32_t next_heat;              /* tier 2: poll count until promotion to tier 3 */
    bool is_precise;                /* tier 2: guest state is exact at a fault */
    bool is_flagless;               /* tier 2: keep no floating-point flags; blocks that use them are
                                       left to other code (ir_uses_flags) */
    uint64_t unassumed;             /* tier 2: registers of which nothing may be assumed where the region
                                       is entered; UINT64_MAX: nothing at all is assumed */
    uint64_t generation;            /* of the cache when the region was formed: when code of
                                       the region is dropped before it is linked, it is not installed */
    uint32_t step_polls;            /* tier 2, lockstep: the region leaves after so many back edges
                                       (chunks of iterations where it polls by chunks), and says
                                       which registers are exact then; 0: it does not */
    struct tier_trial *trial;       /* tier 2: NULL but in a trial */
    struct tier_dump dump;
    struct tier_result *ret_result; /* tier 2: set when the code is installed; or NULL */
};

/* A block to be made from steps, as a draft (src/exec/draft.c), which counts its executions. */
struct tier_draft {
    struct tb *tb;
    const uint8_t *bytes; /* the guest's code at tb->pc, */
    size_t available_bytes;
    uint32_t max_insns;
    const struct ir_step *(*step)(uint32_t bits); /* as in struct guest_isa */
    bool (*refuses)(void *context, uint64_t pc); /* must no draft call this? NULL: any may be called */
    void *context;
    /* Filled in: */
    uint32_t guest_size_bytes, guest_length;
};

struct tier {
    const char *name;
    /* Compiles the job and publishes the result (tb_code_new, tb_link, tb_cover, tb_publish).
     * Tiers 0 and 1 are called with the cache's lock held. Tier 2 is called without it, on a
     * compile thread, and takes it for linking and publishing only; when guest code of the
     * region was dropped since job->generation, the result is discarded and STATUS_STALE returned.
     * STATUS_CODE_FULL: the caller flushes and tries again. STATUS_REJECTED: never again for this
     * TB; err says why. */
    enum status (*compile)(struct tier *tier, const struct tier_job *job, struct error *err);
    /* Tier 1 only: makes a draft. STATUS_REJECTED, without more: the block makes none. NULL: none does. */
    enum status (*draft)(struct tier *tier, struct tier_draft *job, struct error *err);
    /* Tier 0 only: interprets from tb on until another tier must take over; sets the vcpu's exit
     * fields as generated code does. */
    void (*run)(struct tier *tier, struct vcpu *vcpu, struct tb *tb);
    void (*destroy)(struct tier *tier);
    /* Further state follows in each tier's own structure. */
};

struct tier *tier0_create(struct tb_cache *cache, const struct tier_options *options);
struct tier *tier1_create(struct tb_cache *cache, const struct tier_options *options);

/* Tier 2 lives in a module of its own, opened when the first region is to be compiled; this is its
 * only exported symbol. One instance serves one compile thread. */
struct tier2_config {
    struct tb_cache *cache;
    struct tier_options options;
};
typedef struct tier *tiercel_tier2_create_fn(const struct tier2_config *config, struct error *err);
#define TIER2_CREATE_SYMBOL "tiercel_tier2_create"

#endif
