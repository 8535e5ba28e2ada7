#include <string.h>

#include "experiments/store/store_internal.h"

static enum status find_metric(const struct experiment *e, const char *name, size_t *ret, struct err *err)
{
    size_t i = 0;
    while (i < e->plan.n_metrics && strcmp(e->plan.metrics[i].name, name) != 0)
        i++;
    *ret = i;
    if (i < e->plan.n_metrics)
        return STATUS_OK;
    return err_set(err, STATUS_INVALID, "\"%.80s\" is no metric of experiment %s", name, e->name);
}

/* What neither the live round nor a later one uses. */
static enum status drop_superseded(struct store *store, const struct experiment *e, const char *unit, size_t metric,
                                   struct err *err)
{
    struct db_stmt *stmt = store->sql[SQL_COVARIATE_DROP];
    db_bind_int(stmt, 1, e->id);
    db_bind_text(stmt, 2, unit);
    db_bind_int(stmt, 3, (int64_t)metric);
    db_bind_int(stmt, 4, e->round ? e->round->number : e->next_round);
    return db_run(stmt, err);
}

enum status store_covariate_put(struct store *store, const char *experiment, const struct store_covariate *x,
                                int64_t *ret_from_round, struct err *err)
{
    struct experiment *e = NULL;
    size_t metric = 0;
    char buf[UNIT_HASH_SIZE];
    TRY(store_find(store, experiment, &e, err));
    TRY(find_metric(e, x->metric, &metric, err));
    const char *name = store_unit_name(store, e, x->unit, buf);
    struct db_stmt *stmt = store->sql[SQL_COVARIATE_PUT];
    db_bind_int(stmt, 1, e->id);
    db_bind_text(stmt, 2, name);
    db_bind_int(stmt, 3, (int64_t)metric);
    db_bind_int(stmt, 4, e->next_round);
    db_bind_int(stmt, 5, x->value);
    *ret_from_round = e->next_round;
    TRY(db_run(stmt, err));
    return drop_superseded(store, e, name, metric, err);
}

enum status covariates_exist(struct store *store, const struct experiment *e, bool *ret, struct err *err)
{
    struct db_stmt *stmt = store->sql[SQL_COVARIATES_EXIST];
    db_bind_int(stmt, 1, e->id);
    enum status s = db_step(stmt, ret, err);
    db_reset(stmt);
    return s;
}

enum status covariates_load(struct store *store, const struct experiment *e, struct hot_round *round, const char *name,
                            uint32_t unit, struct err *err)
{
    if (!layout_has_covariates(&round->tally.layout))
        return STATUS_OK;
    struct db_stmt *stmt = store->sql[SQL_COVARIATES];
    int64_t x[PLAN_MAX_METRICS] = {0};
    bool row = true;
    db_bind_int(stmt, 1, e->id);
    db_bind_text(stmt, 2, name);
    db_bind_int(stmt, 3, round->number);
    enum status s = db_step(stmt, &row, err);
    /* The latest last, so that it stays. */
    for (; s == STATUS_OK && row; s = db_step(stmt, &row, err)) {
        int64_t metric = db_column_int(stmt, 0);
        if (metric >= 0 && (size_t)metric < e->plan.n_metrics)
            x[metric] = db_column_int(stmt, 1);
    }
    db_reset(stmt);
    if (s == STATUS_OK)
        tally_set_covariates(&round->tally, unit, x);
    return s;
}
