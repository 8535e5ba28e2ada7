#include "experiments/traffic/http_pool.h"

#include <pthread.h>

#include "base/core/mem.h"

struct http_pool {
    size_t n_threads;
    struct client **clients; /* n_threads + 1, the last one for the owner */
    const atomic_bool *stop;
};

/* One pool_run(); lives on the caller's stack. */
struct job {
    struct http_pool *pool;
    pool_task *task;
    void *context;
    size_t n;
    atomic_size_t next;
    atomic_bool failed;
    pthread_mutex_t lock; /* status, err */
    enum status status;
    struct err err;
};

struct worker {
    struct job *job;
    struct client *client;
    pthread_t thread;
};

enum status pool_new(const struct client_options *options, size_t n_threads, struct http_pool **ret, struct err *err)
{
    struct http_pool *pool = mem_alloc(1, sizeof *pool);
    if (pool == NULL)
        return err_no_memory(err);
    pool->n_threads = n_threads;
    pool->stop = options->stop;
    pool->clients = mem_alloc(n_threads + 1, sizeof(struct client *));
    enum status s = pool->clients != NULL ? STATUS_OK : err_no_memory(err);
    for (size_t i = 0; s == STATUS_OK && i <= n_threads; i++) {
        struct client_options own = *options;
        own.seed = options->seed + i;
        s = client_new(&own, &pool->clients[i], err);
    }
    if (s != STATUS_OK) {
        pool_free(pool);
        return s;
    }
    *ret = pool;
    return STATUS_OK;
}

void pool_free(struct http_pool *pool)
{
    if (pool == NULL)
        return;
    for (size_t i = 0; pool->clients != NULL && i <= pool->n_threads; i++)
        client_free(pool->clients[i]);
    mem_free(pool->clients);
    mem_free(pool);
}

struct client *pool_client(struct http_pool *pool)
{
    return pool->clients[pool->n_threads];
}

static bool over(const struct job *job)
{
    return atomic_load(&job->failed) || (job->pool->stop != NULL && atomic_load(job->pool->stop));
}

static void *work(void *argument)
{
    struct worker *worker = argument;
    struct job *job = worker->job;
    while (!over(job)) {
        struct err err = ERR_INIT;
        const size_t task = atomic_fetch_add(&job->next, 1);
        if (task >= job->n)
            break;
        const enum status s = job->task(job->context, worker->client, task, &err);
        if (s == STATUS_OK)
            continue;
        (void)pthread_mutex_lock(&job->lock);
        if (job->status == STATUS_OK) {
            job->status = s;
            job->err = err;
        }
        (void)pthread_mutex_unlock(&job->lock);
        atomic_store(&job->failed, true);
    }
    return NULL;
}

enum status pool_run(struct http_pool *pool, size_t n, pool_task *task, void *context, struct err *err)
{
    const size_t n_threads = n < pool->n_threads ? n : pool->n_threads;
    struct job job = {.pool = pool, .task = task, .context = context, .n = n, .lock = PTHREAD_MUTEX_INITIALIZER};
    struct worker *workers = mem_alloc(n_threads, sizeof *workers);
    if (workers == NULL)
        return err_no_memory(err);
    size_t started = 0;
    for (; started < n_threads; started++) {
        workers[started] = (struct worker){.job = &job, .client = pool->clients[started]};
        if (pthread_create(&workers[started].thread, NULL, work, &workers[started]) != 0)
            break; /* fewer threads do the same work */
    }
    if (started == 0 && n > 0)
        job.status = err_set(&job.err, STATUS_NO_MEMORY, "no thread could be started");
    for (size_t i = 0; i < started; i++)
        (void)pthread_join(workers[i].thread, NULL);
    mem_free(workers);
    (void)pthread_mutex_destroy(&job.lock);
    const bool interrupted = pool->stop != NULL && atomic_load(pool->stop);
    if (job.status == STATUS_OK || interrupted)
        return STATUS_OK;
    if (err != NULL)
        *err = job.err;
    return job.status;
}

struct client_counts pool_counts(const struct http_pool *pool)
{
    struct client_counts sum = {0};
    for (size_t i = 0; i <= pool->n_threads; i++) {
        const struct client_counts *c = client_counts(pool->clients[i]);
        sum.calls += c->calls;
        sum.retries += c->retries;
        sum.ranks += c->ranks;
        sum.in_round += c->in_round;
        sum.events += c->events;
        sum.accepted += c->accepted;
        sum.duplicates += c->duplicates;
        sum.late += c->late;
        sum.orphans += c->orphans;
    }
    return sum;
}
