/* What tests see of tier 1 beyond src/tb/tier.h. */
#ifndef TIERCEL_TIER1_TIER1_H
#define TIERCEL_TIER1_TIER1_H

#include "src/tb/tier.h"

/* As tier1_create, with the host instructions to use given as a set of enum t1_feature (emit.h)
 * that the host must have. */
struct tier *tier1_create_with_features(struct tb_cache *cache, const struct tier_options *options,
                                        unsigned features);

#endif
