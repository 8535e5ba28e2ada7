/* trimtab-traffic: plays users against the experiment API, simulated ones (--world) or logged ones (--log). */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/core/file.h"
#include "base/core/mem.h"
#include "base/core/opt.h"
#include "base/httpc/httpc.h"
#include "experiments/traffic/export.h"
#include "experiments/traffic/log_player.h"
#include "experiments/traffic/world_player.h"
#include "experiments/traffic/world_verdict.h"
#include "ranker/day.h"

enum { MAX_FILE = 1 << 20, VERDICT_DAYS = 2 };
static const char TUNING[] = "tuning", CONFIRMATION[] = "confirmation"; /* the parts of slates.h */

static struct {
    const char *world, *export_folder;
    const char *log, *dataset, *log_days, *users, *verdict, *model;
    const char *experiments, *experiment, *token_file;
    int64_t seed, threads, days, replicates;
    double speed, idle_s, give_up_s;
    bool until_idle, only_in_rounds, quiet, json;
} options = {
    .log_days = "20220501..20220504", .seed = 1, .threads = 32, .replicates = 2000, .idle_s = 30.0, .give_up_s = 300.0};

static const struct opt OPTIONS[] = {
    {"world", OPT_TEXT, &options.world, "FILE", "simulated users: a world file (docs/worlds.md)", 0, 0},
    {"export", OPT_TEXT, &options.export_folder, "DIR", "write the world's log for trimtab-ranker import generic", 0,
     0},
    {"log", OPT_TEXT, &options.log, "DIR", "logged users: the files of KuaiRand (docs/traffic.md)", 0, 0},
    {"dataset", OPT_TEXT, &options.dataset, "FILE", "the ranker's dataset; with --log it is read instead of DIR", 0, 0},
    {"log-days", OPT_TEXT, &options.log_days, "A..B", "days of the log to play, yyyymmdd", 0, 0},
    {"users", OPT_TEXT, &options.users, "PART", "print the ids of the log's tuning or confirmation users", 0, 0},
    {"verdict", OPT_TEXT, &options.verdict, "FILE", "judge weights: on the log's confirmation users, or in the world",
     0, 0},
    {"model", OPT_TEXT, &options.model, "FILE", "the model that scores for --verdict", 0, 0},
    {"replicates", OPT_INT, &options.replicates, "N", "bootstrap samples of --verdict", 100, 100000},
    {"json", OPT_FLAG, &options.json, NULL, "the verdict as JSON", 0, 0},
    {"experiments", OPT_TEXT, &options.experiments, "URL", "play against this experiment API", 0, 0},
    {"experiment", OPT_TEXT, &options.experiment, "EXP", "the experiment's id", 0, 0},
    {"token-file", OPT_TEXT, &options.token_file, "FILE", "bearer token with scopes serve, events and control", 0, 0},
    {"seed", OPT_INT, &options.seed, "N", "seed of newcomers and of everyone's luck", 0, 9e15},
    {"threads", OPT_INT, &options.threads, "N", "connections that play at once", 1, POOL_MAX_THREADS},
    {"days", OPT_INT, &options.days, "N", "days to play; 0: until idle or stopped (--verdict: 2)", 0, 100000},
    {"speed", OPT_REAL, &options.speed, "X", "simulated seconds per second; 0: as fast as possible", 0, 1e9},
    {"only-in-rounds", OPT_FLAG, &options.only_in_rounds, NULL, "play nobody while no round is open", 0, 0},
    {"until-idle", OPT_FLAG, &options.until_idle, NULL, "stop once no round has been open for --idle-s", 0, 0},
    {"idle-s", OPT_REAL, &options.idle_s, "S", "real seconds without a round that mean idle", 0, 1e6},
    {"give-up-s", OPT_REAL, &options.give_up_s, "S", "real seconds to go on trying while the server is away", 0, 1e6},
    {"quiet", OPT_FLAG, &options.quiet, NULL, "no progress lines", 0, 0},
    OPT_END,
};

/* Raised by SIGINT and SIGTERM; a lock-free atomic may be written by a handler. */
static atomic_bool stop_flag;

static void on_signal(int signal_number)
{
    (void)signal_number;
    atomic_store(&stop_flag, true);
}

static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
}

static enum status read_world(const char *path, struct world_params *ret, struct err *err)
{
    struct buf text = BUF_INIT;
    enum status s = file_read(path, MAX_FILE, &text, err);
    if (s == STATUS_OK) {
        s = world_params_decode(buf_string(&text), text.length, ret, err);
        if (s != STATUS_OK)
            s = err_wrap(err, s, "world file %s", path);
    }
    buf_done(&text);
    return s;
}

static enum status do_export(const struct world_params *params, struct err *err)
{
    struct export_counts counts;
    TRY(export_world(params, options.export_folder, &counts, err));
    printf("%zu impressions, %zu requests, %zu users\n", counts.impressions, counts.requests, counts.users);
    for (size_t h = 0; h < params->n_heads; h++)
        printf("%-12s %8zu  %.4f\n", params->heads[h].name, counts.events[h],
               (double)counts.events[h] / (double)(counts.impressions > 0 ? counts.impressions : 1));
    return STATUS_OK;
}

static struct player_options player_options(void)
{
    return (struct player_options){
        .client = {.base_url = options.experiments,
                   .token_file = options.token_file,
                   .experiment = options.experiment,
                   .give_up_ms = (int64_t)(options.give_up_s * 1e3),
                   .stop = &stop_flag,
                   .seed = (uint64_t)options.seed},
        .n_threads = (size_t)options.threads,
        .only_in_rounds = options.only_in_rounds,
        .until_idle = options.until_idle,
        .idle_s = options.idle_s,
        .speed = options.speed,
        .quiet = options.quiet,
    };
}

static void print_counts(const struct world_params *params, const struct world_play_counts *counts)
{
    printf("{\"visits\":%lld,\"requests\":%lld,\"impressions\":%lld", (long long)counts->visits,
           (long long)counts->requests, (long long)counts->impressions);
    for (size_t h = 0; h < params->n_heads; h++)
        printf(",\"%s\":%lld", params->heads[h].name, (long long)counts->events[h]);
    puts("}");
}

static enum status do_world_play(const struct world_params *params, struct err *err)
{
    const struct player_options how = player_options();
    struct player player;
    struct world *world = NULL;
    struct world_play_counts counts = {0};
    TRY(httpc_init(err));
    TRY(world_open(params, (uint64_t)options.seed, &world, err));
    enum status s = player_init(&player, &how, err);
    if (s == STATUS_OK) {
        s = world_play(&player, world, (int)options.days, &counts, err);
        player_summary(&player);
        print_counts(params, &counts);
        player_done(&player);
    }
    world_close(world);
    return s;
}

static enum status play_slates(const struct slates *slates, struct err *err)
{
    const struct player_options how = player_options();
    struct player player;
    struct log_play_counts counts = {0};
    TRY(httpc_init(err));
    TRY(player_init(&player, &how, err));
    const enum status s = log_play(&player, slates, (uint64_t)options.seed, &counts, err);
    player_summary(&player);
    printf("{\"resampled\":%lld,\"confirmed\":%lld,\"requests\":%lld,\"impressions\":%lld,\"events\":%lld}\n",
           (long long)counts.resampled, (long long)counts.confirmed, (long long)counts.requests,
           (long long)counts.impressions, (long long)counts.events);
    player_done(&player);
    return s;
}

static enum status read_question(const char *const *heads, size_t n_heads, struct verdict_question *ret,
                                 struct err *err)
{
    struct buf text = BUF_INIT;
    enum status s = file_read(options.verdict, MAX_FILE, &text, err);
    if (s == STATUS_OK) {
        s = verdict_question_decode(buf_string(&text), text.length, heads, n_heads, ret, err);
        if (s != STATUS_OK)
            s = err_wrap(err, s, "verdict file %s", options.verdict);
    }
    buf_done(&text);
    return s;
}

static enum status print_text(struct buf *text, struct err *err)
{
    const enum status s = buf_status(text, err);
    if (s == STATUS_OK)
        fputs(buf_string(text), stdout);
    buf_done(text);
    return s;
}

static enum status print_verdict(const struct slates *slates, const struct verdict_question *question, const float *p,
                                 struct err *err)
{
    struct buf text = BUF_INIT;
    struct verdict *verdict = mem_alloc(1, sizeof *verdict);
    if (verdict == NULL)
        return err_no_memory(err);
    enum status s =
        verdict_compute(slates, p, question, (size_t)options.replicates, (uint64_t)options.seed, verdict, err);
    if (s == STATUS_OK) {
        (options.json ? verdict_write_json : verdict_write_text)(verdict, question, slates->dataset, &text);
        s = print_text(&text, err);
    }
    mem_free(verdict);
    return s;
}

static enum status do_verdict(const struct slates *slates, struct err *err)
{
    const char *heads[DATASET_MAX_HEADS];
    struct verdict_question question;
    struct ranker *ranker = NULL;
    float *p = NULL;
    const size_t n_heads = dataset_n_heads(slates->dataset);
    for (size_t h = 0; h < n_heads; h++)
        heads[h] = dataset_head_name(slates->dataset, h);
    TRY(read_question(heads, n_heads, &question, err));
    TRY(ranker_open(options.model, options.dataset, &ranker, err));
    enum status s = verdict_score(slates, ranker, &p, err);
    if (s == STATUS_OK)
        s = print_verdict(slates, &question, p, err);
    mem_free(p);
    ranker_close(ranker);
    return s;
}

static enum status print_world_verdict(struct world_truth *truth, const struct world_params *params,
                                       const struct verdict_question *question, struct err *err)
{
    struct buf text = BUF_INIT;
    struct world_verdict verdict;
    TRY(world_verdict_compute(truth, params, question, &verdict, err));
    (options.json ? world_verdict_write_json : world_verdict_write_text)(&verdict, &text);
    return print_text(&text, err);
}

static enum status do_world_verdict(const struct world_params *params, struct err *err)
{
    const char *heads[WORLD_MAX_HEADS];
    struct verdict_question question;
    struct ranker *ranker = NULL;
    struct world_truth *truth = NULL;
    for (size_t h = 0; h < params->n_heads; h++)
        heads[h] = params->heads[h].name;
    TRY(read_question(heads, params->n_heads, &question, err));
    TRY(ranker_open(options.model, options.dataset, &ranker, err));
    const struct world_truth_span span = {(uint64_t)options.seed, 0,
                                          options.days > 0 ? (int)options.days : VERDICT_DAYS};
    enum status s = world_truth_open(params, ranker, NULL, &span, &truth, err);
    if (s == STATUS_OK)
        s = print_world_verdict(truth, params, &question, err);
    world_truth_close(truth);
    ranker_close(ranker);
    return s;
}

/* Of everybody in the dataset, whether or not slates are cut of them. */
static void print_users(const struct dataset *dataset)
{
    const bool tuning = strcmp(options.users, TUNING) == 0;
    for (size_t u = 0; u < dataset_n_users(dataset); u++) {
        if (slates_is_tuning(dataset_user_id(dataset, u)) == tuning)
            puts(dataset_user_id(dataset, u));
    }
}

static enum status do_log(struct err *err)
{
    int32_t first = 0, last = 0;
    struct dataset *dataset = NULL;
    struct slates slates;
    if (day_range(options.log_days, &first, &last, NULL) != STATUS_OK)
        return err_set(err, STATUS_INVALID, "--log-days is \"%s\": allowed is yyyymmdd or yyyymmdd..yyyymmdd",
                       options.log_days);
    enum status s = options.dataset != NULL ? dataset_read(options.dataset, &dataset, err)
                                            : dataset_import_kuairand(options.log, &dataset, err);
    if (s != STATUS_OK)
        return s;
    if (options.users != NULL)
        print_users(dataset);
    if (options.verdict == NULL && options.experiments == NULL) {
        dataset_free(dataset);
        return STATUS_OK;
    }
    s = slates_init(&slates, dataset, first, last, err);
    if (s == STATUS_OK) {
        if (!options.quiet)
            fprintf(stderr, "traffic: %zu slates of %zu tuning and %zu confirmation users\n", slates.n_slates,
                    slates.n_tuning, slates.n_confirmation);
        if (options.verdict != NULL)
            s = do_verdict(&slates, err);
        if (s == STATUS_OK && options.experiments != NULL)
            s = play_slates(&slates, err);
        slates_done(&slates);
    }
    dataset_free(dataset);
    return s;
}

static enum status do_world(struct err *err)
{
    struct world_params params;
    TRY(read_world(options.world, &params, err));
    if (options.export_folder != NULL)
        TRY(do_export(&params, err));
    if (options.verdict != NULL)
        TRY(do_world_verdict(&params, err));
    if (options.experiments != NULL)
        TRY(do_world_play(&params, err));
    return STATUS_OK;
}

static const char *wrong_usage(void)
{
    if ((options.world != NULL) == (options.log != NULL))
        return "one of --world FILE and --log DIR is needed";
    if (options.log != NULL && options.export_folder != NULL)
        return "--export belongs to --world";
    if (options.users != NULL && options.log == NULL)
        return "--users belongs to --log";
    if (options.users != NULL && strcmp(options.users, TUNING) != 0 && strcmp(options.users, CONFIRMATION) != 0)
        return "--users: tuning or confirmation is expected";
    if (options.verdict != NULL && (options.model == NULL || options.dataset == NULL))
        return "--verdict needs --model FILE and --dataset FILE";
    if (options.experiments != NULL && options.experiment == NULL)
        return "--experiment EXP is missing";
    if (options.experiments == NULL && options.export_folder == NULL && options.verdict == NULL &&
        options.users == NULL)
        return "one of --experiments URL, --verdict FILE, (for a log) --users PART and (for a world) --export DIR is "
               "needed";
    return NULL;
}

static int run(int n_operands, char **operands)
{
    (void)n_operands;
    (void)operands;
    struct err err = ERR_INIT;
    const char *wrong = wrong_usage();
    if (wrong != NULL) {
        fprintf(stderr, "trimtab-traffic: %s\n", wrong);
        return EXIT_USAGE;
    }
    catch_signals();
    const enum status s = options.world != NULL ? do_world(&err) : do_log(&err);
    if (s != STATUS_OK)
        fprintf(stderr, "trimtab-traffic: %s\n", err.text);
    return s == STATUS_OK ? EXIT_DONE : EXIT_FAILED;
}

int main(int argc, char **argv)
{
    static const struct opt_command commands[] = {
        {NULL, "", "plays users against an experiment, or exports a world's log", OPTIONS, 0, 0, run}, {0}};
    return opt_main("trimtab-traffic", "users for the experiment API", commands, argc, argv);
}
