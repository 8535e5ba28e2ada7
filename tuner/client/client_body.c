#include <stdio.h>

#include "base/json/json_write.h"
#include "tuner/client/client.h"

static void write_weights(struct json_writer *w, const struct campaign *campaign, const struct campaign_point *point)
{
    json_write_key(w, "weights");
    json_write_object(w);
    for (size_t h = 0; h < campaign->setup.n_heads; h++) {
        json_write_key(w, campaign->setup.head[h]);
        json_write_number(w, point->weight[h]);
    }
    json_write_object_end(w);
}

static void write_arm(struct json_writer *w, const struct campaign *campaign, const struct campaign_trial *trial)
{
    json_write_object(w);
    json_write_key(w, "id");
    json_write_string(w, trial->arm);
    write_weights(w, campaign, &trial->point);
    json_write_key(w, "params");
    json_write_object(w);
    for (size_t p = 0; p < campaign->setup.n_params; p++) {
        json_write_key(w, campaign->config.param[p].name);
        json_write_number(w, trial->point.param[p]);
    }
    json_write_object_end(w);
    json_write_key(w, "allocation");
    json_write_number(w, trial->allocation);
    json_write_object_end(w);
}

static void write_end(struct json_writer *w, const struct campaign_round *round)
{
    json_write_key(w, "end");
    json_write_object(w);
    if (round->units_per_arm > 0) {
        json_write_key(w, "units_per_arm");
        json_write_int(w, round->units_per_arm);
    }
    if (round->at_ms > 0) {
        json_write_key(w, "at_ms");
        json_write_int(w, round->at_ms);
    }
    json_write_object_end(w);
}

enum status client_round_body(const struct campaign *campaign, struct buf *ret, struct err *err)
{
    const struct campaign_round *round = campaign_last_round(campaign);
    struct json_writer w;
    json_writer_init(&w, ret);
    json_write_object(&w);
    json_write_key(&w, "purpose");
    json_write_string(&w, campaign_aim_text(round->purpose));
    json_write_key(&w, "campaign");
    json_write_string(&w, campaign->uuid);
    json_write_key(&w, "salt");
    json_write_string(&w, round->salt);
    json_write_key(&w, "exclude_seen");
    json_write_bool(&w, round->purpose == AIM_CONFIRM && campaign->config.exclude_seen);
    json_write_key(&w, "arms");
    json_write_array(&w);
    for (size_t a = 0; a < round->n_arms; a++)
        write_arm(&w, campaign, &campaign->trials[round->first_trial + a]);
    json_write_array_end(&w);
    write_end(&w, round);
    json_write_key(&w, "settle_ms");
    json_write_int(&w, campaign->config.settle_ms);
    json_write_key(&w, "washout_ms");
    json_write_int(&w, campaign->config.washout_ms);
    json_write_object_end(&w);
    return buf_status(ret, err);
}

enum status client_default_body(const struct campaign *campaign, struct buf *ret, struct err *err)
{
    const struct campaign_trial *trial = campaign_find_trial(campaign, campaign->memory.candidate);
    char reason[128];
    snprintf(reason, sizeof reason, "campaign %s, trial %lld", campaign->uuid, (long long)trial->n);
    struct json_writer w;
    json_writer_init(&w, ret);
    json_write_object(&w);
    write_weights(&w, campaign, &trial->point);
    json_write_key(&w, "if_version");
    json_write_int(&w, campaign->memory.version_before);
    json_write_key(&w, "reason");
    json_write_string(&w, reason);
    json_write_object_end(&w);
    return buf_status(ret, err);
}
