#include "ranker/pooled.h"

#include <string.h>

#include "base/core/mem.h"

size_t pooled_events(const struct history *history, size_t user, size_t *ret_first)
{
    const size_t first = (size_t)history->starts[user], end = (size_t)history->starts[user + 1];
    const size_t n = end - first < POOLED_ITEMS ? end - first : POOLED_ITEMS;
    *ret_first = end - n;
    return n;
}

void pooled_done(struct pooled *pooled)
{
    mem_free(pooled->starts);
    mem_free(pooled->rows);
    *pooled = (struct pooled){0};
}

/* Lists one after the other; codes [items] of the vocabulary. */
static void fill_lists(struct pooled *pooled, const struct history *history, const uint32_t *codes)
{
    size_t end = 0;
    pooled->rows[end++] = 0;
    for (size_t user = 0; user + 1 < pooled->n; user++) {
        size_t first;
        const size_t n = pooled_events(history, user, &first);
        pooled->starts[user + 1] = end;
        for (size_t i = first; i < first + n; i++) {
            if (codes[history->items[i]] != 0)
                pooled->rows[end++] = codes[history->items[i]];
        }
    }
    pooled->starts[pooled->n] = end;
}

enum status pooled_new(const struct feature *feature, const struct dataset *d, struct pooled *ret, struct err *err)
{
    const struct history *history = &d->histories[feature->history];
    struct pooled pooled = {.n = d->users.n + 1};
    size_t n_rows = 1, first;
    for (size_t user = 0; user < d->users.n; user++)
        n_rows += pooled_events(history, user, &first);
    uint32_t *codes = mem_alloc(d->items.n, sizeof *codes);
    pooled.starts = mem_alloc(pooled.n + 1, sizeof *pooled.starts);
    pooled.rows = mem_alloc(n_rows, sizeof *pooled.rows);
    if (codes == NULL || pooled.starts == NULL || pooled.rows == NULL) {
        mem_free(codes);
        pooled_done(&pooled);
        return err_no_memory(err);
    }
    for (size_t i = 0; i < d->items.n; i++)
        codes[i] = feature_code(feature, intern_text(&d->item_ids, (uint32_t)i));
    fill_lists(&pooled, history, codes);
    mem_free(codes);
    *ret = pooled;
    return STATUS_OK;
}

uint32_t pooled_code(const struct pooled *pooled, size_t user)
{
    return pooled->starts[user + 2] > pooled->starts[user + 1] ? (uint32_t)user + 1 : 0;
}

const uint32_t *pooled_rows(const struct pooled *pooled, uint32_t code, size_t *ret_n)
{
    *ret_n = pooled->starts[code + 1] - pooled->starts[code];
    return pooled->rows + pooled->starts[code];
}

void pooled_mean(const struct pooled *pooled, uint32_t code, const float *table, size_t width, float *x)
{
    size_t n;
    const uint32_t *rows = pooled_rows(pooled, code, &n);
    memset(x, 0, width * sizeof *x);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < width; j++)
            x[j] += table[rows[i] * width + j];
    }
    for (size_t j = 0; j < width; j++)
        x[j] /= (float)n;
}

void pooled_gradient(const struct pooled *pooled, uint32_t code, const float *dx, size_t width, float *gradient)
{
    size_t n;
    const uint32_t *rows = pooled_rows(pooled, code, &n);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < width; j++)
            gradient[rows[i] * width + j] += dx[j] / (float)n;
    }
}
