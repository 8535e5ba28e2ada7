/* Another model takes over while the API serves: who is answered by which, what a round notes, what is refused. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/db/db.h"
#include "experiments/http/rank_request.h"
#include "experiments/store/schema.h"
#include "tests/lib/check.h"
#include "tests/lib/lab.h"

enum { START = 1000000, THREADS = 4, SWAPS = 20 };
static const char ROUND_1[] = "/v1/experiments/feed/rounds/1", ROUND_2[] = "/v1/experiments/feed/rounds/2";
#define HASH_B "00000000000000000000000000000000000000000000000000000000000000b0"

/* Heads in another order, and one more. */
static struct fake_model model_b(void)
{
    return (struct fake_model){.hash = HASH_B, .heads = {"hide", "more", "save", "click"}, .shift = 77};
}

static void open_lab(struct lab *lab)
{
    lab_start(lab, START);
    json_free(lab_json(lab, "PUT", "/v1/experiments/feed", LAB_EXPERIMENT, 201));
    json_free(lab_json(lab, "PUT", ROUND_1, LAB_ROUND, 201));
}

static void swap(struct lab *lab, struct fake_model *model)
{
    struct err err = ERR_INIT;
    assert_ok(service_swap(&lab->service, fake_scorer(model), &err), &err);
}

/* The first item's probability of a click is what the model gives: head is its place in it. */
static void ranked_by(const struct json *answer, const char *unit, const struct fake_model *model, size_t head)
{
    const double p = answer_number(answer, "items.0.p.click");
    assert_close(p, (double)fake_p(model->shift, unit, answer_text(answer, "items.0.id"), head), 1e-6);
}

/* The models of the round, by the last two digits of their hashes and the times they began at: "03@1000000 b0@1000000".
 */
static void assert_models(struct lab *lab, const char *round, const char *want)
{
    char path[100], text[400] = "";
    snprintf(path, sizeof path, "%s/results", round);
    struct json *results = lab_json(lab, "GET", path, NULL, 200);
    struct json_at root = json_root(results), models, item = {0}, member;
    assert_int_equal(json_member(&root, "models", JSON_REQUIRED, &models, NULL), STATUS_OK);
    while (json_next(&models, &item)) {
        const char *hash = NULL;
        int64_t from_ms = 0;
        assert_int_equal(json_member(&item, "model_hash", JSON_REQUIRED, &member, NULL), STATUS_OK);
        assert_int_equal(json_string(&member, 64, &hash, NULL), STATUS_OK);
        assert_int_equal(json_get_int(&item, "from_ms", JSON_REQUIRED, 0, INT64_MAX, &from_ms, NULL), STATUS_OK);
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s@%lld", *text ? " " : "", hash + 62,
                 (long long)from_ms);
        if (item.index == 0)
            assert_string_equal(answer_text(results, "model_hash"), hash);
    }
    assert_string_equal(text, want);
    json_free(results);
}

static void the_next_request_has_the_new_model(void **state)
{
    (void)state;
    struct lab lab = {0};
    struct fake_model b = model_b();
    open_lab(&lab);
    assert_models(&lab, ROUND_1, "03@1000000");
    struct json *answer = lab_rank(&lab, "u1", "");
    ranked_by(answer, "u1", &FAKE_MODEL, 0);
    json_free(answer);

    json_free(lab_json(&lab, "PUT", "/v1/clock", "{\"now_ms\":1000200}", 200));
    const int closed = atomic_load(&FAKE_MODEL.n_closed);
    swap(&lab, &b);
    assert_int_equal(atomic_load(&FAKE_MODEL.n_closed), closed + 1);
    answer = lab_rank(&lab, "u1", "");
    ranked_by(answer, "u1", &b, 3);
    json_free(answer);
    assert_models(&lab, ROUND_1, "03@1000000 b0@1000200");

    static const char *const SAYS[] = {"/readyz", "/v1/experiments/feed", "/metrics"};
    for (size_t i = 0; i < sizeof SAYS / sizeof *SAYS; i++) {
        struct buf text = BUF_INIT;
        assert_int_equal(lab_call(&lab, "GET", SAYS[i], NULL, &text), 200);
        assert_non_null(strstr(buf_string(&text), HASH_B));
        buf_done(&text);
    }
    /* The same model again is no other model; the first again is one. */
    swap(&lab, &b);
    assert_models(&lab, ROUND_1, "03@1000000 b0@1000200");
    swap(&lab, &FAKE_MODEL);
    assert_models(&lab, ROUND_1, "03@1000000 b0@1000200 03@1000200");
    lab_remove(&lab);
    assert_int_equal(atomic_load(&b.n_closed), 2);
}

static void refuse(struct lab *lab, const char *text)
{
    struct fake_model lacking = {.hash = HASH_B, .heads = {"click", "hide"}};
    struct err err = ERR_INIT;
    assert_refused(service_swap(&lab->service, fake_scorer(&lacking), &err), STATUS_UNPROCESSABLE, &err, text);
    assert_int_equal(atomic_load(&lacking.n_closed), 1);
    struct json *answer = lab_rank(lab, "u1", "");
    ranked_by(answer, "u1", &FAKE_MODEL, 0);
    json_free(answer);
}

static void a_model_without_a_head_is_refused(void **state)
{
    (void)state;
    static const char LINE[] =
        "experiment feed: heads[1] is \"save\", which the model lacks: its heads are click, hide";
    struct lab lab = {0};
    lab_start(&lab, START);
    json_free(lab_json(&lab, "PUT", "/v1/experiments/feed", LAB_EXPERIMENT, 201));
    refuse(&lab, LINE); /* the default weights */
    json_free(lab_json(&lab, "PUT", ROUND_1, LAB_ROUND, 201));
    refuse(&lab, LINE); /* an open round */
    json_free(lab_json(&lab, "POST", "/v1/experiments/feed/rounds/1/stop", NULL, 200));
    refuse(&lab, LINE); /* one that settles */
    assert_models(&lab, ROUND_1, "03@1000000");

    struct fake_model none = {.hash = HASH_B};
    struct scorer *scorer = NULL, *fake = fake_scorer(&FAKE_MODEL);
    struct err err = ERR_INIT;
    assert_refused(scorer_new(fake->type, &none, &scorer, &err), STATUS_UNPROCESSABLE, &err,
                   "the model has 0 heads: allowed are 1 to 64");
    assert_int_equal(atomic_load(&none.n_closed), 1);
    scorer_release(fake);
    lab_remove(&lab);
}

/* Between the check of the next model and its taking over, an experiment must fit both. */
static void an_experiment_fits_the_next_model_too(void **state)
{
    (void)state;
    struct lab lab = {0};
    struct fake_model lacking = {.hash = HASH_B, .heads = {"click", "hide"}};
    lab_start(&lab, START);
    lab.service.next = fake_scorer(&lacking);
    lab_refuses(&lab, "PUT", "/v1/experiments/feed", LAB_EXPERIMENT, 422, "\"save\", which the model lacks");
    scorer_release(lab.service.next);
    lab.service.next = NULL;
    json_free(lab_json(&lab, "PUT", "/v1/experiments/feed", LAB_EXPERIMENT, 201));
    lab_remove(&lab);
}

/* A request that is being scored while another model takes over, and its round gives way to the next. */
static struct {
    struct lab lab;
    struct fake_model slow, b;
} flight;

static enum status next_round(struct store *store, void *context, struct err *err)
{
    struct json *body = NULL;
    struct round_info info;
    (void)context;
    TRY(store_round_stop(store, "feed", 1, "", &info, err));
    TRY(store_set_clock(store, START + 500, err));
    TRY(json_parse(LAB_ROUND, strlen(LAB_ROUND), NULL, &body, err));
    struct json_at root = json_root(body);
    enum status s = store_round_put(store, "feed", 2, &root, &info, err);
    json_free(body);
    return s;
}

static void take_over(void)
{
    struct err err = ERR_INIT;
    flight.slow.scoring = NULL;
    swap(&flight.lab, &flight.b);
    assert_ok(store_run(flight.lab.store, next_round, NULL, &err), &err);
    assert_int_equal(atomic_load(&flight.slow.n_closed), 0);
}

static void a_request_ends_with_the_model_it_began_with(void **state)
{
    (void)state;
    flight.slow = (struct fake_model){.hash = FAKE_MODEL.hash, .heads = {"click", "save", "hide"}, .shift = 5};
    flight.b = model_b();
    flight.lab = (struct lab){.model = &flight.slow};
    open_lab(&flight.lab);
    flight.slow.scoring = take_over;
    struct json *answer = lab_rank(&flight.lab, "u1", "");
    ranked_by(answer, "u1", &flight.slow, 0);
    assert_close(answer_number(answer, "round"), 2, 0);
    json_free(answer);
    assert_int_equal(atomic_load(&flight.slow.n_closed), 1);
    answer = lab_rank(&flight.lab, "u1", "");
    ranked_by(answer, "u1", &flight.b, 3);
    json_free(answer);
    /* The second round was opened under b, and has an exposure by the model before it. */
    assert_models(&flight.lab, ROUND_1, "03@1000000 b0@1000000");
    assert_models(&flight.lab, ROUND_2, "b0@1000500 03@1000500");
    lab_remove(&flight.lab);
}

static void a_restart_with_another_model_is_noted(void **state)
{
    (void)state;
    struct lab lab = {0};
    struct fake_model b = model_b();
    struct buf frozen = BUF_INIT, again = BUF_INIT;
    open_lab(&lab);
    for (int i = 0; i < 2; i++) { /* once, however often it starts */
        lab_stop(&lab);
        lab.model = &b;
        lab_start(&lab, START + 300 + i);
        assert_models(&lab, ROUND_1, "03@1000000 b0@1000300");
    }
    json_free(lab_json(&lab, "POST", "/v1/experiments/feed/rounds/1/stop", NULL, 200));
    swap(&lab, &FAKE_MODEL); /* settling rounds are not served */
    json_free(lab_json(&lab, "PUT", "/v1/clock", "{\"now_ms\":1001000}", 200));
    assert_models(&lab, ROUND_1, "03@1000000 b0@1000300");
    assert_int_equal(lab_call(&lab, "GET", "/v1/experiments/feed/rounds/1/results", NULL, &frozen), 200);
    swap(&lab, &b);
    assert_int_equal(lab_call(&lab, "GET", "/v1/experiments/feed/rounds/1/results", NULL, &again), 200);
    assert_string_equal(buf_string(&again), buf_string(&frozen));
    json_free(lab_json(&lab, "PUT", ROUND_2, LAB_ROUND, 201));
    assert_models(&lab, ROUND_2, "b0@1001000");
    buf_done(&frozen);
    buf_done(&again);
    lab_remove(&lab);
}

static void a_database_of_version_3_goes_on(void **state)
{
    (void)state;
    struct lab lab = {.folder = "/tmp/trimtab_version_3_XXXXXX"};
    struct buf sql = BUF_INIT;
    struct db *db = NULL;
    struct err err = ERR_INIT;
    char path[100];
    assert_non_null(mkdtemp(lab.folder));
    snprintf(path, sizeof path, "%s/experiments.db", lab.folder);
    assert_ok(db_open(path, SCHEMA_STEPS, 3, &db, &err), &err);
    buf_printf(&sql, "INSERT INTO experiments VALUES(1, 'feed', '%s', 1, 2);", LAB_EXPERIMENT);
    buf_text(&sql, "INSERT INTO defaults VALUES(1, 1, '{\"click\":1}', '', 1, 0);");
    buf_printf(&sql, "INSERT INTO rounds VALUES(1, 1, 1, '%s', 0, 0, 999000, 0, 0, NULL, '%s', 0, 0, 0);", LAB_ROUND,
               HASH_B);
    assert_ok(db_exec(db, buf_string(&sql), &err), &err);
    db_close(db);
    buf_done(&sql);
    lab_start(&lab, START);
    assert_models(&lab, ROUND_1, "b0@999000 03@1000000");
    lab_remove(&lab);
}

static void a_head_that_no_model_has_is_no_zero(void **state)
{
    (void)state;
    struct fake_model lacking = {.hash = HASH_B, .heads = {"click"}};
    struct scorer *scorer = fake_scorer(&lacking);
    struct view view = {.name = "feed", .n_heads = 2, .heads = {"click", "save"}};
    const char *item = "i1";
    struct rank_request in = {.user = "u1", .n = 1, .k = 1, .items = &item};
    struct rank_scores scores = {0};
    struct buf reply = BUF_INIT;
    struct err err = ERR_INIT;
    size_t n = 0;
    assert_ok(rank_score(&in, scorer, &scores, &err), &err);
    assert_refused(rank_write_reply(&in, &scores, scorer, &view, ARM_NONE, "r1", &reply, &n, &err), STATUS_UNAVAILABLE,
                   &err, "head save of experiment feed is not in the model that serves now");
    rank_scores_done(&scores);
    scorer_release(scorer);
    buf_done(&reply);
}

/* Clients that rank without a pause. */
struct ranking {
    pthread_t thread;
    int port;
    atomic_bool *over;
    struct fake_model *models;
    long long n, failed;
};

static void *rank_on(void *context)
{
    struct ranking *r = context;
    char url[64], body[200], unit[32];
    struct lab lab = {0};
    struct err err = ERR_INIT;
    snprintf(url, sizeof url, "http://127.0.0.1:%d", r->port);
    if (httpc_new(&(struct httpc_options){.base_url = url}, &lab.client, &err) != STATUS_OK)
        return NULL;
    for (; !atomic_load(r->over); r->n++) {
        struct json *answer = NULL;
        const int length = snprintf(unit, sizeof unit, "u%d-%lld", r->port % 7, r->n % 15);
        assert_true(length > 0);
        snprintf(body, sizeof body, "{\"experiment\":\"feed\",\"unit\":\"%s\",\"candidates\":[\"i1\",\"i2\"],\"k\":2}",
                 unit);
        if (httpc_json(lab.client, "POST", "/v1/rank", body, strlen(body), &answer, &err) != STATUS_OK) {
            r->failed++;
            continue;
        }
        const double p = answer_number(answer, "items.0.p.click");
        const char *item = answer_text(answer, "items.0.id");
        const double a = (double)fake_p(r->models[0].shift, unit, item, 0),
                     b = (double)fake_p(r->models[1].shift, unit, item, 3);
        r->failed += !(p > a - 1e-6 && p < a + 1e-6) && !(p > b - 1e-6 && p < b + 1e-6);
        json_free(answer);
    }
    httpc_free(lab.client);
    return NULL;
}

static void nobody_is_refused_while_models_change(void **state)
{
    (void)state;
    struct fake_model models[2] = {{.hash = FAKE_MODEL.hash, .heads = {"click", "save", "hide"}}, model_b()};
    struct lab lab = {.model = &models[0]};
    struct ranking ranking[THREADS];
    atomic_bool over = false;
    open_lab(&lab);
    for (size_t i = 0; i < THREADS; i++) {
        ranking[i] = (struct ranking){.port = httpd_port(lab.httpd), .over = &over, .models = models};
        assert_int_equal(pthread_create(&ranking[i].thread, NULL, rank_on, &ranking[i]), 0);
    }
    for (int i = 1; i <= SWAPS; i++) {
        swap(&lab, &models[i % 2]);
        clock_sleep_ms(5);
    }
    atomic_store(&over, true);
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(ranking[i].thread, NULL);
        assert_true(ranking[i].n > 0);
        assert_int_equal(ranking[i].failed, 0);
    }
    lab_remove(&lab);
    assert_int_equal(atomic_load(&models[0].n_closed) + atomic_load(&models[1].n_closed), SWAPS + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_next_request_has_the_new_model),
        cmocka_unit_test(a_model_without_a_head_is_refused),
        cmocka_unit_test(an_experiment_fits_the_next_model_too),
        cmocka_unit_test(a_request_ends_with_the_model_it_began_with),
        cmocka_unit_test(a_restart_with_another_model_is_noted),
        cmocka_unit_test(a_database_of_version_3_goes_on),
        cmocka_unit_test(a_head_that_no_model_has_is_no_zero),
        cmocka_unit_test(nobody_is_refused_while_models_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
