/* Status codes of fallible work, and the sentence that goes with a failure.
 *
 * A function that can fail returns `enum status` and takes `struct error *` last; on failure it
 * fills the sentence (no newline, no program name) and leaves its ret_ outputs untouched. */
#ifndef TIERCEL_BASE_STATUS_H
#define TIERCEL_BASE_STATUS_H

#include <stdarg.h>

enum status {
    STATUS_OK = 0,
    STATUS_NO_MEMORY,   /* the host has no memory left */
    STATUS_NO_FILE,     /* a file cannot be opened or read */
    STATUS_BAD_FILE,    /* a file is not what it should be */
    STATUS_UNSUPPORTED, /* understood, and not provided here */
    STATUS_CODE_FULL,   /* code memory has no room left */
    STATUS_REJECTED,    /* a tier cannot compile this block or region */
    STATUS_STALE,       /* the guest code changed while it was being compiled */
    STATUS_DIFFERENT,   /* two tiers disagree (lockstep) */
    STATUS_BAD_OPTION,  /* an option or configuration value is malformed */
};

struct error {
    enum status status;
    char text[256];
};

/* Fills *err (when it is not NULL) and returns `status`. */
enum status error_set(struct error *err, enum status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
