/* Statistics: one gathering, two ways to print it. docs/stats.md describes the JSON; its "schema"
 * number changes when a field changes its meaning or goes away. */
#include "src/exec/internal.h"

#include "src/ir/text.h"

#include <inttypes.h>
#include <string.h>

enum { STATS_SCHEMA = 1 };

static const char *const mode_name[] = {"auto", "0", "1", "2"};

struct summary {
    uint64_t counter[COUNTER_COUNT];
    uint64_t samples[SAMPLE_COUNT];
    uint64_t sample_total;
    uint64_t indirect_fills, next_block_hits;
    struct bulk_count bulk[IR_BULK_COUNT], libcall[IR_LIBCALL_COUNT];
};

/* Lock held. */
static struct summary summarise(const struct exec *exec)
{
    struct summary summary = {0};
    for (const struct exec_thread *thread = exec->threads; thread; thread = thread->next) {
        for (int i = 0; i < COUNTER_COUNT; i++)
            summary.counter[i] += thread->vcpu.counter[i];
        for (int i = 0; i < SAMPLE_COUNT; i++) {
            uint64_t count = atomic_load_explicit(&thread->samples[i], memory_order_relaxed);
            summary.samples[i] += count;
            summary.sample_total += count;
        }
        summary.indirect_fills += thread->indirect_fills;
        summary.next_block_hits += thread->next_block_hits;
        for (int i = 0; i < IR_BULK_COUNT; i++) {
            summary.bulk[i].calls += thread->vcpu.bulk[i].calls;
            summary.bulk[i].bytes += thread->vcpu.bulk[i].bytes;
        }
        for (int i = 0; i < IR_LIBCALL_COUNT; i++) {
            summary.libcall[i].calls += thread->vcpu.libcall_count[i].calls;
            summary.libcall[i].bytes += thread->vcpu.libcall_count[i].bytes;
        }
    }
    return summary;
}

static double share(const struct summary *summary, int place)
{
    return summary->sample_total ? (double)summary->samples[place] / (double)summary->sample_total : 0;
}

/* ---- text ---- */

static void text_tiers(const struct exec *exec, const struct summary *summary, FILE *out)
{
    fprintf(out, "%-5s %15s %15s %7s %9s %11s %10s %9s %10s %7s\n", "tier", "guest insns",
            "block runs", "time %", "compiled", "guest insns", "code bytes", "ms", "promotions",
            "failed");
    for (int tier = 0; tier < TB_TIER_COUNT; tier++) {
        const struct tier_stats *stats = &exec->stats[tier];
        fprintf(out, "%-5d %15" PRIu64 " %15" PRIu64 " %7.1f %9" PRIu64 " %11" PRIu64 " %10" PRIu64
                     " %9.2f %10" PRIu64 " %7" PRIu64 "\n",
                tier, summary->counter[COUNTER_INSNS_TIER0 + tier],
                summary->counter[COUNTER_BLOCKS_TIER0 + tier], 100 * share(summary, tier),
                stats->compiled, stats->guest_insns, stats->code_bytes,
                (double)stats->compile_time_ns / 1e6, stats->promotions, stats->failed);
    }
}

static void text_counts(const char *separator, const char *const *names,
                        const struct bulk_count *counts, int length, FILE *out)
{
    for (int i = 0; i < length; i++) {
        fprintf(out, "%s %s %" PRIu64 " (%" PRIu64 ")", separator, names[i], counts[i].calls,
                counts[i].bytes);
        separator = ",";
    }
    fputc('\n', out);
}

static void text_routines(const struct exec *exec, const struct summary *summary, FILE *out)
{
    text_counts("routines, times (bytes):", ir_bulk_name, summary->bulk, IR_BULK_COUNT, out);
    text_counts("library calls, times (bytes):", ir_libcall_name, summary->libcall,
                IR_LIBCALL_COUNT, out);
    fprintf(out, "functions recognised %" PRIu32, exec->libcall_count);
    const char *separator = ":";
    for (int i = 0; i < LIBCALL_RECORDS; i++) {
        if (!exec->libcalls[i].is_known)
            continue;
        fprintf(out, "%s %s at 0x%" PRIx64, separator, libcall_name(&exec->libcalls[i].libcall),
                exec->libcalls[i].pc);
        separator = ",";
    }
    fprintf(out, "; %.2f ms of looking\n", (double)exec->libcall_look_ns / 1e6);
}

static void text_fp(const struct exec *exec, FILE *out)
{
    fprintf(out, "floating point: %s", exec->config.is_fp_adaptive ? "adaptive" : "exact");
    if (exec->config.is_fp_adaptive && exec->options.is_flagless)
        fprintf(out, ", the guest has not used its flags");
    else if (exec->config.is_fp_adaptive)
        fprintf(out, ", exact since the guest used its flags at pc 0x%" PRIx64, exec->flags_pc);
    fputc('\n', out);
}

void exec_write_stats_text(struct exec *exec, FILE *out)
{
    tb_lock(exec->cache);
    struct summary summary = summarise(exec);
    const struct tb_cache *cache = exec->cache;
    fprintf(out, "tiercel statistics (mode %s)\n", mode_name[exec->config.mode]);
    text_tiers(exec, &summary, out);
    fprintf(out, "outside generated code: %.1f %% of the time\n",
            100 * share(&summary, SAMPLE_OTHER));
    fprintf(out,
            "blocks known %" PRIu32 ", swaps %" PRIu64 ", chain links %" PRIu64
            ", dropped %" PRIu64 ", evictions %" PRIu64 "\n",
            cache->tb_count, cache->stats.swaps, cache->stats.links, cache->stats.dropped_tbs,
            cache->stats.flushes);
    fprintf(out,
            "indirect jumps: inline cache hits %" PRIu64 ", jump cache hits %" PRIu64
            ", look-ups %" PRIu64 "; direct exits by next-block hint %" PRIu64 "\n",
            summary.counter[COUNTER_INLINE_CACHE_HITS], summary.counter[COUNTER_JUMP_CACHE_HITS],
            summary.indirect_fills, summary.next_block_hits);
    fprintf(out, "drafts made %" PRIu64 ", replaced after some runs %" PRIu64 "\n", exec->drafts_made,
            exec->drafts_replaced);
    if (exec->sampler.is_on)
        fprintf(out, "samples of tier 1 %" PRIu64 ", blocks made with counts %" PRIu64 "\n",
                exec->sampler.samples, exec->sampler.counted);
    text_routines(exec, &summary, out);
    fprintf(out, "code memory: %zu of %zu bytes used, peak %zu\n",
            cache->memory->code_used + cache->memory->stub_used, cache->memory->code_limit,
            cache->memory->code_peak);
    text_fp(exec, out);
    for (int i = 0; i < EXEC_FAILURE_KINDS && exec->failures[i].count; i++)
        fprintf(out, "failed compiles: %" PRIu64 " times: %s\n", exec->failures[i].count,
                exec->failures[i].text);
    tb_unlock(exec->cache);
}

/* ---- JSON ---- */

static void json_string(FILE *out, const char *text)
{
    fputc('"', out);
    for (const unsigned char *byte = (const unsigned char *)text; *byte; byte++) {
        if (*byte == '"' || *byte == '\\')
            fprintf(out, "\\%c", *byte);
        else if (*byte < 0x20)
            fprintf(out, "\\u%04x", *byte);
        else
            fputc(*byte, out);
    }
    fputc('"', out);
}

static void json_tier(const struct exec *exec, const struct summary *summary, int tier, FILE *out)
{
    const struct tier_stats *stats = &exec->stats[tier];
    fprintf(out,
            "    {\"tier\": %d, \"guest_insns\": %" PRIu64 ", \"block_runs\": %" PRIu64
            ", \"time_share\": %.4f, \"compiled\": %" PRIu64 ", \"compiled_guest_insns\": %" PRIu64
            ", \"code_bytes\": %" PRIu64 ", \"compile_time_ns\": %" PRIu64
            ", \"promotions\": %" PRIu64 ", \"failed\": %" PRIu64 "}%s\n",
            tier, summary->counter[COUNTER_INSNS_TIER0 + tier],
            summary->counter[COUNTER_BLOCKS_TIER0 + tier], share(summary, tier), stats->compiled,
            stats->guest_insns, stats->code_bytes, stats->compile_time_ns, stats->promotions,
            stats->failed, tier + 1 < TB_TIER_COUNT ? "," : "");
}

static void json_counts(const char *key, const char *const *names, const struct bulk_count *counts,
                        int length, FILE *out)
{
    fprintf(out, "  \"%s\": {", key);
    for (int i = 0; i < length; i++)
        fprintf(out, "%s\"%s\": {\"times\": %" PRIu64 ", \"bytes\": %" PRIu64 "}", i ? ", " : "",
                names[i], counts[i].calls, counts[i].bytes);
    fprintf(out, "},\n");
}

static void json_routines(const struct summary *summary, FILE *out)
{
    json_counts("routines", ir_bulk_name, summary->bulk, IR_BULK_COUNT, out);
    json_counts("libcalls", ir_libcall_name, summary->libcall, IR_LIBCALL_COUNT, out);
}

static void json_functions(const struct exec *exec, FILE *out)
{
    const char *separator = "";
    fprintf(out, "  \"functions\": [");
    for (int i = 0; i < LIBCALL_RECORDS; i++) {
        const struct libcall_record *record = &exec->libcalls[i];
        if (!record->is_known)
            continue;
        fprintf(out, "%s\n    {\"pc\": \"0x%" PRIx64 "\", \"like\": \"%s\"}", separator,
                record->pc, libcall_name(&record->libcall));
        separator = ",";
    }
    fprintf(out, "],\n  \"functions_time_ns\": %" PRIu64 ",\n", exec->libcall_look_ns);
}

static void json_failures(const struct exec *exec, FILE *out)
{
    fprintf(out, "  \"failures\": [");
    for (int i = 0; i < EXEC_FAILURE_KINDS && exec->failures[i].count; i++) {
        fprintf(out, "%s{\"reason\": ", i ? ", " : "");
        json_string(out, exec->failures[i].text);
        fprintf(out, ", \"count\": %" PRIu64 "}", exec->failures[i].count);
    }
    fprintf(out, "]\n");
}

void exec_write_stats_json(struct exec *exec, FILE *out)
{
    tb_lock(exec->cache);
    struct summary summary = summarise(exec);
    const struct tb_cache *cache = exec->cache;
    fprintf(out, "{\n  \"schema\": %d,\n  \"mode\": \"%s\",\n", STATS_SCHEMA,
            mode_name[exec->config.mode]);
    fprintf(out, "  \"thresholds\": {\"t1\": %" PRIu32 ", \"t2\": %" PRIu32 ", \"t3\": %" PRIu32 "},\n",
            exec->config.threshold[1], exec->config.threshold[2], exec->config.threshold[3]);
    fprintf(out, "  \"run_time_ns\": %" PRIu64 ",\n  \"tiers\": [\n",
            exec_time_ns() - exec->start_time_ns);
    for (int tier = 0; tier < TB_TIER_COUNT; tier++)
        json_tier(exec, &summary, tier, out);
    fprintf(out, "  ],\n  \"time_share_outside\": %.4f,\n", share(&summary, SAMPLE_OTHER));
    fprintf(out,
            "  \"blocks\": %" PRIu32 ",\n  \"swaps\": %" PRIu64 ",\n  \"chain_links\": %" PRIu64
            ",\n  \"dropped\": %" PRIu64 ",\n  \"evictions\": %" PRIu64 ",\n",
            cache->tb_count, cache->stats.swaps, cache->stats.links, cache->stats.dropped_tbs,
            cache->stats.flushes);
    fprintf(out,
            "  \"inline_cache_hits\": %" PRIu64 ",\n  \"jump_cache_hits\": %" PRIu64
            ",\n  \"indirect_lookups\": %" PRIu64 ",\n  \"next_block_hits\": %" PRIu64 ",\n",
            summary.counter[COUNTER_INLINE_CACHE_HITS], summary.counter[COUNTER_JUMP_CACHE_HITS],
            summary.indirect_fills, summary.next_block_hits);
    fprintf(out, "  \"drafts\": {\"made\": %" PRIu64 ", \"replaced\": %" PRIu64 "},\n",
            exec->drafts_made, exec->drafts_replaced);
    fprintf(out, "  \"samples\": %" PRIu64 ",\n  \"counted\": %" PRIu64 ",\n",
            exec->sampler.samples, exec->sampler.counted);
    json_routines(&summary, out);
    json_functions(exec, out);
    fprintf(out, "  \"code_memory\": {\"limit\": %zu, \"used\": %zu, \"peak\": %zu},\n",
            cache->memory->code_limit, cache->memory->code_used + cache->memory->stub_used,
            cache->memory->code_peak);
    fprintf(out, "  \"fp\": {\"adaptive\": %s, \"flags_kept\": %s, \"flags_pc\": %" PRIu64 "},\n",
            exec->config.is_fp_adaptive ? "true" : "false",
            exec->options.is_flagless ? "false" : "true", exec->flags_pc);
    json_failures(exec, out);
    fprintf(out, "}\n");
    tb_unlock(exec->cache);
}
