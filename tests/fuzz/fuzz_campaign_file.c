/* Campaign files of any bytes: no crash, a refusal has its line and changes nothing, and what is accepted either fits
 * the experiment of the test or is refused with a line too. */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tuner/core/campaign_setup.h"
#include "tuner/service/campaign_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define must(holds) check_that((holds), #holds, __LINE__)

static void check_that(bool holds, const char *what, int line)
{
    if (holds)
        return;
    fprintf(stderr, "line %d does not hold: %s\n", line, what);
    abort();
}

static const struct campaign_experiment FEED = {
    .name = "feed",
    .n_heads = 3,
    .head = {"click", "save", "hide"},
    .head_mean = {0.31, 0.043, 0.0173},
    .head_sd = {0.21, 0.031, 0.011},
    .default_weight = {1, 3.5, -2},
    .n_metrics = 3,
    .metric = {{"click", "click"}, {"save", "save"}, {"hide", "hide"}},
};

static void check_setup(const struct campaign_setup *setup)
{
    struct campaign_point point;
    double x[OPTIMIZER_MAX_DIM], back[OPTIMIZER_MAX_DIM];
    must(setup->dim >= 1 && setup->dim <= OPTIMIZER_MAX_DIM && setup->reference < setup->n_heads);
    for (size_t j = 0; j < setup->dim; j++) {
        must(setup->control_x[j] >= -1e-9 && setup->control_x[j] <= 1 + 1e-9);
        x[j] = 0.25 + 0.5 / (double)(j + 1);
    }
    campaign_setup_decode(setup, x, &point);
    must(campaign_setup_encode(setup, &point, back));
    for (size_t j = 0; j < setup->dim; j++)
        must(setup->levels[j] != 0 || fabs(back[j] - x[j]) < 1e-6);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct json *json = NULL;
    struct campaign_config config = {.seed = 4711};
    struct campaign_setup setup;
    struct err err = ERR_INIT;
    bool has_create = false;
    if (json_parse((const char *)data, size, NULL, &json, &err) != STATUS_OK)
        return 0;
    struct json_at root = json_root(json);
    enum status s = campaign_file_decode(&root, &config, &has_create, &err);
    json_free(json);
    must(s == STATUS_OK || (s == STATUS_INVALID && err.text[0] != '\0' && config.seed == 4711));
    if (s != STATUS_OK)
        return 0;
    must(config.arms >= 2 && config.arms < CAMPAIGN_MAX_ARMS && config.n_guardrails < OPTIMIZER_MAX_OUTCOMES);
    if (campaign_setup_make(&config, &FEED, &setup, &err) == STATUS_OK)
        check_setup(&setup);
    else
        must(err.text[0] != '\0');
    return 0;
}
