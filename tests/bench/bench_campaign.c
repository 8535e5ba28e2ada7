/* bench_campaign: what tuning wins, by whole campaigns on simulated users whose best weights are known.
 *
 *   bench_campaign [--worlds demo,flat] [--seeds N] [--methods trimtab,sobol,...] [--json FILE] [--picture FILE] ...
 *
 * For every world and seed each method of world_campaign.h plays a whole campaign with the same number of the same
 * people.  The true gain of what it recommends after each round is measured by judges (world_judge.h): plays of other
 * people under these weights and the control's, on the days after the explore rounds.  The share is that gain over the
 * true gain of the weights in worlds/NAME.attainable.json on the same judges.  docs/bench.md explains the table.
 * scripts/bench-campaign builds, trains the rankers and calls this. */
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/blas/blas.h"
#include "base/core/clock.h"
#include "base/core/file.h"
#include "base/core/mem.h"
#include "base/core/opt.h"
#include "base/json/json.h"
#include "tests/lib/campaign_table.h"
#include "tests/lib/world_lab.h"

static struct {
    const char *worlds, *folder, *rankers, *methods, *json, *picture;
    int64_t seeds, first_seed, days_before, rounds, arms, arm_units, judges, judge_users, threads;
    double max_turnover;
} options = {.worlds = "demo,flat",
             .folder = "worlds",
             .rankers = "build/bench",
             .methods = "trimtab,sobol,luckiest,thompson,plug-in",
             .seeds = 20,
             .first_seed = 1,
             .rounds = 8,
             .arms = 8,
             .arm_units = 2500,
             .judges = 1,
             .judge_users = 12000};

static const struct opt OPTIONS[] = {
    {"worlds", OPT_TEXT, &options.worlds, "LIST", "names of worlds", 0, 0},
    {"folder", OPT_TEXT, &options.folder, "DIR", "where the worlds are", 0, 0},
    {"rankers", OPT_TEXT, &options.rankers, "DIR", "folder of NAME/model and NAME/dataset", 0, 0},
    {"methods", OPT_TEXT, &options.methods, "LIST", "trimtab, sobol, luckiest, thompson, plug-in", 0, 0},
    {"seeds", OPT_INT, &options.seeds, "N", "campaigns of each method in each world", 1, 1000},
    {"first-seed", OPT_INT, &options.first_seed, "N", "the first of their seeds", 0, 1e9},
    {"days-before", OPT_INT, &options.days_before, "N", "days of the control's weights before the campaign", 0, 30},
    {"max-turnover", OPT_REAL, &options.max_turnover, "X", "of the campaign file; 0: no cap", 0, 1},
    {"rounds", OPT_INT, &options.rounds, "N", "explore rounds", 1, WORLD_CAMPAIGN_ROUNDS},
    {"arms", OPT_INT, &options.arms, "N", "arms of an explore round beside the control", 3, 32},
    {"arm-units", OPT_INT, &options.arm_units, "N", "new users of an arm in an explore round", 10, 1e6},
    {"judges", OPT_INT, &options.judges, "N", "play seeds that measure a true gain", 1, 100},
    {"judge-users", OPT_INT, &options.judge_users, "N", "new users a day there", 10, 1e6},
    {"threads", OPT_INT, &options.threads, "N", "threads; 0: one a processor", 0, 64},
    {"json", OPT_TEXT, &options.json, "FILE", "every number as JSON", 0, 0},
    {"picture", OPT_TEXT, &options.picture, "FILE", "the shares by round as SVG", 0, 0},
    OPT_END,
};

enum { MAX_WORLDS = 32, MAX_THREADS = 64, JUDGE_SEED = 1000001, DAY_MS = 86400000, BAR = 30 };

/* What one thread holds in one world, made when it takes its first campaign there. */
struct desk {
    struct world_judge *judge;
};

struct bench {
    struct campaign_table table;
    struct campaign_world worlds[MAX_WORLDS];
    /* The world at work. */
    struct world_lab lab;
    struct world_params crowd; /* its parameters with the newcomers that the arms need */
    double best[WORLD_MAX_HEADS];
    size_t world;
    struct desk desks[MAX_THREADS];
    atomic_size_t n_desks;
    pthread_mutex_t lock; /* of the progress and the sums below */
    size_t done;
    bool on_line; /* the progress stands on a line that has not ended */
    int64_t start_ns;
    double requests, play_seconds;
};

static size_t n_threads(void)
{
    const long n = sysconf(_SC_NPROCESSORS_ONLN);
    return options.threads > 0 ? (size_t)options.threads : (size_t)(n < 1 ? 1 : n < MAX_THREADS ? n : MAX_THREADS);
}

static void show_progress(struct bench *bench)
{
    const size_t all = bench->table.n_worlds * bench->table.n_seeds;
    const double seconds = (double)(clock_monotonic_ns() - bench->start_ns) / 1e9;
    const size_t full = bench->done * BAR / all;
    char bar[BAR + 1];
    for (size_t i = 0; i < BAR; i++)
        bar[i] = i < full ? '#' : '.';
    bar[BAR] = '\0';
    fprintf(stderr, "\r[%s] %zu of %zu, %s, %.0f s, about %.0f s to go   ", bar, bench->done, all,
            bench->worlds[bench->world].name, seconds,
            bench->done > 0 ? seconds * (double)(all - bench->done) / (double)bench->done : 0.0);
    bench->on_line = bench->done < all;
    if (!bench->on_line)
        fputc('\n', stderr);
}

/* ---- one campaign */

static int round_days(const struct bench *bench)
{
    return (int)(bench->lab.config.round_end.duration_ms / DAY_MS);
}

static enum status open_judge(const struct bench *bench, struct world_judge **ret, struct err *err)
{
    const struct world_truth_span span = {
        JUDGE_SEED, (int)options.days_before + (int)options.rounds * round_days(bench), round_days(bench)};
    return world_lab_judge(&bench->lab, &span, (size_t)options.judges, ret, err);
}

/* The desk of this thread: one a thread, found again by its number. */
static _Thread_local size_t my_desk;

static enum status find_desk(struct bench *bench, struct desk **ret, struct err *err)
{
    if (my_desk == 0)
        my_desk = atomic_fetch_add(&bench->n_desks, 1) + 1;
    *ret = &bench->desks[my_desk - 1];
    return (*ret)->judge != NULL ? STATUS_OK : open_judge(bench, &(*ret)->judge, err);
}

static enum status judge_cell(const struct bench *bench, struct world_judge *judge, struct campaign_cell *cell,
                              struct err *err)
{
    const size_t size = bench->lab.params.n_heads * sizeof(double);
    struct world_effect effect = {.lift = 0.0};
    cell->is_control = true;
    cell->excess = -HUGE_VAL;
    for (size_t r = 0; r < cell->run.n_rounds; r++) {
        TRY(world_judge_weigh(judge, cell->run.recommended[r], &effect, err));
        cell->gain[r] = effect.lift;
        cell->is_control = memcmp(cell->run.recommended[r], bench->lab.setup.control.weight, size) == 0;
        cell->excess = cell->is_control ? -HUGE_VAL : world_lab_excess(&bench->lab, &effect);
    }
    return STATUS_OK;
}

static enum status play_seed(struct bench *bench, struct campaign_cell *cells, uint64_t seed, struct err *err)
{
    struct world_experiment *experiment = NULL;
    struct world_campaign_run runs[WORLD_METHODS];
    struct campaign_config config = bench->lab.config;
    config.seed = seed;
    config.rounds_max = (size_t)options.rounds;
    config.arms = (size_t)options.arms;
    config.max_turnover = options.max_turnover;
    const int64_t start = clock_monotonic_ns();
    TRY(world_experiment_open(&bench->crowd, bench->lab.ranker, bench->lab.scores, seed, &experiment, err));
    const enum status s =
        world_campaign_play(experiment, &config, (int)options.days_before, bench->table.methods, runs, err);
    double seconds = (double)(clock_monotonic_ns() - start) / 1e9;
    for (int m = 0; s == STATUS_OK && m < WORLD_METHODS; m++) {
        cells[m].run = runs[m];
        seconds -= runs[m].seconds;
    }
    (void)pthread_mutex_lock(&bench->lock);
    bench->requests += (double)world_experiment_requests(experiment);
    bench->play_seconds += seconds;
    (void)pthread_mutex_unlock(&bench->lock);
    world_experiment_close(experiment);
    return s;
}

static enum status work(void *context, size_t i, struct err *err)
{
    struct bench *bench = context;
    struct desk *desk = NULL;
    struct campaign_cell *cells = bench->worlds[bench->world].cells + i * WORLD_METHODS;
    const uint64_t seed = (uint64_t)options.first_seed + i;
    TRY(find_desk(bench, &desk, err));
    enum status s = play_seed(bench, cells, seed, err);
    for (int m = 0; s == STATUS_OK && m < WORLD_METHODS; m++)
        s = judge_cell(bench, desk->judge, &cells[m], err);
    if (s != STATUS_OK)
        return err_wrap(err, s, "world %s, seed %llu", bench->worlds[bench->world].name, (unsigned long long)seed);
    (void)pthread_mutex_lock(&bench->lock);
    bench->done++;
    show_progress(bench);
    (void)pthread_mutex_unlock(&bench->lock);
    return STATUS_OK;
}

/* ---- one world */

/* Weights of worlds/NAME.attainable.json: shares over the ranker's means. */
static enum status decode_best(const struct world_lab *lab, const struct json_at *root, double *ret, struct err *err)
{
    struct json_at shares;
    TRY(json_member(root, "shares", JSON_REQUIRED, &shares, err));
    for (size_t h = 0; h < lab->params.n_heads; h++) {
        size_t column = 0;
        (void)ranker_head_find(lab->ranker, lab->params.heads[h].name, &column); /* world_lab_open found it */
        TRY(json_get_number(&shares, lab->params.heads[h].name, JSON_REQUIRED, -1e6, 1e6, &ret[h], err));
        ret[h] /= ranker_head_mean(lab->ranker, column);
    }
    return STATUS_OK;
}

static enum status read_best(const struct world_lab *lab, const char *name, double *ret, struct err *err)
{
    char path[512];
    struct buf text = BUF_INIT;
    struct json *json = NULL;
    (void)snprintf(path, sizeof path, "%s/%s.attainable.json", options.folder, name);
    enum status s = file_read(path, 1 << 20, &text, err);
    if (s == STATUS_OK)
        s = json_parse(text.data, text.length, NULL, &json, err);
    if (s == STATUS_OK) {
        const struct json_at root = json_root(json);
        s = decode_best(lab, &root, ret, err);
    }
    json_free(json);
    buf_done(&text);
    return s == STATUS_OK ? s : err_wrap(err, s, "%s", path);
}

static enum status measure_world(struct bench *bench, struct campaign_world *world, struct err *err)
{
    struct world_judge *judge = NULL;
    struct world_effect effect = {.lift = 0.0};
    enum status s = open_judge(bench, &judge, err);
    if (s == STATUS_OK)
        s = world_judge_weigh(judge, bench->best, &effect, err);
    if (s == STATUS_OK) {
        world->attainable = effect.lift;
        world->attainable_se = effect.se;
        world->unit_sd = world_judge_unit_sd(judge);
        world->has_guardrails = bench->lab.setup.n_guardrails > 0;
    }
    world_judge_close(judge);
    return s;
}

/* sqrt(K) + K shares of arm_units new users in the days of a round. */
static void gather_crowd(struct bench *bench)
{
    const double k = (double)options.arms;
    bench->crowd = bench->lab.params;
    bench->crowd.new_users_per_day = (int)ceil((double)options.arm_units * (k + sqrt(k)) / (double)round_days(bench));
    bench->lab.params.new_users_per_day = (int)options.judge_users;
}

static enum status play_world(struct bench *bench, struct err *err)
{
    struct campaign_world *world = &bench->worlds[bench->world];
    atomic_store(&bench->n_desks, 0);
    my_desk = 0;
    memset(bench->desks, 0, sizeof bench->desks);
    enum status s = world_lab_open(options.folder, options.rankers, world->name, n_threads(), &bench->lab, err);
    if (s == STATUS_OK)
        s = read_best(&bench->lab, world->name, bench->best, err);
    if (s == STATUS_OK) {
        gather_crowd(bench);
        s = measure_world(bench, world, err);
    }
    if (s == STATUS_OK)
        s = world_lab_parallel(n_threads(), bench->table.n_seeds, work, bench, err);
    for (size_t i = 0; i < MAX_THREADS; i++)
        world_judge_close(bench->desks[i].judge);
    world_lab_close(&bench->lab);
    return s;
}

/* ---- all of them */

static enum status read_methods(bool *ret, struct err *err)
{
    for (const char *at = options.methods; *at != '\0';) {
        const size_t length = strcspn(at, ",");
        enum world_method method;
        if (!world_method_find(at, length, &method))
            return err_set(err, STATUS_INVALID,
                           "--methods: \"%.*s\" is none of trimtab, sobol, luckiest, thompson, "
                           "plug-in",
                           (int)length, at);
        ret[method] = true;
        at += length + (at[length] == ',' ? 1 : 0);
    }
    return STATUS_OK;
}

static enum status read_worlds(struct bench *bench, struct err *err)
{
    const size_t n_cells = (size_t)options.seeds * WORLD_METHODS;
    for (const char *at = options.worlds; *at != '\0';) {
        const size_t length = strcspn(at, ",");
        struct campaign_world *world = &bench->worlds[bench->table.n_worlds];
        if (bench->table.n_worlds == MAX_WORLDS || length == 0 || length >= sizeof world->name)
            return err_set(err, STATUS_INVALID, "--worlds: 1 to %d names are expected", MAX_WORLDS);
        memcpy(world->name, at, length);
        for (size_t i = 0; i < bench->table.n_worlds; i++)
            if (strcmp(bench->worlds[i].name, world->name) == 0)
                return err_set(err, STATUS_INVALID, "--worlds: \"%s\" is named twice", world->name);
        world->cells = mem_alloc(n_cells, sizeof *world->cells);
        if (world->cells == NULL)
            return err_no_memory(err);
        bench->table.n_worlds++;
        at += length + (at[length] == ',' ? 1 : 0);
    }
    return STATUS_OK;
}

static enum status write_file(const struct bench *bench, const char *path,
                              void (*write)(const struct campaign_table *table, struct buf *ret), struct err *err)
{
    struct buf text = BUF_INIT;
    write(&bench->table, &text);
    enum status s = buf_status(&text, err);
    if (s == STATUS_OK && path != NULL)
        s = file_write_atomic(path, text.data, text.length, 0644, err);
    else if (s == STATUS_OK)
        fputs(text.data, stdout);
    buf_done(&text);
    return s;
}

static enum status report(struct bench *bench, struct err *err)
{
    bench->table.seconds = (double)(clock_monotonic_ns() - bench->start_ns) / 1e9;
    bench->table.requests_per_minute = 60.0 * bench->requests / bench->play_seconds;
    TRY(write_file(bench, NULL, campaign_table_text, err)); /* first: a file that fails takes nothing with it */
    if (options.json != NULL)
        TRY(write_file(bench, options.json, campaign_table_json, err));
    return options.picture != NULL ? write_file(bench, options.picture, campaign_table_picture, err) : STATUS_OK;
}

static enum status play(struct bench *bench, struct err *err)
{
    if (options.max_turnover > 0 && options.days_before == 0)
        return err_set(err, STATUS_INVALID,
                       "--max-turnover: requests to rank again are needed, --days-before 1 or more");
    TRY(read_methods(bench->table.methods, err));
    TRY(read_worlds(bench, err));
    if (options.json != NULL)
        TRY(file_check_writable(options.json, err));
    if (options.picture != NULL)
        TRY(file_check_writable(options.picture, err));
    show_progress(bench);
    for (bench->world = 0; bench->world < bench->table.n_worlds; bench->world++)
        TRY(play_world(bench, err));
    return report(bench, err);
}

static struct buf command = BUF_INIT;

static int run(int n_operands, char **operands)
{
    (void)n_operands;
    (void)operands;
    static struct bench bench = {.lock = PTHREAD_MUTEX_INITIALIZER};
    struct err err = ERR_INIT;
    bench.start_ns = clock_monotonic_ns();
    bench.table = (struct campaign_table){.n_seeds = (size_t)options.seeds,
                                          .first_seed = options.first_seed,
                                          .rounds = (size_t)options.rounds,
                                          .arms = (size_t)options.arms,
                                          .command = buf_string(&command),
                                          .worlds = bench.worlds};
    const enum status s = play(&bench, &err);
    if (s != STATUS_OK)
        fprintf(stderr, "%sbench_campaign: %s\n", bench.on_line ? "\n" : "", err.text);
    for (size_t i = 0; i < bench.table.n_worlds; i++)
        mem_free(bench.worlds[i].cells);
    return s == STATUS_OK ? EXIT_DONE : s == STATUS_INVALID ? EXIT_USAGE : EXIT_FAILED;
}

int main(int argc, char **argv)
{
    static const struct opt_command commands[] = {
        {NULL, "", "campaigns in worlds with known truth", OPTIONS, 0, 0, run}, {0}};
    blas_start(argv);
    buf_text(&command, "bench_campaign");
    for (int i = 1; i < argc; i++)
        buf_printf(&command, " %s", argv[i]);
    const int code = opt_main("bench_campaign", "what tuning wins", commands, argc, argv);
    buf_done(&command);
    return code;
}
