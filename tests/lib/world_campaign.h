/* world_campaign.h - whole campaigns over a simulated world in this process, by Trimtab and by what it is compared
 * with.  Every method meets the same people, pays with as many of them, and gets the same confirmation.
 *
 *   trimtab    the state machine of tuner/core (campaign.h) with its own arms and previews of requests of the first
 *              round
 *   sobol      all arms scrambled Sobol points around the control (design.h); the Gaussian process picks among them
 *   luckiest   the same rounds as sobol; picks the arm with the highest measured objective whose measured guardrails
 *              hold: what is done without a model
 *   thompson   first round as sobol, then all arms by Thompson sampling from the same Gaussian process
 *   plug-in    keeps the control
 *
 * The confirmation round and the rule for promotion are those of campaign_round.c and promotion.h for all.
 * Thread: owner only. */
#ifndef TRIMTAB_TESTS_LIB_WORLD_CAMPAIGN_H
#define TRIMTAB_TESTS_LIB_WORLD_CAMPAIGN_H

#include "tests/lib/world_experiment.h"
#include "tuner/core/campaign_config.h"

#define WORLD_METHOD_MAP(X)                                                                                            \
    X(METHOD_TRIMTAB, "trimtab")                                                                                       \
    X(METHOD_SOBOL, "sobol")                                                                                           \
    X(METHOD_LUCKIEST, "luckiest")                                                                                     \
    X(METHOD_THOMPSON, "thompson")                                                                                     \
    X(METHOD_PLUG_IN, "plug-in")

#define WORLD_METHOD_ENUM(code, text) code,
enum world_method { WORLD_METHOD_MAP(WORLD_METHOD_ENUM) WORLD_METHODS };
#undef WORLD_METHOD_ENUM

/* Static text; and the way back, false for a text that is none. */
const char *world_method_text(enum world_method method);
bool world_method_find(const char *text, size_t length, enum world_method *ret);

enum { WORLD_CAMPAIGN_ROUNDS = 32 };

struct world_campaign_run {
    size_t n_rounds; /* explore rounds */
    /* After each: what would be confirmed then; the control where nothing is better. */
    double recommended[WORLD_CAMPAIGN_ROUNDS][WORLD_MAX_HEADS];
    int64_t users[WORLD_CAMPAIGN_ROUNDS]; /* so far, the control's too */
    /* Mean over all users of explore rounds, the control's with 0, of the measured objective of their arm: what they
     * gained by it, negative when they paid.  Without the selection bias of a winner. */
    double paid;
    bool confirmed, promoted; /* a confirmation was held; it was passed */
    double lift, lift_se;     /* there */
    int64_t confirm_users;
    double seconds; /* of one core, but for playing people: fits, asks */
};

/* The control weights a campaign would have, ret [n_heads]: what 0 gain means. */
MUST_CHECK enum status world_campaign_control(const struct world_experiment *experiment,
                                              const struct campaign_config *config, double *ret, struct err *err);
/* config: rounds end by time, promotion is automatic.  days_before: of the control's weights for everyone, before the
 * campaign; a cap on turnover needs one.  methods [WORLD_METHODS] says which; ret [WORLD_METHODS], others
 * are zeroed. */
MUST_CHECK enum status world_campaign_play(struct world_experiment *experiment, const struct campaign_config *config,
                                           int days_before, const bool *methods, struct world_campaign_run *ret,
                                           struct err *err);

#endif
