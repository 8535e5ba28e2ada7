/* What a round has measured: bounds and guardrails of arms whose every unit is known. */
#include "experiments/core/measures.h"

#include <math.h>
#include <stdio.h>

#include "base/core/mem.h"
#include "tests/lib/check.h"

enum { ARMS = 3, CLICK, HIDE, M = 2 };

/* One unit in click_every clicks once, one in hide_every hides. */
struct arm {
    uint32_t units, click_every, hide_every;
};

static void set_metric(struct metric *m, const char *event, enum metric_guardrail guardrail, double margin, bool up)
{
    *m = (struct metric){.cap = MOMENTS_LIMIT, .guardrail = guardrail, .margin = margin, .up = up};
    snprintf(m->event, sizeof m->event, "%s", event);
}

/* The click may lose 2 % of its mean, the hide may rise by .01 a unit. */
static const struct experiment_plan *plan(void)
{
    static struct experiment_plan p;
    p.n_metrics = M;
    set_metric(&p.metrics[0], "click", GUARDRAIL_RELATIVE, 0.02, true);
    set_metric(&p.metrics[1], "hide", GUARDRAIL_ABSOLUTE, 0.01, false);
    return &p;
}

static void play(struct tally *t, uint32_t unit, const char *type)
{
    struct err err = ERR_INIT;
    enum event_outcome outcome;
    assert_ok(tally_event(t, unit, type, MOMENTS_SCALE, 0, 1, &outcome, &err), &err);
}

static void make_tally(struct tally *t, const struct arm *arms)
{
    struct layout layout;
    struct err err = ERR_INIT;
    layout_make(plan(), &layout);
    assert_ok(tally_init(t, &layout, ARMS, &err), &err);
    for (size_t a = 0; a < ARMS; a++) {
        for (uint32_t u = 0, unit; u < arms[a].units; u++) {
            assert_ok(tally_add_unit(t, a, &unit, &err), &err);
            tally_expose(t, unit, 1, 1);
            if (u % arms[a].click_every == 0)
                play(t, unit, "click");
            if (u % arms[a].hide_every == 0)
                play(t, unit, "hide");
        }
    }
}

static struct measures measure(const struct arm *arms, bool final)
{
    struct tally t;
    struct measures x;
    struct err err = ERR_INIT;
    make_tally(&t, arms);
    assert_ok(measures_make(plan(), &t, final, &x, &err), &err);
    tally_done(&t);
    return x;
}

static const struct arm ARMS_OF_4000[ARMS] = {{4000, 4, 50}, {4000, 2, 50}, {4000, 5, 32}};

/* Shares: click 1/4, 1/2, 1/5; hide 1/50, 1/50, 1/32.  The variance of a share p of n units is p (1 - p) / (n - 1). */
static void effects_and_bounds_by_hand(void **state)
{
    (void)state;
    struct measures x = measure(ARMS_OF_4000, false);
    double v_click = 0.25 * 0.75 / 3999, v_click_1 = 0.25 / 3999, v_hide = 0.02 * 0.98 / 3999;
    double se = sqrt(v_click_1 / 0.0625 + 4 * v_click / 0.0625), reach = confseq_factor(8000, 0.05);
    assert_int_equal(x.n_effects, 4);
    assert_close(x.plain.relative[0], 2 * (1 - v_click / 0.0625) - 1, 1e-12);
    assert_close(x.relative_bounds[0].lower, x.plain.relative[0] - reach * se, 1e-12);
    assert_close(x.relative_bounds[0].upper, x.plain.relative[0] + reach * se, 1e-12);
    assert_true(isnan(x.relative_bounds[1].lower)); /* 80 hides are too few */
    assert_close(x.plain.absolute[1], 0, 1e-12);
    assert_close(sqrt(x.plain.absolute_cov[5]), sqrt(2 * v_hide), 1e-12);
    measures_done(&x);
}

static void guardrails_hold_break_or_stay_open(void **state)
{
    (void)state;
    struct measures x = measure(ARMS_OF_4000, true);
    const struct guardrail_result *g = x.guardrails;
    assert_int_equal(x.n_guardrails, 4);
    assert_int_equal(g[0].answer, NONINFERIORITY_HOLDS);
    assert_int_equal(g[1].answer, NONINFERIORITY_HOLDS);
    assert_int_equal(g[2].answer, NONINFERIORITY_BROKEN);
    assert_int_equal(g[3].answer, NONINFERIORITY_INCONCLUSIVE); /* .01125 more, .01 allowed */
    assert_int_equal(g[0].always_valid, NONINFERIORITY_HOLDS);
    assert_int_equal(g[1].always_valid, NONINFERIORITY_INCONCLUSIVE); /* before its burn-in */
    assert_int_equal(g[2].always_valid, NONINFERIORITY_BROKEN);
    assert_true(g[0].is_relative && !g[0].bound.is_max && !g[1].is_relative && g[1].bound.is_max);
    assert_close(g[2].bound.bound, -0.02, 0);
    assert_close(g[3].bound.bound, 0.01, 0);
    assert_int_equal(g[3].effect, 3);
    /* Four tests, of which one p is smaller. */
    double z = 0.01 / sqrt(2 * 0.02 * 0.98 / 3999);
    assert_close(g[1].p.holds / (0.5 * erfc(z / sqrt(2))), 1, 1e-9);
    assert_close(g[1].adjusted.holds / (3 * g[1].p.holds), 1, 1e-12);
    measures_done(&x);
}

static void an_open_round_has_only_the_bounds(void **state)
{
    (void)state;
    struct measures x = measure(ARMS_OF_4000, false);
    for (size_t i = 0; i < x.n_guardrails; i++) {
        assert_true(isnan(x.guardrails[i].p.holds) && isnan(x.guardrails[i].adjusted.broken));
        assert_int_equal(x.guardrails[i].answer, NONINFERIORITY_INCONCLUSIVE);
    }
    assert_int_equal(x.guardrails[2].always_valid, NONINFERIORITY_BROKEN);
    measures_done(&x);
}

/* 99 clicks of the control: no answer about a relative effect, however large. */
static void too_few_events_of_the_control(void **state)
{
    (void)state;
    const struct arm few[ARMS] = {{396, 4, 5}, {4000, 1, 5}, {4000, 400, 5}},
                     enough[ARMS] = {{400, 4, 5}, {4000, 1, 5}, {4000, 400, 5}};
    struct measures x = measure(few, true), y = measure(enough, true);
    assert_int_equal(x.guardrails[0].answer, NONINFERIORITY_INCONCLUSIVE);
    assert_int_equal(x.guardrails[2].answer, NONINFERIORITY_INCONCLUSIVE);
    assert_int_equal(y.guardrails[0].answer, NONINFERIORITY_HOLDS);
    assert_int_equal(y.guardrails[2].answer, NONINFERIORITY_BROKEN);
    measures_done(&x);
    measures_done(&y);
}

static void allocations_fail_cleanly(void **state)
{
    (void)state;
    struct tally t;
    struct measures x;
    enum status s = STATUS_NO_MEMORY;
    make_tally(&t, ARMS_OF_4000);
    int64_t before = mem_outstanding();
    for (int64_t n = 0; s != STATUS_OK; n++) {
        mem_fault_after(n);
        s = measures_make(plan(), &t, true, &x, NULL);
        assert_true(s == STATUS_OK || (s == STATUS_NO_MEMORY && mem_outstanding() == before));
    }
    mem_fault_after(-1);
    measures_done(&x);
    assert_int_equal(mem_outstanding(), before);
    tally_done(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(effects_and_bounds_by_hand),        cmocka_unit_test(guardrails_hold_break_or_stay_open),
        cmocka_unit_test(an_open_round_has_only_the_bounds), cmocka_unit_test(too_few_events_of_the_control),
        cmocka_unit_test(allocations_fail_cleanly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
