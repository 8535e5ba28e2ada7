#include "tuner/core/campaign_preview.h"

#include "base/core/mem.h"
#include "base/core/rng.h"
#include "tuner/core/design.h"

bool campaign_previews_possible(const struct campaign_setup *setup)
{
    for (size_t k = 0; k < setup->dim; k++) {
        if (setup->dim_head[k] < setup->n_heads)
            return true;
    }
    return false;
}

struct campaign_previews *campaign_previews_new(size_t n, size_t dim, size_t n_heads)
{
    struct campaign_previews *previews = mem_alloc(1, sizeof *previews);
    if (previews == NULL)
        return NULL;
    previews->n = n;
    previews->dim = dim;
    previews->n_heads = n_heads;
    previews->x = mem_alloc(n * dim, sizeof *previews->x);
    previews->feature = mem_alloc(n * n_heads, sizeof *previews->feature);
    if (previews->x != NULL && previews->feature != NULL)
        return previews;
    campaign_previews_free(previews);
    return NULL;
}

void campaign_previews_free(struct campaign_previews *previews)
{
    if (previews == NULL)
        return;
    mem_free(previews->x);
    mem_free(previews->feature);
    mem_free(previews);
}

enum status campaign_previews_plan(const struct campaign_setup *setup, uint64_t seed, struct campaign_previews **ret,
                                   struct err *err)
{
    struct campaign_previews *previews = campaign_previews_new(CAMPAIGN_PREVIEWS, setup->dim, setup->n_heads);
    struct rng rng;
    if (previews == NULL)
        return err_no_memory(err);
    rng_init(&rng, seed, rng_hash_text("previews"), 0);
    design_sobol(previews->n, setup->dim, 0, NULL, &rng, previews->x);
    for (size_t i = 0; i < previews->n; i++)
        space_snap(setup->dim, setup->space, previews->x + i * setup->dim);
    *ret = previews;
    return STATUS_OK;
}

void campaign_previews_set(struct campaign_previews *previews, size_t i, const double *shown, const double *reference)
{
    for (size_t h = 0; h < previews->n_heads; h++)
        previews->feature[i * previews->n_heads + h] = reference[h] > 0.0 ? shown[h] / reference[h] - 1.0 : 0.0;
}
