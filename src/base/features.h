/* Techniques that can be switched off by name, so that what each is worth can be measured
 * (--features=-chaining,...). One row per technique. */
#ifndef TIERCEL_BASE_FEATURES_H
#define TIERCEL_BASE_FEATURES_H

#define FEATURES(FEATURE)                                                                          \
    FEATURE(chaining, "direct jumps between translated blocks")                                    \
    FEATURE(inline_cache, "one-entry inline cache at indirect jumps")                              \
    FEATURE(jump_cache, "per-hart cache of indirect jump destinations")                            \
    FEATURE(pinning, "guest registers pinned in host registers (tier 1)")                          \
    FEATURE(float_pinning, "f registers pinned in XMM registers (tier 1)")                         \
    FEATURE(regions, "tier 2 compiles whole regions rather than single blocks")                    \
    FEATURE(superinstructions, "one handler for common pairs of operations (tier 0)")              \
    FEATURE(threading, "handlers jump to each other, not called from a loop (tier 0)")             \
    FEATURE(chunked_polls, "innermost loops poll every 256 iterations (tier 3)")                    \
    FEATURE(extension, "a region gets more entries where code keeps coming back (tier 2)")          \
    FEATURE(counted_polls, "other loops poll every 64 iterations (tier 3)")                        \
    FEATURE(routines, "loops that copy, fill, search or compare memory use wide operations")

enum feature {
#define FEATURE(name, text) FEATURE_##name,
    FEATURES(FEATURE)
#undef FEATURE
    FEATURE_COUNT
};

#endif
