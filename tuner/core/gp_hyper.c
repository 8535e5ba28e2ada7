#include "tuner/core/gp_hyper.h"

#include <math.h>
#include <string.h>

#include "tuner/core/climb.h"

static struct hyper_prior_entry normal(double mean, double sd, double lo, double hi)
{
    return (struct hyper_prior_entry){HYPER_PRIOR_NORMAL, mean, sd, 1.0, lo, hi};
}

static struct hyper_prior_entry gamma_of(double shape, double rate, double power, double lo, double hi)
{
    return (struct hyper_prior_entry){HYPER_PRIOR_GAMMA, shape, rate, power, lo, hi};
}

static void fix(struct hyper_prior_entry *entry, double value)
{
    entry->lo = entry->hi = value;
}

/* Root mean square of the noise that was told; 0 without points. */
static double noise_sd(const struct gp_data *data)
{
    const double *block = data->noise;
    double sum = 0.0;
    for (size_t r = 0; r < data->n_rounds; r++) {
        const size_t size = data->start[r + 1] - data->start[r];
        for (size_t i = 0; i < size; i++)
            sum += block[i * (size + 1)];
        block += size * size;
    }
    return data->n > 0 ? sqrt(sum / (double)data->n) : 0.0;
}

/* Of a warp that the noise leaves visible (warp.h). */
static double largest_warp(const struct gp_data *data)
{
    const double sd = noise_sd(data);
    return sd > 0.02 ? fmax(0.2 / sd, 0.02) : 10.0;
}

enum status hyper_prior_init(struct hyper_prior *prior, const char *name, const struct gp_data *data, bool round_effect,
                             struct err *err)
{
    const bool scaled = name == NULL || strcmp(name, "dimension-scaled") == 0;
    if (!scaled && strcmp(name, "gamma") != 0)
        return err_set(err, STATUS_INVALID, "hyper_prior \"%s\": known are dimension-scaled and gamma", name);
    const size_t dim = data->dim;
    prior->dim = dim;
    prior->round_effect = round_effect;
    for (size_t k = 0; k < dim; k++) {
        const double mode = sqrt(2.0) + 0.5 * log((double)dim) - 3.0;
        prior->entry[k] =
            scaled ? normal(mode, sqrt(3.0), log(0.01), log(100.0)) : gamma_of(3.0, 6.0, 1.0, log(0.01), log(100.0));
    }
    struct hyper_prior_entry *extra = prior->entry + dim;
    extra[GP_SCALE] = scaled ? normal(0.0, 1.0, log(0.02), log(50.0)) : gamma_of(2.0, 0.15, 2.0, log(0.02), log(50.0));
    extra[GP_MISFIT] = normal(log(0.02), 1.0, log(1e-3), 0.0);
    extra[GP_NOISE] = normal(-2.0, 1.0, log(1e-4), log(3.0));
    extra[GP_ROUND] = normal(log(0.03), 1.0, log(1e-4), 0.0);
    extra[GP_TREND] = normal(log(0.5), 0.7, log(0.01), log(10.0));
    extra[GP_WARP] = normal(log(0.05), 1.5, log(0.01), log(largest_warp(data)));
    bool unknown = false;
    for (size_t i = 0; i < data->n; i++)
        unknown = unknown || data->unknown[i];
    if (!unknown)
        fix(&extra[GP_NOISE], -2.0);
    if (!(data->warp_top > 0.0))
        fix(&extra[GP_WARP], log(0.05));
    if (data->trend == NULL)
        fix(&extra[GP_TREND], log(0.5));
    if (!round_effect)
        fix(&extra[GP_ROUND], log(0.03));
    return STATUS_OK;
}

double hyper_prior_density(const struct hyper_prior *prior, const double *theta, double *gradient)
{
    double sum = 0.0;
    for (size_t k = 0; k < prior->dim + GP_EXTRAS; k++) {
        const struct hyper_prior_entry *e = &prior->entry[k];
        double slope;
        if (e->kind == HYPER_PRIOR_NORMAL) {
            const double z = (theta[k] - e->a) / e->b;
            sum -= 0.5 * z * z;
            slope = -z / e->b;
        } else {
            const double value = exp(e->power * theta[k]);
            sum += (e->a - 1.0) * e->power * theta[k] - e->b * value;
            slope = e->power * (e->a - 1.0 - e->b * value);
        }
        if (gradient != NULL)
            gradient[k] += slope;
    }
    return sum;
}

struct map_run {
    struct gp_work *work;
    const struct hyper_prior *prior;
    struct gp_hyper hyper;
};

static double log_posterior(void *context, const double *theta, double *ret_gradient)
{
    struct map_run *run = context;
    double evidence;
    memcpy(run->hyper.theta, theta, (run->prior->dim + GP_EXTRAS) * sizeof *theta);
    if (gp_evidence(run->work, &run->hyper, &evidence, ret_gradient) != STATUS_OK)
        return -HUGE_VAL;
    return evidence + hyper_prior_density(run->prior, theta, ret_gradient);
}

static void start_point(const struct hyper_prior *prior, size_t number, double *ret_theta)
{
    static const double LENGTH[] = {1.0, 0.4, 2.5}; /* times 0.2 sqrt(dim), the scale of distances in the cube */
    static const double MISFIT[] = {0.02, 0.1, 0.02};
    static const double WARP[] = {0.1, 1.0, 0.3};
    const double length = log(LENGTH[number] * 0.2 * sqrt((double)prior->dim) + 0.1);
    for (size_t k = 0; k < prior->dim; k++)
        ret_theta[k] = length;
    ret_theta[prior->dim + GP_SCALE] = 0.0;
    ret_theta[prior->dim + GP_MISFIT] = log(MISFIT[number]);
    ret_theta[prior->dim + GP_NOISE] = prior->entry[prior->dim + GP_NOISE].a;
    ret_theta[prior->dim + GP_WARP] = log(WARP[number]);
    ret_theta[prior->dim + GP_TREND] = log(0.5);
    ret_theta[prior->dim + GP_ROUND] = prior->entry[prior->dim + GP_ROUND].a;
}

enum status hyper_map(struct gp_work *work, const struct hyper_prior *prior, enum kernel_kind kernel, size_t n_starts,
                      struct hyper_fit *ret, struct err *err)
{
    double lo[GP_MAX_DIM + GP_EXTRAS], hi[GP_MAX_DIM + GP_EXTRAS], theta[GP_MAX_DIM + GP_EXTRAS];
    for (size_t k = 0; k < prior->dim + GP_EXTRAS; k++) {
        lo[k] = prior->entry[k].lo;
        hi[k] = prior->entry[k].hi;
    }
    const struct climb_box box = {prior->dim + GP_EXTRAS, lo, hi};
    const struct climb_limits limits = {60, 1e-3};
    struct map_run run = {work, prior, {.kernel = kernel, .round_effect = prior->round_effect}};
    struct hyper_fit best = {.log_posterior = -HUGE_VAL};
    for (size_t i = 0; i < (n_starts > 0 ? n_starts : 1); i++) {
        double value;
        if (n_starts > 0)
            start_point(prior, i, theta);
        else
            memcpy(theta, ret->hyper.theta, sizeof theta);
        TRY(climb(&box, &limits, log_posterior, &run, theta, &value, err));
        if (value > best.log_posterior) {
            best.log_posterior = value;
            best.hyper = run.hyper;
            memcpy(best.hyper.theta, theta, sizeof theta);
        }
    }
    if (!(best.log_posterior > -1e11))
        return err_set(err, STATUS_NOT_PD, "no hyper-parameters give the observations a positive density");
    *ret = best;
    return STATUS_OK;
}
