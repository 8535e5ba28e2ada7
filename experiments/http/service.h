/* service.h - the experiment API over HTTP: a table of routes on one struct service.
 *
 * One endpoint, one file: decode, call the store, encode.  Requests that read or change the store run on its writer
 * thread and are answered after its commit (call.h); scoring and composing a ranking happen on the server's threads.
 * No SQL and no statistics here. */
#ifndef TRIMTAB_EXPERIMENTS_HTTP_SERVICE_H
#define TRIMTAB_EXPERIMENTS_HTTP_SERVICE_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/httpd/httpd.h"
#include "experiments/http/preview.h"
#include "experiments/http/scorer.h"
#include "experiments/store/store.h"

struct service {
    struct store *store; /* borrowed */
    pthread_mutex_t scorer_mutex;
    struct scorer *scorer, *next; /* a reference to the one that serves; one that is about to; guarded by the mutex */
    struct httpd *_Atomic httpd;  /* for the counts in /metrics; NULL until the server runs */
    pthread_mutex_t units_mutex;
    struct unit_call *units; /* being forgotten, the first at work (unit.c); guarded by the mutex */
    struct preview_samples preview_samples;
    struct preview_worker preview_worker;
    _Atomic int64_t ranks_served, ranks_default, ranks_repeated;
    _Atomic int64_t events_accepted, events_duplicate, events_late, events_orphan;
    _Atomic int64_t previews_answered, previews_refused;
};

void service_init(struct service *service, struct store *store);
void service_done(struct service *service); /* also one that is all zero */
/* Serves with this model from now on, and notes it in every open round; durable on return.  Requests in flight end with
 * the model they began with.  Once before the server starts, then whenever there is another model; not from two threads
 * at once.  Takes the reference over, also on failure; then the one before serves on.
 * STATUS_UNPROCESSABLE: it lacks a head of an experiment (the line names both)    STATUS_UNAVAILABLE: as any write */
MUST_CHECK enum status service_swap(struct service *service, struct scorer *scorer, struct err *err);
/* The one that serves; the caller releases it.  To be taken after the view that it is to score for: whatever
 * experiments there are, the model that serves has their heads. */
struct scorer *service_scorer(struct service *service);

/* For httpd_options.routes, with the service as context. */
extern const struct httpd_route SERVICE_ROUTES[];

#endif
