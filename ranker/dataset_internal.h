/* dataset_internal.h - the parts of a dataset, for the folder ranker and its tests only.
 *
 * Histories are what users did before the log begins: per kind (watch, like, ..) the items of each user, in order.  The
 * first kind is the exposure that the others are rates of; `category` names the item column by which a user's history
 * is grouped ("how often did this user like items of this candidate's category").
 *
 *   import (schema.h) or dataset_decode() --dataset_finish()--> complete, immutable */
#ifndef TRIMTAB_RANKER_DATASET_INTERNAL_H
#define TRIMTAB_RANKER_DATASET_INTERNAL_H

#include "base/core/digest.h"
#include "ranker/dataset.h"
#include "ranker/table.h"

enum { DATASET_MAX_HISTORIES = 8, DATASET_MAX_TEXT = 4096 };

struct history {
    char *name;
    uint64_t *starts; /* [n_users + 1]: items[starts[u] .. starts[u + 1]) belong to user u */
    uint32_t *items;
};

struct dataset {
    struct intern texts, user_ids, item_ids;
    size_t n_heads;
    char *head_names[DATASET_MAX_HEADS];
    struct table users, items, context; /* context: one row per impression */
    uint32_t *row_users, *row_items, *row_labels;
    int32_t *row_days;
    int64_t *row_times;
    size_t n_histories;
    struct history histories[DATASET_MAX_HISTORIES];
    uint32_t category;          /* a categorical column of items, or INTERN_NONE */
    char hash[DIGEST_HEX_SIZE]; /* SHA-256 of the file's contents as hex; "" before it was written */
};

MUST_CHECK enum status dataset_new(struct dataset **ret, struct err *err);
/* Adds the derived columns; the last step of import and of reading. */
MUST_CHECK enum status dataset_finish(struct dataset *dataset, struct err *err);
/* Orders the rows by (time_ms, user, item), equal ones as they came. */
MUST_CHECK enum status dataset_sort(struct dataset *dataset, struct err *err);

/* The file format (docs/formats.md).  file is cleared first; both set hash. */
MUST_CHECK enum status dataset_encode(const struct dataset *dataset, struct buf *file, char ret_hash[DIGEST_HEX_SIZE],
                                      struct err *err);
MUST_CHECK enum status dataset_decode(const void *file, size_t n, const char *name, struct dataset **ret,
                                      struct err *err);

#endif
