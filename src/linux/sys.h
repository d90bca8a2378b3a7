/* Handlers of system calls, one for each SYSCALL row of syscalls.def. They are spread over sys_*.c
 * by subject; each follows the manual page of its name (section 2). */
#ifndef TIERCEL_LINUX_SYS_H
#define TIERCEL_LINUX_SYS_H

#include "src/linux/process.h"

#define SYSCALL(number, name, ...) linux_syscall sys_##name;
#define SYSCALL_HEX(number, name, ...) linux_syscall sys_##name;
#define HOST(number, name, ...)
#define MISSING(number, name)
#include "src/linux/syscalls.def"
#undef SYSCALL
#undef SYSCALL_HEX
#undef HOST
#undef MISSING

#endif
