/* internal.h - what the files of the server share; nobody else includes it.
 *
 *   httpd.c    start, stop, reload           listen.c   the listening socket
 *   server.c   MHD's daemons: the current one and, after a reload of the certificate, the ones that still serve the
 *              connections that were made before it
 *   request.c  from MHD's callbacks to the handler and back (the states of a request)
 *   framing.c  where a request ends, if it is clear
 *   reply.c    the answer                    stream.c   answers without an end
 *   watch.c    the thread that drops slow clients and pulls streams when they are due
 *
 * Locks: one mutex guards everything marked [m].  MHD_suspend_connection and MHD_resume_connection are called with it
 * held (mutex, then MHD's own), which is what makes httpd_finish() safe before the handler has returned; handlers,
 * pull() and done() are called without it.
 * `busy` counts requests between the start of the handler and the queued reply: while it is not zero a connection may
 * be suspended, and MHD aborts the process when it is stopped then. */
#ifndef TRIMTAB_BASE_HTTPD_INTERNAL_H
#define TRIMTAB_BASE_HTTPD_INTERNAL_H

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/httpd/httpd.h"
#include "base/httpd/route.h"
#include "base/httpd/tokens.h"

enum {
    HTTPD_HEADERS_MAX = 8,
    HTTPD_SERVERS_MAX = 8,
    HTTPD_IDLE_MS = 30000,     /* a kept-alive connection without a request, a client that does not read */
    HTTPD_HURRY_MS = 500,      /* how long httpd_stop lets requests arrive */
    HTTPD_TICK_MS = 250,       /* the watch thread looks at least this often */
    HTTPD_SILENCE_MS = 15000,  /* of an event stream before a comment line */
    HTTPD_DRAIN_MAX = 4 << 20, /* a refused body up to this is read and dropped, so that the client sees the answer */
};

/* One TCP connection. */
struct connection {
    struct connection *next, **link; /* [m] */
    int fd;
    _Atomic int64_t expires_ns; /* dropped then; INT64_MAX while the server has the turn */
};

struct server {
    struct MHD_Daemon *mhd;
    char *cert, *key; /* the PEM texts, which mhd borrows; NULL: plain HTTP */
};

enum deferral { DEFERRAL_NONE, DEFERRAL_ASKED, DEFERRAL_SUSPENDED, DEFERRAL_FINISHED };

struct httpd_request {
    struct httpd *httpd;
    struct MHD_Connection *mhd;
    struct connection *connection;
    char *line; /* the raw target of the request line */
    const char *method;
    char id[HTTPD_ID_MAX + 1];
    int64_t began_ns;
    struct route_target target;
    struct route_match match;
    char scopes[SCOPES_MAX];
    bool open; /* no tokens are configured: everyone has every scope */
    bool begun, complete, busy /* [m] */;
    bool last;          /* of its connection: where the next one begins is not clear */
    struct err refusal; /* status not OK: the answer is known before the body is read */
    size_t dropped;     /* bytes of a refused body */
    struct buf body;

    struct buf reply;
    int code;                                     /* 0: by status */
    const char *type;                             /* static */
    struct route_pair headers[HTTPD_HEADERS_MAX]; /* owned copies: "name\0value" in one block at .name */
    size_t n_headers;

    enum deferral deferral; /* [m] */
    struct err outcome;     /* of httpd_finish */

    struct httpd_stream stream;
    bool streaming;
    struct httpd_request *next, **link; /* [m] list of streams */
    bool asleep, woken, gone;           /* [m] connection suspended; pull again; the client closed */
    bool over;                          /* pull returned false */
    struct buf chunk;
    size_t chunk_sent;
    _Atomic int64_t pulled_ns, sent_ns;
};

struct httpd {
    struct httpd_options options; /* texts owned */
    unsigned max_streams;
    int64_t deadline_ns;
    int listen_fd;
    int port;
    pthread_mutex_t handing;                  /* a connection to a server; inside it mutex may be taken */
    struct server servers[HTTPD_SERVERS_MAX]; /* [handing]; the last gets the new connections */
    size_t n_servers;                         /* [handing] */
    pthread_t accept;

    pthread_mutex_t mutex;
    pthread_cond_t settled; /* busy or in_flight fell */
    pthread_cond_t tick;    /* the watch thread has something new to look at */
    pthread_cond_t room;    /* a connection was closed, or closing began */
    pthread_t watch;
    struct tokens *tokens;          /* [m] NULL: open */
    struct connection *connections; /* [m] */
    unsigned n_connections;         /* [m] that MHD said it began; not all are in the list if memory was short */
    unsigned n_handed;              /* [m] that MHD has yet to begin */
    struct httpd_request *streams;  /* [m] */
    unsigned n_streams;             /* [m] */
    int64_t busy;                   /* [m] */
    struct httpd_counts counts;     /* [m] */
    uint64_t id_seed;
    _Atomic uint64_t n_ids;
    bool closing;           /* [m] no more connections */
    bool stopping, stopped; /* [m] */
};

/* listen.c: the socket, and which port it got.  loopback_only: refuse any other address. */
MUST_CHECK enum status listen_open(const char *address, bool loopback_only, int *ret_fd, int *ret_port,
                                   struct err *err);

/* server.c: a new current server with the certificate as it is now on disk; on failure the old one goes on. */
MUST_CHECK enum status server_start(struct httpd *httpd, struct err *err);
/* MHD owns fd from here on, also where it refuses it. */
MUST_CHECK bool server_take(struct httpd *httpd, int fd, const struct sockaddr *address, socklen_t length);
/* All of them; nothing may be suspended. */
void server_stop_all(struct httpd *httpd);

/* accept.c: the thread that accepts connections, and its end. */
void *accept_main(void *httpd);
void accept_stop(struct httpd *httpd);

/* origin.c: whether Host names this machine and Origin (NULL: none) is the same place; see httpd.h, "who may". */
bool origin_is_local(const char *host, const char *origin);

/* framing.c: what RFC 9112 tells a server to refuse (3.2, 6.1, 6.3) and MHD does not: heads in which two servers in a
 * row, a proxy and this one, could see different requests. */
MUST_CHECK enum status framing_check(struct MHD_Connection *mhd, struct err *err);

/* request.c: MHD's callbacks. */
void *request_on_line(void *context, const char *target, struct MHD_Connection *mhd);
enum MHD_Result request_on_data(void *context, struct MHD_Connection *mhd, const char *url, const char *method,
                                const char *version, const char *data, size_t *n, void **request);
void request_on_completed(void *context, struct MHD_Connection *mhd, void **request,
                          enum MHD_RequestTerminationCode why);

/* reply.c: queue the answer for s; err's line is the message of a failure. */
enum MHD_Result reply_send(struct httpd_request *request, enum status s, const struct err *err);
void reply_done(struct httpd_request *request);

/* stream.c */
struct MHD_Response *stream_response(struct httpd_request *request);
void stream_done(struct httpd_request *request);
/* [m] held: pull it again. */
void stream_rouse(struct httpd_request *request);

/* watch.c */
void watch_on_connection(void *context, struct MHD_Connection *mhd, void **socket_context,
                         enum MHD_ConnectionNotificationCode what);
void *watch_main(void *httpd);

#endif
