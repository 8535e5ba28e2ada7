/* client.h - the experiment API as a player sees it: rank, events, the open round, the clock.
 *
 * Every call is idempotent (ids are chosen by the caller), so a call that got no answer is simply made again with the
 * same ids:
 *   no connection, no answer in time, 503    again after a growing pause, until give_up_ms have passed
 *   an answer that is not what it should be  again, MAX_RUBBISH times at most
 *   anything else (400, 404, 409 ...)        returned at once: repeating a wrong request does not mend it
 * A raised stop flag ends the waiting with STATUS_UNAVAILABLE.
 * Thread: a client belongs to one thread. */
#ifndef TRIMTAB_EXPERIMENTS_TRAFFIC_CLIENT_H
#define TRIMTAB_EXPERIMENTS_TRAFFIC_CLIENT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/core/err.h"

struct client;

struct client_options {
    const char *base_url, *token_file, *ca_file; /* as in httpc.h */
    const char *experiment;
    int64_t give_up_ms;
    const atomic_bool *stop; /* may be NULL */
    uint64_t seed;           /* of the pauses */
};

struct client_counts {
    int64_t calls, retries, ranks, in_round; /* in_round: ranks answered by an arm of a round */
    int64_t events, accepted, duplicates, late, orphans;
};

/* One thing said about a request; text == NULL: the number counts. */
struct client_context {
    const char *name, *text;
    double number;
};

struct client_rank {
    const char *request_id, *unit, *user; /* user NULL: the unit */
    const struct client_context *context;
    size_t n_context;
    const char *const *candidates; /* distinct */
    size_t n_candidates, k;
};

struct client_event {
    char id[128];
    const char *request_id, *item, *type;
    int position;
};

/* What GET /v1/experiments/{exp} says about rounds. */
struct client_round {
    bool exists;         /* the experiment is there */
    bool open, settling; /* at most one is true */
    int64_t round;
    char purpose[16];
    int64_t end_ms; /* the round's at_ms; 0: none */
    int64_t units;
    int64_t now_ms;
};

/* Copies the texts.  STATUS_INVALID: the URL or the experiment's name. */
MUST_CHECK enum status client_new(const struct client_options *options, struct client **ret, struct err *err);
/* NULL is fine. */
void client_free(struct client *client);
const struct client_counts *client_counts(const struct client *client);

/* ret_order [k]: indices into the candidates, the first on top; *ret_n <= k.  STATUS_CORRUPT: an answer that names what
 * was not asked, twice. */
MUST_CHECK enum status client_rank(struct client *client, const struct client_rank *rank, size_t *ret_n,
                                   uint32_t *ret_order, struct err *err);
/* Any number; sent in batches of 1000. */
MUST_CHECK enum status client_events(struct client *client, size_t n, const struct client_event *events,
                                     struct err *err);
/* An experiment that is not there is no error: ret->exists is false. */
MUST_CHECK enum status client_round(struct client *client, struct client_round *ret, struct err *err);
MUST_CHECK enum status client_clock(struct client *client, int64_t *ret_now_ms, struct err *err);
MUST_CHECK enum status client_set_clock(struct client *client, int64_t now_ms, struct err *err);

#endif
