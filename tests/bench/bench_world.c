/* bench_world: what tuning is worth in a world, by long simulation with a trained ranker's probabilities.
 *
 *   bench_world WORLD MODEL DATASET [--values long_click=0.7,save=0.3] [--signs click=-1] [--days N] [--seed N]
 *               [--sweep] [--search N] [--judges N] [--out FILE]
 *
 * Weights are written as shares: w_h = share_h / m_h, m_h the ranker's mean probability, so the plug-in weights have
 * share_h = value_h.  The value of a policy is the weighted sum of relative effects on events per unit against plug-in,
 * from the same people with the same luck.  The search is an evolution strategy in a box (no model of the world in it);
 * what it finds is judged on other seeds, so the reported gain is not the luckiest of many.  --out writes that
 * judgement as JSON (docs/worlds.md); worlds/NAME.attainable.json holds such judgements. It compares no optimizers: it
 * is for setting a world's parameters, and for its attainable optimum. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/core/clock.h"
#include "base/core/file.h"
#include "base/core/opt.h"
#include "base/json/json_write.h"
#include "experiments/traffic/world_truth.h"

static struct {
    const char *values, *signs, *out;
    int64_t days, seed, search, judges, arm_units;
    bool sweep;
} options = {.values = "long_click=0.7,save=0.3", .signs = "", .days = 2, .seed = 101, .judges = 4, .arm_units = 4000};

static const struct opt OPTIONS[] = {
    {"values", OPT_TEXT, &options.values, "LIST", "business value of heads", 0, 0},
    {"signs", OPT_TEXT, &options.signs, "LIST", "sign of heads without value; absent: that of their satisfaction", 0,
     0},
    {"days", OPT_INT, &options.days, "N", "days of one play", 1, 100},
    {"seed", OPT_INT, &options.seed, "N", "play seed of the search; the judgement uses the next ones", 0, 9e15},
    {"search", OPT_INT, &options.search, "N", "generations of 16 plays; 0: no search", 0, 1000},
    {"arm-units", OPT_INT, &options.arm_units, "N", "units of an arm for the standard error shown", 10, 1e9},
    {"judges", OPT_INT, &options.judges, "N", "play seeds that judge what the search found", 1, 1000},
    {"out", OPT_TEXT, &options.out, "FILE", "the judgement as JSON", 0, 0},
    {"sweep", OPT_FLAG, &options.sweep, NULL, "vary one share at a time", 0, 0},
    OPT_END,
};

enum { POPULATION = 16, PARENTS = 4 };

/* One play seed: the control's play is kept to compare with. */
struct lab {
    const struct world_params *params;
    struct world_truth *truth;
    double means[WORLD_MAX_HEADS], values[WORLD_MAX_HEADS];
    struct world_play control, other;
};

static size_t head_index(const struct world_params *p, const char *name, size_t length)
{
    for (size_t h = 0; h < p->n_heads; h++) {
        if (strlen(p->heads[h].name) == length && strncmp(p->heads[h].name, name, length) == 0)
            return h;
    }
    return p->n_heads;
}

/* "long_click=1,save=0.5", or names alone (value 1). */
static enum status parse_list(const struct world_params *p, const char *text, double *ret, struct err *err)
{
    while (*text != '\0') {
        const size_t name = strcspn(text, "=,");
        const size_t h = head_index(p, text, name);
        if (h == p->n_heads)
            return err_set(err, STATUS_INVALID, "\"%s\" does not begin with a head of this world", text);
        text += name;
        char *end = NULL;
        ret[h] = *text == '=' ? strtod(text + 1, &end) : 1.0;
        text = end != NULL ? end : text;
        if (*text != '\0' && *text++ != ',')
            return err_set(err, STATUS_INVALID, "a list is NAME=NUMBER,NAME=NUMBER");
    }
    return STATUS_OK;
}

static enum status play(struct lab *lab, const double *shares, struct world_play *ret, struct err *err)
{
    double weights[WORLD_MAX_HEADS] = {0.0};
    for (size_t h = 0; h < lab->params->n_heads; h++)
        weights[h] = shares[h] / lab->means[h];
    return world_truth_play(lab->truth, weights, ret, err);
}

static enum status lab_open(struct lab *lab, const struct world_params *params, const struct ranker *ranker,
                            uint64_t seed, struct err *err)
{
    *lab = (struct lab){.params = params};
    TRY(parse_list(params, options.values, lab->values, err));
    TRY(world_truth_open(params, ranker, seed, (int)options.days, &lab->truth, err));
    world_truth_means(lab->truth, lab->means);
    return play(lab, lab->values, &lab->control, err);
}

static void lab_close(struct lab *lab)
{
    world_play_done(&lab->control);
    world_play_done(&lab->other);
    world_truth_close(lab->truth);
}

static enum status measure(struct lab *lab, const double *shares, struct world_effect *ret, struct err *err)
{
    TRY(play(lab, shares, &lab->other, err));
    world_truth_effect(lab->truth, lab->values, &lab->other, &lab->control, ret);
    return STATUS_OK;
}

static void print_control(const struct lab *lab)
{
    const double *sums = lab->control.sums;
    const double n = (double)lab->control.n_units;
    const double sd = world_truth_unit_sd(lab->truth, lab->values, &lab->control);
    printf("plug-in: %.0f units in %d days, %.3f requests a unit, %.3f impressions\n", n, (int)options.days,
           sums[WORLD_RUN_REQUESTS] / n, sums[WORLD_RUN_IMPRESSIONS] / n);
    printf("%-12s %10s %12s %10s %22s\n", "head", "ranker m", "rate shown", "per unit", "rel. sd of a unit");
    for (size_t h = 0; h < lab->params->n_heads; h++) {
        double one[WORLD_MAX_HEADS] = {0.0};
        const double events = sums[WORLD_RUN_HEADS + h];
        one[h] = 1.0;
        printf("%-12s %10.4f %12.4f %10.4f %22.3f\n", lab->params->heads[h].name, lab->means[h],
               events / sums[WORLD_RUN_IMPRESSIONS], events / n, world_truth_unit_sd(lab->truth, one, &lab->control));
    }
    printf("standard error of the objective of an arm with %lld units: %.2f %%\n\n", (long long)options.arm_units,
           100.0 * sd / sqrt((double)options.arm_units));
}

static void print_effect(const struct lab *lab, const double *shares, const struct world_effect *effect)
{
    printf("%+6.2f %% +- %.2f  shares", 100.0 * effect->lift, 100.0 * effect->se);
    for (size_t h = 0; h < lab->params->n_heads; h++)
        printf(" %s %.3g", lab->params->heads[h].name, shares[h]);
    printf(" | requests %+.2f %%", 100.0 * effect->relative[WORLD_RUN_REQUESTS]);
    for (size_t h = 0; h < lab->params->n_heads; h++)
        printf(", %s %+.2f", lab->params->heads[h].name, 100.0 * effect->relative[WORLD_RUN_HEADS + h]);
    putchar('\n');
    (void)fflush(stdout);
}

static enum status try_shares(struct lab *lab, const double *shares, struct err *err)
{
    struct world_effect effect = {.lift = 0.0};
    TRY(measure(lab, shares, &effect, err));
    print_effect(lab, shares, &effect);
    return STATUS_OK;
}

static enum status sweep(struct lab *lab, struct err *err)
{
    static const double factors[] = {-1.0, -0.5, -0.25, 0.1, 0.25, 0.5, 1.0};
    double shares[WORLD_MAX_HEADS] = {0.0};
    for (size_t h = 0; h < lab->params->n_heads; h++) {
        for (size_t i = 0; i < sizeof factors / sizeof *factors; i++) {
            memcpy(shares, lab->values, sizeof shares);
            shares[h] = fpclassify(lab->values[h]) != FP_ZERO ? lab->values[h] * exp(factors[i]) : factors[i];
            TRY(try_shares(lab, shares, err));
        }
    }
    return STATUS_OK;
}

/* The box of a campaign with default bounds: exp(-1.5) to exp(1.5) around plug-in, [0, 3] times the sign for heads
 * without value; the head of the largest value is the reference and fixed. */
static enum status make_box(const struct lab *lab, double *lo, double *hi, struct err *err)
{
    double signs[WORLD_MAX_HEADS] = {0.0};
    size_t reference = 0;
    TRY(parse_list(lab->params, options.signs, signs, err));
    for (size_t h = 0; h < lab->params->n_heads; h++) {
        const double value = lab->values[h];
        const double sign = fpclassify(signs[h]) != FP_ZERO ? signs[h] : lab->params->heads[h].satisfaction;
        if (fabs(value) > fabs(lab->values[reference]))
            reference = h;
        lo[h] = value > 0.0 ? value * exp(-1.5) : sign < 0.0 ? -3.0 : 0.0;
        hi[h] = value > 0.0 ? value * exp(1.5) : sign < 0.0 ? 0.0 : 3.0;
    }
    lo[reference] = hi[reference] = lab->values[reference];
    return STATUS_OK;
}

struct candidate {
    double shares[WORLD_MAX_HEADS];
    double objective;
};

static int by_objective(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    return (y->objective > x->objective) - (y->objective < x->objective);
}

/* (4/4, 16) evolution strategy with one step size per generation, shrinking. */
static enum status search(struct lab *lab, double *ret_shares, struct err *err)
{
    double lo[WORLD_MAX_HEADS] = {0.0}, hi[WORLD_MAX_HEADS] = {0.0}, centre[WORLD_MAX_HEADS] = {0.0};
    struct candidate tried[POPULATION];
    struct rng rng;
    rng_init(&rng, (uint64_t)options.seed, 77, 0);
    TRY(make_box(lab, lo, hi, err));
    memcpy(centre, lab->values, sizeof centre);
    for (int64_t g = 0; g < options.search; g++) {
        const double step = 0.35 * pow(0.04 / 0.35, (double)g / (double)options.search);
        for (size_t i = 0; i < POPULATION; i++) {
            struct world_effect effect = {.lift = 0.0};
            for (size_t h = 0; h < lab->params->n_heads; h++) {
                const double x = centre[h] + step * fmin(hi[h] - lo[h], 2.0) * (i > 0 ? rng_normal(&rng) : 0.0);
                tried[i].shares[h] = fmin(fmax(x, lo[h]), hi[h]);
            }
            TRY(measure(lab, tried[i].shares, &effect, err));
            tried[i].objective = effect.lift;
        }
        qsort(tried, POPULATION, sizeof *tried, by_objective);
        for (size_t h = 0; h < lab->params->n_heads; h++) {
            centre[h] = 0.0;
            for (size_t i = 0; i < PARENTS; i++)
                centre[h] += tried[i].shares[h] / PARENTS;
        }
        fprintf(stderr, "generation %lld: best %+.2f %%\n", (long long)g + 1, 100.0 * tried[0].objective);
    }
    memcpy(ret_shares, centre, sizeof centre);
    return STATUS_OK;
}

static enum status time_play(struct lab *lab, struct err *err)
{
    const int64_t start = clock_monotonic_ns();
    TRY(play(lab, lab->values, &lab->other, err));
    const double seconds = (double)(clock_monotonic_ns() - start) / 1e9;
    const double requests = lab->other.sums[WORLD_RUN_REQUESTS];
    printf("speed with given probabilities: %.0f requests a minute (%.2f us each)\n", 60.0 * requests / seconds,
           1e6 * seconds / requests);
    return STATUS_OK;
}

static enum status use_lab(struct lab *lab, double *shares, struct err *err)
{
    double equal[WORLD_MAX_HEADS] = {0.0};
    print_control(lab);
    TRY(time_play(lab, err));
    for (size_t h = 0; h < lab->params->n_heads; h++)
        equal[h] = lab->means[h] * (lab->params->heads[h].satisfaction < -1.0 ? -1.0 : 1.0);
    printf("equal weights:\n");
    TRY(try_shares(lab, equal, err));
    if (options.sweep)
        TRY(sweep(lab, err));
    return options.search > 0 ? search(lab, shares, err) : STATUS_OK;
}

/* Mean over the judges' seeds, which are independent samples of people. */
struct judgement {
    double lift, se, arm_se;
    double relative[WORLD_TRUTH_WIDTH], relative_se[WORLD_TRUTH_WIDTH];
};

static enum status judge_seed(const struct world_params *params, const struct ranker *ranker, const double *shares,
                              uint64_t seed, struct judgement *sum, struct err *err)
{
    struct lab lab;
    struct world_effect effect = {.lift = 0.0};
    enum status s = lab_open(&lab, params, ranker, seed, err);
    if (s == STATUS_OK)
        s = measure(&lab, shares, &effect, err);
    if (s == STATUS_OK) {
        const double n = (double)options.judges;
        print_effect(&lab, shares, &effect);
        sum->lift += effect.lift / n;
        sum->se = hypot(sum->se, effect.se / n);
        sum->arm_se += world_truth_unit_sd(lab.truth, lab.values, &lab.control) / sqrt((double)options.arm_units) / n;
        for (size_t i = 0; i < WORLD_RUN_HEADS + params->n_heads; i++) {
            sum->relative[i] += effect.relative[i] / n;
            sum->relative_se[i] = hypot(sum->relative_se[i], effect.relative_se[i] / n);
        }
    }
    lab_close(&lab);
    return s;
}

static void number(struct json_writer *w, const char *key, double x)
{
    json_write_key(w, key);
    json_write_number(w, x);
}

static void write_heads(struct json_writer *w, const struct world_params *params, const char *key, const double *x)
{
    json_write_key(w, key);
    json_write_object(w);
    for (size_t h = 0; h < params->n_heads; h++)
        number(w, params->heads[h].name, x[h]);
    json_write_object_end(w);
}

static enum status write_judgement(const struct lab *lab, const struct ranker *ranker, const double *shares,
                                   const struct judgement *judgement, struct err *err)
{
    struct buf text = BUF_INIT;
    struct json_writer w;
    json_writer_init(&w, &text);
    json_write_object(&w);
    json_write_key(&w, "world");
    json_write_string(&w, lab->params->name);
    json_write_key(&w, "model");
    json_write_string(&w, ranker_model_hash(ranker));
    write_heads(&w, lab->params, "values", lab->values);
    write_heads(&w, lab->params, "shares", shares);
    number(&w, "lift", judgement->lift);
    number(&w, "lift_se", judgement->se);
    number(&w, "requests", judgement->relative[WORLD_RUN_REQUESTS]);
    write_heads(&w, lab->params, "effects", judgement->relative + WORLD_RUN_HEADS);
    write_heads(&w, lab->params, "effects_se", judgement->relative_se + WORLD_RUN_HEADS);
    number(&w, "arm_units", (double)options.arm_units);
    number(&w, "arm_se", judgement->arm_se);
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

static enum status judge(const struct lab *lab, const struct ranker *ranker, const double *shares, struct err *err)
{
    struct judgement judgement = {.lift = 0.0};
    puts("attainable, judged on other seeds:");
    for (int64_t i = 1; i <= options.judges; i++)
        TRY(judge_seed(lab->params, ranker, shares, (uint64_t)(options.seed + i), &judgement, err));
    printf("mean %+.2f %% +- %.2f; standard error of an arm with %lld units %.2f %%\n", 100.0 * judgement.lift,
           100.0 * judgement.se, (long long)options.arm_units, 100.0 * judgement.arm_se);
    return options.out != NULL ? write_judgement(lab, ranker, shares, &judgement, err) : STATUS_OK;
}

static enum status bench(char **operands, struct err *err)
{
    struct buf text = BUF_INIT;
    struct world_params params;
    struct ranker *ranker = NULL;
    struct lab lab = {0};
    double shares[WORLD_MAX_HEADS] = {0.0};
    enum status s = file_read(operands[0], 1 << 20, &text, err);
    if (s == STATUS_OK)
        s = world_params_decode(text.data, text.length, &params, err);
    if (s == STATUS_OK)
        s = ranker_open(operands[1], operands[2], &ranker, err);
    if (s == STATUS_OK)
        s = lab_open(&lab, &params, ranker, (uint64_t)options.seed, err);
    if (s == STATUS_OK)
        s = use_lab(&lab, shares, err);
    if (s == STATUS_OK && options.search > 0)
        s = judge(&lab, ranker, shares, err);
    lab_close(&lab);
    ranker_close(ranker);
    buf_done(&text);
    return s;
}

static int run(int n_operands, char **operands)
{
    (void)n_operands;
    struct err err = ERR_INIT;
    const enum status s = bench(operands, &err);
    if (s != STATUS_OK)
        fprintf(stderr, "bench_world: %s\n", err.text);
    return s == STATUS_OK ? EXIT_DONE : EXIT_FAILED;
}

int main(int argc, char **argv)
{
    static const struct opt_command commands[] = {
        {NULL, "WORLD MODEL DATASET", "what tuning is worth in a world", OPTIONS, 3, 3, run}, {0}};
    return opt_main("bench_world", "long simulations of a world", commands, argc, argv);
}
