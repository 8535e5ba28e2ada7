/* table.h - columns of values as they were logged, shared by the users, the items and the rows of a dataset.
 *
 * A categorical cell is the number of its text in the dataset's `texts`, INTERN_NONE when empty; a numeric one is a
 * double, NaN when empty.  Derived columns (history.h) are made from the rest whenever a dataset is read; files do not
 * hold them.  Thread: immutable once the dataset is built. */
#ifndef TRIMTAB_RANKER_TABLE_H
#define TRIMTAB_RANKER_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ranker/intern.h"

enum { TABLE_MAX_COLUMNS = 256, TABLE_MAX_NAME = 64 };

enum column_kind { COLUMN_TEXT = 0, COLUMN_NUMBER = 1 };

struct column {
    char *name;
    enum column_kind kind;
    bool derived;
    uint32_t *codes; /* [n] of COLUMN_TEXT, else NULL */
    double *numbers; /* [n] of COLUMN_NUMBER, else NULL */
};

struct table {
    size_t n; /* rows */
    size_t n_columns;
    struct column columns[TABLE_MAX_COLUMNS];
};

void table_done(struct table *table);
/* A new last column with room for `capacity` rows, every cell 0; borrowed.  STATUS_INVALID: too many columns, or the
 * name is there already. */
MUST_CHECK enum status table_add(struct table *table, const char *name, enum column_kind kind, size_t capacity,
                                 struct column **ret, struct err *err);
/* NULL when there is none. */
const struct column *table_find(const struct table *table, const char *name);
/* Row i becomes what was row order[i]; order [n] is a permutation. */
MUST_CHECK enum status table_permute(struct table *table, const uint32_t *order, struct err *err);

#endif
