/* campaign_table.h - what many campaigns say together: shares of the attainable gain by method, with intervals, as a
 * table for people, as JSON and as a picture (SVG).
 *
 *   share of one campaign = true gain of the weights over the control / true gain of the attainable weights,
 * both from the same judges (world_judge.h), so that their errors mostly cancel.  "recommended": the weights after the
 * last explore round.  "promoted": those weights where the confirmation let them through, else the control (share 0).
 * Intervals are 95 % Student intervals over seeds; "ahead" is the interval of the difference to trimtab, paired by
 * seed.  The pooled row averages the worlds where something is to be won, seed by seed, before the interval is taken.
 * Pure: numbers in, text out. */
#ifndef TRIMTAB_TESTS_LIB_CAMPAIGN_TABLE_H
#define TRIMTAB_TESTS_LIB_CAMPAIGN_TABLE_H

#include "base/core/buf.h"
#include "tests/lib/world_campaign.h"

/* A world with less to be won than this is one where nothing should be promoted. */
#define CAMPAIGN_TABLE_FLAT 0.005

enum { CAMPAIGN_TABLE_NAME = 65 };

/* One campaign. */
struct campaign_cell {
    struct world_campaign_run run;
    double gain[WORLD_CAMPAIGN_ROUNDS]; /* true, of what was recommended after each round */
    double excess;                      /* of the true guardrails of the last recommendation; -INFINITY: none */
    bool is_control;                    /* the last recommendation is the control */
};

struct campaign_world {
    char name[CAMPAIGN_TABLE_NAME];
    double attainable, attainable_se; /* true gain of the attainable weights, by the same judges */
    double unit_sd;                   /* of the objective of one user, relative */
    bool has_guardrails;
    struct campaign_cell *cells; /* [n_seeds * WORLD_METHODS]; owned by the caller */
};

struct campaign_table {
    size_t n_worlds, n_seeds;
    int64_t first_seed;
    size_t rounds, arms;
    bool methods[WORLD_METHODS];
    const char *command;
    double seconds, requests_per_minute; /* of one core */
    struct campaign_world *worlds;
};

struct campaign_interval {
    double mean, lo, hi;
};
/* 95 %, n >= 2; lo and hi NaN for n < 2. */
struct campaign_interval campaign_interval(size_t n, const double *x);

void campaign_table_text(const struct campaign_table *table, struct buf *ret);
void campaign_table_json(const struct campaign_table *table, struct buf *ret);
/* Mean share by round and method, one panel a world with something to win. */
void campaign_table_picture(const struct campaign_table *table, struct buf *ret);

/* For the above and for tests.  Share of the recommendation after a round (from 1), of the promoted weights; NaN in a
 * flat world. */
double campaign_share(const struct campaign_world *world, const struct campaign_cell *cell, size_t round);
double campaign_share_promoted(const struct campaign_world *world, const struct campaign_cell *cell);
/* Relative standard error of the objective of an arm of one round: unit_sd / sqrt(users of an arm). */
double campaign_arm_se(const struct campaign_table *table, const struct campaign_world *world);
/* Users until the mean share of a method is at least `share` and stays there, interpolated between rounds; NaN: never.
 */
double campaign_users_to(const struct campaign_table *table, const struct campaign_world *world,
                         enum world_method method, double share);

#endif
