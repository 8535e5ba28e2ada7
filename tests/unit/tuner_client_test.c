#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/core/mem.h"
#include "tests/lib/check.h"
#include "tests/lib/tuner_world.h"

/* Reading the experiment API strictly, and what becomes of a campaign when it answers rubbish. */

/* An answer of the fake API, "" when it has none. */
static void answer(struct tuner_world *w, const char *path, char *ret, size_t size)
{
    struct client_door door = fake_api_door(&w->api);
    struct buf body = BUF_INIT;
    struct err err = ERR_INIT;
    int http = 0;
    assert_ok(door.request(door.context, "GET", path, NULL, 0, &http, &body, &err), &err);
    assert_true(body.length < size);
    memcpy(ret, buf_string(&body), body.length + 1);
    buf_done(&body);
}

struct edit {
    const char *old, *new, *line;
};

static const struct edit EXPERIMENT[] = {
    {"\"heads\":[\"click\"", "\"heads\":[7", "heads[0]"},
    {"\"heads\":[\"click\",\"save\",\"hide\"]", "\"heads\":[]", "heads is empty"},
    {"\"mean\":0.31", "\"mean\":1.31", "head_stats.click.mean is 1.31"},
    {"\"mean\":0.31", "\"mean\":NaN", "byte"},
    {"\"mean\":0.31", "\"mean\":null", "head_stats.click.mean"},
    {"\"save\":{\"mean\"", "\"seve\":{\"mean\"", "head_stats.save is missing"},
    {"\"version\":7", "\"version\":\"7\"", "default.version"},
    {"\"now_ms\":1", "\"now_ms\":-1", "now_ms"},
    {"\"next_round\":1", "\"next_round\":1.5", "next_round"},
    {"\"open_round\":null", "\"open_round\":{}", "open_round.round is missing"},
    {"\"numerator\":{\"event\"", "\"numerator\":{\"evnt\"", "metrics[0].numerator.event is missing"},
};

static void experiments_are_read_strictly(void **state)
{
    struct tuner_world *w = *state;
    char good[8192], bad[8192];
    struct campaign_experiment e;
    struct err err = ERR_INIT;
    answer(w, "/v1/experiments/feed", good, sizeof good);
    assert_ok(client_decode_experiment(good, strlen(good), &e, &err), &err);
    assert_int_equal(e.n_heads, 3);
    assert_close(e.head_mean[1], 0.043, 0);
    assert_close(e.default_weight[2], -2, 0);
    assert_string_equal(e.metric[2].event, "hide");
    for (size_t i = 0; i < sizeof EXPERIMENT / sizeof EXPERIMENT[0]; i++) {
        tuner_world_edit(good, EXPERIMENT[i].old, EXPERIMENT[i].new, bad, sizeof bad);
        e.default_version = 4711;
        assert_refused(client_decode_experiment(bad, strlen(bad), &e, &err), STATUS_CORRUPT, &err, EXPERIMENT[i].line);
        assert_non_null(strstr(err.text, "not an experiment of the API"));
        assert_int_equal(e.default_version, 4711);
    }
}

static const struct edit RESULTS[] = {
    {"\"metrics\":[\"click\",\"save\",\"hide\"]", "\"metrics\":[\"click\",\"save\"]", "arms[0].metrics has 3 elements"},
    {"\"metrics\":[\"click\",\"save\",\"hide\"]", "\"metrics\":[\"click\",\"hide\",\"save\"]",
     "arms[0].metrics[1] is metric \"save\", in its place is \"hide\""},
    {"\"id\":\"control\"", "\"id\":7", "arms[0].id"},
    {"\"units\":", "\"units\":-", "arms[0].units"},
    {"\"mean\":", "\"mean\":1e999,\"x\":", "byte"},
    {"\"mean\":", "\"mean\":\"NaN\",\"x\":", "arms[0].metrics[0].mean"},
    {"\"cov\":[[", "\"cov\":[[-", "arms[0].cov has the variance -"},
    {"\"cov\":[[", "\"cov\":[[1,2],[", "arms[0].cov has 4"},
    {"\"cov\":[[", "\"cov\":[[7,", "arms[0].cov[0] has"},
    {"\"cov\":[[", "\"cov\":[null,[", "arms[0].cov"},
    {"\"round\":1", "\"round\":\"one\"", "round"},
    {"\"final\":true", "\"final\":1", "final"},
    {"\"control_events\":{\"click\":", "\"control_events\":{\"click\":-", "effects.control_events.click"},
    {"\"effects\":", "\"effcts\":", "effects is missing"},
    {"\"p\":0.47", "\"p\":47", "sample_ratio.p is 47"},
};

#define CUPED                                                                                                          \
    "\"cuped\":{\"metrics\":[],\"arms\":[{\"id\":\"control\",\"mean\":[0.1,0.2,0.3],\"cov\":[[0.01,0,0],[0,0.01,0],["  \
    "0,0,"                                                                                                             \
    "0.01]]},{\"id\":\"b\",\"mean\":[0.4,0.5,null],\"cov\":[[0.02,0,null],[0,0.02,null],[null,null,null]]}]},"

static const struct edit WRONG_CUPED[] = {
    {"{\"id\":\"b\",\"mean\":[0.4", "{\"id\":\"a1\",\"mean\":[0.4", "cuped.arms[1] is arm \"a1\", in its place is"},
    {"[0.4,0.5,null]", "[0.4,0.5]", "cuped.arms[1].mean has 2 numbers: 3 are needed"},
    {"[[0.02,", "[[-0.02,", "cuped.arms[1].cov has the variance -"},
    {"\"cuped\":{\"metrics\":[],\"arms\":[", "\"cuped\":{\"arms\":[],\"rest\":[", "cuped.arms has 0 entries"},
    {"\"cuped\":{", "\"cuped\":7,\"rest\":{", "cuped"},
};

static void results_are_read_strictly(void **state)
{
    struct tuner_world *w = *state;
    static char good[65536], bad[65536];
    struct campaign_results *r = NULL;
    struct err err = ERR_INIT;
    fake_api_stranger(&w->api, true);
    answer(w, "/v1/experiments/feed/rounds/1/results", good, sizeof good);
    assert_ok(client_decode_results(good, strlen(good), &r, &err), &err);
    assert_int_equal(r->n_arms, 2);
    assert_string_equal(r->campaign, "stranger");
    assert_true(r->final && r->end == END_UNITS);
    assert_close(r->cov[9 + 4], 0.43 * 0.43 / 500, 1e-15);
    campaign_results_free(r);
    for (size_t i = 0; i < sizeof RESULTS / sizeof RESULTS[0]; i++) {
        r = NULL;
        tuner_world_edit(good, RESULTS[i].old, RESULTS[i].new, bad, sizeof bad);
        assert_refused(client_decode_results(bad, strlen(bad), &r, &err), STATUS_CORRUPT, &err, RESULTS[i].line);
        assert_null(r);
    }
    /* Means adjusted by CUPED come beside the plain ones, arm by arm. */
    assert_null(r);
    tuner_world_edit(good, "\"effects\":", CUPED "\"effects\":", bad, sizeof bad);
    assert_ok(client_decode_results(bad, strlen(bad), &r, &err), &err);
    assert_close(r->adjusted_mean[3 + 1], 0.5, 0);
    assert_true(isnan(r->adjusted_mean[3 + 2]) && isnan(r->adjusted_cov[9 + 8]));
    assert_close(r->adjusted_cov[9 + 4], 0.02, 0);
    campaign_results_free(r);
    for (size_t i = 0; i < sizeof WRONG_CUPED / sizeof WRONG_CUPED[0]; i++) {
        static char worse[65536];
        r = NULL;
        tuner_world_edit(bad, WRONG_CUPED[i].old, WRONG_CUPED[i].new, worse, sizeof worse);
        assert_refused(client_decode_results(worse, strlen(worse), &r, &err), STATUS_CORRUPT, &err,
                       WRONG_CUPED[i].line);
        assert_null(r);
    }
    /* What could not be computed is null, and the rest is good. */
    tuner_world_edit(good, "\"mean\":", "\"mean\":null,\"x\":", bad, sizeof bad);
    assert_ok(client_decode_results(bad, strlen(bad), &r, &err), &err);
    assert_true(isnan(r->mean[0]) && isfinite(r->mean[1]));
    campaign_results_free(r);
}

/* One answer, some times, on the paths with this end. */
struct script {
    const char *path, *method, *body;
    int http, times;
};

static int play(void *context, const char *method, const char *path, struct buf *body)
{
    struct script *script = context;
    size_t n = strlen(script->path), length = strlen(path);
    bool here = n <= length && strcmp(path + length - n, script->path) == 0;
    if (script->times == 0 || strcmp(method, script->method) != 0 || !here)
        return 0;
    script->times--;
    buf_text(body, script->body);
    return script->http;
}

static const struct script LATER[] = {
    {"/feed", "GET", "<html>bad gateway</html>", 502, 3},
    {"/feed", "GET", "{\"error\":{\"code\":\"X\",\"message\":\"token is unknown\"}}", 401, 3},
    {"/feed", "GET", "{\"experiment\":\"feed\"}", 200, 3},
    {"/feed", "GET", "", 200, 3},
    {"/rounds/1", "PUT", "slow down", 429, 3},
    {"/rounds/1", "PUT", "{\"experiment\":\"feed\"}", 201, 3},
    {"/rounds/1", "PUT", "[[[[", 201, 3},
    {"/results", "GET", "{}", 200, 3},
    {"/results", "GET", "\xff\xfe", 200, 3},
    {"/results", "GET", "busy", 503, 3},
    {"/default", "PUT", "{\"version\":\"8\"}", 200, 1},
    {"/default", "PUT", "oops", 500, 3},
};

static void rubbish_is_waited_out(void **state)
{
    (void)state;
    static struct tuner_world w;
    char file[4096];
    tuner_world_edit(TUNER_WORLD_FILE, "\"max\":3", "\"max\":1", file, sizeof file);
    for (size_t i = 0; i < sizeof LATER / sizeof LATER[0]; i++) {
        struct script script = LATER[i];
        bool noted = false;
        tuner_world_start(&w);
        w.api.script = play;
        w.api.script_context = &script;
        assert_int_equal(tuner_world_launch(&w, file, false), STATUS_OK);
        for (int t = 0; t < 200 && !tuner_world_is(&w, 1, "promoted"); t++) {
            noted = noted || strstr(w.status, "waiting for the experiment API at http://fake: ") != NULL;
            assert_false(tuner_world_is(&w, 1, "failed"));
            tuner_world_turn(&w);
        }
        assert_true(tuner_world_is(&w, 1, "promoted"));
        assert_true(noted);
        assert_int_equal(script.times, 0);
        assert_int_equal(w.api.n_rounds, 2);
        assert_int_equal(w.api.default_puts, 1);
        tuner_world_end(&w);
    }
}

static const struct {
    struct script script;
    const char *line;
} FATAL[] = {
    {{"/rounds/1", "PUT", "weights are not to my taste", 422, 1},
     "the experiment API refused: weights are not to my taste"},
    {{"/rounds/2", "PUT", "no", 400, 1}, "the experiment API refused: no"},
    {{"/results", "GET", "there is no round 1", 404, 1}, "the experiment API refused: there is no round 1"},
    {{"/default", "PUT", "weights: nan", 422, 1}, "the experiment API refused: weights: nan"},
    {{"/feed", "GET", "gone", 404, 2}, "the experiment API refused: gone"},
};

static void our_own_mistakes_fail_the_campaign(void **state)
{
    (void)state;
    static struct tuner_world w;
    for (size_t i = 0; i < sizeof FATAL / sizeof FATAL[0]; i++) {
        struct script script = FATAL[i].script;
        tuner_world_start(&w);
        w.api.script = strcmp(script.path, "/feed") == 0 ? NULL : play;
        w.api.script_context = &script;
        assert_int_equal(tuner_world_launch(&w, TUNER_WORLD_FILE, false), STATUS_OK);
        w.api.script = play;
        tuner_world_run(&w, "failed");
        if (strstr(w.status, FATAL[i].line) == NULL)
            print_error("%s\n", w.status);
        assert_non_null(strstr(w.status, FATAL[i].line));
        w.api.script = NULL;
        for (int t = 0; t < 6; t++)
            tuner_world_turn(&w);
        for (size_t r = 0; r < w.api.n_rounds; r++) /* nothing of ours stays open */
            assert_true(w.api.round[r].final || w.api.round[r].stopped || script.http == 404);
        assert_int_equal(w.api.default_puts, 0);
        tuner_world_end(&w);
    }
}

/* Results that are well made but not of this round. */
static int swap_arm(void *context, const char *method, const char *path, struct buf *body)
{
    struct tuner_world *w = context;
    (void)method;
    if (strstr(path, "/results") == NULL || w->api.round[0].reads != 0)
        return 0;
    w->api.script = NULL;
    w->api.round[0].reads++;
    struct fake_round *round = &w->api.round[0];
    char saved[CAMPAIGN_NAME];
    memcpy(saved, round->arm[2], sizeof saved);
    (void)snprintf(round->arm[2], sizeof round->arm[2], "stranger");
    struct client_door door = fake_api_door(&w->api);
    int http = 0;
    (void)!door.request(door.context, "GET", path, NULL, 0, &http, body, NULL);
    memcpy(round->arm[2], saved, sizeof saved);
    round->reads = 0;
    round->final = false;
    buf_clear(&round->results);
    return http;
}

static void results_of_other_arms_are_not_taken(void **state)
{
    struct tuner_world *w = *state;
    w->api.script = swap_arm;
    w->api.script_context = w;
    assert_int_equal(tuner_world_launch(w, TUNER_WORLD_FILE, false), STATUS_OK);
    for (int t = 0; t < 20 && strstr(w->status, "arm 2 of the results") == NULL; t++) {
        tuner_world_turn(w);
        (void)tuner_world_is(w, 1, "");
    }
    assert_non_null(strstr(w->status, "arm 2 of the results of round 1 is \\\"stranger\\\", planned was \\\"a1\\\""));
    tuner_world_run(w, "promoted");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(experiments_are_read_strictly, tuner_world_setup, tuner_world_teardown),
        cmocka_unit_test_setup_teardown(results_are_read_strictly, tuner_world_setup, tuner_world_teardown),
        cmocka_unit_test(rubbish_is_waited_out),
        cmocka_unit_test(our_own_mistakes_fail_the_campaign),
        cmocka_unit_test_setup_teardown(results_of_other_arms_are_not_taken, tuner_world_setup, tuner_world_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
