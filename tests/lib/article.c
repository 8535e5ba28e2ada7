#include "tests/lib/article.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/core/mem.h"
#include "base/core/rng.h"

enum { STREAM = 600, PER_TYPE = 3 };

enum status article_way_new(size_t n_users, size_t n_types, struct article_way *ret, struct err *err)
{
    *ret = (struct article_way){.n_users = n_users, .n_types = n_types};
    ret->events = mem_alloc(n_users * n_types, sizeof *ret->events);
    ret->active = mem_alloc(n_users * n_types, sizeof *ret->active);
    ret->requests = mem_alloc(n_users, sizeof *ret->requests);
    ret->came = mem_alloc(n_users, sizeof *ret->came);
    if (ret->events != NULL && ret->active != NULL && ret->requests != NULL && ret->came != NULL)
        return STATUS_OK;
    article_way_done(ret);
    return err_no_memory(err);
}

void article_way_done(struct article_way *way)
{
    mem_free(way->events);
    mem_free(way->active);
    mem_free(way->requests);
    mem_free(way->came);
    *way = (struct article_way){0};
}

void article_way_add(struct article_way *way, const double *totals)
{
    for (size_t u = 0; u < way->n_users; u++) {
        const double *total = totals + u * (WORLD_RUN_HEADS + way->n_types);
        way->requests[u] += total[WORLD_RUN_REQUESTS];
        way->came[u] += total[WORLD_RUN_REQUESTS] > 0.0 ? 1.0 : 0.0;
        for (size_t k = 0; k < way->n_types; k++) {
            way->events[u * way->n_types + k] += total[WORLD_RUN_HEADS + k];
            way->active[u * way->n_types + k] += total[WORLD_RUN_HEADS + k] > 0.0 ? 1.0 : 0.0;
        }
    }
}

/* Of a sample of users. */
struct sums {
    double requests, came, events[DATASET_MAX_HEADS], active[DATASET_MAX_HEADS];
};

static void add_user(const struct article_way *way, size_t u, struct sums *sums)
{
    sums->requests += way->requests[u];
    sums->came += way->came[u];
    for (size_t k = 0; k < way->n_types; k++) {
        sums->events[k] += way->events[u * way->n_types + k];
        sums->active[k] += way->active[u * way->n_types + k];
    }
}

static struct article_effect effect_of(double a, double over_a, double b, double over_b)
{
    const double none = nan("");
    struct article_effect e = {over_a > 0.0 ? a / over_a : none, over_b > 0.0 ? b / over_b : none, none, none, none};
    e.value = e.b > 0.0 ? e.a / e.b - 1.0 : none;
    return e;
}

/* Statistic 0: requests; then for each type volume, per user, propensity. */
static struct article_effect statistic(const struct sums *a, const struct sums *b, size_t s)
{
    const size_t k = (s - 1) / PER_TYPE;
    if (s == 0)
        return effect_of(a->requests, a->came, b->requests, b->came);
    if (s % PER_TYPE == 1)
        return effect_of(a->events[k], a->requests, b->events[k], b->requests);
    if (s % PER_TYPE == 2)
        return effect_of(a->events[k], a->came, b->events[k], b->came);
    return effect_of(a->active[k], a->came, b->active[k], b->came);
}

static int by_value(const void *left, const void *right)
{
    const double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* Of the replicates that are numbers; sorts them. */
static void percentiles(double *values, size_t n, struct article_effect *ret)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (isfinite(values[i]))
            values[kept++] = values[i];
    }
    if (kept < 2)
        return;
    qsort(values, kept, sizeof *values, by_value);
    ret->lo = values[(size_t)(0.025 * (double)(kept - 1) + 0.5)];
    ret->hi = values[(size_t)(0.975 * (double)(kept - 1) + 0.5)];
}

/* values [statistics * replicates] */
static void resample(const struct article_way *a, const struct article_way *b, const uint32_t *users, size_t n,
                     size_t replicates, uint64_t seed, double *values)
{
    for (size_t r = 0; r < replicates; r++) {
        struct sums of_a = {0}, of_b = {0};
        struct rng rng;
        rng_init(&rng, seed, STREAM, r);
        for (size_t i = 0; i < n; i++) {
            const size_t u = users[rng_below(&rng, n)];
            add_user(a, u, &of_a);
            add_user(b, u, &of_b);
        }
        for (size_t s = 0; s < 1 + PER_TYPE * a->n_types; s++)
            values[s * replicates + r] = statistic(&of_a, &of_b, s).value;
    }
}

static struct article_effect *place(struct article_comparison *c, size_t s)
{
    struct article_effect *const lists[PER_TYPE] = {c->volume, c->per_user, c->propensity};
    return s == 0 ? &c->requests : &lists[(s - 1) % PER_TYPE][(s - 1) / PER_TYPE];
}

enum status article_compare(const struct article_way *a, const struct article_way *b, size_t replicates, uint64_t seed,
                            struct article_comparison *ret, struct err *err)
{
    const size_t statistics = 1 + PER_TYPE * a->n_types;
    struct sums of_a = {0}, of_b = {0};
    uint32_t *users = mem_alloc(a->n_users, sizeof *users);
    double *values = mem_alloc(statistics * replicates, sizeof *values);
    enum status status = STATUS_OK;
    *ret = (struct article_comparison){0};
    if (users == NULL || values == NULL) {
        status = err_no_memory(err);
        goto out;
    }
    for (size_t u = 0; u < a->n_users; u++) {
        if (a->came[u] > 0.0 || b->came[u] > 0.0)
            users[ret->n_users++] = (uint32_t)u;
        add_user(a, u, &of_a);
        add_user(b, u, &of_b);
    }
    resample(a, b, users, ret->n_users, ret->n_users > 0 ? replicates : 0, seed, values);
    for (size_t s = 0; s < statistics; s++) {
        *place(ret, s) = statistic(&of_a, &of_b, s);
        percentiles(values + s * replicates, ret->n_users > 0 ? replicates : 0, place(ret, s));
    }
out:
    mem_free(users);
    mem_free(values);
    return status;
}

void article_volumes(const struct article_way *a, const struct article_way *b, const uint8_t *part, uint8_t which,
                     double *ret_effects)
{
    struct sums of_a = {0}, of_b = {0};
    for (size_t u = 0; u < a->n_users; u++) {
        if (part == NULL || part[u] == which) {
            add_user(a, u, &of_a);
            add_user(b, u, &of_b);
        }
    }
    for (size_t k = 0; k < a->n_types; k++)
        ret_effects[k] = statistic(&of_a, &of_b, 1 + PER_TYPE * k).value;
}
