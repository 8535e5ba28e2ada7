/* The verdict as JSON and as text. */
#include <math.h>

#include "base/json/json_write.h"
#include "experiments/traffic/verdict.h"

enum { FEW_EVENTS = 100 }; /* DESIGN section 5: below it a relative effect is biased */

static const char *const WEIGHTS[VERDICT_WEIGHTS] = {"candidate", "control", "equal"};

static void number(struct json_writer *w, const char *key, double x)
{
    json_write_key(w, key);
    json_write_number(w, x);
}

static void write_lift(struct json_writer *w, const char *key, const struct verdict_lift *lift)
{
    json_write_key(w, key);
    json_write_object(w);
    number(w, "lift", lift->lift);
    number(w, "se", lift->se);
    number(w, "lo", lift->lo);
    number(w, "hi", lift->hi);
    number(w, "detectable", lift->detectable);
    number(w, "replicates", (double)lift->replicates);
    json_write_object_end(w);
}

static void write_head(struct json_writer *w, const struct verdict *verdict, const struct verdict_question *question,
                       const struct dataset *dataset, size_t h)
{
    json_write_object(w);
    json_write_key(w, "head");
    json_write_string(w, dataset_head_name(dataset, h));
    number(w, "value", question->values[h]);
    for (size_t a = 0; a < VERDICT_WEIGHTS; a++) {
        json_write_key(w, WEIGHTS[a]);
        json_write_object(w);
        number(w, "weight", question->weights[a][h]);
        number(w, "events", verdict->events[a][h]);
        number(w, "volume", verdict->events[a][h] / (double)verdict->n_users);
        number(w, "propensity", verdict->active_users[a][h] / (double)verdict->n_users);
        json_write_object_end(w);
    }
    json_write_key(w, "volume");
    json_write_object(w);
    for (size_t pair = 0; pair < VERDICT_PAIRS; pair++)
        write_lift(w, verdict_pair_name((enum verdict_pair)pair), &verdict->volume[pair][h]);
    json_write_object_end(w);
    json_write_key(w, "propensity");
    json_write_object(w);
    for (size_t pair = 0; pair < VERDICT_PAIRS; pair++)
        write_lift(w, verdict_pair_name((enum verdict_pair)pair), &verdict->propensity[pair][h]);
    json_write_object_end(w);
    json_write_object_end(w);
}

static bool is_rare(const struct verdict *verdict, const struct verdict_question *question, size_t h)
{
    return fpclassify(question->values[h]) != FP_ZERO && verdict->events[VERDICT_CONTROL][h] < FEW_EVENTS;
}

void verdict_write_json(const struct verdict *verdict, const struct verdict_question *question,
                        const struct dataset *dataset, struct buf *buf)
{
    struct json_writer w;
    json_writer_init(&w, buf);
    json_write_object(&w);
    number(&w, "users", (double)verdict->n_users);
    number(&w, "slates", (double)verdict->n_slates);
    number(&w, "shown", (double)verdict->n_slates * SLATE_SHOWN);
    number(&w, "replicates", (double)verdict->n_replicates);
    for (size_t pair = 0; pair < VERDICT_PAIRS; pair++)
        write_lift(&w, verdict_pair_name((enum verdict_pair)pair), &verdict->total[pair]);
    json_write_key(&w, "rare_heads");
    json_write_array(&w);
    for (size_t h = 0; h < verdict->n_heads; h++) {
        if (is_rare(verdict, question, h))
            json_write_string(&w, dataset_head_name(dataset, h));
    }
    json_write_array_end(&w);
    json_write_key(&w, "heads");
    json_write_array(&w);
    for (size_t h = 0; h < verdict->n_heads; h++)
        write_head(&w, verdict, question, dataset, h);
    json_write_array_end(&w);
    json_write_object_end(&w);
    buf_char(buf, '\n');
}

static void print_total(struct buf *buf, const char *what, const struct verdict_lift *lift)
{
    if (isnan(lift->se)) {
        buf_printf(buf, "  %-18s cannot be computed: a valued head has no events\n", what);
        return;
    }
    const char *word = lift->lo > 0.0 ? "better" : lift->hi < 0.0 ? "worse" : "no difference shown";
    buf_printf(
        buf, "  %-18s %+7.2f %%   95 %% interval %+7.2f to %+7.2f %%   se %.2f %%   smallest detectable %.2f %%   %s\n",
        what, 100.0 * lift->lift, 100.0 * lift->lo, 100.0 * lift->hi, 100.0 * lift->se, 100.0 * lift->detectable, word);
}

void verdict_write_text(const struct verdict *verdict, const struct verdict_question *question,
                        const struct dataset *dataset, struct buf *buf)
{
    buf_printf(buf,
               "verdict on %zu confirmation users, %zu slates of %d, %d shown (conditional on this log)\n"
               "weighted sum of relative effects, paired bootstrap over users, %zu replicates:\n",
               verdict->n_users, verdict->n_slates, (int)SLATE_SIZE, (int)SLATE_SHOWN, verdict->n_replicates);
    print_total(buf, "candidate/control", &verdict->total[VERDICT_VS_CONTROL]);
    print_total(buf, "candidate/equal", &verdict->total[VERDICT_VS_EQUAL]);
    print_total(buf, "control/equal", &verdict->total[VERDICT_CONTROL_VS_EQUAL]);
    buf_printf(buf, "%-18s %8s %25s %31s %25s\n", "", "", "events per user", "candidate/control, volume",
               "users with one or more");
    buf_printf(buf, "%-18s %8s %9s %9s %9s %25s %9s %9s %9s\n", "head", "value", "candidate", "control", "equal",
               "95 % interval", "candidate", "control", "equal");
    const double n = (double)verdict->n_users;
    for (size_t h = 0; h < verdict->n_heads; h++) {
        const struct verdict_lift *lift = &verdict->volume[VERDICT_VS_CONTROL][h];
        buf_printf(buf, "%-18s %8.3g", dataset_head_name(dataset, h), question->values[h]);
        for (size_t a = 0; a < VERDICT_WEIGHTS; a++)
            buf_printf(buf, " %9.4f", verdict->events[a][h] / n);
        if (isnan(lift->se))
            buf_printf(buf, " %28s", "cannot be computed");
        else
            buf_printf(buf, " %+7.2f (%+7.2f to %+7.2f)", 100.0 * lift->lift, 100.0 * lift->lo, 100.0 * lift->hi);
        for (size_t a = 0; a < VERDICT_WEIGHTS; a++)
            buf_printf(buf, " %9.4f", verdict->active_users[a][h] / n);
        buf_char(buf, '\n');
    }
    for (size_t h = 0; h < verdict->n_heads; h++) {
        if (is_rare(verdict, question, h))
            buf_printf(buf, "%s has fewer than %d events under the control: its relative effect is biased\n",
                       dataset_head_name(dataset, h), (int)FEW_EVENTS);
    }
}
