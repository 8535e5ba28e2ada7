#include <math.h>
#include <stdio.h>

#include "base/core/mem.h"
#include "base/json/json_write.h"
#include "experiments/http/rank_request.h"

enum status rank_score(const struct rank_request *in, struct scorer *scorer, struct rank_scores *ret, struct err *err)
{
    ret->n_heads = scorer_n_heads(scorer);
    ret->p = mem_alloc(in->n * ret->n_heads, sizeof *ret->p);
    ret->order = mem_alloc(in->n, sizeof *ret->order);
    if (!ret->p || !ret->order)
        return err_no_memory(err);
    return scorer_score(scorer, in->user, in->context, in->n_context, in->n, in->items, ret->p, err);
}

void rank_scores_done(struct rank_scores *scores)
{
    mem_free(scores->p);
    mem_free(scores->order);
}

/* Nine digits: all that a float holds, at a third of the cost of finding the shortest text. */
static void write_short(struct json_writer *w, double x)
{
    char text[32];
    snprintf(text, sizeof text, "%.9g", x);
    json_write_raw(w, isfinite(x) ? text : "null");
}

/* The experiment's heads inside the model. */
struct heads {
    size_t at[PLAN_MAX_HEADS];
    double weights[SCORER_MAX_HEADS]; /* by head of the model */
};

static enum status find_heads(const struct scorer *scorer, const struct view *view, size_t arm, struct heads *ret,
                              struct err *err)
{
    const double *weights = view_weights(view, arm);
    *ret = (struct heads){0};
    for (size_t h = 0; h < view->n_heads; h++) {
        if (!scorer_find_head(scorer, view->heads[h], &ret->at[h]))
            return err_set(err, STATUS_UNAVAILABLE, "head %s of experiment %s is not in the model that serves now",
                           view->heads[h], view->name);
        ret->weights[ret->at[h]] = weights[h];
    }
    return STATUS_OK;
}

static void write_item(struct json_writer *w, const char *id, double utility, const struct view *view,
                       const struct heads *heads, const float *p)
{
    json_write_object(w);
    json_write_key(w, "id");
    json_write_string(w, id);
    json_write_key(w, "utility");
    write_short(w, utility);
    json_write_key(w, "p");
    json_write_object(w);
    for (size_t h = 0; h < view->n_heads; h++) {
        json_write_key(w, view->heads[h]);
        write_short(w, (double)p[heads->at[h]]);
    }
    json_write_object_end(w);
    json_write_object_end(w);
}

enum status rank_write_reply(const struct rank_request *in, const struct rank_scores *scores,
                             const struct scorer *scorer, const struct view *view, size_t arm, const char *request_id,
                             struct buf *reply, size_t *ret_n, struct err *err)
{
    struct json_writer w;
    struct heads heads;
    TRY(find_heads(scorer, view, arm, &heads, err));
    const size_t n = *ret_n =
        utility_top(in->n, scores->n_heads, heads.weights, scores->p, in->items, in->k, scores->order);
    json_writer_init(&w, reply);
    json_write_object(&w);
    json_write_key(&w, "request_id");
    json_write_string(&w, request_id);
    json_write_key(&w, "round");
    if (view->open)
        json_write_int(&w, view->number);
    else
        json_write_null(&w);
    json_write_key(&w, "arm");
    json_write_string(&w, view_arm_id(view, arm));
    if (in->forced_arm) {
        json_write_key(&w, "forced");
        json_write_bool(&w, true);
    }
    json_write_key(&w, "items");
    json_write_array(&w);
    for (size_t i = 0; i < n; i++) {
        const struct utility_entry *e = &scores->order[i];
        write_item(&w, in->items[e->index], e->utility, view, &heads, scores->p + e->index * scores->n_heads);
    }
    json_write_array_end(&w);
    json_write_object_end(&w);
    return buf_status(reply, err);
}
