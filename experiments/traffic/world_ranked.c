#include "experiments/traffic/world_ranked.h"

#include <string.h>

#include "base/core/mem.h"
#include "ranker/utility.h"

enum { FIRST_CAPACITY = 4096 };

struct world_ranked {
    const struct world *world;
    const struct ranker *ranker;
    const struct world_scores *scores; /* NULL: none */
    struct ranker_scratch *scratch;
    size_t column[WORLD_MAX_HEADS]; /* the ranker's head of each of the world's */
    double weights[WORLD_MAX_HEADS];
    char (*item_text)[WORLD_ITEM_ID];
    float *raw;        /* [candidates * ranker heads] */
    float *looked_up;  /* [candidates * heads] out of the table */
    const float *last; /* one of looked_up and kept */

    /* Open addressing on the request's key; 0 is an empty place.  Row r of `kept` holds candidates * heads floats. */
    uint64_t *keys;
    uint32_t *rows;
    size_t capacity, n_kept, kept_capacity;
    float *kept;
};

static enum status prepare(struct world_ranked *ranked, struct err *err)
{
    const struct world_params *p = world_params(ranked->world);
    TRY(world_scores_heads(p, ranked->ranker, ranked->column, err));
    TRY(ranker_scratch_new(ranked->ranker, &ranked->scratch, err));
    ranked->item_text = mem_alloc((size_t)p->n_items, sizeof *ranked->item_text);
    ranked->raw = mem_alloc((size_t)p->candidates * ranker_n_heads(ranked->ranker), sizeof *ranked->raw);
    ranked->looked_up = mem_alloc((size_t)p->candidates * p->n_heads, sizeof *ranked->looked_up);
    ranked->keys = mem_alloc(FIRST_CAPACITY, sizeof *ranked->keys);
    ranked->rows = mem_alloc(FIRST_CAPACITY, sizeof *ranked->rows);
    if (ranked->item_text == NULL || ranked->raw == NULL || ranked->looked_up == NULL || ranked->keys == NULL ||
        ranked->rows == NULL)
        return err_no_memory(err);
    ranked->capacity = FIRST_CAPACITY;
    for (size_t i = 0; i < (size_t)p->n_items; i++)
        world_item_id(i, ranked->item_text[i]);
    return STATUS_OK;
}

enum status world_ranked_new(const struct world *world, const struct ranker *ranker, const struct world_scores *scores,
                             struct world_ranked **ret, struct err *err)
{
    struct world_ranked *ranked = mem_alloc(1, sizeof *ranked);
    if (ranked == NULL)
        return err_no_memory(err);
    ranked->world = world;
    ranked->ranker = ranker;
    ranked->scores = scores;
    const enum status s = prepare(ranked, err);
    if (s != STATUS_OK) {
        world_ranked_free(ranked);
        return s;
    }
    *ret = ranked;
    return STATUS_OK;
}

void world_ranked_free(struct world_ranked *ranked)
{
    if (ranked == NULL)
        return;
    ranker_scratch_free(ranked->scratch);
    mem_free(ranked->item_text);
    mem_free(ranked->raw);
    mem_free(ranked->looked_up);
    mem_free(ranked->keys);
    mem_free(ranked->rows);
    mem_free(ranked->kept);
    mem_free(ranked);
}

void world_ranked_set(struct world_ranked *ranked, const double *weights)
{
    memcpy(ranked->weights, weights, world_params(ranked->world)->n_heads * sizeof *weights);
}

const float *world_ranked_last(const struct world_ranked *ranked)
{
    return ranked->last;
}

void world_ranked_means(const struct world_ranked *ranked, double *ret)
{
    for (size_t h = 0; h < world_params(ranked->world)->n_heads; h++)
        ret[h] = ranker_head_mean(ranked->ranker, ranked->column[h]);
}

static uint64_t key_of(const struct world_visit *visit)
{
    const uint64_t moment =
        ((uint64_t)(uint32_t)visit->day << 32) | ((uint64_t)visit->session << 16) | (uint64_t)visit->request;
    return rng_mix(rng_mix((uint64_t)visit->user.index) ^ moment) | 1U;
}

/* The place of the key, or the empty one where it belongs. */
static size_t place(const struct world_ranked *ranked, uint64_t key)
{
    size_t at = (size_t)(key >> 1) & (ranked->capacity - 1);
    while (ranked->keys[at] != 0 && ranked->keys[at] != key)
        at = (at + 1) & (ranked->capacity - 1);
    return at;
}

static enum status grow_table(struct world_ranked *ranked, struct err *err)
{
    const struct world_ranked old = *ranked;
    uint64_t *keys = mem_alloc(2 * old.capacity, sizeof *keys);
    uint32_t *rows = mem_alloc(2 * old.capacity, sizeof *rows);
    if (keys == NULL || rows == NULL) {
        mem_free(keys);
        mem_free(rows);
        return err_no_memory(err);
    }
    ranked->keys = keys;
    ranked->rows = rows;
    ranked->capacity = 2 * old.capacity;
    for (size_t i = 0; i < old.capacity; i++) {
        if (old.keys[i] == 0)
            continue;
        const size_t at = place(ranked, old.keys[i]);
        keys[at] = old.keys[i];
        rows[at] = old.rows[i];
    }
    mem_free(old.keys);
    mem_free(old.rows);
    return STATUS_OK;
}

static enum status score(struct world_ranked *ranked, const struct world_visit *visit, const char *const *ids, float *p,
                         struct err *err)
{
    const struct world_params *w = world_params(ranked->world);
    const struct ranker_context context[] = {{"tab", w->tabs[visit->tab].name, 0.0},
                                             {"hour", NULL, (double)visit->hour}};
    const size_t n = (size_t)w->candidates, width = ranker_n_heads(ranked->ranker);
    char user[WORLD_ID];
    world_model_user(ranked->world, &visit->user, user);
    TRY(ranker_score(ranked->ranker, ranked->scratch, user, context, sizeof context / sizeof *context, n, ids,
                     ranked->raw, err));
    for (size_t i = 0; i < n; i++) {
        for (size_t h = 0; h < w->n_heads; h++)
            p[i * w->n_heads + h] = ranked->raw[i * width + ranked->column[h]];
    }
    return STATUS_OK;
}

/* The request's probabilities, from the table, scored now or kept from before. */
static enum status find_p(struct world_ranked *ranked, const struct world_visit *visit, const char *const *ids,
                          const float **ret, struct err *err)
{
    const struct world_params *w = world_params(ranked->world);
    const size_t row_size = (size_t)w->candidates * w->n_heads;
    const uint64_t key = key_of(visit);
    if (ranked->scores != NULL && world_scores_has(ranked->scores, visit)) {
        world_scores_get(ranked->scores, visit, ranked->looked_up);
        *ret = ranked->looked_up;
        return STATUS_OK;
    }
    if (2 * (ranked->n_kept + 1) > ranked->capacity)
        TRY(grow_table(ranked, err));
    const size_t at = place(ranked, key);
    if (ranked->keys[at] == 0) {
        if (ranked->n_kept == ranked->kept_capacity) {
            const size_t capacity = 2 * ranked->n_kept + FIRST_CAPACITY;
            float *kept = mem_resize(ranked->kept, capacity * row_size, sizeof *kept);
            if (kept == NULL)
                return err_no_memory(err);
            ranked->kept = kept;
            ranked->kept_capacity = capacity;
        }
        TRY(score(ranked, visit, ids, ranked->kept + ranked->n_kept * row_size, err));
        ranked->keys[at] = key;
        ranked->rows[at] = (uint32_t)ranked->n_kept++;
    }
    *ret = ranked->kept + ranked->rows[at] * row_size;
    return STATUS_OK;
}

enum status world_ranked_policy(void *context, const struct world_visit *visit, size_t *ret_n, uint32_t *ret_shown,
                                struct err *err)
{
    struct world_ranked *ranked = context;
    const struct world_params *w = world_params(ranked->world);
    const char *ids[WORLD_MAX_CANDIDATES];
    struct utility_entry best[WORLD_MAX_CANDIDATES];
    const float *p = NULL;
    for (size_t i = 0; i < (size_t)w->candidates; i++)
        ids[i] = ranked->item_text[visit->candidates[i]];
    TRY(find_p(ranked, visit, ids, &p, err));
    ranked->last = p;
    *ret_n = utility_top((size_t)w->candidates, w->n_heads, ranked->weights, p, ids, (size_t)w->show, best);
    for (size_t j = 0; j < *ret_n; j++)
        ret_shown[j] = visit->candidates[best[j].index];
    return STATUS_OK;
}
