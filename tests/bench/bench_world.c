/* bench_world: what tuning is worth in a world, by long simulation with a trained ranker's probabilities.
 *
 *   bench_world NAME [--worlds DIR] [--rankers DIR] [--sweep] [--search N] [--judges N] [--out FILE]
 *
 * Weights are written as shares: w_h = share_h / m_h, m_h the ranker's mean probability, so the plug-in weights have
 * share_h = value_h.  The value of weights is the objective of worlds/NAME.campaign.json, the weighted sum of relative
 * effects on events per unit against the campaign's control, from the same people with the same luck.  The search is an
 * evolution strategy in the campaign's box, from the control on, with no model of the world in it; a guardrail that is
 * nearer to its bound than MARGIN costs PENALTY times the difference.  What it finds is judged on other seeds, so the
 * reported gain is not the luckiest of many.  --out writes that judgement as JSON (docs/worlds.md);
 * worlds/NAME.attainable.json holds such judgements.  It compares no optimizers (bench_campaign does): it is for
 * setting a world's parameters, and for its attainable optimum. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/core/clock.h"
#include "base/core/file.h"
#include "base/core/mem.h"
#include "base/core/opt.h"
#include "base/json/json_write.h"
#include "tests/lib/world_lab.h"

static struct {
    const char *worlds, *rankers, *out;
    int64_t first_day, days, seed, search, judges, arm_units, threads;
    bool sweep;
} options = {.worlds = "worlds",
             .rankers = "build/bench",
             .first_day = 16,
             .days = 2,
             .seed = 101,
             .judges = 4,
             .arm_units = 4000,
             .threads = 2};

static const struct opt OPTIONS[] = {
    {"worlds", OPT_TEXT, &options.worlds, "DIR", "folder of NAME.json and NAME.campaign.json", 0, 0},
    {"rankers", OPT_TEXT, &options.rankers, "DIR", "folder of NAME/model and NAME/dataset", 0, 0},
    {"first-day", OPT_INT, &options.first_day, "N", "first day of a play", 0, 10000},
    {"days", OPT_INT, &options.days, "N", "days of one play", 1, 100},
    {"seed", OPT_INT, &options.seed, "N", "play seed of the search; the judgement uses the next ones", 0, 9e15},
    {"search", OPT_INT, &options.search, "N", "generations of 16 plays; 0: no search", 0, 1000},
    {"arm-units", OPT_INT, &options.arm_units, "N", "units of an arm for the standard error shown", 10, 1e9},
    {"judges", OPT_INT, &options.judges, "N", "play seeds that judge what the search found", 1, 1000},
    {"threads", OPT_INT, &options.threads, "N", "threads", 1, 64},
    {"out", OPT_TEXT, &options.out, "FILE", "the judgement as JSON", 0, 0},
    {"sweep", OPT_FLAG, &options.sweep, NULL, "vary one coordinate at a time", 0, 0},
    OPT_END,
};

enum { POPULATION = 16, PARENTS = 4 };

static const double MARGIN = 0.005, PENALTY = 5.0;

static struct world_truth_span span_of(int64_t seed)
{
    return (struct world_truth_span){(uint64_t)seed, (int)options.first_day, (int)options.days};
}

static double ranker_mean(const struct world_lab *lab, size_t h)
{
    size_t column = 0;
    (void)ranker_head_find(lab->ranker, lab->params.heads[h].name, &column); /* world_lab_open found it */
    return ranker_head_mean(lab->ranker, column);
}

static void print_control(const struct world_lab *lab, const struct world_judge *judge)
{
    const struct world_play *play = world_judge_control(judge);
    const double *sums = play->sums, n = (double)play->n_units;
    printf("control: %.0f units in %d days, %.3f requests a unit, %.3f impressions\n", n, (int)options.days,
           sums[WORLD_RUN_REQUESTS] / n, sums[WORLD_RUN_IMPRESSIONS] / n);
    printf("%-12s %10s %12s %10s\n", "head", "ranker m", "rate shown", "per unit");
    for (size_t h = 0; h < lab->params.n_heads; h++) {
        const double events = sums[WORLD_RUN_HEADS + h];
        printf("%-12s %10.4f %12.4f %10.4f\n", lab->params.heads[h].name, ranker_mean(lab, h),
               events / sums[WORLD_RUN_IMPRESSIONS], events / n);
    }
    printf("standard error of the objective of an arm with %lld units: %.2f %%\n\n", (long long)options.arm_units,
           100.0 * world_judge_unit_sd(judge) / sqrt((double)options.arm_units));
}

static void print_effect(const struct world_lab *lab, const double *weights, const struct world_effect *effect)
{
    printf("%+6.2f %% +- %.2f  shares", 100.0 * effect->lift, 100.0 * effect->se);
    for (size_t h = 0; h < lab->params.n_heads; h++)
        printf(" %s %.3g", lab->params.heads[h].name, weights[h] * ranker_mean(lab, h));
    printf(" | requests %+.2f %%", 100.0 * effect->relative[WORLD_RUN_REQUESTS]);
    for (size_t h = 0; h < lab->params.n_heads; h++)
        printf(", %s %+.2f", lab->params.heads[h].name, 100.0 * effect->relative[WORLD_RUN_HEADS + h]);
    putchar('\n');
    (void)fflush(stdout);
}

static enum status try_weights(const struct world_lab *lab, struct world_judge *judge, const double *weights,
                               struct err *err)
{
    struct world_effect effect;
    TRY(world_judge_weigh(judge, weights, &effect, err));
    print_effect(lab, weights, &effect);
    return STATUS_OK;
}

static enum status sweep(const struct world_lab *lab, struct world_judge *judge, struct err *err)
{
    static const double at[] = {0.0, 0.2, 0.4, 0.6, 0.8, 1.0};
    for (size_t j = 0; j < lab->setup.dim; j++) {
        for (size_t i = 0; i < sizeof at / sizeof *at; i++) {
            double x[OPTIMIZER_MAX_DIM];
            struct campaign_point point;
            memcpy(x, lab->setup.control_x, sizeof x);
            x[j] = at[i];
            campaign_setup_decode(&lab->setup, x, &point);
            TRY(try_weights(lab, judge, point.weight, err));
        }
    }
    return STATUS_OK;
}

struct candidate {
    double x[OPTIMIZER_MAX_DIM];
    double objective;
};

/* One generation; member i has a judge of its own, all of one seed. */
struct generation {
    const struct world_lab *lab;
    struct world_judge *judge[POPULATION];
    struct candidate tried[POPULATION];
};

static enum status open_member(void *context, size_t i, struct err *err)
{
    struct generation *g = context;
    const struct world_truth_span span = span_of(options.seed);
    return world_lab_judge(g->lab, &span, 1, &g->judge[i], err);
}

static enum status judge_member(void *context, size_t i, struct err *err)
{
    struct generation *g = context;
    struct campaign_point point;
    struct world_effect effect;
    campaign_setup_decode(&g->lab->setup, g->tried[i].x, &point);
    TRY(world_judge_weigh(g->judge[i], point.weight, &effect, err));
    g->tried[i].objective = effect.lift - PENALTY * fmax(0.0, world_lab_excess(g->lab, &effect) + MARGIN);
    return STATUS_OK;
}

static int by_objective(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    return (y->objective > x->objective) - (y->objective < x->objective);
}

/* (4/4, 16) evolution strategy with one step size per generation, shrinking; the first member is the centre. */
static enum status evolve(struct generation *g, double *centre, struct err *err)
{
    const size_t dim = g->lab->setup.dim;
    struct rng rng;
    rng_init(&rng, (uint64_t)options.seed, 77, 0);
    for (int64_t round = 0; round < options.search; round++) {
        const double step = 0.3 * pow(0.02 / 0.3, (double)round / (double)options.search);
        for (size_t i = 0; i < POPULATION; i++) {
            for (size_t j = 0; j < dim; j++)
                g->tried[i].x[j] = fmin(fmax(centre[j] + (i > 0 ? step * rng_normal(&rng) : 0.0), 0.0), 1.0);
        }
        TRY(world_lab_parallel((size_t)options.threads, POPULATION, judge_member, g, err));
        qsort(g->tried, POPULATION, sizeof *g->tried, by_objective);
        for (size_t j = 0; j < dim; j++) {
            centre[j] = 0.0;
            for (size_t i = 0; i < PARENTS; i++)
                centre[j] += g->tried[i].x[j] / PARENTS;
        }
        fprintf(stderr, "generation %lld: best %+.2f %%\n", (long long)round + 1, 100.0 * g->tried[0].objective);
    }
    return STATUS_OK;
}

static enum status search(const struct world_lab *lab, double *ret_weights, struct err *err)
{
    struct campaign_point point;
    double centre[OPTIMIZER_MAX_DIM];
    struct generation *g = mem_alloc(1, sizeof *g);
    if (g == NULL)
        return err_no_memory(err);
    g->lab = lab;
    memcpy(centre, lab->setup.control_x, sizeof centre);
    enum status s = world_lab_parallel((size_t)options.threads, POPULATION, open_member, g, err);
    if (s == STATUS_OK)
        s = evolve(g, centre, err);
    for (size_t i = 0; i < POPULATION; i++)
        world_judge_close(g->judge[i]);
    mem_free(g);
    campaign_setup_decode(&lab->setup, centre, &point);
    memcpy(ret_weights, point.weight, WORLD_MAX_HEADS * sizeof *ret_weights);
    return s;
}

static enum status time_play(struct world_judge *judge, const struct world_lab *lab, struct err *err)
{
    double weights[WORLD_MAX_HEADS];
    struct world_effect effect;
    memcpy(weights, lab->setup.equal.weight, sizeof weights);
    const int64_t start = clock_monotonic_ns();
    TRY(world_judge_weigh(judge, weights, &effect, err));
    const double seconds = (double)(clock_monotonic_ns() - start) / 1e9;
    const double requests =
        world_judge_control(judge)->sums[WORLD_RUN_REQUESTS] * (1.0 + effect.relative[WORLD_RUN_REQUESTS]);
    printf("speed on one core: %.0f requests a minute (%.2f us each)\n", 60.0 * requests / seconds,
           1e6 * seconds / requests);
    return STATUS_OK;
}

static void number(struct json_writer *w, const char *key, double x)
{
    json_write_key(w, key);
    json_write_number(w, x);
}

static void write_heads(struct json_writer *w, const struct world_lab *lab, const char *key, const double *x)
{
    json_write_key(w, key);
    json_write_object(w);
    for (size_t h = 0; h < lab->params.n_heads; h++)
        number(w, lab->params.heads[h].name, x[h]);
    json_write_object_end(w);
}

static enum status write_judgement(const struct world_lab *lab, const double *weights,
                                   const struct world_effect *effect, double arm_se, struct err *err)
{
    struct buf text = BUF_INIT;
    struct json_writer w;
    double shares[WORLD_MAX_HEADS];
    for (size_t h = 0; h < lab->params.n_heads; h++)
        shares[h] = weights[h] * ranker_mean(lab, h);
    json_writer_init(&w, &text);
    json_write_object(&w);
    json_write_key(&w, "world");
    json_write_string(&w, lab->params.name);
    json_write_key(&w, "model");
    json_write_string(&w, ranker_model_hash(lab->ranker));
    write_heads(&w, lab, "values", lab->values);
    write_heads(&w, lab, "shares", shares);
    number(&w, "lift", effect->lift);
    number(&w, "lift_se", effect->se);
    number(&w, "requests", effect->relative[WORLD_RUN_REQUESTS]);
    write_heads(&w, lab, "effects", effect->relative + WORLD_RUN_HEADS);
    write_heads(&w, lab, "effects_se", effect->relative_se + WORLD_RUN_HEADS);
    number(&w, "arm_units", (double)options.arm_units);
    number(&w, "arm_se", arm_se);
    number(&w, "first_day", (double)options.first_day);
    number(&w, "days", (double)options.days);
    number(&w, "generations", (double)options.search);
    number(&w, "search_seed", (double)options.seed);
    number(&w, "judges", (double)options.judges);
    json_write_object_end(&w);
    buf_char(&text, '\n');
    enum status s = buf_status(&text, err);
    if (s == STATUS_OK)
        s = file_write_atomic(options.out, text.data, text.length, 0644, err);
    buf_done(&text);
    return s;
}

static enum status judge(const struct world_lab *lab, const double *weights, struct err *err)
{
    struct world_judge *judges = NULL;
    struct world_effect effect;
    const struct world_truth_span span = span_of(options.seed + 1);
    TRY(world_lab_judge(lab, &span, (size_t)options.judges, &judges, err));
    enum status s = world_judge_weigh(judges, weights, &effect, err);
    if (s == STATUS_OK) {
        printf("attainable, judged on %lld other seeds:\n", (long long)options.judges);
        print_effect(lab, weights, &effect);
        if (options.out != NULL)
            s = write_judgement(lab, weights, &effect, world_judge_unit_sd(judges) / sqrt((double)options.arm_units),
                                err);
    }
    world_judge_close(judges);
    return s;
}

static enum status use_lab(const struct world_lab *lab, struct err *err)
{
    struct world_judge *first = NULL;
    double weights[WORLD_MAX_HEADS] = {0.0};
    const struct world_truth_span span = span_of(options.seed);
    TRY(world_lab_judge(lab, &span, 1, &first, err));
    print_control(lab, first);
    enum status s = time_play(first, lab, err);
    if (s == STATUS_OK) {
        puts("equal weights:");
        s = try_weights(lab, first, lab->setup.equal.weight, err);
    }
    if (s == STATUS_OK && options.sweep)
        s = sweep(lab, first, err);
    world_judge_close(first);
    if (s == STATUS_OK && options.search > 0)
        s = search(lab, weights, err);
    if (s == STATUS_OK && options.search > 0)
        s = judge(lab, weights, err);
    return s;
}

static int run(int n_operands, char **operands)
{
    (void)n_operands;
    struct err err = ERR_INIT;
    struct world_lab lab;
    enum status s = world_lab_open(options.worlds, options.rankers, operands[0], (size_t)options.threads, &lab, &err);
    if (s == STATUS_OK)
        s = use_lab(&lab, &err);
    world_lab_close(&lab);
    if (s != STATUS_OK)
        fprintf(stderr, "bench_world: %s\n", err.text);
    return s == STATUS_OK ? EXIT_DONE : EXIT_FAILED;
}

int main(int argc, char **argv)
{
    static const struct opt_command commands[] = {{NULL, "NAME", "what tuning is worth in a world", OPTIONS, 1, 1, run},
                                                  {0}};
    return opt_main("bench_world", "long simulations of a world", commands, argc, argv);
}
