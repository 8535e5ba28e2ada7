#include "ranker/intern.h"

#include <assert.h>
#include <string.h>

#include "base/core/mem.h"
#include "base/core/rng.h"

void intern_init(struct intern *intern)
{
    *intern = (struct intern){.bytes = BUF_INIT};
}

void intern_done(struct intern *intern)
{
    buf_done(&intern->bytes);
    mem_free(intern->offsets);
    mem_free(intern->slots);
    intern_init(intern);
}

const char *intern_text(const struct intern *intern, uint32_t number)
{
    assert(number < intern->n);
    return intern->bytes.data + intern->offsets[number];
}

/* FNV-1a, then one good mixing round, because the slot is made of the low bits. */
static uint64_t hash(const char *text, size_t length)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < length; i++)
        h = (h ^ (uint8_t)text[i]) * 0x100000001b3u;
    return rng_mix(h);
}

/* The slot that holds the text or, free, would take it. */
static size_t find_slot(const struct intern *intern, const char *text, size_t length)
{
    const size_t mask = intern->n_slots - 1;
    for (size_t slot = (size_t)hash(text, length) & mask;; slot = (slot + 1) & mask) {
        const uint32_t number = intern->slots[slot];
        if (number == INTERN_NONE)
            return slot;
        const char *there = intern_text(intern, number);
        if (strncmp(there, text, length) == 0 && there[length] == '\0')
            return slot;
    }
}

uint32_t intern_find(const struct intern *intern, const char *text)
{
    if (intern->n_slots == 0)
        return INTERN_NONE;
    return intern->slots[find_slot(intern, text, strlen(text))];
}

static enum status grow(struct intern *intern, struct err *err)
{
    const size_t capacity = intern->capacity == 0 ? 32 : 2 * intern->capacity;
    size_t *offsets = mem_resize(intern->offsets, capacity, sizeof *offsets);
    if (offsets == NULL)
        return err_no_memory(err);
    intern->offsets = offsets;
    uint32_t *slots = mem_alloc(2 * capacity, sizeof *slots);
    if (slots == NULL)
        return err_no_memory(err);
    mem_free(intern->slots);
    intern->slots = slots;
    intern->n_slots = 2 * capacity;
    intern->capacity = capacity;
    memset(slots, 0xff, intern->n_slots * sizeof *slots);
    for (uint32_t number = 0; number < intern->n; number++) {
        const char *text = intern_text(intern, number);
        slots[find_slot(intern, text, strlen(text))] = number;
    }
    return STATUS_OK;
}

enum status intern_add(struct intern *intern, const char *text, size_t length, uint32_t *ret, struct err *err)
{
    if (intern->n == intern->capacity)
        TRY(grow(intern, err));
    const size_t slot = find_slot(intern, text, length);
    if (intern->slots[slot] != INTERN_NONE) {
        *ret = intern->slots[slot];
        return STATUS_OK;
    }
    if (intern->n >= INTERN_NONE - 1)
        return err_set(err, STATUS_TOO_LARGE, "more than %u distinct texts", (unsigned)INTERN_NONE - 1);
    const size_t offset = intern->bytes.length;
    buf_add(&intern->bytes, text, length);
    buf_add(&intern->bytes, "", 1);
    TRY(buf_status(&intern->bytes, err));
    intern->offsets[intern->n] = offset;
    intern->slots[slot] = (uint32_t)intern->n;
    *ret = (uint32_t)intern->n++;
    return STATUS_OK;
}
