#include "tests/lib/article_tune.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/core/rng.h"

enum { POPULATION = 10, PARENTS = 3 };

static const double FIRST_STEP = 0.6, LAST_STEP = 0.05, MAX_LOG_SHARE = 4.0;

/* People on whom weights are tuned. */
struct rehearsal {
    const struct article_stage *stage;
    const struct article_search *search;
    size_t n_pairs;
    struct article_way binary;
    uint8_t part; /* of a log: whose gains count */
};

bool article_is_engagement(const struct article_stage *stage, const char *negative, size_t type)
{
    return strcmp(stage->types[type], negative) != 0;
}

static void shares_of(const struct rehearsal *r, const double *log_shares, double *ret)
{
    for (size_t k = 0; k < r->stage->n_types; k++)
        ret[k] = article_is_engagement(r->stage, r->search->negative, k) ? exp(log_shares[k]) : 0.0;
}

static double events_of(const struct article_way *way, size_t k)
{
    double sum = 0.0;
    for (size_t u = 0; u < way->n_users; u++)
        sum += way->events[u * way->n_types + k];
    return sum;
}

/* The smallest gain in volume over the binary ranker. */
static enum status smallest_gain(const struct rehearsal *r, const double *log_shares, double *ret, struct err *err)
{
    const struct article_stage *stage = r->stage;
    struct article_way way;
    double shares[DATASET_MAX_HEADS], gains[DATASET_MAX_HEADS];
    shares_of(r, log_shares, shares);
    TRY(article_way_new(stage->n_users, stage->n_types, &way, err));
    const enum status s = article_stage_play(stage, r->n_pairs, shares, &way, err);
    article_volumes(&way, &r->binary, stage->part, r->part, gains);
    *ret = HUGE_VAL;
    for (size_t k = 0; k < stage->n_types; k++) {
        if (article_is_engagement(stage, r->search->negative, k) &&
            events_of(&r->binary, k) >= (double)ARTICLE_MIN_EVENTS * (double)r->n_pairs)
            *ret = fmin(*ret, gains[k]);
    }
    article_way_done(&way);
    return s;
}

struct candidate {
    double x[DATASET_MAX_HEADS], gain;
};

static int by_gain(const void *left, const void *right)
{
    const struct candidate *a = left, *b = right;
    return (b->gain > a->gain) - (b->gain < a->gain);
}

static bool in_world(const struct rehearsal *r)
{
    return r->stage->part == NULL;
}

static enum status try_point(const struct rehearsal *r, struct candidate *candidate, struct candidate *best,
                             struct err *err)
{
    for (size_t k = 0; k < DATASET_MAX_HEADS; k++)
        candidate->x[k] = fmin(fmax(candidate->x[k], -MAX_LOG_SHARE), MAX_LOG_SHARE);
    TRY(smallest_gain(r, candidate->x, &candidate->gain, err));
    if (candidate->gain > best->gain)
        *best = *candidate;
    return STATUS_OK;
}

/* The log of a type's mean probability, less the middle of all. */
static void log_means(const struct article_stage *stage, double *ret)
{
    double low = HUGE_VAL, high = -HUGE_VAL;
    for (size_t k = 0; k < DATASET_MAX_HEADS; k++)
        ret[k] = 0.0;
    for (size_t k = 0; k < stage->n_types; k++) {
        ret[k] = log(stage->means[0][k]);
        low = fmin(low, ret[k]);
        high = fmax(high, ret[k]);
    }
    for (size_t k = 0; k < stage->n_types; k++)
        ret[k] -= (low + high) / 2.0;
}

/* The best of the shares that the header names. */
static enum status find_start(const struct rehearsal *r, struct candidate *ret, struct err *err)
{
    static const double POWERS[] = {0.0, 0.25, 0.5, 0.75, 1.0};
    double means[DATASET_MAX_HEADS];
    log_means(r->stage, means);
    for (size_t i = 0; i < sizeof POWERS / sizeof *POWERS; i++) {
        struct candidate start = {.gain = 0.0};
        for (size_t k = 0; k < DATASET_MAX_HEADS; k++)
            start.x[k] = POWERS[i] * means[k];
        TRY(try_point(r, &start, ret, err));
        if (r->search->progress != NULL)
            fprintf(r->search->progress, "start %g: smallest gain %+.2f %%\n", POWERS[i], 100.0 * start.gain);
    }
    return STATUS_OK;
}

/* (3/3, 10) evolution strategy, as in bench_world; the first member is the centre. */
static enum status tune(const struct rehearsal *r, double *ret, struct err *err)
{
    struct candidate tried[POPULATION];
    struct candidate best = {.gain = -HUGE_VAL};
    double centre[DATASET_MAX_HEADS] = {0.0};
    struct rng rng;
    rng_init(&rng, r->search->seed, 78, r->part);
    if (in_world(r)) {
        TRY(find_start(r, &best, err));
        memcpy(centre, best.x, sizeof centre);
    }
    for (int64_t round = 0; round < r->search->generations; round++) {
        const double step = FIRST_STEP * pow(LAST_STEP / FIRST_STEP, (double)round / (double)r->search->generations);
        for (size_t i = 0; i < POPULATION; i++) {
            for (size_t k = 0; k < DATASET_MAX_HEADS; k++)
                tried[i].x[k] = centre[k] + (i > 0 ? step * rng_normal(&rng) : 0.0);
            TRY(try_point(r, &tried[i], &best, err));
        }
        qsort(tried, POPULATION, sizeof *tried, by_gain);
        for (size_t k = 0; k < DATASET_MAX_HEADS; k++) {
            centre[k] = 0.0;
            for (size_t i = 0; i < PARENTS; i++)
                centre[k] += tried[i].x[k] / PARENTS;
        }
        if (r->search->progress != NULL)
            fprintf(r->search->progress, "generation %lld of %lld: smallest gain %+.2f %%, best %+.2f %%\n",
                    (long long)round + 1, (long long)r->search->generations, 100.0 * tried[0].gain, 100.0 * best.gain);
    }
    memcpy(ret, in_world(r) ? best.x : centre, sizeof centre);
    return STATUS_OK;
}

enum status article_tune(const struct article_stage *stage, const struct article_search *search, size_t n_pairs,
                         uint8_t part, double *ret_shares, struct err *err)
{
    struct rehearsal r = {.stage = stage, .search = search, .n_pairs = n_pairs, .part = part};
    double log_shares[DATASET_MAX_HEADS];
    TRY(article_way_new(stage->n_users, stage->n_types, &r.binary, err));
    enum status s = article_stage_play(stage, n_pairs, NULL, &r.binary, err);
    if (s == STATUS_OK)
        s = tune(&r, log_shares, err);
    article_way_done(&r.binary);
    if (s == STATUS_OK)
        shares_of(&r, log_shares, ret_shares);
    return s;
}

enum status article_tune_across(const struct article_stage *stage, const struct article_search *search,
                                double ret_shares[ARTICLE_PARTS][DATASET_MAX_HEADS], struct err *err)
{
    for (uint8_t part = 0; part < ARTICLE_PARTS; part++)
        TRY(article_tune(stage, search, stage->models->n, part, ret_shares[1 - part], err));
    return STATUS_OK;
}

/* The users of part 1 of `other` take their place in `way`. */
static void take_part(struct article_way *way, const struct article_way *other, const uint8_t *part)
{
    const size_t n = way->n_types;
    for (size_t u = 0; u < way->n_users; u++) {
        if (part[u] == 0)
            continue;
        memcpy(way->events + u * n, other->events + u * n, n * sizeof *way->events);
        memcpy(way->active + u * n, other->active + u * n, n * sizeof *way->active);
        way->requests[u] = other->requests[u];
        way->came[u] = other->came[u];
    }
}

enum status article_play_across(const struct article_stage *stage, double shares[ARTICLE_PARTS][DATASET_MAX_HEADS],
                                struct article_way *way, struct err *err)
{
    struct article_way other;
    TRY(article_stage_play(stage, stage->models->n, shares[0], way, err));
    if (stage->part == NULL)
        return STATUS_OK;
    TRY(article_way_new(stage->n_users, stage->n_types, &other, err));
    const enum status s = article_stage_play(stage, stage->models->n, shares[1], &other, err);
    if (s == STATUS_OK)
        take_part(way, &other, stage->part);
    article_way_done(&other);
    return s;
}
