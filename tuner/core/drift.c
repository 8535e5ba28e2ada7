#include "tuner/core/drift.h"

#include <math.h>
#include <string.h>

#include <gsl/gsl_cblas.h>
#include <gsl/gsl_cdf.h>
#include <gsl/gsl_eigen.h>
#include <gsl/gsl_randist.h>

#include "base/core/mem.h"

static const double LEVEL = 0.05, POWER = 0.8, ODD = 0.01;
static const double RANK_TOLERANCE = 1e-10; /* of the largest eigenvalue */

/* Symmetric a [n * n] -> its pseudo-inverse; *ret_rank.  STATUS_NOT_PD where an eigenvalue is clearly below 0. */
static enum status pseudo_invert(size_t n, double *a, size_t *ret_rank, struct err *err)
{
    enum status s = STATUS_OK;
    gsl_eigen_symmv_workspace *work = gsl_eigen_symmv_alloc(n);
    double *value = mem_alloc(n + n * n, sizeof *value);
    if (work == NULL || value == NULL) {
        s = err_no_memory(err);
        goto done;
    }
    double *vector = value + n, largest = 0.0;
    gsl_matrix_view matrix = gsl_matrix_view_array(a, n, n), vectors = gsl_matrix_view_array(vector, n, n);
    gsl_vector_view values = gsl_vector_view_array(value, n);
    (void)gsl_eigen_symmv(&matrix.matrix, &values.vector, &vectors.matrix, work);
    for (size_t i = 0; i < n; i++)
        largest = fmax(largest, fabs(value[i]));
    memset(a, 0, n * n * sizeof *a);
    *ret_rank = 0;
    for (size_t e = 0; e < n; e++) {
        if (value[e] < -1e-8 * largest) {
            s = err_set(err, STATUS_INVALID,
                        "the covariance of the anchors has the eigenvalue %g: none below 0 is "
                        "allowed",
                        value[e]);
            goto done;
        }
        if (!(value[e] > RANK_TOLERANCE * largest))
            continue;
        cblas_dger(CblasRowMajor, (int)n, (int)n, 1.0 / value[e], vector + e, (int)n, vector + e, (int)n, a, (int)n);
        ++*ret_rank;
    }
done:
    gsl_eigen_symmv_free(work);
    mem_free(value);
    return s;
}

/* P(chi^2 with df degrees and noncentrality lambda > x): a Poisson mixture of central ones. */
static double noncentral_tail(double x, size_t df, double lambda)
{
    double sum = 0.0;
    const unsigned top = (unsigned)(0.5 * lambda + 8.0 * sqrt(0.5 * lambda) + 20.0);
    for (unsigned j = 0; j <= top; j++)
        sum += gsl_ran_poisson_pdf(j, 0.5 * lambda) * gsl_cdf_chisq_Q(x, (double)df + 2.0 * (double)j);
    return sum;
}

static double needed_noncentrality(size_t df)
{
    const double critical = gsl_cdf_chisq_Qinv(LEVEL, (double)df);
    double lo = 0.0, hi = 1.0;
    while (noncentral_tail(critical, df, hi) < POWER)
        hi *= 2.0;
    for (int i = 0; i < 45; i++) {
        const double mid = 0.5 * (lo + hi);
        if (noncentral_tail(critical, df, mid) < POWER)
            lo = mid;
        else
            hi = mid;
    }
    return 0.5 * (lo + hi);
}

/* The repeats that are there: m values of anchors seen at least twice. */
struct repeats {
    size_t m, n_anchors;
    size_t *index;  /* [m] into effect */
    size_t *anchor; /* [m] 0 .. n_anchors - 1 */
};

static void find_repeats(size_t n_anchors, size_t n_rounds, const double *effect, struct repeats *ret)
{
    for (size_t a = 0; a < n_anchors; a++) {
        size_t seen = 0;
        for (size_t t = 0; t < n_rounds; t++)
            seen += isnan(effect[t * n_anchors + a]) ? 0 : 1;
        for (size_t t = 0; seen >= 2 && t < n_rounds; t++) {
            if (isnan(effect[t * n_anchors + a]))
                continue;
            ret->index[ret->m] = t * n_anchors + a;
            ret->anchor[ret->m++] = ret->n_anchors;
        }
        ret->n_anchors += seen >= 2 ? 1 : 0;
    }
}

static enum status check_values(const struct repeats *r, size_t stride, const double *effect, const double *cov,
                                struct err *err)
{
    for (size_t i = 0; i < r->m; i++) {
        if (!isfinite(effect[r->index[i]]))
            return err_set(err, STATUS_INVALID, "effect[%zu] is %g: a finite number or NaN is expected", r->index[i],
                           effect[r->index[i]]);
        for (size_t j = 0; j < r->m; j++) {
            if (!isfinite(cov[r->index[i] * stride + r->index[j]]))
                return err_set(err, STATUS_INVALID, "cov[%zu][%zu] is %g: a finite number is expected", r->index[i],
                               r->index[j], cov[r->index[i] * stride + r->index[j]]);
        }
    }
    return STATUS_OK;
}

/* p [m * m]: Sigma^+ on entry, Sigma^+ - Sigma^+ Z (Z' Sigma^+ Z)^+ Z' Sigma^+ on return. */
static enum status project_out(const struct repeats *r, double *p, size_t *ret_rank, struct err *err)
{
    const size_t m = r->m, n = r->n_anchors;
    double *pz = mem_alloc(2 * m * n + n * n, sizeof *pz);
    if (pz == NULL)
        return err_no_memory(err);
    double *left = pz + m * n, *zpz = left + m * n;
    for (size_t i = 0; i < m; i++) {
        for (size_t j = 0; j < m; j++) {
            pz[i * n + r->anchor[j]] += p[i * m + j];
            zpz[r->anchor[i] * n + r->anchor[j]] += p[i * m + j];
        }
    }
    const enum status s = pseudo_invert(n, zpz, ret_rank, err);
    if (s == STATUS_OK) {
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)m, (int)n, (int)n, 1.0, pz, (int)n, zpz, (int)n,
                    0.0, left, (int)n);
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)m, (int)m, (int)n, -1.0, left, (int)n, pz, (int)n,
                    1.0, p, (int)m);
    }
    mem_free(pz);
    return s;
}

static void judge(const struct repeats *r, const double *effect, const double *p, size_t df, struct drift_verdict *ret)
{
    double q = 0.0, least = HUGE_VAL;
    for (size_t i = 0; i < r->m; i++) {
        least = fmin(least, p[i * r->m + i]);
        for (size_t j = 0; j < r->m; j++)
            q += effect[r->index[i]] * p[i * r->m + j] * effect[r->index[j]];
    }
    q = fmax(q, 0.0);
    const double tail = gsl_cdf_chisq_Q(q, (double)df);
    *ret = (struct drift_verdict){q, df, tail, sqrt(needed_noncentrality(df) / least), tail < LEVEL};
}

static enum status test_repeats(const struct repeats *r, size_t stride, const double *effect, const double *cov,
                                struct drift_verdict *ret, struct err *err)
{
    if (r->m == 0)
        return err_set(err, STATUS_INVALID, "no anchor was seen in two rounds: nothing to compare");
    TRY(check_values(r, stride, effect, cov, err));
    double *p = mem_alloc(r->m * r->m, sizeof *p);
    if (p == NULL)
        return err_no_memory(err);
    for (size_t i = 0; i < r->m; i++) {
        for (size_t j = 0; j < r->m; j++)
            p[i * r->m + j] = cov[r->index[i] * stride + r->index[j]];
    }
    size_t rank = 0, spent = 0;
    enum status s = pseudo_invert(r->m, p, &rank, err);
    if (s == STATUS_OK)
        s = project_out(r, p, &spent, err);
    if (s == STATUS_OK && rank <= spent)
        s = err_set(err, STATUS_INVALID, "the covariance of the anchors has rank %zu: above %zu is expected", rank,
                    spent);
    if (s == STATUS_OK)
        judge(r, effect, p, rank - spent, ret);
    mem_free(p);
    return s;
}

enum status drift_test(size_t n_anchors, size_t n_rounds, const double *effect, const double *cov,
                       struct drift_verdict *ret, struct err *err)
{
    if (n_rounds < 2)
        return err_set(err, STATUS_INVALID, "%zu rounds: at least 2 are expected", n_rounds);
    struct repeats repeats = {0};
    repeats.index = mem_alloc(2 * n_anchors * n_rounds, sizeof *repeats.index);
    if (repeats.index == NULL)
        return err_no_memory(err);
    repeats.anchor = repeats.index + n_anchors * n_rounds;
    find_repeats(n_anchors, n_rounds, effect, &repeats);
    const enum status s = test_repeats(&repeats, n_anchors * n_rounds, effect, cov, ret, err);
    mem_free(repeats.index);
    return s;
}

const char *drift_advice_text(enum drift_advice advice)
{
#define DRIFT_TEXT(code, text) text,
    static const char *const texts[] = {DRIFT_ADVICE_MAP(DRIFT_TEXT)};
#undef DRIFT_TEXT
    return texts[advice];
}

/* p of the round among the others; 1 where these moved as well or cannot be compared.  without: the effects, changed
 * and restored. */
static enum status judge_round(size_t n_anchors, size_t n_rounds, size_t round, double *without, const double *cov,
                               const struct drift_verdict *all, double *ret_p, struct err *err)
{
    struct drift_verdict rest = {.drifted = true};
    double *row = without + round * n_anchors;
    double *kept = mem_alloc(n_anchors, sizeof *kept);
    if (kept == NULL)
        return err_no_memory(err);
    memcpy(kept, row, n_anchors * sizeof *kept);
    for (size_t a = 0; a < n_anchors; a++)
        row[a] = nan("");
    enum status s = drift_test(n_anchors, n_rounds, without, cov, &rest, NULL);
    memcpy(row, kept, n_anchors * sizeof *kept);
    mem_free(kept);
    if (s == STATUS_NO_MEMORY)
        return err_no_memory(err);
    const bool judged = s == STATUS_OK && !rest.drifted && rest.df < all->df;
    *ret_p = judged ? gsl_cdf_chisq_Q(fmax(all->statistic - rest.statistic, 0.0), (double)(all->df - rest.df)) : 1.0;
    return STATUS_OK;
}

enum status drift_advise(size_t n_anchors, size_t n_rounds, const double *effect, const double *cov,
                         const struct drift_verdict *verdict, enum drift_advice *ret_advice, size_t *ret_round,
                         struct err *err)
{
    *ret_round = SIZE_MAX;
    *ret_advice = verdict->drifted ? DRIFT_TASKS : DRIFT_POOL;
    if (!verdict->drifted)
        return STATUS_OK;
    double *without = mem_alloc(n_anchors * n_rounds, sizeof *without), least = 1.0;
    if (without == NULL)
        return err_no_memory(err);
    memcpy(without, effect, n_anchors * n_rounds * sizeof *without);
    size_t seen = 0, odd = SIZE_MAX;
    enum status s = STATUS_OK;
    for (size_t r = 0; r < n_rounds && s == STATUS_OK; r++) {
        double p = 1.0;
        bool any = false;
        for (size_t a = 0; a < n_anchors; a++)
            any = any || !isnan(effect[r * n_anchors + a]);
        if (!any)
            continue;
        seen++;
        s = judge_round(n_anchors, n_rounds, r, without, cov, verdict, &p, err);
        odd = p < least ? r : odd;
        least = fmin(least, p);
    }
    mem_free(without);
    if (s == STATUS_OK && least * (double)seen < ODD) {
        *ret_advice = DRIFT_DISCARD;
        *ret_round = odd;
    }
    return s;
}
