#include "experiments/traffic/world_truth.h"

#include <math.h>
#include <string.h>

#include "base/core/mem.h"

struct world_truth {
    struct world *world;
    struct world_ranked *ranked;
    struct world_run run;
    size_t n_users, width, n_heads;
};

enum status world_truth_open(const struct world_params *params, const struct ranker *ranker,
                             const struct world_scores *scores, const struct world_truth_span *span,
                             struct world_truth **ret, struct err *err)
{
    struct world_truth *truth = mem_alloc(1, sizeof *truth);
    if (truth == NULL)
        return err_no_memory(err);
    enum status s = world_open(params, span->play_seed, &truth->world, err);
    if (s == STATUS_OK)
        s = world_ranked_new(truth->world, ranker, scores, &truth->ranked, err);
    if (s != STATUS_OK) {
        world_truth_close(truth);
        return s;
    }
    truth->n_heads = params->n_heads;
    truth->width = WORLD_RUN_HEADS + params->n_heads;
    truth->run = (struct world_run){.world = truth->world,
                                    .day = span->first_day,
                                    .n_days = span->n_days,
                                    .policy = world_ranked_policy,
                                    .context = truth->ranked};
    int64_t first;
    world_run_users(&truth->run, &first, &truth->n_users);
    *ret = truth;
    return STATUS_OK;
}

void world_truth_close(struct world_truth *truth)
{
    if (truth == NULL)
        return;
    world_ranked_free(truth->ranked);
    world_close(truth->world);
    mem_free(truth);
}

void world_truth_means(const struct world_truth *truth, double *ret)
{
    world_ranked_means(truth->ranked, ret);
}

enum status world_truth_play(struct world_truth *truth, const double *weights, struct world_play *ret, struct err *err)
{
    const size_t size = truth->n_users * truth->width;
    if (ret->totals == NULL)
        ret->totals = mem_alloc(size, sizeof *ret->totals);
    if (ret->totals == NULL)
        return err_no_memory(err);
    memset(ret->totals, 0, size * sizeof *ret->totals);
    world_ranked_set(truth->ranked, weights);
    TRY(world_run(&truth->run, ret->totals, err));
    memset(ret->sums, 0, sizeof ret->sums);
    ret->n_units = 0;
    for (size_t u = 0; u < truth->n_users; u++) {
        const double *total = ret->totals + u * truth->width;
        ret->n_units += total[WORLD_RUN_REQUESTS] > 0.0 ? 1 : 0;
        for (size_t i = 0; i < truth->width; i++)
            ret->sums[i] += total[i];
    }
    return STATUS_OK;
}

void world_play_done(struct world_play *play)
{
    mem_free(play->totals);
    *play = (struct world_play){0};
}

/* User u's share of the error of Y_a / Y_b, in column i. */
static double residual(const struct world_truth *truth, const struct world_play *a, const struct world_play *b,
                       size_t u, size_t i)
{
    if (b->sums[i] <= 0.0)
        return nan("");
    const double x = a->totals[u * truth->width + i], y = b->totals[u * truth->width + i];
    return (x - a->sums[i] / b->sums[i] * y) / b->sums[i];
}

/* Whoever comes first on a day does not depend on the weights, but later visits do, so the two plays may differ a
 * little in the number of units; effects are per unit of each. */
static double relative(const struct world_play *a, const struct world_play *b, size_t i)
{
    if (b->sums[i] <= 0.0 || a->n_units == 0)
        return nan("");
    return (a->sums[i] / (double)a->n_units) / (b->sums[i] / (double)b->n_units) - 1.0;
}

void world_truth_effect(const struct world_truth *truth, const double *values, const struct world_play *a,
                        const struct world_play *b, struct world_effect *ret)
{
    double squares = 0.0, squares_of[WORLD_TRUTH_WIDTH] = {0.0};
    *ret = (struct world_effect){.lift = 0.0};
    for (size_t i = 0; i < truth->width; i++)
        ret->relative[i] = relative(a, b, i);
    for (size_t h = 0; h < truth->n_heads; h++) {
        if (fpclassify(values[h]) != FP_ZERO)
            ret->lift += values[h] * ret->relative[WORLD_RUN_HEADS + h];
    }
    for (size_t u = 0; u < truth->n_users; u++) {
        double sum = 0.0;
        for (size_t i = 0; i < truth->width; i++) {
            const double d = residual(truth, a, b, u, i);
            squares_of[i] += d * d;
            if (i >= WORLD_RUN_HEADS && fpclassify(values[i - WORLD_RUN_HEADS]) != FP_ZERO)
                sum += values[i - WORLD_RUN_HEADS] * d;
        }
        squares += sum * sum;
    }
    ret->se = sqrt(squares);
    for (size_t i = 0; i < truth->width; i++)
        ret->relative_se[i] = sqrt(squares_of[i]);
}

double world_truth_unit_sd(const struct world_truth *truth, const double *values, const struct world_play *play)
{
    const double n = (double)play->n_units;
    double squares = 0.0;
    for (size_t u = 0; u < truth->n_users; u++) {
        const double *total = play->totals + u * truth->width;
        double d = 0.0;
        if (total[WORLD_RUN_REQUESTS] <= 0.0)
            continue;
        for (size_t h = 0; h < truth->n_heads; h++) {
            if (fpclassify(values[h]) != FP_ZERO && play->sums[WORLD_RUN_HEADS + h] > 0.0)
                d += values[h] * (total[WORLD_RUN_HEADS + h] / (play->sums[WORLD_RUN_HEADS + h] / n) - 1.0);
        }
        squares += d * d;
    }
    return n > 0.0 ? sqrt(squares / n) : nan("");
}
