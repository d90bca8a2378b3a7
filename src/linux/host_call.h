/* Host system calls that cannot miss a guest signal.
 *
 * A signal that arrives after the last look at the pending word and before the `syscall`
 * instruction would leave a blocking call asleep. linux_host_call looks at the word right before
 * the instruction, and the host's signal handler moves a program counter found between the two to
 * the way out. */
#ifndef TIERCEL_LINUX_HOST_CALL_H
#define TIERCEL_LINUX_HOST_CALL_H

#include <stdatomic.h>
#include <stdint.h>

/* Results beyond -errno, as inside Linux: how a call goes on after a signal. */
enum {
    RESTART_SYS = 512,    /* again when the handler has SA_RESTART or there is none, else EINTR */
    RESTART_NOINTR = 513, /* again in any case: nothing has been done */
    RESTART_NOHAND = 514, /* again when there is no handler, else EINTR */
};

/* The host's result or -errno; -RESTART_NOINTR when VCPU_PENDING_SIGNAL was set in *pending. */
int64_t linux_host_call(const _Atomic uint32_t *pending, long number, uint64_t a, uint64_t b,
                        uint64_t c, uint64_t d, uint64_t e, uint64_t f);

/* For the signal handler: where to go on instead of rip. */
uint64_t linux_host_call_resume(uint64_t rip);

#endif
