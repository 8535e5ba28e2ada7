/* visit.h - one user's day: sessions of requests, and what the user does with each slate.
 *
 *   visit_begin --> request ready --visit_respond--> request ready (same session, or a later one of the day)
 *                                          '-------> over
 *
 * At position j (0 first) of a slate, head h of the item happens with probability
 *   sigmoid(z_h - position_h ln(1 + j) - satiation_h same_j)        if head `after` of it happened, else 0
 * same_j = items of its category earlier in the slate + carry * items of its category in earlier slates of the session.
 * The satisfaction of the slate is
 *   S = (sum over shown items and heads of satisfaction_h y) / shown + variety * categories / shown
 * and the user goes on with probability sigmoid(start + activity a_u + satisfaction (S - reference) - fatigue times),
 * first within the session (times = slates seen in it), then with another session of the same day (S the day's mean,
 * times = sessions).  What is remembered until the next day is population.h's business.
 * Thread: a visit belongs to one thread at a time. */
#ifndef TRIMTAB_EXPERIMENTS_WORLD_VISIT_H
#define TRIMTAB_EXPERIMENTS_WORLD_VISIT_H

#include "experiments/world/world.h"

struct world_visit {
    const struct world *world;
    struct world_user user;
    int day;
    int session, request; /* numbers of the request that is ready; request counts within the session */
    int tab, hour;        /* of the session */
    bool over;
    uint32_t candidates[WORLD_MAX_CANDIDATES];
    double in_session[WORLD_MAX_CATEGORIES]; /* shown in earlier slates */
    double satisfaction;                     /* sum over the day's slates of S - reference */
    int slates;
};

struct world_event {
    int position, head;
};

struct world_response {
    double satisfaction; /* S of this slate */
    size_t n_events;
    struct world_event events[WORLD_MAX_SHOW * WORLD_MAX_HEADS];
};

void visit_begin(struct world_visit *visit, const struct world *world, int64_t user, int day);
/* shown: n item numbers in the order on screen, each one of the candidates, n <= params.show. */
void visit_respond(struct world_visit *visit, size_t n, const uint32_t *shown, struct world_response *ret);
/* The hour of the visit's first session, without beginning it. */
int visit_hour(const struct world *world, int64_t user, int day);
/* "w1.u17.d3.s0.r2": unique for (play seed, user, day, session, request). */
void visit_request_id(const struct world_visit *visit, char *ret);
int visit_weekday(const struct world_visit *visit);
/* The day's mean of S - reference; 0 before the first slate. */
double visit_mean_satisfaction(const struct world_visit *visit);

#endif
