/* bench_optimizer - the optimizer in process, on problems whose answer is known (tests/lib/optimizer_problems.h).
 *
 *   bench_optimizer [--problems a,b|free|bound|all] [--noise 0.05,0.3,1] [--seeds N] [--first N] [--shared R]
 *                   [--diagonal] [--control] [--budget 60] [--q 4] [--acquisition A] [--hyper-prior P] [--out FILE]
 *   bench_optimizer --latency [--dim 6]
 *
 * A run: 2 dim Sobol points, rounded up to whole rounds, then rounds of q points until the budget is spent; noise is
 * Normal with `noise` standard deviations of the function, told as it is.  --shared R: the share R of every variance
 * is common to a round (its arms share a control), told as a full matrix, with --diagonal without its off-diagonal.
 * --control: values are differences from a control in the middle of the cube, which the optimizer knows to be 0.
 * Figure: normalised regret of the point recommended at the end (0 the optimum, 1 a random point, at least 1 where it
 * is not feasible), its median and the geometric mean of max(regret, 0.001).  Coverage is
 * the share of evaluated points whose true value lies in the 95 % interval of the model at the end.  One line of JSON a
 * run goes to --out, for scripts/compare-runs. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/blas/blas.h"
#include "base/core/mem.h"
#include "base/core/opt.h"
#include "base/core/rng.h"
#include "tests/lib/optimizer_problems.h"
#include "tuner/core/optimizer.h"
#include "tuner/core/sobol.h"

enum { MAX_SEEDS = 1000, MAX_POINTS = 1024, MAX_Q = 32 };
static const double FLOOR = 1e-3;

static struct {
    const char *problems, *noise, *acquisition, *hyper_prior, *out;
    int64_t seeds, first, budget, q, dim;
    double shared;
    bool diagonal, control, latency;
} options = {.problems = "all", .noise = "0.05,0.3", .seeds = 20, .budget = 60, .q = 4, .dim = 6};

static const struct opt OPTIONS[] = {
    {"problems", OPT_TEXT, &options.problems, "LIST", "names, or free, bound (active constraints), all", 0, 0},
    {"noise", OPT_TEXT, &options.noise, "LIST", "in standard deviations of the function", 0, 0},
    {"seeds", OPT_INT, &options.seeds, "N", "runs of each", 1, MAX_SEEDS},
    {"first", OPT_INT, &options.first, "N", "the first seed", 0, 1e9},
    {"shared", OPT_REAL, &options.shared, "R", "share of the noise variance that is common to a round", 0, 0.99},
    {"diagonal", OPT_FLAG, &options.diagonal, NULL, "tell the diagonal of that covariance only", 0, 0},
    {"control", OPT_FLAG, &options.control, NULL, "tell differences from a known control", 0, 0},
    {"budget", OPT_INT, &options.budget, "N", "evaluations", 4, MAX_POINTS},
    {"q", OPT_INT, &options.q, "N", "points of a round", 1, MAX_Q},
    {"acquisition", OPT_TEXT, &options.acquisition, "NAME", "as of optimizer.h", 0, 0},
    {"hyper-prior", OPT_TEXT, &options.hyper_prior, "NAME", "as of optimizer.h", 0, 0},
    {"out", OPT_TEXT, &options.out, "FILE", "one line of JSON a run is appended", 0, 0},
    {"latency", OPT_FLAG, &options.latency, NULL, "time tell, fit and ask(4) instead", 0, 0},
    {"dim", OPT_INT, &options.dim, "N", "of --latency", 1, PROBLEM_MAX_DIM},
    OPT_END,
};

struct run {
    struct problem problem;
    struct optimizer *optimizer;
    struct rng noise;
    double level; /* of the noise */
    double regret, in_sample, covered;
    double at_control[1 + PROBLEM_MAX_CONSTRAINTS]; /* 0 without --control */
    size_t n;                                       /* told so far */
    double x[MAX_POINTS * PROBLEM_MAX_DIM], truth[MAX_POINTS];
    bool feasible;
    double ms; /* CPU, a round: fit and ask */
};

/* Of this process's CPU: other programs on the machine do not count. */
static double now_ms(void)
{
    return (double)clock() * (1e3 / CLOCKS_PER_SEC);
}

/* The noise of one outcome in a round, correlated by what its points share. */
static void draw_noise(struct run *run, size_t n, double sd, double *value, double *cov)
{
    const double common = sqrt(options.shared) * rng_normal(&run->noise), own = sqrt(1.0 - options.shared);
    for (size_t i = 0; i < n; i++) {
        value[i] += sd * (common + own * rng_normal(&run->noise));
        for (size_t j = 0; j < n; j++)
            cov[i * n + j] = i == j ? sd * sd : options.diagonal ? 0.0 : options.shared * sd * sd;
    }
}

static enum status evaluate(struct run *run, size_t n, const double *x, struct err *err)
{
    enum { OUTCOMES = 1 + PROBLEM_MAX_CONSTRAINTS };
    static double y[OUTCOMES * MAX_POINTS], cov[OUTCOMES * MAX_POINTS * MAX_Q];
    double outcome[OUTCOMES];
    const struct problem *p = &run->problem;
    for (size_t i = 0; i < n; i++) {
        p->at(p, x + i * p->dim, outcome);
        for (size_t k = 0; k <= p->n_constraints; k++)
            y[k * n + i] = k == 0 ? run->at_control[k] - outcome[k] : outcome[k];
        memcpy(run->x + run->n * p->dim, x + i * p->dim, p->dim * sizeof *x);
        run->truth[run->n++] = y[i];
    }
    for (size_t k = 0; k <= p->n_constraints; k++)
        draw_noise(run, n, run->level * p->sd[k], y + k * n, cov + k * n * n);
    return optimizer_tell(run->optimizer, &(struct optimizer_round){n, x, y, cov, NULL}, err);
}

/* The share of told points whose objective lies in its 95 % interval. */
static enum status coverage(struct run *run, struct err *err)
{
    static double mean[MAX_POINTS * (1 + PROBLEM_MAX_CONSTRAINTS)], sd[MAX_POINTS * (1 + PROBLEM_MAX_CONSTRAINTS)];
    TRY(optimizer_posterior(run->optimizer, run->n, run->x, &(struct optimizer_posterior){.mean = mean, .sd = sd},
                            err));
    run->covered = 0.0;
    for (size_t i = 0; i < run->n; i++)
        run->covered += fabs(mean[i] - run->truth[i]) <= 1.96 * sd[i] ? 1.0 / (double)run->n : 0.0;
    return STATUS_OK;
}

static enum status play(struct run *run, uint64_t seed, struct err *err)
{
    const size_t dim = run->problem.dim, q = (size_t)options.q, budget = (size_t)options.budget;
    struct sobol sobol;
    struct rng rng;
    struct optimizer_choice best, seen;
    double x[MAX_Q * PROBLEM_MAX_DIM];
    bool unused;
    size_t told = 0, rounds = 0;
    rng_init(&rng, seed, rng_hash_text(run->problem.name), 1);
    rng_init(&run->noise, seed, rng_hash_text(run->problem.name), 2);
    sobol_init(&sobol, dim, &rng);
    const size_t initial = (2 * dim + q - 1) / q * q;
    for (run->ms = 0.0; told < budget; told += q, rounds++) {
        const double begin = now_ms();
        for (size_t i = 0; told < initial && i < q; i++)
            sobol_next(&sobol, x + i * dim);
        if (told >= initial)
            TRY(optimizer_ask(run->optimizer, q, 0, NULL, x, err));
        run->ms += now_ms() - begin;
        TRY(evaluate(run, q, x, err));
    }
    TRY(coverage(run, err));
    TRY(optimizer_best(run->optimizer, &best, err));
    TRY(optimizer_recommend(run->optimizer, 0, NULL, &seen, err));
    run->regret = problem_regret(&run->problem, best.x, &run->feasible);
    run->in_sample = problem_regret(&run->problem, seen.x, &unused);
    run->ms /= (double)rounds;
    return STATUS_OK;
}

static enum status play_new(struct run *run, const char *name, double level, uint64_t seed, struct err *err)
{
    if (!problem_init(name, seed, &run->problem))
        return err_set(err, STATUS_INVALID, "problem \"%s\": no such name", name);
    const double middle[PROBLEM_MAX_DIM] = {.5, .5, .5, .5, .5, .5, .5, .5, .5, .5, .5, .5};
    run->n = 0;
    memset(run->at_control, 0, sizeof run->at_control);
    if (options.control)
        run->problem.at(&run->problem, middle, run->at_control);
    const struct optimizer_config config = {.dim = run->problem.dim,
                                            .n_outcomes = 1 + run->problem.n_constraints,
                                            .seed = seed,
                                            .control = options.control ? middle : NULL,
                                            .control_known = options.control,
                                            .hyper_prior = options.hyper_prior,
                                            .acquisition = options.acquisition};
    run->level = level;
    TRY(optimizer_new(&config, &run->optimizer, err));
    const enum status s = play(run, seed, err);
    optimizer_free(run->optimizer);
    return s;
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(size_t n, double *x)
{
    qsort(x, n, sizeof *x, by_size);
    return n % 2 == 1 ? x[n / 2] : 0.5 * (x[n / 2 - 1] + x[n / 2]);
}

struct total {
    double logs, runs, infeasible, constrained;
};

static void append(FILE *out, const struct run *run, long long seed)
{
    (void)fprintf(out,
                  "{\"problem\":\"%s\",\"noise\":%g,\"seed\":%lld,\"final\":%.6g,\"final_ins\":%.6g,\"feasible\":%s,"
                  "\"coverage\":%.4g}\n",
                  run->problem.name, run->level, seed, run->regret, run->in_sample, run->feasible ? "true" : "false",
                  run->covered);
}

static enum status cell(const char *name, double level, FILE *out, struct total *total, struct err *err)
{
    static double regret[MAX_SEEDS], in_sample[MAX_SEEDS];
    static struct run run;
    double covered = 0.0, logs = 0.0, ms = 0.0, infeasible = 0.0;
    const size_t n = (size_t)options.seeds;
    for (size_t i = 0; i < n; i++) {
        const uint64_t seed = (uint64_t)options.first + i;
        TRY(play_new(&run, name, level, seed, err));
        regret[i] = run.regret;
        in_sample[i] = run.in_sample;
        logs += log(fmax(run.regret, FLOOR));
        covered += run.covered / (double)n;
        ms += run.ms / (double)n;
        infeasible += !run.feasible;
        if (out != NULL)
            append(out, &run, (long long)seed);
    }
    printf("%-12s %5.0f %% %9.4f %9.4f %9.4f %9.1f %% %8.1f %%  %6.1f\n", name, 100.0 * level, median(n, regret),
           exp(logs / (double)n), median(n, in_sample), 100.0 * infeasible / (double)n, 100.0 * covered, ms);
    (void)fflush(stdout);
    total->logs += logs;
    total->runs += (double)n;
    total->infeasible += infeasible;
    total->constrained += run.problem.n_constraints > 0 ? (double)n : 0.0;
    return STATUS_OK;
}

static bool listed(const char *list, const char *name)
{
    const size_t length = strlen(name);
    for (const char *at = list; (at = strstr(at, name)) != NULL; at++) {
        if ((at == list || at[-1] == ',') && (at[length] == '\0' || at[length] == ','))
            return true;
    }
    return false;
}

static bool wanted(const char *name)
{
    struct problem p;
    if (listed(options.problems, name) || strcmp(options.problems, "all") == 0)
        return true;
    const bool bound = strcmp(options.problems, "bound") == 0;
    return (bound || strcmp(options.problems, "free") == 0) && problem_init(name, 0, &p) &&
           bound == (p.n_constraints > 0);
}

static enum status all_cells(FILE *out, struct total *total, struct err *err)
{
    printf("%-12s %7s %9s %9s %9s %11s %10s %7s\n", "problem", "noise", "median", "geo.mean", "in-sample", "infeasible",
           "coverage", "cpu ms");
    for (size_t i = 0; problem_name(i) != NULL; i++) {
        const char *text = options.noise;
        while (wanted(problem_name(i)) && *text != '\0') {
            char *end;
            const double level = strtod(text, &end);
            if (end == text || !(level >= 0.0))
                return err_set(err, STATUS_INVALID, "--noise \"%s\": a list of numbers is expected", options.noise);
            TRY(cell(problem_name(i), level, out, total, err));
            text = *end == ',' ? end + 1 : end;
        }
    }
    return STATUS_OK;
}

/* Half space-filling, half clustered, as a real history is. */
static void fill_history(size_t n, size_t dim, struct rng *rng, double *x, double *y, double *cov)
{
    const double sd = 0.02;
    for (size_t i = 0; i < n; i++) {
        double sum = 0.0;
        for (size_t k = 0; k < dim; k++) {
            const double v = i < n / 2 ? rng_uniform(rng) : 0.35 + 0.1 * rng_normal(rng);
            x[i * dim + k] = fmin(fmax(v, 0.0), 1.0);
            sum += (x[i * dim + k] - 0.35) * (x[i * dim + k] - 0.35) * (double)(k + 1);
        }
        y[i] = exp(-sum) + sd * rng_normal(rng);
        cov[i * n + i] = sd * sd;
    }
}

/* CPU milliseconds of tell, fit and ask(4): ret [3] keeps the least. */
static enum status time_round(const struct optimizer_round *round, size_t dim, uint64_t seed, double *ret,
                              struct err *err)
{
    struct optimizer *o = NULL;
    struct optimizer_hyper hyper;
    double arms[4 * PROBLEM_MAX_DIM], t[4];
    TRY(optimizer_new(&(struct optimizer_config){.dim = dim, .n_outcomes = 1, .seed = seed}, &o, err));
    t[0] = now_ms();
    enum status s = optimizer_tell(o, round, err);
    t[1] = now_ms();
    if (s == STATUS_OK)
        s = optimizer_hyper(o, 0, &hyper, err); /* asking for them makes the fit */
    t[2] = now_ms();
    if (s == STATUS_OK)
        s = optimizer_ask(o, 4, 0, NULL, arms, err);
    t[3] = now_ms();
    for (size_t i = 0; i < 3 && s == STATUS_OK; i++)
        ret[i] = fmin(ret[i], t[i + 1] - t[i]);
    optimizer_free(o);
    return s;
}

static enum status time_history(size_t n, size_t dim, double *ret, struct err *err)
{
    double *x = mem_alloc(n * (dim + 1 + n), sizeof *x);
    if (x == NULL)
        return err_no_memory(err);
    double *y = x + n * dim, *cov = y + n;
    enum status s = STATUS_OK;
    for (uint64_t seed = 0; seed < 3 && s == STATUS_OK; seed++) {
        struct rng rng;
        rng_init(&rng, seed, n, dim);
        fill_history(n, dim, &rng, x, y, cov);
        s = time_round(&(struct optimizer_round){n, x, y, cov, NULL}, dim, seed, ret, err);
    }
    mem_free(x);
    return s;
}

static enum status latency(struct err *err)
{
    static const size_t SIZES[] = {20, 60, 120, 250, 500, 1000};
    const size_t dim = (size_t)options.dim;
    struct rusage usage;
    printf("dim %zu; least CPU milliseconds of 3\n%6s %8s %8s %8s %8s %12s\n", dim, "n", "tell", "fit", "ask(4)", "sum",
           "peak MB");
    for (size_t i = 0; i < sizeof SIZES / sizeof *SIZES; i++) {
        double ms[3] = {HUGE_VAL, HUGE_VAL, HUGE_VAL};
        TRY(time_history(SIZES[i], dim, ms, err));
        (void)getrusage(RUSAGE_SELF, &usage);
        printf("%6zu %8.1f %8.1f %8.1f %8.1f %12.0f\n", SIZES[i], ms[0], ms[1], ms[2], ms[0] + ms[1] + ms[2],
               (double)usage.ru_maxrss / 1024.0);
        (void)fflush(stdout);
    }
    return STATUS_OK;
}

static enum status bench(struct err *err)
{
    struct total total = {0};
    FILE *out = options.out != NULL ? fopen(options.out, "a") : NULL;
    if (options.out != NULL && out == NULL)
        return err_set(err, STATUS_INVALID, "--out %s cannot be opened", options.out);
    const enum status s = all_cells(out, &total, err);
    if (out != NULL && fclose(out) != 0 && s == STATUS_OK)
        return err_set(err, STATUS_IO, "--out %s could not be written", options.out);
    if (s == STATUS_OK && total.runs > 0.0)
        printf("geometric mean over %.0f runs %.4f; infeasible %.1f %% of %.0f runs with constraints\n", total.runs,
               exp(total.logs / total.runs), 100.0 * total.infeasible / fmax(total.constrained, 1.0),
               total.constrained);
    return s;
}

static int run_bench(int n, char **operands)
{
    struct err err = ERR_INIT;
    (void)n;
    (void)operands;
    const enum status s = options.latency ? latency(&err) : bench(&err);
    if (s != STATUS_OK)
        (void)fprintf(stderr, "bench_optimizer: %s\n", err.text);
    return s == STATUS_OK ? EXIT_DONE : EXIT_FAILED;
}

int main(int argc, char **argv)
{
    static const struct opt_command COMMANDS[] = {
        {NULL, "", "regret of the recommended point, or time", OPTIONS, 0, 0, run_bench}, {0}};
    blas_start(argv);
    return opt_main("bench_optimizer", "the optimizer on problems whose answer is known", COMMANDS, argc, argv);
}
