#include "experiments/traffic/log_player.h"

#include <stdio.h>
#include <string.h>

#include "base/core/clock.h"
#include "base/core/rng.h"

enum {
    BATCH = 256,
    UNITS_PER_HOUR = 1024,
    HOUR_MS = 3600000,
    UNIT_ID = 64,
    LOG_ID = 64,
    STREAM_RESAMPLE = 400,
    MAX_EVENTS = SLATE_SHOWN * DATASET_MAX_HEADS,
};

struct log_tally {
    atomic_int_fast64_t requests, impressions, events;
};

struct log_play {
    struct player *player;
    const struct slates *slates;
    uint64_t seed;
    int64_t round;
    bool explore;
    int64_t first; /* number of the batch's first draw, or of its first confirmation user */
    int64_t next_draw, confirmed;
    int64_t confirmed_round; /* whose confirmation users have all been played; -1: none */
    struct log_tally tally;
};

/* One unit's turn. */
struct log_unit {
    const struct slate_user *user;
    const char *user_id;
    const char *unit;   /* user_id, or draw */
    char draw[UNIT_ID]; /* unit id of a resampled user */
    int64_t number;     /* of the draw or of the confirmation user */
};

static size_t read_context(const struct dataset *dataset, size_t row, struct client_context ret[SLATE_MAX_CONTEXT])
{
    size_t n = 0;
    for (size_t c = 0; c < dataset_n_context(dataset); c++) {
        const bool is_text = dataset_context_is_text(dataset, c);
        const char *text = is_text ? dataset_context_text(dataset, row, c) : NULL;
        const double number = is_text ? 0.0 : dataset_context_number(dataset, row, c);
        if ((is_text && text == NULL) || (!is_text && !(number - number >= 0.0)))
            continue; /* empty, NaN or infinite: the model's default */
        ret[n++] = (struct client_context){dataset_context_name(dataset, c), text, number};
    }
    return n;
}

static size_t collect_events(const struct log_play *play, const struct slate *slate, const char *request_id,
                             const uint32_t *order, size_t n_shown, struct client_event ret[MAX_EVENTS])
{
    const struct dataset *dataset = play->slates->dataset;
    size_t n = 0;
    for (size_t j = 0; j < n_shown; j++) {
        const struct dataset_row row = dataset_row(dataset, slate->rows[order[j]]);
        for (size_t h = 0; h < dataset_n_heads(dataset); h++) {
            if ((row.labels >> h & 1U) == 0)
                continue;
            struct client_event *event = &ret[n++];
            (void)snprintf(event->id, sizeof event->id, "%s.p%d.h%d", request_id, (int)j, (int)h);
            event->request_id = request_id;
            event->item = dataset_item_id(dataset, row.item);
            event->type = dataset_head_name(dataset, h);
            event->position = (int)j;
        }
    }
    return n;
}

static enum status play_slate(struct log_play *play, const struct log_unit *unit, struct client *client, size_t number,
                              struct err *err)
{
    const struct slate *slate = &play->slates->slates[unit->user->first + number];
    const char *items[SLATE_SIZE];
    struct client_context context[SLATE_MAX_CONTEXT];
    struct client_event events[MAX_EVENTS];
    char request_id[LOG_ID];
    uint32_t order[SLATE_SHOWN];
    size_t n_shown = 0;
    slates_items(play->slates, slate, items);
    (void)snprintf(request_id, sizeof request_id, "l%lld.%c%lld.s%d", (long long)play->round, play->explore ? 'r' : 'c',
                   (long long)unit->number, (int)number);
    const struct client_rank rank = {.request_id = request_id,
                                     .unit = unit->unit,
                                     .user = unit->user_id,
                                     .context = context,
                                     .n_context = read_context(play->slates->dataset, slate->rows[0], context),
                                     .candidates = items,
                                     .n_candidates = SLATE_SIZE,
                                     .k = SLATE_SHOWN};
    TRY(client_rank(client, &rank, &n_shown, order, err));
    const size_t n = collect_events(play, slate, request_id, order, n_shown, events);
    TRY(client_events(client, n, events, err));
    atomic_fetch_add(&play->tally.requests, 1);
    atomic_fetch_add(&play->tally.impressions, (int64_t)n_shown);
    atomic_fetch_add(&play->tally.events, (int64_t)n);
    return STATUS_OK;
}

static void choose_unit(const struct log_play *play, int64_t number, struct log_unit *ret)
{
    const struct slates *slates = play->slates;
    ret->number = number;
    if (play->explore) {
        struct rng rng;
        rng_init(&rng, play->seed, STREAM_RESAMPLE, (uint64_t)number);
        ret->user = &slates->tuning[rng_below(&rng, slates->n_tuning)];
        (void)snprintf(ret->draw, sizeof ret->draw, "r%llu.%lld", (unsigned long long)play->seed, (long long)number);
    } else {
        ret->user = &slates->confirmation[number];
    }
    ret->user_id = dataset_user_id(slates->dataset, ret->user->user);
    ret->unit = play->explore ? ret->draw : ret->user_id;
}

static enum status play_unit(void *context, struct client *client, size_t task, struct err *err)
{
    struct log_play *play = context;
    struct log_unit unit;
    choose_unit(play, play->first + (int64_t)task, &unit);
    for (size_t i = 0; i < unit.user->n && !player_stopped(play->player); i++)
        TRY(play_slate(play, &unit, client, i, err));
    return STATUS_OK;
}

static enum status play_explore(struct log_play *play, struct err *err)
{
    play->explore = true;
    play->first = play->next_draw;
    play->next_draw += BATCH;
    TRY(pool_run(play->player->pool, BATCH, play_unit, play, err));
    return player_clock(play->player, play->player->now_ms + (int64_t)HOUR_MS * BATCH / UNITS_PER_HOUR, err);
}

static enum status play_confirmation(struct log_play *play, const struct client_round *round, struct err *err)
{
    const size_t n = play->slates->n_confirmation;
    play->explore = false;
    play->first = 0;
    TRY(pool_run(play->player->pool, n, play_unit, play, err));
    if (player_stopped(play->player))
        return STATUS_OK;
    play->confirmed += (int64_t)n;
    play->confirmed_round = round->round;
    if (round->end_ms == 0 && !play->player->options.quiet)
        (void)fprintf(stderr,
                      "traffic: all %zu confirmation users have been played once; round %lld has no at_ms, so it "
                      "ends only when it is stopped\n",
                      n, (long long)round->round);
    return player_clock(play->player, round->end_ms, err);
}

static enum status play_round(struct log_play *play, const struct client_round *round, struct err *err)
{
    play->round = round->round;
    if (strcmp(round->purpose, "explore") == 0)
        return play_explore(play, err);
    if (play->confirmed_round != round->round)
        return play_confirmation(play, round, err);
    clock_sleep_ms(50);
    return STATUS_OK;
}

enum status log_play(struct player *player, const struct slates *slates, uint64_t seed, struct log_play_counts *ret,
                     struct err *err)
{
    struct log_play play = {.player = player, .slates = slates, .seed = seed, .confirmed_round = -1};
    struct client_round round;
    bool go = true;
    player->options.only_in_rounds = true; /* without a round there is no telling who is to be played */
    enum status s = STATUS_OK;
    while (s == STATUS_OK && go) {
        s = player_ready(player, &go, &round, err);
        if (s == STATUS_OK && go)
            s = play_round(&play, &round, err);
        if (s == STATUS_OK && go)
            player_progress(player, round.purpose, &round);
    }
    if (ret != NULL)
        *ret = (struct log_play_counts){play.next_draw, play.confirmed, atomic_load(&play.tally.requests),
                                        atomic_load(&play.tally.impressions), atomic_load(&play.tally.events)};
    return s;
}
