/* traffic_server.h - an experiment API made for testing players: it shows the last k candidates in reverse order,
 * counts what it is asked, and has faults on request.  Thread: set its fields while no player runs. */
#ifndef TRIMTAB_TESTS_LIB_TRAFFIC_SERVER_H
#define TRIMTAB_TESTS_LIB_TRAFFIC_SERVER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/httpd/httpd.h"

enum traffic_fault { FAULT_NONE, FAULT_AWAY, FAULT_NOT_JSON, FAULT_WRONG_ITEM, FAULT_TWICE, FAULT_REFUSED };

struct traffic_server {
    struct httpd *httpd;
    pthread_mutex_t lock;
    enum traffic_fault fault;
    int away_every; /* every n-th call is answered 503; 0: none */
    int64_t calls, ranks, events, now_ms;
    int64_t in_flight, moved_in_flight; /* rank and event calls; seen when the clock moved */
    int64_t ranks_outside;              /* ranks that came while no round was open */
    int64_t open_at_ms, close_at_ms;    /* the round is open in between; 0: for ever */
    const char *purpose;                /* NULL: explore */
    int64_t end_ms;                     /* told as the round's at_ms; 0: none */
    uint64_t event_hash, unit_hash;     /* of the event ids and of the ranks' (unit, user), order-free */
};

/* Listens on a free port of loopback. */
void traffic_server_start(struct traffic_server *server);
void traffic_server_stop(struct traffic_server *server);
/* "http://127.0.0.1:port" */
void traffic_server_url(const struct traffic_server *server, char ret[64]);

#endif
