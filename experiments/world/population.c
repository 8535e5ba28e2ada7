#include "experiments/world/population.h"

#include <math.h>
#include <stdlib.h>

#include "base/core/mem.h"

enum { STREAM_COMES = 200 };

/* Of a user. */
struct known {
    double activity; /* NAN: not drawn yet */
    float memory;    /* m_u */
};

struct population {
    const struct world *world; /* borrowed */
    struct known *known;       /* by user index */
    size_t n_known;
    struct visitor *visitors;
    size_t capacity;
};

enum status population_new(const struct world *world, struct population **ret, struct err *err)
{
    struct population *population = mem_alloc(1, sizeof *population);
    if (population == NULL)
        return err_no_memory(err);
    population->world = world;
    *ret = population;
    return STATUS_OK;
}

void population_free(struct population *population)
{
    if (population == NULL)
        return;
    mem_free(population->known);
    mem_free(population->visitors);
    mem_free(population);
}

static enum status grow(struct population *population, size_t n, struct err *err)
{
    if (n <= population->n_known)
        return STATUS_OK;
    struct known *known = mem_resize(population->known, n, sizeof *known);
    if (known == NULL)
        return err_no_memory(err);
    for (size_t i = population->n_known; i < n; i++)
        known[i] = (struct known){nan(""), 0.0f};
    population->known = known;
    population->n_known = n;
    return STATUS_OK;
}

static bool comes(struct population *population, int64_t index, int day)
{
    const struct world *world = population->world;
    const struct world_going_on *g = &world_params(world)->next_day;
    const int age = day - world_user_arrival(world, index);
    if (age <= 0 || age > g->max)
        return age == 0;
    struct rng rng;
    world_rng(world, index, STREAM_COMES, (uint64_t)(uint32_t)day, &rng);
    struct known *known = &population->known[index];
    if (isnan(known->activity))
        known->activity = world_user_activity(world, index);
    return rng_uniform(&rng) < world_sigmoid(g->start + g->activity * known->activity +
                                             g->satisfaction * (double)known->memory - g->fatigue * age);
}

static int by_hour(const void *a, const void *b)
{
    const struct visitor *x = a, *y = b;
    if (x->hour != y->hour)
        return x->hour < y->hour ? -1 : 1;
    return (x->user > y->user) - (x->user < y->user);
}

enum status population_day(struct population *population, int day, const struct visitor **ret, size_t *ret_n,
                           struct err *err)
{
    const struct world_params *p = world_params(population->world);
    const int64_t end = day < 0 ? p->log_users : world_first_user(population->world, day + 1);
    const int oldest = day - p->next_day.max;
    const int64_t begin = oldest <= 0 ? 0 : world_first_user(population->world, oldest);
    TRY(grow(population, (size_t)end, err));
    size_t n = 0;
    for (int64_t user = begin; user < end; user++) {
        if (!comes(population, user, day))
            continue;
        if (n == population->capacity) {
            const size_t capacity = 2 * n + 1024;
            struct visitor *visitors = mem_resize(population->visitors, capacity, sizeof *visitors);
            if (visitors == NULL)
                return err_no_memory(err);
            population->visitors = visitors;
            population->capacity = capacity;
        }
        population->visitors[n++] = (struct visitor){user, visit_hour(population->world, user, day)};
    }
    if (n > 0)
        qsort(population->visitors, n, sizeof *population->visitors, by_hour);
    *ret = population->visitors;
    *ret_n = n;
    return STATUS_OK;
}

void population_remember(struct population *population, const struct world_visit *visit)
{
    const double keep = world_params(population->world)->memory;
    float *m = &population->known[visit->user.index].memory;
    *m = (float)(keep * (double)*m + (1.0 - keep) * visit_mean_satisfaction(visit));
}
