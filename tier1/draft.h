/* What drafts are made of (draft.c) and with: the code of one step (draft_step.c). */
#ifndef TIERCEL_TIER1_DRAFT_H
#define TIERCEL_TIER1_DRAFT_H

#include "src/ir/step.h"
#include "tier1/emit.h"

enum {
    DRAFT_MAX_STEP_BYTES = 48,
    DRAFT_WAY_BYTES = 64,      /* more than a step's, for draft_way */
    DRAFT_MAX_END_BYTES = 192, /* of an exit, with statistics */
    DRAFT_BLOCK_INSNS = 64, /* of one that goes on behind branches only, */
    DRAFT_MAX_INSNS = 256,  /* and of any */
    DRAFT_MAX_EXITS = DRAFT_MAX_INSNS + 1,
};

enum draft_exit_kind { DRAFT_BRANCH, DRAFT_JUMP, DRAFT_CALL };
struct draft_exit {
    uint64_t pc;
    uint8_t kind;      /* enum draft_exit_kind */
    uint16_t block_at; /* offset in the guest's code of the block that it ends */
};

/* A jump that waits for an instruction to come: offset in the guest's code; its rel32, as an offset. */
struct draft_join {
    uint32_t at;
    uint32_t site;
};

/* Where the latest basic block began. */
struct draft_halt {
    uint32_t at, length; /* guest bytes and instructions before it */
    uint32_t faults, exits, joins;
    bool is_reached; /* by the code before it */
    uint8_t *out;
};

/* Where a basic block begins: bytes and instructions of the guest before it; its code. */
struct draft_mark {
    uint16_t at, length, code_offset;
};

/* One draft in the making. */
struct draft {
    struct t1 *t;
    const struct tier_draft *job;
    uint32_t offset;    /* of the instruction at hand, in bytes from the block's start, */
    uint32_t length;    /* instructions before it, */
    uint64_t next_pc;   /* and, at an end, the pc behind it */
    bool is_going_on;   /* nothing has ended the draft */
    uint64_t known;     /* guest registers whose value is a known number: */
    uint64_t value[64]; /* those numbers; registers hold them all the same */
    uint16_t set_by[64]; /* the instructions that set them */
    bool is_bound;      /* the code of the instruction at hand relies on one before it */
    struct draft_halt halt;
    uint32_t next_join; /* the least `at` of a join; UINT32_MAX: there is none */
    uint32_t join_count;
    uint32_t entries;   /* instructions that may be entered: none where the draft ends because a block may be no
                           longer, for one that begins inside it is; else all */
    struct draft_exit exit[DRAFT_MAX_EXITS]; /* where each of t->exits goes */
    struct draft_join join[DRAFT_MAX_INSNS];
    uint32_t mark_count;
    struct draft_mark mark[DRAFT_MAX_INSNS + 2]; /* of its basic blocks, where it ends, and one more */
    uint8_t way[DRAFT_MAX_INSNS]; /* what each instruction takes: draft_way() */
};

/* Fills t->draft_reg, from t->pinned and t->host_of. */
void draft_regs_init(struct t1 *t);
/* Each of these emits at `out`, in the W view, and gives where its code ends; exits are noted in t->exits
 * and `exit`. The conditional exit that a branch is; behind it the next instruction follows: */
uint8_t *draft_put_side_exit(struct draft *draft, uint8_t *out, const struct ir_step *step);
/* Any other step, by its op; needs that it does something (draft_walk.c). */
typedef uint8_t *draft_put_fn(struct draft *draft, uint8_t *out, const struct ir_step *step);
extern draft_put_fn *const draft_put[STEP_OP_COUNT];
/* The exit to pc. */
uint8_t *draft_put_jump(struct draft *draft, uint8_t *out, uint64_t pc, enum draft_exit_kind kind);

/* ---- draft_walk.c ---- */

/* Instructions that a draft may have. */
uint32_t draft_limit(const struct t1 *t, const struct tier_draft *job);
/* Those of its first block. */
uint32_t draft_first_insns(const struct tier_draft *job);
/* Emits the draft, all but its beginning, for which there is room. False: there is none. */
bool draft_walk(struct draft *draft);

/* ---- draft_map.c: which drafts go on over which guest bytes ---- */

/* An instruction's way through a draft: bytes of its code, whether it has four bytes, and whether nothing is
 * known before it that this or later code may rely on, so that the draft can be entered there. Of one that ends a
 * basic block only the last is of use: a mark tells where the next begins. */
_Static_assert(DRAFT_MAX_STEP_BYTES < DRAFT_WAY_BYTES, "the code of a step fits");
static inline uint8_t draft_way(uint32_t code_bytes, bool is_long, bool is_entry)
{
    return (uint8_t)(code_bytes | (unsigned)is_long << 6 | (unsigned)is_entry << 7);
}

void draft_map_fini(struct t1 *t);
/* Remembers the draft of d for those that begin inside it. */
void draft_map_add(struct draft *d, struct tb_code *code);
/* Where the code of a draft goes on with an instruction, and what it has from there on. */
struct draft_entry {
    struct tb *tb;        /* whose code the draft is */
    const uint8_t *place; /* X address */
    uint32_t size_bytes;
};
/* That of the instruction at pc in a draft of this mode; false: none is remembered. */
bool draft_map_find(struct t1 *t, uint64_t pc, unsigned mode, struct draft_entry *ret_entry);

static inline bool draft_knows(const struct draft *draft, unsigned guest)
{
    return draft->known >> guest & 1;
}
/* Nobody may enter the draft at these of its instructions. */
static inline void draft_close_way(struct draft *draft, uint32_t first, uint32_t end)
{
    for (uint32_t i = first; i < end; i++)
        draft->way[i] &= (uint8_t)~draft_way(0, false, true);
}
/* The number that the register is known to be, for the code of the instruction at hand to be made with. So the
 * draft cannot be entered between the one that set it and this. */
static inline uint64_t draft_rely(struct draft *draft, unsigned guest)
{
    if (guest) { /* register 0 is what it is */
        draft_close_way(draft, draft->set_by[guest] + 1u, draft->length);
        draft->is_bound = true;
    }
    return draft->value[guest];
}
/* The guest pc of the instruction at hand. */
static inline uint64_t draft_pc(const struct draft *draft)
{
    return draft->t->guest_pc + draft->offset;
}
/* Where a step with such an immediate, at the instruction at hand, has its number. */
static inline uint64_t draft_immediate(const struct draft *draft, const struct ir_step *step)
{
    return (uint64_t)(int64_t)step->imm + (step->is_relative ? draft_pc(draft) : 0);
}
/* Where a jump goes; needs that this is known. */
static inline uint64_t draft_destination(const struct draft *draft, const struct ir_step *step)
{
    uint64_t pc = draft_immediate(draft, step);
    return step->op == STEP_jump ? pc : (draft->value[step->rs1] + pc) & ~UINT64_C(1);
}

#endif
