#include "experiments/world/visit.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* First label of the play streams; the second one holds day, session and request. */
enum stream { STREAM_HOUR = 100, STREAM_SESSION, STREAM_REQUEST, STREAM_LUCK, STREAM_GO_ON, STREAM_AGAIN };

static uint64_t moment(int day, int session, int request)
{
    return ((uint64_t)(uint32_t)day << 32) | ((uint64_t)session << 16) | (uint64_t)request;
}

static double draw(const struct world_visit *visit, enum stream stream)
{
    struct rng rng;
    world_rng(visit->world, visit->user.index, stream, moment(visit->day, visit->session, visit->request), &rng);
    return rng_uniform(&rng);
}

int visit_hour(const struct world *world, int64_t user, int day)
{
    struct rng rng;
    world_rng(world, user, STREAM_HOUR, moment(day, 0, 0), &rng);
    /* A triangle whose peak is at 20 h and whose low is at 8 h. */
    return (int)(12.0 * (rng_uniform(&rng) + rng_uniform(&rng)) + 8.0) % 24;
}

static void prepare_request(struct world_visit *visit)
{
    struct rng rng;
    world_rng(visit->world, visit->user.index, STREAM_REQUEST, moment(visit->day, visit->session, visit->request),
              &rng);
    world_candidates(visit->world, &visit->user, &rng, visit->candidates);
}

static void prepare_session(struct world_visit *visit)
{
    const struct world_params *p = world_params(visit->world);
    struct rng rng;
    world_rng(visit->world, visit->user.index, STREAM_SESSION, moment(visit->day, visit->session, 0), &rng);
    const double u = rng_uniform(&rng);
    visit->tab = 0;
    for (double sum = p->tabs[0].share; u >= sum && visit->tab + 1 < (int)p->n_tabs;)
        sum += p->tabs[++visit->tab].share;
    if (visit->session > 0) {
        visit->hour += 1 + (int)rng_below(&rng, 4);
        visit->hour = visit->hour < 23 ? visit->hour : 23;
    }
    memset(visit->in_session, 0, sizeof visit->in_session);
    visit->request = 0;
    prepare_request(visit);
}

void visit_begin(struct world_visit *visit, const struct world *world, int64_t user, int day)
{
    memset(visit, 0, sizeof *visit);
    visit->world = world;
    visit->day = day;
    world_user(world, user, &visit->user);
    visit->hour = visit_hour(world, user, day);
    prepare_session(visit);
}

/* Luck belongs to (request, item, head), not to the order of the slate: two policies that show the same item meet the
 * same draw. */
static double luck(uint64_t key, uint32_t item, size_t head)
{
    return (double)(rng_mix(key ^ rng_mix((uint64_t)item * WORLD_MAX_HEADS + head)) >> 11) * 0x1p-53;
}

struct slate {
    double same[WORLD_MAX_CATEGORIES]; /* weighted items of the category seen so far */
    int categories;
    double satisfaction; /* sum over events */
    uint64_t key;
};

static void respond_item(const struct world_visit *visit, struct slate *slate, int position, uint32_t item,
                         struct world_response *ret)
{
    const struct world_params *p = world_params(visit->world);
    const int category = world_item(visit->world, item)->category;
    const double place = log(1.0 + position), same = slate->same[category];
    double z[WORLD_MAX_HEADS];
    bool happened[WORLD_MAX_HEADS];
    world_logits(visit->world, &visit->user, item, visit->tab, visit->hour, visit->day, z);
    for (size_t h = 0; h < p->n_heads; h++) {
        const struct world_head *head = &p->heads[h];
        happened[h] = (head->after < 0 || happened[head->after]) &&
                      luck(slate->key, item, h) < world_sigmoid(z[h] - head->position * place - head->satiation * same);
        if (!happened[h])
            continue;
        slate->satisfaction += head->satisfaction + (visit->day > 0 ? head->satisfaction_drift * visit->day : 0.0);
        ret->events[ret->n_events++] = (struct world_event){position, (int)h};
    }
    slate->same[category] += 1.0;
}

static bool goes_on(const struct world_going_on *g, double activity, double satisfaction, int times, double u)
{
    return times < g->max &&
           u < world_sigmoid(g->start + g->activity * activity + g->satisfaction * satisfaction - g->fatigue * times);
}

/* The next request of the session, the first one of another session, or the end. */
static void advance(struct world_visit *visit, double satisfaction)
{
    const struct world_params *p = world_params(visit->world);
    const double activity = visit->user.activity;
    if (goes_on(&p->session, activity, satisfaction, visit->request + 1, draw(visit, STREAM_GO_ON))) {
        visit->request++;
        prepare_request(visit);
        return;
    }
    visit->request = 0;
    if (goes_on(&p->same_day, activity, visit_mean_satisfaction(visit), visit->session + 1,
                draw(visit, STREAM_AGAIN))) {
        visit->session++;
        prepare_session(visit);
        return;
    }
    visit->over = true;
}

void visit_respond(struct world_visit *visit, size_t n, const uint32_t *shown, struct world_response *ret)
{
    const struct world_params *p = world_params(visit->world);
    assert(!visit->over && n <= (size_t)p->show);
    struct slate slate = {.categories = 0};
    struct rng rng;
    world_rng(visit->world, visit->user.index, STREAM_LUCK, moment(visit->day, visit->session, visit->request), &rng);
    slate.key = rng_u64(&rng);
    for (int c = 0; c < p->n_categories; c++)
        slate.same[c] = p->carry * visit->in_session[c];
    ret->n_events = 0;
    for (size_t j = 0; j < n; j++) {
        const int category = world_item(visit->world, shown[j])->category;
        if (slate.same[category] <= p->carry * visit->in_session[category])
            slate.categories++;
        respond_item(visit, &slate, (int)j, shown[j], ret);
    }
    for (size_t j = 0; j < n; j++)
        visit->in_session[world_item(visit->world, shown[j])->category] += 1.0;
    ret->satisfaction = n > 0 ? (slate.satisfaction + p->variety * slate.categories) / (double)n : 0.0;
    visit->satisfaction += ret->satisfaction - p->reference;
    visit->slates++;
    advance(visit, ret->satisfaction - p->reference);
}

void visit_request_id(const struct world_visit *visit, char *ret)
{
    (void)snprintf(ret, WORLD_ID, "w%llu.u%lld.d%d.s%d.r%d", (unsigned long long)world_play_seed(visit->world),
                   (long long)visit->user.index, visit->day, visit->session, visit->request);
}

int visit_weekday(const struct world_visit *visit)
{
    return world_weekday(world_days_from_date(world_params(visit->world)->start_day) + visit->day);
}

double visit_mean_satisfaction(const struct world_visit *visit)
{
    return visit->slates > 0 ? visit->satisfaction / visit->slates : 0.0;
}
