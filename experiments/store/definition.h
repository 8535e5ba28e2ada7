/* definition.h - JSON to plans and back: the one place that knows the bodies of PUT experiment, round and weights.
 *
 * Every refusal names the member, its value and what is allowed; unknown members are refused.  The same functions read
 * a request and the row it became, so a stored body always decodes. */
#ifndef TRIMTAB_EXPERIMENTS_STORE_DEFINITION_H
#define TRIMTAB_EXPERIMENTS_STORE_DEFINITION_H

#include "base/json/json.h"
#include "base/json/json_write.h"
#include "experiments/core/plan.h"

/* A member that is a name ([A-Za-z0-9_.:-], 1 to 64), or a text of 1 to 128 printable characters without blanks.
 * ret of that size; optional and absent: untouched. */
MUST_CHECK enum status definition_name(const struct json_at *at, const char *key, enum json_need need,
                                       char ret[PLAN_NAME_SIZE], struct err *err);
MUST_CHECK enum status definition_id(const struct json_at *at, const char *key, enum json_need need, const char **ret,
                                     struct err *err);
MUST_CHECK enum status definition_id_value(const struct json_at *at, const char **ret, struct err *err);
/* The same rules for texts that are not JSON: a part of a path. */
MUST_CHECK enum status definition_check_name(const char *what, const char *text, struct err *err);
MUST_CHECK enum status definition_check_id(const char *what, const char *text, struct err *err);

MUST_CHECK enum status definition_experiment(const struct json_at *at, struct experiment_plan *ret, struct err *err);
MUST_CHECK enum status definition_round(const struct json_at *at, const struct experiment_plan *experiment,
                                        struct round_plan *ret, struct err *err);
/* An object head -> weight: heads of the experiment, finite, not all zero; ret by head. */
MUST_CHECK enum status definition_weights(const struct json_at *at, const struct experiment_plan *experiment,
                                          double ret[PLAN_MAX_HEADS], struct err *err);
/* {"click":1,...}, every head in the order of the experiment. */
void definition_write_weights(struct json_writer *w, const struct experiment_plan *experiment, const double *weights);

#endif
