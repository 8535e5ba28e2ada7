#include <stdio.h>
#include <string.h>

#include "base/core/mem.h"
#include "tuner/core/campaign_cap.h"
#include "tuner/service/campaign_file.h"
#include "tuner/service/campaign_json.h"
#include "tuner/service/tuner_internal.h"

static void report(const struct tuner *tuner, const struct item *item, const char *what, const char *detail)
{
    if (tuner->options.report != NULL)
        tuner->options.report(tuner->options.context, item->id, what, detail);
}

static enum status render(const struct item *item, struct buf *ret, struct err *err)
{
    char note[2 * CAMPAIGN_LINE];
    campaign_note(item->campaign, note, sizeof note);
    return campaign_json_status(item->campaign, item->trouble[0] != '\0' ? item->trouble : note, item->created_ms,
                                item->updated_ms, ret, err);
}

void tuner_show(struct tuner *tuner, struct item *item)
{
    struct buf status = BUF_INIT;
    if (item->campaign != NULL && render(item, &status, NULL) == STATUS_OK)
        tuner_publish(tuner, item, buf_take(&status));
    buf_done(&status);
}

void tuner_back_off(struct tuner *tuner, struct item *item, const char *line)
{
    int64_t wait = client_backoff_ms(item->failures, (uint64_t)item->id);
    char trouble[CAMPAIGN_LINE];
    item->failures++;
    item->due_ns = clock_monotonic_ns() + wait * 1000000;
    snprintf(trouble, sizeof trouble, "%s; next try in %.1f s", line, (double)wait / 1000);
    if (item->failures == 1)
        report(tuner, item, "waiting", trouble);
    memcpy(item->trouble, trouble, sizeof trouble);
    tuner_show(tuner, item);
}

/* Loading. */

struct loading {
    struct item *item;
    struct campaign *campaign;
    struct campaign_memory memory;
    bool has_setup;
};

static enum status make_campaign(struct loading *loading, const struct journal_head *head, struct err *err)
{
    struct json *json = NULL;
    struct campaign_config config;
    bool has_create;
    TRY(json_parse(head->file, strlen(head->file), NULL, &json, err));
    struct json_at root = json_root(json);
    enum status s = campaign_file_decode(&root, &config, &has_create, err);
    json_free(json);
    if (s == STATUS_OK)
        s = campaign_new(&config, head->uuid, false, &loading->campaign, err);
    return s;
}

static enum status load_head(void *context, const struct journal_head *head, struct err *err)
{
    struct loading *loading = context;
    struct item *item = loading->item;
    TRY(make_campaign(loading, head, err));
    loading->campaign->id = head->id;
    loading->memory = head->memory;
    mem_free(item->file);
    mem_free(item->body);
    item->file = mem_strdup(head->file);
    item->body = mem_strdup(head->body);
    if (item->file == NULL || item->body == NULL)
        return err_no_memory(err);
    loading->has_setup = head->experiment[0] != '\0';
    if (!loading->has_setup)
        return STATUS_OK;
    struct campaign_experiment experiment;
    TRY(client_decode_experiment(head->experiment, strlen(head->experiment), &experiment, err));
    return campaign_restore_setup(loading->campaign, &experiment, err);
}

enum status tuner_load(struct tuner *tuner, struct item *item, struct err *err)
{
    if (item->campaign != NULL)
        return STATUS_OK;
    struct loading loading = {.item = item};
    enum status s = journal_list(tuner->journal, item->id, load_head, &loading, err);
    if (s == STATUS_OK && loading.has_setup)
        s = journal_restore(tuner->journal, loading.campaign, client_decode_results, err);
    if (s == STATUS_OK)
        s = campaign_restore_finish(loading.campaign, &loading.memory, err);
    if (s != STATUS_OK) {
        campaign_free(loading.campaign);
        return err_wrap(err, s, "campaign %lld cannot be read from the journal", (long long)item->id);
    }
    item->campaign = loading.campaign;
    return STATUS_OK;
}

void tuner_unload(struct item *item)
{
    campaign_free(item->campaign);
    mem_free(item->file);
    mem_free(item->body);
    item->campaign = NULL;
    item->file = item->body = NULL;
}

/* Journalling. */

static enum status make_documents(const struct campaign *campaign, size_t first, char ***ret, size_t *ret_n,
                                  struct err *err)
{
    size_t n = first < campaign->n_trials ? campaign->n_trials - first : 0;
    char **documents = mem_alloc(n, sizeof(char *));
    *ret = documents;
    *ret_n = documents == NULL ? 0 : n;
    if (documents == NULL)
        return err_no_memory(err);
    for (size_t i = 0; i < n; i++) {
        struct buf document = BUF_INIT;
        enum status s = campaign_json_trial(campaign, &campaign->trials[first + i], &document, err);
        documents[i] = buf_take(&document);
        buf_done(&document);
        TRY(s);
    }
    return STATUS_OK;
}

/* The body that opens the round which was just planned; it is what a restart sends again. */
static enum status new_body(struct item *item, struct err *err)
{
    struct buf body = BUF_INIT;
    enum status s = client_round_body(item->campaign, &body, err);
    if (s == STATUS_OK) {
        mem_free(item->body);
        item->body = buf_take(&body);
    }
    buf_done(&body);
    return s;
}

static enum status journal(struct tuner *tuner, struct item *item, const struct campaign_plan *plan,
                           struct journal_change *change, struct err *err)
{
    struct campaign *campaign = item->campaign;
    char **documents = NULL;
    size_t n = 0;
    struct buf status = BUF_INIT;
    int64_t updated_ms = item->updated_ms, id = 0;
    item->updated_ms = change->at_ms;
    enum status s = campaign->memory.phase == PHASE_OPEN ? new_body(item, err) : STATUS_OK;
    if (s == STATUS_OK)
        s = make_documents(campaign, plan->first_trial, &documents, &n, err);
    if (s == STATUS_OK)
        s = render(item, &status, err);
    if (s == STATUS_OK) {
        change->campaign = campaign;
        change->status = buf_string(&status);
        change->previews = plan->previews;
        change->first_round = plan->first_round;
        change->first_trial = plan->first_trial;
        change->body = campaign->memory.phase == PHASE_OPEN ? item->body : NULL;
        change->documents = (const char *const *)documents;
        change->action = plan->action;
        change->detail = plan->detail;
        s = journal_save(tuner->journal, change, &id, err);
    }
    if (s == STATUS_OK)
        tuner_publish(tuner, item, buf_take(&status));
    else
        item->updated_ms = updated_ms;
    for (size_t i = 0; i < n; i++)
        mem_free(documents[i]);
    mem_free(documents);
    buf_done(&status);
    return s;
}

/* After a failure that may have left the object half changed. */
static void start_over(struct tuner *tuner, struct item *item, const char *line)
{
    tuner_unload(item);
    struct err err = ERR_INIT;
    if (tuner_load(tuner, item, &err) != STATUS_OK)
        report(tuner, item, "journal", err.text);
    tuner_back_off(tuner, item, line);
}

static bool by_person(enum campaign_event_kind kind)
{
    return kind == EVENT_PAUSE || kind == EVENT_RESUME || kind == EVENT_CANCEL || kind == EVENT_PROMOTE;
}

/* A fit that cannot work will not work next time: the campaign ends with its line. */
static bool is_hopeless(enum campaign_event_kind kind, enum status s)
{
    bool thinking = kind == EVENT_FIT || kind == EVENT_EXPERIMENT;
    return thinking && (s == STATUS_INVALID || s == STATUS_NOT_PD || s == STATUS_UNPROCESSABLE);
}

static enum status step_failed(struct tuner *tuner, struct item *item, const struct campaign_event *event,
                               enum status s, const struct err *line, struct err *err)
{
    bool untouched = s == STATUS_CONFLICT || s == STATUS_NOT_FOUND || s == STATUS_UNPROCESSABLE;
    if (by_person(event->kind) && untouched)
        return err_set(err, s, "%s", line->text);
    if (event->kind == EVENT_RESULTS && s == STATUS_CORRUPT) { /* nothing has changed: ask again */
        tuner_back_off(tuner, item, line->text);
        return STATUS_OK;
    }
    start_over(tuner, item, line->text);
    if (!is_hopeless(event->kind, s) || item->campaign == NULL)
        return by_person(event->kind) ? err_set(err, s, "%s", line->text) : STATUS_OK;
    item->trouble[0] = '\0';
    struct campaign_event refused = {.kind = EVENT_REFUSED, .line = line->text};
    return tuner_feed(tuner, item, &refused, NULL, "trimtabd", err);
}

static void settle(struct tuner *tuner, struct item *item, const struct campaign_plan *plan)
{
    int64_t now = clock_monotonic_ns();
    item->due_ns = plan->wait ? now + tuner->options.poll_ms * 1000000 : now;
    if (plan->changed)
        report(tuner, item, plan->action, plan->detail);
    tuner_set_active(tuner, item, campaign_is_active(item->campaign));
    if (!item->active)
        tuner_unload(item);
}

enum status tuner_feed(struct tuner *tuner, struct item *item, const struct campaign_event *event, const char *raw,
                       const char *actor, struct err *err)
{
    struct err line = ERR_INIT;
    struct campaign_plan plan;
    bool had_setup = item->campaign->has_setup;
    enum status s = campaign_step(item->campaign, event, &plan, &line);
    if (s != STATUS_OK)
        return step_failed(tuner, item, event, s, &line, err);
    item->failures = 0;
    const char *waits = plan.wait ? plan.detail : "";
    bool news = strcmp(item->trouble, waits) != 0 || event->kind == EVENT_RESULTS;
    memcpy(item->trouble, waits, strlen(waits) + 1);
    if (!plan.changed) {
        if (news)
            tuner_show(tuner, item);
        settle(tuner, item, &plan);
        return STATUS_OK;
    }
    struct journal_change change = {.at_ms = clock_now_ms(tuner->options.clock), .actor = actor};
    if (event->kind == EVENT_EXPERIMENT && !had_setup && item->campaign->has_setup)
        change.experiment = raw;
    if (event->kind == EVENT_RESULTS && campaign_last_round(item->campaign)->state == ROUND_FINAL)
        change.results = raw;
    s = journal(tuner, item, &plan, &change, &line);
    if (s != STATUS_OK) {
        (void)err_wrap(&line, s, "the journal cannot be written");
        start_over(tuner, item, line.text);
        return by_person(event->kind) ? err_set(err, s, "%s", line.text) : STATUS_OK;
    }
    settle(tuner, item, &plan);
    return STATUS_OK;
}

/* Calls. */

static enum status create_body(const struct item *item, struct buf *ret, struct err *err)
{
    struct json *json = NULL;
    struct json_writer w;
    struct json_at create;
    TRY(json_parse(item->file, strlen(item->file), NULL, &json, err));
    struct json_at root = json_root(json);
    enum status s = json_member(&root, "create", JSON_REQUIRED, &create, err);
    json_writer_init(&w, ret);
    if (s == STATUS_OK)
        json_write_value(&w, &create);
    json_free(json);
    return s == STATUS_OK ? buf_status(ret, err) : s;
}

struct answer {
    enum client_verdict verdict;
    struct campaign_event event;
    struct campaign_experiment experiment;
    struct buf raw;
    struct err err;
};

static void ask_create(const struct tuner *tuner, const struct item *item, struct answer *answer)
{
    struct buf body = BUF_INIT;
    answer->event.kind = EVENT_CREATED;
    answer->verdict = CLIENT_LATER;
    if (create_body(item, &body, &answer->err) == STATUS_OK)
        answer->verdict = client_create(&tuner->options.door, item->experiment, buf_string(&body), &answer->err);
    if (answer->verdict == CLIENT_TAKEN || answer->verdict == CLIENT_MISSING)
        answer->verdict = CLIENT_REFUSED; /* another definition of that experiment exists */
    buf_done(&body);
}

static void ask_default(const struct tuner *tuner, const struct item *item, struct answer *answer)
{
    struct buf body = BUF_INIT;
    answer->event.kind = EVENT_PROMOTED;
    answer->verdict = CLIENT_LATER;
    if (client_default_body(item->campaign, &body, &answer->err) == STATUS_OK)
        answer->verdict = client_set_default(&tuner->options.door, item->experiment, buf_string(&body),
                                             &answer->event.version, &answer->err);
    buf_done(&body);
}

static void ask_stop_arm(const struct tuner *tuner, const struct item *item, struct answer *answer)
{
    const struct campaign *campaign = item->campaign;
    const struct campaign_round *round = campaign_last_round(campaign);
    answer->event.kind = EVENT_ARM_STOPPED;
    answer->verdict =
        client_stop_arm(&tuner->options.door, item->experiment, round->number,
                        campaign->trials[round->first_trial + campaign->harmful_arm].arm, campaign->harm, &answer->err);
}

/* Not in the way: without previews the campaign goes on as if the platform had none, unless its cap rests on them. */
static void ask_previews(const struct tuner *tuner, const struct item *item, bool of_arms, struct answer *answer)
{
    enum { TRIES = 3 };
    const struct campaign *campaign = item->campaign;
    struct campaign_previews *previews = NULL;
    answer->event.kind = of_arms ? EVENT_CHECKED : EVENT_PREVIEWS;
    answer->verdict = CLIENT_LATER;
    const enum status s =
        of_arms ? campaign_cap_plan(campaign, &previews, &answer->err)
                : campaign_previews_plan(&campaign->setup, campaign->config.seed, &previews, &answer->err);
    if (s == STATUS_OK) {
        previews->requests = -1; /* no answer yet */
        answer->verdict = client_previews(&tuner->options.door, campaign, previews, &answer->err);
        answer->event.later = answer->verdict == CLIENT_MISSING && previews->requests >= 0;
    }
    if (answer->verdict == CLIENT_OK) {
        answer->event.previews = previews;
        return;
    }
    campaign_previews_free(previews);
    const bool patient = campaign_cap_is_set(&campaign->config);
    if (answer->verdict != CLIENT_LATER || (item->failures >= TRIES && !patient)) {
        answer->verdict = CLIENT_OK;
        answer->event.line = answer->err.text;
    }
}

/* Make the call the campaign waits for; the event is that of a good answer. */
static void ask(const struct tuner *tuner, const struct item *item, struct answer *answer)
{
    const struct client_door *door = &tuner->options.door;
    const struct campaign_round *round = campaign_last_round(item->campaign);
    switch (campaign_call(item->campaign)) {
    case CALL_CREATE:
        ask_create(tuner, item, answer);
        break;
    case CALL_EXPERIMENT:
        answer->event = (struct campaign_event){.kind = EVENT_EXPERIMENT, .experiment = &answer->experiment};
        answer->verdict = client_experiment(door, item->experiment, &answer->raw, &answer->experiment, &answer->err);
        break;
    case CALL_OPEN:
        answer->event.kind = EVENT_OPENED;
        answer->verdict =
            client_open(door, item->experiment, round->number, item->body, &answer->event.at_ms, &answer->err);
        break;
    case CALL_RESULTS:
        answer->event.kind = EVENT_RESULTS;
        answer->verdict =
            client_results(door, item->experiment, round->number, &answer->raw, &answer->event.results, &answer->err);
        break;
    case CALL_STOP:
        answer->event.kind = EVENT_STOPPED;
        answer->verdict = client_stop(door, item->experiment, round->number, "campaign ended its round", &answer->err);
        break;
    case CALL_STOP_ARM:
        ask_stop_arm(tuner, item, answer);
        break;
    case CALL_PREVIEWS:
        ask_previews(tuner, item, false, answer);
        break;
    case CALL_CHECK:
        ask_previews(tuner, item, true, answer);
        break;
    case CALL_DEFAULT:
        ask_default(tuner, item, answer);
        break;
    case CALL_FIT:
        answer->event.kind = EVENT_FIT;
        break;
    case CALL_NONE:
        break;
    }
}

static void put_off(struct tuner *tuner, struct item *item, struct answer *answer)
{
    char line[CAMPAIGN_LINE];
    bool named = strstr(answer->err.text, tuner->options.address) != NULL;
    snprintf(line, sizeof line, "waiting for the experiment API%s%s: %.380s", named ? "" : " at ",
             named ? "" : tuner->options.address, answer->err.text);
    if (answer->event.kind == EVENT_OPENED) {
        struct campaign_plan plan;
        struct campaign_event unsure = {.kind = EVENT_UNSURE};
        if (campaign_step(item->campaign, &unsure, &plan, NULL) != STATUS_OK)
            return;
    }
    tuner_back_off(tuner, item, line);
}

static void take(struct tuner *tuner, struct item *item, struct answer *answer)
{
    char line[CAMPAIGN_LINE];
    snprintf(line, sizeof line, "the experiment API refused: %.480s", answer->err.text);
    if (answer->event.kind == EVENT_ARM_STOPPED) /* refused: the round has ended meanwhile, its results will tell */
        answer->event.line = answer->verdict == CLIENT_OK ? NULL : line;
    else if (answer->verdict == CLIENT_TAKEN)
        answer->event = (struct campaign_event){.kind = EVENT_TAKEN, .line = line};
    else if (answer->verdict == CLIENT_MISSING)
        answer->event = (struct campaign_event){.kind = EVENT_MISSING, .line = line};
    else if (answer->verdict == CLIENT_REFUSED)
        answer->event = (struct campaign_event){.kind = EVENT_REFUSED, .line = line};
    struct err err = ERR_INIT;
    if (tuner_feed(tuner, item, &answer->event, buf_string(&answer->raw), "trimtabd", &err) != STATUS_OK)
        tuner_back_off(tuner, item, err.text);
}

void tuner_step(struct tuner *tuner, struct item *item)
{
    struct err err = ERR_INIT;
    if (tuner_load(tuner, item, &err) != STATUS_OK) {
        tuner_back_off(tuner, item, err.text);
        return;
    }
    if (campaign_call(item->campaign) == CALL_NONE) {
        item->due_ns = clock_monotonic_ns() + INT64_C(1000000000);
        return;
    }
    struct answer *answer = mem_alloc(1, sizeof *answer);
    if (answer == NULL) {
        tuner_back_off(tuner, item, "out of memory");
        return;
    }
    ask(tuner, item, answer);
    if (answer->verdict == CLIENT_LATER)
        put_off(tuner, item, answer);
    else
        take(tuner, item, answer);
    buf_done(&answer->raw);
    mem_free(answer);
}
