/* Dies by abort; what was written before is not lost, a handler that returns does not save it. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void handler(int signal)
{
    static const char text[] = "handler of SIGABRT\n";
    (void)signal;
    if (write(1, text, sizeof text - 1) < 0)
        _exit(1);
}

int main(void)
{
    signal(SIGABRT, handler);
    puts("before");
    fflush(stdout);
    abort();
}
