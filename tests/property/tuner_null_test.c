#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tests/lib/check.h"
#include "tests/lib/tuner_world.h"

/* Campaigns in a world where no weights are better than others: every lift there is, is luck.  What was shown while the
 * winner was chosen must be too good, what fresh users showed must not be, and hardly anything may be promoted. Nothing
 * moves between rounds either, so incumbents that ride again must hardly ever seem to drift. */

struct tally {
    int runs, confirmed, promoted, inside, tested, drifted;
    double raw, model, fresh, fresh_square;
};

static void campaign(uint64_t seed, struct tally *tally)
{
    static struct tuner_world w;
    char seeded[4096], file[4096], text[32];
    (void)snprintf(text, sizeof text, "\"seed\":%llu", (unsigned long long)seed);
    tuner_world_edit(TUNER_WORLD_FILE, "\"seed\":3", text, seeded, sizeof seeded);
    tuner_world_edit(seeded, ",\"anchors\":[\"equal\"]", "", file, sizeof file);
    tuner_world_start(&w);
    w.api.gain = 0;
    w.api.peak = 0;
    w.api.seed = seed;
    assert_int_equal(tuner_world_launch(&w, file, false), STATUS_OK);
    for (int i = 0; i < 200 && !tuner_world_is(&w, 1, "promoted") && !tuner_world_is(&w, 1, "not_promoted"); i++)
        tuner_world_turn(&w);
    tally->runs++;
    tally->promoted += tuner_world_is(&w, 1, "promoted");
    tally->tested += strstr(w.status, "\"drifted\":") != NULL;
    tally->drifted += strstr(w.status, "\"drifted\":true") != NULL;
    if (w.api.n_rounds > 0 && w.api.round[w.api.n_rounds - 1].is_confirm) {
        double fresh = WORLD_NUMBER(&w, "winner", "confirmed", "vs_control", "lift");
        tally->confirmed++;
        tally->raw += WORLD_NUMBER(&w, "winner", "raw", "vs_control", "lift");
        tally->model += WORLD_NUMBER(&w, "winner", "model", "vs_control", "lift");
        tally->fresh += fresh;
        tally->fresh_square += fresh * fresh;
        tally->inside += WORLD_NUMBER(&w, "winner", "confirmed", "vs_control", "lo") <= 0 &&
                         WORLD_NUMBER(&w, "winner", "confirmed", "vs_control", "hi") >= 0;
    }
    tuner_world_end(&w);
}

static void luck_is_not_promoted(void **state)
{
    (void)state;
    struct tally t = {0};
    for (uint64_t seed = check_seed(); seed < check_seed() + check_cases(40, 500); seed++)
        campaign(seed, &t);
    double n = t.confirmed, mean = t.fresh / n;
    double se = sqrt((t.fresh_square / n - mean * mean) / n);
    printf("%d campaigns, %d confirmed, %d promoted; mean lift of the winners: raw %+.4f, model %+.4f, confirmed %+.4f "
           "(se "
           "%.4f), interval holds 0 in %d; drift seen in %d of %d\n",
           t.runs, t.confirmed, t.promoted, t.raw / n, t.model / n, mean, se, t.inside, t.drifted, t.tested);
    assert_true(n >= 10);
    assert_true(t.raw / n > mean + 2 * se); /* the winner's curse */
    assert_true(t.model / n < t.raw / n);   /* shrinkage */
    assert_true(fabs(mean) < 4 * se);       /* fresh users are honest */
    /* 2.5 % of the confirmed ones win by luck, 5 % of the intervals miss 0: at most five standard deviations more. */
    assert_true(t.promoted <= 1 + 0.025 * n + 5 * sqrt(0.025 * 0.975 * n));
    assert_true(t.tested > 0 && t.drifted <= 1 + 0.05 * t.tested + 5 * sqrt(0.05 * 0.95 * t.tested));
    assert_true(t.inside >= 0.95 * n - 1 - 5 * sqrt(0.95 * 0.05 * n));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(luck_is_not_promoted)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
