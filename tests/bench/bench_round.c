/* bench_round: one round of an experiment over a simulated world, without HTTP.
 *
 *   bench_round WORLD MODEL DATASET ROUND [--seed N] [--table]
 *
 * WORLD is the file, ROUND the body that PUT /v1/experiments/{exp}/rounds/{n} takes, with heads in the order of the
 * world; days are played from day 0 to its end.at_ms.  Prints what the experiment API's results say of every arm:
 * units, requests, impressions, and mean and standard error of every head's events per unit, as one line of JSON.
 * tests/integration/traffic.sh holds it against a round that went through trimtab-traffic and trimtab-experimentd. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/core/file.h"
#include "base/core/opt.h"
#include "experiments/store/definition.h"
#include "tests/lib/world_experiment.h"

static struct {
    int64_t seed;
    bool table;
} options = {.seed = 1};

static const struct opt OPTIONS[] = {
    {"seed", OPT_INT, &options.seed, "N", "play seed", 0, 9e15},
    {"table", OPT_FLAG, &options.table, NULL, "with the table of all newcomers' probabilities (world_scores.h)", 0, 0},
    OPT_END,
};

static enum status read_world(const char *path, struct world_params *ret, struct err *err)
{
    struct buf text = BUF_INIT;
    enum status s = file_read(path, 1 << 20, &text, err);
    if (s == STATUS_OK)
        s = world_params_decode(text.data, text.length, ret, err);
    buf_done(&text);
    return s;
}

static enum status read_round(const char *path, const struct world_params *params, struct round_plan *ret,
                              struct err *err)
{
    struct experiment_plan experiment = {.n_heads = params->n_heads};
    struct buf text = BUF_INIT;
    struct json *json = NULL;
    for (size_t h = 0; h < params->n_heads; h++)
        (void)snprintf(experiment.heads[h], sizeof experiment.heads[h], "%s", params->heads[h].name);
    enum status s = file_read(path, 1 << 20, &text, err);
    if (s == STATUS_OK)
        s = json_parse(text.data, text.length, NULL, &json, err);
    if (s == STATUS_OK) {
        const struct json_at root = json_root(json);
        s = definition_round(&root, &experiment, ret, err);
    }
    json_free(json);
    buf_done(&text);
    return s;
}

static void write_arm(struct json_writer *w, const struct campaign_results *results, size_t a)
{
    const size_t m = results->n_metrics;
    json_write_object(w);
    json_write_key(w, "id");
    json_write_string(w, results->arm[a].id);
    json_write_key(w, "units");
    json_write_int(w, results->arm[a].units);
    json_write_key(w, "requests");
    json_write_int(w, results->arm[a].requests);
    json_write_key(w, "impressions");
    json_write_int(w, results->arm[a].impressions);
    json_write_key(w, "metrics");
    json_write_array(w);
    for (size_t i = 0; i < m; i++) {
        json_write_object(w);
        json_write_key(w, "name");
        json_write_string(w, results->metric[i]);
        json_write_key(w, "mean");
        json_write_number(w, results->mean[a * m + i]);
        json_write_key(w, "se");
        json_write_number(w, sqrt(results->cov[(a * m + i) * m + i]));
        json_write_object_end(w);
    }
    json_write_array_end(w);
    json_write_object_end(w);
}

static enum status print_results(const struct campaign_results *results, struct err *err)
{
    struct buf text = BUF_INIT;
    struct json_writer w;
    json_writer_init(&w, &text);
    json_write_object(&w);
    json_write_key(&w, "arms");
    json_write_array(&w);
    for (size_t a = 0; a < results->n_arms; a++)
        write_arm(&w, results, a);
    json_write_array_end(&w);
    json_write_object_end(&w);
    const enum status s = buf_status(&text, err);
    if (s == STATUS_OK)
        puts(text.data);
    buf_done(&text);
    return s;
}

static enum status make_table(const struct world *world, const struct ranker *ranker, struct world_scores **ret,
                              struct err *err)
{
    TRY(world_scores_new(world, ranker, ret, err));
    return world_scores_fill(*ret, 0, 1, err);
}

static enum status play(const struct world_params *params, const struct round_plan *plan, const struct ranker *ranker,
                        struct err *err)
{
    struct world *world = NULL;
    struct world_scores *scores = NULL;
    struct world_experiment *experiment = NULL;
    struct campaign_results *results = NULL;
    enum status s = world_open(params, 0, &world, err);
    if (s == STATUS_OK && options.table)
        s = make_table(world, ranker, &scores, err);
    if (s == STATUS_OK)
        s = world_experiment_open(params, ranker, scores, (uint64_t)options.seed, &experiment, err);
    if (s == STATUS_OK)
        s = world_experiment_play(experiment, plan, &results, err);
    if (s == STATUS_OK)
        s = print_results(results, err);
    campaign_results_free(results);
    world_experiment_close(experiment);
    world_scores_free(scores);
    world_close(world);
    return s;
}

static enum status read_and_play(char **operands, struct err *err)
{
    struct world_params params;
    struct round_plan plan;
    struct ranker *ranker = NULL;
    TRY(read_world(operands[0], &params, err));
    TRY(read_round(operands[3], &params, &plan, err));
    TRY(ranker_open(operands[1], operands[2], &ranker, err));
    const enum status s = play(&params, &plan, ranker, err);
    ranker_close(ranker);
    return s;
}

static int run(int n_operands, char **operands)
{
    (void)n_operands;
    struct err err = ERR_INIT;
    const enum status s = read_and_play(operands, &err);
    if (s != STATUS_OK)
        fprintf(stderr, "bench_round: %s\n", err.text);
    return s == STATUS_OK ? EXIT_DONE : EXIT_FAILED;
}

int main(int argc, char **argv)
{
    static const struct opt_command commands[] = {
        {NULL, "WORLD MODEL DATASET ROUND", "one round in this process", OPTIONS, 4, 4, run}, {0}};
    return opt_main("bench_round", "a round of a simulated experiment", commands, argc, argv);
}
