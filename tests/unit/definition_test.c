/* Every member of the bodies of PUT experiment, round and weights: what is refused, and with which words. */
#include "experiments/store/definition.h"

#include <stdio.h>
#include <string.h>

#include "base/stats/moments.h"
#include "tests/lib/check.h"

/* A good body in which one word can be replaced. */
static const char EXPERIMENT[] =
    "{\"unit_type\":\"user\",\"timezone\":\"UTC\",\"heads\":[\"click\",\"hide\"],"
    "\"default_weights\":{\"click\":1.5,\"hide\":-2},\"metrics\":[{\"name\":\"m1\",\"kind\":\"mean\","
    "\"numerator\":{\"event\":\"click\",\"aggregate\":\"sum\"},\"denominator\":\"unit\",\"attribution_s\":86401,"
    "\"cap\":2.5,\"direction\":\"down\",\"guardrail\":{\"effect\":\"absolute\",\"margin\":0.125}},{\"name\":\"m2\","
    "\"kind\":\"ratio\",\"numerator\":{\"event\":\"view\","
    "\"aggregate\":\"count\"},\"denominator\":\"event\",\"denominator_event\":\"open\"}]}";
static const char ROUND[] =
    "{\"purpose\":\"confirm\",\"campaign\":\"c-1\",\"salt\":\"s-1\",\"exclude_seen\":true,\"arms\":["
    "{\"id\":\"control\",\"weights\":{\"click\":1},\"allocation\":0.25},"
    "{\"id\":\"a1\",\"weights\":{\"hide\":-3.25},\"params\":{\"x\":1},\"allocation\":0.75}],"
    "\"end\":{\"units_per_arm\":17,\"at_ms\":99},\"settle_ms\":5,\"washout_ms\":6}";

static struct json *changed(const char *body, const char *word, const char *with)
{
    static char text[4096];
    struct json *json = NULL;
    struct err err = ERR_INIT;
    const char *at = strstr(body, word);
    if (!at)
        fail_msg("%s is not in the body", word);
    snprintf(text, sizeof text, "%.*s%s%s", (int)(at - body), body, with, at + strlen(word));
    enum status s = json_parse(text, strlen(text), NULL, &json, &err);
    if (s != STATUS_OK)
        fail_msg("%s: %s", text, err.text);
    return json;
}

struct change {
    const char *word, *with, *message;
};

static void good_experiment_is_read(void **state)
{
    (void)state;
    struct json *json = changed(EXPERIMENT, "user", "user");
    struct json_at root = json_root(json);
    struct experiment_plan plan;
    struct err err = ERR_INIT;
    assert_ok(definition_experiment(&root, &plan, &err), &err);
    assert_int_equal(plan.n_heads, 2);
    assert_close(plan.default_weights[0], 1.5, 0);
    assert_close(plan.default_weights[1], -2, 0);
    const struct metric *m = plan.metrics;
    assert_true(m[0].aggregate == AGGREGATE_SUM && m[0].attribution_ms == 86401000 && m[0].cap == 2500000 && !m[0].up);
    assert_true(m[0].guardrail == GUARDRAIL_ABSOLUTE && m[1].guardrail == GUARDRAIL_NONE);
    assert_close(m[0].margin, 0.125, 0);
    assert_true(m[1].kind == METRIC_RATIO && m[1].denominator == PER_EVENT && m[1].up);
    assert_true(m[1].attribution_ms == 86400000 && m[1].cap == MOMENTS_LIMIT);
    assert_string_equal(m[1].denominator_event, "open");
    assert_true(plan.layer.name[0] == '\0' && plan.n_rules == 0);
    assert_close(plan.holdback, 0, 0);
    json_free(json);
}

static void who_takes_part_is_read(void **state)
{
    (void)state;
    struct json *json =
        changed(EXPERIMENT, "\"heads\"",
                "\"layer\":{\"name\":\"home\",\"from\":0.25,\"to\":1},\"holdback\":{},\"eligibility\":["
                "{\"attribute\":\"country\",\"in\":[\"at\",\"de\"]},{\"attribute\":\"age\",\"min\":18}],"
                "\"heads\"");
    struct json_at root = json_root(json);
    struct experiment_plan plan;
    struct err err = ERR_INIT;
    assert_ok(definition_experiment(&root, &plan, &err), &err);
    assert_string_equal(plan.layer.name, "home");
    assert_true(plan.layer.from > 0.2 && plan.layer.to > 0.9);
    assert_close(plan.holdback, 0.02, 0);
    assert_int_equal(plan.n_rules, 2);
    assert_true(plan.rules[0].n_values == 2 && plan.rules[1].n_values == 0);
    assert_string_equal(plan.rules[0].values[1], "de");
    assert_true(plan.rules[1].min > 17 && plan.rules[1].min < 19 && plan.rules[1].max > 1e299);
    json_free(json);
}

static void bad_experiments_are_named(void **state)
{
    (void)state;
    static const struct change CHANGES[] = {
        {"\"unit_type\":\"user\"", "\"unit_typ\":\"user\"", "unit_typ is unknown: known are unit_type"},
        {"\"user\"", "\"us er\"", "unit_type is \"us er\": allowed are 1 to 64 of A-Z a-z 0-9"},
        {"\"user\"", "7", "unit_type is a number: expected a string"},
        {"\"heads\":[\"click\",\"hide\"],", "", "heads is missing"},
        {"\"heads\"", "\"layer\":{\"name\":\"l\",\"from\":0.5,\"to\":0.5},\"heads\"", "layer is from 0.5 to 0.5"},
        {"\"heads\"", "\"layer\":{\"name\":\"l\",\"from\":0},\"heads\"", "layer.to is missing"},
        {"\"heads\"", "\"holdback\":{\"share\":0.6},\"heads\"", "holdback.share is 0.6: allowed are"},
        {"\"heads\"", "\"eligibility\":[{\"attribute\":\"a\"}],\"heads\"", "eligibility[0] needs either in, or min"},
        {"\"heads\"", "\"eligibility\":[{\"attribute\":\"a\",\"in\":[\"x\"],\"min\":1}],\"heads\"",
         "eligibility[0] needs either in, or min"},
        {"\"heads\"", "\"eligibility\":[{\"attribute\":\"a\",\"in\":[]}],\"heads\"", "eligibility[0].in is empty"},
        {"\"heads\"", "\"eligibility\":[{\"attribute\":\"a\",\"min\":2,\"max\":1}],\"heads\"",
         "eligibility[0].max is 1: allowed are"},
        {"[\"click\",\"hide\"]", "[]", "heads is empty"},
        {"[\"click\",\"hide\"]", "[\"click\",\"click\"]", "heads[1] is \"click\" again"},
        {"[\"click\",\"hide\"]", "[\"click\",\"\"]", "heads[1] is \"\""},
        {"\"click\":1.5", "\"clik\":1.5", "default_weights.clik is no head of the experiment: heads are click, hide"},
        {"\"click\":1.5,\"hide\":-2", "\"click\":0,\"hide\":0.0", "default_weights has no weight but 0"},
        {"\"click\":1.5,\"hide\":-2", "", "default_weights has no weight but 0"},
        {"1.5", "1e300", "default_weights.click is 1e+300: allowed are"},
        {"1.5", "\"1.5\"", "default_weights.click is a string: expected a number"},
        {"\"name\":\"m2\"", "\"name\":\"m1\"", "metrics[1] has the name \"m1\" again"},
        {"\"kind\":\"mean\"", "\"kind\":\"median\"",
         "metrics[0].kind is \"median\": allowed are mean, proportion, ratio"},
        {"\"kind\":\"mean\"", "\"kind\":\"proportion\"",
         "metrics[0].numerator.aggregate is \"sum\": a proportion needs any"},
        {"\"kind\":\"mean\"", "\"kind\":\"ratio\"",
         "metrics[0].denominator is \"unit\": a ratio has request, impression"},
        {"\"kind\":\"ratio\"", "\"kind\":\"mean\"", "metrics[1].denominator is \"event\": a mean has unit"},
        {"\"aggregate\":\"sum\"", "\"aggregate\":\"avg\"",
         "metrics[0].numerator.aggregate is \"avg\": allowed are count"},
        {"\"event\":\"click\",", "", "metrics[0].numerator.event is missing"},
        {",\"denominator_event\":\"open\"", "", "metrics[1].denominator_event is missing"},
        {"\"denominator\":\"unit\"", "\"denominator\":\"unit\",\"denominator_event\":\"x\"",
         "metrics[0].denominator_event is allowed with denominator event only"},
        {"86401", "0", "metrics[0].attribution_s is 0: allowed are 1 to"},
        {"86401", "1.5", "metrics[0].attribution_s is 1.5: expected a whole number"},
        {"2.5", "0", "metrics[0].cap is 0: allowed are 1e-06 to 100000000"},
        {"2.5", "{\"quantile\":1}", "metrics[0].cap.quantile is 1: allowed are 0.5 to 0.9999"},
        {"2.5", "{\"q\":0.9}", "metrics[0].cap.q is unknown: known are quantile"},
        {"\"down\"", "\"left\"", "metrics[0].direction is \"left\": allowed are up, down"},
        {"\"absolute\"", "\"log\"", "metrics[0].guardrail.effect is \"log\": allowed are relative, absolute"},
        {",\"margin\":0.125", "", "metrics[0].guardrail.margin is missing"},
        {"0.125", "-0.125", "metrics[0].guardrail.margin is -0.125: allowed are 0 to"},
        {"\"margin\":0.125", "\"margin\":0.125,\"bound\":1", "metrics[0].guardrail.bound is unknown"},
        {"\"metrics\":[", "\"metrics\":[],\"x\":[", "x is unknown"},
    };
    for (size_t i = 0; i < sizeof CHANGES / sizeof *CHANGES; i++) {
        struct json *json = changed(EXPERIMENT, CHANGES[i].word, CHANGES[i].with);
        struct json_at root = json_root(json);
        struct experiment_plan plan;
        struct err err = ERR_INIT;
        assert_refused(definition_experiment(&root, &plan, &err), STATUS_INVALID, &err, CHANGES[i].message);
        json_free(json);
    }
}

static const struct experiment_plan *experiment(void)
{
    static struct experiment_plan plan = {.n_heads = 2, .n_metrics = 3, .heads = {"click", "hide"}};
    return &plan;
}

static void good_round_is_read(void **state)
{
    (void)state;
    struct json *json = changed(ROUND, "c-1", "c-1");
    struct json_at root = json_root(json);
    struct round_plan plan;
    struct err err = ERR_INIT;
    assert_ok(definition_round(&root, experiment(), &plan, &err), &err);
    assert_string_equal(plan.purpose, "confirm");
    assert_true(plan.exclude_seen && plan.n_arms == 2 && plan.units_per_arm == 17 && plan.end_at_ms == 99);
    assert_true(plan.settle_ms == 5 && plan.washout_ms == 6);
    assert_close(plan.arms[1].weights[1], -3.25, 0);
    assert_close(plan.arms[1].weights[0], 0, 0);
    assert_close(plan.arms[1].allocation, 0.75, 0);
    json_free(json);
}

static void bad_rounds_are_named(void **state)
{
    (void)state;
    static const struct change CHANGES[] = {
        {"\"confirm\"", "\"look\"", "purpose is \"look\": allowed are explore, confirm, ramp, holdback"},
        {"\"salt\":\"s-1\",", "", "salt is missing"},
        {"\"s-1\"", "\"\"", "salt is \"\": allowed are 1 to 128 bytes of printable text without blanks"},
        {"\"s-1\"", "\"a b\"", "salt is \"a b\""},
        {"true", "1", "exclude_seen is a number: expected true or false"},
        {"\"id\":\"a1\"", "\"id\":\"control\"", "arms[1] has the id \"control\" again"},
        {"\"id\":\"a1\"", "\"id\":\"default\"", "arms[1].id is \"default\""},
        {"\"hide\":-3.25", "\"hidden\":1", "arms[1].weights.hidden is no head"},
        {"\"hide\":-3.25", "\"hide\":0", "arms[1].weights has no weight but 0"},
        {"0.75", "0.7500001", "arms have allocations that sum to 1.0000001: allowed is at most 1"},
        {"0.75", "0", "arms[1].allocation is 0: allowed are 1e-06 to 1"},
        {"0.75", "1e-300", "arms[1].allocation is 1e-300: allowed are 1e-06 to 1"},
        {"0.75", "-0.1", "arms[1].allocation is -0.1: allowed are 1e-06 to 1"},
        {"{\"x\":1}", "[1]", "arms[1].params is an array: expected an object"},
        {"\"end\":{\"units_per_arm\":17,\"at_ms\":99}", "\"end\":{}", "end is empty"},
        {"17", "0", "end.units_per_arm is 0: allowed are 1 to"},
        {"17", "17.5", "end.units_per_arm is 17.5: expected a whole number"},
        {"\"settle_ms\":5", "\"settle_ms\":-1", "settle_ms is -1: allowed are 0 to"},
        {"\"washout_ms\":6", "\"wash\":6", "wash is unknown"},
    };
    for (size_t i = 0; i < sizeof CHANGES / sizeof *CHANGES; i++) {
        struct json *json = changed(ROUND, CHANGES[i].word, CHANGES[i].with);
        struct json_at root = json_root(json);
        struct round_plan plan;
        struct err err = ERR_INIT;
        assert_refused(definition_round(&root, experiment(), &plan, &err), STATUS_INVALID, &err, CHANGES[i].message);
        json_free(json);
    }
}

static void too_many_arms_for_the_metrics(void **state)
{
    (void)state;
    static char text[8192];
    size_t n = 0;
    n += (size_t)snprintf(text + n, sizeof text - n,
                          "{\"purpose\":\"explore\",\"salt\":\"s\",\"end\":{\"at_ms\":9},\"arms\":[");
    for (int a = 0; a < 64; a++)
        n += (size_t)snprintf(text + n, sizeof text - n,
                              "%s{\"id\":\"a%d\",\"weights\":{\"click\":1},\"allocation\":0.01}", a ? "," : "", a);
    snprintf(text + n, sizeof text - n, "]}");
    struct experiment_plan plan = *experiment();
    struct round_plan round;
    struct json *json = NULL;
    struct err err = ERR_INIT;
    assert_ok(json_parse(text, strlen(text), NULL, &json, &err), &err);
    struct json_at root = json_root(json);
    plan.n_metrics = 5;
    assert_ok(definition_round(&root, &plan, &round, &err), &err);
    plan.n_metrics = 6;
    assert_refused(definition_round(&root, &plan, &round, &err), STATUS_INVALID, &err,
                   "arms has 64 arms: with 6 metrics allowed are at most 54");
    json_free(json);
}

static void names_in_paths(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    assert_ok(definition_check_name("experiment", "Feed_1.a:b-c", &err), &err);
    assert_refused(definition_check_name("experiment", "a/b", &err), STATUS_INVALID, &err,
                   "experiment \"a/b\" is no name");
    assert_refused(definition_check_name("experiment", ".", &err), STATUS_INVALID, &err, "not . or ..");
    assert_refused(definition_check_name("experiment", "..", &err), STATUS_INVALID, &err, "not . or ..");
    assert_ok(definition_check_name("experiment", "...", &err), &err);
    char name[PLAN_NAME_SIZE + 1];
    memset(name, 'x', PLAN_NAME_SIZE);
    name[PLAN_NAME_SIZE] = '\0';
    assert_refused(definition_check_name("experiment", name, &err), STATUS_INVALID, &err, "is no name");
    name[PLAN_NAME_SIZE - 1] = '\0';
    assert_ok(definition_check_name("experiment", name, &err), &err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_experiment_is_read),
        cmocka_unit_test(who_takes_part_is_read),
        cmocka_unit_test(bad_experiments_are_named),
        cmocka_unit_test(good_round_is_read),
        cmocka_unit_test(bad_rounds_are_named),
        cmocka_unit_test(too_many_arms_for_the_metrics),
        cmocka_unit_test(names_in_paths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
