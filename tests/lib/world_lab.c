#include "tests/lib/world_lab.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/core/file.h"
#include "base/core/mem.h"
#include "base/json/json.h"
#include "tuner/service/campaign_file.h"

enum { PATH_SIZE = 512, MAX_THREADS = 64 };

struct crew {
    atomic_size_t next;
    size_t n;
    enum status (*work)(void *context, size_t i, struct err *err);
    void *context;
    pthread_mutex_t lock; /* of err */
    struct err err;
};

static void *crew_member(void *argument)
{
    struct crew *crew = argument;
    for (size_t i; (i = atomic_fetch_add(&crew->next, 1)) < crew->n;) {
        struct err err = ERR_INIT;
        if (crew->work(crew->context, i, &err) == STATUS_OK)
            continue;
        (void)pthread_mutex_lock(&crew->lock);
        if (crew->err.status == STATUS_OK)
            crew->err = err;
        (void)pthread_mutex_unlock(&crew->lock);
        atomic_store(&crew->next, crew->n);
    }
    return NULL;
}

enum status world_lab_parallel(size_t n_threads, size_t n,
                               enum status (*work)(void *context, size_t i, struct err *err), void *context,
                               struct err *err)
{
    struct crew crew = {.n = n, .work = work, .context = context, .lock = PTHREAD_MUTEX_INITIALIZER, .err = ERR_INIT};
    pthread_t threads[MAX_THREADS];
    size_t started = 0;
    while (started + 1 < n_threads && started < MAX_THREADS &&
           pthread_create(&threads[started], NULL, crew_member, &crew) == 0)
        started++;
    (void)crew_member(&crew);
    for (size_t t = 0; t < started; t++)
        (void)pthread_join(threads[t], NULL);
    return crew.err.status == STATUS_OK ? STATUS_OK : err_set(err, crew.err.status, "%s", crew.err.text);
}

static enum status read_world(const char *path, struct world_params *ret, struct err *err)
{
    struct buf text = BUF_INIT;
    enum status s = file_read(path, 1 << 20, &text, err);
    if (s == STATUS_OK)
        s = world_params_decode(text.data, text.length, ret, err);
    buf_done(&text);
    return s == STATUS_OK ? s : err_wrap(err, s, "%s", path);
}

static enum status read_campaign(const char *path, struct campaign_config *ret, struct err *err)
{
    struct buf text = BUF_INIT;
    struct json *json = NULL;
    bool has_create = false;
    enum status s = file_read(path, 1 << 20, &text, err);
    if (s == STATUS_OK)
        s = json_parse(text.data, text.length, NULL, &json, err);
    if (s == STATUS_OK) {
        const struct json_at root = json_root(json);
        s = campaign_file_decode(&root, ret, &has_create, err);
    }
    json_free(json);
    buf_done(&text);
    return s == STATUS_OK ? s : err_wrap(err, s, "%s", path);
}

static enum status read_files(const char *worlds, const char *rankers, const char *name, struct world_lab *lab,
                              struct err *err)
{
    char path[PATH_SIZE], dataset[PATH_SIZE];
    (void)snprintf(path, sizeof path, "%s/%s.json", worlds, name);
    TRY(read_world(path, &lab->params, err));
    (void)snprintf(path, sizeof path, "%s/%s.campaign.json", worlds, name);
    TRY(read_campaign(path, &lab->config, err));
    (void)snprintf(path, sizeof path, "%s/%s/model", rankers, name);
    (void)snprintf(dataset, sizeof dataset, "%s/%s/dataset", rankers, name);
    return ranker_open(path, dataset, &lab->ranker, err);
}

/* The campaign's own idea of control, box and guardrails. */
static enum status join(struct world_lab *lab, struct err *err)
{
    struct world_experiment *experiment = NULL;
    struct campaign_experiment facts;
    TRY(world_experiment_open(&lab->params, lab->ranker, lab->scores, 0, &experiment, err));
    world_experiment_facts(experiment, &facts);
    world_experiment_close(experiment);
    TRY(campaign_setup_make(&lab->config, &facts, &lab->setup, err));
    for (size_t i = 0; i < lab->setup.n_metrics; i++) {
        for (size_t h = 0; h < lab->params.n_heads; h++) {
            if (strcmp(lab->params.heads[h].name, lab->setup.metric[i]) == 0)
                lab->values[h] = lab->setup.omega[i];
        }
    }
    return STATUS_OK;
}

struct filling {
    struct world_scores *scores;
    size_t parts;
};

static enum status fill(void *context, size_t part, struct err *err)
{
    const struct filling *filling = context;
    return world_scores_fill(filling->scores, part, filling->parts, err);
}

/* Read from RANKERS/NAME/scores, or made and kept there. */
static enum status find_scores(struct world_lab *lab, const char *rankers, const char *name, size_t n_threads,
                               struct err *err)
{
    char path[PATH_SIZE];
    struct filling filling = {lab->scores, 16 * n_threads};
    (void)snprintf(path, sizeof path, "%s/%s/scores", rankers, name);
    if (world_scores_read(lab->scores, path, NULL) == STATUS_OK)
        return STATUS_OK;
    TRY(world_lab_parallel(n_threads, filling.parts, fill, &filling, err));
    return world_scores_write(lab->scores, path, err);
}

enum status world_lab_open(const char *worlds, const char *rankers, const char *name, size_t n_threads,
                           struct world_lab *lab, struct err *err)
{
    *lab = (struct world_lab){.world = NULL};
    TRY(read_files(worlds, rankers, name, lab, err));
    TRY(world_open(&lab->params, 0, &lab->world, err));
    TRY(world_scores_new(lab->world, lab->ranker, &lab->scores, err));
    TRY(find_scores(lab, rankers, name, n_threads, err));
    return join(lab, err);
}

void world_lab_close(struct world_lab *lab)
{
    world_scores_free(lab->scores);
    world_close(lab->world);
    ranker_close(lab->ranker);
    *lab = (struct world_lab){.world = NULL};
}

enum status world_lab_judge(const struct world_lab *lab, const struct world_truth_span *span, size_t n_seeds,
                            struct world_judge **ret, struct err *err)
{
    const struct world_judge_options options = {.params = &lab->params,
                                                .ranker = lab->ranker,
                                                .scores = lab->scores,
                                                .values = lab->values,
                                                .control = lab->setup.control.weight,
                                                .span = *span,
                                                .n_seeds = n_seeds};
    return world_judge_open(&options, ret, err);
}

static size_t guarded_head(const struct world_lab *lab, size_t g)
{
    const char *metric = lab->setup.metric[lab->setup.guardrail_metric[g]];
    size_t h = 0;
    while (h < lab->params.n_heads && strcmp(lab->params.heads[h].name, metric) != 0)
        h++;
    return h;
}

double world_lab_excess(const struct world_lab *lab, const struct world_effect *effect)
{
    double worst = -HUGE_VAL;
    for (size_t g = 0; g < lab->setup.n_guardrails; g++) {
        const double r = effect->relative[WORLD_RUN_HEADS + guarded_head(lab, g)];
        worst = fmax(worst, lab->setup.guardrail_sense[g] * r - lab->setup.threshold[g]);
    }
    return worst;
}
