/* Lockstep: what its files share (lockstep.c has the algorithm). */
#ifndef TIERCEL_EXEC_LOCKSTEP_H
#define TIERCEL_EXEC_LOCKSTEP_H

#include "src/exec/internal.h"

/* ---- memory at a boundary (lockstep_pages.c) ---- */

/* A guest page that may have been written since the boundary. */
struct lockstep_page {
    struct lockstep_page *next_in_bucket;
    uint64_t addr;
    uint64_t last_change;        /* step */
    bool is_changed;             /* the candidate left other contents than it found */
    uint8_t *before, *candidate; /* contents at the boundary, and after the candidate's run */
};

/* All guest pages are write protected but the open ones, whose contents are compared after each
 * run; the first write to any other opens it. Written by the guest's thread, its fault handler
 * included. */
struct lockstep_pages {
    struct space *space;
    struct lockstep_page **open; /* array */
    uint32_t open_count, open_capacity;
    struct lockstep_page *buckets[1024];
    struct lockstep_page *free; /* by next_in_bucket */
    uint64_t step;
    /* Contents to go back to, of every page that has been open since they were taken. */
    struct lockstep_page **base;
    uint32_t base_count, base_capacity;
    bool has_base;
};

void lockstep_pages_init(struct lockstep_pages *pages, struct space *space);
void lockstep_pages_fini(struct lockstep_pages *pages);
/* Before the operating system touches guest memory, and after it: a new boundary. */
void lockstep_pages_release(struct lockstep_pages *pages);
void lockstep_pages_protect(struct lockstep_pages *pages);
/* A write faulted. True when it can be repeated. */
bool lockstep_pages_fault(struct lockstep_pages *pages, uint64_t addr);
/* After the candidate's run: keeps what it wrote and goes back to the boundary. */
void lockstep_pages_rewind(struct lockstep_pages *pages);
/* After the replay: is memory what the candidate left? */
bool lockstep_pages_agree(const struct lockstep_pages *pages);
/* Makes memory as it is a new boundary; is_agreed: lockstep_pages_agree has said so. */
void lockstep_pages_commit(struct lockstep_pages *pages, bool is_agreed);
/* Remembers the boundary as the base; brings memory back to it. */
void lockstep_pages_take_base(struct lockstep_pages *pages);
void lockstep_pages_restore_base(struct lockstep_pages *pages);

/* ---- a boundary ---- */

struct lockstep_state {
    struct lockstep_compared {
        uint64_t reg[IR_GUEST_REGS];
        uint64_t pc;
        uint64_t fcsr;
        uint64_t reservation_address, reservation_value;
    } compared;
    uint32_t mxcsr, frm;
};

enum lockstep_end { LOCKSTEP_JUMP, LOCKSTEP_TRAP, LOCKSTEP_FAULT };

/* How one side's run ended. */
struct lockstep_outcome {
    struct lockstep_state state;
    enum lockstep_end end;
    uint32_t trap; /* enum ir_trap */
    struct guest_fault fault;
    uint64_t insns; /* guest instructions of the blocks that were begun */
};

/* Values of the guest's counters in the candidate's run, for the replay. */
struct lockstep_counters {
    uint64_t *values;
    uint32_t count, capacity, replayed;
};

/* Which region serves an entry: regions with several have one root. */
struct lockstep_root {
    uint64_t entry_pc, root_pc;
};

enum { LOCKSTEP_MAX_TRACE = 1024, LOCKSTEP_DEFAULT_POLLS = 64 };

struct lockstep {
    struct lockstep_pair pair;
    struct exec *exec;     /* the candidate's engine, which owns this */
    struct exec *replayer; /* the reference's; owned */
    struct exec_thread *candidate, *reference;
    vcpu_helper *get_counter; /* the real one */
    bool is_replaying;
    struct lockstep_counters counters;
    struct lockstep_pages pages;
    struct lockstep_state start;           /* of the step at hand, for the candidate */
    struct lockstep_state reference_start; /* the same but for tainted registers */
    uint64_t tainted;     /* registers that were dead when a region left, in which the two
                             differ since then */
    uint64_t tolerated;   /* registers in which the latest step differs and may */
    uint64_t start_insns; /* counted by the candidate until then */
    struct lockstep_outcome made, replayed;
    uint32_t trace_count; /* blocks of the replay; the first ones are in trace */
    uint64_t trace[LOCKSTEP_MAX_TRACE];
    uint64_t steps, insns; /* boundaries that were compared, guest instructions */
    uint64_t unchecked;    /* steps that only the reference made */
    uint32_t polls;        /* after which regions leave */
    struct lockstep_root *roots;
    uint32_t root_count, root_capacity;
};

/* One step from vcpu->pc of the candidate: runs tb there, replays it, compares. *ret_agrees is set;
 * a status other than STATUS_OK when the reference cannot go on. */
enum status lockstep_step(struct lockstep *lockstep, struct tb *tb, bool *ret_agrees,
                          struct error *err);
/* One block by the reference alone, whose state the candidate takes over. */
enum status lockstep_step_alone(struct lockstep *lockstep, struct error *err);
/* True when the latest step has done nothing but ask for promotion or meet pending work. */
bool lockstep_is_idle(const struct lockstep *lockstep);
void lockstep_load_state(struct vcpu *vcpu, const struct lockstep_state *state);

/* The latest step disagreed at pc: prints the report with the bisection (lockstep_report.c,
 * lockstep_bisect.c). */
void lockstep_report(struct lockstep *lockstep, uint64_t pc);

/* ---- bisection ---- */

struct bisection {
    struct lockstep *lockstep;
    FILE *out;
    uint64_t pc;        /* of the TB that disagreed */
    bool is_alone;      /* it is to be the root of its own region */
    enum tb_tier level; /* of its code */
    struct lockstep_state start, reference_start;
    uint64_t tainted;
    uint64_t insns; /* of the step */
};

/* Takes the latest step as the failing one. True when regions that leave earlier fail too: then the
 * latest step is a shorter one, and the failing one from now on. */
bool bisection_shorten(struct bisection *bisection);
/* Compiles the failing code again, with the dumps that are configured. */
bool bisection_recompile(struct bisection *bisection);
/* Switches passes, pipeline steps and blocks off one by one and prints what that changes. */
void bisection_run(struct bisection *bisection);

#endif
