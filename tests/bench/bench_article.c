/* bench_article: a multi-task ranker against a binary one, for every engagement type (scripts/reproduce-article).
 *
 *   bench_article --multi A,B,.. --binary A,B,.. --dataset FILE (--days A..B | --world FILE) [--negative HEAD] ..
 *
 * Three ways of ranking the same slates or the same people (article_stage.h): binary; multi-task with plug-in weights,
 * every engagement type worth the same; multi-task with tuned weights (article_tune.h), on people who take no part in
 * the judgement: of a log each part of the users is judged with what was tuned on the other, in a world other play
 * seeds are other people.  A negative type (hide) has no weight in any of the ways and is only reported. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/core/file.h"
#include "base/core/mem.h"
#include "base/core/opt.h"
#include "base/json/json_write.h"
#include "ranker/day.h"
#include "tests/lib/article_tune.h"

static struct {
    const char *multi, *binary, *dataset, *days, *world, *negative, *out;
    int64_t play_days, replicates, seed, search;
} options = {.negative = "", .play_days = 2, .replicates = 1000, .seed = 1, .search = 8};

static const struct opt OPTIONS[] = {
    {"multi", OPT_TEXT, &options.multi, "FILES", "multi-task models, comma-separated", 0, 0},
    {"binary", OPT_TEXT, &options.binary, "FILES", "binary models, one for each of them", 0, 0},
    {"dataset", OPT_TEXT, &options.dataset, "FILE", "the dataset of all models", 0, 0},
    {"days", OPT_TEXT, &options.days, "A..B", "replay slates of these days of the dataset", 0, 0},
    {"world", OPT_TEXT, &options.world, "FILE", "play people of this world", 0, 0},
    {"play-days", OPT_INT, &options.play_days, "N", "days of a world", 1, 30},
    {"negative", OPT_TEXT, &options.negative, "HEAD", "what is no engagement: reported, without a weight", 0, 0},
    {"search", OPT_INT, &options.search, "N", "generations of the search for weights", 1, 100},
    {"replicates", OPT_INT, &options.replicates, "N", "draws of the users", 2, 100000},
    {"seed", OPT_INT, &options.seed, "N", "seed of draws and search; in a world also of the people", 0, 9e15},
    {"json", OPT_TEXT, &options.out, "FILE", "every number as JSON", 0, 0},
    OPT_END,
};

static bool is_engagement(const struct article_stage *stage, size_t k)
{
    return article_is_engagement(stage, options.negative, k);
}

static struct article_search search_of(void)
{
    return (struct article_search){options.search, (uint64_t)options.seed, options.negative, stderr};
}

enum { PLUG_IN, TUNED, N_WAYS };

static const char *const WAYS[N_WAYS] = {"plug_in", "tuned"}, *const TITLES[N_WAYS] = {"plug-in weights",
                                                                                       "tuned weights"};

struct report {
    const struct article_stage *stage;
    double shares[ARTICLE_PARTS][DATASET_MAX_HEADS]; /* tuned; of a world both are the same */
    struct article_comparison against[N_WAYS];
};

/* In a world: on other people, one day of one pair. */
static enum status tune_in_world(const struct article_models *models, struct report *report, struct err *err)
{
    const struct article_search search = search_of();
    struct article_stage other;
    TRY(article_world_open(models, options.world, (uint64_t)options.seed + 1000, 1, &other, err));
    const enum status s = article_tune(&other, &search, 1, 0, report->shares[0], err);
    article_stage_close(&other);
    memcpy(report->shares[1], report->shares[0], sizeof report->shares[0]);
    return s;
}

static enum status tune(const struct article_models *models, struct report *report, struct err *err)
{
    const struct article_search search = search_of();
    return report->stage->part == NULL ? tune_in_world(models, report, err)
                                       : article_tune_across(report->stage, &search, report->shares, err);
}

static enum status judge(struct report *report, struct article_way ways[N_WAYS + 1], struct err *err)
{
    const struct article_stage *stage = report->stage;
    double equal[DATASET_MAX_HEADS] = {0.0};
    for (size_t k = 0; k < stage->n_types; k++)
        equal[k] = is_engagement(stage, k) ? 1.0 : 0.0;
    for (size_t i = 0; i <= N_WAYS; i++)
        TRY(article_way_new(stage->n_users, stage->n_types, &ways[i], err));
    TRY(article_stage_play(stage, stage->models->n, NULL, &ways[N_WAYS], err));
    TRY(article_stage_play(stage, stage->models->n, equal, &ways[PLUG_IN], err));
    TRY(article_play_across(stage, report->shares, &ways[TUNED], err));
    for (size_t i = 0; i < N_WAYS; i++)
        TRY(article_compare(&ways[i], &ways[N_WAYS], (size_t)options.replicates, (uint64_t)options.seed,
                            &report->against[i], err));
    return STATUS_OK;
}

static void print_effect(const struct article_effect *e)
{
    printf("  %8.4f %8.4f %+7.1f %% [%+6.1f %+6.1f]", e->b, e->a, 100.0 * e->value, 100.0 * e->lo, 100.0 * e->hi);
}

static void print_report(const struct report *report)
{
    const struct article_stage *stage = report->stage;
    for (size_t i = 0; i < N_WAYS; i++) {
        const struct article_comparison *c = &report->against[i];
        printf("\nmulti-task with %s against binary, %zu users, %zu pair%s of models; 95 %% intervals over users\n",
               TITLES[i], c->n_users, stage->models->n, stage->models->n == 1 ? "" : "s");
        printf("%-18s  %-45s  %-45s  %s\n", "", "volume (a request): binary, multi-task",
               "events a user: binary, multi-task", "propensity: binary, multi-task");
        for (size_t k = 0; k < stage->n_types; k++) {
            printf("%-18s", stage->types[k]);
            print_effect(&c->volume[k]);
            print_effect(&c->per_user[k]);
            print_effect(&c->propensity[k]);
            puts(is_engagement(stage, k) ? "" : "  (no engagement)");
        }
        printf("%-18s", "requests a user");
        print_effect(&c->requests);
        if (i == TUNED) {
            for (size_t part = 0; part < (stage->part != NULL ? ARTICLE_PARTS : 1); part++) {
                printf("\nshares");
                for (size_t k = 0; k < stage->n_types; k++)
                    printf(" %s %.3g", stage->types[k], report->shares[part][k]);
            }
        }
        putchar('\n');
    }
}

static void write_effect(struct json_writer *w, const char *key, const struct article_effect *e)
{
    const struct {
        const char *name;
        double value;
    } VALUES[] = {{"multi", e->a}, {"binary", e->b}, {"effect", e->value}, {"lo", e->lo}, {"hi", e->hi}};
    json_write_key(w, key);
    json_write_object(w);
    for (size_t i = 0; i < sizeof VALUES / sizeof *VALUES; i++) {
        json_write_key(w, VALUES[i].name);
        json_write_number(w, VALUES[i].value);
    }
    json_write_object_end(w);
}

static void write_way(struct json_writer *w, const struct report *report, size_t way)
{
    const struct article_stage *stage = report->stage;
    const struct article_comparison *c = &report->against[way];
    json_write_key(w, WAYS[way]);
    json_write_object(w);
    json_write_key(w, "users");
    json_write_int(w, (int64_t)c->n_users);
    write_effect(w, "requests", &c->requests);
    json_write_key(w, "types");
    json_write_object(w);
    for (size_t k = 0; k < stage->n_types; k++) {
        json_write_key(w, stage->types[k]);
        json_write_object(w);
        json_write_key(w, "engagement");
        json_write_bool(w, is_engagement(stage, k));
        if (way == TUNED) {
            json_write_key(w, "shares");
            json_write_array(w);
            for (size_t part = 0; part < (stage->part != NULL ? ARTICLE_PARTS : 1); part++)
                json_write_number(w, report->shares[part][k]);
            json_write_array_end(w);
        }
        write_effect(w, "volume", &c->volume[k]);
        write_effect(w, "per_user", &c->per_user[k]);
        write_effect(w, "propensity", &c->propensity[k]);
        json_write_object_end(w);
    }
    json_write_object_end(w);
    json_write_object_end(w);
}

static enum status write_report(const struct report *report, struct err *err)
{
    struct buf text = BUF_INIT;
    struct json_writer w;
    json_writer_init(&w, &text);
    json_write_object(&w);
    json_write_key(&w, "pairs");
    json_write_int(&w, (int64_t)report->stage->models->n);
    json_write_key(&w, "replicates");
    json_write_int(&w, options.replicates);
    for (size_t i = 0; i < N_WAYS; i++)
        write_way(&w, report, i);
    json_write_object_end(&w);
    buf_char(&text, '\n');
    enum status s = buf_status(&text, err);
    if (s == STATUS_OK)
        s = file_write_atomic(options.out, text.data, text.length, 0644, err);
    buf_done(&text);
    return s;
}

static enum status use_stage(const struct article_models *models, const struct article_stage *stage, struct err *err)
{
    struct report report = {.stage = stage};
    struct article_way ways[N_WAYS + 1] = {{0}};
    TRY(tune(models, &report, err));
    enum status s = judge(&report, ways, err);
    for (size_t i = 0; i <= N_WAYS; i++)
        article_way_done(&ways[i]);
    if (s == STATUS_OK)
        print_report(&report);
    if (s == STATUS_OK && options.out != NULL)
        s = write_report(&report, err);
    return s;
}

static enum status use_models(const struct article_models *models, int32_t first_day, int32_t last_day, struct err *err)
{
    struct article_stage stage;
    TRY(options.world == NULL
            ? article_log_open(models, options.dataset, first_day, last_day, &stage, err)
            : article_world_open(models, options.world, (uint64_t)options.seed, (int)options.play_days, &stage, err));
    const enum status s = use_stage(models, &stage, err);
    article_stage_close(&stage);
    return s;
}

static int run(int n_operands, char **operands)
{
    (void)n_operands;
    (void)operands;
    struct err err = ERR_INIT;
    struct article_models models = {0};
    int32_t first_day = 0, last_day = 0;
    enum status s = STATUS_OK;
    if (options.multi == NULL || options.binary == NULL || options.dataset == NULL ||
        (options.days == NULL) == (options.world == NULL)) {
        fputs("bench_article: --multi, --binary, --dataset and one of --days and --world are needed\n", stderr);
        return EXIT_USAGE;
    }
    if (options.days != NULL)
        s = day_range(options.days, &first_day, &last_day, &err);
    if (s == STATUS_OK)
        s = article_models_open(options.multi, options.binary, options.dataset, &models, &err);
    if (s == STATUS_OK)
        s = use_models(&models, first_day, last_day, &err);
    article_models_close(&models);
    if (s != STATUS_OK)
        fprintf(stderr, "bench_article: %s\n", err.text);
    return s == STATUS_OK ? EXIT_DONE : EXIT_FAILED;
}

int main(int argc, char **argv)
{
    static const struct opt_command commands[] = {{NULL, "", "multi-task against binary", OPTIONS, 0, 0, run}, {0}};
    return opt_main("bench_article", "a multi-task ranker against a binary one", commands, argc, argv);
}
