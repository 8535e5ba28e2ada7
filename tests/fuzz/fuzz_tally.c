/* Bytes become exposures and events; what the tally keeps incrementally must equal what its per-unit totals say. */
#include <stdlib.h>
#include <string.h>

#include "experiments/core/tally.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ARMS = 2, UNITS = 8, STEP = 6 };

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void make_layout(struct layout *ret)
{
    static struct experiment_plan plan = {
        .n_metrics = 3,
        .metrics = {{.event = "a", .aggregate = AGGREGATE_SUM, .attribution_ms = 100, .cap = 50000000},
                    {.event = "a", .aggregate = AGGREGATE_ANY, .attribution_ms = 50, .cap = MOMENTS_LIMIT},
                    {.event = "b", .attribution_ms = 100, .cap = MOMENTS_LIMIT, .denominator = PER_REQUEST}}};
    layout_make(&plan, ret);
}

/* Six bytes: unit, what, value (two), age, items. */
static void play(struct tally *t, const uint8_t *step)
{
    static const char *const TYPES[] = {"a", "b", "c"};
    uint32_t unit = step[0] % UNITS;
    enum event_outcome outcome;
    int64_t value = ((int64_t)step[2] * 256 + step[3] - 32768) * 100000;
    if (step[1] % 4 == 3 || !t->counted[unit]) {
        tally_expose(t, unit, step[4], step[5]);
        return;
    }
    if (step[5] == 255) /* the largest totals */
        value = value < 0 ? -INT64_C(1000000000000) : INT64_C(1000000000000);
    must(tally_event(t, unit, TYPES[step[1] % 4], value, step[4], step[4], &outcome, NULL) == STATUS_OK);
    must((outcome == EVENT_UNUSED) == (step[1] % 4 == 2));
}

static int64_t value_of(const struct tally *t, uint32_t unit, size_t column)
{
    return column_value(&t->layout.columns[column], t->total[unit * t->layout.n_columns + column]);
}

static void check_arm(const struct tally *t, size_t arm)
{
    const struct moments *m = &t->arms[arm].moments;
    int64_t n = 0;
    for (uint32_t u = 0; u < UNITS; u++)
        n += t->arm[u] == arm && t->counted[u];
    must(m->n == n);
    for (size_t j = 0; j < m->n_columns; j++) {
        for (size_t k = 0; k <= j; k++) {
            int128 sum = 0, cross = 0;
            for (uint32_t u = 0; u < UNITS; u++) {
                if (t->arm[u] != arm)
                    continue;
                sum += value_of(t, u, j);
                cross += (int128)value_of(t, u, j) * value_of(t, u, k);
            }
            must(m->sum[j] == sum && m->cross[j * (j + 1) / 2 + k] == cross);
        }
        must(n < 2 || moments_sample_cov(m, j, j) >= 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct layout layout;
    struct tally t;
    make_layout(&layout);
    if (tally_init(&t, &layout, ARMS, NULL) != STATUS_OK)
        return 0;
    for (uint32_t u = 0; u < UNITS; u++) {
        uint32_t unit = 0;
        must(tally_add_unit(&t, u % 3 % ARMS, &unit, NULL) == STATUS_OK && unit == u);
    }
    for (size_t at = 0; at + STEP <= size; at += STEP)
        play(&t, data + at);
    for (size_t arm = 0; arm < ARMS; arm++)
        check_arm(&t, arm);
    tally_done(&t);
    return 0;
}
