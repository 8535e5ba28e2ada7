/* bench_statistics - do the intervals of the experiment platform hold what they say?
 *   bench_statistics [--experiments N] [--units N] [--sigma X] [--seed N]
 * Runs simulated experiments (tests/lib/stats_lab.h) through assignment, tally and measures, and prints each rate with
 * its 95 % Monte-Carlo interval (Wilson).  A rate that misses its nominal value by more than 0.7 percentage points, or
 * by more than the simulation can tell (3.3 standard errors), is marked and makes the exit code 1. */
#include <math.h>
#include <stdio.h>

#include "base/core/opt.h"
#include "tests/lib/stats_lab.h"

enum { M = STATS_LAB_METRICS, E = STATS_LAB_EFFECTS };

static const double Z95 = 1.959963984540054;
static int64_t experiments = 10000, units = 6000, seed = 1;
static double sigma = 1.0;

/* Counts over all experiments, by effect. */
struct counts {
    int64_t miss[E], peeked[E], alarmed[E], saw[E], found[E]; /* found: the fixed interval at the end excludes 0 */
    double square[E];                                         /* of the errors at the end */
};
struct totals {
    struct counts relative, absolute, adjusted_relative, adjusted_absolute;
    double reduction[M];
    int64_t carried[M];
    int64_t unbalanced_5, unbalanced_01, wrong_holds, wrong_broken;
};

static void count(struct counts *to, const struct stats_lab_effects *x, const double *truth)
{
    for (size_t e = 0; e < E; e++) {
        to->miss[e] += !(fabs(x->error[e]) <= Z95 * x->se[e]);
        to->found[e] += fabs(x->error[e] + truth[e]) > Z95 * x->se[e];
        to->square[e] += x->error[e] * x->error[e];
        to->peeked[e] += x->peeked[e];
        to->alarmed[e] += x->alarmed[e];
        to->saw[e] += x->saw[e];
    }
}

static void print_rate(int64_t k, int64_t n)
{
    double cases = (double)n, p = (double)k / cases, z2 = Z95 * Z95;
    double middle = (p + z2 / (2 * cases)) / (1 + z2 / cases);
    double half = Z95 / (1 + z2 / cases) * sqrt(p * (1 - p) / cases + z2 / (4 * cases * cases));
    printf("  %6.2f [%5.2f, %5.2f]", 100 * p, 100 * (middle - half), 100 * (middle + half));
}

/* Whether the rate may be `nominal` (within 0.7 points); with `most`, whether it may be at most that. */
static bool fits(int64_t k, double nominal, bool most)
{
    double n = (double)experiments, off = (double)k / n - nominal;
    double slack = fmax(0.007, 3.3 * sqrt(nominal * (1 - nominal) / n));
    return most ? off <= 0 : fabs(off) <= slack;
}

static bool print_effects(const char *kind, const struct counts *x)
{
    bool good = true;
    for (size_t i = 0; i < M; i++) {
        size_t b = M + i;
        bool row = fits(x->miss[i], 0.05, false) && fits(x->miss[b], 0.05, false) && fits(x->alarmed[i], 0.05, true) &&
                   fits(x->alarmed[b], 0.05, true);
        printf("%-22s %-8s", stats_lab_metric(i), kind);
        print_rate(x->miss[i], experiments);
        print_rate(experiments - x->miss[b], experiments);
        print_rate(x->peeked[i], experiments);
        print_rate(x->alarmed[i], experiments);
        print_rate(x->alarmed[b], experiments);
        printf("  %5.1f %5.1f%s\n", 100 * (double)x->found[b] / (double)experiments,
               100 * (double)x->saw[b] / (double)experiments, row ? "" : "  <- outside");
        good = good && row;
    }
    return good;
}

/* Claimed: by each experiment of its own units.  Seen: of the errors of arm a over all experiments. */
static bool print_adjusted(const char *kind, const struct totals *t, const struct counts *plain, const struct counts *x)
{
    bool good = true;
    for (size_t i = 0; i < M; i++) {
        size_t b = M + i;
        bool row = fits(x->miss[i], 0.05, false) && fits(x->miss[b], 0.05, false);
        printf("%-22s %-8s", stats_lab_metric(i), kind);
        print_rate(x->miss[i], experiments);
        print_rate(experiments - x->miss[b], experiments);
        printf("  %9.1f %9.1f  %9.1f %9.1f%s\n", 100 * t->reduction[i] / (double)experiments,
               100 * (1 - x->square[i] / plain->square[i]), 100 * (double)plain->found[b] / (double)experiments,
               100 * (double)x->found[b] / (double)experiments, row ? "" : "  <- outside");
        good = good && row;
    }
    return good;
}

static bool print_cuped(const struct totals *t)
{
    printf("\n%-31s  %-22s  %-22s  %-19s  %s\n", "adjusted by CUPED", "A/A false positives", "coverage with a lift",
           "variance less: said, seen", "lift found: plain, adjusted");
    bool good = print_adjusted("relative", t, &t->relative, &t->adjusted_relative);
    return print_adjusted("absolute", t, &t->absolute, &t->adjusted_absolute) && good;
}

static bool print_carry_over(const struct totals *t)
{
    bool good = true;
    printf("\ncarry-over, p < 0.05 where nothing is carried over\n");
    for (size_t i = 0; i < M; i++) {
        printf("%-31s", stats_lab_metric(i));
        print_rate(t->carried[i], experiments);
        printf("\n");
        good = good && fits(t->carried[i], 0.05, false);
    }
    return good;
}

static int print(const struct totals *t)
{
    printf("%lld experiments of %lld units (control 40 %%, a 30 %%, b 30 %%), log activity spread %g, seed %lld\n"
           "all in %%, with 95 %% Monte-Carlo intervals; looks after every 1 %% of the data past the burn-in\n\n"
           "%-31s  %-22s  %-22s  %-22s  %-22s  %-22s  %s\n",
           (long long)experiments, (long long)units, sigma, (long long)seed, "effect", "A/A false positives",
           "coverage with a lift", "A/A, fixed, peeking", "A/A, sequence", "lift missed, sequence",
           "lift found: fixed, seq");
    bool good = print_effects("relative", &t->relative);
    good = print_effects("absolute", &t->absolute) && good;
    good = print_cuped(t) && good;
    good = print_carry_over(t) && good;
    printf("\nsample-ratio alarms: p < 0.05       ");
    print_rate(t->unbalanced_5, experiments);
    printf("   p < 0.001   ");
    print_rate(t->unbalanced_01, experiments);
    printf("\na false answer of a guardrail: holds");
    print_rate(t->wrong_holds, experiments);
    printf("   broken      ");
    print_rate(t->wrong_broken, experiments);
    good = fits(t->wrong_holds, 0.05, true) && fits(t->wrong_broken, 0.05, true) && good;
    good = fits(t->unbalanced_5, 0.05, false) && fits(t->unbalanced_01, 0.001, false) && good;
    printf("\n%s\n", good ? "every rate is within its limits" : "a rate is outside its limits");
    return good ? EXIT_DONE : EXIT_FAILED;
}

static enum status simulate(struct totals *t, struct err *err)
{
    struct stats_lab *lab = NULL;
    TRY(stats_lab_new((uint32_t)units, sigma, &lab, err));
    enum status s = STATUS_OK;
    for (int64_t i = 0; i < experiments && s == STATUS_OK; i++) {
        struct stats_lab_run run;
        s = stats_lab_run(lab, (uint64_t)seed, (uint64_t)i, &run, err);
        count(&t->relative, &run.relative, stats_lab_relative(lab));
        count(&t->absolute, &run.absolute, stats_lab_absolute(lab));
        count(&t->adjusted_relative, &run.adjusted_relative, stats_lab_relative(lab));
        count(&t->adjusted_absolute, &run.adjusted_absolute, stats_lab_absolute(lab));
        for (size_t m = 0; m < M; m++)
            t->reduction[m] += run.reduction[m];
        for (size_t m = 0; m < M; m++)
            t->carried[m] += run.carry_over_p[m] < 0.05;
        t->unbalanced_5 += run.sample_ratio_p < 0.05;
        t->unbalanced_01 += run.sample_ratio_p < 0.001;
        t->wrong_holds += run.wrong_holds;
        t->wrong_broken += run.wrong_broken;
    }
    stats_lab_free(lab);
    return s;
}

static int run(int n, char **operands)
{
    struct totals totals = {.unbalanced_5 = 0};
    struct err err = ERR_INIT;
    (void)n;
    (void)operands;
    if (simulate(&totals, &err) != STATUS_OK) {
        fprintf(stderr, "bench_statistics: %s\n", err.text);
        return EXIT_FAILED;
    }
    return print(&totals);
}

int main(int argc, char **argv)
{
    static const struct opt OPTIONS[] = {
        {"experiments", OPT_INT, &experiments, "N", "experiments to simulate; default 10000", .min = 10, .max = 1e7},
        {"units", OPT_INT, &units, "N", "units of each, all arms; default 6000", .min = 100, .max = 1e6},
        {"sigma", OPT_REAL, &sigma, "X", "spread of the units' log activity; default 1", .min = 0.01, .max = 2},
        {"seed", OPT_INT, &seed, "N", "first seed; default 1", .min = 0, .max = 1e15},
        OPT_END,
    };
    static const struct opt_command COMMANDS[] = {
        {NULL, "", "", OPTIONS, 0, 0, run},
        {0},
    };
    return opt_main("bench_statistics", "Error rates of the statistics, by simulation.", COMMANDS, argc, argv);
}
