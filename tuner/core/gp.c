#include "tuner/core/gp.h"

#include <math.h>
#include <string.h>

#include <gsl/gsl_cblas.h>

#include "base/core/mem.h"
#include "tuner/core/linalg.h"

/* Added to the diagonal of every covariance, relative to s^2: exact observations of a smooth function are nearly
 * linearly dependent. */
static const double NUGGET = 1e-8;
static const double LOG_2PI = 1.8378770664093453;

struct gp_work {
    const struct gp_data *data;
    size_t n, m; /* observations; points with the control */
    double inv_lengthscale[GP_MAX_DIM];
    double s2, t2, misfit, noise, round;
    double *points;  /* [m * dim] */
    double *scaled;  /* [m * dim] */
    double *product; /* [m * dim] */
    double *norm;    /* [m] */
    double *shape;   /* [m * m] g */
    double *slope;   /* [m * m] dg / d r^2 */
    double *prior;   /* [n * n] conditioned kernel, lower triangle */
    double *chol;    /* [n * n] factor, then inverse, of the covariance of y */
    double *alpha;   /* [n] */
    double *v;       /* [n] k(x_i, c) / k(c, c) without the trend, which is 0 there */
    size_t n_features;
    double trend;     /* tau^2 in units of y */
    double *features; /* [n * n_features] g */
    double *linear;   /* [n * n] g g', lower triangle */
    double *weight;   /* [m * m] contraction weights of the plain kernel */
    double *scratch;  /* [m] */
    struct warp warp;
    double *y, *block; /* [n], the noise of data: after the warp */
    double *bend;      /* [n] slope of the warp */
    double log_slope;  /* sum of its logarithms */
};

static size_t noise_size(const struct gp_data *data)
{
    size_t sum = 0;
    for (size_t r = 0; r < data->n_rounds; r++)
        sum += (data->start[r + 1] - data->start[r]) * (data->start[r + 1] - data->start[r]);
    return sum;
}

void gp_work_free(struct gp_work *work)
{
    if (work == NULL)
        return;
    double *const blocks[] = {work->points, work->scaled, work->product, work->norm,     work->shape,  work->slope,
                              work->prior,  work->chol,   work->alpha,   work->v,        work->weight, work->scratch,
                              work->y,      work->block,  work->bend,    work->features, work->linear};
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        mem_free(blocks[i]);
    mem_free(work);
}

static void find_features(struct gp_work *work)
{
    const int n = (int)work->n, width = (int)work->n_features;
    if (width == 0)
        return;
    trend_at(work->data->trend, work->n, work->data->x, work->features);
    cblas_dsyrk(CblasRowMajor, CblasLower, CblasNoTrans, n, width, 1.0, work->features, width, 0.0, work->linear, n);
}

enum status gp_work_new(const struct gp_data *data, struct gp_work **ret_work, struct err *err)
{
    struct gp_work *work = mem_alloc(1, sizeof *work);
    if (work == NULL)
        return err_no_memory(err);
    const size_t n = data->n, m = n + (data->control != NULL), dim = data->dim;
    work->data = data;
    work->n = n;
    work->m = m;
    work->n_features = trend_n_features(data->trend);
    const struct {
        double **block;
        size_t count;
    } wanted[] = {{&work->points, m * dim},
                  {&work->scaled, m * dim},
                  {&work->product, m * dim},
                  {&work->norm, m},
                  {&work->shape, m * m},
                  {&work->slope, m * m},
                  {&work->prior, n * n},
                  {&work->chol, n * n},
                  {&work->alpha, n},
                  {&work->v, n},
                  {&work->weight, m * m},
                  {&work->scratch, m},
                  {&work->y, n},
                  {&work->block, noise_size(data)},
                  {&work->bend, n},
                  {&work->features, n * work->n_features},
                  {&work->linear, work->n_features > 0 ? n * n : 0}};
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        *wanted[i].block = mem_alloc(wanted[i].count, sizeof(double));
        if (*wanted[i].block == NULL) {
            gp_work_free(work);
            return err_no_memory(err);
        }
    }
    memcpy(work->points, data->x, n * dim * sizeof *data->x);
    if (data->control != NULL)
        memcpy(work->points + n * dim, data->control, dim * sizeof *data->control);
    find_features(work);
    *ret_work = work;
    return STATUS_OK;
}

static void unpack(struct gp_work *work, const struct gp_hyper *hyper)
{
    const struct gp_data *data = work->data;
    const size_t dim = data->dim;
    for (size_t k = 0; k < dim; k++)
        work->inv_lengthscale[k] = exp(-hyper->theta[k]);
    work->s2 = exp(2.0 * hyper->theta[dim + GP_SCALE]);
    work->t2 = data->mean_sd * data->mean_sd;
    work->misfit = exp(2.0 * hyper->theta[dim + GP_MISFIT]);
    work->noise = exp(2.0 * hyper->theta[dim + GP_NOISE]);
    work->warp = (struct warp){data->warp_top, data->warp_top > 0.0 ? exp(hyper->theta[dim + GP_WARP]) : 0.0};
    work->trend = exp(2.0 * hyper->theta[dim + GP_TREND]) * data->trend_unit * data->trend_unit;
    work->round = hyper->round_effect ? exp(hyper->theta[dim + GP_ROUND]) : 0.0;
}

/* The warped values and their noise, carried over by the slopes of the warp. */
static void warp_data(struct gp_work *work)
{
    const struct gp_data *data = work->data;
    const double *from = data->noise;
    double *to = work->block;
    work->log_slope = 0.0;
    for (size_t i = 0; i < data->n; i++) {
        work->y[i] = warp_value(&work->warp, data->y[i], &work->bend[i]);
        work->log_slope += log(work->bend[i]);
    }
    for (size_t r = 0; r < data->n_rounds; r++) {
        for (size_t i = data->start[r]; i < data->start[r + 1]; i++) {
            for (size_t j = data->start[r]; j < data->start[r + 1]; j++)
                *to++ = *from++ * work->bend[i] * work->bend[j];
        }
    }
}

/* shape and slope of all pairs, lower triangle. */
static void correlate(struct gp_work *work, enum kernel_kind kernel)
{
    const size_t m = work->m, dim = work->data->dim;
    kernel_scale(m, dim, work->points, work->inv_lengthscale, work->scaled, work->norm);
    cblas_dsyrk(CblasRowMajor, CblasLower, CblasNoTrans, (int)m, (int)dim, -2.0, work->scaled, (int)dim, 0.0,
                work->shape, (int)m);
    for (size_t i = 0; i < m; i++) {
        double *row = work->shape + i * m;
        for (size_t j = 0; j < i; j++) {
            const double r2 = row[j] + work->norm[i] + work->norm[j];
            row[j] = r2 > 0.0 ? r2 : 0.0;
        }
        row[i] = 0.0;
        kernel_shape(kernel, i + 1, row, row, work->slope + i * m);
    }
}

/* On f(control) = 0. */
static void condition(struct gp_work *work)
{
    const size_t n = work->n, m = work->m;
    const double s2 = work->s2, t2 = work->t2, *to_control = work->shape + n * m;
    for (size_t i = 0; i < n; i++)
        work->v[i] = (s2 * to_control[i] + t2) / (s2 + t2);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j <= i; j++)
            work->prior[i * n + j] -= (s2 + t2) * work->v[i] * work->v[j];
    }
}

/* The conditioned kernel of the observations, lower triangle. */
static void build_prior(struct gp_work *work)
{
    const size_t n = work->n, m = work->m;
    const double s2 = work->s2, t2 = work->t2;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j <= i; j++)
            work->prior[i * n + j] = s2 * work->shape[i * m + j] + t2;
    }
    if (m > n)
        condition(work);
    if (work->n_features == 0)
        return;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j <= i; j++)
            work->prior[i * n + j] += work->trend * work->linear[i * n + j];
    }
}

/* The covariance of y into chol: prior, round effects, noise. */
static void build_covariance(struct gp_work *work)
{
    const struct gp_data *data = work->data;
    const size_t n = work->n;
    memcpy(work->chol, work->prior, n * n * sizeof *work->prior);
    const double *block = work->block;
    for (size_t r = 0; r < data->n_rounds; r++) {
        const size_t begin = data->start[r], size = data->start[r + 1] - begin;
        for (size_t a = 0; a < size; a++) {
            double *row = work->chol + (begin + a) * n + begin;
            for (size_t b = 0; b <= a; b++)
                row[b] = row[b] * (1.0 + work->round) + block[a * size + b];
        }
        block += size * size;
    }
    for (size_t i = 0; i < n; i++)
        work->chol[i * n + i] += work->misfit + NUGGET * work->s2 + (data->unknown[i] ? work->noise : 0.0);
}

/* Factor, alpha, log evidence.  Fails where the covariance is not positive definite. */
static enum status solve(struct gp_work *work, const struct gp_hyper *hyper, double *ret_value)
{
    const size_t n = work->n;
    unpack(work, hyper);
    warp_data(work);
    correlate(work, hyper->kernel);
    build_prior(work);
    build_covariance(work);
    TRY(chol_factor(n, work->chol));
    memcpy(work->alpha, work->y, n * sizeof *work->alpha);
    chol_forward(n, work->chol, 1, work->alpha);
    const double fit = dot(n, work->alpha, work->alpha);
    *ret_value = work->log_slope - 0.5 * (fit + chol_log_det(n, work->chol) + (double)n * LOG_2PI);
    chol_backward(n, work->chol, 1, work->alpha);
    return isfinite(*ret_value) ? STATUS_OK : STATUS_NOT_PD;
}

/* d ln p / d ln a:  -alpha' dw/d ln a  +  1/2 sum_ij W_ij dN_ij / d ln a  +  sum_i d ln w'_i / d ln a. */
static double by_warp(const struct gp_work *work)
{
    const struct gp_data *data = work->data;
    const size_t m = work->m;
    const double *block = work->block;
    double sum = 0.0, value, *by_slope = work->scratch;
    for (size_t i = 0; i < data->n; i++) {
        warp_by_rate(&work->warp, data->y[i], &value, &by_slope[i]);
        sum += by_slope[i] - work->alpha[i] * value;
    }
    for (size_t r = 0; r < data->n_rounds; r++) {
        const size_t begin = data->start[r], size = data->start[r + 1] - begin;
        for (size_t a = 0; a < size; a++) {
            for (size_t b = 0; b <= a; b++) {
                const double both = by_slope[begin + a] + by_slope[begin + b];
                sum += (a == b ? 0.5 : 1.0) * work->weight[(begin + a) * m + begin + b] * block[a * size + b] * both;
            }
        }
        block += size * size;
    }
    return sum;
}

/* After the round factor. */
static double by_trend(const struct gp_work *work)
{
    const size_t n = work->n, m = work->m;
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j <= i; j++)
            sum += (i == j ? 0.5 : 1.0) * work->weight[i * m + j] * work->linear[i * n + j];
    }
    return 2.0 * work->trend * sum;
}

/* d ln p / d theta = 1/2 sum_ij W_ij dC_ij / d theta with W = alpha alpha' - C^-1 (R&W eq. 5.9).  Leaves in `weight`
 * the lower triangle of W times the round factor, and sets the derivatives that act on the diagonal or on the rounds.
 */
static void weigh(struct gp_work *work, bool round_effect, double *ret_extra)
{
    const struct gp_data *data = work->data;
    const size_t n = work->n, m = work->m;
    double diagonal = 0.0, unknown = 0.0, rounds = 0.0;
    for (size_t i = 0; i < n; i++) {
        double *row = work->weight + i * m;
        const double *inverse = work->chol + i * n, a = work->alpha[i];
        for (size_t j = 0; j <= i; j++)
            row[j] = a * work->alpha[j] - inverse[j];
        diagonal += row[i];
        unknown += data->unknown[i] ? row[i] : 0.0;
    }
    ret_extra[GP_WARP] = data->warp_top > 0.0 ? by_warp(work) : 0.0;
    for (size_t r = 0; round_effect && r < data->n_rounds; r++) {
        for (size_t i = data->start[r]; i < data->start[r + 1]; i++) {
            for (size_t j = data->start[r]; j <= i; j++) {
                const double twice = i == j ? 0.5 : 1.0;
                rounds += twice * work->weight[i * m + j] * work->prior[i * n + j];
                work->weight[i * m + j] *= 1.0 + work->round;
            }
        }
    }
    ret_extra[GP_TREND] = work->n_features > 0 ? by_trend(work) : 0.0;
    ret_extra[GP_MISFIT] = diagonal * work->misfit;
    ret_extra[GP_NOISE] = unknown * work->noise;
    ret_extra[GP_ROUND] = rounds * work->round;
    ret_extra[GP_SCALE] = diagonal * NUGGET * work->s2;
}

/* Extend the weights to the control: W <- T W T'. */
static void extend_to_control(struct gp_work *work)
{
    const size_t n = work->n, m = work->m;
    if (m == n)
        return;
    double *last = work->weight + n * m;
    cblas_dsymv(CblasRowMajor, CblasLower, (int)n, -1.0, work->weight, (int)m, work->v, 1, 0.0, last, 1);
    last[n] = -dot(n, last, work->v);
}

/* The derivatives by ln s and ln l: contractions of the weights with plain kernels of the m points. */
static void contract(struct gp_work *work, double *ret_gradient)
{
    const size_t m = work->m, dim = work->data->dim;
    double scale = 0.0;
    memset(work->scratch, 0, m * sizeof *work->scratch);
    for (size_t i = 0; i < m; i++) { /* weight becomes S = W s^2 slope; scratch its row sums */
        double *row = work->weight + i * m;
        const double *shape = work->shape + i * m, *slope = work->slope + i * m;
        double sum = 0.0;
        scale += 0.5 * row[i];
        for (size_t j = 0; j < i; j++) {
            scale += row[j] * shape[j];
            row[j] *= work->s2 * slope[j];
            sum += row[j];
            work->scratch[j] += row[j];
        }
        row[i] = 0.0;
        work->scratch[i] += sum;
    }
    ret_gradient[dim + GP_SCALE] += 2.0 * work->s2 * scale;
    /* sum_{i>j} S_ij (x_i - x_j)^2 = sum_i x_i^2 (S 1)_i - x' S x, for all dimensions by one product */
    cblas_dsymm(CblasRowMajor, CblasLeft, CblasLower, (int)m, (int)dim, 1.0, work->weight, (int)m, work->scaled,
                (int)dim, 0.0, work->product, (int)dim);
    for (size_t k = 0; k < dim; k++) {
        double sum = 0.0;
        for (size_t i = 0; i < m; i++) {
            const double x = work->scaled[i * dim + k];
            sum += x * (x * work->scratch[i] - work->product[i * dim + k]);
        }
        ret_gradient[k] = -2.0 * sum;
    }
}

enum status gp_evidence(struct gp_work *work, const struct gp_hyper *hyper, double *ret_value, double *ret_gradient)
{
    double value;
    TRY(solve(work, hyper, &value));
    *ret_value = value;
    if (ret_gradient == NULL)
        return STATUS_OK;
    chol_invert(work->n, work->chol);
    weigh(work, hyper->round_effect, ret_gradient + work->data->dim);
    extend_to_control(work);
    contract(work, ret_gradient);
    return STATUS_OK;
}

void gp_free(struct gp *gp)
{
    if (gp == NULL)
        return;
    if (gp->inverse != gp->q)
        mem_free(gp->inverse);
    if (gp->weights != gp->alpha)
        mem_free(gp->weights);
    mem_free(gp->features);
    mem_free(gp->scaled);
    mem_free(gp->norm);
    mem_free(gp->alpha);
    mem_free(gp->q);
    mem_free(gp);
}

static struct gp *allocate(size_t n, size_t m, size_t dim, size_t n_features)
{
    struct gp *gp = mem_alloc(1, sizeof *gp);
    if (gp == NULL)
        return NULL;
    gp->n = m;
    gp->n_observed = n;
    gp->dim = dim;
    gp->n_features = n_features;
    gp->features = mem_alloc(m * n_features, sizeof(double));
    gp->scaled = mem_alloc(m * dim, sizeof(double));
    gp->norm = mem_alloc(m, sizeof(double));
    gp->alpha = mem_alloc(m, sizeof(double));
    gp->q = mem_alloc(m * m, sizeof(double));
    gp->inverse = m > n ? mem_alloc(n * n, sizeof(double)) : gp->q;
    gp->weights = m > n ? mem_alloc(n, sizeof(double)) : gp->alpha;
    if (gp->features != NULL && gp->scaled != NULL && gp->norm != NULL && gp->alpha != NULL && gp->q != NULL &&
        gp->inverse != NULL && gp->weights != NULL)
        return gp;
    gp_free(gp);
    return NULL;
}

/* q = T C^-1 T' + 1 / k(c, c) at the control: then k(x, x') - k_M(x)' q k_M(x') is the conditioned posterior. */
static void add_control(const struct gp_work *work, struct gp *gp)
{
    const size_t n = work->n, m = work->m;
    for (size_t i = 0; i < n; i++)
        memcpy(gp->q + i * m, gp->inverse + i * n, n * sizeof *gp->q);
    double *last = gp->q + n * m;
    cblas_dsymv(CblasRowMajor, CblasLower, (int)n, -1.0, gp->inverse, (int)n, work->v, 1, 0.0, last, 1);
    last[n] = -dot(n, last, work->v) + 1.0 / (work->s2 + work->t2);
    for (size_t i = 0; i < n; i++)
        gp->q[i * m + n] = last[i];
    memcpy(gp->alpha, gp->weights, n * sizeof *gp->alpha);
    gp->alpha[n] = -dot(n, gp->weights, work->v);
}

enum status gp_fit(struct gp_work *work, const struct gp_hyper *hyper, struct gp **ret_gp, struct err *err)
{
    const size_t n = work->n, m = work->m;
    double evidence;
    if (solve(work, hyper, &evidence) != STATUS_OK)
        return err_set(err, STATUS_NOT_PD, "the covariance of %zu observations is not positive definite", n);
    struct gp *gp = allocate(n, m, work->data->dim, work->n_features);
    if (gp == NULL)
        return err_no_memory(err);
    gp->hyper = *hyper;
    gp->s2 = work->s2;
    gp->t2 = work->t2;
    gp->log_evidence = evidence;
    gp->warp = work->warp;
    gp->log_slope = work->log_slope;
    gp->trend = work->data->trend;
    gp->feature_scale = sqrt(work->trend);
    for (size_t i = 0; i < n * gp->n_features; i++) /* at a control, which comes last, they are 0 */
        gp->features[i] = gp->feature_scale * work->features[i];
    memcpy(gp->inv_lengthscale, work->inv_lengthscale, sizeof gp->inv_lengthscale);
    memcpy(gp->scaled, work->scaled, m * gp->dim * sizeof *gp->scaled);
    memcpy(gp->norm, work->norm, m * sizeof *gp->norm);
    chol_invert(n, work->chol);
    memcpy(gp->inverse, work->chol, n * n * sizeof *gp->inverse);
    memcpy(gp->weights, work->alpha, n * sizeof *gp->weights);
    if (m > n)
        add_control(work, gp);
    *ret_gp = gp;
    return STATUS_OK;
}
