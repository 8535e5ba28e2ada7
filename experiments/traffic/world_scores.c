#include "experiments/traffic/world_scores.h"

#include <string.h>

#include "base/core/buf.h"
#include "base/core/file.h"
#include "base/core/mem.h"

enum { HOURS = 24 };

struct world_scores {
    const struct world *world;
    const struct ranker *ranker;
    size_t column[WORLD_MAX_HEADS];
    size_t n_contexts, n_items, n_heads;
    char (*item_text)[WORLD_ITEM_ID];
    const char **ids; /* [n_items], into item_text */
    float *p;         /* [n_contexts * n_items * n_heads] */
};

enum status world_scores_heads(const struct world_params *params, const struct ranker *ranker, size_t *ret_column,
                               struct err *err)
{
    for (size_t h = 0; h < params->n_heads; h++) {
        if (!ranker_head_find(ranker, params->heads[h].name, &ret_column[h]))
            return err_set(err, STATUS_UNPROCESSABLE, "the model has no head %s, which the world has",
                           params->heads[h].name);
    }
    return STATUS_OK;
}

static enum status prepare(struct world_scores *scores, struct err *err)
{
    const struct world_params *w = world_params(scores->world);
    TRY(world_scores_heads(w, scores->ranker, scores->column, err));
    scores->n_items = (size_t)w->n_items;
    scores->n_heads = w->n_heads;
    scores->n_contexts = w->n_segments * (size_t)w->n_categories * w->n_tabs * HOURS;
    scores->item_text = mem_alloc(scores->n_items, sizeof *scores->item_text);
    scores->ids = mem_alloc(scores->n_items, sizeof *scores->ids);
    scores->p = mem_alloc(scores->n_contexts * scores->n_items, scores->n_heads * sizeof *scores->p);
    if (scores->item_text == NULL || scores->ids == NULL || scores->p == NULL)
        return err_no_memory(err);
    for (size_t i = 0; i < scores->n_items; i++) {
        world_item_id(i, scores->item_text[i]);
        scores->ids[i] = scores->item_text[i];
    }
    return STATUS_OK;
}

enum status world_scores_new(const struct world *world, const struct ranker *ranker, struct world_scores **ret,
                             struct err *err)
{
    struct world_scores *scores = mem_alloc(1, sizeof *scores);
    if (scores == NULL)
        return err_no_memory(err);
    scores->world = world;
    scores->ranker = ranker;
    const enum status s = prepare(scores, err);
    if (s != STATUS_OK) {
        world_scores_free(scores);
        return s;
    }
    *ret = scores;
    return STATUS_OK;
}

void world_scores_free(struct world_scores *scores)
{
    if (scores == NULL)
        return;
    mem_free(scores->item_text);
    mem_free(scores->ids);
    mem_free(scores->p);
    mem_free(scores);
}

static size_t context_of(const struct world_params *w, int segment, int interest, int tab, int hour)
{
    const size_t persona = (size_t)segment * (size_t)w->n_categories + (size_t)interest;
    return (persona * w->n_tabs + (size_t)tab) * HOURS + (size_t)hour;
}

/* raw [n_items * ranker heads] is storage. */
static enum status fill_context(struct world_scores *scores, size_t context, struct ranker_scratch *scratch, float *raw,
                                struct err *err)
{
    const struct world_params *w = world_params(scores->world);
    const size_t hour = context % HOURS, tab = context / HOURS % w->n_tabs, persona = context / HOURS / w->n_tabs;
    const struct world_user user = {.index = w->log_users,
                                    .segment = (int)(persona / (size_t)w->n_categories),
                                    .interest = (int)(persona % (size_t)w->n_categories)};
    const struct ranker_context about[] = {{"tab", w->tabs[tab].name, 0.0}, {"hour", NULL, (double)hour}};
    const size_t width = ranker_n_heads(scores->ranker);
    char name[WORLD_ID];
    world_model_user(scores->world, &user, name);
    TRY(ranker_score(scores->ranker, scratch, name, about, sizeof about / sizeof *about, scores->n_items, scores->ids,
                     raw, err));
    float *p = scores->p + context * scores->n_items * scores->n_heads;
    for (size_t i = 0; i < scores->n_items; i++) {
        for (size_t h = 0; h < scores->n_heads; h++)
            p[i * scores->n_heads + h] = raw[i * width + scores->column[h]];
    }
    return STATUS_OK;
}

enum status world_scores_fill(struct world_scores *scores, size_t part, size_t parts, struct err *err)
{
    struct ranker_scratch *scratch = NULL;
    float *raw = mem_alloc(scores->n_items * ranker_n_heads(scores->ranker), sizeof *raw);
    enum status s = raw != NULL ? ranker_scratch_new(scores->ranker, &scratch, err) : err_no_memory(err);
    for (size_t c = part; s == STATUS_OK && c < scores->n_contexts; c += parts)
        s = fill_context(scores, c, scratch, raw, err);
    ranker_scratch_free(scratch);
    mem_free(raw);
    return s;
}

/* The head of the file: which model, and how many floats follow. */
struct table_head {
    char model[64];
    uint64_t n_floats;
};

static struct table_head head_of(const struct world_scores *scores)
{
    struct table_head head = {.n_floats = scores->n_contexts * scores->n_items * scores->n_heads};
    memcpy(head.model, ranker_model_hash(scores->ranker), sizeof head.model);
    return head;
}

enum status world_scores_write(const struct world_scores *scores, const char *path, struct err *err)
{
    const struct table_head head = head_of(scores);
    struct buf bytes = BUF_INIT;
    buf_add(&bytes, &head, sizeof head);
    buf_add(&bytes, scores->p, head.n_floats * sizeof *scores->p);
    enum status s = buf_status(&bytes, err);
    if (s == STATUS_OK)
        s = file_write_atomic(path, bytes.data, bytes.length, 0644, err);
    buf_done(&bytes);
    return s;
}

enum status world_scores_read(struct world_scores *scores, const char *path, struct err *err)
{
    const struct table_head head = head_of(scores);
    const size_t size = head.n_floats * sizeof *scores->p;
    struct buf bytes = BUF_INIT;
    enum status s = file_read(path, sizeof head + size, &bytes, err);
    if (s == STATUS_OK && (bytes.length != sizeof head + size || memcmp(bytes.data, &head, sizeof head) != 0))
        s = err_set(err, STATUS_CONFLICT, "%s is the table of another world or model", path);
    if (s == STATUS_OK)
        memcpy(scores->p, bytes.data + sizeof head, size);
    buf_done(&bytes);
    return s;
}

bool world_scores_has(const struct world_scores *scores, const struct world_visit *visit)
{
    return visit->user.index >= world_params(scores->world)->log_users;
}

void world_scores_get(const struct world_scores *scores, const struct world_visit *visit, float *ret_p)
{
    const struct world_params *w = world_params(scores->world);
    const size_t context = context_of(w, visit->user.segment, visit->user.interest, visit->tab, visit->hour);
    const float *p = scores->p + context * scores->n_items * scores->n_heads;
    for (size_t i = 0; i < (size_t)w->candidates; i++)
        __builtin_prefetch(p + visit->candidates[i] * scores->n_heads); /* they lie all over the table */
    for (size_t i = 0; i < (size_t)w->candidates; i++)
        memcpy(ret_p + i * scores->n_heads, p + visit->candidates[i] * scores->n_heads, scores->n_heads * sizeof *p);
}
