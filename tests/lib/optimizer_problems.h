/* optimizer_problems.h - functions with a known minimum, for measuring the optimizer.
 *
 * Every problem is MINIMISED over the unit cube; a point is feasible when all constraints are <= 0.  mean and sd are
 * moments over the cube (4096 Sobol points), so a regret of (f - best) / (mean - best) is 0 at the optimum and 1 at a
 * random point on average.  `best` is the literature's value, or what a long random search finds (feasible points only,
 * steps that shrink); it is then an upper bound and a regret may fall a little below 0.
 *
 *   smooth, by name and dimension     branin 2, hartmann3, hartmann6, ackley5, levy4, rosenbrock4, styblinski4,
 *                                     shekel4, griewank4, michalewicz5, cosine8 (definitions: Surjanovic & Bingham,
 *                                     Virtual Library of Simulation Experiments, 2013; cosine8: Balandat et al. 2020)
 *   another function for every seed   wave2, wave5, wave10 (random Fourier features of a squared exponential, a
 *                                     lengthscale of its own in every direction), hill3, hill6, hill12 (one curved
 *                                     peak off the middle on a plateau, the directions of unequal weight), bumps3,
 *                                     bumps6 (three bumps of heights 1, .85 and .7, places and widths of their own)
 *   constraints active at the optimum hartmann6a (sum x <= 1.5), gramacy2 (Gramacy et al. 2016), branin2a (Gelbart et
 *                                     al. 2014: a disc), guard4, guard8 (a hill whose flank is cut off by a smooth
 *                                     curved guardrail; another one for every seed) */
#ifndef TRIMTAB_TESTS_LIB_OPTIMIZER_PROBLEMS_H
#define TRIMTAB_TESTS_LIB_OPTIMIZER_PROBLEMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PROBLEM_MAX_DIM = 12, PROBLEM_MAX_CONSTRAINTS = 2, PROBLEM_WAVES = 128, PROBLEM_BUMPS = 3 };

struct problem {
    const char *name;
    /* Objective and constraints at a point x of the cube, ret [1 + n_constraints]. */
    void (*at)(const struct problem *problem, const double *x, double *ret);
    size_t dim, n_constraints;
    double lo, hi; /* natural bounds where they are the same for every coordinate */
    double best, mean, sd[1 + PROBLEM_MAX_CONSTRAINTS];
    double peak[PROBLEM_MAX_DIM], weight[PROBLEM_MAX_DIM];
    double wave[PROBLEM_WAVES * (PROBLEM_MAX_DIM + 1)]; /* frequencies and phase */
    double bump[2 * PROBLEM_BUMPS * PROBLEM_MAX_DIM];   /* centres, then steepnesses */
};

/* The i-th name, NULL after the last. */
const char *problem_name(size_t i);
/* False: no such name.  seed matters to those that are another function for every seed. */
bool problem_init(const char *name, uint64_t seed, struct problem *ret);
/* Normalised regret; an infeasible point counts as at least 1. */
double problem_regret(const struct problem *problem, const double *x, bool *ret_feasible);

#endif
