/* C11 atomics of every width on one thread: results and orders as the language says. */
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>

#define EXERCISE(type, name)                                                                       \
    static void name(void)                                                                         \
    {                                                                                              \
        static _Atomic type v;                                                                     \
        type expected;                                                                             \
        atomic_store(&v, (type)100);                                                               \
        printf(#type " %lld", (long long)atomic_fetch_add(&v, (type)50));                          \
        printf(" %lld", (long long)atomic_fetch_sub(&v, (type)7));                                 \
        printf(" %lld", (long long)atomic_fetch_or(&v, (type)0x30));                               \
        printf(" %lld",                                                                            \
               (long long)atomic_fetch_and_explicit(&v, (type)0x3f, memory_order_relaxed));        \
        printf(" %lld", (long long)atomic_fetch_xor_explicit(&v, (type)-1, memory_order_acq_rel)); \
        printf(" %lld", (long long)atomic_exchange(&v, (type)-5));                                 \
        expected = (type)-5;                                                                       \
        printf(" %d", atomic_compare_exchange_strong(&v, &expected, (type)9));                     \
        printf(" %d", atomic_compare_exchange_strong(&v, &expected, (type)10));                    \
        printf(" %lld %lld\n", (long long)expected, (long long)atomic_load(&v));                   \
    }
EXERCISE(int8_t, exercise_i8)
EXERCISE(uint16_t, exercise_u16)
EXERCISE(int32_t, exercise_i32)
EXERCISE(uint32_t, exercise_u32)
EXERCISE(int64_t, exercise_i64)
EXERCISE(uint64_t, exercise_u64)

int main(void)
{
    exercise_i8();
    exercise_u16();
    exercise_i32();
    exercise_u32();
    exercise_i64();
    exercise_u64();
    static atomic_flag flag = ATOMIC_FLAG_INIT;
    printf("%d", atomic_flag_test_and_set(&flag));
    printf("%d\n", atomic_flag_test_and_set(&flag));
    static _Atomic long counter;
    for (int i = 0; i < 100000; i++) {
        long seen = atomic_load_explicit(&counter, memory_order_relaxed);
        while (!atomic_compare_exchange_weak(&counter, &seen, seen + i % 5))
            ;
    }
    atomic_thread_fence(memory_order_seq_cst);
    printf("counter %ld\n", counter);
    return 0;
}
