#include "tuner/core/surrogate.h"

#include <math.h>
#include <string.h>

#include "base/core/mem.h"
#include "tuner/core/gp_hyper.h"
#include "tuner/core/normal.h"
#include "tuner/core/thin.h"

static const double FAILED_SD = 0.3;
static const double MEAN_SD = 1.0;
enum { WARP_FROM = 8, THIN_TO = 128 }; /* observations */
enum { N_STARTS = 2 };
/* Observations; with more the models agree, and their fits take seconds. */
enum { PANEL_MOST = 256, PAIR_MOST = 100 };

/* Of a panel; the first two are the pair, the first stands where there is one model. */
static const struct member {
    enum kernel_kind kernel;
    bool waves;
} PANEL[] = {{KERNEL_MATERN52, false}, {KERNEL_MATERN52, true}, {KERNEL_SE, false}};
enum { N_PANEL = sizeof PANEL / sizeof *PANEL };

bool surrogate_possible(const struct observations *observations)
{
    for (size_t i = 0; i < observations->n; i++) {
        if (!observations->failed[i])
            return true;
    }
    return false;
}

void surrogate_free(struct surrogate *surrogate)
{
    if (surrogate == NULL)
        return;
    for (size_t i = 0; i < surrogate->n_models; i++)
        gp_free(surrogate->model[i]);
    trend_free(surrogate->waves);
    mem_free(surrogate->x);
    mem_free(surrogate->y);
    mem_free(surrogate->noise);
    mem_free(surrogate->unknown);
    mem_free(surrogate->start);
    mem_free(surrogate->row);
    mem_free(surrogate);
}

static bool keeps(const struct observations *o, size_t outcome, size_t i)
{
    return outcome == 0 || !o->failed[i];
}

/* NULL: out of memory. */
static struct surrogate *allocate(const struct observations *o, size_t outcome)
{
    struct surrogate *s = mem_alloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    size_t n = 0, blocks = 0;
    for (size_t r = 0; r < o->n_rounds; r++) {
        size_t size = 0;
        for (size_t i = o->start[r]; i < o->start[r + 1]; i++)
            size += keeps(o, outcome, i);
        n += size;
        blocks += size * size;
    }
    s->x = mem_alloc(n * o->dim, sizeof *s->x);
    s->y = mem_alloc(n, sizeof *s->y);
    s->noise = mem_alloc(blocks, sizeof *s->noise);
    s->unknown = mem_alloc(n, sizeof *s->unknown);
    s->start = mem_alloc(o->n_rounds + 1, sizeof *s->start);
    s->row = mem_alloc(n, sizeof *s->row);
    if (s->x == NULL || s->y == NULL || s->noise == NULL || s->unknown == NULL || s->start == NULL || s->row == NULL) {
        surrogate_free(s);
        return NULL;
    }
    return s;
}

struct scaling {
    double center, scale, worst;
};

/* Of the values told; where they do not vary, the noise and then the size of the values stand in for the scale. */
static struct scaling standardise(const struct observations *o, size_t outcome, bool control_known)
{
    double sum = 0.0, squares = 0.0, noise = 0.0, n = 0.0, worst = HUGE_VAL;
    for (size_t r = 0; r < o->n_rounds; r++) {
        const size_t size = o->start[r + 1] - o->start[r];
        const double *block = observations_noise(o, r, outcome);
        for (size_t i = o->start[r]; i < o->start[r + 1]; i++) {
            if (o->failed[i])
                continue;
            const double y = o->y[i * o->n_outcomes + outcome], v = block[(i - o->start[r]) * (size + 1)];
            sum += y;
            noise += isnan(v) ? 0.0 : v;
            worst = fmin(worst, y);
            n += 1.0;
        }
    }
    const double center = control_known ? 0.0 : sum / n;
    for (size_t i = 0; i < o->n; i++) {
        const double d = o->y[i * o->n_outcomes + outcome] - center;
        squares += o->failed[i] ? 0.0 : d * d;
    }
    double scale = sqrt(squares / n);
    if (!(scale > 1e-12 * fabs(center)))
        scale = sqrt(noise / n);
    if (!(scale > 1e-12 * fabs(center)))
        scale = fabs(center) > 0.0 ? fabs(center) : 1.0;
    return (struct scaling){center, scale, worst};
}

static void fill_point(struct surrogate *s, const struct observations *o, size_t outcome, size_t i, double worst)
{
    const size_t at = s->data.n++;
    memcpy(s->x + at * o->dim, o->x + i * o->dim, o->dim * sizeof *s->x);
    s->y[at] = ((o->failed[i] ? worst : o->y[i * o->n_outcomes + outcome]) - s->center) / s->scale;
    s->row[at] = i;
}

static double *fill_noise(struct surrogate *s, const struct observations *o, size_t outcome, size_t round, double *to)
{
    const size_t size = o->start[round + 1] - o->start[round], begin = s->start[s->data.n_rounds];
    const double *block = observations_noise(o, round, outcome);
    for (size_t a = begin; a < s->data.n; a++) {
        const size_t i = s->row[a] - o->start[round];
        for (size_t b = begin; b < s->data.n; b++) {
            const size_t j = s->row[b] - o->start[round];
            const bool failed = o->failed[s->row[a]] || o->failed[s->row[b]];
            const double v = block[i * size + j];
            if (failed)
                *to++ = a == b ? FAILED_SD * FAILED_SD : 0.0;
            else
                *to++ = isnan(v) ? 0.0 : v / (s->scale * s->scale);
        }
        s->unknown[a] = !o->failed[s->row[a]] && isnan(block[i * size + i]);
    }
    return to;
}

/* The highest value and one standard deviation of its noise more. */
static double top_of(const struct surrogate *s)
{
    const double *block = s->noise;
    double top = 0.0;
    for (size_t r = 0; r < s->data.n_rounds; r++) {
        const size_t begin = s->start[r], size = s->start[r + 1] - begin;
        for (size_t i = 0; i < size; i++)
            top = fmax(top, s->y[begin + i] + sqrt(block[i * (size + 1)]));
        block += size * size;
    }
    return top;
}

/* The standardised observations of the outcome, without rounds that have none. */
static void fill(struct surrogate *s, const struct observations *o, size_t outcome,
                 const struct surrogate_options *options)
{
    const struct scaling scaling = standardise(o, outcome, options->control != NULL);
    s->center = scaling.center;
    s->scale = scaling.scale;
    double *noise = s->noise;
    for (size_t r = 0; r < o->n_rounds; r++) {
        for (size_t i = o->start[r]; i < o->start[r + 1]; i++) {
            if (keeps(o, outcome, i))
                fill_point(s, o, outcome, i, scaling.worst);
        }
        if (s->data.n == s->start[s->data.n_rounds])
            continue;
        noise = fill_noise(s, o, outcome, r, noise);
        s->start[++s->data.n_rounds] = s->data.n;
    }
    s->data.dim = o->dim;
    s->data.x = s->x;
    s->data.y = s->y;
    s->data.start = s->start;
    s->data.noise = s->noise;
    s->data.unknown = s->unknown;
    s->data.control = options->control;
    s->data.trend = options->trend;
    s->data.trend_unit = 1.0 / s->scale;
    s->data.mean_sd = MEAN_SD;
    s->data.warp_top = outcome == 0 && options->control == NULL && s->data.n >= WARP_FROM ? top_of(s) : 0.0;
}

/* From there when it is given.  Else, with many points, the starts are climbed on a part of them, and the better end
 * goes on with all. */
static enum status find_hyper(const struct gp_data *data, struct gp_work *work, const struct surrogate_options *options,
                              enum kernel_kind kernel, bool round_effect, const struct gp_hyper *from,
                              struct hyper_fit *ret, struct err *err)
{
    struct hyper_prior prior;
    struct thin thin;
    struct gp_work *part = NULL;
    TRY(hyper_prior_init(&prior, options->hyper_prior, data, round_effect, err));
    if (from != NULL) {
        ret->hyper = *from;
        return hyper_map(work, &prior, kernel, 0, ret, err);
    }
    if (data->n <= THIN_TO)
        return hyper_map(work, &prior, kernel, N_STARTS, ret, err);
    enum status s = thin_init(&thin, data, THIN_TO, err);
    if (s == STATUS_OK)
        s = gp_work_new(&thin.data, &part, err);
    if (s == STATUS_OK)
        s = hyper_map(part, &prior, kernel, N_STARTS, ret, err);
    if (s == STATUS_OK)
        s = hyper_map(work, &prior, kernel, 0, ret, err);
    gp_work_free(part);
    thin_done(&thin);
    return s;
}

/* One more model, climbed from where the first one ended, with the logarithm of its posterior density as its weight. */
static enum status fit_member(struct surrogate *s, const struct member *member, const struct surrogate_options *options,
                              struct err *err)
{
    struct gp_work *work = NULL;
    struct hyper_fit fit;
    struct gp_data data = s->data;
    const bool round_effect = options->round_effect && data.n_rounds > 1;
    const struct gp_hyper *from = s->n_models > 0 ? &s->model[0]->hyper : NULL;
    if (member->waves) {
        data.trend = s->waves;
        data.trend_unit = 1.0;
    }
    TRY(gp_work_new(&data, &work, err));
    enum status status = find_hyper(&data, work, options, member->kernel, round_effect, from, &fit, err);
    if (status == STATUS_OK)
        status = gp_fit(work, &fit.hyper, &s->model[s->n_models], err);
    if (status == STATUS_OK)
        s->weight[s->n_models++] = fit.log_posterior;
    gp_work_free(work);
    return status;
}

/* Weights from their logarithms. */
static void weigh_models(struct surrogate *s)
{
    double top = -HUGE_VAL, sum = 0.0;
    for (size_t i = 0; i < s->n_models; i++)
        top = fmax(top, s->weight[i]);
    for (size_t i = 0; i < s->n_models; i++) {
        s->weight[i] = exp(0.5 * (s->weight[i] - top));
        sum += s->weight[i];
    }
    for (size_t i = 0; i < s->n_models; i++)
        s->weight[i] /= sum;
}

static size_t wanted_members(const struct surrogate *s, const struct surrogate_options *options)
{
    static const size_t MEMBERS[] = {[SURROGATE_ONE] = 1, [SURROGATE_PAIR] = 2, [SURROGATE_PANEL] = N_PANEL};
    static const size_t MOST[] = {
        [SURROGATE_ONE] = SIZE_MAX, [SURROGATE_PAIR] = PAIR_MOST, [SURROGATE_PANEL] = PANEL_MOST};
    return options->control == NULL && s->data.n <= MOST[options->models] ? MEMBERS[options->models] : 1;
}

/* A member of the panel, not the first, that has no positive density is left out. */
static enum status fit_models(struct surrogate *s, const struct surrogate_options *options, struct err *err)
{
    TRY(fit_member(s, &PANEL[0], options, err));
    const size_t n_members = wanted_members(s, options);
    if (n_members > 1)
        TRY(trend_new_waves(s->data.dim, &s->waves, err));
    for (size_t i = 1; i < n_members; i++) {
        if (fit_member(s, &PANEL[i], options, NULL) == STATUS_NO_MEMORY)
            return err_no_memory(err);
    }
    weigh_models(s);
    return STATUS_OK;
}

enum status surrogate_fit(const struct observations *observations, size_t outcome,
                          const struct surrogate_options *options, struct surrogate **ret_surrogate, struct err *err)
{
    struct surrogate *s = allocate(observations, outcome);
    if (s == NULL)
        return err_no_memory(err);
    fill(s, observations, outcome, options);
    const enum status status = fit_models(s, options, err);
    if (status != STATUS_OK) {
        surrogate_free(s);
        return status;
    }
    *ret_surrogate = s;
    return STATUS_OK;
}

/* From a model's warped values to standardised ones, to first order: the mean becomes the median. */
static void unwarp(const struct warp *warp, size_t m, double *mean, double *var, double *cov, double *slope)
{
    for (size_t i = 0; i < m; i++) {
        mean[i] = warp_inverse(warp, mean[i], &slope[i]);
        var[i] *= slope[i] * slope[i];
    }
    for (size_t i = 0; cov != NULL && i < m; i++) {
        for (size_t j = 0; j < m; j++)
            cov[i * m + j] *= slope[i] * slope[j];
    }
}

/* A mixture: mean = sum w m,  cov = sum w (C + m m') - mean mean'. */
static void add_model(size_t m, double weight, const double *mean, const double *var, const double *cov,
                      double *sum_mean, double *sum_var, double *sum_cov)
{
    for (size_t i = 0; i < m; i++) {
        sum_mean[i] += weight * mean[i];
        if (sum_var != NULL)
            sum_var[i] += weight * (var[i] + mean[i] * mean[i]);
        for (size_t j = 0; sum_cov != NULL && j < m; j++)
            sum_cov[i * m + j] += weight * (cov[i * m + j] + mean[i] * mean[j]);
    }
}

enum status surrogate_predict(const struct surrogate *surrogate, size_t m, const double *x, double *ret_mean,
                              double *ret_var, double *ret_cov, struct err *err)
{
    const size_t cov_size = ret_cov != NULL ? m * m : 0;
    double *block = mem_alloc(5 * m + 2 * cov_size, sizeof *block);
    if (block == NULL)
        return err_no_memory(err);
    double *mean = block, *var = mean + m, *sum_mean = var + m, *sum_var = sum_mean + m;
    double *slope = sum_var + m, *cov = ret_cov != NULL ? slope + m : NULL,
           *sum_cov = ret_cov != NULL ? cov + cov_size : NULL;
    enum status s = STATUS_OK;
    for (size_t k = 0; k < surrogate->n_models && s == STATUS_OK; k++) {
        s = gp_predict(surrogate->model[k], m, x, mean, var, cov, err);
        if (s != STATUS_OK)
            break;
        unwarp(&surrogate->model[k]->warp, m, mean, var, cov, slope);
        add_model(m, surrogate->weight[k], mean, var, cov, sum_mean, sum_var, sum_cov);
    }
    const double scale = surrogate->scale;
    for (size_t i = 0; i < m && s == STATUS_OK; i++) {
        if (ret_mean != NULL)
            ret_mean[i] = surrogate->center + scale * sum_mean[i];
        if (ret_var != NULL)
            ret_var[i] = scale * scale * fmax(sum_var[i] - sum_mean[i] * sum_mean[i], 0.0);
        for (size_t j = 0; ret_cov != NULL && j < m; j++)
            ret_cov[i * m + j] = scale * scale * (sum_cov[i * m + j] - sum_mean[i] * sum_mean[j]);
    }
    mem_free(block);
    return s;
}

enum status surrogate_below(const struct surrogate *surrogate, size_t m, const double *x, double threshold,
                            double *ret_p, struct err *err)
{
    double *mean = mem_alloc(2 * m, sizeof *mean);
    if (mean == NULL)
        return err_no_memory(err);
    double *var = mean + m;
    enum status s = STATUS_OK;
    const double level = (threshold - surrogate->center) / surrogate->scale;
    memset(ret_p, 0, m * sizeof *ret_p);
    for (size_t k = 0; k < surrogate->n_models && s == STATUS_OK; k++) {
        const double warped = warp_value(&surrogate->model[k]->warp, level, NULL);
        s = gp_predict(surrogate->model[k], m, x, mean, var, NULL, err);
        for (size_t i = 0; i < m && s == STATUS_OK; i++)
            ret_p[i] += surrogate->weight[k] * normal_cdf((warped - mean[i]) / sqrt(var[i]));
    }
    mem_free(mean);
    return s;
}
