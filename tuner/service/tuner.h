/* tuner.h - the loop of trimtabd: one thread steps every campaign, answers requests and publishes status documents.
 *
 *   any thread --tuner_submit--> queue --+
 *                                          v
 *   service thread:  requests, then every campaign that is due:  journal <- campaign_step <- answer <- call
 *                                          |
 *   any thread <--tuner_status-- published documents (copied under a lock)
 *
 * Invariants: an outward call is made only after the transition that asks for it is durable, so a kill at any instant
 * leaves a call that is made again or an answer that is asked for again, both harmless.  A fit runs on the service
 * thread; readers never wait for it.  Each campaign has its own back-off, so one that waits delays no other.  What the
 * note says of waiting is published, not journalled. */
#ifndef TRIMTAB_TUNER_SERVICE_TUNER_H
#define TRIMTAB_TUNER_SERVICE_TUNER_H

#include "base/core/clock.h"
#include "tuner/client/client.h"
#include "tuner/store/journal.h"

struct tuner;

struct tuner_options {
    const char *path;               /* of the database */
    const char *address;            /* of the experiment API, for notes */
    struct client_door door;        /* called on the service thread only */
    struct clock *clock;            /* borrowed: for the times in the journal */
    int64_t poll_ms;                /* between two looks at an open round */
    void *context;                  /* for the two below, which may be NULL and are called on the service thread */
    void (*changed)(void *context); /* a status document is new */
    void (*report)(void *context, int64_t campaign, const char *what, const char *detail); /* for the log */
};

enum tuner_kind { TUNER_LAUNCH, TUNER_PAUSE, TUNER_RESUME, TUNER_CANCEL, TUNER_PROMOTE };

struct tuner_request {
    enum tuner_kind kind;
    int64_t campaign, trial; /* not of a launch; trial 0: none named */
    const char *body;        /* of a launch: the campaign file; copied */
    size_t n;
    bool create;
    /* Once, on the service thread or in tuner_stop(): the status document, or s and err. */
    void (*done)(void *context, enum status s, const char *status, const struct err *err);
    void *context;
};

/* Opens the journal; campaigns that were active go on from where they stood.  options are copied, texts borrowed. */
MUST_CHECK enum status tuner_new(const struct tuner_options *options, struct tuner **ret, struct err *err);
/* NULL is fine; stops first. */
void tuner_free(struct tuner *tuner);
MUST_CHECK enum status tuner_start(struct tuner *tuner, struct err *err);
/* Ends the step that is running, answers the requests that were accepted, joins the thread. */
void tuner_stop(struct tuner *tuner);
/* Instead of the thread, for tests: answers requests and steps every campaign that is due, or with `all` every one.
 * Milliseconds until the next is due, -1: nothing is active. */
int64_t tuner_turn(struct tuner *tuner, bool all);

/* Any thread.  STATUS_UNAVAILABLE: stopping, or too many wait; done() is not called then. */
MUST_CHECK enum status tuner_submit(struct tuner *tuner, const struct tuner_request *request, struct err *err);
/* Appends the status document.  *ret_version grows with each new document; may be NULL. */
MUST_CHECK enum status tuner_status(struct tuner *tuner, int64_t campaign, struct buf *ret, uint64_t *ret_version,
                                    struct err *err);
struct tuner_counts {
    size_t all, active, waiting; /* waiting: for the experiment API */
};
struct tuner_counts tuner_counts(struct tuner *tuner);
/* {"campaigns":[..]}, newest first. */
MUST_CHECK enum status tuner_list(struct tuner *tuner, struct buf *ret, struct err *err);

#endif
