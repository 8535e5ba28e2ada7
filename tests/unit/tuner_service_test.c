#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "tests/lib/check.h"
#include "tests/lib/tuner_world.h"

/* The whole loop against a scripted experiment API: what people ask, what the API answers, what becomes of it. */

static void a_campaign_explores_confirms_and_promotes(void **state)
{
    struct tuner_world *w = *state;
    assert_int_equal(tuner_world_launch(w, TUNER_WORLD_FILE, false), STATUS_OK);
    assert_true(tuner_world_says(w, "\"state\":\"starting\""));
    tuner_world_run(w, "promoted");
    assert_int_equal(w->api.n_rounds, 4);
    assert_int_equal(w->api.default_puts, 1);
    const struct fake_round *first = &w->api.round[0], *confirm = &w->api.round[3];
    assert_int_equal(first->n_arms, 6);
    assert_close(first->allocation[0], sqrt(5) / (5 + sqrt(5)), 1e-12);
    assert_close(first->allocation[3], 1 / (5 + sqrt(5)), 1e-12);
    assert_string_equal(first->arm[0], "control");
    assert_string_equal(first->arm[1], "equal");
    assert_string_equal(w->api.round[1].arm[2], "incumbent");
    assert_true(confirm->is_confirm && confirm->exclude_seen);
    assert_int_equal(confirm->n_arms, 3);
    assert_close(confirm->allocation[1], .4, 1e-15);
    assert_close(confirm->weight[0][1] / confirm->weight[0][0], (0.5 / 0.043) * 0.31, 1e-12);
    for (int h = 0; h < FAKE_HEADS; h++)
        assert_close(w->api.default_weight[h], confirm->weight[1][h], 0);
    assert_true(fake_api_truth(&w->api, w->api.default_weight) > 0.02);
    double lift = WORLD_NUMBER(w, "winner", "confirmed", "vs_control", "lift");
    assert_close(lift, fake_api_truth(&w->api, w->api.default_weight), 0.05);
    assert_true(WORLD_NUMBER(w, "winner", "confirmed", "vs_control", "lo") > 0);
    assert_true(WORLD_NUMBER(w, "winner", "raw", "vs_equal", "lift") > 0);
    assert_true(WORLD_NUMBER(w, "winner", "model", "vs_equal", "se") > 0);
    assert_int_equal((int)WORLD_NUMBER(w, "default_version_before"), 7);
    assert_int_equal((int)WORLD_NUMBER(w, "default_version_after"), 8);
    assert_true(
        tuner_world_says(w, "\"decision\":{\"promoted\":true,\"reason\":\"confirmed lift against control is +"));
    assert_true(WORLD_NUMBER(w, "drift", "df") >= 2); /* of the anchor; an incumbent that stays adds one */
}

static void the_api_is_down_at_launch(void **state)
{
    struct tuner_world *w = *state;
    w->api.die_at = 0;
    assert_int_equal(tuner_world_launch(w, TUNER_WORLD_FILE, false), STATUS_OK);
    assert_true(tuner_world_says(w, "\"state\":\"waiting\""));
    assert_true(tuner_world_says(
        w, "waiting for the experiment API at http://fake: http://fake: connection refused; next try in "));
    tuner_world_restart(w);
    w->api.die_at = w->api.requests;
    tuner_world_turn(w);
    assert_true(tuner_world_is(w, 1, "waiting"));
    assert_true(tuner_world_says(w, "next try in "));
    fake_api_revive(&w->api);
    tuner_world_run(w, "promoted");
}

static void launches_that_are_refused(void **state)
{
    struct tuner_world *w = *state;
    char file[4096];
    struct {
        const char *old, *new, *line;
        enum status status;
    } const cases[] = {
        {"\"metric\":\"save\"", "\"metric\":\"buy\"",
         "objective[1].metric is \"buy\": the metrics of experiment feed are click, save, hide", STATUS_UNPROCESSABLE},
        {"{\"metric\":\"hide\"", "{\"metric\":\"mute\"", "guardrails[0].metric is \"mute\"", STATUS_UNPROCESSABLE},
        {"\"head\":\"save\"", "\"head\":\"share\"",
         "heads[1].head is \"share\": the heads of experiment feed are click, save, hide", STATUS_UNPROCESSABLE},
        {"\"head\":\"save\"", "\"head\":\"save\",\"sign\":-1",
         "heads[1].sign is -1, but the control weight of save is 11.6", STATUS_UNPROCESSABLE},
        {",\"control_weight\":-20", "", "heads[2]: the control weight of hide is 0", STATUS_UNPROCESSABLE},
        {",\"sign\":-1,\"control_weight\":-20", ",\"switch\":true", "heads[2].sign is missing", STATUS_UNPROCESSABLE},
        {"\"seed\":3", "\"seed\":3,\"sede\":4", "sede is unknown", STATUS_INVALID},
        {"\"seed\":3", "\"seed\":3,\"control\":{\"weights\":{\"clik\":1}}", "heads[2].control_weight goes with",
         STATUS_INVALID},
        {"\"experiment\":\"feed\"", "\"experiment\":\"food\"", "experiment is \"food\": the experiment API has none",
         STATUS_UNPROCESSABLE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tuner_world_edit(TUNER_WORLD_FILE, cases[i].old, cases[i].new, file, sizeof file);
        assert_refused(tuner_world_launch(w, file, false), cases[i].status, &w->answer, cases[i].line);
    }
    assert_refused(tuner_world_launch(w, "{\"name\":", false), STATUS_INVALID, &w->answer, "byte");
    assert_refused(tuner_world_launch(w, TUNER_WORLD_FILE, true), STATUS_INVALID, &w->answer, "create is missing");
    struct buf list = BUF_INIT;
    struct err err = ERR_INIT;
    assert_ok(tuner_list(w->tuner, &list, &err), &err);
    assert_string_equal(buf_string(&list), "{\"campaigns\":[]}");
    buf_done(&list);
    assert_int_equal(w->api.n_rounds, 0);
}

static void one_campaign_of_an_experiment(void **state)
{
    struct tuner_world *w = *state;
    assert_int_equal(tuner_world_launch(w, TUNER_WORLD_FILE, false), STATUS_OK);
    assert_refused(tuner_world_launch(w, TUNER_WORLD_FILE, false), STATUS_CONFLICT, &w->answer,
                   "campaign 1 of experiment feed is still active");
    assert_int_equal(tuner_world_ask(w, TUNER_CANCEL, 1, 0), STATUS_OK);
    tuner_world_turn(w);
    tuner_world_turn(w);
    assert_true(w->api.n_rounds == 0 || w->api.round[0].stopped);
    assert_int_equal(tuner_world_launch(w, TUNER_WORLD_FILE, false), STATUS_OK);
    assert_true(tuner_world_says(w, "\"id\":2"));
}

static void create_makes_the_experiment(void **state)
{
    struct tuner_world *w = *state;
    char file[4096];
    w->api.exists = false;
    tuner_world_edit(TUNER_WORLD_FILE, "\"seed\":3", "\"seed\":3,\"create\":{\"heads\":[\"click\"]}", file,
                     sizeof file);
    assert_refused(tuner_world_launch(w, file, false), STATUS_UNPROCESSABLE, &w->answer, "has none of that name");
    w->api.die_at = w->api.requests;
    assert_int_equal(tuner_world_launch(w, file, true), STATUS_OK); /* accepted, created later */
    assert_true(tuner_world_says(w, "\"state\":\"waiting\""));
    tuner_world_restart(w);
    tuner_world_run(w, "running");
    assert_true(w->api.exists);
}

static void a_bad_confirmation_is_not_promoted(void **state)
{
    struct tuner_world *w = *state;
    w->api.bad_confirm = -0.2;
    assert_int_equal(tuner_world_launch(w, TUNER_WORLD_FILE, false), STATUS_OK);
    tuner_world_run(w, "not_promoted");
    assert_int_equal(w->api.default_puts, 0);
    assert_true(tuner_world_says(w, "the interval is not above zero"));
    assert_true(WORLD_NUMBER(w, "winner", "raw", "vs_control", "lift") > 0);
    assert_true(WORLD_NUMBER(w, "winner", "confirmed", "vs_control", "lift") < 0);
}

static void a_broken_guardrail_is_not_promoted(void **state)
{
    struct tuner_world *w = *state;
    char file[4096];
    w->api.bad_hide = 0.6;
    tuner_world_edit(TUNER_WORLD_FILE, "0.25", "0.2", file, sizeof file);
    assert_int_equal(tuner_world_launch(w, file, false), STATUS_OK);
    tuner_world_run(w, "not_promoted");
    assert_true(tuner_world_says(w, "guardrail hide (at most +20.00 %) holds only with probability 0.0"));
    assert_int_equal(w->api.default_puts, 0);
}

static void nothing_better_than_the_control(void **state)
{
    struct tuner_world *w = *state;
    w->api.peak = 0;
    assert_int_equal(tuner_world_launch(w, TUNER_WORLD_FILE, false), STATUS_OK);
    tuner_world_run(w, "not_promoted");
    assert_true(tuner_world_says(w, "\"best\":null"));
    assert_true(tuner_world_says(w, "there is nothing to confirm"));
}

static void too_few_events_fail_the_campaign(void **state)
{
    struct tuner_world *w = *state;
    w->api.events = 0.02;
    assert_int_equal(tuner_world_launch(w, TUNER_WORLD_FILE, false), STATUS_OK);
    tuner_world_run(w, "failed");
    assert_true(tuner_world_says(w, "objective metric save had "));
    assert_true(tuner_world_says(w, " events in the control arm of round 1: at least 100 are needed"));
    assert_int_equal(w->api.n_rounds, 1);
}

static void ask_waits_and_a_changed_default_is_noticed(void **state)
{
    struct tuner_world *w = *state;
    char file[4096];
    tuner_world_edit(TUNER_WORLD_FILE, "\"auto\"", "\"ask\"", file, sizeof file);
    assert_int_equal(tuner_world_launch(w, file, false), STATUS_OK);
    assert_refused(tuner_world_ask(w, TUNER_PROMOTE, 1, 0), STATUS_CONFLICT, &w->answer, "only a ready campaign");
    tuner_world_run(w, "ready");
    for (int i = 0; i < 5; i++)
        tuner_world_turn(w);
    assert_int_equal(w->api.default_puts, 0);
    tuner_world_restart(w);
    assert_int_equal(tuner_world_ask(w, TUNER_PROMOTE, 1, 0), STATUS_OK);
    tuner_world_run(w, "promoted");
    assert_int_equal(w->api.default_puts, 1);
    assert_true(WORLD_NUMBER(w, "winner", "confirmed", "vs_control", "lo") > 0);
}

static void somebody_changed_the_default(void **state)
{
    struct tuner_world *w = *state;
    assert_int_equal(tuner_world_launch(w, TUNER_WORLD_FILE, false), STATUS_OK);
    tuner_world_run(w, "confirming");
    while (w->api.n_rounds < 4)
        tuner_world_turn(w);
    w->api.default_version = 12;
    tuner_world_run(w, "ready");
    assert_true(tuner_world_says(w, "the default weights are no longer version 7"));
    assert_int_equal(w->api.default_puts, 0);
    assert_int_equal(tuner_world_ask(w, TUNER_PROMOTE, 1, 0), STATUS_OK);
    tuner_world_run(w, "promoted");
    assert_int_equal(w->api.default_version, 13);
}

static void pause_holds_everything_but_reading(void **state)
{
    struct tuner_world *w = *state;
    assert_int_equal(tuner_world_launch(w, TUNER_WORLD_FILE, false), STATUS_OK);
    tuner_world_run(w, "running");
    assert_int_equal(tuner_world_ask(w, TUNER_PAUSE, 1, 0), STATUS_OK);
    for (int i = 0; i < 10; i++)
        tuner_world_turn(w);
    assert_true(tuner_world_is(w, 1, "paused"));
    assert_true(w->api.round[0].final);
    assert_int_equal(w->api.n_rounds, 1);
    tuner_world_restart(w);
    tuner_world_turn(w);
    assert_true(tuner_world_is(w, 1, "paused"));
    assert_int_equal(tuner_world_ask(w, TUNER_RESUME, 1, 0), STATUS_OK);
    tuner_world_run(w, "promoted");
    assert_refused(tuner_world_ask(w, TUNER_PAUSE, 1, 0), STATUS_CONFLICT, &w->answer, "campaign 1 is promoted");
    assert_refused(tuner_world_ask(w, TUNER_PAUSE, 9, 0), STATUS_NOT_FOUND, &w->answer, "there is no campaign 9");
}

static void a_round_stopped_by_hand_pauses(void **state)
{
    struct tuner_world *w = *state;
    w->api.reads_to_final = 5;
    assert_int_equal(tuner_world_launch(w, TUNER_WORLD_FILE, false), STATUS_OK);
    tuner_world_run(w, "running");
    w->api.round[0].stopped = true;
    tuner_world_run(w, "paused");
    assert_true(tuner_world_says(w, "round 1 was stopped by hand: resume to go on"));
    assert_int_equal(w->api.n_rounds, 1);
    assert_int_equal(tuner_world_ask(w, TUNER_RESUME, 1, 0), STATUS_OK);
    tuner_world_run(w, "promoted");
}

static void a_trial_named_by_hand_is_confirmed_first(void **state)
{
    struct tuner_world *w = *state;
    char file[4096];
    w->api.reads_to_final = 4;
    tuner_world_edit(TUNER_WORLD_FILE, "\"auto\"", "\"ask\"", file, sizeof file);
    assert_int_equal(tuner_world_launch(w, file, false), STATUS_OK);
    while (w->api.n_rounds < 2)
        tuner_world_turn(w);
    tuner_world_turn(w);
    assert_refused(tuner_world_ask(w, TUNER_PROMOTE, 1, 1), STATUS_UNPROCESSABLE, &w->answer, "trial 1 is the control");
    assert_refused(tuner_world_ask(w, TUNER_PROMOTE, 1, 99), STATUS_NOT_FOUND, &w->answer, "no trial 99");
    assert_refused(tuner_world_ask(w, TUNER_PROMOTE, 1, 8), STATUS_CONFLICT, &w->answer, "only a trial that is done");
    assert_int_equal(tuner_world_ask(w, TUNER_PROMOTE, 1, 4), STATUS_OK);
    while (w->api.n_rounds < 3)
        tuner_world_turn(w);
    assert_true(w->api.round[1].stopped);
    assert_true(w->api.round[2].is_confirm);
    for (int h = 0; h < FAKE_HEADS; h++)
        assert_close(w->api.round[2].weight[1][h], w->api.round[0].weight[3][h], 0);
    assert_refused(tuner_world_ask(w, TUNER_PROMOTE, 1, 5), STATUS_CONFLICT, &w->answer, "confirming");
    for (int i = 0; i < 30 && !tuner_world_is(w, 1, "promoted") && !tuner_world_is(w, 1, "not_promoted"); i++)
        tuner_world_turn(w);
    bool better = WORLD_NUMBER(w, "winner", "confirmed", "vs_control", "lo") > 0;
    assert_true(tuner_world_is(w, 1, better ? "promoted" : "not_promoted"));
    assert_int_equal(w->api.default_puts, better ? 1 : 0);
    /* An ended campaign confirms another one. */
    tuner_world_restart(w);
    assert_int_equal(tuner_world_ask(w, TUNER_PROMOTE, 1, 5), STATUS_OK);
    tuner_world_turn(w);
    assert_true(tuner_world_is(w, 1, "confirming"));
    while (w->api.n_rounds < 4)
        tuner_world_turn(w);
    for (int h = 0; h < FAKE_HEADS; h++)
        assert_close(w->api.round[3].weight[1][h], w->api.round[0].weight[4][h], 0);
}

static void cancel_stops_the_open_round(void **state)
{
    struct tuner_world *w = *state;
    w->api.reads_to_final = 100;
    assert_int_equal(tuner_world_launch(w, TUNER_WORLD_FILE, false), STATUS_OK);
    tuner_world_run(w, "running");
    assert_int_equal(tuner_world_ask(w, TUNER_CANCEL, 1, 0), STATUS_OK);
    assert_true(tuner_world_says(w, "\"state\":\"cancelled\""));
    tuner_world_restart(w); /* the stop is still owed */
    tuner_world_turn(w);
    assert_true(w->api.round[0].stopped);
    struct buf trials = BUF_INIT;
    tuner_world_trials(w, &trials);
    assert_null(strstr(buf_string(&trials), "\"state\":\"running\""));
    assert_non_null(strstr(buf_string(&trials), "\"state\":\"failed\""));
    buf_done(&trials);
    assert_int_equal(tuner_world_ask(w, TUNER_CANCEL, 1, 0), STATUS_OK);
}

static void strangers_are_waited_for_and_stepped_around(void **state)
{
    struct tuner_world *w = *state;
    fake_api_stranger(&w->api, false);
    assert_int_equal(tuner_world_launch(w, TUNER_WORLD_FILE, false), STATUS_OK);
    assert_true(tuner_world_says(w, "waiting for round 1 of campaign stranger to end"));
    tuner_world_turn(w);
    assert_int_equal(w->api.n_rounds, 1);
    w->api.round[0].final = true;
    tuner_world_turn(w);              /* plans round 2 */
    fake_api_stranger(&w->api, true); /* which a stranger takes */
    tuner_world_run(w, "running");
    assert_int_equal(w->api.round[2].number, 3);
    assert_int_equal((int)WORLD_NUMBER(w, "round"), 3);
    tuner_world_run(w, "promoted");
}

/* Rounds that end by the clock of the experiment API. */
static const char TIMED[] = "\"rounds\":{\"max\":3,\"arms\":5,\"duration_ms\":7200000}";

static void an_end_in_time_counts_from_the_opening(void **state)
{
    struct tuner_world *w = *state;
    char file[4096];
    tuner_world_edit(TUNER_WORLD_FILE, "\"rounds\":{\"max\":3,\"arms\":5,\"units_per_arm\":4000}", TIMED, file,
                     sizeof file);
    w->api.die_at = 1; /* the first PUT never arrives, and the API stays away for a day */
    assert_int_equal(tuner_world_launch(w, file, false), STATUS_OK);
    assert_true(w->api.dead);
    tuner_world_restart(w);
    w->api.now_ms += 86400000;
    tuner_world_run(w, "running");
    assert_int_equal(w->api.round[0].at_ms, 1700000000000 + 86400000 + 7200000);
    /* The next PUT arrives, its answer does not: the same round again, not another end. */
    w->api.die_after = true;
    while (w->api.n_rounds < 2) {
        w->api.die_at = strstr(w->status, "opening round") != NULL ? w->api.requests : -1;
        tuner_world_turn(w);
        (void)tuner_world_is(w, 1, "");
    }
    assert_true(w->api.dead);
    w->api.now_ms += 3600000;
    int64_t at_ms = w->api.round[1].at_ms;
    tuner_world_restart(w);
    tuner_world_run(w, "promoted");
    assert_int_equal(w->api.round[1].at_ms, at_ms);
    assert_int_equal(w->api.n_rounds, 4);
}

static void a_default_that_changes_under_its_control_is_told(void **state)
{
    struct tuner_world *w = *state;
    char file[4096], other[4096];
    tuner_world_edit(TUNER_WORLD_FILE, "\"seed\":3", "\"seed\":3,\"control\":\"default\"", other, sizeof other);
    tuner_world_edit(other, ",\"control_weight\":-20", "", file, sizeof file);
    assert_int_equal(tuner_world_launch(w, file, false), STATUS_OK);
    tuner_world_run(w, "running");
    w->api.default_weight[1] += 1;
    w->api.default_version++;
    while (w->api.n_rounds < 2)
        tuner_world_turn(w);
    (void)tuner_world_is(w, 1, "");
    assert_true(
        tuner_world_says(w, "the default weights have changed since the launch; the control keeps the old ones"));
}

struct reader {
    struct tuner *tuner;
    atomic_bool stop, failed;
    size_t most_active;
};

static void *read_on(void *context)
{
    struct reader *reader = context;
    while (!reader->stop) {
        struct err err = ERR_INIT;
        struct buf document = BUF_INIT;
        const struct tuner_counts counts = tuner_counts(reader->tuner);
        reader->most_active = counts.active > reader->most_active ? counts.active : reader->most_active;
        reader->failed |= tuner_status(reader->tuner, 1, &document, NULL, &err) != STATUS_OK;
        reader->failed |= tuner_list(reader->tuner, &document, &err) != STATUS_OK;
        buf_done(&document);
    }
    return NULL;
}

/* What other threads ask while the service works: the thread sanitizer sees whether the two meet under the lock. */
static void readers_meet_the_service_under_its_lock(void **state)
{
    struct tuner_world *w = *state;
    assert_int_equal(tuner_world_launch(w, TUNER_WORLD_FILE, false), STATUS_OK);
    struct reader reader = {.tuner = w->tuner};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, read_on, &reader), 0);
    tuner_world_run(w, "promoted");
    reader.stop = true;
    pthread_join(thread, NULL);
    assert_false(reader.failed);
    assert_int_equal(reader.most_active, 1);
    assert_int_equal(tuner_counts(w->tuner).active, 0);
    assert_int_equal(tuner_counts(w->tuner).all, 1);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, tuner_world_setup, tuner_world_teardown)
    const struct CMUnitTest tests[] = {
        CASE(a_campaign_explores_confirms_and_promotes),
        CASE(the_api_is_down_at_launch),
        CASE(launches_that_are_refused),
        CASE(one_campaign_of_an_experiment),
        CASE(create_makes_the_experiment),
        CASE(a_bad_confirmation_is_not_promoted),
        CASE(a_broken_guardrail_is_not_promoted),
        CASE(nothing_better_than_the_control),
        CASE(too_few_events_fail_the_campaign),
        CASE(ask_waits_and_a_changed_default_is_noticed),
        CASE(somebody_changed_the_default),
        CASE(pause_holds_everything_but_reading),
        CASE(a_round_stopped_by_hand_pauses),
        CASE(a_trial_named_by_hand_is_confirmed_first),
        CASE(cancel_stops_the_open_round),
        CASE(strangers_are_waited_for_and_stepped_around),
        CASE(an_end_in_time_counts_from_the_opening),
        CASE(a_default_that_changes_under_its_control_is_told),
        CASE(readers_meet_the_service_under_its_lock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
