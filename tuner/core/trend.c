#include "tuner/core/trend.h"

#include <math.h>
#include <string.h>

#include "base/core/mem.h"
#include "tuner/core/kernel.h"
#include "tuner/core/linalg.h"

static const double LENGTH[] = {0.25, 0.5, 1.0, 2.0}; /* times sqrt(dim) */
static const double NUGGET = 1e-4;                    /* of the variance */
static const double PI = 3.14159265358979323846;
enum { N_LENGTHS = sizeof LENGTH / sizeof *LENGTH };

struct trend {
    size_t dim, n_features, n;
    size_t n_waves; /* of each coordinate; 0: previews, below */
    double inv_length, error;
    double *x;                         /* [n * dim] */
    double *weight;                    /* [n * n_features] inverse kernel times centred values */
    double offset[TREND_MAX_FEATURES]; /* subtracted: the value at the control */
};

void trend_free(struct trend *trend)
{
    if (trend == NULL)
        return;
    mem_free(trend->x);
    mem_free(trend->weight);
    mem_free(trend);
}

size_t trend_n_features(const struct trend *trend)
{
    return trend != NULL ? trend->n_features : 0;
}

/* Kernel and, unless NULL, dg / d r^2 between x and the points. */
static void correlate(const struct trend *trend, const double *x, double *ret_k, double *ret_slope)
{
    const size_t dim = trend->dim;
    const double factor = trend->inv_length * trend->inv_length;
    for (size_t i = 0; i < trend->n; i++) {
        double sum = 0.0;
        for (size_t k = 0; k < dim; k++) {
            const double d = x[k] - trend->x[i * dim + k];
            sum += d * d;
        }
        ret_k[i] = factor * sum;
    }
    kernel_shape(KERNEL_MATERN52, trend->n, ret_k, ret_k, ret_slope);
}

static double wave_height(const struct trend *trend, size_t h)
{
    return sqrt(2.0 / ((double)trend->dim * (double)(h + 1)));
}

/* cos and sin of h pi x for h = 1 .. n_waves, each from the one before by the sum of two angles. */
static void harmonics(const struct trend *trend, double x, double *ret_cos, double *ret_sin)
{
    const double c = cos(PI * x), s = sin(PI * x);
    double ch = 1.0, sh = 0.0;
    for (size_t h = 0; h < trend->n_waves; h++) {
        const double next = ch * c - sh * s;
        sh = sh * c + ch * s;
        ch = next;
        ret_cos[h] = ch;
        ret_sin[h] = sh;
    }
}

static void waves_at(const struct trend *trend, size_t m, const double *x, double *ret)
{
    double height[TREND_MAX_WAVES], ch[TREND_MAX_WAVES], sh[TREND_MAX_WAVES];
    for (size_t h = 0; h < trend->n_waves; h++)
        height[h] = wave_height(trend, h);
    for (size_t i = 0; i < m * trend->dim; i++) {
        harmonics(trend, x[i], ch, sh);
        for (size_t h = 0; h < trend->n_waves; h++)
            *ret++ = height[h] * ch[h];
    }
}

static void wave_slopes(const struct trend *trend, const double *x, double *ret_jacobian)
{
    double ch[TREND_MAX_WAVES], sh[TREND_MAX_WAVES];
    for (size_t k = 0; k < trend->dim; k++) {
        harmonics(trend, x[k], ch, sh);
        for (size_t h = 0; h < trend->n_waves; h++)
            ret_jacobian[(k * trend->n_waves + h) * trend->dim + k] =
                -PI * (double)(h + 1) * wave_height(trend, h) * sh[h];
    }
}

void trend_at(const struct trend *trend, size_t m, const double *x, double *ret)
{
    double k[TREND_MAX_POINTS];
    if (trend->n_waves > 0) {
        waves_at(trend, m, x, ret);
        return;
    }
    for (size_t p = 0; p < m; p++) {
        double *to = ret + p * trend->n_features;
        correlate(trend, x + p * trend->dim, k, NULL);
        memset(to, 0, trend->n_features * sizeof *to);
        for (size_t i = 0; i < trend->n; i++) {
            for (size_t h = 0; h < trend->n_features; h++)
                to[h] += k[i] * trend->weight[i * trend->n_features + h];
        }
        for (size_t h = 0; h < trend->n_features; h++)
            to[h] -= trend->offset[h];
    }
}

void trend_slopes(const struct trend *trend, const double *x, double *ret_jacobian)
{
    double k[TREND_MAX_POINTS], slope[TREND_MAX_POINTS];
    const size_t dim = trend->dim;
    const double factor = 2.0 * trend->inv_length * trend->inv_length;
    memset(ret_jacobian, 0, trend->n_features * dim * sizeof *ret_jacobian);
    if (trend->n_waves > 0) {
        wave_slopes(trend, x, ret_jacobian);
        return;
    }
    correlate(trend, x, k, slope);
    for (size_t i = 0; i < trend->n; i++) {
        for (size_t h = 0; h < trend->n_features; h++) {
            const double w = factor * slope[i] * trend->weight[i * trend->n_features + h];
            for (size_t c = 0; c < dim; c++)
                ret_jacobian[h * dim + c] += w * (x[c] - trend->x[i * dim + c]);
        }
    }
}

/* Values less their mean; their standard deviations. */
static void center(const struct trend *trend, const double *value, double *ret_value, double *ret_sd)
{
    const size_t n = trend->n, width = trend->n_features;
    for (size_t h = 0; h < width; h++) {
        double mean = 0.0, squares = 0.0;
        for (size_t i = 0; i < n; i++)
            mean += value[i * width + h] / (double)n;
        for (size_t i = 0; i < n; i++) {
            ret_value[i * width + h] = value[i * width + h] - mean;
            squares += ret_value[i * width + h] * ret_value[i * width + h];
        }
        ret_sd[h] = sqrt(squares / (double)n);
    }
}

/* Weights for the lengthscale and the leave-one-out error, residual_i = (K^-1 y)_i / (K^-1)_ii.  matrix [n * n]. */
static enum status fit(struct trend *trend, double inv_length, const double *centred, const double *sd, double *matrix,
                       double *ret_weight, double *ret_error)
{
    const size_t n = trend->n, width = trend->n_features;
    trend->inv_length = inv_length;
    for (size_t i = 0; i < n; i++) {
        correlate(trend, trend->x + i * trend->dim, matrix + i * n, NULL);
        matrix[i * n + i] += NUGGET;
    }
    TRY(chol_factor(n, matrix));
    memcpy(ret_weight, centred, n * width * sizeof *centred);
    chol_solve(n, matrix, width, ret_weight);
    chol_invert(n, matrix);
    *ret_error = 0.0;
    for (size_t h = 0; h < width; h++) {
        double squares = 0.0;
        for (size_t i = 0; i < n; i++) {
            const double residual = ret_weight[i * width + h] / matrix[i * n + i];
            squares += residual * residual;
        }
        *ret_error = fmax(*ret_error, sd[h] > 0.0 ? sqrt(squares / (double)n) / sd[h] : 0.0);
    }
    return STATUS_OK;
}

static enum status choose_length(struct trend *trend, const double *value, struct err *err)
{
    const size_t n = trend->n, width = trend->n_features;
    double sd[TREND_MAX_FEATURES], error = 0.0, best_length = 0.0;
    double *block = mem_alloc(n * n + 2 * n * width, sizeof *block);
    if (block == NULL)
        return err_no_memory(err);
    double *matrix = block, *centred = block + n * n, *weight = centred + n * width;
    center(trend, value, centred, sd);
    trend->error = HUGE_VAL;
    for (size_t i = 0; i < N_LENGTHS; i++) {
        const double inv_length = 1.0 / (LENGTH[i] * sqrt((double)trend->dim));
        if (fit(trend, inv_length, centred, sd, matrix, weight, &error) != STATUS_OK || !(error < trend->error))
            continue;
        trend->error = error;
        best_length = inv_length;
        memcpy(trend->weight, weight, n * width * sizeof *weight);
    }
    trend->inv_length = best_length;
    mem_free(block);
    return isfinite(trend->error) ? STATUS_OK
                                  : err_set(err, STATUS_NOT_PD, "%zu previewed points cannot be interpolated", n);
}

static enum status check(size_t dim, size_t n_features, size_t n, const double *x, const double *value, struct err *err)
{
    if (n_features < 1 || n_features > TREND_MAX_PREVIEWS || n < 2 || n > TREND_MAX_POINTS)
        return err_set(err, STATUS_INVALID, "%zu previews of %zu features: allowed are 2 to %d of 1 to %d", n,
                       n_features, TREND_MAX_POINTS, TREND_MAX_PREVIEWS);
    for (size_t i = 0; i < n * dim; i++) {
        if (!(fabs(x[i]) <= 1000.0))
            return err_set(err, STATUS_INVALID, "previewed point %zu: coordinate %zu is %g: allowed are -1000 to 1000",
                           i / dim, i % dim, x[i]);
    }
    for (size_t i = 0; i < n * n_features; i++) {
        if (!(fabs(value[i]) <= 1e6))
            return err_set(err, STATUS_INVALID, "previewed point %zu: value %zu is %g: allowed are -1e6 to 1e6",
                           i / n_features, i % n_features, value[i]);
    }
    return STATUS_OK;
}

enum status trend_new(size_t dim, size_t n_features, size_t n, const double *x, const double *value,
                      const double *control, struct trend **ret, struct err *err)
{
    TRY(check(dim, n_features, n, x, value, err));
    struct trend *trend = mem_alloc(1, sizeof *trend);
    if (trend == NULL)
        return err_no_memory(err);
    trend->dim = dim;
    trend->n_features = n_features;
    trend->n = n;
    trend->x = mem_alloc(n * dim, sizeof *trend->x);
    trend->weight = mem_alloc(n * n_features, sizeof *trend->weight);
    enum status s = STATUS_OK;
    if (trend->x == NULL || trend->weight == NULL)
        s = err_no_memory(err);
    if (s == STATUS_OK) {
        memcpy(trend->x, x, n * dim * sizeof *x);
        s = choose_length(trend, value, err);
    }
    if (s != STATUS_OK) {
        trend_free(trend);
        return s;
    }
    double at_control[TREND_MAX_FEATURES];
    trend_at(trend, 1, control, at_control);
    memcpy(trend->offset, at_control, n_features * sizeof *at_control);
    *ret = trend;
    return STATUS_OK;
}

enum status trend_new_waves(size_t dim, struct trend **ret, struct err *err)
{
    struct trend *trend = mem_alloc(1, sizeof *trend);
    if (trend == NULL)
        return err_no_memory(err);
    trend->dim = dim;
    trend->n_waves = TREND_MAX_FEATURES / dim < TREND_MAX_WAVES ? TREND_MAX_FEATURES / dim : TREND_MAX_WAVES;
    trend->n_features = dim * trend->n_waves;
    *ret = trend;
    return STATUS_OK;
}
