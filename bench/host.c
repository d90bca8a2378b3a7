/* Describing the machine and the programs: see host.h. */
#include "bench/host.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

/* The first line of a text, to be freed by the caller; NULL when it is empty. */
static char *first_line(const char *text)
{
    size_t length = strcspn(text, "\r\n");
    return length > 0 ? text_format("%.*s", (int)length, text) : NULL;
}

static char *read_cpu_name(void)
{
    FILE *file = fopen("/proc/cpuinfo", "r");
    char line[512], *name = NULL;
    while (file != NULL && name == NULL && fgets(line, sizeof line, file) != NULL) {
        const char *colon = strchr(line, ':');
        if (strncmp(line, "model name", strlen("model name")) == 0 && colon != NULL)
            name = first_line(colon + 1 + strspn(colon + 1, " \t"));
    }
    if (file != NULL)
        fclose(file);
    return name;
}

/* What `program --version` says first; NULL when it does not. */
static char *read_version(const char *program)
{
    if (program == NULL)
        return NULL;
    struct string_list command = {0};
    struct process_result result;
    string_list_push(&command, program);
    string_list_push(&command, "--version");
    process_run(&result, &(struct process_request){command.items, NULL, 10});
    char *version = NULL;
    if (result.end == PROCESS_EXITED && result.code == 0)
        version = first_line(result.output);
    process_result_fini(&result);
    string_list_fini(&command);
    return version;
}

static char *now_utc(void)
{
    char text[32];
    time_t now = time(NULL);
    struct tm parts;
    gmtime_r(&now, &parts);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
    return text_format("%s", text);
}

void host_init(struct host *host, const struct experiment *experiment)
{
    struct utsname names;
    *host = (struct host){
        .cpu = read_cpu_name(),
        .cores = sysconf(_SC_NPROCESSORS_ONLN),
        .tiercel_version = read_version(experiment->tiercel),
        .qemu_version = read_version(experiment->qemu),
        .date = now_utc(),
        .load = NAN,
    };
    if (uname(&names) == 0)
        host->kernel = text_format("%s %s", names.sysname, names.release);
    if (getloadavg(&host->load, 1) != 1)
        host->load = NAN;
}

void host_fini(struct host *host)
{
    free(host->cpu);
    free(host->kernel);
    free(host->tiercel_version);
    free(host->qemu_version);
    free(host->date);
    *host = (struct host){0};
}
