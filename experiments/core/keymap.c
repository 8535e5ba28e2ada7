#include "experiments/core/keymap.h"

#include <assert.h>
#include <string.h>

#include "base/core/mem.h"

enum { SLOTS_FIRST = 1024, MOVED_AT_ONCE = 8 };
static const uint32_t REMOVED = UINT32_MAX;

static void table_done(struct keymap_table *table)
{
    mem_free(table->keys);
    mem_free(table->values);
    *table = (struct keymap_table){0};
}

static enum status table_init(struct keymap_table *table, size_t n_slots, struct err *err)
{
    struct keymap_table fresh = {mem_alloc(n_slots, sizeof *fresh.keys), mem_alloc(n_slots, sizeof *fresh.values),
                                 n_slots};
    if (!fresh.keys || !fresh.values) {
        table_done(&fresh);
        return err_no_memory(err);
    }
    *table = fresh;
    return STATUS_OK;
}

void keymap_done(struct keymap *map)
{
    table_done(&map->now);
    table_done(&map->old);
    *map = (struct keymap){0};
}

static bool holds(const struct keymap_table *table, size_t slot, struct key128 key)
{
    return table->values[slot] != REMOVED && table->keys[slot].lo == key.lo && table->keys[slot].hi == key.hi;
}

/* The slot that holds the key, or the empty one where it belongs. */
static size_t slot_of(const struct keymap_table *table, struct key128 key)
{
    size_t slot = (size_t)key.lo & (table->n_slots - 1);
    while (table->values[slot] != 0 && !holds(table, slot, key))
        slot = (slot + 1) & (table->n_slots - 1);
    return slot;
}

/* As in values: 0 when it is not there. */
static uint32_t value_of(const struct keymap_table *table, struct key128 key)
{
    return table->n_slots > 0 ? table->values[slot_of(table, key)] : 0;
}

bool keymap_find(const struct keymap *map, struct key128 key, uint32_t *ret)
{
    uint32_t value = value_of(&map->now, key);
    if (value == 0)
        value = value_of(&map->old, key);
    if (value == 0)
        return false;
    if (ret)
        *ret = value - 1;
    return true;
}

static void put(struct keymap_table *table, struct key128 key, uint32_t value)
{
    const size_t slot = slot_of(table, key);
    assert(table->values[slot] == 0);
    table->keys[slot] = key;
    table->values[slot] = value;
}

static void move_some(struct keymap *map)
{
    const struct keymap_table *old = &map->old;
    for (int i = 0; i < MOVED_AT_ONCE && map->moved < old->n_slots; i++, map->moved++) {
        const uint32_t value = old->values[map->moved];
        if (value != 0 && value != REMOVED)
            put(&map->now, old->keys[map->moved], value);
    }
    if (map->moved == old->n_slots)
        table_done(&map->old);
}

static enum status grow(struct keymap *map, struct err *err)
{
    struct keymap_table larger;
    assert(map->old.n_slots == 0);
    TRY(table_init(&larger, map->now.n_slots > 0 ? 2 * map->now.n_slots : SLOTS_FIRST, err));
    map->old = map->now;
    map->now = larger;
    map->moved = 0;
    return STATUS_OK;
}

enum status keymap_insert(struct keymap *map, struct key128 key, uint32_t value, struct err *err)
{
    assert(value < REMOVED - 1 && !keymap_find(map, key, NULL));
    if (map->n + 1 > map->now.n_slots / 4 * 3)
        TRY(grow(map, err));
    if (map->old.n_slots > 0)
        move_some(map);
    put(&map->now, key, value + 1);
    map->n++;
    return STATUS_OK;
}

/* Knuth, The Art of Computer Programming 3, 6.4, algorithm R: entries behind the hole move into it unless their own
 * slot lies behind the hole. */
static void close_hole(struct keymap_table *table, size_t hole)
{
    const size_t mask = table->n_slots - 1;
    for (size_t at = (hole + 1) & mask; table->values[at] != 0; at = (at + 1) & mask) {
        size_t own = (size_t)table->keys[at].lo & mask;
        if (((at - own) & mask) < ((at - hole) & mask))
            continue;
        table->keys[hole] = table->keys[at];
        table->values[hole] = table->values[at];
        hole = at;
    }
    table->keys[hole] = (struct key128){0, 0};
    table->values[hole] = 0;
}

bool keymap_remove(struct keymap *map, struct key128 key)
{
    if (!keymap_find(map, key, NULL))
        return false;
    if (value_of(&map->now, key) != 0)
        close_hole(&map->now, slot_of(&map->now, key));
    if (value_of(&map->old, key) != 0) {
        const size_t slot = slot_of(&map->old, key);
        map->old.keys[slot] = (struct key128){0, 0};
        map->old.values[slot] = REMOVED;
    }
    map->n--;
    return true;
}

static enum status table_copy(const struct keymap_table *table, struct keymap_table *ret, struct err *err)
{
    if (table->n_slots == 0)
        return STATUS_OK;
    TRY(table_init(ret, table->n_slots, err));
    memcpy(ret->keys, table->keys, table->n_slots * sizeof *ret->keys);
    memcpy(ret->values, table->values, table->n_slots * sizeof *ret->values);
    return STATUS_OK;
}

enum status keymap_copy(const struct keymap *map, struct keymap *ret, struct err *err)
{
    struct keymap copy = {.moved = map->moved, .n = map->n};
    enum status s = table_copy(&map->now, &copy.now, err);
    if (s == STATUS_OK)
        s = table_copy(&map->old, &copy.old, err);
    if (s == STATUS_OK)
        *ret = copy;
    else
        keymap_done(&copy);
    return s;
}

size_t keymap_bytes(const struct keymap *map)
{
    return map->now.n_slots * (sizeof *map->now.keys + sizeof *map->now.values);
}

uint64_t key_u64(const uint8_t *bytes)
{
    uint64_t x = 0;
    for (size_t i = 0; i < 8; i++)
        x = x << 8 | bytes[i];
    return x;
}

static void put_u64(uint64_t x, uint8_t *ret)
{
    for (size_t i = 8; i-- > 0; x >>= 8)
        ret[i] = (uint8_t)x;
}

void key_bytes(struct key128 key, uint8_t ret[16])
{
    put_u64(key.hi, ret);
    put_u64(key.lo, ret + 8);
}

struct key128 key_from_bytes(const uint8_t bytes[16])
{
    return (struct key128){key_u64(bytes), key_u64(bytes + 8)};
}
