/* Techniques that can be switched off by name, so that what each is worth can be measured
 * (--features=-chaining,...). One row per technique:
 *
 * FEATURE(name, modes, text)
 *   modes   where it matters, of tier0, tier1 and auto, blank-separated (tiercel-bench ablate) */
#ifndef TIERCEL_BASE_FEATURES_H
#define TIERCEL_BASE_FEATURES_H

#define FEATURES(FEATURE)                                                                          \
    FEATURE(chaining, "tier0 tier1 auto", "direct jumps between translated blocks")                \
    FEATURE(next_block_hint, "tier0 tier1",                                                        \
            "what a direct exit without a chain link leads to is not looked up")                   \
    FEATURE(inline_cache, "tier0 tier1 auto",                                                      \
            "one-entry inline cache at indirect calls and returns")                                \
    FEATURE(jump_cache, "tier0 tier1 auto", "per-hart cache of indirect jump destinations")        \
    FEATURE(identity, "tier1 auto", "guest memory lies at its own addresses, if they are free")    \
    FEATURE(huge_pages, "tier0 tier1 auto", "large guest memory lies in huge pages of the host")   \
    FEATURE(pinning, "tier1 auto", "guest registers pinned in host registers (tier 1)")            \
    FEATURE(float_pinning, "tier1 auto", "f registers pinned in XMM registers (tier 1)")           \
    FEATURE(register_caching, "tier1 auto",                                                        \
            "values stay in scratch registers from operation to operation (tier 1)")               \
    FEATURE(folding, "tier1 auto",                                                                 \
            "immediates, memory operands, addresses, lea, compare with branch (tier 1)")           \
    FEATURE(destination_hints, "tier1 auto",                                                       \
            "results are computed in the pinned register they go to (tier 1)")                     \
    FEATURE(drafts, "tier1 auto",                                                                  \
            "blocks are made in one pass until they have run a few times (tier 1)")                \
    FEATURE(long_drafts, "tier1 auto",                                                             \
            "drafts go on behind branches, and can be entered on their way (tier 1)")              \
    FEATURE(function_drafts, "tier1 auto",                                                         \
            "long drafts go on behind calls too, and have their forward branches inside (tier 1)") \
    FEATURE(superblocks, "tier1 auto",                                                             \
            "blocks that are not counted go on behind branches (tier 1)")                          \
    FEATURE(regions, "auto", "tier 2 compiles whole regions rather than single blocks")            \
    FEATURE(narrowing, "auto", "32-bit dataflow: what holds 32 bits is computed on 32 (tier 2)")   \
    FEATURE(selects, "auto", "what a branch skips is computed and selected, if it is short (tier 2)") \
    FEATURE(outcomes, "auto", "branches over short code whose outcomes look foreseen are no selects (tier 2)") \
    FEATURE(superinstructions, "tier0", "one handler for common pairs of operations (tier 0)")     \
    FEATURE(threading, "tier0", "handlers jump to each other, not called from a loop (tier 0)")    \
    FEATURE(chunked_polls, "auto", "loops of one block poll every 256 iterations (tier 3)")        \
    FEATURE(sampling, "auto", "blocks are counted when samples have shown them hot (tier 1)")      \
    FEATURE(budget, "auto", "on one CPU few samples, and compiles get a share of the time (tier 2)")  \
    FEATURE(run_length, "auto", "regions that would soon be left are not compiled (tier 2)")       \
    FEATURE(observation, "auto", "where hot indirect exits go is looked at first (tier 2)")        \
    FEATURE(extension, "auto", "a region gets more entries where code keeps coming back (tier 2)") \
    FEATURE(routines, "tier0 tier1 auto",                                                          \
            "loops that copy, fill, search or compare memory use wide operations")                 \
    FEATURE(libcalls, "tier1 auto", "functions like memmove, strlen, strcmp are done at once")

enum feature {
#define FEATURE(name, modes, text) FEATURE_##name,
    FEATURES(FEATURE)
#undef FEATURE
    FEATURE_COUNT
};

#endif
