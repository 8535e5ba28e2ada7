/* world_file.h - the file that describes a simulated world (docs/worlds.md gives the equations, member by member).
 *
 * A world is users with tastes, items with latent qualities, and engagement heads whose probabilities depend on both,
 * on the position and on what was shown before.  The file holds coefficients only; people and items are drawn from its
 * seed.  Reading is strict: an unknown member, a number out of range, a head that names no earlier head is refused with
 * the path, the value and what is allowed.  Coefficients that are absent are 0; everything else is required.
 * Pure: text in, parameters out. */
#ifndef TRIMTAB_EXPERIMENTS_WORLD_WORLD_FILE_H
#define TRIMTAB_EXPERIMENTS_WORLD_WORLD_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "base/core/err.h"

enum {
    WORLD_MAX_HEADS = 8,
    WORLD_MAX_SEGMENTS = 16,
    WORLD_MAX_TABS = 8,
    WORLD_MAX_CATEGORIES = 64,
    WORLD_MAX_CANDIDATES = 200,
    WORLD_MAX_SHOW = 50,
    WORLD_MAX_SHIFTS = 8,
    WORLD_MAX_NAME = 64
};

/* One engagement type.  Every coefficient acts on the logit. */
struct world_head {
    char name[WORLD_MAX_NAME + 1];
    double base; /* mean probability over random impressions (given `after` happened); fixes the intercept */
    int after;   /* an earlier head that must happen first; -1: none */
    double taste, quality, bait, novelty, skim;
    double checker;      /* amplitude of the segment x category x daypart pattern, outside the ranker's model class */
    double position;     /* lost per ln(1 + position) */
    double satiation;    /* lost per earlier item of the same category */
    double satisfaction; /* what one event adds to the user's satisfaction */
    double drift, satisfaction_drift; /* change per day from day 0 on: of the logit, of `satisfaction` */
    double weekday[7];                /* Monday first */
};

struct world_segment {
    char name[WORLD_MAX_NAME + 1];
    double share;
    double activity; /* added to the activity of its users */
    double effect[WORLD_MAX_HEADS];
};

struct world_tab {
    char name[WORLD_MAX_NAME + 1];
    double share;
    double effect[WORLD_MAX_HEADS];
};

/* A step of the levels from a day on, until the next one. */
struct world_shift {
    int day;
    double effect[WORLD_MAX_HEADS];
};

/* logit of going on = start + activity * a_u + satisfaction * (S - reference) - fatigue * (how often already) */
struct world_going_on {
    double start, activity, satisfaction, fatigue;
    int max;
};

struct world_params {
    char name[WORLD_MAX_NAME + 1];
    uint64_t seed;
    int start_day; /* yyyymmdd of day 0 */

    int log_days, log_users; /* the log covers the days -log_days .. -1 */
    double log_explore;      /* share of log slots filled at random */

    int new_users_per_day;
    double taste_spread;   /* sd of personal taste around the segment's */
    double skim_activity;  /* correlation of the hidden skimming trait with activity */
    double interest_noise; /* sd of noise on the taste that the declared interest is the maximum of */

    int n_items, n_categories;
    double quality_bait;                                   /* correlation */
    double visible_quality, visible_bait, visible_novelty; /* correlation of the numeric column with the latent */

    int candidates, show;
    double focus; /* share of candidates drawn from the user's taste rather than evenly */
    double carry; /* weight of the same category in earlier slates of the session */

    double reference, variety; /* satisfaction of an ordinary slate; what a slate of all different categories adds */
    struct world_going_on session, same_day, next_day;
    double memory; /* share of the old satisfaction kept over a day's visit */

    size_t n_heads, n_segments, n_tabs, n_shifts;
    struct world_head heads[WORLD_MAX_HEADS];
    struct world_segment segments[WORLD_MAX_SEGMENTS];
    struct world_tab tabs[WORLD_MAX_TABS];
    struct world_shift shifts[WORLD_MAX_SHIFTS];
};

/* STATUS_INVALID names the member; ret is untouched on failure. */
MUST_CHECK enum status world_params_decode(const char *bytes, size_t n, struct world_params *ret, struct err *err);

/* Days since 1970-01-01 of a yyyymmdd day and back (proleptic Gregorian; Hinnant's days_from_civil). */
int64_t world_days_from_date(int yyyymmdd);
int world_date_from_days(int64_t days);
/* 0 = Monday. */
int world_weekday(int64_t days);

#endif
