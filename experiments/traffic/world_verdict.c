#include "experiments/traffic/world_verdict.h"

#include <math.h>
#include <string.h>

#include "base/json/json_write.h"

static const char *const WEIGHTS[VERDICT_WEIGHTS] = {"candidate", "control", "equal"};
static const double Z = 1.959964; /* of 95 % */

enum status world_verdict_compute(struct world_truth *truth, const struct world_params *params,
                                  const struct verdict_question *question, struct world_verdict *ret, struct err *err)
{
    struct world_play plays[VERDICT_WEIGHTS] = {{0}};
    enum status s = STATUS_OK;
    *ret = (struct world_verdict){.params = params, .question = *question};
    for (size_t a = 0; s == STATUS_OK && a < VERDICT_WEIGHTS; a++) {
        s = world_truth_play(truth, question->weights[a], &plays[a], err);
        memcpy(ret->sums[a], plays[a].sums, sizeof ret->sums[a]);
        ret->n_units[a] = plays[a].n_units;
    }
    for (size_t pair = 0; s == STATUS_OK && pair < VERDICT_PAIRS; pair++) {
        const enum verdict_weights *of = verdict_pair_weights((enum verdict_pair)pair);
        world_truth_effect(truth, question->values, &plays[of[0]], &plays[of[1]], &ret->effects[pair]);
    }
    for (size_t a = 0; a < VERDICT_WEIGHTS; a++)
        world_play_done(&plays[a]);
    return s;
}

static void number(struct json_writer *w, const char *key, double x)
{
    json_write_key(w, key);
    json_write_number(w, x);
}

static void write_lift(struct json_writer *w, enum verdict_pair pair, double lift, double se)
{
    json_write_key(w, verdict_pair_name(pair));
    json_write_object(w);
    number(w, "lift", lift);
    number(w, "se", se);
    number(w, "lo", lift - Z * se);
    number(w, "hi", lift + Z * se);
    json_write_object_end(w);
}

static void write_head(struct json_writer *w, const struct world_verdict *verdict, size_t h)
{
    json_write_object(w);
    json_write_key(w, "head");
    json_write_string(w, verdict->params->heads[h].name);
    number(w, "value", verdict->question.values[h]);
    for (size_t a = 0; a < VERDICT_WEIGHTS; a++) {
        const double events = verdict->sums[a][WORLD_RUN_HEADS + h];
        json_write_key(w, WEIGHTS[a]);
        json_write_object(w);
        number(w, "weight", verdict->question.weights[a][h]);
        number(w, "events", events);
        number(w, "volume", verdict->n_units[a] > 0 ? events / (double)verdict->n_units[a] : nan(""));
        json_write_object_end(w);
    }
    json_write_key(w, "volume");
    json_write_object(w);
    for (size_t pair = 0; pair < VERDICT_PAIRS; pair++)
        write_lift(w, (enum verdict_pair)pair, verdict->effects[pair].relative[WORLD_RUN_HEADS + h],
                   verdict->effects[pair].relative_se[WORLD_RUN_HEADS + h]);
    json_write_object_end(w);
    json_write_object_end(w);
}

void world_verdict_write_json(const struct world_verdict *verdict, struct buf *buf)
{
    struct json_writer w;
    json_writer_init(&w, buf);
    json_write_object(&w);
    json_write_key(&w, "world");
    json_write_string(&w, verdict->params->name);
    for (size_t a = 0; a < VERDICT_WEIGHTS; a++) {
        json_write_key(&w, WEIGHTS[a]);
        json_write_object(&w);
        number(&w, "units", (double)verdict->n_units[a]);
        number(&w, "requests", verdict->sums[a][WORLD_RUN_REQUESTS]);
        number(&w, "impressions", verdict->sums[a][WORLD_RUN_IMPRESSIONS]);
        json_write_object_end(&w);
    }
    for (size_t pair = 0; pair < VERDICT_PAIRS; pair++)
        write_lift(&w, (enum verdict_pair)pair, verdict->effects[pair].lift, verdict->effects[pair].se);
    json_write_key(&w, "heads");
    json_write_array(&w);
    for (size_t h = 0; h < verdict->params->n_heads; h++)
        write_head(&w, verdict, h);
    json_write_array_end(&w);
    json_write_object_end(&w);
    buf_char(buf, '\n');
}

static void print_lift(struct buf *buf, const char *what, double lift, double se)
{
    buf_printf(buf, "  %-18s %+7.2f %%   95 %% interval %+7.2f to %+7.2f %%\n", what, 100.0 * lift,
               100.0 * (lift - Z * se), 100.0 * (lift + Z * se));
}

void world_verdict_write_text(const struct world_verdict *verdict, struct buf *buf)
{
    static const char *const pairs[VERDICT_PAIRS] = {"candidate/control", "candidate/equal", "control/equal"};
    const struct world_effect *effect = &verdict->effects[VERDICT_VS_CONTROL];
    buf_printf(buf, "truth in world %s, %zu units played under each\nweighted sum of relative effects:\n",
               verdict->params->name, verdict->n_units[VERDICT_CONTROL]);
    for (size_t pair = 0; pair < VERDICT_PAIRS; pair++)
        print_lift(buf, pairs[pair], verdict->effects[pair].lift, verdict->effects[pair].se);
    buf_text(buf, "candidate/control:\n");
    print_lift(buf, "requests", effect->relative[WORLD_RUN_REQUESTS], effect->relative_se[WORLD_RUN_REQUESTS]);
    for (size_t h = 0; h < verdict->params->n_heads; h++)
        print_lift(buf, verdict->params->heads[h].name, effect->relative[WORLD_RUN_HEADS + h],
                   effect->relative_se[WORLD_RUN_HEADS + h]);
}
