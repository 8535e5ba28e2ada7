/* preview.h - POST /v1/experiments/{exp}/preview: what candidate weights would show, without touching users.
 *
 *   handler --preview_submit--> waits --worker--> snapshot, estimate --> answered
 *                   '--PREVIEW_MAX_WAITING wait already: 503
 *
 * A preview is up to 65 re-rankings of a thousand requests, some 0.3 s: one thread does them one at a time, so
 * rankings, which the server's threads compute, never wait for one.  It starts with the first preview. */
#ifndef TRIMTAB_EXPERIMENTS_HTTP_PREVIEW_H
#define TRIMTAB_EXPERIMENTS_HTTP_PREVIEW_H

#include <pthread.h>

#include "base/json/json.h"
#include "experiments/http/preview_estimate.h"

enum { PREVIEW_MAX_WAITING = 4 }; /* beside the one at work */

struct preview_question {
    size_t n; /* previews, of which the first is the reference */
    struct preview previews[PREVIEW_MAX_WEIGHTS + 1];
};
/* The weights from the body of the request, for the experiment of the view; STATUS_INVALID names the member. */
MUST_CHECK enum status preview_decode(const struct json_at *root, const struct view *view, struct preview_question *ret,
                                      struct err *err);

struct preview_call;
struct preview_worker {
    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t wake;
    pthread_t thread;
    bool started, stopping;
    size_t n_waiting;
    struct preview_call *waiting; /* the next first */
};
void preview_worker_init(struct preview_worker *worker);
/* Answers what waits, then ends the thread. */
void preview_worker_done(struct preview_worker *worker);

#endif
