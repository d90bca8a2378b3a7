/* The execution engine: the loop, translation, promotion, faults.
 *
 * It drives tiers through struct tier and reaches the operating system through struct os_ops. One
 * engine serves one machine. docs/architecture.md shows the way of the data. */
#ifndef TIERCEL_EXEC_EXEC_H
#define TIERCEL_EXEC_EXEC_H

#include "src/base/features.h"
#include "src/guest/guest.h"
#include "src/memory/space.h"
#include "src/opt/opt.h"
#include "src/tb/tier.h"

struct exec;

/* A guest memory access, fetch or instruction that failed. */
struct guest_fault {
    enum guest_fault_kind {
        GUEST_FAULT_ILLEGAL,    /* SIGILL */
        GUEST_FAULT_BREAKPOINT, /* SIGTRAP */
        GUEST_FAULT_FETCH,      /* SIGSEGV: pc not executable */
        GUEST_FAULT_ACCESS,     /* SIGSEGV: load or store */
        GUEST_FAULT_BUS,        /* SIGBUS: the host's SIGBUS, or misaligned atomic */
    } kind;
    uint64_t pc;
    uint64_t address;     /* of the access; pc for the others */
    bool is_write;
    bool is_state_exact;  /* registers are those at pc (always in tiers 0 and 1) */
};

enum os_action {
    OS_CONTINUE, /* go on at vcpu->pc */
    OS_EXIT,     /* leave exec_run */
};

/* What the engine asks of the operating system. All are called on the vcpu's thread, outside
 * generated code, with the host's MXCSR, vcpu->pc and vcpu->reg exact (but see is_state_exact). */
struct os_ops {
    /* vcpu->pc is the ecall's; the callee advances it. */
    enum os_action (*syscall)(void *os, struct vcpu *vcpu);
    enum os_action (*fault)(void *os, struct vcpu *vcpu, const struct guest_fault *fault);
    /* Pending work of kind VCPU_PENDING_SIGNAL. */
    enum os_action (*signal)(void *os, struct vcpu *vcpu);
};

enum exec_mode { EXEC_AUTO, EXEC_TIER0, EXEC_TIER1, EXEC_TIER2 };

enum exec_dump {
    EXEC_DUMP_DECODE = 1,
    EXEC_DUMP_IR = 2,
    EXEC_DUMP_OPT = 4,
    EXEC_DUMP_X64 = 8,
    EXEC_DUMP_LLVM = 16,
    EXEC_DUMP_ASM = 32,
    EXEC_DUMP_REGISTERS = 64,   /* at the end; EXEC_TIER1 alone: how often blocks run is counted */
    EXEC_DUMP_PROMOTIONS = 128, /* when a compile of tier 2 or 3 has ended */
};

/* STRESS(name, one_in, text): events that --stress forces at the top of the loop, each at one turn
 * in so many (src/exec/stress.c). */
#define STRESSES(STRESS)                                                                           \
    STRESS(evict, 61, "throw all translations away")                                               \
    STRESS(drop, 7, "drop the translations of the page at pc, as if it were written")              \
    STRESS(swap, 5, "promote the block at pc to its next tier")                                    \
    STRESS(leave, 2, "leave generated code at its next poll")

enum stress_kind {
#define STRESS(name, one_in, text) STRESS_##name,
    STRESSES(STRESS)
#undef STRESS
    STRESS_COUNT
};

struct stress {
    uint32_t kinds; /* set of 1 << enum stress_kind; 0: nothing is forced */
    uint64_t seed;
};

/* "KIND,...[:SEED]" or "all[:SEED]". */
enum status stress_parse(const char *text, struct stress *ret_stress, struct error *err);
/* A line for each kind, for --help. */
void stress_list(FILE *out);

/* Two tiers that run the same blocks one after the other and are compared (src/exec/lockstep.c). */
struct lockstep_pair {
    bool is_on;
    enum tb_tier reference; /* tier 0 or 1, runs the IR as it was translated */
    enum tb_tier candidate; /* a higher one */
};

/* "T0,T1", "T0,T2", "T1,T2"; T3 as T2; the T can be left out. */
enum status lockstep_parse(const char *text, struct lockstep_pair *ret_pair, struct error *err);

struct exec_config {
    enum exec_mode mode;
    uint32_t threshold[TB_TIER_COUNT]; /* [1..3] executions before promotion to that tier */
    uint32_t jit_threads;              /* 0: compile on the vcpu's thread */
    bool is_counting;                  /* keep execution statistics */
    bool is_fp_adaptive;               /* regions keep no FP flags until the guest uses them */
    size_t code_limit_bytes;
    uint32_t max_block_insns;
    uint32_t max_region_insns;
    uint32_t opt_passes;               /* set of 1 << enum opt_pass */
    uint32_t features;                 /* set of 1 << enum feature */
    struct stress stress;
    uint32_t dump;                     /* set of enum exec_dump */
    uint64_t dump_pc;                  /* only blocks that contain it; 0: all */
    FILE *dump_file;
    struct lockstep_pair lockstep;     /* when on, decides mode, jit_threads and some features; with
                                          threshold[2] 0 regions at once, else after so many
                                          executions in tier 1 */
    FILE *lockstep_file;               /* for the report */
    const char *tier2_module;          /* path of the LLVM tier's shared object, NULL: not built */
    const struct guest_isa *isa;
    struct space *space;
    const struct os_ops *os_ops;
    void *os;                          /* may be set later with exec_set_os */
};

/* Makes tiers 0 and 1 for the engine; called once with the engine's cache. The composition root
 * provides them, so that the engine knows no tier. The engine destroys them. */
struct exec_tiers {
    struct tier *(*create_tier0)(struct tb_cache *cache, const struct tier_options *options);
    struct tier *(*create_tier1)(struct tb_cache *cache, const struct tier_options *options);
};

/* The configuration is copied. One engine may exist per process and space at a time. */
enum status exec_create(const struct exec_config *config, const struct exec_tiers *tiers,
                        struct exec **ret_exec, struct error *err);
/* Waits for compile threads. */
void exec_destroy(struct exec **exec);
void exec_set_os(struct exec *exec, void *os);

/* A hart of this engine, with all registers zero; pc and registers are the caller's to set. */
struct vcpu *exec_vcpu_create(struct exec *exec);
void exec_vcpu_destroy(struct vcpu **vcpu);

/* Runs from vcpu->pc on the calling thread until the OS answers OS_EXIT (STATUS_OK) or the engine
 * cannot go on: STATUS_CODE_FULL when one block does not fit the code memory, STATUS_UNSUPPORTED
 * when mode EXEC_TIER2 has no LLVM tier, STATUS_REJECTED when it cannot compile a block,
 * STATUS_DIFFERENT when lockstep has found a difference and printed its report. */
enum status exec_run(struct exec *exec, struct vcpu *vcpu, struct error *err);

/* The stages of a translation in tiers 0 and 1: guest code to IR, the passes, and the tier's own
 * work with publication. */
enum exec_stage { EXEC_STAGE_DECODE, EXEC_STAGE_OPT, EXEC_STAGE_COMPILE, EXEC_STAGE_COUNT };

/* What exec_translate_range did. */
struct exec_translation {
    uint64_t blocks, guest_insns, code_bytes;
    uint64_t time_ns;                    /* processor time of the thread, page faults included */
    uint64_t stage_ns[EXEC_STAGE_COUNT]; /* 0 unless is_counting, which also makes it slower */
};

/* Translates all code in guest addresses [start, end) for vcpu's FP mode without running it. Blocks
 * that begin at jump destinations overlap others, as they do in a run. Errors as exec_run. */
enum status exec_translate_range(struct exec *exec, struct vcpu *vcpu, uint64_t start, uint64_t end,
                                 struct exec_translation *ret_translation, struct error *err);

/* Tells the engine that the guest has (or no longer has) a handler for SIGSEGV or SIGBUS, so that
 * faults must be precise in every tier from now on. */
void exec_set_precise_faults(struct exec *exec, bool is_precise);

/* For the OS, from any thread or an async signal handler: sets pending bits. */
static inline void vcpu_set_pending(struct vcpu *vcpu, uint32_t bits)
{
    atomic_fetch_or_explicit(&vcpu->pending, bits, memory_order_release);
}

/* What lockstep has compared so far: one line, without newline. */
void exec_lockstep_summary(const struct exec *exec, char *text, size_t text_size);

/* ---- statistics (src/exec/stats.c); docs/stats.md describes the JSON ---- */
void exec_write_stats_text(struct exec *exec, FILE *out);
void exec_write_stats_json(struct exec *exec, FILE *out);
/* EXEC_DUMP_REGISTERS, if it was asked for (src/exec/registers.c). */
void exec_dump_registers(struct exec *exec);

#endif
