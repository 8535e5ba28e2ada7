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
    {"POST", "/v1/experiments/{exp}/preview", endpoint_preview, 128 * KB, "*"},
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

void service_init(struct service *service, struct store *store)
{
    *service = (struct service){.store = store};
    pthread_mutex_init(&service->scorer_mutex, NULL);
    pthread_mutex_init(&service->units_mutex, NULL);
    preview_samples_init(&service->preview_samples);
    preview_worker_init(&service->preview_worker);
}

void service_done(struct service *service)
{
    if (!service->store)
        return;
    preview_worker_done(&service->preview_worker);
    preview_samples_done(&service->preview_samples);
    scorer_release(service->scorer);
    pthread_mutex_destroy(&service->scorer_mutex);
    pthread_mutex_destroy(&service->units_mutex);
    service->store = NULL;
}

static struct scorer *take(struct service *service, struct scorer *const *from)
{
    pthread_mutex_lock(&service->scorer_mutex);
    struct scorer *scorer = *from ? scorer_keep(*from) : NULL;
    pthread_mutex_unlock(&service->scorer_mutex);
    return scorer;
}

struct scorer *service_scorer(struct service *service)
{
    return take(service, &service->scorer);
}

static enum status check_heads(const struct scorer *scorer, const struct experiment_plan *plan, struct err *err)
{
    size_t head = 0, used = 0;
    for (size_t h = 0; h < plan->n_heads; h++) {
        if (scorer_find_head(scorer, plan->heads[h], &head))
            continue;
        char known[400] = "";
        for (size_t i = 0; i < scorer_n_heads(scorer) && used < sizeof known; i++)
            used += (size_t)snprintf(known + used, sizeof known - used, "%s%s", i ? ", " : "",
                                     scorer->type->head_name(scorer->model, i));
        return err_set(err, STATUS_UNPROCESSABLE, "heads[%zu] is \"%s\", which the model lacks: its heads are %s", h,
                       plan->heads[h], known);
    }
    return STATUS_OK;
}

/* By the model that serves and, between its check and its taking over, by the next. */
enum status endpoint_check_heads(struct service *service, const struct experiment_plan *plan, struct err *err)
{
    struct scorer *const *const SLOTS[] = {&service->scorer, &service->next};
    enum status s = STATUS_OK;
    for (size_t i = 0; i < 2 && s == STATUS_OK; i++) {
        struct scorer *scorer = take(service, SLOTS[i]);
        if (scorer)
            s = check_heads(scorer, plan, err);
        scorer_release(scorer);
    }
    return s;
}

struct swap {
    struct service *service;
    struct scorer *scorer;
    struct err err; /* of the first experiment that the model does not fit */
};

static void check_experiment(void *context, const struct experiment_info *info)
{
    struct swap *swap = context;
    if (swap->err.status != STATUS_OK)
        return;
    swap->err.status = check_heads(swap->scorer, info->plan, &swap->err);
    if (swap->err.status != STATUS_OK)
        err_wrap(&swap->err, swap->err.status, "experiment %s", info->name);
}

static enum status swap_run(struct store *store, void *context, struct err *err)
{
    struct swap *swap = context;
    TRY(store_experiments(store, NULL, check_experiment, swap, err));
    if (swap->err.status != STATUS_OK)
        return err_set(err, swap->err.status, "%s", swap->err.text);
    TRY(store_set_model(store, scorer_hash(swap->scorer), err));
    pthread_mutex_lock(&swap->service->scorer_mutex);
    swap->service->next = swap->scorer;
    pthread_mutex_unlock(&swap->service->scorer_mutex);
    return STATUS_OK;
}

enum status service_swap(struct service *service, struct scorer *scorer, struct err *err)
{
    struct swap swap = {service, scorer, ERR_INIT};
    struct scorer *over = scorer;
    const enum status s = store_run(service->store, swap_run, &swap, err);
    pthread_mutex_lock(&service->scorer_mutex);
    service->next = NULL;
    if (s == STATUS_OK) {
        over = service->scorer;
        service->scorer = scorer;
        preview_forget(&service->preview_samples);
    }
    pthread_mutex_unlock(&service->scorer_mutex);
    scorer_release(over);
    return s;
}
