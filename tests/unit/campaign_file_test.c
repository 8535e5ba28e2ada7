#include <stdio.h>
#include <string.h>

#include "base/core/file.h"
#include "base/json/json.h"
#include "tests/lib/check.h"
#include "tuner/service/campaign_file.h"

/* A valid file in parts, so that a test can replace one. */
static const char *const MEMBERS[] = {
    "\"name\":\"demo\"",
    "\"experiment\":\"feed\"",
    "\"objective\":[{\"metric\":\"click\",\"value\":1.25}]",
    "\"rounds\":{\"max\":4,\"arms\":6,\"units_per_arm\":900}",
    "\"confirm\":{\"units_per_arm\":4000}",
};
enum { N_MEMBERS = sizeof MEMBERS / sizeof MEMBERS[0] };

static enum status decode(const char *text, struct campaign_config *ret, struct err *err)
{
    struct json *json = NULL;
    bool has_create;
    TRY(json_parse(text, strlen(text), NULL, &json, err));
    struct json_at root = json_root(json);
    enum status s = campaign_file_decode(&root, ret, &has_create, err);
    json_free(json);
    return s;
}

/* The file with this member in place of the one of the same name, or added. */
static void compose(const char *member, char *ret, size_t size)
{
    size_t key = (size_t)(strchr(member, ':') - member) + 1, used = 0;
    for (size_t i = 0; i < N_MEMBERS; i++)
        if (strncmp(MEMBERS[i], member, key) != 0)
            used += (size_t)snprintf(ret + used, size - used, "%c%s", used == 0 ? '{' : ',', MEMBERS[i]);
    (void)snprintf(ret + used, size - used, ",%s}", member);
}

static enum status decode_with(const char *member, struct campaign_config *ret, struct err *err)
{
    char text[2048];
    compose(member, text, sizeof text);
    return decode(text, ret, err);
}

static void defaults_and_values(void **state)
{
    (void)state;
    struct campaign_config c;
    struct err err = ERR_INIT;
    assert_ok(decode_with("\"seed\":17", &c, &err), &err);
    assert_int_equal(c.seed, 17);
    assert_true(!c.anchor_equal && c.exclude_seen && !c.promote_auto);
    assert_int_equal(c.control, CONTROL_PLUG_IN);
    assert_close(c.delta, 0.005, 0);
    assert_close(c.harm, 0.2, 0);
    assert_int_equal(c.n_heads, 0);
    assert_int_equal(c.arms, 6);
    assert_ok(decode_with("\"heads\":[{\"head\":\"a\"},{\"head\":\"b\",\"switch\":true,\"sign\":-1}]", &c, &err), &err);
    assert_close(c.head[0].lo, -1.5, 0);
    assert_close(c.head[1].hi, 3, 0);
    assert_close(c.head[1].sign, -1, 0);
    assert_ok(decode_with("\"guardrails\":[{\"metric\":\"m\",\"min_relative\":-0.017,\"scale\":0.31}]", &c, &err),
              &err);
    assert_false(c.guardrail[0].is_max);
    assert_close(c.guardrail[0].bound, -0.017, 0);
    assert_close(c.guardrail[0].scale, 0.31, 0);
    assert_ok(decode_with("\"control\":{\"weights\":{\"a\":-2.75}}", &c, &err), &err);
    assert_int_equal(c.control, CONTROL_WEIGHTS);
    assert_close(c.weight[0].weight, -2.75, 0);
    assert_ok(decode_with("\"stop\":{}", &c, &err), &err);
    assert_true(c.delta > 0.0 && c.harm > 0.0);
    assert_ok(decode_with("\"stop\":{\"harm\":0}", &c, &err), &err);
    assert_close(c.harm, 0, 0);
    assert_ok(decode_with("\"anchors\":[\"equal\"]", &c, &err), &err);
    assert_true(c.anchor_equal);
    assert_ok(decode_with("\"anchors\":[]", &c, &err), &err);
    assert_false(c.anchor_equal);
}

struct bad {
    const char *member, *line;
};

static const struct bad BAD[] = {
    {"\"nmae\":\"x\"", "nmae is unknown: known are name, experiment"},
    {"\"name\":7", "name"},
    {"\"name\":\"\"", "name is \"\": allowed are 1 to 64"},
    {"\"name\":\"a b\"", "name is \"a b\""},
    {"\"experiment\":\"feed/../x\"", "experiment is \"feed/../x\""},
    {"\"experiment\":null", "experiment"},
    {"\"seed\":-1", "seed is -1"},
    {"\"seed\":1.5", "seed"},
    {"\"seed\":\"NaN\"", "seed"},
    {"\"objective\":[]", "objective needs at least one metric"},
    {"\"objective\":{}", "objective"},
    {"\"objective\":[{\"metric\":\"a\",\"value\":0},{\"metric\":\"b\",\"value\":0}]", "objective needs at least one"},
    {"\"objective\":[{\"metric\":\"a\"}]", "objective[0].value"},
    {"\"objective\":[{\"value\":1}]", "objective[0].metric"},
    {"\"objective\":[{\"metric\":\"a\",\"value\":\"NaN\"}]", "objective[0].value"},
    {"\"objective\":[{\"metric\":\"a\",\"value\":1e10}]", "objective[0].value is 10000000000: allowed are"},
    {"\"objective\":[{\"metric\":\"a\",\"value\":1,\"x\":1}]", "objective[0].x is unknown: known are metric, value"},
    {"\"objective\":[{\"metric\":\"a\",\"value\":1},{\"metric\":\"a\",\"value\":2}]",
     "objective[1] names metric \"a\" a second time"},
    {"\"guardrails\":[{\"metric\":\"a\"}]", "guardrails[0] needs one of max_relative and min_relative, not none"},
    {"\"guardrails\":[{\"metric\":\"a\",\"max_relative\":0.1,\"min_relative\":-0.1}]", "not both"},
    {"\"guardrails\":[{\"metric\":\"a\",\"max_relative\":-0.1}]", "guardrails[0].max_relative is -0.1"},
    {"\"guardrails\":[{\"metric\":\"a\",\"min_relative\":0.1}]", "guardrails[0].min_relative is 0.1"},
    {"\"guardrails\":[{\"metric\":\"a\",\"max_relative\":0.1,\"scale\":0}]", "guardrails[0].scale is 0"},
    {"\"guardrails\":[{\"max_relative\":0.1}]", "guardrails[0].metric"},
    {"\"guardrails\":[{\"metric\":\"a\",\"max_relative\":0.1},{\"metric\":\"a\",\"max_relative\":0.2}]",
     "guardrails[1] bounds metric \"a\" a second time"},
    {"\"guardrails\":7", "guardrails"},
    {"\"heads\":[]", "heads is empty"},
    {"\"heads\":[{}]", "heads[0].head"},
    {"\"heads\":[{\"head\":\"a\",\"weight\":1}]", "heads[0].weight is unknown"},
    {"\"heads\":[{\"head\":\"a\",\"sign\":0}]", "heads[0].sign is 0: allowed are 1 and -1"},
    {"\"heads\":[{\"head\":\"a\",\"sign\":2}]", "heads[0].sign is 2"},
    {"\"heads\":[{\"head\":\"a\",\"lo\":0.5}]", "heads[0].lo is 0.5"},
    {"\"heads\":[{\"head\":\"a\",\"hi\":-0.5}]", "heads[0].hi is -0.5"},
    {"\"heads\":[{\"head\":\"a\",\"lo\":0,\"hi\":0}]", "heads[0] has lo 0 and hi 0"},
    {"\"heads\":[{\"head\":\"a\",\"max\":2}]", "heads[0].max goes with"},
    {"\"heads\":[{\"head\":\"a\",\"switch\":true,\"lo\":-1}]", "heads[0].lo goes with"},
    {"\"heads\":[{\"head\":\"a\",\"switch\":\"yes\"}]", "heads[0].switch"},
    {"\"heads\":[{\"head\":\"a\",\"switch\":true,\"max\":0}]", "heads[0].max is 0"},
    {"\"heads\":[{\"head\":\"a\",\"sign\":1,\"control_weight\":-2}]", "heads[0].control_weight is -2, but the sign"},
    {"\"heads\":[{\"head\":\"a\",\"control_weight\":null}]", "heads[0].control_weight"},
    {"\"heads\":[{\"head\":\"a\"},{\"head\":\"a\"}]", "heads[1] names head \"a\" a second time"},
    {"\"params\":[{\"name\":\"x\",\"kind\":\"int\",\"lo\":0,\"hi\":1,\"control\":0}]", "params[0].kind is \"int\""},
    {"\"params\":[{\"name\":\"x\",\"kind\":\"log\",\"lo\":0,\"hi\":1,\"control\":1}]", "params[0].lo is 0"},
    {"\"params\":[{\"name\":\"x\",\"kind\":\"float\",\"lo\":2,\"hi\":1,\"control\":1}]", "params[0] has lo 2 and hi 1"},
    {"\"params\":[{\"name\":\"x\",\"kind\":\"float\",\"lo\":0,\"hi\":1,\"control\":3}]", "params[0].control is 3"},
    {"\"params\":[{\"name\":\"x\",\"kind\":\"integer\",\"lo\":0,\"hi\":4,\"control\":1.5}]", "whole numbers"},
    {"\"params\":[{\"name\":\"x\",\"kind\":\"integer\",\"lo\":0,\"hi\":1e8,\"control\":1}]", "levels"},
    {"\"params\":[{\"name\":\"x\",\"kind\":\"float\",\"lo\":0,\"hi\":1,\"control\":1},"
     "{\"name\":\"x\",\"kind\":\"float\",\"lo\":0,\"hi\":1,\"control\":1}]",
     "params[1] names parameter \"x\" a second time"},
    {"\"control\":\"best\"", "control is \"best\": allowed are \"plug-in\", \"default\""},
    {"\"control\":7", "control must be"},
    {"\"control\":{\"weights\":{}}", "control.weights needs at least one weight"},
    {"\"control\":{\"weights\":{\"a\":0}}", "control.weights needs at least one weight"},
    {"\"control\":{\"weights\":{\"a\":\"1\"}}", "control.weights.a"},
    {"\"control\":{\"weights\":{\"a b\":1}}", "is no name of a head"},
    {"\"control\":{\"wieghts\":{}}", "control.wieghts is unknown"},
    {"\"rounds\":{\"max\":0,\"arms\":6,\"units_per_arm\":9}", "rounds.max is 0"},
    {"\"rounds\":{\"max\":51,\"arms\":6,\"units_per_arm\":9}", "rounds.max is 51"},
    {"\"rounds\":{\"max\":3,\"arms\":1,\"units_per_arm\":9}", "rounds.arms is 1: allowed are 2 to 63"},
    {"\"rounds\":{\"max\":3,\"arms\":2,\"units_per_arm\":9},\"anchors\":[\"equal\"]",
     "rounds.arms is 2: allowed are 3 to 63"},
    {"\"rounds\":{\"max\":3,\"arms\":64,\"units_per_arm\":9}", "rounds.arms is 64"},
    {"\"rounds\":{\"max\":3,\"arms\":6}", "rounds needs units_per_arm, duration_ms or both"},
    {"\"rounds\":{\"max\":3,\"arms\":6,\"units_per_arm\":1}", "rounds.units_per_arm is 1"},
    {"\"rounds\":{\"max\":3,\"arms\":6,\"duration_ms\":-5}", "rounds.duration_ms is -5"},
    {"\"rounds\":{\"max\":3,\"arms\":6,\"units_per_arm\":9,\"settle_ms\":-1}", "rounds.settle_ms is -1"},
    {"\"rounds\":{\"max\":3,\"arms\":6,\"units_per_arm\":9,\"washout_ms\":1e300}", "rounds.washout_ms"},
    {"\"rounds\":{\"max\":3,\"arms\":6,\"units\":9}", "rounds.units is unknown"},
    {"\"rounds\":[]", "rounds"},
    {"\"anchors\":[\"plug-in\"]", "anchors[0] is \"plug-in\": allowed is \"equal\""},
    {"\"anchors\":[\"equal\",\"equal\"]", "anchors"},
    {"\"anchors\":\"equal\"", "anchors"},
    {"\"confirm\":{}", "confirm needs units_per_arm"},
    {"\"confirm\":{\"units_per_arm\":9,\"exclude_seen\":1}", "confirm.exclude_seen"},
    {"\"confirm\":{\"units_per_arm\":9,\"arms\":1}", "confirm.arms is unknown"},
    {"\"stop\":{\"delta\":-0.1}", "stop.delta is -0.1"},
    {"\"stop\":{\"harm\":-0.1}", "stop.harm is -0.1: allowed are 0 to"},
    {"\"stop\":{\"harm\":null}", "stop.harm"},
    {"\"stop\":{\"delta\":0.1,\"after\":2}", "stop.after is unknown"},
    {"\"promote\":\"yes\"", "promote is \"yes\": allowed are \"auto\" and \"ask\""},
    {"\"promote\":true", "promote"},
    {"\"max_turnover\":0", "max_turnover is 0: allowed are 0.01 to 1"},
    {"\"max_turnover\":1.5", "max_turnover is 1.5"},
    {"\"max_turnover\":null", "max_turnover"},
    {"\"max_turnover\":0.3,\"warm_start\":false", "max_turnover goes without \"warm_start\":false"},
    {"\"max_turnover\":0.3,\"anchors\":[\"equal\"]", "max_turnover goes without \"anchors\""},
    {"\"max_turnover\":0.3,\"guardrails\":[{\"metric\":\"m0\",\"max_relative\":0.1},{\"metric\":\"m1\",\"max_"
     "relative\":0.1},{\"metric\":\"m2\",\"max_relative\":0.1},{\"metric\":\"m3\",\"max_relative\":0.1},{\"metric\":"
     "\"m4\",\"max_relative\":0.1},{\"metric\":\"m5\",\"max_relative\":0.1},{\"metric\":\"m6\",\"max_relative\":0.1}]",
     "max_turnover goes with at most 6 guardrails"},
    {"\"create\":\"x\"", "create"},
};

static void every_wrong_field_gets_its_line(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        struct campaign_config c = {.seed = 4711};
        struct err err = ERR_INIT;
        assert_refused(decode_with(BAD[i].member, &c, &err), STATUS_INVALID, &err, BAD[i].line);
        assert_int_equal(c.seed, 4711);
        assert_null(strchr(err.text, '\n'));
    }
    for (size_t i = 0; i < N_MEMBERS; i++) { /* all of them are required */
        char text[2048] = "", name[64];
        size_t used = 0;
        for (size_t j = 0; j < N_MEMBERS; j++)
            if (j != i)
                used += (size_t)snprintf(text + used, sizeof text - used, "%c%s", used == 0 ? '{' : ',', MEMBERS[j]);
        (void)snprintf(text + used, sizeof text - used, "}");
        (void)snprintf(name, sizeof name, "%.*s", (int)strcspn(MEMBERS[i] + 1, "\""), MEMBERS[i] + 1);
        struct campaign_config c;
        struct err err = ERR_INIT;
        assert_refused(decode(text, &c, &err), STATUS_INVALID, &err, name);
    }
}

/* The documents. */

static void the_example_is_valid(void **state)
{
    (void)state;
    struct buf text = BUF_INIT;
    struct campaign_config c;
    struct err err = ERR_INIT;
    assert_ok(file_read("docs/examples/campaign.json", 100000, &text, &err), &err);
    assert_ok(decode(buf_string(&text), &c, &err), &err);
    assert_int_equal(c.n_guardrails, 2);
    buf_done(&text);
}

/* What a member of an object must look like in a file: "@" is where an unknown member goes. */
static const struct {
    const char *prefix, *member;
} OBJECTS[] = {
    {"", "\"@\":1"},
    {"objective[].", "\"objective\":[{\"@\":1}]"},
    {"guardrails[].", "\"guardrails\":[{\"@\":1}]"},
    {"heads[].", "\"heads\":[{\"@\":1}]"},
    {"params[].", "\"params\":[{\"@\":1}]"},
    {"control.", "\"control\":{\"@\":1}"},
    {"rounds.", "\"rounds\":{\"@\":1}"},
    {"confirm.", "\"confirm\":{\"@\":1}"},
    {"stop.", "\"stop\":{\"@\":1}"},
};

static void documented_fields_are_the_known_ones(void **state)
{
    (void)state;
    struct buf doc = BUF_INIT;
    struct err err = ERR_INIT;
    size_t known = 0, documented = 0;
    assert_ok(file_read("docs/campaign.md", 100000, &doc, &err), &err);
    for (size_t i = 0; i < sizeof OBJECTS / sizeof OBJECTS[0]; i++) {
        struct campaign_config c;
        assert_refused(decode_with(OBJECTS[i].member, &c, &err), STATUS_INVALID, &err, "known are ");
        for (char *name = strstr(err.text, "known are ") + 10, *next; name != NULL; name = next) {
            next = strstr(name, ", ");
            char row[128];
            (void)snprintf(row, sizeof row, "\n| `%s%.*s` |", OBJECTS[i].prefix,
                           (int)(next == NULL ? strlen(name) : (size_t)(next - name)), name);
            if (strstr(buf_string(&doc), row) == NULL)
                print_error("docs/campaign.md lacks a row%s\n", row);
            assert_non_null(strstr(buf_string(&doc), row));
            known++;
            next = next == NULL ? NULL : next + 2;
        }
    }
    /* The other way: as many rows in the table of fields as fields. */
    const char *end = strstr(buf_string(&doc), "`control` is one of");
    for (const char *row = strstr(buf_string(&doc), "\n| `"); row != NULL && row < end; row = strstr(row + 1, "\n| `"))
        documented++;
    assert_int_equal(known, documented);
    buf_done(&doc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_and_values),
        cmocka_unit_test(every_wrong_field_gets_its_line),
        cmocka_unit_test(the_example_is_valid),
        cmocka_unit_test(documented_fields_are_the_known_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
