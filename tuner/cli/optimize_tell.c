#include <math.h>
#include <string.h>

#include "base/core/mem.h"
#include "tuner/cli/optimize_session.h"

/* A tell being read: what optimizer_round wants, plus the natural coordinates. */
struct tell {
    size_t n, n_outcomes;
    double *natural, *x, *y, *cov;
    bool *failed;
    bool has_cov[OPTIMIZER_MAX_OUTCOMES];
};

static void tell_done(struct tell *t)
{
    mem_free(t->natural);
    mem_free(t->x);
    mem_free(t->y);
    mem_free(t->cov);
    mem_free(t->failed);
}

static enum status tell_init(struct tell *t, size_t n, size_t dim, size_t n_outcomes, struct err *err)
{
    t->n = n;
    t->n_outcomes = n_outcomes;
    t->natural = mem_alloc(n * dim, sizeof *t->natural);
    t->x = mem_alloc(n * dim, sizeof *t->x);
    t->y = mem_alloc(n * n_outcomes, sizeof *t->y);
    t->cov = mem_alloc(n * n * n_outcomes, sizeof *t->cov);
    t->failed = mem_alloc(n, sizeof *t->failed);
    if (t->natural == NULL || t->x == NULL || t->y == NULL || t->cov == NULL || t->failed == NULL)
        return err_no_memory(err);
    return STATUS_OK;
}

/* {"y":..,"se":..} of outcome k of result i. */
static enum status read_value(const struct json_at *at, struct tell *t, size_t k, size_t i, double sign,
                              struct err *err)
{
    double y = 0.0, se = 0.0;
    struct json_at se_at;
    TRY(json_get_number(at, "y", JSON_REQUIRED, -OPTIMIZE_ANY, OPTIMIZE_ANY, &y, err));
    TRY(json_member(at, "se", JSON_OPTIONAL, &se_at, err));
    const bool given = se_at.value != NULL && !json_is_null(&se_at);
    if (given && t->has_cov[k])
        return json_refuse(&se_at, err, "stands beside a covariance: only one of them is allowed");
    if (given)
        TRY(json_number(&se_at, 0.0, 1e50, &se, err));
    t->y[k * t->n + i] = sign * y;
    if (!t->has_cov[k])
        t->cov[(k * t->n + i) * t->n + i] = se > 0.0 ? se * se : nan("");
    return STATUS_OK;
}

static enum status read_constraints(const struct optimize_session *s, const struct json_at *result, struct tell *t,
                                    size_t i, struct err *err)
{
    static const char *const KNOWN[] = {"y", "se", NULL};
    struct json_at list, item = {0};
    TRY(json_member(result, "constraints", s->n_constraints > 0 ? JSON_REQUIRED : JSON_OPTIONAL, &list, err));
    if (list.value == NULL)
        return STATUS_OK;
    TRY(optimize_count(&list, s->n_constraints, err));
    while (json_next(&list, &item)) {
        TRY(json_only(&item, KNOWN, err));
        TRY(read_value(&item, t, 1 + item.index, i, s->constraint_sign, err));
    }
    return STATUS_OK;
}

static enum status read_result(const struct optimize_session *s, const struct json_at *result, struct tell *t,
                               struct err *err)
{
    static const char *const KNOWN[] = {"x", "y", "se", "constraints", "failed", NULL};
    const size_t i = result->index;
    struct json_at x;
    TRY(json_object(result, err));
    TRY(json_only(result, KNOWN, err));
    TRY(json_member(result, "x", JSON_REQUIRED, &x, err));
    TRY(optimize_point(&x, s, t->natural + i * s->dim, t->x + i * s->dim, err));
    TRY(json_get_bool(result, "failed", JSON_OPTIONAL, &t->failed[i], err));
    if (t->failed[i])
        return STATUS_OK;
    TRY(read_value(result, t, 0, i, s->sign, err));
    return read_constraints(s, result, t, i, err);
}

/* An n x n matrix; its sign is that of y times itself: none. */
static enum status read_matrix(const struct json_at *at, struct tell *t, size_t k, struct err *err)
{
    struct json_at row = {0};
    TRY(optimize_count(at, t->n, err));
    while (json_next(at, &row)) {
        size_t n;
        TRY(optimize_count(&row, t->n, err));
        TRY(json_numbers(&row, -OPTIMIZE_ANY, OPTIMIZE_ANY, t->n, t->cov + (k * t->n + row.index) * t->n, &n, err));
    }
    t->has_cov[k] = true;
    return STATUS_OK;
}

static enum status read_covariances(const struct optimize_session *s, const struct json_at *root, struct tell *t,
                                    struct err *err)
{
    struct json_at cov, list, item = {0};
    TRY(json_member(root, "cov", JSON_OPTIONAL, &cov, err));
    if (cov.value != NULL)
        TRY(read_matrix(&cov, t, 0, err));
    TRY(json_member(root, "constraints_cov", JSON_OPTIONAL, &list, err));
    if (list.value == NULL)
        return STATUS_OK;
    TRY(optimize_count(&list, s->n_constraints, err));
    while (json_next(&list, &item))
        TRY(read_matrix(&item, t, 1 + item.index, err));
    return STATUS_OK;
}

/* Scripts round what they were asked to try: a millionth of the range is still the same point. */
static bool is_point(const struct optimize_session *s, const double *natural, const double *cube)
{
    double other[OPTIMIZER_MAX_DIM];
    if (space_encode(s->dim, s->space, natural, other, NULL) != STATUS_OK)
        return false;
    for (size_t k = 0; k < s->dim; k++) {
        if (fabs(other[k] - cube[k]) > 1e-6)
            return false;
    }
    return true;
}

static void no_longer_pending(struct optimize_session *s, const double *cube)
{
    for (size_t i = 0; i < s->n_pending; i++) {
        if (!is_point(s, s->pending + i * s->dim, cube))
            continue;
        memmove(s->pending + i * s->dim, s->pending + (i + 1) * s->dim,
                (s->n_pending - i - 1) * s->dim * sizeof *s->pending);
        s->n_pending--;
        return;
    }
}

static enum status read_tell(const struct optimize_session *s, const struct json_at *root, const struct json_at *list,
                             struct tell *t, struct err *err)
{
    struct json_at item = {0};
    TRY(read_covariances(s, root, t, err));
    while (json_next(list, &item))
        TRY(read_result(s, &item, t, err));
    return STATUS_OK;
}

enum status optimize_tell(struct optimize_session *session, const struct json_at *root, struct json_writer *w,
                          struct err *err)
{
    static const char *const KNOWN[] = {"op", "results", "cov", "constraints_cov", NULL};
    struct json_at list;
    struct tell t = {0};
    size_t n;
    TRY(json_only(root, KNOWN, err));
    TRY(json_member(root, "results", JSON_REQUIRED, &list, err));
    TRY(json_array(&list, OPTIMIZER_MAX_POINTS, &n, err));
    if (n == 0)
        return json_refuse(&list, err, "is empty: at least one result is expected");
    enum status s = tell_init(&t, n, session->dim, 1 + session->n_constraints, err);
    if (s == STATUS_OK)
        s = read_tell(session, root, &list, &t, err);
    if (s == STATUS_OK) {
        const struct optimizer_round round = {n, t.x, t.y, t.cov, t.failed};
        s = optimizer_tell(session->optimizer, &round, err);
    }
    for (size_t i = 0; i < n && s == STATUS_OK; i++)
        no_longer_pending(session, t.x + i * session->dim);
    tell_done(&t);
    if (s == STATUS_OK) {
        json_write_key(w, "ok");
        json_write_bool(w, true);
    }
    return s;
}
