#include "experiments/http/preview_sample.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/core/mem.h"
#include "base/core/rng.h"
#include "experiments/http/rank_request.h"

struct preview_sample {
    struct preview_sample *next;
    char name[PLAN_NAME_SIZE];
    size_t n_heads;
    char heads[PLAN_MAX_HEADS][PLAN_NAME_SIZE];
    uint8_t column[PLAN_MAX_HEADS];
    struct rng rng;
    uint32_t stride;           /* of blocks that begin from now on */
    uint32_t block, at, taken; /* of the one that has begun: its length, its next request, the one to take */
    size_t bytes, n, oldest;   /* a ring */
    struct preview_request *requests[PREVIEW_MAX_REQUESTS];
};

void preview_samples_init(struct preview_samples *samples)
{
    *samples = (struct preview_samples){.first = NULL};
    pthread_mutex_init(&samples->mutex, NULL);
}

static void request_release(struct preview_request *request)
{
    if (atomic_fetch_sub(&request->references, 1) == 1)
        mem_free(request);
}

static size_t size_of(const struct preview_sample *sample, const struct preview_request *request)
{
    return request->n * sample->n_heads * sizeof *request->p;
}

static struct preview_request **slot(struct preview_sample *sample, size_t i)
{
    return &sample->requests[(sample->oldest + i) % PREVIEW_MAX_REQUESTS];
}

static void drop_oldest(struct preview_sample *sample)
{
    struct preview_request *oldest = *slot(sample, 0);
    sample->bytes -= size_of(sample, oldest);
    sample->oldest = (sample->oldest + 1) % PREVIEW_MAX_REQUESTS;
    sample->n--;
    request_release(oldest);
}

static void empty(struct preview_sample *sample)
{
    while (sample->n > 0)
        drop_oldest(sample);
    sample->oldest = 0;
    sample->stride = 1;
    sample->at = sample->block = 0;
}

void preview_samples_done(struct preview_samples *samples)
{
    while (samples->first) {
        struct preview_sample *sample = samples->first;
        samples->first = sample->next;
        empty(sample);
        mem_free(sample);
    }
    pthread_mutex_destroy(&samples->mutex);
}

uint64_t preview_era(const struct preview_samples *samples)
{
    return atomic_load(&samples->era);
}

void preview_forget(struct preview_samples *samples)
{
    pthread_mutex_lock(&samples->mutex);
    atomic_fetch_add(&samples->era, 1);
    for (struct preview_sample *sample = samples->first; sample; sample = sample->next)
        empty(sample);
    pthread_mutex_unlock(&samples->mutex);
}

/* One of every two neighbours stays; an odd one at the old end leaves. */
static void thin(struct preview_sample *sample)
{
    if (sample->n % 2 == 1)
        drop_oldest(sample);
    for (size_t i = 0; i < sample->n / 2; i++) {
        const size_t stays = rng_below(&sample->rng, 2);
        struct preview_request *gone = *slot(sample, 2 * i + 1 - stays);
        *slot(sample, i) = *slot(sample, 2 * i + stays);
        sample->bytes -= size_of(sample, gone);
        request_release(gone);
    }
    sample->n /= 2;
    sample->stride *= 2;
}

static bool is_full(const struct preview_sample *sample)
{
    return sample->n == PREVIEW_MAX_REQUESTS || sample->bytes > PREVIEW_MAX_BYTES;
}

/* Takes the reference over. */
static void put(struct preview_sample *sample, struct preview_request *request)
{
    if (sample->n == PREVIEW_MAX_REQUESTS)
        drop_oldest(sample);
    *slot(sample, sample->n++) = request;
    sample->bytes += size_of(sample, request);
    while (is_full(sample) && sample->stride < PREVIEW_MAX_STRIDE)
        thin(sample);
    while (sample->bytes > PREVIEW_MAX_BYTES)
        drop_oldest(sample);
}

/* The heads of an experiment never change; but one whose creation was undone can be made again with others. */
static bool is_of(const struct preview_sample *sample, const struct view *view)
{
    bool same = sample->n_heads == view->n_heads;
    for (size_t h = 0; h < view->n_heads && same; h++)
        same = strcmp(sample->heads[h], view->heads[h]) == 0;
    return same;
}

static struct preview_sample *find(struct preview_samples *samples, const struct view *view)
{
    struct preview_sample *sample = samples->first;
    while (sample && strcmp(sample->name, view->name) != 0)
        sample = sample->next;
    return sample;
}

static struct preview_sample *find_or_make(struct preview_samples *samples, const struct view *view)
{
    struct preview_sample *sample = find(samples, view);
    if (sample && is_of(sample, view))
        return sample;
    if (!sample) {
        sample = mem_alloc(1, sizeof *sample);
        if (!sample)
            return NULL;
        memcpy(sample->name, view->name, sizeof sample->name);
        rng_init(&sample->rng, rng_hash_text(view->name), 0, 0);
        sample->next = samples->first;
        samples->first = sample;
    }
    empty(sample);
    sample->n_heads = view->n_heads;
    memcpy(sample->heads, view->heads, sizeof sample->heads);
    return sample;
}

/* The next request of the block, or the first of another; whether it is the one to take. */
static bool step(struct preview_sample *sample)
{
    if (sample->at == sample->block) {
        sample->at = 0;
        sample->block = sample->stride;
        sample->taken = (uint32_t)rng_below(&sample->rng, sample->block);
    }
    return sample->at++ == sample->taken;
}

/* Counts the request; whether it is to be taken. */
static bool choose(struct preview_samples *samples, uint64_t era, const struct view *view)
{
    pthread_mutex_lock(&samples->mutex);
    struct preview_sample *sample = era == samples->era ? find_or_make(samples, view) : NULL;
    const bool chosen = sample && step(sample);
    pthread_mutex_unlock(&samples->mutex);
    return chosen;
}

struct place {
    const char *id;
    size_t index;
};

static int compare_ids(const void *a, const void *b)
{
    return strcmp(((const struct place *)a)->id, ((const struct place *)b)->id);
}

/* The heads of the experiment in the model, ascending: utilities are summed in that order. */
static void find_columns(const struct view *view, const struct scorer *scorer, size_t at[PLAN_MAX_HEADS],
                         uint8_t column[PLAN_MAX_HEADS])
{
    size_t head[PLAN_MAX_HEADS] = {0};
    for (size_t h = 0; h < view->n_heads; h++)
        (void)scorer_find_head(scorer, view->heads[h], &head[h]);
    for (size_t h = 0; h < view->n_heads; h++) {
        size_t before = 0;
        for (size_t i = 0; i < view->n_heads; i++)
            before += head[i] < head[h];
        column[h] = (uint8_t)before;
        at[before] = head[h];
    }
}

static bool copy(const struct rank_scores *scores, size_t n, const struct place *places, size_t n_heads,
                 const size_t *at, float *ret)
{
    bool finite = true;
    for (size_t i = 0; i < n; i++) {
        const float *p = scores->p + places[i].index * scores->n_heads;
        for (size_t c = 0; c < n_heads; c++) {
            finite = finite && isfinite(p[at[c]]);
            *ret++ = p[at[c]];
        }
    }
    return finite;
}

static struct preview_request *request_new(const struct rank_request *in, const struct rank_scores *scores,
                                           size_t n_heads, const size_t *at)
{
    struct place *places = mem_alloc(in->n, sizeof *places);
    struct preview_request *request = mem_alloc(1, sizeof *request + in->n * n_heads * sizeof *request->p);
    bool finite = false;
    if (places && request) {
        for (size_t i = 0; i < in->n; i++)
            places[i] = (struct place){in->items[i], i};
        qsort(places, in->n, sizeof *places, compare_ids);
        atomic_init(&request->references, 1);
        request->n = (uint32_t)in->n;
        request->k = (uint32_t)in->k;
        finite = copy(scores, in->n, places, n_heads, at, request->p);
    }
    mem_free(places);
    if (finite)
        return request;
    mem_free(request);
    return NULL;
}

void preview_offer(struct preview_samples *samples, uint64_t era, const struct view *view, const struct scorer *scorer,
                   const struct rank_request *in, const struct rank_scores *scores)
{
    size_t at[PLAN_MAX_HEADS];
    uint8_t column[PLAN_MAX_HEADS] = {0};
    if (in->n <= in->k || !choose(samples, era, view))
        return;
    find_columns(view, scorer, at, column);
    struct preview_request *request = request_new(in, scores, view->n_heads, at);
    if (!request)
        return;
    pthread_mutex_lock(&samples->mutex);
    struct preview_sample *sample = era == samples->era ? find(samples, view) : NULL;
    if (sample && is_of(sample, view)) {
        memcpy(sample->column, column, sizeof column);
        put(sample, request);
    } else {
        request_release(request);
    }
    pthread_mutex_unlock(&samples->mutex);
}

void preview_snapshot_take(struct preview_samples *samples, const struct view *view, struct preview_snapshot *ret)
{
    ret->n_heads = view->n_heads;
    ret->n = 0;
    pthread_mutex_lock(&samples->mutex);
    struct preview_sample *sample = find(samples, view);
    if (sample && is_of(sample, view)) {
        memcpy(ret->column, sample->column, sizeof ret->column);
        for (; ret->n < sample->n; ret->n++) {
            ret->requests[ret->n] = *slot(sample, ret->n);
            atomic_fetch_add(&ret->requests[ret->n]->references, 1);
        }
    }
    pthread_mutex_unlock(&samples->mutex);
}

void preview_snapshot_done(struct preview_snapshot *snapshot)
{
    while (snapshot->n > 0)
        request_release(snapshot->requests[--snapshot->n]);
}
