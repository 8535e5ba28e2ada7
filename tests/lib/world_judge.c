#include "tests/lib/world_judge.h"

#include <math.h>
#include <string.h>

#include "base/core/mem.h"

struct kept {
    double weights[WORLD_MAX_HEADS];
    struct world_effect effect;
};

struct seat {
    struct world_truth *truth;
    struct world_play control, other;
};

struct world_judge {
    double values[WORLD_MAX_HEADS];
    size_t n_heads, n_seats, n_kept;
    struct seat *seats;
    struct kept *kept;
};

static enum status open_seats(struct world_judge *judge, const struct world_judge_options *options, struct err *err)
{
    judge->seats = mem_alloc(options->n_seeds, sizeof *judge->seats);
    if (judge->seats == NULL)
        return err_no_memory(err);
    for (; judge->n_seats < options->n_seeds; judge->n_seats++) {
        struct seat *seat = &judge->seats[judge->n_seats];
        struct world_truth_span span = options->span;
        span.play_seed += judge->n_seats;
        TRY(world_truth_open(options->params, options->ranker, options->scores, &span, &seat->truth, err));
        TRY(world_truth_play(seat->truth, options->control, &seat->control, err));
    }
    return STATUS_OK;
}

enum status world_judge_open(const struct world_judge_options *options, struct world_judge **ret, struct err *err)
{
    struct world_judge *judge = mem_alloc(1, sizeof *judge);
    if (judge == NULL)
        return err_no_memory(err);
    judge->n_heads = options->params->n_heads;
    memcpy(judge->values, options->values, judge->n_heads * sizeof *judge->values);
    const enum status s = open_seats(judge, options, err);
    if (s != STATUS_OK) {
        judge->n_seats = judge->seats != NULL ? options->n_seeds : 0; /* the half-open one, too */
        world_judge_close(judge);
        return s;
    }
    *ret = judge;
    return STATUS_OK;
}

void world_judge_close(struct world_judge *judge)
{
    if (judge == NULL)
        return;
    for (size_t i = 0; i < judge->n_seats; i++) {
        world_play_done(&judge->seats[i].control);
        world_play_done(&judge->seats[i].other);
        world_truth_close(judge->seats[i].truth);
    }
    mem_free(judge->seats);
    mem_free(judge->kept);
    mem_free(judge);
}

static enum status weigh(struct world_judge *judge, const double *weights, struct world_effect *ret, struct err *err)
{
    const double n = (double)judge->n_seats;
    *ret = (struct world_effect){.lift = 0.0};
    for (size_t i = 0; i < judge->n_seats; i++) {
        struct seat *seat = &judge->seats[i];
        struct world_effect effect;
        TRY(world_truth_play(seat->truth, weights, &seat->other, err));
        world_truth_effect(seat->truth, judge->values, &seat->other, &seat->control, &effect);
        ret->lift += effect.lift / n;
        ret->se = hypot(ret->se, effect.se / n);
        for (size_t k = 0; k < WORLD_RUN_HEADS + judge->n_heads; k++) {
            ret->relative[k] += effect.relative[k] / n;
            ret->relative_se[k] = hypot(ret->relative_se[k], effect.relative_se[k] / n);
        }
    }
    return STATUS_OK;
}

enum status world_judge_weigh(struct world_judge *judge, const double *weights, struct world_effect *ret,
                              struct err *err)
{
    const size_t size = judge->n_heads * sizeof *weights;
    for (size_t i = 0; i < judge->n_kept; i++) {
        if (memcmp(judge->kept[i].weights, weights, size) == 0) {
            *ret = judge->kept[i].effect;
            return STATUS_OK;
        }
    }
    TRY(weigh(judge, weights, ret, err));
    struct kept *kept = mem_resize(judge->kept, judge->n_kept + 1, sizeof *kept);
    if (kept == NULL)
        return err_no_memory(err);
    judge->kept = kept;
    kept[judge->n_kept] = (struct kept){.effect = *ret};
    memcpy(kept[judge->n_kept++].weights, weights, size);
    return STATUS_OK;
}

double world_judge_unit_sd(const struct world_judge *judge)
{
    return world_truth_unit_sd(judge->seats[0].truth, judge->values, &judge->seats[0].control);
}

const struct world_play *world_judge_control(const struct world_judge *judge)
{
    return &judge->seats[0].control;
}
