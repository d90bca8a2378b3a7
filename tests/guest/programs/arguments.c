/* argc, argv, environment, auxiliary vector, atexit order, exit status. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

extern char **environ;

static void first(void)
{
    puts("atexit: first registered, last run");
}
static void second(void)
{
    puts("atexit: second");
}

int main(int argc, char **argv)
{
    atexit(first);
    atexit(second);
    printf("argc %d\n", argc);
    for (int i = 1; i < argc; i++)
        printf("argv[%d] '%s'\n", i, argv[i]);
    printf("argv[argc] %s\n", argv[argc] ? "set" : "null");
    printf("program %d\n", strstr(argv[0], "arguments") != NULL);
    for (char **entry = environ; *entry; entry++)
        printf("env %s\n", *entry);
    setenv("ADDED", "yes", 1);
    unsetenv("TIERCEL_TEST");
    printf("ADDED=%s TIERCEL_TEST=%s\n", getenv("ADDED"), getenv("TIERCEL_TEST") ? "set" : "unset");
    printf("page size %lu, clock ticks %lu, secure %lu\n", getauxval(AT_PAGESZ),
           getauxval(AT_CLKTCK), getauxval(AT_SECURE));
    printf("identity %d\n", getauxval(AT_UID) == getuid() && getauxval(AT_EGID) == getegid());
    printf("execfn %d\n", !strcmp((const char *)getauxval(AT_EXECFN), argv[0]));
    printf("random %d\n", getauxval(AT_RANDOM) != 0);
    fflush(stdout);
    return 77;
}
