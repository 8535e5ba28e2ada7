/* service_internal.h - the parts of the service: service.c (thread, queue, published documents), service_step.c (one
 * campaign's next step), service_request.c (what people ask). */
#ifndef TRIMTAB_TUNER_SERVICE_SERVICE_INTERNAL_H
#define TRIMTAB_TUNER_SERVICE_SERVICE_INTERNAL_H

#include <pthread.h>

#include "tuner/service/service.h"

/* A campaign of the journal. */
struct item {
    /* Under the service's mutex. */
    int64_t id;
    char *status;
    uint64_t version;
    bool active, waiting; /* waiting: backing off */
    /* Of the service thread. */
    char experiment[CAMPAIGN_NAME];
    struct campaign *campaign; /* NULL: in the journal only */
    char *file;                /* with campaign: its file, and the PUT body of its last round ("" for none) */
    char *body;
    int64_t created_ms, updated_ms, due_ns;
    unsigned failures;
    char trouble[CAMPAIGN_LINE];
};

struct queued;

struct service {
    struct service_options options;
    struct store *store;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    pthread_t thread;
    bool running, stopping; /* stopping: under the mutex */
    struct item **items;    /* the array grows under the mutex; n_items too */
    size_t n_items;
    struct queued *first, *last; /* under the mutex */
    size_t n_queued;
};

/* service.c: a new entry, NULL when out of memory; its document, taken over; the item of an id. */
struct item *service_add_item(struct service *service, int64_t id);
void service_publish(struct service *service, struct item *item, char *status);
struct item *service_find(struct service *service, int64_t id);

/* service_step.c */
/* Render and publish the status with the note as it is now. */
void service_show(struct service *service, struct item *item);
/* The campaign's object from the journal; nothing to do when it is there. */
MUST_CHECK enum status service_load(struct service *service, struct item *item, struct err *err);
/* Throw the object away. */
void service_unload(struct item *item);
/* An event, its journal entry and the new due time; raw: the answer it came from, NULL where there is none.  A failure
 * has been dealt with (back-off, reload) unless it is a refusal of what a person asked, STATUS_CONFLICT and the like.
 */
MUST_CHECK enum status service_feed(struct service *service, struct item *item, const struct campaign_event *event,
                                    const char *raw, const char *actor, struct err *err);
/* One call of one campaign. */
void service_step(struct service *service, struct item *item);
/* Try again later because of this line. */
void service_back_off(struct service *service, struct item *item, const char *line);

/* service_request.c: STATUS_OK and *ret_item, or why not. */
MUST_CHECK enum status service_answer(struct service *service, const struct service_request *request,
                                      struct item **ret_item, struct err *err);

#endif
