/* experiment_server.h - the whole experiment API inside a test: store, service and HTTP server on a free port, a fake
 * clock, and a client.  The folder under /tmp survives server_kill() so that a test can open it again. */
#ifndef TRIMTAB_TESTS_LIB_EXPERIMENT_SERVER_H
#define TRIMTAB_TESTS_LIB_EXPERIMENT_SERVER_H

#include "base/httpc/httpc.h"
#include "experiments/http/service.h"

struct experiment_server {
    char folder[64];
    struct clock clock;
    struct store *store;
    struct service service;
    struct httpd *httpd;
    struct httpc *client;
};

/* Asserts.  folder "" makes a new one. */
void server_start(struct experiment_server *server, int64_t now_ms);
void server_stop(struct experiment_server *server);
/* Stop and remove the folder. */
void server_remove(struct experiment_server *server);

/* One request; the HTTP status, the body in ret (may be NULL). */
int server_call(struct experiment_server *server, const char *method, const char *path, const char *body,
                struct buf *ret);
/* The same, asserting the status; the answer parsed, freed by the caller. */
struct json *server_json(struct experiment_server *server, const char *method, const char *path, const char *body,
                         int want);
/* The call fails with that status and a message that contains the text. */
void server_refuses(struct experiment_server *server, const char *method, const char *path, const char *body, int want,
                    const char *text);
/* A number or a text by its path, "arms.0.units"; asserts that it is there.  The text is borrowed. */
double answer_number(const struct json *json, const char *path);
const char *answer_text(const struct json *json, const char *path);

#endif
