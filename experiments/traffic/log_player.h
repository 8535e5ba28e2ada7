/* log_player.h - logged users over HTTP: their slates are ranked by the arm, and what is shown gets its real labels.
 *
 *   explore round    tuning users, drawn with replacement, each draw under a new unit id; "user" names the logged one.
 *                    Units come until the round ends; UNITS_PER_HOUR of them take an hour of the clock.
 *                    An interval from it is conditional on this log: the same few hundred people come again and again.
 *   any other round  every confirmation user once, under the own id; then the clock moves to the round's end
 *
 * The two best of a slate's five are shown; a shown item whose logged label of a head is 1 gives an event of that type.
 * Draws depend on (seed, number of the draw) only. */
#ifndef TRIMTAB_EXPERIMENTS_TRAFFIC_LOG_PLAYER_H
#define TRIMTAB_EXPERIMENTS_TRAFFIC_LOG_PLAYER_H

#include "experiments/traffic/player.h"
#include "experiments/traffic/slates.h"

struct log_play_counts {
    int64_t resampled, confirmed; /* units */
    int64_t requests, impressions, events;
};

/* Plays until idle (player options) or stopped.  ret may be NULL. */
MUST_CHECK enum status log_play(struct player *player, const struct slates *slates, uint64_t seed,
                                struct log_play_counts *ret, struct err *err);

#endif
