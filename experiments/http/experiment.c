/* PUT and GET /v1/experiments/{exp}, GET /v1/experiments */
#include "base/json/json.h"
#include "experiments/http/endpoints.h"
#include "experiments/store/definition.h"

static void write_head_stats(struct json_writer *w, const struct scorer *scorer, const struct experiment_plan *plan)
{
    json_write_key(w, "head_stats");
    json_write_object(w);
    for (size_t h = 0; h < plan->n_heads; h++) {
        size_t head = 0;
        if (!scorer_find_head(scorer, plan->heads[h], &head))
            continue;
        json_write_key(w, plan->heads[h]);
        json_write_object(w);
        json_write_key(w, "mean");
        json_write_number(w, scorer->type->head_mean(scorer->model, head));
        json_write_key(w, "sd");
        json_write_number(w, scorer->type->head_sd(scorer->model, head));
        json_write_object_end(w);
    }
    json_write_object_end(w);
}

static void write_round(struct json_writer *w, const struct experiment_info *info)
{
    struct json_at end;
    json_write_object(w);
    json_write_key_int(w, "round", info->round);
    json_write_key_text(w, "purpose", info->round_plan->purpose);
    json_write_key_text(w, "state", info->round_state);
    json_write_key_text(w, "campaign", info->round_plan->campaign);
    json_write_key_int(w, "opened_ms", info->opened_ms);
    json_write_key(w, "arms");
    json_write_array(w);
    for (size_t a = 0; a < info->round_plan->n_arms; a++)
        json_write_string(w, info->round_plan->arms[a].id);
    json_write_array_end(w);
    if (json_member(&info->round_body, "end", JSON_OPTIONAL, &end, NULL) == STATUS_OK && end.value) {
        json_write_key(w, "end");
        json_write_value(w, &end);
    }
    json_write_key_int(w, "units", info->units);
    json_write_object_end(w);
}

struct writing {
    struct json_writer *w;
    struct store *store;
    const struct scorer *scorer; /* the one that serves */
};

static void write_experiment(void *context, const struct experiment_info *info)
{
    struct writing *writing = context;
    struct json_writer *w = writing->w;
    const struct scorer *scorer = writing->scorer;
    struct json_at item = {0};
    json_write_object(w);
    json_write_key_text(w, "experiment", info->name);
    while (json_next(&info->body, &item)) {
        json_write_key(w, item.key);
        json_write_value(w, &item);
    }
    json_write_key_int(w, "now_ms", store_now_ms(writing->store));
    json_write_key_text(w, "model_hash", scorer_hash(scorer));
    write_head_stats(w, scorer, info->plan);
    json_write_key(w, "default");
    json_write_object(w);
    json_write_key_int(w, "version", info->default_version);
    json_write_key(w, "weights");
    definition_write_weights(w, info->plan, info->default_weights);
    json_write_object_end(w);
    json_write_key_int(w, "next_round", info->next_round);
    json_write_key(w, "open_round");
    if (info->round > 0)
        write_round(w, info);
    else
        json_write_null(w);
    json_write_object_end(w);
}

/* One experiment, or all when name is NULL. */
static enum status write_experiments(struct store *store, struct call *call, const char *name, struct json_writer *w,
                                     struct err *err)
{
    struct scorer *scorer = service_scorer(call->service);
    struct writing writing = {w, store, scorer};
    enum status s = store_experiments(store, name, write_experiment, &writing, err);
    scorer_release(scorer);
    return s;
}

static enum status get_run(struct store *store, struct call *call, struct err *err)
{
    struct json_writer w;
    json_writer_init(&w, httpd_reply(call->request));
    return write_experiments(store, call, call->experiment, &w, err);
}

enum status endpoint_experiment_get(struct httpd_request *request, void *context, struct err *err)
{
    return call_start(request, context, get_run, err);
}

static enum status list_run(struct store *store, struct call *call, struct err *err)
{
    struct json_writer w;
    json_writer_init(&w, httpd_reply(call->request));
    json_write_object(&w);
    json_write_key(&w, "experiments");
    json_write_array(&w);
    TRY(write_experiments(store, call, NULL, &w, err));
    json_write_array_end(&w);
    json_write_object_end(&w);
    return STATUS_OK;
}

enum status endpoint_experiment_list(struct httpd_request *request, void *context, struct err *err)
{
    return call_start(request, context, list_run, err);
}

static enum status put_run(struct store *store, struct call *call, struct err *err)
{
    struct experiment_plan plan;
    bool is_new = false;
    struct json_at root;
    TRY(call_body(call, &root, err));
    TRY(definition_experiment(&root, &plan, err));
    TRY(endpoint_check_heads(call->service, &plan, err));
    TRY(store_experiment_put(store, call->experiment, &root, &is_new, err));
    if (is_new)
        httpd_reply_code(call->request, 201);
    return get_run(store, call, err);
}

enum status endpoint_experiment_put(struct httpd_request *request, void *context, struct err *err)
{
    return call_start(request, context, put_run, err);
}
