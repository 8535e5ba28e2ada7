/* Knowledge gradient for a batch, under constraints: the points after whose measurement the best recommendation is
 * expected to be best.
 *
 * What counts is the highest posterior mean afterwards among points that are then feasible with probability 0.95: that
 * is what will be recommended (recommend.h), wherever it lies.  Measuring x with noise variance s^2 moves the posterior
 * mean at a by  t_x(a) Z,  t_x(a) = cov(a, x) / sqrt(var(x) + s^2),  Z standard normal, and shrinks var(a) by t_x(a)^2;
 * so with the moves of the points chosen before (and of running ones) as N_DRAWS quasi-random paths M_j(a)
 *
 *     kg(x) = 1/N sum_j max { M_0j(a) + t_0x(a) Z_0j  :
 *                             M_kj(a) + t_kx(a) Z_kj <= limit_k - q sqrt(var_k(a) - t_kx(a)^2) }
 *
 * over objective 0 and constraints k, q the normal quantile that makes all constraints hold jointly with 0.95.  A draw
 * without a feasible point counts as a value below all; a known control (value 0, feasible) always counts.  Expected
 * improvement in contrast pays for luck with one noisy point and never for measuring a good one again.
 *
 * x and a run over a pool: Sobol points, steps around good points; the choice is refined in further pools of steps
 * around what was chosen.  a runs over the MAX_TARGETS of the pool that may become the best.  Works on the heaviest
 * model of each outcome.  Cost of a pool of m: m n^2 + m^2 n for the posterior, m MAX_TARGETS N_DRAWS a point.
 * Sources: Frazier, Powell & Dayanik (2009), The Knowledge-Gradient Policy for Correlated Normal Beliefs; batches:
 * Wu & Frazier (2016); constraints: Chen et al. (2021) in the form above. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include <gsl/gsl_cblas.h>

#include "base/core/mem.h"
#include "tuner/core/acquisition.h"
#include "tuner/core/normal.h"
#include "tuner/core/recommend.h"
#include "tuner/core/sobol.h"

enum { N_DRAWS = 32, N_GLOBAL = 160, N_LOCAL = 160, N_AGAIN = 64, N_POOLS = 3 };
enum { MAX_BASELINE = 24, MAX_CENTERS = 6, MAX_TARGETS = 128, MAX_PENDING = 64 };

/* One outcome on the pool, in the units of its model. */
struct belief {
    double *mean, *noise; /* [m] posterior mean; variance of a new measurement */
    double *cov;          /* [m * m] posterior, after the points measured so far */
    double *path;         /* [n_targets * N_DRAWS] posterior means to come */
    double *move, *limit; /* [n_targets] of one candidate */
    double threshold;
};

struct kg {
    const struct acquisition_problem *problem;
    size_t n_outcomes, n_points, used; /* points whose measurement is played, played so far */
    size_t capacity, m;
    double *x;                 /* [capacity * dim] */
    double *z;                 /* [n_outcomes * n_points * N_DRAWS] */
    double quantile;           /* q */
    double fallback;           /* value of a draw without a feasible point */
    size_t n_targets, *target; /* which of the pool */
    double *score;             /* [capacity] scratch */
    struct belief belief[OPTIMIZER_MAX_OUTCOMES];
};

static void kg_done(struct kg *kg)
{
    mem_free(kg->x);
    mem_free(kg->z);
    mem_free(kg->target);
    mem_free(kg->score);
    for (size_t k = 0; k < kg->n_outcomes; k++)
        mem_free(kg->belief[k].mean);
}

static enum status kg_init(struct kg *kg, struct rng *rng, struct err *err)
{
    const size_t m = kg->capacity, dim = kg->problem->dim, draws = kg->n_points * N_DRAWS;
    kg->x = mem_alloc(m * dim, sizeof *kg->x);
    kg->z = mem_alloc(kg->n_outcomes * draws, sizeof *kg->z);
    kg->target = mem_alloc(MAX_TARGETS, sizeof *kg->target);
    kg->score = mem_alloc(m, sizeof *kg->score);
    if (kg->x == NULL || kg->z == NULL || kg->target == NULL || kg->score == NULL)
        return err_no_memory(err);
    kg->quantile =
        kg->n_outcomes > 1 ? normal_quantile(pow(RECOMMEND_FEASIBLE, 1.0 / (double)(kg->n_outcomes - 1))) : 0.0;
    for (size_t k = 0; k < kg->n_outcomes; k++) {
        struct belief *b = &kg->belief[k];
        b->mean = mem_alloc(m * (m + 2) + MAX_TARGETS * (N_DRAWS + 2), sizeof *b->mean);
        if (b->mean == NULL)
            return err_no_memory(err);
        b->noise = b->mean + m;
        b->cov = b->noise + m;
        b->path = b->cov + m * m;
        b->move = b->path + MAX_TARGETS * N_DRAWS;
        b->limit = b->move + MAX_TARGETS;
        b->threshold = k > 0 ? acquisition_threshold(kg->problem, k) : 0.0;
        sobol_normals(rng, kg->n_points, N_DRAWS, kg->z + k * draws);
    }
    return STATUS_OK;
}

/* The mean variance of the noise told, the inferred noise where some was not told, and the misfit. */
static double noise_of(const struct surrogate *s)
{
    const struct gp *gp = s->model[0];
    const double *block = s->data.noise, *extra = gp->hyper.theta + gp->dim;
    double sum = 0.0;
    for (size_t r = 0; r < s->data.n_rounds; r++) {
        const size_t begin = s->data.start[r], size = s->data.start[r + 1] - begin;
        for (size_t i = 0; i < size; i++)
            sum += s->data.unknown[begin + i] ? exp(2.0 * extra[GP_NOISE]) : block[i * (size + 1)];
        block += size * size;
    }
    return sum / (double)s->data.n;
}

static enum status believe(struct kg *kg, size_t k, struct err *err)
{
    const struct surrogate *s = kg->problem->outcome[k];
    const struct gp *gp = s->model[0];
    struct belief *b = &kg->belief[k];
    const double noise = noise_of(s), misfit = exp(2.0 * gp->hyper.theta[gp->dim + GP_MISFIT]);
    TRY(gp_predict(gp, kg->m, kg->x, b->mean, NULL, b->cov, err));
    for (size_t i = 0; i < kg->m; i++) {
        double slope;
        (void)warp_inverse(&gp->warp, b->mean[i], &slope);
        b->noise[i] = noise / (slope * slope) + misfit;
        b->cov[i * kg->m + i] = fmax(b->cov[i * kg->m + i], 1e-9 * gp->s2);
    }
    return STATUS_OK;
}

/* The points of the pool that may become the best: mean + sd, and the chance to be feasible. */
static void choose_targets(struct kg *kg)
{
    const size_t m = kg->m;
    double lowest = HUGE_VAL;
    assert(kg->belief[0].mean != NULL && kg->belief[0].cov != NULL);
    for (size_t i = 0; i < m; i++) {
        kg->score[i] = kg->belief[0].mean[i] + sqrt(kg->belief[0].cov[i * m + i]);
        lowest = fmin(lowest, kg->belief[0].mean[i]);
        for (size_t k = 1; k < kg->n_outcomes; k++) {
            const struct belief *b = &kg->belief[k];
            kg->score[i] += log_ndtr((b->threshold - b->mean[i]) / sqrt(b->cov[i * m + i]), NULL);
        }
    }
    kg->fallback = lowest - 1.0;
    const struct surrogate *objective = kg->problem->outcome[0];
    if (kg->problem->control_known)
        kg->fallback = -objective->center / objective->scale;
    for (kg->n_targets = 0; kg->n_targets < MAX_TARGETS && kg->n_targets < m; kg->n_targets++) {
        size_t best = 0;
        for (size_t i = 1; i < m; i++)
            best = kg->score[i] > kg->score[best] ? i : best;
        kg->score[best] = -HUGE_VAL;
        kg->target[kg->n_targets] = best;
    }
    for (size_t k = 0; k < kg->n_outcomes; k++) {
        for (size_t a = 0; a < kg->n_targets * N_DRAWS; a++)
            kg->belief[k].path[a] = kg->belief[k].mean[kg->target[a / N_DRAWS]];
    }
    kg->used = 0;
}

static const double *draws_of(const struct kg *kg, size_t k)
{
    return kg->z + (k * kg->n_points + kg->used) * N_DRAWS;
}

/* What measuring pool point c does to the targets: move and, for constraints, the limit on their means. */
static void moves(struct kg *kg, size_t c)
{
    for (size_t k = 0; k < kg->n_outcomes; k++) {
        struct belief *b = &kg->belief[k];
        const double *row = b->cov + c * kg->m, factor = 1.0 / sqrt(row[c] + b->noise[c]);
        for (size_t a = 0; a < kg->n_targets; a++) {
            const size_t i = kg->target[a];
            b->move[a] = row[i] * factor;
            const double left = b->cov[i * kg->m + i] - b->move[a] * b->move[a];
            b->limit[a] = b->threshold - kg->quantile * sqrt(fmax(left, 0.0));
        }
    }
}

/* Sum over draws of the best recommendation after measuring what `moves` was called for. */
static double gain(const struct kg *kg)
{
    double best[N_DRAWS], sum = 0.0;
    for (size_t j = 0; j < N_DRAWS; j++)
        best[j] = kg->fallback;
    for (size_t a = 0; a < kg->n_targets; a++) {
        double value[N_DRAWS];
        const double *path = kg->belief[0].path + a * N_DRAWS, *z = draws_of(kg, 0), move = kg->belief[0].move[a];
        for (size_t j = 0; j < N_DRAWS; j++)
            value[j] = path[j] + move * z[j];
        for (size_t k = 1; k < kg->n_outcomes; k++) {
            const struct belief *b = &kg->belief[k];
            const double *zk = draws_of(kg, k), *pk = b->path + a * N_DRAWS;
            for (size_t j = 0; j < N_DRAWS; j++)
                value[j] = pk[j] + b->move[a] * zk[j] <= b->limit[a] ? value[j] : kg->fallback;
        }
        for (size_t j = 0; j < N_DRAWS; j++)
            best[j] = value[j] > best[j] ? value[j] : best[j];
    }
    for (size_t j = 0; j < N_DRAWS; j++)
        sum += best[j];
    return sum;
}

/* Pool point c is measured in every draw. */
static void measure(struct kg *kg, size_t c)
{
    moves(kg, c);
    for (size_t k = 0; k < kg->n_outcomes; k++) {
        struct belief *b = &kg->belief[k];
        const double *z = draws_of(kg, k);
        for (size_t a = 0; a < kg->n_targets; a++) {
            for (size_t j = 0; j < N_DRAWS; j++)
                b->path[a * N_DRAWS + j] += b->move[a] * z[j];
        }
        const int m = (int)kg->m;
        const double var = b->cov[c * kg->m + c] + b->noise[c];
        memcpy(kg->score, b->cov + c * kg->m, kg->m * sizeof *kg->score);
        cblas_dger(CblasRowMajor, m, m, -1.0 / var, kg->score, 1, kg->score, 1, b->cov, m);
    }
    kg->used++;
}

/* n points of the pool, one after the other; its first n_running are running already. */
static enum status choose_greedily(struct kg *kg, size_t n_running, size_t n, size_t *ret, struct err *err)
{
    for (size_t k = 0; k < kg->n_outcomes; k++)
        TRY(believe(kg, k, err));
    choose_targets(kg);
    for (size_t i = 0; i < n_running; i++)
        measure(kg, i);
    for (size_t q = 0; q < n; q++) {
        double top = -HUGE_VAL;
        ret[q] = n_running;
        for (size_t c = n_running; c < kg->m; c++) {
            moves(kg, c);
            const double value = gain(kg);
            if (value > top) {
                top = value;
                ret[q] = c;
            }
        }
        measure(kg, ret[q]);
    }
    return STATUS_OK;
}

static void add_to_pool(struct kg *kg, size_t n, const double *x)
{
    memcpy(kg->x + kg->m * kg->problem->dim, x, n * kg->problem->dim * sizeof *x);
    kg->m += n;
}

static void add_candidates(struct kg *kg, size_t n_global, size_t n_centers, const double *centers, double size,
                           struct rng *rng)
{
    const size_t dim = kg->problem->dim;
    double step[GP_MAX_DIM];
    acquisition_step(kg->problem, step);
    for (size_t k = 0; k < dim; k++)
        step[k] = size * fmin(step[k], 0.5);
    const struct search search = {.dim = dim,
                                  .levels = kg->problem->levels,
                                  .n_global = n_global,
                                  .n_local = N_LOCAL,
                                  .n_centers = n_centers,
                                  .centers = centers,
                                  .step = step};
    search_candidates(&search, rng, kg->x + kg->m * dim);
    kg->m += n_global + N_LOCAL;
}

/* good [n_good * dim]: the best of the cube by the model, then evaluated points; with room for n more behind. */
static enum status play(struct kg *kg, size_t n_running, const double *running, size_t n_good, double *good, size_t n,
                        struct rng *rng, double *ret_x, struct err *err)
{
    const size_t dim = kg->problem->dim;
    size_t chosen[OPTIMIZER_MAX_ASK];
    for (int pool = 0; pool < N_POOLS; pool++) {
        kg->m = 0;
        add_to_pool(kg, n_running, running);
        add_to_pool(kg, n_good, good);
        if (pool == 0) {
            add_candidates(kg, N_GLOBAL, n_good < MAX_CENTERS ? n_good : MAX_CENTERS, good, 1.0, rng);
        } else { /* around the best of the cube, too: it stands before the chosen ones */
            memcpy(good + n_good * dim, ret_x, n * dim * sizeof *ret_x);
            add_to_pool(kg, n, ret_x);
            memcpy(good + (n_good + n) * dim, good, dim * sizeof *good);
            add_candidates(kg, N_AGAIN, n + 1, good + n_good * dim, pool == 1 ? 0.7 : 0.2, rng);
        }
        TRY(choose_greedily(kg, n_running, n, chosen, err));
        for (size_t q = 0; q < n; q++)
            memcpy(ret_x + q * dim, kg->x + chosen[q] * dim, dim * sizeof *ret_x);
    }
    return STATUS_OK;
}

static enum status choose(const struct acquisition_problem *problem, size_t n, double *ret_x, struct err *err)
{
    const size_t dim = problem->dim, n_running = problem->n_pending < MAX_PENDING ? problem->n_pending : MAX_PENDING;
    struct rng rng;
    struct recommendation best;
    struct kg kg = {.problem = problem, .n_outcomes = problem->n_outcomes, .n_points = n_running + n};
    size_t n_baseline = 0;
    double *good = mem_alloc((MAX_BASELINE + n + 2) * dim, sizeof *good);
    if (good == NULL)
        return err_no_memory(err);
    kg.capacity = n_running + 1 + MAX_BASELINE + N_GLOBAL + N_LOCAL + n;
    rng_init(&rng, problem->seed, rng_hash_text("kg"), 0);
    enum status s = recommend_anywhere(problem, good, &best, err);
    if (s == STATUS_OK)
        s = acquisition_baseline(problem, MAX_BASELINE, good + dim, &n_baseline, err);
    if (s == STATUS_OK)
        s = kg_init(&kg, &rng, err);
    if (s == STATUS_OK)
        s = play(&kg, n_running, n_running > 0 ? problem->pending + (problem->n_pending - n_running) * dim : good,
                 1 + n_baseline, good, n, &rng, ret_x, err);
    kg_done(&kg);
    mem_free(good);
    return s;
}

const struct acquisition ACQ_KG = {"kg", choose};
