/* From what an iteration does to what the loop does: which bytes it covers, from where to where.
 *
 * All that matters for being right is that every place that the iterations touch lies in the range
 * that the bulk operation goes through, and that every condition follows from what it has found
 * there. That the places fill the range without gaps is asked of stores, which must not write more;
 * of searches only so that they are no other kind of loop. */
#include "src/opt/routine_internal.h"

enum { MAX_STRIDE = 256, MAX_FIRST_INSNS = 1024 };
/* Bytes left, from which on bulk operations win: against loops that do one byte, one word or several
 * words in an iteration (fill, copy, copy of shifted words). */
enum {
    LEAST_BYTES = 24,
    LEAST_WORD_BYTES = 192,
    LEAST_FILL_BYTES = 768,
    LEAST_COPY_BYTES = 1024,
    LEAST_FUNNEL_BYTES = 384,
};

/* A range of bytes by its offsets from one sum. */
struct extent {
    int64_t low, high;
};

static void extend(struct extent *extent, uint64_t offset, unsigned size_log2)
{
    int64_t low = (int64_t)offset, high = low + (1 << size_log2);
    extent->low = low < extent->low ? low : extent->low;
    extent->high = high > extent->high ? high : extent->high;
}

/* The sum without the bytes of funnels: where the words of one are taken from. */
static struct routine_sum without_bytes(const struct routine_sum *sum)
{
    struct routine_sum result = {.offset = sum->offset};
    for (uint32_t i = 0; i < sum->term_count; i++)
        if (!(sum->terms[i].reg & ROUTINE_BYTES_OF))
            result.terms[result.term_count++] = sum->terms[i];
    return result;
}

static bool is_in_step(const struct routine_loop *loop, const struct routine_parts *parts,
                       uint64_t step)
{
    for (uint32_t i = 0; i < parts->count; i++)
        if (routine_sum_step(loop, &parts->part[i].place.at) != step ||
            (parts == &loop->matches && routine_sum_step(loop, &parts->part[i].other.at) != step))
            return false;
    return true;
}

static uint64_t total_bytes(const struct routine_parts *parts)
{
    uint64_t total = 0;
    for (uint32_t i = 0; i < parts->count; i++)
        total += UINT64_C(1) << parts->part[i].place.size_log2;
    return total;
}

static bool is_counted(const struct routine_loop *loop)
{
    for (uint32_t i = 0; i < loop->count_count; i++)
        if (loop->counts[i].step != 0)
            return true;
    return false;
}

/* ---- searches ---- */

/* The two sides of a search; without matches the second is the first. `apart` is the distance of
 * corresponding offsets. */
struct sides {
    struct routine_sum a, b;
    uint64_t apart;
};

/* Brings pairs into one order. */
static bool find_sides(const struct routine_loop *loop, struct sides *sides)
{
    const struct routine_parts *matches = &loop->matches;
    if (matches->count == 0) {
        sides->a = sides->b = loop->finds.part[0].place.at;
        return true;
    }
    sides->a = matches->part[0].place.at;
    sides->b = matches->part[0].other.at;
    sides->apart = sides->b.offset - sides->a.offset;
    for (uint32_t i = 1; i < matches->count; i++) {
        const struct routine_sum *x = &matches->part[i].place.at, *y = &matches->part[i].other.at;
        bool is_swapped = !(routine_sum_same_terms(x, &sides->a) &&
                            y->offset - x->offset == sides->apart);
        const struct routine_sum *a = is_swapped ? y : x, *b = is_swapped ? x : y;
        if (!routine_sum_same_terms(a, &sides->a) || !routine_sum_same_terms(b, &sides->b) ||
            b->offset - a->offset != sides->apart)
            return false;
    }
    return true;
}

/* Extends by a place on either side; is_word: before funnels are put together. */
static bool extend_side(struct extent *extent, const struct sides *sides,
                        const struct routine_place *place, bool is_word)
{
    struct routine_sum a = is_word ? without_bytes(&sides->a) : sides->a;
    struct routine_sum b = is_word ? without_bytes(&sides->b) : sides->b;
    if (routine_sum_same_terms(&place->at, &a))
        extend(extent, place->at.offset, place->size_log2);
    else if (routine_sum_same_terms(&place->at, &b))
        extend(extent, place->at.offset - sides->apart, place->size_log2);
    else
        return false;
    return true;
}

static bool plan_search(const struct routine_loop *loop, struct routine_plan *plan)
{
    struct sides sides = {.apart = 0};
    if (!find_sides(loop, &sides))
        return false;
    struct routine_sum words_of_a = without_bytes(&sides.a), words_of_b = without_bytes(&sides.b);
    struct extent extent = {INT64_MAX, INT64_MIN};
    bool is_good = true;
    for (uint32_t i = 0; i < loop->finds.count; i++)
        is_good &= extend_side(&extent, &sides, &loop->finds.part[i].place, false);
    for (uint32_t i = 0; i < loop->matches.count; i++)
        is_good &= extend_side(&extent, &sides, &loop->matches.part[i].place, false);
    for (uint32_t i = 0; i < loop->loads.count; i++)
        is_good &= extend_side(&extent, &sides, &loop->loads.part[i].place, true);
    if (!is_good || extent.high - extent.low < (int64_t)plan->stride)
        return false;
    /* Words of a funnel stay aligned, and so in the pages of what is taken from them. */
    bool is_funnel = !routine_sum_same_terms(&sides.a, &words_of_a) ||
                     !routine_sum_same_terms(&sides.b, &words_of_b);
    if (is_funnel && plan->stride % 8)
        return false;
    plan->has_find = loop->finds.count > 0;
    plan->has_match = loop->matches.count > 0;
    plan->ahead = (uint64_t)(extent.high - extent.low) - plan->stride;
    plan->start = sides.a;
    plan->start.offset = (uint64_t)extent.low;
    plan->other_start = sides.b;
    plan->other_start.offset = (uint64_t)extent.low + sides.apart;
    return true;
}

/* Ends of strings are the only bytes that are looked for while places are compared. */
static bool has_known_stops(const struct routine_loop *loop)
{
    for (uint32_t i = 0; i < loop->stop_count && loop->matches.count; i++)
        if (!routine_sum_is_const(&loop->stops[i].byte) || loop->stops[i].byte.offset != 0 ||
            loop->stops[i].flipped != 0)
            return false;
    return true;
}

static bool is_search(const struct routine_loop *loop, const struct routine_plan *plan)
{
    uint64_t finds = total_bytes(&loop->finds), matches = total_bytes(&loop->matches);
    return (finds || matches) && (finds % plan->stride == 0) && (matches % plan->stride == 0) &&
           has_known_stops(loop);
}

/* ---- copies and fills ---- */

/* Stores of one width, in the order of the loop, that fill the stride. */
static bool plan_stores(const struct routine_loop *loop, bool is_upwards, struct routine_plan *plan)
{
    const struct routine_parts *stores = &loop->stores;
    const struct routine_place *first = &stores->part[0].place;
    uint64_t width = UINT64_C(1) << first->size_log2;
    if (stores->count * width != plan->stride)
        return false;
    for (uint32_t i = 1; i < stores->count; i++) {
        const struct routine_place *place = &stores->part[i].place;
        uint64_t distance = is_upwards ? i * width : 0 - i * width;
        if (place->size_log2 != first->size_log2 ||
            !routine_sum_same_terms(&place->at, &first->at) ||
            place->at.offset - first->at.offset != distance)
            return false;
    }
    plan->width_log2 = first->size_log2;
    plan->to = is_upwards ? first->at : stores->part[stores->count - 1].place.at;
    return true;
}

static bool plan_sources(const struct routine_loop *loop, bool is_upwards,
                         struct routine_plan *plan)
{
    const struct routine_parts *stores = &loop->stores;
    const struct routine_part *first = &stores->part[0];
    uint64_t apart = first->other.at.offset - first->place.at.offset;
    for (uint32_t i = 0; i < stores->count; i++) {
        const struct routine_part *part = &stores->part[i];
        if (!routine_sum_same_terms(&part->other.at, &first->other.at) ||
            part->other.at.offset - part->place.at.offset != apart ||
            part->other.size_log2 != part->place.size_log2 ||
            routine_sum_step(loop, &part->other.at) != routine_sum_step(loop, &part->place.at))
            return false;
    }
    plan->from = is_upwards ? first->other.at : stores->part[stores->count - 1].other.at;
    return true;
}

/* What an iteration reads: all from the source of the copy. */
static bool plan_probe(const struct routine_loop *loop, struct routine_plan *plan)
{
    struct extent extent = {INT64_MAX, INT64_MIN};
    struct routine_sum words = without_bytes(&plan->from);
    for (uint32_t i = 0; i < loop->loads.count; i++) {
        const struct routine_place *place = &loop->loads.part[i].place;
        if (!routine_sum_same_terms(&place->at, &words))
            return false;
        extend(&extent, place->at.offset, place->size_log2);
    }
    if (loop->loads.count == 0 || extent.high - extent.low < (int64_t)plan->stride)
        return false;
    plan->probe_start = words;
    plan->probe_start.offset = (uint64_t)extent.low;
    plan->probe_span = (uint64_t)(extent.high - extent.low);
    return true;
}

/* Nothing that an iteration reads may have been written by it or an earlier one. */
static uint64_t least_apart(const struct routine_loop *loop, bool is_upwards,
                            const struct routine_plan *plan)
{
    int64_t least = 0;
    for (uint32_t i = 0; i < loop->loads.count; i++)
        for (uint32_t j = 0; j < loop->stores.count; j++) {
            const struct routine_part *load = &loop->loads.part[i], *store = &loop->stores.part[j];
            int64_t from = (int64_t)(load->place.at.offset - store->other.at.offset);
            int64_t shift = store->other.is_funnel ? 7 : 0; /* at most */
            int64_t needed = is_upwards ? (1 << store->place.size_log2) - from + shift
                                        : (1 << load->place.size_log2) + from;
            if (store->insn > load->insn)
                needed -= (int64_t)plan->stride;
            least = needed > least ? needed : least;
        }
    return (uint64_t)least;
}

static bool is_bytewise(const struct routine_loop *loop, const struct routine_plan *plan)
{
    const struct routine_place *load = &loop->loads.part[0].place;
    return plan->stride == 1 && loop->loads.count == 1 && loop->finds.count == 0 &&
           routine_sum_same_terms(&load->at, &plan->from) && load->at.offset == plan->from.offset;
}

static bool plan_copy(const struct routine_loop *loop, bool is_upwards, struct routine_plan *plan)
{
    plan->kind = is_upwards ? PLAN_COPY : PLAN_COPY_BACK;
    if (loop->matches.count || !plan_stores(loop, is_upwards, plan) ||
        !plan_sources(loop, is_upwards, plan) || !plan_probe(loop, plan))
        return false;
    plan->is_bytewise = is_bytewise(loop, plan);
    plan->least_apart = least_apart(loop, is_upwards, plan);
    if (!loop->finds.count)
        return true;
    /* The search must go through all that is read. */
    return is_upwards && is_search(loop, plan) &&
           routine_sum_same_terms(&loop->finds.part[0].place.at, &plan->from) &&
           routine_sum_same_terms(&plan->from, &plan->probe_start) && plan_search(loop, plan);
}

static bool plan_fill(const struct routine_loop *loop, bool is_upwards, struct routine_plan *plan)
{
    plan->kind = PLAN_FILL;
    return is_upwards && !loop->loads.count && !loop->finds.count && !loop->matches.count &&
           plan_stores(loop, is_upwards, plan);
}

/* ---- when it is worth it ---- */

/* The loop's own iterations come first, until bulk operations would have been worth their start;
 * and a counted loop has to have so many left. */
static void choose_iterations(const struct routine_loop *loop, struct routine_plan *plan)
{
    bool is_search = loop->finds.count || loop->matches.count;
    uint64_t first = plan->stride <= 8 && is_search ? 16 : plan->stride < 8 ? 12 : 4;
    uint64_t most = MAX_FIRST_INSNS / loop->iteration->length;
    uint64_t bytes = is_search || plan->stride < 8 ? LEAST_BYTES
                     : plan->stride == 8           ? LEAST_WORD_BYTES
                     : plan->kind == PLAN_FILL     ? LEAST_FILL_BYTES
                     : plan->from.term_count > plan->probe_start.term_count ? LEAST_FUNNEL_BYTES
                                                                            : LEAST_COPY_BYTES;
    plan->first_iterations = (uint32_t)(first < most ? first : most);
    plan->least_iterations = (uint32_t)((bytes + plan->stride - 1) / plan->stride);
}

static bool make_plan(const struct routine_loop *loop, struct routine_plan *plan)
{
    *plan = (struct routine_plan){.kind = PLAN_SEARCH};
    const struct routine_parts *lead = loop->stores.count    ? &loop->stores
                                       : loop->matches.count ? &loop->matches
                                                             : &loop->finds;
    if (lead->count == 0 || (!is_counted(loop) && !loop->finds.count && !loop->matches.count))
        return false;
    int64_t step = (int64_t)routine_sum_step(loop, &lead->part[0].place.at);
    bool is_upwards = step > 0;
    plan->stride = (uint64_t)(is_upwards ? step : -step);
    if (step == 0 || plan->stride > MAX_STRIDE || !is_in_step(loop, &loop->loads, (uint64_t)step) ||
        !is_in_step(loop, &loop->stores, (uint64_t)step) ||
        !is_in_step(loop, &loop->finds, (uint64_t)step) ||
        !is_in_step(loop, &loop->matches, (uint64_t)step))
        return false;
    if (loop->stores.count)
        return loop->is_fill ? plan_fill(loop, is_upwards, plan) : plan_copy(loop, is_upwards, plan);
    return is_upwards && is_search(loop, plan) && plan_search(loop, plan);
}

bool routine_make_plan(const struct routine_loop *loop, struct routine_plan *ret_plan)
{
    if (!make_plan(loop, ret_plan))
        return false;
    choose_iterations(loop, ret_plan);
    return true;
}
