/* intern.h - texts to small numbers: every distinct text gets the next number 0, 1, 2 ...
 *
 * Used for ids of users and items, for category values of a dataset and for the vocabularies of a model.  Open
 * addressing with at most half of the slots in use.  Pointers to texts are valid until the next intern_add().
 * Thread: immutable between calls of intern_add(); may then be shared. */
#ifndef TRIMTAB_RANKER_INTERN_H
#define TRIMTAB_RANKER_INTERN_H

#include <stddef.h>
#include <stdint.h>

#include "base/core/buf.h"

#define INTERN_NONE UINT32_MAX

struct intern {
    struct buf bytes;   /* the texts, each with its NUL */
    size_t *offsets;    /* [capacity], into bytes */
    uint32_t *slots;    /* [n_slots] numbers, INTERN_NONE when free; n_slots is 0 or a power of two */
    size_t n, capacity; /* n < INTERN_NONE */
    size_t n_slots;
};

void intern_init(struct intern *intern);
void intern_done(struct intern *intern);
/* The number of the text, INTERN_NONE when it is not there.  O(length). */
uint32_t intern_find(const struct intern *intern, const char *text);
/* The number of text[0 .. length), added when it is new.  Text without inner NUL. */
MUST_CHECK enum status intern_add(struct intern *intern, const char *text, size_t length, uint32_t *ret,
                                  struct err *err);
/* Borrowed; number < n. */
const char *intern_text(const struct intern *intern, uint32_t number);

#endif
