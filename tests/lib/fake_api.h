/* fake_api.h - a scripted experiment API behind a client_door: no sockets, no users, results drawn from a known truth.
 *
 * One experiment "feed" with heads click, save, hide and metrics of the same names.  The mean of a metric under weights
 * w is base * exp(a . u - q |u - u*|^2) with u_h = ln(w_h / w_click) against the plug-in weights, plus noise of the
 * round's users.  PUTs are idempotent and answer 409 as contract section A says; a round is final after
 * `reads_to_final` reads of its results, and its body is frozen.  Answers, noise and clock depend on the calls alone.
 *
 * Troubles: `die_at` kills the world at a request, before or after it took effect: every later request fails until
 * fake_api_revive().  `script` overrides an answer. */
#ifndef TRIMTAB_TESTS_LIB_FAKE_API_H
#define TRIMTAB_TESTS_LIB_FAKE_API_H

#include "tuner/client/client.h"

enum { FAKE_MAX_ROUNDS = 40, FAKE_HEADS = 3, FAKE_ARMS = 16 };

struct fake_round {
    int64_t number;
    char *body;         /* as it was put */
    struct buf results; /* frozen text once final */
    char campaign[CAMPAIGN_TEXT];
    char arm[FAKE_ARMS][CAMPAIGN_NAME];
    double weight[FAKE_ARMS][FAKE_HEADS], allocation[FAKE_ARMS];
    size_t n_arms;
    int64_t units_per_arm, at_ms, opened_ms;
    bool is_confirm, exclude_seen, stopped, final, arm_stopped[FAKE_ARMS];
    int reads, arm_stops; /* requests to stop an arm */
};

struct fake_api {
    int reads_to_final;
    uint64_t seed;     /* of the noise */
    double noise;      /* scale of the users' noise, 1: click sd about its mean */
    double gain;       /* q: how much the best weights are worth */
    double peak;       /* where they are: 1 as above, 0 at the control */
    double events;     /* scale of the control's event counts */
    int64_t logged;    /* requests that previews are made of; -1: this API has no previews */
    int previews;      /* asked for so far */
    bool replaces_all; /* by previews nothing that the control shows stays */
    /* Added, relative, to the click and hide mean of the candidate in confirmation rounds. */
    double bad_confirm, bad_hide;
    int64_t now_ms;
    int requests; /* so far */
    int die_at;   /* index of the request that kills, -1: none */
    bool die_after, dead;
    /* An answer instead of the real one: 0 keeps it.  May be NULL. */
    int (*script)(void *context, const char *method, const char *path, struct buf *body);
    void *script_context;
    /* State. */
    bool exists;
    double default_weight[FAKE_HEADS];
    int64_t default_version;
    int default_puts;
    struct fake_round round[FAKE_MAX_ROUNDS];
    size_t n_rounds;
};

void fake_api_init(struct fake_api *api);
void fake_api_done(struct fake_api *api);
void fake_api_revive(struct fake_api *api);
struct client_door fake_api_door(struct fake_api *api);
/* A round that somebody else put, still open or final. */
void fake_api_stranger(struct fake_api *api, bool final);
/* The true relative objective click + .5 save of weights against the plug-in control. */
double fake_api_truth(const struct fake_api *api, const double *weight);

#endif
