/* The code of one step of a draft.
 *
 * It stands for itself: pinned guest registers are where they always are, the others in memory before and
 * behind it, so that a draft can be entered at each. RBX and RBP hold what is between. Registers that were
 * set to a number are known, which makes addresses and more numbers of them; they hold it all the same.
 *
 * Which registers an instruction of the guest names is not to be foreseen, so what depends on them is
 * looked up (struct draft_reg) and put together without branches: the bytes of an instruction are written
 * where it goes in any case, and `out` moves on by as many as it has, by none where it is not needed. */
#include "tier1/draft.h"

/* What is known of an operation on registers or with a number. */
struct operation {
    uint8_t opcode;   /* reg := reg op r/m */
    uint8_t group;    /* with a number: its number in the group of those */
    uint8_t narrow;   /* on the low 32 bits: what is to be taken from REX */
    bool is_extended; /* the result is its low 32 bits, sign-extended */
    uint8_t cc;       /* a comparison: enum x64_cc */
    uint32_t shift;   /* by a register: what makes it of shlx, shrx, sarx */
};

enum { ADD = 0x03, SUB = 0x2b, WIDE = 8, SHIFT = 0xc1, MOV_FROM = 0x8b, MOV_TO = 0x89 };

static const struct operation operations[STEP_OP_COUNT] = {
    [STEP_add] = {.opcode = ADD},
    [STEP_and] = {.opcode = 0x23},
    [STEP_or] = {.opcode = 0x0b},
    [STEP_xor] = {.opcode = 0x33},
    [STEP_add_32] = {.opcode = ADD, .is_extended = true},
    [STEP_shl] = {.shift = X64_66 | X64_W},
    [STEP_shr] = {.shift = X64_F2 | X64_W},
    [STEP_sar] = {.shift = X64_F3 | X64_W},
    [STEP_shl_32] = {.shift = X64_66, .is_extended = true},
    [STEP_shr_32] = {.shift = X64_F2, .is_extended = true},
    [STEP_sar_32] = {.shift = X64_F3, .is_extended = true},
    [STEP_lt_s] = {.cc = X64_L},
    [STEP_lt_u] = {.cc = X64_B},
    [STEP_lt_s_imm] = {.cc = X64_L},
    [STEP_lt_u_imm] = {.cc = X64_B},
    [STEP_and_imm] = {.group = X64_AND},
    [STEP_or_imm] = {.group = X64_OR},
    [STEP_xor_imm] = {.group = X64_XOR},
    [STEP_shl_imm] = {.group = X64_SHL},
    [STEP_shr_imm] = {.group = X64_SHR},
    [STEP_sar_imm] = {.group = X64_SAR},
    [STEP_shl_imm_32] = {.group = X64_SHL, .narrow = WIDE, .is_extended = true},
    [STEP_shr_imm_32] = {.group = X64_SHR, .narrow = WIDE, .is_extended = true},
    [STEP_sar_imm_32] = {.group = X64_SAR, .narrow = WIDE, .is_extended = true},
};

/* ---- bytes ---- */

static inline uint8_t *put(uint8_t *out, uint64_t bytes, unsigned size_bytes)
{
    memcpy(out, &bytes, 8);
    return out + size_bytes;
}

/* The register fields of an instruction whose first three bytes are REX.W, opcode, ModRM. */
static inline uint32_t as_reg(unsigned reg)
{
    return (reg & 7) << 19 | reg >> 3 << 2;
}

static inline uint32_t as_base(unsigned reg)
{
    return 0x48 | (reg & 7) << 16 | reg >> 3;
}

static inline uint32_t as_rm(unsigned reg)
{
    return 0xc00000 | as_base(reg);
}

void draft_regs_init(struct t1 *t)
{
    for (unsigned guest = 0; guest < 32; guest++) {
        struct draft_reg *reg = &t->draft_reg[guest];
        bool is_in_host = t->pinned >> guest & 1;
        uint32_t disp = (uint32_t)t1_reg_memory(guest).disp;
        bool is_short = (int32_t)disp == (int8_t)disp;
        unsigned host = t->host_of[guest];
        reg->host = is_in_host ? (uint8_t)host : X64_NO_REG;
        reg->a = is_in_host ? (uint8_t)host : X64_RBX;
        reg->b = is_in_host ? (uint8_t)host : X64_RBP;
        reg->result = guest ? reg->a : X64_RAX;
        reg->rm = is_in_host ? as_rm(host)
                             : 0x24440049 + (is_short ? 0 : 0x400000) + ((uint64_t)disp << 32);
        reg->rm_bytes = is_in_host ? 3 : is_short ? 5 : 8;
        reg->load_bytes = is_in_host ? 0 : reg->rm_bytes;
        reg->store_bytes = guest ? reg->load_bytes : 0;
    }
}

/* ---- registers ---- */

/* reg := reg op the guest register */
static inline uint8_t *put_op(uint8_t *out, unsigned opcode, unsigned reg, const struct draft_reg *guest)
{
    return put(out, guest->rm | opcode << 8 | as_reg(reg), guest->rm_bytes);
}

/* reg := the guest register */
static inline uint8_t *bring(uint8_t *out, unsigned reg, const struct draft_reg *guest)
{
    return put(out, guest->rm | MOV_FROM << 8 | as_reg(reg), guest->host == reg ? 0 : guest->rm_bytes);
}

/* The guest register is in guest->a from here on; or b. */
static inline uint8_t *use_a(uint8_t *out, const struct draft_reg *guest)
{
    return put(out, guest->rm | MOV_FROM << 8 | as_reg(X64_RBX), guest->load_bytes);
}

static inline uint8_t *use_b(uint8_t *out, const struct draft_reg *guest)
{
    return put(out, guest->rm | MOV_FROM << 8 | as_reg(X64_RBP), guest->load_bytes);
}

/* reg, which is guest->result, is its value from here on. */
static inline uint8_t *end_result(uint8_t *out, const struct draft_reg *guest)
{
    return put(out, guest->rm | MOV_TO << 8 | as_reg(guest->result), guest->store_bytes);
}

/* reg := its low 32 bits, sign-extended, where this is wanted. */
static inline uint8_t *extend(uint8_t *out, unsigned reg, bool is_wanted)
{
    return put(out, as_rm(reg) | 0x63 << 8 | as_reg(reg), is_wanted ? 3 : 0);
}

static inline void forget(struct draft *d, unsigned guest)
{
    d->known &= ~(UINT64_C(1) << guest);
}

/* ---- what is done by the encoder ---- */

/* Between these the encoder of tier 1 (x64.h) goes on from `out`. */
static inline struct x64 *begin_encoder(struct draft *d, uint8_t *out)
{
    d->t->x.out = out;
    return &d->t->x;
}

static inline uint8_t *end_encoder(struct draft *d)
{
    return d->t->x.out;
}

/* ---- moves and numbers ---- */

/* A number that does not fit memory goes there by way of scratch. */
static uint8_t *set_by(struct draft *d, uint8_t *out, unsigned rd, uint64_t value, unsigned scratch)
{
    const struct draft_reg *to = &d->t->draft_reg[rd];
    d->known |= UINT64_C(1) << rd;
    d->value[rd] = value;
    d->set_by[rd] = (uint16_t)d->length;
    if (to->host == X64_NO_REG && (int64_t)value == (int32_t)value) {
        out = put(out, to->rm | 0xc7 << 8, to->rm_bytes);
        return put(out, (uint32_t)value, 4);
    }
    unsigned reg = to->host == X64_NO_REG ? scratch : to->host;
    struct x64 *x = begin_encoder(d, out);
    if (value == 0)
        x64_rr(x, 0x33, reg, reg);
    else
        x64_mov_ri(x, reg, value);
    out = end_encoder(d);
    return put(out, to->rm | MOV_TO << 8 | as_reg(reg), to->store_bytes);
}

static inline uint8_t *set(struct draft *d, uint8_t *out, unsigned rd, uint64_t value)
{
    return set_by(d, out, rd, value, X64_RBX);
}

static uint8_t *put_set(struct draft *d, uint8_t *out, const struct ir_step *step)
{
    return set(d, out, step->rd, draft_immediate(d, step));
}

static uint8_t *move(struct draft *d, uint8_t *out, const struct ir_step *step)
{
    const struct draft_reg *to = &d->t->draft_reg[step->rd], *from = &d->t->draft_reg[step->rs1];
    if (draft_knows(d, step->rs1))
        return set(d, out, step->rd, draft_rely(d, step->rs1));
    forget(d, step->rd);
    unsigned reg = to->host == X64_NO_REG ? from->a : to->host;
    out = bring(out, reg, from);
    return put(out, to->rm | MOV_TO << 8 | as_reg(reg), to->store_bytes);
}

/* ---- operations ---- */

/* rd := rs1 - rd, where rd is pinned: only then is it overwritten before it is read. */
static uint8_t *subtract_from(struct draft *d, uint8_t *out, const struct ir_step *step)
{
    const struct draft_reg *to = &d->t->draft_reg[step->rd];
    out = put(out, as_rm(to->host) | 0xf7 << 8 | as_reg(X64_NEG), 3);
    out = put_op(out, ADD, to->host, &d->t->draft_reg[step->rs1]);
    return extend(out, to->host, step->op == STEP_sub_32);
}

/* The operands of a step that may change places: the one that is overwritten is the first. */
struct operands {
    const struct draft_reg *first, *second;
};
static inline struct operands operands_of(const struct draft *d, const struct ir_step *step)
{
    const struct draft_reg *rs1 = &d->t->draft_reg[step->rs1], *rs2 = &d->t->draft_reg[step->rs2];
    bool is_second = step->rd == step->rs2;
    return (struct operands){is_second ? rs2 : rs1, is_second ? rs1 : rs2};
}

/* to := first op second, in the 64 bits, whose low ones are the same in any case */
static inline uint8_t *put_operation(uint8_t *out, unsigned opcode, const struct draft_reg *to,
                                     struct operands operands, bool is_extended)
{
    out = bring(out, to->result, operands.first);
    out = put_op(out, opcode, to->result, operands.second);
    return end_result(extend(out, to->result, is_extended), to);
}

static uint8_t *put_binary(struct draft *d, uint8_t *out, const struct ir_step *step)
{
    const struct operation *operation = &operations[step->op];
    forget(d, step->rd);
    return put_operation(out, operation->opcode, &d->t->draft_reg[step->rd], operands_of(d, step),
                         operation->is_extended);
}

/* rd := rs1 - rs2 */
static uint8_t *put_difference(struct draft *d, uint8_t *out, const struct ir_step *step)
{
    const struct draft_reg *regs = d->t->draft_reg, *to = &regs[step->rd];
    forget(d, step->rd);
    if (step->rd == step->rs2 && step->rs1 != step->rs2 && to->host != X64_NO_REG)
        return subtract_from(d, out, step);
    return put_operation(out, SUB, to, (struct operands){&regs[step->rs1], &regs[step->rs2]},
                         step->op == STEP_sub_32);
}

/* shlx, shrx, sarx */
static uint8_t *put_shift(struct draft *d, uint8_t *out, const struct ir_step *step)
{
    const struct operation *operation = &operations[step->op];
    const struct draft_reg *regs = d->t->draft_reg, *to = &regs[step->rd];
    forget(d, step->rd);
    out = use_b(use_a(out, &regs[step->rs1]), &regs[step->rs2]);
    x64_vex_rr(begin_encoder(d, out), 0xf7 | X64_0F38 | operation->shift, to->result, regs[step->rs2].b,
               regs[step->rs1].a);
    return end_result(extend(end_encoder(d), to->result, operation->is_extended), to);
}

static uint8_t *put_multiplication(struct draft *d, uint8_t *out, const struct ir_step *step)
{
    const struct draft_reg *to = &d->t->draft_reg[step->rd];
    struct operands operands = operands_of(d, step);
    forget(d, step->rd);
    out = bring(use_b(out, operands.second), to->result, operands.first);
    x64_rr(begin_encoder(d, out), 0xaf | X64_0F | X64_W, to->result, operands.second->b);
    return end_result(extend(end_encoder(d), to->result, step->op == STEP_mul_32), to);
}

/* rd := whether the flags say so */
static uint8_t *put_truth(struct draft *d, uint8_t *out, unsigned rd, enum x64_cc cc)
{
    const struct draft_reg *to = &d->t->draft_reg[rd];
    struct x64 *x = begin_encoder(d, out);
    forget(d, rd);
    x64_setcc(x, cc, to->result);
    x64_rr(x, 0xb6 | X64_0F | X64_BYTE_RM, to->result, to->result);
    return end_result(end_encoder(d), to);
}

static uint8_t *put_comparison(struct draft *d, uint8_t *out, const struct ir_step *step)
{
    const struct draft_reg *regs = d->t->draft_reg;
    out = put_op(use_a(out, &regs[step->rs1]), 0x3b, regs[step->rs1].a, &regs[step->rs2]);
    return put_truth(d, out, step->rd, (enum x64_cc)operations[step->op].cc);
}

/* ---- operations with a number ---- */

static inline bool is_byte(int32_t value)
{
    return value == (int8_t)value;
}

/* lea */
static inline uint8_t *put_sum(struct draft *d, uint8_t *out, const struct ir_step *step, bool is_extended)
{
    const struct draft_reg *to = &d->t->draft_reg[step->rd], *from = &d->t->draft_reg[step->rs1];
    forget(d, step->rd);
    out = use_a(out, from);
    uint32_t mode = is_byte(step->imm) ? 0x400000 : 0x800000;
    uint64_t bytes = as_base(from->a) | as_reg(to->result) | mode | 0x8d << 8;
    out = put(out, bytes | (uint64_t)(uint32_t)step->imm << 24, is_byte(step->imm) ? 4 : 7);
    return end_result(extend(out, to->result, is_extended), to);
}

static uint8_t *put_add_imm(struct draft *d, uint8_t *out, const struct ir_step *step)
{
    if (draft_knows(d, step->rs1))
        return set(d, out, step->rd, draft_rely(d, step->rs1) + (uint64_t)(int64_t)step->imm);
    return put_sum(d, out, step, false);
}

static uint8_t *put_add_imm_32(struct draft *d, uint8_t *out, const struct ir_step *step)
{
    const struct draft_reg *to = &d->t->draft_reg[step->rd], *from = &d->t->draft_reg[step->rs1];
    if (draft_knows(d, step->rs1)) {
        uint64_t sum = draft_rely(d, step->rs1) + (uint64_t)(int64_t)step->imm;
        return set(d, out, step->rd, (uint64_t)(int32_t)sum);
    }
    if (step->imm != 0)
        return put_sum(d, out, step, true);
    forget(d, step->rd);
    return end_result(put_op(out, 0x63, to->result, from), to);
}

static uint8_t *put_immediate(struct draft *d, uint8_t *out, const struct ir_step *step)
{
    const struct draft_reg *to = &d->t->draft_reg[step->rd];
    forget(d, step->rd);
    out = bring(out, to->result, &d->t->draft_reg[step->rs1]);
    unsigned opcode = is_byte(step->imm) ? 0x83 : 0x81;
    uint64_t bytes = as_rm(to->result) | as_reg(operations[step->op].group) | opcode << 8;
    out = put(out, bytes | (uint64_t)(uint32_t)step->imm << 24, is_byte(step->imm) ? 4 : 7);
    return end_result(out, to);
}

static uint8_t *put_compare_immediate(struct draft *d, uint8_t *out, const struct ir_step *step)
{
    const struct draft_reg *from = &d->t->draft_reg[step->rs1];
    struct x64 *x = begin_encoder(d, use_a(out, from));
    x64_alu_ri(x, X64_CMP, X64_W, from->a, step->imm);
    return put_truth(d, end_encoder(d), step->rd, (enum x64_cc)operations[step->op].cc);
}

/* movzx */
static uint8_t *put_low_byte(struct draft *d, uint8_t *out, const struct ir_step *step)
{
    const struct draft_reg *to = &d->t->draft_reg[step->rd], *from = &d->t->draft_reg[step->rs1];
    forget(d, step->rd);
    struct x64 *x = begin_encoder(d, use_a(out, from));
    x64_rr(x, 0xb6 | X64_0F | X64_BYTE_RM, to->result, from->a);
    return end_result(end_encoder(d), to);
}

static uint8_t *put_and_immediate(struct draft *d, uint8_t *out, const struct ir_step *step)
{
    return step->imm == 0xff ? put_low_byte(d, out, step) : put_immediate(d, out, step);
}

static uint8_t *put_shift_immediate(struct draft *d, uint8_t *out, const struct ir_step *step)
{
    const struct operation *operation = &operations[step->op];
    const struct draft_reg *to = &d->t->draft_reg[step->rd];
    forget(d, step->rd);
    out = bring(out, to->result, &d->t->draft_reg[step->rs1]);
    uint32_t bytes = (as_rm(to->result) | as_reg(operation->group) | SHIFT << 8) - operation->narrow;
    out = put(out, bytes | (uint32_t)step->imm << 24, 4);
    return end_result(extend(out, to->result, operation->is_extended), to);
}

/* ---- memory ---- */

static inline void note_access(struct draft *d, const uint8_t *out)
{
    d->t->faults[d->t->fault_count++] = (struct fault_point){
        .code_offset = (uint16_t)(out - d->t->x.start), .guest_offset = (uint16_t)d->offset};
}

static inline uint8_t *put_access_at(struct draft *d, uint8_t *out, unsigned spec, unsigned reg,
                                     unsigned address, int32_t disp)
{
    note_access(d, out);
    *out = 0x66;
    out += (spec & X64_66) != 0;
    return t1_put_access(d->t, out, spec, reg, address, disp);
}

static uint16_t memop_of(const struct draft *d, const struct ir_step *step)
{
    return (uint16_t)(step->detail | d->offset / 2 << 4);
}

/* Is the address a known one near 0? Then base and index are left out. */
static inline bool has_known_address(struct draft *d, const struct ir_step *step, int32_t *ret_address)
{
    uint64_t address = d->value[step->rs1] + (uint64_t)(int64_t)step->imm;
    *ret_address = (int32_t)address;
    if (!draft_knows(d, step->rs1) || (int64_t)address != (int32_t)address)
        return false;
    draft_rely(d, step->rs1);
    return true;
}

static uint8_t *put_load(struct draft *d, uint8_t *out, const struct ir_step *step)
{
    const struct draft_reg *to = &d->t->draft_reg[step->rd], *from = &d->t->draft_reg[step->rs1];
    int32_t address;
    if (has_known_address(d, step, &address)) {
        note_access(d, out);
        begin_encoder(d, out);
        t1_put_load(d->t, memop_of(d, step), to->result, X64_NO_REG, address);
        out = end_encoder(d);
    } else {
        out = use_a(out, from);
        out = put_access_at(d, out, t1_load_spec(step->detail), to->result, from->a, step->imm);
    }
    d->known &= ~(UINT64_C(1) << step->rd) | 1;
    return end_result(out, to);
}

static uint8_t *put_store(struct draft *d, uint8_t *out, const struct ir_step *step)
{
    const struct draft_reg *value = &d->t->draft_reg[step->rs2], *to = &d->t->draft_reg[step->rs1];
    int32_t address;
    out = use_b(out, value);
    if (has_known_address(d, step, &address)) {
        note_access(d, out);
        begin_encoder(d, out);
        t1_put_store(d->t, memop_of(d, step), value->b, X64_NO_REG, address);
        return end_encoder(d);
    }
    out = use_a(out, to);
    return put_access_at(d, out, t1_store_spec(step->detail), value->b, to->a, step->imm);
}

static bool is_in_host(const struct draft *d, unsigned guest)
{
    return d->t->pinned >> guest & 1;
}

/* Base register and displacement of an access to an f register: X64_NO_REG where the address is known. */
static unsigned address_of(struct draft *d, const struct ir_step *step, int32_t *ret_disp)
{
    if (has_known_address(d, step, ret_disp))
        return X64_NO_REG;
    *ret_disp = step->imm;
    return d->t->draft_reg[step->rs1].a;
}

static uint8_t *put_load_f64(struct draft *d, uint8_t *out, const struct ir_step *step)
{
    int32_t disp;
    unsigned guest = IR_FIRST_FP_REG + step->rd, base = address_of(d, step, &disp);
    out = use_a(out, &d->t->draft_reg[step->rs1]);
    struct x64 *x = begin_encoder(d, out);
    note_access(d, out);
    if (is_in_host(d, guest)) {
        t1_load_xmm(d->t, d->t->host_of[guest], t1_guest_memory(d->t, base, disp), true);
    } else {
        t1_put_load(d->t, memop_of(d, step), X64_RAX, base, disp);
        x64_store(x, t1_reg_memory(guest), X64_RAX);
    }
    return end_encoder(d);
}

static uint8_t *put_store_f64(struct draft *d, uint8_t *out, const struct ir_step *step)
{
    int32_t disp;
    unsigned guest = IR_FIRST_FP_REG + step->rs2, base = address_of(d, step, &disp);
    out = use_a(out, &d->t->draft_reg[step->rs1]);
    struct x64 *x = begin_encoder(d, out);
    if (is_in_host(d, guest)) {
        note_access(d, out);
        t1_store_xmm(d->t, t1_guest_memory(d->t, base, disp), d->t->host_of[guest], true);
    } else {
        x64_load(x, X64_RAX, t1_reg_memory(guest));
        note_access(d, x->out);
        t1_put_store(d->t, memop_of(d, step), X64_RAX, base, disp);
    }
    return end_encoder(d);
}

static uint8_t *put_fence(struct draft *d, uint8_t *out, const struct ir_step *step)
{
    begin_encoder(d, out);
    t1_put_fence(d->t, (unsigned)step->imm & 0xff);
    return end_encoder(d);
}

/* ---- the end ---- */

static void note_destination(struct draft *d, uint64_t pc, enum draft_exit_kind kind)
{
    d->exit[d->t->exit_count] = (struct draft_exit){pc, (uint8_t)kind, (uint16_t)d->halt.at};
}

uint8_t *draft_put_jump(struct draft *d, uint8_t *out, uint64_t pc, enum draft_exit_kind kind)
{
    begin_encoder(d, out);
    note_destination(d, pc, kind);
    t1_put_jump(d->t, NULL);
    return end_encoder(d);
}

uint8_t *draft_put_side_exit(struct draft *d, uint8_t *out, const struct ir_step *step)
{
    static const uint8_t ccs[STEP_OP_COUNT] = {
        [STEP_eq] = X64_E,   [STEP_ne] = X64_NE,         [STEP_branch_lt_s] = X64_L,
        [STEP_ge_s] = X64_GE, [STEP_branch_lt_u] = X64_B, [STEP_ge_u] = X64_AE,
    };
    const struct draft_reg *a = &d->t->draft_reg[step->rs1], *b = &d->t->draft_reg[step->rs2];
    bool is_zero = step->rs2 == 0;
    uint64_t test = as_rm(a->a) | as_reg(a->a) | 0x85 << 8;
    uint64_t compare = b->rm | as_reg(a->a) | 0x3b << 8;
    out = use_a(out, a);
    out = put(out, is_zero ? test : compare, is_zero ? 3 : b->rm_bytes);
    begin_encoder(d, out);
    note_destination(d, draft_immediate(d, step), DRAFT_BRANCH);
    t1_put_jump_if(d->t, (enum x64_cc)ccs[step->op], NULL);
    return end_encoder(d);
}

/* Nothing that a jump to a known place does depends on the link. */
static uint8_t *put_jump(struct draft *d, uint8_t *out, const struct ir_step *step)
{
    uint64_t pc = draft_destination(d, step);
    if (step->op == STEP_jump_reg)
        draft_rely(d, step->rs1);
    if (step->rd)
        out = set(d, out, step->rd, d->next_pc);
    return draft_put_jump(d, out, pc, step->detail == IR_BRANCH_CALL ? DRAFT_CALL : DRAFT_JUMP);
}

static uint8_t *put_jump_reg(struct draft *d, uint8_t *out, const struct ir_step *step)
{
    if (draft_knows(d, step->rs1))
        return put_jump(d, out, step);
    out = bring(out, X64_RBX, &d->t->draft_reg[step->rs1]);
    struct x64 *x = begin_encoder(d, out);
    if (step->imm)
        x64_alu_ri(x, X64_ADD, X64_W, X64_RBX, step->imm);
    x64_alu_ri(x, X64_AND, X64_W, X64_RBX, -2);
    if (step->rd)
        x->out = set_by(d, x->out, step->rd, d->next_pc, X64_RBP);
    t1_put_indirect_by_thunk(d->t);
    return end_encoder(d);
}

static uint8_t *put_trap(struct draft *d, uint8_t *out, const struct ir_step *step)
{
    begin_encoder(d, out);
    t1_put_trap(d->t, draft_immediate(d, step), step->detail);
    return end_encoder(d);
}

/* ---- all ---- */

draft_put_fn *const draft_put[STEP_OP_COUNT] = {
    [STEP_set] = put_set,
    [STEP_move] = move,
    [STEP_add] = put_binary,
    [STEP_sub] = put_difference,
    [STEP_and] = put_binary,
    [STEP_or] = put_binary,
    [STEP_xor] = put_binary,
    [STEP_add_32] = put_binary,
    [STEP_sub_32] = put_difference,
    [STEP_mul] = put_multiplication,
    [STEP_mul_32] = put_multiplication,
    [STEP_shl] = put_shift,
    [STEP_shr] = put_shift,
    [STEP_sar] = put_shift,
    [STEP_shl_32] = put_shift,
    [STEP_shr_32] = put_shift,
    [STEP_sar_32] = put_shift,
    [STEP_lt_s] = put_comparison,
    [STEP_lt_u] = put_comparison,
    [STEP_add_imm] = put_add_imm,
    [STEP_add_imm_32] = put_add_imm_32,
    [STEP_and_imm] = put_and_immediate,
    [STEP_or_imm] = put_immediate,
    [STEP_xor_imm] = put_immediate,
    [STEP_shl_imm] = put_shift_immediate,
    [STEP_shr_imm] = put_shift_immediate,
    [STEP_sar_imm] = put_shift_immediate,
    [STEP_shl_imm_32] = put_shift_immediate,
    [STEP_shr_imm_32] = put_shift_immediate,
    [STEP_sar_imm_32] = put_shift_immediate,
    [STEP_lt_s_imm] = put_compare_immediate,
    [STEP_lt_u_imm] = put_compare_immediate,
    [STEP_load] = put_load,
    [STEP_store] = put_store,
    [STEP_load_f64] = put_load_f64,
    [STEP_store_f64] = put_store_f64,
    [STEP_fence] = put_fence,
    [STEP_jump] = put_jump,
    [STEP_jump_reg] = put_jump_reg,
    [STEP_trap] = put_trap,
};
