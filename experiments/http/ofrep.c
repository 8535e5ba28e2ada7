/* POST /ofrep/v1/evaluate/flags/{key} and /ofrep/v1/evaluate/flags: OpenFeature Remote Evaluation Protocol.
 *
 * An experiment is a flag; its value for a targeting key (the unit) is the weights object of the unit's arm.  For
 * clients that bring their own ranker: they fetch the weights here, rank, and post an event of type "exposure"
 * (events.c) and the engagement; metadata holds the experiment, round and arm that such events name.  Evaluating
 * records nothing, so any client may evaluate as often as it likes.
 *
 *   round open, the unit in an arm   variant = the arm,  reason SPLIT
 *   held back                        variant "holdback", reason SPLIT while a round is open, else STATIC
 *   otherwise                        variant "default",  reason STATIC
 *
 * The other texts and numbers of the context are the attributes that rules of eligibility are about.
 *
 * Errors have the protocol's own form, {"key","errorCode","errorDetails"}.  The ETag of a bulk answer is a digest of
 * its bytes.  Source: the protocol's service/openapi.yaml, 0.3. */
#include <math.h>
#include <string.h>

#include "base/core/digest.h"
#include "experiments/http/endpoints.h"
#include "experiments/store/definition.h"

enum { MAX_ATTRIBUTES = 256 };

static void write_text(struct json_writer *w, const char *key, const char *text)
{
    json_write_key(w, key);
    json_write_string(w, text);
}

/* Answers with the protocol's error; key NULL: of a bulk evaluation. */
static enum status refuse(struct httpd_request *request, int http, const char *key, const char *code,
                          const char *details, struct err *err)
{
    struct json_writer w;
    buf_clear(httpd_reply(request));
    httpd_reply_code(request, http);
    json_writer_init(&w, httpd_reply(request));
    json_write_object(&w);
    if (key != NULL)
        write_text(&w, "key", key);
    write_text(&w, "errorCode", code);
    write_text(&w, "errorDetails", details);
    json_write_object_end(&w);
    return buf_status(httpd_reply(request), err);
}

/* Who asks; texts borrowed from the body. */
struct target {
    const char *unit;
    size_t n_attributes;
    struct attribute attributes[MAX_ATTRIBUTES];
};

/* Of a context that says more than anybody looks at: what is neither a number nor a short text is nobody's attribute.
 */
static enum status read_attributes(const struct json_at *context, struct target *ret, struct err *err)
{
    struct json_at item = {0};
    while (json_next(context, &item)) {
        struct attribute x = {.name = item.key};
        if (json_string(&item, 1024, &x.text, NULL) != STATUS_OK &&
            json_number(&item, -HUGE_VAL, HUGE_VAL, &x.number, NULL) != STATUS_OK)
            continue;
        if (ret->n_attributes == MAX_ATTRIBUTES)
            return json_refuse(context, err, "has more than %d texts and numbers", MAX_ATTRIBUTES);
        ret->attributes[ret->n_attributes++] = x;
    }
    return STATUS_OK;
}

/* What is wrong with the body, as the protocol's code; NULL: nothing, and ret is set. */
static const char *read_target(const struct httpd_request *request, struct json **body, struct target *ret,
                               struct err *err)
{
    struct json_at context, unit;
    if (endpoint_parse_body(request, body, err) != STATUS_OK)
        return "PARSE_ERROR";
    const struct json_at root = json_root(*body);
    if (json_object(&root, err) != STATUS_OK ||
        json_member(&root, "context", JSON_REQUIRED, &context, err) != STATUS_OK ||
        json_object(&context, err) != STATUS_OK)
        return "INVALID_CONTEXT";
    if (json_member(&context, "targetingKey", JSON_REQUIRED, &unit, err) != STATUS_OK)
        return "TARGETING_KEY_MISSING";
    if (definition_id_value(&unit, &ret->unit, err) != STATUS_OK || read_attributes(&context, ret, err) != STATUS_OK)
        return "INVALID_CONTEXT";
    return NULL;
}

static void write_weights(struct json_writer *w, const struct view *view, size_t arm)
{
    const double *weights = view_weights(view, arm);
    json_write_key(w, "value");
    json_write_object(w);
    for (size_t h = 0; h < view->n_heads; h++) {
        json_write_key(w, view->heads[h]);
        json_write_number(w, weights[h]);
    }
    json_write_object_end(w);
}

static void write_flag(struct json_writer *w, const struct view *view, const struct target *target)
{
    struct key128 key;
    const bool may = view_eligible(view, target->n_attributes, target->attributes);
    const size_t arm = may ? view_assign(view, target->unit, &key) : ARM_NONE;
    const bool split = arm != ARM_NONE && view->open;
    json_write_object(w);
    write_text(w, "key", view->name);
    write_text(w, "reason", split ? "SPLIT" : "STATIC");
    write_text(w, "variant", view_arm_id(view, arm));
    write_weights(w, view, arm);
    json_write_key(w, "metadata");
    json_write_object(w);
    write_text(w, "experiment", view->name);
    write_text(w, "arm", view_arm_id(view, arm));
    json_write_key(w, "round");
    json_write_int(w, split ? view->number : 0);
    json_write_object_end(w);
    json_write_object_end(w);
}

static enum status evaluate_one(struct httpd_request *request, struct service *service, const struct target *target,
                                struct err *err)
{
    const char *key = httpd_param(request, "key");
    struct view *view = NULL;
    struct json_writer w;
    if (store_view(service->store, key, &view, err) != STATUS_OK)
        return refuse(request, 404, key, "FLAG_NOT_FOUND", err->text, err);
    json_writer_init(&w, httpd_reply(request));
    write_flag(&w, view, target);
    view_release(view);
    return buf_status(httpd_reply(request), err);
}

enum status endpoint_ofrep_flag(struct httpd_request *request, void *context, struct err *err)
{
    struct json *body = NULL;
    struct err why = ERR_INIT;
    struct target target = {0};
    const char *wrong = read_target(request, &body, &target, &why);
    const enum status s = wrong == NULL ? evaluate_one(request, context, &target, &why)
                                        : refuse(request, 400, httpd_param(request, "key"), wrong, why.text, err);
    json_free(body);
    return s;
}

static enum status write_all(struct httpd_request *request, struct service *service, const struct target *target,
                             struct err *err)
{
    struct json_writer w;
    json_writer_init(&w, httpd_reply(request));
    json_write_object(&w);
    json_write_key(&w, "flags");
    json_write_array(&w);
    for (size_t i = 0;; i++) {
        struct view *view = store_view_at(service->store, i);
        if (view == NULL)
            break;
        write_flag(&w, view, target);
        view_release(view);
    }
    json_write_array_end(&w);
    json_write_object_end(&w);
    return buf_status(httpd_reply(request), err);
}

/* If-None-Match is a list of tags, perhaps weak ones, or *. */
static bool knows(const char *header, const char *etag)
{
    return header != NULL && (strcmp(header, "*") == 0 || strstr(header, etag) != NULL);
}

static enum status tag(struct httpd_request *request, struct err *err)
{
    char etag[DIGEST_HEX_SIZE + 2] = "\"";
    uint8_t digest[DIGEST_SIZE];
    struct buf *reply = httpd_reply(request);
    digest_sha256(reply->data, reply->length, digest);
    digest_hex(digest, sizeof digest, etag + 1);
    memcpy(etag + DIGEST_HEX_SIZE, "\"", 2);
    TRY(httpd_reply_header(request, "ETag", etag, err));
    if (knows(httpd_header(request, "If-None-Match"), etag)) {
        buf_clear(reply);
        httpd_reply_code(request, 304);
    }
    return STATUS_OK;
}

enum status endpoint_ofrep_flags(struct httpd_request *request, void *context, struct err *err)
{
    struct json *body = NULL;
    struct err why = ERR_INIT;
    struct target target = {0};
    const char *wrong = read_target(request, &body, &target, &why);
    enum status s =
        wrong == NULL ? write_all(request, context, &target, err) : refuse(request, 400, NULL, wrong, why.text, err);
    if (s == STATUS_OK && wrong == NULL)
        s = tag(request, err);
    json_free(body);
    return s;
}
