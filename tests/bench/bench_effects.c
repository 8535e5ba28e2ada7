/* bench_effects - which form of an effect can be believed, from few events on?
 *   bench_effects [--replicates N] [--arms K] [--lift X] [--seed N]
 * Arms of 100 000 units against one control.  Few units have events, and those that have one have several: bursts, as
 * many as Poisson says, of geometric size with mean 2, one burst a unit.  From means and their variances the effects
 * are made in three forms, the first by base/stats/effects.h:
 *
 *   relative   m_a / m_c - 1 with its second-order correction
 *   log-lift   log(m_a / m_c),  Cov = [a = b] V_a / m_a^2 + V_c / m_c^2, which holds no noisy ratio in the shared term
 *   scaled     (m_a - m_c) / scale, scale declared beforehand: here the true mean of the control
 *
 * Printed are, for one arm and for the mean of all K (where the shared control matters most), the bias in units of the
 * true standard deviation, what the 95 % interval covers, and how often there is no effect because nobody had an event.
 * scripts/validate-covariance calls this. */
#include <math.h>
#include <stdio.h>

#include "base/core/opt.h"
#include "base/core/rng.h"
#include "base/stats/effects.h"

enum { MAX_ARMS = 16 };

static const double Z95 = 1.959963984540054, UNITS = 1e5, BURST = 2.0;
static int64_t replicates = 20000, arms = 8, seed = 1;
static double lift = 0.1;

struct sample {
    double mean, var; /* var: of the mean */
};

/* Knuth's product of uniforms, in parts of at most 30 so that it does not underflow. */
static int poisson(struct rng *rng, double mean)
{
    int n = 0;
    for (; mean > 30.0; mean -= 30.0)
        n += poisson(rng, 30.0);
    for (double p = rng_open(rng); p > exp(-mean); p *= rng_open(rng))
        n++;
    return n;
}

static struct sample draw(struct rng *rng, double events)
{
    double sum = 0.0, squares = 0.0;
    for (int bursts = poisson(rng, events / BURST); bursts > 0; bursts--) {
        const double size = 1.0 + floor(log(rng_open(rng)) / log(1.0 - 1.0 / BURST));
        sum += size;
        squares += size * size;
    }
    return (struct sample){sum / UNITS, (squares / UNITS - sum * sum / UNITS / UNITS) / (UNITS - 1.0)};
}

enum form { RELATIVE, LOG_LIFT, SCALED, FORMS };

static double truth_of(enum form form)
{
    return form == LOG_LIFT ? log1p(lift) : lift;
}

/* effect [K], cov [K * K]; s: the control, then the arms. */
static void make_effects(enum form form, const struct sample *s, double scale, double *effect, double *cov)
{
    const size_t k = (size_t)arms;
    double mean[MAX_ARMS + 1], var[MAX_ARMS + 1];
    for (size_t a = 0; a <= k; a++) {
        mean[a] = s[a].mean;
        var[a] = s[a].var;
    }
    if (form == RELATIVE) {
        effects_relative(k + 1, 1, 0, mean, var, effect, cov);
        return;
    }
    for (size_t a = 0; a < k; a++) {
        const struct sample *x = &s[a + 1];
        effect[a] = form == LOG_LIFT ? log(x->mean / s->mean) : (x->mean - s->mean) / scale;
        for (size_t b = 0; b < k; b++) {
            const double own = form == LOG_LIFT ? x->var / (x->mean * x->mean) : x->var / (scale * scale);
            const double shared = form == LOG_LIFT ? s->var / (s->mean * s->mean) : s->var / (scale * scale);
            cov[a * k + b] = shared + (a == b ? own : 0.0);
        }
    }
}

struct counts {
    int64_t n, covered;
    double sum, squares;
};

static void count(struct counts *c, double error, double var)
{
    if (!isfinite(error) || !isfinite(var))
        return;
    c->n++;
    c->covered += fabs(error) <= Z95 * sqrt(var);
    c->sum += error;
    c->squares += error * error;
}

static void print_counts(const struct counts *c)
{
    const double n = (double)c->n, mean = c->sum / n, sd = sqrt(c->squares / n - mean * mean);
    printf("  %+6.3f  %5.1f %%", mean / sd, 100.0 * (double)c->covered / n);
}

static void run_cell(double events, enum form form)
{
    static const char *const NAMES[FORMS] = {"relative", "log-lift", "scaled"};
    const size_t k = (size_t)arms;
    struct counts one = {0}, all = {0};
    struct rng rng;
    rng_init(&rng, (uint64_t)seed, rng_hash_text("effects"), (uint64_t)events);
    for (int64_t i = 0; i < replicates; i++) {
        struct sample s[MAX_ARMS + 1];
        double effect[MAX_ARMS], cov[MAX_ARMS * MAX_ARMS], mean = 0.0, var = 0.0;
        s[0] = draw(&rng, events * sqrt((double)k)); /* the control has sqrt(K) times the traffic of an arm */
        s[0] = (struct sample){s[0].mean / sqrt((double)k), s[0].var / (double)k};
        for (size_t a = 1; a <= k; a++)
            s[a] = draw(&rng, events * (1.0 + lift));
        make_effects(form, s, events / UNITS, effect, cov);
        for (size_t a = 0; a < k; a++) {
            mean += effect[a] / (double)k;
            for (size_t b = 0; b < k; b++)
                var += cov[a * k + b] / (double)(k * k);
        }
        count(&one, effect[0] - truth_of(form), cov[0]);
        count(&all, mean - truth_of(form), var);
    }
    printf("%7.0f  %-8s", events, NAMES[form]);
    print_counts(&one);
    print_counts(&all);
    printf("  %5.1f %%\n", 100.0 * (1.0 - (double)one.n / (double)replicates));
}

static int run(int n, char **operands)
{
    static const double EVENTS[] = {5, 10, 20, 50, 100, 300, 1000};
    (void)n;
    (void)operands;
    printf(
        "%d arms, true lift %+.0f %%, %lld replicates; events: of an arm without lift, the control has sqrt(K) times "
        "as many\n",
        (int)arms, 100.0 * lift, (long long)replicates);
    printf("%7s  %-8s  %-17s%-17s  %s\n", "events", "form", "one arm: bias, 95", "mean: bias, 95", "none");
    for (size_t e = 0; e < sizeof EVENTS / sizeof *EVENTS; e++) {
        for (int form = 0; form < FORMS; form++)
            run_cell(EVENTS[e], (enum form)form);
    }
    return EXIT_DONE;
}

int main(int argc, char **argv)
{
    static const struct opt OPTIONS[] = {
        {"replicates", OPT_INT, &replicates, "N", "simulated rounds of a cell", 100, 100000000},
        {"arms", OPT_INT, &arms, "K", "arms beside the control", 1, MAX_ARMS},
        {"lift", OPT_REAL, &lift, "X", "true lift of every arm", -0.9, 10},
        {"seed", OPT_INT, &seed, "N", "of the draws", 0, 9e15},
        OPT_END,
    };
    static const struct opt_command COMMANDS[] = {
        {NULL, "", "relative effect, log-lift and scaled difference with few events", OPTIONS, 0, 0, run}, {0}};
    return opt_main("bench_effects", "forms of an effect", COMMANDS, argc, argv);
}
