/* Expected over observed by segment, against sums written down a second time. */
#include "tests/lib/check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ranker/segments.h"
#include "tests/lib/toy.h"

enum { ROWS = 600, HEADS = 2 };

struct fixture {
    struct dataset *dataset;
    uint32_t rows[ROWS], labels[ROWS];
    float p[ROWS * HEADS];
};

static void make(struct fixture *f)
{
    f->dataset = toy_dataset(ROWS, 3);
    for (size_t i = 0; i < ROWS; i++) {
        f->rows[i] = (uint32_t)(ROWS - 1 - i);
        f->labels[i] = f->dataset->row_labels[f->rows[i]];
        for (size_t h = 0; h < HEADS; h++)
            f->p[i * HEADS + h] = 0.05f + 0.9f * (float)(i * 7 % 13 + h) / 14.0f;
    }
}

static const struct segment *named(const struct segments *segments, const char *name)
{
    for (size_t i = 0; i < segments->n; i++) {
        const char *has = segments->list[i].name;
        if ((has == NULL) == (name == NULL) && (has == NULL || strcmp(has, name) == 0))
            return &segments->list[i];
    }
    fail_msg("no segment %s", name != NULL ? name : "(empty)");
    return NULL;
}

/* One head in the rows that a text of the users' column has. */
static void check_segment(const struct fixture *f, const struct segment *segment, const char *text, size_t head)
{
    double expected = 0.0, observed = 0.0, squares = 0.0;
    for (size_t pass = 0; pass < 2; pass++) {
        for (size_t u = 0; u < TOY_USERS; u++) {
            double e = 0.0, o = 0.0;
            char own[8];
            (void)snprintf(own, sizeof own, "s%zu", (size_t)atoi(dataset_user_id(f->dataset, u) + 1) % 3);
            for (size_t i = 0; i < ROWS && strcmp(own, text) == 0; i++) {
                if (f->dataset->row_users[f->rows[i]] == u) {
                    e += (double)f->p[i * HEADS + head];
                    o += (double)(f->labels[i] >> head & 1u);
                }
            }
            expected += pass == 0 ? e : 0.0;
            observed += pass == 0 ? o : 0.0;
            squares += pass == 0 ? 0.0 : pow(e - expected / observed * o, 2.0);
        }
    }
    assert_close((double)segment->heads[head].positives, observed, 0.0);
    assert_close(segment->heads[head].expected, expected, 1e-9);
    assert_close(segment->heads[head].ratio, expected / observed, 1e-9);
    assert_close(segment->heads[head].se, sqrt(squares) / observed, 1e-9);
}

static void test_users(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    struct fixture f;
    struct segments segments;
    make(&f);
    assert_ok(segments_make(f.dataset, "segment", f.rows, ROWS, HEADS, f.labels, f.p, &segments, &err), &err);
    assert_int_equal(segments.n, 3);
    assert_int_equal(segments.list[0].n + segments.list[1].n + segments.list[2].n, ROWS);
    assert_true(segments.list[0].n >= segments.list[1].n && segments.list[1].n >= segments.list[2].n);
    for (size_t h = 0; h < HEADS; h++) {
        check_segment(&f, named(&segments, "s0"), "s0", h);
        check_segment(&f, named(&segments, "s2"), "s2", h);
    }
    dataset_free(f.dataset);
}

static void test_context_and_items(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    struct fixture f;
    struct segments segments;
    size_t home = 0;
    make(&f);
    for (size_t i = 0; i < ROWS; i++)
        home += strcmp(dataset_context_text(f.dataset, i, 0), "home") == 0;
    assert_ok(segments_make(f.dataset, "tab", f.rows, ROWS, HEADS, f.labels, f.p, &segments, &err), &err);
    assert_int_equal(named(&segments, "home")->n, home);
    assert_ok(segments_make(f.dataset, "category", f.rows, ROWS, HEADS, f.labels, f.p, &segments, &err), &err);
    assert_int_equal(segments.n, 3);
    assert_refused(segments_make(f.dataset, "length", f.rows, ROWS, HEADS, f.labels, f.p, &segments, &err),
                   STATUS_INVALID, &err, "column length is numeric: a categorical one is expected");
    assert_refused(segments_make(f.dataset, "colour", f.rows, ROWS, HEADS, f.labels, f.p, &segments, &err),
                   STATUS_INVALID, &err, "no column colour");
    memset(f.labels, 0, sizeof f.labels);
    assert_ok(segments_make(f.dataset, "tab", f.rows, ROWS, HEADS, f.labels, f.p, &segments, &err), &err);
    assert_true(isnan(segments.list[0].heads[0].ratio) && isnan(segments.list[0].heads[0].se));
    dataset_free(f.dataset);
}

/* Value k occurs k + 1 times; empty cells are a segment of their own; the small ones are one. */
static void test_many_values(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    struct fixture f;
    struct segments segments;
    size_t row = 0;
    make(&f);
    uint32_t *codes = f.dataset->context.columns[0].codes;
    for (uint32_t k = 0; k < 33; k++) {
        char text[8];
        uint32_t code = 0;
        (void)snprintf(text, sizeof text, "v%u", k);
        assert_ok(intern_add(&f.dataset->texts, text, strlen(text), &code, &err), &err);
        for (uint32_t i = 0; i <= k; i++)
            codes[row++] = code;
    }
    const size_t empty = ROWS - row;
    while (row < ROWS)
        codes[row++] = INTERN_NONE;
    assert_ok(segments_make(f.dataset, "tab", f.rows, ROWS, HEADS, f.labels, f.p, &segments, &err), &err);
    assert_int_equal(segments.n, SEGMENTS_MAX);
    assert_int_equal(named(&segments, NULL)->n, empty);
    assert_int_equal(named(&segments, "v32")->n, 33);
    assert_int_equal(named(&segments, "v3")->n, 4);
    assert_string_equal(segments.list[SEGMENTS_MAX - 1].name, "(others)");
    assert_int_equal(segments.list[SEGMENTS_MAX - 1].n, 1 + 2 + 3);
    dataset_free(f.dataset);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_users),
        cmocka_unit_test(test_context_and_items),
        cmocka_unit_test(test_many_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
