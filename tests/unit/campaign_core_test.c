#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tests/lib/check.h"
#include "tuner/core/campaign_measure.h"
#include "tuner/core/promotion.h"

/* Control, space and outcomes of a campaign; the decision. */

static void add_metric(struct campaign_experiment *e, const char *name, const char *event)
{
    snprintf(e->metric[e->n_metrics].name, CAMPAIGN_NAME, "%s", name);
    snprintf(e->metric[e->n_metrics++].event, CAMPAIGN_NAME, "%s", event);
}

static void add_head(struct campaign_experiment *e, const char *name, double mean, double sd, double weight)
{
    snprintf(e->head[e->n_heads], CAMPAIGN_NAME, "%s", name);
    e->head_mean[e->n_heads] = mean;
    e->head_sd[e->n_heads] = sd;
    e->default_weight[e->n_heads++] = weight;
}

static struct campaign_experiment experiment(void)
{
    struct campaign_experiment e = {.name = "feed", .default_version = 3, .next_round = 1};
    add_head(&e, "click", 0.3137, 0.1129, 1.17);
    add_head(&e, "save", 0.0431, 0.0317, 3.59);
    add_head(&e, "hide", 0.0173, 0.0113, -2.03);
    add_head(&e, "share", 0.0071, 0.0047, 0);
    add_metric(&e, "clicks", "click");
    add_metric(&e, "ctr", "click");
    add_metric(&e, "saves", "save");
    add_metric(&e, "hides", "hide");
    add_metric(&e, "time", "dwell");
    return e;
}

static void objective(struct campaign_config *c, const char *metric, double value)
{
    snprintf(c->objective[c->n_objective].metric, CAMPAIGN_NAME, "%s", metric);
    c->objective[c->n_objective++].value = value;
}

static struct campaign_head *head(struct campaign_config *c, const char *name)
{
    struct campaign_head *h = &c->head[c->n_heads++];
    *h = (struct campaign_head){.lo = -1.5, .hi = 1.25};
    snprintf(h->head, sizeof h->head, "%s", name);
    return h;
}

static struct campaign_config config(void)
{
    struct campaign_config c = {.name = "demo", .experiment = "feed", .seed = 1};
    objective(&c, "clicks", 0.83);
    objective(&c, "ctr", 0.21);
    objective(&c, "saves", 0.57);
    objective(&c, "time", 0.11); /* counts no head's event */
    return c;
}

static void plug_in_weights_and_the_reference(void **state)
{
    (void)state;
    struct campaign_experiment e = experiment();
    struct campaign_config c = config();
    struct campaign_setup s;
    struct err err = ERR_INIT;
    assert_ok(campaign_setup_make(&c, &e, &s, &err), &err);
    assert_close(s.control.weight[0], (0.83 + 0.21) / 0.3137, 1e-14);
    assert_close(s.control.weight[1], 0.57 / 0.0431, 1e-14);
    assert_close(s.control.weight[2], 0, 0);
    /* |w| sd: click .3743, save .4192 */
    assert_int_equal(s.reference, 1);
    assert_int_equal(s.dim, 1);
    assert_int_equal(s.dim_head[0], 0);
    assert_close(s.share[0], 1.04 / (1.04 + 0.57), 1e-14);
    assert_close(s.control_x[0], 0.5, 1e-15);
    assert_close(s.equal.weight[0], 1, 0);
    assert_close(s.equal.weight[2], 0, 0);
    assert_true(s.equal_in_space);
    assert_int_equal(s.n_metrics, 4);
    assert_close(s.omega[2], 0.57, 0);
}

static void points_travel_to_the_cube_and_back(void **state)
{
    (void)state;
    struct campaign_experiment e = experiment();
    struct campaign_config c = config();
    struct campaign_setup s;
    struct campaign_point p;
    struct err err = ERR_INIT;
    head(&c, "click");
    head(&c, "save");
    *head(&c, "hide") = (struct campaign_head){.head = "hide", .sign = -1, .is_switch = true, .hi = 2.5};
    c.n_params = 1;
    c.param[0] = (struct campaign_param){"depth", SPACE_INTEGER, 2, 10, 4};
    assert_ok(campaign_setup_make(&c, &e, &s, &err), &err);
    assert_int_equal(s.dim, 3);
    const double x[3] = {0.31, 0.47, 0.5};
    campaign_setup_decode(&s, x, &p);
    assert_close(p.weight[0], s.control.weight[0] * exp(-1.5 + 0.31 * 2.75), 1e-13);
    assert_close(p.weight[1], s.control.weight[1], 0);
    assert_close(p.weight[2], -1 / 0.0173 * 0.47 * 2.5, 1e-12);
    assert_close(p.weight[3], 0, 0);
    assert_close(p.param[0], 6, 0);
    double back[3];
    assert_true(campaign_setup_encode(&s, &p, back));
    for (int j = 0; j < 3; j++)
        assert_close(back[j], x[j], 1e-14);
    /* The same ranking with all weights doubled is the same point. */
    for (int h = 0; h < 4; h++)
        p.weight[h] *= 2;
    assert_true(campaign_setup_encode(&s, &p, back));
    assert_close(back[0], x[0], 1e-14);
    assert_close(back[1], x[1], 1e-14);
    /* Equal weights: save is the reference, so all are multiplied by its control weight. */
    assert_close(s.equal.weight[2], -1, 0);
    assert_true(campaign_setup_encode(&s, &s.equal, back));
    assert_close(back[0], (log(0.57 / 0.0431 / s.control.weight[0]) + 1.5) / 2.75, 1e-13);
    assert_close(back[1], 0.57 / 0.0431 * 0.0173 / 2.5, 1e-14);
    /* What is not tuned must keep its control weight. */
    p.weight[3] = 0.1;
    assert_false(campaign_setup_encode(&s, &p, back));
}

static void a_fixed_head_keeps_equal_weights_out_of_the_space(void **state)
{
    (void)state;
    struct campaign_experiment e = experiment();
    struct campaign_config c = config();
    struct campaign_setup s;
    struct err err = ERR_INIT;
    c.control = CONTROL_DEFAULT;
    head(&c, "save");
    assert_ok(campaign_setup_make(&c, &e, &s, &err), &err);
    assert_close(s.equal.weight[2], -1, 0);
    assert_false(s.equal_in_space);
    assert_close(s.control.weight[2], -2.03, 0);
    assert_int_equal(s.reference, 0); /* click 1.17 * .1129 = .1321, save 3.59 * .0317 = .1138 */
}

static void setups_that_cannot_be(void **state)
{
    (void)state;
    struct campaign_experiment e = experiment();
    struct campaign_setup s;
    struct err err = ERR_INIT;
    struct campaign_config c = config();
    c.control = CONTROL_DEFAULT;
    head(&c, "click"); /* the reference: nothing else is tuned */
    assert_refused(campaign_setup_make(&c, &e, &s, &err), STATUS_UNPROCESSABLE, &err, "heads: nothing is left to tune");
    c = config();
    e.head_mean[0] = 0;
    assert_refused(campaign_setup_make(&c, &e, &s, &err), STATUS_UNPROCESSABLE, &err,
                   "the mean probability of head click is 0");
    e = experiment();
    c.n_objective = 0;
    objective(&c, "time", 1);
    assert_refused(campaign_setup_make(&c, &e, &s, &err), STATUS_UNPROCESSABLE, &err,
                   "no objective metric counts an event that is a head");
    c = config();
    memset(e.head_sd, 0, sizeof e.head_sd);
    assert_refused(campaign_setup_make(&c, &e, &s, &err), STATUS_UNPROCESSABLE, &err, "control");
    e = experiment();
    head(&c, "click");
    *head(&c, "save") = (struct campaign_head){.head = "save", .is_switch = true, .hi = 0.5};
    assert_refused(campaign_setup_make(&c, &e, &s, &err), STATUS_UNPROCESSABLE, &err, "heads[1].max is 0.5");
    c = config();
    c.control = CONTROL_WEIGHTS;
    c.n_weights = 1;
    c.weight[0] = (struct campaign_weight){"clack", 2};
    assert_refused(campaign_setup_make(&c, &e, &s, &err), STATUS_UNPROCESSABLE, &err,
                   "control.weights[0].head is \"clack\"");
}

/* Three arms, five metrics of the server, some of them unused, in another order than the campaign's. */
static struct campaign_results *results(void)
{
    static const double MEAN[3][5] = {{0.173, 3.117, 0.0913, 0.4271, 0.377},
                                      {0.181, 3.291, 0.0931, 0.4513, 0.391},
                                      {0.169, 3.205, 0.0877, 0.4391, 0.385}};
    struct campaign_results *r = campaign_results_new(3, 5);
    static const char *const NAMES[] = {"hides", "clicks", "time", "saves", "ctr"};
    assert_non_null(r);
    r->round = 4;
    for (int m = 0; m < 5; m++) {
        snprintf(r->metric[m], CAMPAIGN_NAME, "%s", NAMES[m]);
        r->control_events[m] = 1000 + m;
    }
    for (int a = 0; a < 3; a++)
        for (int i = 0; i < 5; i++) {
            r->mean[a * 5 + i] = MEAN[a][i];
            for (int j = 0; j < 5; j++)
                r->cov[(a * 5 + i) * 5 + j] =
                    MEAN[a][i] * MEAN[a][j] * 1e-4 * (1 + 0.3 * a) * (i == j ? 1 : 0.21 + 0.03 * (i + j));
        }
    return r;
}

static void measures_with_their_full_covariance(void **state)
{
    (void)state;
    struct campaign_experiment e = experiment();
    struct campaign_config c = config();
    struct campaign_setup s;
    struct campaign_measure *m = NULL;
    struct err err = ERR_INIT;
    c.n_guardrails = 2;
    c.guardrail[0] = (struct campaign_guardrail){"saves", false, -0.02, 0};
    c.guardrail[1] = (struct campaign_guardrail){"hides", true, 0.05, 0.19};
    assert_ok(campaign_setup_make(&c, &e, &s, &err), &err);
    struct campaign_results *r = results();
    for (size_t base = 0; base < 2; base++) {
        assert_ok(campaign_measure_new(&s, r, base, &m, &err), &err);
        /* By hand: every metric's place in the results and its omega. */
        static const size_t AT[4] = {1, 4, 3, 2};
        static const double OMEGA[4] = {0.83, 0.21, 0.57, 0.11};
        const size_t arms[2] = {base == 0 ? 1 : 0, 2};
        const double *mc = r->mean + base * 5, *vc = r->cov + base * 25;
        for (int a = 0; a < 2; a++) {
            double y = 0, cov[2] = {0, 0};
            for (int i = 0; i < 4; i++) {
                double ra = r->mean[arms[a] * 5 + AT[i]] / mc[AT[i]];
                y += OMEGA[i] * (ra * (1 - vc[AT[i] * 6] / (mc[AT[i]] * mc[AT[i]])) - 1);
                for (int j = 0; j < 4; j++) {
                    double scale = OMEGA[i] * OMEGA[j] / (mc[AT[i]] * mc[AT[j]]);
                    double shared = scale * vc[AT[i] * 5 + AT[j]];
                    for (int b = 0; b < 2; b++)
                        cov[b] += shared * ra * r->mean[arms[b] * 5 + AT[j]] / mc[AT[j]] +
                                  (a == b ? scale * r->cov[arms[a] * 25 + AT[i] * 5 + AT[j]] : 0);
                }
            }
            assert_close(m->y[a] / y, 1, 1e-12);
            assert_close(m->cov[a * 2] / cov[0], 1, 1e-12);
            assert_close(m->cov[a * 2 + 1] / cov[1], 1, 1e-12);
            /* Guardrails: sense -1 on the relative effect; an absolute difference over the scale. */
            double relative = r->mean[arms[a] * 5 + 3] / mc[3] * (1 - vc[18] / (mc[3] * mc[3])) - 1;
            assert_close(m->y[2 + a] / -relative, 1, 1e-12);
            assert_close(m->y[4 + a] / ((r->mean[arms[a] * 5] - mc[0]) / 0.19), 1, 1e-12);
            assert_close(m->cov[8 + a * 3] / ((r->cov[arms[a] * 25] + vc[0]) / (0.19 * 0.19)), 1, 1e-12);
        }
        assert_close(m->cov[8 + 1] / (vc[0] / (0.19 * 0.19)), 1, 1e-12);
        campaign_measure_free(m);
    }
    assert_close(s.threshold[0], 0.02, 0);
    assert_close(s.threshold[1], 0.05, 0);
    snprintf(r->metric[4], CAMPAIGN_NAME, "cvr");
    assert_refused(campaign_measure_new(&s, r, 0, &m, &err), STATUS_CORRUPT, &err,
                   "the results of round 4 lack metric \"ctr\"");
    campaign_results_free(r);
}

static double measured(const struct campaign_setup *setup, const struct campaign_results *r, bool adjusted)
{
    struct campaign_measure *m = NULL;
    struct err err = ERR_INIT;
    assert_ok(campaign_measure_new(setup, r, 0, &m, &err), &err);
    assert_true(m->adjusted == adjusted);
    const double y = m->y[0] + 1e3 * m->cov[0] + m->mean[1] + m->absolute[1];
    campaign_measure_free(m);
    return y;
}

/* CUPED's means and covariances stand for the plain ones, of all arms or of none. */
static void adjusted_means_are_taken_whole(void **state)
{
    (void)state;
    struct campaign_experiment e = experiment();
    struct campaign_config c = config();
    struct campaign_setup s;
    struct err err = ERR_INIT;
    assert_ok(campaign_setup_make(&c, &e, &s, &err), &err);
    struct campaign_results *plain = results(), *both = results(), *other = results();
    assert_ok(campaign_results_adjust(both, &err), &err);
    for (size_t i = 0; i < 15; i++)
        both->adjusted_mean[i] = other->mean[i] = plain->mean[i] * (1.0 + 0.01 * (double)(i % 4));
    for (size_t i = 0; i < 75; i++)
        both->adjusted_cov[i] = other->cov[i] = plain->cov[i] * 0.37;
    s.cuped = true;
    assert_close(measured(&s, both, true), measured(&s, other, false), 0);
    s.cuped = false;
    assert_close(measured(&s, both, false), measured(&s, plain, false), 0);
    s.cuped = true;
    both->adjusted_mean[11] = nan(""); /* the clicks of arm 2 */
    assert_close(measured(&s, both, false), measured(&s, plain, false), 0);
    both->adjusted_mean[11] = 3.0;
    both->adjusted_cov[50 + 6] = nan("");
    assert_close(measured(&s, both, false), measured(&s, plain, false), 0);
    campaign_results_free(plain);
    campaign_results_free(both);
    campaign_results_free(other);
}

static void events_that_are_too_few(void **state)
{
    (void)state;
    struct campaign_experiment e = experiment();
    struct campaign_config c = config();
    struct campaign_setup s;
    struct err err = ERR_INIT;
    double events;
    c.n_guardrails = 1;
    c.guardrail[0] = (struct campaign_guardrail){"hides", true, 0.05, 0};
    assert_ok(campaign_setup_make(&c, &e, &s, &err), &err);
    struct campaign_results *r = results();
    assert_ok(campaign_measure_usable(&s, r, &err), &err);
    assert_int_equal(campaign_measure_rare_guardrail(&s, r, &events), 1);
    r->control_events[0] = 99;
    assert_int_equal(campaign_measure_rare_guardrail(&s, r, &events), 0);
    assert_close(events, 99, 0);
    assert_ok(campaign_measure_usable(&s, r, &err), &err);
    r->control_events[3] = 99;
    assert_refused(campaign_measure_usable(&s, r, &err), STATUS_UNPROCESSABLE, &err,
                   "objective metric saves had 99 events in the control arm of round 4");
    r->control_events[3] = 100;
    r->mean[3] = nan("");
    assert_refused(campaign_measure_usable(&s, r, &err), STATUS_UNPROCESSABLE, &err, "no usable control mean");
    campaign_results_free(r);
}

static void lifts_and_probabilities(void **state)
{
    (void)state;
    assert_close(campaign_holds(0.0317, 0.0113, 0.0317 + 0.0113), 0.841344746068543, 1e-14); /* Phi(1) */
    assert_close(campaign_holds(0.5, 0.1, 0.5 - 0.1959963984540054), 0.025, 1e-14);
    assert_true(isnan(campaign_holds(nan(""), 1, 0)));
    struct promotion_lift lift = promotion_lift(0.0213, 0.0047);
    assert_close(lift.lo, 0.0213 - 1.959963984540054 * 0.0047, 1e-16);
    assert_close(lift.hi, 0.0213 + 1.959963984540054 * 0.0047, 1e-16);
    assert_false(promotion_lift(0.1, nan("")).known);
    struct promotion_pool pool = {0, 0};
    assert_false(promotion_pooled(&pool).known);
    promotion_pool_add(&pool, 0.031, 0.013);
    promotion_pool_add(&pool, -0.007, 0.029);
    promotion_pool_add(&pool, nan(""), 0.01);
    double a = 1 / (0.013 * 0.013), b = 1 / (0.029 * 0.029);
    lift = promotion_pooled(&pool);
    assert_close(lift.lift, (0.031 * a - 0.007 * b) / (a + b), 1e-15);
    assert_close(lift.se, 1 / sqrt(a + b), 1e-15);
}

static void the_decision(void **state)
{
    (void)state;
    char reason[CAMPAIGN_LINE];
    struct promotion_guardrail guardrail = {"hides", promotion_lift(0.013, 0.02), 0.05, true, 0.9678};
    struct promotion_evidence good = {promotion_lift(0.0213, 0.0087), nan(""), false, 1, &guardrail}, e = good;
    assert_true(promotion_decide(&good, reason));
    assert_string_equal(reason, "confirmed lift against control is +2.13 % (95 % interval +0.42 to +3.84 %) and every "
                                "guardrail holds");
    e.against_control = promotion_lift(0.0213, 0.0109);
    assert_false(promotion_decide(&e, reason));
    assert_non_null(strstr(reason, "the interval is not above zero"));
    e.against_control = promotion_lift(nan(""), 1);
    assert_false(promotion_decide(&e, reason));
    e = good;
    e.sample_ratio_p = 9e-5;
    assert_false(promotion_decide(&e, reason));
    assert_non_null(strstr(reason, "did not split as allocated"));
    e.sample_ratio_p = 2e-4;
    assert_true(promotion_decide(&e, reason));
    e.cut_short = true;
    assert_false(promotion_decide(&e, reason));
    guardrail.holds = 0.949;
    assert_false(promotion_decide(&good, reason));
    assert_non_null(strstr(reason, "guardrail hides (at most +5.00 %) holds only with probability 0.949"));
    guardrail = (struct promotion_guardrail){"hides", promotion_lift(nan(""), 0), 0.05, true, nan("")};
    assert_false(promotion_decide(&good, reason));
    assert_non_null(strstr(reason, "guardrail hides could not be measured"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plug_in_weights_and_the_reference),
        cmocka_unit_test(points_travel_to_the_cube_and_back),
        cmocka_unit_test(a_fixed_head_keeps_equal_weights_out_of_the_space),
        cmocka_unit_test(setups_that_cannot_be),
        cmocka_unit_test(measures_with_their_full_covariance),
        cmocka_unit_test(adjusted_means_are_taken_whole),
        cmocka_unit_test(events_that_are_too_few),
        cmocka_unit_test(lifts_and_probabilities),
        cmocka_unit_test(the_decision),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
