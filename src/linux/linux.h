/* Linux for the guest: system calls, signals, its end.
 *
 * A linux_process is the operating system of one machine, a linux_thread (internal) the part of it
 * that belongs to one guest thread. The engine reaches both through linux_ops. */
#ifndef TIERCEL_LINUX_LINUX_H
#define TIERCEL_LINUX_LINUX_H

#include "src/exec/exec.h"
#include "src/guest/guest.h"
#include "src/memory/space.h"

#include <stdio.h>

struct linux_process;

struct linux_config {
    struct space *space;
    const struct guest_isa *isa;
    struct exec *exec;     /* told when faults must be precise; NULL: nobody is told (unit tests) */
    const char *exec_path; /* of the program, for /proc/self/exe */
    FILE *strace;          /* NULL: no trace */
    bool is_deterministic; /* getrandom gives the same bytes in every run */
};

struct linux_exit {
    bool is_signal;
    int status;        /* exit status, or the signal's number */
    char message[512]; /* for a death by fault: pc, cause, mapping; else empty */
};

/* Also maps the signal trampoline, so the space must exist and its program be loaded. */
enum status linux_create(const struct linux_config *config, struct linux_process **ret_process,
                         struct error *err);
/* Gives the host's signal handlers and mask back (on the thread that ran the guest). */
void linux_destroy(struct linux_process **process);

/* What the engine calls; the `os` pointer is the struct linux_process. */
extern const struct os_ops linux_ops;

/* Makes vcpu the main thread's, before it runs. */
void linux_attach(struct linux_process *process, struct vcpu *vcpu);

/* How the guest ended; valid once an os_ops function has returned OS_EXIT. */
const struct linux_exit *linux_exit_of(const struct linux_process *process);

#endif
