/* What the fuzzers share. Each is one file with LLVMFuzzerTestOneInput, linked either with
 * libFuzzer (run.sh) or with replay.c, whose test runs the corpus. A finding aborts.
 *
 * An input alone decides what is done with it: whatever else is chosen, the start state of a guest
 * or whether an expensive check is made, is taken from its hash. */
#ifndef TIERCEL_TESTS_FUZZ_H
#define TIERCEL_TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Gives 0. Called from one thread. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

/* libFuzzer's own mutation, for custom mutators; gives the new size. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size_bytes, size_t max_bytes);
/* Optional: changes data in place, gives the new size. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size_bytes, size_t max_bytes, unsigned seed);

/* Says what was found and aborts. */
_Noreturn void fuzz_found(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Never 0. */
uint64_t fuzz_hash(const uint8_t *data, size_t size_bytes);
/* True for one input in $TIERCEL_FUZZ_EVERY (when not set, `every`); the replay sets it to 1. */
bool fuzz_is_sampled(uint64_t hash, unsigned every);

#endif
