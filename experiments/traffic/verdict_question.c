/* verdict_question_decode of verdict.h. */
#include <math.h>
#include <string.h>

#include "base/json/json.h"
#include "experiments/traffic/verdict.h"

struct heads {
    const char *const *names;
    size_t n;
};

static enum status read_heads(const struct json_at *root, const char *key, const struct heads *heads, double *ret,
                              struct err *err)
{
    struct json_at object, item = {0};
    bool any = false;
    TRY(json_member(root, key, JSON_REQUIRED, &object, err));
    TRY(json_object(&object, err));
    while (json_next(&object, &item)) {
        size_t h = 0;
        while (h < heads->n && strcmp(heads->names[h], item.key) != 0)
            h++;
        if (h == heads->n)
            return err_set(err, STATUS_UNPROCESSABLE, "%s.%s names no known head", key, item.key);
        TRY(json_number(&item, -1e9, 1e9, &ret[h], err));
        any = any || fpclassify(ret[h]) != FP_ZERO;
    }
    return any ? STATUS_OK : json_refuse(&object, err, "is 0 for every head: at least one must not be");
}

static enum status read_question(const struct json_at *root, const struct heads *heads, struct verdict_question *ret,
                                 struct err *err)
{
    static const char *const known[] = {"candidate", "control", "equal", "values", NULL};
    TRY(json_object(root, err));
    TRY(json_only(root, known, err));
    for (size_t a = 0; a < VERDICT_WEIGHTS; a++)
        TRY(read_heads(root, known[a], heads, ret->weights[a], err));
    return read_heads(root, "values", heads, ret->values, err);
}

enum status verdict_question_decode(const char *bytes, size_t n, const char *const *heads, size_t n_heads,
                                    struct verdict_question *ret, struct err *err)
{
    struct json *json = NULL;
    struct verdict_question question = {.values = {0.0}};
    const struct heads known = {heads, n_heads};
    TRY(json_parse(bytes, n, NULL, &json, err));
    const struct json_at root = json_root(json);
    const enum status s = read_question(&root, &known, &question, err);
    json_free(json);
    if (s == STATUS_OK)
        *ret = question;
    return s;
}
