/* world.h - simulated people, items, and the truth of what people do with what they are shown.
 *
 * docs/worlds.md has the equations.  For user u, item i of category c, tab t, hour and day, head h has the logit
 *
 *   z = intercept_h + taste_h tau_u[c] + quality_h q_i + bait_h b_i + novelty_h v_i + skim_h x_u
 *       + segment_h[s] + tab_h[t] + checker_h chi(s, c, hour / 6) + weekday_h + shift_h + drift_h day
 *
 * before position and satiation (visit.h).  tau (taste), x (skimming), q, b, v are hidden; what a ranker sees is the
 * user's segment and declared interest and three numeric columns that are correlated with q, b and v.
 *
 * Everything is a pure function of (file, play seed, user, day, visit, request): no state is shared between users, so
 * the order in which threads play them changes nothing.  The file's seed fixes the items and the users of the log; the
 * play seed draws the newcomers and everyone's luck, so one trained ranker serves any number of plays.  Two policies
 * that are played with the same seed meet the same people, candidates and luck, which makes differences precise.
 *
 * Users 0 .. log.users - 1 arrived during the log; later ones arrive at users.new_per_day from day 0 on, without end.
 * A newcomer has no history, so the ranker knows only what was declared: requests name the newcomer's "persona", one
 * row of users.csv for each pair of segment and interest.
 * Thread: a world is immutable and may be shared. */
#ifndef TRIMTAB_EXPERIMENTS_WORLD_WORLD_H
#define TRIMTAB_EXPERIMENTS_WORLD_WORLD_H

#include <stdbool.h>

#include "base/core/rng.h"
#include "experiments/world/world_file.h"

enum { WORLD_COLUMNS = 3, WORLD_ID = 96, WORLD_ITEM_ID = 24 };

struct world;

struct world_item {
    int category;
    double quality, bait, novelty; /* hidden, standard normal */
    double column[WORLD_COLUMNS];  /* visible: popularity, loudness, freshness */
};

struct world_user {
    int64_t index;
    int segment, interest;
    double activity; /* exp(activity) is Pareto distributed */
    double skim;     /* hidden trait */
    double taste[WORLD_MAX_CATEGORIES];
    double taste_cumulative[WORLD_MAX_CATEGORIES]; /* of softmax(taste), for drawing candidates */
};

/* Draws the items and finds the intercepts that give the base rates on random candidates: some 10 ms.  *ret is owned
 * by the caller, untouched on failure (STATUS_NO_MEMORY). */
MUST_CHECK enum status world_open(const struct world_params *params, uint64_t play_seed, struct world **ret,
                                  struct err *err);
/* NULL is fine. */
void world_close(struct world *world);

const struct world_params *world_params(const struct world *world);
uint64_t world_play_seed(const struct world *world);
const struct world_item *world_item(const struct world *world, size_t item);
double world_intercept(const struct world *world, size_t head);
const char *world_column_name(size_t column);

void world_user(const struct world *world, int64_t index, struct world_user *ret);
/* Only the activity of that user, an eighth of the work. */
double world_user_activity(const struct world *world, int64_t index);
/* The day user `index` shows up first; negative for users of the log. */
int world_user_arrival(const struct world *world, int64_t index);
/* The first user who arrives on `day` (day >= 0), which is also how many there are before. */
int64_t world_first_user(const struct world *world, int day);

/* Texts of ids; ret holds WORLD_ID bytes, for items WORLD_ITEM_ID. */
void world_unit_id(const struct world_user *user, char *ret);
/* The row of users.csv that describes this user to a ranker. */
void world_model_user(const struct world *world, const struct world_user *user, char *ret);
void world_item_id(size_t item, char *ret);
/* False: no such item. */
bool world_item_find(const struct world *world, const char *id, size_t *ret_item);

/* The logits z_h of the header for every head; ret [n_heads]. */
void world_logits(const struct world *world, const struct world_user *user, size_t item, int tab, int hour, int day,
                  double *ret);
/* Distinct candidates of one request, drawn from the user's taste and at random; ret [params.candidates]. */
void world_candidates(const struct world *world, const struct world_user *user, struct rng *rng, uint32_t *ret);
/* Midnight UTC at the start of `day`. */
int64_t world_day_ms(const struct world *world, int day);
/* 1 / (1 + exp(-z)). */
double world_sigmoid(double z);
/* The stream for one purpose: a, b any labels. */
void world_rng(const struct world *world, int64_t user, uint64_t a, uint64_t b, struct rng *ret);

#endif
