#include "tests/lib/optimizer_problems.h"

#include <math.h>
#include <string.h>

#include "base/core/rng.h"
#include "tuner/core/sobol.h"

static const double PI = 3.14159265358979323846;

static double square(double x)
{
    return x * x;
}

static double branin(double a, double b)
{
    return square(b - 5.1 / (4.0 * PI * PI) * a * a + 5.0 / PI * a - 6.0) + 10.0 * (1.0 - 1.0 / (8.0 * PI)) * cos(a) +
           10.0;
}

static void branin2(const struct problem *p, const double *x, double *ret)
{
    (void)p;
    ret[0] = branin(15.0 * x[0] - 5.0, 15.0 * x[1]);
}

static void branin2_in_disc(const struct problem *p, const double *x, double *ret)
{
    branin2(p, x, ret);
    ret[1] = square(15.0 * x[0] - 5.0 - 2.5) + square(15.0 * x[1] - 7.5) - 20.0;
}

static double hartmann(size_t dim, const double *a, const double *c, const double *x)
{
    static const double ALPHA[] = {1.0, 1.2, 3.0, 3.2};
    double sum = 0.0;
    for (size_t i = 0; i < 4; i++) {
        double e = 0.0;
        for (size_t k = 0; k < dim; k++)
            e += a[i * dim + k] * square(x[k] - 1e-4 * c[i * dim + k]);
        sum -= ALPHA[i] * exp(-e);
    }
    return sum;
}

static void hartmann3(const struct problem *p, const double *x, double *ret)
{
    static const double A[] = {3, 10, 30, .1, 10, 35, 3, 10, 30, .1, 10, 35};
    static const double C[] = {3689, 1170, 2673, 4699, 4387, 7470, 1091, 8732, 5547, 381, 5743, 8828};
    ret[0] = hartmann(p->dim, A, C, x);
}

static void hartmann6(const struct problem *p, const double *x, double *ret)
{
    static const double A[] = {10, 3,   17,  3.5, 1.7, 8, .05, 10, 17,  .1, 8,  14,
                               3,  3.5, 1.7, 10,  17,  8, 17,  8,  .05, 10, .1, 14};
    static const double C[] = {1312, 1696, 5569, 124,  8283, 5886, 2329, 4135, 8307, 3736, 1004, 9991,
                               2348, 1451, 3522, 2883, 3047, 6650, 4047, 8828, 8732, 5743, 1091, 381};
    ret[0] = hartmann(p->dim, A, C, x);
}

static void hartmann6_cut(const struct problem *p, const double *x, double *ret)
{
    hartmann6(p, x, ret);
    ret[1] = -1.5;
    for (size_t k = 0; k < p->dim; k++)
        ret[1] += x[k];
}

static void ackley(const struct problem *p, const double *x, double *ret)
{
    double squares = 0.0, waves = 0.0;
    const double dim = (double)p->dim;
    for (size_t k = 0; k < p->dim; k++) {
        const double v = p->lo + x[k] * (p->hi - p->lo);
        squares += v * v;
        waves += cos(2.0 * PI * v);
    }
    ret[0] = -20.0 * exp(-0.2 * sqrt(squares / dim)) - exp(waves / dim) + 20.0 + exp(1.0);
}

static void levy(const struct problem *p, const double *x, double *ret)
{
    double w[PROBLEM_MAX_DIM] = {0};
    for (size_t k = 0; k < p->dim; k++)
        w[k] = 1.0 + (p->lo + x[k] * (p->hi - p->lo) - 1.0) / 4.0;
    ret[0] = square(sin(PI * w[0]));
    for (size_t k = 0; k + 1 < p->dim; k++)
        ret[0] += square(w[k] - 1.0) * (1.0 + 10.0 * square(sin(PI * w[k] + 1.0)));
    ret[0] += square(w[p->dim - 1] - 1.0) * (1.0 + square(sin(2.0 * PI * w[p->dim - 1])));
}

static void rosenbrock(const struct problem *p, const double *x, double *ret)
{
    ret[0] = 0.0;
    for (size_t k = 0; k + 1 < p->dim; k++) {
        const double a = p->lo + x[k] * (p->hi - p->lo), b = p->lo + x[k + 1] * (p->hi - p->lo);
        ret[0] += 100.0 * square(b - a * a) + square(1.0 - a);
    }
}

static void styblinski(const struct problem *p, const double *x, double *ret)
{
    ret[0] = 0.0;
    for (size_t k = 0; k < p->dim; k++) {
        const double v = p->lo + x[k] * (p->hi - p->lo);
        ret[0] += 0.5 * (square(square(v)) - 16.0 * v * v + 5.0 * v);
    }
}

static void shekel(const struct problem *p, const double *x, double *ret)
{
    static const double C[10][4] = {{4, 4, 4, 4}, {1, 1, 1, 1}, {8, 8, 8, 8}, {6, 6, 6, 6}, {3, 7, 3, 7},
                                    {2, 9, 2, 9}, {5, 3, 5, 3}, {8, 1, 8, 1}, {6, 2, 6, 2}, {7, 3.6, 7, 3.6}};
    static const double B[10] = {.1, .2, .2, .4, .4, .6, .3, .7, .5, .5};
    ret[0] = 0.0;
    for (size_t i = 0; i < 10; i++) {
        double sum = B[i];
        for (size_t k = 0; k < p->dim; k++)
            sum += square(10.0 * x[k] - C[i][k]);
        ret[0] -= 1.0 / sum;
    }
}

static void cosine(const struct problem *p, const double *x, double *ret)
{
    ret[0] = 0.0;
    for (size_t k = 0; k < p->dim; k++) {
        const double v = 2.0 * x[k] - 1.0;
        ret[0] -= 0.1 * cos(5.0 * PI * v) - v * v;
    }
}

static void wave(const struct problem *p, const double *x, double *ret)
{
    ret[0] = 0.0;
    for (size_t i = 0; i < PROBLEM_WAVES; i++) {
        const double *w = p->wave + i * (PROBLEM_MAX_DIM + 1);
        double angle = w[PROBLEM_MAX_DIM];
        for (size_t k = 0; k < p->dim; k++)
            angle += w[k] * x[k];
        ret[0] += cos(angle) * sqrt(2.0 / PROBLEM_WAVES);
    }
}

/* One peak; coordinates interact, and far away the ground is nearly flat. */
static void hill(const struct problem *p, const double *x, double *ret)
{
    double sum = 0.0;
    for (size_t k = 0; k < p->dim; k++) {
        const double v = x[k] - p->peak[k], before = k > 0 ? x[k - 1] - p->peak[k - 1] : 0.0;
        sum += p->weight[k] * square(v + 0.5 * before + 0.7 * v * before);
    }
    ret[0] = -1.0 / (1.0 + sum);
}

static void griewank(const struct problem *p, const double *x, double *ret)
{
    double squares = 0.0, product = 1.0;
    for (size_t k = 0; k < p->dim; k++) {
        const double v = p->lo + x[k] * (p->hi - p->lo);
        squares += v * v / 4000.0;
        product *= cos(v / sqrt((double)(k + 1)));
    }
    ret[0] = squares - product + 1.0;
}

static void michalewicz(const struct problem *p, const double *x, double *ret)
{
    ret[0] = 0.0;
    for (size_t k = 0; k < p->dim; k++) {
        const double v = PI * x[k], wide = sin((double)(k + 1) * v * v / PI);
        ret[0] -= sin(v) * pow(wide * wide, 3.0);
    }
}

/* Of unequal height and width. */
static void bumps(const struct problem *p, const double *x, double *ret)
{
    static const double HEIGHT[PROBLEM_BUMPS] = {1.0, 0.85, 0.7};
    ret[0] = 0.0;
    for (size_t i = 0; i < PROBLEM_BUMPS; i++) {
        const double *center = p->bump + i * PROBLEM_MAX_DIM, *steep = center + PROBLEM_BUMPS * PROBLEM_MAX_DIM;
        double sum = 0.0;
        for (size_t k = 0; k < p->dim; k++)
            sum += steep[k] * square(x[k] - center[k]);
        ret[0] -= HEIGHT[i] * exp(-sum);
    }
}

/* The guardrail rises towards the peak and is 0.15 over its limit there. */
static void hill_guarded(const struct problem *p, const double *x, double *ret)
{
    hill(p, x, ret);
    ret[1] = 0.15;
    for (size_t k = 0; k < p->dim; k++) {
        const double side = p->wave[k], v = x[k] - p->peak[k];
        ret[1] += side * v / sqrt((double)p->dim) + 0.5 * v * v / (double)p->dim;
    }
}

static void gramacy(const struct problem *p, const double *x, double *ret)
{
    (void)p;
    ret[0] = x[0] + x[1];
    ret[1] = 1.5 - x[0] - 2.0 * x[1] - 0.5 * sin(2.0 * PI * (x[0] * x[0] - 2.0 * x[1]));
    ret[2] = x[0] * x[0] + x[1] * x[1] - 1.5;
}

static const struct entry {
    const char *name;
    size_t dim, n_constraints;
    double lo, hi, best; /* NAN: searched */
    void (*at)(const struct problem *p, const double *x, double *ret);
} ENTRIES[] = {
    {"branin", 2, 0, 0, 1, 0.39788735772973816, branin2},
    {"hartmann3", 3, 0, 0, 1, -3.86278214782076, hartmann3},
    {"hartmann6", 6, 0, 0, 1, -3.32236801141551, hartmann6},
    {"ackley5", 5, 0, -15, 30, 0.0, ackley},
    {"levy4", 4, 0, -10, 10, 0.0, levy},
    {"rosenbrock4", 4, 0, -2.048, 2.048, 0.0, rosenbrock},
    {"styblinski4", 4, 0, -5, 5, -156.66466281508, styblinski},
    {"shekel4", 4, 0, 0, 10, -10.5364431534836, shekel},
    {"cosine8", 8, 0, -1, 1, -0.8, cosine},
    {"griewank4", 4, 0, -8, 10, 0.0, griewank},
    {"michalewicz5", 5, 0, 0, 1, -4.687658179, michalewicz},
    {"bumps3", 3, 0, 0, 1, (double)NAN, bumps},
    {"bumps6", 6, 0, 0, 1, (double)NAN, bumps},
    {"wave2", 2, 0, 0, 1, (double)NAN, wave},
    {"wave5", 5, 0, 0, 1, (double)NAN, wave},
    {"wave10", 10, 0, 0, 1, (double)NAN, wave},
    {"hill3", 3, 0, 0, 1, -1.0, hill},
    {"hill6", 6, 0, 0, 1, -1.0, hill},
    {"hill12", 12, 0, 0, 1, -1.0, hill},
    {"hartmann6a", 6, 1, 0, 1, (double)NAN, hartmann6_cut},
    {"gramacy2", 2, 2, 0, 1, 0.5997880520215, gramacy},
    {"branin2a", 2, 1, 0, 1, (double)NAN, branin2_in_disc},
    {"guard4", 4, 1, 0, 1, (double)NAN, hill_guarded},
    {"guard8", 8, 1, 0, 1, (double)NAN, hill_guarded},
};
enum { N_ENTRIES = sizeof ENTRIES / sizeof *ENTRIES };

const char *problem_name(size_t i)
{
    return i < N_ENTRIES ? ENTRIES[i].name : NULL;
}

static const struct entry *find(const char *name)
{
    for (size_t i = 0; i < N_ENTRIES; i++) {
        if (strcmp(name, ENTRIES[i].name) == 0)
            return &ENTRIES[i];
    }
    return NULL;
}

static bool feasible(const struct problem *p, const double *outcome)
{
    for (size_t k = 1; k <= p->n_constraints; k++) {
        if (!(outcome[k] <= 1e-9))
            return false;
    }
    return true;
}

/* Places and steepnesses; the highest bump stands at the peak.  Numbers of its own, so that other problems keep theirs.
 */
static void draw_bumps(struct problem *p, uint64_t seed)
{
    struct rng rng;
    rng_init(&rng, seed, rng_hash_text(p->name), 3);
    for (size_t i = 0; i < PROBLEM_BUMPS; i++) {
        for (size_t k = 0; k < p->dim; k++) {
            p->bump[i * PROBLEM_MAX_DIM + k] = i == 0 ? p->peak[k] : 0.1 + 0.8 * rng_uniform(&rng);
            p->bump[(PROBLEM_BUMPS + i) * PROBLEM_MAX_DIM + k] = 0.5 * exp(rng_uniform(&rng) * log(30.0));
        }
    }
}

/* What makes a function of a seed: frequencies of the wave, place and steepness of the hill. */
static void draw(struct problem *p, struct rng *rng)
{
    double scale[PROBLEM_MAX_DIM];
    for (size_t k = 0; k < p->dim; k++) {
        scale[k] = sqrt((double)p->dim) * exp(log(0.15) + rng_uniform(rng) * log(1.0 / 0.15));
        p->peak[k] = 0.2 + 0.6 * rng_uniform(rng);
        p->weight[k] = 4.0 * exp(2.0 * rng_uniform(rng) - 1.0);
    }
    for (size_t i = 0; i < PROBLEM_WAVES; i++) {
        double *w = p->wave + i * (PROBLEM_MAX_DIM + 1);
        for (size_t k = 0; k < p->dim; k++)
            w[k] = rng_normal(rng) / scale[k];
        w[PROBLEM_MAX_DIM] = 2.0 * PI * rng_uniform(rng);
    }
}

static void moments(struct problem *p, struct rng *rng, double *ret_x, double *ret_value)
{
    enum { N = 4096 };
    struct sobol sobol;
    double x[PROBLEM_MAX_DIM], outcome[1 + PROBLEM_MAX_CONSTRAINTS], sum[1 + PROBLEM_MAX_CONSTRAINTS] = {0},
                                                                             squares[1 + PROBLEM_MAX_CONSTRAINTS] = {0};
    sobol_init(&sobol, p->dim, rng);
    *ret_value = HUGE_VAL;
    for (size_t i = 0; i < N; i++) {
        sobol_next(&sobol, x);
        p->at(p, x, outcome);
        for (size_t k = 0; k <= p->n_constraints; k++) {
            sum[k] += outcome[k] / N;
            squares[k] += outcome[k] * outcome[k] / N;
        }
        if (outcome[0] < *ret_value && feasible(p, outcome)) {
            *ret_value = outcome[0];
            memcpy(ret_x, x, sizeof x);
        }
    }
    p->mean = sum[0];
    for (size_t k = 0; k <= p->n_constraints; k++)
        p->sd[k] = sqrt(squares[k] - sum[k] * sum[k]);
}

/* Takes the peak as a start where it is better. */
static void try_peak(const struct problem *p, double *x, double *value)
{
    double outcome[1 + PROBLEM_MAX_CONSTRAINTS];
    p->at(p, p->peak, outcome);
    if (outcome[0] < *value && feasible(p, outcome)) {
        *value = outcome[0];
        memcpy(x, p->peak, sizeof p->peak);
    }
}

static double search(const struct problem *p, struct rng *rng, double *x, double value)
{
    enum { STEPS = 40000 };
    double there[PROBLEM_MAX_DIM], outcome[1 + PROBLEM_MAX_CONSTRAINTS];
    for (size_t i = 0; i < STEPS; i++) {
        const double size = 0.3 * pow(10.0, -5.0 * rng_uniform(rng));
        for (size_t k = 0; k < p->dim; k++)
            there[k] = fmin(fmax(x[k] + size * rng_normal(rng), 0.0), 1.0);
        p->at(p, there, outcome);
        if (outcome[0] < value && feasible(p, outcome)) {
            value = outcome[0];
            memcpy(x, there, sizeof there);
        }
    }
    return value;
}

bool problem_init(const char *name, uint64_t seed, struct problem *ret)
{
    const struct entry *e = find(name);
    struct rng rng;
    double x[PROBLEM_MAX_DIM] = {0}, value;
    if (e == NULL)
        return false;
    *ret = (struct problem){
        .name = e->name, .at = e->at, .dim = e->dim, .n_constraints = e->n_constraints, .lo = e->lo, .hi = e->hi};
    rng_init(&rng, seed, rng_hash_text(name), 0);
    draw(ret, &rng);
    draw_bumps(ret, seed);
    moments(ret, &rng, x, &value);
    try_peak(ret, x, &value);
    ret->best = isnan(e->best) ? search(ret, &rng, x, value) : e->best;
    return true;
}

double problem_regret(const struct problem *problem, const double *x, bool *ret_feasible)
{
    double outcome[1 + PROBLEM_MAX_CONSTRAINTS];
    problem->at(problem, x, outcome);
    const double regret = (outcome[0] - problem->best) / (problem->mean - problem->best);
    *ret_feasible = feasible(problem, outcome);
    return *ret_feasible ? regret : fmax(regret, 1.0);
}
