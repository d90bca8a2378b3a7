/* The table of guest mappings: plain data, no host calls.
 *
 * Entries are sorted, do not overlap, and neighbours with equal properties are merged. Names are
 * interned in the table and live as long as it does. Only space.c uses this header. */
#ifndef TIERCEL_MEMORY_MAPPING_H
#define TIERCEL_MEMORY_MAPPING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdatomic.h>
#include <stdint.h>

struct mapping {
    uint64_t start, end;
    const char *name;     /* interned; NULL: none */
    uint64_t file_offset; /* of start; 0 for anonymous memory */
    uint8_t prot;         /* SPACE_* */
    bool is_shared, is_anonymous;
};

struct mapping_name {
    struct mapping_name *next;
    char text[];
};

struct mapping_table {
    _Atomic uint32_t changes; /* grows with every change of what is mapped how; read by anyone */
    struct mapping *entry;
    size_t count, capacity;
    struct mapping_name *names;
};

void mapping_table_fini(struct mapping_table *table);
/* Index of the first entry that ends above addr. */
size_t mapping_first_after(const struct mapping_table *table, uint64_t addr);
/* The entry that contains addr, or NULL. */
const struct mapping *mapping_find(const struct mapping_table *table, uint64_t addr);
bool mapping_is_free(const struct mapping_table *table, uint64_t start, uint64_t end);
/* Every byte is mapped with at least prot. */
bool mapping_covers(const struct mapping_table *table, uint64_t start, uint64_t end, uint8_t prot);
/* Replaces what was in the entry's range. */
void mapping_insert(struct mapping_table *table, const struct mapping *entry);
void mapping_remove(struct mapping_table *table, uint64_t start, uint64_t end);
/* The range must be covered. */
void mapping_set_prot(struct mapping_table *table, uint64_t start, uint64_t end, uint8_t prot);
/* Names the entry that contains addr, from addr on. */
void mapping_set_name(struct mapping_table *table, uint64_t addr, const char *name);

#endif
