/* Logged users: cutting slates, splitting users, what is played in which round, and the verdict. */
#include "tests/lib/check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/traffic_server.h"

#include "base/core/buf.h"
#include "base/core/file.h"
#include "base/core/mem.h"
#include "base/core/rng.h"
#include "base/httpc/httpc.h"
#include "experiments/traffic/log_player.h"
#include "experiments/traffic/verdict.h"

enum { N_USERS = 60, N_ITEMS = 40, N_HEADS = 3 };

static void write_text(const char *folder, const char *name, const struct buf *text)
{
    struct err err = ERR_INIT;
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_ok(file_write_atomic(path, text->data, text->length, 0600, &err), &err);
}

/* One exposure of the log.  Items 0 .. 39 by turns, so that a slate's five are distinct; head "click" is likelier for
 * low numbers, "like" for high ones. */
static void write_row(struct buf *log, struct rng *rng, int user, int day, const char *tab, int n)
{
    const int item = (user * 7 + n * 11) % N_ITEMS;
    const int click = rng_uniform(rng) < 0.8 - 0.015 * item, like = rng_uniform(rng) < 0.1 + 0.01 * item;
    buf_printf(log, "u%d,i%d,%lld,%d,%d,%d,0,%s,%d\n", user, item, 1000000LL + day * 100000LL + n * 100LL + user,
               20220500 + day, click, like, tab, day);
}

static struct dataset *make_log(void)
{
    static const char schema[] =
        "{\"version\":1,\"log\":{\"file\":\"log.csv\",\"user\":\"user\",\"item\":\"item\",\"time_ms\":\"time\","
        "\"day\":\"day\",\"heads\":[{\"name\":\"click\",\"column\":\"click\"},{\"name\":\"like\",\"column\":\"like\"},"
        "{\"name\":\"hate\",\"column\":\"hate\"}],\"context\":[{\"name\":\"tab\",\"column\":\"tab\",\"kind\":"
        "\"categorical\"},{\"name\":\"hour\",\"column\":\"hour\",\"kind\":\"numeric\"}]},\"users\":{\"file\":"
        "\"users.csv\",\"id\":\"user\",\"columns\":[]},\"items\":{\"file\":\"items.csv\",\"id\":\"item\",\"columns\":"
        "[{\"name\":\"length\",\"kind\":\"numeric\"}]}}";
    struct buf log = BUF_INIT, users = BUF_INIT, items = BUF_INIT, text = BUF_INIT;
    struct err err = ERR_INIT;
    struct rng rng;
    rng_init(&rng, 11, 0, 0);
    buf_text(&log, "user,item,time,day,click,like,hate,tab,hour\n");
    buf_text(&users, "user\n");
    buf_text(&items, "item,length\n");
    buf_text(&text, schema);
    for (int u = 0; u < N_USERS; u++) {
        buf_printf(&users, "u%d\n", u);
        for (int n = 0; n < 12; n++) /* two slates and two left over */
            write_row(&log, &rng, u, 1, "1", n);
        for (int n = 0; n < 4; n++) /* too few */
            write_row(&log, &rng, u, 1, "0", 50 + n);
        for (int n = 0; n < 5 + u % 2 * 5; n++) /* one slate, or two */
            write_row(&log, &rng, u, 2, "0", n);
    }
    for (int i = 0; i < N_ITEMS; i++)
        buf_printf(&items, "i%d,%d\n", i, i);
    char folder[] = "/tmp/trimtab-log-test-XXXXXX";
    assert_non_null(mkdtemp(folder));
    write_text(folder, "log.csv", &log);
    write_text(folder, "users.csv", &users);
    write_text(folder, "items.csv", &items);
    write_text(folder, "schema.json", &text);
    struct dataset *dataset = NULL;
    assert_ok(dataset_import_generic(folder, &dataset, &err), &err);
    static const char *const names[] = {"log.csv", "users.csv", "items.csv", "schema.json"};
    for (size_t i = 0; i < 4; i++) {
        char path[128];
        (void)snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        assert_int_equal(remove(path), 0);
    }
    assert_int_equal(remove(folder), 0);
    buf_done(&log);
    buf_done(&users);
    buf_done(&items);
    buf_done(&text);
    return dataset;
}

static void test_slates(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    struct dataset *dataset = make_log();
    struct slates slates;
    assert_ok(slates_init(&slates, dataset, 20220501, 20220502, &err), &err);
    assert_int_equal(slates.n_slates, 2 * N_USERS + N_USERS / 2 + N_USERS / 2 * 2);
    assert_int_equal(slates.n_tuning + slates.n_confirmation, N_USERS);
    for (size_t i = 0; i < slates.n_slates; i++) {
        const struct slate *slate = &slates.slates[i];
        const char *tab = dataset_context_text(dataset, slate->rows[0], 0);
        for (size_t j = 1; j < SLATE_SIZE; j++) {
            assert_true(slate->rows[j] > slate->rows[j - 1]);
            assert_int_equal(dataset_row(dataset, slate->rows[j]).user, slate->user);
            assert_int_equal(dataset_row(dataset, slate->rows[j]).day, dataset_row(dataset, slate->rows[0]).day);
            assert_string_equal(dataset_context_text(dataset, slate->rows[j], 0), tab);
        }
    }
    for (size_t i = 0; i < slates.n_confirmation; i++)
        assert_false(slates_is_tuning(dataset_user_id(dataset, slates.confirmation[i].user)));
    slates_done(&slates);
    assert_refused(slates_init(&slates, dataset, 20220601, 20220602, &err), STATUS_INVALID, &err, "0 exposures");
    dataset_free(dataset);
}

static void test_split_is_sixty_forty(void **state)
{
    (void)state;
    int tuning = 0;
    for (int i = 0; i < 20000; i++) {
        char id[16];
        (void)snprintf(id, sizeof id, "%d", i);
        tuning += slates_is_tuning(id);
    }
    assert_close(tuning / 20000.0, 0.6, 0.015); /* 4 standard errors */
}

static struct log_play_counts play(struct traffic_server *server, const struct slates *slates, size_t n_threads)
{
    struct err err = ERR_INIT;
    char url[64];
    struct player player;
    struct log_play_counts counts;
    traffic_server_start(server);
    traffic_server_url(server, url);
    const struct player_options options = {
        .client = {.base_url = url, .experiment = "feed", .give_up_ms = 60000, .seed = 3},
        .n_threads = n_threads,
        .until_idle = true,
        .idle_s = 0.2,
        .quiet = true};
    assert_ok(player_init(&player, &options, &err), &err);
    assert_ok(log_play(&player, slates, 5, &counts, &err), &err);
    player_done(&player);
    traffic_server_stop(server);
    return counts;
}

/* The server shows the last two of a slate: the labels that must come as events. */
static int64_t labels_of(const struct slates *slates, const struct slate_user *user)
{
    int64_t n = 0;
    for (size_t i = user->first; i < user->first + user->n; i++) {
        for (size_t j = SLATE_SIZE - SLATE_SHOWN; j < SLATE_SIZE; j++)
            n += __builtin_popcount(dataset_row(slates->dataset, slates->slates[i].rows[j]).labels);
    }
    return n;
}

static void test_confirm_round_plays_every_user_once(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    struct dataset *dataset = make_log();
    struct slates slates;
    assert_ok(slates_init(&slates, dataset, 20220501, 20220502, &err), &err);
    int64_t requests = 0, events = 0;
    uint64_t hash = 0;
    for (size_t i = 0; i < slates.n_confirmation; i++) {
        const uint64_t id = rng_hash_text(dataset_user_id(dataset, slates.confirmation[i].user));
        requests += (int64_t)slates.confirmation[i].n;
        events += labels_of(&slates, &slates.confirmation[i]);
        hash += slates.confirmation[i].n * rng_mix(id ^ rng_mix(id));
    }
    struct traffic_server server = {.purpose = "confirm", .now_ms = 1000, .close_at_ms = 900000, .end_ms = 900000};
    const struct log_play_counts counts = play(&server, &slates, 4);
    assert_int_equal(counts.confirmed, slates.n_confirmation);
    assert_int_equal(counts.resampled, 0);
    assert_int_equal(server.ranks, requests);
    assert_int_equal(server.events, events);
    assert_int_equal(server.unit_hash, hash);
    assert_true(server.now_ms >= server.end_ms);
    assert_int_equal(server.ranks_outside, 0);
    slates_done(&slates);
    dataset_free(dataset);
}

static void test_explore_round_resamples(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    struct dataset *dataset = make_log();
    struct slates slates;
    assert_ok(slates_init(&slates, dataset, 20220501, 20220502, &err), &err);
    struct traffic_server one = {.now_ms = 1000, .close_at_ms = 1500000}, many = one;
    const struct log_play_counts a = play(&one, &slates, 1), b = play(&many, &slates, 5);
    assert_int_equal(a.resampled, 512); /* two batches of a quarter of an hour */
    assert_int_equal(a.confirmed, 0);
    assert_int_equal(one.ranks, a.requests);
    assert_int_equal(one.events, a.events);
    assert_memory_equal(&a, &b, sizeof a);
    assert_int_equal(one.unit_hash, many.unit_hash);
    assert_int_equal(one.event_hash, many.event_hash);
    slates_done(&slates);
    dataset_free(dataset);
}

/* Probabilities that know the truth of make_log(): by click low item numbers win, by like high ones. */
static float *true_p(const struct slates *slates)
{
    size_t n = 0;
    float *p = mem_alloc(slates->n_slates * SLATE_SIZE * N_HEADS, sizeof *p);
    assert_non_null(p);
    for (size_t u = 0; u < slates->n_confirmation; u++) {
        for (size_t i = 0; i < slates->confirmation[u].n; i++) {
            const char *items[SLATE_SIZE];
            slates_items(slates, &slates->slates[slates->confirmation[u].first + i], items);
            for (size_t j = 0; j < SLATE_SIZE; j++, n += N_HEADS) {
                const float item = strtof(items[j] + 1, NULL);
                p[n] = 0.8f - 0.015f * item;
                p[n + 1] = 0.1f + 0.01f * item;
                p[n + 2] = 0.01f;
            }
        }
    }
    return p;
}

static void test_verdict(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    struct dataset *dataset = make_log();
    struct slates slates;
    assert_ok(slates_init(&slates, dataset, 20220501, 20220502, &err), &err);
    float *p = true_p(&slates);
    const struct verdict_question question = {.weights = {{1.0}, {0.0, 1.0}, {2.0}}, .values = {0.75, 0.25}};
    static struct verdict v, again; /* big for a stack */
    assert_ok(verdict_compute(&slates, p, &question, 400, 9, &v, &err), &err);
    assert_ok(verdict_compute(&slates, p, &question, 400, 9, &again, &err), &err);
    assert_memory_equal(&v.total, &again.total, sizeof v.total);
    assert_int_equal(v.n_users, slates.n_confirmation);
    /* The formula of the header from the sums it reports. */
    const double click = v.events[VERDICT_CANDIDATE][0] / v.events[VERDICT_CONTROL][0] - 1.0;
    const double like = v.events[VERDICT_CANDIDATE][1] / v.events[VERDICT_CONTROL][1] - 1.0;
    assert_true(click > 0.1 && like < -0.1);
    assert_close(v.total[VERDICT_VS_CONTROL].lift, 0.75 * click + 0.25 * like, 1e-12);
    assert_close(v.volume[VERDICT_VS_CONTROL][0].lift, click, 1e-12);
    assert_close(v.total[VERDICT_VS_CONTROL].detectable / v.total[VERDICT_VS_CONTROL].se, 2.801585, 1e-6);
    assert_true(v.total[VERDICT_VS_CONTROL].lo < v.total[VERDICT_VS_CONTROL].lift);
    assert_true(v.total[VERDICT_VS_CONTROL].hi > v.total[VERDICT_VS_CONTROL].lift);
    /* w and 2 w are the same order: a paired comparison must see no difference at all. */
    assert_close(v.total[VERDICT_VS_EQUAL].lift, 0.0, 0.0);
    assert_close(v.total[VERDICT_VS_EQUAL].se, 0.0, 0.0);
    assert_true(isnan(v.volume[VERDICT_VS_CONTROL][2].se)); /* nobody hates */
    struct buf text = BUF_INIT;
    verdict_write_json(&v, &question, dataset, &text);
    struct json *json = NULL;
    assert_ok(json_parse(text.data, text.length, NULL, &json, &err), &err);
    json_free(json);
    buf_clear(&text);
    verdict_write_text(&v, &question, dataset, &text);
    assert_non_null(strstr(text.data, "candidate/control"));
    buf_done(&text);
    mem_free(p);
    slates_done(&slates);
    dataset_free(dataset);
}

/* The clustered standard error, against the delta method: with one head,
 * Var(A/C) ~ sum_u (a_u - r c_u)^2 / C^2. */
static void test_bootstrap_error_matches_delta_method(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    struct dataset *dataset = make_log();
    struct slates slates;
    assert_ok(slates_init(&slates, dataset, 20220501, 20220502, &err), &err);
    float *p = true_p(&slates);
    const struct verdict_question question = {.weights = {{1.0}, {0.0, 1.0}, {1.0}}, .values = {1.0}};
    static struct verdict v;
    assert_ok(verdict_compute(&slates, p, &question, 2000, 4, &v, &err), &err);
    const double r = v.total[VERDICT_VS_CONTROL].lift + 1.0;
    double squares = 0.0;
    size_t at = 0;
    for (size_t u = 0; u < slates.n_confirmation; u++) {
        double residual = 0.0;
        for (size_t i = 0; i < slates.confirmation[u].n; i++, at += SLATE_SIZE * N_HEADS) {
            const struct slate *slate = &slates.slates[slates.confirmation[u].first + i];
            for (size_t j = 0; j < SLATE_SIZE; j++) {
                size_t better = 0, worse = 0; /* by click; the order by like is the reverse */
                for (size_t k = 0; k < SLATE_SIZE; k++) {
                    better += p[at + k * N_HEADS] > p[at + j * N_HEADS];
                    worse += p[at + k * N_HEADS] < p[at + j * N_HEADS];
                }
                const double click = dataset_row(dataset, slate->rows[j]).labels & 1U;
                residual += (better < SLATE_SHOWN ? click : 0.0) - (worse < SLATE_SHOWN ? r * click : 0.0);
            }
        }
        squares += residual * residual;
    }
    const double delta = sqrt(squares) / v.events[VERDICT_CONTROL][0];
    assert_close(v.total[VERDICT_VS_CONTROL].se / delta, 1.0, 0.1);
    mem_free(p);
    slates_done(&slates);
    dataset_free(dataset);
}

static const char *const HEADS[N_HEADS] = {"click", "like", "hate"};

static void check_question(const char *text, enum status want, const char *line)
{
    struct err err = ERR_INIT;
    struct verdict_question question;
    assert_refused(verdict_question_decode(text, strlen(text), HEADS, N_HEADS, &question, &err), want, &err, line);
}

static void test_question(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    struct verdict_question question;
    static const char good[] = "{\"candidate\":{\"click\":1,\"hate\":-2.5},\"control\":{\"like\":3},\"equal\":"
                               "{\"click\":1,\"like\":1},\"values\":{\"click\":0.7}}";
    assert_ok(verdict_question_decode(good, sizeof good - 1, HEADS, N_HEADS, &question, &err), &err);
    assert_close(question.weights[VERDICT_CANDIDATE][2], -2.5, 0.0);
    assert_close(question.weights[VERDICT_CONTROL][1], 3.0, 0.0);
    assert_close(question.values[0], 0.7, 0.0);
    check_question("{\"candidate\":{\"clik\":1}}", STATUS_UNPROCESSABLE, "candidate.clik names no known head");
    check_question("{\"candidate\":{\"click\":0}}", STATUS_INVALID, "candidate is 0 for every head");
    check_question("{\"candidate\":{\"click\":\"1\"}}", STATUS_INVALID, "candidate.click");
    check_question("{\"candidate\":{\"click\":1}}", STATUS_INVALID, "control");
    check_question("{\"winner\":{\"click\":1}}", STATUS_INVALID, "winner");
}

static int init(void **state)
{
    (void)state;
    return httpc_init(NULL) == STATUS_OK ? 0 : 1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slates),
        cmocka_unit_test(test_split_is_sixty_forty),
        cmocka_unit_test(test_confirm_round_plays_every_user_once),
        cmocka_unit_test(test_explore_round_resamples),
        cmocka_unit_test(test_verdict),
        cmocka_unit_test(test_bootstrap_error_matches_delta_method),
        cmocka_unit_test(test_question),
    };
    return cmocka_run_group_tests(tests, init, NULL);
}
