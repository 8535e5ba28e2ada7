/* schema.h - how CSV files become a dataset.
 *
 * A schema names files and columns; schema_import() reads them.  import_generic.c makes one from schema.json,
 * import_kuairand.c has a constant one, so both imports are the same code.  Texts are borrowed. */
#ifndef TRIMTAB_RANKER_SCHEMA_H
#define TRIMTAB_RANKER_SCHEMA_H

#include "ranker/csv.h"
#include "ranker/dataset_internal.h"

/* What is done to a field before it is stored. */
enum schema_change {
    SCHEMA_AS_IS,
    SCHEMA_HOUR,    /* 2359 -> 23 */
    SCHEMA_WEEKDAY, /* 20220425 -> 1 (Monday) .. 7 */
    SCHEMA_FIRST,   /* "20,43" -> "20" */
};

struct schema_column {
    const char *name;   /* in the dataset */
    const char *column; /* in the file */
    enum column_kind kind;
    enum schema_change change;
};

struct schema_table {
    const char *file, *id;
    size_t n_columns;
    struct schema_column columns[TABLE_MAX_COLUMNS];
};

struct schema_history {
    const char *name, *file, *user, *item;
};

struct schema {
    const char *log, *user, *item, *time_ms, *day;
    size_t n_heads;
    struct schema_column heads[DATASET_MAX_HEADS]; /* 1 where the number in the column is > 0 */
    size_t n_context;
    struct schema_column context[TABLE_MAX_COLUMNS];
    struct schema_table users, items;
    const char *category; /* a categorical column of items, or NULL */
    size_t n_histories;
    struct schema_history histories[DATASET_MAX_HISTORIES];
};

/* Reads every file of the schema from the folder; the rows are sorted, dataset_finish() is left to the caller. */
MUST_CHECK enum status schema_import(const struct schema *schema, const char *folder, struct dataset **ret,
                                     struct err *err);

#endif
