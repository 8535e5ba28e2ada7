#include "ranker/dataset.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/core/mem.h"
#include "ranker/dataset_internal.h"
#include "ranker/history.h"

enum status dataset_new(struct dataset **ret, struct err *err)
{
    struct dataset *dataset = mem_alloc(1, sizeof *dataset);
    if (dataset == NULL)
        return err_no_memory(err);
    dataset->category = INTERN_NONE;
    intern_init(&dataset->texts);
    intern_init(&dataset->user_ids);
    intern_init(&dataset->item_ids);
    *ret = dataset;
    return STATUS_OK;
}

void dataset_free(struct dataset *dataset)
{
    if (dataset == NULL)
        return;
    intern_done(&dataset->texts);
    intern_done(&dataset->user_ids);
    intern_done(&dataset->item_ids);
    for (size_t h = 0; h < dataset->n_heads; h++)
        mem_free(dataset->head_names[h]);
    table_done(&dataset->users);
    table_done(&dataset->items);
    table_done(&dataset->context);
    mem_free(dataset->row_users);
    mem_free(dataset->row_items);
    mem_free(dataset->row_labels);
    mem_free(dataset->row_days);
    mem_free(dataset->row_times);
    for (size_t k = 0; k < dataset->n_histories; k++) {
        mem_free(dataset->histories[k].name);
        mem_free(dataset->histories[k].starts);
        mem_free(dataset->histories[k].items);
    }
    mem_free(dataset);
}

enum status dataset_finish(struct dataset *dataset, struct err *err)
{
    return history_derive(dataset, err);
}

struct sort_key {
    int64_t time_ms;
    uint32_t user, item, row;
};

static int compare_keys(const void *left, const void *right)
{
    const struct sort_key *a = left, *b = right;
    if (a->time_ms != b->time_ms)
        return a->time_ms < b->time_ms ? -1 : 1;
    if (a->user != b->user)
        return a->user < b->user ? -1 : 1;
    if (a->item != b->item)
        return a->item < b->item ? -1 : 1;
    return (a->row > b->row) - (a->row < b->row);
}

static enum status permute_days(struct dataset *d, const uint32_t *order, struct err *err)
{
    const size_t n = d->context.n;
    int32_t *days = mem_alloc(n, sizeof *days);
    uint32_t *labels = mem_alloc(n, sizeof *labels);
    if (days == NULL || labels == NULL) {
        mem_free(days);
        mem_free(labels);
        return err_no_memory(err);
    }
    for (size_t i = 0; i < n; i++) {
        days[i] = d->row_days[order[i]];
        labels[i] = d->row_labels[order[i]];
    }
    mem_free(d->row_days);
    mem_free(d->row_labels);
    d->row_days = days;
    d->row_labels = labels;
    return STATUS_OK;
}

enum status dataset_sort(struct dataset *d, struct err *err)
{
    const size_t n = d->context.n;
    struct sort_key *keys = mem_alloc(n, sizeof *keys);
    uint32_t *order = mem_alloc(n, sizeof *order);
    enum status s = STATUS_OK;
    if (keys == NULL || order == NULL) {
        s = err_no_memory(err);
        goto out;
    }
    for (size_t i = 0; i < n; i++)
        keys[i] = (struct sort_key){d->row_times[i], d->row_users[i], d->row_items[i], (uint32_t)i};
    qsort(keys, n, sizeof *keys, compare_keys);
    for (size_t i = 0; i < n; i++)
        order[i] = keys[i].row;
    s = permute_days(d, order, err);
    if (s == STATUS_OK)
        s = table_permute(&d->context, order, err);
    for (size_t i = 0; s == STATUS_OK && i < n; i++) {
        d->row_times[i] = keys[i].time_ms;
        d->row_users[i] = keys[i].user;
        d->row_items[i] = keys[i].item;
    }
out:
    mem_free(keys);
    mem_free(order);
    return s;
}

size_t dataset_n_rows(const struct dataset *dataset)
{
    return dataset->context.n;
}

size_t dataset_n_users(const struct dataset *dataset)
{
    return dataset->users.n;
}

size_t dataset_n_items(const struct dataset *dataset)
{
    return dataset->items.n;
}

size_t dataset_n_heads(const struct dataset *dataset)
{
    return dataset->n_heads;
}

const char *dataset_user_id(const struct dataset *dataset, size_t user)
{
    return intern_text(&dataset->user_ids, (uint32_t)user);
}

const char *dataset_item_id(const struct dataset *dataset, size_t item)
{
    return intern_text(&dataset->item_ids, (uint32_t)item);
}

const char *dataset_head_name(const struct dataset *dataset, size_t head)
{
    assert(head < dataset->n_heads);
    return dataset->head_names[head];
}

struct dataset_row dataset_row(const struct dataset *dataset, size_t row)
{
    assert(row < dataset->context.n);
    return (struct dataset_row){dataset->row_users[row], dataset->row_items[row], dataset->row_days[row],
                                dataset->row_times[row], dataset->row_labels[row]};
}

size_t dataset_n_context(const struct dataset *dataset)
{
    return dataset->context.n_columns;
}

const char *dataset_context_name(const struct dataset *dataset, size_t column)
{
    assert(column < dataset->context.n_columns);
    return dataset->context.columns[column].name;
}

bool dataset_context_is_text(const struct dataset *dataset, size_t column)
{
    assert(column < dataset->context.n_columns);
    return dataset->context.columns[column].kind == COLUMN_TEXT;
}

const char *dataset_context_text(const struct dataset *dataset, size_t row, size_t column)
{
    assert(row < dataset->context.n && column < dataset->context.n_columns);
    const uint32_t *codes = dataset->context.columns[column].codes;
    if (codes == NULL || codes[row] == INTERN_NONE)
        return NULL;
    return intern_text(&dataset->texts, codes[row]);
}

double dataset_context_number(const struct dataset *dataset, size_t row, size_t column)
{
    assert(row < dataset->context.n && column < dataset->context.n_columns);
    const double *numbers = dataset->context.columns[column].numbers;
    return numbers == NULL ? nan("") : numbers[row];
}
