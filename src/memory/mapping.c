/* The table of guest mappings: a sorted array that is split at range borders before a change and
 * merged around it afterwards. */
#include "src/memory/mapping.h"

#include "src/base/check.h"

#include <stdlib.h>
#include <string.h>

void mapping_table_fini(struct mapping_table *table)
{
    free(table->entry);
    for (struct mapping_name *name = table->names; name;) {
        struct mapping_name *next = name->next;
        free(name);
        name = next;
    }
    *table = (struct mapping_table){0};
}

static const char *intern(struct mapping_table *table, const char *text)
{
    for (const struct mapping_name *name = table->names; name; name = name->next)
        if (!strcmp(name->text, text))
            return name->text;
    size_t size_bytes = strlen(text) + 1;
    struct mapping_name *name = malloc(sizeof *name + size_bytes);
    CHECK(name, "out of memory");
    memcpy(name->text, text, size_bytes);
    name->next = table->names;
    table->names = name;
    return name->text;
}

size_t mapping_first_after(const struct mapping_table *table, uint64_t addr)
{
    size_t low = 0, high = table->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (table->entry[middle].end > addr)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

const struct mapping *mapping_find(const struct mapping_table *table, uint64_t addr)
{
    size_t i = mapping_first_after(table, addr);
    return i < table->count && table->entry[i].start <= addr ? &table->entry[i] : NULL;
}

bool mapping_is_free(const struct mapping_table *table, uint64_t start, uint64_t end)
{
    size_t i = mapping_first_after(table, start);
    return i == table->count || table->entry[i].start >= end;
}

bool mapping_covers(const struct mapping_table *table, uint64_t start, uint64_t end, uint8_t prot)
{
    for (size_t i = mapping_first_after(table, start); start < end; i++) {
        if (i == table->count || table->entry[i].start > start ||
            (table->entry[i].prot & prot) != prot)
            return false;
        start = table->entry[i].end;
    }
    return true;
}

/* Makes room for one more entry at index i. */
static void open_slot(struct mapping_table *table, size_t i)
{
    if (table->count == table->capacity) {
        table->capacity = table->capacity ? 2 * table->capacity : 32;
        table->entry = realloc(table->entry, table->capacity * sizeof *table->entry);
        CHECK(table->entry, "out of memory");
    }
    memmove(&table->entry[i + 1], &table->entry[i], (table->count - i) * sizeof *table->entry);
    table->count++;
}

static void delete_slots(struct mapping_table *table, size_t first, size_t last)
{
    if (first == last)
        return;
    memmove(&table->entry[first], &table->entry[last],
            (table->count - last) * sizeof *table->entry);
    table->count -= last - first;
}

/* Makes addr a border between entries when it lies inside one. */
static void split_at(struct mapping_table *table, uint64_t addr)
{
    size_t i = mapping_first_after(table, addr);
    if (i == table->count || table->entry[i].start >= addr)
        return;
    open_slot(table, i);
    table->entry[i].end = addr;
    if (!table->entry[i + 1].is_anonymous)
        table->entry[i + 1].file_offset += addr - table->entry[i + 1].start;
    table->entry[i + 1].start = addr;
}

static bool can_merge(const struct mapping *low, const struct mapping *high)
{
    return low->end == high->start && low->prot == high->prot && low->name == high->name &&
           low->is_shared == high->is_shared && low->is_anonymous == high->is_anonymous &&
           (low->is_anonymous || low->file_offset + (low->end - low->start) == high->file_offset);
}

/* Merges what can be merged around and between [start, end]. */
static void merge_around(struct mapping_table *table, uint64_t start, uint64_t end)
{
    size_t i = mapping_first_after(table, start ? start - 1 : 0);
    while (i + 1 < table->count && table->entry[i].start <= end) {
        if (can_merge(&table->entry[i], &table->entry[i + 1])) {
            table->entry[i].end = table->entry[i + 1].end;
            delete_slots(table, i + 1, i + 2);
        } else {
            i++;
        }
    }
}

void mapping_remove(struct mapping_table *table, uint64_t start, uint64_t end)
{
    split_at(table, start);
    split_at(table, end);
    size_t first = mapping_first_after(table, start), last = first;
    while (last < table->count && table->entry[last].start < end)
        last++;
    delete_slots(table, first, last);
    table->changes++;
}

void mapping_insert(struct mapping_table *table, const struct mapping *entry)
{
    mapping_remove(table, entry->start, entry->end);
    size_t i = mapping_first_after(table, entry->start);
    open_slot(table, i);
    table->entry[i] = *entry;
    merge_around(table, entry->start, entry->end);
    table->changes++;
}

void mapping_set_prot(struct mapping_table *table, uint64_t start, uint64_t end, uint8_t prot)
{
    split_at(table, start);
    split_at(table, end);
    for (size_t i = mapping_first_after(table, start);
         i < table->count && table->entry[i].start < end; i++)
        table->entry[i].prot = prot;
    merge_around(table, start, end);
    table->changes++;
}

void mapping_set_name(struct mapping_table *table, uint64_t addr, const char *name)
{
    if (!mapping_find(table, addr))
        return;
    split_at(table, addr);
    size_t i = mapping_first_after(table, addr);
    table->entry[i].name = intern(table, name);
    merge_around(table, table->entry[i].start, table->entry[i].end);
}
