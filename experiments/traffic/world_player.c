#include "experiments/traffic/world_player.h"

#include <stdio.h>

#include "base/core/mem.h"
#include "experiments/world/population.h"

enum { STEP_HOURS = 3, BATCH = 512, DAY_MS = 86400000, HOUR_MS = 3600000 };

struct tally {
    atomic_int_fast64_t visits, requests, impressions, events[WORLD_MAX_HEADS];
};

struct play {
    struct player *player;
    const struct world *world;
    struct population *population;
    int day;
    const struct visitor *visitors; /* of the batch */
    struct tally tally;
};

/* What a thread needs for one visit; too big for its stack. */
struct desk {
    struct world_visit visit;
    struct world_response response;
    char unit[WORLD_ID], user[WORLD_ID], request_id[WORLD_ID];
    char item_text[WORLD_MAX_CANDIDATES][WORLD_ITEM_ID];
    const char *items[WORLD_MAX_CANDIDATES];
    uint32_t order[WORLD_MAX_SHOW], shown[WORLD_MAX_SHOW];
    struct client_event events[WORLD_MAX_SHOW * WORLD_MAX_HEADS];
};

static enum status rank(struct desk *desk, struct client *client, size_t *ret_n, struct err *err)
{
    const struct world_visit *visit = &desk->visit;
    const struct world_params *p = world_params(visit->world);
    const struct client_context context[] = {{"tab", p->tabs[visit->tab].name, 0.0},
                                             {"hour", NULL, (double)visit->hour}};
    for (size_t i = 0; i < (size_t)p->candidates; i++) {
        world_item_id(visit->candidates[i], desk->item_text[i]);
        desk->items[i] = desk->item_text[i];
    }
    const struct client_rank request = {.request_id = desk->request_id,
                                        .unit = desk->unit,
                                        .user = desk->user,
                                        .context = context,
                                        .n_context = sizeof context / sizeof *context,
                                        .candidates = desk->items,
                                        .n_candidates = (size_t)p->candidates,
                                        .k = (size_t)p->show};
    TRY(client_rank(client, &request, ret_n, desk->order, err));
    for (size_t j = 0; j < *ret_n; j++)
        desk->shown[j] = visit->candidates[desk->order[j]];
    return STATUS_OK;
}

static enum status send_events(struct desk *desk, struct client *client, struct err *err)
{
    const struct world_response *response = &desk->response;
    const struct world_params *p = world_params(desk->visit.world);
    for (size_t e = 0; e < response->n_events; e++) {
        const struct world_event *event = &response->events[e];
        struct client_event *out = &desk->events[e];
        (void)snprintf(out->id, sizeof out->id, "%s.p%d.h%d", desk->request_id, event->position, event->head);
        out->request_id = desk->request_id;
        out->item = desk->items[desk->order[event->position]];
        out->type = p->heads[event->head].name;
        out->position = event->position;
    }
    return client_events(client, response->n_events, desk->events, err);
}

static void count(struct tally *tally, const struct world_response *response, size_t n)
{
    atomic_fetch_add(&tally->requests, 1);
    atomic_fetch_add(&tally->impressions, (int64_t)n);
    for (size_t e = 0; e < response->n_events; e++)
        atomic_fetch_add(&tally->events[response->events[e].head], 1);
}

static enum status play_visit(struct play *play, struct desk *desk, struct client *client, struct err *err)
{
    struct world_visit *visit = &desk->visit;
    world_unit_id(&visit->user, desk->unit);
    world_model_user(play->world, &visit->user, desk->user);
    while (!visit->over && !player_stopped(play->player)) {
        size_t n = 0;
        visit_request_id(visit, desk->request_id);
        TRY(rank(desk, client, &n, err));
        visit_respond(visit, n, desk->shown, &desk->response);
        TRY(send_events(desk, client, err));
        count(&play->tally, &desk->response, n);
    }
    return STATUS_OK;
}

static enum status play_one(void *context, struct client *client, size_t task, struct err *err)
{
    struct play *play = context;
    struct desk *desk = mem_alloc(1, sizeof *desk);
    if (desk == NULL)
        return err_no_memory(err);
    visit_begin(&desk->visit, play->world, play->visitors[task].user, play->day);
    const enum status s = play_visit(play, desk, client, err);
    if (s == STATUS_OK) {
        population_remember(play->population, &desk->visit);
        atomic_fetch_add(&play->tally.visits, 1);
    }
    mem_free(desk);
    return s;
}

/* Whoever comes within one step of hours. */
static size_t batch_size(const struct visitor *visitors, size_t n)
{
    const int step = visitors[0].hour / STEP_HOURS;
    size_t size = 0;
    while (size < n && size < BATCH && visitors[size].hour / STEP_HOURS == step)
        size++;
    return size;
}

/* Waits for a round, moves the clock, and looks again when that took time: the round may have ended by it. */
static enum status begin_step(struct play *play, int hour, bool *ret_go, struct client_round *ret_round,
                              struct err *err)
{
    const int64_t at_ms = world_day_ms(play->world, play->day) + (int64_t)hour * HOUR_MS;
    for (;;) {
        TRY(player_ready(play->player, ret_go, ret_round, err));
        if (!*ret_go || at_ms <= play->player->now_ms)
            return STATUS_OK;
        TRY(player_clock(play->player, at_ms, err));
    }
}

static enum status play_day(struct play *play, bool *ret_go, struct err *err)
{
    const struct visitor *visitors;
    size_t n;
    TRY(population_day(play->population, play->day, &visitors, &n, err));
    while (n > 0) {
        struct client_round round;
        const int hour = visitors[0].hour / STEP_HOURS * STEP_HOURS;
        const size_t size = batch_size(visitors, n);
        TRY(begin_step(play, hour, ret_go, &round, err));
        if (!*ret_go)
            return STATUS_OK;
        play->visitors = visitors;
        TRY(pool_run(play->player->pool, size, play_one, play, err));
        char where[48];
        (void)snprintf(where, sizeof where, "day %d, %02d:00", play->day, hour);
        player_progress(play->player, where, &round);
        visitors += size;
        n -= size;
    }
    return player_clock(play->player, world_day_ms(play->world, play->day + 1), err);
}

static void fill_counts(const struct tally *tally, struct world_play_counts *ret)
{
    ret->visits = atomic_load(&tally->visits);
    ret->requests = atomic_load(&tally->requests);
    ret->impressions = atomic_load(&tally->impressions);
    for (size_t h = 0; h < WORLD_MAX_HEADS; h++)
        ret->events[h] = atomic_load(&tally->events[h]);
}

enum status world_play(struct player *player, const struct world *world, int n_days, struct world_play_counts *ret,
                       struct err *err)
{
    struct play play = {.player = player, .world = world};
    const int64_t since_ms = player->now_ms - world_day_ms(world, 0);
    const int64_t today = since_ms > 0 ? since_ms / DAY_MS : 0;
    if (today > 100000)
        return err_set(err, STATUS_INVALID, "the clock is %lld days after the world's start %d: 100000 are allowed",
                       (long long)today, world_params(world)->start_day);
    TRY(population_new(world, &play.population, err));
    enum status s = STATUS_OK;
    bool go = true;
    for (int d = 0; s == STATUS_OK && go && (n_days <= 0 || d < n_days); d++) {
        play.day = (int)today + d;
        s = play_day(&play, &go, err);
    }
    if (ret != NULL)
        fill_counts(&play.tally, ret);
    population_free(play.population);
    return s;
}
