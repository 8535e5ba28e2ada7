#include "experiments/traffic/slates.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/core/mem.h"
#include "base/core/rng.h"

/* One exposure with what groups it. */
struct exposure {
    uint32_t user, row; /* rows rise with time */
    int32_t day;
    const char *tab;
};

bool slates_is_tuning(const char *user_id)
{
    return (double)(rng_mix(rng_hash_text(user_id) + 0x5eed) >> 11) * 0x1p-53 < SLATE_TUNING;
}

void slates_items(const struct slates *slates, const struct slate *slate, const char *ret[SLATE_SIZE])
{
    for (size_t i = 0; i < SLATE_SIZE; i++)
        ret[i] = dataset_item_id(slates->dataset, dataset_row(slates->dataset, slate->rows[i]).item);
}

/* The column "tab", or the number of columns when the log has none: then a slate is one user and one day. */
static size_t tab_column(const struct dataset *dataset)
{
    size_t c = 0;
    while (c < dataset_n_context(dataset) &&
           (strcmp(dataset_context_name(dataset, c), "tab") != 0 || !dataset_context_is_text(dataset, c)))
        c++;
    return c;
}

static int by_group(const void *a, const void *b)
{
    const struct exposure *x = a, *y = b;
    if (x->user != y->user)
        return x->user < y->user ? -1 : 1;
    if (x->day != y->day)
        return x->day < y->day ? -1 : 1;
    const int by_tab = strcmp(x->tab, y->tab);
    return by_tab != 0 ? by_tab : (x->row > y->row) - (x->row < y->row);
}

static int by_user_and_time(const void *a, const void *b)
{
    const struct slate *x = a, *y = b;
    if (x->user != y->user)
        return x->user < y->user ? -1 : 1;
    return (x->rows[0] > y->rows[0]) - (x->rows[0] < y->rows[0]);
}

static size_t collect(const struct dataset *dataset, int first_day, int last_day, struct exposure *ret)
{
    const size_t tab = tab_column(dataset);
    size_t n = 0;
    for (size_t row = 0; row < dataset_n_rows(dataset); row++) {
        const struct dataset_row r = dataset_row(dataset, row);
        if (r.day < first_day || r.day > last_day)
            continue;
        const char *text = tab < dataset_n_context(dataset) ? dataset_context_text(dataset, row, tab) : "";
        ret[n++] = (struct exposure){r.user, (uint32_t)row, r.day, text != NULL ? text : ""};
    }
    if (n > 0)
        qsort(ret, n, sizeof *ret, by_group);
    return n;
}

static bool same_group(const struct exposure *a, const struct exposure *b)
{
    return a->user == b->user && a->day == b->day && strcmp(a->tab, b->tab) == 0;
}

static bool has_item(const struct dataset *dataset, const struct slate *slate, size_t n, uint32_t row)
{
    for (size_t i = 0; i < n; i++) {
        if (dataset_row(dataset, slate->rows[i]).item == dataset_row(dataset, row).item)
            return true;
    }
    return false;
}

/* exposures in group order; ret holds n / SLATE_SIZE slates. */
static size_t cut(const struct dataset *dataset, const struct exposure *exposures, size_t n, struct slate *ret)
{
    size_t n_slates = 0, filled = 0;
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || !same_group(&exposures[i - 1], &exposures[i]))
            filled = 0;
        struct slate *slate = &ret[n_slates];
        if (has_item(dataset, slate, filled, exposures[i].row))
            continue;
        slate->user = exposures[i].user;
        slate->rows[filled++] = exposures[i].row;
        if (filled == SLATE_SIZE) {
            n_slates++;
            filled = 0;
        }
    }
    if (n_slates > 0)
        qsort(ret, n_slates, sizeof *ret, by_user_and_time);
    return n_slates;
}

static void split(struct slates *slates)
{
    for (size_t i = 0; i < slates->n_slates;) {
        const uint32_t user = slates->slates[i].user;
        struct slate_user entry = {user, i, 0};
        while (i < slates->n_slates && slates->slates[i].user == user)
            i++;
        entry.n = i - entry.first;
        if (slates_is_tuning(dataset_user_id(slates->dataset, user)))
            slates->tuning[slates->n_tuning++] = entry;
        else
            slates->confirmation[slates->n_confirmation++] = entry;
    }
}

static enum status build(struct slates *slates, int first_day, int last_day, struct exposure *exposures,
                         struct err *err)
{
    const size_t n = collect(slates->dataset, first_day, last_day, exposures);
    slates->slates = mem_alloc(n / SLATE_SIZE + 1, sizeof *slates->slates);
    slates->tuning = mem_alloc(n / SLATE_SIZE + 1, sizeof *slates->tuning);
    slates->confirmation = mem_alloc(n / SLATE_SIZE + 1, sizeof *slates->confirmation);
    if (slates->slates == NULL || slates->tuning == NULL || slates->confirmation == NULL)
        return err_no_memory(err);
    slates->n_slates = cut(slates->dataset, exposures, n, slates->slates);
    split(slates);
    if (slates->n_tuning == 0 || slates->n_confirmation == 0)
        return err_set(err, STATUS_INVALID,
                       "the log has %zu exposures on the days %d..%d, which make slates of %zu tuning and %zu "
                       "confirmation users: both are needed",
                       n, first_day, last_day, slates->n_tuning, slates->n_confirmation);
    return STATUS_OK;
}

enum status slates_init(struct slates *slates, const struct dataset *dataset, int first_day, int last_day,
                        struct err *err)
{
    *slates = (struct slates){.dataset = dataset};
    if (dataset_n_context(dataset) > SLATE_MAX_CONTEXT)
        return err_set(err, STATUS_INVALID, "the log has %zu context columns: %d are allowed",
                       dataset_n_context(dataset), (int)SLATE_MAX_CONTEXT);
    struct exposure *exposures = mem_alloc(dataset_n_rows(dataset), sizeof *exposures);
    if (exposures == NULL)
        return err_no_memory(err);
    const enum status s = build(slates, first_day, last_day, exposures, err);
    mem_free(exposures);
    if (s != STATUS_OK)
        slates_done(slates);
    return s;
}

void slates_done(struct slates *slates)
{
    mem_free(slates->slates);
    mem_free(slates->tuning);
    mem_free(slates->confirmation);
    *slates = (struct slates){0};
}

size_t slates_context(const struct dataset *dataset, size_t row, struct ranker_context ret[SLATE_MAX_CONTEXT])
{
    size_t n = 0;
    for (size_t c = 0; c < dataset_n_context(dataset); c++) {
        struct ranker_context entry = {dataset_context_name(dataset, c), NULL, 0.0};
        if (dataset_context_is_text(dataset, c))
            entry.text = dataset_context_text(dataset, row, c);
        else
            entry.number = dataset_context_number(dataset, row, c);
        if (dataset_context_is_text(dataset, c) ? entry.text != NULL : isfinite(entry.number))
            ret[n++] = entry;
    }
    return n;
}
