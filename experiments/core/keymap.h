/* keymap.h - 128-bit keys to 32-bit numbers: units of a round, event ids already counted.
 *
 * Open addressing with linear probing, at most 3/4 full, doubling.  Keys come from a cryptographic hash, so their low
 * bits are the slot: nothing is mixed again, and nobody who does not know the salt can aim at one slot.  20 bytes a
 * slot, so 27 to 53 bytes an entry.  Thread: owner only; lookups may run in parallel while nobody inserts or removes.
 *
 * A map of 25 million entries takes seconds to copy, and everybody would wait: so the table it grew out of stays beside
 * the larger one, and every insertion moves a few of its slots (MOVED_AT_ONCE), until it is freed after an eighth as
 * many insertions as it has slots, long before the larger one is full.  A key that was moved stays in the old table as
 * well, since others may be found only by passing it; what is removed there leaves a mark without a key for the same
 * reason. */
#ifndef TRIMTAB_EXPERIMENTS_CORE_KEYMAP_H
#define TRIMTAB_EXPERIMENTS_CORE_KEYMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/core/err.h"

struct key128 {
    uint64_t hi, lo;
};

struct keymap_table {
    struct key128 *keys;
    uint32_t *values; /* value + 1; 0: the slot is empty; UINT32_MAX: removed from an old table */
    size_t n_slots;   /* a power of two, or 0 */
};

struct keymap {
    struct keymap_table now, old; /* old: without slots once everything was moved */
    size_t moved;                 /* slots of old */
    size_t n;
};

/* A zeroed struct is an empty map.  keymap_done() takes a zeroed or released one. */
void keymap_done(struct keymap *map);
/* False when the key is not there; ret untouched (it may be NULL). */
bool keymap_find(const struct keymap *map, struct key128 key, uint32_t *ret);
/* The key is not there yet (assert); value < UINT32_MAX - 1.  On failure the map is as it was. */
MUST_CHECK enum status keymap_insert(struct keymap *map, struct key128 key, uint32_t value, struct err *err);

/* Nothing of the key stays in memory; false when it was not there.  The map never shrinks. */
bool keymap_remove(struct keymap *map, struct key128 key);
/* ret is empty, and stays so on failure. */
MUST_CHECK enum status keymap_copy(const struct keymap *map, struct keymap *ret, struct err *err);

/* Heap held, in bytes, without the old table: it goes by insertions, so nobody should refuse them for it. */
size_t keymap_bytes(const struct keymap *map);

/* Big-endian bytes to an integer and back, for keys on disk. */
uint64_t key_u64(const uint8_t *bytes);
void key_bytes(struct key128 key, uint8_t ret[16]);
struct key128 key_from_bytes(const uint8_t bytes[16]);

#endif
