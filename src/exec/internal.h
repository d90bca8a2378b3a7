/* What the files of the engine share. Nothing outside src/exec includes this. */
#ifndef TIERCEL_EXEC_INTERNAL_H
#define TIERCEL_EXEC_INTERNAL_H

#include "src/exec/exec.h"
#include "src/opt/libcall.h"
#include "src/opt/routine.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>

/* Per tier; written under the cache's lock. */
struct tier_stats {
    uint64_t compiled;        /* blocks or regions */
    uint64_t guest_insns;     /* that they cover */
    uint64_t compile_time_ns;
    uint64_t code_bytes;
    uint64_t promotions;      /* requests to compile for this tier because of heat */
    uint64_t failed;
};

enum { EXEC_FAILURE_KINDS = 8 };

/* Reasons of failed compiles, the first few kinds kept. Under the cache's lock. */
struct failure {
    char text[160];
    uint64_t count;
};

enum sample_place { SAMPLE_TIER0, SAMPLE_TIER1, SAMPLE_TIER2, SAMPLE_TIER3, SAMPLE_OTHER, SAMPLE_COUNT };

/* One hart and what the engine keeps for it. Owner: its thread. */
struct exec_thread {
    struct vcpu vcpu;
    struct exec *exec;
    struct exec_thread *next;     /* list of the engine, under the cache's lock */
    struct arena arena;           /* of the translation at hand */
    sigjmp_buf tier0_escape;      /* where a fault in tier 0 goes */
    volatile bool is_in_tier0;
    bool has_split;               /* its first fault has been met a second time, with no loads joined */
    bool is_at_call;              /* vcpu.pc was called through a pointer */
    struct guest_fault fault;     /* set by the fault handler */
    uint64_t indirect_fills;      /* look-ups by the loop after misses */
    uint64_t next_block_hits;     /* look-ups that the loop need not do */
    uint64_t stress_state;        /* of the random numbers of stress.c */
    _Atomic uint64_t samples[SAMPLE_COUNT]; /* written by the profiling signal on this thread */
    timer_t sample_timer; /* of that signal, while there is one */
    bool has_sample_timer;
};

/* A compile for tier 2 or 3. Owner: who holds it (vcpu thread, queue, compile thread). */
struct compile_job {
    struct compile_job *next;
    uint32_t reheats;             /* how often a block of it ran out of heat since; under queue.lock */
    struct arena arena;           /* owns the region */
    struct tier_job tier_job;
    struct tier_result result;
    struct tb *asker;             /* whose heat asked for it: the root, or an entry to be */
    uint64_t asked_time_ns;
    uint64_t run_length;          /* of the region, see run_length_of; 0: not estimated */
    uint64_t flushes;             /* of the cache when the region was formed: TB records it knows
                                     are gone when that has changed */
    uint32_t covered_count;       /* TBs whose requested_tier this job set */
    struct tb **covered;
};

struct compile_queue {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct compile_job *first, **last; /* under lock */
    uint32_t length;                   /* under lock */
    struct compile_job *spare;         /* dropped jobs, whose arenas are used again; under lock */
    uint32_t spare_count;              /* under lock */
    bool is_stopping;                  /* under lock */
    pthread_t *threads;                /* vcpu thread only */
    struct tier **tiers;               /* what each thread made, once it has been joined */
    uint32_t thread_count;             /* vcpu thread only */
};

/* What a trial of lockstep's bisection changes about a region. */
struct region_trial {
    uint64_t excluded_pc;        /* this block becomes an exit; 0: none */
    bool is_single;              /* all blocks but the entries do */
    struct tier_trial *pipeline; /* NULL: the whole pipeline */
};

struct lockstep;

enum { ROUTINE_MEMOS = 256, ROUTINE_WATCH = 64 };

/* Whether the loop at a header has a routine, as of a generation of the cache. */
struct routine_memo {
    uint64_t header_pc;
    uint64_t generation;
    uint32_t mode;
    bool is_known;
};

enum { LIBCALL_RECORDS = 256, LIBCALL_WAYS = 4, LIBCALL_WATCH = 24000 };

/* A function that was looked at. */
struct libcall_record {
    uint64_t pc; /* 0: an empty record */
    bool is_known;
    struct libcall libcall;
};

enum { COUNTED_GROUPS = 16, COUNTED_GROUP_TBS = 256, MET_SLOTS = 2 * COUNTED_GROUP_TBS };

/* Blocks that are counted for a while (sampler.c). */
struct counted_group {
    struct tb *tbs[COUNTED_GROUP_TBS];
    uint32_t count;   /* 0: not in use */
    struct tb *root;  /* for whose region they are counted */
    bool is_over;     /* the root has been told to ask for it */
    uint64_t flushes; /* of the cache when it was made: the records are gone when that has changed */
    uint64_t end_ns;
};

struct sampler {
    bool is_on;                 /* constant */
    pthread_t thread;           /* once options.is_sampling is set */
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool is_stopping;           /* under lock */
    uint64_t samples;           /* noted; under the cache's lock */
    uint32_t recent, halvings;  /* samples of late, halved now and then; how often; the same */
    uint64_t counted;           /* times that a block was made with counts; the same */
    _Atomic uint64_t raised_ns; /* written by its thread: when harts were last asked */
    struct counted_group groups[COUNTED_GROUPS]; /* under the cache's lock */
    struct tb *met[COUNTED_GROUP_TBS];           /* by the latest region_form; the same */
    uint32_t met_count;
    const struct tb *met_slots[MET_SLOTS];       /* a hash of them, open addressing; NULL: free */
};

struct exec {
    struct exec_config config;       /* constant (but in lockstep's bisection) */
    struct tb_cache *cache;
    struct tier *tier[2];            /* tiers 0 and 1 */
    struct tier *tier2;              /* of the vcpu thread, for synchronous compiles */
    pthread_mutex_t module_lock;     /* held while the module is opened, which takes milliseconds */
    tiercel_tier2_create_fn *create_tier2; /* under module_lock; NULL until the module is open */
    void *tier2_handle;              /* under module_lock */
    bool is_tier2_broken;            /* the module cannot be opened; under the cache's lock */
    struct tier_options options;     /* constant but is_precise, is_flagless, is_sampling, which are under
                                        the cache's lock */
    uint64_t flags_pc;               /* of the block that ended is_flagless; the same */
    bool is_joining;                 /* loads of bytes are joined, so far; under the cache's lock */
    bool has_joined;                 /* some were; the same */
    struct exec_thread *threads;     /* under the cache's lock */
    struct tier_stats stats[TB_TIER_COUNT];
    struct failure failures[EXEC_FAILURE_KINDS];
    bool has_routines, has_libcalls, has_drafts; /* constant */
    uint64_t drafts_made, drafts_replaced; /* under the cache's lock */
    struct routine_memo routine_memos[ROUTINE_MEMOS]; /* under the cache's lock */
    struct libcall_record libcalls[LIBCALL_RECORDS];  /* the same */
    uint32_t libcall_looks;                           /* records in use; the same */
    uint32_t libcall_count;                           /* known ones; the same */
    uint64_t libcall_look_ns;                         /* spent in looking; the same */
    struct arena scratch;            /* of the block that a region is about to get; the same */
    struct compile_queue queue;
    struct sampler sampler;
    uint64_t stage_ticks[EXEC_STAGE_COUNT]; /* when counting; under the cache's lock */
    struct lockstep *lockstep;       /* NULL ordinarily; both engines of a pair have it */
    const struct region_trial *region_trial; /* NULL outside trials; guest's thread only */
    uint64_t start_time_ns;
    bool has_one_cpu;                /* constant; see budget.c */
};

static inline bool exec_has(const struct exec *exec, enum feature feature)
{
    return exec->config.features >> feature & 1;
}

uint64_t exec_time_ns(void);
/* The host's time stamp counter: cheap enough to be read several times a block. */
static inline uint64_t exec_ticks(void)
{
    return __builtin_ia32_rdtsc();
}
/* CPU time of the calling thread. */
uint64_t exec_cpu_time_ns(void);

/* A thread of the engine's own, which takes no signals: those are the guest's. False when there cannot
 * be one (src/exec/exec.c). */
bool exec_start_thread(struct exec *exec, pthread_t *ret_thread, void *(*run)(void *exec));

/* ---- loop.c ---- */

/* What the latest exit left for the next turn of the loop. */
struct turn {
    struct tb *indirect_from; /* its inline cache waits to be filled */
    bool is_indirect;
    struct tb *next_hint;     /* the block that a direct exit named, or NULL */
    uint64_t generation;      /* of the cache then: the records are gone when it has changed */
};

enum os_action loop_handle_pending(struct exec_thread *thread);
/* The turn's indirect jump went to tb: remembers it for generated code. */
void loop_fill_indirect(struct exec_thread *thread, const struct turn *turn, struct tb *tb);
/* The jump cache's entry for the TB, if there is one, leads to its latest code from now on. */
void loop_renew_jump_cache(struct vcpu *vcpu, const struct tb *tb);
void loop_run_tb(struct exec_thread *thread, struct tb *tb);
enum os_action loop_after_exit(struct exec_thread *thread, struct turn *turn);
/* Where thread->tier0_escape leads. */
void loop_leave_tier0(struct exec_thread *thread);

/* ---- lockstep.c ---- */

/* Sets what a pair decides of the configuration. */
void lockstep_configure(struct exec_config *config);
/* Makes the reference's engine and what else the pair needs; exec is the candidate's. */
enum status lockstep_create(struct exec *exec, const struct exec_tiers *tiers, struct error *err);
void lockstep_destroy(struct lockstep **lockstep);
/* exec_run of such an engine. */
enum status lockstep_run(struct exec *exec, struct vcpu *vcpu, struct error *err);
/* A guest write faulted; true when it can be repeated. */
bool lockstep_write_fault(struct lockstep *lockstep, uint64_t addr);
/* Guest code changed: the reference's engine drops it too. */
void lockstep_drop_range(struct lockstep *lockstep, uint64_t addr, uint64_t size_bytes);
/* Polls after which regions leave. */
uint32_t lockstep_polls(const struct lockstep *lockstep);
/* A region has been compiled for the job's TB. */
void lockstep_note_region(struct lockstep *lockstep, const struct ir_region *region);

/* ---- translate.c and others ---- */

/* translate.c: the TB at pc with code that can run it, or NULL with *ret_status set. Flushes the cache
 * when it is full. known: the TB's record where the caller has it, else NULL. */
struct tb *translate_at(struct exec_thread *thread, uint64_t pc, struct tb *known,
                        enum status *ret_status, struct error *err);
/* The block as the guest's translator gives it, or the libcall that stands for the function at pc; at
 * an odd pc the function's own code, or the routine. */
struct ir_block *translate_plain(struct exec *exec, struct arena *arena, uint64_t pc,
                                 uint32_t mode);
/* The guest's code at pc, at most so many instructions; NULL when one does not fit an IR block. */
struct ir_block *translate_prefix(struct exec *exec, struct arena *arena, uint64_t pc,
                                  uint32_t mode, uint32_t max_insns);
/* guest_fetch of all translation, with the space as context. */
const uint8_t *translate_fetch(void *context, uint64_t pc, size_t *ret_available_bytes);
/* IR of the block at pc in `arena`, jumps to routines included, and the same after the configured
 * passes. */
struct ir_block *translate_ir(struct exec *exec, struct arena *arena, uint64_t pc, uint32_t mode);
struct ir_block *translate_optimise(struct exec *exec, struct arena *arena, struct ir_block *block);
/* After a fault with exact state: true when the code that met it may have joined loads, so that the
 * fault is to be met again, at its very place; from then on there are none. Takes the lock. */
bool translate_split_loads(struct exec_thread *thread);
/* Prints the region's nodes when dumps are on. */
void dump_region(struct exec *exec, const struct ir_region *region);
/* Compiles the block of a TB in tier 0 or 1 for tier 1. When it fails the TB goes on as it is. Lock
 * held. */
enum status translate_to_tier1(struct exec_thread *thread, struct tb *tb, struct error *err);
/* Counts what was begun at start_ns (when counting) and is tb's code in this tier now. Lock held. */
void translate_account(struct exec *exec, const struct tb *tb, enum tb_tier level, uint64_t start_ns);
/* The block of tb ends with a direct jump or call to pc: marks the callee, and what a jump goes to that
 * is so far that it may be a call at a function's end. Lock held. */
void translate_mark_callee(struct exec *exec, const struct tb *tb, uint64_t pc, bool is_call);
/* When a stage of a translation begins; adds the time since *ticks to it. Lock held. */
uint64_t translate_begin_stage(const struct exec *exec);
void translate_end_stage(struct exec *exec, enum exec_stage stage, uint64_t *ticks);
struct tier_dump dump_for(const struct exec *exec, uint64_t pc, uint32_t size_bytes);
void stats_failure(struct exec *exec, enum tb_tier tier, const char *text);

/* outcomes.c: where the code of the block, which counts, is to note what its last branch does; NULL: nowhere.
 * Lock held. */
uint8_t *outcomes_to_note(struct exec *exec, struct tb *tb, const struct ir_block *block);
/* Would the host foresee what the TB's last branch does, by what was noted until it was first asked? Lock held. */
bool outcomes_are_foreseen(struct tb *tb);
/* How many of OUTCOMES_JUDGED the host would not foresee; 0 where that is not known. Lock held. */
enum { OUTCOMES_LEARNED_FROM = 64, OUTCOMES_JUDGED = TB_OUTCOMES - OUTCOMES_LEARNED_FROM };
uint32_t outcomes_missed(struct tb *tb);

/* draft.c */
enum { DRAFT_RUNS = 200 }; /* of a draft, until it is replaced */
void draft_init(struct exec *exec);
/* Is the TB's code a draft? Lock held. */
bool draft_is(const struct tb *tb);
/* How often it has run. */
uint32_t draft_executions(const struct tb *tb);
/* Is the TB's first code to be a draft? Lock held. */
bool draft_is_wanted(struct exec *exec, const struct tb *tb);
/* Makes it in one walk; false: its block is not made of steps. Lock held. */
bool draft_make(struct exec_thread *thread, struct tb *tb, enum status *ret_status,
                struct error *err);
/* Instructions of the block at pc up to the last that is no step: what is made from IR of a draft. Lock held. */
uint32_t draft_rest_insns(struct exec *exec, uint64_t pc);
/* The heat of tb has run out. True: that was a draft's, and it has been replaced. No lock held. */
bool draft_takes(struct exec_thread *thread, struct tb *tb);

/* routines.c: makes the block's jump back to the header of a loop lead to the loop's routine, when
 * there is one. True when it was changed. Lock held. */
bool routines_apply(struct exec *exec, struct arena *arena, struct ir_block *block);
/* The same for a block of several pieces. */
void routines_apply_super(struct exec *exec, struct arena *arena, struct ir_block *block);
/* The same for a TB that is about to be compiled for tier 1: it is watched first, to see whether its
 * loop, or the function that it begins, runs often enough to be looked at. Its heat is then to be
 * routines_watch_heat. Lock held. */
void routines_watch(struct exec *exec, struct arena *arena, struct tb *tb, struct ir_block *block);
/* A TB is about to be translated for tier 1: where nothing is watched, the function that may begin
 * there is looked at. Lock held. */
void routines_meet(struct exec *exec, struct arena *arena, const struct tb *tb);
/* Executions for which a watched TB is watched. */
int32_t routines_watch_heat(const struct tb *tb);
/* Can blocks be watched at all? Else everything is looked at where it is met. */
bool routines_can_watch(const struct exec *exec);
/* The heat of a watched TB has run out: it is compiled once more where that makes a difference. No
 * lock held. */
void routines_settle(struct exec_thread *thread, struct tb *tb);
/* The routine of the loop at header_pc as its code is now. */
struct ir_block *routines_translate(struct exec *exec, struct arena *arena, uint64_t header_pc,
                                    uint32_t mode);

/* libcalls.c: looks at the function at pc, unless that was done before; return_pc is where its caller
 * goes on, 0: not known. Lock held. */
bool libcalls_look(struct exec *exec, struct arena *arena, uint64_t pc, uint64_t return_pc);
/* The block that stands for the function at pc, or NULL: it is not (yet) known. Lock held. */
struct ir_block *libcalls_translate(struct exec *exec, struct arena *arena, uint64_t pc,
                                    uint32_t mode);
/* The block has been translated: when it calls a function of which it expects more than the calling
 * convention says, that one's own code is to be run from now on. Lock held. */
void libcalls_check_call(struct exec *exec, struct arena *arena, const struct ir_block *block);
/* Does at once what the block calls at its end, when that is known: gives the function's pc, else 0.
 * What is made of the block must go with the function (tb_cover). Lock held. */
uint64_t libcalls_inline(struct exec *exec, struct arena *arena, struct ir_block *block);
/* Is there such a block? Lock held. */
bool libcalls_has(struct exec *exec, uint64_t pc);
/* Memory in the range changes: forgets the functions that have code or constants there, and drops what
 * was made of them. True if any. Lock held. */
bool libcalls_forget(struct exec *exec, uint64_t addr, uint64_t size_bytes);

/* region.c: executions of the TB as far as tier 1 counts them, UINT32_MAX when they are too many or
 * were counted before. Lock held. */
uint32_t region_executions(const struct exec *exec, const struct tb *tb);
/* What they are compared with: executions after which the root asked for a region. Lock held. */
uint32_t region_basis(const struct exec *exec, const struct tb *root);
/* The same: the region of this level whose entry is tb, of about max_insns guest instructions, in
 * `arena`. Cache lock held (it reads the profile). */
struct ir_region *region_form(struct exec *exec, struct arena *arena, struct tb *tb,
                              enum tb_tier level, bool is_profiled, uint32_t max_insns);
/* Does the block end with a branch over code that is short enough to be selected? */
bool region_may_skip(const struct exec *exec, const struct ir_block *block);

/* compile_queue.c. The cache's lock may be held, but for put and stop. */
void compile_queue_init(struct compile_queue *queue);
/* A zeroed job with an empty arena, to be given back by job_drop when it is done with. */
struct compile_job *compile_queue_job_new(struct compile_queue *queue);
void compile_queue_job_drop(struct compile_queue *queue, struct compile_job *job);
/* Joins the threads and drops waiting jobs; fini destroys the threads' tiers. */
void compile_queue_stop(struct compile_queue *queue);
void compile_queue_fini(struct compile_queue *queue);
bool compile_queue_is_full(struct compile_queue *queue);
bool compile_queue_is_empty(struct compile_queue *queue);
/* Hands the job over to the compile threads, which are started by the first. */
void compile_queue_put(struct exec *exec, struct compile_job *job);
/* A block that may be in a waiting job has become hot again: the job is the more urgent. */
void compile_queue_reheat(struct compile_queue *queue, const struct tb *tb);

/* run_length.c: guest instructions that the region runs, on average, from being entered to being left;
 * UINT64_MAX when nothing is seen to leave it. Lock held, with a profile. */
uint64_t run_length_of(const struct exec *exec, const struct ir_region *region);
/* Is that enough for a region to be compiled? */
bool run_length_is_enough(const struct exec *exec, const struct ir_region *region, uint64_t insns);

/* sampler.c */
void sampler_init(struct exec *exec);
/* Ends the thread. */
void sampler_fini(struct exec *exec);
/* The heat of a block that tier 1 is about to have: until the sampler has started, not much. */
int32_t sampler_first_heat(const struct exec *exec, int32_t heat);
/* A block has been translated: starts the sampler where the program is not small. Lock held. */
void sampler_translated(struct exec *exec);
/* The heat of tb has run out. True: that was not about its promotion, the sampler is to tell from now
 * on. No lock held. */
bool sampler_takes(struct exec_thread *thread, struct tb *tb);
/* Can nobody tell how often the block runs in tier 1? Lock held. */
bool sampler_is_unknown(const struct exec *exec, const struct tb *tb);
/* A region begins to be formed. Lock held. */
void sampler_forget_met(struct exec *exec);
/* It would do better if that were known of the block. Lock held. */
void sampler_meet(struct exec *exec, struct tb *tb);
/* Begins to count the blocks that were met in forming the latest region, whose root it was; false: there
 * were none. Lock held. */
bool sampler_counts_met(struct exec_thread *thread, struct tb *root);
/* The region with this root is refused: what was counted for it is not any more. Clearly so: whatever is in
 * it needs more samples from now on. Lock held. */
void sampler_refuse(struct exec_thread *thread, const struct tb *root, const struct ir_region *region,
                    bool is_clear);
/* vcpu->is_sampled is set, and tb is next to run: notes where the guest is. No lock held. */
void sampler_note(struct exec_thread *thread, struct tb *tb);

/* budget.c */
/* No floating point to speak of, and no loop of one block that goes through memory: tier 2 may gain
 * little. */
bool budget_is_plain(const struct ir_region *region);
void budget_init(struct exec *exec);
/* May the region that tb asks for be compiled now, by what is known of it from the last time? Lock held. */
bool budget_allows(const struct exec *exec, const struct tb *tb);
/* The same when it has been formed: is remembered for tb. Lock held. */
bool budget_allows_region(struct exec *exec, struct tb *tb, const struct ir_region *region);

/* promote.c */
void promote_init(struct exec *exec);
/* Joins the compile threads and drops waiting jobs; then, when all code has been released,
 * promote_fini destroys the LLVM tiers. The module itself stays mapped: LLVM's own exit handlers
 * need it. */
void promote_stop(struct exec *exec);
void promote_fini(struct exec *exec);
/* Compiles the job with *tier, which is opened first where it is NULL, and drops it. No lock held. */
enum status promote_compile(struct exec *exec, struct tier **tier, struct compile_job *job,
                            struct error *err);
/* The heat of tb has run out: requests or makes the next tier. No lock held. */
void promote_tb(struct exec_thread *thread, struct tb *tb);
/* The region of the root is to be made again, assuming less of the registers (VCPU_EXIT_UNGUARD). */
void promote_unguarded(struct exec_thread *thread, struct tb *root);
/* Compiles a region for tb at once on this thread. No lock held. */
enum status promote_now(struct exec_thread *thread, struct tb *tb, enum tb_tier level,
                        struct error *err);
/* Enough was seen of where the TB's indirect exit goes. Lock held. */
void promote_end_observing(struct exec_thread *thread, struct tb *tb);
/* Heat with which a TB of this tier starts, INT32_MAX when it is never promoted. */
int32_t promote_initial_heat(const struct exec *exec, enum tb_tier tier);
void exec_kick_all(struct exec *exec);
/* All code goes, and who runs it comes back. Lock held; the caller is outside generated code. */
void exec_drop_code(struct exec *exec);

/* tier2_module.c: a new instance of the LLVM tier for the calling thread; opens the shared object
 * at the first call. NULL with *err set when it cannot. No lock held. */
struct tier *tier2_open(struct exec *exec, struct error *err);

/* stress.c: forces the configured events. At the top of the loop, no lock held. */
void stress_turn(struct exec_thread *thread);

/* fault.c */
void fault_install(void);
void fault_set_thread(struct exec_thread *thread);

/* sample.c: time shares by a timer's signal, only when counting. */
void sample_start(struct exec_thread *thread);
void sample_stop(struct exec_thread *thread);

#endif
