#include "ranker/lesson.h"

#include <string.h>

#include "base/core/buf.h"
#include "base/core/mem.h"
#include "ranker/dataset_internal.h"

void lesson_done(struct lesson *lesson)
{
    mem_free(lesson->all.rows);
    mem_free(lesson->fit.rows);
    mem_free(lesson->held.rows);
    *lesson = (struct lesson){0};
}

enum status lesson_days(const struct dataset *d, int32_t first_day, int32_t last_day, uint32_t **ret, size_t *ret_n,
                        struct err *err)
{
    size_t n = 0;
    uint32_t *rows = mem_alloc(dataset_n_rows(d), sizeof *rows);
    if (rows == NULL)
        return err_no_memory(err);
    for (size_t i = 0; i < dataset_n_rows(d); i++) {
        if (d->row_days[i] >= first_day && d->row_days[i] <= last_day)
            rows[n++] = (uint32_t)i;
    }
    *ret = rows;
    *ret_n = n;
    return STATUS_OK;
}

static void find_days(struct lesson *t, const struct train_options *options)
{
    t->first_day = options->first_day;
    t->last_day = options->last_day;
    if (t->first_day == 0 && t->last_day == 0) {
        t->first_day = INT32_MAX;
        for (size_t i = 0; i < dataset_n_rows(t->dataset); i++) {
            t->first_day = t->dataset->row_days[i] < t->first_day ? t->dataset->row_days[i] : t->first_day;
            t->last_day = t->dataset->row_days[i] > t->last_day ? t->dataset->row_days[i] : t->last_day;
        }
    }
}

static enum status no_rows(const struct lesson *t, struct err *err)
{
    int32_t first = INT32_MAX, last = 0;
    for (size_t i = 0; i < dataset_n_rows(t->dataset); i++) {
        first = t->dataset->row_days[i] < first ? t->dataset->row_days[i] : first;
        last = t->dataset->row_days[i] > last ? t->dataset->row_days[i] : last;
    }
    if (dataset_n_rows(t->dataset) == 0)
        return err_set(err, STATUS_INVALID, "the dataset has no impressions");
    return err_set(err, STATUS_INVALID,
                   "days %d..%d hold %zu impressions: at least 2 are needed, and the dataset has days %d..%d",
                   t->first_day, t->last_day, t->all.n, first, last);
}

static void drop_users(const struct lesson *t, const struct left_out *left_out, struct lesson_rows *rows)
{
    size_t kept = 0;
    for (size_t i = 0; i < rows->n && left_out->user != NULL; i++) {
        if (!left_out->user[t->dataset->row_users[rows->rows[i]]])
            rows->rows[kept++] = rows->rows[i];
    }
    rows->n = left_out->user != NULL ? kept : rows->n;
}

/* The last day with rows is held out; of a single day its last fifth. */
static enum status split_rows(struct lesson *t, const struct train_options *options, struct err *err)
{
    find_days(t, options);
    TRY(lesson_days(t->dataset, t->first_day, t->last_day, &t->all.rows, &t->all.n, err));
    drop_users(t, &options->left_out, &t->all);
    if (t->all.n < 2)
        return options->left_out.n > 0 ? err_set(err, STATUS_INVALID,
                                                 "without the %zu users left out %zu impressions "
                                                 "stay in days %d..%d: at least 2 are needed",
                                                 options->left_out.n, t->all.n, t->first_day, t->last_day)
                                       : no_rows(t, err);
    t->fit.rows = mem_alloc(t->all.n, sizeof *t->fit.rows);
    t->held.rows = mem_alloc(t->all.n, sizeof *t->held.rows);
    if (t->fit.rows == NULL || t->held.rows == NULL)
        return err_no_memory(err);
    int32_t first = INT32_MAX;
    for (size_t i = 0; i < t->all.n; i++) {
        const int32_t day = t->dataset->row_days[t->all.rows[i]];
        t->held_day = day > t->held_day ? day : t->held_day;
        first = day < first ? day : first;
    }
    for (size_t i = 0; i < t->all.n; i++) {
        const bool held = first == t->held_day ? i >= t->all.n - (t->all.n + 4) / 5
                                               : t->dataset->row_days[t->all.rows[i]] == t->held_day;
        if (held)
            t->held.rows[t->held.n++] = t->all.rows[i];
        else
            t->fit.rows[t->fit.n++] = t->all.rows[i];
    }
    return STATUS_OK;
}

/* The heads' names, and what they make of the labels. */
static enum status make_heads(struct lesson *t, const struct architecture *architecture, struct err *err)
{
    for (size_t h = 0; h < t->dataset->n_heads; h++)
        t->names[h] = t->dataset->head_names[h];
    TRY(targets_make(architecture, t->dataset->n_heads, t->names, t->dataset, &t->targets, err));
    if (architecture->kind == ARCHITECTURE_BINARY)
        t->names[0] = ARCHITECTURE_BINARY_HEAD;
    return STATUS_OK;
}

/* The shares of negatives that the options ask for. */
static enum status set_keep(struct lesson *t, const struct train_options *options, struct err *err)
{
    for (size_t i = 0; i < options->n_keep; i++) {
        const struct train_keep *keep = &options->keep[i];
        bool found = false;
        for (size_t h = 0; h < t->targets.n; h++) {
            if (keep->head != NULL && strcmp(keep->head, t->names[h]) != 0)
                continue;
            found = true;
            t->targets.keep[h] = keep->share;
            t->targets.weighted = t->targets.weighted || keep->share < 1.0;
        }
        if (!found)
            return err_set(err, STATUS_INVALID, "the model has no head %.100s, whose negatives are to be sampled",
                           keep->head);
    }
    t->targets.seed = options->trainer.seed;
    return STATUS_OK;
}

static enum status no_history(const struct dataset *d, const char *kind, struct err *err)
{
    struct buf names = BUF_INIT;
    for (size_t k = 0; k < d->n_histories; k++)
        buf_printf(&names, "%s%s", k > 0 ? ", " : "", d->histories[k].name);
    const enum status s = err_set(err, STATUS_INVALID, "the dataset has no history %.60s to pool: it has %s", kind,
                                  names.length > 0 ? buf_string(&names) : "none");
    buf_done(&names);
    return s;
}

static enum status set_pooled(struct lesson *t, const struct train_options *options, struct err *err)
{
    const struct dataset *d = t->dataset;
    for (size_t i = 0; i < options->n_pooled; i++) {
        size_t k = 0;
        while (k < d->n_histories && strcmp(d->histories[k].name, options->pooled[i]) != 0)
            k++;
        if (k == d->n_histories)
            return no_history(d, options->pooled[i], err);
        t->pooled |= (uint32_t)1 << k;
    }
    return STATUS_OK;
}

/* Leaves out the rows that count for no head; returns how many stay. */
static size_t drop_unkept(const struct lesson *t, uint32_t *rows, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        double weight = 0.0;
        for (size_t h = 0; h < t->targets.n; h++)
            weight += targets_weight(&t->targets, rows[i], t->dataset->row_labels[rows[i]], h);
        if (weight > 0.0)
            rows[kept++] = rows[i];
    }
    return kept;
}

static enum status sample_negatives(struct lesson *t, struct err *err)
{
    if (!t->targets.weighted)
        return STATUS_OK;
    t->fit.n = drop_unkept(t, t->fit.rows, t->fit.n);
    t->all.n = drop_unkept(t, t->all.rows, t->all.n);
    return t->fit.n > 0 ? STATUS_OK
                        : err_set(err, STATUS_INVALID, "the shares of negatives leave no impressions to learn from");
}

/* Importances are scaled so that a positive row weighs 1 on average. */
static void scale_importances(struct lesson *t)
{
    double sum = 0.0, n = 0.0;
    for (size_t i = 0; i < t->all.n; i++) {
        const uint32_t logged = t->dataset->row_labels[t->all.rows[i]];
        if (targets_labels(&t->targets, logged) != 0) {
            sum += targets_weight(&t->targets, t->all.rows[i], logged, 0);
            n += 1.0;
        }
    }
    for (size_t head = 0; head < DATASET_MAX_HEADS && n > 0.0; head++)
        t->targets.importance[head] *= n / sum;
}

static void find_rates(struct lesson *t)
{
    double positives[DATASET_MAX_HEADS] = {0.0};
    for (size_t i = 0; i < t->all.n; i++) {
        const uint32_t labels = targets_labels(&t->targets, t->dataset->row_labels[t->all.rows[i]]);
        for (size_t h = 0; h < t->targets.n; h++)
            positives[h] += labels >> h & 1u;
    }
    for (size_t h = 0; h < t->targets.n; h++) {
        const double n = (double)t->all.n;
        t->constant[h] = positives[h] < 1.0 || positives[h] > n - 1.0;
        t->rates[h] = (positives[h] + 0.5) / (n + 1.0);
    }
    if (t->targets.binary)
        scale_importances(t);
}

enum status lesson_make(const struct dataset *dataset, const struct train_options *options, struct lesson *t,
                        struct err *err)
{
    *t = (struct lesson){.dataset = dataset};
    TRY(make_heads(t, &options->architecture, err));
    TRY(set_keep(t, options, err));
    TRY(set_pooled(t, options, err));
    TRY(split_rows(t, options, err));
    find_rates(t);
    t->whole_targets = t->targets;
    t->whole_targets.weighted = t->targets.binary;
    for (size_t h = 0; h < DATASET_MAX_HEADS; h++)
        t->whole_targets.keep[h] = 1.0;
    return sample_negatives(t, err);
}
