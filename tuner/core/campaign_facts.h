/* campaign_facts.h - what the experiment API told, decoded: the experiment as it stands and the results of a round.
 *
 * tuner/client fills these; the campaign only reads them.  A number the server could not compute (null) is NaN. */
#ifndef TRIMTAB_TUNER_CORE_CAMPAIGN_FACTS_H
#define TRIMTAB_TUNER_CORE_CAMPAIGN_FACTS_H

#include "tuner/core/campaign_config.h"

struct campaign_metric {
    char name[CAMPAIGN_NAME], event[CAMPAIGN_NAME];
};

struct campaign_experiment {
    char name[CAMPAIGN_NAME];
    size_t n_heads, n_metrics;
    char head[CAMPAIGN_MAX_HEADS][CAMPAIGN_NAME];
    double head_mean[CAMPAIGN_MAX_HEADS], head_sd[CAMPAIGN_MAX_HEADS]; /* of the calibrated probability */
    double default_weight[CAMPAIGN_MAX_HEADS];
    int64_t default_version, now_ms, next_round;
    struct campaign_metric metric[CAMPAIGN_MAX_METRICS];
    bool round_open; /* or settling */
    int64_t open_round;
    char open_campaign[CAMPAIGN_TEXT];
};

enum campaign_end { END_NONE, END_UNITS, END_TIME, END_STOPPED };

struct campaign_results_arm {
    char id[CAMPAIGN_NAME];
    bool stopped;
    int64_t units, requests, impressions;
};

/* mean [n_arms * n_metrics], cov [n_arms * n_metrics^2] of the means; NaN where unknown. */
struct campaign_results {
    int64_t round, opened_ms, closed_ms;
    char campaign[CAMPAIGN_TEXT], state[16], digest[CAMPAIGN_TEXT];
    bool final;
    enum campaign_end end;
    double sample_ratio_p; /* NaN: not tested */
    size_t n_arms, n_metrics;
    struct campaign_results_arm arm[CAMPAIGN_MAX_ARMS];
    char metric[CAMPAIGN_MAX_METRICS][CAMPAIGN_NAME];
    double control_events[CAMPAIGN_MAX_METRICS];
    double *mean, *cov; /* owned */
    /* The same after CUPED (less noise from what was known of the units before); NULL: the results have none. */
    double *adjusted_mean, *adjusted_cov; /* owned */
};

/* Zeroed with room for the numbers; NULL when out of memory. */
struct campaign_results *campaign_results_new(size_t n_arms, size_t n_metrics);
/* Room for the adjusted ones, NaN. */
MUST_CHECK enum status campaign_results_adjust(struct campaign_results *results, struct err *err);
/* NULL is fine. */
void campaign_results_free(struct campaign_results *results);

#endif
