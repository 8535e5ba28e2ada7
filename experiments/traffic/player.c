#include "experiments/traffic/player.h"

#include <stdio.h>

#include "base/core/clock.h"

enum { POLL_MS = 50, MINUTE_MS = 60000, PROGRESS_MS = 2000 };

static const int64_t NS_PER_MS = 1000000;

enum status player_init(struct player *player, const struct player_options *options, struct err *err)
{
    *player = (struct player){.options = *options};
    TRY(pool_new(&options->client, options->n_threads, &player->pool, err));
    const enum status s = client_clock(pool_client(player->pool), &player->now_ms, err);
    if (s != STATUS_OK) {
        player_done(player);
        return err_wrap(err, s, "read the clock of the experiment API");
    }
    player->begin_ns = player->idle_ns = player->progress_ns = clock_monotonic_ns();
    player->begin_ms = player->now_ms;
    return STATUS_OK;
}

void player_done(struct player *player)
{
    pool_free(player->pool);
    player->pool = NULL;
}

bool player_stopped(const struct player *player)
{
    return player->options.client.stop != NULL && atomic_load(player->options.client.stop);
}

enum status player_clock(struct player *player, int64_t at_ms, struct err *err)
{
    if (at_ms <= player->now_ms)
        return STATUS_OK;
    while (player->options.speed > 0.0 && !player_stopped(player)) {
        const double real_ms = (double)(clock_monotonic_ns() - player->begin_ns) / (double)NS_PER_MS;
        const double left_ms = (double)(at_ms - player->begin_ms) / player->options.speed - real_ms;
        if (left_ms <= 0.0)
            break;
        clock_sleep_ms(left_ms < POLL_MS ? (int64_t)left_ms + 1 : POLL_MS);
    }
    TRY(client_set_clock(pool_client(player->pool), at_ms, err));
    player->now_ms = at_ms;
    return STATUS_OK;
}

enum status player_ready(struct player *player, bool *ret_go, struct client_round *ret_round, struct err *err)
{
    struct client_round round;
    for (;;) {
        *ret_go = false;
        if (player_stopped(player))
            return STATUS_OK;
        TRY(client_round(pool_client(player->pool), &round, err));
        const int64_t now_ns = clock_monotonic_ns();
        if (round.open || round.settling)
            player->idle_ns = now_ns;
        const double idle_s = (double)(now_ns - player->idle_ns) / 1e9;
        if (player->options.until_idle && idle_s > player->options.idle_s)
            return STATUS_OK;
        if (round.open || !player->options.only_in_rounds)
            break;
        TRY(player_clock(player, player->now_ms + MINUTE_MS, err));
        player_progress(player, "waiting for a round", &round);
        clock_sleep_ms(POLL_MS);
    }
    *ret_go = true;
    if (ret_round != NULL)
        *ret_round = round;
    return STATUS_OK;
}

void player_progress(struct player *player, const char *where, const struct client_round *round)
{
    const int64_t now_ns = clock_monotonic_ns();
    const int64_t since_ms = (now_ns - player->progress_ns) / NS_PER_MS;
    if (player->options.quiet || since_ms < PROGRESS_MS)
        return;
    const struct client_counts counts = pool_counts(player->pool);
    char state[80] = "no round";
    if (round->open || round->settling)
        (void)snprintf(state, sizeof state, "round %lld %s%s, %lld units", (long long)round->round, round->purpose,
                       round->settling ? " (settling)" : "", (long long)round->units);
    (void)fprintf(stderr, "traffic: %s; %s; %lld requests, %.0f/s, %lld events, %lld retries\n", where, state,
                  (long long)counts.ranks, (double)(counts.ranks - player->progress_ranks) * 1e3 / (double)since_ms,
                  (long long)counts.accepted, (long long)counts.retries);
    player->progress_ns = now_ns;
    player->progress_ranks = counts.ranks;
}

void player_summary(const struct player *player)
{
    const struct client_counts c = pool_counts(player->pool);
    const double seconds = (double)(clock_monotonic_ns() - player->begin_ns) / 1e9;
    (void)fprintf(stderr,
                  "traffic: %lld requests ranked (%lld in a round) in %.1f s, %.0f/s; %lld events: %lld accepted, "
                  "%lld duplicate, %lld late, %lld orphan; %lld calls, %lld retries\n",
                  (long long)c.ranks, (long long)c.in_round, seconds, (double)c.ranks / (seconds > 0.0 ? seconds : 1.0),
                  (long long)c.events, (long long)c.accepted, (long long)c.duplicates, (long long)c.late,
                  (long long)c.orphans, (long long)c.calls, (long long)c.retries);
}
