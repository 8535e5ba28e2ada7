/* tally.h - the running account of one round: totals per unit, exact moments per arm.
 *
 * Everything is additive in integers, so any order and any split of the same exposures and events gives the same
 * tally: the property on which restarts rest (the tally is rebuilt from the rows on disk) and which lets several nodes
 * be added up.  Updates are O(columns) per touched column; results are read from the moments and never scan events.
 *
 *   unit known --first exposure past the washout--> counted (n of its arm + 1); only counted units have totals
 *
 * Beside the arms there may be a group for units that are held back, and the units may be summed a second time by the
 * arm they had in the round before (comparisons.h).
 *
 * Memory: 11 bytes and 8 per column for each unit.  Thread: owner only. */
#ifndef TRIMTAB_EXPERIMENTS_CORE_TALLY_H
#define TRIMTAB_EXPERIMENTS_CORE_TALLY_H

#include "experiments/core/layout.h"

enum event_outcome {
    EVENT_COUNTED,
    EVENT_UNUSED, /* no metric asks for this type */
    EVENT_LATE    /* some do, but all attribution windows are over */
};

enum { TALLY_NOWHERE = 255 };

struct arm_tally {
    struct moments moments; /* .n: counted units */
    int64_t requests, impressions;
    int64_t events[LAYOUT_MAX_COLUMNS]; /* counted into the column */
};

struct tally {
    struct layout layout;
    size_t n_arms, n_groups;    /* groups: the arms, and the holdback behind them if there is one */
    struct arm_tally *arms;     /* [n_groups] */
    size_t n_before;            /* groups by the round before; 0: they are not told apart */
    struct moments *before;     /* [n_before] */
    uint32_t n_units, capacity; /* known units, counted or not */
    uint8_t *arm;               /* [n_units] as all below */
    uint8_t *came_from;         /* group of the round before; TALLY_NOWHERE: none */
    bool *counted;
    int64_t *first_ms;          /* of its first counted exposure */
    int64_t *total;             /* [n_units * n_columns], uncapped */
    int64_t late, watermark_ms; /* largest time of a counted event; 0: none */
};

MUST_CHECK enum status tally_init(struct tally *t, const struct layout *layout, size_t n_arms, struct err *err);
void tally_done(struct tally *t); /* a zeroed one is fine */
/* Before the first unit: a group for the holdback, and n_before groups by the round before. */
MUST_CHECK enum status tally_extend(struct tally *t, bool holdback, size_t n_before, struct err *err);

/* *ret_unit numbers the units 0, 1, ...; arm < n_groups.  On failure nothing has changed. */
MUST_CHECK enum status tally_add_unit(struct tally *t, size_t arm, uint32_t *ret_unit, struct err *err);
/* What was known of the unit before the round: x [n_metrics], fixed point, |x| <= MOMENTS_LIMIT; 0 for a unit that
 * never gets any.  The layout has covariates and the unit is not counted yet (assert). */
void tally_set_covariates(struct tally *t, uint32_t unit, const int64_t *x);
/* Which group of the round before it was in.  The unit is not counted yet and not held back (assert). */
void tally_set_before(struct tally *t, uint32_t unit, size_t group);
/* One counted request with this many items shown. */
void tally_expose(struct tally *t, uint32_t unit, int64_t exposure_ms, int64_t items);
/* An event of a counted unit, age_ms after its exposure; value in fixed point, |value| <= 1e12.
 * STATUS_UNPROCESSABLE when the unit's total leaves 64 bits (millions of events of the largest value); nothing has
 * changed then. */
MUST_CHECK enum status tally_event(struct tally *t, uint32_t unit, const char *type, int64_t value, int64_t age_ms,
                                   int64_t event_ms, enum event_outcome *ret, struct err *err);

/* Forgetting a unit: first each of its exposures and events, with what it was told then, then the unit itself; in
 * between the tally is of no use.  Afterwards it is what it would be had the unit never come, but for the number, which
 * stays taken and uncounted, and the watermark, which the caller sets. */
void tally_forget_exposure(struct tally *t, uint32_t unit, int64_t items);
void tally_forget_event(struct tally *t, uint32_t unit, const char *type, int64_t age_ms);
void tally_forget_unit(struct tally *t, uint32_t unit);
/* Whether an event of this type and age is counted into some column. */
bool tally_counts(const struct tally *t, const char *type, int64_t age_ms);

/* Fewest units of an arm that is not stopped; *ret_all_stopped when there is none. */
int64_t tally_least_units(const struct tally *t, const bool *stopped, bool *ret_all_stopped);
/* Heap held for the units, in bytes. */
size_t tally_bytes(const struct tally *t);
/* Counted units of all arms, without the holdback. */
int64_t tally_units(const struct tally *t);

#endif
