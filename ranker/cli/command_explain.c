#include <stdio.h>

#include "base/core/mem.h"
#include "base/json/json_write.h"
#include "ranker/cli/commands.h"
#include "ranker/cli/pairs.h"
#include "ranker/dataset.h"
#include "ranker/ranker.h"
#include "ranker/utility.h"

static const char *weights_text, *context_text;
static bool json;

const struct opt EXPLAIN_OPTIONS[] = {
    {"weights", OPT_TEXT, &weights_text, "HEAD=W,..", "weight of each head in the utility; heads not named count 0", 0,
     0},
    {"context", OPT_TEXT, &context_text, "NAME=X,..", "what is known about the request, such as tab=1,hour=12", 0, 0},
    {"json", OPT_FLAG, &json, NULL, "print JSON", 0, 0},
    OPT_END,
};

enum { MAX_CONTEXT = 64 };

/* One request, scored. */
struct explanation {
    const struct ranker *ranker;
    const char *user;
    size_t n;                 /* candidates */
    const char *const *items; /* [n] */
    double weights[DATASET_MAX_HEADS];
    float *p;                    /* [n * heads] */
    struct utility_entry *order; /* [n] */
};

static enum status read_weights(struct explanation *e, char *text, struct err *err)
{
    const char *names[DATASET_MAX_HEADS];
    char *name, *value;
    size_t head;
    for (size_t h = 0; h < ranker_n_heads(e->ranker); h++)
        names[h] = ranker_head_name(e->ranker, h);
    while (pairs_next(&text, &name, &value)) {
        if (!ranker_head_find(e->ranker, name, &head))
            return err_set(err, STATUS_INVALID, "--weights: the model has no head %.100s", name);
        if (!pairs_number(value, &e->weights[head]))
            return err_set(err, STATUS_INVALID, "--weights: %.100s needs a number, such as %.100s=1.5", name, name);
    }
    return utility_check_weights(ranker_n_heads(e->ranker), e->weights, names, err);
}

static enum status read_context(char *text, struct ranker_context *ret, size_t *ret_n, struct err *err)
{
    char *name, *value;
    while (pairs_next(&text, &name, &value)) {
        if (value == NULL)
            return err_set(err, STATUS_INVALID, "--context: %.100s needs a value, such as %.100s=1", name, name);
        if (*ret_n == MAX_CONTEXT)
            return err_set(err, STATUS_INVALID, "--context: allowed are up to %d entries", MAX_CONTEXT);
        ret[(*ret_n)++] = (struct ranker_context){.name = name, .text = value};
    }
    return STATUS_OK;
}

static enum status score(struct explanation *e, char *context_copy, struct err *err)
{
    struct ranker_context context[MAX_CONTEXT];
    struct ranker_scratch *scratch = NULL;
    size_t n_context = 0;
    TRY(read_context(context_copy, context, &n_context, err));
    TRY(ranker_scratch_new(e->ranker, &scratch, err));
    const enum status s = ranker_score(e->ranker, scratch, e->user, context, n_context, e->n, e->items, e->p, err);
    ranker_scratch_free(scratch);
    if (s == STATUS_OK)
        (void)utility_top(e->n, ranker_n_heads(e->ranker), e->weights, e->p, e->items, e->n, e->order);
    return s;
}

static void print_text(const struct explanation *e)
{
    const size_t n_heads = ranker_n_heads(e->ranker);
    printf("user %s%s\n%4s  %-20s %12s", e->user, ranker_user_known(e->ranker, e->user) ? "" : " (unknown)", "rank",
           "item", "utility");
    for (size_t h = 0; h < n_heads; h++)
        printf("  %24.24s", ranker_head_name(e->ranker, h));
    for (size_t i = 0; i < e->n; i++) {
        const size_t at = e->order[i].index;
        printf("\n%4zu  %-20s %12.6f", i + 1, e->items[at], e->order[i].utility);
        for (size_t h = 0; h < n_heads; h++) {
            const double p = (double)e->p[at * n_heads + h];
            printf("  p %9.6f  w p %9.6f", p, e->weights[h] * p);
        }
        if (!ranker_item_known(e->ranker, e->items[at]))
            printf("  (unknown)");
    }
    putchar('\n');
}

static void write_item(struct json_writer *w, const struct explanation *e, size_t rank)
{
    const size_t n_heads = ranker_n_heads(e->ranker), at = e->order[rank].index;
    json_write_object(w);
    json_write_key(w, "rank");
    json_write_int(w, (int64_t)rank + 1);
    json_write_key(w, "item");
    json_write_string(w, e->items[at]);
    json_write_key(w, "known");
    json_write_bool(w, ranker_item_known(e->ranker, e->items[at]));
    json_write_key(w, "utility");
    json_write_number(w, e->order[rank].utility);
    json_write_key(w, "heads");
    json_write_object(w);
    for (size_t h = 0; h < n_heads; h++) {
        const double p = (double)e->p[at * n_heads + h];
        json_write_key(w, ranker_head_name(e->ranker, h));
        json_write_object(w);
        json_write_key(w, "probability");
        json_write_number(w, p);
        json_write_key(w, "contribution");
        json_write_number(w, e->weights[h] * p);
        json_write_object_end(w);
    }
    json_write_object_end(w);
    json_write_object_end(w);
}

static enum status print_json(const struct explanation *e, struct err *err)
{
    struct buf text = BUF_INIT;
    struct json_writer w;
    json_writer_init(&w, &text);
    json_write_object(&w);
    json_write_key(&w, "model_hash");
    json_write_string(&w, ranker_model_hash(e->ranker));
    json_write_key(&w, "user");
    json_write_string(&w, e->user);
    json_write_key(&w, "known");
    json_write_bool(&w, ranker_user_known(e->ranker, e->user));
    json_write_key(&w, "items");
    json_write_array(&w);
    for (size_t i = 0; i < e->n; i++)
        write_item(&w, e, i);
    json_write_array_end(&w);
    json_write_object_end(&w);
    const enum status s = buf_status(&text, err);
    if (s == STATUS_OK)
        puts(text.data);
    buf_done(&text);
    return s;
}

static enum status explain(struct explanation *e, struct err *err)
{
    char *weights_copy = mem_strdup(weights_text), *context_copy = mem_strdup(context_text != NULL ? context_text : "");
    e->p = mem_alloc(e->n * ranker_n_heads(e->ranker), sizeof *e->p);
    e->order = mem_alloc(e->n, sizeof *e->order);
    enum status s = STATUS_OK;
    if (weights_copy == NULL || context_copy == NULL || e->p == NULL || e->order == NULL)
        s = err_no_memory(err);
    if (s == STATUS_OK)
        s = read_weights(e, weights_copy, err);
    if (s == STATUS_OK)
        s = score(e, context_copy, err);
    if (s == STATUS_OK && json)
        s = print_json(e, err);
    else if (s == STATUS_OK)
        print_text(e);
    mem_free(weights_copy);
    mem_free(context_copy);
    mem_free(e->p);
    mem_free(e->order);
    return s;
}

int command_explain(int n, char **operands)
{
    struct err err = ERR_INIT;
    struct ranker *ranker = NULL;
    if (weights_text == NULL)
        return command_usage("explain: --weights HEAD=W,.. is missing");
    enum status s = ranker_open(operands[0], operands[1], &ranker, &err);
    if (s == STATUS_OK) {
        struct explanation e = {
            .ranker = ranker, .user = operands[2], .n = (size_t)n - 3, .items = (const char *const *)(operands + 3)};
        s = explain(&e, &err);
    }
    ranker_close(ranker);
    return s == STATUS_OK ? EXIT_DONE : command_failed(&err);
}
