/* http_pool.h - n threads, each with its own connection, working off numbered tasks.
 *
 * pool_run() hands out the tasks 0 .. n - 1 in order to whichever thread is free and returns when all are done: what
 * tasks do must not depend on which thread does them.  The first failure, or the stop flag, keeps further tasks from
 * starting; the failure's line is returned.
 * Thread: a pool belongs to one thread; the task function runs on many at once, each with its own client. */
#ifndef TRIMTAB_EXPERIMENTS_TRAFFIC_HTTP_POOL_H
#define TRIMTAB_EXPERIMENTS_TRAFFIC_HTTP_POOL_H

#include "experiments/traffic/client.h"

struct http_pool;

typedef enum status pool_task(void *context, struct client *client, size_t task, struct err *err);

enum { POOL_MAX_THREADS = 512 };

MUST_CHECK enum status pool_new(const struct client_options *options, size_t n_threads, struct http_pool **ret,
                                struct err *err);
/* NULL is fine. */
void pool_free(struct http_pool *pool);
/* The client of the calling thread, for calls between runs. */
struct client *pool_client(struct http_pool *pool);
/* STATUS_OK with fewer than n tasks done when the stop flag was raised. */
MUST_CHECK enum status pool_run(struct http_pool *pool, size_t n, pool_task *task, void *context, struct err *err);
/* Summed over all clients; call between runs. */
struct client_counts pool_counts(const struct http_pool *pool);

#endif
