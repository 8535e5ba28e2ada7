#include "experiments/http/service.h"

#include <stdio.h>

#include "experiments/http/endpoints.h"

enum { KB = 1024, MB = 1024 * 1024 };

/* A body of the largest legal request fits; the decoders check the rest. */
const struct httpd_route SERVICE_ROUTES[] = {
    {"POST", "/v1/rank", endpoint_rank, 512 * KB, "serve"},
    {"POST", "/v1/events", endpoint_events, 2 * MB, "events"},
    {"GET", "/v1/experiments", endpoint_experiment_list, 0, "*"},
    {"PUT", "/v1/experiments/{exp}", endpoint_experiment_put, 64 * KB, "control"},
    {"GET", "/v1/experiments/{exp}", endpoint_experiment_get, 0, "*"},
    {"PUT", "/v1/experiments/{exp}/rounds/{n}", endpoint_round_put, 512 * KB, "control"},
    {"POST", "/v1/experiments/{exp}/rounds/{n}/stop", endpoint_round_stop, 4 * KB, "control"},
    {"POST", "/v1/experiments/{exp}/rounds/{n}/arms/{arm}/stop", endpoint_arm_stop, 4 * KB, "control"},
    {"GET", "/v1/experiments/{exp}/rounds/{n}/results", endpoint_results, 0, "*"},
    {"POST", "/v1/experiments/{exp}/covariates", endpoint_covariates, 2 * MB, "events"},
    {"PUT", "/v1/experiments/{exp}/default", endpoint_default_put, 16 * KB, "control"},
    {"GET", "/v1/experiments/{exp}/default/history", endpoint_default_history, 0, "*"},
    {"POST", "/ofrep/v1/evaluate/flags/{key}", endpoint_ofrep_flag, 64 * KB, "serve"},
    {"POST", "/ofrep/v1/evaluate/flags", endpoint_ofrep_flags, 64 * KB, "serve"},
    {"DELETE", "/v1/units/{unit}", endpoint_unit_delete, 0, "control"},
    {"GET", "/v1/clock", endpoint_clock_get, 0, "*"},
    {"PUT", "/v1/clock", endpoint_clock_put, 4 * KB, "control"},
    {"GET", "/healthz", endpoint_healthz, 0, NULL},
    {"GET", "/readyz", endpoint_readyz, 0, NULL},
    {"GET", "/metrics", endpoint_metrics, 0, "*"},
    {"GET", "/openapi.yaml", endpoint_openapi, 0, NULL},
    {NULL, NULL, NULL, 0, NULL},
};

enum status service_init(struct service *service, struct store *store, const struct scorer *scorer, struct err *err)
{
    size_t n = scorer->type->n_heads(scorer->model);
    *service = (struct service){.store = store, .scorer = *scorer};
    if (n < 1 || n > SCORER_MAX_HEADS)
        return err_set(err, STATUS_UNPROCESSABLE, "the model has %zu heads: allowed are 1 to %d", n, SCORER_MAX_HEADS);
    TRY(scratch_pool_new(scorer, &service->scratches, err));
    pthread_mutex_init(&service->units_mutex, NULL);
    return STATUS_OK;
}

void service_done(struct service *service)
{
    if (!service->scratches)
        return;
    scratch_pool_free(service->scratches);
    pthread_mutex_destroy(&service->units_mutex);
    service->scratches = NULL;
}

enum status endpoint_check_heads(const struct service *service, const struct experiment_plan *plan, struct err *err)
{
    const struct scorer *scorer = &service->scorer;
    size_t head = 0, used = 0, n_heads = scorer->type->n_heads(scorer->model);
    for (size_t h = 0; h < plan->n_heads; h++) {
        if (scorer_find_head(scorer, plan->heads[h], &head))
            continue;
        char known[400] = "";
        for (size_t i = 0; i < n_heads && used < sizeof known; i++)
            used += (size_t)snprintf(known + used, sizeof known - used, "%s%s", i ? ", " : "",
                                     scorer->type->head_name(scorer->model, i));
        return err_set(err, STATUS_UNPROCESSABLE, "heads[%zu] is \"%s\", which the model lacks: its heads are %s", h,
                       plan->heads[h], known);
    }
    return STATUS_OK;
}

struct head_check {
    struct service *service;
    struct err err;
};

static void check_experiment(void *context, const struct experiment_info *info)
{
    struct head_check *check = context;
    if (check->err.status != STATUS_OK)
        return;
    check->err.status = endpoint_check_heads(check->service, info->plan, &check->err);
    if (check->err.status != STATUS_OK)
        err_wrap(&check->err, check->err.status, "experiment %s", info->name);
}

static enum status check_run(struct store *store, void *context, struct err *err)
{
    return store_experiments(store, NULL, check_experiment, context, err);
}

enum status service_check_heads(struct service *service, struct err *err)
{
    struct head_check check = {service, ERR_INIT};
    TRY(store_run(service->store, check_run, &check, err));
    if (check.err.status != STATUS_OK && err)
        *err = check.err;
    return check.err.status;
}
