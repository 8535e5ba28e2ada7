/* Bytes become a sequence of events for one campaign: answers that fit the call it waits for, good and bad, and people
 * who ask at any moment.  After every step the invariants of campaign.h hold, and a campaign restored from what is
 * journalled waits for the same call with the same weights. */
#include <gsl/gsl_errno.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/core/mem.h"
#include "base/core/rng.h"
#include "tuner/core/campaign.h"
#include "tuner/core/campaign_cap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define must(holds) check_that((holds), #holds, __LINE__)

static void check_that(bool holds, const char *what, int line)
{
    if (holds)
        return;
    fprintf(stderr, "line %d does not hold: %s\n", line, what);
    abort();
}

enum { MAX_EVENTS = 80, M = 3 };
static const char UUID[] = "00000000-0000-4000-8000-000000000001";

struct play {
    struct campaign *campaign;
    struct campaign_experiment experiment;
    const uint8_t *data;
    size_t size, at;
    uint64_t draws;
    size_t n_rounds; /* seen so far */
};

static uint8_t next(struct play *play)
{
    return play->at < play->size ? play->data[play->at++] : 0;
}

static struct campaign_config config(uint8_t choice)
{
    struct campaign_config c = {
        .name = "demo",
        .experiment = "feed",
        .seed = choice,
        .n_objective = 1,
        .objective = {{"click", 1}},
        .n_guardrails = choice & 1,
        .guardrail = {{"hide", true, 0.05, choice & 2 ? 0.2 : 0}},
        .n_heads = 2,
        .head = {{.head = "click", .lo = -1.5, .hi = 1.5},
                 {.head = "save",
                  .is_switch = true,
                  .sign = 1,
                  .hi = 3,
                  .has_control_weight = choice & 4,
                  .control_weight = 2}},
        .rounds_max = 2 + (choice >> 3 & 1),
        .arms = 3,
        .round_end = {100, choice & 16 ? 1000 : 0},
        .confirm_end = {100, 0},
        .anchor_equal = choice & 32,
        .exclude_seen = true,
        .promote_auto = choice & 64,
        .delta = 0.01,
        .harm = 0.1,
        .warm_start = true,
        .max_turnover = (choice & 40) == 8 ? 0.3 : 0, /* not beside an anchor */
        .n_params = choice >> 7,
        .param = {{"x", SPACE_INTEGER, 0, 4, 2}},
    };
    return c;
}

static void set_experiment(struct play *play)
{
    play->experiment = (struct campaign_experiment){
        .name = "feed",
        .n_heads = 2,
        .head = {"click", "save"},
        .head_mean = {0.31, 0.043},
        .head_sd = {0.21, 0.031},
        .default_version = 1,
        .next_round = 1,
        .n_metrics = 3,
        .metric = {{"click", "click"}, {"save", "save"}, {"hide", "hide"}},
    };
}

/* Results of the open round; the byte says how they are. */
static struct campaign_results *results(struct play *play, uint8_t how)
{
    const struct campaign_round *round = campaign_last_round(play->campaign);
    struct campaign_results *r = campaign_results_new(round->n_arms, M);
    struct rng rng;
    must(r != NULL);
    rng_init(&rng, how, play->draws++, 3);
    r->round = round->number;
    r->opened_ms = 5;
    r->closed_ms = 9;
    r->final = how & 1;
    r->end = how & 2 ? END_STOPPED : END_UNITS;
    r->sample_ratio_p = how & 4 ? 1e-7 : nan("");
    snprintf(r->campaign, sizeof r->campaign, "%s", how == 255 ? "stranger" : UUID);
    for (size_t a = 0; a < r->n_arms; a++) {
        snprintf(r->arm[a].id, sizeof r->arm[a].id, "%s", play->campaign->trials[round->first_trial + a].arm);
        r->arm[a].units = how & 128 ? 3000 : 100; /* past the burn-in, where an arm can be stopped */
        for (size_t m = 0; m < M; m++) {
            bool lost = how & 8 && a == 1 + m % 2;
            r->mean[a * M + m] = lost ? nan("") : (how & 16 ? 0.5 : 1) + 0.1 * rng_normal(&rng);
            for (size_t j = 0; j < M; j++)
                r->cov[(a * M + m) * M + j] = lost ? nan("") : (m == j ? 1 : 0.3) * (how & 32 ? 0 : 0.0025);
        }
    }
    static const char *const NAMES[] = {"click", "save", "hide"};
    for (size_t m = 0; m < M; m++) {
        snprintf(r->metric[m], sizeof r->metric[m], "%s", NAMES[m]);
        r->control_events[m] = how & 64 ? 50 : 1000;
    }
    return r;
}

/* What logged requests say, good or bad. */
static struct campaign_previews *previews(const struct play *play, uint8_t how)
{
    const struct campaign *c = play->campaign;
    struct campaign_previews *p = NULL;
    struct rng rng;
    must(campaign_previews_plan(&c->setup, c->config.seed, &p, NULL) == STATUS_OK);
    p->n = 2 + how % 16; /* small ones, for speed */
    p->requests = how;
    rng_init(&rng, how, 0, 5);
    for (size_t i = 0; i < p->n * p->n_heads; i++)
        p->feature[i] = how & 16 ? 0.0 : 0.1 * rng_normal(&rng);
    if (how & 32)
        p->feature[0] = how & 64 ? nan("") : 1e9;
    return p;
}

/* Arms that replace more the farther from the control they are, or much even close to it. */
static struct campaign_previews *arm_previews(const struct play *play, uint8_t how)
{
    struct campaign_previews *p = NULL;
    must(campaign_cap_plan(play->campaign, &p, NULL) == STATUS_OK);
    for (size_t i = 0; i < p->n; i++)
        p->overlap[i] = how == 255 ? 0.1 : (double)(i % CAMPAIGN_CAP_SHARES) / (1 + how % CAMPAIGN_CAP_SHARES);
    return p;
}

/* An answer to the call that the campaign waits for. */
static bool answer(struct play *play, struct campaign_event *event)
{
    uint8_t how = next(play);
    *event = (struct campaign_event){.line = "no"};
    enum campaign_call call = campaign_call(play->campaign);
    if (call == CALL_NONE)
        return false;
    if (how < 8 && call != CALL_FIT && call != CALL_PREVIEWS && call != CALL_CHECK) { /* trouble */
        bool put = call == CALL_OPEN || call == CALL_DEFAULT;
        event->kind = how < 2 ? EVENT_REFUSED : how < 4 ? EVENT_MISSING : put ? EVENT_TAKEN : EVENT_UNSURE;
        if (how == 7)
            event->kind = EVENT_UNSURE;
        return true;
    }
    switch (call) {
    case CALL_CREATE:
        event->kind = EVENT_CREATED;
        break;
    case CALL_EXPERIMENT:
        event->kind = EVENT_EXPERIMENT;
        event->experiment = &play->experiment;
        play->experiment.round_open = how % 16 == 9;
        play->experiment.next_round += how % 16 == 10;
        snprintf(play->experiment.open_campaign, sizeof play->experiment.open_campaign, "stranger");
        break;
    case CALL_OPEN:
        event->kind = EVENT_OPENED;
        event->at_ms = 5;
        break;
    case CALL_RESULTS:
        event->kind = EVENT_RESULTS;
        event->results = results(play, how);
        break;
    case CALL_STOP:
        event->kind = EVENT_STOPPED;
        break;
    case CALL_STOP_ARM:
        event->kind = EVENT_ARM_STOPPED;
        event->line = how < 64 ? "no" : NULL;
        break;
    case CALL_PREVIEWS:
        event->kind = EVENT_PREVIEWS;
        event->later = how & 1;
        event->previews = how < 64 ? NULL : previews(play, how);
        break;
    case CALL_CHECK:
        event->kind = EVENT_CHECKED;
        event->later = how & 1;
        event->previews = how < 16 ? NULL : arm_previews(play, how);
        break;
    case CALL_FIT:
        event->kind = EVENT_FIT;
        break;
    case CALL_DEFAULT:
        event->kind = EVENT_PROMOTED;
        event->version = ++play->experiment.default_version;
        break;
    case CALL_NONE:
        break;
    }
    return true;
}

static void check_rounds(const struct campaign *c, size_t before)
{
    must(c->n_rounds >= before);
    for (size_t r = 0; r < c->n_rounds; r++) {
        const struct campaign_round *round = &c->rounds[r];
        must(round->n_arms >= 2 && round->first_trial + round->n_arms <= c->n_trials);
        must((round->results != NULL) == (round->state >= ROUND_FINAL));
        must(r + 1 == c->n_rounds || round->state >= ROUND_ABANDONED);
        must(r == 0 || round->number > c->rounds[r - 1].number || c->rounds[r - 1].state == ROUND_ABANDONED);
        must(c->trials[round->first_trial].origin == ORIGIN_CONTROL);
        double sum = 0;
        for (size_t a = 0; a < round->n_arms; a++) {
            const struct campaign_trial *trial = &c->trials[round->first_trial + a];
            must(c->config.max_turnover == 0 || round->state == ROUND_PLANNED || round->state == ROUND_ABANDONED ||
                 trial->turnover <= c->config.max_turnover + 1e-6);
            sum += trial->allocation;
            must(trial->source >= 1 && trial->source <= trial->n && trial->round == r);
            must(campaign_setup_same(&c->setup, &trial->point, &c->trials[trial->source - 1].point));
        }
        must(sum > 0.999999 && sum < 1.000001);
    }
}

static void check(const struct campaign *c, size_t before)
{
    const struct campaign_memory *m = &c->memory;
    char note[CAMPAIGN_LINE];
    check_rounds(c, before);
    must((m->phase == PHASE_DONE || m->phase == PHASE_STOP) == (m->outcome != OUTCOME_NONE));
    must(campaign_is_active(c) == (m->phase != PHASE_DONE));
    must(m->candidate == 0 || campaign_find_trial(c, m->candidate) != NULL);
    must(m->aim == AIM_EXPLORE || m->candidate != 0);
    must(m->outcome == OUTCOME_NONE || m->reason[0] != '\0');
    bool ships = m->phase == PHASE_READY || m->phase == PHASE_PROMOTE || m->outcome == OUTCOME_PROMOTED;
    if (ships) { /* nothing is promoted unconfirmed */
        const struct campaign_round *last = campaign_last_round(c);
        must(last->purpose == AIM_CONFIRM && last->state == ROUND_TOLD);
        must(c->findings.winner.confirmed.against_control.lo > 0);
        const struct campaign_trial *tested = &c->trials[last->first_trial + 1];
        must(tested->source == campaign_find_trial(c, m->candidate)->source);
    }
    campaign_note(c, note, sizeof note);
    must(note[0] != '\0' && campaign_state_text(c)[0] != '\0');
}

static struct campaign_results *copy_results(const struct campaign_results *from)
{
    struct campaign_results *to = campaign_results_new(from->n_arms, from->n_metrics);
    must(to != NULL);
    double *mean = to->mean, *cov = to->cov;
    size_t n = from->n_arms * from->n_metrics;
    *to = *from;
    to->mean = memcpy(mean, from->mean, n * sizeof *mean);
    to->cov = memcpy(cov, from->cov, n * from->n_metrics * sizeof *cov);
    return to;
}

static struct campaign_previews *copy_previews(const struct campaign_previews *from)
{
    struct campaign_previews *to = campaign_previews_new(from->n, from->dim, from->n_heads);
    must(to != NULL);
    to->requests = from->requests;
    memcpy(to->x, from->x, from->n * from->dim * sizeof *to->x);
    memcpy(to->overlap, from->overlap, from->n * sizeof *to->overlap);
    memcpy(to->feature, from->feature, from->n * from->n_heads * sizeof *to->feature);
    return to;
}

/* What a restart makes of the journal. */
static void restore(const struct play *play, struct campaign **ret)
{
    const struct campaign *c = play->campaign;
    struct campaign *copy = NULL;
    must(campaign_new(&c->config, UUID, false, &copy, NULL) == STATUS_OK);
    copy->id = c->id;
    if (c->has_setup)
        must(campaign_restore_setup(copy, &play->experiment, NULL) == STATUS_OK);
    if (c->previews != NULL)
        must(campaign_restore_previews(copy, copy_previews(c->previews), NULL) == STATUS_OK);
    for (size_t r = 0; r < c->n_rounds; r++) {
        struct campaign_round round = c->rounds[r];
        round.results = round.results == NULL ? NULL : copy_results(round.results);
        must(campaign_restore_round(copy, &round, NULL) == STATUS_OK);
        for (size_t a = 0; a < c->rounds[r].n_arms; a++) {
            struct campaign_trial trial = c->trials[c->rounds[r].first_trial + a];
            trial.measured = trial.modelled = false;
            must(campaign_restore_trial(copy, &trial, NULL) == STATUS_OK);
        }
    }
    must(campaign_restore_finish(copy, &c->memory, NULL) == STATUS_OK);
    *ret = copy;
}

static void compare(const struct campaign *a, const struct campaign *b)
{
    must(strcmp(campaign_state_text(a), campaign_state_text(b)) == 0);
    /* Results of an open round are not journalled: they are read again before an arm is stopped. */
    must(campaign_call(a) == campaign_call(b) || a->memory.phase == PHASE_OPEN ||
         (campaign_call(a) == CALL_STOP_ARM && campaign_call(b) == CALL_RESULTS));
    must(a->findings.best.trial == b->findings.best.trial);
    for (size_t t = 0; t < a->n_trials; t++) {
        must(a->trials[t].modelled == b->trials[t].modelled && a->trials[t].state == b->trials[t].state);
        must(!a->trials[t].modelled || fabs(a->trials[t].model_mean - b->trials[t].model_mean) <= 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    gsl_set_error_handler_off();
    struct play play = {.data = data, .size = size};
    struct campaign_config c = config(next(&play));
    set_experiment(&play);
    must(campaign_new(&c, UUID, false, &play.campaign, NULL) == STATUS_OK);
    for (int i = 0; i < MAX_EVENTS && play.at < play.size; i++) {
        struct campaign_event event;
        struct campaign_plan plan;
        struct err err = ERR_INIT;
        size_t before = play.campaign->n_rounds;
        uint8_t who = next(&play);
        static const enum campaign_event_kind PEOPLE[] = {EVENT_PAUSE, EVENT_RESUME, EVENT_CANCEL, EVENT_PROMOTE};
        if (who >= 224)
            event = (struct campaign_event){.kind = PEOPLE[who & 3], .trial = who & 4 ? 1 + (who >> 3 & 3) * 2 : 0};
        else if (!answer(&play, &event))
            continue;
        enum status s = campaign_step(play.campaign, &event, &plan, &err);
        bool thinking =
            event.kind == EVENT_FIT || event.kind == EVENT_PREVIEWS || event.kind == EVENT_EXPERIMENT || who >= 224;
        if (s != STATUS_OK && s != STATUS_CONFLICT && s != STATUS_NOT_FOUND && s != STATUS_UNPROCESSABLE &&
            s != STATUS_CORRUPT) {
            must(thinking); /* the object is thrown away */
            break;
        }
        must(s == STATUS_OK || err.text[0] != '\0');
        const struct campaign_round *last = campaign_last_round(play.campaign);
        if (last != NULL && last->state == ROUND_OPEN) /* the server has given its number away */
            play.experiment.next_round = last->number + 1;
        check(play.campaign, before);
        if (who < 32) {
            struct campaign *copy = NULL;
            restore(&play, &copy);
            compare(play.campaign, copy);
            campaign_free(play.campaign);
            play.campaign = copy;
        }
    }
    campaign_free(play.campaign);
    return 0;
}
