/* bench_network.h - subjects of a bench (bench.h) that score random candidates with one network.
 *
 *   held       the users' inputs are the first half of the row: their share of the first layer is summed once a
 *              request; each item's share is stored, as ranker.h does it
 *   all        nothing is stored: the first layer is a product too
 *
 * both with the machine's best kernel and with the reference, and `all` as in training (network.h); or, to compare half
 * precision with single, both with a half_kernel (kernel_half.h) and with the machine's best kernel.  Inputs are
 * uniform on [0, 1).  Thread: owner only. */
#ifndef TRIMTAB_RANKER_BENCH_NETWORK_H
#define TRIMTAB_RANKER_BENCH_NETWORK_H

#include "ranker/bench.h"
#include "ranker/kernel.h"
#include "ranker/kernel_half.h"
#include "ranker/network.h"

enum { BENCH_NETWORK_SUBJECTS = 5 };

struct bench_network;

/* theta [network_layout(shape).n] is only read.  kernel is compared with the reference or, unless it is NULL, half with
 * kernel. */
MUST_CHECK enum status bench_network_new(const struct network_shape *shape, const float *theta,
                                         const struct kernel *kernel, const struct half_kernel *half,
                                         size_t max_candidates, uint64_t seed, struct bench_network **ret,
                                         struct err *err);
void bench_network_free(struct bench_network *bench); /* NULL is fine */
/* ret [BENCH_NETWORK_SUBJECTS], in the order held, held by the reference, all, all by the reference, all as in
 * training; with a half_kernel held in half precision, held, all in half precision, all.  Returns how many. */
size_t bench_network_subjects(struct bench_network *bench, struct bench_subject *ret);
/* The largest difference of a logit between the first subject and any other. */
double bench_network_difference(struct bench_network *bench);

/* Random weights, theta [network_layout(shape).n]. */
void bench_network_weights(const struct network_shape *shape, uint64_t seed, float *theta);
/* "288-256-128-5x64": width, two shared layers, heads x tower.  STATUS_INVALID. */
MUST_CHECK enum status bench_network_shape(const char *text, struct network_shape *ret, struct err *err);

#endif
