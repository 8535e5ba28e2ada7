#include "ranker/csv.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/core/file.h"
#include "base/core/mem.h"
#include "ranker/day.h"

static const size_t MAX_FILE_BYTES = (size_t)8 << 30;

static enum status refuse_line(const struct csv *csv, struct err *err, const char *what)
{
    return err_set(err, STATUS_INVALID, "%s line %zu: %s", csv->file, csv->line, what);
}

/* Splits off the quoted field that starts behind the quote at *at, in place; *at then stands on the separator. */
static enum status read_quoted(struct csv *csv, char *text, size_t *at, struct err *err)
{
    size_t out = *at;
    for (;; (*at)++) {
        const char c = text[*at];
        if (c == '\0')
            return refuse_line(csv, err, "a quoted value does not end: the file looks cut short");
        if (c == '"' && text[*at + 1] != '"')
            break;
        if (c == '"')
            (*at)++;
        if (c == '\n')
            csv->n_read++;
        text[out++] = c;
    }
    text[out] = '\0';
    (*at)++;
    const char next = text[*at];
    if (next != ',' && next != '\n' && !(next == '\r' && text[*at + 1] == '\n'))
        return refuse_line(csv, err, "text follows a closing quote: a comma or the end of the line is expected");
    return STATUS_OK;
}

/* The record at csv->at into fields[0 .. max); its fields are terminated in place. */
static enum status split(struct csv *csv, size_t max, char **fields, size_t *ret_n, struct err *err)
{
    char *text = csv->text.data;
    size_t n = 0, at = csv->at;
    csv->line = csv->n_read + 1;
    for (;;) {
        const bool quoted = text[at] == '"';
        char *field = text + at + (quoted ? 1 : 0);
        if (quoted) {
            at++;
            TRY(read_quoted(csv, text, &at, err));
        } else {
            at += strcspn(text + at, ",\n");
        }
        if (n < max)
            fields[n] = field;
        n++;
        const char end = text[at];
        if (end == '\0')
            return refuse_line(csv, err, "has no line end, or a NUL byte: the file looks cut short");
        if (end == '\r')
            text[at++] = '\0';
        else if (end == '\n' && !quoted && text + at > field && text[at - 1] == '\r')
            text[at - 1] = '\0';
        text[at++] = '\0';
        if (end != ',')
            break;
    }
    csv->at = at;
    csv->n_read++;
    *ret_n = n;
    return STATUS_OK;
}

static enum status read_header(struct csv *csv, struct err *err)
{
    csv->names = mem_alloc(CSV_MAX_COLUMNS, sizeof *csv->names);
    csv->fields = mem_alloc(CSV_MAX_COLUMNS, sizeof *csv->fields);
    if (csv->names == NULL || csv->fields == NULL)
        return err_no_memory(err);
    TRY(split(csv, CSV_MAX_COLUMNS, csv->names, &csv->n_columns, err));
    if (csv->n_columns > CSV_MAX_COLUMNS)
        return err_set(err, STATUS_INVALID, "%s line 1: %zu columns: allowed are up to %d", csv->file, csv->n_columns,
                       CSV_MAX_COLUMNS);
    return STATUS_OK;
}

enum status csv_open(struct csv *csv, const char *folder, const char *file, struct err *err)
{
    *csv = (struct csv){.text = BUF_INIT};
    struct buf path = BUF_INIT;
    buf_printf(&path, "%s/%s", folder, file);
    csv->file = mem_strdup(file);
    enum status s = csv->file == NULL ? err_no_memory(err) : buf_status(&path, err);
    if (s == STATUS_OK)
        s = file_read(path.data, MAX_FILE_BYTES, &csv->text, err);
    buf_done(&path);
    if (s != STATUS_OK)
        return s;
    if (csv->text.length == 0)
        return err_set(err, STATUS_INVALID, "%s is empty: a header row is expected", file);
    return read_header(csv, err);
}

void csv_done(struct csv *csv)
{
    mem_free(csv->file);
    mem_free(csv->names);
    mem_free(csv->fields);
    buf_done(&csv->text);
    *csv = (struct csv){.text = BUF_INIT};
}

size_t csv_max_records(const struct csv *csv)
{
    size_t n = 0;
    for (size_t i = csv->at; i < csv->text.length; i++)
        n += csv->text.data[i] == '\n';
    return n;
}

enum status csv_column(const struct csv *csv, const char *name, size_t *ret, struct err *err)
{
    for (size_t i = 0; i < csv->n_columns; i++) {
        if (strcmp(csv->names[i], name) == 0) {
            *ret = i;
            return STATUS_OK;
        }
    }
    struct buf there = BUF_INIT;
    for (size_t i = 0; i < csv->n_columns; i++)
        buf_printf(&there, "%s%s", i > 0 ? ", " : "", csv->names[i]);
    enum status s = err_set(err, STATUS_INVALID, "%s line 1: column %s is missing; the columns are %s", csv->file, name,
                            buf_string(&there));
    buf_done(&there);
    return s;
}

enum status csv_next(struct csv *csv, bool *ret_more, struct err *err)
{
    *ret_more = csv->at < csv->text.length;
    if (!*ret_more)
        return STATUS_OK;
    size_t n = 0;
    TRY(split(csv, csv->n_columns, csv->fields, &n, err));
    if (n != csv->n_columns)
        return err_set(err, STATUS_INVALID, "%s line %zu: %zu values: allowed are exactly %zu, one for each column",
                       csv->file, csv->line, n, csv->n_columns);
    return STATUS_OK;
}

enum status csv_refuse(const struct csv *csv, size_t column, struct err *err, const char *format, ...)
{
    char allowed[256];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(allowed, sizeof allowed, format, args);
    va_end(args);
    return err_set(err, STATUS_INVALID, "%s line %zu: column %s: value '%.100s': %s", csv->file, csv->line,
                   csv->names[column], csv->fields[column], allowed);
}

const char *csv_field(const struct csv *csv, size_t column)
{
    return csv->fields[column];
}

/* strtod also takes blanks, hexadecimal, "inf" and "nan". */
static bool looks_like_number(const char *text)
{
    return text[0] != '\0' && text[strspn(text, "+-.0123456789eE")] == '\0';
}

enum status csv_number(const struct csv *csv, size_t column, bool may_be_empty, double *ret, struct err *err)
{
    const char *text = csv->fields[column];
    if (text[0] == '\0' && may_be_empty) {
        *ret = nan("");
        return STATUS_OK;
    }
    char *end = NULL;
    const double x = strtod(text, &end);
    if (!looks_like_number(text) || *end != '\0' || !isfinite(x))
        return csv_refuse(csv, column, err, "a finite number is expected%s", may_be_empty ? ", or nothing" : "");
    *ret = x;
    return STATUS_OK;
}

enum status csv_int(const struct csv *csv, size_t column, int64_t min, int64_t max, int64_t *ret, struct err *err)
{
    const char *text = csv->fields[column];
    char *end = NULL;
    errno = 0;
    const int64_t x = strtoll(text, &end, 10);
    if (text[0] == '\0' || text[strspn(text, "-0123456789")] != '\0' || *end != '\0' || errno == ERANGE || x < min ||
        x > max)
        return csv_refuse(csv, column, err, "a whole number from %" PRId64 " to %" PRId64 " is expected", min, max);
    *ret = x;
    return STATUS_OK;
}

enum status csv_id(const struct csv *csv, size_t column, const char **ret, struct err *err)
{
    const char *text = csv->fields[column];
    size_t n = 0;
    while ((unsigned char)text[n] > ' ' && text[n] != 0x7f)
        n++;
    if (text[n] != '\0' || n < 1 || n > CSV_MAX_ID)
        return csv_refuse(csv, column, err, "an id of 1 to %d printable characters without blanks is expected",
                          CSV_MAX_ID);
    *ret = text;
    return STATUS_OK;
}

enum status csv_day(const struct csv *csv, size_t column, int32_t *ret, struct err *err)
{
    int64_t day = 0;
    if (csv_int(csv, column, 0, INT32_MAX, &day, NULL) != STATUS_OK || !day_valid(day))
        return csv_refuse(csv, column, err, "a day as yyyymmdd is expected");
    *ret = (int32_t)day;
    return STATUS_OK;
}
