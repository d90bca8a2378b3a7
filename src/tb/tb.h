/* Translation blocks, their table and their links.
 *
 * A TB record stands for one (guest pc, FP mode), translated or not. It is created when first
 * referenced and lives until the whole cache is flushed. Each record has a stub: 16 bytes of code
 * that leave to the exec loop with exit_tb set; `entry` is the stub until a tier provides code.
 * Everything that jumps to a TB is a link in its incoming list and is patched when entry changes,
 * so chaining is decided at translation time and a swap is seen by all predecessors.
 *
 * Locking: the cache's lock protects everything here except the fields marked otherwise. Generated
 * code reads entry, pc, inline_cache and decrements heat without it. */
#ifndef TIERCEL_TB_TB_H
#define TIERCEL_TB_TB_H

#include "src/base/arena.h"
#include "src/tb/abi.h"
#include "src/tb/code_memory.h"

#include <pthread.h>

enum tb_tier { TB_TIER_NONE = -1, TB_TIER_0, TB_TIER_1, TB_TIER_2, TB_TIER_3, TB_TIER_COUNT };

/* Where a memory access of tier 1 lies, for the state at a fault. */
struct fault_point {
    uint16_t code_offset;  /* of the accessing instruction, from the code's start */
    uint16_t guest_offset; /* bytes from the TB's pc */
    /* XMM numbers of pinned f registers that hold arithmetic results as the host gave them: a NaN is
     * to be made canonical. */
    uint8_t unclean_f64;
    uint8_t unclean_f32; /* boxed */
};
/* Makes the f registers among reg[IR_GUEST_REGS], as found at the access, what the guest must see. */
void fault_point_clean(const struct fault_point *point, uint64_t *reg);

enum tb_link_kind {
    TB_LINK_JUMP,    /* site: the rel32 of a jmp or jcc, its four bytes inside one aligned 8-byte word */
    TB_LINK_POINTER, /* site: an aligned 8-byte word in near data that holds the entry */
    TB_LINK_INSIDE,  /* site: in a jump into the middle of some code of the TB, which stays as it is; whoever
                        has it is dropped with the TB */
};

struct tb_code;
struct tb_link {
    struct tb_link *next_incoming; /* of `to` */
    struct tb_link *next_outgoing; /* of the code it lies in, `from` */
    struct tb *to;
    uint32_t site;     /* X address, as a distance from the code memory's start */
    uint8_t kind;      /* enum tb_link_kind */
    bool is_dead;      /* `from` was dropped: never write through it again */
    uint16_t block_offset; /* tier 1: bytes from the TB's pc to the basic block that ends here */
};
_Static_assert(sizeof(struct tb_link) == 32, "there is more than one link for each block");

/* The entry slot of code: one NOP of so many bytes inside one aligned 8-byte word. No link lies in that
 * word, so nothing in it but the slot is ever rewritten. */
enum { TB_ENTRY_SLOT_BYTES = 5 };
/* Bytes to skip from this X address to the next at which an entry slot can begin. */
static inline unsigned tb_entry_padding(const void *x_address)
{
    unsigned place = (uintptr_t)x_address & 7;
    return (8 - place) * (place + TB_ENTRY_SLOT_BYTES > 8); /* without a branch: nobody can predict it */
}

/* One piece of generated code. Owner: the cache's arena, until the next flush. That of tier 1, of
 * which there is much, is one cache line: it ends before fault_pc. */
struct tb_code {
    struct tb *tb;           /* whose entry it serves */
    const uint8_t *start;    /* X address */
    struct tb_code *older;   /* code of the same TB that was published before; constant after
                                publication */
    struct tb_code *next_on_page; /* in the list of a page that it covers */
    struct tb_link *outgoing;
    const struct fault_point *faults; /* tier 1, sorted by code_offset; NULL elsewhere */
    uint32_t size_bytes;
    uint32_t guest_length; /* guest instructions covered */
    uint16_t fault_count;
    uint8_t tier;            /* enum tb_tier */
    _Atomic bool is_dropped; /* written under the lock, read by anyone */
    bool is_on_page : 1;     /* next_on_page is in use */
    bool is_draft : 1;       /* tier 1: made of steps, to be replaced when it has run a few times;
                                constant after publication */
    uint8_t last_half_words; /* tier 1, but drafts: from the TB's pc to the last of the guest's basic blocks
                                that it has */
    uint16_t rare_bytes;     /* tier 1: of its parts away from start (code_alloc_rare), which access
                                no guest memory; at most */
    /* Tier 2: the guest pc of the access at a host address, and (precise mode) where to go on. */
    bool (*fault_pc)(const struct tb_code *code, const void *x_address, uint64_t *ret_pc);
    const void *(*fault_landing)(const struct tb_code *code, const void *x_address);
    void *tier_private;      /* tier 0: its threaded code; tier 2: its resource tracker and tables */
};
_Static_assert(offsetof(struct tb_code, fault_pc) == 64, "tier 1's is one cache line");

/* What was seen of a TB that helps to form regions. Read and written under the lock. */
enum { TB_MAX_OBSERVED = 48, TB_MAX_ENTRIES = 8, TB_OUTCOMES = 256 };
struct tb_profile {
    struct tb *region_root; /* of the latest region that has this block in its own function, or
                               NULL */
    bool is_in_region;      /* some region has this block, maybe as part of a followed call */
    bool is_predictable;    /* as code that a branch skips: nearly always or nearly never */
    bool is_judged, is_foreseen; /* outcomes.c, of the last branch: has it been looked at, and does it look
                                    foreseen? */
    uint8_t missed;         /* of those that are judged: guessed wrong */
    uint8_t *outcomes;      /* TB_OUTCOMES of the last branch, each at the low byte of heat, 1: taken; begin where
                               that is 0; written by generated code; NULL: not noted */
    uint32_t observed_count;
    uint64_t observed[TB_MAX_OBSERVED]; /* destinations of the indirect exit, */
    uint16_t observed_times[TB_MAX_OBSERVED]; /* each so often */
    uint32_t deferrals;                 /* promotions put off because a better root should come */
    uint32_t waits;                     /* promotions put off because of observations under way */
    uint32_t observations;              /* by the loop, of destinations old and new */
    uint32_t observed_rounds;           /* times that it was made to be observed, */
    uint64_t observed_promotions;       /* the latest when so many regions had been asked for */
    uint32_t samples;                   /* taken here since the block began to be counted */
    uint32_t recent_samples, halvings;  /* those of late, and how often they have been halved */
    uint64_t refused_ns;                /* where failed_tier is set: when its region was refused, since the
                                           start; 0: it failed for good */
    uint32_t asking_executions;         /* the block asked for a region after so few, for it had many
                                           samples; 0: at the threshold */
    struct tb *function;                /* the callee that begins next before it, once looked for; NULL */
    bool has_looked_for_function;
    uint32_t doublings;                 /* of the samples needed for it to be counted */
    bool is_plain;                      /* the region it asked for promises little (budget.c) */
    bool is_switching;                  /* the region with this root jumps through tables */
    uint64_t unassumed;                 /* tier_job, of regions with this root */
    uint32_t extensions;                /* times that entries were added */
    uint32_t entry_count;
    uint64_t entry[TB_MAX_ENTRIES]; /* where regions with this root are entered besides: code went
                                       there often although the region has these blocks */
};

struct tb {
    _Atomic(const void *) entry;       /* X address; written under the lock, read by anyone */
    uint64_t pc;                       /* constant; at offset 8, generated code compares it */
    _Atomic(struct tb *) inline_cache; /* latest successor of this TB's indirect exit; written by
                                          vcpu threads, never NULL */
    _Atomic int32_t heat;              /* executions left until promotion; decremented by generated
                                          code without lock prefix (a lost count is harmless) */
    uint8_t mode;                      /* constant */
    _Atomic int8_t tier;               /* enum tb_tier of entry; written under the lock, read by
                                          anyone */
    int8_t requested_tier : 4;         /* promotion under way to this tier, or NONE */
    int8_t failed_tier : 4;            /* lowest tier whose compile was rejected, or TIER_COUNT */
    bool is_callee : 1;                /* some translated code calls it */
    bool is_called_otherwise : 1;      /* through a pointer, or at a function's end */
    bool is_watched : 1;               /* its heat tells when to look for a routine of its loop */
    bool is_function_watched : 1;      /* the same, and at the function that begins here */
    bool has_been_watched : 1;
    bool is_observing : 1;             /* its indirect exit does without the jump cache: the loop sees
                                          where it goes */
    bool has_been_observed : 1;
    bool is_counted : 1;               /* where samples are taken: its code in tier 1 counts heat */
    uint32_t stub_distance;            /* constant: bytes from the stub up to this record */
    uint16_t guest_size_bytes;         /* once translated */
    uint16_t guest_length : 15;
    bool is_inside : 1;                /* may run as part of another TB's code of several blocks, where nobody
                                          counts it */
    struct tb_link *incoming;
    _Atomic(struct tb_code *) code;    /* the latest live code; written under the lock, read by
                                          anyone */
    struct tb_profile *profile;        /* NULL until something was seen; see tb_profile_of */
};
_Static_assert(sizeof(struct tb) == 64, "a record is one cache line");
#define TB_OFFSET_ENTRY 0
#define TB_OFFSET_PC 8
#define TB_OFFSET_INLINE_CACHE 16
#define TB_OFFSET_HEAT 24

/* Frees the tier_private of code that a flush or the end of the cache takes away. */
typedef void tb_code_release(void *context, struct tb_code *code);

struct tb_cache_stats {
    uint64_t links;         /* direct jumps and slots chained to code */
    uint64_t swaps;         /* entry changes from one tier's code to another's */
    uint64_t flushes;       /* whole-cache evictions */
    uint64_t dropped_tbs;   /* invalidated because their guest code changed */
    uint64_t stubs;
};

struct tb_cache_config {
    size_t code_limit_bytes;
    bool is_chaining; /* false: links stay on stubs */
};

/* One place of the table of records. An entry is found without looking at records: most look-ups
 * are for successors that are there and that nobody touches now. */
struct tb_slot {
    uint32_t key;    /* of the guest pc (tb.c) */
    uint32_t record; /* number of the record plus one; 0: an empty slot */
};

/* Guest bytes whose translations were dropped. */
enum { TB_DROPS_REMEMBERED = 64 };
struct tb_drop_range {
    uint64_t start, last;
};

struct tb_cache {
    pthread_mutex_t lock;
    struct code_memory *memory;
    struct tb_slot *slots;  /* open addressing, at most half full */
    unsigned slots_log2;
    uint32_t tb_count;
    struct tb *no_tb;       /* a record that no pc equals: the empty inline cache */
    struct arena arena;     /* links, tb_code, page lists; reset by a flush */
    struct tb_code **codes; /* all code of tiers 1-3, sorted by address */
    uint32_t code_count, code_capacity;
    uint64_t generation;    /* grows with every flush and every drop */
    struct tb_drop_range drops[TB_DROPS_REMEMBERED]; /* the latest; [g % N] made generation g + 1 */
    struct tb_page **pages; /* hash of guest pages that hold translated code */
    struct tb_page *latest_page; /* that code was translated from, in the hash; or NULL */
    struct tb_cache_stats stats;
    struct tb_cache_config config; /* constant */
    tb_code_release *release[TB_TIER_COUNT];
    void *release_context[TB_TIER_COUNT];
};

enum status tb_cache_create(const struct tb_cache_config *config, struct tb_cache **ret_cache,
                            struct error *err);
void tb_cache_destroy(struct tb_cache **cache);

static inline void tb_lock(struct tb_cache *cache) { pthread_mutex_lock(&cache->lock); }
static inline void tb_unlock(struct tb_cache *cache) { pthread_mutex_unlock(&cache->lock); }

/* Notes where the TB's basic block ends, when only code of other TBs has it so far. */
static inline void tb_note_end(struct tb *tb, uint64_t end_pc)
{
    if (atomic_load_explicit(&tb->tier, memory_order_relaxed) == TB_TIER_NONE)
        tb->guest_size_bytes = (uint16_t)(end_pc - tb->pc);
}
/* The guest pc of the last basic block that code of tier 1 has. */
static inline uint64_t tb_last_pc(const struct tb_code *code)
{
    return code->tb->pc + 2 * (uint64_t)code->last_half_words;
}
/* Notes that code at from_pc goes to the TB otherwise than by a branch. */
static inline void tb_note_use(struct tb *tb, uint64_t from_pc, bool is_call)
{
    enum { FAR_BYTES = 2048 };
    tb->is_callee |= is_call;
    tb->is_called_otherwise |= !is_call && tb->pc - from_pc + FAR_BYTES > 2 * FAR_BYTES;
}
/* X address of the TB's stub. */
static inline const void *tb_stub(const struct tb *tb)
{
    return (const uint8_t *)tb - tb->stub_distance;
}
/* The latest live code of this tier for the TB, or NULL; needs no lock. */
static inline struct tb_code *tb_code_of(const struct tb *tb, enum tb_tier tier)
{
    const struct tb_code *code = atomic_load_explicit(&tb->code, memory_order_acquire);
    while (code && code->tier != tier)
        code = code->older;
    return (struct tb_code *)(uintptr_t)code;
}

/* Says that the record of pc will be asked for soon. */
void tb_expect(const struct tb_cache *cache, uint64_t pc);
/* The record of (pc, mode), or NULL. */
struct tb *tb_find(struct tb_cache *cache, uint64_t pc, uint32_t mode);
/* The same, created with a stub when missing; NULL when code memory is full. */
struct tb *tb_reference(struct tb_cache *cache, uint64_t pc, uint32_t mode);

/* One record after the other, in no order; *cursor begins as 0. NULL: there are no more. */
struct tb *tb_next(const struct tb_cache *cache, uint32_t *cursor);

/* The profile of tb, to be changed; it is made when there is none. */
struct tb_profile *tb_profile(struct tb_cache *cache, struct tb *tb);
/* The same to be read: an empty one when there is none. */
const struct tb_profile *tb_profile_of(const struct tb *tb);

/* Notes that the indirect exit of `from` went to pc. */
void tb_observe(struct tb_cache *cache, struct tb *from, uint64_t pc);

/* A zeroed tb_code of this tier for tb, in the cache's arena; not yet visible. */
struct tb_code *tb_code_new(struct tb_cache *cache, struct tb *tb, enum tb_tier tier);
/* Registers that the link site of `from` goes to `to` and writes the current entry into it. */
struct tb_link *tb_link(struct tb_cache *cache, struct tb_code *from, struct tb *to, uint8_t *site,
             enum tb_link_kind kind);
/* Makes `code` the current code of its TB: records it, stores `entry` (code->start for tiers 1-3;
 * for tier 0 the TB's stub, so that others come back to the loop), patches every incoming link and
 * the entry slot of the TB's other code, which tiers 1-3 provide at code->start. */
void tb_publish(struct tb_cache *cache, struct tb_code *code, const void *entry);
/* Makes generated code known to tb_code_at; tb_publish does it for what it publishes. */
void tb_record(struct tb_cache *cache, struct tb_code *code);
/* Notes that code was translated from guest bytes [pc, pc + size). */
void tb_cover(struct tb_cache *cache, struct tb_code *code, uint64_t pc, uint32_t size_bytes);

/* Drops all code that was translated from the pages of [start, start + size), and notes it whether or
 * not there is any: it may be on its way. True if there was. */
bool tb_drop_range(struct tb_cache *cache, uint64_t start, uint64_t size_bytes);
/* Begins a new generation, in which what was read from guest bytes [start, start + size) before is not
 * to be used any more. */
void tb_note_drop(struct tb_cache *cache, uint64_t start, uint64_t size_bytes);
/* Was something in [start, start + size) dropped since that generation? Also true when it is too long
 * ago to know. */
bool tb_is_dropped_since(const struct tb_cache *cache, uint64_t generation, uint64_t start,
                         uint64_t size_bytes);
/* Drops the code of one TB. */
void tb_drop(struct tb_cache *cache, struct tb *tb);
/* Drops everything: records, code, links. No thread may be inside generated code. */
void tb_flush(struct tb_cache *cache);

/* The live or dropped code that contains this X address, or NULL. */
struct tb_code *tb_code_at(struct tb_cache *cache, const void *x_address);

/* Registers the hook of a tier; called with the lock held, only for code with tier_private. */
void tb_cache_on_release(struct tb_cache *cache, enum tb_tier tier, tb_code_release *release,
                         void *context);

#endif
