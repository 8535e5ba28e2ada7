#include <string.h>

#include "experiments/core/caps.h"
#include "experiments/store/store_internal.h"

/* caps: what the rounds that are final leave to those after them; never changed. */

enum status caps_load(struct store *store, const struct experiment *e, struct hot_round *round, struct err *err)
{
    struct db_stmt *stmt = store->sql[SQL_CAPS];
    bool row = true;
    for (size_t i = 0; i < e->plan.n_metrics; i++)
        round->cap[i] = e->plan.metrics[i].cap;
    db_bind_int(stmt, 1, e->id);
    db_bind_int(stmt, 2, round->number);
    enum status s = db_step(stmt, &row, err);
    while (s == STATUS_OK && row) {
        const int64_t metric = db_column_int(stmt, 0);
        if (metric < 0 || (size_t)metric >= e->plan.n_metrics)
            s = err_set(err, STATUS_CORRUPT, "experiment %s has a cap of metric %lld", e->name, (long long)metric);
        else
            round->cap[metric] = db_column_int(stmt, 1);
        if (s == STATUS_OK)
            s = db_step(stmt, &row, err);
    }
    db_reset(stmt);
    return s;
}

enum status caps_save(struct store *store, const struct experiment *e, const struct hot_round *round, struct err *err)
{
    struct db_stmt *stmt = store->sql[SQL_CAP_ADD];
    for (size_t i = 0; i < e->plan.n_metrics; i++) {
        const double quantile = e->plan.metrics[i].cap_quantile;
        int64_t cap = 0;
        if (!(quantile > 0.0))
            continue;
        TRY(caps_after(&round->tally, i, quantile, round->cap[i], &cap, err));
        db_bind_int(stmt, 1, round->id);
        db_bind_int(stmt, 2, (int64_t)i);
        db_bind_int(stmt, 3, cap);
        TRY(db_run(stmt, err));
    }
    return STATUS_OK;
}
