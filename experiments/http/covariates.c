/* POST /v1/experiments/{exp}/covariates */
#include <math.h>

#include "base/json/json.h"
#include "base/stats/moments.h"
#include "experiments/http/endpoints.h"
#include "experiments/store/definition.h"

enum { MAX_UNITS = 1000 };

static enum status put_unit(struct store *store, const struct call *call, const struct json_at *at,
                            int64_t *ret_from_round, struct err *err)
{
    static const char *const MEMBERS[] = {"unit", "values", NULL};
    struct store_covariate x;
    struct json_at values, item = {0};
    TRY(json_only(at, MEMBERS, err));
    TRY(definition_id(at, "unit", JSON_REQUIRED, &x.unit, err));
    TRY(json_member(at, "values", JSON_REQUIRED, &values, err));
    TRY(json_object(&values, err));
    while (json_next(&values, &item)) {
        double value = 0;
        TRY(json_number(&item, -(double)MOMENTS_LIMIT / MOMENTS_SCALE, (double)MOMENTS_LIMIT / MOMENTS_SCALE, &value,
                        err));
        x.metric = item.key;
        x.value = llround(value * MOMENTS_SCALE);
        TRY(store_covariate_put(store, call->experiment, &x, ret_from_round, err));
    }
    return item.value ? STATUS_OK : json_refuse(&values, err, "is empty: allowed are values by metric");
}

static enum status covariates_run(struct store *store, struct call *call, struct err *err)
{
    static const char *const MEMBERS[] = {"covariates", NULL};
    struct json_at root, units, item = {0};
    struct json_writer w;
    size_t n = 0;
    int64_t from_round = 0;
    TRY(call_body(call, &root, err));
    TRY(json_only(&root, MEMBERS, err));
    TRY(json_member(&root, "covariates", JSON_REQUIRED, &units, err));
    TRY(json_array(&units, MAX_UNITS, &n, err));
    if (n == 0)
        return json_refuse(&units, err, "is empty: allowed are 1 to %d units", MAX_UNITS);
    while (json_next(&units, &item))
        TRY(put_unit(store, call, &item, &from_round, err));
    json_writer_init(&w, httpd_reply(call->request));
    json_write_object(&w);
    json_write_key(&w, "accepted");
    json_write_int(&w, (int64_t)n);
    json_write_key(&w, "from_round");
    json_write_int(&w, from_round);
    json_write_object_end(&w);
    return STATUS_OK;
}

enum status endpoint_covariates(struct httpd_request *request, void *context, struct err *err)
{
    return call_start(request, context, covariates_run, err);
}
