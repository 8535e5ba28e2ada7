/* The warm start through the whole service: what is asked for, what becomes of answers that are no good, and that a
 * restart changes nothing. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/core/buf.h"
#include "tests/lib/check.h"
#include "tests/lib/tuner_world.h"

static int start(void **state)
{
    (void)tuner_world_setup(state);
    ((struct tuner_world *)*state)->api.logged = 1000;
    return 0;
}

static void previews_are_asked_for_once(void **state)
{
    struct tuner_world *w = *state;
    assert_int_equal(tuner_world_launch(w, TUNER_WORLD_FILE, false), STATUS_OK);
    assert_true(tuner_world_says(w, "\"warm_start\":null"));
    tuner_world_run(w, "promoted");
    assert_int_equal(w->api.previews, 5); /* 256 weights and two ends of two heads, 64 at once */
    assert_int_equal((int)WORLD_NUMBER(w, "warm_start", "requests"), 1000);
    assert_int_equal((int)WORLD_NUMBER(w, "warm_start", "weights"), 260);
    assert_close(WORLD_NUMBER(w, "warm_start", "turnover", "save"), 0.5, 1e-12);
    assert_close(WORLD_NUMBER(w, "warm_start", "turnover", "hide"), 0.004, 1e-12);
    assert_true(tuner_world_says(w, "\"redundant\":[\"hide\"]"));
    assert_true(WORLD_NUMBER(w, "warm_start", "worth", "save", "se") > 0);
    const double correlation = WORLD_NUMBER(w, "warm_start", "correlation");
    assert_true(correlation > 0.3 && correlation <= 1.0);
    assert_true(fake_api_truth(&w->api, w->api.default_weight) > 0.02);
}

/* The trials of a campaign, the service thrown away every `every` steps. */
static void run_to_the_end(struct tuner_world *w, int every, struct buf *ret_trials)
{
    assert_int_equal(tuner_world_launch(w, TUNER_WORLD_FILE, false), STATUS_OK);
    for (int i = 0; i < 400 && !tuner_world_is(w, 1, "promoted"); i++) {
        if (every > 0 && i % every == 0)
            tuner_world_restart(w);
        tuner_world_turn(w);
    }
    assert_true(tuner_world_is(w, 1, "promoted"));
    tuner_world_trials(w, ret_trials);
}

static void a_restart_changes_nothing(void **state)
{
    struct tuner_world *w = *state;
    struct buf once = BUF_INIT, restarted = BUF_INIT, without = BUF_INIT;
    run_to_the_end(w, 0, &once);
    tuner_world_end(w);
    (void)start(state);
    run_to_the_end(w, 1, &restarted);
    assert_int_equal(w->api.previews, 5);
    assert_string_equal(buf_string(&once), buf_string(&restarted));
    tuner_world_end(w);
    (void)start(state);
    w->api.logged = -1;
    run_to_the_end(w, 0, &without);
    assert_string_not_equal(buf_string(&once), buf_string(&without));
    buf_done(&once);
    buf_done(&restarted);
    buf_done(&without);
}

static void an_api_without_previews_is_no_trouble(void **state)
{
    struct tuner_world *w = *state;
    w->api.logged = -1;
    assert_int_equal(tuner_world_launch(w, TUNER_WORLD_FILE, false), STATUS_OK);
    tuner_world_run(w, "promoted");
    assert_int_equal(w->api.previews, 3); /* after each explore round */
    assert_true(tuner_world_says(w, "\"warm_start\":null"));
}

static void too_few_requests_are_not_enough_yet(void **state)
{
    struct tuner_world *w = *state;
    w->api.logged = 99;
    assert_int_equal(tuner_world_launch(w, TUNER_WORLD_FILE, false), STATUS_OK);
    while (w->api.n_rounds < 2)
        tuner_world_turn(w);
    assert_int_equal(w->api.previews, 1);
    w->api.logged = 100;
    tuner_world_run(w, "promoted");
    assert_int_equal(w->api.previews, 6);
    assert_int_equal((int)WORLD_NUMBER(w, "warm_start", "requests"), 100);
}

static void a_campaign_may_do_without(void **state)
{
    struct tuner_world *w = *state;
    char file[4096];
    tuner_world_edit(TUNER_WORLD_FILE, "\"seed\":3", "\"seed\":3,\"warm_start\":false", file, sizeof file);
    assert_int_equal(tuner_world_launch(w, file, false), STATUS_OK);
    tuner_world_run(w, "promoted");
    assert_int_equal(w->api.previews, 0);
}

/* Relative to the control, 0 for a head that it never shows; the end that replaces more counts. */
static void features_and_turnover(void **state)
{
    (void)state;
    const struct campaign_setup setup = {.dim = 2, .n_heads = 3, .dim_head = {2, 0}, .control_x = {0.5, 0.25}};
    struct campaign_previews *p = NULL;
    struct err err = ERR_INIT;
    double turnover[3];
    assert_ok(campaign_previews_plan(&setup, 1, &p, &err), &err);
    assert_int_equal(p->n, CAMPAIGN_PREVIEWS + 4);
    const double *ends = p->x + (size_t)CAMPAIGN_PREVIEWS * 2, want[] = {0, 0.25, 1, 0.25, 0.5, 0, 0.5, 1};
    for (size_t i = 0; i < 8; i++)
        assert_close(ends[i], want[i], 0);
    const double shown[] = {0.3, 0.1, 0.2}, reference[] = {0.2, 0.0, 0.4}, overlap[] = {0.9, 0.7, 0.6, 0.8};
    for (size_t i = 0; i < 4; i++)
        campaign_previews_set(p, CAMPAIGN_PREVIEWS + i, shown, reference, overlap[i]);
    const double *feature = p->feature + (size_t)CAMPAIGN_PREVIEWS * 3;
    assert_close(feature[0], 0.5, 1e-12);
    assert_close(feature[1], 0.0, 0);
    assert_close(feature[2], -0.5, 1e-12);
    campaign_previews_turnover(p, &setup, turnover);
    assert_close(turnover[2], 0.3, 1e-12);
    assert_close(turnover[0], 0.4, 1e-12);
    assert_true(isnan(turnover[1]));
    campaign_previews_free(p);
}

/* Any answer to a preview. */
static int say(void *context, const char *method, const char *path, struct buf *body)
{
    const char *const *text = context;
    if (strcmp(method, "POST") != 0 || strstr(path, "/preview") == NULL)
        return 0;
    buf_text(body, *text);
    return (*text)[0] == '!' ? 503 : 200;
}

static void answers_that_are_no_good(void **state)
{
    static const char *const ANSWERS[] = {
        "!busy",
        "<html>It works!</html>",
        "{\"requests\":\"many\"}",
        "{\"requests\":1000,\"heads\":[\"save\",\"click\",\"hide\"],\"reference\":{\"shown\":[0.3,0.2,0.1]},"
        "\"previews\":[]}",
        "{\"requests\":1000,\"heads\":[\"click\",\"save\"],\"reference\":{\"shown\":[0.3,0.2]},\"previews\":[]}",
        "{\"requests\":1000,\"heads\":[\"click\",\"save\",\"hide\"],\"reference\":{\"shown\":[0.3,1.2,0.1]},"
        "\"previews\":[]}",
        "{\"requests\":1000,\"heads\":[\"click\",\"save\",\"hide\"],\"reference\":{\"shown\":[0.3,0.2]},\"previews\":[]"
        "}",
        "{\"requests\":1000,\"heads\":[\"click\",\"save\",\"hide\"],\"reference\":{\"shown\":[0.3,0.2,0.1]},"
        "\"previews\":[]}",
        "{\"requests\":1000,\"heads\":[\"click\",\"save\",\"hide\"],\"reference\":{\"shown\":[0.3,0.2,0.1]}}",
    };
    struct tuner_world *w = *state;
    for (size_t i = 0; i < sizeof ANSWERS / sizeof *ANSWERS; i++) {
        const char *answer = ANSWERS[i];
        w->api.script = say;
        w->api.script_context = &answer;
        assert_int_equal(tuner_world_launch(w, TUNER_WORLD_FILE, false), STATUS_OK);
        tuner_world_run(w, "promoted");
        assert_true(tuner_world_says(w, "\"warm_start\":null"));
        tuner_world_end(w);
        (void)start(state);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(features_and_turnover),
        cmocka_unit_test_setup_teardown(previews_are_asked_for_once, start, tuner_world_teardown),
        cmocka_unit_test_setup_teardown(a_restart_changes_nothing, start, tuner_world_teardown),
        cmocka_unit_test_setup_teardown(an_api_without_previews_is_no_trouble, start, tuner_world_teardown),
        cmocka_unit_test_setup_teardown(too_few_requests_are_not_enough_yet, start, tuner_world_teardown),
        cmocka_unit_test_setup_teardown(a_campaign_may_do_without, start, tuner_world_teardown),
        cmocka_unit_test_setup_teardown(answers_that_are_no_good, start, tuner_world_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
