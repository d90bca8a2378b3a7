/* tiercel: runs 64-bit RISC-V Linux programs on x86_64 Linux.
 *
 * The only public header. A machine is created from a configuration, loaded with one program, run
 * to its end and destroyed. The library never prints and never exits: failures are returned as a
 * sentence, what the guest writes goes to its own file descriptors. */
#ifndef TIERCEL_TIERCEL_H
#define TIERCEL_TIERCEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TIERCEL_API __attribute__((visibility("default")))

/* Which tiers run. AUTO promotes by execution counts; the others use that tier alone. */
typedef enum {
    TIERCEL_MODE_AUTO,
    TIERCEL_MODE_TIER0,
    TIERCEL_MODE_TIER1,
    TIERCEL_MODE_TIER2,
} tiercel_mode;

/* Floating point in tiers 2 and 3. EXACT: results and flags are those of the guest's machine.
 * ADAPTIVE: flags are not kept until the guest comes to code that reads or writes them (or sets the
 * rounding mode); from there on everything is exact, but flags raised before may be missing or be
 * set without reason. Results are the same in both. */
typedef enum {
    TIERCEL_FP_EXACT,
    TIERCEL_FP_ADAPTIVE,
} tiercel_fp;

typedef enum {
    TIERCEL_OK = 0,
    TIERCEL_ERROR_NO_FILE,     /* the program cannot be found (a shell's status 127) */
    TIERCEL_ERROR_NOT_RUNNABLE, /* it is there and cannot be run (126) */
    TIERCEL_ERROR_OPTION,      /* a configuration value is malformed (2) */
    TIERCEL_ERROR_DIFFERENCE,  /* lockstep: two tiers disagree; the report has been written (1) */
    TIERCEL_ERROR_RESOURCE,    /* memory, code memory, or an optional part is missing (125) */
} tiercel_status;

/* What to print of each translation; a set. */
enum {
    TIERCEL_DUMP_DECODE = 1, /* guest instructions */
    TIERCEL_DUMP_IR = 2,     /* IR before optimisation */
    TIERCEL_DUMP_OPT = 4,    /* IR after optimisation */
    TIERCEL_DUMP_X64 = 8,    /* tier 1's machine code */
    TIERCEL_DUMP_LLVM = 16,  /* tier 2's LLVM IR */
    TIERCEL_DUMP_ASM = 32,   /* tier 2's machine code */
    TIERCEL_DUMP_REGISTERS = 64, /* with tier 1: uses of each guest register, at the end */
    TIERCEL_DUMP_PROMOTIONS = 128, /* a line for each region that was compiled or not (docs/stats.md) */
};

/* All zero except where tiercel_config_init says otherwise. */
typedef struct tiercel_config {
    tiercel_mode mode;
    uint32_t threshold[4];       /* [1..3]: executions after which a block moves to that tier; 0: at
                                    once */
    uint32_t jit_threads;        /* compile threads; 0 compiles on the guest's thread */
    bool is_deterministic;       /* compile synchronously at the exact count, fixed AT_RANDOM */
    bool is_counting;            /* maintain execution statistics */
    tiercel_fp fp;
    size_t code_memory_bytes;    /* limit for generated code */
    uint32_t max_block_insns;    /* guest instructions per block */
    uint32_t max_region_insns;   /* guest instructions per region */
    const char *opt;             /* optimiser passes, as --opt; NULL: all */
    const char *lockstep;        /* "T0,T1", "T0,T2", "T1,T2" (or T3): run all guest code in both
                                    tiers and compare; deterministic. NULL: off */
    FILE *lockstep_file;         /* the report of a difference; NULL: stderr */
    const char *features;        /* techniques switched off or on, as --features; NULL: all on */
    const char *stress;          /* events to force, as --stress, for tests; NULL: none */
    bool is_without_routines;    /* as --features=-routines, whatever features says */
    uint32_t dump;               /* TIERCEL_DUMP_* */
    uint64_t dump_pc;            /* only blocks that contain this pc; 0: all */
    FILE *dump_file;             /* NULL: stderr */
    FILE *strace_file;           /* NULL: no trace of system calls */
    const char *const *environment; /* guest environment, NULL terminated */
    uint64_t stack_bytes;        /* guest stack; 0: the host's soft limit, at most 8 MiB by default */
} tiercel_config;

typedef struct tiercel_machine tiercel_machine;

/* How the guest ended. */
typedef struct tiercel_exit {
    bool is_signal;     /* it died of a signal */
    int status;         /* exit status, or the Linux signal number */
    char message[512];  /* for a death by fault: pc, cause and mapping; else empty */
} tiercel_exit;

TIERCEL_API void tiercel_config_init(tiercel_config *config);

/* Loads argv[0] ... of the guest from the host file `path`. On failure a sentence is stored in
 * message (NUL terminated, no newline). */
TIERCEL_API tiercel_status tiercel_create(const tiercel_config *config, const char *path, int argc,
                                          const char *const *argv, tiercel_machine **ret_machine,
                                          char *message, size_t message_size);
/* Runs the guest to its end on the calling thread. */
TIERCEL_API tiercel_status tiercel_run(tiercel_machine *machine, tiercel_exit *ret_exit,
                                       char *message, size_t message_size);
/* What tiercel_translate did. */
typedef struct tiercel_translation {
    uint64_t blocks, guest_insns, code_bytes;
    uint64_t time_ns; /* processor time of the thread, page faults included */
    uint64_t decode_ns, opt_ns, compile_ns; /* stages of it; 0 unless is_counting, which slows */
} tiercel_translation;

/* Translates all code of the program, in the tier that blocks start in, without running it. A machine
 * is translated or run, not both. */
TIERCEL_API tiercel_status tiercel_translate(tiercel_machine *machine,
                                             tiercel_translation *ret_translation, char *message,
                                             size_t message_size);
/* What lockstep has compared, as one line without newline; empty when it is off. */
TIERCEL_API void tiercel_lockstep_summary(const tiercel_machine *machine, char *text,
                                          size_t text_size);
/* Writes statistics gathered so far: readable text, or JSON (docs/stats.md has the schema). */
TIERCEL_API void tiercel_write_stats(tiercel_machine *machine, FILE *out, bool is_json);
TIERCEL_API void tiercel_destroy(tiercel_machine **machine);

/* A copy of the stream for traces, dumps and statistics, which the guest, whose descriptors are the host's, cannot close;
 * the stream itself when it has no descriptor. */
TIERCEL_API FILE *tiercel_keep_stream(FILE *stream);

/* "tiercel 0.1.0 (LLVM 19.1.7)" or "... (no LLVM tier)". */
TIERCEL_API const char *tiercel_version(void);
/* Names and one-line texts of the optimiser passes, features and forced events, for --help. */
TIERCEL_API void tiercel_list_passes(FILE *out);

#ifdef __cplusplus
}
#endif

#endif
