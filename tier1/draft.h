/* What drafts are made of (draft.c) and with: the code of one step (draft_step.c). */
#ifndef TIERCEL_TIER1_DRAFT_H
#define TIERCEL_TIER1_DRAFT_H

#include "src/ir/step.h"
#include "tier1/emit.h"

enum { DRAFT_MAX_STEP_BYTES = 48, DRAFT_MAX_INSNS = 64, DRAFT_MAX_EXITS = DRAFT_MAX_INSNS + 1 };

/* One draft in the making. */
struct draft {
    struct t1 *t;
    uint64_t pc;        /* of the instruction at hand, */
    uint32_t offset;    /* bytes from the block's start, */
    uint64_t next_pc;   /* and, at the end, of the one behind it */
    uint64_t known;     /* guest registers whose value is a known number: */
    uint64_t value[64]; /* those numbers */
    uint64_t exit_pc[DRAFT_MAX_EXITS]; /* where each of t->exits goes */
    struct ir_step last; /* what ends it; STEP_none so far */
    bool is_jump;       /* it ends by its last exit alone */
    uint32_t entries;   /* instructions that may be entered: those before the block with an indirect exit,
                           which tells the loop which TB it belongs to; none where the draft ends because a
                           block may be no longer, for one that begins inside it is; else all */
    uint32_t last_at;   /* offset in the guest's code of its last basic block */
    uint32_t begin;     /* offset of the first instruction's code */
    uint8_t way[DRAFT_MAX_INSNS]; /* what each instruction takes: draft_way() */
};

/* Fills t->draft_reg, from t->pinned and t->host_of. */
void draft_regs_init(struct t1 *t);
/* Each of these emits at `out`, in the W view, and gives where its code ends; exits are noted in t->exits
 * and exit_pc. The conditional exit that a branch is; behind it the next instruction follows: */
uint8_t *draft_put_side_exit(struct draft *draft, uint8_t *out, struct ir_step step);
/* A step; needs that it does something (draft.c). */
uint8_t *draft_put_step(struct draft *draft, uint8_t *out, struct ir_step step);
/* The exit to pc. */
uint8_t *draft_put_jump(struct draft *draft, uint8_t *out, uint64_t pc);

/* ---- draft_map.c: which drafts go on over which guest bytes ---- */

/* An instruction's way through a draft: bytes of its code, whether it has four bytes, and whether nothing is
 * known before it that this or later code may rely on, so that the draft can be entered there. */
_Static_assert(DRAFT_MAX_STEP_BYTES + 12 < 64, "the code of a step fits, with a count behind it");
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
/* Where a step with such an immediate, at the instruction at hand, has its number. */
static inline uint64_t draft_immediate(const struct draft *draft, const struct ir_step *step)
{
    return (uint64_t)(int64_t)step->imm + (step->is_relative ? draft->pc : 0);
}

#endif
