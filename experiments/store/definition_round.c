#include <string.h>

#include "experiments/store/definition.h"

static const double ALLOCATION_MIN = 1e-6;      /* less is a typing error: nobody has units for it */
static const int64_t MAX_MS = INT64_C(1) << 47; /* a request id holds times in 48 bits */

static enum status decode_arm(const struct json_at *at, const struct experiment_plan *experiment, struct arm_plan *ret,
                              struct err *err)
{
    static const char *const MEMBERS[] = {"id", "weights", "params", "allocation", NULL};
    struct json_at member;
    TRY(json_only(at, MEMBERS, err));
    TRY(definition_name(at, "id", JSON_REQUIRED, ret->id, err));
    if (strcmp(ret->id, "default") == 0 || (experiment->holdback > 0 && strcmp(ret->id, "holdback") == 0)) {
        TRY(json_member(at, "id", JSON_REQUIRED, &member, err));
        return json_refuse(&member, err, "is \"%s\": that name is kept for units outside the arms", ret->id);
    }
    TRY(json_member(at, "weights", JSON_REQUIRED, &member, err));
    TRY(definition_weights(&member, experiment, ret->weights, err));
    TRY(json_member(at, "params", JSON_OPTIONAL, &member, err));
    if (member.value)
        TRY(json_object(&member, err));
    TRY(json_member(at, "allocation", JSON_REQUIRED, &member, err));
    return json_number(&member, ALLOCATION_MIN, 1, &ret->allocation, err);
}

static enum status decode_arms(const struct json_at *at, const struct experiment_plan *experiment,
                               struct round_plan *ret, struct err *err)
{
    struct json_at arms, item = {0};
    double sum = 0;
    TRY(json_member(at, "arms", JSON_REQUIRED, &arms, err));
    TRY(json_array(&arms, PLAN_MAX_ARMS, &ret->n_arms, err));
    if (ret->n_arms < 2)
        return json_refuse(&arms, err, "has %zu arms: allowed are 2 to %d, the first is the control", ret->n_arms,
                           PLAN_MAX_ARMS);
    if ((ret->n_arms - 1) * experiment->n_metrics > PLAN_MAX_EFFECTS)
        return json_refuse(&arms, err, "has %zu arms: with %zu metrics allowed are at most %zu", ret->n_arms,
                           experiment->n_metrics, PLAN_MAX_EFFECTS / experiment->n_metrics + 1);
    while (json_next(&arms, &item)) {
        TRY(decode_arm(&item, experiment, &ret->arms[item.index], err));
        sum += ret->arms[item.index].allocation;
        for (size_t i = 0; i < item.index; i++)
            if (strcmp(ret->arms[i].id, ret->arms[item.index].id) == 0)
                return json_refuse(&item, err, "has the id \"%s\" again: allowed is once", ret->arms[i].id);
    }
    if (sum > 1 + 1e-9)
        return json_refuse(&arms, err, "have allocations that sum to %.15g: allowed is at most 1", sum);
    return STATUS_OK;
}

static enum status decode_end(const struct json_at *at, struct round_plan *ret, struct err *err)
{
    static const char *const MEMBERS[] = {"units_per_arm", "at_ms", NULL};
    struct json_at end;
    TRY(json_member(at, "end", JSON_REQUIRED, &end, err));
    TRY(json_only(&end, MEMBERS, err));
    TRY(json_get_int(&end, "units_per_arm", JSON_OPTIONAL, 1, INT64_C(1000000000), &ret->units_per_arm, err));
    TRY(json_get_int(&end, "at_ms", JSON_OPTIONAL, 1, MAX_MS, &ret->end_at_ms, err));
    if (ret->units_per_arm == 0 && ret->end_at_ms == 0)
        return json_refuse(&end, err, "is empty: units_per_arm, at_ms or both are needed");
    return STATUS_OK;
}

static enum status copy_id(const struct json_at *at, const char *key, enum json_need need, char ret[PLAN_TEXT_SIZE],
                           struct err *err)
{
    const char *text = "";
    TRY(definition_id(at, key, need, &text, err));
    memcpy(ret, text, strlen(text) + 1);
    return STATUS_OK;
}

static enum status decode_purpose(const struct json_at *at, char ret[PLAN_NAME_SIZE], struct err *err)
{
    static const char *const PURPOSES[] = {"explore", "confirm", "ramp", "holdback"};
    struct json_at member;
    TRY(definition_name(at, "purpose", JSON_REQUIRED, ret, err));
    for (size_t i = 0; i < sizeof PURPOSES / sizeof *PURPOSES; i++)
        if (strcmp(PURPOSES[i], ret) == 0)
            return STATUS_OK;
    TRY(json_member(at, "purpose", JSON_REQUIRED, &member, err));
    return json_refuse(&member, err, "is \"%s\": allowed are explore, confirm, ramp, holdback", ret);
}

enum status definition_round(const struct json_at *at, const struct experiment_plan *experiment, struct round_plan *ret,
                             struct err *err)
{
    static const char *const MEMBERS[] = {"purpose",   "campaign",   "salt", "exclude_seen", "arms", "end",
                                          "settle_ms", "washout_ms", NULL};
    *ret = (struct round_plan){0};
    TRY(json_only(at, MEMBERS, err));
    TRY(decode_purpose(at, ret->purpose, err));
    TRY(copy_id(at, "campaign", JSON_OPTIONAL, ret->campaign, err));
    TRY(copy_id(at, "salt", JSON_REQUIRED, ret->salt, err));
    TRY(json_get_bool(at, "exclude_seen", JSON_OPTIONAL, &ret->exclude_seen, err));
    TRY(decode_arms(at, experiment, ret, err));
    TRY(decode_end(at, ret, err));
    TRY(json_get_int(at, "settle_ms", JSON_OPTIONAL, 0, 366 * INT64_C(86400000), &ret->settle_ms, err));
    return json_get_int(at, "washout_ms", JSON_OPTIONAL, 0, 366 * INT64_C(86400000), &ret->washout_ms, err);
}
