#include "ranker/workers.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/core/mem.h"

struct workers {
    size_t n_threads; /* started, without the caller */
    pthread_t threads[WORKERS_MAX];
    pthread_mutex_t mutex;
    pthread_cond_t begin, end;
    uint32_t round; /* counts calls of workers_run(); locked by mutex, like the next four */
    bool stop;
    void (*task)(void *context, size_t i);
    void *context;
    size_t n;
    atomic_uint_fast64_t
        next;           /* round, then the number of the next task: whoever comes late takes none of another round */
    atomic_size_t done; /* tasks of this round */
};

static uint64_t ticket(uint32_t round, size_t i)
{
    return (uint64_t)round << 32 | i;
}

/* Takes the next task of the round; false when there is none left. */
static bool take(struct workers *w, uint32_t round, size_t n, size_t *ret)
{
    uint64_t at = atomic_load(&w->next);
    do {
        if (at >> 32 != round || (at & UINT32_MAX) >= n)
            return false;
    } while (!atomic_compare_exchange_weak(&w->next, &at, at + 1));
    *ret = at & UINT32_MAX;
    return true;
}

/* Runs tasks while there are any; the last task done, whoever did it, ends the round. */
static void run_tasks(struct workers *w, uint32_t round, void (*task)(void *context, size_t i), void *context, size_t n)
{
    size_t i = 0;
    while (take(w, round, n, &i)) {
        task(context, i);
        if (atomic_fetch_add(&w->done, 1) + 1 < n)
            continue;
        pthread_mutex_lock(&w->mutex);
        pthread_cond_signal(&w->end);
        pthread_mutex_unlock(&w->mutex);
    }
}

static void *thread_main(void *argument)
{
    struct workers *w = argument;
    uint32_t seen = 0;
    pthread_mutex_lock(&w->mutex);
    for (;;) {
        while (w->round == seen && !w->stop)
            pthread_cond_wait(&w->begin, &w->mutex);
        if (w->stop)
            break;
        seen = w->round;
        void (*task)(void *context, size_t i) = w->task;
        void *context = w->context;
        const size_t n = w->n;
        pthread_mutex_unlock(&w->mutex);
        run_tasks(w, seen, task, context, n);
        pthread_mutex_lock(&w->mutex);
    }
    pthread_mutex_unlock(&w->mutex);
    return NULL;
}

enum status workers_new(size_t threads, struct workers **ret, struct err *err)
{
    assert(threads >= 1 && threads <= WORKERS_MAX);
    struct workers *w = mem_alloc(1, sizeof *w);
    if (w == NULL)
        return err_no_memory(err);
    pthread_mutex_init(&w->mutex, NULL);
    pthread_cond_init(&w->begin, NULL);
    pthread_cond_init(&w->end, NULL);
    while (w->n_threads + 1 < threads) {
        if (pthread_create(&w->threads[w->n_threads], NULL, thread_main, w) != 0) {
            workers_free(w);
            return err_set(err, STATUS_UNAVAILABLE, "cannot start %zu threads", threads);
        }
        w->n_threads++;
    }
    *ret = w;
    return STATUS_OK;
}

void workers_free(struct workers *w)
{
    if (w == NULL)
        return;
    pthread_mutex_lock(&w->mutex);
    w->stop = true;
    pthread_cond_broadcast(&w->begin);
    pthread_mutex_unlock(&w->mutex);
    for (size_t i = 0; i < w->n_threads; i++)
        pthread_join(w->threads[i], NULL);
    pthread_cond_destroy(&w->begin);
    pthread_cond_destroy(&w->end);
    pthread_mutex_destroy(&w->mutex);
    mem_free(w);
}

void workers_run(struct workers *w, size_t n, void (*task)(void *context, size_t i), void *context)
{
    assert(n <= UINT32_MAX);
    pthread_mutex_lock(&w->mutex);
    w->task = task;
    w->context = context;
    w->n = n;
    const uint32_t round = ++w->round;
    atomic_store(&w->done, 0);
    atomic_store(&w->next, ticket(round, 0));
    pthread_cond_broadcast(&w->begin);
    pthread_mutex_unlock(&w->mutex);
    run_tasks(w, round, task, context, n);
    pthread_mutex_lock(&w->mutex);
    while (atomic_load(&w->done) < n)
        pthread_cond_wait(&w->end, &w->mutex);
    pthread_mutex_unlock(&w->mutex);
}
