/* csv.h - a strict reader of CSV files with a header row (RFC 4180: comma, optional double quotes, "" inside them;
 * lines end with LF or CR LF, the last one too).
 *
 * Every refusal is one line   <file> line N: column X: value 'Y': <what is allowed>.
 * The whole file is held in memory and fields point into it until the next csv_next().  Thread: owner only. */
#ifndef TRIMTAB_RANKER_CSV_H
#define TRIMTAB_RANKER_CSV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/core/buf.h"

enum { CSV_MAX_COLUMNS = 1024, CSV_MAX_ID = 128 };

struct csv {
    char *file; /* name in errors: without its folder */
    struct buf text;
    size_t at;     /* next byte */
    size_t line;   /* of the current record, 1 is the header */
    size_t n_read; /* lines consumed */
    size_t n_columns;
    char **names;  /* [n_columns] into text */
    char **fields; /* [n_columns] of the current record, into text */
};

/* Reads folder/file and its header.  csv_done() is needed after a failure too. */
MUST_CHECK enum status csv_open(struct csv *csv, const char *folder, const char *file, struct err *err);
void csv_done(struct csv *csv);
/* No more records than this follow the header. */
size_t csv_max_records(const struct csv *csv);
MUST_CHECK enum status csv_column(const struct csv *csv, const char *name, size_t *ret, struct err *err);
/* The next record; *ret_more is false behind the last one. */
MUST_CHECK enum status csv_next(struct csv *csv, bool *ret_more, struct err *err);
/* Fails with the place and the value in front of what is allowed. */
enum status csv_refuse(const struct csv *csv, size_t column, struct err *err, const char *format, ...)
    PRINTF_LIKE(4, 5);
/* The field of the current record, NUL-terminated. */
const char *csv_field(const struct csv *csv, size_t column);
/* A finite number; empty is NaN when allowed. */
MUST_CHECK enum status csv_number(const struct csv *csv, size_t column, bool may_be_empty, double *ret,
                                  struct err *err);
MUST_CHECK enum status csv_int(const struct csv *csv, size_t column, int64_t min, int64_t max, int64_t *ret,
                               struct err *err);
/* 1 to 128 printable bytes without blanks. */
MUST_CHECK enum status csv_id(const struct csv *csv, size_t column, const char **ret, struct err *err);
/* A calendar day as yyyymmdd. */
MUST_CHECK enum status csv_day(const struct csv *csv, size_t column, int32_t *ret, struct err *err);

#endif
