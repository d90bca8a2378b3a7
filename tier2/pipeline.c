/* Pipelines of LLVM passes as text: "function(sroa,loop(licm<x;y>,indvars)),globaldce".
 *
 * A name is followed by "(" when it is a group, else it is a pass. The cut copies the text until
 * the limit of passes has been reached and drops what would be left empty: each group remembers
 * where its name began, and is taken back to there when it closes without a pass. */
#include "tier2/pipeline.h"

#include "src/base/check.h"

#include <stdio.h>
#include <string.h>

const char pipeline_o2_steps[] =
    "function(lower-expect,simplifycfg,sroa<modify-cfg>,early-cse),globalopt,"
    "function(mem2reg,instcombine<no-verify-fixpoint>,simplifycfg<switch-range-to-icmp>),"
    "function(sroa<modify-cfg>,early-cse<memssa>,jump-threading,correlated-propagation,"
    "simplifycfg<switch-range-to-icmp>,instcombine<no-verify-fixpoint>,aggressive-instcombine,"
    "tailcallelim,simplifycfg<switch-range-to-icmp>,reassociate,constraint-elimination,"
    "loop-mssa(loop-instsimplify,loop-simplifycfg,licm<no-allowspeculation>,"
    "loop-rotate<header-duplication>,licm<allowspeculation>,"
    "simple-loop-unswitch<no-nontrivial;trivial>),"
    "simplifycfg<switch-range-to-icmp>,instcombine<no-verify-fixpoint>,"
    "loop(loop-idiom,indvars,simple-loop-unswitch<no-nontrivial;trivial>,loop-deletion,"
    "loop-unroll-full),"
    "sroa<modify-cfg>,vector-combine,mldst-motion<no-split-footer-bb>,gvn,sccp,bdce,"
    "instcombine<no-verify-fixpoint>,jump-threading,correlated-propagation,adce,memcpyopt,dse,"
    "move-auto-init,loop-mssa(licm<allowspeculation>),"
    "simplifycfg<switch-range-to-icmp;hoist-common-insts;sink-common-insts>,"
    "instcombine<no-verify-fixpoint>),"
    "function(float2int,lower-constant-intrinsics,"
    "loop(loop-rotate<header-duplication>,loop-deletion),loop-distribute,inject-tli-mappings,"
    "loop-vectorize,infer-alignment,loop-load-elim,instcombine<no-verify-fixpoint>,"
    "simplifycfg<forward-switch-cond;switch-range-to-icmp;switch-to-lookup;no-keep-loops;"
    "hoist-common-insts;sink-common-insts>,"
    "vector-combine,instcombine<no-verify-fixpoint>,loop-unroll<O2>,"
    "sroa<preserve-cfg>,infer-alignment,instcombine<no-verify-fixpoint>,"
    "loop-mssa(licm<allowspeculation>),alignment-from-assumptions,loop-sink,instsimplify,"
    "div-rem-pairs,tailcallelim,simplifycfg<switch-range-to-icmp;speculate-unpredictables>)";

enum { MAX_DEPTH = 8 };

struct cut {
    struct tier_trial *trial;
    char *text;
    size_t length;
    size_t group_start[MAX_DEPTH]; /* where the names of the open groups begin */
    bool is_empty[MAX_DEPTH + 1];  /* per open group; [0] is the whole */
    unsigned depth;
};

static void append(struct cut *cut, const char *text, size_t length)
{
    CHECK(cut->length + length < PIPELINE_MAX_BYTES, "a pipeline is too long to be cut");
    memcpy(cut->text + cut->length, text, length);
    cut->length += length;
}

/* Length of a name with its parameters. */
static size_t name_length(const char *text)
{
    size_t length = strcspn(text, ",()<");
    if (text[length] == '<')
        length += strcspn(text + length, ">") + 1;
    return length;
}

static void add_separator(struct cut *cut)
{
    if (!cut->is_empty[cut->depth])
        append(cut, ",", 1);
}

static void open_group(struct cut *cut, const char *name, size_t length)
{
    CHECK(cut->depth < MAX_DEPTH, "a pipeline is nested too deeply");
    cut->group_start[cut->depth] = cut->length;
    add_separator(cut);
    append(cut, name, length);
    append(cut, "(", 1);
    cut->is_empty[++cut->depth] = true;
}

static void close_group(struct cut *cut)
{
    bool was_empty = cut->is_empty[cut->depth--];
    if (was_empty) {
        cut->length = cut->group_start[cut->depth];
        return;
    }
    cut->is_empty[cut->depth] = false;
    append(cut, ")", 1);
}

static void add_pass(struct cut *cut, const char *name, size_t length)
{
    struct tier_trial *trial = cut->trial;
    if (trial->pipeline_steps++ >= trial->pipeline_limit)
        return;
    snprintf(trial->step, sizeof trial->step, "%.*s", (int)length, name);
    add_separator(cut);
    append(cut, name, length);
    cut->is_empty[cut->depth] = false;
}

void pipeline_cut(const char *pipeline, struct tier_trial *trial, char ret_cut[PIPELINE_MAX_BYTES])
{
    struct cut cut = {.trial = trial, .text = ret_cut, .is_empty = {true}};
    trial->pipeline_steps = 0;
    trial->step[0] = '\0';
    while (*pipeline) {
        size_t length = name_length(pipeline);
        if (pipeline[length] == '(')
            open_group(&cut, pipeline, length);
        else if (length > 0)
            add_pass(&cut, pipeline, length);
        pipeline += length;
        if (*pipeline == ')')
            close_group(&cut);
        if (*pipeline)
            pipeline++;
    }
    ret_cut[cut.length] = '\0';
}
