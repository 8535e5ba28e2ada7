#include <math.h>
#include <string.h>

#include "base/core/mem.h"
#include "base/json/json_write.h"
#include "tuner/cli/trials.h"
#include "tuner/cli/view.h"

static const char *const TEXTS[] = {"purpose", "arm", "origin", "state"};
static const char *const NUMBERS[] = {"allocation", "turnover",     "units",      "requests", "impressions",
                                      "objective",  "objective_se", "model_mean", "model_sd", "feasible"};
static const char *const TIMES[] = {"started_ms", "finished_ms"};
static const char *const METRIC_PARTS[] = {"mean", "se", "effect", "effect_se"};

enum { N_METRIC_PARTS = sizeof METRIC_PARTS / sizeof METRIC_PARTS[0] };
#define COUNT(list) (sizeof(list) / sizeof(list)[0])

/* Names in the order in which they first appear; borrowed from the document. */
struct names {
    const char **list;
    size_t n, capacity;
};

struct columns {
    struct names weights, params, metrics;
};

static enum status add_name(struct names *names, const char *name, struct err *err)
{
    for (size_t i = 0; i < names->n; i++) {
        if (strcmp(names->list[i], name) == 0)
            return STATUS_OK;
    }
    if (names->n == names->capacity) {
        const size_t capacity = names->capacity == 0 ? 16 : 2 * names->capacity;
        const char **longer = mem_resize(names->list, capacity, sizeof *longer);
        if (longer == NULL)
            return err_no_memory(err);
        names->list = longer;
        names->capacity = capacity;
    }
    names->list[names->n++] = name;
    return STATUS_OK;
}

static enum status add_keys(struct names *names, const struct json_at *object, struct err *err)
{
    struct json_at item = {0};
    while (view_next(object, &item))
        TRY(add_name(names, item.key != NULL ? item.key : "", err));
    return STATUS_OK;
}

static enum status find_columns(struct columns *columns, const struct json_at *trials, struct err *err)
{
    struct json_at trial = {0};
    while (view_next(trials, &trial)) {
        const struct json_at weights = view_member(&trial, "weights"), params = view_member(&trial, "params"),
                             metrics = view_member(&trial, "metrics");
        struct json_at metric = {0};
        TRY(add_keys(&columns->weights, &weights, err));
        TRY(add_keys(&columns->params, &params, err));
        while (view_next(&metrics, &metric))
            TRY(add_name(&columns->metrics, view_text(&metric, "metric"), err));
    }
    return STATUS_OK;
}

/* A field and the comma in front of it; quoted where RFC 4180 asks for it. */
static void field(struct buf *to, const char *prefix, const char *text)
{
    buf_char(to, ',');
    const bool quote = strpbrk(text, ",\"\r\n") != NULL;
    buf_text(to, quote ? "\"" : "");
    buf_text(to, prefix);
    for (; *text != '\0'; text++) {
        if (*text == '"')
            buf_char(to, '"');
        buf_char(to, *text);
    }
    buf_text(to, quote ? "\"" : "");
}

static void number_field(struct buf *to, double x)
{
    buf_char(to, ',');
    if (!isfinite(x))
        return;
    struct json_writer w;
    json_writer_init(&w, to);
    json_write_number(&w, x);
}

static void name_fields(struct buf *to, const char *prefix, const struct names *names)
{
    for (size_t i = 0; i < names->n; i++)
        field(to, prefix, names->list[i]);
}

static void header(struct buf *to, const struct columns *columns, bool canonical)
{
    static const char *const PREFIXES[N_METRIC_PARTS] = {"mean:", "se:", "effect:", "effect_se:"};
    buf_text(to, "trial,round");
    for (size_t i = 0; i < COUNT(TEXTS); i++)
        field(to, "", TEXTS[i]);
    for (size_t i = 0; i < COUNT(NUMBERS); i++)
        field(to, "", NUMBERS[i]);
    name_fields(to, "weight:", &columns->weights);
    name_fields(to, "param:", &columns->params);
    for (size_t m = 0; m < columns->metrics.n; m++) {
        for (size_t i = 0; i < N_METRIC_PARTS; i++)
            field(to, PREFIXES[i], columns->metrics.list[m]);
    }
    for (size_t i = 0; i < COUNT(TIMES) && !canonical; i++)
        field(to, "", TIMES[i]);
    if (!canonical)
        field(to, "", "results_digest");
    buf_text(to, "\r\n");
}

static struct json_at metric_of(const struct json_at *metrics, const char *name)
{
    struct json_at item = {0};
    while (view_next(metrics, &item)) {
        if (strcmp(view_text(&item, "metric"), name) == 0)
            return item;
    }
    return (struct json_at){0};
}

static void row(struct buf *to, const struct columns *columns, const struct json_at *trial, bool canonical)
{
    const struct json_at weights = view_member(trial, "weights"), params = view_member(trial, "params"),
                         metrics = view_member(trial, "metrics");
    struct json_writer w;
    json_writer_init(&w, to);
    json_write_int(&w, view_int(trial, "trial", 0));
    number_field(to, view_number(trial, "round"));
    for (size_t i = 0; i < COUNT(TEXTS); i++)
        field(to, "", view_text(trial, TEXTS[i]));
    for (size_t i = 0; i < COUNT(NUMBERS); i++)
        number_field(to, view_number(trial, NUMBERS[i]));
    for (size_t i = 0; i < columns->weights.n; i++)
        number_field(to, view_number(&weights, columns->weights.list[i]));
    for (size_t i = 0; i < columns->params.n; i++)
        number_field(to, view_number(&params, columns->params.list[i]));
    for (size_t m = 0; m < columns->metrics.n; m++) {
        const struct json_at metric = metric_of(&metrics, columns->metrics.list[m]);
        for (size_t i = 0; i < N_METRIC_PARTS; i++)
            number_field(to, view_number(&metric, METRIC_PARTS[i]));
    }
    for (size_t i = 0; i < COUNT(TIMES) && !canonical; i++)
        number_field(to, view_number(trial, TIMES[i]));
    if (!canonical)
        field(to, "", view_text(trial, "results_digest"));
    buf_text(to, "\r\n");
}

enum status trials_csv(struct buf *to, const struct json_at *root, bool canonical, struct err *err)
{
    const struct json_at trials = view_member(root, "trials");
    struct columns columns = {0};
    struct json_at trial = {0};
    enum status s = find_columns(&columns, &trials, err);
    if (s == STATUS_OK) {
        header(to, &columns, canonical);
        while (view_next(&trials, &trial))
            row(to, &columns, &trial, canonical);
        s = buf_status(to, err);
    }
    mem_free(columns.weights.list);
    mem_free(columns.params.list);
    mem_free(columns.metrics.list);
    return s;
}
