/* Answers of an experiment API of any bytes: no crash, and what is accepted holds only numbers a campaign can use. */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "tuner/client/client.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define must(holds) check_that((holds), #holds, __LINE__)

static void check_that(bool holds, const char *what, int line)
{
    if (holds)
        return;
    fprintf(stderr, "line %d does not hold: %s\n", line, what);
    abort();
}

static void decode_previews(const char *text, size_t size)
{
    const struct campaign_setup setup = {.n_heads = 2, .dim = 1, .head = {"click", "save"}};
    struct campaign_previews *previews = campaign_previews_new(2, 1, 2);
    struct err err = ERR_INIT;
    must(previews != NULL);
    if (client_decode_previews(text, size, &setup, 0, 2, previews, &err) != STATUS_OK)
        must(err.text[0] != '\0');
    for (size_t i = 0; i < 4; i++)
        must(isfinite(previews->feature[i]) && previews->feature[i] >= -1.0);
    campaign_previews_free(previews);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    decode_previews((const char *)data, size);
    struct campaign_results *results = NULL;
    struct campaign_experiment experiment;
    struct err err = ERR_INIT;
    if (client_decode_experiment((const char *)data, size, &experiment, &err) == STATUS_OK)
        must(experiment.n_heads >= 1 && experiment.n_heads <= CAMPAIGN_MAX_HEADS && experiment.next_round >= 0);
    else
        must(err.text[0] != '\0');
    if (client_decode_results((const char *)data, size, &results, &err) != STATUS_OK) {
        must(results == NULL && err.text[0] != '\0');
        return 0;
    }
    size_t m = results->n_metrics;
    must(results->n_arms >= 2 && results->n_arms <= CAMPAIGN_MAX_ARMS && m <= CAMPAIGN_MAX_METRICS);
    for (size_t a = 0; a < results->n_arms; a++)
        for (size_t i = 0; i < m; i++) {
            must(!isinf(results->mean[a * m + i]));
            must(!(results->cov[(a * m + i) * m + i] < 0) && !isinf(results->cov[(a * m + i) * m + i]));
            if (results->adjusted_mean == NULL)
                continue;
            must(!isinf(results->adjusted_mean[a * m + i]) && !(results->adjusted_cov[(a * m + i) * m + i] < 0));
        }
    campaign_results_free(results);
    return 0;
}
