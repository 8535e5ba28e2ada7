/* round_life.h - the life of a round.
 *
 *             units_per_arm reached, end.at_ms reached, or stopped         closed + settle_ms reached
 *   OPEN ------------------- round_life_step() -----------> SETTLING ---------- round_life_step() ----> FINAL
 *   serves arms, counts exposures                serves the default,                           results frozen,
 *   and events                                   counts late events of its exposures           nothing changes
 *
 * Time only comes in through `now_ms`, so a replay with the same times ends at the same unit.  A round that is overdue
 * by both its end and its settling goes from OPEN to FINAL in one step, with the times at which that was noticed; with
 * settle_ms 0 it always does.  Pure. */
#ifndef TRIMTAB_EXPERIMENTS_CORE_ROUND_LIFE_H
#define TRIMTAB_EXPERIMENTS_CORE_ROUND_LIFE_H

#include <stdbool.h>
#include <stdint.h>

#include "experiments/core/plan.h"

enum round_state { ROUND_OPEN, ROUND_SETTLING, ROUND_FINAL };
enum end_reason { END_NONE, END_UNITS, END_TIME, END_STOPPED };

struct round_life {
    enum round_state state;
    enum end_reason end_reason;
    int64_t opened_ms, closed_ms, final_ms; /* 0: not yet */
};

struct round_event {
    int64_t now_ms;
    int64_t least_units; /* units of the arm that has fewest, among arms that are not stopped */
    bool all_stopped;    /* no arm is left */
    bool stop;           /* somebody asks for the end */
};

struct round_life round_life_start(int64_t now_ms);
/* True when the state changed. */
bool round_life_step(struct round_life *life, const struct round_plan *plan, const struct round_event *event);
/* Whether an exposure at this time is past the washout. */
bool round_life_counts(const struct round_life *life, const struct round_plan *plan, int64_t exposure_ms);

const char *round_state_name(enum round_state state);
/* NULL for END_NONE. */
const char *end_reason_name(enum end_reason reason);

#endif
