/* The world file: every member is wronged in turn, and the line names it. */
#include "tests/lib/check.h"

#include <stdio.h>
#include <string.h>

#include "base/core/buf.h"
#include "base/core/file.h"
#include "base/core/mem.h"
#include "base/json/json_write.h"
#include "experiments/world/world_file.h"

static struct buf read_demo(void)
{
    struct err err = ERR_INIT;
    struct buf text = BUF_INIT;
    assert_ok(file_read("worlds/demo.json", 1 << 20, &text, &err), &err);
    return text;
}

enum wrong { WRONG_TYPE, WRONG_HUGE, WRONG_MISSING, WRONG_EXTRA };

/* Copies a document with its n-th value wronged. */
struct wronger {
    struct json_writer w;
    enum wrong wrong;
    size_t target, at;
    bool applied;
    bool is_number;
    char key[64]; /* of the target, or of the array that holds it */
};

static bool is_object(const struct json_at *at)
{
    return json_object(at, NULL) == STATUS_OK;
}

static bool is_array(const struct json_at *at)
{
    size_t n;
    return json_array(at, (size_t)-1, &n, NULL) == STATUS_OK;
}

static void copy(struct wronger *wronger, const struct json_at *at, const char *key);

static void copy_members(struct wronger *wronger, const struct json_at *at, bool extra)
{
    struct json_at item = {0};
    json_write_object(&wronger->w);
    while (json_next(at, &item)) {
        if (wronger->wrong == WRONG_MISSING && wronger->at == wronger->target) {
            wronger->applied = true;
            (void)snprintf(wronger->key, sizeof wronger->key, "%s", item.key);
            wronger->at++;
            continue;
        }
        json_write_key(&wronger->w, item.key);
        copy(wronger, &item, item.key);
    }
    if (extra) {
        json_write_key(&wronger->w, "surprise");
        json_write_int(&wronger->w, 1);
    }
    json_write_object_end(&wronger->w);
}

static void copy(struct wronger *wronger, const struct json_at *at, const char *key)
{
    double number;
    const bool here = wronger->at++ == wronger->target && wronger->wrong != WRONG_MISSING;
    if (here) {
        wronger->is_number = json_number(at, -1e300, 1e300, &number, NULL) == STATUS_OK;
        wronger->applied = wronger->wrong == WRONG_TYPE || (wronger->wrong == WRONG_HUGE && wronger->is_number) ||
                           (wronger->wrong == WRONG_EXTRA && is_object(at));
        (void)snprintf(wronger->key, sizeof wronger->key, "%s", key);
    }
    if (here && wronger->applied && wronger->wrong == WRONG_TYPE) {
        json_write_raw(&wronger->w, "[]"); /* wrong for every member; too few for every list */
    } else if (here && wronger->applied && wronger->wrong == WRONG_HUGE) {
        json_write_raw(&wronger->w, "123456789012345678");
    } else if (is_object(at)) {
        copy_members(wronger, at, here && wronger->applied);
    } else if (is_array(at)) {
        struct json_at item = {0};
        json_write_array(&wronger->w);
        while (json_next(at, &item))
            copy(wronger, &item, key);
        json_write_array_end(&wronger->w);
    } else {
        json_write_value(&wronger->w, at);
    }
}

/* Members that may be absent. */
static bool is_optional(const char *key)
{
    static const char *const optional[] = {"about", "taste",   "quality",  "bait",      "novelty",
                                           "skim",  "checker", "position", "satiation", "satisfaction",
                                           "after", "weekday", "effect",   "activity",  "fatigue",
                                           "click", "save",    "closeup",  "hide",      "long_click"};
    for (size_t i = 0; i < sizeof optional / sizeof *optional; i++) {
        if (strcmp(optional[i], key) == 0)
            return true;
    }
    return false;
}

static void check_wronged(const struct json_at *root, enum wrong wrong, size_t target, size_t *ret_applied)
{
    struct buf text = BUF_INIT;
    struct err err = ERR_INIT;
    struct world_params params;
    struct wronger wronger = {.wrong = wrong, .target = target};
    json_writer_init(&wronger.w, &text);
    copy(&wronger, root, "");
    if (wronger.applied) {
        const enum status s = world_params_decode(text.data, text.length, &params, &err);
        const bool may_miss = wrong == WRONG_MISSING && is_optional(wronger.key);
        if (s == STATUS_OK ? !may_miss : strstr(err.text, wrong == WRONG_EXTRA ? "surprise" : wronger.key) == NULL) {
            print_error("wrong %d of value %zu (%s): \"%s\"\n", (int)wrong, target, wronger.key, err.text);
            fail();
        }
        ++*ret_applied;
    }
    buf_done(&text);
}

static void test_every_member_wronged(void **state)
{
    (void)state;
    struct buf text = read_demo();
    struct json *json = NULL;
    assert_ok(json_parse(text.data, text.length, NULL, &json, NULL), NULL);
    const struct json_at root = json_root(json);
    struct buf same = BUF_INIT;
    struct wronger all = {.target = (size_t)-1};
    json_writer_init(&all.w, &same);
    copy(&all, &root, "");
    assert_true(all.at > 130);
    size_t applied[4] = {0};
    for (size_t i = 0; i < all.at; i++) {
        for (int wrong = WRONG_TYPE; wrong <= WRONG_EXTRA; wrong++)
            check_wronged(&root, (enum wrong)wrong, i, &applied[wrong]);
    }
    assert_int_equal(applied[WRONG_TYPE], all.at);
    assert_true(applied[WRONG_HUGE] > 100 && applied[WRONG_MISSING] > 100 && applied[WRONG_EXTRA] > 20);
    buf_done(&same);
    json_free(json);
    buf_done(&text);
}

/* The demo with `from` replaced by `to`. */
static void check_edit(const char *from, const char *to, const char *line)
{
    struct buf text = read_demo(), edited = BUF_INIT;
    struct err err = ERR_INIT;
    struct world_params params;
    const char *at = strstr(text.data, from);
    assert_non_null(at);
    buf_add(&edited, text.data, (size_t)(at - text.data));
    buf_text(&edited, to);
    buf_text(&edited, at + strlen(from));
    assert_refused(world_params_decode(edited.data, edited.length, &params, &err), STATUS_INVALID, &err, line);
    buf_done(&edited);
    buf_done(&text);
}

static void test_edits(void **state)
{
    (void)state;
    check_edit("\"name\": \"demo\"", "\"name\": \"de mo\"", "name is \"de mo\"");
    check_edit("\"start\": 20260302", "\"start\": 20260231", "start is 20260231: it must be a date");
    check_edit("\"show\": 6", "\"show\": 21", "request.show is 21: allowed are 1 to request.candidates (20)");
    check_edit("\"count\": 2000", "\"count\": 49", "items.count is 49");
    check_edit("\"count\": 2000, \"categories\": 16", "\"count\": 60, \"categories\": 64", "items.categories is 64");
    check_edit("\"candidates\": 20,", "\"candidates\": 201,", "request.candidates is 201");
    check_edit("\"after\": \"click\"", "\"after\": \"hide\"", "heads[1].after is \"hide\"");
    check_edit("\"name\": \"save\"", "\"name\": \"click\"", "repeats the name \"click\"");
    check_edit("\"weekday\": [0, ", "\"weekday\": [", "weekday has 6 numbers");
    check_edit("\"share\": 0.40", "\"share\": 0.41", "shares of segments sum to 1.01");
    check_edit("\"share\": 0.55", "\"share\": 0.5", "shares of tabs sum to 0.95");
    check_edit("\"effect\": {\"save\"", "\"effect\": {\"safe\"", "segments[1].effect.safe names no head");
    check_edit("\"version\": 1", "\"version\": 2", "version");
    check_edit("\"seed\": 20260302,", "\"seed\": 20260302,\"shifts\":[{\"day\":3},{\"day\":3}],", "the days must rise");
    check_edit("\"max\": 10}", "\"max\": 10.5}", "session.max");
    check_edit("\"base\": 0.38", "\"base\": 0", "heads[0].base is 0");
}

static void test_cut_short(void **state)
{
    (void)state;
    struct buf text = read_demo();
    struct world_params params;
    const size_t end = strlen(text.data) - 2; /* the last brace */
    for (size_t n = 0; n <= end; n += 7)
        assert_int_equal(world_params_decode(text.data, n, &params, NULL), STATUS_INVALID);
    buf_done(&text);
}

static void test_values_arrive(void **state)
{
    (void)state;
    struct buf text = read_demo();
    struct err err = ERR_INIT;
    struct world_params p;
    assert_ok(world_params_decode(text.data, text.length, &p, &err), &err);
    assert_string_equal(p.name, "demo");
    assert_int_equal(p.n_heads, 5);
    assert_int_equal(p.heads[0].after, -1);
    assert_int_equal(p.heads[1].after, 0);
    assert_string_equal(p.heads[4].name, "hide");
    assert_close(p.heads[4].satisfaction, -6.0, 0.0);
    assert_close(p.heads[1].weekday[5], 0.2, 0.0);
    assert_close(p.segments[3].effect[4], 0.6, 0.0);
    assert_close(p.tabs[2].effect[0], -1.5, 0.0);
    assert_int_equal(p.show, 6);
    assert_close(p.same_day.satisfaction, 8.0, 0.0);
    buf_done(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_arrive),
        cmocka_unit_test(test_every_member_wronged),
        cmocka_unit_test(test_edits),
        cmocka_unit_test(test_cut_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
