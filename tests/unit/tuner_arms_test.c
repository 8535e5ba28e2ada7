#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/core/mem.h"
#include "base/core/rng.h"
#include "base/json/json.h"
#include "tests/lib/check.h"
#include "tests/lib/lab.h"
#include "tests/lib/tuner_world.h"
#include "tuner/core/drift.h"

/* What becomes of single arms: those that ride again and tell of drift, and those that harm and are stopped. */

static double trial_number(const struct json *trials, int t, const char *member)
{
    char path[96];
    (void)snprintf(path, sizeof path, "trials.%d.%s", t, member);
    return answer_number(trials, path);
}

static bool trial_flag(const struct json *trials, int t, const char *member)
{
    char path[64];
    (void)snprintf(path, sizeof path, "trials.%d.%s", t, member);
    return answer_flag(trials, path);
}

static bool trial_is(const struct json *trials, int t, const char *origin)
{
    char path[64];
    (void)snprintf(path, sizeof path, "trials.%d.origin", t);
    return strcmp(answer_text(trials, path), origin) == 0;
}

static double metric_number(const struct json *trials, int t, const char *metric, const char *member)
{
    char path[64];
    (void)snprintf(path, sizeof path, "%s.%s", metric, member);
    return trial_number(trials, t, path);
}

/* Cov(y_a, y_b) of two arms with the objective click + .5 save, whose control they share: the fake API correlates the
 * metrics of an arm by .3 (base/stats/effects.h). */
static double shared_variance(const struct json *trials, int control, int a, int b)
{
    static const double OMEGA[2] = {1.0, 0.5};
    static const char *const METRIC[2] = {"metrics.0", "metrics.1"};
    double sum = 0.0;
    for (int i = 0; i < 2; i++) {
        for (int j = 0; j < 2; j++) {
            const double mi = metric_number(trials, control, METRIC[i], "mean"),
                         mj = metric_number(trials, control, METRIC[j], "mean");
            const double v = (i == j ? 1.0 : 0.3) * metric_number(trials, control, METRIC[i], "se") *
                             metric_number(trials, control, METRIC[j], "se");
            sum += OMEGA[i] * OMEGA[j] * metric_number(trials, a, METRIC[i], "mean") / mi *
                   metric_number(trials, b, METRIC[j], "mean") / mj * v / (mi * mj);
        }
    }
    return sum;
}

/* With an anchor beside incumbents the verdict knows that the arms of a round share a control. */
static void anchor_and_incumbent_share_their_control(void **state)
{
    struct tuner_world *w = *state;
    enum { ROUNDS = 8, POINTS = 9, N = ROUNDS * POINTS };
    static double effect[N], cov[N * N];
    char file[4096];
    double weight[POINTS];
    size_t n = 1; /* 0: the anchor */
    tuner_world_edit(TUNER_WORLD_FILE, "\"max\":3", "\"max\":8", file, sizeof file);
    assert_int_equal(tuner_world_launch(w, file, false), STATUS_OK);
    tuner_world_run(w, "promoted");
    struct buf text = BUF_INIT;
    struct json *trials = NULL;
    struct err err = ERR_INIT;
    tuner_world_trials(w, &text);
    assert_ok(json_parse(buf_string(&text), text.length, NULL, &trials, &err), &err);
    for (size_t i = 0; i < N; i++)
        effect[i] = nan("");
    for (int r = 0; r < (int)w->api.n_rounds - 1; r++) {
        const int control = 6 * r;
        size_t at[2] = {(size_t)r * POINTS, 0}, rides = 1;
        if (trial_is(trials, control + 2, "incumbent")) {
            const double save = trial_number(trials, control + 2, "weights.save");
            size_t i = 1;
            while (i < n && fabs(weight[i] - save) > 1e-12)
                i++;
            weight[i] = save;
            n = i == n ? n + 1 : n;
            at[rides++] = (size_t)r * POINTS + i;
        }
        for (size_t a = 0; a < rides; a++) {
            const int row = control + 1 + (int)a;
            effect[at[a]] = trial_number(trials, row, "objective");
            for (size_t b = 0; b < rides; b++)
                cov[at[a] * N + at[b]] = a == b ? pow(trial_number(trials, row, "objective_se"), 2.0)
                                                : shared_variance(trials, control, row, control + 1 + (int)b);
        }
    }
    struct drift_verdict want;
    assert_ok(drift_test(POINTS, ROUNDS, effect, cov, &want, &err), &err);
    assert_close(WORLD_NUMBER(w, "drift", "df"), (double)want.df, 0);
    assert_close(WORLD_NUMBER(w, "drift", "statistic") / want.statistic, 1.0, 1e-9);
    json_free(trials);
    buf_done(&text);
}

/* Without an anchor the drift verdict rests on incumbents, without the measurement that made them one.  Rounds are
 * independent, so Q is the sum over incumbents of sum_t (y_t - mean)^2 / se_t^2, each with its weighted mean. */
static void drift_is_seen_in_incumbents(void **state)
{
    struct tuner_world *w = *state;
    enum { MOST = 8 };
    char bare[4096], file[4096];
    double weight[MOST], sum[MOST][3], q = 0.0, df = 0.0;
    size_t n = 0;
    tuner_world_edit(TUNER_WORLD_FILE, ",\"anchors\":[\"equal\"]", "", bare, sizeof bare);
    tuner_world_edit(bare, "\"max\":3", "\"max\":8", file, sizeof file);
    assert_int_equal(tuner_world_launch(w, file, false), STATUS_OK);
    tuner_world_run(w, "promoted");
    assert_string_equal(w->api.round[0].arm[1], "a1");
    assert_string_equal(w->api.round[1].arm[1], "incumbent");
    struct buf text = BUF_INIT;
    tuner_world_trials(w, &text);
    struct json *trials = NULL;
    struct err err = ERR_INIT;
    assert_ok(json_parse(buf_string(&text), text.length, NULL, &trials, &err), &err);
    for (int t = 0; t < (int)w->api.n_rounds * 6 - 3; t++) {
        const double save = trial_number(trials, t, "weights.save"), y = trial_number(trials, t, "objective");
        const double precision = pow(trial_number(trials, t, "objective_se"), -2.0);
        size_t i = 0;
        if (!trial_is(trials, t, "incumbent"))
            continue;
        while (i < n && fabs(weight[i] - save) > 1e-12)
            i++;
        if (i == n) {
            weight[n++] = save;
            memset(sum[i], 0, sizeof sum[i]);
            df -= 1.0;
        }
        sum[i][0] += precision;
        sum[i][1] += precision * y;
        sum[i][2] += precision * y * y;
        df += 1.0;
    }
    for (size_t i = 0; i < n; i++)
        q += sum[i][2] - sum[i][1] * sum[i][1] / sum[i][0];
    assert_true(df >= 2.0);
    assert_close(WORLD_NUMBER(w, "drift", "df"), df, 0);
    assert_close(WORLD_NUMBER(w, "drift", "statistic"), q, 1e-9 * (1.0 + q));
    json_free(trials);
    buf_done(&text);
}

/* Arms that surely lose a fifth are stopped while the round is open, each once, and say so; a baseline is not, and arms
 * that do no such harm ride on.  Guardrails are out of the way. */
static void harm_file(char *ret, size_t size)
{
    char harm[4096];
    tuner_world_edit(TUNER_WORLD_FILE, "\"harm\":0", "\"harm\":0.2", harm, sizeof harm);
    tuner_world_edit(harm, "\"max_relative\":0.25", "\"max_relative\":1000", ret, size);
}

static void a_harmful_arm_is_stopped(void **state)
{
    struct tuner_world *w = *state;
    char file[4096];
    int stopped = 0;
    harm_file(file, sizeof file);
    w->api.reads_to_final = 6;
    assert_int_equal(tuner_world_launch(w, file, false), STATUS_OK);
    tuner_world_run(w, "promoted");
    struct buf text = BUF_INIT;
    struct json *trials = NULL;
    struct err err = ERR_INIT;
    tuner_world_trials(w, &text);
    assert_ok(json_parse(buf_string(&text), text.length, NULL, &trials, &err), &err);
    for (int r = 0; r < 3; r++) {
        int in_round = 0;
        for (int a = 0; a < 6; a++) {
            const bool flag = trial_flag(trials, 6 * r + a, "stopped");
            const double y = trial_number(trials, 6 * r + a, "objective");
            assert_true(flag == w->api.round[r].arm_stopped[a]);
            assert_true(!flag || (y < -0.2 && !trial_is(trials, 6 * r + a, "anchor")));
            in_round += flag;
        }
        assert_int_equal(w->api.round[r].arm_stops, in_round);
        assert_true(trial_number(trials, 6 * r + 1, "objective") < -0.5); /* the anchor, which is not stopped */
        stopped += in_round;
    }
    assert_true(stopped > 0);
    json_free(trials);
    buf_done(&text);
}

/* The same with a crash at every call around the first stop: the same arms are stopped in the end. */
static void a_harmful_arm_is_stopped_whatever_happens(void **state)
{
    struct tuner_world *w = *state;
    char file[4096];
    bool whole[FAKE_ARMS];
    harm_file(file, sizeof file);
    for (int at = 2; at < 9; at++) {
        tuner_world_end(w);
        tuner_world_start(w);
        w->api.reads_to_final = 14;
        assert_int_equal(tuner_world_launch(w, file, false), STATUS_OK);
        if (at > 2) {
            w->api.die_at = at;
            w->api.die_after = at % 2 == 0;
            for (int i = 0; i < 12; i++)
                tuner_world_turn(w);
            tuner_world_restart(w);
            fake_api_revive(&w->api);
        }
        tuner_world_run(w, "promoted");
        if (at == 2)
            memcpy(whole, w->api.round[0].arm_stopped, sizeof whole);
        assert_memory_equal(whole, w->api.round[0].arm_stopped, sizeof whole);
    }
}

/* Memory ends now and then: the control is never the one that is stopped, and the campaign gets there. */
static void memory_ends_while_arms_are_stopped(void **state)
{
    struct tuner_world *w = *state;
    char file[4096];
    harm_file(file, sizeof file);
    for (uint64_t seed = check_seed(); seed < check_seed() + check_cases(6, 60); seed++) {
        struct rng rng;
        rng_init(&rng, seed, 8, 3);
        tuner_world_end(w);
        tuner_world_start(w);
        w->api.reads_to_final = 14;
        assert_int_equal(tuner_world_launch(w, file, false), STATUS_OK);
        for (int i = 0; i < 400 && !tuner_world_is(w, 1, "promoted"); i++) {
            mem_fault_after(i % 2 == 0 ? (int64_t)rng_below(&rng, 1 + rng_below(&rng, 400)) : -1);
            tuner_world_turn(w);
            mem_fault_after(-1);
        }
        assert_true(tuner_world_is(w, 1, "promoted"));
        for (size_t r = 0; r < w->api.n_rounds; r++)
            assert_false(w->api.round[r].arm_stopped[0]);
    }
}

/* A guardrail on hides that is surely broken stops an arm, whatever its objective. */
static void a_broken_guardrail_stops_an_arm(void **state)
{
    struct tuner_world *w = *state;
    char harm[4096], file[4096];
    int stopped = 0;
    tuner_world_edit(TUNER_WORLD_FILE, "\"harm\":0", "\"harm\":1000", harm, sizeof harm);
    tuner_world_edit(harm, "\"max_relative\":0.25", "\"max_relative\":0.02", file, sizeof file);
    w->api.reads_to_final = 6;
    assert_int_equal(tuner_world_launch(w, file, false), STATUS_OK);
    for (int i = 0; i < 60; i++)
        tuner_world_turn(w);
    struct buf text = BUF_INIT;
    struct json *trials = NULL;
    struct err err = ERR_INIT;
    tuner_world_trials(w, &text);
    assert_ok(json_parse(buf_string(&text), text.length, NULL, &trials, &err), &err);
    for (int a = 1; a < 6; a++) {
        const bool flag = trial_flag(trials, a, "stopped");
        assert_true(!flag || (trial_number(trials, a, "guardrails.0.effect") > 0.02 && a > 1)); /* 1: the anchor */
        stopped += flag;
    }
    assert_true(stopped > 0);
    json_free(trials);
    buf_done(&text);
}

static int refuse_to_stop(void *context, const char *method, const char *path, struct buf *body)
{
    (void)method;
    (void)body;
    return strstr(path, "/arms/") != NULL ? *(const int *)context : 0;
}

/* The round may have ended meanwhile, or the arm may be unknown there: the campaign goes on. */
static void an_arm_that_cannot_be_stopped(void **state)
{
    struct tuner_world *w = *state;
    static int http[] = {409, 404, 400};
    char file[4096];
    harm_file(file, sizeof file);
    for (size_t i = 0; i < sizeof http / sizeof http[0]; i++) {
        tuner_world_end(w);
        tuner_world_start(w);
        w->api.reads_to_final = 6;
        w->api.script = refuse_to_stop;
        w->api.script_context = &http[i];
        assert_int_equal(tuner_world_launch(w, file, false), STATUS_OK);
        tuner_world_run(w, "promoted");
    }
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, tuner_world_setup, tuner_world_teardown)
    const struct CMUnitTest tests[] = {
        CASE(drift_is_seen_in_incumbents),        CASE(anchor_and_incumbent_share_their_control),
        CASE(a_harmful_arm_is_stopped),           CASE(a_harmful_arm_is_stopped_whatever_happens),
        CASE(memory_ends_while_arms_are_stopped), CASE(a_broken_guardrail_stops_an_arm),
        CASE(an_arm_that_cannot_be_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
