/* Descriptors of tiercel's own.
 *
 * The guest's descriptors are the host's, and a guest's first open gives the lowest free one; it may
 * also close all that it did not open. So tiercel's are moved out of the way, and what the guest asks
 * of them is refused (linux/sys_file.c). All functions may be called by any thread. */
#ifndef TIERCEL_BASE_DESCRIPTORS_H
#define TIERCEL_BASE_DESCRIPTORS_H

#include <stdbool.h>
#include <stdio.h>

/* Moves fd upwards where that can be and makes it tiercel's; -1 stays as it is. It is closed at execve. */
int descriptor_move(int fd);
void descriptor_close(int fd);
/* A copy of the stream's descriptor, to be written to by tiercel alone; the stream itself where there is
 * none. The guest may close the first. */
FILE *descriptor_copy_stream(FILE *stream);
/* From here on tiercel's, and no longer. */
void descriptor_claim(int fd);
void descriptor_release(int fd);
bool descriptor_is_own(int fd);
/* The lowest of tiercel's from first to last; -1: there is none. */
int descriptor_first_own(unsigned first, unsigned last);

#endif
