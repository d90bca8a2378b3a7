/* The TB table: records, stubs, links, publication, dropping and flushing.
 *
 * Invariant: every live link's site holds the current entry of the TB it goes to (or that TB's stub
 * when chaining is off), and every piece of dropped code begins with a jump to its TB's stub. */
#include "src/tb/tb.h"

#include "src/base/check.h"
#include "src/base/pages.h"

#include <stdlib.h>
#include <string.h>

_Static_assert(offsetof(struct tb, entry) == TB_OFFSET_ENTRY, "tb offset");
_Static_assert(offsetof(struct tb, pc) == TB_OFFSET_PC, "tb offset");
_Static_assert(offsetof(struct tb, inline_cache) == TB_OFFSET_INLINE_CACHE, "tb offset");
_Static_assert(sizeof(struct tb) % 64 == 0, "records keep the alignment of a cache line");
_Static_assert(offsetof(struct tb, heat) == TB_OFFSET_HEAT, "tb offset");

enum { INITIAL_SLOTS_LOG2 = 12, PAGE_BUCKETS = 1024, PAGE_BITS = 12 };

/* Code that was translated from one guest page. Most is translated from one page only: it is linked
 * by its next_on_page. What is in the list of another page already has a node of its own. */
struct tb_page_code {
    struct tb_page_code *next;
    struct tb_code *code;
};
struct tb_page {
    struct tb_page *next;
    uint64_t number; /* guest address >> PAGE_BITS */
    struct tb_code *codes;
    struct tb_page_code *others;
};

/* ---- records ---- */

/* The table keeps records of neighbouring blocks near each other: CHUNK_BYTES of guest code share
 * CHUNK_SLOTS slots, at the place of the block in them; only where a chunk goes is scattered. */
enum { CHUNK_BYTES = 64, CHUNK_SLOTS = 16, PC_UNIT = 2 };

static uint32_t key_of(uint64_t pc)
{
    return (uint32_t)(pc / PC_UNIT);
}

static inline uint32_t slot_of(const struct tb_cache *cache, uint32_t key)
{
    uint32_t chunk = key / (CHUNK_BYTES / PC_UNIT) * UINT32_C(0x9e3779b1);
    uint32_t place = key / (CHUNK_BYTES / PC_UNIT / CHUNK_SLOTS) % CHUNK_SLOTS;
    return (chunk >> (32 - cache->slots_log2)) / CHUNK_SLOTS * CHUNK_SLOTS + place;
}

static inline uint32_t slot_after(const struct tb_cache *cache, uint32_t slot)
{
    return (slot + 1) & ((UINT32_C(1) << cache->slots_log2) - 1);
}

static struct tb *first_record(const struct tb_cache *cache)
{
    return (struct tb *)(void *)code_records(cache->memory);
}

/* The record, or NULL with *ret_slot the empty slot where it would go. */
static inline struct tb *find(struct tb_cache *cache, uint64_t pc, uint32_t mode,
                              uint32_t *ret_slot)
{
    const struct tb_slot *slots = cache->slots;
    uint32_t key = key_of(pc);
    uint32_t slot = slot_of(cache, key);
    for (; slots[slot].record; slot = slot_after(cache, slot)) {
        if (slots[slot].key != key)
            continue;
        struct tb *tb = first_record(cache) + (slots[slot].record - 1);
        if (tb->pc == pc && tb->mode == mode)
            return tb;
    }
    *ret_slot = slot;
    return NULL;
}

void tb_expect(const struct tb_cache *cache, uint64_t pc)
{
    __builtin_prefetch(&cache->slots[slot_of(cache, key_of(pc))]);
}

struct tb *tb_find(struct tb_cache *cache, uint64_t pc, uint32_t mode)
{
    uint32_t slot;
    return find(cache, pc, mode, &slot);
}

struct tb *tb_next(const struct tb_cache *cache, uint32_t *cursor)
{
    while (*cursor < UINT32_C(1) << cache->slots_log2) {
        uint32_t record = cache->slots[(*cursor)++].record;
        if (record)
            return first_record(cache) + (record - 1);
    }
    return NULL;
}

static struct tb_slot *slots_new(unsigned slots_log2)
{
    return pages_alloc(sizeof(struct tb_slot) << slots_log2);
}

static void grow_slots(struct tb_cache *cache)
{
    struct tb_slot *old = cache->slots;
    uint32_t old_count = UINT32_C(1) << cache->slots_log2;
    cache->slots_log2 += 2;
    cache->slots = slots_new(cache->slots_log2);
    for (uint32_t i = 0; i < old_count; i++) {
        if (!old[i].record)
            continue;
        uint32_t slot = slot_of(cache, old[i].key);
        while (cache->slots[slot].record)
            slot = slot_after(cache, slot);
        cache->slots[slot] = old[i];
    }
    pages_free(old, sizeof *old * old_count);
}

/* lea rax,[rip+tb]; jmp [r12+thunk_leave_tb]. NULL: there is no room. */
static const uint8_t *emit_stub(struct tb_cache *cache, const struct tb *tb)
{
    uint8_t *stub = code_alloc_stub(cache->memory);
    if (!stub)
        return NULL;
    uint8_t *out = code_w(cache->memory, stub);
    int32_t distance = (int32_t)((const uint8_t *)tb - (stub + 7));
    int32_t thunk = (int32_t)offsetof(struct vcpu, thunk_leave_tb) - VCPU_BIAS;
    memcpy(out, "\x48\x8d\x05", 3);
    memcpy(out + 3, &distance, 4);
    memcpy(out + 7, "\x41\xff\xa4\x24", 4);
    memcpy(out + 11, &thunk, 4);
    out[15] = 0xcc;
    return stub;
}

/* The record is written whole, and not read: it lies in memory that nobody has touched. */
static struct tb *record_new(struct tb_cache *cache, uint64_t pc, uint32_t mode)
{
    struct tb *tb = record_alloc(cache->memory, sizeof *tb);
    const uint8_t *stub = tb ? emit_stub(cache, tb) : NULL;
    if (!stub)
        return NULL;
    *tb = (struct tb){.entry = stub,
                      .pc = pc,
                      .inline_cache = cache->no_tb ? cache->no_tb : tb,
                      .mode = (uint8_t)mode,
                      .tier = TB_TIER_NONE,
                      .requested_tier = TB_TIER_NONE,
                      .failed_tier = TB_TIER_COUNT,
                      .stub_distance = (uint32_t)((uint8_t *)tb - stub)};
    cache->stats.stubs++;
    return tb;
}

struct tb *tb_reference(struct tb_cache *cache, uint64_t pc, uint32_t mode)
{
    uint32_t slot;
    struct tb *tb = find(cache, pc, mode, &slot);
    if (tb)
        return tb;
    tb = record_new(cache, pc, mode);
    if (!tb)
        return NULL;
    cache->slots[slot] = (struct tb_slot){key_of(pc), (uint32_t)(tb - first_record(cache)) + 1};
    if (++cache->tb_count > UINT32_C(1) << (cache->slots_log2 - 1))
        grow_slots(cache);
    return tb;
}

struct tb_profile *tb_profile(struct tb_cache *cache, struct tb *tb)
{
    if (!tb->profile)
        tb->profile = arena_zalloc(&cache->arena, sizeof *tb->profile);
    return tb->profile;
}

const struct tb_profile *tb_profile_of(const struct tb *tb)
{
    static const struct tb_profile nothing_seen;
    return tb->profile ? tb->profile : &nothing_seen;
}

void tb_observe(struct tb_cache *cache, struct tb *from, uint64_t pc)
{
    struct tb_profile *profile = tb_profile(cache, from);
    profile->observations++;
    for (uint32_t i = 0; i < profile->observed_count; i++)
        if (profile->observed[i] == pc) {
            profile->observed_times[i] += profile->observed_times[i] < UINT16_MAX;
            return;
        }
    if (profile->observed_count == TB_MAX_OBSERVED)
        return;
    profile->observed[profile->observed_count] = pc;
    profile->observed_times[profile->observed_count++] = 1;
}

/* ---- links ---- */

/* Replaces the four bytes at X address `site`, which lie inside one aligned 8-byte word, at once: a
 * store inside such a word is atomic (Intel SDM volume 3, section 9.1.1; AMD64 APM volume 2,
 * section 7.3.2). The word is not read, since it has often just been written piece by piece. */
static void patch_rel32(struct tb_cache *cache, const uint8_t *site, const void *destination)
{
    typedef int32_t unaligned __attribute__((aligned(1), may_alias));
    CHECK(((uintptr_t)site & 7) <= 4, "a jump's displacement crosses an 8-byte word");
    atomic_signal_fence(memory_order_release); /* the code it leads to was written before */
    *(volatile unaligned *)code_w(cache->memory, site) =
        (int32_t)((const uint8_t *)destination - (site + 4));
}

/* Turns the entry slot (a NOP or an earlier jump) into a jump, by one store of the word around it. */
static void patch_entry_slot(struct tb_cache *cache, const uint8_t *start, const void *destination)
{
    CHECK(tb_entry_padding(start) == 0, "an entry slot crosses an 8-byte word");
    unsigned place = (uintptr_t)start & 7;
    int32_t distance = (int32_t)((const uint8_t *)destination - (start + TB_ENTRY_SLOT_BYTES));
    uint64_t *word = (uint64_t *)(void *)code_w(cache->memory, start - place);
    uint64_t value = *word;
    uint8_t *slot = (uint8_t *)&value + place;
    slot[0] = 0xe9;
    memcpy(slot + 1, &distance, 4);
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
}

/* Links are rewritten whenever code is published or dropped, so they need not go through the entry
 * slot of tier 1 code. */
static const void *link_entry(const struct tb *to)
{
    const uint8_t *entry = atomic_load_explicit(&to->entry, memory_order_relaxed);
    return entry + TB_ENTRY_SLOT_BYTES * (to->tier == TB_TIER_1);
}

static void write_link(struct tb_cache *cache, const struct tb_link *link)
{
    const void *stub = tb_stub(link->to);
    const void *entry = cache->config.is_chaining ? link_entry(link->to) : stub;
    uint8_t *site = cache->memory->x_base + link->site;
    switch ((enum tb_link_kind)link->kind) {
    case TB_LINK_JUMP:
        patch_rel32(cache, site, entry);
        break;
    case TB_LINK_POINTER:
        __atomic_store_n((const void **)(void *)site, entry, __ATOMIC_RELEASE);
        break;
    case TB_LINK_INSIDE:
        return;
    }
    cache->stats.links += entry != stub;
}

struct tb_link *tb_link(struct tb_cache *cache, struct tb_code *from, struct tb *to, uint8_t *site,
             enum tb_link_kind kind)
{
    struct tb_link *link = arena_alloc(&cache->arena, sizeof *link);
    *link = (struct tb_link){.next_incoming = to->incoming,
                             .next_outgoing = from->outgoing,
                             .to = to,
                             .site = (uint32_t)(site - cache->memory->x_base),
                             .kind = (uint8_t)kind};
    to->incoming = link;
    from->outgoing = link;
    write_link(cache, link);
    return link;
}

/* Rewrites all incoming links after entry changed; forgets dead ones. */
static void rewrite_incoming(struct tb_cache *cache, struct tb *tb)
{
    for (struct tb_link **place = &tb->incoming; *place;) {
        if ((*place)->is_dead) {
            *place = (*place)->next_incoming;
            continue;
        }
        write_link(cache, *place);
        place = &(*place)->next_incoming;
    }
}

/* ---- code ---- */

struct tb_code *tb_code_new(struct tb_cache *cache, struct tb *tb, enum tb_tier tier)
{
    struct tb_code *code = tier == TB_TIER_1
                               ? arena_zalloc(&cache->arena, offsetof(struct tb_code, fault_pc))
                               : arena_zalloc(&cache->arena, sizeof *code);
    code->tb = tb;
    code->tier = (uint8_t)tier;
    return code;
}

static void grow_codes(struct tb_cache *cache)
{
    uint32_t old = cache->code_capacity, capacity = old ? old * 4 : 4096;
    struct tb_code **codes = pages_alloc(capacity * sizeof *codes);
    if (old) {
        memcpy(codes, cache->codes, old * sizeof *codes);
        pages_free(cache->codes, old * sizeof *codes);
    }
    cache->codes = codes;
    cache->code_capacity = capacity;
}

/* Keeps codes sorted by start. */
void tb_record(struct tb_cache *cache, struct tb_code *code)
{
    if (cache->code_count == cache->code_capacity)
        grow_codes(cache);
    uint32_t at = cache->code_count++;
    while (at > 0 && cache->codes[at - 1]->start > code->start) {
        cache->codes[at] = cache->codes[at - 1];
        at--;
    }
    cache->codes[at] = code;
}

struct tb_code *tb_code_at(struct tb_cache *cache, const void *x_address)
{
    const uint8_t *address = x_address;
    uint32_t low = 0, high = cache->code_count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (cache->codes[middle]->start <= address)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0)
        return NULL;
    struct tb_code *code = cache->codes[low - 1];
    return address < code->start + code->size_bytes ? code : NULL;
}

/* ---- guest pages ---- */

static struct tb_page **page_place(struct tb_cache *cache, uint64_t number)
{
    struct tb_page **place = &cache->pages[number & (PAGE_BUCKETS - 1)];
    while (*place && (*place)->number != number)
        place = &(*place)->next;
    return place;
}

/* The page, which is mostly that of the latest time. */
static struct tb_page *page_of(struct tb_cache *cache, uint64_t number)
{
    if (cache->latest_page && cache->latest_page->number == number)
        return cache->latest_page;
    struct tb_page **place = page_place(cache, number);
    if (!*place) {
        *place = arena_zalloc(&cache->arena, sizeof **place);
        (*place)->number = number;
    }
    return cache->latest_page = *place;
}

static void cover_page(struct tb_cache *cache, struct tb_code *code, uint64_t number)
{
    struct tb_page *page = page_of(cache, number);
    if (page->codes == code || (page->others && page->others->code == code))
        return;
    if (!code->is_on_page) {
        code->is_on_page = true;
        code->next_on_page = page->codes;
        page->codes = code;
        return;
    }
    struct tb_page_code *entry = arena_alloc(&cache->arena, sizeof *entry);
    *entry = (struct tb_page_code){page->others, code};
    page->others = entry;
}

void tb_cover(struct tb_cache *cache, struct tb_code *code, uint64_t pc, uint32_t size_bytes)
{
    uint64_t last = (pc + (size_bytes ? size_bytes : 1) - 1) >> PAGE_BITS;
    for (uint64_t number = pc >> PAGE_BITS; number <= last; number++)
        cover_page(cache, code, number);
}

/* Takes all code of the TB out of service: everybody who comes here gets to the stub. */
void tb_drop(struct tb_cache *cache, struct tb *tb)
{
    atomic_store_explicit(&tb->entry, tb_stub(tb), memory_order_release);
    atomic_store_explicit(&tb->tier, TB_TIER_NONE, memory_order_release);
    tb->requested_tier = TB_TIER_NONE;
    tb->failed_tier = TB_TIER_COUNT;
    tb->is_watched = tb->is_function_watched = tb->has_been_watched = false;
    tb->is_observing = tb->has_been_observed = tb->is_counted = false;
    struct tb_code *code = atomic_load_explicit(&tb->code, memory_order_relaxed);
    atomic_store_explicit(&tb->code, NULL, memory_order_release);
    for (; code; code = code->older) {
        atomic_store_explicit(&code->is_dropped, true, memory_order_release);
        if (code->tier != TB_TIER_0)
            patch_entry_slot(cache, code->start, tb_stub(tb));
        for (struct tb_link *link = code->outgoing; link; link = link->next_outgoing)
            link->is_dead = true;
    }
    for (const struct tb_link *link = tb->incoming; link; link = link->next_incoming)
        if (link->kind == TB_LINK_INSIDE && !link->is_dead)
            tb_drop(cache, tb_code_at(cache, cache->memory->x_base + link->site)->tb);
    rewrite_incoming(cache, tb);
    cache->stats.dropped_tbs++;
}

/* True when the code was not dropped before. */
static bool drop_code(struct tb_cache *cache, const struct tb_code *code)
{
    if (code->is_dropped)
        return false;
    tb_drop(cache, code->tb);
    return true;
}

static bool drop_page(struct tb_cache *cache, struct tb_page **place)
{
    struct tb_page *page = *place;
    bool dropped = false;
    for (const struct tb_code *code = page->codes; code; code = code->next_on_page)
        dropped |= drop_code(cache, code);
    for (const struct tb_page_code *entry = page->others; entry; entry = entry->next)
        dropped |= drop_code(cache, entry->code);
    *place = page->next;
    cache->latest_page = NULL;
    return dropped;
}

void tb_note_drop(struct tb_cache *cache, uint64_t start, uint64_t size_bytes)
{
    cache->drops[cache->generation++ % TB_DROPS_REMEMBERED] =
        (struct tb_drop_range){.start = start, .last = start + size_bytes - 1};
}

bool tb_is_dropped_since(const struct tb_cache *cache, uint64_t generation, uint64_t start,
                         uint64_t size_bytes)
{
    if (cache->generation - generation > TB_DROPS_REMEMBERED)
        return true;
    uint64_t last = start + (size_bytes ? size_bytes : 1) - 1;
    for (; generation != cache->generation; generation++) {
        const struct tb_drop_range *drop = &cache->drops[generation % TB_DROPS_REMEMBERED];
        if (drop->start <= last && start <= drop->last)
            return true;
    }
    return false;
}

bool tb_drop_range(struct tb_cache *cache, uint64_t start, uint64_t size_bytes)
{
    bool dropped = false;
    uint64_t first = start >> PAGE_BITS, last = (start + size_bytes - 1) >> PAGE_BITS;
    for (uint32_t bucket = 0; bucket < PAGE_BUCKETS && size_bytes; bucket++) {
        for (struct tb_page **place = &cache->pages[bucket]; *place;) {
            if ((*place)->number >= first && (*place)->number <= last)
                dropped |= drop_page(cache, place);
            else
                place = &(*place)->next;
        }
    }
    if (size_bytes)
        tb_note_drop(cache, first << PAGE_BITS, (last - first + 1) << PAGE_BITS);
    return dropped;
}

/* ---- publication ---- */

/* Drops the TB of the code if that has several blocks and goes past the start of tb. What is known of its
 * promotion stays. */
static void drop_if_past(struct tb_cache *cache, const struct tb_code *code, const struct tb *tb)
{
    struct tb *from = code->tb;
    bool is_past = code->tier == TB_TIER_1 && !code->is_draft && !code->is_dropped && from->tier == TB_TIER_1 &&
                   from->mode == tb->mode && from->pc < tb->pc && tb->pc <= tb_last_pc(code) &&
                   tb_code_of(from, TB_TIER_1) == code;
    if (!is_past)
        return;
    int8_t failed_tier = from->failed_tier;
    bool has_been_watched = from->has_been_watched;
    tb_drop(cache, from);
    from->failed_tier = failed_tier;
    from->has_been_watched = has_been_watched;
}

static void drop_what_goes_past(struct tb_cache *cache, const struct tb *tb)
{
    const struct tb_page *page = *page_place(cache, tb->pc >> PAGE_BITS);
    if (!page)
        return;
    for (const struct tb_code *code = page->codes; code; code = code->next_on_page)
        drop_if_past(cache, code, tb);
    for (const struct tb_page_code *entry = page->others; entry; entry = entry->next)
        drop_if_past(cache, entry->code, tb);
}

void tb_publish(struct tb_cache *cache, struct tb_code *code, const void *entry)
{
    struct tb *tb = code->tb;
    if (tb->tier != TB_TIER_NONE)
        cache->stats.swaps++;
    code->older = atomic_load_explicit(&tb->code, memory_order_relaxed);
    atomic_store_explicit(&tb->code, code, memory_order_release);
    atomic_store_explicit(&tb->tier, (int8_t)code->tier, memory_order_release);
    if (code->tier != TB_TIER_0)
        tb_record(cache, code);
    atomic_store_explicit(&tb->entry, entry, memory_order_release);
    for (const struct tb_code *older = code->older; older; older = older->older)
        if (older->tier != TB_TIER_0 && older->tier <= code->tier)
            patch_entry_slot(cache, older->start, entry);
    rewrite_incoming(cache, tb);
    if (code->tier >= TB_TIER_2 && tb->is_inside)
        drop_what_goes_past(cache, tb);
}

/* ---- the cache ---- */

void tb_cache_on_release(struct tb_cache *cache, enum tb_tier tier, tb_code_release *release,
                         void *context)
{
    cache->release[tier] = release;
    cache->release_context[tier] = context;
}

static void release_private(struct tb_cache *cache, struct tb_code *code)
{
    if (code && code->tier != TB_TIER_1 && code->tier_private && cache->release[code->tier])
        cache->release[code->tier](cache->release_context[code->tier], code);
}

/* Hands all private parts back to their tiers. Tier 0 code is found through the records. */
static void release_all(struct tb_cache *cache)
{
    for (uint32_t i = 0; i < cache->code_count; i++)
        release_private(cache, cache->codes[i]);
    uint32_t cursor = 0;
    for (struct tb *tb; (tb = tb_next(cache, &cursor));)
        release_private(cache, tb_code_of(tb, TB_TIER_0));
}

/* The record that stands in empty inline caches: no pc equals its odd one. */
static bool make_no_tb(struct tb_cache *cache)
{
    cache->no_tb = NULL;
    cache->no_tb = record_new(cache, 1, 0);
    return cache->no_tb != NULL;
}

void tb_flush(struct tb_cache *cache)
{
    release_all(cache);
    code_memory_reset(cache->memory);
    arena_reset(&cache->arena);
    memset(cache->slots, 0, sizeof *cache->slots << cache->slots_log2);
    memset(cache->pages, 0, PAGE_BUCKETS * sizeof(struct tb_page *));
    cache->latest_page = NULL;
    cache->tb_count = 0;
    cache->code_count = 0;
    tb_note_drop(cache, 0, UINT64_MAX);
    cache->stats.flushes++;
    bool made = make_no_tb(cache);
    CHECK(made, "an empty code memory has no room for a stub");
}

enum status tb_cache_create(const struct tb_cache_config *config, struct tb_cache **ret_cache,
                            struct error *err)
{
    struct code_memory *memory;
    enum status status = code_memory_create(config->code_limit_bytes, &memory, err);
    if (status != STATUS_OK)
        return status;
    struct tb_cache *cache = calloc(1, sizeof *cache);
    CHECK(cache, "out of memory");
    cache->memory = memory;
    cache->config = *config;
    cache->slots_log2 = INITIAL_SLOTS_LOG2;
    cache->slots = slots_new(INITIAL_SLOTS_LOG2);
    cache->pages = calloc(PAGE_BUCKETS, sizeof(struct tb_page *));
    CHECK(cache->pages, "out of memory");
    arena_init(&cache->arena);
    pthread_mutex_init(&cache->lock, NULL);
    bool made = make_no_tb(cache);
    CHECK(made, "an empty code memory has no room for a stub");
    *ret_cache = cache;
    return STATUS_OK;
}

void tb_cache_destroy(struct tb_cache **cache_place)
{
    struct tb_cache *cache = *cache_place;
    if (!cache)
        return;
    release_all(cache);
    code_memory_destroy(&cache->memory);
    arena_fini(&cache->arena);
    pthread_mutex_destroy(&cache->lock);
    pages_free(cache->slots, sizeof *cache->slots << cache->slots_log2);
    free(cache->pages);
    if (cache->codes)
        pages_free(cache->codes, cache->code_capacity * sizeof *cache->codes);
    free(cache);
    *cache_place = NULL;
}
