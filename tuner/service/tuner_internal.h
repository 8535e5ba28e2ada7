/* tuner_internal.h - the parts of the service: tuner.c (thread, queue, published documents), tuner_step.c (one
 * campaign's next step), tuner_request.c (what people ask). */
#ifndef TRIMTAB_TUNER_SERVICE_TUNER_INTERNAL_H
#define TRIMTAB_TUNER_SERVICE_TUNER_INTERNAL_H

#include <pthread.h>

#include "tuner/service/tuner.h"

/* A campaign of the journal. */
struct item {
    /* Written by the service thread, under the mutex: that thread alone may read without it. */
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

struct tuner {
    struct tuner_options options;
    struct journal *journal;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    pthread_t thread;
    bool running, stopping; /* stopping: under the mutex */
    struct item **items;    /* the array grows under the mutex; n_items too */
    size_t n_items;
    struct queued *first, *last; /* under the mutex */
    size_t n_queued;
};

/* tuner.c: a new entry, NULL when out of memory; its document, taken over; whether it runs; the
 * item of an id. */
struct item *tuner_add_item(struct tuner *tuner, int64_t id);
void tuner_publish(struct tuner *tuner, struct item *item, char *status);
void tuner_set_active(struct tuner *tuner, struct item *item, bool active);
struct item *tuner_find(struct tuner *tuner, int64_t id);

/* tuner_step.c */
/* Render and publish the status with the note as it is now. */
void tuner_show(struct tuner *tuner, struct item *item);
/* The campaign's object from the journal; nothing to do when it is there. */
MUST_CHECK enum status tuner_load(struct tuner *tuner, struct item *item, struct err *err);
/* Throw the object away. */
void tuner_unload(struct item *item);
/* An event, its journal entry and the new due time; raw: the answer it came from, NULL where there is none.  A failure
 * has been dealt with (back-off, reload) unless it is a refusal of what a person asked, STATUS_CONFLICT and the like.
 */
MUST_CHECK enum status tuner_feed(struct tuner *tuner, struct item *item, const struct campaign_event *event,
                                  const char *raw, const char *actor, struct err *err);
/* One call of one campaign. */
void tuner_step(struct tuner *tuner, struct item *item);
/* Try again later because of this line. */
void tuner_back_off(struct tuner *tuner, struct item *item, const char *line);

/* tuner_request.c: STATUS_OK and *ret_item, or why not. */
MUST_CHECK enum status tuner_answer(struct tuner *tuner, const struct tuner_request *request, struct item **ret_item,
                                    struct err *err);

#endif
