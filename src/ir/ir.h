/* The intermediate representation of one guest block.
 *
 * Block-local SSA: a value is the index of the instruction that defines it. The instructions lie
 * in one dense array and run from first to last; exits are instructions too, and the last
 * instruction is the only one with flag IR_ENDS. Everything belongs to the arena of the
 * translation. docs/ir.md describes each operation; ir_ops.def defines them. */
#ifndef TIERCEL_IR_IR_H
#define TIERCEL_IR_IR_H

#include "src/base/arena.h"
#include "src/base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum ir_op {
#define IR_OP(name, ...) IR_##name,
#include "src/ir/ir_ops.def"
#undef IR_OP
    IR_OP_COUNT
};

enum ir_type { IR_VOID, IR_I8, IR_I16, IR_I32, IR_I64, IR_F32, IR_F64, IR_TYPE_COUNT };

enum ir_flags {
    IR_PURE = 1,
    IR_READS = 2,
    IR_EFFECT = 4,
    IR_FP_FLAGS = 8,
    IR_EXITS = 16,
    IR_ENDS = 32,
    IR_ACCESSES = 64, /* memory: has a memop, and may fault */
};

/* Rounding modes: the first five are encoded as in RISC-V's rm field. IR_RM_HOST: the mode that
 * MXCSR holds (frm is one of the first four and MXCSR follows it). */
enum ir_rounding { IR_RM_RNE, IR_RM_RTZ, IR_RM_RDN, IR_RM_RUP, IR_RM_RMM, IR_RM_HOST = 7 };

enum ir_amo {
    IR_AMO_SWAP, IR_AMO_ADD, IR_AMO_XOR, IR_AMO_AND, IR_AMO_OR,
    IR_AMO_MIN_S, IR_AMO_MAX_S, IR_AMO_MIN_U, IR_AMO_MAX_U, IR_AMO_COUNT
};

enum ir_counter { IR_COUNTER_CYCLE, IR_COUNTER_TIME, IR_COUNTER_INSTRET };

/* What a bulk operation does with at most c bytes of memory; the result is the number of bytes for
 * which it did so. That is c, or fewer where a byte cannot be accessed: nothing at or above it has
 * then been touched (copy_back: at or below it). Bytes are done one after another, as far as
 * anybody can tell; accesses never fault. */
enum ir_bulk {
    IR_BULK_COPY,      /* memory[a + i] := memory[b + i] */
    IR_BULK_COPY_BACK, /* memory[a - 1 - i] := memory[b - 1 - i] */
    IR_BULK_FILL,      /* memory[a + i] := byte i modulo 8 of b */
    IR_BULK_FIND,      /* while memory[a + i] is none of the four low bytes of b */
    IR_BULK_MATCH,     /* while memory[a + i] = memory[b + i] */
    IR_BULK_MATCH_Z,   /* while memory[a + i] = memory[b + i] and not 0 */
    IR_BULK_PROBE,     /* while memory[a + i] can be read */
    IR_BULK_COUNT
};

/* What a libcall does, as the function of the C library; an unbounded one has c = all ones. The result
 * is IR_NOT_DONE where an access would fault, where there is more to do than is done at once, and
 * where memory that faults half way could not be told from memory that was not touched. */
enum ir_libcall {
    IR_LIBCALL_MOVE,      /* memmove(a, b, c): a */
    IR_LIBCALL_SET,       /* memset(a, b, c): a */
    IR_LIBCALL_LENGTH,    /* strnlen(a, c) */
    IR_LIBCALL_COMPARE,   /* memcmp(a, b, c): difference of the first two bytes that differ, or 0 */
    IR_LIBCALL_COMPARE_Z, /* strncmp(a, b, c): the same */
    IR_LIBCALL_SEEK,      /* memchr(a, b, c): address or 0 */
    IR_LIBCALL_SEEK_Z,    /* strchrnul(a, b) when c is not 0, else strchr(a, b) */
    IR_LIBCALL_COUNT
};
/* No address, length or difference. */
#define IR_NOT_DONE UINT64_C(0xffffffff80000000)

/* What an exit is in the guest's program; a hint for chaining, regions and prediction. After a
 * call the return address is the end of the block (guest_pc + guest_size_bytes). */
enum ir_branch { IR_BRANCH_JUMP, IR_BRANCH_CALL, IR_BRANCH_RETURN, IR_BRANCH_COUNT };

enum ir_trap {
    IR_TRAP_NONE,
    IR_TRAP_ECALL,
    IR_TRAP_EBREAK,
    IR_TRAP_ILLEGAL,
    IR_TRAP_MISALIGNED, /* LR, SC or AMO at an unaligned address */
    IR_TRAP_FETCH,      /* the instruction at pc cannot be fetched */
    IR_TRAP_FENCE_I,    /* continue at pc after dropping stale code */
    IR_TRAP_REENTER,    /* continue at pc through the exec loop (the FP mode changed) */
    IR_TRAP_COUNT
};

/* The memop in field c of a memory operation: bits 1-0 log2 of the size in bytes, bit 2 sign
 * extension, bits 15-4 the offset of the guest instruction from the block's start in half-words
 * (for the pc of a fault). */
enum { IR_MEMOP_SIGNED = 4, IR_MAX_BLOCK_BYTES = 8190 };

static inline unsigned ir_memop_size_log2(uint16_t memop) { return memop & 3; }
static inline unsigned ir_memop_size_bytes(uint16_t memop) { return 1u << (memop & 3); }
static inline bool ir_memop_is_signed(uint16_t memop) { return memop & IR_MEMOP_SIGNED; }
static inline unsigned ir_memop_pc_offset(uint16_t memop) { return (unsigned)(memop >> 4) * 2; }
static inline uint16_t ir_memop(unsigned size_log2, bool is_signed, unsigned pc_offset_bytes)
{
    return (uint16_t)(size_log2 | (is_signed ? IR_MEMOP_SIGNED : 0) | pc_offset_bytes / 2 << 4);
}

typedef uint16_t ir_ref; /* index of the defining instruction */
enum { IR_NONE = 0xffff, IR_MAX_INSNS = 0xfff0 };

/* Makes `count` references IR_NONE, a multiple of 8. Tables of them are set for each block: by
 * vectors, where the compiler would call memset or use a slow string instruction. */
static inline void ir_set_none(ir_ref *refs, unsigned count)
{
    typedef ir_ref vector __attribute__((vector_size(16), aligned(2), may_alias));
#pragma GCC unroll 16
    for (unsigned i = 0; i < count; i += 8)
        *(vector *)&refs[i] = ~(vector){0};
}

struct ir_insn {
    uint8_t op;   /* enum ir_op */
    uint8_t type; /* enum ir_type of the result */
    ir_ref a, b, c;
    uint64_t imm;
};
_Static_assert(sizeof(struct ir_insn) == 16, "an IR instruction is 16 bytes");

/* One guest block. Owner: the arena it was built in. */
/* One of several basic blocks of the guest in a block, each of which but the last ends with an exit_if. */
enum { IR_MAX_PIECES = 24 };
struct ir_piece {
    uint16_t offset_bytes; /* where it begins, from the block's guest_pc */
    uint16_t first;        /* guest instructions of the block before it */
    uint32_t exit_offset;  /* where the exit before it goes, likewise; low 32 bits */
};

struct ir_block {
    struct ir_insn *insns;
    uint32_t length;       /* instructions in use */
    uint32_t capacity;
    uint64_t guest_pc;
    uint32_t guest_size_bytes;
    uint32_t guest_length; /* guest instructions */
    uint32_t mode;         /* the FP mode it was translated for, see tb.h */
    bool may_have_dead;    /* who compiles it is to leave out dead register writes and unused values
                              (the optimiser's pass `dead` was left to tier 1) */
    bool is_improved;      /* the optimiser's other passes would change nothing */
    bool has_joined;       /* a load stands for those of its bytes: it may fault where the first of them
                              does not, with the state of before that; then the block is to be made
                              and run again without */
    bool is_unconverted;   /* known to have no ir_unary: nothing changes its type */
    uint32_t piece_count;  /* 0: the block is one */
    struct ir_piece pieces[IR_MAX_PIECES]; /* not set beyond piece_count */
};

enum { IR_GUEST_REGS = 64, IR_FIRST_FP_REG = 32 };

/* ---- properties of operations ---- */
struct ir_op_info {
    const char *name;
    char result, operand[3]; /* kinds, as in ir_ops.def */
    const char *imm;         /* kind of immediate, as in ir_ops.def */
    uint8_t flags;           /* enum ir_flags */
    uint8_t operand_count;   /* values among a, b, c */
};
extern const struct ir_op_info ir_op_info[IR_OP_COUNT];
extern const char *const ir_type_name[IR_TYPE_COUNT];
extern const uint8_t ir_type_width[IR_TYPE_COUNT]; /* bits: 0 8 16 32 64 32 64 */

static inline bool ir_type_is_float(unsigned type) { return type >= IR_F32; }
static inline unsigned ir_width_of(const struct ir_block *block, ir_ref value)
{
    return ir_type_width[block->insns[value].type];
}

/* ---- builder: appends to a block ---- */
enum { IR_CONST_HASH_SLOTS = 64 };

/* Emission is sticky: when the block is full `failed` is set and further calls do nothing. */
struct ir_builder {
    struct ir_block *block;
    struct arena *arena;
    bool failed;
    bool is_improvable; /* an optimiser may find something to do: see enum ir_sight */
    bool has_unary;
    uint64_t operations;                    /* a bit for the hash of each pure operation */
    uint64_t known_regs;                    /* guest registers that were read or written */
    ir_ref const_hash[IR_CONST_HASH_SLOTS]; /* latest constant of each hash, or IR_NONE */
};

/* Begins an empty block at guest_pc in the arena. */
void ir_builder_begin(struct ir_builder *builder, struct arena *arena, uint64_t guest_pc,
                      uint32_t mode);
/* Goes on with a block, whose constants are not shared with what is emitted now. */
void ir_builder_resume(struct ir_builder *builder, struct arena *arena, struct ir_block *block);
/* A copy of the block in the arena, with no room for more instructions. */
struct ir_block *ir_block_copy(const struct ir_block *block, struct arena *arena);
ir_ref ir_emit_full(struct ir_builder *builder, struct ir_insn insn); /* when there is no room */
static inline ir_ref ir_emit(struct ir_builder *builder, struct ir_insn insn)
{
    struct ir_block *block = builder->block;
    if (__builtin_expect(block->length == block->capacity, 0))
        return ir_emit_full(builder, insn);
    block->insns[block->length] = insn;
    return (ir_ref)block->length++;
}
/* A constant of `type`, shared with an earlier equal one; value is truncated to the type. */
ir_ref ir_const(struct ir_builder *builder, enum ir_type type, uint64_t value);

/* Most blocks of a program leave an optimiser nothing to do, and looking is an eighth of what their
 * translation costs. So ir_unary, ir_binary, ir_get_reg and ir_exit_if note what a rule of src/opt
 * could change: an operation on a constant or on one that a rule sees through, one that is there
 * already, a register that is read though its value is known, a shifted value that is put to another
 * (src/opt/join.c). They may say so where there is
 * nothing (never the other way round: tests/unit/test_translate.c). The rest is left to who builds:
 * an address that is a sum, a register that is set to what it holds, floating point. */

/* What a rule may see in an operand: bits by the operation that defines it. */
enum ir_sight {
    IR_SEEN_ADD = 1,
    IR_SEEN_AND = 2,
    IR_SEEN_OR = 4,
    IR_SEEN_XOR = 8,
    IR_SEEN_SHL = 16,
    IR_SEEN_CONVERSION = 32, /* of types, and negation */
    IR_SEEN_SMALL = 64,      /* may be known to be 0 or 1 */
    IR_SEEN_RANGE = 128,     /* may be known to have few bits */
    IR_SEEN_LOAD = 256,
    IR_SEEN_CONST = 512,
};
extern const uint16_t ir_sight[IR_OP_COUNT];
/* Whether a rule could change an operation on the constant that is operand a or b. */
bool ir_may_fold(const struct ir_block *block, enum ir_op op, ir_ref a, ir_ref b);

/* Whether the two may be the halves of a rotation: shifts to either side, maybe extended. */
static inline bool ir_may_rotate(const struct ir_block *block, ir_ref a, ir_ref b)
{
    const struct ir_insn *x = &block->insns[a], *y = &block->insns[b];
    if ((x->op == IR_sext || x->op == IR_zext) && x->op == y->op) {
        x = &block->insns[x->a];
        y = &block->insns[y->a];
    }
    return (x->op == IR_shl && y->op == IR_shr) || (x->op == IR_shr && y->op == IR_shl);
}

/* Whether the block has this operation. */
bool ir_is_repeated(const struct ir_block *block, enum ir_op op, enum ir_type type, ir_ref a,
                    ir_ref b);

static inline unsigned ir_sight_of(const struct ir_builder *builder, ir_ref value)
{
    return ir_sight[builder->block->insns[value].op];
}

static inline ir_ref ir_emit3(struct ir_builder *builder, enum ir_op op, enum ir_type type,
                              ir_ref a, ir_ref b, ir_ref c, uint64_t imm)
{
    struct ir_block *block = builder->block;
    if (__builtin_expect(block->length == block->capacity, 0))
        return ir_emit_full(builder, (struct ir_insn){(uint8_t)op, (uint8_t)type, a, b, c, imm});
    /* Put together in a register: in six stores, a later load of the whole would wait for them. */
    uint64_t head = op | (uint64_t)type << 8 | (uint64_t)a << 16 | (uint64_t)b << 32 |
                    (uint64_t)c << 48;
    struct ir_insn *insn = &block->insns[block->length];
    __builtin_memcpy(insn, &head, sizeof head);
    insn->imm = imm;
    return (ir_ref)block->length++;
}

/* Operations that are equal have equal hashes. */
static inline void ir_note_operation(struct ir_builder *builder, enum ir_op op, enum ir_type type,
                                     ir_ref a, ir_ref b)
{
    uint32_t mixed =
        ((uint32_t)op << 3 | (uint32_t)type) + a * UINT32_C(0x9e3779b1) + b * UINT32_C(0x85ebca6b);
    uint64_t bit = UINT64_C(1) << (mixed >> 26);
    if (__builtin_expect((builder->operations & bit) != 0, 0))
        builder->is_improvable |= ir_is_repeated(builder->block, op, type, a, b);
    builder->operations |= bit;
}
static inline ir_ref ir_unary(struct ir_builder *builder, enum ir_op op, enum ir_type type, ir_ref a)
{
    ir_note_operation(builder, op, type, a, IR_NONE);
    builder->has_unary = true;
    builder->is_improvable |= (ir_sight_of(builder, a) & (IR_SEEN_CONVERSION | IR_SEEN_CONST)) != 0;
    return ir_emit3(builder, op, type, a, IR_NONE, IR_NONE, 0);
}
static inline ir_ref ir_binary(struct ir_builder *builder, enum ir_op op, enum ir_type type,
                               ir_ref a, ir_ref b)
{
    ir_note_operation(builder, op, type, a, b);
    unsigned sight = ir_sight_of(builder, a) | ir_sight_of(builder, b);
    if (sight & IR_SEEN_CONST)
        builder->is_improvable |= ir_may_fold(builder->block, op, a, b);
    if (op == IR_or)
        builder->is_improvable |= (sight & (IR_SEEN_SHL | IR_SEEN_CONVERSION)) != 0;
    if (op == IR_xor || op == IR_add)
        builder->is_improvable |= ir_may_rotate(builder->block, a, b);
    builder->is_improvable |= a == b;
    return ir_emit3(builder, op, type, a, b, IR_NONE, 0);
}
static inline ir_ref ir_get_reg(struct ir_builder *builder, enum ir_type type, unsigned reg)
{
    builder->is_improvable |= builder->known_regs >> reg & 1;
    builder->known_regs |= UINT64_C(1) << reg;
    return ir_emit3(builder, IR_get_reg, type, IR_NONE, IR_NONE, IR_NONE, reg);
}
/* The register does not hold the value already. */
static inline void ir_set_reg(struct ir_builder *builder, unsigned reg, ir_ref value)
{
    builder->known_regs |= UINT64_C(1) << reg;
    ir_emit3(builder, IR_set_reg, IR_VOID, value, IR_NONE, IR_NONE, reg);
}
/* exit_if or exit_trap_if. */
static inline void ir_exit_if(struct ir_builder *builder, enum ir_op op, ir_ref condition,
                              unsigned kind, uint64_t pc)
{
    const struct ir_insn *insns = builder->block->insns, *of = &insns[condition];
    builder->is_improvable |=
        of->op == IR_const ||
        (of->op == IR_ne && insns[of->b].op == IR_const && insns[of->b].imm == 0);
    ir_emit3(builder, op, IR_VOID, condition, IR_NONE, (ir_ref)kind, pc);
}

/* ---- how a block ends ---- */
static inline const struct ir_insn *ir_last(const struct ir_block *block)
{
    return &block->insns[block->length - 1];
}
/* By a jump through a register that is neither a call nor a return. */
static inline bool ir_is_table_jump(const struct ir_block *block)
{
    return ir_last(block)->op == IR_exit_indirect && ir_last(block)->c == IR_BRANCH_JUMP;
}
/* The function that a direct call there goes to, or 0. */
static inline uint64_t ir_called_pc(const struct ir_block *block)
{
    const struct ir_insn *last = ir_last(block);
    return last->op == IR_exit_direct && last->c == IR_BRANCH_CALL ? last->imm : 0;
}

/* ---- the accrued floating-point flags (src/ir/flags.c) ---- */
/* The get_fflags whose value the set_fflags `set` puts back, when nothing between them but
 * comparisons may have raised flags, and nothing could have seen them; else IR_NONE. A quiet
 * comparison is written like that: the comparisons between have no effect on the flags. */
ir_ref ir_flags_restored_by(const struct ir_block *block, ir_ref set);
/* Whether the block reads or writes the flags in any other way, or writes the rounding mode. */
bool ir_uses_flags(const struct ir_block *block);

/* ---- text: printer and parser (src/ir/print.c, parse.c) ---- */
void ir_print(FILE *out, const struct ir_block *block);
void ir_print_insn(FILE *out, const struct ir_block *block, ir_ref ref);
/* Parses what ir_print writes. Errors name the line. */
enum status ir_parse(const char *text, struct arena *arena, struct ir_block **ret_block,
                     struct error *err);

/* ---- verifier (verify.c): types, order of definitions, operand kinds, one end, zero-extended
 * constants, register and memop ranges. */
enum status ir_verify(const struct ir_block *block, struct error *err);

/* ---- evaluator (eval.c): the value of a pure operation ---- */
/* a, b, c are held values of the operands; width_a the width of operand a in bits. */
uint64_t ir_eval(enum ir_op op, enum ir_type result, unsigned width_a, uint64_t a, uint64_t b,
                 uint64_t c, uint64_t imm);

#endif
