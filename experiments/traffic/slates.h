/* slates.h - a log cut into slates that can be ranked again, and its users split in two.
 *
 * A slate is SLATE_SIZE consecutive exposures of one user, one tab and one day: the tab is a strong confounder (a click
 * is five times as likely in one as in another), so only exposures of the same tab may trade places.  An item that
 * comes again while a slate fills is left out, so its candidates are distinct; an unfinished slate is dropped.
 * Every exposure was chosen by the product's own policy, so a replay measures re-ranking of what was shown, no more.
 *
 * Users are split by a hash of their id, once and for all: SLATE_TUNING of them are for tuning, the others for
 * confirmation only.
 * Thread: immutable once built. */
#ifndef TRIMTAB_EXPERIMENTS_TRAFFIC_SLATES_H
#define TRIMTAB_EXPERIMENTS_TRAFFIC_SLATES_H

#include "ranker/dataset.h"
#include "ranker/ranker.h"

enum { SLATE_SIZE = 5, SLATE_SHOWN = 2, SLATE_MAX_CONTEXT = 16 };

#define SLATE_TUNING 0.6

struct slate {
    uint32_t user; /* of the dataset */
    uint32_t rows[SLATE_SIZE];
};

/* The slates of one user: slates[first .. first + n - 1], by time. */
struct slate_user {
    uint32_t user;
    size_t first, n;
};

struct slates {
    const struct dataset *dataset; /* borrowed */
    struct slate *slates;
    size_t n_slates;
    struct slate_user *tuning, *confirmation; /* ordered by user id's place in the dataset */
    size_t n_tuning, n_confirmation;
};

/* Exposures of the days first_day .. last_day (yyyymmdd, both included).  STATUS_INVALID: none is left in one of the
 * two parts, or the dataset has more context columns than SLATE_MAX_CONTEXT. */
MUST_CHECK enum status slates_init(struct slates *slates, const struct dataset *dataset, int first_day, int last_day,
                                   struct err *err);
void slates_done(struct slates *slates);
/* Which part a user belongs to. */
bool slates_is_tuning(const char *user_id);
/* Item ids of a slate's candidates, in the order they were shown; borrowed. */
void slates_items(const struct slates *slates, const struct slate *slate, const char *ret[SLATE_SIZE]);
/* The context columns of an exposure that have a value, as the ranker takes them; how many.  Texts are borrowed. */
size_t slates_context(const struct dataset *dataset, size_t row, struct ranker_context ret[SLATE_MAX_CONTEXT]);

#endif
