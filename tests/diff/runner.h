/* Runs a program and takes all it writes, for a limited time. */
#ifndef TIERCEL_TESTS_DIFF_RUNNER_H
#define TIERCEL_TESTS_DIFF_RUNNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ASSEMBLER "riscv64-linux-gnu-as"
#define LINKER "riscv64-linux-gnu-ld"

enum run_end { RAN_TO_END, DIED_OF_SIGNAL, RAN_OUT_OF_TIME, NOT_STARTED };

/* Owner: whoever called run_program. */
struct outcome {
    enum run_end end;
    int status; /* exit status or signal number */
    uint8_t *bytes;
    size_t size_bytes;
};

/* Its standard error goes to the file. A program that cannot be started is NOT_STARTED. */
void run_program(const char *const *argv, const char *error_path, unsigned limit_s,
                 struct outcome *ret_outcome);
void outcome_fini(struct outcome *outcome);
bool outcomes_agree(const struct outcome *a, const struct outcome *b);
/* "exit status 0", "signal 11", ... in the caller's buffer of at least 64 bytes. */
const char *outcome_text(const struct outcome *outcome, char *buffer);

#endif
