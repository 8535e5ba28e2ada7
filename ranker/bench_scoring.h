/* bench_scoring.h - subjects of a bench (bench.h) that score requests as a server does: ids to probabilities.
 *
 * A repeat draws a user, the context of one of the logged impressions and candidates at random from the dataset, the
 * same for every subject.  Compared are a kernel and the reference or, with a half_kernel, half precision
 * (kernel_half.h) and single.  Thread: owner only. */
#ifndef TRIMTAB_RANKER_BENCH_SCORING_H
#define TRIMTAB_RANKER_BENCH_SCORING_H

#include <stdint.h>

#include "ranker/accuracy.h"
#include "ranker/bench.h"
#include "ranker/kernel.h"
#include "ranker/ranker.h"

enum { BENCH_SCORING_SUBJECTS = 2 };

struct bench_scoring;

/* STATUS_INVALID: the dataset has no impressions; else as ranker_open(). */
MUST_CHECK enum status bench_scoring_new(const char *model_path, const char *dataset_path, const struct kernel *kernel,
                                         enum ranker_precision precision, size_t max_candidates, uint64_t seed,
                                         struct bench_scoring **ret, struct err *err);
void bench_scoring_free(struct bench_scoring *bench); /* NULL is fine */
/* ret [BENCH_SCORING_SUBJECTS]: the kernel, the reference; or half precision, single. */
void bench_scoring_subjects(struct bench_scoring *bench, struct bench_subject *ret);

/* How far half precision is from single, over `requests` requests of n candidates.  Only with RANKER_HALF;
 * n <= max_candidates. */
MUST_CHECK enum status bench_scoring_accuracy(struct bench_scoring *bench, size_t requests, size_t n,
                                              struct accuracy *ret, struct err *err);

#endif
