/* The world's part of article_stage.h. */
#include "base/core/file.h"
#include "base/core/mem.h"
#include "experiments/traffic/world_ranked.h"
#include "ranker/utility.h"
#include "tests/lib/article_stage.h"

enum { FIRST_DAY = 16, MAX_FILE = 1 << 20 };

/* A policy that ranks by the only probability of a binary model; the context is that of world_ranked.h. */
struct by_probability {
    const struct world *world;
    const struct ranker *ranker;
    struct ranker_scratch *scratch;
};

struct stage {
    const struct article_models *models;
    struct world_params params;
    struct world *world;
    struct world_ranked *ranked[ARTICLE_MAX_PAIRS]; /* made when first needed: they keep probabilities */
    int n_days;
};

static void close_stage(void *self)
{
    struct stage *stage = self;
    for (size_t i = 0; i < ARTICLE_MAX_PAIRS; i++)
        world_ranked_free(stage->ranked[i]);
    world_close(stage->world);
    mem_free(stage);
}

static enum status rank_by_probability(void *context, const struct world_visit *visit, size_t *ret_n,
                                       uint32_t *ret_shown, struct err *err)
{
    const struct by_probability *policy = context;
    const struct world_params *w = world_params(policy->world);
    const struct ranker_context request[] = {{"tab", w->tabs[visit->tab].name, 0.0},
                                             {"hour", NULL, (double)visit->hour}};
    const size_t n = (size_t)w->candidates;
    const double one = 1.0;
    char user[WORLD_ID], texts[WORLD_MAX_CANDIDATES][WORLD_ITEM_ID];
    const char *ids[WORLD_MAX_CANDIDATES];
    float p[WORLD_MAX_CANDIDATES];
    struct utility_entry best[WORLD_MAX_CANDIDATES];
    world_model_user(policy->world, &visit->user, user);
    for (size_t i = 0; i < n; i++) {
        world_item_id(visit->candidates[i], texts[i]);
        ids[i] = texts[i];
    }
    TRY(ranker_score(policy->ranker, policy->scratch, user, request, 2, n, ids, p, err));
    *ret_n = utility_top(n, 1, &one, p, ids, (size_t)w->show, best);
    for (size_t j = 0; j < *ret_n; j++)
        ret_shown[j] = visit->candidates[best[j].index];
    return STATUS_OK;
}

static enum status play_binary(const struct stage *stage, struct world_run *run, size_t pair, double *totals,
                               struct err *err)
{
    struct by_probability policy = {stage->world, stage->models->binary[pair], NULL};
    TRY(ranker_scratch_new(policy.ranker, &policy.scratch, err));
    run->policy = rank_by_probability;
    run->context = &policy;
    const enum status s = world_run(run, totals, err);
    ranker_scratch_free(policy.scratch);
    return s;
}

static enum status play(void *self, size_t pair, const double *weights, double *totals, struct err *err)
{
    struct stage *stage = self;
    struct world_run run = {.world = stage->world, .day = FIRST_DAY, .n_days = stage->n_days};
    if (weights == NULL)
        return play_binary(stage, &run, pair, totals, err);
    if (stage->ranked[pair] == NULL)
        TRY(world_ranked_new(stage->world, stage->models->multi[pair], NULL, &stage->ranked[pair], err));
    world_ranked_set(stage->ranked[pair], weights);
    run.policy = world_ranked_policy;
    run.context = stage->ranked[pair];
    return world_run(&run, totals, err);
}

static enum status open_stage(struct stage *stage, struct article_stage *ret, const char *path, uint64_t play_seed,
                              struct err *err)
{
    struct buf text = BUF_INIT;
    enum status s = file_read(path, MAX_FILE, &text, err);
    if (s == STATUS_OK)
        s = world_params_decode(text.data, text.length, &stage->params, err);
    buf_done(&text);
    if (s != STATUS_OK)
        return err_wrap(err, s, "%s", path);
    TRY(world_open(&stage->params, play_seed, &stage->world, err));
    ret->n_types = stage->params.n_heads;
    for (size_t h = 0; h < ret->n_types; h++)
        ret->types[h] = stage->params.heads[h].name;
    TRY(article_stage_find_means(ret, err));
    const struct world_run run = {.world = stage->world, .day = FIRST_DAY, .n_days = stage->n_days};
    int64_t first;
    world_run_users(&run, &first, &ret->n_users);
    return STATUS_OK;
}

enum status article_world_open(const struct article_models *models, const char *world, uint64_t play_seed, int n_days,
                               struct article_stage *ret, struct err *err)
{
    struct stage *stage = mem_alloc(1, sizeof *stage);
    *ret = (struct article_stage){.models = models, .self = stage, .play = play, .close = close_stage};
    if (stage == NULL) {
        ret->close = NULL;
        return err_no_memory(err);
    }
    stage->models = models;
    stage->n_days = n_days;
    const enum status s = open_stage(stage, ret, world, play_seed, err);
    if (s != STATUS_OK)
        article_stage_close(ret);
    return s;
}
