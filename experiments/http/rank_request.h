/* rank_request.h - the parts of POST /v1/rank that know nothing of the store's transactions: decoding, scoring, writing
 * the reply. */
#ifndef TRIMTAB_EXPERIMENTS_HTTP_RANK_REQUEST_H
#define TRIMTAB_EXPERIMENTS_HTTP_RANK_REQUEST_H

#include "base/json/json.h"
#include "experiments/http/service.h"
#include "ranker/utility.h"

enum { RANK_MAX_CANDIDATES = 1000, RANK_MAX_CONTEXT = 32 };

/* Texts are borrowed from the body. */
struct rank_request {
    struct json *body; /* owned */
    const char *experiment, *unit, *user;
    const char *request_id; /* NULL: the server makes one */
    const char *forced_arm; /* to look at, never counted; NULL: the unit's own */
    size_t k;
    size_t n_context;
    struct ranker_context context[RANK_MAX_CONTEXT];
    size_t n_attributes;
    struct attribute attributes[RANK_MAX_CONTEXT]; /* for the rules of eligibility */
    size_t n;
    const char **items; /* [n], owned */
};
/* STATUS_INVALID names the member; rank_request_done() afterwards in any case. */
MUST_CHECK enum status rank_request_decode(const struct httpd_request *request, struct rank_request *ret,
                                           struct err *err);
void rank_request_done(struct rank_request *in);

/* p [n * n_heads] of the model. */
struct rank_scores {
    float *p;                    /* owned, as the next */
    struct utility_entry *order; /* [n], scratch of rank_write_reply() */
    size_t n_heads;
};
MUST_CHECK enum status rank_score(const struct rank_request *in, struct scorer *scorer, struct rank_scores *ret,
                                  struct err *err);
void rank_scores_done(struct rank_scores *scores);

/* Orders by the arm's weights and appends the reply; *ret_n is the number of items in it.
 * STATUS_UNAVAILABLE: the view has a head that the model lacks, as that of an experiment whose creation is being undone
 * while another model takes over */
MUST_CHECK enum status rank_write_reply(const struct rank_request *in, const struct rank_scores *scores,
                                        const struct scorer *scorer, const struct view *view, size_t arm,
                                        const char *request_id, struct buf *reply, size_t *ret_n, struct err *err);

#endif
