/* campaign_internal.h - what the files of the state machine share: campaign_step.c (answers of the experiment API),
 * campaign_fit.c (results) and campaign_ask.c (requests of people). */
#ifndef TRIMTAB_TUNER_CORE_CAMPAIGN_INTERNAL_H
#define TRIMTAB_TUNER_CORE_CAMPAIGN_INTERNAL_H

#include "tuner/core/campaign.h"

/* The memory is to be journalled; action is static. */
void campaign_changed(struct campaign_plan *plan, const char *action);
/* The rows of the newest round are to be written, too. */
void campaign_changed_round(const struct campaign *c, struct campaign_plan *plan, const char *action);
/* campaign_last_round() to be written to; there is one. */
struct campaign_round *campaign_newest(struct campaign *c);
/* All trials of the newest round. */
void campaign_set_trials(struct campaign *c, enum campaign_trial_state state);
/* The end, by way of STOP where a round of ours is or may be open. */
void campaign_finish(struct campaign *c, enum campaign_outcome outcome, const char *reason, struct campaign_plan *plan);
/* This trial is confirmed next. */
MUST_CHECK enum status campaign_aim_at(struct campaign *c, int64_t trial, struct err *err);
/* The newest round is final: tells the optimizer or judges the confirmation, and says what comes next. */
MUST_CHECK enum status campaign_fit(struct campaign *c, struct campaign_plan *plan, struct err *err);
/* The events of people: pause, resume, cancel, promote. */
MUST_CHECK enum status campaign_ask(struct campaign *c, const struct campaign_event *event, struct campaign_plan *plan,
                                    struct err *err);

#endif
