/* player.h - what both players (simulated users, logged users) share: when to play, the clock, progress.
 *
 *   player_ready() --a round is open, or play outside rounds is allowed--> go
 *        |--no round and --only-in-rounds: the clock moves a minute, ask again
 *        '--no round for --idle-s with --until-idle, or the stop flag--> no go
 *
 * The player is the only one who moves the experiment API's fake clock, and moves it only between batches, when every
 * event of the last one is acknowledged.  Its time never runs backwards.
 * Thread: owner only. */
#ifndef TRIMTAB_EXPERIMENTS_TRAFFIC_PLAYER_H
#define TRIMTAB_EXPERIMENTS_TRAFFIC_PLAYER_H

#include "experiments/traffic/http_pool.h"

struct player_options {
    struct client_options client;
    size_t n_threads;
    bool only_in_rounds, until_idle;
    double idle_s;
    double speed; /* simulated seconds per real second; 0: as fast as the answers come */
    bool quiet;   /* no progress lines */
};

struct player {
    struct player_options options;
    struct http_pool *pool;
    int64_t now_ms;               /* of the experiment API */
    int64_t begin_ms, begin_ns;   /* where --speed counts from */
    int64_t idle_ns, progress_ns; /* since when no round is open; last progress line */
    int64_t progress_ranks;
};

/* Connects and reads the clock.  The player is empty on failure. */
MUST_CHECK enum status player_init(struct player *player, const struct player_options *options, struct err *err);
void player_done(struct player *player);
/* Blocks as the picture says.  ret_round may be NULL. */
MUST_CHECK enum status player_ready(struct player *player, bool *ret_go, struct client_round *ret_round,
                                    struct err *err);
/* Move the clock to at_ms, or leave it where it is when it is later already; waits first when --speed says so. */
MUST_CHECK enum status player_clock(struct player *player, int64_t at_ms, struct err *err);
bool player_stopped(const struct player *player);
/* One line on stderr, every two seconds at most. */
void player_progress(struct player *player, const char *where, const struct client_round *round);
/* The last line: what was done, at which rate. */
void player_summary(const struct player *player);

#endif
