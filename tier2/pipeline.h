/* Pipelines of LLVM passes as text, and their beginnings (pipeline.c). */
#ifndef TIERCEL_TIER2_PIPELINE_H
#define TIERCEL_TIER2_PIPELINE_H

#include "src/tb/tier.h"

enum { PIPELINE_MAX_BYTES = 4096 };

/* default<O2> as far as a module of one function without callees meets it, step by step. Only
 * trials run it, which need to cut it. */
extern const char pipeline_o2_steps[];

/* The first trial->pipeline_limit steps of the pipeline; fills in the rest of the trial. A step is
 * a pass, wherever it is nested; groups that lose all their passes go as well. */
void pipeline_cut(const char *pipeline, struct tier_trial *trial, char ret_cut[PIPELINE_MAX_BYTES]);

#endif
