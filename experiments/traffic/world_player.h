/* world_player.h - simulated users over HTTP.
 *
 * Day by day: the day's visitors in order of their hour, in steps of a few hours.  Before a step the clock moves to its
 * beginning; within it each thread plays whole visits (rank, respond, events, next request ...).  Steps are cut into
 * batches, and between batches the player asks whether a round is open, so with --only-in-rounds hardly a user is
 * played after a round's end; who is left over is played when the next round opens.  Given the server's answers, what
 * users do does not depend on the number of threads (world.h).
 * The first day is the one the clock is in, or day 0 when the clock is before the world's start. */
#ifndef TRIMTAB_EXPERIMENTS_TRAFFIC_WORLD_PLAYER_H
#define TRIMTAB_EXPERIMENTS_TRAFFIC_WORLD_PLAYER_H

#include "experiments/traffic/player.h"
#include "experiments/world/world.h"

/* Totals of everything played, for comparing with a run in this process. */
struct world_play_counts {
    int64_t visits, requests, impressions, events[WORLD_MAX_HEADS];
};

/* n_days <= 0: until idle or stopped.  ret may be NULL. */
MUST_CHECK enum status world_play(struct player *player, const struct world *world, int n_days,
                                  struct world_play_counts *ret, struct err *err);

#endif
