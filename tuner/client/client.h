/* client.h - the experiment API as trimtabd sees it: typed calls over one door, and a verdict on every answer.
 *
 * The door (struct client_door) is httpc in the daemon and a script in tests.  An answer is one of
 *   CLIENT_OK        as asked
 *   CLIENT_MISSING   404                            CLIENT_TAKEN   409
 *   CLIENT_REFUSED   any other 4xx: our request is wrong, repeating it is no use
 *   CLIENT_LATER     no connection, no answer in time, 5xx, 401, 403, 408, 429, or an answer that is not what the API
 *                    promises (the line says what): try again after a pause
 * Reading is strict in what the campaign uses and blind to members it does not know: another platform may send more.
 * Thread: owner only. */
#ifndef TRIMTAB_TUNER_CLIENT_CLIENT_H
#define TRIMTAB_TUNER_CLIENT_CLIENT_H

#include "base/core/buf.h"
#include "tuner/core/campaign.h"

struct client_door {
    /* As httpc_request: ret_body is cleared and filled, *ret_http 0 without an answer. */
    enum status (*request)(void *context, const char *method, const char *path, const char *body, size_t n,
                           int *ret_http, struct buf *ret_body, struct err *err);
    void *context;
};

enum client_verdict { CLIENT_OK, CLIENT_MISSING, CLIENT_TAKEN, CLIENT_REFUSED, CLIENT_LATER };

/* Each call: err holds the line unless CLIENT_OK.  ret_body (GET only) is the answer as it came, for the journal. */
enum client_verdict client_create(const struct client_door *door, const char *experiment, const char *body,
                                  struct err *err);
enum client_verdict client_experiment(const struct client_door *door, const char *experiment, struct buf *ret_body,
                                      struct campaign_experiment *ret, struct err *err);
/* Fills the features of previews in; CLIENT_MISSING also where there are too few requests to go by. */
enum client_verdict client_previews(const struct client_door *door, const struct campaign *campaign,
                                    struct campaign_previews *previews, struct err *err);
/* *ret_opened_ms: the server's time. */
enum client_verdict client_open(const struct client_door *door, const char *experiment, int64_t round, const char *body,
                                int64_t *ret_opened_ms, struct err *err);
enum client_verdict client_results(const struct client_door *door, const char *experiment, int64_t round,
                                   struct buf *ret_body, struct campaign_results **ret, struct err *err);
enum client_verdict client_stop(const struct client_door *door, const char *experiment, int64_t round,
                                const char *reason, struct err *err);
enum client_verdict client_stop_arm(const struct client_door *door, const char *experiment, int64_t round,
                                    const char *arm, const char *reason, struct err *err);
enum client_verdict client_set_default(const struct client_door *door, const char *experiment, const char *body,
                                       int64_t *ret_version, struct err *err);

/* Milliseconds to wait after the failures so far (0, 1, ..): httpc_backoff_ms(). */
int64_t client_backoff_ms(unsigned failures, uint64_t seed);

/* Bodies of the two PUTs; functions of what is journalled. */
MUST_CHECK enum status client_round_body(const struct campaign *campaign, struct buf *ret, struct err *err);
MUST_CHECK enum status client_default_body(const struct campaign *campaign, struct buf *ret, struct err *err);

/* client_decode.c; STATUS_CORRUPT with "<path> ...". */
MUST_CHECK enum status client_decode_experiment(const char *text, size_t n, struct campaign_experiment *ret,
                                                struct err *err);
/* The features of points first .. first + n - 1, by heads of the setup; with too few requests only their number. */
MUST_CHECK enum status client_decode_previews(const char *text, size_t length, const struct campaign_setup *setup,
                                              size_t first, size_t n, struct campaign_previews *previews,
                                              struct err *err);
MUST_CHECK enum status client_decode_results(const char *text, size_t n, struct campaign_results **ret,
                                             struct err *err);

#endif
