#include "base/json/json.h"
#include "tuner/http/handlers.h"

/* The body of an action: nothing, or an object with at most `trial`. */
static enum status read_body(const struct httpd_request *request, bool may_name_trial, int64_t *ret_trial,
                             struct err *err)
{
    static const char *const NOTHING[] = {NULL}, *const TRIAL[] = {"trial", NULL};
    struct json *json = NULL;
    size_t n = 0;
    const char *body = httpd_body(request, &n);
    if (n == 0)
        return STATUS_OK;
    TRY(json_parse(body, n, NULL, &json, err));
    struct json_at root = json_root(json);
    enum status s = json_object(&root, err);
    if (s == STATUS_OK)
        s = json_only(&root, may_name_trial ? TRIAL : NOTHING, err);
    if (s == STATUS_OK)
        s = json_get_int(&root, "trial", JSON_OPTIONAL, 1, INT64_MAX, ret_trial, err);
    json_free(json);
    return s;
}

static enum status act(struct httpd_request *request, struct tuner_http *http, enum tuner_kind kind, struct err *err)
{
    struct tuner_request action = {.kind = kind};
    TRY(path_number(request, "id", &action.campaign, err));
    TRY(read_body(request, kind == TUNER_PROMOTE, &action.trial, err));
    return submit(request, http, &action, err);
}

/* POST /v1/campaigns/{id}/pause */
enum status handle_pause(struct httpd_request *request, void *context, struct err *err)
{
    return act(request, context, TUNER_PAUSE, err);
}

/* POST /v1/campaigns/{id}/resume */
enum status handle_resume(struct httpd_request *request, void *context, struct err *err)
{
    return act(request, context, TUNER_RESUME, err);
}

/* POST /v1/campaigns/{id}/cancel */
enum status handle_cancel(struct httpd_request *request, void *context, struct err *err)
{
    return act(request, context, TUNER_CANCEL, err);
}

/* POST /v1/campaigns/{id}/promote {"trial":N} */
enum status handle_promote(struct httpd_request *request, void *context, struct err *err)
{
    return act(request, context, TUNER_PROMOTE, err);
}
