/* tuner/cli: numbers, tables, CSV, canonical JSON and the text of a status document. */
#include "tests/lib/check.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/core/mem.h"
#include "tuner/cli/describe.h"
#include "tuner/cli/format.h"
#include "tuner/cli/grid.h"
#include "tuner/cli/output.h"
#include "tuner/cli/session.h"
#include "tuner/cli/trials.h"
#include "tuner/cli/view.h"

static struct json *parse(const char *text)
{
    struct json *json = NULL;
    struct err err = ERR_INIT;
    assert_ok(json_parse(text, strlen(text), NULL, &json, &err), &err);
    return json;
}

#define assert_formats(call, expected)                                                                                 \
    do {                                                                                                               \
        struct buf to = BUF_INIT;                                                                                      \
        call;                                                                                                          \
        assert_string_equal(buf_string(&to), expected);                                                                \
        buf_done(&to);                                                                                                 \
    } while (0)

static void test_numbers(void **state)
{
    (void)state;
    const double none = nan("");
    assert_formats(format_lift(&to, 0.0183, 0.0061, 0.0305), "+1.8 % [+0.6, +3.0]");
    assert_formats(format_lift(&to, -0.0183, -0.0407, 0.0039), "-1.8 % [-4.1, +0.4]");
    assert_formats(format_lift(&to, 0.01834, 0.01561, 0.02107), "+1.83 % [+1.56, +2.11]");
    assert_formats(format_lift(&to, 0.0183, none, none), "+1.8 %");
    assert_formats(format_lift(&to, none, 0, 1), "-");
    assert_formats(format_lift(&to, -0.0001, -0.02, 0.02), "0.0 % [-2.0, +2.0]");
    assert_formats(format_lift(&to, 0, 0, 0), "0.0 %");
    /* 1.959964 * 0.0123 = 0.0241076 */
    assert_formats(format_lift_se(&to, 0.0731, 0.0123), "+7.3 % [+4.9, +9.7]");
    assert_formats(format_lift_se(&to, 0.0731, none), "+7.3 %");
    assert_formats(format_probability(&to, 0.973), "0.97");
    assert_formats(format_probability(&to, 0.9951), "> 0.99");
    assert_formats(format_probability(&to, 0.0049), "< 0.01");
    assert_formats(format_probability(&to, 1), "1.00");
    assert_formats(format_probability(&to, none), "-");
    assert_formats(format_time(&to, 1650844799123), "2022-04-24 23:59:59");
    assert_formats(format_time(&to, 0), "-");
    assert_formats(format_count(&to, -1), "-");
    assert_formats(format_count(&to, 1234567), "1234567");
    assert_formats(format_text(&to, "a\x1b[31mb\n"), "a?[31mb?");
}

static void test_tables_are_aligned(void **state)
{
    (void)state;
    static const struct grid_column COLUMNS[] = {{"id", true}, {"name", false}, {"x", false}, {NULL, false}};
    struct grid grid;
    struct buf cell = BUF_INIT, to = BUF_INIT;
    grid_init(&grid, COLUMNS);
    grid_int(&grid, 7);
    buf_text(&cell, "caf\xc3\xa9 au lait");
    grid_cell_buf(&grid, &cell);
    grid_cell(&grid, "first");
    grid_int(&grid, 1234);
    grid_cell(&grid, "tea");
    grid_cell(&grid, "second");
    grid_print(&grid, 2, &to);
    assert_string_equal(buf_string(&to), "    id  name          x\n"
                                         "     7  caf\xc3\xa9 au lait  first\n"
                                         "  1234  tea           second\n");
    grid_done(&grid);
    buf_done(&cell);
    buf_done(&to);
}

static void test_views_forgive(void **state)
{
    (void)state;
    struct json *json = parse("{\"a\":{\"n\":1.5,\"i\":7,\"t\":\"x\",\"b\":true,\"z\":null},\"l\":[3]}");
    const struct json_at root = json_root(json), a = view_member(&root, "a"), none = view_member(&root, "none"),
                         z = view_member(&a, "z"), l = view_member(&root, "l");
    struct json_at item = {0};
    assert_close(view_number(&a, "n"), 1.5, 0);
    assert_int_equal(view_int(&a, "i", -1), 7);
    assert_int_equal(view_int(&a, "n", -1), -1); /* a fraction */
    assert_string_equal(view_text(&a, "t"), "x");
    assert_string_equal(view_text(&a, "n"), "");
    assert_true(view_bool(&a, "b"));
    assert_false(view_bool(&a, "t"));
    assert_true(isnan(view_number(&a, "t")));
    assert_true(isnan(view_number(&none, "n")));
    assert_null(z.value);
    assert_int_equal(view_int(&l, "i", -1), -1);
    assert_false(view_next(&none, &item));
    assert_true(view_next(&l, &item));
    assert_close(view_value(&item), 3, 0);
    assert_false(view_next(&l, &item));
    json_free(json);
}

static const char TRIALS[] =
    "{\"trials\":["
    "{\"trial\":1,\"round\":1,\"purpose\":\"explore\",\"arm\":\"control\",\"origin\":\"control\",\"state\":\"done\","
    "\"weights\":{\"click\":1,\"hide\":-2.25},\"params\":{},\"allocation\":0.25,\"turnover\":0.125,\"units\":1003,"
    "\"requests\":2007,"
    "\"objective\":0,\"objective_se\":0,\"model_mean\":0,\"model_sd\":0,\"feasible\":1,\"metrics\":[{\"metric\":"
    "\"cli,ck\",\"mean\":0.31,\"se\":0.004,\"effect\":0,\"effect_se\":0}],\"guardrails\":[],\"started_ms\":"
    "1650844799123,"
    "\"finished_ms\":1650844899123,\"results_digest\":\"ab\"},"
    "{\"trial\":2,\"round\":1,\"purpose\":\"explore\",\"arm\":\"a1\",\"origin\":\"sobol\",\"state\":\"running\","
    "\"weights\":{\"click\":1,\"save\":0.1},\"params\":{\"x\":7},\"allocation\":0.75,\"units\":0,\"requests\":0,"
    "\"objective\":null,\"objective_se\":null,\"metrics\":[],\"started_ms\":1650844799123,\"finished_ms\":null,"
    "\"results_digest\":null}]}";

static void test_trials(void **state)
{
    (void)state;
    struct json *json = parse(TRIALS);
    const struct json_at root = json_root(json);
    struct err err = ERR_INIT;
    struct buf to = BUF_INIT;
    assert_ok(trials_csv(&to, &root, true, &err), &err);
    assert_string_equal(buf_string(&to),
                        "trial,round,purpose,arm,origin,state,allocation,turnover,units,requests,impressions,objective,"
                        "objective_se,model_mean,"
                        "model_sd,feasible,weight:click,weight:hide,weight:save,param:x,\"mean:cli,ck\",\"se:cli,ck\","
                        "\"effect:cli,ck\",\"effect_se:cli,ck\"\r\n"
                        "1,1,explore,control,control,done,0.25,0.125,1003,2007,,0,0,0,0,1,1,-2.25,,,0.31,0.004,0,0\r\n"
                        "2,1,explore,a1,sobol,running,0.75,,0,0,,,,,,,1,,0.1,7,,,,\r\n");
    buf_clear(&to);
    assert_ok(trials_csv(&to, &root, false, &err), &err);
    assert_non_null(strstr(buf_string(&to), ",started_ms,finished_ms,results_digest\r\n"));
    assert_non_null(strstr(buf_string(&to), ",1650844799123,1650844899123,ab\r\n"));
    buf_clear(&to);
    trials_text(&to, &root);
    assert_non_null(strstr(buf_string(&to), "    1      1  explore  control  control  done      1003  0.0 % "));
    assert_non_null(strstr(buf_string(&to), "click 1, save 0.1\n"));
    buf_clear(&to);
    assert_ok(output_document(&to, &root, true, &err), &err);
    assert_null(strstr(buf_string(&to), "_ms"));
    assert_null(strstr(buf_string(&to), "digest"));
    assert_non_null(strstr(buf_string(&to), "{\"trials\":[{\"allocation\":0.25,\"arm\":\"control\","));
    buf_clear(&to);
    assert_ok(output_document(&to, &root, false, &err), &err);
    assert_non_null(strstr(buf_string(&to), "\"results_digest\":\"ab\""));
    buf_done(&to);
    json_free(json);
    assert_int_equal(mem_outstanding(), 0);
}

static void test_a_stopped_arm_says_so(void **state)
{
    (void)state;
    struct json *json = parse("{\"trials\":[{\"trial\":3,\"round\":1,\"purpose\":\"explore\",\"arm\":\"a2\",\"origin\":"
                              "\"sobol\",\"state\":\"done\",\"stopped\":true,\"units\":5,\"weights\":{\"click\":1}}]}");
    const struct json_at root = json_root(json);
    struct buf to = BUF_INIT;
    trials_text(&to, &root);
    assert_non_null(strstr(buf_string(&to), "a2   sobol   stopped      5"));
    buf_done(&to);
    json_free(json);
}

static void test_csv_survives_memory_faults(void **state)
{
    (void)state;
    struct json *json = parse(TRIALS);
    const struct json_at root = json_root(json);
    const int64_t before = mem_outstanding();
    bool tripped = true;
    for (int64_t n = 0; tripped; n++) {
        struct err err = ERR_INIT;
        struct buf to = BUF_INIT;
        mem_fault_after(n);
        const enum status s = trials_csv(&to, &root, false, &err);
        tripped = mem_fault_tripped();
        mem_fault_after(-1);
        assert_int_equal(s, tripped ? STATUS_NO_MEMORY : STATUS_OK);
        buf_done(&to);
        assert_int_equal(mem_outstanding(), before);
    }
    json_free(json);
}

static const char STATUS[] =
    "{\"id\":3,\"uuid\":\"u\",\"name\":\"demo\",\"experiment\":\"feed\",\"state\":\"running\",\"note\":\"measuring\","
    "\"round\":2,\"rounds_max\":6,\"rounds_done\":1,\"created_ms\":1650844799123,\"updated_ms\":1650844899123,"
    "\"live\":{\"round\":5,\"purpose\":\"explore\",\"state\":\"open\",\"units\":1234,\"arms\":[{\"arm\":\"control\","
    "\"trial\":1,\"units\":400,\"objective\":0,\"se\":0},{\"arm\":\"a1\",\"trial\":2,\"units\":834,\"objective\":0."
    "0731,"
    "\"se\":0.0123}]},\"control\":{\"weights\":{\"click\":1,\"hide\":-2}},\"reference_head\":\"click\","
    "\"head_shares\":{\"click\":0.71,\"hide\":0.29},\"best\":{\"trial\":2,\"weights\":{\"click\":1.5},\"lift\":0.0183,"
    "\"lift_lo\":0.0061,\"lift_hi\":0.0305,\"feasible\":0.97,\"raw\":0.0231,\"raw_se\":0.01},\"stop\":{\"probability\":"
    "0.37,\"expected\":0.004},\"drift\":{\"statistic\":1.2,\"df\":2,\"p\":0.41,\"detectable\":0.03,\"drifted\":false,"
    "\"verdict\":\"pool\",\"round\":null},"
    "\"winner\":null,\"guardrails\":[{\"metric\":\"hide\",\"bound\":0.05,\"sense\":\"max_relative\",\"confirmed\":null}"
    "],"
    "\"decision\":null,\"default_version_before\":null,\"default_version_after\":null}";

static void test_status_text(void **state)
{
    (void)state;
    struct json *json = parse(STATUS);
    const struct json_at root = json_root(json);
    assert_formats(
        describe_status(&to, &root),
        "campaign 3  demo  on experiment feed\n"
        "  state          running, 1 of 6 rounds done\n"
        "  note           measuring\n"
        "  created        2022-04-24 23:59:59 UTC, last change 2022-04-25 00:01:39\n"
        "  control        click 1, hide -2; reference head click\n"
        "  utility shares click 71 %, hide 29 %\n"
        "  open round     5 (explore, open), 1234 users so far\n"
        "    arm      trial  units  effect so far [95 %]\n"
        "    control      1    400  0.0 %\n"
        "    a1           2    834  +7.3 % [+4.9, +9.7]\n"
        "  best so far    trial 2  +1.8 % [+0.6, +3.0] by the model; measured +2.3 % [+0.4, +4.3]; guardrails "
        "hold with probability 0.97\n"
        "                 click 1.5\n"
        "  guardrail      hide at most +5.0 %\n"
        "  more to gain   probability 0.37, expected +0.4 %\n"
        "  drift          pool: no drift seen (Q 1.2 on 2 df, p 0.41; the smallest shift it could have seen is +3.0 "
        "%)\n");
    assert_formats(describe_progress(&to, &root, true),
                   "round 5 (2 of at most 6) explore open, 2 arms, 1234 users, best "
                   "+1.8 % [+0.6, +3.0] (trial 2)");
    assert_formats(describe_progress(&to, &root, false),
                   "round 5 (2 of at most 6) explore open, 2 arms, best +1.8 % [+0.6, +3.0] (trial 2)");
    json_free(json);
}

/* With a cap on turnover the status says what each arm replaces. */
static void test_a_cap(void **state)
{
    (void)state;
    struct json *json =
        parse("{\"max_turnover\":0.25,\"live\":{\"round\":5,\"purpose\":\"explore\",\"state\":\"open\",\"units\":7,"
              "\"arms\":[{\"arm\":\"control\",\"trial\":1,\"units\":4,\"objective\":0,\"se\":0,\"turnover\":0},"
              "{\"arm\":\"a1\",\"trial\":2,\"units\":3,\"objective\":0.5,\"se\":0,\"turnover\":0.2437}]}}");
    const struct json_at root = json_root(json);
    struct buf to = BUF_INIT;
    describe_status(&to, &root);
    assert_non_null(strstr(buf_string(&to), "  max turnover   25.0 % of what the control shows\n"));
    assert_non_null(strstr(buf_string(&to), "    arm      trial  units  turnover  effect so far [95 %]\n"
                                            "    control      1      4     0.0 %  0.0 %\n"
                                            "    a1           2      3    24.4 %  +50.0 %\n"));
    buf_clear(&to);
    struct json *trial = parse("{\"trial\":2,\"turnover\":0.2437}");
    const struct json_at at = json_root(trial);
    describe_trial(&to, &at);
    assert_non_null(strstr(buf_string(&to), "\n  turnover    24.4 % of what the control shows\n"));
    buf_done(&to);
    json_free(trial);
    json_free(json);
}

static void test_drift(void **state)
{
    (void)state;
    struct json *json = parse("{\"drift\":{\"statistic\":11.52,\"df\":2,\"p\":0.0031,\"detectable\":0.021,"
                              "\"drifted\":true,\"verdict\":\"discard\",\"round\":7}}");
    const struct json_at odd = json_root(json);
    assert_formats(describe_drift(&to, &odd),
                   "  drift          discard: round 7 is unlike the others (Q 11.5 on 2 df, p "
                   "< 0.01; the smallest shift it could have seen is +2.1 %)\n");
    json_free(json);
    json = parse("{\"drift\":{\"statistic\":5,\"df\":1,\"p\":0.025,\"detectable\":0.021,\"drifted\":true,"
                 "\"verdict\":\"round-as-task\",\"round\":null}}");
    const struct json_at moved = json_root(json);
    assert_formats(
        describe_drift(&to, &moved),
        "  drift          round-as-task: repeated arms moved between rounds (Q 5 on 1 df, p 0.03; the smallest "
        "shift it could have seen is +2.1 %)\n");
    json_free(json);
    json = parse("{\"drift\":null}");
    const struct json_at none = json_root(json);
    assert_formats(describe_drift(&to, &none), "");
    json_free(json);
}

static const char PROMOTED[] =
    "{\"id\":3,\"state\":\"promoted\",\"note\":\"done\",\"best\":null,\"live\":null,\"winner\":{\"trial\":2,"
    "\"weights\":"
    "{\"click\":1.5},\"raw\":{\"vs_control\":{\"lift\":0.05,\"se\":0.01,\"lo\":0.0304,\"hi\":0.0696},\"vs_equal\":null}"
    ","
    "\"model\":{\"vs_control\":{\"lift\":0.04,\"lo\":0.02,\"hi\":0.06},\"vs_equal\":null},\"confirmed\":null},"
    "\"decision\":{\"promoted\":true,\"reason\":\"the interval lies above 0\"},\"default_version_before\":7,"
    "\"default_version_after\":8}";

static void test_decisions(void **state)
{
    (void)state;
    struct json *json = parse(PROMOTED);
    const struct json_at root = json_root(json);
    assert_formats(describe_end(&to, &root), "promoted: the interval lies above 0");
    assert_formats(describe_progress(&to, &root, true), "promoted: done");
    assert_formats(describe_best(&to, &root),
                   "  best so far    no trial has a result yet\n"
                   "  winner         trial 2: click 1.5\n"
                   "    effect [95 %]    measured in its round  by the model         confirmed on fresh users\n"
                   "    against control  +5.0 % [+3.0, +7.0]    +4.0 % [+2.0, +6.0]  -\n"
                   "    against equal    -                      -                    -\n");
    json_free(json);
    json = parse("{\"state\":\"failed\",\"note\":\"experiment feed is gone\"}");
    const struct json_at failed = json_root(json);
    assert_formats(describe_end(&to, &failed), "failed: experiment feed is gone");
    json_free(json);
    /* An answer that holds nothing we know must not upset anything. */
    json = parse("[]");
    const struct json_at empty = json_root(json);
    struct buf to = BUF_INIT;
    describe_status(&to, &empty);
    describe_trial(&to, &empty);
    trials_text(&to, &empty);
    assert_false(to.failed);
    buf_done(&to);
    json_free(json);
}

static void test_operands(void **state)
{
    (void)state;
    static const char *const BAD[] = {"", "x", "7x", "-7", "+7", " 7", "0", "9007199254740992", "99999999999999999999"};
    struct err err = ERR_INIT;
    int64_t id = 0;
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++)
        assert_refused(session_number("campaign", BAD[i], &id, &err), STATUS_INVALID, &err, "a number from 1");
    assert_int_equal(id, 0);
    assert_ok(session_number("campaign", "7351", &id, &err), &err);
    assert_int_equal(id, 7351);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_tables_are_aligned),
        cmocka_unit_test(test_views_forgive),
        cmocka_unit_test(test_trials),
        cmocka_unit_test(test_a_stopped_arm_says_so),
        cmocka_unit_test(test_status_text),
        cmocka_unit_test(test_a_cap),
        cmocka_unit_test(test_drift),
        cmocka_unit_test(test_csv_survives_memory_faults),
        cmocka_unit_test(test_decisions),
        cmocka_unit_test(test_operands),
    };
    return cmocka_run_group_tests_name("cli", tests, NULL, NULL);
}
