/*
 * interpreter: a bytecode machine with a stack, calls and a heap, dispatched by a switch.
 *
 * It runs three programs: recursive Fibonacci numbers (calls), a sieve (loads and stores)
 * and Collatz chains (arithmetic and branches). What an emulator sees is one indirect jump
 * per bytecode instruction.
 */
#include "bench/guest/kernel.h"

#define NAME "interpreter"

enum {
    STACK_SLOTS = 1024,
    HEAP_SLOTS = 16384,
    CODE_MAX = 256,
};

/* a is the operand; x and y are the top of the stack and the slot below, popped when used. */
enum op {
    OP_PUSH,      /* push a */
    OP_GET,       /* push local[a] */
    OP_SET,       /* local[a] = x */
    OP_ADD,       /* push y + x */
    OP_SUBTRACT,  /* push y - x */
    OP_MULTIPLY,  /* push y * x */
    OP_AND,       /* push y & x */
    OP_SHIFT,     /* push y >> x */
    OP_LESS,      /* push y < x */
    OP_LOAD,      /* push heap[x] */
    OP_STORE,     /* heap[y] = x */
    OP_JUMP,      /* go to a */
    OP_JUMP_ZERO, /* go to a if x is 0 */
    OP_CALL,      /* go to a; x becomes local[0] of a new frame */
    OP_RETURN,    /* leave the frame; push x */
    OP_HALT,      /* stop; x is the result */
};

enum { FRAME_LOCALS = 4 };

struct instruction {
    enum op op;
    int32_t a;
};

struct program {
    struct instruction code[CODE_MAX];
    int32_t length;
};

struct frame {
    int32_t return_to;
    int64_t locals[FRAME_LOCALS];
};

struct machine {
    int64_t stack[STACK_SLOTS];
    int64_t heap[HEAP_SLOTS];
    struct frame frames[STACK_SLOTS];
};

static struct machine machine;

static int64_t execute(const struct program *program, int64_t argument)
{
    const struct instruction *code = program->code;
    int64_t *top = machine.stack; /* the free slot */
    struct frame *frame = machine.frames;
    int32_t pc = 0;
    frame->locals[0] = argument;
    for (;;) {
        struct instruction now = code[pc++];
        switch (now.op) {
        case OP_PUSH:
            *top++ = now.a;
            break;
        case OP_GET:
            *top++ = frame->locals[now.a];
            break;
        case OP_SET:
            frame->locals[now.a] = *--top;
            break;
        case OP_ADD:
            top--;
            top[-1] += top[0];
            break;
        case OP_SUBTRACT:
            top--;
            top[-1] -= top[0];
            break;
        case OP_MULTIPLY:
            top--;
            top[-1] *= top[0];
            break;
        case OP_AND:
            top--;
            top[-1] &= top[0];
            break;
        case OP_SHIFT:
            top--;
            top[-1] >>= top[0];
            break;
        case OP_LESS:
            top--;
            top[-1] = top[-1] < top[0];
            break;
        case OP_LOAD:
            top[-1] = machine.heap[top[-1]];
            break;
        case OP_STORE:
            top -= 2;
            machine.heap[top[0]] = top[1];
            break;
        case OP_JUMP:
            pc = now.a;
            break;
        case OP_JUMP_ZERO:
            if (*--top == 0)
                pc = now.a;
            break;
        case OP_CALL:
            frame++;
            frame->return_to = pc;
            frame->locals[0] = *--top;
            pc = now.a;
            break;
        case OP_RETURN:
            pc = frame->return_to;
            frame--;
            break;
        case OP_HALT:
            return *--top;
        }
    }
}

/* Appends an instruction and gives its index, for jumps back and for patch(). */
static int32_t emit(struct program *program, enum op op, int32_t a)
{
    if (program->length == CODE_MAX)
        kernel_fail(NAME, "a program is too long");
    program->code[program->length] = (struct instruction){op, a};
    return program->length++;
}

/* Lets the jump at `index` lead to the next instruction. */
static void patch(struct program *program, int32_t index)
{
    program->code[index].a = program->length;
}

static void emit_get_push(struct program *program, enum op op, int32_t local, int32_t constant)
{
    emit(program, OP_GET, local);
    emit(program, OP_PUSH, constant);
    emit(program, op, 0);
}

/* local[0] = n;  result fib(n) = n < 2 ? n : fib(n - 1) + fib(n - 2) */
static void build_fibonacci(struct program *program)
{
    emit(program, OP_GET, 0);
    int32_t call = emit(program, OP_CALL, 0);
    emit(program, OP_HALT, 0);
    patch(program, call);
    int32_t function = program->length;
    emit_get_push(program, OP_LESS, 0, 2);
    int32_t recurse = emit(program, OP_JUMP_ZERO, 0);
    emit(program, OP_GET, 0);
    emit(program, OP_RETURN, 0);
    patch(program, recurse);
    emit_get_push(program, OP_SUBTRACT, 0, 1);
    emit(program, OP_CALL, function);
    emit_get_push(program, OP_SUBTRACT, 0, 2);
    emit(program, OP_CALL, function);
    emit(program, OP_ADD, 0);
    emit(program, OP_RETURN, 0);
}

/* local[target] += constant */
static void emit_increase(struct program *program, int32_t local, int32_t constant)
{
    emit_get_push(program, OP_ADD, local, constant);
    emit(program, OP_SET, local);
}

/* while (local[a] < local[b]): gives the jump to patch at the loop's end. */
static int32_t emit_while_less(struct program *program, int32_t a, int32_t b)
{
    emit(program, OP_GET, a);
    emit(program, OP_GET, b);
    emit(program, OP_LESS, 0);
    return emit(program, OP_JUMP_ZERO, 0);
}

static void end_while(struct program *program, int32_t head, int32_t exit)
{
    emit(program, OP_JUMP, head);
    patch(program, exit);
}

static void emit_assign(struct program *program, int32_t local, int32_t constant)
{
    emit(program, OP_PUSH, constant);
    emit(program, OP_SET, local);
}

/* heap[local[1]] = 1 for 2 <= local[1] < local[0] */
static void build_sieve_clear(struct program *program)
{
    emit_assign(program, 1, 2);
    int32_t head = program->length, exit = emit_while_less(program, 1, 0);
    emit(program, OP_GET, 1);
    emit(program, OP_PUSH, 1);
    emit(program, OP_STORE, 0);
    emit_increase(program, 1, 1);
    end_while(program, head, exit);
}

/* for local[2] = 2 * local[1], step local[1]: heap[local[2]] = 0 */
static void build_sieve_strike(struct program *program)
{
    emit_get_push(program, OP_MULTIPLY, 1, 2);
    emit(program, OP_SET, 2);
    int32_t head = program->length, exit = emit_while_less(program, 2, 0);
    emit(program, OP_GET, 2);
    emit(program, OP_PUSH, 0);
    emit(program, OP_STORE, 0);
    emit(program, OP_GET, 2);
    emit(program, OP_GET, 1);
    emit(program, OP_ADD, 0);
    emit(program, OP_SET, 2);
    end_while(program, head, exit);
}

/* local[0] = limit;  result: the number of primes below it */
static void build_sieve(struct program *program)
{
    build_sieve_clear(program);
    emit_assign(program, 1, 2);
    emit_assign(program, 3, 0);
    int32_t head = program->length, exit = emit_while_less(program, 1, 0);
    emit(program, OP_GET, 1);
    emit(program, OP_LOAD, 0);
    int32_t composite = emit(program, OP_JUMP_ZERO, 0);
    emit_increase(program, 3, 1);
    build_sieve_strike(program);
    patch(program, composite);
    emit_increase(program, 1, 1);
    end_while(program, head, exit);
    emit(program, OP_GET, 3);
    emit(program, OP_HALT, 0);
}

/* local[2] = local[2] odd ? 3 * local[2] + 1 : local[2] >> 1 */
static void build_collatz_step(struct program *program)
{
    emit_get_push(program, OP_AND, 2, 1);
    int32_t even = emit(program, OP_JUMP_ZERO, 0);
    emit_get_push(program, OP_MULTIPLY, 2, 3);
    emit(program, OP_PUSH, 1);
    emit(program, OP_ADD, 0);
    emit(program, OP_SET, 2);
    int32_t done = emit(program, OP_JUMP, 0);
    patch(program, even);
    emit_get_push(program, OP_SHIFT, 2, 1);
    emit(program, OP_SET, 2);
    patch(program, done);
}

/* local[0] = limit;  result: steps to reach 1, summed over 1 .. limit-1 */
static void build_collatz(struct program *program)
{
    emit_assign(program, 1, 1);
    emit_assign(program, 3, 0);
    int32_t outer = program->length, outer_exit = emit_while_less(program, 1, 0);
    emit(program, OP_GET, 1);
    emit(program, OP_SET, 2);
    int32_t inner = program->length;
    emit(program, OP_PUSH, 1);
    emit(program, OP_GET, 2);
    emit(program, OP_LESS, 0);
    int32_t inner_exit = emit(program, OP_JUMP_ZERO, 0);
    build_collatz_step(program);
    emit_increase(program, 3, 1);
    end_while(program, inner, inner_exit);
    emit_increase(program, 1, 1);
    end_while(program, outer, outer_exit);
    emit(program, OP_GET, 3);
    emit(program, OP_HALT, 0);
}

int main(int argc, char **argv)
{
    uint64_t size = kernel_size(argc, argv, NAME);
    static struct program fibonacci, sieve, collatz;
    build_fibonacci(&fibonacci);
    build_sieve(&sieve);
    build_collatz(&collatz);
    uint64_t checksum = 0;
    for (uint64_t unit = 0; unit < size; unit++) {
        int64_t fib = execute(&fibonacci, 22);
        if (fib != 17711)
            kernel_fail(NAME, "fib(22) is wrong");
        checksum = checksum_add(checksum, (uint64_t)fib);
        int64_t limit = HEAP_SLOTS - (int64_t)(unit % 64);
        checksum = checksum_add(checksum, (uint64_t)execute(&sieve, limit));
        checksum = checksum_add(checksum, (uint64_t)execute(&collatz, 700 + (int64_t)(unit % 32)));
    }
    return kernel_finish(NAME, checksum);
}
