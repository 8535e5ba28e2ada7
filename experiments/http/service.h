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
#include "experiments/http/scorer.h"
#include "experiments/store/store.h"

struct service {
    struct store *store; /* borrowed, as the next */
    struct scorer scorer;
    struct scratch_pool *scratches; /* owned */
    struct httpd *_Atomic httpd;    /* for the counts in /metrics; NULL until the server runs */
    pthread_mutex_t units_mutex;
    struct unit_call *units; /* being forgotten, the first at work (unit.c); guarded by the mutex */
    _Atomic int64_t ranks_served, ranks_default, ranks_repeated;
    _Atomic int64_t events_accepted, events_duplicate, events_late, events_orphan;
};

MUST_CHECK enum status service_init(struct service *service, struct store *store, const struct scorer *scorer,
                                    struct err *err);
void service_done(struct service *service);
/* Whether the model has every head of every experiment; STATUS_UNPROCESSABLE names the experiment and the head.  Before
 * the server starts. */
MUST_CHECK enum status service_check_heads(struct service *service, struct err *err);

/* For httpd_options.routes, with the service as context. */
extern const struct httpd_route SERVICE_ROUTES[];

#endif
