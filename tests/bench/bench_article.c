/* bench_article: a multi-task ranker against a binary one, for every engagement type (scripts/reproduce-article).
 *
 *   bench_article --multi A,B,.. --binary A,B,.. --dataset FILE (--days A..B | --world FILE) [--negative HEAD] ..
 *
 * Three ways of ranking the same slates or the same people (article_stage.h): binary; multi-task with plug-in weights,
 * every engagement type worth the same; multi-task with tuned weights.  Tuned are shares of the engagement types, by an
 * evolution strategy that starts at the plug-in and raises the smallest gain in volume over the binary ranker among the
 * types with at least MIN_EVENTS events; on people who take no part in the judgement: of a log each half of the users
 * is judged with what was tuned on the other half, in a world other play seeds are other people.  A negative type
 * (hide) has no weight in any of the ways and is only reported. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/core/file.h"
#include "base/core/mem.h"
#include "base/core/opt.h"
#include "base/json/json_write.h"
#include "ranker/day.h"
#include "tests/lib/article_stage.h"

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

enum { POPULATION = 10, PARENTS = 3, MIN_EVENTS = 100, PARTS = 2 };

static const double FIRST_STEP = 0.6, LAST_STEP = 0.05, MAX_LOG_SHARE = 4.0;

/* People on whom weights are tuned. */
struct rehearsal {
    const struct article_stage *stage;
    size_t n_pairs;
    struct article_way binary;
    uint8_t part; /* of a log: whose gains count */
};

static bool is_engagement(const struct article_stage *stage, size_t k)
{
    return strcmp(stage->types[k], options.negative) != 0;
}

static void shares_of(const struct article_stage *stage, const double *log_shares, double *ret)
{
    for (size_t k = 0; k < stage->n_types; k++)
        ret[k] = is_engagement(stage, k) ? exp(log_shares[k]) : 0.0;
}

static double events_of(const struct article_way *way, size_t k)
{
    double sum = 0.0;
    for (size_t u = 0; u < way->n_users; u++)
        sum += way->events[u * way->n_types + k];
    return sum;
}

/* The smallest gain in volume over the binary ranker. */
static enum status smallest_gain(const struct rehearsal *r, const double *log_shares, double *ret, struct err *err)
{
    const struct article_stage *stage = r->stage;
    struct article_way way;
    double shares[DATASET_MAX_HEADS], gains[DATASET_MAX_HEADS];
    shares_of(stage, log_shares, shares);
    TRY(article_way_new(stage->n_users, stage->n_types, &way, err));
    const enum status s = article_stage_play(stage, r->n_pairs, shares, &way, err);
    article_volumes(&way, &r->binary, stage->part, r->part, gains);
    *ret = HUGE_VAL;
    for (size_t k = 0; k < stage->n_types; k++) {
        if (is_engagement(stage, k) && events_of(&r->binary, k) >= (double)MIN_EVENTS * (double)r->n_pairs)
            *ret = fmin(*ret, gains[k]);
    }
    article_way_done(&way);
    return s;
}

struct candidate {
    double x[DATASET_MAX_HEADS], gain;
};

static int by_gain(const void *left, const void *right)
{
    const struct candidate *a = left, *b = right;
    return (b->gain > a->gain) - (b->gain < a->gain);
}

/* (3/3, 10) evolution strategy from the plug-in on, as in bench_world; the first member is the centre. */
static enum status tune(const struct rehearsal *r, double *centre, struct err *err)
{
    struct candidate tried[POPULATION];
    struct rng rng;
    rng_init(&rng, (uint64_t)options.seed, 78, r->part);
    memset(centre, 0, DATASET_MAX_HEADS * sizeof *centre);
    for (int64_t round = 0; round < options.search; round++) {
        const double step = FIRST_STEP * pow(LAST_STEP / FIRST_STEP, (double)round / (double)options.search);
        for (size_t i = 0; i < POPULATION; i++) {
            for (size_t k = 0; k < DATASET_MAX_HEADS; k++)
                tried[i].x[k] =
                    fmin(fmax(centre[k] + (i > 0 ? step * rng_normal(&rng) : 0.0), -MAX_LOG_SHARE), MAX_LOG_SHARE);
            TRY(smallest_gain(r, tried[i].x, &tried[i].gain, err));
        }
        qsort(tried, POPULATION, sizeof *tried, by_gain);
        for (size_t k = 0; k < DATASET_MAX_HEADS; k++) {
            centre[k] = 0.0;
            for (size_t i = 0; i < PARENTS; i++)
                centre[k] += tried[i].x[k] / PARENTS;
        }
        fprintf(stderr, "generation %lld of %lld: smallest gain %+.2f %%\n", (long long)round + 1,
                (long long)options.search, 100.0 * tried[0].gain);
    }
    return STATUS_OK;
}

static enum status rehearse(const struct article_stage *stage, size_t n_pairs, uint8_t part, double *ret_shares,
                            struct err *err)
{
    struct rehearsal r = {.stage = stage, .n_pairs = n_pairs, .part = part};
    double centre[DATASET_MAX_HEADS];
    TRY(article_way_new(stage->n_users, stage->n_types, &r.binary, err));
    enum status s = article_stage_play(stage, n_pairs, NULL, &r.binary, err);
    if (s == STATUS_OK)
        s = tune(&r, centre, err);
    article_way_done(&r.binary);
    shares_of(stage, centre, ret_shares);
    return s;
}

enum { PLUG_IN, TUNED, N_WAYS };

static const char *const WAYS[N_WAYS] = {"plug_in", "tuned"}, *const TITLES[N_WAYS] = {"plug-in weights",
                                                                                       "tuned weights"};

struct report {
    const struct article_stage *stage;
    double shares[PARTS][DATASET_MAX_HEADS]; /* tuned; of a world both are the same */
    struct article_comparison against[N_WAYS];
};

/* In a world: on other people, one day of one pair. */
static enum status tune_in_world(const struct article_models *models, struct report *report, struct err *err)
{
    struct article_stage other;
    TRY(article_world_open(models, options.world, (uint64_t)options.seed + 1000, 1, &other, err));
    const enum status s = rehearse(&other, 1, 0, report->shares[0], err);
    article_stage_close(&other);
    memcpy(report->shares[1], report->shares[0], sizeof report->shares[0]);
    return s;
}

/* On a log: what was tuned on one part is for the other. */
static enum status tune_on_log(const struct article_stage *stage, struct report *report, struct err *err)
{
    for (uint8_t part = 0; part < PARTS; part++)
        TRY(rehearse(stage, stage->models->n, part, report->shares[1 - part], err));
    return STATUS_OK;
}

/* The users of part 1 of `other` take their place in `way`. */
static void take_part(struct article_way *way, const struct article_way *other, const uint8_t *part)
{
    const size_t n = way->n_types;
    for (size_t u = 0; u < way->n_users; u++) {
        if (part[u] == 0)
            continue;
        memcpy(way->events + u * n, other->events + u * n, n * sizeof *way->events);
        memcpy(way->active + u * n, other->active + u * n, n * sizeof *way->active);
        way->requests[u] = other->requests[u];
        way->came[u] = other->came[u];
    }
}

static enum status play_tuned(const struct report *report, struct article_way *way, struct err *err)
{
    const struct article_stage *stage = report->stage;
    struct article_way other;
    TRY(article_stage_play(stage, stage->models->n, report->shares[0], way, err));
    if (stage->part == NULL)
        return STATUS_OK;
    TRY(article_way_new(stage->n_users, stage->n_types, &other, err));
    const enum status s = article_stage_play(stage, stage->models->n, report->shares[1], &other, err);
    if (s == STATUS_OK)
        take_part(way, &other, stage->part);
    article_way_done(&other);
    return s;
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
    TRY(play_tuned(report, &ways[TUNED], err));
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
            for (size_t part = 0; part < (stage->part != NULL ? PARTS : 1); part++) {
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
            for (size_t part = 0; part < (stage->part != NULL ? PARTS : 1); part++)
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
    TRY(stage->part != NULL ? tune_on_log(stage, &report, err) : tune_in_world(models, &report, err));
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
