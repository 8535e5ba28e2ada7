/* The error rates of scripts/validate-statistics on fewer experiments: fixed intervals miss as often as they say, the
 * confidence sequences no more often than they say however often one looks, the sample-ratio check and the carry-over
 * test cry wolf at their nominal rate, and adjusted answers about guardrails are seldom false. */
#include <math.h>

#include "tests/lib/check.h"
#include "tests/lib/stats_lab.h"

enum { M = STATS_LAB_METRICS, E = STATS_LAB_EFFECTS };

static double slack(double rate, double n)
{
    return fmax(0.007, 4.0 * sqrt(rate * (1 - rate) / n));
}

static void error_rates_are_nominal(void **state)
{
    (void)state;
    const size_t n = check_cases(80, 2000);
    size_t miss[4][E] = {{0}}, alarmed[4][E] = {{0}}, peeked = 0, unbalanced = 0, wrong[2] = {0, 0}, carried[M] = {0};
    struct stats_lab *lab = NULL;
    struct err err = ERR_INIT;
    assert_ok(stats_lab_new(4500, 1.0, &lab, &err), &err);
    for (size_t i = 0; i < n; i++) {
        struct stats_lab_run run;
        assert_ok(stats_lab_run(lab, check_seed(), i, &run, &err), &err);
        const struct stats_lab_effects *kind[4] = {&run.relative, &run.absolute, &run.adjusted_relative,
                                                   &run.adjusted_absolute};
        for (size_t k = 0; k < 4; k++) {
            for (size_t e = 0; e < E; e++) {
                miss[k][e] += !(fabs(kind[k]->error[e]) <= 1.959963984540054 * kind[k]->se[e]);
                alarmed[k][e] += kind[k]->alarmed[e];
                peeked += kind[k]->peeked[e];
            }
        }
        for (size_t m = 0; m < M; m++)
            carried[m] += run.carry_over_p[m] < 0.05;
        unbalanced += run.sample_ratio_p < 0.05;
        wrong[0] += run.wrong_holds;
        wrong[1] += run.wrong_broken;
    }
    stats_lab_free(lab);
    double cases = (double)n;
    for (size_t k = 0; k < 4; k++) {
        for (size_t e = 0; e < E; e++) {
            assert_true(fabs((double)miss[k][e] / cases - 0.05) <= slack(0.05, cases));
            assert_true((double)alarmed[k][e] / cases <= 0.05 + slack(0.05, cases) / 2);
        }
    }
    assert_true(fabs((double)unbalanced / cases - 0.05) <= slack(0.05, cases));
    for (size_t m = 0; m < M; m++)
        assert_true(fabs((double)carried[m] / cases - 0.05) <= slack(0.05, cases));
    for (size_t k = 0; k < 2; k++)
        assert_true((double)wrong[k] / cases <= 0.05 + slack(0.05, cases));
    /* Peeking at the fixed interval is what the sequences are for: it must be visibly wrong here. */
    assert_true((double)peeked / (2 * E * cases) > 0.08);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(error_rates_are_nominal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
