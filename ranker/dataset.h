/* dataset.h - logged impressions with the tables of users and items they refer to: what training, evaluation, serving
 * and replay read.
 *
 * A dataset keeps values as they were logged: categorical columns as texts (interned), numeric ones as doubles (NaN:
 * empty), one bit per head and row.  Vocabularies and normalisation belong to the model, so a day or a user that the
 * model never saw can still be evaluated.  Rows are ordered by (time_ms, user, item), whatever the order of the file.
 * Thread: immutable once read or imported; may be shared. */
#ifndef TRIMTAB_RANKER_DATASET_H
#define TRIMTAB_RANKER_DATASET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/core/err.h"

enum { DATASET_MAX_HEADS = 16 };

struct dataset;

/* A dataset file (docs/formats.md).  STATUS_CORRUPT: magic, version, checksum or structure. */
MUST_CHECK enum status dataset_read(const char *path, struct dataset **ret, struct err *err);
MUST_CHECK enum status dataset_write(const struct dataset *dataset, const char *path, struct err *err);
/* The files of KuaiRand as they stand in a folder, or a folder with schema.json.  STATUS_INVALID names file, line,
 * column and value. */
MUST_CHECK enum status dataset_import_kuairand(const char *folder, struct dataset **ret, struct err *err);
MUST_CHECK enum status dataset_import_generic(const char *folder, struct dataset **ret, struct err *err);
void dataset_free(struct dataset *dataset); /* NULL is fine */

size_t dataset_n_rows(const struct dataset *dataset);
size_t dataset_n_users(const struct dataset *dataset);
size_t dataset_n_items(const struct dataset *dataset);
size_t dataset_n_heads(const struct dataset *dataset);
/* Borrowed texts. */
const char *dataset_user_id(const struct dataset *dataset, size_t user);
const char *dataset_item_id(const struct dataset *dataset, size_t item);
const char *dataset_head_name(const struct dataset *dataset, size_t head);

struct dataset_row {
    uint32_t user, item; /* indices of the tables */
    int32_t day;         /* yyyymmdd */
    int64_t time_ms;
    uint32_t labels; /* bit h: head h */
};
struct dataset_row dataset_row(const struct dataset *dataset, size_t row);

/* The context columns of the log ("tab", "hour", ..). */
size_t dataset_n_context(const struct dataset *dataset);
const char *dataset_context_name(const struct dataset *dataset, size_t column);
bool dataset_context_is_text(const struct dataset *dataset, size_t column);
/* Text of a categorical column, borrowed; NULL when empty.  Number of a numeric one; NaN when empty. */
const char *dataset_context_text(const struct dataset *dataset, size_t row, size_t column);
double dataset_context_number(const struct dataset *dataset, size_t row, size_t column);

#endif
