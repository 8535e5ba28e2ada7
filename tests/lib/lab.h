/* lab.h - the whole experiment API inside a test: store, service and HTTP server on a free port, a fake
 * clock, and a client.  The folder under /tmp survives lab_stop() so that a test can open it again. */
#ifndef TRIMTAB_TESTS_LIB_LAB_H
#define TRIMTAB_TESTS_LIB_LAB_H

#include "base/httpc/httpc.h"
#include "experiments/http/service.h"

struct lab {
    char folder[64];
    struct clock clock;
    struct store *store;
    struct service service;
    struct httpd *httpd;
    struct httpc *client;
};

/* Asserts.  folder "" makes a new one. */
void lab_start(struct lab *lab, int64_t now_ms);
void lab_stop(struct lab *lab);
/* Stop and remove the folder. */
void lab_remove(struct lab *lab);

/* One request; the HTTP status, the body in ret (may be NULL). */
int lab_call(struct lab *lab, const char *method, const char *path, const char *body, struct buf *ret);
/* The same, asserting the status; the answer parsed, freed by the caller. */
struct json *lab_json(struct lab *lab, const char *method, const char *path, const char *body, int want);
/* The call fails with that status and a message that contains the text. */
void lab_refuses(struct lab *lab, const char *method, const char *path, const char *body, int want, const char *text);
/* A number or a text by its path, "arms.0.units"; asserts that it is there.  The text is borrowed. */
double answer_number(const struct json *json, const char *path);
const char *answer_text(const struct json *json, const char *path);

#endif
