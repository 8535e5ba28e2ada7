#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/core/mem.h"
#include "experiments/http/endpoints.h"
#include "experiments/http/rank_request.h"
#include "experiments/store/definition.h"

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static enum status refuse_duplicates(const struct json_at *candidates, size_t n, const char *const *items,
                                     struct err *err)
{
    const char **sorted = mem_alloc(n, sizeof *sorted);
    if (!sorted)
        return err_no_memory(err);
    memcpy(sorted, items, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, compare_texts);
    enum status s = STATUS_OK;
    for (size_t i = 1; i < n && s == STATUS_OK; i++) {
        if (strcmp(sorted[i - 1], sorted[i]) == 0)
            s = json_refuse(candidates, err, "have \"%.128s\" twice: allowed is once", sorted[i]);
    }
    mem_free(sorted);
    return s;
}

static enum status decode_candidates(const struct json_at *root, struct rank_request *ret, struct err *err)
{
    struct json_at candidates, item = {0};
    TRY(json_member(root, "candidates", JSON_REQUIRED, &candidates, err));
    TRY(json_array(&candidates, RANK_MAX_CANDIDATES, &ret->n, err));
    if (ret->n == 0)
        return json_refuse(&candidates, err, "is empty: allowed are 1 to %d candidates", RANK_MAX_CANDIDATES);
    ret->items = mem_alloc(ret->n, sizeof *ret->items);
    if (!ret->items)
        return err_no_memory(err);
    while (json_next(&candidates, &item))
        TRY(definition_id_value(&item, &ret->items[item.index], err));
    return refuse_duplicates(&candidates, ret->n, ret->items, err);
}

/* An object of numbers and texts. */
static enum status decode_attributes(const struct json_at *root, const char *key, size_t *ret_n,
                                     struct attribute ret[RANK_MAX_CONTEXT], struct err *err)
{
    struct json_at object, item = {0};
    TRY(json_member(root, key, JSON_OPTIONAL, &object, err));
    if (!object.value)
        return STATUS_OK;
    TRY(json_object(&object, err));
    while (json_next(&object, &item)) {
        if (*ret_n == RANK_MAX_CONTEXT)
            return json_refuse(&object, err, "has more than %d entries", RANK_MAX_CONTEXT);
        struct attribute *entry = &ret[(*ret_n)++];
        *entry = (struct attribute){.name = item.key};
        if (json_string(&item, 1024, &entry->text, NULL) == STATUS_OK)
            continue;
        if (json_number(&item, -HUGE_VAL, HUGE_VAL, &entry->number, NULL) != STATUS_OK)
            return json_refuse(&item, err, "is neither a number nor a text of at most 1024 bytes");
    }
    return STATUS_OK;
}

static enum status decode_context(const struct json_at *root, struct rank_request *ret, struct err *err)
{
    struct attribute entries[RANK_MAX_CONTEXT];
    TRY(decode_attributes(root, "context", &ret->n_context, entries, err));
    for (size_t i = 0; i < ret->n_context; i++)
        ret->context[i] = (struct ranker_context){entries[i].name, entries[i].text, entries[i].number};
    return decode_attributes(root, "attributes", &ret->n_attributes, ret->attributes, err);
}

static enum status decode_ids(const struct json_at *root, struct rank_request *ret, struct err *err)
{
    struct json_at member;
    TRY(definition_id(root, "experiment", JSON_REQUIRED, &ret->experiment, err));
    TRY(definition_id(root, "unit", JSON_REQUIRED, &ret->unit, err));
    ret->user = ret->unit;
    TRY(definition_id(root, "user", JSON_OPTIONAL, &ret->user, err));
    TRY(definition_id(root, "request_id", JSON_OPTIONAL, &ret->request_id, err));
    TRY(definition_id(root, "forced_arm", JSON_OPTIONAL, &ret->forced_arm, err));
    if (ret->request_id && strncmp(ret->request_id, REQUEST_ID_PREFIX, strlen(REQUEST_ID_PREFIX)) == 0) {
        TRY(json_member(root, "request_id", JSON_REQUIRED, &member, err));
        return json_refuse(&member, err, "starts with " REQUEST_ID_PREFIX ", which ids made by the server do");
    }
    return STATUS_OK;
}

enum status rank_request_decode(const struct httpd_request *request, struct rank_request *ret, struct err *err)
{
    static const char *const MEMBERS[] = {"experiment", "unit",       "user",       "context",    "candidates",
                                          "k",          "request_id", "forced_arm", "attributes", NULL};
    int64_t k = 10;
    TRY(endpoint_parse_body(request, &ret->body, err));
    struct json_at root = json_root(ret->body);
    TRY(json_only(&root, MEMBERS, err));
    TRY(decode_ids(&root, ret, err));
    TRY(decode_context(&root, ret, err));
    TRY(decode_candidates(&root, ret, err));
    TRY(json_get_int(&root, "k", JSON_OPTIONAL, 1, RANK_MAX_CANDIDATES, &k, err));
    ret->k = (size_t)k;
    return STATUS_OK;
}

void rank_request_done(struct rank_request *in)
{
    json_free(in->body);
    mem_free(in->items);
}
