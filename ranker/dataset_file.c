/* The dataset file; its bytes are documented in docs/formats.md.  Decoding trusts nothing: every count is checked
 * against the bytes that are left, every index against its table, every number for being finite or empty. */
#include <math.h>
#include <string.h>

#include "base/core/file.h"
#include "base/core/mem.h"
#include "ranker/bytes.h"
#include "ranker/csv.h"
#include "ranker/dataset_internal.h"
#include "ranker/day.h"

static const struct bytes_format FORMAT = {"TRIMTABD", 1, "dataset"};
static const size_t MAX_FILE_BYTES = (size_t)16 << 30;

static void encode_intern(struct buf *file, const struct intern *intern)
{
    bytes_u32(file, (uint32_t)intern->n);
    for (uint32_t i = 0; i < intern->n; i++)
        bytes_text(file, intern_text(intern, i));
}

static void encode_table(struct buf *file, const struct table *table)
{
    uint32_t stored = 0;
    for (size_t c = 0; c < table->n_columns; c++)
        stored += table->columns[c].derived ? 0 : 1;
    bytes_u32(file, stored);
    for (size_t c = 0; c < table->n_columns; c++) {
        const struct column *column = &table->columns[c];
        if (column->derived)
            continue;
        bytes_text(file, column->name);
        bytes_u8(file, (uint8_t)column->kind);
        if (column->kind == COLUMN_TEXT)
            bytes_u32s(file, column->codes, table->n);
        else
            bytes_f64s(file, column->numbers, table->n);
    }
}

static void encode_rows(struct buf *file, const struct dataset *d)
{
    const size_t n = d->context.n;
    bytes_u32(file, (uint32_t)n);
    bytes_u32s(file, d->row_users, n);
    bytes_u32s(file, d->row_items, n);
    bytes_u32s(file, d->row_labels, n);
    for (size_t i = 0; i < n; i++)
        bytes_u32(file, (uint32_t)d->row_days[i]);
    for (size_t i = 0; i < n; i++)
        bytes_u64(file, (uint64_t)d->row_times[i]);
}

enum status dataset_encode(const struct dataset *d, struct buf *file, char ret_hash[DIGEST_HEX_SIZE], struct err *err)
{
    uint8_t digest[DIGEST_SIZE];
    bytes_begin(file, &FORMAT);
    encode_intern(file, &d->texts);
    bytes_u32(file, (uint32_t)d->n_heads);
    for (size_t h = 0; h < d->n_heads; h++)
        bytes_text(file, d->head_names[h]);
    encode_intern(file, &d->user_ids);
    encode_table(file, &d->users);
    encode_intern(file, &d->item_ids);
    encode_table(file, &d->items);
    encode_rows(file, d);
    encode_table(file, &d->context);
    bytes_u32(file, d->category);
    bytes_u32(file, (uint32_t)d->n_histories);
    for (size_t k = 0; k < d->n_histories; k++) {
        const struct history *history = &d->histories[k];
        bytes_text(file, history->name);
        bytes_u64s(file, history->starts, d->users.n + 1);
        bytes_u32s(file, history->items, (size_t)history->starts[d->users.n]);
    }
    TRY(bytes_end(file, digest, err));
    digest_hex(digest, sizeof digest, ret_hash);
    return STATUS_OK;
}

/* What a step of decoding shares. */
struct decoder {
    struct bytes_reader r;
    struct dataset *d;
    struct err *err;
    bool no_memory;
};

/* The status of the step: bytes that do not fit, or memory. */
static enum status check(const struct decoder *in, bool good, const char *part)
{
    if (in->no_memory)
        return err_no_memory(in->err);
    if (in->r.failed || !good)
        return err_set(in->err, STATUS_CORRUPT, "its %s do not fit the format", part);
    return STATUS_OK;
}

static enum status decode_intern(struct decoder *in, struct intern *intern, size_t max_length, const char *part)
{
    const size_t n = bytes_read_count(&in->r, 4, INTERN_NONE - 1);
    for (size_t i = 0; i < n; i++) {
        size_t length;
        uint32_t number;
        const char *text = bytes_read_text(&in->r, max_length, &length);
        TRY(check(in, true, part));
        TRY(intern_add(intern, text, length, &number, in->err));
        TRY(check(in, number == i, part)); /* the same text twice */
    }
    return check(in, true, part);
}

static bool codes_fit(const uint32_t *codes, size_t n, size_t limit)
{
    for (size_t i = 0; i < n; i++) {
        if (codes[i] >= limit && codes[i] != INTERN_NONE)
            return false;
    }
    return true;
}

static bool numbers_fit(const double *numbers, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (isinf(numbers[i]))
            return false;
    }
    return true;
}

static enum status decode_column(struct decoder *in, struct table *table, const char *part)
{
    char *name = bytes_read_copy(&in->r, TABLE_MAX_NAME, &in->no_memory);
    const uint8_t kind = bytes_read_u8(&in->r);
    struct column *column = NULL;
    enum status s = check(in, kind <= COLUMN_NUMBER && (name == NULL || table_find(table, name) == NULL), part);
    if (s == STATUS_OK)
        s = table_add(table, name, (enum column_kind)kind, 0, &column, in->err);
    mem_free(name);
    if (s != STATUS_OK)
        return s;
    if (column->kind == COLUMN_TEXT) {
        mem_free(column->codes);
        column->codes = bytes_read_u32s(&in->r, table->n, &in->no_memory);
        return check(in, column->codes != NULL && codes_fit(column->codes, table->n, in->d->texts.n), part);
    }
    mem_free(column->numbers);
    column->numbers = bytes_read_f64s(&in->r, table->n, &in->no_memory);
    return check(in, column->numbers != NULL && numbers_fit(column->numbers, table->n), part);
}

static enum status decode_table(struct decoder *in, struct table *table, size_t n, const char *part)
{
    table->n = n;
    const size_t columns = bytes_read_count(&in->r, 5, TABLE_MAX_COLUMNS);
    for (size_t c = 0; c < columns; c++)
        TRY(decode_column(in, table, part));
    return check(in, true, part);
}

static enum status decode_heads(struct decoder *in)
{
    struct dataset *d = in->d;
    const size_t n = bytes_read_count(&in->r, 4, DATASET_MAX_HEADS);
    for (size_t h = 0; h < n; h++) {
        char *name = bytes_read_copy(&in->r, TABLE_MAX_NAME, &in->no_memory);
        TRY(check(in, name != NULL, "heads"));
        d->head_names[d->n_heads++] = name;
    }
    return check(in, d->n_heads > 0, "heads");
}

static bool rows_fit(const struct dataset *d)
{
    for (size_t i = 0; i < d->context.n; i++) {
        if (d->row_users[i] >= d->users.n || d->row_items[i] >= d->items.n || d->row_labels[i] >> d->n_heads != 0 ||
            !day_valid(d->row_days[i]) || (i > 0 && d->row_times[i] < d->row_times[i - 1]))
            return false;
    }
    return true;
}

static enum status decode_rows(struct decoder *in)
{
    struct dataset *d = in->d;
    const size_t n = bytes_read_count(&in->r, 24, INTERN_NONE - 1);
    d->context.n = n;
    d->row_users = bytes_read_u32s(&in->r, n, &in->no_memory);
    d->row_items = bytes_read_u32s(&in->r, n, &in->no_memory);
    d->row_labels = bytes_read_u32s(&in->r, n, &in->no_memory);
    d->row_days = mem_alloc(n, sizeof *d->row_days);
    d->row_times = mem_alloc(n, sizeof *d->row_times);
    if (in->no_memory || d->row_days == NULL || d->row_times == NULL)
        return err_no_memory(in->err);
    for (size_t i = 0; i < n; i++)
        d->row_days[i] = (int32_t)bytes_read_u32(&in->r);
    for (size_t i = 0; i < n; i++)
        d->row_times[i] = (int64_t)bytes_read_u64(&in->r);
    TRY(check(in, true, "rows"));
    return check(in, rows_fit(d), "rows");
}

static bool history_fits(const struct history *history, size_t n_users, size_t n_items)
{
    for (size_t u = 0; u < n_users; u++) {
        if (history->starts[u] > history->starts[u + 1])
            return false;
    }
    for (uint64_t i = 0; i < history->starts[n_users]; i++) {
        if (history->items[i] >= n_items)
            return false;
    }
    return history->starts[0] == 0;
}

static enum status decode_history(struct decoder *in)
{
    struct dataset *d = in->d;
    struct history *history = &d->histories[d->n_histories++];
    history->name = bytes_read_copy(&in->r, TABLE_MAX_NAME, &in->no_memory);
    history->starts = bytes_read_u64s(&in->r, d->users.n + 1, &in->no_memory);
    TRY(check(in, true, "histories"));
    history->items = bytes_read_u32s(&in->r, (size_t)history->starts[d->users.n], &in->no_memory);
    TRY(check(in, true, "histories"));
    return check(in, history_fits(history, d->users.n, d->items.n), "histories");
}

static enum status decode_histories(struct decoder *in)
{
    struct dataset *d = in->d;
    d->category = bytes_read_u32(&in->r);
    TRY(check(in,
              d->category == INTERN_NONE ||
                  (d->category < d->items.n_columns && d->items.columns[d->category].kind == COLUMN_TEXT),
              "histories"));
    const size_t n = bytes_read_count(&in->r, 12, DATASET_MAX_HISTORIES);
    for (size_t k = 0; k < n; k++)
        TRY(decode_history(in));
    return check(in, bytes_left(&in->r) == 0, "histories");
}

static enum status decode_payload(struct decoder *in)
{
    struct dataset *d = in->d;
    TRY(decode_intern(in, &d->texts, DATASET_MAX_TEXT, "texts"));
    TRY(decode_heads(in));
    TRY(decode_intern(in, &d->user_ids, CSV_MAX_ID, "users"));
    TRY(decode_table(in, &d->users, d->user_ids.n, "users"));
    TRY(decode_intern(in, &d->item_ids, CSV_MAX_ID, "items"));
    TRY(decode_table(in, &d->items, d->item_ids.n, "items"));
    TRY(decode_rows(in));
    TRY(decode_table(in, &d->context, d->context.n, "context columns"));
    TRY(decode_histories(in));
    return dataset_finish(d, in->err);
}

enum status dataset_decode(const void *file, size_t n, const char *name, struct dataset **ret, struct err *err)
{
    struct decoder in = {.err = err};
    TRY(bytes_open(file, n, &FORMAT, name, &in.r, err));
    TRY(dataset_new(&in.d, err));
    const enum status s = decode_payload(&in);
    if (s != STATUS_OK) {
        dataset_free(in.d);
        return err_wrap(err, s, "%s", name);
    }
    digest_hex((const uint8_t *)file + n - DIGEST_SIZE, DIGEST_SIZE, in.d->hash);
    *ret = in.d;
    return STATUS_OK;
}

enum status dataset_read(const char *path, struct dataset **ret, struct err *err)
{
    struct buf file = BUF_INIT;
    enum status s = file_read(path, MAX_FILE_BYTES, &file, err);
    if (s == STATUS_OK)
        s = dataset_decode(file.data, file.length, path, ret, err);
    buf_done(&file);
    return s;
}

enum status dataset_write(const struct dataset *dataset, const char *path, struct err *err)
{
    struct buf file = BUF_INIT;
    char hash[DIGEST_HEX_SIZE];
    enum status s = dataset_encode(dataset, &file, hash, err);
    if (s == STATUS_OK)
        s = file_write_atomic(path, file.data, file.length, 0644, err);
    buf_done(&file);
    return s;
}
