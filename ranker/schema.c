#include "ranker/schema.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/core/mem.h"
#include "ranker/day.h"

static enum status find_columns(const struct csv *csv, const struct schema_column *columns, size_t n, size_t *ret_at,
                                struct err *err)
{
    for (size_t c = 0; c < n; c++)
        TRY(csv_column(csv, columns[c].column, &ret_at[c], err));
    return STATUS_OK;
}

/* The field as text after its change; scratch holds DATASET_MAX_TEXT. */
static enum status changed_text(const struct csv *csv, size_t at, enum schema_change change, char *scratch,
                                const char **ret, struct err *err)
{
    int64_t hour = 0;
    int32_t day = 19700101;
    *ret = scratch;
    switch (change) {
    case SCHEMA_HOUR:
        TRY(csv_int(csv, at, 0, 2359, &hour, err));
        snprintf(scratch, DATASET_MAX_TEXT, "%d", (int)(hour / 100));
        return STATUS_OK;
    case SCHEMA_WEEKDAY:
        TRY(csv_day(csv, at, &day, err));
        snprintf(scratch, DATASET_MAX_TEXT, "%d", day_weekday(day));
        return STATUS_OK;
    case SCHEMA_FIRST:
        snprintf(scratch, DATASET_MAX_TEXT, "%.*s", (int)strcspn(csv_field(csv, at), ","), csv_field(csv, at));
        return STATUS_OK;
    case SCHEMA_AS_IS:
        break;
    }
    *ret = csv_field(csv, at);
    return STATUS_OK;
}

static enum status read_cell(struct dataset *d, const struct csv *csv, size_t at, const struct schema_column *from,
                             struct column *to, size_t row, struct err *err)
{
    char scratch[DATASET_MAX_TEXT];
    const char *text = "";
    if (to->kind == COLUMN_NUMBER)
        return csv_number(csv, at, true, &to->numbers[row], err);
    if (strlen(csv_field(csv, at)) >= DATASET_MAX_TEXT)
        return csv_refuse(csv, at, err, "allowed are up to %d characters", DATASET_MAX_TEXT - 1);
    TRY(changed_text(csv, at, from->change, scratch, &text, err));
    to->codes[row] = INTERN_NONE;
    if (text[0] == '\0')
        return STATUS_OK;
    return intern_add(&d->texts, text, strlen(text), &to->codes[row], err);
}

static enum status read_cells(struct dataset *d, const struct csv *csv, const size_t *at,
                              const struct schema_column *from, struct table *to, size_t row, struct err *err)
{
    for (size_t c = 0; c < to->n_columns; c++)
        TRY(read_cell(d, csv, at[c], &from[c], &to->columns[c], row, err));
    return STATUS_OK;
}

static enum status add_columns(struct table *table, const struct schema_column *columns, size_t n, size_t capacity,
                               struct err *err)
{
    struct column *column = NULL;
    for (size_t c = 0; c < n; c++)
        TRY(table_add(table, columns[c].name, columns[c].kind, capacity, &column, err));
    return STATUS_OK;
}

static enum status read_table_rows(const struct schema_table *schema, struct csv *csv, struct dataset *d,
                                   struct table *table, struct intern *ids, struct err *err)
{
    size_t at[TABLE_MAX_COLUMNS] = {0}, id_at = 0;
    TRY(csv_column(csv, schema->id, &id_at, err));
    TRY(find_columns(csv, schema->columns, schema->n_columns, at, err));
    TRY(add_columns(table, schema->columns, schema->n_columns, csv_max_records(csv), err));
    for (bool more = true;;) {
        const char *id = "";
        uint32_t number = INTERN_NONE;
        TRY(csv_next(csv, &more, err));
        if (!more)
            return STATUS_OK;
        TRY(csv_id(csv, id_at, &id, err));
        TRY(intern_add(ids, id, strlen(id), &number, err));
        if (number != table->n)
            return csv_refuse(csv, id_at, err, "every id is allowed once");
        TRY(read_cells(d, csv, at, schema->columns, table, table->n, err));
        table->n++;
    }
}

static enum status read_table(const struct schema_table *schema, const char *folder, struct dataset *d,
                              struct table *table, struct intern *ids, struct err *err)
{
    struct csv csv;
    enum status s = csv_open(&csv, folder, schema->file, err);
    if (s == STATUS_OK)
        s = read_table_rows(schema, &csv, d, table, ids, err);
    csv_done(&csv);
    return s;
}

/* The row of a table that an id of another file means. */
static enum status read_reference(const struct csv *csv, size_t at, const struct intern *ids, const char *file,
                                  uint32_t *ret, struct err *err)
{
    *ret = intern_find(ids, csv_field(csv, at));
    if (*ret == INTERN_NONE)
        return csv_refuse(csv, at, err, "an id of %s is expected", file);
    return STATUS_OK;
}

/* Where the columns of the log are. */
struct log_columns {
    size_t user, item, time_ms, day;
    size_t heads[DATASET_MAX_HEADS], context[TABLE_MAX_COLUMNS];
};

static enum status find_log_columns(const struct schema *schema, const struct csv *csv, struct log_columns *at,
                                    struct err *err)
{
    TRY(csv_column(csv, schema->user, &at->user, err));
    TRY(csv_column(csv, schema->item, &at->item, err));
    TRY(csv_column(csv, schema->time_ms, &at->time_ms, err));
    TRY(csv_column(csv, schema->day, &at->day, err));
    TRY(find_columns(csv, schema->heads, schema->n_heads, at->heads, err));
    return find_columns(csv, schema->context, schema->n_context, at->context, err);
}

static enum status read_log_row(const struct schema *schema, const struct csv *csv, const struct log_columns *at,
                                struct dataset *d, size_t row, struct err *err)
{
    TRY(read_reference(csv, at->user, &d->user_ids, schema->users.file, &d->row_users[row], err));
    TRY(read_reference(csv, at->item, &d->item_ids, schema->items.file, &d->row_items[row], err));
    TRY(csv_int(csv, at->time_ms, 0, (int64_t)1 << 53, &d->row_times[row], err));
    TRY(csv_day(csv, at->day, &d->row_days[row], err));
    d->row_labels[row] = 0;
    for (size_t h = 0; h < schema->n_heads; h++) {
        double value = 0.0;
        TRY(csv_number(csv, at->heads[h], false, &value, err));
        d->row_labels[row] |= value > 0.0 ? 1u << h : 0u;
    }
    return read_cells(d, csv, at->context, schema->context, &d->context, row, err);
}

static enum status make_rows(const struct schema *schema, size_t capacity, struct dataset *d, struct err *err)
{
    if (capacity >= INTERN_NONE)
        return err_set(err, STATUS_TOO_LARGE, "%s has too many rows: allowed are up to %u", schema->log,
                       (unsigned)INTERN_NONE - 1);
    for (size_t h = 0; h < schema->n_heads; h++) {
        d->head_names[h] = mem_strdup(schema->heads[h].name);
        if (d->head_names[h] == NULL)
            return err_no_memory(err);
        d->n_heads++;
    }
    d->row_users = mem_alloc(capacity, sizeof *d->row_users);
    d->row_items = mem_alloc(capacity, sizeof *d->row_items);
    d->row_labels = mem_alloc(capacity, sizeof *d->row_labels);
    d->row_days = mem_alloc(capacity, sizeof *d->row_days);
    d->row_times = mem_alloc(capacity, sizeof *d->row_times);
    if (d->row_users == NULL || d->row_items == NULL || d->row_labels == NULL || d->row_days == NULL ||
        d->row_times == NULL)
        return err_no_memory(err);
    return add_columns(&d->context, schema->context, schema->n_context, capacity, err);
}

static enum status read_log_rows(const struct schema *schema, struct csv *csv, struct dataset *d, struct err *err)
{
    struct log_columns at = {0};
    TRY(find_log_columns(schema, csv, &at, err));
    TRY(make_rows(schema, csv_max_records(csv), d, err));
    assert(d->row_users != NULL && d->row_items != NULL);
    for (bool more = true;;) {
        TRY(csv_next(csv, &more, err));
        if (!more)
            return dataset_sort(d, err);
        TRY(read_log_row(schema, csv, &at, d, d->context.n, err));
        d->context.n++;
    }
}

static enum status read_log(const struct schema *schema, const char *folder, struct dataset *d, struct err *err)
{
    struct csv csv;
    enum status s = csv_open(&csv, folder, schema->log, err);
    if (s == STATUS_OK)
        s = read_log_rows(schema, &csv, d, err);
    csv_done(&csv);
    return s;
}

/* Pairs in the order of the file, grouped by user without changing the order within a user. */
static enum status group_by_user(struct history *history, const uint32_t *users, const uint32_t *items, size_t n,
                                 size_t n_users, struct err *err)
{
    history->starts = mem_alloc(n_users + 1, sizeof *history->starts);
    history->items = mem_alloc(n, sizeof *history->items);
    uint64_t *next = mem_alloc(n_users, sizeof *next);
    if (history->starts == NULL || history->items == NULL || next == NULL) {
        mem_free(next);
        return err_no_memory(err);
    }
    for (size_t i = 0; i < n; i++)
        history->starts[users[i] + 1]++;
    for (size_t u = 0; u < n_users; u++) {
        next[u] = history->starts[u];
        history->starts[u + 1] += history->starts[u];
    }
    for (size_t i = 0; i < n; i++)
        history->items[next[users[i]]++] = items[i];
    mem_free(next);
    return STATUS_OK;
}

static enum status read_history_rows(const struct schema *schema, const struct schema_history *from, struct csv *csv,
                                     struct dataset *d, struct history *to, struct err *err)
{
    size_t user_at = 0, item_at = 0, n = 0;
    const size_t capacity = csv_max_records(csv);
    enum status s = csv_column(csv, from->user, &user_at, err);
    if (s == STATUS_OK)
        s = csv_column(csv, from->item, &item_at, err);
    if (s != STATUS_OK)
        return s;
    uint32_t *users = mem_alloc(capacity, sizeof *users);
    uint32_t *items = mem_alloc(capacity, sizeof *items);
    if (users == NULL || items == NULL)
        s = err_no_memory(err);
    for (bool more = true; s == STATUS_OK;) {
        s = csv_next(csv, &more, err);
        if (s != STATUS_OK || !more)
            break;
        s = read_reference(csv, user_at, &d->user_ids, schema->users.file, &users[n], err);
        if (s == STATUS_OK)
            s = read_reference(csv, item_at, &d->item_ids, schema->items.file, &items[n++], err);
    }
    if (s == STATUS_OK)
        s = group_by_user(to, users, items, n, d->users.n, err);
    mem_free(users);
    mem_free(items);
    return s;
}

static enum status read_history(const struct schema *schema, const struct schema_history *from, const char *folder,
                                struct dataset *d, struct err *err)
{
    struct csv csv;
    struct history *to = &d->histories[d->n_histories++];
    to->name = mem_strdup(from->name);
    if (to->name == NULL)
        return err_no_memory(err);
    enum status s = csv_open(&csv, folder, from->file, err);
    if (s == STATUS_OK)
        s = read_history_rows(schema, from, &csv, d, to, err);
    csv_done(&csv);
    return s;
}

static enum status read_all(const struct schema *schema, const char *folder, struct dataset *d, struct err *err)
{
    TRY(read_table(&schema->users, folder, d, &d->users, &d->user_ids, err));
    TRY(read_table(&schema->items, folder, d, &d->items, &d->item_ids, err));
    TRY(read_log(schema, folder, d, err));
    for (size_t k = 0; k < schema->n_histories; k++)
        TRY(read_history(schema, &schema->histories[k], folder, d, err));
    if (schema->category == NULL)
        return STATUS_OK;
    const struct column *category = table_find(&d->items, schema->category);
    if (category == NULL || category->kind != COLUMN_TEXT)
        return err_set(err, STATUS_INVALID, "category is %s: a categorical column of the items is expected",
                       schema->category);
    d->category = (uint32_t)(category - d->items.columns);
    return STATUS_OK;
}

enum status schema_import(const struct schema *schema, const char *folder, struct dataset **ret, struct err *err)
{
    struct dataset *d = NULL;
    TRY(dataset_new(&d, err));
    const enum status s = read_all(schema, folder, d, err);
    if (s != STATUS_OK) {
        dataset_free(d);
        return s;
    }
    *ret = d;
    return STATUS_OK;
}
