#include "tuner/core/search.h"

#include <math.h>
#include <string.h>

#include "base/core/mem.h"
#include "tuner/core/design.h"
#include "tuner/core/sobol.h"

/* Steps around a centre, as shares of the natural step. */
static const double STEPS[] = {0.05, 0.15, 0.4, 0.1, 0.25};
enum { N_STEPS = sizeof STEPS / sizeof *STEPS };

static void add_local(const struct search *search, struct rng *rng, size_t number, double *ret)
{
    const double *center = search->centers + number % search->n_centers * search->dim;
    const double size = STEPS[number / search->n_centers % N_STEPS];
    const bool few = number / search->n_centers % 2 == 1 && search->dim > 2;
    const uint64_t forced = rng_below(rng, search->dim);
    for (size_t k = 0; k < search->dim; k++) {
        const double move = size * fmin(search->step[k], 0.5) * rng_normal(rng);
        const bool moved = !few || k == forced || rng_uniform(rng) < 2.0 / (double)search->dim;
        const double x = center[k] + (moved ? move : 0.0);
        ret[k] = fmin(fmax(x, 0.0), 1.0);
    }
}

/* Integer coordinates move by whole levels: a normal step that is too small to move is no candidate. */
void search_candidates(const struct search *search, struct rng *rng, double *ret)
{
    struct sobol sobol;
    const size_t dim = search->dim;
    sobol_init(&sobol, dim, rng);
    for (size_t i = 0; i < search->n_global; i++)
        sobol_next(&sobol, ret + i * dim);
    for (size_t i = 0; i < search->n_local; i++)
        add_local(search, rng, i, ret + (search->n_global + i) * dim);
    for (size_t i = 0; i < search->n_global + search->n_local; i++)
        design_snap(dim, search->levels, ret + i * dim);
}

static bool far_from_all(size_t dim, const double *x, size_t n, const double *others, double distance)
{
    for (size_t i = 0; i < n; i++) {
        double sum = 0.0;
        for (size_t k = 0; k < dim; k++)
            sum += (x[k] - others[i * dim + k]) * (x[k] - others[i * dim + k]);
        if (sum < distance * distance)
            return false;
    }
    return true;
}

/* The best candidates, far from each other, into ret_start [n_climbs * dim]; returns how many. */
static size_t pick_starts(const struct search *search, size_t m, const double *x, double *value, double *ret_start)
{
    const size_t dim = search->dim;
    const double distance = 0.05 * sqrt((double)dim);
    size_t picked = 0;
    while (picked < search->n_climbs) {
        size_t best = SIZE_MAX;
        for (size_t i = 0; i < m; i++) {
            if (!isnan(value[i]) && (best == SIZE_MAX || value[i] > value[best]))
                best = i;
        }
        if (best == SIZE_MAX)
            break;
        value[best] = nan("");
        if (far_from_all(dim, x + best * dim, picked, ret_start, distance))
            memcpy(ret_start + picked++ * dim, x + best * dim, dim * sizeof *x);
    }
    return picked;
}

static enum status climb_from(const struct search *search, const struct search_target *target, double *x,
                              double *ret_value, struct err *err)
{
    double lo[SOBOL_MAX_DIM], hi[SOBOL_MAX_DIM];
    for (size_t k = 0; k < search->dim; k++) {
        const bool integer = search->levels != NULL && search->levels[k] > 0;
        lo[k] = integer ? x[k] : 0.0;
        hi[k] = integer ? x[k] : 1.0;
    }
    const struct climb_box box = {search->dim, lo, hi};
    const struct climb_limits limits = {search->n_evaluations, search->tolerance};
    return climb(&box, &limits, target->climb, target->context, x, ret_value, err);
}

/* Single steps of integer coordinates while they help. */
static void step_integers(const struct search *search, const struct search_target *target, double *x, double *value)
{
    bool moved = search->levels != NULL;
    for (size_t pass = 0; moved && pass < 10; pass++) {
        moved = false;
        for (size_t k = 0; k < search->dim; k++) {
            if (search->levels[k] < 2)
                continue;
            const double here = x[k], step = 1.0 / (double)(search->levels[k] - 1);
            double best = here;
            for (int side = -1; side <= 1; side += 2) {
                double there;
                x[k] = here + side * step;
                if (x[k] < -1e-9 || x[k] > 1.0 + 1e-9)
                    continue;
                design_snap(search->dim, search->levels, x);
                target->score(target->context, 1, x, &there);
                if (there > *value) {
                    *value = there;
                    best = x[k];
                    moved = true;
                }
            }
            x[k] = best;
        }
    }
}

enum status search_maximise(const struct search *search, const struct search_target *target, struct rng *rng,
                            double *ret_x, double *ret_value, struct err *err)
{
    const size_t dim = search->dim, m = search->n_global + search->n_local;
    double *x = mem_alloc(m * dim + m + search->n_climbs * dim, sizeof *x);
    if (x == NULL)
        return err_no_memory(err);
    double *value = x + m * dim, *start = value + m, best = -HUGE_VAL;
    enum status s = STATUS_OK;
    search_candidates(search, rng, x);
    target->score(target->context, m, x, value);
    memcpy(ret_x, x, dim * sizeof *x);
    const size_t n_starts = pick_starts(search, m, x, value, start);
    for (size_t i = 0; i < n_starts; i++) {
        double reached = -HUGE_VAL, *from = start + i * dim;
        s = climb_from(search, target, from, &reached, err);
        if (s != STATUS_OK)
            goto done;
        step_integers(search, target, from, &reached);
        if (reached > best) {
            best = reached;
            memcpy(ret_x, from, dim * sizeof *x);
        }
    }
    *ret_value = best;
done:
    mem_free(x);
    return s;
}
