#include "experiments/world/world_run.h"

#include <assert.h>

void world_run_users(const struct world_run *run, int64_t *ret_first, size_t *ret_n)
{
    const struct world_params *p = world_params(run->world);
    const int oldest = run->day - p->next_day.max, end = run->day + run->n_days;
    *ret_first = oldest <= 0 ? 0 : world_first_user(run->world, oldest);
    *ret_n = (size_t)((end <= 0 ? p->log_users : world_first_user(run->world, end)) - *ret_first);
}

static enum status play_visit(const struct world_run *run, struct world_visit *visit, struct world_response *response,
                              double *total, struct err *err)
{
    while (!visit->over) {
        uint32_t shown[WORLD_MAX_SHOW];
        size_t n = 0;
        TRY(run->policy(run->context, visit, &n, shown, err));
        struct world_visit before;
        if (run->witness != NULL)
            before = *visit;
        visit_respond(visit, n, shown, response);
        total[WORLD_RUN_REQUESTS] += 1.0;
        total[WORLD_RUN_IMPRESSIONS] += (double)n;
        for (size_t e = 0; e < response->n_events; e++)
            total[WORLD_RUN_HEADS + response->events[e].head] += 1.0;
        if (run->witness != NULL)
            TRY(run->witness(run->context, &before, n, shown, response, err));
    }
    return STATUS_OK;
}

static enum status play_day(const struct world_run *run, struct population *population, int day, int64_t first,
                            double *totals, struct err *err)
{
    const size_t width = WORLD_RUN_HEADS + world_params(run->world)->n_heads;
    const struct visitor *visitors;
    size_t n;
    struct world_visit visit;
    struct world_response response;
    TRY(population_day(population, day, &visitors, &n, err));
    for (size_t i = 0; i < n; i++) {
        visit_begin(&visit, run->world, visitors[i].user, day);
        TRY(play_visit(run, &visit, &response, totals + (size_t)(visitors[i].user - first) * width, err));
        population_remember(population, &visit);
    }
    return STATUS_OK;
}

enum status world_run(const struct world_run *run, double *totals, struct err *err)
{
    struct population *population = NULL;
    int64_t first;
    size_t n;
    world_run_users(run, &first, &n);
    enum status s = population_new(run->world, &population, err);
    for (int day = run->day; s == STATUS_OK && day < run->day + run->n_days; day++)
        s = play_day(run, population, day, first, totals, err);
    population_free(population);
    return s;
}
