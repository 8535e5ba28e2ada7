#include <stdio.h>
#include <string.h>

#include "base/core/mem.h"
#include "base/core/rng.h"
#include "tuner/service/campaign_file.h"
#include "tuner/service/campaign_json.h"
#include "tuner/service/tuner_internal.h"

/* A launch on its way: what the file says, and what the experiment API said of it. */
struct launch {
    struct campaign_config config;
    bool create, known; /* create: still to be put; known: experiment and raw hold its answer */
    struct campaign_experiment experiment;
    struct buf file, body, raw; /* body: of the create */
    struct err trouble;         /* why the API could not be asked */
};

static enum status read_file(const struct tuner_request *request, struct launch *launch, struct err *err)
{
    struct json *json = NULL;
    struct json_at create;
    bool has_create = false;
    struct json_writer w;
    TRY(json_parse(request->body, request->n, NULL, &json, err));
    struct json_at root = json_root(json);
    enum status s = campaign_file_decode(&root, &launch->config, &has_create, err);
    if (s == STATUS_OK && request->create && !has_create)
        s = err_set(err, STATUS_INVALID, "create is missing in the file: it is needed to create experiment %s",
                    launch->config.experiment);
    json_writer_init(&w, &launch->file);
    if (s == STATUS_OK)
        json_write_value(&w, &root);
    if (s == STATUS_OK && request->create)
        s = json_member(&root, "create", JSON_REQUIRED, &create, err);
    json_writer_init(&w, &launch->body);
    if (s == STATUS_OK && request->create)
        json_write_value(&w, &create);
    json_free(json);
    TRY(s);
    TRY(buf_status(&launch->body, err));
    launch->create = request->create;
    return buf_status(&launch->file, err);
}

static enum status check_alone(const struct tuner *tuner, const char *experiment, struct err *err)
{
    for (size_t i = 0; i < tuner->n_items; i++) {
        const struct item *item = tuner->items[i];
        if (item->active && strcmp(item->experiment, experiment) == 0)
            return err_set(
                err, STATUS_CONFLICT,
                "campaign %lld of experiment %s is still active: cancel it, and wait until its round has stopped",
                (long long)item->id, experiment);
    }
    return STATUS_OK;
}

/* Create and read the experiment while the person waits.  What the API does not answer is left for later. */
static enum status ask_api(const struct tuner *tuner, struct launch *launch, struct err *err)
{
    const struct client_door *door = &tuner->options.door;
    const char *experiment = launch->config.experiment;
    struct err line = ERR_INIT;
    enum client_verdict v = CLIENT_OK;
    if (launch->create) {
        v = client_create(door, experiment, buf_string(&launch->body), &line);
        if (v == CLIENT_TAKEN)
            return err_set(err, STATUS_CONFLICT, "create: %s", line.text);
        if (v != CLIENT_OK && v != CLIENT_LATER)
            return err_set(err, STATUS_UNPROCESSABLE, "create: %s", line.text);
        launch->create = v != CLIENT_OK;
    }
    if (v == CLIENT_OK)
        v = client_experiment(door, experiment, &launch->raw, &launch->experiment, &line);
    if (v == CLIENT_MISSING)
        return err_set(
            err, STATUS_UNPROCESSABLE,
            "experiment is \"%s\": the experiment API has none of that name; create it, or launch with create",
            experiment);
    launch->known = v == CLIENT_OK;
    launch->trouble = line;
    if (v == CLIENT_LATER || v == CLIENT_OK)
        return STATUS_OK;
    return err_set(err, STATUS_UNPROCESSABLE, "experiment %s: %s", experiment, line.text);
}

static enum status make_uuid(char ret[CAMPAIGN_NAME], struct err *err)
{
    uint8_t b[16];
    TRY(rng_secret(b, sizeof b, err));
    b[6] = (uint8_t)((b[6] & 0x0f) | 0x40); /* RFC 9562: version 4, variant 10 */
    b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
    snprintf(ret, CAMPAIGN_NAME, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
             b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
    return STATUS_OK;
}

static enum status insert(struct tuner *tuner, struct launch *launch, struct item **ret, struct err *err)
{
    char uuid[CAMPAIGN_NAME];
    struct campaign *campaign = NULL;
    struct buf status = BUF_INIT;
    int64_t id = 0, now = clock_now_ms(tuner->options.clock);
    TRY(make_uuid(uuid, err));
    TRY(campaign_new(&launch->config, uuid, launch->create, &campaign, err));
    enum status s = campaign_json_status(campaign, "launched", now, now, &status, err);
    if (s == STATUS_OK) {
        struct journal_change change = {.campaign = campaign,
                                        .at_ms = now,
                                        .file = buf_string(&launch->file),
                                        .status = buf_string(&status),
                                        .first_round = SIZE_MAX,
                                        .first_trial = SIZE_MAX,
                                        .actor = "operator",
                                        .action = "launched",
                                        .detail = launch->config.name};
        s = journal_save(tuner->journal, &change, &id, err);
    }
    campaign_free(campaign);
    buf_done(&status);
    TRY(s);
    struct item *item = tuner_add_item(tuner, id);
    if (item == NULL)
        return err_no_memory(err);
    tuner_set_active(tuner, item, true);
    item->created_ms = item->updated_ms = now;
    snprintf(item->experiment, sizeof item->experiment, "%s", launch->config.experiment);
    *ret = item;
    return tuner_load(tuner, item, err);
}

static enum status go(struct tuner *tuner, struct launch *launch, struct item *item, struct err *err)
{
    tuner_show(tuner, item);
    if (launch->known) {
        struct campaign_event event = {.kind = EVENT_EXPERIMENT, .experiment = &launch->experiment};
        return tuner_feed(tuner, item, &event, buf_string(&launch->raw), "trimtabd", err);
    }
    char line[CAMPAIGN_LINE];
    snprintf(line, sizeof line, "waiting for the experiment API at %s: %.300s", tuner->options.address,
             launch->trouble.text);
    tuner_back_off(tuner, item, line);
    return STATUS_OK;
}

static enum status launch(struct tuner *tuner, const struct tuner_request *request, struct item **ret, struct err *err)
{
    struct launch *launch = mem_alloc(1, sizeof *launch);
    struct campaign_setup setup;
    if (launch == NULL)
        return err_no_memory(err);
    enum status s = read_file(request, launch, err);
    if (s == STATUS_OK)
        s = check_alone(tuner, launch->config.experiment, err);
    if (s == STATUS_OK)
        s = ask_api(tuner, launch, err);
    if (s == STATUS_OK && launch->known)
        s = campaign_setup_make(&launch->config, &launch->experiment, &setup, err);
    if (s == STATUS_OK)
        s = insert(tuner, launch, ret, err);
    if (s == STATUS_OK)
        s = go(tuner, launch, *ret, err);
    buf_done(&launch->file);
    buf_done(&launch->body);
    buf_done(&launch->raw);
    mem_free(launch);
    return s;
}

static enum status act(struct tuner *tuner, const struct tuner_request *request, struct item **ret, struct err *err)
{
    static const enum campaign_event_kind KINDS[] = {
        [TUNER_PAUSE] = EVENT_PAUSE,
        [TUNER_RESUME] = EVENT_RESUME,
        [TUNER_CANCEL] = EVENT_CANCEL,
        [TUNER_PROMOTE] = EVENT_PROMOTE,
    };
    struct item *item = tuner_find(tuner, request->campaign);
    if (item == NULL)
        return err_set(err, STATUS_NOT_FOUND, "there is no campaign %lld", (long long)request->campaign);
    *ret = item;
    bool was_active = item->active;
    if (!was_active && request->kind == TUNER_PROMOTE)
        TRY(check_alone(tuner, item->experiment, err));
    TRY(tuner_load(tuner, item, err));
    struct campaign_event event = {.kind = KINDS[request->kind], .trial = request->trial};
    enum status s = tuner_feed(tuner, item, &event, NULL, "operator", err);
    if (s != STATUS_OK && !was_active)
        tuner_unload(item);
    return s;
}

enum status tuner_answer(struct tuner *tuner, const struct tuner_request *request, struct item **ret_item,
                         struct err *err)
{
    return request->kind == TUNER_LAUNCH ? launch(tuner, request, ret_item, err) : act(tuner, request, ret_item, err);
}
