#include "tuner/core/campaign_preview.h"

#include <math.h>
#include <string.h>

#include "base/core/mem.h"
#include "base/core/rng.h"
#include "tuner/core/design.h"

static bool is_weight(const struct campaign_setup *setup, size_t k)
{
    return setup->dim_head[k] < setup->n_heads;
}

static size_t count_weights(const struct campaign_setup *setup)
{
    size_t n = 0;
    for (size_t k = 0; k < setup->dim; k++)
        n += is_weight(setup, k);
    return n;
}

bool campaign_previews_possible(const struct campaign_setup *setup)
{
    return count_weights(setup) > 0;
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
    previews->overlap = mem_alloc(n, sizeof *previews->overlap);
    if (previews->x != NULL && previews->feature != NULL && previews->overlap != NULL)
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
    mem_free(previews->overlap);
    mem_free(previews);
}

enum status campaign_previews_plan(const struct campaign_setup *setup, uint64_t seed, struct campaign_previews **ret,
                                   struct err *err)
{
    const size_t dim = setup->dim;
    struct campaign_previews *previews =
        campaign_previews_new(CAMPAIGN_PREVIEWS + 2 * count_weights(setup), dim, setup->n_heads);
    struct rng rng;
    if (previews == NULL)
        return err_no_memory(err);
    rng_init(&rng, seed, rng_hash_text("previews"), 0);
    design_sobol(CAMPAIGN_PREVIEWS, dim, 0, NULL, &rng, previews->x);
    for (size_t i = 0; i < CAMPAIGN_PREVIEWS; i++)
        space_snap(dim, setup->space, previews->x + i * dim);
    double *end = previews->x + CAMPAIGN_PREVIEWS * dim;
    for (size_t k = 0; k < dim; k++) {
        for (int side = 0; side < 2 && is_weight(setup, k); side++, end += dim) {
            memcpy(end, setup->control_x, dim * sizeof *end);
            end[k] = side;
        }
    }
    *ret = previews;
    return STATUS_OK;
}

void campaign_previews_set(struct campaign_previews *previews, size_t i, const double *shown, const double *reference,
                           double overlap)
{
    for (size_t h = 0; h < previews->n_heads; h++)
        previews->feature[i * previews->n_heads + h] = reference[h] > 0.0 ? shown[h] / reference[h] - 1.0 : 0.0;
    previews->overlap[i] = overlap;
}

void campaign_previews_turnover(const struct campaign_previews *previews, const struct campaign_setup *setup,
                                double *ret)
{
    const size_t n_ends = 2 * count_weights(setup);
    for (size_t h = 0; h < setup->n_heads; h++)
        ret[h] = nan("");
    if (previews->n < n_ends)
        return;
    const double *end = previews->overlap + previews->n - n_ends;
    for (size_t k = 0; k < setup->dim; k++) {
        if (!is_weight(setup, k))
            continue;
        ret[setup->dim_head[k]] = 1.0 - fmin(end[0], end[1]);
        end += 2;
    }
}
