#include "experiments/world/world.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/core/mem.h"

/* First label of the streams of the file's seed. */
enum stream { STREAM_ITEM = 1, STREAM_SEGMENT, STREAM_USER, STREAM_CHECKER, STREAM_CALIBRATION };

enum { CALIBRATION_USERS = 1024, DAYPARTS = 4 };

struct world {
    struct world_params params;
    uint64_t play_seed;
    struct world_item *items;
    double segment_taste[WORLD_MAX_SEGMENTS][WORLD_MAX_CATEGORIES];
    double intercept[WORLD_MAX_HEADS];
    double checker[WORLD_MAX_SEGMENTS * WORLD_MAX_CATEGORIES * DAYPARTS];
};

double world_sigmoid(double z)
{
    return 1.0 / (1.0 + exp(-z));
}

const struct world_params *world_params(const struct world *world)
{
    return &world->params;
}

uint64_t world_play_seed(const struct world *world)
{
    return world->play_seed;
}

const struct world_item *world_item(const struct world *world, size_t item)
{
    assert(item < (size_t)world->params.n_items);
    return &world->items[item];
}

double world_intercept(const struct world *world, size_t head)
{
    return world->intercept[head];
}

const char *world_column_name(size_t column)
{
    static const char *const names[WORLD_COLUMNS] = {"popularity", "loudness", "freshness"};
    return names[column];
}

void world_rng(const struct world *world, int64_t user, uint64_t a, uint64_t b, struct rng *ret)
{
    rng_init(ret, rng_mix(world->params.seed) ^ rng_mix(world->play_seed + 0x51ab), (uint64_t)user, rng_mix(a) ^ b);
}

/* A normal with correlation rho to the standard normal x. */
static double correlated(struct rng *rng, double rho, double x)
{
    return rho * x + sqrt(1.0 - rho * rho) * rng_normal(rng);
}

static void draw_item(const struct world_params *p, size_t i, struct world_item *item)
{
    struct rng rng;
    rng_init(&rng, p->seed, STREAM_ITEM, i);
    item->category = (int)(i % (size_t)p->n_categories);
    item->quality = rng_normal(&rng);
    item->bait = correlated(&rng, p->quality_bait, item->quality);
    item->novelty = rng_normal(&rng);
    item->column[0] = correlated(&rng, p->visible_quality, item->quality);
    item->column[1] = correlated(&rng, p->visible_bait, item->bait);
    item->column[2] = correlated(&rng, p->visible_novelty, item->novelty);
}

static int draw_segment(const struct world_params *p, double u)
{
    size_t s = 0;
    for (double sum = p->segments[0].share; u >= sum && s + 1 < p->n_segments;)
        sum += p->segments[++s].share;
    return (int)s;
}

static void draw_taste(const struct world *world, struct rng *rng, struct world_user *user)
{
    const struct world_params *p = &world->params;
    double best = -HUGE_VAL, sum = 0.0;
    for (int c = 0; c < p->n_categories; c++) {
        user->taste[c] = world->segment_taste[user->segment][c] + p->taste_spread * rng_normal(rng);
        const double declared = user->taste[c] + p->interest_noise * rng_normal(rng);
        if (declared > best) {
            best = declared;
            user->interest = c;
        }
        sum += exp(user->taste[c]);
        user->taste_cumulative[c] = sum;
    }
    for (int c = 0; c < p->n_categories; c++)
        user->taste_cumulative[c] /= sum;
}

/* Everything but taste. */
static void draw_traits(const struct world *world, int64_t index, struct rng *rng, struct world_user *user)
{
    const struct world_params *p = &world->params;
    if (index < p->log_users)
        rng_init(rng, p->seed, STREAM_USER, (uint64_t)index);
    else
        world_rng(world, index, STREAM_USER, 0, rng);
    user->index = index;
    user->segment = draw_segment(p, rng_uniform(rng));
    /* Exponential minus its mean: heavy upper tail, standard deviation 1. */
    const double own = -log(rng_open(rng)) - 1.0;
    user->activity = own + p->segments[user->segment].activity;
    user->skim = correlated(rng, p->skim_activity, own);
}

void world_user(const struct world *world, int64_t index, struct world_user *ret)
{
    struct rng rng;
    draw_traits(world, index, &rng, ret);
    draw_taste(world, &rng, ret);
}

double world_user_activity(const struct world *world, int64_t index)
{
    struct rng rng;
    struct world_user user;
    draw_traits(world, index, &rng, &user);
    return user.activity;
}

int world_user_arrival(const struct world *world, int64_t index)
{
    const struct world_params *p = &world->params;
    if (index < p->log_users)
        return (int)(index % p->log_days) - p->log_days;
    return (int)((index - p->log_users) / p->new_users_per_day);
}

int64_t world_first_user(const struct world *world, int day)
{
    assert(day >= 0);
    return world->params.log_users + (int64_t)day * world->params.new_users_per_day;
}

void world_unit_id(const struct world_user *user, char *ret)
{
    (void)snprintf(ret, WORLD_ID, "u%lld", (long long)user->index);
}

void world_model_user(const struct world *world, const struct world_user *user, char *ret)
{
    if (user->index < world->params.log_users)
        world_unit_id(user, ret);
    else
        (void)snprintf(ret, WORLD_ID, "new-%s-c%d", world->params.segments[user->segment].name, user->interest);
}

void world_item_id(size_t item, char *ret)
{
    (void)snprintf(ret, WORLD_ITEM_ID, "i%zu", item);
}

bool world_item_find(const struct world *world, const char *id, size_t *ret_item)
{
    if (id[0] != 'i' || id[1] == '\0' || strspn(id + 1, "0123456789") != strlen(id + 1) || strlen(id) > 9)
        return false;
    const size_t item = (size_t)strtoul(id + 1, NULL, 10);
    char again[WORLD_ITEM_ID];
    world_item_id(item, again);
    if (item >= (size_t)world->params.n_items || strcmp(id, again) != 0)
        return false;
    *ret_item = item;
    return true;
}

int64_t world_day_ms(const struct world *world, int day)
{
    return (world_days_from_date(world->params.start_day) + day) * 86400000;
}

static void draw_checker(struct world *world)
{
    const uint64_t key = rng_mix(world->params.seed + STREAM_CHECKER);
    for (uint64_t cell = 0; cell < sizeof world->checker / sizeof *world->checker; cell++)
        world->checker[cell] = (rng_mix(key ^ cell) & 1) != 0 ? 1.0 : -1.0;
}

/* +1 or -1, fixed for each (segment, category, daypart). */
static double checker(const struct world *world, int segment, int category, int hour)
{
    return world->checker[(segment * WORLD_MAX_CATEGORIES + category) * DAYPARTS + hour / (24 / DAYPARTS)];
}

static const double *shift_of_day(const struct world_params *p, int day)
{
    const double *effect = NULL;
    for (size_t i = 0; i < p->n_shifts && p->shifts[i].day <= day; i++)
        effect = p->shifts[i].effect;
    return effect;
}

/* The terms of z without the intercept. */
static void slopes(const struct world *world, const struct world_user *user, size_t item, int tab, int hour,
                   double *ret)
{
    const struct world_params *p = &world->params;
    const struct world_item *it = &world->items[item];
    const double chi = checker(world, user->segment, it->category, hour);
    for (size_t h = 0; h < p->n_heads; h++) {
        const struct world_head *head = &p->heads[h];
        ret[h] = head->taste * user->taste[it->category] + head->quality * it->quality + head->bait * it->bait +
                 head->novelty * it->novelty + head->skim * user->skim + head->checker * chi +
                 p->segments[user->segment].effect[h] + p->tabs[tab].effect[h];
    }
}

void world_logits(const struct world *world, const struct world_user *user, size_t item, int tab, int hour, int day,
                  double *ret)
{
    const struct world_params *p = &world->params;
    const int weekday = world_weekday(world_days_from_date(p->start_day) + day);
    const double *shift = shift_of_day(p, day);
    slopes(world, user, item, tab, hour, ret);
    for (size_t h = 0; h < p->n_heads; h++) {
        const struct world_head *head = &p->heads[h];
        ret[h] += world->intercept[h] + head->weekday[weekday] + (shift != NULL ? shift[h] : 0.0) +
                  (day > 0 ? head->drift * day : 0.0);
    }
}

static int draw_category(const struct world *world, const struct world_user *user, struct rng *rng)
{
    const int n = world->params.n_categories;
    if (rng_uniform(rng) >= world->params.focus)
        return (int)rng_below(rng, (uint64_t)n);
    const double u = rng_uniform(rng);
    int c = 0;
    while (c + 1 < n && u >= user->taste_cumulative[c])
        c++;
    return c;
}

static bool contains(const uint32_t *items, size_t n, uint32_t item)
{
    for (size_t i = 0; i < n; i++) {
        if (items[i] == item)
            return true;
    }
    return false;
}

void world_candidates(const struct world *world, const struct world_user *user, struct rng *rng, uint32_t *ret)
{
    const uint32_t n_items = (uint32_t)world->params.n_items, n_categories = (uint32_t)world->params.n_categories;
    uint64_t drawn = 0; /* bit i: some item = i modulo 64 is there; most draws need no search */
    for (size_t n = 0; n < (size_t)world->params.candidates; n++) {
        const uint32_t c = (uint32_t)draw_category(world, user, rng);
        const uint32_t in_category = (n_items - c + n_categories - 1) / n_categories;
        uint32_t item = c + n_categories * (uint32_t)rng_below(rng, in_category);
        while ((drawn >> (item % 64) & 1) != 0 && contains(ret, n, item)) /* ends: at most half are candidates */
            item = (item + 1) % n_items;
        drawn |= UINT64_C(1) << (item % 64);
        ret[n] = item;
    }
}

/* What the calibration sees: slopes [n * n_heads] of random users with one request's candidates each. */
static void sample_slopes(const struct world *world, double *ret)
{
    const struct world_params *p = &world->params;
    uint32_t items[WORLD_MAX_CANDIDATES];
    for (size_t i = 0; i < CALIBRATION_USERS; i++) {
        struct world_user user;
        struct rng rng;
        rng_init(&rng, p->seed, STREAM_CALIBRATION, i);
        world_user(world, (int64_t)rng_below(&rng, (uint64_t)p->log_users), &user);
        int tab = 0;
        const double u = rng_uniform(&rng);
        for (double sum = p->tabs[0].share; u >= sum && tab + 1 < (int)p->n_tabs;)
            sum += p->tabs[++tab].share;
        const int hour = (int)rng_below(&rng, 24);
        world_candidates(world, &user, &rng, items);
        for (size_t j = 0; j < (size_t)p->candidates; j++, ret += p->n_heads)
            slopes(world, &user, items[j], tab, hour, ret);
    }
}

/* Bisection for the intercept a with  sum_n weight_n sigmoid(a + slope_n) / sum_n weight_n = base. */
static double find_intercept(size_t n, size_t stride, const double *slope, const double *weight, double base)
{
    double lo = -40.0, hi = 40.0;
    for (int step = 0; step < 50; step++) {
        const double middle = 0.5 * (lo + hi);
        double sum = 0.0, total = 0.0;
        for (size_t i = 0; i < n; i++) {
            sum += weight[i] * world_sigmoid(middle + slope[i * stride]);
            total += weight[i];
        }
        if (sum < base * total)
            lo = middle;
        else
            hi = middle;
    }
    return 0.5 * (lo + hi);
}

/* Heads in order, so the probability of `after` is known when it is needed as the weight. */
static enum status calibrate(struct world *world, struct err *err)
{
    const struct world_params *p = &world->params;
    const size_t n = CALIBRATION_USERS * (size_t)p->candidates, stride = p->n_heads;
    double *slope = mem_alloc(n * stride, sizeof *slope), *weight = mem_alloc(n * (stride + 1), sizeof *weight);
    if (slope == NULL || weight == NULL) {
        mem_free(slope);
        mem_free(weight);
        return err_no_memory(err);
    }
    for (size_t i = 0; i < n; i++)
        weight[i] = 1.0; /* block 0: no head before; block h + 1: the probability of head h */
    sample_slopes(world, slope);
    for (size_t h = 0; h < p->n_heads; h++) {
        const double *before = weight + (size_t)(p->heads[h].after + 1) * n;
        double *own = weight + (h + 1) * n;
        world->intercept[h] = find_intercept(n, stride, slope + h, before, p->heads[h].base);
        for (size_t i = 0; i < n; i++)
            own[i] = before[i] * world_sigmoid(world->intercept[h] + slope[i * stride + h]);
    }
    mem_free(slope);
    mem_free(weight);
    return STATUS_OK;
}

enum status world_open(const struct world_params *params, uint64_t play_seed, struct world **ret, struct err *err)
{
    struct world *world = mem_alloc(1, sizeof *world);
    if (world == NULL)
        return err_no_memory(err);
    world->params = *params;
    world->play_seed = play_seed;
    enum status s = STATUS_OK;
    world->items = mem_alloc((size_t)params->n_items, sizeof *world->items);
    if (world->items == NULL) {
        s = err_no_memory(err);
        goto fail;
    }
    for (size_t i = 0; i < (size_t)params->n_items; i++)
        draw_item(params, i, &world->items[i]);
    for (size_t segment = 0; segment < params->n_segments; segment++) {
        struct rng rng;
        rng_init(&rng, params->seed, STREAM_SEGMENT, segment);
        for (int c = 0; c < params->n_categories; c++)
            world->segment_taste[segment][c] = rng_normal(&rng);
    }
    draw_checker(world);
    s = calibrate(world, err);
    if (s != STATUS_OK)
        goto fail;
    *ret = world;
    return STATUS_OK;
fail:
    world_close(world);
    return s;
}

void world_close(struct world *world)
{
    if (world == NULL)
        return;
    mem_free(world->items);
    mem_free(world);
}
