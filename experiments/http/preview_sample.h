/* preview_sample.h - a sample of recent ranking requests, and what any weights would have shown in them.
 *
 * What is kept of a request are the probabilities of its candidates, by the heads of its experiment, and k: no unit, no
 * user, no item.  The candidates lie in the order of their ids, in which POST /v1/rank breaks ties, so their places are
 * all that is needed of the ids.  A request with at most k candidates shows all of them whatever the weights, and one
 * with a probability that is not finite has no mean: both are not taken.
 *
 * The sample of an experiment is uniform over its recent requests.  They are cut into blocks of `stride`, and one of
 * each block, chosen at random, is taken.  It begins with stride 1; whenever the sample is full, one of every two
 * neighbours is dropped and the stride doubles, so a small service has a sample at once and every request so far is in
 * it with the same probability, 1 / stride.  At PREVIEW_MAX_STRIDE the oldest leaves instead: then it is uniform over
 * the last PREVIEW_MAX_STRIDE * PREVIEW_MAX_REQUESTS requests (fewer when they fill PREVIEW_MAX_BYTES).  Not a
 * reservoir (Vitter 1985): that never forgets, and with requests of different sizes its capacity would have to change
 * with them, where here only the length of the window does.
 *
 * All samples are of one model: preview_forget() begins another era, and a request that was ranked in the one before is
 * not taken any more.
 *
 *   rank: era = preview_era, model, ranking ..., preview_offer(era)         swap: model and preview_forget in one step
 *
 * Thread: safe from any thread.  The lock is held for a few pointers; a snapshot shares the requests by reference. */
#ifndef TRIMTAB_EXPERIMENTS_HTTP_PREVIEW_SAMPLE_H
#define TRIMTAB_EXPERIMENTS_HTTP_PREVIEW_SAMPLE_H

#include <pthread.h>
#include <stdatomic.h>

#include "experiments/http/scorer.h"
#include "experiments/store/view.h"

struct rank_request;
struct rank_scores;

enum {
    PREVIEW_MAX_REQUESTS = 1000, /* per experiment, as the next */
    PREVIEW_MAX_BYTES = 4 << 20, /* of probabilities */
    PREVIEW_MAX_STRIDE = 256,
};

/* Immutable once it is in a sample; the references are atomic. */
struct preview_request {
    atomic_int references;
    uint32_t n, k; /* n > k */
    float p[];     /* [n * heads of the experiment], the heads in the order of the model */
};

struct preview_samples {
    pthread_mutex_t mutex;
    struct preview_sample *first; /* one an experiment, guarded by the mutex */
    _Atomic uint64_t era;
};

void preview_samples_init(struct preview_samples *samples);
void preview_samples_done(struct preview_samples *samples);

/* To be read before the model is taken that ranks. */
uint64_t preview_era(const struct preview_samples *samples);
/* A request that was ranked by this model in that era; perhaps it is taken.  Out of memory: it is not. */
void preview_offer(struct preview_samples *samples, uint64_t era, const struct view *view, const struct scorer *scorer,
                   const struct rank_request *in, const struct rank_scores *scores);
/* Empties all samples: the model or what it reads has changed. */
void preview_forget(struct preview_samples *samples);

/* What a sample holds at one time. */
struct preview_snapshot {
    size_t n_heads;
    uint8_t column[PLAN_MAX_HEADS]; /* by head of the experiment: where it is in p */
    size_t n;
    struct preview_request *requests[PREVIEW_MAX_REQUESTS];
};
/* Of the experiment of the view; n is 0 when there is none.  ret [1], to be ended with preview_snapshot_done(). */
void preview_snapshot_take(struct preview_samples *samples, const struct view *view, struct preview_snapshot *ret);
void preview_snapshot_done(struct preview_snapshot *snapshot);

#endif
