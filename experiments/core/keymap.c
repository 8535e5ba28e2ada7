#include "experiments/core/keymap.h"

#include <assert.h>
#include <string.h>

#include "base/core/mem.h"

enum { SLOTS_FIRST = 1024 };

void keymap_done(struct keymap *map)
{
    mem_free(map->keys);
    mem_free(map->values);
    *map = (struct keymap){0};
}

/* The slot that holds the key, or the empty one where it belongs. */
static size_t slot_of(const struct keymap *map, struct key128 key)
{
    size_t slot = (size_t)key.lo & (map->n_slots - 1);
    while (map->values[slot] != 0 && (map->keys[slot].lo != key.lo || map->keys[slot].hi != key.hi))
        slot = (slot + 1) & (map->n_slots - 1);
    return slot;
}

bool keymap_find(const struct keymap *map, struct key128 key, uint32_t *ret)
{
    if (map->n == 0)
        return false;
    size_t slot = slot_of(map, key);
    if (map->values[slot] == 0)
        return false;
    if (ret)
        *ret = map->values[slot] - 1;
    return true;
}

static enum status grow(struct keymap *map, struct err *err)
{
    struct keymap larger = {.n_slots = map->n_slots ? 2 * map->n_slots : SLOTS_FIRST, .n = map->n};
    larger.keys = mem_alloc(larger.n_slots, sizeof *larger.keys);
    larger.values = mem_alloc(larger.n_slots, sizeof *larger.values);
    if (!larger.keys || !larger.values) {
        keymap_done(&larger);
        return err_no_memory(err);
    }
    for (size_t i = 0; i < map->n_slots; i++) {
        if (map->values[i] == 0)
            continue;
        size_t slot = slot_of(&larger, map->keys[i]);
        larger.keys[slot] = map->keys[i];
        larger.values[slot] = map->values[i];
    }
    keymap_done(map);
    *map = larger;
    return STATUS_OK;
}

enum status keymap_insert(struct keymap *map, struct key128 key, uint32_t value, struct err *err)
{
    assert(value < UINT32_MAX);
    if (map->n + 1 > map->n_slots / 4 * 3)
        TRY(grow(map, err));
    size_t slot = slot_of(map, key);
    assert(map->values[slot] == 0);
    map->keys[slot] = key;
    map->values[slot] = value + 1;
    map->n++;
    return STATUS_OK;
}

/* Knuth, The Art of Computer Programming 3, 6.4, algorithm R: entries behind the hole move into it unless their own
 * slot lies behind the hole. */
bool keymap_remove(struct keymap *map, struct key128 key)
{
    if (!keymap_find(map, key, NULL))
        return false;
    const size_t mask = map->n_slots - 1;
    size_t hole = slot_of(map, key);
    for (size_t at = (hole + 1) & mask; map->values[at] != 0; at = (at + 1) & mask) {
        size_t own = (size_t)map->keys[at].lo & mask;
        if (((at - own) & mask) < ((at - hole) & mask))
            continue;
        map->keys[hole] = map->keys[at];
        map->values[hole] = map->values[at];
        hole = at;
    }
    map->keys[hole] = (struct key128){0, 0};
    map->values[hole] = 0;
    map->n--;
    return true;
}

enum status keymap_copy(const struct keymap *map, struct keymap *ret, struct err *err)
{
    struct keymap copy = {.n_slots = map->n_slots, .n = map->n};
    copy.keys = mem_alloc(map->n_slots, sizeof *copy.keys);
    copy.values = mem_alloc(map->n_slots, sizeof *copy.values);
    if (!copy.keys || !copy.values) {
        keymap_done(&copy);
        return err_no_memory(err);
    }
    if (map->n_slots > 0) {
        memcpy(copy.keys, map->keys, map->n_slots * sizeof *copy.keys);
        memcpy(copy.values, map->values, map->n_slots * sizeof *copy.values);
    }
    *ret = copy;
    return STATUS_OK;
}

size_t keymap_bytes(const struct keymap *map)
{
    return map->n_slots * (sizeof *map->keys + sizeof *map->values);
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
