/* The composition root: the one file that knows every part.
 *
 * It turns a tiercel_config into an address space, a loaded program, a Linux process and an
 * execution engine with its tiers, and is the implementation of the public header. */
#include "include/tiercel/tiercel.h"

#include "src/base/bits.h"
#include "src/base/check.h"
#include "src/base/descriptors.h"
#include "src/base/features.h"
#include "src/exec/exec.h"
#include "src/linux/linux.h"
#include "src/loader/loader.h"
#include "machine_config.h" /* written by meson */

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

/* Defaults; docs/performance.md says where the thresholds come from. */
enum {
    DEFAULT_T1 = 0,
    DEFAULT_T2 = 200000,
    DEFAULT_T3 = 5000000,
    DEFAULT_CODE_MEMORY = 64 << 20,
    DEFAULT_BLOCK_INSNS = 64,
    DEFAULT_REGION_INSNS = 800,
    MAX_BLOCK_INSNS = 1000,
    STACK_BYTES = 8 << 20,
};

struct tiercel_machine {
    tiercel_config config;
    struct space *space;
    struct exec *exec;
    struct linux_process *process;
    struct vcpu *vcpu;
    uint64_t load_bias; /* of the program */
    char exec_path[PATH_MAX];
    char tier2_module[PATH_MAX]; /* empty: not there */
};

void tiercel_config_init(tiercel_config *config)
{
    *config = (tiercel_config){
        .mode = TIERCEL_MODE_AUTO,
        .threshold = {0, DEFAULT_T1, DEFAULT_T2, DEFAULT_T3},
        .jit_threads = 1,
        .code_memory_bytes = DEFAULT_CODE_MEMORY,
        .max_block_insns = DEFAULT_BLOCK_INSNS,
        .max_region_insns = DEFAULT_REGION_INSNS,
    };
}

/* ---- features ---- */

static const char *const feature_name[] = {
#define FEATURE_NAME(name, modes, text) #name,
    FEATURES(FEATURE_NAME)
#undef FEATURE_NAME
};
static const char *const feature_text[] = {
#define FEATURE_TEXT(name, modes, text) text,
    FEATURES(FEATURE_TEXT)
#undef FEATURE_TEXT
};

/* "all", "none", or a list of +name and -name relative to *features. */
static enum status parse_features(const char *text, uint32_t *features, struct error *err)
{
    uint32_t set = *features;
    while (*text) {
        size_t length = strcspn(text, ",");
        bool is_off = *text == '-';
        const char *word = text + (*text == '-' || *text == '+');
        size_t word_length = length - (size_t)(word - text);
        uint32_t bits = 0;
        for (size_t i = 0; i < FEATURE_COUNT; i++)
            if (strlen(feature_name[i]) == word_length && !memcmp(feature_name[i], word, word_length))
                bits = 1u << i;
        if (word_length == 3 && !memcmp(word, "all", 3))
            bits = (1u << FEATURE_COUNT) - 1;
        if (word_length == 4 && !memcmp(word, "none", 4))
            bits = (1u << FEATURE_COUNT) - 1, is_off = true;
        if (!bits)
            return error_set(err, STATUS_BAD_OPTION, "unknown feature '%.*s'", (int)word_length, word);
        set = is_off ? set & ~bits : set | bits;
        text += length + (text[length] == ',');
    }
    *features = set;
    return STATUS_OK;
}

void tiercel_list_passes(FILE *out)
{
    fprintf(out, "optimiser passes (--opt=-NAME,... or all, none):\n");
    for (int i = 0; i < OPT_PASS_COUNT; i++)
        fprintf(out, "  %-18s %s\n", opt_pass_name[i], opt_pass_text[i]);
    fprintf(out, "techniques (--features=-NAME,... or all, none):\n");
    for (int i = 0; i < FEATURE_COUNT; i++)
        fprintf(out, "  %-18s %s\n", feature_name[i], feature_text[i]);
    fprintf(out, "forced events (--stress=NAME,...:SEED or all:SEED), for tests:\n");
    stress_list(out);
}

const char *tiercel_version(void)
{
    return "tiercel " TIERCEL_VERSION " (" TIERCEL_LLVM_TEXT ")";
}

FILE *tiercel_keep_stream(FILE *stream)
{
    return descriptor_copy_stream(stream);
}

/* ---- creation ---- */

/* The LLVM tier lies beside the executable, or where it was installed. */
static void find_tier2_module(tiercel_machine *machine)
{
    if (!TIERCEL_HAS_LLVM)
        return;
    char path[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    if (length < 0)
        return;
    path[length] = '\0';
    char *slash = strrchr(path, '/');
    if (slash)
        *slash = '\0';
    int written = snprintf(machine->tier2_module, sizeof machine->tier2_module, "%.3000s/%s", path,
                           TIERCEL_TIER2_FILE);
    if (written > 0 && access(machine->tier2_module, R_OK) != 0)
        snprintf(machine->tier2_module, sizeof machine->tier2_module, "%s/%s", TIERCEL_LIBDIR,
                 TIERCEL_TIER2_FILE);
}

static enum status check_config(const tiercel_config *config, struct error *err)
{
    if (config->max_block_insns < 1 || config->max_block_insns > MAX_BLOCK_INSNS)
        return error_set(err, STATUS_BAD_OPTION, "block size must be 1 to %d instructions",
                         MAX_BLOCK_INSNS);
    if (config->max_region_insns < 1)
        return error_set(err, STATUS_BAD_OPTION, "region size must be at least 1 instruction");
    if (config->lockstep && config->fp != TIERCEL_FP_EXACT)
        return error_set(err, STATUS_BAD_OPTION, "lockstep compares flags: it needs exact floating point");
    if (config->dump & TIERCEL_DUMP_REGISTERS && config->mode != TIERCEL_MODE_TIER1)
        return error_set(err, STATUS_BAD_OPTION, "registers are counted in tier 1 alone: the dump needs --tier=1");
    if (config->jit_threads > 64)
        return error_set(err, STATUS_BAD_OPTION, "at most 64 compile threads are possible");
    return STATUS_OK;
}

static enum status find_features(const tiercel_config *config, uint32_t *ret_features, struct error *err)
{
    *ret_features = (1u << FEATURE_COUNT) - 1;
    enum status status = config->features ? parse_features(config->features, ret_features, err) : STATUS_OK;
    if (config->is_without_routines)
        *ret_features &= ~(1u << FEATURE_routines | 1u << FEATURE_libcalls);
    return status;
}

static enum status create_exec(tiercel_machine *machine, uint32_t features, struct error *err)
{
    const tiercel_config *config = &machine->config;
    uint32_t passes = OPT_ALL;
    enum status status = config->opt ? opt_parse(config->opt, &passes, err) : STATUS_OK;
    struct stress stress = {0};
    if (status == STATUS_OK && config->stress)
        status = stress_parse(config->stress, &stress, err);
    struct lockstep_pair lockstep = {0};
    if (status == STATUS_OK && config->lockstep)
        status = lockstep_parse(config->lockstep, &lockstep, err);
    if (status != STATUS_OK)
        return status;
    struct exec_config exec_config = {
        .mode = (enum exec_mode)config->mode,
        .threshold = {0, config->threshold[1], config->threshold[2], config->threshold[3]},
        .jit_threads = config->is_deterministic ? 0 : config->jit_threads,
        .is_counting = config->is_counting,
        .is_fp_adaptive = config->fp == TIERCEL_FP_ADAPTIVE,
        .code_limit_bytes = config->code_memory_bytes,
        .max_block_insns = config->max_block_insns,
        .max_region_insns = config->max_region_insns,
        .opt_passes = passes,
        .features = features,
        .stress = stress,
        .lockstep = lockstep,
        .lockstep_file = config->lockstep_file ? config->lockstep_file : stderr,
        .dump = config->dump,
        .dump_pc = config->dump_pc,
        .dump_file = config->dump_file ? config->dump_file : stderr,
        .tier2_module = machine->tier2_module[0] ? machine->tier2_module : NULL,
        .isa = &guest_riscv64,
        .space = machine->space,
        .os_ops = &linux_ops,
    };
    struct exec_tiers tiers = {.create_tier0 = tier0_create, .create_tier1 = tier1_create};
    return exec_create(&exec_config, &tiers, &machine->exec, err);
}

/* 16 bytes for AT_RANDOM; always the same in deterministic mode. */
static void fill_random(const tiercel_config *config, uint8_t random[16])
{
    memset(random, 0x5a, 16);
    if (!config->is_deterministic && getrandom(random, 16, 0) != 16)
        memset(random, 0xa5, 16);
}

static enum status build_stack(tiercel_machine *machine, const struct loader_image *image, int argc,
                               const char *const *argv, struct error *err)
{
    static const char *const no_environment[] = {NULL};
    uint8_t random[16];
    fill_random(&machine->config, random);
    struct rlimit limit;
    uint64_t stack_bytes = machine->config.stack_bytes;
    if (!stack_bytes)
        stack_bytes = getrlimit(RLIMIT_STACK, &limit) == 0 && limit.rlim_cur < STACK_BYTES
                          ? limit.rlim_cur
                          : STACK_BYTES;
    struct loader_stack_request request = {
        .exec_path = machine->exec_path,
        .argc = argc,
        .argv = argv,
        .envp = machine->config.environment ? machine->config.environment : no_environment,
        .size_bytes = bits_align_up(stack_bytes, SPACE_PAGE),
        .random = random,
        .uid = getuid(),
        .euid = geteuid(),
        .gid = getgid(),
        .egid = getegid(),
        .is_secure = getauxval(AT_SECURE) != 0,
    };
    uint64_t sp;
    enum status status = loader_build_stack(machine->space, &guest_riscv64, image, &request, &sp, err);
    if (status != STATUS_OK)
        return status;
    machine->vcpu->reg[guest_riscv64.stack_reg] = sp;
    machine->vcpu->pc = image->entry;
    return STATUS_OK;
}

static enum status create_parts(tiercel_machine *machine, const char *path, int argc,
                                const char *const *argv, int *ret_errno, struct error *err)
{
    uint32_t features;
    enum status status = check_config(&machine->config, err);
    if (status == STATUS_OK)
        status = find_features(&machine->config, &features, err);
    if (status == STATUS_OK)
        status = space_create(features >> FEATURE_identity & 1, &machine->space, err);
    if (status == STATUS_OK && features >> FEATURE_huge_pages & 1)
        space_use_huge_pages(machine->space);
    if (status == STATUS_OK)
        status = create_exec(machine, features, err);
    if (status != STATUS_OK)
        return status;
    machine->vcpu = exec_vcpu_create(machine->exec);
    struct loader_image image;
    status = loader_load(machine->space, &guest_riscv64, path, &image, ret_errno, err);
    if (status != STATUS_OK)
        return status;
    machine->load_bias = image.load_bias;
    space_set_brk_start(machine->space, image.brk_start);
    if (!realpath(path, machine->exec_path))
        snprintf(machine->exec_path, sizeof machine->exec_path, "%s", path);
    status = build_stack(machine, &image, argc, argv, err);
    if (status != STATUS_OK)
        return status;
    struct linux_config linux_config = {
        .space = machine->space,
        .isa = &guest_riscv64,
        .exec = machine->exec,
        .exec_path = machine->exec_path,
        .strace = machine->config.strace_file,
        .is_deterministic = machine->config.is_deterministic,
    };
    status = linux_create(&linux_config, &machine->process, err);
    if (status != STATUS_OK)
        return status;
    exec_set_os(machine->exec, machine->process);
    linux_attach(machine->process, machine->vcpu);
    return STATUS_OK;
}

static tiercel_status public_status(enum status status, int error_number)
{
    switch (status) {
    case STATUS_OK:
        return TIERCEL_OK;
    case STATUS_NO_FILE:
        return error_number == ENOENT || error_number == ENOTDIR ? TIERCEL_ERROR_NO_FILE
                                                                 : TIERCEL_ERROR_NOT_RUNNABLE;
    case STATUS_BAD_FILE:
        return TIERCEL_ERROR_NOT_RUNNABLE;
    case STATUS_BAD_OPTION:
        return TIERCEL_ERROR_OPTION;
    case STATUS_DIFFERENT:
        return TIERCEL_ERROR_DIFFERENCE;
    case STATUS_UNSUPPORTED:
        return error_number ? TIERCEL_ERROR_RESOURCE : TIERCEL_ERROR_NOT_RUNNABLE;
    case STATUS_NO_MEMORY:
    case STATUS_CODE_FULL:
    case STATUS_REJECTED:
    case STATUS_STALE:
        return TIERCEL_ERROR_RESOURCE;
    }
    return TIERCEL_ERROR_RESOURCE;
}

tiercel_status tiercel_create(const tiercel_config *config, const char *path, int argc,
                              const char *const *argv, tiercel_machine **ret_machine, char *message,
                              size_t message_size)
{
    tiercel_machine *machine = calloc(1, sizeof *machine);
    CHECK(machine, "out of memory");
    machine->config = *config;
    machine->config.is_deterministic |= config->lockstep != NULL;
    find_tier2_module(machine);
    struct error err = {0};
    int error_number = 0;
    enum status status = create_parts(machine, path, argc, argv, &error_number, &err);
    if (status != STATUS_OK) {
        snprintf(message, message_size, "%s", err.text);
        tiercel_destroy(&machine);
        return public_status(status, error_number);
    }
    *ret_machine = machine;
    return TIERCEL_OK;
}

tiercel_status tiercel_run(tiercel_machine *machine, tiercel_exit *ret_exit, char *message,
                           size_t message_size)
{
    struct error err = {0};
    enum status status = exec_run(machine->exec, machine->vcpu, &err);
    exec_dump_registers(machine->exec);
    if (status != STATUS_OK) {
        snprintf(message, message_size, "%s", err.text);
        return public_status(status, 0);
    }
    const struct linux_exit *end = linux_exit_of(machine->process);
    ret_exit->is_signal = end->is_signal;
    ret_exit->status = end->status;
    snprintf(ret_exit->message, sizeof ret_exit->message, "%s", end->message);
    return TIERCEL_OK;
}

tiercel_status tiercel_translate(tiercel_machine *machine, tiercel_translation *ret_translation,
                                 char *message, size_t message_size)
{
    struct error err = {0};
    struct exec_translation translation;
    uint64_t start, end;
    enum status status = loader_code_range(machine->exec_path, machine->load_bias, &start, &end, &err);
    if (status == STATUS_OK)
        status = exec_translate_range(machine->exec, machine->vcpu, start, end, &translation, &err);
    if (status != STATUS_OK) {
        snprintf(message, message_size, "%s", err.text);
        return public_status(status, 0);
    }
    *ret_translation = (tiercel_translation){
        .blocks = translation.blocks,
        .guest_insns = translation.guest_insns,
        .code_bytes = translation.code_bytes,
        .time_ns = translation.time_ns,
        .decode_ns = translation.stage_ns[EXEC_STAGE_DECODE],
        .opt_ns = translation.stage_ns[EXEC_STAGE_OPT],
        .compile_ns = translation.stage_ns[EXEC_STAGE_COMPILE],
    };
    return TIERCEL_OK;
}

void tiercel_lockstep_summary(const tiercel_machine *machine, char *text, size_t text_size)
{
    text[0] = '\0';
    if (machine->config.lockstep)
        exec_lockstep_summary(machine->exec, text, text_size);
}

void tiercel_write_stats(tiercel_machine *machine, FILE *out, bool is_json)
{
    if (is_json)
        exec_write_stats_json(machine->exec, out);
    else
        exec_write_stats_text(machine->exec, out);
}

void tiercel_destroy(tiercel_machine **machine_place)
{
    tiercel_machine *machine = *machine_place;
    if (!machine)
        return;
    exec_vcpu_destroy(&machine->vcpu);
    exec_destroy(&machine->exec);
    linux_destroy(&machine->process);
    space_destroy(&machine->space);
    free(machine);
    *machine_place = NULL;
}
