/* POST /v1/rank
 *
 *   server's thread:  decode, score every head by the model that serves, decide under the current view, compose the
 *                     reply
 *   writer's thread:  record the exposure under that very view; when the view has changed meanwhile, decide and compose
 *                     again (the scores do not depend on the arm), so a closed round never counts a late request
 *
 * A request that is served the default and that the client did not name has nothing to record and is answered at once.
 * So is one with a forced arm: to the store, and to the events that name it, it is one of the default.
 * Either may be taken into the sample of previews (preview_sample.h). */
#include <string.h>

#include "base/core/digest.h"
#include "base/core/mem.h"
#include "experiments/http/endpoints.h"
#include "experiments/http/rank_request.h"

struct rank_call {
    struct store_job job;
    struct service *service;
    struct httpd_request *request;
    struct rank_request in;
    struct rank_scores scores;
    struct scorer *scorer; /* that gave them: another model may serve meanwhile */
    struct view *view;
    struct exposure exposure;
    uint8_t body_hash[DIGEST_SIZE];
    char request_id[REQUEST_ID_SIZE];
    bool repeated;
};

static void rank_free(struct rank_call *call)
{
    rank_request_done(&call->in);
    rank_scores_done(&call->scores);
    scorer_release(call->scorer);
    view_release(call->view);
    mem_free(call);
}

/* Only client-named requests are compared.  The body holds the unit's id. */
static enum status hash_body(struct rank_call *call, struct err *err)
{
    struct buf text = BUF_INIT;
    struct json_writer w;
    struct json_at root = json_root(call->in.body);
    json_writer_init(&w, &text);
    enum status s = json_write_canonical(&w, &root, err);
    if (s == STATUS_OK && call->view->hash_units)
        digest_hmac(store_signing_key(call->service->store), REQUEST_KEY_SIZE, text.data, text.length, call->body_hash);
    else if (s == STATUS_OK)
        digest_sha256(text.data, text.length, call->body_hash);
    buf_done(&text);
    return s;
}

static void sign(struct rank_call *call)
{
    struct store *store = call->service->store;
    const struct exposure *x = &call->exposure;
    struct request_id id = {.experiment = call->view->experiment,
                            .round = call->view->number,
                            .arm = (uint8_t)x->arm,
                            .exposure_ms = x->at_ms,
                            .unit = x->key,
                            .nonce = store_nonce(store)};
    request_id_sign(&id, store_signing_key(store), call->request_id);
}

static enum status find_arm(const struct view *view, const char *name, size_t *ret, struct err *err)
{
    for (size_t a = 0; view->open && a < view->plan.n_arms; a++) {
        if (strcmp(view->plan.arms[a].id, name) == 0) {
            *ret = a;
            return STATUS_OK;
        }
    }
    return err_set(err, STATUS_NOT_FOUND, "forced_arm \"%.64s\" is in no open round of experiment %s", name,
                   view->name);
}

/* Decide under call->view and write the reply; full: a new unit, for which the store has no room. */
static enum status compose(struct rank_call *call, bool full, struct err *err)
{
    struct exposure *x = &call->exposure;
    struct buf *reply = httpd_reply(call->request);
    *x = (struct exposure){.view = call->view,
                           .unit = call->in.unit,
                           .at_ms = store_now_ms(call->service->store),
                           .model_hash = scorer_hash(call->scorer)};
    size_t shown = view_assign(call->view, x->unit, &x->key);
    if (!view_eligible(call->view, call->in.n_attributes, call->in.attributes) || (full && shown != ARM_HOLDBACK))
        shown = ARM_NONE;
    x->arm = call->view->open && !full ? shown : ARM_NONE;
    if (call->in.forced_arm) {
        TRY(find_arm(call->view, call->in.forced_arm, &shown, err));
        x->arm = ARM_NONE;
    }
    if (call->in.request_id) {
        x->request_name = call->in.request_id;
        x->body_hash = call->body_hash;
    } else {
        sign(call);
    }
    size_t items = 0;
    buf_clear(reply);
    TRY(rank_write_reply(&call->in, &call->scores, call->scorer, call->view, shown,
                         x->request_name ? x->request_name : call->request_id, reply, &items, err));
    x->items = (int64_t)items;
    x->reply = buf_string(reply);
    return STATUS_OK;
}

static enum status decide_again(struct rank_call *call, enum exposure_result *ret, struct buf *known, struct err *err)
{
    struct store *store = call->service->store;
    view_release(call->view);
    call->view = NULL;
    TRY(store_view(store, call->in.experiment, &call->view, err));
    TRY(compose(call, false, err));
    return store_expose(store, &call->exposure, ret, known, err);
}

static enum status rank_run(struct store *store, void *context, struct err *err)
{
    struct rank_call *call = context;
    enum exposure_result result = EXPOSURE_STALE;
    struct buf known = BUF_INIT;
    enum status s = store_expose(store, &call->exposure, &result, &known, err);
    if (s == STATUS_OK && result == EXPOSURE_STALE)
        s = decide_again(call, &result, &known, err);
    if (s == STATUS_OK && result == EXPOSURE_FULL) {
        s = compose(call, true, err);
        if (s == STATUS_OK)
            s = store_expose(store, &call->exposure, &result, &known, err);
    }
    if (s == STATUS_OK && result == EXPOSURE_REPEAT) {
        buf_clear(httpd_reply(call->request));
        buf_add(httpd_reply(call->request), known.data, known.length);
        call->repeated = true;
    }
    buf_done(&known);
    return s;
}

static void rank_done(void *context, enum status s, const struct err *err)
{
    struct rank_call *call = context;
    struct httpd_request *request = call->request;
    struct service *service = call->service;
    if (s == STATUS_OK)
        atomic_fetch_add(call->repeated                   ? &service->ranks_repeated
                         : call->exposure.arm == ARM_NONE ? &service->ranks_default
                                                          : &service->ranks_served,
                         1);
    rank_free(call);
    httpd_finish(request, s, err);
}

static enum status prepare(struct rank_call *call, struct err *err)
{
    TRY(rank_request_decode(call->request, &call->in, err));
    TRY(store_view(call->service->store, call->in.experiment, &call->view, err));
    if (call->in.request_id)
        TRY(hash_body(call, err));
    struct preview_samples *samples = &call->service->preview_samples;
    const uint64_t era = preview_era(samples);
    call->scorer = service_scorer(call->service);
    TRY(rank_score(&call->in, call->scorer, &call->scores, err));
    TRY(compose(call, false, err));
    preview_offer(samples, era, call->view, call->scorer, &call->in, &call->scores);
    return STATUS_OK;
}

static enum status submit(struct rank_call *call, struct err *err)
{
    httpd_defer(call->request);
    call->job = (struct store_job){.run = rank_run, .done = rank_done, .context = call, .on_commit = true};
    return store_submit(call->service->store, &call->job, err);
}

enum status endpoint_rank(struct httpd_request *request, void *context, struct err *err)
{
    struct service *service = context;
    struct rank_call *call = mem_alloc(1, sizeof *call);
    if (!call)
        return err_no_memory(err);
    call->service = service;
    call->request = request;
    enum status s = prepare(call, err);
    bool record = s == STATUS_OK && (call->exposure.arm != ARM_NONE || call->exposure.request_name);
    if (record)
        s = submit(call, err);
    else if (s == STATUS_OK)
        atomic_fetch_add(&service->ranks_default, 1);
    if (s != STATUS_OK || !record)
        rank_free(call);
    return s;
}
