#include "experiments/core/round_life.h"

#include <stddef.h>

struct round_life round_life_start(int64_t now_ms)
{
    return (struct round_life){ROUND_OPEN, END_NONE, now_ms, 0, 0};
}

static enum end_reason why_end(const struct round_plan *plan, const struct round_event *event)
{
    if (event->stop || event->all_stopped)
        return END_STOPPED;
    if (plan->units_per_arm > 0 && event->least_units >= plan->units_per_arm)
        return END_UNITS;
    if (plan->end_at_ms > 0 && event->now_ms >= plan->end_at_ms)
        return END_TIME;
    return END_NONE;
}

bool round_life_step(struct round_life *life, const struct round_plan *plan, const struct round_event *event)
{
    enum round_state before = life->state;
    if (life->state == ROUND_OPEN) {
        life->end_reason = why_end(plan, event);
        if (life->end_reason != END_NONE) {
            life->state = ROUND_SETTLING;
            life->closed_ms = event->now_ms;
        }
    }
    if (life->state == ROUND_SETTLING && event->now_ms - life->closed_ms >= plan->settle_ms) {
        life->state = ROUND_FINAL;
        life->final_ms = event->now_ms;
    }
    return life->state != before;
}

bool round_life_counts(const struct round_life *life, const struct round_plan *plan, int64_t exposure_ms)
{
    return exposure_ms - life->opened_ms >= plan->washout_ms;
}

const char *round_state_name(enum round_state state)
{
    static const char *const NAMES[] = {"open", "settling", "final"};
    return NAMES[state];
}

const char *end_reason_name(enum end_reason reason)
{
    static const char *const NAMES[] = {NULL, "units", "time", "stopped"};
    return NAMES[reason];
}
